/* SPDX-License-Identifier: MIT */
/*
 * Writing values; see value.h. A column is an array in the arena that doubles
 * when it is full. The last one that grew often can grow in place; the others
 * leave what they outgrow behind, which together is less than what they hold.
 */
#include "proto/value.h"

#include <string.h>

#include "core/base/err.h"

#define COLUMN_ENTRIES_MIN ((size_t)16)

/* ---- A single scalar ---- */

static void one_init(struct tn_value_one *one, enum tn_node_kind kind)
{
    one->value = (Tenure__V1__Value)TENURE__V1__VALUE__INIT;
    one->kind = (uint8_t)kind;
    one->value.kinds = (ProtobufCBinaryData){ .len = 1, .data = &one->kind };
}

void tn_value_one_constant(struct tn_value_one *one, enum tn_node_kind kind)
{
    TN_ASSERT(kind == TN_NODE_NONE || kind == TN_NODE_FALSE || kind == TN_NODE_TRUE);
    one_init(one, kind);
}

void tn_value_one_int(struct tn_value_one *one, int64_t integer)
{
    one_init(one, TN_NODE_INT);
    one->integer = integer;
    one->value.ints = &one->integer;
    one->value.n_ints = 1;
}

void tn_value_one_float(struct tn_value_one *one, double real)
{
    one_init(one, TN_NODE_FLOAT);
    one->real = real;
    one->value.floats = &one->real;
    one->value.n_floats = 1;
}

static void one_sized(struct tn_value_one *one, enum tn_node_kind kind, size_t size)
{
    TN_ASSERT(size <= UINT32_MAX);
    one_init(one, kind);
    one->size = (uint32_t)size;
    one->value.sizes = &one->size;
    one->value.n_sizes = 1;
}

static void one_data(struct tn_value_one *one, enum tn_node_kind kind, struct tn_slice data)
{
    one_sized(one, kind, data.len);
    /* The generated struct cannot say so, but packing does not write to it. */
    one->value.data =
        (ProtobufCBinaryData){ .len = data.len, .data = (uint8_t *)(uintptr_t)data.data };
}

void tn_value_one_str(struct tn_value_one *one, struct tn_slice text)
{
    one_data(one, TN_NODE_STR, text);
}

void tn_value_one_bytes(struct tn_value_one *one, struct tn_slice bytes)
{
    one_data(one, TN_NODE_BYTES, bytes);
}

void tn_value_one_class(struct tn_value_one *one, struct tn_slice name)
{
    one_data(one, TN_NODE_CLASS, name);
}

void tn_value_one_handle(struct tn_value_one *one, uint64_t handle, uint8_t type)
{
    one_init(one, TN_NODE_HANDLE);
    one->handle = handle;
    one->value.handles = &one->handle;
    one->value.n_handles = 1;
    one->type = type;
    if (type != 0)
        one->value.handle_types = (ProtobufCBinaryData){ .len = 1, .data = &one->type };
}

void tn_value_one_result(struct tn_value_one *one, uint32_t step)
{
    one_sized(one, TN_NODE_RESULT, step);
}

/* ---- Any value ---- */

/* Makes room for `n` more entries of `width` bytes. */
static int column_grow(struct tn_arena *arena, struct tn_value_column *column, size_t n,
                       size_t width)
{
    size_t cap = column->cap < COLUMN_ENTRIES_MIN ? COLUMN_ENTRIES_MIN : column->cap * 2;
    void *data;

    if (cap < column->len + n)
        cap = column->len + n;
    /* No overflow: lengths are below 2^33, as a container has at most that many
     * items, and the arena's cap is met long before the sum of several. */
    data = tn_arena_grow(arena, column->data, column->cap * width, cap * width);
    if (!data)
        return tn_arena_is_refused(arena) ? TN_ERR_LIMIT : TN_ERR_NOMEM;
    column->data = data;
    column->cap = cap;
    return 0;
}

/* Appends `n` entries, copied from `from`. */
static inline int column_put(struct tn_arena *arena, struct tn_value_column *column,
                             const void *from, size_t n, size_t width)
{
    if (TN_UNLIKELY(column->cap - column->len < n)) {
        int r = column_grow(arena, column, n, width);

        if (r < 0)
            return r;
    }
    if (n > 0)
        memcpy((uint8_t *)column->data + column->len * width, from, n * width);
    column->len += n;
    return 0;
}

static inline int put_kind(struct tn_value_writer *writer, enum tn_node_kind kind)
{
    uint8_t byte = (uint8_t)kind;
    size_t node = writer->kinds.len;
    int r;

    if (TN_UNLIKELY(node >= TN_VALUE_NODES_MAX))
        return TN_ERR_TOO_BIG;
    r = column_put(writer->arena, &writer->kinds, &byte, 1, sizeof(byte));
    return r < 0 ? r : (int)node;
}

static int put_size(struct tn_value_writer *writer, size_t size)
{
    uint32_t entry = (uint32_t)size;

    if (size > UINT32_MAX)
        return TN_ERR_TOO_BIG;
    return column_put(writer->arena, &writer->sizes, &entry, 1, sizeof(entry));
}

int tn_value_put_constant(struct tn_value_writer *writer, enum tn_node_kind kind)
{
    TN_ASSERT(kind == TN_NODE_NONE || kind == TN_NODE_FALSE || kind == TN_NODE_TRUE);
    return put_kind(writer, kind);
}

int tn_value_put_int(struct tn_value_writer *writer, int64_t integer)
{
    int r = column_put(writer->arena, &writer->ints, &integer, 1, sizeof(integer));

    return r < 0 ? r : put_kind(writer, TN_NODE_INT);
}

int tn_value_put_float(struct tn_value_writer *writer, double real)
{
    int r = column_put(writer->arena, &writer->floats, &real, 1, sizeof(real));

    return r < 0 ? r : put_kind(writer, TN_NODE_FLOAT);
}

static int put_data(struct tn_value_writer *writer, enum tn_node_kind kind, struct tn_slice data)
{
    int r = put_size(writer, data.len);

    if (r < 0)
        return r;
    r = column_put(writer->arena, &writer->data, data.data, data.len, 1);
    return r < 0 ? r : put_kind(writer, kind);
}

int tn_value_put_str(struct tn_value_writer *writer, struct tn_slice text)
{
    return put_data(writer, TN_NODE_STR, text);
}

int tn_value_put_bytes(struct tn_value_writer *writer, struct tn_slice bytes)
{
    return put_data(writer, TN_NODE_BYTES, bytes);
}

int tn_value_put_class(struct tn_value_writer *writer, struct tn_slice name)
{
    return put_data(writer, TN_NODE_CLASS, name);
}

int tn_value_put_handle(struct tn_value_writer *writer, uint64_t handle, uint8_t type)
{
    int r;

    TN_ASSERT(writer->handles.len == (type != 0 ? writer->handle_types.len : 0) ||
              (type == 0 && writer->handle_types.len == 0));
    r = column_put(writer->arena, &writer->handles, &handle, 1, sizeof(handle));
    if (r < 0)
        return r;
    if (type != 0) {
        r = column_put(writer->arena, &writer->handle_types, &type, 1, sizeof(type));
        if (r < 0)
            return r;
    }
    return put_kind(writer, TN_NODE_HANDLE);
}

int tn_value_put_result(struct tn_value_writer *writer, uint32_t step)
{
    int r = put_size(writer, step);

    return r < 0 ? r : put_kind(writer, TN_NODE_RESULT);
}

int tn_value_put_container(struct tn_value_writer *writer, enum tn_node_kind kind, uint32_t size,
                           size_t *ret_first)
{
    struct tn_value_column *items = &writer->items;
    size_t n_items = tn_node_n_items(kind, size);
    size_t first = items->len;
    int r;

    TN_ASSERT(tn_node_is_container(kind));
    r = put_size(writer, size);
    if (r < 0)
        return r;
    if (items->cap - items->len < n_items) {
        r = column_grow(writer->arena, items, n_items, sizeof(uint32_t));
        if (r < 0)
            return r;
    }
    if (n_items > 0)
        memset((uint32_t *)items->data + first, 0, n_items * sizeof(uint32_t));
    items->len += n_items;
    r = put_kind(writer, kind);
    if (r >= 0)
        *ret_first = first;
    return r;
}

void tn_value_writer_finish(const struct tn_value_writer *writer, Tenure__V1__Value *ret_value)
{
    *ret_value = (Tenure__V1__Value)TENURE__V1__VALUE__INIT;
    ret_value->kinds = (ProtobufCBinaryData){ writer->kinds.len, writer->kinds.data };
    ret_value->ints = writer->ints.data;
    ret_value->n_ints = writer->ints.len;
    ret_value->floats = writer->floats.data;
    ret_value->n_floats = writer->floats.len;
    ret_value->sizes = writer->sizes.data;
    ret_value->n_sizes = writer->sizes.len;
    ret_value->data = (ProtobufCBinaryData){ writer->data.len, writer->data.data };
    ret_value->items = writer->items.data;
    ret_value->n_items = writer->items.len;
    ret_value->handles = writer->handles.data;
    ret_value->n_handles = writer->handles.len;
    ret_value->handle_types =
        (ProtobufCBinaryData){ writer->handle_types.len, writer->handle_types.data };
}
