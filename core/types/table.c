/* SPDX-License-Identifier: MIT */
/*
 * How tables grow, shrink and are read. table.h says what they are; finding and
 * walking is table_find.c's.
 */
#include "core/types/table.h"

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/yield.h"
#include "core/types/types_internal.h"

static struct tn_table_small *small_of(struct tn_table_body *body)
{
    return (struct tn_table_small *)(void *)body;
}

static struct tn_table_large *large_of(struct tn_table_body *body)
{
    return (struct tn_table_large *)(void *)body;
}

/* Puts a body, or none, in the place of the present one. Readers that have the
 * old one may find its index empty; they look again when they see the new one. */
static void body_publish(struct tn_mutator *mu, struct tn_table *table, struct tn_table_body *body)
{
    struct tn_table_body *old = tn_table_body_locked(table);

    /* Pairs with the acquire in tn_table_body_load(). */
    atomic_store_explicit(&table->body, body, memory_order_release);
    tn_yield();
    if (old == NULL)
        return;
    if (old->capacity == 0) {
        tn_flat_destroy(mu, &large_of(old)->index);
        tn_entries_destroy(mu, &large_of(old)->entries);
    }
    tn_container_release(mu, &table->object, &old->buffer);
}

/* ---- Small bodies ---- */

/* The capacity for so many entries: some more, so that a table whose entries come
 * and go is not copied each time. */
static uint16_t small_capacity(uint32_t n_entries)
{
    static const uint8_t capacities[TN_TABLE_SMALL_MAX + 1] = { 0, 2, 4, 4, 6, 8, 10, 10, 12 };

    return capacities[n_entries];
}

static void body_init(struct tn_table_body *body, uint16_t capacity, unsigned int n_slots)
{
    body->capacity = capacity;
    body->n_slots = (uint16_t)n_slots;
    atomic_init(&body->n_used, 0);
}

static int small_new(struct tn_mutator *mu, uint16_t capacity, unsigned int n_slots,
                     struct tn_table_small **ret_small)
{
    struct tn_table_body *body;
    struct tn_buffer *buffer;
    int r = tn_buffer_new_zeroed(mu, tn_table_small_bytes(capacity, n_slots), &buffer);

    if (r < 0)
        return r;
    body = TN_CONTAINER_OF(buffer, struct tn_table_body, buffer);
    body_init(body, capacity, n_slots);
    *ret_small = small_of(body);
    return 0;
}

static bool small_is_full(const struct tn_table_small *small)
{
    return tn_table_small_n_used(small) == small->body.capacity;
}

/* The next place; small_added() makes it visible. */
static tn_slot *small_next(const struct tn_table_small *small)
{
    return tn_table_small_entry(small, tn_table_small_n_used(small), small->body.n_slots);
}

/* Pairs with the acquire in tn_table_small_n_used(). */
static void small_added(struct tn_table_small *small, uint64_t tag, uint64_t number)
{
    uint32_t n_used = tn_table_small_n_used(small);

    small->labels[n_used] = tag << TN_FLAT_PAYLOAD_BITS | number;
    atomic_store_explicit(&small->body.n_used, n_used + 1, memory_order_release);
}

/* A small body with the entries of another one, and room for one more. */
static int small_copy(struct tn_mutator *mu, const struct tn_table_small *from, uint32_t n_entries,
                      struct tn_table_small **ret_small)
{
    unsigned int n_slots = from->body.n_slots;
    struct tn_table_small *small;
    int r = small_new(mu, small_capacity(n_entries + 1), n_slots, &small);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < tn_table_small_n_used(from); i++) {
        const tn_slot *entry = tn_table_small_entry(from, i, n_slots);
        tn_slot *to = small_next(small);

        if (tn_slot_load(&entry[TN_ENTRY_KEY]) == NULL)
            continue;
        for (unsigned int k = 0; k < n_slots; k++)
            tn_slot_copy(&to[k], &entry[k]);
        small_added(small, from->labels[i] >> TN_FLAT_PAYLOAD_BITS, tn_table_small_number(from, i));
    }
    *ret_small = small;
    return 0;
}

void tn_table_small_init(struct tn_table_small *small, uint16_t capacity, unsigned int n_slots)
{
    body_init(&small->body, capacity, n_slots);
}

void tn_table_small_fill(struct tn_table_small *small, uint32_t hash, struct tn_object *key)
{
    TN_ASSERT(!small_is_full(small) && small->body.n_slots == 1);
    atomic_init(small_next(small), key);
    small_added(small, hash >> 16, tn_table_end(&small->body));
}

/* ---- Large bodies ---- */

static int large_new(struct tn_mutator *mu, uint64_t first, unsigned int n_slots,
                     struct tn_table_large **ret_large)
{
    struct tn_table_large *large;
    struct tn_buffer *buffer;
    int r = tn_buffer_new_zeroed(mu, sizeof(*large), &buffer);

    if (r < 0)
        return r;
    large = large_of(TN_CONTAINER_OF(buffer, struct tn_table_body, buffer));
    body_init(&large->body, 0, n_slots);
    large->first = first;
    large->index.stagger = (uint32_t)((uintptr_t)large / 64 % TN_FLAT_STAGGERS);
    large->entries.n_slots = n_slots;
    *ret_large = large;
    return 0;
}

void tn_table_body_free(struct tn_mutator *mu, struct tn_table_body *body)
{
    if (body == NULL)
        return;
    if (body->capacity == 0) {
        tn_flat_destroy(mu, &large_of(body)->index);
        tn_entries_destroy(mu, &large_of(body)->entries);
    }
    tn_buffer_free(mu, &body->buffer);
}

/* Takes the memory for one more entry, and finds its place. */
static int large_reserve(struct tn_mutator *mu, struct tn_table_large *large, tn_slot **ret_entry)
{
    uint64_t number = atomic_load_explicit(&large->entries.end, memory_order_relaxed);
    int r;

    if (number > TN_TABLE_NUMBER_MAX - large->first)
        return TN_ERR_TOO_MANY;
    r = tn_entries_reserve(mu, &large->entries, ret_entry);
    return r < 0 ? r : tn_flat_prepare(mu, &large->index);
}

/* Makes the entry visible whose slots are filled: entries, index, in this order. */
static void large_added(struct tn_mutator *mu, struct tn_table_large *large, uint32_t hash)
{
    struct tn_table_hash_arg hash_arg = { .heap = mu->heap, .entries = &large->entries };
    uint64_t number = atomic_load_explicit(&large->entries.end, memory_order_relaxed);

    tn_entries_added(&large->entries);
    tn_yield();
    if (tn_flat_insert(mu, &large->index, tn_flat_hash_from_u32(hash), number, tn_table_hash_of,
                       &hash_arg) < 0)
        TN_UNREACHABLE(); /* it has been prepared */
}

/* A large body with the entries of a small one. */
static int large_from_small(struct tn_mutator *mu, const struct tn_object *container,
                            const struct tn_table_small *small, struct tn_table_large **ret_large)
{
    struct tn_table_walk walk = tn_table_walk_from(&small->body, 0);
    struct tn_object *items[TN_ENTRY_SLOTS_MAX];
    struct tn_table_large *large = NULL;
    uint64_t number;
    int r = 0;

    while (tn_table_walk_next(&walk, items, &number)) {
        tn_slot *entry;

        if (large == NULL)
            r = large_new(mu, number, small->body.n_slots, &large);
        if (r == 0) {
            tn_entries_skip_to(&large->entries, number - large->first);
            r = large_reserve(mu, large, &entry);
        }
        if (r < 0)
            break;
        for (unsigned int k = small->body.n_slots; k-- > 0;)
            tn_slot_init(mu, container, &entry[k], items[k]);
        large_added(mu, large, tn_key_hash_again(mu->heap, items[TN_ENTRY_KEY]));
    }
    if (r < 0) {
        if (large != NULL)
            tn_table_body_free(mu, &large->body);
        return r;
    }
    TN_ASSERT(large != NULL);
    tn_entries_skip_to(&large->entries, tn_table_end(&small->body) - large->first);
    *ret_large = large;
    return 0;
}

/* Makes a large body that has become nearly empty small again, if it can have
 * the memory for it. */
static void shrink(struct tn_mutator *mu, struct tn_table *table, uint32_t length)
{
    const struct tn_table_body *body = tn_table_body_locked(table);
    struct tn_table_walk walk = tn_table_walk_from(body, 0);
    struct tn_object *items[TN_ENTRY_SLOTS_MAX];
    struct tn_table_small *small;
    uint64_t number;

    if (small_new(mu, small_capacity(length + 1), body->n_slots, &small) < 0)
        return;
    while (tn_table_walk_next(&walk, items, &number)) {
        tn_slot *entry = small_next(small);

        for (unsigned int k = 0; k < body->n_slots; k++)
            atomic_init(&entry[k], items[k]);
        small_added(small, tn_key_hash_again(mu->heap, items[TN_ENTRY_KEY]) >> 16, number);
    }
    body_publish(mu, table, &small->body);
}

/* ---- Making and reading ---- */

int tn_table_body_new(struct tn_mutator *mu, size_t capacity, unsigned int n_slots,
                      struct tn_table_body **ret_body)
{
    struct tn_table_small *small;
    struct tn_table_large *large;
    int r;

    if (capacity > UINT32_MAX)
        return TN_ERR_TOO_BIG;
    if (capacity == 0) {
        *ret_body = NULL;
        return 0;
    }
    if (capacity <= TN_TABLE_SMALL_MAX) {
        r = small_new(mu, (uint16_t)capacity, n_slots, &small);
        if (r == 0)
            *ret_body = &small->body;
        return r;
    }
    r = large_new(mu, 0, n_slots, &large);
    if (r < 0)
        return r;
    r = tn_flat_reserve(mu, &large->index, capacity);
    if (r < 0)
        tn_table_body_free(mu, &large->body);
    else
        *ret_body = &large->body;
    return r;
}

void tn_table_init(struct tn_table *table, struct tn_table_body *body)
{
    atomic_init(&table->body, body);
    atomic_init(&table->state, 0);
}

int tn_table_new(struct tn_mutator *mu, enum tn_type_id type, size_t block_bytes, size_t capacity,
                 struct tn_object **ret_object)
{
    struct tn_table_body *body;
    struct tn_object *o;
    int r = tn_table_body_new(mu, capacity, type == TN_TYPE_DICT ? 2 : 1, &body);

    if (r < 0)
        return r;
    r = tn_object_new(mu, type, block_bytes, &o);
    if (r < 0) {
        tn_table_body_free(mu, body);
        return r;
    }
    tn_table_init(tn_table_of(o), body);
    *ret_object = o;
    return 0;
}

static int find_key(const struct tn_table *table, const struct tn_table_body *body,
                    const struct tn_object *key, uint32_t hash, struct tn_compare *limits)
{
    struct tn_table_found found;

    if (table->object.type == TN_TYPE_DICT)
        return tn_table_find_pair(body, key, hash, limits, &found);
    return tn_table_find_key(body, key, hash, limits, &found);
}

int tn_table_has(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *key,
                 uint32_t hash)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_table *table = tn_table_of(o);
    bool was_locked;
    int r;

    for (unsigned int i = 0; i < TN_TABLE_TRIES_MAX; i++) {
        bool was_odd = tn_state_is_odd(tn_state_load(&table->state));
        const struct tn_table_body *body = tn_table_body_load(table);

        tn_yield();
        r = find_key(table, body, key, hash, &limits);
        /* What is found while the version is odd may be half of a change. */
        if (TN_LIKELY(!was_odd && !tn_state_is_odd(tn_state_load(&table->state)) &&
                      (r != 0 || tn_table_body_load(table) == body)))
            return r;
    }
    was_locked = tn_container_lock(mu, o);
    r = find_key(table, tn_table_body_locked(table), key, hash, &limits);
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* Copies entries from *cursor on, and moves it on; 0 if no more are left. */
static size_t copy_out(const struct tn_table_body *body, uint64_t *cursor, size_t n_max,
                       struct tn_object **items)
{
    struct tn_table_walk walk = tn_table_walk_from(body, *cursor);
    struct tn_object *found[TN_ENTRY_SLOTS_MAX];
    uint64_t number;
    size_t n = 0;

    *cursor = 0;
    while (tn_table_walk_next(&walk, found, &number)) {
        if (n == n_max) {
            *cursor = number;
            break;
        }
        for (unsigned int k = 0; k < body->n_slots; k++)
            *items++ = found[k];
        n++;
    }
    return n;
}

int tn_table_scan(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor, size_t n_max,
                  struct tn_object **items, size_t *ret_n)
{
    struct tn_table *table = tn_table_of(o);
    uint64_t next;
    bool was_locked;

    if (n_max == 0)
        return TN_ERR_INVAL;
    for (unsigned int i = 0; i < TN_TABLE_TRIES_MAX; i++) {
        uint64_t state = tn_state_load(&table->state);

        if (tn_state_is_odd(state))
            break;
        next = *cursor;
        *ret_n = copy_out(tn_table_body_load(table), &next, n_max, items);
        if (tn_state_load(&table->state) == state)
            goto out;
    }
    was_locked = tn_container_lock(mu, o);
    next = *cursor;
    *ret_n = copy_out(tn_table_body_locked(table), &next, n_max, items);
    tn_container_unlock(mu, o, was_locked);
out:
    *cursor = next;
    return 0;
}

/* ---- Changing ---- */

/* Makes room for one more entry, if the body has none: by a new body with the
 * same entries. A large one always has. */
static int make_room(struct tn_mutator *mu, struct tn_table *table, uint32_t length)
{
    struct tn_table_body *body = tn_table_body_locked(table);
    struct tn_table_large *large;
    struct tn_table_small *small;
    int r;

    if (body != NULL && body->capacity == 0)
        return 0;
    if (body != NULL && tn_table_end(body) > TN_TABLE_NUMBER_MAX)
        return TN_ERR_TOO_MANY;
    if (body != NULL && !small_is_full(small_of(body)))
        return 0;
    if (length < TN_TABLE_SMALL_MAX) {
        if (body == NULL)
            r = small_new(mu, small_capacity(1), tn_table_n_slots(table), &small);
        else
            r = small_copy(mu, small_of(body), length, &small);
        body = r < 0 ? NULL : &small->body;
    } else {
        r = large_from_small(mu, &table->object, small_of(body), &large);
        body = r < 0 ? NULL : &large->body;
    }
    if (r < 0)
        return r;
    body_publish(mu, table, body);
    return 0;
}

int tn_table_prepare(struct tn_mutator *mu, struct tn_table *table, uint32_t length,
                     tn_slot **ret_entry)
{
    struct tn_table_body *body;
    int r;

    if (length == UINT32_MAX)
        return TN_ERR_TOO_BIG;
    r = make_room(mu, table, length);
    if (r < 0)
        return r;
    body = tn_table_body_locked(table);
    if (body->capacity == 0)
        return large_reserve(mu, large_of(body), ret_entry);
    *ret_entry = small_next(small_of(body));
    return 0;
}

void tn_table_insert(struct tn_mutator *mu, struct tn_table *table, tn_slot *entry, uint32_t hash,
                     struct tn_object *key, struct tn_object *value)
{
    struct tn_table_body *body = tn_table_body_locked(table);

    if (body->n_slots > TN_ENTRY_VALUE)
        tn_slot_init(mu, &table->object, &entry[TN_ENTRY_VALUE], value);
    tn_slot_init(mu, &table->object, &entry[TN_ENTRY_KEY], key);
    tn_yield();
    if (body->capacity == 0)
        large_added(mu, large_of(body), hash);
    else
        small_added(small_of(body), hash >> 16, tn_table_end(body));
    tn_yield();
}

void tn_table_remove(struct tn_mutator *mu, struct tn_table *table, uint32_t hash,
                     const struct tn_table_found *found, struct tn_object **ret_items)
{
    struct tn_table_body *body = tn_table_body_locked(table);
    bool is_large = body->capacity == 0;

    if (is_large) {
        struct tn_table_hash_arg hash_arg = { mu->heap, &large_of(body)->entries };

        tn_flat_remove(mu, &large_of(body)->index, tn_flat_hash_from_u32(hash), found->place,
                       tn_table_hash_of, &hash_arg);
    }
    for (unsigned int k = body->n_slots; k-- > 0;) {
        tn_yield();
        ret_items[k] = tn_slot_swap(mu, &table->object, &found->entry[k], NULL);
    }
    tn_yield();
    if (is_large)
        tn_entries_removed(mu, &large_of(body)->entries, found->place);
}

void tn_table_trim(struct tn_mutator *mu, struct tn_table *table, uint32_t length)
{
    struct tn_table_body *body = tn_table_body_locked(table);
    bool is_large;

    if (body == NULL)
        return;
    is_large = body->capacity == 0;
    if (length == 0 && (is_large || small_is_full(small_of(body))))
        body_publish(mu, table, NULL);
    else if (is_large && length <= TN_TABLE_SMALL_AGAIN)
        shrink(mu, table, length);
    else if (is_large)
        tn_flat_trim(mu, &large_of(body)->index);
}
