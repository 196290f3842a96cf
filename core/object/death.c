/* SPDX-License-Identifier: MIT */
/*
 * Death: what happens between the last reference and the reuse of the memory.
 *
 *   announced  count zero; no weakref leads to it any more; if somebody is to be told of
 *              its death, that happens while it holds everything, and what it holds is
 *              whole: a collector may find its children and empty them before it is
 *              emptied itself
 *   buried     on the dying list of the mutator that dropped the last reference, linked
 *              through `shared`; what can hold nothing and is not interned is emptied
 *              already
 *   emptied    at safe points, within a budget: the table of interned strs forgets
 *              it, and the type's clear() drops the references that it holds, which
 *              may bury others. No recursion anywhere, however deep the structure
 *   retired    in limbo, still linked through `shared`, until a grace period
 *              has passed; skipped if nobody but the owner ever saw it
 *   freed      back to its pool
 *
 * To readers that still look at it, a dead object is merged with a count that
 * is zero or negative: a link is stored as its negative.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/memory/fault.h"
#include "core/memory/large.h"
#include "core/object/heap_internal.h"
#include "core/object/mutator.h"
#include "core/object/type.h"

static void link_dead(struct tn_object *o, const struct tn_object *next)
{
    /* Relaxed: only the bearer follows it, and to all others every such value
     * means dead. */
    atomic_store_explicit(&o->shared, -(int64_t)(intptr_t)next | TN_STATE_MERGED,
                          memory_order_relaxed);
}

static struct tn_object *next_dead(const struct tn_object *o)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_relaxed);

    return (struct tn_object *)(intptr_t) - (shared & ~TN_STATE_MASK);
}

/* Takes an object out of the figures of the living. */
static void count_out(struct tn_mutator *mu, const struct tn_object *o)
{
    tn_count_add(&mu->n_objs[o->type], -1);
    tn_count_add(&mu->live_bytes, -(int64_t)tn_type_of(o)->block_size(o));
}

static void free_small(struct tn_mutator *mu, struct tn_object *o)
{
    enum tn_block_kind kind = tn_block_kind_of(mu->heap, o->type);

    tn_cache_free(&mu->cache, kind, tn_block_class(kind, tn_type_of(o)->block_size(o)), o);
}

static void release_block(struct tn_mutator *mu, struct tn_object *o)
{
    if ((atomic_load_explicit(&o->bits, memory_order_relaxed) & TN_BIT_LARGE) != 0)
        tn_large_object_free(&mu->cache, o);
    else
        free_small(mu, o);
}

void tn_mutator_free_object(struct tn_mutator *mu, struct tn_object *o)
{
    count_out(mu, o);
    release_block(mu, o);
}

/* An emptied object on its way to the pool or to limbo. */
static void retire(struct tn_mutator *mu, struct tn_object *o, bool is_unseen)
{
    if (is_unseen) {
        release_block(mu, o);
        return;
    }
    tn_count_add(&mu->limbo.n_objs, 1);
    tn_count_add(&mu->limbo.bytes, (int64_t)tn_type_of(o)->block_size(o));
    link_dead(o, mu->limbo.open.objects);
    mu->limbo.open.objects = o;
}

/* Whether the table of interned strs may know an object: strs have no weakrefs. */
static bool is_interned(const struct tn_object *o, uint8_t bits)
{
    return (bits & TN_BIT_WEAK) != 0 && o->type == TN_TYPE_STR;
}

void tn_mutator_bury(struct tn_mutator *mu, struct tn_object *dead)
{
    bool is_unseen = !mu->defers || !tn_is_published(dead);
    /* Pairs with the release in tn_weakref_unregister(): who has just taken the
     * bit away has ended looking at the object. */
    uint8_t bits = atomic_load_explicit(&dead->bits, memory_order_acquire);

    count_out(mu, dead);
    atomic_store_explicit(&dead->local, 0, memory_order_relaxed);
    atomic_store_explicit(&dead->owner, TN_OWNER_NOBODY, memory_order_relaxed);
    if (TN_UNLIKELY((bits & TN_BIT_WEAK) != 0) && dead->type != TN_TYPE_STR)
        (void)tn_weakrefs_clear(mu, dead);
    if (tn_type_of(dead)->clear == NULL && !is_interned(dead, bits)) { /* holds nothing */
        TN_DEBUG_ASSERT((bits & TN_BIT_FINALIZER) == 0);
        retire(mu, dead, is_unseen);
        return;
    }
    tn_event_finalize(mu, dead);
    if (tn_heap_is_container(mu->heap, dead->type) &&
        atomic_load_explicit(&mu->n_young, memory_order_relaxed) > 0)
        tn_count_add(&mu->n_young, -1);
    if (is_unseen)
        atomic_fetch_or_explicit(&dead->bits, TN_BIT_UNSEEN, memory_order_relaxed);
    link_dead(dead, mu->dying);
    mu->dying = dead;
    tn_count_add(&mu->n_dying, 1);
}

/* Marking ends when no mutator is half way through emptying what was gray: it shades
 * what it drops, and has not dropped all of it yet. Only the bearer writes the number; the
 * collector asks for it after the bearer has answered it. */
static void gray_begun(struct tn_mutator *mu, struct tn_object *o)
{
    atomic_fetch_or_explicit(&o->bits, TN_BIT_WAS_GRAY, memory_order_relaxed);
    tn_count_add(&mu->n_half_emptied, 1);
}

static void gray_ended(struct tn_mutator *mu, const struct tn_object *o)
{
    if (TN_UNLIKELY((atomic_load_explicit(&o->bits, memory_order_relaxed) & TN_BIT_WAS_GRAY) != 0))
        tn_count_add(&mu->n_half_emptied, -1);
}

static void destroy_dying(struct tn_mutator *mu, size_t budget)
{
    while (mu->dying != NULL && budget > 0) {
        struct tn_object *o = mu->dying;
        const struct tn_type *type = tn_type_of(o);
        uint8_t bits = atomic_load_explicit(&o->bits, memory_order_relaxed);
        bool is_unseen = (bits & TN_BIT_UNSEEN) != 0;
        struct tn_object *rest = next_dead(o);
        enum tn_color color;
        bool is_empty;

        budget--;
        /* What clear() buries goes on top of the rest; `o` itself is off the
         * list, or on it again if it has more to drop. */
        mu->dying = rest;
        if (is_interned(o, bits))
            tn_interned_forget(mu, o);
        color = tn_mark_emptying(mu, o);
        if (TN_UNLIKELY(color == TN_GRAY))
            gray_begun(mu, o);
        mu->drops_white = color == TN_WHITE;
        mu->frees_at_once = is_unseen;
        is_empty = type->clear == NULL || type->clear(mu, o, &budget);
        mu->frees_at_once = mu->drops_white = false;
        if (!is_empty) {
            link_dead(o, mu->dying);
            mu->dying = o;
            return; /* the budget is used up */
        }
        gray_ended(mu, o);
        tn_count_add(&mu->n_dying, -1);
        retire(mu, o, is_unseen);
    }
}

/* ---- Buffers ---- */

static int buffer_new(struct tn_mutator *mu, size_t size_bytes, bool zeroed,
                      struct tn_buffer **ret_buffer)
{
    struct tn_buffer *buffer;
    void *block;
    int r;

    TN_ASSERT(size_bytes >= sizeof(*buffer));
    if (tn_fault_strikes())
        return TN_ERR_NOMEM;
    if (size_bytes <= TN_SMALL_MAX)
        r = tn_cache_alloc(&mu->cache, TN_KIND_BUFFER, tn_size_class(size_bytes), &block);
    else
        r = tn_large_buffer_alloc(&mu->cache, size_bytes, zeroed, &block);
    if (r < 0)
        return r;
    if (zeroed && size_bytes <= TN_SMALL_MAX)
        memset(block, 0, size_bytes);
    buffer = block;
    buffer->size_bytes = size_bytes;
    tn_count_add(&mu->live_bytes, (int64_t)size_bytes);
    *ret_buffer = buffer;
    return 0;
}

int tn_buffer_new(struct tn_mutator *mu, size_t size_bytes, struct tn_buffer **ret_buffer)
{
    return buffer_new(mu, size_bytes, false, ret_buffer);
}

int tn_buffer_new_zeroed(struct tn_mutator *mu, size_t size_bytes, struct tn_buffer **ret_buffer)
{
    return buffer_new(mu, size_bytes, true, ret_buffer);
}

static void buffer_release(struct tn_mutator *mu, struct tn_buffer *buffer)
{
    if (buffer->size_bytes <= TN_SMALL_MAX)
        tn_cache_free(&mu->cache, TN_KIND_BUFFER, tn_size_class(buffer->size_bytes), buffer);
    else
        tn_large_buffer_free(&mu->cache, buffer, buffer->size_bytes);
}

void tn_buffer_free(struct tn_mutator *mu, struct tn_buffer *buffer)
{
    tn_count_add(&mu->live_bytes, -(int64_t)buffer->size_bytes);
    buffer_release(mu, buffer);
}

void tn_buffer_retire(struct tn_mutator *mu, struct tn_buffer *buffer)
{
    if (!mu->defers || mu->frees_at_once) {
        tn_buffer_free(mu, buffer);
        return;
    }
    tn_count_add(&mu->live_bytes, -(int64_t)buffer->size_bytes);
    tn_count_add(&mu->limbo.bytes, (int64_t)buffer->size_bytes);
    buffer->next = mu->limbo.open.buffers;
    mu->limbo.open.buffers = buffer;
}

/* ---- Limbo ---- */

/* Frees up to `budget` blocks of a batch that nobody can see any more. */
static void limbo_free(struct tn_mutator *mu, struct tn_limbo_batch *batch, size_t budget)
{
    for (; batch->objects != NULL && budget > 0; budget--) {
        struct tn_object *o = batch->objects;

        batch->objects = next_dead(o);
        if (batch->objects != NULL)
            TN_PREFETCH(batch->objects);
        tn_count_add(&mu->limbo.n_objs, -1);
        tn_count_add(&mu->limbo.bytes, -(int64_t)tn_type_of(o)->block_size(o));
        release_block(mu, o);
    }
    for (; batch->buffers != NULL && budget > 0; budget--) {
        struct tn_buffer *buffer = batch->buffers;

        batch->buffers = buffer->next;
        tn_count_add(&mu->limbo.bytes, -(int64_t)buffer->size_bytes);
        buffer_release(mu, buffer);
    }
    for (; batch->names != NULL && budget > 0; budget--)
        batch->names = tn_name_entry_free(mu, batch->names);
}

void tn_mutator_turn_limbo(struct tn_mutator *mu, size_t budget)
{
    struct tn_limbo *limbo = &mu->limbo;

    if (!tn_limbo_batch_is_empty(&limbo->waiting)) {
        if (!tn_grace_has_ended(&mu->heap->grace, limbo->waiting.grace))
            return;
        limbo_free(mu, &limbo->waiting, budget);
        if (!tn_limbo_batch_is_empty(&limbo->waiting))
            return;
    }
    if (tn_limbo_batch_is_empty(&limbo->open))
        return;
    limbo->waiting = limbo->open;
    limbo->open = (struct tn_limbo_batch){ 0 };
    limbo->waiting.grace = tn_grace_request(&mu->heap->grace);
}

void tn_mutator_drain_limbo(struct tn_mutator *mu)
{
    limbo_free(mu, &mu->limbo.waiting, SIZE_MAX);
    limbo_free(mu, &mu->limbo.open, SIZE_MAX);
}

bool tn_mutator_work(struct tn_mutator *mu, size_t budget)
{
    tn_mutator_merge_queued(mu);
    if (mu->dying != NULL)
        destroy_dying(mu, budget);
    if (!tn_limbo_is_empty(&mu->limbo))
        tn_mutator_turn_limbo(mu, budget);
    tn_cache_flush(&mu->cache);
    return mu->dying != NULL || (!tn_limbo_batch_is_empty(&mu->limbo.waiting) &&
                                 tn_grace_has_ended(&mu->heap->grace, mu->limbo.waiting.grace));
}
