/* SPDX-License-Identifier: MIT */
/* Making sets and changing one member. set.h says what they are. */
#include "core/types/set.h"

#include "core/base/check.h"
#include "core/types/set_internal.h"
#include "core/types/types_internal.h"

/* Members that are removed at a time without memory to take note of them. */
#define CLEAR_STEP ((size_t)64)

static struct tn_table *set_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_SET);
    return tn_table_of(o);
}

int tn_set_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_set)
{
    return tn_table_new(mu, TN_TYPE_SET, sizeof(struct tn_table), capacity, ret_set);
}

int tn_frozenset_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_set)
{
    int r = tn_table_new(mu, TN_TYPE_FROZENSET, sizeof(struct tn_frozenset), capacity, ret_set);
    struct tn_frozenset *set;

    if (r < 0)
        return r;
    set = (struct tn_frozenset *)(void *)*ret_set;
    atomic_init(&set->hash, 0);
    set->padding = 0;
    return 0;
}

/* ---- Reading ---- */

size_t tn_set_length(const struct tn_object *set)
{
    TN_ASSERT(tn_is_set(set));
    return tn_table_length(set);
}

int tn_set_contains(struct tn_mutator *mu, struct tn_object *set, const struct tn_object *member,
                    bool *ret_contains)
{
    uint32_t hash;
    int r = tn_key_hash(mu->heap, member, &hash);

    TN_ASSERT(tn_is_set(set));
    if (TN_LIKELY(r == 0))
        r = tn_table_has(mu, set, member, hash);
    if (r < 0)
        return r;
    *ret_contains = r == 1;
    return 0;
}

int tn_set_scan(struct tn_mutator *mu, struct tn_object *set, uint64_t *cursor, size_t n_max,
                struct tn_object **members, size_t *ret_n)
{
    TN_ASSERT(tn_is_set(set));
    return tn_table_scan(mu, set, cursor, n_max, members, ret_n);
}

/* ---- Changing ---- */

static int add_locked(struct tn_mutator *mu, struct tn_table *set, uint32_t hash,
                      struct tn_object *member)
{
    uint32_t length = tn_state_length_locked(&set->state);
    tn_slot *entry;
    int r = tn_table_prepare(mu, set, length, &entry);

    if (r < 0)
        return r;
    tn_state_begin(&set->state, length);
    tn_table_insert(mu, set, entry, hash, member, NULL);
    tn_state_end(&set->state, length + 1);
    return 0;
}

static int add(struct tn_mutator *mu, struct tn_object *o, struct tn_object **take_member,
               bool *ret_is_new)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_table *set = tn_table_of(o);
    struct tn_table_found found;
    bool was_locked;
    bool is_there;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, *take_member, &hash);

    if (r < 0)
        return r;
    tn_publish_for(mu, o, *take_member);
    was_locked = tn_container_lock(mu, o);
    r = tn_table_find_key(tn_table_body_locked(set), *take_member, hash, &limits, &found);
    is_there = r == 1;
    if (r == 0)
        r = add_locked(mu, set, hash, *take_member);
    tn_container_unlock(mu, o, was_locked);
    if (r < 0)
        return r;
    if (is_there)
        tn_drop(mu, take_member);
    *take_member = NULL;
    if (ret_is_new != NULL)
        *ret_is_new = !is_there;
    return 0;
}

int tn_set_add(struct tn_mutator *mu, struct tn_object *set, struct tn_object **take_member,
               bool *ret_is_new)
{
    TN_ASSERT(set->type == TN_TYPE_SET);
    return add(mu, set, take_member, ret_is_new);
}

int tn_frozenset_fill(struct tn_mutator *mu, struct tn_object *set, struct tn_object **take_member)
{
    TN_ASSERT(set->type == TN_TYPE_FROZENSET);
    return add(mu, set, take_member, NULL);
}

/* Takes one member out, as a change of its own. */
static struct tn_object *remove_locked(struct tn_mutator *mu, struct tn_table *set, uint32_t hash,
                                       const struct tn_table_found *found)
{
    uint32_t length = tn_state_length_locked(&set->state);
    struct tn_object *member;

    tn_state_begin(&set->state, length);
    tn_table_remove(mu, set, hash, found, &member);
    tn_state_end(&set->state, length - 1);
    tn_table_trim(mu, set, length - 1);
    return member;
}

int tn_set_discard(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *member,
                   bool *ret_was_there)
{
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_table *set = set_of(o);
    struct tn_object *removed = NULL;
    struct tn_table_found found;
    bool was_locked;
    uint32_t hash;
    int r = tn_key_hash(mu->heap, member, &hash);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    r = tn_table_find_key(tn_table_body_locked(set), member, hash, &limits, &found);
    if (r == 1)
        removed = remove_locked(mu, set, hash, &found);
    tn_container_unlock(mu, o, was_locked);
    if (r < 0)
        return r;
    tn_drop(mu, &removed);
    *ret_was_there = r == 1;
    return 0;
}

int tn_set_pop(struct tn_mutator *mu, struct tn_object *o, struct tn_object **ret_member)
{
    struct tn_table *set = set_of(o);
    bool was_locked = tn_container_lock(mu, o);
    struct tn_table_walk walk = tn_table_walk_from(tn_table_body_locked(set), 0);
    struct tn_object *member;
    int r = TN_ERR_KEY;

    if (tn_table_walk_next(&walk, &member, NULL)) {
        uint64_t place = tn_table_walk_place(&walk);
        struct tn_table_found found = {
            .entry = tn_table_entry(walk.body, place),
            .place = place,
        };

        *ret_member = remove_locked(mu, set, tn_key_hash_again(mu->heap, member), &found);
        r = 0;
    }
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* ---- Removing all ---- */

/* Removes up to `n_max` members whose numbers are below *end, as one change, and puts
 * them into `removed`. Returns how many; true in *ret_is_more if there are others. */
static size_t clear_locked(struct tn_mutator *mu, struct tn_table *set, uint64_t end, size_t n_max,
                           struct tn_object **removed, bool *ret_is_more)
{
    uint32_t length = tn_state_length_locked(&set->state);
    size_t n = 0;

    tn_state_begin(&set->state, length);
    for (;;) {
        /* From the beginning each time: what has been walked through is given back. */
        struct tn_table_walk walk = tn_table_walk_from(tn_table_body_locked(set), 0);
        struct tn_table_found found;
        struct tn_object *member;
        uint64_t number;

        *ret_is_more = tn_table_walk_next(&walk, &member, &number) && number < end;
        if (!*ret_is_more || n == n_max)
            break;
        found.place = tn_table_walk_place(&walk);
        found.entry = tn_table_entry(walk.body, found.place);
        tn_table_remove(mu, set, tn_key_hash_again(mu->heap, member), &found, &removed[n++]);
    }
    length -= (uint32_t)n;
    tn_state_end(&set->state, length);
    tn_table_trim(mu, set, length);
    return n;
}

int tn_set_clear(struct tn_mutator *mu, struct tn_object *o, uint64_t *end, size_t n_max)
{
    struct tn_table *set = set_of(o);
    struct tn_object *few[CLEAR_STEP];
    struct tn_object **removed = few;
    struct tn_buffer *buffer = NULL;
    size_t room = tn_table_length(o);
    bool was_locked;
    bool is_more;
    size_t n;

    room = room < n_max ? room : n_max;
    if (room <= CLEAR_STEP ||
        tn_buffer_new(mu, sizeof(*buffer) + room * sizeof(*removed), &buffer) < 0)
        room = n_max < CLEAR_STEP ? n_max : CLEAR_STEP;
    else
        removed = (struct tn_object **)(void *)(buffer + 1);
    was_locked = tn_container_lock(mu, o);
    if (*end == 0)
        *end = tn_table_end(tn_table_body_locked(set));
    n = clear_locked(mu, set, *end, room, removed, &is_more);
    tn_container_unlock(mu, o, was_locked);
    for (size_t i = 0; i < n; i++)
        tn_decref(mu, removed[i]);
    if (buffer != NULL)
        tn_buffer_free(mu, buffer);
    return is_more ? 1 : 0;
}
