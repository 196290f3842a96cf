/* SPDX-License-Identifier: MIT */
/*
 * How a failure is told to the other side: a code, a reason and a sentence.
 *
 * The code is a google.rpc.Code number, for those who only want to know whether
 * to try again. The reason is one of a fixed set of words, for programs. The
 * sentence is for people, and says what to do about it. The reasons are one
 * list, from which numbers, words, codes and default sentences are made: a new
 * reason is one new line. A reason that has once been released keeps its word
 * and its code.
 */
#ifndef TN_PROTO_STATUS_H
#define TN_PROTO_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/err.h"
#include "tenure/v1/store.pb-c.h"

/* The numbers of google.rpc.Code. */
#define TN_CODE_LIST(X)                                                                            \
    X(OK, 0)                                                                                       \
    X(CANCELLED, 1)                                                                                \
    X(UNKNOWN, 2)                                                                                  \
    X(INVALID_ARGUMENT, 3)                                                                         \
    X(DEADLINE_EXCEEDED, 4)                                                                        \
    X(NOT_FOUND, 5)                                                                                \
    X(ALREADY_EXISTS, 6)                                                                           \
    X(PERMISSION_DENIED, 7)                                                                        \
    X(RESOURCE_EXHAUSTED, 8)                                                                       \
    X(FAILED_PRECONDITION, 9)                                                                      \
    X(ABORTED, 10)                                                                                 \
    X(OUT_OF_RANGE, 11)                                                                            \
    X(UNIMPLEMENTED, 12)                                                                           \
    X(INTERNAL, 13)                                                                                \
    X(UNAVAILABLE, 14)                                                                             \
    X(DATA_LOSS, 15)                                                                               \
    X(UNAUTHENTICATED, 16)

enum tn_code {
#define TN_CODE_VALUE(name, number) TN_CODE_##name = (number),
    TN_CODE_LIST(TN_CODE_VALUE)
#undef TN_CODE_VALUE
};

/*
 * X(word, code, error, sentence): the word on the wire, its google.rpc.Code,
 * the `TN_ERR_` with which functions here return it and a client's calls fail,
 * and the sentence for which nobody had a better one.
 */
#define TN_REASON_LIST(X)                                                                          \
    /* Of the connection. */                                                                       \
    X(MALFORMED_FRAME, INVALID_ARGUMENT, MALFORMED,                                                \
      "The length in front of a message is not a canonical varint; send protobuf's delimited "     \
      "framing.")                                                                                  \
    X(FRAME_TOO_LARGE, RESOURCE_EXHAUSTED, TOO_BIG,                                                \
      "The message is longer than the other side accepts; send less at a time.")                   \
    X(HELLO_REQUIRED, FAILED_PRECONDITION, PRECONDITION,                                           \
      "The first request of a connection must be Hello.")                                          \
    X(HELLO_REPEATED, FAILED_PRECONDITION, PRECONDITION,                                           \
      "The session is open already; send Hello once only.")                                        \
    X(PROTOCOL_UNSUPPORTED, UNIMPLEMENTED, INVAL,                                                  \
      "The server does not speak this version of the protocol; use another client.")               \
    X(TOO_MANY_CONNECTIONS, RESOURCE_EXHAUSTED, TOO_MANY,                                          \
      "The server has as many connections as it accepts; try again later.")                        \
    X(TOO_MANY_IN_FLIGHT, RESOURCE_EXHAUSTED, TOO_MANY,                                            \
      "Too many requests of this connection are unanswered; read answers before sending more.")    \
    X(SHUTTING_DOWN, UNAVAILABLE, CLOSED, "The server is shutting down; connect again later.")     \
    X(SESSION_LOST, UNAVAILABLE, CLOSED,                                                           \
      "The connection is gone, and with it the session's handles; open a new session.")            \
    /* Of a message. */                                                                            \
    X(MALFORMED_MESSAGE, INVALID_ARGUMENT, MALFORMED,                                              \
      "The message is not valid protobuf of the expected type.")                                   \
    X(UNKNOWN_FIELD, UNIMPLEMENTED, MALFORMED,                                                     \
      "The message has a field that is not known here; the sender may be newer than the "          \
      "receiver.")                                                                                 \
    X(TOO_DEEP, INVALID_ARGUMENT, TOO_DEEP, "Messages are nested more deeply than is accepted.")   \
    X(TOO_MANY_FIELDS, RESOURCE_EXHAUSTED, TOO_MANY,                                               \
      "The message has more fields than are accepted at a time; split it.")                        \
    X(MESSAGE_TOO_COSTLY, RESOURCE_EXHAUSTED, LIMIT,                                               \
      "The message would occupy more memory than one request may; split it.")                      \
    X(REQUEST_ID_MISSING, INVALID_ARGUMENT, INVAL, "A request needs an id other than 0.")          \
    X(REQUEST_EMPTY, INVALID_ARGUMENT, INVAL, "The request does not say what to do.")              \
    X(OPERATION_UNSUPPORTED, UNIMPLEMENTED, INVAL, "The server does not offer this operation.")    \
    X(DEADLINE_EXCEEDED, DEADLINE_EXCEEDED, TIMEOUT,                                               \
      "The deadline passed before the request was executed; nothing was done.")                    \
    X(CANCELLED, CANCELLED, CLOSED, "The request was given up before it was executed.")            \
    X(ANSWER_TOO_LARGE, RESOURCE_EXHAUSTED, TOO_BIG,                                               \
      "The answer is longer than a message may be; ask for less or for a handle.")                 \
    /* Of a value. */                                                                              \
    X(VALUE_MISSING, INVALID_ARGUMENT, INVAL, "The request needs a value and has none.")           \
    X(VALUE_MALFORMED, INVALID_ARGUMENT, MALFORMED, "The columns of the value do not add up.")     \
    X(VALUE_TOO_LARGE, RESOURCE_EXHAUSTED, TOO_BIG,                                                \
      "The value has more bytes or items than are accepted at a time.")                            \
    X(TOO_MANY_NODES, RESOURCE_EXHAUSTED, TOO_MANY,                                                \
      "The value has more nodes than are accepted at a time.")                                     \
    X(INVALID_UTF8, INVALID_ARGUMENT, UTF8, "A str is not valid UTF-8; send it as bytes.")         \
    /* Of what a request is about. */                                                              \
    X(INVALID_ARGUMENT, INVALID_ARGUMENT, INVAL, "An argument is not allowed here.")               \
    X(TARGET_MISSING, INVALID_ARGUMENT, INVAL,                                                     \
      "The request does not say which object it is about; give a name, a handle or a step.")       \
    X(TARGET_AMBIGUOUS, INVALID_ARGUMENT, INVAL,                                                   \
      "The request names its object more than once; give a name, a handle or a step.")             \
    X(NAME_INVALID, INVALID_ARGUMENT, INVAL, "A name must not be empty, nor longer than allowed.") \
    X(NAME_NOT_FOUND, NOT_FOUND, NAME, "No such name is bound in this namespace.")                 \
    X(NAMESPACE_INVALID, INVALID_ARGUMENT, INVAL,                                                  \
      "The name of the namespace is longer than allowed.")                                         \
    X(TOO_MANY_NAMESPACES, RESOURCE_EXHAUSTED, TOO_MANY,                                           \
      "The server has as many namespaces as it accepts; use one that exists.")                     \
    X(HANDLE_NOT_FOUND, NOT_FOUND, HANDLE, "This session does not hold such a handle.")            \
    X(TOO_MANY_HANDLES, RESOURCE_EXHAUSTED, TOO_MANY,                                              \
      "The session holds as many handles as it may; release some.")                                \
    X(LEASE_NOT_FOUND, NOT_FOUND, CLOSED,                                                          \
      "No session is kept under this token: its time is over, or there never was one; open a new " \
      "session.")                                                                                  \
    X(LEASE_IN_USE, ABORTED, BUSY, "A connection has the session still; try again in a moment.")   \
    X(TOO_MANY_LEASES, RESOURCE_EXHAUSTED, TOO_MANY,                                               \
      "The server keeps as many sessions as it may; open one without a lease.")                    \
    X(EXPORT_NOT_FOUND, NOT_FOUND, NAME,                                                           \
      "No object is exported under this token: its time is over, it was imported or revoked, or "  \
      "there never was one.")                                                                      \
    X(TOO_MANY_EXPORTS, RESOURCE_EXHAUSTED, TOO_MANY,                                              \
      "As many objects are exported as may be; revoke some, or wait until their time is over.")    \
    X(SCOPE_NOT_FOUND, NOT_FOUND, HANDLE, "No such scope is open in this session.")                \
    X(TOO_MANY_SCOPES, RESOURCE_EXHAUSTED, TOO_MANY,                                               \
      "The session has as many scopes open, one in the other, as it may; end some.")               \
    X(SUBSCRIPTION_NOT_FOUND, NOT_FOUND, HANDLE,                                                   \
      "The session has no subscription that began with such a request.")                           \
    X(TOO_MANY_SUBSCRIPTIONS, RESOURCE_EXHAUSTED, TOO_MANY,                                        \
      "The session has as many subscriptions as it may; end one.")                                 \
    X(PRECONDITION_FAILED, FAILED_PRECONDITION, PRECONDITION,                                      \
      "What the request requires of the name does not hold; nothing was changed.")                 \
    /* Of objects. */                                                                              \
    X(TYPE_MISMATCH, FAILED_PRECONDITION, TYPE, "The object is not of a type that can do this.")   \
    X(UNHASHABLE_KEY, INVALID_ARGUMENT, UNHASHABLE,                                                \
      "A mutable container cannot be a key; use a tuple.")                                         \
    X(KEY_NOT_FOUND, NOT_FOUND, KEY, "The dict has no such key.")                                  \
    X(ATTRIBUTE_NOT_FOUND, NOT_FOUND, KEY, "The record has no such attribute.")                    \
    X(CLASS_INVALID, INVALID_ARGUMENT, INVAL, "There cannot be such a class.")                     \
    X(INDEX_OUT_OF_RANGE, OUT_OF_RANGE, INDEX, "The index is beyond the end of the container.")    \
    X(INTEGER_OVERFLOW, OUT_OF_RANGE, OVERFLOW, "An int has 64 bits, and this does not fit.")      \
    X(CONTAINER_TOO_LARGE, RESOURCE_EXHAUSTED, TOO_BIG,                                            \
      "The container would become larger than a container can be.")                                \
    X(NESTED_TOO_DEEPLY, INVALID_ARGUMENT, TOO_DEEP,                                               \
      "The objects are nested more deeply than this operation follows.")                           \
    X(CURSOR_STALE, FAILED_PRECONDITION, STALE,                                                    \
      "What the cursor points into has changed too much; begin again with 0.")                     \
    X(MEMORY_LIMIT, RESOURCE_EXHAUSTED, LIMIT,                                                     \
      "The heap is as large as it may be; delete or release something.")                           \
    X(OUT_OF_MEMORY, RESOURCE_EXHAUSTED, NOMEM, "The system has no memory left; try again later.") \
    X(OBJECT_BUSY, ABORTED, BUSY, "The object is in use by somebody else; try again.")             \
    /* Of uploads. */                                                                              \
    X(STREAM_NOT_FOUND, NOT_FOUND, HANDLE, "The session has no such upload.")                      \
    X(TOO_MANY_STREAMS, RESOURCE_EXHAUSTED, TOO_MANY,                                              \
      "The session has as many uploads as it may; finish or give up one of them.")                 \
    X(STREAM_OFFSET, FAILED_PRECONDITION, PRECONDITION,                                            \
      "The chunk does not follow what has been received.")                                         \
    X(CHECKSUM_MISMATCH, DATA_LOSS, INVAL,                                                         \
      "The content does not have the checksum that came with it; send it again.")                  \
    /* Of batches. */                                                                              \
    X(BATCH_STEP_INVALID, INVALID_ARGUMENT, INVAL,                                                 \
      "A step must do something that steps can do, and refer to earlier steps only.")              \
    X(TOO_MANY_STEPS, RESOURCE_EXHAUSTED, TOO_MANY,                                                \
      "The batch has more steps than are accepted at a time; split it.")                           \
    X(STEP_HAS_NO_OBJECT, FAILED_PRECONDITION, PRECONDITION,                                       \
      "The step that is referred to failed, or does not return an object.")                        \
    X(STEP_FAILED, ABORTED, PRECONDITION, "An earlier step failed, so this one was not executed.") \
    /* Of nobody in particular. */                                                                 \
    X(IO_ERROR, UNAVAILABLE, IO, "An operation of the operating system failed.")                   \
    X(INTERNAL, INTERNAL, IO, "Something is wrong in the server; please report it.")               \
    X(UNRECOGNISED, UNKNOWN, INVAL, "The other side gave a reason that is not known here.")

enum tn_reason {
    TN_REASON_OK,
#define TN_REASON_VALUE(name, code, err, text) TN_REASON_##name,
    TN_REASON_LIST(TN_REASON_VALUE)
#undef TN_REASON_VALUE
    TN_REASON_END
};

/* Everything here: any thread, never blocks, allocates nothing. */

/* The word of a code number, "NOT_FOUND"; for an unlisted number "UNKNOWN". Never NULL. */
const char *tn_code_name(uint32_t code);

/* The word of a reason as it stands on the wire; "OK" for TN_REASON_OK. Never NULL. */
const char *tn_reason_name(enum tn_reason reason);

/* The sentence for which nobody had a better one. Never NULL. */
const char *tn_reason_text(enum tn_reason reason);

enum tn_code tn_reason_code(enum tn_reason reason);

/* The negative `tn_err` of a reason; 0 for TN_REASON_OK. */
int tn_reason_err(enum tn_reason reason);

/* The reason of a word; TN_REASON_OK for "OK", TN_REASON_UNRECOGNISED for a word
 * that is not in the list. `word` may be NULL, which is not in the list. */
enum tn_reason tn_reason_from_name(const char *word);

/* The reason with which a `tn_err` is told, where the caller knows nothing more
 * precise. TN_REASON_OK for 0; TN_REASON_INTERNAL for an unlisted number. */
enum tn_reason tn_reason_from_err(int err);

/* With the end of the string; a longer sentence is cut off. */
#define TN_STATUS_MESSAGE_SIZE 240

/* Plain data, copied freely. Only the beginning is written where there is no failure. */
struct tn_status {
    enum tn_reason reason;
    enum tn_code code;
    char message[TN_STATUS_MESSAGE_SIZE]; /* valid UTF-8 without control characters */
};

/* No failure. */
static inline void tn_status_clear(struct tn_status *status)
{
    status->reason = TN_REASON_OK;
    status->code = TN_CODE_OK;
    status->message[0] = '\0';
}

static inline bool tn_status_is_ok(const struct tn_status *status)
{
    return status->code == TN_CODE_OK;
}

/*
 * States a failure and returns its negative `tn_err`, so that
 * `return tn_status_set(status, TN_REASON_X)` both tells and fails. `status` may
 * be NULL: then only the error is returned. `reason` must not be TN_REASON_OK.
 */
TN_COLD int tn_status_set(struct tn_status *status, enum tn_reason reason);

/* The same with a sentence of one's own. Names and other input may stand in it
 * as they came: what is not valid UTF-8, or is a control character, becomes '?'. */
TN_COLD TN_PRINTF(3, 4) int tn_status_setf(struct tn_status *status, enum tn_reason reason,
                                           const char *format, ...);

/* The same from a `tn_err` alone, which must be negative; returns it. */
TN_COLD int tn_status_set_err(struct tn_status *status, int err);

/* For compilers that wonder whether what is only set on success is used. */
static inline int tn_status_negative(int err)
{
    if (err >= 0)
        __builtin_unreachable();
    return err;
}

#define tn_status_set(status, reason) tn_status_negative((tn_status_set)(status, reason))
#define tn_status_setf(...) tn_status_negative((tn_status_setf)(__VA_ARGS__))

/*
 * Prepares `ret_wire` as the message that tells `status`. It borrows from
 * `status`, which must live as long, and is not to be freed. Not for a status
 * that is OK: that is told by the absence of the message.
 */
void tn_status_to_wire(struct tn_status *status, Tenure__V1__Status *ret_wire);

/*
 * What an answer's status says, for a client; `wire` may be NULL, which is OK.
 * A reason that is not known here becomes UNRECOGNISED with the code and the
 * sentence that came. Returns 0, or the negative `tn_err` of the failure.
 */
int tn_status_from_wire(const Tenure__V1__Status *wire, struct tn_status *ret_status);

#endif
