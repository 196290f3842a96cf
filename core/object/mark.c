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

/* Whether the owner has swept the place of a container. Acquire: what it found there
 * has been taken out of weak references before. */
static bool is_swept(struct tn_mutator *mu, const struct tn_object *o, const struct tn_cell *cell)
{
    const _Atomic(uint32_t) *swept =
        cell->gray->is_large ? &tn_large_of(o)->swept : &tn_pool_of(o)->swept;

    return atomic_load_explicit(swept, memory_order_acquire) ==
           atomic_load_explicit(&mu->heap->sweep, memory_order_relaxed);
}

bool tn_mark_weak_read_slow(struct tn_mutator *mu, struct tn_object *o,
                            const _Atomic(struct tn_object *) *target)
{
    struct tn_cell cell;

    if (!tn_heap_tracks(mu->heap, o) || tn_is_dead(o))
        return true; /* as if there were no collector */
    cell = tn_cell_of(o);
    if (tn_cell_is_set(&cell, TN_MAP_MARKED))
        return true;
    if ((tn_bearer_barrier(mu) & TN_BARRIER_WEAK) != 0) {
        if (tn_cell_set(&cell, TN_MAP_MARKED)) {
            if (tn_is_dead(o)) /* since we looked: its block may be used again */
                (void)tn_cell_set(&cell, TN_MAP_SCANNED);
            else
                tn_gray_push(&mu->heap->gray, cell.gray);
        }
        return true;
    }
    /* Marked and swept looks like not marked, but for this. */
    return is_swept(mu, o, &cell) && atomic_load_explicit(target, memory_order_acquire) == o;
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
    if ((barrier & TN_BARRIER_SWEEP) != 0 && (cell.gray->is_large || is_swept(mu, o, &cell))) {
        /* Its bits are zero, and the sweep does not come by any more. */
        if (cell.gray->is_large)
            atomic_store_explicit(&tn_large_of(o)->swept, mu->cache.sweep, memory_order_relaxed);
        return;
    }
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
    /* In `prepare` somebody may still idle, who would leave the bit as it is when the
     * block is used again. Nobody marks then but those who are in `sync`, and they
     * have a reference: so the mark is seen by who drops the last one. */
    if ((tn_bearer_barrier(mu) & TN_BARRIER_OLD) == 0 && !tn_cell_is_set(&cell, TN_MAP_MARKED))
        return;
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
