/* SPDX-License-Identifier: MIT */
/*
 * The pre-scan: a look at an encoded message before anything is built from it.
 *
 * A parser builds whatever it is told to. protobuf-c 1.4.1 keeps unknown fields,
 * one allocation each, makes as many empty messages as are asked of it, recurses
 * for every level, takes a bool of any wire type, and merges a field that comes
 * twice: 1 MiB of input costs it 60 MB. The pre-scan walks the bytes along the
 * message's descriptors, once, without recursion and without allocating, refuses
 * all of that, and adds up what the rest will cost.
 *
 * A message that passes:
 *  - consists of known fields of the right wire type, none truncated, with
 *    every varint within its type and every string valid UTF-8 without NUL;
 *  - has no singular field and no oneof more than once (no encoder writes that);
 *  - is within the limits;
 *  - is unpacked with at most `arena_bytes` of a tn_arena, and without fail.
 */
#ifndef TN_PROTO_SCAN_H
#define TN_PROTO_SCAN_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "proto/status.h"

struct tn_scan_limits {
    unsigned max_depth;     /* levels of messages, the outermost is one; at most 16 count */
    size_t max_fields;      /* in all messages; a packed column is one */
    size_t max_messages;    /* the outermost included */
    size_t max_elements;    /* of packed columns, in all messages */
    size_t max_arena_bytes; /* that unpacking may need */
};

/* Fit for requests of a few megabytes: columns are cheap, messages are not. */
#define TN_SCAN_LIMITS_DEFAULT                                                                     \
    {                                                                                              \
        .max_depth = 8, .max_fields = 262144, .max_messages = 65536,                               \
        .max_elements = (size_t)64 << 20, .max_arena_bytes = (size_t)256 << 20                     \
    }

struct tn_scan_info {
    size_t arena_bytes; /* no less than unpacking takes from a tn_arena */
    size_t n_fields;
    size_t n_messages;
    size_t n_elements;
    unsigned depth;
};

/*
 * Scans a message of type `desc`, in time linear in its length. `ret_info` (may
 * be NULL) is written on success only; `ret_status` (may be NULL) on failure
 * only, and says which field, at which byte, is wrong in what way.
 *
 * TN_ERR_MALFORMED (reasons MALFORMED_MESSAGE, UNKNOWN_FIELD), TN_ERR_UTF8,
 * TN_ERR_TOO_DEEP, TN_ERR_TOO_MANY (TOO_MANY_FIELDS), TN_ERR_LIMIT
 * (MESSAGE_TOO_COSTLY). Any thread; does not block.
 */
TN_MUST_CHECK int tn_scan(const ProtobufCMessageDescriptor *desc, struct tn_slice message,
                          const struct tn_scan_limits *limits, struct tn_scan_info *ret_info,
                          struct tn_status *ret_status);

#endif
