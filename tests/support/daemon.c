/* SPDX-License-Identifier: MIT */
/* See daemon.h. */
#include "tests/support/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 32
#define AWAIT_MS 60000

void daemon_set_up(struct daemon *d)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct tn_problem problem = { { 0 } };
    char text[128];

    *d = (struct daemon){ .output_fd = -1 };
    (void)snprintf(d->directory, sizeof(d->directory), "/tmp/tenure-test-XXXXXX");
    assert_non_null(mkdtemp(d->directory));
    (void)snprintf(d->socket_path, sizeof(d->socket_path), "%s/socket", d->directory);
    (void)snprintf(d->port_path, sizeof(d->port_path), "%s/port", d->directory);
    (void)snprintf(d->notify_path, sizeof(d->notify_path), "%s/notify", d->directory);
    (void)snprintf(text, sizeof(text), "unix:%s", d->socket_path);
    assert_int_equal(tn_address_parse(text, &d->unix_address, &problem), 0);

    d->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(d->notify_fd >= 0);
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", d->notify_path);
    assert_int_equal(bind(d->notify_fd, (const struct sockaddr *)&un, sizeof(un)), 0);
}

void daemon_tear_down(struct daemon *d)
{
    (void)close(d->notify_fd);
    (void)unlink(d->notify_path);
    assert_int_equal(rmdir(d->directory), 0);
}

void daemon_run(struct daemon *d, const char *const *arguments, const char *const *environment)
{
    const char *argv[ARGUMENTS_MAX + 2] = { TN_TEST_TENURED };
    int output[2];
    size_t n = 1;

    for (; *arguments != NULL; arguments++) {
        assert_true(n < ARGUMENTS_MAX);
        argv[n++] = *arguments;
    }
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    (void)fflush(NULL);
    d->pid = fork();
    assert_true(d->pid >= 0);
    if (d->pid == 0) {
        for (; environment != NULL && *environment != NULL; environment++)
            (void)putenv((char *)(uintptr_t)*environment);
        (void)setenv("NOTIFY_SOCKET", d->notify_path, 1);
        (void)setenv("TENURE_CONFIG", "/dev/null", 0);
        (void)dup2(output[1], STDOUT_FILENO);
        (void)dup2(output[1], STDERR_FILENO);
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(output[1]);
    d->output_fd = output[0];
}

/* The port that the server has written down. */
static void read_port(struct daemon *d)
{
    struct tn_problem problem = { { 0 } };
    char text[64] = "tcp:127.0.0.1:";
    size_t len = strlen(text);
    FILE *file = fopen(d->port_path, "re");

    assert_non_null(file);
    assert_non_null(fgets(text + len, (int)(sizeof(text) - len), file));
    assert_int_equal(fclose(file), 0);
    text[strcspn(text, "\n")] = '\0';
    assert_int_equal(tn_address_parse(text, &d->tcp_address, &problem), 0);
}

void daemon_start(struct daemon *d, const char *const *arguments, const char *const *environment)
{
    const char *all[ARGUMENTS_MAX + 1] = { "--workers=2", "--listen=tcp:127.0.0.1:0" };
    char listen_option[128];
    char port_option[128];
    size_t n = 2;

    (void)snprintf(listen_option, sizeof(listen_option), "--listen=unix:%s", d->socket_path);
    (void)snprintf(port_option, sizeof(port_option), "--port-file=%s", d->port_path);
    all[n++] = listen_option;
    all[n++] = port_option;
    for (; arguments != NULL && *arguments != NULL; arguments++)
        all[n++] = *arguments;
    daemon_run(d, all, environment);
    daemon_await_notice(d, "READY=1");
    read_port(d);
}

void daemon_await_notice(struct daemon *d, const char *text)
{
    for (;;) {
        struct pollfd fd = { .fd = d->notify_fd, .events = POLLIN };
        char notice[256];
        ssize_t n;

        assert_int_equal(poll(&fd, 1, AWAIT_MS), 1);
        n = recv(d->notify_fd, notice, sizeof(notice) - 1, 0);
        assert_true(n >= 0);
        notice[n] = '\0';
        if (strcmp(notice, text) == 0)
            return;
    }
}

bool daemon_is_ready(struct daemon *d)
{
    for (;;) {
        struct pollfd fds[] = {
            { .fd = d->notify_fd, .events = POLLIN },
            { .fd = d->output_fd, .events = 0 }, /* POLLHUP when it has ended */
        };
        char notice[256];

        assert_true(poll(fds, 2, AWAIT_MS) > 0);
        if ((fds[0].revents & POLLIN) == 0)
            return false;
        if (recv(d->notify_fd, notice, sizeof(notice), 0) == 7 && memcmp(notice, "READY=1", 7) == 0)
            return true;
    }
}

void daemon_signal(struct daemon *d, int signal_number)
{
    assert_int_equal(kill(d->pid, signal_number), 0);
}

void daemon_freeze(struct daemon *d)
{
    siginfo_t info;

    daemon_signal(d, SIGSTOP);
    assert_int_equal(waitid(P_PID, (id_t)d->pid, &info, WSTOPPED), 0);
    assert_int_equal(info.si_code, CLD_STOPPED);
}

int daemon_wait(struct daemon *d, char *ret_output, size_t size)
{
    char scratch[4096];
    size_t len = 0;
    int status;
    ssize_t n;

    /* Its output ends when it does. */
    for (;;) {
        struct pollfd fd = { .fd = d->output_fd, .events = POLLIN };

        assert_int_equal(poll(&fd, 1, AWAIT_MS), 1);
        n = read(d->output_fd, scratch, sizeof(scratch));
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n && ret_output != NULL && len + 1 < size; i++)
            ret_output[len++] = scratch[i];
    }
    if (ret_output != NULL)
        ret_output[len] = '\0';
    (void)close(d->output_fd);
    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
