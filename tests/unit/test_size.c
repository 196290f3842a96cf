/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/heap.h"
#include "tests/support/objects.h"

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void identities(struct heap_fixture *f)
{
    size_t n = 50000;
    uint64_t *seen = calloc(n, sizeof(*seen));
    struct tn_object *list = test_list(f->mu);

    assert_non_null(seen);
    for (size_t i = 0; i < n; i++) {
        struct tn_object *o = test_int(f->mu, 1000 + (int64_t)i);

        seen[i] = tn_identity(f->heap, o);
        assert_true(seen[i] != 0);
        test_append(f->mu, list, o);
        assert_true(tn_identity(f->heap, o) == seen[i]);
    }
    qsort(seen, n, sizeof(*seen), compare_u64);
    for (size_t i = 1; i < n; i++)
        assert_true(seen[i] != seen[i - 1]);
    free(seen);
    tn_decref(f->mu, list);
}

static void test_identity_is_unique_and_lasts(void **state)
{
    (void)state;
    test_in_all_modes(identities);
}

/* Neighbours in memory have identities that have nothing to do with each other:
 * about half of the 64 bits differ. */
static void scattered(struct heap_fixture *f)
{
    struct tn_object *list = test_list_range(f->mu, 1000, 2000);
    uint64_t n_bits = 0;

    for (int64_t i = 1; i < 1000; i++) {
        struct tn_object *a;
        struct tn_object *b;

        assert_int_equal(tn_list_get(f->mu, list, i - 1, &a), 0);
        assert_int_equal(tn_list_get(f->mu, list, i, &b), 0);
        n_bits += (uint64_t)__builtin_popcountll(tn_identity(f->heap, a) ^ tn_identity(f->heap, b));
    }
    /* 999 times 64 coins: the standard deviation is 126. */
    assert_true(n_bits > 999 * 32 - 1500 && n_bits < 999 * 32 + 1500);
    tn_decref(f->mu, list);
}

static void test_identity_tells_no_address(void **state)
{
    (void)state;
    test_in_all_modes(scattered);
}

static void expect_shallow(struct heap_fixture *f, struct tn_object *take, uint64_t bytes)
{
    assert_int_equal(tn_shallow_bytes(take), bytes);
    assert_int_equal(test_live_bytes(f), tn_is_immortal(take) ? 0 : bytes);
    tn_decref(f->mu, take);
    heap_fixture_settle(f);
}

static void shallow(struct heap_fixture *f)
{
    struct tn_object *o;

    expect_shallow(f, tn_none(f->heap), 16);
    expect_shallow(f, tn_bool(f->heap, true), 24);
    expect_shallow(f, test_int(f->mu, 5), 24);
    expect_shallow(f, test_int(f->mu, 1000), 24);
    expect_shallow(f, test_float(f->mu, 1.5), 24);
    expect_shallow(f, test_str(f->mu, "four"), 28);
    expect_shallow(f, test_bytes(f->mu, "x", 1), 25);
    expect_shallow(f, test_list(f->mu), 32);
    expect_shallow(f, test_list_range(f->mu, 0, 4), 32 + 16 + 4 * 8);
    expect_shallow(f, test_tuple_2(f->mu, tn_none(f->heap), tn_none(f->heap)), 40);
    expect_shallow(f, test_dict(f->mu), 32);
    o = test_dict(f->mu);
    test_set(f->mu, o, test_int(f->mu, 1), test_int(f->mu, 1));
    expect_shallow(f, o, 32 + 24 + 2 * 24);
    o = test_dict(f->mu);
    for (int64_t i = 0; i < 200; i++)
        test_set(f->mu, o, test_int(f->mu, i), tn_none(f->heap));
    assert_true(tn_shallow_bytes(o) <= 32 + 200 * 48);
    expect_shallow(f, o, tn_shallow_bytes(o));
}

static void test_shallow_size_is_what_was_allocated(void **state)
{
    (void)state;
    test_in_all_modes(shallow);
}

static struct tn_deep_size deep_size(struct tn_object *root)
{
    struct tn_deep_size size = { 0 };

    assert_int_equal(tn_deep_size(root, UINT64_MAX, &size), 0);
    assert_true(size.is_complete);
    return size;
}

/* Everything on the heap hangs on one object: deep size and census agree. */
static void deep(struct heap_fixture *f)
{
    struct tn_object *root = test_dict(f->mu);
    struct tn_object *shared = test_str(f->mu, "in many places");
    struct tn_deep_size size;

    for (int64_t i = 0; i < 300; i++) {
        tn_incref(f->mu, shared);
        test_set(f->mu, root, test_int(f->mu, 1000 + i),
                 test_tuple_2(f->mu, shared, test_list_range(f->mu, 0, i % 7)));
    }
    tn_incref(f->mu, root);
    test_set(f->mu, root, shared, root);
    size = deep_size(root);
    assert_int_equal(size.n_objs, 1 + 300 * 3 + 1);
    assert_int_equal(size.n_objs, test_live_objs(f));
    heap_fixture_settle(f);
    assert_int_equal(size.bytes, test_live_bytes(f));
    assert_int_equal(tn_dict_pop(f->mu, root, shared, &shared, NULL), 0);
    tn_decref(f->mu, shared);
    tn_decref(f->mu, root);
}

static void test_deep_size_counts_each_object_once(void **state)
{
    (void)state;
    test_in_all_modes(deep);
}

static void limited(struct heap_fixture *f)
{
    struct tn_object *list = test_list_range(f->mu, 1000, 1100);
    struct tn_deep_size size;

    assert_int_equal(tn_deep_size(list, 50, &size), 0);
    assert_false(size.is_complete);
    assert_int_equal(size.n_objs, 50);
    assert_int_equal(size.bytes, tn_shallow_bytes(list) + UINT64_C(49) * 24);
    assert_int_equal(tn_deep_size(list, 101, &size), 0);
    assert_true(size.is_complete);
    assert_int_equal(tn_deep_size(list, 0, &size), 0);
    assert_false(size.is_complete);
    assert_int_equal(size.n_objs, 0);
    tn_decref(f->mu, list);
    assert_int_equal(tn_deep_size(test_int(f->mu, 5), 10, &size), 0);
    assert_true(size.is_complete);
    assert_int_equal(size.n_objs, 0);
}

static void test_deep_size_stops_at_its_limit(void **state)
{
    (void)state;
    test_in_all_modes(limited);
}

static void chain(struct heap_fixture *f)
{
    struct tn_object *o = test_list(f->mu);

    for (int i = 1; i < 200000; i++) {
        struct tn_object *outer = test_list(f->mu);

        test_append(f->mu, outer, o);
        o = outer;
    }
    assert_int_equal(deep_size(o).n_objs, 200000);
    tn_decref(f->mu, o);
}

static void test_deep_size_does_not_recurse(void **state)
{
    (void)state;
    test_in_all_modes(chain);
}

/* The figures of the census are those of what is there. */
static void census(struct heap_fixture *f)
{
    struct tn_object *list = test_list_range(f->mu, 1000, 1003);
    struct tn_object *dict = test_dict(f->mu);
    struct tn_census taken;

    test_append(f->mu, list, test_str(f->mu, "text"));
    test_append(f->mu, list, test_tuple_1(f->mu, test_float(f->mu, 1.5)));
    test_set(f->mu, dict, test_bytes(f->mu, "b", 1), list);
    tn_census_take(f->heap, &taken);
    assert_int_equal(taken.n_objs[TN_TYPE_INT], 3);
    assert_int_equal(taken.n_objs[TN_TYPE_FLOAT], 1);
    assert_int_equal(taken.n_objs[TN_TYPE_STR], 1);
    assert_int_equal(taken.n_objs[TN_TYPE_BYTES], 1);
    assert_int_equal(taken.n_objs[TN_TYPE_TUPLE], 1);
    assert_int_equal(taken.n_objs[TN_TYPE_LIST], 1);
    assert_int_equal(taken.n_objs[TN_TYPE_DICT], 1);
    assert_int_equal(taken.n_objs[TN_TYPE_NONE], 0);
    assert_int_equal(taken.live_objs, 9);
    assert_int_equal(taken.tracked_objs, 3);
    assert_int_equal(taken.live_bytes, deep_size(dict).bytes);
    assert_true(taken.held_bytes >= taken.live_bytes);
    assert_int_equal(taken.max_bytes, 0);
    assert_int_equal(taken.n_names, 0);
    assert_int_equal(taken.n_mutators, 1);
    tn_decref(f->mu, dict);
}

static void test_census_counts_by_type(void **state)
{
    (void)state;
    test_in_all_modes(census);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_is_unique_and_lasts),
        cmocka_unit_test(test_identity_tells_no_address),
        cmocka_unit_test(test_shallow_size_is_what_was_allocated),
        cmocka_unit_test(test_deep_size_counts_each_object_once),
        cmocka_unit_test(test_deep_size_stops_at_its_limit),
        cmocka_unit_test(test_deep_size_does_not_recurse),
        cmocka_unit_test(test_census_counts_by_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
