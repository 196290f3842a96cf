/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/check.h"
#include "proto/frame.h"
#include "proto/message.h"

#define READ_BYTES ((size_t)64 << 10)

struct fake_conn {
    int fd;
    struct tn_buffer in;
    struct tn_arena arena; /* of the last request */
    struct tn_arena kept;
};

struct fake_server {
    pthread_t thread;
    int listener;
    char directory[64];
    char endpoint[128];
    fake_script *script;
    void *arg;
};

static void *serve(void *arg)
{
    struct fake_server *server = arg;
    struct fake_conn conn;
    int r;

    conn.fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (conn.fd < 0)
        return NULL; /* shut down: nobody has come */
    tn_buffer_init(&conn.in, SIZE_MAX / 4);
    r = tn_arena_init(&conn.arena, 4096, SIZE_MAX / 4);
    TN_ASSERT(r == 0);
    r = tn_arena_init(&conn.kept, 4096, SIZE_MAX / 4);
    TN_ASSERT(r == 0);
    server->script(&conn, server->arg);
    fake_hang_up(&conn);
    tn_buffer_fini(&conn.in);
    tn_arena_fini(&conn.arena);
    tn_arena_fini(&conn.kept);
    return NULL;
}

struct fake_server *fake_server_start(fake_script *script, void *arg)
{
    struct fake_server *server = calloc(1, sizeof(*server));
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int r;

    TN_ASSERT(server);
    (void)snprintf(server->directory, sizeof(server->directory), "/tmp/tn-fake-XXXXXX");
    TN_ASSERT(mkdtemp(server->directory));
    (void)snprintf(server->endpoint, sizeof(server->endpoint), "unix:%s/s", server->directory);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->endpoint + 5);
    server->script = script;
    server->arg = arg;
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TN_ASSERT(server->listener >= 0);
    r = bind(server->listener, (struct sockaddr *)&address, sizeof(address));
    TN_ASSERT(r == 0);
    r = listen(server->listener, 4);
    TN_ASSERT(r == 0);
    r = pthread_create(&server->thread, NULL, serve, server);
    TN_ASSERT(r == 0);
    return server;
}

const char *fake_server_endpoint(const struct fake_server *server)
{
    return server->endpoint;
}

void fake_server_join(struct fake_server **serverp)
{
    struct fake_server *server = *serverp;
    int r;

    *serverp = NULL;
    (void)shutdown(server->listener, SHUT_RDWR); /* wakes an accept() that still waits */
    r = pthread_join(server->thread, NULL);
    TN_ASSERT(r == 0);
    (void)close(server->listener); /* a test's socket */
    (void)unlink(server->endpoint + 5);
    (void)rmdir(server->directory);
    free(server);
}

static bool receive(struct fake_conn *conn)
{
    ssize_t n;
    int r;

    if (conn->fd < 0)
        return false;
    r = tn_buffer_reserve(&conn->in, READ_BYTES);
    TN_ASSERT(r == 0);
    do
        n = recv(conn->fd, tn_buffer_end(&conn->in), READ_BYTES, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    tn_buffer_commit(&conn->in, (size_t)n);
    return true;
}

static Tenure__V1__Request *read_into(struct fake_conn *conn, struct tn_arena *arena)
{
    static const struct tn_scan_limits limits = TN_SCAN_LIMITS_DEFAULT;
    Tenure__V1__Request *request;
    struct tn_frame frame;
    int r;

    for (;;) {
        r = tn_buffer_len(&conn->in) == 0
                ? TN_ERR_AGAIN
                : tn_frame_parse(tn_buffer_begin(&conn->in), tn_buffer_len(&conn->in),
                                 TN_FRAME_BYTES_MAX, &frame, NULL);
        if (r == 0)
            break;
        TN_ASSERT(r == TN_ERR_AGAIN);
        if (!receive(conn))
            return NULL;
    }
    r = tn_message_unpack_request(TN_SLICE(tn_buffer_begin(&conn->in) + frame.offset, frame.len),
                                  &limits, arena, &request, NULL);
    TN_ASSERT(r == 0);
    tn_buffer_consume(&conn->in, frame.offset + frame.len);
    return request;
}

Tenure__V1__Request *fake_read(struct fake_conn *conn)
{
    tn_arena_reset(&conn->arena);
    return read_into(conn, &conn->arena);
}

Tenure__V1__Request *fake_read_keep(struct fake_conn *conn)
{
    return read_into(conn, &conn->kept);
}

void fake_send_raw(struct fake_conn *conn, const void *data, size_t len)
{
    const char *at = data;

    while (conn->fd >= 0 && len > 0) {
        ssize_t n = send(conn->fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; /* the client has gone */
        at += n;
        len -= (size_t)n;
    }
}

void fake_send_frame(struct fake_conn *conn, const void *data, size_t len)
{
    uint8_t prefix[TN_FRAME_PREFIX_MAX];

    fake_send_raw(conn, prefix, tn_frame_prefix_write(prefix, len));
    fake_send_raw(conn, data, len);
}

void fake_answer(struct fake_conn *conn, Tenure__V1__Response *response)
{
    struct tn_buffer out;
    int r;

    tn_buffer_init(&out, SIZE_MAX / 4);
    r = tn_message_pack_response(response, TN_FRAME_BYTES_MAX, &out);
    TN_ASSERT(r == 0);
    fake_send_raw(conn, tn_buffer_begin(&out), tn_buffer_len(&out));
    tn_buffer_fini(&out);
}

Tenure__V1__HelloRequest *fake_greet(struct fake_conn *conn, uint64_t max_frame_bytes,
                                     uint32_t max_in_flight)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__HelloResponse hello = TENURE__V1__HELLO_RESPONSE__INIT;
    Tenure__V1__Request *request = fake_read_keep(conn);

    if (!request || request->op_case != TENURE__V1__REQUEST__OP_HELLO)
        return NULL;
    hello.protocol = 1;
    hello.server = (char *)(uintptr_t) "0.0-fake";
    hello.mode = (char *)(uintptr_t) "biased";
    hello.session = 7;
    hello.max_frame_bytes = max_frame_bytes != 0 ? max_frame_bytes : (uint64_t)64 << 20;
    hello.max_in_flight = max_in_flight != 0 ? max_in_flight : 1024;
    response.id = request->id;
    response.result_case = TENURE__V1__RESPONSE__RESULT_HELLO;
    response.hello = &hello;
    fake_answer(conn, &response);
    return request->hello;
}

void fake_answer_ping(struct fake_conn *conn, uint64_t id)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__PingResponse ping = TENURE__V1__PING_RESPONSE__INIT;

    response.id = id;
    response.result_case = TENURE__V1__RESPONSE__RESULT_PING;
    response.ping = &ping;
    fake_answer(conn, &response);
}

void fake_answer_count(struct fake_conn *conn, uint64_t id, uint64_t count)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__CountResponse result = TENURE__V1__COUNT_RESPONSE__INIT;

    result.count = count;
    response.id = id;
    response.result_case = TENURE__V1__RESPONSE__RESULT_COUNT;
    response.count = &result;
    fake_answer(conn, &response);
}

void fake_answer_name(struct fake_conn *conn, uint64_t id, uint64_t version, bool existed,
                      uint64_t handle)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__NameResponse result = TENURE__V1__NAME_RESPONSE__INIT;

    result.version = version;
    result.existed = existed;
    result.handle = handle;
    response.id = id;
    response.result_case = TENURE__V1__RESPONSE__RESULT_NAME;
    response.name = &result;
    fake_answer(conn, &response);
}

void fake_answer_handle(struct fake_conn *conn, uint64_t id, uint64_t handle,
                        Tenure__V1__TypeTag type)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__ObjectResponse result = TENURE__V1__OBJECT_RESPONSE__INIT;

    result.handle = handle;
    result.type = type;
    response.id = id;
    response.result_case = TENURE__V1__RESPONSE__RESULT_OBJECT;
    response.object = &result;
    fake_answer(conn, &response);
}

void fake_answer_value(struct fake_conn *conn, uint64_t id, Tenure__V1__Value *value)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__ObjectResponse result = TENURE__V1__OBJECT_RESPONSE__INIT;

    result.value = value;
    response.id = id;
    response.result_case = TENURE__V1__RESPONSE__RESULT_OBJECT;
    response.object = &result;
    fake_answer(conn, &response);
}

void fake_answer_int(struct fake_conn *conn, uint64_t id, int64_t integer)
{
    Tenure__V1__Value value = TENURE__V1__VALUE__INIT;
    uint8_t kind = TENURE__V1__NODE_KIND__NODE_KIND_INT;

    value.kinds.data = &kind;
    value.kinds.len = 1;
    value.ints = &integer;
    value.n_ints = 1;
    fake_answer_value(conn, id, &value);
}

void fake_refuse(struct fake_conn *conn, uint64_t id, uint32_t code, const char *reason,
                 const char *message)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__Status status = TENURE__V1__STATUS__INIT;

    status.code = code;
    status.reason = (char *)(uintptr_t)reason; /* only read */
    status.message = (char *)(uintptr_t)message;
    response.id = id;
    response.status = &status;
    fake_answer(conn, &response);
}

void fake_hang_up(struct fake_conn *conn)
{
    if (conn->fd >= 0)
        (void)close(conn->fd); /* the client sees it whatever it returns */
    conn->fd = -1;
}

void fake_await_end(struct fake_conn *conn)
{
    while (receive(conn))
        tn_buffer_consume(&conn->in, tn_buffer_len(&conn->in));
}
