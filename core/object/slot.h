/* SPDX-License-Identifier: MIT */
/*
 * Slots: the one place where a reference held by an object or a name is
 * overwritten. A collector that marks beside the mutators needs to know what is
 * overwritten (mark.h), and learns it here and nowhere else.
 *
 * Invariant: what a published container's slot holds is published.
 * Ordering:  a store releases and a load acquires, so that whoever finds an
 *            object through a slot finds it whole.
 */
#ifndef TN_CORE_OBJECT_SLOT_H
#define TN_CORE_OBJECT_SLOT_H

#include "core/object/mark.h"
#include "core/object/object.h"
#include "core/object/refcount.h"

/* What a slot holds, borrowed: until the caller's read section ends, or for as
 * long as nobody can overwrite the slot. May be NULL. */
TN_ALWAYS_INLINE struct tn_object *tn_slot_load(const tn_slot *slot)
{
    return atomic_load_explicit(slot, memory_order_acquire);
}

/*
 * Fills a slot that nobody has read yet (of a container under construction, or
 * beyond its length). Takes over the caller's reference; `container` is what
 * the slot belongs to, NULL for a root.
 */
TN_ALWAYS_INLINE void tn_slot_init(struct tn_mutator *mu, const struct tn_object *container,
                                   tn_slot *slot, struct tn_object *take)
{
    if (container == NULL || tn_is_published(container))
        tn_publish(mu, take);
    tn_mark_write(mu, NULL, take);
    atomic_store_explicit(slot, take, memory_order_release);
}

/*
 * Overwrites a slot. Takes over the caller's reference to `take` (may be NULL)
 * and hands over the slot's to what it held before (may be NULL); the caller
 * drops that after unlocking. The caller excludes other writers.
 */
TN_MUST_CHECK TN_ALWAYS_INLINE struct tn_object *tn_slot_swap(struct tn_mutator *mu,
                                                              const struct tn_object *container,
                                                              tn_slot *slot, struct tn_object *take)
{
    struct tn_object *old = atomic_load_explicit(slot, memory_order_relaxed);

    if (take != NULL && (container == NULL || tn_is_published(container)))
        tn_publish(mu, take);
    tn_mark_write(mu, old, take);
    atomic_store_explicit(slot, take, memory_order_release);
    return old;
}

/*
 * Moves a reference from one slot of a container to another one of the same
 * container (an insertion shifts its successors) while readers may be looking at
 * both. No count changes; what `to` held has been moved or handed over before.
 */
TN_ALWAYS_INLINE void tn_slot_move(struct tn_mutator *mu, tn_slot *to, const tn_slot *from)
{
    struct tn_object *moved = atomic_load_explicit(from, memory_order_relaxed);

    /* A collector that walks the container may pass by both of its places. */
    tn_mark_write(mu, moved, NULL);
    atomic_store_explicit(to, moved, memory_order_release);
}

/* The same into a slot of a buffer that no reader has seen yet, which will take
 * the place of the one where `from` is. That one stays as it is. */
TN_ALWAYS_INLINE void tn_slot_copy(tn_slot *to, const tn_slot *from)
{
    atomic_store_explicit(to, atomic_load_explicit(from, memory_order_relaxed),
                          memory_order_relaxed);
}

/* Gives back the reference of a slot of a container that is dead or being
 * emptied. The slot stays as it is, for readers that are late. */
TN_ALWAYS_INLINE void tn_slot_drop(struct tn_mutator *mu, const tn_slot *slot)
{
    struct tn_object *o = atomic_load_explicit(slot, memory_order_relaxed);

    tn_mark_write(mu, o, NULL);
    tn_decref(mu, o);
}

#endif
