/* SPDX-License-Identifier: MIT */
/* The inside of a list: for list.c, which changes it, and list_type.c, which only reads. */
#ifndef TN_CORE_TYPES_LIST_INTERNAL_H
#define TN_CORE_TYPES_LIST_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/object/mutator.h"
#include "core/object/object.h"
#include "core/types/state.h"

struct tn_list_array {
    struct tn_buffer buffer; /* first; its size says how many items there is room for */
    tn_slot items[];         /* [lock] for writers, [rcu] for readers */
};

struct tn_list {
    struct tn_object object;
    /* [rcu]    NULL while there has never been an item */
    _Atomic(struct tn_list_array *) array;
    tn_state state;
};

static_assert(sizeof(struct tn_list) == 32, "a list is four words");
static_assert(sizeof(struct tn_list_array) == 16, "items begin after two words");

static inline const struct tn_list *tn_list_const(const struct tn_object *o)
{
    return (const struct tn_list *)(const void *)o;
}

/* Pairs with the release in array_publish(). May be NULL. */
static inline const struct tn_list_array *tn_list_array_load(const struct tn_list *list)
{
    return atomic_load_explicit(&list->array, memory_order_acquire);
}

static inline uint32_t tn_list_array_capacity(const struct tn_list_array *array)
{
    if (array == NULL)
        return 0;
    return (uint32_t)((array->buffer.size_bytes - sizeof(*array)) / sizeof(tn_slot));
}

/* ---- For list.c and list_slice.c, under the lock ---- */

static inline struct tn_list_array *tn_list_array_locked(const struct tn_list *list)
{
    return atomic_load_explicit(&list->array, memory_order_relaxed);
}

/* An array whose places from `n_filled` on are empty; the caller fills the others. */
TN_MUST_CHECK int tn_list_array_new(struct tn_mutator *mu, uint32_t capacity, uint32_t n_filled,
                                    struct tn_list_array **ret_array);

/* Makes room for `n_more` items at the end. What readers see stays the same. */
TN_MUST_CHECK int tn_list_reserve_locked(struct tn_mutator *mu, struct tn_list *list,
                                         uint64_t n_more);

/* Gives memory back after removals, if it can have the smaller array. */
void tn_list_shrink_locked(struct tn_mutator *mu, struct tn_list *list);

/* An item as it is found now, or NULL if there is none at `at` any more. */
struct tn_object *tn_list_peek(const struct tn_list *list, uint64_t at);

#endif
