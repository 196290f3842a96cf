/* SPDX-License-Identifier: MIT */
/*
 * Sweeping: every mutator looks through its own containers for what the marker has
 * not reached. Only the owner's bearer does, so no pool is given away meanwhile, and
 * what it finds half built or private is its own.
 *
 * What is found gets a reference, so that it stays until all garbage of the heap has
 * been found, and a bit in the map `garbage`. When a pool has been swept its marks
 * are zero again, and what is born in it is left alone.
 */
#include "core/base/check.h"
#include "core/gc/gc_internal.h"
#include "core/memory/large.h"
#include "core/object/type.h"
#include "core/object/weakref.h"

/* What looking at a word of 64 blocks costs, in blocks looked at. */
#define WORD_COST 4

/*
 * tn_tryref() for what may also be a block that somebody else frees just now (it
 * was dead before this read section began, and so may be). A living object of an
 * own pool has this owner or none, and then it is merged with a count; whatever is
 * behind the header of a free block is not.
 */
static bool take_reference(struct tn_mutator *mu, struct tn_object *o)
{
    int64_t shared;

    if (tn_is_owner(mu, o)) {
        tn_incref(mu, o);
        return true;
    }
    shared = atomic_load_explicit(&o->shared, memory_order_relaxed);
    do {
        if ((shared & TN_STATE_MASK) != TN_STATE_MERGED || shared >> 2 <= 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, shared + TN_SHARED_ONE,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

bool tn_gc_condemn(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_cell cell = tn_cell_of(o);

    if (tn_cell_is_set(&cell, TN_MAP_GARBAGE) || !take_reference(mu, o))
        return false;
    if ((atomic_load_explicit(&o->bits, memory_order_acquire) & TN_BIT_WEAK) != 0)
        (void)tn_weakrefs_clear(mu, o);
    tn_event_finalize(mu, o); /* while all garbage still holds everything */
    tn_gc_note_garbage(mu, o);
    mu->gc.n_garbage++;
    return true;
}

void tn_gc_sweep_begin(struct tn_mutator *mu)
{
    mu->cache.sweep = atomic_load_explicit(&mu->heap->sweep, memory_order_relaxed);
    mu->gc.n_garbage = 0;
    tn_cache_walk_begin(&mu->cache);
    tn_large_walk_begin(&mu->cache);
}

/* Condemns what is in use in one word of a pool and not marked. */
static void condemn_word(struct tn_mutator *mu, struct tn_pool *pool, uint32_t word)
{
    uint32_t first = word * 64;
    uint32_t n = pool->n_carved - first < 64 ? pool->n_carved - first : 64;
    uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    uint64_t left =
        all & ~atomic_load_explicit(&pool->maps[TN_MAP_MARKED][word], memory_order_acquire);

    for (; left != 0; left &= left - 1) {
        uint32_t i = first + (uint32_t)__builtin_ctzll(left);

        if (tn_gc_block_type(pool, i) != TN_TYPE_FREE)
            (void)tn_gc_condemn(mu, tn_pool_block(pool, i));
    }
}

/*
 * In this order: who reads a weak reference and finds no mark must be able to tell
 * "not reached" from "swept already", and in the second case finds the reference
 * cleared if the object was condemned (object/mark.c).
 */
static void sweep_pool(struct tn_mutator *mu, struct tn_pool *pool)
{
    for (uint32_t word = 0; word * 64 < pool->n_carved; word++)
        condemn_word(mu, pool, word);
    atomic_store_explicit(&pool->swept, mu->cache.sweep, memory_order_release);
    for (uint32_t word = 0; word * 64 < pool->n_carved; word++) {
        /* Release: who sees it sees that the pool has been swept. */
        atomic_store_explicit(&pool->maps[TN_MAP_MARKED][word], 0, memory_order_release);
        atomic_store_explicit(&pool->maps[TN_MAP_SCANNED][word], 0, memory_order_relaxed);
    }
}

static void sweep_large(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_large *large = tn_large_of(o);

    if (!large->is_container)
        return;
    if (atomic_load_explicit(&large->maps[TN_MAP_MARKED], memory_order_acquire) == 0)
        (void)tn_gc_condemn(mu, o);
    /* As in sweep_pool(). */
    atomic_store_explicit(&large->swept, mu->cache.sweep, memory_order_release);
    atomic_store_explicit(&large->maps[TN_MAP_MARKED], 0, memory_order_release);
    atomic_store_explicit(&large->maps[TN_MAP_SCANNED], 0, memory_order_relaxed);
}

bool tn_gc_sweep(struct tn_mutator *mu, size_t budget)
{
    struct tn_object *large;
    struct tn_pool *pool;
    size_t cost = 0;

    while (cost < budget) {
        pool = tn_cache_walk_next(&mu->cache);
        if (pool == NULL)
            break;
        sweep_pool(mu, pool);
        cost += pool->n_carved / 64 * WORD_COST + WORD_COST;
    }
    while (cost < budget) {
        large = tn_large_walk_next(&mu->cache);
        if (large == NULL)
            return false;
        sweep_large(mu, large);
        cost++;
    }
    return true;
}
