/* SPDX-License-Identifier: MIT */
/*
 * Running a program to its end, with what it reads and writes.
 *
 * Asserts with cmocka: on the test's own thread only.
 */
#ifndef TN_TESTS_SUPPORT_COMMAND_H
#define TN_TESTS_SUPPORT_COMMAND_H

#include <stdarg.h>
#include <stddef.h>

struct command_result {
    int exit_code; /* -1: ended by a signal */
    char *out;     /* NUL-terminated */
    size_t out_len;
    char *err; /* NUL-terminated */
};

/*
 * Runs a program with arguments (NULL at the end), which finds the server at
 * `endpoint` and reads `input` (NULL: nothing). The environment is ours, with
 * TENURE_ENDPOINT, with HOME at a place that does not exist, and without what else
 * would change its behaviour.
 */
struct command_result command_run(const char *program, const char *const *args,
                                  const char *endpoint, const char *input);

/* The same with arguments one by one, NULL at the end. */
struct command_result command_run_va(const char *program, const char *endpoint, const char *input,
                                     va_list args);

void command_result_free(struct command_result *result);

#endif
