/* SPDX-License-Identifier: MIT */
/* One line on standard error that says what is being done and how long it will
 * take. Only on a terminal. The main thread. */
#ifndef TN_BENCH_PROGRESS_H
#define TN_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/plan.h"

struct bench_progress {
    bool is_shown;
    unsigned int n_rounds;    /* of a row, without its warm-up */
    size_t n_total;           /* rounds of all rows, with the warm-up */
    size_t n_done;            /* of those */
    double total_seconds;     /* that all of them are timed */
    double done_seconds;      /* of those: what is behind us */
    uint64_t rounds_begin_ns; /* of the first one; 0: still setting up */
};

void bench_progress_init(struct bench_progress *progress, const struct bench_plan *plan);

/* While there is no row to name. */
void bench_progress_note(struct bench_progress *progress, const char *what, const char *workload,
                         const char *mode);

/* A row's round number `n` begins; 0 is the warm-up. */
void bench_progress_show(struct bench_progress *progress, const struct bench_row *row,
                         unsigned int n);

/* So many of the planned seconds have passed. */
void bench_progress_advance(struct bench_progress *progress, double seconds);

/* Takes the line away. */
void bench_progress_fini(struct bench_progress *progress);

#endif
