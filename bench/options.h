/* SPDX-License-Identifier: MIT */
/* What the command line says, common to all families. */
#ifndef TN_BENCH_OPTIONS_H
#define TN_BENCH_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heap.h"

#define BENCH_LIST_MAX 16
#define BENCH_ROUNDS_MAX 101
#define BENCH_THREADS_MAX 64

/* The shortest round whose time says something; shorter ones are made longer. */
#define BENCH_ROUND_SECONDS_MIN 0.1

struct bench_list {
    unsigned int items[BENCH_LIST_MAX];
    size_t n;
};

struct bench_options {
    bool modes[TN_MODE_BIASED + 1];
    const char *workloads;     /* separated by commas; NULL: all */
    struct bench_list threads; /* empty: the command's default */
    double seconds;            /* per row, all rounds together; 0: the default */
    unsigned int rounds;       /* 0: the default */
    double round_seconds;      /* what follows from the two */
    double warmup_seconds;     /* per row */
    uint64_t n_ops;            /* per thread and round; 0: by time */
    uint64_t seed;
    uint32_t n_keys; /* 0: as many as the workload says */
    bool json;
    bool latency;
    bool no_pin;
    bool no_baselines;
    /* gc */
    bool collectors[TN_GC_KINDS];
    /* service */
    struct bench_list pipelines;
    unsigned int connections;
    unsigned int value_bytes;
    bool over_unix;
    bool over_tcp;
    const char *endpoint; /* a server that runs already; NULL: our own */
    const char *server;   /* the program; NULL: the one beside ours */
};

/* The options of every command. Its input is a struct bench_options. */
extern const struct argp bench_options_argp;

/* What further options need (argp parsers of their own): parses "1,2,64" into
 * numbers from `min` to `max`, or ends the program with a usage error. */
void bench_options_parse_list(struct argp_state *state, const char *arg, unsigned int min,
                              unsigned int max, struct bench_list *ret_list);

void bench_options_init(struct bench_options *options);

/* Computes what follows from the options. Called by the commands, which may set
 * defaults of their own before. */
void bench_options_finish(struct bench_options *options);

/* Whether a workload was asked for. */
bool bench_options_wants(const struct bench_options *options, const char *workload);

#endif
