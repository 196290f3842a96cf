/* SPDX-License-Identifier: MIT */
/*
 * Names from within: namespaces, shards and entries. For core/object/ only.
 *
 * An entry is a block of 16 bytes and the key, so that a name costs no more than
 * its key, those 16 bytes and a word in the index. Its two words change thus:
 *
 *   state     value                       meta
 *   bound     the object                  version, length of the key
 *   changing  old object, then new one    old version, TN_NAME_CHANGING, length
 *   removed   NULL                        version when removed, length
 *   in limbo  TN_NAME_GONE | next entry   the same
 *
 * Invariants
 *  - Only the holder of the shard's lock writes an entry that is in the index.
 *    Readers may look at it until a grace period after it was removed.
 *  - A removed entry is never bound again. TN_NAME_GONE cannot be in the address
 *    of an object, which is aligned.
 *  - A version is given out once by a shard, so no name has it twice.
 */
#ifndef TN_CORE_OBJECT_NAMES_INTERNAL_H
#define TN_CORE_OBJECT_NAMES_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/siphash.h"
#include "core/base/sync.h"
#include "core/object/flat.h"
#include "core/object/names.h"

#define TN_NAME_SHARD_BITS 6
#define TN_NAME_SHARDS (1 << TN_NAME_SHARD_BITS)

/* In tn_name_entry.meta. The low 16 bits: flag and length of the key. */
#define TN_NAME_LEN_MASK UINT64_C(0x7fff)
#define TN_NAME_CHANGING UINT64_C(0x8000)
#define TN_NAME_VERSION_SHIFT 16

/* In tn_name_entry.value. */
#define TN_NAME_GONE ((uintptr_t)1)

struct tn_name_entry {
    /* [rcu]    written with the shard's lock by slot.h; once retired: a link */
    union {
        tn_slot value;
        _Atomic(uintptr_t) link; /* TN_NAME_GONE | the next entry in limbo */
    };
    /* [atomic] stored with release by the holder of the lock */
    _Atomic(uint64_t) meta;
    /* [const] */
    char key[];
};

static_assert(sizeof(struct tn_name_entry) == 16, "an entry is 16 bytes and its key");
static_assert(TN_NAME_BYTES_MAX <= TN_NAME_LEN_MASK, "the length of a key fits");

/* Readers use the first two lines, writers the other two. */
struct tn_name_shard {
    /* [lock]   lock (TN_RANK_SHARD); searched under RCU */
    struct tn_flat index;
    /* [lock]   written with relaxed stores, read by anyone for statistics */
    _Atomic(uint64_t) n_names;
    /* [lock] */
    TN_CACHE_ALIGNED struct tn_mutex lock;
    uint64_t version; /* the last one that was given out */
} TN_CACHE_ALIGNED;

struct tn_namespace {
    struct tn_name_shard shards[TN_NAME_SHARDS];
    /* [const] */
    struct tn_siphash_key hash_key;
    struct tn_namespace *next; /* older ones */
    void *block;               /* what it lies in */
    size_t block_bytes;
    size_t name_len;
    char name[];
};

struct tn_namespaces {
    /* [atomic] the newest; grows only. Stored with release under `lock`, loaded with acquire */
    _Atomic(struct tn_namespace *) newest;
    /* [lock]   guards the adding of namespaces (TN_RANK_NAMESPACES) */
    struct tn_mutex lock;
    uint32_t n_namespaces;
};

/* ---- For the names' own sources ---- */

/* The key of an entry; lives as long as the entry. */
struct tn_slice tn_name_entry_key(const struct tn_name_entry *entry);

/* What a name refers to, borrowed, and with which version; NULL if it has been
 * removed. As tn_name_lookup(). */
struct tn_object *tn_name_entry_read(const struct tn_name_entry *entry, uint64_t *ret_version);

/* The tn_flat_hash_fn of a shard's index; `arg` is the namespace's hash key. */
void tn_name_entry_hashes(const uint64_t *payloads, size_t n, uint64_t *ret_hashes,
                          const void *arg);

/* In mode gil the global lock is enough, and these do nothing. */
void tn_name_shard_lock(const struct tn_mutator *mu, struct tn_name_shard *shard)
    TN_ACQUIRES(shard->lock);
void tn_name_shard_unlock(const struct tn_mutator *mu, struct tn_name_shard *shard)
    TN_RELEASES(shard->lock);

/* Drops all names of a shard. The caller is the last one that uses the heap. */
void tn_name_shard_destroy(struct tn_mutator *mu, struct tn_namespace *ns,
                           struct tn_name_shard *shard);

/* ---- For heap.c ---- */

void tn_namespaces_init(struct tn_namespaces *namespaces);

/* tn_namespaces_destroy() has been called. */
void tn_namespaces_fini(struct tn_namespaces *namespaces);

/* ---- For death.c: entries in limbo are linked through `link` ---- */

/*
 * Frees an entry in limbo whose grace period is over, and returns the one that
 * it was linked to, or NULL. Takes it out of limbo's figures. The bearer of `mu`.
 */
struct tn_name_entry *tn_name_entry_free(struct tn_mutator *mu, struct tn_name_entry *entry);

#endif
