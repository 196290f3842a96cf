/* SPDX-License-Identifier: MIT */
/*
 * Rings: doubly linked lists through their members, the head being a link too.
 * A member that is on no ring has a link of zeros. Threads: one at a time.
 */
#ifndef TN_SERVER_RING_H
#define TN_SERVER_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/check.h"

struct tn_ring {
    struct tn_ring *next;
    struct tn_ring *prev;
};

/* Makes an empty ring of a head. */
static inline void tn_ring_init(struct tn_ring *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool tn_ring_is_empty(const struct tn_ring *head)
{
    return head->next == head;
}

static inline bool tn_ring_is_linked(const struct tn_ring *link)
{
    return link->next != NULL;
}

static inline void tn_ring_push_back(struct tn_ring *head, struct tn_ring *link)
{
    TN_ASSERT(!tn_ring_is_linked(link));
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

static inline void tn_ring_push_front(struct tn_ring *head, struct tn_ring *link)
{
    tn_ring_push_back(head->next, link); /* in front of what is first */
}

/* Takes a member off its ring, if it is on one. */
static inline void tn_ring_remove(struct tn_ring *link)
{
    if (!tn_ring_is_linked(link))
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = NULL;
    link->prev = NULL;
}

/* The first member, taken off; NULL if there is none. */
static inline struct tn_ring *tn_ring_pop_front(struct tn_ring *head)
{
    struct tn_ring *link = head->next;

    if (link == head)
        return NULL;
    tn_ring_remove(link);
    return link;
}

#endif
