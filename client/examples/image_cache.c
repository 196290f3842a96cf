/* SPDX-License-Identifier: MIT */
/*
 * A cache of images that holds what somebody shows, and nothing else: what
 * weakref.WeakValueDictionary is in Python, for several programs at once.
 *
 * Two viewers, each with a session of its own, wander through a collection and
 * show the last few images that they came to. An image is a PPM file in a bytes
 * object; a viewer that shows it holds a handle, and the cache is the names
 * "image/N", which are bound weakly: an image goes when the last viewer has gone
 * on, and its name with it. Nobody has to tell anybody, and nothing is evicted
 * that is in use. With `--soft` the names keep the images until the server is
 * short of memory, which makes a cache of the usual kind.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenure/tenure.h>

#define WIDTH 48
#define HEIGHT 32
#define HEADER "P6\n48 32\n255\n"
#define HEADER_BYTES (sizeof(HEADER) - 1)
#define IMAGE_BYTES (HEADER_BYTES + (size_t)3 * WIDTH * HEIGHT)

#define N_VIEWERS 2
#define N_IMAGES 60
#define N_SHOWN 5 /* by each viewer */
#define STRIDE 4  /* how far a viewer goes at most */

struct viewer {
    tn_client *client;
    tn_values *values;
    int at;
    int shown[N_SHOWN]; /* the images of the handles */
    tn_handle *handles[N_SHOWN];
    int oldest;
};

struct record {
    int n_hits;
    int n_misses;
    int n_vanished;           /* of the misses: had been in the cache before */
    bool was_there[N_IMAGES]; /* has been in the cache */
};

static int fail(const struct viewer *viewer)
{
    (void)fprintf(stderr, "image_cache: %s\n", tn_client_error(viewer->client)->message);
    return -1;
}

/* Stands for whatever is too dear to be done for each viewer. */
static void render(int image, unsigned char *ret_bytes)
{
    memcpy(ret_bytes, HEADER, HEADER_BYTES);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            unsigned char *pixel = ret_bytes + HEADER_BYTES + (size_t)3 * (size_t)(y * WIDTH + x);

            pixel[0] = (unsigned char)(x * 255 / WIDTH + image);
            pixel[1] = (unsigned char)(y * 255 / HEIGHT + 2 * image);
            pixel[2] = (unsigned char)((x ^ y) * 8 + 3 * image);
        }
    }
}

/* Whether what a viewer holds is the image that it should be. */
static int check(struct viewer *viewer, const tn_handle *handle, int image)
{
    unsigned char expected[IMAGE_BYTES];
    const void *bytes;
    size_t size = 0;
    tn_value value;

    if (tn_client_get(viewer->client, tn_held(handle), NULL, viewer->values, &value) < 0)
        return fail(viewer);
    render(image, expected);
    bytes = tn_value_as_bytes(value, &size);
    if (!bytes || size != IMAGE_BYTES || memcmp(bytes, expected, IMAGE_BYTES) != 0) {
        (void)fprintf(stderr, "image_cache: What is in the cache is not image %d.\n", image);
        return -1;
    }
    tn_values_clear(viewer->values);
    return 0;
}

/* Renders an image and puts it into the cache, unless somebody else was faster. */
static int make(struct viewer *viewer, const char *name, int image, const tn_lifetime *lifetime,
                tn_handle **ret_handle)
{
    unsigned char bytes[IMAGE_BYTES];
    tn_require absent = TN_REQUIRE_INIT;
    int r;

    absent.absent = true;
    render(image, bytes);
    r = tn_client_set_as(viewer->client, name, tn_value_bytes(viewer->values, bytes, IMAGE_BYTES),
                         lifetime, &absent, NULL, ret_handle);
    tn_values_clear(viewer->values);
    if (r == TN_EPRECONDITION)
        r = tn_client_lookup(viewer->client, name, ret_handle, NULL);
    return r < 0 ? fail(viewer) : 0;
}

static bool is_shown(const struct viewer *viewers, int image)
{
    for (int i = 0; i < N_VIEWERS; i++) {
        for (int k = 0; k < N_SHOWN; k++) {
            if (viewers[i].handles[k] && viewers[i].shown[k] == image)
                return true;
        }
    }
    return false;
}

/* Shows an image in the place of the oldest one. */
static int show(struct viewer *viewers, struct viewer *viewer, int image,
                const tn_lifetime *lifetime, struct record *record)
{
    tn_handle *handle = NULL;
    char name[32];
    int r;

    (void)snprintf(name, sizeof(name), "image/%d", image);
    r = tn_client_lookup(viewer->client, name, &handle, NULL);
    if (r == 0) {
        record->n_hits++;
    } else if (r == TN_ENAME && lifetime->kind == TN_BIND_WEAK && is_shown(viewers, image)) {
        (void)fprintf(stderr, "image_cache: Image %d vanished while it was shown.\n", image);
        return -1;
    } else if (r == TN_ENAME) {
        record->n_misses++;
        record->n_vanished += record->was_there[image];
        if (make(viewer, name, image, lifetime, &handle) < 0)
            return -1;
    } else {
        return fail(viewer);
    }
    record->was_there[image] = true;
    if (check(viewer, handle, image) < 0) {
        tn_handle_release(&handle);
        return -1;
    }
    tn_handle_release(&viewer->handles[viewer->oldest]);
    viewer->handles[viewer->oldest] = handle;
    viewer->shown[viewer->oldest] = image;
    viewer->oldest = (viewer->oldest + 1) % N_SHOWN;
    return 0;
}

/* How many images the cache holds; with `clear`, removes them. */
static int count_cached(struct viewer *viewer, bool clear, int *ret_count)
{
    TN_NAME_ITER_CLEANUP tn_name_iter *iter = NULL;
    tn_name_entry entry;
    int count = 0;
    int r;

    if (tn_name_iter_open(viewer->client, "image/", &iter) < 0)
        return fail(viewer);
    while ((r = tn_name_iter_next(iter, &entry)) == 1) {
        count++;
        if (clear) {
            r = tn_client_unbind(viewer->client, entry.name);
            if (r < 0 && r != TN_ENAME) /* it may have gone by itself */
                break;
        }
    }
    if (r < 0)
        return fail(viewer);
    *ret_count = count;
    return 0;
}

static int wander(struct viewer *viewers, int n_requests, const tn_lifetime *lifetime)
{
    struct record record = { 0 };
    uint32_t random = 12345;
    int n_cached;

    for (int i = 0; i < n_requests; i++) {
        struct viewer *viewer = &viewers[i % N_VIEWERS];

        random = random * 1664525u + 1013904223u;
        viewer->at = (viewer->at + N_IMAGES + (int)(random >> 16) % (2 * STRIDE + 1) - STRIDE + 1) %
                     N_IMAGES;
        if (show(viewers, viewer, viewer->at, lifetime, &record) < 0)
            return -1;
    }
    if (count_cached(&viewers[0], false, &n_cached) < 0)
        return -1;
    printf("%d requests: %d hits, %d misses, of which %d had vanished; %d images in the cache\n",
           n_requests, record.n_hits, record.n_misses, record.n_vanished, n_cached);
    return count_cached(&viewers[0], true, &n_cached);
}

static int open_viewers(struct viewer *viewers)
{
    for (int i = 0; i < N_VIEWERS; i++) {
        viewers[i].at = i * 3;
        viewers[i].values = tn_values_new();
        if (tn_client_open(NULL, &viewers[i].client) < 0)
            return fail(&viewers[i]);
    }
    return 0;
}

static void close_viewers(struct viewer *viewers)
{
    for (int i = 0; i < N_VIEWERS; i++) {
        for (int k = 0; k < N_SHOWN; k++)
            tn_handle_release(&viewers[i].handles[k]);
        tn_values_free(&viewers[i].values);
        tn_client_close(&viewers[i].client);
    }
}

int main(int argc, char **argv)
{
    struct viewer viewers[N_VIEWERS] = { 0 };
    tn_lifetime lifetime = TN_LIFETIME_INIT;
    char *end = NULL;
    long n_requests = 400;
    int at = 1;
    int r;

    lifetime.kind = TN_BIND_WEAK;
    if (at < argc && strcmp(argv[at], "--soft") == 0) {
        lifetime.kind = TN_BIND_SOFT;
        at++;
    }
    if (at < argc)
        n_requests = strtol(argv[at++], &end, 10);
    if (at < argc || (end && *end != '\0') || n_requests <= 0 || n_requests > 1000000) {
        (void)fprintf(stderr, "usage: image_cache [--soft] [REQUESTS]\n");
        return 2;
    }
    r = open_viewers(viewers);
    if (r == 0)
        r = wander(viewers, (int)n_requests, &lifetime);
    close_viewers(viewers);
    return r < 0 ? 1 : 0;
}
