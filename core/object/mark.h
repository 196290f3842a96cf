/* SPDX-License-Identifier: MIT */
/*
 * Marks: what mutators do for a collector that marks beside them.
 *
 * While a collector marks, a mutator shades (marks, and queues for the collector)
 * what it overwrites, so that everything that was reachable when marking began
 * is found in the end: a snapshot at the beginning (T. Yuasa, 1990). For a while
 * before that it also shades what it stores, because the others learn of the
 * beginning one by one (D. Doligez, G. Gonthier, 1994). gc/README.md has the whole
 * argument; which of this a mutator does is in its `barrier`:
 *
 *   phase    shades old  shades new  says who dies  new objects are
 *   idle     -           -           -              left alone: their bits are zero
 *   prepare  -           -           if marked      white: bits are cleared
 *   sync     yes         yes         yes            white
 *   mark     yes         -           yes            black: marked and scanned
 *   close    yes         -           yes            black
 *   settle   -           -           -              black
 *   sweep    -           -           -              black in pools that are not swept yet
 *
 * Before anybody marks anything, all know that the bits of blocks matter that are
 * freed and used again: hence `prepare`. And before anybody clears bits, nobody sets
 * any more: hence `settle`.
 * What is shaded is published first, so the collector only ever looks at published
 * objects (in mode gil it looks under the lock).
 *
 * Invariant: what is gray (marked and not scanned) was alive when it became so,
 * and becomes scanned when it dies (tn_mark_death), which comes before its grace
 * period. So a collector that sees a gray block in a read section sees it whole
 * until that section ends, and keeps no reference to an object beyond it: its
 * queue holds pools (as in Go's Green Tea, 2025), and those are not given away
 * while they are in it.
 */
#ifndef TN_CORE_OBJECT_MARK_H
#define TN_CORE_OBJECT_MARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/memory/large.h"
#include "core/memory/maps.h"
#include "core/memory/pool.h"
#include "core/object/object.h"
#include "core/object/refcount.h"

/* In tn_bearer.barrier. */
#define TN_BARRIER_OLD UINT8_C(1)    /* shade what is overwritten or let go */
#define TN_BARRIER_NEW UINT8_C(2)    /* shade what is stored */
#define TN_BARRIER_WHITE UINT8_C(4)  /* births clear their bits */
#define TN_BARRIER_BLACK UINT8_C(8)  /* births set their bits */
#define TN_BARRIER_SWEEP UINT8_C(16) /* births set their bits in pools not yet swept */
#define TN_BARRIER_DEATH UINT8_C(32) /* the dead are said to be scanned */

#define TN_BARRIER_WEAK UINT8_C(64)    /* weak reads shade what they return */
#define TN_BARRIER_CLOSED UINT8_C(128) /* weak reads return nothing that is not marked */

#define TN_BARRIER_BIRTHS (TN_BARRIER_WHITE | TN_BARRIER_BLACK | TN_BARRIER_SWEEP)

/* Pools and large containers that have something gray: pushed by anybody, taken
 * whole by the collector. */
struct tn_gray_queue {
    TN_CACHE_ALIGNED _Atomic(struct tn_gray *) top;
};

/* The collectors' bits of a container's block. */
TN_ALWAYS_INLINE struct tn_cell tn_cell_of(const struct tn_object *o)
{
    struct tn_pool *pool;
    uint32_t i;

    if (TN_UNLIKELY((atomic_load_explicit(&o->bits, memory_order_relaxed) & TN_BIT_LARGE) != 0)) {
        struct tn_large *large = tn_large_of(o);

        return (struct tn_cell){ large->maps, 1, 1, &large->gray };
    }
    pool = tn_pool_of(o);
    i = tn_pool_index(pool, o);
    return (struct tn_cell){ &pool->maps[0][i / 64], UINT64_C(1) << i % 64, TN_POOL_MAP_WORDS,
                             &pool->gray };
}

/* Whether an object is dead, as anybody who may look at it sees it. */
TN_ALWAYS_INLINE bool tn_is_dead(const struct tn_object *o)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_acquire);

    return (shared & TN_STATE_MASK) == TN_STATE_MERGED && shared >> 2 <= 0;
}

/* Puts what has something gray into the queue, if it is not there. Lock-free. */
void tn_gray_push(struct tn_gray_queue *queue, struct tn_gray *gray);

/* The slow halves of what follows. */
void tn_mark_write_slow(struct tn_mutator *mu, struct tn_object *old, struct tn_object *stored);
void tn_mark_birth_slow(struct tn_mutator *mu, struct tn_object *o);
void tn_mark_death_slow(struct tn_mutator *mu, const struct tn_object *o);

/* The barrier: `old` is taken out of a slot or a root, `stored` is put in. Either
 * may be NULL. The caller has a reference to each, or knows who has. */
TN_ALWAYS_INLINE void tn_mark_write(struct tn_mutator *mu, struct tn_object *old,
                                    struct tn_object *stored)
{
    if (TN_UNLIKELY((tn_bearer_barrier(mu) & (TN_BARRIER_OLD | TN_BARRIER_NEW)) != 0))
        tn_mark_write_slow(mu, old, stored);
}

/* A container's block is about to become an object. Its header is not written yet,
 * but for the bit that says that it is large. */
TN_ALWAYS_INLINE void tn_mark_birth(struct tn_mutator *mu, struct tn_object *o)
{
    if (TN_UNLIKELY((tn_bearer_barrier(mu) & TN_BARRIER_BIRTHS) != 0))
        tn_mark_birth_slow(mu, o);
}

/* A container has died and is about to be buried. */
TN_ALWAYS_INLINE void tn_mark_death(struct tn_mutator *mu, const struct tn_object *o)
{
    if (TN_UNLIKELY((tn_bearer_barrier(mu) & TN_BARRIER_DEATH) != 0))
        tn_mark_death_slow(mu, o);
}

/*
 * A weak reference (what refers to an object without counting it) has been read:
 * whether the object may be given out, borrowed. It was no root when marking began,
 * so until marking ends it is shaded; and when it has ended, what is not marked
 * counts as dead, for its owner is about to find it or has found it already.
 * `target` is where the reference was read: what an owner has found is taken out of
 * it before its pool counts as swept. In a read section; `o` may be dying.
 */
bool tn_mark_weak_read_slow(struct tn_mutator *mu, struct tn_object *o,
                            const _Atomic(struct tn_object *) *target);

TN_ALWAYS_INLINE bool tn_mark_weak_read(struct tn_mutator *mu, struct tn_object *o,
                                        const _Atomic(struct tn_object *) *target)
{
    return TN_LIKELY((tn_bearer_barrier(mu) & (TN_BARRIER_WEAK | TN_BARRIER_CLOSED)) == 0) ||
           tn_mark_weak_read_slow(mu, o, target);
}

/* Marks an object, any type, and queues what it refers to. It is alive. */
void tn_mark_shade(struct tn_mutator *mu, struct tn_object *o);

#endif
