/* SPDX-License-Identifier: MIT */
/*
 * array and bytearray: numbers of one format, side by side in one buffer. A
 * bytearray is an array of u8 whose interface is that of bytes.
 *
 * Writers hold the object's lock. Reading one item takes no lock, unless several
 * items are being changed at that moment; reading several copies them between two
 * looks at the state, and falls back to the lock when writers are too busy. Nobody
 * ever sees half of an item.
 *
 * The buffer is replaced as it grows, by an eighth at least: growing a very large
 * array copies it at the speed of memory, and needs both buffers meanwhile.
 * Inserting and removing in the middle moves what is behind.
 *
 * Indices and positions count from the end if they are negative. Positions of
 * ranges are clipped as Python's slices are: INT64_MIN and INT64_MAX are the ends.
 * Numbers: TN_ERR_TYPE for a float where whole numbers are held, TN_ERR_OVERFLOW
 * for what does not fit (item.h).
 */
#ifndef TN_CORE_TYPES_ARRAY_H
#define TN_CORE_TYPES_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"
#include "core/types/item.h"

#define TN_ARRAY_ITEMS_MAX ((size_t)UINT32_MAX)

static inline bool tn_is_array(const struct tn_object *o)
{
    return o->type == TN_TYPE_ARRAY || o->type == TN_TYPE_BYTEARRAY;
}

/* An array of the items that `items` is made of. TN_ERR_INVAL: not a whole number
 * of items. TN_ERR_TOO_BIG, TN_ERR_NOMEM, TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_array_new(struct tn_mutator *mu, enum tn_item_format format,
                               struct tn_slice items, struct tn_object **ret_array);
TN_MUST_CHECK int tn_bytearray_new(struct tn_mutator *mu, struct tn_slice content,
                                   struct tn_object **ret_bytearray);

enum tn_item_format tn_array_format(const struct tn_object *array);
size_t tn_array_length(const struct tn_object *array);

/* Sees to it that the array can grow to `n_items` without another buffer. */
TN_MUST_CHECK int tn_array_reserve(struct tn_mutator *mu, struct tn_object *array, size_t n_items);

/* ---- One item. TN_ERR_INDEX ---- */

TN_MUST_CHECK int tn_array_get(struct tn_mutator *mu, struct tn_object *array, int64_t index,
                               struct tn_number *ret_number);
TN_MUST_CHECK int tn_array_set(struct tn_mutator *mu, struct tn_object *array, int64_t index,
                               const struct tn_number *number);
/* Adds to an item and returns what it is then: at once, for others too.
 * TN_ERR_OVERFLOW, and nothing is changed, also if a u64 would be more than an int
 * can be. */
TN_MUST_CHECK int tn_array_add(struct tn_mutator *mu, struct tn_object *array, int64_t index,
                               const struct tn_number *number, struct tn_number *ret_sum);
/* Before the item at `index`, clipped. Here and below the new length is returned
 * through ret_length (may be NULL). */
TN_MUST_CHECK int tn_array_insert(struct tn_mutator *mu, struct tn_object *array, int64_t index,
                                  const struct tn_number *number, size_t *ret_length);
/* Removes an item. Never needs memory. `ret_number` may be NULL; if it is not, an item
 * that no int can be stays where it is: TN_ERR_OVERFLOW. */
TN_MUST_CHECK int tn_array_pop(struct tn_mutator *mu, struct tn_object *array, int64_t index,
                               struct tn_number *ret_number, size_t *ret_length);

/* ---- Several items ---- */

/*
 * Copies up to `n_max` items from position `first` on into `items`: what the array
 * held at one moment. Returns how many; the array's length at that moment goes to
 * *ret_length (may be NULL).
 */
size_t tn_array_read(struct tn_mutator *mu, struct tn_object *array, size_t first, size_t n_max,
                     void *items, size_t *ret_length);

/* Overwrites the items from position `first` on, and appends what goes beyond the
 * end. TN_ERR_INDEX if it would begin behind the end, TN_ERR_INVAL. */
TN_MUST_CHECK int tn_array_write(struct tn_mutator *mu, struct tn_object *array, size_t first,
                                 struct tn_slice items, size_t *ret_length);

/* Appends the numbers of an array, a bytearray, a bytes, a list or a tuple; it may
 * be the array itself. TN_ERR_TYPE also if it is something else. */
TN_MUST_CHECK int tn_array_extend(struct tn_mutator *mu, struct tn_object *array,
                                  struct tn_object *from, size_t *ret_length);

/* A new array of the same type of every `step`-th item from `start` to before
 * `stop`. TN_ERR_INVAL: a step of 0. */
TN_MUST_CHECK int tn_array_slice(struct tn_mutator *mu, struct tn_object *array, int64_t start,
                                 int64_t stop, int64_t step, struct tn_object **ret_array);

/* Replaces these items by the numbers of `from`, as in tn_array_extend(): of any
 * number if the step is 1, else of the same number: TN_ERR_PRECONDITION. */
TN_MUST_CHECK int tn_array_replace(struct tn_mutator *mu, struct tn_object *array, int64_t start,
                                   int64_t stop, int64_t step, struct tn_object *from,
                                   size_t *ret_length);

/* Sets the items from `start` to before `stop`. */
TN_MUST_CHECK int tn_array_fill(struct tn_mutator *mu, struct tn_object *array, int64_t start,
                                int64_t stop, const struct tn_number *number);

/* ---- Looking at all items, as they are at one moment ---- */

enum tn_reduction {
    TN_REDUCE_SUM, /* of floats: compensated, as Python's; of none: 0 */
    TN_REDUCE_MIN, /* NaN if there is one; TN_ERR_INDEX if there are no items */
    TN_REDUCE_MAX,
};

/* TN_ERR_OVERFLOW if the result is more than an int can be. */
TN_MUST_CHECK int tn_array_reduce(struct tn_mutator *mu, struct tn_object *array,
                                  enum tn_reduction reduction, struct tn_number *ret_number);

/* The position of the first item from position `start` (clipped) on that is equal
 * to `value`: a number, or for a bytearray also a bytes or bytearray, which is looked
 * for as a whole. TN_ERR_KEY: there is none. TN_ERR_TYPE. */
TN_MUST_CHECK int tn_array_index(struct tn_mutator *mu, struct tn_object *array,
                                 struct tn_object *value, int64_t start, size_t *ret_at);

#endif
