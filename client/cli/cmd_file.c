/* SPDX-License-Identifier: MIT */
/* put-file and get-file: large content, piece by piece. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/json_array.h"
#include "client/cli/outfile.h"
#include "client/cli/progress.h"

#define READ_BYTES ((size_t)256 << 10)

/* With --json: what was transferred. */
static int report(const struct cli *cli, uint64_t n_bytes, uint32_t crc32c)
{
    struct cli_text text = { .data = NULL };

    if (!cli->json)
        return CLI_OK;
    cli_text_printf(&text, "{\"bytes\": %" PRIu64 ", \"crc32c\": \"%08" PRIx32 "\"}\n", n_bytes,
                    crc32c);
    return cli_print_text(&text);
}

/* How far it came, where it did not come to the end. */
static void report_partial(const char *what, uint64_t n_done, uint64_t n_total)
{
    if (n_total == TN_SIZE_UNKNOWN)
        cli_complain("%s: stopped after %" PRIu64 " bytes; nothing of it is kept.", what, n_done);
    else
        cli_complain("%s: stopped after %" PRIu64 " of %" PRIu64 " bytes; nothing of it is kept.",
                     what, n_done, n_total);
}

/* ---- put-file ---- */

struct source {
    const char *name;
    int fd;
    uint64_t n_bytes; /* TN_SIZE_UNKNOWN: it will turn out */
};

static int open_source(struct source *source, const char *path)
{
    struct stat about;

    *source = (struct source){ .name = path, .n_bytes = TN_SIZE_UNKNOWN };
    if (strcmp(path, "-") == 0)
        source->name = "standard input";
    source->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 || fstat(source->fd, &about) < 0) {
        cli_complain("%s cannot be read: %s.", source->name, strerror(errno));
        return CLI_LOCAL;
    }
    /* What was read from standard input before is not ours. */
    if (S_ISREG(about.st_mode) && source->fd != STDIN_FILENO)
        source->n_bytes = (uint64_t)about.st_size;
    return CLI_OK;
}

static void close_source(struct source *source)
{
    if (source->fd > STDIN_FILENO)
        (void)close(source->fd); /* was only read */
}

/* Reads until the buffer is full or the source ends. -1: an error, which is told. */
static ssize_t read_source(const struct source *source, char *buffer)
{
    size_t n = 0;

    while (n < READ_BYTES) {
        ssize_t got = read(source->fd, buffer + n, READ_BYTES - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            cli_complain("%s cannot be read: %s.", source->name, strerror(errno));
            return -1;
        }
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static int send_all(struct cli *cli, const struct source *source, tn_upload *upload,
                    struct cli_progress *progress)
{
    static char buffer[READ_BYTES];
    ssize_t n;

    while ((n = read_source(source, buffer)) > 0) {
        if (tn_upload_write(upload, buffer, (size_t)n) < 0) {
            cli_progress_end(progress);
            return cli_fail_about(cli, cli->args[0]);
        }
        cli_progress_update(progress, tn_upload_confirmed(upload));
    }
    return n < 0 ? CLI_LOCAL : CLI_OK;
}

/* The kind and format that --type states. */
static bool parse_type(const struct cli *cli, tn_kind *ret_kind, tn_format *ret_format)
{
    const char *name = cli->type ? cli->type : "bytes";

    *ret_format = cli_format_of(name);
    if (*ret_format != TN_FORMAT_NONE)
        *ret_kind = TN_KIND_ARRAY;
    else if (strcmp(name, "bytes") == 0)
        *ret_kind = TN_KIND_BYTES;
    else if (strcmp(name, "bytearray") == 0)
        *ret_kind = TN_KIND_BYTEARRAY;
    else
        return false;
    return true;
}

/* Uploads, and binds the name to what came of it. */
static int upload_and_bind(struct cli *cli, const struct source *source, tn_kind kind,
                           tn_format format)
{
    TN_UPLOAD_CLEANUP tn_upload *upload = NULL;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    struct cli_progress progress;
    int code;

    if (tn_upload_open(cli->client, kind, format, source->n_bytes, &upload) < 0)
        return cli_fail_about(cli, cli->args[0]);
    cli_progress_begin(&progress, cli, cli->args[0], source->n_bytes);
    code = send_all(cli, source, upload, &progress);
    cli_progress_end(&progress);
    if (code == CLI_OK && tn_upload_finish(upload, &handle) < 0)
        code = cli_fail_about(cli, cli->args[0]);
    if (code != CLI_OK) {
        report_partial(cli->args[0], tn_upload_confirmed(upload), source->n_bytes);
        return code;
    }
    if (tn_client_bind_if(cli->client, cli->args[0], tn_held(handle), cli_require(cli), NULL) < 0)
        return cli_fail_about(cli, cli->args[0]);
    return report(cli, tn_upload_confirmed(upload), tn_upload_crc32c(upload));
}

static int run_put(struct cli *cli)
{
    struct source source;
    tn_format format;
    tn_kind kind;
    int code;

    if (!parse_type(cli, &kind, &format))
        return cli_fail_usage(cli,
                              "--type is bytes, bytearray, or the format of an array: i8 u8 i16 "
                              "u16 i32 u32 i64 u64 f32 f64.");
    code = open_source(&source, cli->args[1]);
    if (code == CLI_OK)
        code = upload_and_bind(cli, &source, kind, format);
    close_source(&source);
    return code;
}

static const struct argp_option put_options[] = {
    CLI_OPTIONS_REQUIRE,
    { "type", CLI_OPT_TYPE, "TYPE", 0,
      "What it becomes: bytes, bytearray, or an array of i8 u8 i16 u16 i32 u32 i64 u64 f32 f64; "
      "without it: bytes",
      0 },
    { "quiet", CLI_OPT_QUIET, NULL, 0, "Draw no progress bar", 0 },
    { 0 },
};

const struct cli_command cli_cmd_put_file = {
    .name = "put-file",
    .args_doc = "NAME FILE\nNAME -",
    .summary = "Store the content of a file under a name",
    .doc = "The file is sent in pieces, each with a checksum, and neither side holds more of it "
           "than it must. The name is bound when all of it has arrived; if that fails, nothing "
           "is left on the server. \"-\" is standard input: as its size is not known "
           "beforehand, the server needs twice the memory meanwhile.",
    .options = put_options,
    .min_args = 2,
    .max_args = 2,
    .run = run_put,
};

/* ---- get-file ---- */

static int receive_all(struct cli *cli, tn_download *download, struct cli_outfile *file,
                       struct cli_progress *progress)
{
    uint64_t n_done = 0;
    const void *data;
    size_t size;
    int code = CLI_OK;
    int r = 0;

    while (code == CLI_OK && (r = tn_download_next(download, &data, &size)) == 1) {
        code = cli_outfile_write(file, data, size);
        n_done += size;
        cli_progress_update(progress, n_done);
    }
    cli_progress_end(progress);
    if (code == CLI_OK && r < 0)
        code = cli_fail_about(cli, cli->args[0]);
    if (code != CLI_OK)
        report_partial(cli->args[0], n_done, tn_download_size(download));
    return code;
}

static int run_get(struct cli *cli)
{
    TN_DOWNLOAD_CLEANUP tn_download *download = NULL;
    bool is_stdout = strcmp(cli->args[1], "-") == 0;
    struct cli_progress progress;
    struct cli_outfile file;
    int code;

    if (cli->json && is_stdout)
        return cli_fail_usage(cli, "The content and --json cannot both go to standard output.");
    if (tn_download_open(cli->client, tn_named(cli->args[0]), &download) < 0)
        return cli_fail_about(cli, cli->args[0]);
    code = cli_outfile_open(&file, cli->args[1]);
    if (code == CLI_OK) {
        cli_progress_begin(&progress, cli, cli->args[0], tn_download_size(download));
        code = receive_all(cli, download, &file, &progress);
    }
    if (code == CLI_OK)
        code = cli_outfile_commit(&file);
    cli_outfile_fini(&file);
    return code != CLI_OK ? code
                          : report(cli, tn_download_size(download), tn_download_crc32c(download));
}

static const struct argp_option get_options[] = {
    { "quiet", CLI_OPT_QUIET, NULL, 0, "Draw no progress bar", 0 },
    { 0 },
};

const struct cli_command cli_cmd_get_file = {
    .name = "get-file",
    .args_doc = "NAME FILE\nNAME -",
    .summary = "Write the content of a str, bytes, bytearray or array to a file",
    .doc = "The content comes in pieces, each with a checksum. FILE is replaced when all of it "
           "has arrived, and stays as it was otherwise; \"-\" is standard output. The items of an "
           "array are written as they are, little-endian.",
    .options = get_options,
    .min_args = 2,
    .max_args = 2,
    .run = run_get,
};
