/* SPDX-License-Identifier: MIT */
/*
 * From a request to its answer: the table of operations, the retries when the
 * heap is full, and the packing of what came of it straight into the
 * connection's output.
 */
#include <stdio.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/frame.h"
#include "server/request.h"
#include "server/service.h"

struct op {
    tn_op_fn fn;
    bool is_step;    /* a step of a batch can be one */
    bool can_repeat; /* can be executed again later: changes nothing, or goes on */
    /* What remains to be done where there was no memory, also after reclaiming; or NULL. */
    void (*on_refusal)(struct tn_request_ctx *ctx, const void *message);
};

/* How often a request waits for a collection before it is refused. */
#define ROOM_TRIES_MAX 16

static const struct op ops[] = {
    [TENURE__V1__REQUEST__OP_HELLO] = { tn_op_hello, false, false, NULL },
    [TENURE__V1__REQUEST__OP_PING] = { tn_op_ping, true, true, NULL },
    [TENURE__V1__REQUEST__OP_PUT] = { tn_op_put, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SET] = { tn_op_set, true, false, NULL },
    [TENURE__V1__REQUEST__OP_GET] = { tn_op_get, true, true, NULL },
    [TENURE__V1__REQUEST__OP_BIND] = { tn_op_bind, true, false, NULL },
    [TENURE__V1__REQUEST__OP_UNBIND] = { tn_op_unbind, true, false, NULL },
    [TENURE__V1__REQUEST__OP_LOOKUP] = { tn_op_lookup, true, false, NULL },
    [TENURE__V1__REQUEST__OP_RELEASE] = { tn_op_release, true, false, NULL },
    [TENURE__V1__REQUEST__OP_DESCRIBE] = { tn_op_describe, true, true, NULL },
    [TENURE__V1__REQUEST__OP_LENGTH] = { tn_op_length, true, true, NULL },
    [TENURE__V1__REQUEST__OP_SCAN_NAMES] = { tn_op_scan_names, true, true, NULL },
    [TENURE__V1__REQUEST__OP_LIST_GET] = { tn_op_list_get, true, true, NULL },
    [TENURE__V1__REQUEST__OP_LIST_SET] = { tn_op_list_set, true, false, NULL },
    [TENURE__V1__REQUEST__OP_LIST_APPEND] = { tn_op_list_append, true, false, NULL },
    [TENURE__V1__REQUEST__OP_LIST_EXTEND] = { tn_op_list_extend, true, false, NULL },
    [TENURE__V1__REQUEST__OP_LIST_INSERT] = { tn_op_list_insert, true, false, NULL },
    [TENURE__V1__REQUEST__OP_LIST_DELETE] = { tn_op_list_delete, true, false, NULL },
    [TENURE__V1__REQUEST__OP_LIST_POP] = { tn_op_list_pop, true, false, NULL },
    [TENURE__V1__REQUEST__OP_LIST_SLICE] = { tn_op_list_slice, true, true, NULL },
    [TENURE__V1__REQUEST__OP_CONTAINS] = { tn_op_contains, true, true, NULL },
    [TENURE__V1__REQUEST__OP_DICT_GET] = { tn_op_dict_get, true, true, NULL },
    [TENURE__V1__REQUEST__OP_DICT_SET] = { tn_op_dict_set, true, false, NULL },
    [TENURE__V1__REQUEST__OP_DICT_DELETE] = { tn_op_dict_delete, true, false, NULL },
    [TENURE__V1__REQUEST__OP_DICT_POP] = { tn_op_dict_pop, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SCAN_DICT] = { tn_op_scan_dict, true, true, NULL },
    [TENURE__V1__REQUEST__OP_INFO] = { tn_op_info, true, true, NULL },
    [TENURE__V1__REQUEST__OP_BATCH] = { tn_op_batch, false, false, NULL },
    [TENURE__V1__REQUEST__OP_BEGIN_SCOPE] = { tn_op_begin_scope, true, false, NULL },
    [TENURE__V1__REQUEST__OP_END_SCOPE] = { tn_op_end_scope, true, true, NULL },
    [TENURE__V1__REQUEST__OP_KEEP_HANDLE] = { tn_op_keep_handle, true, false, NULL },
    [TENURE__V1__REQUEST__OP_GOODBYE] = { tn_op_goodbye, false, false, NULL },
    [TENURE__V1__REQUEST__OP_EXPORT] = { tn_op_export, true, false, NULL },
    [TENURE__V1__REQUEST__OP_IMPORT] = { tn_op_import, true, false, NULL },
    [TENURE__V1__REQUEST__OP_REVOKE] = { tn_op_revoke, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_GET] = { tn_op_array_get, true, true, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_SET] = { tn_op_array_set, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_APPEND] = { tn_op_array_append, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_INSERT] = { tn_op_array_insert, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_DELETE] = { tn_op_array_delete, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_POP] = { tn_op_array_pop, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_EXTEND] = { tn_op_array_extend, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_SLICE] = { tn_op_array_slice, true, true, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_REPLACE] = { tn_op_array_replace, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_FILL] = { tn_op_array_fill, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_ADD] = { tn_op_array_add, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_REDUCE] = { tn_op_array_reduce, true, true, NULL },
    [TENURE__V1__REQUEST__OP_ARRAY_INDEX] = { tn_op_array_index, true, true, NULL },
    [TENURE__V1__REQUEST__OP_READ] = { tn_op_read, true, true, NULL },
    [TENURE__V1__REQUEST__OP_WRITE] = { tn_op_write, true, false, NULL },
    [TENURE__V1__REQUEST__OP_UPLOAD_BEGIN] = { tn_op_upload_begin, true, false, NULL },
    [TENURE__V1__REQUEST__OP_UPLOAD_CHUNK] = { tn_op_upload_chunk, true, false,
                                               tn_op_upload_refused },
    [TENURE__V1__REQUEST__OP_UPLOAD_FINISH] = { tn_op_upload_finish, true, false, NULL },
    [TENURE__V1__REQUEST__OP_UPLOAD_ABORT] = { tn_op_upload_abort, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SUBSCRIBE] = { tn_op_subscribe, false, false, NULL },
    [TENURE__V1__REQUEST__OP_UNSUBSCRIBE] = { tn_op_unsubscribe, false, false, NULL },
    [TENURE__V1__REQUEST__OP_CLASS_DECLARE] = { tn_op_class_declare, true, false, NULL },
    [TENURE__V1__REQUEST__OP_CLASS_DESCRIBE] = { tn_op_class_describe, true, true, NULL },
    [TENURE__V1__REQUEST__OP_RECORD_NEW] = { tn_op_record_new, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ATTR_GET] = { tn_op_attr_get, true, true, NULL },
    [TENURE__V1__REQUEST__OP_ATTR_SET] = { tn_op_attr_set, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ATTR_DELETE] = { tn_op_attr_delete, true, false, NULL },
    [TENURE__V1__REQUEST__OP_ATTR_SCAN] = { tn_op_attr_scan, true, true, NULL },
    [TENURE__V1__REQUEST__OP_WEAKREF_NEW] = { tn_op_weakref_new, true, false, NULL },
    [TENURE__V1__REQUEST__OP_WEAKREF_GET] = { tn_op_weakref_get, true, true, NULL },
    [TENURE__V1__REQUEST__OP_SET_TTL] = { tn_op_set_ttl, true, false, NULL },
    [TENURE__V1__REQUEST__OP_GC] = { tn_op_gc, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SET_ADD] = { tn_op_set_add, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SET_DISCARD] = { tn_op_set_discard, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SET_POP] = { tn_op_set_pop, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SET_CLEAR] = { tn_op_set_clear, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SCAN_SET] = { tn_op_scan_set, true, true, NULL },
    [TENURE__V1__REQUEST__OP_SET_NEW] = { tn_op_set_new, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SET_UPDATE] = { tn_op_set_update, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SET_COMPARE] = { tn_op_set_compare, true, true, NULL },
    [TENURE__V1__REQUEST__OP_DEQUE_PUSH] = { tn_op_deque_push, true, false, NULL },
    [TENURE__V1__REQUEST__OP_DEQUE_POP] = { tn_op_deque_pop, true, false, NULL },
    [TENURE__V1__REQUEST__OP_DEQUE_EXTEND] = { tn_op_deque_extend, true, false, NULL },
    [TENURE__V1__REQUEST__OP_DEQUE_ROTATE] = { tn_op_deque_rotate, true, false, NULL },
    [TENURE__V1__REQUEST__OP_DEQUE_CLEAR] = { tn_op_deque_clear, true, false, NULL },
    [TENURE__V1__REQUEST__OP_SCAN_DEQUE] = { tn_op_scan_deque, true, true, NULL },
    [TENURE__V1__REQUEST__OP_LIST_REPLACE] = { tn_op_list_replace, true, false, NULL },
};

/* Request, Step, Response and StepResult number their arms alike. */
_Static_assert((int)TENURE__V1__REQUEST__OP_INFO == (int)TENURE__V1__STEP__OP_INFO, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_PING == (int)TENURE__V1__STEP__OP_PING, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_SET_TTL == (int)TENURE__V1__STEP__OP_SET_TTL, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_SET_ADD == (int)TENURE__V1__STEP__OP_SET_ADD, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_SET_COMPARE == (int)TENURE__V1__STEP__OP_SET_COMPARE,
               "");
_Static_assert((int)TENURE__V1__RESPONSE__RESULT_PING == (int)TENURE__V1__STEP_RESULT__RESULT_PING,
               "");
_Static_assert((int)TENURE__V1__RESPONSE__RESULT_INFO == (int)TENURE__V1__STEP_RESULT__RESULT_INFO,
               "");
_Static_assert((int)TENURE__V1__REQUEST__OP_ATTR_SCAN == (int)TENURE__V1__STEP__OP_ATTR_SCAN, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_GC == (int)TENURE__V1__STEP__OP_GC, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_ARRAY_GET == (int)TENURE__V1__STEP__OP_ARRAY_GET, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_WRITE == (int)TENURE__V1__STEP__OP_WRITE, "");
_Static_assert((int)TENURE__V1__REQUEST__OP_UPLOAD_ABORT == (int)TENURE__V1__STEP__OP_UPLOAD_ABORT,
               "");
_Static_assert((int)TENURE__V1__RESPONSE__RESULT_READ == (int)TENURE__V1__STEP_RESULT__RESULT_READ,
               "");
_Static_assert((int)TENURE__V1__RESPONSE__RESULT_UPLOAD ==
                   (int)TENURE__V1__STEP_RESULT__RESULT_UPLOAD,
               "");
_Static_assert((int)TENURE__V1__RESPONSE__RESULT_CLASS_DESCRIBE ==
                   (int)TENURE__V1__STEP_RESULT__RESULT_CLASS_DESCRIBE,
               "");

static const struct op *op_of(unsigned int op_case)
{
    return op_case < TN_ARRAY_LEN(ops) && ops[op_case].fn != NULL ? &ops[op_case] : NULL;
}

bool tn_op_is_step(unsigned int op_case)
{
    const struct op *op = op_of(op_case);

    return op != NULL && op->is_step;
}

/* ---- When the heap is full ---- */

/* Soft names are dropped for twice this much, then for twice as much again, and
 * after so many doublings all of them. */
#define SOFT_BYTES ((size_t)128 << 10)
#define SOFT_DOUBLINGS 14

/* Appends "123 str" to what there is; the most frequent types come first. */
static void list_holders(const struct tn_census *census, char *text, size_t size)
{
    bool is_listed[TN_TYPE_END] = { false };
    size_t len = 0;

    text[0] = '\0';
    for (int n = 0; n < 3; n++) {
        unsigned int most = 0;
        int written;

        for (unsigned int type = 1; type < TN_TYPE_END; type++)
            if (!is_listed[type] && census->n_objs[type] > census->n_objs[most])
                most = type;
        if (census->n_objs[most] == 0)
            return;
        is_listed[most] = true;
        written =
            snprintf(text + len, size - len, "%s%llu %s", n == 0 ? ": " : ", ",
                     (unsigned long long)census->n_objs[most], tn_type_name((enum tn_type_id)most));
        if (written < 0 || (size_t)written >= size - len)
            return;
        len += (size_t)written;
    }
}

TN_COLD static int memory_limit(struct tn_request_ctx *ctx)
{
    struct tn_census census;
    char holders[96];
    char limit[32];

    tn_census_take(ctx->ex->service->heap, &census);
    census.n_objs[TN_TYPE_FREE] = 0;
    list_holders(&census, holders, sizeof(holders));
    tn_config_format_bytes(census.max_bytes, limit);
    return tn_status_setf(ctx->status, TN_REASON_MEMORY_LIMIT,
                          "The heap holds %.1f mb of the %s that it may, with %llu objects%s; "
                          "delete or release something, or raise max-memory.",
                          (double)census.held_bytes / (1 << 20), limit,
                          (unsigned long long)census.live_objs, holders);
}

/* Drops what is dead. Returns the number of bytes by which the heap has shrunk. */
static size_t reclaim(struct tn_request_ctx *ctx)
{
    size_t shrunk = tn_thread_reclaim(ctx->ex->thread);

    ctx->mu = ctx->ex->mu = tn_thread_mutator(ctx->ex->thread);
    return shrunk;
}

/*
 * Makes what room it can: first of what is dead, then of what is garbage, and last
 * of soft names, more each time, until there are none: what they free may lie in
 * pools of other threads and sizes, which are of use to the request only when they
 * are empty. False if trying again is not worth while. Others may take what room
 * there is, so one collection may not be enough.
 */
static bool make_room(struct tn_request_ctx *ctx, unsigned int n_tries)
{
    size_t n_dropped;

    if (n_tries == 0)
        tn_counter_add(&ctx->ex->counters->requests_deferred_for_memory, 1);
    /* Once in any case: what was dead may have left room in pools that stay. */
    if (n_tries <= 1 && (reclaim(ctx) > 0 || n_tries == 0))
        return true;
    if (n_tries <= ROOM_TRIES_MAX && tn_executor_relieve(ctx->ex)) {
        (void)reclaim(ctx); /* sets ctx->mu as well */
        return true;
    }
    n_dropped =
        tn_names_drop_soft(ctx->mu, n_tries <= SOFT_DOUBLINGS ? SOFT_BYTES << n_tries : SIZE_MAX);
    (void)reclaim(ctx);
    return n_dropped > 0;
}

int tn_run_op(struct tn_request_ctx *ctx, unsigned int op_case, const void *message,
              struct tn_result *result)
{
    const struct op *op = op_of(op_case);
    size_t answer_bytes = ctx->answer_bytes;
    bool may_defer = ctx->may_defer;
    int r;

    tn_status_clear(ctx->status);
    if (op == NULL)
        return tn_status_set(ctx->status, TN_REASON_OPERATION_UNSUPPORTED);
    ctx->may_defer = may_defer && op->can_repeat;
    for (unsigned int n_tries = 0;; n_tries++) {
        r = op->fn(ctx, message, result);
        if (TN_UNLIKELY(ctx->new_cycles != NULL))
            tn_values_settle(ctx, r == 0);
        if (TN_LIKELY(r != TN_ERR_LIMIT) || !tn_status_is_ok(ctx->status))
            break;
        tn_drop_held(ctx);
        ctx->answer_bytes = answer_bytes;
        if (!make_room(ctx, n_tries))
            break;
    }
    ctx->may_defer = may_defer;
    if (TN_LIKELY(r >= 0) || r == TN_ERR_AGAIN || !tn_status_is_ok(ctx->status))
        return r;
    if (r == TN_ERR_LIMIT)
        (void)memory_limit(ctx); /* `r` says so, too */
    else
        (void)tn_status_set_err(ctx->status, r);
    if (op->on_refusal != NULL && (r == TN_ERR_LIMIT || r == TN_ERR_NOMEM))
        op->on_refusal(ctx, message);
    return r;
}

/* ---- One request ---- */

int tn_answer_failure(uint64_t id, struct tn_status *status, struct tn_buffer *out)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__Status wire;

    tn_status_to_wire(status, &wire);
    response.id = id;
    response.status = &wire;
    return tn_message_pack_response(&response, TN_FRAME_BYTES_MAX, out);
}

/* What has to hold before any operation is looked at. */
static int admit(struct tn_request_ctx *ctx, const struct tn_incoming *incoming)
{
    bool is_hello = incoming->request->op_case == TENURE__V1__REQUEST__OP_HELLO;

    if (TN_UNLIKELY(tn_session_is_open(ctx->session) == is_hello)) {
        if (is_hello)
            return tn_status_set(ctx->status, TN_REASON_HELLO_REPEATED);
        ctx->must_close = true;
        return tn_status_set(ctx->status, TN_REASON_HELLO_REQUIRED);
    }
    /* What has been begun is finished. */
    if (TN_UNLIKELY(incoming->is_expired && !tn_session_is_ending_scope(ctx->session)))
        return tn_status_setf(ctx->status, TN_REASON_DEADLINE_EXCEEDED,
                              "The request waited longer than its deadline of %u ms; nothing was "
                              "done.",
                              incoming->request->deadline_ms);
    return 0;
}

/* Packs the answer. If it is too long, tells that instead. */
static int pack(struct tn_request_ctx *ctx, uint64_t id, int r, struct tn_result *result,
                struct tn_buffer *out)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;

    if (r < 0)
        return tn_answer_failure(id, ctx->status, out);
    response.id = id;
    response.result_case = result->which;
    response.hello = &result->message.hello; /* whichever it is: all arms are pointers */
    r = tn_message_pack_response(&response, (size_t)ctx->ex->service->config.max_frame_bytes, out);
    if (TN_LIKELY(r != TN_ERR_TOO_BIG))
        return r;
    (void)tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    tn_handles_undo(ctx, 0); /* the client will never hear of them */
    return tn_answer_failure(id, ctx->status, out);
}

/* Lets go of everything that the request held. */
static void finish(struct tn_request_ctx *ctx)
{
    tn_drop_held(ctx);
    if (ctx->batch != NULL)
        for (size_t i = 0; i < ctx->batch->n_steps; i++) {
            if (ctx->batch->objects[i] != NULL)
                tn_root_leave(ctx->mu, ctx->batch->objects[i]);
            tn_drop(ctx->mu, &ctx->batch->objects[i]);
        }
    ctx->ex->request = NULL;
    tn_arena_reset(ctx->arena);
}

int tn_execute(struct tn_executor *ex, struct tn_session *session,
               const struct tn_incoming *incoming, struct tn_buffer *out,
               struct tn_outcome *ret_outcome)
{
    const Tenure__V1__Request *request = incoming->request;
    uint64_t id = request->id;
    struct tn_status status;
    struct tn_result result;
    struct tn_request_ctx ctx = {
        .ex = ex,
        .mu = ex->mu,
        .session = session,
        .arena = &ex->scratch,
        .request_id = id,
        .status = &status,
        .free_answer_bytes = incoming->free_answer_bytes,
        .may_defer = incoming->may_defer,
    };
    int r;

    TN_ASSERT(ex->magic == TN_EXECUTOR_MAGIC && ex->mu != NULL);
    /* cppcheck-suppress autoVariables ; finish() takes it away again */
    ex->request = &ctx;
    tn_status_clear(&status);
    r = admit(&ctx, incoming);
    if (TN_UNLIKELY(ctx.must_close)) /* the connection itself is at fault */
        id = 0;
    if (TN_LIKELY(r == 0))
        r = tn_run_op(&ctx, request->op_case, request->hello, &result);
    if (r == TN_ERR_AGAIN && tn_status_is_ok(&status)) {
        finish(&ctx);
        tn_budget_give(&ex->service->buffers_out, ctx.taken_bytes);
        return TN_ERR_AGAIN;
    }
    if (TN_UNLIKELY(ctx.is_unfinished)) {
        finish(&ctx);
        return TN_EXECUTE_UNFINISHED;
    }

    tn_counter_add(&ex->counters->requests, 1);
    if (r < 0)
        tn_counter_add(&ex->counters->requests_failed, 1);
    r = pack(&ctx, id, r, &result, out);
    finish(&ctx);
    ret_outcome->taken_bytes = ctx.taken_bytes;
    ret_outcome->must_close = ctx.must_close;
    return r;
}
