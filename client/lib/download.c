/* SPDX-License-Identifier: MIT */
/* Downloads: reads of consecutive ranges of an object that a handle keeps alive. */
#include <stdlib.h>

#include "client/lib/calls.h"
#include "client/lib/stream.h"
#include "core/base/crc32c.h"

struct tn_download {
    struct tn_stream stream;
    tn_handle *handle;
    tn_range about;       /* what it was when the download began, without data */
    size_t item_bytes;    /* a power of two */
    uint64_t n_requested; /* bytes */
    uint64_t n_taken;     /* bytes */
    uint32_t crc32c;      /* of these */
    tn_pending *present;  /* the piece that was handed out; may be NULL */
};

/* A handle to the object, so that it stays. */
static int pin(tn_client *client, tn_target target, tn_handle **ret_handle)
{
    tn_want want = TN_WANT_INIT;
    tn_op op = tn_op_get(target);
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_value value;
    int r;

    want.handle = true;
    op.want = &want;
    r = tn_client_call_for_value(client, &op, values, &value);
    if (r < 0)
        return r;
    *ret_handle = tn_handle_ref(tn_value_as_handle(value));
    return *ret_handle ? 0 : tn_client_fail_reading(client, TN_ESERVER);
}

int tn_download_open(tn_client *client, tn_target target, tn_download **ret_download)
{
    struct tn_download *download;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!ret_download)
        return tn_client_fail_argument(client, "The pointer for the download");
    download = calloc(1, sizeof(*download));
    if (!download)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    tn_stream_init(&download->stream, client);
    download->crc32c = TN_CRC32C_EMPTY;
    r = pin(client, target, &download->handle);
    if (r == 0)
        r = tn_client_read(client, tn_held(download->handle), 0, 0, &download->about);
    if (r < 0) {
        tn_handle_release(&download->handle);
        free(download);
        return r;
    }
    download->item_bytes = tn_format_width(download->about.format);
    if (download->item_bytes == 0)
        download->item_bytes = 1;
    *ret_download = download;
    return 0;
}

static int request_range(struct tn_download *download)
{
    uint64_t n_left = tn_download_size(download) - download->n_requested;
    size_t size =
        n_left < download->stream.chunk_bytes ? (size_t)n_left : download->stream.chunk_bytes;
    tn_op op = tn_op_init(TN_OP_READ);
    int r;

    op.target = tn_held(download->handle);
    op.cursor = download->n_requested / download->item_bytes;
    op.limit = size / download->item_bytes;
    r = tn_stream_begin(&download->stream, &op, download->n_requested + size);
    if (r == 0)
        download->n_requested += size;
    return r;
}

/* Whether the range is what was asked for, or states why it is not. */
static int check_range(struct tn_download *download, const tn_range *range, uint64_t end)
{
    tn_client *client = download->stream.client;

    if (range->length != download->about.length)
        return tn_client_error_set(&client->error, TN_ESTALE,
                                   "The object had %llu items and has %llu; nobody must change its "
                                   "length while it is read.",
                                   (unsigned long long)download->about.length,
                                   (unsigned long long)range->length);
    if (range->size != end - download->n_taken)
        return tn_client_fail_reading(client, TN_ESERVER);
    return 0;
}

/* Takes the oldest answer. */
static int take_range(struct tn_download *download, tn_range *ret_range)
{
    struct tn_stream *stream = &download->stream;
    struct tn_stream_flight flight;
    tn_reply *reply;
    int r = tn_stream_await(stream, &flight, &reply);

    if (r < 0)
        return r;
    r = tn_reply_range(reply, ret_range);
    r = r < 0 ? tn_client_fail_reading(stream->client, r)
              : check_range(download, ret_range, flight.end);
    if (r < 0) {
        tn_pending_free(&flight.pending);
        return tn_stream_fail(stream, r);
    }
    download->present = flight.pending;
    return 0;
}

int tn_download_next(tn_download *download, const void **ret_data, size_t *ret_size)
{
    tn_range range;
    int r;

    if (!download)
        return TN_EINVAL;
    r = tn_stream_enter(&download->stream);
    if (r < 0)
        return r;
    if (!ret_data || !ret_size)
        return tn_client_error_set(&download->stream.client->error, TN_EINVAL,
                                   "A pointer for the piece is NULL.");
    tn_pending_free(&download->present);
    while (r == 0 && download->n_requested < tn_download_size(download) &&
           !tn_stream_is_full(&download->stream))
        r = request_range(download);
    if (r < 0 || download->stream.n == 0)
        return r;
    r = take_range(download, &range);
    if (r < 0)
        return r;
    download->n_taken += range.size;
    download->crc32c = tn_crc32c(download->crc32c, range.data, range.size);
    *ret_data = range.data;
    *ret_size = range.size;
    return 1;
}

uint64_t tn_download_size(const tn_download *download)
{
    return download ? download->about.length * download->item_bytes : 0;
}

tn_kind tn_download_kind(const tn_download *download)
{
    return download ? download->about.kind : TN_KIND_INVALID;
}

tn_format tn_download_format(const tn_download *download)
{
    return download ? download->about.format : TN_FORMAT_NONE;
}

uint32_t tn_download_crc32c(const tn_download *download)
{
    return download ? download->crc32c : 0;
}

void tn_download_close(tn_download **downloadp)
{
    struct tn_download *download;

    if (!downloadp || !*downloadp)
        return;
    download = *downloadp;
    *downloadp = NULL;
    tn_pending_free(&download->present);
    tn_stream_fini(&download->stream);
    tn_handle_release(&download->handle);
    free(download);
}
