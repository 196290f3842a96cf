/* SPDX-License-Identifier: MIT */
/* libtenure's classes and records against a real server, in every mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "tests/support/server_fixture.h"

#define NO_VALUE ((tn_value){ NULL, 0 })

static tn_client *connect_to(const struct server_fixture *f)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = f->endpoint;
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

static void in_each_mode(void (*body)(tn_client *client, tn_values *values))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        tn_values *values = tn_values_new();
        struct server_fixture f;
        tn_client *client;

        server_fixture_start(&f, mode, NULL);
        client = connect_to(&f);
        body(client, values);
        tn_values_free(&values);
        tn_client_close(&client);
        server_fixture_stop(&f);
    }
}

static tn_handle *declare(tn_client *client, const char *name, const char *const *slots,
                          size_t n_slots, const tn_handle *base)
{
    tn_class_spec spec = TN_CLASS_SPEC_INIT;
    tn_handle *handle = NULL;

    spec.name = name;
    spec.slots = slots;
    spec.n_slots = n_slots;
    if (base) {
        spec.base = tn_held(base);
        spec.has_dict = true;
    }
    ok(client, tn_client_class_declare(client, &spec, &handle));
    return handle;
}

static const char *const point_slots[] = { "x", "y" };
static const char *const spot_slots[] = { "colour" };

static int64_t int_of(tn_value value)
{
    int64_t integer = INT64_MIN;

    assert_int_equal(tn_value_as_int(value, &integer), 0);
    return integer;
}

/* ---- Calls ---- */

static void expect_spot(tn_client *client, const tn_handle *spot, uint64_t n_records)
{
    TN_CLASS_INFO_CLEANUP tn_class_info *info = NULL;

    ok(client, tn_client_class_describe(client, tn_held(spot), &info));
    assert_string_equal(info->name, "Spot");
    assert_string_equal(info->base_name, "Point");
    assert_int_equal(info->n_slots, 3);
    assert_int_equal(info->n_inherited, 2);
    assert_string_equal(info->slots[1], "y");
    assert_string_equal(info->slots[2], "colour");
    assert_true(info->has_dict && !info->has_finalizer);
    assert_int_equal(info->record_bytes, 56);
    assert_int_equal(info->records, n_records);
}

static void expect_attrs(tn_client *client, const tn_handle *record)
{
    static const char *const names[] = { "x", "colour", "extra" };
    TN_DICT_ITER_CLEANUP tn_dict_iter *iter = NULL;
    tn_value name, value;

    ok(client, tn_attr_iter_open(client, tn_held(record), false, NULL, &iter));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tn_dict_iter_next(iter, &name, &value), 1);
        assert_string_equal(tn_value_as_str(name, NULL), names[i]);
        assert_int_equal(int_of(value), i + 1);
    }
    assert_int_equal(tn_dict_iter_next(iter, &name, &value), 0);
}

static void body_calls(tn_client *client, tn_values *values)
{
    TN_HANDLE_CLEANUP tn_handle *point = declare(client, "Point", point_slots, 2, NULL);
    TN_HANDLE_CLEANUP tn_handle *spot = declare(client, "Spot", spot_slots, 1, point);
    TN_HANDLE_CLEANUP tn_handle *record = NULL;
    TN_HANDLE_CLEANUP tn_handle *other = NULL;
    tn_description d = TN_DESCRIPTION_INIT;
    tn_value attributes = tn_value_dict(values);
    tn_value got;

    expect_spot(client, spot, 0);
    tn_value_set_str(attributes, "extra", tn_value_int(values, 3));
    tn_value_set_str(attributes, "x", tn_value_int(values, 1));
    ok(client, tn_client_record_new(client, tn_held(spot), attributes, &record));
    ok(client, tn_client_record_new(client, tn_held(spot), NO_VALUE, &other));
    expect_spot(client, record, 2); /* a record tells about its class, too */
    ok(client, tn_client_attr_set(client, tn_held(record), "colour", tn_value_int(values, 2)));
    expect_attrs(client, record);
    ok(client, tn_client_attr_get(client, tn_held(record), "colour", NULL, values, &got));
    assert_int_equal(int_of(got), 2);
    ok(client, tn_client_attr_delete(client, tn_held(record), "colour"));
    assert_int_equal(tn_client_attr_get(client, tn_held(record), "colour", NULL, values, &got),
                     TN_EKEY);
    assert_string_equal(tn_client_error(client)->reason, "ATTRIBUTE_NOT_FOUND");
    assert_non_null(strstr(tn_client_error(client)->message, "'colour'"));
    assert_non_null(strstr(tn_client_error(client)->message, "'Spot'"));
    assert_int_equal(tn_client_attr_delete(client, tn_held(record), "colour"), TN_EKEY);
    assert_int_equal(tn_client_attr_set(client, tn_held(point), "x", tn_value_int(values, 2)),
                     TN_ETYPE);
    ok(client, tn_client_describe(client, tn_held(record), false, 0, &d));
    assert_int_equal(d.type, TN_KIND_RECORD);
    assert_string_equal(d.class_name, "Spot");
    assert_int_equal(d.length, 2);
    assert_string_equal(tn_kind_name(TN_KIND_RECORD), "record");
    assert_int_equal(tn_handle_kind(spot), TN_KIND_CLASS);
}

static void test_classes_and_records_have_their_calls(void **state)
{
    (void)state;
    in_each_mode(body_calls);
}

static void body_wrong(tn_client *client, tn_values *values)
{
    static const char *const holes[] = { "x", NULL };
    tn_class_spec spec = TN_CLASS_SPEC_INIT;
    tn_handle *handle = NULL;

    (void)values;
    assert_int_equal(tn_client_class_declare(client, NULL, &handle), TN_EINVAL);
    assert_int_equal(tn_client_class_declare(client, &spec, &handle), TN_EINVAL);
    spec.name = "Point";
    spec.n_slots = 2;
    assert_int_equal(tn_client_class_declare(client, &spec, &handle), TN_EINVAL);
    spec.slots = holes;
    assert_int_equal(tn_client_class_declare(client, &spec, &handle), TN_EINVAL);
    assert_non_null(strstr(tn_client_error(client)->message, "Slot 1"));
    assert_int_equal(tn_client_class_describe(client, tn_named("none"), NULL), TN_EINVAL);
    assert_int_equal(tn_client_attr_set(client, tn_named("none"), NULL, NO_VALUE), TN_EINVAL);
    assert_int_equal(tn_client_attr_set(client, tn_named("none"), "x", NO_VALUE), TN_EINVAL);
    assert_null(handle);
}

static void test_arguments_that_are_wrong_are_refused(void **state)
{
    (void)state;
    in_each_mode(body_wrong);
}

/* ---- Values ---- */

/* A record that refers to itself and a list with two others, one of them twice. */
static tn_value build_graph(tn_values *values, tn_handle *class)
{
    tn_value class_value = tn_value_handle(values, class);
    tn_value root = tn_value_record(values, class_value);
    tn_value leaf = tn_value_record(values, class_value);
    tn_value list = tn_value_list(values);

    tn_value_set_attr(leaf, "y", tn_value_int(values, 7));
    tn_value_append(list, leaf);
    tn_value_append(list, leaf);
    tn_value_append(list, tn_value_record(values, class_value));
    tn_value_set_attr(root, "x", list);
    tn_value_set_attr(root, "y", root);
    return root;
}

static void expect_graph(tn_value root)
{
    tn_value list = tn_value_find(root, "x");
    tn_value leaf = tn_value_item(list, 0);
    size_t len = 0;

    assert_int_equal(tn_value_kind(root), TN_KIND_RECORD);
    assert_int_equal(tn_value_len(root), 2);
    assert_string_equal(tn_value_as_str(tn_value_key(root, 1), NULL), "y");
    assert_int_equal(tn_value_item(root, 1).node, root.node);
    assert_string_equal(tn_value_class_name(root, &len), "Point");
    assert_int_equal(len, 5);
    assert_int_equal(tn_value_kind(tn_value_class(root)), TN_KIND_CLASS);
    assert_int_equal(tn_value_class(leaf).node, tn_value_class(root).node); /* one class */
    assert_int_equal(tn_value_item(list, 1).node, leaf.node);
    assert_int_equal(int_of(tn_value_find(leaf, "y")), 7);
    assert_int_equal(tn_value_len(tn_value_item(list, 2)), 0);
}

static void break_cycle(tn_client *client, const char *name)
{
    ok(client, tn_client_attr_delete(client, tn_named(name), "y"));
    ok(client, tn_client_unbind(client, name));
}

static void body_values(tn_client *client, tn_values *values)
{
    TN_HANDLE_CLEANUP tn_handle *point = declare(client, "Point", point_slots, 2, NULL);
    TN_VALUES_CLEANUP tn_values *copies = tn_values_new();
    tn_value got, list, copy;

    ok(client, tn_client_set(client, "a", build_graph(values, point)));
    ok(client, tn_client_get(client, tn_named("a"), NULL, values, &got));
    expect_graph(got);
    copy = tn_value_copy(copies, got);
    expect_graph(copy);

    /* As it came it does not say which class is meant; with a handle it does. */
    assert_int_equal(tn_client_set(client, "b", copy), TN_EINVAL);
    assert_non_null(strstr(tn_client_error(client)->message, "class"));
    list = tn_value_find(copy, "x");
    assert_int_equal(tn_value_set_class(copy, tn_value_handle(copies, point)), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tn_value_set_class(tn_value_item(list, i), tn_value_handle(copies, point)),
                         0);
    ok(client, tn_client_set(client, "b", copy));
    ok(client, tn_client_get(client, tn_named("b"), NULL, values, &got));
    expect_graph(got);
    ok(client, tn_client_get(client, tn_held(point), NULL, values, &got));
    assert_int_equal(tn_value_kind(got), TN_KIND_CLASS);
    assert_string_equal(tn_value_class_name(got, NULL), "Point");
    break_cycle(client, "a");
    break_cycle(client, "b");
}

static void test_graphs_with_records_come_back(void **state)
{
    (void)state;
    in_each_mode(body_values);
}

static void test_records_need_a_class(void **state)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_value wrong = tn_value_record(values, tn_value_int(values, 1));

    (void)state;
    assert_false(tn_value_is_valid(wrong));
    assert_int_equal(tn_values_error(values), TN_EINVAL);
    tn_values_clear(values);
    assert_int_equal(tn_value_set_attr(tn_value_dict(values), "x", tn_value_none(values)),
                     TN_ETYPE);
    assert_false(tn_value_is_valid(tn_value_class(tn_value_dict(values))));
    assert_null(tn_value_class_name(tn_value_dict(values), NULL));
    assert_false(tn_value_is_valid(tn_value_record(NULL, NO_VALUE)));
}

/* ---- Batches ---- */

static void body_batch(tn_client *client, tn_values *values)
{
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(client);
    TN_CLASS_INFO_CLEANUP tn_class_info *info = NULL;
    tn_class_spec spec = TN_CLASS_SPEC_INIT;
    tn_op op = tn_op_init(TN_OP_CLASS_DECLARE);
    tn_reply *reply = NULL;
    tn_value record, got;
    int class_step;

    spec.name = "Point";
    spec.slots = point_slots;
    spec.n_slots = 2;
    op.class_spec = &spec;
    class_step = tn_batch_add(batch, &op);
    assert_int_equal(class_step, 0);
    record = tn_value_record(values, tn_value_result(values, class_step));
    tn_value_set_attr(record, "x", tn_value_int(values, 5));
    op = tn_op_put(record);
    assert_int_equal(tn_batch_add(batch, &op), 1);
    op = tn_op_init(TN_OP_ATTR_GET);
    op.target = tn_of_step(1);
    op.name = "x";
    assert_int_equal(tn_batch_add(batch, &op), 2);
    op = tn_op_init(TN_OP_CLASS_DESCRIBE);
    op.target = tn_of_step(1);
    assert_int_equal(tn_batch_add(batch, &op), 3);
    ok(client, tn_client_run(client, batch, &reply));
    ok(client, tn_reply_value(tn_reply_step(reply, 2), values, &got));
    assert_int_equal(int_of(got), 5);
    ok(client, tn_reply_class_info(tn_reply_step(reply, 3), &info));
    assert_string_equal(info->name, "Point");
    assert_int_equal(info->records, 1);
}

static void test_classes_and_records_can_be_steps(void **state)
{
    (void)state;
    in_each_mode(body_batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_and_records_have_their_calls),
        cmocka_unit_test(test_arguments_that_are_wrong_are_refused),
        cmocka_unit_test(test_graphs_with_records_come_back),
        cmocka_unit_test(test_records_need_a_class),
        cmocka_unit_test(test_classes_and_records_can_be_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
