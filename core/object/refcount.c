/* SPDX-License-Identifier: MIT */
/*
 * The slow halves of counting. tests/model/refcount.pml is this file as a
 * model, checked exhaustively; each step there names its line of code here.
 */
#include "core/object/refcount.h"

#include "core/object/mutator.h"
#include "core/object/type.h"

/* The owner drops the last reference that it counts. */
static void decref_last(struct tn_mutator *mu, struct tn_object *o)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_acquire);
    int64_t merged;

    atomic_store_explicit(&o->local, 0, memory_order_relaxed);
    if (shared == TN_STATE_PRIVATE) {
        tn_mutator_bury(mu, o);
        return;
    }
    /*
     * Published or queued: whoever else holds references has them in `shared`
     * alone from now on. The owner lets go first: once the merged state is
     * visible, another thread may drop the last reference, and the object is no
     * longer ours to touch. If the object is queued, the queue's reference is
     * among the count, and merge_queued() drops it as any other.
     */
    atomic_store_explicit(&o->owner, TN_OWNER_NOBODY, memory_order_relaxed);
    do
        merged = shared | TN_STATE_MERGED;
    while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, merged, memory_order_acq_rel,
                                                  memory_order_acquire));
    TN_DEBUG_ASSERT(merged >= TN_STATE_MERGED);
    if (merged == TN_STATE_MERGED)
        tn_mutator_bury(mu, o);
}

/* Drops a reference of an object that has no owner. */
static void decref_merged(struct tn_mutator *mu, struct tn_object *o)
{
    /* Release: what this thread did with the object comes before its death;
     * acquire: so does what the others did. */
    int64_t before = atomic_fetch_sub_explicit(&o->shared, TN_SHARED_ONE, memory_order_acq_rel);

    TN_DEBUG_ASSERT(before >> 2 > 0);
    if (before == (TN_SHARED_ONE | TN_STATE_MERGED))
        tn_mutator_bury(mu, o);
}

/* Somebody who is not the owner drops a reference. */
static void decref_shared(struct tn_mutator *mu, struct tn_object *o)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_relaxed);
    int64_t next;

    do {
        if ((shared & TN_STATE_MASK) == TN_STATE_MERGED) { /* for ever: no loop needed */
            decref_merged(mu, o);
            return;
        }
        TN_DEBUG_ASSERT((shared & TN_STATE_MASK) != TN_STATE_PRIVATE);
        /* Nothing of ours in `shared`: the reference that we give back is in
         * the owner's count. It passes to the queue, uncounted by us. */
        next = shared == TN_STATE_PUBLISHED ? TN_STATE_QUEUED : shared - TN_SHARED_ONE;
    } while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (shared == TN_STATE_PUBLISHED)
        tn_mutator_request_merge(o);
}

void tn_decref_slow(struct tn_mutator *mu, struct tn_object *o)
{
    if (tn_is_immortal(o))
        return;
    if (!tn_is_owner(mu, o)) {
        decref_shared(mu, o);
        return;
    }
    TN_DEBUG_ASSERT(atomic_load_explicit(&o->local, memory_order_relaxed) == 1);
    decref_last(mu, o);
}

/* The owner, or who bears it, takes an object from its queue. */
static void merge_queued(void *object, void *arg)
{
    struct tn_mutator *mu = arg;
    struct tn_object *o = object;
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_acquire);
    int64_t local;
    int64_t merged;

    tn_count_add_unsigned(&mu->n_merges, 1);
    if (atomic_load_explicit(&mu->state, memory_order_relaxed) == TN_MUTATOR_CLAIMED)
        tn_count_add_unsigned(&mu->n_merges_claimed, 1);
    if ((shared & TN_STATE_MASK) == TN_STATE_MERGED) { /* the owner's count sank to zero first */
        decref_merged(mu, o);
        return;
    }
    TN_ASSERT((shared & TN_STATE_MASK) == TN_STATE_QUEUED);
    local = atomic_load_explicit(&o->local, memory_order_relaxed);
    if (local == TN_LOCAL_IMMORTAL) /* saturated: whatever it counts, it stays */
        return;
    atomic_store_explicit(&o->local, 0, memory_order_relaxed);
    atomic_store_explicit(&o->owner, TN_OWNER_NOBODY, memory_order_relaxed);
    do
        merged = ((shared >> 2) + local - 1) * TN_SHARED_ONE | TN_STATE_MERGED;
    while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, merged, memory_order_acq_rel,
                                                  memory_order_acquire));
    TN_DEBUG_ASSERT(merged >= TN_STATE_MERGED);
    if (merged == TN_STATE_MERGED)
        tn_mutator_bury(mu, o);
}

void tn_mutator_merge_queued(struct tn_mutator *mu)
{
    (void)tn_cache_attend(&mu->cache, merge_queued, mu);
}

bool tn_tryref(struct tn_mutator *mu, struct tn_object *o)
{
    int64_t shared;

    /* What the owner can still find as its own has not been merged, so it is alive. */
    if (tn_is_owner(mu, o) || tn_is_immortal(o)) {
        tn_incref(mu, o);
        return true;
    }
    shared = atomic_load_explicit(&o->shared, memory_order_relaxed);
    do {
        if ((shared & TN_STATE_MASK) == TN_STATE_MERGED && shared >> 2 <= 0)
            return false;
        /* Relaxed would do: the object was found through an acquiring load. */
    } while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, shared + TN_SHARED_ONE,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

/* ---- Publishing ---- */

/*
 * Private objects found on the way are kept on a stack that is linked through
 * `shared`, as pointer | published: their count there is zero and nobody else
 * can see them, and a second visit finds them published.
 */
static int publish_visit(struct tn_object *o, void *arg)
{
    struct tn_object **stack = arg;

    if (tn_is_immortal(o) || tn_is_published(o))
        return 0;
    atomic_store_explicit(&o->shared, (int64_t)(intptr_t)*stack | TN_STATE_PUBLISHED,
                          memory_order_relaxed);
    *stack = o;
    return 0;
}

void tn_publish_slow(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_object *stack = NULL;

    if (!mu->publishes)
        return;
    TN_DEBUG_ASSERT(tn_is_owner(mu, o));
    (void)publish_visit(o, &stack);
    while (stack != NULL) {
        const struct tn_type *type;

        o = stack;
        stack =
            (struct tn_object *)(intptr_t)(atomic_load_explicit(&o->shared, memory_order_relaxed) &
                                           ~TN_STATE_MASK);
        /* Relaxed: others find the object through a slot that is stored with
         * release afterwards. */
        atomic_store_explicit(&o->shared, TN_STATE_PUBLISHED, memory_order_relaxed);
        type = tn_type_of(o);
        if (type->traverse != NULL)
            (void)type->traverse(o, publish_visit, &stack); /* publish_visit() never fails */
    }
}

void tn_make_immortal(struct tn_object *o)
{
    TN_ASSERT(!tn_is_published(o));
    atomic_store_explicit(&o->local, TN_LOCAL_IMMORTAL, memory_order_relaxed);
    atomic_store_explicit(&o->owner, TN_OWNER_NOBODY, memory_order_relaxed);
}

struct tn_refcount tn_refcount_read(const struct tn_object *o)
{
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed);
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_relaxed);
    struct tn_refcount count = {
        .local = local,
        .shared = shared >> 2,
        .state = (enum tn_count_state)(shared & TN_STATE_MASK),
        .owner = atomic_load_explicit(&o->owner, memory_order_relaxed),
        .immortal = local == TN_LOCAL_IMMORTAL,
    };

    if (count.state == TN_STATE_QUEUED)
        count.shared--;
    if (count.immortal)
        count.local = count.shared = 0;
    return count;
}
