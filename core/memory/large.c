/* SPDX-License-Identifier: MIT */
#include "core/memory/large.h"

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/memory/backing.h"

#define LARGE_ALIGNMENT ((size_t)16)

_Static_assert(sizeof(struct tn_large) % LARGE_ALIGNMENT == 0, "objects are aligned");

static int large_alloc(struct tn_cache *cache, size_t bytes, bool zeroed, void **ret_block)
{
    void *block;
    int r;

    if (bytes > TN_LARGE_MAX)
        return TN_ERR_TOO_BIG;
    r = tn_cache_charge(cache, bytes);
    if (r < 0)
        return r;
    block = tn_backing_alloc(bytes, LARGE_ALIGNMENT, zeroed);
    if (block == NULL) {
        tn_cache_uncharge(cache, bytes);
        return TN_ERR_NOMEM;
    }
    *ret_block = block;
    return 0;
}

static void large_free(struct tn_cache *cache, void *block, size_t bytes)
{
    tn_backing_free(block, bytes, LARGE_ALIGNMENT);
    tn_cache_uncharge(cache, bytes);
}

int tn_large_buffer_alloc(struct tn_cache *cache, size_t bytes, bool zeroed, void **ret_block)
{
    return large_alloc(cache, bytes, zeroed, ret_block);
}

void tn_large_buffer_free(struct tn_cache *cache, void *block, size_t bytes)
{
    large_free(cache, block, bytes);
}

int tn_large_object_alloc(struct tn_cache *cache, size_t bytes, bool is_container, void **ret_block)
{
    struct tn_large *large;
    void *block;
    int r = large_alloc(cache, bytes + sizeof(*large), false, &block);

    if (r < 0)
        return r;
    large = block;
    *large = (struct tn_large){
        .owner = cache,
        .block_bytes = bytes,
        .is_container = is_container,
        .gray = { .is_large = true },
    };
    *(uint64_t *)(void *)(large + 1) = 0;
    tn_mutex_lock(&cache->large_lock);
    large->next = cache->large;
    if (cache->large != NULL)
        cache->large->prev = large;
    cache->large = large;
    tn_mutex_unlock(&cache->large_lock);
    *ret_block = large + 1;
    return 0;
}

void tn_large_object_free(struct tn_cache *cache, void *block)
{
    struct tn_large *large = tn_large_of(block);
    struct tn_cache *owner = large->owner;

    tn_mutex_lock(&owner->large_lock);
    if (owner->large_walk == large)
        owner->large_walk = large->next;
    if (large->next != NULL)
        large->next->prev = large->prev;
    if (large->prev != NULL)
        large->prev->next = large->next;
    else
        owner->large = large->next;
    tn_mutex_unlock(&owner->large_lock);
    /* Queued for the marker, it is the marker's to free. It is not being scanned:
     * that would be in a read section that has seen it alive. */
    if (atomic_exchange_explicit(&large->gray.state, TN_GRAY_ORPHANED, memory_order_acq_rel) ==
        TN_GRAY_IDLE)
        tn_large_free_orphan(cache, large);
}

void tn_large_free_orphan(struct tn_cache *cache, struct tn_large *large)
{
    large_free(cache, large, large->block_bytes + sizeof(*large));
}

void tn_large_queue(void *block)
{
    struct tn_large *large = tn_large_of(block);
    struct tn_cache *owner = large->owner;
    struct tn_large *top = atomic_load_explicit(&owner->queued_large, memory_order_relaxed);

    /* As in attention_push(). */
    do
        large->next_queued = top;
    while (!atomic_compare_exchange_weak_explicit(&owner->queued_large, &top, large,
                                                  memory_order_seq_cst, memory_order_relaxed));
    owner->on_attention(owner);
}

void tn_large_walk_begin(struct tn_cache *cache)
{
    tn_mutex_lock(&cache->large_lock);
    cache->large_walk = cache->large;
    tn_mutex_unlock(&cache->large_lock);
}

void *tn_large_walk_next(struct tn_cache *cache)
{
    struct tn_large *large;

    tn_mutex_lock(&cache->large_lock);
    large = cache->large_walk;
    if (large != NULL)
        cache->large_walk = large->next;
    tn_mutex_unlock(&cache->large_lock);
    return large == NULL ? NULL : large + 1;
}

void tn_large_each(struct tn_cache *cache, void (*visit)(void *block, void *arg), void *arg)
{
    for (struct tn_large *large = cache->large; large != NULL; large = large->next)
        visit(large + 1, arg);
}

void tn_large_free_all(struct tn_cache *cache)
{
    while (cache->large != NULL)
        tn_large_object_free(cache, cache->large + 1);
    tn_cache_release_quota(cache);
}
