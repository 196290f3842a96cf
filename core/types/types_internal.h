/* SPDX-License-Identifier: MIT */
/* What the files of core/types/ share. */
#ifndef TN_CORE_TYPES_TYPES_INTERNAL_H
#define TN_CORE_TYPES_TYPES_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/siphash.h"
#include "core/object/mutator.h"
#include "core/object/slot.h"
#include "core/object/type.h"
#include "core/types/layout.h"
#include "core/types/types.h"

/* The tables, one per type, each in the file of its family. */
extern const struct tn_type tn_type_none;
extern const struct tn_type tn_type_bool;
extern const struct tn_type tn_type_int;
extern const struct tn_type tn_type_float;
extern const struct tn_type tn_type_str;
extern const struct tn_type tn_type_bytes;
extern const struct tn_type tn_type_tuple;
extern const struct tn_type tn_type_list;
extern const struct tn_type tn_type_dict;
extern const struct tn_type tn_type_class;
extern const struct tn_type tn_type_record;

/* ---- Hashes that do not need a heap, for the immortals ---- */

uint32_t tn_int_hash(const struct tn_siphash_key *key, int64_t value);
uint32_t tn_text_hash(const struct tn_siphash_key *key, const void *content, size_t n_bytes);
/* Of the items' hashes, one after the other. */
struct tn_tuple_hash {
    uint64_t state;
};
#define TN_TUPLE_HASH_INIT                                                                         \
    {                                                                                              \
        .state = UINT64_C(0x27d4eb2f165667c5)                                                      \
    }
void tn_tuple_hash_add(struct tn_tuple_hash *h, uint32_t item_hash);
uint32_t tn_tuple_hash_end(const struct tn_tuple_hash *h, uint64_t n_items);

/* The hash of what is compared by identity: that of its address, which it keeps for
 * life. A type's `hash`. */
int tn_identity_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                     uint32_t *ret_hash);

/* The hash of an item `depth` levels above the deepest that is allowed. */
TN_MUST_CHECK int tn_hash_nested(const struct tn_heap *heap, const struct tn_object *o,
                                 unsigned int depth, uint32_t *ret_hash);

/* The hash of a key; that of most strs is known. */
TN_MUST_CHECK TN_ALWAYS_INLINE int tn_key_hash(const struct tn_heap *heap,
                                               const struct tn_object *key, uint32_t *ret_hash)
{
    if (TN_LIKELY(key->type == TN_TYPE_STR)) {
        *ret_hash = atomic_load_explicit(&tn_text_const(key)->hash, memory_order_relaxed);
        if (TN_LIKELY(*ret_hash != 0))
            return 0;
    }
    return tn_hash(heap, key, ret_hash);
}

/* The hash of what has become a key, and so has one. */
static inline uint32_t tn_key_hash_again(const struct tn_heap *heap, const struct tn_object *key)
{
    uint32_t hash;

    if (tn_key_hash(heap, key, &hash) < 0)
        TN_UNREACHABLE();
    return hash;
}

/* ---- Comparing ---- */

/* How many pairs of objects one comparison may look at: some 0.1 s. */
#define TN_COMPARE_MAX (UINT64_C(1) << 24)

static inline struct tn_compare tn_compare_limits(const struct tn_heap *heap)
{
    return (struct tn_compare){
        .heap = heap,
        .n_left = TN_COMPARE_MAX,
        .depth_left = TN_NESTING_MAX,
    };
}

/*
 * Whether two items are the same or equal: what containers ask of their items.
 * Either may be NULL, for an item that has just gone: equal to nothing. Returns
 * 1, 0 or TN_ERR_TOO_DEEP.
 */
TN_MUST_CHECK int tn_same_or_equal(const struct tn_object *a, const struct tn_object *b,
                                   struct tn_compare *limits);

/* ---- Locking and memory of mutable containers ---- */

/*
 * A private container is locked by nobody: no other thread can find it, and it
 * cannot be published meanwhile, because only its owner could do that.
 * Returns whether it was locked, for tn_container_unlock().
 */
bool tn_container_lock(struct tn_mutator *mu, struct tn_object *o);
void tn_container_unlock(struct tn_mutator *mu, struct tn_object *o, bool was_locked);

/* Publishes what is about to be stored, before the lock is taken: that may be
 * much. The slot's own check then has nothing left to do. */
static inline void tn_publish_for(struct tn_mutator *mu, const struct tn_object *container,
                                  struct tn_object *item)
{
    if (tn_is_published(container))
        tn_publish(mu, item);
}

/* Gives back a buffer that has been replaced: at once if nobody else can know
 * the container, else after a grace period. */
static inline void tn_container_release(struct tn_mutator *mu, const struct tn_object *container,
                                        struct tn_buffer *buffer)
{
    if (tn_is_published(container))
        tn_buffer_retire(mu, buffer);
    else
        tn_buffer_free(mu, buffer);
}

#endif
