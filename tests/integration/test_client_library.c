/* SPDX-License-Identifier: MIT */
/* libtenure against a real server, in every mode. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "tests/support/daemon.h"
#include "tests/support/server_fixture.h"

static tn_client *connect_to(const char *endpoint, const char *space)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = endpoint;
    options.namespace_name = space;
    if (tn_client_open(&options, &client) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    return client;
}

/* Expects success, or says why there is none. */
static void ok(tn_client *client, int result)
{
    if (result < 0)
        fail_msg("%s: %s", tn_errno_name(result), tn_client_error(client)->message);
}

static int64_t refs_of(tn_client *client, tn_target target)
{
    tn_description d = TN_DESCRIPTION_INIT;

    ok(client, tn_client_describe(client, target, false, 0, &d));
    return d.refs;
}

static int64_t int_of(tn_value value)
{
    int64_t integer = INT64_MIN;

    assert_int_equal(tn_value_as_int(value, &integer), 0);
    return integer;
}

/* Runs a test in each mode; nothing may be left behind. */
static void in_each_mode(void (*body)(struct server_fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;

        server_fixture_start(&f, mode, NULL);
        body(&f);
        server_fixture_stop(&f);
    }
}

/* ---- Values ---- */

static tn_value build_everything(tn_values *values)
{
    tn_value items[3] = { tn_value_int(values, INT64_MAX), tn_value_str(values, ""),
                          tn_value_bytes(values, "\0\xff", 2) };
    tn_value dict = tn_value_dict(values);
    tn_value list = tn_value_list(values);
    tn_value tuple = tn_value_tuple(values, items, 3);

    tn_value_append(list, tn_value_none(values));
    tn_value_append(list, tn_value_bool(values, true));
    tn_value_append(list, tn_value_float(values, -0.0));
    tn_value_append(list, tn_value_float(values, (double)INFINITY));
    tn_value_append(list, tn_value_str_n(values, "a\0é", 4));
    tn_value_append(list, list); /* a cycle */
    tn_value_set(dict, tuple, list);
    tn_value_set(dict, tn_value_int(values, -1), tuple);
    tn_value_set_str(dict, "list", list);
    return dict;
}

static void body_values(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_VALUES_CLEANUP tn_values *back = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL);
    tn_value got, list, tuple;
    double real = 1;
    size_t len = 0;

    ok(client, tn_client_set(client, "everything", build_everything(values)));
    ok(client, tn_client_get(client, tn_named("everything"), NULL, back, &got));
    assert_int_equal(tn_value_kind(got), TN_KIND_DICT);
    assert_int_equal(tn_value_len(got), 3);
    tuple = tn_value_key(got, 0);
    list = tn_value_item(got, 0);
    assert_true(int_of(tn_value_item(tuple, 0)) == INT64_MAX);
    assert_int_equal(tn_value_len(tn_value_item(tuple, 1)), 0);
    assert_memory_equal(tn_value_as_bytes(tn_value_item(tuple, 2), &len), "\0\xff", 2);
    assert_int_equal(len, 2);
    assert_int_equal(int_of(tn_value_key(got, 1)), -1);
    assert_int_equal(tn_value_item(got, 1).node, tuple.node); /* still one and the same */
    assert_int_equal(tn_value_find(got, "list").node, list.node);
    assert_int_equal(tn_value_item(list, 5).node, list.node);
    assert_int_equal(tn_value_as_float(tn_value_item(list, 2), &real), 0);
    assert_true(real == 0.0 && signbit(real));
    assert_memory_equal(tn_value_as_str(tn_value_item(list, 4), &len), "a\0é", 4);
    assert_int_equal(len, 4);

    /* Break the cycle, or the list would stay. */
    ok(client, tn_client_dict_get(client, tn_named("everything"), tn_value_str(values, "list"),
                                  &(tn_want){ .struct_size = sizeof(tn_want), .handle = true },
                                  back, &got));
    ok(client, tn_client_list_delete(client, tn_held(tn_value_as_handle(got)), 5, NULL));
    ok(client, tn_client_unbind(client, "everything"));
}

static void test_every_value_survives_the_journey(void **state)
{
    (void)state;
    in_each_mode(body_values);
}

/* ---- References ---- */

static void body_references(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL);
    TN_CLIENT_CLEANUP tn_client *other = connect_to(f->tcp_endpoint, NULL);
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    TN_HANDLE_CLEANUP tn_handle *theirs = NULL;
    tn_value list = tn_value_list(values);
    tn_value outer = tn_value_list(values);
    uint64_t version = 0;

    ok(client, tn_client_put(client, list, &handle));
    assert_int_equal(tn_handle_kind(handle), TN_KIND_LIST);
    assert_int_equal(refs_of(client, tn_held(handle)), 1);
    ok(client, tn_client_bind(client, "x", tn_held(handle)));
    ok(client, tn_client_bind(client, "y", tn_named("x")));
    assert_int_equal(refs_of(client, tn_held(handle)), 3);
    ok(other, tn_client_lookup(other, "x", &theirs, &version));
    assert_int_equal(version, 1);
    assert_int_equal(refs_of(client, tn_named("x")), 4);

    tn_value_append(outer, tn_value_handle(values, handle)); /* by reference */
    tn_value_append(outer, tn_value_handle(values, handle));
    ok(client, tn_client_set(client, "outer", outer));
    assert_int_equal(refs_of(client, tn_named("x")), 6);
    ok(client, tn_client_unbind(client, "outer"));
    tn_handle_release(&theirs);
    ok(other, tn_client_flush(other));
    ok(other, tn_client_ping(other)); /* behind it */
    assert_int_equal(refs_of(client, tn_named("x")), 3);
    tn_values_clear(values); /* which held the handle, too */
    tn_handle_release(&handle);
    assert_int_equal(refs_of(client, tn_named("x")), 2);
    ok(client, tn_client_unbind(client, "x"));
    ok(client, tn_client_unbind(client, "y"));
    assert_int_equal(tn_client_unbind(client, "y"), TN_ENAME);
}

static void test_references_are_counted_as_they_come_and_go(void **state)
{
    (void)state;
    in_each_mode(body_references);
}

static void body_conditions(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, "lesson");
    TN_HANDLE_CLEANUP tn_handle *first = NULL;
    TN_HANDLE_CLEANUP tn_handle *second = NULL;
    tn_require require = TN_REQUIRE_INIT;
    tn_binding binding;

    require.absent = true;
    ok(client, tn_client_set_if(client, "x", tn_value_list(values), &require, &binding, &first));
    assert_false(binding.existed);
    assert_int_equal(tn_client_set_if(client, "x", tn_value_list(values), &require, NULL, &second),
                     TN_EPRECONDITION);
    assert_null(second);
    require = (tn_require)TN_REQUIRE_INIT;
    require.same = first;
    ok(client, tn_client_set_if(client, "x", tn_value_list(values), &require, &binding, &second));
    assert_true(binding.existed);
    assert_int_equal(binding.version, 2);
    assert_int_equal(tn_client_unbind_if(client, "x", &require, NULL), TN_EPRECONDITION);
    require.same = second;
    require.version = 2;
    ok(client, tn_client_unbind_if(client, "x", &require, NULL));
    ok(client, tn_client_bind_if(client, "x", tn_held(second), NULL, &binding));
    assert_true(binding.version > 2);
    ok(client, tn_client_unbind(client, "x"));
}

static void test_names_change_only_on_condition(void **state)
{
    (void)state;
    in_each_mode(body_conditions);
}

/* ---- Containers ---- */

static void body_lists(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL);
    tn_target list = tn_named("l");
    tn_value items = tn_value_list(values);
    tn_value got;
    uint64_t length = 0;
    bool contained = false;

    for (int i = 0; i < 5; i++)
        tn_value_append(items, tn_value_int(values, 1000 + i));
    ok(client, tn_client_set(client, "l", tn_value_list(values)));
    ok(client, tn_client_list_extend(client, list, items, &length));
    assert_int_equal(length, 5);
    ok(client, tn_client_list_append(client, list, tn_value_str(values, "end"), &length));
    ok(client, tn_client_list_insert(client, list, 0, tn_value_none(values), &length));
    assert_int_equal(length, 7);
    ok(client, tn_client_list_set(client, list, -1, tn_value_int(values, 7777)));
    ok(client, tn_client_list_get(client, list, 6, NULL, values, &got));
    assert_int_equal(int_of(got), 7777);
    ok(client, tn_client_list_slice(client, list, 1, -1, NULL, values, &got));
    assert_int_equal(tn_value_len(got), 5);
    assert_int_equal(int_of(tn_value_item(got, 4)), 1004);
    ok(client, tn_client_list_slice(client, list, -2, TN_TO_END, NULL, values, &got));
    assert_int_equal(tn_value_len(got), 2);
    ok(client, tn_client_contains(client, list, tn_value_int(values, 1003), &contained));
    assert_true(contained);
    ok(client, tn_client_contains(client, list, tn_value_int(values, 3), &contained));
    assert_false(contained);
    ok(client, tn_client_list_delete(client, list, 0, &length));
    ok(client, tn_client_list_pop(client, list, -1, NULL, values, &got));
    assert_int_equal(int_of(got), 7777);
    ok(client, tn_client_length(client, list, &length));
    assert_int_equal(length, 5);
    assert_int_equal(tn_client_list_get(client, list, 5, NULL, values, &got), TN_EINDEX);
    assert_int_equal(tn_client_dict_get(client, list, tn_value_int(values, 1), NULL, values, &got),
                     TN_ETYPE);
    ok(client, tn_client_unbind(client, "l"));
}

static void test_lists_behave_like_pythons(void **state)
{
    (void)state;
    in_each_mode(body_lists);
}

#define N_ENTRIES 1000

static void body_dicts(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL);
    TN_DICT_ITER_CLEANUP tn_dict_iter *iter = NULL;
    tn_target dict = tn_named("d");
    tn_value key, value, got;
    uint64_t length = 0;
    int n = 0;
    int r;

    ok(client, tn_client_set(client, "d", tn_value_dict(values)));
    for (int i = 0; i < N_ENTRIES; i++) {
        tn_values_clear(values);
        ok(client,
           tn_client_dict_set(client, dict, tn_value_int(values, i), tn_value_list(values)));
    }
    ok(client, tn_client_dict_delete(client, dict, tn_value_float(values, 3.0))); /* 3 == 3.0 */
    ok(client, tn_client_dict_pop(client, dict, tn_value_int(values, 5), NULL, values, &got));
    assert_int_equal(tn_value_kind(got), TN_KIND_LIST);
    assert_int_equal(tn_client_dict_get(client, dict, tn_value_int(values, 5), NULL, values, &got),
                     TN_EKEY);
    assert_int_equal(tn_client_dict_set(client, dict, tn_value_list(values), tn_value_none(values)),
                     TN_EUNHASHABLE);
    ok(client, tn_client_length(client, dict, &length));
    assert_int_equal(length, N_ENTRIES - 2);

    ok(client, tn_dict_iter_open(client, dict, false, NULL, &iter));
    while ((r = tn_dict_iter_next(iter, &key, &value)) == 1) {
        n += n == 3 || n == 5; /* these are missing */
        assert_int_equal(int_of(key), n++);
        assert_int_equal(tn_value_kind(value), TN_KIND_LIST);
    }
    ok(client, r);
    assert_int_equal(n, N_ENTRIES);
    tn_dict_iter_close(&iter);
    ok(client, tn_dict_iter_open(client, dict, true, NULL, &iter));
    assert_int_equal(tn_dict_iter_next(iter, &key, &value), 1);
    assert_false(tn_value_is_valid(value));
    ok(client, tn_client_unbind(client, "d"));
}

static void test_dicts_behave_like_pythons(void **state)
{
    (void)state;
    in_each_mode(body_dicts);
}

/* ---- Many at once ---- */

#define N_NAMES 3000

struct tally {
    size_t n;
    size_t n_failed;
    tn_values *values;
    int64_t sum;
};

static void on_reply(tn_client *client, tn_reply *reply, void *arg)
{
    struct tally *tally = arg;
    tn_value value;
    int64_t integer = 0;

    (void)client;
    tally->n++;
    tally->n_failed += tn_reply_status(reply) < 0;
    tn_values_clear(tally->values);
    if (tn_reply_value(reply, tally->values, &value) == 0 && tn_value_as_int(value, &integer) == 0)
        tally->sum += integer;
}

static void submit(tn_client *client, const tn_op *op, struct tally *tally)
{
    int r;

    while ((r = tn_client_submit(client, op, on_reply, tally)) == TN_EAGAIN)
        ok(client, tn_client_wait(client, tn_client_window(client) / 2));
    ok(client, r);
}

static void body_pipeline(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_VALUES_CLEANUP tn_values *replies = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL);
    TN_NAME_ITER_CLEANUP tn_name_iter *iter = NULL;
    struct tally tally = { .values = replies };
    tn_name_entry entry;
    char name[32];
    size_t n = 0;
    tn_op op;
    int r;

    for (int i = 0; i < N_NAMES; i++) {
        tn_values_clear(values);
        (void)snprintf(name, sizeof(name), "many/%d", i);
        op = tn_op_set(name, tn_value_int(values, 1000 + i));
        submit(client, &op, &tally);
        op = tn_op_get(tn_named(name));
        submit(client, &op, &tally);
    }
    ok(client, tn_client_wait(client, 0));
    assert_int_equal(tally.n, 2 * N_NAMES);
    assert_int_equal(tally.n_failed, 0);
    assert_int_equal(tally.sum, (int64_t)N_NAMES * 1000 + (int64_t)N_NAMES * (N_NAMES - 1) / 2);

    ok(client, tn_name_iter_open(client, "many/", &iter));
    while ((r = tn_name_iter_next(iter, &entry)) == 1) {
        assert_int_equal(entry.type, TN_KIND_INT);
        op = tn_op_unbind(entry.name);
        submit(client, &op, &tally);
        n++;
    }
    ok(client, r);
    ok(client, tn_client_wait(client, 0));
    assert_int_equal(n, N_NAMES); /* although they were removed meanwhile */
    assert_int_equal(tally.n_failed, 0);
}

static void test_thousands_of_requests_are_pipelined(void **state)
{
    (void)state;
    in_each_mode(body_pipeline);
}

static void body_batch(struct server_fixture *f)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_CLIENT_CLEANUP tn_client *client = connect_to(f->endpoint, NULL);
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(client);
    TN_INFO_CLEANUP tn_info *info = NULL;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    tn_value dict = tn_value_dict(values);
    tn_reply *reply = NULL;
    tn_value got;
    tn_op op;

    op = tn_op_put(tn_value_list(values));
    assert_int_equal(tn_batch_add(batch, &op), 0);
    tn_value_set_str(dict, "list", tn_value_result(values, 0));
    op = tn_op_set("d", dict);
    assert_int_equal(tn_batch_add(batch, &op), 1);
    op = tn_op_init(TN_OP_LIST_APPEND);
    op.target = tn_of_step(0);
    op.value = tn_value_int(values, 4242);
    assert_int_equal(tn_batch_add(batch, &op), 2);
    op = tn_op_get(tn_named("d"));
    assert_int_equal(tn_batch_add(batch, &op), 3);
    ok(client, tn_client_run(client, batch, &reply));
    ok(client, tn_reply_value(tn_reply_step(reply, 3), values, &got));
    assert_int_equal(int_of(tn_value_item(tn_value_find(got, "list"), 0)), 4242);
    ok(client, tn_reply_handle(tn_reply_step(reply, 0), &handle, NULL));
    assert_int_equal(refs_of(client, tn_held(handle)), 2);

    ok(client, tn_client_run(client, batch, NULL)); /* again; nobody takes the handle */
    ok(client, tn_client_release(client, NULL));
    ok(client, tn_client_info(client, &info));
    assert_int_equal(info->handles, 1);
    assert_int_equal(info->names, 1);
    assert_string_equal(info->mode, tn_client_server_mode(client));
    assert_true(info->objects_by_type[TN_KIND_LIST] >= 2);
    ok(client, tn_client_unbind(client, "d"));
}

static void test_batches_build_on_their_results(void **state)
{
    (void)state;
    in_each_mode(body_batch);
}

/* ---- Limits and loss ---- */

static void test_a_full_heap_refuses_and_recovers(void **state)
{
    static const char *const options[] = { "max-memory", "16mb", NULL };
    struct server_fixture f;
    tn_client *client;
    tn_values *values = tn_values_new();
    char *large = calloc(1, 1 << 20);
    char name[16];
    int n = 0;
    int r = 0;

    (void)state;
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    server_fixture_start(&f, TN_MODE_BIASED, options);
    client = connect_to(f.endpoint, NULL);
    for (; n < 100 && r == 0; n++) {
        tn_values_clear(values);
        (void)snprintf(name, sizeof(name), "%d", n);
        r = tn_client_set(client, name, tn_value_bytes(values, large, 1 << 20));
    }
    assert_int_equal(r, TN_EMEMORY);
    assert_string_equal(tn_client_error(client)->reason, "MEMORY_LIMIT");
    n--;
    assert_true(n > 4);
    for (int i = 0; i < n; i++) {
        tn_value got;

        tn_values_clear(values);
        (void)snprintf(name, sizeof(name), "%d", i);
        ok(client, tn_client_get(client, tn_named(name), NULL, values, &got));
        assert_int_equal(tn_value_len(got), 1 << 20);
        ok(client, tn_client_unbind(client, name));
    }
    tn_values_clear(values);
    ok(client, tn_client_set(client, "again", tn_value_bytes(values, large, 1 << 20)));
    ok(client, tn_client_unbind(client, "again"));
    free(large);
    tn_values_free(&values);
    tn_client_close(&client);
    server_fixture_stop(&f);
}

static void test_a_request_that_is_too_large_is_refused_here(void **state)
{
    static const char *const options[] = { "max-frame", "64kb", NULL };
    struct server_fixture f;
    tn_client *client;
    tn_values *values = tn_values_new();
    char *large = calloc(1, 1 << 20);

    (void)state;
    assert_non_null(large);
    server_fixture_start(&f, TN_MODE_ATOMIC, options);
    client = connect_to(f.endpoint, NULL);
    assert_int_equal(tn_client_set(client, "x", tn_value_bytes(values, large, 1 << 20)),
                     TN_ETOO_BIG);
    ok(client, tn_client_ping(client));
    free(large);
    tn_values_free(&values);
    tn_client_close(&client);
    server_fixture_stop(&f);
}

static void count_lost(tn_client *client, tn_reply *reply, void *arg)
{
    size_t *n = arg;

    (void)client;
    n[0]++;
    n[1] += tn_reply_status(reply) == TN_ESESSION_LOST;
}

static void test_a_server_that_is_killed_is_noticed(void **state)
{
    struct daemon daemon;
    char endpoint[128];
    tn_client *client;
    tn_handle *handle = NULL;
    tn_values *values = tn_values_new();
    size_t n[2] = { 0, 0 };
    tn_op op = tn_op_init(TN_OP_PING);

    (void)state;
    daemon_set_up(&daemon);
    daemon_start(&daemon, NULL, NULL);
    (void)snprintf(endpoint, sizeof(endpoint), "unix:%s", daemon.socket_path);
    client = connect_to(endpoint, NULL);
    ok(client, tn_client_put(client, tn_value_list(values), &handle));
    daemon_freeze(&daemon); /* so that it answers none of what follows */
    for (int i = 0; i < 100; i++)
        ok(client, tn_client_submit(client, &op, count_lost, n));
    ok(client, tn_client_flush(client));
    daemon_signal(&daemon, SIGKILL);
    while (n[0] < 100)
        assert_true(tn_client_poll(client, TN_WAIT_FOREVER) >= 0);
    assert_true(n[1] > 0);
    assert_int_equal(tn_client_ping(client), TN_ESESSION_LOST);
    assert_non_null(strstr(tn_client_error(client)->message, "open another client"));
    tn_handle_release(&handle); /* as safe as ever */
    assert_int_equal(daemon_wait(&daemon, NULL, 0), 128 + SIGKILL);
    assert_int_equal(unlink(daemon.socket_path), 0); /* what it could not remove itself */
    assert_int_equal(unlink(daemon.port_path), 0);
    tn_values_free(&values);
    tn_client_close(&client);
    daemon_tear_down(&daemon);
}

static void test_a_server_that_shuts_down_says_goodbye(void **state)
{
    struct daemon daemon;
    char endpoint[128];
    tn_client *client;
    int r = 0;

    (void)state;
    daemon_set_up(&daemon);
    daemon_start(&daemon, NULL, NULL);
    (void)snprintf(endpoint, sizeof(endpoint), "unix:%s", daemon.socket_path);
    client = connect_to(endpoint, NULL);
    daemon_signal(&daemon, SIGTERM);
    while (r == 0)
        r = tn_client_ping(client);
    assert_true(r == TN_ESESSION_LOST || r == TN_ESERVER);
    assert_int_equal(daemon_wait(&daemon, NULL, 0), 0);
    assert_int_equal(tn_client_ping(client), TN_ESESSION_LOST);
    tn_client_close(&client);
    daemon_tear_down(&daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value_survives_the_journey),
        cmocka_unit_test(test_references_are_counted_as_they_come_and_go),
        cmocka_unit_test(test_names_change_only_on_condition),
        cmocka_unit_test(test_lists_behave_like_pythons),
        cmocka_unit_test(test_dicts_behave_like_pythons),
        cmocka_unit_test(test_thousands_of_requests_are_pipelined),
        cmocka_unit_test(test_batches_build_on_their_results),
        cmocka_unit_test(test_a_full_heap_refuses_and_recovers),
        cmocka_unit_test(test_a_request_that_is_too_large_is_refused_here),
        cmocka_unit_test(test_a_server_that_is_killed_is_noticed),
        cmocka_unit_test(test_a_server_that_shuts_down_says_goodbye),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
