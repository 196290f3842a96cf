/* SPDX-License-Identifier: MIT */
/* Uploads and downloads through a real server: by libtenure and by the command. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tenure/tenure.h>
#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "tests/support/command.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/server_fixture.h"

#define MB ((size_t)1 << 20)

/* Content that is nowhere alike; no whole number of chunks. */
#define N_CONTENT (3 * MB + 12345 * 8)
static unsigned char content[N_CONTENT];

static void fill_content(void)
{
    uint64_t random = 1;

    for (size_t i = 0; i < N_CONTENT; i += 8) {
        uint64_t word = test_random(&random);

        memcpy(content + i, &word, sizeof(word));
    }
}

static tn_client *open_client(const struct server_fixture *f)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = f->endpoint;
    assert_int_equal(tn_client_open(&options, &client), 0);
    return client;
}

static void in_all_modes(void (*test)(struct server_fixture *f, tn_client *client))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        tn_client *client;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        client = open_client(&f);
        test(&f, client);
        tn_client_close(&client);
        server_fixture_stop(&f);
    }
}

/* The object of this handle has the content, piece by piece. */
static void expect_content(tn_client *client, const tn_handle *handle, size_t n_bytes, tn_kind kind)
{
    TN_DOWNLOAD_CLEANUP tn_download *download = NULL;
    const void *data;
    size_t n = 0;
    size_t size;
    int r;

    assert_int_equal(tn_download_open(client, tn_held(handle), &download), 0);
    assert_int_equal(tn_download_kind(download), kind);
    assert_int_equal(tn_download_size(download), n_bytes);
    while ((r = tn_download_next(download, &data, &size)) == 1) {
        assert_true(size > 0 && n + size <= n_bytes);
        assert_memory_equal(data, content + n, size);
        n += size;
    }
    assert_int_equal(r, 0);
    assert_int_equal(n, n_bytes);
    assert_int_equal(tn_download_crc32c(download), tn_crc32c(TN_CRC32C_EMPTY, content, n_bytes));
}

static void round_trip(tn_client *client, tn_kind kind, tn_format format, size_t n_bytes,
                       bool is_announced, size_t n_write)
{
    TN_UPLOAD_CLEANUP tn_upload *upload = NULL;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;

    assert_int_equal(
        tn_upload_open(client, kind, format, is_announced ? n_bytes : TN_SIZE_UNKNOWN, &upload), 0);
    for (size_t n = 0; n < n_bytes; n += n_write)
        assert_int_equal(
            tn_upload_write(upload, content + n, n_bytes - n < n_write ? n_bytes - n : n_write), 0);
    assert_int_equal(tn_upload_finish(upload, &handle), 0);
    assert_int_equal(tn_upload_confirmed(upload), n_bytes);
    expect_content(client, handle, n_bytes, kind);
}

static void round_trips(struct server_fixture *f, tn_client *client)
{
    static const struct {
        tn_kind kind;
        tn_format format;
    } kinds[] = { { TN_KIND_BYTES, TN_FORMAT_NONE },
                  { TN_KIND_BYTEARRAY, TN_FORMAT_NONE },
                  { TN_KIND_ARRAY, TN_FORMAT_F64 },
                  { TN_KIND_ARRAY, TN_FORMAT_U16 } };

    (void)f;
    for (size_t i = 0; i < TN_ARRAY_LEN(kinds); i++) {
        for (int announced = 0; announced < 2; announced++) {
            round_trip(client, kinds[i].kind, kinds[i].format, 0, announced, 1);
            round_trip(client, kinds[i].kind, kinds[i].format, 8, announced, 3);
            round_trip(client, kinds[i].kind, kinds[i].format, N_CONTENT, announced, N_CONTENT);
            round_trip(client, kinds[i].kind, kinds[i].format, N_CONTENT, announced, 10007);
        }
    }
}

static void test_what_is_uploaded_is_downloaded(void **state)
{
    (void)state;
    in_all_modes(round_trips);
}

/* ---- What goes wrong ---- */

static int call(tn_client *client, const tn_op *op)
{
    return tn_client_call(client, op, NULL);
}

static const char *reason(const tn_client *client)
{
    return tn_client_error(client)->reason;
}

static uint64_t begin(tn_client *client, uint64_t size)
{
    tn_op op = tn_op_init(TN_OP_UPLOAD_BEGIN);
    uint64_t stream = 0;
    tn_reply *reply;

    op.kind = TN_KIND_BYTES;
    op.limit = size;
    assert_int_equal(tn_client_call(client, &op, &reply), 0);
    assert_int_equal(tn_reply_stream(reply, &stream, NULL), 0);
    return stream;
}

static tn_op chunk_of(uint64_t stream, uint64_t offset, const char *text)
{
    tn_op op = tn_op_init(TN_OP_UPLOAD_CHUNK);

    op.cursor = stream;
    op.limit = offset;
    op.data = text;
    op.data_size = strlen(text);
    op.checksum = tn_crc32c(TN_CRC32C_EMPTY, text, strlen(text));
    return op;
}

static tn_op finish_of(uint64_t stream, const char *text)
{
    tn_op op = tn_op_init(TN_OP_UPLOAD_FINISH);

    op.cursor = stream;
    op.limit = strlen(text);
    op.checksum = tn_crc32c(TN_CRC32C_EMPTY, text, strlen(text));
    return op;
}

static void wrong_chunks(struct server_fixture *f, tn_client *client)
{
    uint64_t stream = begin(client, 6);
    tn_op op = chunk_of(stream, 1, "abc");

    (void)f;
    assert_int_equal(call(client, &op), TN_EPRECONDITION);
    assert_string_equal(reason(client), "STREAM_OFFSET");
    op = chunk_of(stream, 0, "abc");
    op.checksum++;
    assert_int_equal(call(client, &op), TN_EINVAL);
    assert_string_equal(reason(client), "CHECKSUM_MISMATCH");
    op = chunk_of(stream, 0, "abc"); /* it can be sent again */
    assert_int_equal(call(client, &op), 0);
    op = finish_of(stream, "abc");
    assert_int_equal(call(client, &op), TN_EPRECONDITION); /* 6 were announced */
    op = chunk_of(stream, 3, "def");
    assert_int_equal(call(client, &op), 0);
    op = finish_of(stream, "abcdeX");
    assert_int_equal(call(client, &op), TN_EINVAL);
    assert_string_equal(reason(client), "CHECKSUM_MISMATCH");
    op = chunk_of(stream, 6, "g");
    assert_int_equal(call(client, &op), TN_EINVAL); /* more than announced: given up */
    op = finish_of(stream, "abcdef");
    assert_int_equal(call(client, &op), TN_EHANDLE);
    assert_string_equal(reason(client), "STREAM_NOT_FOUND");
    op = tn_op_init(TN_OP_UPLOAD_BEGIN);
    op.kind = TN_KIND_LIST;
    assert_int_equal(call(client, &op), TN_EINVAL);
    op.kind = TN_KIND_ARRAY;
    assert_int_equal(call(client, &op), TN_EINVAL); /* of which format? */
    op.format = TN_FORMAT_I32;
    op.limit = 5;
    assert_int_equal(call(client, &op), TN_EINVAL); /* half an item */
    for (int i = 0; i < 16; i++)
        (void)begin(client, TN_SIZE_UNKNOWN);
    op = tn_op_init(TN_OP_UPLOAD_BEGIN);
    op.kind = TN_KIND_BYTES;
    assert_int_equal(call(client, &op), TN_ETOO_BIG);
    assert_string_equal(reason(client), "TOO_MANY_STREAMS");
    op = tn_op_init(TN_OP_UPLOAD_ABORT);
    op.cursor = 3;
    assert_int_equal(call(client, &op), 0);
    assert_int_equal(call(client, &op), TN_EHANDLE);
}

static void test_wrong_chunks_are_refused_one_by_one(void **state)
{
    (void)state;
    in_all_modes(wrong_chunks);
}

/* An array that changes its length while it is read. */
static void changing(struct server_fixture *f, tn_client *client)
{
    TN_DOWNLOAD_CLEANUP tn_download *download = NULL;
    TN_UPLOAD_CLEANUP tn_upload *upload = NULL;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    const void *data;
    size_t size;
    int r;

    (void)f;
    assert_int_equal(tn_upload_open(client, TN_KIND_BYTEARRAY, TN_FORMAT_NONE, N_CONTENT, &upload),
                     0);
    assert_int_equal(tn_upload_write(upload, content, N_CONTENT), 0);
    assert_int_equal(tn_upload_finish(upload, &handle), 0);
    assert_int_equal(tn_download_open(client, tn_held(handle), &download), 0);
    assert_int_equal(tn_download_next(download, &data, &size), 1);
    assert_int_equal(tn_client_array_delete(client, tn_held(handle), 0, NULL), 0);
    do
        r = tn_download_next(download, &data, &size);
    while (r == 1);
    assert_int_equal(r, TN_ESTALE);
    assert_int_equal(tn_download_next(download, &data, &size), TN_ESTALE);
}

static void test_download_notices_that_the_length_changes(void **state)
{
    (void)state;
    in_all_modes(changing);
}

/* ---- Memory ---- */

static bool is_empty(struct tn_census *census, void *arg)
{
    (void)arg;
    return census->live_objs == 0 && census->live_bytes == 0;
}

static void expect_refusal(tn_client *client, tn_kind kind, uint64_t size)
{
    TN_UPLOAD_CLEANUP tn_upload *upload = NULL;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    int r = tn_upload_open(client, kind, TN_FORMAT_NONE, size, &upload);

    for (int i = 0; r == 0 && i < 20; i++)
        r = tn_upload_write(upload, content, 2 * MB);
    if (r == 0)
        r = tn_upload_finish(upload, &handle);
    assert_int_equal(r, TN_EMEMORY);
    assert_string_equal(reason(client), "MEMORY_LIMIT");
    assert_non_null(strstr(tn_client_error(client)->message, "16mb"));
}

/* What does not fit is refused, at once if it was announced, and nothing is left. */
static void test_upload_beyond_the_limit_leaves_nothing(void **state)
{
    static const char *const options[] = { "max-memory", "16mb", NULL };

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        tn_client *client;

        server_fixture_start(&f, (enum tn_mode)mode, options);
        client = open_client(&f);
        expect_refusal(client, TN_KIND_BYTES, 40 * MB);
        expect_refusal(client, TN_KIND_BYTES, TN_SIZE_UNKNOWN);
        expect_refusal(client, TN_KIND_BYTEARRAY, TN_SIZE_UNKNOWN);
        server_fixture_await(&f, is_empty, NULL);
        /* Announced, nearly everything can be used. */
        round_trip(client, TN_KIND_BYTES, TN_FORMAT_NONE, N_CONTENT, true, MB);
        tn_client_close(&client);
        server_fixture_stop(&f);
    }
}

/* So many quarters of a megabyte leave no room for the content in a heap of sixteen. */
#define N_SOFT 52

static void fill_softly(tn_client *client)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_lifetime soft = TN_LIFETIME_INIT;
    char name[32];

    soft.kind = TN_BIND_SOFT;
    for (int i = 0; i < N_SOFT; i++) {
        (void)snprintf(name, sizeof(name), "soft-%d", i);
        assert_int_equal(tn_client_set_as(client, name, tn_value_bytes(values, content + i, MB / 4),
                                          &soft, NULL, NULL, NULL),
                         0);
        tn_values_clear(values);
    }
}

static size_t drop_soft(tn_client *client)
{
    size_t n = 0;
    char name[32];

    for (int i = 0; i < N_SOFT; i++) {
        (void)snprintf(name, sizeof(name), "soft-%d", i);
        n += tn_client_unbind(client, name) == 0;
    }
    return n;
}

/* Soft names go before an upload is refused. */
static void test_uploads_take_the_place_of_soft_names(void **state)
{
    static const char *const options[] = { "max-memory", "16mb", NULL };

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        tn_client *client;

        server_fixture_start(&f, (enum tn_mode)mode, options);
        client = open_client(&f);
        for (int announced = 0; announced < 2; announced++) {
            fill_softly(client);
            round_trip(client, TN_KIND_BYTEARRAY, TN_FORMAT_NONE, N_CONTENT, announced, MB);
            round_trip(client, TN_KIND_BYTES, TN_FORMAT_NONE, N_CONTENT, announced, MB);
            assert_true(drop_soft(client) < N_SOFT);
        }
        tn_client_close(&client);
        server_fixture_stop(&f);
    }
}

/* A list that holds itself and an array is collected while an upload is open. */
static void collected(struct server_fixture *f, tn_client *client)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_UPLOAD_CLEANUP tn_upload *upload = NULL;
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    tn_gc_result result;
    tn_value list;

    (void)f;
    assert_int_equal(tn_upload_open(client, TN_KIND_BYTEARRAY, TN_FORMAT_NONE, N_CONTENT, &upload),
                     0);
    for (size_t n = 0; n < N_CONTENT; n += MB) {
        list = tn_value_list(values);
        assert_int_equal(tn_value_append(list, list), 0);
        assert_int_equal(tn_value_append(list, tn_value_bytearray(values, content, MB / 4)), 0);
        assert_int_equal(tn_client_set(client, "cycle", list), 0);
        assert_int_equal(
            tn_upload_write(upload, content + n, N_CONTENT - n < MB ? N_CONTENT - n : MB), 0);
        assert_int_equal(tn_client_unbind(client, "cycle"), 0);
        tn_values_clear(values);
        assert_int_equal(tn_client_gc_collect(client, 2, &result), 0);
    }
    assert_int_equal(tn_upload_finish(upload, &handle), 0);
    expect_content(client, handle, N_CONTENT, TN_KIND_BYTEARRAY);
}

static void test_uploads_and_the_collector_do_not_mind_each_other(void **state)
{
    (void)state;
    in_all_modes(collected);
}

/* The client is a process that begins two uploads, tells so, and waits to be killed. */
static void be_the_client(const char *endpoint, int out)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_upload *uploads[2] = { NULL, NULL };
    tn_client *client = NULL;
    bool is_ok;

    options.endpoint = endpoint;
    is_ok = tn_client_open(&options, &client) == 0;
    for (int i = 0; is_ok && i < 2; i++)
        is_ok = tn_upload_open(client, TN_KIND_BYTES, TN_FORMAT_NONE,
                               i == 0 ? 2 * N_CONTENT : TN_SIZE_UNKNOWN, &uploads[i]) == 0 &&
                tn_upload_write(uploads[i], content, N_CONTENT) == 0;
    is_ok = is_ok && write(out, "!", 1) == 1;
    while (is_ok)
        (void)pause();
    _exit(1);
}

static bool holds_uploads(struct tn_census *census, void *arg)
{
    (void)arg;
    return census->live_objs >= 2;
}

static void test_client_killed_in_an_upload_leaves_nothing(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        char endpoint[128] = "";
        int to_child[2];
        int from_child[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe(to_child), 0);
        assert_int_equal(pipe(from_child), 0);
        pid = fork(); /* before there are threads */
        assert_true(pid >= 0);
        if (pid == 0) {
            if (read(to_child[0], endpoint, sizeof(endpoint)) == (ssize_t)sizeof(endpoint))
                be_the_client(endpoint, from_child[1]);
            _exit(1);
        }
        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        (void)snprintf(endpoint, sizeof(endpoint), "%s", f.endpoint);
        assert_int_equal(write(to_child[1], endpoint, sizeof(endpoint)), sizeof(endpoint));
        assert_int_equal(read(from_child[0], &byte, 1), 1);
        server_fixture_await(&f, holds_uploads, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        server_fixture_await(&f, is_empty, NULL);
        server_fixture_stop(&f);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(close(to_child[i]), 0);
            assert_int_equal(close(from_child[i]), 0);
        }
    }
}

/* ---- The command ---- */

static struct command_result tenure(const struct server_fixture *f, const char *input, ...)
{
    struct command_result result;
    va_list args;

    va_start(args, input);
    result = command_run_va(TN_TEST_TENURE, f->endpoint, input, args);
    va_end(args);
    return result;
}

/* Expects an exit code, and words in what is complained (NULL: nothing). */
static void expect(struct command_result result, int exit_code, const char *out, const char *words)
{
    if (result.exit_code != exit_code)
        fail_msg("exit code %d, not %d: %s%s", result.exit_code, exit_code, result.out, result.err);
    assert_string_equal(result.out, out);
    if (words == NULL)
        assert_string_equal(result.err, "");
    else if (strstr(result.err, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, result.err);
    command_result_free(&result);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void expect_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *found = malloc(size + 1);

    assert_true(file != NULL && found != NULL);
    assert_int_equal(fread(found, 1, size + 1, file), size);
    assert_memory_equal(found, data, size);
    assert_int_equal(fclose(file), 0);
    free(found);
}

static void test_the_command_moves_files(void **state)
{
    static const char *const options[] = { "max-memory", "16mb", NULL };
    char directory[] = "/tmp/tenure-streams-XXXXXX";
    char report[128];
    char in[64];
    char out[64];
    struct server_fixture f;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(in, sizeof(in), "%s/in", directory);
    (void)snprintf(out, sizeof(out), "%s/out", directory);
    (void)snprintf(report, sizeof(report), "{\"bytes\": %zu, \"crc32c\": \"%08x\"}\n", N_CONTENT,
                   tn_crc32c(TN_CRC32C_EMPTY, content, N_CONTENT));
    write_file(in, content, N_CONTENT);
    server_fixture_start(&f, TN_MODE_BIASED, options);
    expect(tenure(&f, NULL, "--json", "put-file", "x", in, NULL), 0, report, NULL);
    expect(tenure(&f, NULL, "--json", "get-file", "x", out, NULL), 0, report, NULL);
    expect_file(out, content, N_CONTENT);
    expect(tenure(&f, NULL, "put-file", "--type", "f64", "x", in, NULL), 0, "", NULL);
    expect(tenure(&f, NULL, "type", "x", NULL), 0, "array\n", NULL);
    expect(tenure(&f, NULL, "put-file", "--absent", "x", in, NULL), 1, "", "PRECONDITION_FAILED");
    expect(tenure(&f, "hello", "put-file", "y", "-", NULL), 0, "", NULL);
    expect(tenure(&f, NULL, "get-file", "y", "-", NULL), 0, "hello", NULL);
    expect(tenure(&f, NULL, "get-file", "y", "/dev/null", NULL), 0, "", NULL);

    /* What fails leaves no file, and does not touch the one that is there. */
    expect(tenure(&f, NULL, "get-file", "nope", in, NULL), 1, "", "NAME_NOT_FOUND");
    expect_file(in, content, N_CONTENT);
    expect(tenure(&f, NULL, "get-file", "x", "/dev/full", NULL), 5, "", "cannot be written");
    expect(tenure(&f, NULL, "get-file", "x", "/nowhere/out", NULL), 5, "", "cannot be written");
    expect(tenure(&f, NULL, "put-file", "z", "/nowhere/in", NULL), 5, "", "cannot be read");
    expect(tenure(&f, NULL, "put-file", "--type", "i7", "z", in, NULL), 2, "", "--type is");
    assert_int_equal(truncate(in, 40 * (off_t)MB), 0);
    expect(tenure(&f, NULL, "put-file", "z", in, NULL), 3, "", "MEMORY_LIMIT");
    expect(tenure(&f, NULL, "del", "x", "y", NULL), 0, "", NULL);
    server_fixture_stop(&f);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(unlink(out), 0);
    assert_int_equal(rmdir(directory), 0); /* nothing else is there */
}

/* An image of several tiles, which is inverted on the server. */
static void test_the_example_inverts_an_image(void **state)
{
    static const char header[] = "P6 # a comment\n700 701\n255\n";
    static const char written[] = "P6\n700 701\n255\n";
    const size_t n_pixels = (size_t)700 * 701 * 3;
    char directory[] = "/tmp/tenure-streams-XXXXXX";
    unsigned char *image = malloc(sizeof(header) + n_pixels);
    const char *args[3] = { NULL };
    struct server_fixture f;
    char in[64];
    char out[64];

    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_non_null(image);
    (void)snprintf(in, sizeof(in), "%s/in.ppm", directory);
    (void)snprintf(out, sizeof(out), "%s/out.ppm", directory);
    args[0] = in;
    args[1] = out;
    memcpy(image, header, sizeof(header) - 1);
    memcpy(image + sizeof(header) - 1, content, n_pixels);
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);

    write_file(in, image, sizeof(header) - 1 + n_pixels - 1);
    expect(command_run(TN_TEST_EXAMPLES_DIR "/invert_ppm", args, f.endpoint, NULL), 1, "",
           "in the middle of the image");
    assert_int_equal(access(out, F_OK), -1);

    write_file(in, image, sizeof(header) - 1 + n_pixels);
    expect(command_run(TN_TEST_EXAMPLES_DIR "/invert_ppm", args, f.endpoint, NULL), 0, "", NULL);
    memcpy(image, written, sizeof(written) - 1);
    for (size_t i = 0; i < n_pixels; i++)
        image[sizeof(written) - 1 + i] = (unsigned char)~content[i];
    expect_file(out, image, sizeof(written) - 1 + n_pixels);
    server_fixture_await(&f, is_empty, NULL);
    server_fixture_stop(&f);
    free(image);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(unlink(out), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_killed_in_an_upload_leaves_nothing),
        cmocka_unit_test(test_what_is_uploaded_is_downloaded),
        cmocka_unit_test(test_wrong_chunks_are_refused_one_by_one),
        cmocka_unit_test(test_download_notices_that_the_length_changes),
        cmocka_unit_test(test_upload_beyond_the_limit_leaves_nothing),
        cmocka_unit_test(test_uploads_take_the_place_of_soft_names),
        cmocka_unit_test(test_uploads_and_the_collector_do_not_mind_each_other),
        cmocka_unit_test(test_the_command_moves_files),
        cmocka_unit_test(test_the_example_inverts_an_image),
    };

    fill_content();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
