/* SPDX-License-Identifier: MIT */
#include "core/base/sync.h"

#include <errno.h>
#include <time.h>

#include "core/base/clock.h"

#if TN_DEBUG
/* The ranks that this thread holds, one bit each. Two locks of one rank at once
 * would need a pair function; nothing here holds two. */
static _Thread_local uint32_t held_ranks;

void tn_rank_push(enum tn_lock_rank rank)
{
    uint32_t bit = UINT32_C(1) << rank;

    if (held_ranks >= bit)
        tn_check_fail("lock taken out of rank order", __FILE__, __LINE__);
    held_ranks |= bit;
}

void tn_rank_pop(enum tn_lock_rank rank)
{
    TN_ASSERT(tn_rank_is_held(rank));
    held_ranks &= ~(UINT32_C(1) << rank);
}

bool tn_rank_is_held(enum tn_lock_rank rank)
{
    return (held_ranks >> rank & 1) != 0;
}
#endif

void tn_mutex_init(struct tn_mutex *m, enum tn_lock_rank rank)
{
    int r = pthread_mutex_init(&m->mutex, NULL);

    TN_ASSERT(r == 0);
    m->rank = rank;
}

void tn_mutex_fini(struct tn_mutex *m)
{
    int r = pthread_mutex_destroy(&m->mutex);

    TN_ASSERT(r == 0);
}

TN_NO_TSA void tn_mutex_lock(struct tn_mutex *m)
{
    int r;

    tn_rank_push(m->rank);
    r = pthread_mutex_lock(&m->mutex);
    TN_ASSERT(r == 0);
}

TN_NO_TSA void tn_mutex_unlock(struct tn_mutex *m)
{
    int r = pthread_mutex_unlock(&m->mutex);

    TN_ASSERT(r == 0);
    tn_rank_pop(m->rank);
}

void tn_cond_init(struct tn_cond *c)
{
    pthread_condattr_t attr;
    int r = pthread_condattr_init(&attr);

    TN_ASSERT(r == 0);
    r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    TN_ASSERT(r == 0);
    r = pthread_cond_init(&c->cond, &attr);
    TN_ASSERT(r == 0);
    pthread_condattr_destroy(&attr);
}

void tn_cond_fini(struct tn_cond *c)
{
    int r = pthread_cond_destroy(&c->cond);

    TN_ASSERT(r == 0);
}

void tn_cond_wait(struct tn_cond *c, struct tn_mutex *m)
{
    int r = pthread_cond_wait(&c->cond, &m->mutex);

    TN_ASSERT(r == 0);
}

bool tn_cond_wait_for(struct tn_cond *c, struct tn_mutex *m, uint64_t timeout_ns)
{
    uint64_t until = tn_clock_ns() + timeout_ns;
    struct timespec ts = {
        .tv_sec = (time_t)(until / TN_NS_PER_S),
        .tv_nsec = (long)(until % TN_NS_PER_S),
    };
    int r = pthread_cond_timedwait(&c->cond, &m->mutex, &ts);

    TN_ASSERT(r == 0 || r == ETIMEDOUT);
    return r == 0;
}

void tn_cond_signal(struct tn_cond *c)
{
    pthread_cond_signal(&c->cond);
}

void tn_cond_broadcast(struct tn_cond *c)
{
    pthread_cond_broadcast(&c->cond);
}
