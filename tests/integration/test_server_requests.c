/* SPDX-License-Identifier: MIT */
/* Every request, in every mode, over both kinds of socket: what it answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

/* One test body in all modes; the transport alternates. */
static void in_every_mode(void (*body)(struct raw_client *c))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        raw_open(&c, mode == TN_MODE_ATOMIC ? f.tcp_address : f.unix_address);
        body(&c);
        raw_close(&c);
        server_fixture_stop(&f);
    }
}

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

/* ---- Names ---- */

static void names(struct raw_client *c)
{
    EXPECT(c, "pong hello", "ping hello");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "get x");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "lookup x");
    EXPECT(c, "new", "set x [1, 2, {'a': 3}]");
    EXPECT(c, "[1, 2, {'a': 3}]", "get x");
    EXPECT(c, "new", "bind y x");
    EXPECT(c, "existed", "set x 'changed'");
    EXPECT(c, "'changed'", "get x");
    EXPECT(c, "[1, 2, {'a': 3}]", "get y");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "bind z nothing");
    EXPECT(c, "existed", "unbind x");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "unbind x");
    EXPECT(c, "INVALID_ARGUMENT TARGET_MISSING", "get ");
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "unbind ");
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "set \xff\xfe 1");
    EXPECT(c, "existed", "unbind y");
}

static void test_names_are_bound_read_and_removed(void **state)
{
    (void)state;
    in_every_mode(names);
}

/* The version in an answer about a name. */
static uint64_t version_of(const Tenure__V1__Response *response)
{
    assert_null(response->status);
    assert_int_equal(response->result_case, TENURE__V1__RESPONSE__RESULT_NAME);
    return response->name->version;
}

static Tenure__V1__Precondition *require(struct raw_client *c, bool absent, uint64_t handle,
                                         uint64_t version)
{
    Tenure__V1__Precondition *msg = RAW_NEW(c, Precondition, PRECONDITION);

    msg->absent = absent;
    msg->handle = handle;
    msg->version = version;
    return msg;
}

static const char *set_if(struct raw_client *c, const char *words,
                          Tenure__V1__Precondition *precondition)
{
    Tenure__V1__Request *request = raw_parse(c, words);

    request->set->require = precondition;
    return raw_print(c, raw_call(c, request));
}

static const char *unbind_if(struct raw_client *c, const char *words,
                             Tenure__V1__Precondition *precondition)
{
    Tenure__V1__Request *request = raw_parse(c, words);

    request->unbind->require = precondition;
    return raw_print(c, raw_call(c, request));
}

static const char *bind_if(struct raw_client *c, const char *words,
                           Tenure__V1__Precondition *precondition)
{
    Tenure__V1__Request *request = raw_parse(c, words);

    request->bind->require = precondition;
    return raw_print(c, raw_call(c, request));
}

static void preconditions(struct raw_client *c)
{
    static const char failed[] = "FAILED_PRECONDITION PRECONDITION_FAILED";
    const char *handle;
    const char *other;
    uint64_t object;
    uint64_t stranger;
    uint64_t version;

    assert_string_equal(set_if(c, "set n [1]", require(c, false, 0, 7)), failed);
    assert_string_equal(set_if(c, "set n [1]", require(c, true, 0, 0)), "new");
    assert_string_equal(set_if(c, "set n [2]", require(c, true, 0, 0)), failed);
    handle = raw_do(c, "lookup n");
    object = strtoull(handle + 1, NULL, 16);
    other = raw_do(c, "put [1]");
    stranger = strtoull(other + 1, NULL, 16);
    assert_string_equal(set_if(c, "set n [3]", require(c, false, stranger, 0)), failed);
    assert_string_equal(set_if(c, "set n [3]", require(c, false, 12345, 0)),
                        "NOT_FOUND HANDLE_NOT_FOUND");
    EXPECT(c, "[1]", "get n");
    assert_string_equal(bind_if(c, "bind n n", require(c, false, object, 1)), "existed");
    assert_string_equal(bind_if(c, "bind n n", require(c, false, object, 1)), failed);
    assert_string_equal(unbind_if(c, "unbind n", require(c, false, stranger, 0)), failed);
    assert_string_equal(unbind_if(c, "unbind n", require(c, false, object, 2)), "existed");
    assert_string_equal(unbind_if(c, "unbind n", require(c, false, object, 2)),
                        "NOT_FOUND NAME_NOT_FOUND");
    /* Versions of a name only grow, also when it is removed and bound again. */
    version = version_of(raw_call(c, raw_parse(c, "set n 1")));
    assert_true(version > 2);
    EXPECT(c, "count 2", "release %s %s", handle, other);
    raw_do(c, "unbind n");
}

static void test_preconditions_hold_or_change_nothing(void **state)
{
    (void)state;
    in_every_mode(preconditions);
}

/* ---- Values come back as they went ---- */

static void values(struct raw_client *c)
{
    static const char *const samples[] = {
        "None",
        "True",
        "False",
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "2.50000000000000",
        "''",
        "'text with \xc3\xa9 and \\' quote'",
        "b'\\x00\\xff'",
        "()",
        "[]",
        "{}",
        "(1, (2, (3, [4])), 'x')",
        "[[], [[]], {1: [2]}]",
        "{'a': 1, (1, 'b'): [None], 2.50000000000000: b'z'}",
        "&0[1, *0]",
        "&0{'self': *0}",
        "[&0[], *0, *0]",
        "&0[(1, *0)]",
        "&0[(1, (2, *0)), (3, (4, (5, *0)))]",
        "(1, [&0(2), *0], *0)",
        "[&0('shared'), (*0, 1), ((*0, 2), *0)]",
    };

    for (size_t i = 0; i < TN_ARRAY_LEN(samples); i++) {
        raw_do(c, "set v %s", samples[i]);
        EXPECT(c, samples[i], "get v");
        /* Break what may be a cycle. */
        while (strncmp(raw_do(c, "list_delete v 0"), "count", 5) == 0)
            ;
        raw_do(c, "dict_delete v 'self'");
        raw_reset(c);
    }
    raw_do(c, "unbind v");
}

static void test_values_come_back_as_they_went(void **state)
{
    (void)state;
    in_every_mode(values);
}

/* A tuple that is the root and is in another tuple cannot come after it. */
static void tuple_in_cycle(struct raw_client *c)
{
    const char *list = raw_do(c, "put []");

    EXPECT(c, "new", "set t (%s, 1)", list);
    EXPECT(c, "count 1", "list_append %s (2, 3)", list);
    EXPECT(c, "count 2", "list_append %s [4]", list);
    EXPECT(c, "([(2, 3), [4]], 1)", "get t");
    raw_do(c, "bind l %s", list);
    EXPECT(c, "count 3", "list_append l (5, %s)", raw_do(c, "lookup t"));
    EXPECT(c, "([(2, 3), [4], (5, <tuple>)], 1)", "get t");
    EXPECT(c, "&0[(2, 3), [4], (5, (*0, 1))]", "get l");
    EXPECT(c, "count 2", "list_delete l -1");
    raw_do(c, "unbind t");
    raw_do(c, "unbind l");
}

static void test_tuple_that_holds_the_root_becomes_a_handle(void **state)
{
    (void)state;
    in_every_mode(tuple_in_cycle);
}

static void bad_values(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_parse(c, "set v 1");

    request->set->value = NULL;
    assert_string_equal(raw_print(c, raw_call(c, request)), "INVALID_ARGUMENT VALUE_MISSING");
    request = raw_parse(c, "set v [1, 2]");
    request->set->value->items[0] = 99;
    assert_string_equal(raw_print(c, raw_call(c, request)), "INVALID_ARGUMENT VALUE_MALFORMED");
    EXPECT(c, "INVALID_ARGUMENT INVALID_UTF8", "set v '\xff'");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "set v {[1]: 2}");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "set v [&0[*0], &1[*0, *1], {(1, [2]): *1}]");
    EXPECT(c, "NOT_FOUND HANDLE_NOT_FOUND", "set v [&0[*0], @1234]");
    EXPECT(c, "INVALID_ARGUMENT BATCH_STEP_INVALID", "set v ^0");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "get v");
}

static void test_bad_values_leave_nothing_behind(void **state)
{
    (void)state;
    in_every_mode(bad_values);
}

/* Nodes that the root does not lead to, and that form a cycle. */
static void unreachable(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_parse(c, "set v [&0[*0], &1{1: *1}, 'root']");

    /* The root becomes the str; the rest cannot be reached from it. */
    request->set->value->items[request->set->value->n_items - 3] = 3;
    request->set->value->items[request->set->value->n_items - 2] = 3;
    assert_string_equal(raw_print(c, raw_call(c, request)), "new");
    raw_do(c, "unbind v");
}

static void test_unreachable_cycles_of_a_value_are_dropped(void **state)
{
    (void)state;
    in_every_mode(unreachable);
}

/* ---- Handles ---- */

static void handles(struct raw_client *c)
{
    const char *a = raw_do(c, "put {'k': [1]}");
    const char *b;

    EXPECT(c, "{'k': [1]}", "get %s", a);
    EXPECT(c, "new", "bind n %s", a);
    b = raw_do(c, "lookup n");
    assert_string_not_equal(a, b); /* each is a reference of its own */
    EXPECT(c, "count 1", "release %s", a);
    EXPECT(c, "NOT_FOUND HANDLE_NOT_FOUND", "get %s", a);
    EXPECT(c, "count 0", "release %s", a);
    EXPECT(c, "{'k': [1]}", "get %s", b);
    EXPECT(c, "existed", "unbind n");
    EXPECT(c, "{'k': [1]}", "get %s", b);
    EXPECT(c, "[1]", "dict_get %s 'k'", b);
    EXPECT(c, "count 2", "release %s %s %s", b, raw_do(c, "put 1"), a);
    EXPECT(c, "NOT_FOUND HANDLE_NOT_FOUND", "get @0000000000000001");
}

static void test_handles_are_references_until_released(void **state)
{
    (void)state;
    in_every_mode(handles);
}

static void test_handle_of_another_session_is_not_found(void **state)
{
    struct server_fixture f;
    struct raw_client a;
    struct raw_client b;
    const char *handle;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    raw_open(&a, f.unix_address);
    raw_open(&b, f.tcp_address);
    handle = raw_do(&a, "put 'mine'");
    EXPECT(&b, "NOT_FOUND HANDLE_NOT_FOUND", "get %s", handle);
    EXPECT(&b, "count 0", "release %s", handle);
    EXPECT(&a, "'mine'", "get %s", handle);
    raw_close(&a);
    raw_close(&b);
    server_fixture_stop(&f);
}

static void test_sessions_share_names_of_one_namespace_only(void **state)
{
    struct server_fixture f;
    struct raw_client a;
    struct raw_client b;
    Tenure__V1__Request *request;

    (void)state;
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);
    raw_open(&a, f.unix_address);
    EXPECT(&a, "new", "set x 'default'");
    raw_connect(&b, f.unix_address);
    request = raw_request(&b);
    request->op_case = TENURE__V1__REQUEST__OP_HELLO;
    request->hello = RAW_NEW(&b, HelloRequest, HELLO_REQUEST);
    request->hello->protocol = 1;
    request->hello->namespace_ = raw_bytes(&b, "other");
    assert_null(raw_call(&b, request)->status);
    EXPECT(&b, "NOT_FOUND NAME_NOT_FOUND", "get x");
    EXPECT(&b, "new", "set x 'other'");
    EXPECT(&a, "'default'", "get x");
    EXPECT(&a, "existed", "unbind x");
    EXPECT(&b, "existed", "unbind x");
    raw_close(&a);
    raw_close(&b);
    server_fixture_stop(&f);
}

/* ---- Lists ---- */

static void lists(struct raw_client *c)
{
    raw_do(c, "set l [1, 2, 3]");
    raw_do(c, "set t (1, 2, 3)");
    EXPECT(c, "1", "list_get l 0");
    EXPECT(c, "3", "list_get l -1");
    EXPECT(c, "3", "list_get t -1");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_get l 3");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_get t -4");
    EXPECT(c, "count 3", "list_set l 1 ['two']");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_set l 3 [1]");
    EXPECT(c, "count 4", "list_append l {'four': 4}");
    EXPECT(c, "count 6", "list_extend l (5, 6)");
    EXPECT(c, "INVALID_ARGUMENT TARGET_MISSING", "list_append  5");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "list_extend l 5");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "list_append t 5");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "dict_get l 5");
    EXPECT(c, "count 7", "list_insert l 0 'first'");
    EXPECT(c, "count 8", "list_insert l 100 'last'");
    EXPECT(c, "['first', 1, ['two'], 3, {'four': 4}, 5, 6, 'last']", "get l");
    EXPECT(c, "[['two'], 3]", "list_slice l 2 4");
    EXPECT(c, "[6, 'last']", "list_slice l -2");
    EXPECT(c, "[]", "list_slice l 5 2");
    EXPECT(c, "(1, 2)", "list_slice t -9 2");
    EXPECT(c, "count 7", "list_delete l 4");
    EXPECT(c, "'last'", "list_pop l -1");
    EXPECT(c, "['two']", "list_pop l 2");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_pop l 5");
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_delete l -6");
    EXPECT(c, "['first', 1, 3, 5, 6]", "get l");
    EXPECT(c, "count 5", "length l");
    EXPECT(c, "true", "contains l 3.0");
    EXPECT(c, "false", "contains l [1]");
    EXPECT(c, "true", "contains t 2");
    raw_do(c, "unbind l");
    raw_do(c, "unbind t");
}

static void test_lists(void **state)
{
    (void)state;
    in_every_mode(lists);
}

/* A list in itself, taken out of itself, and extended by itself. */
static void lists_in_themselves(struct raw_client *c)
{
    const char *list = raw_do(c, "put [1]");

    raw_do(c, "bind l %s", list);
    EXPECT(c, "count 2", "list_append l %s", list);
    EXPECT(c, "&0[1, *0]", "get l");
    EXPECT(c, "[1]", "list_pop l 1");
    EXPECT(c, "count 2", "list_extend l %s", list);
    EXPECT(c, "[1, 1]", "get l");
    EXPECT(c, "count 1", "release %s", list);
    EXPECT(c, "existed", "unbind l");
}

static void test_lists_in_themselves(void **state)
{
    (void)state;
    in_every_mode(lists_in_themselves);
}

/* ---- Dicts ---- */

static void dicts(struct raw_client *c)
{
    raw_do(c, "set d {'a': 1}");
    EXPECT(c, "1", "dict_get d 'a'");
    EXPECT(c, "NOT_FOUND KEY_NOT_FOUND", "dict_get d 'b'");
    EXPECT(c, "NOT_FOUND KEY_NOT_FOUND", "dict_get d 7");
    EXPECT(c, "NOT_FOUND KEY_NOT_FOUND", "dict_get d (1,2)");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "dict_get d [1]");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "dict_set d {} 1");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "dict_set d (1,[2]) 1");
    EXPECT(c, "count 2", "dict_set d 1 ['one']");
    EXPECT(c, "count 2", "dict_set d True ['yes']"); /* the same key */
    EXPECT(c, "{'a': 1, 1: ['yes']}", "get d");
    EXPECT(c, "['yes']", "dict_get d 1.0");
    EXPECT(c, "count 3", "dict_set d (1,'x') None");
    EXPECT(c, "None", "dict_get d (1,'x')");
    EXPECT(c, "count 3", "length d");
    EXPECT(c, "true", "contains d 'a'");
    EXPECT(c, "false", "contains d 'z'");
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "contains d [1]");
    EXPECT(c, "['yes']", "dict_pop d 1");
    EXPECT(c, "NOT_FOUND KEY_NOT_FOUND", "dict_pop d 1");
    EXPECT(c, "count 1", "dict_delete d (1,'x')");
    EXPECT(c, "NOT_FOUND KEY_NOT_FOUND", "dict_delete d (1,'x')");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "list_append d 1");
    EXPECT(c, "{'a': 1}", "get d");
    raw_do(c, "set s 'text'");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "contains s 't'");
    EXPECT(c, "count 4", "length s");
    raw_do(c, "set s 5");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "length s");
    raw_do(c, "unbind s");
    raw_do(c, "unbind d");
}

static void test_dicts(void **state)
{
    (void)state;
    in_every_mode(dicts);
}

/* ---- Describe and Info ---- */

static Tenure__V1__DescribeResponse *describe(struct raw_client *c, const char *target, bool deep)
{
    Tenure__V1__Request *request = raw_request(c);
    Tenure__V1__Response *response;

    request->op_case = TENURE__V1__REQUEST__OP_DESCRIBE;
    request->describe = RAW_NEW(c, DescribeRequest, DESCRIBE_REQUEST);
    request->describe->target = raw_target(c, target);
    request->describe->deep = deep;
    response = raw_call(c, request);
    assert_null(response->status);
    return response->describe;
}

static void descriptions(struct raw_client *c)
{
    Tenure__V1__DescribeResponse *d;
    uint64_t identity;
    const char *handle;

    raw_do(c, "set x [1000, 'text', (1, 2)]");
    d = describe(c, "x", true);
    identity = d->identity;
    assert_int_not_equal(identity, 0);
    assert_int_equal(d->type, TENURE__V1__TYPE_TAG__TYPE_TAG_LIST);
    assert_int_equal(d->refs, 1);
    assert_false(d->immortal);
    assert_true(d->tracked);
    assert_int_equal(d->length, 3);
    assert_int_equal(d->deep_objects, 4); /* small ints are immortal */
    assert_true(d->deep_complete);
    assert_true(d->deep_bytes > d->shallow_bytes && d->shallow_bytes > 0);
    raw_do(c, "bind y x");
    assert_int_equal(describe(c, "y", false)->refs, 2);
    handle = raw_do(c, "lookup x");
    d = describe(c, handle, false);
    assert_int_equal(d->refs, 3);
    assert_int_equal(d->identity, identity);
    raw_do(c, "unbind x");
    raw_do(c, "unbind y");
    assert_int_equal(describe(c, handle, false)->refs, 1);
    EXPECT(c, "count 1", "release %s", handle);
    raw_do(c, "set x 5");
    assert_true(describe(c, "x", false)->immortal);
    raw_do(c, "unbind x");
}

static void test_describe_counts_references(void **state)
{
    (void)state;
    in_every_mode(descriptions);
}

static Tenure__V1__InfoResponse *info(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);
    Tenure__V1__Response *response;

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    response = raw_call(c, request);
    assert_null(response->status);
    return response->info;
}

static void infos(struct raw_client *c)
{
    Tenure__V1__InfoResponse *before = info(c);
    Tenure__V1__InfoResponse *after;
    const char *handle = raw_do(c, "put [1000, 2000]");

    raw_do(c, "set x {'a': 1.5}");
    raw_do(c, "get missing");
    after = info(c);
    assert_int_equal(before->live_objects, 0);
    assert_int_equal(after->live_objects, 5);
    assert_true(after->live_bytes > before->live_bytes);
    assert_true(after->held_bytes >= after->live_bytes && after->rss_bytes > after->held_bytes / 2);
    assert_int_equal(after->tracked_containers, 2);
    assert_int_equal(after->names, 1);
    assert_int_equal(after->handles, 1);
    assert_int_equal(after->connections, 1);
    assert_int_equal(after->connections_total, 1);
    assert_int_equal(after->workers, 2);
    assert_int_equal(after->requests, before->requests + 4);
    assert_int_equal(after->requests_failed, before->requests_failed + 1);
    assert_true(after->bytes_received > before->bytes_received);
    assert_int_equal(after->n_namespaces, 1);
    assert_string_equal(after->namespaces[0], "default");
    assert_string_equal(after->version, TN_VERSION);
    raw_do(c, "release %s", handle);
    raw_do(c, "unbind x");
}

static void test_info_tells_what_is_held(void **state)
{
    (void)state;
    in_every_mode(infos);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_bound_read_and_removed),
        cmocka_unit_test(test_preconditions_hold_or_change_nothing),
        cmocka_unit_test(test_values_come_back_as_they_went),
        cmocka_unit_test(test_tuple_that_holds_the_root_becomes_a_handle),
        cmocka_unit_test(test_bad_values_leave_nothing_behind),
        cmocka_unit_test(test_unreachable_cycles_of_a_value_are_dropped),
        cmocka_unit_test(test_handles_are_references_until_released),
        cmocka_unit_test(test_handle_of_another_session_is_not_found),
        cmocka_unit_test(test_sessions_share_names_of_one_namespace_only),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lists_in_themselves),
        cmocka_unit_test(test_dicts),
        cmocka_unit_test(test_describe_counts_references),
        cmocka_unit_test(test_info_tells_what_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
