/* SPDX-License-Identifier: MIT */
/* Operations on the session itself: its beginning and end, and its scopes. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "proto/utf8.h"
#include "server/request.h"

#define NAMESPACE_DEFAULT "default"

/* protobuf-c has `char *` for strings that it never writes to. */
static char *wire_string(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* ---- Hello and Goodbye ---- */

static int open_namespace(struct tn_request_ctx *ctx, const ProtobufCBinaryData *name,
                          struct tn_namespace **ret_namespace)
{
    struct tn_slice slice = TN_SLICE(name->data, name->len);
    int r;

    if (name->len == 0)
        slice = TN_SLICE_LITERAL(NAMESPACE_DEFAULT);
    if (slice.len > TN_NAME_BYTES_MAX)
        return tn_status_set(ctx->status, TN_REASON_NAMESPACE_INVALID);
    /* Info lists namespaces as strings, which cannot hold NUL. */
    if (!tn_utf8_is_valid(slice.data, slice.len) || memchr(slice.data, '\0', slice.len) != NULL)
        return tn_status_setf(ctx->status, TN_REASON_NAMESPACE_INVALID,
                              "The name of a namespace must be valid UTF-8 without NUL.");
    r = tn_namespace_open(ctx->mu, slice, ret_namespace);
    return r == TN_ERR_TOO_MANY ? tn_status_set(ctx->status, TN_REASON_TOO_MANY_NAMESPACES) : r;
}

/* The lease that is granted; NULL if there is none. */
static int grant_lease(struct tn_request_ctx *ctx, uint32_t lease_ms, struct tn_lease **ret_lease)
{
    struct tn_service *service = ctx->ex->service;
    uint64_t duration_ns = lease_ms * TN_NS_PER_MS;
    int r;

    *ret_lease = NULL;
    if (duration_ns > service->config.max_lease_ns)
        duration_ns = service->config.max_lease_ns;
    if (duration_ns < TN_NS_PER_MS) /* as it is told in these */
        return 0;
    r = tn_lease_new(&service->leases, duration_ns, ret_lease);
    return r == TN_ERR_TOO_MANY ? tn_status_set(ctx->status, TN_REASON_TOO_MANY_LEASES) : r;
}

static int open_session(struct tn_request_ctx *ctx, const Tenure__V1__HelloRequest *msg)
{
    struct tn_service *service = ctx->ex->service;
    struct tn_namespace *ns;
    struct tn_lease *lease;
    int r = open_namespace(ctx, &msg->namespace_, &ns);

    if (r == 0)
        r = grant_lease(ctx, msg->lease_ms, &lease);
    if (r < 0)
        return r;
    tn_session_open(ctx->session, &ctx->ex->sessions, ns,
                    1 + atomic_fetch_add_explicit(&service->next_session, 1,
                                                  memory_order_relaxed)); /* only a number */
    ctx->session->lease = lease;
    return 0;
}

static int resume_session(struct tn_request_ctx *ctx, const ProtobufCBinaryData *bytes)
{
    struct tn_token token;
    int r = tn_token_read(ctx, bytes, &token);

    if (r < 0)
        return r;
    r = tn_lease_resume(&ctx->ex->service->leases, &token, tn_clock_ns(), &ctx->ex->sessions,
                        ctx->session);
    if (r == TN_ERR_NAME)
        return tn_status_set(ctx->status, TN_REASON_LEASE_NOT_FOUND);
    return r == TN_ERR_BUSY ? tn_status_set(ctx->status, TN_REASON_LEASE_IN_USE) : r;
}

int tn_op_hello(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__HelloRequest *msg = message;
    Tenure__V1__HelloResponse *answer = &result->message.hello;
    struct tn_service *service = ctx->ex->service;
    struct tn_lease *lease;
    int r;

    if (msg->protocol != TN_PROTOCOL_VERSION) {
        ctx->must_close = true;
        return tn_status_setf(ctx->status, TN_REASON_PROTOCOL_UNSUPPORTED,
                              "This server speaks version %d of the protocol, not %u.",
                              TN_PROTOCOL_VERSION, msg->protocol);
    }
    r = msg->resume.len == 0 ? open_session(ctx, msg) : resume_session(ctx, &msg->resume);
    if (r < 0)
        return r;

    result->which = TENURE__V1__RESPONSE__RESULT_HELLO;
    *answer = (Tenure__V1__HelloResponse)TENURE__V1__HELLO_RESPONSE__INIT;
    answer->protocol = TN_PROTOCOL_VERSION;
    answer->server = wire_string("tenured/" TN_VERSION);
    answer->mode = wire_string(tn_mode_name(service->config.mode));
    answer->session = ctx->session->id;
    answer->max_frame_bytes = service->config.max_frame_bytes;
    answer->max_in_flight = (uint32_t)service->config.max_in_flight;
    answer->handles = tn_session_n_handles(ctx->session);
    lease = ctx->session->lease;
    if (lease != NULL) {
        answer->lease_ms = (uint32_t)(lease->duration_ns / TN_NS_PER_MS);
        answer->token.data = (uint8_t *)&lease->entry.token;
        answer->token.len = TN_TOKEN_BYTES;
    }
    return 0;
}

int tn_op_goodbye(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    bool had_lease = ctx->session->lease != NULL;

    (void)message; /* asks for nothing in particular */
    tn_lease_end(&ctx->ex->service->leases, &ctx->session->lease);
    tn_result_boolean(result, had_lease);
    return 0;
}

/* ---- Scopes ---- */

int tn_op_begin_scope(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    uint64_t number;
    int r = tn_session_begin_scope(ctx->session, &number);

    (void)message; /* asks for nothing in particular */
    if (r == TN_ERR_TOO_MANY)
        return tn_status_setf(ctx->status, TN_REASON_TOO_MANY_SCOPES,
                              "The session has %d scopes open, one in the other, and may not have "
                              "more; end some.",
                              TN_SCOPES_MAX);
    if (r < 0)
        return r;
    result->which = TENURE__V1__RESPONSE__RESULT_SCOPE;
    result->message.scope = (Tenure__V1__ScopeResponse)TENURE__V1__SCOPE_RESPONSE__INIT;
    result->message.scope.scope = number;
    return 0;
}

/* Says which of the handles is not held. */
static int one_is_missing(struct tn_request_ctx *ctx, const uint64_t *handles, size_t n_handles)
{
    struct tn_object *o;

    for (size_t i = 0; i < n_handles; i++)
        if (tn_session_find(ctx->session, handles[i], &o) < 0)
            return tn_handle_missing(ctx, handles[i]);
    return 0;
}

static int begin_to_end(struct tn_request_ctx *ctx, const Tenure__V1__EndScopeRequest *msg)
{
    int r = tn_session_end_scope(ctx->session, msg->scope, msg->keep, msg->n_keep);

    if (r == TN_ERR_HANDLE)
        return one_is_missing(ctx, msg->keep, msg->n_keep);
    if (r != TN_ERR_NAME)
        return r;
    if (msg->scope == 0)
        return tn_status_setf(ctx->status, TN_REASON_SCOPE_NOT_FOUND,
                              "No scope is open in this session; begin one first.");
    return tn_status_setf(ctx->status, TN_REASON_SCOPE_NOT_FOUND,
                          "Scope %llu is not open in this session; it was ended, or one around it.",
                          (unsigned long long)msg->scope);
}

/*
 * A large scope is ended in steps, with others' requests between them if the request
 * can be executed again. The session's own wait meanwhile, so for its client all
 * handles go at one moment.
 */
int tn_op_end_scope(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__EndScopeRequest *msg = message;
    struct tn_session *session = ctx->session;
    bool is_ended = false;

    if (!tn_session_is_ending_scope(session)) {
        int r = begin_to_end(ctx, msg);

        if (r < 0)
            return r;
    }
    while (!is_ended) {
        size_t before = tn_session_n_handles(session);

        is_ended = tn_session_work_off_scope(session, ctx->mu, TN_RELEASES_PER_SAFEPOINT);
        tn_counter_sub(&ctx->ex->counters->handles, before - tn_session_n_handles(session));
        ctx->is_unfinished = !is_ended && ctx->may_defer;
        if (ctx->is_unfinished)
            return 0;
        if (!is_ended)
            tn_ctx_safepoint(ctx); /* nothing is borrowed here, also not in a batch */
    }
    tn_result_count(result, session->n_ended);
    return 0;
}

int tn_op_keep_handle(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__KeepHandleRequest *msg = message;
    uint64_t n_moved = 0;
    int r = one_is_missing(ctx, msg->handles, msg->n_handles);

    for (size_t i = 0; r == 0 && i < msg->n_handles; i++) {
        bool did = false;

        r = tn_session_keep(ctx->session, msg->handles[i], &did);
        n_moved += did;
    }
    if (r < 0)
        return r;
    tn_result_count(result, n_moved);
    return 0;
}
