/* SPDX-License-Identifier: MIT */
/*
 * See conn.h: what goes out without being asked for each time. Events are
 * packed only when nothing else of the connection waits to be sent. So an answer
 * never waits for more than one message of events, a reader that is slow has
 * little in its buffers, and the rest waits, or is lost, in the subscription.
 */
#include "core/base/err.h"
#include "server/conn_internal.h"
#include "server/subscription.h"
#include "server/worker.h"

/* Events in one message, unless one alone is longer. */
#define BATCH_BYTES ((size_t)16 << 10)

/* What one subscription sends in one turn. */
#define TURN_BYTES ((size_t)64 << 10)

static bool may_send_events(const struct tn_conn *conn)
{
    return conn->state == TN_CONN_OPEN && !conn->must_end && tn_conn_is_all_sent(conn);
}

/* Packs a message of a subscription that is pending. False, and the connection is
 * closed, if there is no memory. Frees the subscription with its last message. */
static bool pack(struct tn_conn *conn, struct tn_subscription *sub)
{
    if ((conn->out.cap == 0 && tn_worker_take_buffer(conn->worker, &conn->out) < 0) ||
        tn_subscription_pack(sub, BATCH_BYTES, &conn->out) < 0) {
        tn_conn_close(conn, TN_CLOSE_NO_MEMORY);
        return false;
    }
    if (sub->is_ended)
        tn_subscription_free(&sub);
    return true;
}

/* Sends what a subscription has, as far as the socket takes it. Returns whether
 * it could go on at once. */
static bool send_events(struct tn_conn *conn, struct tn_subscription *sub)
{
    uint64_t id = sub->options.id;
    size_t n_bytes = 0;

    /* Settling may end the session, and with it the subscription. */
    while (may_send_events(conn)) {
        sub = tn_subscription_find(&conn->session, id);
        if (sub == NULL || !tn_ring_is_linked(&sub->pending))
            return false;
        if (n_bytes >= TURN_BYTES)
            return true;
        if (!pack(conn, sub))
            return false;
        n_bytes += tn_buffer_len(&conn->out);
        tn_conn_settle(conn);
    }
    return false;
}

bool tn_worker_send_events(struct tn_worker *worker)
{
    struct tn_hub *hub = &worker->ex.hub;
    bool has_more = tn_hub_collect(hub);
    size_t n_left = 0;

    for (const struct tn_ring *link = hub->pending.next; link != &hub->pending; link = link->next)
        n_left++;
    for (; n_left > 0 && !tn_ring_is_empty(&hub->pending); n_left--) {
        struct tn_subscription *sub =
            TN_CONTAINER_OF(hub->pending.next, struct tn_subscription, pending);

        /* To the end, so that all have their turn. */
        tn_ring_remove(&sub->pending);
        tn_ring_push_back(&hub->pending, &sub->pending);
        has_more |= send_events(TN_CONTAINER_OF(sub->session, struct tn_conn, session), sub);
    }
    return has_more;
}
