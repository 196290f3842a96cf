/* SPDX-License-Identifier: MIT */
/* The command `tenure` against a real server, as it is used by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <cmocka.h>

#include "tests/support/command.h"
#include "tests/support/server_fixture.h"

static struct command_result tenure(const struct server_fixture *f, const char *input, ...)
{
    struct command_result result;
    va_list args;

    va_start(args, input);
    result = command_run_va(TN_TEST_TENURE, f->endpoint, input, args);
    va_end(args);
    return result;
}

/* Runs it and expects an exit code and what it prints; `words` must be in what it
 * complains (NULL: it must not complain). */
static void check(const struct server_fixture *f, int exit_code, const char *out, const char *words,
                  ...)
{
    struct command_result result;
    va_list args;

    va_start(args, words);
    result = command_run_va(TN_TEST_TENURE, f->endpoint, NULL, args);
    va_end(args);
    if (result.exit_code != exit_code)
        fail_msg("exit code %d, not %d: %s%s", result.exit_code, exit_code, result.out, result.err);
    if (out)
        assert_string_equal(result.out, out);
    if (!words)
        assert_string_equal(result.err, "");
    else if (!strstr(result.err, words))
        fail_msg("\"%s\" is not in: %s", words, result.err);
    command_result_free(&result);
}

static void test_a_value_is_stored_shared_and_removed(void **state)
{
    struct server_fixture f;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        server_fixture_start(&f, mode, NULL);
        check(&f, 0, "", NULL, "set", "x", "[1,2,{\"a\":3}]", NULL);
        check(&f, 0, "[1, 2, {\"a\": 3}]\n", NULL, "get", "x", NULL);
        check(&f, 0, "1\n", NULL, "refcount", "x", NULL);
        check(&f, 0, "", NULL, "bind", "y", "x", NULL);
        check(&f, 0, "2\n", NULL, "refcount", "x", NULL);
        check(&f, 0, "", NULL, "list", "append", "y", "-5", "null", NULL);
        check(&f, 0, "[1, 2, {\"a\": 3}, -5, null]\n", NULL, "get", "x", NULL);
        check(&f, 0, "", NULL, "del", "x", NULL);
        check(&f, 0, "1\n", NULL, "refcount", "y", NULL);
        check(&f, 1, "", "No name 'x' is bound", "get", "x", NULL);
        check(&f, 1, "", "NAME_NOT_FOUND", "del", "x", "y", NULL); /* y goes nevertheless */
        check(&f, 0, "", NULL, "ls", NULL);
        server_fixture_stop(&f);
    }
}

static void test_every_command_answers(void **state)
{
    struct server_fixture f;
    struct command_result first, second;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    check(&f, 0, NULL, NULL, "ping", NULL);
    check(&f, 0, NULL, NULL, "info", NULL);
    check(&f, 0, "", NULL, "set", "d", "{\"a\": [1, 2], \"b\": \"text\"}", NULL);
    check(&f, 0, "dict\n", NULL, "type", "d", NULL);
    check(&f, 0, NULL, NULL, "sizeof", "d", NULL);
    check(&f, 0, NULL, NULL, "sizeof", "--deep", "d", NULL);
    check(&f, 0, NULL, NULL, "describe", "--deep", "d", NULL);
    check(&f, 0, NULL, NULL, "lookup", "d", NULL);
    check(&f, 1, "", "No name 'q'", "lookup", "q", NULL);
    check(&f, 0, NULL, NULL, "put", "[1, 2, 3]", NULL);
    check(&f, 0, "", NULL, "bind", "e", "d", NULL);
    first = tenure(&f, NULL, "id", "d", NULL);
    second = tenure(&f, NULL, "id", "e", NULL);
    assert_string_equal(first.out, second.out);
    command_result_free(&first);
    command_result_free(&second);
    check(&f, 0, "", NULL, "del", "d", "e", NULL);
    server_fixture_stop(&f);
}

static void test_lists_have_their_verbs(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);
    check(&f, 0, "", NULL, "set", "l", "[0, 1, 2, 3]", NULL);
    check(&f, 0, "3\n", NULL, "list", "get", "l", "-1", NULL);
    check(&f, 1, "", "INDEX_OUT_OF_RANGE", "list", "get", "l", "4", NULL);
    check(&f, 2, "", "whole number", "list", "get", "l", "one", NULL);
    check(&f, 0, "", NULL, "list", "set", "l", "0", "\"zero\"", NULL);
    check(&f, 0, "", NULL, "list", "insert", "l", "1", "[]", NULL);
    check(&f, 0, "", NULL, "list", "extend", "l", "[4, 5]", NULL);
    check(&f, 0, "[\"zero\", [], 1, 2, 3, 4, 5]\n", NULL, "get", "l", NULL);
    check(&f, 0, "5\n", NULL, "list", "pop", "l", NULL);
    check(&f, 0, "[]\n", NULL, "list", "pop", "l", "1", NULL);
    check(&f, 0, "", NULL, "list", "del", "l", "0", NULL);
    check(&f, 0, "4\n", NULL, "list", "len", "l", NULL);
    check(&f, 0, "[2, 3]\n", NULL, "list", "slice", "l", "1", "-1", NULL);
    check(&f, 0, "[3, 4]\n", NULL, "list", "slice", "l", "-2", NULL);
    check(&f, 0, "true\n", NULL, "list", "contains", "l", "3", NULL);
    check(&f, 1, "false\n", NULL, "list", "contains", "l", "99", NULL);
    check(&f, 0, "{\"length\": 5}\n", NULL, "--json", "list", "append", "l", "6", NULL);
    check(&f, 2, "", "none of the verbs", "list", "reverse", "l", NULL);
    check(&f, 2, "", "list set NAME INDEX VALUE", "list", "set", "l", "0", NULL);
    check(&f, 3, "", "TYPE_MISMATCH", "dict", "get", "l", "k", NULL);
    check(&f, 0, "", NULL, "del", "l", NULL);
    server_fixture_stop(&f);
}

static void test_classes_and_records_have_their_verbs(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    check(&f, 0, "", NULL, "class", "declare", "Point", "x", "y", NULL);
    check(&f, 1, "", "bound already", "class", "declare", "--absent", "Point", NULL);
    check(&f, 0, "", NULL, "class", "declare", "Spot", "colour", "--base", "Point", "--dict", NULL);
    check(&f, 3, "", "CLASS_INVALID", "class", "declare", "Bad", "x", "x", NULL);
    check(&f, 1, "", "NAME_NOT_FOUND", "class", "declare", "Bad", "--base", "Nothing", NULL);
    check(&f, 0, "", NULL, "new", "p", "Point", "[1, 2]", NULL);
    check(&f, 0, "", NULL, "new", "s", "Spot", "{\"x\": {\"$name\": \"p\"}, \"extra\": null}",
          NULL);
    check(&f, 0, "{\"$record\": [\"Point\", {\"x\": 1, \"y\": 2}]}\n", NULL, "get", "p", NULL);
    check(&f, 0,
          "{\"$record\": [\"Spot\", {\"x\": {\"$record\": [\"Point\", {\"x\": 1, \"y\": 2}]}, "
          "\"extra\": null}]}\n",
          NULL, "get", "s", NULL);
    check(&f, 0, "{\"$record\": [\"Spot\", {\"x\": {\"$handle\": \"record\"}, \"extra\": null}]}\n",
          NULL, "get", "--depth", "1", "s", NULL);
    check(&f, 0, "{\"$class\": \"Point\"}\n", NULL, "get", "Point", NULL);
    check(&f, 0, "2\n", NULL, "attr", "get", "p", "y", NULL);
    check(&f, 0, "", NULL, "attr", "set", "p", "y", "[3]", NULL);
    check(&f, 0, "[\"x\", 1]\n[\"y\", [3]]\n", NULL, "attr", "ls", "p", NULL);
    check(&f, 0, "\"x\"\n\"extra\"\n", NULL, "attr", "names", "s", NULL);
    check(&f, 0, "", NULL, "attr", "del", "p", "y", NULL);
    check(&f, 1, "", "slot 'y'", "attr", "get", "p", "y", NULL);
    check(&f, 1, "", "no slot 'z'", "attr", "set", "p", "z", "1", NULL);
    check(&f, 0, "1\n", NULL, "class", "instances", "Spot", NULL);
    check(&f, 0, NULL, NULL, "class", "describe", "s", NULL);
    check(&f, 0, NULL, NULL, "describe", "s", NULL);
    check(&f, 0, "", NULL, "set", "g",
          "[{\"$record\": [\"Point\", {\"x\": 5}]}, {\"$record\": [{\"$name\": \"Spot\"}, "
          "[[\"$odd\", 1]]]}]",
          NULL);
    check(&f, 0,
          "[{\"$record\": [\"Point\", {\"x\": 5}]}, {\"$record\": [\"Spot\", {\"$odd\": 1}]}]\n",
          NULL, "get", "g", NULL);
    check(&f, 2, "", "needs a class and attributes", "set", "g", "{\"$record\": [\"Point\"]}",
          NULL);
    check(&f, 1, "", "No name 'Nothing'", "set", "g", "{\"$record\": [\"Nothing\", {}]}", NULL);
    check(&f, 3, "", "TYPE_MISMATCH", "set", "g", "{\"$record\": [\"g\", {}]}", NULL);
    check(&f, 0, "", NULL, "del", "p", "s", "g", "Point", "Spot", NULL);
    server_fixture_stop(&f);
}

static void test_dicts_have_their_verbs(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_GIL, NULL);
    check(&f, 0, "", NULL, "set", "d", "{}", NULL);
    check(&f, 0, "", NULL, "dict", "set", "d", "colour", "\"red\"", NULL);
    check(&f, 0, "", NULL, "dict", "set", "d", "5", "\"five\"", NULL);
    check(&f, 0, "", NULL, "dict", "set", "d", "{\"$tuple\": [1]}", "null", NULL);
    check(&f, 3, "", "UNHASHABLE_KEY", "dict", "set", "d", "[1]", "1", NULL);
    check(&f, 0, "\"five\"\n", NULL, "dict", "get", "d", "5", NULL);
    check(&f, 0, "five\n", NULL, "dict", "get", "-r", "d", "5", NULL);
    check(&f, 1, "", "KEY_NOT_FOUND", "dict", "get", "d", "size", NULL);
    check(&f, 0, "\"colour\"\n5\n{\"$tuple\": [1]}\n", NULL, "dict", "keys", "d", NULL);
    check(&f, 0, "[\"colour\", \"red\"]\n[5, \"five\"]\n[{\"$tuple\": [1]}, null]\n", NULL, "dict",
          "items", "d", NULL);
    check(&f, 0, "true\n", NULL, "dict", "contains", "d", "colour", NULL);
    check(&f, 1, "false\n", NULL, "dict", "contains", "d", "\"5\"", NULL);
    check(&f, 0, "3\n", NULL, "dict", "len", "d", NULL);
    check(&f, 0, "\"red\"\n", NULL, "dict", "pop", "d", "colour", NULL);
    check(&f, 0, "", NULL, "dict", "del", "d", "5", NULL);
    check(&f, 1, "", "KEY_NOT_FOUND", "dict", "del", "d", "5", NULL);
    check(&f, 0, "{\"$dict\": [[{\"$tuple\": [1]}, null]]}\n", NULL, "get", "d", NULL);
    check(&f, 0, "", NULL, "del", "d", NULL);
    server_fixture_stop(&f);
}

static void test_input_comes_as_json_text_or_bytes(void **state)
{
    struct server_fixture f;
    struct command_result result;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    result = tenure(&f, "[1,\n 2]\n", "set", "x", "-", NULL);
    assert_int_equal(result.exit_code, 0);
    command_result_free(&result);
    check(&f, 0, "[1, 2]\n", NULL, "get", "x", NULL);
    check(&f, 0, "", NULL, "set", "--raw", "x", "not JSON", NULL);
    check(&f, 0, "\"not JSON\"\n", NULL, "get", "x", NULL);
    check(&f, 0, "not JSON\n", NULL, "get", "--raw", "x", NULL);
    result = tenure(&f, "\xff\xfe", "set", "--bytes", "x", "-", NULL);
    assert_int_equal(result.exit_code, 0);
    command_result_free(&result);
    check(&f, 0, "{\"$bytes\": \"//4=\"}\n", NULL, "get", "x", NULL);
    check(&f, 0, "\xff\xfe", NULL, "get", "-r", "x", NULL);
    check(&f, 0, "", NULL, "set", "x", "-1e3", NULL);
    check(&f, 0, "-1000.0\n", NULL, "get", "x", NULL);
    check(&f, 3, "", "INVALID_UTF8", "set", "--raw", "x", "\xff", NULL);

    check(&f, 2, "", "not JSON", "set", "x", "[1", NULL);
    check(&f, 2, "", "64 bits", "set", "x", "99999999999999999999", NULL);
    check(&f, 2, "", "too few arguments", "set", "x", NULL);
    check(&f, 2, "", "no use for", "get", "x", "y", NULL);
    check(&f, 2, "", "There is no command", "frobnicate", NULL);
    check(&f, 2, "", "--depth needs", "get", "--depth", "much", "x", NULL);
    check(&f, 0, "-1000.0\n", NULL, "get", "x", NULL); /* nothing of it has changed it */
    check(&f, 0, "", NULL, "del", "x", NULL);
    server_fixture_stop(&f);
}

static void test_objects_are_linked_by_name_and_cut_off_by_depth(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    check(&f, 0, "", NULL, "set", "inner", "[1]", NULL);
    check(&f, 0, "", NULL, "set", "outer",
          "{\"link\": {\"$name\": \"inner\"}, \"again\": "
          "{\"$name\": \"inner\"}}",
          NULL);
    check(&f, 0, "3\n", NULL, "refcount", "inner", NULL);
    check(&f, 0, "", NULL, "list", "append", "inner", "2", NULL);
    check(&f, 0, "{\"link\": {\"$id\": 1, \"$value\": [1, 2]}, \"again\": {\"$ref\": 1}}\n", NULL,
          "get", "outer", NULL);
    check(&f, 0, "{\"link\": {\"$handle\": \"list\"}, \"again\": {\"$handle\": \"list\"}}\n", NULL,
          "get", "--depth", "1", "outer", NULL);
    check(&f, 1, "", "No name 'nothing'", "set", "z", "{\"$name\": \"nothing\"}", NULL);
    check(&f, 0, "", NULL, "del", "inner", "outer", NULL);
    server_fixture_stop(&f);
}

static void test_names_can_be_changed_on_condition(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);
    check(&f, 0, "{\"version\": 1, \"existed\": false}\n", NULL, "set", "--json", "--absent", "x",
          "1000", NULL);
    check(&f, 1, "", "PRECONDITION_FAILED", "set", "--absent", "x", "2000", NULL);
    check(&f, 1, "", "PRECONDITION_FAILED", "set", "--if-version", "7", "x", "2000", NULL);
    check(&f, 0, "", NULL, "set", "--if-version", "1", "x", "2000", NULL);
    check(&f, 0, "2000\n", NULL, "get", "x", NULL);
    check(&f, 0, "{\"name\": \"x\", \"type\": \"int\", \"version\": 2}\n", NULL, "ls", "--json",
          NULL);
    check(&f, 0, "", NULL, "-n", "elsewhere", "set", "y", "1", NULL);
    check(&f, 0, "x\n", NULL, "ls", NULL);
    check(&f, 0, "y\n", NULL, "ls", "-n", "elsewhere", NULL);
    check(&f, 0, "", NULL, "ls", "z", NULL);
    check(&f, 0, "", NULL, "-n", "elsewhere", "del", "y", NULL);
    check(&f, 1, "", "PRECONDITION_FAILED", "del", "--if-version", "1", "x", NULL);
    check(&f, 0, "", NULL, "del", "--if-version", "2", "x", NULL);
    server_fixture_stop(&f);
}

static void test_batches_are_executed_together(void **state)
{
    static const char steps[] = "[{\"op\": \"put\", \"value\": [1, 2]},\n"
                                " {\"op\": \"bind\", \"name\": \"x\", \"target\": {\"step\": 0}},\n"
                                " {\"op\": \"list_append\", \"target\": \"x\", \"value\": "
                                "{\"$step\": 0}},\n"
                                " {\"op\": \"list_pop\", \"target\": \"x\"},\n"
                                " {\"op\": \"get\", \"target\": {\"step\": 0}}]";
    static const char failing[] = "[{\"op\": \"list_get\", \"target\": \"x\", \"index\": 9},\n"
                                  " {\"op\": \"length\", \"target\": \"x\"}]";
    struct server_fixture f;
    struct command_result result;
    json_t *results;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    result = tenure(&f, steps, "batch", NULL);
    assert_int_equal(result.exit_code, 0);
    results = json_loads(result.out, 0, NULL);
    assert_int_equal(json_array_size(results), 5);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(results, 2), "count")), 3);
    assert_int_equal(json_array_size(json_object_get(json_array_get(results, 4), "value")), 2);
    json_decref(results);
    command_result_free(&result);

    result = tenure(&f, failing, "batch", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "Step 0"));
    assert_non_null(strstr(result.out, "TN_EINDEX"));
    assert_non_null(strstr(result.out, "TN_EABORTED"));
    command_result_free(&result);
    result = tenure(&f, failing, "batch", "--keep-going", NULL);
    assert_non_null(strstr(result.out, "\"count\": 2"));
    command_result_free(&result);
    result = tenure(&f, "{}", "batch", NULL);
    assert_int_equal(result.exit_code, 2);
    command_result_free(&result);
    result = tenure(&f, "[{\"op\": \"fly\"}]", "batch", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "Step 0"));
    command_result_free(&result);
    check(&f, 0, "", NULL, "del", "x", NULL);
    server_fixture_stop(&f);
}

/* What the shell prints for a lesson, without the identities, which differ. */
static char *without_identities(const char *text)
{
    char *copy = strdup(text);
    char *to = copy;

    assert_non_null(copy);
    for (const char *at = text; *at;) {
        if (at[0] == '0' && at[1] == 'x') {
            *to++ = '#';
            at += 2 + strspn(at + 2, "0123456789abcdef");
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    return copy;
}

static void test_the_lesson_counts_1_2_1_0(void **state)
{
    static const char lesson[] = "x = [1, 2]\n"
                                 "y = x\n"
                                 "y.append(3)\n"
                                 "x          # seen through both\n"
                                 "x is y\n"
                                 "refcount x\n"
                                 "del y\n"
                                 "bind numbers x\n"
                                 "del x\n"
                                 "numbers[-1]\n"
                                 "sys.getrefcount(numbers)\n"
                                 "unbind numbers\n"
                                 "vars\n"
                                 "names\n"
                                 "a = []\n"
                                 "a.append(a)\n"
                                 "a\n"
                                 "refcount a\n"
                                 "a.pop() is a\n"
                                 "del a\n";
    static const char expected[] = "  list # has 1 reference\n"
                                   "  list # has 2 references\n"
                                   "[1, 2, 3]\n"
                                   "True\n"
                                   "2\n"
                                   "  list # has 1 reference\n"
                                   "  list # has 2 references\n"
                                   "  list # has 1 reference\n"
                                   "3\n"
                                   "1\n"
                                   "  list # has 0 references: it is gone\n"
                                   "  list # has 1 reference\n"
                                   "[[...]]\n"
                                   "2\n"
                                   "True\n"
                                   "  list # has 0 references: it is gone\n";
    struct server_fixture f;
    struct command_result result;
    char *out;

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        server_fixture_start(&f, mode, NULL);
        result = tenure(&f, lesson, "shell", NULL);
        assert_string_equal(result.err, "");
        assert_int_equal(result.exit_code, 0);
        out = without_identities(result.out);
        assert_string_equal(out, expected);
        free(out);
        command_result_free(&result);
        server_fixture_stop(&f);
    }
}

static void test_the_shell_does_what_python_does(void **state)
{
    static const char input[] = "d = {'k': [1, 2], (1, 'a'): None, 5: -1.5, 'b': b'\\x00\\xff'}\n"
                                "d\n"
                                "d['k'][1]\n"
                                "d['k'].extend([3, 4])\n"
                                "z = d['k']\n"
                                "z[1:3]\n"
                                "z[:2]\n"
                                "z[2:]\n"
                                "z[0] = 'first'\n"
                                "z.insert(1, (True, False))\n"
                                "z.pop(2)\n"
                                "z\n"
                                "3 in z\n"
                                "99 not in z\n"
                                "len(z)\n"
                                "n = len(z)\n"
                                "n\n"
                                "del z[0], d[5]\n"
                                "d.keys()\n"
                                "d.get('nothing')\n"
                                "d.get('nothing', 'else')\n"
                                "type d\n"
                                "print(d['b'])\n"
                                "'it\\'s \\u00e9'\n"
                                "[z, z][0] is z\n"
                                "d['k'] is not z\n";
    static const char expected[] = "{'k': [1, 2], (1, 'a'): None, 5: -1.5, 'b': b'\\x00\\xff'}\n"
                                   "2\n"
                                   "[2, 3]\n"
                                   "[1, 2]\n"
                                   "[3, 4]\n"
                                   "2\n"
                                   "['first', (True, False), 3, 4]\n"
                                   "True\n"
                                   "True\n"
                                   "4\n"
                                   "4\n"
                                   "['k', (1, 'a'), 'b']\n"
                                   "'else'\n"
                                   "dict\n"
                                   "b'\\x00\\xff'\n"
                                   "'it\\'s é'\n"
                                   "True\n"
                                   "False\n";
    struct server_fixture f;
    struct command_result result;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    result = tenure(&f, input, "shell", "--quiet", NULL);
    assert_string_equal(result.err, "");
    assert_string_equal(result.out, expected);
    assert_int_equal(result.exit_code, 0);
    command_result_free(&result);
    server_fixture_stop(&f);
}

static void test_the_shell_has_classes(void **state)
{
    static const char input[] = "class Point: x, y\n"
                                "class Spot(Point): colour, ...\n"
                                "p = Point(1, 2)\n"
                                "p.x = [1, p.y]\n"
                                "p.x.append('three')\n"
                                "p.x[0] = None\n"
                                "p\n"
                                "del p.y\n"
                                "p\n"
                                "s = Spot(colour='red', extra=p)\n"
                                "s.extra.x[2]\n"
                                "s.extra is p\n"
                                "s.__class__ is Spot\n"
                                "s\n"
                                "Point()\n"
                                "Spot\n"
                                "type s\n"
                                "len s\n"
                                "del s.extra, s.colour\n"
                                "s\n";
    static const char expected[] = "Point(x=[None, 2, 'three'], y=2)\n"
                                   "Point(x=[None, 2, 'three'])\n"
                                   "'three'\n"
                                   "True\n"
                                   "True\n"
                                   "Spot(colour='red', extra=Point(x=[None, 2, 'three']))\n"
                                   "Point()\n"
                                   "<class Spot>\n"
                                   "record\n"
                                   "2\n"
                                   "Spot()\n";
    struct server_fixture f;
    struct command_result result;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    result = tenure(&f, input, "shell", "--quiet", NULL);
    assert_string_equal(result.err, "");
    assert_string_equal(result.out, expected);
    assert_int_equal(result.exit_code, 0);
    command_result_free(&result);
    server_fixture_stop(&f);
}

static void test_the_shell_says_what_is_wrong_and_goes_on(void **state)
{
    static const struct {
        const char *line;
        const char *words;
        int exit_code;
    } cases[] = {
        { "nothing", "neither a variable", 1 },
        { "del nothing", "no variable", 1 },
        { "x = 99999999999999999999", "64 bits", 2 },
        { "x = [1, 2", "\"]\" should be", 2 },
        { "x = {1, 2}", "sets do not exist", 2 },
        { "x = 'open", "not closed", 2 },
        { "1 = 2", "assigned to", 2 },
        { "foo bar", "neither a variable", 1 },
        { "l[5]", "no item 5", 1 },
        { "l['a']", "counted with ints", 2 },
        { "l[0:1] = 3", "slice", 2 },
        { "l.fly()", "a method", 2 },
        { "l.append()", "takes 1 argument", 2 },
        { "l == l", "x is y", 2 },
        { "unbind nothing", "No name", 1 },
        { "help nothing", "no help", 2 },
        { "d = {[1]: 2}", "cannot be a key", 3 },
    };
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct command_result result;
        char input[256];

        (void)snprintf(input, sizeof(input), "l = [1]\n%s\nl\n", cases[i].line);
        result = tenure(&f, input, "shell", "-q", NULL);
        if (!strstr(result.err, cases[i].words) || !strstr(result.err, "line 2: "))
            fail_msg("%s: %s", cases[i].line, result.err);
        assert_string_equal(result.out, "[1]\n");
        assert_int_equal(result.exit_code, cases[i].exit_code);
        command_result_free(&result);
    }
    server_fixture_stop(&f);
}

static void test_without_a_server_it_says_so(void **state)
{
    struct server_fixture nobody = { .endpoint = "unix:/nonexistent/tenured.sock" };

    (void)state;
    check(&nobody, 4, "", "unix:/nonexistent/tenured.sock", "ping", NULL);
    check(&nobody, 4, "", "unix:/somewhere/else", "-s", "/somewhere/else", "ping", NULL);
    check(&nobody, 4, "", "tcp:127.0.0.1:1", "ping", "-p", "1", NULL);
    check(&nobody, 2, "", "a socket (-s) or a host", "-s", "/x", "-p", "1", "ping", NULL);
    check(&nobody, 2, "", "COMMAND", NULL);
    check(&nobody, 0, NULL, NULL, "--help", NULL);
    check(&nobody, 0, NULL, NULL, "get", "--help", NULL);
    check(&nobody, 0, NULL, NULL, "help", "list", NULL);
    check(&nobody, 0, NULL, NULL, "--version", NULL);
}

static void test_tcp_works_like_the_socket(void **state)
{
    struct server_fixture f;
    char port[16];

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    (void)snprintf(port, sizeof(port), "%s", strrchr(f.tcp_endpoint, ':') + 1);
    check(&f, 0, "", NULL, "-p", port, "set", "x", "[1]", NULL);
    check(&f, 0, "[1]\n", NULL, "-H", "localhost", "-p", port, "get", "x", NULL);
    check(&f, 0, "", NULL, "-H", "127.0.0.1", "-p", port, "del", "x", NULL);
    server_fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_is_stored_shared_and_removed),
        cmocka_unit_test(test_every_command_answers),
        cmocka_unit_test(test_lists_have_their_verbs),
        cmocka_unit_test(test_dicts_have_their_verbs),
        cmocka_unit_test(test_classes_and_records_have_their_verbs),
        cmocka_unit_test(test_input_comes_as_json_text_or_bytes),
        cmocka_unit_test(test_objects_are_linked_by_name_and_cut_off_by_depth),
        cmocka_unit_test(test_names_can_be_changed_on_condition),
        cmocka_unit_test(test_batches_are_executed_together),
        cmocka_unit_test(test_the_lesson_counts_1_2_1_0),
        cmocka_unit_test(test_the_shell_does_what_python_does),
        cmocka_unit_test(test_the_shell_has_classes),
        cmocka_unit_test(test_the_shell_says_what_is_wrong_and_goes_on),
        cmocka_unit_test(test_without_a_server_it_says_so),
        cmocka_unit_test(test_tcp_works_like_the_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
