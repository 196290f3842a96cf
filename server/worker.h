/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread, one event loop, one attachment to the heap, and the
 * connections that were given to it for good.
 *
 * A turn of the loop (turn.c): reading has put bytes into the connections'
 * buffers. Then, group by group: unpack requests (offline), execute them
 * (online), write the answers (offline). Between two groups nothing of the heap
 * is borrowed; the loop sleeps offline. So an idle worker delays nobody.
 */
#ifndef TN_SERVER_WORKER_H
#define TN_SERVER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/attr.h"
#include "core/base/sync.h"
#include "proto/arena.h"
#include "proto/buffer.h"
#include "server/conn.h"
#include "server/ring.h"
#include "server/service.h"

#define TN_WORKER_MAGIC 0x776f726bu

/* Requests that are unpacked, executed and answered together. */
#define TN_GROUP_REQUESTS 256

/* Empty buffers that are kept for connections that need one. */
#define TN_SPARE_BUFFERS 64

/* What a worker is told to do; it only ever becomes more. */
enum tn_worker_order {
    TN_WORKER_SERVE,
    TN_WORKER_DRAIN, /* answer what has arrived, then stop */
    TN_WORKER_STOP,  /* close everything and stop */
};

/* A connection on its way from the acceptor to a worker. */
struct tn_newcomer {
    struct tn_newcomer *next;
    int fd;
};

/* A request of a group. */
struct tn_group_entry {
    struct tn_conn *conn;
    const Tenure__V1__Request *request; /* NULL: it could not be unpacked */
    struct tn_status *status;           /* why */
    uint64_t id;                        /* of what could not be unpacked; 0: the stream is broken */
    size_t n_bytes;                     /* of `in` that it takes */
    uint64_t arrived_ms;
};

struct tn_worker {
    uint32_t magic;
    /* [const] */
    struct tn_service *service;
    size_t index;
    _Atomic(size_t) *n_connections; /* of the whole server; counted down here */
    void (*on_started)(struct tn_worker *worker, int err, void *arg);
    void (*on_stopped)(struct tn_worker *worker, void *arg);
    void *callback_arg;
    pthread_t pthread;

    /* [lock]   inbox_lock (TN_RANK_WORKER) */
    struct tn_mutex inbox_lock;
    struct tn_newcomer *inbox;
    bool is_inbox_closed;
    /* [atomic] */
    _Atomic(int) order;      /* enum tn_worker_order; stored before the wake-up, which orders it */
    _Atomic(uint64_t) pings; /* wake-ups answered; relaxed: it only has to move */

    /* [owner]  */
    uv_loop_t loop;
    uv_async_t wake; /* uv_async_send() is for any thread */
    uv_check_t check;
    uv_idle_t idle; /* active while there is work: the loop does not sleep */
    uv_timer_t timer;
    uv_timer_t sweep;        /* of names that are over; the first worker's */
    uv_timer_t memory_timer; /* active while memory is low and somebody wants to know */
    struct tn_executor ex;
    struct tn_arena parse_arena;
    struct tn_group_entry *group; /* TN_GROUP_REQUESTS */
    size_t n_group;
    struct tn_buffer spares[TN_SPARE_BUFFERS];
    size_t n_spares;
    uint8_t *trash; /* TN_CONN_BUFFER_BYTES: where unwanted bytes go */
    struct tn_ring all;
    struct tn_ring ready;
    struct tn_ring touched;
    struct tn_ring watched;
    struct tn_ring releasing;   /* through `all`: closed, with handles to give back */
    struct tn_lease *expired;   /* whose handles are being given back, or NULL */
    size_t n_conns;             /* on `all` or being closed */
    uint64_t watched_export_ns; /* when the timer has last been told to look for exports */
    bool has_expired_leases;
    bool has_expired_exports;
    enum tn_worker_order obeyed;
    uint64_t tick_ms;
    bool is_memory_due; /* whether memory has recovered is to be looked at */
    bool has_starved;   /* a connection on `watched` may be waiting for buffer memory */
    bool is_stopping;
};

/* Starts the thread. `worker` is zeroed but for its [const] fields, which are
 * set, pthread excepted. on_started() is called from the new thread, once, with 0
 * or an error; after an error the thread stops by itself. on_stopped() is the last
 * thing that it does. TN_ERR_NOMEM, TN_ERR_IO. */
TN_MUST_CHECK int tn_worker_start(struct tn_worker *worker);

/* Hands over a connected socket. If the worker is stopping, or there is no
 * memory, it is closed. Any thread. */
void tn_worker_give(struct tn_worker *worker, int fd) TN_EXCLUDES(worker->inbox_lock);

/* Gives an order, and wakes the worker; without a new order just that. Any thread. */
void tn_worker_command(struct tn_worker *worker, enum tn_worker_order order);

/* Waits until the worker has stopped, and frees what it had. */
void tn_worker_join(struct tn_worker *worker);

/* ---- For conn.c and turn.c: the worker's thread only ---- */

/* An empty buffer of TN_CONN_BUFFER_BYTES. TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_worker_take_buffer(struct tn_worker *worker, struct tn_buffer *ret_buffer);

/* Takes back a buffer, whatever its size; leaves an empty one behind. */
void tn_worker_give_buffer(struct tn_worker *worker, struct tn_buffer *buffer);

/* There is something to do in the next turn, so the loop must not sleep before. */
void tn_worker_stay_awake(struct tn_worker *worker);

/* Has the connection looked at when the timer ticks: soon, if it waits for
 * buffer memory. */
void tn_worker_watch(struct tn_worker *worker, struct tn_conn *conn);

/* Buffer memory has been given back: those who wait for it are looked at. */
void tn_worker_feed(struct tn_worker *worker);

/* The connection is closed; frees it now or when its session is. */
void tn_worker_forget(struct tn_worker *worker, struct tn_conn *conn);

/* Something expires in `ms`, a lease or an export: somebody has to look then. */
void tn_worker_watch_expiry(struct tn_worker *worker, uint64_t ms);

/* Notes whether leases or exports have expired by then (UINT64_MAX: all that are parked,
 * and have). */
void tn_worker_note_expired(struct tn_worker *worker, uint64_t now_ns);

/* Sends what subscriptions tell. Returns whether there is more to do right away.
 * conn_events.c. */
bool tn_worker_send_events(struct tn_worker *worker);

/* One turn: executes what is ready, works off what is left over. Returns
 * whether there is more to do right away. */
bool tn_worker_turn(struct tn_worker *worker);

#endif
