/* SPDX-License-Identifier: MIT */
/* Where a server is, and the way there. Blocks as it says; keeps no state. */
#ifndef TN_CLIENT_LIB_ENDPOINT_H
#define TN_CLIENT_LIB_ENDPOINT_H

#include <stdint.h>

#include "client/lib/error.h"
#include "core/base/attr.h"

/*
 * Connects to "unix:PATH" or "tcp:HOST:PORT", or with NULL to the first of the
 * usual places that answers. Waits until `deadline_ns` (0: without end) and, if
 * HOST is not an address, for the name service, which knows no deadline.
 *
 * The socket blocks, is closed on exec, and never raises SIGPIPE if it is written
 * with MSG_NOSIGNAL. `ret_endpoint` is where it leads, to be freed by the caller.
 * States TN_EINVAL, TN_ECONNECT, TN_ETIMEOUT or TN_ENOMEM in `error`.
 */
TN_MUST_CHECK int tn_endpoint_connect(const char *endpoint, uint64_t deadline_ns,
                                      struct tn_client_error *error, int *ret_fd,
                                      char **ret_endpoint);

#endif
