/* SPDX-License-Identifier: MIT */
/* What the typed calls have in common. */
#ifndef TN_CLIENT_LIB_CALLS_H
#define TN_CLIENT_LIB_CALLS_H

#include <tenure/tenure.h>

#include "client/lib/client.h"
#include "core/base/attr.h"

/* States TN_EINVAL because `what` is NULL; or why the client cannot be used. */
TN_COLD int tn_client_fail_argument(tn_client *client, const char *what);

/* Makes a call whose result is a value; both pointers may be NULL, which fails. */
TN_MUST_CHECK int tn_client_call_for_value(tn_client *client, const tn_op *op, tn_values *values,
                                           tn_value *ret_value);

/* Makes a call whose result is a handle; `ret_handle` may be NULL, which fails, and
 * `ret_version` may be NULL. */
TN_MUST_CHECK int tn_client_call_for_handle(tn_client *client, const tn_op *op,
                                            tn_handle **ret_handle, uint64_t *ret_version);

/* Makes a call whose result is a count; `ret_count` may be NULL. */
TN_MUST_CHECK int tn_client_call_for_count(tn_client *client, const tn_op *op, uint64_t *ret_count);

#endif
