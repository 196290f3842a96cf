/* SPDX-License-Identifier: MIT */
/*
 * Lines typed into the shell: each ends in success or in a sentence, whatever it
 * is. There is no server, so everything that needs one fails.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tenure/tenure.h>

#include "client/cli/shell.h"
#include "core/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli cli = { .client = NULL };
    struct shell shell = { .cli = &cli, .values = tn_values_new() };
    char *text = malloc(size + 1);
    char *rest = text;
    char *line;

    TN_ASSERT(text && shell.values);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    while ((line = strsep(&rest, "\n"))) {
        if (shell_execute(&shell, line) < 0) {
            TN_ASSERT(shell.code != 0);
            TN_ASSERT(shell.message[0] != '\0');
        }
        TN_ASSERT(tn_values_count(shell.values) == 0);
        TN_ASSERT(shell.n_variables == 0);
    }
    cli_text_fini(&shell.out);
    tn_values_free(&shell.values);
    free(text);
    return 0;
}
