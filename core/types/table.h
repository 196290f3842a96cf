/* SPDX-License-Identifier: MIT */
/*
 * Table: what dict, set and frozenset are made of. A state (state.h) and a body
 * that holds the entries, found by the hash of their keys and kept in the order
 * in which they came. An entry is a key and a value in a dict, a key alone in the
 * others; nothing else differs.
 *
 * Small bodies are searched from one end to the other. A large one has the
 * entries by number (entries.h) and an index of the numbers by hash (flat.h).
 * Both of these grow and shrink in small steps; nothing here costs time in
 * proportion to the table but its end, which is worked off within a budget.
 *
 * The number of an entry is its place in the order of insertion. It stays the
 * same when the body is replaced, so a scan goes on where it was. Numbers begin
 * at 0 again only when the table becomes empty: then nothing is there throughout
 * a scan. 2^48 insertions without ever being empty are possible.
 *
 * Writers hold the object's lock. For an insertion or a removal the version is
 * odd, from before the first of them to behind the last if they are to be seen
 * as one. What is in an entry was there at some moment, also in a body that has
 * been replaced meanwhile and stays as it was: key and value are never in an entry
 * again once they have left it. Who does not find a key knows that it was not
 * there only if the body is still the same, and no insertion or removal was under
 * way before the search (its length may have been seen already) nor is one after
 * it (its length may not have changed yet). Otherwise it searches again, at last
 * under the lock, so that nobody sees a change half done.
 *
 * For core/types/ and its tests.
 */
#ifndef TN_CORE_TYPES_TABLE_H
#define TN_CORE_TYPES_TABLE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/object/flat.h"
#include "core/object/mutator.h"
#include "core/object/type.h"
#include "core/types/entries.h"
#include "core/types/state.h"

/* Up to so many entries are in a small body; and when a large one has shrunk to
 * so few, it is made small again. */
#define TN_TABLE_SMALL_MAX 8
#define TN_TABLE_SMALL_AGAIN 4

/* How often a reader tries before it takes the lock. */
#define TN_TABLE_TRIES_MAX 4

/* What the two kinds of bodies have in common. */
struct tn_table_body {
    struct tn_buffer buffer; /* first */
    uint16_t capacity;       /* [const] 0: large */
    uint16_t n_slots;        /* [const] of an entry */
    /* [atomic] places that are or were in use: small only. Readers look at no
     *          others. */
    _Atomic(uint32_t) n_used;
};

/*
 * Small: up to `capacity` places one after the other, which are searched in
 * order. A place is used once. Behind the labels are the entries.
 */
struct tn_table_small {
    struct tn_table_body body;
    /* [const]  once n_used counts it: 16 bits of the key's hash << 48 | number */
    uint64_t labels[];
};

/* Large: entries by number, and an index of the numbers by hash. */
struct tn_table_large {
    struct tn_table_body body;
    uint64_t first; /* [const] the entry 0 has this number in the table */
    struct tn_flat index;
    struct tn_entries entries;
};

struct tn_table {
    struct tn_object object;
    /* [rcu]    NULL while empty */
    _Atomic(struct tn_table_body *) body;
    tn_state state;
};

static_assert(sizeof(struct tn_table) == 32, "a table is four words");
static_assert(sizeof(struct tn_table_small) == 24, "labels begin after three words");

#define TN_TABLE_NUMBER_MAX TN_FLAT_PAYLOAD_MAX

static inline struct tn_table *tn_table_of(struct tn_object *o)
{
    return (struct tn_table *)(void *)o;
}

static inline const struct tn_table *tn_table_const(const struct tn_object *o)
{
    return (const struct tn_table *)(const void *)o;
}

/* Slots of an entry. */
static inline unsigned int tn_table_n_slots(const struct tn_table *table)
{
    return table->object.type == TN_TYPE_DICT ? 2 : 1;
}

/* Pairs with the release in body_publish(). May be NULL. */
static inline const struct tn_table_body *tn_table_body_load(const struct tn_table *table)
{
    return atomic_load_explicit(&table->body, memory_order_acquire);
}

/* The same for the holder of the lock. */
static inline struct tn_table_body *tn_table_body_locked(const struct tn_table *table)
{
    return atomic_load_explicit(&table->body, memory_order_relaxed);
}

static inline const struct tn_table_small *tn_table_small_of(const struct tn_table_body *body)
{
    return (const struct tn_table_small *)(const void *)body;
}

static inline const struct tn_table_large *tn_table_large_of(const struct tn_table_body *body)
{
    return (const struct tn_table_large *)(const void *)body;
}

/* Bytes of a small body. */
static inline size_t tn_table_small_bytes(size_t capacity, unsigned int n_slots)
{
    return sizeof(struct tn_table_small) +
           capacity * (sizeof(uint64_t) + n_slots * sizeof(tn_slot));
}

TN_ALWAYS_INLINE tn_slot *tn_table_small_entry(const struct tn_table_small *small, uint32_t i,
                                               unsigned int n_slots)
{
    tn_slot *entries = (tn_slot *)(uintptr_t)(small->labels + small->body.capacity);

    return entries + (size_t)i * n_slots;
}

static inline uint64_t tn_table_small_number(const struct tn_table_small *small, uint32_t i)
{
    return small->labels[i] & TN_TABLE_NUMBER_MAX;
}

/* Pairs with the release in small_added(). */
static inline uint32_t tn_table_small_n_used(const struct tn_table_small *small)
{
    return atomic_load_explicit(&small->body.n_used, memory_order_acquire);
}

/* ---- Making ---- */

/* A body for `capacity` entries; NULL for 0. TN_ERR_TOO_BIG, TN_ERR_NOMEM, TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_table_body_new(struct tn_mutator *mu, size_t capacity, unsigned int n_slots,
                                    struct tn_table_body **ret_body);

/* Gives back a body that nobody has seen, with the references in it being the
 * caller's. May be NULL. */
void tn_table_body_free(struct tn_mutator *mu, struct tn_table_body *body);

/* Makes a new object's table, which takes over the body. */
void tn_table_init(struct tn_table *table, struct tn_table_body *body);

/* A new object of `block_bytes` that is a table with room for `capacity` entries.
 * Errors as above. */
TN_MUST_CHECK int tn_table_new(struct tn_mutator *mu, enum tn_type_id type, size_t block_bytes,
                               size_t capacity, struct tn_object **ret_object);

/* Begins a small body that is all there is: nothing is added beyond its capacity. */
void tn_table_small_init(struct tn_table_small *small, uint16_t capacity, unsigned int n_slots);

/* Adds a key to such a body. */
void tn_table_small_fill(struct tn_table_small *small, uint32_t hash, struct tn_object *key);

/* ---- Finding and walking: under the lock, or in a read section ---- */

/* What a key is found to be. */
struct tn_table_found {
    tn_slot *entry;
    struct tn_object *value; /* of a dict; otherwise not set */
    uint64_t place;          /* small: which; large: the number in the entries */
};

/*
 * Searches for a key in a body of pairs (a dict's) or of keys. 1 if it is there, 0
 * if not, or TN_ERR_TOO_DEEP. For readers without the lock see above.
 */
TN_MUST_CHECK int tn_table_find_pair(const struct tn_table_body *body, const struct tn_object *key,
                                     uint32_t hash, struct tn_compare *limits,
                                     struct tn_table_found *ret_found);
TN_MUST_CHECK int tn_table_find_key(const struct tn_table_body *body, const struct tn_object *key,
                                    uint32_t hash, struct tn_compare *limits,
                                    struct tn_table_found *ret_found);

/* Whether a hashable key is there: 1, 0 or TN_ERR_TOO_DEEP. Lock-free, but for a
 * table that is being changed: then it may wait for the lock, so that nobody sees
 * half of what is to be seen as one change. */
TN_MUST_CHECK int tn_table_has(struct tn_mutator *mu, struct tn_object *o,
                               const struct tn_object *key, uint32_t hash);

/* The number of the entry at a place (tn_table_found.place), and its slots. */
uint64_t tn_table_number(const struct tn_table_body *body, uint64_t place);
tn_slot *tn_table_entry(const struct tn_table_body *body, uint64_t place);

/* The number that the next entry will have. Under the lock. `body` may be NULL. */
uint64_t tn_table_end(const struct tn_table_body *body);

/* Walks the entries of a body in order. */
struct tn_table_walk {
    const struct tn_table_body *body; /* may be NULL */
    uint32_t place;                   /* small: the next one */
    struct tn_entries_walk entries;   /* large */
};

/* From the entry with this number on, or the next one. */
struct tn_table_walk tn_table_walk_from(const struct tn_table_body *body, uint64_t number);

/* The next entry that is there: its key and, in a dict, its value go to `ret_items`.
 * False at the end. `ret_number` may be NULL. */
bool tn_table_walk_next(struct tn_table_walk *walk, struct tn_object **ret_items,
                        uint64_t *ret_number);

/* The place of the entry that was last returned. */
uint64_t tn_table_walk_place(const struct tn_table_walk *walk);

/*
 * Copies up to `n_max` (at least 1, else TN_ERR_INVAL) entries as they are at one
 * moment, each as the slots that it has; borrowed. *cursor is 0 to begin and is
 * moved on; it is 0 again when nothing is left.
 */
TN_MUST_CHECK int tn_table_scan(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor,
                                size_t n_max, struct tn_object **items, size_t *ret_n);

/* ---- Changing: under the lock. The state is the caller's. ---- */

/*
 * The place of an entry that is to be added to `length` others, from which nothing
 * can fail any more; there is none with its key. Nobody sees a difference.
 * TN_ERR_TOO_BIG, TN_ERR_TOO_MANY, TN_ERR_NOMEM, TN_ERR_LIMIT.
 */
TN_MUST_CHECK int tn_table_prepare(struct tn_mutator *mu, struct tn_table *table, uint32_t length,
                                   tn_slot **ret_entry);

/* Fills that place. Takes over the references; `value` is a dict's. */
void tn_table_insert(struct tn_mutator *mu, struct tn_table *table, tn_slot *entry, uint32_t hash,
                     struct tn_object *key, struct tn_object *value);

/* Takes an entry out, and hands over what was in its slots. Never fails, never
 * allocates. */
void tn_table_remove(struct tn_mutator *mu, struct tn_table *table, uint32_t hash,
                     const struct tn_table_found *found, struct tn_object **ret_items);

/* Gives back memory that is not needed any more after removals that have left
 * `length` entries; uses some for a while, if it can have it. */
void tn_table_trim(struct tn_mutator *mu, struct tn_table *table, uint32_t length);

/* ---- What the heap asks of every table; see object/type.h ---- */

int tn_table_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg);
bool tn_table_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget);
size_t tn_table_extra_size(const struct tn_object *o);
uint64_t tn_table_length(const struct tn_object *o);

/* What the index asks for the hashes of entries; the argument is this. */
struct tn_table_hash_arg {
    const struct tn_heap *heap;
    const struct tn_entries *entries;
};
void tn_table_hash_of(const uint64_t *numbers, size_t n, uint64_t *ret_hashes, const void *arg);

/* For tests: aborts unless every invariant holds. Nobody changes the table meanwhile. */
void tn_table_validate(const struct tn_heap *heap, const struct tn_object *o);

#endif
