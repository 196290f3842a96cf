/* SPDX-License-Identifier: MIT */
/* See address.h. */
#include "server/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "core/base/check.h"
#include "core/base/err.h"

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) + sizeof("unix:") <=
                   TN_ADDRESS_TEXT_SIZE,
               "every unix address can be written");

static int parse_unix(const char *path, struct tn_address *ret_address, struct tn_problem *problem)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret_address->sockaddr;
    size_t len = strlen(path);

    if (len == 0)
        return tn_problem_set(problem, TN_ERR_INVAL, "'unix:' needs the path of a socket");
    if (path[0] == '@')
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "'unix:%s' is an abstract socket, which everybody may use; give a "
                              "path",
                              path);
    if (len >= sizeof(un->sun_path))
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "the path '%s' has %zu bytes, but that of a socket has at most %zu",
                              path, len, sizeof(un->sun_path) - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, len + 1);
    ret_address->sockaddr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

static int parse_port(const char *text, in_port_t *ret_port)
{
    unsigned long port;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return TN_ERR_INVAL;
    errno = 0;
    port = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || port > UINT16_MAX)
        return TN_ERR_INVAL;
    *ret_port = htons((uint16_t)port);
    return 0;
}

/* HOST is an IPv4 address, an IPv6 address in brackets, or "localhost". */
static int parse_host(const char *host, in_port_t port, struct tn_address *ret_address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&ret_address->sockaddr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret_address->sockaddr;
    size_t len = strlen(host);
    char inner[INET6_ADDRSTRLEN];

    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = port;
        ret_address->sockaddr_len = sizeof(*in);
        return 0;
    }
    if (len < 3 || len - 2 >= sizeof(inner) || host[0] != '[' || host[len - 1] != ']')
        return TN_ERR_INVAL;
    memcpy(inner, host + 1, len - 2);
    inner[len - 2] = '\0';
    if (inet_pton(AF_INET6, inner, &in6->sin6_addr) != 1)
        return TN_ERR_INVAL;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = port;
    ret_address->sockaddr_len = sizeof(*in6);
    return 0;
}

static int parse_tcp(const char *rest, struct tn_address *ret_address, struct tn_problem *problem)
{
    const char *colon = strrchr(rest, ':');
    char host[64];
    in_port_t port;

    if (colon == NULL || parse_port(colon + 1, &port) < 0)
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "'tcp:%s' is not tcp:HOST:PORT with a port from 0 to 65535", rest);
    if ((size_t)(colon - rest) >= sizeof(host))
        return tn_problem_set(problem, TN_ERR_INVAL, "the host in 'tcp:%s' is too long", rest);
    memcpy(host, rest, (size_t)(colon - rest));
    host[colon - rest] = '\0';
    if (parse_host(host, port, ret_address) < 0)
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "the host in 'tcp:%s' is not an address such as 127.0.0.1 or [::1]",
                              rest);
    if (!tn_address_is_local((const struct sockaddr *)&ret_address->sockaddr))
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "'tcp:%s' can be reached from other machines; there is no "
                              "authentication yet, so only 127.0.0.0/8 and [::1] are allowed",
                              rest);
    return 0;
}

int tn_address_parse(const char *text, struct tn_address *ret_address, struct tn_problem *problem)
{
    struct tn_address address = { 0 };
    int r;

    if (strncmp(text, "unix:", 5) == 0)
        r = parse_unix(text + 5, &address, problem);
    else if (strncmp(text, "tcp:", 4) == 0)
        r = parse_tcp(text + 4, &address, problem);
    else
        r = tn_problem_set(problem, TN_ERR_INVAL, "'%s' is neither unix:PATH nor tcp:HOST:PORT",
                           text);
    if (r < 0)
        return r;
    *ret_address = address;
    return 0;
}

void tn_address_format(const struct tn_address *address, char ret_text[TN_ADDRESS_TEXT_SIZE])
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->sockaddr;
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->sockaddr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->sockaddr;
    char host[INET6_ADDRSTRLEN] = "?";

    switch (address->sockaddr.ss_family) {
    case AF_UNIX:
        (void)snprintf(ret_text, TN_ADDRESS_TEXT_SIZE, "unix:%s", un->sun_path);
        break;
    case AF_INET:
        (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        (void)snprintf(ret_text, TN_ADDRESS_TEXT_SIZE, "tcp:%s:%u", host, ntohs(in->sin_port));
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        (void)snprintf(ret_text, TN_ADDRESS_TEXT_SIZE, "tcp:[%s]:%u", host, ntohs(in6->sin6_port));
        break;
    default:
        (void)snprintf(ret_text, TN_ADDRESS_TEXT_SIZE, "unknown:%u",
                       (unsigned int)address->sockaddr.ss_family);
        break;
    }
}

unsigned int tn_address_port(const struct tn_address *address)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->sockaddr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->sockaddr;

    switch (address->sockaddr.ss_family) {
    case AF_INET:
        return ntohs(in->sin_port);
    case AF_INET6:
        return ntohs(in6->sin6_port);
    default:
        return 0;
    }
}

bool tn_address_is_local(const struct sockaddr *sockaddr)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sockaddr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sockaddr;

    switch (sockaddr->sa_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    default:
        return false;
    }
}

int tn_address_default_unix(struct tn_address *ret_address, struct tn_problem *problem)
{
    const char *directory = getenv("XDG_RUNTIME_DIR");
    char text[512];
    int n;

    if (directory == NULL || directory[0] != '/')
        directory = "/run";
    n = snprintf(text, sizeof(text), "unix:%s/tenure/tenured.sock", directory);
    if (n < 0 || (size_t)n >= sizeof(text))
        return tn_problem_set(problem, TN_ERR_INVAL, "XDG_RUNTIME_DIR is too long");
    n = tn_address_parse(text, ret_address, problem);
    if (n < 0)
        return n;
    ret_address->makes_directory = true;
    return 0;
}

void tn_address_default_tcp(struct tn_address *ret_address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&ret_address->sockaddr;

    *ret_address = (struct tn_address){ .sockaddr_len = sizeof(*in) };
    in->sin_family = AF_INET;
    in->sin_port = htons(TN_TCP_PORT_DEFAULT);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}
