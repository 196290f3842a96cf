/* SPDX-License-Identifier: MIT */
/*
 * The packages example: what is loaded, and what is found by walking references, is
 * compared with a second computation from the same file (packages_closure.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cli/text.h"
#include "tests/support/command.h"
#include "tests/support/server_fixture.h"

#define PACKAGES TN_TEST_EXAMPLES_DIR "/packages"
#define NEEDS TN_TEST_EXAMPLES_DIR "/package_needs"
#define CLOSURE TN_TEST_SOURCE_DIR "/tests/integration/packages_closure.py"
#define INSTALLED "/var/lib/dpkg/status"

/* Every rule of packages.c once. */
static const char index_text[] =
    "Package: a\nVersion: 1\nInstalled-Size: 10\n"
    "Depends: b (>= 1.0), c:any | d,\n e [amd64], nothing | missing,\n virtual\n\n"
    "Package: b\nVersion: 2\nPre-Depends: c\nDepends: a\n\n"
    "Package: c\nVersion: 3\nDepends: c, f | g\n\n"
    "Package: e\nVersion: 1\nProvides: virtual (= 1), virtual2\n\n"
    "Package: e\nVersion: 2\nDepends: unreached\n\n"
    "Package: g\nVersion: 1\nDepends: h,h,h (<< 3)\n\n"
    "Package: h\nVersion: 1\nProvides: f\nDepends: virtual2\n\n"
    "Package: i\nStatus: deinstall ok config-files\nProvides: missing\n\n"
    "Package: unreached\nStatus: install ok installed\nDepends: a\n";

static struct command_result run(const struct server_fixture *f, const char *program, ...)
{
    struct command_result result;
    va_list args;

    va_start(args, program);
    result = command_run_va(program, f->endpoint, NULL, args);
    va_end(args);
    if (result.exit_code != 0)
        fail_msg("%s ended with %d: %s%s", program, result.exit_code, result.out, result.err);
    return result;
}

static void expect_same(struct command_result *ours, struct command_result *theirs)
{
    assert_string_equal(ours->out, theirs->out);
    assert_string_equal(ours->err, "");
    command_result_free(ours);
    command_result_free(theirs);
}

#define PACKAGES_MAX 60

/* What the walker finds for each package is what the script finds. */
static void compare_closures(const struct server_fixture *f, const char *path,
                             const char *const *packages, size_t n)
{
    const char *args[PACKAGES_MAX + 2] = { path };
    struct cli_text ours = { .data = NULL };
    struct command_result theirs;

    assert_true(n > 1 && n <= PACKAGES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct command_result result = run(f, NEEDS, packages[i], NULL);

        cli_text_printf(&ours, "# %s\n%s", packages[i], result.out);
        command_result_free(&result);
        args[i + 1] = packages[i];
    }
    theirs = command_run(CLOSURE, args, f->endpoint, NULL);
    assert_string_equal(theirs.err, "");
    assert_string_equal(cli_text_string(&ours), theirs.out);
    command_result_free(&theirs);
    cli_text_fini(&ours);
}

static void load(const struct server_fixture *f, const char *path)
{
    struct command_result ours = run(f, PACKAGES, path, NULL);
    struct command_result theirs = run(f, CLOSURE, "--count", path, NULL);

    expect_same(&ours, &theirs);
}

static void test_every_rule_is_applied(void **state)
{
    static const char *const packages[] = { "a", "b", "c", "e", "g", "h", "unreached" };
    char path[] = "/tmp/tenure-packages-XXXXXX";
    int fd = mkstemp(path);
    struct command_result result;
    struct server_fixture f;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, index_text, sizeof(index_text) - 1), sizeof(index_text) - 1);
    assert_int_equal(close(fd), 0);
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        server_fixture_start(&f, mode, NULL);
        load(&f, path);
        compare_closures(&f, path, packages, sizeof(packages) / sizeof(packages[0]));
        result = run(&f, NEEDS, "a", NULL);
        assert_string_equal(result.out, "b\nc\ne\nh\n");
        command_result_free(&result);
        result = run(&f, PACKAGES, "-d", NULL);
        assert_string_equal(result.out, "7 names removed\n");
        command_result_free(&result);
        /* What is left are a and b, which need each other, and what they need. */
        assert_true(server_fixture_stop_with_cycles(&f) > 0);
    }
    assert_int_equal(unlink(path), 0);
}

/* Every n-th of the installed packages, as many as fit. The caller frees the names. */
static size_t choose_installed(FILE *file, char **ret_packages)
{
    char package[256] = "";
    char *line = NULL;
    size_t cap = 0;
    size_t n_seen = 0;
    size_t n = 0;

    while (n < PACKAGES_MAX && getline(&line, &cap, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "Package: ", 9) == 0)
            (void)snprintf(package, sizeof(package), "%s", line + 9);
        else if (strcmp(line, "Status: install ok installed") == 0 && n_seen++ % 30 == 0)
            assert_non_null(ret_packages[n++] = strdup(package));
    }
    free(line);
    return n;
}

static void test_the_installed_packages_are_walked(void **state)
{
    char *packages[PACKAGES_MAX];
    struct command_result removal;
    struct server_fixture f;
    size_t n;
    FILE *file = fopen(INSTALLED, "re");

    (void)state;
    if (!file)
        skip(); /* not a Debian system */
    n = choose_installed(file, packages);
    assert_int_equal(fclose(file), 0);
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    load(&f, INSTALLED);
    compare_closures(&f, INSTALLED, (const char *const *)packages, n);
    removal = run(&f, PACKAGES, "-d", NULL);
    command_result_free(&removal);
    (void)server_fixture_stop_with_cycles(&f);
    while (n > 0)
        free(packages[--n]);
}

static void test_the_quickstart_works(void **state)
{
    struct command_result result;
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    result = run(&f, TN_TEST_EXAMPLES_DIR "/quickstart", NULL);
    assert_string_equal(result.out, "3 items, 2 references\n");
    command_result_free(&result);
    server_fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule_is_applied),
        cmocka_unit_test(test_the_installed_packages_are_walked),
        cmocka_unit_test(test_the_quickstart_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
