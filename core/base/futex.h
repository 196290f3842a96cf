/* SPDX-License-Identifier: MIT */
/* The system call on which locks sleep: wait while a word has a value. */
#ifndef TN_CORE_BASE_FUTEX_H
#define TN_CORE_BASE_FUTEX_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"

#define TN_FUTEX_FOREVER UINT64_MAX

/* Sleeps until woken, until `timeout_ns` have passed, or for no reason at all;
 * returns at once if the word is not `expected`. The caller looks again. */
static inline void tn_futex_wait(const void *word, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec ts = {
        .tv_sec = (time_t)(timeout_ns / TN_NS_PER_S),
        .tv_nsec = (long)(timeout_ns % TN_NS_PER_S),
    };

    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
            timeout_ns == TN_FUTEX_FOREVER ? NULL : &ts, NULL, 0);
}

/* Wakes up to `n` sleepers. */
static inline void tn_futex_wake(const void *word, int n)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* Tells the processor that this is a waiting loop. */
static inline void tn_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
