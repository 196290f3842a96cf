/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/types/deque_internal.h"
#include "tests/support/objects.h"

#define N_MAX 1500 /* items that are looked at: several levels of chunks */

static struct tn_object *deque_with(struct heap_fixture *f, uint32_t maxlen)
{
    struct tn_object *deque;

    assert_int_equal(tn_deque_new(f->mu, maxlen, &deque), 0);
    return deque;
}

static void push(struct heap_fixture *f, struct tn_object *deque, enum tn_deque_end end,
                 int64_t value)
{
    struct tn_object *item = test_int(f->mu, value);
    size_t length = 0;

    assert_int_equal(tn_deque_push(f->mu, deque, end, &item, &length), 0);
    assert_null(item);
    assert_int_equal(length, tn_deque_length(deque));
}

static int64_t pop(struct heap_fixture *f, struct tn_object *deque, enum tn_deque_end end)
{
    struct tn_object *item;
    size_t length = 0;
    int64_t value;

    assert_int_equal(tn_deque_pop(f->mu, deque, end, &item, &length), 0);
    assert_int_equal(length, tn_deque_length(deque));
    value = tn_int_value(item);
    tn_decref(f->mu, item);
    return value;
}

/* A deque of the ints from 0 to before `n`. */
static struct tn_object *deque_of(struct heap_fixture *f, int64_t n, bool is_published)
{
    struct tn_object *deque = deque_with(f, TN_DEQUE_NO_MAXLEN);

    if (is_published)
        tn_publish(f->mu, deque);
    for (int64_t i = 0; i < n; i++)
        push(f, deque, TN_DEQUE_RIGHT, i);
    return deque;
}

/* The deque holds these ints, whichever way one looks. */
static void expect_items(struct heap_fixture *f, struct tn_object *deque, size_t n,
                         const int64_t *values)
{
    struct tn_object *items[N_MAX];
    struct tn_object *item;
    uint64_t cursor = 0;
    size_t length = 0;
    size_t n_page;
    size_t at = 0;

    assert_true(n <= N_MAX);
    tn_deque_validate(deque);
    assert_int_equal(tn_deque_length(deque), n);
    assert_int_equal(tn_deque_snapshot(f->mu, deque, 0, N_MAX, items, &length), n);
    assert_int_equal(length, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tn_int_value(items[i]), values[i]);
        assert_int_equal(tn_deque_get(f->mu, deque, (int64_t)i, &item), 0);
        assert_ptr_equal(item, items[i]);
        assert_int_equal(tn_deque_get(f->mu, deque, (int64_t)i - (int64_t)n, &item), 0);
        assert_ptr_equal(item, items[i]);
    }
    assert_int_equal(tn_deque_get(f->mu, deque, (int64_t)n, &item), TN_ERR_INDEX);
    assert_int_equal(tn_deque_get(f->mu, deque, -(int64_t)n - 1, &item), TN_ERR_INDEX);
    do {
        tn_deque_scan(f->mu, deque, &cursor, 7, items, &n_page);
        for (size_t i = 0; i < n_page; i++)
            assert_int_equal(tn_int_value(items[i]), values[at++]);
    } while (cursor != 0);
    assert_int_equal(at, n);
}

#define EXPECT_ITEMS(f, deque, ...)                                                                \
    expect_items((f), (deque), sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t),               \
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

static void both_ends(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_of(f, 3, is_published);
    struct tn_object *item = NULL;

    EXPECT_ITEMS(f, deque, 0, 1, 2);
    push(f, deque, TN_DEQUE_LEFT, -1);
    push(f, deque, TN_DEQUE_LEFT, -2);
    EXPECT_ITEMS(f, deque, -2, -1, 0, 1, 2);
    assert_int_equal(pop(f, deque, TN_DEQUE_RIGHT), 2);
    assert_int_equal(pop(f, deque, TN_DEQUE_LEFT), -2);
    EXPECT_ITEMS(f, deque, -1, 0, 1);
    for (int i = 0; i < 3; i++)
        (void)pop(f, deque, i % 2 == 0 ? TN_DEQUE_LEFT : TN_DEQUE_RIGHT);
    expect_items(f, deque, 0, NULL);
    assert_int_equal(tn_deque_pop(f->mu, deque, TN_DEQUE_LEFT, &item, NULL), TN_ERR_INDEX);
    assert_int_equal(tn_deque_pop(f->mu, deque, TN_DEQUE_RIGHT, &item, NULL), TN_ERR_INDEX);
    assert_null(item);
    push(f, deque, TN_DEQUE_LEFT, 5);
    EXPECT_ITEMS(f, deque, 5);
    tn_decref(f->mu, deque);
}

static void test_deque_pushes_and_pops_at_both_ends(void **state)
{
    (void)state;
    in_all_modes(both_ends);
}

/* A queue that wanders, once in each direction: what is not in use goes back. */
static void wandering(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_of(f, 0, is_published);
    uint64_t bytes_empty = test_live_bytes(f);
    uint64_t bytes_max;
    int64_t in = 0;
    int64_t out = 0;

    for (int i = 0; i < 2000; i++) {
        push(f, deque, TN_DEQUE_RIGHT, in++);
        if (i >= 5)
            assert_int_equal(pop(f, deque, TN_DEQUE_LEFT), out++);
    }
    tn_deque_validate(deque);
    heap_fixture_settle(f);
    /* Two chunks and one node for each level below the root at most, and the ints. */
    bytes_max = bytes_empty + 2 * tn_chunks_bytes((struct tn_chunks_range){ 0, 1 }, 16) + 5 * 24;
    assert_true(test_live_bytes(f) <= bytes_max);
    in = out - 1;
    for (int i = 0; i < 2000; i++) {
        push(f, deque, TN_DEQUE_LEFT, in--);
        (void)pop(f, deque, TN_DEQUE_RIGHT);
    }
    assert_int_equal(tn_deque_length(deque), 5);
    EXPECT_ITEMS(f, deque, in + 1, in + 2, in + 3, in + 4, in + 5);
    while (tn_deque_length(deque) > 0)
        (void)pop(f, deque, TN_DEQUE_LEFT);
    heap_fixture_settle(f);
    assert_int_equal(test_live_bytes(f), bytes_empty);
    tn_decref(f->mu, deque);
}

static void test_deque_memory_follows_its_items(void **state)
{
    (void)state;
    in_all_modes(wandering);
}

static void setting(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_of(f, 3, is_published);
    struct tn_object *item = test_int(f->mu, 1000);
    struct tn_object *kept = item;

    assert_int_equal(tn_deque_set(f->mu, deque, 3, &item), TN_ERR_INDEX);
    assert_int_equal(tn_deque_set(f->mu, deque, -4, &item), TN_ERR_INDEX);
    assert_ptr_equal(item, kept);
    assert_int_equal(tn_deque_set(f->mu, deque, 1, &item), 0);
    assert_null(item);
    EXPECT_ITEMS(f, deque, 0, 1000, 2);
    item = test_int(f->mu, 2000);
    assert_int_equal(tn_deque_set(f->mu, deque, -2, &item), 0);
    EXPECT_ITEMS(f, deque, 0, 2000, 2);
    heap_fixture_settle(f);
    assert_int_equal(test_live_objs(f), 2); /* the deque and the second int */
    tn_decref(f->mu, deque);
}

static void test_deque_set_replaces_and_drops(void **state)
{
    (void)state;
    in_all_modes(setting);
}

static void bounded(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_with(f, 3);

    if (is_published)
        tn_publish(f->mu, deque);
    assert_int_equal(tn_deque_maxlen(deque), 3);
    for (int64_t i = 1000; i < 1005; i++)
        push(f, deque, TN_DEQUE_RIGHT, i);
    EXPECT_ITEMS(f, deque, 1002, 1003, 1004);
    push(f, deque, TN_DEQUE_LEFT, 1001);
    EXPECT_ITEMS(f, deque, 1001, 1002, 1003);
    for (int64_t i = 0; i < 200; i++) {
        push(f, deque, TN_DEQUE_RIGHT, 2000 + i);
        tn_deque_validate(deque);
    }
    EXPECT_ITEMS(f, deque, 2197, 2198, 2199);
    heap_fixture_settle(f);
    assert_int_equal(test_live_objs(f), 4);
    tn_decref(f->mu, deque);

    deque = deque_with(f, 0);
    push(f, deque, TN_DEQUE_RIGHT, 1000);
    push(f, deque, TN_DEQUE_LEFT, 1000);
    expect_items(f, deque, 0, NULL);
    tn_decref(f->mu, deque);
}

static void test_deque_with_maximum_pushes_out_the_other_end(void **state)
{
    (void)state;
    in_all_modes(bounded);
}

static size_t extend(struct heap_fixture *f, struct tn_object *deque, enum tn_deque_end end,
                     struct tn_object *from)
{
    size_t length = 0;

    assert_int_equal(tn_deque_extend(f->mu, deque, end, from, &length), 0);
    assert_int_equal(length, tn_deque_length(deque));
    return length;
}

static void extending(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_of(f, 2, is_published);
    struct tn_object *list = test_list_range(f->mu, 10, 13);
    struct tn_object *tuple = test_tuple_2(f->mu, test_int(f->mu, 20), test_int(f->mu, 21));
    struct tn_object *bounded_deque = deque_with(f, 4);
    struct tn_object *nothing = test_list(f->mu);

    (void)extend(f, deque, TN_DEQUE_RIGHT, list);
    EXPECT_ITEMS(f, deque, 0, 1, 10, 11, 12);
    (void)extend(f, deque, TN_DEQUE_LEFT, tuple);
    EXPECT_ITEMS(f, deque, 21, 20, 0, 1, 10, 11, 12);
    (void)extend(f, deque, TN_DEQUE_RIGHT, nothing);
    assert_int_equal(extend(f, deque, TN_DEQUE_LEFT, nothing), 7);
    assert_int_equal(tn_deque_extend(f->mu, deque, TN_DEQUE_LEFT, tn_none(f->heap), NULL),
                     TN_ERR_TYPE);

    (void)extend(f, bounded_deque, TN_DEQUE_RIGHT, list);
    (void)extend(f, bounded_deque, TN_DEQUE_RIGHT, tuple);
    EXPECT_ITEMS(f, bounded_deque, 11, 12, 20, 21);
    (void)extend(f, bounded_deque, TN_DEQUE_LEFT, tuple);
    EXPECT_ITEMS(f, bounded_deque, 21, 20, 11, 12);
    (void)extend(f, bounded_deque, TN_DEQUE_RIGHT, deque); /* more than it may have */
    EXPECT_ITEMS(f, bounded_deque, 1, 10, 11, 12);
    (void)extend(f, bounded_deque, TN_DEQUE_LEFT, deque);
    EXPECT_ITEMS(f, bounded_deque, 12, 11, 10, 1);
    (void)extend(f, bounded_deque, TN_DEQUE_LEFT, bounded_deque);
    EXPECT_ITEMS(f, bounded_deque, 1, 10, 11, 12);
    assert_int_equal(tn_list_extend(f->mu, list, bounded_deque, NULL), 0);
    assert_int_equal(tn_list_length(list), 7);
    tn_decref(f->mu, bounded_deque);

    bounded_deque = deque_with(f, 0);
    assert_int_equal(extend(f, bounded_deque, TN_DEQUE_LEFT, list), 0);
    tn_decref(f->mu, bounded_deque);
    tn_decref(f->mu, deque);
    tn_decref(f->mu, list);
    tn_decref(f->mu, tuple);
    tn_decref(f->mu, nothing);
}

static void test_deque_extend_takes_sequences_and_itself(void **state)
{
    (void)state;
    in_all_modes(extending);
}

static void rotating(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_of(f, 5, is_published);
    struct tn_object *many = deque_of(f, N_MAX, is_published);
    int64_t values[N_MAX];

    assert_int_equal(tn_deque_rotate(f->mu, deque, 1), 0);
    EXPECT_ITEMS(f, deque, 4, 0, 1, 2, 3);
    assert_int_equal(tn_deque_rotate(f->mu, deque, -3), 0);
    EXPECT_ITEMS(f, deque, 2, 3, 4, 0, 1);
    assert_int_equal(tn_deque_rotate(f->mu, deque, 0), 0);
    assert_int_equal(tn_deque_rotate(f->mu, deque, 10), 0);
    EXPECT_ITEMS(f, deque, 2, 3, 4, 0, 1);
    assert_int_equal(tn_deque_rotate(f->mu, deque, 13), 0);
    EXPECT_ITEMS(f, deque, 4, 0, 1, 2, 3);
    assert_int_equal(tn_deque_rotate(f->mu, deque, INT64_MIN), 0); /* 3 modulo 5, to the left */
    EXPECT_ITEMS(f, deque, 2, 3, 4, 0, 1);
    assert_int_equal(tn_deque_rotate(f->mu, deque, INT64_MAX), 0); /* 2 modulo 5 */
    EXPECT_ITEMS(f, deque, 0, 1, 2, 3, 4);
    tn_decref(f->mu, deque);

    assert_int_equal(tn_deque_rotate(f->mu, many, 1000), 0);
    for (int64_t i = 0; i < N_MAX; i++)
        values[i] = (i + N_MAX - 1000) % N_MAX;
    expect_items(f, many, N_MAX, values);
    assert_int_equal(tn_deque_rotate(f->mu, many, 700), 0);
    for (int64_t i = 0; i < N_MAX; i++)
        values[i] = (i + 2 * N_MAX - 1700) % N_MAX;
    expect_items(f, many, N_MAX, values);
    tn_decref(f->mu, many);

    deque = deque_of(f, 0, is_published);
    assert_int_equal(tn_deque_rotate(f->mu, deque, 3), 0);
    push(f, deque, TN_DEQUE_LEFT, 1);
    assert_int_equal(tn_deque_rotate(f->mu, deque, -3), 0);
    EXPECT_ITEMS(f, deque, 1);
    tn_decref(f->mu, deque);
}

static void test_deque_rotates_as_in_python(void **state)
{
    (void)state;
    in_all_modes(rotating);
}

static void clearing(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_of(f, 3000, is_published);
    uint64_t cursor = 0;
    struct tn_object *items[8];
    size_t n;

    tn_deque_scan(f->mu, deque, &cursor, 8, items, &n);
    assert_int_equal(n, 8);
    assert_true(cursor != 0);
    tn_deque_clear(f->mu, deque);
    expect_items(f, deque, 0, NULL);
    tn_deque_scan(f->mu, deque, &cursor, 8, items, &n);
    assert_int_equal(n, 0);
    assert_int_equal(cursor, 0);
    push(f, deque, TN_DEQUE_LEFT, 1000);
    EXPECT_ITEMS(f, deque, 1000);
    heap_fixture_settle(f);
    assert_int_equal(test_live_objs(f), 2);
    tn_deque_clear(f->mu, deque);
    tn_deque_clear(f->mu, deque);
    heap_fixture_settle(f);
    assert_int_equal(test_live_objs(f), 1);
    tn_decref(f->mu, deque);
}

static void test_deque_clear_leaves_nothing(void **state)
{
    (void)state;
    in_all_modes(clearing);
}

/* What is there from the first page to the last comes once, whatever else happens. */
static void scanning(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deque = deque_of(f, 500, is_published);
    int seen[500] = { 0 };
    struct tn_object *items[16];
    uint64_t cursor = 0;
    int64_t left = 0;
    int64_t right = 500;
    size_t n;

    for (int page = 0; page == 0 || cursor != 0; page++) {
        tn_deque_scan(f->mu, deque, &cursor, 16, items, &n);
        for (size_t i = 0; i < n; i++) {
            int64_t value = tn_int_value(items[i]);

            if (value >= 0 && value < 500)
                seen[value]++;
        }
        if (page % 2 == 0 && left < 100)
            assert_int_equal(pop(f, deque, TN_DEQUE_LEFT), left++);
        else if (left < 100)
            push(f, deque, TN_DEQUE_LEFT, --left);
        if (right > 400)
            assert_int_equal(pop(f, deque, TN_DEQUE_RIGHT), --right);
    }
    for (int i = 0; i < 500; i++)
        assert_true(seen[i] == 1 || (seen[i] == 0 && i >= 400));
    cursor = UINT64_MAX;
    tn_deque_scan(f->mu, deque, &cursor, 16, items, &n);
    assert_int_equal(n, 0);
    assert_int_equal(cursor, 0);
    tn_decref(f->mu, deque);
}

static void test_deque_scan_finds_what_stays_once(void **state)
{
    (void)state;
    in_all_modes(scanning);
}

static void comparing(struct heap_fixture *f, bool is_published)
{
    struct tn_object *a = deque_of(f, 100, is_published);
    struct tn_object *b = deque_with(f, 100);
    struct tn_object *list = test_list_range(f->mu, 0, 100);
    struct tn_object *value = test_float(f->mu, 99.0);
    struct tn_object *other = test_str(f->mu, "99");
    bool contains = false;
    uint64_t length = 0;
    uint32_t hash;

    (void)extend(f, b, TN_DEQUE_RIGHT, list);
    assert_true(test_is_equal(f, a, b));
    assert_false(test_is_equal(f, a, list));
    (void)pop(f, b, TN_DEQUE_RIGHT);
    assert_false(test_is_equal(f, a, b));
    push(f, b, TN_DEQUE_RIGHT, 1);
    assert_false(test_is_equal(f, a, b));
    assert_int_equal(tn_hash(f->heap, a, &hash), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_length(a, &length), 0);
    assert_int_equal(length, 100);
    assert_int_equal(tn_deque_contains(f->mu, a, value, &contains), 0);
    assert_true(contains);
    assert_int_equal(tn_deque_contains(f->mu, a, other, &contains), 0);
    assert_false(contains);
    assert_string_equal(tn_type_name(TN_TYPE_DEQUE), "deque");
    tn_decref(f->mu, a);
    tn_decref(f->mu, b);
    tn_decref(f->mu, list);
    tn_decref(f->mu, value);
    tn_decref(f->mu, other);
}

static void test_deque_is_equal_by_content(void **state)
{
    (void)state;
    in_all_modes(comparing);
}

/* A deque that holds itself is found by identity, and comparing it ends. */
static void cycles(struct heap_fixture *f, bool is_published)
{
    struct tn_object *deques[2] = { deque_of(f, 0, is_published), deque_of(f, 0, is_published) };
    struct tn_deep_size size;
    bool is_equal;

    for (int i = 0; i < 2; i++) {
        struct tn_object *item = deques[i];

        tn_incref(f->mu, item);
        assert_int_equal(tn_deque_push(f->mu, item, TN_DEQUE_LEFT, &item, NULL), 0);
    }
    assert_true(test_is_equal(f, deques[0], deques[0]));
    assert_int_equal(tn_equal(f->heap, deques[0], deques[1], &is_equal), TN_ERR_TOO_DEEP);
    assert_int_equal(tn_deep_size(deques[0], UINT64_MAX, &size), 0);
    assert_int_equal(size.n_objs, 1);
    assert_int_equal(size.bytes, tn_shallow_bytes(deques[0]));
    assert_true(size.bytes > 48);
    for (int i = 0; i < 2; i++) {
        tn_deque_clear(f->mu, deques[i]);
        assert_int_equal(tn_shallow_bytes(deques[i]), 48);
        tn_decref(f->mu, deques[i]);
    }
}

static void test_deque_may_hold_itself(void **state)
{
    (void)state;
    in_all_modes(cycles);
}

/* A deque of many items dies, and is cleared, in steps of the budget. */
static void dies_in_steps(struct heap_fixture *f, bool is_published)
{
    for (int is_cleared = 0; is_cleared < 2; is_cleared++) {
        struct tn_object *deque = deque_of(f, 20000, is_published);
        struct tn_census census;
        size_t n_steps = 0;

        if (is_cleared == 1)
            tn_deque_clear(f->mu, deque);
        tn_decref(f->mu, deque);
        do {
            (void)tn_thread_safepoint(f->thread, 64);
            tn_census_take(f->heap, &census);
            n_steps++;
        } while (census.dying_objs > 0);
        assert_true(n_steps >= 20000 / 64);
    }
}

static void test_deque_large_dies_within_budget(void **state)
{
    (void)state;
    in_all_modes(dies_in_steps);
}

/* ---- Without memory ---- */

enum operation {
    OP_NEW,
    OP_PUSH,
    OP_PUSH_LEFT,
    OP_PUSH_OUT,
    OP_EXTEND,
    OP_EXTEND_LEFT,
    OP_EXTEND_SELF,
    OP_ROTATE,
    OP_POP,
    OP_CLEAR,
    OP_END
};

static int operate(struct heap_fixture *f, enum operation op, struct tn_object *deque,
                   struct tn_object *more, struct tn_object **item)
{
    switch (op) {
    case OP_NEW:
        return tn_deque_new(f->mu, 5, item);
    case OP_PUSH:
    case OP_PUSH_OUT:
        return tn_deque_push(f->mu, deque, TN_DEQUE_RIGHT, item, NULL);
    case OP_PUSH_LEFT:
        return tn_deque_push(f->mu, deque, TN_DEQUE_LEFT, item, NULL);
    case OP_EXTEND:
        return tn_deque_extend(f->mu, deque, TN_DEQUE_RIGHT, more, NULL);
    case OP_EXTEND_LEFT:
        return tn_deque_extend(f->mu, deque, TN_DEQUE_LEFT, more, NULL);
    case OP_EXTEND_SELF:
        return tn_deque_extend(f->mu, deque, TN_DEQUE_LEFT, deque, NULL);
    case OP_ROTATE:
        return tn_deque_rotate(f->mu, deque, 70);
    case OP_POP:
        return tn_deque_pop(f->mu, deque, TN_DEQUE_LEFT, item, NULL);
    default:
        tn_deque_clear(f->mu, deque);
        return 0;
    }
}

/* The chunks at both ends are full, so that the next item needs memory. */
static int try_operation(struct heap_fixture *f, const void *arg)
{
    enum operation op = *(const enum operation *)arg;
    struct tn_object *deque = deque_with(f, op == OP_PUSH_OUT ? 4 * TN_CHUNK_SLOTS : UINT32_MAX);
    struct tn_object *more = test_list_range(f->mu, 0, 150);
    struct tn_object *item = NULL;
    bool takes = op == OP_PUSH || op == OP_PUSH_LEFT || op == OP_PUSH_OUT;
    int64_t values[4 * TN_CHUNK_SLOTS];
    int64_t left = 2 * TN_CHUNK_SLOTS;
    int64_t right = left;
    int r;

    if (op % 2 == 0)
        tn_publish(f->mu, deque);
    while (right < 4 * TN_CHUNK_SLOTS) {
        push(f, deque, TN_DEQUE_LEFT, --left);
        push(f, deque, TN_DEQUE_RIGHT, right++);
    }
    for (int64_t i = 0; i < 4 * TN_CHUNK_SLOTS; i++)
        values[i] = i;
    /* Until the window begins with a chunk and, being as long as four, ends with one. */
    while (tn_deque_window_locked(tn_deque_const(deque)).first % TN_CHUNK_SLOTS != 0)
        assert_int_equal(tn_deque_rotate(f->mu, deque, 1), 0);
    for (int64_t i = 0; i < 4 * TN_CHUNK_SLOTS; i++) {
        item = test_int(f->mu, i);
        assert_int_equal(tn_deque_set(f->mu, deque, i, &item), 0);
    }
    if (takes)
        item = test_int(f->mu, 1000);
    test_faults_begin();
    r = operate(f, op, deque, more, &item);
    test_faults_end();
    tn_deque_validate(deque);
    if (r < 0) {
        assert_true((item != NULL) == takes);
        expect_items(f, deque, 4 * TN_CHUNK_SLOTS, values);
        assert_true(op != OP_POP && op != OP_CLEAR);
    }
    if (op == OP_CLEAR)
        assert_int_equal(tn_deque_length(deque), 0);
    tn_drop(f->mu, &item);
    tn_drop(f->mu, &deque);
    tn_drop(f->mu, &more);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    for (enum operation op = OP_NEW; op < OP_END; op++)
        test_failing_allocations(f, try_operation, &op);
}

static void test_deque_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

/* ---- At random, beside an array ---- */

struct model {
    int64_t values[N_MAX];
    size_t n;
    size_t maxlen;
};

static void model_push(struct model *m, enum tn_deque_end end, int64_t value)
{
    bool is_left = end == TN_DEQUE_LEFT;

    if (m->maxlen == 0)
        return;
    if (m->n == m->maxlen) {
        for (size_t i = 1; !is_left && i < m->n; i++)
            m->values[i - 1] = m->values[i];
        m->n--;
    }
    for (size_t i = m->n; is_left && i > 0; i--)
        m->values[i] = m->values[i - 1];
    m->values[is_left ? 0 : m->n] = value;
    m->n++;
}

static int64_t model_pop(struct model *m, enum tn_deque_end end)
{
    int64_t value = m->values[end == TN_DEQUE_LEFT ? 0 : m->n - 1];

    m->n--;
    for (size_t i = 0; end == TN_DEQUE_LEFT && i < m->n; i++)
        m->values[i] = m->values[i + 1];
    return value;
}

static void extend_both(struct heap_fixture *f, struct tn_object *deque, struct model *m,
                        enum tn_deque_end end, int64_t first, int64_t n)
{
    struct tn_object *list = test_list_range(f->mu, first, first + n);

    if (m->n + (size_t)n > N_MAX && m->maxlen > N_MAX)
        n = 0;
    else
        (void)extend(f, deque, end, list);
    for (int64_t i = 0; i < n; i++)
        model_push(m, end, first + i);
    tn_decref(f->mu, list);
}

static void rotate_both(struct heap_fixture *f, struct tn_object *deque, struct model *m, int64_t n)
{
    assert_int_equal(tn_deque_rotate(f->mu, deque, n), 0);
    for (; n > 0 && m->n > 0; n--)
        model_push(m, TN_DEQUE_LEFT, model_pop(m, TN_DEQUE_RIGHT));
    for (; n < 0 && m->n > 0; n++)
        model_push(m, TN_DEQUE_RIGHT, model_pop(m, TN_DEQUE_LEFT));
}

static void step_both(struct heap_fixture *f, struct tn_object *deque, struct model *m,
                      uint64_t *random)
{
    enum tn_deque_end end = test_random(random) % 2 == 0 ? TN_DEQUE_LEFT : TN_DEQUE_RIGHT;
    int64_t value = (int64_t)(test_random(random) % 100000);
    struct tn_object *item;

    switch (test_random(random) % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        if (m->n == N_MAX)
            break;
        push(f, deque, end, value);
        model_push(m, end, value);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        if (m->n > 0)
            assert_int_equal(pop(f, deque, end), model_pop(m, end));
        break;
    case 10:
    case 11:
        extend_both(f, deque, m, end, value, value % 40);
        break;
    case 12:
        rotate_both(f, deque, m, value % 300 - 150);
        break;
    case 13:
        if (m->n == 0)
            break;
        item = test_int(f->mu, value);
        assert_int_equal(tn_deque_set(f->mu, deque, value % (int64_t)m->n, &item), 0);
        m->values[value % (int64_t)m->n] = value;
        break;
    case 14:
        if (value % 50 != 0)
            break;
        tn_deque_clear(f->mu, deque);
        m->n = 0;
        break;
    default:
        (void)tn_thread_safepoint(f->thread, (size_t)value % 50);
    }
}

static void agree(struct heap_fixture *f, bool is_published)
{
    static const uint32_t maxlens[] = { TN_DEQUE_NO_MAXLEN, 0, 1, 7, 3 * TN_CHUNK_SLOTS, 500 };
    static struct model m;
    uint64_t random = test_seed();

    for (size_t k = 0; k < TN_ARRAY_LEN(maxlens); k++) {
        struct tn_object *deque = deque_with(f, maxlens[k]);

        if (is_published)
            tn_publish(f->mu, deque);
        m.n = 0;
        m.maxlen = maxlens[k];
        for (int i = 0; i < 3000; i++) {
            step_both(f, deque, &m, &random);
            if (i % 32 == 0)
                expect_items(f, deque, m.n, m.values);
        }
        expect_items(f, deque, m.n, m.values);
        tn_decref(f->mu, deque);
        heap_fixture_expect_empty(f);
    }
}

static void test_deque_agrees_with_model(void **state)
{
    (void)state;
    in_all_modes(agree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deque_pushes_and_pops_at_both_ends),
        cmocka_unit_test(test_deque_memory_follows_its_items),
        cmocka_unit_test(test_deque_set_replaces_and_drops),
        cmocka_unit_test(test_deque_with_maximum_pushes_out_the_other_end),
        cmocka_unit_test(test_deque_extend_takes_sequences_and_itself),
        cmocka_unit_test(test_deque_rotates_as_in_python),
        cmocka_unit_test(test_deque_clear_leaves_nothing),
        cmocka_unit_test(test_deque_scan_finds_what_stays_once),
        cmocka_unit_test(test_deque_is_equal_by_content),
        cmocka_unit_test(test_deque_may_hold_itself),
        cmocka_unit_test(test_deque_large_dies_within_budget),
        cmocka_unit_test(test_deque_without_memory_stays_as_it_was),
        cmocka_unit_test(test_deque_agrees_with_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
