/* SPDX-License-Identifier: MIT */
/* Exports: objects handed from session to session; and who holds an object. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "core/base/check.h"
#include "tests/support/command.h"
#include "tests/support/server_fixture.h"

static const char *const one_worker[] = { "workers", "1", NULL };

/* Nothing is left. What one worker drops of another that has stopped already is worked
 * off by nobody in particular, so that is looked at when the heap is freed. */
static void stop(struct server_fixture *f)
{
    assert_int_equal(server_fixture_stop_with_cycles(f), 0);
}

static void in_each_mode(void (*body)(struct server_fixture *f), const char *const *options)
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;

        server_fixture_start(&f, (enum tn_mode)mode, options);
        body(&f);
        stop(&f);
    }
}

static void ok(tn_client *client, int result)
{
    if (result < 0)
        fail_msg("%s: %s", tn_errno_name(result), tn_client_error(client)->message);
}

static tn_client *connect_to(const char *endpoint, const char *space, uint32_t lease_ms)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = endpoint;
    options.namespace_name = space;
    options.lease_ms = lease_ms;
    if (tn_client_open(&options, &client) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    return client;
}

static bool is_empty(struct tn_census *census, void *arg)
{
    (void)arg;
    return census->live_objs == 0;
}

static tn_handle *put_list(tn_client *client, int64_t number)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_value inner = tn_value_list(values);
    tn_value list = tn_value_list(values);
    tn_handle *handle = NULL;

    tn_value_append(inner, tn_value_int(values, number));
    tn_value_append(list, inner);
    ok(client, tn_client_put(client, list, &handle));
    return handle;
}

/* ---- From session to session ---- */

static void body_hands_over(struct server_fixture *f)
{
    tn_client *from = connect_to(f->endpoint, "here", 0);
    TN_CLIENT_CLEANUP tn_client *to = connect_to(f->endpoint, "there", 0);
    TN_HANDLE_CLEANUP tn_handle *got = NULL;
    TN_HANDLE_CLEANUP tn_handle *again = NULL;
    tn_export_options options = TN_EXPORT_OPTIONS_INIT;
    tn_handle *handle = put_list(from, 7); /* nobody else has ever seen it */
    tn_token token, once, parsed;
    char text[TN_TOKEN_TEXT_SIZE];
    uint32_t ttl_ms = 0;
    uint64_t length;
    bool existed;

    options.ttl_ms = 100000;
    ok(from, tn_client_export(from, tn_held(handle), &options, &token, &ttl_ms));
    assert_int_equal(ttl_ms, 100000);
    options.once = true;
    ok(from, tn_client_export(from, tn_held(handle), &options, &once, NULL));
    assert_memory_not_equal(&token, &once, sizeof(token));
    tn_token_format(&token, text);
    assert_int_equal(tn_token_parse(text, &parsed), 0);
    assert_memory_equal(&token, &parsed, sizeof(token));
    text[31] = 'x';
    assert_int_equal(tn_token_parse(text, &parsed), TN_EINVAL);
    assert_int_equal(tn_token_parse("ab", &parsed), TN_EINVAL);

    tn_handle_release(&handle);
    tn_client_close(&from); /* the exports stay */
    ok(to, tn_client_import(to, &token, &got));
    ok(to, tn_client_length(to, tn_held(got), &length));
    assert_int_equal(length, 1);
    ok(to, tn_client_import(to, &once, &again));
    assert_int_equal(tn_client_import(to, &once, &again), TN_ENAME);
    assert_string_equal(tn_client_error(to)->reason, "EXPORT_NOT_FOUND");
    ok(to, tn_client_revoke(to, &token, &existed));
    assert_true(existed);
    ok(to, tn_client_revoke(to, &token, &existed));
    assert_false(existed);
    assert_int_equal(tn_client_import(to, &token, &again), TN_ENAME);
    ok(to, tn_client_length(to, tn_held(again), &length)); /* what was imported stays */
    assert_int_equal(tn_client_import(to, NULL, &again), TN_EINVAL);
    assert_int_equal(tn_client_export(to, tn_named("nothing"), NULL, &token, NULL), TN_ENAME);
}

static void test_an_object_is_handed_over(void **state)
{
    (void)state;
    in_each_mode(body_hands_over, NULL);
}

/* Exports that are over drop what they held, in bounded steps; the server's end takes
 * those along that are not. */
static void body_expires(struct server_fixture *f)
{
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL, 0);
    tn_export_options options = TN_EXPORT_OPTIONS_INIT;
    tn_token token;
    tn_handle *got = NULL;

    options.ttl_ms = 1;
    for (int i = 0; i < 2000; i++) {
        TN_HANDLE_CLEANUP tn_handle *handle = put_list(client, i);
        int r = tn_client_export(client, tn_held(handle), &options, &token, NULL);

        assert_true(r == 0 || r == TN_ETOO_BIG); /* 1024 at a time */
    }
    ok(client, tn_client_release(client, NULL));
    server_fixture_await(f, is_empty, NULL);
    assert_int_equal(tn_client_import(client, &token, &got), TN_ENAME);

    options.ttl_ms = 0;
    for (int i = 0; i < 1100; i++) {
        TN_HANDLE_CLEANUP tn_handle *handle = put_list(client, i);
        int r = tn_client_export(client, tn_held(handle), &options, &token, NULL);

        assert_int_equal(r, i < 1024 ? 0 : TN_ETOO_BIG);
    }
}

static void test_exports_expire(void **state)
{
    (void)state;
    in_each_mode(body_expires, NULL);
}

static void test_a_server_may_export_nothing(void **state)
{
    static const char *const nothing[] = { "max-export", "0", NULL };
    struct server_fixture f;
    tn_client *client;
    tn_handle *handle;
    tn_token token;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, nothing);
    client = connect_to(f.endpoint, NULL, 0);
    handle = put_list(client, 1);
    assert_int_equal(tn_client_export(client, tn_held(handle), NULL, &token, NULL),
                     TN_EUNSUPPORTED);
    tn_handle_release(&handle);
    tn_client_close(&client);
    server_fixture_stop(&f);
}

/* ---- One import of many gets what is exported for once ---- */

#define RACERS 4
#define ROUNDS 100

struct racer {
    pthread_t thread;
    tn_client *client;
    const tn_token *tokens;
    uint64_t n_got;
    bool is_wrong;
};

static void *race(void *arg)
{
    struct racer *me = arg;

    for (int i = 0; i < ROUNDS; i++) {
        TN_HANDLE_CLEANUP tn_handle *handle = NULL;
        uint64_t length;
        int r = tn_client_import(me->client, &me->tokens[i], &handle);

        me->n_got += r == 0;
        me->is_wrong |= r != 0 && r != TN_ENAME;
        me->is_wrong |= r == 0 && tn_client_length(me->client, tn_held(handle), &length) < 0;
    }
    return NULL;
}

static void body_once(struct server_fixture *f)
{
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL, 0);
    tn_export_options options = TN_EXPORT_OPTIONS_INIT;
    struct racer racers[RACERS];
    tn_token tokens[ROUNDS];
    uint64_t n_got = 0;

    options.once = true;
    for (int i = 0; i < ROUNDS; i++) {
        TN_HANDLE_CLEANUP tn_handle *handle = put_list(client, i);

        ok(client, tn_client_export(client, tn_held(handle), &options, &tokens[i], NULL));
    }
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ .client = connect_to(f->endpoint, NULL, 0), .tokens = tokens };
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
        assert_false(racers[i].is_wrong);
        n_got += racers[i].n_got;
        tn_client_close(&racers[i].client);
    }
    assert_int_equal(n_got, ROUNDS);
    ok(client, tn_client_release(client, NULL));
    server_fixture_await(f, is_empty, NULL);
}

static void test_once_is_once(void **state)
{
    (void)state;
    in_each_mode(body_once, NULL);
}

/* ---- Holders ---- */

static void body_holders(struct server_fixture *f)
{
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, "here", 0);
    TN_CLIENT_CLEANUP tn_client *other = connect_to(f->endpoint, "there", 600000);
    TN_HANDLE_CLEANUP tn_handle *handle = put_list(client, 1);
    TN_HANDLE_CLEANUP tn_handle *theirs = NULL;
    TN_HOLDERS_CLEANUP tn_holders *holders = NULL;
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_export_options options = TN_EXPORT_OPTIONS_INIT;
    tn_description d = TN_DESCRIPTION_INIT;
    tn_value list = tn_value_list(values);
    tn_token token;
    size_t mine;

    ok(client, tn_client_bind(client, "x", tn_held(handle)));
    ok(client, tn_client_bind(client, "y", tn_named("x")));
    ok(client, tn_client_set(client, "z", tn_value_int(values, 1)));
    tn_value_append(list, tn_value_handle(values, handle));
    ok(client, tn_client_set(client, "container", list));
    options.ttl_ms = 50000;
    ok(client, tn_client_export(client, tn_held(handle), &options, &token, NULL));
    ok(other, tn_client_import(other, &token, &theirs));
    ok(other, tn_client_bind(other, "elsewhere", tn_held(theirs)));

    ok(client, tn_client_holders(client, tn_held(handle), &holders));
    ok(client, tn_client_describe(client, tn_held(handle), false, 0, &d));
    assert_int_equal(holders->names_total, 2);
    assert_int_equal(holders->n_names, 2);
    assert_true(holders->names_complete);
    assert_int_equal(holders->names[0].name[0] + holders->names[1].name[0], 'x' + 'y');
    assert_int_equal(holders->n_sessions, 2);
    assert_true(holders->sessions_complete);
    mine = holders->sessions[0].handles == 1 && holders->sessions[1].handles == 1;
    assert_true(mine && holders->sessions[0].session != holders->sessions[1].session);
    assert_int_equal(holders->n_exports, 1);
    assert_int_equal(holders->exports_total, 1);
    assert_true(holders->exports[0].remaining_ms <= 50000);
    assert_int_equal(holders->unexplained, 2); /* the list, and the other namespace */
    assert_int_equal(d.refs, 2 + 2 + 1 + 2);

    /* A session that is kept for its client is told as such. */
    assert_int_equal(shutdown(tn_client_fd(other), SHUT_RDWR), 0);
    do {
        tn_holders_free(&holders);
        ok(client, tn_client_holders(client, tn_held(handle), &holders));
    } while (holders->n_sessions < 2 ||
             !(holders->sessions[0].leased || holders->sessions[1].leased));
    assert_int_equal(holders->unexplained, 2);
    assert_int_equal(tn_client_ping(other), TN_ESESSION_LOST);
    ok(other, tn_client_resume(other));
    ok(other, tn_client_unbind(other, "elsewhere"));
    ok(client, tn_client_unbind(client, "x"));
    ok(client, tn_client_unbind(client, "y"));
    ok(client, tn_client_unbind(client, "z"));
    ok(client, tn_client_unbind(client, "container"));
    assert_int_equal(tn_client_holders(client, tn_named("x"), &holders), TN_ENAME);
    assert_int_equal(tn_client_holders(client, tn_held(handle), NULL), TN_EINVAL);
}

static void test_holders_are_told(void **state)
{
    (void)state;
    in_each_mode(body_holders, one_worker);
}

/* ---- The exporter is killed ---- */

/* A process of its own: exports a list and waits to be killed. */
static void be_the_exporter(int in, int out)
{
    char endpoint[sizeof(((struct server_fixture *)NULL)->endpoint)];
    tn_export_options options = TN_EXPORT_OPTIONS_INIT;
    tn_handle *handle;
    tn_client *client;
    tn_token token;

    TN_ASSERT(read(in, endpoint, sizeof(endpoint)) == (ssize_t)sizeof(endpoint));
    client = connect_to(endpoint, "theirs", 0);
    handle = put_list(client, 7);
    options.once = true; /* so that nothing but the importer holds it afterwards */
    TN_ASSERT(tn_client_export(client, tn_held(handle), &options, &token, NULL) == 0);
    TN_ASSERT(write(out, &token, sizeof(token)) == (ssize_t)sizeof(token));
    /* Ends at the latest when the test has ended. */
    while (read(in, endpoint, sizeof(endpoint)) > 0)
        ;
    _exit(1);
}

/* Started before the server has threads. */
static pid_t start_exporter(int *ret_to, int *ret_from)
{
    int down[2];
    int up[2];
    pid_t pid;

    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    (void)fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        be_the_exporter(down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    *ret_to = down[1];
    *ret_from = up[0];
    return pid;
}

/* How many sessions `describe --holders` names of what is bound to "x". */
static size_t holders_told(const struct server_fixture *f)
{
    static const char *const args[] = { "-n", "ours", "-j", "describe", "--holders", "x", NULL };
    struct command_result result = command_run(TN_TEST_TENURE, args, f->endpoint, "");
    size_t n = 0;

    assert_int_equal(result.exit_code, 0);
    for (const char *at = result.out; (at = strstr(at, "\"session\": ")) != NULL; at++)
        n++;
    command_result_free(&result);
    return n;
}

static void let_the_exporter_be_killed(enum tn_mode mode)
{
    TN_CLIENT_CLEANUP tn_client *client = NULL;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    TN_HOLDERS_CLEANUP tn_holders *holders = NULL;
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    struct server_fixture f;
    tn_value item;
    int64_t number;
    tn_token token;
    int to, from, status;
    pid_t pid = start_exporter(&to, &from);

    server_fixture_start(&f, mode, one_worker);
    assert_int_equal(write(to, f.endpoint, sizeof(f.endpoint)), sizeof(f.endpoint));
    assert_int_equal(read(from, &token, sizeof(token)), sizeof(token));
    client = connect_to(f.endpoint, "ours", 0);
    ok(client, tn_client_import(client, &token, &handle));
    ok(client, tn_client_bind(client, "x", tn_held(handle)));
    assert_int_equal(holders_told(&f), 2); /* the exporter and the importer */

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    do {
        tn_holders_free(&holders);
        ok(client, tn_client_holders(client, tn_held(handle), &holders));
    } while (holders->n_sessions != 1);
    assert_int_equal(holders->exports_total, 0);
    ok(client, tn_client_unbind(client, "x"));
    ok(client, tn_client_list_get(client, tn_held(handle), 0, NULL, values, &item));
    ok(client, tn_value_as_int(tn_value_item(item, 0), &number));
    assert_int_equal(number, 7);

    tn_handle_release(&handle);
    tn_client_close(&client);
    (void)close(to);
    (void)close(from);
    stop(&f);
}

static void test_an_object_outlives_an_exporter_that_is_killed(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        let_the_exporter_be_killed((enum tn_mode)mode);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_object_is_handed_over),
        cmocka_unit_test(test_exports_expire),
        cmocka_unit_test(test_a_server_may_export_nothing),
        cmocka_unit_test(test_once_is_once),
        cmocka_unit_test(test_holders_are_told),
        cmocka_unit_test(test_an_object_outlives_an_exporter_that_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
