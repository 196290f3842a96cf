/* SPDX-License-Identifier: MIT */
/* tuple: header, length, cached hash, items; one block. Immutable once built. */
#ifndef TN_CORE_TYPES_TUPLE_H
#define TN_CORE_TYPES_TUPLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

#define TN_TUPLE_ITEMS_MAX ((size_t)UINT32_MAX)

/* A tuple of `n_items` places that hold none, to be filled before anybody else
 * can see it; the immortal empty tuple for 0. TN_ERR_TOO_BIG, TN_ERR_NOMEM, TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_tuple_new(struct tn_mutator *mu, size_t n_items, struct tn_object **ret_tuple);

/* Fills a place that has not been filled. Takes over the reference; cannot fail. */
void tn_tuple_fill(struct tn_mutator *mu, struct tn_object *tuple, size_t index,
                   struct tn_object **take_item);

size_t tn_tuple_length(const struct tn_object *tuple);
/* Borrowed from the tuple. `index` is below the length. NULL if the tuple itself
 * is only borrowed and has died meanwhile. */
struct tn_object *tn_tuple_get(const struct tn_object *tuple, size_t index);

#endif
