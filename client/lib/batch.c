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
    tn_handle_list_clear(&batch->kept);
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
    tn_handle_list_fini(&batch->kept);
    tn_buffer_fini(&batch->steps);
    tn_arena_fini(&batch->scratch);
    tn_session_unref(&batch->session);
    free(batch);
}

static int add(tn_batch *batch, const tn_op *op)
{
    struct tn_op_context context = { .session = batch->session,
                                     .n_steps = (uint32_t)batch->n_steps,
                                     .kept = &batch->kept,
                                     .arena = &batch->scratch,
                                     .error = &batch->error };
    struct tn_wire_op wire;
    int r;

    if (batch->n_steps >= STEPS_MAX)
        return tn_client_error_set_plain(&batch->error, TN_ETOO_BIG);
    tn_arena_reset(&batch->scratch);
    r = tn_op_to_wire(op, &context, &wire);
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
