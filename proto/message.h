/* SPDX-License-Identifier: MIT */
/*
 * Messages: from a frame's bytes to a struct and back.
 *
 * Unpacking scans first (proto/scan.h) and takes memory from an arena only, so
 * a message is never freed: tn_arena_reset() ends the lives of all of them. Do
 * not call protobuf-c's free_unpacked on them.
 * Threads: one at a time per arena and per buffer.
 */
#ifndef TN_PROTO_MESSAGE_H
#define TN_PROTO_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "proto/arena.h"
#include "proto/buffer.h"
#include "proto/scan.h"
#include "proto/status.h"
#include "tenure/v1/store.pb-c.h"

/*
 * Unpacks a message of type `desc` into the arena. Bytes and strings are copied,
 * so `payload` is not needed afterwards.
 *
 * Fails as tn_scan() does, and with TN_ERR_LIMIT (MESSAGE_TOO_COSTLY) if the
 * arena's cap is below what the message needs, or TN_ERR_NOMEM. `ret_status` may
 * be NULL. What was taken from the arena stays taken until it is reset.
 */
TN_MUST_CHECK int tn_message_unpack(const ProtobufCMessageDescriptor *desc, struct tn_slice payload,
                                    const struct tn_scan_limits *limits, struct tn_arena *arena,
                                    ProtobufCMessage **ret_message, struct tn_status *ret_status);

/*
 * The same for a request; fails also with TN_ERR_INVAL if it has no id
 * (REQUEST_ID_MISSING) or no operation (REQUEST_EMPTY).
 */
TN_MUST_CHECK int tn_message_unpack_request(struct tn_slice payload,
                                            const struct tn_scan_limits *limits,
                                            struct tn_arena *arena,
                                            Tenure__V1__Request **ret_request,
                                            struct tn_status *ret_status);

/* The same for a response, of which nothing is required. */
TN_MUST_CHECK int tn_message_unpack_response(struct tn_slice payload,
                                             const struct tn_scan_limits *limits,
                                             struct tn_arena *arena,
                                             Tenure__V1__Response **ret_response,
                                             struct tn_status *ret_status);

/*
 * The id of a request or response that could not be unpacked, so that the
 * failure can be told to whom it concerns: read from the first field, where all
 * encoders write it. 0 if it is not there. Reads at most 11 bytes.
 */
uint64_t tn_message_peek_id(struct tn_slice payload);

/*
 * Appends a message with its frame prefix to `out`. Fails with TN_ERR_TOO_BIG if
 * it is longer than `max_bytes` or than what fits into the buffer, and with
 * TN_ERR_NOMEM; the buffer is unchanged then.
 */
TN_MUST_CHECK int tn_message_pack(const ProtobufCMessage *message, size_t max_bytes,
                                  struct tn_buffer *out);

TN_MUST_CHECK static inline int tn_message_pack_request(const Tenure__V1__Request *request,
                                                        size_t max_bytes, struct tn_buffer *out)
{
    return tn_message_pack(&request->base, max_bytes, out);
}

TN_MUST_CHECK static inline int tn_message_pack_response(const Tenure__V1__Response *response,
                                                         size_t max_bytes, struct tn_buffer *out)
{
    return tn_message_pack(&response->base, max_bytes, out);
}

#endif
