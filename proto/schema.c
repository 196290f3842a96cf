/* SPDX-License-Identifier: MIT */
/* See schema.h. */
#include "proto/schema.h"

#define VARINT PROTOBUF_C_WIRE_TYPE_VARINT
#define FIXED32 PROTOBUF_C_WIRE_TYPE_32BIT
#define FIXED64 PROTOBUF_C_WIRE_TYPE_64BIT
#define LENGTH PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED

const struct tn_schema_type tn_schema_types[] = {
    [PROTOBUF_C_TYPE_INT32] = { VARINT, 4, true, UINT32_MAX },
    [PROTOBUF_C_TYPE_SINT32] = { VARINT, 4, false, UINT32_MAX },
    [PROTOBUF_C_TYPE_SFIXED32] = { FIXED32, 4, false, 0 },
    [PROTOBUF_C_TYPE_INT64] = { VARINT, 8, false, UINT64_MAX },
    [PROTOBUF_C_TYPE_SINT64] = { VARINT, 8, false, UINT64_MAX },
    [PROTOBUF_C_TYPE_SFIXED64] = { FIXED64, 8, false, 0 },
    [PROTOBUF_C_TYPE_UINT32] = { VARINT, 4, false, UINT32_MAX },
    [PROTOBUF_C_TYPE_FIXED32] = { FIXED32, 4, false, 0 },
    [PROTOBUF_C_TYPE_UINT64] = { VARINT, 8, false, UINT64_MAX },
    [PROTOBUF_C_TYPE_FIXED64] = { FIXED64, 8, false, 0 },
    [PROTOBUF_C_TYPE_FLOAT] = { FIXED32, 4, false, 0 },
    [PROTOBUF_C_TYPE_DOUBLE] = { FIXED64, 8, false, 0 },
    [PROTOBUF_C_TYPE_BOOL] = { VARINT, sizeof(protobuf_c_boolean), false, 1 },
    [PROTOBUF_C_TYPE_ENUM] = { VARINT, 4, true, UINT32_MAX },
    [PROTOBUF_C_TYPE_STRING] = { LENGTH, sizeof(char *), false, 0 },
    [PROTOBUF_C_TYPE_BYTES] = { LENGTH, sizeof(ProtobufCBinaryData), false, 0 },
    [PROTOBUF_C_TYPE_MESSAGE] = { LENGTH, sizeof(ProtobufCMessage *), false, 0 },
};

static const char *field_objection(const ProtobufCMessageDescriptor *desc, unsigned i)
{
    const ProtobufCFieldDescriptor *field = &desc->fields[i];
    const ProtobufCFieldDescriptor *last = &desc->fields[desc->n_fields - 1];

    if (field->label != PROTOBUF_C_LABEL_NONE && field->label != PROTOBUF_C_LABEL_REPEATED)
        return "A field is optional or required.";
    if (field->label == PROTOBUF_C_LABEL_REPEATED && tn_schema_is_packable(field->type) &&
        !(field->flags & PROTOBUF_C_FIELD_FLAG_PACKED))
        return "A repeated field of numbers is not packed.";
    if (!tn_schema_is_oneof(field))
        return NULL;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return "A member of a oneof is not a message.";
    for (; field <= last; field++) {
        if (!tn_schema_is_oneof(field) || field->quantifier_offset != last->quantifier_offset)
            return "A oneof is not the last thing in its message.";
    }
    return NULL;
}

static const char *type_objection(const ProtobufCMessageDescriptor *desc)
{
    if (desc->sizeof_message > TN_SCHEMA_STRUCT_BYTES_MAX)
        return "A message has a larger struct than the codec is made for.";
    if (!desc->message_init)
        return "A message has no function that initialises it.";
    for (unsigned i = 0; i < desc->n_fields; i++) {
        const char *objection = field_objection(desc, i);

        if (objection)
            return objection;
    }
    return NULL;
}

/* Walks all paths of types, each at most as deep as messages can be. */
const char *tn_schema_objection(const ProtobufCMessageDescriptor *desc)
{
    struct {
        const ProtobufCMessageDescriptor *desc;
        unsigned next; /* field to look at */
    } path[TN_SCHEMA_DEPTH_MAX];
    unsigned depth = 1;

    path[0].desc = desc;
    path[0].next = 0;
    while (depth > 0) {
        const ProtobufCMessageDescriptor *type = path[depth - 1].desc;
        unsigned i = path[depth - 1].next++;
        const char *objection = i == 0 ? type_objection(type) : NULL;

        if (objection)
            return objection;
        if (i == type->n_fields) {
            depth--;
            continue;
        }
        if (type->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (depth == TN_SCHEMA_DEPTH_MAX) /* a type inside itself ends here too */
            return "Messages are too deeply inside each other.";
        path[depth].desc = type->fields[i].descriptor;
        path[depth++].next = 0;
    }
    return NULL;
}
