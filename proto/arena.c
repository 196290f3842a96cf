/* SPDX-License-Identifier: MIT */
/*
 * A list of chunks, the first of which stays. Chunks double in size up to 1 MiB,
 * so that a large message needs few of them; a larger allocation gets a chunk of
 * its own size. What is left at the end of a chunk is given up: it was never
 * handed out, so it counts for nothing.
 */
#include "proto/arena.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"

#if TN_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, size) __asan_poison_memory_region(at, size)
#define UNPOISON(at, size) __asan_unpoison_memory_region(at, size)
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

#define CHUNK_BYTES_MIN ((size_t)256)
#define CHUNK_BYTES_MAX ((size_t)1 << 20)

/* No cap is larger, so that a larger size is refused like this one, before any
 * arithmetic on it can overflow. */
#define ALLOC_BYTES_MAX (((size_t)1 << 62) - TN_ARENA_ALIGN)

struct tn_arena_chunk {
    struct tn_arena_chunk *next; /* allocated after this one */
    size_t size;                 /* of what follows */
};

_Static_assert(sizeof(struct tn_arena_chunk) % TN_ARENA_ALIGN == 0, "chunks begin aligned");

static uint8_t *chunk_begin(struct tn_arena_chunk *chunk)
{
    return (uint8_t *)(chunk + 1);
}

static struct tn_arena_chunk *chunk_new(size_t size)
{
    struct tn_arena_chunk *chunk = malloc(sizeof(*chunk) + size);

    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->size = size;
    return chunk;
}

static void chunk_free(struct tn_arena_chunk *chunk)
{
    UNPOISON(chunk_begin(chunk), chunk->size); /* malloc will use it for others */
    free(chunk);
}

/* Makes a chunk current, of which nothing is handed out; `spent_bytes` is right. */
static void use_chunk(struct tn_arena *arena, struct tn_arena_chunk *chunk)
{
    size_t left = arena->cap_bytes - arena->spent_bytes;

    arena->current = chunk;
    arena->at = chunk_begin(chunk);
    arena->end = arena->at + (chunk->size < left ? chunk->size : left);
    POISON(arena->at, chunk->size);
}

static void *alloc_callback(void *allocator_data, size_t size)
{
    return tn_arena_alloc(allocator_data, size);
}

static void free_callback(void *allocator_data, void *pointer)
{
    (void)allocator_data;
    (void)pointer;
}

int tn_arena_init(struct tn_arena *arena, size_t first_bytes, size_t cap_bytes)
{
    struct tn_arena_chunk *chunk;

    TN_ASSERT(first_bytes < ALLOC_BYTES_MAX);
    if (cap_bytes >= ALLOC_BYTES_MAX)
        cap_bytes = ALLOC_BYTES_MAX - TN_ARENA_ALIGN;
    if (first_bytes < CHUNK_BYTES_MIN)
        first_bytes = CHUNK_BYTES_MIN;
    chunk = chunk_new(tn_arena_rounded(first_bytes));
    if (!chunk)
        return TN_ERR_NOMEM;
    *arena = (struct tn_arena){
        .allocator = { .alloc = alloc_callback, .free = free_callback, .allocator_data = arena },
        .first = chunk,
        .cap_bytes = cap_bytes & ~(TN_ARENA_ALIGN - 1),
    };
    tn_arena_reset(arena);
    return 0;
}

static void free_all_but_first(struct tn_arena *arena)
{
    struct tn_arena_chunk *chunk = arena->first->next;

    while (chunk) {
        struct tn_arena_chunk *next = chunk->next;

        chunk_free(chunk);
        chunk = next;
    }
    arena->first->next = NULL;
}

void tn_arena_fini(struct tn_arena *arena)
{
    if (!arena->first)
        return;
    free_all_but_first(arena);
    chunk_free(arena->first);
    *arena = (struct tn_arena){ 0 };
}

void tn_arena_reset(struct tn_arena *arena)
{
    if (arena->first->next)
        free_all_but_first(arena);
    arena->spent_bytes = 0;
    arena->next_chunk_bytes = arena->first->size;
    arena->refused = false;
    use_chunk(arena, arena->first);
}

size_t tn_arena_used(const struct tn_arena *arena)
{
    return arena->spent_bytes + (size_t)(arena->at - chunk_begin(arena->current));
}

/* Sees to it that `size` bytes, a multiple of the alignment, are free at `at`. */
static int make_room(struct tn_arena *arena, size_t size)
{
    size_t used = tn_arena_used(arena);
    struct tn_arena_chunk *chunk;

    if (TN_LIKELY(size <= (size_t)(arena->end - arena->at)))
        return 0;
    if (size > arena->cap_bytes - used) {
        arena->refused = true;
        return TN_ERR_LIMIT;
    }
    if (arena->next_chunk_bytes < CHUNK_BYTES_MAX)
        arena->next_chunk_bytes *= 2;
    chunk = chunk_new(size > arena->next_chunk_bytes ? size : arena->next_chunk_bytes);
    if (!chunk)
        return TN_ERR_NOMEM;
    arena->current->next = chunk;
    arena->spent_bytes = used;
    use_chunk(arena, chunk);
    return 0;
}

void *tn_arena_alloc_slow(struct tn_arena *arena, size_t size)
{
    uint8_t *at;

    if (make_room(arena, size > ALLOC_BYTES_MAX ? ALLOC_BYTES_MAX : tn_arena_rounded(size)) < 0)
        return NULL;
    at = arena->at;
    arena->at += tn_arena_rounded(size);
    UNPOISON(at, size);
    return at;
}

void *tn_arena_grow(struct tn_arena *arena, void *old, size_t old_size, size_t new_size)
{
    uint8_t *bytes = old;
    void *moved;

    TN_ASSERT(new_size >= old_size);
    if (bytes && new_size <= ALLOC_BYTES_MAX && bytes + tn_arena_rounded(old_size) == arena->at) {
        size_t more = tn_arena_rounded(new_size) - tn_arena_rounded(old_size);

        if (more <= (size_t)(arena->end - arena->at)) {
            arena->at += more;
            UNPOISON(bytes, new_size);
            return bytes;
        }
    }

    moved = tn_arena_alloc(arena, new_size);
    if (moved && old_size > 0)
        memcpy(moved, old, old_size);
    return moved;
}

int tn_arena_reserve(struct tn_arena *arena, size_t size)
{
    return make_room(arena, size > ALLOC_BYTES_MAX ? ALLOC_BYTES_MAX : tn_arena_rounded(size));
}
