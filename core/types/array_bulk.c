/* SPDX-License-Identifier: MIT */
/*
 * Several items of an array at once. What is put in is gathered first, in a buffer
 * of its own, so that an array can be put into itself and no two locks are held.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/array_splice.h"
#include "core/types/list_internal.h"
#include "core/types/slicing.h"
#include "core/types/types_internal.h"

#define FILL_BYTES ((size_t)512)

/* ---- Reading ---- */

/* How many items there are from `first` on, at most `n_max`. */
static size_t n_from(uint64_t length, size_t first, size_t n_max)
{
    uint64_t n = first >= length ? 0 : length - first;

    return n < n_max ? (size_t)n : n_max;
}

static bool try_read(const struct tn_array *array, size_t first, size_t n_max, void *to,
                     uint64_t *ret_length, size_t *ret_n)
{
    unsigned int shift = tn_array_shift(array);
    uint64_t state = tn_state_load(&array->state);
    const struct tn_array_items *items = tn_array_items_load(array);

    if (tn_state_is_odd(state))
        return false;
    *ret_length = tn_state_length(state);
    *ret_n = n_from(*ret_length, first, n_max);
    if (*ret_n == 0)
        return true;
    if (first + *ret_n > tn_array_items_capacity(items, shift))
        return false;
    tn_yield();
    tn_array_load(to, items->bytes + ((uint64_t)first << shift), *ret_n, shift);
    return tn_state_load(&array->state) == state;
}

size_t tn_array_read(struct tn_mutator *mu, struct tn_object *o, size_t first, size_t n_max,
                     void *to, size_t *ret_length)
{
    const struct tn_array *array = tn_array_const(o);
    unsigned int shift = tn_array_shift(array);
    uint64_t length;
    bool was_locked;
    size_t n;

    for (unsigned int i = 0; i < TN_ARRAY_TRIES_MAX; i++)
        if (try_read(array, first, n_max, to, &length, &n))
            goto out;
    was_locked = tn_container_lock(mu, o);
    length = tn_state_length_locked(&array->state);
    n = n_from(length, first, n_max);
    if (n > 0)
        memcpy(to, tn_array_items_locked(array)->bytes + ((uint64_t)first << shift), n << shift);
    tn_container_unlock(mu, o, was_locked);
out:
    if (ret_length != NULL)
        *ret_length = (size_t)length;
    return n;
}

/* ---- Ranges ---- */

/* As Python's slices. */
static int resolve(int64_t start, int64_t stop, int64_t step, uint32_t length,
                   struct tn_stride *ret_range)
{
    struct tn_slicing slicing = { .start = start, .stop = stop, .step = step };

    return tn_slicing_resolve(&slicing, length, ret_range);
}

/* Copies a range, under the lock, into memory of the caller's. */
static void copy_range(const struct tn_array *array, const struct tn_stride *range,
                       unsigned char *to)
{
    const struct tn_array_items *items = tn_array_items_locked(array);
    unsigned int shift = tn_array_shift(array);

    if (range->step == 1) {
        memcpy(to, items->bytes + (range->first << shift), range->n << shift);
        return;
    }
    for (uint64_t i = 0; i < range->n; i++)
        memcpy(to + (i << shift), items->bytes + (tn_stride_at(range, i) << shift),
               (size_t)1 << shift);
}

int tn_array_slice(struct tn_mutator *mu, struct tn_object *o, int64_t start, int64_t stop,
                   int64_t step, struct tn_object **ret_array)
{
    const struct tn_array *array = tn_array_const(o);
    struct tn_array_items *copy = NULL;
    bool was_locked = tn_container_lock(mu, o);
    struct tn_stride range;
    int r = resolve(start, stop, step, tn_state_length_locked(&array->state), &range);

    if (r == 0 && range.n > 0) {
        r = tn_array_items_new(mu, range.n, tn_array_shift(array), &copy);
        if (r == 0)
            copy_range(array, &range, copy->bytes);
    }
    tn_container_unlock(mu, o, was_locked);
    if (r == 0)
        r = tn_array_new_of_type(mu, (enum tn_type_id)o->type, (enum tn_item_format)array->format,
                                 copy, range.n, ret_array);
    if (r < 0 && copy != NULL)
        tn_buffer_free(mu, &copy->buffer);
    return r;
}

/* ---- Gathering what is put in ---- */

/* Numbers as items, in a buffer of its own: NULL if there are none. */
struct gathered {
    struct tn_array_items *items;
    uint64_t n;
    enum tn_item_format format; /* that is asked for */
};

static int gathered_init(struct tn_mutator *mu, struct gathered *g, uint64_t n)
{
    g->n = n;
    return n == 0 ? 0 : tn_array_items_new(mu, n, tn_item_shift(g->format), &g->items);
}

static const void *gathered_items(const struct gathered *g)
{
    return g->items != NULL ? (const void *)g->items->bytes : (const void *)g;
}

static int put_number(struct gathered *g, uint64_t at, const struct tn_number *number)
{
    return tn_item_encode(g->format, number, g->items->bytes + (at << tn_item_shift(g->format)));
}

/* Items of one format that nobody changes, as another. */
static int convert(struct gathered *g, enum tn_item_format format, const unsigned char *items)
{
    unsigned int shift = tn_item_shift(format);
    int r = 0;

    if (g->n > 0 && format == g->format) {
        memcpy(g->items->bytes, items, g->n << shift);
        return 0;
    }
    for (uint64_t i = 0; r == 0 && i < g->n; i++) {
        struct tn_number number = tn_item_decode(format, items + (i << shift));

        r = put_number(g, i, &number);
    }
    return r;
}

static int put_object(struct gathered *g, uint64_t at, const struct tn_object *o)
{
    struct tn_number number;
    int r = o == NULL ? TN_ERR_TYPE : tn_number_of(o, &number);

    return r < 0 ? r : put_number(g, at, &number);
}

static int gather_locked(struct tn_mutator *mu, struct gathered *g, const struct tn_object *from)
{
    const struct tn_array_items *items;
    int r;

    if (from->type == TN_TYPE_LIST) {
        const struct tn_list *list = tn_list_const(from);

        r = gathered_init(mu, g, tn_state_length_locked(&list->state));
        for (uint64_t i = 0; r == 0 && i < g->n; i++)
            r = put_object(g, i, tn_list_peek(list, i));
        return r;
    }
    items = tn_array_items_locked(tn_array_const(from));
    r = gathered_init(mu, g, tn_state_length_locked(&tn_array_const(from)->state));
    if (r == 0 && g->n > 0)
        r = convert(g, tn_array_format(from), items->bytes);
    return r;
}

static int gather_immutable(struct tn_mutator *mu, struct gathered *g, struct tn_object *from)
{
    int r;

    if (from->type == TN_TYPE_BYTES) {
        struct tn_slice content = tn_text_slice(from);

        r = gathered_init(mu, g, content.len);
        return r < 0 ? r : convert(g, TN_ITEM_U8, content.data);
    }
    if (from->type != TN_TYPE_TUPLE)
        return TN_ERR_TYPE;
    r = gathered_init(mu, g, tn_tuple_length(from));
    for (uint64_t i = 0; r == 0 && i < g->n; i++)
        r = put_object(g, i, tn_tuple_get(from, (size_t)i));
    return r;
}

static void gathered_fini(struct tn_mutator *mu, struct gathered *g)
{
    if (g->items != NULL)
        tn_buffer_free(mu, &g->items->buffer);
}

/* The caller ends it with gathered_fini(), unless this fails. */
static int gather(struct tn_mutator *mu, struct gathered *g, enum tn_item_format format,
                  struct tn_object *from)
{
    int r;

    *g = (struct gathered){ .format = format };
    if (from->type == TN_TYPE_LIST || tn_is_array(from)) {
        bool was_locked = tn_container_lock(mu, from);

        r = gather_locked(mu, g, from);
        tn_container_unlock(mu, from, was_locked);
    } else {
        r = gather_immutable(mu, g, from);
    }
    if (r < 0)
        gathered_fini(mu, g);
    return r;
}

/* ---- Changing ---- */

int tn_array_extend(struct tn_mutator *mu, struct tn_object *o, struct tn_object *from,
                    size_t *ret_length)
{
    return tn_array_replace(mu, o, INT64_MAX, INT64_MAX, 1, from, ret_length);
}

/* Overwrites a range whose items do not lie side by side. */
static void put_range(struct tn_array *array, const struct tn_stride *range,
                      const unsigned char *from)
{
    struct tn_array_items *items = tn_array_items_locked(array);
    unsigned int shift = tn_array_shift(array);
    uint32_t length = tn_state_length_locked(&array->state);

    tn_state_begin(&array->state, length);
    for (uint64_t i = 0; i < range->n; i++)
        tn_array_store(items->bytes + (tn_stride_at(range, i) << shift), from + (i << shift), 1,
                       shift);
    tn_state_end(&array->state, length);
}

static int replace_locked(struct tn_mutator *mu, struct tn_array *array,
                          const struct tn_stride *range, const struct gathered *g)
{
    struct tn_splice splice = {
        .first = range->first, .n_out = range->n, .items = gathered_items(g), .n_in = g->n
    };

    if (range->step == 1)
        return tn_array_splice_locked(mu, array, &splice);
    if (range->n != g->n)
        return TN_ERR_PRECONDITION;
    if (range->n > 0)
        put_range(array, range, splice.items);
    return 0;
}

int tn_array_replace(struct tn_mutator *mu, struct tn_object *o, int64_t start, int64_t stop,
                     int64_t step, struct tn_object *from, size_t *ret_length)
{
    struct tn_array *array = tn_array_of(o);
    struct gathered g;
    struct tn_stride range;
    bool was_locked;
    int r = gather(mu, &g, (enum tn_item_format)array->format, from);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    r = resolve(start, stop, step, tn_state_length_locked(&array->state), &range);
    if (r == 0)
        r = replace_locked(mu, array, &range, &g);
    if (r == 0)
        tn_array_put_length(array, ret_length);
    tn_container_unlock(mu, o, was_locked);
    gathered_fini(mu, &g);
    return r;
}

int tn_array_write(struct tn_mutator *mu, struct tn_object *o, size_t first, struct tn_slice items,
                   size_t *ret_length)
{
    struct tn_array *array = tn_array_of(o);
    unsigned int shift = tn_array_shift(array);
    struct tn_splice splice = { .first = first, .items = items.data, .n_in = items.len >> shift };
    bool was_locked;
    uint32_t length;
    int r = 0;

    if (splice.n_in << shift != items.len)
        return TN_ERR_INVAL;
    was_locked = tn_container_lock(mu, o);
    length = tn_state_length_locked(&array->state);
    if (first > length) {
        r = TN_ERR_INDEX;
    } else if (splice.n_in > 0) {
        splice.n_out = n_from(length, first, splice.n_in);
        r = tn_array_splice_locked(mu, array, &splice);
    }
    if (r == 0)
        tn_array_put_length(array, ret_length);
    tn_container_unlock(mu, o, was_locked);
    return r;
}

static void fill_range(struct tn_array *array, const struct tn_stride *range, uint64_t bits)
{
    struct tn_array_items *items = tn_array_items_locked(array);
    unsigned int shift = tn_array_shift(array);
    uint32_t length = tn_state_length_locked(&array->state);
    unsigned char pattern[FILL_BYTES];
    uint64_t n_step = FILL_BYTES >> shift;

    for (uint64_t i = 0; i < n_step; i++)
        memcpy(pattern + (i << shift), &bits, (size_t)1 << shift);
    tn_state_begin(&array->state, length);
    for (uint64_t i = 0; i < range->n; i += n_step)
        tn_array_store(items->bytes + ((range->first + i) << shift), pattern,
                       range->n - i < n_step ? range->n - i : n_step, shift);
    tn_state_end(&array->state, length);
}

int tn_array_fill(struct tn_mutator *mu, struct tn_object *o, int64_t start, int64_t stop,
                  const struct tn_number *number)
{
    struct tn_array *array = tn_array_of(o);
    struct tn_stride range;
    uint64_t bits = 0;
    bool was_locked;
    int r = tn_item_encode((enum tn_item_format)array->format, number, &bits);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    r = resolve(start, stop, 1, tn_state_length_locked(&array->state), &range);
    if (r == 0 && range.n > 0)
        fill_range(array, &range, bits);
    tn_container_unlock(mu, o, was_locked);
    return r;
}
