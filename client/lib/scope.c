/* SPDX-License-Identifier: MIT */
/* Scopes: see the header. What they release is counted on the server only. */
#include "client/lib/calls.h"

int tn_scope_begin(tn_client *client, tn_scope *ret_scope)
{
    tn_op op = tn_op_init(TN_OP_BEGIN_SCOPE);
    uint64_t number;
    int r;

    if (!ret_scope)
        return tn_client_fail_argument(client, "The pointer for the scope");
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_scope(&client->call_reply.reply, &number);
    if (r < 0)
        return tn_client_fail_reading(client, r);
    *ret_scope = (tn_scope){ .client = client, .number = number };
    return 0;
}

int tn_scope_end(tn_scope *scope, const tn_handle *const *keep, size_t n_keep, uint64_t *ret_count)
{
    tn_op op = tn_op_init(TN_OP_END_SCOPE);
    int r;

    if (!scope)
        return TN_EINVAL;
    if (scope->number == 0) {
        if (ret_count)
            *ret_count = 0;
        return 0;
    }
    op.scope = scope->number;
    op.handles = keep;
    op.n_handles = n_keep;
    r = tn_client_call_for_count(scope->client, &op, ret_count);
    if (r == 0)
        *scope = (tn_scope){ .client = NULL };
    return r;
}

int tn_client_keep(tn_client *client, const tn_handle *const *handles, size_t n_handles,
                   uint64_t *ret_count)
{
    tn_op op = tn_op_init(TN_OP_KEEP_HANDLE);

    op.handles = handles;
    op.n_handles = n_handles;
    return tn_client_call_for_count(client, &op, ret_count);
}

tn_scope tn_scope_enter(tn_client *client)
{
    tn_scope scope = { .client = NULL };

    (void)tn_scope_begin(client, &scope); /* leaves it empty, and says why */
    return scope;
}

void tn_scope_leave(tn_scope *scope)
{
    tn_op op = tn_op_init(TN_OP_END_SCOPE);
    struct tn_client_error before;
    struct tn_flight *flight;
    tn_client *client;
    int r;

    if (!scope || scope->number == 0)
        return;
    client = scope->client;
    op.scope = scope->number;
    *scope = (tn_scope){ .client = NULL };
    if (!tn_session_is_usable(client->session))
        return; /* the handles are gone already, or are the parent's */
    before = client->error;
    r = tn_engine_submit(client, &op, TN_FLIGHT_DISCARD, client->timeout_ms, &flight);
    if (r == 0)
        r = tn_engine_send(client);
    (void)r;                /* if the session is lost, the next call says so */
    client->error = before; /* what it points to in itself is what it was, too */
}
