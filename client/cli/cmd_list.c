/* SPDX-License-Identifier: MIT */
#include "client/cli/verbs.h"

static int verb_append(struct cli *cli, tn_target list, char **args, int n_args)
{
    uint64_t length = 0;
    tn_value value;

    for (int i = 0; i < n_args; i++) {
        int code = cli_value_of(cli, args[i], &value);

        if (code != CLI_OK)
            return code;
        if (tn_client_list_append(cli->client, list, value, &length) < 0)
            return cli_fail(cli);
    }
    return cli_print_length(cli, length);
}

static int verb_extend(struct cli *cli, tn_target list, char **args, int n_args)
{
    uint64_t length;
    tn_value items;
    int code = cli_value_of(cli, args[0], &items);

    (void)n_args;
    if (code != CLI_OK)
        return code;
    if (tn_client_list_extend(cli->client, list, items, &length) < 0)
        return cli_fail(cli);
    return cli_print_length(cli, length);
}

static int verb_insert(struct cli *cli, tn_target list, char **args, int n_args)
{
    uint64_t length;
    int64_t index;
    tn_value value;
    int code;

    (void)n_args;
    if (!cli_parse_int("index", args[0], &index))
        return CLI_USAGE;
    code = cli_value_of(cli, args[1], &value);
    if (code != CLI_OK)
        return code;
    if (tn_client_list_insert(cli->client, list, index, value, &length) < 0)
        return cli_fail(cli);
    return cli_print_length(cli, length);
}

static int verb_pop(struct cli *cli, tn_target list, char **args, int n_args)
{
    int64_t index = -1;
    tn_value value;

    if (n_args > 0 && !cli_parse_int("index", args[0], &index))
        return CLI_USAGE;
    if (tn_client_list_pop(cli->client, list, index, &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static int verb_del(struct cli *cli, tn_target list, char **args, int n_args)
{
    uint64_t length;
    int64_t index;

    (void)n_args;
    if (!cli_parse_int("index", args[0], &index))
        return CLI_USAGE;
    if (tn_client_list_delete(cli->client, list, index, &length) < 0)
        return cli_fail(cli);
    return cli_print_length(cli, length);
}

static int verb_slice(struct cli *cli, tn_target list, char **args, int n_args)
{
    int64_t start;
    int64_t stop = TN_TO_END;
    tn_value value;

    if (!cli_parse_int("start", args[0], &start) ||
        (n_args > 1 && !cli_parse_int("stop", args[1], &stop)))
        return CLI_USAGE;
    if (tn_client_list_slice(cli->client, list, start, stop, &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static const struct cli_verb verbs[] = {
    { "get", "NAME INDEX", 2, 2, cli_verb_get_item },
    { "set", "NAME INDEX VALUE", 3, 3, cli_verb_set_item },
    { "append", "NAME VALUE...", 2, -1, verb_append },
    { "extend", "NAME LIST", 2, 2, verb_extend },
    { "insert", "NAME INDEX VALUE", 3, 3, verb_insert },
    { "pop", "NAME [INDEX]", 1, 2, verb_pop },
    { "del", "NAME INDEX", 2, 2, verb_del },
    { "slice", "NAME START [STOP]", 2, 3, verb_slice },
    { "len", "NAME", 1, 1, cli_verb_len },
    { "contains", "NAME VALUE", 2, 2, cli_verb_contains_item },
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

const struct cli_command cli_cmd_list = {
    .name = "list",
    .args_doc = "get NAME INDEX\nset NAME INDEX VALUE\nappend NAME VALUE...\nextend NAME LIST\n"
                "insert NAME INDEX VALUE\npop NAME [INDEX]\ndel NAME INDEX\n"
                "slice NAME START [STOP]\nlen NAME\ncontains NAME VALUE",
    .summary = "Read and change lists",
    .doc =
        "An INDEX below zero counts from the end; \"pop\" without one takes the last item. "
        "\"get\", \"slice\", \"len\" and \"contains\" also work with tuples. \"contains\" prints "
        "true or false, and exits with 1 if it is false.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
