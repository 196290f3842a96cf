/* SPDX-License-Identifier: MIT */
/*
 * Walking through entries in the order of their numbers. Every step begins at
 * the root again when it leaves a leaf, so it does not matter what is rebuilt
 * meanwhile; within a leaf that has been replaced, a walk goes on in the old one.
 */
#include "core/types/entries.h"

#include "core/base/yield.h"
#include "core/object/slot.h"

/* The first place of a node from `index` on, and which it is. False if none is. */
static bool node_place_from(const struct tn_entries_node *node, uint64_t index,
                            unsigned int *ret_place, uint64_t *ret_index)
{
    uint64_t left = index >= 64 ? 0 : node->present >> index << index;

    if (left == 0)
        return false;
    *ret_index = (uint64_t)__builtin_ctzll(left);
    *ret_place = (unsigned int)tn_entries_sparse_place(node, *ret_index);
    return true;
}

/* The first child of a node from `*index` on; moves *index to it. 0: none. */
static uintptr_t node_child_from(const struct tn_entries_node *node, uint64_t *index)
{
    unsigned int place;

    while (node_place_from(node, *index, &place, index)) {
        /* Pairs with the release in ref_publish(). */
        uintptr_t ref =
            atomic_load_explicit(tn_entries_child_place(node, place), memory_order_acquire);

        if (ref != 0)
            return ref;
        ++*index;
    }
    return 0;
}

/* Finds the leaf of walk->number, or the first one after it, and moves the number
 * there. False if there is none. */
static bool walk_find_leaf(struct tn_entries_walk *walk)
{
    unsigned int n_slots = walk->entries->n_slots;
    uint64_t leaf = tn_entries_leaf_of(walk->number, n_slots);

    for (;;) {
        uintptr_t ref = atomic_load_explicit(&walk->entries->root, memory_order_acquire);
        unsigned int level = ref == 0 ? 0 : tn_entries_node_of(ref)->level;

        if (ref == 0 || leaf >> (level * TN_ENTRIES_FAN_BITS) != 0)
            return false;
        while (level > 0) {
            uint64_t index = tn_entries_child_index(leaf, level);
            uint64_t found = index;
            unsigned int shift = (level - 1) * TN_ENTRIES_FAN_BITS;

            ref = node_child_from(tn_entries_node_of(ref), &found);
            if (ref == 0) {
                /* Nothing more below this node: go on behind it, from the root. */
                shift += TN_ENTRIES_FAN_BITS;
                leaf = ((leaf >> shift) + 1) << shift;
                break;
            }
            if (found != index)
                leaf = ((leaf >> shift) + (found - index)) << shift;
            level--;
        }
        if (ref != 0) {
            walk->leaf = tn_entries_node_of(ref);
            walk->leaf_first = leaf * tn_entries_leaf(n_slots);
            if (walk->number < walk->leaf_first)
                walk->number = walk->leaf_first;
            return true;
        }
    }
}

tn_slot *tn_entries_next(struct tn_entries_walk *walk, uint64_t *ret_number)
{
    unsigned int n_slots = walk->entries->n_slots;

    for (;;) {
        unsigned int place;
        uint64_t index;

        if (walk->leaf == NULL && !walk_find_leaf(walk))
            return NULL;
        while (node_place_from(walk->leaf, walk->number - walk->leaf_first, &place, &index)) {
            tn_slot *entry = tn_entries_leaf_place(walk->leaf, place, n_slots);

            walk->number = walk->leaf_first + index;
            /* Pairs with the release in tn_entries_added(). */
            if (walk->number >= atomic_load_explicit(&walk->entries->end, memory_order_acquire))
                return NULL;
            *ret_number = walk->number++;
            if (tn_slot_load(&entry[TN_ENTRY_KEY]) != NULL)
                return entry;
        }
        tn_yield();
        walk->number = walk->leaf_first + tn_entries_leaf(n_slots);
        walk->leaf = NULL;
    }
}
