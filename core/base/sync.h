/* SPDX-License-Identifier: MIT */
/*
 * Mutexes and condition variables, with the one document of the lock order.
 *
 * A thread takes locks in ascending rank only. Debug builds keep the ranks that
 * a thread holds and abort on an attempt to take an equal or a lower one.
 * Critical sections are short, bounded, and free of I/O, callbacks and grace
 * periods; so a thread may wait for one of these locks while it is online.
 *
 * The per-object lock (core/object/lock.h) and the global lock of mode `gil`
 * (core/object/gil.h) have ranks here too and call tn_rank_push/pop.
 */
#ifndef TN_CORE_BASE_SYNC_H
#define TN_CORE_BASE_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/check.h"

enum tn_lock_rank {
    TN_RANK_NONE,
    TN_RANK_SERVER,     /* server: lists of workers and connections */
    TN_RANK_WORKER,     /* server: what is handed to a worker */
    TN_RANK_GIL,        /* the global lock of mode gil */
    TN_RANK_GIL_QUEUE,  /* those who wait for it */
    TN_RANK_COLLECTOR,  /* heap: what is asked of the collector */
    TN_RANK_THREADS,    /* heap: attaching and detaching of threads */
    TN_RANK_NAMESPACES, /* heap: the list of namespaces */
    TN_RANK_SHARD,      /* a shard of a namespace */
    TN_RANK_OBJECT,     /* one object's lock */
    TN_RANK_INTERNED,   /* a shard of the interned strs */
    TN_RANK_WEAKREFS,   /* a shard of the table of weakrefs; taken when an object dies */
    TN_RANK_LARGE,      /* a mutator's list of large objects */
    TN_RANK_ARENAS,     /* heap: arenas and free pools */
    TN_RANK_LEASES,     /* server: sessions that outlive their connections */
    TN_RANK_EVENTS,     /* heap: who listens to events; whoever gives a mutator up takes it */
    TN_RANK_LOG,        /* server: the log */
};

struct TN_CAPABILITY("mutex") tn_mutex {
    pthread_mutex_t mutex;
    enum tn_lock_rank rank; /* [const] */
};

struct tn_cond {
    pthread_cond_t cond;
};

#define TN_MUTEX_INIT(lock_rank)                                                                   \
    {                                                                                              \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .rank = (lock_rank)                                    \
    }

void tn_mutex_init(struct tn_mutex *m, enum tn_lock_rank rank);
void tn_mutex_fini(struct tn_mutex *m);
void tn_mutex_lock(struct tn_mutex *m) TN_ACQUIRES(*m);
void tn_mutex_unlock(struct tn_mutex *m) TN_RELEASES(*m);

void tn_cond_init(struct tn_cond *c);
void tn_cond_fini(struct tn_cond *c);
/* Releases `m`, sleeps, takes `m` again. May wake for no reason. */
void tn_cond_wait(struct tn_cond *c, struct tn_mutex *m) TN_REQUIRES(*m);
/* The same, for at most `timeout_ns`. False if that time has passed. */
bool tn_cond_wait_for(struct tn_cond *c, struct tn_mutex *m, uint64_t timeout_ns) TN_REQUIRES(*m);
void tn_cond_signal(struct tn_cond *c);
void tn_cond_broadcast(struct tn_cond *c);

#if TN_DEBUG
/* Notes that this thread takes or has released a lock of a rank. */
void tn_rank_push(enum tn_lock_rank rank);
void tn_rank_pop(enum tn_lock_rank rank);
/* True if this thread holds a lock of this rank. */
bool tn_rank_is_held(enum tn_lock_rank rank);
#else
static inline void tn_rank_push(enum tn_lock_rank rank)
{
    (void)rank;
}
static inline void tn_rank_pop(enum tn_lock_rank rank)
{
    (void)rank;
}
static inline bool tn_rank_is_held(enum tn_lock_rank rank)
{
    (void)rank;
    return true;
}
#endif

#endif
