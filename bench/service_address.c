/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/service.h"

static bool parse_unix(const char *path, struct bench_address *ret_address)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };

    if (*path == '\0' || strlen(path) >= sizeof(name.sun_path))
        return false;
    memcpy(name.sun_path, path, strlen(path) + 1);
    memcpy(&ret_address->sockaddr, &name, sizeof(name));
    ret_address->len = sizeof(name);
    return true;
}

static bool parse_tcp(const char *text, struct bench_address *ret_address)
{
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found;
    char host[256];
    size_t len;

    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof(host))
        return false;
    len = (size_t)(colon - text);
    if (text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return false;
    memcpy(&ret_address->sockaddr, found->ai_addr, found->ai_addrlen);
    ret_address->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

bool bench_address_parse(const char *text, struct bench_address *ret_address)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, ret_address);
    if (strncmp(text, "tcp:", 4) == 0)
        return parse_tcp(text + 4, ret_address);
    return false;
}

int bench_address_connect(const struct bench_address *address)
{
    int fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address->sockaddr, address->len) != 0) {
        int errnum = errno;

        close(fd);
        errno = errnum;
        return -1;
    }
    /* A batch is written at once; without this the kernel might wait for more. */
    if (address->sockaddr.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

const char *bench_address_transport(const struct bench_address *address)
{
    return address->sockaddr.ss_family == AF_UNIX ? "unix" : "tcp";
}
