/* SPDX-License-Identifier: MIT */
/*
 * Collecting cycles: starting a collector, asking it, and what it tells.
 *
 * Counting frees most objects at once. What refers to itself in a circle it never
 * frees; a collector finds what neither names nor other roots (object/thread.h) lead
 * to and empties it, and counting does the rest. Only containers are looked at.
 *
 *   collector     young objects                    full collection
 *   none          -                                -
 *   generational  by trial deletion, by their      by trial deletion, with all
 *                 owner at a safe point            mutators stopped
 *   concurrent    the same                         marks beside the mutators; nobody
 *                                                  is stopped
 *
 * Three generations, numbered as Python's: 0 the young, 1 those that have survived
 * one collection, 2 all. What another mutator can know (nothing in mode gil, all in
 * mode atomic, what is published in mode biased) is left to full collections.
 *
 * Threads: any, unless said otherwise. Nothing blocks but what says so.
 */
#ifndef TN_CORE_GC_GC_H
#define TN_CORE_GC_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/thread.h"

#define TN_GC_GENERATIONS 3
#define TN_GC_OLDEST (TN_GC_GENERATIONS - 1)

enum tn_gc_kind {
    TN_GC_NONE,
    TN_GC_GENERATIONAL,
    TN_GC_CONCURRENT,
    TN_GC_KINDS,
};

/* "none", "generational", "concurrent"; and back, or TN_ERR_INVAL. */
const char *tn_gc_kind_name(enum tn_gc_kind kind);
TN_MUST_CHECK int tn_gc_kind_from_name(const char *name, enum tn_gc_kind *ret_kind);

enum tn_gc_cause {
    TN_GC_CAUSE_REQUEST,   /* somebody asked */
    TN_GC_CAUSE_GROWTH,    /* there are many more containers than after the last one */
    TN_GC_CAUSE_MEMORY,    /* an allocation was refused */
    TN_GC_CAUSE_THRESHOLD, /* a mutator has so many young ones; never of the oldest */
    TN_GC_CAUSES,
};
const char *tn_gc_cause_name(enum tn_gc_cause cause);

/* What a collection has done: one of the collector thread's, or one of the young by
 * their owner, which has no number. */
struct tn_gc_report {
    uint64_t number; /* of the request that it answers, from 1 */
    enum tn_gc_kind kind;
    enum tn_gc_cause cause;
    unsigned int generation;
    uint64_t examined; /* containers looked at */
    uint64_t garbage;  /* containers that were found unreachable */
    uint64_t duration_ns;
    uint64_t n_pauses;         /* how often a mutator was kept from its work */
    uint64_t pause_ns;         /* all of them */
    uint64_t longest_pause_ns; /* at once */
};

/* Called on the collector's thread, which is offline then. */
struct tn_gc_listener {
    void (*started)(void *arg, const struct tn_gc_report *report);
    void (*finished)(void *arg, const struct tn_gc_report *report);
    void *arg;
};

struct tn_gc_options {
    enum tn_gc_kind kind;
    /* As Python's: containers born less containers died until a collection of the
     * young; of those until one of the middle-aged; and (0: never) whether growth
     * starts full ones. Zeros all: the defaults 700, 10, 10. */
    uint32_t thresholds[TN_GC_GENERATIONS];
    bool only_on_request;     /* nothing is collected unless somebody asks */
    uint32_t pause_target_us; /* how long a mutator may be kept from its work at once; 0: 500 */
    uint32_t cpu_percent;     /* of one CPU, for marking beside the mutators; 0: 100 */
    struct tn_gc_listener listener; /* functions may be NULL */
};

/* Starts the collector of a heap that no thread has been attached to. It ends with
 * the heap. TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_gc_start(struct tn_heap *heap, const struct tn_gc_options *options);

/*
 * Asks for a collection of a generation and all younger ones and returns its number,
 * which is done when tn_gc_completed() has reached it. Requests that come together
 * are answered together. 0: the heap has no collector, or it is `none`.
 */
uint64_t tn_gc_ask(struct tn_heap *heap, unsigned int generation, enum tn_gc_cause cause);
uint64_t tn_gc_completed(const struct tn_heap *heap);

/* Asks and waits. The caller is attached and offline. Blocks. False, with nothing
 * reported, where there is no collector. */
bool tn_gc_collect(struct tn_heap *heap, unsigned int generation, struct tn_gc_report *ret_report);

/*
 * Whether a full collection is likely to make room for one who was refused memory:
 * collections may begin by themselves, and since the last full one began so many
 * containers have been born, or so much memory has come to be used, that looking
 * through the heap once more costs no more than that did. So a full heap without
 * garbage is not collected each time that somebody is refused.
 */
bool tn_gc_is_worthwhile(const struct tn_heap *heap);

/* For one who was refused memory: waits for the full collection that is under way,
 * or if it is worth while for one of its own (cause: memory). The caller is attached
 * and offline. Blocks. False if there was nothing to wait for. */
bool tn_gc_relieve(struct tn_heap *heap);

/* Whether collections begin by themselves. */
void tn_gc_enable(struct tn_heap *heap, bool is_enabled);
bool tn_gc_is_enabled(const struct tn_heap *heap);

void tn_gc_set_thresholds(struct tn_heap *heap, const uint32_t thresholds[TN_GC_GENERATIONS]);
void tn_gc_get_thresholds(const struct tn_heap *heap, uint32_t ret_thresholds[TN_GC_GENERATIONS]);

/* Chooses another collector from the next collection on. */
void tn_gc_choose(struct tn_heap *heap, enum tn_gc_kind kind);
enum tn_gc_kind tn_gc_kind(const struct tn_heap *heap);

struct tn_gc_generation_stats {
    uint64_t collections;
    uint64_t examined;
    uint64_t collected; /* containers found to be garbage */
};

struct tn_gc_stats {
    enum tn_gc_kind kind;
    bool is_enabled;
    uint64_t counts[TN_GC_GENERATIONS]; /* as Python's gc.get_count() */
    struct tn_gc_generation_stats generations[TN_GC_GENERATIONS];
    uint64_t longest_pause_ns;          /* ever */
    uint64_t longest_safepoint_wait_ns; /* until a mutator had answered a handshake */
    struct tn_gc_report last;           /* number 0: there has been none */
};

/* All zeros for a heap without a collector. */
void tn_gc_stats(struct tn_heap *heap, struct tn_gc_stats *ret_stats);

/* ---- Looking around ---- */

/* Whether a collector looks at an object: a container that is not immortal. */
bool tn_gc_is_tracked(const struct tn_heap *heap, const struct tn_object *o);

#endif
