/* SPDX-License-Identifier: MIT */
/* Encoding protobuf by hand, for messages that no encoder would write. */
#ifndef TN_TESTS_SUPPORT_WIRE_H
#define TN_TESTS_SUPPORT_WIRE_H

#include <stdint.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/slice.h"
#include "proto/buffer.h"
#include "proto/varint.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP_BEGIN = 3,
    WIRE_GROUP_END = 4,
    WIRE_FIXED32 = 5,
};

static inline void wire_raw(struct tn_buffer *buf, const void *data, size_t len)
{
    int r = tn_buffer_append(buf, data, len);

    TN_ASSERT(r == 0);
}

static inline void wire_varint(struct tn_buffer *buf, uint64_t value)
{
    uint8_t bytes[TN_VARINT_BYTES_MAX];

    wire_raw(buf, bytes, (size_t)(tn_varint_write(bytes, value) - bytes));
}

static inline void wire_tag(struct tn_buffer *buf, uint32_t number, enum wire_type type)
{
    wire_varint(buf, (uint64_t)number << 3 | type);
}

static inline void wire_number(struct tn_buffer *buf, uint32_t number, uint64_t value)
{
    wire_tag(buf, number, WIRE_VARINT);
    wire_varint(buf, value);
}

static inline void wire_bytes(struct tn_buffer *buf, uint32_t number, const void *data, size_t len)
{
    wire_tag(buf, number, WIRE_BYTES);
    wire_varint(buf, len);
    wire_raw(buf, data, len);
}

/* A message whose fields are what `inner` holds, which is emptied. */
static inline void wire_message(struct tn_buffer *buf, uint32_t number, struct tn_buffer *inner)
{
    wire_bytes(buf, number, tn_buffer_begin(inner), tn_buffer_len(inner));
    tn_buffer_consume(inner, tn_buffer_len(inner));
}

static inline struct tn_slice wire_slice(const struct tn_buffer *buf)
{
    return TN_SLICE(tn_buffer_begin(buf), tn_buffer_len(buf));
}

#endif
