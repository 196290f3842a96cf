/* SPDX-License-Identifier: MIT */
/* A heap's beginning and its end. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/memory/backing.h"
#include "core/memory/large.h"
#include "core/object/heap_internal.h"
#include "core/object/type.h"

enum tn_mode tn_heap_mode(const struct tn_heap *heap)
{
    return heap->mode;
}

size_t tn_heap_held_bytes(const struct tn_heap *heap)
{
    return atomic_load_explicit(&heap->arenas.held_bytes, memory_order_relaxed);
}

int tn_heap_new(const struct tn_heap_options *options, struct tn_heap **ret_heap)
{
    static const struct tn_heap_options defaults = { .mode = TN_MODE_BIASED };
    struct tn_heap *heap;
    int r;

    if (options == NULL)
        options = &defaults;
    if (options->max_memory_bytes != 0 && options->max_memory_bytes < TN_HEAP_BYTES_MIN)
        return TN_ERR_LIMIT;
    heap = tn_backing_alloc(sizeof(*heap), _Alignof(struct tn_heap), true);
    if (heap == NULL)
        return TN_ERR_NOMEM;
    heap->mode = options->mode;
    for (unsigned int type = TN_TYPE_FREE + 1; type < TN_TYPE_END; type++)
        heap->container_types |= (uint64_t)tn_types[type]->is_container << type;
    heap->max_backlog_bytes =
        options->max_backlog_bytes != 0 ? options->max_backlog_bytes : TN_BACKLOG_BYTES;
    tn_siphash_key_random(&heap->hash_key);
    tn_siphash_key_random(&heap->identity_key);
    tn_arenas_init(&heap->arenas,
                   options->max_memory_bytes != 0 ? options->max_memory_bytes : SIZE_MAX);
    tn_grace_init(&heap->grace);
    tn_gil_init(&heap->gil, options->switch_interval_ns != 0 ? options->switch_interval_ns
                                                             : TN_SWITCH_INTERVAL_NS);
    tn_namespaces_init(&heap->namespaces);
    tn_weakrefs_init(&heap->weakrefs);
    tn_events_init(&heap->events);
    tn_mutex_init(&heap->threads_lock, TN_RANK_THREADS);
    r = tn_immortals_new(&heap->hash_key, &heap->immortals);
    if (r == 0)
        r = tn_interned_new(&heap->interned);
    if (r == 0 && heap->mode != TN_MODE_GIL)
        r = tn_reclaimer_start(heap);
    if (r < 0) {
        (void)tn_heap_free(&heap); /* empty: nothing can be left */
        return r;
    }
    *ret_heap = heap;
    return 0;
}

/* ---- The end: the caller is the only thread left, and bears every mutator ---- */

static bool has_work(const struct tn_mutator *mu)
{
    return mu->dying != NULL || !tn_limbo_is_empty(&mu->limbo) ||
           tn_cache_needs_attention(&mu->cache);
}

/* Merges, destroys and frees until nothing is left to do. No reader is left, so
 * no grace period has to pass. */
static void work_off_all(struct tn_heap *heap)
{
    bool is_more;

    do {
        for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++) {
            struct tn_mutator *mu = tn_heap_mutator(heap, i);

            (void)tn_mutator_work(mu, SIZE_MAX);
            tn_mutator_drain_limbo(mu);
            tn_cache_flush(&mu->cache);
        }
        /* Only now: what one drops may have to be worked off by another. */
        is_more = false;
        for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
            is_more |= has_work(tn_heap_mutator(heap, i));
    } while (is_more);
}

struct object_array {
    struct tn_object **items; /* NULL: only count */
    size_t n;
};

static void collect_object(void *block, void *arg)
{
    struct object_array *array = arg;
    struct tn_object *o = block;

    if (o->type == TN_TYPE_FREE)
        return;
    if (array->items != NULL)
        array->items[array->n] = o;
    array->n++;
}

static void collect_pool(struct tn_pool *pool, void *arg)
{
    if (pool->kind == TN_KIND_BUFFER)
        return;
    for (uint32_t i = 0; i < pool->n_carved; i++)
        collect_object(tn_pool_block(pool, i), arg);
}

static void collect_all(struct tn_heap *heap, struct object_array *array)
{
    array->n = 0;
    tn_arenas_each_pool(&heap->arenas, collect_pool, array);
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        tn_large_each(&tn_heap_mutator(heap, i)->cache, collect_object, array);
}

/* Frees what nobody can reach and no count will ever free: members of cycles,
 * and what they and forgotten references hold. */
static void sweep(struct tn_heap *heap, size_t n_objs)
{
    struct tn_mutator *mu = tn_heap_mutator(heap, 0);
    struct object_array array = { .items = calloc(n_objs, sizeof(struct tn_object *)) };

    if (array.items == NULL)
        return; /* their buffers stay with the process */
    collect_all(heap, &array);
    TN_ASSERT(array.n == n_objs);
    /* One more reference for each, so that none dies while the others let go; published,
     * because nobody is left but this mutator, which may not be the owner. */
    for (size_t i = 0; i < n_objs; i++) {
        struct tn_object *o = array.items[i];

        if (mu->publishes && !tn_is_published(o) && !tn_is_immortal(o))
            atomic_store_explicit(&o->shared, TN_STATE_PUBLISHED, memory_order_relaxed);
        tn_incref(mu, o);
    }
    for (size_t i = 0; i < n_objs; i++) {
        const struct tn_type *type = tn_type_of(array.items[i]);
        size_t budget = SIZE_MAX;

        if (type->clear != NULL)
            (void)type->clear(mu, array.items[i], &budget); /* never short of such a budget */
    }
    for (size_t i = 0; i < n_objs; i++)
        tn_mutator_free_object(mu, array.items[i]);
    free(array.items);
    work_off_all(heap);
}

size_t tn_heap_free(struct tn_heap **heapp)
{
    struct tn_heap *heap = *heapp;
    struct object_array left = { 0 };

    if (heap == NULL)
        return 0;
    if (heap->collector != NULL)
        heap->collector->stop(heap);
    tn_reclaimer_stop(heap);
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        TN_ASSERT(heap->mode == TN_MODE_GIL || !tn_heap_mutator(heap, i)->is_borne);
    if (tn_heap_n_mutators(heap) > 0) {
        tn_namespaces_destroy(tn_heap_mutator(heap, 0));
        work_off_all(heap);
        collect_all(heap, &left);
        if (left.n > 0)
            sweep(heap, left.n);
        tn_interned_clear(tn_heap_mutator(heap, 0));
        work_off_all(heap);
    }
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        tn_cache_fini(&tn_heap_mutator(heap, i)->cache);
    tn_arenas_fini(&heap->arenas);
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++) {
        tn_event_ring_free(tn_heap_mutator(heap, i));
        tn_backing_free(tn_heap_mutator(heap, i), sizeof(struct tn_mutator),
                        _Alignof(struct tn_mutator));
    }
    tn_interned_free(&heap->interned);
    tn_immortals_free(&heap->immortals);
    tn_mutex_fini(&heap->threads_lock);
    tn_events_fini(&heap->events);
    tn_namespaces_fini(&heap->namespaces);
    tn_weakrefs_fini(&heap->weakrefs);
    tn_gil_fini(&heap->gil);
    tn_backing_free(heap, sizeof(*heap), _Alignof(struct tn_heap));
    *heapp = NULL;
    return left.n;
}
