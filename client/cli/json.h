/* SPDX-License-Identifier: MIT */
/*
 * Values as JSON, in and out. The mapping is the manual's (tenure(1), VALUES):
 *
 *   none bool int float str list dict     null true 1 1.5 "s" [...] {"k": ...}
 *   tuple                                 {"$tuple": [...]}
 *   bytes                                 {"$bytes": "base64"}
 *   nan, inf, -inf                        {"$float": "nan"}
 *   dict with other keys than strings,    {"$dict": [[key, value], ...]}
 *     or with one that begins with $
 *   record                                {"$record": ["Class", {"x": 1}]}; in: the name
 *     (other names, or cut off: pairs)      that the class has, or {"$name": ...}
 *   class                                 {"$class": "Class"}     out only
 *   what is referred to more than once    {"$id": 1, "$value": ...}, then {"$ref": 1}
 *   the object that a name refers to      {"$name": "x"}      in only
 *   what an earlier step returned         {"$step": 0}        in batches only
 *   what was cut off                      {"$handle": "list"} out only
 *
 * Writing never recurses. Reading recurses at most CLI_JSON_DEPTH_MAX deep.
 */
#ifndef TN_CLIENT_CLI_JSON_H
#define TN_CLIENT_CLI_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <tenure/tenure.h>

#include "client/cli/text.h"

#define CLI_JSON_DEPTH_MAX 1000

/* What reading needs besides the text. */
struct cli_json_input {
    tn_values *values; /* where what is read goes */
    /* Returns 0 and a handle, which is released by the reader, to the object of a
     * name; or a negative tn_errno. NULL: names are not allowed here. */
    int (*find_name)(void *arg, const char *name, tn_handle **ret_handle);
    void *arg;
    int n_steps; /* of a batch, to which {"$step": n} may refer; 0: none */
    /* [out] what is wrong, a sentence */
    char message[320];
};

/*
 * Reads one value. Returns 0; TN_EINVAL and a message if the text is not JSON, or
 * JSON that means no value; TN_EOVERFLOW and a message for an int beyond 64 bits;
 * or what find_name() returned, without a message.
 */
int cli_json_read(struct cli_json_input *input, const char *text, size_t len, tn_value *ret_value);

/* The same for what has been parsed. `json` is borrowed. */
int cli_json_read_parsed(struct cli_json_input *input, const json_t *json, tn_value *ret_value);

/* Parses a text as one JSON value that the caller unrefs; NULL with a message. */
json_t *cli_json_parse(const char *text, size_t len, char *message, size_t message_size,
                       bool *ret_is_overflow);

/* How values are written. */
enum cli_style {
    CLI_STYLE_JSON,   /* on one line */
    CLI_STYLE_PRETTY, /* JSON, indented by two */
    CLI_STYLE_PYTHON, /* as Python's repr() would; cycles as "[...]" */
};

/* Appends a value. Returns 0, or TN_ENOMEM. */
int cli_value_write(struct cli_text *text, tn_value value, enum cli_style style);

/* Appends a string in JSON's quotes. */
void cli_json_put_string(struct cli_text *text, const char *data, size_t len);

#endif
