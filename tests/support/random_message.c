/* SPDX-License-Identifier: MIT */
#include "tests/support/random_message.h"

#include <string.h>

#include "core/base/check.h"
#include "proto/schema.h"

/* As deep as the schema, in which no type is inside itself.
 * NOLINTBEGIN(misc-no-recursion) */

struct maker {
    uint64_t *seed;
    unsigned max_elements;
    struct tn_arena *arena;
};

static uint64_t below(struct maker *m, uint64_t n)
{
    return random_next(m->seed) % n;
}

static void *memory(struct maker *m, size_t size)
{
    void *p = tn_arena_alloc(m->arena, size);

    TN_ASSERT(p);
    return p;
}

/* Small numbers, large ones and the edges, with both signs. */
static uint64_t number(struct maker *m)
{
    uint64_t value = random_next(m->seed) >> below(m, 64);

    switch (below(m, 8)) {
    case 0:
        return 0 - value;
    case 1:
        return UINT64_MAX << below(m, 64);
    case 2:
        return UINT64_C(1) << below(m, 64);
    default:
        return value;
    }
}

static size_t length(struct maker *m)
{
    return (size_t)(below(m, 10) == 0 ? below(m, 1000) : below(m, 20));
}

static void fill_element(struct maker *m, const ProtobufCFieldDescriptor *field, void *element)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d";
    ProtobufCMessage *message;
    uint64_t bits;
    uint8_t *bytes;
    size_t len;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        message = random_message(field->descriptor, m->seed, m->max_elements, m->arena);
        memcpy(element, &message, sizeof(void *));
        break;
    case PROTOBUF_C_TYPE_STRING:
        len = length(m);
        bytes = memory(m, len * (sizeof(text) - 1) + 1);
        for (size_t i = 0; i < len; i++)
            memcpy(bytes + i * (sizeof(text) - 1), text, sizeof(text) - 1);
        bytes[len * (sizeof(text) - 1)] = '\0';
        memcpy(element, &bytes, sizeof(bytes));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        len = length(m);
        bytes = memory(m, len);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)random_next(m->seed);
        *(ProtobufCBinaryData *)element = (ProtobufCBinaryData){ len, bytes };
        break;
    default:
        bits = field->type == PROTOBUF_C_TYPE_BOOL ? below(m, 2) : number(m);
        /* Not -0.0, for which protobuf-c leaves the field out and we do not. */
        if (field->type == PROTOBUF_C_TYPE_FLOAT && (uint32_t)bits == UINT32_C(1) << 31)
            bits = 0;
        if (field->type == PROTOBUF_C_TYPE_DOUBLE && bits == UINT64_C(1) << 63)
            bits = 0;
        memcpy(element, &bits, tn_schema_types[field->type].size);
        break;
    }
}

static void fill_repeated(struct maker *m, const ProtobufCFieldDescriptor *field, uint8_t *message)
{
    size_t size = tn_schema_types[field->type].size;
    size_t n = (size_t)below(m, m->max_elements + 1);
    uint8_t *array = memory(m, n * size);

    for (size_t i = 0; i < n; i++)
        fill_element(m, field, array + i * size);
    memcpy(message + field->quantifier_offset, &n, sizeof(n));
    memcpy(message + field->offset, &array, sizeof(array));
}

ProtobufCMessage *random_message(const ProtobufCMessageDescriptor *desc, uint64_t *seed,
                                 unsigned max_elements, struct tn_arena *arena)
{
    struct maker m = { seed, max_elements, arena };
    ProtobufCMessage *message = memory(&m, desc->sizeof_message);
    uint8_t *bytes = (uint8_t *)message;
    unsigned chosen = (unsigned)below(&m, desc->n_fields + 1); /* in a oneof, if it is in one */

    desc->message_init(message);
    for (unsigned i = 0; i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];

        if (tn_schema_is_oneof(field) ? i != chosen : below(&m, 2) == 0)
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            fill_repeated(&m, field, bytes);
            continue;
        }
        fill_element(&m, field, bytes + field->offset);
        if (tn_schema_is_oneof(field))
            memcpy(bytes + field->quantifier_offset, &field->id, sizeof(field->id));
    }
    return message;
}

/* NOLINTEND(misc-no-recursion) */
