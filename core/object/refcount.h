/* SPDX-License-Identifier: MIT */
/*
 * References: who counts them, and when an object dies.
 *
 * The fast path is one and the same in all modes: if the owner is me, add to
 * `local` with plain stores; else add to `shared` atomically. The modes differ
 * in what is stamped at birth (mutator.h): `gil` stamps the one mutator that
 * all threads bear in turn, `atomic` stamps nobody, `biased` the allocating one.
 *
 * Invariants
 *  - True count = local + (shared >> 2); it is never below zero.
 *  - An object that another mutator can find is not private.
 *  - A queued object has one reference that belongs to the queue: the one whose
 *    drop would have taken `shared` below zero. So a queued object is alive.
 *  - Merged and count 0 is dead for ever; the links of dead objects are kept in
 *    `shared` as negative counts, which are dead just the same.
 *  - TN_LOCAL_IMMORTAL in `local` ends all counting.
 *
 * Biased counting: J. Choi, T. Shull, J. Torrellas, Biased Reference Counting
 * (PACT 2018). The queue that takes over a reference: CPython's PEP 703.
 * Everything here is wait-free for the owner and lock-free for the others.
 */
#ifndef TN_CORE_OBJECT_REFCOUNT_H
#define TN_CORE_OBJECT_REFCOUNT_H

#include "core/base/attr.h"
#include "core/base/check.h"
#include "core/object/object.h"

/* What every function below needs of a mutator; its first member. */
struct tn_bearer {
    uint16_t id;     /* [const] 1... */
    uint8_t barrier; /* [owner] TN_BARRIER_*, see mark.h */
};

TN_ALWAYS_INLINE uint16_t tn_bearer_id(const struct tn_mutator *mu)
{
    return ((const struct tn_bearer *)(const void *)mu)->id;
}

TN_ALWAYS_INLINE uint8_t tn_bearer_barrier(const struct tn_mutator *mu)
{
    return ((const struct tn_bearer *)(const void *)mu)->barrier;
}

TN_ALWAYS_INLINE bool tn_is_immortal(const struct tn_object *o)
{
    return atomic_load_explicit(&o->local, memory_order_relaxed) == TN_LOCAL_IMMORTAL;
}

/* True if `mu` is the owner, so that `local` is its to write. */
TN_ALWAYS_INLINE bool tn_is_owner(const struct tn_mutator *mu, const struct tn_object *o)
{
    return atomic_load_explicit(&o->owner, memory_order_relaxed) == tn_bearer_id(mu);
}

/*
 * Takes one more reference to an object that the caller holds or borrows from
 * somebody who holds it for as long as this call lasts.
 */
TN_ALWAYS_INLINE void tn_incref(struct tn_mutator *mu, struct tn_object *o)
{
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed);

    if (TN_LIKELY(tn_is_owner(mu, o))) {
        local++;
        if (TN_LIKELY(local != 0)) /* immortal by saturation stays so */
            atomic_store_explicit(&o->local, local, memory_order_relaxed);
        return;
    }
    if (local == TN_LOCAL_IMMORTAL)
        return;
    /* Relaxed: whoever has a reference to copy already sees the object. */
    atomic_fetch_add_explicit(&o->shared, TN_SHARED_ONE, memory_order_relaxed);
}

/* The out-of-line half of tn_decref(). */
void tn_decref_slow(struct tn_mutator *mu, struct tn_object *o);

/*
 * Gives one reference back. The object may be dead afterwards: if nobody else
 * could have found it, its memory may be reused at once. Never allocates, never
 * fails; what dies is worked off at safe points.
 */
TN_ALWAYS_INLINE void tn_decref(struct tn_mutator *mu, struct tn_object *o)
{
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed);

    /* One comparison for "not the last one" and "not immortal". */
    if (TN_LIKELY(tn_is_owner(mu, o) && local - 2 < TN_LOCAL_IMMORTAL - 2))
        atomic_store_explicit(&o->local, local - 1, memory_order_relaxed);
    else
        tn_decref_slow(mu, o);
}

/* tn_decref() of what `*op` refers to, if anything; leaves NULL behind. */
static inline void tn_drop(struct tn_mutator *mu, struct tn_object **op)
{
    if (*op != NULL)
        tn_decref(mu, *op);
    *op = NULL;
}

/*
 * Takes a reference to an object found in a read section, which may be dying.
 * Returns false if it is dead; it never revives one.
 */
TN_MUST_CHECK bool tn_tryref(struct tn_mutator *mu, struct tn_object *o);

/* True if somebody besides the owner may know the object. */
TN_ALWAYS_INLINE bool tn_is_published(const struct tn_object *o)
{
    return (atomic_load_explicit(&o->shared, memory_order_relaxed) & TN_STATE_MASK) !=
           TN_STATE_PRIVATE;
}

void tn_publish_slow(struct tn_mutator *mu, struct tn_object *o);

/*
 * To be called by the owner before it stores a reference where others can read
 * it. Publishes everything reachable as well: what a published container
 * refers to is published. Does nothing to what is published already, and
 * nothing in mode `gil`. Never allocates, never fails.
 */
TN_ALWAYS_INLINE void tn_publish(struct tn_mutator *mu, struct tn_object *o)
{
    if (TN_UNLIKELY(!tn_is_published(o)) && !tn_is_immortal(o))
        tn_publish_slow(mu, o);
}

/* Makes an object immortal. The caller is its owner and it is still private. */
void tn_make_immortal(struct tn_object *o);

/* The parts of a count, as they are at one moment or another. Any thread that
 * may look at the object. The queue's own reference is left out of `shared`. */
struct tn_refcount {
    int64_t local;
    int64_t shared;
    enum tn_count_state state;
    uint16_t owner;
    bool immortal;
};

struct tn_refcount tn_refcount_read(const struct tn_object *o);

#endif
