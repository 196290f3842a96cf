/* SPDX-License-Identifier: MIT */
/*
 * Keepers: a heap and a thread that stays attached to it.
 *
 * The keeper makes what the workers of a round find, so it owns those objects,
 * and its mutator is nobody else's for as long as it lives: to every worker
 * they are foreign. Between tasks it is offline and sleeps.
 *
 * Threads: the main thread.
 */
#ifndef TN_BENCH_KEEPER_H
#define TN_BENCH_KEEPER_H

#include "core/heap.h"

struct bench_keeper;

/* A new heap and its keeper. Ends the program if there is no memory. */
struct bench_keeper *bench_keeper_new(enum tn_mode mode);

struct tn_heap *bench_keeper_heap(struct bench_keeper *keeper);

/* Runs a task on the keeper's thread, online. Blocks until it is done. */
void bench_keeper_run(struct bench_keeper *keeper,
                      void (*task)(struct tn_thread *thread, void *arg), void *arg);

/* Ends the thread and frees the heap, and ends the program if something in it
 * was still alive: then a count was wrong, and so are all figures. Leaves NULL. */
void bench_keeper_free(struct bench_keeper **keeperp);

#endif
