/* SPDX-License-Identifier: MIT */
#include "client/lib/values.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

#define FIRST_TEXT_BYTES ((size_t)512)
#define FIRST_NODES 16
#define FIRST_ITEMS ((size_t)16)
#define FIRST_CONTAINER_CAP ((uint32_t)4)

tn_values *tn_values_new(void)
{
    tn_values *values = calloc(1, sizeof(*values));

    if (!values)
        return NULL;
    if (tn_arena_init(&values->texts, FIRST_TEXT_BYTES, SIZE_MAX / 4) < 0) {
        free(values);
        return NULL;
    }
    return values;
}

static void release_handles(tn_values *values)
{
    for (uint32_t i = 0; values->n_handles > 0 && i < values->n_nodes; i++) {
        if (values->nodes[i].kind != TN_NODE_HANDLE)
            continue;
        tn_handle_release(&values->nodes[i].handle);
        values->n_handles--;
    }
}

void tn_values_clear(tn_values *values)
{
    if (!values)
        return;
    release_handles(values);
    values->n_nodes = 0;
    values->n_items = 0;
    values->error = 0;
    tn_arena_reset(&values->texts);
}

void tn_values_free(tn_values **valuesp)
{
    tn_values *values;

    if (!valuesp || !*valuesp)
        return;
    values = *valuesp;
    *valuesp = NULL;
    release_handles(values);
    tn_arena_fini(&values->texts);
    free(values->nodes);
    free(values->numbers);
    free(values->items);
    free(values);
}

int tn_values_error(const tn_values *values)
{
    return values ? values->error : TN_ENOMEM;
}

size_t tn_values_count(const tn_values *values)
{
    return values ? values->n_nodes : 0;
}

int tn_values_fail(tn_values *values, int err)
{
    if (values && values->error == 0)
        values->error = err;
    return err;
}

int tn_values_reserve_nodes(tn_values *values, size_t n)
{
    size_t needed = values->n_nodes + n;
    size_t cap = values->cap_nodes;
    struct tn_values_node *nodes;

    if (needed <= cap)
        return 0;
    if (needed > TN_VALUE_NODES_MAX)
        return TN_ETOO_BIG;
    cap = cap < FIRST_NODES ? FIRST_NODES : cap * 2;
    if (cap < needed)
        cap = needed;
    nodes = reallocarray(values->nodes, cap, sizeof(*nodes));
    if (!nodes)
        return TN_ENOMEM;
    values->nodes = nodes;
    values->cap_nodes = (uint32_t)cap;
    return 0;
}

int tn_values_reserve_items(tn_values *values, size_t n)
{
    size_t needed = values->n_items + n;
    size_t cap = values->cap_items;
    uint32_t *items;

    if (needed <= cap)
        return 0;
    if (needed > UINT32_MAX)
        return TN_ETOO_BIG;
    cap = cap < FIRST_ITEMS ? FIRST_ITEMS : cap * 2;
    if (cap < needed)
        cap = needed;
    items = reallocarray(values->items, cap, sizeof(*items));
    if (!items)
        return TN_ENOMEM;
    values->items = items;
    values->cap_items = cap;
    return 0;
}

void tn_values_truncate(tn_values *values, uint32_t n_nodes)
{
    while (values->n_nodes > n_nodes) {
        struct tn_values_node *node = &values->nodes[--values->n_nodes];

        if (node->kind == TN_NODE_HANDLE) {
            tn_handle_forget(&node->handle);
            values->n_handles--;
        }
    }
}

struct tn_values_node *tn_values_add(tn_values *values, enum tn_node_kind kind)
{
    struct tn_values_node *node;
    int r;

    if (!values)
        return NULL;
    r = tn_values_reserve_nodes(values, 1);
    if (r < 0) {
        (void)tn_values_fail(values, r); /* the caller sees that there is no node */
        return NULL;
    }
    node = &values->nodes[values->n_nodes++];
    *node = (struct tn_values_node){ .kind = (uint8_t)kind };
    return node;
}

static tn_value add_constant(tn_values *values, enum tn_node_kind kind)
{
    return tn_values_add(values, kind) ? tn_values_last(values) : tn_value_invalid(values);
}

tn_value tn_value_none(tn_values *values)
{
    return add_constant(values, TN_NODE_NONE);
}

tn_value tn_value_bool(tn_values *values, bool truth)
{
    return add_constant(values, truth ? TN_NODE_TRUE : TN_NODE_FALSE);
}

tn_value tn_value_int(tn_values *values, int64_t integer)
{
    struct tn_values_node *node = tn_values_add(values, TN_NODE_INT);

    if (!node)
        return tn_value_invalid(values);
    node->integer = integer;
    return tn_values_last(values);
}

tn_value tn_value_float(tn_values *values, double real)
{
    struct tn_values_node *node = tn_values_add(values, TN_NODE_FLOAT);

    if (!node)
        return tn_value_invalid(values);
    node->real = real;
    return tn_values_last(values);
}

static tn_value fail_value(tn_values *values, int err)
{
    (void)tn_values_fail(values, err); /* the invalid value says so, too */
    return tn_value_invalid(values);
}

static tn_value add_text(tn_values *values, enum tn_node_kind kind, const void *data, size_t size)
{
    struct tn_values_node *node;
    char *copy;

    if (!values)
        return tn_value_invalid(NULL);
    if (!data && size > 0)
        return fail_value(values, TN_EINVAL);
    if (size >= UINT32_MAX)
        return fail_value(values, TN_ETOO_BIG);
    copy = tn_arena_alloc(&values->texts, size + 1);
    if (!copy)
        return fail_value(values, TN_ENOMEM);
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';

    node = tn_values_add(values, kind);
    if (!node)
        return tn_value_invalid(values);
    node->size = (uint32_t)size;
    node->text = copy;
    return tn_values_last(values);
}

tn_value tn_value_str(tn_values *values, const char *text)
{
    if (!text)
        return fail_value(values, TN_EINVAL);
    return add_text(values, TN_NODE_STR, text, strlen(text));
}

tn_value tn_value_str_n(tn_values *values, const char *text, size_t len)
{
    return add_text(values, TN_NODE_STR, text, len);
}

tn_value tn_value_bytes(tn_values *values, const void *data, size_t size)
{
    return add_text(values, TN_NODE_BYTES, data, size);
}

tn_value tn_value_tuple(tn_values *values, const tn_value *items, size_t n_items)
{
    struct tn_values_node *node;
    int r;

    if (!values)
        return tn_value_invalid(NULL);
    if (!items && n_items > 0)
        return fail_value(values, TN_EINVAL);
    for (size_t i = 0; i < n_items; i++) {
        if (items[i].values != values || !tn_value_node(items[i]))
            return fail_value(values, TN_EINVAL);
    }
    r = tn_values_reserve_items(values, n_items);
    if (r < 0)
        return fail_value(values, r);
    node = tn_values_add(values, TN_NODE_TUPLE);
    if (!node)
        return tn_value_invalid(values);

    node->size = node->cap = (uint32_t)n_items;
    node->first = (uint32_t)values->n_items;
    for (size_t i = 0; i < n_items; i++)
        values->items[values->n_items++] = items[i].node;
    return tn_values_last(values);
}

tn_value tn_value_list(tn_values *values)
{
    return add_constant(values, TN_NODE_LIST);
}

tn_value tn_value_dict(tn_values *values)
{
    return add_constant(values, TN_NODE_DICT);
}

/* Whether a value can stand for a class: the server says whether it does. */
static bool can_be_class(tn_value value)
{
    const struct tn_values_node *node = tn_value_node(value);

    return node && (node->kind == TN_NODE_HANDLE || node->kind == TN_NODE_RESULT);
}

tn_value tn_value_record(tn_values *values, tn_value class_value)
{
    struct tn_values_node *node;
    int r;

    if (!values)
        return tn_value_invalid(NULL);
    if (class_value.values != values || !can_be_class(class_value))
        return fail_value(values, values->error != 0 ? values->error : TN_EINVAL);
    r = tn_values_reserve_items(values, 1);
    if (r < 0)
        return fail_value(values, r);
    node = tn_values_add(values, TN_NODE_RECORD);
    if (!node)
        return tn_value_invalid(values);
    node->cap = 1;
    node->first = (uint32_t)values->n_items;
    values->items[values->n_items++] = class_value.node;
    return tn_values_last(values);
}

tn_value tn_value_handle(tn_values *values, tn_handle *handle)
{
    struct tn_values_node *node;

    if (!handle)
        return fail_value(values, TN_EINVAL);
    node = tn_values_add(values, TN_NODE_HANDLE);
    if (!node)
        return tn_value_invalid(values);
    node->handle = tn_handle_ref(handle);
    values->n_handles++;
    return tn_values_last(values);
}

tn_value tn_value_result(tn_values *values, int step)
{
    struct tn_values_node *node;

    if (step < 0)
        return fail_value(values, TN_EINVAL);
    node = tn_values_add(values, TN_NODE_RESULT);
    if (!node)
        return tn_value_invalid(values);
    node->size = (uint32_t)step;
    return tn_values_last(values);
}

/* Room for `n` more items at the end of a container, which moves to the end of
 * all items if it has to. */
static int extend_container(tn_values *values, struct tn_values_node *node, size_t n)
{
    size_t used = tn_values_node_n_items(node);
    size_t cap = node->cap;
    size_t first = node->first;
    int r;

    if (used + n <= cap)
        return 0;
    cap = cap < FIRST_CONTAINER_CAP ? FIRST_CONTAINER_CAP : cap * 2;
    if (cap > UINT32_MAX)
        return TN_ETOO_BIG;
    if (first + node->cap == values->n_items) { /* the last one grows where it is */
        r = tn_values_reserve_items(values, cap - node->cap);
        if (r < 0)
            return r;
        values->n_items = first + cap;
    } else {
        r = tn_values_reserve_items(values, cap);
        if (r < 0)
            return r;
        if (used > 0)
            memcpy(values->items + values->n_items, values->items + first,
                   used * sizeof(*values->items));
        node->first = (uint32_t)values->n_items;
        values->n_items += cap;
    }
    node->cap = (uint32_t)cap;
    return 0;
}

/* The node of a container that is to be changed, or NULL with the reason. */
static struct tn_values_node *container_to_change(tn_value container, enum tn_node_kind kind,
                                                  int *ret_err)
{
    struct tn_values_node *node = tn_value_node(container);

    if (!node || node->kind != kind) {
        *ret_err = node ? TN_ETYPE : tn_values_error(container.values);
        if (*ret_err == 0)
            *ret_err = TN_EINVAL;
        (void)tn_values_fail(container.values, *ret_err); /* the caller returns it, too */
        return NULL;
    }
    return node;
}

/* Whether a value may become an item of a container of `values`. */
static bool can_be_item(const tn_values *values, tn_value item)
{
    return item.values == values && tn_value_node(item);
}

/* An item that cannot be one: an invalid one has told why already. */
static int fail_item(tn_values *values)
{
    return tn_values_fail(values, values->error != 0 ? values->error : TN_EINVAL);
}

int tn_value_append(tn_value list, tn_value item)
{
    int r;
    struct tn_values_node *node = container_to_change(list, TN_NODE_LIST, &r);

    if (!node)
        return r;
    if (!can_be_item(list.values, item))
        return fail_item(list.values);
    r = extend_container(list.values, node, 1);
    if (r < 0)
        return tn_values_fail(list.values, r);
    list.values->items[node->first + node->size++] = item.node;
    return 0;
}

/* Adds an entry to a dict or record. */
static int add_pair(tn_value container, enum tn_node_kind kind, tn_value key, tn_value value)
{
    int r;
    struct tn_values_node *node = container_to_change(container, kind, &r);
    tn_values *values = container.values;
    uint32_t *entry;

    if (!node)
        return r;
    if (!can_be_item(values, key) || !can_be_item(values, value))
        return fail_item(values);
    r = extend_container(values, node, 2);
    if (r < 0)
        return tn_values_fail(values, r);
    entry = values->items + node->first + tn_values_node_n_items(node);
    entry[0] = key.node;
    entry[1] = value.node;
    node->size++;
    return 0;
}

int tn_value_set(tn_value dict, tn_value key, tn_value value)
{
    return add_pair(dict, TN_NODE_DICT, key, value);
}

int tn_value_set_str(tn_value dict, const char *key, tn_value value)
{
    return tn_value_set(dict, tn_value_str(dict.values, key), value);
}

int tn_value_set_attr(tn_value record, const char *name, tn_value value)
{
    return add_pair(record, TN_NODE_RECORD, tn_value_str(record.values, name), value);
}

int tn_value_set_class(tn_value record, tn_value class_value)
{
    int r;
    struct tn_values_node *node = container_to_change(record, TN_NODE_RECORD, &r);

    if (!node)
        return r;
    if (class_value.values != record.values || !can_be_class(class_value))
        return fail_item(record.values);
    record.values->items[node->first] = class_value.node;
    return 0;
}
