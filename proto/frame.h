/* SPDX-License-Identifier: MIT */
/*
 * Delimited framing: in front of each message stands its length as a varint.
 *
 * It is what parseDelimitedFrom and its relatives in every protobuf runtime
 * read and write. We insist on the shortest form of the length and on a maximum
 * that is checked before anything is allocated, and as soon as the length is
 * there: an endless or a 2 GB frame fails with its first bytes.
 *
 * A message of length 0 is a frame like any other; what it means is not decided
 * here. Threads: any; nothing here has a state.
 */
#ifndef TN_PROTO_FRAME_H
#define TN_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "proto/buffer.h"
#include "proto/status.h"

/* Bytes of the longest length prefix. */
#define TN_FRAME_PREFIX_MAX ((size_t)5)

/* No message is longer, whatever is configured: protobuf's own limit. */
#define TN_FRAME_BYTES_MAX ((size_t)INT32_MAX)

struct tn_frame {
    size_t offset; /* of the message, in what was parsed: the bytes of the prefix */
    size_t len;    /* of the message */
};

/*
 * Looks for a frame at the beginning of `data`.
 *
 * 0: `ret_frame` says where the message is; the frame ends at offset + len.
 * TN_ERR_AGAIN: not complete. `ret_frame` says what is known: if offset is not
 *   0, then offset + len bytes will be needed; if it is, at least one more.
 *   Call again with the same beginning when there is more; it costs as little.
 * TN_ERR_MALFORMED: the length is not a canonical varint. TN_ERR_TOO_BIG: the
 *   message is longer than `max_bytes` (at most TN_FRAME_BYTES_MAX counts). The
 *   stream cannot be read any further. `ret_status` says so in words; may be NULL.
 */
TN_MUST_CHECK int tn_frame_parse(const void *data, size_t len, size_t max_bytes,
                                 struct tn_frame *ret_frame, struct tn_status *ret_status);

/* Bytes of the prefix of a message of `len` bytes (at most TN_FRAME_BYTES_MAX). */
static inline size_t tn_frame_prefix_size(size_t len)
{
    /* One for each seven significant bits, and one for the number 0. */
    return ((size_t)(63 - __builtin_clzll((unsigned long long)len | 1)) * 9 + 73) / 64;
}

/* Writes the prefix of a message of `len` bytes; returns its size. */
static inline size_t tn_frame_prefix_write(uint8_t *out, size_t len)
{
    size_t n = 0;

    while (len >= 0x80) {
        out[n++] = (uint8_t)(len | 0x80);
        len >>= 7;
    }
    out[n++] = (uint8_t)len;
    return n;
}

/*
 * Writing a frame whose length is known only afterwards: tn_frame_begin(), then
 * append the message to the buffer, then tn_frame_end(). The message is moved by
 * a byte or two if `expected_len` was of another magnitude than its length.
 * Between the two, nothing may be consumed from the buffer.
 */
struct tn_frame_mark {
    size_t start;  /* of the prefix, counted from the buffer's head */
    size_t prefix; /* bytes reserved for it */
};

/* Fails as tn_buffer_reserve() does; the buffer is unchanged then. */
TN_MUST_CHECK int tn_frame_begin(struct tn_buffer *buf, size_t expected_len,
                                 struct tn_frame_mark *ret_mark);

/* Fails as tn_buffer_reserve() does, or with TN_ERR_TOO_BIG if the message is
 * longer than `max_bytes`. The buffer is then as it was before tn_frame_begin(). */
TN_MUST_CHECK int tn_frame_end(struct tn_buffer *buf, const struct tn_frame_mark *mark,
                               size_t max_bytes);

/* Forgets the frame that was begun: the buffer is as it was before. */
void tn_frame_abandon(struct tn_buffer *buf, const struct tn_frame_mark *mark);

#endif
