/* SPDX-License-Identifier: MIT */
/* Operations on records: RecordNew, AttrGet, AttrSet, AttrDelete, AttrScan. */
#include "core/base/err.h"
#include "server/request.h"

/* Attributes that are copied at a time from the dict that states them. */
#define ENTRIES_PER_TURN 32

static bool is_class_attr(struct tn_slice name)
{
    return tn_slice_equal(name, tn_slice_from_str("__class__"));
}

/* Says which attribute is missing, and why; other errors stay as they are. */
static int attr_error(struct tn_request_ctx *ctx, int r, const struct tn_object *record,
                      const struct tn_object *name)
{
    const struct tn_object *class = tn_record_class(record);
    struct tn_slice text = tn_text_slice(name);
    struct tn_slice of;

    if (r != TN_ERR_KEY || class == NULL)
        return r;
    of = tn_class_name(class);
    if (tn_class_has_slot(ctx->ex->service->heap, class, name))
        return tn_status_setf(ctx->status, TN_REASON_ATTRIBUTE_NOT_FOUND,
                              "The slot '%.*s' of this record of class '%.*s' has no value.",
                              tn_quoted_len(text), (const char *)text.data, tn_quoted_len(of),
                              (const char *)of.data);
    if (tn_class_has_dict(class))
        return tn_status_setf(ctx->status, TN_REASON_ATTRIBUTE_NOT_FOUND,
                              "The record has no attribute '%.*s'; its class is '%.*s'.",
                              tn_quoted_len(text), (const char *)text.data, tn_quoted_len(of),
                              (const char *)of.data);
    return tn_status_setf(ctx->status, TN_REASON_ATTRIBUTE_NOT_FOUND,
                          "There is no slot '%.*s' in class '%.*s', whose records have no other "
                          "attributes.",
                          tn_quoted_len(text), (const char *)text.data, tn_quoted_len(of),
                          (const char *)of.data);
}

/* The name of an attribute, to look for. */
static int read_name(struct tn_request_ctx *ctx, const ProtobufCBinaryData *name,
                     struct tn_object **ret_name)
{
    struct tn_slice text;
    void *memory;
    int r = tn_name_check(ctx, name, &text);

    if (r < 0)
        return r;
    memory = tn_ctx_alloc(ctx, tn_probe_text_bytes(text.len));
    if (memory == NULL)
        return TN_ERR_NOMEM;
    *ret_name = tn_probe_text(memory, TN_TYPE_STR, text);
    return 0;
}

static int hold_record(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                       struct tn_object **ret_record)
{
    int r = tn_target_hold(ctx, target, ret_record);

    if (r == 0 && (*ret_record)->type != TN_TYPE_RECORD)
        r = tn_wrong_type(ctx, *ret_record, "a record");
    return r;
}

int tn_attr_set(struct tn_request_ctx *ctx, struct tn_object *record, const struct tn_object *name,
                struct tn_object **take_value)
{
    struct tn_slice text = tn_text_slice(name);
    ProtobufCBinaryData bytes = { text.len, (uint8_t *)(uintptr_t)text.data }; /* is only read */
    int r = tn_name_check(ctx, &bytes, &text);

    if (r < 0)
        return r;
    if (is_class_attr(text))
        return tn_status_setf(ctx->status, TN_REASON_NAME_INVALID,
                              "The __class__ of a record cannot be changed; make another record.");
    return attr_error(ctx, tn_record_set(ctx->mu, record, name, take_value), record, name);
}

/* ---- Making ---- */

/* One attribute of a new record; borrows the value. */
static int set_borrowed(struct tn_request_ctx *ctx, struct tn_object *record,
                        const struct tn_object *name, struct tn_object *value)
{
    int r;

    if (name->type != TN_TYPE_STR)
        return tn_wrong_type(ctx, name, "a str as the name of an attribute");
    tn_incref(ctx->mu, value);
    r = tn_attr_set(ctx, record, name, &value);
    tn_drop(ctx->mu, &value);
    return r;
}

static int set_by_name(struct tn_request_ctx *ctx, struct tn_object *record,
                       struct tn_object *attributes)
{
    struct tn_dict_item items[ENTRIES_PER_TURN];
    uint64_t cursor = 0;
    int r;

    do {
        size_t n = 0;

        r = tn_dict_scan(ctx->mu, attributes, &cursor, ENTRIES_PER_TURN, items, &n);
        for (size_t i = 0; r == 0 && i < n; i++)
            r = set_borrowed(ctx, record, items[i].key, items[i].value);
    } while (r == 0 && cursor != 0);
    return r;
}

/* Sets the first slots. */
static int set_in_order(struct tn_request_ctx *ctx, struct tn_object *record,
                        struct tn_object *const *values, size_t n_values)
{
    const struct tn_object *class = tn_record_class(record);
    struct tn_slice name = tn_class_name(class);
    int r = 0;

    if (n_values > tn_class_n_slots(class))
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "Class '%.*s' has %zu slots, but there are %zu values for them.",
                              tn_quoted_len(name), (const char *)name.data, tn_class_n_slots(class),
                              n_values);
    for (size_t i = 0; r == 0 && i < n_values; i++)
        r = set_borrowed(ctx, record, tn_class_slot_name(class, i), values[i]);
    return r;
}

/* Sets what a dict, list or tuple states. The caller holds all. */
static int set_all(struct tn_request_ctx *ctx, struct tn_object *record,
                   struct tn_object *attributes)
{
    /* One more than can be right. */
    struct tn_object *values[TN_CLASS_SLOTS_MAX + 1];
    size_t n;

    switch (attributes->type) {
    case TN_TYPE_DICT:
        return set_by_name(ctx, record, attributes);
    case TN_TYPE_LIST:
        n = tn_list_snapshot(ctx->mu, attributes, 0, TN_CLASS_SLOTS_MAX + 1, values, NULL);
        return set_in_order(ctx, record, values, n);
    case TN_TYPE_TUPLE:
        n = tn_tuple_length(attributes);
        for (size_t i = 0; i < n && i <= TN_CLASS_SLOTS_MAX; i++)
            values[i] = tn_tuple_get(attributes, i);
        return set_in_order(ctx, record, values, n);
    default:
        return tn_wrong_type(ctx, attributes,
                             "a dict of attributes by name, or a tuple or list of the values of "
                             "the slots");
    }
}

static int set_from_value(struct tn_request_ctx *ctx, struct tn_object *record,
                          const Tenure__V1__Value *value)
{
    struct tn_object *attributes = NULL;
    int r = tn_value_build(ctx, value, &attributes);

    if (r < 0)
        return r;
    tn_hold(ctx, attributes);
    return set_all(ctx, record, attributes);
}

int tn_op_record_new(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__RecordNewRequest *msg = message;
    struct tn_object *record = NULL;
    struct tn_object *class;
    int r = tn_handles_reserve(ctx, 1);

    if (r == 0)
        r = tn_target_hold(ctx, msg->target, &class);
    if (r == 0 && class->type != TN_TYPE_CLASS)
        r = tn_wrong_type(ctx, class, "a class");
    if (r == 0)
        r = tn_record_new(ctx->mu, class, &record);
    if (r == 0 && msg->value != NULL)
        r = set_from_value(ctx, record, msg->value);
    if (r < 0) {
        tn_drop(ctx->mu, &record);
        return r;
    }
    tn_answer_handle(ctx, &record, 0, result);
    return 0;
}

/* ---- Attributes ---- */

struct lookup {
    struct tn_object *name;
    const Tenure__V1__Want *want;
};

static int read_attr(struct tn_request_ctx *ctx, struct tn_object *record, uint64_t version,
                     const void *message, struct tn_result *result)
{
    const struct lookup *lookup = message;
    struct tn_object *value;
    int r = 0;

    (void)version; /* is of the record's name */
    if (record->type != TN_TYPE_RECORD)
        return tn_wrong_type(ctx, record, "a record");
    if (is_class_attr(tn_text_slice(lookup->name)))
        value = tn_record_class(record);
    else
        r = tn_record_get(ctx->mu, record, lookup->name, &value);
    if (r < 0)
        return tn_check_alive(record) < 0 ? TN_ERR_BUSY : attr_error(ctx, r, record, lookup->name);
    return value == NULL ? TN_ERR_BUSY : tn_answer_borrowed(ctx, value, lookup->want, 0, result);
}

int tn_op_attr_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__AttrGetRequest *msg = message;
    struct lookup lookup = { .want = msg->want };
    int r = read_name(ctx, &msg->name, &lookup.name);

    return r < 0 ? r : tn_read_target(ctx, msg->target, read_attr, &lookup, result);
}

int tn_op_attr_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__AttrSetRequest *msg = message;
    struct tn_object *value = NULL;
    struct tn_object *record;
    struct tn_object *name;
    int r = hold_record(ctx, msg->target, &record);

    if (r == 0)
        r = read_name(ctx, &msg->name, &name);
    if (r == 0)
        r = tn_value_build(ctx, msg->value, &value);
    if (r == 0)
        r = tn_attr_set(ctx, record, name, &value);
    tn_drop(ctx->mu, &value);
    if (r == 0)
        tn_result_count(result, tn_record_length(record));
    return r;
}

int tn_op_attr_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__AttrDeleteRequest *msg = message;
    struct tn_object *value = NULL;
    struct tn_object *record;
    struct tn_object *name;
    int r = hold_record(ctx, msg->target, &record);

    if (r == 0)
        r = read_name(ctx, &msg->name, &name);
    if (r == 0)
        r = attr_error(ctx, tn_record_pop(ctx->mu, record, name, &value), record, name);
    if (r < 0)
        return r;
    tn_drop(ctx->mu, &value);
    tn_result_count(result, tn_record_length(record));
    return 0;
}

static int scan_attrs(struct tn_request_ctx *ctx, struct tn_object *record, uint64_t version,
                      const void *message, struct tn_result *result)
{
    (void)version; /* is of the record's name */
    if (record->type != TN_TYPE_RECORD)
        return tn_wrong_type(ctx, record, "a record");
    return tn_answer_page(ctx, record, message, tn_record_scan, result);
}

int tn_op_attr_scan(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__AttrScanRequest *msg = message;
    struct tn_page page = { msg->cursor, msg->limit, msg->keys_only, msg->want };

    return tn_read_target(ctx, msg->target, scan_attrs, &page, result);
}
