/* SPDX-License-Identifier: MIT */
/* The global lock: it excludes, it is handed over, and nobody starves. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/object/gil.h"
#include "tests/support/heap_fixture.h"

#define N_THREADS 4
#define N_ROUNDS 20000

struct contest {
    struct tn_gil gil;
    uint64_t counter;      /* [lock] the gil: plain on purpose */
    _Atomic(bool) is_over; /* set by the test's own thread */
    _Atomic(bool) has_begun;
    uint64_t n_got;
};

static void *count_up(void *arg)
{
    struct contest *contest = arg;
    char holder = 0;

    for (int i = 0; i < N_ROUNDS; i++) {
        tn_gil_acquire(&contest->gil, &holder);
        contest->counter++;
        tn_gil_checkpoint(&contest->gil, &holder);
        contest->counter++;
        tn_gil_release(&contest->gil);
    }
    return NULL;
}

static void test_gil_excludes(void **state)
{
    struct contest contest = { 0 };
    pthread_t threads[N_THREADS];

    (void)state;
    tn_gil_init(&contest.gil, 100 * TN_NS_PER_US);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &contest), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(contest.counter, 2 * N_THREADS * N_ROUNDS);
    tn_gil_fini(&contest.gil);
}

/* Never gives the lock up by itself; only when it is asked to. */
static void *hog(void *arg)
{
    struct contest *contest = arg;
    char holder = 0;

    tn_gil_acquire(&contest->gil, &holder);
    atomic_store(&contest->has_begun, true);
    while (!atomic_load(&contest->is_over)) {
        contest->counter++;
        tn_gil_checkpoint(&contest->gil, &holder);
    }
    tn_gil_release(&contest->gil);
    return NULL;
}

static void test_gil_is_taken_from_a_busy_holder(void **state)
{
    struct contest contest = { 0 };
    pthread_t thread;
    char holder = 0;
    uint64_t counter;

    (void)state;
    tn_gil_init(&contest.gil, TN_NS_PER_MS);
    assert_int_equal(pthread_create(&thread, NULL, hog, &contest), 0);
    while (!atomic_load(&contest.has_begun))
        ;
    for (int i = 0; i < 10; i++) {
        tn_gil_acquire(&contest.gil, &holder); /* returns at all */
        counter = contest.counter;
        for (volatile int spin = 0; spin < 10000; spin++)
            ;
        assert_int_equal(contest.counter, counter); /* the hog stands still */
        tn_gil_release(&contest.gil);
    }
    atomic_store(&contest.is_over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(atomic_load(&contest.gil.n_forced) >= 1);
    assert_true(atomic_load(&contest.gil.n_switches) >= 2);
    tn_gil_fini(&contest.gil);
}

static void test_gil_two_hogs_take_turns(void **state)
{
    struct contest contest = { 0 };
    pthread_t threads[2];
    uint64_t seen;

    (void)state;
    tn_gil_init(&contest.gil, TN_NS_PER_MS);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hog, &contest), 0);
    do
        seen = atomic_load(&contest.gil.n_switches);
    while (seen < 10);
    atomic_store(&contest.is_over, true);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    tn_gil_fini(&contest.gil);
}

/* The same through the heap: all threads bear one mutator. */
struct worker {
    struct tn_heap *heap;
    struct tn_object *list;
    int error;
};

static void *append_numbers(void *arg)
{
    struct worker *worker = arg;
    struct tn_thread *thread;
    struct tn_mutator *mu;

    worker->error = tn_thread_attach(worker->heap, &thread);
    if (worker->error < 0)
        return NULL;
    mu = tn_thread_online(thread);
    for (int64_t i = 0; i < N_ROUNDS && worker->error == 0; i++) {
        struct tn_object *number;

        worker->error = tn_int_new(mu, i, &number);
        if (worker->error == 0)
            worker->error = tn_list_append(mu, worker->list, &number, NULL);
        if (i % 64 == 0)
            (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
        if (i % 1000 == 0) {
            tn_thread_offline(thread);
            mu = tn_thread_online(thread);
        }
    }
    tn_thread_offline(thread);
    tn_thread_detach(&thread);
    return NULL;
}

static void test_gil_threads_share_one_mutator(void **state)
{
    struct tn_heap_options options = { .mode = TN_MODE_GIL,
                                       .switch_interval_ns = 200 * TN_NS_PER_US };
    struct worker workers[N_THREADS];
    pthread_t threads[N_THREADS];
    struct tn_object *list;
    struct tn_census census;
    struct heap_fixture f;

    (void)state;
    heap_fixture_setup_with(&f, &options);
    assert_int_equal(tn_list_new(f.mu, 0, &list), 0);
    tn_thread_offline(f.thread);
    for (int i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){ .heap = f.heap, .list = list };
        assert_int_equal(pthread_create(&threads[i], NULL, append_numbers, &workers[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].error, 0);
    }
    f.mu = tn_thread_online(f.thread);
    assert_int_equal(tn_list_length(list), N_THREADS * N_ROUNDS);
    tn_census_take(f.heap, &census);
    assert_int_equal(census.n_mutators, 1);
    assert_true(census.gil_switches >= 1);
    tn_decref(f.mu, list);
    heap_fixture_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gil_excludes),
        cmocka_unit_test(test_gil_is_taken_from_a_busy_holder),
        cmocka_unit_test(test_gil_two_hogs_take_turns),
        cmocka_unit_test(test_gil_threads_share_one_mutator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
