/* SPDX-License-Identifier: MIT */
/* The pre-scan: what it lets pass, what it refuses and what it says, and the
 * messages that made protobuf-c allocate or recurse without bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "proto/frame.h"
#include "proto/scan.h"
#include "proto/schema.h"
#include "tenure/v1/store.pb-c.h"
#include "tests/support/every_type.h"
#include "tests/support/wire.h"

/* Field numbers of store.proto and value.proto. */
enum {
    REQUEST_ID = 1,
    REQUEST_DEADLINE = 2,
    REQUEST_PING = 11,
    REQUEST_PUT = 12,
    REQUEST_GET = 14,
    REQUEST_RELEASE = 18,
    REQUEST_INFO = 36,
    REQUEST_BATCH = 37,
    RESPONSE_STATUS = 2,
    STATUS_REASON = 2,
    VALUE_KINDS = 1,
    VALUE_INTS = 2,
    VALUE_FLOATS = 3,
    VALUE_SIZES = 4,
};

static const struct tn_scan_limits limits = TN_SCAN_LIMITS_DEFAULT;

struct fixture {
    struct tn_buffer message;
    struct tn_buffer inner;
    struct tn_buffer innermost;
    struct tn_scan_info info;
    struct tn_status status;
};

static int setup(void **state)
{
    static struct fixture f;

    tn_buffer_init(&f.message, (size_t)16 << 20);
    tn_buffer_init(&f.inner, (size_t)16 << 20);
    tn_buffer_init(&f.innermost, (size_t)16 << 20);
    memset(&f.info, 0, sizeof(f.info));
    tn_status_clear(&f.status);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    tn_buffer_fini(&f->message);
    tn_buffer_fini(&f->inner);
    tn_buffer_fini(&f->innermost);
    return 0;
}

static int scan_as(struct fixture *f, const ProtobufCMessageDescriptor *desc)
{
    return tn_scan(desc, wire_slice(&f->message), &limits, &f->info, &f->status);
}

static int scan(struct fixture *f)
{
    return scan_as(f, &tenure__v1__request__descriptor);
}

static int scan_within(struct fixture *f, const struct tn_scan_limits *bounds)
{
    return tn_scan(&tenure__v1__request__descriptor, wire_slice(&f->message), bounds, &f->info,
                   &f->status);
}

static void expect_refused(struct fixture *f, int r, enum tn_reason reason, const char *words)
{
    assert_int_equal(r, tn_reason_err(reason));
    assert_int_equal(f->status.reason, reason);
    if (!strstr(f->status.message, words))
        fail_msg("expected \"%s\" in \"%s\"", words, f->status.message);
    tn_status_clear(&f->status);
    tn_buffer_consume(&f->message, tn_buffer_len(&f->message));
}

/* Request { id: 7, get { target { name: "x" } } } */
static void put_get(struct fixture *f)
{
    wire_number(&f->message, REQUEST_ID, 7);
    wire_bytes(&f->innermost, 1, "x", 1);
    wire_message(&f->inner, 1, &f->innermost);
    wire_message(&f->message, REQUEST_GET, &f->inner);
}

static void test_schema_is_one_that_the_codec_is_made_for(void **state)
{
    (void)state;
    assert_null(tn_schema_objection(&tenure__v1__request__descriptor));
    assert_null(tn_schema_objection(&tenure__v1__response__descriptor));
    assert_null(tn_schema_objection(every_type_descriptor()));
}

/* Each property that the codec relies on, taken away from a copy of a type. */
static void test_schema_that_the_codec_is_not_made_for_is_objected_to(void **state)
{
    ProtobufCMessageDescriptor desc = tenure__v1__response__descriptor;
    ProtobufCFieldDescriptor fields[64];

    (void)state;
    assert_true(desc.n_fields <= TN_ARRAY_LEN(fields));
#define RESTORE()                                                                                  \
    do {                                                                                           \
        desc = tenure__v1__response__descriptor;                                                   \
        memcpy(fields, desc.fields, desc.n_fields * sizeof(fields[0]));                            \
        desc.fields = fields;                                                                      \
        assert_null(tn_schema_objection(&desc));                                                   \
    } while (0)

    RESTORE();
    desc.sizeof_message = TN_SCHEMA_STRUCT_BYTES_MAX + 8;
    assert_non_null(tn_schema_objection(&desc));
    RESTORE();
    desc.message_init = NULL;
    assert_non_null(tn_schema_objection(&desc));
    RESTORE();
    fields[0].label = PROTOBUF_C_LABEL_OPTIONAL;
    assert_non_null(tn_schema_objection(&desc));
    RESTORE();
    fields[0].label = PROTOBUF_C_LABEL_REPEATED;
    assert_non_null(tn_schema_objection(&desc));
    RESTORE();
    fields[3].type = PROTOBUF_C_TYPE_UINT64; /* a member of the oneof */
    assert_non_null(tn_schema_objection(&desc));
    RESTORE();
    fields[desc.n_fields - 1].flags = 0; /* behind the oneof */
    assert_non_null(tn_schema_objection(&desc));
    RESTORE();
    fields[1].descriptor = &desc; /* inside itself */
    assert_non_null(tn_schema_objection(&desc));
#undef RESTORE
}

static void test_valid_request_passes_and_is_counted(void **state)
{
    struct fixture *f = *state;

    put_get(f);
    assert_int_equal(scan(f), 0);
    assert_int_equal(f->info.depth, 3);
    assert_int_equal(f->info.n_messages, 3);
    assert_int_equal(f->info.n_fields, 4);
    assert_int_equal(f->info.n_elements, 0);
    assert_true(f->info.arena_bytes >= sizeof(Tenure__V1__Request) +
                                           sizeof(Tenure__V1__GetRequest) +
                                           sizeof(Tenure__V1__Target) + 1);
    assert_int_equal(
        tn_scan(&tenure__v1__request__descriptor, wire_slice(&f->message), &limits, NULL, NULL), 0);
}

static void test_empty_message_passes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(scan(f), 0);
    assert_int_equal(f->info.depth, 1);
    assert_int_equal(f->info.n_fields, 0);
}

static void test_packed_columns_are_counted(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 100; i++)
        wire_varint(&f->innermost, i * i * i);
    wire_message(&f->inner, VALUE_INTS, &f->innermost);
    for (unsigned i = 0; i < 8; i++)
        wire_raw(&f->innermost, "12345678", 8);
    wire_message(&f->inner, VALUE_FLOATS, &f->innermost);
    wire_number(&f->inner, VALUE_SIZES, 5); /* one that is not packed */
    wire_message(&f->innermost, 1, &f->inner);
    wire_message(&f->message, REQUEST_PUT, &f->innermost);
    assert_int_equal(scan(f), 0);
    assert_int_equal(f->info.n_elements, 108);
    assert_true(f->info.arena_bytes >= 100 * 8 + 8 * 8 + 4);
}

/* Every cut either ends between two fields of the outermost message or is refused. */
static void test_every_cut_inside_a_field_is_refused(void **state)
{
    struct fixture *f = *state;
    struct tn_slice whole;
    size_t n_passed = 0;

    put_get(f);
    whole = wire_slice(&f->message);
    for (size_t len = 0; len < whole.len; len++) {
        int r = tn_scan(&tenure__v1__request__descriptor, TN_SLICE(whole.data, len), &limits, NULL,
                        &f->status);

        if (r == 0)
            n_passed++;
        else
            assert_int_equal(r, TN_ERR_MALFORMED);
    }
    assert_int_equal(n_passed, 2); /* nothing, and only the id */
}

static void test_unknown_field_is_refused_by_name_and_place(void **state)
{
    struct fixture *f = *state;

    wire_number(&f->message, REQUEST_ID, 7);
    wire_number(&f->message, 99, 1);
    expect_refused(f, scan(f), TN_REASON_UNKNOWN_FIELD,
                   "tenure.v1.Request has a field number 99, which is not known here, at byte 2");

    wire_bytes(&f->innermost, 9, "x", 1);
    wire_message(&f->inner, 1, &f->innermost);
    wire_message(&f->message, REQUEST_GET, &f->inner);
    expect_refused(f, scan(f), TN_REASON_UNKNOWN_FIELD, "tenure.v1.Target has a field number 9, ");

    wire_number(&f->message, (UINT32_C(1) << 29) - 1, 1);
    expect_refused(f, scan(f), TN_REASON_UNKNOWN_FIELD, "field number 536870911");
}

static void test_tag_that_is_none_is_refused(void **state)
{
    static const uint8_t padded[] = { 0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01 };
    struct fixture *f = *state;

    wire_number(&f->message, 0, 1);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "field number 0");
    wire_varint(&f->message, (uint64_t)1 << 32 | 8);
    wire_varint(&f->message, 1);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tag that is none");
    wire_raw(&f->message, padded, sizeof(padded));
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tag that is none");
    wire_raw(&f->message, "\xff\xff\xff", 3);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tag that is none");
}

static void test_group_is_refused(void **state)
{
    struct fixture *f = *state;

    wire_tag(&f->message, 99, WIRE_GROUP_BEGIN);
    wire_tag(&f->message, 99, WIRE_GROUP_END);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "group");
    wire_tag(&f->message, 99, WIRE_GROUP_END);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "group");
    wire_tag(&f->message, REQUEST_GET, WIRE_GROUP_BEGIN);
    wire_tag(&f->message, REQUEST_GET, WIRE_GROUP_END);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "wire type 3 in place of 2");
}

/* Content that is complete for each wire type, so that only the type is wrong. */
static void put_content(struct tn_buffer *buf, enum wire_type type)
{
    switch (type) {
    case WIRE_VARINT:
        wire_varint(buf, 1);
        break;
    case WIRE_FIXED64:
        wire_raw(buf, "12345678", 8);
        break;
    case WIRE_FIXED32:
        wire_raw(buf, "1234", 4);
        break;
    case WIRE_BYTES:
        wire_varint(buf, 0);
        break;
    default: /* groups have none */
        break;
    }
}

static void test_only_the_right_wire_type_passes(void **state)
{
    struct fixture *f = *state;

    for (unsigned t = 0; t < EVERY_TYPE_N; t++) {
        ProtobufCType type = (ProtobufCType)t;

        for (unsigned wire = 0; wire < 8; wire++) {
            bool fits = wire == tn_schema_types[type].wire;

            wire_tag(&f->message, every_type_single_number(type), (enum wire_type)wire);
            put_content(&f->message, (enum wire_type)wire);
            assert_int_equal(scan_as(f, every_type_descriptor()), fits ? 0 : TN_ERR_MALFORMED);
            tn_buffer_consume(&f->message, tn_buffer_len(&f->message));

            fits = fits || (wire == WIRE_BYTES && tn_schema_is_packable(type));
            wire_tag(&f->message, every_type_repeated_number(type), (enum wire_type)wire);
            put_content(&f->message, (enum wire_type)wire);
            assert_int_equal(scan_as(f, every_type_descriptor()), fits ? 0 : TN_ERR_MALFORMED);
            tn_buffer_consume(&f->message, tn_buffer_len(&f->message));
        }
    }
    wire_bytes(&f->message, REQUEST_ID, "x", 1);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE,
                   "tenure.v1.Request.id has wire type 2 in place of 0");
}

static void test_number_beyond_its_type_is_refused(void **state)
{
    static const struct {
        ProtobufCType type;
        uint64_t most;
        bool may_be_signed;
    } cases[] = {
        { PROTOBUF_C_TYPE_UINT32, UINT32_MAX, false },
        { PROTOBUF_C_TYPE_SINT32, UINT32_MAX, false },
        { PROTOBUF_C_TYPE_INT32, UINT32_MAX, true },
        { PROTOBUF_C_TYPE_ENUM, UINT32_MAX, true },
        { PROTOBUF_C_TYPE_BOOL, 1, false },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < TN_ARRAY_LEN(cases); i++) {
        const struct {
            uint64_t value;
            bool fits;
        } values[] = {
            { cases[i].most, true },
            { cases[i].most + 1, false },
            { (uint64_t)(int64_t)-1, cases[i].may_be_signed },
            { (uint64_t)(int64_t)INT32_MIN, cases[i].may_be_signed },
            { (uint64_t)(int64_t)INT32_MIN - 1, false },
        };

        for (size_t j = 0; j < TN_ARRAY_LEN(values); j++) {
            wire_number(&f->message, every_type_single_number(cases[i].type), values[j].value);
            assert_int_equal(scan_as(f, every_type_descriptor()),
                             values[j].fits ? 0 : TN_ERR_MALFORMED);
            tn_buffer_consume(&f->message, tn_buffer_len(&f->message));

            wire_raw(&f->inner, "\x01\x01\x01\x01\x01\x01\x01\x01\x01", 9);
            wire_varint(&f->inner, values[j].value);
            wire_message(&f->message, every_type_repeated_number(cases[i].type), &f->inner);
            assert_int_equal(scan_as(f, every_type_descriptor()),
                             values[j].fits ? 0 : TN_ERR_MALFORMED);
            tn_buffer_consume(&f->message, tn_buffer_len(&f->message));
        }
    }
    wire_number(&f->message, REQUEST_DEADLINE, (uint64_t)1 << 32);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE,
                   "tenure.v1.Request.deadline_ms is a number that its type does not hold");
}

static void test_packed_column_that_is_broken_is_refused(void **state)
{
    struct fixture *f = *state;

    wire_bytes(&f->innermost, VALUE_FLOATS, "1234567", 7);
    wire_message(&f->inner, 1, &f->innermost);
    wire_message(&f->message, REQUEST_PUT, &f->inner);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tenure.v1.Value.floats has a length");

    wire_bytes(&f->innermost, VALUE_INTS, "\x01\x02\x80", 3);
    wire_message(&f->inner, 1, &f->innermost);
    wire_message(&f->message, REQUEST_PUT, &f->inner);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "varint that is cut off");
}

static void test_field_that_comes_twice_is_refused(void **state)
{
    struct fixture *f = *state;

    wire_number(&f->message, REQUEST_ID, 7);
    wire_number(&f->message, REQUEST_ID, 7);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tenure.v1.Request.id comes twice");
    put_get(f);
    wire_bytes(&f->message, REQUEST_INFO, "", 0);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "another member of its oneof");
    put_get(f);
    wire_bytes(&f->message, REQUEST_GET, "", 0);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tenure.v1.Request.get comes twice");
    /* Columns may come in pieces, as in any protobuf message. */
    wire_bytes(&f->innermost, VALUE_INTS, "\x01\x02", 2);
    wire_bytes(&f->innermost, VALUE_INTS, "\x03", 1);
    wire_message(&f->inner, 1, &f->innermost);
    wire_message(&f->message, REQUEST_PUT, &f->inner);
    assert_int_equal(scan(f), 0);
    assert_int_equal(f->info.n_elements, 3);
}

static void test_string_must_be_text_without_nul(void **state)
{
    struct fixture *f = *state;

    wire_bytes(&f->inner, STATUS_REASON, "\xc3\xa4", 2);
    wire_message(&f->message, RESPONSE_STATUS, &f->inner);
    assert_int_equal(scan_as(f, &tenure__v1__response__descriptor), 0);
    tn_buffer_consume(&f->message, tn_buffer_len(&f->message));

    wire_bytes(&f->inner, STATUS_REASON, "\xc3", 1);
    wire_message(&f->message, RESPONSE_STATUS, &f->inner);
    expect_refused(f, scan_as(f, &tenure__v1__response__descriptor), TN_REASON_INVALID_UTF8,
                   "tenure.v1.Status.reason is not valid UTF-8");
    wire_bytes(&f->inner, STATUS_REASON, "a\0b", 3);
    wire_message(&f->message, RESPONSE_STATUS, &f->inner);
    expect_refused(f, scan_as(f, &tenure__v1__response__descriptor), TN_REASON_MALFORMED_MESSAGE,
                   "holds a NUL");
}

static void test_each_limit_is_kept_exactly(void **state)
{
    struct fixture *f = *state;
    struct tn_scan_limits bounds = limits;
    struct tn_scan_info info;

    wire_number(&f->message, REQUEST_ID, 7);
    wire_bytes(&f->innermost, 1, "1234567812345678", 16); /* two handles */
    wire_message(&f->inner, REQUEST_RELEASE, &f->innermost);
    wire_message(&f->innermost, 1, &f->inner); /* one step */
    wire_message(&f->message, REQUEST_BATCH, &f->innermost);
    assert_int_equal(scan(f), 0);
    info = f->info;
    assert_int_equal(info.depth, 4);
    assert_int_equal(info.n_messages, 4);
    assert_int_equal(info.n_fields, 5);
    assert_int_equal(info.n_elements, 2);

    bounds = (struct tn_scan_limits){ info.depth, info.n_fields, info.n_messages, info.n_elements,
                                      info.arena_bytes };
    assert_int_equal(scan_within(f, &bounds), 0);
    bounds.max_depth--;
    assert_int_equal(scan_within(f, &bounds), TN_ERR_TOO_DEEP);
    assert_int_equal(f->status.reason, TN_REASON_TOO_DEEP);
    bounds.max_depth++;
    bounds.max_fields--;
    assert_int_equal(scan_within(f, &bounds), TN_ERR_TOO_MANY);
    assert_non_null(strstr(f->status.message, "number of fields"));
    bounds.max_fields++;
    bounds.max_messages--;
    assert_int_equal(scan_within(f, &bounds), TN_ERR_TOO_MANY);
    assert_non_null(strstr(f->status.message, "number of messages"));
    bounds.max_messages++;
    bounds.max_elements--;
    assert_int_equal(scan_within(f, &bounds), TN_ERR_TOO_MANY);
    assert_non_null(strstr(f->status.message, "number of elements"));
    bounds.max_elements++;
    bounds.max_arena_bytes--;
    assert_int_equal(scan_within(f, &bounds), TN_ERR_LIMIT);
    assert_int_equal(f->status.reason, TN_REASON_MESSAGE_TOO_COSTLY);
}

/* ---- The hostile ones ---- */

static void test_hostile_megabyte_of_unknown_fields_is_refused_at_once(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 524288; i++)
        wire_raw(&f->message, "\x28\x01", 2); /* field 5 */
    expect_refused(f, scan(f), TN_REASON_UNKNOWN_FIELD, "at byte 0");
}

static void test_hostile_megabyte_of_empty_messages_is_refused(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 524288; i++)
        wire_raw(&f->inner, "\x0a\x00", 2); /* a step without anything */
    wire_message(&f->message, REQUEST_BATCH, &f->inner);
    expect_refused(f, scan(f), TN_REASON_TOO_MANY_FIELDS, "number of messages");

    /* As many as may be cost a bounded amount: a struct and a pointer each. */
    for (size_t i = 0; i < limits.max_messages - 2; i++)
        wire_raw(&f->inner, "\x0a\x00", 2);
    wire_message(&f->message, REQUEST_BATCH, &f->inner);
    assert_int_equal(scan(f), 0);
    assert_true(f->info.arena_bytes < limits.max_messages * 64);
}

static void test_hostile_fields_that_are_not_packed_are_bounded(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < limits.max_fields; i++)
        wire_raw(&f->innermost, "\x10\x01", 2); /* an entry of ints */
    wire_message(&f->inner, 1, &f->innermost);
    wire_message(&f->message, REQUEST_PUT, &f->inner);
    expect_refused(f, scan(f), TN_REASON_TOO_MANY_FIELDS, "number of fields");
}

static void test_hostile_nested_groups_are_refused(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 10000; i++)
        wire_tag(&f->message, REQUEST_BATCH, WIRE_GROUP_BEGIN);
    for (unsigned i = 0; i < 10000; i++)
        wire_tag(&f->message, REQUEST_BATCH, WIRE_GROUP_END);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "wire type 3");
    for (unsigned i = 0; i < 10000; i++)
        wire_tag(&f->message, 99, WIRE_GROUP_BEGIN);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "group");
}

static void test_hostile_nested_messages_are_refused(void **state)
{
    struct fixture *f = *state;

    /* Ever deeper messages of the same number: the schema ends where its types do. */
    for (unsigned i = 0; i < 10000; i++) {
        wire_message(&f->inner, REQUEST_BATCH, &f->innermost);
        wire_raw(&f->innermost, tn_buffer_begin(&f->inner), tn_buffer_len(&f->inner));
        tn_buffer_consume(&f->inner, tn_buffer_len(&f->inner));
    }
    wire_raw(&f->message, tn_buffer_begin(&f->innermost), tn_buffer_len(&f->innermost));
    expect_refused(f, scan(f), TN_REASON_UNKNOWN_FIELD, "tenure.v1.BatchRequest has a field");
}

static void test_hostile_length_beyond_the_message_is_refused(void **state)
{
    static const uint64_t lengths[] = {
        6, 1000, INT32_MAX, (uint64_t)1 << 31, UINT32_MAX, (uint64_t)1 << 35, UINT64_MAX
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < TN_ARRAY_LEN(lengths); i++) {
        wire_tag(&f->message, REQUEST_PING, WIRE_BYTES);
        wire_varint(&f->message, lengths[i]);
        wire_raw(&f->message, "12345", 5);
        expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tenure.v1.Request.ping");
    }
    /* The inner one reaches beyond the outer one, but not beyond the frame. */
    wire_tag(&f->inner, 1, WIRE_BYTES);
    wire_varint(&f->inner, 4);
    wire_raw(&f->inner, "123", 3);
    wire_message(&f->message, REQUEST_PING, &f->inner);
    wire_number(&f->message, REQUEST_ID, 1);
    expect_refused(f, scan(f), TN_REASON_MALFORMED_MESSAGE, "tenure.v1.PingRequest.payload");
}

#define SCAN_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCAN_TEST(test_schema_is_one_that_the_codec_is_made_for),
        SCAN_TEST(test_schema_that_the_codec_is_not_made_for_is_objected_to),
        SCAN_TEST(test_valid_request_passes_and_is_counted),
        SCAN_TEST(test_empty_message_passes),
        SCAN_TEST(test_packed_columns_are_counted),
        SCAN_TEST(test_every_cut_inside_a_field_is_refused),
        SCAN_TEST(test_unknown_field_is_refused_by_name_and_place),
        SCAN_TEST(test_tag_that_is_none_is_refused),
        SCAN_TEST(test_group_is_refused),
        SCAN_TEST(test_only_the_right_wire_type_passes),
        SCAN_TEST(test_number_beyond_its_type_is_refused),
        SCAN_TEST(test_packed_column_that_is_broken_is_refused),
        SCAN_TEST(test_field_that_comes_twice_is_refused),
        SCAN_TEST(test_string_must_be_text_without_nul),
        SCAN_TEST(test_each_limit_is_kept_exactly),
        SCAN_TEST(test_hostile_megabyte_of_unknown_fields_is_refused_at_once),
        SCAN_TEST(test_hostile_megabyte_of_empty_messages_is_refused),
        SCAN_TEST(test_hostile_fields_that_are_not_packed_are_bounded),
        SCAN_TEST(test_hostile_nested_groups_are_refused),
        SCAN_TEST(test_hostile_nested_messages_are_refused),
        SCAN_TEST(test_hostile_length_beyond_the_message_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
