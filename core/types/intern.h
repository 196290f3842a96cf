/* SPDX-License-Identifier: MIT */
/*
 * Interned strs: one copy of a text in the whole heap, freed when nobody uses it.
 *
 * For texts that come again and again, such as the names of attributes: they cost
 * their memory once, and that two of them are the same is one comparison of
 * pointers. The table refers to its strs weakly. So there is nothing to give back:
 * a str that is interned is counted, and dies, like any other. An equal str that
 * was made in another way may exist beside it.
 */
#ifndef TN_CORE_TYPES_INTERN_H
#define TN_CORE_TYPES_INTERN_H

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"

/*
 * The one str with this text, which the caller has checked to be UTF-8, with a
 * reference that the caller then holds. It is published. Lock-free, and without an
 * allocation, if it is there already; else blocks for other newcomers.
 * TN_ERR_TOO_BIG, TN_ERR_NOMEM, TN_ERR_LIMIT.
 */
TN_MUST_CHECK int tn_str_intern(struct tn_mutator *mu, struct tn_slice text,
                                struct tn_object **ret_str);

/* For tests: how many there are; aborts unless every invariant holds. Nobody
 * uses the heap meanwhile. */
size_t tn_interned_validate(const struct tn_heap *heap);

#endif
