/* SPDX-License-Identifier: MIT */
/*
 * The load: one thread, one epoll loop, closed loop. Each connection sends a
 * batch of `pipeline` requests with one write, and the next one when the last
 * answer of the batch has come. Each has its own random sequence of keys: with
 * a shared one all connections would ask for the same few keys at a time.
 *
 * A round ends when its time is over and all answers have come; the time until
 * then counts, and so do those answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/service.h"
#include "core/base/clock.h"
#include "proto/frame.h"

#define IN_BYTES_MIN ((size_t)64 << 10)
#define EVENTS_MAX 64
#define FRAME_BYTES_MAX ((size_t)1 << 20)

/* A server that is silent for so long is not going to answer. */
#define SILENCE_MS 20000

/* Every so many answers, one is checked by the library's code, byte for byte. */
#define SAMPLE 251

struct conn {
    int fd;
    uint32_t first_id; /* of the batch */
    uint32_t next_id;
    unsigned int n_batch; /* requests in it; 0: idle */
    unsigned int n_answered;
    uint64_t sent_ns;
    struct bench_random random;
    uint32_t *keys; /* of the batch */
    uint8_t *out;
    size_t out_len;
    size_t out_sent;
    uint8_t *in;
    size_t in_len;
};

struct load_state {
    const struct bench_load *load;
    struct conn *conns;
    size_t in_bytes; /* of a connection's buffer */
    int epoll;
    unsigned int n_busy; /* connections that wait for answers */
    uint32_t next_key;   /* in_order */
    uint64_t n_sent;
    uint64_t n_answered;
    uint64_t deadline_ns; /* 0: until n_ops */
    uint64_t now_ns;
};

/* ---- Sending ---- */

static void watch(struct load_state *state, int op, struct conn *conn, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = conn };

    if (epoll_ctl(state->epoll, op, conn->fd, &event) != 0)
        bench_die("cannot watch a connection: %s", strerror(errno));
}

static void send_rest(struct load_state *state, struct conn *conn)
{
    bool was_full = conn->out_sent > 0;

    while (conn->out_sent < conn->out_len) {
        ssize_t n = send(conn->fd, conn->out + conn->out_sent, conn->out_len - conn->out_sent,
                         MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            watch(state, EPOLL_CTL_MOD, conn, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0 && errno != EINTR)
            bench_die("cannot write to the server: %s", strerror(errno));
        if (n > 0)
            conn->out_sent += (size_t)n;
    }
    if (was_full)
        watch(state, EPOLL_CTL_MOD, conn, EPOLLIN);
}

static bool is_over(const struct load_state *state)
{
    const struct bench_load *load = state->load;

    if (load->in_order)
        return state->next_key == load->n_keys;
    if (state->deadline_ns != 0)
        return state->now_ns >= state->deadline_ns;
    return state->n_sent >= load->n_ops;
}

static unsigned int batch_size(const struct load_state *state)
{
    const struct bench_load *load = state->load;
    uint32_t n_left = load->n_keys - state->next_key;

    if (load->in_order && n_left < load->pipeline)
        return (unsigned int)n_left;
    return load->pipeline;
}

/* Sends the next batch, or leaves the connection idle if the round is over. */
static void send_batch(struct load_state *state, struct conn *conn)
{
    const struct bench_load *load = state->load;
    const struct bench_frame *frame = load->frame;

    conn->n_batch = is_over(state) ? 0 : batch_size(state);
    conn->n_answered = 0;
    if (conn->n_batch == 0)
        return;
    if (conn->next_id + conn->n_batch > BENCH_ID_MAX)
        conn->next_id = BENCH_ID_MIN;
    conn->first_id = conn->next_id;
    for (unsigned int i = 0; i < conn->n_batch; i++) {
        conn->keys[i] = load->in_order ? state->next_key++
                                       : (uint32_t)bench_random_below(&conn->random, load->n_keys);
        bench_frame_write(frame, conn->out + i * frame->len, conn->next_id++, conn->keys[i]);
    }
    conn->out_len = conn->n_batch * frame->len;
    conn->out_sent = 0;
    conn->sent_ns = tn_clock_ns();
    state->n_sent += conn->n_batch;
    state->n_busy++;
    send_rest(state, conn);
}

/* ---- Receiving ---- */

/* Takes one answer from the front of `data`; returns its length, 0 if it is not
 * there as a whole. */
static size_t take_answer(struct load_state *state, struct conn *conn, const uint8_t *data,
                          size_t len)
{
    const struct bench_load *load = state->load;
    unsigned int i = conn->n_answered;
    struct tn_frame frame;
    int r;

    if (load->server->is_echo)
        return len >= load->answer_bytes ? load->answer_bytes : 0;
    r = tn_frame_parse(data, len, FRAME_BYTES_MAX, &frame, NULL);
    if (r == TN_ERR_AGAIN)
        return 0;
    bench_check(r, "an answer");
    bench_answer_check(load->frame, data + frame.offset, frame.len, conn->first_id + i,
                       conn->keys[i], (state->n_answered + i) % SAMPLE == 0);
    return frame.offset + frame.len;
}

static void take_answers(struct load_state *state, struct conn *conn)
{
    struct bench_histogram *latency = state->load->latency;
    uint64_t waited_ns = state->now_ns - conn->sent_ns;
    size_t at = 0;
    unsigned int n = 0;

    while (conn->n_answered < conn->n_batch) {
        size_t len = take_answer(state, conn, conn->in + at, conn->in_len - at);

        if (len == 0)
            break;
        at += len;
        conn->n_answered++;
        n++;
    }
    if (conn->n_answered == conn->n_batch && at != conn->in_len)
        bench_die("the server answers more than it was asked");
    if (latency != NULL)
        for (unsigned int i = 0; i < n; i++)
            bench_histogram_record(latency, waited_ns);
    conn->in_len -= at;
    memmove(conn->in, conn->in + at, conn->in_len);
    state->n_answered += n;
    if (conn->n_answered < conn->n_batch)
        return;
    state->n_busy--;
    send_batch(state, conn);
}

static void receive(struct load_state *state, struct conn *conn)
{
    ssize_t n = recv(conn->fd, conn->in + conn->in_len, state->in_bytes - conn->in_len, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        bench_die("cannot read from the server: %s", strerror(errno));
    if (n == 0)
        bench_die("the server (%s) has closed a connection", state->load->server->mode);
    conn->in_len += (size_t)n;
    if (conn->n_batch == 0)
        bench_die("the server answers more than it was asked");
    state->now_ns = tn_clock_ns();
    take_answers(state, conn);
}

static void wait_and_serve(struct load_state *state)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(state->epoll, events, EVENTS_MAX, SILENCE_MS);

    if (n == 0)
        bench_die("the server (%s) does not answer any more", state->load->server->mode);
    for (int i = 0; i < n; i++) {
        struct conn *conn = events[i].data.ptr;

        if ((events[i].events & EPOLLOUT) != 0)
            send_rest(state, conn);
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            receive(state, conn);
    }
}

/* ---- Connections ---- */

static void conn_open(struct load_state *state, struct conn *conn, unsigned int i)
{
    const struct bench_load *load = state->load;
    struct bench_echo_hello hello = { (uint32_t)load->frame->len, (uint32_t)load->answer_bytes };

    conn->fd = bench_address_connect(load->address);
    if (conn->fd < 0)
        bench_die("cannot connect to the server (%s): %s", load->server->mode, strerror(errno));
    if (!load->server->is_echo)
        bench_session_open(conn->fd, NULL);
    else if (send(conn->fd, &hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello))
        bench_die("cannot write to the echo server: %s", strerror(errno));
    if (fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0)
        bench_die("cannot make a socket non-blocking: %s", strerror(errno));
    conn->random = bench_random_init(load->seed, load->stream + i);
    conn->next_id = BENCH_ID_MIN;
    conn->keys = bench_alloc(load->pipeline * sizeof(*conn->keys));
    conn->out = bench_alloc(load->pipeline * load->frame->len);
    conn->in = bench_alloc(state->in_bytes);
    watch(state, EPOLL_CTL_ADD, conn, EPOLLIN);
}

static void conn_close(struct conn *conn)
{
    close(conn->fd);
    bench_free(conn->keys);
    bench_free(conn->out);
    bench_free(conn->in);
}

static void state_init(struct load_state *state, const struct bench_load *load)
{
    /* An answer is at most a value and some bytes around it. */
    size_t answer_bytes = load->frame->value_bytes + 128;

    *state = (struct load_state){ .load = load, .in_bytes = 4 * answer_bytes };
    if (state->in_bytes < IN_BYTES_MIN)
        state->in_bytes = IN_BYTES_MIN;
    state->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (state->epoll < 0)
        bench_die("cannot create an epoll: %s", strerror(errno));
    state->conns = bench_alloc(load->connections * sizeof(*state->conns));
    for (unsigned int i = 0; i < load->connections; i++)
        conn_open(state, &state->conns[i], i);
}

static void state_fini(struct load_state *state)
{
    for (unsigned int i = 0; i < state->load->connections; i++)
        conn_close(&state->conns[i]);
    bench_free(state->conns);
    close(state->epoll);
}

static double own_cpu_seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct bench_load_result bench_load_run(const struct bench_load *load)
{
    struct load_state state;
    struct bench_load_result result = { 0 };
    uint64_t begin_ns;

    state_init(&state, load);
    result.server_cpu_seconds = -bench_server_cpu_seconds(load->server);
    result.server_system_seconds = -bench_server_system_seconds(load->server);
    result.client_cpu_seconds = -own_cpu_seconds();
    begin_ns = state.now_ns = tn_clock_ns();
    if (load->seconds > 0)
        state.deadline_ns = begin_ns + (uint64_t)(load->seconds * (double)TN_NS_PER_S);
    for (unsigned int i = 0; i < load->connections; i++)
        send_batch(&state, &state.conns[i]);
    while (state.n_busy > 0)
        wait_and_serve(&state);
    result.seconds = (double)(tn_clock_ns() - begin_ns) / (double)TN_NS_PER_S;
    result.server_cpu_seconds += bench_server_cpu_seconds(load->server);
    result.server_system_seconds += bench_server_system_seconds(load->server);
    result.client_cpu_seconds += own_cpu_seconds();
    result.n_ops = state.n_answered;
    state_fini(&state);
    return result;
}

size_t bench_load_probe_answer(const struct bench_server *server,
                               const struct bench_address *address, const struct bench_frame *frame)
{
    struct bench_load load = { .server = server,
                               .address = address,
                               .frame = frame,
                               .connections = 1,
                               .pipeline = 1,
                               .n_keys = 1,
                               .n_ops = 1 };
    struct load_state state;
    struct tn_frame answer;
    size_t n_bytes = 0;

    state_init(&state, &load);
    send_batch(&state, &state.conns[0]);
    while (n_bytes == 0) {
        struct conn *conn = &state.conns[0];
        struct epoll_event event;
        ssize_t n;

        if (epoll_wait(state.epoll, &event, 1, SILENCE_MS) == 0)
            bench_die("the server (%s) does not answer", server->mode);
        n = recv(conn->fd, conn->in + conn->in_len, state.in_bytes - conn->in_len, 0);
        if (n <= 0)
            bench_die("the server (%s) has closed a connection", server->mode);
        conn->in_len += (size_t)n;
        if (tn_frame_parse(conn->in, conn->in_len, FRAME_BYTES_MAX, &answer, NULL) == 0)
            n_bytes = answer.offset + answer.len;
    }
    state_fini(&state);
    return n_bytes;
}
