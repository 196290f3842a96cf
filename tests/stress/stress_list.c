/* SPDX-License-Identifier: MIT */
/*
 * Lists under stress: readers and writers on lists of different kinds.
 *
 *   window  one thread appends 0, 1, 2 ..., another takes them out at the front:
 *           so whatever is seen at one moment are consecutive numbers, and what is
 *           seen at one index only grows
 *   bag     all threads put in and take out anywhere; the sums must agree at the
 *           end
 *   board   as many places as it has from the beginning; what is put in says
 *           where it belongs
 *   ladder  one thread inserts 0, 1, 2 ... at the front; so from the end they are
 *           0, 1, 2 ... always
 *   flag    one thread replaces slices of any length by others; so at one moment all
 *           items are the same, but for the length
 *   wave    one thread overwrites all items in turn, first with 0s, then with 1s
 *           ...; so at one moment there is at most one step, downwards
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/actors.h"
#include "tests/support/objects.h"

#define FIRST 1000       /* the ints are no small ones */
#define N_WINDOW_MAX 150 /* items */
#define N_BAG_MAX 200
#define N_BOARD 24
#define N_LADDER_MAX 1500
#define N_WAVE 12
#define N_FLAG_MAX 20

struct world {
    struct tn_object *window;
    struct tn_object *bag;
    struct tn_object *board;
    struct tn_object *ladder;
    struct tn_object *wave;
    struct tn_object *flag;
    /* of one actor each */
    int64_t next_in;
    int64_t next_out;
    int64_t next_wave;
    /* what each has put into the bag, less what it has taken out */
    int64_t sums[TEST_ACTORS_MAX];
    int64_t counts[TEST_ACTORS_MAX];
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

/* ---- The window ---- */

static void window_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *item;

    if (actor->index == 0 && tn_list_length(w->window) < N_WINDOW_MAX) {
        item = new_int(actor, FIRST + w->next_in++);
        TEST_ACTOR_EXPECT(actor, tn_list_append(actor->mu, w->window, &item, NULL) == 0);
    }
    if (actor->index == 1 && tn_list_pop(actor->mu, w->window, 0, &item, NULL) == 0) {
        TEST_ACTOR_EXPECT(actor, tn_int_value(item) == FIRST + w->next_out);
        w->next_out++;
        tn_decref(actor->mu, item);
    }
}

/* Consecutive numbers, not all of which need be looked at. */
static void expect_run(struct test_actor *actor, struct tn_object **items, size_t n)
{
    for (size_t i = 1; i < n; i++)
        TEST_ACTOR_EXPECT(actor, tn_int_value(items[i]) == tn_int_value(items[0]) + (int64_t)i);
}

static void window_read_many(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *items[N_WINDOW_MAX];
    struct tn_object *slice;
    size_t length = 0;
    size_t n;

    if (test_actor_any(actor, 2) == 0) {
        size_t start = test_actor_any(actor, 5);

        n = tn_list_snapshot(actor->mu, w->window, start, N_WINDOW_MAX, items, &length);
        TEST_ACTOR_EXPECT(actor, length <= N_WINDOW_MAX);
        TEST_ACTOR_EXPECT(actor, n == (length > start ? length - start : 0));
        expect_run(actor, items, n);
        return;
    }
    TEST_ACTOR_EXPECT(actor, tn_list_slice(actor->mu, w->window,
                                           &(struct tn_slicing){ -20, 1000, 1 }, &slice) == 0);
    n = tn_list_snapshot(actor->mu, slice, 0, N_WINDOW_MAX, items, NULL);
    TEST_ACTOR_EXPECT(actor, n <= 20);
    expect_run(actor, items, n);
    tn_decref(actor->mu, slice);
}

/* One after the other, each must be as new as the one before says. */
static void window_read_one_by_one(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *item;
    int64_t least = 0; /* of what is first in the list */

    for (int i = 0; i < 6; i++) {
        int64_t index = (int64_t)test_actor_any(actor, 4) - 1;

        if (tn_list_get(actor->mu, w->window, index, &item) < 0)
            continue;
        if (index >= 0) {
            int64_t first = value_of(actor, item) - index;

            TEST_ACTOR_EXPECT(actor, first >= least);
            least = first;
        } else {
            TEST_ACTOR_EXPECT(actor, value_of(actor, item) >= least);
        }
    }
}

/* ---- The bag ---- */

static void bag_put(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t value = FIRST + (int64_t)test_actor_any(actor, 100000);
    struct tn_object *item = new_int(actor, value);
    struct tn_object *pair;
    int r;

    if (tn_list_length(w->bag) > N_BAG_MAX) {
        tn_decref(actor->mu, item);
        return;
    }
    switch (test_actor_any(actor, 3)) {
    case 0:
        r = tn_list_append(actor->mu, w->bag, &item, NULL);
        break;
    case 1:
        r = tn_list_insert(actor->mu, w->bag, (int64_t)test_actor_any(actor, N_BAG_MAX), &item,
                           NULL);
        break;
    default:
        TEST_ACTOR_EXPECT(actor, tn_list_new(actor->mu, 2, &pair) == 0);
        tn_incref(actor->mu, item);
        w->sums[actor->index] += value;
        w->counts[actor->index]++;
        for (int i = 0; i < 2; i++) {
            struct tn_object *same = item;

            TEST_ACTOR_EXPECT(actor, tn_list_append(actor->mu, pair, &same, NULL) == 0);
        }
        r = tn_list_extend(actor->mu, w->bag, pair, NULL);
        tn_decref(actor->mu, pair);
    }
    TEST_ACTOR_EXPECT(actor, r == 0);
    w->sums[actor->index] += value;
    w->counts[actor->index]++;
}

static void bag_take(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t index = (int64_t)test_actor_any(actor, N_BAG_MAX) - N_BAG_MAX / 2;
    struct tn_object *item;

    if (tn_list_pop(actor->mu, w->bag, index, &item, NULL) < 0)
        return;
    w->sums[actor->index] -= value_of(actor, item);
    w->counts[actor->index]--;
    tn_decref(actor->mu, item);
}

/* Takes out all but a few, so that the list shrinks. */
static void bag_drain(struct test_actor *actor)
{
    struct world *w = actor->world;

    while (actor->failure == NULL && tn_list_length(w->bag) > 3)
        bag_take(actor);
}

/* ---- The board ---- */

static void board_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    size_t at = test_actor_any(actor, N_BOARD);
    struct tn_object *item =
        new_int(actor, FIRST + (int64_t)(at + N_BOARD * test_actor_any(actor, 1000)));

    TEST_ACTOR_EXPECT(actor, tn_list_set(actor->mu, w->board, (int64_t)at, &item) == 0);
}

static void board_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *items[N_BOARD];
    int64_t at = (int64_t)test_actor_any(actor, N_BOARD);
    bool contains = true;

    TEST_ACTOR_EXPECT(actor, tn_list_get(actor->mu, w->board, at - N_BOARD, &items[0]) == 0);
    TEST_ACTOR_EXPECT(actor, (value_of(actor, items[0]) - FIRST) % N_BOARD == at);
    TEST_ACTOR_EXPECT(actor,
                      tn_list_snapshot(actor->mu, w->board, 0, N_BOARD, items, NULL) == N_BOARD);
    for (int64_t i = 0; i < N_BOARD; i++)
        TEST_ACTOR_EXPECT(actor, (tn_int_value(items[i]) - FIRST) % N_BOARD == i);
    TEST_ACTOR_EXPECT(actor,
                      tn_list_contains(actor->mu, w->board, tn_none(actor->heap), &contains) == 0);
    TEST_ACTOR_EXPECT(actor, !contains);
}

/* ---- The ladder ---- */

static void ladder_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t length = (int64_t)tn_list_length(w->ladder);
    struct tn_object *item;

    if (actor->index != 0 || length == N_LADDER_MAX)
        return;
    item = new_int(actor, FIRST + length);
    TEST_ACTOR_EXPECT(actor, tn_list_insert(actor->mu, w->ladder, 0, &item, NULL) == 0);
}

static void ladder_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t length = (int64_t)tn_list_length(w->ladder);
    int64_t from_end = 1 + (int64_t)test_actor_any(actor, 20);
    struct tn_object *item;

    if (length == 0)
        return;
    /* What the length promises is there; what is there has made the list longer. */
    TEST_ACTOR_EXPECT(actor, tn_list_get(actor->mu, w->ladder, 0, &item) == 0);
    TEST_ACTOR_EXPECT(actor, value_of(actor, item) >= FIRST + length - 1);
    TEST_ACTOR_EXPECT(actor, (int64_t)tn_list_length(w->ladder) > tn_int_value(item) - FIRST);
    if (tn_list_get(actor->mu, w->ladder, -from_end, &item) == 0)
        TEST_ACTOR_EXPECT(actor, tn_int_value(item) == FIRST + from_end - 1);
    else
        TEST_ACTOR_EXPECT(actor, length < from_end);
}

/* ---- The wave ---- */

static void wave_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *item;

    if (actor->index != 1)
        return;
    item = new_int(actor, FIRST + w->next_wave / N_WAVE);
    TEST_ACTOR_EXPECT(actor, tn_list_set(actor->mu, w->wave, w->next_wave % N_WAVE, &item) == 0);
    w->next_wave++;
}

static void wave_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *items[N_WAVE];
    size_t n = tn_list_snapshot(actor->mu, w->wave, 0, N_WAVE, items, NULL);

    TEST_ACTOR_EXPECT(actor, n == N_WAVE);
    for (size_t i = 1; i < n; i++)
        TEST_ACTOR_EXPECT(actor, tn_int_value(items[i]) <= tn_int_value(items[i - 1]));
    TEST_ACTOR_EXPECT(actor, tn_int_value(items[0]) - tn_int_value(items[N_WAVE - 1]) <= 1);
}

/* ---- The flag ---- */

/* All of it is exchanged at one moment, or some of it goes. */
static void flag_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    size_t n = 1 + test_actor_any(actor, N_FLAG_MAX);
    int64_t value = FIRST + (int64_t)test_actor_any(actor, 1000);
    struct tn_slicing slicing = { .start = 0, .stop = INT64_MAX, .step = 1 };
    struct tn_object *list;
    uint64_t n_wanted;

    if (actor->index != 0)
        return;
    if (test_actor_any(actor, 3) == 0) {
        slicing.start = (int64_t)test_actor_any(actor, N_FLAG_MAX);
        slicing.step = 1 + (int64_t)test_actor_any(actor, 4);
        TEST_ACTOR_EXPECT(actor, tn_list_delete_slice(actor->mu, w->flag, &slicing, NULL) == 0);
        return;
    }
    TEST_ACTOR_EXPECT(actor, tn_list_new(actor->mu, n, &list) == 0);
    for (size_t i = 0; i < n; i++) {
        struct tn_object *item = new_int(actor, value);

        TEST_ACTOR_EXPECT(actor, tn_list_append(actor->mu, list, &item, NULL) == 0);
    }
    if (test_actor_any(actor, 2) == 0 && n == tn_list_length(w->flag))
        slicing = (struct tn_slicing){ .start = INT64_MAX, .stop = INT64_MIN, .step = -1 };
    TEST_ACTOR_EXPECT(actor,
                      tn_list_set_slice(actor->mu, w->flag, &slicing, list, &n_wanted, NULL) == 0);
    tn_decref(actor->mu, list);
}

static void flag_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_slicing slicing = { .start = 0, .stop = INT64_MAX, .step = 1 };
    struct tn_object *items[N_FLAG_MAX];
    size_t length = 0;
    size_t n = 0;

    if (test_actor_any(actor, 2) == 0)
        slicing = (struct tn_slicing){ .start = -1, .stop = INT64_MIN, .step = -3 };
    TEST_ACTOR_EXPECT(actor, tn_list_slice_items(actor->mu, w->flag, &slicing, N_FLAG_MAX, items,
                                                 &n, &length) == 0);
    TEST_ACTOR_EXPECT(actor, length <= N_FLAG_MAX);
    TEST_ACTOR_EXPECT(actor, n == (slicing.step > 0 ? length : (length + 2) / 3));
    for (size_t i = 1; i < n; i++)
        TEST_ACTOR_EXPECT(actor, tn_int_value(items[i]) == tn_int_value(items[0]));
    if (tn_list_get(actor->mu, w->flag, (int64_t)test_actor_any(actor, 4) - 2, &items[0]) == 0)
        (void)value_of(actor, items[0]);
}

static void step(struct test_actor *actor)
{
    window_write(actor);
    ladder_write(actor);
    wave_write(actor);
    flag_write(actor);
    switch (test_actor_any(actor, 11)) {
    case 0:
        window_read_many(actor);
        break;
    case 1:
        window_read_one_by_one(actor);
        break;
    case 2:
    case 3:
        bag_put(actor);
        break;
    case 4:
        bag_take(actor);
        break;
    case 5:
        board_write(actor);
        break;
    case 6:
        board_read(actor);
        break;
    case 7:
        ladder_read(actor);
        break;
    case 8:
        wave_read(actor);
        break;
    case 9:
        flag_read(actor);
        break;
    default:
        if (test_actor_any(actor, 64) == 0)
            bag_drain(actor);
    }
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static struct world w;
    uint64_t n_steps;
    int64_t sum = 0;
    int64_t count = 0;

    w = (struct world){
        .window = test_list(f->mu),
        .bag = test_list(f->mu),
        .board = test_list_range(f->mu, FIRST, FIRST + N_BOARD),
        .ladder = test_list(f->mu),
        .wave = test_list(f->mu),
        .flag = test_list(f->mu),
    };
    for (int i = 0; i < N_WAVE; i++)
        test_append(f->mu, w.wave, test_int(f->mu, FIRST));
    tn_publish(f->mu, w.window);
    tn_publish(f->mu, w.bag);
    tn_publish(f->mu, w.board);
    tn_publish(f->mu, w.ladder);
    tn_publish(f->mu, w.wave);
    tn_publish(f->mu, w.flag);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, NULL, &w);
    assert_int_equal(tn_list_length(w.window), w.next_in - w.next_out);
    for (unsigned int i = 0; i < n_actors; i++) {
        sum += w.sums[i];
        count += w.counts[i];
    }
    assert_int_equal(tn_list_length(w.bag), count);
    for (int64_t i = 0; i < count; i++) {
        struct tn_object *item;

        assert_int_equal(tn_list_get(f->mu, w.bag, i, &item), 0);
        sum -= tn_int_value(item);
    }
    assert_int_equal(sum, 0);
    tn_decref(f->mu, w.window);
    tn_decref(f->mu, w.bag);
    tn_decref(f->mu, w.board);
    tn_decref(f->mu, w.ladder);
    tn_decref(f->mu, w.wave);
    tn_decref(f->mu, w.flag);
    return n_steps;
}

static void test_lists_under_stress_stay_consistent(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_under_stress_stay_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
