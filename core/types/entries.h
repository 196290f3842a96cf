/* SPDX-License-Identifier: MIT */
/*
 * Entries: what a large table (table.h) holds, in the order in which it came. An
 * entry is one slot or two, alike in all of a tree: a key alone, as the member of
 * a set, or a key and behind it a value, as in a dict.
 *
 * Every entry has a number, the next one when it is added, and keeps it for
 * life; numbers are not used twice. They lead to the entries through a tree of
 * fixed shape: leaves of tn_entries_leaf() consecutive numbers, inner nodes of
 * TN_ENTRIES_FAN children. So a position in a scan is a number, growing copies
 * nothing, and an index may refer to an entry by its number.
 *
 * A node has places only for numbers that are or will be in use. A "dense" one
 * has a place for every number that has been given out, in their order from 0; it
 * is found without looking at the node's head. In a "sparse" one a bitmap says
 * which numbers have a place. Which of the two it is says the lowest bit of the
 * reference to it.
 * Nodes are rebuilt, one at a time, when they need more places or when half of
 * their places are not in use any more. So memory follows the number of entries,
 * however many have come and gone, and no operation costs more than one node per
 * level of the tree. A leaf of keys, a leaf of pairs and an inner node are 512, 1024
 * and 544 bytes at most.
 *
 * How many slots an entry has is a constant wherever a key is searched, so it costs
 * nothing there.
 *
 * Threads: changed under the lock of the table; read without it under RCU. A node
 * that is replaced stays as it was, so a reader in it sees the entries as they
 * were when it came, or newer. The slots of an entry are NULL before it is there
 * and after it has gone.
 */
#ifndef TN_CORE_TYPES_ENTRIES_H
#define TN_CORE_TYPES_ENTRIES_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/yield.h"
#include "core/object/flat.h"
#include "core/object/mutator.h"
#include "core/object/object.h"

#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define TN_ENTRIES_LEAF_KEYS 5
#define TN_ENTRIES_LEAF_PAIRS 5
#define TN_ENTRIES_FAN_BITS 2
#else
#define TN_ENTRIES_LEAF_KEYS 60  /* so that a leaf is 512 bytes, a block of a pool */
#define TN_ENTRIES_LEAF_PAIRS 62 /* so that a leaf is 1024 bytes, as allocators like it */
#define TN_ENTRIES_FAN_BITS 6
#endif
#define TN_ENTRIES_FAN (1 << TN_ENTRIES_FAN_BITS)
/* Numbers are payloads of a flat index. */
#define TN_ENTRIES_MAX TN_FLAT_PAYLOAD_MAX
/* Levels of a tree that holds them all. */
#define TN_ENTRIES_LEVELS                                                                          \
    ((TN_FLAT_PAYLOAD_BITS + TN_ENTRIES_FAN_BITS - 1) / TN_ENTRIES_FAN_BITS + 1)

/* The slots of an entry, which is referred to by its first one. */
#define TN_ENTRY_KEY 0
#define TN_ENTRY_VALUE 1
#define TN_ENTRY_SLOTS_MAX 2

/* A reference to a node: its address, and TN_ENTRIES_SPARSE. 0: none. */
typedef _Atomic(uintptr_t) tn_entries_ref;
#define TN_ENTRIES_SPARSE ((uintptr_t)1)

struct tn_entries_node {
    /* [const] */
    struct tn_buffer buffer; /* first */
    uint64_t present;        /* which numbers (or children) have a place, one bit each */
    uint8_t level;           /* 0: a leaf */
    bool is_sparse;
    uint16_t n_places;
    /* [lock] */
    uint32_t n_used; /* places that hold an entry or a child */
    /* [rcu]    entries or tn_entries_ref, n_places of them */
    _Alignas(8) unsigned char places[];
};

static_assert(sizeof(struct tn_entries_node) == 32, "a leaf is 32 bytes and its entries");
static_assert(TN_ENTRIES_LEAF_KEYS <= 64 && TN_ENTRIES_LEAF_PAIRS <= 64 && TN_ENTRIES_FAN <= 64,
              "present has a bit for each");

/* All zeros, but for n_slots: none. */
struct tn_entries {
    /* [rcu] */
    tn_entries_ref root;
    /* [atomic] numbers below this are given out; written by the holder of the lock */
    _Atomic(uint64_t) end;
    /* [atomic] of all nodes; likewise */
    _Atomic(size_t) bytes;
    /* [lock]   the leaf of the place that tn_entries_reserve() returned last, if it
     *          is still in the tree, and the number of the leaf's first entry */
    struct tn_entries_node *tail;
    uint64_t tail_first;
    /* [const]  slots of an entry: 1 or 2 */
    unsigned int n_slots;
};

/* How many numbers the leaf of a tree is for, whose entries have so many slots. */
TN_ALWAYS_INLINE uint64_t tn_entries_leaf(unsigned int n_slots)
{
    return n_slots == 1 ? TN_ENTRIES_LEAF_KEYS : TN_ENTRIES_LEAF_PAIRS;
}

/* Which leaf a number belongs to; by constants, which is cheaper than a division. */
TN_ALWAYS_INLINE uint64_t tn_entries_leaf_of(uint64_t number, unsigned int n_slots)
{
    return n_slots == 1 ? number / TN_ENTRIES_LEAF_KEYS : number / TN_ENTRIES_LEAF_PAIRS;
}

TN_ALWAYS_INLINE struct tn_entries_node *tn_entries_node_of(uintptr_t ref)
{
    return (struct tn_entries_node *)(ref & ~TN_ENTRIES_SPARSE);
}

TN_ALWAYS_INLINE tn_slot *tn_entries_leaf_place(const struct tn_entries_node *node,
                                                unsigned int place, unsigned int n_slots)
{
    return &((tn_slot *)(uintptr_t)node->places)[place * n_slots];
}

TN_ALWAYS_INLINE tn_entries_ref *tn_entries_child_place(const struct tn_entries_node *node,
                                                        unsigned int place)
{
    return &((tn_entries_ref *)(uintptr_t)node->places)[place];
}

/* Which child of a node on `level` a leaf is below. */
TN_ALWAYS_INLINE uint64_t tn_entries_child_index(uint64_t leaf, unsigned int level)
{
    return leaf >> ((level - 1) * TN_ENTRIES_FAN_BITS) & (TN_ENTRIES_FAN - 1);
}

/* The place of a number or child in a sparse node; -1 if it has none. */
TN_ALWAYS_INLINE int tn_entries_sparse_place(const struct tn_entries_node *node, uint64_t index)
{
    uint64_t bit = UINT64_C(1) << index;

    if ((node->present & bit) == 0)
        return -1;
    return __builtin_popcountll(node->present & (bit - 1));
}

/*
 * The entry with a number that the caller has seen given out, or NULL if it has
 * gone. `n_slots` is that of the entries, a constant if the caller knows it. Under
 * the lock or in a read section. Wait-free.
 */
TN_ALWAYS_INLINE tn_slot *tn_entries_find(const struct tn_entries *entries, uint64_t number,
                                          unsigned int n_slots)
{
    uint64_t leaf = tn_entries_leaf_of(number, n_slots);
    uint64_t index;
    /* Pairs with the releases in entries.c: the nodes are seen whole. */
    uintptr_t ref = atomic_load_explicit(&entries->root, memory_order_acquire);
    const struct tn_entries_node *node = tn_entries_node_of(ref);
    unsigned int level;
    int place;

    if (TN_UNLIKELY(ref == 0))
        return NULL;
    for (level = node->level; level > 0; level--) {
        tn_yield();
        index = tn_entries_child_index(leaf, level);
        place = (int)index;
        if (TN_UNLIKELY((ref & TN_ENTRIES_SPARSE) != 0)) {
            place = tn_entries_sparse_place(node, index);
            if (place < 0)
                return NULL;
        }
        ref = atomic_load_explicit(tn_entries_child_place(node, (unsigned int)place),
                                   memory_order_acquire);
        if (TN_UNLIKELY(ref == 0))
            return NULL;
        node = tn_entries_node_of(ref);
    }
    index = number - leaf * tn_entries_leaf(n_slots);
    place = (int)index;
    if (TN_UNLIKELY((ref & TN_ENTRIES_SPARSE) != 0)) {
        place = tn_entries_sparse_place(node, index);
        if (place < 0)
            return NULL;
    }
    return tn_entries_leaf_place(node, (unsigned int)place, n_slots);
}

/* ---- Changing: under the lock ---- */

/* Leaves out the numbers up to `number`, which is not below `end`. */
void tn_entries_skip_to(struct tn_entries *entries, uint64_t number);

/*
 * The empty place of the entry that comes next, with the number `end`. The
 * caller fills it, the key last, and calls tn_entries_added(); or does neither.
 * TN_ERR_NOMEM, TN_ERR_LIMIT, TN_ERR_TOO_MANY.
 */
TN_MUST_CHECK int tn_entries_reserve(struct tn_mutator *mu, struct tn_entries *entries,
                                     tn_slot **ret_entry);
void tn_entries_added(struct tn_entries *entries);

/* Forgets an entry whose slots have been emptied. Never fails; uses memory only
 * if it can have it. */
void tn_entries_removed(struct tn_mutator *mu, struct tn_entries *entries, uint64_t number);

/* Gives back all nodes. They may not be used any more; readers that are in them
 * find them as they were. What the slots refer to is the caller's. */
void tn_entries_destroy(struct tn_mutator *mu, struct tn_entries *entries);

/* Drop what an entry, or all of them, refer to, the latter with the nodes; see
 * tn_type.clear. */
bool tn_entry_clear(struct tn_mutator *mu, tn_slot *entry, unsigned int n_slots, size_t *budget);
bool tn_entries_clear(struct tn_mutator *mu, struct tn_entries *entries, size_t *budget);

/* ---- Walking: under the lock or in a read section ---- */

struct tn_entries_walk {
    const struct tn_entries *entries;
    uint64_t number; /* the next one to look at */
    /* where that is, or NULL */
    const struct tn_entries_node *leaf;
    uint64_t leaf_first; /* number of the leaf's first entry */
};

static inline struct tn_entries_walk tn_entries_walk_from(const struct tn_entries *entries,
                                                          uint64_t number)
{
    return (struct tn_entries_walk){ .entries = entries, .number = number };
}

/*
 * The next entry that is there, with its number, or NULL at the end. An entry
 * that is there throughout a walk is found exactly once. Wait-free.
 */
tn_slot *tn_entries_next(struct tn_entries_walk *walk, uint64_t *ret_number);

/* For tests: aborts unless every invariant holds. Under the lock. Returns how
 * many entries there are. */
uint64_t tn_entries_validate(const struct tn_entries *entries);

#endif
