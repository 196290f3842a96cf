/* SPDX-License-Identifier: MIT */
/* Calls about sets. */
#include "client/lib/calls.h"

static tn_op set_op(tn_op_code code, tn_target set)
{
    tn_op op = tn_op_init(code);

    op.target = set;
    return op;
}

int tn_client_set_add(tn_client *client, tn_target set, tn_value member, bool *ret_is_new)
{
    tn_op op = set_op(TN_OP_SET_ADD, set);

    op.value = member;
    return tn_client_call_for_truth(client, &op, ret_is_new);
}

int tn_client_set_discard(tn_client *client, tn_target set, tn_value member, bool *ret_was_there)
{
    tn_op op = set_op(TN_OP_SET_DISCARD, set);

    op.value = member;
    return tn_client_call_for_truth(client, &op, ret_was_there);
}

int tn_client_set_remove(tn_client *client, tn_target set, tn_value member)
{
    tn_op op = set_op(TN_OP_SET_DISCARD, set);

    op.value = member;
    op.must_exist = true;
    return tn_client_call_for_truth(client, &op, NULL);
}

int tn_client_set_pop(tn_client *client, tn_target set, const tn_want *want, tn_values *values,
                      tn_value *ret_value)
{
    tn_op op = set_op(TN_OP_SET_POP, set);

    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_set_clear(tn_client *client, tn_target set)
{
    tn_op op = set_op(TN_OP_SET_CLEAR, set);

    return tn_client_call_for_count(client, &op, NULL);
}

int tn_client_set_new(tn_client *client, tn_target left, tn_set_operation operation, tn_value right,
                      tn_kind kind, const tn_want *want, tn_values *values, tn_value *ret_value)
{
    tn_op op = set_op(TN_OP_SET_NEW, left);

    op.how = (int32_t)operation;
    op.value = right;
    op.kind = (uint8_t)kind;
    op.want = want;
    return tn_client_call_for_value(client, &op, values, ret_value);
}

int tn_client_set_update(tn_client *client, tn_target set, tn_set_operation operation,
                         tn_value right, uint64_t *ret_length)
{
    tn_op op = set_op(TN_OP_SET_UPDATE, set);

    op.how = (int32_t)operation;
    op.value = right;
    return tn_client_call_for_count(client, &op, ret_length);
}

int tn_client_set_compare(tn_client *client, tn_target left, tn_set_relation relation,
                          tn_value right, bool *ret_holds)
{
    tn_op op = set_op(TN_OP_SET_COMPARE, left);

    if (!ret_holds)
        return tn_client_fail_argument(client, "The pointer for the result");
    op.how = (int32_t)relation;
    op.value = right;
    return tn_client_call_for_truth(client, &op, ret_holds);
}
