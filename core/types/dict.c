/* SPDX-License-Identifier: MIT */
/*
 * dict: a body that holds the entries, and a state (state.h).
 *
 * Small bodies are searched from one end to the other. A large one has the
 * entries by number (entries.h) and an index of the numbers by hash (flat.h).
 * Both of these grow and shrink in small steps; nothing here costs time in
 * proportion to the dict but its end, which is worked off within a budget.
 *
 * The number of an entry is its place in the order of insertion. It stays the
 * same when the body is replaced, so a scan goes on where it was. Numbers begin
 * at 0 again only when the dict becomes empty: then nothing is there throughout
 * a scan. 2^48 insertions without ever being empty are possible.
 *
 * Writers hold the object's lock. Overwriting a value changes one slot; for an
 * insertion or a removal the version is odd. Readers of one key look at no
 * version when they find it: key and value are never in an entry again once they
 * have left it, so what is in it was there at some moment, also in a body that
 * has been replaced meanwhile and stays as it was. When they do not find it, that
 * holds only if the body is still the same and no insertion or removal was under
 * way before the search (its length may have been seen already) nor is one after
 * it (its length may not have changed yet). Otherwise they search again, at last
 * under the lock, so that nobody sees a change half done.
 */
#include "core/types/dict.h"

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/dict_internal.h"
#include "core/types/types_internal.h"

#define TRIES_MAX 4 /* of reading before the lock is taken */

static struct tn_dict *dict_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_DICT);
    return (struct tn_dict *)(void *)o;
}

static struct tn_dict_body *body_locked(const struct tn_dict *dict)
{
    return atomic_load_explicit(&dict->body, memory_order_relaxed);
}

static struct tn_dict_small *small_of(struct tn_dict_body *body)
{
    return (struct tn_dict_small *)(void *)body;
}

static struct tn_dict_large *large_of(struct tn_dict_body *body)
{
    return (struct tn_dict_large *)(void *)body;
}

/* Puts a body, or none, in the place of the present one. Readers that have the
 * old one may find its index empty; they look again when they see the new one. */
static void body_publish(struct tn_mutator *mu, struct tn_dict *dict, struct tn_dict_body *body)
{
    struct tn_dict_body *old = body_locked(dict);

    /* Pairs with the acquire in tn_dict_body_load(). */
    atomic_store_explicit(&dict->body, body, memory_order_release);
    tn_yield();
    if (old == NULL)
        return;
    if (old->capacity == 0) {
        tn_flat_destroy(mu, &large_of(old)->index);
        tn_entries_destroy(mu, &large_of(old)->entries);
    }
    tn_container_release(mu, &dict->object, &old->buffer);
}

/* ---- Small bodies ---- */

/* The capacity for so many entries: some more, so that a dict whose entries come
 * and go is not copied each time. */
static uint32_t small_capacity(uint32_t n_entries)
{
    static const uint8_t capacities[TN_DICT_SMALL_MAX + 1] = { 0, 2, 4, 4, 6, 8, 10, 10, 12 };

    return capacities[n_entries];
}

static int small_new(struct tn_mutator *mu, uint32_t capacity, struct tn_dict_small **ret_small)
{
    size_t bytes =
        sizeof(struct tn_dict_small) + capacity * (sizeof(uint64_t) + sizeof(struct tn_entry));
    struct tn_dict_body *body;
    struct tn_buffer *buffer;
    int r = tn_buffer_new_zeroed(mu, bytes, &buffer);

    if (r < 0)
        return r;
    body = TN_CONTAINER_OF(buffer, struct tn_dict_body, buffer);
    body->capacity = capacity;
    atomic_init(&body->n_used, 0);
    *ret_small = small_of(body);
    return 0;
}

static bool small_is_full(const struct tn_dict_small *small)
{
    return tn_dict_small_n_used(small) == small->body.capacity;
}

/* The number of the next entry. */
static uint64_t small_end(const struct tn_dict_small *small)
{
    uint32_t n_used = tn_dict_small_n_used(small);

    return n_used == 0 ? 0 : tn_dict_small_number(small, n_used - 1) + 1;
}

/* The next place, with its label; small_added() makes it visible. */
static struct tn_entry *small_next(struct tn_dict_small *small, uint64_t tag, uint64_t number)
{
    uint32_t i = tn_dict_small_n_used(small);

    small->labels[i] = tag << TN_FLAT_PAYLOAD_BITS | number;
    return tn_dict_small_entry(small, i);
}

/* Pairs with the acquire in tn_dict_small_n_used(). */
static void small_added(struct tn_dict_small *small)
{
    atomic_store_explicit(&small->body.n_used, tn_dict_small_n_used(small) + 1,
                          memory_order_release);
}

static void move_entry(struct tn_entry *to, const struct tn_entry *from)
{
    tn_slot_copy(&to->value, &from->value);
    tn_slot_copy(&to->key, &from->key);
}

/* A small body with the entries of another one, and room for one more. */
static int small_copy(struct tn_mutator *mu, const struct tn_dict_small *from, uint32_t n_entries,
                      struct tn_dict_small **ret_small)
{
    struct tn_dict_small *small;
    int r = small_new(mu, small_capacity(n_entries + 1), &small);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < tn_dict_small_n_used(from); i++) {
        const struct tn_entry *entry = tn_dict_small_entry(from, i);
        uint64_t label = from->labels[i];

        if (tn_slot_load(&entry->key) == NULL)
            continue;
        move_entry(small_next(small, label >> TN_FLAT_PAYLOAD_BITS, label & TN_DICT_NUMBER_MAX),
                   entry);
        small_added(small);
    }
    *ret_small = small;
    return 0;
}

/* ---- Large bodies ---- */

static int large_new(struct tn_mutator *mu, uint64_t first, struct tn_dict_large **ret_large)
{
    struct tn_dict_large *large;
    struct tn_buffer *buffer;
    int r = tn_buffer_new_zeroed(mu, sizeof(*large), &buffer);

    if (r < 0)
        return r;
    large = large_of(TN_CONTAINER_OF(buffer, struct tn_dict_body, buffer));
    large->first = first;
    large->index.stagger = (uint32_t)((uintptr_t)large / 64 % TN_FLAT_STAGGERS);
    *ret_large = large;
    return 0;
}

/* Of a body that nobody else has seen. */
static void large_free(struct tn_mutator *mu, struct tn_dict_large *large)
{
    tn_flat_destroy(mu, &large->index);
    tn_entries_destroy(mu, &large->entries);
    tn_buffer_free(mu, &large->body.buffer);
}

/* Takes the memory for one more entry, and finds its place. */
static int large_reserve(struct tn_mutator *mu, struct tn_dict_large *large,
                         struct tn_entry **ret_entry)
{
    uint64_t number = atomic_load_explicit(&large->entries.end, memory_order_relaxed);
    int r;

    if (number > TN_DICT_NUMBER_MAX - large->first)
        return TN_ERR_TOO_MANY;
    r = tn_entries_reserve(mu, &large->entries, ret_entry);
    return r < 0 ? r : tn_flat_prepare(mu, &large->index);
}

/* Adds the entry at the reserved place: slots, entries, index, in this order. */
static void large_add(struct tn_mutator *mu, struct tn_dict_large *large, struct tn_entry *entry,
                      uint32_t hash, const struct tn_object *container, struct tn_object *key,
                      struct tn_object *value)
{
    struct tn_dict_hash_arg hash_arg = { .heap = mu->heap, .entries = &large->entries };
    uint64_t number = atomic_load_explicit(&large->entries.end, memory_order_relaxed);

    tn_slot_init(mu, container, &entry->value, value);
    tn_slot_init(mu, container, &entry->key, key);
    tn_yield();
    tn_entries_added(&large->entries);
    tn_yield();
    if (tn_flat_insert(mu, &large->index, tn_flat_hash_from_u32(hash), number, tn_dict_hash_of,
                       &hash_arg) < 0)
        TN_UNREACHABLE(); /* it has been prepared */
}

/* A large body with the entries of a small one. */
static int large_from_small(struct tn_mutator *mu, const struct tn_object *container,
                            const struct tn_dict_small *small, struct tn_dict_large **ret_large)
{
    struct tn_dict_walk walk = tn_dict_walk_from(&small->body, 0);
    struct tn_dict_large *large = NULL;
    struct tn_dict_item item;
    uint64_t number;
    int r = 0;

    while (tn_dict_walk_next(&walk, &item, &number)) {
        struct tn_entry *entry;

        if (large == NULL)
            r = large_new(mu, number, &large);
        if (r == 0) {
            tn_entries_skip_to(&large->entries, number - large->first);
            r = large_reserve(mu, large, &entry);
        }
        if (r < 0)
            break;
        large_add(mu, large, entry, tn_key_hash_again(mu->heap, item.key), container, item.key,
                  item.value);
    }
    if (r < 0) {
        if (large != NULL)
            large_free(mu, large);
        return r;
    }
    TN_ASSERT(large != NULL);
    tn_entries_skip_to(&large->entries, small_end(small) - large->first);
    *ret_large = large;
    return 0;
}

/* Makes a large body that has become nearly empty small again, if it can have
 * the memory for it. */
static void shrink_locked(struct tn_mutator *mu, struct tn_dict *dict, uint32_t length)
{
    struct tn_dict_walk walk = tn_dict_walk_from(body_locked(dict), 0);
    struct tn_dict_small *small;
    struct tn_dict_item item;
    uint64_t number;

    if (small_new(mu, small_capacity(length + 1), &small) < 0)
        return;
    while (tn_dict_walk_next(&walk, &item, &number)) {
        struct tn_entry *entry =
            small_next(small, tn_key_hash_again(mu->heap, item.key) >> 16, number);

        atomic_init(&entry->value, item.value);
        atomic_init(&entry->key, item.key);
        small_added(small);
    }
    body_publish(mu, dict, &small->body);
}

/* ---- Making and reading ---- */

int tn_dict_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_dict)
{
    struct tn_dict_small *small = NULL;
    struct tn_dict_large *large = NULL;
    struct tn_dict *dict;
    struct tn_object *o;
    int r = 0;

    if (capacity > UINT32_MAX)
        return TN_ERR_TOO_BIG;
    if (capacity > TN_DICT_SMALL_MAX) {
        r = large_new(mu, 0, &large);
        if (r == 0)
            r = tn_flat_reserve(mu, &large->index, capacity);
    } else if (capacity > 0) {
        r = small_new(mu, (uint32_t)capacity, &small);
    }
    if (r == 0)
        r = tn_object_new(mu, TN_TYPE_DICT, sizeof(*dict), &o);
    if (r < 0) {
        if (large != NULL)
            large_free(mu, large);
        if (small != NULL)
            tn_buffer_free(mu, &small->body.buffer);
        return r;
    }
    dict = dict_of(o);
    atomic_init(&dict->body, large != NULL ? &large->body : small != NULL ? &small->body : NULL);
    atomic_init(&dict->state, 0);
    *ret_dict = o;
    return 0;
}

size_t tn_dict_length(const struct tn_object *dict)
{
    TN_ASSERT(dict->type == TN_TYPE_DICT);
    return tn_state_length(tn_state_load(&tn_dict_const(dict)->state));
}

static TN_NOINLINE int get_slow(struct tn_mutator *mu, struct tn_dict *dict,
                                const struct tn_object *key, uint32_t hash,
                                struct tn_compare *limits, struct tn_dict_found *found)
{
    bool was_locked = tn_container_lock(mu, &dict->object);
    int r = tn_dict_body_find(body_locked(dict), key, hash, limits, found);

    tn_container_unlock(mu, &dict->object, was_locked);
    return r;
}

int tn_dict_get(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *key,
                struct tn_object **ret_value)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_dict *dict = dict_of(o);
    struct tn_dict_found found;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, key, &hash);

    if (TN_UNLIKELY(r < 0))
        return r;
    for (unsigned int i = 0;; i++) {
        bool was_odd = tn_state_is_odd(tn_state_load(&dict->state));
        const struct tn_dict_body *body = tn_dict_body_load(dict);

        if (TN_UNLIKELY(i == TRIES_MAX)) {
            r = get_slow(mu, dict, key, hash, &limits, &found);
            break;
        }
        tn_yield();
        r = tn_dict_body_find(body, key, hash, &limits, &found);
        if (r != 0 || (!was_odd && !tn_state_is_odd(tn_state_load(&dict->state)) &&
                       tn_dict_body_load(dict) == body))
            break;
    }
    if (r < 0)
        return r;
    if (r == 0)
        return TN_ERR_KEY;
    *ret_value = found.value;
    return 0;
}

/* Copies entries from *cursor on, and moves it on; 0 if no more are left. */
static size_t copy_out(const struct tn_dict_body *body, uint64_t *cursor, size_t n_max,
                       struct tn_dict_item *items)
{
    struct tn_dict_walk walk = tn_dict_walk_from(body, *cursor);
    struct tn_dict_item item;
    uint64_t number;
    size_t n = 0;

    *cursor = 0;
    while (tn_dict_walk_next(&walk, &item, &number)) {
        if (n == n_max) {
            *cursor = number;
            break;
        }
        items[n++] = item;
    }
    return n;
}

int tn_dict_scan(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor, size_t n_max,
                 struct tn_dict_item *items, size_t *ret_n)
{
    struct tn_dict *dict = dict_of(o);
    uint64_t next;
    bool was_locked;

    if (n_max == 0)
        return TN_ERR_INVAL;
    for (unsigned int i = 0; i < TRIES_MAX; i++) {
        uint64_t state = tn_state_load(&dict->state);

        if (tn_state_is_odd(state))
            break;
        next = *cursor;
        *ret_n = copy_out(tn_dict_body_load(dict), &next, n_max, items);
        if (tn_state_load(&dict->state) == state)
            goto out;
    }
    was_locked = tn_container_lock(mu, o);
    next = *cursor;
    *ret_n = copy_out(body_locked(dict), &next, n_max, items);
    tn_container_unlock(mu, o, was_locked);
out:
    *cursor = next;
    return 0;
}

/* ---- Changing ---- */

/* Makes room for one more entry, if the body has none: by a new body with the
 * same entries. A large one always has. */
static int make_room(struct tn_mutator *mu, struct tn_dict *dict, uint32_t length)
{
    struct tn_dict_body *body = body_locked(dict);
    struct tn_dict_large *large;
    struct tn_dict_small *small;
    int r;

    if (body != NULL && body->capacity == 0)
        return 0;
    if (body != NULL && small_end(small_of(body)) > TN_DICT_NUMBER_MAX)
        return TN_ERR_TOO_MANY;
    if (body != NULL && !small_is_full(small_of(body)))
        return 0;
    if (length < TN_DICT_SMALL_MAX) {
        if (body == NULL)
            r = small_new(mu, small_capacity(1), &small);
        else
            r = small_copy(mu, small_of(body), length, &small);
        body = r < 0 ? NULL : &small->body;
    } else {
        r = large_from_small(mu, &dict->object, small_of(body), &large);
        body = r < 0 ? NULL : &large->body;
    }
    if (r < 0)
        return r;
    body_publish(mu, dict, body);
    return 0;
}

static void small_add(struct tn_mutator *mu, struct tn_dict_small *small, uint32_t hash,
                      const struct tn_object *container, struct tn_object *key,
                      struct tn_object *value)
{
    struct tn_entry *entry = small_next(small, hash >> 16, small_end(small));

    tn_slot_init(mu, container, &entry->value, value);
    tn_slot_init(mu, container, &entry->key, key);
    tn_yield();
    small_added(small);
    tn_yield();
}

/* Adds an entry; there is none with this key. Everything that can fail comes
 * before anything that can be seen; and the length changes first, because a
 * reader that finds the entry does not look at the version. */
static int add_locked(struct tn_mutator *mu, struct tn_dict *dict, uint32_t hash,
                      struct tn_object *key, struct tn_object *value)
{
    uint32_t length = tn_state_length_locked(&dict->state);
    struct tn_entry *entry = NULL;
    struct tn_dict_body *body;
    int r;

    if (length == UINT32_MAX)
        return TN_ERR_TOO_BIG;
    r = make_room(mu, dict, length);
    if (r < 0)
        return r;
    body = body_locked(dict);
    if (body->capacity == 0) {
        r = large_reserve(mu, large_of(body), &entry);
        if (r < 0)
            return r;
    }
    tn_state_begin(&dict->state, length + 1);
    if (body->capacity == 0)
        large_add(mu, large_of(body), entry, hash, &dict->object, key, value);
    else
        small_add(mu, small_of(body), hash, &dict->object, key, value);
    tn_state_end(&dict->state, length + 1);
    return 0;
}

int tn_dict_set(struct tn_mutator *mu, struct tn_object *o, struct tn_object **take_key,
                struct tn_object **take_value, size_t *ret_length)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_dict *dict = dict_of(o);
    struct tn_object *old_value = NULL;
    struct tn_object *spare_key = NULL;
    struct tn_dict_found found;
    bool was_locked;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, *take_key, &hash);

    if (r < 0)
        return r;
    tn_publish_for(mu, o, *take_key);
    tn_publish_for(mu, o, *take_value);
    was_locked = tn_container_lock(mu, o);
    r = tn_dict_body_find(body_locked(dict), *take_key, hash, &limits, &found);
    if (r == 1) {
        tn_state_touch(&dict->state);
        tn_yield();
        old_value = tn_slot_swap(mu, o, &found.entry->value, *take_value);
        spare_key = *take_key;
        r = 0;
    } else if (r == 0) {
        r = add_locked(mu, dict, hash, *take_key, *take_value);
    }
    if (ret_length != NULL && r == 0)
        *ret_length = tn_state_length_locked(&dict->state);
    tn_container_unlock(mu, o, was_locked);
    if (r < 0)
        return r;
    *take_key = *take_value = NULL;
    tn_drop(mu, &spare_key);
    tn_drop(mu, &old_value);
    return 0;
}

/* Takes an entry out, and gives memory back that is not needed any more. Returns
 * the value; the key goes to *ret_key. The length changes last: until then some
 * reader may find the entry. */
static struct tn_object *remove_locked(struct tn_mutator *mu, struct tn_dict *dict, uint32_t hash,
                                       const struct tn_dict_found *found,
                                       struct tn_object **ret_key)
{
    struct tn_dict_body *body = body_locked(dict);
    uint32_t length = tn_state_length_locked(&dict->state) - 1;
    bool is_large = body->capacity == 0;
    struct tn_object *value;

    tn_state_begin(&dict->state, length + 1);
    if (is_large) {
        struct tn_dict_hash_arg hash_arg = { mu->heap, &large_of(body)->entries };

        tn_flat_remove(mu, &large_of(body)->index, tn_flat_hash_from_u32(hash), found->place,
                       tn_dict_hash_of, &hash_arg);
    }
    tn_yield();
    value = tn_slot_swap(mu, &dict->object, &found->entry->value, NULL);
    tn_yield();
    *ret_key = tn_slot_swap(mu, &dict->object, &found->entry->key, NULL);
    tn_yield();
    if (is_large)
        tn_entries_removed(mu, &large_of(body)->entries, found->place);
    tn_state_end(&dict->state, length);
    if (length == 0 && (is_large || small_is_full(small_of(body))))
        body_publish(mu, dict, NULL);
    else if (is_large && length <= TN_DICT_SMALL_AGAIN)
        shrink_locked(mu, dict, length);
    else if (is_large)
        tn_flat_trim(mu, &large_of(body)->index);
    return value;
}

int tn_dict_pop(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *key,
                struct tn_object **ret_value, size_t *ret_length)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_dict *dict = dict_of(o);
    struct tn_object *entry_key = NULL;
    struct tn_dict_found found;
    bool was_locked;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, key, &hash);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    r = tn_dict_body_find(body_locked(dict), key, hash, &limits, &found);
    if (r == 1) {
        *ret_value = remove_locked(mu, dict, hash, &found, &entry_key);
        if (ret_length != NULL)
            *ret_length = tn_state_length_locked(&dict->state);
        r = 0;
    } else if (r == 0) {
        r = TN_ERR_KEY;
    }
    tn_container_unlock(mu, o, was_locked);
    tn_drop(mu, &entry_key);
    return r;
}
