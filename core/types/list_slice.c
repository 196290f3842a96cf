/* SPDX-License-Identifier: MIT */
/*
 * Slices of lists: copies of them, and putting other items in their place. Where
 * items have to make room or close gaps they move within the array, while the
 * version is odd; so removing never needs memory.
 */
#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/gather.h"
#include "core/types/list.h"
#include "core/types/list_internal.h"
#include "core/types/types_internal.h"

static struct tn_list *list_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_LIST);
    return (struct tn_list *)(void *)o;
}

/* An array of its own with the items of a stride, counted. The caller holds the
 * list's lock, so all items are alive. */
static int copy_refs_locked(struct tn_mutator *mu, const struct tn_list *list,
                            const struct tn_stride *stride, struct tn_list_array **ret_array)
{
    const struct tn_list_array *from = tn_list_array_locked(list);
    struct tn_list_array *copy;
    int r = tn_list_array_new(mu, (uint32_t)stride->n, (uint32_t)stride->n, &copy);

    if (r < 0)
        return r;
    for (uint64_t i = 0; i < stride->n; i++) {
        struct tn_object *item = tn_slot_load(&from->items[tn_stride_at(stride, i)]);

        tn_incref(mu, item);
        atomic_init(&copy->items[i], item);
    }
    *ret_array = copy;
    return 0;
}

int tn_list_slice(struct tn_mutator *mu, struct tn_object *o, const struct tn_slicing *slicing,
                  struct tn_object **ret_list)
{
    struct tn_list *list = list_of(o);
    struct tn_list_array *copy = NULL;
    struct tn_stride stride = { 0 };
    struct tn_object *slice;
    bool was_locked;
    int r = tn_list_new(mu, 0, &slice);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    r = tn_slicing_resolve(slicing, tn_state_length_locked(&list->state), &stride);
    if (r == 0 && stride.n > 0)
        r = copy_refs_locked(mu, list, &stride, &copy);
    tn_container_unlock(mu, o, was_locked);
    if (r < 0) {
        tn_decref(mu, slice);
        return r;
    }
    if (copy != NULL) {
        atomic_init(&list_of(slice)->array, copy);
        atomic_init(&list_of(slice)->state, stride.n);
    }
    *ret_list = slice;
    return 0;
}

/* Empties a slot and returns what it held, of which the caller has the reference. */
static struct tn_object *take_out(struct tn_mutator *mu, struct tn_list *list, uint64_t at)
{
    tn_yield();
    return tn_slot_swap(mu, &list->object, &tn_list_array_locked(list)->items[at], NULL);
}

/* Moves the items from `from` on, which are the last ones of `length`, so that they
 * begin at `to`. Whatever is not in its place twice stays, to be overwritten. */
static void move_tail(struct tn_mutator *mu, struct tn_list *list, uint64_t from, uint64_t to,
                      uint64_t length)
{
    struct tn_list_array *array = tn_list_array_locked(list); /* may be NULL if n is 0 */
    uint64_t n = length - from;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t k = to > from ? n - 1 - i : i; /* not over those that are still to move */

        tn_yield();
        tn_slot_move(mu, &array->items[to + k], &array->items[from + k]);
    }
}

/* Empties the slots from `from` to before `to`, whose references have moved on. */
static void forget(struct tn_mutator *mu, struct tn_list *list, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at++)
        (void)take_out(mu, list, at);
}

/* Overwrites the items of a stride with as many others, and leaves them in their place. */
static void exchange(struct tn_mutator *mu, struct tn_list *list, const struct tn_stride *stride,
                     struct tn_object **items)
{
    struct tn_list_array *array = tn_list_array_locked(list); /* NULL if there is no item */

    for (uint64_t i = 0; i < stride->n; i++) {
        tn_yield();
        items[i] =
            tn_slot_swap(mu, &list->object, &array->items[tn_stride_at(stride, i)], items[i]);
    }
}

/* Puts `n` items in the place of those from `first` to before `end`. What is in
 * `items` afterwards is for the caller to drop. */
static int replace_locked(struct tn_mutator *mu, struct tn_list *list, uint64_t first, uint64_t end,
                          struct tn_object **items, uint64_t n)
{
    uint64_t old_length = tn_state_length_locked(&list->state);
    uint64_t n_old = end - first;
    uint64_t length = old_length - n_old + n;
    struct tn_stride both = { .first = first, .n = n < n_old ? n : n_old, .step = 1 };
    int r = 0;

    if (n > n_old)
        r = tn_list_reserve_locked(mu, list, n - n_old);
    if (r < 0)
        return r;
    tn_state_begin(&list->state, (uint32_t)length);
    exchange(mu, list, &both, items);
    for (uint64_t at = first + n; at < end; at++)
        tn_decref(mu, take_out(mu, list, at));
    if (n != n_old)
        move_tail(mu, list, end, first + n, old_length);
    for (uint64_t i = n_old; i < n; i++) {
        struct tn_object *moved = tn_slot_swap(
            mu, &list->object, &tn_list_array_locked(list)->items[first + i], items[i]);

        (void)moved; /* is further behind, or has never been */
        items[i] = NULL;
    }
    forget(mu, list, length, old_length);
    tn_state_end(&list->state, (uint32_t)length);
    if (n < n_old)
        tn_list_shrink_locked(mu, list);
    return 0;
}

int tn_list_set_slice(struct tn_mutator *mu, struct tn_object *o, const struct tn_slicing *slicing,
                      struct tn_object *from, uint64_t *ret_n_wanted, size_t *ret_length)
{
    struct tn_list *list = list_of(o);
    struct tn_gathered *gathered;
    struct tn_object **items;
    struct tn_stride stride;
    bool was_locked;
    size_t n;
    int r = tn_gather(mu, from, &gathered);

    if (r < 0)
        return r;
    tn_gathered_publish_for(mu, o, gathered);
    n = tn_gathered_n(gathered);
    items = gathered == NULL ? NULL : gathered->items;
    was_locked = tn_container_lock(mu, o);
    r = tn_slicing_resolve(slicing, tn_state_length_locked(&list->state), &stride);
    if (r == 0 && stride.step == 1) {
        r = replace_locked(mu, list, stride.first, stride.first + stride.n, items, n);
    } else if (r == 0 && stride.n != n) {
        *ret_n_wanted = stride.n;
        r = TN_ERR_PRECONDITION;
    } else if (r == 0 && n > 0) {
        tn_state_begin(&list->state, tn_state_length_locked(&list->state));
        exchange(mu, list, &stride, items);
        tn_state_end(&list->state, tn_state_length_locked(&list->state));
    }
    if (r == 0 && ret_length != NULL)
        *ret_length = tn_state_length_locked(&list->state);
    tn_container_unlock(mu, o, was_locked);
    tn_gathered_free(mu, &gathered);
    return r;
}

/* Drops the items of an ascending stride; the others close the gaps. */
static void remove_locked(struct tn_mutator *mu, struct tn_list *list,
                          const struct tn_stride *stride)
{
    uint64_t old_length = tn_state_length_locked(&list->state);
    uint64_t length = old_length - stride->n;
    tn_slot *items = tn_list_array_locked(list)->items;
    uint64_t to = stride->first;
    uint64_t n = 0;

    tn_state_begin(&list->state, (uint32_t)length);
    for (uint64_t at = stride->first; at < old_length; at++) {
        if (n < stride->n && at == tn_stride_at(stride, n)) {
            tn_decref(mu, take_out(mu, list, at));
            n++;
            continue;
        }
        tn_yield();
        tn_slot_move(mu, &items[to++], &items[at]);
    }
    forget(mu, list, length, old_length);
    tn_state_end(&list->state, (uint32_t)length);
    tn_list_shrink_locked(mu, list);
}

int tn_list_delete_slice(struct tn_mutator *mu, struct tn_object *o,
                         const struct tn_slicing *slicing, size_t *ret_length)
{
    struct tn_list *list = list_of(o);
    bool was_locked = tn_container_lock(mu, o);
    struct tn_stride stride;
    int r = tn_slicing_resolve(slicing, tn_state_length_locked(&list->state), &stride);

    if (r == 0 && stride.n > 0) {
        stride = tn_stride_ascending(&stride);
        remove_locked(mu, list, &stride);
    }
    if (r == 0 && ret_length != NULL)
        *ret_length = tn_state_length_locked(&list->state);
    tn_container_unlock(mu, o, was_locked);
    return r;
}
