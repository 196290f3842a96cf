/* SPDX-License-Identifier: MIT */
#include "core/types/slicing.h"

#include "core/base/err.h"

/* Where a bound is on the way from `lowest` to `lowest` + length: for steps upwards
 * these are 0 and length, for steps downwards -1 and length - 1. */
static int64_t clip(int64_t bound, int64_t length, int64_t lowest)
{
    if (bound < 0) {
        bound += length;
        return bound < 0 ? lowest : bound;
    }
    return bound < length ? bound : length + lowest;
}

int tn_slicing_resolve(const struct tn_slicing *slicing, uint64_t length,
                       struct tn_stride *ret_stride)
{
    int64_t step = slicing->step == INT64_MIN ? -INT64_MAX : slicing->step;
    int64_t lowest = step < 0 ? -1 : 0;
    int64_t start = clip(slicing->start, (int64_t)length, lowest);
    int64_t stop = clip(slicing->stop, (int64_t)length, lowest);
    uint64_t n = 0;

    if (step == 0)
        return TN_ERR_INVAL;
    if (step > 0 && start < stop)
        n = (uint64_t)(stop - start - 1) / (uint64_t)step + 1;
    else if (step < 0 && stop < start)
        n = (uint64_t)(start - stop - 1) / (uint64_t)-step + 1;
    *ret_stride = (struct tn_stride){
        .first = start < 0 ? 0 : (uint64_t)start,
        .n = n,
        .step = step,
    };
    return 0;
}

struct tn_stride tn_stride_ascending(const struct tn_stride *stride)
{
    if (stride->step > 0 || stride->n == 0)
        return *stride;
    return (struct tn_stride){
        .first = tn_stride_at(stride, stride->n - 1),
        .n = stride->n,
        .step = -stride->step,
    };
}
