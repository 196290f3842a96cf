/* SPDX-License-Identifier: MIT */
/* The benchmark's histograms: where values go, and what comes out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/histogram.h"

static int setup(void **state)
{
    *state = calloc(2, sizeof(struct bench_histogram));
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Every value is at most its bucket's last, and above the last of the one before. */
static void expect_in_its_bucket(uint64_t value)
{
    size_t bucket = bench_histogram_bucket(value);

    assert_true(bucket < BENCH_HISTOGRAM_BUCKETS);
    assert_true(value <= bench_histogram_bucket_last(bucket));
    if (bucket > 0)
        assert_true(value > bench_histogram_bucket_last(bucket - 1));
}

static void test_bucket_small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 128; value++) {
        assert_int_equal(bench_histogram_bucket(value), value);
        assert_int_equal(bench_histogram_bucket_last((size_t)value), value);
    }
}

static void test_bucket_holds_its_values_at_every_power_of_two(void **state)
{
    (void)state;
    for (unsigned int bit = 0; bit < 64; bit++) {
        uint64_t power = UINT64_C(1) << bit;

        expect_in_its_bucket(power - 1);
        expect_in_its_bucket(power);
        expect_in_its_bucket(power + 1);
        expect_in_its_bucket(power + power / 2);
    }
    expect_in_its_bucket(UINT64_MAX);
    assert_int_equal(bench_histogram_bucket(UINT64_MAX), BENCH_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(bench_histogram_bucket_last(BENCH_HISTOGRAM_BUCKETS - 1), UINT64_MAX);
}

static void test_bucket_is_narrow_for_its_values(void **state)
{
    (void)state;
    for (size_t bucket = 129; bucket < BENCH_HISTOGRAM_BUCKETS; bucket++) {
        uint64_t first = bench_histogram_bucket_last(bucket - 1) + 1;
        uint64_t width = bench_histogram_bucket_last(bucket) - first + 1;

        assert_int_equal(bench_histogram_bucket(first), bucket);
        assert_true(width <= first / 64);
    }
}

static void test_quantile_of_nothing_is_zero(void **state)
{
    struct bench_histogram *h = *state;

    assert_int_equal(bench_histogram_quantile(h, 0.5), 0);
    assert_true(bench_histogram_mean(h) == 0);
}

static void test_quantile_of_small_values_is_exact(void **state)
{
    struct bench_histogram *h = *state;

    for (uint64_t value = 100; value >= 1; value--)
        bench_histogram_record(h, value);
    assert_int_equal(bench_histogram_quantile(h, 0), 1);
    assert_int_equal(bench_histogram_quantile(h, 0.5), 50);
    assert_int_equal(bench_histogram_quantile(h, 0.99), 99);
    assert_int_equal(bench_histogram_quantile(h, 0.999), 100);
    assert_int_equal(bench_histogram_quantile(h, 1), 100);
    assert_true(bench_histogram_mean(h) == 50.5);
}

static void test_quantile_of_large_values_is_within_a_64th(void **state)
{
    struct bench_histogram *h = *state;

    for (uint64_t i = 1; i <= 10000; i++)
        bench_histogram_record(h, i * 1000);
    for (uint64_t percent = 1; percent <= 100; percent++) {
        uint64_t exact = percent * 100000;
        uint64_t found = bench_histogram_quantile(h, (double)percent / 100);

        assert_in_range(found, exact, exact + exact / 64);
    }
    assert_int_equal(bench_histogram_quantile(h, 1), 10000000); /* the largest one, exactly */
}

static void test_quantile_shows_a_single_slow_value(void **state)
{
    struct bench_histogram *h = *state;

    for (unsigned int i = 0; i < 999; i++)
        bench_histogram_record(h, 40);
    bench_histogram_record(h, 163000000);
    assert_int_equal(bench_histogram_quantile(h, 0.999), 40);
    assert_int_equal(bench_histogram_quantile(h, 0.9999), 163000000);
}

static void test_add_is_as_if_recorded_in_one(void **state)
{
    struct bench_histogram *h = *state;
    struct bench_histogram *other = h + 1;

    for (uint64_t value = 1; value <= 50; value++)
        bench_histogram_record(h, value);
    for (uint64_t value = 51; value <= 100; value++)
        bench_histogram_record(other, value);
    bench_histogram_add(h, other);
    assert_int_equal(h->n_values, 100);
    assert_int_equal(h->max, 100);
    assert_int_equal(bench_histogram_quantile(h, 0.75), 75);
    assert_true(bench_histogram_mean(h) == 50.5);
    bench_histogram_clear(h);
    assert_int_equal(h->n_values, 0);
    assert_int_equal(bench_histogram_quantile(h, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_small_values_are_exact),
        cmocka_unit_test(test_bucket_holds_its_values_at_every_power_of_two),
        cmocka_unit_test(test_bucket_is_narrow_for_its_values),
        cmocka_unit_test_setup_teardown(test_quantile_of_nothing_is_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quantile_of_small_values_is_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quantile_of_large_values_is_within_a_64th, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_quantile_shows_a_single_slow_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_add_is_as_if_recorded_in_one, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
