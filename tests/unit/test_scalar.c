/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "tests/support/objects.h"

static void immortals(struct heap_fixture *f)
{
    struct tn_object *none = tn_none(f->heap);
    struct tn_object *yes = tn_bool(f->heap, true);
    struct tn_object *no = tn_bool(f->heap, false);

    assert_int_equal(none->type, TN_TYPE_NONE);
    assert_true(tn_bool_value(yes));
    assert_false(tn_bool_value(no));
    assert_ptr_equal(none, tn_none(f->heap));
    assert_ptr_equal(yes, tn_bool(f->heap, true));
    assert_ptr_not_equal(yes, no);
    /* Nobody counts them, so nobody can drop them once too often. */
    for (int i = 0; i < 5; i++) {
        tn_decref(f->mu, none);
        tn_decref(f->mu, yes);
    }
    tn_incref(f->mu, no);
    assert_true(tn_refcount_read(none).immortal);
    assert_true(tn_tryref(f->mu, none));
    assert_int_equal(test_live_objs(f), 0);
    assert_int_equal(test_live_bytes(f), 0);
}

static void test_immortals_exist_once(void **state)
{
    (void)state;
    test_in_all_modes(immortals);
}

static void small_ints(struct heap_fixture *f)
{
    for (int64_t i = TN_SMALL_INT_MIN; i <= TN_SMALL_INT_MAX; i++) {
        struct tn_object *o = test_int(f->mu, i);

        assert_int_equal(tn_int_value(o), i);
        assert_ptr_equal(o, test_int(f->mu, i));
        assert_true(tn_is_immortal(o));
    }
    assert_int_equal(test_live_objs(f), 0);
}

static void test_int_small_is_shared(void **state)
{
    (void)state;
    test_in_all_modes(small_ints);
}

static void large_ints(struct heap_fixture *f)
{
    static const int64_t values[] = {
        TN_SMALL_INT_MIN - 1, TN_SMALL_INT_MAX + 1, INT64_MIN, INT64_MAX, -1000, INT64_MIN + 5
    };

    for (size_t i = 0; i < TN_ARRAY_LEN(values); i++) {
        struct tn_object *a = test_int(f->mu, values[i]);
        struct tn_object *b = test_int(f->mu, values[i]);

        assert_int_equal(a->type, TN_TYPE_INT);
        assert_true(tn_int_value(a) == values[i]);
        assert_ptr_not_equal(a, b);
        assert_true(test_is_equal(f, a, b));
        assert_int_equal(test_live_objs(f), 2);
        assert_int_equal(test_live_bytes(f), 48);
        tn_decref(f->mu, a);
        tn_decref(f->mu, b);
        assert_int_equal(test_live_objs(f), 0);
    }
}

static void test_int_large_is_an_object_of_24_bytes(void **state)
{
    (void)state;
    test_in_all_modes(large_ints);
}

static void floats(struct heap_fixture *f)
{
    static const double values[] = { 0.0, -0.0, 1.5, -1e308, 5e-324, INFINITY, -INFINITY, NAN };

    for (size_t i = 0; i < TN_ARRAY_LEN(values); i++) {
        struct tn_object *o = test_float(f->mu, values[i]);

        assert_int_equal(o->type, TN_TYPE_FLOAT);
        assert_memory_equal(&(double){ tn_float_value(o) }, &values[i], sizeof(double));
        assert_int_equal(test_live_bytes(f), 24);
        tn_decref(f->mu, o);
    }
}

static void test_float_keeps_its_bits(void **state)
{
    (void)state;
    test_in_all_modes(floats);
}

static int make_number(struct heap_fixture *f, const void *arg)
{
    struct tn_object *o = NULL;
    int r;

    test_faults_begin();
    if (arg != NULL)
        r = tn_float_new(f->mu, 1.0, &o);
    else
        r = tn_int_new(f->mu, 1000, &o);
    test_faults_end();
    assert_true((r == 0) == (o != NULL));
    tn_drop(f->mu, &o);
    assert_int_equal(test_live_objs(f), 0);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    test_failing_allocations(f, make_number, NULL);
    test_failing_allocations(f, make_number, "float");
}

static void test_number_without_memory_is_refused(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

static void lengths(struct heap_fixture *f)
{
    struct tn_object *number = test_int(f->mu, 12345);
    uint64_t length;

    assert_int_equal(tn_length(number, &length), TN_ERR_TYPE);
    assert_int_equal(tn_length(tn_none(f->heap), &length), TN_ERR_TYPE);
    assert_int_equal(tn_length(tn_bool(f->heap, true), &length), TN_ERR_TYPE);
    tn_decref(f->mu, number);
}

static void test_length_of_scalar_is_refused(void **state)
{
    (void)state;
    test_in_all_modes(lengths);
}

static void test_index_resolve_counts_from_both_ends(void **state)
{
    static const struct {
        int64_t index;
        uint64_t length;
        int r;
        uint64_t at;
    } cases[] = {
        { 0, 0, TN_ERR_INDEX, 0 },
        { -1, 0, TN_ERR_INDEX, 0 },
        { 0, 1, 0, 0 },
        { -1, 1, 0, 0 },
        { 1, 1, TN_ERR_INDEX, 0 },
        { -2, 1, TN_ERR_INDEX, 0 },
        { 6, 7, 0, 6 },
        { -7, 7, 0, 0 },
        { INT64_MIN, 7, TN_ERR_INDEX, 0 },
        { INT64_MAX, 7, TN_ERR_INDEX, 0 },
    };

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(cases); i++) {
        uint64_t at = 0;

        assert_int_equal(tn_index_resolve(cases[i].index, cases[i].length, &at), cases[i].r);
        assert_int_equal(at, cases[i].at);
    }
}

static void test_type_names_are_pythons(void **state)
{
    (void)state;
    assert_string_equal(tn_type_name(TN_TYPE_FREE), "free");
    assert_string_equal(tn_type_name(TN_TYPE_NONE), "none");
    assert_string_equal(tn_type_name(TN_TYPE_BOOL), "bool");
    assert_string_equal(tn_type_name(TN_TYPE_INT), "int");
    assert_string_equal(tn_type_name(TN_TYPE_FLOAT), "float");
    assert_string_equal(tn_type_name(TN_TYPE_STR), "str");
    assert_string_equal(tn_type_name(TN_TYPE_BYTES), "bytes");
    assert_string_equal(tn_type_name(TN_TYPE_TUPLE), "tuple");
    assert_string_equal(tn_type_name(TN_TYPE_LIST), "list");
    assert_string_equal(tn_type_name(TN_TYPE_DICT), "dict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_immortals_exist_once),
        cmocka_unit_test(test_int_small_is_shared),
        cmocka_unit_test(test_int_large_is_an_object_of_24_bytes),
        cmocka_unit_test(test_float_keeps_its_bits),
        cmocka_unit_test(test_number_without_memory_is_refused),
        cmocka_unit_test(test_length_of_scalar_is_refused),
        cmocka_unit_test(test_index_resolve_counts_from_both_ends),
        cmocka_unit_test(test_type_names_are_pythons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
