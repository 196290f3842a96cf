/* SPDX-License-Identifier: MIT */
/*
 * Records and interned names under stress.
 *
 *   steps   one thread sets slot a and then slot b to 0, 1, 2 ...; so at one moment
 *           a is b, or one more
 *   board   all threads set, remove and read attributes, with and without slots;
 *           a value says which attribute it belongs to
 *   stage   a list holds a record; all threads set attributes of the one that is
 *           there, and replace it, sometimes by one of another class: so dicts are
 *           made by several at once, and records and classes die while others look.
 *           An attribute that only one thread sets is what it has set
 *   names   all threads intern a few texts: who holds one gets the same one again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/actors.h"
#include "tests/support/records.h"

#define FIRST 1000 /* the ints are no small ones */
#define N_SLOTS 3
#define N_ATTRS 9 /* of these, the first are slots */
#define N_TEXTS 8
#define N_HELD 4

struct world {
    struct tn_object *class;
    struct tn_object *steps;
    struct tn_object *board;
    struct tn_object *stage;
    struct tn_object *names[N_ATTRS];       /* strs that are not interned */
    struct tn_object *own[TEST_ACTORS_MAX]; /* likewise: of an attribute of each actor */
    int64_t next_step;                      /* of one actor */
    /* what each holds */
    struct tn_object *held[TEST_ACTORS_MAX][N_HELD];
    unsigned int held_text[TEST_ACTORS_MAX][N_HELD];
};

static struct tn_object *new_int(struct test_actor *actor, int64_t value)
{
    struct tn_object *o = NULL;

    TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, value, &o) == 0);
    return o;
}

static void set(struct test_actor *actor, struct tn_object *record, unsigned int attr,
                int64_t value)
{
    struct world *w = actor->world;
    struct tn_object *o = new_int(actor, value);

    TEST_ACTOR_EXPECT(actor, tn_record_set(actor->mu, record, w->names[attr], &o) == 0);
}

/* ---- Steps ---- */

static void steps_write(struct test_actor *actor)
{
    struct world *w = actor->world;

    if (actor->index != 0)
        return;
    set(actor, w->steps, 0, FIRST + w->next_step);
    set(actor, w->steps, 1, FIRST + w->next_step);
    w->next_step++;
}

static void steps_read(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_dict_item items[4];
    struct tn_object *value;
    uint64_t cursor = 0;
    size_t n = 0;

    TEST_ACTOR_EXPECT(actor, tn_record_scan(actor->mu, w->steps, &cursor, 4, items, &n) == 0);
    TEST_ACTOR_EXPECT(actor, n == 2 && cursor == 0);
    if (n == 2) {
        int64_t a = tn_int_value(items[0].value);
        int64_t b = tn_int_value(items[1].value);

        TEST_ACTOR_EXPECT(actor, a == b || a == b + 1);
        TEST_ACTOR_EXPECT(actor, tn_record_get(actor->mu, w->steps, w->names[1], &value) == 0);
        TEST_ACTOR_EXPECT(actor, tn_int_value(value) >= b);
    }
}

/* ---- The board ---- */

static void expect_attr(struct test_actor *actor, const struct tn_object *name,
                        const struct tn_object *value)
{
    const struct world *w = actor->world;
    size_t attr;

    if (value->type == TN_TYPE_NONE) /* an actor's own */
        return;
    attr = (size_t)(tn_int_value(value) - FIRST) % N_ATTRS;
    TEST_ACTOR_EXPECT(actor, tn_slice_equal(tn_text_slice(name), tn_text_slice(w->names[attr])));
}

static void attr_write(struct test_actor *actor, struct tn_object *record)
{
    unsigned int attr = (unsigned int)test_actor_any(actor, N_ATTRS);
    struct world *w = actor->world;
    struct tn_object *value;
    int r;

    if (test_actor_any(actor, 3) > 0) {
        set(actor, record, attr, FIRST + attr + N_ATTRS * (int64_t)test_actor_any(actor, 100));
        return;
    }
    r = tn_record_pop(actor->mu, record, w->names[attr], &value);
    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_KEY);
    if (r == 0) {
        expect_attr(actor, w->names[attr], value);
        tn_decref(actor->mu, value);
    }
}

static void attr_read(struct test_actor *actor, struct tn_object *record)
{
    unsigned int attr = (unsigned int)test_actor_any(actor, N_ATTRS);
    struct world *w = actor->world;
    struct tn_object *value;
    int r = tn_record_get(actor->mu, record, w->names[attr], &value);

    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_KEY);
    if (r == 0)
        expect_attr(actor, w->names[attr], value);
}

static void attr_scan(struct test_actor *actor, struct tn_object *record)
{
    size_t per_page = 1 + test_actor_any(actor, 6);
    struct tn_dict_item items[6];
    uint64_t cursor = 0;
    size_t n_slots = 0;
    size_t n;

    do {
        TEST_ACTOR_EXPECT(actor,
                          tn_record_scan(actor->mu, record, &cursor, per_page, items, &n) == 0);
        for (size_t i = 0; i < n && actor->failure == NULL; i++) {
            expect_attr(actor, items[i].key, items[i].value);
            n_slots += items[i].value->type == TN_TYPE_INT &&
                       (size_t)(tn_int_value(items[i].value) - FIRST) % N_ATTRS < N_SLOTS;
        }
    } while (cursor != 0 && actor->failure == NULL);
    TEST_ACTOR_EXPECT(actor, n_slots <= N_SLOTS);
    TEST_ACTOR_EXPECT(actor, tn_record_length(record) <= N_ATTRS + TEST_ACTORS_MAX);
}

static void attr_step(struct test_actor *actor, struct tn_object *record)
{
    switch (test_actor_any(actor, 4)) {
    case 0:
    case 1:
        attr_write(actor, record);
        break;
    case 2:
        attr_read(actor, record);
        break;
    default:
        attr_scan(actor, record);
    }
}

/* ---- The stage ---- */

/* A record that nobody else knows, half of the time of a class of its own. */
static struct tn_object *new_record(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *class = w->class;
    struct tn_object *record = NULL;

    tn_incref(actor->mu, class);
    if (test_actor_any(actor, 2) == 0) {
        tn_drop(actor->mu, &class);
        TEST_ACTOR_EXPECT(actor, test_try_class(actor->mu, "Extra", "slot0 slot1 slot2", NULL, true,
                                                &class) == 0);
    }
    TEST_ACTOR_EXPECT(actor, tn_record_new(actor->mu, class, &record) == 0);
    tn_drop(actor->mu, &class);
    return record;
}

/* Nobody else sets or removes it. */
static void own_step(struct test_actor *actor, struct tn_object *record)
{
    struct world *w = actor->world;
    const struct tn_object *own = w->own[actor->index];
    struct tn_object *value = tn_none(actor->heap);
    struct tn_object *found;

    TEST_ACTOR_EXPECT(actor, tn_record_set(actor->mu, record, own, &value) == 0);
    TEST_ACTOR_EXPECT(actor, tn_record_get(actor->mu, record, own, &found) == 0);
    TEST_ACTOR_EXPECT(actor, tn_record_pop(actor->mu, record, own, &found) == 0);
    TEST_ACTOR_EXPECT(actor, tn_record_get(actor->mu, record, own, &found) == TN_ERR_KEY);
}

static void stage_step(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *record;

    if (test_actor_any(actor, 4) == 0) {
        record = new_record(actor);
        TEST_ACTOR_EXPECT(actor, tn_list_set(actor->mu, w->stage, 0, &record) == 0);
        return;
    }
    TEST_ACTOR_EXPECT(actor, tn_list_get(actor->mu, w->stage, 0, &record) == 0);
    if (test_actor_any(actor, 2) == 0) { /* borrowed, it may die meanwhile */
        attr_read(actor, record);
        attr_scan(actor, record);
        TEST_ACTOR_EXPECT(actor, tn_shallow_bytes(record) <= 56);
        return;
    }
    if (!tn_tryref(actor->mu, record))
        return;
    own_step(actor, record);
    attr_step(actor, record);
    TEST_ACTOR_EXPECT(actor, tn_record_class(record) != NULL);
    tn_decref(actor->mu, record);
}

/* ---- Names ---- */

static struct tn_object *intern(struct test_actor *actor, unsigned int text)
{
    struct tn_object *o = NULL;
    char name[16];

    (void)snprintf(name, sizeof(name), "name %u", text);
    TEST_ACTOR_EXPECT(actor, tn_str_intern(actor->mu, tn_slice_from_str(name), &o) == 0);
    TEST_ACTOR_EXPECT(actor, tn_slice_equal(tn_text_slice(o), tn_slice_from_str(name)));
    return o;
}

static void names_step(struct test_actor *actor)
{
    struct world *w = actor->world;
    size_t at = test_actor_any(actor, N_HELD);
    struct tn_object **held = &w->held[actor->index][at];
    unsigned int *text = &w->held_text[actor->index][at];
    struct tn_object *again;

    if (*held == NULL) {
        *text = (unsigned int)test_actor_any(actor, N_TEXTS);
        *held = intern(actor, *text);
        return;
    }
    again = intern(actor, *text);
    TEST_ACTOR_EXPECT(actor, again == *held);
    tn_decref(actor->mu, again);
    if (test_actor_any(actor, 2) == 0)
        tn_drop(actor->mu, held);
}

static void step(struct test_actor *actor)
{
    struct world *w = actor->world;

    steps_write(actor);
    switch (test_actor_any(actor, 4)) {
    case 0:
        steps_read(actor);
        break;
    case 1:
        attr_step(actor, w->board);
        break;
    case 2:
        stage_step(actor);
        break;
    default:
        names_step(actor);
    }
}

static void finish(struct test_actor *actor)
{
    struct world *w = actor->world;

    for (size_t i = 0; i < N_HELD; i++)
        tn_drop(actor->mu, &w->held[actor->index][i]);
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static const char *const names[N_ATTRS] = { "slot0", "slot1", "slot2", "d0", "d1",
                                                "d2",    "d3",    "d4",    "d5" };
    static struct world w;
    uint64_t n_steps;

    w = (struct world){ .class = test_class(f->mu, "Class", "slot0 slot1 slot2", NULL, true) };
    w.steps = test_record(f->mu, w.class);
    w.board = test_record(f->mu, w.class);
    w.stage = test_list(f->mu);
    test_append(f->mu, w.stage, test_record(f->mu, w.class));
    for (int i = 0; i < N_ATTRS; i++) {
        w.names[i] = test_str(f->mu, names[i]);
        tn_publish(f->mu, w.names[i]);
    }
    for (int i = 0; i < TEST_ACTORS_MAX; i++) {
        const char own[] = { 'o', 'w', 'n', (char)('0' + i), '\0' };

        w.own[i] = test_str(f->mu, own);
        tn_publish(f->mu, w.own[i]);
    }
    test_attr_set(f->mu, w.steps, "slot0", test_int(f->mu, FIRST));
    test_attr_set(f->mu, w.steps, "slot1", test_int(f->mu, FIRST));
    tn_publish(f->mu, w.steps);
    tn_publish(f->mu, w.board);
    tn_publish(f->mu, w.stage);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, finish, &w);

    tn_decref(f->mu, w.steps);
    tn_decref(f->mu, w.board);
    tn_decref(f->mu, w.stage);
    for (int i = 0; i < N_ATTRS; i++)
        tn_decref(f->mu, w.names[i]);
    for (int i = 0; i < TEST_ACTORS_MAX; i++)
        tn_decref(f->mu, w.own[i]);
    heap_fixture_settle(f);
    assert_int_equal(tn_class_n_records(w.class), 0);
    assert_int_equal(tn_interned_validate(f->heap), 1 + N_SLOTS); /* the class's own */
    tn_decref(f->mu, w.class);
    heap_fixture_expect_empty(f);
    assert_int_equal(tn_interned_validate(f->heap), 0);
    return n_steps;
}

static void test_records_under_stress_stay_consistent(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_under_stress_stay_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
