/* SPDX-License-Identifier: MIT */
#include "core/memory/backing.h"

#include <string.h>

#if TN_ALLOCATOR_JEMALLOC
#include <jemalloc/jemalloc.h>
#else
#include <stdlib.h>
#endif

#include "core/memory/fault.h"

#if TN_ALLOCATOR_JEMALLOC

void *tn_backing_alloc(size_t bytes, size_t alignment, bool zeroed)
{
    if (tn_fault_strikes())
        return NULL;
    return mallocx(bytes, MALLOCX_ALIGN(alignment) | (zeroed ? MALLOCX_ZERO : 0));
}

void tn_backing_free(void *block, size_t bytes, size_t alignment)
{
    sdallocx(block, bytes, MALLOCX_ALIGN(alignment));
}

#else

void *tn_backing_alloc(size_t bytes, size_t alignment, bool zeroed)
{
    void *block;

    if (tn_fault_strikes())
        return NULL;
    if (alignment <= 16)
        return zeroed ? calloc(1, bytes) : malloc(bytes);
    block = aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
    if (block != NULL && zeroed)
        memset(block, 0, bytes);
    return block;
}

void tn_backing_free(void *block, size_t bytes, size_t alignment)
{
    (void)bytes;
    (void)alignment;
    free(block);
}

#endif
