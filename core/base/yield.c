/* SPDX-License-Identifier: MIT */
#include "core/base/yield.h"

#include <sched.h>
#include <stdint.h>

#include "core/base/futex.h"

/* Seeded with its own address, which differs between threads. For tests only. */
static _Thread_local uint64_t random_state;

/* Mostly does nothing, sometimes spins for a moment, seldom lets others run. */
void tn_yield_slow(void)
{
    uint64_t x = random_state == 0 ? (uintptr_t)&random_state : random_state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random_state = x;
    if (x % 16 == 0) {
        for (uint64_t n = x >> 8 & 255; n > 0; n--)
            tn_cpu_relax();
    } else if (x % 128 == 1) {
        sched_yield();
    }
}
