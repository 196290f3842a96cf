/* SPDX-License-Identifier: MIT */
/* See stream.h: what comes for a subscription, and telling it. */
#include "client/lib/subscription.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

/* What has come for one subscription and waits to be told. */
#define KEPT_BYTES ((size_t)1 << 20)

/* ---- What comes ---- */

/* Something of a stream that nobody wants: is it the last? */
static void accept_unwanted(tn_client *client, struct tn_flight *flight, struct tn_slice payload)
{
    struct tn_reply_box *box = &client->unwanted_reply;
    const void *result = NULL;
    const Tenure__V1__EventsResponse *batch;

    tn_engine_load(client, box, payload);
    if (client->session->is_open && box->reply.error.err != TN_ENOMEM) {
        /* Else the slot has been freed, or nobody can say. */
        batch = tn_reply_result(&box->reply, TENURE__V1__RESPONSE__RESULT_EVENTS, &result) == 0
                    ? result
                    : NULL;
        if (!batch || batch->ended) /* it was refused, or has ended */
            tn_flights_free(&client->flights, flight);
    }
    tn_reply_box_reset(box);
}

/* The first answer: the stream runs, or it was refused. */
static void accept_first(tn_client *client, tn_subscription *sub, struct tn_slice payload)
{
    struct tn_flight *flight = sub->flight;
    const void *result = NULL;
    int r;

    sub->is_starting = false;
    tn_engine_load(client, &sub->box, payload);
    r = tn_reply_result(&sub->box.reply, TENURE__V1__RESPONSE__RESULT_EVENTS, &result);
    if (r == 0)
        return;
    sub->end_err = r == TN_EINVAL && sub->box.reply.error.err == 0 ? TN_ESERVER : r;
    if (!sub->flight) /* the session was lost over it */
        return;
    sub->flight = NULL;
    tn_flights_free(&client->flights, flight);
}

void tn_stream_accept(tn_client *client, struct tn_flight *flight, struct tn_slice payload)
{
    tn_subscription *sub = flight->subscription;
    struct tn_stored_batch *stored;

    if (!sub) {
        accept_unwanted(client, flight, payload);
        return;
    }
    if (sub->is_starting) {
        accept_first(client, sub, payload);
        return;
    }
    if (sub->stored_bytes + payload.len > KEPT_BYTES)
        return; /* the numbers of the events will show it */
    stored = malloc(sizeof(*stored) + payload.len);
    if (!stored)
        return; /* likewise */
    stored->next = NULL;
    stored->len = payload.len;
    memcpy(stored->payload, payload.data, payload.len);
    if (sub->last_stored)
        sub->last_stored->next = stored;
    else
        sub->first_stored = stored;
    sub->last_stored = stored;
    sub->stored_bytes += payload.len;
}

void tn_stream_lose(tn_client *client, struct tn_flight *flight)
{
    tn_subscription *sub = flight->subscription;

    if (sub) {
        sub->flight = NULL;
        sub->end_err = TN_ESESSION_LOST;
    }
    tn_flights_free(&client->flights, flight);
}

/* ---- Reading what has come ---- */

/* Unpacks the oldest batch that is stored. What cannot be read is thrown away: for
 * want of memory, which is a gap; because it is no batch, which ends the session. */
static void load_batch(tn_subscription *sub)
{
    struct tn_stored_batch *stored = sub->first_stored;
    const void *result = NULL;
    const Tenure__V1__EventsResponse *batch;

    tn_reply_box_reset(&sub->box);
    sub->n_events = sub->at = 0;
    sub->first_stored = stored->next;
    if (!sub->first_stored)
        sub->last_stored = NULL;
    sub->stored_bytes -= stored->len;
    tn_engine_load(sub->client, &sub->box, TN_SLICE(stored->payload, stored->len));
    free(stored);
    if (tn_reply_result(&sub->box.reply, TENURE__V1__RESPONSE__RESULT_EVENTS, &result) < 0)
        return;
    batch = result;
    if (tn_events_from_wire(batch, &sub->box.arena, &sub->events) == 0)
        sub->n_events = batch->n_events;
}

/* The next event that has come, or a gap before it; NULL if there is none. */
static const tn_event *take_event(tn_subscription *sub)
{
    const tn_event *event;

    while (sub->at == sub->n_events) {
        if (!sub->first_stored)
            return NULL;
        load_batch(sub);
    }
    event = &sub->events[sub->at];
    if (event->sequence > sub->next_sequence) {
        sub->gap = (tn_event){
            .kind = TN_EVENT_GAP,
            .sequence = sub->next_sequence,
            .class_name = "",
            .label = "",
            .namespace_name = "",
            .name = "",
            .cause = "",
            .lost = event->sequence - sub->next_sequence,
        };
        sub->next_sequence = event->sequence;
        return &sub->gap;
    }
    sub->at++;
    sub->next_sequence = event->sequence + (event->kind == TN_EVENT_GAP ? event->lost : 1);
    return event;
}

static bool has_come(const tn_subscription *sub)
{
    return sub->at < sub->n_events || sub->first_stored;
}

/* Whether the function of a subscription is to be called. */
static bool has_news(const tn_subscription *sub)
{
    return sub->fn && !sub->is_starting && (has_come(sub) || (!sub->flight && !sub->is_end_told));
}

bool tn_subscriptions_have_news(const tn_client *client)
{
    for (const tn_subscription *sub = client->subscriptions; sub; sub = sub->next)
        if (has_news(sub))
            return true;
    return false;
}

bool tn_subscriptions_may_deliver(const tn_client *client)
{
    for (const tn_subscription *sub = client->subscriptions; sub; sub = sub->next)
        if (sub->fn && sub->flight)
            return true;
    return false;
}

/* Tells one subscription all that has come. It may unsubscribe meanwhile. */
static size_t deliver(tn_client *client, tn_subscription *sub)
{
    const tn_event *event;
    size_t n = 0;

    client->telling = sub;
    while (client->telling == sub && (event = take_event(sub))) {
        sub->fn(sub, event, sub->arg);
        n++;
    }
    if (client->telling == sub && !sub->flight && !sub->is_end_told) {
        sub->is_end_told = true;
        sub->fn(sub, NULL, sub->arg);
        n++;
    }
    client->telling = NULL;
    return n;
}

size_t tn_subscriptions_deliver(tn_client *client)
{
    tn_subscription *sub = client->subscriptions;
    size_t n = 0;

    /* From the beginning each time: functions may begin and end subscriptions. */
    while (sub) {
        if (has_news(sub)) {
            n += deliver(client, sub);
            sub = client->subscriptions;
        } else {
            sub = sub->next;
        }
    }
    return n;
}

/* ---- Beginning and ending ---- */

static ProtobufCBinaryData wire_text(const char *text)
{
    return (ProtobufCBinaryData){ .len = text ? strlen(text) : 0,
                                  .data = (uint8_t *)(uintptr_t)text }; /* is only read */
}

static void unlink_and_free(tn_subscription *sub)
{
    if (sub->client) {
        tn_subscription **at = &sub->client->subscriptions;

        while (*at != sub)
            at = &(*at)->next;
        *at = sub->next;
        if (sub->client->telling == sub)
            sub->client->telling = NULL;
    }
    while (sub->first_stored) {
        struct tn_stored_batch *stored = sub->first_stored;

        sub->first_stored = stored->next;
        free(stored);
    }
    tn_reply_box_fini(&sub->box);
    free(sub);
}

void tn_subscriptions_detach(tn_client *client)
{
    while (client->subscriptions) {
        tn_subscription *sub = client->subscriptions;

        client->subscriptions = sub->next;
        sub->client = NULL;
        sub->next = NULL;
    }
}

/* Nobody wants a stream any more: tells the server. */
static int submit_unsubscribe(tn_client *client, struct tn_flight *stream, uint32_t timeout_ms,
                              enum tn_flight_kind kind, struct tn_flight **ret_flight)
{
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    Tenure__V1__UnsubscribeRequest unsubscribe = TENURE__V1__UNSUBSCRIBE_REQUEST__INIT;

    stream->subscription = NULL;
    unsubscribe.subscription = stream->id;
    request.op_case = TENURE__V1__REQUEST__OP_UNSUBSCRIBE;
    request.unsubscribe = &unsubscribe;
    return tn_engine_submit_request(client, &request, kind, timeout_ms, ret_flight);
}

/* The first answer has not come in time. If it comes later, nobody wants it. */
static int give_up(tn_client *client, tn_subscription *sub)
{
    struct tn_flight *stream = sub->flight;
    struct tn_flight *flight;

    sub->flight = NULL;
    sub->end_err = TN_ETIMEOUT;
    /* Without memory for it the stream goes on unheard. */
    (void)submit_unsubscribe(client, stream, 0, TN_FLIGHT_DISCARD, &flight);
    return tn_client_error_set_plain(&client->error, TN_ETIMEOUT);
}

static int await_first(tn_client *client, tn_subscription *sub, uint64_t deadline_ns)
{
    while (sub->is_starting && sub->flight) {
        int r = tn_engine_transfer(client, deadline_ns);

        if (r < 0)
            return r;
        (void)tn_engine_accept(client, false); /* delivers nothing */
        if (sub->is_starting && sub->flight && tn_deadline_has_passed(deadline_ns))
            return give_up(client, sub);
    }
    if (!client->session->is_open)
        return tn_client_error_set(&client->error, TN_ESESSION_LOST, "%s", client->lost);
    if (sub->flight)
        return 0;
    if (sub->box.reply.error.err == 0)
        return tn_client_fail_reading(client, sub->end_err);
    tn_client_error_copy(&client->error, &sub->box.reply.error);
    return sub->end_err;
}

static int submit_subscribe(tn_client *client, const tn_subscribe_options *options,
                            tn_subscription *sub)
{
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    Tenure__V1__SubscribeRequest subscribe = TENURE__V1__SUBSCRIBE_REQUEST__INIT;
    int r;

    subscribe.kinds = options->kinds;
    subscribe.prefix = wire_text(options->prefix);
    subscribe.class_name = wire_text(options->class_name);
    subscribe.queue_limit = options->queue_limit;
    subscribe.all_namespaces = options->all_namespaces;
    request.op_case = TENURE__V1__REQUEST__OP_SUBSCRIBE;
    request.subscribe = &subscribe;
    r = tn_engine_submit_request(client, &request, TN_FLIGHT_STREAM, client->timeout_ms,
                                 &sub->flight);
    if (r < 0)
        return r;
    sub->flight->subscription = sub;
    sub->id = sub->flight->id;
    return 0;
}

static tn_subscription *new_subscription(tn_client *client, tn_event_fn *fn, void *arg)
{
    tn_subscription *sub = calloc(1, sizeof(*sub));

    if (!sub || tn_reply_box_init(&sub->box, client->session) < 0) {
        free(sub);
        return NULL;
    }
    sub->client = client;
    sub->fn = fn;
    sub->arg = arg;
    sub->is_starting = true;
    sub->next_sequence = 1;
    sub->next = client->subscriptions;
    client->subscriptions = sub;
    return sub;
}

int tn_client_subscribe(tn_client *client, const tn_subscribe_options *options, tn_event_fn *fn,
                        void *arg, tn_subscription **ret_subscription)
{
    static const tn_subscribe_options defaults = TN_SUBSCRIBE_OPTIONS_INIT;
    tn_subscription *sub;
    uint64_t deadline_ns;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!options)
        options = &defaults;
    if (!ret_subscription || options->struct_size < sizeof(*options))
        return tn_client_fail_reading(client, TN_EINVAL);
    deadline_ns = tn_deadline_in(client->timeout_ms);
    r = tn_engine_await_slot(client, deadline_ns);
    if (r < 0)
        return r;
    sub = new_subscription(client, fn, arg);
    if (!sub)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    r = submit_subscribe(client, options, sub);
    if (r == 0)
        r = await_first(client, sub, deadline_ns);
    if (r < 0) {
        unlink_and_free(sub);
        return r;
    }
    *ret_subscription = sub;
    return 0;
}

int tn_client_unsubscribe(tn_subscription **subscriptionp)
{
    tn_subscription *sub;
    tn_client *client;
    struct tn_flight *stream;
    struct tn_flight *flight;
    int r = 0;

    if (!subscriptionp || !*subscriptionp)
        return 0;
    sub = *subscriptionp;
    *subscriptionp = NULL;
    client = sub->client;
    stream = sub->flight;
    unlink_and_free(sub);
    if (!client || !stream)
        return 0;
    stream->subscription = NULL;
    r = tn_client_enter(client);
    if (r == 0)
        r = tn_engine_await_slot(client, tn_deadline_in(client->timeout_ms));
    if (r < 0)
        return r;
    tn_reply_box_reset(&client->call_reply);
    r = submit_unsubscribe(client, stream, client->timeout_ms, TN_FLIGHT_CALL, &flight);
    return r < 0 ? r : tn_engine_await(client, flight);
}

uint64_t tn_subscription_id(const tn_subscription *subscription)
{
    return subscription ? subscription->id : 0;
}

int tn_events_next(tn_subscription *subscription, uint32_t timeout_ms, const tn_event **ret_event)
{
    const tn_event *event;
    tn_client *client;
    uint64_t deadline_ns;

    if (!subscription || !ret_event || subscription->fn)
        return TN_EINVAL;
    client = subscription->client;
    if (!client)
        return TN_ESESSION_LOST;
    tn_client_error_clear(&client->error);
    deadline_ns = timeout_ms == 0 ? 1 : tn_deadline_in(timeout_ms); /* 1 has passed long ago */
    while (!(event = take_event(subscription))) {
        int r = tn_client_enter(client);

        if (r == 0)
            r = tn_engine_transfer(client, deadline_ns);
        if (r < 0)
            return r;
        (void)tn_engine_accept(client, false); /* delivers nothing */
        if (!has_come(subscription) && client->session->is_open &&
            tn_deadline_has_passed(deadline_ns))
            return 0;
    }
    *ret_event = event;
    return 1;
}
