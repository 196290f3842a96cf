/* SPDX-License-Identifier: MIT */
/*
 * The global lock of mode `gil`: whoever holds it bears the heap's one mutator.
 *
 * A thread that wants it spins for a few microseconds (a hand-over by sleeping
 * costs some 30 between two CPUs), then sleeps. If nobody has got the lock for
 * a whole switch interval, it asks the holder to drop it, who does so at its
 * next safe point and does not take it again before somebody else has had it.
 * So there is no convoy behind I/O, and nobody starves behind a busy holder.
 * (CPython's lock since 3.2, A. Pitrou; the spinning is ours, to be fair to it.)
 */
#ifndef TN_CORE_OBJECT_GIL_H
#define TN_CORE_OBJECT_GIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/sync.h"

struct tn_gil {
    /* [const]  */
    uint64_t switch_interval_ns;
    /* [atomic] taken with acquire, released with release */
    TN_CACHE_ALIGNED _Atomic(uint32_t) is_held;
    /* [atomic] somebody has waited for the interval; the next holder clears it */
    _Atomic(bool) drop_requested;
    /* [atomic] the thread that holds it or held it last; written by the holder */
    _Atomic(const void *) last_holder;
    /* [atomic] statistics, written by the holder */
    _Atomic(uint64_t) n_switches;
    _Atomic(uint64_t) n_forced;
    /* [lock]   lock (TN_RANK_GIL_QUEUE) */
    TN_CACHE_ALIGNED struct tn_mutex lock;
    struct tn_cond released; /* those who want it sleep here */
    struct tn_cond switched; /* those who were made to drop it sleep here */
    /* [atomic] how many sleep on `released`, or are about to; written under lock */
    _Atomic(uint32_t) n_sleepers;
};

void tn_gil_init(struct tn_gil *gil, uint64_t switch_interval_ns);
void tn_gil_fini(struct tn_gil *gil);

/* Blocks until the caller holds the lock. `holder` tells threads apart. */
void tn_gil_acquire(struct tn_gil *gil, const void *holder);
void tn_gil_release(struct tn_gil *gil);

/* Lets somebody else have the lock if that was asked for; the caller holds it
 * before and after. Blocks until then. */
void tn_gil_yield_slow(struct tn_gil *gil, const void *holder);

/* The same without being asked, for a holder that does background work: whoever
 * waits gets the lock next. */
void tn_gil_give_way(struct tn_gil *gil, const void *holder);

static inline void tn_gil_checkpoint(struct tn_gil *gil, const void *holder)
{
    /* Relaxed: a request that is seen late is answered at the next safe point. */
    if (TN_UNLIKELY(atomic_load_explicit(&gil->drop_requested, memory_order_relaxed)))
        tn_gil_yield_slow(gil, holder);
}

#endif
