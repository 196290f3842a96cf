/* SPDX-License-Identifier: MIT */
/* Calls that wait, against a server that follows a script: what is sent, what is
 * made of the answers, and all the ways in which it can end badly. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "proto/status.h"
#include "tests/support/fake_server.h"

static tn_client *connect_to(const struct fake_server *server)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = fake_server_endpoint(server);
    assert_int_equal(tn_client_open(&options, &client), 0);
    assert_non_null(client);
    return client;
}

/* ---- Opening ---- */

struct greeting {
    bool came;
    uint32_t protocol;
    char client[32];
    char space[32];
};

static void copy_text(char *to, size_t size, ProtobufCBinaryData from)
{
    size_t len = from.len < size ? from.len : size - 1;

    if (len > 0)
        memcpy(to, from.data, len);
    to[len] = '\0';
}

static void script_greeting(struct fake_conn *conn, void *arg)
{
    struct greeting *greeting = arg;
    Tenure__V1__HelloRequest *hello = fake_greet(conn, 0, 100);

    if (!hello)
        return;
    greeting->came = true;
    greeting->protocol = hello->protocol;
    copy_text(greeting->client, sizeof(greeting->client), hello->client);
    copy_text(greeting->space, sizeof(greeting->space), hello->namespace_);
    fake_await_end(conn);
}

static void test_open_greets_and_takes_over_the_limits(void **state)
{
    struct greeting greeting = { .came = false };
    struct fake_server *server = fake_server_start(script_greeting, &greeting);
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    (void)state;
    options.endpoint = fake_server_endpoint(server);
    options.client_name = "unit";
    options.namespace_name = "lesson";
    assert_int_equal(tn_client_open(&options, &client), 0);
    assert_true(tn_client_is_open(client));
    assert_string_equal(tn_client_endpoint(client), fake_server_endpoint(server));
    assert_string_equal(tn_client_server_version(client), "0.0-fake");
    assert_string_equal(tn_client_server_mode(client), "biased");
    assert_true(tn_client_window(client) > 0 && tn_client_window(client) <= 100);
    assert_true(tn_client_fd(client) >= 0);
    tn_client_close(&client);
    assert_null(client);
    fake_server_join(&server);
    assert_true(greeting.came);
    assert_int_equal(greeting.protocol, 1);
    assert_string_equal(greeting.client, "unit");
    assert_string_equal(greeting.space, "lesson");
}

static void test_open_without_a_server_says_where_it_looked(void **state)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    (void)state;
    options.endpoint = "unix:/nonexistent/tenured.sock";
    assert_int_equal(tn_client_open(&options, &client), TN_ECONNECT);
    assert_non_null(client);
    assert_non_null(strstr(tn_client_error(client)->message, "unix:/nonexistent/tenured.sock"));
    assert_int_equal(tn_client_ping(client), TN_ESESSION_LOST);
    assert_false(tn_client_is_open(client));
    tn_client_close(&client);

    options.endpoint = "udp:somewhere";
    assert_int_equal(tn_client_open(&options, &client), TN_EINVAL);
    tn_client_close(&client);
    options.endpoint = "tcp:localhost";
    assert_int_equal(tn_client_open(&options, &client), TN_EINVAL);
    tn_client_close(&client);
    options.struct_size = 3;
    assert_int_equal(tn_client_open(&options, &client), TN_EINVAL);
    tn_client_close(&client);
    assert_int_equal(tn_client_open(NULL, NULL), TN_EINVAL);
    tn_client_close(NULL);
    assert_int_equal(tn_client_error(NULL)->err, TN_ENOMEM);
}

static void script_refuse_hello(struct fake_conn *conn, void *arg)
{
    Tenure__V1__Request *request = fake_read(conn);

    (void)arg;
    if (request)
        fake_refuse(conn, 0, TN_CODE_RESOURCE_EXHAUSTED, "TOO_MANY_CONNECTIONS",
                    "The server has as many connections as it accepts; try again later.");
}

static void test_a_refused_greeting_is_told_in_the_servers_words(void **state)
{
    struct fake_server *server = fake_server_start(script_refuse_hello, NULL);
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    (void)state;
    options.endpoint = fake_server_endpoint(server);
    assert_int_equal(tn_client_open(&options, &client), TN_ECONNECT);
    assert_non_null(strstr(tn_client_error(client)->message, "as many connections"));
    tn_client_close(&client);
    fake_server_join(&server);
}

static void script_speak_http(struct fake_conn *conn, void *arg)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nServer: another\r\n"
                               "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n";

    (void)arg;
    fake_send_raw(conn, text, sizeof(text) - 1);
    fake_await_end(conn);
}

static void test_something_else_than_a_server_is_recognised(void **state)
{
    struct fake_server *server = fake_server_start(script_speak_http, NULL);
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    (void)state;
    options.endpoint = fake_server_endpoint(server);
    assert_int_equal(tn_client_open(&options, &client), TN_ECONNECT);
    tn_client_close(&client);
    fake_server_join(&server);
}

static void script_never_answer(struct fake_conn *conn, void *arg)
{
    (void)arg;
    fake_await_end(conn);
}

static void test_a_server_that_never_greets_is_given_up(void **state)
{
    struct fake_server *server = fake_server_start(script_never_answer, NULL);
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    (void)state;
    options.endpoint = fake_server_endpoint(server);
    options.connect_timeout_ms = 30;
    assert_int_equal(tn_client_open(&options, &client), TN_ETIMEOUT);
    tn_client_close(&client);
    fake_server_join(&server);
}

/* ---- Requests and answers ---- */

/* What was asked, a line each; requests do not outlive their script. */
struct call_log {
    char text[2048];
    size_t len;
};

static void log_text(struct call_log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log->len += (size_t)vsnprintf(log->text + log->len, sizeof(log->text) - log->len, format, args);
    va_end(args);
}

static void log_target(struct call_log *log, const Tenure__V1__Target *target)
{
    if (!target)
        log_text(log, " -");
    else if (target->handle != 0)
        log_text(log, " #%llx", (unsigned long long)target->handle);
    else if (target->step != 0)
        log_text(log, " $%u", target->step);
    else
        log_text(log, " %.*s", (int)target->name.len, (const char *)target->name.data);
}

static void log_value(struct call_log *log, const Tenure__V1__Value *value)
{
    log_text(log, " [");
    for (size_t i = 0; value && i < value->kinds.len; i++)
        log_text(log, "%s%u", i > 0 ? "," : "", value->kinds.data[i]);
    log_text(log, "]");
}

static void log_request(struct call_log *log, const Tenure__V1__Request *request)
{
    switch (request->op_case) {
    case TENURE__V1__REQUEST__OP_PUT:
        log_text(log, "put");
        log_value(log, request->put->value);
        break;
    case TENURE__V1__REQUEST__OP_SET:
        log_text(log, "set %.*s", (int)request->set->name.len,
                 (const char *)request->set->name.data);
        log_value(log, request->set->value);
        if (request->set->require)
            log_text(log, " if %d %llx %llu", request->set->require->absent,
                     (unsigned long long)request->set->require->handle,
                     (unsigned long long)request->set->require->version);
        break;
    case TENURE__V1__REQUEST__OP_GET:
        log_text(log, "get");
        log_target(log, request->get->target);
        if (request->get->want)
            log_text(log, " want %d %u %u %llu", request->get->want->handle,
                     request->get->want->max_depth, request->get->want->max_nodes,
                     (unsigned long long)request->get->want->max_bytes);
        break;
    case TENURE__V1__REQUEST__OP_BIND:
        log_text(log, "bind %.*s", (int)request->bind->name.len,
                 (const char *)request->bind->name.data);
        log_target(log, request->bind->target);
        break;
    case TENURE__V1__REQUEST__OP_UNBIND:
        log_text(log, "unbind %.*s", (int)request->unbind->name.len,
                 (const char *)request->unbind->name.data);
        break;
    case TENURE__V1__REQUEST__OP_RELEASE:
        log_text(log, "release");
        for (size_t i = 0; i < request->release->n_handles; i++)
            log_text(log, " #%llx", (unsigned long long)request->release->handles[i]);
        break;
    case TENURE__V1__REQUEST__OP_LIST_SLICE:
        log_text(log, "slice");
        log_target(log, request->list_slice->target);
        log_text(log, " %lld %lld %d", (long long)request->list_slice->start,
                 (long long)request->list_slice->stop, request->list_slice->to_end);
        break;
    case TENURE__V1__REQUEST__OP_LIST_INSERT:
        log_text(log, "insert");
        log_target(log, request->list_insert->target);
        log_text(log, " %lld", (long long)request->list_insert->index);
        log_value(log, request->list_insert->value);
        break;
    case TENURE__V1__REQUEST__OP_DICT_SET:
        log_text(log, "dict_set");
        log_target(log, request->dict_set->target);
        log_value(log, request->dict_set->key);
        log_value(log, request->dict_set->value);
        break;
    default:
        log_text(log, "op %d", (int)request->op_case);
    }
    log_text(log, "\n");
}

static void script_log(struct fake_conn *conn, void *arg)
{
    struct call_log *log = arg;
    Tenure__V1__Request *request;

    (void)fake_greet(conn, 0, 0);
    while ((request = fake_read(conn))) {
        log_request(log, request);
        switch (request->op_case) {
        case TENURE__V1__REQUEST__OP_SET:
            fake_answer_name(conn, request->id, 5, true, request->set->handle ? 0xabc : 0);
            break;
        case TENURE__V1__REQUEST__OP_BIND:
        case TENURE__V1__REQUEST__OP_UNBIND:
            fake_answer_name(conn, request->id, 6, true, 0);
            break;
        case TENURE__V1__REQUEST__OP_PUT:
        case TENURE__V1__REQUEST__OP_LOOKUP:
            fake_answer_handle(conn, request->id, 0xdef, TENURE__V1__TYPE_TAG__TYPE_TAG_DICT);
            break;
        case TENURE__V1__REQUEST__OP_RELEASE:
            fake_answer_count(conn, request->id, request->release->n_handles);
            break;
        case TENURE__V1__REQUEST__OP_GET:
        case TENURE__V1__REQUEST__OP_LIST_SLICE:
            fake_answer_int(conn, request->id, 42);
            break;
        default:
            fake_answer_count(conn, request->id, 9);
        }
    }
}

static void test_calls_say_what_they_were_told(void **state)
{
    static const char expected[] = "put [4,9]\n"
                                   "set x [6] if 1 0 3\n"
                                   "get #def want 0 2 3 4\n"
                                   "bind y #def\n"
                                   "slice x -2 0 1\n"
                                   "insert #def -1 [1]\n"
                                   "dict_set y [6] [11]\n"
                                   "release #def\n"
                                   "unbind x\n";
    struct call_log log = { .len = 0 };
    struct fake_server *server = fake_server_start(script_log, &log);
    tn_client *client = connect_to(server);
    tn_values *values = tn_values_new();
    tn_value list = tn_value_list(values);
    tn_value answer;
    tn_want want = TN_WANT_INIT;
    tn_require require = TN_REQUIRE_INIT;
    tn_binding binding = { .version = 0 };
    tn_handle *handle = NULL;
    tn_handle *second = NULL;
    int64_t integer = 0;
    uint64_t length = 0;

    (void)state;
    assert_int_equal(tn_value_append(list, tn_value_int(values, 1)), 0);
    assert_int_equal(tn_client_put(client, list, &handle), 0);
    assert_int_equal(tn_handle_kind(handle), TN_KIND_DICT);
    require.absent = true;
    require.version = 3;
    assert_int_equal(
        tn_client_set_if(client, "x", tn_value_str(values, "v"), &require, &binding, &second), 0);
    assert_int_equal(binding.version, 5);
    assert_true(binding.existed);
    want.max_depth = 2;
    want.max_nodes = 3;
    want.max_bytes = 4;
    assert_int_equal(tn_client_get(client, tn_held(handle), &want, values, &answer), 0);
    assert_int_equal(tn_value_as_int(answer, &integer), 0);
    assert_int_equal(integer, 42);
    assert_int_equal(tn_client_bind(client, "y", tn_held(handle)), 0);
    assert_int_equal(
        tn_client_list_slice(client, tn_named("x"), -2, TN_TO_END, NULL, values, &answer), 0);
    assert_int_equal(
        tn_client_list_insert(client, tn_held(handle), -1, tn_value_none(values), &length), 0);
    assert_int_equal(length, 9);
    assert_int_equal(tn_client_dict_set(client, tn_named("y"), tn_value_str(values, "k"),
                                        tn_value_handle(values, handle)),
                     0);
    tn_values_free(&values);
    tn_handle_release(&handle); /* told in front of the next request */
    assert_int_equal(tn_client_unbind(client, "x"), 0);
    assert_int_equal(tn_client_error(client)->err, 0);
    tn_client_close(&client);
    tn_handle_release(&second); /* harmless */
    fake_server_join(&server);
    assert_string_equal(log.text, expected);
}

static void script_ping(struct fake_conn *conn, void *arg)
{
    Tenure__V1__Request *request;

    (void)arg;
    (void)fake_greet(conn, 4096, 0);
    while ((request = fake_read(conn)))
        fake_answer_ping(conn, request->id);
}

static void test_wrong_arguments_are_told_without_asking_the_server(void **state)
{
    struct fake_server *server = fake_server_start(script_ping, NULL);
    struct fake_server *second = fake_server_start(script_log, &(struct call_log){ .len = 0 });
    tn_client *client = connect_to(server);
    tn_client *other = connect_to(second);
    tn_values *values = tn_values_new();
    tn_value value;
    tn_handle *handle = NULL;
    char large[8192];
    tn_want want = TN_WANT_INIT;
    tn_op op;

    (void)state;
    assert_int_equal(tn_client_put(other, tn_value_int(values, 1), &handle), 0);
    assert_int_equal(tn_client_get(client, tn_held(handle), NULL, values, &value), TN_EHANDLE);
    assert_int_equal(tn_client_get(client, tn_held(NULL), NULL, values, &value), TN_EINVAL);
    assert_int_equal(tn_client_get(client, tn_of_step(0), NULL, values, &value), TN_EINVAL);
    assert_int_equal(tn_client_get(client, tn_named("x"), NULL, NULL, &value), TN_EINVAL);
    assert_int_equal(tn_client_set(client, NULL, tn_value_int(values, 1)), TN_EINVAL);
    assert_int_equal(tn_client_set(client, "x", tn_value_handle(values, handle)), TN_EHANDLE);
    want.struct_size = 1;
    assert_int_equal(tn_client_get(client, tn_named("x"), &want, values, &value), TN_EINVAL);
    memset(large, 'x', sizeof(large));
    assert_int_equal(tn_client_set(client, "x", tn_value_str_n(values, large, sizeof(large))),
                     TN_ETOO_BIG);
    op = tn_op_init((tn_op_code)77);
    assert_int_equal(tn_client_call(client, &op, NULL), TN_EINVAL);
    assert_non_null(strstr(tn_client_error(client)->message, "77"));
    assert_int_equal(tn_client_ping(client), 0);
    assert_int_equal(tn_client_ping(NULL), TN_EINVAL);
    tn_handle_release(&handle);
    tn_values_free(&values);
    tn_client_close(&client);
    tn_client_close(&other);
    fake_server_join(&server);
    fake_server_join(&second);
}

struct refusal {
    const char *reason;
    uint32_t code;
    int expected;
};

static const struct refusal refusals[] = {
    { "NAME_NOT_FOUND", TN_CODE_NOT_FOUND, TN_ENAME },
    { "KEY_NOT_FOUND", TN_CODE_NOT_FOUND, TN_EKEY },
    { "INDEX_OUT_OF_RANGE", TN_CODE_OUT_OF_RANGE, TN_EINDEX },
    { "MEMORY_LIMIT", TN_CODE_RESOURCE_EXHAUSTED, TN_EMEMORY },
    { "TYPE_MISMATCH", TN_CODE_FAILED_PRECONDITION, TN_ETYPE },
    { "PRECONDITION_FAILED", TN_CODE_FAILED_PRECONDITION, TN_EPRECONDITION },
    { "OPERATION_UNSUPPORTED", TN_CODE_UNIMPLEMENTED, TN_EUNSUPPORTED },
    { "SHUTTING_DOWN", TN_CODE_UNAVAILABLE, TN_ESERVER },
    { "DEADLINE_EXCEEDED", TN_CODE_DEADLINE_EXCEEDED, TN_ETIMEOUT },
    { "A_REASON_OF_THE_FUTURE", TN_CODE_NOT_FOUND, TN_ENAME },
    { "STRANGE", 99, TN_ESERVER },
};

#define N_REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

static void script_refuse_all(struct fake_conn *conn, void *arg)
{
    Tenure__V1__Request *request;

    (void)arg;
    (void)fake_greet(conn, 0, 0);
    for (size_t i = 0; i < N_REFUSALS && (request = fake_read(conn)); i++)
        fake_refuse(conn, request->id, refusals[i].code, refusals[i].reason, "Because.");
    fake_await_end(conn);
}

static void test_refusals_become_errors_with_reason_and_words(void **state)
{
    struct fake_server *server = fake_server_start(script_refuse_all, NULL);
    tn_client *client = connect_to(server);

    (void)state;
    for (size_t i = 0; i < N_REFUSALS; i++) {
        tn_op op = tn_op_lookup("x");
        tn_reply *reply = NULL;

        assert_int_equal(tn_client_call(client, &op, &reply), refusals[i].expected);
        assert_int_equal(tn_client_error(client)->err, refusals[i].expected);
        assert_int_equal(tn_client_error(client)->code, refusals[i].code);
        assert_string_equal(tn_client_error(client)->reason, refusals[i].reason);
        assert_string_equal(tn_client_error(client)->message, "Because.");
        assert_non_null(reply);
        assert_int_equal(tn_reply_status(reply), refusals[i].expected);
    }
    assert_true(tn_client_is_open(client));
    tn_client_close(&client);
    fake_server_join(&server);
}

/* ---- Deadlines ---- */

struct late {
    uint32_t deadline_ms;
    uint64_t released;
};

/* Answers the first request only when the second has come, with a handle. */
static void script_late(struct fake_conn *conn, void *arg)
{
    struct late *late = arg;
    Tenure__V1__Request *request;
    uint64_t first;

    (void)fake_greet(conn, 0, 0);
    request = fake_read(conn);
    if (!request)
        return;
    first = request->id;
    late->deadline_ms = request->deadline_ms;
    request = fake_read(conn);
    if (!request)
        return;
    fake_answer_handle(conn, first, 0x123, TENURE__V1__TYPE_TAG__TYPE_TAG_LIST);
    fake_answer_ping(conn, request->id);
    request = fake_read(conn);
    if (request && request->op_case == TENURE__V1__REQUEST__OP_RELEASE &&
        request->release->n_handles == 1)
        late->released = request->release->handles[0];
    fake_await_end(conn);
}

static void test_a_deadline_passes_and_a_late_handle_is_given_back(void **state)
{
    struct late late = { .released = 0 };
    struct fake_server *server = fake_server_start(script_late, &late);
    tn_client *client = connect_to(server);
    tn_handle *handle = NULL;

    (void)state;
    assert_int_equal(tn_client_set_timeout(client, 20), 0);
    assert_int_equal(tn_client_lookup(client, "x", &handle, NULL), TN_ETIMEOUT);
    assert_null(handle);
    assert_int_equal(tn_client_set_timeout(client, 0), 20);
    assert_int_equal(tn_client_ping(client), 0); /* the session is as good as before */
    assert_int_equal(tn_client_flush(client), 0);
    tn_client_close(&client);
    fake_server_join(&server);
    assert_int_equal(late.deadline_ms, 20);
    assert_true(late.released == 0x123);
}

/* ---- Loss ---- */

static void script_vanish(struct fake_conn *conn, void *arg)
{
    (void)arg;
    (void)fake_greet(conn, 0, 0);
    (void)fake_read(conn);
}

static void script_half_a_frame(struct fake_conn *conn, void *arg)
{
    (void)arg;
    (void)fake_greet(conn, 0, 0);
    if (fake_read(conn))
        fake_send_raw(conn, "\x64\x08\x01", 3); /* of 100 bytes */
}

static void script_farewell(struct fake_conn *conn, void *arg)
{
    (void)arg;
    (void)fake_greet(conn, 0, 0);
    if (fake_read(conn))
        fake_refuse(conn, 0, TN_CODE_UNAVAILABLE, "SHUTTING_DOWN", "Come back tomorrow.");
}

static void script_stranger(struct fake_conn *conn, void *arg)
{
    (void)arg;
    (void)fake_greet(conn, 0, 0);
    if (fake_read(conn))
        fake_answer_ping(conn, 123456);
    fake_await_end(conn);
}

static void script_twice(struct fake_conn *conn, void *arg)
{
    Tenure__V1__Request *request;

    (void)arg;
    (void)fake_greet(conn, 0, 0);
    request = fake_read(conn);
    if (request) {
        fake_answer_ping(conn, request->id);
        fake_answer_ping(conn, request->id);
    }
    (void)fake_read(conn);
    fake_await_end(conn);
}

static void script_endless(struct fake_conn *conn, void *arg)
{
    (void)arg;
    (void)fake_greet(conn, 0, 0);
    if (fake_read(conn))
        fake_send_raw(conn, "\xff\xff\xff\xff\xff\xff\xff\xff", 8); /* a length without end */
    fake_await_end(conn);
}

static const struct {
    fake_script *script;
    const char *words;
} losses[] = {
    { script_vanish, "closed the connection" },
    { script_half_a_frame, "in the middle of an answer" },
    { script_farewell, "Come back tomorrow" },
    { script_stranger, "a request that was not made" },
    { script_endless, "does not speak the protocol" },
};

static void test_a_loss_is_told_for_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        struct fake_server *server = fake_server_start(losses[i].script, NULL);
        tn_client *client = connect_to(server);
        tn_values *values = tn_values_new();

        assert_int_equal(tn_client_ping(client), TN_ESESSION_LOST);
        assert_non_null(strstr(tn_client_error(client)->message, losses[i].words));
        assert_int_equal(tn_client_set(client, "x", tn_value_int(values, 1)), TN_ESESSION_LOST);
        assert_non_null(strstr(tn_client_error(client)->message, losses[i].words));
        assert_false(tn_client_is_open(client));
        assert_int_equal(tn_client_fd(client), -1);
        tn_values_free(&values);
        tn_client_close(&client);
        fake_server_join(&server);
    }
}

static void test_an_answer_that_comes_twice_ends_the_session(void **state)
{
    struct fake_server *server = fake_server_start(script_twice, NULL);
    tn_client *client = connect_to(server);
    int r = tn_client_ping(client);

    (void)state;
    if (r == 0) /* the second one may not have come yet */
        r = tn_client_ping(client);
    assert_int_equal(r, TN_ESESSION_LOST);
    tn_client_close(&client);
    fake_server_join(&server);
}

static void script_leave(struct fake_conn *conn, void *arg)
{
    (void)arg;
    (void)fake_greet(conn, 0, 0);
    fake_refuse(conn, 0, TN_CODE_UNAVAILABLE, "SHUTTING_DOWN", "The last words.");
}

static void test_sending_to_nobody_raises_no_signal_and_reads_the_last_words(void **state)
{
    struct fake_server *server = fake_server_start(script_leave, NULL);
    tn_client *client = connect_to(server);
    tn_values *values = tn_values_new();
    char *large = calloc(1, 4 << 20);
    struct sigaction action = { .sa_handler = SIG_DFL };

    (void)state;
    assert_non_null(large);
    memset(large, 'x', 4 << 20);
    assert_int_equal(sigaction(SIGPIPE, &action, NULL), 0); /* it would kill this test */
    fake_server_join(&server);                              /* now it has gone */
    assert_int_equal(tn_client_set(client, "x", tn_value_str_n(values, large, 4 << 20)),
                     TN_ESESSION_LOST);
    assert_non_null(strstr(tn_client_error(client)->message, "The last words"));
    free(large);
    tn_values_free(&values);
    tn_client_close(&client);
}

/* ---- fork() ---- */

static void test_a_child_cannot_use_the_client_of_its_parent(void **state)
{
    struct fake_server *server = fake_server_start(script_ping, NULL);
    tn_client *client = connect_to(server);
    int status = -1;
    pid_t child;

    (void)state;
    assert_int_equal(tn_client_ping(client), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int r = tn_client_ping(client);
        bool is_open = tn_client_is_open(client);

        tn_client_close(&client);
        _exit(r == TN_EFORKED && !is_open ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(tn_client_ping(client), 0); /* undisturbed */
    tn_client_close(&client);
    fake_server_join(&server);
}

/* ---- Garbage ---- */

#define N_GARBAGE 400

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Answers with frames that begin with the request's id and go on at random. */
static void script_garbage(struct fake_conn *conn, void *arg)
{
    uint64_t *seed = arg;
    Tenure__V1__Request *request;

    (void)fake_greet(conn, 0, 0);
    while ((request = fake_read(conn))) {
        uint8_t frame[256] = { 0x08 };
        uint64_t id = request->id;
        size_t n = 1;
        size_t len;

        for (; id >= 0x80; id >>= 7)
            frame[n++] = (uint8_t)(id | 0x80);
        frame[n++] = (uint8_t)id;
        len = n + next_random(seed) % 64;
        while (n < len) {
            static const uint8_t likely[] = { 0x12, 0x62, 0x0a, 0x02, 0x08, 0x05, 0x3a,
                                              0x01, 0x04, 0x6a, 0x92, 0x01, 0x9a, 0xa2 };

            frame[n++] = next_random(seed) % 4 != 0 ? likely[next_random(seed) % sizeof(likely)]
                                                    : (uint8_t)next_random(seed);
        }
        fake_send_frame(conn, frame, len);
    }
}

static void test_garbage_from_the_server_is_survived(void **state)
{
    uint64_t seed = 20240229;

    (void)state;
    for (int i = 0; i < N_GARBAGE; i++) {
        struct fake_server *server = fake_server_start(script_garbage, &seed);
        tn_client *client = connect_to(server);
        tn_values *values = tn_values_new();
        tn_handle *handle = NULL;
        tn_info *info = NULL;
        tn_value value;
        int r;

        r = tn_client_get(client, tn_named("x"), NULL, values, &value);
        if (r == 0)
            r = tn_client_lookup(client, "x", &handle, NULL);
        if (r == 0)
            r = tn_client_info(client, &info);
        assert_true(r <= 0);
        if (r < 0)
            assert_true(tn_client_error(client)->message[0] != '\0');
        tn_info_free(&info);
        tn_handle_release(&handle);
        tn_values_free(&values);
        tn_client_close(&client);
        fake_server_join(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_greets_and_takes_over_the_limits),
        cmocka_unit_test(test_open_without_a_server_says_where_it_looked),
        cmocka_unit_test(test_a_refused_greeting_is_told_in_the_servers_words),
        cmocka_unit_test(test_something_else_than_a_server_is_recognised),
        cmocka_unit_test(test_a_server_that_never_greets_is_given_up),
        cmocka_unit_test(test_calls_say_what_they_were_told),
        cmocka_unit_test(test_wrong_arguments_are_told_without_asking_the_server),
        cmocka_unit_test(test_refusals_become_errors_with_reason_and_words),
        cmocka_unit_test(test_a_deadline_passes_and_a_late_handle_is_given_back),
        cmocka_unit_test(test_a_loss_is_told_for_good),
        cmocka_unit_test(test_an_answer_that_comes_twice_ends_the_session),
        cmocka_unit_test(test_sending_to_nobody_raises_no_signal_and_reads_the_last_words),
        cmocka_unit_test(test_a_child_cannot_use_the_client_of_its_parent),
        cmocka_unit_test(test_garbage_from_the_server_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
