/* SPDX-License-Identifier: MIT */
/* Finding and walking: what readers of a table do in a body. No locks, no counts. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/table.h"
#include "core/types/types_internal.h"

struct probe {
    const struct tn_object *key;
    const struct tn_entries *entries;
    struct tn_compare *limits;
    struct tn_table_found *found;
    int *error;
};

/* Whether an entry's key is the one that is asked for: 1, 0 or an error. */
TN_ALWAYS_INLINE int key_matches(const struct tn_object *found, const struct tn_object *key,
                                 struct tn_compare *limits)
{
    if (found == key)
        return 1;
    if (found != NULL && found->type == TN_TYPE_STR && key->type == TN_TYPE_STR) {
        const struct tn_text *a = tn_text_const(found);
        const struct tn_text *b = tn_text_const(key);

        return a->n_bytes == b->n_bytes &&
               memcmp(tn_text_content(a), tn_text_content(b), a->n_bytes) == 0;
    }
    return tn_same_or_equal(found, key, limits);
}

/* Whether an entry is there and has the key; takes note of its value. */
TN_ALWAYS_INLINE int entry_matches(tn_slot *entry, unsigned int n_slots,
                                   const struct tn_object *key, struct tn_compare *limits,
                                   struct tn_table_found *found)
{
    int r = key_matches(tn_slot_load(&entry[TN_ENTRY_KEY]), key, limits);

    if (r != 1)
        return r;
    if (n_slots > TN_ENTRY_VALUE) {
        struct tn_object *value;

        tn_yield();
        value = tn_slot_load(&entry[TN_ENTRY_VALUE]);
        if (value == NULL) /* being removed */
            return 0;
        found->value = value;
    }
    found->entry = entry;
    return 1;
}

TN_ALWAYS_INLINE int small_find(const struct tn_table_small *small, unsigned int n_slots,
                                const struct tn_object *key, uint32_t hash,
                                struct tn_compare *limits, struct tn_table_found *found)
{
    uint32_t n_used = tn_table_small_n_used(small);

    for (uint32_t i = 0; i < n_used; i++) {
        int r;

        if (small->labels[i] >> TN_FLAT_PAYLOAD_BITS != hash >> 16)
            continue;
        r = entry_matches(tn_table_small_entry(small, i, n_slots), n_slots, key, limits, found);
        if (r != 0) {
            found->place = i;
            return r;
        }
    }
    return 0;
}

TN_ALWAYS_INLINE bool probe_match(const struct probe *probe, unsigned int n_slots, uint64_t number)
{
    tn_slot *entry = tn_entries_find(probe->entries, number, n_slots);
    int r;

    if (entry == NULL)
        return false;
    r = entry_matches(entry, n_slots, probe->key, probe->limits, probe->found);
    if (TN_UNLIKELY(r < 0))
        *probe->error = r;
    return r != 0;
}

TN_ALWAYS_INLINE bool probe_match_pair(uint64_t number, const void *arg)
{
    return probe_match(arg, 2, number);
}

TN_ALWAYS_INLINE bool probe_match_key(uint64_t number, const void *arg)
{
    return probe_match(arg, 1, number);
}

/* `n_slots` and `match` are constants wherever this is inlined. */
TN_ALWAYS_INLINE int find(const struct tn_table_body *body, unsigned int n_slots,
                          tn_flat_match_fn match, const struct tn_object *key, uint32_t hash,
                          struct tn_compare *limits, struct tn_table_found *ret_found)
{
    const struct tn_table_large *large = tn_table_large_of(body);
    int error = 0;
    struct probe probe = {
        .key = key,
        .limits = limits,
        .found = ret_found,
        .error = &error,
    };

    if (body == NULL)
        return 0;
    if (body->capacity > 0)
        return small_find(tn_table_small_of(body), n_slots, key, hash, limits, ret_found);
    probe.entries = &large->entries;
    if (!tn_flat_find(&large->index, tn_flat_hash_from_u32(hash), match, &probe, &ret_found->place))
        return 0;
    return error < 0 ? error : 1;
}

int tn_table_find_pair(const struct tn_table_body *body, const struct tn_object *key, uint32_t hash,
                       struct tn_compare *limits, struct tn_table_found *ret_found)
{
    return find(body, 2, probe_match_pair, key, hash, limits, ret_found);
}

int tn_table_find_key(const struct tn_table_body *body, const struct tn_object *key, uint32_t hash,
                      struct tn_compare *limits, struct tn_table_found *ret_found)
{
    return find(body, 1, probe_match_key, key, hash, limits, ret_found);
}

uint64_t tn_table_number(const struct tn_table_body *body, uint64_t place)
{
    if (body->capacity > 0)
        return tn_table_small_number(tn_table_small_of(body), (uint32_t)place);
    return tn_table_large_of(body)->first + place;
}

tn_slot *tn_table_entry(const struct tn_table_body *body, uint64_t place)
{
    if (body->capacity > 0)
        return tn_table_small_entry(tn_table_small_of(body), (uint32_t)place, body->n_slots);
    return tn_entries_find(&tn_table_large_of(body)->entries, place, body->n_slots);
}

uint64_t tn_table_end(const struct tn_table_body *body)
{
    const struct tn_table_large *large = tn_table_large_of(body);
    const struct tn_table_small *small = tn_table_small_of(body);
    uint32_t n_used;

    if (body == NULL)
        return 0;
    if (body->capacity == 0)
        return large->first + atomic_load_explicit(&large->entries.end, memory_order_relaxed);
    n_used = tn_table_small_n_used(small);
    return n_used == 0 ? 0 : tn_table_small_number(small, n_used - 1) + 1;
}

void tn_table_hash_of(const uint64_t *numbers, size_t n, uint64_t *ret_hashes, const void *arg)
{
    const struct tn_table_hash_arg *hash_arg = arg;
    const tn_slot *entries[TN_FLAT_STEP];
    const struct tn_object *keys[TN_FLAT_STEP];

    /* Three rounds, so that the misses of one overlap. */
    TN_ASSERT(n <= TN_FLAT_STEP);
    for (size_t i = 0; i < n; i++) {
        entries[i] = tn_entries_find(hash_arg->entries, numbers[i], hash_arg->entries->n_slots);
        TN_PREFETCH(entries[i]);
    }
    for (size_t i = 0; i < n; i++) {
        keys[i] = tn_slot_load(&entries[i][TN_ENTRY_KEY]);
        TN_PREFETCH(keys[i]);
    }
    for (size_t i = 0; i < n; i++)
        ret_hashes[i] = tn_flat_hash_from_u32(tn_key_hash_again(hash_arg->heap, keys[i]));
}

struct tn_table_walk tn_table_walk_from(const struct tn_table_body *body, uint64_t number)
{
    struct tn_table_walk walk = { .body = body };
    const struct tn_table_large *large = tn_table_large_of(body);

    if (body == NULL)
        return walk;
    if (body->capacity == 0) {
        number = number < large->first ? 0 : number - large->first;
        walk.entries = tn_entries_walk_from(&large->entries, number);
        return walk;
    }
    while (walk.place < tn_table_small_n_used(tn_table_small_of(body)) &&
           tn_table_small_number(tn_table_small_of(body), walk.place) < number)
        walk.place++;
    return walk;
}

static tn_slot *small_walk_next(struct tn_table_walk *walk, uint64_t *ret_number)
{
    const struct tn_table_small *small = tn_table_small_of(walk->body);

    if (walk->place >= tn_table_small_n_used(small))
        return NULL;
    *ret_number = tn_table_small_number(small, walk->place);
    return tn_table_small_entry(small, walk->place++, small->body.n_slots);
}

bool tn_table_walk_next(struct tn_table_walk *walk, struct tn_object **ret_items,
                        uint64_t *ret_number)
{
    bool is_small;

    if (walk->body == NULL)
        return false;
    is_small = walk->body->capacity > 0;
    for (;;) {
        uint64_t number;
        const tn_slot *entry =
            is_small ? small_walk_next(walk, &number) : tn_entries_next(&walk->entries, &number);
        bool is_there = true;

        if (entry == NULL)
            return false;
        for (unsigned int k = 0; k < walk->body->n_slots; k++) {
            ret_items[k] = tn_slot_load(&entry[k]);
            is_there = is_there && ret_items[k] != NULL;
        }
        if (!is_there)
            continue;
        if (ret_number != NULL)
            *ret_number = number + (is_small ? 0 : tn_table_large_of(walk->body)->first);
        return true;
    }
}

uint64_t tn_table_walk_place(const struct tn_table_walk *walk)
{
    return walk->body->capacity > 0 ? walk->place - 1 : walk->entries.number - 1;
}
