/* SPDX-License-Identifier: MIT */
/* Operations on weakrefs: WeakrefNew, WeakrefGet. */
#include "core/base/err.h"
#include "server/request.h"

int tn_op_weakref_new(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__WeakrefNewRequest *msg = message;
    struct tn_object *weakref;
    struct tn_object *o;
    int r;

    r = tn_handles_reserve(ctx, 1);
    if (r == 0)
        r = tn_target_hold(ctx, msg->target, &o);
    if (r < 0)
        return r;
    r = tn_weakref_new(ctx->mu, o, &weakref);
    if (r == TN_ERR_TYPE)
        return tn_wrong_type(ctx, o, "bytes or a container, to refer to it weakly");
    if (r == 0)
        tn_answer_handle(ctx, &weakref, 0, result);
    return r;
}

/* What it refers to is borrowed like what a name refers to, and may die meanwhile;
 * then the weakref is looked at again, and found to be dead. */
static int deref(struct tn_request_ctx *ctx, struct tn_object *weakref, uint64_t version,
                 const void *message, struct tn_result *result)
{
    const Tenure__V1__WeakrefGetRequest *msg = message;
    struct tn_object *o;

    (void)version;
    if (weakref->type != TN_TYPE_WEAKREF)
        return tn_wrong_type(ctx, weakref, "a weakref");
    o = tn_weakref_peek(ctx->mu, weakref);
    if (o == NULL || tn_is_dead(o))
        return tn_answer_borrowed(ctx, tn_none(ctx->ex->service->heap), NULL, 0, result);
    return tn_answer_borrowed(ctx, o, msg->want, 0, result);
}

int tn_op_weakref_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__WeakrefGetRequest *msg = message;

    return tn_read_target(ctx, msg->target, deref, msg, result);
}
