/* SPDX-License-Identifier: MIT */
/*
 * Flat index: a hash table as one array of 8-byte words, each a 16-bit tag and a
 * 48-bit payload (a pointer or a number). Names and dicts find their entries
 * with it. Read without a lock under RCU, written under the caller's lock, grown
 * and shrunk a few words at a time.
 *
 * The home of a hash is `hash * n_words >> 64`, so entries lie in the order of
 * their hashes (but for short runs), whatever the capacity. A scan by ranges of
 * hashes therefore sees every entry exactly once even if the table grows in
 * between. Collisions go to the next word, around the end.
 *
 *   word          meaning
 *   0             never used: ends a search
 *   1             removed or moved away: a search goes on
 *   tag, payload  an entry; the tag is never 0, so every payload is allowed
 *
 * While the index is rebuilt there are two arrays: the current one, where new
 * entries go, and the old one, which it empties. A search looks at the old one
 * first and then at the current one; a move writes the new word before it
 * removes the old one. A reader that missed looks whether the current array is
 * still the same, and if not searches again.
 *
 * Invariants
 *  - An entry is in exactly one array but for the moment of its move, when it
 *    is in both. It never changes its place within an array.
 *  - A word of an array never becomes 0 again, and every array has a 0. So the
 *    words from the home of an entry up to its place are not 0 for as long as
 *    it is there, and every search ends.
 *  - Words of the old array before `n_moved` hold no entry.
 *  - An array is emptied only into the array whose `old` it is, and only after
 *    that one has become `current`.
 *
 * Why a reader finds an entry that is there throughout its search: if it sees
 * the entry's word in the old array, it has found it. If it sees a 1 there, or
 * starts behind the word because of `n_moved`, it has synchronised with the
 * move, and so sees the word in the current array. If it sees a 1 in the current
 * array, then the entry has been moved on into an array that became `current`
 * before; so its second look at `current` sees that one, and it begins again.
 * However many rebuilds a search is overtaken by, only the last step of this
 * argument repeats. The old array that a reader still holds was retired, not
 * freed: it is in a read section. core/README.md has the argument in full.
 *
 * Progress: a search is lock-free (it repeats only if a rebuild began), an
 * insertion or removal moves at most TN_FLAT_STEP words besides its own.
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

/* Words of the old array that one insertion or removal looks at. Enough to be
 * done before the current array is full: see flat.c. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define TN_FLAT_STEP 16
#else
#define TN_FLAT_STEP 64
#endif

/* Values of tn_flat.stagger: see there. */
#define TN_FLAT_STAGGERS 64

/* Words that are looked at when only prefetching. */
#define TN_FLAT_PEEK 4

#define TN_FLAT_REMOVED UINT64_C(1)

struct tn_flat_array {
    /* [const] */
    struct tn_buffer buffer; /* first */
    uint64_t n_words;        /* a multiple of 8 */
    /* [rcu]    what is being emptied into this array, or NULL. Stored with
     *          release, loaded with acquire */
    _Atomic(struct tn_flat_array *) old;
    /* [atomic] words of `old` that have been looked at, from 0. Stored with
     *          release after the moves, loaded with acquire */
    _Atomic(uint64_t) n_moved;
    /* [atomic] stored with release by writers, loaded with acquire by readers */
    _Atomic(uint64_t) words[];
};

/* All zeros is an empty index, but for `stagger`. */
struct tn_flat {
    /* [rcu]    NULL while empty. Stored with release, loaded with acquire */
    _Atomic(struct tn_flat_array *) current;
    /* [lock]   the caller's */
    uint64_t n_entries; /* in both arrays */
    uint64_t n_dirty;   /* words of the current array that are not 0 */
    /* [const]  below TN_FLAT_STAGGERS; shifts the capacities at which the index
     *          is rebuilt, so that many that grow alike do not do it together */
    uint32_t stagger;
};

/* Whether a payload is the entry that the key `arg` asks for. Called with a lock
 * or in a read section, also for entries of other keys with the same tag. */
typedef bool (*tn_flat_match_fn)(uint64_t payload, const void *arg);

/*
 * Computes the hashes of `n` (1 to TN_FLAT_STEP) entries: the same 64 bits that
 * were given to tn_flat_insert(). They come in batches so that the callee can
 * prefetch all of them first. Called under the caller's lock.
 */
typedef void (*tn_flat_hash_fn)(const uint64_t *payloads, size_t n, uint64_t *ret_hashes,
                                const void *arg);

/* Called with an entry; false ends the walk. */
typedef bool (*tn_flat_visit_fn)(uint64_t payload, uint64_t hash, void *arg);

/*
 * The hash. All functions want 64 bits of which the highest (the home) and bits
 * 8 to 23 (the tag) are well mixed. This makes such a hash of 32 well mixed
 * bits, one to one.
 */
TN_ALWAYS_INLINE uint64_t tn_flat_hash_from_u32(uint32_t hash)
{
    return hash * UINT64_C(0x9e3779b97f4a7c15);
}

/* ---- Searching: under the lock, or without one in a read section ---- */

TN_ALWAYS_INLINE uint64_t tn_flat_tag(uint64_t hash)
{
    uint64_t tag = (hash >> 8) & 0xffff;

    return tag + (tag == 0);
}

TN_ALWAYS_INLINE uint64_t tn_flat_home(const struct tn_flat_array *array, uint64_t hash)
{
    return (uint64_t)((unsigned __int128)hash * array->n_words >> 64);
}

/* Where a search in an old array begins: what is before `n_moved` holds nothing.
 * That may be behind its end, so that there is nothing to search. */
TN_ALWAYS_INLINE uint64_t tn_flat_old_home(const struct tn_flat_array *array,
                                           const struct tn_flat_array *old, uint64_t hash)
{
    uint64_t home = tn_flat_home(old, hash);
    /* Pairs with the release in flat_move(): the words moved so far are seen in
     * the current array. */
    uint64_t n_moved = atomic_load_explicit(&array->n_moved, memory_order_acquire);

    return home < n_moved ? n_moved : home;
}

/* Searches one array from a word on. */
TN_ALWAYS_INLINE bool tn_flat_find_in(const struct tn_flat_array *array, uint64_t at, uint64_t hash,
                                      tn_flat_match_fn match, const void *arg,
                                      uint64_t *ret_payload)
{
    uint64_t tag = tn_flat_tag(hash);

    for (;;) {
        /* Pairs with the releases in flat_place() (the entry's content is seen)
         * and flat_move() (a moved entry's new word, or the new array, is seen). */
        uint64_t word = atomic_load_explicit(&array->words[at], memory_order_acquire);

        if (word >> TN_FLAT_PAYLOAD_BITS == tag && match(word & TN_FLAT_PAYLOAD_MAX, arg)) {
            *ret_payload = word & TN_FLAT_PAYLOAD_MAX;
            return true;
        }
        if (word == 0)
            return false;
        if (++at == array->n_words)
            at = 0;
    }
}

/*
 * Finds the entry of a key. True if there is one, with its payload, which says
 * that it was there at some moment of the search. Lock-free. Inlined together
 * with `match`.
 */
TN_ALWAYS_INLINE bool tn_flat_find(const struct tn_flat *flat, uint64_t hash,
                                   tn_flat_match_fn match, const void *arg, uint64_t *ret_payload)
{
    /* Pairs with the release in flat_rebuild(): the array is seen whole. */
    const struct tn_flat_array *array = atomic_load_explicit(&flat->current, memory_order_acquire);

    while (array != NULL) {
        /* Pairs with the release in flat_move(): if it is NULL because the old
         * array has been emptied, what was in it is seen in this one. */
        const struct tn_flat_array *old = atomic_load_explicit(&array->old, memory_order_acquire);
        const struct tn_flat_array *searched = array;

        if (TN_UNLIKELY(old != NULL)) {
            uint64_t at = tn_flat_old_home(array, old, hash);

            if (at < old->n_words && tn_flat_find_in(old, at, hash, match, arg, ret_payload))
                return true;
        }
        if (TN_LIKELY(
                tn_flat_find_in(array, tn_flat_home(array, hash), hash, match, arg, ret_payload)))
            return true;
        /* Not there, unless it was moved away under our eyes. */
        array = atomic_load_explicit(&flat->current, memory_order_acquire);
        if (TN_LIKELY(array == searched))
            return false;
    }
    return false;
}

/* The array where the search for an entry that is there will most likely end. */
TN_ALWAYS_INLINE const struct tn_flat_array *tn_flat_likely_array(const struct tn_flat *flat,
                                                                  uint64_t hash, uint64_t *ret_home)
{
    const struct tn_flat_array *array = atomic_load_explicit(&flat->current, memory_order_acquire);
    const struct tn_flat_array *old;

    if (array == NULL)
        return NULL;
    *ret_home = tn_flat_home(array, hash);
    old = atomic_load_explicit(&array->old, memory_order_acquire);
    if (TN_LIKELY(old == NULL) || tn_flat_home(old, hash) < tn_flat_old_home(array, old, hash))
        return array;
    *ret_home = tn_flat_home(old, hash);
    return old;
}

/* Begins to fetch the words where a search for `hash` will look. */
TN_ALWAYS_INLINE void tn_flat_prefetch(const struct tn_flat *flat, uint64_t hash)
{
    uint64_t home;
    const struct tn_flat_array *array = tn_flat_likely_array(flat, hash, &home);

    if (array != NULL)
        TN_PREFETCH(&array->words[home]);
}

/*
 * Begins to fetch the entry that a search for `hash` will find, if payloads are
 * pointers. Looks at a few words only, and does not branch on where among them
 * the tag is: that would be mispredicted every second time, which would delay
 * the next one of a batch.
 */
TN_ALWAYS_INLINE void tn_flat_prefetch_entry(const struct tn_flat *flat, uint64_t hash)
{
    uint64_t home;
    const struct tn_flat_array *array = tn_flat_likely_array(flat, hash, &home);
    uint64_t found = 0;

    if (array == NULL || home + TN_FLAT_PEEK > array->n_words)
        return;
    for (size_t i = TN_FLAT_PEEK; i-- > 0;) {
        /* Relaxed: nothing is read through it. */
        uint64_t word = atomic_load_explicit(&array->words[home + i], memory_order_relaxed);

        found = word >> TN_FLAT_PAYLOAD_BITS == tn_flat_tag(hash) ? word : found;
    }
    TN_PREFETCH((const void *)(uintptr_t)(found & TN_FLAT_PAYLOAD_MAX));
}

/* ---- Changing: under the caller's lock ---- */

/*
 * Adds an entry, for whose key there is none. The entry's content must be
 * complete: readers find it at once. Returns 0, or TN_ERR_NOMEM or TN_ERR_LIMIT
 * with nothing changed. `hash_of` is asked for the hashes of entries that are
 * moved meanwhile, with `arg`.
 */
TN_MUST_CHECK int tn_flat_insert(struct tn_mutator *mu, struct tn_flat *flat, uint64_t hash,
                                 uint64_t payload, tn_flat_hash_fn hash_of, const void *arg);

/* Takes the memory that the next insertion needs, which then cannot fail. Returns
 * 0, or TN_ERR_NOMEM or TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_flat_prepare(struct tn_mutator *mu, struct tn_flat *flat);

/*
 * Removes an entry, which must be there. Readers that have found it may still
 * look at it, so what the payload refers to is retired, not freed. Never fails,
 * never allocates. When the last entry goes, so does all memory.
 */
void tn_flat_remove(struct tn_mutator *mu, struct tn_flat *flat, uint64_t hash, uint64_t payload,
                    tn_flat_hash_fn hash_of, const void *arg);

/* Puts another payload in the place of one that is there. Readers see the one or
 * the other. Never fails, never allocates. */
void tn_flat_replace(struct tn_flat *flat, uint64_t hash, uint64_t payload, uint64_t new_payload);

/*
 * Begins to shrink an index that has become much too large for its entries;
 * later insertions and removals carry it on. Needs memory for the smaller array
 * and does nothing if it cannot have it. To be called after removals where
 * memory should follow the number of entries; cheap.
 */
void tn_flat_trim(struct tn_mutator *mu, struct tn_flat *flat);

/* Makes room for `n_entries` in an index that is empty, so that so many
 * insertions need no more. Returns 0, TN_ERR_NOMEM or TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_flat_reserve(struct tn_mutator *mu, struct tn_flat *flat, uint64_t n_entries);

/*
 * Visits every entry whose hash is from `first` to `last` (inclusive), once, in
 * no particular order. True if `visit` never returned false. Costs some words
 * per entry of the range, plus the run of entries behind it. `visit` must not
 * change the index.
 */
bool tn_flat_walk(const struct tn_flat *flat, uint64_t first, uint64_t last,
                  tn_flat_hash_fn hash_of, const void *arg, tn_flat_visit_fn visit,
                  void *visit_arg);

/* Gives back all memory and leaves an empty index. Entries are the caller's. */
void tn_flat_destroy(struct tn_mutator *mu, struct tn_flat *flat);

/* Bytes of the arrays. Under the lock, or in a read section. */
size_t tn_flat_bytes(const struct tn_flat *flat);

/* For tests: aborts unless every invariant holds. Under the lock. Walks all. */
void tn_flat_validate(const struct tn_flat *flat, tn_flat_hash_fn hash_of, const void *arg);

#endif
