/* SPDX-License-Identifier: MIT */
/* Reading lists, tuples and deques alike. The functions of the types themselves say
 * what is promised. */
#ifndef TN_CORE_TYPES_SEQUENCE_H
#define TN_CORE_TYPES_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"
#include "core/types/slicing.h"

static inline bool tn_is_sequence(const struct tn_object *o)
{
    return o->type == TN_TYPE_LIST || o->type == TN_TYPE_TUPLE || o->type == TN_TYPE_DEQUE;
}

size_t tn_sequence_length(const struct tn_object *sequence);

/* One item, borrowed. TN_ERR_INDEX. */
TN_MUST_CHECK int tn_sequence_get(struct tn_mutator *mu, struct tn_object *sequence, int64_t index,
                                  struct tn_object **ret_item);

/* Up to `n_max` items from position `start` on, borrowed, as they are at one moment.
 * Returns how many; the length at that moment goes to *ret_length (may be NULL). */
size_t tn_sequence_snapshot(struct tn_mutator *mu, struct tn_object *sequence, size_t start,
                            size_t n_max, struct tn_object **items, size_t *ret_length);

/* Up to `n_max` items of a slice of a list or tuple, likewise; *ret_n is how many it
 * had. TN_ERR_INVAL: the step is 0. */
TN_MUST_CHECK int tn_sequence_slice_items(struct tn_mutator *mu, struct tn_object *sequence,
                                          const struct tn_slicing *slicing, size_t n_max,
                                          struct tn_object **items, size_t *ret_n);

#endif
