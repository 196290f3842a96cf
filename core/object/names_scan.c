/* SPDX-License-Identifier: MIT */
/*
 * Scanning the names of a namespace, page by page, while they come and go.
 *
 * The cursor is a hash: everything below it has been visited. A page takes
 * ranges of hashes from there on, each within one shard, collects the entries of
 * a range under the shard's lock, and visits them without it.
 *
 * Exactly once: a name's hash never changes and the ranges of one scan cover
 * each hash once, however the index is rebuilt meanwhile. What is collected for
 * a range is what is in it at one moment, because changes hold the lock. So a
 * name that is bound throughout is in its range at that moment, once; and any
 * other name is in it at most once. Should the name have got another entry by the
 * time it is visited, it is looked up by its key.
 */
#include "core/base/check.h"
#include "core/object/heap_internal.h"
#include "core/object/names.h"
#include "core/object/names_internal.h"

/* Names that are collected together. Bounds the time for which the lock is held. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define RANGE_NAMES ((size_t)4)
#else
#define RANGE_NAMES ((size_t)64)
#endif

/* Names and ranges looked at in one page beyond those visited. */
#define PAGE_WORK ((size_t)1024)
#define RANGE_WORK ((size_t)4) /* what a range costs besides its names */

struct range {
    /* Hashes of names: shard and hash within. `last` is included. */
    uint64_t first;
    uint64_t last;
    size_t n;
    size_t n_max;
    struct tn_name_entry *entries[RANGE_NAMES];
};

/* A tn_flat_visit_fn. Ends the walk if the range does not fit. */
static bool range_collect(uint64_t payload, uint64_t hash, void *arg)
{
    struct range *range = arg;

    (void)hash;
    if (range->n == range->n_max)
        return false;
    range->entries[range->n++] = (struct tn_name_entry *)(uintptr_t)payload;
    return true;
}

static struct tn_name_shard *shard_at(struct tn_namespace *ns, uint64_t hash)
{
    return &ns->shards[hash >> (64 - TN_NAME_SHARD_BITS)];
}

/* The range from a hash on that will hold somewhat less than `n_wanted` names. */
static void range_begin(struct range *range, const struct tn_name_shard *shard, uint64_t first,
                        size_t n_wanted)
{
    uint64_t end_of_shard = first | UINT64_MAX >> TN_NAME_SHARD_BITS;
    /* Relaxed: only an estimate of how dense they are. */
    uint64_t n_names = atomic_load_explicit(&shard->n_names, memory_order_relaxed);
    uint64_t width = UINT64_MAX >> TN_NAME_SHARD_BITS;

    range->first = first;
    range->last = end_of_shard;
    range->n = 0;
    range->n_max = n_wanted < RANGE_NAMES ? n_wanted : RANGE_NAMES;
    if (n_names <= range->n_max)
        return;
    width = width / n_names * range->n_max / 4 * 3;
    if (width < end_of_shard - first)
        range->last = first + width;
}

/* Collects the names of a range, which becomes shorter until they fit. */
static void range_fill(const struct tn_mutator *mu, struct tn_namespace *ns, struct range *range)
{
    struct tn_name_shard *shard = shard_at(ns, range->first);

    /* Nothing that is bound throughout: it would have been counted before. */
    if (atomic_load_explicit(&shard->n_names, memory_order_relaxed) == 0)
        return;
    for (;;) {
        bool fits;

        range->n = 0;
        tn_name_shard_lock(mu, shard);
        fits = tn_flat_walk(&shard->index, range->first << TN_NAME_SHARD_BITS,
                            range->last << TN_NAME_SHARD_BITS | (TN_NAME_SHARDS - 1),
                            tn_name_entry_hashes, &ns->hash_key, range_collect, range);
        tn_name_shard_unlock(mu, shard);
        if (fits)
            return;
        /* Names of one and the same hash are visited together. For them to be too
         * many, all 64 bits of a keyed hash would have to collide, many times. */
        TN_ASSERT(range->first < range->last || range->n_max < RANGE_NAMES);
        range->last = range->first + (range->last - range->first) / 2;
        if (range->first == range->last)
            range->n_max = RANGE_NAMES;
    }
}

static size_t range_visit(struct tn_mutator *mu, struct tn_namespace *ns, const struct range *range,
                          struct tn_slice prefix, tn_name_visit_fn visit, void *arg)
{
    size_t n_visited = 0;

    for (size_t i = 0; i < range->n; i++) {
        struct tn_slice name = tn_name_entry_key(range->entries[i]);
        struct tn_object *object;
        struct tn_name_info info;

        if (!tn_slice_has_prefix(name, prefix))
            continue;
        if (tn_name_read(mu, ns, range->entries[i], &object, &info) < 0)
            continue; /* removed meanwhile, or over */
        visit(name, object, &info, arg);
        n_visited++;
    }
    return n_visited;
}

/* Collects a range, and moves the cursor behind it. */
static void range_next(const struct tn_mutator *mu, struct tn_namespace *ns, uint64_t *cursor,
                       size_t n_wanted, struct range *range)
{
    range_begin(range, shard_at(ns, *cursor), *cursor, n_wanted);
    range_fill(mu, ns, range);
    *cursor = range->last + 1; /* 0 after the last hash of all */
}

void tn_names_scan(struct tn_mutator *mu, struct tn_namespace *ns, uint64_t *cursor, size_t n_max,
                   struct tn_slice prefix, tn_name_visit_fn visit, void *arg)
{
    struct range range;
    size_t n_visited = 0;
    size_t work = 0;

    if (n_max == 0)
        n_max = 1;
    do {
        range_next(mu, ns, cursor, n_max - n_visited, &range);
        n_visited += range_visit(mu, ns, &range, prefix, visit, arg);
        work += range.n + RANGE_WORK;
    } while (*cursor != 0 && n_visited < n_max && work < n_max + PAGE_WORK);
}

void tn_names_scan_roots(struct tn_mutator *mu, struct tn_namespace *ns, uint64_t *cursor,
                         size_t n_max, tn_name_root_fn visit, void *arg)
{
    struct range range;

    for (size_t work = 0; work < n_max; work += range.n + RANGE_WORK) {
        range_next(mu, ns, cursor, n_max, &range);
        for (size_t i = 0; i < range.n; i++) {
            struct tn_object *kept = tn_name_entry_kept(range.entries[i]);

            if (kept != NULL)
                visit(kept, arg);
        }
        if (*cursor == 0)
            return;
    }
}
