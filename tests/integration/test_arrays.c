/* SPDX-License-Identifier: MIT */
/* Arrays and bytearrays through a real server: by libtenure and by the command. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tenure/tenure.h>
#include <cmocka.h>

#include "core/base/check.h"
#include "tests/support/command.h"
#include "tests/support/server_fixture.h"

struct fixture {
    struct server_fixture server;
    tn_client *client;
    tn_values *values;
};

static void start(struct fixture *f, int mode)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;

    server_fixture_start(&f->server, (enum tn_mode)mode, NULL);
    options.endpoint = f->server.endpoint;
    f->client = NULL;
    assert_int_equal(tn_client_open(&options, &f->client), 0);
    f->values = tn_values_new();
    assert_non_null(f->values);
}

static void stop(struct fixture *f)
{
    tn_values_free(&f->values);
    tn_client_close(&f->client);
    server_fixture_stop(&f->server);
}

static void in_all_modes(void (*test)(struct fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;

        start(&f, mode);
        test(&f);
        stop(&f);
    }
}

static tn_value integer(struct fixture *f, int64_t value)
{
    return tn_value_int(f->values, value);
}

static int64_t as_int(tn_value value)
{
    int64_t result = INT64_MIN;

    assert_int_equal(tn_value_as_int(value, &result), 0);
    return result;
}

/* The i32 array of this name holds these. */
static void expect_items(struct fixture *f, const char *name, size_t n, const int32_t *expected)
{
    tn_format format = TN_FORMAT_NONE;
    size_t n_items = SIZE_MAX;
    const int32_t *items;
    tn_value value;

    assert_int_equal(tn_client_get(f->client, tn_named(name), NULL, f->values, &value), 0);
    assert_int_equal(tn_value_kind(value), TN_KIND_ARRAY);
    assert_int_equal(tn_value_len(value), n);
    items = tn_value_as_array(value, &format, &n_items);
    assert_non_null(items);
    assert_int_equal((uintptr_t)items % 8, 0);
    assert_int_equal(format, TN_FORMAT_I32);
    assert_int_equal(n_items, n);
    assert_memory_equal(items, expected, n * sizeof(*items));
}

#define EXPECT_ITEMS(f, name, ...)                                                                 \
    expect_items((f), (name), sizeof((int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t),                \
                 (int32_t[]){ __VA_ARGS__ })

static void every_call(struct fixture *f)
{
    static const int32_t items[] = { 1, 2, 3 };
    tn_target a = tn_named("a");
    uint64_t n = 0;
    bool truth = false;
    tn_value value;

    assert_int_equal(
        tn_client_set(f->client, "a", tn_value_array(f->values, TN_FORMAT_I32, items, 3)), 0);
    EXPECT_ITEMS(f, "a", 1, 2, 3);
    assert_int_equal(tn_client_array_set(f->client, a, -1, integer(f, 30)), 0);
    assert_int_equal(tn_client_array_append(f->client, a, integer(f, 4), &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(tn_client_array_insert(f->client, a, 0, integer(f, -9), &n), 0);
    assert_int_equal(tn_client_array_extend(f->client, a, tn_value_bytes(f->values, "\x07", 1), &n),
                     0);
    EXPECT_ITEMS(f, "a", -9, 1, 2, 30, 4, 7);
    assert_int_equal(tn_client_array_get(f->client, a, 3, f->values, &value), 0);
    assert_int_equal(as_int(value), 30);
    assert_int_equal(tn_client_array_add(f->client, a, 3, integer(f, 12), f->values, &value), 0);
    assert_int_equal(as_int(value), 42);
    assert_int_equal(tn_client_array_add(f->client, a, 3, integer(f, 1), NULL, NULL), 0);
    assert_int_equal(tn_client_array_pop(f->client, a, 3, f->values, &value), 0);
    assert_int_equal(as_int(value), 43);
    assert_int_equal(tn_client_array_delete(f->client, a, 0, &n), 0);
    EXPECT_ITEMS(f, "a", 1, 2, 4, 7);
    assert_int_equal(tn_client_array_sum(f->client, a, f->values, &value), 0);
    assert_int_equal(as_int(value), 14);
    assert_int_equal(tn_client_array_min(f->client, a, f->values, &value), 0);
    assert_int_equal(as_int(value), 1);
    assert_int_equal(tn_client_array_max(f->client, a, f->values, &value), 0);
    assert_int_equal(as_int(value), 7);
    assert_int_equal(tn_client_array_index(f->client, a, integer(f, 4), TN_FROM_START, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(tn_client_contains(f->client, a, tn_value_float(f->values, 4.0), &truth), 0);
    assert_true(truth);
    assert_int_equal(tn_client_array_replace(f->client, a, 1, 3, 1,
                                             tn_value_array(f->values, TN_FORMAT_I32, items, 3),
                                             &n),
                     0);
    EXPECT_ITEMS(f, "a", 1, 1, 2, 3, 7);
    assert_int_equal(tn_client_array_fill(f->client, a, 1, -1, integer(f, 5)), 0);
    EXPECT_ITEMS(f, "a", 1, 5, 5, 5, 7);
    assert_int_equal(
        tn_client_array_slice(f->client, a, TN_TO_END, TN_FROM_START, -2, NULL, f->values, &value),
        0);
    assert_int_equal(tn_value_len(value), 3);
    assert_int_equal(((const int32_t *)tn_value_as_array(value, NULL, NULL))[0], 7);
    assert_int_equal(tn_client_length(f->client, a, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(tn_client_unbind(f->client, "a"), 0);
}

static void test_every_call_on_arrays(void **state)
{
    (void)state;
    in_all_modes(every_call);
}

static void raw_access(struct fixture *f)
{
    static const uint64_t items[] = { UINT64_MAX, 1, 2 };
    tn_target a = tn_named("a");
    tn_range range;
    uint64_t n;

    assert_int_equal(
        tn_client_set(f->client, "a", tn_value_array(f->values, TN_FORMAT_U64, items, 2)), 0);
    assert_int_equal(tn_client_write(f->client, a, 1, items, sizeof(items), &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(tn_client_read(f->client, a, 1, 2, &range), 0);
    assert_int_equal(range.size, 16);
    assert_memory_equal(range.data, items, 16);
    assert_int_equal(range.length, 4);
    assert_int_equal(range.kind, TN_KIND_ARRAY);
    assert_int_equal(range.format, TN_FORMAT_U64);
    assert_int_equal(tn_client_read(f->client, a, 4, 100, &range), 0);
    assert_int_equal(range.size, 0);
    assert_int_equal(tn_client_write(f->client, a, 5, items, 8, &n), TN_EINDEX);
    assert_int_equal(tn_client_write(f->client, a, 0, items, 7, &n), TN_EINVAL);
    assert_int_equal(tn_client_set(f->client, "a", tn_value_str(f->values, "h\xc3\xa4ll")), 0);
    assert_int_equal(tn_client_read(f->client, a, 1, 2, &range), 0);
    assert_memory_equal(range.data, "\xc3\xa4", 2);
    assert_int_equal(range.kind, TN_KIND_STR);
    assert_int_equal(range.length, 5);
    assert_int_equal(tn_client_write(f->client, a, 0, items, 8, &n), TN_ETYPE);
    assert_int_equal(tn_client_unbind(f->client, "a"), 0);
}

static void test_raw_items_are_read_and_written(void **state)
{
    (void)state;
    in_all_modes(raw_access);
}

static void errors(struct fixture *f)
{
    static const uint64_t large[] = { UINT64_MAX };
    static const uint8_t small[] = { 200, 100 };
    tn_target a = tn_named("a");
    tn_value value;
    uint64_t n;

    assert_int_equal(
        tn_client_set(f->client, "a", tn_value_array(f->values, TN_FORMAT_U8, small, 2)), 0);
    assert_int_equal(tn_client_array_set(f->client, a, 0, integer(f, 256)), TN_EOVERFLOW);
    assert_non_null(strstr(tn_client_error(f->client)->message, "from 0 to 255"));
    assert_int_equal(tn_client_array_set(f->client, a, 0, tn_value_float(f->values, 1.0)),
                     TN_ETYPE);
    assert_int_equal(tn_client_array_set(f->client, a, 2, integer(f, 1)), TN_EINDEX);
    assert_int_equal(tn_client_array_add(f->client, a, 0, integer(f, 56), NULL, NULL),
                     TN_EOVERFLOW);
    assert_int_equal(tn_client_array_index(f->client, a, integer(f, 9), 0, &n), TN_EKEY);
    assert_int_equal(tn_client_array_index(f->client, a, tn_value_str(f->values, "x"), 0, &n),
                     TN_ETYPE);
    assert_int_equal(tn_client_array_extend(f->client, a, integer(f, 9), &n), TN_ETYPE);
    assert_int_equal(
        tn_client_array_replace(f->client, a, 0, 2, 2, tn_value_bytes(f->values, "xy", 2), &n),
        TN_EINVAL);
    assert_int_equal(
        tn_client_set(f->client, "a", tn_value_array(f->values, TN_FORMAT_U64, large, 1)), 0);
    assert_int_equal(tn_client_array_get(f->client, a, 0, f->values, &value), TN_EOVERFLOW);
    assert_int_equal(tn_client_array_pop(f->client, a, 0, f->values, &value), TN_EOVERFLOW);
    assert_int_equal(tn_client_array_max(f->client, a, f->values, &value), TN_EOVERFLOW);
    assert_int_equal(tn_client_array_delete(f->client, a, 0, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(tn_client_array_min(f->client, a, f->values, &value), TN_EINDEX);
    assert_int_equal(tn_client_set(f->client, "a", tn_value_list(f->values)), 0);
    assert_int_equal(tn_client_array_sum(f->client, a, f->values, &value), TN_ETYPE);
    /* Neither is a key. */
    assert_int_equal(tn_client_set(f->client, "a", tn_value_dict(f->values)), 0);
    assert_int_equal(
        tn_client_dict_set(f->client, a, tn_value_bytearray(f->values, "k", 1), integer(f, 1)),
        TN_EUNHASHABLE);
    assert_int_equal(tn_client_unbind(f->client, "a"), 0);
}

static void test_errors_are_precise_and_change_nothing(void **state)
{
    (void)state;
    in_all_modes(errors);
}

/* Inside of containers, shared, and in batches. */
static void nested(struct fixture *f)
{
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(f->client);
    tn_value bytes = tn_value_bytearray(f->values, "abc", 3);
    tn_value list = tn_value_list(f->values);
    tn_op op = tn_op_init(TN_OP_PUT);
    tn_value copy;
    tn_value got;
    tn_reply *reply;
    size_t size;

    tn_value_append(list, bytes);
    tn_value_append(list, bytes);
    tn_value_append(list, tn_value_array(f->values, TN_FORMAT_F64, &(double){ 0.5 }, 1));
    assert_int_equal(tn_client_set(f->client, "l", list), 0);
    assert_int_equal(tn_client_get(f->client, tn_named("l"), NULL, f->values, &got), 0);
    assert_int_equal(tn_value_item(got, 0).node, tn_value_item(got, 1).node);
    assert_memory_equal(tn_value_as_bytes(tn_value_item(got, 0), &size), "abc", 3);
    assert_int_equal(tn_value_kind(tn_value_item(got, 0)), TN_KIND_BYTEARRAY);
    copy = tn_value_copy(f->values, got);
    assert_true(*(const double *)tn_value_as_array(tn_value_item(copy, 2), NULL, NULL) == 0.5);

    op.value = bytes;
    assert_int_equal(tn_batch_add(batch, &op), 0);
    op = tn_op_init(TN_OP_ARRAY_ADD);
    op.target = tn_of_step(0);
    op.index = 1;
    op.value = integer(f, 1);
    assert_int_equal(tn_batch_add(batch, &op), 1);
    op = tn_op_init(TN_OP_ARRAY_APPEND);
    op.target = tn_of_step(0);
    op.value = tn_value_result(f->values, 1); /* what came of the sum */
    assert_int_equal(tn_batch_add(batch, &op), 2);
    op = tn_op_get(tn_of_step(0));
    assert_int_equal(tn_batch_add(batch, &op), 3);
    assert_int_equal(tn_client_run(f->client, batch, &reply), 0);
    assert_int_equal(tn_reply_value(tn_reply_step(reply, 3), f->values, &got), 0);
    assert_memory_equal(tn_value_as_bytes(got, &size), "accc", 4);
    assert_int_equal(size, 4);
    assert_int_equal(tn_client_unbind(f->client, "l"), 0);
}

static void test_arrays_in_containers_and_batches(void **state)
{
    (void)state;
    in_all_modes(nested);
}

/* Records, sets and weakrefs beside arrays: an array is held, but is no key. */
static void beside_others(struct fixture *f)
{
    const char *slots[] = { "data" };
    tn_class_spec spec = TN_CLASS_SPEC_INIT;
    TN_HANDLE_CLEANUP tn_handle *class = NULL;
    TN_HANDLE_CLEANUP tn_handle *record = NULL;
    TN_HANDLE_CLEANUP tn_handle *weakref = NULL;
    tn_value array = tn_value_bytearray(f->values, "abc", 3);
    tn_value nothing = { NULL, 0 };
    tn_value got;

    spec.name = "Image";
    spec.slots = slots;
    spec.n_slots = 1;
    assert_int_equal(tn_client_class_declare(f->client, &spec, &class), 0);
    assert_int_equal(tn_client_record_new(f->client, tn_held(class), nothing, &record), 0);
    assert_int_equal(tn_client_attr_set(f->client, tn_held(record), "data", array), 0);
    assert_int_equal(tn_client_attr_get(f->client, tn_held(record), "data", NULL, f->values, &got),
                     0);
    assert_int_equal(tn_value_kind(got), TN_KIND_BYTEARRAY);

    assert_int_equal(tn_client_set(f->client, "s", tn_value_new_set(f->values)), 0);
    assert_true(tn_client_set_add(f->client, tn_named("s"), array, NULL) < 0);
    assert_string_equal(tn_client_error(f->client)->reason, "UNHASHABLE_KEY");
    assert_non_null(strstr(tn_client_error(f->client)->message,
                           "A bytearray cannot be a member of a set, because it can change; use "
                           "a bytes."));
    assert_true(tn_client_set_discard(f->client, tn_named("s"),
                                      tn_value_array(f->values, TN_FORMAT_U8, "a", 1), NULL) < 0);
    assert_string_equal(tn_client_error(f->client)->reason, "UNHASHABLE_KEY");

    assert_int_equal(tn_client_set(f->client, "a", array), 0);
    assert_int_equal(tn_client_weakref(f->client, tn_named("a"), &weakref), 0);
    assert_int_equal(tn_client_deref(f->client, tn_held(weakref), NULL, f->values, &got), 0);
    assert_int_equal(tn_value_kind(got), TN_KIND_BYTEARRAY);
    assert_int_equal(tn_client_unbind(f->client, "a"), 0);
    do /* the last reference may be another thread's to drop */
        assert_int_equal(tn_client_deref(f->client, tn_held(weakref), NULL, f->values, &got), 0);
    while (tn_value_kind(got) != TN_KIND_NONE);
    assert_int_equal(tn_client_unbind(f->client, "s"), 0);
}

static void test_arrays_beside_records_sets_and_weakrefs(void **state)
{
    (void)state;
    in_all_modes(beside_others);
}

/* What a batch has read stays what it was, although the object is gone and its memory is
 * used again before the answer is packed. */
static void read_in_a_batch(struct fixture *f)
{
    static const char content[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789";
    tn_value other = tn_value_bytes(f->values, "----------------------------------------------",
                                    sizeof(content) - 1);
    tn_batch *batch = tn_batch_new(f->client);
    tn_reply *reply = NULL;
    tn_op op = tn_op_init(TN_OP_READ);
    tn_range range;

    assert_int_equal(
        tn_client_set(f->client, "b", tn_value_bytes(f->values, content, sizeof(content) - 1)), 0);
    op.target = tn_named("b");
    op.limit = 100;
    assert_int_equal(tn_batch_add(batch, &op), 0);
    op = tn_op_init(TN_OP_UNBIND);
    op.name = "b";
    assert_int_equal(tn_batch_add(batch, &op), 1);
    op = tn_op_init(TN_OP_PUT);
    op.value = other;
    for (int i = 2; i < 200; i++)
        assert_int_equal(tn_batch_add(batch, &op), i);
    op = tn_op_init(TN_OP_BATCH);
    op.batch = batch;
    assert_int_equal(tn_client_call(f->client, &op, &reply), 0);
    assert_int_equal(tn_reply_range(tn_reply_step(reply, 0), &range), 0);
    assert_int_equal(range.size, sizeof(content) - 1);
    assert_memory_equal(range.data, content, range.size);
    tn_batch_free(&batch);
}

static void test_what_a_batch_reads_is_not_what_comes_after(void **state)
{
    (void)state;
    in_all_modes(read_in_a_batch);
}

/* What is larger than is wanted comes as a handle. */
static void cut_off(struct fixture *f)
{
    tn_want want = TN_WANT_INIT;
    tn_value list = tn_value_list(f->values);
    tn_value got;

    want.max_bytes = 4;
    tn_value_append(list, tn_value_bytearray(f->values, "1234", 4));
    tn_value_append(list, tn_value_bytearray(f->values, "12345", 5));
    assert_int_equal(tn_client_set(f->client, "l", list), 0);
    assert_int_equal(tn_client_get(f->client, tn_named("l"), &want, f->values, &got), 0);
    assert_int_equal(tn_value_kind(tn_value_item(got, 0)), TN_KIND_BYTEARRAY);
    assert_int_equal(tn_value_kind(tn_value_item(got, 1)), TN_KIND_HANDLE);
    assert_int_equal(tn_handle_kind(tn_value_as_handle(tn_value_item(got, 1))), TN_KIND_BYTEARRAY);
    assert_int_equal(tn_client_unbind(f->client, "l"), 0);
}

static void test_large_arrays_come_as_handles(void **state)
{
    (void)state;
    in_all_modes(cut_off);
}

/* ---- The command ---- */

/* Runs it and expects an exit code, what it prints, and words in what it complains. */
static void check(struct fixture *f, int exit_code, const char *out, const char *words, ...)
{
    struct command_result result;
    va_list args;

    va_start(args, words);
    result = command_run_va(TN_TEST_TENURE, f->server.endpoint, NULL, args);
    va_end(args);
    assert_string_equal(result.out, out);
    if (words == NULL)
        assert_string_equal(result.err, "");
    else
        assert_non_null(strstr(result.err, words));
    assert_int_equal(result.exit_code, exit_code);
    command_result_free(&result);
}

static void command(struct fixture *f)
{
    static const char text[] = "{\"$array\": [\"i16\", [3, -1, 2]]}\n";

    check(f, 0, "", NULL, "set", "a", "{\"$array\": [\"i16\", [3, -1, 2]]}", NULL);
    check(f, 0, text, NULL, "get", "a", NULL);
    check(f, 0, "array\n", NULL, "type", "a", NULL);
    check(f, 0, "-1\n", NULL, "array", "get", "a", "1", NULL);
    check(f, 0, "", NULL, "array", "set", "a", "1", "7", NULL);
    check(f, 0, "10\n", NULL, "array", "add", "a", "-2", "3", NULL);
    check(f, 0, "{\"length\": 4}\n", NULL, "--json", "array", "append", "a", "5", NULL);
    check(f, 0, "{\"length\": 6}\n", NULL, "-j", "array", "extend", "a", "[6, 7]", NULL);
    check(f, 0, "", NULL, "array", "insert", "a", "0", "1", NULL);
    check(f, 0, "1\n", NULL, "array", "pop", "a", "0", NULL);
    check(f, 0, "7\n", NULL, "array", "pop", "a", NULL);
    check(f, 0, "", NULL, "array", "del", "a", "0", NULL);
    check(f, 0, "{\"$array\": [\"i16\", [10, 2, 5, 6]]}\n", NULL, "get", "a", NULL);
    check(f, 0, "{\"$array\": [\"i16\", [2, 5]]}\n", NULL, "array", "slice", "a", "1", "3", NULL);
    check(f, 0, "{\"$array\": [\"i16\", [6, 2]]}\n", NULL, "array", "slice", "a", "3", "0", "-2",
          NULL);
    check(f, 0, "", NULL, "array", "replace", "a", "0", "4", "[1, 2]", "2", NULL);
    check(f, 0, "", NULL, "array", "fill", "a", "9", "3", NULL);
    check(f, 0, "14\n", NULL, "array", "sum", "a", NULL);
    check(f, 0, "1\n", NULL, "array", "min", "a", NULL);
    check(f, 0, "9\n", NULL, "array", "max", "a", NULL);
    check(f, 0, "3\n", NULL, "array", "index", "a", "9", NULL);
    check(f, 1, "", "KEY_NOT_FOUND", "array", "index", "a", "8", NULL);
    check(f, 1, "false\n", NULL, "array", "contains", "a", "8", NULL);
    check(f, 0, "4\n", NULL, "array", "len", "a", NULL);
    check(f, 3, "", "from -32768 to 32767", "array", "set", "a", "0", "40000", NULL);
    check(f, 2, "", "too few", "array", NULL);
    check(f, 2, "", "Too few arguments", "array", "get", "a", NULL);
    check(f, 2, "", "Item 1 of a", "set", "b", "{\"$array\": [\"u8\", [1, 300]]}", NULL);
    check(f, 2, "", "needs a format", "set", "b", "{\"$array\": [\"u7\", [1]]}", NULL);
    check(f, 0, "", NULL, "set", "b", "{\"$array\": [\"u64\", \"//////////8=\"]}", NULL);
    check(f, 0, "{\"$array\": [\"u64\", \"//////////8=\"]}\n", NULL, "get", "b", NULL);
    check(f, 0, "", NULL, "set", "b", "[{\"$bytearray\": \"aGk=\"}]", NULL);
    check(f, 0, "[{\"$bytearray\": \"aGk=\"}]\n", NULL, "get", "b", NULL);
    check(f, 0, "", NULL, "del", "a", "b", NULL);
}

/* The shell and batches treat arrays as they treat lists. */
static void by_hand(struct fixture *f)
{
    struct command_result result;
    static const char *const shell[] = { "shell", "--quiet", NULL };
    static const char *const batch[] = { "batch", NULL };

    check(f, 0, "", NULL, "set", "a", "{\"$array\": [\"u8\", [1, 2, 3]]}", NULL);
    result = command_run(TN_TEST_TENURE, shell, f->server.endpoint,
                         "x = a\nx[0] = 7\ndel x[1]\nx.append(4)\nx.insert(0, 9)\n"
                         "x.extend([5])\nx.pop()\nx[1]\nx[1:3]\nx\n");
    assert_string_equal(result.err, "");
    assert_non_null(strstr(result.out, "array('u8', [9, 7, 3, 4])"));
    assert_non_null(strstr(result.out, "array('u8', [7, 3])"));
    command_result_free(&result);
    result = command_run(TN_TEST_TENURE, batch, f->server.endpoint,
                         "[{\"op\": \"array_replace\", \"target\": \"a\", \"index\": 0, "
                         "\"step\": 3, \"value\": [50, 60]}, "
                         "{\"op\": \"array_sum\", \"target\": \"a\"}]");
    assert_string_equal(result.err, "");
    assert_non_null(strstr(result.out, "120"));
    command_result_free(&result);
    check(f, 0, "", NULL, "del", "a", NULL);
}

static void test_the_shell_and_batches_know_arrays(void **state)
{
    (void)state;
    in_all_modes(by_hand);
}

static void test_the_command_reads_and_changes_arrays(void **state)
{
    (void)state;
    in_all_modes(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_on_arrays),
        cmocka_unit_test(test_raw_items_are_read_and_written),
        cmocka_unit_test(test_errors_are_precise_and_change_nothing),
        cmocka_unit_test(test_arrays_in_containers_and_batches),
        cmocka_unit_test(test_arrays_beside_records_sets_and_weakrefs),
        cmocka_unit_test(test_what_a_batch_reads_is_not_what_comes_after),
        cmocka_unit_test(test_large_arrays_come_as_handles),
        cmocka_unit_test(test_the_command_reads_and_changes_arrays),
        cmocka_unit_test(test_the_shell_and_batches_know_arrays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
