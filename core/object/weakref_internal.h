/* SPDX-License-Identifier: MIT */
/*
 * The table of weakrefs: from the address of an object to its weakref, which it
 * does not count. For core/object/ and the weakref's type.
 *
 * Invariants, all under the shard's lock (in mode gil: the global lock)
 *  - A weakref is in the table if and only if its `target` is not NULL.
 *  - An object has TN_BIT_WEAK if and only if a weakref in the table refers to
 *    it. A weakref that died takes its object's bit away, unless another one has
 *    taken its place.
 *  - What is in the table is in memory: an object that is dying takes its weakref
 *    out before it is retired, and so does a weakref.
 *
 * Death takes the lock only if it sees the bit, without the lock. Whoever makes
 * a weakref holds a reference to the object, so the bit is set before the count
 * can become zero, and the last drop sees it.
 */
#ifndef TN_CORE_OBJECT_WEAKREF_INTERNAL_H
#define TN_CORE_OBJECT_WEAKREF_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>

#include "core/base/sync.h"
#include "core/object/flat.h"
#include "core/object/weakref.h"

#define TN_WEAKREF_SHARD_BITS 6
#define TN_WEAKREF_SHARDS (1 << TN_WEAKREF_SHARD_BITS)

struct tn_weakref {
    struct tn_object object;
    /* [atomic] NULL: cleared, or never registered. Stored with release under the
     *          shard's lock, loaded with acquire */
    _Atomic(struct tn_object *) target;
};

static_assert(sizeof(struct tn_weakref) == 24, "a weakref is three words");

struct tn_weakref_shard {
    /* [lock]   lock (TN_RANK_WEAKREFS), also for searching */
    struct tn_flat index; /* payloads are weakrefs */
    struct tn_mutex lock;
} TN_CACHE_ALIGNED;

struct tn_weakrefs {
    struct tn_weakref_shard shards[TN_WEAKREF_SHARDS];
};

void tn_weakrefs_init(struct tn_weakrefs *weakrefs);

/* All weakrefs are gone. */
void tn_weakrefs_fini(struct tn_weakrefs *weakrefs);

/* A weakref dies: takes it out of the table if it is there. Never fails. */
void tn_weakref_unregister(struct tn_mutator *mu, struct tn_object *weakref);

/* For tests: aborts unless the invariants hold. Nobody changes weakrefs meanwhile. */
void tn_weakrefs_validate(struct tn_mutator *mu);

#endif
