/* SPDX-License-Identifier: MIT */
/* The handle table of a session. */
#include "server/session.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/object/mark.h"
#include "core/object/mutator.h"
#include "tests/support/objects.h"

#define MAX 5000

static struct tn_sessions sessions;
static struct tn_session session;
static struct tn_namespace *ns;

static void open_session(struct heap_fixture *f)
{
    tn_sessions_init(&sessions, f->thread);
    assert_int_equal(tn_namespace_open(f->mu, TN_SLICE_LITERAL("ns"), &ns), 0);
    tn_session_init(&session, MAX);
    assert_false(tn_session_is_open(&session));
    tn_session_open(&session, &sessions, ns, 1);
    assert_true(tn_session_is_open(&session));
}

static void setup(struct heap_fixture *f)
{
    heap_fixture_setup(f, TN_MODE_BIASED);
    open_session(f);
}

/* Closes the session, which must have a bounded part of it left each time. */
static void teardown(struct heap_fixture *f)
{
    bool is_closed = false;

    while (!is_closed) {
        size_t budget = 64;
        size_t before = tn_session_n_handles(&session);

        is_closed = tn_session_close(&session, f->mu, &budget);
        assert_true(before - tn_session_n_handles(&session) <= 64);
        assert_true(is_closed || budget == 0);
    }
    assert_false(tn_session_is_open(&session));
    heap_fixture_settle(f);
    tn_thread_offline(f->thread);
    tn_thread_detach(&f->thread);
    assert_int_equal(tn_heap_free(&f->heap), 0);
}

static uint64_t add(struct heap_fixture *f, int64_t number)
{
    struct tn_object *o;

    assert_int_equal(tn_int_new(f->mu, 100000 + number, &o), 0);
    assert_int_equal(tn_session_reserve(&session, 1), 0);
    return tn_session_add(&session, &o);
}

static int64_t number_of(uint64_t handle)
{
    struct tn_object *o;

    assert_int_equal(tn_session_find(&session, handle, &o), 0);
    return tn_int_value(o) - 100000;
}

static void release(struct heap_fixture *f, uint64_t handle)
{
    struct tn_object *o;

    assert_int_equal(tn_session_take(&session, f->mu, handle, &o), 0);
    tn_decref(f->mu, o);
}

static void test_handles_find_their_objects(void **state)
{
    struct heap_fixture f;
    uint64_t *handles = calloc(MAX, sizeof(*handles));
    struct tn_object *o;

    (void)state;
    assert_non_null(handles);
    setup(&f);
    for (int i = 0; i < MAX; i++)
        handles[i] = add(&f, i);
    assert_int_equal(tn_session_n_handles(&session), MAX);
    assert_int_equal(tn_session_reserve(&session, 1), TN_ERR_TOO_MANY);
    for (int i = 0; i < MAX; i++)
        assert_int_equal(number_of(handles[i]), i);
    for (int i = 0; i < MAX; i += 2)
        release(&f, handles[i]);
    assert_int_equal(tn_session_n_handles(&session), MAX / 2);
    for (int i = 0; i < MAX; i++) {
        if (i % 2 == 0) {
            assert_int_equal(tn_session_find(&session, handles[i], &o), TN_ERR_HANDLE);
            assert_int_equal(tn_session_take(&session, f.mu, handles[i], &o), TN_ERR_HANDLE);
            handles[i] = add(&f, -i); /* into the places that are free now */
        }
    }
    for (int i = 0; i < MAX; i++)
        assert_int_equal(number_of(handles[i]), i % 2 == 0 ? -i : i);
    assert_int_equal(session.n_slots, MAX);
    free(handles);
    teardown(&f);
}

static void test_stale_and_foreign_handles_are_not_found(void **state)
{
    struct heap_fixture f;
    struct tn_session other;
    struct tn_object *o;
    uint64_t seed = test_seed();
    uint64_t old[100];
    size_t budget = 1000;

    (void)state;
    setup(&f);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++)
            old[i] = add(&f, i);
        for (int i = 0; i < 100; i++)
            release(&f, old[i]);
    }
    for (int i = 0; i < 100; i++)
        (void)add(&f, i); /* in the same places */
    for (int i = 0; i < 100; i++)
        assert_int_equal(tn_session_find(&session, old[i], &o), TN_ERR_HANDLE);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(tn_session_find(&session, test_random(&seed), &o), TN_ERR_HANDLE);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(tn_session_find(&session, i, &o), TN_ERR_HANDLE);

    tn_session_init(&other, MAX);
    tn_session_open(&other, &sessions, ns, 2);
    assert_int_equal(tn_session_reserve(&other, 1), 0);
    assert_int_equal(tn_int_new(f.mu, 5000, &o), 0);
    old[0] = tn_session_add(&other, &o);
    assert_int_equal(tn_session_find(&session, old[0], &o), TN_ERR_HANDLE);
    assert_int_equal(tn_session_find(&other, old[0], &o), 0);
    assert_true(tn_session_close(&other, f.mu, &budget));
    teardown(&f);
}

/* When all is released the memory goes, and old handles still mean nothing. */
static void test_empty_table_gives_its_memory_back(void **state)
{
    struct heap_fixture f;
    uint64_t *handles = calloc((size_t)2 * MAX, sizeof(*handles));
    struct tn_object *o;

    (void)state;
    assert_non_null(handles);
    setup(&f);
    session.max_handles = (size_t)2 * MAX;
    for (int i = 0; i < 2 * MAX; i++)
        handles[i] = add(&f, i);
    assert_true(session.n_chunks > 8);
    for (int i = 0; i < 2 * MAX; i++)
        release(&f, handles[i]);
    assert_int_equal(session.n_chunks, 0);
    for (int i = 0; i < MAX; i++)
        (void)add(&f, i);
    for (int i = 0; i < 2 * MAX; i++)
        assert_int_equal(tn_session_find(&session, handles[i], &o), TN_ERR_HANDLE);
    free(handles);
    teardown(&f);
}

/* ---- Scopes ---- */

static void begin_scope(uint64_t *ret_number)
{
    assert_int_equal(tn_session_begin_scope(&session, ret_number), 0);
}

static uint64_t end_scope(struct heap_fixture *f, uint64_t number, const uint64_t *keep, size_t n)
{
    size_t before = tn_session_n_handles(&session);
    size_t budget = 3;

    assert_int_equal(tn_session_end_scope(&session, number, keep, n), 0);
    assert_true(tn_session_is_ending_scope(&session));
    while (!tn_session_work_off_scope(&session, f->mu, budget)) {
        assert_int_equal(before - tn_session_n_handles(&session), budget);
        before = tn_session_n_handles(&session);
    }
    assert_false(tn_session_is_ending_scope(&session));
    return session.n_ended;
}

static bool is_held(uint64_t handle)
{
    struct tn_object *o;

    return tn_session_find(&session, handle, &o) == 0;
}

static void test_scope_releases_what_it_was_given(void **state)
{
    struct heap_fixture f;
    uint64_t outside, kept, moved, inner, outer, scope[2];
    bool did = true;

    (void)state;
    setup(&f);
    outside = add(&f, 1);
    begin_scope(&scope[0]);
    outer = add(&f, 2);
    moved = add(&f, 3);
    begin_scope(&scope[1]);
    assert_true(scope[1] != scope[0]);
    inner = add(&f, 4);
    kept = add(&f, 5);
    release(&f, add(&f, 6)); /* in between, so that places move */
    assert_int_equal(tn_session_keep(&session, moved, &did), 0);
    assert_true(did);
    assert_int_equal(tn_session_keep(&session, outside, &did), 0);
    assert_false(did);
    assert_int_equal(tn_session_keep(&session, outside + 1, NULL), TN_ERR_HANDLE);
    assert_int_equal(tn_session_end_scope(&session, scope[1], &(uint64_t){ 12345 }, 1),
                     TN_ERR_HANDLE);
    assert_int_equal(end_scope(&f, scope[1], (uint64_t[]){ kept, outside, outer, kept }, 4), 1);
    assert_false(is_held(inner));
    assert_int_equal(number_of(kept), 5);
    assert_int_equal(tn_session_end_scope(&session, scope[1], NULL, 0), TN_ERR_NAME);
    assert_int_equal(end_scope(&f, 0, NULL, 0), 2);
    assert_false(is_held(outer) || is_held(kept));
    assert_int_equal(number_of(moved), 3);
    assert_int_equal(number_of(outside), 1);
    assert_int_equal(tn_session_end_scope(&session, 0, NULL, 0), TN_ERR_NAME);
    for (int i = 0; i < TN_SCOPES_MAX; i++)
        begin_scope(&scope[1]);
    assert_int_equal(tn_session_begin_scope(&session, &scope[1]), TN_ERR_TOO_MANY);
    teardown(&f); /* with scopes open */
}

/* What a naive model knows of a handle: how deep it belongs; -1: released. */
struct modelled {
    uint64_t handle;
    int depth;
};

static size_t count_held(const struct modelled *model, size_t n, int deeper_than)
{
    size_t n_held = 0;

    for (size_t i = 0; i < n; i++)
        n_held += model[i].depth > deeper_than;
    return n_held;
}

static void test_scopes_do_what_a_naive_model_does(void **state)
{
    enum {
        STEPS = 4000
    };
    struct modelled *model = calloc(STEPS, sizeof(*model));
    uint64_t numbers[TN_SCOPES_MAX + 1];
    uint64_t seed = test_seed();
    struct heap_fixture f;
    size_t n = 0;
    int depth = 0;

    (void)state;
    assert_non_null(model);
    setup(&f);
    for (int step = 0; step < STEPS; step++) {
        struct modelled *one = n > 0 ? &model[test_random(&seed) % n] : NULL;
        unsigned int choice = (unsigned int)(test_random(&seed) % 100);

        if (choice < 50 || one == NULL) {
            model[n] = (struct modelled){ add(&f, (int64_t)n), depth };
            n++;
        } else if (choice < 65) {
            if (one->depth >= 0)
                release(&f, one->handle);
            one->depth = -1;
        } else if (choice < 75) {
            int r = tn_session_keep(&session, one->handle, NULL);

            assert_int_equal(r, one->depth < 0 ? TN_ERR_HANDLE : 0);
            one->depth -= one->depth > 0;
        } else if (choice < 90 && depth < TN_SCOPES_MAX) {
            begin_scope(&numbers[++depth]);
        } else if (depth > 0) {
            int down = depth - (int)(test_random(&seed) % (unsigned int)(depth < 3 ? depth : 3));
            bool keeps = one->depth >= 0;

            if (keeps && one->depth >= down)
                one->depth = down - 1;
            assert_int_equal(end_scope(&f, numbers[down], &one->handle, keeps),
                             count_held(model, n, down - 1));
            for (size_t i = 0; i < n; i++)
                model[i].depth = model[i].depth >= down ? -1 : model[i].depth;
            depth = down - 1;
        }
        assert_int_equal(tn_session_n_handles(&session), count_held(model, n, -1));
        if (step % 50 == 0)
            for (size_t i = 0; i < n; i++)
                assert_true(is_held(model[i].handle) == (model[i].depth >= 0) &&
                            (model[i].depth < 0 || number_of(model[i].handle) == (int64_t)i));
    }
    free(model);
    teardown(&f);
}

/* A table that becomes empty inside a scope gives its memory back and goes on. */
static void test_scope_of_a_large_table_gives_its_memory_back(void **state)
{
    struct heap_fixture f;
    uint64_t outer, inner;

    (void)state;
    setup(&f);
    session.max_handles = (size_t)4 * MAX;
    begin_scope(&outer);
    begin_scope(&inner);
    for (int i = 0; i < 3 * MAX; i++)
        (void)add(&f, i);
    assert_true(session.n_chunks > 8);
    assert_int_equal(end_scope(&f, inner, NULL, 0), 3 * MAX);
    assert_int_equal(session.n_chunks, 0);
    assert_int_equal(session.cap_scoped, 0);
    (void)add(&f, 1);
    assert_int_equal(end_scope(&f, outer, NULL, 0), 1);
    teardown(&f);
}

/* ---- Roots ---- */

#define N_SESSIONS 5
#define N_CYCLES 40

static bool walk_sessions(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    (void)arg;
    if (*cursor == 0)
        *cursor = 1;
    return tn_sessions_walk(&sessions, mu, budget < 7 ? budget : 7); /* in many slices */
}

/* A list that refers to itself, as a new handle of a session. */
static uint64_t add_cycle(struct heap_fixture *f, struct tn_session *to)
{
    struct tn_object *list = test_list(f->mu);

    tn_incref(f->mu, list);
    test_append(f->mu, list, list);
    assert_int_equal(tn_session_reserve(to, 1), 0);
    return tn_session_add(to, &list);
}

static uint64_t collect(struct heap_fixture *f)
{
    struct tn_gc_report report;

    tn_thread_offline(f->thread);
    assert_true(tn_gc_collect(f->heap, TN_GC_OLDEST, &report));
    f->mu = tn_thread_online(f->thread);
    return report.garbage;
}

static void expect_roots(enum tn_mode mode, enum tn_gc_kind kind)
{
    const struct tn_gc_options options = { .kind = kind, .only_on_request = true };
    const struct tn_roots roots = { .walk = walk_sessions };
    struct tn_session all[N_SESSIONS];
    uint64_t handles[N_SESSIONS][N_CYCLES];
    struct tn_object *o;
    struct heap_fixture f;
    size_t budget = SIZE_MAX;

    heap_fixture_setup_collected(&f, mode, &options);
    open_session(&f);
    tn_thread_set_roots(f.thread, &roots);
    for (int s = 0; s < N_SESSIONS; s++) {
        tn_session_init(&all[s], MAX);
        tn_session_open(&all[s], &sessions, ns, 2);
        for (int i = 0; i < N_CYCLES; i++)
            handles[s][i] = add_cycle(&f, &all[s]);
    }
    /* What is held is no garbage, again and again. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(collect(&f), 0);
    for (int s = 0; s < N_SESSIONS; s++) {
        for (int i = s; i < N_CYCLES; i += 2) {
            assert_int_equal(tn_session_take(&all[s], f.mu, handles[s][i], &o), 0);
            assert_int_equal(tn_list_length(o), 1);
            tn_decref(f.mu, o);
        }
    }
    assert_int_equal(collect(&f), 20 + 20 + 19 + 19 + 18);
    /* Nor is what stays, in a session whose slots are half empty. */
    assert_int_equal(collect(&f), 0);
    for (int s = 0; s < N_SESSIONS; s++)
        assert_true(tn_session_close(&all[s], f.mu, &budget));
    assert_int_equal(collect(&f), N_SESSIONS * N_CYCLES - 96);
    assert_true(tn_session_close(&session, f.mu, &budget));
    tn_thread_set_roots(f.thread, NULL);
    heap_fixture_teardown(&f);
}

static void test_what_sessions_hold_is_no_garbage(void **state)
{
    (void)state;
    for (unsigned int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        expect_roots((enum tn_mode)mode, TN_GC_GENERATIONAL);
        expect_roots((enum tn_mode)mode, TN_GC_CONCURRENT);
    }
}

/* ---- A session that comes to somebody else, in the middle of a collection ---- */

struct other {
    struct tn_heap *heap;
    struct tn_session *session;
    _Atomic(bool) is_done; /* released by the other thread: the session is on its way */
    _Atomic(bool) may_end;
};

/* Opens a session as soon as it takes part in the marking, and lets it go. */
static void *open_while_marking(void *arg)
{
    struct tn_sessions others;
    struct other *other = arg;
    struct tn_thread *thread;
    struct tn_mutator *mu;
    size_t budget = SIZE_MAX;

    TN_ASSERT(tn_thread_attach(other->heap, &thread) == 0);
    tn_sessions_init(&others, thread);
    mu = tn_thread_online(thread);
    while (tn_roots_number(mu) == 0)
        (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
    tn_session_open(other->session, &others, ns, 2);
    TN_ASSERT(tn_session_leave(other->session, mu, &budget));
    atomic_store_explicit(&other->is_done, true, memory_order_release);
    while (!atomic_load_explicit(&other->may_end, memory_order_relaxed))
        (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
    tn_thread_offline(thread);
    tn_thread_detach(&thread);
    return NULL;
}

/*
 * It has been visited, says who brings it. But what comes into it here, until this thread
 * marks as well, is neither marked nor shaded: so it must be visited again.
 */
static void expect_to_be_visited_again(enum tn_mode mode)
{
    const struct tn_gc_options options = { .kind = TN_GC_CONCURRENT, .only_on_request = true };
    const struct tn_roots roots = { .walk = walk_sessions };
    struct tn_session moved;
    struct other other = { .session = &moved };
    struct tn_object *list;
    struct tn_gc_stats stats;
    struct heap_fixture f;
    size_t budget = SIZE_MAX;
    uint64_t number;
    uint64_t handle;
    pthread_t pthread;

    heap_fixture_setup_collected(&f, mode, &options);
    open_session(&f);
    tn_thread_set_roots(f.thread, &roots);
    tn_session_init(&moved, MAX);
    other.heap = f.heap;
    assert_int_equal(pthread_create(&pthread, NULL, open_while_marking, &other), 0);
    number = tn_gc_ask(f.heap, TN_GC_OLDEST, TN_GC_CAUSE_REQUEST);
    while ((tn_bearer_barrier(f.mu) & TN_BARRIER_NEW) == 0)
        (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
    while (!atomic_load_explicit(&other.is_done, memory_order_acquire))
        sched_yield(); /* which is no safe point */
    assert_int_equal(tn_roots_number(f.mu), 0);
    tn_sessions_enter(&sessions, &moved);
    list = test_list_range(f.mu, 0, 3); /* no container has ever had it: it is not shaded */
    assert_int_equal(tn_session_reserve(&moved, 1), 0);
    handle = tn_session_add(&moved, &list);
    while (tn_gc_completed(f.heap) < number)
        (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
    tn_gc_stats(f.heap, &stats);
    assert_int_equal(stats.last.garbage, 0);
    assert_int_equal(tn_session_find(&moved, handle, &list), 0);
    assert_int_equal(tn_list_length(list), 3);
    atomic_store_explicit(&other.may_end, true, memory_order_relaxed);
    assert_int_equal(pthread_join(pthread, NULL), 0);
    assert_true(tn_session_close(&moved, f.mu, &budget));
    assert_true(tn_session_close(&session, f.mu, &budget));
    tn_thread_set_roots(f.thread, NULL);
    heap_fixture_teardown(&f);
}

static void test_session_is_visited_by_who_begins_to_mark_later(void **state)
{
    (void)state;
    expect_to_be_visited_again(TN_MODE_ATOMIC);
    expect_to_be_visited_again(TN_MODE_BIASED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handles_find_their_objects),
        cmocka_unit_test(test_stale_and_foreign_handles_are_not_found),
        cmocka_unit_test(test_empty_table_gives_its_memory_back),
        cmocka_unit_test(test_scope_releases_what_it_was_given),
        cmocka_unit_test(test_scopes_do_what_a_naive_model_does),
        cmocka_unit_test(test_scope_of_a_large_table_gives_its_memory_back),
        cmocka_unit_test(test_what_sessions_hold_is_no_garbage),
        cmocka_unit_test(test_session_is_visited_by_who_begins_to_mark_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
