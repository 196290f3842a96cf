/* SPDX-License-Identifier: MIT */
/*
 * The allocator below ours: jemalloc, or the C library's in builds whose
 * checkers cannot see into jemalloc (TN_ALLOCATOR=system).
 */
#ifndef TN_CORE_MEMORY_BACKING_H
#define TN_CORE_MEMORY_BACKING_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"

/* Memory aligned to `alignment` (a power of two, at least 16), zeroed if asked.
 * NULL if the system has none. Any thread. */
TN_MUST_CHECK void *tn_backing_alloc(size_t bytes, size_t alignment, bool zeroed);

/* Gives it back; size and alignment are those it was asked for with. */
void tn_backing_free(void *block, size_t bytes, size_t alignment);

#endif
