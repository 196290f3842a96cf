/* SPDX-License-Identifier: MIT */
/* Uploads: what is written is gathered into chunks, and these are kept in flight. */
#include <stdlib.h>
#include <string.h>

#include "client/lib/calls.h"
#include "client/lib/stream.h"
#include "core/base/crc32c.h"

struct tn_upload {
    struct tn_stream stream;
    uint64_t id; /* of the session */
    uint64_t n_sent;
    uint64_t n_confirmed;
    uint32_t crc32c;      /* of what was written */
    unsigned char *chunk; /* what has been gathered of the next one */
    size_t n_gathered;
    bool is_finished;
};

static int begin_on_server(struct tn_upload *upload, tn_kind kind, tn_format format, uint64_t size)
{
    tn_client *client = upload->stream.client;
    tn_op op = tn_op_init(TN_OP_UPLOAD_BEGIN);
    int r;

    op.kind = (uint8_t)kind;
    op.format = format;
    op.limit = size;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_stream(&client->call_reply.reply, &upload->id, NULL);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_upload_open(tn_client *client, tn_kind kind, tn_format format, uint64_t size,
                   tn_upload **ret_upload)
{
    struct tn_upload *upload;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!ret_upload)
        return tn_client_fail_argument(client, "The pointer for the upload");
    upload = calloc(1, sizeof(*upload));
    if (!upload)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    tn_stream_init(&upload->stream, client);
    upload->crc32c = TN_CRC32C_EMPTY;
    upload->chunk = malloc(upload->stream.chunk_bytes);
    r = upload->chunk ? begin_on_server(upload, kind, format, size)
                      : tn_client_error_set_plain(&client->error, TN_ENOMEM);
    if (r < 0) {
        free(upload->chunk);
        free(upload);
        return r;
    }
    *ret_upload = upload;
    return 0;
}

/* Waits for the answer to the oldest chunk. */
static int confirm_oldest(struct tn_upload *upload)
{
    struct tn_stream_flight flight;
    tn_reply *reply;
    int r = tn_stream_await(&upload->stream, &flight, &reply);

    if (r < 0)
        return r;
    upload->n_confirmed = flight.end;
    tn_pending_free(&flight.pending);
    return 0;
}

static int send_chunk(struct tn_upload *upload, const void *data, size_t size)
{
    tn_op op = tn_op_init(TN_OP_UPLOAD_CHUNK);
    int r = 0;

    if (tn_stream_is_full(&upload->stream))
        r = confirm_oldest(upload);
    if (r < 0)
        return r;
    op.cursor = upload->id;
    op.limit = upload->n_sent;
    op.data = data;
    op.data_size = size;
    op.checksum = tn_crc32c(TN_CRC32C_EMPTY, data, size);
    r = tn_stream_begin(&upload->stream, &op, upload->n_sent + size);
    if (r == 0)
        upload->n_sent += size;
    return r;
}

/* Puts what fits behind what has been gathered, and sends it if that is a chunk. */
static int gather(struct tn_upload *upload, const unsigned char *data, size_t size,
                  size_t *ret_taken)
{
    size_t room = upload->stream.chunk_bytes - upload->n_gathered;

    *ret_taken = size < room ? size : room;
    memcpy(upload->chunk + upload->n_gathered, data, *ret_taken);
    upload->n_gathered += *ret_taken;
    if (upload->n_gathered < upload->stream.chunk_bytes)
        return 0;
    upload->n_gathered = 0;
    return send_chunk(upload, upload->chunk, upload->stream.chunk_bytes);
}

int tn_upload_write(tn_upload *upload, const void *data, size_t size)
{
    const unsigned char *at = data;
    int r;

    if (!upload)
        return TN_EINVAL;
    r = tn_stream_enter(&upload->stream);
    if (r < 0)
        return r;
    if (upload->is_finished || (!data && size > 0))
        return tn_client_error_set(&upload->stream.client->error, TN_EINVAL,
                                   "The upload is finished, or the data is NULL.");
    upload->crc32c = tn_crc32c(upload->crc32c, data, size);
    while (r == 0 && size > 0) {
        size_t taken = upload->stream.chunk_bytes;

        if (upload->n_gathered == 0 && size >= taken)
            r = send_chunk(upload, at, taken); /* from where it is */
        else
            r = gather(upload, at, size, &taken);
        at += taken;
        size -= taken;
    }
    return r;
}

int tn_upload_finish(tn_upload *upload, tn_handle **ret_handle)
{
    tn_op op = tn_op_init(TN_OP_UPLOAD_FINISH);
    tn_client *client;
    int r;

    if (!upload)
        return TN_EINVAL;
    client = upload->stream.client;
    r = tn_stream_enter(&upload->stream);
    if (r < 0)
        return r;
    if (!ret_handle || upload->is_finished)
        return tn_client_error_set(&client->error, TN_EINVAL,
                                   "The upload is finished, or the pointer for the handle is "
                                   "NULL.");
    if (upload->n_gathered > 0)
        r = send_chunk(upload, upload->chunk, upload->n_gathered);
    upload->n_gathered = 0;
    while (r == 0 && upload->stream.n > 0)
        r = confirm_oldest(upload);
    if (r < 0)
        return r;
    op.cursor = upload->id;
    op.limit = upload->n_sent;
    op.checksum = upload->crc32c;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return tn_stream_fail(&upload->stream, r);
    upload->is_finished = true;
    r = tn_reply_handle(&client->call_reply.reply, ret_handle, NULL);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

uint64_t tn_upload_confirmed(const tn_upload *upload)
{
    return upload ? upload->n_confirmed : 0;
}

uint32_t tn_upload_crc32c(const tn_upload *upload)
{
    return upload ? upload->crc32c : 0;
}

/* Nobody wants the answer: if the server has given it up already, so much the better. */
static void abort_on_server(struct tn_upload *upload)
{
    tn_client *client = upload->stream.client;
    tn_op op = tn_op_init(TN_OP_UPLOAD_ABORT);
    struct tn_flight *flight;

    op.cursor = upload->id;
    if (tn_client_is_open(client) &&
        tn_engine_submit(client, &op, TN_FLIGHT_DISCARD, client->timeout_ms, &flight) == 0)
        (void)!tn_engine_send(client); /* a loss has ended the upload, too */
}

void tn_upload_close(tn_upload **uploadp)
{
    struct tn_upload *upload;

    if (!uploadp || !*uploadp)
        return;
    upload = *uploadp;
    *uploadp = NULL;
    tn_stream_fini(&upload->stream);
    if (!upload->is_finished)
        abort_on_server(upload);
    free(upload->chunk);
    free(upload);
}
