/* SPDX-License-Identifier: MIT */
/*
 * The walk: a stack of the messages that are open, deepest last, each with its
 * end and a bit for every field that was seen. A field is looked at exactly once
 * and every loop moves on by at least a byte, so the whole is linear.
 *
 * The cost of unpacking follows protobuf_c_message_unpack() of 1.4.1. For each
 * message it allocates the struct; if there are more than 16 fields, slabs of
 * 32-byte notes, each slab twice as large as the one before; an array for each
 * repeated field that is there; and each string, bytes and message in it. All of
 * it is rounded up to the arena's alignment, none is given back.
 *
 * The functions of the hot path take and return the position rather than keep
 * it in `struct scanner`, so that it stays in a register.
 */
#include "proto/scan.h"

#include <string.h>

#include "core/base/check.h"
#include "proto/arena.h"
#include "proto/utf8.h"

/* Of protobuf-c's private ScannedMember, and the first slab, on its stack. */
#define NOTE_BYTES ((size_t)32)
#define NOTES_ON_STACK ((size_t)16)
/* From this many field descriptors on, its bitmap of required fields is allocated. */
#define FIELDS_ON_STACK 128u

#define SEEN_WORDS (TN_SCAN_STRUCT_BYTES_MAX / 4 / 64)

#define WIRE_GROUP_BEGIN 3u
#define WIRE_GROUP_END 4u

#define FIELD_NUMBER_MAX ((UINT64_C(1) << 29) - 1)

struct level {
    const ProtobufCMessageDescriptor *desc;
    const uint8_t *end;
    size_t n_fields; /* so far, in this message */
    uint64_t seen[SEEN_WORDS];
};

struct scanner {
    const uint8_t *begin;
    const struct tn_scan_limits *limits;
    struct tn_status *ret_status;
    int err;
    unsigned depth; /* levels that are open */
    struct tn_scan_info info;
    struct level levels[TN_SCAN_DEPTH_MAX];
};

/* What a type looks like on the wire and in a struct. */
struct type_traits {
    uint8_t wire;
    uint8_t size;       /* in an array */
    bool may_be_signed; /* a negative number is extended to 64 bits */
    uint64_t max;       /* as an unsigned varint, unless it is a negative number */
};

#define VARINT PROTOBUF_C_WIRE_TYPE_VARINT
#define FIXED32 PROTOBUF_C_WIRE_TYPE_32BIT
#define FIXED64 PROTOBUF_C_WIRE_TYPE_64BIT
#define LENGTH PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED

static const struct type_traits types[] = {
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
    [PROTOBUF_C_TYPE_MESSAGE] = { LENGTH, sizeof(void *), false, 0 },
};

static bool is_packable(ProtobufCType type)
{
    return types[type].wire != LENGTH;
}

/* The field is at fault, in the way that `how` says. */
TN_COLD static const uint8_t *refuse(struct scanner *s, enum tn_reason reason, const uint8_t *at,
                                     const ProtobufCFieldDescriptor *field, const char *how)
{
    const char *message = s->levels[s->depth - 1].desc->name;

    s->err =
        tn_status_setf(s->ret_status, reason, "%s%s%s %s, at byte %zu.", message, field ? "." : "",
                       field ? field->name : "", how, (size_t)(at - s->begin));
    return NULL;
}

TN_COLD static const uint8_t *refuse_wire_type(struct scanner *s, const uint8_t *at,
                                               const ProtobufCFieldDescriptor *field, unsigned wire)
{
    const char *message = s->levels[s->depth - 1].desc->name;

    s->err = tn_status_setf(s->ret_status, TN_REASON_MALFORMED_MESSAGE,
                            "%s.%s has wire type %u in place of %u, at byte %zu.", message,
                            field->name, wire, types[field->type].wire, (size_t)(at - s->begin));
    return NULL;
}

TN_COLD static const uint8_t *refuse_unknown(struct scanner *s, const uint8_t *at, uint64_t number,
                                             unsigned wire)
{
    const char *message = s->levels[s->depth - 1].desc->name;

    if (wire == WIRE_GROUP_BEGIN || wire == WIRE_GROUP_END)
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, at, NULL, "has a group, which no field is");
    s->err = tn_status_setf(s->ret_status, TN_REASON_UNKNOWN_FIELD,
                            "%s has a field number %llu, which is not known here, at byte %zu; "
                            "the sender may be newer than the receiver.",
                            message, (unsigned long long)number, (size_t)(at - s->begin));
    return NULL;
}

/* The position behind a varint, or NULL if it is cut off or has more than 64 bits. */
static inline const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    unsigned shift = 0;

    if (TN_LIKELY(at < end && *at < 0x80)) {
        *ret_value = *at;
        return at + 1;
    }
    for (; at < end; shift += 7) {
        uint64_t bits = *at & 0x7f;

        if (shift == 63 && *at > 1)
            return NULL;
        value |= bits << shift;
        if (*at++ < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return NULL;
}

static inline bool fits(const struct type_traits *traits, uint64_t value)
{
    return value <= traits->max ||
           (traits->may_be_signed && (int64_t)value < 0 && (int64_t)value >= INT32_MIN);
}

/* Few ranges are the rule: the numbers of a message are nearly contiguous. */
static inline const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *desc,
                                                         uint32_t number)
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

/* Marks what a field occupies in its struct, so that all members of a oneof are
 * one and the same. True if it was marked before. */
static inline bool mark_seen(struct level *level, const ProtobufCFieldDescriptor *field)
{
    unsigned offset =
        field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? field->quantifier_offset : field->offset;
    uint64_t *word = &level->seen[offset / 4 / 64];
    uint64_t bit = UINT64_C(1) << (offset / 4 % 64);
    bool seen = (*word & bit) != 0;

    *word |= bit;
    return seen;
}

static inline void open_message(struct scanner *s, const ProtobufCMessageDescriptor *desc,
                                const uint8_t *end)
{
    struct level *level = &s->levels[s->depth++];

    TN_ASSERT(desc->sizeof_message <= TN_SCAN_STRUCT_BYTES_MAX);
    level->desc = desc;
    level->end = end;
    level->n_fields = 0;
    memset(level->seen, 0, sizeof(level->seen));

    s->info.n_messages++;
    if (s->depth > s->info.depth)
        s->info.depth = s->depth;
    s->info.arena_bytes += tn_arena_rounded(desc->sizeof_message);
    if (desc->n_fields > FIELDS_ON_STACK)
        s->info.arena_bytes += tn_arena_rounded((desc->n_fields + 7) / 8);
}

static inline void close_message(struct scanner *s)
{
    size_t n_fields = s->levels[--s->depth].n_fields;
    size_t slab = NOTES_ON_STACK;

    for (size_t notes = slab; notes < n_fields; notes += slab) {
        slab *= 2;
        s->info.arena_bytes += slab * NOTE_BYTES;
    }
}

/* The numbers of a packed column, each a varint, from `at` to `end`. */
static const uint8_t *scan_packed_varints(struct scanner *s, const uint8_t *at, const uint8_t *end,
                                          const ProtobufCFieldDescriptor *field, size_t *ret_count)
{
    const struct type_traits *traits = &types[field->type];
    size_t count = 0;

    while (at < end) {
        const uint8_t *start = at;
        uint64_t value;

        if (end - at >= 8 && traits->max > 0x7f) {
            uint64_t word;

            memcpy(&word, at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) { /* eight small numbers */
                at += 8;
                count += 8;
                continue;
            }
        }
        at = read_varint(at, end, &value);
        if (!at)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "holds a varint that is cut off or too long");
        if (!fits(traits, value))
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
    const struct type_traits *traits = &types[field->type];
    const uint8_t *end = at + len;
    size_t count = 0;

    if (traits->wire == VARINT) {
        if (!scan_packed_varints(s, at, end, field, &count))
            return NULL;
        if (field->type == PROTOBUF_C_TYPE_BOOL)
            count = len; /* protobuf-c counts bytes here */
    } else {
        if (len % traits->size != 0)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, at, field,
                          "has a length that is no multiple of its numbers' size");
        count = len / traits->size;
    }
    s->info.n_elements += count;
    if (s->info.n_elements > s->limits->max_elements)
        return refuse(s, TN_REASON_TOO_MANY_FIELDS, at, field,
                      "brings the message above the accepted number of elements");
    s->info.arena_bytes += count * traits->size;
    return end;
}

static inline const uint8_t *scan_string(struct scanner *s, const uint8_t *at, size_t len,
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

    at = read_varint(at, end, &len);
    if (!at || at - start > 5)
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                      "has a length that is cut off or too long");
    if (len > (size_t)(end - at))
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                      "is longer than the message that it is in");

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        if (s->depth >= s->limits->max_depth || s->depth >= TN_SCAN_DEPTH_MAX)
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
    const struct type_traits *traits = &types[field->type];
    const uint8_t *start = at;
    uint64_t value;

    switch (wire) {
    case VARINT:
        at = read_varint(at, end, &value);
        if (!at)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "is a varint that is cut off or too long");
        if (!fits(traits, value))
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "is a number that its type does not hold");
        return at;
    case FIXED32:
    case FIXED64:
        if ((size_t)(end - at) < traits->size)
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field, "is cut off");
        return at + traits->size;
    default:
        return scan_delimited(s, at, end, field);
    }
}

/* One field of the innermost message; the position behind it, or NULL. */
static inline const uint8_t *scan_field(struct scanner *s, const uint8_t *at)
{
    struct level *level = &s->levels[s->depth - 1];
    const ProtobufCFieldDescriptor *field;
    const uint8_t *start = at;
    uint64_t tag;
    unsigned wire;

    at = read_varint(at, level->end, &tag);
    if (!at || at - start > 5 || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, NULL, "has a tag that is none");
    wire = (unsigned)(tag & 7);
    field = find_field(level->desc, (uint32_t)(tag >> 3));
    if (!field)
        return refuse_unknown(s, start, tag >> 3, wire);
    level->n_fields++;
    if (++s->info.n_fields > s->limits->max_fields)
        return refuse(s, TN_REASON_TOO_MANY_FIELDS, start, field,
                      "brings the message above the accepted number of fields");

    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (mark_seen(level, field))
            return refuse(s, TN_REASON_MALFORMED_MESSAGE, start, field,
                          "comes twice, or beside another member of its oneof");
        if (TN_UNLIKELY(wire != types[field->type].wire))
            return refuse_wire_type(s, start, field, wire);
    } else {
        bool is_packed = wire == LENGTH && is_packable(field->type);

        if (TN_UNLIKELY(wire != types[field->type].wire && !is_packed))
            return refuse_wire_type(s, start, field, wire);
        if (!mark_seen(level, field)) /* the array is rounded up, once */
            s->info.arena_bytes += TN_ARENA_ALIGN;
        if (!is_packed)
            s->info.arena_bytes += types[field->type].size;
    }
    return scan_content(s, at, level->end, field, wire);
}

int tn_scan(const ProtobufCMessageDescriptor *desc, struct tn_slice message,
            const struct tn_scan_limits *limits, struct tn_scan_info *ret_info,
            struct tn_status *ret_status)
{
    struct scanner s;
    const uint8_t *at = message.len > 0 ? message.data : (const uint8_t *)"";

    s.begin = at;
    s.limits = limits;
    s.ret_status = ret_status;
    s.err = 0;
    s.depth = 0;
    s.info = (struct tn_scan_info){ 0 };
    open_message(&s, desc, at + message.len);

    while (s.depth > 0) {
        if (at == s.levels[s.depth - 1].end) {
            close_message(&s);
            continue;
        }
        at = scan_field(&s, at);
        if (!at)
            return s.err;
    }

    if (s.info.arena_bytes > limits->max_arena_bytes)
        return tn_status_setf(ret_status, TN_REASON_MESSAGE_TOO_COSTLY,
                              "The message would occupy %zu bytes of memory, but at most %zu are "
                              "accepted; split it.",
                              s.info.arena_bytes, limits->max_arena_bytes);
    if (ret_info)
        *ret_info = s.info;
    return 0;
}

/* Walks all paths of types, each at most as deep as messages can be. */
bool tn_scan_supports(const ProtobufCMessageDescriptor *desc)
{
    struct {
        const ProtobufCMessageDescriptor *desc;
        unsigned next; /* field to look at */
    } path[TN_SCAN_DEPTH_MAX];
    unsigned depth = 0;

    path[depth].desc = desc;
    path[depth++].next = 0;
    while (depth > 0) {
        const ProtobufCMessageDescriptor *type = path[depth - 1].desc;
        unsigned i = path[depth - 1].next++;

        if (type->sizeof_message > TN_SCAN_STRUCT_BYTES_MAX)
            return false;
        if (i == type->n_fields) {
            depth--;
            continue;
        }
        if (type->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (depth == TN_SCAN_DEPTH_MAX) /* a type inside itself ends here too */
            return false;
        path[depth].desc = type->fields[i].descriptor;
        path[depth++].next = 0;
    }
    return true;
}
