/* SPDX-License-Identifier: MIT */
/*
 * Arenas: 1 MiB pieces of the system's memory, cut into pools; and the budget.
 *
 * The budget is what `max_memory` limits: every arena and every large block is
 * charged against it before it is taken, and nothing else is. Mutators charge
 * in steps (cache.h), so the counter is no line that all threads fight for.
 *
 * Invariant: held <= max, always. Sum of what is taken + unused quotas = held.
 * Pools without a single block in use come back here at once; an arena without
 * a single pool in use goes back to the allocator below, but for one spare.
 */
#ifndef TN_CORE_MEMORY_ARENA_H
#define TN_CORE_MEMORY_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/sync.h"
#include "core/memory/pool.h"

struct tn_arenas {
    /* [const] */
    size_t max_bytes; /* SIZE_MAX: no limit */
    /* [lock]   lock (TN_RANK_ARENAS) */
    struct tn_mutex lock;
    struct tn_arena *all;
    struct tn_arena *partial; /* those with a free pool */
    size_t n_empty;           /* those whose pools are all free: at most one for long */
    /* [atomic] bytes charged; only grows by a compare-and-swap that keeps it <= max */
    TN_CACHE_ALIGNED _Atomic(size_t) held_bytes;
};

void tn_arenas_init(struct tn_arenas *arenas, size_t max_bytes);

/* Frees all arenas. */
void tn_arenas_fini(struct tn_arenas *arenas);

/* Charges `bytes`, or charges nothing and returns TN_ERR_LIMIT. Lock-free. */
TN_MUST_CHECK int tn_arenas_charge(struct tn_arenas *arenas, size_t bytes);
void tn_arenas_uncharge(struct tn_arenas *arenas, size_t bytes);

/* A pool of which only `base` is set, with TN_POOL_BYTES of uninitialised memory
 * there. Returns 0, TN_ERR_LIMIT or TN_ERR_NOMEM. Takes the lock. */
TN_MUST_CHECK int tn_arenas_take_pool(struct tn_arenas *arenas, struct tn_pool **ret_pool);
void tn_arenas_return_pool(struct tn_arenas *arenas, struct tn_pool *pool);

/* Gives the spare arena back too. Takes the lock. */
void tn_arenas_trim(struct tn_arenas *arenas);

/* Calls `visit` with every pool in use. The heap is at rest: nobody takes or
 * returns pools meanwhile. */
void tn_arenas_each_pool(struct tn_arenas *arenas, void (*visit)(struct tn_pool *pool, void *arg),
                         void *arg);

#endif
