/* SPDX-License-Identifier: MIT */
#include "bench/mallocs.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/attr.h"

struct library {
    const char *name;
    const char *files[3];
    const char *alloc;
    const char *free;
    struct bench_malloc functions;
    bool is_tried;
};

/* A cache of what was found; written by the main thread before any other starts. */
static struct library libraries[] = {
    { .name = "glibc", .files = { "libc.so.6" }, .alloc = "malloc", .free = "free" },
    { .name = "jemalloc", .files = { "libjemalloc.so.2" }, .alloc = "malloc", .free = "free" },
    { .name = "mimalloc",
      .files = { "libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so" },
      .alloc = "mi_malloc",
      .free = "mi_free" },
};

static void load(struct library *library)
{
    library->is_tried = true;
    for (size_t i = 0; i < TN_ARRAY_LEN(library->files) && library->files[i] != NULL; i++) {
        void *handle = dlopen(library->files[i], RTLD_NOW | RTLD_LOCAL);
        void *alloc = handle != NULL ? dlsym(handle, library->alloc) : NULL;
        void *release = handle != NULL ? dlsym(handle, library->free) : NULL;

        /* The library stays loaded for as long as we run. */
        if (alloc == NULL || release == NULL)
            continue;
        /* POSIX promises that functions fit into a void *, ISO C does not. */
        memcpy(&library->functions.alloc, &alloc, sizeof(alloc));
        memcpy(&library->functions.free, &release, sizeof(release));
        return;
    }
}

const struct bench_malloc *bench_malloc_find(const char *name)
{
    for (size_t i = 0; i < TN_ARRAY_LEN(libraries); i++) {
        struct library *library = &libraries[i];

        if (strcmp(library->name, name) != 0)
            continue;
        if (!library->is_tried)
            load(library);
        return library->functions.alloc != NULL ? &library->functions : NULL;
    }
    return NULL;
}
