/* SPDX-License-Identifier: MIT */
/*
 * The floor: one increment and one decrement of a counter of the thread's own,
 * with plain loads and stores, in the same loop as what is compared with it.
 */
#include "bench/workload.h"

static void plain_begin(struct bench_worker *w)
{
    w->state = bench_alloc(sizeof(uint32_t));
}

static size_t plain_chunk(struct bench_worker *w, size_t n)
{
    uint32_t *count = w->state;

    for (size_t i = 0; i < n; i += BENCH_UNROLL)
        BENCH_8_TIMES({
            BENCH_HIDE(count);
            ++*count;
            BENCH_HIDE(count);
            --*count;
        });
    return n;
}

static void plain_end(struct bench_worker *w)
{
    bench_free(w->state);
}

static const struct bench_impl impls[] = {
    {
        .workload = "pair",
        .baseline = "plain",
        .ops_per_safepoint = 1024,
        .begin = plain_begin,
        .chunk = plain_chunk,
        .end = plain_end,
    },
};

const struct bench_family bench_family_plain = {
    .name = "plain",
    .what = "increments and decrements without any protocol",
    .impls = impls,
    .n_impls = TN_ARRAY_LEN(impls),
};
