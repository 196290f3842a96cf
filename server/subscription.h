/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: what a session wants to be told of, and what waits to be told.
 *
 * A hub is a worker's ear: the one listener to the heap's events for all
 * subscriptions of its sessions. It takes the events out of the rings of all
 * mutators (core/object/events.h), offers each to each subscription, and wakes
 * its worker when there are more. So whoever emits an event does work for a
 * worker that listens, not for each subscription; and what is not read in time
 * costs no memory.
 *
 * A subscription that wants an event numbers it and packs it into its queue as
 * it will stand in the answer. The queue is bounded in events and bytes, and
 * paid for from the service's budget when it is made. What finds it full is
 * lost; the next event that fits has a gap in front of it that says how many.
 *
 * Invariants
 *  - next_sequence - 1 = events that were wanted
 *                      = sent or waiting + lost; the lost ones are told in gaps.
 *  - A subscription is on `pending` exactly if it has something to send.
 *  - A subscription ends with its session, before its connection is closed.
 * Threads: the worker's only, but for `wake`. Needs no heap but to begin and to end.
 */
#ifndef TN_SERVER_SUBSCRIPTION_H
#define TN_SERVER_SUBSCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "proto/buffer.h"
#include "server/budget.h"
#include "server/counters.h"
#include "server/ring.h"

struct tn_session;

#define TN_QUEUE_EVENTS 1024 /* where a client did not say how many may wait */
#define TN_QUEUE_EVENTS_MAX 65536
#define TN_SESSION_SUBSCRIPTIONS 16

struct tn_hub {
    /* [const] */
    struct tn_heap *heap;
    struct tn_budget *budget;
    struct tn_counters *counters;
    void (*wake)(void *arg); /* wakes the worker, from any thread; NULL: nobody to wake */
    void *wake_arg;
    /* [owner]  */
    struct tn_event_listener listener; /* listens while there are subscriptions */
    struct tn_ring all;
    struct tn_ring pending;
    size_t n_subscriptions;
};

/* What is asked for. Texts are copied. */
struct tn_subscription_options {
    uint64_t id;    /* of the request */
    uint32_t kinds; /* a mask of enum tn_heap_event_kind, not 0 */
    struct tn_slice prefix;
    struct tn_slice class_name;
    const struct tn_namespace *ns; /* whose names; NULL: all */
    uint32_t limit;                /* events in the queue, not 0 */
};

struct tn_subscription {
    /* [const] */
    struct tn_hub *hub;
    struct tn_session *session;
    struct tn_subscription_options options;
    size_t taken_bytes; /* of the budget */
    /* [owner]  */
    struct tn_subscription *next; /* of the session's */
    struct tn_ring all;
    struct tn_ring pending;
    struct tn_buffer queue; /* entries of `events` in an EventsResponse: tag, length, Event */
    uint32_t n_queued;      /* gaps included */
    uint64_t next_sequence;
    uint64_t gap_lost; /* since the last gap that is in the queue */
    uint64_t gap_unseen;
    uint64_t n_sent; /* and these three: ever */
    uint64_t n_lost;
    uint64_t n_unseen;
    bool is_ended; /* the last message is due */
    char texts[];  /* of `options` */
};

void tn_hub_init(struct tn_hub *hub, struct tn_heap *heap, struct tn_budget *budget,
                 struct tn_counters *counters);

/* All sessions have ended. */
void tn_hub_fini(struct tn_hub *hub);

/* The worker will collect before it sleeps, and need not be woken. */
static inline void tn_hub_expect(struct tn_hub *hub)
{
    if (TN_UNLIKELY(hub->n_subscriptions > 0))
        tn_events_expect(&hub->listener);
}

/* Listens to what the subscriptions want from now on. Fails only where the first
 * subscription makes it begin: TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_hub_choose(struct tn_hub *hub);

/* Takes events out of the rings and offers them, a bounded number. Returns
 * whether there may be more. Offline or online. */
bool tn_hub_collect(struct tn_hub *hub);

/*
 * Makes a subscription of a session that has none with this id. TN_ERR_TOO_MANY:
 * the session has as many as it may. TN_ERR_LIMIT: the budget has no room for the queue.
 * TN_ERR_NOMEM.
 */
TN_MUST_CHECK int tn_subscription_new(struct tn_hub *hub, struct tn_session *session,
                                      const struct tn_subscription_options *options,
                                      struct tn_subscription **ret_subscription);

/* Frees it, and what waits. Nobody is told. Leaves NULL behind. */
void tn_subscription_free(struct tn_subscription **subscriptionp);

/* The session's subscription with an id, or NULL. */
struct tn_subscription *tn_subscription_find(const struct tn_session *session, uint64_t id);

/* Tells a subscription of an event, if it is one for it. */
void tn_subscription_offer(struct tn_subscription *sub, const struct tn_heap_event *event);

/* Throws away what waits; all that is left to send is that the stream has ended. */
void tn_subscription_end(struct tn_subscription *sub);

/*
 * Appends a message with the oldest events, as many as fit into `max_bytes`, to
 * `out`; or the last message, if the subscription has ended. It must be pending.
 * Fails as tn_buffer_reserve(); then nothing is changed.
 */
TN_MUST_CHECK int tn_subscription_pack(struct tn_subscription *sub, size_t max_bytes,
                                       struct tn_buffer *out);

/* Whether a subscription of the session is pending. */
bool tn_session_has_news(const struct tn_session *session);

/* Frees all subscriptions of a session. */
void tn_session_end_subscriptions(struct tn_session *session);

#endif
