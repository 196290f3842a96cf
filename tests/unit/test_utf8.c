/* SPDX-License-Identifier: MIT */
/* UTF-8 against its definition, spelled out the slow way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/attr.h"
#include "proto/utf8.h"

static size_t encode(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* The length of the character at the beginning, or 0: decoded by its first byte,
 * it must be a scalar value whose encoding is just these bytes. */
static size_t reference(const uint8_t *at, size_t len)
{
    size_t n = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? at[0] : at[0] & (0x7fu >> n);
    uint8_t again[4];

    if (len < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (at[i] & 0x3f);
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    return encode(c, again) == n && memcmp(at, again, n) == 0 ? n : 0;
}

static void test_every_code_point_is_valid_but_surrogates(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x140000; c++) {
        uint8_t bytes[4];
        size_t len = encode(c, bytes);
        bool is_valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

        assert_int_equal(tn_utf8_is_valid(bytes, len), is_valid);
        if (is_valid && len > 1) /* and cut off it is not */
            assert_int_equal(tn_utf8_valid_prefix(bytes, len - 1), 0);
    }
}

static void test_every_beginning_agrees_with_the_definition(void **state)
{
    static const uint8_t edges[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff };
    uint8_t bytes[4];

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            for (size_t i = 0; i < TN_ARRAY_LEN(edges) * TN_ARRAY_LEN(edges); i++) {
                size_t expected;

                bytes[0] = (uint8_t)first;
                bytes[1] = (uint8_t)second;
                bytes[2] = edges[i / TN_ARRAY_LEN(edges)];
                bytes[3] = edges[i % TN_ARRAY_LEN(edges)];
                expected = reference(bytes, sizeof(bytes));
                if (expected == 0)
                    assert_int_equal(tn_utf8_valid_prefix(bytes, sizeof(bytes)), 0);
                else
                    assert_true(tn_utf8_valid_prefix(bytes, sizeof(bytes)) >= expected);
            }
        }
    }
}

/* At each place of a long text, where the steps of eight bytes begin and end. */
static void test_fault_is_found_at_every_place(void **state)
{
    char text[100];

    (void)state;
    for (size_t len = 0; len <= sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        assert_true(tn_utf8_is_valid(text, len));
        assert_true(tn_utf8_is_ascii(text, len));
        for (size_t at = 0; at < len; at++) {
            text[at] = (char)0xff;
            assert_int_equal(tn_utf8_valid_prefix(text, len), at);
            assert_false(tn_utf8_is_ascii(text, len));
            text[at] = 'a';
        }
    }
    assert_true(tn_utf8_is_valid(NULL, 0));
    assert_true(tn_utf8_is_ascii(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_is_valid_but_surrogates),
        cmocka_unit_test(test_every_beginning_agrees_with_the_definition),
        cmocka_unit_test(test_fault_is_found_at_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
