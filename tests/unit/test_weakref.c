/* SPDX-License-Identifier: MIT */
/* Weakrefs: sharing, dereferencing, clearing, and what must happen before what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/object/heap_internal.h"
#include "core/object/weakref_internal.h"
#include "tests/support/objects.h"

#define N_WORLD 48

static struct tn_object *weakref_to(struct heap_fixture *f, struct tn_object *target)
{
    struct tn_object *weakref;

    assert_int_equal(tn_weakref_new(f->mu, target, &weakref), 0);
    assert_int_equal(weakref->type, TN_TYPE_WEAKREF);
    return weakref;
}

static bool refers_to(struct heap_fixture *f, struct tn_object *weakref,
                      const struct tn_object *target)
{
    struct tn_object *found = tn_weakref_get(f->mu, weakref);
    bool is_same = found == target;

    tn_drop(f->mu, &found);
    return is_same;
}

static uint64_t n_cleared(struct heap_fixture *f)
{
    struct tn_census census;

    tn_census_take(f->heap, &census);
    return census.weakrefs_cleared;
}

static bool has_weak_bit(const struct tn_object *o)
{
    return (atomic_load_explicit(&o->bits, memory_order_relaxed) & TN_BIT_WEAK) != 0;
}

/* ---- One object ---- */

static void deref_while_alive(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = weakref_to(f, list);
    struct tn_object *found;

    assert_int_equal(test_refcount(list), 1);
    found = tn_weakref_get(f->mu, weakref);
    assert_ptr_equal(found, list);
    assert_int_equal(test_refcount(list), 2);
    assert_ptr_equal(tn_weakref_peek(f->mu, weakref), list);
    tn_decref(f->mu, found);
    tn_decref(f->mu, list);
    tn_decref(f->mu, weakref);
}

static void test_deref_of_a_living_object_gives_a_reference(void **state)
{
    (void)state;
    test_in_all_modes(deref_while_alive);
}

static void deref_after_death(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = weakref_to(f, list);

    assert_int_equal(n_cleared(f), 0);
    tn_decref(f->mu, list);
    /* At once, before any safe point. */
    assert_null(tn_weakref_peek(f->mu, weakref));
    assert_null(tn_weakref_get(f->mu, weakref));
    assert_int_equal(n_cleared(f), 1);
    heap_fixture_settle(f);
    assert_null(tn_weakref_get(f->mu, weakref));
    tn_decref(f->mu, weakref);
    tn_weakrefs_validate(f->mu);
}

static void test_deref_of_a_dead_object_gives_nothing(void **state)
{
    (void)state;
    test_in_all_modes(deref_after_death);
}

static void one_for_each_object(struct heap_fixture *f)
{
    struct tn_object *a = test_list(f->mu);
    struct tn_object *b = test_list(f->mu);
    struct tn_object *first = weakref_to(f, a);
    struct tn_object *second = weakref_to(f, a);
    struct tn_object *other = weakref_to(f, b);

    assert_ptr_equal(first, second);
    assert_int_equal(test_refcount(first), 2);
    assert_ptr_not_equal(first, other);
    assert_true(test_is_equal(f, first, second));
    assert_false(test_is_equal(f, first, other));
    assert_int_equal(test_hash(f, first), test_hash(f, second));
    tn_decref(f->mu, first);
    tn_decref(f->mu, a);
    assert_null(tn_weakref_get(f->mu, second));
    assert_true(refers_to(f, other, b));
    tn_decref(f->mu, second);
    tn_decref(f->mu, other);
    tn_decref(f->mu, b);
}

static void test_weakref_new_twice_gives_the_same(void **state)
{
    (void)state;
    test_in_all_modes(one_for_each_object);
}

static void weakref_dies_first(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = weakref_to(f, list);

    assert_true(has_weak_bit(list));
    tn_decref(f->mu, weakref);
    heap_fixture_settle(f);
    assert_false(has_weak_bit(list)); /* its death will pay for nothing */
    weakref = weakref_to(f, list);
    /* A second one while the first one is dying and not yet taken out. */
    tn_decref(f->mu, weakref);
    weakref = weakref_to(f, list);
    heap_fixture_settle(f);
    assert_true(has_weak_bit(list));
    assert_true(refers_to(f, weakref, list));
    tn_weakrefs_validate(f->mu);
    tn_decref(f->mu, list);
    assert_null(tn_weakref_get(f->mu, weakref));
    tn_decref(f->mu, weakref);
    assert_int_equal(n_cleared(f), 1);
}

static void test_weakref_that_dies_first_is_forgotten(void **state)
{
    (void)state;
    test_in_all_modes(weakref_dies_first);
}

/* An address that is used again must not be found under its old weakref. */
static void reused_address(struct heap_fixture *f)
{
    struct tn_object *dead[32];

    for (size_t i = 0; i < 32; i++) {
        struct tn_object *list = test_list(f->mu);

        dead[i] = weakref_to(f, list);
        tn_decref(f->mu, list);
        heap_fixture_settle(f);
        list = test_list(f->mu);
        for (size_t k = 0; k <= i; k++)
            assert_null(tn_weakref_get(f->mu, dead[k]));
        assert_false(has_weak_bit(list));
        tn_decref(f->mu, list);
    }
    for (size_t i = 0; i < 32; i++)
        tn_decref(f->mu, dead[i]);
}

static void test_reused_memory_is_not_found_through_an_old_weakref(void **state)
{
    (void)state;
    test_in_all_modes(reused_address);
}

/* A container that refers to a weakref of itself: the weakref is cleared before
 * the container lets go of it. */
static void cleared_before_dropped(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = weakref_to(f, list);

    tn_incref(f->mu, weakref);
    test_append(f->mu, list, weakref);
    tn_decref(f->mu, list);
    assert_null(tn_weakref_get(f->mu, weakref));
    assert_int_equal(test_refcount(weakref), f->mu->dying == list ? 2 : 1);
    heap_fixture_settle(f);
    assert_int_equal(test_refcount(weakref), 1);
    tn_decref(f->mu, weakref);
}

static void test_weakref_is_cleared_before_references_are_dropped(void **state)
{
    (void)state;
    test_in_all_modes(cleared_before_dropped);
}

static void deep_death(struct heap_fixture *f)
{
    enum {
        N = 500
    };
    struct tn_object *weakrefs[N];
    struct tn_object *outer = test_list(f->mu);

    for (int i = 0; i < N; i++) {
        struct tn_object *list = test_list(f->mu);

        weakrefs[i] = weakref_to(f, outer);
        test_append(f->mu, list, outer);
        outer = list;
    }
    for (int i = 0; i < N; i++)
        assert_non_null(tn_weakref_peek(f->mu, weakrefs[i]));
    tn_decref(f->mu, outer);
    heap_fixture_settle(f);
    for (int i = 0; i < N; i++) {
        assert_null(tn_weakref_get(f->mu, weakrefs[i]));
        tn_decref(f->mu, weakrefs[i]);
    }
    assert_int_equal(n_cleared(f), N);
}

static void test_nested_objects_clear_their_weakrefs_as_they_die(void **state)
{
    (void)state;
    test_in_all_modes(deep_death);
}

/* ---- What can be referred to ---- */

static void refused_types(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *refused[] = {
        tn_none(f->heap),       tn_bool(f->heap, true),       test_int(f->mu, 100000),
        test_float(f->mu, 1.5), test_str(f->mu, "some text"), weakref_to(f, list),
    };
    struct tn_object *weakref = NULL;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(tn_weakref_new(f->mu, refused[i], &weakref), TN_ERR_TYPE);
        assert_null(weakref);
        tn_decref(f->mu, refused[i]);
    }
    tn_decref(f->mu, list);
}

static void test_values_and_weakrefs_are_refused(void **state)
{
    (void)state;
    test_in_all_modes(refused_types);
}

static void every_other_type(struct heap_fixture *f)
{
    struct tn_object *targets[] = {
        test_bytes(f->mu, "some bytes", 10),
        test_tuple_1(f->mu, test_int(f->mu, 7)),
        test_list(f->mu),
        test_dict(f->mu),
    };

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct tn_object *weakref = weakref_to(f, targets[i]);

        assert_true(refers_to(f, weakref, targets[i]));
        tn_decref(f->mu, targets[i]);
        assert_null(tn_weakref_get(f->mu, weakref));
        tn_decref(f->mu, weakref);
    }
}

static void test_bytes_and_containers_can_be_referred_to(void **state)
{
    (void)state;
    test_in_all_modes(every_other_type);
}

static void immortal_target(struct heap_fixture *f)
{
    struct tn_object *empty;
    struct tn_object *weakref;

    assert_int_equal(tn_tuple_new(f->mu, 0, &empty), 0);
    assert_true(tn_is_immortal(empty));
    weakref = weakref_to(f, empty);
    tn_decref(f->mu, empty);
    tn_decref(f->mu, empty);
    assert_true(refers_to(f, weakref, empty));
    tn_decref(f->mu, weakref);
    heap_fixture_settle(f);
    tn_weakrefs_validate(f->mu);
}

static void test_weakref_to_an_immortal_is_never_dead(void **state)
{
    (void)state;
    test_in_all_modes(immortal_target);
}

static void weakref_as_key(struct heap_fixture *f)
{
    struct tn_object *dict = test_dict(f->mu);
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = weakref_to(f, list);
    struct tn_object *found;

    tn_incref(f->mu, weakref);
    test_set(f->mu, dict, weakref, test_int(f->mu, 5));
    assert_int_equal(tn_dict_get(f->mu, dict, weakref, &found), 0);
    tn_decref(f->mu, list);
    /* Still the key that it was. */
    assert_int_equal(tn_dict_get(f->mu, dict, weakref, &found), 0);
    assert_int_equal(tn_int_value(found), 5);
    tn_decref(f->mu, weakref);
    tn_decref(f->mu, dict);
}

static void test_weakref_is_a_key_also_after_it_is_dead(void **state)
{
    (void)state;
    test_in_all_modes(weakref_as_key);
}

static void published_from_birth(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = weakref_to(f, list);

    assert_int_equal(tn_is_published(list), tn_heap_mode(f->heap) != TN_MODE_GIL);
    assert_int_equal(tn_is_published(weakref), tn_heap_mode(f->heap) != TN_MODE_GIL);
    tn_decref(f->mu, weakref);
    tn_decref(f->mu, list);
}

static void test_weakref_publishes_itself_and_its_object(void **state)
{
    (void)state;
    test_in_all_modes(published_from_birth);
}

/* ---- For the collector ---- */

static void clear_the_living(struct heap_fixture *f)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = weakref_to(f, list);
    struct tn_object *next;

    assert_int_equal(tn_weakrefs_clear(f->mu, list), 1);
    assert_int_equal(tn_weakrefs_clear(f->mu, list), 0);
    assert_null(tn_weakref_get(f->mu, weakref));
    assert_false(has_weak_bit(list));
    next = weakref_to(f, list);
    assert_ptr_not_equal(next, weakref);
    assert_true(refers_to(f, next, list));
    tn_decref(f->mu, weakref);
    tn_decref(f->mu, next);
    tn_decref(f->mu, list);
}

static void test_clear_of_a_living_object_ends_its_weakref(void **state)
{
    (void)state;
    test_in_all_modes(clear_the_living);
}

/* Members of a cycle that the end of the heap has to free, with weakrefs inside. */
static void test_heap_free_with_weakrefs_in_cycles_frees_all(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct heap_fixture f;
        struct tn_object *a;
        struct tn_object *b;

        heap_fixture_setup(&f, (enum tn_mode)mode);
        a = test_list(f.mu);
        b = test_list(f.mu);
        test_append(f.mu, a, weakref_to(&f, b));
        test_append(f.mu, b, weakref_to(&f, a));
        tn_incref(f.mu, b);
        test_append(f.mu, a, b);
        test_append(f.mu, b, a);
        tn_decref(f.mu, b);
        heap_fixture_settle(&f);
        tn_thread_offline(f.thread);
        tn_thread_detach(&f.thread);
        assert_int_equal(tn_heap_free(&f.heap), 4);
    }
}

/* ---- Failing allocations ---- */

static int new_step(struct heap_fixture *f, const void *arg)
{
    struct tn_object *list = test_list(f->mu);
    struct tn_object *weakref = NULL;
    int r;

    (void)arg;
    test_faults_begin();
    r = tn_weakref_new(f->mu, list, &weakref);
    test_faults_end();
    if (r == 0)
        assert_true(refers_to(f, weakref, list));
    else
        assert_null(weakref);
    tn_drop(f->mu, &weakref);
    heap_fixture_settle(f);
    assert_false(has_weak_bit(list));
    tn_weakrefs_validate(f->mu);
    tn_decref(f->mu, list);
    return r;
}

static void new_without_memory(struct heap_fixture *f)
{
    test_failing_allocations(f, new_step, NULL);
}

static void test_weakref_new_without_memory_changes_nothing(void **state)
{
    (void)state;
    test_in_all_modes(new_without_memory);
}

/* ---- At random, against what must be ---- */

struct model {
    struct tn_object *targets[N_WORLD]; /* references; NULL: dead */
    struct tn_object *weakrefs[N_WORLD];
    uint64_t n_cleared;
};

static void model_step(struct heap_fixture *f, struct model *m, uint64_t *random)
{
    size_t i = test_random(random) % N_WORLD;

    switch (test_random(random) % 6) {
    case 0:
        if (m->targets[i] == NULL && m->weakrefs[i] == NULL)
            m->targets[i] = test_random(random) % 2 == 0 ? test_list(f->mu) : test_dict(f->mu);
        break;
    case 1:
        if (m->targets[i] != NULL && m->weakrefs[i] == NULL)
            m->weakrefs[i] = weakref_to(f, m->targets[i]);
        break;
    case 2:
        if (m->targets[i] != NULL && m->weakrefs[i] != NULL)
            m->n_cleared++;
        tn_drop(f->mu, &m->targets[i]);
        break;
    case 3:
        tn_drop(f->mu, &m->weakrefs[i]);
        break;
    case 4:
        (void)tn_thread_safepoint(f->thread, test_random(random) % 8);
        break;
    default:
        if (m->weakrefs[i] != NULL)
            assert_true(refers_to(f, m->weakrefs[i], m->targets[i]));
    }
}

static void random_world(struct heap_fixture *f)
{
    uint64_t random = test_seed();
    struct model m = { 0 };

    for (int step = 0; step < 20000; step++) {
        model_step(f, &m, &random);
        if (step % 512 == 0)
            tn_weakrefs_validate(f->mu);
    }
    assert_int_equal(n_cleared(f), m.n_cleared);
    for (size_t i = 0; i < N_WORLD; i++) {
        tn_drop(f->mu, &m.targets[i]);
        tn_drop(f->mu, &m.weakrefs[i]);
    }
}

static void test_random_lives_and_deaths_are_as_they_must_be(void **state)
{
    (void)state;
    test_in_all_modes(random_world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deref_of_a_living_object_gives_a_reference),
        cmocka_unit_test(test_deref_of_a_dead_object_gives_nothing),
        cmocka_unit_test(test_weakref_new_twice_gives_the_same),
        cmocka_unit_test(test_weakref_that_dies_first_is_forgotten),
        cmocka_unit_test(test_reused_memory_is_not_found_through_an_old_weakref),
        cmocka_unit_test(test_weakref_is_cleared_before_references_are_dropped),
        cmocka_unit_test(test_nested_objects_clear_their_weakrefs_as_they_die),
        cmocka_unit_test(test_values_and_weakrefs_are_refused),
        cmocka_unit_test(test_bytes_and_containers_can_be_referred_to),
        cmocka_unit_test(test_weakref_to_an_immortal_is_never_dead),
        cmocka_unit_test(test_weakref_is_a_key_also_after_it_is_dead),
        cmocka_unit_test(test_weakref_publishes_itself_and_its_object),
        cmocka_unit_test(test_clear_of_a_living_object_ends_its_weakref),
        cmocka_unit_test(test_heap_free_with_weakrefs_in_cycles_frees_all),
        cmocka_unit_test(test_weakref_new_without_memory_changes_nothing),
        cmocka_unit_test(test_random_lives_and_deaths_are_as_they_must_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
