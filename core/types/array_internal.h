/* SPDX-License-Identifier: MIT */
/*
 * The inside of an array: for array.c and array_bulk.c, which change it, and for
 * array_scan.c, which only reads.
 *
 * Nobody sees half of an item. Items in a buffer that readers know are written with
 * one store as wide as an item, or with stores of eight bytes that are aligned and
 * so hold whole items, and are read in the same way. As state.h asks, these stores
 * release and the loads acquire: whoever sees something new also sees that the
 * version had risen before. Plain copies are made only where nobody can write: from
 * a buffer under the lock, and into one that is not published yet.
 *
 * What lies behind the length is not initialised. A reader of one item must not
 * look there, although it may have a length that is older or newer than the buffer:
 * so it loads the buffer, the state, the item and the buffer again. If that is
 * the same still (within a read section its memory is not used again), the length
 * is one that belongs to this buffer.
 */
#ifndef TN_CORE_TYPES_ARRAY_INTERNAL_H
#define TN_CORE_TYPES_ARRAY_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/base/check.h"
#include "core/object/mutator.h"
#include "core/types/array.h"
#include "core/types/state.h"

#define TN_ARRAY_TRIES_MAX 4 /* of reading before the lock is taken */

struct tn_array_items {
    struct tn_buffer buffer; /* first; its size says how many items there is room for */
    unsigned char bytes[];   /* [lock] for writers, [rcu] for readers; see above */
};

struct tn_array {
    struct tn_object object;
    /* [rcu]    NULL while there has never been an item */
    _Atomic(struct tn_array_items *) items;
    tn_state state;
    uint8_t format; /* [const] enum tn_item_format */
};

static_assert(sizeof(struct tn_array_items) == 16, "items are aligned to eight bytes");

/* Items, and several of them at once, in memory that readers know. */
typedef _Atomic(uint8_t) __attribute__((may_alias)) tn_cell8;
typedef _Atomic(uint16_t) __attribute__((may_alias)) tn_cell16;
typedef _Atomic(uint32_t) __attribute__((may_alias)) tn_cell32;
typedef _Atomic(uint64_t) __attribute__((may_alias)) tn_cell64;

#define TN_ARRAY_WORD ((size_t)8)

static inline struct tn_array *tn_array_of(struct tn_object *o)
{
    TN_ASSERT(tn_is_array(o));
    return (struct tn_array *)(void *)o;
}

static inline const struct tn_array *tn_array_const(const struct tn_object *o)
{
    TN_ASSERT(tn_is_array(o));
    return (const struct tn_array *)(const void *)o;
}

static inline unsigned int tn_array_shift(const struct tn_array *array)
{
    return tn_item_shift((enum tn_item_format)array->format);
}

/* Pairs with the release in items_publish(). May be NULL. */
static inline const struct tn_array_items *tn_array_items_load(const struct tn_array *array)
{
    return atomic_load_explicit(&array->items, memory_order_acquire);
}

/* Room in items, also beyond what the length can be. */
static inline uint64_t tn_array_items_capacity(const struct tn_array_items *items,
                                               unsigned int shift)
{
    return items == NULL ? 0 : (items->buffer.size_bytes - sizeof(*items)) >> shift;
}

/* Copies `n` whole items out of a buffer that may be written meanwhile. `from` is
 * aligned to an item. */
void tn_array_load(void *to, const unsigned char *from, size_t n, unsigned int shift);

/*
 * Calls `look` with the items from `first` on, block by block, each a copy; ends
 * when it returns something else than 0, and returns that. Nothing says that they
 * were there at the same moment: the caller compares the state. Looks at as many
 * as the buffer has room for, if `length` is more.
 */
typedef int (*tn_array_look_fn)(const unsigned char *items, size_t n, uint64_t at, void *arg);
int tn_array_each_block(const struct tn_array *array, uint64_t first, uint64_t length,
                        tn_array_look_fn look, void *arg);

/* A position as slices have it: from the end if negative, and clipped. */
static inline uint64_t tn_array_clip(int64_t position, uint64_t length)
{
    if (position < 0)
        return (uint64_t)0 - (uint64_t)position > length ? 0 : length + (uint64_t)position;
    return (uint64_t)position > length ? length : (uint64_t)position;
}

#endif
