/* SPDX-License-Identifier: MIT */
/* Census: what the heap holds, added up over all mutators. */
#ifndef TN_CORE_INSPECT_CENSUS_H
#define TN_CORE_INSPECT_CENSUS_H

#include <stdint.h>

#include "core/object/object.h"

struct tn_census {
    uint64_t n_objs[TN_TYPE_END]; /* alive, by type; neither the dead nor immortals */
    uint64_t live_objs;
    uint64_t live_bytes;   /* objects and their buffers, names and their tables */
    uint64_t tracked_objs; /* containers */
    uint64_t held_bytes;   /* charged against max_memory */
    uint64_t max_bytes;    /* 0: no limit */
    uint64_t dying_objs;   /* dead, references not yet dropped */
    uint64_t limbo_objs;   /* dead, waiting for a grace period */
    uint64_t limbo_bytes;
    uint64_t n_names;
    uint64_t n_mutators;
    uint64_t merges_queued;
    uint64_t merges_claimed;
    uint64_t weakrefs_cleared; /* because their objects died; those alive: n_objs */
    uint64_t names_gone;       /* because their time was over or their objects dead */
    uint64_t names_dropped;    /* soft ones, because memory was short */
    uint64_t grace_periods;
    uint64_t gil_switches;
    uint64_t gil_forced;
};

/* Any thread; need not be attached. The figures are read one by one while others
 * go on, so they add up exactly only when the heap is at rest. */
void tn_census_take(struct tn_heap *heap, struct tn_census *ret_census);

#endif
