/* SPDX-License-Identifier: MIT */
/*
 * The scopes of a session; see session.h.
 *
 * The order of handles within one scope means nothing. So the gap that one leaves in
 * the list is filled with the last one of its scope; that gap is the first place of
 * the next scope, which fills it with its own last one, and so on: one step for each
 * scope that is open inside, and none has to be for the innermost.
 */
#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "server/session_internal.h"

#define SCOPED_MIN ((size_t)64)

/* Every place fits into the bits that a slot has for it. */
_Static_assert(sizeof(struct tn_handle_slot) == 16, "a handle costs 16 bytes");

int tn_scoped_reserve(struct tn_session *session, size_t n)
{
    size_t needed = session->n_scoped + n;
    size_t cap = session->cap_scoped;
    uint32_t *scoped;

    if (needed <= cap)
        return 0;
    cap = cap < SCOPED_MIN ? SCOPED_MIN : cap * 2;
    cap = cap < needed ? needed : cap;
    scoped = reallocarray(session->scoped, cap, sizeof(*scoped));
    if (scoped == NULL)
        return TN_ERR_NOMEM;
    session->scoped = scoped;
    session->cap_scoped = cap;
    return 0;
}

/* Puts a slot at a position of the list. */
static void set_place(struct tn_session *session, size_t position, uint32_t index)
{
    struct tn_handle_slot *slot = tn_session_slot(session, index);

    session->scoped[position] = index;
    slot->mark = (slot->mark & ~TN_INDEX_MASK) | (position + 1);
}

void tn_scoped_enter(struct tn_session *session, struct tn_handle_slot *slot, uint64_t index)
{
    TN_ASSERT(session->n_scoped < session->cap_scoped && session->n_scoped < TN_INDEX_MASK);
    session->scoped[session->n_scoped++] = (uint32_t)index;
    slot->mark |= session->n_scoped;
}

/* The scope to which a position of the list belongs. */
static size_t scope_of(const struct tn_session *session, size_t position)
{
    size_t k = session->n_scopes - 1;

    while (session->scopes[k].first > position)
        k--;
    return k;
}

/* Behind the last handle of a scope. */
static size_t end_of(const struct tn_session *session, size_t k)
{
    return k + 1 < session->n_scopes ? session->scopes[k + 1].first : session->n_scoped;
}

void tn_scoped_leave(struct tn_session *session, struct tn_handle_slot *slot)
{
    size_t gap = (size_t)tn_slot_place(slot) - 1;
    size_t first = scope_of(session, gap);

    for (size_t k = first; k < session->n_scopes; k++) {
        size_t last = end_of(session, k) - 1;

        if (k > first)
            session->scopes[k].first--;
        if (last != gap)
            set_place(session, gap, session->scoped[last]);
        gap = last;
    }
    session->n_scoped--;
    slot->mark &= ~TN_INDEX_MASK;
}

/* Moves a slot from its scope into the one around it, if there is one. */
static void move_out(struct tn_session *session, struct tn_handle_slot *slot, uint64_t index)
{
    size_t position = (size_t)tn_slot_place(slot) - 1;
    size_t k = scope_of(session, position);
    size_t first = session->scopes[k].first;

    if (k == 0) {
        tn_scoped_leave(session, slot);
        return;
    }
    set_place(session, position, session->scoped[first]);
    set_place(session, first, (uint32_t)index);
    session->scopes[k].first++;
}

int tn_session_begin_scope(struct tn_session *session, uint64_t *ret_number)
{
    TN_ASSERT(!tn_session_is_ending_scope(session));
    if (session->n_scopes == TN_SCOPES_MAX)
        return TN_ERR_TOO_MANY;
    if (session->scopes == NULL) {
        session->scopes = calloc(TN_SCOPES_MAX, sizeof(*session->scopes));
        if (session->scopes == NULL)
            return TN_ERR_NOMEM;
    }
    session->scopes[session->n_scopes++] = (struct tn_session_scope){
        .number = ++session->last_scope,
        .first = session->n_scoped,
    };
    *ret_number = session->last_scope;
    return 0;
}

/* Which of the open scopes has that number; 0 is the innermost. */
static bool find_scope(const struct tn_session *session, uint64_t number, size_t *ret_k)
{
    for (size_t k = session->n_scopes; k-- > 0;) {
        if (number == 0 || session->scopes[k].number == number) {
            *ret_k = k;
            return true;
        }
    }
    return false;
}

int tn_session_end_scope(struct tn_session *session, uint64_t number, const uint64_t *keep,
                         size_t n_keep)
{
    struct tn_handle_slot *slot;
    uint64_t index;
    size_t k;

    TN_ASSERT(!tn_session_is_ending_scope(session));
    if (!find_scope(session, number, &k))
        return TN_ERR_NAME;
    for (size_t i = 0; i < n_keep; i++)
        if (tn_session_resolve(session, keep[i], &index) == NULL)
            return TN_ERR_HANDLE;

    session->n_scopes = k + 1; /* what was inside belongs to this one now */
    session->ending = session->scopes[k].number;
    session->n_ended = 0;
    for (size_t i = 0; i < n_keep; i++) {
        slot = tn_session_resolve(session, keep[i], &index);
        if (tn_slot_place(slot) > session->scopes[k].first)
            move_out(session, slot, index);
    }
    return 0;
}

bool tn_session_work_off_scope(struct tn_session *session, struct tn_mutator *mu, size_t budget)
{
    TN_ASSERT(tn_session_is_ending_scope(session));
    for (; session->n_scoped > session->scopes[session->n_scopes - 1].first; budget--) {
        uint32_t index;

        if (budget == 0)
            return false;
        index = session->scoped[--session->n_scoped];
        session->n_ended++;
        tn_decref(mu, tn_session_empty_slot(session, mu, tn_session_slot(session, index), index));
    }
    session->n_scopes--;
    session->ending = 0;
    tn_session_shrink_if_empty(session);
    return true;
}

int tn_session_keep(struct tn_session *session, uint64_t handle, bool *ret_did)
{
    uint64_t index;
    struct tn_handle_slot *slot = tn_session_resolve(session, handle, &index);
    bool is_scoped;

    if (slot == NULL)
        return TN_ERR_HANDLE;
    is_scoped = tn_slot_place(slot) != 0;
    if (is_scoped)
        move_out(session, slot, index);
    if (ret_did != NULL)
        *ret_did = is_scoped;
    return 0;
}
