/* SPDX-License-Identifier: MIT */
/*
 * Read-copy-update: the one place that includes liburcu (QSBR flavour).
 *
 * A registered thread is in a read section from the moment it is online until
 * it passes a quiescent state or goes offline. What such a thread has found
 * stays in memory until then. A grace period has passed when every thread that
 * was online at its beginning has done so.
 *
 * Pointers are published with C11 release stores and read with acquire loads,
 * so that ThreadSanitizer sees them. It cannot see liburcu's inline assembly:
 * in its builds the out-of-line functions are called, and the two edges of a
 * grace period are told to it by hand in rcu.c.
 */
#ifndef TN_CORE_BASE_RCU_H
#define TN_CORE_BASE_RCU_H

#include "core/base/attr.h"

#if !TN_TSAN && !defined(_LGPL_SOURCE)
#define _LGPL_SOURCE
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#include <urcu-qsbr.h>
#pragma GCC diagnostic pop

#if TN_TSAN
extern char tn_rcu_tsan_tag;
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define TN_RCU_TSAN_RELEASE() __tsan_release(&tn_rcu_tsan_tag)
#define TN_RCU_TSAN_ACQUIRE() __tsan_acquire(&tn_rcu_tsan_tag)
#else
#define TN_RCU_TSAN_RELEASE() ((void)0)
#define TN_RCU_TSAN_ACQUIRE() ((void)0)
#endif

/* Makes the calling thread known; it is online afterwards. */
static inline void tn_rcu_register(void)
{
    urcu_qsbr_register_thread();
}

/* The thread must be registered, and holds nothing that it found. */
static inline void tn_rcu_unregister(void)
{
    TN_RCU_TSAN_RELEASE();
    urcu_qsbr_unregister_thread();
}

/* Says that this thread holds nothing that it found. Wait-free, under 1 ns. */
static inline void tn_rcu_quiescent(void)
{
    TN_RCU_TSAN_RELEASE();
    urcu_qsbr_quiescent_state();
}

/* The same, and grace periods need not wait for this thread. Around whatever
 * may block for long. */
static inline void tn_rcu_offline(void)
{
    TN_RCU_TSAN_RELEASE();
    urcu_qsbr_thread_offline();
}

static inline void tn_rcu_online(void)
{
    urcu_qsbr_thread_online();
}

/* Blocks for one grace period. The caller must be offline or unregistered. */
static inline void tn_rcu_synchronize(void)
{
    urcu_qsbr_synchronize_rcu();
    TN_RCU_TSAN_ACQUIRE();
}

#endif
