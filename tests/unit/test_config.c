/* SPDX-License-Identifier: MIT */
/* Configuration: values, files, precedence; and addresses. */
#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/err.h"

static void set(struct tn_config *config, const char *name, const char *text,
                enum tn_config_source source)
{
    struct tn_problem problem = { { 0 } };
    enum tn_config_id id;

    assert_int_equal(tn_option_find(name, &id), 0);
    if (tn_config_set(config, id, text, source, &problem) < 0)
        fail_msg("%s = %s: %s", name, text, problem.text);
}

/* What is wrong with a text. */
static const char *complaint(const char *name, const char *text)
{
    static struct tn_problem problem;
    struct tn_config config;
    enum tn_config_id id;

    problem = (struct tn_problem){ { 0 } };
    tn_config_init(&config);
    assert_int_equal(tn_option_find(name, &id), 0);
    assert_int_equal(tn_config_set(&config, id, text, TN_CONFIG_FLAG, &problem), TN_ERR_INVAL);
    assert_int_equal(config.source[id], TN_CONFIG_DEFAULT);
    return problem.text;
}

/* ---- Values ---- */

static void test_sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        { "0", 0 },       { "65536", 65536 }, { "64kb", 65536 }, { "64 KiB", 65536 },
        { "64K", 65536 }, { "3MB", 3 << 20 }, { "1g", 1 << 30 }, { "2tb", UINT64_C(2) << 40 },
    };
    struct tn_config config;

    (void)state;
    tn_config_init(&config);
    for (size_t i = 0; i < TN_ARRAY_LEN(cases); i++) {
        set(&config, "max-memory", cases[i].text, TN_CONFIG_FLAG);
        assert_int_equal(config.max_memory_bytes, cases[i].bytes);
    }
    assert_string_equal(complaint("max-memory", "lots"),
                        "max-memory: 'lots' is not a size such as 4096, 64kb, 16mb or 2gb");
    (void)complaint("max-memory", "");
    (void)complaint("max-memory", "-1");
    (void)complaint("max-memory", "1.5mb");
    (void)complaint("max-memory", "5m5");
    (void)complaint("max-memory", "99999999999999999999999999");
    (void)complaint("max-memory", "18446744073709551615kb");
    assert_string_equal(complaint("max-frame", "1kb"),
                        "max-frame: 1kb is not between 64kb and 1gb");
}

static void test_times_have_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        { "10", 10000000000 },    { "10s", 10000000000 },  { "500ms", 500000000 },
        { "2min", 120000000000 }, { "1h", 3600000000000 }, { "0", 0 },
    };
    struct tn_config config;

    (void)state;
    tn_config_init(&config);
    for (size_t i = 0; i < TN_ARRAY_LEN(cases); i++) {
        set(&config, "drain-timeout", cases[i].text, TN_CONFIG_FLAG);
        assert_int_equal(config.drain_timeout_ns, cases[i].ns);
    }
    (void)complaint("drain-timeout", "soon");
    (void)complaint("drain-timeout", "10 years");
    (void)complaint("hello-timeout", "0");
    (void)complaint("switch-interval", "2s");
}

static void test_numbers_are_written_as_they_are_read(void **state)
{
    static const uint64_t numbers[] = { 0, 1, 1023, 1024, 65536, 1536, 3 << 20, 1 << 30, 1000000 };

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(numbers); i++) {
        struct tn_config config;
        char text[32];

        tn_config_init(&config);
        tn_config_format_bytes(numbers[i], text);
        set(&config, "max-memory", text, TN_CONFIG_FLAG);
        assert_int_equal(config.max_memory_bytes, numbers[i]);
        tn_config_format_duration(numbers[i], text);
        set(&config, "drain-timeout", text, TN_CONFIG_FLAG);
        assert_int_equal(config.drain_timeout_ns, numbers[i]);
    }
}

static void test_words_are_checked(void **state)
{
    struct tn_config config;
    enum tn_config_id id;

    (void)state;
    tn_config_init(&config);
    assert_int_equal(config.mode, TN_MODE_BIASED);
    set(&config, "mode", "gil", TN_CONFIG_FLAG);
    assert_int_equal(config.mode, TN_MODE_GIL);
    set(&config, "log-level", "debug", TN_CONFIG_FLAG);
    assert_int_equal(config.log_level, TN_LOG_DEBUG);
    assert_string_equal(complaint("mode", "GIL"), "mode: 'GIL' is not gil, atomic or biased");
    (void)complaint("log-level", "loud");
    (void)complaint("workers", "257");
    (void)complaint("workers", "two");
    (void)complaint("max-connections", "0");
    assert_int_equal(tn_option_find("max_memory", &id), TN_ERR_NAME);
    assert_int_equal(tn_option_find("", &id), TN_ERR_NAME);
}

/* ---- Precedence ---- */

static void test_higher_sources_override_lower_ones(void **state)
{
    struct tn_problem problem = { { 0 } };
    struct tn_config config;

    (void)state;
    tn_config_init(&config);
    set(&config, "workers", "3", TN_CONFIG_FLAG);
    set(&config, "workers", "1", TN_CONFIG_FILE);
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.source[TN_OPTION_WORKERS], TN_CONFIG_FLAG);

    assert_int_equal(setenv("TENURE_MAX_CONNECTIONS", "77", 1), 0);
    assert_int_equal(setenv("TENURE_WORKERS", "4", 1), 0);
    assert_int_equal(setenv("TENURE_MODE", "", 1), 0); /* empty is not given */
    assert_int_equal(tn_config_read_environment(&config, &problem), 0);
    assert_int_equal(config.max_connections, 77);
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.source[TN_OPTION_MODE], TN_CONFIG_DEFAULT);
    assert_int_equal(setenv("TENURE_MAX_CONNECTIONS", "none", 1), 0);
    assert_int_equal(tn_config_read_environment(&config, &problem), TN_ERR_INVAL);
    assert_string_equal(problem.text, "environment variable TENURE_MAX_CONNECTIONS: "
                                      "max-connections: 'none' is not a number");
    (void)unsetenv("TENURE_MAX_CONNECTIONS");
    (void)unsetenv("TENURE_WORKERS");
    (void)unsetenv("TENURE_MODE");
}

static void test_addresses_add_up_within_a_source(void **state)
{
    struct tn_config config;
    char text[TN_ADDRESS_TEXT_SIZE];

    (void)state;
    tn_config_init(&config);
    set(&config, "listen", "unix:/a, unix:/b", TN_CONFIG_FILE);
    set(&config, "listen", "tcp:127.0.0.1:1", TN_CONFIG_FILE);
    assert_int_equal(config.n_listen, 3);
    set(&config, "listen", "unix:/c", TN_CONFIG_FLAG);
    set(&config, "listen", "unix:/d", TN_CONFIG_ENVIRONMENT);
    set(&config, "listen", "tcp:[::1]:2", TN_CONFIG_FLAG);
    assert_int_equal(config.n_listen, 2);
    tn_address_format(&config.listen[0], text);
    assert_string_equal(text, "unix:/c");
    tn_address_format(&config.listen[1], text);
    assert_string_equal(text, "tcp:[::1]:2");
}

static void test_finishing_fills_in_and_checks(void **state)
{
    struct tn_problem problem = { { 0 } };
    struct tn_config config;
    char text[TN_ADDRESS_TEXT_SIZE];

    (void)state;
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
    tn_config_init(&config);
    assert_int_equal(tn_config_finish(&config, &problem), 0);
    assert_int_equal(config.n_listen, 2);
    assert_true(config.workers > 0);
    tn_address_format(&config.listen[0], text);
    assert_string_equal(text, "unix:/run/user/7/tenure/tenured.sock");
    assert_true(config.listen[0].makes_directory);
    tn_address_format(&config.listen[1], text);
    assert_string_equal(text, "tcp:127.0.0.1:7477");

    (void)unsetenv("XDG_RUNTIME_DIR");
    tn_config_init(&config);
    set(&config, "max-frame", "512mb", TN_CONFIG_FLAG);
    assert_int_equal(tn_config_finish(&config, &problem), 0);
    assert_int_equal(config.max_buffers_bytes, 1 << 30); /* raised, as nobody said otherwise */
    tn_address_format(&config.listen[0], text);
    assert_string_equal(text, "unix:/run/tenure/tenured.sock");

    set(&config, "max-buffers", "512mb", TN_CONFIG_FLAG);
    assert_int_equal(tn_config_finish(&config, &problem), TN_ERR_INVAL);
    assert_string_equal(problem.text,
                        "max-buffers must be at least twice max-frame, which is 512mb");
    problem.text[0] = '\0';
    tn_config_init(&config);
    set(&config, "listen", " , ", TN_CONFIG_FLAG);
    assert_int_equal(tn_config_finish(&config, &problem), TN_ERR_INVAL);
    assert_string_equal(problem.text, "listen: no address is given");
}

/* ---- Files ---- */

/* Reads a file with this content; returns what is wrong with it, without the
 * file's name, or NULL. */
static const char *read_text(struct tn_config *config, const char *content)
{
    static struct tn_problem problem;
    char path[] = "/tmp/tenure-test-XXXXXX";
    int fd = mkstemp(path);
    size_t len = strlen(content);
    int r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), len);
    assert_int_equal(close(fd), 0);
    problem = (struct tn_problem){ { 0 } };
    tn_config_init(config);
    r = tn_config_read_file(config, path, false, &problem);
    assert_int_equal(unlink(path), 0);
    if (r == 0)
        return NULL;
    assert_int_equal(r, TN_ERR_INVAL);
    assert_int_equal(strncmp(problem.text, path, strlen(path)), 0);
    return problem.text + strlen(path);
}

static void test_files_are_read(void **state)
{
    struct tn_config config;

    (void)state;
    assert_null(read_text(&config, ""));
    assert_null(read_text(&config, "# a comment\n"
                                   "; another\n"
                                   "\n"
                                   "  mode = atomic   ; beside it\n"
                                   "max-memory=64mb\r\n"
                                   "listen = unix:/a\n"
                                   "listen = unix:/b unix:/c\n"
                                   "workers: 5"));
    assert_int_equal(config.mode, TN_MODE_ATOMIC);
    assert_int_equal(config.max_memory_bytes, 64 << 20);
    assert_int_equal(config.n_listen, 3);
    assert_int_equal(config.workers, 5);
    assert_int_equal(config.source[TN_OPTION_WORKERS], TN_CONFIG_FILE);
}

static void test_mistakes_in_files_are_found_where_they_are(void **state)
{
    char long_line[400];
    struct tn_config config;

    (void)state;
    assert_string_equal(read_text(&config, "mode = gil\nmax-memry = 1\n"),
                        ":2: unknown key: max-memry");
    assert_string_equal(read_text(&config, "\n\nmode = fast\n"),
                        ":3: mode: 'fast' is not gil, atomic or biased");
    assert_string_equal(read_text(&config, "workers = 1\nworkers = 2\n"),
                        ":2: given twice: workers");
    assert_string_equal(read_text(&config, "workers = 1\nmode\n"),
                        ":2: this is not a line 'key = value'");
    assert_string_equal(read_text(&config, "[tenured]\nworkers = 1\n"),
                        ":1: there are no sections here");
    assert_string_equal(read_text(&config, "listen = tcp:8.8.8.8:53\n"),
                        ":1: listen: 'tcp:8.8.8.8:53' can be reached from other machines; there is "
                        "no authentication yet, so only 127.0.0.0/8 and [::1] are allowed");
    (void)snprintf(long_line, sizeof(long_line), "mode = gil\nport-file = /%0300d\n", 0);
    assert_string_equal(read_text(&config, long_line), ":2: the line is too long");
}

static void test_missing_files_are_told(void **state)
{
    struct tn_problem problem = { { 0 } };
    struct tn_config config;

    (void)state;
    tn_config_init(&config);
    assert_int_equal(tn_config_read_file(&config, "/nonexistent", true, &problem), 0);
    assert_int_equal(tn_config_read_file(&config, "/nonexistent", false, &problem), TN_ERR_IO);
    assert_string_equal(problem.text, "cannot read /nonexistent: No such file or directory");
    problem.text[0] = '\0';
    assert_int_equal(tn_config_read_file(&config, "/", true, &problem), TN_ERR_IO);
}

static void test_what_is_printed_can_be_read(void **state)
{
    struct tn_config config;
    struct tn_config again;
    char *text = NULL;
    size_t size = 0;
    FILE *out;

    (void)state;
    tn_config_init(&config);
    set(&config, "mode", "gil", TN_CONFIG_FLAG);
    set(&config, "listen", "unix:/x tcp:127.0.0.1:0", TN_CONFIG_FLAG);
    set(&config, "max-memory", "1gb", TN_CONFIG_FLAG);
    set(&config, "write-timeout", "1500ms", TN_CONFIG_FLAG);
    assert_int_equal(tn_config_finish(&config, NULL), 0);
    out = open_memstream(&text, &size);
    assert_non_null(out);
    tn_config_print(&config, out);
    assert_int_equal(fclose(out), 0);
    assert_null(read_text(&again, text));
    free(text);
    memcpy(again.source, config.source, sizeof(again.source));
    assert_memory_equal(&again, &config, sizeof(config));
}

/* The example and the manual page tell of every option, and of no other. */
static void test_documents_know_every_option(void **state)
{
    static const char *const paths[] = { TN_TEST_SOURCE_DIR "/server/tenured.conf.example",
                                         TN_TEST_SOURCE_DIR "/server/man/tenured.conf.5",
                                         TN_TEST_SOURCE_DIR "/server/man/tenured.8" };

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(paths); i++) {
        char *text = calloc(1, 1 << 16);
        FILE *file = fopen(paths[i], "re");

        assert_non_null(text);
        assert_non_null(file);
        assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
        assert_int_equal(fclose(file), 0);
        for (unsigned int id = 0; id < TN_OPTION_END; id++)
            if (strstr(text, tn_option_of((enum tn_config_id)id)->name) == NULL)
                fail_msg("%s does not tell of %s", paths[i],
                         tn_option_of((enum tn_config_id)id)->name);
        free(text);
    }
}

static void test_example_file_is_valid_and_says_the_defaults(void **state)
{
    struct tn_problem problem = { { 0 } };
    struct tn_config defaults;
    struct tn_config config;

    (void)state;
    tn_config_init(&defaults);
    tn_config_init(&config);
    if (tn_config_read_file(&config, TN_TEST_SOURCE_DIR "/server/tenured.conf.example", false,
                            &problem) < 0)
        fail_msg("%s", problem.text);
    memcpy(config.source, defaults.source, sizeof(config.source));
    assert_memory_equal(&config, &defaults, sizeof(config));
}

/* ---- Addresses ---- */

static void test_addresses_are_parsed(void **state)
{
    static const struct {
        const char *text;
        const char *written;
        unsigned int port;
    } good[] = {
        { "unix:/run/x.sock", "unix:/run/x.sock", 0 },
        { "unix:relative", "unix:relative", 0 },
        { "tcp:127.0.0.1:7477", "tcp:127.0.0.1:7477", 7477 },
        { "tcp:127.9.9.9:0", "tcp:127.9.9.9:0", 0 },
        { "tcp:localhost:65535", "tcp:127.0.0.1:65535", 65535 },
        { "tcp:[::1]:80", "tcp:[::1]:80", 80 },
    };
    static const char *const bad[] = {
        "",
        "unix:",
        "unix:@abstract",
        "tcp:127.0.0.1",
        "tcp:127.0.0.1:",
        "tcp::80",
        "tcp:1.2.3.4:80",
        "tcp:0.0.0.0:80",
        "tcp:[::]:80",
        "tcp:127.0.0.1:65536",
        "tcp:::1:80",
        "tcp:[::1:80",
        "127.0.0.1:80",
        "tcp:127.0.0.1:80x",
        "tcp:example.org:80",
    };
    struct tn_address address;
    char text[TN_ADDRESS_TEXT_SIZE];
    char long_path[300];

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(good); i++) {
        assert_int_equal(tn_address_parse(good[i].text, &address, NULL), 0);
        tn_address_format(&address, text);
        assert_string_equal(text, good[i].written);
        assert_int_equal(tn_address_port(&address), good[i].port);
    }
    for (size_t i = 0; i < TN_ARRAY_LEN(bad); i++) {
        struct tn_problem problem = { { 0 } };

        assert_int_equal(tn_address_parse(bad[i], &address, &problem), TN_ERR_INVAL);
        assert_string_not_equal(problem.text, "");
    }
    (void)snprintf(long_path, sizeof(long_path), "unix:/%0200d", 0);
    assert_int_equal(tn_address_parse(long_path, &address, NULL), TN_ERR_INVAL);
}

/* ---- The collector ---- */

static int set_option(struct tn_config *config, enum tn_config_id id, const char *text)
{
    struct tn_problem problem = { { 0 } };

    return tn_config_set(config, id, text, TN_CONFIG_FLAG, &problem);
}

static void test_collector_follows_the_mode_unless_it_is_given(void **state)
{
    struct tn_problem problem = { { 0 } };
    struct tn_config config;

    (void)state;
    for (unsigned int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        tn_config_init(&config);
        config.mode = (enum tn_mode)mode;
        assert_int_equal(tn_config_finish(&config, &problem), 0);
        assert_int_equal(config.collector,
                         mode == TN_MODE_GIL ? TN_GC_GENERATIONAL : TN_GC_CONCURRENT);
        assert_int_equal(set_option(&config, TN_OPTION_COLLECTOR, "none"), 0);
        assert_int_equal(tn_config_finish(&config, &problem), 0);
        assert_int_equal(config.collector, TN_GC_NONE);
    }
}

static void test_options_of_the_collector_are_checked(void **state)
{
    static const char *const bad[] = { "",     "1",      "1,2",    "1,2,",           "1,2,3,",
                                       ",2,3", "1,-2,3", "1, 2,3", "4294967296,1,1", "a,b,c" };
    struct tn_config config;

    (void)state;
    tn_config_init(&config);
    assert_int_equal(set_option(&config, TN_OPTION_GC_THRESHOLD, "0,20,4294967295"), 0);
    for (size_t i = 0; i < TN_ARRAY_LEN(bad); i++)
        assert_int_equal(set_option(&config, TN_OPTION_GC_THRESHOLD, bad[i]), TN_ERR_INVAL);
    assert_int_equal(config.gc_thresholds[0], 0);
    assert_int_equal(config.gc_thresholds[1], 20);
    assert_int_equal(config.gc_thresholds[2], UINT32_MAX);
    assert_int_equal(set_option(&config, TN_OPTION_GC_ON_REQUEST, "yes"), 0);
    assert_true(config.gc_on_request);
    assert_int_equal(set_option(&config, TN_OPTION_GC_ON_REQUEST, "maybe"), TN_ERR_INVAL);
    assert_true(config.gc_on_request);
    assert_int_equal(set_option(&config, TN_OPTION_COLLECTOR, "moving"), TN_ERR_INVAL);
    assert_int_equal(set_option(&config, TN_OPTION_GC_CPU_PERCENT, "101"), TN_ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_have_units),
        cmocka_unit_test(test_times_have_units),
        cmocka_unit_test(test_numbers_are_written_as_they_are_read),
        cmocka_unit_test(test_words_are_checked),
        cmocka_unit_test(test_higher_sources_override_lower_ones),
        cmocka_unit_test(test_addresses_add_up_within_a_source),
        cmocka_unit_test(test_finishing_fills_in_and_checks),
        cmocka_unit_test(test_files_are_read),
        cmocka_unit_test(test_mistakes_in_files_are_found_where_they_are),
        cmocka_unit_test(test_missing_files_are_told),
        cmocka_unit_test(test_what_is_printed_can_be_read),
        cmocka_unit_test(test_documents_know_every_option),
        cmocka_unit_test(test_example_file_is_valid_and_says_the_defaults),
        cmocka_unit_test(test_addresses_are_parsed),
        cmocka_unit_test(test_collector_follows_the_mode_unless_it_is_given),
        cmocka_unit_test(test_options_of_the_collector_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
