/* SPDX-License-Identifier: MIT */
/* Whether text is text. */
#ifndef TN_PROTO_UTF8_H
#define TN_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The number of bytes at the beginning of `data` that are valid UTF-8: `len` if
 * all are. Valid as RFC 3629 has it: shortest forms only, no surrogates, nothing
 * above U+10FFFF. NUL is valid. Any thread; linear, eight ASCII bytes a step.
 */
size_t tn_utf8_valid_prefix(const void *data, size_t len);

static inline bool tn_utf8_is_valid(const void *data, size_t len)
{
    return tn_utf8_valid_prefix(data, len) == len;
}

/* Whether every byte is below 0x80. */
bool tn_utf8_is_ascii(const void *data, size_t len);

#endif
