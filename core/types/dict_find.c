/* SPDX-License-Identifier: MIT */
/* Finding and walking: what readers of a dict do in a body. No locks, no counts. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/dict_internal.h"
#include "core/types/types_internal.h"

struct probe {
    const struct tn_object *key;
    const struct tn_entries *entries;
    struct tn_compare *limits;
    struct tn_dict_found *found;
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
TN_ALWAYS_INLINE int entry_matches(struct tn_entry *entry, const struct tn_object *key,
                                   struct tn_compare *limits, struct tn_dict_found *found)
{
    int r = key_matches(tn_slot_load(&entry->key), key, limits);
    struct tn_object *value;

    if (r != 1)
        return r;
    tn_yield();
    value = tn_slot_load(&entry->value);
    if (value == NULL) /* being removed */
        return 0;
    found->entry = entry;
    found->value = value;
    return 1;
}

static int small_find(const struct tn_dict_small *small, const struct tn_object *key, uint32_t hash,
                      struct tn_compare *limits, struct tn_dict_found *found)
{
    uint32_t n_used = tn_dict_small_n_used(small);

    for (uint32_t i = 0; i < n_used; i++) {
        int r;

        if (small->labels[i] >> TN_FLAT_PAYLOAD_BITS != hash >> 16)
            continue;
        r = entry_matches(tn_dict_small_entry(small, i), key, limits, found);
        if (r != 0) {
            found->place = i;
            return r;
        }
    }
    return 0;
}

TN_ALWAYS_INLINE bool probe_match(uint64_t number, const void *arg)
{
    const struct probe *probe = arg;
    struct tn_entry *entry = tn_entries_find(probe->entries, number);
    int r;

    if (entry == NULL)
        return false;
    r = entry_matches(entry, probe->key, probe->limits, probe->found);
    if (TN_UNLIKELY(r < 0))
        *probe->error = r;
    return r != 0;
}

int tn_dict_body_find(const struct tn_dict_body *body, const struct tn_object *key, uint32_t hash,
                      struct tn_compare *limits, struct tn_dict_found *ret_found)
{
    const struct tn_dict_large *large = tn_dict_large_of(body);
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
        return small_find(tn_dict_small_of(body), key, hash, limits, ret_found);
    probe.entries = &large->entries;
    if (!tn_flat_find(&large->index, tn_flat_hash_from_u32(hash), probe_match, &probe,
                      &ret_found->place))
        return 0;
    return error < 0 ? error : 1;
}

void tn_dict_hash_of(const uint64_t *numbers, size_t n, uint64_t *ret_hashes, const void *arg)
{
    const struct tn_dict_hash_arg *hash_arg = arg;
    const struct tn_entry *entries[TN_FLAT_STEP];
    const struct tn_object *keys[TN_FLAT_STEP];

    /* Three rounds, so that the misses of one overlap. */
    TN_ASSERT(n <= TN_FLAT_STEP);
    for (size_t i = 0; i < n; i++) {
        entries[i] = tn_entries_find(hash_arg->entries, numbers[i]);
        TN_PREFETCH(entries[i]);
    }
    for (size_t i = 0; i < n; i++) {
        keys[i] = tn_slot_load(&entries[i]->key);
        TN_PREFETCH(keys[i]);
    }
    for (size_t i = 0; i < n; i++)
        ret_hashes[i] = tn_flat_hash_from_u32(tn_key_hash_again(hash_arg->heap, keys[i]));
}

struct tn_dict_walk tn_dict_walk_from(const struct tn_dict_body *body, uint64_t number)
{
    struct tn_dict_walk walk = { .body = body };
    const struct tn_dict_large *large = tn_dict_large_of(body);

    if (body == NULL)
        return walk;
    if (body->capacity == 0) {
        number = number < large->first ? 0 : number - large->first;
        walk.entries = tn_entries_walk_from(&large->entries, number);
        return walk;
    }
    while (walk.place < tn_dict_small_n_used(tn_dict_small_of(body)) &&
           tn_dict_small_number(tn_dict_small_of(body), walk.place) < number)
        walk.place++;
    return walk;
}

static struct tn_entry *small_walk_next(struct tn_dict_walk *walk, uint64_t *ret_number)
{
    const struct tn_dict_small *small = tn_dict_small_of(walk->body);

    if (walk->place >= tn_dict_small_n_used(small))
        return NULL;
    *ret_number = tn_dict_small_number(small, walk->place);
    return tn_dict_small_entry(small, walk->place++);
}

bool tn_dict_walk_next(struct tn_dict_walk *walk, struct tn_dict_item *ret_item,
                       uint64_t *ret_number)
{
    bool is_small;

    if (walk->body == NULL)
        return false;
    is_small = walk->body->capacity > 0;
    for (;;) {
        uint64_t number;
        struct tn_entry *entry =
            is_small ? small_walk_next(walk, &number) : tn_entries_next(&walk->entries, &number);

        if (entry == NULL)
            return false;
        ret_item->key = tn_slot_load(&entry->key);
        ret_item->value = tn_slot_load(&entry->value);
        if (ret_item->key == NULL || ret_item->value == NULL)
            continue;
        if (ret_number != NULL)
            *ret_number = number + (is_small ? 0 : tn_dict_large_of(walk->body)->first);
        return true;
    }
}
