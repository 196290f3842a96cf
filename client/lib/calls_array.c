/* SPDX-License-Identifier: MIT */
/* Calls about arrays and bytearrays. */
#include "client/lib/calls.h"

static tn_op array_op(tn_op_code code, tn_target array, int64_t index)
{
    tn_op op = tn_op_init(code);

    op.target = array;
    op.index = index;
    return op;
}

int tn_client_array_get(tn_client *client, tn_target array, int64_t index, tn_values *values,
                        tn_value *ret_value)
{
    tn_op op = array_op(TN_OP_ARRAY_GET, array, index);

    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_array_set(tn_client *client, tn_target array, int64_t index, tn_value number)
{
    tn_op op = array_op(TN_OP_ARRAY_SET, array, index);

    op.value = number;
    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_array_add(tn_client *client, tn_target array, int64_t index, tn_value number,
                        tn_values *values, tn_value *ret_value)
{
    tn_op op = array_op(TN_OP_ARRAY_ADD, array, index);

    op.value = number;
    if (!values && !ret_value)
        return tn_engine_call(client, &op);
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_array_append(tn_client *client, tn_target array, tn_value number,
                           uint64_t *ret_length)
{
    tn_op op = array_op(TN_OP_ARRAY_APPEND, array, 0);

    op.value = number;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_array_extend(tn_client *client, tn_target array, tn_value items, uint64_t *ret_length)
{
    tn_op op = array_op(TN_OP_ARRAY_EXTEND, array, 0);

    op.value = items;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_array_insert(tn_client *client, tn_target array, int64_t index, tn_value number,
                           uint64_t *ret_length)
{
    tn_op op = array_op(TN_OP_ARRAY_INSERT, array, index);

    op.value = number;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_array_delete(tn_client *client, tn_target array, int64_t index, uint64_t *ret_length)
{
    tn_op op = array_op(TN_OP_ARRAY_DELETE, array, index);

    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_array_pop(tn_client *client, tn_target array, int64_t index, tn_values *values,
                        tn_value *ret_value)
{
    tn_op op = array_op(TN_OP_ARRAY_POP, array, index);

    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_array_slice(tn_client *client, tn_target array, int64_t start, int64_t stop,
                          int64_t step, const tn_want *want, tn_values *values, tn_value *ret_value)
{
    tn_op op = array_op(TN_OP_ARRAY_SLICE, array, start);

    op.stop = stop;
    op.step = step;
    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_array_replace(tn_client *client, tn_target array, int64_t start, int64_t stop,
                            int64_t step, tn_value items, uint64_t *ret_length)
{
    tn_op op = array_op(TN_OP_ARRAY_REPLACE, array, start);

    op.stop = stop;
    op.step = step;
    op.value = items;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_array_fill(tn_client *client, tn_target array, int64_t start, int64_t stop,
                         tn_value number)
{
    tn_op op = array_op(TN_OP_ARRAY_FILL, array, start);

    op.stop = stop;
    op.value = number;
    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_array_sum(tn_client *client, tn_target array, tn_values *values, tn_value *ret_value)
{
    tn_op op = array_op(TN_OP_ARRAY_SUM, array, 0);

    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_array_min(tn_client *client, tn_target array, tn_values *values, tn_value *ret_value)
{
    tn_op op = array_op(TN_OP_ARRAY_MIN, array, 0);

    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_array_max(tn_client *client, tn_target array, tn_values *values, tn_value *ret_value)
{
    tn_op op = array_op(TN_OP_ARRAY_MAX, array, 0);

    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_array_index(tn_client *client, tn_target array, tn_value value, int64_t start,
                          uint64_t *ret_index)
{
    tn_op op = array_op(TN_OP_ARRAY_INDEX, array, start);

    op.value = value;
    return tn_client_call_for_count(client, &op, ret_index);
}

int tn_client_read(tn_client *client, tn_target target, uint64_t first, uint64_t count,
                   tn_range *ret_range)
{
    tn_op op = tn_op_init(TN_OP_READ);
    int r;

    if (!ret_range)
        return tn_client_fail_argument(client, "The pointer for the range");
    op.target = target;
    op.cursor = first;
    op.limit = count;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_range(&client->call_reply.reply, ret_range);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_write(tn_client *client, tn_target array, uint64_t first, const void *data,
                    size_t size, uint64_t *ret_length)
{
    tn_op op = tn_op_init(TN_OP_WRITE);

    op.target = array;
    op.cursor = first;
    op.data = data;
    op.data_size = size;
    return tn_client_call_for_count(client, &op, ret_length);
}
