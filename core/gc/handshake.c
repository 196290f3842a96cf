/* SPDX-License-Identifier: MIT */
/*
 * The collector and the mutators: how it tells them something, how it does their
 * work for those that are offline, and how it stops them all.
 *
 * Everything here runs on the collector's thread, online. In mode gil there is one
 * mutator, which the collector bears for as long as it holds the lock; so a handshake
 * is a call, and stopping everybody is nothing.
 */
#include <limits.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/futex.h"
#include "core/base/rcu.h"
#include "core/gc/gc_internal.h"

/* A mutator that goes offline says so to nobody; so look again after this time. */
#define POLL_NS UINT64_C(100000)

/* Work for an offline mutator while it is claimed: its thread may want it. */
#define HELP_BUDGET ((size_t)512)

/* After so long, the collector's own use of a CPU is weighed (cpu_percent). */
#define WEIGH_NS UINT64_C(1000000)

static bool has_gil(const struct tn_gc *gc)
{
    return gc->heap->mode == TN_MODE_GIL;
}

/* Sleeps until some mutator has answered or finished its work. Its own mutator stays
 * the collector's: only the read section ends. */
static void sleep_until_answer(struct tn_gc *gc, uint32_t n_answers)
{
    atomic_store_explicit(&gc->is_waiting, true, memory_order_seq_cst);
    tn_rcu_offline();
    tn_futex_wait(&gc->n_answers, n_answers, POLL_NS);
    tn_rcu_online();
    atomic_store_explicit(&gc->is_waiting, false, memory_order_relaxed);
}

static uint32_t answers(const struct tn_gc *gc)
{
    return atomic_load_explicit(&gc->n_answers, memory_order_seq_cst);
}

static bool has_answered(const struct tn_mutator *mu, uint32_t epoch)
{
    /* Pairs with the release in tn_gc_answer(). */
    return atomic_load_explicit(&mu->gc.seen, memory_order_acquire) == epoch;
}

/* Waits for one mutator, or answers in its place. */
static void await_answer(struct tn_gc *gc, struct tn_mutator *mu, uint32_t epoch)
{
    for (;;) {
        uint32_t n_answers = answers(gc);

        if (has_answered(mu, epoch))
            return;
        if (tn_mutator_claim(mu)) {
            tn_gc_answer(gc, mu);
            tn_mutator_leave(mu);
            return;
        }
        sleep_until_answer(gc, n_answers);
    }
}

/* Before it is announced. */
static void begin_marking(struct tn_gc *gc)
{
    struct tn_heap *heap = gc->heap;

    atomic_fetch_add_explicit(&heap->marking, 1, memory_order_relaxed);
    if (heap->roots.walk == NULL)
        return;
    heap->roots.cursor = 0;
    gc->walks_heap = true;
    atomic_fetch_add_explicit(&gc->n_working, 1, memory_order_relaxed);
}

static uint32_t announce(struct tn_gc *gc, enum tn_gc_phase phase)
{
    struct tn_heap *heap = gc->heap;
    uint32_t epoch;
    bool is_new;

    /* With the lock: a new mutator begins in the phase before and is counted, or in
     * this one and has no work. */
    tn_mutex_lock(&heap->threads_lock);
    is_new = atomic_load_explicit(&gc->phase, memory_order_relaxed) != (uint32_t)phase;
    if (is_new && (phase == TN_PHASE_MARK || phase == TN_PHASE_SWEEP || phase == TN_PHASE_EMPTY))
        atomic_store_explicit(&gc->n_working, tn_heap_n_mutators(heap), memory_order_relaxed);
    if (is_new && phase == TN_PHASE_MARK)
        begin_marking(gc);
    atomic_store_explicit(&gc->phase, (uint32_t)phase, memory_order_relaxed);
    epoch = atomic_load_explicit(&gc->epoch, memory_order_relaxed) + 1;
    /* Pairs with the acquire in tn_gc_answer(). */
    atomic_store_explicit(&gc->epoch, epoch, memory_order_release);
    tn_mutex_unlock(&heap->threads_lock);
    return epoch;
}

void tn_gc_handshake(struct tn_gc *gc, enum tn_gc_phase phase)
{
    uint64_t began_ns = tn_clock_ns();
    uint32_t epoch = announce(gc, phase);
    uint64_t wait_ns;

    tn_gc_answer(gc, gc->mu);
    if (has_gil(gc))
        return;
    for (uint32_t i = 0; i < tn_heap_n_mutators(gc->heap); i++)
        await_answer(gc, tn_heap_mutator(gc->heap, i), epoch);
    wait_ns = tn_clock_ns() - began_ns;
    if (wait_ns > atomic_load_explicit(&gc->longest_wait_ns, memory_order_relaxed))
        atomic_store_explicit(&gc->longest_wait_ns, wait_ns, memory_order_relaxed);
}

/* A piece of the walk over the roots that belong to no thread. */
static void walk_heap(struct tn_gc *gc)
{
    struct tn_roots *roots = &gc->heap->roots;

    if (!roots->walk(roots->arg, gc->mu, &roots->cursor, TN_GC_ROOTS_BUDGET))
        return;
    gc->walks_heap = false;
    atomic_fetch_sub_explicit(&gc->n_working, 1, memory_order_relaxed); /* our own reads it */
}

bool tn_gc_help(struct tn_gc *gc)
{
    if (gc->walks_heap)
        walk_heap(gc);
    (void)tn_gc_work_on(gc, gc->mu, HELP_BUDGET);
    for (uint32_t i = 0; !has_gil(gc) && i < tn_heap_n_mutators(gc->heap); i++) {
        struct tn_mutator *mu = tn_heap_mutator(gc->heap, i);

        if (mu == gc->mu || !tn_mutator_claim(mu))
            continue;
        (void)tn_gc_work_on(gc, mu, HELP_BUDGET);
        tn_mutator_leave(mu);
    }
    /* Pairs with the release in tn_gc_work_on(). */
    return atomic_load_explicit(&gc->n_working, memory_order_acquire) != 0;
}

void tn_gc_finish_work(struct tn_gc *gc)
{
    while (tn_gc_help(gc))
        tn_gc_breathe(gc);
}

/* ---- Stopping ---- */

TN_NO_TSA void tn_gc_stop_all(struct tn_gc *gc)
{
    struct tn_heap *heap = gc->heap;

    if (has_gil(gc))
        return;
    atomic_store_explicit(&heap->is_stopped, 1, memory_order_seq_cst);
    tn_mutex_lock(&heap->threads_lock); /* no new ones */
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++) {
        struct tn_mutator *mu = tn_heap_mutator(heap, i);

        while (mu != gc->mu && !tn_mutator_claim(mu))
            sleep_until_answer(gc, answers(gc));
    }
}

TN_NO_TSA void tn_gc_resume_all(struct tn_gc *gc)
{
    struct tn_heap *heap = gc->heap;

    if (has_gil(gc))
        return;
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++) {
        struct tn_mutator *mu = tn_heap_mutator(heap, i);

        if (mu != gc->mu)
            tn_mutator_leave(mu);
    }
    tn_mutex_unlock(&heap->threads_lock);
    atomic_store_explicit(&heap->is_stopped, 0, memory_order_seq_cst);
    tn_futex_wake(&heap->is_stopped, INT_MAX);
}

/* ---- Breathing ---- */

/* Sleeps for as long as leaves the collector no more than its share of a CPU. */
static void rest(struct tn_gc *gc, uint64_t worked_ns)
{
    uint64_t percent = atomic_load_explicit(&gc->cpu_percent, memory_order_relaxed);

    if (percent >= 100)
        return;
    tn_rcu_offline();
    tn_futex_wait(&gc->n_answers, answers(gc), worked_ns * (100 - percent) / percent);
    tn_rcu_online();
}

void tn_gc_breathe(struct tn_gc *gc)
{
    uint64_t now_ns = tn_clock_ns();
    uint64_t worked_ns = now_ns - gc->slice_began_ns;
    uint64_t target_ns =
        (uint64_t)atomic_load_explicit(&gc->pause_target_us, memory_order_relaxed) * 1000;

    (void)tn_thread_safepoint(gc->thread, TN_WORK_BUDGET);
    if (has_gil(gc)) {
        if (worked_ns < target_ns)
            return;
        tn_gc_note_pause(gc, gc->slice_began_ns);
        tn_events_announce(gc->mu);
        tn_gil_give_way(&gc->heap->gil, gc->thread);
    } else {
        if (worked_ns < WEIGH_NS)
            return;
        rest(gc, worked_ns);
    }
    gc->slice_began_ns = tn_clock_ns();
}
