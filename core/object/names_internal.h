/* SPDX-License-Identifier: MIT */
/*
 * Names from within: namespaces, shards and entries. For core/object/ only.
 *
 * An entry is a block of 16 bytes and the key, so that a name costs no more than
 * its key, those 16 bytes and a word in the index. Only names that can go by
 * themselves have a `struct tn_name_extra` behind the key. The two words change thus:
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
 *  - Whether an entry has extras, and whether it is weak, never changes: a name
 *    that is bound in another way may get another entry in the place of this one
 *    in the index. So who finds an entry removed searches again.
 *  - The value of a weak entry is a weakref, and what it refers to is what the
 *    name refers to.
 *  - Entries with extras are in the ring of their shard, and no others.
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

/* In tn_name_entry.meta. The low 16 bits: flags and length of the key. */
#define TN_NAME_LEN_MASK UINT64_C(0x1fff)
#define TN_NAME_IS_WEAK UINT64_C(0x2000)   /* [const] implies TN_NAME_HAS_EXTRA */
#define TN_NAME_HAS_EXTRA UINT64_C(0x4000) /* [const] */
#define TN_NAME_CONST_MASK UINT64_C(0x7fff)
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

/* In tn_name_extra.state. Above them: when the name expires, in ms of the heap's
 * time; 0: never. */
#define TN_NAME_SOFT_BIT UINT64_C(1)
#define TN_NAME_USED_BIT UINT64_C(2) /* looked up since the clock's hand came by */
#define TN_NAME_EXPIRY_SHIFT 2

/* Behind the key, aligned. */
struct tn_name_extra {
    /* [atomic] written by the holder of the shard's lock; readers add the used bit */
    _Atomic(uint64_t) state;
    /* [lock]   the shard's ring */
    struct tn_name_entry *next;
    struct tn_name_entry *prev;
};

/* Readers use the first two lines, writers the other ones. */
struct tn_name_shard {
    /* [lock]   lock (TN_RANK_SHARD); searched under RCU */
    struct tn_flat index;
    /* [lock]   written with relaxed stores, read by anyone for statistics */
    _Atomic(uint64_t) n_names;
    /* [lock] */
    TN_CACHE_ALIGNED struct tn_mutex lock;
    uint64_t version; /* the last one that was given out */
    /* [lock]   the ring of entries with extras, in the order of their binding from
     *          the clock's hand on; NULL: there are none */
    struct tn_name_entry *clock_hand;
    struct tn_name_entry *sweep_hand;
    /* [lock]   written with relaxed stores, read by anyone to see if there are any */
    _Atomic(uint64_t) n_extras;
    _Atomic(uint64_t) n_soft;
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
    /* [atomic] somebody sweeps; taken with acquire, given back with release */
    _Atomic(bool) is_being_swept;
    /* [lock]   is_being_swept: where the sweep goes on; NULL: at the newest */
    struct tn_namespace *swept;
    size_t swept_shard;
    /* [atomic] relaxed: the shard where the next dropping of soft names begins */
    _Atomic(uint32_t) drop_shard;
};

/* ---- For the names' own sources ---- */

/* What an entry keeps alive, borrowed; NULL if nothing: it is weak, or has been
 * removed. A name that is over keeps its object until it is taken out. */
struct tn_object *tn_name_entry_kept(const struct tn_name_entry *entry);

/* The key of an entry; lives as long as the entry. */
struct tn_slice tn_name_entry_key(const struct tn_name_entry *entry);

size_t tn_name_entry_bytes(const struct tn_name_entry *entry);

/* What a name that has an entry refers to, and what else is known. TN_ERR_NAME:
 * not bound any more. `entry` is where to begin. */
TN_MUST_CHECK int tn_name_read(struct tn_mutator *mu, struct tn_namespace *ns,
                               struct tn_name_entry *entry, struct tn_object **ret_object,
                               struct tn_name_info *ret_info);

/* Takes an entry out of its shard's index, and its value out of it. The caller
 * drops the value and retires the entry when it has released the lock. */
TN_MUST_CHECK struct tn_object *tn_name_remove_locked(struct tn_mutator *mu,
                                                      struct tn_namespace *ns,
                                                      struct tn_name_shard *shard,
                                                      struct tn_name_entry *entry);

/* Tells listeners of a removed entry that the name went by itself: its time was over, its
 * object died, or memory was short. */
void tn_name_tell_expired(struct tn_mutator *mu, const struct tn_namespace *ns,
                          const struct tn_name_entry *entry);

/* Gives back a removed entry that readers may be looking at. To them its link
 * means what NULL meant: gone. */
void tn_name_entry_retire(struct tn_mutator *mu, struct tn_name_entry *entry);

/* ---- names_extra.c: entries that can go by themselves ---- */

static inline bool tn_name_has_extra(const struct tn_name_entry *entry)
{
    /* Relaxed: that bit never changes. */
    return (atomic_load_explicit(&entry->meta, memory_order_relaxed) & TN_NAME_HAS_EXTRA) != 0;
}

static inline bool tn_name_is_weak(const struct tn_name_entry *entry)
{
    return (atomic_load_explicit(&entry->meta, memory_order_relaxed) & TN_NAME_IS_WEAK) != 0;
}

/* Where the extras of a key so long begin. */
static inline size_t tn_name_extra_offset(size_t key_len)
{
    return (sizeof(struct tn_name_entry) + key_len + 7) & ~(size_t)7;
}

static inline struct tn_name_extra *tn_name_extra_of(struct tn_name_entry *entry)
{
    size_t key_len =
        (size_t)(atomic_load_explicit(&entry->meta, memory_order_relaxed) & TN_NAME_LEN_MASK);

    return (struct tn_name_extra *)(void *)((char *)entry + tn_name_extra_offset(key_len));
}

/* The state of an entry with extras. Pairs with the release in tn_name_state_store(). */
static inline uint64_t tn_name_state_load(const struct tn_name_entry *entry)
{
    struct tn_name_entry *e = (struct tn_name_entry *)(uintptr_t)entry; /* only read */

    return atomic_load_explicit(&tn_name_extra_of(e)->state, memory_order_acquire);
}

/* What the state of an entry says if it is bound like this now. */
uint64_t tn_name_state_new(const struct tn_heap *heap, const struct tn_name_how *how);

/* Makes an entry age, or not. Holds the lock, or nobody can see the entry yet. */
void tn_name_state_store(struct tn_name_shard *shard, struct tn_name_entry *entry, uint64_t state);

/* Kind and time to live, from the state of an entry with extras. */
void tn_name_state_read(const struct tn_heap *heap, const struct tn_name_entry *entry,
                        uint64_t state, struct tn_name_info *ret_info);

/* What an entry refers to, given its value and its state: NULL if its time is over
 * or its object dead. */
struct tn_object *tn_name_extra_resolve(struct tn_mutator *mu, const struct tn_name_entry *entry,
                                        struct tn_object *value, uint64_t state);

/* Notes that a soft name was looked up. Lock-free. */
void tn_name_extra_use(struct tn_name_entry *entry, uint64_t state);

/* Into the ring, out of it. Hold the lock. */
void tn_name_ring_add(struct tn_name_shard *shard, struct tn_name_entry *entry);
void tn_name_ring_remove(struct tn_name_shard *shard, struct tn_name_entry *entry);

/* Notes that a name went because its time was over or its object dead. */
static inline void tn_name_count_gone(struct tn_mutator *mu)
{
    tn_count_add_unsigned(&mu->n_names_gone, 1);
}

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

/* ---- For collectors ---- */

typedef void (*tn_name_root_fn)(struct tn_object *object, void *arg);

/*
 * Visits what names keep alive, as tn_names_scan(): at least all that is bound
 * throughout. What leaves an entry meanwhile, be it for another entry of the same
 * name, is shaded where that is done.
 */
void tn_names_scan_roots(struct tn_mutator *mu, struct tn_namespace *ns, uint64_t *cursor,
                         size_t n_max, tn_name_root_fn visit, void *arg);

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
