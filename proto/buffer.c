/* SPDX-License-Identifier: MIT */
/* See buffer.h: the paths that move or allocate. */
#include "proto/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"

/* Below this a buffer does not begin; a few small answers fit. */
#define BUFFER_BYTES_MIN ((size_t)512)

void tn_buffer_fini(struct tn_buffer *buf)
{
    free(buf->data);
    tn_buffer_init(buf, buf->max);
}

static void move_to_front(struct tn_buffer *buf)
{
    if (buf->head == 0)
        return;
    memmove(buf->data, buf->data + buf->head, tn_buffer_len(buf));
    buf->tail -= buf->head;
    buf->head = 0;
}

int tn_buffer_reserve_slow(struct tn_buffer *buf, size_t n_bytes)
{
    size_t needed;
    size_t cap;
    uint8_t *data;

    if (__builtin_add_overflow(tn_buffer_len(buf), n_bytes, &needed) || needed > buf->max)
        return TN_ERR_TOO_BIG;

    /* Moving pays only if it moves less than it frees; otherwise a buffer that
     * is nearly full would be moved again for every few bytes appended. */
    if (needed <= buf->cap && tn_buffer_len(buf) <= buf->head) {
        move_to_front(buf);
        return 0;
    }

    cap = buf->cap + buf->cap / 2;
    if (cap < BUFFER_BYTES_MIN)
        cap = BUFFER_BYTES_MIN;
    if (cap < needed)
        cap = needed;
    if (cap > buf->max)
        cap = buf->max;
    if (cap > buf->cap) {
        data = realloc(buf->data, cap);
        if (!data)
            return TN_ERR_NOMEM;
        buf->data = data;
        buf->cap = cap;
    }
    if (tn_buffer_room(buf) < n_bytes)
        move_to_front(buf);
    return 0;
}

int tn_buffer_append(struct tn_buffer *buf, const void *data, size_t n_bytes)
{
    int r;

    if (n_bytes == 0)
        return 0;
    r = tn_buffer_reserve(buf, n_bytes);
    if (r < 0)
        return r;
    memcpy(tn_buffer_end(buf), data, n_bytes);
    tn_buffer_commit(buf, n_bytes);
    return 0;
}

void tn_buffer_trim(struct tn_buffer *buf, size_t keep_bytes)
{
    if (buf->cap > keep_bytes && tn_buffer_len(buf) == 0)
        tn_buffer_fini(buf);
}
