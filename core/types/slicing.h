/* SPDX-License-Identifier: MIT */
/* Slices as Python's start:stop:step: which positions they mean. */
#ifndef TN_CORE_TYPES_SLICING_H
#define TN_CORE_TYPES_SLICING_H

#include <stdint.h>

#include "core/base/attr.h"

/* As stated. `start` and `stop` count from the end if negative and may lie anywhere
 * beyond the ends: so INT64_MIN and INT64_MAX stand for what is left out. */
struct tn_slicing {
    int64_t start;
    int64_t stop;
    int64_t step; /* not 0 */
};

/* Of a certain length: `n` positions, `step` apart, all of which exist. */
struct tn_stride {
    uint64_t first; /* if n is 0: where something could be inserted */
    uint64_t n;
    int64_t step;
};

/* TN_ERR_INVAL: the step is 0. */
TN_MUST_CHECK int tn_slicing_resolve(const struct tn_slicing *slicing, uint64_t length,
                                     struct tn_stride *ret_stride);

/* Position number `i`, of which there are n. */
static inline uint64_t tn_stride_at(const struct tn_stride *stride, uint64_t i)
{
    return stride->first + i * (uint64_t)stride->step;
}

/* The same positions from the lowest to the highest. */
struct tn_stride tn_stride_ascending(const struct tn_stride *stride);

#endif
