/* SPDX-License-Identifier: MIT */
/* See message.h. The pre-scan decides; unpacking then does what it was found safe to do. */
#include "proto/message.h"

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/frame.h"
#include "proto/pack.h"
#include "proto/varint.h"

int tn_message_unpack(const ProtobufCMessageDescriptor *desc, struct tn_slice payload,
                      const struct tn_scan_limits *limits, struct tn_arena *arena,
                      ProtobufCMessage **ret_message, struct tn_status *ret_status)
{
    struct tn_scan_info info;
    ProtobufCMessage *message;
    int r;

    r = tn_scan(desc, payload, limits, &info, ret_status);
    if (r < 0)
        return r;
    r = tn_arena_reserve(arena, info.arena_bytes);
    if (r < 0)
        return tn_status_set(ret_status, r == TN_ERR_NOMEM ? TN_REASON_OUT_OF_MEMORY
                                                           : TN_REASON_MESSAGE_TOO_COSTLY);

    message = tn_unpack_scanned(desc, payload, arena);
    if (!message) /* not even possible, as the memory is reserved; but it is input */
        return tn_status_set(ret_status, TN_REASON_MESSAGE_TOO_COSTLY);
    *ret_message = message;
    return 0;
}

int tn_message_unpack_request(struct tn_slice payload, const struct tn_scan_limits *limits,
                              struct tn_arena *arena, Tenure__V1__Request **ret_request,
                              struct tn_status *ret_status)
{
    ProtobufCMessage *message = NULL;
    Tenure__V1__Request *request;
    int r;

    r = tn_message_unpack(&tenure__v1__request__descriptor, payload, limits, arena, &message,
                          ret_status);
    if (r < 0)
        return r;
    request = (Tenure__V1__Request *)message;
    if (request->id == 0)
        return tn_status_set(ret_status, TN_REASON_REQUEST_ID_MISSING);
    if (request->op_case == TENURE__V1__REQUEST__OP__NOT_SET)
        return tn_status_set(ret_status, TN_REASON_REQUEST_EMPTY);
    *ret_request = request;
    return 0;
}

int tn_message_unpack_response(struct tn_slice payload, const struct tn_scan_limits *limits,
                               struct tn_arena *arena, Tenure__V1__Response **ret_response,
                               struct tn_status *ret_status)
{
    ProtobufCMessage *message = NULL;
    int r;

    r = tn_message_unpack(&tenure__v1__response__descriptor, payload, limits, arena, &message,
                          ret_status);
    if (r < 0)
        return r;
    *ret_response = (Tenure__V1__Response *)message;
    return 0;
}

uint64_t tn_message_peek_id(struct tn_slice payload)
{
    const uint8_t *bytes = payload.data;
    uint64_t id = 0;
    unsigned shift = 0;

    if (payload.len < 2 || bytes[0] != (1 << 3 | PROTOBUF_C_WIRE_TYPE_VARINT))
        return 0;
    for (size_t i = 1; i < payload.len && shift < 64; i++, shift += 7) {
        if (shift == 63 && bytes[i] > 1)
            return 0;
        id |= (uint64_t)(bytes[i] & 0x7f) << shift;
        if (bytes[i] < 0x80)
            return id;
    }
    return 0;
}

int tn_message_pack(const ProtobufCMessage *message, size_t max_bytes, struct tn_buffer *out)
{
    struct tn_pack_lengths lengths;
    size_t len = tn_pack_measure(message, &lengths);
    uint8_t *end;
    int r;

    if (len > max_bytes || len > TN_FRAME_BYTES_MAX)
        return TN_ERR_TOO_BIG;
    r = tn_buffer_reserve(out, TN_FRAME_PREFIX_MAX + len);
    if (r < 0)
        return r;
    end = tn_varint_write(tn_buffer_end(out), len);
    end = tn_pack_write(message, &lengths, end);
    tn_buffer_commit(out, (size_t)(end - tn_buffer_end(out)));
    return 0;
}
