/* SPDX-License-Identifier: MIT */
/* Names: a million of them, chosen at random, so that most lookups are cold. */
#include "bench/heap.h"

/* Names bound between two safe points while a world is made. */
#define SETUP_STEP 1024

struct tn_object *bench_value_new(struct tn_mutator *mu, uint64_t number, size_t n_bytes)
{
    char content[512];
    struct tn_object *o;

    TN_ASSERT(n_bytes >= 16 && n_bytes <= sizeof(content));
    memset(content, 'v', n_bytes);
    memcpy(content, &number, sizeof(number));
    bench_check(tn_bytes_new(mu, TN_SLICE(content, n_bytes), &o), "making a value");
    return o;
}

struct bench_names *bench_names_new(struct tn_thread *thread, uint32_t n_names, size_t value_bytes)
{
    struct bench_names *names = bench_alloc(sizeof(*names));

    names->n_names = n_names;
    names->value_bytes = value_bytes;
    bench_check(tn_namespace_open(tn_thread_mutator(thread), TN_SLICE_LITERAL("bench"), &names->ns),
                "opening a namespace");
    for (uint32_t i = 0; i < n_names; i++) {
        bench_names_set(tn_thread_mutator(thread), names, i, i);
        if (i % SETUP_STEP == 0)
            (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
    }
    return names;
}

void bench_names_free(struct bench_names *names, struct tn_thread *thread)
{
    for (uint32_t i = 0; i < names->n_names; i++) {
        struct bench_key key = bench_key_of(i);
        struct tn_name_change change;

        bench_check(tn_name_unbind(tn_thread_mutator(thread), names->ns, bench_key_slice(&key),
                                   NULL, &change),
                    "removing a name");
        if (i % SETUP_STEP == 0)
            (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
    }
    bench_free(names);
}

void bench_names_set(struct tn_mutator *mu, const struct bench_names *names, uint32_t number,
                     uint64_t value)
{
    struct bench_key key = bench_key_of(number);
    struct tn_object *o = bench_value_new(mu, value, names->value_bytes);
    struct tn_name_change change;

    bench_check(tn_name_bind(mu, names->ns, bench_key_slice(&key), &o, NULL, &change),
                "binding a name");
}

void bench_name_setup(struct bench_case *c, struct tn_thread *thread)
{
    c->state = bench_names_new(thread, bench_case_n_keys(c, BENCH_NAMES), BENCH_NAME_VALUE_BYTES);
}

void bench_name_teardown(struct bench_case *c, struct tn_thread *thread)
{
    bench_names_free(c->state, thread);
}

size_t bench_name_get_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_names *names = w->c->state;
    struct tn_mutator *mu = w->mu;
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t number = (uint32_t)bench_random_below(&w->random, names->n_names);

        sum += bench_read_text(bench_names_get(mu, names, number));
    }
    BENCH_USE(sum);
    return n;
}

size_t bench_name_set_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_names *names = w->c->state;

    for (size_t i = 0; i < n; i++)
        bench_names_set(w->mu, names, bench_own_number(w, names->n_names), i);
    return n;
}
