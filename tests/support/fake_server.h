/* SPDX-License-Identifier: MIT */
/*
 * A server that does what a test tells it: a thread that accepts one connection
 * on a unix socket and runs a script. The script records what it sees in its
 * argument; the test joins, then asserts (never on this thread).
 *
 *     static void answers_pings(struct fake_conn *conn, void *arg)
 *     {
 *         Tenure__V1__Request *request;
 *
 *         fake_greet(conn, 0, 0);
 *         while ((request = fake_read(conn)))
 *             fake_answer_ping(conn, request->id);
 *     }
 *
 * What cannot happen (no socket, no memory) aborts.
 */
#ifndef TN_TESTS_SUPPORT_FAKE_SERVER_H
#define TN_TESTS_SUPPORT_FAKE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tenure/v1/store.pb-c.h"

struct fake_conn;
struct fake_server;

typedef void fake_script(struct fake_conn *conn, void *arg);

/* Listens and starts the thread. fake_server_join() must follow. */
struct fake_server *fake_server_start(fake_script *script, void *arg);

/* "unix:PATH"; valid until joined. */
const char *fake_server_endpoint(const struct fake_server *server);

/* Waits for the script's end. If nobody ever connected it is not run. */
void fake_server_join(struct fake_server **server);

/* ---- For scripts ---- */

/* The next request, valid until the next one is read; NULL at the end. */
Tenure__V1__Request *fake_read(struct fake_conn *conn);

/* The same without a copy of the last one going away: the message lives until the
 * end of the script. */
Tenure__V1__Request *fake_read_keep(struct fake_conn *conn);

/* Reads Hello and answers with these limits; 0 for generous ones. Returns the
 * greeting, or NULL if something else came. */
Tenure__V1__HelloRequest *fake_greet(struct fake_conn *conn, uint64_t max_frame_bytes,
                                     uint32_t max_in_flight);

/* Answers. After the client has gone they do nothing. */
void fake_answer(struct fake_conn *conn, Tenure__V1__Response *response);
void fake_answer_ping(struct fake_conn *conn, uint64_t id);
void fake_answer_count(struct fake_conn *conn, uint64_t id, uint64_t count);
void fake_answer_name(struct fake_conn *conn, uint64_t id, uint64_t version, bool existed,
                      uint64_t handle);
void fake_answer_handle(struct fake_conn *conn, uint64_t id, uint64_t handle,
                        Tenure__V1__TypeTag type);
void fake_answer_value(struct fake_conn *conn, uint64_t id, Tenure__V1__Value *value);
void fake_answer_int(struct fake_conn *conn, uint64_t id, int64_t integer);
void fake_refuse(struct fake_conn *conn, uint64_t id, uint32_t code, const char *reason,
                 const char *message);

/* Bytes as they are. */
void fake_send_raw(struct fake_conn *conn, const void *data, size_t len);

/* A message of any content with its frame prefix. */
void fake_send_frame(struct fake_conn *conn, const void *data, size_t len);

/* Closes the connection; reading then is at its end. */
void fake_hang_up(struct fake_conn *conn);

/* Waits until the client has closed the connection, dropping what it still sends. */
void fake_await_end(struct fake_conn *conn);

#endif
