/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/heap.h"
#include "tests/support/objects.h"

/* Every test runs with private arrays and with published ones: they take different
 * ways through locks, copies and frees. */
static void in_all_modes(void (*test)(struct heap_fixture *f, bool is_published))
{
    for (int i = 0; i < 6; i++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)(i / 2));
        test(&f, i % 2 != 0);
        heap_fixture_teardown(&f);
    }
}

static struct tn_object *array_of(struct heap_fixture *f, enum tn_item_format format,
                                  const void *items, size_t n_items, bool is_published)
{
    struct tn_object *array = NULL;
    size_t n_bytes = n_items << tn_item_shift(format);

    assert_int_equal(tn_array_new(f->mu, format, TN_SLICE(items, n_bytes), &array), 0);
    if (is_published)
        tn_publish(f->mu, array);
    return array;
}

static struct tn_object *bytearray_of(struct heap_fixture *f, const char *text, bool is_published)
{
    struct tn_object *array = NULL;

    assert_int_equal(tn_bytearray_new(f->mu, tn_slice_from_str(text), &array), 0);
    if (is_published)
        tn_publish(f->mu, array);
    return array;
}

/* 0, 1, 2 ... */
static struct tn_object *i16_range(struct heap_fixture *f, int n, bool is_published)
{
    int16_t items[256];

    assert_true(n <= 256);
    for (int i = 0; i < n; i++)
        items[i] = (int16_t)i;
    return array_of(f, TN_ITEM_I16, items, (size_t)n, is_published);
}

static int64_t item_at(struct heap_fixture *f, struct tn_object *array, int64_t index)
{
    struct tn_number number;

    assert_int_equal(tn_array_get(f->mu, array, index, &number), 0);
    assert_false(number.is_real);
    return (int64_t)number.integer;
}

/* The array of i16 holds these, whichever way one looks. */
static void expect_items(struct heap_fixture *f, struct tn_object *array, size_t n,
                         const int16_t *values)
{
    int16_t items[64] = { 0 };
    size_t length = 0;

    assert_true(n <= 64);
    assert_int_equal(tn_array_length(array), n);
    assert_int_equal(tn_array_read(f->mu, array, 0, 64, items, &length), n);
    assert_int_equal(length, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i], values[i]);
        assert_int_equal(item_at(f, array, (int64_t)i), values[i]);
        assert_int_equal(item_at(f, array, (int64_t)i - (int64_t)n), values[i]);
    }
}

#define EXPECT_ITEMS(f, array, ...)                                                                \
    expect_items((f), (array), sizeof((int16_t[]){ __VA_ARGS__ }) / sizeof(int16_t),               \
                 (int16_t[]){ __VA_ARGS__ })

static void expect_text(struct heap_fixture *f, struct tn_object *bytearray, const char *text)
{
    char content[64] = { 0 };

    assert_int_equal(tn_array_read(f->mu, bytearray, 0, sizeof(content), content, NULL),
                     strlen(text));
    assert_memory_equal(content, text, strlen(text));
}

static int set_int(struct heap_fixture *f, struct tn_object *array, int64_t index, int64_t value)
{
    struct tn_number number = tn_number_int(value);

    return tn_array_set(f->mu, array, index, &number);
}

static int insert_int(struct heap_fixture *f, struct tn_object *array, int64_t index, int64_t value)
{
    struct tn_number number = tn_number_int(value);

    return tn_array_insert(f->mu, array, index, &number, NULL);
}

/* ---- One item ---- */

static void getting(struct heap_fixture *f, bool is_published)
{
    struct tn_object *array = i16_range(f, 0, is_published);
    struct tn_number number;
    uint64_t length = 1;

    assert_int_equal(tn_array_get(f->mu, array, 0, &number), TN_ERR_INDEX);
    assert_int_equal(tn_array_get(f->mu, array, -1, &number), TN_ERR_INDEX);
    assert_int_equal(tn_array_read(f->mu, array, 0, 1, &number, NULL), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(insert_int(f, array, INT64_MAX, i), 0);
    EXPECT_ITEMS(f, array, 0, 1, 2, 3, 4);
    assert_int_equal(tn_length(array, &length), 0);
    assert_int_equal(length, 5);
    assert_int_equal(tn_array_get(f->mu, array, 5, &number), TN_ERR_INDEX);
    assert_int_equal(tn_array_get(f->mu, array, -6, &number), TN_ERR_INDEX);
    assert_int_equal(tn_array_get(f->mu, array, INT64_MIN, &number), TN_ERR_INDEX);
    assert_int_equal(tn_array_read(f->mu, array, SIZE_MAX, 8, &number, NULL), 0);
    tn_decref(f->mu, array);
}

static void test_array_get_finds_items_from_both_ends(void **state)
{
    (void)state;
    in_all_modes(getting);
}

static void changing(struct heap_fixture *f, bool is_published)
{
    struct tn_object *array = i16_range(f, 3, is_published);
    struct tn_number number;
    size_t length = 0;

    assert_int_equal(set_int(f, array, 3, 1), TN_ERR_INDEX);
    assert_int_equal(set_int(f, array, -4, 1), TN_ERR_INDEX);
    assert_int_equal(set_int(f, array, -2, 100), 0);
    EXPECT_ITEMS(f, array, 0, 100, 2);
    assert_int_equal(insert_int(f, array, 1, 7), 0);
    assert_int_equal(insert_int(f, array, -1, 8), 0);
    assert_int_equal(insert_int(f, array, -100, 9), 0);
    assert_int_equal(insert_int(f, array, 100, 10), 0);
    EXPECT_ITEMS(f, array, 9, 0, 7, 100, 8, 2, 10);
    assert_int_equal(tn_array_pop(f->mu, array, 3, &number, &length), 0);
    assert_true(number.integer == 100);
    assert_int_equal(length, 6);
    assert_int_equal(tn_array_pop(f->mu, array, -1, &number, &length), 0);
    assert_true(number.integer == 10);
    assert_int_equal(tn_array_pop(f->mu, array, 5, &number, &length), TN_ERR_INDEX);
    assert_int_equal(tn_array_pop(f->mu, array, 0, NULL, NULL), 0);
    EXPECT_ITEMS(f, array, 0, 7, 8, 2);
    tn_decref(f->mu, array);
}

static void test_array_changes_where_python_would(void **state)
{
    (void)state;
    in_all_modes(changing);
}

static void adding(struct heap_fixture *f, bool is_published)
{
    uint64_t counters[] = { 0, (uint64_t)INT64_MAX, UINT64_MAX };
    float floats[] = { 0.5F };
    struct tn_object *array = array_of(f, TN_ITEM_U64, counters, 3, is_published);
    struct tn_object *real = array_of(f, TN_ITEM_F32, floats, 1, is_published);
    struct tn_number one = tn_number_int(1);
    struct tn_number minus = tn_number_int(-2);
    struct tn_number half = tn_number_float(0.1);
    struct tn_number sum = tn_number_int(77);

    assert_int_equal(tn_array_add(f->mu, array, 0, &one, &sum), 0);
    assert_true(sum.integer == 1);
    assert_int_equal(tn_array_add(f->mu, array, 0, &minus, &sum), TN_ERR_OVERFLOW);
    assert_int_equal(tn_array_add(f->mu, array, 1, &one, &sum), TN_ERR_OVERFLOW);
    assert_int_equal(tn_array_add(f->mu, array, 2, &one, &sum), TN_ERR_OVERFLOW);
    assert_int_equal(tn_array_add(f->mu, array, 3, &one, &sum), TN_ERR_INDEX);
    assert_int_equal(tn_array_add(f->mu, array, 0, &half, &sum), TN_ERR_TYPE);
    assert_true(sum.integer == 1);
    assert_int_equal(item_at(f, array, 0), 1);
    assert_int_equal(tn_array_add(f->mu, real, 0, &half, &sum), 0);
    assert_true(sum.is_real && sum.real == (double)(float)(0.5 + 0.1));
    tn_decref(f->mu, array);
    tn_decref(f->mu, real);
}

static void test_array_add_returns_the_sum_or_changes_nothing(void **state)
{
    (void)state;
    in_all_modes(adding);
}

/* The least and greatest of each format fit, and nothing beyond. */
static void ranges(struct heap_fixture *f, bool is_published)
{
    for (int i = TN_ITEM_I8; i <= TN_ITEM_U64; i++) {
        enum tn_item_format format = (enum tn_item_format)i;
        struct tn_object *array = array_of(f, format, "\0\0\0\0\0\0\0", 1, is_published);
        __int128 limits[] = { tn_item_min(format), tn_item_max(format) };
        struct tn_number number = tn_number_float(1.0);

        assert_int_equal(tn_array_set(f->mu, array, 0, &number), TN_ERR_TYPE);
        for (int k = 0; k < 2; k++) {
            number = (struct tn_number){ .integer = limits[k] };
            assert_int_equal(tn_array_set(f->mu, array, 0, &number), 0);
            number.integer = 0;
            assert_int_equal(tn_array_get(f->mu, array, 0, &number), 0);
            assert_true(number.integer == limits[k]);
            number.integer += k == 0 ? -1 : 1;
            assert_int_equal(tn_array_set(f->mu, array, 0, &number), TN_ERR_OVERFLOW);
            assert_int_equal(tn_array_get(f->mu, array, 0, &number), 0);
            assert_true(number.integer == limits[k]);
        }
        tn_decref(f->mu, array);
    }
}

static void test_array_item_is_checked_against_its_format(void **state)
{
    (void)state;
    in_all_modes(ranges);
}

static void floats(struct heap_fixture *f, bool is_published)
{
    double nothing[] = { 0.0 };
    struct tn_object *f64 = array_of(f, TN_ITEM_F64, nothing, 1, is_published);
    struct tn_object *f32 = array_of(f, TN_ITEM_F32, nothing, 1, is_published);
    struct tn_number number = tn_number_float(1e300);
    struct tn_number got;

    assert_int_equal(tn_array_set(f->mu, f64, 0, &number), 0);
    assert_int_equal(tn_array_get(f->mu, f64, 0, &got), 0);
    assert_true(got.is_real && got.real == 1e300);
    assert_int_equal(tn_array_set(f->mu, f32, 0, &number), TN_ERR_OVERFLOW);
    number = tn_number_float((double)-INFINITY);
    assert_int_equal(tn_array_set(f->mu, f32, 0, &number), 0);
    assert_int_equal(tn_array_get(f->mu, f32, 0, &got), 0);
    assert_true(got.real == (double)-INFINITY);
    number = tn_number_int(3);
    assert_int_equal(tn_array_set(f->mu, f32, 0, &number), 0);
    assert_int_equal(tn_array_get(f->mu, f32, 0, &got), 0);
    assert_true(got.is_real && got.real == 3.0);
    tn_decref(f->mu, f64);
    tn_decref(f->mu, f32);
}

static void test_array_of_floats_takes_what_fits(void **state)
{
    (void)state;
    in_all_modes(floats);
}

/* A u64 that is no int cannot be popped by accident. */
static void large_u64(struct heap_fixture *f, bool is_published)
{
    uint64_t items[] = { UINT64_MAX };
    struct tn_object *array = array_of(f, TN_ITEM_U64, items, 1, is_published);
    struct tn_object *object = NULL;
    struct tn_number number;

    assert_int_equal(tn_array_get(f->mu, array, 0, &number), 0);
    assert_int_equal(tn_number_new(f->mu, &number, &object), TN_ERR_OVERFLOW);
    assert_int_equal(tn_array_pop(f->mu, array, 0, &number, NULL), TN_ERR_OVERFLOW);
    assert_int_equal(tn_array_length(array), 1);
    assert_int_equal(tn_array_pop(f->mu, array, 0, NULL, NULL), 0);
    assert_int_equal(tn_array_length(array), 0);
    tn_decref(f->mu, array);
}

static void test_array_pop_keeps_what_cannot_be_told(void **state)
{
    (void)state;
    in_all_modes(large_u64);
}

/* ---- Several items ---- */

static void slicing(struct heap_fixture *f, bool is_published)
{
    /* start, stop, step, and what comes of the ten items 0 to 9 */
    static const struct {
        int64_t start;
        int64_t stop;
        int64_t step;
        const char *digits;
    } cases[] = {
        { 0, 10, 1, "0123456789" },
        { INT64_MIN, INT64_MAX, 1, "0123456789" },
        { INT64_MAX, INT64_MIN, -1, "9876543210" },
        { 3, 7, 1, "3456" },
        { -3, -1, 1, "78" },
        { 7, 3, 1, "" },
        { 1, 10, 3, "147" },
        { 1, 8, 3, "147" },
        { 1, 7, 3, "14" },
        { 8, 1, -3, "852" },
        { 8, 2, -3, "85" },
        { -1, -11, -4, "951" },
        { -1, -10, -4, "951" },
        { -1, 0, -9, "9" },
        { 100, -100, -5, "94" },
        { 0, 10, INT64_MAX, "0" },
        { 9, INT64_MIN, INT64_MIN, "9" },
        { -20, -15, 1, "" },
        { -20, -15, -1, "" },
        { 15, 20, -1, "" },
    };
    struct tn_object *array = i16_range(f, 10, is_published);
    struct tn_object *slice = NULL;

    for (size_t i = 0; i < TN_ARRAY_LEN(cases); i++) {
        int16_t wanted[10];
        size_t n = strlen(cases[i].digits);

        for (size_t k = 0; k < n; k++)
            wanted[k] = (int16_t)(cases[i].digits[k] - '0');
        assert_int_equal(
            tn_array_slice(f->mu, array, cases[i].start, cases[i].stop, cases[i].step, &slice), 0);
        assert_int_equal(slice->type, TN_TYPE_ARRAY);
        expect_items(f, slice, n, wanted);
        tn_drop(f->mu, &slice);
    }
    assert_int_equal(tn_array_slice(f->mu, array, 0, 10, 0, &slice), TN_ERR_INVAL);
    tn_decref(f->mu, array);
}

static void test_array_slice_is_that_of_python(void **state)
{
    (void)state;
    in_all_modes(slicing);
}

static void replacing(struct heap_fixture *f, bool is_published)
{
    struct tn_object *array = i16_range(f, 6, is_published);
    struct tn_object *two = test_list_range(f->mu, 50, 52);
    struct tn_object *three = test_list_range(f->mu, 60, 63);
    struct tn_object *none = test_list(f->mu);
    size_t length = 0;

    assert_int_equal(tn_array_replace(f->mu, array, 1, 3, 1, two, &length), 0);
    EXPECT_ITEMS(f, array, 0, 50, 51, 3, 4, 5);
    assert_int_equal(tn_array_replace(f->mu, array, 1, 2, 1, three, &length), 0);
    assert_int_equal(length, 8);
    EXPECT_ITEMS(f, array, 0, 60, 61, 62, 51, 3, 4, 5);
    assert_int_equal(tn_array_replace(f->mu, array, 4, 7, 1, none, &length), 0);
    EXPECT_ITEMS(f, array, 0, 60, 61, 62, 5);
    assert_int_equal(tn_array_replace(f->mu, array, 3, 1, 1, two, &length), 0);
    EXPECT_ITEMS(f, array, 0, 60, 61, 50, 51, 62, 5);
    assert_int_equal(tn_array_replace(f->mu, array, 6, INT64_MIN, -3, three, &length), 0);
    EXPECT_ITEMS(f, array, 62, 60, 61, 61, 51, 62, 60);
    assert_int_equal(tn_array_replace(f->mu, array, 0, 7, 2, three, &length), TN_ERR_PRECONDITION);
    assert_int_equal(tn_array_replace(f->mu, array, INT64_MIN, INT64_MAX, 1, array, &length), 0);
    EXPECT_ITEMS(f, array, 62, 60, 61, 61, 51, 62, 60);
    tn_decref(f->mu, array);
    tn_decref(f->mu, two);
    tn_decref(f->mu, three);
    tn_decref(f->mu, none);
}

static void test_array_replace_grows_shrinks_and_strides(void **state)
{
    (void)state;
    in_all_modes(replacing);
}

static void extending(struct heap_fixture *f, bool is_published)
{
    double reals[] = { 1.0 };
    uint8_t small[] = { 200 };
    struct tn_object *array = i16_range(f, 1, is_published);
    struct tn_object *f64 = array_of(f, TN_ITEM_F64, reals, 1, false);
    struct tn_object *u8 = array_of(f, TN_ITEM_U8, small, 1, !is_published);
    struct tn_object *bytes = test_bytes(f->mu, "\x01\xff", 2);
    struct tn_object *tuple = test_tuple_2(f->mu, test_int(f->mu, 5), tn_bool(f->heap, true));
    struct tn_object *wrong = test_tuple_2(f->mu, test_int(f->mu, 5), test_str(f->mu, "xx"));
    struct tn_object *large = test_tuple_2(f->mu, test_int(f->mu, 5), test_int(f->mu, 40000));
    size_t length = 0;

    assert_int_equal(tn_array_extend(f->mu, array, u8, &length), 0);
    assert_int_equal(tn_array_extend(f->mu, array, bytes, &length), 0);
    assert_int_equal(tn_array_extend(f->mu, array, tuple, &length), 0);
    assert_int_equal(length, 6);
    EXPECT_ITEMS(f, array, 0, 200, 1, 255, 5, 1);
    assert_int_equal(tn_array_extend(f->mu, array, f64, &length), TN_ERR_TYPE);
    assert_int_equal(tn_array_extend(f->mu, array, wrong, &length), TN_ERR_TYPE);
    assert_int_equal(tn_array_extend(f->mu, array, large, &length), TN_ERR_OVERFLOW);
    assert_int_equal(tn_array_extend(f->mu, array, tn_none(f->heap), &length), TN_ERR_TYPE);
    EXPECT_ITEMS(f, array, 0, 200, 1, 255, 5, 1);
    assert_int_equal(tn_array_extend(f->mu, array, array, &length), 0);
    EXPECT_ITEMS(f, array, 0, 200, 1, 255, 5, 1, 0, 200, 1, 255, 5, 1);
    assert_int_equal(tn_array_extend(f->mu, f64, array, &length), 0);
    assert_int_equal(length, 13);
    tn_decref(f->mu, array);
    tn_decref(f->mu, f64);
    tn_decref(f->mu, u8);
    tn_decref(f->mu, bytes);
    tn_decref(f->mu, tuple);
    tn_decref(f->mu, wrong);
    tn_decref(f->mu, large);
}

static void test_array_extend_takes_all_that_holds_numbers(void **state)
{
    (void)state;
    in_all_modes(extending);
}

static void writing(struct heap_fixture *f, bool is_published)
{
    struct tn_object *array = i16_range(f, 4, is_published);
    struct tn_number seven = tn_number_int(7);
    int16_t items[] = { 10, 11, 12 };
    size_t length = 0;

    assert_int_equal(tn_array_write(f->mu, array, 1, TN_SLICE(items, 4), &length), 0);
    EXPECT_ITEMS(f, array, 0, 10, 11, 3);
    assert_int_equal(tn_array_write(f->mu, array, 3, TN_SLICE(items, 6), &length), 0);
    assert_int_equal(length, 6);
    EXPECT_ITEMS(f, array, 0, 10, 11, 10, 11, 12);
    assert_int_equal(tn_array_write(f->mu, array, 6, TN_SLICE(items, 2), &length), 0);
    assert_int_equal(tn_array_write(f->mu, array, 8, TN_SLICE(items, 2), &length), TN_ERR_INDEX);
    assert_int_equal(tn_array_write(f->mu, array, 0, TN_SLICE(items, 3), &length), TN_ERR_INVAL);
    assert_int_equal(tn_array_write(f->mu, array, 0, TN_SLICE(NULL, 0), &length), 0);
    EXPECT_ITEMS(f, array, 0, 10, 11, 10, 11, 12, 10);
    assert_int_equal(tn_array_fill(f->mu, array, 1, -1, &seven), 0);
    EXPECT_ITEMS(f, array, 0, 7, 7, 7, 7, 7, 10);
    assert_int_equal(tn_array_fill(f->mu, array, 3, 2, &seven), 0);
    seven = tn_number_int(70000);
    assert_int_equal(tn_array_fill(f->mu, array, 0, 7, &seven), TN_ERR_OVERFLOW);
    EXPECT_ITEMS(f, array, 0, 7, 7, 7, 7, 7, 10);
    tn_decref(f->mu, array);
}

static void test_array_write_and_fill_overwrite(void **state)
{
    (void)state;
    in_all_modes(writing);
}

/* Beginning at every place of a word, and of every length. */
static void unaligned(struct heap_fixture *f, bool is_published)
{
    struct tn_object *array = bytearray_of(f, "abcdefghijklmnopqrstuvwxyz", is_published);
    char text[64] = "abcdefghijklmnopqrstuvwxyz";

    for (size_t first = 0; first < 10; first++) {
        for (size_t n = 0; first + n <= 26; n++) {
            char part[32];

            for (size_t i = 0; i < n; i++)
                text[first + i] = part[i] = (char)('A' + (first + n + i) % 50);
            assert_int_equal(tn_array_write(f->mu, array, first, TN_SLICE(part, n), NULL), 0);
            expect_text(f, array, text);
            memset(part, 0, sizeof(part));
            assert_int_equal(tn_array_read(f->mu, array, first, n, part, NULL), n);
            assert_memory_equal(part, text + first, n);
        }
    }
    tn_decref(f->mu, array);
}

static void test_array_copies_from_every_place_of_a_word(void **state)
{
    (void)state;
    in_all_modes(unaligned);
}

/* ---- All items ---- */

static struct tn_number reduce(struct heap_fixture *f, struct tn_object *array,
                               enum tn_reduction reduction)
{
    struct tn_number number = tn_number_int(0);

    assert_int_equal(tn_array_reduce(f->mu, array, reduction, &number), 0);
    return number;
}

static void reducing(struct heap_fixture *f, bool is_published)
{
    int16_t items[] = { 3, -7, 20, 5 };
    int64_t large[] = { INT64_MAX, 1, -1 };
    double reals[] = { 1e100, 1.0, -1e100, 0.5 };
    double nans[] = { 1.0, (double)NAN, 0.5 };
    struct tn_object *array = array_of(f, TN_ITEM_I16, items, 4, is_published);
    struct tn_object *i64 = array_of(f, TN_ITEM_I64, large, 3, is_published);
    struct tn_object *f64 = array_of(f, TN_ITEM_F64, reals, 4, is_published);
    struct tn_object *nan = array_of(f, TN_ITEM_F64, nans, 3, is_published);
    struct tn_object *empty = array_of(f, TN_ITEM_U8, "", 0, is_published);
    struct tn_number number;

    assert_true(reduce(f, array, TN_REDUCE_SUM).integer == 21);
    assert_true(reduce(f, array, TN_REDUCE_MIN).integer == -7);
    assert_true(reduce(f, array, TN_REDUCE_MAX).integer == 20);
    assert_true(reduce(f, i64, TN_REDUCE_SUM).integer == INT64_MAX); /* 1 and -1 in between */
    assert_int_equal(tn_array_pop(f->mu, i64, -1, NULL, NULL), 0);
    assert_int_equal(tn_array_reduce(f->mu, i64, TN_REDUCE_SUM, &number), TN_ERR_OVERFLOW);
    assert_true(reduce(f, f64, TN_REDUCE_SUM).real == 1.5); /* as math.fsum() */
    assert_true(reduce(f, f64, TN_REDUCE_MIN).real == -1e100);
    assert_true(isnan(reduce(f, nan, TN_REDUCE_MIN).real));
    assert_true(isnan(reduce(f, nan, TN_REDUCE_MAX).real));
    assert_true(isnan(reduce(f, nan, TN_REDUCE_SUM).real));
    assert_true(reduce(f, empty, TN_REDUCE_SUM).integer == 0);
    assert_int_equal(tn_array_reduce(f->mu, empty, TN_REDUCE_MIN, &number), TN_ERR_INDEX);
    tn_decref(f->mu, array);
    tn_decref(f->mu, i64);
    tn_decref(f->mu, f64);
    tn_decref(f->mu, nan);
    tn_decref(f->mu, empty);
}

static void test_array_sum_min_and_max(void **state)
{
    (void)state;
    in_all_modes(reducing);
}

static void expect_index(struct heap_fixture *f, struct tn_object *array, struct tn_object *take,
                         int64_t start, int expected)
{
    size_t at = SIZE_MAX;
    int r = tn_array_index(f->mu, array, take, start, &at);

    if (expected < 0) {
        assert_int_equal(r, expected);
    } else {
        assert_int_equal(r, 0);
        assert_int_equal(at, expected);
    }
    tn_decref(f->mu, take);
}

static void finding(struct heap_fixture *f, bool is_published)
{
    float reals[] = { 0.0F, 0.1F, -0.0F };
    struct tn_object *array = i16_range(f, 10, is_published);
    struct tn_object *f32 = array_of(f, TN_ITEM_F32, reals, 3, is_published);
    struct tn_object *text = bytearray_of(f, "hello, hello", is_published);

    expect_index(f, array, test_int(f->mu, 7), 0, 7);
    expect_index(f, array, test_int(f->mu, 7), -3, 7);
    expect_index(f, array, test_int(f->mu, 7), 8, TN_ERR_KEY);
    expect_index(f, array, test_float(f->mu, 7.0), 0, 7);
    expect_index(f, array, test_float(f->mu, 7.5), 0, TN_ERR_KEY);
    expect_index(f, array, tn_bool(f->heap, true), INT64_MIN, 1);
    expect_index(f, array, test_int(f->mu, 100000), 0, TN_ERR_KEY);
    expect_index(f, array, test_str(f->mu, "7x"), 0, TN_ERR_TYPE);
    expect_index(f, array, test_bytes(f->mu, "\x07", 1), 0, TN_ERR_TYPE);
    expect_index(f, f32, test_int(f->mu, 0), 1, 2);
    expect_index(f, f32, test_float(f->mu, 0.1), 0, TN_ERR_KEY); /* which is no f32 */
    expect_index(f, f32, test_float(f->mu, (double)NAN), 0, TN_ERR_KEY);
    expect_index(f, text, test_bytes(f->mu, "lo", 2), 0, 3);
    expect_index(f, text, test_bytes(f->mu, "lo", 2), 4, 10);
    expect_index(f, text, test_bytes(f->mu, "lox", 3), 0, TN_ERR_KEY);
    expect_index(f, text, test_bytes(f->mu, "", 0), 5, 5);
    expect_index(f, text, bytearray_of(f, ", h", false), 0, 5);
    expect_index(f, text, test_int(f->mu, 'o'), 0, 4);
    expect_index(f, text, test_str(f->mu, "lo"), 0, TN_ERR_TYPE);
    tn_decref(f->mu, array);
    tn_decref(f->mu, f32);
    tn_decref(f->mu, text);
}

static void test_array_index_finds_what_is_equal(void **state)
{
    (void)state;
    in_all_modes(finding);
}

static void comparing(struct heap_fixture *f, bool is_published)
{
    double reals[] = { 0.0, 1.0, 2.0 };
    uint64_t large[] = { UINT64_MAX };
    int64_t minus[] = { -1 };
    struct tn_object *array = i16_range(f, 3, is_published);
    struct tn_object *same = i16_range(f, 3, !is_published);
    struct tn_object *f64 = array_of(f, TN_ITEM_F64, reals, 3, is_published);
    struct tn_object *u64 = array_of(f, TN_ITEM_U64, large, 1, is_published);
    struct tn_object *i64 = array_of(f, TN_ITEM_I64, minus, 1, is_published);
    struct tn_object *text = bytearray_of(f, "abc", is_published);
    struct tn_object *bytes = test_bytes(f->mu, "abc", 3);
    struct tn_object *list = test_list_range(f->mu, 0, 3);
    uint32_t hash;

    assert_true(test_is_equal(f, array, same));
    assert_true(test_is_equal(f, array, f64) && test_is_equal(f, f64, array));
    assert_false(test_is_equal(f, u64, i64));
    assert_false(test_is_equal(f, array, u64));
    assert_false(test_is_equal(f, array, list) || test_is_equal(f, list, array));
    assert_true(test_is_equal(f, text, bytes) && test_is_equal(f, bytes, text));
    assert_false(test_is_equal(f, text, array));
    assert_int_equal(set_int(f, same, 2, 9), 0);
    assert_false(test_is_equal(f, array, same));
    assert_int_equal(set_int(f, text, 0, 'x'), 0);
    assert_false(test_is_equal(f, text, bytes) || test_is_equal(f, bytes, text));
    assert_int_equal(tn_hash(f->heap, array, &hash), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_hash(f->heap, text, &hash), TN_ERR_UNHASHABLE);
    tn_decref(f->mu, array);
    tn_decref(f->mu, same);
    tn_decref(f->mu, f64);
    tn_decref(f->mu, u64);
    tn_decref(f->mu, i64);
    tn_decref(f->mu, text);
    tn_decref(f->mu, bytes);
    tn_decref(f->mu, list);
}

static void test_arrays_are_equal_by_content(void **state)
{
    (void)state;
    in_all_modes(comparing);
}

/* ---- Memory ---- */

/* Over-allocated by an eighth; and what is not needed any more is given back. */
static void sizes(struct heap_fixture *f, bool is_published)
{
    struct tn_object *array = i16_range(f, 0, is_published);
    uint64_t most;

    assert_int_equal(tn_shallow_bytes(array), 40);
    for (uint64_t n = 1; n <= 5000; n++) {
        uint64_t capacity;

        assert_int_equal(insert_int(f, array, INT64_MAX, 1), 0);
        capacity = (tn_shallow_bytes(array) - 40 - 16) / 2;
        assert_true(capacity >= n && capacity <= n + n / 8 + 8);
    }
    most = tn_shallow_bytes(array);
    for (uint64_t n = 5000; n > 0; n--) {
        assert_int_equal(tn_array_pop(f->mu, array, n % 2 == 0 ? 0 : -1, NULL, NULL), 0);
        assert_true(tn_shallow_bytes(array) <= 40 + 16 + 2 * (4 * n + 32));
    }
    assert_true(tn_shallow_bytes(array) < most / 50);
    assert_int_equal(tn_array_reserve(f->mu, array, 1000), 0);
    assert_int_equal(tn_shallow_bytes(array), 40 + 16 + 2000);
    assert_int_equal(tn_array_reserve(f->mu, array, (size_t)UINT32_MAX + 1), TN_ERR_TOO_BIG);
    tn_decref(f->mu, array);
}

static void test_array_memory_follows_its_length(void **state)
{
    (void)state;
    in_all_modes(sizes);
}

enum operation {
    OP_NEW,
    OP_INSERT,
    OP_APPEND,
    OP_EXTEND,
    OP_EXTEND_SELF,
    OP_SLICE,
    OP_REPLACE,
    OP_WRITE,
    OP_RESERVE,
    OP_INDEX,
    OP_POP,
    OP_END
};

static int operate(struct heap_fixture *f, enum operation op, struct tn_object *array,
                   struct tn_object *more, struct tn_object **made)
{
    static const int16_t items[100];
    size_t at;

    switch (op) {
    case OP_NEW:
        return tn_array_new(f->mu, TN_ITEM_I16, TN_SLICE(items, sizeof(items)), made);
    case OP_INSERT:
        return insert_int(f, array, 1, 1000);
    case OP_APPEND:
        return insert_int(f, array, INT64_MAX, 1000);
    case OP_EXTEND:
        return tn_array_extend(f->mu, array, more, NULL);
    case OP_EXTEND_SELF:
        return tn_array_extend(f->mu, array, array, NULL);
    case OP_SLICE:
        return tn_array_slice(f->mu, array, 0, 4, 2, made);
    case OP_REPLACE:
        return tn_array_replace(f->mu, array, 1, 2, 1, more, NULL);
    case OP_WRITE:
        return tn_array_write(f->mu, array, 2, TN_SLICE(items, sizeof(items)), NULL);
    case OP_RESERVE:
        return tn_array_reserve(f->mu, array, 500);
    case OP_INDEX:
        return tn_array_index(f->mu, more, tn_bool(f->heap, true), 0, &at);
    default:
        return tn_array_pop(f->mu, array, 0, NULL, NULL);
    }
}

/* An array that is full, so that the next item needs memory, and nearly empty for
 * OP_POP, so that it wants to shrink. */
static int try_operation(struct heap_fixture *f, const void *arg)
{
    enum operation op = *(const enum operation *)arg;
    struct tn_object *array = i16_range(f, op == OP_POP ? 200 : 8, op % 2 == 0);
    struct tn_object *more = i16_range(f, 50, false);
    struct tn_object *made = NULL;
    int r;

    for (int i = 0; op == OP_POP && i < 150; i++)
        assert_int_equal(tn_array_pop(f->mu, array, -1, NULL, NULL), 0);
    test_faults_begin();
    r = operate(f, op, array, more, &made);
    test_faults_end();
    if (r < 0) {
        assert_null(made);
        EXPECT_ITEMS(f, array, 0, 1, 2, 3, 4, 5, 6, 7);
        assert_true(op != OP_POP);
    }
    if (op == OP_POP)
        assert_int_equal(tn_array_length(array), 49);
    tn_drop(f->mu, &made);
    tn_drop(f->mu, &array);
    tn_drop(f->mu, &more);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    for (enum operation op = OP_NEW; op < OP_END; op++)
        test_failing_allocations(f, try_operation, &op);
}

static void test_array_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

static void wrong(struct heap_fixture *f)
{
    struct tn_object *array = NULL;

    assert_int_equal(tn_array_new(f->mu, TN_ITEM_I16, TN_SLICE("abc", 3), &array), TN_ERR_INVAL);
    assert_null(array);
}

static void test_array_of_half_an_item_is_refused(void **state)
{
    (void)state;
    test_in_all_modes(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_get_finds_items_from_both_ends),
        cmocka_unit_test(test_array_changes_where_python_would),
        cmocka_unit_test(test_array_add_returns_the_sum_or_changes_nothing),
        cmocka_unit_test(test_array_item_is_checked_against_its_format),
        cmocka_unit_test(test_array_of_floats_takes_what_fits),
        cmocka_unit_test(test_array_pop_keeps_what_cannot_be_told),
        cmocka_unit_test(test_array_slice_is_that_of_python),
        cmocka_unit_test(test_array_replace_grows_shrinks_and_strides),
        cmocka_unit_test(test_array_extend_takes_all_that_holds_numbers),
        cmocka_unit_test(test_array_write_and_fill_overwrite),
        cmocka_unit_test(test_array_copies_from_every_place_of_a_word),
        cmocka_unit_test(test_array_sum_min_and_max),
        cmocka_unit_test(test_array_index_finds_what_is_equal),
        cmocka_unit_test(test_arrays_are_equal_by_content),
        cmocka_unit_test(test_array_memory_follows_its_length),
        cmocka_unit_test(test_array_without_memory_stays_as_it_was),
        cmocka_unit_test(test_array_of_half_an_item_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
