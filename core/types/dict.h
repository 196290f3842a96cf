/* SPDX-License-Identifier: MIT */
/*
 * dict: insertion-ordered, keys by Python's rules of hashing and equality.
 *
 * Writers hold the object's lock. Lookups take none and count nothing: keys are
 * compared in the reader's section. (Who does not find a key while one is being
 * added or removed waits for that.) TN_ERR_KEY if there is no such key,
 * TN_ERR_UNHASHABLE or TN_ERR_TOO_DEEP for what cannot be one.
 */
#ifndef TN_CORE_TYPES_DICT_H
#define TN_CORE_TYPES_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

/* An empty dict that is going to have `capacity` entries. TN_ERR_TOO_BIG. */
TN_MUST_CHECK int tn_dict_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_dict);

size_t tn_dict_length(const struct tn_object *dict);

/* A value, borrowed. Lock-free. */
TN_MUST_CHECK int tn_dict_get(struct tn_mutator *mu, struct tn_object *dict,
                              const struct tn_object *key, struct tn_object **ret_value);

/*
 * Sets the value of a key. An equal key that is there already is kept, and the
 * caller's is dropped. Takes over both references on success. Overwriting a value
 * never needs memory. TN_ERR_TOO_MANY after 2^48 insertions into a dict that has
 * never been empty in between.
 */
TN_MUST_CHECK int tn_dict_set(struct tn_mutator *mu, struct tn_object *dict,
                              struct tn_object **take_key, struct tn_object **take_value,
                              size_t *ret_length);

/* Removes an entry and hands the reference to its value to the caller. Never
 * needs memory. */
TN_MUST_CHECK int tn_dict_pop(struct tn_mutator *mu, struct tn_object *dict,
                              const struct tn_object *key, struct tn_object **ret_value,
                              size_t *ret_length);

struct tn_dict_item {
    struct tn_object *key;   /* borrowed */
    struct tn_object *value; /* borrowed */
};

/*
 * Copies up to `n_max` (at least 1, else TN_ERR_INVAL) entries, in insertion
 * order, as they are at one moment. *cursor is 0 to begin and is moved on; it is
 * 0 again when nothing is left. It is a position that stays valid however the
 * dict changes: an entry that is there throughout a scan is seen exactly once,
 * any other at most once.
 */
TN_MUST_CHECK int tn_dict_scan(struct tn_mutator *mu, struct tn_object *dict, uint64_t *cursor,
                               size_t n_max, struct tn_dict_item *items, size_t *ret_n);

#endif
