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
 * Invariants
 *  - A slot is in use exactly if its token is not 0; then it holds a reference.
 *  - n_used + length of the free list = n_slots; n_slots <= chunks * chunk size.
 *  - Slots do not move, and the memory is plain malloc's, so it does not count
 *    against the heap's limit but is bounded by `max_handles`.
 *  - An open session is on the list of its executor, whose roots walk it: what it
 *    holds is alive for collectors. The list and the tables change online only, as
 *    a collector walks them while the worker is offline. Whatever else a session
 *    comes to hold a counted reference to is visited by tn_sessions_walk() too.
 *  - Who gives a reference back, or hands it over, calls tn_root_leave() first.
 * Threads: its worker only. Functions that take a mutator need to be online.
 */
#ifndef TN_SERVER_SESSION_H
#define TN_SERVER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "server/ring.h"

/* The open sessions of an executor. */
struct tn_sessions {
    struct tn_ring ring; /* those that the present walk has not finished come first */
    uint64_t walk;       /* the number of the present walk over all of them, or the last */
};

struct tn_subscription;

struct tn_handle_slot {
    uint64_t token; /* serial << 24 | index; 0: free */
    union {
        struct tn_object *object;
        uint64_t next_free; /* index + 1 of the next free slot, or 0 */
    };
};

struct tn_session {
    /* [const]  from tn_session_open() on */
    struct tn_namespace *ns; /* NULL before */
    uint64_t id;
    uint64_t key[2];
    size_t max_handles;
    /* [owner]  */
    struct tn_handle_slot **chunks;
    size_t n_chunks;
    size_t n_slots; /* ever used */
    size_t n_used;
    uint64_t first_free; /* index + 1, or 0 */
    uint64_t serial;     /* of the last handle that was given out; 40 bits */
    struct tn_ring link; /* tn_sessions.ring, while it is open */
    uint64_t walked;     /* the last walk that has finished with it */
    size_t walk_at;      /* the slot where a walk that is under way goes on; else 0 */
    struct tn_subscription *subscriptions; /* linked through `next` */
};

void tn_sessions_init(struct tn_sessions *sessions);

/* Begins a walk over all that the sessions hold. */
void tn_sessions_walk_begin(struct tn_sessions *sessions);

/* Visits some `budget` of it, as tn_roots.walk does. True when the walk is over: a
 * session that was opened meanwhile is left out. */
bool tn_sessions_walk(struct tn_sessions *sessions, struct tn_mutator *mu, size_t budget);

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

/*
 * Ends its subscriptions, looks at up to `budget` slots, releases what they hold, and lowers it by
 * their number. Returns true when none is left; then the memory is freed too, and the session is as
 * after tn_session_init().
 */
TN_MUST_CHECK bool tn_session_close(struct tn_session *session, struct tn_mutator *mu,
                                    size_t *budget);

#endif
