/* SPDX-License-Identifier: MIT */
#include "core/object/identity.h"

#include "core/object/heap_internal.h"

#define ROUNDS 4 /* as many as make a Feistel cipher of random functions one of the same kind */

/*
 * The address, enciphered with a key of the heap's: one to one, so two objects
 * that are alive at once have two identities, and nobody can tell addresses or
 * distances from them.
 */
static uint64_t encipher(const struct tn_siphash_key *key, uint64_t address)
{
    uint32_t left = (uint32_t)(address >> 32);
    uint32_t right = (uint32_t)address;

    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint32_t mixed = left ^ (uint32_t)tn_siphash_u64(key, round << 32 | right);

        left = right;
        right = mixed;
    }
    return (uint64_t)left << 32 | right;
}

uint64_t tn_identity_of_address(const struct tn_heap *heap, uint64_t address)
{
    uint64_t identity = encipher(&heap->identity_key, address);

    /* No object has the address 0, so nobody has this one's either. */
    return identity != 0 ? identity : encipher(&heap->identity_key, 0);
}

uint64_t tn_identity(const struct tn_heap *heap, const struct tn_object *o)
{
    return tn_identity_of_address(heap, (uintptr_t)o);
}
