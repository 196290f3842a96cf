/* SPDX-License-Identifier: MIT */
/*
 * The table of weakrefs. tests/model/weakref.pml is the protocol between a
 * reader, the last drop and the reuse of the memory, checked exhaustively.
 *
 * Why a reader is safe: what it loads from `target` was registered, so the store
 * of NULL comes later, and the object is retired after that. Its block is not
 * reused before the reader's section ends. Whether the object is still alive is
 * what tn_tryref() says, which never revives. Objects that are freed without a
 * grace period (private ones, and all in mode gil) have no readers: a weakref
 * publishes its object, and in mode gil who reads has the lock.
 *
 * Under a shard's lock nothing is freed at once, also while an object that nobody
 * ever saw is emptied: to free another mutator's block may mean to work for that
 * one, who may have objects with weakrefs to bury.
 */
#include "core/object/weakref.h"

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/object/heap_internal.h"
#include "core/object/mark.h"
#include "core/object/type.h"
#include "core/object/weakref_internal.h"

static struct tn_weakref *weakref_of(struct tn_object *o)
{
    TN_DEBUG_ASSERT(o->type == TN_TYPE_WEAKREF);
    return (struct tn_weakref *)(void *)o;
}

static struct tn_weakref *weakref_at(uint64_t payload)
{
    return (struct tn_weakref *)(uintptr_t)payload;
}

static uint64_t payload_of(const struct tn_weakref *weakref)
{
    return (uint64_t)(uintptr_t)weakref;
}

/* For the holder of the lock. */
static struct tn_object *target_locked(const struct tn_weakref *weakref)
{
    return atomic_load_explicit(&weakref->target, memory_order_relaxed);
}

/* Pairs with the acquire in tn_weakref_peek(). */
static void target_store(struct tn_weakref *weakref, struct tn_object *target)
{
    atomic_store_explicit(&weakref->target, target, memory_order_release);
}

/* ---- Shards ---- */

static uint64_t target_hash(const struct tn_heap *heap, const struct tn_object *target)
{
    return tn_siphash_u64(&heap->hash_key, (uintptr_t)target);
}

static struct tn_weakref_shard *shard_of(struct tn_mutator *mu, uint64_t hash)
{
    return &mu->heap->weakrefs.shards[hash >> (64 - TN_WEAKREF_SHARD_BITS)];
}

/* The hash within a shard's index, as for names. */
static uint64_t index_hash(uint64_t hash)
{
    return hash << TN_WEAKREF_SHARD_BITS;
}

/* A tn_flat_hash_fn; `arg` is the heap. */
static void payload_hashes(const uint64_t *payloads, size_t n, uint64_t *ret_hashes,
                           const void *arg)
{
    const struct tn_heap *heap = arg;

    for (size_t i = 0; i < n; i++)
        ret_hashes[i] = index_hash(target_hash(heap, target_locked(weakref_at(payloads[i]))));
}

/* A tn_flat_match_fn. */
TN_ALWAYS_INLINE bool payload_match(uint64_t payload, const void *arg)
{
    return target_locked(weakref_at(payload)) == arg;
}

/* The weakref of an object, NULL if it has none. It may be dying. */
static struct tn_weakref *find_locked(const struct tn_weakref_shard *shard, uint64_t hash,
                                      const struct tn_object *target)
{
    uint64_t payload;

    if (!tn_flat_find(&shard->index, index_hash(hash), payload_match, target, &payload))
        return NULL;
    return weakref_at(payload);
}

/* Returns whether memory was being freed at once, for shard_unlock(). */
TN_NO_TSA static bool shard_lock(struct tn_mutator *mu, struct tn_weakref_shard *shard)
{
    bool frees_at_once = mu->frees_at_once;

    if (mu->publishes)
        tn_mutex_lock(&shard->lock);
    mu->frees_at_once = false;
    return frees_at_once;
}

TN_NO_TSA static void shard_unlock(struct tn_mutator *mu, struct tn_weakref_shard *shard,
                                   bool frees_at_once)
{
    mu->frees_at_once = frees_at_once;
    if (mu->publishes)
        tn_mutex_unlock(&shard->lock);
}

static void remove_locked(struct tn_mutator *mu, struct tn_weakref_shard *shard, uint64_t hash,
                          struct tn_weakref *weakref)
{
    struct tn_object *target = target_locked(weakref);

    tn_flat_remove(mu, &shard->index, index_hash(hash), payload_of(weakref), payload_hashes,
                   mu->heap);
    tn_flat_trim(mu, &shard->index);
    target_store(weakref, NULL);
    /* Pairs with the acquire in tn_mutator_bury(): the last look at the object. */
    atomic_fetch_and_explicit(&target->bits, (uint8_t)~TN_BIT_WEAK, memory_order_release);
}

void tn_weakrefs_init(struct tn_weakrefs *weakrefs)
{
    for (uint32_t i = 0; i < TN_WEAKREF_SHARDS; i++) {
        weakrefs->shards[i].index.stagger = i % TN_FLAT_STAGGERS;
        tn_mutex_init(&weakrefs->shards[i].lock, TN_RANK_WEAKREFS);
    }
}

void tn_weakrefs_fini(struct tn_weakrefs *weakrefs)
{
    for (size_t i = 0; i < TN_WEAKREF_SHARDS; i++) {
        TN_ASSERT(weakrefs->shards[i].index.n_entries == 0);
        tn_mutex_fini(&weakrefs->shards[i].lock);
    }
}

/* ---- Making ---- */

/* A weakref that refers to nothing yet, published. */
static int weakref_alloc(struct tn_mutator *mu, struct tn_weakref **ret_weakref)
{
    struct tn_object *o;
    int r = tn_object_new(mu, TN_TYPE_WEAKREF, sizeof(struct tn_weakref), &o);

    if (r < 0)
        return r;
    atomic_init(&weakref_of(o)->target, NULL);
    tn_publish(mu, o);
    *ret_weakref = weakref_of(o);
    return 0;
}

/* The weakref that an object has, with a reference; NULL if there is none, or one
 * that is dying. */
static struct tn_object *existing_locked(struct tn_mutator *mu,
                                         const struct tn_weakref_shard *shard, uint64_t hash,
                                         const struct tn_object *target)
{
    struct tn_weakref *weakref = find_locked(shard, hash, target);

    return weakref != NULL && tn_tryref(mu, &weakref->object) ? &weakref->object : NULL;
}

/* Registers a weakref for an object that has none which is alive. */
static int register_locked(struct tn_mutator *mu, struct tn_weakref_shard *shard, uint64_t hash,
                           struct tn_weakref *weakref, struct tn_object *target)
{
    struct tn_weakref *dying = find_locked(shard, hash, target);
    int r;

    target_store(weakref, target);
    if (dying != NULL) { /* it has not come to unregister itself yet, and need not any more */
        tn_flat_replace(&shard->index, index_hash(hash), payload_of(dying), payload_of(weakref));
        target_store(dying, NULL);
        return 0;
    }
    r = tn_flat_insert(mu, &shard->index, index_hash(hash), payload_of(weakref), payload_hashes,
                       mu->heap);
    if (r < 0) {
        target_store(weakref, NULL);
        return r;
    }
    /* Relaxed: the drop of the caller's reference makes it known to the last one. */
    atomic_fetch_or_explicit(&target->bits, TN_BIT_WEAK, memory_order_relaxed);
    return 0;
}

int tn_weakref_new(struct tn_mutator *mu, struct tn_object *target, struct tn_object **ret_weakref)
{
    uint64_t hash = target_hash(mu->heap, target);
    struct tn_weakref_shard *shard = shard_of(mu, hash);
    struct tn_weakref *made;
    struct tn_object *found;
    bool frees_at_once;
    int r = 0;

    if (tn_type_of(target)->has_no_weakrefs)
        return TN_ERR_TYPE;
    tn_publish(mu, target);
    frees_at_once = shard_lock(mu, shard);
    found = existing_locked(mu, shard, hash, target);
    shard_unlock(mu, shard, frees_at_once);
    if (found != NULL) {
        *ret_weakref = found;
        return 0;
    }
    r = weakref_alloc(mu, &made);
    if (r < 0)
        return r;
    frees_at_once = shard_lock(mu, shard);
    found = existing_locked(mu, shard, hash, target); /* made by somebody else meanwhile */
    if (found == NULL)
        r = register_locked(mu, shard, hash, made, target);
    shard_unlock(mu, shard, frees_at_once);
    if (r == 0 && found == NULL) {
        *ret_weakref = &made->object;
        return 0;
    }
    tn_decref(mu, &made->object);
    if (r == 0)
        *ret_weakref = found;
    return r;
}

/* ---- Reading ---- */

static struct tn_object *target_load(const struct tn_object *weakref)
{
    const struct tn_weakref *w = (const struct tn_weakref *)(const void *)weakref;

    TN_ASSERT(weakref->type == TN_TYPE_WEAKREF);
    /* Pairs with the release in target_store(): the object is seen whole. */
    return atomic_load_explicit(&w->target, memory_order_acquire);
}

struct tn_object *tn_weakref_peek(struct tn_mutator *mu, const struct tn_object *weakref)
{
    const struct tn_weakref *w = (const struct tn_weakref *)(const void *)weakref;
    struct tn_object *target = target_load(weakref);

    /* A collector may know of no other way to the object. */
    if (target == NULL || !tn_mark_weak_read(mu, target, &w->target))
        return NULL;
    return target;
}

bool tn_weakref_is_dead(const struct tn_object *weakref)
{
    const struct tn_object *target = target_load(weakref);

    return target == NULL || tn_is_dead(target);
}

struct tn_object *tn_weakref_get(struct tn_mutator *mu, const struct tn_object *weakref)
{
    struct tn_object *target = tn_weakref_peek(mu, weakref);

    return target != NULL && tn_tryref(mu, target) ? target : NULL;
}

/* ---- Death ---- */

/* A weakref has been cleared because its object is gone. Under the shard's lock,
 * so it only takes note of it. */
static void weakref_cleared(struct tn_mutator *mu, const struct tn_weakref *weakref,
                            const struct tn_object *target)
{
    tn_event_weakref_dead(mu, &weakref->object, target);
    tn_count_add_unsigned(&mu->n_weakrefs_cleared, 1);
}

size_t tn_weakrefs_clear(struct tn_mutator *mu, struct tn_object *target)
{
    uint64_t hash = target_hash(mu->heap, target);
    struct tn_weakref_shard *shard = shard_of(mu, hash);
    bool frees_at_once = shard_lock(mu, shard);
    struct tn_weakref *weakref = find_locked(shard, hash, target);
    bool is_known = false;

    if (weakref != NULL) {
        is_known = !tn_is_dead(&weakref->object);
        remove_locked(mu, shard, hash, weakref);
        if (is_known) /* else nobody is left whom it could concern */
            weakref_cleared(mu, weakref, target);
    }
    shard_unlock(mu, shard, frees_at_once);
    return is_known;
}

void tn_weakref_unregister(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_weakref *weakref = weakref_of(o);
    struct tn_object *target = target_load(o);
    struct tn_weakref_shard *shard;
    bool frees_at_once;
    uint64_t hash;

    if (target == NULL) /* it stays so */
        return;
    /* Not looked at: it may be dead and gone until the lock is ours. */
    hash = target_hash(mu->heap, target);
    shard = shard_of(mu, hash);
    frees_at_once = shard_lock(mu, shard);
    if (target_locked(weakref) != NULL)
        remove_locked(mu, shard, hash, weakref);
    shard_unlock(mu, shard, frees_at_once);
}

/* ---- Validation ---- */

/* A tn_flat_visit_fn. */
static bool entry_validate(uint64_t payload, uint64_t hash, void *arg)
{
    const struct tn_weakref *weakref = weakref_at(payload);
    const struct tn_object *target = target_locked(weakref);

    (void)hash;
    (void)arg;
    TN_ASSERT(weakref->object.type == TN_TYPE_WEAKREF && target->type != TN_TYPE_FREE);
    TN_ASSERT((atomic_load_explicit(&target->bits, memory_order_relaxed) & TN_BIT_WEAK) != 0);
    return true;
}

void tn_weakrefs_validate(struct tn_mutator *mu)
{
    for (size_t i = 0; i < TN_WEAKREF_SHARDS; i++) {
        struct tn_weakref_shard *shard = &mu->heap->weakrefs.shards[i];
        bool frees_at_once = shard_lock(mu, shard);

        tn_flat_validate(&shard->index, payload_hashes, mu->heap);
        (void)tn_flat_walk(&shard->index, 0, UINT64_MAX, payload_hashes, mu->heap, entry_validate,
                           NULL); /* never ended early */
        shard_unlock(mu, shard, frees_at_once);
    }
}
