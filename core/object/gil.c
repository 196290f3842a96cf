/* SPDX-License-Identifier: MIT */
#include "core/object/gil.h"

#include <sched.h>

#include "core/base/futex.h"

/* About as long as it takes to wake a sleeper on another CPU. */
#define SPINS 1000

void tn_gil_init(struct tn_gil *gil, uint64_t switch_interval_ns)
{
    gil->switch_interval_ns = switch_interval_ns;
    atomic_init(&gil->is_held, 0);
    atomic_init(&gil->drop_requested, false);
    atomic_init(&gil->last_holder, NULL);
    atomic_init(&gil->n_switches, 0);
    atomic_init(&gil->n_forced, 0);
    atomic_init(&gil->n_sleepers, 0);
    tn_mutex_init(&gil->lock, TN_RANK_GIL_QUEUE);
    tn_cond_init(&gil->released);
    tn_cond_init(&gil->switched);
}

void tn_gil_fini(struct tn_gil *gil)
{
    TN_ASSERT(atomic_load_explicit(&gil->is_held, memory_order_relaxed) == 0);
    tn_cond_fini(&gil->switched);
    tn_cond_fini(&gil->released);
    tn_mutex_fini(&gil->lock);
}

static bool try_acquire(struct tn_gil *gil)
{
    uint32_t free_value = 0;

    /* Sequentially consistent: a sleeper counts itself and then tries; the
     * releaser releases and then looks for sleepers. */
    return atomic_load_explicit(&gil->is_held, memory_order_relaxed) == 0 &&
           atomic_compare_exchange_strong_explicit(&gil->is_held, &free_value, 1,
                                                   memory_order_seq_cst, memory_order_seq_cst);
}

static bool spin_acquire(struct tn_gil *gil)
{
    for (unsigned int i = 0; i < SPINS; i++) {
        if (try_acquire(gil))
            return true;
        tn_cpu_relax();
    }
    return false;
}

static void sleep_acquire(struct tn_gil *gil)
{
    tn_mutex_lock(&gil->lock);
    atomic_fetch_add_explicit(&gil->n_sleepers, 1, memory_order_seq_cst);
    while (!try_acquire(gil)) {
        uint64_t before = atomic_load_explicit(&gil->n_switches, memory_order_relaxed);

        if (atomic_load_explicit(&gil->is_held, memory_order_seq_cst) == 0)
            continue; /* released since we tried; its releaser may not have seen us */
        if (!tn_cond_wait_for(&gil->released, &gil->lock, gil->switch_interval_ns) &&
            atomic_load_explicit(&gil->n_switches, memory_order_relaxed) == before)
            atomic_store_explicit(&gil->drop_requested, true, memory_order_relaxed);
    }
    atomic_fetch_sub_explicit(&gil->n_sleepers, 1, memory_order_seq_cst);
    tn_mutex_unlock(&gil->lock);
}

void tn_gil_acquire(struct tn_gil *gil, const void *holder)
{
    if (!spin_acquire(gil))
        sleep_acquire(gil);
    tn_rank_push(TN_RANK_GIL);
    if (atomic_load_explicit(&gil->last_holder, memory_order_relaxed) != holder) {
        atomic_store_explicit(&gil->last_holder, holder, memory_order_relaxed);
        atomic_store_explicit(&gil->n_switches,
                              atomic_load_explicit(&gil->n_switches, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    }
    if (atomic_load_explicit(&gil->drop_requested, memory_order_relaxed)) {
        tn_mutex_lock(&gil->lock);
        atomic_store_explicit(&gil->drop_requested, false, memory_order_relaxed);
        tn_cond_broadcast(&gil->switched);
        tn_mutex_unlock(&gil->lock);
    }
}

void tn_gil_release(struct tn_gil *gil)
{
    tn_rank_pop(TN_RANK_GIL);
    atomic_store_explicit(&gil->is_held, 0, memory_order_seq_cst);
    if (atomic_load_explicit(&gil->n_sleepers, memory_order_seq_cst) != 0) {
        tn_mutex_lock(&gil->lock);
        tn_cond_signal(&gil->released);
        tn_mutex_unlock(&gil->lock);
    }
}

void tn_gil_yield_slow(struct tn_gil *gil, const void *holder)
{
    atomic_store_explicit(&gil->n_forced,
                          atomic_load_explicit(&gil->n_forced, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    tn_gil_release(gil);
    tn_mutex_lock(&gil->lock);
    /* Until somebody else has had it, or nobody wants it any more. Whoever
     * takes the lock clears the request under `lock`, so no wake-up is lost; the
     * time-out is for a sleeper that got the lock by spinning meanwhile. */
    while (atomic_load_explicit(&gil->last_holder, memory_order_relaxed) == holder &&
           atomic_load_explicit(&gil->n_sleepers, memory_order_relaxed) != 0 &&
           atomic_load_explicit(&gil->drop_requested, memory_order_relaxed))
        (void)tn_cond_wait_for(&gil->switched, &gil->lock, gil->switch_interval_ns);
    tn_mutex_unlock(&gil->lock);
    tn_gil_acquire(gil, holder);
}

void tn_gil_give_way(struct tn_gil *gil, const void *holder)
{
    if (atomic_load_explicit(&gil->n_sleepers, memory_order_seq_cst) != 0) {
        atomic_store_explicit(&gil->drop_requested, true, memory_order_relaxed);
        tn_gil_yield_slow(gil, holder);
        return;
    }
    /* Somebody may be spinning for it. */
    tn_gil_release(gil);
    sched_yield();
    tn_gil_acquire(gil, holder);
}
