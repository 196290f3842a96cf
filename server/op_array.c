/* SPDX-License-Identifier: MIT */
/* Operations on arrays and bytearrays; the raw ones are in op_raw.c. */
#include "core/base/err.h"
#include "server/request.h"

const char *tn_array_needles(const struct tn_object *array)
{
    return array->type == TN_TYPE_BYTEARRAY ? "a number, bytes or bytearray" : "a number";
}

static int check_array(struct tn_request_ctx *ctx, const struct tn_object *o)
{
    return tn_is_array(o) ? 0 : tn_wrong_type(ctx, o, "an array or bytearray");
}

/* The array that a request changes, held. */
static int hold_array(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                      struct tn_object **ret_array)
{
    int r = tn_target_hold(ctx, target, ret_array);

    return r == 0 ? check_array(ctx, *ret_array) : r;
}

/* ---- Errors ---- */

TN_COLD static int out_of_range(struct tn_request_ctx *ctx, const struct tn_object *array,
                                int64_t index)
{
    return tn_status_setf(ctx->status, TN_REASON_INDEX_OUT_OF_RANGE,
                          "There is no item %lld; the length is %zu.", (long long)index,
                          tn_array_length(array));
}

TN_COLD static int does_not_fit(struct tn_request_ctx *ctx, const struct tn_object *array)
{
    enum tn_item_format format = tn_array_format(array);

    if (tn_item_is_real(format))
        return tn_status_setf(ctx->status, TN_REASON_INTEGER_OVERFLOW,
                              "The number is beyond what an %s can be.",
                              tn_item_format_name(format));
    /* What cannot be told is beyond an int; the largest u64 are. */
    if (format == TN_ITEM_U64)
        return tn_status_setf(ctx->status, TN_REASON_INTEGER_OVERFLOW,
                              "A u64 is not negative, and beyond %lld it is no int; read and "
                              "write such items as raw bytes.",
                              (long long)INT64_MAX);
    return tn_status_setf(ctx->status, TN_REASON_INTEGER_OVERFLOW,
                          "The number does not fit: an %s is from %lld to %lld.",
                          tn_item_format_name(format), (long long)tn_item_min(format),
                          (long long)tn_item_max(format));
}

TN_COLD static int not_an_item(struct tn_request_ctx *ctx, const struct tn_object *array)
{
    return tn_status_setf(
        ctx->status, TN_REASON_TYPE_MISMATCH, "The items of an array of %s are %s.",
        tn_item_format_name(tn_array_format(array)),
        tn_item_is_real(tn_array_format(array)) ? "numbers" : "whole numbers, not floats");
}

/* The error of an operation that concerns the item at `index`. */
static int item_error(struct tn_request_ctx *ctx, int r, const struct tn_object *array,
                      int64_t index)
{
    switch (r) {
    case TN_ERR_INDEX:
        return out_of_range(ctx, array, index);
    case TN_ERR_OVERFLOW:
        return does_not_fit(ctx, array);
    case TN_ERR_TYPE:
        return not_an_item(ctx, array);
    default:
        return r;
    }
}

/* The number that a request puts into an array: no memory of the heap is needed. */
static int number_of(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                     struct tn_number *ret_number)
{
    struct tn_object *o;
    int r = tn_value_probe(ctx, value, &o);

    if (r < 0)
        return r;
    r = tn_number_of(o, ret_number);
    return r < 0 ? tn_wrong_type(ctx, o, "a number") : 0;
}

/* Answers with a number that was read or computed, if it can be told. */
static int answer_number(struct tn_request_ctx *ctx, const struct tn_number *number,
                         struct tn_result *result)
{
    if (!tn_number_is_object(number))
        return TN_ERR_OVERFLOW;
    tn_answer_number(ctx, number, result);
    return 0;
}

/* ---- Reading ---- */

static int read_item(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                     const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayGetRequest *msg = message;
    struct tn_number number;
    int r = check_array(ctx, o);

    (void)version; /* is of the array's name */
    if (r < 0)
        return r;
    r = tn_array_get(ctx->mu, o, msg->index, &number);
    if (tn_check_alive(o) < 0)
        return TN_ERR_BUSY;
    if (r == 0)
        r = answer_number(ctx, &number, result);
    return item_error(ctx, r, o, msg->index);
}

int tn_op_array_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayGetRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_item, msg, result);
}

int tn_op_array_slice(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArraySliceRequest *msg = message;
    struct tn_object *array;
    struct tn_object *slice;
    int r = hold_array(ctx, msg->target, &array);

    if (r == 0)
        r = tn_array_slice(ctx->mu, array, msg->start, msg->stop, msg->step == 0 ? 1 : msg->step,
                           &slice);
    if (r < 0)
        return r;
    tn_hold(ctx, slice);
    return tn_answer_borrowed(ctx, slice, msg->want, 0, result);
}

static int reduction_of(struct tn_request_ctx *ctx, Tenure__V1__Reduction wire,
                        enum tn_reduction *ret_reduction)
{
    switch (wire) {
    case TENURE__V1__REDUCTION__REDUCTION_SUM:
        *ret_reduction = TN_REDUCE_SUM;
        return 0;
    case TENURE__V1__REDUCTION__REDUCTION_MIN:
        *ret_reduction = TN_REDUCE_MIN;
        return 0;
    case TENURE__V1__REDUCTION__REDUCTION_MAX:
        *ret_reduction = TN_REDUCE_MAX;
        return 0;
    default:
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "The reduction must be SUM, MIN or MAX.");
    }
}

TN_COLD static int sum_overflow(struct tn_request_ctx *ctx)
{
    return tn_status_setf(ctx->status, TN_REASON_INTEGER_OVERFLOW,
                          "The result does not fit an int, which has 64 bits.");
}

static int reduce(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                  const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayReduceRequest *msg = message;
    enum tn_reduction reduction = TN_REDUCE_SUM;
    struct tn_number number;
    int r = check_array(ctx, o);

    (void)version;
    if (r == 0)
        r = reduction_of(ctx, msg->reduction, &reduction);
    if (r < 0)
        return r;
    r = tn_array_reduce(ctx->mu, o, reduction, &number);
    if (tn_check_alive(o) < 0)
        return TN_ERR_BUSY;
    if (r == TN_ERR_INDEX)
        return tn_status_setf(ctx->status, TN_REASON_INDEX_OUT_OF_RANGE,
                              "There are no items, so none of them is the least or the greatest.");
    if (r == 0)
        r = answer_number(ctx, &number, result);
    return r == TN_ERR_OVERFLOW ? sum_overflow(ctx) : r;
}

int tn_op_array_reduce(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayReduceRequest *msg = message;

    return tn_read_target(ctx, msg->target, reduce, msg, result);
}

int tn_op_array_index(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayIndexRequest *msg = message;
    struct tn_object *array;
    struct tn_object *value;
    size_t at;
    int r = hold_array(ctx, msg->target, &array);

    if (r == 0)
        r = tn_value_probe(ctx, msg->value, &value);
    if (r < 0)
        return r;
    r = tn_array_index(ctx->mu, array, value, msg->start, &at);
    if (r == TN_ERR_TYPE)
        return tn_wrong_type(ctx, value, tn_array_needles(array));
    if (r == TN_ERR_KEY)
        return tn_status_setf(ctx->status, TN_REASON_KEY_NOT_FOUND,
                              "The %s does not contain it from there on.",
                              tn_type_name((enum tn_type_id)array->type));
    if (r == 0)
        tn_result_count(result, at);
    return r;
}

/* ---- Changing one item ---- */

int tn_op_array_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArraySetRequest *msg = message;
    struct tn_number number;
    struct tn_object *array;
    int r = hold_array(ctx, msg->target, &array);

    if (r == 0)
        r = number_of(ctx, msg->value, &number);
    if (r < 0)
        return r;
    r = tn_array_set(ctx->mu, array, msg->index, &number);
    if (r == 0)
        tn_result_count(result, tn_array_length(array));
    return item_error(ctx, r, array, msg->index);
}

int tn_op_array_add(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayAddRequest *msg = message;
    struct tn_number number;
    struct tn_object *array;
    int r = hold_array(ctx, msg->target, &array);

    if (r == 0)
        r = number_of(ctx, msg->value, &number);
    if (r < 0)
        return r;
    r = tn_array_add(ctx->mu, array, msg->index, &number, &number);
    if (r == 0)
        tn_answer_number(ctx, &number, result);
    return item_error(ctx, r, array, msg->index);
}

/* Inserts, or appends if the index is that of the end. */
static int insert(struct tn_request_ctx *ctx, const Tenure__V1__Target *target, int64_t index,
                  const Tenure__V1__Value *value, struct tn_result *result)
{
    struct tn_number number;
    struct tn_object *array;
    size_t length;
    int r = hold_array(ctx, target, &array);

    if (r == 0)
        r = number_of(ctx, value, &number);
    if (r < 0)
        return r;
    r = tn_array_insert(ctx->mu, array, index, &number, &length);
    if (r == 0)
        tn_result_count(result, length);
    return item_error(ctx, r, array, index);
}

int tn_op_array_append(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayAppendRequest *msg = message;

    return insert(ctx, msg->target, INT64_MAX, msg->value, result);
}

int tn_op_array_insert(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayInsertRequest *msg = message;

    return insert(ctx, msg->target, msg->index, msg->value, result);
}

int tn_op_array_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayPopRequest *msg = message;
    struct tn_number number;
    struct tn_object *array;
    int r = hold_array(ctx, msg->target, &array);

    if (r < 0)
        return r;
    r = tn_array_pop(ctx->mu, array, msg->index, &number, NULL);
    if (r == 0)
        tn_answer_number(ctx, &number, result);
    return item_error(ctx, r, array, msg->index);
}

int tn_op_array_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayDeleteRequest *msg = message;
    struct tn_object *array;
    size_t length;
    int r = hold_array(ctx, msg->target, &array);

    if (r < 0)
        return r;
    r = tn_array_pop(ctx->mu, array, msg->index, NULL, &length);
    if (r == 0)
        tn_result_count(result, length);
    return item_error(ctx, r, array, msg->index);
}

/* ---- Changing several ---- */

/* Replaces the items of a range, or appends behind the last one. */
static int replace(struct tn_request_ctx *ctx, const Tenure__V1__ArrayReplaceRequest *msg,
                   struct tn_result *result)
{
    struct tn_object *array;
    struct tn_object *from = NULL;
    size_t length;
    int r = hold_array(ctx, msg->target, &array);

    if (r == 0)
        r = tn_value_build(ctx, msg->value, &from);
    if (r < 0)
        return r;
    tn_hold(ctx, from);
    if (from->type != TN_TYPE_LIST && from->type != TN_TYPE_TUPLE && from->type != TN_TYPE_BYTES &&
        !tn_is_array(from))
        return tn_wrong_type(ctx, from,
                             "an array, bytearray, bytes, or a list or tuple of numbers");
    r = tn_array_replace(ctx->mu, array, msg->start, msg->stop, msg->step == 0 ? 1 : msg->step,
                         from, &length);
    if (r == TN_ERR_PRECONDITION)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "With a step of %lld as many items must be given as are replaced.",
                              (long long)msg->step);
    if (r == 0)
        tn_result_count(result, length);
    return item_error(ctx, r, array, 0);
}

int tn_op_array_replace(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    return replace(ctx, message, result);
}

int tn_op_array_extend(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayExtendRequest *msg = message;
    Tenure__V1__ArrayReplaceRequest at_end = TENURE__V1__ARRAY_REPLACE_REQUEST__INIT;

    at_end.target = msg->target;
    at_end.start = INT64_MAX;
    at_end.stop = INT64_MAX;
    at_end.value = msg->value;
    return replace(ctx, &at_end, result);
}

int tn_op_array_fill(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ArrayFillRequest *msg = message;
    struct tn_number number;
    struct tn_object *array;
    int r = hold_array(ctx, msg->target, &array);

    if (r == 0)
        r = number_of(ctx, msg->value, &number);
    if (r < 0)
        return r;
    r = tn_array_fill(ctx->mu, array, msg->start, msg->stop, &number);
    if (r == 0)
        tn_result_count(result, tn_array_length(array));
    return item_error(ctx, r, array, 0);
}
