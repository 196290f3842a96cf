/* SPDX-License-Identifier: MIT */
/* Values: what is written can be read, and nothing else passes the check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "proto/value.h"

static const struct tn_value_limits request_limits = {
    .max_nodes = 1000000,
    .max_items = 1000000,
    .max_bytes = 1000000,
    .allow_handles = true,
};

static struct tn_arena arena;
static struct tn_value_writer writer;
static Tenure__V1__Value value;
static struct tn_status status;

static int setup(void **state)
{
    (void)state;
    tn_status_clear(&status);
    tn_value_writer_init(&writer, &arena);
    tenure__v1__value__init(&value);
    return tn_arena_init(&arena, 4096, (size_t)64 << 20);
}

static int teardown(void **state)
{
    (void)state;
    tn_arena_fini(&arena);
    return 0;
}

static int check(void)
{
    return tn_value_check(&value, &request_limits, &status);
}

static void expect_refused(enum tn_reason reason, const char *words)
{
    assert_int_equal(check(), tn_reason_err(reason));
    assert_int_equal(status.reason, reason);
    if (!strstr(status.message, words))
        fail_msg("expected \"%s\" in \"%s\"", words, status.message);
    tn_status_clear(&status);
}

/* Appends a container with these items; returns its number. */
static int put_container(enum tn_node_kind kind, uint32_t size, const uint32_t *items)
{
    size_t first;
    int node = tn_value_put_container(&writer, kind, size, &first);

    if (node >= 0 && items != NULL)
        memcpy(tn_value_writer_items(&writer) + first, items,
               sizeof(*items) * tn_node_n_items(kind, size));
    return node;
}

/* (1, "x") with a dict of it and a list that holds itself: every kind once. */
static void write_sample(void)
{
    const uint32_t pair[] = { 3, 5 };
    const uint32_t entries[] = { 7, 0, 5, 1 };
    const uint32_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

    assert_int_equal(tn_value_put_constant(&writer, TN_NODE_NONE), 0);
    assert_int_equal(tn_value_put_constant(&writer, TN_NODE_FALSE), 1);
    assert_int_equal(tn_value_put_constant(&writer, TN_NODE_TRUE), 2);
    assert_int_equal(tn_value_put_int(&writer, INT64_MIN), 3);
    assert_int_equal(tn_value_put_float(&writer, -0.5), 4);
    assert_int_equal(tn_value_put_str(&writer, TN_SLICE_LITERAL("\xc3\xa4\0b")), 5);
    assert_int_equal(tn_value_put_bytes(&writer, TN_SLICE_LITERAL("\xff\x00")), 6);
    assert_int_equal(put_container(TN_NODE_TUPLE, 2, pair), 7);
    assert_int_equal(put_container(TN_NODE_DICT, 2, entries), 8);
    assert_int_equal(tn_value_put_handle(&writer, 0x1122334455667788, 0), 9);
    assert_int_equal(put_container(TN_NODE_LIST, 11, all), 10);
    tn_value_writer_finish(&writer, &value);
}

static void expect_sample(const struct tn_value_node *n)
{
    static const uint8_t kinds[] = { TN_NODE_NONE,  TN_NODE_FALSE,  TN_NODE_TRUE,  TN_NODE_INT,
                                     TN_NODE_FLOAT, TN_NODE_STR,    TN_NODE_BYTES, TN_NODE_TUPLE,
                                     TN_NODE_DICT,  TN_NODE_HANDLE, TN_NODE_LIST };

    for (size_t i = 0; i < TN_ARRAY_LEN(kinds); i++)
        assert_int_equal(n[i].kind, kinds[i]);
    assert_true(n[3].integer == INT64_MIN);
    assert_true(n[4].real == -0.5);
    assert_int_equal(n[5].size, 4);
    assert_memory_equal(n[5].bytes, "\xc3\xa4\0b", 4);
    assert_int_equal(n[6].size, 2);
    assert_memory_equal(n[6].bytes, "\xff", 2);
    assert_int_equal(n[7].size, 2);
    assert_int_equal(n[7].items[0], 3);
    assert_int_equal(n[7].items[1], 5);
    assert_int_equal(n[8].size, 2);
    assert_int_equal(n[8].items[0], 7);
    assert_int_equal(n[8].items[3], 1);
    assert_true(n[9].handle == 0x1122334455667788);
    assert_int_equal(n[9].type, 0);
    assert_int_equal(n[10].size, 11);
    assert_int_equal(n[10].items[10], 10);
}

static void test_every_kind_is_read_as_written(void **state)
{
    struct tn_value_reader reader;
    struct tn_value_node nodes[12];
    struct tn_value_node *all;
    size_t n = 0;

    (void)state;
    write_sample();
    assert_int_equal(check(), 0);
    assert_int_equal(tn_value_n_nodes(&value), 11);
    assert_false(tn_value_is_single(&value));
    tn_value_reader_init(&reader, &value);
    while (tn_value_read(&reader, &nodes[n]))
        n++;
    assert_int_equal(n, 11);
    expect_sample(nodes);
    assert_int_equal(tn_value_read_all(&value, &arena, &all), 0);
    expect_sample(all);
}

static void test_value_survives_protobuf(void **state)
{
    struct tn_value_node *nodes;
    Tenure__V1__Value *copy;
    uint8_t *packed;
    size_t len;

    (void)state;
    write_sample();
    len = tenure__v1__value__get_packed_size(&value);
    packed = tn_arena_alloc(&arena, len);
    assert_non_null(packed);
    assert_int_equal(tenure__v1__value__pack(&value, packed), len);
    copy = tenure__v1__value__unpack(&arena.allocator, len, packed);
    assert_non_null(copy);
    assert_int_equal(tn_value_check(copy, &request_limits, NULL), 0);
    assert_int_equal(tn_value_read_all(copy, &arena, &nodes), 0);
    expect_sample(nodes);
}

static void test_single_scalars_are_read_as_written(void **state)
{
    struct tn_value_limits limits = request_limits;
    struct tn_value_one one;
    struct tn_value_node node;
    struct tn_value_reader reader;

    (void)state;
    limits.n_steps = 4;
#define READ_ONE(...)                                                                              \
    do {                                                                                           \
        memset(&one, 0xee, sizeof(one));                                                           \
        __VA_ARGS__;                                                                               \
        assert_int_equal(tn_value_check(&one.value, &limits, NULL), 0);                            \
        assert_true(tn_value_is_single(&one.value));                                               \
        tn_value_reader_init(&reader, &one.value);                                                 \
        assert_true(tn_value_read(&reader, &node));                                                \
        assert_false(tn_value_read(&reader, &node));                                               \
    } while (0)

    READ_ONE(tn_value_one_constant(&one, TN_NODE_TRUE));
    assert_int_equal(node.kind, TN_NODE_TRUE);
    READ_ONE(tn_value_one_int(&one, -7));
    assert_int_equal(node.kind, TN_NODE_INT);
    assert_int_equal(node.integer, -7);
    READ_ONE(tn_value_one_float(&one, 1e300));
    assert_int_equal(node.kind, TN_NODE_FLOAT);
    assert_true(node.real == 1e300);
    READ_ONE(tn_value_one_str(&one, TN_SLICE_LITERAL("text")));
    assert_int_equal(node.kind, TN_NODE_STR);
    assert_int_equal(node.size, 4);
    assert_memory_equal(node.bytes, "text", 4);
    READ_ONE(tn_value_one_str(&one, TN_SLICE(NULL, 0)));
    assert_int_equal(node.size, 0);
    READ_ONE(tn_value_one_bytes(&one, TN_SLICE_LITERAL("\xff")));
    assert_int_equal(node.kind, TN_NODE_BYTES);
    assert_int_equal(node.size, 1);
    READ_ONE(tn_value_one_handle(&one, 5, 0));
    assert_int_equal(node.kind, TN_NODE_HANDLE);
    assert_int_equal(node.handle, 5);
    READ_ONE(tn_value_one_result(&one, 3));
    assert_int_equal(node.kind, TN_NODE_RESULT);
    assert_int_equal(node.size, 3);
    limits.is_answer = true;
    READ_ONE(tn_value_one_handle(&one, 5, TENURE__V1__TYPE_TAG__TYPE_TAG_LIST));
    assert_int_equal(node.type, TENURE__V1__TYPE_TAG__TYPE_TAG_LIST);
#undef READ_ONE
}

static void test_large_value_grows_every_column(void **state)
{
    enum {
        N = 30000
    };
    struct tn_value_limits limits = request_limits;
    struct tn_value_reader reader;
    struct tn_value_node node;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t items[] = { 5 * i, 5 * i + 1, 5 * i + 2 };

        assert_int_equal(tn_value_put_int(&writer, i), 5 * i);
        assert_int_equal(tn_value_put_float(&writer, i), 5 * i + 1);
        assert_int_equal(tn_value_put_bytes(&writer, TN_SLICE(&i, sizeof(i))), 5 * i + 2);
        assert_int_equal(tn_value_put_handle(&writer, i + 1, (uint8_t)(i % 250 + 1)), 5 * i + 3);
        assert_int_equal(put_container(TN_NODE_TUPLE, 3, items), 5 * i + 4);
    }
    assert_int_equal(tn_value_writer_n_nodes(&writer), 5 * N);
    assert_int_equal(tn_value_writer_n_bytes(&writer), N * sizeof(uint32_t));
    tn_value_writer_finish(&writer, &value);
    limits.is_answer = true;
    assert_int_equal(tn_value_check(&value, &limits, &status), 0);

    tn_value_reader_init(&reader, &value);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(tn_value_read(&reader, &node));
        assert_int_equal(node.integer, i);
        assert_true(tn_value_read(&reader, &node));
        assert_true(node.real == i);
        assert_true(tn_value_read(&reader, &node));
        assert_memory_equal(node.bytes, &i, sizeof(i));
        assert_true(tn_value_read(&reader, &node));
        assert_int_equal(node.handle, i + 1);
        assert_int_equal(node.type, i % 250 + 1);
        assert_true(tn_value_read(&reader, &node));
        assert_int_equal(node.items[2], 5 * i + 2);
    }
    assert_false(tn_value_read(&reader, &node));
}

static void test_missing_and_empty_value_are_refused(void **state)
{
    (void)state;
    assert_int_equal(tn_value_check(NULL, &request_limits, &status), TN_ERR_INVAL);
    assert_int_equal(status.reason, TN_REASON_VALUE_MISSING);
    expect_refused(TN_REASON_VALUE_MALFORMED, "no node");
}

static void test_unknown_kind_is_refused(void **state)
{
    static const uint8_t unknown[] = { 0, TN_NODE_RECORD + 1, 0xff };

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(unknown); i++) {
        uint8_t kinds[] = { TN_NODE_NONE, unknown[i] };

        value.kinds = (ProtobufCBinaryData){ sizeof(kinds), kinds };
        expect_refused(TN_REASON_VALUE_MALFORMED, "Node 1 of the value has the kind");
    }
    assert_string_equal(tn_node_kind_name(TN_NODE_DICT), "DICT");
    assert_string_equal(tn_node_kind_name(0), "?");
    assert_string_equal(tn_node_kind_name(255), "?");
}

/* One entry more and one less in each column of a value that is right. */
static void test_column_that_does_not_add_up_is_refused(void **state)
{
    size_t *const lengths[] = { &value.n_ints,   &value.n_floats, &value.n_sizes,
                                &value.data.len, &value.n_items,  &value.n_handles };
    static const char *const names[] = { "ints", "floats", "sizes", "data", "items", "handles" };

    (void)state;
    write_sample();
    for (size_t i = 0; i < TN_ARRAY_LEN(lengths); i++) {
        (*lengths[i])--;
        expect_refused(TN_REASON_VALUE_MALFORMED, names[i]);
        /* The columns have spare room behind their end: what is written there is not read. */
        *lengths[i] += 2;
        expect_refused(TN_REASON_VALUE_MALFORMED, names[i]);
        (*lengths[i])--;
        assert_int_equal(check(), 0);
    }
    value.handle_types = (ProtobufCBinaryData){ 1, value.kinds.data };
    expect_refused(TN_REASON_VALUE_MALFORMED, "handle_types");
}

static void test_sizes_that_are_absurd_do_not_overflow(void **state)
{
    static const enum tn_node_kind sized[] = { TN_NODE_STR,  TN_NODE_BYTES, TN_NODE_TUPLE,
                                               TN_NODE_LIST, TN_NODE_DICT,  TN_NODE_RECORD };

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(sized); i++) {
        uint8_t kinds[] = { (uint8_t)sized[i], (uint8_t)sized[i], (uint8_t)sized[i],
                            (uint8_t)sized[i] };
        uint32_t sizes[] = { UINT32_MAX, UINT32_MAX, 2, UINT32_MAX };

        value.kinds = (ProtobufCBinaryData){ sizeof(kinds), kinds };
        value.sizes = sizes;
        value.n_sizes = TN_ARRAY_LEN(sizes);
        expect_refused(TN_REASON_VALUE_MALFORMED, "entries where its nodes take");
    }
}

static void test_item_beyond_the_nodes_is_refused(void **state)
{
    const uint32_t items[] = { 0, 2 };

    (void)state;
    assert_int_equal(tn_value_put_int(&writer, 1), 0);
    assert_int_equal(put_container(TN_NODE_LIST, 2, items), 1);
    tn_value_writer_finish(&writer, &value);
    expect_refused(TN_REASON_VALUE_MALFORMED, "item of the value is node 2, but there are only 2");
    value.items[1] = UINT32_MAX;
    expect_refused(TN_REASON_VALUE_MALFORMED, "node 4294967295");
    value.items[1] = 1;
    assert_int_equal(check(), 0);
}

static void test_tuple_holds_only_tuples_before_it(void **state)
{
    const uint32_t first[] = { 1, 2, 2 };
    const uint32_t last[] = { 0, 0 };

    (void)state;
    assert_int_equal(put_container(TN_NODE_TUPLE, 3, first), 0);
    assert_int_equal(tn_value_put_int(&writer, 1), 1);
    assert_int_equal(put_container(TN_NODE_LIST, 2, last), 2);
    assert_int_equal(put_container(TN_NODE_TUPLE, 2, last), 3);
    tn_value_writer_finish(&writer, &value);
    assert_int_equal(check(), 0); /* a list that comes later may be, and a cycle through it */
    value.items[1] = 3;
    expect_refused(TN_REASON_VALUE_MALFORMED, "Node 0 of the value, a TUPLE, holds a tuple");
    value.items[1] = 0;
    expect_refused(TN_REASON_VALUE_MALFORMED, "Node 0 of the value, a TUPLE, holds a tuple");
}

static void test_record_has_a_class_and_names(void **state)
{
    struct tn_value_limits limits = request_limits;
    const uint32_t items[] = { 0, 1, 2, 1, 2 };
    struct tn_value_node *nodes;

    (void)state;
    assert_int_equal(tn_value_put_handle(&writer, 12, 0), 0);
    assert_int_equal(tn_value_put_str(&writer, tn_slice_from_str("x")), 1);
    assert_int_equal(tn_value_put_int(&writer, 5), 2);
    assert_int_equal(put_container(TN_NODE_RECORD, 2, items), 3);
    tn_value_writer_finish(&writer, &value);
    assert_int_equal(check(), 0);
    assert_int_equal(tn_value_read_all(&value, &arena, &nodes), 0);
    assert_int_equal(nodes[3].kind, TN_NODE_RECORD);
    assert_int_equal(nodes[3].size, 2);
    assert_memory_equal(nodes[3].items, items, sizeof(items));
    value.items[0] = 1;
    expect_refused(TN_REASON_VALUE_MALFORMED, "a RECORD, needs a HANDLE or a RESULT as its class");
    value.items[0] = 9;
    expect_refused(TN_REASON_VALUE_MALFORMED, "node 9");
    value.items[0] = 0;
    value.items[3] = 2;
    expect_refused(TN_REASON_VALUE_MALFORMED, "an attribute whose name is not a STR");
    value.items[3] = 0; /* cut off: only in an answer */
    expect_refused(TN_REASON_VALUE_MALFORMED, "an attribute whose name is not a STR");
    limits.is_answer = true;
    value.handle_types = (ProtobufCBinaryData){ 1, value.kinds.data };
    assert_int_equal(tn_value_check(&value, &limits, NULL), 0);
}

static void test_class_stands_in_answers_only(void **state)
{
    struct tn_value_limits limits = request_limits;
    struct tn_value_one one;
    struct tn_value_node *nodes;

    (void)state;
    tn_value_one_class(&one, tn_slice_from_str("Point"));
    value = one.value;
    expect_refused(TN_REASON_VALUE_MALFORMED, "a CLASS, stands in answers only");
    limits.is_answer = true;
    assert_int_equal(tn_value_check(&value, &limits, NULL), 0);
    assert_int_equal(tn_value_read_all(&value, &arena, &nodes), 0);
    assert_int_equal(nodes[0].kind, TN_NODE_CLASS);
    assert_memory_equal(nodes[0].bytes, "Point", nodes[0].size);
    value.data.data = (uint8_t *)(uintptr_t) "P\xffint";
    assert_int_equal(tn_value_check(&value, &limits, NULL), TN_ERR_UTF8);
}

static void test_str_must_be_text_each_for_itself(void **state)
{
    (void)state;
    assert_int_equal(tn_value_put_bytes(&writer, TN_SLICE_LITERAL("\xff\xfe")), 0);
    assert_int_equal(tn_value_put_str(&writer, TN_SLICE_LITERAL("a\xc3")), 1);
    assert_int_equal(tn_value_put_str(&writer, TN_SLICE_LITERAL("\xa4")), 2);
    tn_value_writer_finish(&writer, &value);
    expect_refused(TN_REASON_INVALID_UTF8, "Node 1 of the value, a STR, is not valid UTF-8");
    value.sizes[1]++;
    value.sizes[2]--;
    assert_int_equal(check(), 0);
    value.kinds.data[0] = TN_NODE_STR;
    expect_refused(TN_REASON_INVALID_UTF8, "Node 0");
}

static void test_limits_are_kept_exactly(void **state)
{
    struct tn_value_limits limits = {
        .max_nodes = 11, .max_items = 17, .max_bytes = 6, .allow_handles = true
    };

    (void)state;
    write_sample();
    assert_int_equal(tn_value_check(&value, &limits, &status), 0);
    limits.max_nodes--;
    assert_int_equal(tn_value_check(&value, &limits, &status), TN_ERR_TOO_MANY);
    assert_int_equal(status.reason, TN_REASON_TOO_MANY_NODES);
    assert_non_null(strstr(status.message, "11 nodes, but at most 10"));
    limits.max_nodes++;
    limits.max_items--;
    assert_int_equal(tn_value_check(&value, &limits, &status), TN_ERR_TOO_BIG);
    assert_int_equal(status.reason, TN_REASON_VALUE_TOO_LARGE);
    assert_non_null(strstr(status.message, "17 items"));
    limits.max_items++;
    limits.max_bytes--;
    assert_int_equal(tn_value_check(&value, &limits, &status), TN_ERR_TOO_BIG);
    assert_non_null(strstr(status.message, "6 bytes"));
}

static void test_handles_only_where_they_are_allowed(void **state)
{
    struct tn_value_limits limits = request_limits;
    struct tn_value_one one;

    (void)state;
    tn_value_one_handle(&one, 5, 0);
    limits.allow_handles = false;
    assert_int_equal(tn_value_check(&one.value, &limits, &status), TN_ERR_MALFORMED);
    assert_non_null(strstr(status.message, "a HANDLE, is not allowed here"));
    limits.allow_handles = true;
    limits.is_answer = true; /* where the type is missing */
    assert_int_equal(tn_value_check(&one.value, &limits, &status), TN_ERR_MALFORMED);
    assert_non_null(strstr(status.message, "handle_types"));
    limits.is_answer = false;
    tn_value_one_handle(&one, 5, 3);
    assert_int_equal(tn_value_check(&one.value, &limits, &status), TN_ERR_MALFORMED);
    tn_value_one_handle(&one, 0, 0);
    assert_int_equal(tn_value_check(&one.value, &limits, &status), TN_ERR_MALFORMED);
    assert_non_null(strstr(status.message, "handle 0"));
}

static void test_result_refers_to_earlier_steps_only(void **state)
{
    struct tn_value_limits limits = request_limits;
    struct tn_value_one one;

    (void)state;
    tn_value_one_result(&one, 0);
    assert_int_equal(tn_value_check(&one.value, &limits, &status), TN_ERR_INVAL);
    assert_int_equal(status.reason, TN_REASON_BATCH_STEP_INVALID);
    limits.n_steps = 3;
    assert_int_equal(tn_value_check(&one.value, &limits, &status), 0);
    tn_value_one_result(&one, 2);
    assert_int_equal(tn_value_check(&one.value, &limits, &status), 0);
    tn_value_one_result(&one, 3);
    assert_int_equal(tn_value_check(&one.value, &limits, &status), TN_ERR_INVAL);
}

static void test_writer_meets_the_cap_cleanly(void **state)
{
    static const uint8_t bytes[100];
    struct tn_arena small;
    int r = 0;

    (void)state;
    assert_int_equal(tn_arena_init(&small, 256, 10000), 0);
    tn_value_writer_init(&writer, &small);
    while (r >= 0)
        r = tn_value_put_bytes(&writer, TN_SLICE(bytes, sizeof(bytes)));
    assert_int_equal(r, TN_ERR_LIMIT);
    assert_true(tn_arena_is_refused(&small));

    tn_arena_reset(&small);
    tn_value_writer_init(&writer, &small);
    assert_int_equal(put_container(TN_NODE_DICT, UINT32_MAX, NULL), TN_ERR_LIMIT);
    tn_arena_fini(&small);
}

#define VALUE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VALUE_TEST(test_every_kind_is_read_as_written),
        VALUE_TEST(test_value_survives_protobuf),
        VALUE_TEST(test_single_scalars_are_read_as_written),
        VALUE_TEST(test_large_value_grows_every_column),
        VALUE_TEST(test_missing_and_empty_value_are_refused),
        VALUE_TEST(test_unknown_kind_is_refused),
        VALUE_TEST(test_column_that_does_not_add_up_is_refused),
        VALUE_TEST(test_sizes_that_are_absurd_do_not_overflow),
        VALUE_TEST(test_item_beyond_the_nodes_is_refused),
        VALUE_TEST(test_tuple_holds_only_tuples_before_it),
        VALUE_TEST(test_record_has_a_class_and_names),
        VALUE_TEST(test_class_stands_in_answers_only),
        VALUE_TEST(test_str_must_be_text_each_for_itself),
        VALUE_TEST(test_limits_are_kept_exactly),
        VALUE_TEST(test_handles_only_where_they_are_allowed),
        VALUE_TEST(test_result_refers_to_earlier_steps_only),
        VALUE_TEST(test_writer_meets_the_cap_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
