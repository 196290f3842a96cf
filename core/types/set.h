/* SPDX-License-Identifier: MIT */
/*
 * set and frozenset: members by Python's rules of hashing and equality, in the
 * order in which they were added. A frozenset cannot change once it is built, has
 * a hash, and so can be a key or member itself. A set and a frozenset with equal
 * members are equal.
 *
 * Both are tables (table.h) of keys alone: some 20 bytes for each member of a large
 * one. Writers hold the object's lock, and never that of another set: what a set is
 * combined with has been made into a frozenset before (set_combine.h), which needs
 * none. Asking for a member takes no lock, unless the set is being changed just
 * then. Each function is atomic on the set. TN_ERR_UNHASHABLE or TN_ERR_TOO_DEEP
 * for what cannot be a member.
 */
#ifndef TN_CORE_TYPES_SET_H
#define TN_CORE_TYPES_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

/* Whether an object is a set or a frozenset. */
static inline bool tn_is_set(const struct tn_object *o)
{
    return o->type == TN_TYPE_SET || o->type == TN_TYPE_FROZENSET;
}

/* An empty set that is going to have `capacity` members. TN_ERR_TOO_BIG. */
TN_MUST_CHECK int tn_set_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_set);

/* The same for a frozenset, to be filled before anybody else can see it. */
TN_MUST_CHECK int tn_frozenset_new(struct tn_mutator *mu, size_t capacity,
                                   struct tn_object **ret_set);

/* Adds to a frozenset that is being built, whose hash nobody has asked for. Takes
 * over the reference on success; a member that is there already is kept. */
TN_MUST_CHECK int tn_frozenset_fill(struct tn_mutator *mu, struct tn_object *set,
                                    struct tn_object **take_member);

/* Of both. */
size_t tn_set_length(const struct tn_object *set);

/* Whether something is a member, of both. */
TN_MUST_CHECK int tn_set_contains(struct tn_mutator *mu, struct tn_object *set,
                                  const struct tn_object *member, bool *ret_contains);

/*
 * Copies up to `n_max` (at least 1, else TN_ERR_INVAL) members of either, borrowed,
 * as they are at one moment. *cursor is 0 to begin and is moved on; it is 0 again
 * when nothing is left. It is a position that stays valid however the set changes:
 * a member that is there throughout a scan is seen exactly once, any other at most
 * once for each time that it was added.
 */
TN_MUST_CHECK int tn_set_scan(struct tn_mutator *mu, struct tn_object *set, uint64_t *cursor,
                              size_t n_max, struct tn_object **members, size_t *ret_n);

/* Adds a member; an equal one that is there is kept. Takes over the reference on
 * success. `ret_is_new` may be NULL. TN_ERR_TOO_MANY after 2^48 additions to a set
 * that has never been empty in between. */
TN_MUST_CHECK int tn_set_add(struct tn_mutator *mu, struct tn_object *set,
                             struct tn_object **take_member, bool *ret_is_new);

/* Removes a member if it is there. Never needs memory. */
TN_MUST_CHECK int tn_set_discard(struct tn_mutator *mu, struct tn_object *set,
                                 const struct tn_object *member, bool *ret_was_there);

/* Removes a member, the one that has been there for the longest time, and hands the
 * reference to the caller. TN_ERR_KEY if there is none. Never needs memory. */
TN_MUST_CHECK int tn_set_pop(struct tn_mutator *mu, struct tn_object *set,
                             struct tn_object **ret_member);

/*
 * Removes up to `n_max` of the members, as one change. *end is 0 to begin with; call
 * it again, with safe points in between, as long as it returns 1: it removes what
 * was there at the first call and is still there, and if the set has been nearly empty
 * meanwhile perhaps what was added then. Does without memory, but then with fewer at
 * a time.
 */
TN_MUST_CHECK int tn_set_clear(struct tn_mutator *mu, struct tn_object *set, uint64_t *end,
                               size_t n_max);

/* What is made of two sets. */
enum tn_set_op {
    TN_SET_OP_UNION,
    TN_SET_OP_INTERSECTION,
    TN_SET_OP_DIFFERENCE,
    TN_SET_OP_SYMMETRIC_DIFFERENCE,
};

/*
 * Changes a set to what `operation` makes of it and a frozenset, as one change: who
 * asks for members, the length or all of it sees all of the change or nothing. All
 * work is done under the set's lock, so there is a bound: TN_ERR_TOO_BIG, with the
 * number in *ret_length, if `frozen` (for an intersection: the set itself) has more
 * than `n_max` members. On success that is the length. If it fails nothing has changed.
 */
TN_MUST_CHECK int tn_set_update(struct tn_mutator *mu, struct tn_object *set,
                                enum tn_set_op operation, struct tn_object *frozen, size_t n_max,
                                size_t *ret_length);

#endif
