/* SPDX-License-Identifier: MIT */
#include "bench/keeper.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench/workload.h"

struct bench_keeper {
    /* [const] */
    struct tn_heap *heap;
    pthread_t thread;
    /* [lock]   lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*task)(struct tn_thread *thread, void *arg); /* NULL: nothing to do */
    void *arg;
    bool must_stop;
};

static void *keeper_main(void *arg)
{
    struct bench_keeper *keeper = arg;
    struct tn_thread *thread;

    bench_check(tn_thread_attach(keeper->heap, &thread), "attaching the keeper");
    pthread_mutex_lock(&keeper->lock);
    for (;;) {
        while (keeper->task == NULL && !keeper->must_stop)
            pthread_cond_wait(&keeper->changed, &keeper->lock);
        if (keeper->task == NULL)
            break;
        (void)tn_thread_online(thread);
        keeper->task(thread, keeper->arg);
        /* What the task left to die dies here and not in somebody's round. */
        while (tn_thread_safepoint(thread, TN_WORK_BUDGET))
            continue;
        tn_thread_offline(thread);
        keeper->task = NULL;
        pthread_cond_broadcast(&keeper->changed);
    }
    pthread_mutex_unlock(&keeper->lock);
    tn_thread_detach(&thread);
    return NULL;
}

struct bench_keeper *bench_keeper_new(enum tn_mode mode)
{
    struct tn_heap_options options = { .mode = mode };
    struct bench_keeper *keeper = bench_alloc(sizeof(*keeper));

    bench_check(tn_heap_new(&options, &keeper->heap), "creating a heap");
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_cond_init(&keeper->changed, NULL);
    if (pthread_create(&keeper->thread, NULL, keeper_main, keeper) != 0)
        bench_die("cannot create a thread");
    return keeper;
}

struct tn_heap *bench_keeper_heap(struct bench_keeper *keeper)
{
    return keeper->heap;
}

void bench_keeper_run(struct bench_keeper *keeper,
                      void (*task)(struct tn_thread *thread, void *arg), void *arg)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->task = task;
    keeper->arg = arg;
    pthread_cond_broadcast(&keeper->changed);
    while (keeper->task != NULL)
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
}

void bench_keeper_free(struct bench_keeper **keeperp)
{
    struct bench_keeper *keeper = *keeperp;
    size_t n_left;

    if (keeper == NULL)
        return;
    pthread_mutex_lock(&keeper->lock);
    keeper->must_stop = true;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    n_left = tn_heap_free(&keeper->heap);
    if (n_left != 0)
        bench_die("%zu objects were still alive at the end: a count is wrong", n_left);
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->lock);
    bench_free(keeper);
    *keeperp = NULL;
}
