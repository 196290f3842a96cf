/* SPDX-License-Identifier: MIT */
#include "core/memory/fault.h"

#include <stdatomic.h>

/* Mutable and global, because whoever injects faults is outside of every heap. */
static _Atomic(bool) is_armed;
static _Atomic(int64_t) n_left;
static _Atomic(int64_t) n_refused;

void tn_fault_fail_after(int64_t n)
{
    atomic_store_explicit(&n_left, n, memory_order_relaxed);
    atomic_store_explicit(&n_refused, 0, memory_order_relaxed);
    atomic_store_explicit(&is_armed, n >= 0, memory_order_release);
}

int64_t tn_fault_count(void)
{
    return atomic_load_explicit(&n_refused, memory_order_relaxed);
}

bool tn_fault_strikes_slow(void)
{
    /* Pairs with the release in tn_fault_fail_after(). */
    if (!atomic_load_explicit(&is_armed, memory_order_acquire))
        return false;
    if (atomic_fetch_sub_explicit(&n_left, 1, memory_order_relaxed) > 0)
        return false;
    atomic_fetch_add_explicit(&n_refused, 1, memory_order_relaxed);
    return true;
}
