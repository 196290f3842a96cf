/* SPDX-License-Identifier: MIT */
/* How requests end other than by an answer that somebody waits for. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/client.h"
#include "client/lib/subscription.h"
#include "core/base/check.h"

void tn_pending_end(struct tn_pending *pending)
{
    pending->client = NULL;
    pending->flight = NULL;
}

/* Ends a tn_pending that got no answer. It may outlive the client, and so may
 * not refer to the client's words. */
static void fail_pending(struct tn_pending *pending, int err, const char *message)
{
    char *copy = NULL;

    if (message) {
        size_t size = strlen(message) + 1;

        copy = tn_arena_alloc(&pending->box.arena, size);
        if (copy)
            memcpy(copy, message, size);
    }
    tn_reply_box_fail(&pending->box, err, copy);
    tn_pending_end(pending);
}

/* One request ends with the session. */
static void lose_flight(tn_client *client, struct tn_flight *flight)
{
    switch (flight->kind) {
    case TN_FLIGHT_CALL:
        if (client->call_id == flight->id) {
            client->call_id = 0;
            tn_reply_box_fail(&client->call_reply, TN_ESESSION_LOST, client->lost);
        }
        tn_flights_free(&client->flights, flight);
        break;
    case TN_FLIGHT_PENDING:
        fail_pending(flight->pending, TN_ESESSION_LOST, client->lost);
        tn_flights_free(&client->flights, flight);
        break;
    case TN_FLIGHT_DISCARD:
        tn_flights_free(&client->flights, flight);
        break;
    case TN_FLIGHT_CALLBACK:
        flight->is_answered = true; /* nothing more will come */
        if (!flight->is_ended)
            tn_flights_end(&client->flights, flight, TN_ESESSION_LOST, NULL, 0);
        break;
    case TN_FLIGHT_STREAM:
        tn_stream_lose(client, flight);
        break;
    case TN_FLIGHT_FREE:
        break;
    }
}

void tn_engine_lose(tn_client *client, const char *why, ...)
{
    static const char gone[] = ". Its handles are gone; open another client.";
    static const char kept[] = ". The server keeps it for a while; see tn_client_resume().";
    const char *suffix = client->lease_ms > 0 ? kept : gone;
    size_t suffix_size = client->lease_ms > 0 ? sizeof(kept) : sizeof(gone);
    size_t len;
    va_list args;

    if (!client->session->is_open)
        return;
    client->session->is_open = false;
    client->session->is_kept = client->lease_ms > 0;
    (void)close(client->fd); /* nothing more can be done with it */
    client->fd = -1;

    len = (size_t)snprintf(client->lost, sizeof(client->lost), "The session is lost: ");
    va_start(args, why);
    (void)vsnprintf(client->lost + len, sizeof(client->lost) - len - suffix_size, why, args);
    va_end(args);
    len = strlen(client->lost);
    if (client->lost[len - 1] == '.')
        len--;
    memcpy(client->lost + len, suffix, suffix_size);

    for (uint32_t i = 0; i < client->flights.n_slots; i++)
        lose_flight(client, &client->flights.slots[i]);
}

size_t tn_engine_expire(tn_client *client)
{
    struct tn_flights *flights = &client->flights;
    uint64_t earliest_ns = UINT64_MAX;
    uint64_t now;
    size_t n = 0;

    if (flights->earliest_ns == UINT64_MAX)
        return 0;
    now = tn_clock_ns();
    if (now < flights->earliest_ns)
        return 0;

    for (uint32_t i = 0; i < flights->n_slots; i++) {
        struct tn_flight *flight = &flights->slots[i];

        if (flight->deadline_ns == 0 || flight->kind == TN_FLIGHT_FREE)
            continue;
        if (flight->deadline_ns > now || flight->kind == TN_FLIGHT_CALL) {
            if (flight->deadline_ns < earliest_ns)
                earliest_ns = flight->deadline_ns;
            continue;
        }
        if (flight->kind == TN_FLIGHT_CALLBACK) {
            tn_flights_end(flights, flight, TN_ETIMEOUT, NULL, 0);
            continue;
        }
        if (flight->kind == TN_FLIGHT_PENDING) {
            fail_pending(flight->pending, TN_ETIMEOUT, NULL);
            n++;
        }
        tn_flights_discard(flights, flight, true);
    }
    flights->earliest_ns = earliest_ns;
    return n;
}

void tn_engine_call_back(tn_client *client, tn_reply_fn *fn, void *arg)
{
    if (fn)
        fn(client, &client->callback_reply.reply, arg);
    tn_reply_box_reset(&client->callback_reply);
}

/* Fills callback_reply with how a request has ended. */
static void load_ended(tn_client *client, const struct tn_flight *flight)
{
    struct tn_reply_box *box = &client->callback_reply;
    struct tn_status status;

    if (!flight->stored) {
        tn_reply_box_fail(box, flight->end_err,
                          flight->end_err == TN_ESESSION_LOST ? client->lost : NULL);
        return;
    }
    if (tn_reply_box_load(box, TN_SLICE(flight->stored, flight->stored_len), &status) != TN_ESERVER)
        return;
    tn_engine_lose(client, "the server sent what is no answer (%s)", status.message);
    tn_reply_box_fail(box, TN_ESESSION_LOST, client->lost);
}

size_t tn_engine_deliver(tn_client *client)
{
    struct tn_flight *flight;
    size_t n = 0;

    while ((flight = tn_flights_pop_ended(&client->flights))) {
        tn_reply_fn *fn = flight->fn;
        void *arg = flight->arg;

        load_ended(client, flight);
        if (flight->is_answered)
            tn_flights_free(&client->flights, flight);
        else
            tn_flights_discard(&client->flights, flight, true);
        tn_engine_call_back(client, fn, arg);
        n++;
    }
    return n + tn_subscriptions_deliver(client);
}
