/* SPDX-License-Identifier: MIT */
/* tenure sets: "set" is what stores a value under a name, as in other stores. */
#include "client/cli/verbs.h"

static int verb_add(struct cli *cli, tn_target set, char **args, int n_args)
{
    bool is_new = false;
    tn_value member;

    for (int i = 0; i < n_args; i++) {
        bool is_this_new;
        int code = cli_key_of(cli, args[i], &member);

        if (code != CLI_OK)
            return code;
        if (tn_client_set_add(cli->client, set, member, &is_this_new) < 0)
            return cli_fail(cli);
        is_new = is_new || is_this_new;
    }
    return cli_print_truth(is_new);
}

static int verb_discard(struct cli *cli, tn_target set, char **args, int n_args)
{
    bool was_there;
    tn_value member;
    int code = cli_key_of(cli, args[0], &member);

    (void)n_args;
    if (code != CLI_OK)
        return code;
    if (tn_client_set_discard(cli->client, set, member, &was_there) < 0)
        return cli_fail(cli);
    return cli_print_truth(was_there);
}

static int verb_remove(struct cli *cli, tn_target set, char **args, int n_args)
{
    tn_value member;
    int code = cli_key_of(cli, args[0], &member);

    (void)n_args;
    if (code != CLI_OK)
        return code;
    return tn_client_set_remove(cli->client, set, member) < 0 ? cli_fail(cli) : CLI_OK;
}

static int verb_pop(struct cli *cli, tn_target set, char **args, int n_args)
{
    tn_value member;

    (void)args;
    (void)n_args;
    if (tn_client_set_pop(cli->client, set, &cli->want, cli->values, &member) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, member);
}

static int verb_clear(struct cli *cli, tn_target set, char **args, int n_args)
{
    (void)args;
    (void)n_args;
    return tn_client_set_clear(cli->client, set) < 0 ? cli_fail(cli) : CLI_OK;
}

static int verb_contains(struct cli *cli, tn_target set, char **args, int n_args)
{
    tn_value member;
    int code = cli_key_of(cli, args[0], &member);

    (void)n_args;
    return code != CLI_OK ? code : cli_contains(cli, set, member);
}

/* One line each. */
static int verb_members(struct cli *cli, tn_target set, char **args, int n_args)
{
    TN_SET_ITER_CLEANUP tn_set_iter *iter = NULL;
    tn_value member;
    int r;

    (void)args;
    (void)n_args;
    if (tn_set_iter_open(cli->client, set, &cli->want, &iter) < 0)
        return cli_fail(cli);
    while ((r = tn_set_iter_next(iter, &member)) == 1) {
        struct cli_text text = { .data = NULL };
        int code;

        text.is_failed = cli_value_write(&text, member, CLI_STYLE_JSON) < 0;
        cli_text_putc(&text, '\n');
        code = cli_print_text(&text);
        if (code != CLI_OK)
            return code;
        if (ferror(stdout))
            return CLI_OK; /* the end says so */
    }
    return r < 0 ? cli_fail(cli) : CLI_OK;
}

/* Prints what an operation makes of a set and the value of an argument. */
static int print_combined(struct cli *cli, tn_target left, tn_set_operation operation,
                          const char *argument)
{
    tn_value right, made;
    int code = cli_value_of(cli, argument, &right);

    if (code != CLI_OK)
        return code;
    if (tn_client_set_new(cli->client, left, operation, right, TN_KIND_INVALID, &cli->want,
                          cli->values, &made) < 0)
        return cli_fail(cli);
    return cli_print_value(cli, made);
}

static int verb_union(struct cli *cli, tn_target left, char **args, int n_args)
{
    (void)n_args;
    return print_combined(cli, left, TN_SET_UNION, args[0]);
}

static int verb_intersection(struct cli *cli, tn_target left, char **args, int n_args)
{
    (void)n_args;
    return print_combined(cli, left, TN_SET_INTERSECTION, args[0]);
}

static int verb_difference(struct cli *cli, tn_target left, char **args, int n_args)
{
    (void)n_args;
    return print_combined(cli, left, TN_SET_DIFFERENCE, args[0]);
}

static int verb_symmetric_difference(struct cli *cli, tn_target left, char **args, int n_args)
{
    (void)n_args;
    return print_combined(cli, left, TN_SET_SYMMETRIC_DIFFERENCE, args[0]);
}

/* Changes a set by the value of an argument. */
static int update(struct cli *cli, tn_target set, tn_set_operation operation, const char *argument)
{
    uint64_t length;
    tn_value right;
    int code = cli_value_of(cli, argument, &right);

    if (code != CLI_OK)
        return code;
    if (tn_client_set_update(cli->client, set, operation, right, &length) < 0)
        return cli_fail(cli);
    return cli_print_length(cli, length);
}

static int verb_update(struct cli *cli, tn_target set, char **args, int n_args)
{
    (void)n_args;
    return update(cli, set, TN_SET_UNION, args[0]);
}

static int verb_keep(struct cli *cli, tn_target set, char **args, int n_args)
{
    (void)n_args;
    return update(cli, set, TN_SET_INTERSECTION, args[0]);
}

static int verb_subtract(struct cli *cli, tn_target set, char **args, int n_args)
{
    (void)n_args;
    return update(cli, set, TN_SET_DIFFERENCE, args[0]);
}

static int verb_toggle(struct cli *cli, tn_target set, char **args, int n_args)
{
    (void)n_args;
    return update(cli, set, TN_SET_SYMMETRIC_DIFFERENCE, args[0]);
}

static int compare(struct cli *cli, tn_target left, tn_set_relation relation, const char *argument)
{
    tn_value right;
    bool holds;
    int code = cli_value_of(cli, argument, &right);

    if (code != CLI_OK)
        return code;
    if (tn_client_set_compare(cli->client, left, relation, right, &holds) < 0)
        return cli_fail(cli);
    return cli_print_truth(holds);
}

static int verb_subset(struct cli *cli, tn_target left, char **args, int n_args)
{
    (void)n_args;
    return compare(cli, left, TN_SET_SUBSET, args[0]);
}

static int verb_superset(struct cli *cli, tn_target left, char **args, int n_args)
{
    (void)n_args;
    return compare(cli, left, TN_SET_SUPERSET, args[0]);
}

static int verb_disjoint(struct cli *cli, tn_target left, char **args, int n_args)
{
    (void)n_args;
    return compare(cli, left, TN_SET_DISJOINT, args[0]);
}

static const struct cli_verb verbs[] = {
    { "add", "NAME MEMBER...", 2, -1, verb_add },
    { "discard", "NAME MEMBER", 2, 2, verb_discard },
    { "remove", "NAME MEMBER", 2, 2, verb_remove },
    { "pop", "NAME", 1, 1, verb_pop },
    { "clear", "NAME", 1, 1, verb_clear },
    { "len", "NAME", 1, 1, cli_verb_len },
    { "contains", "NAME MEMBER", 2, 2, verb_contains },
    { "members", "NAME", 1, 1, verb_members },
    { "union", "NAME OTHER", 2, 2, verb_union },
    { "intersection", "NAME OTHER", 2, 2, verb_intersection },
    { "difference", "NAME OTHER", 2, 2, verb_difference },
    { "symmetric-difference", "NAME OTHER", 2, 2, verb_symmetric_difference },
    { "update", "NAME OTHER", 2, 2, verb_update },
    { "keep", "NAME OTHER", 2, 2, verb_keep },
    { "subtract", "NAME OTHER", 2, 2, verb_subtract },
    { "toggle", "NAME OTHER", 2, 2, verb_toggle },
    { "subset", "NAME OTHER", 2, 2, verb_subset },
    { "superset", "NAME OTHER", 2, 2, verb_superset },
    { "disjoint", "NAME OTHER", 2, 2, verb_disjoint },
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

const struct cli_command cli_cmd_sets = {
    .name = "sets",
    .args_doc =
        "add NAME MEMBER...\ndiscard NAME MEMBER\nremove NAME MEMBER\npop NAME\nclear NAME\n"
        "len NAME\ncontains NAME MEMBER\nmembers NAME\nunion NAME OTHER\n"
        "intersection NAME OTHER\ndifference NAME OTHER\nsymmetric-difference NAME OTHER\n"
        "update NAME OTHER\nkeep NAME OTHER\nsubtract NAME OTHER\ntoggle NAME OTHER\n"
        "subset NAME OTHER\nsuperset NAME OTHER\ndisjoint NAME OTHER",
    .summary = "Read and change sets",
    .doc =
        "Store a set with \"tenure set s '{\"$set\": [1, 2]}'\". MEMBER is JSON, or, if it is not "
        "JSON, a text as it stands. OTHER is JSON: a set, frozenset, list, tuple or dict, or "
        "{\"$name\": \"x\"} for one on the server. \"union\", \"intersection\", \"difference\" and "
        "\"symmetric-difference\" print a new set; \"update\", \"keep\", \"subtract\" and "
        "\"toggle\" change the set in the same way. \"add\", \"discard\", \"contains\", "
        "\"subset\", \"superset\" and \"disjoint\" print true or false, and exit with 1 if it is "
        "false. \"members\" prints one member a line, in the order in which they were added.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
