/* SPDX-License-Identifier: MIT */
/* tenured as a process: options, signals, sockets, and its service manager. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/daemon.h"
#include "tests/support/raw_client.h"

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Runs it with arguments with which it does not serve; returns the exit code. */
static int run(const char *const *arguments, const char *const *environment, char *output,
               size_t size)
{
    struct daemon d;
    int code;

    daemon_set_up(&d);
    daemon_run(&d, arguments, environment);
    code = daemon_wait(&d, output, size);
    daemon_tear_down(&d);
    return code;
}

/* ---- Options ---- */

static void test_options_are_checked(void **state)
{
    static const struct {
        const char *argument;
        const char *environment;
        int code;
        const char *output;
    } cases[] = {
        { "--version", NULL, 0, "tenured " TN_VERSION },
        { "--help", NULL, 0, "--max-memory=BYTES" },
        { "--check-config", NULL, 0, "the configuration is valid" },
        { "--print-config", "TENURE_MAX_MEMORY=96mb", 0, "max-memory = 96mb" },
        { "--print-config", "TENURE_MODE=gil", 0, "mode = gil" },
        { "--check-config", "TENURE_MODE=fast", 2,
          "environment variable TENURE_MODE: mode: 'fast' is not gil, atomic or biased" },
        { "--nonsense", NULL, 2, "unrecognized option" },
        { "serve", NULL, 2, "'serve' is not an option" },
        { "--workers=many", NULL, 2, "--workers: 'many' is not a number" },
        { "--max-memory=-1", NULL, 2, "--max-memory: '-1' is not a size" },
        { "--listen=tcp:192.0.2.1:80", NULL, 2, "there is no authentication yet" },
        { "--listen=tcp:0.0.0.0:80", NULL, 2, "there is no authentication yet" },
        { "--config=/nonexistent/file", NULL, 2, "cannot read /nonexistent/file" },
        { "--max-memory=1kb", "TENURE_LISTEN=tcp:127.0.0.1:0", 1,
          "max-memory is too small for an empty heap" },
        { "--listen=unix:/nonexistent/socket", NULL, 3, "cannot open the directory /nonexistent" },
        { "--listen=unix:/etc/passwd", NULL, 3, "exists and is not a socket" },
    };

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(cases); i++) {
        const char *arguments[] = { cases[i].argument, NULL };
        const char *environment[] = { cases[i].environment, NULL };
        char output[8192];
        int code = run(arguments, environment, output, sizeof(output));

        if (code != cases[i].code || strstr(output, cases[i].output) == NULL)
            fail_msg("%s: exit code %d, not %d; output: %s", cases[i].argument, code, cases[i].code,
                     output);
    }
}

/* ---- Sockets ---- */

static void test_socket_is_private_and_removed(void **state)
{
    struct raw_client c;
    struct daemon d;
    struct stat st;
    int code;

    (void)state;
    daemon_set_up(&d);
    daemon_start(&d, NULL, NULL);
    assert_int_equal(stat(d.socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    raw_open(&c, &d.unix_address);
    EXPECT(&c, "new", "set x [1]");
    raw_close(&c);
    raw_open(&c, &d.tcp_address);
    EXPECT(&c, "[1]", "get x");
    raw_close(&c);
    daemon_signal(&d, SIGHUP); /* changes nothing */
    raw_open(&c, &d.tcp_address);
    EXPECT(&c, "[1]", "get x");
    raw_close(&c);
    daemon_signal(&d, SIGINT);
    code = daemon_wait(&d, NULL, 0);
    assert_int_equal(code, 0);
    assert_false(exists(d.socket_path));
    assert_false(exists(d.port_path));
    daemon_tear_down(&d);
}

static void test_second_server_is_refused_and_stale_socket_replaced(void **state)
{
    char listen_option[128];
    const char *arguments[] = { listen_option, NULL };
    char output[1024];
    struct raw_client c;
    struct daemon d;

    (void)state;
    daemon_set_up(&d);
    daemon_start(&d, NULL, NULL);
    (void)snprintf(listen_option, sizeof(listen_option), "--listen=unix:%s", d.socket_path);
    assert_int_equal(run(arguments, NULL, output, sizeof(output)), 3);
    assert_non_null(strstr(output, "another server is listening on"));
    (void)snprintf(listen_option, sizeof(listen_option), "--listen=tcp:127.0.0.1:%u",
                   tn_address_port(&d.tcp_address));
    assert_int_equal(run(arguments, NULL, output, sizeof(output)), 3);
    assert_non_null(strstr(output, "Address already in use"));
    raw_open(&c, &d.unix_address); /* the first one has not noticed */
    raw_close(&c);

    daemon_signal(&d, SIGKILL);
    assert_int_equal(daemon_wait(&d, NULL, 0), 128 + SIGKILL);
    assert_true(exists(d.socket_path));
    daemon_start(&d, NULL, NULL);
    raw_open(&c, &d.unix_address);
    EXPECT(&c, "pong again", "ping again");
    raw_close(&c);
    daemon_signal(&d, SIGTERM);
    assert_int_equal(daemon_wait(&d, NULL, 0), 0);
    daemon_tear_down(&d);
}

static void test_default_socket_is_in_the_runtime_directory(void **state)
{
    char environment_text[128];
    char path[128];
    const char *environment[] = { environment_text, NULL };
    const char *arguments[] = { NULL };
    struct raw_client c;
    struct daemon d;
    struct stat st;
    char text[160];

    (void)state;
    daemon_set_up(&d);
    (void)snprintf(environment_text, sizeof(environment_text), "XDG_RUNTIME_DIR=%s", d.directory);
    (void)snprintf(path, sizeof(path), "%s/tenure/tenured.sock", d.directory);
    daemon_run(&d, arguments, environment);
    /* Port 7477 may be in use on this machine; then it says so and ends. */
    if (daemon_is_ready(&d)) {
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        (void)snprintf(text, sizeof(text), "unix:%s", path);
        assert_int_equal(tn_address_parse(text, &d.unix_address, NULL), 0);
        raw_open(&c, &d.unix_address);
        raw_close(&c);
        daemon_signal(&d, SIGTERM);
        assert_int_equal(daemon_wait(&d, NULL, 0), 0);
    } else {
        assert_int_equal(daemon_wait(&d, text, sizeof(text)), 3);
        assert_non_null(strstr(text, "cannot bind to tcp:127.0.0.1:7477"));
    }
    assert_false(exists(path));
    (void)snprintf(path, sizeof(path), "%s/tenure", d.directory);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(rmdir(path), 0);
    daemon_tear_down(&d);
}

/* ---- Stopping ---- */

static void test_shutdown_answers_what_has_arrived(void **state)
{
    struct raw_client busy;
    struct raw_client idle;
    Tenure__V1__Response *response;
    struct daemon d;
    uint64_t n = 0;

    (void)state;
    daemon_set_up(&d);
    daemon_start(&d, NULL, NULL);
    raw_open(&busy, &d.unix_address);
    raw_open(&idle, &d.tcp_address);
    for (int i = 0; i < 500; i++)
        assert_true(raw_send(&busy, raw_parse(&busy, "ping")));
    assert_non_null(raw_receive(&busy));
    daemon_signal(&d, SIGTERM);
    daemon_await_notice(&d, "STOPPING=1");

    /* In order and whole, up to some point; and then the last words. */
    while ((response = raw_receive(&busy)) != NULL) {
        if (response->id == 0)
            break;
        assert_int_equal(response->id, 3 + n++);
    }
    assert_non_null(response);
    assert_string_equal(raw_print(&busy, response), "UNAVAILABLE SHUTTING_DOWN");
    response = raw_receive(&idle);
    assert_non_null(response);
    assert_int_equal(response->id, 0);
    assert_string_equal(raw_print(&idle, response), "UNAVAILABLE SHUTTING_DOWN");
    assert_null(raw_receive(&idle));
    raw_close(&busy);
    raw_close(&idle);
    assert_int_equal(daemon_wait(&d, NULL, 0), 0);
    daemon_tear_down(&d);
}

/* A client with answers that it does not take. */
static void be_stuck(struct raw_client *c, const struct daemon *d)
{
    struct pollfd fd = { .events = POLLIN };
    uint8_t *bytes = calloc(1, 1 << 20);
    Tenure__V1__Request *request;

    assert_non_null(bytes);
    raw_open(c, &d->unix_address);
    request = raw_parse(c, "set large b''");
    request->set->value->data = (ProtobufCBinaryData){ .len = 1 << 20, .data = bytes };
    request->set->value->sizes[0] = 1 << 20;
    assert_null(raw_call(c, request)->status);
    free(bytes);
    for (int i = 0; i < 10; i++)
        assert_true(raw_send(c, raw_parse(c, "get large")));
    /* The first answer has begun to arrive, so the server is at it. */
    fd.fd = c->fd;
    assert_int_equal(poll(&fd, 1, 60000), 1);
}

static void test_second_signal_forces_the_end(void **state)
{
    static const char *const arguments[] = { "--drain-timeout=10min", NULL };
    char output[4096];
    struct raw_client c;
    struct daemon d;

    (void)state;
    daemon_set_up(&d);
    daemon_start(&d, arguments, NULL);
    be_stuck(&c, &d);
    daemon_signal(&d, SIGTERM);
    daemon_await_notice(&d, "STOPPING=1");
    daemon_signal(&d, SIGTERM);
    assert_int_equal(daemon_wait(&d, output, sizeof(output)), 4);
    assert_non_null(strstr(output, "msg=\"stopping at once\""));
    assert_non_null(strstr(output, "orderly=false"));
    raw_close(&c);
    assert_false(exists(d.socket_path));
    daemon_tear_down(&d);
}

static void test_drain_timeout_forces_the_end(void **state)
{
    static const char *const arguments[] = { "--drain-timeout=200ms", NULL };
    struct raw_client c;
    struct daemon d;

    (void)state;
    daemon_set_up(&d);
    daemon_start(&d, arguments, NULL);
    be_stuck(&c, &d);
    daemon_signal(&d, SIGTERM);
    assert_int_equal(daemon_wait(&d, NULL, 0), 4);
    raw_close(&c);
    daemon_tear_down(&d);
}

/* ---- The service manager ---- */

static void test_watchdog_hears_from_us(void **state)
{
    static const char *const environment[] = { "WATCHDOG_USEC=100000", NULL };
    struct daemon d;

    (void)state;
    daemon_set_up(&d);
    daemon_start(&d, NULL, environment);
    for (int i = 0; i < 3; i++)
        daemon_await_notice(&d, "WATCHDOG=1");
    daemon_signal(&d, SIGTERM);
    assert_int_equal(daemon_wait(&d, NULL, 0), 0);
    daemon_tear_down(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_socket_is_private_and_removed),
        cmocka_unit_test(test_second_server_is_refused_and_stale_socket_replaced),
        cmocka_unit_test(test_default_socket_is_in_the_runtime_directory),
        cmocka_unit_test(test_shutdown_answers_what_has_arrived),
        cmocka_unit_test(test_second_signal_forces_the_end),
        cmocka_unit_test(test_drain_timeout_forces_the_end),
        cmocka_unit_test(test_watchdog_hears_from_us),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
