/* SPDX-License-Identifier: MIT */
/* The heap itself: for core/ only. */
#ifndef TN_CORE_OBJECT_HEAP_INTERNAL_H
#define TN_CORE_OBJECT_HEAP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/siphash.h"
#include "core/base/sync.h"
#include "core/memory/arena.h"
#include "core/memory/grace.h"
#include "core/object/events.h"
#include "core/object/gil.h"
#include "core/object/mark.h"
#include "core/object/mutator.h"
#include "core/object/names_internal.h"
#include "core/object/thread.h"
#include "core/object/weakref_internal.h"

/* What a collector has to do with mutators and threads; installed by tn_gc_start()
 * before there are any. */
struct tn_collector_hooks {
    /* A mutator has been made or is taken over. Under threads_lock, offline. */
    void (*attach)(struct tn_mutator *mu);
    /* At a safe point, the bearer. `is_top`: the thread holds nothing but what its
     * roots hold. True if there is more to do right away. */
    bool (*safepoint)(struct tn_mutator *mu, size_t budget, bool is_top);
    /* See tn_thread_roots_came(). The bearer of the thread's mutator. */
    void (*roots_came)(struct tn_mutator *mu, struct tn_roots *roots);
    /* Ends the collector; all threads but its own are detached. */
    void (*stop)(struct tn_heap *heap);
};

struct tn_gc;

struct tn_heap {
    /* [const] */
    enum tn_mode mode;
    size_t max_backlog_bytes;
    struct tn_siphash_key hash_key;
    struct tn_siphash_key identity_key;
    struct tn_immortals *immortals; /* see type.h */
    struct tn_interned *interned;   /* see type.h */

    uint64_t container_types; /* a bit for each type that can refer to others */

    struct tn_arenas arenas;
    struct tn_grace grace;
    struct tn_gray_queue gray;
    /* [atomic] relaxed: the time by which names age; see tn_heap_set_time() */
    TN_CACHE_ALIGNED _Atomic(uint64_t) now_ms;
    /* [atomic] number of the newest sweep; raised by the collector before it is
     * announced, read by those who have answered */
    _Atomic(uint32_t) sweep;
    /* [atomic] number of the newest marking; raised by the collector before it is
     * announced, read by those who have answered */
    _Atomic(uint64_t) marking;
    struct tn_gil gil; /* mode gil */
    struct tn_namespaces namespaces;
    struct tn_weakrefs weakrefs;
    struct tn_events events;

    /* [lock]   threads_lock (TN_RANK_THREADS): who bears what */
    struct tn_mutex threads_lock;
    struct tn_thread *threads; /* that are attached */
    /* [atomic] grows only: a slot is filled (release) before n_mutators counts it
     * (release), and is never emptied before the heap is freed */
    _Atomic(struct tn_mutator *) mutators[TN_MUTATORS_MAX];
    _Atomic(uint32_t) n_mutators;

    /* The thread that waits for grace periods; not in mode gil. */
    /* [const]  from tn_gc_start() on, NULL without */
    const struct tn_collector_hooks *collector;
    struct tn_gc *gc;
    /* [const]  from tn_gc_start() on, but for what is the collector's: of no thread */
    struct tn_roots roots;
    /* [atomic] all mutators are to stop: whoever is online goes offline at its next
     * safe point, and nobody comes online. The collector's futex */
    _Atomic(uint32_t) is_stopped;

    pthread_t reclaimer;
    bool has_reclaimer;
    _Atomic(bool) reclaimer_must_stop;
};

static inline uint32_t tn_heap_n_mutators(const struct tn_heap *heap)
{
    return atomic_load_explicit(&heap->n_mutators, memory_order_acquire);
}

static inline struct tn_mutator *tn_heap_mutator(const struct tn_heap *heap, uint32_t i)
{
    return atomic_load_explicit(&heap->mutators[i], memory_order_acquire);
}

static inline bool tn_heap_is_container(const struct tn_heap *heap, unsigned int type)
{
    return (heap->container_types >> type & 1) != 0;
}

/* Whether the collectors know an object: a container, and not immortal. */
static inline bool tn_heap_tracks(const struct tn_heap *heap, const struct tn_object *o)
{
    return tn_heap_is_container(heap, o->type) && !tn_is_immortal(o);
}

static inline enum tn_block_kind tn_block_kind_of(const struct tn_heap *heap, unsigned int type)
{
    return tn_heap_is_container(heap, type) ? TN_KIND_CONTAINER : TN_KIND_LEAF;
}

/* The size class of an object's block of up to TN_SMALL_MAX bytes. */
static inline unsigned int tn_block_class(enum tn_block_kind kind, size_t block_bytes)
{
    if (kind == TN_KIND_CONTAINER && block_bytes < TN_CONTAINER_MIN)
        block_bytes = TN_CONTAINER_MIN;
    return tn_size_class(block_bytes);
}

/* ---- reclaimer.c ---- */

/* Starts the heap's reclaimer. TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_reclaimer_start(struct tn_heap *heap);

/* Ends it. Nobody is online any more. */
void tn_reclaimer_stop(struct tn_heap *heap);

#endif
