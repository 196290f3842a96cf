/* SPDX-License-Identifier: MIT */
/* The benchmark's statistics, on samples whose answers are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/stats.h"

#define EPSILON 1e-12

static void test_median_of_odd_number_is_the_middle_one(void **state)
{
    const double samples[] = { 9, 1, 5, 7, 3 };

    (void)state;
    assert_float_equal(bench_stats_median(samples, 5), 5, EPSILON);
    assert_float_equal(samples[0], 9, EPSILON); /* not sorted in place */
}

static void test_median_of_even_number_is_between_the_middle_two(void **state)
{
    const double samples[] = { 4, 1, 3, 2 };

    (void)state;
    assert_float_equal(bench_stats_median(samples, 4), 2.5, EPSILON);
}

static void test_median_of_one_sample_is_that_sample(void **state)
{
    const double sample = 42;

    (void)state;
    assert_float_equal(bench_stats_median(&sample, 1), 42, EPSILON);
    assert_float_equal(bench_stats_quantile(&sample, 1, 0.99), 42, EPSILON);
}

static void test_median_ignores_one_outlier(void **state)
{
    const double samples[] = { 1.0, 1.1, 1.2, 1.1, 1000 };

    (void)state;
    assert_float_equal(bench_stats_median(samples, 5), 1.1, EPSILON);
}

static void test_quantile_interpolates_between_neighbours(void **state)
{
    double samples[101];

    (void)state;
    for (size_t i = 0; i < 101; i++)
        samples[i] = (double)(i * 37 % 101); /* 0 to 100, shuffled: 37 and 101 are coprime */
    for (size_t i = 0; i <= 100; i++)
        assert_float_equal(bench_stats_quantile(samples, 101, (double)i / 100), (double)i, 1e-9);
    assert_float_equal(bench_stats_quantile(samples, 101, 0.995), 99.5, 1e-9);
}

static void test_min_and_max_are_the_ends(void **state)
{
    const double samples[] = { 2, -3, 8, 0.5 };

    (void)state;
    assert_float_equal(bench_stats_min(samples, 4), -3, EPSILON);
    assert_float_equal(bench_stats_max(samples, 4), 8, EPSILON);
}

static void test_median_ratio_follows_drift_that_medians_do_not(void **state)
{
    /* The machine slows down threefold; the subject always takes twice as long. */
    const double subject[] = { 2, 2.5, 6 };
    const double baseline[] = { 1, 1.25, 3 };

    (void)state;
    assert_float_equal(bench_stats_median_ratio(subject, baseline, 3), 2, EPSILON);
}

static void test_median_ratio_leaves_out_what_was_not_measured(void **state)
{
    const double a[] = { 10, 4, 7 };
    const double b[] = { 5, 0, 0 };
    const double none[] = { 0, 0, 0 };

    (void)state;
    assert_float_equal(bench_stats_median_ratio(a, b, 3), 2, EPSILON);
    assert_float_equal(bench_stats_median_ratio(a, none, 3), 0, EPSILON);
    assert_float_equal(bench_stats_median_ratio(a, b, 0), 0, EPSILON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_median_of_odd_number_is_the_middle_one),
        cmocka_unit_test(test_median_of_even_number_is_between_the_middle_two),
        cmocka_unit_test(test_median_of_one_sample_is_that_sample),
        cmocka_unit_test(test_median_ignores_one_outlier),
        cmocka_unit_test(test_quantile_interpolates_between_neighbours),
        cmocka_unit_test(test_min_and_max_are_the_ends),
        cmocka_unit_test(test_median_ratio_follows_drift_that_medians_do_not),
        cmocka_unit_test(test_median_ratio_leaves_out_what_was_not_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
