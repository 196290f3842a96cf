/* SPDX-License-Identifier: MIT */
/*
 * Mutators: what a thread bears while it touches the heap.
 *
 * A mutator is an owner's number with everything that belongs to the owner: its
 * allocation cache, its counters, the dead objects that it has to work off and
 * the memory that waits for a grace period. In modes `atomic` and `biased`
 * every attached thread has one of its own; in mode `gil` there is exactly one,
 * and the thread that holds the global lock bears it. So "is the owner me?" is
 * the same question in all modes.
 *
 *   state    meaning                                   who moves it on
 *   online   its thread is at work with it             its thread: offline
 *   offline  nobody is at work with it                 its thread: online; anybody: claimed
 *   claimed  somebody else works off what it left      the claimer: offline
 *
 * Invariants
 *  - Only the bearer (the thread that brought it online or claimed it) touches
 *    what is tagged [owner].
 *  - Whoever leaves something for another mutator pushes first and reads the
 *    state afterwards; whoever goes offline writes the state first and looks
 *    for what was left afterwards (both sequentially consistent). So nothing
 *    is left to a sleeper: the one or the other sees it (Dekker).
 *  - A mutator outlives its thread. What it owns is claimable for ever, and the
 *    next thread that attaches takes it over.
 */
#ifndef TN_CORE_OBJECT_MUTATOR_H
#define TN_CORE_OBJECT_MUTATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/memory/cache.h"
#include "core/memory/limbo.h"
#include "core/object/events.h"
#include "core/object/object.h"
#include "core/object/refcount.h"

#define TN_MUTATORS_MAX 1024

enum tn_mutator_state {
    TN_MUTATOR_OFFLINE,
    TN_MUTATOR_ONLINE,
    TN_MUTATOR_CLAIMED,
};

/* What a collector wants of a mutator, done at its safe points; see gc/. */
struct tn_gc_duty {
    /* [atomic] the last handshake that it has answered; stored with release by the
     * bearer, read with acquire by the collector */
    _Atomic(uint32_t) seen;
    /* [owner]  */
    uint8_t phase;            /* enum tn_gc_phase */
    uint8_t work;             /* enum tn_gc_work */
    struct tn_object *object; /* garbage that is being emptied, or NULL */
    struct tn_pool *garbage;  /* pools that hold some */
    struct tn_large *large_garbage;
    uint32_t n_young_collections; /* since the last one of the middle-aged */
    uint64_t n_garbage;           /* found in the last sweep; read when that is over */
};

struct tn_mutator {
    /* [const] */
    struct tn_bearer bearer; /* first: see tn_bearer_id() */
    bool defers;             /* frees after a grace period; false in mode gil */
    bool publishes;          /* somebody else may look; false in mode gil */
    struct tn_heap *heap;
    bool has_young;       /* what is born is counted as young (gc/) */
    uint64_t birth_head;  /* the first eight bytes of a new object, type and bits zero */
    int64_t birth_shared; /* the second eight */

    /* [owner]  */
    struct tn_cache cache;
    struct tn_limbo limbo;
    struct tn_object *dying; /* stack, linked through `shared` */
    bool frees_at_once;      /* what is retired now belonged to an unseen object */
    bool drops_white;        /* what is dropped now was unreachable: it is not shaded */

    /* [owner]  written with relaxed stores, read by anyone for statistics */
    _Atomic(int64_t) n_objs[TN_TYPE_END]; /* born here less died here; sums are right */
    _Atomic(int64_t) live_bytes;          /* likewise, of objects, buffers and names */
    _Atomic(int64_t) n_dying;             /* dead, not yet emptied */
    _Atomic(int64_t) n_half_emptied;      /* of which the collector must see the end */
    _Atomic(int64_t) n_young;             /* containers born since the last young collection */
    _Atomic(uint64_t) n_born;             /* containers born ever */
    _Atomic(uint64_t) n_merges;           /* asked for by others, and made */
    _Atomic(uint64_t) n_merges_claimed;   /* of these: made by a claimer */
    _Atomic(uint64_t) n_weakrefs_cleared; /* because their objects died */
    _Atomic(uint64_t) n_names_gone;       /* because time was over or their objects dead */
    _Atomic(uint64_t) n_names_dropped;    /* soft ones, because memory was short */

    struct tn_gc_duty gc;

    /* [atomic] enum tn_mutator_state, see above */
    TN_CACHE_ALIGNED _Atomic(uint32_t) state;
    /* [atomic] what it emits (events.c); NULL until somebody listens. Stored with release
     * under heap->threads_lock, loaded with acquire, never taken back */
    _Atomic(struct tn_event_ring *) events;
    /* [atomic] set before going offline if limbo or dying are not empty */
    _Atomic(bool) has_leftovers;
    /* [lock]   heap->threads_lock: some thread is attached to it */
    bool is_borne;
    /* [owner]  not in mode gil: the thread that is attached to it, while it has roots */
    struct tn_thread *thread;
};

/*
 * Allocates the block of an object and writes its header: one reference, held
 * by the caller; private. `block_bytes` counts the header. What is behind the
 * header is not initialised: the caller fills it before it publishes.
 * Returns 0, TN_ERR_NOMEM, TN_ERR_LIMIT or TN_ERR_TOO_BIG. Does not block.
 */
TN_MUST_CHECK int tn_object_new(struct tn_mutator *mu, enum tn_type_id type, size_t block_bytes,
                                struct tn_object **ret_object);

/*
 * A buffer that belongs to one object or table and may be read under RCU. It
 * begins with this; the rest is the caller's.
 */
struct tn_buffer {
    struct tn_buffer *next; /* [owner] once retired: the next one in limbo */
    size_t size_bytes;      /* [const] including this header */
};

/* Allocates a buffer of `size_bytes` including its header, which is filled in;
 * the rest is uninitialised. Counts as live. Errors as tn_object_new(). */
TN_MUST_CHECK int tn_buffer_new(struct tn_mutator *mu, size_t size_bytes,
                                struct tn_buffer **ret_buffer);

/* The same, zeroed. Large ones come from the system as zeros without being touched. */
TN_MUST_CHECK int tn_buffer_new_zeroed(struct tn_mutator *mu, size_t size_bytes,
                                       struct tn_buffer **ret_buffer);

/* Gives back a buffer that no other thread has ever been able to see. */
void tn_buffer_free(struct tn_mutator *mu, struct tn_buffer *buffer);

/* Gives back a buffer that readers may be looking at: freed after a grace
 * period. Its contents stay as they are until then. Never allocates or fails. */
void tn_buffer_retire(struct tn_mutator *mu, struct tn_buffer *buffer);

static inline void tn_count_add(_Atomic(int64_t) *counter, int64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void tn_count_add_unsigned(_Atomic(uint64_t) *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* ---- For object/, gc/ and the reclaimer ---- */

/* Puts a dead object on the bearer's list of the dying: its references are
 * dropped at safe points. Never allocates. */
void tn_mutator_bury(struct tn_mutator *mu, struct tn_object *dead);

/* Ends an object that holds nothing and that nobody can see, whatever its count. */
void tn_mutator_free_object(struct tn_mutator *mu, struct tn_object *o);

/* Asks the owner of `o`, which has just become queued, to merge. If the owner
 * is offline, claims it and merges for it. Never fails. */
void tn_mutator_request_merge(struct tn_object *o);

/* Merges what others have left for the bearer (refcount.c). */
void tn_mutator_merge_queued(struct tn_mutator *mu);

/*
 * Works off what has collected: merge requests, returned blocks, up to `budget`
 * destructions, and up to that many blocks whose grace period is over. The
 * bearer only, at a safe point. Returns true if something is left that can be
 * done right away.
 */
bool tn_mutator_work(struct tn_mutator *mu, size_t budget);

/* Frees up to `budget` blocks of the batch that waits, if its grace period has
 * passed; when none is left, the open batch begins to wait. */
void tn_mutator_turn_limbo(struct tn_mutator *mu, size_t budget);

/* Frees all that is in limbo. Nobody is in a read section any more. */
void tn_mutator_drain_limbo(struct tn_mutator *mu);

/* Claims an offline mutator; false if it is not offline. The caller is online. */
TN_MUST_CHECK bool tn_mutator_claim(struct tn_mutator *mu);

/* Takes a mutator from offline to online, waiting for a claimer to finish. */
void tn_mutator_enter(struct tn_mutator *mu);

/* The bearer gives a mutator up, after seeing to what came in meanwhile. The
 * reclaimer looks after what is left. The caller is in a read section still. */
void tn_mutator_leave(struct tn_mutator *mu);

#endif
