/* SPDX-License-Identifier: MIT */
/*
 * A server for a test, in the test's own process: on a unix socket in a
 * directory of its own, and on a TCP port that the system chose.
 *
 * Starting and stopping assert with cmocka: on the test's own thread only.
 */
#ifndef TN_TESTS_SUPPORT_SERVER_FIXTURE_H
#define TN_TESTS_SUPPORT_SERVER_FIXTURE_H

#include "core/heap.h"
#include "server/server.h"

struct server_fixture {
    struct tn_server *server;
    const struct tn_address *unix_address;
    const struct tn_address *tcp_address;
    char directory[64];
    char endpoint[128];     /* "unix:PATH", for libtenure */
    char tcp_endpoint[128]; /* "tcp:127.0.0.1:PORT" */
};

/*
 * Starts a server in a mode with two workers. `options` are names and values in
 * turn, as in the configuration file, and end with NULL; NULL for none.
 */
void server_fixture_start(struct server_fixture *f, enum tn_mode mode, const char *const *options);

/* Stops it in an orderly way and expects that nothing is left: no connection, no
 * handle, no name, no object. */
void server_fixture_stop(struct server_fixture *f);

/* Stops it, expects that all was orderly, and returns how many objects were left
 * in the heap once all names and handles were gone: members of cycles. */
size_t server_fixture_stop_with_cycles(struct server_fixture *f);

/* Waits until `condition` says yes, looking again and again; fails the test if it
 * does not within a minute. */
void server_fixture_await(struct server_fixture *f,
                          bool (*condition)(struct tn_census *census, void *arg), void *arg);

#endif
