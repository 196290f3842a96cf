/* SPDX-License-Identifier: MIT */
/*
 * The reclaimer: the thread that waits for grace periods, and that works off
 * what mutators left behind when they went offline or their thread ended.
 *
 * While there is something to wait for it passes one grace period after another,
 * with a pause between them so that more comes together and the CPUs are left
 * alone. When there is nothing it sleeps until somebody wants a grace period.
 */
#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/rcu.h"
#include "core/object/heap_internal.h"

#define PAUSE_NS UINT64_C(500000)

/* Destructions while a sleeping mutator is claimed: its thread may want it. */
#define CLAIM_BUDGET ((size_t)128)

static bool has_leftovers(const struct tn_mutator *mu)
{
    return atomic_load_explicit(&mu->state, memory_order_seq_cst) == TN_MUTATOR_OFFLINE &&
           atomic_load_explicit(&mu->has_leftovers, memory_order_relaxed);
}

static bool is_anything_left(void *arg)
{
    struct tn_heap *heap = arg;

    if (atomic_load_explicit(&heap->reclaimer_must_stop, memory_order_seq_cst))
        return true;
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        if (has_leftovers(tn_heap_mutator(heap, i)))
            return true;
    return false;
}

/* Works off a part of what each offline mutator left. True if some could go on. */
static bool work_off_leftovers(struct tn_heap *heap)
{
    bool is_more = false;

    tn_rcu_online();
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++) {
        struct tn_mutator *mu = tn_heap_mutator(heap, i);

        if (!has_leftovers(mu) || !tn_mutator_claim(mu))
            continue;
        is_more |= tn_mutator_work(mu, CLAIM_BUDGET);
        tn_mutator_leave(mu);
    }
    tn_rcu_offline();
    return is_more;
}

static void *reclaimer_main(void *arg)
{
    struct tn_heap *heap = arg;

    tn_rcu_register();
    tn_rcu_offline();
    while (!atomic_load_explicit(&heap->reclaimer_must_stop, memory_order_seq_cst)) {
        if (tn_grace_is_wanted(&heap->grace))
            tn_grace_run(&heap->grace);
        if (work_off_leftovers(heap))
            continue;
        if (tn_grace_is_wanted(&heap->grace) || is_anything_left(heap))
            tn_grace_pause(&heap->grace, PAUSE_NS);
        else
            tn_grace_sleep(&heap->grace, is_anything_left, heap);
    }
    tn_rcu_unregister();
    return NULL;
}

int tn_reclaimer_start(struct tn_heap *heap)
{
    if (pthread_create(&heap->reclaimer, NULL, reclaimer_main, heap) != 0)
        return TN_ERR_NOMEM;
    heap->has_reclaimer = true;
    return 0;
}

void tn_reclaimer_stop(struct tn_heap *heap)
{
    int r;

    if (!heap->has_reclaimer)
        return;
    atomic_store_explicit(&heap->reclaimer_must_stop, true, memory_order_seq_cst);
    tn_grace_wake(&heap->grace);
    r = pthread_join(heap->reclaimer, NULL);
    TN_ASSERT(r == 0);
    heap->has_reclaimer = false;
}
