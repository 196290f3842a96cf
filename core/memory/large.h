/* SPDX-License-Identifier: MIT */
/*
 * Large blocks: more than TN_SMALL_MAX bytes, straight from the allocator below
 * and charged to the budget one by one. Those of objects have a header in front
 * that keeps them on a list of their cache's, so that walkers find them.
 */
#ifndef TN_CORE_MEMORY_LARGE_H
#define TN_CORE_MEMORY_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/memory/cache.h"
#include "core/memory/maps.h"

struct tn_large {
    /* [const] */
    struct tn_cache *owner; /* on whose list it is */
    size_t block_bytes;     /* without this header */
    /* [lock]   owner->large_lock */
    struct tn_large *next;
    struct tn_large *prev;
    /* among those that wait to be merged, which an object does at most once */
    struct tn_large *next_queued;
    bool is_container; /* [const] */
    struct tn_gray gray;
    _Atomic(uint64_t) maps[TN_MAP_END];
    uint64_t trial;                /* as those of pools */
    struct tn_large *next_garbage; /* [owner of the block] among its mutator's garbage */
    _Atomic(uint32_t) swept;       /* as those of pools */
    /* what follows is aligned to 16 bytes */
};

TN_ALWAYS_INLINE struct tn_large *tn_large_of(const void *block)
{
    return (struct tn_large *)(uintptr_t)block - 1;
}

/* The largest block, header and all. */
#define TN_LARGE_MAX ((size_t)1 << 40)

/* A block of an object. Its first eight bytes are zero. */
TN_MUST_CHECK int tn_large_object_alloc(struct tn_cache *cache, size_t bytes, bool is_container,
                                        void **ret_block);
/* By any mutator: `cache` is that of the one who frees. */
void tn_large_object_free(struct tn_cache *cache, void *block);

/* For the marker: frees the memory of a large container that it finds orphaned. */
void tn_large_free_orphan(struct tn_cache *cache, struct tn_large *large);

/* A buffer, zeroed if asked. The caller remembers its size. */
TN_MUST_CHECK int tn_large_buffer_alloc(struct tn_cache *cache, size_t bytes, bool zeroed,
                                        void **ret_block);
void tn_large_buffer_free(struct tn_cache *cache, void *block, size_t bytes);

/* As tn_pool_queue(), for a large object. */
void tn_large_queue(void *block);

/*
 * Walks the large objects of a cache beside others that free theirs: a walk begins
 * with tn_large_walk_begin(), and each call returns the next one or NULL. What was
 * allocated after the beginning is left out. What is returned may be dead, and may
 * be freed as soon as the caller passes a quiescent state. The bearer only.
 */
void tn_large_walk_begin(struct tn_cache *cache);
void *tn_large_walk_next(struct tn_cache *cache);

/* Calls `visit` with every large object of a cache. The heap is at rest. */
void tn_large_each(struct tn_cache *cache, void (*visit)(void *block, void *arg), void *arg);

/* Frees the blocks of all large objects of a cache. The heap is at rest. */
void tn_large_free_all(struct tn_cache *cache);

#endif
