/* SPDX-License-Identifier: MIT */
/*
 * tenured as a process, with its service manager: the test.
 *
 * It is started in a directory of its own, with a unix socket there and a TCP
 * port that the system chose, and says READY=1 to the test. Everything here
 * asserts with cmocka: on the test's own thread only.
 */
#ifndef TN_TESTS_SUPPORT_DAEMON_H
#define TN_TESTS_SUPPORT_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "server/address.h"

struct daemon {
    pid_t pid;
    int notify_fd;
    int output_fd; /* its standard output and error */
    char directory[64];
    char socket_path[96];
    char port_path[96];
    char notify_path[96];
    struct tn_address unix_address;
    struct tn_address tcp_address; /* once it is ready */
};

/* Makes the directory; starts nothing. */
void daemon_set_up(struct daemon *d);
/* Removes the directory and what the server should have removed itself. */
void daemon_tear_down(struct daemon *d);

/* Starts tenured with these arguments only (NULL at the end), and environment
 * variables in addition (NAME=VALUE, NULL at the end; NULL for none). */
void daemon_run(struct daemon *d, const char *const *arguments, const char *const *environment);

/* Starts it on the socket and a port, with further arguments (NULL for none), and
 * waits until it is ready. */
void daemon_start(struct daemon *d, const char *const *arguments, const char *const *environment);

/* Waits until the server has sent this line to its manager. */
void daemon_await_notice(struct daemon *d, const char *text);

/* Waits until the server is ready, or has ended: whether it is ready. */
bool daemon_is_ready(struct daemon *d);

void daemon_signal(struct daemon *d, int signal_number);

/* Stops the process, and waits until it has. It can then only be killed. */
void daemon_freeze(struct daemon *d);

/* Waits until the process has ended and returns its exit code; what it has
 * written goes to `ret_output` (may be NULL), cut off where it does not fit. */
int daemon_wait(struct daemon *d, char *ret_output, size_t size);

#endif
