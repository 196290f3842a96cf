/* SPDX-License-Identifier: MIT */
/* See conn.h: the life of a connection, and what comes in. */
#include "server/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/conn_internal.h"
#include "server/log.h"
#include "server/subscription.h"
#include "server/worker.h"

/* Less room than this is not worth a system call. */
#define READ_BYTES_MIN ((size_t)4 << 10)

static struct tn_conn *conn_of(const uv_handle_t *handle)
{
    struct tn_conn *conn = handle->data;

    TN_ASSERT(conn->magic == TN_CONN_MAGIC);
    return conn;
}

uint64_t tn_conn_now_ms(const struct tn_conn *conn)
{
    return uv_now(&conn->worker->loop);
}

/* ---- Opening ---- */

static int socket_family(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    return getsockname(fd, (struct sockaddr *)&address, &len) < 0 ? -1 : address.ss_family;
}

/* Gives the socket to a libuv handle. After 0 the handle has to be closed. */
static int adopt(struct tn_conn *conn, int fd)
{
    uv_loop_t *loop = &conn->worker->loop;
    const int on = 1;
    int r;

    if (socket_family(fd) == AF_UNIX) {
        r = uv_pipe_init(loop, &conn->uv.pipe, 0);
        if (r == 0)
            r = uv_pipe_open(&conn->uv.pipe, fd);
    } else {
        /* A failure would cost milliseconds, not correctness. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        r = uv_tcp_init(loop, &conn->uv.tcp);
        if (r == 0)
            r = uv_tcp_open(&conn->uv.tcp, fd);
    }
    TN_ASSERT(r == 0); /* neither of them can fail for a connected socket */
    conn->uv.handle.data = conn;
    return 0;
}

int tn_conn_open(struct tn_worker *worker, int fd)
{
    const struct tn_config *config = &worker->service->config;
    struct tn_conn *conn = calloc(1, sizeof(*conn));
    int r;

    if (conn == NULL) {
        (void)close(fd);
        return TN_ERR_NOMEM;
    }
    conn->magic = TN_CONN_MAGIC;
    conn->worker = worker;
    conn->opened_ms = uv_now(&worker->loop);
    tn_session_init(&conn->session, (size_t)config->max_handles);
    tn_buffer_init(&conn->in, TN_CONN_BUFFER_BYTES);
    tn_conn_init_out(&conn->out, config);
    tn_conn_init_out(&conn->sending, config);
    r = adopt(conn, fd);
    if (r < 0)
        return r;
    tn_ring_push_back(&worker->all, &conn->all);
    worker->n_conns++;
    tn_counter_add(&worker->ex.counters->connections, 1);
    tn_worker_watch(worker, conn); /* until Hello has come */
    tn_conn_start_reading(conn);
    return 0;
}

/* ---- Buffers ---- */

void tn_conn_give_back_in(struct tn_conn *conn)
{
    struct tn_budget *budget = &conn->worker->service->buffers_in;

    tn_worker_give_buffer(conn->worker, &conn->in);
    tn_buffer_init(&conn->in, TN_CONN_BUFFER_BYTES);
    if (conn->in_taken_bytes == 0)
        return;
    tn_budget_give(budget, conn->in_taken_bytes);
    conn->in_taken_bytes = 0;
    tn_worker_feed(conn->worker);
}

/* Makes room for a whole message of `total` bytes with its prefix, of which the
 * beginning is there. TN_ERR_AGAIN: the budget has none at the moment. */
static int grow_in(struct tn_conn *conn, size_t total)
{
    struct tn_budget *budget = &conn->worker->service->buffers_in;
    int r;

    TN_ASSERT(total > conn->in.max && conn->in_taken_bytes == 0);
    if (!tn_budget_take(budget, total))
        return TN_ERR_AGAIN;
    conn->in.max = total;
    r = tn_buffer_reserve(&conn->in, total - tn_buffer_len(&conn->in));
    if (r < 0) {
        conn->in.max = TN_CONN_BUFFER_BYTES;
        tn_budget_give(budget, total);
        return r;
    }
    conn->in_taken_bytes = total;
    return 0;
}

/* ---- What has come ---- */

static void note_arrival(struct tn_conn *conn, size_t n_bytes)
{
    struct tn_arrival *last;

    conn->stream_read += n_bytes;
    last = conn->n_arrivals == 0 ? NULL : &conn->arrivals[conn->n_arrivals - 1];
    /* When there are too many, the last two become one: its requests seem to
     * have come later than they did, which gives them more time and not less. */
    if (last == NULL || (conn->n_arrivals < TN_ARRIVALS && last->ms != tn_conn_now_ms(conn))) {
        TN_ASSERT(conn->n_arrivals < TN_ARRIVALS);
        last = &conn->arrivals[conn->n_arrivals++];
    }
    *last = (struct tn_arrival){ .stream_end = conn->stream_read, .ms = tn_conn_now_ms(conn) };
}

uint64_t tn_conn_arrived_ms(const struct tn_conn *conn, size_t offset)
{
    uint64_t at = conn->stream_read - tn_buffer_len(&conn->in) + offset;

    for (unsigned int i = 0; i < conn->n_arrivals; i++)
        if (conn->arrivals[i].stream_end >= at)
            return conn->arrivals[i].ms;
    return tn_conn_now_ms(conn);
}

static void forget_arrivals(struct tn_conn *conn)
{
    uint64_t consumed = conn->stream_read - tn_buffer_len(&conn->in);
    unsigned int n = 0;

    while (n < conn->n_arrivals && conn->arrivals[n].stream_end <= consumed)
        n++;
    if (n == 0)
        return;
    conn->n_arrivals -= n;
    memmove(conn->arrivals, conn->arrivals + n, conn->n_arrivals * sizeof(conn->arrivals[0]));
}

/* The stream cannot be understood from here on. What was understood is answered
 * first, and then this. */
static void set_fault(struct tn_conn *conn, const struct tn_status *status)
{
    conn->fault = malloc(sizeof(*conn->fault));
    if (conn->fault == NULL) {
        tn_conn_close(conn, TN_CLOSE_NO_MEMORY);
        return;
    }
    *conn->fault = *status;
    tn_conn_stop_reading(conn);
}

static void make_ready(struct tn_conn *conn)
{
    conn->is_starved = false;
    conn->frame_since_ms = 0;
    if (conn->is_blocked)
        return;
    if (!tn_ring_is_linked(&conn->ready)) {
        tn_ring_push_back(&conn->worker->ready, &conn->ready);
        tn_worker_stay_awake(conn->worker);
    }
    if (conn->fault == NULL)
        tn_conn_start_reading(conn);
}

/* The first frame is not complete. */
static void wait_for_frame(struct tn_conn *conn, const struct tn_frame *frame)
{
    size_t total = frame->offset + frame->len;
    int r = 0;

    if (conn->has_eof || conn->is_draining) {
        tn_conn_end(conn); /* it never will be */
        return;
    }
    if (conn->frame_since_ms == 0 || conn->is_starved) /* our waiting does not count */
        conn->frame_since_ms = tn_conn_now_ms(conn);
    if (frame->offset != 0 && total > conn->in.max)
        r = grow_in(conn, total);
    conn->is_starved = r == TN_ERR_AGAIN;
    tn_worker_watch(conn->worker, conn);
    if (conn->is_starved) {
        tn_conn_stop_reading(conn);
    } else if (r < 0) {
        tn_conn_close(conn, TN_CLOSE_NO_MEMORY);
    } else {
        tn_conn_start_reading(conn);
    }
}

void tn_conn_examine(struct tn_conn *conn)
{
    struct tn_frame frame;
    struct tn_status status;
    int r;

    if (conn->state != TN_CONN_OPEN || tn_ring_is_linked(&conn->ready))
        return;
    if (conn->fault != NULL) {
        make_ready(conn);
        return;
    }
    if (tn_buffer_len(&conn->in) == 0) {
        conn->frame_since_ms = 0;
        if (conn->has_eof || conn->is_draining) {
            tn_conn_end(conn);
        } else {
            tn_conn_give_back_in(conn);
            tn_conn_give_back_out_if_empty(conn);
        }
        return;
    }
    r = tn_frame_parse(tn_buffer_begin(&conn->in), tn_buffer_len(&conn->in),
                       (size_t)conn->worker->service->config.max_frame_bytes, &frame, &status);
    if (r == 0) {
        make_ready(conn);
    } else if (r == TN_ERR_AGAIN) {
        wait_for_frame(conn, &frame);
    } else {
        set_fault(conn, &status);
        if (conn->fault != NULL)
            make_ready(conn);
    }
}

/* The same, where nobody settles the connection afterwards. */
static void look(struct tn_conn *conn)
{
    tn_conn_examine(conn);
    if (conn->state == TN_CONN_ENDING)
        tn_conn_settle(conn);
}

void tn_conn_consume(struct tn_conn *conn, size_t n_bytes)
{
    tn_buffer_consume(&conn->in, n_bytes);
    conn->frame_since_ms = 0;
    forget_arrivals(conn);
}

/* ---- Reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct tn_conn *conn = conn_of(handle);
    size_t room;

    (void)suggested;
    if (conn->state != TN_CONN_OPEN) {
        *ret_buf = uv_buf_init((char *)conn->worker->trash, TN_CONN_BUFFER_BYTES);
        return;
    }
    *ret_buf = uv_buf_init(NULL, 0); /* libuv then says UV_ENOBUFS */
    if (conn->in.cap == 0 && tn_worker_take_buffer(conn->worker, &conn->in) < 0)
        return;
    room = conn->in.max - tn_buffer_len(&conn->in);
    if (room == 0 ||
        tn_buffer_reserve(&conn->in, room < READ_BYTES_MIN ? room : READ_BYTES_MIN) < 0)
        return;
    room = tn_buffer_room(&conn->in) < room ? tn_buffer_room(&conn->in) : room;
    *ret_buf = uv_buf_init((char *)tn_buffer_end(&conn->in), (unsigned int)room);
}

static void read_eof(struct tn_conn *conn)
{
    conn->has_eof = true;
    tn_conn_stop_reading(conn);
    if (conn->state == TN_CONN_LINGERING)
        tn_conn_close(conn, TN_CLOSE_ENDED);
    else if (conn->state == TN_CONN_OPEN)
        look(conn); /* what is complete is still answered */
    else
        tn_conn_settle(conn);
}

static void on_read(uv_stream_t *stream, ssize_t n_read, const uv_buf_t *buf)
{
    struct tn_conn *conn = conn_of((const uv_handle_t *)stream);

    (void)buf;
    if (n_read > 0 && conn->state == TN_CONN_OPEN) {
        tn_counter_add(&conn->worker->ex.counters->bytes_received, (uint64_t)n_read);
        tn_buffer_commit(&conn->in, (size_t)n_read);
        note_arrival(conn, (size_t)n_read);
        look(conn);
    } else if (n_read > 0) {
        conn->lingered_bytes += (size_t)n_read;
        if (conn->lingered_bytes > TN_CONN_LINGER_BYTES)
            tn_conn_close(conn, TN_CLOSE_ENDED);
    } else if (n_read == 0) { /* nothing there after all */
        if (conn->state == TN_CONN_OPEN && tn_buffer_len(&conn->in) == 0)
            tn_conn_give_back_in(conn);
    } else if (n_read == UV_ENOBUFS) {
        /* Full of requests, which this turn executes; or there is no memory. */
        if (!tn_ring_is_linked(&conn->ready))
            tn_conn_close(conn, TN_CLOSE_NO_MEMORY);
    } else if (n_read == UV_EOF) {
        read_eof(conn);
    } else {
        tn_conn_close(conn, TN_CLOSE_BROKEN);
    }
}

void tn_conn_start_reading(struct tn_conn *conn)
{
    if (conn->is_reading || conn->has_eof || conn->is_draining || conn->state == TN_CONN_CLOSED)
        return;
    if (uv_read_start(&conn->uv.stream, on_alloc, on_read) < 0) {
        tn_conn_close(conn, TN_CLOSE_BROKEN);
        return;
    }
    conn->is_reading = true;
}

void tn_conn_stop_reading(struct tn_conn *conn)
{
    if (conn->is_reading)
        (void)uv_read_stop(&conn->uv.stream); /* always succeeds */
    conn->is_reading = false;
}

/* ---- Closing ---- */

void tn_conn_drain(struct tn_conn *conn)
{
    if (conn->state != TN_CONN_OPEN || conn->is_draining)
        return;
    conn->is_draining = true;
    tn_conn_stop_reading(conn);
    look(conn);
}

static void log_closed(const struct tn_conn *conn)
{
    static const char *const reasons[] = {
        [TN_CLOSE_ENDED] = "ended",
        [TN_CLOSE_BROKEN] = "broken",
        [TN_CLOSE_NO_MEMORY] = "no memory",
        [TN_CLOSE_HELLO_TIMEOUT] = "hello timeout",
        [TN_CLOSE_READ_TIMEOUT] = "read timeout",
        [TN_CLOSE_WRITE_TIMEOUT] = "write timeout",
        [TN_CLOSE_SHUTDOWN] = "shutdown",
    };
    bool is_usual = conn->close_reason == TN_CLOSE_ENDED;
    struct tn_log_line line;

    tn_log_begin(&line, is_usual ? TN_LOG_DEBUG : TN_LOG_INFO, "connection closed");
    tn_log_str(&line, "reason", reasons[conn->close_reason]);
    tn_log_u64(&line, "session", conn->session.id);
    tn_log_u64(&line, "handles", tn_session_n_handles(&conn->session));
    if (conn->fault != NULL)
        tn_log_str(&line, "fault", tn_reason_name(conn->fault->reason));
    tn_log_end(&line);
}

static void on_closed(uv_handle_t *handle)
{
    struct tn_conn *conn = conn_of(handle);

    log_closed(conn);
    TN_ASSERT(conn->state == TN_CONN_CLOSED && !conn->is_writing);
    tn_conn_give_back_in(conn);
    tn_conn_give_back_out(conn);
    free(conn->fault);
    conn->fault = NULL;
    conn->state = TN_CONN_RELEASING;
    tn_worker_forget(conn->worker, conn);
}

void tn_conn_close(struct tn_conn *conn, enum tn_close_reason why)
{
    if (conn->state >= TN_CONN_CLOSED)
        return;
    conn->state = TN_CONN_CLOSED;
    conn->close_reason = why;
    tn_session_end_subscriptions(&conn->session);
    tn_ring_remove(&conn->ready);
    tn_ring_remove(&conn->watched);
    /* `touched` is left to the turn, which is walking it. */
    uv_close(&conn->uv.handle, on_closed);
}

void tn_conn_free(struct tn_conn *conn)
{
    TN_ASSERT(conn->magic == TN_CONN_MAGIC && conn->state == TN_CONN_RELEASING);
    tn_ring_remove(&conn->touched);
    conn->magic = 0;
    free(conn);
}

/* ---- Time ---- */

static bool has_passed(uint64_t since_ms, uint64_t timeout_ns, uint64_t now_ms)
{
    return now_ms - since_ms >= timeout_ns / TN_NS_PER_MS;
}

/* Whether a timeout is running at all. */
static bool is_timed(const struct tn_conn *conn)
{
    return !tn_session_is_open(&conn->session) || conn->frame_since_ms != 0 || conn->is_writing ||
           conn->is_starved || conn->state == TN_CONN_LINGERING;
}

/* Why the connection is to be closed now, if it is. */
static enum tn_close_reason what_is_late(struct tn_conn *conn, uint64_t now_ms)
{
    const struct tn_config *config = &conn->worker->service->config;

    if (conn->state == TN_CONN_LINGERING)
        return now_ms >= conn->linger_until_ms ? TN_CLOSE_ENDED : TN_CLOSE_NOT;
    if (tn_conn_is_stalled(conn, now_ms))
        return TN_CLOSE_WRITE_TIMEOUT;
    if (conn->state != TN_CONN_OPEN)
        return TN_CLOSE_NOT;
    if (!tn_session_is_open(&conn->session) &&
        has_passed(conn->opened_ms, config->hello_timeout_ns, now_ms))
        return TN_CLOSE_HELLO_TIMEOUT;
    /* Who waits for our memory, or has not read our answers, is not late. */
    if (conn->frame_since_ms != 0 && conn->is_reading &&
        has_passed(conn->frame_since_ms, config->read_timeout_ns, now_ms))
        return TN_CLOSE_READ_TIMEOUT;
    return TN_CLOSE_NOT;
}

void tn_conn_tick(struct tn_conn *conn, uint64_t now_ms)
{
    enum tn_close_reason why;

    if (conn->is_starved) { /* for a large message, or for a large answer */
        look(conn);
        if (conn->state >= TN_CONN_CLOSED)
            return;
    }
    why = what_is_late(conn, now_ms);
    if (why != TN_CLOSE_NOT)
        tn_conn_close(conn, why);
    else if (!is_timed(conn))
        tn_ring_remove(&conn->watched);
}
