/* SPDX-License-Identifier: MIT */
/*
 * Deques under stress: readers and writers on deques of different kinds.
 *
 *   window  one thread appends 0, 1, 2 ..., another takes them out at the left: so
 *           whatever is seen at one moment are consecutive numbers, and what is
 *           seen at one index only grows
 *   bag     all threads put in and take out at both ends, and clear; the counts of
 *           what has gone must agree with what is left
 *   ring    as many items as it has from the beginning, rotated and pushed out by
 *           their successors: so whatever is seen at one moment is one after the
 *           other, modulo their number, and so many are seen always
 *   middle  numbers that stay throughout, with others that come and go on both
 *           sides: each scan finds each of them exactly once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/types/deque_internal.h"
#include "tests/support/actors.h"
#include "tests/support/objects.h"

#define FIRST 1000 /* the ints are no small ones */
#define N_WINDOW_MAX 150
#define N_BAG_MAX 300
#define N_RING 100
#define N_MIDDLE 150
#define N_AROUND_MAX 200 /* more than the middle */

struct world {
    struct tn_object *window;
    struct tn_object *bag;
    struct tn_object *ring;
    struct tn_object *middle;
    /* of one actor each */
    int64_t next_in;
    int64_t next_out;
    /* the newest that each has seen at the right end of the window */
    int64_t newest[TEST_ACTORS_MAX];
    /* what is in the bag by the account of each */
    int64_t counts[TEST_ACTORS_MAX];
    bool is_cleared[TEST_ACTORS_MAX]; /* then nobody knows */
};

static struct tn_object *new_int(struct test_actor *actor, int64_t value)
{
    struct tn_object *o = NULL;

    TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, value, &o) == 0);
    return o;
}

/* Holds on to a borrowed item and looks at it again. */
static int64_t value_of(struct test_actor *actor, struct tn_object *item)
{
    int64_t value;

    TEST_ACTOR_EXPECT(actor, item->type == TN_TYPE_INT);
    value = tn_int_value(item);
    if (test_actor_any(actor, 4) == 0 && tn_tryref(actor->mu, item)) {
        TEST_ACTOR_EXPECT(actor, tn_int_value(item) == value);
        tn_decref(actor->mu, item);
    }
    return value;
}

static enum tn_deque_end any_end(struct test_actor *actor)
{
    return test_actor_any(actor, 2) == 0 ? TN_DEQUE_LEFT : TN_DEQUE_RIGHT;
}

/* ---- The window ---- */

static void window_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *item;

    if (actor->index == 0 && tn_deque_length(w->window) < N_WINDOW_MAX) {
        item = new_int(actor, FIRST + w->next_in++);
        TEST_ACTOR_EXPECT(actor,
                          tn_deque_push(actor->mu, w->window, TN_DEQUE_RIGHT, &item, NULL) == 0);
    }
    if (actor->index == 1 && tn_deque_pop(actor->mu, w->window, TN_DEQUE_LEFT, &item, NULL) == 0) {
        TEST_ACTOR_EXPECT(actor, tn_int_value(item) == FIRST + w->next_out);
        w->next_out++;
        tn_decref(actor->mu, item);
    }
}

/* What is last in the window only grows, too. */
static void expect_newer(struct test_actor *actor, int64_t last)
{
    struct world *w = actor->world;

    TEST_ACTOR_EXPECT(actor, last >= w->newest[actor->index]);
    w->newest[actor->index] = last;
}

static void window_read_many(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *items[N_WINDOW_MAX];
    size_t start = test_actor_any(actor, 5);
    size_t length = 0;
    size_t n = tn_deque_snapshot(actor->mu, w->window, start, N_WINDOW_MAX, items, &length);

    TEST_ACTOR_EXPECT(actor, length <= N_WINDOW_MAX);
    TEST_ACTOR_EXPECT(actor, n == (length > start ? length - start : 0));
    for (size_t i = 1; i < n; i++)
        TEST_ACTOR_EXPECT(actor, tn_int_value(items[i]) == tn_int_value(items[0]) + (int64_t)i);
    if (n > 0)
        expect_newer(actor, tn_int_value(items[n - 1]));
}

/* One after the other, each must be as new as the one before says. */
static void window_read_one_by_one(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *item;
    int64_t least = 0; /* of what is first */

    for (int i = 0; i < 6; i++) {
        int64_t index = (int64_t)test_actor_any(actor, 5) - 2;

        if (tn_deque_get(actor->mu, w->window, index, &item) < 0)
            continue;
        if (index >= 0) {
            int64_t first = value_of(actor, item) - index;

            TEST_ACTOR_EXPECT(actor, first >= least);
            least = first;
        } else if (index == -1) {
            expect_newer(actor, value_of(actor, item));
        } else {
            TEST_ACTOR_EXPECT(actor, value_of(actor, item) >= least);
        }
    }
}

/* What a scan finds grows, and a page has no gaps. */
static void window_scan(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *items[16];
    uint64_t cursor = 0;
    int64_t last = -1;
    size_t n;

    do {
        tn_deque_scan(actor->mu, w->window, &cursor, 16, items, &n);
        for (size_t i = 0; i < n; i++) {
            int64_t value = tn_int_value(items[i]);

            TEST_ACTOR_EXPECT(actor, value > last);
            last = value;
        }
    } while (cursor != 0);
}

/* ---- The bag ---- */

static void bag_put(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *item = new_int(actor, FIRST);
    struct tn_object *tuple;
    size_t n = test_actor_any(actor, 2) == 0 ? 1 : 20;

    if (tn_deque_length(w->bag) > N_BAG_MAX) {
        tn_decref(actor->mu, item);
        return;
    }
    w->counts[actor->index] += (int64_t)n;
    if (n == 1) {
        TEST_ACTOR_EXPECT(actor,
                          tn_deque_push(actor->mu, w->bag, any_end(actor), &item, NULL) == 0);
        return;
    }
    TEST_ACTOR_EXPECT(actor, tn_tuple_new(actor->mu, n, &tuple) == 0);
    for (size_t i = 0; i < n; i++) {
        struct tn_object *same = item;

        tn_incref(actor->mu, same);
        tn_tuple_fill(actor->mu, tuple, i, &same);
    }
    TEST_ACTOR_EXPECT(actor, tn_deque_extend(actor->mu, w->bag, any_end(actor), tuple, NULL) == 0);
    tn_decref(actor->mu, tuple);
    tn_decref(actor->mu, item);
}

static void bag_take(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *item;

    if (tn_deque_pop(actor->mu, w->bag, any_end(actor), &item, NULL) < 0)
        return;
    TEST_ACTOR_EXPECT(actor, value_of(actor, item) == FIRST);
    w->counts[actor->index]--;
    tn_decref(actor->mu, item);
}

static void bag_empty(struct test_actor *actor)
{
    struct world *w = actor->world;

    if (test_actor_any(actor, 300) == 0) {
        tn_deque_clear(actor->mu, w->bag);
        w->is_cleared[actor->index] = true;
    }
    for (unsigned int n = 0; n < N_BAG_MAX && test_actor_any(actor, 300) != 0; n++)
        bag_take(actor);
}

/* ---- The ring ---- */

static void ring_turn(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t n = (int64_t)test_actor_any(actor, 2 * N_RING) - N_RING;

    if (actor->index == 0)
        TEST_ACTOR_EXPECT(actor, tn_deque_rotate(actor->mu, w->ring, n) == 0);
}

/* The one actor that changes the ring adds what comes next. */
static void ring_push(struct test_actor *actor)
{
    struct world *w = actor->world;
    enum tn_deque_end end = any_end(actor);
    struct tn_object *item;
    int64_t next;

    if (actor->index != 0)
        return;
    TEST_ACTOR_EXPECT(actor,
                      tn_deque_get(actor->mu, w->ring, end == TN_DEQUE_LEFT ? 0 : -1, &item) == 0);
    next = tn_int_value(item) - FIRST + (end == TN_DEQUE_LEFT ? N_RING - 1 : 1);
    item = new_int(actor, FIRST + next % N_RING);
    TEST_ACTOR_EXPECT(actor, tn_deque_push(actor->mu, w->ring, end, &item, NULL) == 0);
}

static void ring_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *items[N_RING + 1];
    struct tn_object *item;
    int64_t at = (int64_t)test_actor_any(actor, N_RING);
    size_t n = tn_deque_snapshot(actor->mu, w->ring, 0, N_RING + 1, items, NULL);

    TEST_ACTOR_EXPECT(actor, n == N_RING);
    for (size_t i = 1; i < n; i++)
        TEST_ACTOR_EXPECT(actor, (tn_int_value(items[i - 1]) - FIRST + 1) % N_RING ==
                                     tn_int_value(items[i]) - FIRST);
    TEST_ACTOR_EXPECT(actor, tn_deque_get(actor->mu, w->ring, at - N_RING, &item) == 0);
    (void)value_of(actor, item);
    TEST_ACTOR_EXPECT(actor, tn_deque_length(w->ring) == N_RING);
}

/* ---- The middle ---- */

/* Pushes at one end, or pops there as long as nothing of the middle is met. The left
 * belongs to one actor, the right to another. */
static void middle_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    enum tn_deque_end end = actor->index == 0 ? TN_DEQUE_LEFT : TN_DEQUE_RIGHT;
    struct tn_object *item;

    if (actor->index > 1)
        return;
    if (test_actor_any(actor, 2) == 0 && tn_deque_length(w->middle) < N_MIDDLE + N_AROUND_MAX) {
        item = new_int(actor, FIRST + N_MIDDLE);
        TEST_ACTOR_EXPECT(actor, tn_deque_push(actor->mu, w->middle, end, &item, NULL) == 0);
        return;
    }
    TEST_ACTOR_EXPECT(
        actor, tn_deque_get(actor->mu, w->middle, end == TN_DEQUE_LEFT ? 0 : -1, &item) == 0);
    if (tn_int_value(item) != FIRST + N_MIDDLE)
        return;
    TEST_ACTOR_EXPECT(actor, tn_deque_pop(actor->mu, w->middle, end, &item, NULL) == 0);
    tn_decref(actor->mu, item);
}

static void middle_scan(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *items[8];
    uint64_t cursor = 0;
    int64_t next = 0;
    bool contains = true;
    size_t n;

    do {
        tn_deque_scan(actor->mu, w->middle, &cursor, 1 + test_actor_any(actor, 8), items, &n);
        for (size_t i = 0; i < n; i++) {
            int64_t value = tn_int_value(items[i]) - FIRST;

            if (value == N_MIDDLE)
                continue;
            TEST_ACTOR_EXPECT(actor, value == next);
            next++;
        }
    } while (cursor != 0);
    TEST_ACTOR_EXPECT(actor, next == N_MIDDLE);
    TEST_ACTOR_EXPECT(
        actor, tn_deque_contains(actor->mu, w->middle, tn_none(actor->heap), &contains) == 0);
    TEST_ACTOR_EXPECT(actor, !contains);
}

static void step(struct test_actor *actor)
{
    window_write(actor);
    middle_write(actor);
    switch (test_actor_any(actor, 10)) {
    case 0:
        window_read_many(actor);
        break;
    case 1:
        window_read_one_by_one(actor);
        break;
    case 2:
        window_scan(actor);
        break;
    case 3:
        bag_put(actor);
        break;
    case 4:
        bag_take(actor);
        break;
    case 5:
        ring_push(actor);
        break;
    case 6:
        ring_read(actor);
        break;
    case 7:
        middle_scan(actor);
        break;
    case 8:
        if (test_actor_any(actor, 16) == 0)
            ring_turn(actor);
        break;
    default:
        if (test_actor_any(actor, 64) == 0)
            bag_empty(actor);
    }
}

static struct tn_object *deque_of(struct heap_fixture *f, uint32_t maxlen, int64_t n)
{
    struct tn_object *deque;

    assert_int_equal(tn_deque_new(f->mu, maxlen, &deque), 0);
    tn_publish(f->mu, deque);
    for (int64_t i = 0; i < n; i++) {
        struct tn_object *item = test_int(f->mu, FIRST + i);

        assert_int_equal(tn_deque_push(f->mu, deque, TN_DEQUE_RIGHT, &item, NULL), 0);
    }
    return deque;
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static struct world w;
    uint64_t n_steps;
    int64_t count = 0;
    bool is_cleared = false;

    w = (struct world){
        .window = deque_of(f, TN_DEQUE_NO_MAXLEN, 0),
        .bag = deque_of(f, TN_DEQUE_NO_MAXLEN, 0),
        .ring = deque_of(f, N_RING, N_RING),
        .middle = deque_of(f, TN_DEQUE_NO_MAXLEN, N_MIDDLE),
    };
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, NULL, &w);
    assert_int_equal(tn_deque_length(w.window), w.next_in - w.next_out);
    for (unsigned int i = 0; i < n_actors; i++) {
        count += w.counts[i];
        is_cleared = is_cleared || w.is_cleared[i];
    }
    assert_true(is_cleared ? (int64_t)tn_deque_length(w.bag) <= count
                           : (int64_t)tn_deque_length(w.bag) == count);
    tn_deque_validate(w.window);
    tn_deque_validate(w.bag);
    tn_deque_validate(w.ring);
    tn_deque_validate(w.middle);
    tn_decref(f->mu, w.window);
    tn_decref(f->mu, w.bag);
    tn_decref(f->mu, w.ring);
    tn_decref(f->mu, w.middle);
    return n_steps;
}

static void test_deques_under_stress_stay_consistent(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deques_under_stress_stay_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
