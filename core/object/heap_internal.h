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
#include "core/object/mutator.h"
#include "core/object/names_internal.h"
#include "core/object/thread.h"

struct tn_heap {
    /* [const] */
    enum tn_mode mode;
    size_t max_backlog_bytes;
    struct tn_siphash_key hash_key;
    struct tn_siphash_key identity_key;
    struct tn_immortals *immortals; /* see type.h */

    struct tn_arenas arenas;
    struct tn_grace grace;
    struct tn_gil gil; /* mode gil */
    struct tn_namespaces namespaces;
    struct tn_events events;

    /* [lock]   threads_lock (TN_RANK_THREADS): who bears what */
    struct tn_mutex threads_lock;
    /* [atomic] grows only: a slot is filled (release) before n_mutators counts it
     * (release), and is never emptied before the heap is freed */
    _Atomic(struct tn_mutator *) mutators[TN_MUTATORS_MAX];
    _Atomic(uint32_t) n_mutators;

    /* The thread that waits for grace periods; not in mode gil. */
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

/* ---- reclaimer.c ---- */

/* Starts the heap's reclaimer. TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_reclaimer_start(struct tn_heap *heap);

/* Ends it. Nobody is online any more. */
void tn_reclaimer_stop(struct tn_heap *heap);

#endif
