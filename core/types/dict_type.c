/* SPDX-License-Identifier: MIT */
/* What the heap asks of dicts, and comparing them. None of it takes a lock. */
#include "core/base/check.h"
#include "core/types/dict_internal.h"
#include "core/types/types_internal.h"

static int dict_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg)
{
    struct tn_dict_walk walk = tn_dict_walk_from(tn_dict_body_load(tn_dict_const(o)), 0);
    struct tn_dict_item item;
    int r = 0;

    while (r >= 0 && tn_dict_walk_next(&walk, &item, NULL)) {
        r = visit(item.key, arg);
        if (r >= 0)
            r = visit(item.value, arg);
    }
    return r < 0 ? r : 0;
}

/* Drops the entries of a small body. True if none is left. */
static bool small_clear(struct tn_mutator *mu, const struct tn_dict_small *small, size_t *budget)
{
    for (uint32_t i = 0; i < tn_dict_small_n_used(small); i++) {
        if (!tn_entry_clear(mu, tn_dict_small_entry(small, i), budget))
            return false;
    }
    return true;
}

static bool dict_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_dict *dict = (struct tn_dict *)(void *)o;
    struct tn_dict_body *body = atomic_load_explicit(&dict->body, memory_order_relaxed);
    struct tn_dict_large *large = (struct tn_dict_large *)(void *)body;

    if (body == NULL)
        return true;
    if (body->capacity > 0) {
        if (!small_clear(mu, tn_dict_small_of(body), budget))
            return false;
    } else {
        tn_flat_destroy(mu, &large->index);
        if (!tn_entries_clear(mu, &large->entries, budget))
            return false;
    }
    /* Relaxed: readers find it or not; there is nothing in it any more. */
    atomic_store_explicit(&dict->body, NULL, memory_order_relaxed);
    atomic_store_explicit(&dict->state, 0, memory_order_relaxed);
    tn_buffer_retire(mu, &body->buffer);
    return true;
}

static size_t dict_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_dict);
}

static size_t dict_extra_size(const struct tn_object *o)
{
    const struct tn_dict_body *body = tn_dict_body_load(tn_dict_const(o));
    const struct tn_dict_large *large = tn_dict_large_of(body);

    if (body == NULL)
        return 0;
    if (body->capacity > 0)
        return body->buffer.size_bytes;
    return body->buffer.size_bytes + tn_flat_bytes(&large->index) +
           atomic_load_explicit(&large->entries.bytes, memory_order_relaxed);
}

static uint64_t dict_length(const struct tn_object *o)
{
    return tn_dict_length(o);
}

/* Whether an equal value is found in `dict` under a key: 1, 0 or an error. */
static int has_equal_item(const struct tn_dict *dict, const struct tn_dict_item *item,
                          struct tn_compare *limits)
{
    struct tn_dict_found found;
    uint32_t hash;
    int r = tn_hash(limits->heap, item->key, &hash);

    if (r < 0)
        return 0; /* a tuple that has been removed and dies as we look at it */
    r = tn_dict_body_find(tn_dict_body_load(dict), item->key, hash, limits, &found);
    return r == 1 ? tn_same_or_equal(item->value, found.value, limits) : r;
}

static int dict_equal(const struct tn_object *a, const struct tn_object *b,
                      struct tn_compare *limits)
{
    const struct tn_dict *x = tn_dict_const(a);
    struct tn_dict_walk walk;
    struct tn_dict_item item;
    int r = 1;

    if (b->type != TN_TYPE_DICT || dict_length(a) != dict_length(b))
        return 0;
    if (limits->depth_left == 0)
        return TN_ERR_TOO_DEEP;
    limits->depth_left--;
    walk = tn_dict_walk_from(tn_dict_body_load(x), 0);
    while (r == 1 && tn_dict_walk_next(&walk, &item, NULL))
        r = has_equal_item(tn_dict_const(b), &item, limits);
    limits->depth_left++;
    return r;
}

const struct tn_type tn_type_dict = {
    .name = "dict",
    .id = TN_TYPE_DICT,
    .is_container = true,
    .is_mutable = true,
    .traverse = dict_traverse,
    .clear = dict_clear,
    .block_size = dict_block_size,
    .extra_size = dict_extra_size,
    .length = dict_length,
    .equal = dict_equal,
};

/* ---- Validation ---- */

static uint32_t small_validate(const struct tn_heap *heap, const struct tn_dict_small *small)
{
    uint32_t n_entries = 0;

    TN_ASSERT(tn_dict_small_n_used(small) <= small->body.capacity);
    for (uint32_t i = 0; i < tn_dict_small_n_used(small); i++) {
        const struct tn_entry *entry = tn_dict_small_entry(small, i);
        struct tn_object *key = tn_slot_load(&entry->key);
        uint32_t hash;

        TN_ASSERT(i == 0 || tn_dict_small_number(small, i) > tn_dict_small_number(small, i - 1));
        TN_ASSERT((key == NULL) == (tn_slot_load(&entry->value) == NULL));
        if (key == NULL)
            continue;
        n_entries++;
        TN_ASSERT(tn_hash(heap, key, &hash) == 0);
        TN_ASSERT(hash >> 16 == small->labels[i] >> TN_FLAT_PAYLOAD_BITS);
    }
    return n_entries;
}

void tn_dict_validate(const struct tn_heap *heap, const struct tn_object *o)
{
    const struct tn_dict *dict = tn_dict_const(o);
    const struct tn_dict_body *body = tn_dict_body_load(dict);
    const struct tn_dict_large *large = tn_dict_large_of(body);
    uint64_t state = tn_state_load(&dict->state);

    TN_ASSERT(o->type == TN_TYPE_DICT && !tn_state_is_odd(state));
    if (body == NULL) {
        TN_ASSERT(tn_state_length(state) == 0);
    } else if (body->capacity > 0) {
        TN_ASSERT(tn_state_length(state) == small_validate(heap, tn_dict_small_of(body)));
    } else {
        struct tn_dict_hash_arg hash_arg = { heap, &large->entries };

        tn_flat_validate(&large->index, tn_dict_hash_of, &hash_arg);
        TN_ASSERT(tn_state_length(state) == tn_entries_validate(&large->entries));
        TN_ASSERT(tn_state_length(state) == large->index.n_entries);
    }
}
