/* SPDX-License-Identifier: MIT */
/* One dict that all workers share. */
#include "bench/heap.h"

#define SETUP_STEP 1024

/* Of a hundred operations in dict-95-5. */
#define SET_PERCENT 5

static struct tn_object *key_new(struct tn_mutator *mu, uint32_t number)
{
    struct bench_key key = bench_key_of(number);
    struct tn_object *o;

    bench_check(tn_str_new(mu, bench_key_slice(&key), &o), "making a key");
    return o;
}

void bench_dict_set(struct tn_mutator *mu, const struct bench_dict *d, uint32_t number,
                    int64_t value)
{
    struct tn_object *key = key_new(mu, number);
    struct tn_object *o;

    /* Small ints are shared and immortal; ours are to be made and to die. */
    bench_check(tn_int_new(mu, value + TN_SMALL_INT_MAX + 1, &o), "making a value");
    bench_check(tn_dict_set(mu, d->dict, &key, &o, NULL), "setting an entry");
}

struct bench_dict *bench_dict_new(struct tn_thread *thread, uint32_t n_entries)
{
    struct tn_mutator *mu = tn_thread_mutator(thread);
    struct bench_dict *d = bench_alloc(sizeof(*d));

    d->n_entries = n_entries;
    d->keys = bench_alloc(n_entries * sizeof(struct tn_object *));
    bench_check(tn_dict_new(mu, n_entries, &d->dict), "making a dict");
    tn_publish(mu, d->dict);
    for (uint32_t i = 0; i < n_entries; i++) {
        mu = tn_thread_mutator(thread);
        bench_dict_set(mu, d, i, i);
        d->keys[i] = key_new(mu, i);
        tn_publish(mu, d->keys[i]);
        if (i % SETUP_STEP == 0)
            (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
    }
    return d;
}

void bench_dict_free(struct bench_dict *d, struct tn_thread *thread)
{
    struct tn_mutator *mu = tn_thread_mutator(thread);

    for (uint32_t i = 0; i < d->n_entries; i++)
        tn_drop(mu, &d->keys[i]);
    tn_drop(mu, &d->dict);
    bench_free(d->keys);
    bench_free(d);
}

void bench_dict_setup(struct bench_case *c, struct tn_thread *thread)
{
    c->state = bench_dict_new(thread, bench_case_n_keys(c, BENCH_DICT_ENTRIES));
}

void bench_dict_teardown(struct bench_case *c, struct tn_thread *thread)
{
    bench_dict_free(c->state, thread);
}

size_t bench_dict_get_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_dict *d = w->c->state;
    struct tn_mutator *mu = w->mu;
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += bench_dict_get(mu, d, (uint32_t)bench_random_below(&w->random, d->n_entries));
    BENCH_USE(sum);
    return n;
}

size_t bench_dict_95_5_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_dict *d = w->c->state;
    struct tn_mutator *mu = w->mu;
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t number = (uint32_t)bench_random_below(&w->random, d->n_entries);

        if (bench_random_below(&w->random, 100) < SET_PERCENT)
            bench_dict_set(mu, d, number, (int64_t)i);
        else
            sum += bench_dict_get(mu, d, number);
    }
    BENCH_USE(sum);
    return n;
}

size_t bench_dict_set_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_dict *d = w->c->state;

    for (size_t i = 0; i < n; i++)
        bench_dict_set(w->mu, d, bench_own_number(w, d->n_entries), (int64_t)i);
    return n;
}

size_t bench_hot_dict_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_dict *d = w->c->state;
    struct tn_mutator *mu = w->mu;
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += bench_dict_get(mu, d, d->n_entries / 2);
    BENCH_USE(sum);
    return n;
}
