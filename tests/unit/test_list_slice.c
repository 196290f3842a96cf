/* SPDX-License-Identifier: MIT */
/* Slices of lists, tuples and texts, beside what Python's rules say, one position after
 * the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/heap.h"
#include "tests/support/objects.h"

#define N_MAX 7
#define FAR 3 /* beyond the ends */

/* The positions of a slice, as Python's documentation has it. Returns how many. */
static size_t positions(const struct tn_slicing *slicing, int64_t length, int64_t *ret_positions)
{
    int64_t bounds[2] = { slicing->start, slicing->stop };
    size_t n = 0;

    for (int i = 0; i < 2; i++) {
        int64_t lowest = slicing->step > 0 ? 0 : -1;
        int64_t highest = slicing->step > 0 ? length : length - 1;

        if (bounds[i] < 0)
            bounds[i] += length;
        bounds[i] = bounds[i] < lowest ? lowest : bounds[i] > highest ? highest : bounds[i];
    }
    while (slicing->step > 0 ? bounds[0] < bounds[1] : bounds[0] > bounds[1]) {
        ret_positions[n++] = bounds[0];
        if (slicing->step > length || slicing->step < -length)
            break;
        bounds[0] += slicing->step;
    }
    return n;
}

static const int64_t steps[] = { 1, 2, 3, 5, INT64_MAX, -1, -2, -3, -5, INT64_MIN };

/* Calls a test with every slice of every short list. */
static void with_all_slices(struct heap_fixture *f,
                            void (*test)(struct heap_fixture *f, int64_t length,
                                         const struct tn_slicing *slicing))
{
    for (int64_t length = 0; length <= N_MAX; length++) {
        for (int64_t start = -length - FAR; start <= length + FAR; start++) {
            for (int64_t stop = -length - FAR; stop <= length + FAR; stop++) {
                for (size_t i = 0; i < TN_ARRAY_LEN(steps); i++)
                    test(f, length, &(struct tn_slicing){ start, stop, steps[i] });
            }
        }
        for (size_t i = 0; i < TN_ARRAY_LEN(steps); i++) {
            test(f, length, &(struct tn_slicing){ INT64_MIN, INT64_MAX, steps[i] });
            test(f, length, &(struct tn_slicing){ INT64_MAX, INT64_MIN, steps[i] });
        }
        heap_fixture_settle(f);
    }
}

static void expect_items(struct heap_fixture *f, struct tn_object *list, const int64_t *values,
                         size_t n)
{
    struct tn_object *items[64];
    size_t length;

    assert_int_equal(tn_list_snapshot(f->mu, list, 0, 64, items, &length), n);
    assert_int_equal(length, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(tn_int_value(items[i]), values[i]);
}

/* Lists of ints that are no small ones, private and published in turn. */
static struct tn_object *list_of(struct heap_fixture *f, int64_t first, int64_t n)
{
    static unsigned int n_made;
    struct tn_object *list = test_list_range(f->mu, first, first + n);

    if (n_made++ % 2 == 0)
        tn_publish(f->mu, list);
    return list;
}

static void reading(struct heap_fixture *f, int64_t length, const struct tn_slicing *slicing)
{
    struct tn_object *list = list_of(f, 1000, length);
    struct tn_object *items[N_MAX];
    int64_t values[N_MAX];
    struct tn_object *slice;
    struct tn_object *tuple;
    size_t n = positions(slicing, length, values);
    size_t n_found;

    for (size_t i = 0; i < n; i++)
        values[i] += 1000;
    assert_int_equal(tn_list_slice(f->mu, list, slicing, &slice), 0);
    expect_items(f, slice, values, n);
    tn_decref(f->mu, slice);

    assert_int_equal(tn_tuple_new(f->mu, (size_t)length, &tuple), 0);
    for (int64_t i = 0; i < length; i++) {
        struct tn_object *item = test_int(f->mu, 1000 + i);

        tn_tuple_fill(f->mu, tuple, (size_t)i, &item);
    }
    for (int is_tuple = 0; is_tuple < 2; is_tuple++) {
        struct tn_object *from = is_tuple == 1 ? tuple : list;

        assert_int_equal(tn_sequence_slice_items(f->mu, from, slicing, N_MAX, items, &n_found), 0);
        assert_int_equal(n_found, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(tn_int_value(items[i]), values[i]);
        assert_int_equal(tn_sequence_slice_items(f->mu, from, slicing, 0, items, &n_found), 0);
        assert_int_equal(n_found, n);
    }
    tn_decref(f->mu, list);
    tn_decref(f->mu, tuple);
}

static void read_all(struct heap_fixture *f)
{
    struct tn_object *list = test_list_range(f->mu, 0, 3);
    struct tn_object *slice;
    size_t n;

    with_all_slices(f, reading);
    assert_int_equal(tn_list_slice(f->mu, list, &(struct tn_slicing){ 0, 3, 0 }, &slice),
                     TN_ERR_INVAL);
    assert_int_equal(
        tn_sequence_slice_items(f->mu, list, &(struct tn_slicing){ 0, 3, 0 }, 0, NULL, &n),
        TN_ERR_INVAL);
    tn_decref(f->mu, list);
}

static void test_slices_are_those_of_python(void **state)
{
    (void)state;
    test_in_all_modes(read_all);
}

static void deleting(struct heap_fixture *f, int64_t length, const struct tn_slicing *slicing)
{
    struct tn_object *list = list_of(f, 1000, length);
    int64_t gone[N_MAX];
    int64_t values[N_MAX];
    size_t n_gone = positions(slicing, length, gone);
    size_t new_length = 0;
    size_t n = 0;

    for (int64_t i = 0; i < length; i++) {
        bool is_gone = false;

        for (size_t k = 0; k < n_gone; k++)
            is_gone = is_gone || gone[k] == i;
        if (!is_gone)
            values[n++] = 1000 + i;
    }
    assert_int_equal(tn_list_delete_slice(f->mu, list, slicing, &new_length), 0);
    assert_int_equal(new_length, n);
    expect_items(f, list, values, n);
    tn_decref(f->mu, list);
}

static void delete_all(struct heap_fixture *f)
{
    struct tn_object *list = test_list_range(f->mu, 1000, 1400);
    struct tn_census census;

    with_all_slices(f, deleting);
    assert_int_equal(tn_list_delete_slice(f->mu, list, &(struct tn_slicing){ 0, 3, 0 }, NULL),
                     TN_ERR_INVAL);
    assert_int_equal(
        tn_list_delete_slice(f->mu, list, &(struct tn_slicing){ 3, INT64_MAX, 2 }, NULL), 0);
    assert_int_equal(tn_list_length(list), 201);
    heap_fixture_settle(f);
    tn_census_take(f->heap, &census);
    assert_int_equal(census.n_objs[TN_TYPE_INT], 201);
    tn_decref(f->mu, list);
}

static void test_slices_are_deleted_as_in_python(void **state)
{
    (void)state;
    test_in_all_modes(delete_all);
}

/* With as many items, one more and one less, and none. */
static void setting(struct heap_fixture *f, int64_t length, const struct tn_slicing *slicing)
{
    int64_t old[N_MAX];
    size_t n_old = positions(slicing, length, old);

    for (size_t n_new = 0; n_new <= n_old + 1; n_new += n_old > 1 && n_new == 0 ? n_old - 1 : 1) {
        struct tn_object *list = list_of(f, 1000, length);
        struct tn_object *from = list_of(f, 2000, (int64_t)n_new);
        int64_t values[2 * N_MAX + 2];
        uint64_t n_wanted = 0;
        size_t n = 0;
        int64_t at = slicing->start < 0 ? slicing->start + length : slicing->start;
        int r = tn_list_set_slice(f->mu, list, slicing, from, &n_wanted, NULL);

        at = at < 0 ? 0 : at > length ? length : at;
        if (slicing->step != 1 && n_new != n_old) {
            assert_int_equal(r, TN_ERR_PRECONDITION);
            assert_int_equal(n_wanted, n_old);
            for (int64_t i = 0; i < length; i++)
                values[n++] = 1000 + i;
        } else if (slicing->step == 1) {
            assert_int_equal(r, 0);
            for (int64_t i = 0; i < at; i++)
                values[n++] = 1000 + i;
            for (size_t i = 0; i < n_new; i++)
                values[n++] = 2000 + (int64_t)i;
            for (int64_t i = at + (int64_t)n_old; i < length; i++)
                values[n++] = 1000 + i;
        } else {
            assert_int_equal(r, 0);
            for (int64_t i = 0; i < length; i++)
                values[n++] = 1000 + i;
            for (size_t i = 0; i < n_old; i++)
                values[old[i]] = 2000 + (int64_t)i;
        }
        expect_items(f, list, values, n);
        tn_decref(f->mu, list);
        tn_decref(f->mu, from);
    }
}

static void set_all(struct heap_fixture *f)
{
    static const int64_t doubled[] = { 1000, 1000, 1001, 1002, 1002 };
    struct tn_object *list = test_list_range(f->mu, 1000, 1003);
    struct tn_object *tuple = test_tuple_1(f->mu, test_int(f->mu, 5000));
    uint64_t n_wanted;
    size_t length = 0;

    with_all_slices(f, setting);
    assert_int_equal(
        tn_list_set_slice(f->mu, list, &(struct tn_slicing){ 1, 2, 1 }, list, &n_wanted, &length),
        0);
    assert_int_equal(length, 5);
    expect_items(f, list, doubled, 5);
    assert_int_equal(
        tn_list_set_slice(f->mu, list, &(struct tn_slicing){ 0, 5, 1 }, tuple, &n_wanted, NULL), 0);
    assert_int_equal(tn_list_length(list), 1);
    assert_int_equal(tn_list_set_slice(f->mu, list, &(struct tn_slicing){ 0, 5, 1 },
                                       tn_none(f->heap), &n_wanted, NULL),
                     TN_ERR_TYPE);
    assert_int_equal(
        tn_list_set_slice(f->mu, list, &(struct tn_slicing){ 0, 5, 0 }, tuple, &n_wanted, NULL),
        TN_ERR_INVAL);
    tn_decref(f->mu, list);
    tn_decref(f->mu, tuple);
}

static void test_slices_are_set_as_in_python(void **state)
{
    (void)state;
    test_in_all_modes(set_all);
}

/* ---- Texts ---- */

static void part(struct heap_fixture *f, int64_t length, const struct tn_slicing *slicing)
{
    static const char *const characters[] = { "a", "é", "漢", "😀", "z", "→", "ß" };
    struct tn_object *made[3];
    struct tn_object *parts[3];
    char texts[3][64] = { "", "", "" };
    char expected[3][64] = { "", "", "" };
    int64_t at[N_MAX];
    size_t n = positions(slicing, length, at);

    for (int64_t i = 0; i < length; i++) {
        (void)strcat(texts[0], characters[i]);
        texts[1][i] = (char)('a' + i);
        texts[2][i] = (char)(0xf0 + i);
    }
    for (size_t i = 0; i < n; i++) {
        (void)strcat(expected[0], characters[at[i]]);
        expected[1][i] = (char)('a' + at[i]);
        expected[2][i] = (char)(0xf0 + at[i]);
    }
    made[0] = test_str(f->mu, texts[0]);
    made[1] = test_str(f->mu, texts[1]);
    made[2] = test_bytes(f->mu, texts[2], (size_t)length);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tn_text_part(f->mu, made[i], slicing, &parts[i]), 0);
        assert_int_equal(parts[i]->type, made[i]->type);
        assert_true(tn_slice_equal(tn_text_slice(parts[i]), tn_slice_from_str(expected[i])));
        tn_decref(f->mu, parts[i]);
        tn_decref(f->mu, made[i]);
    }
}

static void part_all(struct heap_fixture *f)
{
    struct tn_object *text = test_str(f->mu, "text");
    struct tn_object *none = NULL;

    with_all_slices(f, part);
    assert_int_equal(tn_text_part(f->mu, text, &(struct tn_slicing){ 0, 3, 0 }, &none),
                     TN_ERR_INVAL);
    tn_decref(f->mu, text);
}

static void test_slices_of_texts_count_characters(void **state)
{
    (void)state;
    test_in_all_modes(part_all);
}

/* ---- Without memory ---- */

enum operation {
    OP_SLICE,
    OP_SET,
    OP_SET_STEP,
    OP_DELETE,
    OP_PART,
    OP_END
};

static int operate(struct heap_fixture *f, enum operation op, struct tn_object *list,
                   struct tn_object *from, struct tn_object *text, struct tn_object **ret_made)
{
    uint64_t n_wanted;

    switch (op) {
    case OP_SLICE:
        return tn_list_slice(f->mu, list, &(struct tn_slicing){ 0, 40, 3 }, ret_made);
    case OP_SET:
        return tn_list_set_slice(f->mu, list, &(struct tn_slicing){ 3, 5, 1 }, from, &n_wanted,
                                 NULL);
    case OP_SET_STEP:
        return tn_list_set_slice(f->mu, list, &(struct tn_slicing){ 19, 0, -1 }, from, &n_wanted,
                                 NULL);
    case OP_DELETE:
        return tn_list_delete_slice(f->mu, list, &(struct tn_slicing){ 1, 40, 1 }, NULL);
    default:
        return tn_text_part(f->mu, text, &(struct tn_slicing){ INT64_MAX, INT64_MIN, -1 },
                            ret_made);
    }
}

static int try_operation(struct heap_fixture *f, const void *arg)
{
    enum operation op = *(const enum operation *)arg;
    struct tn_object *list = list_of(f, 1000, 20);
    struct tn_object *from = list_of(f, 2000, 19);
    struct tn_object *text = test_str(f->mu, "häßlich");
    struct tn_object *made = NULL;
    int64_t values[20];
    int r;

    for (int64_t i = 0; i < 20; i++)
        values[i] = 1000 + i;
    test_faults_begin();
    r = operate(f, op, list, from, text, &made);
    test_faults_end();
    if (r < 0) {
        assert_null(made);
        assert_true(op != OP_DELETE);
        expect_items(f, list, values, 20);
    }
    tn_drop(f->mu, &made);
    tn_drop(f->mu, &list);
    tn_drop(f->mu, &from);
    tn_drop(f->mu, &text);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    for (enum operation op = OP_SLICE; op < OP_END; op++)
        test_failing_allocations(f, try_operation, &op);
}

static void test_slices_without_memory_change_nothing(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices_are_those_of_python),
        cmocka_unit_test(test_slices_are_deleted_as_in_python),
        cmocka_unit_test(test_slices_are_set_as_in_python),
        cmocka_unit_test(test_slices_of_texts_count_characters),
        cmocka_unit_test(test_slices_without_memory_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
