/* SPDX-License-Identifier: MIT */
#include "client/cli/verbs.h"

static int verb_get(struct cli *cli, tn_target record, char **args, int n_args)
{
    tn_value value;

    (void)n_args;
    if (tn_client_attr_get(cli->client, record, args[0], &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static int verb_set(struct cli *cli, tn_target record, char **args, int n_args)
{
    tn_value value;
    int code = cli_value_of(cli, args[1], &value);

    (void)n_args;
    if (code != CLI_OK)
        return code;
    return tn_client_attr_set(cli->client, record, args[0], value) < 0 ? cli_fail(cli) : CLI_OK;
}

static int verb_del(struct cli *cli, tn_target record, char **args, int n_args)
{
    (void)n_args;
    return tn_client_attr_delete(cli->client, record, args[0]) < 0 ? cli_fail(cli) : CLI_OK;
}

static int print_attrs(struct cli *cli, tn_target record, bool names_only)
{
    TN_DICT_ITER_CLEANUP tn_dict_iter *iter = NULL;

    if (tn_attr_iter_open(cli->client, record, names_only, &cli->want, &iter) < 0)
        return cli_fail(cli);
    return cli_print_entries(cli, iter, names_only);
}

static int verb_ls(struct cli *cli, tn_target record, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return print_attrs(cli, record, false);
}

static int verb_names(struct cli *cli, tn_target record, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return print_attrs(cli, record, true);
}

static const struct cli_verb verbs[] = {
    { "get", "NAME ATTRIBUTE", 2, 2, verb_get }, { "set", "NAME ATTRIBUTE VALUE", 3, 3, verb_set },
    { "del", "NAME ATTRIBUTE", 2, 2, verb_del }, { "ls", "NAME", 1, 1, verb_ls },
    { "names", "NAME", 1, 1, verb_names },       { NULL, NULL, 0, 0, NULL },
};

static int run(struct cli *cli)
{
    return cli_run_verb(cli, verbs);
}

static const struct argp_option options[] = {
    CLI_OPTIONS_WANT,
    { "raw", CLI_OPT_RAW, NULL, 0, "Print a text or bytes as they are, not as JSON", 0 },
    { 0 },
};

const struct cli_command cli_cmd_attr = {
    .name = "attr",
    .args_doc = "get NAME ATTRIBUTE\nset NAME ATTRIBUTE VALUE\ndel NAME ATTRIBUTE\nls NAME\n"
                "names NAME",
    .summary = "Read and change attributes of records",
    .doc =
        "ATTRIBUTE is its name as it stands. \"ls\" prints the attributes that have a value, one "
        "a line as [NAME, VALUE]: first the slots in their order, then the others in the order "
        "in which they were set; \"names\" prints their names. \"get NAME __class__\" prints "
        "the class.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
