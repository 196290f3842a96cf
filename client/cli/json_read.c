/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/json.h"

/* {"$id": n, "$value": ...}: what {"$ref": n} refers to. */
struct anchor {
    json_int_t id;
    tn_value value; /* invalid as long as it cannot be referred to */
};

struct reader {
    struct cli_json_input *input;
    struct anchor *anchors;
    size_t n_anchors;
    size_t cap_anchors;
    int depth;
};

/* What a value is known by before it is complete. */
#define NO_ANCHOR SIZE_MAX

TN_PRINTF(2, 3) static int fail(struct reader *reader, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reader->input->message, sizeof(reader->input->message), format, args);
    va_end(args);
    return TN_EINVAL;
}

/* What reads a value reads the values in it. `depth` bounds how deep.
 * NOLINTBEGIN(misc-no-recursion) */

static int read_value(struct reader *reader, const json_t *json, size_t anchor,
                      tn_value *ret_value);

/* A container exists before what is in it, so that this can refer back to it. */
static void announce(struct reader *reader, size_t anchor, tn_value value)
{
    if (anchor != NO_ANCHOR)
        reader->anchors[anchor].value = value;
}

static int read_list(struct reader *reader, const json_t *json, size_t anchor, tn_value *ret_value)
{
    tn_value list = tn_value_list(reader->input->values);
    tn_value item;

    announce(reader, anchor, list);
    for (size_t i = 0; i < json_array_size(json); i++) {
        int r = read_value(reader, json_array_get(json, i), NO_ANCHOR, &item);

        if (r == 0)
            r = tn_value_append(list, item);
        if (r < 0)
            return r;
    }
    *ret_value = list;
    return 0;
}

static int read_tuple(struct reader *reader, const json_t *json, size_t anchor, tn_value *ret_value)
{
    size_t n = json_array_size(json);
    tn_value *items = NULL;
    int r = 0;

    if (!json_is_array(json))
        return fail(reader, "{\"$tuple\": ...} needs an array, as in {\"$tuple\": [1, 2]}.");
    if (n > 0) {
        items = calloc(n, sizeof(*items));
        if (!items)
            return TN_ENOMEM;
    }
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_value(reader, json_array_get(json, i), NO_ANCHOR, &items[i]);
    if (r == 0) {
        *ret_value = tn_value_tuple(reader->input->values, items, n);
        announce(reader, anchor, *ret_value);
    }
    free(items);
    return r;
}

/* Adds the entries of an object to a dict, or the attributes to a record. */
static int read_entries(struct reader *reader, const json_t *json, tn_value container)
{
    bool is_record = tn_value_kind(container) == TN_KIND_RECORD;
    const char *key;
    json_t *item;
    tn_value value;

    /* Iterating does not change it, but jansson has no const iterators. */
    json_object_foreach((json_t *)(uintptr_t)json, key, item)
    {
        int r = read_value(reader, item, NO_ANCHOR, &value);

        if (r == 0)
            r = is_record ? tn_value_set_attr(container, key, value)
                          : tn_value_set_str(container, key, value);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_object(struct reader *reader, const json_t *json, size_t anchor,
                       tn_value *ret_value)
{
    *ret_value = tn_value_dict(reader->input->values);
    announce(reader, anchor, *ret_value);
    return read_entries(reader, json, *ret_value);
}

static int read_pairs(struct reader *reader, const json_t *json, size_t anchor, tn_value *ret_value)
{
    tn_value dict = tn_value_dict(reader->input->values);
    tn_value key = { .values = NULL };
    tn_value value = { .values = NULL };
    int r = 0;

    if (!json_is_array(json))
        return fail(reader, "{\"$dict\": ...} needs an array of [key, value] pairs.");
    announce(reader, anchor, dict);
    for (size_t i = 0; i < json_array_size(json) && r == 0; i++) {
        const json_t *pair = json_array_get(json, i);

        if (json_array_size(pair) != 2)
            return fail(reader, "Entry %zu of a {\"$dict\": ...} is not a [key, value] pair.", i);
        r = read_value(reader, json_array_get(pair, 0), NO_ANCHOR, &key);
        if (r == 0)
            r = read_value(reader, json_array_get(pair, 1), NO_ANCHOR, &value);
        if (r == 0)
            r = tn_value_set(dict, key, value);
    }
    *ret_value = dict;
    return r;
}

static int read_bytes(struct reader *reader, const json_t *json, tn_value *ret_value)
{
    struct cli_text bytes = { .data = NULL };
    bool is_failed;

    if (!json_is_string(json) ||
        !cli_text_append_from_base64(&bytes, json_string_value(json), json_string_length(json))) {
        cli_text_fini(&bytes);
        return fail(reader, "{\"$bytes\": ...} needs a string in base64.");
    }
    if (!bytes.is_failed)
        *ret_value = tn_value_bytes(reader->input->values, cli_text_string(&bytes), bytes.len);
    is_failed = bytes.is_failed;
    cli_text_fini(&bytes);
    return is_failed ? TN_ENOMEM : 0;
}

static int read_float(struct reader *reader, const json_t *json, tn_value *ret_value)
{
    const char *text = json_string_value(json);
    double real;

    if (text && strcmp(text, "nan") == 0)
        real = (double)NAN;
    else if (text && strcmp(text, "inf") == 0)
        real = (double)INFINITY;
    else if (text && strcmp(text, "-inf") == 0)
        real = -(double)INFINITY;
    else
        return fail(reader, "{\"$float\": ...} is \"nan\", \"inf\" or \"-inf\"; write other "
                            "numbers as they are.");
    *ret_value = tn_value_float(reader->input->values, real);
    return 0;
}

static int read_anchor(struct reader *reader, const json_t *json, tn_value *ret_value)
{
    const json_t *id = json_object_get(json, "$id");
    const json_t *value = json_object_get(json, "$value");

    if (!json_is_integer(id) || !value || json_object_size(json) != 2)
        return fail(reader, "{\"$id\": n, \"$value\": ...} has these two entries, and n is a "
                            "number.");
    for (size_t i = 0; i < reader->n_anchors; i++) {
        if (reader->anchors[i].id == json_integer_value(id))
            return fail(reader, "{\"$id\": %" JSON_INTEGER_FORMAT "} comes twice.",
                        json_integer_value(id));
    }
    if (reader->n_anchors == reader->cap_anchors) {
        size_t cap = reader->cap_anchors < 16 ? 16 : reader->cap_anchors * 2;
        struct anchor *anchors = reallocarray(reader->anchors, cap, sizeof(*anchors));

        if (!anchors)
            return TN_ENOMEM;
        reader->anchors = anchors;
        reader->cap_anchors = cap;
    }
    reader->anchors[reader->n_anchors] =
        (struct anchor){ .id = json_integer_value(id),
                         .value = { .values = NULL, .node = UINT32_MAX } };
    return read_value(reader, value, reader->n_anchors++, ret_value);
}

static int read_ref(struct reader *reader, const json_t *json, tn_value *ret_value)
{
    if (!json_is_integer(json))
        return fail(reader, "{\"$ref\": n} needs a number.");
    for (size_t i = 0; i < reader->n_anchors; i++) {
        if (reader->anchors[i].id != json_integer_value(json))
            continue;
        if (!tn_value_is_valid(reader->anchors[i].value))
            return fail(reader,
                        "{\"$ref\": %" JSON_INTEGER_FORMAT "} stands inside the tuple that it "
                        "refers to; begin with the list or dict on the cycle.",
                        json_integer_value(json));
        *ret_value = reader->anchors[i].value;
        return 0;
    }
    return fail(reader,
                "{\"$ref\": %" JSON_INTEGER_FORMAT "} comes before a {\"$id\": "
                "%" JSON_INTEGER_FORMAT ", \"$value\": ...}.",
                json_integer_value(json), json_integer_value(json));
}

static int read_name(struct reader *reader, const json_t *json, tn_value *ret_value)
{
    struct cli_json_input *input = reader->input;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    int r;

    if (!json_is_string(json))
        return fail(reader, "{\"$name\": ...} needs a string.");
    if (!input->find_name)
        return fail(reader, "{\"$name\": ...} is not possible here.");
    r = input->find_name(input->arg, json_string_value(json), &handle);
    if (r < 0)
        return r;
    *ret_value = tn_value_handle(input->values, handle);
    return 0;
}

static int read_step(struct reader *reader, const json_t *json, tn_value *ret_value)
{
    json_int_t step = json_is_integer(json) ? json_integer_value(json) : -1;

    if (reader->input->n_steps == 0)
        return fail(reader, "{\"$step\": n} is only possible in a batch, behind its first step.");
    if (step < 0 || step >= reader->input->n_steps)
        return fail(reader, "{\"$step\": n} needs the number of an earlier step, here 0 to %d.",
                    reader->input->n_steps - 1);
    *ret_value = tn_value_result(reader->input->values, (int)step);
    return 0;
}

/* The class of a record: what its name refers to, or a reference of another kind. */
static int read_class(struct reader *reader, const json_t *json, tn_value *ret_class)
{
    int r = json_is_string(json) ? read_name(reader, json, ret_class)
                                 : read_value(reader, json, NO_ANCHOR, ret_class);

    if (r < 0)
        return r;
    if (tn_value_kind(*ret_class) != TN_KIND_HANDLE && tn_value_kind(*ret_class) != TN_KIND_RESULT)
        return fail(reader,
                    "The class of a {\"$record\": [CLASS, ...]} is the name that it has, or "
                    "{\"$name\": ...}.");
    return 0;
}

/* The attributes of a record whose names cannot stand in an object. */
static int read_attr_pairs(struct reader *reader, const json_t *json, tn_value record)
{
    tn_value value;
    int r = 0;

    for (size_t i = 0; i < json_array_size(json) && r == 0; i++) {
        const json_t *pair = json_array_get(json, i);
        const char *name = json_string_value(json_array_get(pair, 0));

        if (!name || json_array_size(pair) != 2)
            return fail(reader,
                        "Attribute %zu of a {\"$record\": ...} is not a [\"name\", value] "
                        "pair.",
                        i);
        r = read_value(reader, json_array_get(pair, 1), NO_ANCHOR, &value);
        if (r == 0)
            r = tn_value_set_attr(record, name, value);
    }
    return r;
}

static int read_record(struct reader *reader, const json_t *json, size_t anchor,
                       tn_value *ret_value)
{
    const json_t *attributes = json_array_get(json, 1);
    tn_value class_value;
    int r;

    if (json_array_size(json) != 2 || !(json_is_object(attributes) || json_is_array(attributes)))
        return fail(reader, "{\"$record\": ...} needs a class and attributes, as in {\"$record\": "
                            "[\"Point\", {\"x\": 1}]}.");
    r = read_class(reader, json_array_get(json, 0), &class_value);
    if (r < 0)
        return r;
    *ret_value = tn_value_record(reader->input->values, class_value);
    announce(reader, anchor, *ret_value);
    return json_is_object(attributes) ? read_entries(reader, attributes, *ret_value)
                                      : read_attr_pairs(reader, attributes, *ret_value);
}

/* Whether an object has a key that makes it something else than a dict. */
static const char *tag_of(const json_t *json)
{
    const char *key;
    json_t *item;

    json_object_foreach((json_t *)(uintptr_t)json, key, item)
    {
        if (key[0] == '$')
            return key;
    }
    return NULL;
}

static int read_tagged(struct reader *reader, const json_t *json, const char *tag, size_t anchor,
                       tn_value *ret_value)
{
    const json_t *value = json_object_get(json, tag);

    if (strcmp(tag, "$id") == 0 || strcmp(tag, "$value") == 0)
        return read_anchor(reader, json, ret_value);
    if (json_object_size(json) != 1)
        return fail(reader,
                    "The key \"%s\" has a meaning of its own and cannot stand beside others; "
                    "write a dict with such keys as {\"$dict\": [[key, value], ...]}.",
                    tag);
    if (strcmp(tag, "$tuple") == 0)
        return read_tuple(reader, value, anchor, ret_value);
    if (strcmp(tag, "$dict") == 0)
        return read_pairs(reader, value, anchor, ret_value);
    if (strcmp(tag, "$record") == 0)
        return read_record(reader, value, anchor, ret_value);
    if (strcmp(tag, "$bytes") == 0)
        return read_bytes(reader, value, ret_value);
    if (strcmp(tag, "$float") == 0)
        return read_float(reader, value, ret_value);
    if (strcmp(tag, "$ref") == 0)
        return read_ref(reader, value, ret_value);
    if (strcmp(tag, "$name") == 0)
        return read_name(reader, value, ret_value);
    if (strcmp(tag, "$step") == 0)
        return read_step(reader, value, ret_value);
    if (strcmp(tag, "$class") == 0)
        return fail(reader,
                    "{\"$class\": ...} says what a class is called, which more than one may "
                    "be; refer to it with {\"$name\": ...}.");
    if (strcmp(tag, "$handle") == 0)
        return fail(reader, "{\"$handle\": ...} marks what was cut off and cannot be stored; "
                            "refer to an object with {\"$name\": ...}.");
    return fail(reader,
                "\"%s\" is not one of the keys with a meaning of their own; write a dict with "
                "keys that begin with $ as {\"$dict\": [[key, value], ...]}.",
                tag);
}

static int read_nested(struct reader *reader, const json_t *json, size_t anchor,
                       tn_value *ret_value)
{
    const char *tag;
    int r;

    if (reader->depth >= CLI_JSON_DEPTH_MAX)
        return fail(reader,
                    "The JSON is nested more than %d levels deep; build such a value step "
                    "by step.",
                    CLI_JSON_DEPTH_MAX);
    reader->depth++;
    if (json_is_array(json)) {
        r = read_list(reader, json, anchor, ret_value);
    } else {
        tag = tag_of(json);
        r = tag ? read_tagged(reader, json, tag, anchor, ret_value)
                : read_object(reader, json, anchor, ret_value);
    }
    reader->depth--;
    return r;
}

static int read_value(struct reader *reader, const json_t *json, size_t anchor, tn_value *ret_value)
{
    tn_values *values = reader->input->values;
    int r = 0;

    switch (json_typeof(json)) {
    case JSON_NULL:
        *ret_value = tn_value_none(values);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        *ret_value = tn_value_bool(values, json_is_true(json));
        break;
    case JSON_INTEGER:
        *ret_value = tn_value_int(values, json_integer_value(json));
        break;
    case JSON_REAL:
        *ret_value = tn_value_float(values, json_real_value(json));
        break;
    case JSON_STRING:
        *ret_value = tn_value_str_n(values, json_string_value(json), json_string_length(json));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        r = read_nested(reader, json, anchor, ret_value);
        break;
    }
    if (r == 0)
        announce(reader, anchor, *ret_value);
    return r;
}

/* NOLINTEND(misc-no-recursion) */

int cli_json_read_parsed(struct cli_json_input *input, const json_t *json, tn_value *ret_value)
{
    struct reader reader = { .input = input };
    int r;

    input->message[0] = '\0';
    r = read_value(&reader, json, NO_ANCHOR, ret_value);
    free(reader.anchors);
    if (r < 0)
        return r;
    return tn_values_error(input->values);
}

/* Whether somebody may have meant a text. */
static bool is_bare_word(const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    return len > 0 && isalpha((unsigned char)*text);
}

json_t *cli_json_parse(const char *text, size_t len, char *message, size_t message_size,
                       bool *ret_is_overflow)
{
    json_error_t error;
    json_t *json =
        json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    *ret_is_overflow = false;
    if (json)
        return json;
    switch (json_error_code(&error)) {
    case json_error_numeric_overflow:
        *ret_is_overflow = true;
        (void)snprintf(message, message_size,
                       "The number that ends at line %d, column %d does not fit: an int has 64 "
                       "bits, a float a largest value.",
                       error.line, error.column);
        break;
    case json_error_stack_overflow:
        (void)snprintf(message, message_size,
                       "The JSON is nested more than %d levels deep; build such a value step by "
                       "step.",
                       CLI_JSON_DEPTH_MAX);
        break;
    case json_error_out_of_memory:
        (void)snprintf(message, message_size, "There is no memory left for the JSON.");
        break;
    default:
        (void)snprintf(message, message_size, "That is not JSON: %s (line %d, column %d).%s",
                       error.text, error.line, error.column,
                       is_bare_word(text, len) ? " A text needs quotes, as in '\"text\"'." : "");
    }
    return NULL;
}

int cli_json_read(struct cli_json_input *input, const char *text, size_t len, tn_value *ret_value)
{
    bool is_overflow;
    json_t *json = cli_json_parse(text, len, input->message, sizeof(input->message), &is_overflow);
    int r;

    if (!json)
        return is_overflow ? TN_EOVERFLOW : TN_EINVAL;
    r = cli_json_read_parsed(input, json, ret_value);
    json_decref(json);
    return r;
}
