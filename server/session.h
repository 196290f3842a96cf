/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what one client holds.
 *
 * A session is a namespace and a table of handles, each a counted reference. A
 * handle on the wire is a 64-bit number that only this session can resolve: the
 * place in the table and a serial number that is never used twice, scrambled
 * with a key of the session's own. So a handle that was released, or that is
 * another session's, is not found.
 *
 * Scopes. While a scope is open, every handle that is given out belongs to the
 * innermost one and is released with it. `scoped` lists the places of these
 * handles, those of an outer scope in front of those of an inner one; a slot knows
 * where in the list it stands. So a handle costs no more in a scope than outside,
 * can leave its scope at once, and a scope ends from the end of the list.
 *
 * Invariants
 *  - A slot is in use exactly if its mark is not 0; then it holds a reference.
 *  - n_used + length of the free list = n_slots; n_slots <= chunks * chunk size.
 *  - Slots do not move, and the memory is plain malloc's, so it does not count
 *    against the heap's limit but is bounded by `max_handles`.
 *  - scoped[i] is the index of a slot in use whose place is i + 1, and those of
 *    scope k are scoped[scopes[k].first ... scopes[k + 1].first); scopes[0].first = 0.
 *  - An open session is on the list of its executor, whose roots walk it, or parked
 *    with its lease, whose table is walked (leases.h): what it holds is alive for
 *    collectors. The list and the tables change online only, as a collector walks
 *    them while the worker is offline. Whatever else a session comes to hold a counted
 *    reference to is visited by tn_session_walk() too.
 *  - Who gives a reference back, or hands it over, calls tn_root_leave() first.
 *  - A session that goes from one place to another takes along in which marking it has
 *    been walked (tn_sessions_enter(), tn_session_leave()).
 * Threads: its worker only, which may be another one after it was parked. Functions that
 * take a mutator need to be online, and so do those that take a list of sessions.
 */
#ifndef TN_SERVER_SESSION_H
#define TN_SERVER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "server/intake.h"
#include "server/ring.h"

/* Scopes that may be open in a session, one in the other. */
#define TN_SCOPES_MAX 64

/* The open sessions of an executor. */
struct tn_sessions {
    struct tn_ring ring;      /* those that a marking under way has to visit come first */
    struct tn_thread *thread; /* [const]  whose roots they are */
};

struct tn_subscription;

struct tn_handle_slot {
    uint64_t mark; /* serial << 24 | place; place: 0, or 1 + where it is in `scoped`. 0: free */
    union {
        struct tn_object *object;
        uint64_t next_free; /* index + 1 of the next free slot, or 0 */
    };
};

struct tn_session_scope {
    uint64_t number;
    size_t first; /* in `scoped`, of its handles */
};

struct tn_lease;
struct tn_exporter;

struct tn_session {
    /* [const]  from tn_session_open() on */
    struct tn_namespace *ns; /* NULL before */
    uint64_t id;
    uint64_t key[2];
    size_t max_handles;
    /* [owner]  */
    struct tn_lease *lease; /* counted among the attached ones; NULL: ends with its connection */
    struct tn_exporter *exporter; /* NULL: it has never exported anything */
    size_t n_published;           /* slots that tn_session_leave() has looked at */
    struct tn_handle_slot **chunks;
    size_t n_chunks;
    size_t n_slots; /* ever used */
    size_t n_used;
    uint64_t first_free;             /* index + 1, or 0 */
    uint64_t serial;                 /* of the last handle that was given out; 40 bits */
    struct tn_session_scope *scopes; /* TN_SCOPES_MAX, once there has been one */
    size_t n_scopes;
    uint64_t last_scope; /* the number of the last one that was begun */
    uint64_t ending;     /* the number of the scope that is being ended; or 0 */
    uint64_t n_ended;    /* handles released with it so far */
    uint32_t *scoped;
    size_t n_scoped;
    size_t cap_scoped;
    struct tn_intakes uploads; /* objects that it is filling */
    struct tn_ring link;       /* tn_sessions.ring, while it is open there */
    uint64_t walked;           /* the last marking that has visited all it holds; 0: none */
    size_t walk_at;            /* the slot where a walk that is under way goes on; else 0 */
    struct tn_subscription *subscriptions; /* linked through `next` */
};

void tn_sessions_init(struct tn_sessions *sessions, struct tn_thread *thread);

/* Visits some `budget` of what the sessions hold and the marking under way has not
 * visited, as tn_roots.walk does. True when nothing is left. */
bool tn_sessions_walk(struct tn_sessions *sessions, struct tn_mutator *mu, size_t budget);

/*
 * Takes in an open session that was kept somewhere else (leases.h). The caller has taken
 * it away from there, and has still the lock under which what is there is walked: if the
 * marking under way has visited it, that is known here, and if not, that walk is not over
 * before this thread has one to do.
 */
void tn_sessions_enter(struct tn_sessions *sessions, struct tn_session *session);

/* A session that is not open: it has no namespace and can hold nothing. */
void tn_session_init(struct tn_session *session, size_t max_handles);

static inline bool tn_session_is_open(const struct tn_session *session)
{
    return session->ns != NULL;
}

/* Opens it, with a fresh key, as one of `sessions`. `id` is for people. Online. */
void tn_session_open(struct tn_session *session, struct tn_sessions *sessions,
                     struct tn_namespace *ns, uint64_t id);

/*
 * Sees to it that the next `n` handles can be added without failing. TN_ERR_NOMEM,
 * or TN_ERR_TOO_MANY if the session would hold more than it may.
 */
TN_MUST_CHECK int tn_session_reserve(struct tn_session *session, size_t n);

/* Gives out a handle, which never is 0. Takes over the reference. A place must
 * have been reserved. */
uint64_t tn_session_add(struct tn_session *session, struct tn_object **take_object);

/* The object of a handle, borrowed from the session. TN_ERR_HANDLE. */
TN_MUST_CHECK int tn_session_find(const struct tn_session *session, uint64_t handle,
                                  struct tn_object **ret_object);

/* Ends a handle and hands its reference to the caller. TN_ERR_HANDLE. */
TN_MUST_CHECK int tn_session_take(struct tn_session *session, struct tn_mutator *mu,
                                  uint64_t handle, struct tn_object **ret_object);

/* Handles that are held. */
static inline size_t tn_session_n_handles(const struct tn_session *session)
{
    return session->n_used;
}

/* How many of its handles refer to an object. Looks at up to `budget` slots, and lowers
 * it by their number; false if that was not enough for all. */
TN_MUST_CHECK bool tn_session_count(const struct tn_session *session,
                                    const struct tn_object *object, size_t *budget,
                                    uint64_t *ret_count);

/* ---- session_scopes.c ---- */

/* Opens a scope inside the innermost one. Numbers are not used twice.
 * TN_ERR_TOO_MANY: TN_SCOPES_MAX are open. TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_session_begin_scope(struct tn_session *session, uint64_t *ret_number);

/*
 * Begins to end a scope (0: the innermost one) and those inside it; the handles in
 * `keep`, and what belongs to no such scope anyway, stay. From here on until
 * tn_session_work_off_scope() says that the end is reached, nothing else may be done
 * with the session but to close it. TN_ERR_NAME: no such scope is open; TN_ERR_HANDLE:
 * one of the handles is not held. Nothing is changed then.
 */
TN_MUST_CHECK int tn_session_end_scope(struct tn_session *session, uint64_t number,
                                       const uint64_t *keep, size_t n_keep);

/* Whether tn_session_end_scope() has begun what is not finished. */
static inline bool tn_session_is_ending_scope(const struct tn_session *session)
{
    return session->ending != 0;
}

/* Releases up to `budget` handles of the scope that ends. Returns true when none is
 * left: then the scope is gone, and `n_ended` says how many it took along. */
TN_MUST_CHECK bool tn_session_work_off_scope(struct tn_session *session, struct tn_mutator *mu,
                                             size_t budget);

/* Moves a handle out of the innermost scope that it belongs to, into the one around
 * it. `ret_did` (may be NULL): false if it belongs to none. TN_ERR_HANDLE. */
TN_MUST_CHECK int tn_session_keep(struct tn_session *session, uint64_t handle, bool *ret_did);

/*
 * Before another worker may have the session: looks at up to `budget` slots, publishes
 * what they hold, and lowers it by their number. Returns true when it has seen all, and
 * the marking under way has visited all: then the session is on no list, and is to be put
 * where it is walked before the next safe point. Otherwise try again after one. Nothing
 * is given out or released until then.
 */
TN_MUST_CHECK bool tn_session_leave(struct tn_session *session, struct tn_mutator *mu,
                                    size_t *budget);

/* Visits what the session holds, from up to `budget` slots, and lowers it by their number.
 * Returns whether the marking under way has visited all. Where it is walked: its worker's
 * list, or its lease. */
bool tn_session_walk(struct tn_session *session, struct tn_mutator *mu, size_t *budget);

/*
 * Ends its subscriptions, gives up its uploads, looks at up to `budget` slots, releases what they
 * hold, and lowers it by their number. Returns true when none is left; then the memory is freed
 * too, and the session is as after tn_session_init().
 */
TN_MUST_CHECK bool tn_session_close(struct tn_session *session, struct tn_mutator *mu,
                                    size_t *budget);

#endif
