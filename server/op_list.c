/* SPDX-License-Identifier: MIT */
/* Operations on lists. Reading works on tuples too, and what concerns one item by its
 * index on deques. */
#include "core/base/err.h"
#include "server/request.h"

/* The list that a request changes, held. */
static int hold_list(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                     struct tn_object **ret_list)
{
    int r = tn_target_hold(ctx, target, ret_list);

    if (r == 0 && (*ret_list)->type != TN_TYPE_LIST)
        r = tn_wrong_type(ctx, *ret_list, "a list");
    return r;
}

TN_COLD static int out_of_range(struct tn_request_ctx *ctx, int64_t index, size_t length)
{
    return tn_status_setf(ctx->status, TN_REASON_INDEX_OUT_OF_RANGE,
                          "There is no item %lld; the length is %zu.", (long long)index, length);
}

/* The error of an operation on one item. */
static int item_error(struct tn_request_ctx *ctx, int r, const struct tn_object *sequence,
                      int64_t index)
{
    return r == TN_ERR_INDEX ? out_of_range(ctx, index, tn_sequence_length(sequence)) : r;
}

/* ---- Reading ---- */

static int read_item(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                     const void *message, struct tn_result *result)
{
    const Tenure__V1__ListGetRequest *msg = message;
    struct tn_object *item;
    int r;

    (void)version; /* is of the list's name */
    if (!tn_is_sequence(o))
        return tn_wrong_type(ctx, o, "a list, tuple or deque");
    r = tn_sequence_get(ctx->mu, o, msg->index, &item);
    if (tn_check_alive(o) < 0)
        return TN_ERR_BUSY;
    r = item_error(ctx, r, o, msg->index);
    return r < 0 ? r : tn_answer_borrowed(ctx, item, msg->want, 0, result);
}

int tn_op_list_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListGetRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_item, msg, result);
}

/* Which items a request means. Its step is never 0: that stands for 1. */
static struct tn_slicing slicing_of(int64_t start, int64_t stop, protobuf_c_boolean to_end,
                                    int64_t step)
{
    struct tn_slicing slicing = { .start = start, .stop = stop, .step = step == 0 ? 1 : step };

    if (to_end)
        slicing.stop = slicing.step > 0 ? INT64_MAX : INT64_MIN;
    return slicing;
}

/* The items of a slice, borrowed, in the arena. */
static int slice_items(struct tn_request_ctx *ctx, struct tn_object *o,
                       const struct tn_slicing *slicing, struct tn_object ***ret_items,
                       size_t *ret_n)
{
    size_t room = 0; /* how many there are is known when they have been looked at */

    for (int i = 0; i < TN_BUSY_TRIES; i++) {
        int r;

        if (room > ctx->ex->service->limits.max_nodes)
            return tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
        *ret_items = tn_ctx_alloc(ctx, room * sizeof(struct tn_object *));
        if (*ret_items == NULL)
            return TN_ERR_NOMEM;
        r = tn_sequence_slice_items(ctx->mu, o, slicing, room, *ret_items, ret_n);
        if (r == 0)
            r = tn_check_alive(o);
        if (r < 0 || *ret_n <= room)
            return r;
        room = *ret_n;
    }
    return TN_ERR_BUSY;
}

/* A new list or tuple of these items, which are borrowed. */
static int build_slice(struct tn_request_ctx *ctx, const struct tn_object *from,
                       struct tn_object **items, size_t n, struct tn_object **ret_object)
{
    struct tn_mutator *mu = ctx->mu;
    bool is_list = from->type == TN_TYPE_LIST;
    struct tn_object *made = NULL;
    int r = is_list ? tn_list_new(mu, n, &made) : 0;

    for (size_t i = 0; i < n; i++)
        if (!tn_tryref(mu, items[i])) {
            while (i > 0)
                tn_decref(mu, items[--i]);
            tn_drop(mu, &made);
            return TN_ERR_BUSY;
        }
    if (r == 0 && !is_list)
        r = tn_tuple_new(mu, n, &made);
    for (size_t i = 0; i < n; i++) {
        struct tn_object *item = items[i];

        if (r == 0 && is_list)
            r = tn_list_append(mu, made, &item, NULL);
        else if (r == 0)
            tn_tuple_fill(mu, made, i, &item);
        tn_drop(mu, &item); /* if it has not been taken over */
    }
    if (r < 0)
        tn_drop(mu, &made);
    else
        *ret_object = made;
    return r;
}

/* A slice that needs an object of its own. */
static int answer_made(struct tn_request_ctx *ctx, struct tn_object *made,
                       const Tenure__V1__Want *want, struct tn_result *result)
{
    int r = tn_answer_borrowed(ctx, made, want, 0, result);

    tn_hold(ctx, made);
    return r;
}

static int read_slice(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                      const void *message, struct tn_result *result)
{
    const Tenure__V1__ListSliceRequest *msg = message;
    struct tn_slicing slicing = slicing_of(msg->start, msg->stop, msg->to_end, msg->step);
    struct tn_object *made = NULL;
    struct tn_object **items = NULL;
    size_t n = 0;
    int r;

    (void)version;     /* is of the list's name */
    tn_drop_held(ctx); /* of the last try */
    if (o->type == TN_TYPE_STR || o->type == TN_TYPE_BYTES) {
        r = tn_text_part(ctx->mu, o, &slicing, &made);
        return r < 0 ? r : answer_made(ctx, made, msg->want, result);
    }
    if (o->type != TN_TYPE_LIST && o->type != TN_TYPE_TUPLE)
        return tn_wrong_type(ctx, o, "a list, tuple, str or bytes");
    r = slice_items(ctx, o, &slicing, &items, &n);
    if (r < 0)
        return r;

    /* Only who refers to the new list afterwards needs one. */
    if (o->type == TN_TYPE_LIST && ctx->batch == NULL &&
        (msg->want == NULL || !msg->want->handle)) {
        Tenure__V1__ObjectResponse *answer = &result->message.object;

        result->which = TENURE__V1__RESPONSE__RESULT_OBJECT;
        *answer = (Tenure__V1__ObjectResponse)TENURE__V1__OBJECT_RESPONSE__INIT;
        answer->type = TENURE__V1__TYPE_TAG__TYPE_TAG_LIST;
        r = tn_value_encode_items(ctx, items, n, msg->want, result, &answer->value);
        return r == TN_ERR_TOO_BIG ? tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE) : r;
    }
    r = build_slice(ctx, o, items, n, &made);
    return r < 0 ? r : answer_made(ctx, made, msg->want, result);
}

int tn_op_list_slice(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListSliceRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_slice, msg, result);
}

/* ---- Changing ---- */

int tn_op_list_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListSetRequest *msg = message;
    struct tn_object *item = NULL;
    struct tn_object *o;
    int r = tn_target_hold(ctx, msg->target, &o);

    if (r == 0 && o->type != TN_TYPE_LIST && o->type != TN_TYPE_DEQUE)
        r = tn_wrong_type(ctx, o, "a list or deque");
    if (r == 0)
        r = tn_value_build(ctx, msg->value, &item);
    if (r < 0)
        return r;
    r = o->type == TN_TYPE_LIST ? tn_list_set(ctx->mu, o, msg->index, &item)
                                : tn_deque_set(ctx->mu, o, msg->index, &item);
    r = item_error(ctx, r, o, msg->index);
    tn_drop(ctx->mu, &item);
    if (r == 0)
        tn_result_count(result, tn_sequence_length(o));
    return r;
}

int tn_op_list_append(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListAppendRequest *msg = message;
    struct tn_object *item = NULL;
    struct tn_object *list;
    size_t length;
    int r = hold_list(ctx, msg->target, &list);

    if (r == 0)
        r = tn_value_build(ctx, msg->value, &item);
    if (r == 0)
        r = tn_list_append(ctx->mu, list, &item, &length);
    tn_drop(ctx->mu, &item);
    if (r == 0)
        tn_result_count(result, length);
    return r;
}

int tn_op_list_extend(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListExtendRequest *msg = message;
    struct tn_object *from = NULL;
    struct tn_object *list;
    size_t length;
    int r = hold_list(ctx, msg->target, &list);

    if (r == 0)
        r = tn_value_build_items(ctx, msg->value, &from);
    if (r == 0)
        r = tn_list_extend(ctx->mu, list, from, &length);
    if (r == 0)
        tn_result_count(result, length);
    return r;
}

int tn_op_list_insert(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListInsertRequest *msg = message;
    struct tn_object *item = NULL;
    struct tn_object *list;
    size_t length;
    int r = hold_list(ctx, msg->target, &list);

    if (r == 0)
        r = tn_value_build(ctx, msg->value, &item);
    if (r == 0)
        r = tn_list_insert(ctx->mu, list, msg->index, &item, &length);
    tn_drop(ctx->mu, &item);
    if (r == 0)
        tn_result_count(result, length);
    return r;
}

int tn_op_list_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListDeleteRequest *msg = message;
    struct tn_object *item = NULL;
    struct tn_object *list;
    size_t length;
    int r = hold_list(ctx, msg->target, &list);

    if (r == 0)
        r = item_error(ctx, tn_list_pop(ctx->mu, list, msg->index, &item, &length), list,
                       msg->index);
    if (r < 0)
        return r;
    tn_drop(ctx->mu, &item);
    tn_result_count(result, length);
    return 0;
}

int tn_op_list_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListPopRequest *msg = message;
    struct tn_object *item = NULL;
    struct tn_object *list;
    int r = hold_list(ctx, msg->target, &list);

    if (r == 0)
        r = tn_handles_reserve(ctx, 1); /* in case the item does not fit into the answer */
    if (r == 0)
        r = item_error(ctx, tn_list_pop(ctx->mu, list, msg->index, &item, NULL), list, msg->index);
    if (r == 0)
        tn_answer_taken(ctx, &item, msg->want, result);
    return r;
}

static int set_slice(struct tn_request_ctx *ctx, struct tn_object *list,
                     const struct tn_slicing *slicing, const Tenure__V1__Value *value,
                     size_t *ret_length)
{
    struct tn_object *from;
    uint64_t n_wanted;
    int r = tn_value_build_items(ctx, value, &from);

    if (r == 0)
        r = tn_list_set_slice(ctx->mu, list, slicing, from, &n_wanted, ret_length);
    if (r != TN_ERR_PRECONDITION)
        return r;
    return tn_status_setf(
        ctx->status, TN_REASON_INVALID_ARGUMENT,
        "The slice has %llu item%s, and because of its step as many have to be put "
        "there, not %zu.",
        (unsigned long long)n_wanted, n_wanted == 1 ? "" : "s", tn_sequence_length(from));
}

int tn_op_list_replace(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ListReplaceRequest *msg = message;
    struct tn_slicing slicing = slicing_of(msg->start, msg->stop, msg->to_end, msg->step);
    struct tn_object *list;
    size_t length;
    int r = hold_list(ctx, msg->target, &list);

    if (r < 0)
        return r;
    r = msg->value == NULL ? tn_list_delete_slice(ctx->mu, list, &slicing, &length)
                           : set_slice(ctx, list, &slicing, msg->value, &length);
    if (r == 0)
        tn_result_count(result, length);
    return r;
}
