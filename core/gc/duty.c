/* SPDX-License-Identifier: MIT */
/* What mutators do for the collector: at their own safe points, or by the hand of
 * the collector while they are offline. */
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/futex.h"
#include "core/gc/gc_internal.h"

/* How much of a phase's work is done at one safe point, in blocks looked at. */
#define SLICE_BUDGET ((size_t)2048)

static const uint8_t barriers[] = {
    [TN_PHASE_IDLE] = 0,
    [TN_PHASE_PREPARE] = TN_BARRIER_WHITE | TN_BARRIER_DEATH,
    [TN_PHASE_SYNC] = TN_BARRIER_OLD | TN_BARRIER_NEW | TN_BARRIER_WHITE | TN_BARRIER_DEATH,
    [TN_PHASE_MARK] = TN_BARRIER_OLD | TN_BARRIER_BLACK | TN_BARRIER_DEATH | TN_BARRIER_WEAK,
    [TN_PHASE_CLOSE] = TN_BARRIER_OLD | TN_BARRIER_BLACK | TN_BARRIER_DEATH | TN_BARRIER_CLOSED,
    [TN_PHASE_SETTLE] = TN_BARRIER_BLACK | TN_BARRIER_CLOSED,
    [TN_PHASE_SWEEP] = TN_BARRIER_SWEEP | TN_BARRIER_CLOSED,
    [TN_PHASE_EMPTY] = 0,
};

static void wake_collector(struct tn_gc *gc)
{
    /* Sequentially consistent against sleep_until_answer(): it says that it waits
     * and then looks; we leave word and then look whether it waits. */
    atomic_fetch_add_explicit(&gc->n_answers, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&gc->is_waiting, memory_order_seq_cst))
        tn_futex_wake(&gc->n_answers, 1);
}

/* A phase begins for a mutator. `mark` comes several times: the work only once. */
static void begin_phase(struct tn_mutator *mu, enum tn_gc_phase phase, bool is_new)
{
    struct tn_gc_duty *duty = &mu->gc;

    mu->bearer.barrier = barriers[phase];
    if (!is_new)
        return;
    TN_ASSERT(duty->work == TN_GC_WORK_NONE);
    switch (phase) {
    case TN_PHASE_MARK:
        duty->work = TN_GC_WORK_ROOTS;
        if (mu->thread != NULL)
            tn_thread_roots(mu->thread)->cursor = 0;
        break;
    case TN_PHASE_SWEEP:
        duty->work = TN_GC_WORK_SWEEP;
        tn_gc_sweep_begin(mu);
        break;
    case TN_PHASE_EMPTY:
        duty->work = TN_GC_WORK_EMPTY;
        break;
    default:
        break;
    }
}

void tn_gc_answer(struct tn_gc *gc, struct tn_mutator *mu)
{
    /* Pairs with the release in tn_gc_handshake(): the phase is the epoch's. */
    uint32_t epoch = atomic_load_explicit(&gc->epoch, memory_order_acquire);
    uint32_t phase = atomic_load_explicit(&gc->phase, memory_order_relaxed);
    struct tn_gc_duty *duty = &mu->gc;

    if (atomic_load_explicit(&duty->seen, memory_order_relaxed) == epoch)
        return;
    begin_phase(mu, (enum tn_gc_phase)phase, phase != duty->phase);
    duty->phase = (uint8_t)phase;
    /* Release: what this mutator did before, it did in the phase before. */
    atomic_store_explicit(&duty->seen, epoch, memory_order_release);
    wake_collector(gc);
}

/* Walks over the roots of the mutator's thread. In mode gil the collector does it
 * for all threads. */
static bool walk_roots(struct tn_mutator *mu, size_t budget)
{
    struct tn_roots *roots;

    if (mu->thread == NULL)
        return false;
    roots = tn_thread_roots(mu->thread);
    return !roots->walk(roots->arg, mu, &roots->cursor, budget);
}

bool tn_gc_work_on(struct tn_gc *gc, struct tn_mutator *mu, size_t budget)
{
    bool is_left = false;

    switch (mu->gc.work) {
    case TN_GC_WORK_ROOTS:
        is_left = walk_roots(mu, budget);
        break;
    case TN_GC_WORK_SWEEP:
        is_left = tn_gc_sweep(mu, budget);
        break;
    case TN_GC_WORK_EMPTY:
        is_left = tn_gc_empty(mu, budget);
        break;
    default:
        return false;
    }
    if (is_left)
        return true;
    mu->gc.work = TN_GC_WORK_NONE;
    /* Release: what was done is seen by the collector, which adds it up. */
    atomic_fetch_sub_explicit(&gc->n_working, 1, memory_order_release);
    wake_collector(gc);
    return false;
}

/* ---- The hooks ---- */

/* A new mutator. (One that was made before has been looked after meanwhile.) */
static void attach(struct tn_mutator *mu)
{
    struct tn_gc *gc = tn_gc_of(mu);

    mu->gc.phase = (uint8_t)atomic_load_explicit(&gc->phase, memory_order_relaxed);
    atomic_store_explicit(&mu->gc.seen, atomic_load_explicit(&gc->epoch, memory_order_relaxed),
                          memory_order_relaxed);
    mu->bearer.barrier = barriers[mu->gc.phase];
    mu->cache.sweep = atomic_load_explicit(&mu->heap->sweep, memory_order_relaxed);
    mu->has_young = mu->heap->mode != TN_MODE_ATOMIC;
}

static bool safepoint(struct tn_mutator *mu, size_t budget, bool is_top)
{
    struct tn_gc *gc = tn_gc_of(mu);
    uint64_t began_ns;
    bool is_left;

    if (mu == gc->mu && mu->heap->mode != TN_MODE_GIL)
        return false; /* the collector does its own part when it helps */
    if (is_top)
        tn_gc_answer(gc, mu);
    if (TN_UNLIKELY(mu->gc.work != TN_GC_WORK_NONE)) {
        began_ns = tn_clock_ns();
        is_left = tn_gc_work_on(gc, mu, budget < SLICE_BUDGET ? budget : SLICE_BUDGET);
        tn_gc_note_pause(gc, began_ns);
        return is_left;
    }
    /* What a collection of the young has found. */
    if (tn_gc_has_garbage(mu) && mu->gc.phase != TN_PHASE_SWEEP)
        return tn_gc_empty(mu, budget);
    tn_gc_young_if_due(gc, mu);
    return tn_gc_has_garbage(mu);
}

const struct tn_collector_hooks tn_gc_hooks = {
    .attach = attach,
    .safepoint = safepoint,
    .stop = tn_gc_stop,
};
