/* SPDX-License-Identifier: MIT */
/* Slices with a step through a real server: as requests, by hand and in the shell, which
 * go through libtenure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/command.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

static void requests(struct raw_client *c)
{
    EXPECT(c, "new", "set l [0, 1, 2, 3, 4, 5]");
    EXPECT(c, "new", "set t (0, 1, 2, 3)");
    EXPECT(c, "new", "set s 'aé漢z'");
    EXPECT(c, "new", "set b b'\\x00\\x01\\x02'");
    EXPECT(c, "[1, 3]", "list_slice l 1 5 2");
    EXPECT(c, "[5, 3, 1]", "list_slice l -1 : -2");
    EXPECT(c, "(3, 2, 1, 0)", "list_slice t 9 : -1");
    EXPECT(c, "'z漢éa'", "list_slice s 9 : -1");
    EXPECT(c, "'é漢'", "list_slice s 1 -1");
    EXPECT(c, "b'\\x00\\x02'", "list_slice b 0 : 2");
    EXPECT(c, "count 5", "list_replace l 1 3 1 ['x']");
    EXPECT(c, "[0, 'x', 3, 4, 5]", "get l");
    EXPECT(c, "count 5", "list_replace l 0 : 2 (7, 8, 9)");
    EXPECT(c, "[7, 'x', 8, 4, 9]", "get l");
    EXPECT(c, "INVALID_ARGUMENT INVALID_ARGUMENT", "list_replace l 0 : 2 [1, 2]");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "list_replace l 0 1 1 5");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "list_replace t 0 1 1 [5]");
    EXPECT(c, "[7, 'x', 8, 4, 9]", "get l");
    EXPECT(c, "count 2", "list_replace l 0 : 2 ");
    EXPECT(c, "['x', 4]", "get l");
    EXPECT(c, "count 0", "list_replace l 0 : 1 ");
    EXPECT(c, "existed", "unbind l");
    EXPECT(c, "existed", "unbind t");
    EXPECT(c, "existed", "unbind s");
    EXPECT(c, "existed", "unbind b");
}

static void test_requests_read_set_and_remove_slices(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        raw_open(&c, f.unix_address);
        requests(&c);
        raw_close(&c);
        server_fixture_stop(&f);
    }
}

static void check(const struct server_fixture *f, const char *input, const char *out,
                  const char *err, ...)
{
    struct command_result result;
    va_list args;

    va_start(args, err);
    result = command_run_va(TN_TEST_TENURE, f->endpoint, input, args);
    va_end(args);
    assert_string_equal(result.out, out);
    if (!strstr(result.err, err))
        fail_msg("\"%s\" is not in: %s", err, result.err);
    assert_int_equal(result.err[0] == '\0', err[0] == '\0');
    command_result_free(&result);
}

static void test_command_takes_slices_for_indices(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    check(&f, NULL, "", "", "set", "l", "[0, 1, 2, 3, 4, 5]", NULL);
    check(&f, NULL, "[5, 4, 3, 2, 1, 0]\n", "", "list", "get", "l", "::-1", NULL);
    check(&f, NULL, "[4, 5]\n", "", "list", "get", "l", "-2:", NULL);
    check(&f, NULL, "[1, 3]\n", "", "list", "slice", "l", "1", "5", "2", NULL);
    check(&f, NULL, "", "", "list", "set", "l", "::3", "[\"a\", \"b\"]", NULL);
    check(&f, NULL, "", "2 items", "list", "set", "l", "::3", "[1]", NULL);
    check(&f, NULL, "{\"length\": 4}\n", "", "-j", "list", "set", "l", "1:3", "[]", NULL);
    check(&f, NULL, "[\"a\", \"b\", 4, 5]\n", "", "get", "l", NULL);
    check(&f, NULL, "", "", "list", "del", "l", "1::2", NULL);
    check(&f, NULL, "[\"a\", 4]\n", "", "get", "l", NULL);
    check(&f, NULL, "", "A slice is", "list", "get", "l", "1:x", NULL);
    check(&f, NULL, "", "A slice is", "list", "get", "l", "1:2:3:4", NULL);
    check(&f, NULL, "", "A slice is", "list", "del", "l", "::0", NULL);
    check(&f,
          "[{\"op\": \"list_set_slice\", \"target\": \"l\", \"index\": 0, \"stop\": 0, "
          "\"value\": [1, 2]},\n"
          " {\"op\": \"list_slice\", \"target\": \"l\", \"index\": -1, \"step\": -1},\n"
          " {\"op\": \"list_delete_slice\", \"target\": \"l\", \"index\": 1}]",
          "[\n {\"ok\": true, \"count\": 4},\n {\"ok\": true, \"value\": [4, \"a\", 2, 1]},\n"
          " {\"ok\": true, \"count\": 1}\n]\n",
          "", "batch", NULL);
    check(&f, NULL, "", "", "del", "l", NULL);
    server_fixture_stop(&f);
}

static void test_shell_slices_as_python_does(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);
    check(&f,
          "l = [0, 1, 2, 3, 4, 5]\n"
          "l[::2]\n"
          "l[::-1]\n"
          "l[4:1:-1]\n"
          "l[:2:]\n"
          "l[::]\n"
          "(1, 2, 3)[::-2]\n"
          "'héllo'[::-1]\n"
          "b'abc'[1:]\n"
          "l[1:3] = ['x', 'y', 'z']\n"
          "l[::3] = (7, 8, 9)\n"
          "l\n"
          "del l[::2], l[0]\n"
          "l\n"
          "l[:] = []\n"
          "len(l)\n",
          "[0, 2, 4]\n[5, 4, 3, 2, 1, 0]\n[4, 3, 2]\n[0, 1]\n[0, 1, 2, 3, 4, 5]\n(3, 1)\n"
          "'olléh'\nb'bc'\n"
          "[7, 'x', 'y', 8, 3, 4, 9]\n"
          "[8, 4]\n0\n",
          "", "shell", "-q", NULL);
    check(&f, "l = [1, 2]\nl[::2] = []\n", "", "1 item,", "shell", "-q", NULL);
    check(&f, "l = [1, 2]\nl[::0]\n", "", "cannot be 0", "shell", "-q", NULL);
    check(&f, "l = [1, 2]\nl[]\n", "", "an index", "shell", "-q", NULL);
    server_fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_read_set_and_remove_slices),
        cmocka_unit_test(test_command_takes_slices_for_indices),
        cmocka_unit_test(test_shell_slices_as_python_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
