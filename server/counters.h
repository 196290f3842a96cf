/* SPDX-License-Identifier: MIT */
/* What a worker counts for Info. Written by the worker, read by anyone. */
#ifndef TN_SERVER_COUNTERS_H
#define TN_SERVER_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/attr.h"

/* X(name): the sum over all workers is what Info tells. */
#define TN_COUNTER_LIST(X)                                                                         \
    X(connections)                                                                                 \
    X(handles)                                                                                     \
    X(requests)                                                                                    \
    X(requests_failed)                                                                             \
    X(requests_deferred_for_memory)                                                                \
    X(bytes_received)                                                                              \
    X(bytes_sent)                                                                                  \
    X(subscriptions)                                                                               \
    X(events_sent)                                                                                 \
    X(events_behind)                                                                               \
    X(events_lost)                                                                                 \
    X(events_unseen)

struct tn_counters {
    /* [atomic] relaxed: written by one thread, and nothing depends on their order */
#define TN_COUNTER_FIELD(name) _Atomic(uint64_t) name; /* NOLINT(bugprone-macro-parentheses) */
    TN_CACHE_ALIGNED TN_COUNTER_LIST(TN_COUNTER_FIELD)
#undef TN_COUNTER_FIELD
};

/* For the one thread that writes the counter. */
static inline void tn_counter_add(_Atomic(uint64_t) *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void tn_counter_sub(_Atomic(uint64_t) *counter, uint64_t n)
{
    tn_counter_add(counter, 0 - n);
}

static inline uint64_t tn_counter_get(const _Atomic(uint64_t) *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
