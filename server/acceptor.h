/* SPDX-License-Identifier: MIT */
/*
 * The acceptor: one thread that accepts connections and gives them to the
 * workers in turn; and that sees a shutdown through.
 */
#ifndef TN_SERVER_ACCEPTOR_H
#define TN_SERVER_ACCEPTOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/attr.h"
#include "server/listener.h"
#include "server/service.h"
#include "server/worker.h"

#define TN_ACCEPTOR_MAGIC 0x61636370u

enum tn_acceptor_order {
    TN_ACCEPTOR_SERVE,
    TN_ACCEPTOR_DRAIN,
    TN_ACCEPTOR_FORCE,
};

struct tn_acceptor {
    uint32_t magic;
    /* [const] */
    struct tn_service *service;
    struct tn_listener *listeners;
    size_t n_listeners;
    struct tn_worker *workers;
    size_t n_workers;
    _Atomic(size_t) *n_connections; /* counted up here, down by the workers */
    int done_fd;                    /* an eventfd, written to at the end */
    pthread_t pthread;
    /* [atomic] */
    _Atomic(int) order;        /* enum tn_acceptor_order */
    _Atomic(size_t) n_stopped; /* workers; they are joined before anything relies on it */
    /* [owner]  */
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer; /* of the drain, or before that, of a pause for want of fds */
    uv_poll_t *polls; /* one for each listener */
    size_t next_worker;
    int spare_fd; /* given up to be able to refuse a connection when there are no fds */
    enum tn_acceptor_order obeyed;
    bool was_forced;
    uint64_t refused_ms; /* when that was last logged */
};

/* Sets up the loop. `acceptor` is zeroed but for its [const] fields. TN_ERR_IO,
 * TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_acceptor_init(struct tn_acceptor *acceptor);

/* Starts the thread. TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_acceptor_start(struct tn_acceptor *acceptor);

/* Any thread. */
void tn_acceptor_command(struct tn_acceptor *acceptor, enum tn_acceptor_order order);

/* A worker says that it has stopped. Its thread, last thing. */
void tn_acceptor_count_stopped(struct tn_acceptor *acceptor);

/* Waits until everything has stopped: the workers too, which have been joined. */
void tn_acceptor_join(struct tn_acceptor *acceptor);

/* Frees what tn_acceptor_init() made, if the thread was never started or has
 * been joined. */
void tn_acceptor_fini(struct tn_acceptor *acceptor);

#endif
