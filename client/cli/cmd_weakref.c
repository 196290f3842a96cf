/* SPDX-License-Identifier: MIT */
/* weakref, ttl: what refers to objects without keeping them, or not for ever. */
#include <string.h>

#include "client/cli/verbs.h"

/* A weakref ends with this session unless it has a name, so it gets one with the
 * same request. */
static int verb_new(struct cli *cli, tn_target target, char **args, int n_args)
{
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(cli->client);
    tn_op op = tn_op_init(TN_OP_WEAKREF_NEW);
    tn_reply *reply = NULL;
    tn_binding binding;
    int step;

    (void)n_args;
    if (!batch) {
        cli_complain("There is no memory left.");
        return CLI_LOCAL;
    }
    op.target = tn_named(args[0]);
    step = tn_batch_add(batch, &op);
    op = tn_op_bind(target.name, tn_of_step(step));
    op.require = cli_require(cli);
    step = tn_batch_add(batch, &op);
    if (tn_client_run(cli->client, batch, &reply) < 0)
        return cli_fail(cli);
    if (tn_reply_binding(tn_reply_step(reply, (size_t)step), &binding) < 0) {
        cli_complain("The server did not answer with a binding.");
        return CLI_REFUSED;
    }
    return cli_print_binding(cli, &binding);
}

static int verb_get(struct cli *cli, tn_target target, char **args, int n_args)
{
    tn_value value;

    (void)args;
    (void)n_args;
    if (tn_client_deref(cli->client, target, &cli->want, cli->values, &value) < 0)
        return cli_fail(cli);
    if (tn_value_kind(value) != TN_KIND_NONE)
        return cli_print_value(cli, value);
    cli_complain("%s: The object that it referred to is gone.", cli->args[1]);
    return CLI_NO;
}

static const struct cli_verb verbs[] = {
    { "new", "NAME EXISTING", 2, 2, verb_new },
    { "get", "NAME", 1, 1, verb_get },
    { NULL, NULL, 0, 0, NULL },
};

static int run_weakref(struct cli *cli)
{
    return cli_run_verb(cli, verbs);
}

static int run_ttl(struct cli *cli)
{
    tn_binding binding;
    uint64_t ttl_ms = 0;

    if (strcmp(cli->args[1], "never") != 0 && !cli_parse_time(cli->args[1], &ttl_ms))
        return cli_fail_usage(cli,
                              "A time is a number such as 500ms, 5s, 10m, 2h or 7d, or "
                              "\"never\"; not \"%s\".",
                              cli->args[1]);
    if (tn_client_set_ttl(cli->client, cli->args[0], ttl_ms, &binding) < 0)
        return cli_fail(cli);
    return cli_print_binding(cli, &binding);
}

static const struct argp_option options[] = {
    CLI_OPTIONS_REQUIRE,
    CLI_OPTIONS_WANT,
    { "raw", CLI_OPT_RAW, NULL, 0, "Print a text or bytes as they are, not as JSON", 0 },
    { 0 },
};

const struct cli_command cli_cmd_weakref = {
    .name = "weakref",
    .args_doc = "new NAME EXISTING\nget NAME",
    .summary = "Refer to an object without keeping it",
    .doc =
        "\"new\" binds NAME to the weakref of the object of an existing name, and \"get\" prints "
        "the object that a weakref refers to; it exits with 1 if that is gone. \"bind --weak\" "
        "is shorter where the name itself may go with the object.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run_weakref,
};

const struct cli_command cli_cmd_ttl = {
    .name = "ttl",
    .args_doc = "NAME TIME\nNAME never",
    .summary = "Say for how long a name stays bound",
    .doc = "TIME counts from now on and is 500ms, 5s, 10m, 2h, 7d, or a number of seconds. "
           "\"ls --long\" and \"describe\" tell what is left.",
    .min_args = 2,
    .max_args = 2,
    .run = run_ttl,
};
