/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: many messages that come for one request.
 *
 * What comes is stored as it is, whoever is just receiving, and read when its
 * owner can be told: batch by batch into the subscription's own box. What would
 * make more than KEPT_BYTES of it is thrown away. Events are numbered, so that
 * the loss is found, and told as a gap, when the next event is.
 *
 * A subscription that is given up leaves its slot to what still comes for it,
 * until the server says that the stream has ended.
 */
#ifndef TN_CLIENT_LIB_SUBSCRIPTION_H
#define TN_CLIENT_LIB_SUBSCRIPTION_H

#include "client/lib/client.h"
#include "core/base/attr.h"
#include "core/base/slice.h"

struct tn_stored_batch {
    struct tn_stored_batch *next;
    size_t len;
    unsigned char payload[];
};

struct tn_subscription {
    tn_client *client; /* NULL: it has been closed */
    tn_subscription *next;
    struct tn_flight *flight; /* NULL: nothing more comes */
    uint64_t id;
    tn_event_fn *fn; /* NULL: events are asked for */
    void *arg;
    bool is_starting; /* the first answer has not come */
    bool is_end_told; /* `fn` has been told that nothing more comes */
    int end_err;      /* why nothing more comes */
    uint64_t next_sequence;
    /* What has come and is not read, oldest first. */
    struct tn_stored_batch *first_stored;
    struct tn_stored_batch *last_stored;
    size_t stored_bytes;
    /* The batch that is being read. */
    struct tn_reply_box box;
    tn_event *events; /* in the box's arena */
    size_t n_events;
    size_t at;
    tn_event gap; /* where something was thrown away here */
};

/* A message of a stream has come. */
void tn_stream_accept(tn_client *client, struct tn_flight *flight, struct tn_slice payload);

/* The session is lost; the slot is freed. */
void tn_stream_lose(tn_client *client, struct tn_flight *flight);

/* Calls the functions of subscriptions for what has come. Returns how many times. */
size_t tn_subscriptions_deliver(tn_client *client);

/* Whether tn_subscriptions_deliver() would call one; whether it may have to later. */
bool tn_subscriptions_have_news(const tn_client *client);
bool tn_subscriptions_may_deliver(const tn_client *client);

/* The client is being freed; its subscriptions stay, to be freed. */
void tn_subscriptions_detach(tn_client *client);

/* ---- event_in.c ---- */

/* The events of a batch, made in the arena. TN_ENOMEM; TN_ESERVER if one is none. */
TN_MUST_CHECK int tn_events_from_wire(const Tenure__V1__EventsResponse *batch,
                                      struct tn_arena *arena, tn_event **ret_events);

#endif
