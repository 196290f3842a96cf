/* SPDX-License-Identifier: MIT */
/*
 * See conn.h: what goes out. Answers are appended to `out`, and written with one
 * system call at the end of a turn. What the socket does not take moves to
 * `sending`, which libuv writes when it can, while `out` goes on filling.
 */
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/conn_internal.h"
#include "server/subscription.h"
#include "server/worker.h"

/* Goes on when this part of the limit is free again, so as not to start and
 * stop for every answer. */
#define LOW_WATER(high) ((high) / 4)

void tn_conn_init_out(struct tn_buffer *buffer, const struct tn_config *config)
{
    /* A request is executed while there is less than the limit, and adds one
     * answer at most. */
    tn_buffer_init(buffer, (size_t)config->output_buffer_bytes + (size_t)config->max_frame_bytes +
                               TN_CONN_BUFFER_BYTES);
}

static void give_back(struct tn_conn *conn, struct tn_buffer *buffer, size_t *taken_bytes)
{
    tn_worker_give_buffer(conn->worker, buffer);
    tn_conn_init_out(buffer, &conn->worker->service->config);
    if (*taken_bytes == 0)
        return;
    tn_budget_give(&conn->worker->service->buffers_out, *taken_bytes);
    *taken_bytes = 0;
    tn_worker_feed(conn->worker);
}

void tn_conn_give_back_out(struct tn_conn *conn)
{
    give_back(conn, &conn->out, &conn->out_taken_bytes);
    give_back(conn, &conn->sending, &conn->sending_taken_bytes);
}

void tn_conn_give_back_out_if_empty(struct tn_conn *conn)
{
    if (conn->out.cap > 0 && tn_buffer_len(&conn->out) == 0)
        give_back(conn, &conn->out, &conn->out_taken_bytes);
}

static size_t unsent_bytes(const struct tn_conn *conn)
{
    return tn_buffer_len(&conn->out) + tn_buffer_len(&conn->sending);
}

bool tn_conn_is_all_sent(const struct tn_conn *conn)
{
    return unsent_bytes(conn) == 0;
}

bool tn_conn_must_wait(const struct tn_conn *conn)
{
    const struct tn_config *config = &conn->worker->service->config;

    return unsent_bytes(conn) >= config->output_buffer_bytes ||
           conn->n_out + conn->n_sending >= config->max_in_flight;
}

static bool may_go_on(const struct tn_conn *conn)
{
    const struct tn_config *config = &conn->worker->service->config;

    return unsent_bytes(conn) <= LOW_WATER(config->output_buffer_bytes) &&
           conn->n_out + conn->n_sending <= LOW_WATER(config->max_in_flight);
}

static void count_sent(struct tn_conn *conn, size_t n_bytes)
{
    tn_counter_add(&conn->worker->ex.counters->bytes_sent, n_bytes);
}

static void on_written(uv_write_t *write, int status);

/* Lets libuv write what the socket did not take. */
static void write_rest(struct tn_conn *conn)
{
    uv_buf_t buf;

    conn->sending = conn->out;
    conn->n_sending = conn->n_out;
    conn->sending_taken_bytes = conn->out_taken_bytes;
    tn_conn_init_out(&conn->out, &conn->worker->service->config);
    conn->n_out = 0;
    conn->out_taken_bytes = 0;

    buf = uv_buf_init((char *)conn->sending.data + conn->sending.head,
                      (unsigned int)tn_buffer_len(&conn->sending));
    conn->write.data = conn;
    if (uv_write(&conn->write, &conn->uv.stream, &buf, 1, on_written) < 0) {
        tn_conn_close(conn, TN_CLOSE_BROKEN);
        return;
    }
    conn->is_writing = true;
    conn->write_left = buf.len;
    conn->write_since_ms = tn_conn_now_ms(conn);
    tn_worker_watch(conn->worker, conn);
}

/* Writes what there is as far as the socket takes it. */
static void flush(struct tn_conn *conn)
{
    size_t len = tn_buffer_len(&conn->out);
    uv_buf_t buf;
    int n;

    if (len == 0 || conn->is_writing)
        return;
    buf = uv_buf_init((char *)conn->out.data + conn->out.head, (unsigned int)len);
    n = uv_try_write(&conn->uv.stream, &buf, 1);
    if (n < 0 && n != UV_EAGAIN) {
        tn_conn_close(conn, TN_CLOSE_BROKEN);
        return;
    }
    if (n > 0) {
        count_sent(conn, (size_t)n);
        tn_buffer_consume(&conn->out, (size_t)n);
    }
    if (tn_buffer_len(&conn->out) > 0) {
        write_rest(conn);
        return;
    }
    conn->n_out = 0;
    if (conn->out_taken_bytes > 0)
        give_back(conn, &conn->out, &conn->out_taken_bytes);
}

static void on_written(uv_write_t *write, int status)
{
    struct tn_conn *conn = write->data;

    TN_ASSERT(conn->magic == TN_CONN_MAGIC);
    conn->is_writing = false;
    if (status < 0) {
        tn_conn_close(conn, TN_CLOSE_BROKEN); /* does nothing if that is why it failed */
        return;
    }
    count_sent(conn, tn_buffer_len(&conn->sending));
    give_back(conn, &conn->sending, &conn->sending_taken_bytes);
    conn->n_sending = 0;
    /* What waited for this goes out in a turn, which this call may not be followed by:
     * libuv also calls before it sleeps. */
    if (tn_session_has_news(&conn->session))
        tn_worker_stay_awake(conn->worker);
    tn_conn_settle(conn);
}

bool tn_conn_is_stalled(struct tn_conn *conn, uint64_t now_ms)
{
    uint64_t timeout_ms = conn->worker->service->config.write_timeout_ns / TN_NS_PER_MS;
    size_t left;

    if (!conn->is_writing)
        return false;
    left = uv_stream_get_write_queue_size(&conn->uv.stream);
    if (left != conn->write_left) {
        conn->write_left = left;
        conn->write_since_ms = now_ms;
    }
    return now_ms - conn->write_since_ms >= timeout_ms;
}

/* ---- Ending ---- */

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    struct tn_conn *conn = shutdown->data;

    TN_ASSERT(conn->magic == TN_CONN_MAGIC);
    if (status < 0)
        tn_conn_close(conn, TN_CLOSE_BROKEN);
}

/* All answers are sent. */
static void say_goodbye(struct tn_conn *conn)
{
    /* A reset would be sent if we closed with bytes unread, and could overtake
     * our last words; so if somebody is talking, we hear them out. */
    if (conn->has_eof || conn->is_draining) {
        tn_conn_close(conn, conn->has_eof ? TN_CLOSE_ENDED : TN_CLOSE_SHUTDOWN);
        return;
    }
    conn->state = TN_CONN_LINGERING;
    conn->linger_until_ms = tn_conn_now_ms(conn) + TN_CONN_LINGER_MS;
    conn->shutdown.data = conn;
    if (uv_shutdown(&conn->shutdown, &conn->uv.stream, on_shut) < 0) {
        tn_conn_close(conn, TN_CLOSE_BROKEN);
        return;
    }
    tn_worker_watch(conn->worker, conn);
    tn_conn_start_reading(conn);
}

/* The connection of a server that shuts down is told so, if it is idle. */
static void tell_shutdown(struct tn_conn *conn)
{
    struct tn_status status;

    if (conn->has_eof || conn->fault != NULL)
        return;
    (void)tn_status_set(&status, TN_REASON_SHUTTING_DOWN);
    if (conn->out.cap == 0 && tn_worker_take_buffer(conn->worker, &conn->out) < 0)
        return;
    if (tn_answer_failure(0, &status, &conn->out) < 0)
        return; /* then the peer just sees the end */
    conn->n_out++;
}

void tn_conn_end(struct tn_conn *conn)
{
    if (conn->state != TN_CONN_OPEN)
        return;
    if (conn->is_draining)
        tell_shutdown(conn);
    conn->state = TN_CONN_ENDING;
    tn_ring_remove(&conn->ready);
    tn_conn_stop_reading(conn);
    tn_session_end_subscriptions(&conn->session);
    tn_conn_give_back_in(conn);
    conn->n_arrivals = 0;
    conn->frame_since_ms = 0;
    conn->is_starved = false;
}

/* Blocks, or goes on, as the answers have been taken or not. */
static void regulate(struct tn_conn *conn, bool had_answers)
{
    if (!conn->is_blocked && tn_conn_must_wait(conn)) {
        conn->is_blocked = true;
        tn_ring_remove(&conn->ready);
        tn_conn_stop_reading(conn);
    } else if (conn->is_blocked && may_go_on(conn)) {
        conn->is_blocked = false;
        conn->frame_since_ms = 0; /* the time that it could not be read does not count */
        if (conn->fault == NULL)
            tn_conn_start_reading(conn);
    }
    /* Who waits for memory asks again by and by; or now, if the memory may have
     * been in its own answers, which are sent. */
    if (conn->is_starved && !(had_answers && unsent_bytes(conn) == 0)) {
        tn_conn_stop_reading(conn);
        tn_worker_watch(conn->worker, conn);
    } else if (!conn->is_blocked) {
        tn_conn_examine(conn);
    }
}

void tn_conn_settle(struct tn_conn *conn)
{
    bool had_answers = conn->n_out > 0;

    if (conn->state >= TN_CONN_CLOSED)
        return;
    if (conn->must_end)
        tn_conn_end(conn);
    flush(conn);
    if (conn->state == TN_CONN_OPEN)
        regulate(conn, had_answers);
    if (conn->state != TN_CONN_ENDING)
        return;
    flush(conn); /* the last words */
    if (conn->state == TN_CONN_ENDING && unsent_bytes(conn) == 0)
        say_goodbye(conn);
}
