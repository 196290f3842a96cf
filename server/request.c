/* SPDX-License-Identifier: MIT */
/* See request.h: targets, names, handles, references, memory. */
#include "server/request.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/utf8.h"

/* What a text takes in an answer besides itself: tag and length. */
#define COPY_BYTES ((size_t)8)

/* The budget is asked for so much at a time. */
#define CLAIM_BYTES ((size_t)16 << 10)

/* ---- Memory ---- */

int tn_ctx_arena_error(struct tn_request_ctx *ctx)
{
    return tn_status_set(ctx->status, tn_arena_is_refused(ctx->arena) ? TN_REASON_MESSAGE_TOO_COSTLY
                                                                      : TN_REASON_OUT_OF_MEMORY);
}

void *tn_ctx_alloc(struct tn_request_ctx *ctx, size_t bytes)
{
    void *memory = tn_arena_alloc(ctx->arena, bytes);

    if (TN_UNLIKELY(memory == NULL))
        (void)tn_ctx_arena_error(ctx);
    return memory;
}

int tn_ctx_copy(struct tn_request_ctx *ctx, struct tn_slice text, ProtobufCBinaryData *ret_copy)
{
    int r = tn_ctx_claim(ctx, text.len + COPY_BYTES);
    void *copy;

    if (r == TN_ERR_TOO_BIG)
        return tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    if (r < 0)
        return r;
    copy = tn_ctx_alloc(ctx, text.len);
    if (copy == NULL)
        return TN_ERR_NOMEM;
    memcpy(copy, text.data, text.len);
    *ret_copy = (ProtobufCBinaryData){ .len = text.len, .data = copy };
    return 0;
}

int tn_ctx_claim(struct tn_request_ctx *ctx, size_t bytes)
{
    struct tn_service *service = ctx->ex->service;
    size_t available = ctx->free_answer_bytes + ctx->taken_bytes;
    size_t total;

    if (__builtin_add_overflow(ctx->answer_bytes, bytes, &total) ||
        total > service->limits.max_answer_bytes)
        return TN_ERR_TOO_BIG;
    if (TN_UNLIKELY(total > available)) {
        size_t more = total - available + CLAIM_BYTES;

        if (!tn_budget_take(&service->buffers_out, more)) {
            more = total - available; /* the last bytes that there are */
            if (!tn_budget_take(&service->buffers_out, more))
                return ctx->may_defer ? TN_ERR_AGAIN : TN_ERR_TOO_BIG;
        }
        ctx->taken_bytes += more;
    }
    ctx->answer_bytes = total;
    return 0;
}

void tn_ctx_safepoint(struct tn_request_ctx *ctx)
{
    TN_DEBUG_ASSERT(ctx->new_cycles == NULL);
    tn_executor_breathe(ctx->ex);
    ctx->mu = ctx->ex->mu;
}

/* ---- References ---- */

void tn_hold(struct tn_request_ctx *ctx, struct tn_object *o)
{
    TN_ASSERT(ctx->n_held < TN_HELD_MAX);
    ctx->held[ctx->n_held++] = o;
}

void tn_drop_held(struct tn_request_ctx *ctx)
{
    while (ctx->n_held > 0) {
        struct tn_object *o = ctx->held[--ctx->n_held];

        tn_root_leave(ctx->mu, o);
        tn_decref(ctx->mu, o);
    }
}

void tn_request_visit_held(const struct tn_request_ctx *ctx, struct tn_mutator *mu)
{
    for (size_t i = 0; i < ctx->n_held; i++)
        tn_root_visit(mu, ctx->held[i]);
}

bool tn_request_visit_steps(const struct tn_request_ctx *ctx, struct tn_mutator *mu,
                            uint64_t *cursor, size_t *budget)
{
    size_t n = ctx->batch == NULL ? 0 : ctx->batch->n_steps;

    for (; *cursor <= n && *budget > 0; (*cursor)++, (*budget)--)
        if (ctx->batch->objects[*cursor - 1] != NULL)
            tn_root_visit(mu, ctx->batch->objects[*cursor - 1]);
    return *cursor > n;
}

int tn_check_alive(const struct tn_object *o)
{
    struct tn_refcount refs = tn_refcount_read(o);

    return !refs.immortal && refs.state == TN_STATE_MERGED && refs.shared <= 0 ? TN_ERR_BUSY : 0;
}

int tn_handle_borrow(struct tn_request_ctx *ctx, uint64_t handle, struct tn_object **ret_object)
{
    int r = tn_session_find(ctx->session, handle, ret_object);

    if (TN_UNLIKELY(r < 0))
        return tn_status_setf(
            ctx->status, TN_REASON_HANDLE_NOT_FOUND,
            "This session does not hold the handle 0x%016llx; it was released, or "
            "belongs to another session.",
            (unsigned long long)handle);
    return 0;
}

int tn_step_borrow(struct tn_request_ctx *ctx, size_t step, struct tn_object **ret_object)
{
    const struct tn_batch *batch = ctx->batch;

    if (batch == NULL)
        return tn_status_setf(ctx->status, TN_REASON_BATCH_STEP_INVALID,
                              "There are no steps to refer to outside of a batch.");
    if (step >= batch->current)
        return tn_status_setf(ctx->status, TN_REASON_BATCH_STEP_INVALID,
                              "Step %zu refers to step %zu; only earlier ones have a result.",
                              batch->current, step);
    if (batch->objects[step] == NULL)
        return tn_status_setf(ctx->status, TN_REASON_STEP_HAS_NO_OBJECT,
                              "Step %zu, which step %zu refers to, failed or does not return an "
                              "object.",
                              step, batch->current);
    *ret_object = batch->objects[step];
    return 0;
}

/* ---- Names ---- */

int tn_name_check(struct tn_request_ctx *ctx, const ProtobufCBinaryData *name,
                  struct tn_slice *ret_name)
{
    if (TN_UNLIKELY(name->len == 0))
        return tn_status_setf(ctx->status, TN_REASON_NAME_INVALID, "A name must not be empty.");
    if (TN_UNLIKELY(name->len > TN_NAME_BYTES_MAX))
        return tn_status_setf(ctx->status, TN_REASON_NAME_INVALID,
                              "The name has %zu bytes, but at most %d are allowed.", name->len,
                              TN_NAME_BYTES_MAX);
    if (TN_UNLIKELY(!tn_utf8_is_valid(name->data, name->len)))
        return tn_status_setf(ctx->status, TN_REASON_NAME_INVALID, "A name must be valid UTF-8.");
    *ret_name = TN_SLICE(name->data, name->len);
    return 0;
}

int tn_name_missing(struct tn_request_ctx *ctx, struct tn_slice name)
{
    return tn_status_setf(ctx->status, TN_REASON_NAME_NOT_FOUND,
                          "No name '%.*s' is bound in this namespace.",
                          (int)(name.len < 100 ? name.len : 100), (const char *)name.data);
}

int tn_name_hold(struct tn_request_ctx *ctx, struct tn_slice name, struct tn_object **ret_object,
                 uint64_t *ret_version)
{
    for (int i = 0; i < TN_BUSY_TRIES; i++) {
        struct tn_object *o;
        int r = tn_name_lookup(ctx->mu, ctx->session->ns, name, &o, ret_version);

        if (r < 0)
            return r == TN_ERR_NAME ? tn_name_missing(ctx, name) : r;
        /* It fails if the name has just been bound to something else. */
        if (tn_tryref(ctx->mu, o)) {
            *ret_object = o;
            return 0;
        }
    }
    return TN_ERR_BUSY;
}

/* ---- Targets ---- */

/* Which of the three ways is used; the status if not exactly one. */
static int check_target(struct tn_request_ctx *ctx, const Tenure__V1__Target *target)
{
    int n =
        target == NULL ? 0 : (target->name.len != 0) + (target->handle != 0) + (target->step != 0);

    if (TN_LIKELY(n == 1))
        return 0;
    return tn_status_set(ctx->status,
                         n == 0 ? TN_REASON_TARGET_MISSING : TN_REASON_TARGET_AMBIGUOUS);
}

int tn_target_borrow(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                     struct tn_object **ret_object, uint64_t *ret_version)
{
    struct tn_slice name;
    int r = check_target(ctx, target);

    if (r < 0)
        return r;
    if (ret_version != NULL)
        *ret_version = 0;
    if (target->handle != 0)
        return tn_handle_borrow(ctx, target->handle, ret_object);
    if (target->step != 0)
        return tn_step_borrow(ctx, target->step - 1, ret_object);
    r = tn_name_check(ctx, &target->name, &name);
    if (r < 0)
        return r;
    r = tn_name_lookup(ctx->mu, ctx->session->ns, name, ret_object, ret_version);
    return r == TN_ERR_NAME ? tn_name_missing(ctx, name) : r;
}

int tn_read_target(struct tn_request_ctx *ctx, const Tenure__V1__Target *target, tn_read_fn read,
                   const void *message, struct tn_result *result)
{
    int r = TN_ERR_BUSY;

    for (int i = 0; r == TN_ERR_BUSY && i < TN_BUSY_TRIES; i++) {
        struct tn_object *o;
        uint64_t version;

        r = tn_target_borrow(ctx, target, &o, &version);
        if (TN_LIKELY(r == 0))
            r = read(ctx, o, version, message, result);
    }
    return r;
}

int tn_target_hold(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                   struct tn_object **ret_object)
{
    struct tn_slice name;
    int r = check_target(ctx, target);

    if (r < 0)
        return r;
    if (target->name.len == 0) {
        /* The session, or the batch, holds it for longer than the request lasts. */
        r = tn_target_borrow(ctx, target, ret_object, NULL);
        if (r == 0)
            tn_incref(ctx->mu, *ret_object);
    } else {
        r = tn_name_check(ctx, &target->name, &name);
        if (r == 0)
            r = tn_name_hold(ctx, name, ret_object, NULL);
    }
    if (r == 0)
        tn_hold(ctx, *ret_object);
    return r;
}

int tn_wrong_type(struct tn_request_ctx *ctx, const struct tn_object *o, const char *needed)
{
    return tn_status_setf(ctx->status, TN_REASON_TYPE_MISMATCH,
                          "The object is of type %s, but this needs %s.",
                          tn_type_name((enum tn_type_id)o->type), needed);
}

/* ---- Handles ---- */

static int grow_new_handles(struct tn_request_ctx *ctx, size_t n)
{
    size_t max = ctx->max_new_handles * 2;
    uint64_t *grown;

    if (max < ctx->n_new_handles + n)
        max = ctx->n_new_handles + n;
    grown = tn_arena_grow(ctx->arena, ctx->new_handles, ctx->max_new_handles * sizeof(*grown),
                          max * sizeof(*grown));
    if (grown == NULL)
        return tn_ctx_arena_error(ctx);
    ctx->new_handles = grown;
    ctx->max_new_handles = max;
    return 0;
}

int tn_handles_reserve(struct tn_request_ctx *ctx, size_t n)
{
    int r = tn_session_reserve(ctx->session, n);

    if (r == TN_ERR_TOO_MANY)
        return tn_status_setf(
            ctx->status, TN_REASON_TOO_MANY_HANDLES,
            "The session holds %zu of the %zu handles that it may, and this needs "
            "%zu more; release some, or ask for less.",
            tn_session_n_handles(ctx->session), ctx->session->max_handles, n);
    if (r == 0 && ctx->max_new_handles - ctx->n_new_handles < n)
        r = grow_new_handles(ctx, n);
    return r;
}

uint64_t tn_handle_give(struct tn_request_ctx *ctx, struct tn_object **take_object)
{
    uint64_t handle = tn_session_add(ctx->session, take_object);

    TN_ASSERT(ctx->n_new_handles < ctx->max_new_handles);
    ctx->new_handles[ctx->n_new_handles++] = handle;
    tn_counter_add(&ctx->ex->counters->handles, 1);
    return handle;
}

void tn_handles_undo(struct tn_request_ctx *ctx, size_t n)
{
    while (ctx->n_new_handles > n) {
        struct tn_object *o;

        /* A later step of the same batch may have released it. */
        if (tn_session_take(ctx->session, ctx->mu, ctx->new_handles[--ctx->n_new_handles], &o) < 0)
            continue;
        tn_counter_sub(&ctx->ex->counters->handles, 1);
        tn_decref(ctx->mu, o);
    }
}
