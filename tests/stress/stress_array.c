/* SPDX-License-Identifier: MIT */
/*
 * Arrays under stress: readers and writers on arrays of different kinds.
 *
 *   window    one thread appends 0, 1, 2 ..., another takes them out at the front: so
 *             whatever is seen at one moment are consecutive numbers
 *   counters  all threads add to them, and nothing may be lost
 *   halves    each item is a number twice, in its upper and its lower half, so half an
 *             item would be noticed; items are set, and whole ranges overwritten
 *   flag      is filled with one byte after the other, as a whole, so that no two
 *             different bytes are ever there at one moment
 *   bag       grows, shrinks and is spliced anywhere; every item is a multiple of
 *             1000, so what was never put in would be noticed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/actors.h"
#include "tests/support/objects.h"

#define N_WINDOW_MAX 300 /* items */
#define N_COUNTERS 8
#define N_HALVES 40
#define N_FLAG 75 /* no whole number of words */
#define N_BAG_MAX 400

struct world {
    struct tn_object *window;
    struct tn_object *counters;
    struct tn_object *halves;
    struct tn_object *flag;
    struct tn_object *bag;
    /* of one actor each */
    int32_t next_in;
    int32_t next_out;
    int64_t added[TEST_ACTORS_MAX];
};

/* ---- The window ---- */

static void window_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_number number;

    if (actor->index == 0 && tn_array_length(w->window) < N_WINDOW_MAX) {
        number = tn_number_int(w->next_in++);
        TEST_ACTOR_EXPECT(actor,
                          tn_array_insert(actor->mu, w->window, INT64_MAX, &number, NULL) == 0);
    }
    if (actor->index == 1 && tn_array_pop(actor->mu, w->window, 0, &number, NULL) == 0) {
        TEST_ACTOR_EXPECT(actor, number.integer == w->next_out);
        w->next_out++;
    }
}

static void window_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    int32_t items[N_WINDOW_MAX + 8];
    size_t first = test_actor_any(actor, 5);
    struct tn_number number;
    size_t length;
    size_t n = tn_array_read(actor->mu, w->window, first, N_WINDOW_MAX + 8, items, &length);

    TEST_ACTOR_EXPECT(actor, n == (length > first ? length - first : 0));
    for (size_t i = 1; i < n; i++)
        TEST_ACTOR_EXPECT(actor, items[i] == items[0] + (int32_t)i);
    /* What is read now is not older than what was read before. */
    if (n > 0 && tn_array_get(actor->mu, w->window, 0, &number) == 0)
        TEST_ACTOR_EXPECT(actor, number.integer >= items[0] - (int32_t)first);
    if (n > 0 && tn_array_get(actor->mu, w->window, -1, &number) == 0)
        TEST_ACTOR_EXPECT(actor, number.integer >= items[n - 1]);
}

/* ---- The counters ---- */

static void counters_add(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_number number = tn_number_int((int64_t)test_actor_any(actor, 100) - 30);
    struct tn_number sum;

    TEST_ACTOR_EXPECT(actor,
                      tn_array_add(actor->mu, w->counters,
                                   (int64_t)test_actor_any(actor, 2 * N_COUNTERS) - N_COUNTERS,
                                   &number, &sum) == 0);
    w->added[actor->index] += (int64_t)number.integer;
}

/* ---- The halves ---- */

static uint64_t halves_of(struct test_actor *actor)
{
    uint64_t half = test_actor_any(actor, UINT32_MAX / 2);

    return half << 32 | half;
}

static void halves_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    size_t first = test_actor_any(actor, N_HALVES);
    uint64_t items[N_HALVES];
    struct tn_number number;

    if (test_actor_any(actor, 2) == 0) {
        number = tn_number_int((int64_t)halves_of(actor));
        TEST_ACTOR_EXPECT(actor, tn_array_set(actor->mu, w->halves, (int64_t)first, &number) == 0);
        return;
    }
    for (size_t i = first; i < N_HALVES; i++)
        items[i] = halves_of(actor);
    TEST_ACTOR_EXPECT(actor,
                      tn_array_write(actor->mu, w->halves, first,
                                     TN_SLICE(items + first, (N_HALVES - first) * 8), NULL) == 0);
}

static void expect_halves(struct test_actor *actor, uint64_t item)
{
    TEST_ACTOR_EXPECT(actor, item >> 32 == (item & UINT32_MAX));
}

static void halves_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    uint64_t items[N_HALVES];
    struct tn_number number;

    TEST_ACTOR_EXPECT(actor, tn_array_get(actor->mu, w->halves,
                                          (int64_t)test_actor_any(actor, N_HALVES), &number) == 0);
    expect_halves(actor, (uint64_t)number.integer);
    TEST_ACTOR_EXPECT(actor,
                      tn_array_read(actor->mu, w->halves, 0, N_HALVES, items, NULL) == N_HALVES);
    for (size_t i = 0; i < N_HALVES; i++)
        expect_halves(actor, items[i]);
    TEST_ACTOR_EXPECT(actor, tn_array_reduce(actor->mu, w->halves, TN_REDUCE_MAX, &number) == 0);
    expect_halves(actor, (uint64_t)number.integer);
}

/* ---- The flag ---- */

static void flag_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    unsigned char content[N_FLAG];
    struct tn_number number = tn_number_int((int64_t)test_actor_any(actor, 256));

    if (test_actor_any(actor, 2) == 0) {
        TEST_ACTOR_EXPECT(actor,
                          tn_array_fill(actor->mu, w->flag, INT64_MIN, INT64_MAX, &number) == 0);
        return;
    }
    memset(content, (int)number.integer, sizeof(content));
    TEST_ACTOR_EXPECT(actor, tn_array_write(actor->mu, w->flag, 0,
                                            TN_SLICE(content, sizeof(content)), NULL) == 0);
}

static void flag_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    unsigned char content[N_FLAG];
    struct tn_object *slice;
    struct tn_number sum;

    if (test_actor_any(actor, 2) == 0) {
        TEST_ACTOR_EXPECT(
            actor, tn_array_slice(actor->mu, w->flag, INT64_MAX, INT64_MIN, -1, &slice) == 0);
        TEST_ACTOR_EXPECT(actor,
                          tn_array_read(actor->mu, slice, 0, N_FLAG, content, NULL) == N_FLAG);
        tn_decref(actor->mu, slice);
    } else {
        TEST_ACTOR_EXPECT(actor,
                          tn_array_read(actor->mu, w->flag, 0, N_FLAG, content, NULL) == N_FLAG);
    }
    for (size_t i = 1; i < N_FLAG; i++)
        TEST_ACTOR_EXPECT(actor, content[i] == content[0]);
    TEST_ACTOR_EXPECT(actor, tn_array_reduce(actor->mu, w->flag, TN_REDUCE_SUM, &sum) == 0);
    TEST_ACTOR_EXPECT(actor, sum.integer % N_FLAG == 0);
}

/* ---- The bag ---- */

static void bag_write(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t at = (int64_t)test_actor_any(actor, N_BAG_MAX) - N_BAG_MAX / 2;
    struct tn_number number = tn_number_int(1000 * (int64_t)test_actor_any(actor, 30));
    struct tn_object *part;
    int r = 0;

    if (tn_array_length(w->bag) > N_BAG_MAX) {
        while (actor->failure == NULL && tn_array_length(w->bag) > 5)
            (void)!tn_array_pop(actor->mu, w->bag, at % 4, NULL, NULL);
        return;
    }
    switch (test_actor_any(actor, 4)) {
    case 0:
        r = tn_array_insert(actor->mu, w->bag, at, &number, NULL);
        break;
    case 1:
        (void)!tn_array_pop(actor->mu, w->bag, at, NULL, NULL); /* if it is there */
        break;
    case 2:
        r = tn_array_slice(actor->mu, w->bag, at, at + 20, 1, &part);
        if (r == 0) {
            r = tn_array_replace(actor->mu, w->bag, at - 10, at, 1, part, NULL);
            tn_decref(actor->mu, part);
        }
        break;
    default:
        r = tn_array_extend(actor->mu, w->bag, w->bag, NULL);
    }
    TEST_ACTOR_EXPECT(actor, r == 0);
}

static void bag_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t index = (int64_t)test_actor_any(actor, 40) - 20;
    struct tn_number number;

    if (tn_array_get(actor->mu, w->bag, index, &number) == 0)
        TEST_ACTOR_EXPECT(actor, number.integer % 1000 == 0 && number.integer < 30000);
    TEST_ACTOR_EXPECT(actor, tn_array_reduce(actor->mu, w->bag, TN_REDUCE_SUM, &number) == 0);
    TEST_ACTOR_EXPECT(actor, number.integer % 1000 == 0);
}

static void step(struct test_actor *actor)
{
    window_write(actor);
    switch (test_actor_any(actor, 9)) {
    case 0:
        window_read(actor);
        break;
    case 1:
    case 2:
        counters_add(actor);
        break;
    case 3:
        halves_write(actor);
        break;
    case 4:
        halves_read(actor);
        break;
    case 5:
        flag_write(actor);
        break;
    case 6:
        flag_read(actor);
        break;
    case 7:
        bag_write(actor);
        break;
    default:
        bag_read(actor);
    }
}

static struct tn_object *array_of(struct heap_fixture *f, enum tn_item_format format,
                                  const void *items, size_t n_bytes)
{
    struct tn_object *array = NULL;

    assert_int_equal(tn_array_new(f->mu, format, TN_SLICE(items, n_bytes), &array), 0);
    tn_publish(f->mu, array);
    return array;
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static const uint64_t zeros[N_HALVES + N_COUNTERS];
    static struct world w;
    struct tn_number sum;
    uint64_t n_steps;
    int64_t added = 0;

    w = (struct world){
        .window = array_of(f, TN_ITEM_I32, NULL, 0),
        .counters = array_of(f, TN_ITEM_I64, zeros, N_COUNTERS * sizeof(*zeros)),
        .halves = array_of(f, TN_ITEM_U64, zeros, N_HALVES * sizeof(*zeros)),
        .bag = array_of(f, TN_ITEM_U16, zeros, 20),
    };
    assert_int_equal(tn_bytearray_new(f->mu, TN_SLICE(zeros, N_FLAG), &w.flag), 0);
    tn_publish(f->mu, w.flag);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, NULL, &w);
    assert_int_equal(tn_array_length(w.window), w.next_in - w.next_out);
    for (unsigned int i = 0; i < n_actors; i++)
        added += w.added[i];
    assert_int_equal(tn_array_reduce(f->mu, w.counters, TN_REDUCE_SUM, &sum), 0);
    assert_int_equal((int64_t)sum.integer, added);
    tn_decref(f->mu, w.window);
    tn_decref(f->mu, w.counters);
    tn_decref(f->mu, w.halves);
    tn_decref(f->mu, w.flag);
    tn_decref(f->mu, w.bag);
    return n_steps;
}

static void test_arrays_under_stress_stay_consistent(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays_under_stress_stay_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
