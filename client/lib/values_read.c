/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "client/lib/values.h"

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
    case TN_NODE_HANDLE:
        return TN_KIND_HANDLE;
    case TN_NODE_RESULT:
        return TN_KIND_RESULT;
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

    if (!node || (node->kind != TN_NODE_BYTES && node->kind != TN_NODE_STR))
        return NULL;
    if (ret_size)
        *ret_size = node->size;
    return node->text;
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

    return node && node->kind != TN_NODE_RESULT ? node->size : 0;
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
