/* SPDX-License-Identifier: MIT */
/* Hashing and equality across types: Python's rules. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/heap.h"
#include "tests/support/objects.h"

/* An int and a float: whether they are equal. */
static void expect_numbers(struct heap_fixture *f, int64_t integer, double real, bool are_equal)
{
    struct tn_object *a = test_int(f->mu, integer);
    struct tn_object *b = test_float(f->mu, real);

    assert_int_equal(test_is_equal(f, a, b), are_equal);
    if (are_equal)
        assert_int_equal(test_hash(f, a), test_hash(f, b));
    tn_decref(f->mu, a);
    tn_decref(f->mu, b);
}

static void numbers(struct heap_fixture *f)
{
    expect_numbers(f, 0, 0.0, true);
    expect_numbers(f, 0, -0.0, true);
    expect_numbers(f, 1, 1.0, true);
    expect_numbers(f, 1, 1.5, false);
    expect_numbers(f, -7, -7.0, true);
    expect_numbers(f, INT64_C(1) << 53, 0x1p53, true);
    expect_numbers(f, (INT64_C(1) << 53) + 1, 0x1p53, false); /* rounds to it */
    expect_numbers(f, INT64_MAX, 0x1p63, false);              /* rounds to it */
    expect_numbers(f, INT64_MAX - 512, 0x1p63, false);
    expect_numbers(f, INT64_MAX - 1023, 0x1.fffffffffffffp62, true);
    expect_numbers(f, INT64_MIN, -0x1p63, true);
    expect_numbers(f, INT64_MIN, -0x1.0000000000001p63, false);
    expect_numbers(f, INT64_MAX, INFINITY, false);
    expect_numbers(f, INT64_MIN, -INFINITY, false);
    expect_numbers(f, 0, NAN, false);
    expect_numbers(f, 0, 5e-324, false);
}

static void test_numbers_equal_by_exact_value(void **state)
{
    (void)state;
    test_in_all_modes(numbers);
}

/* A long double of 64 bits of mantissa holds every int and every float. */
static void random_numbers(struct heap_fixture *f)
{
    uint64_t random = test_seed();

    for (int i = 0; i < 20000; i++) {
        uint64_t r = test_random(&random);
        int64_t integer = (int64_t)(test_random(&random) >> (r & 63));
        double real = (double)(integer + (int64_t)(r >> 8 & 3) - 1);

        if ((r & 64) != 0)
            integer = -integer;
        if ((r & 128) != 0)
            real =
                ldexp((double)(test_random(&random) >> (r >> 16 & 63)), (int)(r >> 24 & 63) - 32);
        expect_numbers(f, integer, real, (long double)integer == (long double)real);
    }
}

static void test_numbers_random_agree_with_long_double(void **state)
{
    (void)state;
    static_assert(__LDBL_MANT_DIG__ >= 64, "long double holds every int64_t");
    test_in_all_modes(random_numbers);
}

static void bools(struct heap_fixture *f)
{
    struct tn_object *one = test_float(f->mu, 1.0);
    struct tn_object *zero = test_float(f->mu, -0.0);

    for (int value = 0; value < 2; value++) {
        struct tn_object *b = tn_bool(f->heap, value != 0);

        assert_int_equal(test_is_equal(f, b, test_int(f->mu, 0)), value == 0);
        assert_int_equal(test_is_equal(f, b, test_int(f->mu, 1)), value == 1);
        assert_int_equal(test_is_equal(f, b, zero), value == 0);
        assert_int_equal(test_is_equal(f, b, one), value == 1);
        assert_false(test_is_equal(f, b, test_int(f->mu, 2)));
        assert_int_equal(test_hash(f, b), test_hash(f, test_int(f->mu, value)));
    }
    assert_false(test_is_equal(f, tn_none(f->heap), tn_bool(f->heap, false)));
    assert_true(test_is_equal(f, tn_none(f->heap), tn_none(f->heap)));
    (void)test_hash(f, tn_none(f->heap));
    tn_decref(f->mu, one);
    tn_decref(f->mu, zero);
}

static void test_bool_equals_number(void **state)
{
    (void)state;
    test_in_all_modes(bools);
}

static void nans(struct heap_fixture *f)
{
    struct tn_object *nan = test_float(f->mu, NAN);
    struct tn_object *other = test_float(f->mu, NAN);
    struct tn_object *list = test_list(f->mu);
    bool contains;

    assert_false(test_is_equal(f, nan, nan));
    assert_false(test_is_equal(f, nan, other));
    assert_int_equal(test_hash(f, nan), test_hash(f, other));
    /* A container finds it by its identity. */
    tn_incref(f->mu, nan);
    test_append(f->mu, list, nan);
    assert_true(test_is_equal(f, list, list));
    assert_int_equal(tn_list_contains(f->mu, list, nan, &contains), 0);
    assert_true(contains);
    assert_int_equal(tn_list_contains(f->mu, list, other, &contains), 0);
    assert_false(contains);
    tn_decref(f->mu, nan);
    tn_decref(f->mu, other);
    tn_decref(f->mu, list);
}

static void test_nan_equals_nothing_but_is_found(void **state)
{
    (void)state;
    test_in_all_modes(nans);
}

static void unhashable(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *dict = test_dict(f->mu);
    struct tn_object *tuple;
    uint32_t hash;

    assert_int_equal(tn_hash(f->heap, list, &hash), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_hash(f->heap, dict, &hash), TN_ERR_UNHASHABLE);
    tuple = test_tuple_2(f->mu, test_int(f->mu, 1), test_tuple_1(f->mu, list));
    assert_int_equal(tn_hash(f->heap, tuple, &hash), TN_ERR_UNHASHABLE);
    tn_decref(f->mu, tuple);
    tn_decref(f->mu, dict);
}

static void test_mutable_container_is_unhashable(void **state)
{
    (void)state;
    test_in_all_modes(unhashable);
}

/* A tuple in a tuple in a tuple ..., `depth` of them. */
static struct tn_object *nested(struct heap_fixture *f, int depth)
{
    struct tn_object *o = test_int(f->mu, 1000);

    for (int i = 0; i < depth; i++)
        o = test_tuple_1(f->mu, o);
    return o;
}

static void depths(struct heap_fixture *f)
{
    struct tn_object *allowed = nested(f, TN_NESTING_MAX);
    struct tn_object *same = nested(f, TN_NESTING_MAX);
    struct tn_object *deeper = nested(f, TN_NESTING_MAX + 1);
    struct tn_object *as_deep = nested(f, TN_NESTING_MAX + 1);
    bool is_equal;
    uint32_t hash;

    assert_int_equal(test_hash(f, allowed), test_hash(f, same));
    assert_true(test_is_equal(f, allowed, same));
    assert_int_equal(tn_hash(f->heap, deeper, &hash), TN_ERR_TOO_DEEP);
    assert_int_equal(tn_equal(f->heap, deeper, as_deep, &is_equal), TN_ERR_TOO_DEEP);
    assert_true(test_is_equal(f, deeper, deeper));
    tn_decref(f->mu, allowed);
    tn_decref(f->mu, same);
    tn_decref(f->mu, deeper);
    tn_decref(f->mu, as_deep);
}

static void test_nesting_too_deep_is_refused(void **state)
{
    (void)state;
    test_in_all_modes(depths);
}

/* 60 tuples with 2^60 paths through them. */
static struct tn_object *wide(struct heap_fixture *f)
{
    struct tn_object *o = test_int(f->mu, 1000);

    for (int i = 0; i < 60; i++) {
        tn_incref(f->mu, o);
        o = test_tuple_2(f->mu, o, o);
    }
    return o;
}

static void paths(struct heap_fixture *f)
{
    struct tn_object *a = wide(f);
    struct tn_object *b = wide(f);
    bool is_equal;

    assert_int_equal(test_hash(f, a), test_hash(f, b));
    assert_int_equal(tn_equal(f->heap, a, b, &is_equal), TN_ERR_TOO_DEEP);
    tn_decref(f->mu, a);
    tn_decref(f->mu, b);
}

static void test_comparing_many_paths_ends(void **state)
{
    (void)state;
    test_in_all_modes(paths);
}

/* Nobody who does not know the key can tell hashes: another heap has others. */
static void test_hash_depends_on_the_heap(void **state)
{
    struct heap_fixture f;
    uint32_t hashes[2][20];

    (void)state;
    for (int heap = 0; heap < 2; heap++) {
        heap_fixture_setup(&f, TN_MODE_BIASED);
        for (int i = 0; i < 20; i++) {
            char text[32];
            struct tn_object *o;

            snprintf(text, sizeof(text), "key %d", i);
            o = i % 2 == 0 ? test_str(f.mu, text) : test_int(f.mu, i);
            hashes[heap][i] = test_hash(&f, o);
            tn_decref(f.mu, o);
        }
        heap_fixture_teardown(&f);
    }
    assert_memory_not_equal(hashes[0], hashes[1], sizeof(hashes[0]));
}

/* 4096 similar keys in 4096 buckets, by their upper and by their lower bits: with
 * a random function some 6 meet in one; 20 meet once in 10^15 tries. */
static void spread(struct heap_fixture *f)
{
    uint8_t upper[3][4096] = { 0 };
    uint8_t lower[3][4096] = { 0 };

    for (int i = 0; i < 4096; i++) {
        char text[32];
        struct tn_object *keys[3];

        snprintf(text, sizeof(text), "key %04d", i);
        keys[0] = test_str(f->mu, text);
        keys[1] = test_int(f->mu, (int64_t)i << 20);
        keys[2] = test_tuple_2(f->mu, test_int(f->mu, i / 64), test_int(f->mu, i % 64));
        for (int k = 0; k < 3; k++) {
            uint32_t hash = test_hash(f, keys[k]);

            assert_true(++upper[k][hash >> 20] < 20);
            assert_true(++lower[k][hash & 4095] < 20);
            tn_decref(f->mu, keys[k]);
        }
    }
}

static void test_hash_spreads_similar_keys(void **state)
{
    (void)state;
    test_in_all_modes(spread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_equal_by_exact_value),
        cmocka_unit_test(test_numbers_random_agree_with_long_double),
        cmocka_unit_test(test_bool_equals_number),
        cmocka_unit_test(test_nan_equals_nothing_but_is_found),
        cmocka_unit_test(test_mutable_container_is_unhashable),
        cmocka_unit_test(test_nesting_too_deep_is_refused),
        cmocka_unit_test(test_comparing_many_paths_ends),
        cmocka_unit_test(test_hash_depends_on_the_heap),
        cmocka_unit_test(test_hash_spreads_similar_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
