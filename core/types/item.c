/* SPDX-License-Identifier: MIT */
#include "core/types/item.h"

#include <math.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/types/scalar.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "items lie in memory as on the wire");

struct format {
    const char *name;
    uint8_t shift;
    bool is_signed;
    bool is_real;
};

static const struct format formats[TN_ITEM_END] = {
#define TN_ITEM_ROW(name, word, shift, is_signed, is_real)                                         \
    [TN_ITEM_##name] = { word, shift, is_signed, is_real },
    TN_ITEM_FORMAT_LIST(TN_ITEM_ROW)
#undef TN_ITEM_ROW
};

static const struct format *row_of(enum tn_item_format format)
{
    TN_ASSERT(tn_item_format_is_valid(format));
    return &formats[format];
}

const char *tn_item_format_name(enum tn_item_format format)
{
    return row_of(format)->name;
}

unsigned int tn_item_shift(enum tn_item_format format)
{
    return row_of(format)->shift;
}

bool tn_item_is_real(enum tn_item_format format)
{
    return row_of(format)->is_real;
}

static unsigned int bits_of(const struct format *row)
{
    return 8U << row->shift;
}

__int128 tn_item_min(enum tn_item_format format)
{
    const struct format *row = row_of(format);

    return row->is_signed ? -((__int128)1 << (bits_of(row) - 1)) : 0;
}

__int128 tn_item_max(enum tn_item_format format)
{
    const struct format *row = row_of(format);

    return ((__int128)1 << (bits_of(row) - row->is_signed)) - 1;
}

/* A long double holds every double, and every int up to 64 bits with or without a
 * sign, exactly. */
static_assert(__LDBL_MANT_DIG__ >= 64, "a long double holds 64 bits");

bool tn_number_equal(const struct tn_number *a, const struct tn_number *b)
{
    if (!a->is_real && !b->is_real)
        return a->integer == b->integer;
    return (a->is_real ? (long double)a->real : (long double)a->integer) ==
           (b->is_real ? (long double)b->real : (long double)b->integer);
}

int tn_number_of(const struct tn_object *o, struct tn_number *ret_number)
{
    switch (o->type) {
    case TN_TYPE_BOOL:
        *ret_number = tn_number_int(tn_bool_value(o));
        return 0;
    case TN_TYPE_INT:
        *ret_number = tn_number_int(tn_int_value(o));
        return 0;
    case TN_TYPE_FLOAT:
        *ret_number = tn_number_float(tn_float_value(o));
        return 0;
    default:
        return TN_ERR_TYPE;
    }
}

int tn_number_new(struct tn_mutator *mu, const struct tn_number *number,
                  struct tn_object **ret_object)
{
    if (number->is_real)
        return tn_float_new(mu, number->real, ret_object);
    if (!tn_number_is_object(number))
        return TN_ERR_OVERFLOW;
    return tn_int_new(mu, (int64_t)number->integer, ret_object);
}

struct tn_number tn_item_decode(enum tn_item_format format, const void *item)
{
    const struct format *row = row_of(format);
    uint64_t word = 0;
    float single;
    double real;

    if (format == TN_ITEM_F64) {
        memcpy(&real, item, sizeof(real));
        return tn_number_float(real);
    }
    if (format == TN_ITEM_F32) {
        memcpy(&single, item, sizeof(single));
        return tn_number_float((double)single);
    }
    memcpy(&word, item, (size_t)1 << row->shift);
    if (row->is_signed) {
        unsigned int n_unused = 64 - bits_of(row);

        return tn_number_int((int64_t)(word << n_unused) >> n_unused);
    }
    return (struct tn_number){ .is_real = false, .integer = word };
}

static int encode_real(enum tn_item_format format, const struct tn_number *number, void *item)
{
    double real = number->is_real ? number->real : (double)number->integer;
    float single = (float)real;

    if (format == TN_ITEM_F64) {
        memcpy(item, &real, sizeof(real));
        return 0;
    }
    if (isinf(single) && !isinf(real))
        return TN_ERR_OVERFLOW;
    memcpy(item, &single, sizeof(single));
    return 0;
}

int tn_item_encode(enum tn_item_format format, const struct tn_number *number, void *item)
{
    uint64_t word;

    if (tn_item_is_real(format))
        return encode_real(format, number, item);
    if (number->is_real)
        return TN_ERR_TYPE;
    if (number->integer < tn_item_min(format) || number->integer > tn_item_max(format))
        return TN_ERR_OVERFLOW;
    word = (uint64_t)number->integer;
    memcpy(item, &word, (size_t)1 << tn_item_shift(format));
    return 0;
}
