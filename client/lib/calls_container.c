/* SPDX-License-Identifier: MIT */
/* Calls about lists, deques and dicts. */
#include "client/lib/calls.h"

static tn_op list_op(tn_op_code code, tn_target list, int64_t index)
{
    tn_op op = tn_op_init(code);

    op.target = list;
    op.index = index;
    return op;
}

static tn_op dict_op(tn_op_code code, tn_target dict, tn_value key)
{
    tn_op op = tn_op_init(code);

    op.target = dict;
    op.key = key;
    return op;
}

int tn_client_list_get(tn_client *client, tn_target list, int64_t index, const tn_want *want,
                       tn_values *values, tn_value *ret_value)
{
    tn_op op = list_op(TN_OP_LIST_GET, list, index);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_list_set(tn_client *client, tn_target list, int64_t index, tn_value value)
{
    tn_op op = list_op(TN_OP_LIST_SET, list, index);

    op.value = value;
    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_list_append(tn_client *client, tn_target list, tn_value value, uint64_t *ret_length)
{
    tn_op op = list_op(TN_OP_LIST_APPEND, list, 0);

    op.value = value;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_list_extend(tn_client *client, tn_target list, tn_value items, uint64_t *ret_length)
{
    tn_op op = list_op(TN_OP_LIST_EXTEND, list, 0);

    op.value = items;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_list_insert(tn_client *client, tn_target list, int64_t index, tn_value value,
                          uint64_t *ret_length)
{
    tn_op op = list_op(TN_OP_LIST_INSERT, list, index);

    op.value = value;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_list_delete(tn_client *client, tn_target list, int64_t index, uint64_t *ret_length)
{
    tn_op op = list_op(TN_OP_LIST_DELETE, list, index);

    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_list_pop(tn_client *client, tn_target list, int64_t index, const tn_want *want,
                       tn_values *values, tn_value *ret_value)
{
    tn_op op = list_op(TN_OP_LIST_POP, list, index);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

static tn_op slice_op(tn_op_code code, tn_target list, int64_t start, int64_t stop, int64_t step)
{
    tn_op op = list_op(code, list, start);

    op.stop = stop;
    op.step = step;
    return op;
}

int tn_client_list_slice(tn_client *client, tn_target list, int64_t start, int64_t stop,
                         const tn_want *want, tn_values *values, tn_value *ret_value)
{
    return tn_client_list_get_slice(client, list, start, stop, 1, want, values, ret_value);
}

int tn_client_list_get_slice(tn_client *client, tn_target list, int64_t start, int64_t stop,
                             int64_t step, const tn_want *want, tn_values *values,
                             tn_value *ret_value)
{
    /* An older server knows no step, and need not if it is 1. */
    tn_op op = slice_op(TN_OP_LIST_SLICE, list, start, stop, step == 1 ? 0 : step);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_list_set_slice(tn_client *client, tn_target list, int64_t start, int64_t stop,
                             int64_t step, tn_value items, uint64_t *ret_length)
{
    tn_op op = slice_op(TN_OP_LIST_SET_SLICE, list, start, stop, step);

    op.value = items;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_list_delete_slice(tn_client *client, tn_target list, int64_t start, int64_t stop,
                                int64_t step, uint64_t *ret_length)
{
    tn_op op = slice_op(TN_OP_LIST_DELETE_SLICE, list, start, stop, step);

    return tn_client_call_for_count(client, &op, ret_length);
}

static tn_op deque_op(tn_op_code code, tn_target deque, tn_end end)
{
    tn_op op = tn_op_init(code);

    op.target = deque;
    op.end = end;
    return op;
}

int tn_client_deque_push(tn_client *client, tn_target deque, tn_end end, tn_value value,
                         uint64_t *ret_length)
{
    tn_op op = deque_op(TN_OP_DEQUE_PUSH, deque, end);

    op.value = value;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_deque_pop(tn_client *client, tn_target deque, tn_end end, const tn_want *want,
                        tn_values *values, tn_value *ret_value)
{
    tn_op op = deque_op(TN_OP_DEQUE_POP, deque, end);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_deque_extend(tn_client *client, tn_target deque, tn_end end, tn_value items,
                           uint64_t *ret_length)
{
    tn_op op = deque_op(TN_OP_DEQUE_EXTEND, deque, end);

    op.value = items;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_deque_rotate(tn_client *client, tn_target deque, int64_t n)
{
    tn_op op = deque_op(TN_OP_DEQUE_ROTATE, deque, TN_RIGHT);

    op.index = n;
    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_deque_clear(tn_client *client, tn_target deque)
{
    tn_op op = deque_op(TN_OP_DEQUE_CLEAR, deque, TN_RIGHT);

    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_dict_get(tn_client *client, tn_target dict, tn_value key, const tn_want *want,
                       tn_values *values, tn_value *ret_value)
{
    tn_op op = dict_op(TN_OP_DICT_GET, dict, key);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_dict_set(tn_client *client, tn_target dict, tn_value key, tn_value value)
{
    tn_op op = dict_op(TN_OP_DICT_SET, dict, key);

    op.value = value;
    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_dict_delete(tn_client *client, tn_target dict, tn_value key)
{
    tn_op op = dict_op(TN_OP_DICT_DELETE, dict, key);

    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_dict_pop(tn_client *client, tn_target dict, tn_value key, const tn_want *want,
                       tn_values *values, tn_value *ret_value)
{
    tn_op op = dict_op(TN_OP_DICT_POP, dict, key);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}
