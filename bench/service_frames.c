/* SPDX-License-Identifier: MIT */
/*
 * Requests are encoded once, by the same code as the client library's, and then
 * copied with another id and key. Answers are read by a few lines of our own
 * that know where to look, and a sample of them by the code of the library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/service.h"
#include "proto/arena.h"
#include "proto/buffer.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "proto/value.h"

#define FRAME_BYTES_MAX ((size_t)1 << 20)
#define ARENA_BYTES ((size_t)4 << 20)

/* What every value consists of behind the key. */
#define FILLER 'v'

/* Stands in for a key until one is written over it. */
static const char placeholder[BENCH_KEY_BYTES] = "placeholder-key";

/* Field numbers of Response and of what is in it (store.proto, value.proto). */
enum field {
    FIELD_ID = 1,
    FIELD_STATUS = 2,
    FIELD_OBJECT = 12,
    FIELD_NAME = 13,
    FIELD_OBJECT_VALUE = 1,
    FIELD_VALUE_DATA = 5,
};

/* ---- Requests ---- */

static size_t place_of(const struct bench_frame *frame, size_t from)
{
    const uint8_t *found =
        memmem(frame->bytes + from, frame->len - from, placeholder, sizeof(placeholder));

    if (found == NULL)
        bench_die("an encoded request does not contain its key");
    return (size_t)(found - frame->bytes);
}

static void pack(struct bench_frame *frame, const Tenure__V1__Request *request)
{
    struct tn_buffer buf;
    struct tn_frame parsed;

    tn_buffer_init(&buf, FRAME_BYTES_MAX);
    bench_check(tn_message_pack_request(request, FRAME_BYTES_MAX, &buf), "encoding a request");
    frame->len = tn_buffer_len(&buf);
    frame->bytes = bench_alloc(frame->len);
    memcpy(frame->bytes, tn_buffer_begin(&buf), frame->len);
    bench_check(tn_frame_parse(frame->bytes, frame->len, FRAME_BYTES_MAX, &parsed, NULL),
                "parsing an encoded request");
    frame->id_at = parsed.offset + 1; /* behind the tag of the first field */
    tn_buffer_fini(&buf);
}

void bench_frame_init(struct bench_frame *frame, enum bench_request request, size_t value_bytes)
{
    Tenure__V1__Request message = TENURE__V1__REQUEST__INIT;
    Tenure__V1__GetRequest get = TENURE__V1__GET_REQUEST__INIT;
    Tenure__V1__SetRequest set = TENURE__V1__SET_REQUEST__INIT;
    Tenure__V1__Target target = TENURE__V1__TARGET__INIT;
    ProtobufCBinaryData name = { sizeof(placeholder), (uint8_t *)(uintptr_t)placeholder };
    struct tn_value_one value;
    uint8_t *content = bench_alloc(value_bytes);

    memset(content, FILLER, value_bytes);
    memcpy(content, placeholder, sizeof(placeholder));
    *frame = (struct bench_frame){ .request = request, .value_bytes = value_bytes };
    message.id = BENCH_ID_MIN;
    if (request == BENCH_REQUEST_GET) {
        target.name = name;
        get.target = &target;
        message.op_case = TENURE__V1__REQUEST__OP_GET;
        message.get = &get;
    } else {
        tn_value_one_bytes(&value, TN_SLICE(content, value_bytes));
        set.name = name;
        set.value = &value.value;
        message.op_case = TENURE__V1__REQUEST__OP_SET;
        message.set = &set;
    }
    pack(frame, &message);
    frame->key_at = place_of(frame, 0);
    if (request == BENCH_REQUEST_SET)
        frame->value_at = place_of(frame, frame->key_at + sizeof(placeholder));
    bench_free(content);
}

void bench_frame_fini(struct bench_frame *frame)
{
    bench_free(frame->bytes);
    frame->bytes = NULL;
}

void bench_frame_write(const struct bench_frame *frame, uint8_t *out, uint32_t id, uint32_t key)
{
    struct bench_key text = bench_key_of(key);

    memcpy(out, frame->bytes, frame->len);
    out[frame->id_at] = (uint8_t)(id | 0x80);
    out[frame->id_at + 1] = (uint8_t)(id >> 7 | 0x80);
    out[frame->id_at + 2] = (uint8_t)(id >> 14 | 0x80);
    out[frame->id_at + 3] = (uint8_t)(id >> 21);
    memcpy(out + frame->key_at, &text, sizeof(text));
    if (frame->value_at != 0)
        memcpy(out + frame->value_at, &text, sizeof(text));
}

/* ---- Answers, quickly ---- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static bool read_varint(struct reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned int shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* The next field; `ret_content` of a length-delimited one. False at the end and
 * if the message is broken, which shows as something missing. */
static bool next_field(struct reader *reader, uint32_t *ret_field, uint64_t *ret_value,
                       struct reader *ret_content)
{
    uint64_t tag, len;

    *ret_value = 0;
    *ret_content = (struct reader){ 0 };
    if (!read_varint(reader, &tag))
        return false;
    *ret_field = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case 0:
        return read_varint(reader, ret_value);
    case 1:
        len = 8;
        break;
    case 2:
        if (!read_varint(reader, &len))
            return false;
        break;
    default:
        return false;
    }
    if (len > (uint64_t)(reader->end - reader->at))
        return false;
    *ret_content = (struct reader){ reader->at, reader->at + len };
    reader->at += len;
    return true;
}

/* The content of the first field of a number. */
static bool find_field(struct reader message, uint32_t wanted, struct reader *ret_content)
{
    uint32_t field;
    uint64_t value;

    while (next_field(&message, &field, &value, ret_content))
        if (field == wanted)
            return true;
    return false;
}

static bool is_right_value(struct reader object, const struct bench_frame *frame, uint32_t key)
{
    struct bench_key text = bench_key_of(key);
    struct reader value, data;

    return find_field(object, FIELD_OBJECT_VALUE, &value) &&
           find_field(value, FIELD_VALUE_DATA, &data) && data.at != NULL &&
           (size_t)(data.end - data.at) == frame->value_bytes &&
           memcmp(data.at, &text, sizeof(text)) == 0;
}

static bool is_right(const struct bench_frame *frame, const uint8_t *message, size_t len,
                     uint32_t id, uint32_t key)
{
    struct reader reader = { message, message + len };
    struct reader content;
    uint32_t field;
    uint64_t value;

    if (!next_field(&reader, &field, &value, &content) || field != FIELD_ID || value != id ||
        !next_field(&reader, &field, &value, &content))
        return false;
    if (frame->request == BENCH_REQUEST_SET)
        return field == FIELD_NAME;
    return field == FIELD_OBJECT && is_right_value(content, frame, key);
}

/* ---- Answers, thoroughly ---- */

/* Unpacks a response as the client library does. The arena is reset by the caller. */
static const Tenure__V1__Response *unpack(struct tn_arena *arena, const uint8_t *message,
                                          size_t len)
{
    static const struct tn_scan_limits limits = TN_SCAN_LIMITS_DEFAULT;
    Tenure__V1__Response *response;
    struct tn_status status;

    if (tn_message_unpack_response(TN_SLICE(message, len), &limits, arena, &response, &status) < 0)
        bench_die("an answer cannot be unpacked: %s", status.message);
    if (response->status != NULL)
        bench_die("the server refuses a request: %s (%s)", response->status->message,
                  response->status->reason);
    return response;
}

static bool is_whole_value(const struct tn_value_node *node, const struct bench_frame *frame,
                           uint32_t key)
{
    struct bench_key text = bench_key_of(key);

    if (node->kind != TN_NODE_BYTES || node->size != frame->value_bytes ||
        memcmp(node->bytes, &text, sizeof(text)) != 0)
        return false;
    for (size_t i = sizeof(text); i < node->size; i++)
        if (node->bytes[i] != FILLER)
            return false;
    return true;
}

static void check_thoroughly(const struct bench_frame *frame, const uint8_t *message, size_t len,
                             uint32_t key)
{
    static struct tn_arena arena; /* initialised by the first answer that is checked */
    const struct tn_value_limits limits = { .max_nodes = 1,
                                            .max_bytes = BENCH_VALUE_BYTES_MAX,
                                            .is_answer = true };
    struct tn_value_reader reader;
    struct tn_value_node node;
    const Tenure__V1__Response *response;

    if (arena.cap_bytes == 0)
        bench_check(tn_arena_init(&arena, 4096, ARENA_BYTES), "an arena");
    tn_arena_reset(&arena);
    response = unpack(&arena, message, len);
    if (frame->request == BENCH_REQUEST_SET) {
        if (response->result_case != TENURE__V1__RESPONSE__RESULT_NAME)
            bench_die("the answer to a set is of another kind");
        return;
    }
    if (response->result_case != TENURE__V1__RESPONSE__RESULT_OBJECT)
        bench_die("the answer to a get is of another kind");
    bench_check(tn_value_check(response->object->value, &limits, NULL), "a value in an answer");
    tn_value_reader_init(&reader, response->object->value);
    if (!tn_value_read(&reader, &node) || !is_whole_value(&node, frame, key))
        bench_die("the value of key %u is not what was stored", key);
}

void bench_answer_check(const struct bench_frame *frame, const uint8_t *message, size_t len,
                        uint32_t id, uint32_t key, bool thoroughly)
{
    if (TN_UNLIKELY(!is_right(frame, message, len, id, key))) {
        check_thoroughly(frame, message, len, key); /* knows better what is wrong */
        bench_die("the answer to request %u for key %u is not the right one", id, key);
    }
    if (TN_UNLIKELY(thoroughly))
        check_thoroughly(frame, message, len, key);
}

/* ---- Sessions ---- */

static void write_all(int fd, const uint8_t *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t n = send(fd, bytes, n_bytes, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            bench_die("cannot write to the server: %s", strerror(errno));
        if (n > 0) {
            bytes += n;
            n_bytes -= (size_t)n;
        }
    }
}

/* Reads one frame, which is all that the server has to say now. */
static void read_frame(int fd, struct tn_buffer *buf, struct tn_frame *ret_frame)
{
    for (;;) {
        int r = tn_frame_parse(tn_buffer_begin(buf), tn_buffer_len(buf), FRAME_BYTES_MAX, ret_frame,
                               NULL);
        ssize_t n;

        if (r == 0)
            return;
        if (r != TN_ERR_AGAIN)
            bench_die("the server's answer is not a frame");
        bench_check(tn_buffer_reserve(buf, 4096), "a buffer");
        n = read(fd, tn_buffer_end(buf), tn_buffer_room(buf));
        if (n == 0)
            bench_die("the server has closed the connection");
        if (n < 0 && errno != EINTR)
            bench_die("cannot read from the server: %s", strerror(errno));
        if (n > 0)
            tn_buffer_commit(buf, (size_t)n);
    }
}

/* Sends a request and waits for its answer, which is in the arena. */
static const Tenure__V1__Response *call(int fd, const Tenure__V1__Request *request,
                                        struct tn_arena *arena)
{
    const Tenure__V1__Response *response;
    struct tn_buffer buf;
    struct tn_frame frame;

    tn_buffer_init(&buf, FRAME_BYTES_MAX);
    bench_check(tn_message_pack_request(request, FRAME_BYTES_MAX, &buf), "encoding a request");
    write_all(fd, tn_buffer_begin(&buf), tn_buffer_len(&buf));
    tn_buffer_consume(&buf, tn_buffer_len(&buf));
    read_frame(fd, &buf, &frame);
    response = unpack(arena, tn_buffer_begin(&buf) + frame.offset, frame.len);
    tn_buffer_fini(&buf); /* what was unpacked is a copy */
    return response;
}

void bench_session_open(int fd, struct bench_server_info *ret_info)
{
    static const char client[] = "tenure-bench";
    static const char namespace[] = "tenure-bench";
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    Tenure__V1__HelloRequest hello = TENURE__V1__HELLO_REQUEST__INIT;
    Tenure__V1__InfoRequest info = TENURE__V1__INFO_REQUEST__INIT;
    const Tenure__V1__Response *response;
    struct tn_arena arena;

    bench_check(tn_arena_init(&arena, 4096, ARENA_BYTES), "an arena");
    request.id = 1;
    request.op_case = TENURE__V1__REQUEST__OP_HELLO;
    request.hello = &hello;
    hello.protocol = 1;
    hello.client = (ProtobufCBinaryData){ strlen(client), (uint8_t *)(uintptr_t)client };
    hello.namespace_ = (ProtobufCBinaryData){ strlen(namespace), (uint8_t *)(uintptr_t) namespace };
    response = call(fd, &request, &arena);
    if (response->result_case != TENURE__V1__RESPONSE__RESULT_HELLO)
        bench_die("the server does not answer a greeting");
    if (ret_info != NULL) {
        uint32_t max_in_flight = response->hello->max_in_flight;

        request.id = 2;
        request.op_case = TENURE__V1__REQUEST__OP_INFO;
        request.info = &info;
        response = call(fd, &request, &arena);
        if (response->result_case != TENURE__V1__RESPONSE__RESULT_INFO)
            bench_die("the server does not say what it is");
        *ret_info = (struct bench_server_info){ .workers = response->info->workers,
                                                .max_in_flight = max_in_flight,
                                                .pid = (pid_t)response->info->pid };
        snprintf(ret_info->mode, sizeof(ret_info->mode), "%s", response->info->mode);
    }
    tn_arena_fini(&arena);
}
