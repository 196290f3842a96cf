/* SPDX-License-Identifier: MIT */
#include "core/types/sequence.h"

#include "core/base/check.h"
#include "core/types/types_internal.h"

size_t tn_sequence_length(const struct tn_object *o)
{
    switch (o->type) {
    case TN_TYPE_LIST:
        return tn_list_length(o);
    case TN_TYPE_DEQUE:
        return tn_deque_length(o);
    default:
        return tn_tuple_length(o);
    }
}

int tn_sequence_get(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                    struct tn_object **ret_item)
{
    uint64_t at;
    int r;

    switch (o->type) {
    case TN_TYPE_LIST:
        return tn_list_get(mu, o, index, ret_item);
    case TN_TYPE_DEQUE:
        return tn_deque_get(mu, o, index, ret_item);
    default:
        r = tn_index_resolve(index, tn_tuple_length(o), &at);
        if (r == 0)
            *ret_item = tn_tuple_get(o, (size_t)at);
        return r;
    }
}

static size_t tuple_snapshot(const struct tn_object *tuple, size_t start, size_t n_max,
                             struct tn_object **items, size_t *ret_length)
{
    size_t length = tn_tuple_length(tuple);
    size_t n = start < length ? length - start : 0;

    if (n > n_max)
        n = n_max;
    for (size_t i = 0; i < n; i++)
        items[i] = tn_tuple_get(tuple, start + i);
    if (ret_length != NULL)
        *ret_length = length;
    return n;
}

size_t tn_sequence_snapshot(struct tn_mutator *mu, struct tn_object *o, size_t start, size_t n_max,
                            struct tn_object **items, size_t *ret_length)
{
    switch (o->type) {
    case TN_TYPE_LIST:
        return tn_list_snapshot(mu, o, start, n_max, items, ret_length);
    case TN_TYPE_DEQUE:
        return tn_deque_snapshot(mu, o, start, n_max, items, ret_length);
    default:
        return tuple_snapshot(o, start, n_max, items, ret_length);
    }
}

int tn_sequence_slice_items(struct tn_mutator *mu, struct tn_object *o,
                            const struct tn_slicing *slicing, size_t n_max,
                            struct tn_object **items, size_t *ret_n)
{
    struct tn_stride stride;
    size_t length;
    int r;

    if (o->type == TN_TYPE_LIST)
        return tn_list_slice_items(mu, o, slicing, n_max, items, ret_n, &length);
    r = tn_slicing_resolve(slicing, tn_tuple_length(o), &stride);
    if (r < 0)
        return r;
    for (size_t i = 0; i < stride.n && i < n_max; i++)
        items[i] = tn_tuple_get(o, (size_t)tn_stride_at(&stride, i));
    *ret_n = (size_t)stride.n;
    return 0;
}
