/* SPDX-License-Identifier: MIT */
/* Varints: seven bits a byte, the lowest first, the top bit on all but the last. */
#ifndef TN_PROTO_VARINT_H
#define TN_PROTO_VARINT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

#define TN_VARINT_BYTES_MAX 10

/* Bytes of the shortest form: one for each seven significant bits, one for 0. */
static inline size_t tn_varint_size(uint64_t value)
{
    return ((size_t)(63 - __builtin_clzll((unsigned long long)value | 1)) * 9 + 73) / 64;
}

/* Writes the shortest form; returns the position behind it. */
static inline uint8_t *tn_varint_write(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

/* The position behind the varint at `at`, not necessarily of the shortest form; NULL,
 * and nothing written, if it does not end before `end` or has more than 64 bits. */
static inline const uint8_t *tn_varint_read(const uint8_t *at, const uint8_t *end,
                                            uint64_t *ret_value)
{
    uint64_t value = 0;
    unsigned shift = 0;

    if (TN_LIKELY(at < end && *at < 0x80)) {
        *ret_value = *at;
        return at + 1;
    }
    for (; at < end; shift += 7) {
        uint64_t bits = *at & 0x7f;

        if (shift == 63 && *at > 1)
            return NULL;
        value |= bits << shift;
        if (*at++ < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return NULL;
}

/* The same of one that is known to be whole. */
static inline const uint8_t *tn_varint_read_trusted(const uint8_t *at, uint64_t *ret_value)
{
    uint64_t value = *at;
    unsigned shift = 7;

    if (TN_UNLIKELY(value >= 0x80)) {
        value &= 0x7f;
        do {
            at++;
            value |= (uint64_t)(*at & 0x7f) << shift;
            shift += 7;
        } while (*at >= 0x80);
    }
    *ret_value = value;
    return at + 1;
}

/* Signed numbers with small magnitudes become small: 0, -1, 1, -2, 2, ... */
static inline uint64_t tn_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t tn_unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

#endif
