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
    X(SET_ADD, set_add, SetAddRequest)                                                             \
    X(SET_DISCARD, set_discard, SetDiscardRequest)                                                 \
    X(SET_POP, set_pop, SetPopRequest)                                                             \
    X(SET_CLEAR, set_clear, SetClearRequest)                                                       \
    X(SCAN_SET, scan_set, ScanSetRequest)                                                          \
    X(SET_NEW, set_new, SetNewRequest)                                                             \
    X(SET_UPDATE, set_update, SetUpdateRequest)                                                    \
    X(SET_COMPARE, set_compare, SetCompareRequest)                                                 \
    X(INFO, info, InfoRequest)                                                                     \
    X(BEGIN_SCOPE, begin_scope, BeginScopeRequest)                                                 \
    X(END_SCOPE, end_scope, EndScopeRequest)                                                       \
    X(KEEP_HANDLE, keep_handle, KeepHandleRequest)                                                 \
    X(EXPORT, export, ExportRequest)                                                               \
    X(IMPORT, import, ImportRequest)                                                               \
    X(REVOKE, revoke, RevokeRequest)                                                               \
    X(CLASS_DECLARE, class_declare, ClassDeclareRequest)                                           \
    X(CLASS_DESCRIBE, class_describe, ClassDescribeRequest)                                        \
    X(RECORD_NEW, record_new, RecordNewRequest)                                                    \
    X(ATTR_GET, attr_get, AttrGetRequest)                                                          \
    X(ATTR_SET, attr_set, AttrSetRequest)                                                          \
    X(ATTR_DELETE, attr_delete, AttrDeleteRequest)                                                 \
    X(ATTR_SCAN, attr_scan, AttrScanRequest)                                                       \
    X(WEAKREF_NEW, weakref_new, WeakrefNewRequest)                                                 \
    X(WEAKREF_GET, weakref_get, WeakrefGetRequest)                                                 \
    X(SET_TTL, set_ttl, SetTtlRequest)                                                             \
    X(GC, gc, GcRequest)                                                                           \
    X(DEQUE_PUSH, deque_push, DequePushRequest)                                                    \
    X(DEQUE_POP, deque_pop, DequePopRequest)                                                       \
    X(DEQUE_EXTEND, deque_extend, DequeExtendRequest)                                              \
    X(DEQUE_ROTATE, deque_rotate, DequeRotateRequest)                                              \
    X(DEQUE_CLEAR, deque_clear, DequeClearRequest)                                                 \
    X(SCAN_DEQUE, scan_deque, ScanDequeRequest)                                                    \
    X(LIST_REPLACE, list_replace, ListReplaceRequest)                                              \
    X(ARRAY_GET, array_get, ArrayGetRequest)                                                       \
    X(ARRAY_SET, array_set, ArraySetRequest)                                                       \
    X(ARRAY_APPEND, array_append, ArrayAppendRequest)                                              \
    X(ARRAY_INSERT, array_insert, ArrayInsertRequest)                                              \
    X(ARRAY_DELETE, array_delete, ArrayDeleteRequest)                                              \
    X(ARRAY_POP, array_pop, ArrayPopRequest)                                                       \
    X(ARRAY_EXTEND, array_extend, ArrayExtendRequest)                                              \
    X(ARRAY_SLICE, array_slice, ArraySliceRequest)                                                 \
    X(ARRAY_REPLACE, array_replace, ArrayReplaceRequest)                                           \
    X(ARRAY_FILL, array_fill, ArrayFillRequest)                                                    \
    X(ARRAY_ADD, array_add, ArrayAddRequest)                                                       \
    X(ARRAY_REDUCE, array_reduce, ArrayReduceRequest)                                              \
    X(ARRAY_INDEX, array_index, ArrayIndexRequest)                                                 \
    X(READ, read, ReadRequest)                                                                     \
    X(WRITE, write, WriteRequest)                                                                  \
    X(UPLOAD_BEGIN, upload_begin, UploadBeginRequest)                                              \
    X(UPLOAD_CHUNK, upload_chunk, UploadChunkRequest)                                              \
    X(UPLOAD_FINISH, upload_finish, UploadFinishRequest)                                           \
    X(UPLOAD_ABORT, upload_abort, UploadAbortRequest)

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
