/* SPDX-License-Identifier: MIT */
/*
 * Immortals: the objects that a heap has exactly once and never frees. They are
 * no blocks of its pools, are counted by nobody and appear in no census.
 *
 * All of it is [const] once tn_immortals_new() has returned (object/type.h); the
 * cached hashes are filled in. So reading immortals never writes to a line that
 * others read.
 */
#ifndef TN_CORE_TYPES_IMMORTALS_H
#define TN_CORE_TYPES_IMMORTALS_H

#include "core/object/object.h"
#include "core/types/layout.h"
#include "core/types/scalar.h"

#define TN_SMALL_INTS (TN_SMALL_INT_MAX - TN_SMALL_INT_MIN + 1)
#define TN_ASCII_CHARS 128

struct tn_immortal_char {
    struct tn_text text;
    unsigned char content[8]; /* one byte of it */
};

struct tn_immortals {
    struct tn_object none;
    struct tn_int bools[2];
    struct tn_int ints[TN_SMALL_INTS]; /* from TN_SMALL_INT_MIN */
    struct tn_text empty_str;
    struct tn_text empty_bytes;
    struct tn_tuple empty_tuple;
    struct tn_immortal_char chars[TN_ASCII_CHARS]; /* strs, by code */
};

/* Writes the header of an object that nobody owns and nobody counts. */
void tn_immortal_init(struct tn_object *o, enum tn_type_id type);

#endif
