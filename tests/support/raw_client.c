/* SPDX-License-Identifier: MIT */
/* See raw_client.h: the socket. Words are in raw_words.c. */
#include "tests/support/raw_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/frame.h"

#define RECEIVE_BYTES ((size_t)64 << 10)

void raw_connect(struct raw_client *c, const struct tn_address *address)
{
    const struct timeval timeout = { .tv_sec = RAW_TIMEOUT_S };

    *c = (struct raw_client){ 0 };
    tn_buffer_init(&c->in, (size_t)1 << 30);
    TN_ASSERT(tn_arena_init(&c->arena, 4096, (size_t)1 << 31) == 0);
    c->fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TN_ASSERT(c->fd >= 0);
    TN_ASSERT(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0);
    TN_ASSERT(setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0);
    TN_ASSERT(connect(c->fd, (const struct sockaddr *)&address->sockaddr, address->sockaddr_len) ==
              0);
}

void raw_open(struct raw_client *c, const struct tn_address *address)
{
    Tenure__V1__Request *request;
    Tenure__V1__Response *response;

    raw_connect(c, address);
    request = raw_request(c);
    request->op_case = TENURE__V1__REQUEST__OP_HELLO;
    request->hello = RAW_NEW(c, HelloRequest, HELLO_REQUEST);
    request->hello->protocol = 1;
    response = raw_call(c, request);
    TN_ASSERT(response->status == NULL);
}

void raw_close(struct raw_client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    tn_buffer_fini(&c->in);
    tn_arena_fini(&c->arena);
}

void raw_reset(struct raw_client *c)
{
    tn_arena_reset(&c->arena);
}

bool raw_send_bytes(struct raw_client *c, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            TN_ASSERT(errno == EPIPE || errno == ECONNRESET);
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool raw_send(struct raw_client *c, const Tenure__V1__Request *request)
{
    struct tn_buffer out;
    bool is_sent;

    tn_buffer_init(&out, (size_t)1 << 30);
    TN_ASSERT(tn_message_pack_request(request, (size_t)1 << 29, &out) == 0);
    is_sent = raw_send_bytes(c, tn_buffer_begin(&out), tn_buffer_len(&out));
    tn_buffer_fini(&out);
    return is_sent;
}

/* Reads some more; false at the end. */
static bool receive_some(struct raw_client *c)
{
    ssize_t n;

    TN_ASSERT(tn_buffer_reserve(&c->in, RECEIVE_BYTES) == 0);
    do
        n = recv(c->fd, tn_buffer_end(&c->in), RECEIVE_BYTES, 0);
    while (n < 0 && errno == EINTR);
    TN_ASSERT(n >= 0 || errno == ECONNRESET); /* above all, it has not timed out */
    if (n <= 0)
        return false;
    tn_buffer_commit(&c->in, (size_t)n);
    return true;
}

Tenure__V1__Response *raw_receive(struct raw_client *c)
{
    const struct tn_scan_limits limits = TN_SCAN_LIMITS_DEFAULT;
    Tenure__V1__Response *response;
    struct tn_frame frame;
    int r;

    for (;;) {
        r = tn_frame_parse(tn_buffer_begin(&c->in), tn_buffer_len(&c->in), TN_FRAME_BYTES_MAX,
                           &frame, NULL);
        TN_ASSERT(r == 0 || r == TN_ERR_AGAIN);
        if (r == 0)
            break;
        if (!receive_some(c)) {
            TN_ASSERT(tn_buffer_len(&c->in) == 0); /* no half answers */
            return NULL;
        }
    }
    r = tn_message_unpack_response(TN_SLICE(tn_buffer_begin(&c->in) + frame.offset, frame.len),
                                   &limits, &c->arena, &response, NULL);
    TN_ASSERT(r == 0);
    tn_buffer_consume(&c->in, frame.offset + frame.len);
    return response;
}

Tenure__V1__Request *raw_request(struct raw_client *c)
{
    Tenure__V1__Request *request = RAW_NEW(c, Request, REQUEST);

    request->id = ++c->last_id;
    return request;
}

Tenure__V1__Response *raw_call(struct raw_client *c, Tenure__V1__Request *request)
{
    Tenure__V1__Response *response;

    TN_ASSERT(raw_send(c, request));
    response = raw_receive(c);
    TN_ASSERT(response != NULL && response->id == request->id);
    return response;
}

bool raw_await_end(struct raw_client *c)
{
    while (receive_some(c))
        tn_buffer_consume(&c->in, tn_buffer_len(&c->in));
    return true;
}

void *raw_keep(struct raw_client *c, const void *bytes, size_t len)
{
    void *kept = tn_arena_alloc(&c->arena, len);

    TN_ASSERT(kept != NULL);
    memcpy(kept, bytes, len);
    return kept;
}

ProtobufCBinaryData raw_bytes(struct raw_client *c, const char *text)
{
    size_t len = strlen(text);

    return (ProtobufCBinaryData){ .len = len, .data = raw_keep(c, text, len + 1) };
}
