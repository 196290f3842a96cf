/* SPDX-License-Identifier: MIT */
/* See service.h: setting up and taking down. Executing is in dispatch.c. */
#include "server/service.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/collector.h"
#include "server/request.h"

/* The first chunk of an arena: ordinary requests stay within it. */
#define ARENA_FIRST_BYTES ((size_t)64 << 10)

/* Columns of one-byte varints become arrays of eight bytes an entry. */
#define PARSE_FACTOR 9
/* Objects, node records and columns, for each byte of a value of numbers. */
#define SCRATCH_FACTOR 8
/* A list of a million numbers fits into a message of some megabytes. */
#define BYTES_PER_NODE 4
/* What an answer has around its values: envelope, status, field headers. */
#define ANSWER_OVERHEAD 4096

static void derive_limits(struct tn_limits *limits, const struct tn_config *config)
{
    size_t frame = (size_t)config->max_frame_bytes;

    *limits = (struct tn_limits){
        .scan = TN_SCAN_LIMITS_DEFAULT,
        .max_parse_bytes = PARSE_FACTOR * frame + ARENA_FIRST_BYTES,
        .max_scratch_bytes = SCRATCH_FACTOR * frame + ARENA_FIRST_BYTES,
        .max_nodes = frame / BYTES_PER_NODE,
        .max_answer_bytes = frame - ANSWER_OVERHEAD,
    };
    limits->scan.max_arena_bytes = PARSE_FACTOR * frame;
    limits->scan.max_elements = frame;
    if (limits->max_nodes > TN_VALUE_NODES_MAX)
        limits->max_nodes = TN_VALUE_NODES_MAX;
}

/* The tn_roots.walk of the heap: what parked sessions hold, and what is exported. The
 * cursor counts the buckets of the one table, and then of the other. */
static bool walk_kept(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    struct tn_service *service = arg;
    uint64_t bucket;
    bool is_all;

    if (*cursor < TN_TOKEN_BUCKETS && !tn_leases_walk(&service->leases, mu, cursor, &budget))
        return false;
    bucket = *cursor - TN_TOKEN_BUCKETS;
    is_all = tn_exports_walk(&service->exports, mu, &bucket, &budget);
    *cursor = bucket + TN_TOKEN_BUCKETS;
    return is_all;
}

int tn_service_init(struct tn_service *service, const struct tn_config *config,
                    struct tn_problem *problem)
{
    const struct tn_heap_options options = {
        .mode = config->mode,
        .max_memory_bytes = (size_t)config->max_memory_bytes,
        .switch_interval_ns = config->switch_interval_ns,
        .max_backlog_bytes = (size_t)config->max_backlog_bytes,
    };
    int r;

    TN_ASSERT(config->workers > 0 && config->n_listen > 0);
    *service = (struct tn_service){ .config = *config, .started_ns = tn_clock_ns() };
    derive_limits(&service->limits, config);
    tn_budget_init(&service->buffers_in, (size_t)config->max_buffers_bytes / 2);
    tn_budget_init(&service->buffers_out, (size_t)config->max_buffers_bytes / 2);
    tn_leases_init(&service->leases, (size_t)config->max_connections);
    tn_exports_init(&service->exports);
    tn_budget_init(&service->buffers_events, (size_t)config->max_buffers_bytes / 8);

    service->n_counters = (size_t)config->workers;
    service->counters = aligned_alloc(_Alignof(struct tn_counters),
                                      service->n_counters * sizeof(struct tn_counters));
    if (service->counters == NULL)
        return tn_problem_set(problem, TN_ERR_NOMEM, "not enough memory for %zu workers",
                              service->n_counters);
    for (size_t i = 0; i < service->n_counters; i++)
        service->counters[i] = (struct tn_counters){ 0 };

    r = tn_heap_new(&options, &service->heap);
    if (r == TN_ERR_LIMIT)
        r = tn_problem_set(problem, r, "max-memory is too small for an empty heap");
    else if (r < 0)
        r = tn_problem_set(problem, r, "cannot make the heap: %s", tn_err_text(r));
    if (r == 0) {
        tn_heap_set_roots(service->heap, &(struct tn_roots){ .walk = walk_kept, .arg = service });
        r = tn_collector_start(service);
        if (r < 0)
            r = tn_problem_set(problem, r, "cannot start the collector: %s", tn_err_text(r));
    }
    if (r < 0)
        (void)tn_service_fini(service); /* if there is a heap, nothing is in it */
    return r;
}

size_t tn_service_fini(struct tn_service *service)
{
    size_t n_alive = service->heap == NULL ? 0 : tn_heap_free(&service->heap);

    if (service->leases.max_leases > 0) { /* they were initialised */
        tn_leases_fini(&service->leases);
        tn_exports_fini(&service->exports);
    }
    free(service->counters);
    *service = (struct tn_service){ 0 };
    return n_alive;
}

/*
 * The tn_roots.walk of an executor. The cursor is 0, or 1 + the number of the
 * batch's step whose result comes next; behind these come the sessions. If another
 * request is executed by then, what it holds may be visited in vain.
 */
static bool walk_roots(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    struct tn_executor *ex = arg;

    TN_ASSERT(ex->magic == TN_EXECUTOR_MAGIC);
    if (*cursor == 0) {
        if (ex->request != NULL)
            tn_request_visit_held(ex->request, mu);
        *cursor = 1;
    }
    if (ex->request != NULL && !tn_request_visit_steps(ex->request, mu, cursor, &budget))
        return false;
    return tn_sessions_walk(&ex->sessions, mu, budget);
}

int tn_executor_init(struct tn_executor *ex, struct tn_service *service, size_t index)
{
    int r;

    TN_ASSERT(index < service->n_counters);
    *ex = (struct tn_executor){
        .magic = TN_EXECUTOR_MAGIC,
        .service = service,
        .counters = &service->counters[index],
    };
    tn_hub_init(&ex->hub, service->heap, &service->buffers_events, ex->counters);
    r = tn_arena_init(&ex->scratch, ARENA_FIRST_BYTES, service->limits.max_scratch_bytes);
    if (r == 0)
        r = tn_thread_attach(service->heap, &ex->thread);
    if (r < 0) {
        tn_executor_fini(ex);
        return r;
    }
    tn_sessions_init(&ex->sessions, ex->thread);
    tn_executor_online(ex);
    tn_thread_set_roots(ex->thread, &(struct tn_roots){ .walk = walk_roots, .arg = ex });
    tn_executor_offline(ex);
    return 0;
}

void tn_executor_fini(struct tn_executor *ex)
{
    tn_hub_fini(&ex->hub);
    tn_thread_detach(&ex->thread);
    tn_arena_fini(&ex->scratch);
    *ex = (struct tn_executor){ 0 };
}

void tn_executor_online(struct tn_executor *ex)
{
    TN_ASSERT(ex->magic == TN_EXECUTOR_MAGIC);
    ex->mu = tn_thread_online(ex->thread);
    tn_heap_set_time(ex->service->heap, tn_clock_coarse_ns() / TN_NS_PER_MS);
}

void tn_executor_offline(struct tn_executor *ex)
{
    tn_thread_offline(ex->thread);
    ex->mu = NULL;
}

void tn_executor_detach(struct tn_executor *ex, struct tn_session *session)
{
    tn_exporter_leave(&ex->service->exports, &session->exporter);
    tn_lease_end(&ex->service->leases, &session->lease);
}

/* Whether memory is low, as long as it was or was not before: low is nine tenths of
 * the limit, and no longer low three quarters, so that one object more or less does
 * not tell everybody of it. */
static bool is_low(uint64_t held, uint64_t limit, bool was_low)
{
    return was_low ? held > limit - limit / 4 : held >= limit - limit / 10;
}

static void watch_memory(struct tn_executor *ex)
{
    struct tn_service *service = ex->service;
    uint64_t limit = service->config.max_memory_bytes;
    bool was_low = atomic_load_explicit(&service->memory_is_low, memory_order_relaxed);
    uint64_t held;

    if (limit == 0)
        return;
    held = tn_heap_held_bytes(service->heap);
    if (TN_LIKELY(is_low(held, limit, was_low) == was_low))
        return;
    /* One of those who notice it tells. */
    if (atomic_compare_exchange_strong_explicit(&service->memory_is_low, &was_low, !was_low,
                                                memory_order_relaxed, memory_order_relaxed))
        tn_event_memory(ex->mu, was_low ? TN_HEAP_EVENT_MEMORY_RECOVERED : TN_HEAP_EVENT_MEMORY_LOW,
                        held, limit);
}

void tn_service_tell_memory(const struct tn_service *service, struct tn_subscription *sub)
{
    struct tn_heap_event event = { .kind = TN_HEAP_EVENT_MEMORY_LOW };

    if (!atomic_load_explicit(&service->memory_is_low, memory_order_relaxed))
        return;
    event.memory.held_bytes = tn_heap_held_bytes(service->heap);
    event.memory.limit_bytes = service->config.max_memory_bytes;
    tn_subscription_offer(sub, &event);
}

void tn_executor_safepoint(struct tn_executor *ex)
{
    ex->has_leftovers = tn_thread_safepoint(ex->thread, TN_WORK_BUDGET);
    ex->mu = tn_thread_mutator(ex->thread);
    watch_memory(ex);
}

void tn_executor_breathe(struct tn_executor *ex)
{
    ex->has_leftovers = tn_thread_breathe(ex->thread, TN_WORK_BUDGET);
    ex->mu = tn_thread_mutator(ex->thread);
}

/* Whether something is dead that has not been freed yet, by whomever. */
static bool is_anything_dead(struct tn_heap *heap)
{
    struct tn_census census;

    tn_census_take(heap, &census);
    return census.dying_objs != 0 || census.limbo_objs != 0 || census.limbo_bytes != 0;
}

bool tn_executor_relieve(struct tn_executor *ex)
{
    const struct timespec moment = { .tv_nsec = 1000000 };
    struct tn_heap *heap = ex->service->heap;
    bool has_waited;

    tn_executor_offline(ex);
    has_waited = tn_gc_relieve(heap);
    if (!has_waited && is_anything_dead(heap)) {
        /* Others are about to free it: what a collection of theirs has found, say. */
        (void)nanosleep(&moment, NULL);
        has_waited = true;
    }
    tn_executor_online(ex);
    return has_waited;
}
