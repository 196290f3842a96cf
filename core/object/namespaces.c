/* SPDX-License-Identifier: MIT */
/*
 * The namespaces of a heap: a list that only grows, so that it is read without a
 * lock. A namespace lies in one block with its 64 shards. The block is charged
 * to the budget, but is not among the live bytes: it lives as long as the heap.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/memory/large.h"
#include "core/object/heap_internal.h"
#include "core/object/names.h"
#include "core/object/names_internal.h"

void tn_namespaces_init(struct tn_namespaces *namespaces)
{
    atomic_init(&namespaces->newest, NULL);
    tn_mutex_init(&namespaces->lock, TN_RANK_NAMESPACES);
    namespaces->n_namespaces = 0;
}

void tn_namespaces_fini(struct tn_namespaces *namespaces)
{
    TN_ASSERT(atomic_load_explicit(&namespaces->newest, memory_order_relaxed) == NULL);
    tn_mutex_fini(&namespaces->lock);
}

static struct tn_namespace *namespaces_newest(const struct tn_namespaces *namespaces)
{
    /* Pairs with the release in namespaces_add_locked(): it is seen whole. */
    return atomic_load_explicit(&namespaces->newest, memory_order_acquire);
}

static struct tn_namespace *namespaces_find(const struct tn_namespaces *namespaces,
                                            struct tn_slice name)
{
    struct tn_namespace *ns = namespaces_newest(namespaces);

    while (ns != NULL && !tn_slice_equal(TN_SLICE(ns->name, ns->name_len), name))
        ns = ns->next;
    return ns;
}

static int namespace_new(struct tn_mutator *mu, struct tn_slice name,
                         struct tn_namespace **ret_namespace)
{
    /* Large blocks are aligned to 16 bytes only. */
    const uintptr_t mask = _Alignof(struct tn_namespace) - 1;
    size_t block_bytes = sizeof(struct tn_namespace) + mask + name.len;
    struct tn_namespace *ns;
    void *block;
    int r = tn_large_buffer_alloc(&mu->cache, block_bytes, true, &block);

    if (r < 0)
        return r;
    ns = (struct tn_namespace *)(((uintptr_t)block + mask) & ~mask);
    ns->block = block;
    ns->block_bytes = block_bytes;
    for (uint32_t i = 0; i < TN_NAME_SHARDS; i++) {
        ns->shards[i].index.stagger = i % TN_FLAT_STAGGERS;
        tn_mutex_init(&ns->shards[i].lock, TN_RANK_SHARD);
    }
    tn_siphash_key_random(&ns->hash_key);
    ns->name_len = name.len;
    memcpy(ns->name, name.data, name.len);
    *ret_namespace = ns;
    return 0;
}

static int namespaces_add_locked(struct tn_mutator *mu, struct tn_namespaces *namespaces,
                                 struct tn_slice name, struct tn_namespace **ret_namespace)
{
    struct tn_namespace *ns;
    int r;

    if (namespaces->n_namespaces == TN_NAMESPACES_MAX)
        return TN_ERR_TOO_MANY;
    r = namespace_new(mu, name, &ns);
    if (r < 0)
        return r;
    ns->next = namespaces_newest(namespaces);
    namespaces->n_namespaces++;
    /* Pairs with the acquire in namespaces_newest(). */
    atomic_store_explicit(&namespaces->newest, ns, memory_order_release);
    *ret_namespace = ns;
    return 0;
}

int tn_namespace_open(struct tn_mutator *mu, struct tn_slice name,
                      struct tn_namespace **ret_namespace)
{
    struct tn_namespaces *namespaces = &mu->heap->namespaces;
    struct tn_namespace *ns;
    int r = 0;

    if (name.len == 0 || name.len > TN_NAME_BYTES_MAX)
        return TN_ERR_INVAL;
    ns = namespaces_find(namespaces, name);
    if (ns == NULL) {
        tn_mutex_lock(&namespaces->lock);
        ns = namespaces_find(namespaces, name);
        if (ns == NULL)
            r = namespaces_add_locked(mu, namespaces, name, &ns);
        tn_mutex_unlock(&namespaces->lock);
    }
    if (r == 0)
        *ret_namespace = ns;
    return r;
}

void tn_namespaces_each(struct tn_heap *heap,
                        void (*visit)(struct tn_slice name, uint64_t n_names, void *arg), void *arg)
{
    for (struct tn_namespace *ns = namespaces_newest(&heap->namespaces); ns != NULL;
         ns = ns->next) {
        uint64_t n_names = 0;

        for (size_t i = 0; i < TN_NAME_SHARDS; i++)
            n_names += atomic_load_explicit(&ns->shards[i].n_names, memory_order_relaxed);
        visit(TN_SLICE(ns->name, ns->name_len), n_names, arg);
    }
}

void tn_namespaces_destroy(struct tn_mutator *mu)
{
    struct tn_namespaces *namespaces = &mu->heap->namespaces;
    struct tn_namespace *ns = namespaces_newest(namespaces);

    /* Relaxed: nobody else is left. */
    atomic_store_explicit(&namespaces->newest, NULL, memory_order_relaxed);
    namespaces->n_namespaces = 0;
    while (ns != NULL) {
        struct tn_namespace *next = ns->next;

        for (size_t i = 0; i < TN_NAME_SHARDS; i++)
            tn_name_shard_destroy(mu, ns, &ns->shards[i]);
        tn_large_buffer_free(&mu->cache, ns->block, ns->block_bytes);
        ns = next;
    }
}
