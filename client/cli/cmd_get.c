/* SPDX-License-Identifier: MIT */
#include "client/cli/cli.h"

static int run(struct cli *cli)
{
    tn_value value;

    if (tn_client_get(cli->client, tn_named(cli->args[0]), &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static const struct argp_option options[] = {
    CLI_OPTIONS_WANT,
    { "raw", CLI_OPT_RAW, NULL, 0, "Print a text or bytes as they are, not as JSON", 0 },
    { 0 },
};

const struct cli_command cli_cmd_get = {
    .name = "get",
    .args_doc = "NAME",
    .summary = "Print the value of an object",
    .doc = "What exceeds the limits that the options state is printed as {\"$handle\": TYPE}. "
           "Without them everything is printed that the server sends at a time.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
