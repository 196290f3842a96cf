/* SPDX-License-Identifier: MIT */
/*
 * Grace periods by number. One thread waits for them, one after another, for as
 * long as somebody wants one; everybody else only compares numbers.
 *
 * A grace period that begins after something was made unreachable ends when
 * nobody looks at it any more. So whoever retires a batch remembers `begun + 1`,
 * the first one that is certain to begin later, and frees the batch when `ended`
 * has reached that number.
 *
 * (liburcu's call_rcu costs 86 to 200 ns an object, has no back-pressure and
 * sleeps 10 ms after every batch; a batch and its number cost a few ns.)
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
    _Atomic(uint32_t) ended_futex; /* low bits of `ended`, stored after it */
    /* [atomic] the newest number that anybody wants */
    TN_CACHE_ALIGNED _Atomic(uint64_t) wanted;
    /* [atomic] the waiting thread's sleep */
    _Atomic(uint32_t) wake_ups; /* its futex: changes with every wake-up */
    _Atomic(bool) is_asleep;
    _Atomic(bool) is_pausing;
    /* [atomic] how many sleep on ended_futex */
    _Atomic(uint32_t) n_waiting;
};

void tn_grace_init(struct tn_grace *grace);

/* The number of the grace period after which everything that is unreachable now
 * can be freed; makes sure that it will come. Any online thread. Does not block. */
uint64_t tn_grace_request(struct tn_grace *grace);

/* Whether a grace period has passed. Wait-free. */
static inline bool tn_grace_has_ended(const struct tn_grace *grace, uint64_t number)
{
    /* Pairs with the store in tn_grace_run(). Sequentially consistent for
     * tn_grace_wait(); costs no more than an acquire here. */
    return atomic_load_explicit(&grace->ended, memory_order_seq_cst) >= number;
}

/* Blocks until it has. The caller is offline. */
void tn_grace_wait(struct tn_grace *grace, uint64_t number);

/* Makes the waiting thread look for work if it sleeps. Any thread. */
void tn_grace_wake(struct tn_grace *grace);

/* ---- For the one waiting thread ---- */

/* Passes one grace period. Blocks. */
void tn_grace_run(struct tn_grace *grace);

/* Whether somebody wants a later one than the last. */
bool tn_grace_is_wanted(const struct tn_grace *grace);

/* Sleeps until a grace period is wanted or tn_grace_wake(), unless `must_go_on`
 * says no. What that looks at must be written before tn_grace_wake() is called. */
void tn_grace_sleep(struct tn_grace *grace, bool (*must_go_on)(void *arg), void *arg);

/* Sleeps for `timeout_ns`, unless somebody is blocked in tn_grace_wait(). */
void tn_grace_pause(struct tn_grace *grace, uint64_t timeout_ns);

#endif
