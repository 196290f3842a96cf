/* SPDX-License-Identifier: MIT */
/* What every workload needs: memory of its own lines, and a way to give up. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/workload.h"

static void (*on_death)(void);

void bench_on_death(void (*clean_up)(void))
{
    on_death = clean_up;
}

void bench_die(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "tenure-bench: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    if (on_death != NULL)
        on_death();
    /* Not exit(): other threads are at work with what its handlers would end. */
    _exit(1);
}

void *bench_alloc(size_t bytes)
{
    size_t alignment = _Alignof(struct bench_worker);
    size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);
    void *memory = aligned_alloc(alignment, rounded);

    if (memory == NULL)
        bench_die("no memory");
    return memset(memory, 0, rounded);
}

void bench_free(void *memory)
{
    free(memory);
}
