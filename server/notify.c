/* SPDX-License-Identifier: MIT */
/* See notify.h. */
#include "server/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"

void tn_notify(const char *assignments)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t len;
    int fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@'))
        return;
    len = strlen(path);
    if (len >= sizeof(un.sun_path))
        return;
    memcpy(un.sun_path, path, len);
    if (path[0] == '@') /* an abstract socket */
        un.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, assignments, strlen(assignments), MSG_NOSIGNAL, (const struct sockaddr *)&un,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)close(fd);
}

/* The number in an environment variable; `otherwise` if there is none. */
static unsigned long number_from(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    unsigned long number;
    char *end;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return otherwise;
    errno = 0;
    number = strtoul(text, &end, 10);
    return errno != 0 || *end != '\0' ? otherwise : number;
}

uint64_t tn_notify_watchdog_ns(void)
{
    unsigned long pid = number_from("WATCHDOG_PID", (unsigned long)getpid());
    unsigned long usec = number_from("WATCHDOG_USEC", 0);

    return pid == (unsigned long)getpid() ? usec * TN_NS_PER_US / 2 : 0;
}

int tn_notify_listen_fds(void)
{
    unsigned long n = number_from("LISTEN_FDS", 0);
    int n_fds = 0;

    if (number_from("LISTEN_PID", 0) == (unsigned long)getpid() && n <= 64)
        n_fds = (int)n;
    for (int fd = TN_NOTIFY_FIRST_FD; fd < TN_NOTIFY_FIRST_FD + n_fds; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    /* Not for our children, nor for a second call. */
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return n_fds;
}
