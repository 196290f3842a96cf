/* SPDX-License-Identifier: MIT */
/*
 * list: one array of items, replaced as it grows and shrinks, and a state
 * (state.h). Writers hold the object's lock. The version is odd while an item is
 * put in or taken out in the middle.
 *
 * A reader of one item: state, array, slot. It needs no second look, for what is
 * in a slot was in the list at that place at some moment in between: arrays that
 * have been replaced stay as they were. Only an index from the end must know that
 * the length was right at the same moment, and looks at the state again. A NULL,
 * or an array that is too short, means that the length has changed since.
 *
 * Progress: reading an item is wait-free but while an item is put in or taken
 * out in the middle, or if indices from the end meet a crowd of writers.
 */
#include "core/types/list.h"

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/gather.h"
#include "core/types/list_internal.h"
#include "core/types/types_internal.h"

#define CAPACITY_MIN 4
#define TRIES_MAX 4 /* of reading several items before the lock is taken */

static struct tn_list *list_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_LIST);
    return (struct tn_list *)(void *)o;
}

/* ---- The array ---- */

static size_t array_bytes(uint32_t capacity)
{
    return sizeof(struct tn_list_array) + (size_t)capacity * sizeof(tn_slot);
}

int tn_list_array_new(struct tn_mutator *mu, uint32_t capacity, uint32_t n_filled,
                      struct tn_list_array **ret_array)
{
    struct tn_buffer *buffer;
    struct tn_list_array *array;
    int r = tn_buffer_new(mu, array_bytes(capacity), &buffer);

    if (r < 0)
        return r;
    array = TN_CONTAINER_OF(buffer, struct tn_list_array, buffer);
    for (uint32_t i = n_filled; i < capacity; i++)
        atomic_init(&array->items[i], NULL);
    *ret_array = array;
    return 0;
}

/* Puts a filled array in the place of the present one. */
static void array_publish(struct tn_mutator *mu, struct tn_list *list, struct tn_list_array *array)
{
    struct tn_list_array *old = tn_list_array_locked(list);

    atomic_store_explicit(&list->array, array, memory_order_release);
    tn_yield();
    if (old != NULL)
        tn_container_release(mu, &list->object, &old->buffer);
}

static void copy_items(struct tn_list_array *to, uint32_t at, const struct tn_list_array *from,
                       uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        tn_slot_copy(&to->items[at + i], &from->items[first + i]);
}

/* What CPython over-allocates: an eighth and a little, in steps of four. */
static uint32_t capacity_for(uint64_t length)
{
    uint64_t capacity = (length + (length >> 3) + 6) & ~UINT64_C(3);

    if (length <= CAPACITY_MIN)
        return CAPACITY_MIN;
    return capacity > TN_LIST_ITEMS_MAX ? (uint32_t)TN_LIST_ITEMS_MAX : (uint32_t)capacity;
}

int tn_list_reserve_locked(struct tn_mutator *mu, struct tn_list *list, uint64_t n_more)
{
    uint32_t length = tn_state_length_locked(&list->state);
    struct tn_list_array *array = tn_list_array_locked(list);
    struct tn_list_array *larger;
    int r;

    if (n_more <= tn_list_array_capacity(array) - length)
        return 0;
    if (n_more > TN_LIST_ITEMS_MAX - length)
        return TN_ERR_TOO_BIG;
    r = tn_list_array_new(mu, capacity_for(length + n_more), length, &larger);
    if (r < 0)
        return r;
    if (length > 0)
        copy_items(larger, 0, array, 0, length);
    array_publish(mu, list, larger);
    return 0;
}

void tn_list_shrink_locked(struct tn_mutator *mu, struct tn_list *list)
{
    uint32_t length = tn_state_length_locked(&list->state);
    struct tn_list_array *array = tn_list_array_locked(list);
    uint32_t capacity = tn_list_array_capacity(array);
    struct tn_list_array *smaller;

    if (capacity <= 2 * CAPACITY_MIN || length >= capacity / 4)
        return;
    if (tn_list_array_new(mu, capacity_for(length), length, &smaller) < 0)
        return; /* it stays as large as it is */
    copy_items(smaller, 0, array, 0, length);
    array_publish(mu, list, smaller);
}

/* ---- Making and reading ---- */

int tn_list_new(struct tn_mutator *mu, size_t capacity, struct tn_object **ret_list)
{
    struct tn_list_array *array = NULL;
    struct tn_object *o;
    struct tn_list *list;
    int r;

    if (capacity > TN_LIST_ITEMS_MAX)
        return TN_ERR_TOO_BIG;
    if (capacity > 0) {
        r = tn_list_array_new(mu, (uint32_t)capacity, 0, &array);
        if (r < 0)
            return r;
    }
    r = tn_object_new(mu, TN_TYPE_LIST, sizeof(*list), &o);
    if (r < 0) {
        if (array != NULL)
            tn_buffer_free(mu, &array->buffer);
        return r;
    }
    list = list_of(o);
    atomic_init(&list->array, array);
    atomic_init(&list->state, 0);
    *ret_list = o;
    return 0;
}

size_t tn_list_length(const struct tn_object *list)
{
    TN_ASSERT(list->type == TN_TYPE_LIST);
    return tn_state_length(tn_state_load(&tn_list_const(list)->state));
}

static int get_locked(struct tn_list *list, int64_t index, struct tn_object **ret_item)
{
    uint64_t at;
    int r = tn_index_resolve(index, tn_state_length_locked(&list->state), &at);

    if (r < 0)
        return r;
    *ret_item = tn_slot_load(&tn_list_array_locked(list)->items[at]);
    return 0;
}

static TN_NOINLINE int get_slow(struct tn_mutator *mu, struct tn_list *list, int64_t index,
                                struct tn_object **ret_item)
{
    bool was_locked = tn_container_lock(mu, &list->object);
    int r = get_locked(list, index, ret_item);

    tn_container_unlock(mu, &list->object, was_locked);
    return r;
}

int tn_list_get(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                struct tn_object **ret_item)
{
    struct tn_list *list = list_of(o);

    for (unsigned int i = 0; i < TRIES_MAX; i++) {
        uint64_t state = tn_state_load(&list->state);
        const struct tn_list_array *array;
        struct tn_object *item;
        uint64_t at;
        int r;

        if (TN_UNLIKELY(tn_state_is_odd(state)))
            break;
        r = tn_index_resolve(index, tn_state_length(state), &at);
        if (TN_UNLIKELY(r < 0))
            return r;
        tn_yield();
        array = tn_list_array_load(list);
        tn_yield();
        if (TN_UNLIKELY(at >= tn_list_array_capacity(array)))
            continue;
        item = tn_slot_load(&array->items[at]);
        if (TN_UNLIKELY(item == NULL || (index < 0 && tn_state_load(&list->state) != state)))
            continue;
        *ret_item = item;
        return 0;
    }
    return get_slow(mu, list, index, ret_item);
}

/* Copies the items of a stride. False if some are gone. */
static bool copy_out(const struct tn_list *list, const struct tn_stride *stride,
                     struct tn_object **items)
{
    const struct tn_list_array *array = tn_list_array_load(list);
    uint64_t last = stride->step > 0 ? tn_stride_at(stride, stride->n - 1) : stride->first;

    if (stride->n == 0)
        return true;
    if (last >= tn_list_array_capacity(array))
        return false;
    for (uint64_t i = 0; i < stride->n; i++) {
        tn_yield();
        items[i] = tn_slot_load(&array->items[tn_stride_at(stride, i)]);
        if (items[i] == NULL)
            return false;
    }
    return true;
}

/* Copies the items of a slice: 1, 0 if the list has changed since `state`, or an error. */
static int try_slice(const struct tn_list *list, uint64_t state, const struct tn_slicing *slicing,
                     size_t n_max, struct tn_object **items, size_t *ret_n)
{
    struct tn_stride stride;
    int r = tn_slicing_resolve(slicing, tn_state_length(state), &stride);

    if (r < 0)
        return r;
    *ret_n = (size_t)stride.n;
    if (stride.n > n_max)
        stride.n = n_max;
    return copy_out(list, &stride, items) && tn_state_load(&list->state) == state;
}

int tn_list_slice_items(struct tn_mutator *mu, struct tn_object *o,
                        const struct tn_slicing *slicing, size_t n_max, struct tn_object **items,
                        size_t *ret_n, size_t *ret_length)
{
    struct tn_list *list = list_of(o);
    bool was_locked;
    uint64_t state;
    int r;

    for (unsigned int i = 0; i < TRIES_MAX; i++) {
        state = tn_state_load(&list->state);
        if (tn_state_is_odd(state))
            break;
        r = try_slice(list, state, slicing, n_max, items, ret_n);
        if (r != 0)
            goto out;
    }
    was_locked = tn_container_lock(mu, o);
    state = atomic_load_explicit(&list->state, memory_order_relaxed);
    r = try_slice(list, state, slicing, n_max, items, ret_n); /* all are there, locked */
    tn_container_unlock(mu, o, was_locked);
out:
    *ret_length = tn_state_length(state);
    return r < 0 ? r : 0;
}

size_t tn_list_snapshot(struct tn_mutator *mu, struct tn_object *o, size_t start, size_t n_max,
                        struct tn_object **items, size_t *ret_length)
{
    struct tn_slicing slicing = {
        .start = start > INT64_MAX ? INT64_MAX : (int64_t)start,
        .stop = INT64_MAX,
        .step = 1,
    };
    size_t length = 0;
    size_t n = 0;

    if (tn_list_slice_items(mu, o, &slicing, n_max, items, &n, &length) < 0)
        TN_UNREACHABLE(); /* the step is not 0 */
    if (ret_length != NULL)
        *ret_length = length;
    return n < n_max ? n : n_max;
}

/* ---- Changing ---- */

int tn_list_set(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                struct tn_object **take_item)
{
    struct tn_list *list = list_of(o);
    struct tn_object *old = NULL;
    bool was_locked;
    uint64_t at;
    int r;

    tn_publish_for(mu, o, *take_item);
    was_locked = tn_container_lock(mu, o);
    r = tn_index_resolve(index, tn_state_length_locked(&list->state), &at);
    if (r == 0) {
        tn_state_touch(&list->state);
        tn_yield();
        old = tn_slot_swap(mu, o, &tn_list_array_locked(list)->items[at], *take_item);
        *take_item = NULL;
    }
    tn_container_unlock(mu, o, was_locked);
    tn_drop(mu, &old);
    return r;
}

static void put_length(size_t *ret_length, uint64_t length)
{
    if (ret_length != NULL)
        *ret_length = (size_t)length;
}

int tn_list_append(struct tn_mutator *mu, struct tn_object *o, struct tn_object **take_item,
                   size_t *ret_length)
{
    struct tn_list *list = list_of(o);
    bool was_locked;
    int r;

    tn_publish_for(mu, o, *take_item);
    was_locked = tn_container_lock(mu, o);
    r = tn_list_reserve_locked(mu, list, 1);
    if (r == 0) {
        uint32_t length = tn_state_length_locked(&list->state);

        tn_slot_init(mu, o, &tn_list_array_locked(list)->items[length], *take_item);
        *take_item = NULL;
        tn_state_set_length(&list->state, length + 1);
        put_length(ret_length, (uint64_t)length + 1);
    }
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* Puts an item in front of the one at `at`, all in the present array. The items
 * move from the last one on: a reader finds each at its old or its new place. */
static void insert_in_place(struct tn_mutator *mu, struct tn_list *list, uint32_t at,
                            struct tn_object *item)
{
    uint32_t length = tn_state_length_locked(&list->state);
    struct tn_list_array *array = tn_list_array_locked(list);
    struct tn_object *moved;

    tn_state_begin(&list->state, length + 1);
    for (uint32_t i = length; i > at; i--) {
        tn_yield();
        tn_slot_move(mu, &array->items[i], &array->items[i - 1]);
    }
    moved = tn_slot_swap(mu, &list->object, &array->items[at], item);
    TN_DEBUG_ASSERT(moved == tn_slot_load(&array->items[at + 1]));
    (void)moved;
}

/* The same, in a new array. */
static int insert_and_grow(struct tn_mutator *mu, struct tn_list *list, uint32_t at,
                           struct tn_object *item)
{
    uint32_t length = tn_state_length_locked(&list->state);
    struct tn_list_array *array = tn_list_array_locked(list);
    struct tn_list_array *larger;
    int r;

    if (length == TN_LIST_ITEMS_MAX)
        return TN_ERR_TOO_BIG;
    r = tn_list_array_new(mu, capacity_for((uint64_t)length + 1), length + 1, &larger);
    if (r < 0)
        return r;
    copy_items(larger, 0, array, 0, at);
    tn_slot_init(mu, &list->object, &larger->items[at], item);
    copy_items(larger, at + 1, array, at, length - at);
    tn_state_begin(&list->state, length + 1);
    array_publish(mu, list, larger);
    return 0;
}

static int insert_locked(struct tn_mutator *mu, struct tn_list *list, uint32_t at,
                         struct tn_object *item)
{
    uint32_t length = tn_state_length_locked(&list->state);

    if (length == tn_list_array_capacity(tn_list_array_locked(list))) {
        int r = insert_and_grow(mu, list, at, item);

        if (r < 0)
            return r;
    } else {
        insert_in_place(mu, list, at, item);
    }
    tn_state_end(&list->state, length + 1);
    return 0;
}

/* Where Python's slices and insert() put an index: clipped to the list. */
static uint64_t clip(int64_t index, uint64_t length)
{
    if (index < 0)
        return (uint64_t)index + length < length ? (uint64_t)index + length : 0;
    return (uint64_t)index < length ? (uint64_t)index : length;
}

int tn_list_insert(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                   struct tn_object **take_item, size_t *ret_length)
{
    struct tn_list *list = list_of(o);
    uint32_t length;
    uint32_t at;
    bool was_locked;
    int r;

    tn_publish_for(mu, o, *take_item);
    was_locked = tn_container_lock(mu, o);
    length = tn_state_length_locked(&list->state);
    at = (uint32_t)clip(index, length);
    if (at == length) {
        r = tn_list_reserve_locked(mu, list, 1);
        if (r == 0) {
            tn_slot_init(mu, o, &tn_list_array_locked(list)->items[at], *take_item);
            tn_state_set_length(&list->state, length + 1);
        }
    } else {
        r = insert_locked(mu, list, at, *take_item);
    }
    tn_container_unlock(mu, o, was_locked);
    if (r < 0)
        return r;
    *take_item = NULL;
    put_length(ret_length, (uint64_t)length + 1);
    return 0;
}

/* Takes the item at `at` out; the others close the gap from the front. */
static struct tn_object *pop_locked(struct tn_mutator *mu, struct tn_list *list, uint32_t at)
{
    uint32_t last = tn_state_length_locked(&list->state) - 1;
    struct tn_list_array *array = tn_list_array_locked(list);
    struct tn_object *item;
    struct tn_object *moved;

    if (at == last) {
        /* Length first: who finds the NULL then finds the new length. */
        tn_state_set_length(&list->state, last);
        tn_yield();
        return tn_slot_swap(mu, &list->object, &array->items[last], NULL);
    }
    tn_state_begin(&list->state, last);
    item = tn_slot_swap(mu, &list->object, &array->items[at], NULL);
    for (uint32_t i = at; i < last; i++) {
        tn_yield();
        tn_slot_move(mu, &array->items[i], &array->items[i + 1]);
    }
    moved = tn_slot_swap(mu, &list->object, &array->items[last], NULL);
    TN_DEBUG_ASSERT(moved == tn_slot_load(&array->items[last - 1]));
    (void)moved;
    tn_state_end(&list->state, last);
    return item;
}

int tn_list_pop(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                struct tn_object **ret_item, size_t *ret_length)
{
    struct tn_list *list = list_of(o);
    bool was_locked = tn_container_lock(mu, o);
    uint32_t length = tn_state_length_locked(&list->state);
    uint64_t at;
    int r = tn_index_resolve(index, length, &at);

    if (r == 0) {
        *ret_item = pop_locked(mu, list, (uint32_t)at);
        put_length(ret_length, length - 1);
        tn_list_shrink_locked(mu, list);
    }
    tn_container_unlock(mu, o, was_locked);
    return r;
}

int tn_list_extend(struct tn_mutator *mu, struct tn_object *o, struct tn_object *from,
                   size_t *ret_length)
{
    struct tn_list *list = list_of(o);
    struct tn_gathered *gathered;
    uint32_t length;
    size_t n;
    bool was_locked;
    int r = tn_gather(mu, from, &gathered);

    if (r < 0)
        return r;
    n = tn_gathered_n(gathered);
    tn_gathered_publish_for(mu, o, gathered);
    was_locked = tn_container_lock(mu, o);
    length = tn_state_length_locked(&list->state);
    r = tn_list_reserve_locked(mu, list, n);
    if (r == 0) {
        for (size_t i = 0; i < n; i++) {
            tn_slot_init(mu, o, &tn_list_array_locked(list)->items[length + i], gathered->items[i]);
            gathered->items[i] = NULL;
        }
        tn_state_set_length(&list->state, length + (uint32_t)n);
        put_length(ret_length, (uint64_t)length + n);
    }
    tn_container_unlock(mu, o, was_locked);
    tn_gathered_free(mu, &gathered);
    return r;
}
