/* SPDX-License-Identifier: MIT */
/* See acceptor.h. */
#include "server/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "proto/status.h"
#include "server/log.h"

/* Connections accepted before others get a turn. */
#define ACCEPTS_PER_TURN 64
/* How long to leave a listener alone when there are no file descriptors. */
#define PAUSE_MS 100
/* Refusals are logged at most so often. */
#define REFUSAL_LOG_MS 1000

static struct tn_acceptor *acceptor_of(const void *data)
{
    const struct tn_acceptor *acceptor = data;

    TN_ASSERT(acceptor->magic == TN_ACCEPTOR_MAGIC);
    return (struct tn_acceptor *)(uintptr_t)data;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void start_polls(struct tn_acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->n_listeners; i++)
        (void)uv_poll_start(&acceptor->polls[i], UV_READABLE, on_readable); /* valid and open */
}

static void stop_polls(struct tn_acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->n_listeners; i++)
        (void)uv_poll_stop(&acceptor->polls[i]); /* always succeeds */
}

/* ---- Refusing ---- */

/* Says why, as far as the socket takes it at once, and closes. */
static void refuse(struct tn_acceptor *acceptor, int fd, enum tn_reason reason)
{
    uint64_t now = uv_now(&acceptor->loop);
    struct tn_buffer buffer;
    struct tn_status status;

    atomic_fetch_add_explicit(&acceptor->service->connections_refused, 1, memory_order_relaxed);
    (void)tn_status_set(&status, reason);
    tn_buffer_init(&buffer, 1024);
    if (tn_answer_failure(0, &status, &buffer) == 0)
        (void)send(fd, tn_buffer_begin(&buffer), tn_buffer_len(&buffer),
                   MSG_NOSIGNAL | MSG_DONTWAIT);
    tn_buffer_fini(&buffer);
    (void)shutdown(fd, SHUT_WR);
    (void)close(fd);

    if (acceptor->refused_ms == 0 || now - acceptor->refused_ms >= REFUSAL_LOG_MS) {
        struct tn_log_line line;

        acceptor->refused_ms = now;
        tn_log_begin(&line, TN_LOG_WARNING, "connection refused");
        tn_log_str(&line, "reason", tn_reason_name(reason));
        tn_log_u64(&line, "refused_total", tn_counter_get(&acceptor->service->connections_refused));
        tn_log_end(&line);
    }
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_pause_over(uv_timer_t *timer)
{
    struct tn_acceptor *acceptor = acceptor_of(timer->data);

    if (acceptor->obeyed == TN_ACCEPTOR_SERVE)
        start_polls(acceptor);
}

/* There are no file descriptors left. One is kept for this, so that the peer is
 * told; then everybody rests a little, or we would turn in circles. */
static void refuse_for_want_of_fds(struct tn_acceptor *acceptor, int listen_fd)
{
    int fd;

    if (acceptor->spare_fd >= 0) {
        (void)close(acceptor->spare_fd);
        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            refuse(acceptor, fd, TN_REASON_TOO_MANY_CONNECTIONS);
        acceptor->spare_fd = open_spare();
    }
    stop_polls(acceptor);
    (void)uv_timer_start(&acceptor->timer, on_pause_over, PAUSE_MS, 0);
}

/* ---- Accepting ---- */

static void log_accepted(int fd, size_t worker)
{
    struct tn_log_line line;
    struct ucred peer;
    socklen_t len = sizeof(peer);

    tn_log_begin(&line, TN_LOG_DEBUG, "connection accepted");
    if (!line.is_on)
        return;
    tn_log_u64(&line, "worker", worker);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid != 0) {
        tn_log_i64(&line, "pid", peer.pid);
        tn_log_u64(&line, "uid", peer.uid);
    }
    tn_log_end(&line);
}

static void take(struct tn_acceptor *acceptor, int fd)
{
    size_t max = (size_t)acceptor->service->config.max_connections;
    size_t worker;

    /* Only this thread counts up, so it cannot become more in between. */
    if (atomic_load_explicit(acceptor->n_connections, memory_order_relaxed) >= max) {
        refuse(acceptor, fd, TN_REASON_TOO_MANY_CONNECTIONS);
        return;
    }
    atomic_fetch_add_explicit(acceptor->n_connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&acceptor->service->connections_total, 1, memory_order_relaxed);
    worker = acceptor->next_worker++ % acceptor->n_workers;
    log_accepted(fd, worker);
    tn_worker_give(&acceptor->workers[worker], fd);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct tn_acceptor *acceptor = acceptor_of(poll->data);
    const struct tn_listener *listener = &acceptor->listeners[poll - acceptor->polls];

    (void)status; /* an error shows up in accept() as well */
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            take(acceptor, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            refuse_for_want_of_fds(acceptor, listener->fd);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return; /* nobody is waiting */
        }
    }
}

/* ---- Stopping ---- */

static void command_workers(struct tn_acceptor *acceptor, enum tn_worker_order order)
{
    for (size_t i = 0; i < acceptor->n_workers; i++)
        tn_worker_command(&acceptor->workers[i], order);
}

static void on_drain_over(uv_timer_t *timer)
{
    tn_acceptor_command(acceptor_of(timer->data), TN_ACCEPTOR_FORCE);
}

static void stop_listening(struct tn_acceptor *acceptor)
{
    uint64_t ms = acceptor->service->config.drain_timeout_ns / TN_NS_PER_MS;

    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        uv_close((uv_handle_t *)&acceptor->polls[i], NULL); /* the fd is not libuv's */
        tn_listener_close(&acceptor->listeners[i]);
    }
    (void)uv_timer_start(&acceptor->timer, on_drain_over, ms, 0);
}

static bool have_workers_stopped(struct tn_acceptor *acceptor)
{
    return atomic_load_explicit(&acceptor->n_stopped, memory_order_relaxed) == acceptor->n_workers;
}

/* They have said that they have stopped, so this does not take long. Afterwards
 * nobody wakes us any more. */
static void join_workers(struct tn_acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->n_workers; i++)
        tn_worker_join(&acceptor->workers[i]);
}

void tn_acceptor_count_stopped(struct tn_acceptor *acceptor)
{
    atomic_fetch_add_explicit(&acceptor->n_stopped, 1, memory_order_relaxed);
    (void)uv_async_send(&acceptor->wake); /* as below */
}

static void close_loop(struct tn_acceptor *acceptor)
{
    if (!uv_is_closing((const uv_handle_t *)&acceptor->wake)) {
        uv_close((uv_handle_t *)&acceptor->wake, NULL);
        uv_close((uv_handle_t *)&acceptor->timer, NULL);
    }
}

static void on_wake(uv_async_t *wake)
{
    struct tn_acceptor *acceptor = acceptor_of(wake->data);
    /* Acquire: uv_async_send() has ordered it, but no checker sees into that. */
    int order = atomic_load_explicit(&acceptor->order, memory_order_acquire);

    if (order > (int)acceptor->obeyed) {
        if (acceptor->obeyed == TN_ACCEPTOR_SERVE)
            stop_listening(acceptor);
        acceptor->obeyed = (enum tn_acceptor_order)order;
        if (order == TN_ACCEPTOR_FORCE)
            acceptor->was_forced = !have_workers_stopped(acceptor);
        command_workers(acceptor, order == TN_ACCEPTOR_FORCE ? TN_WORKER_STOP : TN_WORKER_DRAIN);
    }
    if (acceptor->obeyed != TN_ACCEPTOR_SERVE && have_workers_stopped(acceptor)) {
        join_workers(acceptor);
        close_loop(acceptor);
    }
}

void tn_acceptor_command(struct tn_acceptor *acceptor, enum tn_acceptor_order order)
{
    int before = atomic_load_explicit(&acceptor->order, memory_order_relaxed);

    while ((int)order > before &&
           !atomic_compare_exchange_weak_explicit(&acceptor->order, &before, (int)order,
                                                  memory_order_release, memory_order_relaxed))
        ;
    (void)uv_async_send(&acceptor->wake); /* fails only for handles of another kind */
}

/* ---- The thread ---- */

int tn_acceptor_init(struct tn_acceptor *acceptor)
{
    int r = uv_loop_init(&acceptor->loop);

    if (r < 0)
        return r == UV_ENOMEM ? TN_ERR_NOMEM : TN_ERR_IO;
    r = uv_async_init(&acceptor->loop, &acceptor->wake, on_wake);
    if (r < 0) {
        (void)uv_loop_close(&acceptor->loop); /* there is nothing on it */
        return TN_ERR_IO;
    }
    acceptor->magic = TN_ACCEPTOR_MAGIC;
    acceptor->wake.data = acceptor;
    acceptor->spare_fd = open_spare(); /* without one, refusing is less polite */
    (void)uv_timer_init(&acceptor->loop, &acceptor->timer);
    acceptor->timer.data = acceptor;
    acceptor->polls = calloc(acceptor->n_listeners, sizeof(*acceptor->polls));
    if (acceptor->polls == NULL) {
        tn_acceptor_fini(acceptor);
        return TN_ERR_NOMEM;
    }
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        /* Cannot fail for a socket that is non-blocking and polled once. */
        TN_ASSERT(uv_poll_init(&acceptor->loop, &acceptor->polls[i], acceptor->listeners[i].fd) ==
                  0);
        acceptor->polls[i].data = acceptor;
    }
    start_polls(acceptor);
    return 0;
}

static void *run(void *arg)
{
    struct tn_acceptor *acceptor = acceptor_of(arg);
    const uint64_t one = 1;

    (void)pthread_setname_np(pthread_self(), "acceptor"); /* for people only */
    (void)uv_run(&acceptor->loop, UV_RUN_DEFAULT);        /* until all handles are closed */
    TN_ASSERT(write(acceptor->done_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
    return NULL;
}

int tn_acceptor_start(struct tn_acceptor *acceptor)
{
    return pthread_create(&acceptor->pthread, NULL, run, acceptor) == 0 ? 0 : TN_ERR_NOMEM;
}

void tn_acceptor_join(struct tn_acceptor *acceptor)
{
    TN_ASSERT(pthread_join(acceptor->pthread, NULL) == 0);
}

void tn_acceptor_fini(struct tn_acceptor *acceptor)
{
    if (acceptor->magic != TN_ACCEPTOR_MAGIC)
        return;
    for (size_t i = 0; acceptor->polls != NULL && i < acceptor->n_listeners; i++)
        if (acceptor->polls[i].data != NULL && !uv_is_closing((uv_handle_t *)&acceptor->polls[i]))
            uv_close((uv_handle_t *)&acceptor->polls[i], NULL);
    close_loop(acceptor);
    (void)uv_run(&acceptor->loop, UV_RUN_DEFAULT); /* only to close the handles */
    TN_ASSERT(uv_loop_close(&acceptor->loop) == 0);
    free(acceptor->polls);
    if (acceptor->spare_fd >= 0)
        (void)close(acceptor->spare_fd);
    acceptor->magic = 0;
}
