/* SPDX-License-Identifier: MIT */
/*
 * What uploads and downloads share: requests in flight, in order, a bounded number.
 * Each is a tn_pending; the answers are taken in the same order.
 */
#ifndef TN_CLIENT_LIB_STREAM_H
#define TN_CLIENT_LIB_STREAM_H

#include <tenure/tenure.h>

#include "client/lib/client.h"
#include "core/base/attr.h"

#define TN_STREAM_CHUNK_BYTES ((size_t)256 << 10)
#define TN_STREAM_WINDOW 4

struct tn_stream_flight {
    tn_pending *pending;
    uint64_t end; /* what the content ends with, in bytes, once this has been answered */
};

struct tn_stream {
    tn_client *client;
    size_t chunk_bytes; /* a multiple of the largest item */
    struct tn_stream_flight flights[TN_STREAM_WINDOW];
    unsigned int first; /* the oldest one */
    unsigned int n;
    int failed; /* the first error; 0: none */
};

/* Chunks as long as the server accepts, and not longer than is sensible. */
void tn_stream_init(struct tn_stream *stream, tn_client *client);

/* Whether the stream can still be used, or states why not. */
TN_MUST_CHECK int tn_stream_enter(const struct tn_stream *stream);

static inline bool tn_stream_is_full(const struct tn_stream *stream)
{
    return stream->n == TN_STREAM_WINDOW;
}

/* Sends a request; the stream is not full. States errors, and remembers them. */
TN_MUST_CHECK int tn_stream_begin(struct tn_stream *stream, const tn_op *op, uint64_t end);

/* Waits for the oldest answer, of which there is one; the caller frees it. States errors,
 * and remembers them; then there is nothing to free. */
TN_MUST_CHECK int tn_stream_await(struct tn_stream *stream, struct tn_stream_flight *ret_flight,
                                  tn_reply **ret_reply);

/* Remembers an error that has been stated. Returns it. */
int tn_stream_fail(struct tn_stream *stream, int err);

/* Gives up interest in all answers. */
void tn_stream_fini(struct tn_stream *stream);

#endif
