/* SPDX-License-Identifier: MIT */
/*
 * See set_combine.h. Whatever is asked comes down to reading an operand through and
 * choosing of its items those that the other one has, or has not. These become
 * members of the result, or refute the relation.
 *
 *   copy                   all of it
 *   union                  all of the left, all of the right
 *   intersection           of the shorter one, if the other can be searched, what is
 *                          in that; else of the right, what is in the left
 *   difference             of the left, what is not in the right
 *   symmetric difference   the same, and of the right, what is not in the left
 *   subset                 of the left, what is not in the right, refutes it
 *   superset               of the right, what is not in the left, refutes it
 *   disjoint               of the right, what is in the left, refutes it
 */
#include "core/types/set_combine.h"

#include "core/base/check.h"
#include "core/types/table.h"
#include "core/types/types_internal.h"

/* How often a page is read again because something on it has died. */
#define TRIES_MAX 100

/* Whether it is known without a search whether something is in it. */
static bool is_table(const struct tn_object *o)
{
    return tn_is_set(o) || o->type == TN_TYPE_DICT;
}

bool tn_set_is_operand(const struct tn_object *o)
{
    return is_table(o) || o->type == TN_TYPE_LIST || o->type == TN_TYPE_TUPLE;
}

size_t tn_set_operand_length(const struct tn_object *o)
{
    return (size_t)tn_type_of(o)->length(o);
}

/* ---- What is to be done ---- */

static void add_pass(struct tn_set_work *work, struct tn_object *from, enum tn_set_choice choice,
                     struct tn_object *other)
{
    TN_ASSERT(work->n_passes < TN_SET_PASSES_MAX);
    work->passes[work->n_passes++] =
        (struct tn_set_pass){ .from = from, .choice = choice, .other = other };
}

static int new_set(struct tn_mutator *mu, enum tn_type_id type, struct tn_object **ret_set)
{
    return type == TN_TYPE_SET ? tn_set_new(mu, 0, ret_set) : tn_frozenset_new(mu, 0, ret_set);
}

/* Sees to it that things can be looked for in an operand: in itself, or else in a
 * frozenset that is made of it first. Returns where. */
static int make_searchable(struct tn_mutator *mu, struct tn_set_work *work, struct tn_object *o,
                           struct tn_object **ret_other)
{
    int r = 0;

    *ret_other = o;
    if (is_table(o))
        return 0;
    r = new_set(mu, TN_TYPE_FROZENSET, &work->lookup);
    if (r < 0)
        return r;
    add_pass(work, o, TN_SET_ALL, NULL);
    work->passes[0].is_for_lookup = true;
    *ret_other = work->lookup;
    return 0;
}

/* Fills in the passes of an operation that is not known to be right yet. */
static int plan(struct tn_mutator *mu, struct tn_set_work *work, struct tn_object *left,
                enum tn_set_op operation, struct tn_object *right)
{
    struct tn_object *other = right;
    int r = 0;

    if (operation == TN_SET_OP_DIFFERENCE || operation == TN_SET_OP_SYMMETRIC_DIFFERENCE)
        r = make_searchable(mu, work, right, &other);
    if (r < 0)
        return r;
    switch (operation) {
    case TN_SET_OP_UNION:
        add_pass(work, left, TN_SET_ALL, NULL);
        add_pass(work, right, TN_SET_ALL, NULL);
        break;
    case TN_SET_OP_INTERSECTION:
        if (is_table(right) && tn_set_operand_length(left) <= tn_set_operand_length(right))
            add_pass(work, left, TN_SET_IF_PRESENT, right);
        else
            add_pass(work, right, TN_SET_IF_PRESENT, left);
        break;
    case TN_SET_OP_DIFFERENCE:
        add_pass(work, left, TN_SET_IF_ABSENT, other);
        break;
    case TN_SET_OP_SYMMETRIC_DIFFERENCE:
        add_pass(work, left, TN_SET_IF_ABSENT, other);
        add_pass(work, other, TN_SET_IF_ABSENT, left);
        break;
    }
    return 0;
}

int tn_set_work_copy(struct tn_mutator *mu, struct tn_set_work *work, struct tn_object *from,
                     enum tn_type_id type)
{
    *work = (struct tn_set_work){ .holds = true };
    add_pass(work, from, TN_SET_ALL, NULL);
    return new_set(mu, type, &work->result);
}

int tn_set_work_combine(struct tn_mutator *mu, struct tn_set_work *work, struct tn_object *left,
                        enum tn_set_op operation, struct tn_object *right, enum tn_type_id type)
{
    int r;

    TN_ASSERT(tn_is_set(left) && tn_set_is_operand(right));
    *work = (struct tn_set_work){ .holds = true };
    r = plan(mu, work, left, operation, right);
    if (r == 0)
        r = new_set(mu, type, &work->result);
    if (r < 0)
        tn_set_work_end(mu, work);
    return r;
}

int tn_set_work_compare(struct tn_mutator *mu, struct tn_set_work *work, struct tn_object *left,
                        enum tn_set_rel relation, struct tn_object *right)
{
    struct tn_object *other;
    int r = 0;

    TN_ASSERT(tn_is_set(left) && tn_set_is_operand(right));
    *work = (struct tn_set_work){ .holds = true };
    switch (relation) {
    case TN_SET_IS_SUBSET:
        r = make_searchable(mu, work, right, &other);
        if (r == 0)
            add_pass(work, left, TN_SET_IF_ABSENT, other);
        break;
    case TN_SET_IS_SUPERSET:
        add_pass(work, right, TN_SET_IF_ABSENT, left);
        break;
    case TN_SET_IS_DISJOINT:
        add_pass(work, right, TN_SET_IF_PRESENT, left);
        break;
    }
    return r;
}

/* ---- Reading a page ---- */

/* Copies a page of a list or tuple, and moves the cursor on. */
static size_t read_sequence(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor,
                            struct tn_object **items)
{
    size_t start = (size_t)*cursor;
    size_t length;
    size_t n;

    if (o->type == TN_TYPE_LIST) {
        n = tn_list_snapshot(mu, o, start, TN_SET_PAGE, items, &length);
    } else {
        length = tn_tuple_length(o);
        n = start < length ? length - start : 0;
        n = n < TN_SET_PAGE ? n : TN_SET_PAGE;
        for (size_t i = 0; i < n; i++)
            items[i] = tn_tuple_get(o, start + i);
    }
    *cursor = start + n < length ? start + n : 0;
    return n;
}

/* The same of any operand; of a dict the keys. */
static int read_page(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor,
                     struct tn_object **items, size_t *ret_n)
{
    int r;

    if (!is_table(o)) {
        *ret_n = read_sequence(mu, o, cursor, items);
        return 0;
    }
    r = tn_table_scan(mu, o, cursor, TN_SET_PAGE, items, ret_n);
    if (r == 0 && o->type == TN_TYPE_DICT)
        for (size_t i = 0; i < *ret_n; i++)
            items[i] = items[i * TN_ENTRY_SLOTS_MAX + TN_ENTRY_KEY];
    return r;
}

/* A page whose items are all held, so that it is one of one moment. */
static int hold_page(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor,
                     struct tn_object **items, size_t *ret_n)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        uint64_t next = *cursor;
        size_t n_held = 0;
        int r = read_page(mu, o, &next, items, ret_n);

        if (r < 0)
            return r;
        while (n_held < *ret_n && items[n_held] != NULL && tn_tryref(mu, items[n_held]))
            n_held++;
        if (n_held == *ret_n) {
            *cursor = next;
            return 0;
        }
        while (n_held > 0)
            tn_decref(mu, items[--n_held]);
    }
    return TN_ERR_BUSY;
}

/* ---- Working ---- */

/* Whether an item counts: 1, 0 or an error. */
static int choose(struct tn_mutator *mu, const struct tn_set_pass *pass,
                  const struct tn_object *item)
{
    uint32_t hash;
    int r;

    if (pass->choice == TN_SET_ALL)
        return 1;
    r = tn_key_hash(mu->heap, item, &hash);
    if (r == 0)
        r = tn_table_has(mu, pass->other, item, hash);
    return r < 0 ? r : (r == 1) == (pass->choice == TN_SET_IF_PRESENT);
}

/* Does with an item what is to be done; takes over the reference on success. */
static int use_item(struct tn_mutator *mu, struct tn_set_work *work, const struct tn_set_pass *pass,
                    struct tn_object **take_item)
{
    struct tn_object *set = pass->is_for_lookup ? work->lookup : work->result;
    int r = choose(mu, pass, *take_item);

    if (r < 0)
        return r;
    if (r == 1 && set != NULL)
        return set->type == TN_TYPE_SET ? tn_set_add(mu, set, take_item, NULL)
                                        : tn_frozenset_fill(mu, set, take_item);
    if (r == 1)
        work->holds = false;
    tn_drop(mu, take_item);
    return 0;
}

int tn_set_work_step(struct tn_mutator *mu, struct tn_set_work *work)
{
    struct tn_object *items[TN_SET_PAGE * TN_ENTRY_SLOTS_MAX];
    const struct tn_set_pass *pass = &work->passes[work->pass];
    size_t n;
    int r = hold_page(mu, pass->from, &work->cursor, items, &n);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        if (r == 0 && work->holds) {
            uint8_t type = items[i]->type;

            r = use_item(mu, work, pass, &items[i]);
            if (r == TN_ERR_UNHASHABLE)
                work->bad_type = type;
        }
        tn_drop(mu, &items[i]); /* if it has not been taken over */
    }
    if (r < 0)
        return r;
    if (!work->holds)
        return 0;
    if (work->cursor == 0)
        work->pass++;
    return work->pass < work->n_passes ? 1 : 0;
}

struct tn_object *tn_set_work_take(struct tn_set_work *work)
{
    struct tn_object *result = work->result;

    work->result = NULL;
    return result;
}

void tn_set_work_end(struct tn_mutator *mu, struct tn_set_work *work)
{
    tn_drop(mu, &work->lookup);
    tn_drop(mu, &work->result);
}
