/* SPDX-License-Identifier: MIT */
/*
 * Assertions. They state what the code relies on and abort with file and line
 * where it does not hold. They never judge input: that is validated.
 */
#ifndef TN_CORE_BASE_CHECK_H
#define TN_CORE_BASE_CHECK_H

#include "core/base/attr.h"

#ifndef TN_DEBUG
#define TN_DEBUG 0
#endif

/* Writes one line to standard error and aborts. Any thread; does not return. */
TN_NORETURN TN_COLD void tn_check_fail(const char *what, const char *file, int line);

/* O(1) programming errors; stays on in release builds. */
#define TN_ASSERT(c)                                                                               \
    do {                                                                                           \
        if (TN_UNLIKELY(!(c)))                                                                     \
            tn_check_fail("assertion failed: " #c, __FILE__, __LINE__);                            \
    } while (0)

/* Checks on hot paths; compiled but never executed in release builds. */
#define TN_DEBUG_ASSERT(c)                                                                         \
    do {                                                                                           \
        if (TN_DEBUG)                                                                              \
            TN_ASSERT(c);                                                                          \
    } while (0)

#define TN_UNREACHABLE() tn_check_fail("reached what cannot be reached", __FILE__, __LINE__)

#endif
