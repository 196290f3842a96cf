/* SPDX-License-Identifier: MIT */
/*
 * Limbo: memory that is dead but may still be looked at.
 *
 * What is retired goes onto the `open` lists, linked through itself, so that
 * retiring never allocates. When the batch that waits has been freed, the open
 * lists become the waiting batch and are tagged with the number of the grace
 * period that must have passed (grace.h). Two batches at most: nothing grows
 * but the lists.
 */
#ifndef TN_CORE_MEMORY_LIMBO_H
#define TN_CORE_MEMORY_LIMBO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tn_object;
struct tn_buffer;
struct tn_name_entry;

struct tn_limbo_batch {
    struct tn_object *objects;   /* linked through `shared`, see object/death.c */
    struct tn_buffer *buffers;   /* linked through `next` */
    struct tn_name_entry *names; /* linked through `link`, see object/names.c */
    uint64_t grace;              /* number of the grace period to wait for */
};

struct tn_limbo {
    /* [owner]  */
    struct tn_limbo_batch open;
    struct tn_limbo_batch waiting;
    /* [owner]  written with relaxed stores, read by anyone for statistics */
    _Atomic(int64_t) n_objs;
    _Atomic(int64_t) bytes; /* of everything, open and waiting */
};

static inline bool tn_limbo_batch_is_empty(const struct tn_limbo_batch *batch)
{
    return batch->objects == NULL && batch->buffers == NULL && batch->names == NULL;
}

static inline bool tn_limbo_is_empty(const struct tn_limbo *limbo)
{
    return tn_limbo_batch_is_empty(&limbo->open) && tn_limbo_batch_is_empty(&limbo->waiting);
}

#endif
