/* SPDX-License-Identifier: MIT */
/* See frame.h. */
#include "proto/frame.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"

static int malformed(struct tn_status *ret_status, const char *how)
{
    return tn_status_setf(ret_status, TN_REASON_MALFORMED_FRAME,
                          "The length in front of a message %s; send protobuf's delimited framing.",
                          how);
}

int tn_frame_parse(const void *data, size_t len, size_t max_bytes, struct tn_frame *ret_frame,
                   struct tn_status *ret_status)
{
    const uint8_t *bytes = data;
    uint64_t length = 0;
    size_t n = 0;

    *ret_frame = (struct tn_frame){ 0 };
    do {
        if (n == TN_FRAME_PREFIX_MAX)
            return malformed(ret_status, "has more than five bytes");
        if (n == len)
            return TN_ERR_AGAIN;
        length |= (uint64_t)(bytes[n] & 0x7f) << (7 * n);
    } while (bytes[n++] >= 0x80);

    if (n > 1 && bytes[n - 1] == 0)
        return malformed(ret_status, "is not in its shortest form");
    if (max_bytes > TN_FRAME_BYTES_MAX)
        max_bytes = TN_FRAME_BYTES_MAX;
    if (length > max_bytes)
        return tn_status_setf(ret_status, TN_REASON_FRAME_TOO_LARGE,
                              "A message of %llu bytes is announced, but at most %zu are accepted; "
                              "send less at a time.",
                              (unsigned long long)length, max_bytes);

    ret_frame->offset = n;
    ret_frame->len = (size_t)length;
    return len - n < length ? TN_ERR_AGAIN : 0;
}

int tn_frame_begin(struct tn_buffer *buf, size_t expected_len, struct tn_frame_mark *ret_mark)
{
    size_t prefix;
    int r;

    if (expected_len > TN_FRAME_BYTES_MAX)
        expected_len = TN_FRAME_BYTES_MAX;
    prefix = tn_frame_prefix_size(expected_len);
    r = tn_buffer_reserve(buf, prefix);
    if (r < 0)
        return r;
    *ret_mark = (struct tn_frame_mark){ .start = tn_buffer_len(buf), .prefix = prefix };
    memset(tn_buffer_end(buf), 0, prefix); /* nobody will see it, but it is never undefined */
    tn_buffer_commit(buf, prefix);
    return 0;
}

int tn_frame_end(struct tn_buffer *buf, const struct tn_frame_mark *mark, size_t max_bytes)
{
    size_t len;
    size_t prefix;
    uint8_t *start;
    int r;

    TN_ASSERT(mark->start + mark->prefix <= tn_buffer_len(buf));
    len = tn_buffer_len(buf) - mark->start - mark->prefix;
    if (len > max_bytes || len > TN_FRAME_BYTES_MAX) {
        tn_frame_abandon(buf, mark);
        return TN_ERR_TOO_BIG;
    }

    prefix = tn_frame_prefix_size(len);
    if (prefix > mark->prefix) {
        r = tn_buffer_reserve(buf, prefix - mark->prefix);
        if (r < 0) {
            tn_frame_abandon(buf, mark);
            return r;
        }
    }
    start = buf->data + buf->head + mark->start;
    if (prefix != mark->prefix) {
        memmove(start + prefix, start + mark->prefix, len);
        buf->tail = buf->head + mark->start + prefix + len;
    }
    (void)tn_frame_prefix_write(start, len); /* writes `prefix` bytes */
    return 0;
}

void tn_frame_abandon(struct tn_buffer *buf, const struct tn_frame_mark *mark)
{
    TN_ASSERT(mark->start <= tn_buffer_len(buf));
    buf->tail = buf->head + mark->start;
}
