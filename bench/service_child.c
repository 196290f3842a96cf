/* SPDX-License-Identifier: MIT */
/*
 * The servers that are measured: children of ours, which end with us whatever
 * happens (PR_SET_PDEATHSIG), and are known by their process ids.
 *
 * CPU time is that of the whole process, all threads, by its CPU-time clock,
 * which counts nanoseconds; /proc/PID/stat only knows ticks of 10 ms, but tells
 * user and system apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/machine.h"
#include "bench/service.h"
#include "core/base/clock.h"

#define START_TIMEOUT_NS (UINT64_C(20) * TN_NS_PER_S)
#define STOP_TIMEOUT_MS 10000

/* Where servers of one CPU run; the load is put on the CPU before it. */
#define SERVER_CPU 1

/* Fields of /proc/PID/stat, by their numbers in proc(5). */
#define PROC_STAT_NAME 2
#define PROC_STAT_SYSTEM 15

#define PATH_SIZE 100 /* fits a socket's address */

/* ---- In the child, before it becomes what it is to be ---- */

static void become_child(pid_t parent, bool is_pinned)
{
    (void)signal(SIGINT, SIG_IGN); /* of the terminal: we tell them when to end */
    (void)signal(SIGTERM, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1); /* it ended before we could ask to end with it */
    if (is_pinned)
        bench_machine_pin(SERVER_CPU);
}

static pid_t fork_child(void)
{
    pid_t pid;

    fflush(stdout);
    fflush(stderr);
    pid = fork();
    if (pid < 0)
        bench_die("cannot start a process: %s", strerror(errno));
    return pid;
}

/* ---- tenured ---- */

/* An address that nobody uses: the system chooses a port. It is free again when
 * this returns, and nobody else is likely to get it so soon. */
static unsigned int free_port(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        bench_die("cannot find a free port: %s", strerror(errno));
    close(fd);
    return ntohs(name.sin_port);
}

/* Waits until the server answers, or ends the program. */
static void wait_until_up(struct bench_server *server, const char *program)
{
    uint64_t deadline_ns = tn_clock_ns() + START_TIMEOUT_NS;
    const struct timespec pause = { .tv_nsec = 2 * (long)TN_NS_PER_MS };
    int status;

    for (;;) {
        int fd = bench_address_connect(&server->unix_address);

        if (fd >= 0) {
            struct bench_server_info info;

            bench_session_open(fd, &info);
            close(fd);
            if (strcmp(info.mode, server->mode) != 0)
                bench_die("%s says that its mode is %s, not %s", program, info.mode, server->mode);
            server->max_in_flight = info.max_in_flight;
            return;
        }
        if (waitpid(server->pid, &status, WNOHANG) == server->pid)
            bench_die("%s (mode %s) ended as soon as it was started", program, server->mode);
        if (tn_clock_ns() > deadline_ns)
            bench_die("%s (mode %s) does not accept connections", program, server->mode);
        nanosleep(&pause, NULL);
    }
}

void bench_server_start(struct bench_server *server, const char *program, const char *directory,
                        enum tn_mode mode, unsigned int workers, bool is_pinned)
{
    char unix_listen[PATH_SIZE + 8], tcp_listen[40], workers_text[16];
    pid_t parent = getpid();

    *server =
        (struct bench_server){ .mode = tn_mode_name(mode), .workers = workers, .is_child = true };
    snprintf(unix_listen, sizeof(unix_listen), "unix:%s/%s-%u", directory, server->mode, workers);
    snprintf(tcp_listen, sizeof(tcp_listen), "tcp:127.0.0.1:%u", free_port());
    snprintf(workers_text, sizeof(workers_text), "%u", workers);
    if (!bench_address_parse(unix_listen, &server->unix_address) ||
        !bench_address_parse(tcp_listen, &server->tcp_address))
        bench_die("the directory's name is too long for a socket: %s", directory);
    server->pid = fork_child();
    if (server->pid == 0) {
        become_child(parent, is_pinned);
        execl(program, program, "--mode", server->mode, "--workers", workers_text, "--listen",
              unix_listen, "--listen", tcp_listen, "--log-level", "warning", (char *)NULL);
        fprintf(stderr, "tenure-bench: cannot run %s: %s\n", program, strerror(errno));
        _exit(127);
    }
    wait_until_up(server, program);
}

void bench_server_attach(struct bench_server *server, const char *endpoint)
{
    static char mode[16]; /* there is one such server at most */
    struct bench_server_info info;
    struct bench_address address;
    int fd;

    *server = (struct bench_server){ .mode = mode };
    if (!bench_address_parse(endpoint, &address))
        bench_die("'%s' is neither unix:PATH nor tcp:HOST:PORT", endpoint);
    fd = bench_address_connect(&address);
    if (fd < 0)
        bench_die("cannot connect to %s: %s", endpoint, strerror(errno));
    bench_session_open(fd, &info);
    close(fd);
    memcpy(mode, info.mode, sizeof(mode));
    server->workers = info.workers;
    server->max_in_flight = info.max_in_flight;
    server->pid = info.pid;
    server->unix_address = address;
    server->tcp_address = address;
}

/* ---- The echo floor ---- */

static int listen_at(const struct bench_address *address)
{
    int fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address->sockaddr, address->len) != 0 ||
        listen(fd, 1024) != 0)
        bench_die("cannot listen: %s", strerror(errno));
    return fd;
}

void bench_server_start_echo(struct bench_server *server, const char *directory, bool is_pinned)
{
    char path[PATH_SIZE + 8], tcp[40];
    pid_t parent = getpid();
    int unix_listener, tcp_listener;

    *server = (struct bench_server){ .mode = "echo",
                                     .workers = 1,
                                     .is_child = true,
                                     .is_echo = true,
                                     .max_in_flight = BENCH_PIPELINE_MAX };
    snprintf(path, sizeof(path), "unix:%s/echo", directory);
    snprintf(tcp, sizeof(tcp), "tcp:127.0.0.1:%u", free_port());
    if (!bench_address_parse(path, &server->unix_address) ||
        !bench_address_parse(tcp, &server->tcp_address))
        bench_die("the directory's name is too long for a socket: %s", directory);
    unix_listener = listen_at(&server->unix_address);
    tcp_listener = listen_at(&server->tcp_address);
    server->pid = fork_child();
    if (server->pid == 0) {
        become_child(parent, is_pinned);
        bench_echo_serve(unix_listener, tcp_listener);
    }
    close(unix_listener);
    close(tcp_listener);
}

/* ---- The end, and the cost ---- */

/* True if the child has ended within the time. */
static bool wait_for_end(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd watched = { .fd = fd, .events = POLLIN };
    int n;

    if (fd < 0)
        return false;
    do
        n = poll(&watched, 1, STOP_TIMEOUT_MS);
    while (n < 0 && errno == EINTR);
    close(fd);
    return n > 0;
}

void bench_server_stop(struct bench_server *server)
{
    int status;

    if (server->is_child) {
        kill(server->pid, SIGTERM);
        if (!wait_for_end(server->pid))
            kill(server->pid, SIGKILL);
        waitpid(server->pid, &status, 0);
    }
    *server = (struct bench_server){ 0 };
}

double bench_server_cpu_seconds(const struct bench_server *server)
{
    struct timespec ts;
    clockid_t clock;

    if (clock_getcpuclockid(server->pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
        return NAN;
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double bench_server_system_seconds(const struct bench_server *server)
{
    char path[32], line[1024];
    const char *at = NULL;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)server->pid);
    file = fopen(path, "re");
    if (file == NULL)
        return NAN;
    /* The name of the program may hold anything, but ends at the last bracket. */
    if (fgets(line, sizeof(line), file) != NULL)
        at = strrchr(line, ')');
    fclose(file);
    for (unsigned int field = PROC_STAT_NAME; at != NULL && field < PROC_STAT_SYSTEM; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return NAN;
    return (double)strtoul(at, NULL, 10) / (double)sysconf(_SC_CLK_TCK);
}
