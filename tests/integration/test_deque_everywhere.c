/* SPDX-License-Identifier: MIT */
/* Deques through a real server: as requests, with libtenure, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "tests/support/command.h"
#include "tests/support/notation.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

/* ---- Requests ---- */

static void in_every_mode(void (*body)(struct raw_client *c))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        raw_open(&c, mode == TN_MODE_ATOMIC ? f.tcp_address : f.unix_address);
        body(&c);
        raw_close(&c);
        server_fixture_stop(&f); /* which expects an empty heap */
    }
}

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

static void operations(struct raw_client *c)
{
    EXPECT(c, "new", "set d d[1, (2), d3[]]");
    EXPECT(c, "d[1, (2), d3[]]", "get d");
    EXPECT(c, "count 4", "deque_push d right 'last'");
    EXPECT(c, "count 5", "deque_push d left [0]");
    EXPECT(c, "d[[0], 1, (2), d3[], 'last']", "get d");
    EXPECT(c, "[0]", "list_get d 0");
    EXPECT(c, "'last'", "list_get d -1");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_get d 5");
    EXPECT(c, "count 5", "list_set d 0 0");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_set d -6 0");
    EXPECT(c, "'last'", "deque_pop d right");
    EXPECT(c, "0", "deque_pop d left");
    EXPECT(c, "count 5", "deque_extend d right [3, 4]");
    EXPECT(c, "count 8", "deque_extend d left d[-1, -2, -3]");
    EXPECT(c, "d[-3, -2, -1, 1, (2), d3[], 3, 4]", "get d");
    EXPECT(c, "count 8", "deque_rotate d 2");
    EXPECT(c, "count 8", "deque_rotate d -5");
    EXPECT(c, "d[1, (2), d3[], 3, 4, -3, -2, -1]", "get d");
    EXPECT(c, "count 8", "length d");
    EXPECT(c, "true", "contains d (2)");
    EXPECT(c, "true", "contains d d5[]"); /* equal by content */
    EXPECT(c, "false", "contains d []");
    EXPECT(c, "count 0", "deque_clear d");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "deque_pop d left");
    EXPECT(c, "existed", "set d d3[1, 2, 3, 4, 5]");
    EXPECT(c, "d3[3, 4, 5]", "get d");
    EXPECT(c, "count 3", "deque_push d left 2");
    EXPECT(c, "d3[2, 3, 4]", "get d");
    EXPECT(c, "count 3", "deque_extend d right (5, 6)");
    EXPECT(c, "d3[4, 5, 6]", "get d");
    EXPECT(c, "new", "set l [1]");
    EXPECT(c, "count 4", "list_extend l d[2, 3, 4]");
    EXPECT(c, "existed", "unbind l");
    EXPECT(c, "existed", "unbind d");
}

static void test_requests_do_what_they_say(void **state)
{
    (void)state;
    in_every_mode(operations);
}

static void refusals(struct raw_client *c)
{
    EXPECT(c, "new", "set d d[]");
    EXPECT(c, "new", "set l []");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "deque_push l left 1");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "deque_pop l left");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "deque_rotate l 1");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "deque_clear l");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "deque_extend d left 5");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "list_append d 5");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "list_slice d 0 1");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "deque_push nothing left 1");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "put {d[]: 1}");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "put {(d[]): 1}");
    EXPECT(c, "d[]", "get d");
    EXPECT(c, "existed", "unbind d");
    EXPECT(c, "existed", "unbind l");
}

static void test_requests_that_cannot_be_are_refused(void **state)
{
    (void)state;
    in_every_mode(refusals);
}

/* Cycles through deques: those that nobody can find any more, because their request
 * failed or a maximum pushed them out, are taken apart. */
static void cycles(struct raw_client *c)
{
    EXPECT(c, "new", "set d &0d[1, *0]");
    EXPECT(c, "&0d[1, *0]", "get d");
    EXPECT(c, "count 0", "deque_clear d");
    EXPECT(c, "count 0", "deque_extend d right d0[&0[*0], &1d[*1]]");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "deque_push nothing left &0d[*0]");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "deque_push d left [&0d[*0], {[]: 1}]");
    EXPECT(c, "existed", "unbind d");
}

static void test_cycles_that_nobody_finds_are_undone(void **state)
{
    (void)state;
    in_every_mode(cycles);
}

static void scanning(struct raw_client *c)
{
    enum {
        N = 300
    };
    bool is_seen[N] = { false };
    uint64_t cursor = 0;
    int n_seen = 0;

    raw_do(c, "set d d[]");
    for (int i = 0; i < N; i++)
        raw_do(c, "deque_push d right %d", i);
    do {
        Tenure__V1__Request *request = raw_request(c);
        Tenure__V1__Response *response;

        request->op_case = TENURE__V1__REQUEST__OP_SCAN_DEQUE;
        request->scan_deque = RAW_NEW(c, ScanDequeRequest, SCAN_DEQUE_REQUEST);
        request->scan_deque->target = raw_target(c, "d");
        request->scan_deque->cursor = cursor;
        request->scan_deque->limit = 16;
        response = raw_call(c, request);
        assert_null(response->status);
        cursor = response->scan_dict->cursor;
        for (size_t i = 0; i < response->scan_dict->entries->n_ints; i++) {
            int64_t value = response->scan_dict->entries->ints[i];

            assert_false(is_seen[value]);
            is_seen[value] = true;
            n_seen++;
        }
        raw_do(c, "deque_pop d left"); /* what has been seen */
        raw_do(c, "deque_pop d left");
        raw_do(c, "deque_push d left 0");
        raw_reset(c);
    } while (cursor != 0);
    assert_int_equal(n_seen, N);
    raw_do(c, "unbind d");
}

static void test_scan_sees_each_once(void **state)
{
    (void)state;
    in_every_mode(scanning);
}

/* ---- libtenure ---- */

static void ok(tn_client *client, int result)
{
    if (result < 0)
        fail_msg("%s: %s", tn_errno_name(result), tn_client_error(client)->message);
}

static int64_t int_of(tn_value value)
{
    int64_t integer = INT64_MIN;

    assert_int_equal(tn_value_as_int(value, &integer), 0);
    return integer;
}

static void scan_and_batch(tn_client *client, tn_values *values)
{
    TN_DEQUE_ITER_CLEANUP tn_deque_iter *iter = NULL;
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(client);
    tn_op push = tn_op_init(TN_OP_DEQUE_PUSH);
    tn_op pop = tn_op_init(TN_OP_DEQUE_POP);
    int64_t next = -1;
    tn_reply *reply;
    tn_value item;
    int r;

    ok(client, tn_deque_iter_open(client, tn_named("d"), NULL, &iter));
    while ((r = tn_deque_iter_next(iter, &item)) == 1)
        assert_int_equal(int_of(item), next++);
    ok(client, r);
    assert_int_equal(next, 1000);

    push.target = pop.target = tn_named("d");
    push.end = pop.end = TN_LEFT;
    push.value = tn_value_str(values, "first");
    assert_int_equal(tn_batch_add(batch, &push), 0);
    assert_int_equal(tn_batch_add(batch, &pop), 1);
    ok(client, tn_client_run(client, batch, &reply));
    ok(client, tn_reply_value(tn_reply_step(reply, 1), values, &item));
    assert_string_equal(tn_value_as_str(item, NULL), "first");
}

static void with_library(struct server_fixture *f)
{
    TN_CLIENT_CLEANUP tn_client *client = NULL;
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_value deque = tn_value_deque(values, -1);
    tn_value bounded = tn_value_deque(values, 2);
    tn_value list = tn_value_list(values);
    uint64_t length = 0;
    tn_value value;

    options.endpoint = f->endpoint;
    ok(client, tn_client_open(&options, &client));
    for (int i = 0; i < 1000; i++)
        ok(client, tn_value_append(list, tn_value_int(values, i)));
    ok(client, tn_client_set(client, "d", deque));
    ok(client, tn_client_deque_extend(client, tn_named("d"), TN_RIGHT, list, &length));
    assert_int_equal(length, 1000);
    ok(client,
       tn_client_deque_push(client, tn_named("d"), TN_LEFT, tn_value_int(values, -1), NULL));
    scan_and_batch(client, values);
    ok(client, tn_client_deque_pop(client, tn_named("d"), TN_RIGHT, NULL, values, &value));
    assert_int_equal(int_of(value), 999);
    ok(client, tn_client_deque_rotate(client, tn_named("d"), -1));
    ok(client, tn_client_deque_pop(client, tn_named("d"), TN_RIGHT, NULL, values, &value));
    assert_int_equal(int_of(value), -1);
    ok(client, tn_client_deque_clear(client, tn_named("d")));
    assert_int_equal(tn_client_deque_pop(client, tn_named("d"), TN_LEFT, NULL, values, &value),
                     TN_EINDEX);

    for (int i = 0; i < 5; i++)
        ok(client, tn_value_append(bounded, tn_value_int(values, i)));
    ok(client, tn_client_set(client, "d", bounded));
    ok(client, tn_client_get(client, tn_named("d"), NULL, values, &value));
    assert_int_equal(tn_value_kind(value), TN_KIND_DEQUE);
    assert_int_equal(tn_value_len(value), 2);
    assert_int_equal(tn_value_maxlen(value), 2);
    assert_int_equal(int_of(tn_value_item(value, 0)), 3);
    assert_int_equal(tn_value_maxlen(deque), -1);
    assert_int_equal(tn_value_maxlen(list), -1);
    ok(client, tn_client_unbind(client, "d"));
    assert_false(tn_value_is_valid(tn_value_deque(values, UINT32_MAX)));
    assert_int_equal(tn_values_error(values), TN_ETOO_BIG);
}

static void test_library_has_calls_for_all_of_it(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        with_library(&f);
        server_fixture_stop(&f);
    }
}

/* ---- By hand ---- */

/* Runs `tenure` with the words of a line, which have no blanks of their own. */
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

static void test_command_has_its_verbs(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    check(&f, NULL, "", "", "set", "d", "{\"$deque\": [1, 2], \"$maxlen\": 4}", NULL);
    check(&f, NULL, "{\"$deque\": [1, 2], \"$maxlen\": 4}\n", "", "get", "d", NULL);
    check(&f, NULL, "deque\n", "", "type", "d", NULL);
    check(&f, NULL, "", "", "deque", "append", "d", "3", "-4", NULL);
    check(&f, NULL, "{\"length\": 4}\n", "", "-j", "deque", "appendleft", "d", "0", NULL);
    check(&f, NULL, "0\n1\n2\n3\n", "", "deque", "items", "d", NULL);
    check(&f, NULL, "", "", "deque", "extend", "d", "[4, 5]", NULL);
    check(&f, NULL, "", "", "deque", "extendleft", "d", "[1]", NULL);
    check(&f, NULL, "", "", "deque", "rotate", "d", NULL);
    check(&f, NULL, "4\n1\n2\n3\n", "", "deque", "items", "d", NULL);
    check(&f, NULL, "", "", "deque", "rotate", "d", "-2", NULL);
    check(&f, NULL, "1\n", "", "deque", "pop", "d", NULL);
    check(&f, NULL, "2\n", "", "deque", "popleft", "d", NULL);
    check(&f, NULL, "", "", "deque", "set", "d", "0", "\"three\"", NULL);
    check(&f, NULL, "three\n", "", "deque", "get", "-r", "d", "0", NULL);
    check(&f, NULL, "2\n", "", "deque", "len", "d", NULL);
    check(&f, NULL, "true\n", "", "deque", "contains", "d", "4", NULL);
    check(&f, NULL, "", "", "deque", "clear", "d", NULL);
    check(&f, NULL, "", "INDEX_OUT_OF_RANGE", "deque", "pop", "d", NULL);
    check(&f, NULL, "", "none of the verbs", "deque", "insert", "d", NULL);
    check(&f,
          "[{\"op\": \"deque_push\", \"target\": \"d\", \"value\": 1, \"left\": true},\n"
          " {\"op\": \"deque_extend\", \"target\": \"d\", \"value\": [2, 3]},\n"
          " {\"op\": \"deque_rotate\", \"target\": \"d\", \"index\": 1},\n"
          " {\"op\": \"deque_pop\", \"target\": \"d\", \"left\": true},\n"
          " {\"op\": \"deque_clear\", \"target\": \"d\"}]",
          "[\n {\"ok\": true, \"count\": 1},\n {\"ok\": true, \"count\": 3},\n"
          " {\"ok\": true, \"count\": 3},\n {\"ok\": true, \"value\": 3},\n"
          " {\"ok\": true, \"count\": 0}\n]\n",
          "", "batch", NULL);
    check(&f, NULL, "", "", "del", "d", NULL);
    server_fixture_stop(&f);
}

static void test_shell_knows_deques(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);
    check(&f,
          "d = deque([1, 2])\n"
          "d.append(3)\n"
          "d.appendleft(0)\n"
          "d\n"
          "d.pop()\n"
          "d.popleft()\n"
          "d.extend([5, 6])\n"
          "d.extendleft((8, 9))\n"
          "d.rotate()\n"
          "d.rotate(-2)\n"
          "d\n"
          "d[0] = 'x'\n"
          "d[-1]\n"
          "5 in d\n"
          "b = deque(d, maxlen=2)\n"
          "b\n"
          "deque(maxlen=3)\n"
          "deque([1, 2, 3], 2)\n"
          "deque([], None)\n"
          "[deque()]\n"
          "d.clear()\n"
          "len(d)\n"
          "type d\n",
          "deque([0, 1, 2, 3])\n3\n0\n"
          "deque([8, 1, 2, 5, 6, 9])\n9\nTrue\n"
          "deque([6, 9], maxlen=2)\n"
          "deque([], maxlen=3)\n"
          "deque([2, 3], maxlen=2)\n"
          "deque([])\n"
          "[deque([])]\n"
          "0\ndeque\n",
          "", "shell", "-q", NULL);
    check(&f, "d = deque([], -1)\n", "", "from 0 to 4294967294", "shell", "-q", NULL);
    check(&f, "d = deque()\nd.pop(1)\n", "", "popleft()", "shell", "-q", NULL);
    check(&f, "d = deque()\nd.popleft()\n", "", "The deque is empty", "shell", "-q", NULL);
    server_fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_do_what_they_say),
        cmocka_unit_test(test_requests_that_cannot_be_are_refused),
        cmocka_unit_test(test_cycles_that_nobody_finds_are_undone),
        cmocka_unit_test(test_scan_sees_each_once),
        cmocka_unit_test(test_library_has_calls_for_all_of_it),
        cmocka_unit_test(test_command_has_its_verbs),
        cmocka_unit_test(test_shell_knows_deques),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
