/* SPDX-License-Identifier: MIT */
/*
 * Framing: what every prefix of the input says must agree with what more of it
 * says, and what is accepted is written back as the same bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES ((size_t)100000)

/* The input as it arrives, a few bytes at a time, until it is a frame or refused. */
static int parse_piecewise(const uint8_t *data, size_t size, struct tn_frame *ret_frame)
{
    struct tn_frame known = { 0 };
    size_t len = 0;

    for (;;) {
        int r = tn_frame_parse(data, len, MAX_BYTES, ret_frame, NULL);

        if (r != TN_ERR_AGAIN || len == size)
            return r;
        if (known.offset != 0)
            TN_ASSERT(known.offset == ret_frame->offset && known.len == ret_frame->len);
        if (ret_frame->offset != 0)
            TN_ASSERT(len < ret_frame->offset + ret_frame->len);
        known = *ret_frame;
        len += len < 16 || size - len < 99 ? 1 : 99;
    }
}

static void check_written(const uint8_t *message, size_t len, const uint8_t *frame, size_t expected)
{
    struct tn_frame_mark mark;
    struct tn_buffer buf;
    int r;

    tn_buffer_init(&buf, 2 * MAX_BYTES);
    r = tn_frame_begin(&buf, expected, &mark);
    TN_ASSERT(r == 0);
    r = tn_buffer_append(&buf, message, len);
    TN_ASSERT(r == 0);
    r = tn_frame_end(&buf, &mark, MAX_BYTES);
    TN_ASSERT(r == 0);
    TN_ASSERT(tn_buffer_len(&buf) == (size_t)(message - frame) + len);
    TN_ASSERT(memcmp(tn_buffer_begin(&buf), frame, tn_buffer_len(&buf)) == 0);
    tn_buffer_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tn_frame whole = { 0 };
    struct tn_frame pieces = { 0 };
    struct tn_status status;
    int r;

    while (size > 0) {
        tn_status_clear(&status);
        r = tn_frame_parse(data, size, MAX_BYTES, &whole, &status);
        TN_ASSERT(r == parse_piecewise(data, size, &pieces));
        TN_ASSERT(tn_status_is_ok(&status) == (r == 0 || r == TN_ERR_AGAIN));
        if (r < 0)
            break;
        TN_ASSERT(whole.offset == pieces.offset && whole.len == pieces.len);
        TN_ASSERT(whole.offset + whole.len <= size && whole.len <= MAX_BYTES);
        check_written(data + whole.offset, whole.len, data, whole.len);
        check_written(data + whole.offset, whole.len, data, size);
        data += whole.offset + whole.len;
        size -= whole.offset + whole.len;
    }
    return 0;
}
