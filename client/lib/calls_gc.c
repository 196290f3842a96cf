/* SPDX-License-Identifier: MIT */
/* The collector of cycles. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/lib/calls.h"
#include "core/base/attr.h"

/* Between two questions whether a collection is done: at first, and at most. */
#define PAUSE_MIN_NS 200000L
#define PAUSE_MAX_NS 20000000L

const char *tn_gc_collector_name(tn_gc_collector collector)
{
    static const char *const names[] = { "?", "none", "generational", "concurrent" };

    return (size_t)collector < TN_ARRAY_LEN(names) ? names[collector] : "?";
}

static void fill_result(const Tenure__V1__GcReport *from, tn_gc_result *result)
{
    if (!from)
        return;
    result->number = from->number;
    result->collector = (tn_gc_collector)from->collector;
    (void)snprintf(result->cause, sizeof(result->cause), "%s", from->cause); /* cut off */
    result->generation = from->generation;
    result->examined = from->examined;
    result->collected = from->collected;
    result->duration_ns = from->duration_ns;
    result->longest_pause_ns = from->longest_pause_ns;
}

int tn_reply_gc(const tn_reply *reply, tn_gc_info *ret_info)
{
    const void *result = NULL;
    const Tenure__V1__GcResponse *from;
    tn_gc_info info = TN_GC_INFO_INIT;
    size_t size;
    int r;

    if (!ret_info || ret_info->struct_size < sizeof(size_t))
        return TN_EINVAL;
    r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_GC, &result);
    if (r < 0)
        return r;
    from = result;
    info.number = from->number;
    info.completed = from->completed;
    info.collector = (tn_gc_collector)from->collector;
    info.automatic = from->automatic;
    for (size_t i = 0; i < TN_GC_GENERATION_COUNT; i++) {
        info.thresholds[i] = i < from->n_thresholds ? from->thresholds[i] : 0;
        info.counts[i] = i < from->n_counts ? from->counts[i] : 0;
        if (i >= from->n_generations)
            continue;
        info.collections[i] = from->generations[i]->collections;
        info.examined[i] = from->generations[i]->examined;
        info.collected[i] = from->generations[i]->collected;
    }
    fill_result(from->last, &info.last);
    info.longest_pause_ns = from->longest_pause_ns;
    info.longest_safepoint_wait_ns = from->longest_safepoint_wait_ns;

    /* The caller may have been compiled when there were fewer fields, or more. */
    size = ret_info->struct_size;
    info.struct_size = size;
    memcpy(ret_info, &info, size < sizeof(info) ? size : sizeof(info));
    return 0;
}

int tn_client_gc(tn_client *client, const tn_gc_request *request, tn_gc_info *ret_info)
{
    tn_op op = tn_op_init(TN_OP_GC);
    tn_gc_info ignored = TN_GC_INFO_INIT;
    int r;

    op.data = request;
    op.data_size = request ? sizeof(*request) : 0;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_gc(&client->call_reply.reply, ret_info ? ret_info : &ignored);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_gc_collect(tn_client *client, uint32_t generation, tn_gc_result *ret_result)
{
    tn_gc_request request = TN_GC_REQUEST_INIT;
    tn_gc_info info = TN_GC_INFO_INIT;
    struct timespec pause = { .tv_nsec = PAUSE_MIN_NS };
    uint64_t number;
    int r;

    request.collect = true;
    request.generation = generation;
    r = tn_client_gc(client, &request, &info);
    if (r < 0)
        return r;
    number = info.number;
    if (number == 0)
        return tn_client_error_set(&client->error, TN_EUNSUPPORTED,
                                   "The server's collector is none; choose another one.");
    while (info.completed < number) {
        (void)nanosleep(&pause, NULL);
        if (pause.tv_nsec < PAUSE_MAX_NS)
            pause.tv_nsec *= 2;
        r = tn_client_gc(client, NULL, &info);
        if (r < 0)
            return r;
    }
    if (ret_result)
        *ret_result = info.last;
    return 0;
}
