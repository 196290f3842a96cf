/* SPDX-License-Identifier: MIT */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_stats_quantile(const double *samples, size_t n, double q)
{
    double sorted[BENCH_SAMPLES_MAX];
    double position = q * (double)(n - 1);
    size_t below = (size_t)floor(position);
    size_t above = (size_t)ceil(position);

    TN_ASSERT(n > 0 && n <= BENCH_SAMPLES_MAX && q >= 0 && q <= 1);
    memcpy(sorted, samples, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare);
    return sorted[below] + (sorted[above] - sorted[below]) * (position - (double)below);
}

double bench_stats_median(const double *samples, size_t n)
{
    return bench_stats_quantile(samples, n, 0.5);
}

double bench_stats_min(const double *samples, size_t n)
{
    return bench_stats_quantile(samples, n, 0);
}

double bench_stats_max(const double *samples, size_t n)
{
    return bench_stats_quantile(samples, n, 1);
}

double bench_stats_median_ratio(const double *a, const double *b, size_t n)
{
    double ratios[BENCH_SAMPLES_MAX];
    size_t n_ratios = 0;

    TN_ASSERT(n <= BENCH_SAMPLES_MAX);
    for (size_t i = 0; i < n; i++)
        if (b[i] != 0)
            ratios[n_ratios++] = a[i] / b[i];
    return n_ratios > 0 ? bench_stats_median(ratios, n_ratios) : 0;
}
