/* SPDX-License-Identifier: MIT */
/* Ping and Info: about the server. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/request.h"

/* protobuf-c has `char *` for strings that it never writes to. */
static char *wire_string(const char *text)
{
    return (char *)(uintptr_t)text;
}

int tn_op_ping(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__PingRequest *msg = message;
    int r = tn_ctx_claim(ctx, msg->payload.len);

    if (r == TN_ERR_TOO_BIG)
        return tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    if (r < 0)
        return r;
    result->which = TENURE__V1__RESPONSE__RESULT_PING;
    result->message.ping = (Tenure__V1__PingResponse)TENURE__V1__PING_RESPONSE__INIT;
    result->message.ping.payload = msg->payload;
    return 0;
}

/* ---- Info ---- */

/* What the process occupies: the second number in /proc/self/statm, in pages. */
static uint64_t rss_bytes(void)
{
    char text[128];
    char *end;
    ssize_t n = -1;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        (void)close(fd);
    }
    if (n <= 0)
        return 0;
    text[n] = '\0';
    (void)strtoull(text, &end, 10);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct namespaces {
    struct tn_request_ctx *ctx;
    char **names;
    size_t n;
    bool has_failed;
};

static void add_namespace(struct tn_slice name, uint64_t n_names, void *arg)
{
    struct namespaces *list = arg;
    char *text;

    (void)n_names;
    if (list->n == TN_NAMESPACES_MAX || list->has_failed)
        return;
    text = tn_ctx_alloc(list->ctx, name.len + 1);
    if (text == NULL) {
        list->has_failed = true;
        return;
    }
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    list->names[list->n++] = text;
}

static int info_namespaces(struct tn_request_ctx *ctx, Tenure__V1__InfoResponse *answer)
{
    struct namespaces list = { .ctx = ctx };

    list.names = tn_ctx_alloc(ctx, TN_NAMESPACES_MAX * sizeof(char *));
    if (list.names == NULL)
        return TN_ERR_NOMEM;
    tn_namespaces_each(ctx->ex->service->heap, add_namespace, &list);
    if (list.has_failed)
        return TN_ERR_NOMEM;
    answer->namespaces = list.names;
    answer->n_namespaces = list.n;
    return 0;
}

static int info_heap(struct tn_request_ctx *ctx, Tenure__V1__InfoResponse *answer)
{
    Tenure__V1__TypeCount *counts = tn_ctx_alloc(ctx, TN_TYPE_END * sizeof(*counts));
    Tenure__V1__TypeCount **types =
        tn_ctx_alloc(ctx, TN_TYPE_END * sizeof(Tenure__V1__TypeCount *));
    struct tn_census census;

    if (counts == NULL || types == NULL)
        return TN_ERR_NOMEM;
    tn_census_take(ctx->ex->service->heap, &census);
    for (size_t type = TN_TYPE_FREE + 1; type < TN_TYPE_END; type++) {
        counts[type] = (Tenure__V1__TypeCount)TENURE__V1__TYPE_COUNT__INIT;
        counts[type].type = (Tenure__V1__TypeTag)type;
        counts[type].objects = census.n_objs[type];
        types[answer->n_types++] = &counts[type];
    }
    answer->types = types;
    answer->live_objects = census.live_objs;
    answer->live_bytes = census.live_bytes;
    answer->tracked_containers = census.tracked_objs;
    answer->held_bytes = census.held_bytes;
    answer->max_memory_bytes = census.max_bytes;
    answer->limbo_objects = census.limbo_objs + census.dying_objs;
    answer->limbo_bytes = census.limbo_bytes;
    answer->names = census.n_names;
    answer->merges_queued = census.merges_queued;
    answer->merges_claimed = census.merges_claimed;
    answer->grace_periods = census.grace_periods;
    answer->gil_switches = census.gil_switches;
    answer->gil_forced = census.gil_forced;
    answer->weakrefs_cleared = census.weakrefs_cleared;
    answer->names_gone = census.names_gone;
    answer->names_dropped = census.names_dropped;
    return 0;
}

static void info_server(const struct tn_service *service, Tenure__V1__InfoResponse *answer)
{
    answer->version = wire_string(TN_VERSION);
    answer->mode = wire_string(tn_mode_name(service->config.mode));
    answer->pid = (uint64_t)getpid();
    answer->uptime_ms = (tn_clock_ns() - service->started_ns) / TN_NS_PER_MS;
    answer->workers = (uint32_t)service->n_counters;
    answer->rss_bytes = rss_bytes();
    answer->connections_total = tn_counter_get(&service->connections_total);
    answer->connections_refused = tn_counter_get(&service->connections_refused);
    for (size_t i = 0; i < service->n_counters; i++) {
#define ADD(name) answer->name += tn_counter_get(&service->counters[i].name);
        TN_COUNTER_LIST(ADD)
#undef ADD
    }
}

static void info_leases(struct tn_service *service, Tenure__V1__InfoResponse *answer)
{
    uint64_t now_ns = tn_clock_ns();
    uint64_t next_ns = tn_leases_next_ns(&service->leases);

    answer->leased_sessions = atomic_load_explicit(&service->leases.n_parked, memory_order_relaxed);
    answer->leased_handles =
        atomic_load_explicit(&service->leases.n_parked_handles, memory_order_relaxed);
    if (next_ns != UINT64_MAX && next_ns > now_ns)
        answer->lease_remaining_ms = (next_ns - now_ns) / TN_NS_PER_MS;
}

static int info_subscriptions(struct tn_request_ctx *ctx, Tenure__V1__InfoResponse *answer)
{
    Tenure__V1__SubscriptionInfo **infos =
        tn_ctx_alloc(ctx, TN_SESSION_SUBSCRIPTIONS * sizeof(Tenure__V1__SubscriptionInfo *));

    if (infos == NULL)
        return TN_ERR_NOMEM;
    for (const struct tn_subscription *sub = ctx->session->subscriptions; sub != NULL;
         sub = sub->next) {
        Tenure__V1__SubscriptionInfo *info = tn_ctx_alloc(ctx, sizeof(*info));

        if (info == NULL)
            return TN_ERR_NOMEM;
        *info = (Tenure__V1__SubscriptionInfo)TENURE__V1__SUBSCRIPTION_INFO__INIT;
        info->subscription = sub->options.id;
        info->sent = sub->n_sent;
        info->behind = sub->n_queued;
        info->lost = sub->n_lost;
        info->unseen = sub->n_unseen;
        info->queue_limit = sub->options.limit;
        infos[answer->n_own_subscriptions++] = info;
    }
    answer->own_subscriptions = infos;
    return 0;
}

int tn_op_info(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    Tenure__V1__InfoResponse *answer = &result->message.info;
    int r;

    (void)message; /* asks for nothing in particular */
    result->which = TENURE__V1__RESPONSE__RESULT_INFO;
    *answer = (Tenure__V1__InfoResponse)TENURE__V1__INFO_RESPONSE__INIT;
    info_server(ctx->ex->service, answer);
    info_leases(ctx->ex->service, answer);
    r = info_heap(ctx, answer);
    if (r == 0)
        r = info_namespaces(ctx, answer);
    if (r == 0)
        r = info_subscriptions(ctx, answer);
    return r;
}
