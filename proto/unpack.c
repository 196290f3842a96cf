/* SPDX-License-Identifier: MIT */
/*
 * Unpacking what the pre-scan has passed. The scan has decided everything that
 * can be wrong, so this only moves bytes: into structs and arrays of the size
 * that is needed, taken from the arena once. The length of an array is found by
 * looking ahead, from the first field with its number to the end of the message:
 * fields of one number are neighbours, so that is a few steps for one column.
 */
#include <string.h>

#include "core/base/check.h"
#include "proto/pack.h"
#include "proto/schema.h"
#include "proto/varint.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

#define VARINT PROTOBUF_C_WIRE_TYPE_VARINT
#define FIXED32 PROTOBUF_C_WIRE_TYPE_32BIT
#define FIXED64 PROTOBUF_C_WIRE_TYPE_64BIT
#define LENGTH PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED

struct level {
    ProtobufCMessage *message;
    const uint8_t *end;
};

struct unpacker {
    struct tn_arena *arena;
    struct level *level; /* the innermost that is open; levels[0] if none is */
    struct level levels[1 + TN_SCHEMA_DEPTH_MAX];
};

static inline void *member_of(ProtobufCMessage *message, unsigned offset)
{
    return (uint8_t *)message + offset;
}

/* The numbers in a packed column of varints: each has one byte without the top bit. */
static size_t count_varints(const uint8_t *at, size_t len)
{
    size_t n = 0;

    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        n += (((~word & HIGH_BITS) >> 7) * UINT64_C(0x0101010101010101)) >> 56;
    }
    for (; len > 0; at++, len--)
        n += *at < 0x80;
    return n;
}

/* Behind the content of a field that begins at `at`. */
static inline const uint8_t *skip(const uint8_t *at, unsigned wire)
{
    uint64_t value;

    switch (wire) {
    case VARINT:
        return tn_varint_read_trusted(at, &value);
    case FIXED32:
        return at + 4;
    case FIXED64:
        return at + 8;
    default:
        at = tn_varint_read_trusted(at, &value);
        return at + value;
    }
}

/* Elements that the field at `at`, its tag read, adds to its array. */
static size_t count_here(const uint8_t *at, ProtobufCType type, unsigned wire)
{
    uint64_t len;

    if (wire != LENGTH || !tn_schema_is_packable(type))
        return 1;
    at = tn_varint_read_trusted(at, &len);
    if (tn_schema_types[type].wire == VARINT)
        return count_varints(at, len);
    return len / tn_schema_types[type].size;
}

/* Elements of all fields with the number of this one, from the first on. */
static size_t count_all(const uint8_t *at, const uint8_t *end,
                        const ProtobufCFieldDescriptor *field, unsigned wire)
{
    size_t n = count_here(at, field->type, wire);

    at = skip(at, wire);
    while (at < end) {
        uint64_t tag;

        at = tn_varint_read_trusted(at, &tag);
        wire = (unsigned)(tag & 7);
        if (tag >> 3 == field->id)
            n += count_here(at, field->type, wire);
        at = skip(at, wire);
    }
    return n;
}

/* The low bytes come first; branches, because sizes that vary do not inline. */
static inline void store_bits(void *member, uint64_t bits, size_t size)
{
    if (size == 4)
        memcpy(member, &bits, 4);
    else
        memcpy(member, &bits, 8);
}

static inline void store(ProtobufCType type, void *member, uint64_t value)
{
    if (type == PROTOBUF_C_TYPE_SINT32 || type == PROTOBUF_C_TYPE_SINT64)
        value = (uint64_t)tn_unzigzag(value);
    store_bits(member, value, tn_schema_types[type].size);
}

/* Called with a constant type, so that each has a loop of its own. */
TN_ALWAYS_INLINE void store_varints(ProtobufCType type, uint8_t *array, const uint8_t *at,
                                    const uint8_t *end)
{
    for (; at < end; array += tn_schema_types[type].size) {
        uint64_t value;

        at = tn_varint_read_trusted(at, &value);
        store(type, array, value);
    }
}

static void store_column(ProtobufCType type, uint8_t *array, const uint8_t *at, size_t len)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
        store_varints(PROTOBUF_C_TYPE_UINT32, array, at, at + len);
        break;
    case PROTOBUF_C_TYPE_SINT64:
        store_varints(PROTOBUF_C_TYPE_SINT64, array, at, at + len);
        break;
    default:
        if (tn_schema_types[type].wire == VARINT)
            store_varints(type, array, at, at + len);
        else if (len > 0)
            memcpy(array, at, len);
        break;
    }
}

static inline ProtobufCMessage *
open_message(struct unpacker *u, const ProtobufCMessageDescriptor *desc, const uint8_t *end)
{
    ProtobufCMessage *message = tn_arena_alloc(u->arena, desc->sizeof_message);

    if (!message)
        return NULL;
    TN_ASSERT(u->level < u->levels + TN_SCHEMA_DEPTH_MAX);
    desc->message_init(message);
    u->level++;
    u->level->message = message;
    u->level->end = end;
    return message;
}

/* A string, bytes or a message of `len` bytes at `at`; what follows is read next,
 * which for a message is its first field. */
static inline const uint8_t *unpack_delimited(struct unpacker *u, ProtobufCType type,
                                              const ProtobufCMessageDescriptor *desc, void *member,
                                              const uint8_t *at, size_t len)
{
    ProtobufCMessage *message;
    uint8_t *copy;

    switch (type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        message = open_message(u, desc, at + len);
        if (!message)
            return NULL;
        memcpy(member, &message, sizeof(void *)); /* whatever type it is declared with */
        return at;
    case PROTOBUF_C_TYPE_STRING:
        copy = tn_arena_alloc(u->arena, len + 1);
        if (!copy)
            return NULL;
        memcpy(copy, at, len);
        copy[len] = '\0';
        memcpy(member, &copy, sizeof(copy));
        return at + len;
    default:
        *(ProtobufCBinaryData *)member = (ProtobufCBinaryData){ 0 };
        if (len == 0)
            return at;
        copy = tn_arena_alloc(u->arena, len);
        if (!copy)
            return NULL;
        memcpy(copy, at, len);
        *(ProtobufCBinaryData *)member = (ProtobufCBinaryData){ len, copy };
        return at + len;
    }
}

static inline const uint8_t *unpack_single(struct unpacker *u,
                                           const ProtobufCFieldDescriptor *field, unsigned wire,
                                           void *member, const uint8_t *at)
{
    uint64_t value;

    if (wire == LENGTH) {
        at = tn_varint_read_trusted(at, &value);
        return unpack_delimited(u, field->type, field->descriptor, member, at, value);
    }
    if (wire == VARINT) {
        at = tn_varint_read_trusted(at, &value);
        store(field->type, member, value);
        return at;
    }
    if (wire == FIXED64)
        memcpy(member, at, 8);
    else
        memcpy(member, at, 4);
    return at + (wire == FIXED64 ? 8 : 4);
}

static const uint8_t *unpack_repeated(struct unpacker *u, const struct level *level,
                                      const ProtobufCFieldDescriptor *field, unsigned wire,
                                      const uint8_t *at)
{
    size_t *n = member_of(level->message, field->quantifier_offset);
    size_t size = tn_schema_types[field->type].size;
    uint8_t *array;
    uint64_t len;

    memcpy(&array, member_of(level->message, field->offset), sizeof(array));
    if (!array) { /* and not: *n == 0, for a column may begin with empty pieces */
        size_t all = count_all(at, level->end, field, wire);

        if (all == 0)
            return skip(at, wire);
        array = tn_arena_alloc(u->arena, all * size);
        if (!array)
            return NULL;
        memcpy(member_of(level->message, field->offset), &array, sizeof(array));
    }
    array += *n * size;
    *n += count_here(at, field->type, wire);
    if (wire != LENGTH || !tn_schema_is_packable(field->type))
        return unpack_single(u, field, wire, array, at);
    at = tn_varint_read_trusted(at, &len);
    store_column(field->type, array, at, len);
    return at + len;
}

static inline const uint8_t *unpack_field(struct unpacker *u, const uint8_t *at)
{
    const struct level *level = u->level;
    const ProtobufCFieldDescriptor *field;
    uint64_t tag;
    unsigned wire;

    at = tn_varint_read_trusted(at, &tag);
    wire = (unsigned)(tag & 7);
    field = tn_schema_find_field(level->message->descriptor, (uint32_t)(tag >> 3));
    TN_DEBUG_ASSERT(field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return unpack_repeated(u, level, field, wire, at);
    if (tn_schema_is_oneof(field)) {
        uint32_t *chosen = member_of(level->message, field->quantifier_offset);

        *chosen = field->id;
    }
    return unpack_single(u, field, wire, member_of(level->message, field->offset), at);
}

ProtobufCMessage *tn_unpack_scanned(const ProtobufCMessageDescriptor *desc, struct tn_slice payload,
                                    struct tn_arena *arena)
{
    const uint8_t *at = payload.len > 0 ? payload.data : (const uint8_t *)"";
    struct unpacker u;
    ProtobufCMessage *message;

    u.arena = arena;
    u.level = u.levels;
    message = open_message(&u, desc, at + payload.len);
    if (!message)
        return NULL;
    while (u.level > u.levels) {
        if (at == u.level->end) {
            u.level--;
            continue;
        }
        at = unpack_field(&u, at);
        if (!at)
            return NULL;
    }
    return message;
}
