/* SPDX-License-Identifier: MIT */
#include "bench/handover.h"

#include <pthread.h>

#include "core/base/futex.h"

/* Looks at the other side's index before a waiter passes a safe point. */
#define SPINS 64

/* Rounds come one after another, so one ring at a time is enough. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bench_handover *ring;
static unsigned int n_joined;

void bench_handover_join(struct bench_worker *w)
{
    pthread_mutex_lock(&lock);
    if (n_joined++ == 0)
        ring = bench_alloc(sizeof(*ring));
    w->state = ring;
    pthread_mutex_unlock(&lock);
}

void bench_handover_leave(struct bench_worker *w)
{
    pthread_mutex_lock(&lock);
    w->state = NULL;
    if (--n_joined == 0) {
        bench_free(ring);
        ring = NULL;
    }
    pthread_mutex_unlock(&lock);
}

/* Lets the other side work for a moment. */
static void wait_a_moment(struct bench_worker *w)
{
    bool is_locked = w->thread != NULL && w->c->mode == TN_MODE_GIL;

    if (is_locked)
        tn_thread_offline(w->thread);
    for (unsigned int i = 0; i < SPINS; i++)
        tn_cpu_relax();
    if (is_locked)
        w->mu = tn_thread_online(w->thread);
    else if (w->thread != NULL)
        (void)tn_thread_safepoint(w->thread, TN_WORK_BUDGET);
}

size_t bench_handover_wait_room(struct bench_handover *handover, struct bench_worker *w, size_t n)
{
    /* Only the producer writes it. */
    size_t n_pushed = atomic_load_explicit(&handover->n_pushed, memory_order_relaxed);

    while (handover->popped_seen + BENCH_HANDOVER_SLOTS < n_pushed + n) {
        size_t n_popped = handover->popped_seen;

        /* Acquire: the consumer has read the slots that are ours again. */
        handover->popped_seen = atomic_load_explicit(&handover->n_popped, memory_order_acquire);
        if (handover->popped_seen != n_popped)
            continue;
        if (bench_worker_must_stop(w))
            return 0;
        wait_a_moment(w);
    }
    return n;
}

void bench_handover_push(struct bench_handover *handover, void *const *items, size_t n)
{
    size_t n_pushed = atomic_load_explicit(&handover->n_pushed, memory_order_relaxed);

    for (size_t i = 0; i < n; i++)
        handover->slots[(n_pushed + i) % BENCH_HANDOVER_SLOTS] = items[i];
    atomic_store_explicit(&handover->n_pushed, n_pushed + n, memory_order_release);
}

/* Takes up to `n` of what is known to be there. */
static size_t take(struct bench_handover *handover, void **items, size_t n)
{
    size_t n_popped = atomic_load_explicit(&handover->n_popped, memory_order_relaxed);
    size_t n_there = handover->pushed_seen - n_popped;

    n = n < n_there ? n : n_there;
    for (size_t i = 0; i < n; i++)
        items[i] = handover->slots[(n_popped + i) % BENCH_HANDOVER_SLOTS];
    atomic_store_explicit(&handover->n_popped, n_popped + n, memory_order_release);
    return n;
}

size_t bench_handover_pop(struct bench_handover *handover, struct bench_worker *w, void **items,
                          size_t n)
{
    while (handover->pushed_seen ==
           atomic_load_explicit(&handover->n_popped, memory_order_relaxed)) {
        size_t n_pushed = handover->pushed_seen;

        /* Acquire: the slots are seen as the producer filled them. */
        handover->pushed_seen = atomic_load_explicit(&handover->n_pushed, memory_order_acquire);
        if (handover->pushed_seen != n_pushed)
            continue;
        if (bench_worker_must_stop(w))
            return 0;
        wait_a_moment(w);
    }
    return take(handover, items, n);
}

size_t bench_handover_drain(struct bench_handover *handover, void **items)
{
    handover->pushed_seen = atomic_load_explicit(&handover->n_pushed, memory_order_acquire);
    return take(handover, items, BENCH_HANDOVER_BATCH);
}
