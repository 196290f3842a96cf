/* SPDX-License-Identifier: MIT */
/*
 * Events: what happens in the heap, told to whoever listens. Metadata only: an
 * event never holds a reference, so nobody can revive what it tells of.
 *
 * Each mutator has a ring of records that its bearer writes and any number of
 * listeners read, each at its own pace: a broadcast, without a queue between
 * threads and without work for the writer that grows with the listeners. A ring
 * that is full loses its oldest records; a listener that was overtaken learns
 * how many it has missed. The rings are allocated when the first listener
 * comes, and stay until the heap is freed; their memory is bounded by the number
 * of mutators and not charged to the budget.
 *
 * Rules
 *  - The bearer of a mutator emits, at any moment, under any lock: emitting is
 *    wait-free, takes no lock, allocates nothing, does no I/O, calls nobody.
 *  - While nobody listens an event costs a relaxed load and a branch that is not
 *    taken (tn_events_are_wanted()). Sources ask first.
 *  - The events of one mutator come in the order in which they happened. Between
 *    mutators there is no order; the versions of a name, which only grow, order
 *    what happened to it.
 *  - A bearer that gives its mutator up wakes the listeners, once for all that
 *    it has emitted (tn_events_announce()). Between waking and reading nothing is
 *    lost: see tn_events_begin().
 */
#ifndef TN_CORE_OBJECT_EVENTS_H
#define TN_CORE_OBJECT_EVENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/base/sync.h"
#include "core/object/object.h"

struct tn_event_listener;
struct tn_event_ring;
struct tn_namespace;

/* The numbers are the wire's, too. */
enum tn_heap_event_kind {
    TN_HEAP_EVENT_MISSED = 0, /* some were overwritten before this listener came to them */
    TN_HEAP_EVENT_FINALIZED,
    TN_HEAP_EVENT_WEAKREF_DEAD,
    TN_HEAP_EVENT_NAME_BOUND,
    TN_HEAP_EVENT_NAME_CHANGED,
    TN_HEAP_EVENT_NAME_REMOVED,
    TN_HEAP_EVENT_NAME_EXPIRED,
    TN_HEAP_EVENT_COLLECTION_STARTED,
    TN_HEAP_EVENT_COLLECTION_FINISHED,
    TN_HEAP_EVENT_MEMORY_LOW,
    TN_HEAP_EVENT_MEMORY_RECOVERED,
    TN_HEAP_EVENT_END
};

#define TN_HEAP_EVENT_MASK(kind) (UINT32_C(1) << (kind))
#define TN_HEAP_EVENTS_ALL                                                                         \
    (TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_END) - TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED))
#define TN_HEAP_EVENTS_NAME                                                                        \
    (TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_NAME_BOUND) |                                                \
     TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_NAME_CHANGED) |                                              \
     TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_NAME_REMOVED) |                                              \
     TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_NAME_EXPIRED))
#define TN_HEAP_EVENTS_COLLECTION                                                                  \
    (TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_COLLECTION_STARTED) |                                        \
     TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_COLLECTION_FINISHED))
#define TN_HEAP_EVENTS_MEMORY                                                                      \
    (TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_MEMORY_LOW) |                                                \
     TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_MEMORY_RECOVERED))

/* Longer texts of an event are cut off; names are never longer. */
#define TN_HEAP_EVENT_TEXT_MAX 1024

/* What an event says in numbers, besides its texts. */
#define TN_HEAP_EVENT_NUMBERS 7

/* What there is to tell of a collection. */
struct tn_collection_figures {
    uint64_t generation;
    uint64_t n_examined; /* this and the rest: when it has finished */
    uint64_t n_freed;
    uint64_t n_pauses; /* how often a mutator was kept from its work */
    uint64_t pause_ns; /* all of them */
    uint64_t longest_pause_ns;
    uint64_t duration_ns;
};

struct tn_heap_event {
    enum tn_heap_event_kind kind;
    /* The class of the object; the namespace of the name; the cause of the
     * collection. And the object's label; the name; the collector. In the listener's
     * memory, until its next event. */
    struct tn_slice scope;
    struct tn_slice name;
    union {
        uint64_t numbers[TN_HEAP_EVENT_NUMBERS];
        struct {
            uint64_t n_events;
        } missed;
        struct {
            uint64_t identity; /* as tn_identity() has told it */
            uint64_t age_ms;   /* 0 also if it is not known */
            uint64_t size_bytes;
        } finalized;
        struct {
            uint64_t identity;        /* of the weakref */
            uint64_t target_identity; /* of what it referred to */
        } weakref;
        struct {
            uint64_t version;
            uint64_t namespace_id; /* the address, to be compared only */
        } binding;
        struct tn_collection_figures collection;
        struct {
            uint64_t held_bytes;
            uint64_t limit_bytes;
        } memory;
    };
};

/* ---- Sources: the bearer of `mu` ---- */

/* Of the heap. */
struct tn_events {
    /* [atomic] the kinds that anybody listens to, a mask; stored under `lock`, relaxed */
    TN_CACHE_ALIGNED _Atomic(uint32_t) wanted;
    /* [lock]   threads_lock: mutators have rings, and get one when they are made */
    bool has_rings;
    /* [lock]   lock (TN_RANK_EVENTS) */
    TN_CACHE_ALIGNED struct tn_mutex lock;
    struct tn_event_listener *listeners;
};

/* Whether anybody wants one of these kinds. Relaxed: who begins to listen just
 * now does not mind on which side of that an event falls. */
TN_ALWAYS_INLINE bool tn_events_are_wanted(const struct tn_events *events, uint32_t kinds)
{
    return TN_UNLIKELY((atomic_load_explicit(&events->wanted, memory_order_relaxed) & kinds) != 0);
}

/*
 * Announces the death of an object that has TN_BIT_FINALIZER, and takes the bit
 * away, so that it happens once whoever comes first. To be called before
 * anything of the object is given up: by death.c when its count has become zero, by
 * a collector for all that it has found before it empties the first of them.
 */
void tn_event_finalize_slow(struct tn_mutator *mu, struct tn_object *o);

TN_ALWAYS_INLINE void tn_event_finalize(struct tn_mutator *mu, struct tn_object *o)
{
    /* Relaxed: set before the object was published, taken away by whom it dies. */
    if (TN_UNLIKELY((atomic_load_explicit(&o->bits, memory_order_relaxed) & TN_BIT_FINALIZER) != 0))
        tn_event_finalize_slow(mu, o);
}

/* The target of a weakref has died; both are still in memory. */
void tn_event_weakref_dead(struct tn_mutator *mu, const struct tn_object *weakref,
                           const struct tn_object *target);

/* A name was bound, changed, removed, or has expired (`kind`), and has or had
 * this version. */
void tn_event_name(struct tn_mutator *mu, enum tn_heap_event_kind kind,
                   const struct tn_namespace *ns, struct tn_slice name, uint64_t version);

/* A collection begins or has ended (`kind`). Its cause and the collector are told in
 * one word each: "request", "concurrent". */
void tn_event_collection(struct tn_mutator *mu, enum tn_heap_event_kind kind, const char *cause,
                         const char *collector, const struct tn_collection_figures *figures);

/* The memory held has come near the limit, or has gone away from it (`kind`). */
void tn_event_memory(struct tn_mutator *mu, enum tn_heap_event_kind kind, uint64_t held_bytes,
                     uint64_t limit_bytes);

/* ---- Listeners ---- */

struct tn_event_cursor {
    uint64_t at;       /* the word of the ring that is read next */
    uint64_t sequence; /* of the record that is expected there */
};

/* One reader. Made of zeros; its owner is one thread at a time. */
struct tn_event_listener {
    /* [const]  while it listens */
    struct tn_heap *heap;
    void (*wake)(void *arg);
    void *arg;
    /* [lock]   tn_events.lock (TN_RANK_EVENTS) */
    struct tn_event_listener *next;
    uint32_t kinds;
    /* [atomic] there is something to read and nobody has to wake the owner any more */
    _Atomic(bool) is_woken;
    /* [owner]  */
    struct tn_event_cursor *cursors; /* TN_MUTATORS_MAX; NULL: does not listen */
    uint32_t current;                /* the mutator whose ring is being read */
    uint64_t *record;                /* a copy of the record that was read last */
};

/*
 * Begins to listen to `kinds` (a mask): events that begin after this returns are
 * seen. `wake` is called by whoever has left events, on any thread, at most once
 * until the next tn_events_begin(); it must not block and not touch the heap.
 * `kinds` may be 0. TN_ERR_NOMEM. Takes locks; does not block for long.
 */
TN_MUST_CHECK int tn_events_listen(struct tn_heap *heap, struct tn_event_listener *listener,
                                   uint32_t kinds, void (*wake)(void *arg), void *arg);

/* Listens to other kinds from now on. */
void tn_events_choose(struct tn_event_listener *listener, uint32_t kinds);

/* Stops listening, for good; frees what the listener had. When it returns, nobody
 * is calling `wake` or will. Does nothing to a listener of zeros. */
void tn_events_unlisten(struct tn_event_listener *listener);

static inline bool tn_events_is_listening(const struct tn_event_listener *listener)
{
    return listener->cursors != NULL;
}

/* The owner will read before it sleeps, in any case: it need not be woken. */
void tn_events_expect(struct tn_event_listener *listener);

/* The owner begins to read. What is emitted and announced from here on wakes it;
 * what was announced before is seen by the reading that follows. */
void tn_events_begin(struct tn_event_listener *listener);

/*
 * The next event of any mutator, also of kinds that were not chosen by this
 * listener; false if there is none at the moment. Wait-free but for writers that
 * overtake it again and again. Needs no attachment to the heap.
 */
TN_MUST_CHECK bool tn_events_read(struct tn_event_listener *listener,
                                  struct tn_heap_event *ret_event);

/* ---- For thread.c, mutator.c, heap.c and the collector ---- */

void tn_events_init(struct tn_events *events);

/* Nobody listens any more. */
void tn_events_fini(struct tn_events *events);

/* A ring for a new mutator, if mutators have rings. TN_ERR_NOMEM. Under threads_lock. */
TN_MUST_CHECK int tn_event_ring_new(struct tn_mutator *mu);
void tn_event_ring_free(struct tn_mutator *mu);

/* Wakes the listeners if the bearer of `mu`, who is about to give it up, has
 * emitted anything since the last time. */
void tn_events_announce(struct tn_mutator *mu);

#endif
