/* SPDX-License-Identifier: MIT */
/*
 * Stores a Debian package index as linked objects.
 *
 * Each package becomes a dict {"name", "version", "size", "depends"}, bound to the
 * name PREFIX + package. "depends" is a list of the dicts of other packages, by
 * reference: nothing is copied, and since packages depend on each other in circles,
 * neither could it be.
 *
 * Rules:
 *  - Of several entries of one name the first counts. An entry with a Status that
 *    does not end in " installed" is left out (dpkg keeps those of removed packages).
 *  - Depends and Pre-Depends count alike. Versions and architectures behind a name
 *    are ignored.
 *  - Of alternatives (a | b) the first that exists is taken. A name exists if it is
 *    a package's, or else if packages provide it: then the first of them in the file.
 *  - A dependency that does not exist, or that is on the package itself, is left out.
 *    One that comes twice is taken once.
 *
 * It is done in two rounds of batches, which are in flight together: the dicts, whose
 * handles come back; and then the lists, which are made of these handles.
 */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenure/tenure.h>
#include <unistd.h>

#define BATCH_STEPS 128

/* ---- The index ---- */

struct package {
    char *name;
    char *version;
    char *size;    /* kilobytes installed */
    char *depends; /* both fields as they stand, joined by a comma */
    char *provides;
    tn_handle *handle;
};

/* A name that a package has or provides. Must not be moved. */
struct alias {
    const char *name;
    struct package *package;
};

struct index {
    struct package *packages;
    size_t n;
    size_t cap;
    void *by_name; /* trees of struct alias, for tsearch() */
    void *by_provided;
};

static void *need(void *memory)
{
    if (!memory) {
        (void)fprintf(stderr, "packages: there is no memory left\n");
        exit(1);
    }
    return memory;
}

static void free_package(struct package *package)
{
    tn_handle_release(&package->handle);
    free(package->name);
    free(package->version);
    free(package->size);
    free(package->depends);
    free(package->provides);
    *package = (struct package){ .name = NULL };
}

/* `*field` becomes "`*field`, `text`". */
static void join(char **field, const char *text)
{
    char *joined;

    if (asprintf(&joined, "%s%s%s", *field ? *field : "", *field ? ", " : "", text) < 0)
        joined = need(NULL);
    free(*field);
    *field = joined;
}

/* A field of the stanza that is being read. Returns where continuation lines go. */
static char **read_field(struct package *package, char *line, bool *ret_is_installed)
{
    char *colon = strchr(line, ':');
    char *text;
    char **field = NULL;
    size_t len;

    if (!colon)
        return NULL;
    *colon = '\0';
    text = colon + 1 + strspn(colon + 1, " \t");
    len = strlen(text);
    if (strcmp(line, "Package") == 0)
        field = &package->name;
    else if (strcmp(line, "Version") == 0)
        field = &package->version;
    else if (strcmp(line, "Installed-Size") == 0)
        field = &package->size;
    else if (strcmp(line, "Depends") == 0 || strcmp(line, "Pre-Depends") == 0)
        field = &package->depends;
    else if (strcmp(line, "Provides") == 0)
        field = &package->provides;
    else if (strcmp(line, "Status") == 0)
        *ret_is_installed = len >= 10 && strcmp(text + len - 10, " installed") == 0;
    if (field)
        join(field, text);
    return field;
}

static void add_package(struct index *index, struct package *package, bool is_installed)
{
    if (!package->name || !is_installed) {
        free_package(package);
        return;
    }
    if (index->n == index->cap) {
        index->cap = index->cap < 1024 ? 1024 : index->cap * 2;
        index->packages = need(reallocarray(index->packages, index->cap, sizeof(*index->packages)));
    }
    index->packages[index->n++] = *package;
    *package = (struct package){ .name = NULL };
}

static void read_index(FILE *file, struct index *index)
{
    struct package package = { .name = NULL };
    bool is_installed = true;
    char **field = NULL;
    char *line = NULL;
    size_t cap = 0;

    while (getline(&line, &cap, file) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0') {
            add_package(index, &package, is_installed);
            is_installed = true;
            field = NULL;
        } else if (line[0] == ' ' || line[0] == '\t') {
            if (field)
                join(field, line);
        } else {
            field = read_field(&package, line, &is_installed);
        }
    }
    add_package(index, &package, is_installed);
    free(line);
}

static int compare_aliases(const void *a, const void *b)
{
    return strcmp(((const struct alias *)a)->name, ((const struct alias *)b)->name);
}

static struct package *find(void *const *tree, const char *name)
{
    struct alias wanted = { .name = name };
    struct alias *const *found = tfind(&wanted, tree, compare_aliases);

    return found ? (*found)->package : NULL;
}

/* The first package of a name stays. */
static void enter(void **tree, const char *name, struct package *package)
{
    struct alias *alias = need(malloc(sizeof(*alias)));
    struct alias *const *found;

    *alias = (struct alias){ .name = name, .package = package };
    found = need(tsearch(alias, tree, compare_aliases));
    if (*found != alias)
        free(alias);
}

/* The next name of a list, cut out of it: "a (>= 1) | b:any, c" has a, b and c. What
 * is behind it up to the next separator is skipped; `ret_separator` is ',', '|' or 0. */
static char *next_name(char **at, char *ret_separator)
{
    char *name = *at + strspn(*at, " \t\n,|");
    char *end = name + strcspn(name, " \t\n,|(:[<");
    char *separator = end + strcspn(end, ",|");

    *ret_separator = *separator;
    *at = *separator ? separator + 1 : separator;
    *end = '\0';
    return name;
}

/* Leaves out repeated entries, and enters names and what is provided. */
static void link_index(struct index *index)
{
    size_t n = 0;

    for (size_t i = 0; i < index->n; i++) {
        struct package *package = &index->packages[i];

        if (find(&index->by_name, package->name)) {
            free_package(package);
            continue;
        }
        index->packages[n] = *package;
        enter(&index->by_name, index->packages[n].name, &index->packages[n]);
        n++;
    }
    index->n = n;
    for (size_t i = 0; i < index->n; i++) {
        char *at = index->packages[i].provides;

        while (at && *at) {
            char separator;
            char *name = next_name(&at, &separator);

            if (*name)
                enter(&index->by_provided, name, &index->packages[i]);
        }
    }
}

static void free_index(struct index *index)
{
    for (size_t i = 0; i < index->n; i++)
        free_package(&index->packages[i]);
    tdestroy(index->by_name, free);
    tdestroy(index->by_provided, free);
    free(index->packages);
}

/* ---- Storing ---- */

struct loader {
    struct index *index;
    tn_client *client;
    const char *prefix;
    size_t n_done; /* steps of both rounds that have been answered */
    size_t n_links;
    size_t n_missing;
    int error; /* of the first step that failed */
    char message[256];
    bool has_bar;
};

/* What a batch is about: its steps concern the packages from `first` on. */
struct ticket {
    struct loader *loader;
    size_t first;
};

static void draw_bar(struct loader *loader, const char *what)
{
    size_t n_all = 2 * loader->index->n;
    size_t width = n_all > 0 ? 40 * loader->n_done / n_all : 40;
    char bar[41];

    if (!loader->has_bar)
        return;
    memset(bar, ' ', 40);
    memset(bar, '=', width);
    bar[40] = '\0';
    (void)fprintf(stderr, "\r%-8s [%s] %3zu %%", what, bar,
                  n_all > 0 ? 100 * loader->n_done / n_all : 100);
    (void)fflush(stderr);
}

/* Takes the handles of the first round; of the second only failures matter. */
static void on_batch(tn_client *client, tn_reply *reply, void *arg)
{
    struct ticket *ticket = arg;
    struct loader *loader = ticket->loader;
    size_t n = tn_reply_n_steps(reply);

    (void)client;
    if (tn_reply_status(reply) < 0 && loader->error == 0) {
        loader->error = tn_reply_status(reply);
        (void)snprintf(loader->message, sizeof(loader->message), "%s",
                       tn_reply_error(reply)->message);
    }
    for (size_t i = 0; i < n; i++) {
        struct package *package = &loader->index->packages[ticket->first + i];
        tn_reply *step = tn_reply_step(reply, i);

        if (!package->handle)
            (void)tn_reply_handle(step, &package->handle, NULL); /* or it has failed */
        if (tn_reply_status(step) < 0 && loader->error == 0) {
            loader->error = tn_reply_status(step);
            (void)snprintf(loader->message, sizeof(loader->message), "%s: %s", package->name,
                           tn_reply_error(step)->message);
        }
    }
    loader->n_done += n;
    free(ticket);
}

/* Submits a batch as soon as there is room for it. */
static int submit(struct loader *loader, tn_batch *batch, size_t first)
{
    struct ticket *ticket = need(malloc(sizeof(*ticket)));
    tn_op op = tn_op_init(TN_OP_BATCH);
    int r;

    *ticket = (struct ticket){ .loader = loader, .first = first };
    op.batch = batch;
    while ((r = tn_client_submit(loader->client, &op, on_batch, ticket)) == TN_EAGAIN) {
        r = tn_client_wait(loader->client, tn_client_window(loader->client) / 2);
        if (r < 0)
            break;
    }
    if (r < 0)
        free(ticket);
    tn_batch_clear(batch);
    return r < 0 ? r : loader->error;
}

/* First round: the dict of a package, yet without dependencies. */
static int add_dict(struct loader *loader, const struct package *package, tn_batch *batch,
                    tn_values *values)
{
    tn_value dict = tn_value_dict(values);
    tn_want want = TN_WANT_INIT;
    char *name;
    tn_op op;
    int r;

    tn_value_set_str(dict, "name", tn_value_str(values, package->name));
    tn_value_set_str(dict, "version",
                     tn_value_str(values, package->version ? package->version : ""));
    tn_value_set_str(dict, "size",
                     tn_value_int(values, package->size ? strtoll(package->size, NULL, 10) : 0));
    if (asprintf(&name, "%s%s", loader->prefix, package->name) < 0)
        name = need(NULL);
    op = tn_op_set(name, dict);
    want.handle = true;
    op.want = &want;
    r = tn_batch_add(batch, &op);
    free(name);
    return r < 0 ? r : 0;
}

/* The package that the next dependency is satisfied by; NULL if there is none. */
static struct package *choose(struct index *index, char **at)
{
    struct package *chosen = NULL;
    char separator = '|';

    while (separator == '|') {
        char *name = next_name(at, &separator);

        if (!chosen && *name) {
            chosen = find(&index->by_name, name);
            if (!chosen)
                chosen = find(&index->by_provided, name);
        }
    }
    return chosen;
}

/* Second round: the list of the dicts that a package depends on. */
static int add_links(struct loader *loader, struct package *package, tn_batch *batch,
                     tn_values *values)
{
    tn_value list = tn_value_list(values);
    tn_op op = tn_op_init(TN_OP_DICT_SET);
    char *at = package->depends;
    int r;

    while (at && *at) {
        struct package *target = choose(loader->index, &at);
        bool is_new = true;

        if (!target) {
            loader->n_missing++;
            continue;
        }
        for (size_t i = 0; i < tn_value_len(list) && is_new; i++)
            is_new = tn_value_as_handle(tn_value_item(list, i)) != target->handle;
        if (!is_new || target == package)
            continue;
        tn_value_append(list, tn_value_handle(values, target->handle));
        loader->n_links++;
    }
    op.target = tn_held(package->handle);
    op.key = tn_value_str(values, "depends");
    op.value = list;
    r = tn_batch_add(batch, &op);
    return r < 0 ? r : 0;
}

static int run_round(struct loader *loader, tn_batch *batch, tn_values *values, bool is_first)
{
    const char *what = is_first ? "storing" : "linking";
    int r = 0;

    for (size_t i = 0; i < loader->index->n && r == 0;) {
        size_t first = i;

        tn_values_clear(values);
        for (; i < loader->index->n && i < first + BATCH_STEPS && r == 0; i++)
            r = is_first ? add_dict(loader, &loader->index->packages[i], batch, values)
                         : add_links(loader, &loader->index->packages[i], batch, values);
        if (r == 0)
            r = submit(loader, batch, first);
        draw_bar(loader, what);
    }
    if (r == 0)
        r = tn_client_wait(loader->client, 0);
    draw_bar(loader, what);
    return r < 0 ? r : loader->error;
}

static int store(struct loader *loader)
{
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(loader->client);
    TN_VALUES_CLEANUP tn_values *values = need(tn_values_new());
    int r = run_round(loader, need(batch), values, true);

    if (r == 0)
        r = run_round(loader, batch, values, false);
    if (loader->has_bar)
        (void)fprintf(stderr, "\r\033[K");
    return r;
}

/* ---- Removing ---- */

/* Unbinds all names with the prefix; what is not on a circle is gone then. */
static int remove_names(tn_client *client, const char *prefix, size_t *ret_n)
{
    TN_NAME_ITER_CLEANUP tn_name_iter *iter = NULL;
    tn_name_entry entry;
    int r = tn_name_iter_open(client, prefix, &iter);

    if (r < 0)
        return r;
    *ret_n = 0;
    while ((r = tn_name_iter_next(iter, &entry)) == 1) {
        tn_op op = tn_op_unbind(entry.name);

        while ((r = tn_client_submit(client, &op, NULL, NULL)) == TN_EAGAIN) {
            r = tn_client_wait(client, tn_client_window(client) / 2);
            if (r < 0)
                return r;
        }
        if (r < 0)
            return r;
        ++*ret_n;
    }
    return r < 0 ? r : tn_client_wait(client, 0);
}

/* ---- The command ---- */

static int fail(tn_client *client, const char *message)
{
    (void)fprintf(stderr, "packages: %s\n",
                  message && message[0] ? message : tn_client_error(client)->message);
    return 1;
}

static int run_store(tn_client *client, const char *path, const char *prefix)
{
    struct index index = { .packages = NULL };
    struct loader loader = {
        .index = &index, .client = client, .prefix = prefix, .has_bar = isatty(STDERR_FILENO)
    };
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    int r;

    if (!file) {
        perror(path);
        return 1;
    }
    read_index(file, &index);
    (void)fclose(file); /* was only read */
    link_index(&index);
    r = store(&loader);
    if (r == 0)
        printf("%zu packages with %zu dependencies; %zu dependencies have no package\n", index.n,
               loader.n_links, loader.n_missing);
    else
        r = fail(client, loader.message);
    free_index(&index);
    return r;
}

static int usage(void)
{
    (void)fprintf(stderr, "Usage: packages [-e ENDPOINT] [-n NAMESPACE] [-p PREFIX] [-d] [FILE]\n"
                          "Stores the Debian packages of FILE, by default /var/lib/dpkg/status,\n"
                          "under names that begin with PREFIX, by default \"pkg/\".\n"
                          "-d removes these names instead.\n");
    return 2;
}

int main(int argc, char **argv)
{
    TN_CLIENT_CLEANUP tn_client *client = NULL;
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    const char *prefix = "pkg/";
    bool is_removal = false;
    size_t n;
    int c;

    while ((c = getopt(argc, argv, "e:n:p:d")) >= 0) {
        switch (c) {
        case 'e':
            options.endpoint = optarg;
            break;
        case 'n':
            options.namespace_name = optarg;
            break;
        case 'p':
            prefix = optarg;
            break;
        case 'd':
            is_removal = true;
            break;
        default:
            return usage();
        }
    }
    if (argc - optind > 1 || (is_removal && argc > optind))
        return usage();
    if (tn_client_open(&options, &client) < 0)
        return fail(client, NULL);
    if (!is_removal)
        return run_store(client, argc > optind ? argv[optind] : "/var/lib/dpkg/status", prefix);
    if (remove_names(client, prefix, &n) < 0)
        return fail(client, NULL);
    printf("%zu names removed\n", n);
    return 0;
}
