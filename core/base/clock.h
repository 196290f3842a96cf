/* SPDX-License-Identifier: MIT */
#ifndef TN_CORE_BASE_CLOCK_H
#define TN_CORE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define TN_NS_PER_US UINT64_C(1000)
#define TN_NS_PER_MS UINT64_C(1000000)
#define TN_NS_PER_S UINT64_C(1000000000)

/* Nanoseconds of a clock that never jumps; its zero means nothing. Any thread. */
static inline uint64_t tn_clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * TN_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* The same, read from the last timer tick: milliseconds coarse, but cheap. */
static inline uint64_t tn_clock_coarse_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * TN_NS_PER_S + (uint64_t)ts.tv_nsec;
}

#endif
