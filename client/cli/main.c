/* SPDX-License-Identifier: MIT */
/* tenure: the table of subcommands. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"

static const struct cli_command *const commands[] = {
    &cli_cmd_ping,     &cli_cmd_set,
    &cli_cmd_get,      &cli_cmd_del,
    &cli_cmd_ls,       &cli_cmd_bind,
    &cli_cmd_lookup,   &cli_cmd_put,
    &cli_cmd_list,     &cli_cmd_deque,
    &cli_cmd_dict,     &cli_cmd_sets,
    &cli_cmd_array,    &cli_cmd_put_file,
    &cli_cmd_get_file, &cli_cmd_class,
    &cli_cmd_new,      &cli_cmd_attr,
    &cli_cmd_weakref,  &cli_cmd_ttl,
    &cli_cmd_refcount, &cli_cmd_id,
    &cli_cmd_type,     &cli_cmd_sizeof,
    &cli_cmd_describe, &cli_cmd_export,
    &cli_cmd_import,   &cli_cmd_revoke,
    &cli_cmd_batch,    &cli_cmd_info,
    &cli_cmd_gc,       &cli_cmd_watch,
    &cli_cmd_shell,    NULL,
};

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static int run(struct cli *cli)
{
    int code = cli_connect(cli);

    if (code != CLI_OK)
        return code;
    cli->values = tn_values_new();
    if (!cli->values) {
        cli_complain("There is no memory left.");
        return CLI_LOCAL;
    }
    return cli->command->run(cli);
}

int main(int argc, char **argv)
{
    struct cli cli = { .timeout_ms = 30000,
                       .want = TN_WANT_INIT,
                       .require = TN_REQUIRE_INIT,
                       .class_spec = TN_CLASS_SPEC_INIT,
                       .lifetime = TN_LIFETIME_INIT,
                       .watch = TN_SUBSCRIBE_OPTIONS_INIT };
    const char *name;
    int at;
    int code;
    int output;

    (void)setlocale(LC_CTYPE, ""); /* for the shell; numbers stay as they are in C */
    (void)setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* only looks better */
    argp_err_exit_status = CLI_USAGE;
    at = cli_parse_global(&cli, commands, argc, argv);
    name = argv[at];
    if (strcmp(name, "help") == 0) { /* "help get" is "get --help", as with git */
        static char help_option[] = "--help";

        if (at + 1 == argc) {
            char *general[] = { argv[0], help_option, NULL };

            (void)cli_parse_global(&cli, commands, 2, general); /* exits */
        }
        name = argv[at] = argv[at + 1];
        argv[at + 1] = help_option;
        argc = at + 2;
    }
    cli.want.max_depth = UINT32_MAX; /* a person wants all of it */
    cli.want.max_nodes = UINT32_MAX;
    cli.command = find_command(name);
    if (!cli.command)
        return cli_fail_usage(&cli, "There is no command \"%s\".", name);
    cli_parse_command(&cli, argc - at, argv + at);

    code = run(&cli);
    output = cli_finish_output();
    tn_values_free(&cli.values);
    tn_client_close(&cli.client);
    free(cli.endpoint);
    cli_free_args(&cli);
    return code != CLI_OK ? code : output;
}
