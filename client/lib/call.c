/* SPDX-License-Identifier: MIT */
/* Calls that wait for their answer. */
#include "client/lib/client.h"
#include "core/base/check.h"

int tn_engine_await(tn_client *client, struct tn_flight *flight)
{
    uint64_t id = flight->id;
    uint64_t deadline_ns = flight->deadline_ns;

    client->call_id = id;
    while (client->call_id == id) {
        if (tn_engine_transfer(client, deadline_ns) < 0)
            break;                             /* the loss has filled call_reply */
        (void)tn_engine_accept(client, false); /* delivers nothing */
        if (client->call_id == id && tn_deadline_has_passed(deadline_ns)) {
            client->call_id = 0;
            tn_flights_discard(&client->flights, flight, true);
            tn_reply_box_fail(&client->call_reply, TN_ETIMEOUT, NULL);
        }
    }
    TN_ASSERT(client->call_id == 0);
    client->error.public = client->call_reply.reply.error;
    return client->error.public.err;
}

/* Waits until a slot is free, which it always is unless calls have been given up
 * at their deadlines and the server has not answered them to this day. */
int tn_engine_await_slot(tn_client *client, uint64_t deadline_ns)
{
    struct tn_flights *flights = &client->flights;

    while (flights->n_used + 2 > flights->n_slots) {
        int r;

        if (tn_deadline_has_passed(deadline_ns))
            return tn_client_error_set(&client->error, TN_ETIMEOUT,
                                       "The server does not answer: %u requests wait, and the "
                                       "deadline has passed before this one could be sent.",
                                       flights->n_used);
        r = tn_engine_transfer(client, deadline_ns);
        if (r < 0)
            return r;
        (void)tn_engine_accept(client, false); /* delivers nothing */
    }
    return 0;
}

int tn_engine_call(tn_client *client, const tn_op *op)
{
    uint32_t timeout_ms;
    struct tn_flight *flight;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    tn_reply_box_reset(&client->call_reply);
    if (!op)
        return tn_client_error_set(&client->error, TN_EINVAL, "The tn_op is NULL.");
    timeout_ms = tn_op_timeout(client, op);
    r = tn_engine_await_slot(client, tn_deadline_in(timeout_ms));
    if (r < 0)
        return r;
    r = tn_engine_submit(client, op, TN_FLIGHT_CALL, timeout_ms, &flight);
    if (r < 0)
        return r;
    return tn_engine_await(client, flight);
}

int tn_client_call(tn_client *client, const tn_op *op, tn_reply **ret_reply)
{
    int r;

    if (ret_reply)
        *ret_reply = NULL;
    r = tn_engine_call(client, op);
    /* A refusal has a code; what arose here has none. */
    if (ret_reply && (r == 0 || (client && client->error.public.code != 0)))
        *ret_reply = &client->call_reply.reply;
    return r;
}

int tn_client_fail_reading(tn_client *client, int err)
{
    switch (err) {
    case TN_ENOMEM:
        return tn_client_error_set_plain(&client->error, err);
    case TN_EINVAL:
        return tn_client_error_set(&client->error, TN_EINVAL,
                                   "A pointer for a result is NULL, or the struct for it was not "
                                   "initialised.");
    default:
        return tn_client_error_set(&client->error, TN_ESERVER,
                                   "The server's answer does not fit the request.");
    }
}
