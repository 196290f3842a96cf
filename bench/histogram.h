/* SPDX-License-Identifier: MIT */
/*
 * Histograms of times: log-linear, with HdrHistogram's layout. Each doubling of
 * the value has the same number of equally wide buckets, so a value is known to
 * 1 part in 64 whatever its size, recording costs a few instructions, and
 * histograms of several threads are simply added.
 *
 *   value                 bucket
 *   0 to 127              the value itself
 *   from 2^(6+e)          e * 64 + (value >> e), where value >> e is 64 to 127
 *
 * Threads: one at a time per histogram.
 */
#ifndef TN_BENCH_HISTOGRAM_H
#define TN_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

#define BENCH_HISTOGRAM_SUB_BITS 6
#define BENCH_HISTOGRAM_SUBS (UINT64_C(1) << BENCH_HISTOGRAM_SUB_BITS)
/* The exponent of the largest values, 2^63 and above. */
#define BENCH_HISTOGRAM_EXPONENT_MAX (63 - BENCH_HISTOGRAM_SUB_BITS)
#define BENCH_HISTOGRAM_BUCKETS                                                                    \
    ((size_t)((BENCH_HISTOGRAM_EXPONENT_MAX + 2) * BENCH_HISTOGRAM_SUBS))

/* All zeros is an empty histogram. */
struct bench_histogram {
    uint64_t counts[BENCH_HISTOGRAM_BUCKETS];
    uint64_t n_values;
    uint64_t sum;
    uint64_t max;
};

/* The bucket of a value. */
TN_ALWAYS_INLINE size_t bench_histogram_bucket(uint64_t value)
{
    unsigned int exponent;

    if (value < 2 * BENCH_HISTOGRAM_SUBS)
        return (size_t)value;
    exponent = 63 - BENCH_HISTOGRAM_SUB_BITS - (unsigned int)__builtin_clzll(value);
    return (size_t)(exponent * BENCH_HISTOGRAM_SUBS + (value >> exponent));
}

/* The largest value of a bucket. */
uint64_t bench_histogram_bucket_last(size_t bucket);

TN_ALWAYS_INLINE void bench_histogram_record(struct bench_histogram *histogram, uint64_t value)
{
    histogram->counts[bench_histogram_bucket(value)]++;
    histogram->n_values++;
    histogram->sum += value;
    if (value > histogram->max)
        histogram->max = value;
}

void bench_histogram_clear(struct bench_histogram *histogram);

/* Adds what `from` has recorded. */
void bench_histogram_add(struct bench_histogram *histogram, const struct bench_histogram *from);

/*
 * A value that at least the part `q` (0 to 1) of all values does not exceed: the
 * largest one of its bucket, but no more than the largest value recorded. 0 if
 * nothing was recorded.
 */
uint64_t bench_histogram_quantile(const struct bench_histogram *histogram, double q);

/* The mean, exact; 0 if nothing was recorded. */
double bench_histogram_mean(const struct bench_histogram *histogram);

#endif
