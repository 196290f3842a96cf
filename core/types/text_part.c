/* SPDX-License-Identifier: MIT */
/* Slices of str, which count code points, and of bytes. */
#include <string.h>

#include "core/base/check.h"
#include "core/types/text.h"
#include "core/types/types_internal.h"

/* What is put together before it becomes an object. */
struct part {
    struct tn_buffer buffer; /* first */
    unsigned char bytes[];
};

/* Bytes of the code point that begins with this one. */
static size_t code_point_bytes(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The byte at which code point number `n` behind `at` begins. */
static const unsigned char *skip(const unsigned char *at, uint64_t n)
{
    for (; n > 0; n--)
        at += code_point_bytes(*at);
    return at;
}

static int make(struct tn_mutator *mu, uint8_t type, struct tn_slice content,
                struct tn_object **ret_text)
{
    return type == TN_TYPE_STR ? tn_str_new(mu, content, ret_text)
                               : tn_bytes_new(mu, content, ret_text);
}

/* Copies the code points of a stride, the last one first if it goes down. They are
 * looked for from the front. Returns where they begin in `to`, which has `size` bytes. */
static struct tn_slice copy_code_points(const unsigned char *content,
                                        const struct tn_stride *stride, unsigned char *to,
                                        size_t size)
{
    struct tn_stride up = tn_stride_ascending(stride);
    bool is_reversed = stride->step < 0;
    const unsigned char *at = skip(content, up.first);
    size_t len = 0;

    for (uint64_t i = 0; i < up.n; i++) {
        size_t n = code_point_bytes(*at);

        memcpy(is_reversed ? to + size - len - n : to + len, at, n);
        len += n;
        if (i + 1 < up.n)
            at = skip(at, (uint64_t)up.step);
    }
    return TN_SLICE(is_reversed ? to + size - len : to, len);
}

static struct tn_slice copy_bytes(const unsigned char *content, const struct tn_stride *stride,
                                  unsigned char *to)
{
    for (uint64_t i = 0; i < stride->n; i++)
        to[i] = content[tn_stride_at(stride, i)];
    return TN_SLICE(to, (size_t)stride->n);
}

int tn_text_part(struct tn_mutator *mu, const struct tn_object *o, const struct tn_slicing *slicing,
                 struct tn_object **ret_text)
{
    struct tn_slice whole = tn_text_slice(o);
    const unsigned char *content = whole.data;
    uint64_t length = tn_type_of(o)->length(o);
    bool is_bytewise = length == whole.len;
    struct tn_stride stride;
    struct tn_buffer *buffer;
    struct tn_slice copied;
    struct part *part;
    size_t size;
    int r = tn_slicing_resolve(slicing, length, &stride);

    if (r < 0)
        return r;
    if (stride.n == 0)
        return make(mu, o->type, TN_SLICE(content, 0), ret_text);
    if (stride.step == 1) {
        const unsigned char *begin =
            is_bytewise ? content + stride.first : skip(content, stride.first);
        const unsigned char *end = is_bytewise ? begin + stride.n : skip(begin, stride.n);

        return make(mu, o->type, TN_SLICE(begin, (size_t)(end - begin)), ret_text);
    }
    size = is_bytewise ? (size_t)stride.n : whole.len;
    r = tn_buffer_new(mu, sizeof(*part) + size, &buffer);
    if (r < 0)
        return r;
    part = TN_CONTAINER_OF(buffer, struct part, buffer);
    copied = is_bytewise ? copy_bytes(content, &stride, part->bytes)
                         : copy_code_points(content, &stride, part->bytes, size);
    r = make(mu, o->type, copied, ret_text);
    tn_buffer_free(mu, buffer);
    return r;
}
