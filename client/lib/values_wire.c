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
#define COPY_ARENA_BYTES ((size_t)1024)

/* The nodes that belong to a value, by their numbers in the table. */
struct selection {
    uint32_t *nodes; /* in the order in which they are sent or copied */
    size_t n;
    size_t cap;
    size_t n_items; /* of all containers among them */
};

/* Adds a node if it is not there yet. */
static int reach(tn_values *values, uint32_t number, struct tn_arena *arena,
                 struct selection *selection)
{
    struct tn_values_node *node = &values->nodes[number];

    if (node->is_reached)
        return 0;
    if (selection->n == selection->cap) {
        size_t cap = selection->cap < 64 ? 64 : selection->cap * 2;
        uint32_t *nodes = tn_arena_grow(arena, selection->nodes, selection->n * sizeof(*nodes),
                                        cap * sizeof(*nodes));

        if (!nodes)
            return TN_ENOMEM;
        selection->nodes = nodes;
        selection->cap = cap;
    }
    selection->nodes[selection->n++] = number;
    node->is_reached = true;
    return 0;
}

/* Finds all nodes breadth first: those found are the queue of those to look at. */
static int reach_all(tn_values *values, uint32_t root, struct tn_arena *arena,
                     struct selection *selection)
{
    int r = reach(values, root, arena, selection);

    for (size_t at = 0; r == 0 && at < selection->n; at++) {
        const struct tn_values_node *node = &values->nodes[selection->nodes[at]];
        size_t n_items = tn_values_node_is_container(node) ? tn_values_node_n_items(node) : 0;

        selection->n_items += n_items;
        for (size_t i = 0; r == 0 && i < n_items; i++)
            r = reach(values, values->items[node->first + i], arena, selection);
    }
    return r;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* Puts the nodes that were found into the order of their creation, and unmarks them. */
static void sort_selection(tn_values *values, struct selection *selection)
{
    uint32_t lowest = UINT32_MAX;
    uint32_t highest = 0;
    size_t n = 0;

    for (size_t i = 0; i < selection->n; i++) {
        uint32_t number = selection->nodes[i];

        lowest = number < lowest ? number : lowest;
        highest = number > highest ? number : highest;
    }
    if (selection->n > 0 && (highest - lowest) / 4 < selection->n) { /* they lie together */
        for (uint32_t number = lowest; number <= highest; number++) {
            if (values->nodes[number].is_reached)
                selection->nodes[n++] = number;
        }
    } else if (selection->n > 1) {
        qsort(selection->nodes, selection->n, sizeof(*selection->nodes), compare_numbers);
    }
    for (size_t i = 0; i < selection->n; i++)
        values->nodes[selection->nodes[i]].is_reached = false;
}

static int reserve_numbers(tn_values *values)
{
    uint32_t *numbers;

    if (values->cap_numbers >= values->n_nodes)
        return 0;
    numbers = reallocarray(values->numbers, values->cap_nodes, sizeof(*numbers));
    if (!numbers)
        return TN_ENOMEM;
    values->numbers = numbers;
    values->cap_numbers = values->cap_nodes;
    return 0;
}

/*
 * Finds the nodes that belong to a value and numbers them (values->numbers), in the
 * order of creation, but with the root last if that is asked for.
 */
static int select_nodes(tn_values *values, uint32_t root, bool root_last, struct tn_arena *arena,
                        struct selection *ret_selection)
{
    struct selection selection = { .nodes = NULL };
    int r = reserve_numbers(values);

    if (r == 0)
        r = reach_all(values, root, arena, &selection);
    sort_selection(values, &selection); /* unmarks, also after a failure */
    if (r < 0)
        return r;
    if (root_last) {
        size_t at = 0;

        while (selection.nodes[at] != root)
            at++;
        memmove(selection.nodes + at, selection.nodes + at + 1,
                (selection.n - at - 1) * sizeof(*selection.nodes));
        selection.nodes[selection.n - 1] = root;
    }
    for (size_t i = 0; i < selection.n; i++)
        values->numbers[selection.nodes[i]] = (uint32_t)i;
    *ret_selection = selection;
    return 0;
}

/* ---- To the wire ---- */

struct sender {
    tn_values *values;
    uint32_t root;
    const struct tn_session *session;
    struct tn_handle_list *kept;
    struct tn_value_writer writer;
};

/* What the arena's refusal means here: its cap is far beyond any real memory. */
static int writer_error(int internal)
{
    return internal == TN_ERR_TOO_BIG ? TN_ETOO_BIG : TN_ENOMEM;
}

static int send_handle(const tn_handle *handle, const struct tn_session *session,
                       struct tn_handle_list *kept)
{
    if (handle->session != session)
        return TN_EHANDLE;
    return kept ? tn_handle_list_add(kept, handle) : 0;
}

/* A root that is a tuple has the highest number, so another tuple cannot hold it. */
static bool is_forbidden(const struct sender *sender, const struct tn_values_node *holder,
                         uint32_t item)
{
    const struct tn_values_node *root = &sender->values->nodes[sender->root];

    return item == sender->root && holder != root && holder->kind == TN_NODE_TUPLE &&
           root->kind == TN_NODE_TUPLE;
}

static int put_container(struct sender *sender, const struct tn_values_node *node)
{
    size_t n_items = tn_values_node_n_items(node);
    size_t first;
    uint32_t *out;
    int r =
        tn_value_put_container(&sender->writer, (enum tn_node_kind)node->kind, node->size, &first);

    if (r < 0)
        return writer_error(r);
    out = tn_value_writer_items(&sender->writer);
    for (size_t i = 0; i < n_items; i++) {
        uint32_t item = sender->values->items[node->first + i];

        if (is_forbidden(sender, node, item))
            return TN_EINVAL;
        out[first + i] = sender->values->numbers[item];
    }
    return 0;
}

static int put_node(struct sender *sender, const struct tn_values_node *node)
{
    struct tn_value_writer *writer = &sender->writer;
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
    case TN_NODE_RECORD:
        return put_container(sender, node);
    case TN_NODE_CLASS:
        return TN_EINVAL; /* a name alone does not say which class */
    case TN_NODE_HANDLE:
        r = send_handle(node->handle, sender->session, sender->kept);
        if (r < 0)
            return r;
        r = tn_value_put_handle(writer, node->handle->id, 0);
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

static int send_graph(struct sender *sender, struct tn_arena *arena, Tenure__V1__Value *ret_wire)
{
    struct selection selection;
    int r = select_nodes(sender->values, sender->root, true, arena, &selection);

    if (r < 0)
        return r;
    tn_value_writer_init(&sender->writer, arena);
    for (size_t i = 0; i < selection.n; i++) {
        r = put_node(sender, &sender->values->nodes[selection.nodes[i]]);
        if (r < 0)
            return r;
    }
    tn_value_writer_finish(&sender->writer, ret_wire);
    return 0;
}

int tn_value_to_wire(tn_value value, const struct tn_session *session, struct tn_handle_list *kept,
                     struct tn_arena *arena, struct tn_value_one *one, Tenure__V1__Value *ret_wire)
{
    struct sender sender = {
        .values = value.values, .root = value.node, .session = session, .kept = kept
    };
    const struct tn_values_node *node = tn_value_node(value);
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
        r = send_handle(node->handle, session, kept);
        if (r < 0)
            return r;
        tn_value_one_handle(one, node->handle->id, 0);
        break;
    case TN_NODE_RESULT:
        tn_value_one_result(one, node->size);
        break;
    case TN_NODE_CLASS:
        return TN_EINVAL;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
        return send_graph(&sender, arena, ret_wire);
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
    case TN_NODE_CLASS:
        TN_ASSERT(texts->at); /* room for all of them was reserved */
        node.text = texts->at;
        if (from->size > 0)
            memcpy(texts->at, from->bytes, from->size);
        texts->at[from->size] = '\0';
        texts->at += (size_t)from->size + 1;
        break;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
        n_items = tn_values_node_n_items(&node);
        TN_ASSERT(n_items == 0 || (values->items && from->items)); /* was reserved, too */
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

static int copy_node(tn_values *to, const tn_values *from, uint32_t number, uint32_t base)
{
    struct tn_values_node node = from->nodes[number];
    size_t n_items;
    char *text;

    if (tn_values_node_is_text(&node)) {
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
            to->items[to->n_items++] = base + from->numbers[items[i]];
    }
    to->nodes[to->n_nodes++] = node;
    return 0;
}

/* Copies the selected nodes behind what `to` has; takes it back on failure. */
static int copy_nodes(tn_values *to, const tn_values *from, const struct selection *selection)
{
    uint32_t base = to->n_nodes;
    int r = tn_values_reserve_nodes(to, selection->n);

    if (r == 0)
        r = tn_values_reserve_items(to, selection->n_items);
    for (size_t i = 0; i < selection->n && r == 0; i++)
        r = copy_node(to, from, selection->nodes[i], base);
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
    tn_values *from = value.values;
    struct selection selection;
    struct tn_arena arena;
    uint32_t base;
    int r;

    if (!values)
        return tn_value_invalid(NULL);
    if (from == values)
        return value;
    if (!tn_value_node(value))
        return fail_copy(values, TN_EINVAL);
    if (tn_arena_init(&arena, COPY_ARENA_BYTES, SIZE_MAX / 4) < 0)
        return fail_copy(values, TN_ENOMEM);
    base = values->n_nodes;
    r = select_nodes(from, value.node, false, &arena, &selection);
    if (r == 0)
        r = copy_nodes(values, from, &selection);
    tn_arena_fini(&arena);
    if (r < 0)
        return fail_copy(values, r);
    return (tn_value){ .values = values, .node = base + from->numbers[value.node] };
}
