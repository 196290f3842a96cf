/* SPDX-License-Identifier: MIT */
/* See collector.h. */
#include "server/collector.h"

#include "core/base/clock.h"
#include "server/log.h"

/* Called by the collector's thread, offline. Those who subscribed hear of it from the
 * core, as of all events. */
static void finished(void *arg, const struct tn_gc_report *report)
{
    struct tn_log_line line;

    (void)arg;
    tn_log_begin(&line, TN_LOG_INFO, "collected");
    tn_log_str(&line, "collector", tn_gc_kind_name(report->kind));
    tn_log_str(&line, "cause", tn_gc_cause_name(report->cause));
    tn_log_u64(&line, "generation", report->generation);
    tn_log_u64(&line, "examined", report->examined);
    tn_log_u64(&line, "garbage", report->garbage);
    tn_log_u64(&line, "longest_pause_us", report->longest_pause_ns / TN_NS_PER_US);
    tn_log_u64(&line, "duration_us", report->duration_ns / TN_NS_PER_US);
    tn_log_end(&line);
}

int tn_collector_start(struct tn_service *service)
{
    const struct tn_config *config = &service->config;
    const struct tn_gc_options options = {
        .kind = config->collector,
        .only_on_request = config->gc_on_request,
        .pause_target_us = (uint32_t)(config->gc_pause_target_ns / TN_NS_PER_US),
        .cpu_percent = (uint32_t)config->gc_cpu_percent,
        .listener = { .finished = finished, .arg = service },
    };
    int r = tn_gc_start(service->heap, &options);

    if (r == 0) /* not an option, which cannot say that all are 0 */
        tn_gc_set_thresholds(service->heap, config->gc_thresholds);
    return r;
}
