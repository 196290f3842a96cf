/* SPDX-License-Identifier: MIT */
/*
 * Weakrefs: objects that refer to an object without counting it.
 *
 * When the last reference to an object goes, its weakref is cleared: before the
 * object lets go of what it holds itself, and before its memory can be used
 * again. Until then the weakref gives out new references to it; afterwards it
 * is dead for ever, as its object is.
 *
 * An object has one weakref at a time, which all who want one share. So two
 * weakrefs are the same object if they refer to the same object while it lives,
 * and a weakref is equal to itself alone and hashed by what it is, not by what
 * it refers to.
 *
 * Others can find a weakref through its object. So it is published at birth, and
 * its object with it. It is no container: it keeps nothing alive.
 */
#ifndef TN_CORE_OBJECT_WEAKREF_H
#define TN_CORE_OBJECT_WEAKREF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"
#include "core/object/object.h"

/*
 * The weakref of an object, with one reference for the caller: the one that there
 * is, or a new one. The caller holds a reference to the object, and owns it if it
 * is private.
 * TN_ERR_TYPE (a number, none or str, whose value is what matters; or a weakref),
 * TN_ERR_NOMEM, TN_ERR_LIMIT.
 */
TN_MUST_CHECK int tn_weakref_new(struct tn_mutator *mu, struct tn_object *target,
                                 struct tn_object **ret_weakref);

/*
 * What a weakref refers to, borrowed; NULL if that is dead. It may be dying and
 * not be cleared yet, as whatever is borrowed may. All reading of weakrefs goes
 * through this function: it is where a collector that marks beside the mutators
 * shades what it returns. Wait-free, in a read section.
 */
TN_MUST_CHECK struct tn_object *tn_weakref_peek(struct tn_mutator *mu,
                                                const struct tn_object *weakref);

/* The same with a reference for the caller, and never an object that is dying.
 * Lock-free, in a read section. */
TN_MUST_CHECK struct tn_object *tn_weakref_get(struct tn_mutator *mu,
                                               const struct tn_object *weakref);

/* Whether what a weakref refers to is dead. To a collector this is no use of the
 * object. Wait-free, in a read section. */
TN_MUST_CHECK bool tn_weakref_is_dead(const struct tn_object *weakref);

/*
 * Clears the weakrefs of an object that is dead, or that is garbage though its
 * count is above zero. Returns how many. In the latter case somebody who has
 * peeked before may take a reference even after this. Never allocates or fails.
 */
size_t tn_weakrefs_clear(struct tn_mutator *mu, struct tn_object *target);

#endif
