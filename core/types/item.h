/* SPDX-License-Identifier: MIT */
/*
 * Formats: what the items of an array look like in memory, and numbers on their
 * way in and out.
 *
 * Items are little-endian, as on the wire, so that they travel as they lie there.
 * Everything here works on memory of the caller's and on immutable objects: any
 * thread, never blocks.
 */
#ifndef TN_CORE_TYPES_ITEM_H
#define TN_CORE_TYPES_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

/* X(NAME, word, log2 of the bytes of an item, is signed, is real) */
#define TN_ITEM_FORMAT_LIST(X)                                                                     \
    X(I8, "i8", 0, true, false)                                                                    \
    X(U8, "u8", 0, false, false)                                                                   \
    X(I16, "i16", 1, true, false)                                                                  \
    X(U16, "u16", 1, false, false)                                                                 \
    X(I32, "i32", 2, true, false)                                                                  \
    X(U32, "u32", 2, false, false)                                                                 \
    X(I64, "i64", 3, true, false)                                                                  \
    X(U64, "u64", 3, false, false)                                                                 \
    X(F32, "f32", 2, true, true)                                                                   \
    X(F64, "f64", 3, true, true)

/* The numbers are those of ArrayFormat on the wire; 0 is none. */
enum tn_item_format {
    TN_ITEM_NONE,
#define TN_ITEM_VALUE(name, word, shift, is_signed, is_real) TN_ITEM_##name,
    TN_ITEM_FORMAT_LIST(TN_ITEM_VALUE)
#undef TN_ITEM_VALUE
    TN_ITEM_END
};

static inline bool tn_item_format_is_valid(unsigned int format)
{
    return format > TN_ITEM_NONE && format < TN_ITEM_END;
}

/* "i32". The format must be valid, here and below. Never NULL. */
const char *tn_item_format_name(enum tn_item_format format);

/* Log2 of the bytes of an item. */
unsigned int tn_item_shift(enum tn_item_format format);

bool tn_item_is_real(enum tn_item_format format);

/* An int or a float. A u64 may be larger than an int object can be. */
struct tn_number {
    bool is_real;
    union {
        __int128 integer;
        double real;
    };
};

static inline struct tn_number tn_number_int(int64_t integer)
{
    return (struct tn_number){ .is_real = false, .integer = integer };
}

static inline struct tn_number tn_number_float(double real)
{
    return (struct tn_number){ .is_real = true, .real = real };
}

/* Whether there is an int or a float of this value. */
static inline bool tn_number_is_object(const struct tn_number *number)
{
    return number->is_real || (number->integer >= INT64_MIN && number->integer <= INT64_MAX);
}

/* Whether two numbers are equal, exactly; NaN is not. */
bool tn_number_equal(const struct tn_number *a, const struct tn_number *b);

/* The number that a bool, int or float is; TN_ERR_TYPE for anything else. */
TN_MUST_CHECK int tn_number_of(const struct tn_object *o, struct tn_number *ret_number);

/* An int or float object. TN_ERR_OVERFLOW for what an int cannot hold, TN_ERR_NOMEM,
 * TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_number_new(struct tn_mutator *mu, const struct tn_number *number,
                                struct tn_object **ret_object);

/* The item at `item`, which need not be aligned. */
struct tn_number tn_item_decode(enum tn_item_format format, const void *item);

/*
 * Writes a number as an item. TN_ERR_TYPE: a float for a format of whole numbers.
 * TN_ERR_OVERFLOW: beyond what the format holds; a finite number that would become
 * an infinity as an f32 is. An int becomes the nearest float, as in Python.
 */
TN_MUST_CHECK int tn_item_encode(enum tn_item_format format, const struct tn_number *number,
                                 void *item);

/* The least and the greatest whole number that a format holds, which is not real. */
__int128 tn_item_min(enum tn_item_format format);
__int128 tn_item_max(enum tn_item_format format);

#endif
