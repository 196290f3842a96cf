/* SPDX-License-Identifier: MIT */
/*
 * What is kept for nobody in particular, parked sessions and exports, beside a collector.
 * The walk over it is held back until the test's thread, whose own roots have been walked
 * by then, has taken something over: it must not be lost between the two walks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "server/exports.h"
#include "server/leases.h"
#include "tests/support/objects.h"

#define MAX 100

struct kept {
    struct heap_fixture f;
    struct tn_namespace *ns;
    struct tn_leases leases;
    struct tn_exports exports;
    struct tn_sessions sessions;
    struct tn_session session;
    struct tn_exporter *exporter;
    struct tn_token token;
    uint64_t handle;
    bool is_walked;           /* in mode gil under the lock, else set by our own thread */
    _Atomic(bool) is_walking; /* what is kept may be walked */
};

static bool walk_own(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    struct kept *k = arg;

    (void)cursor;
    k->is_walked = tn_sessions_walk(&k->sessions, mu, budget);
    return k->is_walked;
}

static bool walk_kept(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    struct kept *k = arg;
    uint64_t bucket = 0;
    size_t unbounded = SIZE_MAX;

    if (!atomic_load_explicit(&k->is_walking, memory_order_relaxed))
        return false;
    return tn_leases_walk(&k->leases, mu, cursor, &budget) &&
           tn_exports_walk(&k->exports, mu, &bucket, &unbounded);
}

static void setup(struct kept *k, enum tn_mode mode)
{
    const struct tn_gc_options gc_options = { .kind = TN_GC_CONCURRENT, .only_on_request = true };
    const struct tn_heap_options options = { .mode = mode };
    struct heap_fixture *f = &k->f;

    *k = (struct kept){ .handle = 0 };
    tn_leases_init(&k->leases, 10);
    tn_exports_init(&k->exports);
    assert_int_equal(tn_heap_new(&options, &f->heap), 0);
    tn_heap_set_roots(f->heap, &(struct tn_roots){ .walk = walk_kept, .arg = k });
    assert_int_equal(tn_gc_start(f->heap, &gc_options), 0);
    assert_int_equal(tn_thread_attach(f->heap, &f->thread), 0);
    f->mu = tn_thread_online(f->thread);
    tn_sessions_init(&k->sessions, f->thread);
    tn_thread_set_roots(f->thread, &(struct tn_roots){ .walk = walk_own, .arg = k });
    assert_int_equal(tn_namespace_open(f->mu, TN_SLICE_LITERAL("ns"), &k->ns), 0);
    tn_session_init(&k->session, MAX);
}

static void teardown(struct kept *k)
{
    tn_thread_set_roots(k->f.thread, NULL);
    heap_fixture_teardown(&k->f);
    tn_exports_fini(&k->exports);
    tn_leases_fini(&k->leases);
}

static void safepoint(struct kept *k)
{
    (void)tn_thread_safepoint(k->f.thread, TN_WORK_BUDGET);
    k->f.mu = tn_thread_mutator(k->f.thread);
}

static void open(struct kept *k)
{
    tn_session_open(&k->session, &k->sessions, k->ns, 1);
}

/* A list that refers to itself. */
static struct tn_object *new_cycle(struct kept *k)
{
    struct tn_object *list = test_list(k->f.mu);

    tn_incref(k->f.mu, list);
    test_append(k->f.mu, list, list);
    return list;
}

static void hold(struct kept *k, struct tn_object *o)
{
    assert_int_equal(tn_session_reserve(&k->session, 1), 0);
    k->handle = tn_session_add(&k->session, &o);
}

/* Parks a session that holds a cycle. */
static void park(struct kept *k)
{
    size_t budget = SIZE_MAX;

    open(k);
    hold(k, new_cycle(k));
    assert_int_equal(tn_lease_new(&k->leases, 10, &k->session.lease), 0);
    k->token = k->session.lease->entry.token;
    assert_true(tn_session_leave(&k->session, k->f.mu, &budget));
    tn_lease_park(&k->leases, &k->session, 0);
    assert_false(tn_session_is_open(&k->session));
}

static void resume(struct kept *k)
{
    assert_int_equal(tn_lease_resume(&k->leases, &k->token, 1, &k->sessions, &k->session), 0);
}

/* Takes the cycle out of the session of a lease that has expired. */
static void expire(struct kept *k)
{
    struct tn_lease *lease = tn_lease_take_expired(&k->leases, 10, &k->sessions);
    size_t budget = SIZE_MAX;
    struct tn_object *o;

    assert_non_null(lease);
    assert_int_equal(tn_session_take(&lease->session, k->f.mu, k->handle, &o), 0);
    open(k);
    hold(k, o);
    assert_true(tn_session_close(&lease->session, k->f.mu, &budget));
    free(lease);
}

static void export(struct kept *k, bool is_once)
{
    struct tn_object *o = new_cycle(k);

    tn_publish(k->f.mu, o);
    assert_int_equal(tn_export_add(&k->exports, &k->exporter, 1, &o, 10, is_once, &k->token), 0);
    tn_exporter_leave(&k->exports, &k->exporter);
    open(k);
}

static void export_once(struct kept *k)
{
    export(k, true);
}

static void export_often(struct kept *k)
{
    export(k, false);
}

static void import(struct kept *k)
{
    struct tn_object *o;

    assert_int_equal(tn_export_import(&k->exports, k->f.mu, &k->token, 1, &o), 0);
    hold(k, o);
}

static void revoke(struct kept *k)
{
    hold(k, tn_export_revoke(&k->exports, k->f.mu, &k->token));
}

static void import_and_expire(struct kept *k)
{
    struct tn_object *o;

    import(k);
    o = tn_export_take_expired(&k->exports, k->f.mu, 10);
    assert_non_null(o);
    tn_decref(k->f.mu, o);
}

static uint64_t collect(struct kept *k, uint64_t number)
{
    struct tn_gc_stats stats;

    while (tn_gc_completed(k->f.heap) < number)
        safepoint(k);
    tn_gc_stats(k->f.heap, &stats);
    return stats.last.garbage;
}

/* Something is kept, and taken over behind the one walk and before the other. */
static void expect_kept(enum tn_mode mode, void (*keep)(struct kept *k),
                        void (*take)(struct kept *k))
{
    size_t budget = SIZE_MAX;
    struct tn_object *o;
    struct kept k;
    uint64_t number;

    setup(&k, mode);
    keep(&k);
    /* First, what is kept is no garbage where it is. */
    atomic_store_explicit(&k.is_walking, true, memory_order_relaxed);
    number = tn_gc_ask(k.f.heap, TN_GC_OLDEST, TN_GC_CAUSE_REQUEST);
    assert_int_equal(collect(&k, number), 0);

    atomic_store_explicit(&k.is_walking, false, memory_order_relaxed);
    k.is_walked = false;
    number = tn_gc_ask(k.f.heap, TN_GC_OLDEST, TN_GC_CAUSE_REQUEST);
    while (!k.is_walked)
        safepoint(&k);
    take(&k);
    atomic_store_explicit(&k.is_walking, true, memory_order_relaxed);
    assert_int_equal(collect(&k, number), 0);
    assert_int_equal(tn_session_find(&k.session, k.handle, &o), 0);
    assert_int_equal(tn_list_length(o), 1);

    tn_lease_end(&k.leases, &k.session.lease);
    assert_true(tn_session_close(&k.session, k.f.mu, &budget));
    number = tn_gc_ask(k.f.heap, TN_GC_OLDEST, TN_GC_CAUSE_REQUEST);
    assert_int_equal(collect(&k, number), 1);
    teardown(&k);
}

static void in_all_modes(void (*keep)(struct kept *k), void (*take)(struct kept *k))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        expect_kept((enum tn_mode)mode, keep, take);
}

static void test_resumed_session_is_visited(void **state)
{
    (void)state;
    in_all_modes(park, resume);
}

static void test_expired_session_is_visited(void **state)
{
    (void)state;
    in_all_modes(park, expire);
}

static void test_what_exports_held_is_shaded(void **state)
{
    (void)state;
    in_all_modes(export_once, import);
    in_all_modes(export_often, revoke);
    in_all_modes(export_often, import_and_expire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed_session_is_visited),
        cmocka_unit_test(test_expired_session_is_visited),
        cmocka_unit_test(test_what_exports_held_is_shaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
