/* SPDX-License-Identifier: MIT */
#include "core/object/mutator.h"

#include <sched.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/futex.h"
#include "core/base/rcu.h"
#include "core/memory/fault.h"
#include "core/memory/large.h"
#include "core/object/heap_internal.h"

/* Before the header is written: until then whoever walks the pool sees nothing. */
static void container_is_born(struct tn_mutator *mu, struct tn_object *o, bool is_small)
{
    if (!is_small)
        atomic_store_explicit(&o->bits, TN_BIT_LARGE, memory_order_relaxed);
    tn_mark_birth(mu, o);
    tn_count_add(&mu->n_young, 1);
    tn_count_add_unsigned(&mu->n_born, 1);
    if (TN_LIKELY(mu->has_young && is_small))
        tn_pool_add_young(&mu->cache, o);
}

int tn_object_new(struct tn_mutator *mu, enum tn_type_id type, size_t block_bytes,
                  struct tn_object **ret_object)
{
    uint64_t head = mu->birth_head | (uint64_t)type << 48;
    enum tn_block_kind kind = tn_block_kind_of(mu->heap, type);
    struct tn_object *o;
    void *block;
    int r;

    if (tn_fault_strikes())
        return TN_ERR_NOMEM;
    if (TN_LIKELY(block_bytes <= TN_SMALL_MAX)) {
        r = tn_cache_alloc(&mu->cache, kind, tn_block_class(kind, block_bytes), &block);
    } else {
        r = tn_large_object_alloc(&mu->cache, block_bytes, kind == TN_KIND_CONTAINER, &block);
        head |= (uint64_t)TN_BIT_LARGE << 56;
    }
    if (r < 0)
        return r;
    o = block;
    if (kind == TN_KIND_CONTAINER)
        container_is_born(mu, o, block_bytes <= TN_SMALL_MAX);
    tn_count_add(&mu->n_objs[type], 1);
    tn_count_add(&mu->live_bytes, (int64_t)block_bytes);
    atomic_store_explicit(&o->local, (uint32_t)head, memory_order_relaxed);
    atomic_store_explicit(&o->owner, (uint16_t)(head >> 32), memory_order_relaxed);
    o->type = (uint8_t)(head >> 48);
    atomic_store_explicit(&o->bits, (uint8_t)(head >> 56), memory_order_relaxed);
    atomic_store_explicit(&o->shared, mu->birth_shared, memory_order_relaxed);
    *ret_object = o;
    return 0;
}

void tn_mutator_request_merge(struct tn_object *o)
{
    if ((atomic_load_explicit(&o->bits, memory_order_relaxed) & TN_BIT_LARGE) != 0)
        tn_large_queue(o);
    else
        tn_pool_queue(tn_pool_of(o), o);
}

bool tn_mutator_claim(struct tn_mutator *mu)
{
    uint32_t offline = TN_MUTATOR_OFFLINE;

    /* Acquire: what the last bearer did is seen. Sequentially consistent for
     * the handshake of "push, then look at the state". */
    return atomic_compare_exchange_strong_explicit(&mu->state, &offline, TN_MUTATOR_CLAIMED,
                                                   memory_order_seq_cst, memory_order_seq_cst);
}

void tn_mutator_enter(struct tn_mutator *mu)
{
    uint32_t offline = TN_MUTATOR_OFFLINE;

    /* A claimer merges a few objects or works off a small budget. */
    for (unsigned int i = 1; !atomic_compare_exchange_weak_explicit(
             &mu->state, &offline, TN_MUTATOR_ONLINE, memory_order_seq_cst, memory_order_seq_cst);
         i++) {
        offline = TN_MUTATOR_OFFLINE;
        if (TN_UNLIKELY(atomic_load_explicit(&mu->heap->is_stopped, memory_order_relaxed) != 0)) {
            tn_rcu_offline();
            tn_futex_wait(&mu->heap->is_stopped, 1, TN_FUTEX_FOREVER);
            tn_rcu_online();
        } else if (i % 256 == 0)
            sched_yield();
        else
            tn_cpu_relax();
    }
}

void tn_mutator_leave(struct tn_mutator *mu)
{
    bool has_leftovers;

    do {
        tn_mutator_merge_queued(mu);
        tn_events_announce(mu);
        tn_cache_flush(&mu->cache);
        has_leftovers = mu->dying != NULL || !tn_limbo_is_empty(&mu->limbo);
        atomic_store_explicit(&mu->has_leftovers, has_leftovers, memory_order_relaxed);
        atomic_store_explicit(&mu->state, TN_MUTATOR_OFFLINE, memory_order_seq_cst);
        /* Whoever has left something since we looked has either seen us offline
         * and claims, or is seen here. */
    } while (tn_cache_needs_attention(&mu->cache) && tn_mutator_claim(mu));
    if (has_leftovers)
        tn_grace_wake(&mu->heap->grace);
}
