/* SPDX-License-Identifier: MIT */
#include "core/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void tn_check_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}
