/* SPDX-License-Identifier: MIT */
/*
 * The session: what handles share with their client, and what outlives it.
 *
 * Invariants: `refs` counts the client, if it is not closed, and every handle.
 * `cap_released >= n_released + n_handles`, so that releasing a handle never
 * allocates and never fails. `is_open` only ever becomes false.
 *
 * Released handles wait in `released` until the client tells the server of them,
 * in front of its next request, so that a request sees the counts that its
 * sender expects. In a forked child and after the end nothing is collected; but it is
 * while a session is lost and kept, so that it has no more handles than we know of when
 * it is taken over.
 */
#ifndef TN_CLIENT_LIB_SESSION_H
#define TN_CLIENT_LIB_SESSION_H

#include <tenure/tenure.h>

#include "client/lib/forkguard.h"
#include "core/base/attr.h"

struct tn_session {
    size_t refs;
    struct tn_fork_guard guard;
    bool is_open;
    bool is_kept; /* lost, but the server keeps it for us to come back */
    size_t n_handles;
    uint64_t *released;
    size_t n_released;
    size_t cap_released;
};

struct tn_handle {
    size_t refs;
    struct tn_session *session; /* counted */
    uint64_t id;                /* as on the wire; never 0 */
    tn_kind kind;
};

/* TN_ENOMEM. */
TN_MUST_CHECK int tn_session_new(struct tn_session **ret_session);

void tn_session_unref(struct tn_session **session);

/* Whether requests can be sent: neither lost nor closed, and in our process. */
static inline bool tn_session_is_usable(const struct tn_session *session)
{
    return session->is_open && !tn_fork_guard_is_child(&session->guard);
}

/* Whether handles that are released are to be told to the server, now or later. */
static inline bool tn_session_collects(const struct tn_session *session)
{
    return (session->is_open || session->is_kept) && !tn_fork_guard_is_child(&session->guard);
}

/* Collects the id of a reference that came back and has no handle. If there is
 * no memory to remember it, the server keeps the object until the session ends. */
void tn_session_release_id(struct tn_session *session, uint64_t id);

/* A handle to what `id` refers to, with one reference, which it takes over from
 * the caller. TN_ENOMEM, and the caller keeps it. */
TN_MUST_CHECK int tn_handle_new(struct tn_session *session, uint64_t id, tn_kind kind,
                                tn_handle **ret_handle);

/* Frees a handle that is referred to once and forgets what it referred to,
 * without releasing it. */
void tn_handle_forget(tn_handle **handle);

/* Handles that are kept, each counted, until the list is cleared. */
struct tn_handle_list {
    tn_handle **handles;
    size_t n;
    size_t cap;
};

/* Adds a handle and counts a reference to it, which is no change that its owner
 * can see. NULL is not added. TN_ENOMEM. */
TN_MUST_CHECK int tn_handle_list_add(struct tn_handle_list *list, const tn_handle *handle);

void tn_handle_list_clear(struct tn_handle_list *list);

/* Also frees the memory. */
void tn_handle_list_fini(struct tn_handle_list *list);

#endif
