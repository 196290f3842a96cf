/* SPDX-License-Identifier: MIT */
/*
 * list: header, a pointer to the items, length, version.
 *
 * Writers hold the object's lock. Reading one item takes no lock, unless items
 * are being moved by an insertion or removal in the middle: the items' buffer is
 * replaced under RCU and knows its own capacity. Reading several items copies
 * them between two looks at the version, and falls back to the lock when writers
 * are too busy. Indices count from the end if negative;
 * TN_ERR_INDEX if out of range. Over-allocated by an eighth, as CPython's.
 */
#ifndef TN_CORE_TYPES_LIST_H
#define TN_CORE_TYPES_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"
#include "core/types/slicing.h"

#define TN_LIST_ITEMS_MAX ((size_t)UINT32_MAX)

/* An empty list with room for `capacity` items. */
TN_MUST_CHECK int tn_list_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_list);

size_t tn_list_length(const struct tn_object *list);

/* One item, borrowed. */
TN_MUST_CHECK int tn_list_get(struct tn_mutator *mu, struct tn_object *list, int64_t index,
                              struct tn_object **ret_item);

/*
 * Copies up to `n_max` items from position `start` on into `items`, borrowed:
 * what the list held at one moment. Returns how many; the list's length at that
 * moment goes to *ret_length (may be NULL).
 */
size_t tn_list_snapshot(struct tn_mutator *mu, struct tn_object *list, size_t start, size_t n_max,
                        struct tn_object **items, size_t *ret_length);

TN_MUST_CHECK int tn_list_set(struct tn_mutator *mu, struct tn_object *list, int64_t index,
                              struct tn_object **take_item);
/* The following return the new length through ret_length (may be NULL). */
TN_MUST_CHECK int tn_list_append(struct tn_mutator *mu, struct tn_object *list,
                                 struct tn_object **take_item, size_t *ret_length);
/* Appends the items of a list, tuple or deque, which may be the list itself. */
TN_MUST_CHECK int tn_list_extend(struct tn_mutator *mu, struct tn_object *list,
                                 struct tn_object *from, size_t *ret_length);
/* Before the item at `index`; beyond either end means at that end, as in Python. */
TN_MUST_CHECK int tn_list_insert(struct tn_mutator *mu, struct tn_object *list, int64_t index,
                                 struct tn_object **take_item, size_t *ret_length);
/* Removes an item and hands its reference to the caller. Never needs memory. */
TN_MUST_CHECK int tn_list_pop(struct tn_mutator *mu, struct tn_object *list, int64_t index,
                              struct tn_object **ret_item, size_t *ret_length);
/* Whether an item is equal to `value`. TN_ERR_TOO_DEEP. */
TN_MUST_CHECK int tn_list_contains(struct tn_mutator *mu, struct tn_object *list,
                                   struct tn_object *value, bool *ret_contains);

/* ---- Slices; TN_ERR_INVAL: the step is 0 ---- */

/* A new list of the items of a slice. */
TN_MUST_CHECK int tn_list_slice(struct tn_mutator *mu, struct tn_object *list,
                                const struct tn_slicing *slicing, struct tn_object **ret_list);

/* Copies up to `n_max` items of a slice, borrowed: what it was at one moment. *ret_n is
 * how many it had then, *ret_length how long the list was. */
TN_MUST_CHECK int tn_list_slice_items(struct tn_mutator *mu, struct tn_object *list,
                                      const struct tn_slicing *slicing, size_t n_max,
                                      struct tn_object **items, size_t *ret_n, size_t *ret_length);

/*
 * Puts the items of a list, tuple or deque, which may be the list itself, in the place
 * of a slice. If the step is 1 there may be more or fewer of them; otherwise as many as
 * the slice has, or it is TN_ERR_PRECONDITION, and *ret_n_wanted is how many it has.
 */
TN_MUST_CHECK int tn_list_set_slice(struct tn_mutator *mu, struct tn_object *list,
                                    const struct tn_slicing *slicing, struct tn_object *from,
                                    uint64_t *ret_n_wanted, size_t *ret_length);

/* Removes the items of a slice. Never needs memory. */
TN_MUST_CHECK int tn_list_delete_slice(struct tn_mutator *mu, struct tn_object *list,
                                       const struct tn_slicing *slicing, size_t *ret_length);

#endif
