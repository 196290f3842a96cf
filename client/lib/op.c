/* SPDX-License-Identifier: MIT */
#include "client/lib/op.h"

#include <string.h>

#include "client/lib/values.h"
#include "core/base/check.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "proto/varint.h"

/* Where in an operation's message its fields are. 0, where the message's base
 * is, means that the message has no such field. */
struct op_row {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    uint16_t op_case;
    uint16_t target;
    uint16_t name_field;
    uint16_t value;
    uint16_t key;
    uint16_t index;
    uint16_t want;
    uint16_t require;
    bool is_value_optional;
};

#define AT(message, field) offsetof(Tenure__V1__##message, field)
#define HEAD(CODE, field)                                                                          \
    .name = #field, .descriptor = &tenure__v1__##field##_request__descriptor,                      \
    .op_case = TENURE__V1__REQUEST__OP_##CODE

/* clang-format off */
static const struct op_row rows[] = {
    [TN_OP_PING] = { HEAD(PING, ping) },
    [TN_OP_PUT] = { HEAD(PUT, put), .value = AT(PutRequest, value) },
    [TN_OP_SET] = { HEAD(SET, set), .name_field = AT(SetRequest, name),
        .value = AT(SetRequest, value), .require = AT(SetRequest, require) },
    [TN_OP_GET] = { HEAD(GET, get), .target = AT(GetRequest, target),
        .want = AT(GetRequest, want) },
    [TN_OP_BIND] = { HEAD(BIND, bind), .name_field = AT(BindRequest, name),
        .target = AT(BindRequest, target), .require = AT(BindRequest, require) },
    [TN_OP_UNBIND] = { HEAD(UNBIND, unbind), .name_field = AT(UnbindRequest, name),
        .require = AT(UnbindRequest, require) },
    [TN_OP_LOOKUP] = { HEAD(LOOKUP, lookup), .name_field = AT(LookupRequest, name) },
    [TN_OP_DESCRIBE] = { HEAD(DESCRIBE, describe), .target = AT(DescribeRequest, target) },
    [TN_OP_LENGTH] = { HEAD(LENGTH, length), .target = AT(LengthRequest, target) },
    [TN_OP_CONTAINS] = { HEAD(CONTAINS, contains), .target = AT(ContainsRequest, target),
        .value = AT(ContainsRequest, value) },
    [TN_OP_LIST_GET] = { HEAD(LIST_GET, list_get), .target = AT(ListGetRequest, target),
        .index = AT(ListGetRequest, index), .want = AT(ListGetRequest, want) },
    [TN_OP_LIST_SET] = { HEAD(LIST_SET, list_set), .target = AT(ListSetRequest, target),
        .index = AT(ListSetRequest, index), .value = AT(ListSetRequest, value) },
    [TN_OP_LIST_APPEND] = { HEAD(LIST_APPEND, list_append),
        .target = AT(ListAppendRequest, target), .value = AT(ListAppendRequest, value) },
    [TN_OP_LIST_EXTEND] = { HEAD(LIST_EXTEND, list_extend),
        .target = AT(ListExtendRequest, target), .value = AT(ListExtendRequest, value) },
    [TN_OP_LIST_INSERT] = { HEAD(LIST_INSERT, list_insert),
        .target = AT(ListInsertRequest, target), .index = AT(ListInsertRequest, index),
        .value = AT(ListInsertRequest, value) },
    [TN_OP_LIST_DELETE] = { HEAD(LIST_DELETE, list_delete),
        .target = AT(ListDeleteRequest, target), .index = AT(ListDeleteRequest, index) },
    [TN_OP_LIST_POP] = { HEAD(LIST_POP, list_pop), .target = AT(ListPopRequest, target),
        .index = AT(ListPopRequest, index), .want = AT(ListPopRequest, want) },
    [TN_OP_LIST_SLICE] = { HEAD(LIST_SLICE, list_slice),
        .target = AT(ListSliceRequest, target), .index = AT(ListSliceRequest, start),
        .want = AT(ListSliceRequest, want) },
    [TN_OP_DICT_GET] = { HEAD(DICT_GET, dict_get), .target = AT(DictGetRequest, target),
        .key = AT(DictGetRequest, key), .want = AT(DictGetRequest, want) },
    [TN_OP_DICT_SET] = { HEAD(DICT_SET, dict_set), .target = AT(DictSetRequest, target),
        .key = AT(DictSetRequest, key), .value = AT(DictSetRequest, value) },
    [TN_OP_DICT_DELETE] = { HEAD(DICT_DELETE, dict_delete),
        .target = AT(DictDeleteRequest, target), .key = AT(DictDeleteRequest, key) },
    [TN_OP_DICT_POP] = { HEAD(DICT_POP, dict_pop), .target = AT(DictPopRequest, target),
        .key = AT(DictPopRequest, key), .want = AT(DictPopRequest, want) },
    [TN_OP_SCAN_NAMES] = { HEAD(SCAN_NAMES, scan_names) },
    [TN_OP_SCAN_DICT] = { HEAD(SCAN_DICT, scan_dict),
        .target = AT(ScanDictRequest, target), .want = AT(ScanDictRequest, want) },
    [TN_OP_INFO] = { HEAD(INFO, info) },
    [TN_OP_CLASS_DECLARE] = { HEAD(CLASS_DECLARE, class_declare) },
    [TN_OP_CLASS_DESCRIBE] = { HEAD(CLASS_DESCRIBE, class_describe),
        .target = AT(ClassDescribeRequest, target) },
    [TN_OP_RECORD_NEW] = { HEAD(RECORD_NEW, record_new), .target = AT(RecordNewRequest, target),
        .value = AT(RecordNewRequest, value), .is_value_optional = true },
    [TN_OP_ATTR_GET] = { HEAD(ATTR_GET, attr_get), .target = AT(AttrGetRequest, target),
        .name_field = AT(AttrGetRequest, name), .want = AT(AttrGetRequest, want) },
    [TN_OP_ATTR_SET] = { HEAD(ATTR_SET, attr_set), .target = AT(AttrSetRequest, target),
        .name_field = AT(AttrSetRequest, name), .value = AT(AttrSetRequest, value) },
    [TN_OP_ATTR_DELETE] = { HEAD(ATTR_DELETE, attr_delete),
        .target = AT(AttrDeleteRequest, target), .name_field = AT(AttrDeleteRequest, name) },
    [TN_OP_ATTR_SCAN] = { HEAD(ATTR_SCAN, attr_scan),
        .target = AT(AttrScanRequest, target), .want = AT(AttrScanRequest, want) },
    [TN_OP_GC] = { HEAD(GC, gc) },
};
/* clang-format on */

#define STEP_CHECK(CODE, field, message)                                                           \
    _Static_assert((int)TENURE__V1__REQUEST__OP_##CODE == (int)TENURE__V1__STEP__OP_##CODE,        \
                   "steps and requests have the same numbers");
TN_OP_LIST(STEP_CHECK)
#undef STEP_CHECK

static const struct op_row *row_of(tn_op_code code)
{
    if ((size_t)code >= TN_ARRAY_LEN(rows) || !rows[code].descriptor)
        return NULL;
    return &rows[code];
}

const char *tn_op_name(tn_op_code code)
{
    const struct op_row *row = row_of(code);

    if (code == TN_OP_BATCH)
        return "batch";
    return row ? row->name : "?";
}

static void set_pointer(struct tn_wire_op *wire, uint16_t offset, void *pointer)
{
    memcpy((char *)&wire->message + offset, &pointer, sizeof(pointer));
}

/* Keeps a handle for a batch, or states that it cannot. */
static int keep(const struct tn_op_context *context, const tn_handle *handle)
{
    if (context->kept && tn_handle_list_add(context->kept, handle) < 0)
        return tn_client_error_set_plain(context->error, TN_ENOMEM);
    return 0;
}

static bool is_no_target(const tn_target *target)
{
    return !target->name && !target->handle && target->step == 0;
}

static int target_to_wire(const tn_target *target, const struct tn_op_context *context,
                          Tenure__V1__Target *ret_wire)
{
    Tenure__V1__Target wire = TENURE__V1__TARGET__INIT;

    if (is_no_target(target))
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The call does not say which object it is about: the name or "
                                   "handle of the target is NULL.");
    if (target->handle && target->handle->session != context->session)
        return tn_client_error_set(context->error, TN_EHANDLE,
                                   "The target is a handle of another session; look the object "
                                   "up in this one.");
    if (target->step > context->n_steps)
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The target is a step that is not an earlier step of the same "
                                   "batch.");
    if (target->name) {
        wire.name.data = (uint8_t *)(uintptr_t)target->name; /* is only read */
        wire.name.len = target->name_len;
    }
    if (target->handle)
        wire.handle = target->handle->id;
    wire.step = target->step;
    *ret_wire = wire;
    return keep(context, target->handle);
}

static int value_to_wire(tn_value value, const char *what, const struct tn_op_context *context,
                         struct tn_value_one *one, Tenure__V1__Value *ret_wire)
{
    struct tn_client_error *error = context->error;
    int r = tn_value_to_wire(value, context->session, context->kept, context->arena, one, ret_wire);

    switch (r) {
    case 0:
        return 0;
    case TN_EHANDLE:
        return tn_client_error_set(error, r, "The %s contains a handle of another session.", what);
    case TN_EINVAL:
        return tn_client_error_set(error, r,
                                   "The %s is not valid: none was given, something in it could "
                                   "not be built, a class stands in it by its name alone, or a "
                                   "tuple contains itself by way of a tuple.",
                                   what);
    case TN_ETYPE:
        return tn_client_error_set(error, r,
                                   "The %s is not valid: something was appended to what is not a "
                                   "list, or set in what is not a dict.",
                                   what);
    default:
        return tn_client_error_set(error, r, "The %s could not be built: %s.", what,
                                   tn_errno_text(r));
    }
}

static int want_to_wire(const tn_want *want, const struct tn_op_context *context,
                        Tenure__V1__Want *ret_wire)
{
    Tenure__V1__Want wire = TENURE__V1__WANT__INIT;

    if (want->struct_size < sizeof(*want))
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The tn_want was not initialised with TN_WANT_INIT.");
    wire.handle = want->handle;
    wire.max_depth = want->max_depth;
    wire.max_nodes = want->max_nodes;
    wire.max_bytes = want->max_bytes;
    *ret_wire = wire;
    return 0;
}

static int require_to_wire(const tn_require *require, const struct tn_op_context *context,
                           Tenure__V1__Precondition *ret_wire)
{
    Tenure__V1__Precondition wire = TENURE__V1__PRECONDITION__INIT;

    if (require->struct_size < sizeof(*require))
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The tn_require was not initialised with TN_REQUIRE_INIT.");
    if (require->same && require->same->session != context->session)
        return tn_client_error_set(context->error, TN_EHANDLE,
                                   "What is required to be the same is a handle of another "
                                   "session.");
    wire.absent = require->absent;
    wire.handle = require->same ? require->same->id : 0;
    wire.version = require->version;
    *ret_wire = wire;
    return keep(context, require->same);
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)(uintptr_t)data };
}

static ProtobufCBinaryData op_name_bytes(const tn_op *op)
{
    size_t len = op->name_len;

    if (len == 0 && op->name)
        len = strlen(op->name);
    return binary(op->name, len);
}

static int class_to_wire(const tn_class_spec *spec, const struct tn_op_context *context,
                         struct tn_wire_op *wire)
{
    Tenure__V1__ClassDeclareRequest *message = &wire->message.class_declare;

    if (!spec || spec->struct_size < sizeof(*spec))
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The tn_class_spec is NULL, or was not initialised with "
                                   "TN_CLASS_SPEC_INIT.");
    if (!spec->name || (!spec->slots && spec->n_slots > 0))
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The name or the slots of the class are NULL.");
    message->name = binary(spec->name, strlen(spec->name));
    message->slots = tn_arena_alloc(context->arena, spec->n_slots * sizeof(*message->slots));
    if (!message->slots)
        return tn_client_error_set_plain(context->error, TN_ENOMEM);
    for (size_t i = 0; i < spec->n_slots; i++) {
        if (!spec->slots[i])
            return tn_client_error_set(context->error, TN_EINVAL, "Slot %zu of the class is NULL.",
                                       i);
        message->slots[i] = binary(spec->slots[i], strlen(spec->slots[i]));
    }
    message->n_slots = spec->n_slots;
    message->has_dict = spec->has_dict;
    message->has_finalizer = spec->has_finalizer;
    if (is_no_target(&spec->base))
        return 0;
    message->base_class = &wire->target;
    return target_to_wire(&spec->base, context, &wire->target);
}

/* What the collector is asked: nothing, or what a tn_gc_request says. */
static int gc_to_wire(const tn_op *op, const struct tn_op_context *context, struct tn_wire_op *wire)
{
    Tenure__V1__GcRequest *message = &wire->message.gc;
    const tn_gc_request *request = op->data;

    if (!request)
        return 0;
    if (op->data_size < sizeof(*request) || request->struct_size < sizeof(*request))
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The tn_gc_request was not initialised with "
                                   "TN_GC_REQUEST_INIT.");
    message->collect = request->collect;
    message->generation = request->generation;
    if (request->set_automatic)
        message->automatic = request->automatic ? TENURE__V1__GC_SWITCH__GC_SWITCH_ON
                                                : TENURE__V1__GC_SWITCH__GC_SWITCH_OFF;
    message->collector = (Tenure__V1__GcCollector)request->collector;
    if (!request->set_thresholds)
        return 0;
    message->thresholds = tn_arena_alloc(context->arena, sizeof(request->thresholds));
    if (!message->thresholds)
        return tn_client_error_set_plain(context->error, TN_ENOMEM);
    memcpy(message->thresholds, request->thresholds, sizeof(request->thresholds));
    message->n_thresholds = TN_ARRAY_LEN(request->thresholds);
    return 0;
}

/* What only one or two operations have. */
static int fill_special(const tn_op *op, const struct tn_op_context *context,
                        struct tn_wire_op *wire)
{
    uint32_t limit = op->limit > UINT32_MAX ? UINT32_MAX : (uint32_t)op->limit;

    switch (op->code) {
    case TN_OP_PING:
        if (!op->data && op->data_size > 0)
            return tn_client_error_set(context->error, TN_EINVAL, "The ping's data is NULL.");
        wire->message.ping.payload = binary(op->data, op->data_size);
        break;
    case TN_OP_SET:
        wire->message.set.handle = op->want && op->want->handle;
        break;
    case TN_OP_DESCRIBE:
        wire->message.describe.deep = op->deep;
        wire->message.describe.max_objects = op->limit;
        break;
    case TN_OP_LIST_SLICE:
        wire->message.list_slice.to_end = op->stop == TN_TO_END;
        wire->message.list_slice.stop = op->stop == TN_TO_END ? 0 : op->stop;
        break;
    case TN_OP_SCAN_NAMES:
        wire->message.scan_names.cursor = op->cursor;
        wire->message.scan_names.limit = limit;
        wire->message.scan_names.prefix = op_name_bytes(op);
        break;
    case TN_OP_SCAN_DICT:
        wire->message.scan_dict.cursor = op->cursor;
        wire->message.scan_dict.limit = limit;
        wire->message.scan_dict.keys_only = op->keys_only;
        break;
    case TN_OP_ATTR_SCAN:
        wire->message.attr_scan.cursor = op->cursor;
        wire->message.attr_scan.limit = limit;
        wire->message.attr_scan.keys_only = op->keys_only;
        break;
    case TN_OP_GC:
        return gc_to_wire(op, context, wire);
    case TN_OP_CLASS_DECLARE:
        return class_to_wire(op->class_spec, context, wire);
    default:
        break;
    }
    return 0;
}

static int fill_name_and_index(const tn_op *op, const struct op_row *row,
                               struct tn_client_error *error, struct tn_wire_op *wire)
{
    ProtobufCBinaryData name;

    if (row->name_field) {
        if (!op->name)
            return tn_client_error_set(error, TN_EINVAL, "The name is NULL.");
        name = op_name_bytes(op);
        memcpy((char *)&wire->message + row->name_field, &name, sizeof(name));
    }
    if (row->index)
        memcpy((char *)&wire->message + row->index, &op->index, sizeof(op->index));
    return 0;
}

static bool is_no_value(tn_value value)
{
    return !value.values && value.node == 0;
}

static int fill_parts(const tn_op *op, const struct op_row *row,
                      const struct tn_op_context *context, struct tn_wire_op *wire)
{
    int r = 0;

    if (row->target) {
        r = target_to_wire(&op->target, context, &wire->target);
        set_pointer(wire, row->target, &wire->target);
    }
    if (r == 0 && row->value && !(row->is_value_optional && is_no_value(op->value))) {
        r = value_to_wire(op->value, "value", context, &wire->value_one, &wire->value);
        set_pointer(wire, row->value, &wire->value);
    }
    if (r == 0 && row->key) {
        r = value_to_wire(op->key, "key", context, &wire->key_one, &wire->key);
        set_pointer(wire, row->key, &wire->key);
    }
    if (r == 0 && row->want && op->want) {
        r = want_to_wire(op->want, context, &wire->want);
        set_pointer(wire, row->want, &wire->want);
    }
    if (r == 0 && row->require && op->require) {
        r = require_to_wire(op->require, context, &wire->require);
        set_pointer(wire, row->require, &wire->require);
    }
    return r;
}

int tn_op_to_wire(const tn_op *op, const struct tn_op_context *context, struct tn_wire_op *ret_wire)
{
    const struct op_row *row;
    int r;

    if (op->struct_size < sizeof(*op))
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "The tn_op was not initialised with tn_op_init().");
    row = row_of(op->code);
    if (!row)
        return tn_client_error_set(context->error, TN_EINVAL,
                                   "There is no operation with the code %d%s.", (int)op->code,
                                   op->code == TN_OP_BATCH ? " (a batch) here" : "");

    protobuf_c_message_init(row->descriptor, &ret_wire->message);
    ret_wire->op_case = row->op_case;
    r = fill_name_and_index(op, row, context->error, ret_wire);
    if (r == 0)
        r = fill_parts(op, row, context, ret_wire);
    if (r == 0)
        r = fill_special(op, context, ret_wire);
    return r;
}

static int pack_error(int internal)
{
    return internal == TN_ERR_TOO_BIG ? TN_ETOO_BIG : TN_ENOMEM;
}

int tn_op_pack_request(struct tn_wire_op *wire, uint64_t id, uint32_t deadline_ms, size_t max_bytes,
                       struct tn_buffer *out)
{
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    int r;

    request.id = id;
    request.deadline_ms = deadline_ms;
    request.op_case = (Tenure__V1__Request__OpCase)wire->op_case;
    /* All members of the union are pointers to messages, which begin alike. */
    request.ping = &wire->message.ping;
    r = tn_message_pack_request(&request, max_bytes, out);
    return r < 0 ? pack_error(r) : 0;
}

/* ---- Batches: an envelope around steps that are packed already ---- */

/* The first byte, or the bytes, of a field: number << 3 | wire type. */
#define TAG_REQUEST_ID 0x08u
#define TAG_REQUEST_DEADLINE 0x10u
#define TAG_REQUEST_BATCH (37u << 3 | 2u)
#define TAG_BATCH_STEP 0x0au
#define TAG_BATCH_KEEP_GOING 0x10u

/* Of tags, numbers and lengths in front of the steps. */
#define ENVELOPE_BYTES_MAX 48

int tn_op_pack_step(struct tn_wire_op *wire, size_t max_bytes, struct tn_buffer *out)
{
    Tenure__V1__Step step = TENURE__V1__STEP__INIT;
    size_t size;
    int r;

    step.op_case = (Tenure__V1__Step__OpCase)wire->op_case;
    step.ping = &wire->message.ping; /* as above */
    size = protobuf_c_message_get_packed_size(&step.base);
    if (size > max_bytes)
        return TN_ETOO_BIG;
    r = tn_buffer_reserve(out, 1 + TN_FRAME_PREFIX_MAX + size);
    if (r < 0)
        return pack_error(r);
    *tn_buffer_end(out) = TAG_BATCH_STEP;
    tn_buffer_commit(out, 1);
    tn_buffer_commit(out, (size_t)(tn_varint_write(tn_buffer_end(out), size) - tn_buffer_end(out)));
    tn_buffer_commit(out, protobuf_c_message_pack(&step.base, tn_buffer_end(out)));
    return 0;
}

int tn_op_pack_batch(const struct tn_buffer *steps, bool keep_going, uint64_t id,
                     uint32_t deadline_ms, size_t max_bytes, struct tn_buffer *out)
{
    size_t steps_size = tn_buffer_len(steps);
    size_t batch_size = steps_size + (keep_going ? 2 : 0);
    size_t size;
    uint8_t envelope[ENVELOPE_BYTES_MAX];
    uint8_t *at = envelope;
    int r;

    at = tn_varint_write(tn_varint_write(at, TAG_REQUEST_ID), id);
    if (deadline_ms > 0)
        at = tn_varint_write(tn_varint_write(at, TAG_REQUEST_DEADLINE), deadline_ms);
    at = tn_varint_write(tn_varint_write(at, TAG_REQUEST_BATCH), batch_size);
    size = (size_t)(at - envelope) + batch_size;
    if (size > max_bytes || size > TN_FRAME_BYTES_MAX)
        return TN_ETOO_BIG;

    r = tn_buffer_reserve(out, TN_FRAME_PREFIX_MAX + size);
    if (r < 0)
        return pack_error(r);
    tn_buffer_commit(out, tn_frame_prefix_write(tn_buffer_end(out), size));
    r = tn_buffer_append(out, envelope, (size_t)(at - envelope));
    if (r == 0 && steps_size > 0)
        r = tn_buffer_append(out, tn_buffer_begin(steps), steps_size);
    TN_ASSERT(r == 0); /* was reserved */
    if (keep_going) {
        uint8_t *end = tn_buffer_end(out);

        end[0] = TAG_BATCH_KEEP_GOING;
        end[1] = 1;
        tn_buffer_commit(out, 2);
    }
    return 0;
}
