/* SPDX-License-Identifier: MIT */
/* Arrays as JSON, for json_read.c and json_write.c. */
#ifndef TN_CLIENT_CLI_JSON_ARRAY_H
#define TN_CLIENT_CLI_JSON_ARRAY_H

#include "client/cli/json.h"

/* Where it is said what is wrong. */
struct cli_json_problem {
    char *message;
    size_t size;
};

/* The format of this name, or TN_FORMAT_NONE. */
tn_format cli_format_of(const char *name);

/* Reads what stands in {"$array": ...}. 0, TN_ENOMEM, or TN_EINVAL with a message. */
int cli_json_read_array(const json_t *json, tn_values *values,
                        const struct cli_json_problem *problem, tn_value *ret_value);

/* Appends an array, in JSON or as Python would show it. */
void cli_json_put_array(struct cli_text *text, tn_value array, bool is_python);

#endif
