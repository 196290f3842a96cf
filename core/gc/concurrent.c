/* SPDX-License-Identifier: MIT */
/* The concurrent collector: full collections beside the mutators; those of younger
 * generations are short, and done with everybody stopped. */
#include "core/gc/gc_internal.h"

static uint64_t sum_garbage(const struct tn_gc *gc)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < tn_heap_n_mutators(gc->heap); i++)
        n += tn_heap_mutator(gc->heap, i)->gc.n_garbage;
    return n;
}

static int collect(struct tn_gc *gc, unsigned int generation, struct tn_gc_report *report)
{
    if (generation < TN_GC_OLDEST)
        return tn_gc_collect_stopped(gc, generation, report);
    report->examined = tn_gc_mark(gc);
    tn_gc_handshake(gc, TN_PHASE_SETTLE);
    atomic_fetch_add_explicit(&gc->heap->sweep, 1, memory_order_relaxed);
    tn_gc_handshake(gc, TN_PHASE_SWEEP);
    tn_gc_finish_work(gc);
    report->garbage = sum_garbage(gc);
    tn_gc_handshake(gc, TN_PHASE_EMPTY);
    tn_gc_finish_work(gc);
    tn_gc_handshake(gc, TN_PHASE_IDLE);
    return 0;
}

const struct tn_collector tn_collector_concurrent = {
    .kind = TN_GC_CONCURRENT,
    .collect = collect,
};
