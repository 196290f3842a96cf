/* SPDX-License-Identifier: MIT */
/* Sessions that outlive their connections: on the wire and through libtenure. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define LONG_MS 600000u

/* More than are looked at in a turn. */
#define MANY 5000

static const char *const allow_long[] = { "max-lease", "1h", NULL };

/* Nothing is left. What one worker drops of another that has stopped already is worked
 * off by nobody in particular, so that is looked at when the heap is freed. */
static void stop(struct server_fixture *f)
{
    assert_int_equal(server_fixture_stop_with_cycles(f), 0);
}

static void in_each_mode(void (*body)(struct server_fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;

        server_fixture_start(&f, (enum tn_mode)mode, allow_long);
        body(&f);
        stop(&f);
    }
}

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

/* ---- On the wire ---- */

struct token {
    uint8_t bytes[16];
};

static Tenure__V1__Response *say_hello(struct raw_client *c, uint32_t lease_ms,
                                       const struct token *resume)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_HELLO;
    request->hello = RAW_NEW(c, HelloRequest, HELLO_REQUEST);
    request->hello->protocol = 1;
    request->hello->lease_ms = lease_ms;
    if (resume != NULL) {
        request->hello->resume.data = raw_keep(c, resume, sizeof(*resume));
        request->hello->resume.len = sizeof(*resume);
    }
    return raw_call(c, request);
}

static struct token open_leased(struct raw_client *c, const struct tn_address *address,
                                uint32_t lease_ms)
{
    Tenure__V1__Response *response;
    struct token token;

    raw_connect(c, address);
    response = say_hello(c, lease_ms, NULL);
    TN_ASSERT(response->status == NULL && response->hello->lease_ms == lease_ms);
    TN_ASSERT(response->hello->token.len == sizeof(token));
    memcpy(&token, response->hello->token.data, sizeof(token));
    return token;
}

/* Connects and takes a session over, asking again while it is in use. Returns what is
 * answered in the end. */
static Tenure__V1__Response *resume(struct raw_client *c, const struct tn_address *address,
                                    const struct token *token)
{
    Tenure__V1__Response *response;

    raw_connect(c, address);
    for (;;) {
        response = say_hello(c, 0, token);
        if (response->status == NULL || strcmp(response->status->reason, "LEASE_IN_USE") != 0)
            return response;
        raw_reset(c);
        (void)sched_yield();
    }
}

static bool is_empty(struct tn_census *census, void *arg)
{
    (void)arg;
    return census->live_objs == 0;
}

static void body_takes_over(struct server_fixture *f)
{
    struct raw_client c;
    struct token token = open_leased(&c, f->unix_address, LONG_MS);
    char *handles = calloc(MANY, 24);
    char inner[24];
    Tenure__V1__Response *response;

    assert_non_null(handles);
    EXPECT(&c, "new", "set x ['x']");
    for (int i = 0; i < MANY; i++) {
        /* Nobody but this session's worker has ever seen these. */
        (void)snprintf(handles + (size_t)24 * (size_t)i, 24, "%s", raw_do(&c, "put [[%d]]", i));
        raw_reset(&c);
    }
    (void)snprintf(inner, sizeof(inner), "%s", raw_do(&c, "lookup x"));
    for (int round = 0; round < 3; round++) { /* the workers take turns */
        raw_close(&c);
        response = resume(&c, f->tcp_address, &token);
        assert_null(response->status);
        assert_int_equal(response->hello->handles, MANY + 1);
        assert_int_equal(response->hello->lease_ms, LONG_MS);
        for (int i = 0; i < MANY; i += 7) {
            const char *handle = handles + (size_t)24 * (size_t)i;
            char expected[64];
            int n = snprintf(expected, sizeof(expected), "[[%d]", i);

            for (int k = 0; k < round; k++)
                n += snprintf(expected + n, sizeof(expected) - (size_t)n, ", %d", k);
            (void)snprintf(expected + n, sizeof(expected) - (size_t)n, "]");
            assert_string_equal(raw_do(&c, "get %s", handle), expected);
            (void)raw_do(&c, "list_append %s %d", handle, round);
            raw_reset(&c);
        }
        EXPECT(&c, round == 0 ? "new" : "existed", "bind y %s", inner);
        EXPECT(&c, "['x']", "get y");
    }
    EXPECT(&c, "count 2", "release %s %s", handles, handles + 24);
    EXPECT(&c, "NOT_FOUND HANDLE_NOT_FOUND", "get %s", handles);
    EXPECT(&c, "existed", "unbind x");
    EXPECT(&c, "existed", "unbind y");
    free(handles);
    raw_close(&c); /* kept, but not beyond the server's end */
}

static void test_a_lost_session_is_taken_over_with_its_handles(void **state)
{
    (void)state;
    in_each_mode(body_takes_over);
}

/* The end of a scope that is under way when the connection is lost goes on. */
static void body_scope(struct server_fixture *f)
{
    struct raw_client c;
    struct token token = open_leased(&c, f->unix_address, LONG_MS);
    Tenure__V1__Request *request = raw_request(&c);
    Tenure__V1__Response *response;

    request->op_case = TENURE__V1__REQUEST__OP_BEGIN_SCOPE;
    request->begin_scope = RAW_NEW(&c, BeginScopeRequest, BEGIN_SCOPE_REQUEST);
    assert_null(raw_call(&c, request)->status);
    EXPECT(&c, "new", "set x []");
    for (int i = 0; i < 2 * MANY; i++) {
        (void)raw_do(&c, "lookup x");
        raw_reset(&c);
    }
    request = raw_request(&c);
    request->op_case = TENURE__V1__REQUEST__OP_END_SCOPE;
    request->end_scope = RAW_NEW(&c, EndScopeRequest, END_SCOPE_REQUEST);
    assert_true(raw_send(&c, request));
    raw_close(&c);
    response = resume(&c, f->unix_address, &token);
    assert_null(response->status);
    assert_int_equal(response->hello->handles, 0);
    EXPECT(&c, "existed", "unbind x");
    raw_close(&c);
}

static void test_a_scope_that_was_ending_has_ended(void **state)
{
    (void)state;
    in_each_mode(body_scope);
}

static void body_refusals(struct server_fixture *f)
{
    struct raw_client c, other;
    struct token token = open_leased(&c, f->unix_address, LONG_MS);
    struct token wrong = token;
    Tenure__V1__Request *request;

    (void)raw_do(&c, "put [1]");
    raw_connect(&other, f->unix_address);
    assert_string_equal(raw_print(&other, say_hello(&other, 0, &token)), "ABORTED LEASE_IN_USE");
    wrong.bytes[15] ^= 1;
    assert_string_equal(raw_print(&other, say_hello(&other, 0, &wrong)),
                        "NOT_FOUND LEASE_NOT_FOUND");
    request = raw_request(&other);
    request->op_case = TENURE__V1__REQUEST__OP_HELLO;
    request->hello = RAW_NEW(&other, HelloRequest, HELLO_REQUEST);
    request->hello->protocol = 1;
    request->hello->resume = raw_bytes(&other, "short");
    assert_string_equal(raw_print(&other, raw_call(&other, request)),
                        "INVALID_ARGUMENT INVALID_ARGUMENT");
    assert_null(say_hello(&other, 0, NULL)->status); /* an ordinary one still can be opened */

    /* An orderly end leaves nothing behind. */
    request = raw_request(&c);
    request->op_case = TENURE__V1__REQUEST__OP_GOODBYE;
    request->goodbye = RAW_NEW(&c, GoodbyeRequest, GOODBYE_REQUEST);
    assert_string_equal(raw_print(&c, raw_call(&c, request)), "true");
    assert_string_equal(raw_print(&c, raw_call(&c, request)), "false");
    raw_close(&c);
    server_fixture_await(f, is_empty, NULL);
    assert_string_equal(raw_print(&c, resume(&c, f->unix_address, &token)),
                        "NOT_FOUND LEASE_NOT_FOUND");
    raw_close(&c);

    /* Nor does one whose time is over. */
    token = open_leased(&c, f->unix_address, 1);
    for (int i = 0; i < MANY; i++)
        (void)raw_do(&c, "put [1]");
    raw_close(&c);
    server_fixture_await(f, is_empty, NULL);
    assert_string_equal(raw_print(&c, resume(&c, f->unix_address, &token)),
                        "NOT_FOUND LEASE_NOT_FOUND");
    raw_close(&c);
    raw_close(&other);
}

static void test_who_cannot_come_back_is_told(void **state)
{
    (void)state;
    in_each_mode(body_refusals);
}

/* ---- One winner ---- */

#define RACERS 4

struct racer {
    pthread_t thread;
    const struct tn_address *address;
    struct token token;
    bool has_won;
    bool is_wrong; /* it was refused for another reason than that it had not won */
    struct raw_client c;
};

static void *race(void *arg)
{
    struct racer *me = arg;
    bool is_over = false;

    raw_connect(&me->c, me->address);
    /* The session is in use until its loss is noticed, and again once somebody has won. */
    for (int i = 0; i < 200 && !is_over; i++) {
        Tenure__V1__Response *response = say_hello(&me->c, 0, &me->token);

        me->has_won = response->status == NULL;
        me->is_wrong = !me->has_won && strcmp(response->status->reason, "LEASE_IN_USE") != 0;
        is_over = me->has_won || me->is_wrong;
        raw_reset(&me->c);
        (void)sched_yield();
    }
    return NULL;
}

static void body_race(struct server_fixture *f)
{
    struct racer racers[RACERS];
    struct raw_client c;
    struct token token = open_leased(&c, f->unix_address, LONG_MS);
    const char *handle = raw_do(&c, "put ['prize']");
    char prize[24];
    int n_winners = 0;

    (void)snprintf(prize, sizeof(prize), "%s", handle);
    raw_close(&c);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ .address = f->unix_address, .token = token };
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
    for (int i = 0; i < RACERS; i++) {
        assert_false(racers[i].is_wrong);
        n_winners += racers[i].has_won;
        if (racers[i].has_won)
            EXPECT(&racers[i].c, "['prize']", "get %s", prize);
    }
    for (int i = 0; i < RACERS; i++)
        raw_close(&racers[i].c);
    assert_true(n_winners <= 1);
    assert_int_equal(resume(&c, f->unix_address, &token)->hello->handles, 1);
    raw_close(&c);
}

static void test_one_of_many_wins(void **state)
{
    (void)state;
    in_each_mode(body_race);
}

/* ---- Limits ---- */

static uint64_t leased_sessions(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    return raw_call(c, request)->info->leased_sessions;
}

static void test_the_server_bounds_leases(void **state)
{
    static const char *const none[] = { "max-lease", "0", NULL };
    static const char *const few[] = { "max-lease", "10min", "max-connections", "2", NULL };
    struct server_fixture f;
    struct raw_client c, other;
    struct token token;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, none);
    raw_connect(&c, f.unix_address);
    assert_int_equal(say_hello(&c, LONG_MS, NULL)->hello->token.len, 0);
    raw_close(&c);
    server_fixture_stop(&f);

    server_fixture_start(&f, TN_MODE_BIASED, few);
    raw_connect(&c, f.unix_address);
    assert_int_equal(say_hello(&c, 2 * LONG_MS, NULL)->hello->lease_ms, LONG_MS);
    token = open_leased(&other, f.unix_address, LONG_MS);
    raw_close(&other);
    while (leased_sessions(&c) == 0)
        raw_reset(&c);
    raw_connect(&other, f.unix_address);
    assert_string_equal(raw_print(&other, say_hello(&other, LONG_MS, NULL)),
                        "RESOURCE_EXHAUSTED TOO_MANY_LEASES");
    assert_null(say_hello(&other, 0, NULL)->status);
    raw_close(&other);
    raw_close(&c);
    assert_memory_not_equal(&token, &(struct token){ { 0 } }, sizeof(token));
    server_fixture_stop(&f);
}

/* ---- libtenure ---- */

static void ok(tn_client *client, int result)
{
    if (result < 0)
        fail_msg("%s: %s", tn_errno_name(result), tn_client_error(client)->message);
}

static tn_client *connect_leased(const char *endpoint, uint32_t lease_ms)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = endpoint;
    options.lease_ms = lease_ms;
    if (tn_client_open(&options, &client) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    return client;
}

/* The connection breaks, and the client notices. */
static void cut(tn_client *client)
{
    assert_int_equal(shutdown(tn_client_fd(client), SHUT_RDWR), 0);
    assert_int_equal(tn_client_ping(client), TN_ESESSION_LOST);
    assert_false(tn_client_is_open(client));
}

static void count_loss(tn_client *client, tn_reply *reply, void *arg)
{
    (void)client;
    *(int *)arg += tn_reply_status(reply) == TN_ESESSION_LOST;
}

static void body_library(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_leased(f->endpoint, LONG_MS);
    TN_CLIENT_CLEANUP tn_client *other = connect_leased(f->endpoint, 0);
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    TN_INFO_CLEANUP tn_info *info = NULL;
    tn_lease_info lease = TN_LEASE_INFO_INIT;
    tn_handle *dropped = NULL;
    tn_op ping = tn_op_init(TN_OP_PING);
    tn_value list = tn_value_list(values);
    uint64_t length = 0;
    int n_lost = 0;
    int r;

    ok(client, tn_client_lease_info(client, &lease));
    assert_int_equal(lease.lease_ms, LONG_MS);
    assert_false(lease.is_lost);
    tn_value_append(list, tn_value_str(values, "mine"));
    ok(client, tn_client_put(client, list, &handle));
    ok(client, tn_client_put(client, list, &dropped));
    r = tn_client_resume(client); /* nothing is lost */
    ok(client, r);

    assert_int_equal(shutdown(tn_client_fd(client), SHUT_RDWR), 0);
    r = tn_client_submit(client, &ping, count_loss, &n_lost);
    assert_true(r == 0 || r == TN_ESESSION_LOST);
    assert_int_equal(tn_client_ping(client), TN_ESESSION_LOST);
    assert_non_null(strstr(tn_client_error(client)->message, "tn_client_resume"));
    ok(client, tn_client_lease_info(client, &lease));
    assert_true(lease.is_lost);
    tn_handle_release(&dropped); /* told when we are back */
    do {                         /* until the server has noticed */
        tn_info_free(&info);
        ok(other, tn_client_info(other, &info));
    } while (info->leased_sessions == 0);
    assert_int_equal(info->leased_sessions, 1);
    assert_int_equal(info->leased_handles, 2);
    assert_true(info->lease_remaining_ms > 0 && info->lease_remaining_ms <= LONG_MS);

    ok(client, tn_client_resume(client));
    assert_int_equal(n_lost, r == 0);
    ok(client, tn_client_length(client, tn_held(handle), &length));
    assert_int_equal(length, 1);
    ok(client, tn_client_release(client, NULL));
    tn_info_free(&info);
    ok(client, tn_client_info(client, &info));
    assert_int_equal(info->handles, 1);
    assert_int_equal(info->leased_sessions, 0);
    ok(client, tn_client_lease_info(client, &lease));
    assert_int_equal(lease.n_resumed, 1);

    cut(client); /* and once more, on whichever worker it is now */
    ok(client, tn_client_resume(client));
    ok(client, tn_client_list_append(client, tn_held(handle), tn_value_int(values, 1), &length));
    assert_int_equal(length, 2);

    cut(other); /* has no lease */
    r = tn_client_resume(other);
    assert_int_equal(r, TN_ESESSION_LOST);
    assert_int_equal(tn_client_resume(NULL), TN_EINVAL);
    assert_int_equal(tn_client_lease_info(client, NULL), TN_EINVAL);
    tn_client_close(&client); /* is an orderly end */
    server_fixture_await(f, is_empty, NULL);
}

static void test_a_client_comes_back(void **state)
{
    (void)state;
    in_each_mode(body_library);
}

static void body_too_late(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_leased(f->endpoint, 1);
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    int r;

    ok(client, tn_client_put(client, tn_value_list(values), &handle));
    cut(client);
    server_fixture_await(f, is_empty, NULL);
    r = tn_client_resume(client);
    assert_int_equal(r, TN_ESESSION_LOST);
    assert_string_equal(tn_client_error(client)->reason, "LEASE_NOT_FOUND");
    r = tn_client_resume(client); /* does not even ask */
    assert_int_equal(r, TN_ESESSION_LOST);
    assert_null(strstr(tn_client_error(client)->message, "tn_client_resume"));
}

static void test_a_client_that_comes_too_late_is_told(void **state)
{
    (void)state;
    in_each_mode(body_too_late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lost_session_is_taken_over_with_its_handles),
        cmocka_unit_test(test_a_scope_that_was_ending_has_ended),
        cmocka_unit_test(test_who_cannot_come_back_is_told),
        cmocka_unit_test(test_one_of_many_wins),
        cmocka_unit_test(test_the_server_bounds_leases),
        cmocka_unit_test(test_a_client_comes_back),
        cmocka_unit_test(test_a_client_that_comes_too_late_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
