/* SPDX-License-Identifier: MIT */
/*
 * Plans: which rows are measured, and in which order.
 *
 * Rounds are interleaved: every row once, then every row again (A B C A B C), so
 * that drift of the machine hits all alike. The pair of plain increments of each
 * number of threads is a row like the others; what it took in a round is the
 * baseline of all rows of that round.
 *
 * Threads: the main thread.
 */
#ifndef TN_BENCH_PLAN_H
#define TN_BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/histogram.h"
#include "bench/options.h"
#include "bench/runner.h"

/* What only rows of the service have. */
struct bench_service_figures {
    unsigned int pipeline;
    unsigned int connections;
    unsigned int value_bytes;
    const char *transport;                  /* "unix" or "tcp" */
    double server_cpu_us[BENCH_ROUNDS_MAX]; /* per operation, by round */
    double client_cpu_us[BENCH_ROUNDS_MAX];
    /* Counted in ticks, so of all rounds together. */
    double server_system_seconds;
    uint64_t n_ops;
};

struct bench_row {
    /* [const]  what it is */
    const char *bench;
    const char *workload;
    const char *mode;
    unsigned int threads;
    bool is_baseline;
    bool is_joint;
    size_t ops_per_safepoint; /* 0: does not apply */
    /* What does a round of it; writes the measured part of the row. */
    void (*run_round)(struct bench_row *row, const struct bench_round *round, bool is_warmup);
    void *source;     /* run_round()'s */
    bool owns_source; /* to be freed with the row */
    /* What was measured: by round. */
    size_t n_rounds;
    double ns[BENCH_ROUNDS_MAX];             /* per operation, as one thread sees it */
    double ops_per_second[BENCH_ROUNDS_MAX]; /* of all threads together */
    double cpu_ns[BENCH_ROUNDS_MAX];         /* of the CPU, per operation; 0: see `service` */
    struct bench_histogram *latency;         /* NULL: not timed */
    struct bench_service_figures *service;   /* NULL: in process */
    struct bench_row *plain;                 /* the baseline of its number of threads */
};

struct bench_plan {
    /* [const] */
    const struct bench_options *options;
    struct bench_row **rows;
    size_t n_rows;
    struct bench_case **cases;
    size_t n_cases;
    struct bench_row *plain[BENCH_THREADS_MAX + 1]; /* by number of threads; or NULL */
};

void bench_plan_init(struct bench_plan *plan, const struct bench_options *options);
void bench_plan_fini(struct bench_plan *plan);

/* Adds a row that the caller fills in; it belongs to the plan. */
struct bench_row *bench_plan_add_row(struct bench_plan *plan);

/* The row of the plain pair with so many threads, added if it is not there yet. */
struct bench_row *bench_plan_plain(struct bench_plan *plan, unsigned int threads);

/* Adds the rows of one workload of a family: each mode and baseline with each
 * number of threads that fits. False if the family has no such workload. */
bool bench_plan_add_workload(struct bench_plan *plan, const struct bench_family *family,
                             const char *workload);

/* Sets up, warms up, measures all rounds, and takes down again. */
void bench_plan_run(struct bench_plan *plan);

#endif
