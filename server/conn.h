/* SPDX-License-Identifier: MIT */
/*
 * A connection: bytes in, requests, answers, bytes out.
 *
 *   state      meaning                                    who moves it on
 *   open       requests are read and executed             an error, the peer, a drain: ending
 *   ending     no more requests; answers are on their way all sent: lingering or closed
 *   lingering  our side is shut; what still comes is      the peer closes, or a timeout: closed
 *              thrown away, so that our last words are
 *              not lost to a reset
 *   closed     libuv is letting go of the socket          its callback: releasing
 *   releasing  the session's handles are given back       the worker's turns: freed
 *
 * Memory. A connection that has nothing to do has no buffers. It takes one of
 * CONN_BUFFER_BYTES from its worker when bytes come or answers are written, and
 * gives it back. A message that does not fit is paid for from the service's
 * budget before a byte of it is accepted, all of it at once; so nobody holds a
 * part of the budget while waiting for more of it.
 *
 * Back-pressure. A connection whose answers are not taken is blocked: its
 * requests are not executed and it is not read from, until they are. Events
 * (conn_events.c) are sent only when all answers are, and never block it.
 *
 * Threads: its worker only.
 */
#ifndef TN_SERVER_CONN_H
#define TN_SERVER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/attr.h"
#include "proto/buffer.h"
#include "proto/frame.h"
#include "proto/status.h"
#include "server/ring.h"
#include "server/session.h"

#define TN_CONN_MAGIC 0x636f6e6eu

#define TN_CONN_BUFFER_BYTES ((size_t)32 << 10)

struct tn_worker;

enum tn_conn_state {
    TN_CONN_OPEN,
    TN_CONN_ENDING,
    TN_CONN_LINGERING,
    TN_CONN_CLOSED,
    TN_CONN_RELEASING,
};

/* Why a connection was closed, for the log. */
enum tn_close_reason {
    TN_CLOSE_NOT,
    TN_CLOSE_ENDED,     /* the peer closed it, or it was told that we do */
    TN_CLOSE_BROKEN,    /* the socket failed, or the peer closed it while we wrote */
    TN_CLOSE_NO_MEMORY, /* for its buffers */
    TN_CLOSE_HELLO_TIMEOUT,
    TN_CLOSE_READ_TIMEOUT,
    TN_CLOSE_WRITE_TIMEOUT,
    TN_CLOSE_SHUTDOWN,
};

/* When bytes arrived: all up to an offset of the stream, at the latest by then. */
struct tn_arrival {
    uint64_t stream_end;
    uint64_t ms;
};

#define TN_ARRIVALS 8

struct tn_conn {
    uint32_t magic;
    enum tn_conn_state state;
    struct tn_worker *worker;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct tn_session session;
    uint64_t opened_ms;
    enum tn_close_reason close_reason; /* once it is closed */

    /* Coming in. */
    struct tn_buffer in;
    uint64_t stream_read; /* bytes received, ever */
    struct tn_arrival arrivals[TN_ARRIVALS];
    unsigned int n_arrivals;
    uint64_t frame_since_ms; /* since when the first frame is incomplete; 0: it is not */
    size_t in_taken_bytes;   /* of the budget */
    struct tn_status *fault; /* what is wrong with the stream from here on */

    /* Going out. */
    struct tn_buffer out;     /* answers */
    struct tn_buffer sending; /* what libuv is writing; must not move */
    size_t n_out, n_sending;  /* answers in them */
    size_t out_taken_bytes, sending_taken_bytes;
    size_t write_left;       /* of `sending`, when it was last looked at */
    uint64_t write_since_ms; /* since when that has not changed */
    uv_write_t write;
    uv_shutdown_t shutdown;
    uint64_t linger_until_ms;
    size_t lingered_bytes;

    bool is_reading : 1;
    bool is_blocked : 1;    /* its answers are not taken */
    bool is_starved : 1;    /* waits for the buffer budget */
    bool is_draining : 1;   /* ends as soon as complete requests have been executed */
    bool has_eof : 1;       /* the peer will send nothing more */
    bool is_writing : 1;    /* `write` is in use */
    bool must_end : 1;      /* the last answer has been given */
    bool is_unfinished : 1; /* its first request goes on in the next turn */

    /* Among its worker's connections. */
    struct tn_ring all;
    struct tn_ring ready;   /* the first frame is complete, or broken */
    struct tn_ring touched; /* has been executed for in this turn */
    struct tn_ring watched; /* a timeout is running */
};

/* Takes over a connected, non-blocking socket. TN_ERR_NOMEM, TN_ERR_IO: the
 * socket is closed. */
TN_MUST_CHECK int tn_conn_open(struct tn_worker *worker, int fd);

/* Looks at the first frame: puts the connection on the list of those that are
 * ready if it is complete or broken, asks for memory if it is large, and notes
 * since when it has been incomplete. Ends the connection if it never will be
 * complete; then it has to be settled. */
void tn_conn_examine(struct tn_conn *conn);

/* The request of `n_bytes` at the front has been executed. */
void tn_conn_consume(struct tn_conn *conn, size_t n_bytes);

/* When the bytes up to an offset of what is in `in` had arrived, as uv_now(). */
uint64_t tn_conn_arrived_ms(const struct tn_conn *conn, size_t offset);

/* Whether its answers are not taken, so that its requests have to wait. */
bool tn_conn_must_wait(const struct tn_conn *conn);

/* Writes the answers of this turn, blocks or goes on reading, and ends what is
 * to end. After requests were executed. */
void tn_conn_settle(struct tn_conn *conn);

/* Executes no more requests. When it is settled and all answers are sent, it is
 * closed. */
void tn_conn_end(struct tn_conn *conn);

/* Executes what has arrived completely, and then ends. */
void tn_conn_drain(struct tn_conn *conn);

/* Closes at once; answers that are not sent are lost. May be called again: the
 * first reason counts. */
void tn_conn_close(struct tn_conn *conn, enum tn_close_reason why);

/* A timeout may have passed, or memory may be free. */
void tn_conn_tick(struct tn_conn *conn, uint64_t now_ms);

/* Frees a connection whose session is closed. */
void tn_conn_free(struct tn_conn *conn);

#endif
