/* SPDX-License-Identifier: MIT */
/*
 * What the functions that carry out requests (op_*.c) share.
 *
 * A request is executed in one go, online, and is never suspended. It may look
 * at objects that it only borrows, until its answer is packed. Rules:
 *  - Pure reads borrow. Whatever changes an object, or lets go of one, holds a
 *    reference to it (tn_target_hold, tn_hold): in mode gil the memory of an
 *    object goes with its last reference, and in the other modes nothing may be
 *    put into a container that is dying.
 *  - A container that is only borrowed may die while it is looked at, and then
 *    seems to hold less and less. So whatever was found in it counts only if
 *    tn_check_alive() says afterwards that it had not begun to die.
 *  - Collectors know of counted references only what the worker's roots visit: the
 *    handles of sessions, ctx->held and the results of a batch's steps. Wherever a
 *    request passes a safe point (tn_ctx_safepoint) or waits for memory (the retries
 *    in tn_run_op), it holds nothing else: no reference in a local variable, no value
 *    under construction, no tn_new_cycles. A new place to hold references in is
 *    visited by tn_request_visit_held().
 *  - Whoever takes a reference out of one of these places to drop it or to hand it
 *    over calls tn_root_leave() first.
 *  - A function that fails has done nothing. It returns a negative error; if
 *    that says less than it could, it has set ctx->status too.
 *  - TN_ERR_LIMIT without a status makes the dispatcher reclaim memory and try
 *    again. TN_ERR_BUSY means that an object died while it was being looked at;
 *    the functions below that return it are called again by their callers.
 */
#ifndef TN_SERVER_REQUEST_H
#define TN_SERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "proto/status.h"
#include "proto/value.h"
#include "server/service.h"
#include "tenure/v1/store.pb-c.h"

/* References that one request or step holds at once, besides its batch's. */
#define TN_HELD_MAX 4

/* How often something is looked for again that died in between. Somebody else
 * makes progress each time. */
#define TN_BUSY_TRIES 100

/* Handles released between two safe points. */
#define TN_RELEASES_PER_SAFEPOINT 4096

/* What an operation answers: one of the messages, as in Response and StepResult. */
struct tn_result {
    Tenure__V1__Response__ResultCase which;
    union {
        ProtobufCMessage base;
        Tenure__V1__HelloResponse hello;
        Tenure__V1__PingResponse ping;
        Tenure__V1__ObjectResponse object;
        Tenure__V1__NameResponse name;
        Tenure__V1__CountResponse count;
        Tenure__V1__BoolResponse boolean;
        Tenure__V1__DescribeResponse describe;
        Tenure__V1__ScanNamesResponse scan_names;
        Tenure__V1__ScanDictResponse scan_dict;
        Tenure__V1__InfoResponse info;
        Tenure__V1__ReadResponse read;
        Tenure__V1__UploadResponse upload;
        Tenure__V1__GcResponse gc;
        Tenure__V1__BatchResponse batch;
        Tenure__V1__ScopeResponse scope;
        Tenure__V1__ExportResponse export;
        Tenure__V1__EventsResponse events;
        Tenure__V1__ClassDescribeResponse class_describe;
    } message;
    Tenure__V1__Value value; /* `object` and the scans of containers refer to it */
    struct tn_value_one one; /* or to this, for a single scalar */
};

/* What the steps of a batch returned. */
struct tn_batch {
    struct tn_object **objects; /* references, one for each step; NULL: none */
    size_t n_steps;
    size_t current; /* the step that is being executed */
};

struct tn_new_cycles;

struct tn_request_ctx {
    struct tn_executor *ex;
    struct tn_mutator *mu; /* changes at safe points */
    struct tn_session *session;
    struct tn_arena *arena;
    uint64_t request_id;
    struct tn_status *status; /* of the request, or of the step */
    struct tn_batch *batch;   /* NULL outside of one */
    struct tn_object *held[TN_HELD_MAX];
    size_t n_held;
    /* Containers of values that may have become cycles, with references. */
    struct tn_new_cycles *new_cycles;
    /* Handles given out by this request, so that they can be taken back. */
    uint64_t *new_handles;
    size_t n_new_handles;
    size_t max_new_handles;
    /* Bytes that the values of the answer take, and may take without the budget. */
    size_t answer_bytes;
    size_t free_answer_bytes;
    size_t taken_bytes; /* of the budget */
    bool may_defer;
    bool must_close;
    bool is_unfinished; /* to be executed again; only with may_defer */
    /* How often an object died while it was encoded; then containers are held. */
    unsigned int n_busy;
};

typedef int (*tn_op_fn)(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);

/* ---- Memory of the request ---- */

/* From the arena, until the answer is packed. NULL, and the status is set. */
TN_MUST_CHECK void *tn_ctx_alloc(struct tn_request_ctx *ctx, size_t bytes);
/* The error that goes with a NULL from the arena; sets the status. */
TN_COLD int tn_ctx_arena_error(struct tn_request_ctx *ctx);

/* Copies a text for the answer, of which it takes its part. TN_ERR_TOO_BIG and
 * TN_ERR_NOMEM with the status set, TN_ERR_AGAIN. */
TN_MUST_CHECK int tn_ctx_copy(struct tn_request_ctx *ctx, struct tn_slice text,
                              ProtobufCBinaryData *ret_copy);

/*
 * Says that the answer takes `bytes` more. TN_ERR_TOO_BIG: it would be too long.
 * TN_ERR_AGAIN: there is no buffer memory for it now. In both cases it does not
 * take them.
 */
TN_MUST_CHECK int tn_ctx_claim(struct tn_request_ctx *ctx, size_t bytes);

/* ---- References ---- */

/* Takes over a reference, to be dropped when the answer is packed (or, in a
 * batch, when the step is done). Leaves the pointer as it is, to be used. */
void tn_hold(struct tn_request_ctx *ctx, struct tn_object *o);
/* Drops what is held. */
void tn_drop_held(struct tn_request_ctx *ctx);

/* TN_ERR_BUSY if an object that is borrowed is dead. */
TN_MUST_CHECK int tn_check_alive(const struct tn_object *o);

/*
 * Reads an object that is borrowed: calls `read` with it, and again with what is
 * there by then as long as that returns TN_ERR_BUSY. `message` is passed on.
 */
typedef int (*tn_read_fn)(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                          const void *message, struct tn_result *result);
TN_MUST_CHECK int tn_read_target(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                                 tn_read_fn read, const void *message, struct tn_result *result);

/* The object that a target means, borrowed, and the version of its name (0 if
 * it is not a name; may be NULL). */
TN_MUST_CHECK int tn_target_borrow(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                                   struct tn_object **ret_object, uint64_t *ret_version);
/* The same, held until the end of the request. */
TN_MUST_CHECK int tn_target_hold(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                                 struct tn_object **ret_object);
/* Says that the session does not hold a handle. */
TN_COLD int tn_handle_missing(struct tn_request_ctx *ctx, uint64_t handle);
/* The object of a handle of the session, borrowed. */
TN_MUST_CHECK int tn_handle_borrow(struct tn_request_ctx *ctx, uint64_t handle,
                                   struct tn_object **ret_object);
/* The object that an earlier step (its number) returned, borrowed. */
TN_MUST_CHECK int tn_step_borrow(struct tn_request_ctx *ctx, size_t step,
                                 struct tn_object **ret_object);

/* A name as it may be used: 1 to 1024 bytes of UTF-8. */
TN_MUST_CHECK int tn_name_check(struct tn_request_ctx *ctx, const ProtobufCBinaryData *name,
                                struct tn_slice *ret_name);
/* What a name refers to, with a reference, and its version. */
TN_MUST_CHECK int tn_name_hold(struct tn_request_ctx *ctx, struct tn_slice name,
                               struct tn_object **ret_object, uint64_t *ret_version);
/* How many bytes of a name, which may be long, are quoted in a sentence. */
static inline int tn_quoted_len(struct tn_slice name)
{
    return name.len < 60 ? (int)name.len : 60;
}

/* Says that there is no such name. */
TN_COLD int tn_name_missing(struct tn_request_ctx *ctx, struct tn_slice name);

/* Says that an object cannot do what lists, for instance, can. */
TN_COLD int tn_wrong_type(struct tn_request_ctx *ctx, const struct tn_object *o,
                          const char *needed);

/* What can be looked for in an array or bytearray, as in "this needs a number". */
const char *tn_array_needles(const struct tn_object *array);

/* Says that an object of a type is no TN_AS_KEY or TN_AS_MEMBER; returns the error. */
#define TN_AS_KEY "a key of a dict"
#define TN_AS_MEMBER "a member of a set"
TN_COLD int tn_unhashable(struct tn_request_ctx *ctx, enum tn_type_id type, const char *as);

/* Says that a dict has no such key, or a set no such member. */
TN_COLD int tn_key_missing(struct tn_request_ctx *ctx, const char *container, const char *part,
                           const struct tn_object *key);

/* The token that a request states, of 16 bytes; sets the status if it has others. */
TN_MUST_CHECK int tn_token_read(struct tn_request_ctx *ctx, const ProtobufCBinaryData *bytes,
                                struct tn_token *ret_token);

/* Tells who holds an object that is borrowed, which has `refs` references (holders.c). */
TN_MUST_CHECK int tn_holders_tell(struct tn_request_ctx *ctx, const struct tn_object *o,
                                  int64_t refs, Tenure__V1__Holders **ret_holders);

/* ---- Handles ---- */

/* Sees to it that `n` handles can be given out; sets the status if not. */
TN_MUST_CHECK int tn_handles_reserve(struct tn_request_ctx *ctx, size_t n);
/* Gives one out. It must have been reserved. Takes over the reference. */
uint64_t tn_handle_give(struct tn_request_ctx *ctx, struct tn_object **take_object);
/* Takes back all but the first `n` of those that the request has given out. */
void tn_handles_undo(struct tn_request_ctx *ctx, size_t n);

/* ---- Values ---- */

/* Whether a value is well formed and within the limits; sets the status if not. */
TN_MUST_CHECK int tn_value_admit(struct tn_request_ctx *ctx, const Tenure__V1__Value *value);

/* An object that has a value, to look for in a container: valid until the request
 * ends, borrowed, and not to be stored anywhere. Takes no memory of the heap, but
 * for mutable containers and large frozensets. */
TN_MUST_CHECK int tn_value_probe(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                                 struct tn_object **ret_object);

/*
 * Builds the objects of a value and returns a reference to its root. On failure
 * nothing is left of it.
 */
TN_MUST_CHECK int tn_value_build(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                                 struct tn_object **ret_object);

/* The same for a list, tuple or deque whose items are wanted; it is held until the end
 * of the request. */
TN_MUST_CHECK int tn_value_build_items(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                                       struct tn_object **ret_object);

/*
 * The end of the values that the operation built: with `keep` they have found
 * their place. Else nobody refers to them any more; and those that hold each other
 * are emptied, as they would never be freed otherwise.
 */
void tn_values_settle(struct tn_request_ctx *ctx, bool keep);

/*
 * Encodes an object, borrowed, as far as it is wanted (`want` may be NULL). The
 * value lives in `result` and in the arena, and may refer to the contents of the
 * object itself if that is a str or bytes. What is cut off becomes handles.
 * TN_ERR_BUSY, TN_ERR_AGAIN, TN_ERR_TOO_MANY (handles), TN_ERR_TOO_BIG.
 */
TN_MUST_CHECK int tn_value_encode(struct tn_request_ctx *ctx, struct tn_object *o,
                                  const Tenure__V1__Want *want, struct tn_result *result,
                                  Tenure__V1__Value **ret_value);

/* The same for a list that exists only in the answer. It cannot be cut off as a
 * whole: TN_ERR_TOO_BIG. */
TN_MUST_CHECK int tn_value_encode_items(struct tn_request_ctx *ctx, struct tn_object **items,
                                        size_t n_items, const Tenure__V1__Want *want,
                                        struct tn_result *result, Tenure__V1__Value **ret_value);

/* ---- Attributes ---- */

/* Sets an attribute of a record, whose name, a str, need not have been looked at. Says
 * what is wrong if it cannot be set. Takes over the value on success. */
TN_MUST_CHECK int tn_attr_set(struct tn_request_ctx *ctx, struct tn_object *record,
                              const struct tn_object *name, struct tn_object **take_value);

/* ---- Answers ---- */

void tn_result_count(struct tn_result *result, uint64_t count);
void tn_result_boolean(struct tn_result *result, bool value);

/* Answers with a page of a scan: borrowed objects, and where it goes on. TN_ERR_BUSY,
 * TN_ERR_AGAIN; the status is set if it does not fit. */
TN_MUST_CHECK int tn_answer_page(struct tn_request_ctx *ctx, struct tn_object **objects, size_t n,
                                 uint64_t cursor, const Tenure__V1__Want *want,
                                 struct tn_result *result);

/* What an item on a page of a scan takes at most of the answer, but for text. */
#define TN_SCAN_ITEM_BYTES ((size_t)32)

/* How many entries a page of a container's scan may have: `limit`, or if that is 0 the
 * default, but no more than fit into an answer. */
size_t tn_scan_page(const struct tn_request_ctx *ctx, uint32_t limit, size_t entry_bytes);

/*
 * Answers with an object that is borrowed. TN_ERR_BUSY if it died meanwhile: look
 * again what is there now.
 */
TN_MUST_CHECK int tn_answer_borrowed(struct tn_request_ctx *ctx, struct tn_object *o,
                                     const Tenure__V1__Want *want, uint64_t version,
                                     struct tn_result *result);

/*
 * Answers with an object that was taken out of where it was and cannot be put
 * back, so this does not fail: one handle has been reserved, and whatever goes
 * wrong, the answer is a handle. Takes over the reference.
 */
void tn_answer_taken(struct tn_request_ctx *ctx, struct tn_object **take_object,
                     const Tenure__V1__Want *want, struct tn_result *result);

/*
 * Answers with a number that was computed, an int or a float. Does not fail; but in a
 * batch, later steps cannot refer to it if there is no memory for an object.
 */
void tn_answer_number(struct tn_request_ctx *ctx, const struct tn_number *number,
                      struct tn_result *result);

/* Answers with a handle, which has been reserved. Takes over the reference. */
void tn_answer_handle(struct tn_request_ctx *ctx, struct tn_object **take_object, uint64_t version,
                      struct tn_result *result);

/* A page of what is scanned by keys: a dict, or the attributes of a record. */
struct tn_page {
    uint64_t cursor;
    uint32_t limit; /* 0: the server's default */
    bool keys_only;
    const Tenure__V1__Want *want;
};

typedef int (*tn_scan_fn)(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor,
                          size_t n_max, struct tn_dict_item *items, size_t *ret_n);

/* Answers with a page, as it is now, of an object that is borrowed. TN_ERR_BUSY. */
TN_MUST_CHECK int tn_answer_scan(struct tn_request_ctx *ctx, struct tn_object *o,
                                 const struct tn_page *page, tn_scan_fn scan,
                                 struct tn_result *result);

/* In a batch: notes that the step returned an object, which the caller holds;
 * takes a reference of its own. Once for each step, when nothing can fail any
 * more. Does nothing outside of a batch. */
void tn_step_returns(struct tn_request_ctx *ctx, struct tn_object *o);

/* A safe point in the middle of a request that holds nothing borrowed, and no
 * reference that the functions below would not visit. */
void tn_ctx_safepoint(struct tn_request_ctx *ctx);

/* ---- For collectors: the bearer of the executor's mutator ---- */

/* Visits what the request holds, but for the results of steps. */
void tn_request_visit_held(const struct tn_request_ctx *ctx, struct tn_mutator *mu);

/* Visits results of steps from number *cursor - 1 on and moves it; lowers the budget
 * by their number. Returns whether none is left. */
bool tn_request_visit_steps(const struct tn_request_ctx *ctx, struct tn_mutator *mu,
                            uint64_t *cursor, size_t *budget);

/* ---- The operations; `message` is the request's own ---- */

int tn_op_hello(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_ping(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_put(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_bind(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_unbind(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_lookup(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_release(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_describe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_length(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_scan_names(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_append(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_extend(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_insert(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_slice(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_list_replace(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_contains(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_dict_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_dict_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_dict_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_dict_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_scan_dict(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_append(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_insert(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_extend(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_slice(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_replace(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_fill(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_add(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_reduce(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_array_index(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_read(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_write(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_upload_begin(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_upload_chunk(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_upload_finish(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_upload_abort(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
void tn_op_upload_refused(struct tn_request_ctx *ctx, const void *message);
int tn_op_class_declare(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_class_describe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_record_new(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_attr_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_attr_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_attr_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_attr_scan(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_weakref_new(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_weakref_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_ttl(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_add(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_discard(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_clear(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_scan_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_new(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_update(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_set_compare(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_deque_push(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_deque_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_deque_extend(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_deque_rotate(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_deque_clear(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_scan_deque(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_info(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_gc(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_batch(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_begin_scope(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_end_scope(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_export(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_import(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_revoke(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_goodbye(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_keep_handle(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_subscribe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);
int tn_op_unsubscribe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result);

/* Executes one operation with the retries for memory; for the dispatcher and
 * for batches. `op_case` is the number of the operation in Request and Step.
 * On failure ctx->status is set. */
TN_MUST_CHECK int tn_run_op(struct tn_request_ctx *ctx, unsigned int op_case, const void *message,
                            struct tn_result *result);

/* Whether there is such an operation, and a step of a batch can be one. */
bool tn_op_is_step(unsigned int op_case);

#endif
