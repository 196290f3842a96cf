/* SPDX-License-Identifier: MIT */
/*
 * Workloads in process: what a family consists of, and what the runner calls.
 *
 * A family is a table of implementations. One without a `baseline` measures our
 * heap and runs in each mode that was asked for; one with a `baseline` measures
 * something else under the same workload's name (plain counters, another
 * allocator, another table) in the same interleaved rounds. A new workload is a
 * row in its family's table.
 *
 *   function   called                                             by
 *   setup      once per mode, before any round                    the keeper
 *   begin      before each round, not timed                       each worker
 *   chunk      again and again until the round is over, timed     each worker
 *   end        after all workers have finished, not timed         each worker
 *   teardown   once per mode, after all rounds                    the keeper
 *
 * All of them run online, in the mutator `mu`; baselines have none. Between two
 * chunks the runner passes a safe point, so a chunk's length is how often that
 * happens and nothing borrowed outlives a chunk.
 */
#ifndef TN_BENCH_WORKLOAD_H
#define TN_BENCH_WORKLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/histogram.h"
#include "bench/options.h"
#include "bench/random.h"
#include "core/base/attr.h"
#include "core/heap.h"

/* Keeps the compiler from knowing a variable's value and what memory holds: it
 * can neither drop work, nor merge it, nor move it out of a loop. */
#define BENCH_HIDE(variable) __asm__ volatile("" : "+r"(variable) : : "memory")

/* Keeps the compiler from dropping the computation of a value. */
#define BENCH_USE(value) __asm__ volatile("" : : "r"(value) : "memory")

/* Eight times the same statement, in subjects and baselines alike, so that the
 * loop around it weighs the same in both. */
#define BENCH_UNROLL 8
#define BENCH_8_TIMES(statement)                                                                   \
    do {                                                                                           \
        statement;                                                                                 \
        statement;                                                                                 \
        statement;                                                                                 \
        statement;                                                                                 \
        statement;                                                                                 \
        statement;                                                                                 \
        statement;                                                                                 \
        statement;                                                                                 \
    } while (0)

struct bench_case;
struct bench_worker;

struct bench_impl {
    const char *workload;
    const char *baseline; /* NULL: our heap, in each mode */
    const char *what;     /* one operation, in words, for --help; NULL for baselines */
    /* Operations between two safe points; a multiple of BENCH_UNROLL. */
    size_t ops_per_safepoint;
    unsigned int threads_min; /* 0: 1 */
    unsigned int threads_max; /* 0: any number */
    /* chunk() can do a single operation, so that --latency can time it. */
    bool has_latency;
    /* Threads of a round do the parts of one operation rather than one each, so
     * the time per operation is not multiplied by their number. */
    bool is_joint;
    /* Not there on this machine: its rows are left out. NULL: always there. */
    bool (*is_available)(void);
    void (*setup)(struct bench_case *c, struct tn_thread *thread);
    void (*begin)(struct bench_worker *w);
    /* Does about `n` operations and returns how many it did. */
    size_t (*chunk)(struct bench_worker *w, size_t n);
    void (*end)(struct bench_worker *w);
    void (*teardown)(struct bench_case *c, struct tn_thread *thread);
};

/* One implementation in one mode: what its rows with one, two, ... threads share. */
struct bench_case {
    /* [const] */
    const char *bench; /* the family's name */
    const struct bench_impl *impl;
    const struct bench_options *options;
    enum tn_mode mode;
    struct bench_keeper *keeper; /* NULL: a baseline */
    struct tn_heap *heap;        /* NULL: a baseline */
    /* What setup() made; written by setup(), begin() and end() only. */
    void *state;
};

struct bench_worker {
    /* [const]  during a round */
    struct bench_case *c;
    unsigned int index;
    unsigned int n_workers;
    struct tn_thread *thread; /* NULL: a baseline */
    const _Atomic(bool) *stop;
    /* [owner] */
    struct tn_mutator *mu;
    struct bench_random random;
    void *state; /* what begin() made */
    /* [owner]  read by the runner after the round */
    uint64_t n_ops;
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t cpu_ns;                 /* that it really ran in between */
    struct bench_histogram *latency; /* NULL: not wanted */
} TN_CACHE_ALIGNED;

struct bench_family {
    const char *name;
    const char *what;
    const struct bench_impl *impls;
    size_t n_impls;
};

extern const struct bench_family bench_family_plain;
extern const struct bench_family bench_family_refcount;
extern const struct bench_family bench_family_alloc;
extern const struct bench_family bench_family_heap;

/* "gil", "atomic", "biased", or the name of the baseline. */
const char *bench_case_mode(const struct bench_case *c);

/* True once the round is over: for whoever waits for another worker. */
static inline bool bench_worker_must_stop(const struct bench_worker *w)
{
    /* Relaxed: it orders nothing, and a late look costs a chunk. */
    return atomic_load_explicit(w->stop, memory_order_relaxed);
}

/* Prints why and ends the program: a benchmark has nothing to fall back to. */
TN_NORETURN TN_COLD TN_PRINTF(1, 2) void bench_die(const char *format, ...);

/* What bench_die() calls before it ends the program; NULL: nothing. Main thread. */
void bench_on_death(void (*clean_up)(void));

/* Ends the program if `r` is an error. */
static inline void bench_check(int r, const char *what)
{
    if (TN_UNLIKELY(r < 0))
        bench_die("%s: %s", what, tn_err_text(r));
}

/* Zeroed memory that shares no cache line with anything else; never NULL. */
void *bench_alloc(size_t bytes);
void bench_free(void *memory);

#endif
