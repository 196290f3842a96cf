/* SPDX-License-Identifier: MIT */
/*
 * Random numbers for choosing keys: xorshift64* (S. Vigna), a few cycles each,
 * seeded so that a run can be repeated and that no two threads or connections
 * share a sequence: shared sequences keep the data in the cache and flatter.
 */
#ifndef TN_BENCH_RANDOM_H
#define TN_BENCH_RANDOM_H

#include <stdint.h>

#include "core/base/attr.h"

struct bench_random {
    uint64_t state; /* never 0 */
};

/* The sequence number `stream` of a seed (splitmix64's finaliser tells them apart). */
static inline struct bench_random bench_random_init(uint64_t seed, uint64_t stream)
{
    uint64_t x = seed + (stream + 1) * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return (struct bench_random){ .state = x != 0 ? x : 1 };
}

TN_ALWAYS_INLINE uint64_t bench_random_next(struct bench_random *random)
{
    uint64_t x = random->state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* A number below `n`, which is at most 2^32; the bias is below n / 2^32. */
TN_ALWAYS_INLINE uint64_t bench_random_below(struct bench_random *random, uint64_t n)
{
    return (bench_random_next(random) >> 32) * n >> 32;
}

#endif
