/* SPDX-License-Identifier: MIT */
#include "core/memory/arena.h"

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/memory/backing.h"

/* All pools of an arena that can be taken, as a set of bits: those behind its header. */
#define HEADER_POOLS ((sizeof(struct tn_arena) + TN_POOL_BYTES - 1) / TN_POOL_BYTES)
#define ALL_POOLS (UINT64_MAX >> (64 - TN_ARENA_POOLS) & ~((UINT64_C(1) << HEADER_POOLS) - 1))

_Static_assert(HEADER_POOLS <= 3, "headers take little of an arena");

void tn_arenas_init(struct tn_arenas *arenas, size_t max_bytes)
{
    arenas->max_bytes = max_bytes;
    arenas->all = NULL;
    arenas->partial = NULL;
    arenas->n_empty = 0;
    tn_mutex_init(&arenas->lock, TN_RANK_ARENAS);
    atomic_init(&arenas->held_bytes, 0);
}

int tn_arenas_charge(struct tn_arenas *arenas, size_t bytes)
{
    size_t held = atomic_load_explicit(&arenas->held_bytes, memory_order_relaxed);

    /* Relaxed: the counter says how much, it hands over nothing. */
    do {
        if (bytes > arenas->max_bytes || held > arenas->max_bytes - bytes)
            return TN_ERR_LIMIT;
    } while (!atomic_compare_exchange_weak_explicit(&arenas->held_bytes, &held, held + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return 0;
}

void tn_arenas_uncharge(struct tn_arenas *arenas, size_t bytes)
{
    size_t held = atomic_fetch_sub_explicit(&arenas->held_bytes, bytes, memory_order_relaxed);

    TN_ASSERT(held >= bytes);
}

static void link_all_locked(struct tn_arenas *arenas, struct tn_arena *arena)
{
    arena->all = (struct tn_arena_link){ .next = arenas->all };
    if (arenas->all != NULL)
        arenas->all->all.prev = arena;
    arenas->all = arena;
}

static void unlink_all_locked(struct tn_arenas *arenas, struct tn_arena *arena)
{
    if (arena->all.next != NULL)
        arena->all.next->all.prev = arena->all.prev;
    if (arena->all.prev != NULL)
        arena->all.prev->all.next = arena->all.next;
    else
        arenas->all = arena->all.next;
}

static void link_partial_locked(struct tn_arenas *arenas, struct tn_arena *arena)
{
    arena->partial = (struct tn_arena_link){ .next = arenas->partial };
    if (arenas->partial != NULL)
        arenas->partial->partial.prev = arena;
    arenas->partial = arena;
}

static void unlink_partial_locked(struct tn_arenas *arenas, struct tn_arena *arena)
{
    if (arena->partial.next != NULL)
        arena->partial.next->partial.prev = arena->partial.prev;
    if (arena->partial.prev != NULL)
        arena->partial.prev->partial.next = arena->partial.next;
    else
        arenas->partial = arena->partial.next;
}

static void arena_free(struct tn_arena *arena)
{
    tn_backing_free(arena, TN_ARENA_BYTES, TN_ARENA_BYTES);
}

void tn_arenas_fini(struct tn_arenas *arenas)
{
    struct tn_arena *next;

    for (struct tn_arena *arena = arenas->all; arena != NULL; arena = next) {
        next = arena->all.next;
        tn_arenas_uncharge(arenas, TN_ARENA_BYTES);
        arena_free(arena);
    }
    arenas->all = NULL;
    arenas->partial = NULL;
    tn_mutex_fini(&arenas->lock);
}

static int arena_new(struct tn_arenas *arenas, struct tn_arena **ret_arena)
{
    struct tn_arena *arena;
    int r = tn_arenas_charge(arenas, TN_ARENA_BYTES);

    if (r < 0)
        return r;
    arena = tn_backing_alloc(TN_ARENA_BYTES, TN_ARENA_BYTES, false);
    if (arena == NULL) {
        tn_arenas_uncharge(arenas, TN_ARENA_BYTES);
        return TN_ERR_NOMEM;
    }
    arena->free_pools = ALL_POOLS;
    *ret_arena = arena;
    return 0;
}

static struct tn_pool *arena_take_locked(struct tn_arenas *arenas, struct tn_arena *arena)
{
    unsigned int i = (unsigned int)__builtin_ctzll(arena->free_pools);
    struct tn_pool *pool = &arena->pools[i];

    if (arena->free_pools == ALL_POOLS)
        arenas->n_empty--;
    arena->free_pools &= arena->free_pools - 1;
    if (arena->free_pools == 0)
        unlink_partial_locked(arenas, arena);
    pool->base = (char *)arena + i * TN_POOL_BYTES;
    return pool;
}

int tn_arenas_take_pool(struct tn_arenas *arenas, struct tn_pool **ret_pool)
{
    struct tn_arena *arena;
    int r;

    tn_mutex_lock(&arenas->lock);
    if (arenas->partial == NULL) {
        /* The system may take its time: not under the lock. Two threads at once
         * may bring two arenas, which is no harm. */
        tn_mutex_unlock(&arenas->lock);
        r = arena_new(arenas, &arena);
        if (r < 0)
            return r;
        tn_mutex_lock(&arenas->lock);
        link_all_locked(arenas, arena);
        link_partial_locked(arenas, arena);
        arenas->n_empty++;
    }
    *ret_pool = arena_take_locked(arenas, arenas->partial);
    tn_mutex_unlock(&arenas->lock);
    return 0;
}

/* Takes an arena without a pool in use off the lists. */
static void remove_empty_locked(struct tn_arenas *arenas, struct tn_arena *arena)
{
    TN_ASSERT(arena->free_pools == ALL_POOLS);
    unlink_all_locked(arenas, arena);
    unlink_partial_locked(arenas, arena);
    arenas->n_empty--;
}

void tn_arenas_return_pool(struct tn_arenas *arenas, struct tn_pool *pool)
{
    struct tn_arena *arena = tn_arena_of(pool);
    uint64_t bit = UINT64_C(1) << (pool - arena->pools);
    bool is_surplus = false;

    tn_mutex_lock(&arenas->lock);
    TN_ASSERT((ALL_POOLS & bit) != 0 && (arena->free_pools & bit) == 0);
    if (arena->free_pools == 0)
        link_partial_locked(arenas, arena);
    arena->free_pools |= bit;
    if (arena->free_pools == ALL_POOLS) {
        arenas->n_empty++;
        is_surplus = arenas->n_empty > 1; /* one stays as a spare */
        if (is_surplus)
            remove_empty_locked(arenas, arena);
    }
    tn_mutex_unlock(&arenas->lock);
    if (is_surplus) {
        arena_free(arena);
        tn_arenas_uncharge(arenas, TN_ARENA_BYTES);
    }
}

void tn_arenas_trim(struct tn_arenas *arenas)
{
    struct tn_arena *arena;

    tn_mutex_lock(&arenas->lock);
    for (arena = arenas->partial; arena != NULL; arena = arena->partial.next)
        if (arena->free_pools == ALL_POOLS)
            break;
    if (arena != NULL)
        remove_empty_locked(arenas, arena);
    tn_mutex_unlock(&arenas->lock);
    if (arena != NULL) {
        arena_free(arena);
        tn_arenas_uncharge(arenas, TN_ARENA_BYTES);
    }
}

void tn_arenas_each_pool(struct tn_arenas *arenas, void (*visit)(struct tn_pool *pool, void *arg),
                         void *arg)
{
    for (struct tn_arena *arena = arenas->all; arena != NULL; arena = arena->all.next) {
        for (uint64_t used = ~arena->free_pools & ALL_POOLS; used != 0; used &= used - 1)
            visit(&arena->pools[__builtin_ctzll(used)], arg);
    }
}
