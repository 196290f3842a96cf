/* SPDX-License-Identifier: MIT */
/*
 * Raw content: ranges of what a str, bytes, bytearray or array holds, as it lies in
 * memory, without a message or a node for each item.
 */
#include <string.h>

#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "server/request.h"

/* What one answer carries at most, so that a client that asks for everything at once
 * does not make the server hold a copy of everything. */
#define READ_BYTES_MAX ((uint64_t)1 << 20)
/* What surrounds the content in an answer. */
#define ANSWER_BYTES ((size_t)64)

/* The wire's formats are the heap's. */
#define TN_ITEM_CHECK(name, word, shift, is_signed, is_real)                                       \
    _Static_assert((int)TN_ITEM_##name == (int)TENURE__V1__ARRAY_FORMAT__ARRAY_FORMAT_##name, "");
TN_ITEM_FORMAT_LIST(TN_ITEM_CHECK)
#undef TN_ITEM_CHECK

/* How many items there are from `first` on, as far as one answer may carry them. */
static size_t n_wanted(const Tenure__V1__ReadRequest *msg, uint64_t length, unsigned int shift)
{
    uint64_t n = msg->first >= length ? 0 : length - msg->first;
    uint64_t n_max = READ_BYTES_MAX >> shift;

    if (n_max > msg->count)
        n_max = msg->count;
    return (size_t)(n < n_max ? n : n_max);
}

/* A range of an array, copied. */
static int read_array(struct tn_request_ctx *ctx, struct tn_object *o,
                      const Tenure__V1__ReadRequest *msg, struct tn_slice *ret_data,
                      uint64_t *ret_length)
{
    unsigned int shift = tn_item_shift(tn_array_format(o));
    size_t length = tn_array_length(o);
    size_t n = n_wanted(msg, length, shift);
    void *items = tn_ctx_alloc(ctx, n << shift);

    if (items == NULL)
        return TN_ERR_NOMEM;
    n = tn_array_read(ctx->mu, o, (size_t)msg->first, n, items, &length);
    *ret_data = TN_SLICE(items, n << shift);
    *ret_length = length;
    return tn_check_alive(o);
}

/* A range of a str or bytes, where it is; but in a batch, which passes safe points before
 * its answer is packed, a copy. */
static int read_text(struct tn_request_ctx *ctx, const struct tn_object *o,
                     const Tenure__V1__ReadRequest *msg, struct tn_slice *ret_data,
                     uint64_t *ret_length)
{
    struct tn_slice content = tn_text_slice(o);
    size_t n = n_wanted(msg, content.len, 0);
    void *copy;

    *ret_data = TN_SLICE((const char *)content.data + (n > 0 ? msg->first : 0), n);
    *ret_length = content.len;
    if (ctx->batch == NULL || n == 0)
        return 0;
    copy = tn_ctx_alloc(ctx, n);
    if (copy == NULL)
        return TN_ERR_NOMEM;
    memcpy(copy, ret_data->data, n);
    ret_data->data = copy;
    return 0;
}

static int content_of(struct tn_request_ctx *ctx, struct tn_object *o,
                      const Tenure__V1__ReadRequest *msg, struct tn_slice *ret_data,
                      uint64_t *ret_length)
{
    if (tn_is_array(o))
        return read_array(ctx, o, msg, ret_data, ret_length);
    if (o->type != TN_TYPE_STR && o->type != TN_TYPE_BYTES)
        return tn_wrong_type(ctx, o, "a str, bytes, bytearray or array");
    return read_text(ctx, o, msg, ret_data, ret_length);
}

static int read_range(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                      const void *message, struct tn_result *result)
{
    Tenure__V1__ReadResponse *answer = &result->message.read;
    struct tn_slice data = TN_SLICE("", 0);
    uint64_t length = 0;
    int r = content_of(ctx, o, message, &data, &length);

    (void)version; /* is of the object's name */
    if (r == 0)
        r = tn_ctx_claim(ctx, ANSWER_BYTES + data.len);
    if (r == TN_ERR_TOO_BIG)
        return tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    if (r < 0)
        return r;
    result->which = TENURE__V1__RESPONSE__RESULT_READ;
    *answer = (Tenure__V1__ReadResponse)TENURE__V1__READ_RESPONSE__INIT;
    /* The generated struct cannot say so, but packing does not write to it. */
    answer->data =
        (ProtobufCBinaryData){ .len = data.len, .data = (uint8_t *)(uintptr_t)data.data };
    answer->crc32c = tn_crc32c(TN_CRC32C_EMPTY, data.data, data.len);
    answer->type = (Tenure__V1__TypeTag)o->type;
    answer->format = tn_is_array(o) ? (Tenure__V1__ArrayFormat)tn_array_format(o)
                                    : TENURE__V1__ARRAY_FORMAT__ARRAY_FORMAT_UNSPECIFIED;
    answer->length = length;
    return 0;
}

int tn_op_read(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ReadRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_range, msg, result);
}

int tn_op_write(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__WriteRequest *msg = message;
    struct tn_object *array;
    size_t length;
    int r = tn_target_hold(ctx, msg->target, &array);

    if (r < 0)
        return r;
    if (!tn_is_array(array))
        return tn_wrong_type(ctx, array, "an array or bytearray");
    r = tn_array_write(ctx->mu, array, (size_t)msg->first, TN_SLICE(msg->data.data, msg->data.len),
                       &length);
    if (r == TN_ERR_INDEX)
        return tn_status_setf(ctx->status, TN_REASON_INDEX_OUT_OF_RANGE,
                              "Item %llu is beyond the end, and there can be no gap; the length "
                              "is %zu.",
                              (unsigned long long)msg->first, tn_array_length(array));
    if (r == TN_ERR_INVAL)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "%zu bytes are no whole number of items of an array of %s.",
                              msg->data.len, tn_item_format_name(tn_array_format(array)));
    if (r == 0)
        tn_result_count(result, length);
    return r;
}
