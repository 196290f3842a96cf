/* SPDX-License-Identifier: MIT */
/* Values as JSON and as Python shows them; and the texts that this is made of. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli/json.h"
#include "client/cli/text.h"

/* Reads JSON and writes it again; the caller frees the result. */
static char *round_trip(const char *json, enum cli_style style)
{
    tn_values *values = tn_values_new();
    struct cli_json_input input = { .values = values };
    struct cli_text text = { .data = NULL };
    tn_value value;

    if (cli_json_read(&input, json, strlen(json), &value) < 0) {
        cli_text_put(&text, "error: ");
        cli_text_put(&text, input.message);
    } else {
        assert_int_equal(cli_value_write(&text, value, style), 0);
    }
    tn_values_free(&values);
    return text.data;
}

static void expect(const char *json, enum cli_style style, const char *expected)
{
    char *written = round_trip(json, style);

    assert_string_equal(written, expected);
    free(written);
}

static void test_json_comes_back_as_it_was(void **state)
{
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "0.1",
        "-1.5",
        "1e+300",
        "2.0",
        "\"\"",
        "\"text with \\\"quotes\\\", \\\\ and \\n\"",
        "\"\\u0000 is no end\"",
        "\"\\u007f\"",
        "\"µ → 漢字 😀\"",
        "[]",
        "[1, [2, [3, []]], \"four\"]",
        "{}",
        "{\"a\": 1, \"b\": {\"c\": null}}",
        "{\"$tuple\": []}",
        "{\"$tuple\": [1, {\"$tuple\": [2]}]}",
        "{\"$bytes\": \"\"}",
        "{\"$bytes\": \"AA==\"}",
        "{\"$bytes\": \"AAH/\"}",
        "{\"$float\": \"nan\"}",
        "{\"$float\": \"inf\"}",
        "{\"$float\": \"-inf\"}",
        "{\"$dict\": [[1, 2], [{\"$tuple\": [1, \"x\"]}, null]]}",
        "{\"$dict\": [[\"$ref\", 1]]}",
        ("[{\"$id\": 1, \"$value\": [1]}, {\"$ref\": 1}, "
         "{\"$id\": 2, \"$value\": {}}, {\"$ref\": 2}]"),
        "{\"$id\": 1, \"$value\": [{\"$ref\": 1}]}",
        "{\"$id\": 1, \"$value\": {\"me\": {\"$ref\": 1}}}",
        "{\"$id\": 1, \"$value\": {\"$dict\": [[1, {\"$ref\": 1}]]}}",
        "[{\"$id\": 1, \"$value\": {\"$tuple\": [1]}}, {\"$ref\": 1}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        expect(same[i], CLI_STYLE_JSON, same[i]);
    expect("{\"$id\": 77, \"$value\": [{\"$ref\": 77}]}", CLI_STYLE_JSON,
           "{\"$id\": 1, \"$value\": [{\"$ref\": 1}]}");
    expect("{\"$dict\": [[\"a\", 1]]}", CLI_STYLE_JSON, "{\"a\": 1}");
    expect("\"\\/\\u00e9\"", CLI_STYLE_JSON, "\"/é\"");
}

static void test_json_can_be_indented(void **state)
{
    (void)state;
    expect("[1, {\"a\": [], \"b\": {\"$tuple\": [2]}}]", CLI_STYLE_PRETTY,
           "[\n  1,\n  {\n    \"a\": [],\n    \"b\": {\"$tuple\": [\n      2\n    ]}\n  }\n]");
    expect("{\"$dict\": [[1, 2], [3, [4]]]}", CLI_STYLE_PRETTY,
           "{\"$dict\": [\n  [1, 2],\n  [3, [\n    4\n  ]]\n]}");
}

static void test_values_can_be_shown_as_python_does(void **state)
{
    (void)state;
    expect("[null, true, false, -1, 1.0, \"it's\", {\"$bytes\": \"AGEn/w==\"}]", CLI_STYLE_PYTHON,
           "[None, True, False, -1, 1.0, 'it\\'s', b'\\x00a\\'\\xff']");
    expect("{\"$tuple\": []}", CLI_STYLE_PYTHON, "()");
    expect("{\"$tuple\": [1]}", CLI_STYLE_PYTHON, "(1,)");
    expect("{\"$tuple\": [1, {\"a\": {\"$float\": \"nan\"}}]}", CLI_STYLE_PYTHON,
           "(1, {'a': nan})");
    expect("{\"$id\": 1, \"$value\": [{\"$ref\": 1}, 2]}", CLI_STYLE_PYTHON, "[[...], 2]");
    expect("[{\"$id\": 1, \"$value\": [1]}, {\"$ref\": 1}]", CLI_STYLE_PYTHON, "[[1], [1]]");
}

static void test_wrong_json_is_told_in_a_sentence(void **state)
{
    static const struct {
        const char *json;
        const char *words;
    } cases[] = {
        { "", "not JSON" },
        { "[1", "not JSON" },
        { "hello", "A text needs quotes" },
        { "[1] 2", "not JSON" },
        { "99999999999999999999", "64 bits" },
        { "1e999", "does not fit" },
        { "{\"a\": 1, \"a\": 2}", "duplicate" },
        { "\"\xff\"", "not JSON" },
        { "{\"$tuple\": 1}", "needs an array" },
        { "{\"$bytes\": 1}", "base64" },
        { "{\"$bytes\": \"A\"}", "base64" },
        { "{\"$bytes\": \"A*==\"}", "base64" },
        { "{\"$float\": \"1\"}", "\"nan\", \"inf\" or \"-inf\"" },
        { "{\"$dict\": [[1]]}", "Entry 0" },
        { "{\"$dict\": {}}", "pairs" },
        { "{\"$ref\": 1}", "comes before" },
        { "{\"$id\": 1}", "two entries" },
        { "[{\"$id\": 1, \"$value\": 1}, {\"$id\": 1, \"$value\": 2}]", "comes twice" },
        { "{\"$id\": 1, \"$value\": {\"$tuple\": [{\"$ref\": 1}]}}", "inside the tuple" },
        { "{\"$tuple\": [], \"a\": 1}", "cannot stand beside others" },
        { "{\"$whatever\": 1}", "$whatever" },
        { "{\"$handle\": \"list\"}", "cut off" },
        { "{\"$record\": 1}", "needs a class and attributes" },
        { "{\"$record\": [\"Point\", 1]}", "needs a class and attributes" },
        { "{\"$record\": [1, {}]}", "class of a" },
        { "{\"$record\": [\"Point\", {}]}", "not possible here" },
        { "{\"$class\": \"Point\"}", "refer to it with" },
        { "{\"$name\": \"x\"}", "not possible here" },
        { "{\"$step\": 0}", "only possible in a batch" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *written = round_trip(cases[i].json, CLI_STYLE_JSON);

        assert_int_equal(strncmp(written, "error: ", 7), 0);
        if (!strstr(written, cases[i].words))
            fail_msg("%s: %s", cases[i].json, written);
        free(written);
    }
}

/* `depth` brackets around nothing; the caller frees them. */
static char *nested(size_t depth)
{
    char *json = malloc(2 * depth + 1);

    assert_non_null(json);
    memset(json, '[', depth);
    memset(json + depth, ']', depth);
    json[2 * depth] = '\0';
    return json;
}

static void test_nesting_has_a_limit_with_a_clear_error(void **state)
{
    char *allowed = nested(CLI_JSON_DEPTH_MAX);
    char *too_deep = nested(CLI_JSON_DEPTH_MAX + 1);
    char *absurd = nested(1000000);
    char *written;

    (void)state;
    expect(allowed, CLI_STYLE_JSON, allowed);
    written = round_trip(too_deep, CLI_STYLE_JSON);
    assert_non_null(strstr(written, "nested more than 1000 levels"));
    free(written);
    written = round_trip(absurd, CLI_STYLE_JSON);
    assert_non_null(strstr(written, "nested more than 1000 levels"));
    free(written);
    free(allowed);
    free(too_deep);
    free(absurd);
}

static void test_writing_has_no_limit_of_depth(void **state)
{
    tn_values *values = tn_values_new();
    struct cli_text text = { .data = NULL };
    tn_value root = tn_value_list(values);
    tn_value at = root;

    (void)state;
    for (int i = 1; i < 100000; i++) {
        tn_value inner = tn_value_list(values);

        assert_int_equal(tn_value_append(at, inner), 0);
        at = inner;
    }
    assert_int_equal(cli_value_write(&text, root, CLI_STYLE_JSON), 0);
    assert_int_equal(text.len, 200000);
    text.len = 0;
    assert_int_equal(cli_value_write(&text, root, CLI_STYLE_PYTHON), 0);
    assert_int_equal(text.len, 200000);
    cli_text_fini(&text);
    tn_values_free(&values);
}

static void test_what_is_shared_exponentially_often_is_not_written_out(void **state)
{
    tn_values *values = tn_values_new();
    struct cli_text text = { .data = NULL };
    tn_value at = tn_value_list(values);

    (void)state;
    for (int i = 0; i < 60; i++) { /* 2^60 lists, if one counts them one by one */
        tn_value outer = tn_value_list(values);

        assert_int_equal(tn_value_append(outer, at), 0);
        assert_int_equal(tn_value_append(outer, at), 0);
        at = outer;
    }
    assert_int_equal(cli_value_write(&text, at, CLI_STYLE_JSON), 0);
    assert_true(text.len < 10000);
    text.len = 0;
    assert_int_equal(cli_value_write(&text, at, CLI_STYLE_PYTHON), 0);
    assert_true(text.len < 4000000);
    cli_text_fini(&text);
    tn_values_free(&values);
}

static int find_nothing(void *arg, const char *name, tn_handle **ret_handle)
{
    (void)ret_handle;
    assert_string_equal(name, "x");
    ++*(int *)arg;
    return TN_ENAME;
}

static void test_names_and_steps_are_resolved_where_they_may_be(void **state)
{
    tn_values *values = tn_values_new();
    int n_asked = 0;
    struct cli_json_input input = {
        .values = values, .find_name = find_nothing, .arg = &n_asked, .n_steps = 2
    };
    const char *name = "[{\"$name\": \"x\"}]";
    const char *step = "[{\"$step\": 1}]";
    const char *later = "{\"$step\": 2}";
    tn_value value;

    (void)state;
    assert_int_equal(cli_json_read(&input, name, strlen(name), &value), TN_ENAME);
    assert_int_equal(n_asked, 1);
    assert_string_equal(input.message, "");
    assert_int_equal(cli_json_read(&input, step, strlen(step), &value), 0);
    assert_int_equal(tn_value_kind(tn_value_item(value, 0)), TN_KIND_RESULT);
    assert_int_equal(cli_json_read(&input, later, strlen(later), &value), TN_EINVAL);
    assert_non_null(strstr(input.message, "0 to 1"));
    tn_values_free(&values);
}

static void test_floats_are_as_short_as_they_can_be(void **state)
{
    static const struct {
        double real;
        const char *expected;
    } cases[] = {
        { 0.0, "0.0" },       { -0.0, "-0.0" },
        { 0.1, "0.1" },       { 1.0 / 3, "0.3333333333333333" },
        { 1e15, "1e+15" },    { 123456789.0, "123456789.0" },
        { 5e-324, "5e-324" }, { 0.1 + 0.2, "0.30000000000000004" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_text text = { .data = NULL };

        cli_text_put_float(&text, cases[i].real);
        assert_string_equal(text.data, cases[i].expected);
        assert_true(strtod(text.data, NULL) == cases[i].real);
        cli_text_fini(&text);
    }
}

static void test_base64_of_every_length_comes_back(void **state)
{
    char bytes[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37 + 200);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct cli_text encoded = { .data = NULL };
        struct cli_text decoded = { .data = NULL };

        cli_text_put_base64(&encoded, bytes, len);
        assert_int_equal(encoded.len, (len + 2) / 3 * 4);
        assert_true(cli_text_append_from_base64(&decoded, cli_text_string(&encoded), encoded.len));
        assert_int_equal(decoded.len, len);
        if (len > 0)
            assert_memory_equal(decoded.data, bytes, len);
        cli_text_fini(&encoded);
        cli_text_fini(&decoded);
    }
}

static void test_what_a_terminal_gets_is_harmless(void **state)
{
    struct cli_text text = { .data = NULL };

    (void)state;
    cli_text_put_escaped(&text, "a\x1b[2J\n\xff\xc2\x9bµ\\'", 13, '\'');
    assert_string_equal(text.data, "a\\x1b[2J\\n\\xff\\x9bµ\\\\\\'");
    cli_text_fini(&text);
}

static void test_sizes_are_for_people(void **state)
{
    static const struct {
        unsigned long long bytes;
        const char *expected;
    } cases[] = { { 0, "0 B" },        { 1023, "1023 B" },     { 1024, "1.0 KiB" },
                  { 1536, "1.5 KiB" }, { 1048575, "1.0 MiB" }, { 64ull << 20, "64.0 MiB" } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_text text = { .data = NULL };

        cli_text_put_size(&text, cases[i].bytes);
        assert_string_equal(text.data, cases[i].expected);
        cli_text_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_comes_back_as_it_was),
        cmocka_unit_test(test_json_can_be_indented),
        cmocka_unit_test(test_values_can_be_shown_as_python_does),
        cmocka_unit_test(test_wrong_json_is_told_in_a_sentence),
        cmocka_unit_test(test_nesting_has_a_limit_with_a_clear_error),
        cmocka_unit_test(test_writing_has_no_limit_of_depth),
        cmocka_unit_test(test_what_is_shared_exponentially_often_is_not_written_out),
        cmocka_unit_test(test_names_and_steps_are_resolved_where_they_may_be),
        cmocka_unit_test(test_floats_are_as_short_as_they_can_be),
        cmocka_unit_test(test_base64_of_every_length_comes_back),
        cmocka_unit_test(test_what_a_terminal_gets_is_harmless),
        cmocka_unit_test(test_sizes_are_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
