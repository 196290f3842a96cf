/* SPDX-License-Identifier: MIT */
/*
 * From objects to a value on the wire.
 *
 * The graph is discovered breadth first from borrowed objects, all within one
 * read section, so each container is nearest to the root where it is counted
 * for depth. A container is opened only if all of its items fit into what is
 * wanted; else it becomes a handle. An object that is found twice is one node
 * (but for numbers and constants, which nobody tells apart), so sharing and
 * cycles survive. Then the nodes are numbered and their columns written.
 *
 * A container that dies while it is read seems to hold less and less, so each is
 * looked at again after its items were copied; if it is dead, everything begins
 * again. If that goes on, containers are held for as long as it takes: that costs
 * counting, but then an object must die within a few instructions to be missed.
 *
 * A single str, bytes, number or constant goes a shorter way: one node, whose
 * content is referred to where it is and copied once, into the output.
 */
#include "server/value_out.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"

/* Bytes that an item of a container takes at most, itself without the content
 * of a str: its number in `items`, its kind, and the longest varint. */
#define ITEM_BYTES ((size_t)16)
/* What surrounds a value: the headers of eight columns and of the answer. */
#define VALUE_BYTES ((size_t)96)

/* How often objects may die under us before we hold them. */
#define BUSY_TRIES 2

#define NODES_MIN ((size_t)32)
#define INDEX_MIN ((size_t)64)

/* ---- Arrays in the arena ---- */

/* The array, with room for `n` entries at least; NULL, and the status is set. */
static void *grow(struct tn_request_ctx *ctx, void *array, size_t *max, size_t n, size_t width)
{
    size_t new_max = *max * 2 < NODES_MIN ? NODES_MIN : *max * 2;
    void *grown;

    if (new_max < n)
        new_max = n;
    grown = tn_arena_grow(ctx->arena, array, *max * width, new_max * width);
    if (grown == NULL)
        (void)tn_ctx_arena_error(ctx);
    else
        *max = new_max;
    return grown;
}

static int reserve_nodes(struct tn_out_graph *graph, size_t n)
{
    struct tn_out_node *nodes;

    if (graph->max_nodes - graph->n_nodes >= n)
        return 0;
    nodes = grow(graph->ctx, graph->nodes, &graph->max_nodes, graph->n_nodes + n, sizeof(*nodes));
    if (nodes == NULL)
        return TN_ERR_NOMEM;
    graph->nodes = nodes;
    return 0;
}

static int reserve_items(struct tn_out_graph *graph, size_t n)
{
    uint32_t *items;

    if (graph->max_items - graph->n_items >= n)
        return 0;
    items = grow(graph->ctx, graph->items, &graph->max_items, graph->n_items + n, sizeof(*items));
    if (items == NULL)
        return TN_ERR_NOMEM;
    graph->items = items;
    return 0;
}

/* ---- Which node an object is ---- */

static size_t index_place(const struct tn_out_graph *graph, const struct tn_object *o)
{
    /* Objects are aligned to 8 bytes; Fibonacci hashing takes the upper half. */
    uint64_t hash = ((uint64_t)(uintptr_t)o >> 3) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(hash >> 32) & (graph->index_size - 1);
}

static void index_insert(struct tn_out_graph *graph, size_t node)
{
    size_t at = index_place(graph, graph->nodes[node].object);

    while (graph->index[at] != 0)
        at = (at + 1) & (graph->index_size - 1);
    graph->index[at] = (uint32_t)node + 1;
}

static bool is_indexed(const struct tn_object *o)
{
    return o->type >= TN_TYPE_STR; /* the types before it are numbers and constants */
}

/* Keeps the index at most half full. */
static int index_reserve(struct tn_out_graph *graph, size_t n)
{
    size_t size = graph->index_size < INDEX_MIN ? INDEX_MIN : graph->index_size;

    while (size < 2 * (graph->n_indexed + n))
        size *= 2;
    if (size == graph->index_size)
        return 0;
    graph->index = tn_ctx_alloc(graph->ctx, size * sizeof(*graph->index));
    if (graph->index == NULL)
        return TN_ERR_NOMEM;
    memset(graph->index, 0, size * sizeof(*graph->index));
    graph->index_size = size;
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].object != NULL && is_indexed(graph->nodes[i].object))
            index_insert(graph, i);
    return 0;
}

static bool index_find(const struct tn_out_graph *graph, const struct tn_object *o,
                       uint32_t *ret_node)
{
    for (size_t at = index_place(graph, o); graph->index[at] != 0;
         at = (at + 1) & (graph->index_size - 1)) {
        uint32_t node = graph->index[at] - 1;

        if (graph->nodes[node].object == o) {
            *ret_node = node;
            return true;
        }
    }
    return false;
}

/* ---- Discovering ---- */

static uint8_t kind_of(const struct tn_object *o)
{
    switch ((enum tn_type_id)o->type) {
    case TN_TYPE_NONE:
        return TN_NODE_NONE;
    case TN_TYPE_BOOL:
        return tn_bool_value(o) ? TN_NODE_TRUE : TN_NODE_FALSE;
    case TN_TYPE_INT:
        return TN_NODE_INT;
    case TN_TYPE_FLOAT:
        return TN_NODE_FLOAT;
    case TN_TYPE_STR:
        return TN_NODE_STR;
    case TN_TYPE_BYTES:
        return TN_NODE_BYTES;
    case TN_TYPE_TUPLE:
        return TN_NODE_TUPLE;
    case TN_TYPE_LIST:
        return TN_NODE_LIST;
    case TN_TYPE_DICT:
        return TN_NODE_DICT;
    case TN_TYPE_CLASS:
        return TN_NODE_CLASS;
    case TN_TYPE_RECORD:
        return TN_NODE_RECORD;
    case TN_TYPE_FREE:
    case TN_TYPE_END:
        break;
    }
    TN_UNREACHABLE();
}

/* Whether an object can die while others live that it holds. */
static bool is_container(const struct tn_out_node *node)
{
    return node->object != NULL && node->object->type >= TN_TYPE_TUPLE;
}

static void cut_off(struct tn_out_graph *graph, struct tn_out_node *node)
{
    node->kind = TN_NODE_HANDLE;
    node->n_items = 0;
    graph->n_handles++;
}

/* The content of a str or bytes, or the name of a class. */
static struct tn_slice text_of(const struct tn_object *o)
{
    return o->type == TN_TYPE_CLASS ? tn_class_name(o) : tn_text_slice(o);
}

/* Whether a text still fits, and if so counts it. TN_ERR_AGAIN if the whole request is
 * to wait. */
static int claim_text(struct tn_out_graph *graph, const struct tn_object *o)
{
    size_t len = text_of(o).len;
    int r;

    if (len > graph->want_bytes - graph->n_bytes)
        return TN_ERR_TOO_BIG;
    r = tn_ctx_claim(graph->ctx, len);
    if (r == 0)
        graph->n_bytes += len;
    return r;
}

/* Appends a node for an object. Room for it has been reserved, and its place in
 * the answer has been claimed. */
static int add_node(struct tn_out_graph *graph, struct tn_object *o, uint32_t depth)
{
    struct tn_out_node *node = &graph->nodes[graph->n_nodes];

    *node = (struct tn_out_node){ .object = o, .depth = depth, .kind = kind_of(o) };
    if (graph->holds && is_container(node) && !tn_tryref(graph->ctx->mu, o))
        return TN_ERR_BUSY;
    if (node->kind == TN_NODE_STR || node->kind == TN_NODE_BYTES || node->kind == TN_NODE_CLASS) {
        int r = claim_text(graph, o);

        if (r == TN_ERR_AGAIN)
            return r;
        if (r < 0)
            cut_off(graph, node);
    } else if (tn_node_is_container(node->kind) && depth > graph->want_depth) {
        cut_off(graph, node);
    }
    if (is_indexed(o)) {
        index_insert(graph, graph->n_nodes);
        graph->n_indexed++;
    }
    graph->n_nodes++;
    return 0;
}

/* Appends the items of a container as far as they are new. */
static int add_items(struct tn_out_graph *graph, size_t container, struct tn_object **objects,
                     size_t n)
{
    uint32_t depth = graph->nodes[container].depth + 1;
    int r = reserve_nodes(graph, n);

    if (r == 0)
        r = reserve_items(graph, n);
    if (r == 0)
        r = index_reserve(graph, n);
    if (r < 0)
        return r;
    graph->nodes[container].first_item = graph->n_items;
    graph->nodes[container].n_items = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        uint32_t node = (uint32_t)graph->n_nodes;

        if (!is_indexed(objects[i]) || !index_find(graph, objects[i], &node)) {
            r = add_node(graph, objects[i], depth);
            if (r < 0)
                return r;
        }
        graph->items[graph->n_items++] = node;
    }
    return 0;
}

/* Whether `n` items fit into what is wanted, and if so claims their places. */
static int claim_items(struct tn_out_graph *graph, size_t n)
{
    if (n > graph->want_nodes - graph->n_nodes)
        return TN_ERR_TOO_BIG;
    return tn_ctx_claim(graph->ctx, n * ITEM_BYTES);
}

/* Copies what a list, dict or record holds, if that is no more than `room` entries;
 * `ret_is_all` says whether it is. There is room for one entry more than that, and
 * for a record's class. An entry is a pair of pointers, just as keys and values in
 * turn are. */
static int copy_items(struct tn_mutator *mu, struct tn_object *o, size_t room,
                      struct tn_object **items, size_t *ret_n, bool *ret_is_all)
{
    uint64_t cursor = 0;
    size_t length;
    int r;

    switch (o->type) {
    case TN_TYPE_LIST:
        *ret_n = tn_list_snapshot(mu, o, 0, room + 1, items, &length);
        *ret_is_all = *ret_n == length;
        return 0;
    case TN_TYPE_DICT:
        r = tn_dict_scan(mu, o, &cursor, room + 1, (struct tn_dict_item *)(void *)items, &length);
        *ret_n = 2 * length;
        break;
    default:
        items[0] = tn_record_class(o);
        if (items[0] == NULL)
            return TN_ERR_BUSY;
        r = tn_record_scan(mu, o, &cursor, room + 1, (struct tn_dict_item *)(void *)(items + 1),
                           &length);
        *ret_n = 1 + 2 * length;
    }
    *ret_is_all = cursor == 0;
    return r;
}

/* What a list, dict or record holds. Containers grow beside us: then we look again
 * with more room. */
static int snapshot(struct tn_out_graph *graph, struct tn_object *o, struct tn_object ***ret_items,
                    size_t *ret_n)
{
    struct tn_request_ctx *ctx = graph->ctx;
    uint64_t room;

    if (tn_length(o, &room) < 0)
        TN_UNREACHABLE(); /* containers have one */
    for (int i = 0; i < TN_BUSY_TRIES; i++) {
        bool is_all;
        int r;

        if (room > graph->want_nodes) /* will be cut off, so do not look */
            return TN_ERR_TOO_BIG;
        *ret_items = tn_ctx_alloc(ctx, (room + 1) * sizeof(struct tn_dict_item) +
                                           sizeof(struct tn_object *));
        if (*ret_items == NULL)
            return TN_ERR_NOMEM;
        r = copy_items(ctx->mu, o, room, *ret_items, ret_n, &is_all);
        if (r < 0 || is_all)
            return r;
        room = 2 * room + 1;
    }
    return TN_ERR_BUSY;
}

_Static_assert(sizeof(struct tn_dict_item) == 2 * sizeof(struct tn_object *),
               "an entry is a key and a value in turn");

/* The items of a tuple, as an array. */
static int tuple_items(struct tn_out_graph *graph, const struct tn_object *o,
                       struct tn_object ***ret_items, size_t *ret_n)
{
    size_t n = tn_tuple_length(o);

    if (n > graph->want_nodes)
        return TN_ERR_TOO_BIG;
    *ret_items = tn_ctx_alloc(graph->ctx, n * sizeof(struct tn_object *));
    if (*ret_items == NULL)
        return TN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        (*ret_items)[i] = tn_tuple_get(o, i);
    *ret_n = n;
    return 0;
}

/* Opens a container, or cuts it off. */
static int expand(struct tn_out_graph *graph, size_t container)
{
    struct tn_object *o = graph->nodes[container].object;
    struct tn_object **items = NULL;
    size_t n = 0;
    int r;

    r = o->type == TN_TYPE_TUPLE ? tuple_items(graph, o, &items, &n)
                                 : snapshot(graph, o, &items, &n);
    if (r == 0 && !graph->holds)
        r = tn_check_alive(o);
    if (r == 0)
        r = claim_items(graph, n);
    if (r == 0)
        return add_items(graph, container, items, n);
    if (r != TN_ERR_TOO_BIG || !tn_status_is_ok(graph->ctx->status))
        return r;
    cut_off(graph, &graph->nodes[container]);
    return 0;
}

/* Opens everything that was found, which finds more. */
static int expand_all(struct tn_out_graph *graph, size_t first)
{
    int r = 0;

    for (size_t i = first; r == 0 && i < graph->n_nodes; i++) {
        if (tn_node_is_container(graph->nodes[i].kind))
            r = expand(graph, i);
    }
    return r;
}

int tn_out_add_handle(struct tn_out_graph *graph, size_t node)
{
    int r = reserve_nodes(graph, 1);

    if (r == 0 && tn_ctx_claim(graph->ctx, ITEM_BYTES) < 0)
        r = tn_status_set(graph->ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    if (r < 0)
        return r;
    graph->nodes[graph->n_nodes] = graph->nodes[node];
    cut_off(graph, &graph->nodes[graph->n_nodes]);
    return (int)graph->n_nodes++;
}

/* ---- Writing ---- */

static int put_handle(struct tn_out_graph *graph, struct tn_value_writer *writer,
                      struct tn_object *o)
{
    struct tn_request_ctx *ctx = graph->ctx;
    uint8_t type = o->type;

    if (!tn_tryref(ctx->mu, o))
        return TN_ERR_BUSY;
    /* The tag of a type on the wire is its number in the heap. */
    return tn_value_put_handle(writer, tn_handle_give(ctx, &o), type);
}

static int put_items(struct tn_out_graph *graph, struct tn_value_writer *writer,
                     const struct tn_out_node *node, const uint32_t *number)
{
    bool has_pairs = node->kind == TN_NODE_DICT || node->kind == TN_NODE_RECORD;
    uint32_t size = has_pairs ? node->n_items / 2 : node->n_items;
    size_t first;
    uint32_t *items;
    int r = tn_value_put_container(writer, (enum tn_node_kind)node->kind, size, &first);

    if (r < 0)
        return r;
    items = tn_value_writer_items(writer);
    for (size_t i = 0; i < node->n_items; i++)
        items[first + i] = number[graph->items[node->first_item + i]];
    return 0;
}

static int put_node(struct tn_out_graph *graph, struct tn_value_writer *writer,
                    const struct tn_out_node *node, const uint32_t *number)
{
    switch (node->kind) {
    case TN_NODE_INT:
        return tn_value_put_int(writer, tn_int_value(node->object));
    case TN_NODE_FLOAT:
        return tn_value_put_float(writer, tn_float_value(node->object));
    case TN_NODE_STR:
        return tn_value_put_str(writer, tn_text_slice(node->object));
    case TN_NODE_BYTES:
        return tn_value_put_bytes(writer, tn_text_slice(node->object));
    case TN_NODE_HANDLE:
        return put_handle(graph, writer, node->object);
    case TN_NODE_CLASS:
        return tn_value_put_class(writer, tn_class_name(node->object));
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
        return put_items(graph, writer, node, number);
    default:
        return tn_value_put_constant(writer, (enum tn_node_kind)node->kind);
    }
}

static int write_graph(struct tn_out_graph *graph, struct tn_result *result)
{
    struct tn_request_ctx *ctx = graph->ctx;
    size_t n_handles = ctx->n_new_handles;
    struct tn_value_writer writer;
    uint32_t *order;
    uint32_t *number;
    int r;

    r = tn_out_order(graph, &order, &number);
    if (r == 0 && graph->n_handles > 0)
        r = tn_handles_reserve(ctx, graph->n_handles);
    if (r < 0)
        return r;
    tn_value_writer_init(&writer, ctx->arena);
    for (size_t i = 0; r >= 0 && i < graph->n_nodes; i++)
        r = put_node(graph, &writer, &graph->nodes[order[i]], number);
    if (r < 0) {
        tn_handles_undo(ctx, n_handles);
        return r == TN_ERR_BUSY ? r : tn_ctx_arena_error(ctx);
    }
    tn_value_writer_finish(&writer, &result->value);
    return 0;
}

/* Lets go of what was held, and remembers if something died. The nodes of the
 * cut-off root that tn_out_order() adds come after the first `n`. */
static void finish(struct tn_out_graph *graph, size_t n, int r)
{
    if (r == TN_ERR_BUSY)
        graph->ctx->n_busy++;
    for (size_t i = 0; graph->holds && i < n; i++)
        if (is_container(&graph->nodes[i]))
            tn_decref(graph->ctx->mu, graph->nodes[i].object);
}

/* ---- The two ways in ---- */

static void init_graph(struct tn_out_graph *graph, struct tn_request_ctx *ctx,
                       const Tenure__V1__Want *want)
{
    const struct tn_limits *limits = &ctx->ex->service->limits;

    *graph = (struct tn_out_graph){
        .ctx = ctx,
        .want_depth = want != NULL && want->max_depth != 0 ? want->max_depth : TN_WANT_DEPTH,
        .want_nodes = want != NULL && want->max_nodes != 0 ? want->max_nodes : TN_WANT_NODES,
        .want_bytes = want != NULL && want->max_bytes != 0 ? want->max_bytes : UINT64_MAX,
        .holds = ctx->n_busy >= BUSY_TRIES,
    };
    if (graph->want_nodes > limits->max_nodes)
        graph->want_nodes = limits->max_nodes;
}

/* A str, bytes or class by itself, borrowed where it is; or a handle, if that is too
 * long. */
static int encode_text(struct tn_request_ctx *ctx, struct tn_object *o,
                       const Tenure__V1__Want *want, struct tn_result *result)
{
    struct tn_slice content = text_of(o);
    uint8_t type = o->type;
    int r = TN_ERR_TOO_BIG;

    if (want == NULL || want->max_bytes == 0 || content.len <= want->max_bytes)
        r = tn_ctx_claim(ctx, VALUE_BYTES + content.len);
    if (TN_LIKELY(r == 0)) {
        if (type == TN_TYPE_STR)
            tn_value_one_str(&result->one, content);
        else if (type == TN_TYPE_CLASS)
            tn_value_one_class(&result->one, content);
        else
            tn_value_one_bytes(&result->one, content);
        return 0;
    }
    if (r != TN_ERR_TOO_BIG)
        return r;
    r = tn_handles_reserve(ctx, 1);
    if (r < 0)
        return r;
    if (!tn_tryref(ctx->mu, o))
        return TN_ERR_BUSY;
    tn_value_one_handle(&result->one, tn_handle_give(ctx, &o), type);
    return 0;
}

int tn_value_encode(struct tn_request_ctx *ctx, struct tn_object *o, const Tenure__V1__Want *want,
                    struct tn_result *result, Tenure__V1__Value **ret_value)
{
    struct tn_out_graph graph;
    size_t answer_bytes = ctx->answer_bytes;
    size_t n_nodes;
    int r = 0;

    *ret_value = &result->one.value;
    switch (o->type) {
    case TN_TYPE_NONE:
        tn_value_one_constant(&result->one, TN_NODE_NONE);
        return 0;
    case TN_TYPE_BOOL:
        tn_value_one_constant(&result->one, tn_bool_value(o) ? TN_NODE_TRUE : TN_NODE_FALSE);
        return 0;
    case TN_TYPE_INT:
        tn_value_one_int(&result->one, tn_int_value(o));
        return 0;
    case TN_TYPE_FLOAT:
        tn_value_one_float(&result->one, tn_float_value(o));
        return 0;
    case TN_TYPE_STR:
    case TN_TYPE_BYTES:
    case TN_TYPE_CLASS:
        return encode_text(ctx, o, want, result);
    default:
        break;
    }

    init_graph(&graph, ctx, want);
    r = tn_ctx_claim(ctx, VALUE_BYTES);
    if (r == 0)
        r = reserve_nodes(&graph, 1);
    if (r == 0)
        r = index_reserve(&graph, 1);
    if (r == 0)
        r = add_node(&graph, o, 1);
    if (r == 0)
        r = expand_all(&graph, 0);
    n_nodes = graph.n_nodes;
    if (r == 0)
        r = write_graph(&graph, result);
    finish(&graph, n_nodes, r);
    if (r < 0)
        ctx->answer_bytes = answer_bytes;
    *ret_value = &result->value;
    return r;
}

int tn_value_encode_items(struct tn_request_ctx *ctx, struct tn_object **items, size_t n_items,
                          const Tenure__V1__Want *want, struct tn_result *result,
                          Tenure__V1__Value **ret_value)
{
    size_t answer_bytes = ctx->answer_bytes;
    struct tn_out_graph graph;
    size_t n_nodes;
    int r;

    init_graph(&graph, ctx, want);
    r = tn_ctx_claim(ctx, VALUE_BYTES);
    if (r == 0)
        r = reserve_nodes(&graph, 1);
    if (r == 0) {
        graph.nodes[0] = (struct tn_out_node){ .kind = TN_NODE_LIST };
        graph.n_nodes = 1;
        r = claim_items(&graph, n_items);
    }
    if (r == 0)
        r = add_items(&graph, 0, items, n_items);
    if (r == 0)
        r = expand_all(&graph, 1);
    n_nodes = graph.n_nodes;
    if (r == 0)
        r = write_graph(&graph, result);
    finish(&graph, n_nodes, r);
    if (r < 0)
        ctx->answer_bytes = answer_bytes;
    *ret_value = &result->value;
    return r;
}
