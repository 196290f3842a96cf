/* SPDX-License-Identifier: MIT */
/*
 * One round of a workload in process: so many threads, for so long.
 *
 * Each worker is a thread of its own, pinned to a CPU of its own if there are
 * enough, and comes online after all are ready. The time of the round is from
 * the first worker's beginning to the last one's end, by CLOCK_MONOTONIC, and
 * includes waiting for the global lock in mode gil. In that mode a worker holds
 * the lock from safe point to safe point and gives it up as its heap says.
 */
#ifndef TN_BENCH_RUNNER_H
#define TN_BENCH_RUNNER_H

#include <stdint.h>

#include "bench/histogram.h"
#include "bench/workload.h"

struct bench_round {
    double seconds; /* how long; 0: until some worker has done n_ops */
    uint64_t n_ops;
    uint64_t stream; /* random sequences from here on belong to this round */
};

struct bench_result {
    uint64_t n_ops;
    double seconds;
    double cpu_seconds; /* of all workers together */
};

/* Runs a round. Times of single operations are added to `latency`, which may be
 * NULL. The main thread; blocks until the round is over. */
struct bench_result bench_runner_round(struct bench_case *c, unsigned int n_threads,
                                       const struct bench_round *round,
                                       struct bench_histogram *latency);

#endif
