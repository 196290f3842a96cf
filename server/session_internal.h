/* SPDX-License-Identifier: MIT */
/* What session.c and session_scopes.c share; see session.h for the invariants. */
#ifndef TN_SERVER_SESSION_INTERNAL_H
#define TN_SERVER_SESSION_INTERNAL_H

#include "server/session.h"

#define TN_INDEX_BITS 24
#define TN_INDEX_MASK ((UINT64_C(1) << TN_INDEX_BITS) - 1)

/* Slots in one piece of memory of 16 KiB, less what malloc needs itself. */
#define TN_CHUNK_SLOTS ((size_t)1008)

static inline struct tn_handle_slot *tn_session_slot(const struct tn_session *session,
                                                     uint64_t index)
{
    return &session->chunks[index / TN_CHUNK_SLOTS][index % TN_CHUNK_SLOTS];
}

/* 1 + where in `scoped` the slot stands; 0: it belongs to no scope. */
static inline uint64_t tn_slot_place(const struct tn_handle_slot *slot)
{
    return slot->mark & TN_INDEX_MASK;
}

/* ---- session.c ---- */

/* The slot of a handle and its index, or NULL. */
struct tn_handle_slot *tn_session_resolve(const struct tn_session *session, uint64_t handle,
                                          uint64_t *ret_index);

/* Makes a slot free that is in `scoped` no more; hands its reference to the caller. */
struct tn_object *tn_session_empty_slot(struct tn_session *session, struct tn_mutator *mu,
                                        struct tn_handle_slot *slot, uint64_t index);

/* A session that held much and holds nothing costs little again. */
void tn_session_shrink_if_empty(struct tn_session *session);

/* ---- session_scopes.c ---- */

/* Sees to it that `n` slots can enter without failing. TN_ERR_NOMEM. */
TN_MUST_CHECK int tn_scoped_reserve(struct tn_session *session, size_t n);

/* The slot, just taken into use, belongs to the innermost scope. */
void tn_scoped_enter(struct tn_session *session, struct tn_handle_slot *slot, uint64_t index);

/* The slot, which belongs to a scope, belongs to none any more. */
void tn_scoped_leave(struct tn_session *session, struct tn_handle_slot *slot);

#endif
