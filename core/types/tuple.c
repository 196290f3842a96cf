/* SPDX-License-Identifier: MIT */
/*
 * tuple.
 *
 * Invariant: a tuple's items are never NULL while it is alive; a place that has
 * not been filled holds none. A dead one is emptied from its end, so that its
 * NULLs are at the end and where to go on is found by bisection: a header has
 * no room for a position, and looking from the end each time would make the
 * death of a large tuple quadratic.
 */
#include "core/types/tuple.h"

#include "core/base/check.h"
#include "core/object/heap_internal.h"
#include "core/types/immortals.h"
#include "core/types/types_internal.h"

static struct tn_tuple *tuple_of(struct tn_object *o)
{
    return (struct tn_tuple *)(void *)o;
}

static tn_slot *items_of(struct tn_tuple *tuple)
{
    return (tn_slot *)(void *)(tuple + 1);
}

int tn_tuple_new(struct tn_mutator *mu, size_t n_items, struct tn_object **ret_tuple)
{
    struct tn_object *none = &mu->heap->immortals->none;
    struct tn_object *o;
    struct tn_tuple *tuple;
    int r;

    if (n_items == 0) {
        *ret_tuple = &mu->heap->immortals->empty_tuple.object;
        return 0;
    }
    if (n_items > TN_TUPLE_ITEMS_MAX)
        return TN_ERR_TOO_BIG;
    r = tn_object_new(mu, TN_TYPE_TUPLE, sizeof(*tuple) + n_items * sizeof(tn_slot), &o);
    if (r < 0)
        return r;
    tuple = tuple_of(o);
    atomic_init(&tuple->hash, 0);
    tuple->n_items = (uint32_t)n_items;
    for (size_t i = 0; i < n_items; i++)
        atomic_init(&items_of(tuple)[i], none);
    *ret_tuple = o;
    return 0;
}

void tn_tuple_fill(struct tn_mutator *mu, struct tn_object *tuple, size_t index,
                   struct tn_object **take_item)
{
    TN_ASSERT(tuple->type == TN_TYPE_TUPLE && index < tuple_of(tuple)->n_items);
    tn_slot_init(mu, tuple, &items_of(tuple_of(tuple))[index], *take_item);
    *take_item = NULL;
}

size_t tn_tuple_length(const struct tn_object *tuple)
{
    TN_ASSERT(tuple->type == TN_TYPE_TUPLE);
    return tn_tuple_const(tuple)->n_items;
}

struct tn_object *tn_tuple_get(const struct tn_object *tuple, size_t index)
{
    TN_ASSERT(tuple->type == TN_TYPE_TUPLE && index < tn_tuple_const(tuple)->n_items);
    return tn_slot_load(&tn_tuple_items(tn_tuple_const(tuple))[index]);
}

static int tuple_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg)
{
    const struct tn_tuple *tuple = tn_tuple_const(o);
    const tn_slot *items = tn_tuple_items(tuple);

    for (uint32_t i = 0; i < tuple->n_items; i++) {
        struct tn_object *item = tn_slot_load(&items[i]);
        int r;

        if (item == NULL)
            break;
        r = visit(item, arg);
        if (r < 0)
            return r;
    }
    return 0;
}

/* How many items of a dead tuple are left. */
static uint32_t n_items_left(const struct tn_tuple *tuple)
{
    const tn_slot *items = tn_tuple_items(tuple);
    uint32_t low = 0;
    uint32_t high = tuple->n_items;

    if (high > 0 && tn_slot_load(&items[high - 1]) != NULL)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (tn_slot_load(&items[middle]) != NULL)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool tuple_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_tuple *tuple = tuple_of(o);
    uint32_t n_left = n_items_left(tuple);

    for (; n_left > 0 && *budget > 0; n_left--, --*budget)
        tn_decref(mu, tn_slot_swap(mu, o, &items_of(tuple)[n_left - 1], NULL));
    return n_left == 0;
}

static size_t tuple_block_size(const struct tn_object *o)
{
    return sizeof(struct tn_tuple) + tn_tuple_const(o)->n_items * sizeof(tn_slot);
}

static uint64_t tuple_length(const struct tn_object *o)
{
    return tn_tuple_const(o)->n_items;
}

/* The items' hashes are keyed, so what combines them need only mix well: one
 * lane of xxHash64, as CPython's tuples. */
#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)

void tn_tuple_hash_add(struct tn_tuple_hash *h, uint32_t item_hash)
{
    h->state += item_hash * PRIME_2;
    h->state = (h->state << 31) | (h->state >> 33);
    h->state *= PRIME_1;
}

uint32_t tn_tuple_hash_end(const struct tn_tuple_hash *h, uint64_t n_items)
{
    uint64_t state = h->state + n_items;

    state = (state ^ (state >> 33)) * PRIME_2;
    state = (state ^ (state >> 29)) * PRIME_3;
    return tn_hash_to_cache((uint32_t)(state >> 32));
}

static int tuple_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                      uint32_t *ret_hash)
{
    /* The cache is no part of the value: whoever may look may fill it. */
    struct tn_tuple *tuple = (struct tn_tuple *)(uintptr_t)o;
    const tn_slot *items = tn_tuple_items(tuple);
    uint32_t hash = atomic_load_explicit(&tuple->hash, memory_order_relaxed);
    struct tn_tuple_hash sum = TN_TUPLE_HASH_INIT;

    if (hash != 0) {
        *ret_hash = hash;
        return 0;
    }
    if (depth == 0)
        return TN_ERR_TOO_DEEP;
    for (uint32_t i = 0; i < tuple->n_items; i++) {
        const struct tn_object *item = tn_slot_load(&items[i]);
        int r;

        /* It has died under the reader's eyes: no key that anybody still has. */
        if (item == NULL)
            return TN_ERR_UNHASHABLE;
        r = tn_hash_nested(heap, item, depth - 1, &hash);
        if (r < 0)
            return r;
        tn_tuple_hash_add(&sum, hash);
    }
    hash = tn_tuple_hash_end(&sum, tuple->n_items);
    atomic_store_explicit(&tuple->hash, hash, memory_order_relaxed);
    *ret_hash = hash;
    return 0;
}

static int tuple_equal(const struct tn_object *a, const struct tn_object *b,
                       struct tn_compare *limits)
{
    const struct tn_tuple *x = tn_tuple_const(a);
    const struct tn_tuple *y = tn_tuple_const(b);
    int r = 1;

    if (b->type != TN_TYPE_TUPLE || x->n_items != y->n_items)
        return 0;
    if (limits->depth_left == 0)
        return TN_ERR_TOO_DEEP;
    limits->depth_left--;
    for (uint32_t i = 0; r == 1 && i < x->n_items; i++)
        r = tn_same_or_equal(tn_slot_load(&tn_tuple_items(x)[i]),
                             tn_slot_load(&tn_tuple_items(y)[i]), limits);
    limits->depth_left++;
    return r;
}

const struct tn_type tn_type_tuple = {
    .name = "tuple",
    .id = TN_TYPE_TUPLE,
    .is_container = true,
    .traverse = tuple_traverse,
    .clear = tuple_clear,
    .block_size = tuple_block_size,
    .length = tuple_length,
    .hash = tuple_hash,
    .equal = tuple_equal,
};
