/* SPDX-License-Identifier: MIT */
/*
 * Scheduling points: where another thread's step in between would be the most
 * interesting. Builds with TN_TEST_TINY stop there now and then, so that windows
 * of nanoseconds are open long enough for a test to fall into; all others
 * compile them away.
 */
#ifndef TN_CORE_BASE_YIELD_H
#define TN_CORE_BASE_YIELD_H

#ifndef TN_TEST_TINY
#define TN_TEST_TINY 0
#endif

void tn_yield_slow(void);

/* Any thread, under any lock. */
static inline void tn_yield(void)
{
    if (TN_TEST_TINY)
        tn_yield_slow();
}

#endif
