/* SPDX-License-Identifier: MIT */
/* See request.h: answers with objects, the same for every operation. */
#include "core/base/check.h"
#include "core/base/err.h"
#include "server/request.h"

/* The tag of a type on the wire is its number in the heap. */
_Static_assert((int)TN_TYPE_NONE == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_NONE, "");
_Static_assert((int)TN_TYPE_BOOL == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_BOOL, "");
_Static_assert((int)TN_TYPE_INT == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_INT, "");
_Static_assert((int)TN_TYPE_FLOAT == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_FLOAT, "");
_Static_assert((int)TN_TYPE_STR == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_STR, "");
_Static_assert((int)TN_TYPE_BYTES == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_BYTES, "");
_Static_assert((int)TN_TYPE_TUPLE == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_TUPLE, "");
_Static_assert((int)TN_TYPE_LIST == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_LIST, "");
_Static_assert((int)TN_TYPE_DICT == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_DICT, "");
_Static_assert((int)TN_TYPE_CLASS == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_CLASS, "");
_Static_assert((int)TN_TYPE_RECORD == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_RECORD, "");
_Static_assert((int)TN_TYPE_WEAKREF == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_WEAKREF, "");
_Static_assert((int)TN_TYPE_SET == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_SET, "");
_Static_assert((int)TN_TYPE_FROZENSET == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_FROZENSET, "");
_Static_assert((int)TN_TYPE_DEQUE == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_DEQUE, "");
_Static_assert((int)TN_TYPE_ARRAY == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_ARRAY, "");
_Static_assert((int)TN_TYPE_BYTEARRAY == (int)TENURE__V1__TYPE_TAG__TYPE_TAG_BYTEARRAY, "");

void tn_result_count(struct tn_result *result, uint64_t count)
{
    result->which = TENURE__V1__RESPONSE__RESULT_COUNT;
    result->message.count = (Tenure__V1__CountResponse)TENURE__V1__COUNT_RESPONSE__INIT;
    result->message.count.count = count;
}

void tn_result_boolean(struct tn_result *result, bool value)
{
    result->which = TENURE__V1__RESPONSE__RESULT_BOOLEAN;
    result->message.boolean = (Tenure__V1__BoolResponse)TENURE__V1__BOOL_RESPONSE__INIT;
    result->message.boolean.value = value;
}

int tn_answer_page(struct tn_request_ctx *ctx, struct tn_object **objects, size_t n,
                   uint64_t cursor, const Tenure__V1__Want *want, struct tn_result *result)
{
    Tenure__V1__ScanDictResponse *answer = &result->message.scan_dict;
    int r;

    result->which = TENURE__V1__RESPONSE__RESULT_SCAN_DICT;
    *answer = (Tenure__V1__ScanDictResponse)TENURE__V1__SCAN_DICT_RESPONSE__INIT;
    answer->cursor = cursor;
    r = tn_value_encode_items(ctx, objects, n, want, result, &answer->entries);
    return r == TN_ERR_TOO_BIG ? tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE) : r;
}

size_t tn_scan_page(const struct tn_request_ctx *ctx, uint32_t limit, size_t entry_bytes)
{
    size_t n_max = ctx->ex->service->limits.max_answer_bytes / entry_bytes;
    size_t n = limit == 0 ? TN_SCAN_ENTRIES : limit;

    return n < n_max ? n : n_max;
}

static Tenure__V1__ObjectResponse *begin(struct tn_result *result, const struct tn_object *o,
                                         uint64_t version)
{
    Tenure__V1__ObjectResponse *answer = &result->message.object;

    result->which = TENURE__V1__RESPONSE__RESULT_OBJECT;
    *answer = (Tenure__V1__ObjectResponse)TENURE__V1__OBJECT_RESPONSE__INIT;
    answer->type = (Tenure__V1__TypeTag)o->type;
    answer->version = version;
    return answer;
}

void tn_step_returns(struct tn_request_ctx *ctx, struct tn_object *o)
{
    struct tn_batch *batch = ctx->batch;

    if (batch == NULL)
        return;
    TN_ASSERT(batch->objects[batch->current] == NULL);
    tn_incref(ctx->mu, o);
    batch->objects[batch->current] = o;
}

void tn_answer_handle(struct tn_request_ctx *ctx, struct tn_object **take_object, uint64_t version,
                      struct tn_result *result)
{
    Tenure__V1__ObjectResponse *answer = begin(result, *take_object, version);

    tn_step_returns(ctx, *take_object);
    answer->handle = tn_handle_give(ctx, take_object);
}

void tn_answer_number(struct tn_request_ctx *ctx, const struct tn_number *number,
                      struct tn_result *result)
{
    Tenure__V1__ObjectResponse *answer = &result->message.object;
    struct tn_object *o;

    result->which = TENURE__V1__RESPONSE__RESULT_OBJECT;
    *answer = (Tenure__V1__ObjectResponse)TENURE__V1__OBJECT_RESPONSE__INIT;
    answer->value = &result->one.value;
    if (number->is_real) {
        answer->type = TENURE__V1__TYPE_TAG__TYPE_TAG_FLOAT;
        tn_value_one_float(&result->one, number->real);
    } else {
        answer->type = TENURE__V1__TYPE_TAG__TYPE_TAG_INT;
        tn_value_one_int(&result->one, (int64_t)number->integer);
    }
    if (ctx->batch == NULL || tn_number_new(ctx->mu, number, &o) < 0)
        return;
    tn_step_returns(ctx, o);
    tn_decref(ctx->mu, o);
}

/* Answers with an object to which the caller holds a reference, and keeps it. */
static int answer_held(struct tn_request_ctx *ctx, struct tn_object *o,
                       const Tenure__V1__Want *want, uint64_t version, struct tn_result *result)
{
    Tenure__V1__ObjectResponse *answer = begin(result, o, version);
    int r;

    if (want != NULL && want->handle) {
        r = tn_handles_reserve(ctx, 1);
        if (r < 0)
            return r;
        tn_incref(ctx->mu, o);
        tn_answer_handle(ctx, &o, version, result);
        return 0;
    }
    r = tn_value_encode(ctx, o, want, result, &answer->value);
    if (r == 0)
        tn_step_returns(ctx, o);
    return r;
}

int tn_answer_borrowed(struct tn_request_ctx *ctx, struct tn_object *o,
                       const Tenure__V1__Want *want, uint64_t version, struct tn_result *result)
{
    int r;

    /* The common case takes no reference. */
    if (TN_LIKELY(ctx->batch == NULL && (want == NULL || !want->handle))) {
        Tenure__V1__ObjectResponse *answer = begin(result, o, version);

        return tn_value_encode(ctx, o, want, result, &answer->value);
    }
    if (!tn_tryref(ctx->mu, o))
        return TN_ERR_BUSY;
    r = answer_held(ctx, o, want, version, result);
    tn_decref(ctx->mu, o); /* the session or the batch has its own now */
    return r;
}

void tn_answer_taken(struct tn_request_ctx *ctx, struct tn_object **take_object,
                     const Tenure__V1__Want *want, struct tn_result *result)
{
    int r;

    if (want == NULL || !want->handle) {
        Tenure__V1__ObjectResponse *answer = begin(result, *take_object, 0);

        r = tn_value_encode(ctx, *take_object, want, result, &answer->value);
        if (TN_LIKELY(r == 0)) {
            tn_step_returns(ctx, *take_object);
            tn_hold(ctx, *take_object); /* the answer may refer to its content */
            *take_object = NULL;
            return;
        }
        tn_status_clear(ctx->status);
    }
    tn_answer_handle(ctx, take_object, 0, result);
}
