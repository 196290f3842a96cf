/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/object/type.h"
#include "tests/support/objects.h"

static void filling(struct heap_fixture *f)
{
    struct tn_object *tuple;
    struct tn_object *item;

    assert_int_equal(tn_tuple_new(f->mu, 3, &tuple), 0);
    assert_int_equal(tuple->type, TN_TYPE_TUPLE);
    assert_int_equal(tn_tuple_length(tuple), 3);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(tn_tuple_get(tuple, i), tn_none(f->heap));
    for (int64_t i = 2; i >= 0; i--) {
        struct tn_object *taken = item = test_int(f->mu, 1000 + i);

        tn_tuple_fill(f->mu, tuple, (size_t)i, &taken);
        assert_null(taken);
        assert_ptr_equal(tn_tuple_get(tuple, (size_t)i), item);
        assert_int_equal(test_refcount(item), 1);
    }
    assert_int_equal(tn_int_value(tn_tuple_get(tuple, 1)), 1001);
    assert_int_equal(test_live_bytes(f), 24 + 3 * 8 + 3 * 24);
    tn_decref(f->mu, tuple);
}

static void test_tuple_filled_has_its_items(void **state)
{
    (void)state;
    test_in_all_modes(filling);
}

static void empty(struct heap_fixture *f)
{
    struct tn_object *a;
    struct tn_object *b;
    uint64_t length = 1;

    assert_int_equal(tn_tuple_new(f->mu, 0, &a), 0);
    assert_int_equal(tn_tuple_new(f->mu, 0, &b), 0);
    assert_ptr_equal(a, b);
    assert_int_equal(tn_length(a, &length), 0);
    assert_int_equal(length, 0);
    assert_int_equal(test_live_objs(f), 0);
    assert_int_equal(tn_tuple_new(f->mu, (size_t)UINT32_MAX + 1, &a), TN_ERR_TOO_BIG);
}

static void test_tuple_empty_is_shared(void **state)
{
    (void)state;
    test_in_all_modes(empty);
}

/* Dropped half built, with holes, as when the next item cannot be had. */
static void half_built(struct heap_fixture *f)
{
    struct tn_object *tuple;
    struct tn_object *item = test_str(f->mu, "only one of them");

    assert_int_equal(tn_tuple_new(f->mu, 100, &tuple), 0);
    tn_tuple_fill(f->mu, tuple, 50, &item);
    tn_decref(f->mu, tuple);
    heap_fixture_expect_empty(f);
}

static void test_tuple_half_built_can_be_dropped(void **state)
{
    (void)state;
    test_in_all_modes(half_built);
}

/* A large one dies in many small steps, which must not cost more and more. */
static void dies_in_steps(struct heap_fixture *f)
{
    size_t n_items = 20000;
    struct tn_object *tuple;
    struct tn_census census;
    size_t n_steps = 0;

    assert_int_equal(tn_tuple_new(f->mu, n_items, &tuple), 0);
    for (size_t i = 0; i < n_items; i++) {
        struct tn_object *item = test_int(f->mu, 1000 + (int64_t)i);

        tn_tuple_fill(f->mu, tuple, i, &item);
    }
    tn_decref(f->mu, tuple);
    do {
        (void)tn_thread_safepoint(f->thread, 64);
        tn_census_take(f->heap, &census);
        n_steps++;
    } while (census.dying_objs > 0);
    assert_true(n_steps >= n_items / 64);
}

static void test_tuple_large_dies_within_budget(void **state)
{
    (void)state;
    test_in_all_modes(dies_in_steps);
}

static void deep(struct heap_fixture *f)
{
    struct tn_object *o = test_int(f->mu, 1000);

    for (int i = 0; i < 200000; i++)
        o = test_tuple_1(f->mu, o);
    assert_int_equal(test_live_objs(f), 200001);
    tn_publish(f->mu, o);
    tn_decref(f->mu, o);
    heap_fixture_expect_empty(f);
}

static void test_tuple_deep_dies_without_recursion(void **state)
{
    (void)state;
    test_in_all_modes(deep);
}

static void sharing(struct heap_fixture *f)
{
    struct tn_object *item = test_int(f->mu, 1000);
    struct tn_object *list = test_list(f->mu);
    struct tn_object *tuple;

    tn_incref(f->mu, item);
    tuple = test_tuple_2(f->mu, item, list);
    assert_int_equal(test_refcount(item), 2);
    /* What is in a published container is published, also what comes later. */
    tn_publish(f->mu, tuple);
    if (tn_heap_mode(f->heap) != TN_MODE_GIL) {
        assert_true(tn_is_published(item));
        assert_true(tn_is_published(list));
    }
    test_append(f->mu, list, test_int(f->mu, 2000));
    tn_decref(f->mu, tuple);
    heap_fixture_settle(f);
    assert_int_equal(test_refcount(item), 1);
    assert_int_equal(test_live_objs(f), 1);
    tn_decref(f->mu, item);
}

static void test_tuple_counts_its_items(void **state)
{
    (void)state;
    test_in_all_modes(sharing);
}

static void equality(struct heap_fixture *f)
{
    struct tn_object *a = test_tuple_2(f->mu, test_int(f->mu, 1000), test_str(f->mu, "text"));
    struct tn_object *same = test_tuple_2(f->mu, test_float(f->mu, 1000), test_str(f->mu, "text"));
    struct tn_object *turned = test_tuple_2(f->mu, test_str(f->mu, "text"), test_int(f->mu, 1000));
    struct tn_object *shorter = test_tuple_1(f->mu, test_int(f->mu, 1000));

    assert_true(test_is_equal(f, a, same));
    assert_false(test_is_equal(f, a, turned));
    assert_false(test_is_equal(f, a, shorter));
    assert_int_equal(test_hash(f, a), test_hash(f, same));
    assert_int_not_equal(test_hash(f, a), test_hash(f, turned));
    tn_decref(f->mu, a);
    tn_decref(f->mu, same);
    tn_decref(f->mu, turned);
    tn_decref(f->mu, shorter);
}

static void test_tuple_equal_by_items(void **state)
{
    (void)state;
    test_in_all_modes(equality);
}

static int make_tuple(struct heap_fixture *f, const void *arg)
{
    struct tn_object *o = NULL;
    int r;

    test_faults_begin();
    r = tn_tuple_new(f->mu, *(const size_t *)arg, &o);
    test_faults_end();
    assert_true((r == 0) == (o != NULL));
    tn_drop(f->mu, &o);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    size_t sizes[] = { 1, 1000 };

    test_failing_allocations(f, make_tuple, &sizes[0]);
    test_failing_allocations(f, make_tuple, &sizes[1]);
}

static void test_tuple_without_memory_is_refused(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuple_filled_has_its_items),
        cmocka_unit_test(test_tuple_empty_is_shared),
        cmocka_unit_test(test_tuple_half_built_can_be_dropped),
        cmocka_unit_test(test_tuple_large_dies_within_budget),
        cmocka_unit_test(test_tuple_deep_dies_without_recursion),
        cmocka_unit_test(test_tuple_counts_its_items),
        cmocka_unit_test(test_tuple_equal_by_items),
        cmocka_unit_test(test_tuple_without_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
