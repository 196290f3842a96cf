/* SPDX-License-Identifier: MIT */
#include "client/lib/stream.h"

#include "core/base/check.h"

/* Besides the content of a chunk, in a message. */
#define ENVELOPE_BYTES ((size_t)256)
#define ITEM_BYTES_MAX ((size_t)8)

void tn_stream_init(struct tn_stream *stream, tn_client *client)
{
    size_t chunk_bytes = TN_STREAM_CHUNK_BYTES;

    *stream = (struct tn_stream){ .client = client };
    if (client->max_request_bytes < chunk_bytes + ENVELOPE_BYTES)
        chunk_bytes = client->max_request_bytes / 2;
    stream->chunk_bytes = chunk_bytes & ~(ITEM_BYTES_MAX - 1);
}

int tn_stream_enter(const struct tn_stream *stream)
{
    int r = tn_client_enter(stream->client);

    if (r == 0 && stream->failed < 0)
        return tn_client_error_set(&stream->client->error, stream->failed,
                                   "The stream has failed; close it and begin again.");
    return r;
}

int tn_stream_fail(struct tn_stream *stream, int err)
{
    if (stream->failed == 0)
        stream->failed = err;
    return err;
}

int tn_stream_begin(struct tn_stream *stream, const tn_op *op, uint64_t end)
{
    unsigned int at = (stream->first + stream->n) % TN_STREAM_WINDOW;
    tn_client *client = stream->client;
    int r;

    TN_ASSERT(!tn_stream_is_full(stream));
    /* Others may have filled the client's window; room comes as they are answered. */
    while ((r = tn_client_begin(client, op, &stream->flights[at].pending)) == TN_EAGAIN) {
        r = tn_client_wait(client, tn_client_window(client) / 2);
        if (r < 0)
            break;
    }
    if (r < 0)
        return tn_stream_fail(stream, r);
    stream->flights[at].end = end;
    stream->n++;
    return 0;
}

int tn_stream_await(struct tn_stream *stream, struct tn_stream_flight *ret_flight,
                    tn_reply **ret_reply)
{
    struct tn_stream_flight flight = stream->flights[stream->first];
    int r;

    TN_ASSERT(stream->n > 0);
    stream->first = (stream->first + 1) % TN_STREAM_WINDOW;
    stream->n--;
    r = tn_pending_wait(flight.pending, ret_reply);
    if (r < 0) {
        tn_client_error_copy(&stream->client->error, tn_reply_error(*ret_reply));
        tn_pending_free(&flight.pending);
        return tn_stream_fail(stream, r);
    }
    *ret_flight = flight;
    return 0;
}

void tn_stream_fini(struct tn_stream *stream)
{
    for (; stream->n > 0; stream->n--) {
        tn_pending_free(&stream->flights[stream->first].pending);
        stream->first = (stream->first + 1) % TN_STREAM_WINDOW;
    }
}
