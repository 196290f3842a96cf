/* SPDX-License-Identifier: MIT */
/*
 * Between tables and the wire's columns, and from table to table. A table's
 * nodes in the order of their numbers are what the wire wants, except that the
 * root must be the last: it moves there, and nodes that do not belong to it are
 * left out.
 */
#include <stdlib.h>
#include <string.h>

#include "client/lib/values.h"
#include "core/base/check.h"

#define NOT_REACHED UINT32_MAX
#define REACHED 0u

/*
 * Numbers the nodes that belong to a value, from 0 in the order of creation, but
 * with the root last if that is asked for. `ret_numbers` (NOT_REACHED: does not
 * belong) and `stack` have room for all nodes. Returns how many belong, and how
 * many items their containers have.
 */
static uint32_t number_nodes(const tn_values *values, uint32_t root, bool root_last,
                             uint32_t *ret_numbers, uint32_t *stack, size_t *ret_n_items)
{
    size_t depth = 0;
    uint32_t next = 0;

    *ret_n_items = 0;
    for (uint32_t i = 0; i < values->n_nodes; i++)
        ret_numbers[i] = NOT_REACHED;
    ret_numbers[root] = REACHED;
    stack[depth++] = root;
    while (depth > 0) { /* every node is pushed at most once */
        const struct tn_values_node *node = &values->nodes[stack[--depth]];
        size_t n_items = tn_values_node_is_container(node) ? tn_values_node_n_items(node) : 0;

        *ret_n_items += n_items;
        for (size_t i = 0; i < n_items; i++) {
            uint32_t item = values->items[node->first + i];

            if (ret_numbers[item] == REACHED)
                continue;
            ret_numbers[item] = REACHED;
            stack[depth++] = item;
        }
    }

    for (uint32_t i = 0; i < values->n_nodes; i++) {
        if (ret_numbers[i] == REACHED && !(root_last && i == root))
            ret_numbers[i] = next++;
    }
    if (root_last)
        ret_numbers[root] = next++;
    return next;
}

/* What the arena's refusal means here: its cap is far beyond any real memory. */
static int writer_error(int internal)
{
    return internal == TN_ERR_TOO_BIG ? TN_ETOO_BIG : TN_ENOMEM;
}

static int handle_id(const tn_handle *handle, const struct tn_session *session, uint64_t *ret_id)
{
    if (handle->session != session)
        return TN_EHANDLE;
    *ret_id = handle->id;
    return 0;
}

/* A root that is a tuple has the highest number, so another tuple cannot hold it. */
static bool is_forbidden(const tn_values *values, const struct tn_values_node *holder,
                         uint32_t item, uint32_t root)
{
    return item == root && holder->kind == TN_NODE_TUPLE &&
           values->nodes[root].kind == TN_NODE_TUPLE && holder != &values->nodes[root];
}

static int put_container(const tn_values *values, const struct tn_values_node *node, uint32_t root,
                         const uint32_t *numbers, struct tn_value_writer *writer)
{
    size_t n_items = tn_values_node_n_items(node);
    size_t first;
    uint32_t *out;
    int r = tn_value_put_container(writer, (enum tn_node_kind)node->kind, node->size, &first);

    if (r < 0)
        return writer_error(r);
    out = tn_value_writer_items(writer);
    for (size_t i = 0; i < n_items; i++) {
        uint32_t item = values->items[node->first + i];

        if (is_forbidden(values, node, item, root))
            return TN_EINVAL;
        out[first + i] = numbers[item];
    }
    return 0;
}

static int put_node(const tn_values *values, uint32_t number, uint32_t root,
                    const uint32_t *numbers, const struct tn_session *session,
                    struct tn_value_writer *writer)
{
    const struct tn_values_node *node = &values->nodes[number];
    uint64_t id;
    int r;

    switch ((enum tn_node_kind)node->kind) {
    case TN_NODE_INT:
        r = tn_value_put_int(writer, node->integer);
        break;
    case TN_NODE_FLOAT:
        r = tn_value_put_float(writer, node->real);
        break;
    case TN_NODE_STR:
        r = tn_value_put_str(writer, TN_SLICE(node->text, node->size));
        break;
    case TN_NODE_BYTES:
        r = tn_value_put_bytes(writer, TN_SLICE(node->text, node->size));
        break;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
        return put_container(values, node, root, numbers, writer);
    case TN_NODE_HANDLE:
        r = handle_id(node->handle, session, &id);
        if (r < 0)
            return r;
        r = tn_value_put_handle(writer, id, 0);
        break;
    case TN_NODE_RESULT:
        r = tn_value_put_result(writer, node->size);
        break;
    default:
        r = tn_value_put_constant(writer, (enum tn_node_kind)node->kind);
        break;
    }
    return r < 0 ? writer_error(r) : 0;
}

static int graph_to_wire(const tn_values *values, uint32_t root, const struct tn_session *session,
                         struct tn_arena *arena, Tenure__V1__Value *ret_wire)
{
    uint32_t *numbers = tn_arena_alloc(arena, values->n_nodes * sizeof(*numbers));
    uint32_t *stack = tn_arena_alloc(arena, values->n_nodes * sizeof(*stack));
    struct tn_value_writer writer;
    size_t n_items;
    int r;

    if (!numbers || !stack)
        return TN_ENOMEM;
    (void)number_nodes(values, root, true, numbers, stack, &n_items);
    tn_value_writer_init(&writer, arena);
    for (uint32_t i = 0; i < values->n_nodes; i++) {
        if (numbers[i] == NOT_REACHED || i == root)
            continue;
        r = put_node(values, i, root, numbers, session, &writer);
        if (r < 0)
            return r;
    }
    r = put_node(values, root, root, numbers, session, &writer);
    if (r < 0)
        return r;
    tn_value_writer_finish(&writer, ret_wire);
    return 0;
}

int tn_value_to_wire(tn_value value, const struct tn_session *session, struct tn_arena *arena,
                     struct tn_value_one *one, Tenure__V1__Value *ret_wire)
{
    const struct tn_values_node *node = tn_value_node(value);
    uint64_t id;
    int r = tn_values_error(value.values);

    if (!value.values && value.node == 0)
        return TN_EINVAL; /* all zeros: no value was given */
    if (r < 0)
        return r;
    if (!node)
        return TN_EINVAL;

    switch ((enum tn_node_kind)node->kind) {
    case TN_NODE_INT:
        tn_value_one_int(one, node->integer);
        break;
    case TN_NODE_FLOAT:
        tn_value_one_float(one, node->real);
        break;
    case TN_NODE_STR:
        tn_value_one_str(one, TN_SLICE(node->text, node->size));
        break;
    case TN_NODE_BYTES:
        tn_value_one_bytes(one, TN_SLICE(node->text, node->size));
        break;
    case TN_NODE_HANDLE:
        r = handle_id(node->handle, session, &id);
        if (r < 0)
            return r;
        tn_value_one_handle(one, id, 0);
        break;
    case TN_NODE_RESULT:
        tn_value_one_result(one, node->size);
        break;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
        return graph_to_wire(value.values, value.node, session, arena, ret_wire);
    default:
        tn_value_one_constant(one, (enum tn_node_kind)node->kind);
        break;
    }
    *ret_wire = one->value;
    return 0;
}

/* ---- From the wire ---- */

/* All texts of an answer, with a NUL behind each, in one stretch. */
struct texts {
    char *at;
};

static int reserve_for(tn_values *values, const Tenure__V1__Value *wire, struct texts *ret_texts)
{
    int r = tn_values_reserve_nodes(values, wire->kinds.len);

    if (r < 0)
        return r;
    r = tn_values_reserve_items(values, wire->n_items);
    if (r < 0)
        return r;
    /* Every text takes one of the sizes, so there is room for every NUL. */
    ret_texts->at = NULL;
    if (wire->n_sizes > 0) {
        ret_texts->at = tn_arena_alloc(&values->texts, wire->data.len + wire->n_sizes);
        if (!ret_texts->at)
            return TN_ENOMEM;
    }
    return 0;
}

static int read_node(tn_values *values, const struct tn_value_node *from, uint32_t base,
                     struct tn_session *session, struct texts *texts)
{
    struct tn_values_node node = { .kind = from->kind, .size = from->size };
    size_t n_items;

    switch ((enum tn_node_kind)from->kind) {
    case TN_NODE_INT:
        node.integer = from->integer;
        break;
    case TN_NODE_FLOAT:
        node.real = from->real;
        break;
    case TN_NODE_STR:
    case TN_NODE_BYTES:
        node.text = texts->at;
        if (from->size > 0)
            memcpy(texts->at, from->bytes, from->size);
        texts->at[from->size] = '\0';
        texts->at += (size_t)from->size + 1;
        break;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
        n_items = tn_values_node_n_items(&node);
        node.first = (uint32_t)values->n_items;
        node.cap = (uint32_t)n_items;
        for (size_t i = 0; i < n_items; i++)
            values->items[values->n_items++] = base + from->items[i];
        break;
    case TN_NODE_HANDLE:
        if (tn_handle_new(session, from->handle, tn_kind_from_tag(from->type), &node.handle) < 0)
            return TN_ENOMEM;
        values->n_handles++;
        break;
    default:
        break;
    }
    values->nodes[values->n_nodes++] = node;
    return 0;
}

int tn_value_from_wire(const Tenure__V1__Value *wire, struct tn_session *session, tn_values *values,
                       tn_value *ret_value)
{
    static const struct tn_value_limits limits = {
        .max_nodes = TN_VALUE_NODES_MAX,
        .max_items = UINT32_MAX,
        .max_bytes = SIZE_MAX / 4,
        .allow_handles = true,
        .is_answer = true,
    };
    struct tn_value_reader reader;
    struct tn_value_node node;
    struct texts texts;
    uint32_t base = values->n_nodes;
    size_t n_items = values->n_items;
    int r;

    if (tn_value_check(wire, &limits, NULL) < 0)
        return TN_ESERVER;
    r = reserve_for(values, wire, &texts);
    if (r < 0)
        return r;
    tn_value_reader_init(&reader, wire);
    while (tn_value_read(&reader, &node)) {
        r = read_node(values, &node, base, session, &texts);
        if (r < 0) {
            tn_values_truncate(values, base);
            values->n_items = n_items;
            return r;
        }
    }
    *ret_value = tn_values_last(values);
    return 0;
}

int tn_value_from_handle(uint64_t id, tn_kind kind, struct tn_session *session, tn_values *values,
                         tn_value *ret_value)
{
    tn_handle *handle;
    int r = tn_values_reserve_nodes(values, 1);

    if (r < 0)
        return r;
    r = tn_handle_new(session, id, kind, &handle);
    if (r < 0)
        return r;
    values->nodes[values->n_nodes++] =
        (struct tn_values_node){ .kind = TN_NODE_HANDLE, .handle = handle };
    values->n_handles++;
    *ret_value = tn_values_last(values);
    return 0;
}

/* ---- From table to table ---- */

static int copy_node(tn_values *to, const tn_values *from, uint32_t number, const uint32_t *numbers,
                     uint32_t base)
{
    struct tn_values_node node = from->nodes[number];
    size_t n_items;
    char *text;

    if (node.kind == TN_NODE_STR || node.kind == TN_NODE_BYTES) {
        text = tn_arena_alloc(&to->texts, (size_t)node.size + 1);
        if (!text)
            return TN_ENOMEM;
        memcpy(text, node.text, (size_t)node.size + 1);
        node.text = text;
    } else if (node.kind == TN_NODE_HANDLE) {
        node.handle = tn_handle_ref(node.handle);
        to->n_handles++;
    } else if (tn_values_node_is_container(&node)) {
        const uint32_t *items = from->items + node.first;

        n_items = tn_values_node_n_items(&node);
        node.first = (uint32_t)to->n_items;
        node.cap = (uint32_t)n_items;
        for (size_t i = 0; i < n_items; i++)
            to->items[to->n_items++] = base + numbers[items[i]];
    }
    to->nodes[to->n_nodes++] = node;
    return 0;
}

/* Copies the numbered nodes behind what `to` has; takes it back on failure. */
static int copy_nodes(tn_values *to, const tn_values *from, const uint32_t *numbers)
{
    uint32_t base = to->n_nodes;
    int r = 0;

    for (uint32_t i = 0; i < from->n_nodes && r == 0; i++) {
        if (numbers[i] != NOT_REACHED)
            r = copy_node(to, from, i, numbers, base);
    }
    while (r < 0 && to->n_nodes > base) {
        struct tn_values_node *node = &to->nodes[--to->n_nodes];

        if (node->kind == TN_NODE_HANDLE) {
            tn_handle_release(&node->handle);
            to->n_handles--;
        }
    }
    return r;
}

static tn_value fail_copy(tn_values *values, int err)
{
    (void)tn_values_fail(values, err); /* the invalid value says so, too */
    return tn_value_invalid(values);
}

tn_value tn_value_copy(tn_values *values, tn_value value)
{
    const tn_values *from = value.values;
    uint32_t base, number, n_nodes;
    uint32_t *numbers;
    size_t n_items;
    int r;

    if (!values)
        return tn_value_invalid(NULL);
    if (from == values)
        return value;
    if (!tn_value_node(value))
        return fail_copy(values, TN_EINVAL);
    numbers = calloc(from->n_nodes, 2 * sizeof(*numbers));
    if (!numbers)
        return fail_copy(values, TN_ENOMEM);
    n_nodes = number_nodes(from, value.node, false, numbers, numbers + from->n_nodes, &n_items);
    base = values->n_nodes;
    number = numbers[value.node];
    r = tn_values_reserve_nodes(values, n_nodes);
    if (r == 0)
        r = tn_values_reserve_items(values, n_items);
    if (r == 0)
        r = copy_nodes(values, from, numbers);
    free(numbers);
    return r < 0 ? fail_copy(values, r) : (tn_value){ .values = values, .node = base + number };
}
