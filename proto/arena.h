/* SPDX-License-Identifier: MIT */
/*
 * Memory of one request: handed out by moving a pointer, given back all at once.
 *
 * Invariant: what is handed out since the last reset, with alignment, is at most
 * `cap_bytes`; so whatever a message makes protobuf-c do, it ends in a clean
 * failure and not in a large process. The first chunk stays, so that ordinary
 * requests never reach malloc.
 * Under AddressSanitizer, what is not handed out is poisoned.
 * Threads: one at a time. An arena must not be moved once it is initialised.
 */
#ifndef TN_PROTO_ARENA_H
#define TN_PROTO_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

#define TN_ARENA_ALIGN ((size_t)16)

struct tn_arena_chunk;

struct tn_arena {
    ProtobufCAllocator allocator; /* for protobuf-c; its free does nothing */
    uint8_t *at;                  /* next free byte of the current chunk, aligned */
    uint8_t *end;                 /* of the current chunk, or where the cap is met */
    struct tn_arena_chunk *current;
    struct tn_arena_chunk *first;
    size_t spent_bytes; /* handed out from chunks before the current one */
    size_t cap_bytes;
    size_t next_chunk_bytes;
    bool refused; /* the cap was met since the last reset */
};

/* What an allocation of `size` bytes counts for. `size` must be below SIZE_MAX / 2. */
static inline size_t tn_arena_rounded(size_t size)
{
    return (size + TN_ARENA_ALIGN - 1) & ~(TN_ARENA_ALIGN - 1);
}

/*
 * Allocates the chunk that stays, for at least `first_bytes`; never more than
 * `cap_bytes` will be handed out between two resets. Fails with TN_ERR_NOMEM.
 */
TN_MUST_CHECK int tn_arena_init(struct tn_arena *arena, size_t first_bytes, size_t cap_bytes);

/* Frees everything. Also works on an arena of zero bytes. */
void tn_arena_fini(struct tn_arena *arena);

/* Takes back everything that was handed out. Keeps the first chunk. */
void tn_arena_reset(struct tn_arena *arena);

/* The out-of-line half of tn_arena_alloc(). */
TN_MUST_CHECK void *tn_arena_alloc_slow(struct tn_arena *arena, size_t size);

/*
 * Memory of `size` bytes, aligned to 16, not cleared, valid until the next
 * reset. NULL if the cap is met (then tn_arena_is_refused()) or the system has
 * no memory. For size 0, a pointer that is not NULL.
 */
TN_MUST_CHECK static inline void *tn_arena_alloc(struct tn_arena *arena, size_t size)
{
    uint8_t *at = arena->at;

    /* What is left is a multiple of the alignment, so the rounded size fits too. */
    if (TN_ASAN || TN_UNLIKELY(size > (size_t)(arena->end - at)))
        return tn_arena_alloc_slow(arena, size);
    arena->at = at + tn_arena_rounded(size);
    return at;
}

/*
 * Memory of `new_size` bytes that begins with the first `old_size` bytes of
 * `old`, which came from this arena with that size, or is NULL with 0. Extends
 * in place where it was the last allocation. NULL as for tn_arena_alloc(); what
 * was in `old` stays there in any case.
 */
TN_MUST_CHECK void *tn_arena_grow(struct tn_arena *arena, void *old, size_t old_size,
                                  size_t new_size);

/* Sees to it that the next `size` bytes come from one chunk. Fails with
 * TN_ERR_LIMIT if that would pass the cap, or TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_arena_reserve(struct tn_arena *arena, size_t size);

/* Bytes handed out since the last reset, with alignment. */
size_t tn_arena_used(const struct tn_arena *arena);

/* Whether something was refused for the cap's sake since the last reset. */
static inline bool tn_arena_is_refused(const struct tn_arena *arena)
{
    return arena->refused;
}

#endif
