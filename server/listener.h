/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets.
 *
 * A unix socket gets mode 0600 before anybody can connect to it. A socket file
 * that is in the way is removed if nobody answers there, and an error if
 * somebody does; the directory is locked meanwhile, so that of two servers that
 * start at once only one wins. At the end the file is removed, unless it is by
 * then another server's.
 */
#ifndef TN_SERVER_LISTENER_H
#define TN_SERVER_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/attr.h"
#include "server/address.h"
#include "server/problem.h"

struct tn_listener {
    int fd;                    /* non-blocking, close-on-exec; -1: closed */
    struct tn_address address; /* what it really is, with the port that was chosen */
    /* Of the socket file, so that only our own is removed. */
    bool owns_file;
    dev_t file_dev;
    ino_t file_ino;
};

/* Binds and listens. TN_ERR_BUSY if another server has the address, TN_ERR_IO
 * otherwise; `problem` says what went wrong. */
TN_MUST_CHECK int tn_listener_open(const struct tn_address *address,
                                   struct tn_listener *ret_listener, struct tn_problem *problem);

/* Takes over a socket that listens already. TN_ERR_INVAL if it is not one that
 * this server may serve. On failure the caller still has the socket. */
TN_MUST_CHECK int tn_listener_adopt(int fd, struct tn_listener *ret_listener,
                                    struct tn_problem *problem);

/* Stops listening and removes the socket file. May be called again. */
void tn_listener_close(struct tn_listener *listener);

#endif
