/* SPDX-License-Identifier: MIT */
/* How much an answer carries: limits, what is cut off, pages of scans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/heap_fixture.h"
#include "tests/support/notation.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

static void in_every_mode(const char *const *options, void (*body)(struct raw_client *c))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, options);
        raw_open(&c, f.unix_address);
        body(&c);
        raw_close(&c);
        server_fixture_stop(&f);
    }
}

struct want {
    bool handle;
    uint32_t depth;
    uint32_t nodes;
    uint64_t bytes;
};

static Tenure__V1__Want *wire_want(struct raw_client *c, struct want want)
{
    Tenure__V1__Want *msg = RAW_NEW(c, Want, WANT);

    msg->handle = want.handle;
    msg->max_depth = want.depth;
    msg->max_nodes = want.nodes;
    msg->max_bytes = want.bytes;
    return msg;
}

static Tenure__V1__Response *get(struct raw_client *c, const char *target, struct want want)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_GET;
    request->get = RAW_NEW(c, GetRequest, GET_REQUEST);
    request->get->target = raw_target(c, target);
    request->get->want = wire_want(c, want);
    return raw_call(c, request);
}

static const char *got(struct raw_client *c, const char *target, struct want want)
{
    return raw_print(c, get(c, target, want));
}

static uint64_t n_handles(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    return raw_call(c, request)->info->handles;
}

/* ---- Cutting off ---- */

static void limits(struct raw_client *c)
{
    const Tenure__V1__Value *value;
    Tenure__V1__Response *response;

    raw_do(c, "set x [1, (2, [3, {'k': [4]}]), 'a long text']");
    assert_string_equal(got(c, "x", (struct want){ .depth = 1 }), "[1, <tuple>, 'a long text']");
    assert_string_equal(got(c, "x", (struct want){ .depth = 2 }),
                        "[1, (2, <list>), 'a long text']");
    assert_string_equal(got(c, "x", (struct want){ .depth = 3 }),
                        "[1, (2, [3, <dict>]), 'a long text']");
    assert_string_equal(got(c, "x", (struct want){ .nodes = 1 }), "<list>");
    assert_string_equal(got(c, "x", (struct want){ .nodes = 4 }), "[1, <tuple>, 'a long text']");
    assert_string_equal(got(c, "x", (struct want){ .nodes = 6 }),
                        "[1, (2, <list>), 'a long text']");
    assert_string_equal(got(c, "x", (struct want){ .bytes = 5 }),
                        "[1, (2, [3, {'k': [4]}]), <str>]");
    raw_do(c, "set s 'four'");
    assert_string_equal(got(c, "s", (struct want){ .bytes = 4 }), "'four'");
    assert_string_equal(got(c, "s", (struct want){ .bytes = 3 }), "<str>");
    assert_int_equal(n_handles(c), 8);

    /* What was cut off can be looked at by its handle. */
    response = get(c, "x", (struct want){ .depth = 1 });
    value = response->object->value;
    assert_int_equal(value->n_handles, 1);
    assert_int_equal(value->handle_types.data[0], TENURE__V1__TYPE_TAG__TYPE_TAG_TUPLE);
    EXPECT(c, "(2, [3, {'k': [4]}])", "get %s", raw_handle_text(c, value->handles[0]));
    EXPECT(c, "count 1", "release %s", raw_handle_text(c, value->handles[0]));

    response = get(c, "x", (struct want){ .handle = true });
    assert_int_equal(response->object->type, TENURE__V1__TYPE_TAG__TYPE_TAG_LIST);
    assert_int_equal(response->object->version, 1);
    assert_null(response->object->value);
    assert_int_not_equal(response->object->handle, 0);
    raw_do(c, "unbind x");
    raw_do(c, "unbind s");
}

static void test_what_is_not_wanted_comes_as_handles(void **state)
{
    (void)state;
    in_every_mode(NULL, limits);
}

/* The same object twice is cut off once, and is one handle. */
static void shared_cut(struct raw_client *c)
{
    Tenure__V1__Response *response;

    raw_do(c, "set x [&0[1], *0, *0, (*0, 2)]");
    response = get(c, "x", (struct want){ .depth = 1 });
    assert_int_equal(response->object->value->n_handles, 2);
    assert_int_equal(n_handles(c), 2);
    raw_do(c, "unbind x");
}

static void test_shared_objects_are_cut_off_once(void **state)
{
    (void)state;
    in_every_mode(NULL, shared_cut);
}

/* An answer that would need more handles than the session may have gives none. */
static void too_many_handles(struct raw_client *c)
{
    const char *kept = raw_do(c, "put 'kept'");

    raw_do(c, "set x [[1], [2], [3], [4], [5]]");
    assert_string_equal(got(c, "x", (struct want){ .depth = 1 }),
                        "RESOURCE_EXHAUSTED TOO_MANY_HANDLES");
    assert_int_equal(n_handles(c), 1);
    EXPECT(c, "'kept'", "get %s", kept);
    raw_do(c, "put 2");
    raw_do(c, "put 3");
    raw_do(c, "put 4");
    EXPECT(c, "RESOURCE_EXHAUSTED TOO_MANY_HANDLES", "put 5");
    EXPECT(c, "RESOURCE_EXHAUSTED TOO_MANY_HANDLES", "lookup x");
    EXPECT(c, "RESOURCE_EXHAUSTED TOO_MANY_HANDLES", "list_pop x 0");
    EXPECT(c, "[[1], [2], [3], [4], [5]]", "get x");
    EXPECT(c, "count 1", "release %s", kept);
    EXPECT(c, "[1]", "list_pop x 0");
    raw_do(c, "unbind x");
}

static void test_handles_are_limited(void **state)
{
    static const char *const options[] = { "max-handles", "4", NULL };

    (void)state;
    in_every_mode(options, too_many_handles);
}

/* What was popped and is too large for an answer comes as a handle, not at all
 * never. */
static void pop_large(struct raw_client *c)
{
    Tenure__V1__Request *request;
    char *text = malloc(50000);
    Tenure__V1__Response *response;

    assert_non_null(text);
    memset(text, 'x', 49999);
    text[49999] = '\0';
    raw_do(c, "set l []");
    EXPECT(c, "count 1", "list_append l '%s'", text);
    EXPECT(c, "count 2", "list_append l '%s'", text);
    EXPECT(c, "count 3", "list_append l [['inner']]");
    /* Together they are longer than a message may be. */
    response = raw_call(c, raw_parse(c, "get l"));
    assert_int_equal(response->object->value->n_handles, 1);
    raw_do(c, "release %s", raw_handle_text(c, response->object->value->handles[0]));

    request = raw_parse(c, "list_pop l -1");
    request->list_pop->want = wire_want(c, (struct want){ .depth = 1 });
    assert_string_equal(raw_print(c, raw_call(c, request)), "[<list>]");
    request = raw_parse(c, "list_pop l 0");
    request->list_pop->want = wire_want(c, (struct want){ .bytes = 10 });
    assert_string_equal(raw_print(c, raw_call(c, request)), "<str>");
    request = raw_parse(c, "list_pop l 0");
    request->list_pop->want = wire_want(c, (struct want){ .handle = true });
    assert_int_equal(raw_call(c, request)->object->type, TENURE__V1__TYPE_TAG__TYPE_TAG_STR);
    EXPECT(c, "[]", "get l");
    assert_int_equal(n_handles(c), 3);
    raw_do(c, "unbind l");
    free(text);
}

static void test_popped_objects_are_never_lost(void **state)
{
    static const char *const options[] = { "max-frame", "64kb", NULL };

    (void)state;
    in_every_mode(options, pop_large);
}

/* ---- Sharing among many ---- */

/* Many different strs and containers: none may be taken for another. */
static void many_objects(struct raw_client *c)
{
    char *text = malloc(400000);
    char *at = text;
    const char *answer;

    assert_non_null(text);
    at += sprintf(at, "[");
    for (int i = 0; i < 2000; i++)
        at += sprintf(at, "%s'key %d', [%d, 'value %d']", i == 0 ? "" : ", ", i, i, i);
    (void)sprintf(at, "]");
    raw_do(c, "set many %s", text);
    answer = raw_do(c, "get many");
    assert_string_equal(answer, text);
    raw_do(c, "unbind many");
    free(text);
}

static void test_many_objects_keep_their_identity(void **state)
{
    (void)state;
    in_every_mode(NULL, many_objects);
}

/* A chain far deeper than any stack: a list in a list in a list. */
static void deep_chain(struct raw_client *c)
{
    enum {
        DEPTH = 100000
    };
    Tenure__V1__Request *request = raw_parse(c, "set deep []");
    struct tn_value_writer writer;
    Tenure__V1__Response *response;

    tn_value_writer_init(&writer, &c->arena);
    for (uint32_t i = 0; i < DEPTH; i++) {
        size_t first;

        assert_int_equal(tn_value_put_container(&writer, TN_NODE_LIST, i > 0, &first), (int)i);
        if (i > 0)
            tn_value_writer_items(&writer)[first] = i - 1;
    }
    tn_value_writer_finish(&writer, request->set->value);
    assert_string_equal(raw_print(c, raw_call(c, request)), "new");
    response = get(c, "deep", (struct want){ .depth = 2 * DEPTH });
    assert_null(response->status);
    assert_int_equal(response->object->value->kinds.len, DEPTH);
    assert_int_equal(response->object->value->n_handles, 0);
    raw_do(c, "unbind deep");
}

static void test_depth_costs_no_stack(void **state)
{
    (void)state;
    in_every_mode(NULL, deep_chain);
}

/* ---- Scans ---- */

static Tenure__V1__ScanNamesResponse *scan_names(struct raw_client *c, uint64_t cursor,
                                                 uint32_t limit, const char *prefix)
{
    Tenure__V1__Request *request = raw_request(c);
    Tenure__V1__Response *response;

    request->op_case = TENURE__V1__REQUEST__OP_SCAN_NAMES;
    request->scan_names = RAW_NEW(c, ScanNamesRequest, SCAN_NAMES_REQUEST);
    request->scan_names->cursor = cursor;
    request->scan_names->limit = limit;
    request->scan_names->prefix = raw_bytes(c, prefix);
    response = raw_call(c, request);
    assert_null(response->status);
    return response->scan_names;
}

static void name_scan(struct raw_client *c)
{
    enum {
        N = 500
    };
    bool is_seen[N] = { false };
    uint64_t cursor = 0;
    size_t n_seen = 0;
    size_t n_pages = 0;

    for (int i = 0; i < N; i++)
        raw_do(c, "set name/%d %d", i, i);
    raw_do(c, "set other []");
    do {
        Tenure__V1__ScanNamesResponse *page = scan_names(c, cursor, 20, "name/");

        for (size_t i = 0; i < page->n_names; i++) {
            const ProtobufCBinaryData *name = &page->names[i]->name;
            char text[32];
            int number;

            (void)snprintf(text, sizeof(text), "%.*s", (int)name->len, (const char *)name->data);
            number = (int)strtol(text + strlen("name/"), NULL, 10);

            assert_in_range(number, 0, N - 1);
            assert_false(is_seen[number]);
            is_seen[number] = true;
            n_seen++;
            assert_int_equal(page->names[i]->type, TENURE__V1__TYPE_TAG__TYPE_TAG_INT);
            assert_true(page->names[i]->version > 0);
        }
        cursor = page->cursor;
        n_pages++;
        /* Others come and go meanwhile, and the table grows. */
        for (int i = 0; i < 50; i++)
            raw_do(c, "set between/%d/%d 0", (int)n_pages, i);
        raw_reset(c);
    } while (cursor != 0);
    assert_int_equal(n_seen, N);
    assert_true(n_pages >= N / 20 / 4);

    do {
        Tenure__V1__ScanNamesResponse *page = scan_names(c, cursor, 0, "");
        char name[64];

        for (size_t i = 0; i < page->n_names; i++) {
            (void)snprintf(name, sizeof(name), "%.*s", (int)page->names[i]->name.len,
                           (const char *)page->names[i]->name.data);
            raw_do(c, "unbind %s", name);
        }
        cursor = page->cursor;
        raw_reset(c);
    } while (cursor != 0);
}

static void test_scan_of_names_sees_each_once(void **state)
{
    (void)state;
    in_every_mode(NULL, name_scan);
}

static Tenure__V1__ScanDictResponse *scan_dict(struct raw_client *c, uint64_t cursor,
                                               uint32_t limit, bool keys_only)
{
    Tenure__V1__Request *request = raw_request(c);
    Tenure__V1__Response *response;

    request->op_case = TENURE__V1__REQUEST__OP_SCAN_DICT;
    request->scan_dict = RAW_NEW(c, ScanDictRequest, SCAN_DICT_REQUEST);
    request->scan_dict->target = raw_target(c, "d");
    request->scan_dict->cursor = cursor;
    request->scan_dict->limit = limit;
    request->scan_dict->keys_only = keys_only;
    response = raw_call(c, request);
    assert_null(response->status);
    return response->scan_dict;
}

static void dict_scan(struct raw_client *c)
{
    enum {
        N = 300
    };
    bool is_seen[N] = { false };
    Tenure__V1__ScanDictResponse *page;
    uint64_t cursor = 0;
    size_t n_seen = 0;

    raw_do(c, "set d {'a': [1], 'b': 2, (3,): 'c'}");
    page = scan_dict(c, 0, 2, false);
    assert_string_equal(notation_print(page->entries, &c->arena), "['a', [1], 'b', 2]");
    page = scan_dict(c, page->cursor, 2, false);
    assert_string_equal(notation_print(page->entries, &c->arena), "[(3), 'c']");
    assert_int_equal(page->cursor, 0);
    page = scan_dict(c, 0, 0, true);
    assert_string_equal(notation_print(page->entries, &c->arena), "['a', 'b', (3)]");
    raw_do(c, "unbind d");

    raw_do(c, "set d {}");
    for (int i = 0; i < N; i++)
        raw_do(c, "dict_set d %d %d", i, -i);
    do {
        page = scan_dict(c, cursor, 16, true);
        for (size_t i = 0; i < page->entries->n_ints; i++) {
            int64_t key = page->entries->ints[i];

            if (key >= N)
                continue;
            assert_false(is_seen[key]);
            is_seen[key] = true;
            n_seen++;
        }
        cursor = page->cursor;
        raw_do(c, "dict_set d %d 0", N + (int)n_seen);
        if (n_seen > 10) /* what has been seen may go, and the dict be compacted */
            raw_do(c, "dict_delete d %d", (int)n_seen - 10);
        raw_reset(c);
    } while (cursor != 0);
    assert_int_equal(n_seen, N);
    raw_do(c, "unbind d");
}

static void test_scan_of_a_dict_sees_each_once(void **state)
{
    (void)state;
    in_every_mode(NULL, dict_scan);
}

/* ---- Pipelining and deadlines ---- */

static void pipeline(struct raw_client *c)
{
    enum {
        ROUNDS = 5,
        IN_FLIGHT = 1000
    };
    uint64_t n_answers = 0;

    raw_do(c, "set l []");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < IN_FLIGHT; i++)
            assert_true(raw_send(c, raw_parse(c, "list_append l 'item'")));
        for (int i = 0; i < IN_FLIGHT; i++) {
            Tenure__V1__Response *response = raw_receive(c);

            assert_non_null(response);
            assert_null(response->status);
            assert_int_equal(response->count->count, ++n_answers); /* in order */
        }
        raw_reset(c);
    }
    EXPECT(c, "count 5000", "length l");
    raw_do(c, "unbind l");
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    in_every_mode(NULL, pipeline);
}

/* A list of so many floats: adding up its size takes some milliseconds. */
static Tenure__V1__Value *large_list(struct raw_client *c, uint32_t n)
{
    Tenure__V1__Value *value = RAW_NEW(c, Value, VALUE);
    struct tn_value_writer writer;
    size_t first;

    tn_value_writer_init(&writer, &c->arena);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(tn_value_put_float(&writer, i), (int)i);
    assert_int_equal(tn_value_put_container(&writer, TN_NODE_LIST, n, &first), (int)n);
    for (uint32_t i = 0; i < n; i++)
        tn_value_writer_items(&writer)[first + i] = i;
    tn_value_writer_finish(&writer, value);
    return value;
}

static void add_request(struct tn_buffer *out, Tenure__V1__Request *request, uint32_t deadline_ms)
{
    request->deadline_ms = deadline_ms;
    assert_int_equal(tn_message_pack_request(request, 1000, out), 0);
}

/* Requests that arrive together, the first of which take long. */
static void deadline(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_parse(c, "set l []");
    struct tn_buffer out;

    request->set->value = large_list(c, 200000);
    assert_null(raw_call(c, request)->status);

    tn_buffer_init(&out, 1 << 16);
    for (int i = 0; i < 4; i++) {
        request = raw_request(c);
        request->op_case = TENURE__V1__REQUEST__OP_DESCRIBE;
        request->describe = RAW_NEW(c, DescribeRequest, DESCRIBE_REQUEST);
        request->describe->target = raw_target(c, "l");
        request->describe->deep = true;
        add_request(&out, request, 0);
    }
    add_request(&out, raw_parse(c, "set never 1"), 1);
    add_request(&out, raw_parse(c, "ping in time"), 1000000);
    assert_true(raw_send_bytes(c, tn_buffer_begin(&out), tn_buffer_len(&out)));
    tn_buffer_fini(&out);

    for (int i = 0; i < 4; i++)
        assert_int_equal(raw_receive(c)->describe->deep_objects, 200001);
    assert_string_equal(raw_print(c, raw_receive(c)), "DEADLINE_EXCEEDED DEADLINE_EXCEEDED");
    assert_string_equal(raw_print(c, raw_receive(c)), "pong in time");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "get never");
    raw_do(c, "unbind l");
}

static void test_deadlines_are_kept(void **state)
{
    (void)state;
    in_every_mode(NULL, deadline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_wanted_comes_as_handles),
        cmocka_unit_test(test_shared_objects_are_cut_off_once),
        cmocka_unit_test(test_handles_are_limited),
        cmocka_unit_test(test_popped_objects_are_never_lost),
        cmocka_unit_test(test_many_objects_keep_their_identity),
        cmocka_unit_test(test_depth_costs_no_stack),
        cmocka_unit_test(test_scan_of_names_sees_each_once),
        cmocka_unit_test(test_scan_of_a_dict_sees_each_once),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_deadlines_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
