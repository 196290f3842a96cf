/* SPDX-License-Identifier: MIT */
/*
 * Two passes: one that measures and keeps the length of everything that has a
 * length in front of it, one that writes. Both visit the same things in the same
 * order, so that the n-th length kept is the n-th length needed. Beyond the
 * lengths that are kept, a message is measured again where it is written, which
 * repeats the work at most once for each level of the schema.
 *
 * Both recurse with the schema, in which no type is inside itself: that is checked
 * by a test, and is why the linter may look away.
 */
/* NOLINTBEGIN(misc-no-recursion) */
#include "proto/pack.h"

#include <string.h>

#include "core/base/check.h"
#include "proto/schema.h"
#include "proto/varint.h"

static inline const void *member_of(const ProtobufCMessage *message, unsigned offset)
{
    return (const uint8_t *)message + offset;
}

static inline size_t tag_size(const ProtobufCFieldDescriptor *field)
{
    return TN_LIKELY(field->id < 16) ? 1 : tn_varint_size((uint64_t)field->id << 3);
}

static inline uint8_t *write_tag(uint8_t *out, const ProtobufCFieldDescriptor *field, unsigned wire)
{
    return tn_varint_write(out, (uint64_t)field->id << 3 | wire);
}

static inline uint32_t load_32(const void *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t load_64(const void *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/*
 * Whether a field can be left out, which most can: a number that is 0, a message
 * or string that is NULL, bytes (their length stands first) or an array (its
 * length is apart) without any. The empty string is the one that this misses.
 */
static inline bool is_absent(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return load_64(member_of(message, field->quantifier_offset)) == 0;
    if (tn_schema_types[field->type].size == 4)
        return load_32(member_of(message, field->offset)) == 0;
    return load_64(member_of(message, field->offset)) == 0;
}

_Static_assert(sizeof(size_t) == 8 && sizeof(void *) == 8 &&
                   offsetof(ProtobufCBinaryData, len) == 0,
               "is_absent() looks at eight bytes");

/* A number as it goes on the wire: the varint, or the bits of a fixed one. */
static inline uint64_t wire_value(ProtobufCType type, const void *member)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return (uint64_t)(int64_t)(int32_t)load_32(member);
    case PROTOBUF_C_TYPE_SINT32:
        return tn_zigzag((int32_t)load_32(member));
    case PROTOBUF_C_TYPE_SINT64:
        return tn_zigzag((int64_t)load_64(member));
    case PROTOBUF_C_TYPE_BOOL:
        return load_32(member) != 0;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return load_32(member);
    default:
        return load_64(member);
    }
}

/* The member of the oneof that is set, of which `first` is the first; or NULL. */
static inline const ProtobufCFieldDescriptor *chosen_member(const ProtobufCMessage *message,
                                                            const ProtobufCFieldDescriptor *first)
{
    uint32_t number = load_32(member_of(message, first->quantifier_offset));

    return number == 0 ? NULL : tn_schema_find_field(message->descriptor, number);
}

static inline const ProtobufCMessage *submessage(const void *member)
{
    const ProtobufCMessage *message;

    memcpy(&message, member, sizeof(void *)); /* whatever type it is declared with */
    return message;
}

static inline struct tn_slice text_of(const void *member)
{
    const char *text;

    memcpy(&text, member, sizeof(text));
    return text ? tn_slice_from_str(text) : TN_SLICE(NULL, 0);
}

static inline struct tn_slice bytes_of(const void *member)
{
    const ProtobufCBinaryData *bytes = member;

    return TN_SLICE(bytes->data, bytes->len);
}

static inline size_t n_elements(const ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *field)
{
    size_t n;

    memcpy(&n, member_of(message, field->quantifier_offset), sizeof(n));
    return n;
}

static inline const uint8_t *elements(const ProtobufCMessage *message,
                                      const ProtobufCFieldDescriptor *field)
{
    const uint8_t *array;

    memcpy(&array, member_of(message, field->offset), sizeof(array));
    return array;
}

/* ---- Measuring ---- */

static size_t measure(const ProtobufCMessage *message, struct tn_pack_lengths *lengths);

/* Takes the next place among the lengths; the place, or NULL if it is not kept. */
static inline size_t *next_length(struct tn_pack_lengths *lengths)
{
    size_t i;

    if (!lengths) /* measured again: the places were taken the first time */
        return NULL;
    i = lengths->n++;
    return i < TN_PACK_LENGTHS ? &lengths->length[i] : NULL;
}

static inline size_t with_prefix(size_t length)
{
    return tn_varint_size(length) + length;
}

static inline size_t measure_message(const ProtobufCMessage *message,
                                     struct tn_pack_lengths *lengths)
{
    size_t *place = next_length(lengths);
    size_t length = measure(message, lengths);

    if (place)
        *place = length;
    return with_prefix(length);
}

/* Called with a constant type, so that each has a loop of its own. */
TN_ALWAYS_INLINE size_t measure_varints(ProtobufCType type, const uint8_t *array, size_t n)
{
    size_t length = 0;

    for (size_t i = 0; i < n; i++)
        length += tn_varint_size(wire_value(type, array + i * tn_schema_types[type].size));
    return length;
}

static size_t measure_column(ProtobufCType type, const uint8_t *array, size_t n)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
        return measure_varints(PROTOBUF_C_TYPE_UINT32, array, n);
    case PROTOBUF_C_TYPE_SINT64:
        return measure_varints(PROTOBUF_C_TYPE_SINT64, array, n);
    default:
        if (tn_schema_types[type].wire == PROTOBUF_C_WIRE_TYPE_VARINT)
            return measure_varints(type, array, n);
        return n * tn_schema_types[type].size;
    }
}

static size_t measure_repeated(const ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field,
                               struct tn_pack_lengths *lengths)
{
    const uint8_t *array = elements(message, field);
    size_t n = n_elements(message, field);
    size_t total = n * tag_size(field);
    size_t *place;
    size_t length;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        for (size_t i = 0; i < n; i++)
            total += measure_message(submessage(array + i * sizeof(void *)), lengths);
        return total;
    case PROTOBUF_C_TYPE_STRING:
        for (size_t i = 0; i < n; i++)
            total += with_prefix(text_of(array + i * sizeof(char *)).len);
        return total;
    case PROTOBUF_C_TYPE_BYTES:
        for (size_t i = 0; i < n; i++)
            total += with_prefix(bytes_of(array + i * sizeof(ProtobufCBinaryData)).len);
        return total;
    default:
        place = next_length(lengths);
        length = measure_column(field->type, array, n);
        if (place)
            *place = length;
        return tag_size(field) + with_prefix(length);
    }
}

static inline size_t measure_single(const ProtobufCFieldDescriptor *field, const void *member,
                                    struct tn_pack_lengths *lengths)
{
    const ProtobufCMessage *inner;
    uint64_t value;
    size_t length;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        inner = submessage(member);
        return inner ? tag_size(field) + measure_message(inner, lengths) : 0;
    case PROTOBUF_C_TYPE_STRING:
        length = text_of(member).len;
        return length > 0 ? tag_size(field) + with_prefix(length) : 0;
    case PROTOBUF_C_TYPE_BYTES:
        length = bytes_of(member).len;
        return length > 0 ? tag_size(field) + with_prefix(length) : 0;
    default:
        value = wire_value(field->type, member);
        if (value == 0)
            return 0;
        if (tn_schema_types[field->type].wire == PROTOBUF_C_WIRE_TYPE_VARINT)
            return tag_size(field) + tn_varint_size(value);
        return tag_size(field) + tn_schema_types[field->type].size;
    }
}

static size_t measure(const ProtobufCMessage *message, struct tn_pack_lengths *lengths)
{
    const ProtobufCMessageDescriptor *desc = message->descriptor;
    const ProtobufCFieldDescriptor *field = desc->fields;
    size_t total = 0;

    for (unsigned left = desc->n_fields; left > 0; left--, field++) {
        if (tn_schema_is_oneof(field)) { /* the last thing in its message */
            field = chosen_member(message, field);
            if (field)
                total += measure_single(field, member_of(message, field->offset), lengths);
            break;
        }
        if (is_absent(message, field))
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            total += measure_repeated(message, field, lengths);
        else
            total += measure_single(field, member_of(message, field->offset), lengths);
    }
    return total;
}

size_t tn_pack_measure(const ProtobufCMessage *message, struct tn_pack_lengths *ret_lengths)
{
    ret_lengths->n = 0;
    return measure(message, ret_lengths);
}

/* ---- Writing ---- */

static uint8_t *write_fields(const ProtobufCMessage *message, struct tn_pack_lengths *lengths,
                             uint8_t *out);

static inline uint8_t *write_bytes(uint8_t *out, struct tn_slice bytes)
{
    out = tn_varint_write(out, bytes.len);
    if (bytes.len > 0)
        memcpy(out, bytes.data, bytes.len);
    return out + bytes.len;
}

static inline uint8_t *write_message(const ProtobufCMessage *message,
                                     struct tn_pack_lengths *lengths, uint8_t *out)
{
    size_t *place = next_length(lengths);

    out = tn_varint_write(out, place ? *place : measure(message, NULL));
    return write_fields(message, lengths, out);
}

TN_ALWAYS_INLINE uint8_t *write_varints(ProtobufCType type, const uint8_t *array, size_t n,
                                        uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out = tn_varint_write(out, wire_value(type, array + i * tn_schema_types[type].size));
    return out;
}

static uint8_t *write_column(ProtobufCType type, const uint8_t *array, size_t n, uint8_t *out)
{
    size_t size = n * tn_schema_types[type].size;

    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
        return write_varints(PROTOBUF_C_TYPE_UINT32, array, n, out);
    case PROTOBUF_C_TYPE_SINT64:
        return write_varints(PROTOBUF_C_TYPE_SINT64, array, n, out);
    default:
        if (tn_schema_types[type].wire == PROTOBUF_C_WIRE_TYPE_VARINT)
            return write_varints(type, array, n, out);
        memcpy(out, array, size); /* the wire is little-endian, and so are we: see below */
        return out + size;
    }
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fixed numbers are copied as they are");

static uint8_t *write_repeated(const ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field,
                               struct tn_pack_lengths *lengths, uint8_t *out)
{
    const uint8_t *array = elements(message, field);
    size_t n = n_elements(message, field);
    size_t *place;

    if (tn_schema_is_packable(field->type)) {
        place = next_length(lengths);
        out = write_tag(out, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
        out = tn_varint_write(out, place ? *place : measure_column(field->type, array, n));
        return write_column(field->type, array, n, out);
    }
    for (size_t i = 0; i < n; i++) {
        out = write_tag(out, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            out = write_message(submessage(array + i * sizeof(void *)), lengths, out);
        else if (field->type == PROTOBUF_C_TYPE_STRING)
            out = write_bytes(out, text_of(array + i * sizeof(char *)));
        else
            out = write_bytes(out, bytes_of(array + i * sizeof(ProtobufCBinaryData)));
    }
    return out;
}

static inline uint8_t *write_single(const ProtobufCFieldDescriptor *field, const void *member,
                                    struct tn_pack_lengths *lengths, uint8_t *out)
{
    const struct tn_schema_type *type = &tn_schema_types[field->type];
    const ProtobufCMessage *inner;
    struct tn_slice bytes;
    uint64_t value;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        inner = submessage(member);
        if (!inner)
            return out;
        return write_message(inner, lengths, write_tag(out, field, type->wire));
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        bytes = field->type == PROTOBUF_C_TYPE_STRING ? text_of(member) : bytes_of(member);
        return bytes.len == 0 ? out : write_bytes(write_tag(out, field, type->wire), bytes);
    default:
        value = wire_value(field->type, member);
        if (value == 0)
            return out;
        out = write_tag(out, field, type->wire);
        if (type->wire == PROTOBUF_C_WIRE_TYPE_VARINT)
            return tn_varint_write(out, value);
        if (type->size == 8)
            memcpy(out, &value, 8);
        else
            memcpy(out, &value, 4);
        return out + type->size;
    }
}

static uint8_t *write_fields(const ProtobufCMessage *message, struct tn_pack_lengths *lengths,
                             uint8_t *out)
{
    const ProtobufCMessageDescriptor *desc = message->descriptor;
    const ProtobufCFieldDescriptor *field = desc->fields;

    for (unsigned left = desc->n_fields; left > 0; left--, field++) {
        if (tn_schema_is_oneof(field)) {
            field = chosen_member(message, field);
            if (field)
                out = write_single(field, member_of(message, field->offset), lengths, out);
            break;
        }
        if (is_absent(message, field))
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            out = write_repeated(message, field, lengths, out);
        else
            out = write_single(field, member_of(message, field->offset), lengths, out);
    }
    return out;
}

uint8_t *tn_pack_write(const ProtobufCMessage *message, struct tn_pack_lengths *lengths,
                       uint8_t *out)
{
    lengths->n = 0;
    return write_fields(message, lengths, out);
}

/* NOLINTEND(misc-no-recursion) */
