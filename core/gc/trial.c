/* SPDX-License-Identifier: MIT */
/*
 * Trial deletion: garbage is what is referred to from garbage only.
 *
 * For every container of the set, its count is copied into a table beside its pool;
 * what the set's own members refer to is taken off again. Where something is left,
 * there is a reference from outside of the set: a root, an older object, a local
 * variable. What these lead to within the set is reachable; the rest is not.
 * (T. Christopher, 1984; CPython's collector.)
 *
 * Roots need not be known for this, but counts and references must stand still. So
 * the caller has stopped all mutators that can know what is in the set; or the set
 * is what only the calling mutator can know, which is in no state but private.
 *
 * An entry of the table:
 *
 *   entry           meaning
 *   0               not in the set
 *   count << 2 | 1  in the set; so many references have not been explained yet
 *   next | 2        reachable; what it refers to has not been looked at: on a stack,
 *                   linked through the entries
 *   3               reachable
 */
#include "core/base/check.h"
#include "core/base/err.h"
#include "core/gc/gc_internal.h"
#include "core/memory/backing.h"
#include "core/memory/large.h"
#include "core/object/type.h"

#define ENTRY_MASK UINT64_C(3)
#define ENTRY_COUNTED UINT64_C(1)
#define ENTRY_STACKED UINT64_C(2)
#define ENTRY_REACHED UINT64_C(3)
#define ENTRY_ONE UINT64_C(4)

/* The entry of an object, or NULL if it cannot be in the set. */
static uint64_t *entry_of(const struct tn_heap *heap, const struct tn_object *o)
{
    struct tn_pool *pool;

    if (!tn_heap_tracks(heap, o))
        return NULL;
    if ((atomic_load_explicit(&o->bits, memory_order_relaxed) & TN_BIT_LARGE) != 0)
        return &tn_large_of(o)->trial;
    pool = tn_pool_of(o);
    /* Pools of mutators that are at work have none. */
    return pool->trial == NULL ? NULL : &pool->trial[tn_pool_index(pool, o)];
}

/* ---- Going through the set ---- */

typedef void (*each_fn)(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_object *o,
                        uint64_t *entry);

static bool is_old(const struct tn_gc_trial *trial)
{
    return trial->generation == TN_GC_OLDEST;
}

static struct tn_pool *first_pool(const struct tn_gc_trial *trial, const struct tn_mutator *mu)
{
    return is_old(trial) ? mu->cache.containers : mu->cache.young;
}

static struct tn_pool *next_pool(const struct tn_gc_trial *trial, const struct tn_pool *pool)
{
    return is_old(trial) ? pool->next_owned : pool->next_young;
}

/* The blocks of a word that a collection of this generation is about. */
static uint64_t candidates(const struct tn_gc_trial *trial, const struct tn_pool *pool,
                           uint32_t word)
{
    uint32_t n = pool->n_carved - word * 64;
    uint64_t bits = n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    uint64_t young = atomic_load_explicit(&pool->maps[TN_MAP_YOUNG][word], memory_order_relaxed);
    uint64_t middle = atomic_load_explicit(&pool->maps[TN_MAP_MIDDLE][word], memory_order_relaxed);

    if (is_old(trial))
        return bits;
    return bits & (trial->generation == 0 ? young : young | middle);
}

static void each_of_pool(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_pool *pool,
                         each_fn fn)
{
    for (uint32_t word = 0; word * 64 < pool->n_carved; word++) {
        for (uint64_t left = candidates(trial, pool, word); left != 0; left &= left - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(left);
            struct tn_object *o = tn_pool_block(pool, i);

            if (o->type != TN_TYPE_FREE)
                fn(trial, mu, o, &pool->trial[i]);
        }
    }
}

/* Large containers are old from birth. */
static void each_large(struct tn_gc_trial *trial, struct tn_mutator *mu, each_fn fn)
{
    for (struct tn_large *large = mu->cache.large; large != NULL; large = large->next) {
        if (large->is_container)
            fn(trial, mu, (struct tn_object *)(void *)(large + 1), &large->trial);
    }
}

static void each(struct tn_gc_trial *trial, each_fn fn)
{
    for (uint32_t i = 0; i < trial->n_mutators; i++) {
        struct tn_mutator *mu = trial->mutators[i];
        struct tn_pool *next;

        for (struct tn_pool *pool = first_pool(trial, mu); pool != NULL; pool = next) {
            next = next_pool(trial, pool);
            each_of_pool(trial, mu, pool, fn);
        }
        if (is_old(trial))
            each_large(trial, mu, fn);
    }
}

/* ---- The four rounds ---- */

/* Copies the count of an object of the set. */
static void count(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_object *o,
                  uint64_t *entry)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_acquire);
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed);
    int64_t n;

    *entry = 0;
    if (local == TN_LOCAL_IMMORTAL || (trial->is_private && shared != TN_STATE_PRIVATE))
        return;
    n = (shared >> 2) + (tn_is_owner(mu, o) ? (int64_t)local : 0);
    if (n <= 0)
        return; /* dead */
    *entry = (uint64_t)n << 2 | ENTRY_COUNTED;
    trial->n_examined++;
}

/* A tn_visit_fn: takes off a reference from within. */
static int take_off(struct tn_object *child, void *arg)
{
    const struct tn_heap *heap = arg;
    uint64_t *entry = entry_of(heap, child);

    if (entry != NULL && (*entry & ENTRY_MASK) == ENTRY_COUNTED && *entry >= ENTRY_ONE)
        *entry -= ENTRY_ONE;
    return 0;
}

static void explain(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_object *o,
                    uint64_t *entry)
{
    (void)trial;
    if (*entry != 0)
        (void)tn_type_of(o)->traverse(o, take_off, mu->heap); /* never fails */
}

struct reach {
    const struct tn_heap *heap;
    struct tn_object *stack;
};

/* A tn_visit_fn: what a reachable object refers to is reachable. */
static int reach_child(struct tn_object *child, void *arg)
{
    struct reach *reach = arg;
    uint64_t *entry = entry_of(reach->heap, child);

    if (entry == NULL || (*entry & ENTRY_MASK) != ENTRY_COUNTED)
        return 0;
    *entry = (uint64_t)(uintptr_t)reach->stack | ENTRY_STACKED;
    reach->stack = child;
    return 0;
}

static void reach_from(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_object *o,
                       uint64_t *entry)
{
    struct reach reach = { .heap = mu->heap };

    (void)trial;
    if ((*entry & ENTRY_MASK) != ENTRY_COUNTED || *entry < ENTRY_ONE)
        return;
    (void)reach_child(o, &reach);
    while (reach.stack != NULL) {
        struct tn_object *reached = reach.stack;

        entry = entry_of(mu->heap, reached);
        TN_ASSERT(entry != NULL);
        reach.stack = (struct tn_object *)(uintptr_t)(*entry & ~ENTRY_MASK);
        *entry = ENTRY_REACHED;
        (void)tn_type_of(reached)->traverse(reached, reach_child, &reach);
    }
}

static void condemn(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_object *o,
                    uint64_t *entry)
{
    if ((*entry & ENTRY_MASK) == ENTRY_COUNTED && tn_gc_condemn(mu, o))
        trial->n_garbage++;
    *entry = 0;
}

/* ---- Tables ---- */

static size_t table_bytes(const struct tn_pool *pool)
{
    return pool->n_blocks * sizeof(uint64_t);
}

static void free_tables(struct tn_gc_trial *trial)
{
    for (uint32_t i = 0; i < trial->n_mutators; i++) {
        struct tn_pool *pool = first_pool(trial, trial->mutators[i]);

        for (; pool != NULL; pool = next_pool(trial, pool)) {
            if (pool->trial != NULL)
                tn_backing_free(pool->trial, table_bytes(pool), _Alignof(uint64_t));
            pool->trial = NULL;
        }
    }
}

static int make_tables(struct tn_gc_trial *trial)
{
    for (uint32_t i = 0; i < trial->n_mutators; i++) {
        struct tn_pool *pool = first_pool(trial, trial->mutators[i]);

        for (; pool != NULL; pool = next_pool(trial, pool)) {
            pool->trial = tn_backing_alloc(table_bytes(pool), _Alignof(uint64_t), true);
            if (pool->trial == NULL) {
                free_tables(trial);
                return TN_ERR_NOMEM;
            }
        }
    }
    return 0;
}

/* ---- Growing older ---- */

static void age_pool(const struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_pool *pool)
{
    bool is_any = false;

    for (uint32_t word = 0; word < TN_POOL_MAP_WORDS; word++) {
        uint64_t young =
            atomic_load_explicit(&pool->maps[TN_MAP_YOUNG][word], memory_order_relaxed);
        uint64_t middle =
            atomic_load_explicit(&pool->maps[TN_MAP_MIDDLE][word], memory_order_relaxed);

        middle = trial->generation == 0 ? middle | young : 0;
        is_any |= middle != 0;
        atomic_store_explicit(&pool->maps[TN_MAP_MIDDLE][word], middle, memory_order_relaxed);
        atomic_store_explicit(&pool->maps[TN_MAP_YOUNG][word], 0, memory_order_relaxed);
    }
    if (!is_any)
        tn_cache_forget_young(&mu->cache, pool);
}

/* What has been looked at, and what is left of it, is of the next generation. */
static void age(const struct tn_gc_trial *trial)
{
    for (uint32_t i = 0; i < trial->n_mutators; i++) {
        struct tn_mutator *mu = trial->mutators[i];
        struct tn_pool *next;

        for (struct tn_pool *pool = mu->cache.young; pool != NULL; pool = next) {
            next = pool->next_young;
            age_pool(trial, mu, pool);
        }
        atomic_store_explicit(&mu->n_young, 0, memory_order_relaxed);
    }
}

int tn_gc_try(struct tn_gc_trial *trial)
{
    int r = make_tables(trial);

    if (r < 0)
        return r;
    trial->n_examined = 0;
    trial->n_garbage = 0;
    each(trial, count);
    each(trial, explain);
    each(trial, reach_from);
    each(trial, condemn);
    free_tables(trial);
    age(trial);
    return 0;
}
