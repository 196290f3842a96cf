/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "tests/support/objects.h"

/* Every test runs with a private list and with a published one: they take
 * different ways through locks and frees. */
static struct tn_object *list_of(struct heap_fixture *f, int64_t n_items, bool is_published)
{
    struct tn_object *list = test_list_range(f->mu, 0, n_items);

    if (is_published)
        tn_publish(f->mu, list);
    return list;
}

static int64_t item_at(struct heap_fixture *f, struct tn_object *list, int64_t index)
{
    struct tn_object *item;

    assert_int_equal(tn_list_get(f->mu, list, index, &item), 0);
    return tn_int_value(item);
}

/* The list holds these ints, whichever way one looks. */
static void expect_items(struct heap_fixture *f, struct tn_object *list, size_t n,
                         const int64_t *values)
{
    struct tn_object *items[64];
    size_t length = 0;

    assert_true(n <= 64);
    assert_int_equal(tn_list_length(list), n);
    assert_int_equal(tn_list_snapshot(f->mu, list, 0, 64, items, &length), n);
    assert_int_equal(length, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(item_at(f, list, (int64_t)i), values[i]);
        assert_int_equal(item_at(f, list, (int64_t)i - (int64_t)n), values[i]);
        assert_int_equal(tn_int_value(items[i]), values[i]);
    }
}

#define EXPECT_ITEMS(f, list, ...)                                                                 \
    expect_items((f), (list), sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t),                \
                 (int64_t[]){ __VA_ARGS__ })

static void in_all_modes(void (*test)(struct heap_fixture *f, bool is_published))
{
    for (int i = 0; i < 6; i++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)(i / 2));
        test(&f, i % 2 != 0);
        heap_fixture_teardown(&f);
    }
}

static void getting(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 0, is_published);
    struct tn_object *item = NULL;
    struct tn_object *items[8];
    uint64_t length = 1;

    assert_int_equal(tn_list_length(list), 0);
    assert_int_equal(tn_list_get(f->mu, list, 0, &item), TN_ERR_INDEX);
    assert_int_equal(tn_list_get(f->mu, list, -1, &item), TN_ERR_INDEX);
    assert_int_equal(tn_list_snapshot(f->mu, list, 0, 8, items, NULL), 0);
    assert_null(item);
    for (int64_t i = 0; i < 5; i++)
        test_append(f->mu, list, test_int(f->mu, i));
    EXPECT_ITEMS(f, list, 0, 1, 2, 3, 4);
    assert_int_equal(tn_length(list, &length), 0);
    assert_int_equal(length, 5);
    assert_int_equal(tn_list_get(f->mu, list, 5, &item), TN_ERR_INDEX);
    assert_int_equal(tn_list_get(f->mu, list, -6, &item), TN_ERR_INDEX);
    assert_int_equal(tn_list_get(f->mu, list, INT64_MIN, &item), TN_ERR_INDEX);
    assert_int_equal(tn_list_snapshot(f->mu, list, 3, 8, items, NULL), 2);
    assert_int_equal(tn_int_value(items[0]), 3);
    assert_int_equal(tn_list_snapshot(f->mu, list, 1, 2, items, NULL), 2);
    assert_int_equal(tn_int_value(items[1]), 2);
    assert_int_equal(tn_list_snapshot(f->mu, list, 5, 8, items, NULL), 0);
    assert_int_equal(tn_list_snapshot(f->mu, list, SIZE_MAX, 8, items, NULL), 0);
    tn_decref(f->mu, list);
}

static void test_list_get_finds_items_from_both_ends(void **state)
{
    (void)state;
    in_all_modes(getting);
}

static void setting(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 3, is_published);
    struct tn_object *item = test_int(f->mu, 1000);
    struct tn_object *kept = item;

    assert_int_equal(tn_list_set(f->mu, list, 3, &item), TN_ERR_INDEX);
    assert_int_equal(tn_list_set(f->mu, list, -4, &item), TN_ERR_INDEX);
    assert_ptr_equal(item, kept);
    assert_int_equal(tn_list_set(f->mu, list, 1, &item), 0);
    assert_null(item);
    EXPECT_ITEMS(f, list, 0, 1000, 2);
    item = test_int(f->mu, 2000);
    assert_int_equal(tn_list_set(f->mu, list, -2, &item), 0);
    EXPECT_ITEMS(f, list, 0, 2000, 2);
    heap_fixture_settle(f);
    assert_int_equal(test_live_objs(f), 2); /* the list and the second int: the first is gone */
    tn_decref(f->mu, list);
}

static void test_list_set_replaces_and_drops(void **state)
{
    (void)state;
    in_all_modes(setting);
}

static void insert(struct heap_fixture *f, struct tn_object *list, int64_t index, int64_t value)
{
    struct tn_object *item = test_int(f->mu, value);
    size_t before = tn_list_length(list);
    size_t length = 0;

    assert_int_equal(tn_list_insert(f->mu, list, index, &item, &length), 0);
    assert_null(item);
    assert_int_equal(length, before + 1);
}

static void inserting(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 0, is_published);

    insert(f, list, 0, 10);
    insert(f, list, 0, 11);
    insert(f, list, 2, 12);
    EXPECT_ITEMS(f, list, 11, 10, 12);
    insert(f, list, 1, 13);
    insert(f, list, -1, 14);
    EXPECT_ITEMS(f, list, 11, 13, 10, 14, 12);
    insert(f, list, 100, 15);
    insert(f, list, -100, 16);
    insert(f, list, INT64_MAX, 17);
    insert(f, list, INT64_MIN, 18);
    EXPECT_ITEMS(f, list, 18, 16, 11, 13, 10, 14, 12, 15, 17);
    tn_decref(f->mu, list);
}

static void test_list_insert_goes_where_python_puts_it(void **state)
{
    (void)state;
    in_all_modes(inserting);
}

static int64_t pop(struct heap_fixture *f, struct tn_object *list, int64_t index)
{
    size_t before = tn_list_length(list);
    struct tn_object *item;
    size_t length;
    int64_t value;

    assert_int_equal(tn_list_pop(f->mu, list, index, &item, &length), 0);
    assert_int_equal(length, before - 1);
    value = tn_int_value(item);
    tn_decref(f->mu, item);
    return value;
}

static void popping(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 6, is_published);
    struct tn_object *item = NULL;

    assert_int_equal(pop(f, list, -1), 5);
    assert_int_equal(pop(f, list, 0), 0);
    assert_int_equal(pop(f, list, 1), 2);
    EXPECT_ITEMS(f, list, 1, 3, 4);
    assert_int_equal(tn_list_pop(f->mu, list, 3, &item, NULL), TN_ERR_INDEX);
    assert_int_equal(tn_list_pop(f->mu, list, -4, &item, NULL), TN_ERR_INDEX);
    assert_null(item);
    assert_int_equal(pop(f, list, -3), 1);
    assert_int_equal(pop(f, list, 1), 4);
    assert_int_equal(pop(f, list, 0), 3);
    assert_int_equal(tn_list_pop(f->mu, list, 0, &item, NULL), TN_ERR_INDEX);
    test_append(f->mu, list, test_int(f->mu, 7));
    EXPECT_ITEMS(f, list, 7);
    tn_decref(f->mu, list);
}

static void test_list_pop_hands_the_item_over(void **state)
{
    (void)state;
    in_all_modes(popping);
}

/* The reference of the popped item is the list's, neither more nor less. */
static void pop_keeps_count(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 0, is_published);
    struct tn_object *item = test_int(f->mu, 1000);
    struct tn_object *popped;

    tn_incref(f->mu, item);
    test_append(f->mu, list, item);
    assert_int_equal(test_refcount(item), 2);
    assert_int_equal(tn_list_pop(f->mu, list, 0, &popped, NULL), 0);
    assert_ptr_equal(popped, item);
    assert_int_equal(test_refcount(item), 2);
    tn_decref(f->mu, popped);
    tn_decref(f->mu, list);
    assert_int_equal(test_refcount(item), 1);
    tn_decref(f->mu, item);
}

static void test_list_pop_leaves_the_count(void **state)
{
    (void)state;
    in_all_modes(pop_keeps_count);
}

/* Python's over-allocation; and what is not needed any more is given back. */
static void sizes(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 0, is_published);
    uint64_t most;

    assert_int_equal(tn_shallow_bytes(list), 32);
    for (uint64_t n = 1; n <= 5000; n++) {
        uint64_t capacity;

        test_append(f->mu, list, test_int(f->mu, 1));
        capacity = (tn_shallow_bytes(list) - 32 - 16) / 8;
        assert_true(capacity >= n && capacity <= n + n / 8 + 6);
    }
    most = tn_shallow_bytes(list);
    for (uint64_t n = 5000; n > 0; n--) {
        (void)pop(f, list, n % 2 == 0 ? 0 : -1);
        assert_true(tn_shallow_bytes(list) <= 32 + 16 + 8 * (4 * n + 8));
    }
    assert_true(tn_shallow_bytes(list) < most / 50);
    tn_decref(f->mu, list);
}

static void test_list_memory_follows_its_length(void **state)
{
    (void)state;
    in_all_modes(sizes);
}

static void extending(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 2, is_published);
    struct tn_object *more = list_of(f, 3, !is_published);
    struct tn_object *tuple = test_tuple_2(f->mu, test_int(f->mu, 1000), test_int(f->mu, 7));
    struct tn_object *empty;
    size_t length = 0;

    assert_int_equal(tn_list_extend(f->mu, list, more, &length), 0);
    assert_int_equal(length, 5);
    EXPECT_ITEMS(f, list, 0, 1, 0, 1, 2);
    assert_int_equal(tn_list_extend(f->mu, list, tuple, &length), 0);
    EXPECT_ITEMS(f, list, 0, 1, 0, 1, 2, 1000, 7);
    assert_int_equal(test_refcount(tn_tuple_get(tuple, 0)), 2);
    assert_int_equal(tn_list_extend(f->mu, list, list, &length), 0);
    assert_int_equal(length, 14);
    EXPECT_ITEMS(f, list, 0, 1, 0, 1, 2, 1000, 7, 0, 1, 0, 1, 2, 1000, 7);
    assert_int_equal(test_refcount(tn_tuple_get(tuple, 0)), 3);
    assert_int_equal(tn_tuple_new(f->mu, 0, &empty), 0);
    assert_int_equal(tn_list_extend(f->mu, list, empty, &length), 0);
    assert_int_equal(length, 14);
    assert_int_equal(tn_list_extend(f->mu, list, tn_none(f->heap), &length), TN_ERR_TYPE);
    assert_int_equal(tn_list_length(list), 14);
    tn_decref(f->mu, list);
    tn_decref(f->mu, more);
    tn_decref(f->mu, tuple);
}

static void test_list_extend_takes_lists_tuples_and_itself(void **state)
{
    (void)state;
    in_all_modes(extending);
}

static void expect_slice(struct heap_fixture *f, struct tn_object *list, int64_t start,
                         int64_t stop, int64_t first, int64_t end)
{
    struct tn_object *slice;
    struct tn_object *wanted = test_list_range(f->mu, first, end);

    assert_int_equal(tn_list_slice(f->mu, list, &(struct tn_slicing){ start, stop, 1 }, &slice), 0);
    assert_ptr_not_equal(slice, list);
    assert_true(test_is_equal(f, slice, wanted));
    /* It is a list of its own. */
    test_append(f->mu, slice, test_int(f->mu, 5000));
    tn_decref(f->mu, slice);
    tn_decref(f->mu, wanted);
}

static void slicing(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 10, is_published);

    expect_slice(f, list, 0, 10, 0, 10);
    expect_slice(f, list, 3, 7, 3, 7);
    expect_slice(f, list, 3, 100, 3, 10);
    expect_slice(f, list, -3, -1, 7, 9);
    expect_slice(f, list, -100, 2, 0, 2);
    expect_slice(f, list, 7, 3, 0, 0);
    expect_slice(f, list, 10, 20, 0, 0);
    expect_slice(f, list, INT64_MIN, INT64_MAX, 0, 10);
    expect_slice(f, list, INT64_MAX, INT64_MIN, 0, 0);
    assert_int_equal(tn_list_length(list), 10);
    tn_decref(f->mu, list);
}

static void test_list_slice_is_clipped_as_in_python(void **state)
{
    (void)state;
    in_all_modes(slicing);
}

static void expect_contains(struct heap_fixture *f, struct tn_object *list, struct tn_object *take,
                            bool expected)
{
    bool contains = !expected;

    assert_int_equal(tn_list_contains(f->mu, list, take, &contains), 0);
    assert_int_equal(contains, expected);
    tn_decref(f->mu, take);
}

static void containing(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 5, is_published);

    test_append(f->mu, list, test_str(f->mu, "text"));
    test_append(f->mu, list, test_list_range(f->mu, 0, 3));
    expect_contains(f, list, test_int(f->mu, 4), true);
    expect_contains(f, list, test_float(f->mu, 4.0), true);
    expect_contains(f, list, test_int(f->mu, 5), false);
    expect_contains(f, list, tn_bool(f->heap, true), true);
    expect_contains(f, list, test_str(f->mu, "text"), true);
    expect_contains(f, list, test_bytes(f->mu, "text", 4), false);
    expect_contains(f, list, test_list_range(f->mu, 0, 3), true);
    expect_contains(f, list, test_list_range(f->mu, 0, 2), false);
    expect_contains(f, list, tn_none(f->heap), false);
    tn_decref(f->mu, list);
}

static void test_list_contains_what_is_equal(void **state)
{
    (void)state;
    in_all_modes(containing);
}

/* A list that holds itself is found by identity, and comparing it with another
 * one of its kind ends. */
static void cycles(struct heap_fixture *f, bool is_published)
{
    struct tn_object *lists[2] = { list_of(f, 0, is_published), list_of(f, 0, is_published) };
    struct tn_object *item;
    struct tn_deep_size size;
    bool is_equal;
    uint32_t hash;

    for (int i = 0; i < 2; i++) {
        tn_incref(f->mu, lists[i]);
        test_append(f->mu, lists[i], lists[i]);
    }
    assert_true(test_is_equal(f, lists[0], lists[0]));
    assert_int_equal(tn_equal(f->heap, lists[0], lists[1], &is_equal), TN_ERR_TOO_DEEP);
    tn_incref(f->mu, lists[0]);
    expect_contains(f, lists[0], lists[0], true);
    assert_int_equal(tn_hash(f->heap, lists[0], &hash), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_deep_size(lists[0], UINT64_MAX, &size), 0);
    assert_int_equal(size.n_objs, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tn_list_pop(f->mu, lists[i], 0, &item, NULL), 0);
        assert_ptr_equal(item, lists[i]);
        tn_decref(f->mu, item);
        tn_decref(f->mu, lists[i]);
    }
}

static void test_list_may_hold_itself(void **state)
{
    (void)state;
    in_all_modes(cycles);
}

/* A list of many items dies in steps of the budget. */
static void dies_in_steps(struct heap_fixture *f, bool is_published)
{
    struct tn_object *list = list_of(f, 20000, is_published);
    struct tn_census census;
    size_t n_steps = 0;

    tn_decref(f->mu, list);
    do {
        (void)tn_thread_safepoint(f->thread, 64);
        tn_census_take(f->heap, &census);
        n_steps++;
    } while (census.dying_objs > 0);
    assert_true(n_steps >= 20000 / 64);
}

static void test_list_large_dies_within_budget(void **state)
{
    (void)state;
    in_all_modes(dies_in_steps);
}

/* ---- Without memory ---- */

enum operation {
    OP_NEW,
    OP_APPEND,
    OP_INSERT,
    OP_EXTEND,
    OP_EXTEND_SELF,
    OP_SLICE,
    OP_POP,
    OP_END
};

static int operate(struct heap_fixture *f, enum operation op, struct tn_object *list,
                   struct tn_object *more, struct tn_object **item)
{
    switch (op) {
    case OP_NEW:
        return tn_list_new(f->mu, 100, item);
    case OP_APPEND:
        return tn_list_append(f->mu, list, item, NULL);
    case OP_INSERT:
        return tn_list_insert(f->mu, list, 1, item, NULL);
    case OP_EXTEND:
        return tn_list_extend(f->mu, list, more, NULL);
    case OP_EXTEND_SELF:
        return tn_list_extend(f->mu, list, list, NULL);
    case OP_SLICE:
        return tn_list_slice(f->mu, list, &(struct tn_slicing){ 0, 3, 1 }, item);
    default:
        return tn_list_pop(f->mu, list, 0, item, NULL);
    }
}

/* A list that is full, so that the next item needs memory, and nearly empty for
 * OP_POP, so that it wants to shrink. */
static int try_operation(struct heap_fixture *f, const void *arg)
{
    enum operation op = *(const enum operation *)arg;
    struct tn_object *list = list_of(f, op == OP_POP ? 100 : 4, op % 2 == 0);
    struct tn_object *more = list_of(f, 50, false);
    struct tn_object *item = NULL;
    bool takes = op == OP_APPEND || op == OP_INSERT;
    int r;

    for (int i = 0; op == OP_POP && i < 75; i++)
        (void)pop(f, list, -1);
    if (takes)
        item = test_int(f->mu, 1000);
    test_faults_begin();
    r = operate(f, op, list, more, &item);
    test_faults_end();
    assert_true((item == NULL) == (takes == (r == 0)) || op == OP_EXTEND || op == OP_EXTEND_SELF);
    if (r < 0) {
        EXPECT_ITEMS(f, list, 0, 1, 2, 3);
        assert_true(op != OP_POP);
    }
    if (op == OP_POP)
        assert_int_equal(tn_list_length(list), 24);
    tn_drop(f->mu, &item);
    tn_drop(f->mu, &list);
    tn_drop(f->mu, &more);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    for (enum operation op = OP_NEW; op < OP_END; op++)
        test_failing_allocations(f, try_operation, &op);
}

static void test_list_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

static void too_big(struct heap_fixture *f)
{
    struct tn_object *list = NULL;

    assert_int_equal(tn_list_new(f->mu, (size_t)UINT32_MAX + 1, &list), TN_ERR_TOO_BIG);
    assert_null(list);
}

static void test_list_too_big_is_refused(void **state)
{
    (void)state;
    test_in_all_modes(too_big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_get_finds_items_from_both_ends),
        cmocka_unit_test(test_list_set_replaces_and_drops),
        cmocka_unit_test(test_list_insert_goes_where_python_puts_it),
        cmocka_unit_test(test_list_pop_hands_the_item_over),
        cmocka_unit_test(test_list_pop_leaves_the_count),
        cmocka_unit_test(test_list_memory_follows_its_length),
        cmocka_unit_test(test_list_extend_takes_lists_tuples_and_itself),
        cmocka_unit_test(test_list_slice_is_clipped_as_in_python),
        cmocka_unit_test(test_list_contains_what_is_equal),
        cmocka_unit_test(test_list_may_hold_itself),
        cmocka_unit_test(test_list_large_dies_within_budget),
        cmocka_unit_test(test_list_without_memory_stays_as_it_was),
        cmocka_unit_test(test_list_too_big_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
