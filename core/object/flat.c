/* SPDX-License-Identifier: MIT */
/*
 * How a flat index is changed. flat.h says what an index is and why readers may
 * search it meanwhile.
 *
 * Rebuilds. Before the words of the current array that are not 0 pass its limit
 * (7/8 of it), a new array is made, of the size that the entries want: larger if
 * there are many, of the same size if most of the words are only tombstones,
 * smaller if tn_flat_trim() asks. Every insertion and removal then moves what is
 * in the next TN_FLAT_STEP words of the old array.
 *
 * A rebuild ends before the next one begins. Let the new array have n words. At
 * most 21/32 n of them are filled by the entries that there are when it begins,
 * so at least 7/32 n insertions pass until the limit. The old array has at most
 * 3 n words, and those insertions look at 7/32 n * TN_FLAT_STEP of them, which is
 * more than 3 n from TN_FLAT_STEP = 14 on; the rest is for rounding.
 */
#include "core/object/flat.h"

#include "core/base/check.h"
#include "core/base/err.h"

#define WORDS_MIN UINT64_C(8)
#define WORDS_SHRINK 3 /* a rebuild makes an array at most so many times smaller */
#define FILL_NUM 21    /* a rebuild leaves at most this part of it filled: ... */
#define FILL_DEN 32    /* ... 21/32 */

static_assert(TN_FLAT_STEP >= 16, "a rebuild must end before the next one begins");

static uint64_t flat_limit(uint64_t n_words)
{
    return n_words - n_words / 8;
}

/*
 * The smallest capacity that has `n_words_min` words. From a row in which each
 * is half as large again as the one before it; the stagger says where between 8
 * and 12 the row begins.
 */
static uint64_t flat_capacity(const struct tn_flat *flat, uint64_t n_words_min)
{
    const uint64_t scale = UINT64_C(2) * TN_FLAT_STAGGERS;
    uint64_t scaled = WORDS_MIN * (scale + flat->stagger);
    uint64_t n_words = WORDS_MIN;

    while (n_words < n_words_min) {
        scaled += scaled / 2;
        n_words = (scaled / scale + 7) & ~(uint64_t)7;
    }
    return n_words;
}

/* The capacity of the array that is to follow one of `n_words_old` words. */
static uint64_t flat_next_capacity(const struct tn_flat *flat, uint64_t n_entries,
                                   uint64_t n_words_old)
{
    uint64_t n_words_min = (n_entries * FILL_DEN + FILL_NUM - 1) / FILL_NUM;

    if (n_words_min < n_words_old / WORDS_SHRINK)
        n_words_min = n_words_old / WORDS_SHRINK;
    return flat_capacity(flat, n_words_min);
}

static int array_new(struct tn_mutator *mu, uint64_t n_words, struct tn_flat_array **ret_array)
{
    struct tn_flat_array *array;
    struct tn_buffer *buffer;
    int r = tn_buffer_new_zeroed(mu, sizeof(*array) + n_words * sizeof(array->words[0]), &buffer);

    if (r < 0)
        return r;
    array = TN_CONTAINER_OF(buffer, struct tn_flat_array, buffer);
    array->n_words = n_words;
    atomic_init(&array->old, NULL);
    atomic_init(&array->n_moved, 0);
    *ret_array = array;
    return 0;
}

/* What the holder of the lock sees: nobody else writes. */
static struct tn_flat_array *flat_current(const struct tn_flat *flat)
{
    return atomic_load_explicit(&flat->current, memory_order_relaxed);
}

static struct tn_flat_array *array_old(const struct tn_flat_array *array)
{
    return atomic_load_explicit(&array->old, memory_order_relaxed);
}

static uint64_t array_word(const struct tn_flat_array *array, uint64_t at)
{
    return atomic_load_explicit(&array->words[at], memory_order_relaxed);
}

static uint64_t flat_word(uint64_t hash, uint64_t payload)
{
    TN_DEBUG_ASSERT(payload <= TN_FLAT_PAYLOAD_MAX);
    return tn_flat_tag(hash) << TN_FLAT_PAYLOAD_BITS | payload;
}

/* Writes an entry into the first word from its home on that holds none. */
static void flat_place(struct tn_flat *flat, struct tn_flat_array *array, uint64_t hash,
                       uint64_t payload)
{
    uint64_t at = tn_flat_home(array, hash);
    uint64_t found = array_word(array, at);

    while (found > TN_FLAT_REMOVED) {
        if (++at == array->n_words)
            at = 0;
        found = array_word(array, at);
    }
    flat->n_dirty += found == 0;
    /* Pairs with the acquire in tn_flat_find_in(): what the payload refers to is
     * seen whole. */
    atomic_store_explicit(&array->words[at], flat_word(hash, payload), memory_order_release);
}

/* Moves what is in the next words of the old array, and lets it go once it is
 * empty. Does nothing if there is none. */
static void flat_move(struct tn_mutator *mu, struct tn_flat *flat, tn_flat_hash_fn hash_of,
                      const void *arg)
{
    struct tn_flat_array *array = flat_current(flat);
    struct tn_flat_array *old = array_old(array);
    uint64_t payloads[TN_FLAT_STEP];
    uint64_t hashes[TN_FLAT_STEP];
    uint64_t places[TN_FLAT_STEP];
    uint64_t at;
    size_t n = 0;

    if (old == NULL)
        return;
    at = atomic_load_explicit(&array->n_moved, memory_order_relaxed);
    for (size_t i = 0; i < TN_FLAT_STEP && at < old->n_words; i++, at++) {
        uint64_t word = array_word(old, at);

        if (word <= TN_FLAT_REMOVED)
            continue;
        payloads[n] = word & TN_FLAT_PAYLOAD_MAX;
        places[n] = at;
        n++;
    }
    if (n > 0)
        hash_of(payloads, n, hashes, arg);
    for (size_t i = 0; i < n; i++) {
        flat_place(flat, array, hashes[i], payloads[i]);
        /* Pairs with the acquire in tn_flat_find_in(): whoever misses the entry
         * here sees it in the current array. */
        atomic_store_explicit(&old->words[places[i]], TN_FLAT_REMOVED, memory_order_release);
    }
    /* Pairs with the acquire in tn_flat_old_home(), for the same reason. */
    atomic_store_explicit(&array->n_moved, at, memory_order_release);
    if (at == old->n_words) {
        /* Pairs with the acquire in tn_flat_find(), for the same reason. */
        atomic_store_explicit(&array->old, NULL, memory_order_release);
        tn_buffer_retire(mu, &old->buffer);
    }
}

/* Makes a new array the current one, and the current one the old one. */
static int flat_rebuild(struct tn_mutator *mu, struct tn_flat *flat, uint64_t n_words)
{
    struct tn_flat_array *array;
    struct tn_flat_array *old = flat_current(flat);
    int r;

    TN_ASSERT(old == NULL || array_old(old) == NULL);
    r = array_new(mu, n_words, &array);
    if (r < 0)
        return r;
    if (flat->n_entries == 0 && old != NULL) {
        /* Only tombstones: nothing to move. */
        tn_buffer_retire(mu, &old->buffer);
        old = NULL;
    }
    atomic_store_explicit(&array->old, old, memory_order_relaxed);
    flat->n_dirty = 0;
    /* Pairs with the acquires in tn_flat_find(). It comes before anything is
     * removed from the old array, so whoever sees a word of that moved away sees
     * that the current array is another one. */
    atomic_store_explicit(&flat->current, array, memory_order_release);
    return 0;
}

int tn_flat_prepare(struct tn_mutator *mu, struct tn_flat *flat)
{
    const struct tn_flat_array *array = flat_current(flat);
    uint64_t n_words_old = array == NULL ? 0 : array->n_words;

    if (TN_LIKELY(array != NULL && flat->n_dirty < flat_limit(array->n_words)))
        return 0;
    return flat_rebuild(mu, flat, flat_next_capacity(flat, flat->n_entries + 1, n_words_old));
}

int tn_flat_insert(struct tn_mutator *mu, struct tn_flat *flat, uint64_t hash, uint64_t payload,
                   tn_flat_hash_fn hash_of, const void *arg)
{
    int r = tn_flat_prepare(mu, flat);

    if (r < 0)
        return r;
    flat_move(mu, flat, hash_of, arg);
    flat_place(flat, flat_current(flat), hash, payload);
    flat->n_entries++;
    return 0;
}

int tn_flat_reserve(struct tn_mutator *mu, struct tn_flat *flat, uint64_t n_entries)
{
    /* An array is filled up to 7/8. */
    uint64_t n_words = flat_capacity(flat, (n_entries * 8 + 6) / 7);

    TN_ASSERT(flat->n_entries == 0);
    return flat_rebuild(mu, flat, n_words);
}

/* The word of an array that is exactly this, or NULL. */
static _Atomic(uint64_t) *array_locate(struct tn_flat_array *array, uint64_t at, uint64_t word)
{
    for (;;) {
        uint64_t found = array_word(array, at);

        if (found == word)
            return &array->words[at];
        if (found == 0)
            return NULL;
        if (++at == array->n_words)
            at = 0;
    }
}

/* The place of an entry that is there. */
static _Atomic(uint64_t) *flat_locate(const struct tn_flat *flat, uint64_t hash, uint64_t payload)
{
    struct tn_flat_array *array = flat_current(flat);
    struct tn_flat_array *old = array_old(array);
    uint64_t word = flat_word(hash, payload);
    _Atomic(uint64_t) *place = NULL;

    if (old != NULL)
        place = array_locate(old, tn_flat_old_home(array, old, hash), word);
    if (place == NULL)
        place = array_locate(array, tn_flat_home(array, hash), word);
    TN_ASSERT(place != NULL);
    return place;
}

void tn_flat_remove(struct tn_mutator *mu, struct tn_flat *flat, uint64_t hash, uint64_t payload,
                    tn_flat_hash_fn hash_of, const void *arg)
{
    _Atomic(uint64_t) *place = flat_locate(flat, hash, payload);

    /* Relaxed: whoever sees it misses the entry, and needs to see nothing else. */
    atomic_store_explicit(place, TN_FLAT_REMOVED, memory_order_relaxed);
    flat->n_entries--;
    if (flat->n_entries == 0)
        tn_flat_destroy(mu, flat);
    else
        flat_move(mu, flat, hash_of, arg);
}

void tn_flat_replace(struct tn_flat *flat, uint64_t hash, uint64_t payload, uint64_t new_payload)
{
    /* Pairs with the acquire in tn_flat_find_in(), as in flat_place(). */
    atomic_store_explicit(flat_locate(flat, hash, payload), flat_word(hash, new_payload),
                          memory_order_release);
}

void tn_flat_trim(struct tn_mutator *mu, struct tn_flat *flat)
{
    struct tn_flat_array *array = flat_current(flat);
    uint64_t n_words;

    if (array == NULL || flat->n_entries >= array->n_words / 8 || array_old(array) != NULL)
        return;
    n_words = flat_next_capacity(flat, flat->n_entries, array->n_words);
    if (n_words < array->n_words)
        (void)flat_rebuild(mu, flat, n_words); /* else it stays as large as it is */
}

struct walk {
    uint64_t first;
    uint64_t last;
    tn_flat_hash_fn hash_of;
    const void *hash_arg;
    tn_flat_visit_fn visit;
    void *visit_arg;
    size_t n; /* payloads that have not been visited yet */
    uint64_t payloads[TN_FLAT_STEP];
};

/* Visits those collected that are in the range. False if the walk is to end. */
static bool walk_flush(struct walk *walk)
{
    uint64_t hashes[TN_FLAT_STEP];

    if (walk->n > 0)
        walk->hash_of(walk->payloads, walk->n, hashes, walk->hash_arg);
    for (size_t i = 0; i < walk->n; i++) {
        if (hashes[i] >= walk->first && hashes[i] <= walk->last &&
            !walk->visit(walk->payloads[i], hashes[i], walk->visit_arg))
            return false;
    }
    walk->n = 0;
    return true;
}

/*
 * Walks the words from the home of the first hash to that of the last, and on to
 * the next 0, because a run of words that are not 0 may have pushed an entry of
 * the range that far. Leaves out the first `n_moved` words, which hold nothing.
 */
static bool walk_array(struct walk *walk, const struct tn_flat_array *array, uint64_t n_moved)
{
    uint64_t home = tn_flat_home(array, walk->first);
    uint64_t n_homes = tn_flat_home(array, walk->last) - home + 1;

    for (uint64_t i = home < n_moved ? n_moved - home : 0; i < array->n_words; i++) {
        uint64_t at = home + i;
        uint64_t word = array_word(array, at < array->n_words ? at : at - array->n_words);

        if (word == 0 && i >= n_homes)
            break;
        if (word <= TN_FLAT_REMOVED)
            continue;
        walk->payloads[walk->n++] = word & TN_FLAT_PAYLOAD_MAX;
        if (walk->n == TN_FLAT_STEP && !walk_flush(walk))
            return false;
    }
    return walk_flush(walk);
}

bool tn_flat_walk(const struct tn_flat *flat, uint64_t first, uint64_t last,
                  tn_flat_hash_fn hash_of, const void *arg, tn_flat_visit_fn visit, void *visit_arg)
{
    const struct tn_flat_array *array = flat_current(flat);
    struct walk walk = {
        .first = first,
        .last = last,
        .hash_of = hash_of,
        .hash_arg = arg,
        .visit = visit,
        .visit_arg = visit_arg,
    };

    if (array == NULL || first > last)
        return true;
    if (array_old(array) != NULL &&
        !walk_array(&walk, array_old(array),
                    atomic_load_explicit(&array->n_moved, memory_order_relaxed)))
        return false;
    return walk_array(&walk, array, 0);
}

void tn_flat_destroy(struct tn_mutator *mu, struct tn_flat *flat)
{
    struct tn_flat_array *array = flat_current(flat);

    if (array == NULL)
        return;
    /* Relaxed: readers that see it need to see nothing else. */
    atomic_store_explicit(&flat->current, NULL, memory_order_relaxed);
    flat->n_entries = 0;
    flat->n_dirty = 0;
    if (array_old(array) != NULL)
        tn_buffer_retire(mu, &array_old(array)->buffer);
    tn_buffer_retire(mu, &array->buffer);
}

size_t tn_flat_bytes(const struct tn_flat *flat)
{
    /* Both pair with the releases that tn_flat_find() pairs with. */
    const struct tn_flat_array *array = atomic_load_explicit(&flat->current, memory_order_acquire);
    const struct tn_flat_array *old;

    if (array == NULL)
        return 0;
    old = atomic_load_explicit(&array->old, memory_order_acquire);
    return array->buffer.size_bytes + (old == NULL ? 0 : old->buffer.size_bytes);
}

/* Checks the words of one array; returns how many entries it holds. */
static uint64_t array_validate(const struct tn_flat_array *array, uint64_t n_moved,
                               tn_flat_hash_fn hash_of, const void *arg, uint64_t *ret_n_dirty)
{
    uint64_t n_entries = 0;

    TN_ASSERT(array->n_words >= WORDS_MIN && array->n_words % 8 == 0);
    *ret_n_dirty = 0;
    for (uint64_t at = 0; at < array->n_words; at++) {
        uint64_t word = array_word(array, at);
        uint64_t payload = word & TN_FLAT_PAYLOAD_MAX;
        uint64_t hash;

        *ret_n_dirty += word != 0;
        if (word <= TN_FLAT_REMOVED)
            continue;
        n_entries++;
        TN_ASSERT(at >= n_moved);
        hash_of(&payload, 1, &hash, arg);
        TN_ASSERT(word >> TN_FLAT_PAYLOAD_BITS == tn_flat_tag(hash));
        for (uint64_t on = tn_flat_home(array, hash); on != at;) {
            TN_ASSERT(array_word(array, on) != 0);
            on = on + 1 == array->n_words ? 0 : on + 1;
        }
    }
    TN_ASSERT(*ret_n_dirty < array->n_words);
    return n_entries;
}

void tn_flat_validate(const struct tn_flat *flat, tn_flat_hash_fn hash_of, const void *arg)
{
    const struct tn_flat_array *array = flat_current(flat);
    uint64_t n_entries;
    uint64_t n_dirty;
    uint64_t n_dirty_old;

    TN_ASSERT(flat->stagger < TN_FLAT_STAGGERS);
    if (array == NULL) {
        TN_ASSERT(flat->n_entries == 0 && flat->n_dirty == 0);
        return;
    }
    n_entries = array_validate(array, 0, hash_of, arg, &n_dirty);
    TN_ASSERT(n_dirty == flat->n_dirty && n_dirty <= flat_limit(array->n_words));
    if (array_old(array) != NULL)
        n_entries += array_validate(array_old(array),
                                    atomic_load_explicit(&array->n_moved, memory_order_relaxed),
                                    hash_of, arg, &n_dirty_old);
    TN_ASSERT(n_entries == flat->n_entries);
}
