/* SPDX-License-Identifier: MIT */
/* Why the daemon cannot start, in words for the person who starts it. */
#ifndef TN_SERVER_PROBLEM_H
#define TN_SERVER_PROBLEM_H

#include "core/base/attr.h"

#define TN_PROBLEM_TEXT_SIZE 512

struct tn_problem {
    char text[TN_PROBLEM_TEXT_SIZE]; /* one sentence; empty if there is no problem */
};

/* States the problem and returns `err`, which must be negative. A problem that
 * has been stated already stays: the first one is the cause. `problem` may be
 * NULL. Any thread. */
TN_COLD TN_PRINTF(3, 4) int tn_problem_set(struct tn_problem *problem, int err, const char *format,
                                           ...);

#endif
