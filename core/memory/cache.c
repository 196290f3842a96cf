/* SPDX-License-Identifier: MIT */
#include "core/memory/cache.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/memory/large.h"

/* `returned`: flag, number of blocks, offset of the first one. */
#define RETURNED_FLAG UINT64_C(1)
#define RETURNED_COUNT_SHIFT 1
#define RETURNED_COUNT_MASK UINT64_C(0x7fff)
#define RETURNED_OFFSET_SHIFT 16

/* Blocks per lane before they are returned without having to. */
#define LANE_BLOCKS 64
/* New blocks are carved from a pool in steps of about so many bytes. */
#define CARVE_BYTES 1024
/* Steps in which memory outside pools is charged to the budget. */
#define QUOTA_STEP ((size_t)256 << 10)

_Static_assert(sizeof(struct tn_free_block) <= TN_SMALL_MIN, "a free block's links fit");
_Static_assert(TN_POOL_BYTES / TN_SMALL_MIN <= RETURNED_COUNT_MASK, "all blocks can be counted");
_Static_assert(offsetof(struct tn_free_block, next) == 8, "as object.h says");

static uint32_t ready_max(unsigned int size_class)
{
    size_t n = TN_READY_BYTES / tn_size_class_bytes(size_class);

    return (uint32_t)(n < 2 ? 2 : n > TN_READY_MAX ? TN_READY_MAX : n);
}

int tn_cache_init(struct tn_cache *cache, struct tn_arenas *arenas,
                  void (*on_attention)(struct tn_cache *owner))
{
    size_t n_places = 0;

    memset(cache, 0, sizeof(*cache));
    for (unsigned int i = 0; i < TN_SIZE_CLASSES; i++)
        n_places += ready_max(i);
    cache->ready_stacks = calloc(n_places * TN_KIND_END, sizeof(void *));
    if (cache->ready_stacks == NULL)
        return TN_ERR_NOMEM;
    n_places = 0;
    for (unsigned int kind = 0; kind < TN_KIND_END; kind++) {
        for (unsigned int i = 0; i < TN_SIZE_CLASSES; i++) {
            cache->bins[kind][i].ready = cache->ready_stacks + n_places;
            cache->bins[kind][i].n_ready_max = ready_max(i);
            n_places += ready_max(i);
        }
    }
    cache->arenas = arenas;
    cache->on_attention = on_attention;
    tn_mutex_init(&cache->large_lock, TN_RANK_LARGE);
    return 0;
}

/* ---- The lists of a bin ---- */

static struct tn_bin *bin_of(struct tn_cache *cache, const struct tn_pool *pool)
{
    return &cache->bins[pool->kind][pool->size_class];
}

static void bin_link(struct tn_bin *bin, struct tn_pool *pool)
{
    pool->prev = NULL;
    pool->next = bin->partial;
    if (bin->partial != NULL)
        bin->partial->prev = pool;
    bin->partial = pool;
}

static void bin_unlink(struct tn_bin *bin, struct tn_pool *pool)
{
    if (pool->next != NULL)
        pool->next->prev = pool->prev;
    if (pool->prev != NULL)
        pool->prev->next = pool->next;
    else
        bin->partial = pool->next;
}

/* ---- Pools ---- */

static void containers_link(struct tn_cache *cache, struct tn_pool *pool)
{
    pool->next_owned = cache->containers;
    if (cache->containers != NULL)
        cache->containers->prev_owned = pool;
    cache->containers = pool;
}

void tn_cache_forget_young(struct tn_cache *cache, struct tn_pool *pool)
{
    if (!pool->is_young)
        return;
    pool->is_young = false;
    if (pool->next_young != NULL)
        pool->next_young->prev_young = pool->prev_young;
    if (pool->prev_young != NULL)
        pool->prev_young->next_young = pool->next_young;
    else
        cache->young = pool->next_young;
}

void tn_cache_add_young_slow(struct tn_cache *cache, struct tn_pool *pool)
{
    tn_cache_forget_young(cache, pool);
    pool->is_young = true;
    pool->has_young = true;
    pool->prev_young = NULL;
    pool->next_young = cache->young;
    if (cache->young != NULL)
        cache->young->prev_young = pool;
    cache->young = pool;
}

static void containers_unlink(struct tn_cache *cache, struct tn_pool *pool)
{
    tn_cache_forget_young(cache, pool);
    if (cache->containers_walk == pool)
        cache->containers_walk = pool->next_owned;
    if (pool->next_owned != NULL)
        pool->next_owned->prev_owned = pool->prev_owned;
    if (pool->prev_owned != NULL)
        pool->prev_owned->next_owned = pool->next_owned;
    else
        cache->containers = pool->next_owned;
}

void tn_cache_walk_begin(struct tn_cache *cache)
{
    cache->containers_walk = cache->containers;
}

struct tn_pool *tn_cache_walk_next(struct tn_cache *cache)
{
    struct tn_pool *pool = cache->containers_walk;

    if (pool != NULL)
        cache->containers_walk = pool->next_owned;
    return pool;
}

static int pool_new(struct tn_cache *cache, enum tn_block_kind kind, unsigned int size_class,
                    struct tn_pool **ret_pool)
{
    struct tn_pool *pool;
    char *base;
    int r = tn_arenas_take_pool(cache->arenas, &pool);

    if (r < 0)
        return r;
    base = pool->base;
    TN_UNPOISON(base, TN_POOL_BYTES);
    memset(pool, 0, sizeof(*pool));
    pool->owner = cache;
    pool->base = base;
    pool->block_bytes = (uint32_t)tn_size_class_bytes(size_class);
    pool->n_blocks = (uint32_t)(TN_POOL_BYTES / pool->block_bytes);
    pool->reciprocal = (uint32_t)((UINT64_C(1) << 32) / pool->block_bytes + 1);
    pool->size_class = (uint16_t)size_class;
    pool->kind = (uint16_t)kind;
    atomic_init(&pool->swept, cache->sweep);
    if (kind == TN_KIND_CONTAINER)
        containers_link(cache, pool);
    *ret_pool = pool;
    return 0;
}

static void pool_release(struct tn_cache *cache, struct tn_pool *pool)
{
    TN_ASSERT(pool->n_used == 0);
    if (pool->kind == TN_KIND_CONTAINER)
        containers_unlink(cache, pool);
    TN_UNPOISON(pool->base, TN_POOL_BYTES);
    tn_arenas_return_pool(cache->arenas, pool);
}

static void pool_carve(struct tn_pool *pool)
{
    uint32_t n = CARVE_BYTES / pool->block_bytes;
    uint32_t n_left = pool->n_blocks - pool->n_carved;
    struct tn_free_block *next = NULL;

    n = n < 4 ? 4 : n;
    n = n > n_left ? n_left : n;
    for (uint32_t i = pool->n_carved + n; i-- > pool->n_carved;) {
        struct tn_free_block *block = tn_pool_block(pool, i);

        atomic_store_explicit(&block->zero, 0, memory_order_relaxed);
        tn_free_link(block, next);
        next = block;
        TN_POISON(block + 1, pool->block_bytes - sizeof(*block));
    }
    pool->free = next;
    pool->n_carved += n;
}

/* Takes what others have returned onto the free list; leaves the flag alone. */
static bool pool_take_returned(struct tn_pool *pool)
{
    /* Pairs with the release in pool_return(). */
    uint64_t returned =
        atomic_fetch_and_explicit(&pool->returned, RETURNED_FLAG, memory_order_acquire);
    uint32_t n = (uint32_t)(returned >> RETURNED_COUNT_SHIFT & RETURNED_COUNT_MASK);
    struct tn_free_block *first;
    struct tn_free_block *last;

    if (n == 0)
        return false;
    first = (void *)(pool->base + (returned >> RETURNED_OFFSET_SHIFT));
    if (pool->free != NULL) {
        for (last = first; tn_free_next(last) != NULL;)
            last = tn_free_next(last);
        tn_free_link(last, pool->free);
    }
    pool->free = first;
    TN_ASSERT(pool->n_used >= n);
    pool->n_used -= n;
    return true;
}

/* Makes a pool's free list not empty, if it can be. */
static bool pool_refill(struct tn_pool *pool)
{
    if (atomic_load_explicit(&pool->returned, memory_order_relaxed) > RETURNED_FLAG &&
        pool_take_returned(pool))
        return true;
    if (pool->n_carved == pool->n_blocks)
        return false;
    pool_carve(pool);
    return true;
}

/* Whether nobody but its owner can be about to touch a pool without a block in use:
 * a flagged one is on the attention stack, and one that is gray is the marker's. */
static bool pool_is_left_alone(const struct tn_pool *pool)
{
    return (atomic_load_explicit(&pool->returned, memory_order_relaxed) & RETURNED_FLAG) == 0 &&
           atomic_load_explicit(&pool->gray.state, memory_order_acquire) == TN_GRAY_IDLE;
}

/* ---- Filling and spilling ---- */

/* Makes a pool with something free the current one. */
static int bin_advance(struct tn_cache *cache, struct tn_bin *bin, enum tn_block_kind kind,
                       unsigned int size_class)
{
    if (bin->current != NULL)
        bin->current->is_full = true;
    bin->current = bin->partial;
    if (bin->current == NULL)
        return pool_new(cache, kind, size_class, &bin->current);
    bin_unlink(bin, bin->current);
    return 0;
}

int tn_cache_fill_slow(struct tn_cache *cache, enum tn_block_kind kind, unsigned int size_class)
{
    struct tn_bin *bin = &cache->bins[kind][size_class];
    struct tn_pool *pool;
    uint32_t n_wanted = bin->n_ready_max / 2;
    uint32_t n = 0;
    int r;

    while (bin->current == NULL || (bin->current->free == NULL && !pool_refill(bin->current))) {
        r = bin_advance(cache, bin, kind, size_class);
        if (r < 0)
            return r;
    }
    pool = bin->current;
    for (; n < n_wanted && pool->free != NULL; n++) {
        bin->ready[n] = pool->free;
        pool->free = tn_free_next(pool->free);
    }
    pool->n_used += n;
    bin->n_ready = n;
    /* The first on the free list, the lowest of new ones, comes first. */
    for (uint32_t i = 0; i < n / 2; i++) {
        void *swapped = bin->ready[i];

        bin->ready[i] = bin->ready[n - 1 - i];
        bin->ready[n - 1 - i] = swapped;
    }
    return 0;
}

/* Puts a block back into its pool, which may then be given away. */
static void pool_put(struct tn_cache *cache, struct tn_bin *bin, struct tn_free_block *block)
{
    struct tn_pool *pool = tn_pool_of(block);

    tn_free_link(block, pool->free);
    pool->free = block;
    pool->n_used--;
    if (pool->is_full) {
        pool->is_full = false;
        bin_link(bin, pool);
    }
    /* One that is not left alone goes another time. The current one stays, so
     * that there is always one to fill from. */
    if (pool->n_used == 0 && pool != bin->current && pool_is_left_alone(pool)) {
        bin_unlink(bin, pool);
        pool_release(cache, pool);
    }
}

/* Empties a stack from its cold end, but for the `n_keep` blocks on top. */
void tn_cache_spill_slow(struct tn_cache *cache, struct tn_bin *bin, uint32_t n_keep)
{
    uint32_t n = bin->n_ready > n_keep ? bin->n_ready - n_keep : 0;

    for (uint32_t i = 0; i < n; i++)
        pool_put(cache, bin, bin->ready[i]);
    bin->n_ready -= n;
    memmove(bin->ready, bin->ready + n, bin->n_ready * sizeof(bin->ready[0]));
}

/* ---- Returning blocks to other owners ---- */

/* Puts a pool whose flag this caller has just set on its owner's stack. */
static void attention_push(struct tn_pool *pool)
{
    struct tn_cache *owner = pool->owner;
    struct tn_pool *top = atomic_load_explicit(&owner->attention, memory_order_relaxed);

    /* Sequentially consistent: the first half of "push, then look whether the
     * owner sleeps" (object/mutator.h). Releases next_attention. */
    do
        pool->next_attention = top;
    while (!atomic_compare_exchange_weak_explicit(&owner->attention, &top, pool,
                                                  memory_order_seq_cst, memory_order_relaxed));
    owner->on_attention(owner);
}

/* Returns a chain of blocks to a pool of somebody else's. */
static void pool_return(struct tn_pool *pool, struct tn_free_block *head,
                        struct tn_free_block *tail, uint32_t n_blocks)
{
    uint64_t old = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    uint64_t offset = (uint64_t)((char *)head - pool->base);
    uint64_t n, next;

    /* Release: the owner sees the links. */
    do {
        n = old >> RETURNED_COUNT_SHIFT & RETURNED_COUNT_MASK;
        tn_free_link(tail, n != 0 ? (void *)(pool->base + (old >> RETURNED_OFFSET_SHIFT)) : NULL);
        n += n_blocks;
        next = offset << RETURNED_OFFSET_SHIFT | n << RETURNED_COUNT_SHIFT | RETURNED_FLAG;
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &old, next,
                                                    memory_order_acq_rel, memory_order_relaxed));
    if ((old & RETURNED_FLAG) == 0)
        attention_push(pool);
}

static void lane_flush(struct tn_lane *lane)
{
    struct tn_pool *pool = lane->pool;

    lane->pool = NULL;
    pool_return(pool, lane->head, lane->tail, lane->n_blocks);
}

void tn_cache_free_remote_slow(struct tn_cache *cache, struct tn_pool *pool,
                               struct tn_free_block *block)
{
    struct tn_lane *lane = &cache->lanes[(uintptr_t)pool / TN_POOL_BYTES % TN_CACHE_LANES];

    if (lane->pool != pool) {
        if (lane->pool != NULL)
            lane_flush(lane);
        *lane = (struct tn_lane){ .pool = pool, .tail = block };
    }
    tn_free_link(block, lane->head);
    lane->head = block;
    if (++lane->n_blocks == LANE_BLOCKS)
        lane_flush(lane);
}

void tn_cache_flush(struct tn_cache *cache)
{
    for (unsigned int i = 0; i < TN_CACHE_LANES; i++)
        if (cache->lanes[i].pool != NULL)
            lane_flush(&cache->lanes[i]);
}

/* ---- Attention ---- */

void tn_pool_queue(struct tn_pool *pool, void *block)
{
    uint32_t i = tn_pool_index(pool, block);
    uint64_t flagged;

    /* The bit first, released; then the flag. The owner clears the flag first
     * and takes the bits afterwards. */
    atomic_fetch_or_explicit(&pool->queued[i / 64], UINT64_C(1) << i % 64, memory_order_release);
    flagged = atomic_fetch_or_explicit(&pool->returned, RETURNED_FLAG, memory_order_acq_rel);
    if ((flagged & RETURNED_FLAG) == 0)
        attention_push(pool);
}

static void pool_merge_queued(struct tn_pool *pool, void (*merge)(void *object, void *arg),
                              void *arg)
{
    for (uint32_t word = 0; word * 64 < pool->n_carved; word++) {
        uint64_t bits = 0;

        if (atomic_load_explicit(&pool->queued[word], memory_order_relaxed) != 0)
            bits = atomic_exchange_explicit(&pool->queued[word], 0, memory_order_acquire);
        for (; bits != 0; bits &= bits - 1)
            merge(tn_pool_block(pool, word * 64 + (uint32_t)__builtin_ctzll(bits)), arg);
    }
}

static void pool_attend(struct tn_cache *cache, struct tn_pool *pool,
                        void (*merge)(void *object, void *arg), void *arg)
{
    struct tn_bin *bin = bin_of(cache, pool);

    /* From here on the pool may be pushed again. Acquires what came with the
     * operation that had set the flag, or with any later one. */
    atomic_fetch_and_explicit(&pool->returned, ~RETURNED_FLAG, memory_order_acq_rel);
    if (pool->kind != TN_KIND_BUFFER)
        pool_merge_queued(pool, merge, arg);
    /* Merging drops references, buries objects, but frees no block. */
    if (pool->is_full && pool_take_returned(pool)) {
        pool->is_full = false;
        bin_link(bin, pool);
    } else if (pool != bin->current) {
        (void)pool_take_returned(pool);
    }
    if (pool->n_used == 0 && pool != bin->current && !pool->is_full && pool_is_left_alone(pool)) {
        bin_unlink(bin, pool);
        pool_release(cache, pool);
    }
}

bool tn_cache_needs_attention(const struct tn_cache *cache)
{
    return atomic_load_explicit(&cache->attention, memory_order_seq_cst) != NULL ||
           atomic_load_explicit(&cache->queued_large, memory_order_seq_cst) != NULL;
}

bool tn_cache_attend(struct tn_cache *cache, void (*merge)(void *object, void *arg), void *arg)
{
    struct tn_pool *pool = NULL;
    struct tn_large *large = NULL;
    bool is_any;

    if (atomic_load_explicit(&cache->attention, memory_order_relaxed) != NULL)
        pool = atomic_exchange_explicit(&cache->attention, NULL, memory_order_acquire);
    if (atomic_load_explicit(&cache->queued_large, memory_order_relaxed) != NULL)
        large = atomic_exchange_explicit(&cache->queued_large, NULL, memory_order_acquire);
    is_any = pool != NULL || large != NULL;
    while (pool != NULL) {
        struct tn_pool *next = pool->next_attention; /* before the flag is cleared */

        pool_attend(cache, pool, merge, arg);
        pool = next;
    }
    while (large != NULL) {
        struct tn_large *next = large->next_queued; /* before the object can die */

        merge(large + 1, arg);
        large = next;
    }
    return is_any;
}

/* ---- The budget ---- */

int tn_cache_charge(struct tn_cache *cache, size_t bytes)
{
    size_t missing;

    if (TN_LIKELY(cache->quota_bytes >= bytes)) {
        cache->quota_bytes -= bytes;
        return 0;
    }
    missing = bytes - cache->quota_bytes;
    if (tn_arenas_charge(cache->arenas, missing + QUOTA_STEP) == 0) {
        cache->quota_bytes = QUOTA_STEP;
        return 0;
    }
    if (tn_arenas_charge(cache->arenas, missing) < 0)
        return TN_ERR_LIMIT;
    cache->quota_bytes = 0;
    return 0;
}

void tn_cache_uncharge(struct tn_cache *cache, size_t bytes)
{
    cache->quota_bytes += bytes;
    if (cache->quota_bytes > 2 * QUOTA_STEP) {
        tn_arenas_uncharge(cache->arenas, cache->quota_bytes - QUOTA_STEP);
        cache->quota_bytes = QUOTA_STEP;
    }
}

void tn_cache_release_quota(struct tn_cache *cache)
{
    tn_arenas_uncharge(cache->arenas, cache->quota_bytes);
    cache->quota_bytes = 0;
}

void tn_cache_trim(struct tn_cache *cache)
{
    for (unsigned int kind = 0; kind < TN_KIND_END; kind++) {
        for (unsigned int i = 0; i < TN_SIZE_CLASSES; i++) {
            struct tn_bin *bin = &cache->bins[kind][i];
            struct tn_pool *pool = bin->current;

            tn_cache_spill_slow(cache, bin, 0);
            if (pool == NULL)
                continue;
            (void)pool_take_returned(pool);
            if (pool->n_used != 0 || !pool_is_left_alone(pool))
                continue;
            bin->current = NULL;
            pool_release(cache, pool);
        }
    }
    tn_cache_release_quota(cache);
}

void tn_cache_fini(struct tn_cache *cache)
{
    tn_cache_trim(cache);
    tn_large_free_all(cache);
    tn_mutex_fini(&cache->large_lock);
    free(cache->ready_stacks);
}
