/* SPDX-License-Identifier: MIT */
/*
 * Other people's allocators as baselines. They are found in their own shared
 * libraries by name, because `malloc` itself is jemalloc's wherever the heap is
 * built on it; so all of them are called through a pointer, which costs each of
 * them the same.
 */
#ifndef TN_BENCH_MALLOCS_H
#define TN_BENCH_MALLOCS_H

#include <stddef.h>

struct bench_malloc {
    void *(*alloc)(size_t bytes);
    void (*free)(void *memory);
};

/* "glibc", "jemalloc" or "mimalloc"; NULL if it is not installed. Any thread,
 * after the main thread has asked once. */
const struct bench_malloc *bench_malloc_find(const char *name);

#endif
