/* SPDX-License-Identifier: MIT */
/*
 * What the workloads of the family `heap` have in common: keys, and the worlds
 * of names and dicts in which they happen. For bench/heap*.c and bench/lfht.c.
 */
#ifndef TN_BENCH_HEAP_H
#define TN_BENCH_HEAP_H

#include <string.h>

#include "bench/workload.h"

/* ---- Keys ---- */

#define BENCH_KEY_BYTES 16

struct bench_key {
    char text[BENCH_KEY_BYTES];
};

/* The key of a number: a prefix and eight hexadecimal digits, in a few
 * instructions, so that making keys costs next to nothing beside using them. */
TN_ALWAYS_INLINE struct bench_key bench_key_of(uint32_t number)
{
    struct bench_key key;
    uint64_t x = number;

    x = (x << 16 | x) & UINT64_C(0x0000ffff0000ffff);
    x = (x << 8 | x) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x << 4 | x) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    /* Digits above nine are letters: 39 places behind the digits. */
    x += UINT64_C(0x3030303030303030) +
         ((x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101)) * 39;
    memcpy(key.text, "bench-k-", 8);
    memcpy(key.text + 8, &x, 8);
    return key;
}

TN_ALWAYS_INLINE struct tn_slice bench_key_slice(const struct bench_key *key)
{
    return TN_SLICE(key->text, sizeof(key->text));
}

/* Looks at what a text object says: its length, its first and its last bytes. */
TN_ALWAYS_INLINE uint64_t bench_read_text(const struct tn_object *o)
{
    struct tn_slice content = tn_text_slice(o);
    uint64_t first, last;

    memcpy(&first, content.data, sizeof(first));
    memcpy(&last, (const char *)content.data + content.len - sizeof(last), sizeof(last));
    return first ^ last;
}

/* How many keys a case has: what was asked for, or `n_default`. */
static inline uint32_t bench_case_n_keys(const struct bench_case *c, uint32_t n_default)
{
    return c->options->n_keys != 0 ? c->options->n_keys : n_default;
}

/* A bytes object of `n_bytes` (16 at least) that begins with a number. */
struct tn_object *bench_value_new(struct tn_mutator *mu, uint64_t number, size_t n_bytes);

/* ---- A world of names: heap_names.c ---- */

#define BENCH_NAMES 1000000
#define BENCH_NAME_VALUE_BYTES 32

struct bench_names {
    struct tn_namespace *ns;
    uint32_t n_names;
    size_t value_bytes;
};

/* Binds `n_names` names to bytes of `value_bytes`. */
struct bench_names *bench_names_new(struct tn_thread *thread, uint32_t n_names, size_t value_bytes);
void bench_names_free(struct bench_names *names, struct tn_thread *thread);

/* What a name refers to, borrowed; ends the program if it is not bound. */
TN_ALWAYS_INLINE struct tn_object *bench_names_get(struct tn_mutator *mu,
                                                   const struct bench_names *names, uint32_t number)
{
    struct bench_key key = bench_key_of(number);
    struct tn_object *o;

    bench_check(tn_name_lookup(mu, names->ns, bench_key_slice(&key), &o, NULL), "a name");
    return o;
}

/* Binds a name that is bound to a new object. */
void bench_names_set(struct tn_mutator *mu, const struct bench_names *names, uint32_t number,
                     uint64_t value);

/* A number that belongs to one worker alone. */
TN_ALWAYS_INLINE uint32_t bench_own_number(struct bench_worker *w, uint32_t n)
{
    uint32_t n_each = n / w->n_workers;

    return w->index + w->n_workers * (uint32_t)bench_random_below(&w->random, n_each);
}

/* ---- A world of one dict: heap_dict.c ---- */

#define BENCH_DICT_ENTRIES 100000

struct bench_dict {
    struct tn_object *dict; /* str -> int; published */
    /* Keys equal to the dict's, but other objects, as those of a request are. */
    struct tn_object **keys;
    uint32_t n_entries;
};

struct bench_dict *bench_dict_new(struct tn_thread *thread, uint32_t n_entries);
void bench_dict_free(struct bench_dict *d, struct tn_thread *thread);

/* The value of an entry, borrowed; ends the program if there is none. */
TN_ALWAYS_INLINE int64_t bench_dict_get(struct tn_mutator *mu, const struct bench_dict *d,
                                        uint32_t number)
{
    struct tn_object *value;

    bench_check(tn_dict_get(mu, d->dict, d->keys[number], &value), "a key");
    return tn_int_value(value);
}

/* Sets an entry to a new int, with a new key object, as a request does. */
void bench_dict_set(struct tn_mutator *mu, const struct bench_dict *d, uint32_t number,
                    int64_t value);

/* ---- Workloads, for the table in heap.c ---- */

void bench_name_setup(struct bench_case *c, struct tn_thread *thread);
void bench_name_teardown(struct bench_case *c, struct tn_thread *thread);
size_t bench_name_get_chunk(struct bench_worker *w, size_t n);
size_t bench_name_set_chunk(struct bench_worker *w, size_t n);

void bench_dict_setup(struct bench_case *c, struct tn_thread *thread);
void bench_dict_teardown(struct bench_case *c, struct tn_thread *thread);
size_t bench_dict_get_chunk(struct bench_worker *w, size_t n);
size_t bench_dict_95_5_chunk(struct bench_worker *w, size_t n);
size_t bench_dict_set_chunk(struct bench_worker *w, size_t n);
size_t bench_hot_dict_chunk(struct bench_worker *w, size_t n);

void bench_mixed_setup(struct bench_case *c, struct tn_thread *thread);
void bench_mixed_teardown(struct bench_case *c, struct tn_thread *thread);
void bench_mixed_begin(struct bench_worker *w);
size_t bench_mixed_chunk(struct bench_worker *w, size_t n);
void bench_mixed_end(struct bench_worker *w);

void bench_lfht_setup(struct bench_case *c, struct tn_thread *thread);
void bench_lfht_teardown(struct bench_case *c, struct tn_thread *thread);
void bench_lfht_begin(struct bench_worker *w);
size_t bench_lfht_get_chunk(struct bench_worker *w, size_t n);
void bench_lfht_end(struct bench_worker *w);

#endif
