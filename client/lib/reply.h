/* SPDX-License-Identifier: MIT */
/*
 * Replies: a view of an answer that has been unpacked, or of a failure that
 * arose here.
 *
 * Invariants: a reply refers to memory of its box's arena and to constants only.
 * References that an answer carries are released when the box is emptied, unless
 * they have been taken: `is_taken` says so, for all of a (step's) reply at once.
 */
#ifndef TN_CLIENT_LIB_REPLY_H
#define TN_CLIENT_LIB_REPLY_H

#include <tenure/tenure.h>

#include "client/lib/session.h"
#include "core/base/attr.h"
#include "core/base/slice.h"
#include "proto/arena.h"
#include "proto/status.h"
#include "tenure/v1/store.pb-c.h"

struct tn_reply {
    struct tn_session *session; /* counted by the box */
    tn_error error;
    /* Of Response, and the same of StepResult; NOT_SET also if there is no answer. */
    Tenure__V1__Response__ResultCase result_case;
    const ProtobufCMessage *result;
    bool is_taken;
    size_t n_steps;
    struct tn_reply *steps;
};

struct tn_reply_box {
    struct tn_reply reply;
    struct tn_arena arena;
};

/* An empty box, which counts a reference to the session. TN_ENOMEM. */
TN_MUST_CHECK int tn_reply_box_init(struct tn_reply_box *box, struct tn_session *session);

/* Releases what was not taken, and frees the memory. Also works on zero bytes. */
void tn_reply_box_fini(struct tn_reply_box *box);

/* Releases what was not taken; the box is empty. */
void tn_reply_box_reset(struct tn_reply_box *box);

/*
 * Fills an empty box with an answer. TN_ESERVER if it is none, with the reason in
 * `ret_status` (may be NULL); TN_ENOMEM. The box holds that failure then.
 */
TN_MUST_CHECK int tn_reply_box_load(struct tn_reply_box *box, struct tn_slice payload,
                                    struct tn_status *ret_status);

/* Fills an empty box with a failure; `message` must live as long, and is the
 * general sentence if it is NULL. */
void tn_reply_box_fail(struct tn_reply_box *box, int err, const char *message);

/* The result, if the operation succeeded and is of that case (TN_EINVAL: it is of
 * another); else the operation's error. `reply` may be NULL. */
TN_MUST_CHECK int tn_reply_result(const tn_reply *reply,
                                  Tenure__V1__Response__ResultCase result_case,
                                  const void **ret_result);

/* What a wire status says. Never called with one of code 0. */
tn_error tn_error_from_wire(const Tenure__V1__Status *status);

#endif
