/* SPDX-License-Identifier: MIT */
/*
 * A file that comes into being as a whole: it is written beside the place where it
 * will be, and put there when it is complete. If that does not happen, also because the
 * program is interrupted, nothing is left, and what was there before is untouched.
 * Standard output ("-"), devices and pipes are written as they are.
 */
#ifndef TN_CLIENT_CLI_OUTFILE_H
#define TN_CLIENT_CLI_OUTFILE_H

#include <stddef.h>

#include "core/base/attr.h"

struct cli_outfile {
    const char *path; /* borrowed */
    char *partial;    /* owned; NULL: written as it is */
    int fd;           /* -1: not open */
};

/* Each returns an exit code. One file at a time. */
TN_MUST_CHECK int cli_outfile_open(struct cli_outfile *file, const char *path);
TN_MUST_CHECK int cli_outfile_write(struct cli_outfile *file, const void *data, size_t size);
TN_MUST_CHECK int cli_outfile_commit(struct cli_outfile *file);

/* Removes what has been written, unless it was committed. */
void cli_outfile_fini(struct cli_outfile *file);

#endif
