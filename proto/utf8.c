/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 by the table of RFC 3629: the first byte says how many follow and in
 * which range the second one lies; that range alone excludes overlong forms,
 * surrogates and what is above U+10FFFF. All further bytes are 80..BF.
 */
#include "proto/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t load_8(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static inline bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the character at `at`, which is not ASCII; 0 if it is not valid. */
static size_t character(const uint8_t *at, size_t len)
{
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    uint8_t first = at[0];
    size_t n;

    if (first < 0xc2 || first > 0xf4) /* a continuation, C0 and C1 (overlong), F5.. */
        return 0;
    if (first < 0xe0) {
        n = 2;
    } else if (first < 0xf0) {
        n = 3;
        low = first == 0xe0 ? 0xa0 : low;   /* below: overlong */
        high = first == 0xed ? 0x9f : high; /* above: surrogates */
    } else {
        n = 4;
        low = first == 0xf0 ? 0x90 : low;   /* below: overlong */
        high = first == 0xf4 ? 0x8f : high; /* above: beyond U+10FFFF */
    }

    if (len < n || at[1] < low || at[1] > high)
        return 0;
    if (n > 2 && !is_continuation(at[2]))
        return 0;
    if (n > 3 && !is_continuation(at[3]))
        return 0;
    return n;
}

size_t tn_utf8_valid_prefix(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    size_t at = 0;

    while (at < len) {
        size_t n;

        if (bytes[at] < 0x80) {
            while (len - at >= 8 && (load_8(bytes + at) & HIGH_BITS) == 0)
                at += 8;
            while (at < len && bytes[at] < 0x80)
                at++;
            continue;
        }
        n = character(bytes + at, len - at);
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

bool tn_utf8_is_ascii(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    size_t at = 0;

    for (; len - at >= 32; at += 32) {
        uint64_t high = load_8(bytes + at) | load_8(bytes + at + 8) | load_8(bytes + at + 16) |
                        load_8(bytes + at + 24);

        if ((high & HIGH_BITS) != 0)
            return false;
    }
    for (; len - at >= 8; at += 8) {
        if ((load_8(bytes + at) & HIGH_BITS) != 0)
            return false;
    }
    for (; at < len; at++) {
        if (bytes[at] >= 0x80)
            return false;
    }
    return true;
}
