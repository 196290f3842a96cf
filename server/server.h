/* SPDX-License-Identifier: MIT */
/*
 * The server: listeners, an acceptor, workers. A program, or a test, runs it so:
 *
 *     tn_server_new(&config, &server, &problem);   binds, makes the heap
 *     tn_server_start(server, &problem);           threads run, connections are served
 *     ... tn_server_shutdown(server, false) ...    any thread, any time
 *     tn_server_wait(server);                      until all is over
 *     tn_server_free(&server);
 *
 * The library installs no signal handlers; its threads block all signals.
 */
#ifndef TN_SERVER_SERVER_H
#define TN_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "server/address.h"
#include "server/config.h"
#include "server/problem.h"

struct tn_server;

/*
 * Makes the heap and listens on all addresses; a client that connects now has to
 * wait until the server is started. `config` is finished, and copied. `n_fds`
 * sockets from `first_fd` on are served instead of the configured addresses, and
 * are taken over; 0 for none.
 * TN_ERR_NOMEM, TN_ERR_LIMIT, TN_ERR_BUSY (an address is taken), TN_ERR_IO,
 * TN_ERR_INVAL; `problem` says it in words. Main thread.
 */
TN_MUST_CHECK int tn_server_new(const struct tn_config *config, int first_fd, int n_fds,
                                struct tn_server **ret_server, struct tn_problem *problem);

/* Starts the threads. After a failure the server can only be freed. Once. */
TN_MUST_CHECK int tn_server_start(struct tn_server *server, struct tn_problem *problem);

/*
 * Stops: accepts no more, executes what has arrived, sends the answers, and
 * after the configured time, or with `force` at once, closes what is left. Does
 * not block. May be called again, with `force` to hurry. Any thread.
 */
void tn_server_shutdown(struct tn_server *server, bool force);

/* Becomes readable when the server has stopped. Not to be read from or closed. */
int tn_server_done_fd(const struct tn_server *server);

/* Blocks until a server that was started has stopped. Returns true if all
 * connections ended in an orderly way. One thread, once. */
bool tn_server_wait(struct tn_server *server);

/* Frees a server that was never started, or has been waited for, and leaves NULL
 * behind; NULL is allowed. Returns how many objects were left in the heap after
 * all names and handles were gone: members of cycles. */
size_t tn_server_free(struct tn_server **serverp);

/* Whether every worker has come round since the last call. The first call says
 * yes. One thread at a time. */
bool tn_server_is_alive(struct tn_server *server);

/* The addresses that are listened on, with the ports that were chosen. */
size_t tn_server_n_addresses(const struct tn_server *server);
const struct tn_address *tn_server_address(const struct tn_server *server, size_t index);
/* The port of a TCP address, or 0. */
unsigned int tn_server_port(const struct tn_server *server, size_t index);

/* The heap, for a census. */
struct tn_heap *tn_server_heap(const struct tn_server *server);

#endif
