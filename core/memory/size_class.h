/* SPDX-License-Identifier: MIT */
/*
 * Size classes: 8 bytes apart up to 128, 16 apart up to 512. Larger blocks are
 * not cut from pools. (pymalloc: 16 apart up to 512.)
 */
#ifndef TN_CORE_MEMORY_SIZE_CLASS_H
#define TN_CORE_MEMORY_SIZE_CLASS_H

#include <stddef.h>

#include "core/base/attr.h"

#define TN_SMALL_MIN 16     /* bytes: a block has room for a header */
#define TN_SMALL_MAX 512    /* bytes */
#define TN_CONTAINER_MIN 32 /* bytes: no block of a container is smaller */
#define TN_FINE_MAX 128     /* bytes: up to here the classes are 8 apart */
#define TN_FINE_CLASSES (TN_FINE_MAX / 8 - 1)
#define TN_SIZE_CLASSES (TN_FINE_CLASSES + (TN_SMALL_MAX - TN_FINE_MAX) / 16)

/* The class of a size from 1 to TN_SMALL_MAX bytes. */
TN_ALWAYS_INLINE unsigned int tn_size_class(size_t size_bytes)
{
    if (size_bytes <= TN_SMALL_MIN)
        return 0;
    if (size_bytes <= TN_FINE_MAX)
        return (unsigned int)((size_bytes + 7) / 8 - 2);
    return (unsigned int)(TN_FINE_CLASSES + (size_bytes - TN_FINE_MAX + 15) / 16 - 1);
}

/* The bytes of a block of a class. */
TN_ALWAYS_INLINE size_t tn_size_class_bytes(unsigned int size_class)
{
    if (size_class < TN_FINE_CLASSES)
        return (size_class + 2) * 8;
    return TN_FINE_MAX + (size_class - TN_FINE_CLASSES + 1) * 16;
}

#endif
