/* SPDX-License-Identifier: MIT */
/*
 * Actors: threads that all do the same kind of thing to one heap, at random, for
 * a while. They note what is wrong, and the test's own thread asserts afterwards.
 */
#ifndef TN_TESTS_SUPPORT_ACTORS_H
#define TN_TESTS_SUPPORT_ACTORS_H

#include <stdint.h>

#include "core/heap.h"
#include "tests/support/heap_fixture.h"

#define TEST_ACTORS_MAX 8

struct test_actor {
    unsigned int index; /* from 0 */
    unsigned int n_actors;
    void *world; /* what they share */
    struct tn_heap *heap;
    struct tn_thread *thread;
    struct tn_mutator *mu; /* online as this */
    uint64_t random;
    uint64_t n_steps;
    const char *failure; /* NULL: none; ends the actor */
};

/* Notes a failure if something does not hold. */
#define TEST_ACTOR_EXPECT(actor, condition)                                                        \
    do {                                                                                           \
        if (!(condition) && (actor)->failure == NULL)                                              \
            (actor)->failure = #condition;                                                         \
    } while (0)

/* A random number below `n`. */
uint64_t test_actor_any(struct test_actor *actor, uint64_t n);

/* A safe point, now and then: what was borrowed is invalid afterwards. */
void test_actor_pause(struct test_actor *actor);

/*
 * Runs `n_actors` threads. Each calls `step` again and again until `duration_ns`
 * have passed, with safe points and offline times in between, and `finish` (may
 * be NULL) at the end. The fixture's own thread is offline meanwhile, and online
 * again afterwards. Asserts that nobody has failed. Returns the number of steps.
 */
uint64_t test_actors_run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                         uint64_t duration_ns, void (*step)(struct test_actor *actor),
                         void (*finish)(struct test_actor *actor), void *world);

/* Calls `run` in every mode with 2, 3 and 8 actors, so that all of it takes about
 * as long as a stress test should; prints the number of steps that it returns.
 * The heap must be empty at the end. */
void test_actors_in_all_modes(uint64_t (*run)(struct heap_fixture *f, unsigned int n_actors,
                                              uint64_t seed, uint64_t duration_ns));

#endif
