/* SPDX-License-Identifier: MIT */
/*
 * Chunks: where a deque keeps its items. A chunk has a slot for each of
 * TN_CHUNK_SLOTS consecutive positions, and a number; the numbers lead to the
 * chunks through a tree of small nodes, TN_CHUNKS_FAN children each.
 *
 * The chunks of a deque have consecutive numbers, as its items have consecutive
 * positions. A node covers an aligned range of numbers. The root is the lowest
 * node that covers all chunks: it grows a new one above it when a chunk is added
 * outside of its range, and is replaced by its child when all others are gone.
 * So nothing is copied, and no operation touches more than one node per level.
 *
 * Threads: changed under the lock of the deque; read without it under RCU. What
 * is taken out of the tree stays as it is, so readers in it find their way.
 */
#ifndef TN_CORE_TYPES_CHUNKS_H
#define TN_CORE_TYPES_CHUNKS_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/yield.h"
#include "core/object/mutator.h"
#include "core/object/object.h"
#include "core/object/type.h"

#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define TN_CHUNK_SLOTS 3
#define TN_CHUNKS_FAN_BITS 2
#else
#define TN_CHUNK_SLOTS 60 /* so that a chunk is 512 bytes, the largest block of a pool */
#define TN_CHUNKS_FAN_BITS 5
#endif
#define TN_CHUNKS_FAN (1u << TN_CHUNKS_FAN_BITS)
/* Levels of a tree that has chunks for all 64-bit positions. */
#define TN_CHUNKS_LEVELS (64 / TN_CHUNKS_FAN_BITS + 1)

struct tn_chunks_node {
    /* [const] */
    struct tn_buffer buffer; /* first */
    uint64_t first;          /* the lowest number that it covers; a chunk's own */
    unsigned int level;      /* 0: a chunk */
    /* [rcu]    tn_slot, TN_CHUNK_SLOTS of them; or tn_chunks_ref, TN_CHUNKS_FAN */
    _Alignas(8) unsigned char places[];
};

static_assert(sizeof(struct tn_chunks_node) == 32, "places begin after four words");

/* A reference to a node, or to none. */
typedef _Atomic(struct tn_chunks_node *) tn_chunks_ref;

/* The numbers from `begin` to before `end`. */
struct tn_chunks_range {
    uint64_t begin;
    uint64_t end;
};

static inline bool tn_chunks_range_is_empty(struct tn_chunks_range range)
{
    return range.begin == range.end;
}

/* The chunks of `n` positions. */
static inline struct tn_chunks_range tn_chunks_of(uint64_t first, uint64_t n)
{
    uint64_t begin = first / TN_CHUNK_SLOTS;
    uint64_t end = n == 0 ? begin : (first + n - 1) / TN_CHUNK_SLOTS + 1;

    return (struct tn_chunks_range){ .begin = begin, .end = end };
}

TN_ALWAYS_INLINE tn_slot *tn_chunk_slot(const struct tn_chunks_node *chunk, uint64_t position)
{
    return &((tn_slot *)(uintptr_t)chunk->places)[position % TN_CHUNK_SLOTS];
}

TN_ALWAYS_INLINE tn_chunks_ref *tn_chunks_child(const struct tn_chunks_node *node, uint64_t number)
{
    uint64_t index = number >> ((node->level - 1) * TN_CHUNKS_FAN_BITS) & (TN_CHUNKS_FAN - 1);

    return &((tn_chunks_ref *)(uintptr_t)node->places)[index];
}

/* Pairs with the releases in chunks.c: the node is seen whole. */
TN_ALWAYS_INLINE struct tn_chunks_node *tn_chunks_load(const tn_chunks_ref *ref)
{
    return atomic_load_explicit(ref, memory_order_acquire);
}

TN_ALWAYS_INLINE bool tn_chunks_covers(const struct tn_chunks_node *node, uint64_t number)
{
    return (number - node->first) >> (node->level * TN_CHUNKS_FAN_BITS) == 0;
}

/* The chunk with a number, or NULL. Under the lock or in a read section. Wait-free. */
TN_ALWAYS_INLINE struct tn_chunks_node *tn_chunks_find(const tn_chunks_ref *root, uint64_t number)
{
    struct tn_chunks_node *node = tn_chunks_load(root);

    if (node == NULL || !tn_chunks_covers(node, number))
        return NULL;
    while (node != NULL && node->level > 0) {
        tn_yield();
        node = tn_chunks_load(tn_chunks_child(node, number));
    }
    return node;
}

/* Looks at slots one after the other, and finds each chunk once. */
struct tn_chunks_walk {
    const tn_chunks_ref *root;
    const struct tn_chunks_node *chunk; /* the last one; NULL: none */
};

/* The slot of a position, or NULL if its chunk is gone. */
TN_ALWAYS_INLINE tn_slot *tn_chunks_walk_to(struct tn_chunks_walk *walk, uint64_t position)
{
    uint64_t number = position / TN_CHUNK_SLOTS;

    if (walk->chunk == NULL || walk->chunk->first != number)
        walk->chunk = tn_chunks_find(walk->root, number);
    return walk->chunk == NULL ? NULL : tn_chunk_slot(walk->chunk, position);
}

/* Bytes of a tree with these chunks, whose root is on `root_level`. */
size_t tn_chunks_bytes(struct tn_chunks_range range, unsigned int root_level);

/* ---- Changing: under the lock of the deque, `owner` ---- */

/*
 * Sees to it that there are the chunks of a range; `have` is those that there are,
 * next to it or part of it. New slots are NULL. TN_ERR_NOMEM, TN_ERR_LIMIT: then
 * everything is as before.
 */
TN_MUST_CHECK int tn_chunks_grow(struct tn_mutator *mu, const struct tn_object *owner,
                                 tn_chunks_ref *root, struct tn_chunks_range have,
                                 struct tn_chunks_range want);

/* Gives back the chunks that are not in `keep`, whose slots are the caller's; `keep`
 * is part of `have`. Never fails. */
void tn_chunks_cut(struct tn_mutator *mu, const struct tn_object *owner, tn_chunks_ref *root,
                   struct tn_chunks_range have, struct tn_chunks_range keep);

/* ---- Walking: in a read section ---- */

/* Visits what is in any slot; see tn_type.traverse. */
int tn_chunks_traverse(const tn_chunks_ref *root, tn_visit_fn visit, void *arg);

/* For tests: aborts unless there are exactly the chunks of a range, below the
 * lowest root. Nobody changes the tree meanwhile. */
void tn_chunks_validate(const tn_chunks_ref *root, struct tn_chunks_range range);

#endif
