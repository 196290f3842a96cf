/* SPDX-License-Identifier: MIT */
/*
 * A worker's turn; see worker.h.
 *
 * A group takes requests from the connections that are ready, in their order,
 * a bounded number from each, so that none starves another. Unpacking needs no
 * heap, so it is done before the worker goes online (in mode gil: without the
 * lock), and so are the system calls that send the answers.
 *
 * A request stays in its connection's input until it has been executed. So what
 * cannot be executed now (the connection is blocked or closed meanwhile) is just
 * left there and unpacked again later.
 */
#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/worker.h"

/* Requests of one connection in one group. */
#define REQUESTS_PER_CONN 64

/* A group ends when its requests take so much memory unpacked. */
#define PARSE_BYTES_ENOUGH ((size_t)192 << 10)

/* Requests between two safe points. */
#define REQUESTS_PER_SAFEPOINT 16

/* Handles of closed sessions that are given back in one turn: as many as a safe
 * point works off destructions. */
#define RELEASES_PER_TURN TN_WORK_BUDGET

/* Answers are small, mostly; then nothing is allocated for them. */
#define OUT_BYTES_MIN ((size_t)4 << 10)

/* ---- Unpacking ---- */

static struct tn_status *keep_status(struct tn_worker *worker, const struct tn_status *status)
{
    struct tn_status *kept = tn_arena_alloc(&worker->parse_arena, sizeof(*kept));

    if (kept != NULL)
        *kept = *status;
    return kept;
}

/* Unpacks one message into an entry. False if the group has no memory for it. */
static bool unpack(struct tn_worker *worker, struct tn_slice payload, struct tn_group_entry *entry)
{
    Tenure__V1__Request *request = NULL;
    struct tn_status status;

    if (tn_message_unpack_request(payload, &worker->service->limits.scan, &worker->parse_arena,
                                  &request, &status) == 0) {
        entry->request = request;
        return true;
    }
    /* Perhaps it would fit into an empty arena. */
    if ((status.reason == TN_REASON_MESSAGE_TOO_COSTLY ||
         status.reason == TN_REASON_OUT_OF_MEMORY) &&
        worker->n_group > 0)
        return false;
    entry->request = NULL;
    entry->id = tn_message_peek_id(payload);
    entry->status = keep_status(worker, &status);
    return entry->status != NULL || worker->n_group == 0; /* without one, it is closed */
}

/* Adds what a connection has, up to its share. */
static void gather_from(struct tn_worker *worker, struct tn_conn *conn)
{
    size_t max_frame = (size_t)worker->service->config.max_frame_bytes;
    size_t offset = 0;

    conn->is_unfinished = false;
    for (size_t n = 0; n < REQUESTS_PER_CONN && worker->n_group < TN_GROUP_REQUESTS; n++) {
        struct tn_group_entry *entry = &worker->group[worker->n_group];
        const uint8_t *data = tn_buffer_begin(&conn->in);
        struct tn_frame frame;

        if (tn_arena_used(&worker->parse_arena) >= PARSE_BYTES_ENOUGH)
            break;
        /* What is wrong with a frame is found when it is the first one. */
        if (tn_buffer_len(&conn->in) == offset ||
            tn_frame_parse(data + offset, tn_buffer_len(&conn->in) - offset, max_frame, &frame,
                           NULL) < 0)
            break;
        *entry = (struct tn_group_entry){ .conn = conn, .n_bytes = frame.offset + frame.len };
        if (!unpack(worker, TN_SLICE(data + offset + frame.offset, frame.len), entry))
            break;
        offset += entry->n_bytes;
        entry->arrived_ms = tn_conn_arrived_ms(conn, offset);
        worker->n_group++;
        if (entry->request == NULL && entry->id == 0)
            break; /* the connection will be closed */
    }
    if (conn->fault != NULL && worker->n_group < TN_GROUP_REQUESTS &&
        offset == 0) /* all that came before it has been answered */
        worker->group[worker->n_group++] =
            (struct tn_group_entry){ .conn = conn, .status = conn->fault };
}

/* Gathers a group from the connections that are ready. Each is looked at once
 * in a turn: `*n_left` says how many are. */
static void gather(struct tn_worker *worker, size_t *n_left)
{
    worker->n_group = 0;
    tn_arena_reset(&worker->parse_arena);
    while (*n_left > 0 && worker->n_group < TN_GROUP_REQUESTS &&
           tn_arena_used(&worker->parse_arena) < PARSE_BYTES_ENOUGH) {
        struct tn_ring *link = tn_ring_pop_front(&worker->ready);
        struct tn_conn *conn;

        if (link == NULL) {
            *n_left = 0;
            return;
        }
        (*n_left)--;
        conn = TN_CONTAINER_OF(link, struct tn_conn, ready);
        tn_ring_push_back(&worker->touched, &conn->touched);
        gather_from(worker, conn);
    }
}

/* ---- Executing ---- */

/* Whether a request has waited for longer than its sender would. */
static bool is_expired(const struct tn_group_entry *entry)
{
    uint64_t now_ms;

    if (TN_LIKELY(entry->request->deadline_ms == 0))
        return false;
    /* The same clock as uv_now()'s, which stands still during a turn. */
    now_ms = tn_clock_coarse_ns() / TN_NS_PER_MS;
    return now_ms > entry->arrived_ms && now_ms - entry->arrived_ms >= entry->request->deadline_ms;
}

/* The message could not be understood. If its sender is known, that is an answer
 * like any other; if not, it is the last one. */
static void answer_malformed(struct tn_worker *worker, const struct tn_group_entry *entry)
{
    struct tn_conn *conn = entry->conn;
    bool is_last = entry->id == 0 || !tn_session_is_open(&conn->session);

    tn_counter_add(&worker->ex.counters->requests_failed, 1);
    if (entry->status == NULL ||
        tn_answer_failure(is_last ? 0 : entry->id, entry->status, &conn->out) < 0) {
        tn_conn_close(conn, TN_CLOSE_NO_MEMORY);
        return;
    }
    conn->n_out++;
    if (entry->n_bytes > 0)
        tn_conn_consume(conn, entry->n_bytes);
    conn->must_end = is_last;
}

static void execute(struct tn_worker *worker, const struct tn_group_entry *entry)
{
    struct tn_conn *conn = entry->conn;
    struct tn_incoming incoming = { .request = entry->request, .may_defer = true };
    struct tn_outcome outcome;
    size_t len = tn_buffer_len(&conn->out);
    int r;

    if ((conn->out.cap == 0 && tn_worker_take_buffer(worker, &conn->out) < 0) ||
        tn_buffer_reserve(&conn->out, OUT_BYTES_MIN) < 0) {
        tn_conn_close(conn, TN_CLOSE_NO_MEMORY);
        return;
    }
    if (entry->request == NULL) {
        answer_malformed(worker, entry);
        return;
    }
    incoming.is_expired = is_expired(entry);
    incoming.free_answer_bytes = len < TN_ANSWER_FREE_BYTES ? TN_ANSWER_FREE_BYTES - len : 0;
    r = tn_execute(&worker->ex, &conn->session, &incoming, &conn->out, &outcome);
    conn->is_unfinished = r == TN_EXECUTE_UNFINISHED;
    if (conn->is_unfinished)
        return; /* the request stays, and goes on in the next turn */
    if (r == TN_ERR_AGAIN) {
        conn->is_starved = true;
        return;
    }
    conn->out_taken_bytes += outcome.taken_bytes;
    if (r < 0) {
        tn_conn_close(conn, TN_CLOSE_NO_MEMORY);
        return;
    }
    conn->n_out++;
    tn_conn_consume(conn, entry->n_bytes);
    conn->must_end = outcome.must_close;
}

/* Executes the group, and gives handles of closed sessions back. */
static void execute_group(struct tn_worker *worker)
{
    struct tn_executor *ex = &worker->ex;

    tn_executor_online(ex);
    for (size_t i = 0; i < worker->n_group; i++) {
        const struct tn_group_entry *entry = &worker->group[i];
        struct tn_conn *conn = entry->conn;

        if (conn->state != TN_CONN_OPEN || conn->must_end || conn->is_starved ||
            conn->is_unfinished || tn_conn_must_wait(conn))
            continue; /* it stays in the input */
        execute(worker, entry);
        if (i % REQUESTS_PER_SAFEPOINT == REQUESTS_PER_SAFEPOINT - 1 || conn->is_unfinished)
            tn_executor_safepoint(ex);
    }
    tn_executor_safepoint(ex);
    tn_executor_offline(ex);
}

static void settle_touched(struct tn_worker *worker)
{
    struct tn_ring *link;

    while ((link = tn_ring_pop_front(&worker->touched)) != NULL) {
        struct tn_conn *conn = TN_CONTAINER_OF(link, struct tn_conn, touched);

        tn_conn_settle(conn);
    }
}

/* ---- What is left over ---- */

/* Gives handles of a session back. Returns whether that is done. */
static bool release_session(struct tn_executor *ex, struct tn_session *session, size_t *budget)
{
    size_t before = tn_session_n_handles(session);
    bool is_closed = tn_session_close(session, ex->mu, budget);
    /* Of a closed one nothing can be asked any more. */
    size_t after = is_closed ? 0 : tn_session_n_handles(session);

    tn_counter_sub(&ex->counters->handles, before - after);
    return is_closed;
}

/* Prepares a session for other workers, and parks it. Returns whether that is done. */
static bool park_session(struct tn_worker *worker, struct tn_session *session, size_t *budget)
{
    struct tn_executor *ex = &worker->ex;
    uint64_t duration_ns = session->lease->duration_ns;

    if (tn_session_is_ending_scope(session)) { /* what has been begun is finished */
        size_t before = tn_session_n_handles(session);
        bool is_ended = tn_session_work_off_scope(session, ex->mu, *budget);
        size_t n = before - tn_session_n_handles(session);

        tn_counter_sub(&ex->counters->handles, n);
        *budget -= n;
        if (!is_ended)
            return false;
    }
    if (!tn_session_leave(session, ex->mu, budget))
        return false;
    tn_lease_park(&worker->service->leases, session, tn_clock_ns());
    tn_worker_watch_expiry(worker, duration_ns / TN_NS_PER_MS + 1);
    return true;
}

/* The connection is closed. Returns whether its session is gone. */
static bool part_with(struct tn_worker *worker, struct tn_conn *conn, size_t *budget)
{
    struct tn_session *session = &conn->session;

    if (session->lease != NULL && worker->obeyed == TN_WORKER_SERVE)
        return park_session(worker, session, budget);
    tn_executor_detach(&worker->ex, session);
    return release_session(&worker->ex, session, budget);
}

/* Until when what is kept must last, to be kept on: a server that stops keeps nothing. */
static uint64_t expiry_limit_ns(const struct tn_worker *worker)
{
    return worker->obeyed == TN_WORKER_SERVE ? tn_clock_ns() : UINT64_MAX;
}

/* Ends sessions whose leases have expired. Returns whether that is done. */
static bool end_leases(struct tn_worker *worker, size_t *budget)
{
    struct tn_service *service = worker->service;
    uint64_t now_ns = expiry_limit_ns(worker);

    for (; *budget > 0; *budget -= *budget > 0) {
        struct tn_lease *lease = worker->expired;

        if (lease == NULL)
            lease = tn_lease_take_expired(&service->leases, now_ns, &worker->ex.sessions);
        worker->expired = lease;
        if (lease == NULL)
            return true;
        tn_exporter_leave(&service->exports, &lease->session.exporter);
        if (!release_session(&worker->ex, &lease->session, budget))
            return false;
        worker->expired = NULL;
        free(lease);
    }
    return false;
}

/* Drops exports whose time is over. Returns whether that is done. */
static bool drop_exports(struct tn_worker *worker, size_t *budget)
{
    uint64_t now_ns = expiry_limit_ns(worker);

    for (; *budget > 0; (*budget)--) {
        struct tn_object *o =
            tn_export_take_expired(&worker->service->exports, worker->ex.mu, now_ns);

        if (o == NULL)
            return true;
        tn_decref(worker->ex.mu, o);
    }
    return false;
}

static bool has_releases(const struct tn_worker *worker)
{
    return !tn_ring_is_empty(&worker->releasing) || worker->has_expired_leases ||
           worker->has_expired_exports;
}

/* Gives handles of sessions that have ended back, or keeps them for who will come
 * back. Returns whether more are left. */
static bool release_sessions(struct tn_worker *worker)
{
    struct tn_executor *ex = &worker->ex;
    size_t budget = RELEASES_PER_TURN;

    tn_executor_online(ex);
    while (budget > 0 && !tn_ring_is_empty(&worker->releasing)) {
        struct tn_conn *conn = TN_CONTAINER_OF(worker->releasing.next, struct tn_conn, all);

        if (!part_with(worker, conn, &budget))
            break;
        tn_ring_remove(&conn->all);
        tn_conn_free(conn);
        worker->n_conns--;
    }
    if (worker->has_expired_leases)
        worker->has_expired_leases = !end_leases(worker, &budget);
    if (worker->has_expired_exports)
        worker->has_expired_exports = !drop_exports(worker, &budget);
    tn_executor_safepoint(ex);
    tn_executor_offline(ex);
    return has_releases(worker);
}

/* Requests may have exported something. */
static void watch_exports(struct tn_worker *worker)
{
    /* Relaxed: our own are seen, and others look after theirs. */
    uint64_t next_ns =
        atomic_load_explicit(&worker->service->exports.next_ns, memory_order_relaxed);
    uint64_t now_ns;

    if (next_ns == UINT64_MAX || next_ns == worker->watched_export_ns)
        return;
    worker->watched_export_ns = next_ns;
    now_ns = tn_clock_ns();
    tn_worker_watch_expiry(worker, next_ns > now_ns ? (next_ns - now_ns) / TN_NS_PER_MS + 1 : 1);
}

bool tn_worker_turn(struct tn_worker *worker)
{
    size_t n_left = 0;
    bool has_more;

    tn_hub_expect(&worker->ex.hub);
    /* Those that are ready now; who becomes ready again waits for the next turn. */
    for (const struct tn_ring *link = worker->ready.next; link != &worker->ready; link = link->next)
        n_left++;
    while (n_left > 0) {
        gather(worker, &n_left);
        if (worker->n_group > 0)
            execute_group(worker);
        settle_touched(worker);
    }

    if (worker->obeyed != TN_WORKER_SERVE)
        tn_worker_note_expired(worker, UINT64_MAX);
    else
        watch_exports(worker);
    has_more = has_releases(worker) && release_sessions(worker);
    if ((worker->ex.has_leftovers && !has_more) || worker->is_memory_due) {
        worker->is_memory_due = false;
        tn_executor_online(&worker->ex);
        tn_executor_safepoint(&worker->ex);
        tn_executor_offline(&worker->ex);
    }
    has_more |= tn_worker_send_events(worker);
    return has_more || worker->ex.has_leftovers || !tn_ring_is_empty(&worker->ready);
}
