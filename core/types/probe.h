/* SPDX-License-Identifier: MIT */
/*
 * Probes: values that are only compared with, in memory of the caller's.
 *
 * Whoever looks a key up, or removes one, needs an object to compare with, but no
 * place in the heap for it: so looking up costs no allocation, and removing works
 * when the heap is full. A probe looks like an immortal object: counting leaves
 * it alone, and no collector knows it. It must not be stored anywhere in the heap,
 * and dies with its memory, which is aligned to 8 bytes.
 */
#ifndef TN_CORE_TYPES_PROBE_H
#define TN_CORE_TYPES_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"

#define TN_PROBE_NUMBER_BYTES ((size_t)24) /* of an int or a float */

struct tn_object *tn_probe_int(void *memory, int64_t value);
struct tn_object *tn_probe_float(void *memory, double value);

/* The memory for a str or bytes of so many bytes. */
size_t tn_probe_text_bytes(size_t n_bytes);
/* `type` is TN_TYPE_STR or TN_TYPE_BYTES; at most TN_TEXT_BYTES_MAX bytes. The
 * content is copied. */
struct tn_object *tn_probe_text(void *memory, enum tn_type_id type, struct tn_slice content);

/* The memory for a tuple of so many items. */
size_t tn_probe_tuple_bytes(size_t n_items);
/* A tuple of items that are borrowed for as long as it is used: probes or other
 * objects. At most TN_TUPLE_ITEMS_MAX. */
struct tn_object *tn_probe_tuple(void *memory, struct tn_object *const *items, size_t n_items);

/* So many members a frozenset may have: they are searched one by one. */
#define TN_PROBE_FROZENSET_MAX ((size_t)64)

/* The memory for a frozenset of so many members. */
size_t tn_probe_frozenset_bytes(size_t n_members);
/* A frozenset of members that are borrowed as above; equal ones are one. *ret_bad is
 * the member that cannot be one, after TN_ERR_UNHASHABLE or TN_ERR_TOO_DEEP. */
TN_MUST_CHECK int tn_probe_frozenset(const struct tn_heap *heap, void *memory,
                                     struct tn_object *const *members, size_t n_members,
                                     struct tn_object **ret_probe,
                                     const struct tn_object **ret_bad);

#endif
