/* SPDX-License-Identifier: MIT */
/*
 * Grace periods by number. One thread waits for them, one after another, for as
 * long as somebody wants one; everybody else only compares numbers.
 *
 * A grace period that is begun after something was made unreachable has ended
 * when nobody looks at it any more. So whoever retires a batch remembers
 * `begun + 1`, the first one that is certain to begin later, and frees the batch
 * when `ended` has reached that number.
 */
#ifndef TN_CORE_MEMORY_GRACE_H
#define TN_CORE_MEMORY_GRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"

struct tn_grace {
    /* [atomic] written by the waiting thread only */
    TN_CACHE_ALIGNED _Atomic(uint64_t) begun;
    _Atomic(uint64_t) ended;
    /* [atomic] changes with every wake-up of the waiting thread; its futex */
    TN_CACHE_ALIGNED _Atomic(uint32_t) wanted; /* the low 32 bits of the newest number wanted */
    _Atomic(uint32_t) is_asleep;
    _Atomic(uint32_t) ended_futex; /* low 32 bits of `ended`, for those who must wait */
};

void tn_grace_init(struct tn_grace *grace);

/* The number of the grace period after which everything that is unreachable now
 * can be freed; makes sure that it will happen. Any online thread. */
uint64_t tn_grace_request(struct tn_grace *grace);

/* Whether a grace period has passed. Wait-free. */
static inline bool tn_grace_has_ended(const struct tn_grace *grace, uint64_t number)
{
    /* Pairs with the release in tn_grace_run(). */
    return atomic_load_explicit(&grace->ended, memory_order_acquire) >= number;
}

/* Blocks until it has. The caller is offline. */
void tn_grace_wait(struct tn_grace *grace, uint64_t number);

/* For the one waiting thread: passes one grace period. Blocks. */
void tn_grace_run(struct tn_grace *grace);

/* For the one waiting thread: whether somebody wants another one. */
bool tn_grace_is_wanted(const struct tn_grace *grace);

/* For the one waiting thread: sleeps until a wake-up or `timeout_ns`. */
void tn_grace_sleep(struct tn_grace *grace, uint64_t timeout_ns);

/* Wakes the waiting thread if it sleeps. Any thread. */
void tn_grace_wake(struct tn_grace *grace);

#endif
