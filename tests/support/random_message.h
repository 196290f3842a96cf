/* SPDX-License-Identifier: MIT */
/* Messages of any type with any content, made along their descriptors. */
#ifndef TN_TESTS_SUPPORT_RANDOM_MESSAGE_H
#define TN_TESTS_SUPPORT_RANDOM_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "proto/arena.h"

/* The next number of a sequence that begins with any `*seed` (splitmix64). */
static inline uint64_t random_next(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A message of this type: about half of its fields set, numbers of every
 * magnitude, up to `max_elements` in a repeated field. Aborts without memory. */
ProtobufCMessage *random_message(const ProtobufCMessageDescriptor *desc, uint64_t *seed,
                                 unsigned max_elements, struct tn_arena *arena);

#endif
