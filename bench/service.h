/* SPDX-License-Identifier: MIT */
/*
 * The service over the wire: what its parts know of each other.
 *
 *   service.c          rows and rounds
 *   service_child.c    the servers: tenured in each mode, and the echo floor
 *   service_echo.c     what the echo floor does
 *   service_address.c  where a server is
 *   service_frames.c   requests as bytes, and what answers must look like
 *   service_load.c     the load: an epoll loop over all connections
 *
 * Threads: the main thread throughout.
 */
#ifndef TN_BENCH_SERVICE_H
#define TN_BENCH_SERVICE_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "bench/heap.h"
#include "bench/plan.h"

/* Options of the command `service` alone. */
extern const struct argp bench_service_argp;

/* ---- Addresses ---- */

struct bench_address {
    struct sockaddr_storage sockaddr;
    socklen_t len;
};

/* "unix:PATH" or "tcp:ADDRESS:PORT" (an IPv4 address, an IPv6 one in brackets,
 * or localhost). False if it is neither. */
bool bench_address_parse(const char *text, struct bench_address *ret_address);

/* A connected blocking socket, or -1 with errno. */
int bench_address_connect(const struct bench_address *address);

/* "unix" or "tcp". */
const char *bench_address_transport(const struct bench_address *address);

/* ---- Frames ---- */

enum bench_request {
    BENCH_REQUEST_GET,
    BENCH_REQUEST_SET,
};

/* Ids are of one length on the wire, so that they can be written into a frame. */
#define BENCH_ID_MIN (UINT32_C(1) << 21)
#define BENCH_ID_MAX ((UINT32_C(1) << 28) - 1)

#define BENCH_PIPELINE_MAX 1024
#define BENCH_VALUE_BYTES_MIN BENCH_KEY_BYTES
#define BENCH_VALUE_BYTES_MAX 65536

/* A request encoded once; id, key and value are written into copies of it. */
struct bench_frame {
    enum bench_request request;
    uint8_t *bytes;
    size_t len;
    size_t id_at;
    size_t key_at;
    size_t value_at; /* set: the key is repeated where the value begins */
    size_t value_bytes;
};

/* Encodes a request through proto/. Freed with bench_frame_fini(). */
void bench_frame_init(struct bench_frame *frame, enum bench_request request, size_t value_bytes);
void bench_frame_fini(struct bench_frame *frame);

/* Writes a request to `out`, where there is room for frame->len bytes. */
void bench_frame_write(const struct bench_frame *frame, uint8_t *out, uint32_t id, uint32_t key);

/*
 * Checks an answer: whole and well-formed as far as needed, the right id, no
 * error, for a get a bytes object of the right length that begins with the key.
 * With `thoroughly` it is unpacked and checked as the client library would do,
 * and every byte of the value compared. Ends the program if something is wrong.
 */
void bench_answer_check(const struct bench_frame *frame, const uint8_t *message, size_t len,
                        uint32_t id, uint32_t key, bool thoroughly);

/* What a server says of itself. */
struct bench_server_info {
    char mode[16];
    uint32_t workers;
    uint32_t max_in_flight;
    pid_t pid;
};

/* Opens the session on a connected blocking socket. Ends the program if that is
 * refused. `ret_info` may be NULL; otherwise it is asked for as well. */
void bench_session_open(int fd, struct bench_server_info *ret_info);

/* ---- Servers ---- */

struct bench_server {
    const char *mode;     /* "gil", "atomic", "biased" or "echo" */
    unsigned int workers; /* echo: 1 */
    pid_t pid;
    bool is_child; /* ours to end */
    bool is_echo;
    unsigned int max_in_flight;
    struct bench_address unix_address;
    struct bench_address tcp_address;
};

/* Starts tenured; `directory` is a directory for its sockets. Ends the program
 * if it does not come up. */
void bench_server_start(struct bench_server *server, const char *program, const char *directory,
                        enum tn_mode mode, unsigned int workers, bool is_pinned);

/* Starts the echo floor: for each request of a length, an answer of a length. */
void bench_server_start_echo(struct bench_server *server, const char *directory, bool is_pinned);

/* Uses a server that runs already. */
void bench_server_attach(struct bench_server *server, const char *endpoint);

void bench_server_stop(struct bench_server *server);

/* CPU time of all its threads so far, in seconds; NaN if it cannot be known. */
double bench_server_cpu_seconds(const struct bench_server *server);

/* The part of it spent in the kernel; counted in ticks of 10 ms. */
double bench_server_system_seconds(const struct bench_server *server);

/* What a client of the echo floor sends first. */
struct bench_echo_hello {
    uint32_t request_bytes;
    uint32_t answer_bytes;
};

/* The echo floor itself: serves both listening sockets for ever. */
TN_NORETURN void bench_echo_serve(int unix_listener, int tcp_listener);

/* ---- Load ---- */

struct bench_load {
    const struct bench_server *server;
    const struct bench_address *address;
    const struct bench_frame *frame;
    unsigned int connections;
    unsigned int pipeline; /* requests sent together; the next ones after the last answer */
    uint32_t n_keys;
    uint64_t seed;
    uint64_t stream;
    double seconds; /* 0: until n_ops */
    uint64_t n_ops;
    bool in_order;                   /* every key once, from 0 to n_keys - 1; then it ends */
    struct bench_histogram *latency; /* ns from sending a batch to each answer; or NULL */
    size_t answer_bytes;             /* echo: of an answer */
};

struct bench_load_result {
    uint64_t n_ops;
    double seconds;
    double server_cpu_seconds;
    double server_system_seconds;
    double client_cpu_seconds;
};

/* Opens the connections, puts the load on the server, and closes them again.
 * Times are from the first request to the last answer. */
struct bench_load_result bench_load_run(const struct bench_load *load);

/* Bytes of the server's answer to a frame, frame prefix included, as a server
 * that is there gives it: for the echo floor. */
size_t bench_load_probe_answer(const struct bench_server *server,
                               const struct bench_address *address,
                               const struct bench_frame *frame);

#endif
