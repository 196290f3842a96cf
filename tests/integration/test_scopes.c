/* SPDX-License-Identifier: MIT */
/* Scopes: handles that go together, through libtenure and a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

/* More than are released at a time, so that it takes several turns. */
#define MANY 20000

static tn_client *connect_to(const char *endpoint)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = endpoint;
    if (tn_client_open(&options, &client) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    return client;
}

static void ok(tn_client *client, int result)
{
    if (result < 0)
        fail_msg("%s: %s", tn_errno_name(result), tn_client_error(client)->message);
}

static void in_each_mode(void (*body)(struct server_fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        body(&f);
        server_fixture_stop(&f);
    }
}

static int64_t refs_of(tn_client *client, tn_target target)
{
    tn_description d = TN_DESCRIPTION_INIT;

    ok(client, tn_client_describe(client, target, false, 0, &d));
    return d.refs;
}

static uint64_t handles_of_server(tn_client *client)
{
    TN_INFO_CLEANUP tn_info *info = NULL;

    ok(client, tn_client_info(client, &info));
    return info->handles;
}

/* ---- libtenure ---- */

static void use_a_block(tn_client *client, tn_handle **ret_handle)
{
    TN_SCOPE(client);
    tn_handle *other = NULL;

    ok(client, tn_client_lookup(client, "x", ret_handle, NULL));
    ok(client, tn_client_lookup(client, "x", &other, NULL));
    assert_int_equal(refs_of(client, tn_named("x")), 3);
    tn_handle_release(&other);
    assert_int_equal(tn_client_lookup(client, "nothing", &other, NULL), TN_ENAME);
}

static void body_blocks(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint);
    TN_HANDLE_CLEANUP tn_handle *inside = NULL;
    TN_HANDLE_CLEANUP tn_handle *outside = NULL;
    tn_scope scope, nested;
    uint64_t count;

    ok(client, tn_client_set(client, "x", tn_value_list(values)));
    use_a_block(client, &inside);
    assert_int_equal(tn_client_error(client)->err, TN_ENAME); /* what the block said last */
    assert_int_equal(refs_of(client, tn_named("x")), 1);
    assert_int_equal(tn_client_length(client, tn_held(inside), &count), TN_EHANDLE);
    tn_handle_release(&inside); /* told to the server, which does not mind */

    ok(client, tn_client_lookup(client, "x", &outside, NULL));
    ok(client, tn_scope_begin(client, &scope));
    ok(client, tn_scope_begin(client, &nested));
    ok(client, tn_client_lookup(client, "x", &inside, NULL));
    ok(client, tn_client_keep(client, (const tn_handle *const[]){ inside, outside }, 2, &count));
    assert_int_equal(count, 1);
    ok(client, tn_scope_end(&nested, NULL, 0, &count));
    assert_int_equal(count, 0);
    ok(client, tn_scope_end(&nested, NULL, 0, NULL)); /* is empty */
    assert_int_equal(refs_of(client, tn_named("x")), 3);
    nested = scope;
    ok(client, tn_scope_end(&scope, (const tn_handle *const[]){ inside }, 1, &count));
    assert_int_equal(count, 0);
    assert_int_equal(tn_scope_end(&nested, NULL, 0, NULL), TN_EHANDLE);
    assert_string_equal(tn_client_error(client)->reason, "SCOPE_NOT_FOUND");
    ok(client, tn_client_length(client, tn_held(inside), &count));
    assert_int_equal(tn_scope_end(NULL, NULL, 0, NULL), TN_EINVAL);
    assert_int_equal(tn_client_keep(client, NULL, 1, NULL), TN_EINVAL);
    ok(client, tn_client_unbind(client, "x"));
}

static void test_a_block_takes_its_handles_along(void **state)
{
    (void)state;
    in_each_mode(body_blocks);
}

/* A scope with more handles than are released at a time: what comes behind its end sees
 * all of them gone, and others are served meanwhile. */
static void body_many(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint);
    TN_CLIENT_CLEANUP tn_client *other = connect_to(f->endpoint);
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(client);
    tn_op lookup = tn_op_lookup("x");
    tn_scope scope;
    tn_reply *reply;
    uint64_t count;

    ok(client, tn_client_set(client, "x", tn_value_list(values)));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(tn_batch_add(batch, &lookup), i);
    ok(client, tn_scope_begin(client, &scope));
    for (int i = 0; i < MANY / 1000; i++) {
        ok(client, tn_client_run(client, batch, &reply));
        for (size_t k = 0; k < 1000; k++) {
            tn_handle *handle = NULL;

            ok(client, tn_reply_handle(tn_reply_step(reply, k), &handle, NULL));
            (void)tn_value_handle(values, handle); /* keeps it */
            tn_handle_release(&handle);
        }
    }
    assert_int_equal(refs_of(other, tn_named("x")), MANY + 1);
    ok(client, tn_scope_end(&scope, NULL, 0, &count));
    assert_int_equal(count, MANY);
    assert_int_equal(refs_of(client, tn_named("x")), 1);
    assert_int_equal(handles_of_server(other), 0);

    /* In a batch, too, in one go. */
    tn_batch_clear(batch);
    for (int i = 0; i < 2; i++) {
        tn_op op = tn_op_init(i == 0 ? TN_OP_BEGIN_SCOPE : TN_OP_END_SCOPE);

        assert_int_equal(tn_batch_add(batch, &op), 2 * i);
        assert_int_equal(tn_batch_add(batch, &lookup), 2 * i + 1);
    }
    ok(client, tn_client_run(client, batch, &reply));
    ok(client, tn_reply_scope(tn_reply_step(reply, 0), &count));
    assert_true(count > 0);
    assert_int_equal(tn_reply_scope(tn_reply_step(reply, 1), &count), TN_EINVAL);
    ok(client, tn_reply_count(tn_reply_step(reply, 2), &count));
    assert_int_equal(count, 1);
    assert_int_equal(handles_of_server(other), 1);
    ok(client, tn_client_unbind(client, "x"));
}

static void test_a_large_scope_ends_at_one_moment(void **state)
{
    (void)state;
    in_each_mode(body_many);
}

/* ---- On the wire ---- */

static Tenure__V1__Request *end_request(struct raw_client *c, uint64_t scope)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_END_SCOPE;
    request->end_scope = RAW_NEW(c, EndScopeRequest, END_SCOPE_REQUEST);
    request->end_scope->scope = scope;
    return request;
}

static uint64_t begin(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);
    Tenure__V1__Response *response;

    request->op_case = TENURE__V1__REQUEST__OP_BEGIN_SCOPE;
    request->begin_scope = RAW_NEW(c, BeginScopeRequest, BEGIN_SCOPE_REQUEST);
    response = raw_call(c, request);
    if (response->status != NULL)
        return 0;
    assert_int_equal(response->result_case, TENURE__V1__RESPONSE__RESULT_SCOPE);
    return response->scope->scope;
}

/* The end of a large scope with requests right behind it, sent in one go: they wait for
 * it. Or the client goes away in the middle of it. */
static void pipeline(struct server_fixture *f, bool is_cut)
{
    struct raw_client c;

    raw_open(&c, f->unix_address);
    assert_string_equal(raw_do(&c, "set x []"), "new");
    assert_int_not_equal(begin(&c), 0);
    for (int i = 0; i < MANY / 4; i++) {
        assert_int_equal(raw_do(&c, "lookup x")[0], '@');
        if (i % 100 == 0)
            raw_reset(&c);
    }
    assert_true(raw_send(&c, end_request(&c, 0)));
    if (!is_cut) {
        Tenure__V1__Request *unbind = raw_parse(&c, "unbind x");
        Tenure__V1__Response *response;

        assert_true(raw_send(&c, end_request(&c, 0)));
        assert_true(raw_send(&c, unbind));
        response = raw_receive(&c);
        assert_int_equal(response->count->count, MANY / 4);
        assert_string_equal(raw_print(&c, raw_receive(&c)), "NOT_FOUND SCOPE_NOT_FOUND");
        assert_string_equal(raw_print(&c, raw_receive(&c)), "existed");
    }
    raw_close(&c);
    if (is_cut) {
        raw_open(&c, f->unix_address);
        assert_string_equal(raw_do(&c, "unbind x"), "existed");
        raw_close(&c);
    }
}

static void body_pipeline(struct server_fixture *f)
{
    pipeline(f, false);
    pipeline(f, true);
}

static void test_requests_wait_for_the_end_of_a_scope(void **state)
{
    (void)state;
    in_each_mode(body_pipeline);
}

static void body_limits(struct server_fixture *f)
{
    struct raw_client c;
    Tenure__V1__Request *request;
    uint64_t missing = 4711;

    raw_open(&c, f->tcp_address);
    for (int i = 0; i < 64; i++)
        assert_int_equal(begin(&c), i + 1);
    assert_int_equal(begin(&c), 0); /* refused */
    request = end_request(&c, 64);
    request->end_scope->n_keep = 1;
    request->end_scope->keep = &missing;
    assert_string_equal(raw_print(&c, raw_call(&c, request)), "NOT_FOUND HANDLE_NOT_FOUND");
    request = raw_request(&c);
    request->op_case = TENURE__V1__REQUEST__OP_KEEP_HANDLE;
    request->keep_handle = RAW_NEW(&c, KeepHandleRequest, KEEP_HANDLE_REQUEST);
    request->keep_handle->n_handles = 1;
    request->keep_handle->handles = &missing;
    assert_string_equal(raw_print(&c, raw_call(&c, request)), "NOT_FOUND HANDLE_NOT_FOUND");
    assert_string_equal(raw_print(&c, raw_call(&c, end_request(&c, 1))), "count 0");
    assert_string_equal(raw_print(&c, raw_call(&c, end_request(&c, 2))),
                        "NOT_FOUND SCOPE_NOT_FOUND");
    assert_int_equal(begin(&c), 65); /* numbers do not come twice */
    raw_close(&c);
}

static void test_limits_of_scopes(void **state)
{
    (void)state;
    in_each_mode(body_limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_takes_its_handles_along),
        cmocka_unit_test(test_a_large_scope_ends_at_one_moment),
        cmocka_unit_test(test_requests_wait_for_the_end_of_a_scope),
        cmocka_unit_test(test_limits_of_scopes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
