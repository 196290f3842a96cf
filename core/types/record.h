/* SPDX-License-Identifier: MIT */
/*
 * record: an instance of a class. Mutable; compared and hashed by identity, so that
 * it can be a key.
 *
 * Each slot of the class holds a value or, as yet, none. If the class allows it,
 * any other attribute lives in a dict of the record's own, which is made when the
 * first of them is set.
 *
 * Reading an attribute takes no lock and counts nothing. Writers hold the object's
 * lock, for an attribute without a slot the dict's. Each operation changes one
 * attribute. Whoever makes changes holds the record. The name of an attribute is a
 * str, borrowed (a probe will do).
 */
#ifndef TN_CORE_TYPES_RECORD_H
#define TN_CORE_TYPES_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"
#include "core/types/dict.h"

/* A record without values, of a class that the caller holds. */
TN_MUST_CHECK int tn_record_new(struct tn_mutator *mu, struct tn_object *class,
                                struct tn_object **ret_record);

/* The class: borrowed for as long as the record is. NULL if the record has died. */
struct tn_object *tn_record_class(const struct tn_object *record);

/* A value, borrowed. TN_ERR_KEY if there is no such attribute, or no value in its
 * slot. Lock-free. */
TN_MUST_CHECK int tn_record_get(struct tn_mutator *mu, struct tn_object *record,
                                const struct tn_object *name, struct tn_object **ret_value);

/* Sets an attribute. TN_ERR_KEY if there is no slot for it and the class allows no
 * others. A slot, and overwriting a value, never needs memory. */
TN_MUST_CHECK int tn_record_set(struct tn_mutator *mu, struct tn_object *record,
                                const struct tn_object *name, struct tn_object **take_value);

/* Removes an attribute (its slot is as at the beginning) and hands its value to the
 * caller. TN_ERR_KEY. Never needs memory. */
TN_MUST_CHECK int tn_record_pop(struct tn_mutator *mu, struct tn_object *record,
                                const struct tn_object *name, struct tn_object **ret_value);

/* How many attributes have a value. Counted while others may make changes. */
size_t tn_record_length(const struct tn_object *record);

/*
 * Copies up to `n_max` (at least 1, else TN_ERR_INVAL) attributes that have a value:
 * slots in their order, then the others in the order in which they were set. The
 * slots of one call are as they were at one moment, and so are the others, but at a
 * later one. *cursor is as in tn_dict_scan(): an attribute that has a value
 * throughout a scan is seen exactly once, any other at most once.
 */
TN_MUST_CHECK int tn_record_scan(struct tn_mutator *mu, struct tn_object *record, uint64_t *cursor,
                                 size_t n_max, struct tn_dict_item *items, size_t *ret_n);

/* Removes all attributes, for those who undo what they have built. */
void tn_record_empty(struct tn_mutator *mu, struct tn_object *record);

#endif
