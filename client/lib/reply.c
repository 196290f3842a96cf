/* SPDX-License-Identifier: MIT */
#include "client/lib/reply.h"

#include <string.h>

#include "client/lib/error.h"
#include "client/lib/values.h"
#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "proto/message.h"

/* Answers are as large as our own requests made them; most are tiny. */
#define FIRST_ARENA_BYTES ((size_t)1024)

static const struct tn_scan_limits answer_limits = {
    .max_depth = 8,
    .max_fields = (size_t)16 << 20,
    .max_messages = (size_t)4 << 20,
    .max_elements = (size_t)1 << 30,
    .max_arena_bytes = SIZE_MAX / 4,
};

static const tn_error no_error = { .err = TN_OK, .reason = "", .message = "" };

int tn_reply_box_init(struct tn_reply_box *box, struct tn_session *session)
{
    memset(box, 0, sizeof(*box));
    if (tn_arena_init(&box->arena, FIRST_ARENA_BYTES, SIZE_MAX / 4) < 0)
        return TN_ENOMEM;
    box->reply.session = session;
    box->reply.error = no_error;
    session->refs++;
    return 0;
}

static void release_value(struct tn_session *session, const Tenure__V1__Value *value)
{
    for (size_t i = 0; value && i < value->n_handles; i++) {
        if (value->handles[i] != 0)
            tn_session_release_id(session, value->handles[i]);
    }
}

/* Gives back what an answer, or a step's, refers to and nobody has taken. */
static void release_untaken(const struct tn_reply *reply)
{
    if (reply->is_taken || !reply->result)
        return;

    switch (reply->result_case) {
    case TENURE__V1__RESPONSE__RESULT_OBJECT: {
        const Tenure__V1__ObjectResponse *object = (const void *)reply->result;

        release_value(reply->session, object->value);
        if (object->handle != 0)
            tn_session_release_id(reply->session, object->handle);
        break;
    }
    case TENURE__V1__RESPONSE__RESULT_NAME: {
        const Tenure__V1__NameResponse *name = (const void *)reply->result;

        if (name->handle != 0)
            tn_session_release_id(reply->session, name->handle);
        break;
    }
    case TENURE__V1__RESPONSE__RESULT_SCAN_DICT: {
        const Tenure__V1__ScanDictResponse *page = (const void *)reply->result;

        release_value(reply->session, page->entries);
        break;
    }
    default:
        break;
    }
}

void tn_reply_box_reset(struct tn_reply_box *box)
{
    struct tn_reply *reply = &box->reply;

    if (reply->session) {
        for (size_t i = 0; i < reply->n_steps; i++)
            release_untaken(&reply->steps[i]);
        release_untaken(reply);
    }
    *reply = (struct tn_reply){ .session = reply->session, .error = no_error };
    tn_arena_reset(&box->arena);
}

void tn_reply_box_fini(struct tn_reply_box *box)
{
    if (!box->reply.session)
        return;
    tn_reply_box_reset(box);
    tn_arena_fini(&box->arena);
    tn_session_unref(&box->reply.session);
}

void tn_reply_box_fail(struct tn_reply_box *box, int err, const char *message)
{
    box->reply.error = (tn_error){ .err = err,
                                   .reason = "",
                                   .message = message ? message : tn_errno_sentence(err) };
}

/* For a reason that this library does not know, the code says roughly what it is. */
static int errno_from_code(uint32_t code)
{
    switch (code) {
    case TN_CODE_INVALID_ARGUMENT:
        return TN_EINVAL;
    case TN_CODE_DEADLINE_EXCEEDED:
        return TN_ETIMEOUT;
    case TN_CODE_NOT_FOUND:
        return TN_ENAME;
    case TN_CODE_RESOURCE_EXHAUSTED:
        return TN_ETOO_BIG;
    case TN_CODE_ALREADY_EXISTS:
    case TN_CODE_FAILED_PRECONDITION:
        return TN_EPRECONDITION;
    case TN_CODE_ABORTED:
        return TN_EABORTED;
    case TN_CODE_OUT_OF_RANGE:
        return TN_EINDEX;
    case TN_CODE_UNIMPLEMENTED:
        return TN_EUNSUPPORTED;
    default:
        return TN_ESERVER;
    }
}

tn_error tn_error_from_wire(const Tenure__V1__Status *status)
{
    enum tn_reason reason = tn_reason_from_name(status->reason);
    bool is_known = reason != TN_REASON_OK && reason != TN_REASON_UNRECOGNISED;
    int err = is_known ? tn_errno_from_reason(reason) : errno_from_code(status->code);
    bool has_words = status->message && status->message[0];

    return (tn_error){ .err = err,
                       .code = status->code,
                       .reason = status->reason,
                       .message = has_words ? status->message : tn_errno_sentence(err) };
}

static bool is_failure(const Tenure__V1__Status *status)
{
    return status && status->code != TN_CODE_OK;
}

/* protobuf-c does not end bytes with a NUL, but we promise that names are. */
static int terminate_names(struct tn_reply_box *box, const Tenure__V1__ScanNamesResponse *page)
{
    size_t n_bytes = page->n_names;
    char *at;

    for (size_t i = 0; i < page->n_names; i++)
        n_bytes += page->names[i]->name.len;
    at = tn_arena_alloc(&box->arena, n_bytes);
    if (!at)
        return TN_ENOMEM;
    for (size_t i = 0; i < page->n_names; i++) {
        ProtobufCBinaryData *name = &page->names[i]->name;

        if (name->len > 0)
            memcpy(at, name->data, name->len);
        at[name->len] = '\0';
        name->data = (uint8_t *)at;
        at += name->len + 1;
    }
    return 0;
}

/* What a result needs before it can be looked at. */
static int prepare_result(struct tn_reply_box *box, const struct tn_reply *reply)
{
    if (!reply->result || reply->result_case != TENURE__V1__RESPONSE__RESULT_SCAN_NAMES)
        return 0;
    return terminate_names(box, (const void *)reply->result);
}

static int load_steps(struct tn_reply_box *box, const Tenure__V1__BatchResponse *batch)
{
    struct tn_reply *steps = tn_arena_alloc(&box->arena, batch->n_results * sizeof(*steps));

    if (!steps)
        return TN_ENOMEM;
    for (size_t i = 0; i < batch->n_results; i++) {
        const Tenure__V1__StepResult *from = batch->results[i];

        steps[i] = (struct tn_reply){
            .session = box->reply.session,
            .error = is_failure(from->status) ? tn_error_from_wire(from->status) : no_error,
            .result_case = (Tenure__V1__Response__ResultCase)from->result_case,
            /* All members of the union are pointers to messages. */
            .result = from->ping ? &from->ping->base : NULL,
        };
        if (prepare_result(box, &steps[i]) < 0)
            return TN_ENOMEM;
    }
    box->reply.steps = steps;
    box->reply.n_steps = batch->n_results;
    return 0;
}

int tn_reply_box_load(struct tn_reply_box *box, struct tn_slice payload,
                      struct tn_status *ret_status)
{
    Tenure__V1__Response *response;
    int r = tn_message_unpack_response(payload, &answer_limits, &box->arena, &response, ret_status);

    if (r < 0) {
        r = r == TN_ERR_NOMEM || r == TN_ERR_LIMIT ? TN_ENOMEM : TN_ESERVER;
        tn_reply_box_fail(box, r, NULL);
        return r;
    }
    if (is_failure(response->status)) {
        box->reply.error = tn_error_from_wire(response->status);
        return 0;
    }
    box->reply.result_case = response->result_case;
    box->reply.result = response->hello ? &response->hello->base : NULL; /* any member */
    r = prepare_result(box, &box->reply);
    if (r == 0 && box->reply.result && response->result_case == TENURE__V1__RESPONSE__RESULT_BATCH)
        r = load_steps(box, response->batch);
    if (r < 0)
        tn_reply_box_fail(box, r, NULL); /* references in steps last as long as the session */
    return r;
}

/* ---- What users ask of a reply ---- */

int tn_reply_status(const tn_reply *reply)
{
    return reply ? reply->error.err : TN_EINVAL;
}

const tn_error *tn_reply_error(const tn_reply *reply)
{
    static const tn_error no_reply = { .err = TN_EINVAL,
                                       .reason = "",
                                       .message = "There is no reply." };

    return reply ? &reply->error : &no_reply;
}

int tn_reply_result(const tn_reply *reply, Tenure__V1__Response__ResultCase result_case,
                    const void **ret_result)
{
    if (!reply)
        return TN_EINVAL;
    if (reply->error.err < 0)
        return reply->error.err;
    if (reply->result_case != result_case || !reply->result)
        return TN_EINVAL;
    *ret_result = reply->result;
    return 0;
}

static int take_value(struct tn_reply *reply, const Tenure__V1__Value *wire, tn_values *values,
                      tn_value *ret_value)
{
    int r;

    if (wire->n_handles > 0 && reply->is_taken)
        return TN_EINVAL;
    r = tn_value_from_wire(wire, reply->session, values, ret_value);
    if (r == 0)
        reply->is_taken = true;
    return r;
}

int tn_reply_value(tn_reply *reply, tn_values *values, tn_value *ret_value)
{
    const void *result = NULL;
    const Tenure__V1__ObjectResponse *object;
    const Tenure__V1__ScanDictResponse *page;
    int r;

    if (!reply || !values || !ret_value)
        return values ? TN_EINVAL : TN_ENOMEM;
    if (tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_SCAN_DICT, &result) == 0) {
        page = result;
        return page->entries ? take_value(reply, page->entries, values, ret_value) : TN_ESERVER;
    }
    r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_OBJECT, &result);
    if (r < 0)
        return r;
    object = result;
    if (object->value)
        return take_value(reply, object->value, values, ret_value);
    if (object->handle == 0)
        return TN_ESERVER;
    if (reply->is_taken)
        return TN_EINVAL;
    r = tn_value_from_handle(object->handle, tn_kind_from_tag(object->type), reply->session, values,
                             ret_value);
    if (r == 0)
        reply->is_taken = true;
    return r;
}

int tn_reply_handle(tn_reply *reply, tn_handle **ret_handle, uint64_t *ret_version)
{
    const void *result = NULL;
    uint64_t id, version;
    tn_kind kind = TN_KIND_INVALID;
    int r;

    if (!reply || !ret_handle)
        return TN_EINVAL;
    if (tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_NAME, &result) == 0) {
        const Tenure__V1__NameResponse *name = result;

        id = name->handle;
        version = name->version;
    } else {
        const Tenure__V1__ObjectResponse *object;

        r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_OBJECT, &result);
        if (r < 0)
            return r;
        object = result;
        id = object->handle;
        kind = tn_kind_from_tag(object->type);
        version = object->version;
    }
    if (id == 0 || reply->is_taken)
        return TN_EINVAL;
    r = tn_handle_new(reply->session, id, kind, ret_handle);
    if (r < 0)
        return r;
    reply->is_taken = true;
    if (ret_version)
        *ret_version = version;
    return 0;
}

int tn_reply_binding(const tn_reply *reply, tn_binding *ret_binding)
{
    const void *result = NULL;
    const Tenure__V1__NameResponse *name;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_NAME, &result);

    if (r < 0)
        return r;
    name = result;
    *ret_binding = (tn_binding){ .version = name->version, .existed = name->existed };
    return 0;
}

int tn_reply_count(const tn_reply *reply, uint64_t *ret_count)
{
    const void *result = NULL;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_COUNT, &result);

    if (r == 0)
        *ret_count = ((const Tenure__V1__CountResponse *)result)->count;
    return r;
}

int tn_reply_scope(const tn_reply *reply, uint64_t *ret_number)
{
    const void *result = NULL;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_SCOPE, &result);

    if (r == 0)
        *ret_number = ((const Tenure__V1__ScopeResponse *)result)->scope;
    return r;
}

int tn_reply_truth(const tn_reply *reply, bool *ret_truth)
{
    const void *result = NULL;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_BOOLEAN, &result);

    if (r == 0)
        *ret_truth = ((const Tenure__V1__BoolResponse *)result)->value;
    return r;
}

int tn_reply_data(const tn_reply *reply, const void **ret_data, size_t *ret_size)
{
    const void *result = NULL;
    const Tenure__V1__PingResponse *ping;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_PING, &result);

    if (r < 0)
        return r;
    ping = result;
    *ret_data = ping->payload.data;
    *ret_size = ping->payload.len;
    return 0;
}

int tn_reply_range(const tn_reply *reply, tn_range *ret_range)
{
    const void *result = NULL;
    const Tenure__V1__ReadResponse *range;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_READ, &result);

    if (r < 0)
        return r;
    range = result;
    if (tn_crc32c(TN_CRC32C_EMPTY, range->data.data, range->data.len) != range->crc32c)
        return TN_ESERVER;
    *ret_range = (tn_range){
        .data = range->data.data,
        .size = range->data.len,
        .crc32c = range->crc32c,
        .kind = tn_kind_from_tag(range->type),
        .format = (tn_format)range->format,
        .length = range->length,
    };
    return 0;
}

int tn_reply_stream(const tn_reply *reply, uint64_t *ret_stream, uint64_t *ret_received)
{
    const void *result = NULL;
    const Tenure__V1__UploadResponse *upload;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_UPLOAD, &result);

    if (r < 0)
        return r;
    upload = result;
    if (ret_stream)
        *ret_stream = upload->stream;
    if (ret_received)
        *ret_received = upload->received;
    return 0;
}

size_t tn_reply_n_steps(const tn_reply *reply)
{
    return reply ? reply->n_steps : 0;
}

tn_reply *tn_reply_step(tn_reply *reply, size_t step)
{
    return reply && step < reply->n_steps ? &reply->steps[step] : NULL;
}
