/* SPDX-License-Identifier: MIT */
/*
 * Collections of the young, by their owner, at its own safe point, of what only it
 * can know: nobody is told and nobody waits. In mode gil that is everything; in mode
 * biased what has not been published; in mode atomic nothing.
 *
 * The cost depends on the young alone, whatever the size of the heap.
 */
#include "core/base/clock.h"
#include "core/gc/gc_internal.h"

/* A full collection is due when there are so many more containers than after the
 * last one: half as many again, but not for a few. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define GROWTH_MIN UINT64_C(500)
#else
#define GROWTH_MIN UINT64_C(50000)
#endif
#define GROWTH_SHIFT 1

static uint32_t threshold(const struct tn_gc *gc, unsigned int generation)
{
    return atomic_load_explicit(&gc->thresholds[generation], memory_order_relaxed);
}

static void ask_for_full_if_due(struct tn_gc *gc)
{
    uint64_t live = tn_gc_n_containers(gc->heap);
    uint64_t before = atomic_load_explicit(&gc->live_after_full, memory_order_relaxed);

    if (threshold(gc, TN_GC_OLDEST) != 0 && live > before + (before >> GROWTH_SHIFT) + GROWTH_MIN)
        (void)tn_gc_ask(gc->heap, TN_GC_OLDEST, TN_GC_CAUSE_GROWTH);
}

static void collect(struct tn_gc *gc, struct tn_mutator *mu, unsigned int generation)
{
    struct tn_gc_trial trial = {
        .mutators = &mu,
        .n_mutators = 1,
        .generation = generation,
        .is_private = mu->heap->mode != TN_MODE_GIL,
    };
    struct tn_gc_report report = {
        .kind = tn_gc_kind(gc->heap),
        .cause = TN_GC_CAUSE_THRESHOLD,
        .generation = generation,
    };
    uint64_t began_ns = tn_clock_ns();

    tn_gc_tell(mu, TN_HEAP_EVENT_COLLECTION_STARTED, &report);
    if (tn_gc_try(&trial) == 0) { /* else another time */
        tn_gc_count(gc, generation, trial.n_examined, trial.n_garbage);
        tn_gc_note_pause(gc, began_ns);
    }
    report.examined = trial.n_examined;
    report.garbage = trial.n_garbage;
    report.n_pauses = 1;
    report.duration_ns = tn_clock_ns() - began_ns;
    report.pause_ns = report.longest_pause_ns = report.duration_ns;
    tn_gc_tell(mu, TN_HEAP_EVENT_COLLECTION_FINISHED, &report);
}

void tn_gc_young_if_due(struct tn_gc *gc, struct tn_mutator *mu)
{
    int64_t n_young = atomic_load_explicit(&mu->n_young, memory_order_relaxed);
    struct tn_gc_duty *duty = &mu->gc;

    if (n_young <= (int64_t)threshold(gc, 0) || threshold(gc, 0) == 0 ||
        duty->phase != TN_PHASE_IDLE ||
        !atomic_load_explicit(&gc->is_enabled, memory_order_relaxed) ||
        atomic_load_explicit(&gc->kind, memory_order_relaxed) == TN_GC_NONE)
        return;
    if (!mu->has_young)
        atomic_store_explicit(&mu->n_young, 0, memory_order_relaxed);
    else if (duty->n_young_collections++ < threshold(gc, 1))
        collect(gc, mu, 0);
    else {
        duty->n_young_collections = 0;
        collect(gc, mu, 1);
    }
    ask_for_full_if_due(gc);
}
