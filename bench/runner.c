/* SPDX-License-Identifier: MIT */
#include "bench/runner.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "bench/machine.h"
#include "core/base/clock.h"
#include "core/base/futex.h"

/* Where the workers of a round meet. */
struct round_state {
    /* [const] */
    const struct bench_round *round;
    unsigned int n_workers;
    bool must_yield; /* fewer CPUs than threads */
    /* All workers and the main thread: everything is prepared. */
    pthread_barrier_t is_ready;
    /* [atomic] how many have come to the meeting points, all taken together */
    TN_CACHE_ALIGNED _Atomic(unsigned int) n_arrived;
    /* [atomic] the end of the round; read between chunks, written once */
    TN_CACHE_ALIGNED _Atomic(bool) stop;
};

struct worker_thread {
    pthread_t thread;
    struct round_state *state;
    struct bench_worker *worker;
};

/* Waits, spinning, until everybody has come to the meeting point number `point`. */
static void meet(struct round_state *state, unsigned int point)
{
    unsigned int n_all = point * state->n_workers;

    /* Release and acquire: what was prepared before is seen after. */
    atomic_fetch_add_explicit(&state->n_arrived, 1, memory_order_acq_rel);
    while (atomic_load_explicit(&state->n_arrived, memory_order_acquire) < n_all) {
        if (state->must_yield)
            sched_yield();
        else
            tn_cpu_relax();
    }
}

static void go_online(struct bench_worker *w)
{
    if (w->thread != NULL)
        w->mu = tn_thread_online(w->thread);
}

static void go_offline(struct bench_worker *w)
{
    if (w->thread != NULL)
        tn_thread_offline(w->thread);
    w->mu = NULL;
}

static void pass_safepoint(struct bench_worker *w)
{
    if (w->thread != NULL)
        (void)tn_thread_safepoint(w->thread, TN_WORK_BUDGET);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * TN_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* What is timed. */
static void work(struct bench_worker *w, const struct bench_round *round, _Atomic(bool) *stop)
{
    const struct bench_impl *impl = w->c->impl;
    size_t n_chunk = impl->ops_per_safepoint;
    uint64_t n_ops = 0;

    if (round->seconds == 0 && round->n_ops < n_chunk)
        n_chunk = (size_t)((round->n_ops + BENCH_UNROLL - 1) / BENCH_UNROLL * BENCH_UNROLL);
    w->cpu_ns = thread_cpu_ns();
    w->begin_ns = tn_clock_ns();
    go_online(w);
    do {
        if (w->latency != NULL) {
            uint64_t before = tn_clock_ns();

            if (impl->chunk(w, 1) > 0)
                bench_histogram_record(w->latency, tn_clock_ns() - before);
            n_ops++;
        }
        n_ops += impl->chunk(w, n_chunk);
        pass_safepoint(w);
        if (round->seconds == 0 && n_ops >= round->n_ops)
            atomic_store_explicit(stop, true, memory_order_relaxed);
    } while (!bench_worker_must_stop(w));
    go_offline(w);
    w->end_ns = tn_clock_ns();
    w->cpu_ns = thread_cpu_ns() - w->cpu_ns;
    w->n_ops = n_ops;
}

static void *worker_main(void *arg)
{
    struct worker_thread *self = arg;
    struct bench_worker *w = self->worker;
    const struct bench_impl *impl = w->c->impl;

    if (!w->c->options->no_pin && !self->state->must_yield)
        bench_machine_pin(w->index);
    if (w->c->heap != NULL)
        bench_check(tn_thread_attach(w->c->heap, &w->thread), "attaching a thread");
    go_online(w);
    if (impl->begin != NULL)
        impl->begin(w);
    /* Offline while waiting: in mode gil the others need the lock to get here. */
    go_offline(w);
    (void)pthread_barrier_wait(&self->state->is_ready);
    meet(self->state, 1); /* sleepers wake one after another */
    work(w, self->state->round, &self->state->stop);
    meet(self->state, 2);
    go_online(w);
    if (impl->end != NULL)
        impl->end(w);
    go_offline(w);
    tn_thread_detach(&w->thread);
    return NULL;
}

static void sleep_for(double seconds)
{
    struct timespec ts = {
        .tv_sec = (time_t)seconds,
        .tv_nsec = (long)((seconds - (double)(time_t)seconds) * (double)TN_NS_PER_S),
    };

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) != 0)
        continue;
}

static struct bench_result collect(const struct bench_worker *workers, unsigned int n_threads,
                                   struct bench_histogram *latency)
{
    struct bench_result result = { 0 };
    uint64_t begin_ns = UINT64_MAX;
    uint64_t end_ns = 0;

    for (unsigned int i = 0; i < n_threads; i++) {
        const struct bench_worker *w = &workers[i];

        result.n_ops += w->n_ops;
        result.cpu_seconds += (double)w->cpu_ns / (double)TN_NS_PER_S;
        begin_ns = w->begin_ns < begin_ns ? w->begin_ns : begin_ns;
        end_ns = w->end_ns > end_ns ? w->end_ns : end_ns;
        if (w->latency != NULL)
            bench_histogram_add(latency, w->latency);
    }
    result.seconds = (double)(end_ns - begin_ns) / (double)TN_NS_PER_S;
    return result;
}

struct bench_result bench_runner_round(struct bench_case *c, unsigned int n_threads,
                                       const struct bench_round *round,
                                       struct bench_histogram *latency)
{
    struct bench_worker *workers = bench_alloc(n_threads * sizeof(*workers));
    struct worker_thread threads[BENCH_THREADS_MAX];
    struct round_state state = {
        .round = round,
        .n_workers = n_threads,
        .must_yield = n_threads > bench_machine_n_cpus(),
    };
    struct bench_result result;

    if (pthread_barrier_init(&state.is_ready, NULL, n_threads + 1) != 0)
        bench_die("cannot create a barrier");
    for (unsigned int i = 0; i < n_threads; i++) {
        struct bench_worker *w = &workers[i];

        w->c = c;
        w->index = i;
        w->n_workers = n_threads;
        w->stop = &state.stop;
        w->random = bench_random_init(c->options->seed, round->stream + i);
        if (latency != NULL)
            w->latency = bench_alloc(sizeof(*w->latency));
        threads[i] = (struct worker_thread){ .state = &state, .worker = w };
        if (pthread_create(&threads[i].thread, NULL, worker_main, &threads[i]) != 0)
            bench_die("cannot create a thread");
    }
    (void)pthread_barrier_wait(&state.is_ready);
    if (round->seconds > 0) {
        sleep_for(round->seconds);
        atomic_store_explicit(&state.stop, true, memory_order_relaxed);
    }
    for (unsigned int i = 0; i < n_threads; i++)
        pthread_join(threads[i].thread, NULL);
    pthread_barrier_destroy(&state.is_ready);
    result = collect(workers, n_threads, latency);
    for (unsigned int i = 0; i < n_threads; i++)
        bench_free(workers[i].latency);
    bench_free(workers);
    return result;
}
