/* SPDX-License-Identifier: MIT */
#include "client/cli/cli.h"

static int run(struct cli *cli)
{
    tn_binding binding;

    if (tn_client_bind_if(cli->client, cli->args[0], tn_named(cli->args[1]), cli_require(cli),
                          &binding) < 0)
        return cli_fail(cli);
    return cli_print_binding(cli, &binding);
}

static const struct argp_option options[] = {
    CLI_OPTIONS_REQUIRE,
    { 0 },
};

const struct cli_command cli_cmd_bind = {
    .name = "bind",
    .args_doc = "NAME EXISTING",
    .summary = "Give the object of an existing name one more name",
    .doc =
        "Both names then refer to the same object: nothing is copied. It is what NAME = EXISTING "
        "is in Python.",
    .options = options,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
