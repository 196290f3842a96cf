/* SPDX-License-Identifier: MIT */
/* Arrays and bytearrays as JSON. */
#include "client/cli/json_array.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- In ---- */

tn_format cli_format_of(const char *name)
{
    for (int format = TN_FORMAT_I8; format <= TN_FORMAT_F64; format++)
        if (strcmp(tn_format_name((tn_format)format), name) == 0)
            return (tn_format)format;
    return TN_FORMAT_NONE;
}

static bool is_real(tn_format format)
{
    return format == TN_FORMAT_F32 || format == TN_FORMAT_F64;
}

static bool is_signed(tn_format format)
{
    return format == TN_FORMAT_I8 || format == TN_FORMAT_I16 || format == TN_FORMAT_I32 ||
           format == TN_FORMAT_I64;
}

/* Writes a number as an item; false if it is none that fits. */
static bool put_item(tn_format format, const json_t *number, char *item)
{
    int64_t integer = json_integer_value(number);
    size_t width = tn_format_width(format);
    unsigned n_bits = 8 * (unsigned)width;
    double real = json_number_value(number);
    float single = (float)real;

    if (is_real(format)) {
        if (!json_is_number(number) || (width == sizeof(single) && !isfinite(single)))
            return false;
        memcpy(item, width == sizeof(single) ? (const void *)&single : &real, width);
        return true;
    }
    if (!json_is_integer(number))
        return false;
    if (is_signed(format) && n_bits < 64 &&
        (integer < -(INT64_C(1) << (n_bits - 1)) || integer >= INT64_C(1) << (n_bits - 1)))
        return false;
    if (!is_signed(format) && (integer < 0 || (n_bits < 64 && integer >> n_bits != 0)))
        return false;
    memcpy(item, &integer, width);
    return true;
}

static int read_numbers(const json_t *numbers, tn_format format, tn_values *values,
                        const struct cli_json_problem *problem, tn_value *ret_value)
{
    size_t width = tn_format_width(format);
    size_t n = json_array_size(numbers);
    char *items = calloc(n + 1, width);

    if (!items)
        return TN_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (put_item(format, json_array_get(numbers, i), items + i * width))
            continue;
        (void)snprintf(problem->message, problem->size,
                       "Item %zu of a {\"$array\": [\"%s\", ...]} is not %s that fits.", i,
                       tn_format_name(format), is_real(format) ? "a number" : "a whole number");
        free(items);
        return TN_EINVAL;
    }
    *ret_value = tn_value_array(values, format, items, n);
    free(items);
    return 0;
}

static int read_base64(const json_t *json, tn_format format, tn_values *values,
                       const struct cli_json_problem *problem, tn_value *ret_value)
{
    struct cli_text bytes = { .data = NULL };
    size_t width = tn_format_width(format);
    int r = 0;

    if (!json_is_string(json) ||
        !cli_text_append_from_base64(&bytes, json_string_value(json), json_string_length(json)) ||
        bytes.len % width != 0) {
        (void)snprintf(problem->message, problem->size,
                       "A {\"$array\": [\"%s\", ...]} needs a list of numbers, or a string in "
                       "base64 of whole items, little-endian.",
                       tn_format_name(format));
        r = TN_EINVAL;
    } else if (bytes.is_failed) {
        r = TN_ENOMEM;
    } else {
        *ret_value = tn_value_array(values, format, cli_text_string(&bytes), bytes.len / width);
    }
    cli_text_fini(&bytes);
    return r;
}

int cli_json_read_array(const json_t *json, tn_values *values,
                        const struct cli_json_problem *problem, tn_value *ret_value)
{
    const char *name = json_string_value(json_array_get(json, 0));
    const json_t *items = json_array_get(json, 1);
    tn_format format = name ? cli_format_of(name) : TN_FORMAT_NONE;

    if (json_array_size(json) != 2 || format == TN_FORMAT_NONE) {
        (void)snprintf(problem->message, problem->size,
                       "{\"$array\": ...} needs a format (i8 u8 i16 u16 i32 u32 i64 u64 f32 f64) "
                       "and items, as in {\"$array\": [\"u8\", [1, 2]]}.");
        return TN_EINVAL;
    }
    return json_is_array(items) ? read_numbers(items, format, values, problem, ret_value)
                                : read_base64(items, format, values, problem, ret_value);
}

/* ---- Out ---- */

/* Whether every item is a number in JSON. */
static bool are_numbers(tn_value array)
{
    for (size_t i = 0; i < tn_value_len(array); i++) {
        int64_t integer;
        double real = 0;
        int kind = tn_value_array_item(array, i, &integer, &real);

        if (kind < 0 || (kind == TN_KIND_FLOAT && !isfinite(real)))
            return false;
    }
    return true;
}

static void put_number(struct cli_text *text, tn_value array, size_t index)
{
    int64_t integer = 0;
    double real = 0;
    int kind = tn_value_array_item(array, index, &integer, &real);

    if (kind == TN_KIND_FLOAT) {
        cli_text_put_float(text, real);
    } else if (kind == TN_KIND_INT) {
        cli_text_printf(text, "%" PRId64, integer);
    } else { /* a u64 that no int can be */
        uint64_t large;

        memcpy(&large, (const char *)tn_value_as_array(array, NULL, NULL) + index * sizeof(large),
               sizeof(large));
        cli_text_printf(text, "%" PRIu64, large);
    }
}

static void put_numbers(struct cli_text *text, tn_value array)
{
    cli_text_putc(text, '[');
    for (size_t i = 0; i < tn_value_len(array); i++) {
        if (i > 0)
            cli_text_put(text, ", ");
        put_number(text, array, i);
    }
    cli_text_putc(text, ']');
}

void cli_json_put_array(struct cli_text *text, tn_value array, bool is_python)
{
    tn_format format = TN_FORMAT_NONE;
    size_t n_items = 0;
    const char *items = tn_value_as_array(array, &format, &n_items);

    if (is_python) {
        cli_text_printf(text, "array('%s', ", tn_format_name(format));
        put_numbers(text, array);
        cli_text_putc(text, ')');
        return;
    }
    cli_text_printf(text, "{\"$array\": [\"%s\", ", tn_format_name(format));
    if (are_numbers(array)) {
        put_numbers(text, array);
    } else {
        cli_text_putc(text, '"');
        cli_text_put_base64(text, items, n_items * tn_format_width(format));
        cli_text_putc(text, '"');
    }
    cli_text_put(text, "]}");
}
