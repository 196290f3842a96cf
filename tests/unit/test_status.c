/* SPDX-License-Identifier: MIT */
/* Status: the list holds together, and sentences are fit to be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"
#include "proto/utf8.h"

static void test_every_reason_has_word_code_error_and_sentence(void **state)
{
    (void)state;
    for (int i = TN_REASON_OK + 1; i < TN_REASON_END; i++) {
        enum tn_reason reason = (enum tn_reason)i;
        const char *word = tn_reason_name(reason);
        const char *text = tn_reason_text(reason);

        assert_int_equal(strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), strlen(word));
        assert_int_equal(tn_reason_from_name(word), reason);
        assert_int_not_equal(tn_reason_code(reason), TN_CODE_OK);
        assert_true(tn_reason_err(reason) < 0);
        assert_string_not_equal(tn_err_name(tn_reason_err(reason)), "OK");
        assert_true(strlen(text) < TN_STATUS_MESSAGE_SIZE);
        assert_int_equal(text[strlen(text) - 1], '.');
    }
    assert_int_equal(tn_reason_err(TN_REASON_OK), 0);
    assert_int_equal(tn_reason_from_name("OK"), TN_REASON_OK);
    assert_int_equal(tn_reason_from_name("SOMETHING_NEW"), TN_REASON_UNRECOGNISED);
    assert_int_equal(tn_reason_from_name(NULL), TN_REASON_UNRECOGNISED);
}

static void test_every_error_has_a_reason_that_is_the_same_error(void **state)
{
    (void)state;
    for (int i = 1; i < TN_ERR_INDEX_END; i++) {
        enum tn_reason reason = tn_reason_from_err(-i);
        struct tn_status status;

        assert_int_not_equal(reason, TN_REASON_OK);
        if (-i != TN_ERR_AGAIN) { /* which is no failure, and told as INTERNAL */
            assert_int_not_equal(reason, TN_REASON_INTERNAL);
            assert_int_equal(tn_reason_err(reason), -i);
        }
        assert_int_equal(tn_status_set_err(&status, -i), -i);
        assert_int_equal(status.reason, reason);
    }
    assert_int_equal(tn_reason_from_err(0), TN_REASON_OK);
    assert_int_equal(tn_reason_from_err(-10000), TN_REASON_INTERNAL);
}

static void test_codes_have_the_numbers_of_google_rpc(void **state)
{
    (void)state;
    assert_string_equal(tn_code_name(0), "OK");
    assert_string_equal(tn_code_name(5), "NOT_FOUND");
    assert_string_equal(tn_code_name(8), "RESOURCE_EXHAUSTED");
    assert_string_equal(tn_code_name(16), "UNAUTHENTICATED");
    assert_string_equal(tn_code_name(17), "UNKNOWN");
}

static void test_sentence_is_text_without_control_characters(void **state)
{
    static const char *const hostile[] = {
        "plain", "\x1b[2J",   "a\nb\r\tc\x7f", "\xff\xfe",
        "\xc3",  "\xc2\x9b[", "\xed\xa0\x80",  "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d",
    };
    struct tn_status status;

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(hostile); i++) {
        assert_int_equal(
            tn_status_setf(&status, TN_REASON_NAME_NOT_FOUND, "No name \"%s\".", hostile[i]),
            TN_ERR_NAME);
        assert_true(tn_utf8_is_valid(status.message, strlen(status.message)));
        for (const char *c = status.message; *c; c++)
            assert_false((unsigned char)*c < 0x20 || *c == 0x7f);
        assert_null(strstr(status.message, "\xc2\x9b"));
    }
    /* What is text, stays. */
    assert_string_equal(status.message, "No name \"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d\".");
}

static void test_sentence_too_long_is_cut_off_between_characters(void **state)
{
    struct tn_status status;
    char text[TN_STATUS_MESSAGE_SIZE * 2 + 1];

    (void)state;
    for (size_t start = 0; start < 3; start++) {
        memset(text, 'a', start);
        for (size_t i = start; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        (void)tn_status_setf(&status, TN_REASON_INVALID_ARGUMENT, "%s", text);
        assert_int_equal(strlen(status.message), TN_STATUS_MESSAGE_SIZE - 1);
        assert_true(tn_utf8_is_valid(status.message, strlen(status.message)));
    }
}

static void test_status_survives_the_wire(void **state)
{
    struct tn_status sent;
    struct tn_status received;
    Tenure__V1__Status wire;

    (void)state;
    (void)tn_status_setf(&sent, TN_REASON_MEMORY_LIMIT, "Full: %d bytes.", 42);
    tn_status_to_wire(&sent, &wire);
    assert_int_equal(wire.code, TN_CODE_RESOURCE_EXHAUSTED);
    assert_string_equal(wire.reason, "MEMORY_LIMIT");
    assert_int_equal(tn_status_from_wire(&wire, &received), TN_ERR_LIMIT);
    assert_int_equal(received.reason, TN_REASON_MEMORY_LIMIT);
    assert_int_equal(received.code, TN_CODE_RESOURCE_EXHAUSTED);
    assert_string_equal(received.message, "Full: 42 bytes.");

    assert_int_equal(tn_status_from_wire(NULL, &received), 0);
    assert_true(tn_status_is_ok(&received));
}

static void test_status_of_a_newer_server_keeps_its_code(void **state)
{
    char reason[] = "SOMETHING_NEW";
    char message[] = "It is new.";
    Tenure__V1__Status wire = TENURE__V1__STATUS__INIT;
    struct tn_status status;

    (void)state;
    wire.code = TN_CODE_PERMISSION_DENIED;
    wire.reason = reason;
    wire.message = message;
    assert_true(tn_status_from_wire(&wire, &status) < 0);
    assert_int_equal(status.reason, TN_REASON_UNRECOGNISED);
    assert_int_equal(status.code, TN_CODE_PERMISSION_DENIED);
    assert_string_equal(status.message, "It is new.");
    /* A failure stays one, whatever word comes with it. */
    memcpy(reason, "OK", 3);
    assert_true(tn_status_from_wire(&wire, &status) < 0);
    assert_false(tn_status_is_ok(&status));
}

static void test_set_without_a_status_returns_the_error(void **state)
{
    (void)state;
    assert_int_equal(tn_status_set(NULL, TN_REASON_KEY_NOT_FOUND), TN_ERR_KEY);
    assert_int_equal(tn_status_setf(NULL, TN_REASON_KEY_NOT_FOUND, "%d", 1), TN_ERR_KEY);
    assert_int_equal(tn_status_set_err(NULL, TN_ERR_TYPE), TN_ERR_TYPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_has_word_code_error_and_sentence),
        cmocka_unit_test(test_every_error_has_a_reason_that_is_the_same_error),
        cmocka_unit_test(test_codes_have_the_numbers_of_google_rpc),
        cmocka_unit_test(test_sentence_is_text_without_control_characters),
        cmocka_unit_test(test_sentence_too_long_is_cut_off_between_characters),
        cmocka_unit_test(test_status_survives_the_wire),
        cmocka_unit_test(test_status_of_a_newer_server_keeps_its_code),
        cmocka_unit_test(test_set_without_a_status_returns_the_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
