/* SPDX-License-Identifier: MIT */
/*
 * Faults on request: tests make the nth allocation of the heap fail, for every
 * n, and expect that nothing is lost or half done. Builds without TN_DEBUG
 * compile all of it away.
 */
#ifndef TN_CORE_MEMORY_FAULT_H
#define TN_CORE_MEMORY_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#ifndef TN_DEBUG
#define TN_DEBUG 0
#endif

/* Lets `n` more allocations of any thread succeed and makes every later one
 * fail; a negative `n` ends that. Has an effect only with TN_DEBUG. */
void tn_fault_fail_after(int64_t n);

/* How many allocations have been refused since the last tn_fault_fail_after(). */
int64_t tn_fault_count(void);

bool tn_fault_strikes_slow(void);

/* Whether this allocation is to fail. */
static inline bool tn_fault_strikes(void)
{
    return TN_DEBUG && tn_fault_strikes_slow();
}

#endif
