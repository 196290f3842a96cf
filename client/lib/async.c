/* SPDX-License-Identifier: MIT */
/* Calls that do not wait, and waiting for them. */
#include <stdlib.h>

#include "client/lib/client.h"
#include "client/lib/subscription.h"
#include "core/base/check.h"

/* So much is gathered before it is sent without being asked. */
#define GATHER_BYTES ((size_t)64 << 10)

/* Whether a request may be submitted, or states TN_EAGAIN. */
static int check_room(tn_client *client)
{
    if (tn_flights_n_requests(&client->flights) >= client->window)
        return tn_client_error_set(&client->error, TN_EAGAIN,
                                   "%u requests are in flight, which is as many as may be; wait "
                                   "for answers first.",
                                   tn_flights_n_requests(&client->flights));
    if (tn_buffer_len(&client->out) >= client->max_unsent_bytes) {
        int r = tn_engine_send(client);

        if (r < 0)
            return r;
    }
    if (tn_buffer_len(&client->out) >= client->max_unsent_bytes)
        return tn_client_error_set(&client->error, TN_EAGAIN,
                                   "%zu bytes of requests wait to be sent, which is as many as "
                                   "may be; wait for answers first.",
                                   tn_buffer_len(&client->out));
    return 0;
}

/* Whether something may be submitted, or states why not. */
static int enter_submission(tn_client *client, const tn_op *op)
{
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!op)
        return tn_client_error_set(&client->error, TN_EINVAL, "The tn_op is NULL.");
    return check_room(client);
}

/* Starts sending if there is enough. The request is accepted in any case: if the
 * session is lost now, the request ends like all the others. */
static void send_if_gathered(tn_client *client)
{
    if (tn_buffer_len(&client->out) >= GATHER_BYTES) {
        int r = tn_engine_send(client);

        (void)r;
        tn_client_error_clear(&client->error);
    }
}

int tn_client_submit(tn_client *client, const tn_op *op, tn_reply_fn *fn, void *arg)
{
    struct tn_flight *flight;
    int r = enter_submission(client, op);

    if (r < 0)
        return r;
    r = tn_engine_submit(client, op, TN_FLIGHT_CALLBACK, tn_op_timeout(client, op), &flight);
    if (r < 0)
        return r;
    flight->fn = fn;
    flight->arg = arg;
    send_if_gathered(client);
    return 0;
}

int tn_pending_start(tn_client *client, const tn_op *op, tn_pending **ret_pending)
{
    tn_pending *pending = calloc(1, sizeof(*pending));
    struct tn_flight *flight;
    int r;

    if (!pending || tn_reply_box_init(&pending->box, client->session) < 0) {
        free(pending);
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    }
    r = tn_engine_submit(client, op, TN_FLIGHT_PENDING, tn_op_timeout(client, op), &flight);
    if (r < 0) {
        tn_reply_box_fini(&pending->box);
        free(pending);
        return r;
    }
    pending->client = client;
    pending->flight = flight;
    flight->pending = pending;
    *ret_pending = pending;
    return 0;
}

int tn_client_begin(tn_client *client, const tn_op *op, tn_pending **ret_pending)
{
    int r = enter_submission(client, op);

    if (r < 0)
        return r;
    if (!ret_pending)
        return tn_client_error_set(&client->error, TN_EINVAL,
                                   "The pointer for the result is NULL.");
    r = tn_pending_start(client, op, ret_pending);
    if (r < 0)
        return r;
    send_if_gathered(client);
    return 0;
}

bool tn_pending_is_done(const tn_pending *pending)
{
    return pending && !pending->flight;
}

/* The deadline of a request that is waited for has passed. */
static void expire_pending(tn_client *client, tn_pending *pending)
{
    tn_flights_discard(&client->flights, pending->flight, true);
    tn_reply_box_fail(&pending->box, TN_ETIMEOUT, NULL);
    tn_pending_end(pending);
}

int tn_pending_wait(tn_pending *pending, tn_reply **ret_reply)
{
    tn_client *client;
    int r;

    if (ret_reply)
        *ret_reply = NULL;
    if (!pending)
        return TN_EINVAL;
    client = pending->client;
    if (pending->flight) {
        r = tn_client_enter(client);
        if (r < 0)
            return r;
    }
    while (pending->flight) {
        uint64_t deadline_ns = pending->flight->deadline_ns;

        if (tn_engine_transfer(client, deadline_ns) < 0)
            break;                             /* the loss has ended it */
        (void)tn_engine_accept(client, false); /* delivers nothing */
        if (pending->flight && tn_deadline_has_passed(deadline_ns))
            expire_pending(client, pending);
    }
    if (ret_reply)
        *ret_reply = &pending->box.reply;
    return pending->box.reply.error.err;
}

void tn_pending_free(tn_pending **pendingp)
{
    tn_pending *pending;

    if (!pendingp || !*pendingp)
        return;
    pending = *pendingp;
    *pendingp = NULL;
    if (pending->flight)
        tn_flights_discard(&pending->client->flights, pending->flight, false);
    tn_reply_box_fini(&pending->box);
    free(pending);
}

int tn_client_flush(tn_client *client)
{
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    (void)tn_engine_submit_releases(client, TN_FLIGHT_DISCARD, client->timeout_ms, NULL);
    return tn_engine_send(client);
}

/* Requests that can still end in time. */
static uint32_t n_alive(const tn_client *client)
{
    return tn_flights_n_requests(&client->flights) - client->flights.n_abandoned;
}

/* The earlier of two deadlines, where 0 is none. */
static uint64_t earlier(uint64_t deadline_ns, uint64_t earliest_ns)
{
    if (earliest_ns == UINT64_MAX)
        return deadline_ns;
    return deadline_ns != 0 && deadline_ns < earliest_ns ? deadline_ns : earliest_ns;
}

/* Delivers and waits until something has ended or `deadline_ns` (0: none) has
 * passed. Returns how many requests have ended. */
static size_t run(tn_client *client, uint64_t deadline_ns)
{
    size_t n = tn_engine_deliver(client);

    (void)tn_engine_submit_releases(client, TN_FLIGHT_DISCARD, client->timeout_ms, NULL);
    while (client->session->is_open) {
        /* 1 has passed long ago: then only what is there is taken. */
        bool may_come = n_alive(client) > 0 || tn_subscriptions_may_deliver(client);
        uint64_t until_ns =
            n > 0 || !may_come ? 1 : earlier(deadline_ns, client->flights.earliest_ns);

        if (tn_engine_transfer(client, until_ns) < 0)
            break;
        n += tn_engine_accept(client, true);
        n += tn_engine_expire(client);
        n += tn_engine_deliver(client);
        if (until_ns == 1 || n > 0 || tn_deadline_has_passed(deadline_ns))
            break;
    }
    n += tn_engine_deliver(client); /* what a loss has ended */
    return n;
}

/* The same for users: guards, and closes if a callback wanted it. */
static int poll_client(tn_client *client, uint64_t deadline_ns)
{
    size_t n;

    client->is_delivering = true;
    n = run(client, deadline_ns);
    client->is_delivering = false;
    if (client->is_close_wanted) {
        tn_engine_destroy(client);
        return TN_ESESSION_LOST;
    }
    if (n == 0 && !client->session->is_open)
        return tn_client_error_set(&client->error, TN_ESESSION_LOST, "%s", client->lost);
    tn_client_error_clear(&client->error);
    return n > INT32_MAX ? INT32_MAX : (int)n;
}

/* Whether polling makes sense: also after a loss, for those who must be told. */
static int enter_poll(tn_client *client)
{
    int r;

    if (!client)
        return TN_EINVAL;
    if (client->is_delivering)
        return tn_client_error_set(&client->error, TN_EBUSY,
                                   "A callback can neither poll nor wait; return first.");
    r = tn_client_enter(client);
    return r == TN_ESESSION_LOST &&
                   (client->flights.n_used > 0 || tn_subscriptions_have_news(client))
               ? 0
               : r;
}

int tn_client_poll(tn_client *client, uint32_t timeout_ms)
{
    int r = enter_poll(client);

    if (r < 0)
        return r;
    return poll_client(client, timeout_ms == 0 ? 1 : tn_deadline_in(timeout_ms));
}

int tn_client_wait(tn_client *client, size_t max_left)
{
    int r = enter_poll(client);

    if (r < 0)
        return r;
    while (tn_flights_n_requests(&client->flights) > max_left) {
        if (n_alive(client) == 0)
            return tn_client_error_set(&client->error, TN_ETIMEOUT,
                                       "The deadlines of %u requests have passed, and the server "
                                       "has not answered them.",
                                       tn_flights_n_requests(&client->flights));
        r = poll_client(client, 0);
        if (r < 0)
            return r;
    }
    return 0;
}

size_t tn_client_in_flight(const tn_client *client)
{
    return client ? tn_flights_n_requests(&client->flights) : 0;
}

size_t tn_client_window(const tn_client *client)
{
    return client ? client->window : 0;
}

int tn_client_fd(const tn_client *client)
{
    return client ? client->fd : -1;
}

bool tn_client_wants_write(const tn_client *client)
{
    return client && tn_buffer_len(&client->out) > 0;
}

uint32_t tn_client_next_timeout(const tn_client *client)
{
    uint64_t now, left_ms;

    if (!client)
        return TN_WAIT_FOREVER;
    if (client->flights.first_ended != TN_FLIGHT_NONE || tn_subscriptions_have_news(client))
        return 0; /* a callback waits to be called */
    if (client->flights.earliest_ns == UINT64_MAX)
        return TN_WAIT_FOREVER;
    now = tn_clock_ns();
    if (now >= client->flights.earliest_ns)
        return 0;
    left_ms = (client->flights.earliest_ns - now + TN_NS_PER_MS - 1) / TN_NS_PER_MS;
    return left_ms < TN_WAIT_FOREVER ? (uint32_t)left_ms : TN_WAIT_FOREVER - 1;
}
