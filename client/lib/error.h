/* SPDX-License-Identifier: MIT */
/*
 * Errors inside the library: what the last call returned, with its words.
 *
 * Invariant: `public.reason` and `public.message` are never NULL. They point to
 * constants, into `text`, or into the reply that the last call left behind, all
 * of which live until the next call.
 */
#ifndef TN_CLIENT_LIB_ERROR_H
#define TN_CLIENT_LIB_ERROR_H

#include <tenure/tenure.h>

#include "core/base/attr.h"
#include "proto/status.h"

struct tn_client_error {
    tn_error public;
    char reason[64]; /* of an error that was copied */
    char text[640];  /* of an error that arose here, or was copied */
};

/* No error. */
static inline void tn_client_error_clear(struct tn_client_error *error)
{
    error->public = (tn_error){ .err = TN_OK, .reason = "", .message = "" };
}

/* States an error that arose here, in a sentence of its own, and returns `err`. */
TN_COLD TN_PRINTF(3, 4) int tn_client_error_set(struct tn_client_error *error, int err,
                                                const char *format, ...);

/* Takes over an error that will not live long enough. */
TN_COLD void tn_client_error_copy(struct tn_client_error *error, const tn_error *from);

/* The same as tn_client_error_set() with the general sentence for `err`. */
TN_COLD int tn_client_error_set_plain(struct tn_client_error *error, int err);

/* The general sentence for an error, with its full stop. Never NULL. */
const char *tn_errno_sentence(int err);

/* The public error of a `tn_err` that an internal function returned. */
int tn_errno_from_internal(int internal);

/* The public error of a reason that the server gave. */
int tn_errno_from_reason(enum tn_reason reason);

#endif
