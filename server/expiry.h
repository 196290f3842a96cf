/* SPDX-License-Identifier: MIT */
/*
 * What expires, in the order of time: a ring that is sorted by it. Most things in one
 * ring last equally long, so the place of a new one is mostly at the end.
 * Threads: whatever lock the ring's owner has for it.
 */
#ifndef TN_SERVER_EXPIRY_H
#define TN_SERVER_EXPIRY_H

#include <stdint.h>

#include "server/ring.h"

struct tn_expiry {
    struct tn_ring link;
    uint64_t expires_ns;
};

static inline struct tn_expiry *tn_expiry_of(struct tn_ring *link)
{
    return TN_CONTAINER_OF(link, struct tn_expiry, link);
}

static inline void tn_expiry_insert(struct tn_ring *ring, struct tn_expiry *entry,
                                    uint64_t expires_ns)
{
    struct tn_ring *before = ring;

    entry->expires_ns = expires_ns;
    while (before->prev != ring && tn_expiry_of(before->prev)->expires_ns > expires_ns)
        before = before->prev;
    tn_ring_push_back(before, &entry->link);
}

/* The first one, if it has expired by then; else NULL. It stays on the ring. */
static inline struct tn_expiry *tn_expiry_due(const struct tn_ring *ring, uint64_t now_ns)
{
    struct tn_expiry *first = tn_ring_is_empty(ring) ? NULL : tn_expiry_of(ring->next);

    return first != NULL && first->expires_ns <= now_ns ? first : NULL;
}

/* When the first one expires; UINT64_MAX if there is none. */
static inline uint64_t tn_expiry_next_ns(const struct tn_ring *ring)
{
    return tn_ring_is_empty(ring) ? UINT64_MAX : tn_expiry_of(ring->next)->expires_ns;
}

#endif
