/* SPDX-License-Identifier: MIT */
/*
 * A type: one table of operations. The heap, the collectors and introspection
 * know objects only through it, so that a new type is one file in core/types/
 * and one line in core/types/types.c.
 */
#ifndef TN_CORE_OBJECT_TYPE_H
#define TN_CORE_OBJECT_TYPE_H

#include "core/object/object.h"

/* Called with each object that a container refers to. A negative result ends
 * the walk and is what the walk returns. */
typedef int (*tn_visit_fn)(struct tn_object *child, void *arg);

struct tn_type {
    const char *name;
    enum tn_type_id id;
    /* Can refer to other objects and so be part of a cycle. */
    bool is_container;
    /* Can change after it is built, and so cannot be a key. */
    bool is_mutable;

    /*
     * Visits every referenced object. NULL for types that are no containers.
     * Safe beside writers, in a read section: what is visited was referenced
     * at some moment of the walk. Takes no lock and no reference.
     */
    int (*traverse)(const struct tn_object *o, tn_visit_fn visit, void *arg);

    /*
     * Drops up to *budget of the references that a dead object holds, lowers
     * *budget by that number, and returns true once none is left and the
     * memory outside the object's own block is retired. NULL: nothing to drop.
     * Never allocates, never fails. Readers may still be looking.
     */
    bool (*clear)(struct tn_mutator *mu, struct tn_object *o, size_t *budget);

    /* Bytes of the object's own block, as it was allocated. */
    size_t (*block_size)(const struct tn_object *o);

    /* Bytes beyond the block that belong to the object alone (its buffer).
     * NULL: none. Safe beside writers, in a read section. */
    size_t (*extra_size)(const struct tn_object *o);

    /* Items of a container, bytes, or code points. NULL: has no length. */
    uint64_t (*length)(const struct tn_object *o);

    /*
     * 32-bit hash, the same for equal objects; TN_ERR_UNHASHABLE or
     * TN_ERR_TOO_DEEP. `depth` is how much deeper a tuple may go. NULL: unhashable.
     */
    int (*hash)(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                uint32_t *ret_hash);

    /*
     * Whether two objects are equal, `a` of this type and `b` of any. Only
     * called for hashable objects in key lookups (no lock, no reference, in a
     * read section) and by tn_equal().
     */
    bool (*equal)(const struct tn_object *a, const struct tn_object *b);
};

/* The table of a type number, which must be one that an object can have. */
const struct tn_type *tn_type_of_id(enum tn_type_id id);

static inline const struct tn_type *tn_type_of(const struct tn_object *o)
{
    return tn_type_of_id((enum tn_type_id)o->type);
}

#endif
