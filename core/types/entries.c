/* SPDX-License-Identifier: MIT */
/*
 * How entries are added and removed. entries.h says what they are.
 *
 * Places. A new node gets a few places, from the number that is wanted on. When
 * a number has no place, its node is rebuilt with the places that are in use and
 * about as many again, so each entry is copied about once. When half of the
 * places of a node are not in use any more, it is rebuilt without them. Nodes
 * on the way to `end` are left alone until `end` has left them: they will be
 * rebuilt as they fill up, and would otherwise be squeezed and stretched in turn.
 */
#include "core/types/entries.h"

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/yield.h"
#include "core/object/slot.h"

#define PLACES_MIN 4 /* of a new node, and those for which squeezing is not worth it */

/* The way from the root to a leaf: [0] is the leaf. */
struct path {
    tn_entries_ref *refs[TN_ENTRIES_LEVELS]; /* where the reference to it is */
    struct tn_entries_node *nodes[TN_ENTRIES_LEVELS];
    unsigned int root_level;
};

/* As the holder of the lock sees it: nobody else writes. */
static uintptr_t ref_locked(tn_entries_ref *ref)
{
    return atomic_load_explicit(ref, memory_order_relaxed);
}

/* Pairs with the acquires in tn_entries_find(). */
static void ref_publish(tn_entries_ref *ref, uintptr_t value)
{
    tn_yield();
    atomic_store_explicit(ref, value, memory_order_release);
}

static uint64_t end_locked(const struct tn_entries *entries)
{
    return atomic_load_explicit(&entries->end, memory_order_relaxed);
}

static void add_bytes(struct tn_entries *entries, size_t n)
{
    atomic_store_explicit(&entries->bytes,
                          atomic_load_explicit(&entries->bytes, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static unsigned int node_fan(const struct tn_entries *entries, unsigned int level)
{
    return level == 0 ? (unsigned int)tn_entries_leaf(entries->n_slots) : TN_ENTRIES_FAN;
}

static uint64_t leaf_of(const struct tn_entries *entries, uint64_t number)
{
    return tn_entries_leaf_of(number, entries->n_slots);
}

/* Which place or child of a node on `level` a number belongs to. */
static uint64_t node_index(const struct tn_entries *entries, uint64_t number, unsigned int level)
{
    uint64_t leaf = leaf_of(entries, number);

    return level == 0 ? number - leaf * tn_entries_leaf(entries->n_slots)
                      : tn_entries_child_index(leaf, level);
}

/* The lowest level from which a root reaches a number. */
static unsigned int level_for(const struct tn_entries *entries, uint64_t number)
{
    unsigned int level = 0;

    for (uint64_t leaf = leaf_of(entries, number); leaf > 0; leaf >>= TN_ENTRIES_FAN_BITS)
        level++;
    return level;
}

/* Whether the node on `level` above a number is also above the number `end`. */
static bool is_on_way_to_end(const struct tn_entries *entries, uint64_t number, unsigned int level)
{
    uint64_t ranges = leaf_of(entries, number) ^ leaf_of(entries, end_locked(entries));

    return ranges >> (level * TN_ENTRIES_FAN_BITS) == 0;
}

static uintptr_t node_ref(const struct tn_entries_node *node)
{
    return (uintptr_t)node | (node->is_sparse ? TN_ENTRIES_SPARSE : 0);
}

static bool node_place_is_used(const struct tn_entries *entries, const struct tn_entries_node *node,
                               unsigned int place)
{
    if (node->level == 0)
        return tn_slot_load(tn_entries_leaf_place(node, place, entries->n_slots) + TN_ENTRY_KEY) !=
               NULL;
    return atomic_load_explicit(tn_entries_child_place(node, place), memory_order_relaxed) != 0;
}

/* The numbers from `first` on for which places are made beside `n_used` others. */
static uint64_t new_places(const struct tn_entries *entries, unsigned int level, uint64_t first,
                           unsigned int n_used)
{
    uint64_t n = n_used < PLACES_MIN ? PLACES_MIN : n_used;
    uint64_t n_left = node_fan(entries, level) - first;

    if (n > n_left)
        n = n_left;
    return (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << first;
}

static size_t place_bytes(const struct tn_entries *entries, unsigned int level)
{
    return level == 0 ? entries->n_slots * sizeof(tn_slot) : sizeof(tn_entries_ref);
}

/*
 * A node with these places, which include those of all numbers below `end`
 * unless it `lacks_some`. Without gaps it is dense then; but never if it lacks
 * some: a reader that comes with a number which has been removed since would
 * look behind the last place.
 */
static int node_new(struct tn_mutator *mu, struct tn_entries *entries, unsigned int level,
                    uint64_t present, bool lacks_some, struct tn_entries_node **ret_node)
{
    unsigned int n_places = (unsigned int)__builtin_popcountll(present);
    size_t bytes = sizeof(struct tn_entries_node) + n_places * place_bytes(entries, level);
    struct tn_entries_node *node;
    struct tn_buffer *buffer;
    int r = tn_buffer_new_zeroed(mu, bytes, &buffer);

    if (r < 0)
        return r;
    node = TN_CONTAINER_OF(buffer, struct tn_entries_node, buffer);
    node->present = present;
    node->level = (uint8_t)level;
    node->is_sparse = lacks_some || (present & (present + 1)) != 0;
    node->n_places = (uint16_t)n_places;
    node->n_used = 0;
    add_bytes(entries, bytes);
    *ret_node = node;
    return 0;
}

static void node_retire(struct tn_mutator *mu, struct tn_entries *entries,
                        struct tn_entries_node *node)
{
    if (node == entries->tail)
        entries->tail = NULL;
    add_bytes(entries, -node->buffer.size_bytes);
    tn_buffer_retire(mu, &node->buffer);
}

/* Puts a copy in a node's place: with the places that are in use, and `more`,
 * which is either none or from the number `end` on. */
static int node_rebuild(struct tn_mutator *mu, struct tn_entries *entries, tn_entries_ref *ref,
                        uint64_t more)
{
    struct tn_entries_node *old = tn_entries_node_of(ref_locked(ref));
    struct tn_entries_node *node;
    uint64_t used = 0;
    uint64_t left = old->present;
    int r;

    for (unsigned int i = 0; i < old->n_places; i++, left &= left - 1)
        used |= node_place_is_used(entries, old, i) ? left & -left : 0;
    r = node_new(mu, entries, old->level, used | more, more == 0, &node);
    if (r < 0)
        return r;
    left = old->present;
    for (unsigned int i = 0; i < old->n_places; i++, left &= left - 1) {
        int place = tn_entries_sparse_place(node, (uint64_t)__builtin_ctzll(left));

        if ((used & left & -left) == 0)
            continue;
        if (old->level == 0) {
            tn_slot *to = tn_entries_leaf_place(node, (unsigned int)place, entries->n_slots);
            tn_slot *from = tn_entries_leaf_place(old, i, entries->n_slots);

            for (unsigned int k = 0; k < entries->n_slots; k++)
                tn_slot_copy(&to[k], &from[k]);
        } else {
            atomic_init(tn_entries_child_place(node, (unsigned int)place),
                        ref_locked(tn_entries_child_place(old, i)));
        }
    }
    node->n_used = old->n_used;
    ref_publish(ref, node_ref(node));
    node_retire(mu, entries, old);
    return 0;
}

/* The place of a number or child, or -1. */
static int node_place(const struct tn_entries_node *node, uint64_t index)
{
    if (node->is_sparse)
        return tn_entries_sparse_place(node, index);
    return index < node->n_places ? (int)index : -1;
}

/* Walks to a number as far as there are nodes. True if there is a leaf. */
static bool path_find(struct tn_entries *entries, uint64_t number, struct path *path,
                      unsigned int *ret_lowest)
{
    tn_entries_ref *ref = &entries->root;
    unsigned int level = level_for(entries, number);
    int place;

    if (ref_locked(ref) == 0 || tn_entries_node_of(ref_locked(ref))->level < level)
        return false;
    level = tn_entries_node_of(ref_locked(ref))->level;
    path->root_level = level;
    for (;; level--) {
        path->refs[level] = ref;
        path->nodes[level] = tn_entries_node_of(ref_locked(ref));
        *ret_lowest = level;
        if (level == 0)
            return true;
        place = node_place(path->nodes[level], node_index(entries, number, level));
        if (place < 0)
            return false;
        ref = tn_entries_child_place(path->nodes[level], (unsigned int)place);
        if (ref_locked(ref) == 0)
            return false;
    }
}

static void node_squeeze(struct tn_mutator *mu, struct tn_entries *entries, tn_entries_ref *ref)
{
    const struct tn_entries_node *node = tn_entries_node_of(ref_locked(ref));

    if (node->n_places > PLACES_MIN && node->n_used > 0 && node->n_used <= node->n_places / 2)
        (void)node_rebuild(mu, entries, ref, 0); /* or it stays as large as it is */
}

/* Squeezes the nodes above `number`, which `end` has just left. */
static void squeeze_left(struct tn_mutator *mu, struct tn_entries *entries, uint64_t number)
{
    struct path path;
    unsigned int lowest = TN_ENTRIES_LEVELS;

    (void)path_find(entries, number, &path, &lowest); /* as far as there is something */
    for (unsigned int level = lowest; level < TN_ENTRIES_LEVELS; level++) {
        if (level > path.root_level || is_on_way_to_end(entries, number, level))
            break;
        node_squeeze(mu, entries, path.refs[level]);
    }
}

/* Makes the tree so high that it reaches a number. */
static int grow_up(struct tn_mutator *mu, struct tn_entries *entries, uint64_t number)
{
    unsigned int level_wanted = level_for(entries, number);
    struct tn_entries_node *node;
    uintptr_t root = ref_locked(&entries->root);
    int r;

    if (root == 0) {
        r = node_new(
            mu, entries, level_wanted,
            new_places(entries, level_wanted, node_index(entries, number, level_wanted), 0), false,
            &node);
        if (r == 0)
            ref_publish(&entries->root, node_ref(node));
        return r;
    }
    for (unsigned int level = tn_entries_node_of(root)->level + 1u; level <= level_wanted;
         level++) {
        r = node_new(mu, entries, level, new_places(entries, level, 0, 0), false, &node);
        if (r < 0)
            return r;
        atomic_init(tn_entries_child_place(node, 0), ref_locked(&entries->root));
        node->n_used = 1;
        ref_publish(&entries->root, node_ref(node));
    }
    return 0;
}

/* The place of a number or child in the node that `ref` refers to; made if there
 * is none. */
static int make_place(struct tn_mutator *mu, struct tn_entries *entries, tn_entries_ref *ref,
                      uint64_t index, unsigned int *ret_place)
{
    struct tn_entries_node *node = tn_entries_node_of(ref_locked(ref));
    int place = node_place(node, index);
    int r;

    if (place < 0) {
        r = node_rebuild(mu, entries, ref, new_places(entries, node->level, index, node->n_used));
        if (r < 0)
            return r;
        place = node_place(tn_entries_node_of(ref_locked(ref)), index);
    }
    *ret_place = (unsigned int)place;
    return 0;
}

void tn_entries_skip_to(struct tn_entries *entries, uint64_t number)
{
    TN_ASSERT(number >= end_locked(entries));
    atomic_store_explicit(&entries->end, number, memory_order_relaxed);
}

/* The way down from the root, on which there may be much to make. */
static int reserve_slow(struct tn_mutator *mu, struct tn_entries *entries, tn_slot **ret_entry)
{
    uint64_t number = end_locked(entries);
    tn_entries_ref *ref = &entries->root;
    struct tn_entries_node *node;
    unsigned int place;
    int r;

    if (number > TN_ENTRIES_MAX)
        return TN_ERR_TOO_MANY;
    if (number > 0 && node_index(entries, number, 0) == 0)
        squeeze_left(mu, entries, number - 1);
    r = grow_up(mu, entries, number);
    if (r < 0)
        return r;
    for (unsigned int level = tn_entries_node_of(ref_locked(ref))->level; level > 0; level--) {
        r = make_place(mu, entries, ref, node_index(entries, number, level), &place);
        if (r < 0)
            return r;
        node = tn_entries_node_of(ref_locked(ref));
        ref = tn_entries_child_place(node, place);
        if (ref_locked(ref) == 0) {
            struct tn_entries_node *child;
            uint64_t present =
                new_places(entries, level - 1, node_index(entries, number, level - 1), 0);

            r = node_new(mu, entries, level - 1, present, false, &child);
            if (r < 0)
                return r;
            node->n_used++;
            ref_publish(ref, node_ref(child));
        }
    }
    r = make_place(mu, entries, ref, node_index(entries, number, 0), &place);
    if (r < 0)
        return r;
    entries->tail = tn_entries_node_of(ref_locked(ref));
    entries->tail_first = number - node_index(entries, number, 0);
    *ret_entry = tn_entries_leaf_place(entries->tail, place, entries->n_slots);
    return 0;
}

int tn_entries_reserve(struct tn_mutator *mu, struct tn_entries *entries, tn_slot **ret_entry)
{
    uint64_t index = end_locked(entries) - entries->tail_first;

    if (entries->tail != NULL && index < tn_entries_leaf(entries->n_slots)) {
        int place = node_place(entries->tail, index);

        if (place >= 0) {
            *ret_entry =
                tn_entries_leaf_place(entries->tail, (unsigned int)place, entries->n_slots);
            return 0;
        }
    }
    return reserve_slow(mu, entries, ret_entry);
}

void tn_entries_added(struct tn_entries *entries)
{
    entries->tail->n_used++;
    /* Pairs with the acquire in tn_entries_next(). */
    atomic_store_explicit(&entries->end, end_locked(entries) + 1, memory_order_release);
}

/* Takes the node on a level of a path out of the tree if nothing is in it, and
 * those above that only had it. Returns the level of the first one that stays. */
static unsigned int unlink_empty(struct tn_mutator *mu, struct tn_entries *entries,
                                 const struct path *path, unsigned int level)
{
    while (level <= path->root_level && path->nodes[level]->n_used == 0) {
        /* Relaxed: whoever sees it finds nothing, and needs to see nothing else. */
        atomic_store_explicit(path->refs[level], 0, memory_order_relaxed);
        node_retire(mu, entries, path->nodes[level]);
        level++;
        if (level <= path->root_level)
            path->nodes[level]->n_used--;
    }
    return level;
}

void tn_entries_removed(struct tn_mutator *mu, struct tn_entries *entries, uint64_t number)
{
    struct path path;
    unsigned int level;
    bool is_found = path_find(entries, number, &path, &level);

    TN_ASSERT(is_found && path.nodes[0]->n_used > 0);
    path.nodes[0]->n_used--;
    level = unlink_empty(mu, entries, &path, 0);
    if (level <= path.root_level && !is_on_way_to_end(entries, number, level))
        node_squeeze(mu, entries, path.refs[level]);
}

/* The way to the first leaf; or to the first inner node without children, which
 * is what is left when there was no memory for the child. False if there is no
 * node at all. */
static bool path_first(struct tn_entries *entries, struct path *path, unsigned int *ret_lowest)
{
    tn_entries_ref *ref = &entries->root;

    if (ref_locked(ref) == 0)
        return false;
    path->root_level = tn_entries_node_of(ref_locked(ref))->level;
    for (unsigned int level = path->root_level;; level--) {
        struct tn_entries_node *node = tn_entries_node_of(ref_locked(ref));
        unsigned int place = 0;

        path->refs[level] = ref;
        path->nodes[level] = node;
        *ret_lowest = level;
        if (level == 0 || node->n_used == 0)
            return true;
        while (!node_place_is_used(entries, node, place))
            place++;
        ref = tn_entries_child_place(node, place);
    }
}

/* From the leaves to the root, which readers that still have it find whole: the
 * references stay as they are. */
void tn_entries_destroy(struct tn_mutator *mu, struct tn_entries *entries)
{
    struct tn_entries_node *nodes[TN_ENTRIES_LEVELS];
    unsigned int places[TN_ENTRIES_LEVELS] = { 0 };
    uintptr_t ref = ref_locked(&entries->root);
    unsigned int root_level = ref == 0 ? 0 : tn_entries_node_of(ref)->level;
    unsigned int level = root_level;

    if (ref == 0)
        return;
    nodes[level] = tn_entries_node_of(ref);
    while (level <= root_level) {
        struct tn_entries_node *node = nodes[level];

        if (level == 0 || places[level] == node->n_places) {
            places[level] = 0;
            node_retire(mu, entries, node);
            level++;
            continue;
        }
        ref = ref_locked(tn_entries_child_place(node, places[level]++));
        if (ref != 0)
            nodes[--level] = tn_entries_node_of(ref);
    }
    TN_ASSERT(atomic_load_explicit(&entries->bytes, memory_order_relaxed) == 0);
}

/* Drops what one slot refers to. False if the budget does not allow it. */
static bool slot_clear(struct tn_mutator *mu, tn_slot *slot, size_t *budget)
{
    if (tn_slot_load(slot) == NULL)
        return true;
    if (*budget == 0)
        return false;
    --*budget;
    tn_decref(mu, tn_slot_swap(mu, NULL, slot, NULL));
    return true;
}

bool tn_entry_clear(struct tn_mutator *mu, tn_slot *entry, unsigned int n_slots, size_t *budget)
{
    for (unsigned int i = 0; i < n_slots; i++) {
        if (!slot_clear(mu, &entry[i], budget))
            return false;
    }
    return true;
}

bool tn_entries_clear(struct tn_mutator *mu, struct tn_entries *entries, size_t *budget)
{
    struct path path;
    unsigned int level;

    while (path_first(entries, &path, &level)) {
        struct tn_entries_node *node = path.nodes[level];

        for (unsigned int i = 0; level == 0 && i < node->n_places; i++) {
            if (!tn_entry_clear(mu, tn_entries_leaf_place(node, i, entries->n_slots),
                                entries->n_slots, budget))
                return false;
        }
        node->n_used = 0;
        (void)unlink_empty(mu, entries, &path, level);
    }
    return true;
}

/* ---- Validation ---- */

/* Checks a node by its own contents; returns the places in use. */
static unsigned int node_validate(const struct tn_entries *entries,
                                  const struct tn_entries_node *node, uintptr_t ref)
{
    unsigned int n_used = 0;

    TN_ASSERT(ref == node_ref(node));
    TN_ASSERT(node->is_sparse || (node->present & (node->present + 1)) == 0);
    TN_ASSERT(node->n_places == (unsigned int)__builtin_popcountll(node->present));
    TN_ASSERT(node->n_places > 0 && node->n_places <= node_fan(entries, node->level));
    TN_ASSERT(node->buffer.size_bytes ==
              sizeof(*node) + node->n_places * place_bytes(entries, node->level));
    for (unsigned int i = 0; i < node->n_places; i++)
        n_used += node_place_is_used(entries, node, i);
    TN_ASSERT(n_used == node->n_used);
    return n_used;
}

uint64_t tn_entries_validate(const struct tn_entries *entries)
{
    uintptr_t refs[TN_ENTRIES_LEVELS];
    unsigned int places[TN_ENTRIES_LEVELS] = { 0 };
    uintptr_t root = atomic_load_explicit(&entries->root, memory_order_relaxed);
    unsigned int level = root == 0 ? 0 : tn_entries_node_of(root)->level;
    unsigned int root_level = level;
    uint64_t n_entries = 0;
    size_t bytes = 0;

    refs[level] = root;
    while (root != 0 && level <= root_level) {
        const struct tn_entries_node *node = tn_entries_node_of(refs[level]);

        if (places[level] == 0) {
            TN_ASSERT(node->level == level);
            n_entries += level == 0 ? node_validate(entries, node, refs[level]) : 0;
            (void)node_validate(entries, node, refs[level]);
            bytes += node->buffer.size_bytes;
        }
        if (level == 0 || places[level] == node->n_places) {
            places[level] = 0;
            level++;
            continue;
        }
        refs[level - 1] = ref_locked(tn_entries_child_place(node, places[level]++));
        if (refs[level - 1] != 0)
            level--;
    }
    TN_ASSERT(bytes == atomic_load_explicit(&entries->bytes, memory_order_relaxed));
    return n_entries;
}
