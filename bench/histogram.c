/* SPDX-License-Identifier: MIT */
#include "bench/histogram.h"

#include <math.h>
#include <string.h>

#include "core/base/check.h"

uint64_t bench_histogram_bucket_last(size_t bucket)
{
    uint64_t exponent;
    uint64_t sub;

    TN_ASSERT(bucket < BENCH_HISTOGRAM_BUCKETS);
    if (bucket < 2 * BENCH_HISTOGRAM_SUBS)
        return bucket;
    exponent = bucket / BENCH_HISTOGRAM_SUBS - 1;
    sub = bucket - exponent * BENCH_HISTOGRAM_SUBS;
    /* Not (sub + 1) << exponent, which is 2^64 for the last one. */
    return (sub << exponent) + ((UINT64_C(1) << exponent) - 1);
}

void bench_histogram_clear(struct bench_histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

void bench_histogram_add(struct bench_histogram *histogram, const struct bench_histogram *from)
{
    for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++)
        histogram->counts[i] += from->counts[i];
    histogram->n_values += from->n_values;
    histogram->sum += from->sum;
    if (from->max > histogram->max)
        histogram->max = from->max;
}

uint64_t bench_histogram_quantile(const struct bench_histogram *histogram, double q)
{
    uint64_t wanted;
    uint64_t n_seen = 0;

    TN_ASSERT(q >= 0 && q <= 1);
    if (histogram->n_values == 0)
        return 0;
    wanted = (uint64_t)ceil(q * (double)histogram->n_values);
    if (wanted == 0)
        wanted = 1;
    for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        n_seen += histogram->counts[i];
        if (n_seen >= wanted) {
            uint64_t last = bench_histogram_bucket_last(i);

            return last < histogram->max ? last : histogram->max;
        }
    }
    return histogram->max;
}

double bench_histogram_mean(const struct bench_histogram *histogram)
{
    if (histogram->n_values == 0)
        return 0;
    return (double)histogram->sum / (double)histogram->n_values;
}
