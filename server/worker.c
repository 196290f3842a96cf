/* SPDX-License-Identifier: MIT */
/* See worker.h: the thread, its loop and what it is told. The turn is turn.c. */
#include "server/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/log.h"

#define PARSE_FIRST_BYTES ((size_t)256 << 10)

/* Timeouts are looked at so often within the shortest of them. */
#define TICKS_PER_TIMEOUT 8
#define TICK_MS_MIN 10
#define TICK_MS_MAX 1000
/* Names that are over are removed so often, by the first worker, so many at a time. */
#define SWEEP_MS 250
#define SWEEP_BUDGET ((size_t)4096)

/* Who waits for buffer memory that another worker may give back asks again so
 * often. */
#define TICK_MS_STARVED 20
/* Whether memory has recovered is looked at so often, if nothing else happens. */
#define TICK_MS_MEMORY 200

static struct tn_worker *worker_of(const void *data)
{
    const struct tn_worker *worker = data;

    TN_ASSERT(worker->magic == TN_WORKER_MAGIC);
    return (struct tn_worker *)(uintptr_t)data;
}

/* ---- Buffers ---- */

int tn_worker_take_buffer(struct tn_worker *worker, struct tn_buffer *buffer)
{
    size_t max = buffer->max;

    TN_ASSERT(buffer->cap == 0);
    if (worker->n_spares == 0)
        return tn_buffer_reserve(buffer, TN_CONN_BUFFER_BYTES);
    *buffer = worker->spares[--worker->n_spares];
    buffer->max = max;
    return 0;
}

void tn_worker_give_buffer(struct tn_worker *worker, struct tn_buffer *buffer)
{
    if (buffer->cap == TN_CONN_BUFFER_BYTES && worker->n_spares < TN_SPARE_BUFFERS) {
        tn_buffer_consume(buffer, tn_buffer_len(buffer));
        worker->spares[worker->n_spares++] = *buffer;
        tn_buffer_init(buffer, buffer->max);
    } else {
        tn_buffer_fini(buffer);
    }
}

/* ---- Time ---- */

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* it is enough that there is one: the loop polls without waiting */
}

void tn_worker_stay_awake(struct tn_worker *worker)
{
    (void)uv_idle_start(&worker->idle, on_idle); /* fails only without a callback */
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t tick_for(const struct tn_config *config)
{
    uint64_t ns =
        least(config->hello_timeout_ns, least(config->read_timeout_ns, config->write_timeout_ns));
    uint64_t ms = ns / TICKS_PER_TIMEOUT / TN_NS_PER_MS;

    return ms < TICK_MS_MIN ? TICK_MS_MIN : least(ms, TICK_MS_MAX);
}

static void start_timer(struct tn_worker *worker, uint64_t ms);

/* When the next parked session expires; UINT64_MAX if none is parked. */
static uint64_t next_lease_ns(struct tn_service *service)
{
    /* Relaxed: a hint; whoever parks a session looks for it in time. */
    return atomic_load_explicit(&service->leases.n_parked, memory_order_relaxed) == 0
               ? UINT64_MAX
               : tn_leases_next_ns(&service->leases);
}

/* The same of what is exported: likewise. */
static uint64_t next_export_ns(const struct tn_service *service)
{
    return atomic_load_explicit(&service->exports.next_ns, memory_order_relaxed);
}

static bool is_due(uint64_t next_ns, uint64_t now_ns)
{
    return next_ns != UINT64_MAX && next_ns <= now_ns;
}

void tn_worker_note_expired(struct tn_worker *worker, uint64_t now_ns)
{
    worker->has_expired_leases |= is_due(next_lease_ns(worker->service), now_ns);
    worker->has_expired_exports |= is_due(next_export_ns(worker->service), now_ns);
    if (worker->has_expired_leases || worker->has_expired_exports)
        tn_worker_stay_awake(worker);
}

/* In how many milliseconds somebody has to look for what expires; UINT64_MAX: never. */
static uint64_t work_off_expired(struct tn_worker *worker)
{
    struct tn_service *service = worker->service;
    uint64_t now_ns = tn_clock_ns();
    uint64_t next_ns = least(next_lease_ns(service), next_export_ns(service));

    tn_worker_note_expired(worker, now_ns);
    if (next_ns == UINT64_MAX)
        return UINT64_MAX;
    return next_ns <= now_ns ? 1 : (next_ns - now_ns) / TN_NS_PER_MS + 1;
}

static void on_tick(uv_timer_t *timer)
{
    struct tn_worker *worker = worker_of(timer->data);
    uint64_t now = uv_now(&worker->loop);
    struct tn_ring *link = worker->watched.next;
    uint64_t next_ms;

    worker->has_starved = false;
    while (link != &worker->watched) {
        struct tn_conn *conn = TN_CONTAINER_OF(link, struct tn_conn, watched);

        link = link->next; /* tn_conn_tick() takes off this one at most */
        tn_conn_tick(conn, now);
        worker->has_starved |= conn->is_starved;
    }
    next_ms = work_off_expired(worker);
    if (!tn_ring_is_empty(&worker->watched))
        next_ms = least(next_ms, worker->has_starved ? least(TICK_MS_STARVED, worker->tick_ms)
                                                     : worker->tick_ms);
    if (next_ms != UINT64_MAX)
        start_timer(worker, next_ms);
}

static void start_timer(struct tn_worker *worker, uint64_t ms)
{
    (void)uv_timer_start(&worker->timer, on_tick, ms, 0); /* fails only without a callback */
}

static void on_sweep(uv_timer_t *timer)
{
    struct tn_executor *ex = &worker_of(timer->data)->ex;

    tn_executor_online(ex);
    (void)tn_names_sweep(ex->mu, SWEEP_BUDGET);
    tn_executor_safepoint(ex);
    tn_executor_offline(ex);
}

void tn_worker_watch_expiry(struct tn_worker *worker, uint64_t ms)
{
    if (!uv_is_active((const uv_handle_t *)&worker->timer) ||
        uv_timer_get_due_in(&worker->timer) > ms)
        start_timer(worker, ms);
}

void tn_worker_watch(struct tn_worker *worker, struct tn_conn *conn)
{
    bool is_active = uv_is_active((const uv_handle_t *)&worker->timer);

    if (!tn_ring_is_linked(&conn->watched))
        tn_ring_push_back(&worker->watched, &conn->watched);
    if (conn->is_starved && !worker->has_starved) {
        worker->has_starved = true;
        start_timer(worker, least(TICK_MS_STARVED, worker->tick_ms));
    } else if (!is_active || uv_timer_get_due_in(&worker->timer) > worker->tick_ms) {
        start_timer(worker, worker->tick_ms);
    }
}

void tn_worker_feed(struct tn_worker *worker)
{
    if (worker->has_starved)
        start_timer(worker, 0);
}

static void on_memory_tick(uv_timer_t *timer)
{
    struct tn_worker *worker = worker_of(timer->data);

    worker->is_memory_due = true;
    tn_worker_stay_awake(worker); /* so that there is a turn */
}

/* Memory is given back while the worker sleeps, and nobody would tell. */
static void watch_memory(struct tn_worker *worker)
{
    const struct tn_hub *hub = &worker->ex.hub;
    bool is_low = atomic_load_explicit(&worker->service->memory_is_low, memory_order_relaxed);

    if (uv_is_active((const uv_handle_t *)&worker->memory_timer))
        return; /* as it is: put off again and again it would never come */
    if (hub->n_subscriptions > 0 && is_low && (hub->listener.kinds & TN_HEAP_EVENTS_MEMORY) != 0)
        (void)uv_timer_start(&worker->memory_timer, on_memory_tick, TICK_MS_MEMORY,
                             0); /* as above */
}

/* ---- Connections ---- */

void tn_worker_forget(struct tn_worker *worker, struct tn_conn *conn)
{
    size_t before = atomic_fetch_sub_explicit(worker->n_connections, 1, memory_order_relaxed);

    TN_ASSERT(before > 0);
    tn_counter_sub(&worker->ex.counters->connections, 1);
    tn_ring_remove(&conn->all);
    /* Its handles are given back in turns, a budget at a time. Even if there
     * are none, the session has memory. */
    tn_ring_push_back(&worker->releasing, &conn->all);
    tn_worker_stay_awake(worker);
}

static void open_newcomers(struct tn_worker *worker)
{
    struct tn_newcomer *newcomer;

    tn_mutex_lock(&worker->inbox_lock);
    newcomer = worker->inbox;
    worker->inbox = NULL;
    worker->is_inbox_closed = worker->obeyed != TN_WORKER_SERVE;
    tn_mutex_unlock(&worker->inbox_lock);

    while (newcomer != NULL) {
        struct tn_newcomer *next = newcomer->next;

        if (worker->obeyed != TN_WORKER_SERVE || tn_conn_open(worker, newcomer->fd) < 0) {
            if (worker->obeyed != TN_WORKER_SERVE)
                (void)close(newcomer->fd);
            atomic_fetch_sub_explicit(worker->n_connections, 1, memory_order_relaxed);
        }
        free(newcomer);
        newcomer = next;
    }
}

static void cut_off(struct tn_conn *conn)
{
    tn_conn_close(conn, TN_CLOSE_SHUTDOWN);
}

static void each_connection(struct tn_worker *worker, void (*fn)(struct tn_conn *conn))
{
    struct tn_ring *link = worker->all.next;

    while (link != &worker->all) {
        struct tn_conn *conn = TN_CONTAINER_OF(link, struct tn_conn, all);

        link = link->next; /* closing is not forgetting: that comes with a callback */
        fn(conn);
    }
}

/* ---- Orders ---- */

static void on_wake(uv_async_t *wake)
{
    struct tn_worker *worker = worker_of(wake->data);
    /* Acquire: uv_async_send() has ordered it, but no checker sees into that. */
    int order = atomic_load_explicit(&worker->order, memory_order_acquire);

    atomic_fetch_add_explicit(&worker->pings, 1, memory_order_relaxed);
    if (order > (int)worker->obeyed) {
        worker->obeyed = (enum tn_worker_order)order;
        each_connection(worker, order == TN_WORKER_STOP ? cut_off : tn_conn_drain);
    }
    open_newcomers(worker);
}

void tn_worker_command(struct tn_worker *worker, enum tn_worker_order order)
{
    int before = atomic_load_explicit(&worker->order, memory_order_relaxed);

    while ((int)order > before &&
           !atomic_compare_exchange_weak_explicit(&worker->order, &before, (int)order,
                                                  memory_order_release, memory_order_relaxed))
        ;
    (void)uv_async_send(&worker->wake); /* fails only for handles of another kind */
}

void tn_worker_give(struct tn_worker *worker, int fd)
{
    struct tn_newcomer *newcomer = malloc(sizeof(*newcomer));
    bool is_taken = false;

    if (newcomer != NULL) {
        newcomer->fd = fd;
        tn_mutex_lock(&worker->inbox_lock);
        if (!worker->is_inbox_closed) {
            newcomer->next = worker->inbox;
            worker->inbox = newcomer;
            is_taken = true;
        }
        tn_mutex_unlock(&worker->inbox_lock);
    }
    if (is_taken) {
        (void)uv_async_send(&worker->wake); /* as above */
        return;
    }
    free(newcomer);
    (void)close(fd);
    atomic_fetch_sub_explicit(worker->n_connections, 1, memory_order_relaxed);
}

/* ---- The loop ---- */

static void close_handles(struct tn_worker *worker)
{
    worker->is_stopping = true;
    uv_close((uv_handle_t *)&worker->wake, NULL);
    uv_close((uv_handle_t *)&worker->check, NULL);
    uv_close((uv_handle_t *)&worker->idle, NULL);
    uv_close((uv_handle_t *)&worker->timer, NULL);
    uv_close((uv_handle_t *)&worker->sweep, NULL);
    uv_close((uv_handle_t *)&worker->memory_timer, NULL);
}

/* After polling: everything that was readable has been read. */
static void on_check(uv_check_t *check)
{
    struct tn_worker *worker = worker_of(check->data);
    bool has_more;

    if (worker->is_stopping)
        return;
    has_more = tn_worker_turn(worker);
    if (has_more)
        tn_worker_stay_awake(worker);
    else
        (void)uv_idle_stop(&worker->idle); /* always succeeds */
    watch_memory(worker);
    if (worker->obeyed != TN_WORKER_SERVE && worker->n_conns == 0 && !has_more)
        close_handles(worker);
}

static int init_loop(struct tn_worker *worker)
{
    int r = uv_loop_init(&worker->loop);

    if (r < 0)
        return r == UV_ENOMEM ? TN_ERR_NOMEM : TN_ERR_IO;
    r = uv_async_init(&worker->loop, &worker->wake, on_wake);
    if (r < 0) {
        (void)uv_loop_close(&worker->loop); /* there is nothing on it */
        return TN_ERR_IO;
    }
    /* These only fill in their handles. */
    (void)uv_check_init(&worker->loop, &worker->check);
    (void)uv_idle_init(&worker->loop, &worker->idle);
    (void)uv_timer_init(&worker->loop, &worker->timer);
    (void)uv_timer_init(&worker->loop, &worker->sweep);
    (void)uv_timer_init(&worker->loop, &worker->memory_timer);
    worker->wake.data = worker;
    worker->check.data = worker;
    worker->idle.data = worker;
    worker->timer.data = worker;
    worker->sweep.data = worker;
    worker->memory_timer.data = worker;
    (void)uv_check_start(&worker->check, on_check);
    return 0;
}

static void fini_memory(struct tn_worker *worker)
{
    while (worker->n_spares > 0)
        tn_buffer_fini(&worker->spares[--worker->n_spares]);
    tn_arena_fini(&worker->parse_arena);
    free(worker->group);
    free(worker->trash);
    worker->group = NULL;
    worker->trash = NULL;
}

/* A tn_hub's wake: somebody has left events. */
static void on_events(void *arg)
{
    (void)uv_async_send(&worker_of(arg)->wake); /* as above */
}

static int init_memory(struct tn_worker *worker)
{
    int r = tn_arena_init(&worker->parse_arena, PARSE_FIRST_BYTES,
                          worker->service->limits.max_parse_bytes);

    worker->group = calloc(TN_GROUP_REQUESTS, sizeof(*worker->group));
    worker->trash = malloc(TN_CONN_BUFFER_BYTES);
    if (r == 0 && (worker->group == NULL || worker->trash == NULL))
        r = TN_ERR_NOMEM;
    if (r == 0)
        r = tn_executor_init(&worker->ex, worker->service, worker->index);
    if (r < 0) {
        fini_memory(worker);
        return r;
    }
    worker->ex.hub.wake = on_events;
    worker->ex.hub.wake_arg = worker;
    return 0;
}

static void *run(void *arg)
{
    struct tn_worker *worker = worker_of(arg);
    char name[16];
    int r;

    (void)snprintf(name, sizeof(name), "worker %zu", worker->index);
    (void)pthread_setname_np(pthread_self(), name); /* for people only */
    r = init_memory(worker);
    worker->on_started(worker, r, worker->callback_arg);
    if (r < 0)
        close_handles(worker);
    else if (worker->index == 0)
        (void)uv_timer_start(&worker->sweep, on_sweep, SWEEP_MS, SWEEP_MS); /* cannot fail */
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT); /* until all handles are closed */
    if (r == 0) {
        tn_executor_fini(&worker->ex);
        fini_memory(worker);
    }
    worker->on_stopped(worker, worker->callback_arg);
    return NULL;
}

int tn_worker_start(struct tn_worker *worker)
{
    int r;

    worker->magic = TN_WORKER_MAGIC;
    worker->tick_ms = tick_for(&worker->service->config);
    tn_ring_init(&worker->all);
    tn_ring_init(&worker->ready);
    tn_ring_init(&worker->touched);
    tn_ring_init(&worker->watched);
    tn_ring_init(&worker->releasing);
    r = init_loop(worker);
    if (r < 0)
        return r;
    tn_mutex_init(&worker->inbox_lock, TN_RANK_WORKER);
    if (pthread_create(&worker->pthread, NULL, run, worker) != 0) {
        close_handles(worker);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&worker->loop);
        tn_mutex_fini(&worker->inbox_lock);
        return TN_ERR_NOMEM;
    }
    return 0;
}

void tn_worker_join(struct tn_worker *worker)
{
    TN_ASSERT(worker->magic == TN_WORKER_MAGIC);
    TN_ASSERT(pthread_join(worker->pthread, NULL) == 0);
    /* Newcomers that came after the last look. */
    while (worker->inbox != NULL) {
        struct tn_newcomer *newcomer = worker->inbox;

        worker->inbox = newcomer->next;
        (void)close(newcomer->fd);
        free(newcomer);
    }
    TN_ASSERT(uv_loop_close(&worker->loop) == 0);
    tn_mutex_fini(&worker->inbox_lock);
    worker->magic = 0;
}
