/* SPDX-License-Identifier: MIT */
/*
 * Flat index: a hash table as one array of 8-byte words, each a 16-bit tag and a
 * 48-bit payload (a pointer or a number). Names and dicts find their entries
 * with it. Read without a lock under RCU, written under the caller's lock, grown
 * a few words at a time.
 *
 * The home of a hash is `hash * capacity >> 64`, so entries lie in the order of
 * their hashes (but for short runs), whatever the capacity. A scan by ranges of
 * hashes therefore sees every entry exactly once even if the table grows in
 * between. Collisions go to the next word.
 *
 *   word          meaning
 *   0             never used: ends a search
 *   1             removed or moved: a search goes on
 *   tag, payload  an entry
 *
 * While the index grows there are two arrays. A search looks at the old one
 * first and then at the new one; a move writes the new word before it removes
 * the old one. So an entry is found in one of them at every moment; and a
 * reader that missed looks whether the pair of arrays has changed meanwhile, and
 * if so searches again.
 */
#ifndef TN_CORE_OBJECT_FLAT_H
#define TN_CORE_OBJECT_FLAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/mutator.h"

#define TN_FLAT_PAYLOAD_BITS 48
#define TN_FLAT_PAYLOAD_MAX ((UINT64_C(1) << TN_FLAT_PAYLOAD_BITS) - 1)

struct tn_flat_array {
    struct tn_buffer buffer; /* first */
    uint64_t n_words;
    _Atomic(uint64_t) words[];
};

/* What readers work with: replaced as a whole, so the two arrays belong together. */
struct tn_flat_view {
    struct tn_buffer buffer; /* first */
    struct tn_flat_array *current; /* new entries go here */
    struct tn_flat_array *old;     /* being emptied into `current`, or NULL */
};

struct tn_flat {
    /* [rcu]    NULL while empty; readers load it with acquire */
    _Atomic(struct tn_flat_view *) view;
    /* [lock]   the caller's */
    uint64_t n_entries;
    uint64_t n_dirty;  /* words of the current array that are not 0 */
    uint64_t n_moved;  /* words of the old array that have been looked at */
};

/* Whether a payload is the entry that the key `arg` asks for. */
typedef bool (*tn_flat_match_fn)(uint64_t payload, const void *arg);
/* The full hash of the entry of a payload. */
typedef uint64_t (*tn_flat_hash_fn)(uint64_t payload, const void *arg);

#endif
