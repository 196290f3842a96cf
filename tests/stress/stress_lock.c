/* SPDX-License-Identifier: MIT */
/*
 * The lock of one object: threads add to a plain counter under it, some after
 * having been asleep on it. Nothing may be lost, nobody may sleep for ever.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/heap.h"
#include "core/object/lock.h"
#include "core/object/mutator.h"
#include "tests/support/heap_fixture.h"

#define THREADS_MAX 8

struct stress {
    struct tn_heap *heap;
    struct tn_object *object;
    uint64_t counter; /* [lock] of `object`: plain on purpose */
    uint64_t until_ns;
};

struct actor {
    struct stress *stress;
    uint64_t random;
    int error;
    uint64_t n_added;
};

static void *actor_main(void *arg)
{
    struct actor *actor = arg;
    struct stress *stress = actor->stress;
    struct tn_thread *thread;
    struct tn_mutator *mu;

    actor->error = tn_thread_attach(stress->heap, &thread);
    if (actor->error < 0)
        return NULL;
    mu = tn_thread_online(thread);
    while (tn_clock_ns() < stress->until_ns) {
        uint64_t r = test_random(&actor->random);

        tn_object_lock(mu, stress->object);
        stress->counter++;
        if (r % 256 == 0) /* long enough for the others to fall asleep */
            sched_yield();
        tn_object_unlock(mu, stress->object);
        actor->n_added++;
        if (r % 32 == 0)
            (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
    }
    tn_thread_offline(thread);
    tn_thread_detach(&thread);
    return NULL;
}

static void run(enum tn_mode mode, unsigned int n_threads, uint64_t seed, uint64_t duration_ns)
{
    struct actor actors[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    struct stress stress;
    struct heap_fixture f;
    uint64_t n_added = 0;

    heap_fixture_setup(&f, mode);
    stress = (struct stress){ .heap = f.heap, .until_ns = tn_clock_ns() + duration_ns };
    assert_int_equal(tn_list_new(f.mu, 0, &stress.object), 0);
    tn_publish(f.mu, stress.object);
    tn_thread_offline(f.thread);
    for (unsigned int i = 0; i < n_threads; i++) {
        actors[i] = (struct actor){ .stress = &stress, .random = seed + i };
        assert_int_equal(pthread_create(&threads[i], NULL, actor_main, &actors[i]), 0);
    }
    for (unsigned int i = 0; i < n_threads; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(actors[i].error, 0);
        n_added += actors[i].n_added;
    }
    assert_int_equal(stress.counter, n_added);
    printf("%s, %u threads: %llu times\n", tn_mode_name(mode), n_threads,
           (unsigned long long)n_added);
    f.mu = tn_thread_online(f.thread);
    tn_decref(f.mu, stress.object);
    heap_fixture_teardown(&f);
}

static void test_object_lock_under_stress_loses_nothing(void **state)
{
    static const unsigned int n_threads[] = { 2, 4, 8 };
    uint64_t duration_ns = test_stress_seconds() * TN_NS_PER_S / 9;
    uint64_t seed = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        for (size_t i = 0; i < 3; i++)
            run((enum tn_mode)mode, n_threads[i], seed + i * 10, duration_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object_lock_under_stress_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
