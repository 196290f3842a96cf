/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "client/lib/values.h"
#include "core/base/check.h"

const char *tn_kind_name(tn_kind kind)
{
    switch (kind) {
    case TN_KIND_NONE:
        return "none";
    case TN_KIND_BOOL:
        return "bool";
    case TN_KIND_INT:
        return "int";
    case TN_KIND_FLOAT:
        return "float";
    case TN_KIND_STR:
        return "str";
    case TN_KIND_BYTES:
        return "bytes";
    case TN_KIND_TUPLE:
        return "tuple";
    case TN_KIND_LIST:
        return "list";
    case TN_KIND_DICT:
        return "dict";
    case TN_KIND_CLASS:
        return "class";
    case TN_KIND_RECORD:
        return "record";
    case TN_KIND_WEAKREF:
        return "weakref";
    case TN_KIND_SET:
        return "set";
    case TN_KIND_FROZENSET:
        return "frozenset";
    case TN_KIND_DEQUE:
        return "deque";
    case TN_KIND_ARRAY:
        return "array";
    case TN_KIND_BYTEARRAY:
        return "bytearray";
    case TN_KIND_HANDLE:
        return "handle";
    case TN_KIND_RESULT:
        return "result";
    case TN_KIND_INVALID:
        break;
    }
    return "invalid";
}

tn_kind tn_value_kind(tn_value value)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node)
        return TN_KIND_INVALID;
    switch ((enum tn_node_kind)node->kind) {
    case TN_NODE_NONE:
        return TN_KIND_NONE;
    case TN_NODE_FALSE:
    case TN_NODE_TRUE:
        return TN_KIND_BOOL;
    case TN_NODE_INT:
        return TN_KIND_INT;
    case TN_NODE_FLOAT:
        return TN_KIND_FLOAT;
    case TN_NODE_STR:
        return TN_KIND_STR;
    case TN_NODE_BYTES:
        return TN_KIND_BYTES;
    case TN_NODE_TUPLE:
        return TN_KIND_TUPLE;
    case TN_NODE_LIST:
        return TN_KIND_LIST;
    case TN_NODE_DICT:
        return TN_KIND_DICT;
    case TN_NODE_CLASS:
        return TN_KIND_CLASS;
    case TN_NODE_RECORD:
        return TN_KIND_RECORD;
    case TN_NODE_SET:
        return TN_KIND_SET;
    case TN_NODE_FROZENSET:
        return TN_KIND_FROZENSET;
    case TN_NODE_DEQUE:
        return TN_KIND_DEQUE;
    case TN_NODE_HANDLE:
        return TN_KIND_HANDLE;
    case TN_NODE_RESULT:
        return TN_KIND_RESULT;
    case TN_NODE_ARRAY:
        return TN_KIND_ARRAY;
    case TN_NODE_BYTEARRAY:
        return TN_KIND_BYTEARRAY;
    }
    return TN_KIND_INVALID;
}

int tn_value_as_bool(tn_value value, bool *ret_truth)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node || (node->kind != TN_NODE_TRUE && node->kind != TN_NODE_FALSE))
        return TN_ETYPE;
    *ret_truth = node->kind == TN_NODE_TRUE;
    return 0;
}

int tn_value_as_int(tn_value value, int64_t *ret_integer)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node || node->kind != TN_NODE_INT)
        return TN_ETYPE;
    *ret_integer = node->integer;
    return 0;
}

int tn_value_as_float(tn_value value, double *ret_real)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (node && node->kind == TN_NODE_FLOAT)
        *ret_real = node->real;
    else if (node && node->kind == TN_NODE_INT)
        *ret_real = (double)node->integer;
    else
        return TN_ETYPE;
    return 0;
}

const char *tn_value_as_str(tn_value value, size_t *ret_len)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node || node->kind != TN_NODE_STR)
        return NULL;
    if (ret_len)
        *ret_len = node->size;
    return node->text;
}

const void *tn_value_as_bytes(tn_value value, size_t *ret_size)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node || (node->kind != TN_NODE_BYTES && node->kind != TN_NODE_BYTEARRAY &&
                  node->kind != TN_NODE_STR))
        return NULL;
    if (ret_size)
        *ret_size = node->size;
    return node->text;
}

const char *tn_format_name(tn_format format)
{
    static const char *const names[] = {
        [TN_FORMAT_I8] = "i8",   [TN_FORMAT_U8] = "u8",   [TN_FORMAT_I16] = "i16",
        [TN_FORMAT_U16] = "u16", [TN_FORMAT_I32] = "i32", [TN_FORMAT_U32] = "u32",
        [TN_FORMAT_I64] = "i64", [TN_FORMAT_U64] = "u64", [TN_FORMAT_F32] = "f32",
        [TN_FORMAT_F64] = "f64",
    };

    return (size_t)format < TN_ARRAY_LEN(names) && names[format] ? names[format] : "invalid";
}

size_t tn_format_width(tn_format format)
{
    int shift = tn_value_format_shift((unsigned)format);

    return shift < 0 ? 0 : (size_t)1 << shift;
}

const void *tn_value_as_array(tn_value value, tn_format *ret_format, size_t *ret_n_items)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node || node->kind != TN_NODE_ARRAY)
        return NULL;
    if (ret_format)
        *ret_format = (tn_format)node->text[0];
    if (ret_n_items)
        *ret_n_items = tn_value_len(value);
    return node->text + 1;
}

int tn_value_array_item(tn_value array, size_t index, int64_t *ret_integer, double *ret_real)
{
    tn_format format;
    size_t n_items;
    const char *items = tn_value_as_array(array, &format, &n_items);
    size_t width = items ? tn_format_width(format) : 0;
    unsigned n_unused = 64 - 8 * (unsigned)width;
    uint64_t bits = 0;
    float single;

    if (!items)
        return TN_ETYPE;
    if (index >= n_items)
        return TN_EINDEX;
    memcpy(&bits, items + index * width, width);
    switch (format) {
    case TN_FORMAT_F32:
        memcpy(&single, &bits, sizeof(single));
        *ret_real = (double)single;
        return TN_KIND_FLOAT;
    case TN_FORMAT_F64:
        memcpy(ret_real, &bits, sizeof(*ret_real));
        return TN_KIND_FLOAT;
    case TN_FORMAT_I8:
    case TN_FORMAT_I16:
    case TN_FORMAT_I32:
    case TN_FORMAT_I64:
        *ret_integer = (int64_t)(bits << n_unused) >> n_unused;
        return TN_KIND_INT;
    default:
        if (bits > INT64_MAX)
            return TN_EOVERFLOW;
        *ret_integer = (int64_t)bits;
        return TN_KIND_INT;
    }
}

tn_value tn_value_class(tn_value record)
{
    const struct tn_values_node *node = tn_value_node(record);

    if (!node || node->kind != TN_NODE_RECORD)
        return tn_value_invalid(record.values);
    return (tn_value){ .values = record.values, .node = record.values->items[node->first] };
}

const char *tn_value_class_name(tn_value value, size_t *ret_len)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (node && node->kind == TN_NODE_RECORD)
        node = tn_value_node(tn_value_class(value));
    if (!node || node->kind != TN_NODE_CLASS)
        return NULL;
    if (ret_len)
        *ret_len = node->size;
    return node->text;
}

tn_handle *tn_value_as_handle(tn_value value)
{
    const struct tn_values_node *node = tn_value_node(value);

    return node && node->kind == TN_NODE_HANDLE ? node->handle : NULL;
}

size_t tn_value_len(tn_value value)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node || node->kind == TN_NODE_RESULT)
        return 0;
    if (node->kind == TN_NODE_ARRAY)
        return (node->size - 1) >> tn_value_format_shift((unsigned)node->text[0]);
    return node->size;
}

int64_t tn_value_maxlen(tn_value value)
{
    const struct tn_values_node *node = tn_value_node(value);

    if (!node || node->kind != TN_NODE_DEQUE || node->maxlen == TN_VALUE_NO_MAXLEN)
        return -1;
    return node->maxlen;
}

/* Number `index` of what a container's items are made of. */
static tn_value item_at(tn_value value, const struct tn_values_node *node, size_t index)
{
    return (tn_value){ .values = value.values, .node = value.values->items[node->first + index] };
}

/* Where the pairs of keys and values begin among the items; false if there are none. */
static bool has_pairs(const struct tn_values_node *node, size_t *ret_first)
{
    *ret_first = node->kind == TN_NODE_RECORD; /* behind the class */
    return node->kind == TN_NODE_DICT || node->kind == TN_NODE_RECORD;
}

tn_value tn_value_item(tn_value value, size_t index)
{
    const struct tn_values_node *node = tn_value_node(value);
    size_t first;

    if (!node || !tn_values_node_is_container(node) || index >= node->size)
        return tn_value_invalid(value.values);
    return item_at(value, node, has_pairs(node, &first) ? first + 2 * index + 1 : index);
}

tn_value tn_value_key(tn_value value, size_t index)
{
    const struct tn_values_node *node = tn_value_node(value);
    size_t first;

    if (!node || !has_pairs(node, &first) || index >= node->size)
        return tn_value_invalid(value.values);
    return item_at(value, node, first + 2 * index);
}

tn_value tn_value_find(tn_value value, const char *key)
{
    size_t len = key ? strlen(key) : 0;

    for (size_t i = key ? tn_value_len(value) : 0; i-- > 0;) {
        const struct tn_values_node *node = tn_value_node(tn_value_key(value, i));

        if (node && node->kind == TN_NODE_STR && node->size == len &&
            memcmp(node->text, key, len) == 0)
            return tn_value_item(value, i);
    }
    return tn_value_invalid(value.values);
}
