/* SPDX-License-Identifier: MIT */
/*
 * What is behind the header of the immutable types. For core/types/ and the
 * immortals; everybody else uses the functions.
 */
#ifndef TN_CORE_TYPES_LAYOUT_H
#define TN_CORE_TYPES_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

/* bool and int. A bool is 0 or 1. */
struct tn_int {
    struct tn_object object;
    int64_t value; /* [const] */
};

struct tn_float {
    struct tn_object object;
    double value; /* [const] */
};

/* str and bytes; the content follows. */
struct tn_text {
    struct tn_object object;
    /* [atomic] 0: not computed yet. Relaxed: everybody computes the same number,
     *          and it says nothing about other memory. */
    _Atomic(uint32_t) hash;
    uint32_t n_bytes; /* [const] */
};

/* tuple; the items follow. */
struct tn_tuple {
    struct tn_object object;
    /* [atomic] as in struct tn_text */
    _Atomic(uint32_t) hash;
    uint32_t n_items; /* [const] */
};

static_assert(sizeof(struct tn_int) == 24, "an int is three words");
static_assert(sizeof(struct tn_float) == 24, "a float is three words");
static_assert(sizeof(struct tn_text) == 24, "text begins after three words");
static_assert(sizeof(struct tn_tuple) == 24, "items begin after three words");

static inline const struct tn_text *tn_text_const(const struct tn_object *o)
{
    return (const struct tn_text *)(const void *)o;
}

static inline const unsigned char *tn_text_content(const struct tn_text *text)
{
    return (const unsigned char *)(text + 1);
}

static inline const struct tn_tuple *tn_tuple_const(const struct tn_object *o)
{
    return (const struct tn_tuple *)(const void *)o;
}

static inline const tn_slot *tn_tuple_items(const struct tn_tuple *tuple)
{
    return (const tn_slot *)(const void *)(tuple + 1);
}

/* A computed hash as it is cached: 0 is taken for "not computed yet". */
static inline uint32_t tn_hash_to_cache(uint32_t hash)
{
    return hash + (hash == 0);
}

#endif
