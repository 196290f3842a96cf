/* SPDX-License-Identifier: MIT */
/*
 * What a service manager wants to hear, and the sockets that it may hand over:
 * systemd's protocols of sd_notify(3) and sd_listen_fds(3). All of it does
 * nothing where there is no such manager. Main thread only.
 */
#ifndef TN_SERVER_NOTIFY_H
#define TN_SERVER_NOTIFY_H

#include <stdint.h>

/* Sends assignments such as "READY=1" to the socket in $NOTIFY_SOCKET, if there
 * is one. Failures are ignored: the manager will notice that it hears nothing. */
void tn_notify(const char *assignments);

/* How often the manager wants to hear "WATCHDOG=1", divided by two so as to be
 * in time; 0: never. */
uint64_t tn_notify_watchdog_ns(void);

/* The number of listening sockets that were handed over; they are numbered from
 * TN_NOTIFY_FIRST_FD on and are now close-on-exec. Later calls return 0. */
#define TN_NOTIFY_FIRST_FD 3
int tn_notify_listen_fds(void);

#endif
