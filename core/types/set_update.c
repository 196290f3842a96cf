/* SPDX-License-Identifier: MIT */
/*
 * Changing a set by another one, as one change: the version is odd from before
 * the first member that comes or goes to behind the last, and the length jumps at
 * the end. The other one is a frozenset, so nothing but the set's own lock is
 * held: a frozenset never changes, and asking it for a member takes no lock.
 *
 * What can fail comes first and can be undone: additions, which are the entries
 * with the highest numbers then, and looking for what is to be removed. Members
 * are removed by their places, which do not change while others are removed.
 */
#include "core/types/set.h"

#include "core/base/check.h"
#include "core/types/set_internal.h"
#include "core/types/types_internal.h"

/* A member that is to be removed: first its place, then the member itself. */
union victim {
    uint64_t place;
    struct tn_object *member;
};

/* Above every number. */
#define NONE_NEW UINT64_MAX

struct update {
    struct tn_mutator *mu;
    struct tn_table *set;
    const struct tn_table *frozen;
    uint32_t length;    /* of the set, as it is by now */
    uint64_t first_new; /* number of the first member that has been added; or NONE_NEW */
    union victim *victims;
    size_t n_victims;
    size_t max_victims;
    struct tn_buffer *buffer; /* where they are */
};

/* Whether a member is in a set: 1, 0 or TN_ERR_TOO_DEEP. */
static int find(const struct update *u, const struct tn_table *set, const struct tn_object *member,
                struct tn_table_found *found)
{
    struct tn_compare limits = tn_compare_limits(u->mu->heap);

    return tn_table_find_key(tn_table_body_load(set), member,
                             tn_key_hash_again(u->mu->heap, member), &limits, found);
}

static struct tn_table_walk walk_frozen(const struct update *u)
{
    return tn_table_walk_from(tn_table_body_load(u->frozen), 0);
}

static struct tn_object *remove_at(struct update *u, uint64_t place)
{
    struct tn_table_found found = {
        .entry = tn_table_entry(tn_table_body_locked(u->set), place),
        .place = place,
    };
    struct tn_object *member = tn_slot_load(&found.entry[TN_ENTRY_KEY]);

    tn_table_remove(u->mu, u->set, tn_key_hash_again(u->mu->heap, member), &found, &member);
    u->length--;
    return member;
}

/* Takes back what was added. The frozenset holds it too, so nothing dies here. */
static void undo_additions(struct update *u)
{
    while (u->first_new != NONE_NEW) {
        struct tn_table_walk walk = tn_table_walk_from(tn_table_body_locked(u->set), u->first_new);
        struct tn_object *member;

        if (!tn_table_walk_next(&walk, &member, NULL))
            return;
        tn_decref(u->mu, remove_at(u, tn_table_walk_place(&walk)));
    }
}

static int add_one(struct update *u, struct tn_object *member)
{
    tn_slot *entry;
    int r = tn_table_prepare(u->mu, u->set, u->length, &entry);

    if (r < 0)
        return r;
    /* Only now: a new body may have begun again behind the last member. */
    if (u->first_new == NONE_NEW)
        u->first_new = tn_table_end(tn_table_body_locked(u->set));
    tn_incref(u->mu, member);
    tn_table_insert(u->mu, u->set, entry, tn_key_hash_again(u->mu->heap, member), member, NULL);
    u->length++;
    return 0;
}

/* Adds what only the frozenset has. */
static int add_missing(struct update *u)
{
    struct tn_table_walk walk = walk_frozen(u);
    struct tn_object *member;
    int r = 0;

    while (r >= 0 && tn_table_walk_next(&walk, &member, NULL)) {
        struct tn_table_found found;

        r = find(u, u->set, member, &found);
        if (r == 0)
            r = add_one(u, member);
    }
    return r < 0 ? r : 0;
}

static void note_victim(struct update *u, uint64_t place)
{
    TN_ASSERT(u->n_victims < u->max_victims);
    u->victims[u->n_victims++].place = place;
}

/* Takes note of the members that both have, but for those that were just added. */
static int find_common(struct update *u)
{
    struct tn_table_walk walk = walk_frozen(u);
    struct tn_object *member;
    int r = 0;

    while (r >= 0 && tn_table_walk_next(&walk, &member, NULL)) {
        struct tn_table_found found;

        r = find(u, u->set, member, &found);
        if (r == 1 && tn_table_number(tn_table_body_locked(u->set), found.place) < u->first_new)
            note_victim(u, found.place);
    }
    return r < 0 ? r : 0;
}

/* Takes note of the members that only the set has. */
static int find_others(struct update *u)
{
    struct tn_table_walk walk = tn_table_walk_from(tn_table_body_locked(u->set), 0);
    struct tn_object *member;
    int r = 0;

    while (r >= 0 && tn_table_walk_next(&walk, &member, NULL)) {
        struct tn_table_found found;

        r = find(u, u->frozen, member, &found);
        if (r == 0)
            note_victim(u, tn_table_walk_place(&walk));
    }
    return r < 0 ? r : 0;
}

/* All of it, under the lock. If it fails the set is as it was. */
static int update_locked(struct update *u, enum tn_set_op operation)
{
    uint32_t old_length = tn_state_length_locked(&u->set->state);
    int r = 0;

    u->length = old_length;
    u->first_new = NONE_NEW;
    tn_state_begin(&u->set->state, old_length);
    if (operation == TN_SET_OP_UNION || operation == TN_SET_OP_SYMMETRIC_DIFFERENCE)
        r = add_missing(u);
    if (r == 0 &&
        (operation == TN_SET_OP_DIFFERENCE || operation == TN_SET_OP_SYMMETRIC_DIFFERENCE))
        r = find_common(u);
    if (r == 0 && operation == TN_SET_OP_INTERSECTION)
        r = find_others(u);
    if (r < 0) {
        undo_additions(u);
        u->n_victims = 0;
    }
    for (size_t i = 0; i < u->n_victims; i++)
        u->victims[i].member = remove_at(u, u->victims[i].place);
    tn_state_end(&u->set->state, u->length);
    tn_table_trim(u->mu, u->set, u->length);
    return r;
}

/* Memory for so many victims, in the place of what there is. */
static int reserve_victims(struct update *u, size_t n)
{
    if (u->buffer != NULL)
        tn_buffer_free(u->mu, u->buffer);
    u->buffer = NULL;
    u->max_victims = 0;
    if (n > 0) {
        int r = tn_buffer_new(u->mu, sizeof(*u->buffer) + n * sizeof(*u->victims), &u->buffer);

        if (r < 0)
            return r;
        u->victims = (union victim *)(void *)(u->buffer + 1);
        u->max_victims = n;
    }
    return 0;
}

/* How many members may have to be removed. */
static size_t n_victims_max(const struct update *u, enum tn_set_op operation)
{
    switch (operation) {
    case TN_SET_OP_UNION:
        return 0;
    case TN_SET_OP_INTERSECTION:
        return tn_table_length(&u->set->object);
    default:
        return tn_table_length(&u->frozen->object);
    }
}

int tn_set_update(struct tn_mutator *mu, struct tn_object *o, enum tn_set_op operation,
                  struct tn_object *frozen, size_t n_max, size_t *ret_length)
{
    struct update u = { .mu = mu, .set = tn_table_of(o), .frozen = tn_table_const(frozen) };
    bool is_done = false;
    int r = 0;

    TN_ASSERT(o->type == TN_TYPE_SET && frozen->type == TN_TYPE_FROZENSET);
    tn_publish_for(mu, o, frozen); /* and its members, before the lock is taken */
    while (r == 0 && !is_done) {
        size_t n =
            operation == TN_SET_OP_INTERSECTION ? tn_table_length(o) : tn_table_length(frozen);
        bool was_locked;

        if (n > n_max) {
            *ret_length = n;
            r = TN_ERR_TOO_BIG;
            break;
        }
        r = reserve_victims(&u, n_victims_max(&u, operation));
        if (r < 0)
            break;
        was_locked = tn_container_lock(mu, o);
        is_done = n_victims_max(&u, operation) <= u.max_victims; /* else it has grown */
        if (is_done)
            r = update_locked(&u, operation);
        tn_container_unlock(mu, o, was_locked);
    }
    for (size_t i = 0; i < u.n_victims; i++)
        tn_decref(mu, u.victims[i].member);
    if (u.buffer != NULL)
        tn_buffer_free(mu, u.buffer);
    if (r == 0)
        *ret_length = u.length;
    return r;
}
