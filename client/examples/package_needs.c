/* SPDX-License-Identifier: MIT */
/*
 * Prints everything that a package needs, directly or indirectly, by walking the
 * references between the objects that `packages` has stored: not a single name is
 * looked up but the first one.
 *
 * A dict is read with the list in it, but no deeper, so what it depends on comes
 * back as handles, one for each reference; these are read next. All packages that
 * are known to be needed are asked for at once. A package that has been seen is
 * recognised by its name, which is in the dict.
 */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenure/tenure.h>
#include <unistd.h>

struct walk {
    tn_client *client;
    tn_values *values;   /* of the answer that is being read */
    tn_handle **waiting; /* references that have not been followed */
    size_t n_waiting;
    size_t cap_waiting;
    void *seen; /* a tree of names, for tsearch() */
    int error;
    char message[256];
};

static void *need(void *memory)
{
    if (!memory) {
        (void)fprintf(stderr, "package_needs: there is no memory left\n");
        exit(1);
    }
    return memory;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Whether a package is met for the first time. */
static bool is_new(struct walk *walk, const char *name)
{
    char *copy;

    if (tfind(name, &walk->seen, compare_names))
        return false;
    copy = need(strdup(name));
    need(tsearch(copy, &walk->seen, compare_names));
    return true;
}

static void fail_walk(struct walk *walk, int error, const char *message)
{
    if (walk->error != 0)
        return;
    walk->error = error;
    (void)snprintf(walk->message, sizeof(walk->message), "%s", message);
}

/* Keeps the references of a package for the next round. */
static void follow_later(struct walk *walk, tn_value depends)
{
    size_t n = tn_value_len(depends);

    if (walk->n_waiting + n > walk->cap_waiting) {
        walk->cap_waiting = 2 * (walk->n_waiting + n);
        walk->waiting = need(reallocarray(walk->waiting, walk->cap_waiting, sizeof(tn_handle *)));
    }
    for (size_t i = 0; i < n; i++) {
        tn_handle *handle = tn_value_as_handle(tn_value_item(depends, i));

        if (handle) /* the answer's table owns it: it must outlive that */
            walk->waiting[walk->n_waiting++] = tn_handle_ref(handle);
    }
}

static void on_package(tn_client *client, tn_reply *reply, void *arg)
{
    struct walk *walk = arg;
    const char *name;
    tn_value dict;

    (void)client;
    tn_values_clear(walk->values);
    if (tn_reply_status(reply) < 0) {
        fail_walk(walk, tn_reply_status(reply), tn_reply_error(reply)->message);
        return;
    }
    if (tn_reply_value(reply, walk->values, &dict) < 0) {
        fail_walk(walk, TN_ENOMEM, "an answer could not be read");
        return;
    }
    name = tn_value_as_str(tn_value_find(dict, "name"), NULL);
    if (!name)
        fail_walk(walk, TN_ETYPE, "this is no dict of a package; store them with: packages");
    else if (is_new(walk, name))
        follow_later(walk, tn_value_find(dict, "depends"));
}

/* Asks for a package: what is in its dict and in the list there. */
static int ask(struct walk *walk, tn_target target)
{
    tn_op op = tn_op_get(target);
    tn_want want = TN_WANT_INIT;
    int r;

    want.max_depth = 2;
    op.want = &want;
    while ((r = tn_client_submit(walk->client, &op, on_package, walk)) == TN_EAGAIN) {
        r = tn_client_wait(walk->client, tn_client_window(walk->client) / 2);
        if (r < 0)
            break;
    }
    return r;
}

/* Follows references until there are none that have not been followed. */
static int follow_all(struct walk *walk)
{
    int r = tn_client_wait(walk->client, 0);

    while (r == 0 && walk->error == 0 && walk->n_waiting > 0) {
        tn_handle *handle = walk->waiting[--walk->n_waiting];

        r = ask(walk, tn_held(handle));
        tn_handle_release(&handle); /* told to the server behind the request */
        if (r == 0 && walk->n_waiting == 0)
            r = tn_client_wait(walk->client, 0);
    }
    return r;
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "Usage: package_needs [-e ENDPOINT] [-n NAMESPACE] [-p PREFIX] PACKAGE\n"
                  "Prints what PACKAGE needs, of the packages that `packages` has stored.\n");
    return 2;
}

static const char *wanted;

static void print_name(const void *node, VISIT visit, int depth)
{
    const char *name = *(const char *const *)node;

    (void)depth;
    if ((visit == postorder || visit == leaf) && strcmp(name, wanted) != 0)
        puts(name);
}

int main(int argc, char **argv)
{
    TN_CLIENT_CLEANUP tn_client *client = NULL;
    TN_VALUES_CLEANUP tn_values *values = need(tn_values_new());
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    struct walk walk = { .values = values };
    const char *prefix = "pkg/";
    char *name;
    int c;
    int r;

    while ((c = getopt(argc, argv, "e:n:p:")) >= 0) {
        if (c == 'e')
            options.endpoint = optarg;
        else if (c == 'n')
            options.namespace_name = optarg;
        else if (c == 'p')
            prefix = optarg;
        else
            return usage();
    }
    if (argc - optind != 1)
        return usage();
    wanted = argv[optind];
    if (asprintf(&name, "%s%s", prefix, wanted) < 0)
        name = need(NULL);

    r = tn_client_open(&options, &client);
    if (r == 0) {
        walk.client = client;
        r = ask(&walk, tn_named(name));
        if (r == 0)
            r = follow_all(&walk);
    }
    if (r < 0 || walk.error < 0)
        (void)fprintf(stderr, "package_needs: %s\n",
                      walk.error < 0 ? walk.message : tn_client_error(client)->message);
    else
        twalk(walk.seen, print_name);
    while (walk.n_waiting > 0)
        tn_handle_release(&walk.waiting[--walk.n_waiting]);
    tdestroy(walk.seen, free);
    free(walk.waiting);
    free(name);
    return r < 0 || walk.error < 0 ? 1 : 0;
}
