/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/cli.h"

static void put_entry(const struct cli *cli, const tn_name_entry *entry, struct cli_text *text)
{
    if (cli->json) {
        cli_text_put(text, "{\"name\": ");
        cli_json_put_string(text, entry->name, entry->name_len);
        cli_text_printf(text, ", \"type\": \"%s\", \"version\": %" PRIu64 ", \"kind\": \"%s\"",
                        tn_kind_name(entry->type), entry->version, cli_bind_kind_name(entry->kind));
        if (entry->ttl_ms > 0)
            cli_text_printf(text, ", \"ttl_ms\": %" PRIu64, entry->ttl_ms);
        cli_text_put(text, "}\n");
        return;
    }
    if (cli->is_long) {
        cli_text_printf(text, "%-7s %8" PRIu64 "  %-6s ", tn_kind_name(entry->type), entry->version,
                        cli_bind_kind_name(entry->kind));
        if (entry->ttl_ms > 0)
            cli_text_printf(text, "%8.1fs  ", (double)entry->ttl_ms / 1000);
        else
            cli_text_printf(text, "%9s  ", "-");
    }
    cli_text_put_escaped(text, entry->name, entry->name_len, '\0');
    cli_text_putc(text, '\n');
}

static int run(struct cli *cli)
{
    TN_NAME_ITER_CLEANUP tn_name_iter *iter = NULL;
    tn_name_entry entry;
    int r;

    if (tn_name_iter_open(cli->client, cli->n_args > 0 ? cli->args[0] : NULL, &iter) < 0)
        return cli_fail(cli);
    while ((r = tn_name_iter_next(iter, &entry)) == 1) {
        struct cli_text text = { .data = NULL };
        int code;

        put_entry(cli, &entry, &text);
        code = cli_print_text(&text);
        if (code != CLI_OK)
            return code;
        if (ferror(stdout))
            return CLI_OK; /* the end says so */
    }
    return r < 0 ? cli_fail(cli) : CLI_OK;
}

static const struct argp_option options[] = {
    { "long", CLI_OPT_LONG, NULL, 0, "Also print type, version, kind and time to live", 0 },
    { 0 },
};

const struct cli_command cli_cmd_ls = {
    .name = "ls",
    .args_doc = "[PREFIX]",
    .summary = "List names",
    .doc = "Names come in no particular order. With --json there is one object on each line.",
    .options = options,
    .max_args = 1,
    .run = run,
};
