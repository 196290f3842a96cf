/* SPDX-License-Identifier: MIT */
#include "core/object/mark.h"

#include "core/base/yield.h"
#include "core/object/heap_internal.h"
#include "core/object/mutator.h"
#include "core/object/thread.h"

void tn_gray_push(struct tn_gray_queue *queue, struct tn_gray *gray)
{
    uint8_t state = atomic_load_explicit(&gray->state, memory_order_relaxed);
    struct tn_gray *top;
    uint8_t next;

    /* Acquires and releases: the marker's own exchange either comes later and
     * finds the bit that we have set, or earlier and then we push again. */
    do {
        if (state != TN_GRAY_IDLE && state != TN_GRAY_SCANNING)
            return;
        next = state == TN_GRAY_IDLE ? TN_GRAY_QUEUED : TN_GRAY_AGAIN;
    } while (!atomic_compare_exchange_weak_explicit(&gray->state, &state, next,
                                                    memory_order_acq_rel, memory_order_acquire));
    if (state == TN_GRAY_SCANNING)
        return;
    tn_yield();
    top = atomic_load_explicit(&queue->top, memory_order_relaxed);
    do
        gray->next = top;
    while (!atomic_compare_exchange_weak_explicit(&queue->top, &top, gray, memory_order_release,
                                                  memory_order_relaxed));
}

void tn_mark_shade(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_cell cell;

    if (!tn_heap_tracks(mu->heap, o))
        return;
    tn_publish(mu, o);
    cell = tn_cell_of(o);
    if (!tn_cell_set(&cell, TN_MAP_MARKED))
        return;
    tn_yield();
    tn_gray_push(&mu->heap->gray, cell.gray);
}

void tn_mark_write_slow(struct tn_mutator *mu, struct tn_object *old, struct tn_object *stored)
{
    uint8_t barrier = tn_bearer_barrier(mu);

    if (old != NULL && (barrier & TN_BARRIER_OLD) != 0)
        tn_mark_shade(mu, old);
    if (stored != NULL && (barrier & TN_BARRIER_NEW) != 0)
        tn_mark_shade(mu, stored);
}

void tn_mark_birth_slow(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_cell cell = tn_cell_of(o);
    uint8_t barrier = tn_bearer_barrier(mu);

    if ((barrier & TN_BARRIER_WHITE) != 0) {
        tn_cell_clear(&cell, TN_MAP_MARKED);
        tn_cell_clear(&cell, TN_MAP_SCANNED);
        return;
    }
    if ((barrier & TN_BARRIER_SWEEP) != 0 &&
        (cell.gray->is_large || tn_pool_of(o)->swept == mu->cache.sweep))
        return; /* its bits are zero, and nobody looks at them any more */
    /* In this order, so that it is not gray in between. */
    (void)tn_cell_set(&cell, TN_MAP_SCANNED);
    (void)tn_cell_set(&cell, TN_MAP_MARKED);
}

void tn_mark_death_slow(struct tn_mutator *mu, const struct tn_object *o)
{
    struct tn_cell cell;

    if (!tn_heap_tracks(mu->heap, o))
        return;
    cell = tn_cell_of(o);
    (void)tn_cell_set(&cell, TN_MAP_SCANNED);
}

void tn_root_visit(struct tn_mutator *mu, struct tn_object *o)
{
    tn_mark_shade(mu, o);
}

void tn_root_leave(struct tn_mutator *mu, struct tn_object *o)
{
    tn_mark_write(mu, o, NULL);
}
