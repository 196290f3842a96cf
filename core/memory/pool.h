/* SPDX-License-Identifier: MIT */
/*
 * Pools: one size class, one owning cache, one kind of content.
 *
 * A pool is a piece of an arena. Its header lies with those of the arena's other
 * pools at the arena's start and is found by masking a block's address. (Headers
 * at the start of each pool would all fall into the same few cache sets, because
 * pools are aligned to their size.)
 *
 * The owner allocates and frees without atomics. Others push what they free onto
 * `returned`, from where the owner takes it in bulk. `returned` is one word: the
 * offset of the first returned block, how many there are, and a flag that says
 * that the pool is on its owner's attention stack. Whoever sets the flag pushes
 * the pool there, and only the owner, taking the pool off that stack, clears it.
 * Hence:
 *
 *  - A push that finds the flag set does not touch the pool again, and a pool
 *    whose flag is set is never given away. So a pool can be given away the
 *    moment that its last block has come back, without a grace period.
 *  - Nothing that was pushed is forgotten: the flag is set by the same atomic
 *    operation that makes the block visible.
 *
 * Invariants
 *  - n_used = blocks in use + blocks on `returned`.
 *  - A pool in use is its bin's current one, or on the bin's list of those with
 *    something free, or full.
 *
 * Blocks of containers, of other objects and of anything else never share a pool.
 * A block of an object pool that is not in use has zeros where the type would be,
 * so pools of objects can be walked without any list of objects. Those of
 * containers are on a list of their cache's; the collectors' bits for their blocks
 * lie beside them (maps.h).
 */
#ifndef TN_CORE_MEMORY_POOL_H
#define TN_CORE_MEMORY_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/memory/maps.h"
#include "core/memory/size_class.h"

#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define TN_POOL_BYTES ((size_t)4096)
#define TN_ARENA_POOLS 4
#else
#define TN_POOL_BYTES ((size_t)16384)
#define TN_ARENA_POOLS 64
#endif
#define TN_ARENA_BYTES (TN_POOL_BYTES * TN_ARENA_POOLS)

enum tn_block_kind {
    TN_KIND_LEAF,      /* an object that refers to no other */
    TN_KIND_CONTAINER, /* an object that may */
    TN_KIND_BUFFER,
    TN_KIND_END,
};

/* A block that is not in use. The first word is zero in pools of objects: there
 * it is written and read atomically, for whoever walks the pool meanwhile. */
struct tn_free_block {
    _Atomic(uint64_t) zero;
    _Atomic(struct tn_free_block *) next;
};

/* Relaxed: lists are handed over by what they hang from. */
TN_ALWAYS_INLINE struct tn_free_block *tn_free_next(const struct tn_free_block *block)
{
    return atomic_load_explicit(&block->next, memory_order_relaxed);
}

TN_ALWAYS_INLINE void tn_free_link(struct tn_free_block *block, struct tn_free_block *next)
{
    atomic_store_explicit(&block->next, next, memory_order_relaxed);
}

#define TN_POOL_QUEUED_WORDS (TN_POOL_BYTES / TN_SMALL_MIN / 64)

/* The blocks of a pool of containers that one word of a map stands for. */
#define TN_POOL_MAP_WORDS (TN_POOL_BYTES / TN_CONTAINER_MIN / 64)

struct tn_cache;

struct tn_pool {
    /* [const]  while the pool is in use */
    struct tn_cache *owner;
    char *base; /* where the blocks begin */
    uint32_t block_bytes;
    uint32_t n_blocks;   /* that fit */
    uint32_t reciprocal; /* 2^32 / block_bytes, rounded up */
    uint16_t size_class;
    uint16_t kind; /* enum tn_block_kind */

    /* [owner]  */
    uint32_t n_used;
    uint32_t n_carved; /* blocks that have ever been on a free list; read by walkers */
    struct tn_free_block *free;
    struct tn_pool *next;
    struct tn_pool *prev;
    /* pools of containers: on the cache's list of all of them; on that of those with
     * something young or middle-aged; on their mutator's of those with garbage */
    struct tn_pool *next_owned;
    struct tn_pool *prev_owned;
    struct tn_pool *next_young;
    struct tn_pool *prev_young;
    struct tn_pool *next_garbage;
    uint64_t *trial;         /* during a collection by trial: what it counts for each block */
    _Atomic(uint32_t) swept; /* the last sweep of a collector that has been here */
    bool is_full;            /* not on the cache's list, because nothing is free */
    bool is_young;           /* on the list of the young */
    bool has_young;          /* and has something that was born since the last collection */
    bool has_garbage;

    /* [atomic] others push (release), the owner takes (acquire) */
    _Alignas(2 * TN_CACHE_LINE) _Atomic(uint64_t) returned;
    /* [owner of the flag in `returned`] */
    struct tn_pool *next_attention;
    /* [atomic] pools of objects: which objects wait to be merged, one bit each */
    _Atomic(uint64_t) queued[TN_POOL_QUEUED_WORDS];
    /* see maps.h; used in pools of containers */
    struct tn_gray gray;
    _Alignas(TN_CACHE_LINE) _Atomic(uint64_t) maps[TN_MAP_END][TN_POOL_MAP_WORDS];
};

/* Links of a list whose members leave from anywhere. */
struct tn_arena_link {
    struct tn_arena *next;
    struct tn_arena *prev;
};

/* An arena begins with its header, which takes the place of its first pools. */
struct tn_arena {
    /* [lock]   arenas.lock */
    struct tn_arena_link all;
    struct tn_arena_link partial; /* if free_pools is not 0 */
    uint64_t free_pools;          /* one bit each */
    /* of the pools, by their place in the arena; those where the header lies are unused */
    struct tn_pool pools[TN_ARENA_POOLS];
};

TN_ALWAYS_INLINE struct tn_arena *tn_arena_of(const void *block)
{
    return (struct tn_arena *)((uintptr_t)block & ~(uintptr_t)(TN_ARENA_BYTES - 1));
}

TN_ALWAYS_INLINE struct tn_pool *tn_pool_of(const void *block)
{
    return &tn_arena_of(block)->pools[(uintptr_t)block / TN_POOL_BYTES % TN_ARENA_POOLS];
}

/* The number of a block in its pool, from 0. */
static inline uint32_t tn_pool_index(const struct tn_pool *pool, const void *block)
{
    uint64_t offset = (uint64_t)((const char *)block - pool->base);

    /* Exact for what is smaller than 2^32 / block_bytes; a division takes longer. */
    return (uint32_t)(offset * pool->reciprocal >> 32);
}

static inline void *tn_pool_block(const struct tn_pool *pool, uint32_t index)
{
    return pool->base + (size_t)index * pool->block_bytes;
}

#endif
