/* SPDX-License-Identifier: MIT */
/* See server.h. */
#include "server/server.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/sync.h"
#include "server/acceptor.h"
#include "server/listener.h"
#include "server/service.h"
#include "server/worker.h"

#define TN_SERVER_MAGIC 0x73727672u

struct tn_server {
    uint32_t magic;
    /* [const]  after tn_server_start() */
    struct tn_service service;
    struct tn_listener *listeners; /* [owner] closed by the acceptor */
    size_t n_listeners;
    struct tn_address *addresses; /* theirs, which stay when they are closed */
    struct tn_worker *workers;
    size_t n_workers; /* whose threads were started */
    struct tn_acceptor acceptor;
    bool has_acceptor_thread;
    int done_fd;
    /* [lock]   start_lock (TN_RANK_SERVER): the workers' reports */
    struct tn_mutex start_lock;
    struct tn_cond start_cond;
    size_t n_reports;
    int start_err;
    /* [atomic] */
    _Atomic(size_t) n_connections;
    /* [owner]  who calls tn_server_is_alive() */
    uint64_t *pings; /* of each worker, when it was last asked */
};

/* ---- Making ---- */

static int adopt_listeners(struct tn_server *server, int first_fd, struct tn_problem *problem)
{
    for (size_t i = 0; i < server->n_listeners; i++) {
        int r = tn_listener_adopt(first_fd + (int)i, &server->listeners[i], problem);

        if (r < 0)
            return r;
    }
    return 0;
}

static int open_listeners(struct tn_server *server, struct tn_problem *problem)
{
    const struct tn_config *config = &server->service.config;

    for (size_t i = 0; i < server->n_listeners; i++) {
        int r = tn_listener_open(&config->listen[i], &server->listeners[i], problem);

        if (r < 0)
            return r;
    }
    return 0;
}

static int listen_on_all(struct tn_server *server, int first_fd, int n_fds,
                         struct tn_problem *problem)
{
    int r;

    server->n_listeners = n_fds > 0 ? (size_t)n_fds : server->service.config.n_listen;
    server->listeners = calloc(server->n_listeners, sizeof(*server->listeners));
    server->addresses = calloc(server->n_listeners, sizeof(*server->addresses));
    if (server->listeners == NULL || server->addresses == NULL)
        return tn_problem_set(problem, TN_ERR_NOMEM, "not enough memory to listen");
    for (size_t i = 0; i < server->n_listeners; i++)
        server->listeners[i].fd = -1;
    r = n_fds > 0 ? adopt_listeners(server, first_fd, problem) : open_listeners(server, problem);
    for (size_t i = 0; i < server->n_listeners; i++)
        server->addresses[i] = server->listeners[i].address;
    return r;
}

static int set_up_threads(struct tn_server *server, struct tn_problem *problem)
{
    size_t n = server->service.n_counters;
    int r;

    server->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->done_fd < 0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot make an eventfd");
    server->workers = aligned_alloc(_Alignof(struct tn_worker), n * sizeof(*server->workers));
    server->pings = calloc(n, sizeof(*server->pings));
    if (server->workers == NULL || server->pings == NULL)
        return tn_problem_set(problem, TN_ERR_NOMEM, "not enough memory for %zu workers", n);

    server->acceptor.service = &server->service;
    server->acceptor.listeners = server->listeners;
    server->acceptor.n_listeners = server->n_listeners;
    server->acceptor.workers = server->workers;
    server->acceptor.n_workers = n;
    server->acceptor.n_connections = &server->n_connections;
    server->acceptor.done_fd = server->done_fd;
    r = tn_acceptor_init(&server->acceptor);
    return r < 0 ? tn_problem_set(problem, r, "cannot set up the acceptor: %s", tn_err_text(r)) : 0;
}

int tn_server_new(const struct tn_config *config, int first_fd, int n_fds,
                  struct tn_server **ret_server, struct tn_problem *problem)
{
    struct tn_server *server = calloc(1, sizeof(*server));
    int r;

    if (server == NULL)
        return tn_problem_set(problem, TN_ERR_NOMEM, "not enough memory");
    server->magic = TN_SERVER_MAGIC;
    server->done_fd = -1;
    tn_mutex_init(&server->start_lock, TN_RANK_SERVER);
    tn_cond_init(&server->start_cond);
    r = tn_service_init(&server->service, config, problem);
    if (r == 0)
        r = listen_on_all(server, first_fd, n_fds, problem);
    if (r == 0)
        r = set_up_threads(server, problem);
    if (r < 0) {
        (void)tn_server_free(&server); /* nothing has been stored yet */
        return r;
    }
    *ret_server = server;
    return 0;
}

/* ---- Starting ---- */

static void on_started(struct tn_worker *worker, int err, void *arg)
{
    struct tn_server *server = arg;

    (void)worker;
    tn_mutex_lock(&server->start_lock);
    server->n_reports++;
    if (err < 0)
        server->start_err = err;
    tn_cond_signal(&server->start_cond);
    tn_mutex_unlock(&server->start_lock);
}

static void on_stopped(struct tn_worker *worker, void *arg)
{
    struct tn_server *server = arg;

    (void)worker;
    tn_acceptor_count_stopped(&server->acceptor);
}

static int wait_for_reports(struct tn_server *server)
{
    int r;

    tn_mutex_lock(&server->start_lock);
    while (server->n_reports < server->n_workers)
        tn_cond_wait(&server->start_cond, &server->start_lock);
    r = server->start_err;
    tn_mutex_unlock(&server->start_lock);
    return r;
}

static int start_workers(struct tn_server *server)
{
    int first_err = 0;
    int r;

    for (size_t i = 0; i < server->service.n_counters && first_err == 0; i++) {
        server->workers[i] = (struct tn_worker){
            .service = &server->service,
            .index = i,
            .n_connections = &server->n_connections,
            .on_started = on_started,
            .on_stopped = on_stopped,
            .callback_arg = server,
        };
        first_err = tn_worker_start(&server->workers[i]);
        if (first_err == 0)
            server->n_workers++;
    }
    r = wait_for_reports(server);
    return first_err < 0 ? first_err : r;
}

static void stop_workers(struct tn_server *server)
{
    for (size_t i = 0; i < server->n_workers; i++)
        tn_worker_command(&server->workers[i], TN_WORKER_STOP);
    for (size_t i = 0; i < server->n_workers; i++)
        tn_worker_join(&server->workers[i]);
    server->n_workers = 0;
}

int tn_server_start(struct tn_server *server, struct tn_problem *problem)
{
    sigset_t all;
    sigset_t before;
    int r;

    TN_ASSERT(server->magic == TN_SERVER_MAGIC && server->n_workers == 0);
    /* Threads inherit the mask: signals are the program's business. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = start_workers(server);
    if (r == 0)
        r = tn_acceptor_start(&server->acceptor);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0) {
        stop_workers(server);
        return tn_problem_set(problem, r, "cannot start the workers: %s", tn_err_text(r));
    }
    server->has_acceptor_thread = true;
    return 0;
}

/* ---- Stopping ---- */

void tn_server_shutdown(struct tn_server *server, bool force)
{
    TN_ASSERT(server->magic == TN_SERVER_MAGIC);
    tn_acceptor_command(&server->acceptor, force ? TN_ACCEPTOR_FORCE : TN_ACCEPTOR_DRAIN);
}

int tn_server_done_fd(const struct tn_server *server)
{
    return server->done_fd;
}

bool tn_server_wait(struct tn_server *server)
{
    TN_ASSERT(server->magic == TN_SERVER_MAGIC && server->has_acceptor_thread);
    tn_acceptor_join(&server->acceptor);
    server->has_acceptor_thread = false;
    server->n_workers = 0; /* the acceptor has joined them */
    return !server->acceptor.was_forced;
}

size_t tn_server_free(struct tn_server **serverp)
{
    struct tn_server *server = *serverp;
    size_t n_alive;

    if (server == NULL)
        return 0;
    TN_ASSERT(server->magic == TN_SERVER_MAGIC && !server->has_acceptor_thread);
    tn_acceptor_fini(&server->acceptor);
    for (size_t i = 0; server->listeners != NULL && i < server->n_listeners; i++)
        tn_listener_close(&server->listeners[i]);
    n_alive = tn_service_fini(&server->service);
    if (server->done_fd >= 0)
        (void)close(server->done_fd);
    tn_cond_fini(&server->start_cond);
    tn_mutex_fini(&server->start_lock);
    free(server->listeners);
    free(server->addresses);
    free(server->workers);
    free(server->pings);
    server->magic = 0;
    free(server);
    *serverp = NULL;
    return n_alive;
}

/* ---- Asking ---- */

bool tn_server_is_alive(struct tn_server *server)
{
    bool is_alive = true;

    for (size_t i = 0; i < server->n_workers; i++) {
        struct tn_worker *worker = &server->workers[i];
        /* Relaxed: it only has to have moved. */
        uint64_t pings = atomic_load_explicit(&worker->pings, memory_order_relaxed);

        if (server->pings[i] != 0 && pings + 1 == server->pings[i])
            is_alive = false;
        else
            server->pings[i] = pings + 1;
        tn_worker_command(worker, TN_WORKER_SERVE);
    }
    return is_alive;
}

size_t tn_server_n_addresses(const struct tn_server *server)
{
    return server->n_listeners;
}

const struct tn_address *tn_server_address(const struct tn_server *server, size_t index)
{
    TN_ASSERT(index < server->n_listeners);
    return &server->addresses[index];
}

unsigned int tn_server_port(const struct tn_server *server, size_t index)
{
    TN_ASSERT(index < server->n_listeners);
    return tn_address_port(&server->addresses[index]);
}

struct tn_heap *tn_server_heap(const struct tn_server *server)
{
    return server->service.heap;
}
