/* SPDX-License-Identifier: MIT */
/*
 * Batches. A step is packed when it is added, so a batch is as large as its
 * request, borrows nothing but handles, and can be run again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/client.h"
#include "client/lib/op.h"
#include "client/lib/values.h"

#define SCRATCH_BYTES ((size_t)4 << 10)
#define STEPS_MAX ((size_t)INT32_MAX)

tn_batch *tn_batch_new(tn_client *client)
{
    tn_batch *batch;

    if (!client)
        return NULL;
    batch = calloc(1, sizeof(*batch));
    if (!batch)
        return NULL;
    if (tn_arena_init(&batch->scratch, SCRATCH_BYTES, SIZE_MAX / 4) < 0) {
        free(batch);
        return NULL;
    }
    batch->max_bytes = client->max_request_bytes;
    tn_buffer_init(&batch->steps, SIZE_MAX / 4);
    tn_client_error_clear(&batch->error);
    batch->session = client->session;
    batch->session->refs++;
    return batch;
}

void tn_batch_clear(tn_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->n_handles; i++)
        tn_handle_release(&batch->handles[i]);
    batch->n_handles = 0;
    batch->n_steps = 0;
    tn_buffer_consume(&batch->steps, tn_buffer_len(&batch->steps));
    tn_client_error_clear(&batch->error);
}

void tn_batch_free(tn_batch **batchp)
{
    tn_batch *batch;

    if (!batchp || !*batchp)
        return;
    batch = *batchp;
    *batchp = NULL;
    tn_batch_clear(batch);
    free(batch->handles);
    tn_buffer_fini(&batch->steps);
    tn_arena_fini(&batch->scratch);
    tn_session_unref(&batch->session);
    free(batch);
}

/* Keeps a handle that a step refers to. */
static int keep_handle(tn_batch *batch, const tn_handle *handle)
{
    if (!handle)
        return 0;
    if (batch->n_handles == batch->cap_handles) {
        size_t cap = batch->cap_handles < 8 ? 8 : batch->cap_handles * 2;
        tn_handle **handles = reallocarray(batch->handles, cap, sizeof(tn_handle *));

        if (!handles)
            return TN_ENOMEM;
        batch->handles = handles;
        batch->cap_handles = cap;
    }
    /* Counting is not a change that the caller can see. */
    batch->handles[batch->n_handles++] = tn_handle_ref((tn_handle *)(uintptr_t)handle);
    return 0;
}

/* Keeps the handles of a value; those of its table that do not belong to it, too,
 * which costs less than to find out. */
static int keep_value(tn_batch *batch, tn_value value)
{
    const tn_values *values = value.values;

    if (!tn_value_node(value) || values->n_handles == 0)
        return 0;
    for (uint32_t i = 0; i < values->n_nodes; i++) {
        if (values->nodes[i].kind == TN_NODE_HANDLE &&
            keep_handle(batch, values->nodes[i].handle) < 0)
            return TN_ENOMEM;
    }
    return 0;
}

static int keep_handles(tn_batch *batch, const tn_op *op)
{
    if (keep_handle(batch, op->target.handle) < 0 ||
        keep_handle(batch, op->require ? op->require->same : NULL) < 0 ||
        keep_value(batch, op->value) < 0 || keep_value(batch, op->key) < 0)
        return tn_client_error_set_plain(&batch->error, TN_ENOMEM);
    return 0;
}

static int add(tn_batch *batch, const tn_op *op)
{
    struct tn_wire_op wire;
    int r;

    if (batch->n_steps >= STEPS_MAX)
        return tn_client_error_set_plain(&batch->error, TN_ETOO_BIG);
    tn_arena_reset(&batch->scratch);
    r = tn_op_to_wire(op, batch->session, (uint32_t)batch->n_steps, &batch->scratch, &batch->error,
                      &wire);
    if (r < 0)
        return r;
    r = keep_handles(batch, op);
    if (r < 0)
        return r;
    r = tn_op_pack_step(&wire, batch->max_bytes, &batch->steps);
    if (r < 0)
        return tn_client_error_set_plain(&batch->error, r);
    return (int)batch->n_steps++;
}

int tn_batch_add(tn_batch *batch, const tn_op *op)
{
    char words[sizeof(batch->error.text)];
    int r;

    if (!batch || !op)
        return TN_EINVAL;
    if (batch->error.public.err < 0)
        return batch->error.public.err; /* the first one counts */
    r = add(batch, op);
    if (r >= 0)
        return r;
    (void)snprintf(words, sizeof(words), "%s", batch->error.public.message);
    return tn_client_error_set(&batch->error, r, "Step %zu (%s) could not be added. %s",
                               batch->n_steps, tn_op_name(op->code), words);
}

size_t tn_batch_len(const tn_batch *batch)
{
    return batch ? batch->n_steps : 0;
}

void tn_batch_set_keep_going(tn_batch *batch, bool keep_going)
{
    if (batch)
        batch->keep_going = keep_going;
}

int tn_client_run(tn_client *client, tn_batch *batch, tn_reply **ret_reply)
{
    tn_op op = tn_op_init(TN_OP_BATCH);
    tn_reply *reply;
    int r;

    if (ret_reply)
        *ret_reply = NULL;
    op.batch = batch;
    r = tn_client_call(client, &op, &reply);
    if (r < 0)
        return r;
    if (reply->n_steps != batch->n_steps)
        return tn_client_fail_reading(client, TN_ESERVER);
    if (ret_reply)
        *ret_reply = reply;
    for (size_t i = 0; i < reply->n_steps; i++) {
        const tn_error *error = &reply->steps[i].error;

        if (error->err == 0)
            continue;
        (void)tn_client_error_set(&client->error, error->err, "Step %zu: %s", i, error->message);
        client->error.public.code = error->code;
        client->error.public.reason = error->reason;
        return error->err;
    }
    return 0;
}
