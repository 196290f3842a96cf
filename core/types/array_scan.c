/* SPDX-License-Identifier: MIT */
/*
 * Looking at all items of an array, and what the heap asks of arrays.
 *
 * Items are copied block by block and looked at in the copy. A result is right if
 * the state was the same before and after; if it changes again and again, the lock is
 * taken.
 */
#include <math.h>
#include <string.h>

#include "core/base/check.h"
#include "core/types/array_internal.h"
#include "core/types/types_internal.h"

#define BLOCK_BYTES ((size_t)2048)

/* Bytes whose comparison costs as much as that of a pair of objects may. */
#define COMPARE_BYTES_MAX ((uint64_t)256)

int tn_array_each_block(const struct tn_array *array, uint64_t first, uint64_t length,
                        tn_array_look_fn look, void *arg)
{
    unsigned int shift = tn_array_shift(array);
    const struct tn_array_items *items = tn_array_items_load(array);
    uint64_t capacity = tn_array_items_capacity(items, shift);
    uint64_t n_block = BLOCK_BYTES >> shift;
    unsigned char block[BLOCK_BYTES];
    int r = 0;

    if (length > capacity)
        length = capacity;
    for (uint64_t at = first; r == 0 && at < length; at += n_block) {
        size_t n = length - at < n_block ? (size_t)(length - at) : (size_t)n_block;

        tn_array_load(block, items->bytes + (at << shift), n, shift);
        r = look(block, n, at, arg);
    }
    return r;
}

/* ---- Once over everything ---- */

struct scan {
    enum tn_item_format format;
    int64_t start;
    enum tn_reduction reduction;
    uint64_t length; /* of the array, when it was scanned */
    uint64_t n;      /* items looked at before */
    struct tn_number result;
    double lost; /* of a sum of floats, in rounding */
    const struct tn_number *wanted;
    uint64_t found_at;
};

/* Scans once more from the beginning, in `scan`. */
typedef int (*scan_fn)(const struct tn_array *array, struct scan *scan);

/* Scans without the lock, or else with it: what `once` returns. */
static int scan_array(struct tn_mutator *mu, struct tn_object *o, scan_fn once, struct scan *scan)
{
    const struct tn_array *array = tn_array_const(o);
    bool was_locked;
    int r;

    for (unsigned int i = 0; i < TN_ARRAY_TRIES_MAX; i++) {
        uint64_t state = tn_state_load(&array->state);

        if (tn_state_is_odd(state))
            break;
        scan->length = tn_state_length(state);
        r = once(array, scan);
        if (tn_state_load(&array->state) == state)
            return r;
    }
    was_locked = tn_container_lock(mu, o);
    scan->length = tn_state_length_locked(&array->state);
    r = once(array, scan);
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* ---- Sum, minimum, maximum ---- */

/* Neumaier's summation: what is lost in rounding is added up beside the sum. */
static void add_real(struct scan *scan, double real)
{
    double sum = scan->result.real + real;

    if (isfinite(sum))
        scan->lost += fabs(scan->result.real) >= fabs(real) ? (scan->result.real - sum) + real
                                                            : (real - sum) + scan->result.real;
    scan->result.real = sum;
}

static bool is_better(const struct scan *scan, const struct tn_number *number)
{
    const struct tn_number *best = &scan->result;
    bool is_less;

    if (!number->is_real)
        is_less = number->integer < best->integer;
    else if (isnan(best->real) || isnan(number->real))
        return isnan(number->real) && !isnan(best->real);
    else
        is_less = number->real < best->real;
    return scan->reduction == TN_REDUCE_MIN ? is_less : !is_less && !tn_number_equal(number, best);
}

static int reduce_block(const unsigned char *items, size_t n, uint64_t at, void *arg)
{
    struct scan *scan = arg;
    unsigned int shift = tn_item_shift(scan->format);

    for (size_t i = 0; i < n; i++) {
        struct tn_number number = tn_item_decode(scan->format, items + (i << shift));

        if (scan->reduction != TN_REDUCE_SUM) {
            if (at + i == 0 || is_better(scan, &number))
                scan->result = number;
        } else if (number.is_real) {
            add_real(scan, number.real);
        } else {
            scan->result.integer += number.integer; /* 2^32 items of 64 bits fit */
        }
    }
    return 0;
}

static int reduce_once(const struct tn_array *array, struct scan *scan)
{
    scan->result = tn_item_is_real(scan->format) ? tn_number_float(0.0) : tn_number_int(0);
    scan->lost = 0.0;
    return tn_array_each_block(array, 0, scan->length, reduce_block, scan);
}

int tn_array_reduce(struct tn_mutator *mu, struct tn_object *o, enum tn_reduction reduction,
                    struct tn_number *ret_number)
{
    struct scan scan = { .format = tn_array_format(o), .reduction = reduction };
    int r = scan_array(mu, o, reduce_once, &scan);

    if (r < 0)
        return r;
    if (scan.length == 0 && reduction != TN_REDUCE_SUM)
        return TN_ERR_INDEX;
    if (scan.result.is_real)
        scan.result.real += scan.lost;
    else if (!tn_number_is_object(&scan.result))
        return TN_ERR_OVERFLOW;
    *ret_number = scan.result;
    return 0;
}

/* ---- Looking for something ---- */

static int find_in_block(const unsigned char *items, size_t n, uint64_t at, void *arg)
{
    struct scan *scan = arg;
    unsigned int shift = tn_item_shift(scan->format);

    for (size_t i = 0; i < n; i++) {
        struct tn_number number = tn_item_decode(scan->format, items + (i << shift));

        if (tn_number_equal(&number, scan->wanted)) {
            scan->found_at = at + i;
            return 1;
        }
    }
    return 0;
}

static int find_once(const struct tn_array *array, struct scan *scan)
{
    uint64_t first = tn_array_clip(scan->start, scan->length);

    return tn_array_each_block(array, first, scan->length, find_in_block, scan);
}

/* A stretch of bytes, under the locks of both; they are taken one after the other. */
static int find_bytes(struct tn_mutator *mu, struct tn_object *o, struct tn_slice wanted,
                      int64_t start, size_t *ret_at)
{
    const struct tn_array *array = tn_array_const(o);
    bool was_locked = tn_container_lock(mu, o);
    uint64_t length = tn_state_length_locked(&array->state);
    uint64_t first = tn_array_clip(start, length);
    const struct tn_array_items *items = tn_array_items_load(array);
    const unsigned char *found = NULL;
    int r = 0;

    if (wanted.len == 0)
        *ret_at = (size_t)first;
    else if (first < length)
        found = memmem(items->bytes + first, length - first, wanted.data, wanted.len);
    if (found != NULL)
        *ret_at = (size_t)(found - items->bytes);
    else if (wanted.len > 0)
        r = TN_ERR_KEY;
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* A bytearray is copied first, so that no two locks are held. */
static int find_bytearray(struct tn_mutator *mu, struct tn_object *o, struct tn_object *wanted,
                          int64_t start, size_t *ret_at)
{
    struct tn_object *copy;
    const struct tn_array_items *items;
    int r = tn_array_slice(mu, wanted, INT64_MIN, INT64_MAX, 1, &copy);

    if (r < 0)
        return r;
    items = tn_array_items_load(tn_array_const(copy));
    r = find_bytes(mu, o, TN_SLICE(items == NULL ? NULL : items->bytes, tn_array_length(copy)),
                   start, ret_at);
    tn_decref(mu, copy);
    return r;
}

int tn_array_index(struct tn_mutator *mu, struct tn_object *o, struct tn_object *value,
                   int64_t start, size_t *ret_at)
{
    struct tn_number wanted;
    struct scan scan = { .format = tn_array_format(o), .start = start, .wanted = &wanted };
    int r;

    if (o->type == TN_TYPE_BYTEARRAY && value->type == TN_TYPE_BYTES)
        return find_bytes(mu, o, tn_text_slice(value), start, ret_at);
    if (o->type == TN_TYPE_BYTEARRAY && value->type == TN_TYPE_BYTEARRAY)
        return find_bytearray(mu, o, value, start, ret_at);
    r = tn_number_of(value, &wanted);
    if (r < 0)
        return r;
    if (scan_array(mu, o, find_once, &scan) == 0)
        return TN_ERR_KEY;
    *ret_at = (size_t)scan.found_at;
    return 0;
}

/* ---- Comparing: contents that change meanwhile, as they are found ---- */

struct comparison {
    const struct tn_array *other; /* NULL: `content` */
    const unsigned char *content;
    enum tn_item_format format;
};

/* Whether both are equal, item by item. */
static bool blocks_equal(enum tn_item_format format, const unsigned char *items,
                         enum tn_item_format other_format, const unsigned char *other, size_t n)
{
    unsigned int shift = tn_item_shift(format);
    unsigned int other_shift = tn_item_shift(other_format);

    if (format == other_format && !tn_item_is_real(format))
        return memcmp(items, other, n << shift) == 0;
    for (size_t i = 0; i < n; i++) {
        struct tn_number a = tn_item_decode(format, items + (i << shift));
        struct tn_number b = tn_item_decode(other_format, other + (i << other_shift));

        if (!tn_number_equal(&a, &b))
            return false;
    }
    return true;
}

/* 1: different, which ends the walk. */
static int differ_in_block(const unsigned char *items, size_t n, uint64_t at, void *arg)
{
    const struct comparison *c = arg;
    const struct tn_array_items *others;
    unsigned char block[BLOCK_BYTES * sizeof(uint64_t)];
    enum tn_item_format format;
    unsigned int shift;

    if (c->other == NULL)
        return memcmp(items, c->content + at, n) != 0;
    format = (enum tn_item_format)c->other->format;
    shift = tn_item_shift(format);
    others = tn_array_items_load(c->other);
    if (at + n > tn_array_items_capacity(others, shift))
        return 1;
    tn_array_load(block, others->bytes + (at << shift), n, shift);
    return !blocks_equal(c->format, items, format, block, n);
}

static int compare(const struct tn_array *array, uint64_t length, const struct comparison *c,
                   struct tn_compare *limits)
{
    uint64_t cost = (length << tn_array_shift(array)) / COMPARE_BYTES_MAX;
    struct comparison copy = *c;

    if (cost > limits->n_left)
        return TN_ERR_TOO_DEEP;
    limits->n_left -= cost;
    return tn_array_each_block(array, 0, length, differ_in_block, &copy) == 0;
}

static int compare_arrays(const struct tn_array *a, const struct tn_array *b,
                          struct tn_compare *limits)
{
    const struct comparison c = { .other = b, .format = (enum tn_item_format)a->format };
    uint64_t length = tn_state_length(tn_state_load(&a->state));

    return tn_state_length(tn_state_load(&b->state)) == length ? compare(a, length, &c, limits) : 0;
}

int tn_bytearray_equal(const struct tn_object *bytearray, const struct tn_object *other,
                       struct tn_compare *limits)
{
    const struct tn_array *array = tn_array_const(bytearray);
    uint64_t length = tn_state_length(tn_state_load(&array->state));
    struct comparison c = { .format = TN_ITEM_U8 };
    struct tn_slice content;

    if (other->type == TN_TYPE_BYTEARRAY)
        return compare_arrays(array, tn_array_const(other), limits);
    if (other->type != TN_TYPE_BYTES)
        return 0;
    content = tn_text_slice(other);
    c.content = content.data;
    return content.len == length ? compare(array, length, &c, limits) : 0;
}

static int array_equal(const struct tn_object *a, const struct tn_object *b,
                       struct tn_compare *limits)
{
    if (b->type != TN_TYPE_ARRAY)
        return 0;
    return compare_arrays(tn_array_const(a), tn_array_const(b), limits);
}

/* ---- What the heap asks ---- */

/* A dead array has no references to drop, but its buffer to give back. Readers that
 * are late see it empty, or what it held. */
static bool array_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_array *array = tn_array_of(o);
    struct tn_array_items *items = atomic_load_explicit(&array->items, memory_order_relaxed);

    (void)budget;
    if (items != NULL) {
        /* The version rises, so that nobody takes a part of it for the whole. */
        tn_state_set_length(&array->state, 0);
        atomic_store_explicit(&array->items, NULL, memory_order_release);
        tn_buffer_retire(mu, &items->buffer);
    }
    return true;
}

static size_t array_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_array);
}

static size_t array_extra_size(const struct tn_object *o)
{
    const struct tn_array_items *items = tn_array_items_load(tn_array_const(o));

    return items == NULL ? 0 : items->buffer.size_bytes;
}

static uint64_t array_length(const struct tn_object *o)
{
    return tn_array_length(o);
}

const struct tn_type tn_type_array = {
    .name = "array",
    .id = TN_TYPE_ARRAY,
    .is_mutable = true,
    .clear = array_clear,
    .block_size = array_block_size,
    .extra_size = array_extra_size,
    .length = array_length,
    .equal = array_equal,
};

const struct tn_type tn_type_bytearray = {
    .name = "bytearray",
    .id = TN_TYPE_BYTEARRAY,
    .is_mutable = true,
    .clear = array_clear,
    .block_size = array_block_size,
    .extra_size = array_extra_size,
    .length = array_length,
    .equal = tn_bytearray_equal,
};
