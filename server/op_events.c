/* SPDX-License-Identifier: MIT */
/* Subscribe and Unsubscribe. What a subscription tells is sent by conn_events.c. */
#include "core/base/err.h"
#include "server/request.h"
#include "server/session.h"
#include "server/subscription.h"

static int read_options(struct tn_request_ctx *ctx, const Tenure__V1__SubscribeRequest *msg,
                        struct tn_subscription_options *ret_options)
{
    if ((msg->kinds & ~TN_HEAP_EVENTS_ALL) != 0)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "There are no such kinds of events as the bits 0x%x of the mask say.",
                              (unsigned int)(msg->kinds & ~TN_HEAP_EVENTS_ALL));
    if (msg->prefix.len > TN_NAME_BYTES_MAX || msg->class_name.len > TN_HEAP_EVENT_TEXT_MAX)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "No name and no class is as long as the one to be told of; "
                              "%d bytes are the most.",
                              TN_NAME_BYTES_MAX);
    if (msg->queue_limit > TN_QUEUE_EVENTS_MAX)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "At most %d events can wait for a subscriber, not %u; ask for less.",
                              TN_QUEUE_EVENTS_MAX, msg->queue_limit);
    *ret_options = (struct tn_subscription_options){
        .id = ctx->request_id,
        .kinds = msg->kinds != 0 ? msg->kinds : TN_HEAP_EVENTS_ALL,
        .prefix = TN_SLICE(msg->prefix.data, msg->prefix.len),
        .class_name = TN_SLICE(msg->class_name.data, msg->class_name.len),
        .ns = msg->all_namespaces ? NULL : ctx->session->ns,
        .limit = msg->queue_limit != 0 ? msg->queue_limit : TN_QUEUE_EVENTS,
    };
    return 0;
}

int tn_op_subscribe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SubscribeRequest *msg = message;
    Tenure__V1__EventsResponse *answer = &result->message.events;
    struct tn_subscription_options options;
    struct tn_subscription *sub = NULL;
    int r = read_options(ctx, msg, &options);

    if (r < 0)
        return r;
    if (tn_subscription_find(ctx->session, options.id) != NULL)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "The session has a subscription with this request's id already.");
    r = tn_subscription_new(&ctx->ex->hub, ctx->session, &options, &sub);
    if (r == TN_ERR_TOO_MANY)
        return tn_status_set(ctx->status, TN_REASON_TOO_MANY_SUBSCRIPTIONS);
    if (r == TN_ERR_LIMIT)
        return tn_status_setf(ctx->status, TN_REASON_TOO_MANY_SUBSCRIPTIONS,
                              "There is no buffer memory for a queue of %u events; ask for a "
                              "shorter one, or raise max-buffers.",
                              options.limit);
    if (r < 0)
        return r;
    tn_service_tell_memory(ctx->ex->service, sub);
    result->which = TENURE__V1__RESPONSE__RESULT_EVENTS;
    *answer = (Tenure__V1__EventsResponse)TENURE__V1__EVENTS_RESPONSE__INIT;
    answer->queue_limit = options.limit;
    return 0;
}

int tn_op_unsubscribe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__UnsubscribeRequest *msg = message;
    struct tn_subscription *sub = tn_subscription_find(ctx->session, msg->subscription);

    if (sub == NULL || sub->is_ended)
        return tn_status_set(ctx->status, TN_REASON_SUBSCRIPTION_NOT_FOUND);
    tn_result_count(result, sub->next_sequence - 1);
    tn_subscription_end(sub);
    return 0;
}
