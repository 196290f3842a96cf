/* SPDX-License-Identifier: MIT */
/* The type of weakrefs. What they do is in core/object/weakref.h. */
#include "core/object/heap_internal.h"
#include "core/types/types_internal.h"

/* Holds no reference, but is known to its object's entry in the table. */
static bool weakref_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    (void)budget;
    tn_weakref_unregister(mu, o);
    return true;
}

static size_t weakref_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_weakref);
}

/* Of which weakref it is: what it refers to may be gone. */
static int weakref_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                        uint32_t *ret_hash)
{
    (void)depth;
    *ret_hash = (uint32_t)tn_siphash_u64(&heap->hash_key, (uintptr_t)o);
    return 0;
}

const struct tn_type tn_type_weakref = {
    .name = "weakref",
    .id = TN_TYPE_WEAKREF,
    .has_no_weakrefs = true,
    .clear = weakref_clear,
    .block_size = weakref_block_size,
    .hash = weakref_hash,
};
