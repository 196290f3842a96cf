/* SPDX-License-Identifier: MIT */
/*
 * State: length and version of a mutable container, in one word, so that both
 * are read at once and a reader can tell whether anything has changed.
 *
 * Written by the holder of the container's lock:
 *  - one thing changes (a slot is overwritten, or the length): the version
 *    rises by 2, before the slot is written or together with the length;
 *  - several things change: the version is odd meanwhile.
 *
 * A reader that wants several things as they are at one moment loads the state,
 * what it wants, and the state again. All that is loaded with acquire and stored
 * with release, and the version rises before anything else is written; so
 * whoever sees something new sees a new version. If the version is odd it waits
 * for the lock. (After exactly 2^31 changes within one such read it is fooled.)
 */
#ifndef TN_CORE_TYPES_STATE_H
#define TN_CORE_TYPES_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/yield.h"

/* [atomic] version << 32 | length */
typedef _Atomic(uint64_t) tn_state;

#define TN_STATE_VERSION_ONE (UINT64_C(1) << 32)

static inline uint32_t tn_state_length(uint64_t state)
{
    return (uint32_t)state;
}

static inline bool tn_state_is_odd(uint64_t state)
{
    return (state & TN_STATE_VERSION_ONE) != 0;
}

/* For readers. Pairs with the releases below. */
static inline uint64_t tn_state_load(const tn_state *state)
{
    return atomic_load_explicit(state, memory_order_acquire);
}

/* For the holder of the lock. */
static inline uint32_t tn_state_length_locked(const tn_state *state)
{
    return tn_state_length(atomic_load_explicit(state, memory_order_relaxed));
}

static inline void tn_state_advance(tn_state *state, unsigned int n_versions, uint32_t length)
{
    uint64_t version =
        atomic_load_explicit(state, memory_order_relaxed) + n_versions * TN_STATE_VERSION_ONE;

    atomic_store_explicit(state, (version & ~(uint64_t)UINT32_MAX) | length, memory_order_release);
}

/* Before one slot is overwritten. */
static inline void tn_state_touch(tn_state *state)
{
    tn_state_advance(state, 2, tn_state_length_locked(state));
}

/* The length changes, and with it nothing that readers can see. */
static inline void tn_state_set_length(tn_state *state, uint32_t length)
{
    tn_state_advance(state, 2, length);
}

/*
 * Around changes of several things. The length is read without looking whether
 * the version is odd, so the moment of its change counts: it changes at the
 * beginning if some reader may see other parts of the change before the end, and
 * at the end if some reader may see what was before until then.
 */
static inline void tn_state_begin(tn_state *state, uint32_t length)
{
    tn_state_advance(state, 1, length);
}

static inline void tn_state_end(tn_state *state, uint32_t length)
{
    tn_yield();
    tn_state_advance(state, 1, length);
}

#endif
