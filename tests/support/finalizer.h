/* SPDX-License-Identifier: MIT */
/* Objects whose death is an event, for tests of events. */
#ifndef TN_TESTS_SUPPORT_FINALIZER_H
#define TN_TESTS_SUPPORT_FINALIZER_H

#include "core/heap.h"

/* Gives a container the bit that types set at birth. Its owner, before it is published. */
static inline void test_set_finalizer(struct tn_object *o)
{
    atomic_fetch_or_explicit(&o->bits, TN_BIT_FINALIZER, memory_order_relaxed);
}

#endif
