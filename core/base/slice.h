/* SPDX-License-Identifier: MIT */
/* A stretch of bytes that somebody else owns. May hold NUL; is not terminated. */
#ifndef TN_CORE_BASE_SLICE_H
#define TN_CORE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tn_slice {
    const void *data;
    size_t len; /* bytes */
};

#define TN_SLICE(ptr, n) ((struct tn_slice){ .data = (ptr), .len = (n) })
#define TN_SLICE_LITERAL(s) TN_SLICE("" s, sizeof(s) - 1)

static inline struct tn_slice tn_slice_from_str(const char *s)
{
    return TN_SLICE(s, strlen(s));
}

static inline bool tn_slice_equal(struct tn_slice a, struct tn_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool tn_slice_has_prefix(struct tn_slice s, struct tn_slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

#endif
