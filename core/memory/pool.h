/* SPDX-License-Identifier: MIT */
/*
 * Pools: one size class, one owning cache, one kind of content.
 *
 * A pool's header lies at its start, so the pool of a block is found by masking
 * the block's address. The owner allocates and frees without atomics. Others
 * push what they free onto `returned`, from where the owner takes it in bulk.
 *
 * `returned` is one word: the offset of the first returned block, how many
 * there are, and a flag that says that the pool is on its owner's attention
 * stack. Whoever sets the flag pushes the pool there, and only the owner, taking
 * the pool off that stack, clears it. Hence:
 *
 *  - A push that finds the flag set does not touch the pool again, and a pool
 *    whose flag is set is never given away. So a pool can be given away the
 *    moment that its last block has come back, without a grace period.
 *  - Nothing that was pushed is forgotten: the flag is set by the same atomic
 *    operation that makes the block visible.
 *
 * Invariants
 *  - n_used = blocks in use + blocks on `returned`.
 *  - A pool in use is its bin's current one (watch: never), or on the bin's list of
 *    those with something free (watch: empty), or full (watch: one block free).
 *
 * Blocks of objects (TN_KIND_OBJECT) and of anything else never share a pool. A
 * block of an object pool that is not in use has zeros where the type would be,
 * so pools of objects can be walked without any list of objects.
 */
#ifndef TN_CORE_MEMORY_POOL_H
#define TN_CORE_MEMORY_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory/arena.h"
#include "core/memory/size_class.h"

enum tn_block_kind {
    TN_KIND_OBJECT,
    TN_KIND_BUFFER,
    TN_KIND_END,
};

/* A block that is not in use. The first word is zero in pools of objects. */
struct tn_free_block {
    uint64_t zero;
    struct tn_free_block *next;
};

#define TN_POOL_QUEUED_WORDS (TN_POOL_BYTES / TN_SMALL_MIN / 64)

struct tn_cache;

struct tn_pool {
    /* [const]  while the pool is in use */
    struct tn_cache *owner;
    struct tn_arena *arena;
    uint32_t block_bytes;
    uint32_t n_blocks; /* that fit */
    uint16_t size_class;
    uint16_t kind; /* enum tn_block_kind */

    /* [owner]  */
    uint32_t n_used;
    uint32_t watch; /* when n_used sinks to this, tn_cache_free() looks closer */
    struct tn_free_block *free;
    uint32_t n_carved; /* blocks that have ever been on a free list; read by walkers */
    bool is_full;      /* not on the cache's list, because nothing is free */
    struct tn_pool *next;
    struct tn_pool *prev;

    /* [atomic] others push (release), the owner takes (acquire) */
    _Alignas(TN_CACHE_LINE) _Atomic(uint64_t) returned;
    /* [owner of the flag in `returned`] */
    struct tn_pool *next_attention;
    /* [atomic] pools of objects: which objects wait to be merged, one bit each */
    _Atomic(uint64_t) queued[TN_POOL_QUEUED_WORDS];
};

/* Where the blocks begin. */
#define TN_POOL_HEADER_BYTES (sizeof(struct tn_pool))

TN_ALWAYS_INLINE struct tn_pool *tn_pool_of(const void *block)
{
    return (struct tn_pool *)((uintptr_t)block & ~(uintptr_t)(TN_POOL_BYTES - 1));
}

/* The number of a block in its pool, from 0. */
static inline uint32_t tn_pool_index(const struct tn_pool *pool, const void *block)
{
    return (uint32_t)((uintptr_t)block - (uintptr_t)pool - TN_POOL_HEADER_BYTES) /
           pool->block_bytes;
}

static inline void *tn_pool_block(struct tn_pool *pool, uint32_t index)
{
    return (char *)pool + TN_POOL_HEADER_BYTES + (size_t)index * pool->block_bytes;
}

#endif
