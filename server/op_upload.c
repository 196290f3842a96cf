/* SPDX-License-Identifier: MIT */
/* Uploads, as requests; what is uploaded is kept by intake.h. */
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "server/request.h"

static struct tn_intakes *uploads_of(struct tn_request_ctx *ctx)
{
    return &ctx->session->uploads;
}

static void answer_upload(const struct tn_intake *upload, struct tn_result *result)
{
    Tenure__V1__UploadResponse *answer = &result->message.upload;

    result->which = TENURE__V1__RESPONSE__RESULT_UPLOAD;
    *answer = (Tenure__V1__UploadResponse)TENURE__V1__UPLOAD_RESPONSE__INIT;
    answer->stream = upload->id;
    answer->received = upload->n_received;
}

static int find_upload(struct tn_request_ctx *ctx, uint64_t id, struct tn_intake **ret_upload)
{
    *ret_upload = tn_intake_find(uploads_of(ctx), id);
    if (*ret_upload != NULL)
        return 0;
    return tn_status_setf(ctx->status, TN_REASON_STREAM_NOT_FOUND,
                          "This session has no upload %llu; it was finished or given up, or what "
                          "was sent did not fit.",
                          (unsigned long long)id);
}

/* The type and format of what is uploaded. */
static int check_type(struct tn_request_ctx *ctx, const Tenure__V1__UploadBeginRequest *msg,
                      enum tn_item_format *ret_format)
{
    bool is_array = msg->type == TENURE__V1__TYPE_TAG__TYPE_TAG_ARRAY;

    if (!is_array && msg->type != TENURE__V1__TYPE_TAG__TYPE_TAG_BYTES &&
        msg->type != TENURE__V1__TYPE_TAG__TYPE_TAG_BYTEARRAY)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "What is uploaded is a bytes, a bytearray or an array.");
    if (is_array && !tn_item_format_is_valid((unsigned int)msg->format))
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "The format of the array is missing or not known.");
    *ret_format = is_array ? (enum tn_item_format)msg->format : TN_ITEM_U8;
    if (msg->has_size && (msg->size & ((UINT64_C(1) << tn_item_shift(*ret_format)) - 1)) != 0)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "%llu bytes are no whole number of items of an array of %s.",
                              (unsigned long long)msg->size, tn_item_format_name(*ret_format));
    return 0;
}

int tn_op_upload_begin(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__UploadBeginRequest *msg = message;
    enum tn_item_format format;
    struct tn_intake *upload;
    int r = check_type(ctx, msg, &format);

    if (r == 0)
        r = tn_intake_begin(uploads_of(ctx), ctx->mu, (enum tn_type_id)msg->type, format,
                            msg->has_size ? msg->size : UINT64_MAX, &upload);
    if (r == TN_ERR_TOO_MANY)
        return tn_status_setf(ctx->status, TN_REASON_TOO_MANY_STREAMS,
                              "The session has %d uploads, which is as many as it may; finish or "
                              "give up one of them.",
                              TN_INTAKES_MAX);
    if (r == 0)
        answer_upload(upload, result);
    return r;
}

/* A chunk that can never be accepted. */
static int refuse_chunk(struct tn_request_ctx *ctx, struct tn_intake *upload,
                        const Tenure__V1__UploadChunkRequest *msg)
{
    bool is_announced = upload->n_total != UINT64_MAX;
    unsigned long long announced = (unsigned long long)upload->n_total;

    tn_intake_abort(uploads_of(ctx), ctx->mu, upload);
    if (is_announced)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "%zu bytes at offset %llu are more than the %llu that were "
                              "announced; the upload is given up.",
                              msg->data.len, (unsigned long long)msg->offset, announced);
    return tn_status_setf(ctx->status, TN_REASON_CONTAINER_TOO_LARGE,
                          "An object holds less than 4 gb; the upload is given up.");
}

int tn_op_upload_chunk(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__UploadChunkRequest *msg = message;
    struct tn_intake *upload;
    int r = find_upload(ctx, msg->stream, &upload);

    if (r < 0)
        return r;
    if (msg->offset != upload->n_received)
        return tn_status_setf(ctx->status, TN_REASON_STREAM_OFFSET,
                              "The chunk is for offset %llu, but %llu bytes have been received; "
                              "go on from there.",
                              (unsigned long long)msg->offset,
                              (unsigned long long)upload->n_received);
    if (tn_crc32c(TN_CRC32C_EMPTY, msg->data.data, msg->data.len) != msg->crc32c)
        return tn_status_setf(ctx->status, TN_REASON_CHECKSUM_MISMATCH,
                              "The chunk at offset %llu does not have the CRC-32C that it came "
                              "with; send it again.",
                              (unsigned long long)msg->offset);
    r = tn_intake_append(upload, ctx->mu, TN_SLICE(msg->data.data, msg->data.len));
    if (r == TN_ERR_TOO_BIG)
        return refuse_chunk(ctx, upload, msg);
    if (r == TN_ERR_INVAL)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "%zu bytes are no whole number of items; divide the content between "
                              "items.",
                              msg->data.len);
    if (r == 0)
        answer_upload(upload, result);
    return r;
}

/* There was no memory for a chunk, also after reclaiming: what there is of it goes. */
void tn_op_upload_refused(struct tn_request_ctx *ctx, const void *message)
{
    const Tenure__V1__UploadChunkRequest *msg = message;
    struct tn_intake *upload = tn_intake_find(uploads_of(ctx), msg->stream);

    if (upload != NULL)
        tn_intake_abort(uploads_of(ctx), ctx->mu, upload);
}

int tn_op_upload_finish(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__UploadFinishRequest *msg = message;
    struct tn_intake *upload;
    struct tn_object *object;
    int r = find_upload(ctx, msg->stream, &upload);

    if (r < 0)
        return r;
    if (msg->size != upload->n_received ||
        (upload->n_total != UINT64_MAX && upload->n_total != upload->n_received))
        return tn_status_setf(
            ctx->status, TN_REASON_STREAM_OFFSET,
            "%llu bytes have been received of %llu; go on from there.",
            (unsigned long long)upload->n_received,
            (unsigned long long)(upload->n_total != UINT64_MAX ? upload->n_total : msg->size));
    if (msg->crc32c != upload->crc32c)
        return tn_status_setf(ctx->status, TN_REASON_CHECKSUM_MISMATCH,
                              "What was received has the CRC-32C 0x%08x, not 0x%08x; give up the "
                              "upload and begin again.",
                              upload->crc32c, msg->crc32c);
    r = tn_handles_reserve(ctx, 1);
    if (r == 0)
        r = tn_intake_finish(uploads_of(ctx), ctx->mu, upload, &object);
    if (r == 0)
        tn_answer_handle(ctx, &object, 0, result);
    return r;
}

int tn_op_upload_abort(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__UploadAbortRequest *msg = message;
    struct tn_intake *upload;
    int r = find_upload(ctx, msg->stream, &upload);

    if (r < 0)
        return r;
    answer_upload(upload, result);
    tn_intake_abort(uploads_of(ctx), ctx->mu, upload);
    return 0;
}
