/* SPDX-License-Identifier: MIT */
/* export, import, revoke: objects for who knows a token; and who holds an object. */
#include <inttypes.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/describe.h"

static int read_token(const struct cli *cli, tn_token *ret_token)
{
    if (tn_token_parse(cli->args[0], ret_token) == 0)
        return CLI_OK;
    return cli_fail_usage(cli,
                          "a token is 32 hexadecimal digits, as \"tenure export\" prints them");
}

static int run_export(struct cli *cli)
{
    tn_export_options options = TN_EXPORT_OPTIONS_INIT;
    struct cli_text text = { .data = NULL };
    char token_text[TN_TOKEN_TEXT_SIZE];
    uint32_t ttl_ms;
    tn_token token;

    options.ttl_ms =
        cli->lifetime.ttl_ms < UINT32_MAX ? (uint32_t)cli->lifetime.ttl_ms : UINT32_MAX;
    options.once = cli->once;
    if (tn_client_export(cli->client, tn_named(cli->args[0]), &options, &token, &ttl_ms) < 0)
        return cli_fail(cli);
    tn_token_format(&token, token_text);
    if (cli->json)
        cli_text_printf(&text, "{\"token\": \"%s\", \"ttl_ms\": %" PRIu32 "}\n", token_text,
                        ttl_ms);
    else
        cli_text_printf(&text, "%s\n", token_text);
    return cli_print_text(&text);
}

static int run_import(struct cli *cli)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    tn_token token;
    tn_value value;
    int code = read_token(cli, &token);

    if (code != CLI_OK)
        return code;
    if (tn_client_import(cli->client, &token, &handle) < 0)
        return cli_fail(cli);
    if (cli->n_args > 1)
        return tn_client_bind(cli->client, cli->args[1], tn_held(handle)) < 0 ? cli_fail(cli)
                                                                              : CLI_OK;
    if (tn_client_get(cli->client, tn_held(handle), NULL, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static int run_revoke(struct cli *cli)
{
    tn_token token;
    bool existed;
    int code = read_token(cli, &token);

    if (code != CLI_OK)
        return code;
    if (tn_client_revoke(cli->client, &token, &existed) < 0)
        return cli_fail(cli);
    if (!existed)
        cli_complain("No object is exported under this token.");
    return existed ? CLI_OK : CLI_NO;
}

/* ---- Who holds an object ---- */

static const char *more(bool is_complete)
{
    return is_complete ? "" : "  (there may be more)";
}

void cli_put_holders(struct cli_text *text, const tn_holders *holders)
{
    cli_text_printf(text, "names       %" PRIu64 "%s\n", holders->names_total,
                    more(holders->names_complete));
    for (size_t i = 0; i < holders->n_names; i++) {
        cli_text_put(text, "            ");
        cli_text_put_escaped(text, holders->names[i].name, holders->names[i].name_len, '\0');
        cli_text_putc(text, '\n');
    }
    cli_text_printf(text, "sessions    %zu%s\n", holders->n_sessions,
                    more(holders->sessions_complete));
    for (size_t i = 0; i < holders->n_sessions; i++) {
        const tn_handle_holder *session = &holders->sessions[i];

        cli_text_printf(text, "            number %" PRIu64 ": %" PRIu64 " handle%s%s\n",
                        session->session, session->handles, session->handles == 1 ? "" : "s",
                        session->leased ? ", kept for a client that is gone" : "");
    }
    cli_text_printf(text, "exports     %" PRIu64 "\n", holders->exports_total);
    for (size_t i = 0; i < holders->n_exports; i++)
        cli_text_printf(text, "            by session %" PRIu64 ", for %" PRIu64 " s%s\n",
                        holders->exports[i].session, holders->exports[i].remaining_ms / 1000,
                        holders->exports[i].once ? ", for once" : "");
    cli_text_printf(text, "others      %" PRId64 "\n", holders->unexplained);
}

void cli_put_holders_json(struct cli_text *text, const tn_holders *holders)
{
    cli_text_put(text, "{\"names\": [");
    for (size_t i = 0; i < holders->n_names; i++) {
        cli_text_put(text, i > 0 ? ", " : "");
        cli_json_put_string(text, holders->names[i].name, holders->names[i].name_len);
    }
    cli_text_printf(text,
                    "], \"names_total\": %" PRIu64 ", \"names_complete\": %s, \"sessions\": [",
                    holders->names_total, holders->names_complete ? "true" : "false");
    for (size_t i = 0; i < holders->n_sessions; i++)
        cli_text_printf(
            text, "%s{\"session\": %" PRIu64 ", \"handles\": %" PRIu64 ", \"leased\": %s}",
            i > 0 ? ", " : "", holders->sessions[i].session, holders->sessions[i].handles,
            holders->sessions[i].leased ? "true" : "false");
    cli_text_printf(text, "], \"sessions_complete\": %s, \"exports\": [",
                    holders->sessions_complete ? "true" : "false");
    for (size_t i = 0; i < holders->n_exports; i++)
        cli_text_printf(
            text, "%s{\"session\": %" PRIu64 ", \"remaining_ms\": %" PRIu64 ", \"once\": %s}",
            i > 0 ? ", " : "", holders->exports[i].session, holders->exports[i].remaining_ms,
            holders->exports[i].once ? "true" : "false");
    cli_text_printf(text, "], \"exports_total\": %" PRIu64 ", \"unexplained\": %" PRId64 "}",
                    holders->exports_total, holders->unexplained);
}

static const struct argp_option export_options[] = {
    { "ttl", CLI_OPT_TTL, "TIME", 0, "Hold the object for so long: 500ms, 5s, 10m, 2h", 0 },
    { "once", CLI_OPT_ONCE, NULL, 0, "The first import ends the export", 0 },
    { 0 },
};

const struct cli_command cli_cmd_export = {
    .name = "export",
    .args_doc = "NAME",
    .summary = "Print a token, for which anybody gets the object of a name",
    .doc = "The object is held for as long as the server grants, or for the time of --ttl if that "
           "is less, also when the name is removed. The token is a secret: who knows it may have "
           "the object, in whichever namespace.",
    .options = export_options,
    .min_args = 1,
    .max_args = 1,
    .run = run_export,
};

const struct cli_command cli_cmd_import = {
    .name = "import",
    .args_doc = "TOKEN [NAME]",
    .summary = "Bind an exported object to a name, or print its value",
    .doc = "Exits with 1 if no object is exported under the token, or not any more.",
    .min_args = 1,
    .max_args = 2,
    .run = run_import,
};

const struct cli_command cli_cmd_revoke = {
    .name = "revoke",
    .args_doc = "TOKEN",
    .summary = "End an export",
    .doc = "What was imported stays. Exits with 1 if there was no such export.",
    .min_args = 1,
    .max_args = 1,
    .run = run_revoke,
};
