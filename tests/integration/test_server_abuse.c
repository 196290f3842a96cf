/* SPDX-License-Identifier: MIT */
/* Clients that do everything wrong, while another one is served. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "proto/frame.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"
#include "tests/support/wire.h"

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

/* Short enough for a test, and long enough for a slow machine. */
static const char *const impatient[] = {
    "hello-timeout", "2s", "read-timeout", "1s", "write-timeout", "1s", NULL
};

static void in_every_mode(const char *const *options, void (*body)(struct server_fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client good;

        server_fixture_start(&f, (enum tn_mode)mode, options);
        raw_open(&good, f.tcp_address);
        EXPECT(&good, "new", "set kept [1, 'two']");
        body(&f);
        EXPECT(&good, "[1, 'two']", "get kept");
        EXPECT(&good, "existed", "unbind kept");
        raw_close(&good);
        server_fixture_stop(&f);
    }
}

/* The last words: id 0 and a reason, and then the end. */
static void expect_last_words(struct raw_client *c, const char *words)
{
    Tenure__V1__Response *response = raw_receive(c);

    assert_non_null(response);
    assert_int_equal(response->id, 0);
    assert_string_equal(raw_print(c, response), words);
    assert_true(raw_await_end(c));
    raw_close(c);
}

/* ---- Nonsense ---- */

static void send_garbage(struct server_fixture *f)
{
    uint64_t seed = test_seed();

    for (int i = 0; i < 200; i++) {
        struct raw_client c;
        uint8_t bytes[300];
        size_t len = 1 + test_random(&seed) % sizeof(bytes);

        for (size_t k = 0; k < len; k++)
            bytes[k] = (uint8_t)test_random(&seed);
        if (i % 2 == 0)
            raw_open(&c, f->unix_address);
        else
            raw_connect(&c, f->tcp_address);
        raw_send_bytes(&c, bytes, len);
        (void)shutdown(c.fd, SHUT_WR);
        assert_true(raw_await_end(&c));
        raw_close(&c);
    }
}

static void test_garbage_ends_a_connection_and_no_more(void **state)
{
    (void)state;
    in_every_mode(NULL, send_garbage);
}

static void bad_frames(struct server_fixture *f)
{
    static const uint8_t two_gigabytes[] = { 0x80, 0x80, 0x80, 0x80, 0x08, 'x' };
    static const uint8_t endless_length[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    static const uint8_t not_shortest[] = { 0x81, 0x00, 0x08 };
    struct raw_client c;

    raw_open(&c, f->unix_address);
    assert_true(raw_send_bytes(&c, two_gigabytes, sizeof(two_gigabytes)));
    expect_last_words(&c, "RESOURCE_EXHAUSTED FRAME_TOO_LARGE");
    raw_connect(&c, f->tcp_address);
    assert_true(raw_send_bytes(&c, two_gigabytes, sizeof(two_gigabytes)));
    expect_last_words(&c, "RESOURCE_EXHAUSTED FRAME_TOO_LARGE");
    raw_open(&c, f->unix_address);
    assert_true(raw_send_bytes(&c, endless_length, sizeof(endless_length)));
    expect_last_words(&c, "INVALID_ARGUMENT MALFORMED_FRAME");
    raw_open(&c, f->unix_address);
    assert_true(raw_send_bytes(&c, not_shortest, sizeof(not_shortest)));
    expect_last_words(&c, "INVALID_ARGUMENT MALFORMED_FRAME");

    /* What came before it is answered first. */
    raw_open(&c, f->unix_address);
    assert_true(raw_send(&c, raw_parse(&c, "ping first")));
    assert_true(raw_send_bytes(&c, two_gigabytes, sizeof(two_gigabytes)));
    assert_string_equal(raw_print(&c, raw_receive(&c)), "pong first");
    expect_last_words(&c, "RESOURCE_EXHAUSTED FRAME_TOO_LARGE");
}

static void test_bad_lengths_are_told_and_end_the_connection(void **state)
{
    (void)state;
    in_every_mode(NULL, bad_frames);
}

static void send_frame(struct raw_client *c, const void *payload, size_t len)
{
    uint8_t prefix[TN_FRAME_PREFIX_MAX];

    assert_true(raw_send_bytes(c, prefix, tn_frame_prefix_write(prefix, len)));
    assert_true(raw_send_bytes(c, payload, len));
}

static void bad_messages(struct server_fixture *f)
{
    enum {
        GROUPS = 10000
    };
    uint8_t *groups = malloc(GROUPS);
    struct tn_buffer buf;
    struct raw_client c;

    assert_non_null(groups);
    memset(groups, 1 << 3 | WIRE_GROUP_BEGIN, GROUPS);
    raw_open(&c, f->unix_address);
    send_frame(&c, groups, GROUPS);
    expect_last_words(&c, "INVALID_ARGUMENT MALFORMED_MESSAGE");
    free(groups);

    /* With an id, the answer has it, and the connection goes on. */
    tn_buffer_init(&buf, 1000);
    raw_open(&c, f->unix_address);
    wire_number(&buf, 1, 77);
    wire_number(&buf, 199, 1);
    send_frame(&c, tn_buffer_begin(&buf), tn_buffer_len(&buf));
    {
        Tenure__V1__Response *response = raw_receive(&c);

        assert_int_equal(response->id, 77);
        assert_string_equal(raw_print(&c, response), "UNIMPLEMENTED UNKNOWN_FIELD");
    }
    EXPECT(&c, "pong still here", "ping still here");
    send_frame(&c, "", 0); /* an empty message has no id */
    expect_last_words(&c, "INVALID_ARGUMENT REQUEST_ID_MISSING");
    tn_buffer_fini(&buf);
}

static void test_bad_messages_are_told(void **state)
{
    (void)state;
    in_every_mode(NULL, bad_messages);
}

/* ---- Hello ---- */

static Tenure__V1__Request *hello(struct raw_client *c, uint32_t protocol, const char *ns)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_HELLO;
    request->hello = RAW_NEW(c, HelloRequest, HELLO_REQUEST);
    request->hello->protocol = protocol;
    request->hello->namespace_ = raw_bytes(c, ns);
    return request;
}

static void hellos(struct server_fixture *f)
{
    struct raw_client c;
    char long_name[1100];

    raw_connect(&c, f->unix_address);
    assert_true(raw_send(&c, raw_parse(&c, "ping")));
    expect_last_words(&c, "FAILED_PRECONDITION HELLO_REQUIRED");

    raw_connect(&c, f->unix_address);
    assert_string_equal(raw_print(&c, raw_call(&c, hello(&c, 2, ""))),
                        "UNIMPLEMENTED PROTOCOL_UNSUPPORTED");
    assert_true(raw_await_end(&c));
    raw_close(&c);

    raw_open(&c, f->unix_address);
    assert_string_equal(raw_print(&c, raw_call(&c, hello(&c, 1, ""))),
                        "FAILED_PRECONDITION HELLO_REPEATED");
    EXPECT(&c, "pong on", "ping on");
    raw_close(&c);

    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    raw_connect(&c, f->unix_address);
    assert_string_equal(raw_print(&c, raw_call(&c, hello(&c, 1, long_name))),
                        "INVALID_ARGUMENT NAMESPACE_INVALID");
    assert_string_equal(raw_print(&c, raw_call(&c, hello(&c, 1, "\xff"))),
                        "INVALID_ARGUMENT NAMESPACE_INVALID");
    assert_null(raw_call(&c, hello(&c, 1, "fine"))->status); /* it may try again */
    EXPECT(&c, "NOT_FOUND NAME_NOT_FOUND", "get kept");
    raw_close(&c);
}

static void test_hello_comes_first_and_once(void **state)
{
    (void)state;
    in_every_mode(NULL, hellos);
}

/* ---- Those who keep others waiting ---- */

/* Whether the server has closed the connection, or says something, within a
 * moment. */
static bool has_news(const struct raw_client *c)
{
    struct pollfd fd = { .fd = c->fd, .events = POLLIN };

    return poll(&fd, 1, 10) > 0;
}

static void slow_senders(struct server_fixture *f)
{
    static const uint8_t prefix[] = { 0x80, 0x80, 0x04 }; /* 64 KiB */
    struct raw_client silent;
    struct raw_client half;
    struct raw_client trickle;

    raw_connect(&silent, f->unix_address);
    raw_open(&half, f->unix_address);
    raw_open(&trickle, f->tcp_address);
    assert_true(raw_send_bytes(&half, prefix, sizeof(prefix)));
    assert_true(raw_send_bytes(&trickle, prefix, sizeof(prefix)));
    /* A byte now and then is no excuse. */
    while (!has_news(&trickle) && raw_send_bytes(&trickle, "", 1))
        ;
    assert_true(raw_await_end(&trickle));
    assert_true(raw_await_end(&silent));
    assert_true(raw_await_end(&half));
    raw_close(&trickle);
    raw_close(&silent);
    raw_close(&half);
}

static void test_half_messages_and_silence_are_dropped(void **state)
{
    (void)state;
    in_every_mode(impatient, slow_senders);
}

static Tenure__V1__InfoResponse *info(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    return raw_call(c, request)->info;
}

/* Asks again and again until there are so many connections; within a minute. */
static void await_connections(struct raw_client *c, uint64_t n)
{
    uint64_t began = tn_clock_ns();

    while (info(c)->connections != n) {
        assert_true(tn_clock_ns() - began < 60 * TN_NS_PER_S);
        raw_reset(c);
        (void)has_news(c);
    }
}

static void set_bytes(struct raw_client *c, const char *name, size_t len)
{
    Tenure__V1__Request *request = raw_parse(c, "set - b''");
    uint8_t *bytes = calloc(1, len);

    assert_non_null(bytes);
    request->set->name = raw_bytes(c, name);
    request->set->value->data = (ProtobufCBinaryData){ .len = len, .data = bytes };
    request->set->value->sizes[0] = (uint32_t)len;
    assert_null(raw_call(c, request)->status);
    free(bytes);
}

/* Asks for much, again and again, and takes none of it. */
static void never_reads(struct server_fixture *f)
{
    enum {
        LEN = 1 << 20,
        CLIENTS = 8
    };
    struct raw_client greedy[CLIENTS];
    struct raw_client good;
    uint64_t before;

    raw_open(&good, f->unix_address);
    set_bytes(&good, "large", LEN);
    before = info(&good)->rss_bytes;
    for (int i = 0; i < CLIENTS; i++) {
        raw_open(&greedy[i], i % 2 == 0 ? f->unix_address : f->tcp_address);
        for (int k = 0; k < 100; k++)
            raw_send(&greedy[i], raw_parse(&greedy[i], "get large"));
    }
    EXPECT(&good, "pong served", "ping served");
    /* Each of them holds its limit of 1 MiB and one answer, in two buffers; not
     * the 100 MiB that it has asked for. (Sanitizers keep what was freed.) */
    if (!(TN_ASAN || TN_TSAN)) /* NOLINT(misc-redundant-expression): each is a 0 or a 1 */
        assert_true(info(&good)->rss_bytes < before + (uint64_t)CLIENTS * 8 * LEN);
    await_connections(&good, 2); /* the others have been dropped */
    for (int i = 0; i < CLIENTS; i++)
        raw_close(&greedy[i]);
    EXPECT(&good, "existed", "unbind large");
    raw_close(&good);
}

static void test_answers_that_nobody_reads_are_bounded(void **state)
{
    (void)state;
    in_every_mode(impatient, never_reads);
}

/* More large messages at once than there is memory for: one after the other. */
static void large_messages(struct server_fixture *f)
{
    enum {
        CLIENTS = 6,
        LEN = 60000,
        PART = 1000
    };
    struct raw_client c[CLIENTS];
    struct tn_buffer messages[CLIENTS];
    Tenure__V1__Response *response;

    for (int i = 0; i < CLIENTS; i++) {
        raw_open(&c[i], i % 2 == 0 ? f->unix_address : f->tcp_address);
        if (i == 0)
            set_bytes(&c[0], "large", LEN);
    }
    /* All of them send a part: only one of these is accepted now. */
    for (int i = 0; i < CLIENTS; i++) {
        Tenure__V1__Request *request = raw_parse(&c[i], "ping -");

        request->ping->payload = (ProtobufCBinaryData){ .len = LEN, .data = calloc(1, LEN) };
        assert_non_null(request->ping->payload.data);
        tn_buffer_init(&messages[i], 1 << 20);
        assert_int_equal(tn_message_pack_request(request, 1 << 20, &messages[i]), 0);
        free(request->ping->payload.data);
        assert_true(raw_send_bytes(&c[i], tn_buffer_begin(&messages[i]), PART));
        tn_buffer_consume(&messages[i], PART);
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(
            raw_send_bytes(&c[i], tn_buffer_begin(&messages[i]), tn_buffer_len(&messages[i])));
        tn_buffer_fini(&messages[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        response = raw_receive(&c[i]);
        assert_non_null(response);
        assert_int_equal(response->ping->payload.len, LEN);
        assert_true(raw_send(&c[i], raw_parse(&c[i], "get large")));
    }
    for (int i = 0; i < CLIENTS; i++) {
        response = raw_receive(&c[i]);
        assert_non_null(response);
        assert_null(response->status);
        assert_int_equal(response->object->value->data.len, LEN);
    }
    EXPECT(&c[0], "existed", "unbind large");
    for (int i = 0; i < CLIENTS; i++)
        raw_close(&c[i]);
}

static void test_large_messages_wait_for_their_memory(void **state)
{
    static const char *const options[] = { "max-frame", "64kb", "max-buffers", "128kb", NULL };

    (void)state;
    in_every_mode(options, large_messages);
}

/* ---- Ends ---- */

static void half_closed(struct server_fixture *f)
{
    struct raw_client c;

    raw_open(&c, f->tcp_address);
    for (int i = 0; i < 3; i++)
        assert_true(raw_send(&c, raw_parse(&c, "get kept")));
    assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
    for (int i = 0; i < 3; i++)
        assert_string_equal(raw_print(&c, raw_receive(&c)), "[1, 'two']");
    assert_null(raw_receive(&c));
    raw_close(&c);
}

static void test_requests_before_the_end_are_answered(void **state)
{
    (void)state;
    in_every_mode(NULL, half_closed);
}

static void too_many(struct server_fixture *f)
{
    struct raw_client first;
    struct raw_client second;
    struct raw_client third;

    raw_open(&first, f->unix_address);
    raw_open(&second, f->tcp_address);
    raw_connect(&third, f->unix_address);
    expect_last_words(&third, "RESOURCE_EXHAUSTED TOO_MANY_CONNECTIONS");
    assert_int_equal(info(&first)->connections_refused, 1);
    raw_close(&second);
    await_connections(&first, 2);
    raw_open(&third, f->tcp_address);
    EXPECT(&third, "[1, 'two']", "get kept");
    raw_close(&third);
    raw_close(&first);
}

static void test_connections_are_limited(void **state)
{
    static const char *const options[] = { "max-connections", "3", NULL };

    (void)state;
    in_every_mode(options, too_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage_ends_a_connection_and_no_more),
        cmocka_unit_test(test_bad_lengths_are_told_and_end_the_connection),
        cmocka_unit_test(test_bad_messages_are_told),
        cmocka_unit_test(test_hello_comes_first_and_once),
        cmocka_unit_test(test_half_messages_and_silence_are_dropped),
        cmocka_unit_test(test_answers_that_nobody_reads_are_bounded),
        cmocka_unit_test(test_large_messages_wait_for_their_memory),
        cmocka_unit_test(test_requests_before_the_end_are_answered),
        cmocka_unit_test(test_connections_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
