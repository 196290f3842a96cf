/* SPDX-License-Identifier: MIT */
/* Operations on the session itself: its scopes. */
#include "core/base/err.h"
#include "server/request.h"

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
