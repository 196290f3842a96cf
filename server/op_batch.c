/* SPDX-License-Identifier: MIT */
/*
 * Batches: steps in order, each a request without its envelope.
 *
 * What a step returned is kept, with a reference, until the answer is packed; so
 * later steps can refer to it, the answer can refer to its content, and there
 * can be safe points between steps. Steps that were executed are never undone.
 */
#include "core/base/err.h"
#include "server/request.h"

#define STEPS_PER_SAFEPOINT 16

/* What a step's result takes of the answer, but for its value. */
#define STEP_BYTES ((size_t)64)

static int set_up(struct tn_request_ctx *ctx, size_t n_steps, Tenure__V1__StepResult ***ret_results)
{
    struct tn_batch *batch = tn_ctx_alloc(ctx, sizeof(*batch));
    Tenure__V1__StepResult **results =
        tn_ctx_alloc(ctx, n_steps * sizeof(Tenure__V1__StepResult *));
    struct tn_object **objects = tn_ctx_alloc(ctx, n_steps * sizeof(struct tn_object *));

    if (batch == NULL || results == NULL || objects == NULL)
        return TN_ERR_NOMEM;
    for (size_t i = 0; i < n_steps; i++) {
        results[i] = tn_ctx_alloc(ctx, sizeof(*results[i]));
        if (results[i] == NULL)
            return TN_ERR_NOMEM;
        *results[i] = (Tenure__V1__StepResult)TENURE__V1__STEP_RESULT__INIT;
        objects[i] = NULL;
    }
    *batch = (struct tn_batch){ .objects = objects, .n_steps = n_steps };
    ctx->batch = batch; /* its references are dropped when the answer is packed */
    *ret_results = results;
    return 0;
}

/* A step's own status as part of the answer. */
static int tell_failure(struct tn_request_ctx *ctx, const struct tn_status *status,
                        Tenure__V1__Status **ret_wire)
{
    struct tn_status *kept = tn_ctx_alloc(ctx, sizeof(*kept));
    Tenure__V1__Status *wire = tn_ctx_alloc(ctx, sizeof(*wire));

    if (kept == NULL || wire == NULL)
        return TN_ERR_NOMEM;
    *kept = *status;
    tn_status_to_wire(kept, wire);
    *ret_wire = wire;
    return 0;
}

static int run_step(struct tn_request_ctx *ctx, const Tenure__V1__Step *step,
                    struct tn_result *result)
{
    if (!tn_op_is_step((unsigned int)step->op_case)) {
        if (step->op_case == TENURE__V1__STEP__OP__NOT_SET)
            return tn_status_setf(ctx->status, TN_REASON_BATCH_STEP_INVALID,
                                  "Step %zu does not say what to do.", ctx->batch->current);
        return tn_status_set(ctx->status, TN_REASON_BATCH_STEP_INVALID);
    }
    if (tn_ctx_claim(ctx, STEP_BYTES) < 0)
        return tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    return tn_run_op(ctx, (unsigned int)step->op_case, step->ping, result);
}

/*
 * Executes the steps. A negative result means that the batch itself could not
 * go on, which only happens for want of arena memory: the status of the request
 * is set then.
 */
static int run_steps(struct tn_request_ctx *ctx, const Tenure__V1__BatchRequest *msg,
                     Tenure__V1__StepResult **results)
{
    struct tn_status *request_status = ctx->status;
    struct tn_status step_status;
    int r = 0;

    for (size_t i = 0; r == 0 && i < msg->n_steps; i++) {
        struct tn_result *result = tn_ctx_alloc(ctx, sizeof(*result));

        if (result == NULL)
            return TN_ERR_NOMEM;
        ctx->batch->current = i;
        ctx->status = &step_status;
        tn_status_clear(&step_status);
        r = run_step(ctx, msg->steps[i], result);
        ctx->status = request_status;
        tn_drop_held(ctx);
        if (r == 0) {
            results[i]->result_case = (Tenure__V1__StepResult__ResultCase)result->which;
            results[i]->ping = &result->message.ping; /* whichever it is */
        } else {
            r = tell_failure(ctx, &step_status, &results[i]->status);
            if (r == 0 && !msg->keep_going) {
                ctx->batch->current = i + 1;
                return 0;
            }
        }
        if ((i + 1) % STEPS_PER_SAFEPOINT == 0)
            tn_ctx_safepoint(ctx);
        ctx->batch->current = i + 1;
    }
    return r;
}

/* The steps behind the one that failed. */
static int tell_aborted(struct tn_request_ctx *ctx, Tenure__V1__StepResult **results, size_t first,
                        size_t n)
{
    Tenure__V1__Status *wire;
    struct tn_status status;
    int r;

    if (first == n)
        return 0;
    (void)tn_status_setf(&status, TN_REASON_STEP_FAILED,
                         "Step %zu failed, so this one was not executed.", first - 1);
    r = tell_failure(ctx, &status, &wire);
    for (size_t i = first; r == 0 && i < n; i++)
        results[i]->status = wire;
    return r;
}

int tn_op_batch(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__BatchRequest *msg = message;
    size_t max_steps = (size_t)ctx->ex->service->config.max_steps;
    Tenure__V1__StepResult **results;
    int r;

    if (msg->n_steps > max_steps)
        return tn_status_setf(ctx->status, TN_REASON_TOO_MANY_STEPS,
                              "The batch has %zu steps, but at most %zu are accepted; split it.",
                              msg->n_steps, max_steps);
    r = set_up(ctx, msg->n_steps, &results);
    if (r == 0)
        r = run_steps(ctx, msg, results);
    if (r == 0)
        r = tell_aborted(ctx, results, ctx->batch->current, msg->n_steps);
    if (r < 0)
        return r;

    result->which = TENURE__V1__RESPONSE__RESULT_BATCH;
    result->message.batch = (Tenure__V1__BatchResponse)TENURE__V1__BATCH_RESPONSE__INIT;
    result->message.batch.results = results;
    result->message.batch.n_results = msg->n_steps;
    return 0;
}
