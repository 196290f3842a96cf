/* SPDX-License-Identifier: MIT */
/*
 * A client is killed in the middle of a message while it holds 100,000 handles:
 * nothing of it is left.
 *
 * The client is a process of its own, forked before the server has threads.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define HANDLES 100000
#define ROUND 1000 /* requests in flight */

struct child {
    pid_t pid;
    int to_child;   /* the address to connect to */
    int from_child; /* a byte when it holds what it is to hold */
};

static void write_all(int fd, const void *data, size_t len)
{
    TN_ASSERT(write(fd, data, len) == (ssize_t)len);
}

static void read_all(int fd, void *data, size_t len)
{
    TN_ASSERT(read(fd, data, len) == (ssize_t)len);
}

/* Fills its session, half sends one more message, and waits to be killed. */
static void be_the_client(int in, int out)
{
    static const uint8_t half[] = { 0xc8, 0x01, 0x08, 0x01 };
    struct tn_address address;
    struct raw_client c;

    read_all(in, &address, sizeof(address));
    raw_open(&c, &address);
    TN_ASSERT(strcmp(raw_do(&c, "set shared [1, 'held by a name']"), "new") == 0);
    for (int i = 0; i < HANDLES; i += ROUND) {
        for (int k = 0; k < ROUND; k++) {
            char words[64];

            if (k % 10 == 0)
                (void)snprintf(words, sizeof(words), "lookup shared");
            else if (k % 3 == 0)
                (void)snprintf(words, sizeof(words), "put ['item %d', %d.5]", i, k);
            else
                (void)snprintf(words, sizeof(words), "put %d", 1000 + i + k);
            TN_ASSERT(raw_send(&c, raw_parse(&c, words)));
        }
        for (int k = 0; k < ROUND; k++) {
            Tenure__V1__Response *response = raw_receive(&c);

            TN_ASSERT(response != NULL && response->status == NULL);
        }
        raw_reset(&c);
    }
    TN_ASSERT(raw_send_bytes(&c, half, sizeof(half)));
    write_all(out, "", 1);
    for (;;)
        (void)pause();
}

static void start_child(struct child *child)
{
    int down[2];
    int up[2];

    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    (void)fflush(stdout);
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        be_the_client(down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    child->to_child = down[1];
    child->from_child = up[0];
}

static Tenure__V1__InfoResponse *info(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    return raw_call(c, request)->info;
}

/* Waits until the server holds what it held before. */
static void await_as_before(struct raw_client *c, const Tenure__V1__InfoResponse *before)
{
    uint64_t began = tn_clock_ns();
    Tenure__V1__InfoResponse *now;

    do {
        assert_true(tn_clock_ns() - began < 60 * TN_NS_PER_S);
        now = info(c);
    } while (now->handles != before->handles || now->live_objects != before->live_objects ||
             now->live_bytes != before->live_bytes || now->limbo_objects != 0 ||
             now->connections != before->connections);
}

static void kill_a_client(enum tn_mode mode, bool over_tcp)
{
    Tenure__V1__InfoResponse *before;
    struct server_fixture f;
    struct raw_client witness;
    struct child child;
    int status;
    char byte;

    start_child(&child);
    server_fixture_start(&f, mode, NULL);
    raw_open(&witness, f.unix_address);
    /* The name's entry and table stay when the client goes, so they are there
     * before it comes. */
    raw_do(&witness, "set shared [1, 'held by a name']");
    before = info(&witness);
    raw_do(&witness, "unbind shared");

    write_all(child.to_child, over_tcp ? f.tcp_address : f.unix_address, sizeof(struct tn_address));
    read_all(child.from_child, &byte, 1);
    assert_int_equal(info(&witness)->handles, HANDLES);
    assert_true(info(&witness)->live_objects > HANDLES);
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFSIGNALED(status));

    await_as_before(&witness, before);
    raw_do(&witness, "unbind shared");
    (void)close(child.to_child);
    (void)close(child.from_child);
    raw_close(&witness);
    server_fixture_stop(&f);
}

static void test_killed_client_leaves_nothing_gil(void **state)
{
    (void)state;
    kill_a_client(TN_MODE_GIL, false);
}

static void test_killed_client_leaves_nothing_atomic(void **state)
{
    (void)state;
    kill_a_client(TN_MODE_ATOMIC, true);
}

static void test_killed_client_leaves_nothing_biased(void **state)
{
    (void)state;
    kill_a_client(TN_MODE_BIASED, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_client_leaves_nothing_gil),
        cmocka_unit_test(test_killed_client_leaves_nothing_atomic),
        cmocka_unit_test(test_killed_client_leaves_nothing_biased),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
