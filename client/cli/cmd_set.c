/* SPDX-License-Identifier: MIT */
#include "client/cli/cli.h"

/* The value of an argument: JSON, or with --raw or --bytes what stands there. */
static int read_value(struct cli *cli, const char *argument, tn_value *ret_value)
{
    struct cli_text text = { .data = NULL };
    int code;

    if (!cli->raw && !cli->as_bytes)
        return cli_value_of(cli, argument, ret_value);
    code = cli_read_argument(argument, &text);
    if (code == CLI_OK)
        *ret_value = cli->as_bytes ? tn_value_bytes(cli->values, cli_text_string(&text), text.len)
                                   : tn_value_str_n(cli->values, cli_text_string(&text), text.len);
    cli_text_fini(&text);
    return code;
}

static int run(struct cli *cli)
{
    tn_binding binding;
    tn_value value;
    int code = read_value(cli, cli->args[1], &value);

    if (code != CLI_OK)
        return code;
    if (tn_client_set_if(cli->client, cli->args[0], value, cli_require(cli), &binding, NULL) < 0)
        return cli_fail(cli);
    return cli_print_binding(cli, &binding);
}

static const struct argp_option options[] = {
    CLI_OPTIONS_REQUIRE,
    { "raw", CLI_OPT_RAW, NULL, 0, "VALUE is a text as it stands, not JSON", 0 },
    { "bytes", CLI_OPT_AS_BYTES, NULL, 0, "VALUE is bytes as they stand, not JSON", 0 },
    { 0 },
};

const struct cli_command cli_cmd_set = {
    .name = "set",
    .args_doc = "NAME VALUE\nNAME -",
    .summary = "Store a value under a name",
    .doc = "VALUE is JSON; \"-\" reads it from standard input. What the name referred to before "
           "loses a reference. {\"$name\": \"x\"} inside VALUE is a reference to the object of the "
           "name x, not a copy.",
    .options = options,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
