/* SPDX-License-Identifier: MIT */
/*
 * Caches: what one mutator allocates from and frees to.
 *
 * For every size class and kind there is a stack of blocks that are ready: the
 * fast paths pop and push there; of the pool's header they read a constant. The stack is filled
 * from and emptied into the pools many blocks at a time. (Bonwick's magazines, 2001; jemalloc's
 * thread caches.) Behind it are a current pool and a list of further pools that have something
 * free. Full pools are on no list: they come back through a free of their owner's or through the
 * attention stack.
 *
 * Blocks of other owners' pools are collected in a few lanes, by pool, and
 * returned with one compare-and-swap for many (snmalloc batches its remote
 * frees likewise). They are never reused here: an object's owner is its pool's.
 *
 * Threads: the bearer of the mutator only, but for `attention` and `queued_large`.
 */
#ifndef TN_CORE_MEMORY_CACHE_H
#define TN_CORE_MEMORY_CACHE_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/check.h"
#include "core/base/sync.h"
#include "core/memory/arena.h"
#include "core/memory/pool.h"

#define TN_CACHE_LANES 8

/* How much is kept ready of a size class. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define TN_READY_BYTES 128
#define TN_READY_MAX 4
#else
#define TN_READY_BYTES 32768
#define TN_READY_MAX 512
#endif

/* Blocks on their way back to a pool of somebody else's. */
struct tn_lane {
    struct tn_pool *pool; /* NULL: the lane is empty */
    struct tn_free_block *head;
    struct tn_free_block *tail;
    uint32_t n_blocks;
};

struct tn_bin {
    void **ready; /* stack of blocks; to their pools they are in use */
    uint32_t n_ready;
    uint32_t n_ready_max;
    struct tn_pool *current; /* whose free list is used up first, or NULL */
    struct tn_pool *partial; /* others with something free */
};

/* AddressSanitizer is told which blocks are free; a free block's links are ours. */
#if TN_ASAN
#include <sanitizer/asan_interface.h>
#define TN_POISON(start, bytes) __asan_poison_memory_region((start), (bytes))
#define TN_UNPOISON(start, bytes) __asan_unpoison_memory_region((start), (bytes))
#else
#define TN_POISON(start, bytes) ((void)(start))
#define TN_UNPOISON(start, bytes) ((void)(start))
#endif

struct tn_large;

struct tn_cache {
    /* [const] */
    struct tn_arenas *arenas;
    /* Called after something was left on `owner`'s attention stack, so that a
     * sleeping owner's is looked after. May be called from tn_cache_free(). */
    void (*on_attention)(struct tn_cache *owner);
    /* [owner]  */
    struct tn_bin bins[TN_KIND_END][TN_SIZE_CLASSES];
    void **ready_stacks; /* what the bins' stacks lie in */
    struct tn_lane lanes[TN_CACHE_LANES];
    size_t quota_bytes; /* charged to the budget, not yet used */
    /* pools of containers, the newest first; and the next one of the walk under
     * way, or NULL */
    struct tn_pool *containers;
    struct tn_pool *containers_walk;
    struct tn_pool *young; /* those with something young, then those with only middle-aged */
    uint32_t sweep;        /* the last sweep that has begun; new pools count as swept */
    /* [lock]   large_lock (TN_RANK_LARGE) */
    struct tn_mutex large_lock;
    struct tn_large *large;      /* large objects, for walkers */
    struct tn_large *large_walk; /* the next one of the walk under way, or NULL */
    /* [atomic] pushed by anybody, taken whole by the owner */
    TN_CACHE_ALIGNED _Atomic(struct tn_pool *) attention;
    _Atomic(struct tn_large *) queued_large;
};

/* TN_ERR_NOMEM. The caller ends it with tn_cache_fini(). */
TN_MUST_CHECK int tn_cache_init(struct tn_cache *cache, struct tn_arenas *arenas,
                                void (*on_attention)(struct tn_cache *owner));

/* Gives back pools without a block in use, large objects that are left, and
 * the quota. Pools with blocks in use go with their arenas. */
void tn_cache_fini(struct tn_cache *cache);

/* The slow halves. */
TN_MUST_CHECK int tn_cache_fill_slow(struct tn_cache *cache, enum tn_block_kind kind,
                                     unsigned int size_class);
void tn_cache_spill_slow(struct tn_cache *cache, struct tn_bin *bin, uint32_t n_keep);
void tn_cache_free_remote_slow(struct tn_cache *cache, struct tn_pool *pool,
                               struct tn_free_block *block);

/*
 * A block of a size class, uninitialised but for zeros in its first eight bytes
 * if the kind is one of objects. Returns 0, TN_ERR_LIMIT or TN_ERR_NOMEM.
 */
TN_MUST_CHECK TN_ALWAYS_INLINE int tn_cache_alloc(struct tn_cache *cache, enum tn_block_kind kind,
                                                  unsigned int size_class, void **ret_block)
{
    struct tn_bin *bin = &cache->bins[kind][size_class];
    int r;

    if (TN_UNLIKELY(bin->n_ready == 0)) {
        r = tn_cache_fill_slow(cache, kind, size_class);
        if (r < 0)
            return r;
    }
    *ret_block = bin->ready[--bin->n_ready];
    TN_UNPOISON(*ret_block, tn_size_class_bytes(size_class));
    return 0;
}

/*
 * Frees a block of any cache's pool. Kind and class are those it was allocated
 * with: the caller knows them, and taking them from the pool's header would make
 * every free wait for it. Never fails.
 */
TN_ALWAYS_INLINE void tn_cache_free(struct tn_cache *cache, enum tn_block_kind kind,
                                    unsigned int size_class, void *freed)
{
    struct tn_pool *pool = tn_pool_of(freed);
    struct tn_bin *bin = &cache->bins[kind][size_class];
    struct tn_free_block *block = freed;

    TN_DEBUG_ASSERT(pool->kind == kind && pool->size_class == size_class);
    /* Relaxed: what a walker concludes from it is right at any time. */
    atomic_store_explicit(&block->zero, 0, memory_order_relaxed);
    TN_POISON(block + 1, pool->block_bytes - sizeof(*block));
    if (TN_UNLIKELY(pool->owner != cache)) {
        tn_cache_free_remote_slow(cache, pool, block);
        return;
    }
    if (TN_UNLIKELY(bin->n_ready == bin->n_ready_max))
        tn_cache_spill_slow(cache, bin, bin->n_ready_max / 2);
    bin->ready[bin->n_ready++] = block;
}

/* Returns what waits in the lanes to the owners. At safe points. Lock-free. */
void tn_cache_flush(struct tn_cache *cache);

/* Takes a pool of containers off the list of the young. */
void tn_cache_forget_young(struct tn_cache *cache, struct tn_pool *pool);

/* The out-of-line half of tn_pool_add_young(). */
void tn_cache_add_young_slow(struct tn_cache *cache, struct tn_pool *pool);

/* Notes that the block of a small container of an own pool is young. */
TN_ALWAYS_INLINE void tn_pool_add_young(struct tn_cache *cache, const void *block)
{
    struct tn_pool *pool = tn_pool_of(block);
    uint32_t i = tn_pool_index(pool, block);
    _Atomic(uint64_t) *word = &pool->maps[TN_MAP_YOUNG][i / 64];

    atomic_store_explicit(word,
                          atomic_load_explicit(word, memory_order_relaxed) | UINT64_C(1) << i % 64,
                          memory_order_relaxed);
    if (TN_UNLIKELY(!pool->has_young))
        tn_cache_add_young_slow(cache, pool);
}

/*
 * Walks the pools of containers: a walk begins with the first call, and each one
 * returns the next pool or NULL. Pools that are taken meanwhile are left out,
 * and those that are given back are skipped. The bearer only.
 */
void tn_cache_walk_begin(struct tn_cache *cache);
struct tn_pool *tn_cache_walk_next(struct tn_cache *cache);
/* What that would return next. */
static inline struct tn_pool *tn_cache_walk_peek(const struct tn_cache *cache)
{
    return cache->containers_walk;
}

/* Charges memory that is not cut from pools, out of the cache's quota. */
TN_MUST_CHECK int tn_cache_charge(struct tn_cache *cache, size_t bytes);
void tn_cache_uncharge(struct tn_cache *cache, size_t bytes);

/* Gives the unused quota back to the budget. */
void tn_cache_release_quota(struct tn_cache *cache);

/* Marks an object block of this cache's pools as waiting to be merged and makes
 * the owner look. Any thread that is online; the object is alive. Lock-free. */
void tn_pool_queue(struct tn_pool *pool, void *block);

/* Takes everything off the attention stack: takes back what was returned, and
 * calls `merge` for each object that waits to be merged (large ones as well).
 * True if there was anything. */
bool tn_cache_attend(struct tn_cache *cache, void (*merge)(void *object, void *arg), void *arg);

/* Empties the stacks of what is ready, and gives back every pool without a block
 * in use, current ones too, and the quota. */
void tn_cache_trim(struct tn_cache *cache);

/* True if somebody has left something. Sequentially consistent: the other half
 * of the handshake in object/mutator.h. */
bool tn_cache_needs_attention(const struct tn_cache *cache);

#endif
