/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/lib/client.h"
#include "client/lib/subscription.h"
#include "core/base/check.h"
#include "proto/frame.h"
#include "proto/message.h"

#define READ_BYTES ((size_t)64 << 10)
#define KEEP_BYTES ((size_t)1 << 20)

int tn_client_enter(tn_client *client)
{
    if (!client)
        return TN_EINVAL;
    tn_client_error_clear(&client->error);
    if (!client->session->is_open)
        return tn_client_error_set(&client->error, TN_ESESSION_LOST, "%s", client->lost);
    if (tn_fork_guard_is_child(&client->session->guard))
        return tn_client_error_set(&client->error, TN_EFORKED,
                                   "This client was opened by process %ld, of which this one is "
                                   "a child; open a client here.",
                                   (long)client->session->guard.pid);
    return 0;
}

static int state_loss(tn_client *client)
{
    return tn_client_error_set(&client->error, TN_ESESSION_LOST, "%s", client->lost);
}

/* ---- Answers ---- */

/* Loads an answer that nobody wants, for the references in it. */
static void discard_answer(tn_client *client, struct tn_slice payload)
{
    int r = tn_reply_box_load(&client->unwanted_reply, payload, NULL);

    (void)r; /* what cannot be read refers to nothing that we could give back */
    tn_reply_box_reset(&client->unwanted_reply);
}

/* A message about the connection: the last one before it is closed. */
static void accept_farewell(tn_client *client, struct tn_slice payload)
{
    struct tn_reply_box *box = &client->unwanted_reply;
    struct tn_status status;

    if (tn_reply_box_load(box, payload, &status) < 0)
        tn_engine_lose(client, "the server sent what is no answer (%s)", status.message);
    else if (box->reply.error.err == 0)
        tn_engine_lose(client, "the server sent an answer without a request's id");
    else
        tn_engine_lose(client, "the server closed it: %s (%s)", box->reply.error.message,
                       box->reply.error.reason);
    tn_reply_box_reset(box);
}

void tn_engine_load(tn_client *client, struct tn_reply_box *box, struct tn_slice payload)
{
    struct tn_status status;

    if (tn_reply_box_load(box, payload, &status) == TN_ESERVER) {
        tn_engine_lose(client, "the server sent what is no answer (%s)", status.message);
        tn_reply_box_fail(box, TN_ESESSION_LOST, client->lost);
    }
}

/* Keeps the answer to a callback until functions can be called. */
static void store_answer(tn_client *client, struct tn_flight *flight, struct tn_slice payload)
{
    void *copy = malloc(payload.len > 0 ? payload.len : 1);

    flight->is_answered = true;
    if (!copy) {
        discard_answer(client, payload);
        tn_flights_end(&client->flights, flight, TN_ENOMEM, NULL, 0);
        return;
    }
    memcpy(copy, payload.data, payload.len);
    tn_flights_end(&client->flights, flight, TN_OK, copy, payload.len);
}

static size_t accept_for_callback(tn_client *client, struct tn_flight *flight,
                                  struct tn_slice payload, bool deliver)
{
    tn_reply_fn *fn = flight->fn;
    void *arg = flight->arg;

    if (flight->is_ended) { /* too late; its function is still to be told */
        flight->is_answered = true;
        discard_answer(client, payload);
        return 0;
    }
    if (!deliver) {
        store_answer(client, flight, payload);
        return 0;
    }
    tn_flights_free(&client->flights, flight);
    tn_engine_load(client, &client->callback_reply, payload);
    tn_engine_call_back(client, fn, arg);
    return 1;
}

static size_t accept_answer(tn_client *client, struct tn_slice payload, bool deliver)
{
    uint64_t id = tn_message_peek_id(payload);
    struct tn_flight *flight;
    struct tn_pending *pending;

    if (id == 0) {
        accept_farewell(client, payload);
        return 0;
    }
    flight = tn_flights_find(&client->flights, id);
    if (!flight) {
        tn_engine_lose(client, "the server answered a request that was not made");
        return 0;
    }
    switch (flight->kind) {
    case TN_FLIGHT_CALL:
        TN_ASSERT(client->call_id == id);
        client->call_id = 0;
        tn_flights_free(&client->flights, flight);
        tn_engine_load(client, &client->call_reply, payload);
        return 0;
    case TN_FLIGHT_PENDING:
        pending = flight->pending;
        tn_flights_free(&client->flights, flight);
        pending->flight = NULL; /* so that a loss meanwhile does not end it, too */
        tn_engine_load(client, &pending->box, payload);
        tn_pending_end(pending);
        return 1;
    case TN_FLIGHT_CALLBACK:
        return accept_for_callback(client, flight, payload, deliver);
    case TN_FLIGHT_DISCARD:
        tn_flights_free(&client->flights, flight);
        discard_answer(client, payload);
        return 0;
    case TN_FLIGHT_STREAM:
        tn_stream_accept(client, flight, payload);
        return 0;
    case TN_FLIGHT_FREE:
        break;
    }
    TN_UNREACHABLE();
}

size_t tn_engine_accept(tn_client *client, bool deliver)
{
    size_t n = 0;

    /* Functions that are called may end the session, or take more bytes in. */
    while (client->session->is_open) {
        const uint8_t *data = tn_buffer_len(&client->in) > 0 ? tn_buffer_begin(&client->in) : NULL;
        struct tn_frame frame;
        struct tn_status status;
        int r;

        if (!data)
            break;
        r = tn_frame_parse(data, tn_buffer_len(&client->in), TN_FRAME_BYTES_MAX, &frame, &status);
        if (r == TN_ERR_AGAIN)
            break;
        if (r < 0) {
            tn_engine_lose(client, "what answers does not speak the protocol (%s)", status.message);
            break;
        }
        /* The bytes stay where they are until more is received. */
        tn_buffer_consume(&client->in, frame.offset + frame.len);
        n += accept_answer(client, TN_SLICE(data + frame.offset, frame.len), deliver);
    }
    return n;
}

/* ---- Bytes ---- */

static const char *errno_words(int errnum)
{
    const char *words = strerrordesc_np(errnum);

    return words ? words : "unknown error";
}

/* Receives once. Returns whether something came and more may follow at once. */
static bool receive(tn_client *client, int flags)
{
    size_t room;
    ssize_t n;

    tn_buffer_trim(&client->in, KEEP_BYTES);
    if (tn_buffer_reserve(&client->in, READ_BYTES) < 0) {
        tn_engine_lose(client, "there is no memory for the server's answer");
        return false;
    }
    room = tn_buffer_room(&client->in);
    n = recv(client->fd, tn_buffer_end(&client->in), room, flags);
    if (n > 0) {
        tn_buffer_commit(&client->in, (size_t)n);
        return (size_t)n == room;
    }
    if (n == 0)
        tn_engine_lose(client, "the server closed the connection%s",
                       tn_buffer_len(&client->in) > 0 ? " in the middle of an answer" : "");
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        tn_engine_lose(client, "receiving failed (%s)", errno_words(errno));
    return false;
}

/* Sending has failed. What the server said before it went away is worth more than
 * the errno: read that, then end the session. */
static void lose_sending(tn_client *client, int errnum)
{
    bool is_more = true;

    while (client->session->is_open && is_more) {
        is_more = receive(client, MSG_DONTWAIT);
        (void)tn_engine_accept(client, false); /* delivers nothing */
    }
    tn_engine_lose(client, "sending failed (%s)", errno_words(errnum));
}

int tn_engine_send(tn_client *client)
{
    while (client->session->is_open && tn_buffer_len(&client->out) > 0) {
        ssize_t n = send(client->fd, tn_buffer_begin(&client->out), tn_buffer_len(&client->out),
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            tn_buffer_consume(&client->out, (size_t)n);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        lose_sending(client, errno);
    }
    if (!client->session->is_open)
        return state_loss(client);
    tn_buffer_trim(&client->out, KEEP_BYTES);
    return 0;
}

/* Milliseconds until the deadline, rounded up; -1 for none. */
static int poll_timeout(uint64_t deadline_ns)
{
    uint64_t now;
    uint64_t left_ms;

    if (deadline_ns == 0)
        return -1;
    now = tn_clock_ns();
    if (now >= deadline_ns)
        return 0;
    left_ms = (deadline_ns - now + TN_NS_PER_MS - 1) / TN_NS_PER_MS;
    return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

int tn_engine_transfer(tn_client *client, uint64_t deadline_ns)
{
    struct pollfd watched = { .events = POLLIN };
    int n;
    int r = tn_engine_send(client);

    if (r < 0)
        return r;
    if (deadline_ns == 0 && tn_buffer_len(&client->out) == 0) {
        (void)receive(client, 0); /* one system call less; what is left comes next time */
        return client->session->is_open ? 0 : state_loss(client);
    }

    watched.fd = client->fd;
    if (tn_buffer_len(&client->out) > 0)
        watched.events |= POLLOUT;
    n = poll(&watched, 1, poll_timeout(deadline_ns));
    if (n < 0 && errno != EINTR)
        tn_engine_lose(client, "waiting failed (%s)", errno_words(errno));
    if (n > 0 && (watched.revents & ~POLLOUT) != 0)
        (void)receive(client, MSG_DONTWAIT); /* what is left comes next time */
    return client->session->is_open ? 0 : state_loss(client);
}
