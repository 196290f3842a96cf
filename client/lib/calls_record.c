/* SPDX-License-Identifier: MIT */
/* Calls about classes and records. */
#include "client/lib/calls.h"

int tn_client_class_declare(tn_client *client, const tn_class_spec *spec, tn_handle **ret_handle)
{
    tn_op op = tn_op_init(TN_OP_CLASS_DECLARE);

    op.class_spec = spec;
    return tn_client_call_for_handle(client, &op, ret_handle, NULL);
}

int tn_client_class_describe(tn_client *client, tn_target target, tn_class_info **ret_info)
{
    tn_op op = tn_op_init(TN_OP_CLASS_DESCRIBE);
    int r;

    if (!ret_info)
        return tn_client_fail_argument(client, "The pointer for the result");
    op.target = target;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_class_info(&client->call_reply.reply, ret_info);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_record_new(tn_client *client, tn_target class_target, tn_value attributes,
                         tn_handle **ret_handle)
{
    tn_op op = tn_op_init(TN_OP_RECORD_NEW);

    op.target = class_target;
    op.value = attributes;
    return tn_client_call_for_handle(client, &op, ret_handle, NULL);
}

static tn_op attr_op(tn_op_code code, tn_target record, const char *name)
{
    tn_op op = tn_op_init(code);

    op.target = record;
    op.name = name;
    return op;
}

int tn_client_attr_get(tn_client *client, tn_target record, const char *name, const tn_want *want,
                       tn_values *values, tn_value *ret_value)
{
    tn_op op = attr_op(TN_OP_ATTR_GET, record, name);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_attr_set(tn_client *client, tn_target record, const char *name, tn_value value)
{
    tn_op op = attr_op(TN_OP_ATTR_SET, record, name);

    op.value = value;
    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_attr_delete(tn_client *client, tn_target record, const char *name)
{
    tn_op op = attr_op(TN_OP_ATTR_DELETE, record, name);

    return tn_client_call_for_count(client, &op, NULL);
}
