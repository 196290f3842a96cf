/* SPDX-License-Identifier: MIT */
/*
 * The types and what can be done with their objects.
 *
 * Conventions, here and in the headers of the families:
 *  - A function that makes an object returns it with one reference that the
 *    caller holds; it is private to the caller's mutator.
 *  - `take_x` is a `struct tn_object **` whose reference the function takes over
 *    on success, leaving NULL; on failure the caller still has it.
 *  - A borrowed object is valid until the caller's next safe point, or for as
 *    long as the caller knows somebody who holds it. In mode gil it also ends
 *    when the caller itself drops the last reference.
 *  - Who changes a container, or takes references out of it (pop, slice, extend
 *    from it), holds a reference to it or knows somebody who does until the call
 *    returns: one that dies meanwhile would be emptied under its hands.
 *  - Reading what is borrowed and dies meanwhile is safe: a container in this
 *    state looks emptier and emptier.
 *  - Operations on one object are atomic: another thread sees them done or not
 *    done. Reads of one item take no lock. Everything works in every mode.
 *  - Errors: TN_ERR_NOMEM and TN_ERR_LIMIT leave everything as it was.
 */
#ifndef TN_CORE_TYPES_TYPES_H
#define TN_CORE_TYPES_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"
#include "core/types/class.h"
#include "core/types/dict.h"
#include "core/types/intern.h"
#include "core/types/list.h"
#include "core/types/probe.h"
#include "core/types/record.h"
#include "core/types/scalar.h"
#include "core/types/text.h"
#include "core/types/tuple.h"

/* "int", "list", ...; "free" for 0. Any thread. */
const char *tn_type_name(enum tn_type_id id);

/* Whether objects of a type can refer to others, and so be part of a cycle. */
bool tn_type_is_container(enum tn_type_id id);

/* How deep a tuple in a tuple may be nested and still be hashed, and a container
 * in a container and still be compared. */
#define TN_NESTING_MAX 200

/* The hash of an object as a key. TN_ERR_UNHASHABLE for mutable containers and
 * tuples that hold one, TN_ERR_TOO_DEEP. Equal objects have equal hashes, also
 * across bool, int and float. */
TN_MUST_CHECK int tn_hash(const struct tn_heap *heap, const struct tn_object *o,
                          uint32_t *ret_hash);

/*
 * Whether two objects are equal by Python's rules: numbers by value, text,
 * bytes, tuples, lists and dicts by content, the rest by identity. Contents that
 * change meanwhile are compared as they are found. TN_ERR_TOO_DEEP, also if
 * there are so many ways through the contents that it would take too long.
 */
TN_MUST_CHECK int tn_equal(const struct tn_heap *heap, struct tn_object *a, struct tn_object *b,
                           bool *ret_equal);

/* Items, bytes or code points; TN_ERR_TYPE for what has no length. */
TN_MUST_CHECK int tn_length(const struct tn_object *o, uint64_t *ret_length);

/* Turns an index that may count from the end into one from the start, or
 * returns TN_ERR_INDEX. */
TN_MUST_CHECK int tn_index_resolve(int64_t index, uint64_t length, uint64_t *ret_index);

#endif
