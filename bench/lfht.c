/* SPDX-License-Identifier: MIT */
/*
 * liburcu's hash table as a baseline for names: as many keys, hashed alike, with
 * values of the same size in blocks of their own, looked up under QSBR. It has
 * all its buckets from the start and never resizes, which is the best that it
 * can do: growing it took seconds, with single additions of 163 ms.
 */
#include "bench/heap.h"
#include "core/base/rcu.h"
#include "core/base/siphash.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#include <urcu/rculfhash.h>
#pragma GCC diagnostic pop

#include <stdlib.h>

struct entry {
    struct cds_lfht_node node;
    struct bench_key key;
    struct value *value;
};

/* As large as a bytes object of ours with the same content. */
struct value {
    uint64_t header[3];
    char content[BENCH_NAME_VALUE_BYTES];
};

struct lfht {
    struct cds_lfht *table;
    struct tn_siphash_key hash_key;
    uint32_t n_names;
};

static int matches(struct cds_lfht_node *node, const void *key)
{
    const struct entry *entry = TN_CONTAINER_OF(node, struct entry, node);

    return memcmp(&entry->key, key, sizeof(entry->key)) == 0;
}

TN_ALWAYS_INLINE struct entry *find(const struct lfht *lfht, uint32_t number)
{
    struct bench_key key = bench_key_of(number);
    uint64_t hash = tn_siphash(&lfht->hash_key, &key, sizeof(key));
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;

    cds_lfht_lookup(lfht->table, (unsigned long)hash, matches, &key, &iter);
    node = cds_lfht_iter_get_node(&iter);
    if (TN_UNLIKELY(node == NULL))
        bench_die("cds_lfht has lost a key");
    return TN_CONTAINER_OF(node, struct entry, node);
}

static void *must_malloc(size_t bytes)
{
    void *memory = malloc(bytes);

    if (memory == NULL)
        bench_die("no memory");
    return memory;
}

static void add(struct lfht *lfht, uint32_t number)
{
    struct entry *entry = must_malloc(sizeof(*entry));
    uint64_t hash;

    entry->key = bench_key_of(number);
    entry->value = must_malloc(sizeof(*entry->value));
    memset(entry->value, 'v', sizeof(*entry->value));
    memcpy(entry->value->content, &number, sizeof(number));
    cds_lfht_node_init(&entry->node);
    hash = tn_siphash(&lfht->hash_key, &entry->key, sizeof(entry->key));
    cds_lfht_add(lfht->table, (unsigned long)hash, &entry->node);
}

void bench_lfht_setup(struct bench_case *c, struct tn_thread *thread)
{
    struct lfht *lfht = bench_alloc(sizeof(*lfht));
    unsigned long n_buckets = 1;

    (void)thread;
    lfht->n_names = bench_case_n_keys(c, BENCH_NAMES);
    tn_siphash_key_random(&lfht->hash_key);
    while (n_buckets < lfht->n_names)
        n_buckets *= 2;
    lfht->table = cds_lfht_new(n_buckets, n_buckets, n_buckets, 0, NULL);
    if (lfht->table == NULL)
        bench_die("no memory for cds_lfht");
    tn_rcu_register();
    for (uint32_t i = 0; i < lfht->n_names; i++)
        add(lfht, i);
    tn_rcu_unregister();
    c->state = lfht;
}

void bench_lfht_teardown(struct bench_case *c, struct tn_thread *thread)
{
    struct lfht *lfht = c->state;

    (void)thread;
    tn_rcu_register();
    for (uint32_t i = 0; i < lfht->n_names; i++) {
        struct entry *entry = find(lfht, i);

        if (cds_lfht_del(lfht->table, &entry->node) != 0)
            bench_die("cds_lfht refuses to delete a key");
        /* Nobody else is there any more: no grace period is needed. */
        free(entry->value);
        free(entry);
    }
    tn_rcu_unregister();
    if (cds_lfht_destroy(lfht->table, NULL) != 0)
        bench_die("cds_lfht is not empty at the end");
    bench_free(lfht);
}

void bench_lfht_begin(struct bench_worker *w)
{
    (void)w;
    tn_rcu_register();
    tn_rcu_offline();
}

void bench_lfht_end(struct bench_worker *w)
{
    (void)w;
    tn_rcu_unregister();
}

size_t bench_lfht_get_chunk(struct bench_worker *w, size_t n)
{
    const struct lfht *lfht = w->c->state;
    uint64_t sum = 0;

    tn_rcu_online();
    for (size_t i = 0; i < n; i++) {
        const struct entry *entry =
            find(lfht, (uint32_t)bench_random_below(&w->random, lfht->n_names));
        uint64_t first, last;

        memcpy(&first, entry->value->content, sizeof(first));
        memcpy(&last, entry->value->content + BENCH_NAME_VALUE_BYTES - sizeof(last), sizeof(last));
        sum += first ^ last;
    }
    BENCH_USE(sum);
    tn_rcu_offline();
    return n;
}
