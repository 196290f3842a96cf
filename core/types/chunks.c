/* SPDX-License-Identifier: MIT */
/*
 * How chunks are added and removed. chunks.h says what they are.
 *
 * Because the numbers are consecutive, nothing has to be counted: a node is of no
 * use any more when its range and the range of the chunks that stay have nothing
 * in common.
 */
#include "core/types/chunks.h"

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/object/slot.h"
#include "core/types/types_internal.h"

static size_t node_bytes(unsigned int level)
{
    return sizeof(struct tn_chunks_node) +
           (level == 0 ? TN_CHUNK_SLOTS * sizeof(tn_slot) : TN_CHUNKS_FAN * sizeof(tn_chunks_ref));
}

/* As the holder of the lock sees it: nobody else writes. */
static struct tn_chunks_node *ref_locked(const tn_chunks_ref *ref)
{
    return atomic_load_explicit(ref, memory_order_relaxed);
}

/* Pairs with the acquire in tn_chunks_load(). Also for NULL: who finds nothing
 * sees that the deque has changed before. */
static void ref_publish(tn_chunks_ref *ref, struct tn_chunks_node *node)
{
    tn_yield();
    atomic_store_explicit(ref, node, memory_order_release);
}

/* A node on `level` that covers a number, without children or items. */
static int node_new(struct tn_mutator *mu, unsigned int level, uint64_t number,
                    struct tn_chunks_node **ret_node)
{
    unsigned int shift = level * TN_CHUNKS_FAN_BITS;
    struct tn_chunks_node *node;
    struct tn_buffer *buffer;
    int r = tn_buffer_new_zeroed(mu, node_bytes(level), &buffer);

    if (r < 0)
        return r;
    node = TN_CONTAINER_OF(buffer, struct tn_chunks_node, buffer);
    node->first = number >> shift << shift;
    node->level = level;
    *ret_node = node;
    return 0;
}

/* Puts nodes above the root, of which there is one, until it covers a number. */
static int grow_up(struct tn_mutator *mu, tn_chunks_ref *root, uint64_t number)
{
    while (!tn_chunks_covers(ref_locked(root), number)) {
        struct tn_chunks_node *below = ref_locked(root);
        struct tn_chunks_node *above;
        int r = node_new(mu, below->level + 1, below->first, &above);

        if (r < 0)
            return r;
        atomic_init(tn_chunks_child(above, below->first), below);
        ref_publish(root, above);
    }
    return 0;
}

/* Makes a chunk and what is missing above it. What has been made stays on failure. */
static int add(struct tn_mutator *mu, tn_chunks_ref *root, uint64_t number)
{
    tn_chunks_ref *ref = root;
    unsigned int level = 0; /* of the node that `ref` refers to */
    int r;

    if (ref_locked(root) != NULL) {
        r = grow_up(mu, root, number);
        if (r < 0)
            return r;
        level = ref_locked(root)->level;
    }
    for (;; level--) {
        struct tn_chunks_node *node = ref_locked(ref);

        if (node == NULL) {
            r = node_new(mu, level, number, &node);
            if (r < 0)
                return r;
            ref_publish(ref, node);
        }
        if (level == 0)
            return 0;
        ref = tn_chunks_child(node, number);
    }
}

static bool is_disjoint(const struct tn_chunks_node *node, struct tn_chunks_range range)
{
    uint64_t last = node->first + ((UINT64_C(1) << (node->level * TN_CHUNKS_FAN_BITS)) - 1);

    return tn_chunks_range_is_empty(range) || last < range.begin || node->first >= range.end;
}

/* Takes a chunk out, with the nodes above it that cover none of those that stay,
 * of which there are no others. There may be only a part of them. */
static void take_out(struct tn_mutator *mu, const struct tn_object *owner, tn_chunks_ref *root,
                     uint64_t number, struct tn_chunks_range stay)
{
    struct tn_chunks_node *node = ref_locked(root);
    tn_chunks_ref *ref = root;

    if (node == NULL || !tn_chunks_covers(node, number))
        return;
    while (node != NULL && !is_disjoint(node, stay)) {
        TN_ASSERT(node->level > 0);
        ref = tn_chunks_child(node, number);
        node = ref_locked(ref);
    }
    ref_publish(ref, NULL);
    while (node != NULL) {
        struct tn_chunks_node *child =
            node->level == 0 ? NULL : ref_locked(tn_chunks_child(node, number));

        tn_container_release(mu, owner, &node->buffer);
        node = child;
    }
}

/* Lowers the root as far as one child covers all chunks. */
static void lower_root(struct tn_mutator *mu, const struct tn_object *owner, tn_chunks_ref *root,
                       struct tn_chunks_range range)
{
    struct tn_chunks_node *node = ref_locked(root);

    while (node->level > 0) {
        struct tn_chunks_node *child = ref_locked(tn_chunks_child(node, range.begin));

        if (!tn_chunks_covers(child, range.end - 1))
            return;
        ref_publish(root, child);
        tn_container_release(mu, owner, &node->buffer);
        node = child;
    }
}

void tn_chunks_cut(struct tn_mutator *mu, const struct tn_object *owner, tn_chunks_ref *root,
                   struct tn_chunks_range have, struct tn_chunks_range keep)
{
    bool is_empty = tn_chunks_range_is_empty(keep);

    if (have.begin == keep.begin && have.end == keep.end)
        return;
    while (have.begin < (is_empty ? have.end : keep.begin)) {
        uint64_t number = have.begin++;

        take_out(mu, owner, root, number, have);
    }
    while (!is_empty && have.end > keep.end) {
        uint64_t number = --have.end;

        take_out(mu, owner, root, number, have);
    }
    if (!is_empty)
        lower_root(mu, owner, root, keep);
}

int tn_chunks_grow(struct tn_mutator *mu, const struct tn_object *owner, tn_chunks_ref *root,
                   struct tn_chunks_range have, struct tn_chunks_range want)
{
    struct tn_chunks_range had = have;
    int r = 0;

    if (tn_chunks_range_is_empty(have))
        have.begin = have.end = want.begin;
    while (r == 0 && have.begin > want.begin)
        r = add(mu, root, --have.begin);
    while (r == 0 && have.end < want.end)
        r = add(mu, root, have.end++);
    if (r < 0)
        tn_chunks_cut(mu, owner, root, have, had);
    return r;
}

size_t tn_chunks_bytes(struct tn_chunks_range range, unsigned int root_level)
{
    size_t bytes = 0;

    if (tn_chunks_range_is_empty(range))
        return 0;
    for (unsigned int level = 0; level <= root_level; level++) {
        unsigned int shift = level * TN_CHUNKS_FAN_BITS;
        uint64_t n = ((range.end - 1) >> shift) - (range.begin >> shift) + 1;

        bytes += (size_t)n * node_bytes(level);
    }
    return bytes;
}

static int traverse_chunk(const struct tn_chunks_node *chunk, tn_visit_fn visit, void *arg)
{
    int r = 0;

    for (uint64_t i = 0; r >= 0 && i < TN_CHUNK_SLOTS; i++) {
        struct tn_object *item = tn_slot_load(tn_chunk_slot(chunk, i));

        if (item != NULL)
            r = visit(item, arg);
    }
    return r < 0 ? r : 0;
}

/*
 * Walks the nodes below the root that there is at the beginning. What is in a slot
 * is referenced from there, also if it has not been counted into the deque yet or
 * has just been counted out.
 */
int tn_chunks_traverse(const tn_chunks_ref *root, tn_visit_fn visit, void *arg)
{
    const struct tn_chunks_node *nodes[TN_CHUNKS_LEVELS];
    unsigned int next[TN_CHUNKS_LEVELS] = { 0 };
    const struct tn_chunks_node *node = tn_chunks_load(root);
    unsigned int root_level = node == NULL ? 0 : node->level;
    unsigned int level = root_level;
    int r = 0;

    if (node == NULL)
        return 0;
    nodes[level] = node;
    while (r == 0 && level <= root_level) {
        if (level == 0)
            r = traverse_chunk(nodes[0], visit, arg);
        if (level == 0 || next[level] == TN_CHUNKS_FAN) {
            next[level++] = 0;
            continue;
        }
        node = tn_chunks_load(&((tn_chunks_ref *)(uintptr_t)nodes[level]->places)[next[level]++]);
        if (node != NULL)
            nodes[--level] = node;
    }
    return r;
}

void tn_chunks_validate(const tn_chunks_ref *root, struct tn_chunks_range range)
{
    const struct tn_chunks_node *nodes[TN_CHUNKS_LEVELS];
    unsigned int next[TN_CHUNKS_LEVELS] = { 0 };
    const struct tn_chunks_node *node = tn_chunks_load(root);
    unsigned int level = node == NULL ? 0 : node->level;
    unsigned int root_level = level;
    uint64_t number = range.begin; /* of the chunk that comes next */

    TN_ASSERT((node == NULL) == tn_chunks_range_is_empty(range));
    if (node == NULL)
        return;
    TN_ASSERT(tn_chunks_covers(node, range.begin) && tn_chunks_covers(node, range.end - 1));
    nodes[level] = node;
    while (level <= root_level) {
        node = nodes[level];
        TN_ASSERT(node->level == level && node->buffer.size_bytes == node_bytes(level));
        TN_ASSERT(!is_disjoint(node, range));
        if (level == 0) {
            TN_ASSERT(node->first == number);
            number++;
        }
        if (level == 0 || next[level] == TN_CHUNKS_FAN) {
            next[level++] = 0;
            continue;
        }
        node = tn_chunks_load(&((tn_chunks_ref *)(uintptr_t)node->places)[next[level]++]);
        TN_ASSERT(node == NULL || level < root_level || root_level == 0 ||
                  !(tn_chunks_covers(node, range.begin) && tn_chunks_covers(node, range.end - 1)));
        if (node != NULL)
            nodes[--level] = node;
    }
    TN_ASSERT(number == range.end);
}
