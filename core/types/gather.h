/* SPDX-License-Identifier: MIT */
/*
 * What a container is extended with: the items of another one, or of itself, at one
 * moment, each with a reference, in a buffer that nobody else sees.
 */
#ifndef TN_CORE_TYPES_GATHER_H
#define TN_CORE_TYPES_GATHER_H

#include <stddef.h>

#include "core/base/attr.h"
#include "core/object/mutator.h"
#include "core/object/object.h"

struct tn_gathered {
    struct tn_buffer buffer; /* first; its size says how many items there are */
    struct tn_object *items[];
};

/* Gathers the items of a list, tuple or deque; no items are a NULL. TN_ERR_TYPE for
 * anything else, TN_ERR_NOMEM, TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_gather(struct tn_mutator *mu, struct tn_object *from,
                            struct tn_gathered **ret_gathered);

/* How many there were. `gathered` may be NULL. */
static inline size_t tn_gathered_n(const struct tn_gathered *gathered)
{
    if (gathered == NULL)
        return 0;
    return (gathered->buffer.size_bytes - sizeof(*gathered)) / sizeof(struct tn_object *);
}

/* Publishes the items for a container, before it is locked. */
void tn_gathered_publish_for(struct tn_mutator *mu, const struct tn_object *container,
                             const struct tn_gathered *gathered);

/* Drops the items that have not been taken out, leaving NULL in their place, and
 * frees the buffer. Leaves NULL behind; accepts NULL. */
void tn_gathered_free(struct tn_mutator *mu, struct tn_gathered **gatheredp);

#endif
