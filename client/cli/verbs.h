/* SPDX-License-Identifier: MIT */
/* The verbs of `tenure list`, `dict`, `class` and `attr`: VERB NAME [ARGUMENT...]. */
#ifndef TN_CLIENT_CLI_VERBS_H
#define TN_CLIENT_CLI_VERBS_H

#include "client/cli/cli.h"

struct cli_verb {
    const char *name;
    const char *args_doc; /* behind the verb */
    int min_args;         /* behind the verb */
    int max_args;         /* -1: any number */
    int (*run)(struct cli *cli, tn_target target, char **args, int n_args);
};

/* Runs the verb that the arguments name. The table ends with an entry of zeros.
 * Returns an exit code. */
int cli_run_verb(struct cli *cli, const struct cli_verb *verbs);

/* Verbs that work alike for both. */
int cli_verb_len(struct cli *cli, tn_target target, char **args, int n_args);

/* Prints true or false; CLI_NO if it is false. */
int cli_print_truth(bool truth);

/* Whether a container has a value (or key); prints it and returns an exit code. */
int cli_contains(struct cli *cli, tn_target target, tn_value value);

/* Prints what is left of a scan, one line each: KEY, or [KEY, VALUE]. Returns an exit
 * code. */
int cli_print_entries(struct cli *cli, tn_dict_iter *iter, bool keys_only);

/* Prints a length with --json, nothing otherwise. Returns an exit code. */
int cli_print_length(const struct cli *cli, uint64_t length);

#endif
