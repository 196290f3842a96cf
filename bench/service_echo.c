/* SPDX-License-Identifier: MIT */
/*
 * The echo floor: the least that a server on sockets can do. It counts the bytes
 * that arrive, and for every so many it has been told make a request it answers
 * with so many bytes as the real server's answer has. One epoll loop, one read
 * and one write per readable socket, no parsing, no store. What a server costs
 * above this is its own.
 *
 * It runs in a process of its own, which has only this thread.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/service.h"

#define READ_BYTES ((size_t)256 << 10)
#define EVENTS_MAX 64
#define CONNS_MAX 16384

struct echo_conn {
    int fd; /* also its place in the table */
    struct bench_echo_hello hello;
    size_t hello_bytes;   /* of it, so far */
    size_t partial_bytes; /* of a request that has not arrived whole */
    size_t unsent_bytes;  /* of answers */
};

static struct echo_conn conns[CONNS_MAX];
static uint8_t in_buffer[READ_BYTES];
static uint8_t out_buffer[READ_BYTES];

static void watch(int epoll, int op, int fd, uint32_t events, void *who)
{
    struct epoll_event event = { .events = events, .data.ptr = who };

    if (epoll_ctl(epoll, op, fd, &event) != 0)
        _exit(1);
}

static void accept_one(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct echo_conn *conn;
    int on = 1;

    if (fd < 0)
        return;
    if (fd >= CONNS_MAX)
        _exit(1);
    conn = &conns[fd];
    *conn = (struct echo_conn){ .fd = fd };
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* fails on a unix socket */
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, conn);
}

/* The first bytes say how long requests and answers are. */
static size_t take_hello(struct echo_conn *conn, const uint8_t *bytes, size_t n)
{
    size_t n_missing = sizeof(conn->hello) - conn->hello_bytes;

    n = n < n_missing ? n : n_missing;
    memcpy((uint8_t *)&conn->hello + conn->hello_bytes, bytes, n);
    conn->hello_bytes += n;
    return n;
}

/* False if the connection is at its end. */
static bool send_answers(int epoll, struct echo_conn *conn)
{
    while (conn->unsent_bytes > 0) {
        size_t n_bytes = conn->unsent_bytes < READ_BYTES ? conn->unsent_bytes : READ_BYTES;
        ssize_t n = send(conn->fd, out_buffer, n_bytes, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            watch(epoll, EPOLL_CTL_MOD, conn->fd, EPOLLOUT, conn);
            return true;
        }
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            conn->unsent_bytes -= (size_t)n;
    }
    return true;
}

static bool serve(int epoll, struct echo_conn *conn, uint32_t events)
{
    ssize_t n;
    size_t n_bytes, n_hello = 0;

    if ((events & EPOLLOUT) != 0) {
        if (!send_answers(epoll, conn))
            return false;
        if (conn->unsent_bytes == 0)
            watch(epoll, EPOLL_CTL_MOD, conn->fd, EPOLLIN, conn);
        return true;
    }
    n = read(conn->fd, in_buffer, sizeof(in_buffer));
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    n_bytes = (size_t)n;
    if (conn->hello_bytes < sizeof(conn->hello))
        n_hello = take_hello(conn, in_buffer, n_bytes);
    n_bytes -= n_hello;
    if (n_bytes == 0 || conn->hello.request_bytes == 0)
        return n_bytes == 0;
    n_bytes += conn->partial_bytes;
    conn->partial_bytes = n_bytes % conn->hello.request_bytes;
    conn->unsent_bytes += n_bytes / conn->hello.request_bytes * conn->hello.answer_bytes;
    return send_answers(epoll, conn);
}

void bench_echo_serve(int unix_listener, int tcp_listener)
{
    struct epoll_event events[EVENTS_MAX];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0)
        _exit(1);
    memset(out_buffer, 'e', sizeof(out_buffer));
    watch(epoll, EPOLL_CTL_ADD, unix_listener, EPOLLIN, &unix_listener);
    watch(epoll, EPOLL_CTL_ADD, tcp_listener, EPOLLIN, &tcp_listener);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            void *who = events[i].data.ptr;

            if (who == &unix_listener || who == &tcp_listener)
                accept_one(epoll, *(int *)who);
            else if (!serve(epoll, who, events[i].events))
                close(((struct echo_conn *)who)->fd);
        }
    }
}
