/* SPDX-License-Identifier: MIT */
/* Operations on exports: Export, Import, Revoke. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/request.h"

/* How long an export lasts; sets the status if there are none. */
static int grant_ttl(struct tn_request_ctx *ctx, uint32_t wanted_ms, uint64_t *ret_ns)
{
    uint64_t max_ns = ctx->ex->service->config.max_export_ns;
    uint64_t wanted_ns = wanted_ms * TN_NS_PER_MS;

    if (max_ns < TN_NS_PER_MS)
        return tn_status_setf(ctx->status, TN_REASON_OPERATION_UNSUPPORTED,
                              "The server exports nothing; it was started with max-export 0.");
    *ret_ns = wanted_ms == 0 || wanted_ns > max_ns ? max_ns : wanted_ns;
    if (*ret_ns / TN_NS_PER_MS > UINT32_MAX)
        *ret_ns = UINT32_MAX * TN_NS_PER_MS;
    return 0;
}

static int export_limit(struct tn_request_ctx *ctx, int err)
{
    if (err == TN_ERR_TOO_MANY)
        return tn_status_setf(ctx->status, TN_REASON_TOO_MANY_EXPORTS,
                              "The session has exported %d objects, and may not export more at a "
                              "time; revoke some.",
                              TN_EXPORTS_PER_SESSION);
    return err == TN_ERR_LIMIT ? tn_status_set(ctx->status, TN_REASON_TOO_MANY_EXPORTS) : err;
}

int tn_op_export(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ExportRequest *msg = message;
    Tenure__V1__ExportResponse *answer = &result->message.export;
    struct tn_token *token = tn_ctx_alloc(ctx, sizeof(*token));
    struct tn_object *o;
    uint64_t ttl_ns;
    int r = token == NULL ? TN_ERR_NOMEM : grant_ttl(ctx, msg->ttl_ms, &ttl_ns);

    if (r == 0)
        r = tn_target_hold(ctx, msg->target, &o);
    if (r < 0)
        return r;
    tn_publish(ctx->mu, o);
    tn_incref(ctx->mu, o);
    r = tn_export_add(&ctx->ex->service->exports, &ctx->session->exporter, ctx->session->id, &o,
                      tn_clock_ns() + ttl_ns, msg->once, token);
    if (r < 0) {
        tn_drop(ctx->mu, &o);
        return export_limit(ctx, r);
    }
    result->which = TENURE__V1__RESPONSE__RESULT_EXPORT;
    *answer = (Tenure__V1__ExportResponse)TENURE__V1__EXPORT_RESPONSE__INIT;
    answer->token.data = (uint8_t *)token;
    answer->token.len = sizeof(*token);
    answer->ttl_ms = (uint32_t)(ttl_ns / TN_NS_PER_MS);
    return 0;
}

int tn_op_import(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ImportRequest *msg = message;
    struct tn_token token;
    struct tn_object *o;
    int r = tn_token_read(ctx, &msg->token, &token);

    if (r == 0)
        r = tn_handles_reserve(ctx, 1); /* first: an import may be the only one */
    if (r < 0)
        return r;
    r = tn_export_import(&ctx->ex->service->exports, ctx->mu, &token, tn_clock_ns(), &o);
    if (r < 0)
        return r == TN_ERR_NAME ? tn_status_set(ctx->status, TN_REASON_EXPORT_NOT_FOUND) : r;
    tn_answer_handle(ctx, &o, 0, result);
    return 0;
}

int tn_op_revoke(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__RevokeRequest *msg = message;
    struct tn_token token;
    struct tn_object *o;
    int r = tn_token_read(ctx, &msg->token, &token);

    if (r < 0)
        return r;
    o = tn_export_revoke(&ctx->ex->service->exports, ctx->mu, &token);
    tn_result_boolean(result, o != NULL);
    tn_drop(ctx->mu, &o);
    return 0;
}
