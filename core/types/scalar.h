/* SPDX-License-Identifier: MIT */
/*
 * none, bool, int, float: a header and eight bytes.
 *
 * none, true, false and the ints from TN_SMALL_INT_MIN to TN_SMALL_INT_MAX exist
 * once a heap and are immortal. Immutable, so everything here is safe for any
 * thread that may look at the object.
 */
#ifndef TN_CORE_TYPES_SCALAR_H
#define TN_CORE_TYPES_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

#define TN_SMALL_INT_MIN (-5)
#define TN_SMALL_INT_MAX 256

/* The one none; immortal. */
struct tn_object *tn_none(struct tn_heap *heap);
/* The one true or false; immortal. */
struct tn_object *tn_bool(struct tn_heap *heap, bool value);
bool tn_bool_value(const struct tn_object *o);

TN_MUST_CHECK int tn_int_new(struct tn_mutator *mu, int64_t value, struct tn_object **ret_int);
int64_t tn_int_value(const struct tn_object *o);

TN_MUST_CHECK int tn_float_new(struct tn_mutator *mu, double value, struct tn_object **ret_float);
double tn_float_value(const struct tn_object *o);

#endif
