/* SPDX-License-Identifier: MIT */
/*
 * Dicts under stress. Every thread has keys of its own, which it sets and pops
 * as it likes and of which it knows at any time what they hold; and there are
 * keys that are never removed, whose values anybody overwrites. All threads read
 * all of them. Values say to which key they belong.
 *
 * Three dicts of this kind: one that is always large; one that goes from small to
 * large and back all the time; one that is empty now and then. Beside them a
 * tower, to which one thread adds the keys 0, 1, 2 ..., and a pit, from which one
 * thread removes them from the last one on: what is found there must agree with
 * the length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/types/table.h"
#include "tests/support/actors.h"
#include "tests/support/objects.h"

#define FIRST 1000 /* the ints are no small ones */
#define N_KEYS_MAX 1024
#define N_DICTS 3
#define N_TOWER 2000 /* keys, at most; and at first in the pit */

struct kind {
    uint64_t n_lasting; /* keys that are never removed; the first ones */
    uint64_t n_own;     /* keys of each thread */
};

static const struct kind kinds[N_DICTS] = { { 100, 60 }, { 3, 3 }, { 0, 1 } };

struct world {
    struct tn_object *dicts[N_DICTS];
    struct tn_object *tower;
    struct tn_object *pit;
    /* what the key's owner has set; 0: not there */
    int64_t present[N_DICTS][N_KEYS_MAX];
};

/* A key is a str, an int or a tuple, and a new object each time. */
static struct tn_object *new_key(struct tn_mutator *mu, uint64_t key)
{
    struct tn_object *o = NULL;
    struct tn_object *item;
    char text[32];

    if (key % 3 == 0) {
        if (tn_int_new(mu, FIRST + (int64_t)key, &o) < 0)
            return NULL;
    } else {
        int n = snprintf(text, sizeof(text), "key %u", (unsigned int)key);

        if (tn_str_new(mu, TN_SLICE(text, (size_t)n), &o) < 0)
            return NULL;
    }
    if (key % 3 == 2) {
        item = o;
        if (tn_tuple_new(mu, 1, &o) < 0)
            return NULL;
        tn_tuple_fill(mu, o, 0, &item);
    }
    return o;
}

static bool belongs(const struct tn_object *value, uint64_t key)
{
    return value->type == TN_TYPE_INT &&
           (uint64_t)(tn_int_value(value) - FIRST) % N_KEYS_MAX == key;
}

/* The key that a value belongs to, checked against the key that it was found with. */
static uint64_t key_of(struct test_actor *actor, const struct tn_dict_item *item)
{
    uint64_t key = (uint64_t)(tn_int_value(item->value) - FIRST) % N_KEYS_MAX;
    enum tn_type_id types[] = { TN_TYPE_INT, TN_TYPE_STR, TN_TYPE_TUPLE };

    TEST_ACTOR_EXPECT(actor, item->key->type == types[key % 3]);
    if (key % 3 == 0)
        TEST_ACTOR_EXPECT(actor, (uint64_t)(tn_int_value(item->key) - FIRST) == key);
    return key;
}

static int64_t new_value(struct test_actor *actor, uint64_t key)
{
    return FIRST + (int64_t)(key + N_KEYS_MAX * (1 + test_actor_any(actor, 1000000)));
}

/* Sets a key; returns the value. */
static int64_t set(struct test_actor *actor, struct tn_object *dict, uint64_t key)
{
    struct tn_object *k = new_key(actor->mu, key);
    int64_t number = new_value(actor, key);
    struct tn_object *value = NULL;

    TEST_ACTOR_EXPECT(actor, k != NULL && tn_int_new(actor->mu, number, &value) == 0);
    TEST_ACTOR_EXPECT(actor, tn_dict_set(actor->mu, dict, &k, &value, NULL) == 0);
    return number;
}

/* The value of a key, or 0. */
static int64_t get(struct test_actor *actor, struct tn_object *dict, uint64_t key)
{
    struct tn_object *k = new_key(actor->mu, key);
    struct tn_object *value;
    int64_t number = 0;
    int r = tn_dict_get(actor->mu, dict, k, &value);

    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_KEY);
    if (r == 0) {
        TEST_ACTOR_EXPECT(actor, belongs(value, key));
        number = tn_int_value(value);
        if (test_actor_any(actor, 4) == 0 && tn_tryref(actor->mu, value)) {
            TEST_ACTOR_EXPECT(actor, tn_int_value(value) == number);
            tn_decref(actor->mu, value);
        }
    }
    tn_decref(actor->mu, k);
    return number;
}

static int64_t pop(struct test_actor *actor, struct tn_object *dict, uint64_t key)
{
    struct tn_object *k = new_key(actor->mu, key);
    struct tn_object *value;
    int64_t number = 0;
    int r = tn_dict_pop(actor->mu, dict, k, &value, NULL);

    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_KEY);
    if (r == 0) {
        TEST_ACTOR_EXPECT(actor, belongs(value, key));
        number = tn_int_value(value);
        tn_decref(actor->mu, value);
    }
    tn_decref(actor->mu, k);
    return number;
}

static uint64_t own_key(struct test_actor *actor, int d)
{
    return kinds[d].n_lasting + actor->index * kinds[d].n_own +
           test_actor_any(actor, kinds[d].n_own);
}

/* Nobody else changes the own keys: they are what this thread has made them. */
static void use_own(struct test_actor *actor, int d)
{
    struct world *w = actor->world;
    uint64_t key = own_key(actor, d);
    int64_t *present = &w->present[d][key];

    TEST_ACTOR_EXPECT(actor, get(actor, w->dicts[d], key) == *present);
    if (test_actor_any(actor, 2) == 0) {
        *present = set(actor, w->dicts[d], key);
    } else {
        TEST_ACTOR_EXPECT(actor, pop(actor, w->dicts[d], key) == *present);
        *present = 0;
    }
    TEST_ACTOR_EXPECT(actor, get(actor, w->dicts[d], key) == *present);
}

/* Removes all own keys, or sets them all, so that the dict changes its size. */
static void use_all_own(struct test_actor *actor, int d)
{
    struct world *w = actor->world;
    uint64_t first = kinds[d].n_lasting + actor->index * kinds[d].n_own;
    bool sets = test_actor_any(actor, 2) == 0;

    for (uint64_t key = first; key < first + kinds[d].n_own; key++) {
        if (sets) {
            w->present[d][key] = set(actor, w->dicts[d], key);
        } else {
            TEST_ACTOR_EXPECT(actor, pop(actor, w->dicts[d], key) == w->present[d][key]);
            w->present[d][key] = 0;
        }
    }
}

static void use_others(struct test_actor *actor, int d)
{
    struct world *w = actor->world;
    uint64_t n_keys = kinds[d].n_lasting + actor->n_actors * kinds[d].n_own;
    uint64_t key = test_actor_any(actor, n_keys);
    bool is_lasting = key < kinds[d].n_lasting;

    TEST_ACTOR_EXPECT(actor, get(actor, w->dicts[d], key) != 0 || !is_lasting);
    if (is_lasting && test_actor_any(actor, 2) == 0)
        (void)set(actor, w->dicts[d], key);
    TEST_ACTOR_EXPECT(actor, tn_dict_length(w->dicts[d]) >= kinds[d].n_lasting);
    TEST_ACTOR_EXPECT(actor, tn_dict_length(w->dicts[d]) <= n_keys);
}

/* The keys that last are seen once each, in the order in which they came, with
 * safe points between the pages. */
static void scan(struct test_actor *actor, int d)
{
    struct world *w = actor->world;
    uint64_t cursor = 0;
    uint64_t next = 0;

    do {
        struct tn_dict_item items[16];
        size_t n = 0;

        TEST_ACTOR_EXPECT(actor, tn_dict_scan(actor->mu, w->dicts[d], &cursor,
                                              1 + test_actor_any(actor, 16), items, &n) == 0);
        for (size_t i = 0; i < n && actor->failure == NULL; i++) {
            uint64_t key = key_of(actor, &items[i]);

            if (key < kinds[d].n_lasting)
                TEST_ACTOR_EXPECT(actor, key == next++);
        }
        test_actor_pause(actor);
    } while (cursor != 0 && actor->failure == NULL);
    TEST_ACTOR_EXPECT(actor, next == kinds[d].n_lasting);
}

/* All of it at one moment: no key twice, and never more than there can be. */
static void scan_at_once(struct test_actor *actor, int d)
{
    struct world *w = actor->world;
    struct tn_dict_item items[N_KEYS_MAX];
    uint8_t seen[N_KEYS_MAX] = { 0 };
    uint64_t first = kinds[d].n_lasting + actor->index * kinds[d].n_own;
    uint64_t cursor = 0;
    size_t n = 0;

    TEST_ACTOR_EXPECT(actor,
                      tn_dict_scan(actor->mu, w->dicts[d], &cursor, N_KEYS_MAX, items, &n) == 0);
    TEST_ACTOR_EXPECT(actor, cursor == 0);
    for (size_t i = 0; i < n && actor->failure == NULL; i++)
        TEST_ACTOR_EXPECT(actor, seen[key_of(actor, &items[i])]++ == 0);
    for (uint64_t key = first; key < first + kinds[d].n_own; key++)
        TEST_ACTOR_EXPECT(actor, seen[key] == (w->present[d][key] != 0));
}

/* The tower and the pit hold 0, 1, 2 ... up to their length. Keys that are no
 * objects of their own are enough here. */
static bool has(struct test_actor *actor, struct tn_object *dict, int64_t key)
{
    struct tn_object *k = NULL;
    struct tn_object *value;
    int r;

    TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, key, &k) == 0);
    r = tn_dict_get(actor->mu, dict, k, &value);
    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_KEY);
    tn_decref(actor->mu, k);
    return r == 0;
}

static void build_and_dig(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t height = (int64_t)tn_dict_length(w->tower);
    int64_t depth = (int64_t)tn_dict_length(w->pit);
    struct tn_object *value = tn_none(actor->heap);
    struct tn_object *k = NULL;

    if (actor->index == 0 && height < N_TOWER) {
        TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, height, &k) == 0);
        TEST_ACTOR_EXPECT(actor, tn_dict_set(actor->mu, w->tower, &k, &value, NULL) == 0);
    }
    if (actor->index == 1 && depth > 0) {
        TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, depth - 1, &k) == 0);
        TEST_ACTOR_EXPECT(actor, tn_dict_pop(actor->mu, w->pit, k, &value, NULL) == 0);
        tn_decref(actor->mu, k);
    }
}

/* What a length says about keys, and keys about a length, holds from then on. */
static void measure(struct test_actor *actor)
{
    struct world *w = actor->world;
    int64_t height = (int64_t)tn_dict_length(w->tower);
    int64_t depth;

    if (height > 0)
        TEST_ACTOR_EXPECT(actor, has(actor, w->tower, height - 1));
    if (has(actor, w->tower, height))
        TEST_ACTOR_EXPECT(actor, (int64_t)tn_dict_length(w->tower) > height);
    depth = (int64_t)tn_dict_length(w->pit);
    TEST_ACTOR_EXPECT(actor, !has(actor, w->pit, depth));
    if (depth > 0 && !has(actor, w->pit, depth - 1))
        TEST_ACTOR_EXPECT(actor, (int64_t)tn_dict_length(w->pit) < depth);
}

static void step(struct test_actor *actor)
{
    int d = (int)test_actor_any(actor, N_DICTS);

    build_and_dig(actor);
    measure(actor);
    switch (test_actor_any(actor, 16)) {
    case 0:
        scan(actor, d);
        break;
    case 1:
        scan_at_once(actor, d);
        break;
    case 2:
        use_all_own(actor, d);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        use_others(actor, d);
        break;
    default:
        use_own(actor, d);
    }
}

static void check(struct heap_fixture *f, const struct world *w, int d)
{
    uint64_t n = 0;

    tn_table_validate(f->heap, w->dicts[d]);
    for (uint64_t key = 0; key < N_KEYS_MAX; key++) {
        struct tn_object *k = new_key(f->mu, key);
        struct tn_object *value;
        int r = tn_dict_get(f->mu, w->dicts[d], k, &value);

        if (key < kinds[d].n_lasting) {
            assert_int_equal(r, 0);
            assert_true(belongs(value, key));
        } else {
            assert_int_equal(r, w->present[d][key] != 0 ? 0 : TN_ERR_KEY);
            if (r == 0)
                assert_int_equal(tn_int_value(value), w->present[d][key]);
        }
        n += r == 0;
        tn_decref(f->mu, k);
    }
    assert_int_equal(tn_dict_length(w->dicts[d]), n);
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static struct world w;
    uint64_t n_steps;

    memset(&w, 0, sizeof(w));
    for (int d = 0; d < N_DICTS; d++) {
        w.dicts[d] = test_dict(f->mu);
        for (uint64_t key = 0; key < kinds[d].n_lasting; key++)
            test_set(f->mu, w.dicts[d], new_key(f->mu, key),
                     test_int(f->mu, FIRST + (int64_t)(key + N_KEYS_MAX)));
        tn_publish(f->mu, w.dicts[d]);
    }
    w.tower = test_dict(f->mu);
    w.pit = test_dict(f->mu);
    for (int64_t key = 0; key < N_TOWER; key++)
        test_set(f->mu, w.pit, test_int(f->mu, key), tn_none(f->heap));
    tn_publish(f->mu, w.tower);
    tn_publish(f->mu, w.pit);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, NULL, &w);
    tn_table_validate(f->heap, w.tower);
    tn_table_validate(f->heap, w.pit);
    tn_decref(f->mu, w.tower);
    tn_decref(f->mu, w.pit);
    for (int d = 0; d < N_DICTS; d++) {
        check(f, &w, d);
        tn_decref(f->mu, w.dicts[d]);
    }
    return n_steps;
}

static void test_dicts_under_stress_stay_consistent(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dicts_under_stress_stay_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
