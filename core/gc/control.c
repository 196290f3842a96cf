/* SPDX-License-Identifier: MIT */
/* The collector's thread, what is asked of it, and what it tells. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/gc/gc_internal.h"
#include "core/memory/backing.h"
#include "core/object/type.h"

#define PAUSE_TARGET_US 500

/* A full collection for memory is worth while when one container in so many has been
 * born since the last one began, or so much of the limit has come to be used. */
#define WORTH_SHARE_BORN 8
#define WORTH_SHARE_BYTES 16

static const uint32_t default_thresholds[TN_GC_GENERATIONS] = { 700, 10, 10 };

static const char *const kind_names[TN_GC_KINDS] = {
    [TN_GC_NONE] = "none",
    [TN_GC_GENERATIONAL] = "generational",
    [TN_GC_CONCURRENT] = "concurrent",
};

static const char *const cause_names[TN_GC_CAUSES] = {
    [TN_GC_CAUSE_REQUEST] = "request",
    [TN_GC_CAUSE_GROWTH] = "growth",
    [TN_GC_CAUSE_MEMORY] = "memory",
    [TN_GC_CAUSE_THRESHOLD] = "threshold",
};

const char *tn_gc_kind_name(enum tn_gc_kind kind)
{
    TN_ASSERT((unsigned int)kind < TN_GC_KINDS);
    return kind_names[kind];
}

int tn_gc_kind_from_name(const char *name, enum tn_gc_kind *ret_kind)
{
    for (unsigned int i = 0; i < TN_GC_KINDS; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *ret_kind = (enum tn_gc_kind)i;
            return 0;
        }
    }
    return TN_ERR_INVAL;
}

const char *tn_gc_cause_name(enum tn_gc_cause cause)
{
    TN_ASSERT((unsigned int)cause < TN_GC_CAUSES);
    return cause_names[cause];
}

/* ---- Figures ---- */

void tn_gc_note_pause(struct tn_gc *gc, uint64_t began_ns)
{
    uint64_t ns = tn_clock_ns() - began_ns;

    atomic_fetch_add_explicit(&gc->n_pauses, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&gc->pause_ns, ns, memory_order_relaxed);
    /* Relaxed: a figure; two who raise it at once may lose the smaller one's. */
    if (ns > atomic_load_explicit(&gc->pause_max_ns, memory_order_relaxed))
        atomic_store_explicit(&gc->pause_max_ns, ns, memory_order_relaxed);
    if (ns > atomic_load_explicit(&gc->longest_pause_ns, memory_order_relaxed))
        atomic_store_explicit(&gc->longest_pause_ns, ns, memory_order_relaxed);
}

void tn_gc_count(struct tn_gc *gc, unsigned int generation, uint64_t n_examined, uint64_t n_garbage)
{
    struct tn_gc_totals *totals = &gc->totals[generation];

    atomic_fetch_add_explicit(&totals->collections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&totals->examined, n_examined, memory_order_relaxed);
    atomic_fetch_add_explicit(&totals->collected, n_garbage, memory_order_relaxed);
}

void tn_gc_tell(struct tn_mutator *mu, enum tn_heap_event_kind kind,
                const struct tn_gc_report *report)
{
    const struct tn_collection_figures figures = {
        .generation = report->generation,
        .n_examined = report->examined,
        .n_freed = report->garbage,
        .n_pauses = report->n_pauses,
        .pause_ns = report->pause_ns,
        .longest_pause_ns = report->longest_pause_ns,
        .duration_ns = report->duration_ns,
    };

    tn_event_collection(mu, kind, tn_gc_cause_name(report->cause), tn_gc_kind_name(report->kind),
                        &figures);
}

uint64_t tn_gc_n_containers(const struct tn_heap *heap)
{
    int64_t sum = 0;

    for (uint64_t types = heap->container_types; types != 0; types &= types - 1) {
        for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
            sum += atomic_load_explicit(&tn_heap_mutator(heap, i)->n_objs[__builtin_ctzll(types)],
                                        memory_order_relaxed);
    }
    return sum < 0 ? 0 : (uint64_t)sum;
}

static uint64_t n_born(const struct tn_heap *heap)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        sum += atomic_load_explicit(&tn_heap_mutator(heap, i)->n_born, memory_order_relaxed);
    return sum;
}

static uint64_t n_live_bytes(const struct tn_heap *heap)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        sum += atomic_load_explicit(&tn_heap_mutator(heap, i)->live_bytes, memory_order_relaxed);
    return sum < 0 ? 0 : (uint64_t)sum;
}

/* ---- The thread ---- */

static const struct tn_collector *collector_of(enum tn_gc_kind kind)
{
    static const struct tn_collector *const collectors[TN_GC_KINDS] = {
        [TN_GC_GENERATIONAL] = &tn_collector_generational,
        [TN_GC_CONCURRENT] = &tn_collector_concurrent,
    };

    return collectors[kind];
}

/* A collection begins: what is born from now on a full one may not find. */
static void note_beginning(struct tn_gc *gc, const struct tn_gc_report *report)
{
    atomic_store_explicit(&gc->n_pauses, 0, memory_order_relaxed);
    atomic_store_explicit(&gc->pause_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&gc->pause_max_ns, 0, memory_order_relaxed);
    tn_gc_tell(gc->mu, TN_HEAP_EVENT_COLLECTION_STARTED, report);
    tn_events_announce(gc->mu); /* not only at the end, when the mutator is given up */
    if (report->generation == TN_GC_OLDEST)
        atomic_store_explicit(&gc->born_before_full, n_born(gc->heap), memory_order_relaxed);
}

/* A collection has ended, and all that it found has been emptied. */
static void note_end(struct tn_gc *gc, struct tn_gc_report *report, uint64_t began_ns)
{
    report->n_pauses = atomic_load_explicit(&gc->n_pauses, memory_order_relaxed);
    report->pause_ns = atomic_load_explicit(&gc->pause_ns, memory_order_relaxed);
    report->longest_pause_ns = atomic_load_explicit(&gc->pause_max_ns, memory_order_relaxed);
    report->duration_ns = tn_clock_ns() - began_ns;
    tn_gc_tell(gc->mu, TN_HEAP_EVENT_COLLECTION_FINISHED, report);
}

static void count_collection(struct tn_gc *gc, const struct tn_gc_report *report)
{
    tn_gc_count(gc, report->generation, report->examined, report->garbage);
    if (report->generation < TN_GC_OLDEST)
        return;
    atomic_store_explicit(&gc->live_after_full, tn_gc_n_containers(gc->heap), memory_order_relaxed);
    atomic_store_explicit(&gc->bytes_after_full, n_live_bytes(gc->heap), memory_order_relaxed);
}

/* Carries a request out. Offline before and after. */
static void carry_out(struct tn_gc *gc, struct tn_gc_report *report)
{
    uint64_t began_ns = tn_clock_ns();

    if (gc->listener.started != NULL)
        gc->listener.started(gc->listener.arg, report);
    (void)tn_thread_online(gc->thread);
    gc->slice_began_ns = tn_clock_ns();
    note_beginning(gc, report);
    if (collector_of(report->kind)->collect(gc, report->generation, report) == 0)
        count_collection(gc, report);
    while (tn_thread_safepoint(gc->thread, TN_WORK_BUDGET))
        ;
    note_end(gc, report, began_ns);
    tn_thread_offline(gc->thread);
    if (gc->listener.finished != NULL)
        gc->listener.finished(gc->listener.arg, report);
}

static bool has_request_locked(const struct tn_gc *gc)
{
    return gc->n_requested > atomic_load_explicit(&gc->n_completed, memory_order_relaxed);
}

static void serve(struct tn_gc *gc)
{
    tn_mutex_lock(&gc->lock);
    for (;;) {
        struct tn_gc_report report = { 0 };

        while (!has_request_locked(gc) && !gc->must_stop)
            tn_cond_wait(&gc->asked, &gc->lock);
        if (gc->must_stop)
            break;
        report.number = gc->n_requested;
        report.kind = (enum tn_gc_kind)atomic_load_explicit(&gc->kind, memory_order_relaxed);
        report.generation = gc->generation;
        report.cause = gc->cause;
        gc->generation = 0;
        gc->full_number = report.generation == TN_GC_OLDEST ? report.number : 0;
        tn_mutex_unlock(&gc->lock);
        if (report.kind != TN_GC_NONE)
            carry_out(gc, &report);
        tn_mutex_lock(&gc->lock);
        gc->last = report;
        gc->full_number = 0;
        atomic_store_explicit(&gc->n_completed, report.number, memory_order_release);
        atomic_store_explicit(&gc->is_busy, has_request_locked(gc), memory_order_relaxed);
        tn_cond_broadcast(&gc->done);
    }
    tn_mutex_unlock(&gc->lock);
}

static void *collector_main(void *arg)
{
    struct tn_gc *gc = arg;
    int r = tn_thread_attach(gc->heap, &gc->thread);

    if (r == 0) {
        gc->mu = tn_thread_online(gc->thread);
        tn_thread_offline(gc->thread);
    }
    tn_mutex_lock(&gc->lock);
    gc->started = r < 0 ? r : 1;
    tn_cond_broadcast(&gc->done);
    tn_mutex_unlock(&gc->lock);
    if (r < 0)
        return NULL;
    serve(gc);
    tn_thread_detach(&gc->thread);
    return NULL;
}

/* ---- Beginning and end ---- */

static void set_options(struct tn_gc *gc, const struct tn_gc_options *options)
{
    bool has_thresholds = false;

    for (unsigned int i = 0; i < TN_GC_GENERATIONS; i++)
        has_thresholds |= options->thresholds[i] != 0;
    for (unsigned int i = 0; i < TN_GC_GENERATIONS; i++)
        atomic_init(&gc->thresholds[i],
                    has_thresholds ? options->thresholds[i] : default_thresholds[i]);
    atomic_init(&gc->kind, (uint32_t)options->kind);
    atomic_init(&gc->is_enabled, !options->only_on_request);
    atomic_init(&gc->pause_target_us,
                options->pause_target_us != 0 ? options->pause_target_us : PAUSE_TARGET_US);
    atomic_init(&gc->cpu_percent, options->cpu_percent != 0 ? options->cpu_percent : 100);
    gc->listener = options->listener;
}

static void gc_free(struct tn_gc *gc)
{
    tn_cond_fini(&gc->done);
    tn_cond_fini(&gc->asked);
    tn_mutex_fini(&gc->lock);
    tn_backing_free(gc, sizeof(*gc), _Alignof(struct tn_gc));
}

int tn_gc_start(struct tn_heap *heap, const struct tn_gc_options *options)
{
    struct tn_gc *gc = tn_backing_alloc(sizeof(*gc), _Alignof(struct tn_gc), true);
    int r;

    TN_ASSERT(heap->gc == NULL && heap->threads == NULL && tn_heap_n_mutators(heap) == 0);
    if (gc == NULL)
        return TN_ERR_NOMEM;
    gc->heap = heap;
    set_options(gc, options);
    tn_mutex_init(&gc->lock, TN_RANK_COLLECTOR);
    tn_cond_init(&gc->asked);
    tn_cond_init(&gc->done);
    heap->gc = gc;
    heap->collector = &tn_gc_hooks;
    r = pthread_create(&gc->pthread, NULL, collector_main, gc) == 0 ? 0 : TN_ERR_NOMEM;
    if (r == 0) {
        tn_mutex_lock(&gc->lock);
        while (gc->started == 0)
            tn_cond_wait(&gc->done, &gc->lock);
        r = gc->started < 0 ? gc->started : 0;
        tn_mutex_unlock(&gc->lock);
        if (r < 0)
            (void)pthread_join(gc->pthread, NULL);
    }
    if (r < 0) {
        heap->collector = NULL;
        heap->gc = NULL;
        gc_free(gc);
    }
    return r;
}

void tn_gc_stop(struct tn_heap *heap)
{
    struct tn_gc *gc = heap->gc;
    int r;

    tn_mutex_lock(&gc->lock);
    gc->must_stop = true;
    tn_cond_signal(&gc->asked);
    tn_mutex_unlock(&gc->lock);
    r = pthread_join(gc->pthread, NULL);
    TN_ASSERT(r == 0);
    heap->collector = NULL;
    heap->gc = NULL;
    gc_free(gc);
}

/* ---- Asking ---- */

static uint64_t request_locked(struct tn_gc *gc, unsigned int generation, enum tn_gc_cause cause)
{
    gc->n_requested++;
    if (generation >= gc->generation) {
        gc->generation = generation;
        gc->cause = cause;
    }
    tn_cond_signal(&gc->asked);
    return gc->n_requested;
}

uint64_t tn_gc_ask(struct tn_heap *heap, unsigned int generation, enum tn_gc_cause cause)
{
    struct tn_gc *gc = heap->gc;
    uint64_t number;

    TN_ASSERT(generation < TN_GC_GENERATIONS);
    if (gc == NULL || tn_gc_kind(heap) == TN_GC_NONE)
        return 0;
    /* Of those that nobody waits for, one at a time is enough. */
    if (cause == TN_GC_CAUSE_GROWTH &&
        atomic_exchange_explicit(&gc->is_busy, true, memory_order_relaxed))
        return 0;
    tn_mutex_lock(&gc->lock);
    number = request_locked(gc, generation, cause);
    tn_mutex_unlock(&gc->lock);
    return number;
}

uint64_t tn_gc_completed(const struct tn_heap *heap)
{
    /* Pairs with the release in serve(). */
    return heap->gc == NULL ? 0
                            : atomic_load_explicit(&heap->gc->n_completed, memory_order_acquire);
}

static void await_locked(struct tn_gc *gc, uint64_t number) TN_REQUIRES(gc->lock);
static void await_locked(struct tn_gc *gc, uint64_t number)
{
    while (atomic_load_explicit(&gc->n_completed, memory_order_relaxed) < number)
        tn_cond_wait(&gc->done, &gc->lock);
}

bool tn_gc_collect(struct tn_heap *heap, unsigned int generation, struct tn_gc_report *ret_report)
{
    struct tn_gc *gc = heap->gc;
    uint64_t number = tn_gc_ask(heap, generation, TN_GC_CAUSE_REQUEST);

    if (number == 0)
        return false;
    tn_mutex_lock(&gc->lock);
    await_locked(gc, number);
    if (ret_report != NULL)
        *ret_report = gc->last;
    tn_mutex_unlock(&gc->lock);
    return true;
}

/* ---- When memory is short ---- */

bool tn_gc_is_worthwhile(const struct tn_heap *heap)
{
    const struct tn_gc *gc = heap->gc;
    uint64_t born;
    uint64_t bytes;

    if (tn_gc_kind(heap) == TN_GC_NONE || !tn_gc_is_enabled(heap))
        return false;
    born = n_born(heap) - atomic_load_explicit(&gc->born_before_full, memory_order_relaxed);
    if (born == 0)
        return false;
    bytes = atomic_load_explicit(&gc->bytes_after_full, memory_order_relaxed);
    return born >= tn_gc_n_containers(heap) / WORTH_SHARE_BORN ||
           n_live_bytes(heap) >= bytes + heap->arenas.max_bytes / WORTH_SHARE_BYTES;
}

/* The collection that one who was refused memory waits for; 0: none. */
static uint64_t relief_locked(struct tn_gc *gc)
{
    if (gc->full_number != 0)
        return gc->full_number;
    if (has_request_locked(gc) && gc->generation == TN_GC_OLDEST)
        return gc->n_requested;
    return tn_gc_is_worthwhile(gc->heap) ? request_locked(gc, TN_GC_OLDEST, TN_GC_CAUSE_MEMORY) : 0;
}

bool tn_gc_relieve(struct tn_heap *heap)
{
    struct tn_gc *gc = heap->gc;
    uint64_t number;

    if (gc == NULL)
        return false;
    tn_mutex_lock(&gc->lock);
    number = relief_locked(gc);
    await_locked(gc, number);
    tn_mutex_unlock(&gc->lock);
    return number != 0;
}

/* ---- Settings and figures ---- */

void tn_gc_enable(struct tn_heap *heap, bool is_enabled)
{
    if (heap->gc != NULL)
        atomic_store_explicit(&heap->gc->is_enabled, is_enabled, memory_order_relaxed);
}

bool tn_gc_is_enabled(const struct tn_heap *heap)
{
    return heap->gc != NULL && atomic_load_explicit(&heap->gc->is_enabled, memory_order_relaxed);
}

void tn_gc_set_thresholds(struct tn_heap *heap, const uint32_t thresholds[TN_GC_GENERATIONS])
{
    for (unsigned int i = 0; heap->gc != NULL && i < TN_GC_GENERATIONS; i++)
        atomic_store_explicit(&heap->gc->thresholds[i], thresholds[i], memory_order_relaxed);
}

void tn_gc_get_thresholds(const struct tn_heap *heap, uint32_t ret_thresholds[TN_GC_GENERATIONS])
{
    for (unsigned int i = 0; i < TN_GC_GENERATIONS; i++)
        ret_thresholds[i] =
            heap->gc == NULL ? 0
                             : atomic_load_explicit(&heap->gc->thresholds[i], memory_order_relaxed);
}

void tn_gc_choose(struct tn_heap *heap, enum tn_gc_kind kind)
{
    if (heap->gc != NULL)
        atomic_store_explicit(&heap->gc->kind, (uint32_t)kind, memory_order_relaxed);
}

enum tn_gc_kind tn_gc_kind(const struct tn_heap *heap)
{
    return heap->gc == NULL
               ? TN_GC_NONE
               : (enum tn_gc_kind)atomic_load_explicit(&heap->gc->kind, memory_order_relaxed);
}

static uint64_t read_total(const _Atomic(uint64_t) *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void tn_gc_stats(struct tn_heap *heap, struct tn_gc_stats *ret_stats)
{
    struct tn_gc *gc = heap->gc;
    int64_t n_young = 0;

    *ret_stats = (struct tn_gc_stats){ 0 };
    if (gc == NULL)
        return;
    ret_stats->kind = tn_gc_kind(heap);
    ret_stats->is_enabled = tn_gc_is_enabled(heap);
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        n_young += atomic_load_explicit(&tn_heap_mutator(heap, i)->n_young, memory_order_relaxed);
    ret_stats->counts[0] = n_young < 0 ? 0 : (uint64_t)n_young;
    for (unsigned int i = 0; i < TN_GC_GENERATIONS; i++) {
        const struct tn_gc_totals *totals = &gc->totals[i];

        ret_stats->generations[i] = (struct tn_gc_generation_stats){
            .collections = read_total(&totals->collections),
            .examined = read_total(&totals->examined),
            .collected = read_total(&totals->collected),
        };
    }
    ret_stats->counts[1] = ret_stats->generations[0].collections;
    ret_stats->counts[2] = ret_stats->generations[1].collections;
    ret_stats->longest_pause_ns = read_total(&gc->longest_pause_ns);
    ret_stats->longest_safepoint_wait_ns = read_total(&gc->longest_wait_ns);
    tn_mutex_lock(&gc->lock);
    ret_stats->last = gc->last;
    tn_mutex_unlock(&gc->lock);
}

bool tn_gc_is_tracked(const struct tn_heap *heap, const struct tn_object *o)
{
    return tn_heap_tracks(heap, o);
}
