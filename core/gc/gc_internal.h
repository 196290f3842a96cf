/* SPDX-License-Identifier: MIT */
/*
 * The inside of garbage collection. gc/README.md argues why it is right.
 *
 * There is one collector thread for each heap. It is a thread as any other (it has
 * a mutator, goes online, passes safe points) and does two kinds of things:
 *
 *  - It hands out work by handshakes: a new phase is told to all mutators, and each
 *    answers at its own next safe point; for one that is offline, the collector
 *    answers itself, by claiming it. Nobody waits for anybody but the collector.
 *  - It stops everybody, by claiming all mutators at once (mode gil: by holding the
 *    lock), for collections by trial deletion.
 *
 *   phase   mutators                                         ends when
 *   idle    do nothing for the collector
 *   prepare keep the bits of blocks right that are freed     all have answered
 *           and used again
 *   sync    shade what they overwrite and what they store    all have answered
 *   mark    shade what they overwrite, bear black objects,   all have answered, and
 *           and walk their roots                             nothing is gray
 *   close   as before, but weak reads return only what is     all have answered, and
 *           marked                                           nothing is gray
 *   settle  shade nothing any more                           all have answered
 *   sweep   find what is unmarked in their own pools         all have swept
 *   empty   empty what was found                             all have emptied
 */
#ifndef TN_CORE_GC_GC_INTERNAL_H
#define TN_CORE_GC_GC_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/sync.h"
#include "core/gc/gc.h"
#include "core/object/heap_internal.h"
#include "core/object/thread.h"

enum tn_gc_phase {
    TN_PHASE_IDLE,
    TN_PHASE_PREPARE,
    TN_PHASE_SYNC,
    TN_PHASE_MARK,
    TN_PHASE_CLOSE,
    TN_PHASE_SETTLE,
    TN_PHASE_SWEEP,
    TN_PHASE_EMPTY,
};

/* What a mutator still has to do; in tn_gc_duty.work. */
enum tn_gc_work {
    TN_GC_WORK_NONE,
    TN_GC_WORK_ROOTS,
    TN_GC_WORK_SWEEP,
    TN_GC_WORK_EMPTY,
};

/* How many roots are visited at a time. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define TN_GC_ROOTS_BUDGET ((size_t)8)
#else
#define TN_GC_ROOTS_BUDGET ((size_t)1024)
#endif

struct tn_gc_totals {
    /* [atomic] counted up by whoever has done a collection */
    _Atomic(uint64_t) collections;
    _Atomic(uint64_t) examined;
    _Atomic(uint64_t) collected;
};

struct tn_gc {
    /* [const] */
    struct tn_heap *heap;
    struct tn_gc_listener listener;
    pthread_t pthread;

    /* [atomic] settings: relaxed, as they come */
    _Atomic(uint32_t) kind; /* enum tn_gc_kind */
    _Atomic(bool) is_enabled;
    _Atomic(uint32_t) thresholds[TN_GC_GENERATIONS];
    _Atomic(uint32_t) pause_target_us;
    _Atomic(uint32_t) cpu_percent;

    /* [lock]   lock (TN_RANK_COLLECTOR): what is asked of the thread */
    struct tn_mutex lock;
    struct tn_cond asked;
    struct tn_cond done;
    uint64_t n_requested;
    unsigned int generation; /* the oldest that was asked for */
    enum tn_gc_cause cause;
    bool must_stop;
    int started; /* 0: not yet; 1; or why not */
    struct tn_gc_report last;
    uint64_t full_number; /* of the full collection that is under way; 0: none is */
    /* [atomic] requests that have been answered; written under lock */
    _Atomic(uint64_t) n_completed;
    /* [atomic] a request of growth or memory is under way: there is no need for more */
    _Atomic(bool) is_busy;

    /* [atomic] the present phase, and the number of its handshake; written under
     * heap->threads_lock, the phase first */
    _Atomic(uint32_t) phase;
    _Atomic(uint32_t) epoch; /* released */
    /* [atomic] mutators that have not finished the phase's work, and in phase `mark`
     * the heap's own roots if they have not been walked. Raised by a mutator that begins
     * to walk again, which is before who has let its roots go has finished: so once it is
     * zero, it stays so until the next phase */
    _Atomic(uint32_t) n_working;
    /* [atomic] counts answers and ends of work: the collector sleeps on it */
    _Atomic(uint32_t) n_answers;
    _Atomic(bool) is_waiting;

    /* [const]  from tn_gc_start() on: the mutator that the collector bears when online */
    struct tn_mutator *mu;
    /* [owner]  the collector thread */
    struct tn_thread *thread;
    struct tn_gray *first_gray; /* the part of the queue that it works off */
    struct tn_gray *last_gray;
    uint64_t slice_began_ns;
    bool walks_heap; /* the heap's own roots have not been walked; in n_working */

    /* [atomic] for statistics and triggers */
    struct tn_gc_totals totals[TN_GC_GENERATIONS];
    _Atomic(uint64_t) n_pauses; /* this and the next two: of the collection under way */
    _Atomic(uint64_t) pause_ns;
    _Atomic(uint64_t) pause_max_ns;
    _Atomic(uint64_t) longest_pause_ns; /* ever */
    _Atomic(uint64_t) longest_wait_ns;
    _Atomic(uint64_t) live_after_full; /* containers */
    /* [atomic] when the last full collection began: containers born until then, and
     * bytes that were alive when it had ended */
    _Atomic(uint64_t) born_before_full;
    _Atomic(uint64_t) bytes_after_full;
};

/* A way to collect. One table each; generational.c, concurrent.c. */
struct tn_collector {
    enum tn_gc_kind kind;
    /* Collects a generation and the younger ones. On the collector's thread, online.
     * Fills in what it examined and found. TN_ERR_NOMEM: nothing was done. */
    int (*collect)(struct tn_gc *gc, unsigned int generation, struct tn_gc_report *report);
};

extern const struct tn_collector tn_collector_generational;
extern const struct tn_collector tn_collector_concurrent;

static inline struct tn_gc *tn_gc_of(const struct tn_mutator *mu)
{
    return mu->heap->gc;
}

/* Ends the collector's thread; all others are detached (control.c). */
void tn_gc_stop(struct tn_heap *heap);

/* Adds a collection to the figures. */
void tn_gc_count(struct tn_gc *gc, unsigned int generation, uint64_t n_examined,
                 uint64_t n_garbage);

/* Containers that live, or nearly so: the parts are not read at one moment. */
uint64_t tn_gc_n_containers(const struct tn_heap *heap);

/* Notes for how long a mutator was kept from its work. */
void tn_gc_note_pause(struct tn_gc *gc, uint64_t began_ns);

/* Tells those who listen to the heap's events that a collection begins or has ended
 * (`kind`). The bearer of `mu`. */
void tn_gc_tell(struct tn_mutator *mu, enum tn_heap_event_kind kind,
                const struct tn_gc_report *report);

/* ---- duty.c: what mutators do at safe points ---- */

extern const struct tn_collector_hooks tn_gc_hooks;

/* Answers the newest handshake if that has not been done. The bearer. */
void tn_gc_answer(struct tn_gc *gc, struct tn_mutator *mu);

/* Does some of a mutator's work. True if some is left. The bearer. */
bool tn_gc_work_on(struct tn_gc *gc, struct tn_mutator *mu, size_t budget);

/* ---- handshake.c: the collector and the others ---- */

/* Tells a phase to all mutators and returns when all have answered. */
void tn_gc_handshake(struct tn_gc *gc, enum tn_gc_phase phase);

/* Does what offline mutators have to do. True if any mutator has work left. */
bool tn_gc_help(struct tn_gc *gc);

/* Waits until all have done the phase's work, and helps. */
void tn_gc_finish_work(struct tn_gc *gc);

/* Stops all mutators, so that the caller bears them; and lets them go. */
void tn_gc_stop_all(struct tn_gc *gc);
void tn_gc_resume_all(struct tn_gc *gc);

/* Between two slices of work: a safe point at which others may run, too. */
void tn_gc_breathe(struct tn_gc *gc);

/* ---- mark.c ---- */

/* Marks all that roots lead to. When it returns, everything that was reachable when
 * phase `mark` began is marked, and the phase is `close`. Returns how many
 * containers were scanned. */
uint64_t tn_gc_mark(struct tn_gc *gc);

/* ---- sweep.c ---- */

/* Takes a reference to garbage, announces its death if somebody is to be told, and
 * notes it, for empty.c. The bearer of the owner. False if it has died by itself. */
bool tn_gc_condemn(struct tn_mutator *mu, struct tn_object *o);

void tn_gc_sweep_begin(struct tn_mutator *mu);
/* Condemns what is not marked, in a part of a mutator's containers. True if some
 * are left. */
bool tn_gc_sweep(struct tn_mutator *mu, size_t budget);

/* ---- empty.c ---- */

/* Notes that an object, to which the caller has taken a reference, is garbage. The
 * bearer of the owner. */
void tn_gc_note_garbage(struct tn_mutator *mu, struct tn_object *o);
/* Empties some of the garbage. True if some is left. */
bool tn_gc_empty(struct tn_mutator *mu, size_t budget);

/* The type of a block of an own pool, TN_TYPE_FREE if it is not in use. */
static inline unsigned int tn_gc_block_type(const struct tn_pool *pool, uint32_t i)
{
    const struct tn_free_block *block = tn_pool_block(pool, i);

    /* The first word of a header, as tn_object_new() and tn_cache_free() write it.
     * Relaxed: what is freed meanwhile by somebody else was dead anyway. */
    return (unsigned int)(atomic_load_explicit(&block->zero, memory_order_relaxed) >> 48) & 0xff;
}

static inline bool tn_gc_has_garbage(const struct tn_mutator *mu)
{
    return mu->gc.object != NULL || mu->gc.garbage != NULL || mu->gc.large_garbage != NULL;
}

/* ---- trial.c ---- */

/* Objects on their way to be looked at: found, and then with its entry. */
struct tn_gc_aside {
    struct tn_object *found;
    struct tn_object *object;
    uint64_t *entry;
};

/*
 * Trial deletion: finds garbage among the containers of some mutators, all of which
 * the caller bears, by their counts alone. Condemns it, and makes the others older.
 */
struct tn_gc_trial {
    struct tn_mutator **mutators; /* at least one */
    uint32_t n_mutators;
    unsigned int generation;
    /* Only what no other mutator can know: the others may be at work. */
    bool is_private;
    /* results */
    uint64_t n_examined;
    uint64_t n_garbage;
    /* trial.c's own: zero before */
    const struct tn_heap *heap;
    void (*look)(struct tn_gc_trial *trial, struct tn_object *o, uint64_t *entry);
    struct tn_object *stack;
    unsigned int at;
    struct tn_gc_aside aside[16];
};

/* TN_ERR_NOMEM: nothing was done. */
TN_MUST_CHECK int tn_gc_try(struct tn_gc_trial *trial);

/* ---- generational.c ---- */

/* tn_collector.collect() by trial deletion, with everybody stopped for it. */
TN_MUST_CHECK int tn_gc_collect_stopped(struct tn_gc *gc, unsigned int generation,
                                        struct tn_gc_report *report);

/* ---- young.c ---- */

/* At a safe point: a collection of the young by their owner, if it is due. */
void tn_gc_young_if_due(struct tn_gc *gc, struct tn_mutator *mu);

#endif
