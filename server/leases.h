/* SPDX-License-Identifier: MIT */
/*
 * Leases: sessions that outlive their connections.
 *
 *   state     meaning                                  who moves it on
 *   attached  a connection has the session             its worker: parked, when the
 *                                                      connection is lost; or ended
 *   parked    the session is here, with its handles    a Hello with the token: attached;
 *                                                      time, or the server's end: expired
 *   expired   a worker releases the handles            that worker: freed
 *
 * A parked session is nobody's, and any worker may take it over or end it. So before
 * it is parked, its worker publishes what only that worker could have touched
 * (tn_session_leave()); the lock passes everything on.
 *
 * What parked sessions hold is among the heap's own roots: tn_leases_walk() visits it, in
 * pieces and under the lock. A session that is parked while its worker marks has been
 * visited, so the walk misses none that is parked behind its back; and one that is taken
 * over before the walk has reached it is visited by who has taken it (tn_sessions_enter()).
 *
 * Invariants
 *  - A lease is in the table exactly while it is attached or parked.
 *  - Only a parked lease has a session, which holds its handles. `parked` is sorted by
 *    the time at which they expire.
 *  - There are never more leases than `max_leases`.
 * Threads: any. Nothing below blocks for longer than it holds the lock for.
 */
#ifndef TN_SERVER_LEASES_H
#define TN_SERVER_LEASES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/sync.h"
#include "server/expiry.h"
#include "server/session.h"
#include "server/token.h"

struct tn_lease {
    /* [const]  the token */
    struct tn_token_entry entry;
    uint64_t duration_ns;
    /* [lock]   and the worker's that has it, once it is expired */
    struct tn_expiry expiry; /* among the parked */
    bool is_parked;
    struct tn_session session;
};

struct tn_leases {
    /* [const] */
    size_t max_leases;
    /* [lock]   lock (TN_RANK_LEASES) */
    struct tn_mutex lock;
    struct tn_token_table table;
    struct tn_ring parked;
    size_t n_leases;
    /* [atomic] written under the lock, relaxed: for statistics, and a hint whether to look */
    _Atomic(uint64_t) n_parked;
    _Atomic(uint64_t) n_parked_handles;
};

void tn_leases_init(struct tn_leases *leases, size_t max_leases);

/* Nobody uses them any more, and none is parked. */
void tn_leases_fini(struct tn_leases *leases);

/* A lease that is attached, for the session that is being opened. TN_ERR_TOO_MANY,
 * TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_lease_new(struct tn_leases *leases, uint64_t duration_ns,
                               struct tn_lease **ret_lease) TN_EXCLUDES(leases->lock);

/* Ends an attached lease. Leaves NULL behind; accepts NULL. */
void tn_lease_end(struct tn_leases *leases, struct tn_lease **leasep) TN_EXCLUDES(leases->lock);

/* Parks a session, whose lease is attached and which has left its worker
 * (tn_session_leave()); it is empty afterwards. Online. */
void tn_lease_park(struct tn_leases *leases, struct tn_session *take_session, uint64_t now_ns)
    TN_EXCLUDES(leases->lock);

/* Takes over the session of a token: `session`, which is not open, becomes it, as one of
 * `sessions`. Of several that try, one succeeds. Online. TN_ERR_NAME: there is no such lease, or
 * its time is over. TN_ERR_BUSY: a connection has it still. */
TN_MUST_CHECK int tn_lease_resume(struct tn_leases *leases, const struct tn_token *token,
                                  uint64_t now_ns, struct tn_sessions *sessions,
                                  struct tn_session *session) TN_EXCLUDES(leases->lock);

/* A lease that has expired by then (UINT64_MAX: any). Its session is one of `sessions`
 * now; the caller is to close it, and to free the lease. NULL: there is none. Online. */
struct tn_lease *tn_lease_take_expired(struct tn_leases *leases, uint64_t now_ns,
                                       struct tn_sessions *sessions) TN_EXCLUDES(leases->lock);

/* Calls `visit` with the parked sessions, under the lock, until it returns false. */
void tn_leases_each_parked(struct tn_leases *leases,
                           bool (*visit)(const struct tn_session *session, void *arg), void *arg)
    TN_EXCLUDES(leases->lock);

/* Visits what parked sessions hold, some `budget` of it, from bucket *cursor of the table
 * on, and moves that; lowers the budget. True when *cursor is TN_TOKEN_BUCKETS. Online. */
bool tn_leases_walk(struct tn_leases *leases, struct tn_mutator *mu, uint64_t *cursor,
                    size_t *budget) TN_EXCLUDES(leases->lock);

/* When the next one expires; UINT64_MAX if none is parked. */
uint64_t tn_leases_next_ns(struct tn_leases *leases) TN_EXCLUDES(leases->lock);

#endif
