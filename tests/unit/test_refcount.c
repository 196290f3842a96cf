/* SPDX-License-Identifier: MIT */
/*
 * Counting: which part of the count moves, who frees, and who merges when the
 * owner is at work, asleep or gone. Other threads run to their end while the
 * test's own thread waits, so every test is deterministic.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/object/mutator.h"
#include "core/object/slot.h"
#include "tests/support/heap_fixture.h"

/* ---- Another thread, for as long as a function lasts ---- */

struct visit {
    struct tn_heap *heap;
    void (*work)(struct tn_mutator *mu, void *arg);
    void *arg;
    int result;
};

static void *visit_main(void *arg)
{
    struct visit *visit = arg;
    struct tn_thread *thread;

    visit->result = tn_thread_attach(visit->heap, &thread);
    if (visit->result < 0)
        return NULL;
    visit->work(tn_thread_online(thread), visit->arg);
    tn_thread_offline(thread);
    tn_thread_detach(&thread);
    return NULL;
}

static void in_another_thread(struct tn_heap *heap, void (*work)(struct tn_mutator *mu, void *arg),
                              void *arg)
{
    struct visit visit = { .heap = heap, .work = work, .arg = arg };
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, visit_main, &visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visit.result, 0);
}

static void drop_one(struct tn_mutator *mu, void *arg)
{
    tn_decref(mu, arg);
}

static void take_one(struct tn_mutator *mu, void *arg)
{
    tn_incref(mu, arg);
}

static struct tn_object *new_int(struct heap_fixture *f)
{
    struct tn_object *o;

    assert_int_equal(tn_int_new(f->mu, 1000000, &o), 0);
    return o;
}

static uint64_t live_objs(struct heap_fixture *f)
{
    struct tn_census census;

    tn_census_take(f->heap, &census);
    return census.live_objs;
}

/* ---- One thread ---- */

static void test_birth_is_stamped_by_mode(void **state)
{
    struct heap_fixture f;
    struct tn_refcount count;
    struct tn_object *o;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        heap_fixture_setup(&f, (enum tn_mode)mode);
        o = new_int(&f);
        count = tn_refcount_read(o);
        assert_int_equal(count.local, mode == TN_MODE_ATOMIC ? 0 : 1);
        assert_int_equal(count.shared, mode == TN_MODE_ATOMIC ? 1 : 0);
        assert_int_equal(count.state, mode == TN_MODE_ATOMIC ? TN_STATE_MERGED : TN_STATE_PRIVATE);
        assert_int_equal(count.owner == TN_OWNER_NOBODY, mode == TN_MODE_ATOMIC);
        assert_int_equal(live_objs(&f), 1);
        tn_incref(f.mu, o);
        count = tn_refcount_read(o);
        assert_int_equal(count.local + count.shared, 2);
        tn_decref(f.mu, o);
        assert_int_equal(live_objs(&f), 1);
        tn_decref(f.mu, o);
        heap_fixture_teardown(&f);
    }
}

static void test_private_object_is_freed_at_once(void **state)
{
    struct heap_fixture f;
    struct tn_object *first, *second;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        heap_fixture_setup(&f, (enum tn_mode)mode);
        first = new_int(&f);
        tn_decref(f.mu, first);
        second = new_int(&f);
        /* In mode atomic nobody knows that it was never seen: it waits in limbo. */
        assert_int_equal(first == second, mode != TN_MODE_ATOMIC);
        tn_decref(f.mu, second);
        heap_fixture_teardown(&f);
    }
}

static void test_count_at_the_end_of_its_range_becomes_immortal(void **state)
{
    struct heap_fixture f;
    struct tn_object *o;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    o = new_int(&f);
    atomic_store(&o->local, TN_LOCAL_IMMORTAL - 1);
    tn_incref(f.mu, o);
    assert_true(tn_is_immortal(o));
    tn_incref(f.mu, o);
    assert_true(tn_is_immortal(o));
    for (int i = 0; i < 5; i++)
        tn_decref(f.mu, o);
    assert_true(tn_is_immortal(o));
    tn_publish(f.mu, o);
    in_another_thread(f.heap, drop_one, o);
    in_another_thread(f.heap, take_one, o);
    assert_true(tn_refcount_read(o).immortal);
    /* Mortal again, so that the heap can end empty. */
    atomic_store(&o->local, 1);
    tn_decref(f.mu, o);
    heap_fixture_teardown(&f);
}

static void test_immortals_are_not_counted(void **state)
{
    struct heap_fixture f;
    struct tn_object *o;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        heap_fixture_setup(&f, (enum tn_mode)mode);
        assert_int_equal(tn_int_new(f.mu, 7, &o), 0);
        assert_true(tn_refcount_read(o).immortal);
        for (int i = 0; i < 3; i++)
            tn_decref(f.mu, o);
        assert_int_equal(tn_int_value(o), 7);
        assert_true(tn_tryref(f.mu, o));
        assert_int_equal(live_objs(&f), 0);
        heap_fixture_teardown(&f);
    }
}

static void test_publishing_reaches_everything_below(void **state)
{
    struct heap_fixture f;
    struct tn_object *outer, *inner, *item;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        heap_fixture_setup(&f, (enum tn_mode)mode);
        assert_int_equal(tn_list_new(f.mu, 0, &outer), 0);
        assert_int_equal(tn_list_new(f.mu, 0, &inner), 0);
        item = new_int(&f);
        tn_incref(f.mu, item);
        tn_incref(f.mu, inner);
        struct tn_object *take = item;
        assert_int_equal(tn_list_append(f.mu, inner, &take, NULL), 0);
        take = inner;
        assert_int_equal(tn_list_append(f.mu, outer, &take, NULL), 0);
        /* A cycle does not confuse it. */
        tn_incref(f.mu, outer);
        take = outer;
        assert_int_equal(tn_list_append(f.mu, inner, &take, NULL), 0);
        assert_int_equal(tn_is_published(item), mode == TN_MODE_ATOMIC);
        tn_publish(f.mu, outer);
        assert_int_equal(tn_is_published(outer), mode != TN_MODE_GIL);
        assert_int_equal(tn_is_published(inner), mode != TN_MODE_GIL);
        assert_int_equal(tn_is_published(item), mode != TN_MODE_GIL);
        /* What is stored into a published container is published on the way. */
        struct tn_object *late = new_int(&f);
        tn_incref(f.mu, late);
        take = late;
        assert_int_equal(tn_list_append(f.mu, outer, &take, NULL), 0);
        assert_int_equal(tn_is_published(late), mode != TN_MODE_GIL);
        assert_int_equal(tn_list_pop(f.mu, inner, 1, &take, NULL), 0);
        assert_ptr_equal(take, outer);
        tn_decref(f.mu, take);
        tn_decref(f.mu, late);
        tn_decref(f.mu, item);
        tn_decref(f.mu, inner);
        tn_decref(f.mu, outer);
        heap_fixture_teardown(&f);
    }
}

/* ---- The owner and others ---- */

static void test_foreign_count_goes_to_shared(void **state)
{
    struct heap_fixture f;
    struct tn_refcount count;
    struct tn_object *o;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    o = new_int(&f);
    tn_publish(f.mu, o);
    in_another_thread(f.heap, take_one, o);
    in_another_thread(f.heap, take_one, o);
    count = tn_refcount_read(o);
    assert_int_equal(count.local, 1);
    assert_int_equal(count.shared, 2);
    /* The owner gives up its own: the count is merged, the object lives on. */
    tn_decref(f.mu, o);
    count = tn_refcount_read(o);
    assert_int_equal(count.state, TN_STATE_MERGED);
    assert_int_equal(count.shared, 2);
    assert_int_equal(count.owner, TN_OWNER_NOBODY);
    tn_decref(f.mu, o);
    assert_true(tn_tryref(f.mu, o));
    tn_decref(f.mu, o);
    in_another_thread(f.heap, drop_one, o);
    heap_fixture_teardown(&f);
}

static void test_foreign_drop_asks_the_owner_at_work_to_merge(void **state)
{
    struct heap_fixture f;
    struct tn_refcount count;
    struct tn_object *o;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    o = new_int(&f);
    tn_incref(f.mu, o);
    tn_publish(f.mu, o);
    in_another_thread(f.heap, drop_one, o); /* gives back one that the owner counted */
    count = tn_refcount_read(o);
    assert_int_equal(count.state, TN_STATE_QUEUED);
    assert_int_equal(count.local + count.shared, 1);
    assert_true(tn_tryref(f.mu, o)); /* it is alive */
    tn_decref(f.mu, o);
    (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
    count = tn_refcount_read(o);
    assert_int_equal(count.state, TN_STATE_MERGED);
    assert_int_equal(count.shared, 1);
    assert_int_equal(live_objs(&f), 1);
    tn_decref(f.mu, o);
    heap_fixture_teardown(&f);
}

static void test_foreign_drop_of_the_last_reference_frees_at_the_owners_safe_point(void **state)
{
    struct heap_fixture f;
    struct tn_object *o;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    o = new_int(&f);
    tn_publish(f.mu, o);
    in_another_thread(f.heap, drop_one, o);
    assert_int_equal(tn_refcount_read(o).state, TN_STATE_QUEUED);
    assert_int_equal(tn_refcount_read(o).local + tn_refcount_read(o).shared, 0);
    (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
    heap_fixture_expect_empty(&f);
    heap_fixture_teardown(&f);
}

static void test_owners_zero_before_the_merge_leaves_the_queue_its_reference(void **state)
{
    struct heap_fixture f;
    struct tn_object *o;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    o = new_int(&f);
    tn_publish(f.mu, o);
    tn_incref(f.mu, o);
    in_another_thread(f.heap, drop_one, o); /* queued: local 2, one of them the queue's */
    in_another_thread(f.heap, take_one, o); /* shared 1, which the owner drops for it */
    tn_decref(f.mu, o);
    assert_int_equal(tn_refcount_read(o).state, TN_STATE_QUEUED);
    tn_decref(f.mu, o); /* local 0 */
    assert_int_equal(tn_refcount_read(o).state, TN_STATE_MERGED);
    assert_int_equal(live_objs(&f), 1); /* the queue has the last one */
    (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
    heap_fixture_teardown(&f);
}

static void test_drop_merges_for_a_sleeping_owner(void **state)
{
    struct heap_fixture f;
    struct tn_object *objects[10];
    struct tn_census census;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    for (size_t i = 0; i < 10; i++) {
        objects[i] = new_int(&f);
        tn_publish(f.mu, objects[i]);
        tn_incref(f.mu, objects[i]);
    }
    tn_thread_offline(f.thread);
    for (size_t i = 0; i < 10; i++)
        in_another_thread(f.heap, drop_one, objects[i]);
    tn_census_take(f.heap, &census);
    assert_int_equal(census.merges_queued, 10);
    assert_int_equal(census.merges_claimed, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(tn_refcount_read(objects[i]).state, TN_STATE_MERGED);
        in_another_thread(f.heap, drop_one, objects[i]);
    }
    f.mu = tn_thread_online(f.thread);
    heap_fixture_teardown(&f);
}

/* A thread makes objects and ends; the test's thread has another mutator and
 * drops them. */
static void make_two(struct tn_mutator *mu, void *arg)
{
    struct tn_object **o = arg;

    for (int i = 0; i < 2; i++) {
        if (tn_int_new(mu, 1 << 20, &o[i]) < 0)
            return;
        tn_publish(mu, o[i]);
    }
}

static void test_drop_merges_for_an_owner_that_has_ended(void **state)
{
    struct heap_fixture f;
    struct tn_census census;
    struct tn_object *o[2] = { NULL };

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    in_another_thread(f.heap, make_two, o);
    assert_non_null(o[1]);
    assert_int_equal(live_objs(&f), 2);
    for (size_t i = 0; i < 2; i++)
        tn_decref(f.mu, o[i]);
    tn_census_take(f.heap, &census);
    assert_int_equal(census.merges_claimed, 2);
    heap_fixture_expect_empty(&f);
    heap_fixture_teardown(&f);
}

static void test_large_object_is_merged_too(void **state)
{
    struct heap_fixture f;
    struct tn_object *o;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    assert_int_equal(tn_tuple_new(f.mu, 10000, &o), 0);
    for (size_t i = 0; i < 10000; i++) {
        struct tn_object *item = tn_none(f.heap);

        tn_tuple_fill(f.mu, o, i, &item);
    }
    tn_publish(f.mu, o);
    in_another_thread(f.heap, drop_one, o);
    assert_int_equal(live_objs(&f), 1);
    heap_fixture_expect_empty(&f);
    heap_fixture_teardown(&f);
}

struct late_look {
    struct heap_fixture *f;
    struct tn_object *o;
    pthread_barrier_t found, dropped;
    bool got_it;
    int64_t value;
    int result;
};

static void *look_late(void *arg)
{
    struct late_look *look = arg;
    struct tn_thread *thread;

    look->result = tn_thread_attach(look->f->heap, &thread);
    if (look->result == 0)
        (void)tn_thread_online(thread);
    pthread_barrier_wait(&look->found);
    pthread_barrier_wait(&look->dropped);
    if (look->result < 0)
        return NULL;
    /* Still in the section in which it was found: dead, but still there. */
    look->got_it = tn_tryref(tn_thread_mutator(thread), look->o);
    look->value = tn_int_value(look->o);
    tn_thread_offline(thread);
    tn_thread_detach(&thread);
    return NULL;
}

static void test_tryref_does_not_revive_the_dead(void **state)
{
    struct heap_fixture f;
    struct late_look look = { .f = &f };
    pthread_t thread;

    (void)state;
    for (int mode = TN_MODE_ATOMIC; mode <= TN_MODE_BIASED; mode++) {
        heap_fixture_setup(&f, (enum tn_mode)mode);
        look.o = new_int(&f);
        tn_publish(f.mu, look.o);
        pthread_barrier_init(&look.found, NULL, 2);
        pthread_barrier_init(&look.dropped, NULL, 2);
        assert_int_equal(pthread_create(&thread, NULL, look_late, &look), 0);
        pthread_barrier_wait(&look.found);
        tn_decref(f.mu, look.o);
        for (int i = 0; i < 100; i++) /* not freed, however often we pass safe points */
            (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
        pthread_barrier_wait(&look.dropped);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(look.result, 0);
        assert_false(look.got_it);
        assert_int_equal(look.value, 1000000);
        pthread_barrier_destroy(&look.found);
        pthread_barrier_destroy(&look.dropped);
        heap_fixture_teardown(&f);
    }
}

/* ---- Deep structures ---- */

static void test_deep_nesting_is_dropped_in_budgeted_steps(void **state)
{
    enum {
        DEPTH = 200000,
        BUDGET = 1000
    };
    struct heap_fixture f;
    struct tn_object *outer, *list;
    int n_steps;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        for (int is_published = 0; is_published < 2; is_published++) {
            heap_fixture_setup(&f, (enum tn_mode)mode);
            assert_int_equal(tn_list_new(f.mu, 1, &outer), 0);
            for (int i = 1; i < DEPTH; i++) {
                assert_int_equal(tn_list_new(f.mu, 1, &list), 0);
                assert_int_equal(tn_list_append(f.mu, list, &outer, NULL), 0);
                outer = list;
            }
            if (is_published != 0)
                tn_publish(f.mu, outer);
            assert_int_equal(live_objs(&f), DEPTH);
            tn_decref(f.mu, outer);
            n_steps = 1;
            while (tn_thread_safepoint(f.thread, BUDGET)) {
                struct tn_census census;

                tn_census_take(f.heap, &census);
                assert_true(census.dying_objs <= 2);
                n_steps++;
            }
            assert_true(n_steps >= DEPTH / BUDGET);
            heap_fixture_teardown(&f);
        }
    }
}

static void test_heap_free_reports_and_frees_what_is_left(void **state)
{
    struct tn_object *a, *b, *take;
    struct heap_fixture f;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        heap_fixture_setup(&f, (enum tn_mode)mode);
        assert_int_equal(tn_list_new(f.mu, 0, &a), 0);
        assert_int_equal(tn_list_new(f.mu, 100, &b), 0);
        take = a;
        tn_incref(f.mu, a);
        assert_int_equal(tn_list_append(f.mu, b, &take, NULL), 0);
        take = b;
        assert_int_equal(tn_list_append(f.mu, a, &take, NULL), 0);
        tn_decref(f.mu, a);
        (void)new_int(&f); /* a reference that is forgotten */
        (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
        assert_int_equal(live_objs(&f), 3);
        tn_thread_offline(f.thread);
        tn_thread_detach(&f.thread);
        assert_int_equal(tn_heap_free(&f.heap), 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_birth_is_stamped_by_mode),
        cmocka_unit_test(test_private_object_is_freed_at_once),
        cmocka_unit_test(test_count_at_the_end_of_its_range_becomes_immortal),
        cmocka_unit_test(test_immortals_are_not_counted),
        cmocka_unit_test(test_publishing_reaches_everything_below),
        cmocka_unit_test(test_foreign_count_goes_to_shared),
        cmocka_unit_test(test_foreign_drop_asks_the_owner_at_work_to_merge),
        cmocka_unit_test(test_foreign_drop_of_the_last_reference_frees_at_the_owners_safe_point),
        cmocka_unit_test(test_owners_zero_before_the_merge_leaves_the_queue_its_reference),
        cmocka_unit_test(test_drop_merges_for_a_sleeping_owner),
        cmocka_unit_test(test_drop_merges_for_an_owner_that_has_ended),
        cmocka_unit_test(test_large_object_is_merged_too),
        cmocka_unit_test(test_tryref_does_not_revive_the_dead),
        cmocka_unit_test(test_deep_nesting_is_dropped_in_budgeted_steps),
        cmocka_unit_test(test_heap_free_reports_and_frees_what_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
