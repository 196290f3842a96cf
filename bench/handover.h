/* SPDX-License-Identifier: MIT */
/*
 * Handing pointers from the first worker of a round to the second one through a
 * bounded ring, with one producer and one consumer (L. Lamport, 1983; each side
 * keeps a copy of the other's index, so the two indices' lines travel once a
 * batch and not once a pointer).
 *
 * Whoever has to wait lets the other one work: it spins, passes safe points, and
 * in mode gil gives up the global lock meanwhile.
 */
#ifndef TN_BENCH_HANDOVER_H
#define TN_BENCH_HANDOVER_H

#include <stddef.h>

#include "bench/workload.h"

#define BENCH_HANDOVER_BATCH ((size_t)64)
#define BENCH_HANDOVER_SLOTS ((size_t)2048)

struct bench_handover {
    /* [atomic] written by the consumer with release */
    TN_CACHE_ALIGNED _Atomic(size_t) n_popped;
    /* [owner]  the consumer */
    size_t pushed_seen;
    /* [atomic] written by the producer with release */
    TN_CACHE_ALIGNED _Atomic(size_t) n_pushed;
    /* [owner]  the producer */
    size_t popped_seen;
    /* [owner]  of the slots from n_popped to n_pushed: the consumer; of the
     * others: the producer */
    TN_CACHE_ALIGNED void *slots[BENCH_HANDOVER_SLOTS];
};

/* begin() of a worker: the ring is made by whichever comes first. */
void bench_handover_join(struct bench_worker *w);
/* To be called in end(): the last one frees the ring. */
void bench_handover_leave(struct bench_worker *w);

static inline struct bench_handover *bench_handover_of(const struct bench_worker *w)
{
    return w->state;
}

/* Waits for room for `n` pointers; returns 0 if the round ends before. */
size_t bench_handover_wait_room(struct bench_handover *handover, struct bench_worker *w, size_t n);

/* Pushes `n` pointers, for which there is room. */
void bench_handover_push(struct bench_handover *handover, void *const *items, size_t n);

/* Waits for a pointer and takes up to `n`; returns 0 if the round ends before. */
size_t bench_handover_pop(struct bench_handover *handover, struct bench_worker *w, void **items,
                          size_t n);

/* Takes what is left, a batch at a time, after both have stopped. */
size_t bench_handover_drain(struct bench_handover *handover, void **items);

#endif
