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

/* The pools of a mutator in which there may be something of the generation. Of the
 * list of the young, those with anything new come first. */
static struct tn_pool *in_generation(const struct tn_gc_trial *trial, struct tn_pool *pool)
{
    return trial->generation == 0 && pool != NULL && !pool->has_young ? NULL : pool;
}

static struct tn_pool *first_pool(const struct tn_gc_trial *trial, const struct tn_mutator *mu)
{
    return is_old(trial) ? mu->cache.containers : in_generation(trial, mu->cache.young);
}

static struct tn_pool *next_pool(const struct tn_gc_trial *trial, const struct tn_pool *pool)
{
    return is_old(trial) ? pool->next_owned : in_generation(trial, pool->next_young);
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

/* A tn_visit_fn. What is put aside is looked at when many others have been found: by
 * then its header has been fetched, and then its entry. */
static int put_aside(struct tn_object *child, void *arg)
{
    struct tn_gc_trial *trial = arg;
    struct tn_gc_aside *aside;
    struct tn_gc_aside known;

    trial->at = (trial->at + 1) % TN_ARRAY_LEN(trial->aside);
    aside = &trial->aside[trial->at];
    known = *aside;
    TN_PREFETCH(child);
    aside->entry = known.found == NULL ? NULL : entry_of(trial->heap, known.found);
    aside->object = known.found;
    aside->found = child;
    if (aside->entry != NULL)
        TN_PREFETCH(aside->entry);
    if (known.entry != NULL)
        trial->look(trial, known.object, known.entry);
    return 0;
}

/* Looks at what has been put aside. */
static void look_at_rest(struct tn_gc_trial *trial)
{
    for (size_t i = 0; i < TN_ARRAY_LEN(trial->aside); i++) {
        struct tn_gc_aside aside = trial->aside[i];
        uint64_t *entry = aside.found == NULL ? NULL : entry_of(trial->heap, aside.found);

        trial->aside[i] = (struct tn_gc_aside){ 0 };
        if (aside.entry != NULL)
            trial->look(trial, aside.object, aside.entry);
        if (entry != NULL)
            trial->look(trial, aside.found, entry);
    }
}

/* Takes off a reference from within. */
static void take_off(struct tn_gc_trial *trial, struct tn_object *child, uint64_t *entry)
{
    (void)trial;
    (void)child;
    if ((*entry & ENTRY_MASK) == ENTRY_COUNTED && *entry >= ENTRY_ONE)
        *entry -= ENTRY_ONE;
}

static void explain(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_object *o,
                    uint64_t *entry)
{
    (void)mu;
    if (*entry != 0)
        (void)tn_type_of(o)->traverse(o, put_aside, trial); /* never fails */
}

/* What a reachable object refers to is reachable. */
static void reach(struct tn_gc_trial *trial, struct tn_object *child, uint64_t *entry)
{
    if ((*entry & ENTRY_MASK) != ENTRY_COUNTED)
        return;
    *entry = (uint64_t)(uintptr_t)trial->stack | ENTRY_STACKED;
    trial->stack = child;
}

static void reach_from(struct tn_gc_trial *trial, struct tn_mutator *mu, struct tn_object *o,
                       uint64_t *entry)
{
    if ((*entry & ENTRY_MASK) != ENTRY_COUNTED || *entry < ENTRY_ONE)
        return;
    reach(trial, o, entry);
    do {
        while (trial->stack != NULL) {
            struct tn_object *reached = trial->stack;

            entry = entry_of(mu->heap, reached);
            TN_ASSERT(entry != NULL);
            trial->stack = (struct tn_object *)(uintptr_t)(*entry & ~ENTRY_MASK);
            *entry = ENTRY_REACHED;
            (void)tn_type_of(reached)->traverse(reached, put_aside, trial);
        }
        look_at_rest(trial);
    } while (trial->stack != NULL);
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
    pool->has_young = false;
    if (!is_any)
        tn_cache_forget_young(&mu->cache, pool);
}

/* What has been looked at, and what is left of it, is of the next generation. */
static void age(const struct tn_gc_trial *trial)
{
    for (uint32_t i = 0; i < trial->n_mutators; i++) {
        struct tn_mutator *mu = trial->mutators[i];
        struct tn_pool *next;

        for (struct tn_pool *pool = in_generation(trial, mu->cache.young); pool != NULL;
             pool = next) {
            next = in_generation(trial, pool->next_young);
            age_pool(trial, mu, pool);
        }
        atomic_store_explicit(&mu->n_young, 0, memory_order_relaxed);
    }
}

int tn_gc_try(struct tn_gc_trial *trial)
{
    int r;

    trial->heap = trial->mutators[0]->heap;
    r = make_tables(trial);
    if (r < 0)
        return r;
    trial->n_examined = 0;
    trial->n_garbage = 0;
    each(trial, count);
    trial->look = take_off;
    each(trial, explain);
    look_at_rest(trial);
    trial->look = reach;
    each(trial, reach_from);
    each(trial, condemn);
    free_tables(trial);
    age(trial);
    return 0;
}
