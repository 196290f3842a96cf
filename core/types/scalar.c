/* SPDX-License-Identifier: MIT */
/*
 * none, bool, int, float.
 *
 * A number's hash depends on its value alone, not on its type: a float that is
 * integral and fits an int is hashed as that int, every other one by its bits.
 * A float outside the range of int equals no int, so that needs no more. NaN
 * equals nothing, not even itself; a container that holds one finds it again
 * because it is the same object.
 */
#include "core/types/scalar.h"

#include <math.h>
#include <string.h>

#include "core/base/check.h"
#include "core/object/heap_internal.h"
#include "core/types/immortals.h"
#include "core/types/types_internal.h"

/* Hashed in place of none's value, which it does not have. */
#define NONE_VALUE INT64_C(0x6e6f6e656e6f6e65)

struct tn_object *tn_none(struct tn_heap *heap)
{
    return &heap->immortals->none;
}

struct tn_object *tn_bool(struct tn_heap *heap, bool value)
{
    return &heap->immortals->bools[value].object;
}

bool tn_bool_value(const struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_BOOL);
    return ((const struct tn_int *)(const void *)o)->value != 0;
}

int tn_int_new(struct tn_mutator *mu, int64_t value, struct tn_object **ret_int)
{
    uint64_t small = (uint64_t)value - (uint64_t)TN_SMALL_INT_MIN;
    struct tn_object *o;
    int r;

    if (small < TN_SMALL_INTS) {
        *ret_int = &mu->heap->immortals->ints[small].object;
        return 0;
    }
    r = tn_object_new(mu, TN_TYPE_INT, sizeof(struct tn_int), &o);
    if (r < 0)
        return r;
    ((struct tn_int *)(void *)o)->value = value;
    *ret_int = o;
    return 0;
}

/* Of an int or a bool. */
static int64_t integer_value(const struct tn_object *o)
{
    return ((const struct tn_int *)(const void *)o)->value;
}

int64_t tn_int_value(const struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_INT);
    return integer_value(o);
}

int tn_float_new(struct tn_mutator *mu, double value, struct tn_object **ret_float)
{
    struct tn_object *o;
    int r = tn_object_new(mu, TN_TYPE_FLOAT, sizeof(struct tn_float), &o);

    if (r < 0)
        return r;
    ((struct tn_float *)(void *)o)->value = value;
    *ret_float = o;
    return 0;
}

double tn_float_value(const struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_FLOAT);
    return ((const struct tn_float *)(const void *)o)->value;
}

/* The int that a float is equal to, if there is one. 2^63 is a float, but the
 * largest int is one less, and no float. */
static bool float_as_integer(double value, int64_t *ret_integer)
{
    if (!(value >= -0x1p63 && value < 0x1p63) || value != trunc(value))
        return false;
    *ret_integer = (int64_t)value;
    return true;
}

uint32_t tn_int_hash(const struct tn_siphash_key *key, int64_t value)
{
    return (uint32_t)(tn_siphash_u64(key, (uint64_t)value) >> 32);
}

static int none_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                     uint32_t *ret_hash)
{
    (void)o;
    (void)depth;
    *ret_hash = tn_int_hash(&heap->hash_key, NONE_VALUE);
    return 0;
}

static int integer_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                        uint32_t *ret_hash)
{
    (void)depth;
    *ret_hash = tn_int_hash(&heap->hash_key, integer_value(o));
    return 0;
}

static int float_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                      uint32_t *ret_hash)
{
    double value = tn_float_value(o);
    int64_t integer;

    (void)depth;
    if (!float_as_integer(value, &integer))
        memcpy(&integer, &value, sizeof(integer));
    *ret_hash = tn_int_hash(&heap->hash_key, integer);
    return 0;
}

static int integer_equal(const struct tn_object *a, const struct tn_object *b,
                         struct tn_compare *limits)
{
    int64_t integer;

    (void)limits;
    if (b->type == TN_TYPE_INT || b->type == TN_TYPE_BOOL)
        return integer_value(a) == integer_value(b);
    return b->type == TN_TYPE_FLOAT && float_as_integer(tn_float_value(b), &integer) &&
           integer_value(a) == integer;
}

static int float_equal(const struct tn_object *a, const struct tn_object *b,
                       struct tn_compare *limits)
{
    if (b->type == TN_TYPE_FLOAT)
        return tn_float_value(a) == tn_float_value(b);
    if (b->type == TN_TYPE_INT || b->type == TN_TYPE_BOOL)
        return integer_equal(b, a, limits);
    return 0;
}

static size_t none_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_object);
}

static size_t number_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_int);
}

const struct tn_type tn_type_none = {
    .name = "none",
    .id = TN_TYPE_NONE,
    .has_no_weakrefs = true,
    .block_size = none_block_size,
    .hash = none_hash,
};

const struct tn_type tn_type_bool = {
    .name = "bool",
    .id = TN_TYPE_BOOL,
    .has_no_weakrefs = true,
    .block_size = number_block_size,
    .hash = integer_hash,
    .equal = integer_equal,
};

const struct tn_type tn_type_int = {
    .name = "int",
    .id = TN_TYPE_INT,
    .has_no_weakrefs = true,
    .block_size = number_block_size,
    .hash = integer_hash,
    .equal = integer_equal,
};

const struct tn_type tn_type_float = {
    .name = "float",
    .id = TN_TYPE_FLOAT,
    .has_no_weakrefs = true,
    .block_size = number_block_size,
    .hash = float_hash,
    .equal = float_equal,
};
