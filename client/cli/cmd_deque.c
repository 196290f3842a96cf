/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "client/cli/verbs.h"

static int push(struct cli *cli, tn_target deque, tn_end end, char **args, int n_args)
{
    uint64_t length = 0;
    tn_value value;

    for (int i = 0; i < n_args; i++) {
        int code = cli_value_of(cli, args[i], &value);

        if (code != CLI_OK)
            return code;
        if (tn_client_deque_push(cli->client, deque, end, value, &length) < 0)
            return cli_fail(cli);
    }
    return cli_print_length(cli, length);
}

static int verb_append(struct cli *cli, tn_target deque, char **args, int n_args)
{
    return push(cli, deque, TN_RIGHT, args, n_args);
}

static int verb_appendleft(struct cli *cli, tn_target deque, char **args, int n_args)
{
    return push(cli, deque, TN_LEFT, args, n_args);
}

static int extend(struct cli *cli, tn_target deque, tn_end end, char **args)
{
    uint64_t length;
    tn_value items;
    int code = cli_value_of(cli, args[0], &items);

    if (code != CLI_OK)
        return code;
    if (tn_client_deque_extend(cli->client, deque, end, items, &length) < 0)
        return cli_fail(cli);
    return cli_print_length(cli, length);
}

static int verb_extend(struct cli *cli, tn_target deque, char **args, int n_args)
{
    (void)n_args;
    return extend(cli, deque, TN_RIGHT, args);
}

static int verb_extendleft(struct cli *cli, tn_target deque, char **args, int n_args)
{
    (void)n_args;
    return extend(cli, deque, TN_LEFT, args);
}

static int pop(struct cli *cli, tn_target deque, tn_end end)
{
    tn_value value;

    if (tn_client_deque_pop(cli->client, deque, end, &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, value);
}

static int verb_pop(struct cli *cli, tn_target deque, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return pop(cli, deque, TN_RIGHT);
}

static int verb_popleft(struct cli *cli, tn_target deque, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return pop(cli, deque, TN_LEFT);
}

static int verb_rotate(struct cli *cli, tn_target deque, char **args, int n_args)
{
    int64_t n = 1;

    if (n_args > 0 && !cli_parse_int("number of places", args[0], &n))
        return CLI_USAGE;
    return tn_client_deque_rotate(cli->client, deque, n) < 0 ? cli_fail(cli) : CLI_OK;
}

static int verb_clear(struct cli *cli, tn_target deque, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return tn_client_deque_clear(cli->client, deque) < 0 ? cli_fail(cli) : CLI_OK;
}

/* One line each. */
static int verb_items(struct cli *cli, tn_target deque, char **args, int n_args)
{
    TN_DEQUE_ITER_CLEANUP tn_deque_iter *iter = NULL;
    tn_value item;
    int r;

    (void)args;
    (void)n_args;
    if (tn_deque_iter_open(cli->client, deque, &cli->want, &iter) < 0)
        return cli_fail(cli);
    while ((r = tn_deque_iter_next(iter, &item)) == 1) {
        struct cli_text text = { .data = NULL };
        int code;

        text.is_failed = cli_value_write(&text, item, CLI_STYLE_JSON) < 0;
        cli_text_putc(&text, '\n');
        code = cli_print_text(&text);
        if (code != CLI_OK)
            return code;
        if (ferror(stdout))
            return CLI_OK; /* the end says so */
    }
    return r < 0 ? cli_fail(cli) : CLI_OK;
}

static const struct cli_verb verbs[] = {
    { "append", "NAME VALUE...", 2, -1, verb_append },
    { "appendleft", "NAME VALUE...", 2, -1, verb_appendleft },
    { "extend", "NAME LIST", 2, 2, verb_extend },
    { "extendleft", "NAME LIST", 2, 2, verb_extendleft },
    { "pop", "NAME", 1, 1, verb_pop },
    { "popleft", "NAME", 1, 1, verb_popleft },
    { "rotate", "NAME [N]", 1, 2, verb_rotate },
    { "get", "NAME INDEX", 2, 2, cli_verb_get_item },
    { "set", "NAME INDEX VALUE", 3, 3, cli_verb_set_item },
    { "clear", "NAME", 1, 1, verb_clear },
    { "len", "NAME", 1, 1, cli_verb_len },
    { "contains", "NAME VALUE", 2, 2, cli_verb_contains_item },
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

const struct cli_command cli_cmd_deque = {
    .name = "deque",
    .args_doc = "append NAME VALUE...\nappendleft NAME VALUE...\nextend NAME LIST\n"
                "extendleft NAME LIST\npop NAME\npopleft NAME\nrotate NAME [N]\nget NAME INDEX\n"
                "set NAME INDEX VALUE\nclear NAME\nlen NAME\ncontains NAME VALUE\nitems NAME",
    .summary = "Read and change deques",
    .doc = "A deque is made with \"tenure set NAME '{\\\"$deque\\\": []}'\", or with \"$maxlen\" "
           "beside \"$deque\": then what is added to a full one pushes out the item at the other "
           "end. An INDEX below zero counts from the end. \"rotate\" moves N items, or one, from "
           "the right end to the left, the other way if N is below zero. \"items\" prints one "
           "item a line; what is added and taken out meanwhile does not disturb it. \"contains\" "
           "prints true or false, and exits with 1 if it is false.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
