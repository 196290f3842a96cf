/* SPDX-License-Identifier: MIT */
/* tenure gc: the collector of cycles. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"

static int parse_number(const struct cli *cli, const char *text, uint32_t max, uint32_t *ret_number)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || number > max)
        return cli_fail_usage(cli, "'%s' is not a number from 0 to %" PRIu32, text, max);
    *ret_number = (uint32_t)number;
    return CLI_OK;
}

static void put_result_json(struct cli_text *text, const tn_gc_result *result)
{
    cli_text_printf(
        text,
        "{\"number\": %" PRIu64 ", \"collector\": \"%s\", \"cause\": \"%s\", "
        "\"generation\": %" PRIu32 ", \"examined\": %" PRIu64 ", \"collected\": %" PRIu64
        ", \"duration_ns\": %" PRIu64 ", \"longest_pause_ns\": %" PRIu64 "}",
        result->number, tn_gc_collector_name(result->collector), result->cause, result->generation,
        result->examined, result->collected, result->duration_ns, result->longest_pause_ns);
}

static void put_result(struct cli_text *text, const tn_gc_result *result)
{
    cli_text_printf(text,
                    "generation %" PRIu32 ", %s: %" PRIu64 " examined, %" PRIu64
                    " collected, %.3f ms, longest pause %.1f us\n",
                    result->generation, tn_gc_collector_name(result->collector), result->examined,
                    result->collected, (double)result->duration_ns / 1e6,
                    (double)result->longest_pause_ns / 1e3);
}

static int run_collect(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    uint32_t generation = TN_GC_GENERATION_COUNT - 1;
    tn_gc_result result;
    int code = CLI_OK;

    if (cli->n_args > 1)
        code = parse_number(cli, cli->args[1], TN_GC_GENERATION_COUNT - 1, &generation);
    if (code != CLI_OK)
        return code;
    if (tn_client_gc_collect(cli->client, generation, &result) < 0)
        return cli_fail(cli);
    if (cli->json) {
        put_result_json(&text, &result);
        cli_text_putc(&text, '\n');
    } else {
        put_result(&text, &result);
    }
    return cli_print_text(&text);
}

static int change(struct cli *cli, const tn_gc_request *request)
{
    return tn_client_gc(cli->client, request, NULL) < 0 ? cli_fail(cli) : CLI_OK;
}

static int run_switch(struct cli *cli)
{
    tn_gc_request request = TN_GC_REQUEST_INIT;

    request.set_automatic = true;
    request.automatic = strcmp(cli->args[0], "enable") == 0;
    return change(cli, &request);
}

static int run_choose(struct cli *cli)
{
    tn_gc_request request = TN_GC_REQUEST_INIT;

    for (int i = TN_GC_COLLECTOR_NONE; cli->n_args > 1 && i <= TN_GC_COLLECTOR_CONCURRENT; i++) {
        if (strcmp(cli->args[1], tn_gc_collector_name((tn_gc_collector)i)) == 0)
            request.collector = (tn_gc_collector)i;
    }
    if (request.collector == TN_GC_COLLECTOR_KEEP)
        return cli_fail_usage(cli, "choose none, generational or concurrent");
    return change(cli, &request);
}

static int run_threshold(struct cli *cli)
{
    tn_gc_request request = TN_GC_REQUEST_INIT;
    struct cli_text text = { .data = NULL };
    tn_gc_info info = TN_GC_INFO_INIT;
    int code = CLI_OK;

    if (cli->n_args == 1) {
        if (tn_client_gc(cli->client, NULL, &info) < 0)
            return cli_fail(cli);
        cli_text_printf(&text,
                        cli->json ? "[%" PRIu32 ", %" PRIu32 ", %" PRIu32 "]\n"
                                  : "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
                        info.thresholds[0], info.thresholds[1], info.thresholds[2]);
        return cli_print_text(&text);
    }
    if (cli->n_args != 1 + TN_GC_GENERATION_COUNT)
        return cli_fail_usage(cli, "give three thresholds, or none to see them");
    request.set_thresholds = true;
    for (int i = 0; code == CLI_OK && i < TN_GC_GENERATION_COUNT; i++)
        code = parse_number(cli, cli->args[1 + i], UINT32_MAX, &request.thresholds[i]);
    return code == CLI_OK ? change(cli, &request) : code;
}

static void put_stats_json(struct cli_text *text, const tn_gc_info *info)
{
    cli_text_printf(text, "{\"collector\": \"%s\", \"automatic\": %s, \"generations\": [",
                    tn_gc_collector_name(info->collector), info->automatic ? "true" : "false");
    for (int i = 0; i < TN_GC_GENERATION_COUNT; i++)
        cli_text_printf(text,
                        "%s{\"threshold\": %" PRIu32 ", \"count\": %" PRIu64
                        ", \"collections\": %" PRIu64 ", \"examined\": %" PRIu64
                        ", \"collected\": %" PRIu64 "}",
                        i > 0 ? ", " : "", info->thresholds[i], info->counts[i],
                        info->collections[i], info->examined[i], info->collected[i]);
    cli_text_printf(text,
                    "], \"longest_pause_ns\": %" PRIu64 ", \"longest_safepoint_wait_ns\": %" PRIu64
                    ", \"last\": ",
                    info->longest_pause_ns, info->longest_safepoint_wait_ns);
    put_result_json(text, &info->last);
    cli_text_put(text, "}\n");
}

static void put_stats(struct cli_text *text, const tn_gc_info *info)
{
    cli_text_printf(text, "collector %s, %s\n", tn_gc_collector_name(info->collector),
                    info->automatic ? "begins by itself" : "only on request");
    cli_text_printf(text, "%-12s %10s %10s %12s %14s %12s\n", "generation", "threshold", "count",
                    "collections", "examined", "collected");
    for (int i = 0; i < TN_GC_GENERATION_COUNT; i++)
        cli_text_printf(
            text, "%-12d %10" PRIu32 " %10" PRIu64 " %12" PRIu64 " %14" PRIu64 " %12" PRIu64 "\n",
            i, info->thresholds[i], info->counts[i], info->collections[i], info->examined[i],
            info->collected[i]);
    cli_text_printf(text, "longest pause %.1f us, longest wait for a safe point %.1f us\n",
                    (double)info->longest_pause_ns / 1e3,
                    (double)info->longest_safepoint_wait_ns / 1e3);
    if (info->last.number != 0) {
        cli_text_put(text, "last: ");
        put_result(text, &info->last);
    }
}

static int run_stats(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    tn_gc_info info = TN_GC_INFO_INIT;

    if (tn_client_gc(cli->client, NULL, &info) < 0)
        return cli_fail(cli);
    if (cli->json)
        put_stats_json(&text, &info);
    else
        put_stats(&text, &info);
    return cli_print_text(&text);
}

static int run(struct cli *cli)
{
    static const struct {
        const char *name;
        int max_args;
        int (*run)(struct cli *cli);
    } verbs[] = {
        { "collect", 2, run_collect },     { "stats", 1, run_stats },
        { "enable", 1, run_switch },       { "disable", 1, run_switch },
        { "threshold", 4, run_threshold }, { "collector", 2, run_choose },
    };

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(cli->args[0], verbs[i].name) != 0)
            continue;
        if (cli->n_args > verbs[i].max_args)
            return cli_fail_usage(cli, "'%s' takes fewer arguments", verbs[i].name);
        return verbs[i].run(cli);
    }
    return cli_fail_usage(cli,
                          "there is no '%s'; it is collect, stats, enable, disable, threshold "
                          "or collector",
                          cli->args[0]);
}

const struct cli_command cli_cmd_gc = {
    .name = "gc",
    .args_doc = "collect [GENERATION]\nstats\nenable\ndisable\nthreshold [N0 N1 N2]\n"
                "collector none|generational|concurrent",
    .summary = "Collect cycles, and see what the collector does",
    .doc = "\"collect\" collects a generation and the younger ones (default: 2, all) and waits "
           "until that is done. \"stats\" prints what has been collected and the pauses. "
           "\"disable\" leaves collecting to requests. \"threshold\" prints or sets the "
           "thresholds of the three generations.",
    .min_args = 1,
    .max_args = 4,
    .run = run,
};
