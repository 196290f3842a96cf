/* SPDX-License-Identifier: MIT */
/*
 * A message type with a field of each type that protobuf-c has, single and
 * repeated, and with so many gaps in its numbers that fields are looked up the
 * long way. The product's own schema uses few of the types; the codec is made
 * for all of them, and tested with this one.
 */
#ifndef TN_TESTS_SUPPORT_EVERY_TYPE_H
#define TN_TESTS_SUPPORT_EVERY_TYPE_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#define EVERY_TYPE_N 17 /* types */

struct every_type_message {
    ProtobufCMessage base;
    union {
        uint32_t u32;
        uint64_t u64;
        char *string;
        ProtobufCBinaryData bytes;
        struct every_type_leaf *leaf;
    } single[EVERY_TYPE_N];
    struct {
        size_t n;
        void *array;
    } repeated[EVERY_TYPE_N];
};

/* The message that is inside. */
struct every_type_leaf {
    ProtobufCMessage base;
    uint32_t number; /* field 1, uint32 */
    char *text;      /* field 2, string */
};

/* The numbers of the fields of a type. */
uint32_t every_type_single_number(ProtobufCType type);
uint32_t every_type_repeated_number(ProtobufCType type);

/* Made at the first call; for one thread. */
const ProtobufCMessageDescriptor *every_type_descriptor(void);

void every_type_message_init(struct every_type_message *message);
void every_type_leaf_init(struct every_type_leaf *leaf);

#endif
