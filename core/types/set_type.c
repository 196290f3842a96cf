/* SPDX-License-Identifier: MIT */
/* What the heap asks of sets and frozensets: hashes, comparing, sizes. None of it
 * takes a lock. */
#include "core/base/check.h"
#include "core/types/set_internal.h"
#include "core/types/types_internal.h"

static size_t set_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_table);
}

static size_t frozenset_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_frozenset);
}

/* The finalizer of MurmurHash3: every bit of the result depends on every bit of the
 * argument, so the sum of several says nothing simple about any of them. */
static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

/* Members come in any order, so what combines their hashes is a sum; they are keyed,
 * and mixed before, so that members of members do not cancel out. */
static int frozenset_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                          uint32_t *ret_hash)
{
    /* The cache is no part of the value: whoever may look may fill it. */
    struct tn_frozenset *set = (struct tn_frozenset *)(uintptr_t)o;
    uint32_t hash = atomic_load_explicit(&set->hash, memory_order_relaxed);
    uint64_t length = tn_table_length(o);
    struct tn_table_walk walk;
    struct tn_object *member;
    uint64_t n = 0;
    uint64_t sum = 0;

    if (hash != 0) {
        *ret_hash = hash;
        return 0;
    }
    if (depth == 0)
        return TN_ERR_TOO_DEEP;
    walk = tn_table_walk_from(tn_table_body_load(&set->table), 0);
    while (tn_table_walk_next(&walk, &member, NULL)) {
        int r = tn_hash_nested(heap, member, depth - 1, &hash);

        if (r < 0)
            return r;
        sum += mix(hash + UINT64_C(0x9e3779b97f4a7c15));
        n++;
    }
    /* It has died under the reader's eyes: no key that anybody still has. */
    if (n != length)
        return TN_ERR_UNHASHABLE;
    hash = tn_hash_to_cache((uint32_t)(mix(sum + n) >> 32));
    atomic_store_explicit(&set->hash, hash, memory_order_relaxed);
    *ret_hash = hash;
    return 0;
}

/* Two different hashes that are known say it at once. */
static bool hashes_differ(const struct tn_object *a, const struct tn_object *b)
{
    const struct tn_frozenset *x = (const struct tn_frozenset *)(const void *)a;
    const struct tn_frozenset *y = (const struct tn_frozenset *)(const void *)b;
    uint32_t hash_a;
    uint32_t hash_b;

    if (a->type != TN_TYPE_FROZENSET || b->type != TN_TYPE_FROZENSET)
        return false;
    hash_a = atomic_load_explicit(&x->hash, memory_order_relaxed);
    hash_b = atomic_load_explicit(&y->hash, memory_order_relaxed);
    return hash_a != 0 && hash_b != 0 && hash_a != hash_b;
}

/* Whether a set has a member: 1, 0 or an error. */
static int has_member(const struct tn_object *set, const struct tn_object *member,
                      struct tn_compare *limits)
{
    struct tn_table_found found;
    uint32_t hash;

    if (tn_hash(limits->heap, member, &hash) < 0)
        return 0; /* a tuple that has been removed and dies as we look at it */
    return tn_table_find_key(tn_table_body_load(tn_table_const(set)), member, hash, limits, &found);
}

/* Walks the second one: if it is a probe (probe.h), it is slow to search. */
static int set_equal(const struct tn_object *a, const struct tn_object *b,
                     struct tn_compare *limits)
{
    struct tn_table_walk walk;
    struct tn_object *member;
    int r = 1;

    if (!tn_is_set(b) || tn_table_length(a) != tn_table_length(b) || hashes_differ(a, b))
        return 0;
    if (limits->depth_left == 0)
        return TN_ERR_TOO_DEEP;
    limits->depth_left--;
    walk = tn_table_walk_from(tn_table_body_load(tn_table_const(b)), 0);
    while (r == 1 && tn_table_walk_next(&walk, &member, NULL))
        r = has_member(a, member, limits);
    limits->depth_left++;
    return r;
}

const struct tn_type tn_type_set = {
    .name = "set",
    .id = TN_TYPE_SET,
    .is_container = true,
    .is_mutable = true,
    .traverse = tn_table_traverse,
    .clear = tn_table_clear,
    .block_size = set_block_size,
    .extra_size = tn_table_extra_size,
    .length = tn_table_length,
    .equal = set_equal,
};

const struct tn_type tn_type_frozenset = {
    .name = "frozenset",
    .id = TN_TYPE_FROZENSET,
    .is_container = true,
    .traverse = tn_table_traverse,
    .clear = tn_table_clear,
    .block_size = frozenset_block_size,
    .extra_size = tn_table_extra_size,
    .length = tn_table_length,
    .hash = frozenset_hash,
    .equal = set_equal,
};
