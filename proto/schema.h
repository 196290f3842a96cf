/* SPDX-License-Identifier: MIT */
/*
 * What scanning, unpacking and packing share: how protobuf-c's descriptors are
 * read, and what they rely on in a schema beyond what proto3 guarantees.
 */
#ifndef TN_PROTO_SCHEMA_H
#define TN_PROTO_SCHEMA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

/* The most levels of messages in a schema; the outermost is one. */
#define TN_SCHEMA_DEPTH_MAX 16

/* The largest struct of a message. */
#define TN_SCHEMA_STRUCT_BYTES_MAX 1024

/* What a type looks like on the wire and in a struct. */
struct tn_schema_type {
    uint8_t wire;       /* ProtobufCWireType */
    uint8_t size;       /* in an array */
    bool may_be_signed; /* on the wire a negative number has 64 bits */
    uint64_t max;       /* of a varint that is not such a negative number */
};

/* By ProtobufCType. */
extern const struct tn_schema_type tn_schema_types[];

/* A group's wire types, which protobuf-c has no names for. */
#define TN_SCHEMA_WIRE_GROUP_BEGIN 3u
#define TN_SCHEMA_WIRE_GROUP_END 4u

/* Whether several fit into one length-prefixed field. */
static inline bool tn_schema_is_packable(ProtobufCType type)
{
    return tn_schema_types[type].wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

static inline bool tn_schema_is_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* The field with this number, or NULL. Few ranges are the rule: the numbers of a
 * message are nearly contiguous. */
static inline const ProtobufCFieldDescriptor *
tn_schema_find_field(const ProtobufCMessageDescriptor *desc, uint32_t number)
{
    const ProtobufCIntRange *range = desc->field_ranges;

    if (desc->n_field_ranges > 4)
        return protobuf_c_message_descriptor_get_field(desc, number);
    for (unsigned i = 0; i < desc->n_field_ranges; i++, range++) {
        uint32_t nth = number - (uint32_t)range->start_value;

        if (nth < range[1].orig_index - range->orig_index)
            return &desc->fields[range->orig_index + nth];
    }
    return NULL;
}

/*
 * NULL if messages of this type, and those inside it, can be scanned, packed and
 * unpacked here; otherwise a sentence that says what stands against it. For the
 * tests of a schema: nothing else calls it, everything else relies on it.
 *
 * No type is inside itself, and no more than TN_SCHEMA_DEPTH_MAX are in each
 * other. No struct is larger than TN_SCHEMA_STRUCT_BYTES_MAX. No field is
 * `optional` or has a default; all repeated numbers are packed. A message has at
 * most one oneof; its members are messages and have the highest field numbers.
 */
const char *tn_schema_objection(const ProtobufCMessageDescriptor *desc);

#endif
