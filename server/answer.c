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

void tn_result_count(struct tn_result *result, uint64_t count)
{
    result->which = TENURE__V1__RESPONSE__RESULT_COUNT;
    result->message.count = (Tenure__V1__CountResponse)TENURE__V1__COUNT_RESPONSE__INIT;
    result->message.count.count = count;
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
