/* SPDX-License-Identifier: MIT */
/*
 * Maps: what collectors know of containers, beside them and not in them.
 *
 * For every block of a pool of containers there is one bit in each map; a large
 * container has maps of one word. So collecting writes to few lines, and none of
 * them is one that counting or reading an object uses.
 *
 *   map      meaning                                     who writes it
 *   marked   reached from a root (mark.h)                anybody, atomically
 *   scanned  what it refers to need not be looked at     anybody, atomically
 *   young    born since the last young collection        the bearer of the owner
 *   middle   has survived one                            the bearer of the owner
 *   garbage  found unreachable; the collector has a      the bearer of the owner
 *            reference to it
 *
 * Between two collections `marked`, `scanned` and `garbage` are zero. The bit of a
 * block that is not in use may be anything in the others.
 */
#ifndef TN_CORE_MEMORY_MAPS_H
#define TN_CORE_MEMORY_MAPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"

enum tn_map {
    TN_MAP_MARKED,
    TN_MAP_SCANNED,
    TN_MAP_YOUNG,
    TN_MAP_MIDDLE,
    TN_MAP_GARBAGE,
    TN_MAP_END,
};

/*
 * In a pool of containers or a large container: its place in the queue of those
 * that have something marked and not scanned (object/mark.h).
 *
 *   state     meaning                                  who moves it on
 *   idle      not in the queue                         who marks a block: queued
 *   queued    in the queue                             the marker: scanning
 *   scanning  the marker looks at it                   who marks: again; marker: idle
 *   again     and has to look once more                the marker: scanning
 *   orphaned  a large container that was freed while   the marker frees its memory
 *             it was queued
 *
 * A pool that is not idle is not given away.
 */
enum tn_gray_state {
    TN_GRAY_IDLE,
    TN_GRAY_QUEUED,
    TN_GRAY_SCANNING,
    TN_GRAY_AGAIN,
    TN_GRAY_ORPHANED,
};

struct tn_gray {
    struct tn_gray *next;   /* [owner of `queued`] */
    _Atomic(uint8_t) state; /* [atomic] enum tn_gray_state */
    bool is_large;          /* [const] */
};

/* The bits of one block: those of map m are `bit` of first[m * stride]. */
struct tn_cell {
    _Atomic(uint64_t) *first;
    uint64_t bit;
    uint32_t stride;
    struct tn_gray *gray;
};

TN_ALWAYS_INLINE bool tn_cell_is_set(const struct tn_cell *cell, enum tn_map map)
{
    /* Acquire: who sees it scanned because it has died does not see it reused. */
    return (atomic_load_explicit(&cell->first[(uint32_t)map * cell->stride], memory_order_acquire) &
            cell->bit) != 0;
}

/* Sets a bit that others may set too. True if this call did. */
TN_ALWAYS_INLINE bool tn_cell_set(const struct tn_cell *cell, enum tn_map map)
{
    return !tn_cell_is_set(cell, map) &&
           (atomic_fetch_or_explicit(&cell->first[(uint32_t)map * cell->stride], cell->bit,
                                     memory_order_acq_rel) &
            cell->bit) == 0;
}

TN_ALWAYS_INLINE void tn_cell_clear(const struct tn_cell *cell, enum tn_map map)
{
    if (tn_cell_is_set(cell, map))
        atomic_fetch_and_explicit(&cell->first[(uint32_t)map * cell->stride], ~cell->bit,
                                  memory_order_acq_rel);
}

/* Writes a bit of a map that only the bearer of the block's owner writes. */
TN_ALWAYS_INLINE void tn_cell_put_owner(const struct tn_cell *cell, enum tn_map map, bool value)
{
    _Atomic(uint64_t) *word = &cell->first[(uint32_t)map * cell->stride];
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

    /* Relaxed: whoever else reads it has stopped the bearer, or only guesses. */
    atomic_store_explicit(word, value ? old | cell->bit : old & ~cell->bit, memory_order_relaxed);
}

#endif
