/* SPDX-License-Identifier: MIT */
/*
 * Where the server listens: `unix:PATH` or `tcp:HOST:PORT`.
 *
 * There is no authentication over TCP yet, so only loopback addresses are
 * accepted: 127.0.0.0/8, [::1], and the name localhost, which means 127.0.0.1.
 */
#ifndef TN_SERVER_ADDRESS_H
#define TN_SERVER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/base/attr.h"
#include "server/problem.h"

#define TN_TCP_PORT_DEFAULT 7477

/* With the end of the string: the longest path of a unix socket, and "unix:". */
#define TN_ADDRESS_TEXT_SIZE 128

struct tn_address {
    struct sockaddr_storage sockaddr;
    socklen_t sockaddr_len;
    /* The directory of the socket may be made: it is the default's. */
    bool makes_directory;
};

/* Parses an address. TN_ERR_INVAL, and `problem` says what is wrong with it. */
TN_MUST_CHECK int tn_address_parse(const char *text, struct tn_address *ret_address,
                                   struct tn_problem *problem);

/* Writes an address as it is parsed. */
void tn_address_format(const struct tn_address *address, char ret_text[TN_ADDRESS_TEXT_SIZE]);

/* The TCP port, or 0 for a unix socket. */
unsigned int tn_address_port(const struct tn_address *address);

/* Whether it is 127.0.0.0/8, [::1] or a unix socket. */
bool tn_address_is_local(const struct sockaddr *sockaddr);

/* The default unix socket: $XDG_RUNTIME_DIR/tenure/tenured.sock, or
 * /run/tenure/tenured.sock where that is not set. Not while others change the
 * environment. TN_ERR_INVAL if the path would be too long. */
TN_MUST_CHECK int tn_address_default_unix(struct tn_address *ret_address,
                                          struct tn_problem *problem);

/* The default TCP address, 127.0.0.1:7477. */
void tn_address_default_tcp(struct tn_address *ret_address);

#endif
