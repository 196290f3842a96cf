/* SPDX-License-Identifier: MIT */
/*
 * Packing and unpacking along the descriptors, without protobuf-c's help.
 *
 * The structs and descriptors are protobuf-c's, and so is every field and byte of
 * the result (but a float of -0.0, which protobuf-c loses). Only the way there is
 * shorter: protobuf-c measures each message again for every level above it, looks
 * at all members of a oneof, and notes down each field before it reads it.
 * proto/README.md has the figures.
 *
 * Internal to proto/; others use message.h.
 */
#ifndef TN_PROTO_PACK_H
#define TN_PROTO_PACK_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "proto/arena.h"

/* How many lengths are kept from measuring to writing; the others are measured again. */
#define TN_PACK_LENGTHS 64

/* The lengths of the messages and packed columns inside a message, in the order
 * in which they are written. */
struct tn_pack_lengths {
    size_t n; /* counted; may be more than are kept */
    size_t length[TN_PACK_LENGTHS];
};

/* Bytes that the message will have when it is packed. */
size_t tn_pack_measure(const ProtobufCMessage *message, struct tn_pack_lengths *ret_lengths);

/* Writes a message that was measured and not changed since; returns the position
 * behind it. */
uint8_t *tn_pack_write(const ProtobufCMessage *message, struct tn_pack_lengths *lengths,
                       uint8_t *out);

/*
 * Unpacks a message that tn_scan() has passed, which is relied upon: nothing is
 * checked again. Takes no more from the arena than the scan has said. NULL if the
 * arena refuses or the system has no memory.
 */
TN_MUST_CHECK ProtobufCMessage *tn_unpack_scanned(const ProtobufCMessageDescriptor *desc,
                                                  struct tn_slice payload, struct tn_arena *arena);

#endif
