/* SPDX-License-Identifier: MIT */
/*
 * A progress bar on standard error, for those who look on: it is drawn only on a
 * terminal, and not with --quiet or --json.
 */
#ifndef TN_CLIENT_CLI_PROGRESS_H
#define TN_CLIENT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/cli/cli.h"

struct cli_progress {
    const char *what; /* borrowed */
    uint64_t n_total; /* bytes; TN_SIZE_UNKNOWN */
    uint64_t began_ns;
    uint64_t drawn_ns; /* 0: never yet */
    bool is_drawn;     /* at all */
};

void cli_progress_begin(struct cli_progress *progress, const struct cli *cli, const char *what,
                        uint64_t n_total);

/* Draws it anew, at most some ten times a second. */
void cli_progress_update(struct cli_progress *progress, uint64_t n_done);

/* Wipes it, so that what is printed afterwards stands alone. */
void cli_progress_end(struct cli_progress *progress);

#endif
