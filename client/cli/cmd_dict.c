/* SPDX-License-Identifier: MIT */
#include "client/cli/verbs.h"

static int verb_get(struct cli *cli, tn_target dict, char **args, int n_args)
{
    tn_value key, value;
    int code = cli_key_of(cli, args[0], &key);

    (void)n_args;
    if (code != CLI_OK)
        return code;
    if (tn_client_dict_get(cli->client, dict, key, &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static int verb_set(struct cli *cli, tn_target dict, char **args, int n_args)
{
    tn_value key, value;
    int code = cli_key_of(cli, args[0], &key);

    (void)n_args;
    if (code == CLI_OK)
        code = cli_value_of(cli, args[1], &value);
    if (code != CLI_OK)
        return code;
    return tn_client_dict_set(cli->client, dict, key, value) < 0 ? cli_fail(cli) : CLI_OK;
}

static int verb_del(struct cli *cli, tn_target dict, char **args, int n_args)
{
    tn_value key;
    int code = cli_key_of(cli, args[0], &key);

    (void)n_args;
    if (code != CLI_OK)
        return code;
    return tn_client_dict_delete(cli->client, dict, key) < 0 ? cli_fail(cli) : CLI_OK;
}

static int verb_pop(struct cli *cli, tn_target dict, char **args, int n_args)
{
    tn_value key, value;
    int code = cli_key_of(cli, args[0], &key);

    (void)n_args;
    if (code != CLI_OK)
        return code;
    if (tn_client_dict_pop(cli->client, dict, key, &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static int verb_contains(struct cli *cli, tn_target dict, char **args, int n_args)
{
    tn_value key;
    int code = cli_key_of(cli, args[0], &key);

    (void)n_args;
    return code != CLI_OK ? code : cli_contains(cli, dict, key);
}

static int print_entries(struct cli *cli, tn_target dict, bool keys_only)
{
    TN_DICT_ITER_CLEANUP tn_dict_iter *iter = NULL;

    if (tn_dict_iter_open(cli->client, dict, keys_only, &cli->want, &iter) < 0)
        return cli_fail(cli);
    return cli_print_entries(cli, iter, keys_only);
}

static int verb_keys(struct cli *cli, tn_target dict, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return print_entries(cli, dict, true);
}

static int verb_items(struct cli *cli, tn_target dict, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return print_entries(cli, dict, false);
}

static const struct cli_verb verbs[] = {
    { "get", "NAME KEY", 2, 2, verb_get },
    { "set", "NAME KEY VALUE", 3, 3, verb_set },
    { "pop", "NAME KEY", 2, 2, verb_pop },
    { "del", "NAME KEY", 2, 2, verb_del },
    { "len", "NAME", 1, 1, cli_verb_len },
    { "contains", "NAME KEY", 2, 2, verb_contains },
    { "keys", "NAME", 1, 1, verb_keys },
    { "items", "NAME", 1, 1, verb_items },
    { NULL, NULL, 0, 0, NULL },
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

const struct cli_command cli_cmd_dict = {
    .name = "dict",
    .args_doc = "get NAME KEY\nset NAME KEY VALUE\npop NAME KEY\ndel NAME KEY\nlen NAME\n"
                "contains NAME KEY\nkeys NAME\nitems NAME",
    .summary = "Read and change dicts",
    .doc = "KEY is JSON, or, if it is not JSON, a text as it stands: \"tenure dict get d colour\". "
           "\"keys\" and \"items\" print one entry a line, in the order in which they were added. "
           "\"contains\" prints true or false, and exits with 1 if it is false.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
