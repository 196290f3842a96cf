/* SPDX-License-Identifier: MIT */
#include "client/cli/cli.h"

static int run(struct cli *cli)
{
    int code = CLI_OK;

    for (int i = 0; i < cli->n_args; i++) {
        int r = tn_client_unbind_if(cli->client, cli->args[i], cli_require(cli), NULL);

        if (r == 0)
            continue;
        code = cli_fail(cli);
        if (code != CLI_NO)
            return code; /* the others would fail likewise */
    }
    return code;
}

static const struct argp_option options[] = {
    { "if-version", CLI_OPT_IF_VERSION, "N", 0, "Only if the name has this version", 0 },
    { 0 },
};

const struct cli_command cli_cmd_del = {
    .name = "del",
    .args_doc = "NAME...",
    .summary = "Remove names",
    .doc = "An object goes when nothing refers to it any more: no name, no other object, no "
           "handle of a connected client.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
