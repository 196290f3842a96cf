/* SPDX-License-Identifier: MIT */
/*
 * Inverts the colours of an image (binary PPM, 8 bits a channel) that is kept on the
 * server, as a list of tiles, each a bytearray. This program never holds more of the
 * image than one window, however large it is: it uploads the tiles piece by piece,
 * changes them where they are, and downloads them again.
 *
 *     invert_ppm INPUT.ppm OUTPUT.ppm
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <tenure/tenure.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t)64 << 10)
#define TILE_BYTES ((uint64_t)1 << 20)
#define SIDE_MAX 1000000
#define BAR_WIDTH 40

struct job {
    tn_client *client;
    tn_handle *tiles; /* a list */
    FILE *in;
    FILE *out;
    unsigned width;
    unsigned height;
    uint64_t n_bytes; /* of the pixels */
    unsigned char window[WINDOW_BYTES];
};

static int fail(const char *what)
{
    (void)fprintf(stderr, "invert_ppm: %s.\n", what);
    return -1;
}

static int fail_call(const struct job *job)
{
    (void)fprintf(stderr, "invert_ppm: %s\n", tn_client_error(job->client)->message);
    return -1;
}

/* On a terminal only. */
static void show_progress(const char *what, uint64_t n_done, uint64_t n_total)
{
    int n_full = n_total == 0 ? BAR_WIDTH : (int)(n_done * BAR_WIDTH / n_total);

    if (!isatty(STDERR_FILENO))
        return;
    (void)fprintf(stderr, "\r%-8s [", what);
    for (int i = 0; i < BAR_WIDTH; i++)
        (void)fputc(i < n_full ? '=' : ' ', stderr);
    (void)fputs(n_done == n_total ? "]\n" : "]", stderr);
}

/* A number of the header; white space and comments may stand in front of it. */
static int read_number(FILE *in, unsigned max, unsigned *ret_number)
{
    unsigned long number = 0;
    bool is_comment = false;
    int c = fgetc(in);

    while (c == '#' || isspace(c)) {
        while (c == '#' || (is_comment && c != '\n' && c != EOF)) {
            is_comment = true;
            c = fgetc(in);
        }
        is_comment = false;
        c = fgetc(in);
    }
    if (!isdigit(c))
        return -1;
    for (; isdigit(c); c = fgetc(in)) {
        number = number * 10 + (unsigned long)(c - '0');
        if (number > max)
            return -1;
    }
    *ret_number = (unsigned)number; /* the one white space behind it has been read */
    return 0;
}

static int read_header(struct job *job)
{
    unsigned depth = 0;
    char magic[2];

    if (fread(magic, 1, sizeof(magic), job->in) != sizeof(magic) || memcmp(magic, "P6", 2) != 0 ||
        read_number(job->in, SIDE_MAX, &job->width) < 0 ||
        read_number(job->in, SIDE_MAX, &job->height) < 0 || read_number(job->in, 255, &depth) < 0 ||
        depth != 255)
        return fail("The input is no binary PPM with 255 as its greatest value");
    job->n_bytes = (uint64_t)job->width * job->height * 3;
    return 0;
}

/* Fills one tile from the file. */
static int upload_tile(struct job *job, uint64_t size, tn_handle **ret_tile)
{
    TN_UPLOAD_CLEANUP tn_upload *upload = NULL;

    if (tn_upload_open(job->client, TN_KIND_BYTEARRAY, TN_FORMAT_NONE, size, &upload) < 0)
        return fail_call(job);
    while (size > 0) {
        size_t n = size < WINDOW_BYTES ? (size_t)size : WINDOW_BYTES;

        if (fread(job->window, 1, n, job->in) != n)
            return fail("The input ends in the middle of the image");
        if (tn_upload_write(upload, job->window, n) < 0)
            return fail_call(job);
        size -= n;
    }
    return tn_upload_finish(upload, ret_tile) < 0 ? fail_call(job) : 0;
}

static int upload_image(struct job *job)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();

    if (tn_client_put(job->client, tn_value_list(values), &job->tiles) < 0)
        return fail_call(job);
    for (uint64_t at = 0; at < job->n_bytes;) {
        uint64_t size = job->n_bytes - at < TILE_BYTES ? job->n_bytes - at : TILE_BYTES;
        TN_HANDLE_CLEANUP tn_handle *tile = NULL;

        tn_values_clear(values);
        if (upload_tile(job, size, &tile) < 0)
            return -1;
        if (tn_client_list_append(job->client, tn_held(job->tiles), tn_value_handle(values, tile),
                                  NULL) < 0)
            return fail_call(job);
        at += size;
        show_progress("upload", at, job->n_bytes);
    }
    return 0;
}

static int get_tile(struct job *job, uint64_t number, tn_handle **ret_tile)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_want want = TN_WANT_INIT;
    tn_value value;

    want.handle = true;
    if (tn_client_list_get(job->client, tn_held(job->tiles), (int64_t)number, &want, values,
                           &value) < 0)
        return fail_call(job);
    *ret_tile = tn_handle_ref(tn_value_as_handle(value));
    return 0;
}

/* Changes a tile where it is, a window at a time. */
static int invert_tile(struct job *job, tn_handle *tile)
{
    tn_range range;

    for (uint64_t at = 0;; at += range.size) {
        const unsigned char *from;

        if (tn_client_read(job->client, tn_held(tile), at, WINDOW_BYTES, &range) < 0)
            return fail_call(job);
        if (range.size == 0)
            return 0;
        from = range.data;
        for (size_t i = 0; i < range.size; i++)
            job->window[i] = (unsigned char)(255 - from[i]);
        if (tn_client_write(job->client, tn_held(tile), at, job->window, range.size, NULL) < 0)
            return fail_call(job);
    }
}

static int download_tile(struct job *job, tn_handle *tile)
{
    TN_DOWNLOAD_CLEANUP tn_download *download = NULL;
    const void *data;
    size_t size;
    int r;

    if (tn_download_open(job->client, tn_held(tile), &download) < 0)
        return fail_call(job);
    while ((r = tn_download_next(download, &data, &size)) == 1)
        if (fwrite(data, 1, size, job->out) != size)
            return fail("The output cannot be written");
    return r < 0 ? fail_call(job) : 0;
}

static int each_tile(struct job *job, const char *what,
                     int (*work)(struct job *job, tn_handle *tile))
{
    uint64_t n_tiles = (job->n_bytes + TILE_BYTES - 1) / TILE_BYTES;

    for (uint64_t i = 0; i < n_tiles; i++) {
        TN_HANDLE_CLEANUP tn_handle *tile = NULL;

        if (get_tile(job, i, &tile) < 0 || work(job, tile) < 0)
            return -1;
        show_progress(what, i + 1, n_tiles);
    }
    return 0;
}

static int run(struct job *job)
{
    if (read_header(job) < 0)
        return -1;
    if (tn_client_open(NULL, &job->client) < 0)
        return fail_call(job);
    if (upload_image(job) < 0 || each_tile(job, "invert", invert_tile) < 0)
        return -1;
    if (fprintf(job->out, "P6\n%u %u\n255\n", job->width, job->height) < 0)
        return fail("The output cannot be written");
    return each_tile(job, "download", download_tile);
}

int main(int argc, char **argv)
{
    static struct job job;
    int r;

    if (argc != 3) {
        (void)fprintf(stderr, "Usage: invert_ppm INPUT.ppm OUTPUT.ppm\n");
        return 2;
    }
    job.in = fopen(argv[1], "rb");
    job.out = job.in ? fopen(argv[2], "wb") : NULL;
    r = job.out ? run(&job) : fail("The input cannot be read, or the output not be written");
    tn_handle_release(&job.tiles); /* the image on the server is gone with it */
    tn_client_close(&job.client);
    if (job.in)
        (void)fclose(job.in); /* was only read */
    if (job.out && fclose(job.out) != 0 && r == 0)
        r = fail("The output cannot be written");
    if (job.out && r < 0)
        (void)remove(argv[2]);
    return r < 0 ? 1 : 0;
}
