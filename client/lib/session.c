/* SPDX-License-Identifier: MIT */
#include "client/lib/session.h"

#include <stdlib.h>

#include "core/base/check.h"

int tn_session_new(struct tn_session **ret_session)
{
    struct tn_session *session = calloc(1, sizeof(*session));

    if (!session)
        return TN_ENOMEM;
    session->refs = 1;
    tn_fork_guard_init(&session->guard);
    *ret_session = session;
    return 0;
}

void tn_session_unref(struct tn_session **sessionp)
{
    struct tn_session *session = *sessionp;

    *sessionp = NULL;
    if (!session || --session->refs > 0)
        return;
    TN_ASSERT(session->n_handles == 0);
    tn_fork_guard_fini(&session->guard);
    free(session->released);
    free(session);
}

/* Room for one more released id than there may come to be now. */
static int reserve_release(struct tn_session *session)
{
    size_t needed = session->n_released + session->n_handles + 1;
    size_t cap = session->cap_released;
    uint64_t *released;

    if (needed <= cap)
        return 0;
    cap = cap < 32 ? 32 : cap + cap / 2;
    released = reallocarray(session->released, cap, sizeof(*released));
    if (!released)
        return TN_ENOMEM;
    session->released = released;
    session->cap_released = cap;
    return 0;
}

void tn_session_release_id(struct tn_session *session, uint64_t id)
{
    if (tn_session_collects(session) && reserve_release(session) == 0)
        session->released[session->n_released++] = id;
}

int tn_handle_new(struct tn_session *session, uint64_t id, tn_kind kind, tn_handle **ret_handle)
{
    tn_handle *handle;

    TN_ASSERT(id != 0);
    if (reserve_release(session) < 0)
        return TN_ENOMEM;
    handle = malloc(sizeof(*handle));
    if (!handle)
        return TN_ENOMEM;
    *handle = (tn_handle){ .refs = 1, .session = session, .id = id, .kind = kind };
    session->refs++;
    session->n_handles++;
    *ret_handle = handle;
    return 0;
}

static void free_handle(tn_handle *handle)
{
    handle->session->n_handles--;
    tn_session_unref(&handle->session);
    free(handle);
}

void tn_handle_forget(tn_handle **handlep)
{
    TN_ASSERT((*handlep)->refs == 1);
    free_handle(*handlep);
    *handlep = NULL;
}

tn_handle *tn_handle_ref(tn_handle *handle)
{
    if (handle)
        handle->refs++;
    return handle;
}

void tn_handle_release(tn_handle **handlep)
{
    tn_handle *handle;
    struct tn_session *session;

    if (!handlep || !*handlep)
        return;
    handle = *handlep;
    *handlep = NULL;
    if (--handle->refs > 0)
        return;

    session = handle->session;
    if (tn_session_collects(session)) {
        /* There is room: one was reserved when the handle was made. */
        TN_ASSERT(session->n_released < session->cap_released);
        session->released[session->n_released++] = handle->id;
    }
    free_handle(handle);
}

tn_kind tn_handle_kind(const tn_handle *handle)
{
    return handle ? handle->kind : TN_KIND_INVALID;
}

int tn_handle_list_add(struct tn_handle_list *list, const tn_handle *handle)
{
    if (!handle)
        return 0;
    if (list->n == list->cap) {
        size_t cap = list->cap < 8 ? 8 : list->cap * 2;
        tn_handle **handles = reallocarray((void *)list->handles, cap, sizeof(tn_handle *));

        if (!handles)
            return TN_ENOMEM;
        list->handles = handles;
        list->cap = cap;
    }
    list->handles[list->n++] = tn_handle_ref((tn_handle *)(uintptr_t)handle);
    return 0;
}

void tn_handle_list_clear(struct tn_handle_list *list)
{
    while (list->n > 0)
        tn_handle_release(&list->handles[--list->n]);
}

void tn_handle_list_fini(struct tn_handle_list *list)
{
    tn_handle_list_clear(list);
    free((void *)list->handles);
    *list = (struct tn_handle_list){ .handles = NULL };
}
