/* SPDX-License-Identifier: MIT */
#include "client/lib/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"

#define DEFAULT_SOCKET_PATH "/run/tenure/tenured.sock"
#define DEFAULT_TCP "tcp:127.0.0.1:7477"
#define HOST_MAX ((size_t)256)

static const char *errno_words(int errnum)
{
    const char *words = strerrordesc_np(errnum);

    return words ? words : "unknown error";
}

/* The public error of a connection that failed. */
static int err_of(int errnum)
{
    switch (errnum) {
    case ENOMEM:
    case ENOBUFS:
        return TN_ENOMEM;
    case EINPROGRESS: /* SO_SNDTIMEO has passed */
    case EAGAIN:
    case ETIMEDOUT:
        return TN_ETIMEOUT;
    default:
        return TN_ECONNECT;
    }
}

/* The time left for connect(); false if there is none. */
static bool time_left(uint64_t deadline_ns, struct timeval *ret_left)
{
    uint64_t now = tn_clock_ns();
    uint64_t left_us;

    *ret_left = (struct timeval){ .tv_sec = 0 }; /* which means: for ever */
    if (deadline_ns == 0)
        return true;
    if (now >= deadline_ns)
        return false;
    left_us = (deadline_ns - now) / TN_NS_PER_US + 1;
    ret_left->tv_sec = (time_t)(left_us / 1000000);
    ret_left->tv_usec = (suseconds_t)(left_us % 1000000);
    return true;
}

/* A signal interrupted connect(), which goes on by itself. */
static int finish_connect(int fd, uint64_t deadline_ns)
{
    for (;;) {
        struct pollfd watched = { .fd = fd, .events = POLLOUT };
        struct timeval left;
        int result = 0;
        socklen_t len = sizeof(result);
        int n;

        if (!time_left(deadline_ns, &left))
            return ETIMEDOUT;
        n = poll(&watched, 1,
                 deadline_ns == 0 ? -1 : (int)(left.tv_sec * 1000 + left.tv_usec / 1000 + 1));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            continue; /* and see that no time is left */
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &len) < 0 ? errno : result;
    }
}

/* Connects a new socket to one address. Returns 0 or an errno value. */
static int connect_to(int family, const struct sockaddr *address, socklen_t len,
                      uint64_t deadline_ns, int *ret_fd)
{
    struct timeval left;
    int one = 1;
    int result;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    if (!time_left(deadline_ns, &left)) {
        (void)close(fd); /* nothing was written */
        return ETIMEDOUT;
    }
    result = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0 ? errno : 0;
    while (result == 0) {
        if (connect(fd, address, len) == 0)
            break;
        if (errno != EINTR)
            result = errno;
        else if (family != AF_UNIX) { /* a unix socket begins anew */
            result = finish_connect(fd, deadline_ns);
            break;
        }
    }
    left = (struct timeval){ .tv_sec = 0 };
    if (result == 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0)
        result = errno;
    if (result == 0 && family != AF_UNIX &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
        result = errno;
    if (result != 0) {
        (void)close(fd); /* nothing was written */
        return result;
    }
    *ret_fd = fd;
    return 0;
}

static int connect_unix(const char *path, uint64_t deadline_ns, struct tn_client_error *error,
                        int *ret_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    int errnum;

    if (len == 0 || len >= sizeof(address.sun_path))
        return tn_client_error_set(error, TN_EINVAL,
                                   "The path of a unix socket has 1 to %zu bytes, but \"%s\" has "
                                   "%zu.",
                                   sizeof(address.sun_path) - 1, path, len);
    memcpy(address.sun_path, path, len);
    errnum = connect_to(AF_UNIX, (const struct sockaddr *)&address, sizeof(address), deadline_ns,
                        ret_fd);
    if (errnum == 0)
        return 0;
    return tn_client_error_set(error, err_of(errnum), "No server answers at unix:%s: %s.", path,
                               errno_words(errnum));
}

/* Splits "HOST:PORT", where HOST may stand in brackets if it has colons itself. */
static int split_host(const char *text, struct tn_client_error *error, char *ret_host,
                      const char **ret_port)
{
    const char *host = text;
    const char *colon = strrchr(text, ':');
    const char *end = colon;

    if (text[0] == '[' && colon && colon > text && colon[-1] == ']') {
        host++;
        end--;
    }
    if (!colon || end <= host || (size_t)(end - host) >= HOST_MAX || colon[1] == '\0' ||
        (host == text && memchr(host, ':', (size_t)(end - host))))
        return tn_client_error_set(error, TN_EINVAL,
                                   "\"tcp:%s\" is not of the form tcp:HOST:PORT or "
                                   "tcp:[ADDRESS]:PORT.",
                                   text);
    memcpy(ret_host, host, (size_t)(end - host));
    ret_host[end - host] = '\0';
    *ret_port = colon + 1;
    return 0;
}

static int connect_tcp(const char *text, uint64_t deadline_ns, struct tn_client_error *error,
                       int *ret_fd)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *addresses = NULL;
    char host[HOST_MAX];
    const char *port = NULL;
    int errnum = ECONNREFUSED;
    int r = split_host(text, error, host, &port);

    if (r < 0)
        return r;
    r = getaddrinfo(host, port, &hints, &addresses);
    if (r != 0)
        return tn_client_error_set(error, TN_ECONNECT, "No address is known for tcp:%s: %s.", text,
                                   r == EAI_SYSTEM ? errno_words(errno) : gai_strerror(r));
    for (const struct addrinfo *at = addresses; at; at = at->ai_next) {
        errnum = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen, deadline_ns, ret_fd);
        if (errnum == 0)
            break;
    }
    freeaddrinfo(addresses);
    if (errnum == 0)
        return 0;
    return tn_client_error_set(error, err_of(errnum), "No server answers at tcp:%s: %s.", text,
                               errno_words(errnum));
}

static int connect_one(const char *endpoint, uint64_t deadline_ns, struct tn_client_error *error,
                       int *ret_fd, char **ret_endpoint)
{
    char *copy;
    int r;

    if (strncmp(endpoint, "unix:", 5) == 0)
        r = connect_unix(endpoint + 5, deadline_ns, error, ret_fd);
    else if (strncmp(endpoint, "tcp:", 4) == 0)
        r = connect_tcp(endpoint + 4, deadline_ns, error, ret_fd);
    else
        return tn_client_error_set(error, TN_EINVAL,
                                   "The endpoint \"%s\" is neither unix:PATH nor tcp:HOST:PORT.",
                                   endpoint);
    if (r < 0)
        return r;
    copy = strdup(endpoint);
    if (!copy) {
        (void)close(*ret_fd); /* nothing was written */
        return tn_client_error_set_plain(error, TN_ENOMEM);
    }
    *ret_endpoint = copy;
    return 0;
}

/* Tries the usual places; the error names all of them. */
static int connect_default(uint64_t deadline_ns, struct tn_client_error *error, int *ret_fd,
                           char **ret_endpoint)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char user_socket[256] = "";
    const char *places[] = { user_socket, "unix:" DEFAULT_SOCKET_PATH, DEFAULT_TCP };
    int r = TN_ECONNECT;

    if (runtime && runtime[0] == '/' &&
        snprintf(user_socket, sizeof(user_socket), "unix:%s/tenure/tenured.sock", runtime) >=
            (int)sizeof(user_socket))
        user_socket[0] = '\0'; /* longer than the path of any socket */

    for (size_t i = 0; i < TN_ARRAY_LEN(places); i++) {
        if (places[i][0] == '\0')
            continue;
        r = connect_one(places[i], deadline_ns, error, ret_fd, ret_endpoint);
        if (r == 0 || r == TN_ENOMEM)
            return r;
    }
    return tn_client_error_set(error, r == TN_ETIMEOUT ? r : TN_ECONNECT,
                               "No server answers at %s%sunix:%s or %s. Start tenured, or say "
                               "where it listens (TENURE_ENDPOINT).",
                               user_socket, user_socket[0] ? ", " : "", DEFAULT_SOCKET_PATH,
                               DEFAULT_TCP);
}

int tn_endpoint_connect(const char *endpoint, uint64_t deadline_ns, struct tn_client_error *error,
                        int *ret_fd, char **ret_endpoint)
{
    if (!endpoint)
        endpoint = getenv("TENURE_ENDPOINT");
    if (endpoint && endpoint[0])
        return connect_one(endpoint, deadline_ns, error, ret_fd, ret_endpoint);
    return connect_default(deadline_ns, error, ret_fd, ret_endpoint);
}
