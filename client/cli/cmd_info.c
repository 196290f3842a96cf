/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/describe.h"

static void put_uptime(struct cli_text *text, uint64_t ms)
{
    uint64_t s = ms / 1000;

    if (s >= 86400)
        cli_text_printf(text, "%" PRIu64 " d ", s / 86400);
    if (s >= 3600)
        cli_text_printf(text, "%" PRIu64 " h ", s / 3600 % 24);
    if (s >= 60)
        cli_text_printf(text, "%" PRIu64 " min ", s / 60 % 60);
    cli_text_printf(text, "%" PRIu64 " s", s % 60);
}

static void put_size_line(struct cli_text *text, const char *label, uint64_t bytes,
                          const char *meaning)
{
    struct cli_text size = { .data = NULL };

    cli_text_put_size(&size, bytes);
    cli_text_printf(text, "%-18s %10s", label, cli_text_string(&size));
    if (bytes >= 1024)
        cli_text_printf(text, "  %" PRIu64 " bytes", bytes);
    if (meaning[0])
        cli_text_printf(text, "%s%s", bytes >= 1024 ? ", " : "  ", meaning);
    cli_text_putc(text, '\n');
    cli_text_fini(&size);
}

static void put_count_line(struct cli_text *text, const char *label, uint64_t n,
                           const char *meaning)
{
    cli_text_printf(text, "%-18s %10" PRIu64 "%s%s\n", label, n, meaning[0] ? "  " : "", meaning);
}

static void put_memory(struct cli_text *text, const tn_info *info)
{
    put_count_line(text, "live objects", info->live_objects, "something refers to them");
    put_size_line(text, "live", info->live_bytes, "");
    put_size_line(text, "held", info->held_bytes, "what the allocator keeps for them");
    if (info->max_memory_bytes != 0 && info->max_memory_bytes != UINT64_MAX)
        put_size_line(text, "held at most", info->max_memory_bytes, "--max-memory");
    else
        cli_text_printf(text, "%-18s %10s\n", "held at most", "no limit");
    put_size_line(text, "resident", info->rss_bytes, "the whole process");
    put_size_line(text, "dead, not yet free", info->limbo_bytes, "");
    put_count_line(text, "tracked", info->tracked_containers, "containers that may be in cycles");
}

static void put_types(struct cli_text *text, const tn_info *info)
{
    for (int i = 0; i < TN_INFO_TYPES; i++) {
        if (info->objects_by_type[i] > 0)
            cli_text_printf(text, "  %-16s %10" PRIu64 "\n", tn_kind_name((tn_kind)i),
                            info->objects_by_type[i]);
    }
}

void cli_put_info(struct cli_text *text, const tn_info *info)
{
    cli_text_printf(text, "tenured %s, mode %s, process %" PRIu64 ", %" PRIu32 " worker%s, up ",
                    info->version, info->mode, info->pid, info->workers,
                    info->workers == 1 ? "" : "s");
    put_uptime(text, info->uptime_ms);
    cli_text_put(text, "\n\n");

    put_count_line(text, "names", info->names, "");
    cli_text_printf(text,
                    "%-18s %10" PRIu64 "  of themselves, and %" PRIu64 " for want of memory\n",
                    "  gone", info->names_gone, info->names_dropped);
    put_count_line(text, "handles", info->handles, "held by sessions");
    if (info->leased_sessions > 0)
        cli_text_printf(text,
                        "%-18s %10" PRIu64 "  in %" PRIu64 " lost session%s, kept for %" PRIu64
                        " s or longer\n",
                        "  kept for clients", info->leased_handles, info->leased_sessions,
                        info->leased_sessions == 1 ? "" : "s", info->lease_remaining_ms / 1000);
    put_memory(text, info);
    put_types(text, info);

    cli_text_putc(text, '\n');
    put_count_line(text, "connections", info->connections, "");
    cli_text_printf(text, "%-18s %10" PRIu64 "  and %" PRIu64 " refused\n", "  so far",
                    info->connections_total, info->connections_refused);
    cli_text_printf(text, "%-18s %10" PRIu64 "  of which %" PRIu64 " failed\n", "requests",
                    info->requests, info->requests_failed);
    put_size_line(text, "received", info->bytes_received, "");
    put_size_line(text, "sent", info->bytes_sent, "");
    cli_text_printf(text, "%-18s %10" PRIu64 "  by owners, %" PRIu64 " by others for them\n",
                    "merges", info->merges_queued, info->merges_claimed);
    put_count_line(text, "weakrefs cleared", info->weakrefs_cleared, "their objects died");
    put_count_line(text, "grace periods", info->grace_periods, "");
    cli_text_printf(text,
                    "%-18s %10" PRIu64 "  told %" PRIu64 " events, %" PRIu64 " behind, %" PRIu64
                    " lost, %" PRIu64 " unseen\n",
                    "subscriptions", info->subscriptions, info->events_sent, info->events_behind,
                    info->events_lost, info->events_unseen);
    if (strcmp(info->mode, "gil") == 0)
        cli_text_printf(text, "%-18s %10" PRIu64 "  of which %" PRIu64 " forced\n",
                        "lock hand-overs", info->gil_switches, info->gil_forced);
    for (size_t i = 0; i < info->n_namespaces; i++) {
        cli_text_put(text, i == 0 ? "namespaces         " : "                   ");
        cli_text_put_escaped(text, info->namespaces[i], strlen(info->namespaces[i]), '\0');
        cli_text_putc(text, '\n');
    }
}

static void put_member(struct cli_text *text, const char *name, uint64_t n)
{
    cli_text_printf(text, ", \"%s\": %" PRIu64, name, n);
}

void cli_put_info_json(struct cli_text *text, const tn_info *info)
{
    bool is_first = true;

    cli_text_printf(text, "{\"version\": \"%s\", \"mode\": \"%s\"", info->version, info->mode);
    put_member(text, "pid", info->pid);
    put_member(text, "uptime_ms", info->uptime_ms);
    put_member(text, "workers", info->workers);
    put_member(text, "connections", info->connections);
    put_member(text, "connections_total", info->connections_total);
    put_member(text, "connections_refused", info->connections_refused);
    put_member(text, "handles", info->handles);
    put_member(text, "names", info->names);
    put_member(text, "live_objects", info->live_objects);
    put_member(text, "live_bytes", info->live_bytes);
    put_member(text, "held_bytes", info->held_bytes);
    put_member(text, "max_memory_bytes", info->max_memory_bytes);
    put_member(text, "rss_bytes", info->rss_bytes);
    put_member(text, "limbo_objects", info->limbo_objects);
    put_member(text, "limbo_bytes", info->limbo_bytes);
    put_member(text, "tracked_containers", info->tracked_containers);
    put_member(text, "requests", info->requests);
    put_member(text, "requests_failed", info->requests_failed);
    put_member(text, "bytes_received", info->bytes_received);
    put_member(text, "bytes_sent", info->bytes_sent);
    put_member(text, "weakrefs_cleared", info->weakrefs_cleared);
    put_member(text, "names_gone", info->names_gone);
    put_member(text, "names_dropped", info->names_dropped);
    put_member(text, "merges_queued", info->merges_queued);
    put_member(text, "merges_claimed", info->merges_claimed);
    put_member(text, "grace_periods", info->grace_periods);
    put_member(text, "gil_switches", info->gil_switches);
    put_member(text, "gil_forced", info->gil_forced);
    put_member(text, "requests_deferred_for_memory", info->requests_deferred_for_memory);
    put_member(text, "leased_sessions", info->leased_sessions);
    put_member(text, "leased_handles", info->leased_handles);
    put_member(text, "lease_remaining_ms", info->lease_remaining_ms);
    put_member(text, "subscriptions", info->subscriptions);
    put_member(text, "events_sent", info->events_sent);
    put_member(text, "events_behind", info->events_behind);
    put_member(text, "events_lost", info->events_lost);
    put_member(text, "events_unseen", info->events_unseen);
    cli_text_put(text, ", \"types\": {");
    for (int i = TN_KIND_NONE; i < TN_INFO_TYPES; i++) {
        if (info->objects_by_type[i] == 0)
            continue;
        cli_text_printf(text, "%s\"%s\": %" PRIu64, is_first ? "" : ", ", tn_kind_name((tn_kind)i),
                        info->objects_by_type[i]);
        is_first = false;
    }
    cli_text_put(text, "}, \"namespaces\": [");
    for (size_t i = 0; i < info->n_namespaces; i++) {
        cli_text_put(text, i > 0 ? ", " : "");
        cli_json_put_string(text, info->namespaces[i], strlen(info->namespaces[i]));
    }
    cli_text_put(text, "]}\n");
}

static int run(struct cli *cli)
{
    TN_INFO_CLEANUP tn_info *info = NULL;
    struct cli_text text = { .data = NULL };

    if (tn_client_info(cli->client, &info) < 0)
        return cli_fail(cli);
    if (cli->json)
        cli_put_info_json(&text, info);
    else
        cli_put_info(&text, info);
    return cli_print_text(&text);
}

const struct cli_command cli_cmd_info = {
    .name = "info",
    .args_doc = "",
    .summary = "Tell what the server is doing and holding",
    .run = run,
};
