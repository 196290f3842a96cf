/* SPDX-License-Identifier: MIT */
/*
 * JSON from a user: whatever is accepted can be written, and what was written is
 * read as the same value, of which the same is written.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tenure/tenure.h>

#include "client/cli/json.h"
#include "core/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads JSON into a table and writes it; false if it is refused. */
static bool read_and_write(tn_values *values, const char *json, size_t len, enum cli_style style,
                           struct cli_text *ret_text)
{
    struct cli_json_input input = { .values = values, .n_steps = 3 };
    tn_value value;
    int r = cli_json_read(&input, json, len, &value);

    if (r < 0) {
        TN_ASSERT(input.message[0] != '\0');
        return false;
    }
    TN_ASSERT(input.message[0] == '\0');
    r = cli_value_write(ret_text, value, style);
    TN_ASSERT(r == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_values *values = tn_values_new();
    struct cli_text first = { .data = NULL };
    struct cli_text second = { .data = NULL };
    struct cli_text shown = { .data = NULL };

    /* {"$step": n}, however it is spelt, is written as null and does not come back. */
    if (read_and_write(values, (const char *)data, size, CLI_STYLE_JSON, &first) &&
        !memmem(data, size, "$step", 5) && !memmem(data, size, "\\u", 2)) {
        bool is_read;

        tn_values_clear(values);
        is_read = read_and_write(values, first.data, first.len, CLI_STYLE_JSON, &second);
        /* A tuple that is reached first on a cycle cannot be read back. */
        if (is_read) {
            TN_ASSERT(first.len == second.len);
            TN_ASSERT(memcmp(first.data, second.data, first.len) == 0);
        } else {
            TN_ASSERT(memmem(first.data, first.len, "$ref", 4));
        }
        tn_values_clear(values);
        is_read = read_and_write(values, (const char *)data, size, CLI_STYLE_PYTHON, &shown);
        TN_ASSERT(is_read);
    }
    cli_text_fini(&first);
    cli_text_fini(&second);
    cli_text_fini(&shown);
    tn_values_free(&values);
    return 0;
}
