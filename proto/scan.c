/* SPDX-License-Identifier: MIT */
/*
 * The walk: a stack of the messages that are open, innermost last, each with its
 * end and a bit for every four bytes of its struct, set when a field was seen
 * there: so all members of a oneof are one and the same. A field is looked at
 * exactly once and every step moves on by at least a byte; the whole is linear.
 *
 * The cost of unpacking is that of tn_unpack_scanned(): a struct for each message,
 * an array for each repeated field that is there, and the bytes and strings, each
 * rounded up to the arena's alignment.
 *
 * The functions of the hot path take and return the position rather than keep
 * it in `struct scanner`, so that it stays in a register.
 */
#include "proto/scan.h"

#include <string.h>

#include "core/base/check.h"
#include "proto/arena.h"
#include "proto/schema.h"
#include "proto/utf8.h"
#include "proto/varint.h"

#define SEEN_WORDS (TN_SCHEMA_STRUCT_BYTES_MAX / 4 / 64)

#define HIGH_BITS UINT64_C(0x8080808080808080)

#define VARINT PROTOBUF_C_WIRE_TYPE_VARINT
#define FIXED32 PROTOBUF_C_WIRE_TYPE_32BIT
#define FIXED64 PROTOBUF_C_WIRE_TYPE_64BIT
#define LENGTH PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED

struct level {
    const ProtobufCMessageDescriptor *desc;
    const uint8_t *end;
    uint64_t seen[SEEN_WORDS];
};

struct scanner {
    const uint8_t *begin;
    const struct tn_scan_limits *limits;
    struct tn_status *ret_status;
    struct level *level;   /* the innermost that is open; levels[0] if none is */
    struct level *deepest; /* that was ever open */
    int err;
    struct tn_scan_info info; /* but for the depth */
    struct level levels[1 + TN_SCHEMA_DEPTH_MAX];
};

static unsigned depth_of(const struct scanner *s, const struct level *level)
{
    return (unsigned)(level - s->levels);
}

/* The field, or without one its message, is at fault in the way that `how` says. */
TN_COLD static const uint8_t *refuse(struct scanner *s, enum tn_reason reason, const uint8_t *at,
                                     const ProtobufCFieldDescriptor *field, const char *how)
{
    s->err =
        tn_status_setf(s->ret_status, reason, "%s%s%s %s, at byte %zu.", s->level->desc->name,
                       field ? "." : "", field ? field->name : "", how, (size_t)(at - s->begin));
    return NULL;
}

TN_COLD static const uint8_t *refuse_wire_type(struct scanner *s, const uint8_t *at,
                                               const ProtobufCFieldDescriptor *field, unsigned wire)
{
    s->err = tn_status_setf(s->ret_status, TN_REASON_MALFORMED_MESSAGE,
                            "%s.%s has wire type %u in place of %u, at byte %zu.",
                            s->level->desc->name, field->name, wire,
                            (unsigned)tn_schema_types[field->type].wire, (size_t)(at - s->begin));
    return NULL;
}

TN_COLD static const uint8_t *refuse_tag(struct scanner *s, const uint8_t *at, uint64_t tag)
{
    unsigned wire = (unsigned)(tag & 7);

    if (tag >> 3 == 0)
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, at, NULL, "has the field number 0");
    if (wire == TN_SCHEMA_WIRE_GROUP_BEGIN || wire == TN_SCHEMA_WIRE_GROUP_END)
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, at, NULL, "has a group, which no field is");
    s->err = tn_status_setf(s->ret_status, TN_REASON_UNKNOWN_FIELD,
                            "%s has a field number %llu, which is not known here, at byte %zu; "
                            "the sender may be newer than the receiver.",
                            s->level->desc->name, (unsigned long long)(tag >> 3),
                            (size_t)(at - s->begin));
    return NULL;
}

static inline bool fits(const struct tn_schema_type *type, uint64_t value)
{
    return value <= type->max ||
           (type->may_be_signed && (int64_t)value < 0 && (int64_t)value >= INT32_MIN);
}

/* Marks what a field occupies in its struct. True if it was marked before. */
static inline bool mark_seen(struct level *level, unsigned offset)
{
    uint64_t *word = &level->seen[offset / 4 / 64];
    uint64_t bit = UINT64_C(1) << (offset / 4 % 64);
    bool seen = (*word & bit) != 0;

    *word |= bit;
    return seen;
}

/* There must be room for one more level. */
static inline void open_message(struct scanner *s, const ProtobufCMessageDescriptor *desc,
                                const uint8_t *end)
{
    struct level *level = ++s->level;

    TN_ASSERT(desc->sizeof_message <= TN_SCHEMA_STRUCT_BYTES_MAX);
    level->desc = desc;
    level->end = end;
    memset(level->seen, 0, sizeof(level->seen));
    if (level > s->deepest)
        s->deepest = level;
    s->info.n_messages++;
    s->info.arena_bytes += tn_arena_rounded(desc->sizeof_message);
}

/* The numbers of a packed column, each a varint, from `at` to `end`. */
static const uint8_t *scan_packed_varints(struct scanner *s, const uint8_t *at, const uint8_t *end,
                                          const ProtobufCFieldDescriptor *field, size_t *ret_count)
{
    const struct tn_schema_type *type = &tn_schema_types[field->type];
    size_t count = 0;

    while (at < end) {
        const uint8_t *start = at;
        uint64_t value;

        if (end - at >= 8 && type->max > 0x7f) {
            uint64_t word;

            memcpy(&word, at, sizeof(word));
            if ((word & HIGH_BITS) == 0) { /* eight small numbers */
                at += 8;
                count += 8;
                continue;
            }
        }
        at = tn_varint_read(at, end, &value);
        if (!at)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "holds a varint that is cut off or too long");
        if (!fits(type, value))
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "holds a number that its type does not");
        count++;
    }
    *ret_count = count;
    return at;
}

static const uint8_t *scan_packed(struct scanner *s, const uint8_t *at, size_t len,
                                  const ProtobufCFieldDescriptor *field)
{
    const struct tn_schema_type *type = &tn_schema_types[field->type];
    size_t count = 0;

    if (type->wire == VARINT) {
        if (!scan_packed_varints(s, at, at + len, field, &count))
            return NULL;
    } else {
        if (len % type->size != 0)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, at, field,
                          "has a length that is no multiple of its numbers' size");
        count = len / type->size;
    }
    s->info.n_elements += count;
    if (s->info.n_elements > s->limits->max_elements)
        return refuse(s, TN_REASON_TOO_MANY_FIELDS, at, field,
                      "brings the message above the accepted number of elements");
    s->info.arena_bytes += count * type->size;
    return at + len;
}

static const uint8_t *scan_string(struct scanner *s, const uint8_t *at, size_t len,
                                  const ProtobufCFieldDescriptor *field)
{
    if (!tn_utf8_is_valid(at, len))
        return refuse(s, TN_REASON_INVALID_UTF8, at, field, "is not valid UTF-8");
    if (memchr(at, '\0', len))
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, at, field, "holds a NUL");
    s->info.arena_bytes += tn_arena_rounded(len + 1);
    return at + len;
}

/* What is length-prefixed: a packed column, a string, bytes, or a message. For a
 * message, the position returned is where its first field begins. */
static inline const uint8_t *scan_delimited(struct scanner *s, const uint8_t *at,
                                            const uint8_t *end,
                                            const ProtobufCFieldDescriptor *field)
{
    const uint8_t *start = at;
    uint64_t len;

    at = tn_varint_read(at, end, &len);
    if (!at || at - start > 5)
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                      "has a length that is cut off or too long");
    if (len > (size_t)(end - at))
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                      "is longer than the message that it is in");

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        if (depth_of(s, s->level) >= s->limits->max_depth ||
            depth_of(s, s->level) >= TN_SCHEMA_DEPTH_MAX)
            return refuse(s, TN_REASON_TOO_DEEP, start, field,
                          "is nested more deeply than is accepted");
        if (s->info.n_messages >= s->limits->max_messages)
            return refuse(s, TN_REASON_TOO_MANY_FIELDS, start, field,
                          "brings the message above the accepted number of messages");
        open_message(s, field->descriptor, at + len);
        return at;
    case PROTOBUF_C_TYPE_BYTES:
        s->info.arena_bytes += tn_arena_rounded(len);
        return at + len;
    case PROTOBUF_C_TYPE_STRING:
        return scan_string(s, at, len, field);
    default:
        return scan_packed(s, at, len, field);
    }
}

/* The content of a field, behind its tag. */
static inline const uint8_t *scan_content(struct scanner *s, const uint8_t *at, const uint8_t *end,
                                          const ProtobufCFieldDescriptor *field, unsigned wire)
{
    const struct tn_schema_type *type = &tn_schema_types[field->type];
    const uint8_t *start = at;
    uint64_t value;

    if (wire == LENGTH)
        return scan_delimited(s, at, end, field);
    if (wire == VARINT) {
        at = tn_varint_read(at, end, &value);
        if (!at)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "is a varint that is cut off or too long");
        if (!fits(type, value))
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "is a number that its type does not hold");
        return at;
    }
    if ((size_t)(end - at) < type->size)
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field, "is cut off");
    return at + type->size;
}

/* A repeated field, behind its tag: of its own wire type, or packed. */
static const uint8_t *scan_repeated(struct scanner *s, const uint8_t *at,
                                    const ProtobufCFieldDescriptor *field, unsigned wire)
{
    const struct tn_schema_type *type = &tn_schema_types[field->type];
    struct level *level = s->level;

    if (!mark_seen(level, field->offset)) /* the array is rounded up, once */
        s->info.arena_bytes += TN_ARENA_ALIGN;
    if (wire == type->wire)
        s->info.arena_bytes += type->size;
    else if (wire != LENGTH) /* what is not packed is not packable with another wire type */
        return refuse_wire_type(s, at, field, wire);
    return scan_content(s, at, level->end, field, wire);
}

/* One field of the innermost message; the position behind it, or NULL. */
static inline const uint8_t *scan_field(struct scanner *s, const uint8_t *at)
{
    struct level *level = s->level;
    const ProtobufCFieldDescriptor *field;
    const uint8_t *start = at;
    uint64_t tag = *at;
    unsigned wire;

    if (TN_LIKELY(tag < 0x80)) {
        at++;
    } else {
        at = tn_varint_read(at, level->end, &tag);
        if (!at || at - start > 5 || tag > UINT32_MAX)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, NULL, "has a tag that is none");
    }
    wire = (unsigned)(tag & 7);
    field = tn_schema_find_field(level->desc, (uint32_t)(tag >> 3));
    if (!field)
        return refuse_tag(s, start, tag);
    if (++s->info.n_fields > s->limits->max_fields)
        return refuse(s, TN_REASON_TOO_MANY_FIELDS, start, field,
                      "brings the message above the accepted number of fields");

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return scan_repeated(s, at, field, wire);
    if (TN_UNLIKELY(wire != tn_schema_types[field->type].wire))
        return refuse_wire_type(s, start, field, wire);
    if (mark_seen(level, tn_schema_is_oneof(field) ? field->quantifier_offset : field->offset))
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                      "comes twice, or beside another member of its oneof");
    return scan_content(s, at, level->end, field, wire);
}

int tn_scan(const ProtobufCMessageDescriptor *desc, struct tn_slice message,
            const struct tn_scan_limits *limits, struct tn_scan_info *ret_info,
            struct tn_status *ret_status)
{
    const uint8_t *at = message.len > 0 ? message.data : (const uint8_t *)"";
    struct scanner s;

    s.begin = at;
    s.limits = limits;
    s.ret_status = ret_status;
    s.deepest = s.level = s.levels;
    s.err = 0;
    s.info = (struct tn_scan_info){ 0 };
    open_message(&s, desc, at + message.len);

    while (s.level > s.levels) {
        if (at == s.level->end) {
            s.level--;
            continue;
        }
        at = scan_field(&s, at);
        if (!at)
            return s.err;
    }

    s.info.arena_bytes = tn_arena_rounded(s.info.arena_bytes); /* elements are not, each */
    if (s.info.arena_bytes > limits->max_arena_bytes)
        return tn_status_setf(ret_status, TN_REASON_MESSAGE_TOO_COSTLY,
                              "The message would occupy %zu bytes of memory, but at most %zu are "
                              "accepted; split it.",
                              s.info.arena_bytes, limits->max_arena_bytes);
    if (ret_info) {
        *ret_info = s.info;
        ret_info->depth = depth_of(&s, s.deepest);
    }
    return 0;
}
