/* SPDX-License-Identifier: MIT */
/*
 * Emptying: garbage lets go of what it refers to, and dies by its counts.
 *
 * Nobody can reach it any more, and all of the garbage of a collection has been
 * found before any of it is emptied; so what a client could still observe (events,
 * weak references) has been settled before. Each object is emptied within the budget
 * and then loses the collector's reference.
 *
 * Invariant: a pool or large container is on its mutator's list exactly if its map
 * `garbage` is not zero. It leaves the list together with its last garbage, whose
 * reference is still held then; so nothing on the list is ever given away.
 */
#include "core/base/check.h"
#include "core/gc/gc_internal.h"
#include "core/memory/large.h"
#include "core/object/type.h"

void tn_gc_note_garbage(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_cell cell = tn_cell_of(o);

    tn_cell_put_owner(&cell, TN_MAP_GARBAGE, true);
    if (cell.gray->is_large) {
        struct tn_large *large = tn_large_of(o);

        large->next_garbage = mu->gc.large_garbage;
        mu->gc.large_garbage = large;
    } else if (!tn_pool_of(o)->has_garbage) {
        struct tn_pool *pool = tn_pool_of(o);

        pool->has_garbage = true;
        pool->next_garbage = mu->gc.garbage;
        mu->gc.garbage = pool;
    }
}

/* Takes an object out of the map of a pool, which leaves the list if it was the last. */
static struct tn_object *take_from_pool(struct tn_mutator *mu, struct tn_pool *pool)
{
    struct tn_object *o = NULL;

    /* Relaxed: only the bearer of the owner writes this map. */
    for (uint32_t word = 0; word < TN_POOL_MAP_WORDS; word++) {
        uint64_t bits =
            atomic_load_explicit(&pool->maps[TN_MAP_GARBAGE][word], memory_order_relaxed);

        if (bits == 0)
            continue;
        if (o != NULL)
            return o;
        o = tn_pool_block(pool, word * 64 + (uint32_t)__builtin_ctzll(bits));
        bits &= bits - 1;
        atomic_store_explicit(&pool->maps[TN_MAP_GARBAGE][word], bits, memory_order_relaxed);
        if (bits != 0)
            return o;
    }
    TN_ASSERT(o != NULL);
    pool->has_garbage = false;
    mu->gc.garbage = pool->next_garbage;
    return o;
}

static struct tn_object *take_garbage(struct tn_mutator *mu)
{
    struct tn_large *large = mu->gc.large_garbage;

    if (mu->gc.garbage != NULL)
        return take_from_pool(mu, mu->gc.garbage);
    if (large == NULL)
        return NULL;
    mu->gc.large_garbage = large->next_garbage;
    atomic_store_explicit(&large->maps[TN_MAP_GARBAGE], 0, memory_order_relaxed);
    return (struct tn_object *)(void *)(large + 1);
}

bool tn_gc_empty(struct tn_mutator *mu, size_t budget)
{
    struct tn_gc_duty *duty = &mu->gc;

    while (budget > 0) {
        if (duty->object == NULL)
            duty->object = take_garbage(mu);
        if (duty->object == NULL)
            return false;
        budget--;
        if (!tn_type_of(duty->object)->clear(mu, duty->object, &budget))
            return true;
        tn_decref(mu, duty->object);
        duty->object = NULL;
    }
    return tn_gc_has_garbage(mu);
}
