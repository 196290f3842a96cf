/* SPDX-License-Identifier: MIT */
/* The inside of a dict: for dict.c, which changes it, and dict_type.c, which only reads. */
#ifndef TN_CORE_TYPES_DICT_INTERNAL_H
#define TN_CORE_TYPES_DICT_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/object/flat.h"
#include "core/object/mutator.h"
#include "core/object/type.h"
#include "core/types/dict.h"
#include "core/types/entries.h"
#include "core/types/state.h"

/* Up to so many entries are in a small body; and when a large one has shrunk to
 * so few, it is made small again. */
#define TN_DICT_SMALL_MAX 8
#define TN_DICT_SMALL_AGAIN 4

/* What the two kinds of bodies have in common. */
struct tn_dict_body {
    struct tn_buffer buffer; /* first */
    uint32_t capacity;       /* [const] 0: large */
    /* [atomic] places that are or were in use: small only. Readers look at no
     *          others. */
    _Atomic(uint32_t) n_used;
};

/*
 * Small: up to `capacity` places one after the other, which are searched in
 * order. A place is used once. Behind the labels are the entries.
 */
struct tn_dict_small {
    struct tn_dict_body body;
    /* [const]  once n_used counts it: 16 bits of the key's hash << 48 | number */
    uint64_t labels[];
};

/* Large: entries by number, and an index of the numbers by hash. */
struct tn_dict_large {
    struct tn_dict_body body;
    uint64_t first; /* [const] the entry 0 has this number in the dict */
    struct tn_flat index;
    struct tn_entries entries;
};

struct tn_dict {
    struct tn_object object;
    /* [rcu]    NULL while empty */
    _Atomic(struct tn_dict_body *) body;
    tn_state state;
};

static_assert(sizeof(struct tn_dict) == 32, "a dict is four words");
static_assert(sizeof(struct tn_dict_small) == 24, "labels begin after three words");

#define TN_DICT_NUMBER_MAX TN_FLAT_PAYLOAD_MAX

static inline const struct tn_dict *tn_dict_const(const struct tn_object *o)
{
    return (const struct tn_dict *)(const void *)o;
}

/* Pairs with the release in body_publish(). May be NULL. */
static inline const struct tn_dict_body *tn_dict_body_load(const struct tn_dict *dict)
{
    return atomic_load_explicit(&dict->body, memory_order_acquire);
}

static inline const struct tn_dict_small *tn_dict_small_of(const struct tn_dict_body *body)
{
    return (const struct tn_dict_small *)(const void *)body;
}

static inline const struct tn_dict_large *tn_dict_large_of(const struct tn_dict_body *body)
{
    return (const struct tn_dict_large *)(const void *)body;
}

static inline struct tn_entry *tn_dict_small_entry(const struct tn_dict_small *small, uint32_t i)
{
    uintptr_t entries = (uintptr_t)(small->labels + small->body.capacity);

    return (struct tn_entry *)entries + i;
}

static inline uint64_t tn_dict_small_number(const struct tn_dict_small *small, uint32_t i)
{
    return small->labels[i] & TN_DICT_NUMBER_MAX;
}

/* Pairs with the release in small_add(). */
static inline uint32_t tn_dict_small_n_used(const struct tn_dict_small *small)
{
    return atomic_load_explicit(&small->body.n_used, memory_order_acquire);
}

/* Walks the entries of a body in order: under the lock, or in a read section. */
struct tn_dict_walk {
    const struct tn_dict_body *body; /* may be NULL */
    uint32_t place;                  /* small: the next one */
    struct tn_entries_walk entries;  /* large */
};

/* From the entry with this number on, or the next one. */
struct tn_dict_walk tn_dict_walk_from(const struct tn_dict_body *body, uint64_t number);

/* The next entry that is there; false at the end. `ret_number` may be NULL. */
bool tn_dict_walk_next(struct tn_dict_walk *walk, struct tn_dict_item *ret_item,
                       uint64_t *ret_number);

/* What a key is found to be. */
struct tn_dict_found {
    struct tn_entry *entry;
    struct tn_object *value;
    uint64_t place; /* small: which; large: the number in the entries */
};

/*
 * Searches for a key in a body, under the lock or in a read section. 1 if it is
 * there, 0 if not, or TN_ERR_TOO_DEEP. A reader that finds 0 looks whether the
 * body is still the dict's.
 */
TN_MUST_CHECK int tn_dict_body_find(const struct tn_dict_body *body, const struct tn_object *key,
                                    uint32_t hash, struct tn_compare *limits,
                                    struct tn_dict_found *ret_found);

/* What the index asks for the hashes of entries; the argument is this. */
struct tn_dict_hash_arg {
    const struct tn_heap *heap;
    const struct tn_entries *entries;
};
void tn_dict_hash_of(const uint64_t *numbers, size_t n, uint64_t *ret_hashes, const void *arg);

/* For tests: aborts unless every invariant holds. Nobody changes the dict meanwhile. */
void tn_dict_validate(const struct tn_heap *heap, const struct tn_object *dict);

#endif
