/* SPDX-License-Identifier: MIT */
#include "client/cli/verbs.h"

static int print_slice(struct cli *cli, tn_target list, const struct cli_slice *slice)
{
    tn_value value;

    if (tn_client_list_get_slice(cli->client, list, slice->start, slice->stop, slice->step,
                                 &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static int verb_get(struct cli *cli, tn_target list, char **args, int n_args)
{
    struct cli_slice slice;

    if (!cli_is_slice(args[0]))
        return cli_verb_get_item(cli, list, args, n_args);
    return cli_parse_slice(args[0], &slice) ? print_slice(cli, list, &slice) : CLI_USAGE;
}

static int verb_set(struct cli *cli, tn_target list, char **args, int n_args)
{
    struct cli_slice slice;
    uint64_t length;
    tn_value items;
    int code;

    if (!cli_is_slice(args[0]))
        return cli_verb_set_item(cli, list, args, n_args);
    if (!cli_parse_slice(args[0], &slice))
        return CLI_USAGE;
    code = cli_value_of(cli, args[1], &items);
    if (code != CLI_OK)
        return code;
    if (tn_client_list_set_slice(cli->client, list, slice.start, slice.stop, slice.step, items,
                                 &length) < 0)
        return cli_fail(cli);
    return cli_print_length(cli, length);
}

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
    struct cli_slice slice;
    uint64_t length;
    int64_t index;
    int r;

    (void)n_args;
    if (cli_is_slice(args[0])) {
        if (!cli_parse_slice(args[0], &slice))
            return CLI_USAGE;
        r = tn_client_list_delete_slice(cli->client, list, slice.start, slice.stop, slice.step,
                                        &length);
    } else {
        if (!cli_parse_int("index", args[0], &index))
            return CLI_USAGE;
        r = tn_client_list_delete(cli->client, list, index, &length);
    }
    return r < 0 ? cli_fail(cli) : cli_print_length(cli, length);
}

static int verb_slice(struct cli *cli, tn_target list, char **args, int n_args)
{
    struct cli_slice slice = { .stop = TN_TO_END, .step = 1 };

    if (!cli_parse_int("start", args[0], &slice.start) ||
        (n_args > 1 && !cli_parse_int("stop", args[1], &slice.stop)) ||
        (n_args > 2 && !cli_parse_int("step", args[2], &slice.step)))
        return CLI_USAGE;
    return print_slice(cli, list, &slice);
}

static const struct cli_verb verbs[] = {
    { "get", "NAME INDEX|SLICE", 2, 2, verb_get },
    { "set", "NAME INDEX|SLICE VALUE", 3, 3, verb_set },
    { "append", "NAME VALUE...", 2, -1, verb_append },
    { "extend", "NAME LIST", 2, 2, verb_extend },
    { "insert", "NAME INDEX VALUE", 3, 3, verb_insert },
    { "pop", "NAME [INDEX]", 1, 2, verb_pop },
    { "del", "NAME INDEX|SLICE", 2, 2, verb_del },
    { "slice", "NAME START [STOP [STEP]]", 2, 4, verb_slice },
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
    .args_doc = "get NAME INDEX|SLICE\nset NAME INDEX|SLICE VALUE\nappend NAME VALUE...\n"
                "extend NAME LIST\ninsert NAME INDEX VALUE\npop NAME [INDEX]\n"
                "del NAME INDEX|SLICE\nslice NAME START [STOP [STEP]]\nlen NAME\n"
                "contains NAME VALUE",
    .summary = "Read and change lists",
    .doc =
        "An INDEX below zero counts from the end; \"pop\" without one takes the last item. "
        "A SLICE is START:STOP or START:STOP:STEP, as in Python; setting one takes a list of "
        "items. Slices can also be read of texts and bytes. "
        "\"get\", \"slice\", \"len\" and \"contains\" also work with tuples. \"contains\" prints "
        "true or false, and exits with 1 if it is false.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
