/* SPDX-License-Identifier: MIT */
/* See problem.h. */
#include "server/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/check.h"

int tn_problem_set(struct tn_problem *problem, int err, const char *format, ...)
{
    va_list args;

    TN_ASSERT(err < 0);
    if (problem == NULL || problem->text[0] != '\0')
        return err;
    va_start(args, format);
    (void)vsnprintf(problem->text, sizeof(problem->text), format, args); /* cut off is fine */
    va_end(args);
    return err;
}
