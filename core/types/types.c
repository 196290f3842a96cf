/* SPDX-License-Identifier: MIT */
#include "core/types/types.h"

#include "core/base/check.h"
#include "core/object/heap_internal.h"
#include "core/object/lock.h"
#include "core/types/types_internal.h"

const struct tn_type *const tn_types[TN_TYPE_END] = {
    [TN_TYPE_NONE] = &tn_type_none,     [TN_TYPE_BOOL] = &tn_type_bool,
    [TN_TYPE_INT] = &tn_type_int,       [TN_TYPE_FLOAT] = &tn_type_float,
    [TN_TYPE_STR] = &tn_type_str,       [TN_TYPE_BYTES] = &tn_type_bytes,
    [TN_TYPE_TUPLE] = &tn_type_tuple,   [TN_TYPE_LIST] = &tn_type_list,
    [TN_TYPE_DICT] = &tn_type_dict,     [TN_TYPE_CLASS] = &tn_type_class,
    [TN_TYPE_RECORD] = &tn_type_record,
};

const char *tn_type_name(enum tn_type_id id)
{
    TN_ASSERT(id < TN_TYPE_END);
    return id == TN_TYPE_FREE ? "free" : tn_types[id]->name;
}

bool tn_type_is_container(enum tn_type_id id)
{
    return tn_type_of_id(id)->is_container;
}

int tn_identity_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                     uint32_t *ret_hash)
{
    (void)depth;
    *ret_hash = (uint32_t)(tn_siphash_u64(&heap->hash_key, (uintptr_t)o) >> 32);
    return 0;
}

int tn_hash_nested(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                   uint32_t *ret_hash)
{
    const struct tn_type *type = tn_type_of(o);

    if (type->hash == NULL)
        return TN_ERR_UNHASHABLE;
    return type->hash(heap, o, depth, ret_hash);
}

int tn_hash(const struct tn_heap *heap, const struct tn_object *o, uint32_t *ret_hash)
{
    return tn_hash_nested(heap, o, TN_NESTING_MAX, ret_hash);
}

/* Whether two objects are equal, not considering that they may be the same. */
static int compare(const struct tn_object *a, const struct tn_object *b, struct tn_compare *limits)
{
    const struct tn_type *type = tn_type_of(a);

    if (limits->n_left == 0)
        return TN_ERR_TOO_DEEP;
    limits->n_left--;
    if (type->equal == NULL)
        return a == b;
    return type->equal(a, b, limits);
}

int tn_same_or_equal(const struct tn_object *a, const struct tn_object *b,
                     struct tn_compare *limits)
{
    if (a == NULL || b == NULL)
        return 0;
    return a == b ? 1 : compare(a, b, limits);
}

int tn_equal(const struct tn_heap *heap, struct tn_object *a, struct tn_object *b, bool *ret_equal)
{
    struct tn_compare limits = tn_compare_limits(heap);
    int r;

    /* A container is equal to itself, even if it holds a NaN; a NaN is not. */
    if (a == b && a->type != TN_TYPE_FLOAT)
        r = 1;
    else
        r = compare(a, b, &limits);
    if (r < 0)
        return r;
    *ret_equal = r != 0;
    return 0;
}

int tn_length(const struct tn_object *o, uint64_t *ret_length)
{
    const struct tn_type *type = tn_type_of(o);

    if (type->length == NULL)
        return TN_ERR_TYPE;
    *ret_length = type->length(o);
    return 0;
}

int tn_index_resolve(int64_t index, uint64_t length, uint64_t *ret_index)
{
    /* Unsigned: what is still negative is larger than every length. */
    uint64_t from_start = index < 0 ? (uint64_t)index + length : (uint64_t)index;

    if (from_start >= length)
        return TN_ERR_INDEX;
    *ret_index = from_start;
    return 0;
}

bool tn_container_lock(struct tn_mutator *mu, struct tn_object *o)
{
    if (!tn_is_published(o))
        return false;
    tn_object_lock(mu, o);
    return true;
}

void tn_container_unlock(struct tn_mutator *mu, struct tn_object *o, bool was_locked)
{
    if (was_locked)
        tn_object_unlock(mu, o);
}
