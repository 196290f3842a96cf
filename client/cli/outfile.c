/* SPDX-License-Identifier: MIT */
#include "client/cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"

static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };

/* For the signal handler: what it removes; NULL: nothing. Set while the signals are
 * blocked or not handled yet. */
static const char *volatile partial_path;

static void remove_and_die(int signal_number)
{
    const char *path = partial_path;

    if (path)
        (void)unlink(path);
    (void)raise(signal_number); /* the handler was for once */
}

static void handle_signals(void)
{
    struct sigaction action = { .sa_handler = remove_and_die, .sa_flags = (int)SA_RESETHAND };

    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        (void)sigaction(deadly[i], &action, NULL); /* cannot fail for these */
}

static int fail(const struct cli_outfile *file)
{
    cli_complain("%s cannot be written: %s.", file->path, strerror(errno));
    return CLI_LOCAL;
}

/* Whether something is there that is no file and so cannot be replaced. */
static bool is_special(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

static int open_partial(struct cli_outfile *file)
{
    mode_t mask = umask(0);

    (void)umask(mask);
    if (asprintf(&file->partial, "%s.XXXXXX", file->path) < 0) {
        file->partial = NULL;
        errno = ENOMEM;
        return fail(file);
    }
    file->fd = mkstemp(file->partial);
    if (file->fd < 0) {
        int code = fail(file);

        free(file->partial);
        file->partial = NULL;
        return code;
    }
    partial_path = file->partial;
    handle_signals();
    return fchmod(file->fd, 0666 & ~mask) < 0 ? fail(file) : CLI_OK;
}

int cli_outfile_open(struct cli_outfile *file, const char *path)
{
    *file = (struct cli_outfile){ .path = path, .fd = -1 };
    if (strcmp(path, "-") == 0) {
        file->path = "Standard output";
        file->fd = STDOUT_FILENO;
        return CLI_OK;
    }
    if (!is_special(path))
        return open_partial(file);
    file->fd = open(path, O_WRONLY | O_CLOEXEC);
    return file->fd < 0 ? fail(file) : CLI_OK;
}

int cli_outfile_write(struct cli_outfile *file, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t written = write(file->fd, at, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail(file);
        at += written;
        size -= (size_t)written;
    }
    return CLI_OK;
}

int cli_outfile_commit(struct cli_outfile *file)
{
    int r = file->fd == STDOUT_FILENO ? 0 : close(file->fd);

    file->fd = -1;
    if (r < 0 || (file->partial && rename(file->partial, file->path) < 0))
        return fail(file);
    partial_path = NULL;
    free(file->partial);
    file->partial = NULL;
    return CLI_OK;
}

void cli_outfile_fini(struct cli_outfile *file)
{
    if (file->fd >= 0 && file->fd != STDOUT_FILENO)
        (void)close(file->fd); /* nothing of it is kept */
    if (file->partial) {
        (void)unlink(file->partial);
        partial_path = NULL;
        free(file->partial);
    }
    *file = (struct cli_outfile){ .fd = -1 };
}
