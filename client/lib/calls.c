/* SPDX-License-Identifier: MIT */
/* Calls about objects and names, each a tn_op and what is read from its reply. */
#include "client/lib/calls.h"

int tn_client_fail_argument(tn_client *client, const char *what)
{
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    return tn_client_error_set(&client->error, TN_EINVAL, "%s is NULL.", what);
}

int tn_client_call_for_value(tn_client *client, const tn_op *op, tn_values *values,
                             tn_value *ret_value)
{
    int r;

    if (!values)
        return tn_client_fail_argument(client, "The table for the value");
    if (!ret_value)
        return tn_client_fail_argument(client, "The pointer for the value");
    r = tn_engine_call(client, op);
    if (r < 0)
        return r;
    r = tn_reply_value(&client->call_reply.reply, values, ret_value);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_call_for_count(tn_client *client, const tn_op *op, uint64_t *ret_count)
{
    uint64_t count;
    int r = tn_engine_call(client, op);

    if (r < 0)
        return r;
    r = tn_reply_count(&client->call_reply.reply, &count);
    if (r < 0)
        return tn_client_fail_reading(client, r);
    if (ret_count)
        *ret_count = count;
    return 0;
}

/* A call whose result is a binding, and with `ret_handle` a handle. */
static int call_for_binding(tn_client *client, const tn_op *op, tn_binding *ret_binding,
                            tn_handle **ret_handle)
{
    tn_binding binding;
    int r = tn_engine_call(client, op);

    if (r < 0)
        return r;
    r = tn_reply_binding(&client->call_reply.reply, &binding);
    if (r == 0 && ret_handle)
        r = tn_reply_handle(&client->call_reply.reply, ret_handle, NULL);
    if (r < 0)
        return tn_client_fail_reading(client, r);
    if (ret_binding)
        *ret_binding = binding;
    return 0;
}

int tn_client_call_for_handle(tn_client *client, const tn_op *op, tn_handle **ret_handle,
                              uint64_t *ret_version)
{
    int r;

    if (!ret_handle)
        return tn_client_fail_argument(client, "The pointer for the handle");
    r = tn_engine_call(client, op);
    if (r < 0)
        return r;
    r = tn_reply_handle(&client->call_reply.reply, ret_handle, ret_version);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_ping(tn_client *client)
{
    tn_op op = tn_op_init(TN_OP_PING);

    return tn_engine_call(client, &op);
}

int tn_client_put(tn_client *client, tn_value value, tn_handle **ret_handle)
{
    tn_op op = tn_op_put(value);

    return tn_client_call_for_handle(client, &op, ret_handle, NULL);
}

int tn_client_set(tn_client *client, const char *name, tn_value value)
{
    return tn_client_set_if(client, name, value, NULL, NULL, NULL);
}

int tn_client_set_if(tn_client *client, const char *name, tn_value value, const tn_require *require,
                     tn_binding *ret_binding, tn_handle **ret_handle)
{
    tn_op op = tn_op_set(name, value);
    tn_want want = TN_WANT_INIT;

    want.handle = ret_handle != NULL;
    op.want = &want;
    op.require = require;
    return call_for_binding(client, &op, ret_binding, ret_handle);
}

int tn_client_get(tn_client *client, tn_target target, const tn_want *want, tn_values *values,
                  tn_value *ret_value)
{
    tn_op op = tn_op_get(target);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_bind(tn_client *client, const char *name, tn_target target)
{
    return tn_client_bind_if(client, name, target, NULL, NULL);
}

int tn_client_bind_if(tn_client *client, const char *name, tn_target target,
                      const tn_require *require, tn_binding *ret_binding)
{
    tn_op op = tn_op_bind(name, target);

    op.require = require;
    return call_for_binding(client, &op, ret_binding, NULL);
}

int tn_client_unbind(tn_client *client, const char *name)
{
    return tn_client_unbind_if(client, name, NULL, NULL);
}

int tn_client_unbind_if(tn_client *client, const char *name, const tn_require *require,
                        tn_binding *ret_binding)
{
    tn_op op = tn_op_unbind(name);

    op.require = require;
    return call_for_binding(client, &op, ret_binding, NULL);
}

int tn_client_lookup(tn_client *client, const char *name, tn_handle **ret_handle,
                     uint64_t *ret_version)
{
    tn_op op = tn_op_lookup(name);

    return tn_client_call_for_handle(client, &op, ret_handle, ret_version);
}

int tn_client_release(tn_client *client, uint64_t *ret_count)
{
    uint64_t total = 0;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    while (client->session->n_released > 0) {
        struct tn_flight *flight;
        uint64_t count;

        tn_reply_box_reset(&client->call_reply);
        if (tn_engine_submit_releases(client, TN_FLIGHT_CALL, client->timeout_ms, &flight) == 0)
            return tn_client_error_set_plain(&client->error, TN_ENOMEM);
        r = tn_engine_await(client, flight);
        if (r < 0)
            return r;
        r = tn_reply_count(&client->call_reply.reply, &count);
        if (r < 0)
            return tn_client_fail_reading(client, r);
        total += count;
    }
    if (ret_count)
        *ret_count = total;
    return 0;
}

int tn_client_describe(tn_client *client, tn_target target, bool deep, uint64_t max_objects,
                       tn_description *ret_description)
{
    tn_op op = tn_op_init(TN_OP_DESCRIBE);
    int r;

    if (!ret_description || ret_description->struct_size < sizeof(size_t))
        return tn_client_fail_argument(client, "The description (or its struct_size)");
    op.target = target;
    op.deep = deep;
    op.limit = max_objects;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_description(&client->call_reply.reply, ret_description);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_length(tn_client *client, tn_target target, uint64_t *ret_length)
{
    tn_op op = tn_op_init(TN_OP_LENGTH);

    if (!ret_length)
        return tn_client_fail_argument(client, "The pointer for the length");
    op.target = target;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_contains(tn_client *client, tn_target target, tn_value value, bool *ret_contained)
{
    tn_op op = tn_op_init(TN_OP_CONTAINS);
    int r;

    if (!ret_contained)
        return tn_client_fail_argument(client, "The pointer for the result");
    op.target = target;
    op.value = value;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_truth(&client->call_reply.reply, ret_contained);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_info(tn_client *client, tn_info **ret_info)
{
    tn_op op = tn_op_init(TN_OP_INFO);
    int r;

    if (!ret_info)
        return tn_client_fail_argument(client, "The pointer for the result");
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_info(&client->call_reply.reply, ret_info);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}
