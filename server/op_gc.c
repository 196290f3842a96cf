/* SPDX-License-Identifier: MIT */
/* The collector of cycles: asking it, setting it, and what it has done. */
#include "core/base/err.h"
#include "server/request.h"

/* The schema's numbers are the core's and one more: 0 is for "not given". */
_Static_assert((int)TENURE__V1__GC_COLLECTOR__GC_COLLECTOR_NONE == TN_GC_NONE + 1, "");
_Static_assert((int)TENURE__V1__GC_COLLECTOR__GC_COLLECTOR_CONCURRENT == TN_GC_CONCURRENT + 1, "");

static Tenure__V1__GcCollector collector_to_wire(enum tn_gc_kind kind)
{
    return (Tenure__V1__GcCollector)(kind + 1);
}

/* Refuses what cannot be done before anything is. */
static int check(struct tn_request_ctx *ctx, const Tenure__V1__GcRequest *msg)
{
    if (msg->generation >= TN_GC_GENERATIONS)
        return tn_status_setf(ctx->status, TN_REASON_MALFORMED_MESSAGE,
                              "There is no generation %u; they are 0, 1 and 2.", msg->generation);
    if (msg->n_thresholds != 0 && msg->n_thresholds != TN_GC_GENERATIONS)
        return tn_status_setf(ctx->status, TN_REASON_MALFORMED_MESSAGE,
                              "There are %zu thresholds; give one for each of the generations 0, "
                              "1 and 2.",
                              msg->n_thresholds);
    if ((unsigned int)msg->collector > TN_GC_KINDS || (unsigned int)msg->automatic > 2)
        return tn_status_set(ctx->status, TN_REASON_MALFORMED_MESSAGE);
    return 0;
}

static void change(struct tn_heap *heap, const Tenure__V1__GcRequest *msg)
{
    if (msg->collector != TENURE__V1__GC_COLLECTOR__GC_COLLECTOR_UNSPECIFIED)
        tn_gc_choose(heap, (enum tn_gc_kind)((int)msg->collector - 1));
    if (msg->automatic != TENURE__V1__GC_SWITCH__GC_SWITCH_UNSPECIFIED)
        tn_gc_enable(heap, msg->automatic == TENURE__V1__GC_SWITCH__GC_SWITCH_ON);
    if (msg->n_thresholds == TN_GC_GENERATIONS)
        tn_gc_set_thresholds(heap, msg->thresholds);
}

static int report_to_wire(struct tn_request_ctx *ctx, const struct tn_gc_report *report,
                          Tenure__V1__GcReport **ret_wire)
{
    Tenure__V1__GcReport *wire = tn_ctx_alloc(ctx, sizeof(*wire));

    if (wire == NULL)
        return TN_ERR_NOMEM;
    *wire = (Tenure__V1__GcReport)TENURE__V1__GC_REPORT__INIT;
    wire->number = report->number;
    wire->collector = collector_to_wire(report->kind);
    wire->cause = (char *)(uintptr_t)tn_gc_cause_name(report->cause); /* is only read */
    wire->generation = report->generation;
    wire->examined = report->examined;
    wire->collected = report->garbage;
    wire->duration_ns = report->duration_ns;
    wire->longest_pause_ns = report->longest_pause_ns;
    *ret_wire = wire;
    return 0;
}

/* What there is one of for each generation, in the request's memory. */
struct generations {
    uint32_t thresholds[TN_GC_GENERATIONS];
    uint64_t counts[TN_GC_GENERATIONS];
    Tenure__V1__GcGeneration figures[TN_GC_GENERATIONS];
    Tenure__V1__GcGeneration *pointers[TN_GC_GENERATIONS];
};

static int generations_to_wire(struct tn_request_ctx *ctx, const struct tn_gc_stats *stats,
                               Tenure__V1__GcResponse *answer)
{
    struct generations *generations = tn_ctx_alloc(ctx, sizeof(*generations));

    if (generations == NULL)
        return TN_ERR_NOMEM;
    tn_gc_get_thresholds(ctx->ex->service->heap, generations->thresholds);
    for (size_t i = 0; i < TN_GC_GENERATIONS; i++) {
        Tenure__V1__GcGeneration *figures = &generations->figures[i];

        *figures = (Tenure__V1__GcGeneration)TENURE__V1__GC_GENERATION__INIT;
        figures->collections = stats->generations[i].collections;
        figures->examined = stats->generations[i].examined;
        figures->collected = stats->generations[i].collected;
        generations->pointers[i] = figures;
        generations->counts[i] = stats->counts[i];
    }
    answer->n_thresholds = answer->n_counts = answer->n_generations = TN_GC_GENERATIONS;
    answer->thresholds = generations->thresholds;
    answer->counts = generations->counts;
    answer->generations = generations->pointers;
    return 0;
}

int tn_op_gc(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__GcRequest *msg = message;
    struct tn_heap *heap = ctx->ex->service->heap;
    Tenure__V1__GcResponse *answer = &result->message.gc;
    struct tn_gc_stats stats;
    int r = check(ctx, msg);

    if (r < 0)
        return r;
    result->which = TENURE__V1__RESPONSE__RESULT_GC;
    *answer = (Tenure__V1__GcResponse)TENURE__V1__GC_RESPONSE__INIT;
    tn_gc_stats(heap, &stats);
    r = report_to_wire(ctx, &stats.last, &answer->last);
    if (r == 0)
        r = generations_to_wire(ctx, &stats, answer);
    if (r < 0)
        return r;
    change(heap, msg);
    if (msg->n_thresholds != 0)
        tn_gc_get_thresholds(heap, answer->thresholds);
    if (msg->collect)
        answer->number = tn_gc_ask(heap, msg->generation, TN_GC_CAUSE_REQUEST);
    answer->completed = tn_gc_completed(heap);
    answer->collector = collector_to_wire(tn_gc_kind(heap));
    answer->automatic = tn_gc_is_enabled(heap);
    answer->longest_pause_ns = stats.longest_pause_ns;
    answer->longest_safepoint_wait_ns = stats.longest_safepoint_wait_ns;
    return 0;
}
