/* SPDX-License-Identifier: MIT */
/*
 * Options. Those about the server may stand in front of the subcommand and behind
 * it. A number below zero is an argument and no option: it is hidden from argp
 * behind a character that no option begins with.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"

#define HIDDEN '\001'

/* Read by argp, from its own library: so it cannot be hidden. */
__attribute__((visibility("default"))) const char *argp_program_version = "tenure " TN_VERSION;

static const struct argp_option connection_options[] = {
    { NULL, 0, NULL, 0, "Which server:", -2 },
    { "socket", 's', "PATH", 0, "The unix socket of the server", -2 },
    { "host", 'H', "HOST", 0, "The server's host, by TCP", -2 },
    { "port", 'p', "PORT", 0, "The server's port, by TCP; without -H: on this machine", -2 },
    { "namespace", 'n', "NAME", 0, "Where names are looked up; without it: default", -2 },
    { "timeout", CLI_OPT_TIMEOUT, "SECONDS", 0, "Give up after this time; 0: never; without it: 30",
      -2 },
    { "json", 'j', NULL, 0, "Print in JSON what is otherwise printed for people", -2 },
    { 0 },
};

static uint64_t parse_count(struct argp_state *state, const char *option, const char *text,
                            uint64_t max)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || !isdigit((unsigned char)text[0]) ||
        number > max)
        argp_error(state, "--%s needs a whole number of at most %llu, not \"%s\"", option,
                   (unsigned long long)max, text);
    return number;
}

static uint32_t parse_seconds(struct argp_state *state, const char *option, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 1e6))
        argp_error(state, "--%s needs a number of seconds, not \"%s\"", option, text);
    if (seconds <= 0)
        return TN_WAIT_FOREVER;
    return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

static error_t parse_connection(int key, char *arg, struct argp_state *state)
{
    struct cli *cli = state->input;

    switch (key) {
    case 's':
        cli->socket_path = arg;
        break;
    case 'H':
        cli->host = arg;
        break;
    case 'p':
        (void)parse_count(state, "port", arg, 65535);
        cli->port = arg;
        break;
    case 'n':
        cli->namespace_name = arg;
        break;
    case CLI_OPT_TIMEOUT:
        cli->timeout_ms = parse_seconds(state, "timeout", arg);
        break;
    case 'j':
        cli->json = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp connection_argp = {
    connection_options, parse_connection, NULL, NULL, NULL, NULL, NULL
};

/* ---- In front of the subcommand ---- */

struct global {
    struct cli *cli;
    const struct cli_command *const *table;
    int command_at;
};

static error_t parse_global(int key, char *arg, struct argp_state *state)
{
    struct global *global = state->input;

    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = global->cli;
        break;
    case ARGP_KEY_ARG:
        global->command_at = state->next - 1;
        state->next = state->argc; /* the rest is the subcommand's */
        break;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static char *list_commands(int key, const char *text, void *input)
{
    const struct global *global = input;
    struct cli_text list = { .data = NULL };

    if (key != ARGP_KEY_HELP_POST_DOC || !global)
        return (char *)(uintptr_t)text; /* as argp wants it: unchanged */
    cli_text_put(&list, "Commands:\n");
    for (size_t i = 0; global->table[i]; i++)
        cli_text_printf(&list, "  %-10s %s\n", global->table[i]->name, global->table[i]->summary);
    cli_text_put(&list, "\n\"tenure COMMAND --help\" tells more about a command, and tenure(1) "
                        "about all of them.");
    return list.is_failed ? NULL : list.data; /* argp frees it */
}

int cli_parse_global(struct cli *cli, const struct cli_command *const *table, int argc, char **argv)
{
    static const struct argp_child children[] = { { &connection_argp, 0, NULL, 0 }, { 0 } };
    static const struct argp argp = {
        NULL,
        parse_global,
        "COMMAND [ARGUMENT...]",
        "Store and read the objects of a Tenure server."
        "\v",
        children,
        list_commands,
        NULL,
    };
    struct global global = { .cli = cli, .table = table };
    error_t r = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &global);

    if (r != 0) {
        cli_complain("The options could not be read: %s.", strerror(r));
        exit(CLI_LOCAL);
    }
    return global.command_at;
}

/* ---- Behind the subcommand ---- */

static error_t parse_value_option(struct cli *cli, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case CLI_OPT_ABSENT:
        cli->require.absent = cli->has_require = true;
        break;
    case CLI_OPT_IF_VERSION:
        cli->require.version = parse_count(state, "if-version", arg, UINT64_MAX);
        cli->has_require = true;
        break;
    case CLI_OPT_DEPTH:
        cli->want.max_depth = (uint32_t)parse_count(state, "depth", arg, UINT32_MAX);
        cli->is_limited = true;
        break;
    case CLI_OPT_NODES:
        cli->want.max_nodes = (uint32_t)parse_count(state, "nodes", arg, UINT32_MAX);
        cli->is_limited = true;
        break;
    case CLI_OPT_BYTES:
        cli->want.max_bytes = parse_count(state, "bytes", arg, UINT64_MAX);
        cli->is_limited = true;
        break;
    case CLI_OPT_TYPE:
        cli->type = arg;
        break;
    case CLI_OPT_BASE:
        cli->class_spec.base = tn_named(arg);
        break;
    case CLI_OPT_TTL:
        if (!cli_parse_time(arg, &cli->lifetime.ttl_ms) || cli->lifetime.ttl_ms == 0)
            argp_error(state, "--ttl needs a time such as 500ms, 5s, 10m, 2h or 7d, not \"%s\"",
                       arg);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_watch_option(struct cli *cli, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case CLI_OPT_KINDS:
        cli->kinds = arg;
        break;
    case CLI_OPT_PREFIX:
        cli->watch.prefix = arg;
        break;
    case CLI_OPT_CLASS:
        cli->watch.class_name = arg;
        break;
    case CLI_OPT_LIFE:
        cli->life = arg;
        break;
    case CLI_OPT_COUNT:
        cli->count = parse_count(state, "count", arg, UINT64_MAX);
        break;
    case CLI_OPT_QUEUE:
        cli->watch.queue_limit = (uint32_t)parse_count(state, "queue", arg, UINT32_MAX);
        break;
    case CLI_OPT_ALL_NAMESPACES:
        cli->watch.all_namespaces = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_flag(struct cli *cli, int key)
{
    switch (key) {
    case CLI_OPT_PRETTY:
        cli->pretty = true;
        break;
    case CLI_OPT_DEEP:
        cli->deep = true;
        break;
    case CLI_OPT_KEEP_GOING:
        cli->keep_going = true;
        break;
    case CLI_OPT_AS_BYTES:
        cli->as_bytes = true;
        break;
    case CLI_OPT_RAW:
        cli->raw = true;
        break;
    case CLI_OPT_LONG:
        cli->is_long = true;
        break;
    case CLI_OPT_ONCE:
        cli->once = true;
        break;
    case CLI_OPT_HOLDERS:
        cli->holders = true;
        break;
    case CLI_OPT_QUIET:
        cli->quiet = true;
        break;
    case CLI_OPT_DICT:
        cli->class_spec.has_dict = true;
        break;
    case CLI_OPT_FINALIZER:
        cli->class_spec.has_finalizer = true;
        break;
    case CLI_OPT_WEAK:
        cli->lifetime.kind = TN_BIND_WEAK;
        break;
    case CLI_OPT_SOFT:
        cli->lifetime.kind = TN_BIND_SOFT;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_command(int key, char *arg, struct argp_state *state)
{
    struct cli *cli = state->input;
    const struct cli_command *command = cli->command;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = cli;
        return 0;
    case ARGP_KEY_ARG:
        if (command->max_args >= 0 && cli->n_args >= command->max_args)
            argp_error(state, "there is no use for the argument \"%s\"",
                       arg[0] == HIDDEN ? arg + 1 : arg);
        cli->args[cli->n_args++] = arg[0] == HIDDEN ? arg + 1 : arg;
        return 0;
    case ARGP_KEY_END:
        if (cli->n_args < command->min_args)
            argp_error(state, "too few arguments: %s", command->args_doc);
        return 0;
    default:
        if (parse_flag(cli, key) == 0)
            return 0;
        if (parse_value_option(cli, key, arg, state) == 0)
            return 0;
        return parse_watch_option(cli, key, arg, state);
    }
}

/* "-1" and "-.5e3" are numbers. */
static bool is_negative_number(const char *text)
{
    return text[0] == '-' &&
           (isdigit((unsigned char)text[1]) || (text[1] == '.' && isdigit((unsigned char)text[2])));
}

_Noreturn static void exit_without_memory(void)
{
    cli_complain("There is no memory left.");
    exit(CLI_LOCAL);
}

/* A copy of argv, owned by the struct cli, in which negative numbers are hidden. */
static void hide_numbers(struct cli *cli, int argc, char **argv)
{
    cli->argv = calloc((size_t)argc + 1, sizeof(*cli->argv));
    if (!cli->argv)
        exit_without_memory();
    for (int i = 0; i < argc; i++) {
        int len;

        if (i == 0)
            len = asprintf(&cli->argv[i], "tenure %s", cli->command->name);
        else if (is_negative_number(argv[i]))
            len = asprintf(&cli->argv[i], "%c%s", HIDDEN, argv[i]);
        else
            len = asprintf(&cli->argv[i], "%s", argv[i]);
        if (len < 0)
            exit_without_memory();
    }
}

void cli_free_args(struct cli *cli)
{
    for (char **arg = cli->argv; arg && *arg; arg++)
        free(*arg);
    free((void *)cli->argv);
    free((void *)cli->permuted);
    free((void *)cli->args);
    cli->argv = cli->permuted = cli->args = NULL;
}

void cli_parse_command(struct cli *cli, int argc, char **argv)
{
    static const struct argp_child children[] = { { &connection_argp, 0, NULL, 0 }, { 0 } };
    struct cli_text doc = { .data = NULL };
    struct argp argp = { .options = cli->command->options,
                         .parser = parse_command,
                         .args_doc = cli->command->args_doc,
                         .children = children };
    error_t r;

    hide_numbers(cli, argc, argv);
    cli_text_printf(&doc, "%s.\v%s", cli->command->summary,
                    cli->command->doc ? cli->command->doc : "");
    argp.doc = cli_text_string(&doc);
    cli->args = calloc((size_t)argc + 1, sizeof(*cli->args));
    cli->permuted = calloc((size_t)argc + 1, sizeof(*cli->permuted));
    if (!cli->args || !cli->permuted || doc.is_failed)
        exit_without_memory();
    memcpy((void *)cli->permuted, (const void *)cli->argv, (size_t)argc * sizeof(*cli->argv));
    r = argp_parse(&argp, argc, cli->permuted, 0, NULL, cli);
    if (r != 0) {
        cli_complain("The options could not be read: %s.", strerror(r));
        exit(CLI_LOCAL);
    }
    cli_text_fini(&doc);
}

bool cli_parse_time(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "", 1000 },   { "ms", 1 },      { "s", 1000 },
                  { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    unsigned long long number;
    char *end;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || !isdigit((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < TN_ARRAY_LEN(units); i++) {
        if (strcmp(end, units[i].name) == 0)
            return !__builtin_mul_overflow(number, units[i].ms, ret_ms);
    }
    return false;
}

bool cli_parse_int(const char *what, const char *text, int64_t *ret_number)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || isspace((unsigned char)text[0])) {
        cli_complain("The %s is a whole number, not \"%s\".", what, text);
        return false;
    }
    *ret_number = number;
    return true;
}

bool cli_is_slice(const char *text)
{
    return strchr(text, ':') != NULL;
}

bool cli_parse_slice(const char *text, struct cli_slice *ret_slice)
{
    int64_t bounds[3] = { 0 };
    bool is_there[3] = { false };
    const char *at = text;
    bool is_good = true;

    for (int n = 0; is_good && n < 3; n++) {
        char *end = (char *)(uintptr_t)at;

        errno = 0;
        is_there[n] = *at != ':' && *at != '\0';
        if (is_there[n])
            bounds[n] = strtoll(at, &end, 10);
        is_good = errno == 0 && (*end == ':' || *end == '\0') && (end > at || !is_there[n]);
        at = *end == ':' && n < 2 ? end + 1 : end;
    }
    if (!is_good || *at != '\0' || (is_there[2] && bounds[2] == 0)) {
        cli_complain("A slice is START:STOP or START:STOP:STEP, where each may be left out and the "
                     "step is not 0, not \"%s\".",
                     text);
        return false;
    }
    ret_slice->step = is_there[2] ? bounds[2] : 1;
    ret_slice->start = is_there[0] ? bounds[0] : ret_slice->step > 0 ? 0 : TN_TO_END;
    ret_slice->stop = is_there[1] ? bounds[1] : TN_TO_END;
    return true;
}
