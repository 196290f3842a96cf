/* SPDX-License-Identifier: MIT */
/*
 * Roots that change places beside a collector. Several workers open sessions, park them,
 * take over those that others have parked, let leases expire, export, import, revoke and
 * release, and put what one handle stands for into what another one does; all the time
 * with a collection under way. Everything hangs from handles and exports only.
 *
 * What a handle stands for is a ring of lists that begin with its number, so nothing dies
 * by itself, and what a collector has emptied although it could be reached is noticed by
 * whoever looks at it next: each handle has a model that says what must be there, which
 * goes along when a session is parked. At the end there must be nothing left.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "server/log.h"
#include "server/service.h"
#include "tests/support/heap_fixture.h"

#define WORKERS 4
#define HELD 60
#define SHELF 24
#define RING 3

/* Slots that are looked at between two safe points. */
#define SLICE ((size_t)16)

/* What a handle stands for. */
struct held {
    uint64_t handle;  /* 0: none */
    int64_t number;   /* of its ring */
    int64_t nested;   /* of the ring that hangs from it, or 0 */
    bool is_exported; /* others may hold it too: it stays as it is */
};

struct parked {
    struct tn_token token;
    struct held held[HELD];
};

struct exported {
    struct tn_token token;
    struct held held;
    bool is_once;
};

/* What the workers have left for each other. */
struct shelf {
    pthread_mutex_t mutex;
    size_t n_parked;
    struct parked parked[SHELF];
    size_t n_exported;
    struct exported exported[SHELF];
};

struct worker {
    pthread_t pthread;
    struct tn_service *service;
    struct shelf *shelf;
    size_t index;
    uint64_t seed;
    uint64_t deadline_ns;
    struct tn_executor ex;
    struct tn_session session;
    struct held held[HELD];
    uint64_t requested; /* the first worker's: the collection that it has asked for */
    int64_t n_made;
    uint64_t n_parked;
    uint64_t n_resumed;
    uint64_t n_expired;
    uint64_t n_imported;
    const char *failure;
};

#define NEED(w, condition)                                                                         \
    do {                                                                                           \
        if (!(condition) && (w)->failure == NULL)                                                  \
            (w)->failure = #condition;                                                             \
    } while (0)

static size_t any(struct worker *w, size_t n)
{
    return (size_t)(test_random(&w->seed) % n);
}

static struct held *any_held(struct worker *w)
{
    return &w->held[any(w, HELD)];
}

static void lock(struct shelf *shelf)
{
    (void)pthread_mutex_lock(&shelf->mutex);
}

static void unlock(struct shelf *shelf)
{
    (void)pthread_mutex_unlock(&shelf->mutex);
}

/* ---- Rings of lists ---- */

static void append(struct worker *w, struct tn_object *list, struct tn_object *item)
{
    NEED(w, tn_list_append(w->ex.mu, list, &item, NULL) == 0);
}

static struct tn_object *new_link(struct worker *w, int64_t number)
{
    struct tn_object *item = NULL;
    struct tn_object *list = NULL;

    NEED(w, tn_int_new(w->ex.mu, number, &item) == 0);
    NEED(w, tn_list_new(w->ex.mu, 0, &list) == 0);
    append(w, list, item);
    return list;
}

/* Each list refers to the next one; the caller has the first. */
static struct tn_object *new_ring(struct worker *w, int64_t number)
{
    struct tn_object *first = new_link(w, number);
    struct tn_object *last = first;

    for (int i = 1; i < RING; i++) {
        struct tn_object *next = new_link(w, number);

        append(w, last, next);
        last = next;
    }
    tn_incref(w->ex.mu, first);
    append(w, last, first);
    return first;
}

static bool is_ring(struct worker *w, struct tn_object *first, int64_t number)
{
    struct tn_mutator *mu = w->ex.mu;
    struct tn_object *at = first;
    struct tn_object *item;

    for (int i = 0; i < RING; i++) {
        if (at->type != TN_TYPE_LIST || tn_list_get(mu, at, 0, &item) < 0 ||
            item->type != TN_TYPE_INT || tn_int_value(item) != number ||
            tn_list_get(mu, at, 1, &at) < 0)
            return false;
    }
    return at == first;
}

static bool is_whole(struct worker *w, struct tn_object *o, const struct held *held)
{
    struct tn_object *nested;

    return is_ring(w, o, held->number) &&
           (held->nested == 0 ||
            (tn_list_get(w->ex.mu, o, 2, &nested) == 0 && is_ring(w, nested, held->nested)));
}

/* ---- Handles ---- */

/* What a handle stands for, borrowed, which must be whole. */
static struct tn_object *look_at(struct worker *w, const struct held *held)
{
    struct tn_object *o = NULL;

    NEED(w, tn_session_find(&w->session, held->handle, &o) == 0 && is_whole(w, o, held));
    return o;
}

/* Ends a handle; the reference is the caller's. */
static struct tn_object *take(struct worker *w, struct held *held)
{
    struct tn_object *o = NULL;

    NEED(w, tn_session_take(&w->session, w->ex.mu, held->handle, &o) == 0);
    held->handle = 0;
    return o;
}

static void release(struct worker *w, struct held *held)
{
    struct tn_object *o = held->handle == 0 ? NULL : take(w, held);

    tn_drop(w->ex.mu, &o);
}

/* Takes over the reference, as a new handle in the place of another one. */
static void hold(struct worker *w, struct tn_object *o, struct held model)
{
    struct held *held = any_held(w);

    NEED(w, is_whole(w, o, &model));
    release(w, held);
    NEED(w, tn_session_reserve(&w->session, 1) == 0);
    *held = model;
    held->handle = tn_session_add(&w->session, &o);
}

static int64_t new_number(struct worker *w)
{
    return ++w->n_made * WORKERS + (int64_t)w->index;
}

static void make(struct worker *w)
{
    int64_t number = new_number(w);

    hold(w, new_ring(w, number), (struct held){ .number = number });
}

static void check(struct worker *w)
{
    const struct held *held = any_held(w);

    if (held->handle != 0)
        (void)look_at(w, held);
}

static void drop(struct worker *w)
{
    release(w, any_held(w));
}

/* From one handle to another one: a walk may have passed the place that it comes to. */
static void move(struct worker *w)
{
    struct held *held = any_held(w);
    struct held model = *held;

    if (held->handle != 0)
        hold(w, take(w, held), model);
}

/* From a handle into a list. */
static void nest(struct worker *w)
{
    struct held *inner = any_held(w);
    struct held *outer = any_held(w);
    struct tn_object *o;

    if (inner == outer || inner->handle == 0 || outer->handle == 0 || inner->nested != 0 ||
        outer->nested != 0 || inner->is_exported || outer->is_exported)
        return;
    o = look_at(w, outer);
    outer->nested = inner->number;
    append(w, o, take(w, inner));
}

/* And back. */
static void extract(struct worker *w)
{
    struct held *held = any_held(w);
    int64_t number = held->nested;
    struct tn_object *o;

    if (held->handle == 0 || number == 0 || held->is_exported)
        return;
    NEED(w, tn_list_pop(w->ex.mu, look_at(w, held), 2, &o, NULL) == 0);
    if (w->failure != NULL)
        return;
    held->nested = 0;
    hold(w, o, (struct held){ .number = number });
}

/* A scope that takes along what was made in it, but for one that leaves it. */
static void use_a_scope(struct worker *w)
{
    int64_t number = new_number(w);
    struct held kept = { .number = number };
    struct tn_object *o;
    uint64_t handle;
    uint64_t scope;

    NEED(w, tn_session_begin_scope(&w->session, &scope) == 0);
    NEED(w, tn_session_reserve(&w->session, 1) == 0);
    o = new_ring(w, number);
    handle = tn_session_add(&w->session, &o);
    tn_executor_safepoint(&w->ex);
    NEED(w, tn_session_find(&w->session, handle, &o) == 0);
    tn_incref(w->ex.mu, o);
    NEED(w, tn_session_end_scope(&w->session, scope, NULL, 0) == 0);
    while (!tn_session_work_off_scope(&w->session, w->ex.mu, SLICE))
        ;
    hold(w, o, kept); /* what the scope has given up */
}

/* ---- Exports ---- */

static void export(struct worker *w)
{
    struct held *held = any_held(w);
    struct exported exported = { .is_once = any(w, 2) == 0 };
    struct shelf *shelf = w->shelf;
    struct tn_object *o;

    if (held->handle == 0)
        return;
    lock(shelf);
    if (shelf->n_exported < SHELF) {
        held->is_exported = true;
        exported.held = *held;
        o = look_at(w, held);
        tn_publish(w->ex.mu, o);
        tn_incref(w->ex.mu, o);
        NEED(w, tn_export_add(&w->service->exports, &w->session.exporter, w->session.id, &o,
                              UINT64_MAX - 1, exported.is_once, &exported.token) == 0);
        shelf->exported[shelf->n_exported++] = exported;
    }
    unlock(shelf);
    if (any(w, 2) == 0)
        release(w, held); /* it is the importer's alone */
}

static void import(struct worker *w)
{
    struct shelf *shelf = w->shelf;
    struct exported exported = { .is_once = false };
    struct tn_object *o = NULL;

    lock(shelf);
    if (shelf->n_exported > 0) {
        size_t i = any(w, shelf->n_exported);

        exported = shelf->exported[i];
        NEED(w, tn_export_import(&w->service->exports, w->ex.mu, &exported.token, 0, &o) == 0);
        if (exported.is_once)
            shelf->exported[i] = shelf->exported[--shelf->n_exported];
    }
    unlock(shelf);
    if (o == NULL)
        return;
    hold(w, o, exported.held);
    w->n_imported++;
}

/* Ends an export that others may just be importing, and holds what it held. */
static void revoke(struct worker *w)
{
    struct shelf *shelf = w->shelf;
    struct exported exported = { .is_once = false };
    struct tn_object *o = NULL;

    lock(shelf);
    if (shelf->n_exported > 0) {
        exported = shelf->exported[--shelf->n_exported];
        o = tn_export_revoke(&w->service->exports, w->ex.mu, &exported.token);
        NEED(w, o != NULL);
    }
    unlock(shelf);
    if (o != NULL)
        hold(w, o, exported.held);
}

/* ---- Sessions ---- */

static void open(struct worker *w)
{
    struct tn_namespace *ns = NULL;

    memset(w->held, 0, sizeof(w->held));
    NEED(w, tn_namespace_open(w->ex.mu, TN_SLICE_LITERAL("ns"), &ns) == 0);
    tn_session_open(&w->session, &w->ex.sessions, ns, 1 + w->index);
    NEED(w, tn_lease_new(&w->service->leases, 1 + any(w, 1000), &w->session.lease) == 0);
}

/* Gives back what a session holds, in pieces. */
static void close(struct worker *w, struct tn_session *session)
{
    bool is_closed = false;

    tn_exporter_leave(&w->service->exports, &session->exporter);
    while (!is_closed) {
        size_t budget = SLICE;

        is_closed = tn_session_close(session, w->ex.mu, &budget);
        tn_executor_safepoint(&w->ex);
    }
}

/* Parks the session and has none then. False if there is no place on the shelf. */
static bool park(struct worker *w)
{
    struct shelf *shelf = w->shelf;
    struct parked parked;
    bool is_parked;

    for (size_t budget = SLICE; !tn_session_leave(&w->session, w->ex.mu, &budget); budget = SLICE)
        tn_executor_safepoint(&w->ex);
    parked.token = w->session.lease->entry.token;
    memcpy(parked.held, w->held, sizeof(parked.held));
    lock(shelf);
    is_parked = shelf->n_parked < SHELF;
    if (is_parked) {
        tn_lease_park(&w->service->leases, &w->session, 1);
        shelf->parked[shelf->n_parked++] = parked;
        w->n_parked++;
    }
    unlock(shelf);
    if (!is_parked)
        tn_sessions_enter(&w->ex.sessions, &w->session);
    return is_parked;
}

/* Takes over a session that somebody has parked. False if there is none. */
static bool resume(struct worker *w)
{
    struct shelf *shelf = w->shelf;
    bool is_resumed;

    lock(shelf);
    is_resumed = shelf->n_parked > 0;
    if (is_resumed) {
        size_t i = any(w, shelf->n_parked);

        NEED(w, tn_lease_resume(&w->service->leases, &shelf->parked[i].token, 0, &w->ex.sessions,
                                &w->session) == 0);
        memcpy(w->held, shelf->parked[i].held, sizeof(w->held));
        shelf->parked[i] = shelf->parked[--shelf->n_parked];
        w->n_resumed++;
    }
    unlock(shelf);
    return is_resumed;
}

/* Leaves the session to others, and goes on with another one of theirs or a new one. */
static void change_sessions(struct worker *w)
{
    if (!park(w))
        return;
    tn_executor_safepoint(&w->ex);
    if (any(w, 4) == 0 || !resume(w))
        open(w);
}

static void check_all(struct worker *w)
{
    for (size_t i = 0; i < HELD; i++)
        if (w->held[i].handle != 0)
            (void)look_at(w, &w->held[i]);
}

/* A lease expires. Something of its session goes over into our own before it is closed. */
static void expire(struct worker *w)
{
    struct shelf *shelf = w->shelf;
    struct tn_lease *lease;
    struct held *held = NULL;
    struct parked parked;
    struct tn_object *o;

    lock(shelf);
    lease = tn_lease_take_expired(&w->service->leases, UINT64_MAX, &w->ex.sessions);
    for (size_t i = 0; lease != NULL && i < shelf->n_parked; i++) {
        if (memcmp(&shelf->parked[i].token, &lease->entry.token, sizeof(parked.token)) != 0)
            continue;
        parked = shelf->parked[i];
        held = &parked.held[any(w, HELD)];
        shelf->parked[i] = shelf->parked[--shelf->n_parked];
    }
    unlock(shelf);
    NEED(w, (lease == NULL) == (held == NULL));
    if (lease == NULL || held == NULL)
        return;
    if (held->handle != 0) {
        NEED(w, tn_session_take(&lease->session, w->ex.mu, held->handle, &o) == 0);
        hold(w, o, *held);
    }
    close(w, &lease->session);
    free(lease);
    w->n_expired++;
}

/* ---- The run ---- */

static void keep_collecting(struct worker *w)
{
    struct tn_heap *heap = w->service->heap;

    if (tn_gc_completed(heap) >= w->requested)
        w->requested = tn_gc_ask(heap, any(w, 8) == 0 ? (unsigned int)any(w, 2) : TN_GC_OLDEST,
                                 TN_GC_CAUSE_REQUEST);
}

static void rest(struct worker *w)
{
    tn_executor_offline(&w->ex);
    sched_yield();
    tn_executor_online(&w->ex);
}

/* Is slow to answer a collector. */
static void dawdle(struct worker *w)
{
    (void)w;
    sched_yield();
}

static void *work(void *arg)
{
    static void (*const acts[])(struct worker *) = {
        make,   make,   make,        check,           check,           check,  drop,
        move,   nest,   extract,     export,          export,          export, import,
        import, revoke, use_a_scope, change_sessions, change_sessions, expire, rest,
        dawdle,
    };
    struct worker *w = arg;

    TN_ASSERT(tn_executor_init(&w->ex, w->service, w->index) == 0);
    tn_session_init(&w->session, 100000);
    tn_executor_online(&w->ex);
    open(w);
    while (w->failure == NULL && tn_clock_ns() < w->deadline_ns) {
        if (w->index == 0)
            keep_collecting(w);
        acts[any(w, TN_ARRAY_LEN(acts))](w);
        if (any(w, 3) == 0)
            tn_executor_safepoint(&w->ex);
    }
    if (w->failure == NULL)
        check_all(w);
    tn_lease_end(&w->service->leases, &w->session.lease);
    close(w, &w->session);
    tn_executor_offline(&w->ex);
    tn_executor_fini(&w->ex);
    return NULL;
}

/* Takes everything from the shelf that workers have left there; all must be whole. */
static void clear_shelf(struct worker *w)
{
    struct shelf *shelf = w->shelf;

    TN_ASSERT(tn_executor_init(&w->ex, w->service, w->index) == 0);
    tn_executor_online(&w->ex);
    while (w->failure == NULL && resume(w)) {
        check_all(w);
        tn_lease_end(&w->service->leases, &w->session.lease);
        close(w, &w->session);
    }
    while (w->failure == NULL && shelf->n_exported > 0) {
        struct exported *exported = &shelf->exported[--shelf->n_exported];
        struct tn_object *o = tn_export_revoke(&w->service->exports, w->ex.mu, &exported->token);

        NEED(w, o != NULL && is_whole(w, o, &exported->held));
        tn_drop(w->ex.mu, &o);
        tn_executor_safepoint(&w->ex);
    }
    tn_executor_offline(&w->ex);
    for (int i = 0; w->failure == NULL && i < 2; i++)
        TN_ASSERT(tn_gc_collect(w->service->heap, TN_GC_OLDEST, NULL));
    tn_executor_fini(&w->ex);
}

static void start_service(struct tn_service *service, enum tn_mode mode, enum tn_gc_kind kind)
{
    struct tn_problem problem = { { 0 } };
    struct tn_config config;

    tn_log_set_level(TN_LOG_ERROR);
    tn_config_init(&config);
    config.mode = mode;
    config.workers = WORKERS;
    if (tn_config_finish(&config, &problem) < 0)
        fail_msg("%s", problem.text);
    config.collector = kind;
    config.gc_cpu_percent = 100;
    if (tn_service_init(service, &config, &problem) < 0)
        fail_msg("%s", problem.text);
}

static void run(enum tn_mode mode, enum tn_gc_kind kind, uint64_t seed, uint64_t duration_ns)
{
    static struct worker workers[WORKERS];
    static struct shelf shelf;
    struct worker sum = { 0 };
    struct tn_service service;
    struct tn_gc_stats stats;

    start_service(&service, mode, kind);
    memset(&shelf, 0, sizeof(shelf));
    (void)pthread_mutex_init(&shelf.mutex, NULL);
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ .service = &service,
                                      .shelf = &shelf,
                                      .index = i,
                                      .seed = seed + i,
                                      .deadline_ns = tn_clock_ns() + duration_ns };
        assert_int_equal(pthread_create(&workers[i].pthread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].pthread, NULL), 0);
        sum.n_parked += workers[i].n_parked;
        sum.n_resumed += workers[i].n_resumed;
        sum.n_expired += workers[i].n_expired;
        sum.n_imported += workers[i].n_imported;
    }
    for (size_t i = 0; i < WORKERS; i++)
        if (workers[i].failure != NULL)
            fail_msg("%s, worker %zu: %s", tn_mode_name(mode), i, workers[i].failure);
    clear_shelf(&workers[0]);
    assert_null(workers[0].failure);
    tn_gc_stats(service.heap, &stats);
    print_message("%s, %s: parked %llu, resumed %llu, expired %llu, imported %llu, "
                  "%llu full collections\n",
                  tn_mode_name(mode), tn_gc_kind_name(kind), (unsigned long long)sum.n_parked,
                  (unsigned long long)sum.n_resumed, (unsigned long long)sum.n_expired,
                  (unsigned long long)sum.n_imported,
                  (unsigned long long)stats.generations[TN_GC_OLDEST].collections);
    (void)pthread_mutex_destroy(&shelf.mutex);
    assert_int_equal(tn_service_fini(&service), 0);
}

static void test_no_root_is_lost_on_its_way(void **state)
{
    uint64_t duration_ns = test_stress_seconds() * TN_NS_PER_S / 6;
    uint64_t seed = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        run((enum tn_mode)mode, TN_GC_GENERATIONAL, seed, duration_ns / 2);
        run((enum tn_mode)mode, TN_GC_CONCURRENT, seed, duration_ns / 2 * 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_root_is_lost_on_its_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
