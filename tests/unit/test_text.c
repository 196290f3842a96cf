/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/heap.h"
#include "tests/support/objects.h"

static void contents(struct heap_fixture *f)
{
    static const char content[] = "a\0b\0\0c";
    struct tn_slice slice = TN_SLICE(content, sizeof(content));
    struct tn_object *str;
    struct tn_object *bytes;

    for (size_t length = 2; length <= slice.len; length++) {
        slice.len = length;
        assert_int_equal(tn_str_new(f->mu, slice, &str), 0);
        bytes = test_bytes(f->mu, content, length);
        assert_int_equal(str->type, TN_TYPE_STR);
        assert_int_equal(bytes->type, TN_TYPE_BYTES);
        assert_true(tn_slice_equal(tn_text_slice(str), slice));
        assert_true(tn_slice_equal(tn_text_slice(bytes), slice));
        assert_int_equal(test_live_bytes(f), 2 * (24 + length));
        tn_decref(f->mu, str);
        tn_decref(f->mu, bytes);
        slice.len = sizeof(content);
    }
}

static void test_text_keeps_every_byte(void **state)
{
    (void)state;
    test_in_all_modes(contents);
}

static void shared_texts(struct heap_fixture *f)
{
    struct tn_object *empty = test_str(f->mu, "");
    struct tn_object *empty_bytes = test_bytes(f->mu, "", 0);
    struct tn_object *one_byte;

    assert_ptr_equal(empty, test_str(f->mu, ""));
    assert_ptr_equal(empty_bytes, test_bytes(f->mu, NULL, 0));
    assert_ptr_not_equal(empty, empty_bytes);
    assert_int_equal(tn_text_slice(empty).len, 0);
    for (int c = 0; c < 128; c++) {
        char content = (char)c;
        struct tn_object *o;
        struct tn_object *again;

        assert_int_equal(tn_str_new(f->mu, TN_SLICE(&content, 1), &o), 0);
        assert_int_equal(tn_str_new(f->mu, TN_SLICE(&content, 1), &again), 0);
        assert_ptr_equal(o, again);
        assert_true(tn_slice_equal(tn_text_slice(o), TN_SLICE(&content, 1)));
    }
    assert_int_equal(test_live_objs(f), 0);
    one_byte = test_bytes(f->mu, "x", 1);
    assert_int_equal(test_live_objs(f), 1);
    tn_decref(f->mu, one_byte);
}

static void test_text_empty_and_ascii_char_are_shared(void **state)
{
    (void)state;
    test_in_all_modes(shared_texts);
}

static void expect_lengths(struct heap_fixture *f, const char *text, uint64_t n_code_points)
{
    struct tn_object *str = test_str(f->mu, text);
    struct tn_object *bytes = test_bytes(f->mu, text, strlen(text));
    uint64_t length = 0;

    assert_int_equal(tn_length(str, &length), 0);
    assert_int_equal(length, n_code_points);
    assert_int_equal(tn_length(bytes, &length), 0);
    assert_int_equal(length, strlen(text));
    tn_decref(f->mu, str);
    tn_decref(f->mu, bytes);
}

static void lengths(struct heap_fixture *f)
{
    char text[4 * 40 + 1] = "";

    expect_lengths(f, "", 0);
    expect_lengths(f, "plain", 5);
    expect_lengths(f, "\xc3\xa4", 1);
    expect_lengths(f, "1234567\xc3\xa4", 8);
    expect_lengths(f, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac!", 4);
    for (uint64_t i = 1; i <= 40; i++) {
        strcat(text, i % 3 == 0 ? "\xf0\x9f\x8c\xb3" : i % 3 == 1 ? "\xc3\xbc" : "u");
        expect_lengths(f, text, i);
    }
}

static void test_length_counts_code_points_and_bytes(void **state)
{
    (void)state;
    test_in_all_modes(lengths);
}

static void equality(struct heap_fixture *f)
{
    struct tn_object *a = test_str(f->mu, "some text");
    struct tn_object *same = test_str(f->mu, "some text");
    struct tn_object *other = test_str(f->mu, "some tExt");
    struct tn_object *longer = test_str(f->mu, "some text.");
    struct tn_object *bytes = test_bytes(f->mu, "some text", 9);

    assert_true(test_is_equal(f, a, a));
    assert_true(test_is_equal(f, a, same));
    assert_false(test_is_equal(f, a, other));
    assert_false(test_is_equal(f, a, longer));
    assert_false(test_is_equal(f, a, bytes));
    assert_false(test_is_equal(f, a, tn_none(f->heap)));
    assert_int_equal(test_hash(f, a), test_hash(f, same));
    tn_decref(f->mu, a);
    tn_decref(f->mu, same);
    tn_decref(f->mu, other);
    tn_decref(f->mu, longer);
    tn_decref(f->mu, bytes);
}

static void test_text_equal_by_content_and_type(void **state)
{
    (void)state;
    test_in_all_modes(equality);
}

static void large(struct heap_fixture *f)
{
    size_t n_bytes = 300000;
    char *content = malloc(n_bytes);
    struct tn_object *o;

    assert_non_null(content);
    for (size_t i = 0; i < n_bytes; i++)
        content[i] = (char)(i * 7);
    o = test_bytes(f->mu, content, n_bytes);
    assert_memory_equal(tn_text_slice(o).data, content, n_bytes);
    assert_int_equal(test_live_bytes(f), 24 + n_bytes);
    tn_decref(f->mu, o);
    /* The length is looked at before the content is. */
    assert_int_equal(tn_bytes_new(f->mu, TN_SLICE(content, (size_t)UINT32_MAX + 1), &o),
                     TN_ERR_TOO_BIG);
    assert_int_equal(tn_str_new(f->mu, TN_SLICE(content, SIZE_MAX), &o), TN_ERR_TOO_BIG);
    free(content);
}

static void test_text_large_has_a_block_of_its_own(void **state)
{
    (void)state;
    test_in_all_modes(large);
}

static int make_text(struct heap_fixture *f, const void *arg)
{
    struct tn_slice text = tn_slice_from_str(arg);
    struct tn_object *o = NULL;
    int r;

    test_faults_begin();
    r = tn_str_new(f->mu, text, &o);
    test_faults_end();
    assert_true((r == 0) == (o != NULL));
    tn_drop(f->mu, &o);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    char text[1000];

    test_failing_allocations(f, make_text, "short");
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    test_failing_allocations(f, make_text, text);
}

static void test_text_without_memory_is_refused(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_keeps_every_byte),
        cmocka_unit_test(test_text_empty_and_ascii_char_are_shared),
        cmocka_unit_test(test_length_counts_code_points_and_bytes),
        cmocka_unit_test(test_text_equal_by_content_and_type),
        cmocka_unit_test(test_text_large_has_a_block_of_its_own),
        cmocka_unit_test(test_text_without_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
