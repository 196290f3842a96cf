/* SPDX-License-Identifier: MIT */
#include "tests/support/command.h"

#include <errno.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 64

extern char **environ;

/* A file in memory, with a text at whose beginning it stands. */
static int memory_file(const char *text)
{
    int fd = memfd_create("command", MFD_CLOEXEC);
    size_t len = text ? strlen(text) : 0;

    assert_true(fd >= 0);
    if (len > 0)
        assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static char *contents(int fd, size_t *ret_len)
{
    off_t len = lseek(fd, 0, SEEK_END);
    char *text;

    assert_true(len >= 0);
    text = malloc((size_t)len + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)len, 0), len);
    text[len] = '\0';
    (void)close(fd); /* nothing is lost with it */
    if (ret_len)
        *ret_len = (size_t)len;
    return text;
}

/* Our environment, but with the server's endpoint and no user's habits. */
static char **make_environment(const char *endpoint)
{
    static const char *const dropped[] = { "TENURE_ENDPOINT=", "HOME=", "XDG_STATE_HOME=",
                                           "XDG_RUNTIME_DIR=", "ARGP_HELP_FMT=" };
    size_t n = 0;
    char **environment;

    while (environ[n])
        n++;
    environment = calloc(n + 3, sizeof(*environment));
    assert_non_null(environment);
    n = 0;
    for (char **variable = environ; *variable; variable++) {
        int is_dropped = 0;

        for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
            is_dropped |= strncmp(*variable, dropped[i], strlen(dropped[i])) == 0;
        if (!is_dropped) {
            environment[n] = strdup(*variable);
            assert_non_null(environment[n++]);
        }
    }
    assert_true(asprintf(&environment[n++], "HOME=/nonexistent") > 0);
    assert_true(asprintf(&environment[n++], "TENURE_ENDPOINT=%s", endpoint) > 0);
    return environment;
}

struct command_result command_run(const char *program, const char *const *args,
                                  const char *endpoint, const char *input)
{
    char *argv[ARGS_MAX + 2] = { (char *)(uintptr_t)program };
    char **environment = make_environment(endpoint);
    struct command_result result = { .exit_code = -1 };
    posix_spawn_file_actions_t actions;
    int fds[3] = { memory_file(input), memory_file(NULL), memory_file(NULL) };
    int status = 0;
    pid_t pid;

    for (size_t i = 0; args[i]; i++) {
        assert_true(i < ARGS_MAX);
        argv[i + 1] = (char *)(uintptr_t)args[i]; /* only read */
    }
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[i], i), 0);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, argv, environment), 0);
    assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    if (WIFEXITED(status))
        result.exit_code = WEXITSTATUS(status);
    (void)close(fds[0]); /* was only read */
    result.out = contents(fds[1], &result.out_len);
    result.err = contents(fds[2], NULL);
    for (char **variable = environment; *variable; variable++)
        free(*variable);
    free((void *)environment);
    return result;
}

struct command_result command_run_va(const char *program, const char *endpoint, const char *input,
                                     va_list args)
{
    const char *list[ARGS_MAX + 1];
    size_t n = 0;

    do
        assert_true(n <= ARGS_MAX);
    while ((list[n++] = va_arg(args, const char *)));
    return command_run(program, list, endpoint, input);
}

void command_result_free(struct command_result *result)
{
    free(result->out);
    free(result->err);
    *result = (struct command_result){ .exit_code = -1 };
}
