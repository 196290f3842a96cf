/* SPDX-License-Identifier: MIT */
/*
 * Names that go by themselves: weak ones, soft ones, and those with a time to live.
 *
 * Their entries are linked in a ring for each shard, so that looking after them
 * costs nothing for the others. Two hands go round it: the sweep's takes out what
 * is over; the clock's takes out soft names when memory is short (second chance:
 * F. J. Corbató, A Paging Experiment with the Multics System, 1968). New entries
 * come in behind the clock's hand, so they are the last that it comes to.
 *
 * A lookup of a soft name writes only if its used bit is not set yet. So names
 * that are read all the time are written to once in each round of the clock.
 */
#include "core/base/check.h"
#include "core/object/heap_internal.h"
#include "core/object/names.h"
#include "core/object/names_internal.h"
#include "core/object/slot.h"
#include "core/object/type.h"

/* Names taken out, and names looked at, while the lock is held. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define BATCH_TAKEN ((size_t)2)
#define BATCH_LOOKS ((size_t)4)
#else
#define BATCH_TAKEN ((size_t)16)
#define BATCH_LOOKS ((size_t)64)
#endif

/* A visit of the sweep to a shard looks at this part of its ring, at least at a batch. */
#define SWEEP_PART ((size_t)16)

/* ---- Time and state ---- */

void tn_heap_set_time(struct tn_heap *heap, uint64_t now_ms)
{
    uint64_t before = atomic_load_explicit(&heap->now_ms, memory_order_relaxed);

    /* Relaxed: it is only a number. Several threads tell it, none turns it back. */
    while (before < now_ms &&
           !atomic_compare_exchange_weak_explicit(&heap->now_ms, &before, now_ms,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

static uint64_t heap_now(const struct tn_heap *heap)
{
    return atomic_load_explicit(&heap->now_ms, memory_order_relaxed);
}

uint64_t tn_name_state_new(const struct tn_heap *heap, const struct tn_name_how *how)
{
    uint64_t state = how->kind == TN_NAME_SOFT ? TN_NAME_SOFT_BIT : 0;

    if (how->ttl_ms != 0)
        state |= (heap_now(heap) + how->ttl_ms) << TN_NAME_EXPIRY_SHIFT;
    return state;
}

static void count_extras(struct tn_name_shard *shard, int64_t n_extras, int64_t n_soft)
{
    /* Relaxed: only a hint for those who do not hold the lock. */
    uint64_t extras = atomic_load_explicit(&shard->n_extras, memory_order_relaxed);
    uint64_t soft = atomic_load_explicit(&shard->n_soft, memory_order_relaxed);

    atomic_store_explicit(&shard->n_extras, extras + (uint64_t)n_extras, memory_order_relaxed);
    atomic_store_explicit(&shard->n_soft, soft + (uint64_t)n_soft, memory_order_relaxed);
}

static int64_t is_soft(uint64_t state)
{
    return (state & TN_NAME_SOFT_BIT) != 0;
}

void tn_name_state_store(struct tn_name_shard *shard, struct tn_name_entry *entry, uint64_t state)
{
    count_extras(shard, 0, is_soft(state) - is_soft(tn_name_state_load(entry)));
    /* Pairs with the acquire in tn_name_state_load(). */
    atomic_store_explicit(&tn_name_extra_of(entry)->state, state, memory_order_release);
}

void tn_name_state_read(const struct tn_heap *heap, const struct tn_name_entry *entry,
                        uint64_t state, struct tn_name_info *ret_info)
{
    uint64_t expiry = state >> TN_NAME_EXPIRY_SHIFT;
    uint64_t now = heap_now(heap);

    ret_info->kind = tn_name_is_weak(entry) ? TN_NAME_WEAK
                     : is_soft(state)       ? TN_NAME_SOFT
                                            : TN_NAME_STRONG;
    ret_info->ttl_ms = 0;
    if (expiry != 0) /* which may have passed since it was found not to have */
        ret_info->ttl_ms = expiry > now ? expiry - now : 1;
}

static bool is_expired(const struct tn_heap *heap, uint64_t state)
{
    uint64_t expiry = state >> TN_NAME_EXPIRY_SHIFT;

    return expiry != 0 && expiry <= heap_now(heap);
}

struct tn_object *tn_name_extra_resolve(struct tn_mutator *mu, const struct tn_name_entry *entry,
                                        struct tn_object *value, uint64_t state)
{
    if (is_expired(mu->heap, state))
        return NULL;
    if (!tn_name_is_weak(entry))
        return value;
    value = tn_weakref_peek(mu, value);
    /* One that is dying has no reference left: that it is about to be cleared is
     * nothing to wait for. */
    return value != NULL && !tn_is_dead(value) ? value : NULL;
}

void tn_name_extra_use(struct tn_name_entry *entry, uint64_t state)
{
    /* Relaxed: if it is lost to somebody who binds the name, that is use enough. */
    if ((state & (TN_NAME_SOFT_BIT | TN_NAME_USED_BIT)) == TN_NAME_SOFT_BIT)
        atomic_fetch_or_explicit(&tn_name_extra_of(entry)->state, TN_NAME_USED_BIT,
                                 memory_order_relaxed);
}

/* ---- The ring ---- */

void tn_name_ring_add(struct tn_name_shard *shard, struct tn_name_entry *entry)
{
    struct tn_name_extra *extra = tn_name_extra_of(entry);
    struct tn_name_entry *next = shard->clock_hand;

    if (next == NULL) {
        extra->next = extra->prev = entry;
        shard->clock_hand = shard->sweep_hand = entry;
    } else {
        extra->next = next;
        extra->prev = tn_name_extra_of(next)->prev;
        tn_name_extra_of(extra->prev)->next = entry;
        tn_name_extra_of(next)->prev = entry;
    }
    count_extras(shard, 1, is_soft(tn_name_state_load(entry)));
}

static struct tn_name_entry *ring_next(struct tn_name_entry *entry)
{
    return tn_name_extra_of(entry)->next;
}

void tn_name_ring_remove(struct tn_name_shard *shard, struct tn_name_entry *entry)
{
    struct tn_name_extra *extra = tn_name_extra_of(entry);
    struct tn_name_entry *next = extra->next == entry ? NULL : extra->next;

    tn_name_extra_of(extra->next)->prev = extra->prev;
    tn_name_extra_of(extra->prev)->next = extra->next;
    if (shard->clock_hand == entry)
        shard->clock_hand = next;
    if (shard->sweep_hand == entry)
        shard->sweep_hand = next;
    count_extras(shard, -1, -is_soft(tn_name_state_load(entry)));
}

/* ---- Taking names out ---- */

/* What was taken out under the lock, to be let go of without it. */
struct taken {
    size_t n;
    struct tn_name_entry *entries[BATCH_TAKEN];
    struct tn_object *values[BATCH_TAKEN];
};

static void take_locked(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_name_shard *shard,
                        struct tn_name_entry *entry, struct taken *taken)
{
    taken->entries[taken->n] = entry;
    taken->values[taken->n] = tn_name_remove_locked(mu, ns, shard, entry);
    taken->n++;
}

static void let_go(struct tn_mutator *mu, struct tn_namespace *ns, struct taken *taken)
{
    for (size_t i = 0; i < taken->n; i++) {
        tn_name_tell_expired(mu, ns, taken->entries[i]);
        tn_name_entry_retire(mu, taken->entries[i]);
        tn_drop(mu, &taken->values[i]);
    }
}

static bool is_over(const struct tn_heap *heap, const struct tn_name_entry *entry)
{
    return is_expired(heap, tn_name_state_load(entry)) ||
           (tn_name_is_weak(entry) && tn_weakref_is_dead(tn_slot_load(&entry->value)));
}

/* ---- The sweep ---- */

/* One batch of a shard. Returns how many it has looked at; adds those removed. */
static size_t sweep_batch(struct tn_mutator *mu, struct tn_namespace *ns,
                          struct tn_name_shard *shard, size_t n_max, size_t *n_removed)
{
    struct taken taken = { .n = 0 };
    size_t n = 0;

    tn_name_shard_lock(mu, shard);
    for (; n < n_max && shard->sweep_hand != NULL && taken.n < BATCH_TAKEN; n++) {
        struct tn_name_entry *entry = shard->sweep_hand;

        shard->sweep_hand = ring_next(entry);
        if (is_over(mu->heap, entry))
            take_locked(mu, ns, shard, entry, &taken);
    }
    tn_name_shard_unlock(mu, shard);
    for (size_t i = 0; i < taken.n; i++)
        tn_name_count_gone(mu);
    let_go(mu, ns, &taken);
    *n_removed += taken.n;
    return n;
}

/* A part of a shard's ring, and on as long as a quarter of what it sees is over.
 * Returns how many names it has looked at. */
static size_t sweep_shard(struct tn_mutator *mu, struct tn_namespace *ns,
                          struct tn_name_shard *shard, size_t budget, size_t *n_removed)
{
    size_t n_extras = (size_t)atomic_load_explicit(&shard->n_extras, memory_order_relaxed);
    size_t part = n_extras / SWEEP_PART > BATCH_LOOKS ? n_extras / SWEEP_PART : BATCH_LOOKS;
    size_t n_looks = 0;

    if (n_extras == 0)
        return 0;
    while (n_looks < budget && n_looks < n_extras) {
        size_t before = *n_removed;
        size_t n = budget - n_looks < BATCH_LOOKS ? budget - n_looks : BATCH_LOOKS;

        n = sweep_batch(mu, ns, shard, n, n_removed);
        n_looks += n;
        if (n == 0 || (n_looks >= part && (*n_removed - before) * 4 < n))
            break;
    }
    return n_looks;
}

size_t tn_names_sweep(struct tn_mutator *mu, size_t budget)
{
    struct tn_namespaces *namespaces = &mu->heap->namespaces;
    size_t n_removed = 0;
    size_t n_shards = 0;

    /* Pairs with the release below: the place where to go on is seen. */
    if (atomic_exchange_explicit(&namespaces->is_being_swept, true, memory_order_acquire))
        return 0;
    for (size_t n_looks = 0; n_looks < budget && n_shards < budget; n_shards++) {
        /* Pairs with the release in namespaces_add_locked(). */
        struct tn_namespace *newest =
            atomic_load_explicit(&namespaces->newest, memory_order_acquire);
        struct tn_namespace *ns = namespaces->swept != NULL ? namespaces->swept : newest;
        size_t shard = namespaces->swept_shard;

        if (ns == NULL)
            break;
        n_looks += sweep_shard(mu, ns, &ns->shards[shard], budget - n_looks, &n_removed);
        namespaces->swept_shard = (shard + 1) % TN_NAME_SHARDS;
        namespaces->swept = namespaces->swept_shard == 0 ? ns->next : ns;
        if (namespaces->swept == NULL && namespaces->swept_shard == 0)
            break; /* once round, at most */
    }
    atomic_store_explicit(&namespaces->is_being_swept, false, memory_order_release);
    return n_removed;
}

/* ---- Dropping soft names ---- */

struct drop {
    size_t n_dropped;
    size_t n_bytes; /* that they and their objects take, more or less */
    bool is_any;    /* there are soft names still */
};

/* What an object takes by itself. */
static size_t object_bytes(const struct tn_object *o)
{
    const struct tn_type *type = tn_type_of(o);

    if (tn_is_immortal(o))
        return 0;
    return type->block_size(o) + (type->extra_size == NULL ? 0 : type->extra_size(o));
}

/* Moves the clock's hand of one shard on, once round at most: the other shards'
 * turn comes before those get theirs that are spared now. With `spares`, names that
 * were used get another chance. */
static void drop_batch(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_name_shard *shard,
                       bool spares, struct drop *drop)
{
    struct taken taken = { .n = 0 };
    size_t n_looks;

    tn_name_shard_lock(mu, shard);
    n_looks = (size_t)atomic_load_explicit(&shard->n_extras, memory_order_relaxed);
    if (n_looks > BATCH_LOOKS)
        n_looks = BATCH_LOOKS;
    for (size_t n = 0; n < n_looks && taken.n < BATCH_TAKEN; n++) {
        struct tn_name_entry *entry = shard->clock_hand;
        uint64_t state = tn_name_state_load(entry);

        shard->clock_hand = ring_next(entry);
        if (!is_soft(state))
            continue;
        if (spares && (state & TN_NAME_USED_BIT) != 0) {
            atomic_fetch_and_explicit(&tn_name_extra_of(entry)->state, ~TN_NAME_USED_BIT,
                                      memory_order_relaxed);
            continue;
        }
        drop->n_bytes += tn_name_entry_bytes(entry) + object_bytes(tn_slot_load(&entry->value));
        take_locked(mu, ns, shard, entry, &taken);
    }
    drop->is_any |= atomic_load_explicit(&shard->n_soft, memory_order_relaxed) > 0;
    tn_name_shard_unlock(mu, shard);
    tn_count_add_unsigned(&mu->n_names_dropped, taken.n);
    drop->n_dropped += taken.n;
    let_go(mu, ns, &taken);
}

/* A batch of every shard of a namespace that has soft names, from a shard on. */
static void drop_in_namespace(struct tn_mutator *mu, struct tn_namespace *ns, uint32_t first,
                              bool spares, size_t bytes, struct drop *drop)
{
    for (uint32_t i = 0; i < TN_NAME_SHARDS && drop->n_bytes < bytes; i++) {
        struct tn_name_shard *shard = &ns->shards[(first + i) % TN_NAME_SHARDS];

        if (atomic_load_explicit(&shard->n_soft, memory_order_relaxed) > 0)
            drop_batch(mu, ns, shard, spares, drop);
    }
}

static uint64_t count_looks(struct tn_namespace *ns)
{
    uint64_t n_looks = 0;

    for (; ns != NULL; ns = ns->next)
        for (size_t i = 0; i < TN_NAME_SHARDS; i++)
            if (atomic_load_explicit(&ns->shards[i].n_soft, memory_order_relaxed) > 0)
                n_looks += atomic_load_explicit(&ns->shards[i].n_extras, memory_order_relaxed);
    return n_looks;
}

size_t tn_names_drop_soft(struct tn_mutator *mu, size_t bytes)
{
    struct tn_namespaces *namespaces = &mu->heap->namespaces;
    /* Pairs with the release in namespaces_add_locked(). */
    struct tn_namespace *newest = atomic_load_explicit(&namespaces->newest, memory_order_acquire);
    uint32_t first = atomic_fetch_add_explicit(&namespaces->drop_shard, 1, memory_order_relaxed);
    /* Twice round all rings, and nobody has a chance left, however busy readers are. */
    uint64_t n_rounds = 1 + 2 * count_looks(newest) / BATCH_LOOKS;
    struct drop drop = { .is_any = true };

    for (uint64_t round = 0; drop.is_any && drop.n_bytes < bytes; round++) {
        drop.is_any = false;
        for (struct tn_namespace *ns = newest; ns != NULL; ns = ns->next)
            drop_in_namespace(mu, ns, first, round < n_rounds, bytes, &drop);
    }
    return drop.n_dropped;
}
