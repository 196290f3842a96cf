/* SPDX-License-Identifier: MIT */
/*
 * dict: a table (table.h) whose entries have values.
 *
 * Overwriting a value changes one slot; for an insertion or a removal the version
 * is odd. Readers of one key look at no version when they find it.
 */
#include "core/types/dict.h"

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/table.h"
#include "core/types/types_internal.h"

static struct tn_table *dict_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_DICT);
    return tn_table_of(o);
}

/* ---- Reading ---- */

int tn_dict_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_dict)
{
    return tn_table_new(mu, TN_TYPE_DICT, sizeof(struct tn_table), capacity, ret_dict);
}

size_t tn_dict_length(const struct tn_object *dict)
{
    TN_ASSERT(dict->type == TN_TYPE_DICT);
    return tn_state_length(tn_state_load(&tn_table_const(dict)->state));
}

static TN_NOINLINE int get_slow(struct tn_mutator *mu, struct tn_table *dict,
                                const struct tn_object *key, uint32_t hash,
                                struct tn_compare *limits, struct tn_table_found *found)
{
    bool was_locked = tn_container_lock(mu, &dict->object);
    int r = tn_table_find_pair(tn_table_body_locked(dict), key, hash, limits, found);

    tn_container_unlock(mu, &dict->object, was_locked);
    return r;
}

int tn_dict_get(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *key,
                struct tn_object **ret_value)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_table *dict = dict_of(o);
    struct tn_table_found found;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, key, &hash);

    if (TN_UNLIKELY(r < 0))
        return r;
    for (unsigned int i = 0;; i++) {
        bool was_odd = tn_state_is_odd(tn_state_load(&dict->state));
        const struct tn_table_body *body = tn_table_body_load(dict);

        if (TN_UNLIKELY(i == TN_TABLE_TRIES_MAX)) {
            r = get_slow(mu, dict, key, hash, &limits, &found);
            break;
        }
        tn_yield();
        r = tn_table_find_pair(body, key, hash, &limits, &found);
        if (r != 0 || (!was_odd && !tn_state_is_odd(tn_state_load(&dict->state)) &&
                       tn_table_body_load(dict) == body))
            break;
    }
    if (r < 0)
        return r;
    if (r == 0)
        return TN_ERR_KEY;
    *ret_value = found.value;
    return 0;
}

static_assert(sizeof(struct tn_dict_item) == 2 * sizeof(struct tn_object *) && TN_ENTRY_KEY == 0 &&
                  TN_ENTRY_VALUE == 1,
              "an item is what is in the slots of an entry");

int tn_dict_scan(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor, size_t n_max,
                 struct tn_dict_item *items, size_t *ret_n)
{
    TN_ASSERT(o->type == TN_TYPE_DICT);
    return tn_table_scan(mu, o, cursor, n_max, (struct tn_object **)(void *)items, ret_n);
}

/* ---- Changing ---- */

/* Adds an entry; there is none with this key. Everything that can fail comes
 * before anything that can be seen; and the length changes first, because a
 * reader that finds the entry does not look at the version. */
static int add_locked(struct tn_mutator *mu, struct tn_table *dict, uint32_t hash,
                      struct tn_object *key, struct tn_object *value)
{
    uint32_t length = tn_state_length_locked(&dict->state);
    tn_slot *entry;
    int r = tn_table_prepare(mu, dict, length, &entry);

    if (r < 0)
        return r;
    tn_state_begin(&dict->state, length + 1);
    tn_table_insert(mu, dict, entry, hash, key, value);
    tn_state_end(&dict->state, length + 1);
    return 0;
}

int tn_dict_set(struct tn_mutator *mu, struct tn_object *o, struct tn_object **take_key,
                struct tn_object **take_value, size_t *ret_length)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_table *dict = dict_of(o);
    struct tn_object *old_value = NULL;
    struct tn_object *spare_key = NULL;
    struct tn_table_found found;
    bool was_locked;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, *take_key, &hash);

    if (r < 0)
        return r;
    tn_publish_for(mu, o, *take_key);
    tn_publish_for(mu, o, *take_value);
    was_locked = tn_container_lock(mu, o);
    r = tn_table_find_pair(tn_table_body_locked(dict), *take_key, hash, &limits, &found);
    if (r == 1) {
        tn_state_touch(&dict->state);
        tn_yield();
        old_value = tn_slot_swap(mu, o, &found.entry[TN_ENTRY_VALUE], *take_value);
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

/* Takes an entry out; what was in it goes to `ret_items`. The length changes last:
 * until then some reader may find the entry. */
static void remove_locked(struct tn_mutator *mu, struct tn_table *dict, uint32_t hash,
                          const struct tn_table_found *found, struct tn_object **ret_items)
{
    uint32_t length = tn_state_length_locked(&dict->state) - 1;

    tn_state_begin(&dict->state, length + 1);
    tn_table_remove(mu, dict, hash, found, ret_items);
    tn_state_end(&dict->state, length);
    tn_table_trim(mu, dict, length);
}

int tn_dict_pop(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *key,
                struct tn_object **ret_value, size_t *ret_length)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_object *items[TN_ENTRY_SLOTS_MAX] = { NULL };
    struct tn_table *dict = dict_of(o);
    struct tn_table_found found;
    bool was_locked;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, key, &hash);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    r = tn_table_find_pair(tn_table_body_locked(dict), key, hash, &limits, &found);
    if (r == 1) {
        remove_locked(mu, dict, hash, &found, items);
        if (ret_length != NULL)
            *ret_length = tn_state_length_locked(&dict->state);
        *ret_value = items[TN_ENTRY_VALUE];
        r = 0;
    } else if (r == 0) {
        r = TN_ERR_KEY;
    }
    tn_container_unlock(mu, o, was_locked);
    tn_drop(mu, &items[TN_ENTRY_KEY]);
    return r;
}

/* ---- What the heap asks of dicts. None of it takes a lock. ---- */

static size_t dict_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_table);
}

/* Whether an equal value is found in `dict` under a key: 1, 0 or an error. */
static int has_equal_item(const struct tn_table *dict, struct tn_object *const *item,
                          struct tn_compare *limits)
{
    struct tn_table_found found;
    uint32_t hash;
    int r = tn_hash(limits->heap, item[TN_ENTRY_KEY], &hash);

    if (r < 0)
        return 0; /* a tuple that has been removed and dies as we look at it */
    r = tn_table_find_pair(tn_table_body_load(dict), item[TN_ENTRY_KEY], hash, limits, &found);
    return r == 1 ? tn_same_or_equal(item[TN_ENTRY_VALUE], found.value, limits) : r;
}

static int dict_equal(const struct tn_object *a, const struct tn_object *b,
                      struct tn_compare *limits)
{
    const struct tn_table *x = tn_table_const(a);
    struct tn_table_walk walk;
    struct tn_object *item[TN_ENTRY_SLOTS_MAX];
    int r = 1;

    if (b->type != TN_TYPE_DICT || tn_table_length(a) != tn_table_length(b))
        return 0;
    if (limits->depth_left == 0)
        return TN_ERR_TOO_DEEP;
    limits->depth_left--;
    walk = tn_table_walk_from(tn_table_body_load(x), 0);
    while (r == 1 && tn_table_walk_next(&walk, item, NULL))
        r = has_equal_item(tn_table_const(b), item, limits);
    limits->depth_left++;
    return r;
}

const struct tn_type tn_type_dict = {
    .name = "dict",
    .id = TN_TYPE_DICT,
    .is_container = true,
    .is_mutable = true,
    .traverse = tn_table_traverse,
    .clear = tn_table_clear,
    .block_size = dict_block_size,
    .extra_size = tn_table_extra_size,
    .length = tn_table_length,
    .equal = dict_equal,
};
