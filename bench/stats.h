/* SPDX-License-Identifier: MIT */
/*
 * Statistics of a few dozen rounds. Medians, because a shared machine makes
 * outliers in one direction only; and the median of the ratios of each round
 * rather than the ratio of two medians, because drift hits the figures of one
 * round alike.
 *
 * Threads: any; nothing here has a state.
 */
#ifndef TN_BENCH_STATS_H
#define TN_BENCH_STATS_H

#include <stddef.h>

/* The most samples that any function here takes. */
#define BENCH_SAMPLES_MAX 1024

/*
 * The quantile `q` (0 to 1) of `n` samples (1 to BENCH_SAMPLES_MAX) in any
 * order, interpolated between the two nearest. The samples are not changed.
 */
double bench_stats_quantile(const double *samples, size_t n, double q);

double bench_stats_median(const double *samples, size_t n);
double bench_stats_min(const double *samples, size_t n);
double bench_stats_max(const double *samples, size_t n);

/* The median of a[i] / b[i]. Pairs whose b is 0 are left out; 0 if none is left. */
double bench_stats_median_ratio(const double *a, const double *b, size_t n);

#endif
