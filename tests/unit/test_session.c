/* SPDX-License-Identifier: MIT */
/* The handle table of a session. */
#include "server/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "tests/support/objects.h"

#define MAX 5000

static struct tn_sessions sessions;
static struct tn_session session;
static struct tn_namespace *ns;

static void open_session(struct heap_fixture *f)
{
    tn_sessions_init(&sessions);
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

/* ---- Roots ---- */

#define N_SESSIONS 5
#define N_CYCLES 40

static bool walk_sessions(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    (void)arg;
    if (*cursor == 0)
        tn_sessions_walk_begin(&sessions);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handles_find_their_objects),
        cmocka_unit_test(test_stale_and_foreign_handles_are_not_found),
        cmocka_unit_test(test_empty_table_gives_its_memory_back),
        cmocka_unit_test(test_what_sessions_hold_is_no_garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
