/* SPDX-License-Identifier: MIT */
/* Packing and unpacking against protobuf-c, which does the same the long way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/value.h"
#include "tests/support/every_type.h"
#include "tests/support/random_message.h"
#include "tests/support/wire.h"

#define MAX_BYTES ((size_t)64 << 20)

static const struct tn_scan_limits limits = TN_SCAN_LIMITS_DEFAULT;

static struct tn_arena made;  /* what a test makes up */
static struct tn_arena arena; /* what is unpacked */
static struct tn_buffer out;
static struct tn_status status;

static int setup(void **state)
{
    (void)state;
    tn_buffer_init(&out, MAX_BYTES);
    tn_status_clear(&status);
    if (tn_arena_init(&made, 65536, MAX_BYTES) < 0)
        return -1;
    return tn_arena_init(&arena, 65536, MAX_BYTES);
}

static int teardown(void **state)
{
    (void)state;
    tn_buffer_fini(&out);
    tn_arena_fini(&made);
    tn_arena_fini(&arena);
    return 0;
}

/* What is in the buffer as one frame, which is consumed but stays readable. */
static struct tn_slice take_frame(void)
{
    struct tn_frame frame;
    struct tn_slice payload;

    assert_int_equal(
        tn_frame_parse(tn_buffer_begin(&out), tn_buffer_len(&out), MAX_BYTES, &frame, NULL), 0);
    assert_int_equal(frame.offset + frame.len, tn_buffer_len(&out));
    payload = TN_SLICE(tn_buffer_begin(&out) + frame.offset, frame.len);
    tn_buffer_consume(&out, frame.offset + frame.len);
    return payload;
}

/* As protobuf-c packs it. */
static struct tn_slice pack_reference(const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = tn_arena_alloc(&made, len);

    assert_non_null(bytes);
    assert_int_equal(protobuf_c_message_pack(message, bytes), len);
    return TN_SLICE(bytes, len);
}

static void expect_equal(struct tn_slice a, struct tn_slice b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0)
        assert_memory_equal(a.data, b.data, a.len);
}

/* A message goes out as protobuf-c sends it, and comes in as it was. */
static void expect_round_trip(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *desc = message->descriptor;
    struct tn_slice expected = pack_reference(message);
    struct tn_scan_info info;
    ProtobufCMessage *copy = NULL;
    struct tn_slice payload;

    assert_int_equal(tn_message_pack(message, MAX_BYTES, &out), 0);
    payload = take_frame();
    expect_equal(payload, expected);

    tn_arena_reset(&arena);
    assert_int_equal(tn_scan(desc, payload, &limits, &info, &status), 0);
    assert_int_equal(tn_message_unpack(desc, payload, &limits, &arena, &copy, &status), 0);
    assert_true(tn_arena_used(&arena) <= info.arena_bytes);
    expect_equal(pack_reference(copy), expected);
}

static void test_every_kind_of_message_survives(void **state)
{
    const ProtobufCMessageDescriptor *types[] = {
        &tenure__v1__request__descriptor,
        &tenure__v1__response__descriptor,
        every_type_descriptor(),
    };
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        for (size_t i = 0; i < TN_ARRAY_LEN(types); i++) {
            tn_arena_reset(&made);
            expect_round_trip(random_message(types[i], &seed, 5, &made));
        }
    }
}

/* More lengths than are kept between measuring and writing, at every level. */
static void test_large_message_survives(void **state)
{
    const ProtobufCMessageDescriptor *types[] = {
        &tenure__v1__request__descriptor,
        &tenure__v1__response__descriptor,
        every_type_descriptor(),
    };
    uint64_t seed = 2;

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        for (size_t i = 0; i < TN_ARRAY_LEN(types); i++) {
            tn_arena_reset(&made);
            expect_round_trip(random_message(types[i], &seed, 300, &made));
        }
    }
}

static void test_batch_of_many_steps_survives(void **state)
{
    enum {
        N = 1000
    };
    static Tenure__V1__Step steps[N];
    static Tenure__V1__SetRequest sets[N];
    static struct tn_value_one values[N];
    static Tenure__V1__Step *pointers[N];
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    Tenure__V1__BatchRequest batch = TENURE__V1__BATCH_REQUEST__INIT;

    (void)state;
    for (int64_t i = 0; i < N; i++) {
        tn_value_one_int(&values[i], i * i);
        tenure__v1__set_request__init(&sets[i]);
        sets[i].name = (ProtobufCBinaryData){ 4, (uint8_t *)&pointers[i] };
        sets[i].value = &values[i].value;
        tenure__v1__step__init(&steps[i]);
        steps[i].op_case = TENURE__V1__STEP__OP_SET;
        steps[i].set = &sets[i];
        pointers[i] = &steps[i];
    }
    request.id = 5;
    request.op_case = TENURE__V1__REQUEST__OP_BATCH;
    request.batch = &batch;
    batch.steps = pointers;
    batch.n_steps = N;
    expect_round_trip(&request.base);
}

/* Fields in any order, columns in pieces and not packed: not as we write them,
 * but as others may. protobuf-c says what it means. */
static void test_unusual_encodings_mean_what_they_mean_to_protobuf(void **state)
{
    const ProtobufCMessageDescriptor *desc = every_type_descriptor();
    uint64_t seed = 3;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        struct tn_slice pieces[40];
        struct tn_buffer whole;
        ProtobufCMessage *expected;
        ProtobufCMessage *copy = NULL;
        unsigned n = (unsigned)(random_next(&seed) % TN_ARRAY_LEN(pieces));

        /* Repeated fields of several messages, one behind the other, are one message. */
        tn_arena_reset(&made);
        tn_buffer_init(&whole, MAX_BYTES);
        for (unsigned i = 0; i < n; i++) {
            struct every_type_message message;
            unsigned type = (unsigned)(random_next(&seed) % EVERY_TYPE_N);
            const ProtobufCMessage *random = random_message(desc, &seed, 9, &made);

            every_type_message_init(&message);
            message.repeated[type] = ((const struct every_type_message *)random)->repeated[type];
            pieces[i] = pack_reference(&message.base);
            wire_raw(&whole, pieces[i].data, pieces[i].len);
            if (random_next(&seed) % 4 == 0)
                wire_number(&whole, every_type_repeated_number(PROTOBUF_C_TYPE_SINT64), i);
            if (random_next(&seed) % 8 == 0)
                wire_bytes(&whole, every_type_repeated_number(PROTOBUF_C_TYPE_BOOL), "", 0);
        }

        tn_arena_reset(&arena);
        assert_int_equal(
            tn_message_unpack(desc, wire_slice(&whole), &limits, &arena, &copy, &status), 0);
        expected = protobuf_c_message_unpack(desc, &made.allocator, tn_buffer_len(&whole),
                                             tn_buffer_begin(&whole));
        assert_non_null(expected);
        expect_equal(pack_reference(copy), pack_reference(expected));
        tn_buffer_fini(&whole);
    }
}

/* Found by fuzz_message: each of them used to get an array of its own. */
static void test_column_that_begins_with_empty_pieces_has_one_array(void **state)
{
    const uint32_t number = every_type_repeated_number(PROTOBUF_C_TYPE_UINT32);
    const struct every_type_message *message;
    ProtobufCMessage *copy = NULL;
    struct tn_scan_info info;
    struct tn_arena exact;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        wire_bytes(&out, number, "", 0);
    wire_bytes(&out, number, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    wire_bytes(&out, number, "", 0);
    wire_bytes(&out, number, "\x09", 1);
    assert_int_equal(tn_scan(every_type_descriptor(), wire_slice(&out), &limits, &info, NULL), 0);
    assert_int_equal(tn_arena_init(&exact, 256, info.arena_bytes), 0);
    assert_int_equal(tn_message_unpack(every_type_descriptor(), wire_slice(&out), &limits, &exact,
                                       &copy, &status),
                     0);
    message = (const struct every_type_message *)copy;
    assert_int_equal(message->repeated[PROTOBUF_C_TYPE_UINT32].n, 9);
    assert_int_equal(((const uint32_t *)message->repeated[PROTOBUF_C_TYPE_UINT32].array)[8], 9);
    tn_arena_fini(&exact);
}

static void test_unpacked_message_does_not_need_the_payload(void **state)
{
    static uint8_t payload[] = { 0x08, 0x07, 0x5a, 0x05, 0x0a, 0x03, 'a', 'b', 'c' };
    Tenure__V1__Request *request = NULL;

    (void)state;
    assert_int_equal(tn_message_unpack_request(TN_SLICE(payload, sizeof(payload)), &limits, &arena,
                                               &request, &status),
                     0);
    memset(payload, 0, sizeof(payload));
    assert_int_equal(request->id, 7);
    assert_int_equal(request->op_case, TENURE__V1__REQUEST__OP_PING);
    assert_int_equal(request->ping->payload.len, 3);
    assert_memory_equal(request->ping->payload.data, "abc", 3);
}

static void test_request_without_id_or_operation_is_refused(void **state)
{
    Tenure__V1__Request *request = NULL;

    (void)state;
    assert_int_equal(
        tn_message_unpack_request(TN_SLICE(NULL, 0), &limits, &arena, &request, &status),
        TN_ERR_INVAL);
    assert_int_equal(status.reason, TN_REASON_REQUEST_ID_MISSING);
    assert_int_equal(
        tn_message_unpack_request(TN_SLICE_LITERAL("\x5a\x00"), &limits, &arena, &request, &status),
        TN_ERR_INVAL);
    assert_int_equal(status.reason, TN_REASON_REQUEST_ID_MISSING);
    assert_int_equal(
        tn_message_unpack_request(TN_SLICE_LITERAL("\x08\x07"), &limits, &arena, &request, &status),
        TN_ERR_INVAL);
    assert_int_equal(status.reason, TN_REASON_REQUEST_EMPTY);
    assert_null(request);
}

static void test_response_survives(void **state)
{
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__Response *copy = NULL;
    Tenure__V1__Status wire;
    struct tn_status failure;

    (void)state;
    (void)tn_status_set(&failure, TN_REASON_NAME_NOT_FOUND);
    tn_status_to_wire(&failure, &wire);
    response.id = UINT64_MAX;
    response.status = &wire;
    assert_int_equal(tn_message_pack_response(&response, MAX_BYTES, &out), 0);
    assert_int_equal(tn_message_unpack_response(take_frame(), &limits, &arena, &copy, &status), 0);
    assert_true(copy->id == UINT64_MAX);
    assert_int_equal(copy->result_case, TENURE__V1__RESPONSE__RESULT__NOT_SET);
    assert_int_equal(tn_status_from_wire(copy->status, &status), TN_ERR_NAME);
    assert_int_equal(status.reason, TN_REASON_NAME_NOT_FOUND);
    assert_string_equal(status.message, failure.message);
}

static void test_refused_message_says_why_and_whose_it_is(void **state)
{
    Tenure__V1__Request *request = NULL;
    const struct tn_slice payload = TN_SLICE_LITERAL("\x08\x96\x01\xf8\x06\x01");

    (void)state;
    assert_int_equal(tn_message_unpack_request(payload, &limits, &arena, &request, &status),
                     TN_ERR_MALFORMED);
    assert_int_equal(status.reason, TN_REASON_UNKNOWN_FIELD);
    assert_int_equal(tn_message_peek_id(payload), 150);
    assert_null(request);

    assert_int_equal(tn_message_peek_id(TN_SLICE(NULL, 0)), 0);
    assert_int_equal(tn_message_peek_id(TN_SLICE_LITERAL("\x08")), 0);
    assert_int_equal(tn_message_peek_id(TN_SLICE_LITERAL("\x08\x96")), 0);
    assert_int_equal(tn_message_peek_id(TN_SLICE_LITERAL("\x10\x01")), 0);
    assert_int_equal(
        tn_message_peek_id(TN_SLICE_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")), 0);
    assert_true(tn_message_peek_id(TN_SLICE_LITERAL(
                    "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")) == UINT64_MAX);
}

static void test_arena_that_is_too_small_refuses_before_unpacking(void **state)
{
    struct tn_arena small;
    struct tn_scan_info info;
    ProtobufCMessage *copy = NULL;
    struct tn_slice payload;
    uint64_t seed = 4;

    (void)state;
    payload = pack_reference(random_message(every_type_descriptor(), &seed, 50, &made));
    assert_int_equal(tn_scan(every_type_descriptor(), payload, &limits, &info, &status), 0);
    assert_int_equal(tn_arena_init(&small, 256, info.arena_bytes), 0);
    assert_int_equal(
        tn_message_unpack(every_type_descriptor(), payload, &limits, &small, &copy, &status), 0);
    tn_arena_fini(&small);

    copy = NULL;
    assert_int_equal(tn_arena_init(&small, 256, info.arena_bytes - TN_ARENA_ALIGN), 0);
    assert_int_equal(
        tn_message_unpack(every_type_descriptor(), payload, &limits, &small, &copy, &status),
        TN_ERR_LIMIT);
    assert_int_equal(status.reason, TN_REASON_MESSAGE_TOO_COSTLY);
    assert_int_equal(tn_arena_used(&small), 0);
    assert_null(copy);
    tn_arena_fini(&small);
}

/* Unpacking relies on the scan for everything but memory; that may end anywhere. */
static void test_unpacking_ends_cleanly_wherever_memory_ends(void **state)
{
    const ProtobufCMessageDescriptor *desc = every_type_descriptor();
    uint64_t seed = 5;
    struct tn_slice payload = pack_reference(random_message(desc, &seed, 6, &made));
    bool succeeded = false;

    (void)state;
    for (size_t cap = 0; !succeeded; cap += TN_ARENA_ALIGN) {
        struct tn_arena small;

        assert_int_equal(tn_arena_init(&small, 256, cap), 0);
        succeeded = tn_unpack_scanned(desc, payload, &small) != NULL;
        assert_int_equal(tn_arena_is_refused(&small), !succeeded);
        tn_arena_fini(&small);
        assert_true(cap < MAX_BYTES);
    }
}

static void test_message_that_is_too_long_is_not_packed(void **state)
{
    static uint8_t bytes[10000];
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__PingResponse ping = TENURE__V1__PING_RESPONSE__INIT;
    struct tn_buffer small;
    size_t len;

    (void)state;
    ping.payload = (ProtobufCBinaryData){ sizeof(bytes), bytes };
    response.result_case = TENURE__V1__RESPONSE__RESULT_PING;
    response.ping = &ping;
    len = tenure__v1__response__get_packed_size(&response);
    assert_int_equal(tn_message_pack_response(&response, len - 1, &out), TN_ERR_TOO_BIG);
    assert_int_equal(tn_buffer_len(&out), 0);
    assert_int_equal(tn_message_pack_response(&response, len, &out), 0);
    expect_equal(take_frame(), pack_reference(&response.base));

    tn_buffer_init(&small, sizeof(bytes));
    assert_int_equal(tn_buffer_append(&small, "before", 6), 0);
    assert_int_equal(tn_message_pack_response(&response, len, &small), TN_ERR_TOO_BIG);
    assert_int_equal(tn_buffer_len(&small), 6);
    tn_buffer_fini(&small);
}

static void test_several_answers_fill_one_buffer(void **state)
{
    enum {
        N = 5000
    };
    Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
    Tenure__V1__CountResponse count = TENURE__V1__COUNT_RESPONSE__INIT;

    (void)state;
    response.result_case = TENURE__V1__RESPONSE__RESULT_COUNT;
    response.count = &count;
    for (uint64_t i = 0; i < N; i++) {
        response.id = i * i * i;
        count.count = i;
        assert_int_equal(tn_message_pack_response(&response, MAX_BYTES, &out), 0);
    }
    for (uint64_t i = 0; i < N; i++) {
        Tenure__V1__Response *copy = NULL;
        struct tn_frame frame;

        assert_int_equal(
            tn_frame_parse(tn_buffer_begin(&out), tn_buffer_len(&out), MAX_BYTES, &frame, NULL), 0);
        tn_arena_reset(&arena);
        assert_int_equal(
            tn_message_unpack_response(TN_SLICE(tn_buffer_begin(&out) + frame.offset, frame.len),
                                       &limits, &arena, &copy, NULL),
            0);
        assert_true(copy->id == i * i * i);
        assert_true(copy->count->count == i);
        tn_buffer_consume(&out, frame.offset + frame.len);
    }
    assert_int_equal(tn_buffer_len(&out), 0);
}

#define MESSAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MESSAGE_TEST(test_every_kind_of_message_survives),
        MESSAGE_TEST(test_large_message_survives),
        MESSAGE_TEST(test_batch_of_many_steps_survives),
        MESSAGE_TEST(test_unusual_encodings_mean_what_they_mean_to_protobuf),
        MESSAGE_TEST(test_column_that_begins_with_empty_pieces_has_one_array),
        MESSAGE_TEST(test_unpacked_message_does_not_need_the_payload),
        MESSAGE_TEST(test_request_without_id_or_operation_is_refused),
        MESSAGE_TEST(test_response_survives),
        MESSAGE_TEST(test_refused_message_says_why_and_whose_it_is),
        MESSAGE_TEST(test_arena_that_is_too_small_refuses_before_unpacking),
        MESSAGE_TEST(test_unpacking_ends_cleanly_wherever_memory_ends),
        MESSAGE_TEST(test_message_that_is_too_long_is_not_packed),
        MESSAGE_TEST(test_several_answers_fill_one_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
