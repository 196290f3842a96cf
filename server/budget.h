/* SPDX-License-Identifier: MIT */
/*
 * A budget of bytes that several threads draw on.
 *
 * Invariant: taken <= max. Whoever is refused waits and asks again later; so
 * nobody takes a second part while holding a first one that others need, or
 * knows how to do without.
 * Threads: any. Lock-free.
 */
#ifndef TN_SERVER_BUDGET_H
#define TN_SERVER_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"
#include "core/base/check.h"

struct tn_budget {
    /* [const] */
    size_t max_bytes;
    /* [atomic] relaxed: it counts, and publishes nothing */
    TN_CACHE_ALIGNED _Atomic(size_t) taken_bytes;
};

static inline void tn_budget_init(struct tn_budget *budget, size_t max_bytes)
{
    budget->max_bytes = max_bytes;
    atomic_init(&budget->taken_bytes, 0);
}

/* Takes `bytes`, or nothing if that would be too much. */
TN_MUST_CHECK static inline bool tn_budget_take(struct tn_budget *budget, size_t bytes)
{
    size_t taken = atomic_load_explicit(&budget->taken_bytes, memory_order_relaxed);

    do
        if (bytes > budget->max_bytes - taken)
            return false;
    while (!atomic_compare_exchange_weak_explicit(&budget->taken_bytes, &taken, taken + bytes,
                                                  memory_order_relaxed, memory_order_relaxed));
    return true;
}

static inline void tn_budget_give(struct tn_budget *budget, size_t bytes)
{
    size_t before = atomic_fetch_sub_explicit(&budget->taken_bytes, bytes, memory_order_relaxed);

    TN_ASSERT(before >= bytes);
}

#endif
