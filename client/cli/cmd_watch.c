/* SPDX-License-Identifier: MIT */
/* tenure watch: events, a line for each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"

#define FIRST_KIND TN_EVENT_FINALIZED
#define LAST_KIND TN_EVENT_MEMORY_RECOVERED

/* ---- Which events ---- */

/* Whether a word of `len` bytes names a kind: "name-bound", or with all others of its
 * sort "name". */
static bool names_kind(const char *word, size_t len, tn_event_kind kind)
{
    const char *name = tn_event_kind_name(kind);

    return strncmp(word, name, len) == 0 && (name[len] == '\0' || name[len] == '-');
}

/* The mask of a list of words, separated by commas. Returns an exit code. */
static int read_kinds(const struct cli *cli, const char *list, uint32_t *ret_kinds)
{
    uint32_t kinds = 0;

    while (*list) {
        size_t len = strcspn(list, ",");
        uint32_t mask = 0;

        for (int kind = FIRST_KIND; len > 0 && kind <= LAST_KIND; kind++) {
            if (names_kind(list, len, (tn_event_kind)kind))
                mask |= TN_EVENT_BIT(kind);
        }
        if (mask == 0)
            return cli_fail_usage(cli, "There is no kind of events \"%.*s\".", (int)len, list);
        kinds |= mask;
        list += len;
        if (*list == ',')
            list++;
    }
    *ret_kinds = kinds;
    return CLI_OK;
}

static int read_options(struct cli *cli)
{
    if (cli->kinds) {
        int code = read_kinds(cli, cli->kinds, &cli->watch.kinds);

        if (code != CLI_OK)
            return code;
    }
    if (!cli->life)
        return CLI_OK;
    if (cli->kinds || cli->watch.class_name)
        return cli_fail_usage(cli, "--life says itself which events of which class are shown.");
    cli->watch.kinds = TN_EVENT_BIT(TN_EVENT_FINALIZED);
    cli->watch.class_name = cli->life;
    return CLI_OK;
}

/* ---- For people ---- */

static void put_words(struct cli_text *text, const char *data, size_t len)
{
    cli_text_put_escaped(text, data, len, '\0');
}

static void put_age(struct cli_text *text, uint64_t ms)
{
    if (ms >= 10000)
        cli_text_printf(text, ", %" PRIu64 " s old", ms / 1000);
    else if (ms > 0)
        cli_text_printf(text, ", %" PRIu64 " ms old", ms);
}

static void put_finalized(struct cli_text *text, const tn_event *event)
{
    put_words(text, event->class_name, event->class_name_len);
    cli_text_printf(text, " 0x%" PRIx64, event->identity);
    if (event->label_len > 0) {
        cli_text_put(text, " \"");
        cli_text_put_escaped(text, event->label, event->label_len, '"');
        cli_text_putc(text, '"');
    }
    put_age(text, event->age_ms);
    cli_text_put(text, ", ");
    cli_text_put_size(text, event->size_bytes);
}

static void put_name(const struct cli *cli, struct cli_text *text, const tn_event *event)
{
    if (cli->watch.all_namespaces) {
        put_words(text, event->namespace_name, event->namespace_name_len);
        cli_text_putc(text, ' ');
    }
    put_words(text, event->name, event->name_len);
    cli_text_printf(text, ", version %" PRIu64, event->version);
}

static void put_collection(struct cli_text *text, const tn_event *event)
{
    cli_text_printf(text, "generation %" PRIu32 ", ", event->generation);
    put_words(text, event->collector, strlen(event->collector));
    cli_text_put(text, ", by ");
    put_words(text, event->cause, strlen(event->cause));
    if (event->kind == TN_EVENT_COLLECTION_FINISHED)
        cli_text_printf(text,
                        ": examined %" PRIu64 ", freed %" PRIu64 ", in %" PRIu64 " µs; %" PRIu64
                        " pauses of %" PRIu64 " µs, the longest %" PRIu64 " µs",
                        event->examined, event->freed, event->duration_ns / 1000, event->pauses,
                        event->pause_ns / 1000, event->longest_pause_ns / 1000);
}

static void put_event(const struct cli *cli, struct cli_text *text, const tn_event *event)
{
    cli_text_printf(
        text, "%-19s  ",
        cli->life && event->kind == TN_EVENT_FINALIZED ? "dead" : tn_event_kind_name(event->kind));
    switch (event->kind) {
    case TN_EVENT_GAP:
        cli_text_printf(text, "%" PRIu64 " lost, %" PRIu64 " unseen", event->lost, event->unseen);
        break;
    case TN_EVENT_FINALIZED:
        put_finalized(text, event);
        break;
    case TN_EVENT_WEAKREF_DEAD:
        cli_text_printf(text, "0x%" PRIx64 ", which referred to 0x%" PRIx64, event->identity,
                        event->target_identity);
        break;
    case TN_EVENT_NAME_BOUND:
    case TN_EVENT_NAME_CHANGED:
    case TN_EVENT_NAME_REMOVED:
    case TN_EVENT_NAME_EXPIRED:
        put_name(cli, text, event);
        break;
    case TN_EVENT_COLLECTION_STARTED:
    case TN_EVENT_COLLECTION_FINISHED:
        put_collection(text, event);
        break;
    case TN_EVENT_MEMORY_LOW:
    case TN_EVENT_MEMORY_RECOVERED:
        cli_text_put_size(text, event->held_bytes);
        cli_text_put(text, " of ");
        cli_text_put_size(text, event->limit_bytes);
        break;
    }
    cli_text_putc(text, '\n');
}

/* ---- In JSON ---- */

static void put_number(struct cli_text *text, const char *name, uint64_t number)
{
    cli_text_printf(text, ", \"%s\": %" PRIu64, name, number);
}

static void put_identity(struct cli_text *text, const char *name, uint64_t identity)
{
    cli_text_printf(text, ", \"%s\": \"0x%" PRIx64 "\"", name, identity);
}

static void put_string(struct cli_text *text, const char *name, const char *data, size_t len)
{
    cli_text_printf(text, ", \"%s\": ", name);
    cli_json_put_string(text, data, len);
}

static void put_collection_json(struct cli_text *text, const tn_event *event)
{
    put_string(text, "cause", event->cause, strlen(event->cause));
    put_string(text, "collector", event->collector, strlen(event->collector));
    put_number(text, "generation", event->generation);
    if (event->kind == TN_EVENT_COLLECTION_STARTED)
        return;
    put_number(text, "examined", event->examined);
    put_number(text, "freed", event->freed);
    put_number(text, "pauses", event->pauses);
    put_number(text, "pause_ns", event->pause_ns);
    put_number(text, "longest_pause_ns", event->longest_pause_ns);
    put_number(text, "duration_ns", event->duration_ns);
}

static void put_event_json(struct cli_text *text, const tn_event *event)
{
    cli_text_printf(text, "{\"kind\": \"%s\", \"sequence\": %" PRIu64,
                    tn_event_kind_name(event->kind), event->sequence);
    switch (event->kind) {
    case TN_EVENT_GAP:
        put_number(text, "lost", event->lost);
        put_number(text, "unseen", event->unseen);
        break;
    case TN_EVENT_FINALIZED:
        put_string(text, "class", event->class_name, event->class_name_len);
        put_string(text, "label", event->label, event->label_len);
        put_identity(text, "identity", event->identity);
        put_number(text, "age_ms", event->age_ms);
        put_number(text, "size_bytes", event->size_bytes);
        break;
    case TN_EVENT_WEAKREF_DEAD:
        put_identity(text, "identity", event->identity);
        put_identity(text, "target_identity", event->target_identity);
        break;
    case TN_EVENT_NAME_BOUND:
    case TN_EVENT_NAME_CHANGED:
    case TN_EVENT_NAME_REMOVED:
    case TN_EVENT_NAME_EXPIRED:
        put_string(text, "namespace", event->namespace_name, event->namespace_name_len);
        put_string(text, "name", event->name, event->name_len);
        put_number(text, "version", event->version);
        break;
    case TN_EVENT_COLLECTION_STARTED:
    case TN_EVENT_COLLECTION_FINISHED:
        put_collection_json(text, event);
        break;
    case TN_EVENT_MEMORY_LOW:
    case TN_EVENT_MEMORY_RECOVERED:
        put_number(text, "held_bytes", event->held_bytes);
        put_number(text, "limit_bytes", event->limit_bytes);
        break;
    }
    cli_text_put(text, "}\n");
}

/* ---- The command ---- */

/* Prints an event at once, so that who reads a pipe need not wait. Returns an exit code. */
static int print_event(const struct cli *cli, const tn_event *event)
{
    struct cli_text text = { .data = NULL };
    int code;

    if (cli->json)
        put_event_json(&text, event);
    else
        put_event(cli, &text, event);
    code = cli_print_text(&text);
    return code == CLI_OK ? cli_finish_output() : code;
}

static int run(struct cli *cli)
{
    TN_SUBSCRIPTION_CLEANUP tn_subscription *subscription = NULL;
    const tn_event *event = NULL;
    uint64_t n = 0;
    int code = read_options(cli);
    int r;

    if (code != CLI_OK)
        return code;
    if (tn_client_subscribe(cli->client, &cli->watch, NULL, NULL, &subscription) < 0)
        return cli_fail(cli);
    while ((r = tn_events_next(subscription, TN_WAIT_FOREVER, &event)) == 1) {
        code = print_event(cli, event);
        if (code != CLI_OK)
            return code;
        if (event->kind != TN_EVENT_GAP && ++n == cli->count)
            return CLI_OK;
    }
    return cli_fail(cli);
}

static const struct argp_option options[] = {
    { "kinds", CLI_OPT_KINDS, "KIND,...", 0, "Only events of these kinds", 0 },
    { "prefix", CLI_OPT_PREFIX, "PREFIX", 0, "Of names: only those that begin with PREFIX", 0 },
    { "class", CLI_OPT_CLASS, "CLASS", 0, "Of objects: only those of this class", 0 },
    { "life", CLI_OPT_LIFE, "CLASS", 0, "Show when records of this class die", 0 },
    { "all-namespaces", CLI_OPT_ALL_NAMESPACES, NULL, 0, "Also names of other namespaces", 0 },
    { "count", CLI_OPT_COUNT, "N", 0, "End after N events", 0 },
    { "queue", CLI_OPT_QUEUE, "N", 0, "How many may wait in the server; without it: 1024", 0 },
    { 0 },
};

const struct cli_command cli_cmd_watch = {
    .name = "watch",
    .args_doc = "",
    .summary = "Tell what happens, until interrupted",
    .doc = "Kinds: finalized, weakref-dead, name-bound, name-changed, name-removed, name-expired, "
           "collection-started, collection-finished, memory-low, memory-recovered; and name, "
           "collection, memory for all of a sort. A gap says how many events were lost because "
           "they came faster than they were read. With --json there is one object on each line.",
    .options = options,
    .max_args = 0,
    .run = run,
};
