/* SPDX-License-Identifier: MIT */
/*
 * Weakrefs under stress: all threads dereference, kill and make again what is on
 * a board of few places.
 *
 * To a place belong an object, the weakref to it, and a weak name for it. The
 * object is a list that says of which place and of which round it is. The thread that makes
 * a new one first drops the old one in places that everybody looks at. So:
 *  - what a weakref gives is the object that it was made for, whole;
 *  - while somebody holds the object, its weakref is not dead, and there is one;
 *  - a weakref that was dead once is dead for ever;
 *  - a weak name is bound to an object of its place, or not bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/actors.h"
#include "tests/support/objects.h"

#define N_PLACES 6
#define FIRST 1000 /* the ints are no small ones */
#define N_KEPT 8   /* weakrefs that each thread keeps for longer */

struct world {
    struct tn_namespace *ns;
    struct tn_object *objects;  /* a list with N_PLACES items: the objects, or none */
    struct tn_object *weakrefs; /* the same: weakrefs, or none */
    struct tn_object *kept[TEST_ACTORS_MAX][N_KEPT];
    int64_t kept_value[TEST_ACTORS_MAX][N_KEPT];
    bool was_dead[TEST_ACTORS_MAX][N_KEPT];
};

/* What the object of a place says. It may be dying, and then be empty already. */
static int64_t value_of(struct test_actor *actor, struct tn_object *object)
{
    struct tn_object *item;

    TEST_ACTOR_EXPECT(actor, object->type == TN_TYPE_LIST);
    if (tn_list_get(actor->mu, object, 0, &item) < 0)
        return -1;
    TEST_ACTOR_EXPECT(actor, item->type == TN_TYPE_INT);
    return tn_int_value(item);
}

static void put(struct test_actor *actor, struct tn_object *list, size_t place,
                struct tn_object *item)
{
    TEST_ACTOR_EXPECT(actor, tn_list_set(actor->mu, list, (int64_t)place, &item) == 0);
}

static struct tn_slice name_of(size_t place, char buffer[16])
{
    snprintf(buffer, 16, "place-%zu", place);
    return tn_slice_from_str(buffer);
}

static void bind_weakly(struct test_actor *actor, size_t place, struct tn_object *object)
{
    const struct tn_name_how how = { .kind = TN_NAME_WEAK };
    struct world *w = actor->world;
    char buffer[16];

    TEST_ACTOR_EXPECT(actor, tn_name_bind_as(actor->mu, w->ns, name_of(place, buffer), &object,
                                             &how, NULL, NULL) == 0);
}

static void look_up(struct test_actor *actor, size_t place)
{
    struct world *w = actor->world;
    struct tn_object *object;
    char buffer[16];
    int64_t value;
    int r;

    if (test_actor_any(actor, 16) == 0)
        (void)tn_names_sweep(actor->mu, 32);
    r = tn_name_lookup(actor->mu, w->ns, name_of(place, buffer), &object, NULL);
    if (r < 0) {
        TEST_ACTOR_EXPECT(actor, r == TN_ERR_NAME);
        return;
    }
    if (!tn_tryref(actor->mu, object))
        return;
    value = value_of(actor, object);
    TEST_ACTOR_EXPECT(actor, (value - FIRST) % N_PLACES == (int64_t)place);
    if (test_actor_any(actor, 16) == 0) {
        r = tn_name_unbind(actor->mu, w->ns, name_of(place, buffer), NULL, NULL);
        TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_NAME);
    }
    tn_decref(actor->mu, object);
}

/* Lets the object of a place die, and puts another one there. */
static void make_again(struct test_actor *actor, size_t place)
{
    struct world *w = actor->world;
    int64_t value = FIRST + (int64_t)(place + N_PLACES * test_actor_any(actor, 1000000));
    struct tn_object *object = NULL;
    struct tn_object *item = NULL;
    struct tn_object *weakref = NULL;

    TEST_ACTOR_EXPECT(actor, tn_list_new(actor->mu, 1, &object) == 0);
    TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, value, &item) == 0);
    TEST_ACTOR_EXPECT(actor, tn_list_append(actor->mu, object, &item, NULL) == 0);
    if (test_actor_any(actor, 2) == 0) {
        tn_incref(actor->mu, object);
        bind_weakly(actor, place, object);
    }
    if (test_actor_any(actor, 2) == 0) { /* known before it has a weakref, or after */
        tn_incref(actor->mu, object);
        put(actor, w->objects, place, object);
        TEST_ACTOR_EXPECT(actor, tn_weakref_new(actor->mu, object, &weakref) == 0);
        tn_decref(actor->mu, object);
    } else {
        TEST_ACTOR_EXPECT(actor, tn_weakref_new(actor->mu, object, &weakref) == 0);
        put(actor, w->objects, place, object);
    }
    put(actor, w->weakrefs, place, weakref);
}

static void kill_object(struct test_actor *actor, size_t place)
{
    struct world *w = actor->world;

    put(actor, w->objects, place, tn_none(actor->heap));
    if (test_actor_any(actor, 4) == 0)
        put(actor, w->weakrefs, place, tn_none(actor->heap));
}

/* The weakref of a place, borrowed, or NULL. */
static struct tn_object *weakref_at(struct test_actor *actor, size_t place)
{
    struct world *w = actor->world;
    struct tn_object *weakref;

    TEST_ACTOR_EXPECT(actor, tn_list_get(actor->mu, w->weakrefs, (int64_t)place, &weakref) == 0);
    return weakref->type == TN_TYPE_WEAKREF ? weakref : NULL;
}

static void deref(struct test_actor *actor, size_t place)
{
    struct tn_object *weakref = weakref_at(actor, place);
    struct tn_object *object;
    struct tn_object *same = NULL;
    int64_t value;

    if (weakref == NULL)
        return;
    object = tn_weakref_peek(actor->mu, weakref);
    if (object != NULL) {
        value = value_of(actor, object);
        TEST_ACTOR_EXPECT(actor, value == -1 || (value - FIRST) % N_PLACES == (int64_t)place);
    }
    object = tn_weakref_get(actor->mu, weakref);
    if (object == NULL)
        return;
    value = value_of(actor, object);
    TEST_ACTOR_EXPECT(actor, (value - FIRST) % N_PLACES == (int64_t)place);
    if (tn_tryref(actor->mu, weakref)) { /* both are alive now, and belong together */
        TEST_ACTOR_EXPECT(actor, tn_weakref_peek(actor->mu, weakref) == object);
        TEST_ACTOR_EXPECT(actor, tn_weakref_new(actor->mu, object, &same) == 0);
        TEST_ACTOR_EXPECT(actor, same == weakref);
        tn_drop(actor->mu, &same);
        tn_decref(actor->mu, weakref);
    }
    tn_decref(actor->mu, object);
}

/* Another weakref for whatever is there, which may be the first one. */
static void take_weakref(struct test_actor *actor, size_t place)
{
    struct world *w = actor->world;
    struct tn_object *object;
    struct tn_object *weakref = NULL;

    TEST_ACTOR_EXPECT(actor, tn_list_get(actor->mu, w->objects, (int64_t)place, &object) == 0);
    if (object->type != TN_TYPE_LIST || !tn_tryref(actor->mu, object))
        return;
    TEST_ACTOR_EXPECT(actor, tn_weakref_new(actor->mu, object, &weakref) == 0);
    TEST_ACTOR_EXPECT(actor, tn_weakref_peek(actor->mu, weakref) == object);
    tn_decref(actor->mu, object);
    tn_drop(actor->mu, &weakref);
}

/* Holds weakrefs over many safe points, and looks at them again. */
static void look_at_kept(struct test_actor *actor, size_t place)
{
    struct world *w = actor->world;
    size_t i = test_actor_any(actor, N_KEPT);
    struct tn_object **kept = &w->kept[actor->index][i];
    struct tn_object *object;

    if (*kept == NULL) {
        *kept = weakref_at(actor, place);
        if (*kept != NULL && !tn_tryref(actor->mu, *kept))
            *kept = NULL;
        w->kept_value[actor->index][i] = -1;
        w->was_dead[actor->index][i] = false;
        return;
    }
    object = tn_weakref_get(actor->mu, *kept);
    if (object == NULL) {
        w->was_dead[actor->index][i] = true;
        if (test_actor_any(actor, 4) == 0)
            tn_drop(actor->mu, kept);
        return;
    }
    TEST_ACTOR_EXPECT(actor, !w->was_dead[actor->index][i]);
    if (w->kept_value[actor->index][i] == -1)
        w->kept_value[actor->index][i] = value_of(actor, object);
    TEST_ACTOR_EXPECT(actor, value_of(actor, object) == w->kept_value[actor->index][i]);
    tn_decref(actor->mu, object);
}

static void step(struct test_actor *actor)
{
    size_t place = test_actor_any(actor, N_PLACES);

    switch (test_actor_any(actor, 8)) {
    case 0:
    case 1:
        make_again(actor, place);
        break;
    case 2:
        kill_object(actor, place);
        break;
    case 3:
        take_weakref(actor, place);
        break;
    case 4:
        look_at_kept(actor, place);
        break;
    case 5:
        look_up(actor, place);
        break;
    default:
        deref(actor, place);
    }
}

static void finish(struct test_actor *actor)
{
    struct world *w = actor->world;

    for (size_t i = 0; i < N_KEPT; i++)
        tn_drop(actor->mu, &w->kept[actor->index][i]);
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static struct world w;
    uint64_t n_steps;
    char buffer[16];

    w = (struct world){ .objects = test_list(f->mu), .weakrefs = test_list(f->mu) };
    for (int i = 0; i < N_PLACES; i++) {
        test_append(f->mu, w.objects, tn_none(f->heap));
        test_append(f->mu, w.weakrefs, tn_none(f->heap));
    }
    tn_publish(f->mu, w.objects);
    tn_publish(f->mu, w.weakrefs);
    assert_int_equal(tn_namespace_open(f->mu, TN_SLICE_LITERAL("weak"), &w.ns), 0);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, finish, &w);
    for (size_t place = 0; place < N_PLACES; place++) {
        int r = tn_name_unbind(f->mu, w.ns, name_of(place, buffer), NULL, NULL);

        assert_true(r == 0 || r == TN_ERR_NAME);
    }
    tn_decref(f->mu, w.objects);
    tn_decref(f->mu, w.weakrefs);
    return n_steps;
}

static void test_weakrefs_under_stress_refer_to_what_they_should(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weakrefs_under_stress_refer_to_what_they_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
