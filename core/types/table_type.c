/* SPDX-License-Identifier: MIT */
/* What the heap asks of dicts, sets and frozensets alike. None of it takes a lock. */
#include "core/base/check.h"
#include "core/types/table.h"
#include "core/types/types_internal.h"

int tn_table_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg)
{
    const struct tn_table *table = tn_table_const(o);
    struct tn_table_walk walk = tn_table_walk_from(tn_table_body_load(table), 0);
    struct tn_object *items[TN_ENTRY_SLOTS_MAX];
    int r = 0;

    while (r >= 0 && tn_table_walk_next(&walk, items, NULL)) {
        for (unsigned int k = 0; r >= 0 && k < tn_table_n_slots(table); k++)
            r = visit(items[k], arg);
    }
    return r < 0 ? r : 0;
}

/* Drops the entries of a small body. True if none is left. */
static bool small_clear(struct tn_mutator *mu, const struct tn_table_small *small, size_t *budget)
{
    unsigned int n_slots = small->body.n_slots;

    for (uint32_t i = 0; i < tn_table_small_n_used(small); i++) {
        if (!tn_entry_clear(mu, tn_table_small_entry(small, i, n_slots), n_slots, budget))
            return false;
    }
    return true;
}

bool tn_table_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_table *table = tn_table_of(o);
    struct tn_table_body *body = tn_table_body_locked(table);
    struct tn_table_large *large = (struct tn_table_large *)(void *)body;

    if (body == NULL)
        return true;
    if (body->capacity > 0) {
        if (!small_clear(mu, tn_table_small_of(body), budget))
            return false;
    } else {
        tn_flat_destroy(mu, &large->index);
        if (!tn_entries_clear(mu, &large->entries, budget))
            return false;
    }
    /* Relaxed: readers find it or not; there is nothing in it any more. */
    atomic_store_explicit(&table->body, NULL, memory_order_relaxed);
    atomic_store_explicit(&table->state, 0, memory_order_relaxed);
    tn_buffer_retire(mu, &body->buffer);
    return true;
}

size_t tn_table_extra_size(const struct tn_object *o)
{
    const struct tn_table_body *body = tn_table_body_load(tn_table_const(o));
    const struct tn_table_large *large = tn_table_large_of(body);

    if (body == NULL)
        return 0;
    if (body->capacity > 0)
        return body->buffer.size_bytes;
    return body->buffer.size_bytes + tn_flat_bytes(&large->index) +
           atomic_load_explicit(&large->entries.bytes, memory_order_relaxed);
}

uint64_t tn_table_length(const struct tn_object *o)
{
    return tn_state_length(tn_state_load(&tn_table_const(o)->state));
}

/* ---- Validation ---- */

static uint32_t small_validate(const struct tn_heap *heap, const struct tn_table_small *small)
{
    unsigned int n_slots = small->body.n_slots;
    uint32_t n_entries = 0;

    TN_ASSERT(tn_table_small_n_used(small) <= small->body.capacity);
    for (uint32_t i = 0; i < tn_table_small_n_used(small); i++) {
        const tn_slot *entry = tn_table_small_entry(small, i, n_slots);
        struct tn_object *key = tn_slot_load(&entry[TN_ENTRY_KEY]);
        uint32_t hash;

        TN_ASSERT(i == 0 || tn_table_small_number(small, i) > tn_table_small_number(small, i - 1));
        TN_ASSERT((key == NULL) == (tn_slot_load(&entry[n_slots - 1]) == NULL));
        if (key == NULL)
            continue;
        n_entries++;
        TN_ASSERT(tn_hash(heap, key, &hash) == 0);
        TN_ASSERT(hash >> 16 == small->labels[i] >> TN_FLAT_PAYLOAD_BITS);
    }
    return n_entries;
}

void tn_table_validate(const struct tn_heap *heap, const struct tn_object *o)
{
    const struct tn_table *table = tn_table_const(o);
    const struct tn_table_body *body = tn_table_body_load(table);
    const struct tn_table_large *large = tn_table_large_of(body);
    uint64_t state = tn_state_load(&table->state);

    TN_ASSERT(!tn_state_is_odd(state));
    TN_ASSERT(body == NULL || body->n_slots == tn_table_n_slots(table));
    if (body == NULL) {
        TN_ASSERT(tn_state_length(state) == 0);
    } else if (body->capacity > 0) {
        TN_ASSERT(tn_state_length(state) == small_validate(heap, tn_table_small_of(body)));
    } else {
        struct tn_table_hash_arg hash_arg = { heap, &large->entries };

        TN_ASSERT(large->entries.n_slots == body->n_slots);
        tn_flat_validate(&large->index, tn_table_hash_of, &hash_arg);
        TN_ASSERT(tn_state_length(state) == tn_entries_validate(&large->entries));
        TN_ASSERT(tn_state_length(state) == large->index.n_entries);
    }
}
