/* SPDX-License-Identifier: MIT */
/* Operations on deques, besides those that lists have too (op_list.c). */
#include "core/base/err.h"
#include "server/request.h"

static int hold_deque(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                      struct tn_object **ret_deque)
{
    int r = tn_target_hold(ctx, target, ret_deque);

    if (r == 0 && (*ret_deque)->type != TN_TYPE_DEQUE)
        r = tn_wrong_type(ctx, *ret_deque, "a deque");
    return r;
}

static enum tn_deque_end end_of(protobuf_c_boolean left)
{
    return left ? TN_DEQUE_LEFT : TN_DEQUE_RIGHT;
}

int tn_op_deque_push(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DequePushRequest *msg = message;
    struct tn_object *item = NULL;
    struct tn_object *deque;
    size_t length;
    int r = hold_deque(ctx, msg->target, &deque);

    if (r == 0)
        r = tn_value_build(ctx, msg->value, &item);
    if (r == 0)
        r = tn_deque_push(ctx->mu, deque, end_of(msg->left), &item, &length);
    tn_drop(ctx->mu, &item);
    if (r == 0)
        tn_result_count(result, length);
    return r;
}

int tn_op_deque_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DequePopRequest *msg = message;
    struct tn_object *item = NULL;
    struct tn_object *deque;
    int r = hold_deque(ctx, msg->target, &deque);

    if (r == 0)
        r = tn_handles_reserve(ctx, 1); /* in case the item does not fit into the answer */
    if (r == 0)
        r = tn_deque_pop(ctx->mu, deque, end_of(msg->left), &item, NULL);
    if (r == 0)
        tn_answer_taken(ctx, &item, msg->want, result);
    if (r == TN_ERR_INDEX)
        return tn_status_setf(ctx->status, TN_REASON_INDEX_OUT_OF_RANGE,
                              "The deque is empty: there is nothing to pop.");
    return r;
}

int tn_op_deque_extend(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DequeExtendRequest *msg = message;
    struct tn_object *from = NULL;
    struct tn_object *deque;
    size_t length;
    int r = hold_deque(ctx, msg->target, &deque);

    if (r == 0)
        r = tn_value_build_items(ctx, msg->value, &from);
    if (r == 0)
        r = tn_deque_extend(ctx->mu, deque, end_of(msg->left), from, &length);
    if (r == 0)
        tn_result_count(result, length);
    return r;
}

int tn_op_deque_rotate(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DequeRotateRequest *msg = message;
    struct tn_object *deque;
    int r = hold_deque(ctx, msg->target, &deque);

    if (r == 0)
        r = tn_deque_rotate(ctx->mu, deque, msg->n);
    if (r == 0)
        tn_result_count(result, tn_deque_length(deque));
    return r;
}

int tn_op_deque_clear(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DequeClearRequest *msg = message;
    struct tn_object *deque;
    int r = hold_deque(ctx, msg->target, &deque);

    if (r < 0)
        return r;
    tn_deque_clear(ctx->mu, deque);
    tn_result_count(result, 0);
    return 0;
}

/* ---- Scanning ---- */

/* One page, as it is now. */
static int read_page(struct tn_request_ctx *ctx, struct tn_object *deque, uint64_t version,
                     const void *message, struct tn_result *result)
{
    const Tenure__V1__ScanDequeRequest *msg = message;
    size_t n_max = tn_scan_page(ctx, msg->limit, TN_SCAN_ITEM_BYTES);
    uint64_t cursor = msg->cursor;
    struct tn_object **items;
    size_t n;
    int r;

    (void)version; /* is of the deque's name */
    if (deque->type != TN_TYPE_DEQUE)
        return tn_wrong_type(ctx, deque, "a deque");
    items = tn_ctx_alloc(ctx, n_max * sizeof(struct tn_object *));
    if (items == NULL)
        return TN_ERR_NOMEM;
    tn_deque_scan(ctx->mu, deque, &cursor, n_max, items, &n);
    r = tn_check_alive(deque);
    return r < 0 ? r : tn_answer_page(ctx, items, n, cursor, msg->want, result);
}

int tn_op_scan_deque(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ScanDequeRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_page, msg, result);
}
