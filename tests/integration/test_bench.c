/* SPDX-License-Identifier: MIT */
/*
 * tenure-bench as its users run it, with so few operations that it takes no
 * time: every workload in every mode gives a row with everything in it that was
 * promised, and mistakes on the command line are told. How long anything took is
 * not looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include <cmocka.h>

#define ARGS_MAX 32

/* A trial run: few operations, small worlds. */
#define TRIAL "--ops", "256", "--rounds", "2", "--warmup", "0", "--keys", "512", "--json"

static const char *const modes[] = { "gil", "atomic", "biased" };

struct output {
    char *text; /* of standard output, or of standard error if that was asked for */
    size_t len;
    int status;
};

/* Runs tenure-bench with arguments and collects what it writes to `fd`. */
static struct output run(int fd, const char *const *args)
{
    char *argv[ARGS_MAX + 2] = { (char *)(uintptr_t)TN_TEST_BENCH };
    struct output out = { 0 };
    int ends[2];
    pid_t pid;
    int status;
    ssize_t n;

    for (size_t i = 0; args[i] != NULL; i++) {
        assert_true(i < ARGS_MAX);
        argv[i + 1] = (char *)(uintptr_t)args[i];
    }
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], fd);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(ends[1]);
    do {
        out.text = realloc(out.text, out.len + 4096 + 1);
        assert_non_null(out.text);
        n = read(ends[0], out.text + out.len, 4096);
        assert_true(n >= 0);
        out.len += (size_t)n;
    } while (n > 0);
    out.text[out.len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
}

/* Runs it and parses its rows into an array, which the caller drops. */
static json_t *rows_of(const char *const *args)
{
    struct output out = run(STDOUT_FILENO, args);
    json_t *rows = json_array();

    if (out.status != 0)
        fail_msg("%s ended with %d: %s", TN_TEST_BENCH, out.status, out.text);
    for (char *line = out.text, *end; *line != '\0'; line = end + 1) {
        json_error_t error;
        json_t *row;

        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        row = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (row == NULL)
            fail_msg("not JSON: %s: %s", error.text, line);
        assert_int_equal(json_array_append_new(rows, row), 0);
    }
    free(out.text);
    return rows;
}

static const char *text_in(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    if (text == NULL)
        fail_msg("a row has no text '%s'", key);
    return text;
}

static double number_in(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);

    if (!json_is_number(value))
        fail_msg("a row has no number '%s'", key);
    return json_number_value(value);
}

/* The keys that every row begins with, in this order. */
static void expect_common_keys(json_t *row, const char *bench)
{
    static const char *const keys[] = { "bench",     "workload",       "mode",         "threads",
                                        "ns_per_op", "ops_per_second", "plain_pair_ns" };
    void *at = json_object_iter(row);

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_non_null(at);
        assert_string_equal(json_object_iter_key(at), keys[i]);
        at = json_object_iter_next(row, at);
    }
    if (bench != NULL)
        assert_string_equal(text_in(row, "bench"), bench);
    assert_true(number_in(row, "threads") >= 1);
    assert_true(number_in(row, "ns_per_op") > 0);
    assert_true(number_in(row, "ops_per_second") > 0);
    assert_true(number_in(row, "plain_pair_ns") > 0);
    assert_true(number_in(row, "rounds") == 2);
    assert_true(json_is_boolean(json_object_get(row, "baseline")));
}

/* How many rows there are of a workload, mode and number of threads. */
static unsigned int count(const json_t *rows, const char *workload, const char *mode,
                          unsigned int threads)
{
    unsigned int n = 0;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        n += strcmp(text_in(row, "workload"), workload) == 0 &&
             strcmp(text_in(row, "mode"), mode) == 0 && number_in(row, "threads") == threads;
    }
    return n;
}

/* Each workload has one row in each mode with each number of threads. */
static void expect_family(const char *bench, const char *const *workloads, unsigned int threads_min)
{
    const char *const args[] = { bench, "--threads", "1,2", TRIAL, NULL };
    json_t *rows = rows_of(args);

    for (size_t i = 0; i < json_array_size(rows); i++)
        expect_common_keys(json_array_get(rows, i), bench);
    for (size_t i = 0; workloads[i] != NULL; i++) {
        for (size_t j = 0; j < 3; j++) {
            for (unsigned int threads = 1; threads <= 2; threads++) {
                unsigned int n = count(rows, workloads[i], modes[j], threads);

                if (n != (threads >= threads_min))
                    fail_msg("%u rows of %s %s with %u threads", n, workloads[i], modes[j],
                             threads);
            }
        }
    }
    json_decref(rows);
}

static void test_refcount_has_a_row_for_everything(void **state)
{
    const char *const workloads[] = {
        "private", "shared", "foreign", "shared-owner", "tryref", NULL
    };

    (void)state;
    expect_family("refcount", workloads, 1);
}

static void test_alloc_has_a_row_for_everything(void **state)
{
    const char *const workloads[] = { "immediate", "batch", "replace", "object", NULL };

    (void)state;
    expect_family("alloc", workloads, 1);
}

static void test_alloc_handover_needs_two_threads(void **state)
{
    const char *const workloads[] = { "handover", NULL };

    (void)state;
    expect_family("alloc", workloads, 2);
}

static void test_alloc_measures_others_as_baselines(void **state)
{
    const char *const args[] = { "alloc", "--workload", "batch", "--threads", "1", TRIAL, NULL };
    const char *const without[] = { "alloc", "--workload", "batch",          "--threads",
                                    "1",     TRIAL,        "--no-baselines", NULL };
    json_t *rows = rows_of(args);

    (void)state;
    assert_int_equal(count(rows, "batch", "glibc", 1), 1);
    json_decref(rows);
    rows = rows_of(without);
    assert_int_equal(json_array_size(rows), 3);
    json_decref(rows);
}

static void test_heap_has_a_row_for_everything(void **state)
{
    const char *const workloads[] = { "private-list", "hot-read", "hot-count", "hot-list",
                                      "hot-dict",     "dict-get", "dict-95-5", "dict-set",
                                      "name-get",     "name-set", "mixed",     NULL };

    (void)state;
    expect_family("heap", workloads, 1);
}

static void test_heap_compares_names_with_lfht(void **state)
{
    const char *const args[] = { "heap",   "--workload", "name-get",  "--mode",
                                 "biased", TRIAL,        "--latency", NULL };
    json_t *rows = rows_of(args);

    (void)state;
    assert_int_equal(count(rows, "name-get", "cds_lfht", 1), 1);
    assert_int_equal(count(rows, "name-get", "biased", 2), 1);
    assert_int_equal(count(rows, "name-get", "gil", 1), 0);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        assert_true(number_in(row, "p50_ns") > 0);
        assert_true(number_in(row, "p99_ns") >= number_in(row, "p50_ns"));
        assert_true(number_in(row, "max_ns") >= number_in(row, "p999_ns"));
    }
    json_decref(rows);
}

static void expect_service_keys(const json_t *row)
{
    double p50 = number_in(row, "p50_us");
    double p99 = number_in(row, "p99_us");
    double p999 = number_in(row, "p999_us");

    assert_true(number_in(row, "pipeline") == 1 || number_in(row, "pipeline") == 5);
    assert_true(number_in(row, "connections") == 3);
    assert_true(number_in(row, "value_bytes") == 70);
    assert_true(number_in(row, "server_cpu_us_per_op") > 0);
    assert_true(p50 > 0 && p50 <= p99 && p99 <= p999);
}

static void test_service_has_a_row_for_everything(void **state)
{
    const char *const args[] = { "service", "--connections", "3",  "--pipeline",
                                 "1,5",     "--value-size",  "70", TRIAL,
                                 "--unix",  "--tcp",         NULL };
    static const char *const workloads[] = { "get", "set" };
    json_t *rows = rows_of(args);

    (void)state;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        expect_common_keys(json_array_get(rows, i), "service");
        expect_service_keys(json_array_get(rows, i));
    }
    for (size_t i = 0; i < 2; i++) {
        /* Two depths of the pipeline, two transports. */
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(count(rows, workloads[i], modes[j], 1), 4);
        assert_int_equal(count(rows, workloads[i], "echo", 1), 4);
    }
    json_decref(rows);
}

static void test_modes_is_the_default(void **state)
{
    const char *const args[] = { TRIAL, NULL };
    const char *const table[] = { "--ops", "256", "--rounds", "1", NULL };
    json_t *rows = rows_of(args);
    struct output out;

    (void)state;
    for (size_t i = 0; i < json_array_size(rows); i++)
        expect_common_keys(json_array_get(rows, i), NULL);
    for (size_t i = 0; i < 3; i++) {
        for (unsigned int threads = 1; threads <= 2; threads++) {
            assert_int_equal(count(rows, "private", modes[i], threads), 1);
            assert_int_equal(count(rows, "mixed", modes[i], threads), 1);
            assert_int_equal(count(rows, "hot-read", modes[i], threads), 1);
        }
    }
    json_decref(rows);
    out = run(STDOUT_FILENO, table);
    assert_int_equal(out.status, 0);
    assert_non_null(strstr(out.text, "x plain"));
    assert_non_null(strstr(out.text, "biased"));
    free(out.text);
}

static void expect_complaint(const char *const *args, const char *word)
{
    struct output out = run(STDERR_FILENO, args);

    if (out.status == 0 || strstr(out.text, word) == NULL)
        fail_msg("%s: status %d, and no word of '%s': %s", args[0], out.status, word, out.text);
    free(out.text);
}

static void test_mistakes_are_told(void **state)
{
    const char *const command[] = { "nonsense", NULL };
    const char *const workload[] = { "refcount", "--workload", "private,nonsense", NULL };
    const char *const mode[] = { "refcount", "--mode", "gil,nonsense", NULL };
    const char *const threads[] = { "refcount", "--threads", "0", NULL };
    const char *const list[] = { "heap", "--threads", "1,", NULL };
    const char *const request[] = { "service", "--workload", "nonsense", NULL };
    const char *const program[] = { "service", "--server", "/nonsense", NULL };

    (void)state;
    expect_complaint(command, "'nonsense'");
    expect_complaint(workload, "'nonsense'");
    expect_complaint(mode, "'nonsense'");
    expect_complaint(threads, "'0'");
    expect_complaint(list, "''");
    expect_complaint(request, "'nonsense'");
    expect_complaint(program, "/nonsense");
}

static void test_help_lists_commands_and_workloads(void **state)
{
    const char *const commands[] = { "--help", NULL };
    const char *const workloads[] = { "heap", "--help", NULL };
    struct output out = run(STDOUT_FILENO, commands);

    (void)state;
    assert_int_equal(out.status, 0);
    assert_non_null(strstr(out.text, "refcount"));
    assert_non_null(strstr(out.text, "service"));
    free(out.text);
    out = run(STDOUT_FILENO, workloads);
    assert_int_equal(out.status, 0);
    assert_non_null(strstr(out.text, "dict-95-5"));
    free(out.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refcount_has_a_row_for_everything),
        cmocka_unit_test(test_alloc_has_a_row_for_everything),
        cmocka_unit_test(test_alloc_handover_needs_two_threads),
        cmocka_unit_test(test_alloc_measures_others_as_baselines),
        cmocka_unit_test(test_heap_has_a_row_for_everything),
        cmocka_unit_test(test_heap_compares_names_with_lfht),
        cmocka_unit_test(test_service_has_a_row_for_everything),
        cmocka_unit_test(test_modes_is_the_default),
        cmocka_unit_test(test_mistakes_are_told),
        cmocka_unit_test(test_help_lists_commands_and_workloads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
