/* SPDX-License-Identifier: MIT */
#include "tests/support/every_type.h"

#include <stddef.h>
#include <string.h>

#include "proto/schema.h"

#define N_RANGES_MAX (2 * EVERY_TYPE_N)

static ProtobufCFieldDescriptor fields[2 * EVERY_TYPE_N];
static ProtobufCIntRange ranges[N_RANGES_MAX + 1];
static ProtobufCMessageDescriptor descriptor;

static const ProtobufCFieldDescriptor leaf_fields[] = {
    { .name = "number",
      .id = 1,
      .label = PROTOBUF_C_LABEL_NONE,
      .type = PROTOBUF_C_TYPE_UINT32,
      .offset = offsetof(struct every_type_leaf, number) },
    { .name = "text",
      .id = 2,
      .label = PROTOBUF_C_LABEL_NONE,
      .type = PROTOBUF_C_TYPE_STRING,
      .offset = offsetof(struct every_type_leaf, text),
      .default_value = protobuf_c_empty_string },
};

static const ProtobufCIntRange leaf_ranges[] = { { 1, 0 }, { 0, 2 } };

static void leaf_init(ProtobufCMessage *message)
{
    every_type_leaf_init((struct every_type_leaf *)message);
}

static void message_init(ProtobufCMessage *message)
{
    every_type_message_init((struct every_type_message *)message);
}

static const ProtobufCMessageDescriptor leaf_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.Leaf",
    .sizeof_message = sizeof(struct every_type_leaf),
    .n_fields = 2,
    .fields = leaf_fields,
    .n_field_ranges = 1,
    .field_ranges = leaf_ranges,
    .message_init = leaf_init,
};

/* The gaps: every fourth number is left out. */
static uint32_t nth_number(unsigned n)
{
    return 1 + n + n / 3;
}

uint32_t every_type_single_number(ProtobufCType type)
{
    return nth_number((unsigned)type);
}

uint32_t every_type_repeated_number(ProtobufCType type)
{
    return nth_number(EVERY_TYPE_N + (unsigned)type) + 1000; /* a tag of two bytes */
}

static void describe_field(unsigned n)
{
    ProtobufCType type = (ProtobufCType)(n % EVERY_TYPE_N);
    ProtobufCFieldDescriptor *field = &fields[n];

    field->name = n < EVERY_TYPE_N ? "single" : "repeated";
    field->type = type;
    if (type == PROTOBUF_C_TYPE_MESSAGE)
        field->descriptor = &leaf_descriptor;
    if (n < EVERY_TYPE_N) {
        field->id = every_type_single_number(type);
        field->label = PROTOBUF_C_LABEL_NONE;
        field->offset = (unsigned)offsetof(struct every_type_message, single[type]);
        if (type == PROTOBUF_C_TYPE_STRING)
            field->default_value = protobuf_c_empty_string;
        return;
    }
    field->id = every_type_repeated_number(type);
    field->label = PROTOBUF_C_LABEL_REPEATED;
    field->quantifier_offset = (unsigned)offsetof(struct every_type_message, repeated[type].n);
    field->offset = (unsigned)offsetof(struct every_type_message, repeated[type].array);
    if (tn_schema_is_packable(type))
        field->flags = PROTOBUF_C_FIELD_FLAG_PACKED;
}

const ProtobufCMessageDescriptor *every_type_descriptor(void)
{
    unsigned n_ranges = 0;

    if (descriptor.magic != 0)
        return &descriptor;
    for (unsigned n = 0; n < 2 * EVERY_TYPE_N; n++) {
        describe_field(n);
        if (n == 0 || fields[n].id != fields[n - 1].id + 1)
            ranges[n_ranges++] = (ProtobufCIntRange){ (int)fields[n].id, n };
    }
    ranges[n_ranges] = (ProtobufCIntRange){ 0, 2 * EVERY_TYPE_N };
    descriptor = (ProtobufCMessageDescriptor){
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "test.EveryType",
        .sizeof_message = sizeof(struct every_type_message),
        .n_fields = 2 * EVERY_TYPE_N,
        .fields = fields,
        .n_field_ranges = n_ranges,
        .field_ranges = ranges,
        .message_init = message_init,
    };
    return &descriptor;
}

void every_type_message_init(struct every_type_message *message)
{
    memset(message, 0, sizeof(*message));
    message->base.descriptor = every_type_descriptor();
    /* As generated code has it; nobody writes to it. */
    message->single[PROTOBUF_C_TYPE_STRING].string = (char *)(uintptr_t)protobuf_c_empty_string;
}

void every_type_leaf_init(struct every_type_leaf *leaf)
{
    memset(leaf, 0, sizeof(*leaf));
    leaf->base.descriptor = &leaf_descriptor;
    leaf->text = (char *)(uintptr_t)protobuf_c_empty_string;
}
