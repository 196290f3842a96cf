/* SPDX-License-Identifier: MIT */
#include "core/object/thread.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/futex.h"
#include "core/base/rcu.h"
#include "core/memory/backing.h"
#include "core/object/heap_internal.h"
#include "core/object/names.h"

#define THREAD_MAGIC UINT32_C(0x74687264)

struct tn_thread {
    uint32_t magic; /* THREAD_MAGIC */
    bool is_online;
    struct tn_heap *heap;
    struct tn_mutator *mu; /* the one it bears when online */
    struct tn_roots roots; /* [owner] of the mutator */
    /* [lock]   heap->threads_lock: the list of all */
    struct tn_thread *next;
    struct tn_thread *prev;
};

/* The thread's own attachment: a thread is attached to one heap at a time. */
static _Thread_local struct tn_thread *attached;

static const char *const mode_names[] = {
    [TN_MODE_GIL] = "gil",
    [TN_MODE_ATOMIC] = "atomic",
    [TN_MODE_BIASED] = "biased",
};

const char *tn_mode_name(enum tn_mode mode)
{
    TN_ASSERT((size_t)mode < TN_ARRAY_LEN(mode_names));
    return mode_names[mode];
}

int tn_mode_from_name(const char *name, enum tn_mode *ret_mode)
{
    for (size_t i = 0; i < TN_ARRAY_LEN(mode_names); i++) {
        if (strcmp(name, mode_names[i]) == 0) {
            *ret_mode = (enum tn_mode)i;
            return 0;
        }
    }
    return TN_ERR_INVAL;
}

/* ---- Mutators ---- */

static void on_attention(struct tn_cache *owner)
{
    struct tn_mutator *mu = TN_CONTAINER_OF(owner, struct tn_mutator, cache);

    /* The second half of "push, then look". An owner at work sees to it at its
     * next safe point; for one that is not, we do. */
    if (atomic_load_explicit(&mu->state, memory_order_seq_cst) != TN_MUTATOR_OFFLINE ||
        !tn_mutator_claim(mu))
        return;
    tn_mutator_leave(mu);
}

/* What the modes differ in. */
static void stamp_births(struct tn_mutator *mu, enum tn_mode mode)
{
    mu->defers = mode != TN_MODE_GIL;
    mu->publishes = mode != TN_MODE_GIL;
    if (mode == TN_MODE_ATOMIC) {
        mu->birth_head = 0;
        mu->birth_shared = TN_SHARED_ONE | TN_STATE_MERGED;
    } else {
        mu->birth_head = (uint64_t)mu->bearer.id << 32 | 1;
        mu->birth_shared = TN_STATE_PRIVATE;
    }
}

static int mutator_new_locked(struct tn_heap *heap, struct tn_mutator **ret_mutator)
{
    uint32_t n = tn_heap_n_mutators(heap);
    struct tn_mutator *mu;

    if (n == TN_MUTATORS_MAX)
        return TN_ERR_TOO_MANY;
    mu = tn_backing_alloc(sizeof(*mu), _Alignof(struct tn_mutator), true);
    if (mu == NULL)
        return TN_ERR_NOMEM;
    mu->bearer.id = (uint16_t)(n + 1);
    mu->heap = heap;
    stamp_births(mu, heap->mode);
    if (tn_cache_init(&mu->cache, &heap->arenas, on_attention) < 0) {
        tn_backing_free(mu, sizeof(*mu), _Alignof(struct tn_mutator));
        return TN_ERR_NOMEM;
    }
    if (tn_event_ring_new(mu) < 0) {
        tn_cache_fini(&mu->cache);
        tn_backing_free(mu, sizeof(*mu), _Alignof(struct tn_mutator));
        return TN_ERR_NOMEM;
    }
    atomic_init(&mu->state, TN_MUTATOR_OFFLINE);
    if (heap->collector != NULL)
        heap->collector->attach(mu);
    atomic_store_explicit(&heap->mutators[n], mu, memory_order_release);
    atomic_store_explicit(&heap->n_mutators, n + 1, memory_order_release);
    *ret_mutator = mu;
    return 0;
}

static int mutator_take_locked(struct tn_heap *heap, struct tn_mutator **ret_mutator)
{
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++) {
        struct tn_mutator *mu = tn_heap_mutator(heap, i);

        if (heap->mode == TN_MODE_GIL || !mu->is_borne) {
            *ret_mutator = mu;
            return 0;
        }
    }
    return mutator_new_locked(heap, ret_mutator);
}

/* ---- Threads ---- */

static void link_locked(struct tn_heap *heap, struct tn_thread *thread)
{
    thread->next = heap->threads;
    if (heap->threads != NULL)
        heap->threads->prev = thread;
    heap->threads = thread;
}

static void unlink_locked(struct tn_heap *heap, struct tn_thread *thread)
{
    if (thread->next != NULL)
        thread->next->prev = thread->prev;
    if (thread->prev != NULL)
        thread->prev->next = thread->next;
    else
        heap->threads = thread->next;
}

void tn_thread_set_roots(struct tn_thread *thread, const struct tn_roots *roots)
{
    TN_DEBUG_ASSERT(thread == attached && thread->is_online);
    thread->roots = roots != NULL ? *roots : (struct tn_roots){ 0 };
    if (thread->heap->mode != TN_MODE_GIL)
        thread->mu->thread = roots != NULL ? thread : NULL;
}

void tn_thread_roots_came(struct tn_thread *thread)
{
    TN_DEBUG_ASSERT(thread == attached && thread->is_online);
    if (tn_roots_number(thread->mu) != 0)
        thread->heap->collector->roots_came(thread->mu, &thread->roots);
}

void tn_heap_set_roots(struct tn_heap *heap, const struct tn_roots *roots)
{
    TN_ASSERT(heap->collector == NULL);
    heap->roots = *roots;
}

struct tn_roots *tn_thread_roots(struct tn_thread *thread)
{
    return &thread->roots;
}

struct tn_thread *tn_thread_next_locked(struct tn_heap *heap, struct tn_thread *thread)
{
    return thread == NULL ? heap->threads : thread->next;
}

int tn_thread_attach(struct tn_heap *heap, struct tn_thread **ret_thread)
{
    struct tn_thread *thread;
    int r;

    TN_ASSERT(attached == NULL);
    thread = calloc(1, sizeof(*thread));
    if (thread == NULL)
        return TN_ERR_NOMEM;
    tn_mutex_lock(&heap->threads_lock);
    r = mutator_take_locked(heap, &thread->mu);
    if (r == 0) {
        thread->mu->is_borne = true;
        link_locked(heap, thread);
    }
    tn_mutex_unlock(&heap->threads_lock);
    if (r < 0) {
        free(thread);
        return r;
    }
    thread->magic = THREAD_MAGIC;
    thread->heap = heap;
    if (heap->mode != TN_MODE_GIL) {
        tn_rcu_register();
        tn_rcu_offline();
    }
    attached = thread;
    *ret_thread = thread;
    return 0;
}

void tn_thread_detach(struct tn_thread **threadp)
{
    struct tn_thread *thread = *threadp;

    if (thread == NULL)
        return;
    TN_ASSERT(thread->magic == THREAD_MAGIC && thread == attached && !thread->is_online);
    (void)tn_thread_online(thread);
    while (thread->mu->dying != NULL)
        (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
    tn_thread_set_roots(thread, NULL);
    tn_thread_offline(thread);
    if (thread->heap->mode != TN_MODE_GIL)
        tn_rcu_unregister();
    tn_mutex_lock(&thread->heap->threads_lock);
    unlink_locked(thread->heap, thread);
    if (thread->heap->mode != TN_MODE_GIL)
        thread->mu->is_borne = false;
    tn_mutex_unlock(&thread->heap->threads_lock);
    attached = NULL;
    thread->magic = 0;
    free(thread);
    *threadp = NULL;
}

/* A collector has stopped all mutators, or is about to: whoever comes online just
 * then waits in tn_mutator_enter(), because it is claimed. Offline. */
static void wait_while_stopped(struct tn_heap *heap)
{
    while (TN_UNLIKELY(atomic_load_explicit(&heap->is_stopped, memory_order_acquire) != 0))
        tn_futex_wait(&heap->is_stopped, 1, TN_FUTEX_FOREVER);
}

struct tn_mutator *tn_thread_online(struct tn_thread *thread)
{
    TN_ASSERT(thread->magic == THREAD_MAGIC);
    TN_DEBUG_ASSERT(thread == attached && !thread->is_online);
    if (thread->heap->mode == TN_MODE_GIL) {
        tn_gil_acquire(&thread->heap->gil, thread);
    } else {
        wait_while_stopped(thread->heap);
        tn_rcu_online();
        tn_mutator_enter(thread->mu);
    }
    thread->is_online = true;
    return thread->mu;
}

void tn_thread_offline(struct tn_thread *thread)
{
    TN_DEBUG_ASSERT(thread == attached && thread->is_online);
    thread->is_online = false;
    if (thread->heap->mode == TN_MODE_GIL) {
        tn_events_announce(thread->mu);
        tn_gil_release(&thread->heap->gil);
        return;
    }
    tn_mutator_leave(thread->mu);
    tn_rcu_offline();
}

struct tn_mutator *tn_thread_mutator(struct tn_thread *thread)
{
    TN_DEBUG_ASSERT(thread->is_online);
    return thread->mu;
}

/* Blocks until the batch that waits in limbo can be freed, and frees it. What
 * was retired meanwhile is the batch that waits afterwards. */
static void wait_for_grace(struct tn_thread *thread)
{
    uint64_t grace = thread->mu->limbo.waiting.grace;

    /* The mutator stays ours: only the read section ends. */
    tn_rcu_offline();
    tn_grace_wait(&thread->heap->grace, grace);
    tn_rcu_online();
    tn_mutator_turn_limbo(thread->mu, SIZE_MAX);
}

/* Lets a collector have the mutator that has asked for all of them. */
static TN_NOINLINE void stop_here(struct tn_thread *thread)
{
    tn_thread_offline(thread);
    (void)tn_thread_online(thread);
}

static bool safepoint(struct tn_thread *thread, size_t budget, bool is_top)
{
    const struct tn_collector_hooks *collector = thread->heap->collector;
    struct tn_mutator *mu = thread->mu;
    bool is_more;

    TN_DEBUG_ASSERT(thread == attached && thread->is_online);
    if (thread->heap->mode == TN_MODE_GIL) {
        is_more = tn_mutator_work(mu, budget);
        if (collector != NULL)
            is_more |= collector->safepoint(mu, budget, is_top);
        tn_gil_checkpoint(&thread->heap->gil, thread);
        return is_more;
    }
    tn_rcu_quiescent();
    if (TN_UNLIKELY(atomic_load_explicit(&thread->heap->is_stopped, memory_order_relaxed) != 0))
        stop_here(thread);
    is_more = tn_mutator_work(mu, budget);
    if (collector != NULL)
        is_more |= collector->safepoint(mu, budget, is_top);
    /* Who makes garbage faster than grace periods pass waits for them. */
    while (TN_UNLIKELY((size_t)atomic_load_explicit(&mu->limbo.bytes, memory_order_relaxed) >
                       thread->heap->max_backlog_bytes) &&
           !tn_limbo_batch_is_empty(&mu->limbo.waiting))
        wait_for_grace(thread);
    return is_more;
}

bool tn_thread_safepoint(struct tn_thread *thread, size_t budget)
{
    return safepoint(thread, budget, true);
}

bool tn_thread_breathe(struct tn_thread *thread, size_t budget)
{
    return safepoint(thread, budget, false);
}

/* Works off all that others left behind, as far as they are not at work. */
static void reclaim_offline(struct tn_heap *heap)
{
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++) {
        struct tn_mutator *mu = tn_heap_mutator(heap, i);

        if (!tn_mutator_claim(mu))
            continue;
        (void)tn_mutator_work(mu, SIZE_MAX);
        tn_cache_trim(&mu->cache);
        tn_mutator_leave(mu);
    }
}

size_t tn_thread_reclaim(struct tn_thread *thread)
{
    struct tn_heap *heap = thread->heap;
    struct tn_mutator *mu = thread->mu;
    size_t before = atomic_load_explicit(&heap->arenas.held_bytes, memory_order_relaxed);
    size_t after;

    (void)tn_thread_breathe(thread, SIZE_MAX);
    if (heap->mode != TN_MODE_GIL) {
        while (mu->dying != NULL || !tn_limbo_is_empty(&mu->limbo)) {
            (void)tn_mutator_work(mu, SIZE_MAX);
            if (!tn_limbo_batch_is_empty(&mu->limbo.waiting))
                wait_for_grace(thread);
        }
        reclaim_offline(heap);
    }
    tn_cache_trim(&mu->cache);
    tn_arenas_trim(&heap->arenas);
    after = atomic_load_explicit(&heap->arenas.held_bytes, memory_order_relaxed);
    return before > after ? before - after : 0;
}
