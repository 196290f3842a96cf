/* SPDX-License-Identifier: MIT */
/*
 * The client: a socket, what waits to be sent, what has been received, and the
 * requests in flight.
 *
 * Bytes go out in `out` and come in by `in`. An answer that is complete in `in` is
 * accepted at once (engine.c): it goes to the call that is waiting, into its
 * tn_pending, to its callback if functions may be called now (`is_delivering`), or
 * else into the queue of the ended. Callbacks run in tn_client_poll(), _wait() and
 * _close() only; they may make calls, which accept answers but deliver nothing, so
 * delivery never nests and no buffer changes below anybody's feet: a frame is
 * consumed, and its reply complete in a box, before a function is called.
 *
 * Invariants: fd >= 0 exactly while session->is_open. At most one call waits
 * (`call_id`). `lost` says why, once the session is not open any more.
 */
#ifndef TN_CLIENT_LIB_CLIENT_H
#define TN_CLIENT_LIB_CLIENT_H

#include <tenure/tenure.h>

#include "client/lib/error.h"
#include "client/lib/flight.h"
#include "client/lib/reply.h"
#include "client/lib/session.h"
#include "core/base/attr.h"
#include "core/base/clock.h"
#include "proto/arena.h"
#include "proto/buffer.h"
#include "proto/status.h"
#include "tenure/v1/store.pb-c.h"

struct tn_client {
    struct tn_session *session; /* counted */
    int fd;
    char *endpoint;    /* owned; NULL: never connected */
    uint32_t lease_ms; /* 0: a session that is lost is gone */
    uint8_t token[16]; /* with which it is taken over */
    uint64_t n_resumed;
    char server_version[64];
    char server_mode[16];

    size_t max_request_bytes; /* the server accepts no longer message */
    size_t max_unsent_bytes;
    uint32_t window;
    uint32_t wanted_window;
    uint32_t connect_timeout_ms;
    uint32_t timeout_ms; /* of calls that do not say otherwise; 0: none */

    struct tn_buffer in;
    struct tn_buffer out;
    struct tn_flights flights;
    struct tn_arena scratch; /* for making one request */

    uint64_t call_id;                   /* of the request that a call waits for; 0: none */
    struct tn_reply_box call_reply;     /* what the last call got */
    struct tn_reply_box callback_reply; /* what a callback is looking at */
    struct tn_reply_box unwanted_reply; /* loaded only to give back what it refers to */

    tn_subscription *subscriptions; /* linked through `next`; the newest first */
    tn_subscription *telling;       /* whose function is being called; NULL: it has unsubscribed */

    bool is_delivering;   /* a callback may be running */
    bool is_close_wanted; /* tn_client_close() was called from a callback */
    struct tn_client_error error;
    char lost[512];
};

struct tn_pending {
    struct tn_client *client; /* NULL: it has ended */
    struct tn_flight *flight; /* NULL: it has ended */
    struct tn_reply_box box;
};

/* The time `timeout_ms` from now; 0 for none. */
static inline uint64_t tn_deadline_in(uint32_t timeout_ms)
{
    if (timeout_ms == 0 || timeout_ms == TN_WAIT_FOREVER)
        return 0;
    return tn_clock_ns() + timeout_ms * TN_NS_PER_MS;
}

static inline bool tn_deadline_has_passed(uint64_t deadline_ns)
{
    return deadline_ns != 0 && tn_clock_ns() >= deadline_ns;
}

/* ---- engine.c: bytes in and out, answers ---- */

/* Whether the client can be used; clears its error, or states why it cannot. */
TN_MUST_CHECK int tn_client_enter(tn_client *client);

/* Sends what is buffered as far as that goes without waiting. 0, or states
 * TN_ESESSION_LOST. */
TN_MUST_CHECK int tn_engine_send(tn_client *client);

/*
 * Sends, then waits until bytes have come, the socket takes more, or the deadline
 * has passed (0: none), and receives what has come. 0 in each case, or states
 * TN_ESESSION_LOST.
 */
TN_MUST_CHECK int tn_engine_transfer(tn_client *client, uint64_t deadline_ns);

/* Accepts the answers that are complete. Returns how many were delivered to
 * callbacks; without `deliver`, none. */
size_t tn_engine_accept(tn_client *client, bool deliver);

/* Loads an answer into a box. If it is none the session ends, and the box holds
 * that failure. */
void tn_engine_load(tn_client *client, struct tn_reply_box *box, struct tn_slice payload);

/* ---- ending.c: deadlines, delivery, loss ---- */

/* Ends the session for good: closes the socket and ends all requests. `why` is a
 * clause that completes "The session is lost: ...". Does nothing the second time. */
TN_COLD TN_PRINTF(2, 3) void tn_engine_lose(tn_client *client, const char *why, ...);

/* Ends the requests whose deadlines have passed, except the one that a call waits
 * for. Returns how many PENDING ones these were. */
size_t tn_engine_expire(tn_client *client);

/* Calls the callbacks of the ended, and of subscriptions. Returns how many times. */
size_t tn_engine_deliver(tn_client *client);

/* Calls the callback of a request with what is in callback_reply. */
void tn_engine_call_back(tn_client *client, tn_reply_fn *fn, void *arg);

/* The request of a tn_pending, whose box is filled, has ended. */
void tn_pending_end(struct tn_pending *pending);

/* ---- async.c ---- */

/* tn_client_begin() without a look at the window and without sending. */
TN_MUST_CHECK int tn_pending_start(tn_client *client, const tn_op *op, tn_pending **ret_pending);

/* ---- client.c ---- */

/*
 * Says hello on a connection that has just been made: `hello` but for the version of
 * the protocol and the client's name, if it has none. States TN_ECONNECT, TN_ETIMEOUT,
 * TN_ENOMEM, or what the server refuses; then another hello may follow.
 */
TN_MUST_CHECK int tn_engine_hello(tn_client *client, Tenure__V1__HelloRequest *hello,
                                  uint32_t timeout_ms);

/* Ends the session, tells the callbacks, frees the client. */
void tn_engine_destroy(tn_client *client);

/* ---- submit.c: requests ---- */

/*
 * Buffers a request, behind what has to be told about released handles. A slot is
 * taken for it and returned. States TN_EAGAIN if there is none, and the errors of
 * tn_op_to_wire() and tn_op_pack_request().
 */
TN_MUST_CHECK int tn_engine_submit(tn_client *client, const tn_op *op, enum tn_flight_kind kind,
                                   uint32_t timeout_ms, struct tn_flight **ret_flight);

/* Buffers a request that gives back released handles, if there are any. Returns
 * how many it gives back; 0 also if there is no slot or no memory for it now. */
size_t tn_engine_submit_releases(tn_client *client, enum tn_flight_kind kind, uint32_t timeout_ms,
                                 struct tn_flight **ret_flight);

/*
 * Buffers a request that is complete but for its id and deadline, and takes a slot for
 * it. A STREAM has no deadline here. States TN_EAGAIN if there is no slot, TN_ENOMEM
 * and TN_ETOO_BIG.
 */
TN_MUST_CHECK int tn_engine_submit_request(tn_client *client, Tenure__V1__Request *request,
                                           enum tn_flight_kind kind, uint32_t timeout_ms,
                                           struct tn_flight **ret_flight);

/* The timeout of an operation: its own, or else the client's. 0: none. */
static inline uint32_t tn_op_timeout(const tn_client *client, const tn_op *op)
{
    if (op->timeout_ms == TN_WAIT_FOREVER)
        return 0;
    return op->timeout_ms != 0 ? op->timeout_ms : client->timeout_ms;
}

/* ---- call.c ---- */

/*
 * Waits for the answer to a request of kind CALL, which comes into call_reply,
 * until the request's deadline. Returns and states what the server answered, or
 * TN_ETIMEOUT or TN_ESESSION_LOST.
 */
TN_MUST_CHECK int tn_engine_await(tn_client *client, struct tn_flight *flight);

/* Waits until there is a slot for a call that is to be made; states TN_ETIMEOUT or
 * TN_ESESSION_LOST. */
TN_MUST_CHECK int tn_engine_await_slot(tn_client *client, uint64_t deadline_ns);

/* Makes a call with the client's error cleared, and leaves the reply in
 * call_reply. Returns what tn_client_call() does. */
TN_MUST_CHECK int tn_engine_call(tn_client *client, const tn_op *op);

/* States the failure of reading a reply that said it was a success. Returns `err`. */
TN_COLD int tn_client_fail_reading(tn_client *client, int err);

/* ---- batch.c ---- */

struct tn_batch {
    struct tn_session *session; /* counted */
    struct tn_buffer steps;     /* as they stand in the request */
    size_t n_steps;
    bool keep_going;
    struct tn_handle_list kept; /* to which the steps refer */
    struct tn_arena scratch;
    struct tn_client_error error; /* of the first step that could not be added */
    size_t max_bytes;
};

#endif
