/* SPDX-License-Identifier: MIT */
#include "client/lib/client.h"
#include "client/lib/op.h"
#include "client/lib/values.h"
#include "core/base/check.h"
#include "proto/message.h"

/* Of released handles told in one request; each takes eight bytes. */
#define RELEASES_MAX ((size_t)1 << 16)

/* A slot for a request, and what is left of its time for the server to know. */
static struct tn_flight *take_slot(tn_client *client, enum tn_flight_kind kind, uint32_t timeout_ms)
{
    return tn_flights_take(&client->flights, kind, tn_deadline_in(timeout_ms));
}

size_t tn_engine_submit_releases(tn_client *client, enum tn_flight_kind kind, uint32_t timeout_ms,
                                 struct tn_flight **ret_flight)
{
    struct tn_session *session = client->session;
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    Tenure__V1__ReleaseRequest release = TENURE__V1__RELEASE_REQUEST__INIT;
    size_t n = session->n_released;
    size_t n_fit = client->max_request_bytes / 16;
    struct tn_flight *flight;

    if (n > RELEASES_MAX)
        n = RELEASES_MAX;
    if (n > n_fit)
        n = n_fit;
    if (n == 0)
        return 0;
    flight = take_slot(client, kind, timeout_ms);
    if (!flight)
        return 0;

    /* The last ones, so that what is left stays where it is. */
    release.n_handles = n;
    release.handles = session->released + session->n_released - n;
    request.id = flight->id;
    request.op_case = TENURE__V1__REQUEST__OP_RELEASE;
    request.release = &release;
    if (tn_message_pack_request(&request, client->max_request_bytes, &client->out) < 0) {
        tn_flights_free(&client->flights, flight);
        return 0;
    }
    session->n_released -= n;
    if (ret_flight)
        *ret_flight = flight;
    return n;
}

static int fail_without_slot(tn_client *client)
{
    return tn_client_error_set(&client->error, TN_EAGAIN,
                               "%u requests are in flight, which is as many as may be; wait for "
                               "answers first.",
                               client->flights.n_used);
}

/* Gives the slot of a request that could not be packed back. */
static int fail_packing(tn_client *client, struct tn_flight *flight, int err)
{
    tn_flights_free(&client->flights, flight);
    if (err == TN_ETOO_BIG)
        return tn_client_error_set(&client->error, err,
                                   "The request is larger than the %zu bytes that the server "
                                   "accepts; send less at a time.",
                                   client->max_request_bytes);
    return tn_client_error_set_plain(&client->error, err);
}

int tn_engine_submit_request(tn_client *client, Tenure__V1__Request *request,
                             enum tn_flight_kind kind, uint32_t timeout_ms,
                             struct tn_flight **ret_flight)
{
    struct tn_flight *flight;
    int r;

    (void)tn_engine_submit_releases(client, TN_FLIGHT_DISCARD, client->timeout_ms, NULL);
    flight = take_slot(client, kind, kind == TN_FLIGHT_STREAM ? 0 : timeout_ms);
    if (!flight)
        return fail_without_slot(client);
    request->id = flight->id;
    request->deadline_ms = timeout_ms;
    r = tn_message_pack_request(request, client->max_request_bytes, &client->out);
    if (r < 0)
        return fail_packing(client, flight, tn_errno_from_internal(r));
    *ret_flight = flight;
    return 0;
}

static int pack_batch(tn_client *client, const tn_op *op, uint64_t id, uint32_t deadline_ms)
{
    return tn_op_pack_batch(&op->batch->steps, op->batch->keep_going, id, deadline_ms,
                            client->max_request_bytes, &client->out);
}

/* Whether the batch of an operation can be sent by this client. */
static int check_batch(tn_client *client, const tn_op *op)
{
    struct tn_client_error *error = &client->error;

    if (op->struct_size < sizeof(*op))
        return tn_client_error_set(error, TN_EINVAL,
                                   "The tn_op was not initialised with tn_op_init().");
    if (!op->batch)
        return tn_client_error_set(error, TN_EINVAL, "The batch is NULL.");
    if (op->batch->session != client->session)
        return tn_client_error_set(error, TN_EINVAL, "The batch was made for another client.");
    if (op->batch->error.public.err < 0)
        return tn_client_error_set(error, op->batch->error.public.err, "%s",
                                   op->batch->error.public.message);
    return 0;
}

int tn_engine_submit(tn_client *client, const tn_op *op, enum tn_flight_kind kind,
                     uint32_t timeout_ms, struct tn_flight **ret_flight)
{
    struct tn_op_context context = { .session = client->session,
                                     .arena = &client->scratch,
                                     .error = &client->error };
    struct tn_wire_op wire;
    struct tn_flight *flight;
    bool is_batch = op->code == TN_OP_BATCH;
    int r;

    tn_arena_reset(&client->scratch);
    r = is_batch ? check_batch(client, op) : tn_op_to_wire(op, &context, &wire);
    if (r < 0)
        return r;

    (void)tn_engine_submit_releases(client, TN_FLIGHT_DISCARD, client->timeout_ms, NULL);
    flight = take_slot(client, kind, timeout_ms);
    if (!flight)
        return fail_without_slot(client);
    r = is_batch ? pack_batch(client, op, flight->id, timeout_ms)
                 : tn_op_pack_request(&wire, flight->id, timeout_ms, client->max_request_bytes,
                                      &client->out);
    if (r < 0)
        return fail_packing(client, flight, r);
    *ret_flight = flight;
    return 0;
}
