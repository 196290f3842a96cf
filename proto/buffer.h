/* SPDX-License-Identifier: MIT */
/*
 * A buffer of bytes that are appended at its end and consumed from its front.
 *
 * Invariant: head <= tail <= cap <= max; [head, tail) is what has been appended
 * and not yet consumed; data is NULL exactly if cap is 0.
 * Pointers into a buffer are valid until something is appended or reserved.
 * Threads: one at a time.
 */
#ifndef TN_PROTO_BUFFER_H
#define TN_PROTO_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/check.h"

struct tn_buffer {
    uint8_t *data;
    size_t head;
    size_t tail;
    size_t cap;
    size_t max; /* never holds more bytes than this */
};

/* An empty buffer; allocates nothing yet. */
static inline void tn_buffer_init(struct tn_buffer *buf, size_t max_bytes)
{
    *buf = (struct tn_buffer){ .max = max_bytes };
}

/* Frees the memory; the buffer is empty and can be used again. */
void tn_buffer_fini(struct tn_buffer *buf);

static inline size_t tn_buffer_len(const struct tn_buffer *buf)
{
    return buf->tail - buf->head;
}

/* What has been appended and not consumed; NULL if nothing ever was. */
static inline const uint8_t *tn_buffer_begin(const struct tn_buffer *buf)
{
    return buf->data ? buf->data + buf->head : NULL;
}

/* Where the next byte goes; tn_buffer_room() bytes may be written there. */
static inline uint8_t *tn_buffer_end(struct tn_buffer *buf)
{
    return buf->data ? buf->data + buf->tail : NULL;
}

static inline size_t tn_buffer_room(const struct tn_buffer *buf)
{
    return buf->cap - buf->tail;
}

/* The out-of-line half of tn_buffer_reserve(). */
TN_MUST_CHECK int tn_buffer_reserve_slow(struct tn_buffer *buf, size_t n_bytes);

/*
 * Makes room for `n_bytes` behind the end, by moving what is there to the front
 * or by growing at least by half. Fails with TN_ERR_TOO_BIG if the buffer would
 * hold more than its maximum, or TN_ERR_NOMEM; it is unchanged then.
 */
TN_MUST_CHECK static inline int tn_buffer_reserve(struct tn_buffer *buf, size_t n_bytes)
{
    if (TN_LIKELY(tn_buffer_room(buf) >= n_bytes))
        return 0;
    return tn_buffer_reserve_slow(buf, n_bytes);
}

/* Bytes that were written at the end, into room reserved before, now count. */
static inline void tn_buffer_commit(struct tn_buffer *buf, size_t n_bytes)
{
    TN_DEBUG_ASSERT(n_bytes <= tn_buffer_room(buf));
    buf->tail += n_bytes;
}

/* Appends a copy. Fails as tn_buffer_reserve() does. */
TN_MUST_CHECK int tn_buffer_append(struct tn_buffer *buf, const void *data, size_t n_bytes);

/* Drops bytes from the front; there must be as many. */
static inline void tn_buffer_consume(struct tn_buffer *buf, size_t n_bytes)
{
    TN_ASSERT(n_bytes <= tn_buffer_len(buf));
    buf->head += n_bytes;
    if (buf->head == buf->tail)
        buf->head = buf->tail = 0;
}

/* Gives memory back if the buffer is empty and occupies more than `keep_bytes`,
 * so that one large message does not cost its connection memory for ever. */
void tn_buffer_trim(struct tn_buffer *buf, size_t keep_bytes);

#endif
