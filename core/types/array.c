/* SPDX-License-Identifier: MIT */
/*
 * Arrays: the buffer, and everything that concerns one item. Several items are
 * array_bulk.c's. Everything that changes which items there are is a splice: some
 * items at one place are replaced by others.
 *
 * Progress: reading an item is wait-free but while several items are being changed,
 * if the buffer is being replaced again and again, or if indices from the end meet a
 * crowd of writers.
 */
#include "core/types/array.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/array_splice.h"
#include "core/types/types_internal.h"

#define CAPACITY_BYTES_MIN ((uint64_t)16)

/* ---- Items in memory that readers know ---- */

static uint64_t load_cell(const unsigned char *cell, unsigned int shift)
{
    /* Pairs with the releases in store_cell() and store_words(). */
    switch (shift) {
    case 0:
        return atomic_load_explicit((const tn_cell8 *)cell, memory_order_acquire);
    case 1:
        return atomic_load_explicit((const tn_cell16 *)(const void *)cell, memory_order_acquire);
    case 2:
        return atomic_load_explicit((const tn_cell32 *)(const void *)cell, memory_order_acquire);
    default:
        return atomic_load_explicit((const tn_cell64 *)(const void *)cell, memory_order_acquire);
    }
}

static void store_cell(unsigned char *cell, uint64_t bits, unsigned int shift)
{
    /* Pairs with the acquires in load_cell() and tn_array_load(). */
    switch (shift) {
    case 0:
        atomic_store_explicit((tn_cell8 *)cell, (uint8_t)bits, memory_order_release);
        break;
    case 1:
        atomic_store_explicit((tn_cell16 *)(void *)cell, (uint16_t)bits, memory_order_release);
        break;
    case 2:
        atomic_store_explicit((tn_cell32 *)(void *)cell, (uint32_t)bits, memory_order_release);
        break;
    default:
        atomic_store_explicit((tn_cell64 *)(void *)cell, bits, memory_order_release);
    }
}

/* Bytes of whole items in front of the next address that is a multiple of a word. */
static size_t bytes_to_word(const unsigned char *at, size_t n_bytes)
{
    size_t n = (size_t)(-(uintptr_t)at & (TN_ARRAY_WORD - 1));

    return n < n_bytes ? n : n_bytes;
}

static void load_cells(unsigned char *to, const unsigned char *from, size_t n_bytes,
                       unsigned int shift)
{
    for (size_t i = 0; i < n_bytes; i += (size_t)1 << shift) {
        uint64_t bits = load_cell(from + i, shift);

        tn_yield();
        memcpy(to + i, &bits, (size_t)1 << shift);
    }
}

void tn_array_load(void *to, const unsigned char *from, size_t n, unsigned int shift)
{
    unsigned char *at = to;
    size_t n_left = n << shift;
    size_t n_head = bytes_to_word(from, n_left);
    size_t n_words;

    load_cells(at, from, n_head, shift);
    at += n_head;
    from += n_head;
    n_left -= n_head;
    n_words = n_left / TN_ARRAY_WORD;
    for (size_t i = 0; i < n_words; i++) {
        uint64_t word = load_cell(from + i * TN_ARRAY_WORD, 3);

        memcpy(at + i * TN_ARRAY_WORD, &word, sizeof(word));
    }
    load_cells(at + n_words * TN_ARRAY_WORD, from + n_words * TN_ARRAY_WORD, n_left % TN_ARRAY_WORD,
               shift);
}

static void store_cells(unsigned char *to, const unsigned char *from, size_t n_bytes,
                        unsigned int shift)
{
    for (size_t i = 0; i < n_bytes; i += (size_t)1 << shift) {
        uint64_t bits = 0;

        memcpy(&bits, from + i, (size_t)1 << shift);
        tn_yield();
        store_cell(to + i, bits, shift);
    }
}

void tn_array_store(unsigned char *to, const void *from, size_t n, unsigned int shift)
{
    const unsigned char *at = from;
    size_t n_left = n << shift;
    size_t n_head = bytes_to_word(to, n_left);
    size_t n_words;

    store_cells(to, at, n_head, shift);
    at += n_head;
    to += n_head;
    n_left -= n_head;
    n_words = n_left / TN_ARRAY_WORD;
    for (size_t i = 0; i < n_words; i++) {
        uint64_t word;

        memcpy(&word, at + i * TN_ARRAY_WORD, sizeof(word));
        store_cell(to + i * TN_ARRAY_WORD, word, 3);
    }
    store_cells(to + n_words * TN_ARRAY_WORD, at + n_words * TN_ARRAY_WORD, n_left % TN_ARRAY_WORD,
                shift);
}

/* Moves items within the buffer; the places overlap. */
static void move_items(const struct tn_array *array, struct tn_array_items *items, uint64_t to,
                       uint64_t from, uint64_t n)
{
    unsigned int shift = tn_array_shift(array);

    if (!tn_is_published(&array->object)) {
        memmove(items->bytes + (to << shift), items->bytes + (from << shift), n << shift);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t k = to > from ? n - 1 - i : i;

        tn_yield();
        store_cell(items->bytes + ((to + k) << shift),
                   load_cell(items->bytes + ((from + k) << shift), shift), shift);
    }
}

/* ---- The buffer ---- */

/* As lists: an eighth and a little more than is needed. */
static uint64_t capacity_for(uint64_t length, unsigned int shift)
{
    uint64_t capacity = length + (length >> 3) + (CAPACITY_BYTES_MIN >> shift);

    capacity &= ~((TN_ARRAY_WORD >> shift) - 1); /* whole words */
    if (length > capacity)
        capacity = length;
    return capacity > TN_ARRAY_ITEMS_MAX ? TN_ARRAY_ITEMS_MAX : capacity;
}

int tn_array_items_new(struct tn_mutator *mu, uint64_t capacity, unsigned int shift,
                       struct tn_array_items **ret_items)
{
    struct tn_buffer *buffer;
    int r = tn_buffer_new(mu, sizeof(struct tn_array_items) + (capacity << shift), &buffer);

    if (r < 0)
        return r;
    *ret_items = TN_CONTAINER_OF(buffer, struct tn_array_items, buffer);
    return 0;
}

/* Puts a filled buffer in the place of the present one. */
static void items_publish(struct tn_mutator *mu, struct tn_array *array,
                          struct tn_array_items *items)
{
    struct tn_array_items *old = tn_array_items_locked(array);

    atomic_store_explicit(&array->items, items, memory_order_release);
    tn_yield();
    if (old != NULL)
        tn_container_release(mu, &array->object, &old->buffer);
}

/* Gives memory back after removals, if it can have the smaller buffer. */
static void shrink_locked(struct tn_mutator *mu, struct tn_array *array)
{
    unsigned int shift = tn_array_shift(array);
    struct tn_array_items *items = tn_array_items_locked(array);
    uint64_t length = tn_state_length_locked(&array->state);
    uint64_t capacity = tn_array_items_capacity(items, shift);
    struct tn_array_items *smaller;

    if (capacity << shift <= 4 * CAPACITY_BYTES_MIN || length >= capacity / 4)
        return;
    if (tn_array_items_new(mu, capacity_for(length, shift), shift, &smaller) < 0)
        return; /* it stays as large as it is */
    memcpy(smaller->bytes, items->bytes, length << shift);
    items_publish(mu, array, smaller);
}

/* ---- Splicing ---- */

static void splice_in_place(struct tn_mutator *mu, struct tn_array *array,
                            const struct tn_splice *splice, uint32_t length, uint32_t after)
{
    struct tn_array_items *items = tn_array_items_locked(array);
    unsigned int shift = tn_array_shift(array);
    uint64_t first_behind = splice->first + splice->n_out;
    bool is_one = splice->n_in == 1 && splice->n_out == 1;
    bool is_append = splice->first == length;

    if (items == NULL)
        return; /* nothing is replaced by nothing */
    if (is_one)
        tn_state_touch(&array->state);
    else if (!is_append)
        tn_state_begin(&array->state, after);
    tn_yield();
    if (splice->n_in != splice->n_out && first_behind < length)
        move_items(array, items, splice->first + splice->n_in, first_behind, length - first_behind);
    tn_array_store(items->bytes + (splice->first << shift), splice->items, splice->n_in, shift);
    if (is_append)
        tn_state_set_length(&array->state, after);
    else if (!is_one)
        tn_state_end(&array->state, after);
    if (after < length)
        shrink_locked(mu, array);
}

/* The same, in a new buffer. */
static int splice_and_grow(struct tn_mutator *mu, struct tn_array *array,
                           const struct tn_splice *splice, uint32_t length, uint32_t after)
{
    const struct tn_array_items *items = tn_array_items_locked(array);
    unsigned int shift = tn_array_shift(array);
    uint64_t first_behind = splice->first + splice->n_out;
    struct tn_array_items *larger;
    int r = tn_array_items_new(mu, capacity_for(after, shift), shift, &larger);

    if (r < 0)
        return r;
    if (items != NULL) {
        memcpy(larger->bytes, items->bytes, splice->first << shift);
        memcpy(larger->bytes + ((splice->first + splice->n_in) << shift),
               items->bytes + (first_behind << shift), (length - first_behind) << shift);
    }
    memcpy(larger->bytes + (splice->first << shift), splice->items, splice->n_in << shift);
    tn_state_begin(&array->state, after);
    items_publish(mu, array, larger);
    tn_state_end(&array->state, after);
    return 0;
}

int tn_array_splice_locked(struct tn_mutator *mu, struct tn_array *array,
                           const struct tn_splice *splice)
{
    uint32_t length = tn_state_length_locked(&array->state);
    uint64_t after = length - splice->n_out + splice->n_in;

    TN_ASSERT(splice->first <= length && splice->n_out <= length - splice->first);
    if (after > TN_ARRAY_ITEMS_MAX)
        return TN_ERR_TOO_BIG;
    if (after > tn_array_items_capacity(tn_array_items_locked(array), tn_array_shift(array)))
        return splice_and_grow(mu, array, splice, length, (uint32_t)after);
    splice_in_place(mu, array, splice, length, (uint32_t)after);
    return 0;
}

/* ---- Making ---- */

int tn_array_new_of_type(struct tn_mutator *mu, enum tn_type_id type, enum tn_item_format format,
                         struct tn_array_items *items, uint64_t length,
                         struct tn_object **ret_array)
{
    struct tn_object *o;
    struct tn_array *array;
    int r = tn_object_new(mu, type, sizeof(*array), &o);

    if (r < 0)
        return r;
    array = (struct tn_array *)(void *)o;
    atomic_init(&array->items, items);
    atomic_init(&array->state, length);
    array->format = (uint8_t)format;
    *ret_array = o;
    return 0;
}

static int new_from(struct tn_mutator *mu, enum tn_type_id type, enum tn_item_format format,
                    struct tn_slice content, struct tn_object **ret_array)
{
    unsigned int shift = tn_item_shift(format);
    uint64_t length = content.len >> shift;
    struct tn_array_items *items = NULL;
    int r = 0;

    if (length << shift != content.len)
        return TN_ERR_INVAL;
    if (length > TN_ARRAY_ITEMS_MAX)
        return TN_ERR_TOO_BIG;
    if (length > 0)
        r = tn_array_items_new(mu, length, shift, &items);
    if (r < 0)
        return r;
    if (length > 0)
        memcpy(items->bytes, content.data, content.len);
    r = tn_array_new_of_type(mu, type, format, items, length, ret_array);
    if (r < 0 && items != NULL)
        tn_buffer_free(mu, &items->buffer);
    return r;
}

int tn_array_new(struct tn_mutator *mu, enum tn_item_format format, struct tn_slice items,
                 struct tn_object **ret_array)
{
    return new_from(mu, TN_TYPE_ARRAY, format, items, ret_array);
}

int tn_bytearray_new(struct tn_mutator *mu, struct tn_slice content,
                     struct tn_object **ret_bytearray)
{
    return new_from(mu, TN_TYPE_BYTEARRAY, TN_ITEM_U8, content, ret_bytearray);
}

enum tn_item_format tn_array_format(const struct tn_object *array)
{
    return (enum tn_item_format)tn_array_const(array)->format;
}

size_t tn_array_length(const struct tn_object *array)
{
    return tn_state_length(tn_state_load(&tn_array_const(array)->state));
}

int tn_array_reserve(struct tn_mutator *mu, struct tn_object *o, size_t n_items)
{
    struct tn_array *array = tn_array_of(o);
    unsigned int shift = tn_array_shift(array);
    struct tn_array_items *larger;
    bool was_locked;
    int r = 0;

    if (n_items > TN_ARRAY_ITEMS_MAX)
        return TN_ERR_TOO_BIG;
    was_locked = tn_container_lock(mu, o);
    if (n_items > tn_array_items_capacity(tn_array_items_locked(array), shift)) {
        r = tn_array_items_new(mu, n_items, shift, &larger);
        if (r == 0) {
            uint32_t length = tn_state_length_locked(&array->state);

            if (length > 0)
                memcpy(larger->bytes, tn_array_items_locked(array)->bytes, (size_t)length << shift);
            items_publish(mu, array, larger);
        }
    }
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* ---- One item ---- */

/* Reads an item without the lock. TN_ERR_BUSY: it has to be taken. */
static int try_get(const struct tn_array *array, int64_t index, uint64_t *ret_bits)
{
    unsigned int shift = tn_array_shift(array);

    for (unsigned int i = 0; i < TN_ARRAY_TRIES_MAX; i++) {
        const struct tn_array_items *items = tn_array_items_load(array);
        uint64_t state;
        uint64_t bits;
        uint64_t at;
        int r;

        tn_yield();
        state = tn_state_load(&array->state);
        if (TN_UNLIKELY(tn_state_is_odd(state)))
            break;
        r = tn_index_resolve(index, tn_state_length(state), &at);
        if (TN_UNLIKELY(r < 0))
            return r;
        tn_yield();
        if (TN_UNLIKELY(at >= tn_array_items_capacity(items, shift)))
            continue; /* the length belongs to another buffer */
        bits = load_cell(items->bytes + (at << shift), shift);
        if (TN_UNLIKELY(tn_array_items_load(array) != items ||
                        (index < 0 && tn_state_load(&array->state) != state)))
            continue;
        *ret_bits = bits;
        return 0;
    }
    return TN_ERR_BUSY;
}

static int get_locked(const struct tn_array *array, int64_t index, uint64_t *ret_bits,
                      uint64_t *ret_at)
{
    unsigned int shift = tn_array_shift(array);
    uint64_t at;
    int r = tn_index_resolve(index, tn_state_length_locked(&array->state), &at);

    if (r < 0)
        return r;
    *ret_bits = load_cell(tn_array_items_locked(array)->bytes + (at << shift), shift);
    *ret_at = at;
    return 0;
}

int tn_array_get(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                 struct tn_number *ret_number)
{
    const struct tn_array *array = tn_array_const(o);
    uint64_t bits;
    uint64_t at;
    int r = try_get(array, index, &bits);

    if (TN_UNLIKELY(r == TN_ERR_BUSY)) {
        bool was_locked = tn_container_lock(mu, o);

        r = get_locked(array, index, &bits, &at);
        tn_container_unlock(mu, o, was_locked);
    }
    if (r == 0)
        *ret_number = tn_item_decode((enum tn_item_format)array->format, &bits);
    return r;
}

/* Overwrites one item. */
static void put_locked(struct tn_mutator *mu, struct tn_array *array, uint64_t at, uint64_t bits)
{
    struct tn_splice splice = { .first = at, .n_out = 1, .items = &bits, .n_in = 1 };
    int r = tn_array_splice_locked(mu, array, &splice);

    TN_ASSERT(r == 0); /* needs no memory */
}

int tn_array_set(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                 const struct tn_number *number)
{
    struct tn_array *array = tn_array_of(o);
    uint64_t bits = 0;
    uint64_t at;
    bool was_locked;
    int r = tn_item_encode((enum tn_item_format)array->format, number, &bits);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    r = tn_index_resolve(index, tn_state_length_locked(&array->state), &at);
    if (r == 0)
        put_locked(mu, array, at, bits);
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* The sum as an item; TN_ERR_TYPE, TN_ERR_OVERFLOW. */
static int add_numbers(enum tn_item_format format, const struct tn_number *a,
                       const struct tn_number *b, struct tn_number *ret_sum, uint64_t *ret_bits)
{
    struct tn_number sum;
    int r;

    if (tn_item_is_real(format)) {
        sum = tn_number_float(a->real + (b->is_real ? b->real : (double)b->integer));
    } else if (b->is_real) {
        return TN_ERR_TYPE;
    } else {
        sum = (struct tn_number){ .is_real = false, .integer = a->integer + b->integer };
        if (!tn_number_is_object(&sum))
            return TN_ERR_OVERFLOW; /* nobody could be told */
    }
    r = tn_item_encode(format, &sum, ret_bits);
    if (r == 0)
        *ret_sum = tn_item_decode(format, ret_bits); /* as it was rounded */
    return r;
}

int tn_array_add(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                 const struct tn_number *number, struct tn_number *ret_sum)
{
    struct tn_array *array = tn_array_of(o);
    enum tn_item_format format = (enum tn_item_format)array->format;
    bool was_locked = tn_container_lock(mu, o);
    uint64_t bits = 0;
    uint64_t at;
    int r = get_locked(array, index, &bits, &at);

    if (r == 0) {
        struct tn_number present = tn_item_decode(format, &bits);

        bits = 0;
        r = add_numbers(format, &present, number, ret_sum, &bits);
    }
    if (r == 0)
        put_locked(mu, array, at, bits);
    tn_container_unlock(mu, o, was_locked);
    return r;
}

int tn_array_insert(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                    const struct tn_number *number, size_t *ret_length)
{
    struct tn_array *array = tn_array_of(o);
    uint64_t bits = 0;
    struct tn_splice splice = { .items = &bits, .n_in = 1 };
    bool was_locked;
    int r = tn_item_encode((enum tn_item_format)array->format, number, &bits);

    if (r < 0)
        return r;
    was_locked = tn_container_lock(mu, o);
    splice.first = tn_array_clip(index, tn_state_length_locked(&array->state));
    r = tn_array_splice_locked(mu, array, &splice);
    if (r == 0)
        tn_array_put_length(array, ret_length);
    tn_container_unlock(mu, o, was_locked);
    return r;
}

int tn_array_pop(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                 struct tn_number *ret_number, size_t *ret_length)
{
    struct tn_array *array = tn_array_of(o);
    bool was_locked = tn_container_lock(mu, o);
    uint64_t bits;
    struct tn_splice splice = { .n_out = 1, .items = &bits };
    struct tn_number number = { .is_real = true };
    int r = get_locked(array, index, &bits, &splice.first);

    if (r == 0 && ret_number != NULL) {
        number = tn_item_decode((enum tn_item_format)array->format, &bits);
        if (!tn_number_is_object(&number))
            r = TN_ERR_OVERFLOW;
    }
    if (r == 0) {
        r = tn_array_splice_locked(mu, array, &splice);
        TN_ASSERT(r == 0); /* needs no memory */
        tn_array_put_length(array, ret_length);
    }
    tn_container_unlock(mu, o, was_locked);
    if (r == 0 && ret_number != NULL)
        *ret_number = number;
    return r;
}
