/* SPDX-License-Identifier: MIT */
/*
 * A type: one table of operations. The heap, the collectors and introspection
 * know objects only through it, so that a new type is one file in core/types/
 * and one line in core/types/types.c.
 */
#ifndef TN_CORE_OBJECT_TYPE_H
#define TN_CORE_OBJECT_TYPE_H

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"

/* Called with each object that a container refers to. A negative result ends
 * the walk and is what the walk returns. */
typedef int (*tn_visit_fn)(struct tn_object *child, void *arg);

/*
 * What one comparison may still cost. Containers can be nested, and shared so
 * that there are many more paths than objects: without a limit, comparing two
 * small structures could take for ever.
 */
struct tn_compare {
    const struct tn_heap *heap;
    uint64_t n_left;         /* pairs of objects that may still be compared */
    unsigned int depth_left; /* how much deeper containers may be nested */
};

/* What its death notice says of an object besides identity and size. */
struct tn_obituary {
    struct tn_slice class_name; /* before the type has a say: the type's name */
    struct tn_slice label;      /* empty: none */
    uint64_t born_ns;           /* tn_clock_coarse_ns() at its birth; 0: not known */
};

struct tn_type {
    const char *name;
    enum tn_type_id id;
    /* Can refer to other objects and so be part of a cycle. */
    bool is_container;
    /* Can change after it is built. If it is compared by content, it then cannot be
     * a key. */
    bool is_mutable;
    /* Cannot be referred to weakly: its value is what matters, not which object
     * it is; or it is a weakref itself. */
    bool has_no_weakrefs;

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

    /*
     * Fills in what is known about an object that dies with TN_BIT_FINALIZER; the
     * texts must stay until it is emptied. NULL: nothing. Called by the bearer, once,
     * before clear(). Never allocates, takes no lock.
     */
    void (*obituary)(const struct tn_object *o, struct tn_obituary *ret_obituary);

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
     * Whether two objects are equal, `a` of this type and `b` of any: 1, 0, or
     * TN_ERR_TOO_DEEP. Takes no lock and no reference, in a read section. NULL:
     * equal only to itself.
     */
    int (*equal)(const struct tn_object *a, const struct tn_object *b, struct tn_compare *limits);
};

/* By type number; NULL for TN_TYPE_FREE. */
extern const struct tn_type *const tn_types[TN_TYPE_END];

/*
 * The objects that a heap has once and for all, such as none and the small ints;
 * what they are is the types' business (core/types/immortals.h). TN_ERR_NOMEM.
 */
struct tn_immortals;
struct tn_siphash_key;
TN_MUST_CHECK int tn_immortals_new(const struct tn_siphash_key *hash_key,
                                   struct tn_immortals **ret_immortals);
void tn_immortals_free(struct tn_immortals **immortalsp);

/*
 * The strs of which a heap keeps one copy each. It refers to them weakly: they have
 * TN_BIT_WEAK, and death.c says when one of them has died. What they are is the
 * types' business (core/types/intern.h). TN_ERR_NOMEM.
 */
struct tn_interned;
TN_MUST_CHECK int tn_interned_new(struct tn_interned **ret_interned);
/* Takes a dead str out, if it is in there. Its memory stays until this returns. */
void tn_interned_forget(struct tn_mutator *mu, struct tn_object *dead);
/* Forgets all, alive or not, and retires all memory. Nobody else uses the heap. */
void tn_interned_clear(struct tn_mutator *mu);
/* Frees what is empty. */
void tn_interned_free(struct tn_interned **internedp);

/* The table of a type number, which must be one that an object can have. */
static inline const struct tn_type *tn_type_of_id(enum tn_type_id id)
{
    return tn_types[id];
}

static inline const struct tn_type *tn_type_of(const struct tn_object *o)
{
    return tn_type_of_id((enum tn_type_id)o->type);
}

#endif
