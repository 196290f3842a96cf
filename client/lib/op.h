/* SPDX-License-Identifier: MIT */
/*
 * From a tn_op to the request's message. Which fields of a message an operation
 * fills is one row of a table in op.c, so a new operation is one row.
 */
#ifndef TN_CLIENT_LIB_OP_H
#define TN_CLIENT_LIB_OP_H

#include <tenure/tenure.h>

#include "client/lib/error.h"
#include "client/lib/session.h"
#include "core/base/attr.h"
#include "proto/arena.h"
#include "proto/buffer.h"
#include "proto/value.h"
#include "tenure/v1/store.pb-c.h"

/* X(CODE, field of Request and Step, message, MESSAGE): all that can be a step. */
#define TN_OP_LIST(X)                                                                              \
    X(PING, ping, PingRequest)                                                                     \
    X(PUT, put, PutRequest)                                                                        \
    X(SET, set, SetRequest)                                                                        \
    X(GET, get, GetRequest)                                                                        \
    X(BIND, bind, BindRequest)                                                                     \
    X(UNBIND, unbind, UnbindRequest)                                                               \
    X(LOOKUP, lookup, LookupRequest)                                                               \
    X(DESCRIBE, describe, DescribeRequest)                                                         \
    X(LENGTH, length, LengthRequest)                                                               \
    X(CONTAINS, contains, ContainsRequest)                                                         \
    X(LIST_GET, list_get, ListGetRequest)                                                          \
    X(LIST_SET, list_set, ListSetRequest)                                                          \
    X(LIST_APPEND, list_append, ListAppendRequest)                                                 \
    X(LIST_EXTEND, list_extend, ListExtendRequest)                                                 \
    X(LIST_INSERT, list_insert, ListInsertRequest)                                                 \
    X(LIST_DELETE, list_delete, ListDeleteRequest)                                                 \
    X(LIST_POP, list_pop, ListPopRequest)                                                          \
    X(LIST_SLICE, list_slice, ListSliceRequest)                                                    \
    X(DICT_GET, dict_get, DictGetRequest)                                                          \
    X(DICT_SET, dict_set, DictSetRequest)                                                          \
    X(DICT_DELETE, dict_delete, DictDeleteRequest)                                                 \
    X(DICT_POP, dict_pop, DictPopRequest)                                                          \
    X(SCAN_NAMES, scan_names, ScanNamesRequest)                                                    \
    X(SCAN_DICT, scan_dict, ScanDictRequest)                                                       \
    X(INFO, info, InfoRequest)                                                                     \
    X(CLASS_DECLARE, class_declare, ClassDeclareRequest)                                           \
    X(CLASS_DESCRIBE, class_describe, ClassDescribeRequest)                                        \
    X(RECORD_NEW, record_new, RecordNewRequest)                                                    \
    X(ATTR_GET, attr_get, AttrGetRequest)                                                          \
    X(ATTR_SET, attr_set, AttrSetRequest)                                                          \
    X(ATTR_DELETE, attr_delete, AttrDeleteRequest)                                                 \
    X(ATTR_SCAN, attr_scan, AttrScanRequest)                                                       \
    X(GC, gc, GcRequest)

/* An operation's message with all that it points to. Must not be moved. */
struct tn_wire_op {
    uint32_t op_case; /* of Request, and the same of Step */
    union {
        ProtobufCMessage base;
#define TN_OP_MEMBER(code, field, message) Tenure__V1__##message field;
        TN_OP_LIST(TN_OP_MEMBER)
#undef TN_OP_MEMBER
    } message;
    Tenure__V1__Target target;
    Tenure__V1__Want want;
    Tenure__V1__Precondition require;
    Tenure__V1__Value value;
    Tenure__V1__Value key;
    struct tn_value_one value_one;
    struct tn_value_one key_one;
};

/* What an operation is prepared for. */
struct tn_op_context {
    const struct tn_session *session;
    uint32_t n_steps;            /* in a batch, how many steps stand before this one */
    struct tn_handle_list *kept; /* of a batch; otherwise NULL */
    struct tn_arena *arena;
    struct tn_client_error *error; /* where failures are stated */
};

/*
 * Prepares the message of an operation that is not a batch. It takes memory from
 * the arena, borrows what `op` refers to, and adds the handles that it refers to
 * to those that are kept. States TN_EINVAL, TN_EHANDLE, TN_ENOMEM, TN_ETOO_BIG, or
 * the error of a table of values.
 */
TN_MUST_CHECK int tn_op_to_wire(const tn_op *op, const struct tn_op_context *context,
                                struct tn_wire_op *ret_wire);

/*
 * Appends a request with its frame prefix to a buffer; `max_bytes` is the longest
 * message that the server accepts. TN_ETOO_BIG or TN_ENOMEM; the buffer is
 * unchanged then.
 */
TN_MUST_CHECK int tn_op_pack_request(struct tn_wire_op *wire, uint64_t id, uint32_t deadline_ms,
                                     size_t max_bytes, struct tn_buffer *out);

/* Appends a step as it stands in a BatchRequest: its tag, length and message.
 * Fails in the same way. */
TN_MUST_CHECK int tn_op_pack_step(struct tn_wire_op *wire, size_t max_bytes, struct tn_buffer *out);

/*
 * Appends the request of a batch to a buffer, `steps` being what tn_op_pack_step()
 * wrote. Fails in the same way.
 */
TN_MUST_CHECK int tn_op_pack_batch(const struct tn_buffer *steps, bool keep_going, uint64_t id,
                                   uint32_t deadline_ms, size_t max_bytes, struct tn_buffer *out);

/* The name of an operation as the schema has it: "list_get". Never NULL. */
const char *tn_op_name(tn_op_code code);

#endif
