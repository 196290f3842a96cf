/* SPDX-License-Identifier: MIT */
/*
 * The command: what its subcommands share. Each is a `struct cli_command` in a
 * cmd_<name>.c, and a line of the table in main.c.
 *
 * Functions that return an exit code have already said on standard error what is
 * wrong if it is not 0. Results go to standard output and nothing else does.
 */
#ifndef TN_CLIENT_CLI_CLI_H
#define TN_CLIENT_CLI_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tenure/tenure.h>

#include "client/cli/json.h"
#include "client/cli/text.h"
#include "core/base/attr.h"

/* The exit codes, as documented in tenure(1). */
enum cli_exit {
    CLI_OK = 0,
    CLI_NO = 1,         /* the answer is no: not found, false, a condition does not hold */
    CLI_USAGE = 2,      /* wrong usage, or a value that is not valid */
    CLI_REFUSED = 3,    /* the server refused */
    CLI_CONNECTION = 4, /* no server, connection lost, deadline passed */
    CLI_LOCAL = 5,      /* no memory, a file that cannot be read, output that cannot be written */
};

/* Options of subcommands. Those with a letter in this range have only a long form. */
enum cli_option {
    CLI_OPT_ABSENT = 256,
    CLI_OPT_IF_VERSION,
    CLI_OPT_DEPTH,
    CLI_OPT_NODES,
    CLI_OPT_BYTES,
    CLI_OPT_PRETTY,
    CLI_OPT_DEEP,
    CLI_OPT_KEEP_GOING,
    CLI_OPT_AS_BYTES,
    CLI_OPT_TIMEOUT,
    CLI_OPT_ONCE,
    CLI_OPT_HOLDERS,
    CLI_OPT_TYPE,
    CLI_OPT_KINDS,
    CLI_OPT_PREFIX,
    CLI_OPT_CLASS,
    CLI_OPT_LIFE,
    CLI_OPT_COUNT,
    CLI_OPT_QUEUE,
    CLI_OPT_ALL_NAMESPACES,
    CLI_OPT_BASE,
    CLI_OPT_DICT,
    CLI_OPT_FINALIZER,
    CLI_OPT_WEAK,
    CLI_OPT_SOFT,
    CLI_OPT_TTL,
    CLI_OPT_RAW = 'r',
    CLI_OPT_LONG = 'l',
    CLI_OPT_QUIET = 'q',
};

/* Rows for a subcommand's options. */
#define CLI_OPTIONS_REQUIRE                                                                        \
    { "absent", CLI_OPT_ABSENT, NULL, 0, "Only if the name is not bound", 0 },                     \
    {                                                                                              \
        "if-version", CLI_OPT_IF_VERSION, "N", 0, "Only if the name has this version", 0           \
    }
#define CLI_OPTIONS_LIFETIME                                                                       \
    { "soft", CLI_OPT_SOFT, NULL, 0, "Unbind the name when the server is short of memory", 0 },    \
    {                                                                                              \
        "ttl", CLI_OPT_TTL, "TIME", 0,                                                             \
            "Unbind the name after this time: 90, 500ms, 5s, 10m, 2h, 7d", 0                       \
    }
#define CLI_OPTIONS_WANT                                                                           \
    { "depth", CLI_OPT_DEPTH, "N", 0, "Cut off containers nested more deeply than N", 0 },         \
        { "nodes", CLI_OPT_NODES, "N", 0, "Cut off containers beyond N values", 0 },               \
        { "bytes", CLI_OPT_BYTES, "N", 0, "Cut off texts beyond N bytes", 0 },                     \
    {                                                                                              \
        "pretty", CLI_OPT_PRETTY, NULL, 0, "Print on several lines, indented", 0                   \
    }

struct cli_command;

struct cli {
    const struct cli_command *command;
    /* From the options that every subcommand has. */
    char *endpoint; /* owned; NULL: the usual places */
    const char *socket_path;
    const char *host;
    const char *port;
    const char *namespace_name;
    uint32_t timeout_ms;
    bool json;
    /* From the options that some have. */
    tn_want want;
    bool is_limited; /* `want` states limits of the user's */
    bool has_require;
    tn_require require;
    tn_lifetime lifetime;
    bool pretty;
    bool raw;
    bool as_bytes;
    bool deep;
    bool is_long;
    bool keep_going;
    bool quiet;
    bool once;
    bool holders;
    const char *type; /* of --type; NULL: not given */
    tn_subscribe_options watch;
    const char *kinds; /* as they were written; NULL: all */
    const char *life;  /* the class whose life is watched */
    uint64_t count;    /* of events, then it is enough; 0: never */
    tn_class_spec class_spec;

    char **argv;     /* owned, and so is what it points to */
    char **permuted; /* the same, as argp orders it */
    int n_args;
    char **args; /* of these, those that are no options */

    tn_client *client; /* open while a subcommand runs, unless it is `is_local` */
    tn_values *values; /* for what is read and received */
};

struct cli_command {
    const char *name;
    const char *args_doc;              /* "NAME [VALUE]" */
    const char *summary;               /* one line, without a full stop */
    const char *doc;                   /* more for --help; may be NULL */
    const struct argp_option *options; /* may be NULL */
    int min_args;
    int max_args; /* -1: any number */
    int (*run)(struct cli *cli);
};

extern const struct cli_command cli_cmd_ping, cli_cmd_put, cli_cmd_get, cli_cmd_set, cli_cmd_del,
    cli_cmd_ls, cli_cmd_bind, cli_cmd_lookup, cli_cmd_refcount, cli_cmd_id, cli_cmd_type,
    cli_cmd_sizeof, cli_cmd_describe, cli_cmd_list, cli_cmd_deque, cli_cmd_dict, cli_cmd_sets,
    cli_cmd_array, cli_cmd_put_file, cli_cmd_get_file, cli_cmd_class, cli_cmd_new, cli_cmd_attr,
    cli_cmd_weakref, cli_cmd_ttl, cli_cmd_export, cli_cmd_import, cli_cmd_revoke, cli_cmd_batch,
    cli_cmd_info, cli_cmd_gc, cli_cmd_watch, cli_cmd_shell;

/* ---- args.c ---- */

/* Reads the options of a subcommand; does not return if they are wrong. */
void cli_parse_command(struct cli *cli, int argc, char **argv);

/* Frees what cli_parse_command() has made. */
void cli_free_args(struct cli *cli);

/* Reads the options in front of the subcommand, and returns where it is in argv;
 * does not return if they are wrong. `table` ends with NULL. */
int cli_parse_global(struct cli *cli, const struct cli_command *const *table, int argc,
                     char **argv);

/* A time such as "5s", in milliseconds: a number with ms, s, m, h or d behind it, or
 * without a unit of seconds. False if it is none. */
TN_MUST_CHECK bool cli_parse_time(const char *text, uint64_t *ret_ms);

/* A whole number in an argument; says what is wrong and returns false if it is none. */
TN_MUST_CHECK bool cli_parse_int(const char *what, const char *text, int64_t *ret_number);

/* A slice, as in Python: "1:9", ":", "::-1". */
struct cli_slice {
    int64_t start;
    int64_t stop;
    int64_t step;
};

/* Whether an argument is a slice and no index. */
bool cli_is_slice(const char *text);

/* A slice in an argument; says what is wrong and returns false if it is none. */
TN_MUST_CHECK bool cli_parse_slice(const char *text, struct cli_slice *ret_slice);

/* ---- support.c ---- */

/* Says what is wrong, with the name of the program in front. */
TN_PRINTF(1, 2) void cli_complain(const char *format, ...);

/* Says what is wrong with how the subcommand was called. Returns CLI_USAGE. */
TN_PRINTF(2, 3) int cli_fail_usage(const struct cli *cli, const char *format, ...);

/* Says why the last call failed. Returns the exit code that fits. */
int cli_fail(const struct cli *cli);

/* The same about `what`, a name of the user's: "x: No such name is bound...". */
int cli_fail_about(const struct cli *cli, const char *what);

/* The exit code for a negative tn_errno. */
int cli_exit_of(int err);

/* Connects, as the options say. Returns an exit code. */
TN_MUST_CHECK int cli_connect(struct cli *cli);

/* The text of an argument that is "-" comes from standard input. The caller frees
 * `ret_text`. Returns an exit code. */
TN_MUST_CHECK int cli_read_argument(const char *argument, struct cli_text *ret_text);

/* Reads a file, or standard input for "-", to its end. Returns an exit code. */
TN_MUST_CHECK int cli_read_file(const char *path, struct cli_text *ret_text);

/* The value that an argument states in JSON, "-" being standard input. Returns an
 * exit code. */
TN_MUST_CHECK int cli_value_of(struct cli *cli, const char *argument, tn_value *ret_value);

/* The key that an argument states: in JSON, or, if it is none, a str as it stands. */
TN_MUST_CHECK int cli_key_of(struct cli *cli, const char *argument, tn_value *ret_value);

/* Looks names up for cli_json_read(); `arg` is the struct cli. */
int cli_find_name(void *arg, const char *name, tn_handle **ret_handle);

/* Prints with --json what became of a name, nothing otherwise. Returns an exit code. */
TN_MUST_CHECK int cli_print_binding(const struct cli *cli, const tn_binding *binding);

/* "strong", "weak" or "soft". */
const char *cli_bind_kind_name(tn_bind_kind kind);

/* The precondition that the options state; NULL if they state none. */
const tn_require *cli_require(const struct cli *cli);

/* Prints a value and a newline, or with --raw the bytes of a str or bytes; says so
 * if the server has cut it off on its own. Returns an exit code. */
TN_MUST_CHECK int cli_print_value(struct cli *cli, tn_value value);

/* Prints a text, which is freed. Returns an exit code. */
TN_MUST_CHECK int cli_print_text(struct cli_text *take_text);

/* Sees that all output has been written. Returns an exit code. */
TN_MUST_CHECK int cli_finish_output(void);

#endif
