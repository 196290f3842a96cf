/* SPDX-License-Identifier: MIT */
/* Framing, and the buffer under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "proto/buffer.h"
#include "proto/frame.h"
#include "proto/varint.h"

#define MAX_BYTES ((size_t)1 << 20)

static int parse(const void *data, size_t len, struct tn_frame *ret_frame)
{
    return tn_frame_parse(data, len, MAX_BYTES, ret_frame, NULL);
}

static void test_parse_every_length_and_cut_asks_for_more(void **state)
{
    static const size_t lengths[] = { 0, 1, 127, 128, 300, 16383, 16384, 100000 };
    static uint8_t data[TN_FRAME_PREFIX_MAX + 100000 + 10];
    struct tn_frame frame;

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(lengths); i++) {
        size_t prefix = tn_frame_prefix_write(data, lengths[i]);

        assert_int_equal(prefix, tn_frame_prefix_size(lengths[i]));
        for (size_t cut = 0; cut < prefix; cut++) {
            assert_int_equal(parse(data, cut, &frame), TN_ERR_AGAIN);
            assert_int_equal(frame.offset, 0);
        }
        for (size_t cut = prefix; cut < prefix + lengths[i]; cut += 1 + lengths[i] / 50) {
            assert_int_equal(parse(data, cut, &frame), TN_ERR_AGAIN);
            assert_int_equal(frame.offset, prefix);
            assert_int_equal(frame.len, lengths[i]);
        }
        /* Exactly there, and with the beginning of the next one behind it. */
        for (size_t more = 0; more < 2; more++) {
            assert_int_equal(parse(data, prefix + lengths[i] + more, &frame), 0);
            assert_int_equal(frame.offset, prefix);
            assert_int_equal(frame.len, lengths[i]);
        }
    }
}

static void test_parse_empty_message_is_a_frame(void **state)
{
    static const uint8_t zero[] = { 0, 0 };
    struct tn_frame frame;

    (void)state;
    assert_int_equal(parse(zero, 2, &frame), 0);
    assert_int_equal(frame.offset, 1);
    assert_int_equal(frame.len, 0);
    assert_int_equal(parse(NULL, 0, &frame), TN_ERR_AGAIN);
}

static void test_parse_not_canonical_is_refused(void **state)
{
    static const uint8_t padded_zero[] = { 0x80, 0x00 };
    static const uint8_t padded_one[] = { 0x81, 0x80, 0x00 };
    static const uint8_t endless[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct tn_status status;
    struct tn_frame frame;

    (void)state;
    assert_int_equal(parse(padded_zero, sizeof(padded_zero), &frame), TN_ERR_MALFORMED);
    assert_int_equal(parse(padded_one, sizeof(padded_one), &frame), TN_ERR_MALFORMED);
    /* With the fifth byte it is certain, whatever comes after it. */
    assert_int_equal(parse(endless, 4, &frame), TN_ERR_AGAIN);
    assert_int_equal(tn_frame_parse(endless, 5, MAX_BYTES, &frame, &status), TN_ERR_MALFORMED);
    assert_int_equal(status.reason, TN_REASON_MALFORMED_FRAME);
    assert_int_equal(status.code, TN_CODE_INVALID_ARGUMENT);
    assert_non_null(strstr(status.message, "five bytes"));
}

static void test_parse_too_long_is_refused_with_the_prefix(void **state)
{
    static const uint8_t two_gigabytes[] = { 0x80, 0x80, 0x80, 0x80, 0x08 };
    static const uint8_t most[] = { 0xff, 0xff, 0xff, 0xff, 0x7f };
    uint8_t data[TN_FRAME_PREFIX_MAX];
    struct tn_status status;
    struct tn_frame frame;
    size_t n;

    (void)state;
    assert_int_equal(tn_frame_parse(two_gigabytes, 5, MAX_BYTES, &frame, &status), TN_ERR_TOO_BIG);
    assert_int_equal(status.reason, TN_REASON_FRAME_TOO_LARGE);
    assert_non_null(strstr(status.message, "2147483648 bytes"));
    assert_non_null(strstr(status.message, "1048576"));
    /* No configured limit goes beyond protobuf's own. */
    assert_int_equal(tn_frame_parse(two_gigabytes, 5, SIZE_MAX, &frame, NULL), TN_ERR_TOO_BIG);
    assert_int_equal(tn_frame_parse(most, 5, SIZE_MAX, &frame, NULL), TN_ERR_TOO_BIG);

    n = tn_frame_prefix_write(data, MAX_BYTES);
    assert_int_equal(parse(data, n, &frame), TN_ERR_AGAIN);
    n = tn_frame_prefix_write(data, MAX_BYTES + 1);
    assert_int_equal(parse(data, n, &frame), TN_ERR_TOO_BIG);
}

static void test_varint_every_magnitude_is_read_as_written(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit <= 64; bit++) {
        uint64_t high = bit == 64 ? UINT64_MAX : UINT64_C(1) << bit;
        const uint64_t values[] = { high - 1, high, high | 1 };

        for (size_t i = 0; i < TN_ARRAY_LEN(values); i++) {
            uint8_t data[TN_VARINT_BYTES_MAX];
            const uint8_t *end = tn_varint_write(data, values[i]);
            uint64_t value = ~values[i];

            assert_int_equal(end - data, tn_varint_size(values[i]));
            assert_ptr_equal(tn_varint_read(data, end, &value), end);
            assert_true(value == values[i]);
            assert_ptr_equal(tn_varint_read_trusted(data, &value), end);
            assert_true(value == values[i]);
            assert_null(tn_varint_read(data, end - 1, &value));
            assert_true(tn_zigzag(tn_unzigzag(values[i])) == values[i]);
        }
    }
    assert_true(tn_zigzag(0) == 0);
    assert_true(tn_zigzag(-1) == 1);
    assert_true(tn_zigzag(INT64_MIN) == UINT64_MAX);
}

static void test_varint_beyond_64_bits_is_refused(void **state)
{
    static const uint8_t eleven[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x00 };
    static const uint8_t ten[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 };
    uint64_t value;

    (void)state;
    assert_null(tn_varint_read(eleven, eleven + sizeof(eleven), &value));
    assert_null(tn_varint_read(ten, ten + sizeof(ten), &value));
}

static void test_write_of_unknown_length_is_the_canonical_frame(void **state)
{
    static const size_t lengths[] = { 0, 1, 100, 127, 128, 129, 20000 };
    static uint8_t body[20000];
    struct tn_frame_mark mark;
    struct tn_frame frame;
    struct tn_buffer buf;

    (void)state;
    memset(body, 0x5a, sizeof(body));
    for (size_t i = 0; i < TN_ARRAY_LEN(lengths); i++) {
        for (size_t j = 0; j < TN_ARRAY_LEN(lengths); j++) {
            tn_buffer_init(&buf, MAX_BYTES);
            assert_int_equal(tn_buffer_append(&buf, "gone", 4), 0);
            assert_int_equal(tn_buffer_append(&buf, "before", 6), 0);
            tn_buffer_consume(&buf, 4);
            assert_int_equal(tn_frame_begin(&buf, lengths[j], &mark), 0);
            assert_int_equal(tn_buffer_append(&buf, body, lengths[i]), 0);
            assert_int_equal(tn_frame_end(&buf, &mark, MAX_BYTES), 0);
            assert_int_equal(tn_buffer_append(&buf, "after", 5), 0);

            assert_memory_equal(tn_buffer_begin(&buf), "before", 6);
            tn_buffer_consume(&buf, 6);
            assert_int_equal(parse(tn_buffer_begin(&buf), tn_buffer_len(&buf), &frame), 0);
            assert_int_equal(frame.len, lengths[i]);
            assert_memory_equal(tn_buffer_begin(&buf) + frame.offset, body, lengths[i]);
            tn_buffer_consume(&buf, frame.offset + frame.len);
            assert_int_equal(tn_buffer_len(&buf), 5);
            assert_memory_equal(tn_buffer_begin(&buf), "after", 5);
            tn_buffer_fini(&buf);
        }
    }
}

static void test_write_too_long_leaves_the_buffer_as_it_was(void **state)
{
    static const uint8_t body[200];
    struct tn_frame_mark mark;
    struct tn_buffer buf;

    (void)state;
    tn_buffer_init(&buf, 6 + 1 + sizeof(body));
    assert_int_equal(tn_buffer_append(&buf, "before", 6), 0);
    assert_int_equal(tn_frame_begin(&buf, 10, &mark), 0);
    assert_int_equal(tn_buffer_append(&buf, body, sizeof(body)), 0);
    assert_int_equal(tn_frame_end(&buf, &mark, 100), TN_ERR_TOO_BIG);
    assert_int_equal(tn_buffer_len(&buf), 6);

    /* Within the limit, but the longer prefix has no room in the buffer. */
    assert_int_equal(tn_frame_begin(&buf, 10, &mark), 0);
    assert_int_equal(tn_buffer_append(&buf, body, sizeof(body)), 0);
    assert_int_equal(tn_frame_end(&buf, &mark, 1000), TN_ERR_TOO_BIG);
    assert_int_equal(tn_buffer_len(&buf), 6);

    assert_int_equal(tn_frame_begin(&buf, 10, &mark), 0);
    assert_int_equal(tn_buffer_append(&buf, body, 50), 0);
    tn_frame_abandon(&buf, &mark);
    assert_int_equal(tn_buffer_len(&buf), 6);
    assert_memory_equal(tn_buffer_begin(&buf), "before", 6);
    tn_buffer_fini(&buf);
}

/* A queue of numbers through a buffer much smaller than all of them together. */
static void test_buffer_used_as_queue_keeps_order_and_size(void **state)
{
    uint32_t n_in = 0;
    uint32_t n_out = 0;
    struct tn_buffer buf;

    (void)state;
    tn_buffer_init(&buf, 4096);
    while (n_out < 100000) {
        for (unsigned i = 0; i < 1 + n_out % 700; i++) {
            if (tn_buffer_append(&buf, &n_in, sizeof(n_in)) < 0)
                break;
            n_in++;
        }
        for (unsigned i = 0; i < 1 + n_in % 300 && n_out < n_in; i++) {
            uint32_t number;

            memcpy(&number, tn_buffer_begin(&buf), sizeof(number));
            assert_int_equal(number, n_out);
            tn_buffer_consume(&buf, sizeof(number));
            n_out++;
        }
        assert_true(buf.head <= buf.tail && buf.tail <= buf.cap && buf.cap <= buf.max);
        assert_int_equal(tn_buffer_len(&buf), (n_in - n_out) * sizeof(uint32_t));
    }
    tn_buffer_fini(&buf);
}

static void test_buffer_full_refuses_and_is_unchanged(void **state)
{
    static const uint8_t bytes[1000];
    struct tn_buffer buf;

    (void)state;
    tn_buffer_init(&buf, sizeof(bytes));
    assert_int_equal(tn_buffer_append(&buf, bytes, sizeof(bytes) - 1), 0);
    assert_int_equal(tn_buffer_append(&buf, bytes, 2), TN_ERR_TOO_BIG);
    assert_int_equal(tn_buffer_reserve(&buf, SIZE_MAX), TN_ERR_TOO_BIG);
    assert_int_equal(tn_buffer_len(&buf), sizeof(bytes) - 1);
    assert_int_equal(tn_buffer_append(&buf, bytes, 1), 0);
    /* What is consumed makes room, although nothing more may be allocated. */
    tn_buffer_consume(&buf, 3);
    assert_int_equal(tn_buffer_append(&buf, "xyz", 3), 0);
    assert_int_equal(tn_buffer_len(&buf), sizeof(bytes));
    assert_memory_equal(tn_buffer_end(&buf) - 3, "xyz", 3);
    tn_buffer_fini(&buf);
}

static void test_buffer_trim_gives_back_what_is_empty_and_large(void **state)
{
    static const uint8_t bytes[5000];
    struct tn_buffer buf;

    (void)state;
    tn_buffer_init(&buf, MAX_BYTES);
    assert_null(tn_buffer_begin(&buf));
    assert_int_equal(tn_buffer_append(&buf, bytes, sizeof(bytes)), 0);
    tn_buffer_trim(&buf, 1000); /* not empty */
    assert_int_equal(tn_buffer_len(&buf), sizeof(bytes));
    tn_buffer_consume(&buf, sizeof(bytes));
    tn_buffer_trim(&buf, 100000); /* not large */
    assert_true(buf.cap >= sizeof(bytes));
    tn_buffer_trim(&buf, 1000);
    assert_int_equal(buf.cap, 0);
    assert_int_equal(tn_buffer_append(&buf, bytes, 1), 0);
    tn_buffer_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_every_length_and_cut_asks_for_more),
        cmocka_unit_test(test_parse_empty_message_is_a_frame),
        cmocka_unit_test(test_parse_not_canonical_is_refused),
        cmocka_unit_test(test_parse_too_long_is_refused_with_the_prefix),
        cmocka_unit_test(test_varint_every_magnitude_is_read_as_written),
        cmocka_unit_test(test_varint_beyond_64_bits_is_refused),
        cmocka_unit_test(test_write_of_unknown_length_is_the_canonical_frame),
        cmocka_unit_test(test_write_too_long_leaves_the_buffer_as_it_was),
        cmocka_unit_test(test_buffer_used_as_queue_keeps_order_and_size),
        cmocka_unit_test(test_buffer_full_refuses_and_is_unchanged),
        cmocka_unit_test(test_buffer_trim_gives_back_what_is_empty_and_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
