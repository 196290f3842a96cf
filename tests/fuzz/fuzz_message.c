/* SPDX-License-Identifier: MIT */
/*
 * Messages: whatever the pre-scan accepts unpacks within the bound that it
 * computed, means to us what it means to protobuf-c, and packs into something
 * that is accepted again and means the same.
 *
 * The first byte chooses the type of the message, the rest is the message.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/utf8.h"
#include "tests/support/every_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tn_scan_limits limits = {
    .max_depth = 8,
    .max_fields = 5000,
    .max_messages = 1000,
    .max_elements = 100000,
    .max_arena_bytes = (size_t)4 << 20,
};

static const ProtobufCMessageDescriptor *type_of(uint8_t choice)
{
    switch (choice % 3) {
    case 0:
        return &tenure__v1__request__descriptor;
    case 1:
        return &tenure__v1__response__descriptor;
    default:
        return every_type_descriptor();
    }
}

/* Unpacks with just the memory that the scan says is needed. */
static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *desc, struct tn_slice payload,
                                struct tn_arena *arena)
{
    struct tn_scan_info info;
    ProtobufCMessage *message = NULL;
    int r;

    r = tn_scan(desc, payload, &limits, &info, NULL);
    TN_ASSERT(r == 0);
    r = tn_arena_init(arena, 256, info.arena_bytes);
    TN_ASSERT(r == 0);
    r = tn_message_unpack(desc, payload, &limits, arena, &message, NULL);
    TN_ASSERT(r == 0);
    TN_ASSERT(!tn_arena_is_refused(arena) && tn_arena_used(arena) <= info.arena_bytes);
    return message;
}

static struct tn_slice pack(const ProtobufCMessage *message)
{
    struct tn_pack_lengths lengths;
    size_t len = tn_pack_measure(message, &lengths);
    uint8_t *bytes = malloc(len + 1);

    TN_ASSERT(bytes);
    TN_ASSERT(tn_pack_write(message, &lengths, bytes) == bytes + len);
    return TN_SLICE(bytes, len);
}

static void drop(struct tn_slice packed)
{
    free((void *)(uintptr_t)packed.data);
}

static void check_accepted(const ProtobufCMessageDescriptor *desc, struct tn_slice payload)
{
    struct tn_arena first;
    struct tn_arena second;
    ProtobufCMessage *ours = unpack(desc, payload, &first);
    ProtobufCMessage *theirs = protobuf_c_message_unpack(desc, NULL, payload.len, payload.data);
    struct tn_slice packed = pack(ours);
    struct tn_slice packed_theirs;
    struct tn_slice packed_again;

    TN_ASSERT(theirs);
    packed_theirs = pack(theirs);
    TN_ASSERT(tn_slice_equal(packed, packed_theirs));

    packed_again = pack(unpack(desc, packed, &second));
    TN_ASSERT(tn_slice_equal(packed, packed_again));

    drop(packed);
    drop(packed_theirs);
    drop(packed_again);
    protobuf_c_message_free_unpacked(theirs, NULL);
    tn_arena_fini(&first);
    tn_arena_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *desc;
    struct tn_status status;
    struct tn_slice payload;
    int r;

    if (size == 0)
        return 0;
    desc = type_of(data[0]);
    payload = TN_SLICE(data + 1, size - 1);
    (void)tn_message_peek_id(payload);

    tn_status_clear(&status);
    r = tn_scan(desc, payload, &limits, NULL, &status);
    TN_ASSERT((r == 0) == tn_status_is_ok(&status));
    if (r == 0) {
        check_accepted(desc, payload);
    } else {
        TN_ASSERT(r == tn_reason_err(status.reason) && status.message[0] != '\0');
        TN_ASSERT(tn_utf8_is_valid(status.message, strlen(status.message)));
    }
    return 0;
}
