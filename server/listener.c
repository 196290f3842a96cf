/* SPDX-License-Identifier: MIT */
/* See listener.h. */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/err.h"

#define BACKLOG 511

static void close_fd(int *fdp)
{
    if (*fdp >= 0)
        (void)close(*fdp);
    *fdp = -1;
}

static int socket_for(const struct tn_address *address, struct tn_problem *problem)
{
    int fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot make a socket: %s", strerror(errno));
    return fd;
}

/* The directory of a path, for locking; -1 and a problem if it cannot be opened. */
static int open_directory(const char *path, bool may_make_it, struct tn_problem *problem)
{
    char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    const char *directory;
    int fd;

    (void)strcpy(copy, path); /* comes from a sun_path, so it fits */
    directory = dirname(copy);
    if (may_make_it && mkdir(directory, 0700) < 0 && errno != EEXIST)
        return tn_problem_set(problem, TN_ERR_IO, "cannot make the directory %s: %s", directory,
                              strerror(errno));
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot open the directory %s: %s", directory,
                              strerror(errno));
    return fd;
}

/* Removes the socket file of a server that is gone. */
static int remove_stale(const struct tn_address *address, const char *path,
                        struct tn_problem *problem)
{
    TN_CLEANUP(close_fd) int fd = -1;
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0
                               : tn_problem_set(problem, TN_ERR_IO, "cannot look at %s: %s", path,
                                                strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return tn_problem_set(problem, TN_ERR_BUSY,
                              "%s exists and is not a socket; remove it or listen elsewhere", path);
    fd = socket_for(address, problem);
    if (fd < 0)
        return fd;
    if (connect(fd, (const struct sockaddr *)&address->sockaddr, address->sockaddr_len) == 0 ||
        errno != ECONNREFUSED)
        return tn_problem_set(problem, TN_ERR_BUSY,
                              "another server is listening on %s; stop it or listen elsewhere",
                              path);
    if (unlink(path) < 0 && errno != ENOENT)
        return tn_problem_set(problem, TN_ERR_IO, "cannot remove the stale socket %s: %s", path,
                              strerror(errno));
    return 0;
}

static int open_unix(const struct tn_address *address, struct tn_listener *listener,
                     struct tn_problem *problem)
{
    const char *path = ((const struct sockaddr_un *)&address->sockaddr)->sun_path;
    TN_CLEANUP(close_fd) int directory = -1;
    struct stat st;
    int r;

    directory = open_directory(path, address->makes_directory, problem);
    if (directory < 0)
        return directory;
    /* Held until we answer on the socket, so that nobody takes it for stale. */
    if (flock(directory, LOCK_EX) < 0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot lock the directory of %s: %s", path,
                              strerror(errno));
    r = remove_stale(address, path, problem);
    if (r < 0)
        return r;
    if (bind(listener->fd, (const struct sockaddr *)&address->sockaddr, address->sockaddr_len) < 0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot bind to %s: %s", path, strerror(errno));
    /* Nobody can connect before listen(), so nobody slips in before chmod(). */
    if (chmod(path, 0600) < 0 || lstat(path, &st) < 0 || listen(listener->fd, BACKLOG) < 0) {
        r = tn_problem_set(problem, TN_ERR_IO, "cannot listen on %s: %s", path, strerror(errno));
        (void)unlink(path);
        return r;
    }
    listener->owns_file = true;
    listener->file_dev = st.st_dev;
    listener->file_ino = st.st_ino;
    return 0;
}

static int open_tcp(const struct tn_address *address, struct tn_listener *listener,
                    struct tn_problem *problem)
{
    char text[TN_ADDRESS_TEXT_SIZE];
    const int on = 1;

    tn_address_format(address, text);
    if (setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot set up a socket for %s: %s", text,
                              strerror(errno));
    if (bind(listener->fd, (const struct sockaddr *)&address->sockaddr, address->sockaddr_len) < 0)
        return tn_problem_set(problem, errno == EADDRINUSE ? TN_ERR_BUSY : TN_ERR_IO,
                              "cannot bind to %s: %s", text, strerror(errno));
    if (listen(listener->fd, BACKLOG) < 0)
        return tn_problem_set(problem, errno == EADDRINUSE ? TN_ERR_BUSY : TN_ERR_IO,
                              "cannot listen on %s: %s", text, strerror(errno));
    return 0;
}

/* Notes which address the socket really has. */
static int learn_address(struct tn_listener *listener, struct tn_problem *problem)
{
    struct tn_address *address = &listener->address;

    address->sockaddr_len = sizeof(address->sockaddr);
    if (getsockname(listener->fd, (struct sockaddr *)&address->sockaddr, &address->sockaddr_len) <
        0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot learn a socket's address: %s",
                              strerror(errno));
    return 0;
}

int tn_listener_open(const struct tn_address *address, struct tn_listener *ret_listener,
                     struct tn_problem *problem)
{
    struct tn_listener listener = { .fd = socket_for(address, problem), .address = *address };
    int r;

    if (listener.fd < 0)
        return listener.fd;
    if (address->sockaddr.ss_family == AF_UNIX) {
        r = open_unix(address, &listener, problem);
    } else {
        r = open_tcp(address, &listener, problem);
        if (r == 0)
            r = learn_address(&listener, problem);
    }
    if (r < 0) {
        tn_listener_close(&listener);
        return r;
    }
    *ret_listener = listener;
    return 0;
}

int tn_listener_adopt(int fd, struct tn_listener *ret_listener, struct tn_problem *problem)
{
    struct tn_listener listener = { .fd = fd };
    socklen_t len = sizeof(int);
    int flags;
    int value = 0;
    int r;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) < 0 || value == 0)
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "file descriptor %d that was handed over is no listening socket", fd);
    r = learn_address(&listener, problem);
    if (r < 0)
        return r;
    if (!tn_address_is_local((const struct sockaddr *)&listener.address.sockaddr))
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "the socket that was handed over can be reached from other machines; "
                              "there is no authentication yet");
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return tn_problem_set(problem, TN_ERR_IO, "cannot set up a socket: %s", strerror(errno));
    *ret_listener = listener;
    return 0;
}

void tn_listener_close(struct tn_listener *listener)
{
    const char *path = ((const struct sockaddr_un *)&listener->address.sockaddr)->sun_path;
    struct stat st;

    if (listener->owns_file && lstat(path, &st) == 0 && st.st_dev == listener->file_dev &&
        st.st_ino == listener->file_ino)
        (void)unlink(path);
    listener->owns_file = false;
    close_fd(&listener->fd);
}
