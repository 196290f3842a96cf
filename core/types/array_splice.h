/* SPDX-License-Identifier: MIT */
/* What array.c offers array_bulk.c: changing which items an array has. */
#ifndef TN_CORE_TYPES_ARRAY_SPLICE_H
#define TN_CORE_TYPES_ARRAY_SPLICE_H

#include "core/base/attr.h"
#include "core/types/array_internal.h"

/* `n_out` items from `first` on, which are all there, are replaced by `n_in`. */
struct tn_splice {
    uint64_t first;
    uint64_t n_out;
    const void *items; /* of the caller's, not in the array's buffer; never NULL */
    uint64_t n_in;
};

/* The caller holds the array's lock. TN_ERR_TOO_BIG, TN_ERR_NOMEM, TN_ERR_LIMIT; none of
 * them if there are not more items afterwards. */
TN_MUST_CHECK int tn_array_splice_locked(struct tn_mutator *mu, struct tn_array *array,
                                         const struct tn_splice *splice);

/* A buffer for `capacity` items, uninitialised. */
TN_MUST_CHECK int tn_array_items_new(struct tn_mutator *mu, uint64_t capacity, unsigned int shift,
                                     struct tn_array_items **ret_items);

/* An array that takes over a buffer, if there is one, on success. */
TN_MUST_CHECK int tn_array_new_of_type(struct tn_mutator *mu, enum tn_type_id type,
                                       enum tn_item_format format, struct tn_array_items *items,
                                       uint64_t length, struct tn_object **ret_array);

/* Copies `n` whole items into memory that readers know. `to` is aligned to an item. */
void tn_array_store(unsigned char *to, const void *from, size_t n, unsigned int shift);

static inline struct tn_array_items *tn_array_items_locked(const struct tn_array *array)
{
    return atomic_load_explicit(&array->items, memory_order_relaxed);
}

static inline void tn_array_put_length(const struct tn_array *array, size_t *ret_length)
{
    if (ret_length != NULL)
        *ret_length = tn_state_length_locked(&array->state);
}

#endif
