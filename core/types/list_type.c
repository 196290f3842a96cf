/* SPDX-License-Identifier: MIT */
/* What the heap asks of lists, and comparing them. None of it takes a lock, but
 * for tn_list_contains() if it must. */
#include "core/base/check.h"
#include "core/types/list.h"
#include "core/types/list_internal.h"
#include "core/types/types_internal.h"

#define TRIES_MAX 4 /* of searching before the lock is taken */

struct tn_object *tn_list_peek(const struct tn_list *list, uint64_t at)
{
    const struct tn_list_array *array = tn_list_array_load(list);

    return at < tn_list_array_capacity(array) ? tn_slot_load(&array->items[at]) : NULL;
}

/* Whether an item is the same as or equal to a value: 1, 0 or an error. */
static int search(const struct tn_list *list, const struct tn_object *value,
                  struct tn_compare *limits)
{
    uint64_t length = tn_state_length(tn_state_load(&list->state));
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < length; i++)
        r = tn_same_or_equal(tn_list_peek(list, i), value, limits);
    return r;
}

/*
 * An item that is found was there. That none was found is only true if nothing
 * has changed meanwhile: items may have moved past the search.
 */
int tn_list_contains(struct tn_mutator *mu, struct tn_object *o, struct tn_object *value,
                     bool *ret_contains)
{
    const struct tn_list *list = tn_list_const(o);
    struct tn_compare limits = tn_compare_limits(mu->heap);
    bool was_locked;
    int r;

    TN_ASSERT(o->type == TN_TYPE_LIST);
    for (unsigned int i = 0; i < TRIES_MAX; i++) {
        uint64_t state = tn_state_load(&list->state);

        r = search(list, value, &limits);
        if (r < 0)
            return r;
        if (r == 1 || (!tn_state_is_odd(state) && tn_state_load(&list->state) == state))
            goto out;
    }
    was_locked = tn_container_lock(mu, o);
    r = search(list, value, &limits);
    tn_container_unlock(mu, o, was_locked);
    if (r < 0)
        return r;
out:
    *ret_contains = r == 1;
    return 0;
}

/* Items are compared as they are found, those that are gone as unequal. */
static int list_equal(const struct tn_object *a, const struct tn_object *b,
                      struct tn_compare *limits)
{
    const struct tn_list *x = tn_list_const(a);
    const struct tn_list *y = tn_list_const(b);
    uint64_t length;
    int r = 1;

    if (b->type != TN_TYPE_LIST)
        return 0;
    length = tn_state_length(tn_state_load(&x->state));
    if (length != tn_state_length(tn_state_load(&y->state)))
        return 0;
    if (limits->depth_left == 0)
        return TN_ERR_TOO_DEEP;
    limits->depth_left--;
    for (uint64_t i = 0; r == 1 && i < length; i++)
        r = tn_same_or_equal(tn_list_peek(x, i), tn_list_peek(y, i), limits);
    limits->depth_left++;
    return r;
}

/* Walks the array that there is at the beginning: what is referenced from it was
 * referenced at some moment of the walk, whatever the array's place holds now. The array
 * is read before the length. The other way round, an item at the end could be missed that
 * an insertion has moved into a larger array: it is copied there, and nobody shades it. */
static int list_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg)
{
    const struct tn_list *list = tn_list_const(o);
    const struct tn_list_array *array = tn_list_array_load(list);
    uint64_t length = tn_state_length(tn_state_load(&list->state));

    if (length > tn_list_array_capacity(array))
        length = tn_list_array_capacity(array);
    for (uint64_t i = 0; i < length; i++) {
        struct tn_object *item = tn_slot_load(&array->items[i]);
        int r = item == NULL ? 0 : visit(item, arg);

        if (r < 0)
            return r;
    }
    return 0;
}

/* A dead list gets shorter from its end. Its slots are left as they are: readers
 * that have a longer length still find what they refer to. */
static bool list_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_list *list = (struct tn_list *)(void *)o;
    struct tn_list_array *array = atomic_load_explicit(&list->array, memory_order_relaxed);
    uint32_t length = tn_state_length_locked(&list->state);

    for (; length > 0 && *budget > 0; --*budget) {
        length--;
        /* Relaxed: readers may see it or not. */
        atomic_store_explicit(&list->state, length, memory_order_relaxed);
        tn_slot_drop(mu, &array->items[length]);
    }
    if (length > 0)
        return false;
    if (array != NULL) {
        atomic_store_explicit(&list->array, NULL, memory_order_relaxed);
        tn_buffer_retire(mu, &array->buffer);
    }
    return true;
}

static size_t list_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_list);
}

static size_t list_extra_size(const struct tn_object *o)
{
    const struct tn_list_array *array = tn_list_array_load(tn_list_const(o));

    return array == NULL ? 0 : array->buffer.size_bytes;
}

static uint64_t list_length(const struct tn_object *o)
{
    return tn_list_length(o);
}

const struct tn_type tn_type_list = {
    .name = "list",
    .id = TN_TYPE_LIST,
    .is_container = true,
    .is_mutable = true,
    .traverse = list_traverse,
    .clear = list_clear,
    .block_size = list_block_size,
    .extra_size = list_extra_size,
    .length = list_length,
    .equal = list_equal,
};
