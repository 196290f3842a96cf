/* SPDX-License-Identifier: MIT */
/* Tables of values: building, reading, copying, and the way to the wire and back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/lib/session.h"
#include "client/lib/values.h"

#define DEPTH 1000000

struct wire {
    struct tn_session *session;
    struct tn_arena arena;
    struct tn_value_one one;
    Tenure__V1__Value value;
};

static void wire_setup(struct wire *wire)
{
    memset(wire, 0, sizeof(*wire));
    assert_int_equal(tn_session_new(&wire->session), 0);
    wire->session->is_open = true;
    assert_int_equal(tn_arena_init(&wire->arena, 1024, SIZE_MAX / 4), 0);
}

static void wire_teardown(struct wire *wire)
{
    tn_arena_fini(&wire->arena);
    tn_session_unref(&wire->session);
}

static int to_wire(struct wire *wire, tn_value value)
{
    return tn_value_to_wire(value, wire->session, NULL, &wire->arena, &wire->one, &wire->value);
}

/* What a request's value looks like when it comes back as an answer. */
static tn_value round_trip(struct wire *wire, tn_value value, tn_values *values)
{
    tn_value copy = { .values = NULL, .node = 0 };

    assert_int_equal(to_wire(wire, value), 0);
    assert_int_equal(tn_value_from_wire(&wire->value, wire->session, values, &copy), 0);
    return copy;
}

static void test_scalars_are_read_as_they_were_built(void **state)
{
    tn_values *values = tn_values_new();
    bool truth = false;
    int64_t integer = 0;
    double real = 0;
    size_t len = 0;

    (void)state;
    assert_int_equal(tn_value_kind(tn_value_none(values)), TN_KIND_NONE);
    assert_int_equal(tn_value_as_bool(tn_value_bool(values, true), &truth), 0);
    assert_true(truth);
    assert_int_equal(tn_value_as_int(tn_value_int(values, INT64_MIN), &integer), 0);
    assert_true(integer == INT64_MIN);
    assert_int_equal(tn_value_as_float(tn_value_float(values, -0.5), &real), 0);
    assert_true(real == -0.5);
    assert_int_equal(tn_value_as_float(tn_value_int(values, 3), &real), 0);
    assert_true(real == 3.0);
    assert_string_equal(tn_value_as_str(tn_value_str(values, "text"), &len), "text");
    assert_int_equal(len, 4);
    assert_memory_equal(tn_value_as_str(tn_value_str_n(values, "a\0b", 3), &len), "a\0b", 4);
    assert_int_equal(len, 3);
    assert_memory_equal(tn_value_as_bytes(tn_value_bytes(values, "\xff\0", 2), &len), "\xff\0", 2);
    assert_int_equal(len, 2);
    assert_int_equal(tn_values_error(values), 0);
    tn_values_free(&values);
    assert_null(values);
}

static void test_reading_the_wrong_kind_is_refused(void **state)
{
    tn_values *values = tn_values_new();
    tn_value text = tn_value_str(values, "x");
    tn_value invalid = tn_value_item(text, 0);
    int64_t integer = 7;
    bool truth = true;
    double real = 1.5;

    (void)state;
    assert_int_equal(tn_value_as_int(text, &integer), TN_ETYPE);
    assert_int_equal(tn_value_as_bool(text, &truth), TN_ETYPE);
    assert_int_equal(tn_value_as_float(text, &real), TN_ETYPE);
    assert_int_equal(integer, 7);
    assert_null(tn_value_as_handle(text));
    assert_null(tn_value_as_str(tn_value_int(values, 1), NULL));
    assert_false(tn_value_is_valid(invalid));
    assert_int_equal(tn_value_len(invalid), 0);
    assert_false(tn_value_is_valid(tn_value_item(invalid, 0)));
    assert_false(tn_value_is_valid(tn_value_key(text, 0)));
    assert_null(tn_value_as_bytes(invalid, NULL));
    assert_int_equal(tn_value_as_int(invalid, &integer), TN_ETYPE);
    assert_int_equal(tn_values_error(values), 0); /* reading leaves no error behind */
    tn_values_free(&values);
}

static void test_containers_keep_order_and_sharing(void **state)
{
    tn_values *values = tn_values_new();
    tn_value shared = tn_value_list(values);
    tn_value list = tn_value_list(values);
    tn_value dict = tn_value_dict(values);
    tn_value pair[2];

    (void)state;
    for (int i = 0; i < 100; i++) { /* two that grow in turn, so that both move */
        assert_int_equal(tn_value_append(list, tn_value_int(values, i)), 0);
        assert_int_equal(tn_value_append(shared, tn_value_int(values, -i)), 0);
    }
    pair[0] = shared;
    pair[1] = shared;
    assert_int_equal(tn_value_set_str(dict, "list", list), 0);
    assert_int_equal(tn_value_set_str(dict, "pair", tn_value_tuple(values, pair, 2)), 0);
    assert_int_equal(tn_value_set_str(dict, "list", shared), 0); /* the last one counts */

    assert_int_equal(tn_value_len(list), 100);
    for (size_t i = 0; i < 100; i++) {
        int64_t integer = -1;

        assert_int_equal(tn_value_as_int(tn_value_item(list, i), &integer), 0);
        assert_int_equal(integer, (int64_t)i);
    }
    assert_int_equal(tn_value_len(dict), 3);
    assert_string_equal(tn_value_as_str(tn_value_key(dict, 1), NULL), "pair");
    assert_int_equal(tn_value_find(dict, "list").node, shared.node);
    assert_int_equal(tn_value_item(tn_value_find(dict, "pair"), 1).node, shared.node);
    assert_false(tn_value_is_valid(tn_value_find(dict, "nothing")));
    assert_false(tn_value_is_valid(tn_value_item(list, 100)));
    tn_values_free(&values);
}

static void test_a_failure_while_building_is_remembered(void **state)
{
    tn_values *values = tn_values_new();
    tn_values *others = tn_values_new();
    struct wire wire;
    tn_value list = tn_value_list(values);

    (void)state;
    wire_setup(&wire);
    assert_int_equal(tn_value_append(list, tn_value_int(others, 1)), TN_EINVAL);
    assert_int_equal(tn_values_error(values), TN_EINVAL);
    assert_int_equal(tn_value_append(list, tn_value_int(values, 1)), 0);
    assert_int_equal(to_wire(&wire, list), TN_EINVAL);

    tn_values_clear(values);
    assert_int_equal(tn_values_error(values), 0);
    assert_false(tn_value_is_valid(list));
    assert_int_equal(tn_value_append(tn_value_int(values, 1), tn_value_none(values)), TN_ETYPE);
    tn_values_clear(values);
    assert_false(tn_value_is_valid(tn_value_str(values, NULL)));
    assert_int_equal(tn_values_error(values), TN_EINVAL);
    tn_values_clear(values);
    assert_false(tn_value_is_valid(tn_value_result(values, -1)));
    assert_int_equal(to_wire(&wire, tn_value_int(values, 1)), TN_EINVAL);
    tn_values_free(&values);
    tn_values_free(&others);
    wire_teardown(&wire);
}

static void test_a_missing_table_is_no_memory(void **state)
{
    struct wire wire;
    tn_value list = tn_value_list(NULL);

    (void)state;
    wire_setup(&wire);
    assert_int_equal(tn_value_append(list, tn_value_int(NULL, 1)), TN_ENOMEM);
    assert_int_equal(to_wire(&wire, list), TN_ENOMEM);
    assert_int_equal(to_wire(&wire, (tn_value){ .values = NULL, .node = 0 }), TN_EINVAL);
    assert_int_equal(tn_values_count(NULL), 0);
    tn_values_clear(NULL);
    tn_values_free(NULL);
    wire_teardown(&wire);
}

static void test_the_root_moves_to_the_end_and_strays_are_left_out(void **state)
{
    tn_values *values = tn_values_new();
    tn_values *back = tn_values_new();
    struct wire wire;
    tn_value list = tn_value_list(values);
    tn_value copy;
    int64_t integer = 0;

    (void)state;
    wire_setup(&wire);
    (void)tn_value_str(values, "a stray");
    assert_int_equal(tn_value_append(list, tn_value_int(values, 41)), 0);
    assert_int_equal(tn_value_append(list, list), 0);
    assert_int_equal(to_wire(&wire, list), 0);
    assert_int_equal(wire.value.kinds.len, 2);
    assert_int_equal(wire.value.kinds.data[1], TN_NODE_LIST);

    copy = round_trip(&wire, list, back);
    assert_int_equal(tn_value_len(copy), 2);
    assert_int_equal(tn_value_as_int(tn_value_item(copy, 0), &integer), 0);
    assert_int_equal(integer, 41);
    assert_int_equal(tn_value_item(copy, 1).node, copy.node);
    tn_values_free(&values);
    tn_values_free(&back);
    wire_teardown(&wire);
}

static void test_tuples_on_cycles_keep_their_order(void **state)
{
    tn_values *values = tn_values_new();
    tn_values *back = tn_values_new();
    struct wire wire;
    tn_value list = tn_value_list(values);
    tn_value inner = tn_value_tuple(values, &list, 1);
    tn_value outer = tn_value_tuple(values, &inner, 1);
    tn_value copy;

    (void)state;
    wire_setup(&wire);
    assert_int_equal(tn_value_append(list, outer), 0);

    /* From the list and from the outer tuple the cycle can be told... */
    copy = round_trip(&wire, list, back);
    assert_int_equal(tn_value_kind(tn_value_item(copy, 0)), TN_KIND_TUPLE);
    copy = round_trip(&wire, outer, back);
    assert_int_equal(tn_value_item(tn_value_item(tn_value_item(copy, 0), 0), 0).node, copy.node);
    /* ...but not from the inner one, which would come last and yet before the outer. */
    assert_int_equal(to_wire(&wire, inner), TN_EINVAL);
    tn_values_free(&values);
    tn_values_free(&back);
    wire_teardown(&wire);
}

static void test_deep_nesting_costs_no_stack(void **state)
{
    tn_values *values = tn_values_new();
    tn_values *back = tn_values_new();
    tn_values *copies = tn_values_new();
    struct wire wire;
    tn_value root = tn_value_list(values);
    tn_value at = root;
    size_t depth = 0;

    (void)state;
    wire_setup(&wire);
    for (int i = 0; i < DEPTH; i++) { /* the outermost first, so that nothing is in order */
        tn_value inner = tn_value_list(values);

        assert_int_equal(tn_value_append(at, inner), 0);
        at = inner;
    }
    at = tn_value_copy(copies, round_trip(&wire, root, back));
    for (; tn_value_len(at) > 0; depth++)
        at = tn_value_item(at, 0);
    assert_int_equal(depth, DEPTH);
    tn_values_free(&values);
    tn_values_free(&back);
    tn_values_free(&copies);
    wire_teardown(&wire);
}

static void test_copies_keep_sharing_and_their_own_texts(void **state)
{
    tn_values *values = tn_values_new();
    tn_values *copies = tn_values_new();
    tn_value dict = tn_value_dict(values);
    tn_value shared = tn_value_str(values, "shared");
    tn_value copy;

    (void)state;
    assert_int_equal(tn_value_set_str(dict, "a", shared), 0);
    assert_int_equal(tn_value_set_str(dict, "b", shared), 0);
    assert_int_equal(tn_value_set_str(dict, "self", dict), 0);
    (void)tn_value_int(copies, 1);
    copy = tn_value_copy(copies, dict);
    tn_values_free(&values);

    assert_string_equal(tn_value_as_str(tn_value_find(copy, "a"), NULL), "shared");
    assert_int_equal(tn_value_find(copy, "a").node, tn_value_find(copy, "b").node);
    assert_int_equal(tn_value_find(copy, "self").node, copy.node);
    assert_int_equal(tn_value_copy(copies, copy).node, copy.node);
    tn_values_free(&copies);
}

static void test_handles_in_tables_are_counted(void **state)
{
    tn_values *values = tn_values_new();
    tn_values *copies = tn_values_new();
    struct wire wire;
    struct wire other;
    tn_handle *handle = NULL;
    tn_value value;

    (void)state;
    wire_setup(&wire);
    wire_setup(&other);
    assert_int_equal(tn_handle_new(wire.session, 99, TN_KIND_LIST, &handle), 0);
    value = tn_value_handle(values, handle);
    (void)tn_value_copy(copies, value);
    assert_int_equal(to_wire(&wire, value), 0);
    assert_true(wire.value.handles[0] == 99);
    assert_int_equal(to_wire(&other, value), TN_EHANDLE);

    tn_handle_release(&handle);
    assert_null(handle);
    assert_int_equal(tn_handle_kind(tn_value_as_handle(value)), TN_KIND_LIST);
    tn_values_free(&values);
    assert_int_equal(wire.session->n_released, 0);
    tn_values_clear(copies);
    assert_int_equal(wire.session->n_released, 1);
    assert_true(wire.session->released[0] == 99);
    tn_values_free(&copies);
    wire_teardown(&wire);
    wire_teardown(&other);
}

static void test_releasing_after_the_end_is_safe(void **state)
{
    struct tn_session *session = NULL;
    tn_handle *handles[100];

    (void)state;
    assert_int_equal(tn_session_new(&session), 0);
    session->is_open = true;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(tn_handle_new(session, i + 1, TN_KIND_INT, &handles[i]), 0);
    for (int i = 0; i < 50; i++)
        tn_handle_release(&handles[i]);
    assert_int_equal(session->n_released, 50);
    session->is_open = false;
    tn_session_unref(&session); /* the handles keep it */
    for (int i = 50; i < 100; i++)
        tn_handle_release(&handles[i]);
    tn_handle_release(&handles[0]);
    tn_handle_release(NULL);
    assert_null(tn_handle_ref(NULL));
}

static void test_answers_that_do_not_add_up_are_refused(void **state)
{
    tn_values *values = tn_values_new();
    struct wire wire;
    tn_value list = tn_value_list(values);
    tn_value copy;
    size_t n;

    (void)state;
    wire_setup(&wire);
    assert_int_equal(tn_value_append(list, tn_value_str(values, "text")), 0);
    assert_int_equal(to_wire(&wire, list), 0);
    n = tn_values_count(values);

    wire.value.items[0] = 2; /* a node that is not there */
    assert_int_equal(tn_value_from_wire(&wire.value, wire.session, values, &copy), TN_ESERVER);
    wire.value.items[0] = 0;
    wire.value.data.data[0] = 0xff; /* not UTF-8 */
    assert_int_equal(tn_value_from_wire(&wire.value, wire.session, values, &copy), TN_ESERVER);
    wire.value.data.data[0] = 't';
    wire.value.kinds.data[0] = 200; /* no kind */
    assert_int_equal(tn_value_from_wire(&wire.value, wire.session, values, &copy), TN_ESERVER);
    wire.value.kinds.data[0] = TN_NODE_STR;
    assert_int_equal(tn_values_count(values), n);
    assert_int_equal(tn_value_from_wire(&wire.value, wire.session, values, &copy), 0);
    tn_values_free(&values);
    wire_teardown(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars_are_read_as_they_were_built),
        cmocka_unit_test(test_reading_the_wrong_kind_is_refused),
        cmocka_unit_test(test_containers_keep_order_and_sharing),
        cmocka_unit_test(test_a_failure_while_building_is_remembered),
        cmocka_unit_test(test_a_missing_table_is_no_memory),
        cmocka_unit_test(test_the_root_moves_to_the_end_and_strays_are_left_out),
        cmocka_unit_test(test_tuples_on_cycles_keep_their_order),
        cmocka_unit_test(test_deep_nesting_costs_no_stack),
        cmocka_unit_test(test_copies_keep_sharing_and_their_own_texts),
        cmocka_unit_test(test_handles_in_tables_are_counted),
        cmocka_unit_test(test_releasing_after_the_end_is_safe),
        cmocka_unit_test(test_answers_that_do_not_add_up_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
