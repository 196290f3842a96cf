/* SPDX-License-Identifier: MIT */
/*
 * A heap for a test, in each mode, that must be empty at the end.
 *
 *     static void test_something(void **state)
 *     {
 *         for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
 *             struct heap_fixture f;
 *
 *             heap_fixture_setup(&f, mode);
 *             ... f.mu ...
 *             heap_fixture_teardown(&f);
 *         }
 *     }
 *
 * Setup and teardown assert with cmocka: on the test's own thread only.
 */
#ifndef TN_TESTS_SUPPORT_HEAP_FIXTURE_H
#define TN_TESTS_SUPPORT_HEAP_FIXTURE_H

#include "core/heap.h"

struct heap_fixture {
    struct tn_heap *heap;
    struct tn_thread *thread; /* of the test's own thread, online as `mu` */
    struct tn_mutator *mu;
};

/* A heap without a memory limit, the calling thread attached and online. */
void heap_fixture_setup(struct heap_fixture *f, enum tn_mode mode);

/* The same with options. */
void heap_fixture_setup_with(struct heap_fixture *f, const struct tn_heap_options *options);

/* In a mode, with a collector. */
void heap_fixture_setup_collected(struct heap_fixture *f, enum tn_mode mode,
                                  const struct tn_gc_options *gc_options);

/* Passes safe points until nothing is dying or in limbo any more. What was
 * borrowed is invalid afterwards. */
void heap_fixture_settle(struct heap_fixture *f);

/* Settles, and expects that no object and no byte is alive. */
void heap_fixture_expect_empty(struct heap_fixture *f);

/* Expects an empty heap and frees it. */
void heap_fixture_teardown(struct heap_fixture *f);

/* A random number generator (splitmix64) for tests: seeded, so repeatable. */
uint64_t test_random(uint64_t *state);

/* The seed of this run: TN_TEST_SEED from the environment, or the clock. Prints it. */
uint64_t test_seed(void);

/* How long a stress test works: TN_STRESS_SECONDS from the environment, or 1. */
unsigned int test_stress_seconds(void);

#endif
