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
 * again. So do arrays. If that goes on, both are held for as long as it takes: that costs
 * counting, but then an object must die within a few instructions to be missed.
 *
 * A single str, bytes, number or constant goes a shorter way: one node, whose
 * content is referred to where it is and copied once, into the output. An array can
 * change meanwhile, so it is copied once more before.
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
    case TN_TYPE_WEAKREF: /* is nothing but which one it is */
        return TN_NODE_HANDLE;
    case TN_TYPE_SET:
        return TN_NODE_SET;
    case TN_TYPE_FROZENSET:
        return TN_NODE_FROZENSET;
    case TN_TYPE_DEQUE:
        return TN_NODE_DEQUE;
    case TN_TYPE_ARRAY:
        return TN_NODE_ARRAY;
    case TN_TYPE_BYTEARRAY:
        return TN_NODE_BYTEARRAY;
    case TN_TYPE_FREE:
    case TN_TYPE_END:
        break;
    }
    TN_UNREACHABLE();
}

/* Whether an object can die while others live that it holds. */
static bool is_container(const struct tn_out_node *node)
{
    return node->object != NULL && tn_node_is_container(kind_of(node->object));
}

/* What seems to hold less and less while it dies. */
static bool is_mutable(const struct tn_out_node *node)
{
    return is_container(node) || (node->object != NULL && tn_is_array(node->object));
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

/* Whether so many bytes of content still fit, and if so counts them. TN_ERR_AGAIN if the
 * whole request is to wait. */
static int claim_content(struct tn_out_graph *graph, size_t len)
{
    int r;

    if (len > graph->want_bytes - graph->n_bytes)
        return TN_ERR_TOO_BIG;
    r = tn_ctx_claim(graph->ctx, len);
    if (r == 0)
        graph->n_bytes += len;
    return r;
}

/* A copy of what an array holds at one moment, as on the wire: in front of the items
 * of an array stands its format. TN_ERR_TOO_BIG: more than `max_bytes`. */
static int copy_array(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t max_bytes,
                      struct tn_slice *ret_content)
{
    unsigned int shift = tn_item_shift(tn_array_format(o));
    size_t n_prefix = o->type == TN_TYPE_ARRAY ? 1 : 0;
    size_t room = tn_array_length(o);

    for (int i = 0; i < TN_BUSY_TRIES; i++) {
        uint8_t *content;
        size_t length;
        size_t n;

        if (room << shift > max_bytes)
            return TN_ERR_TOO_BIG;
        content = tn_ctx_alloc(ctx, n_prefix + (room << shift));
        if (content == NULL)
            return TN_ERR_NOMEM;
        content[0] = (uint8_t)tn_array_format(o);
        n = tn_array_read(ctx->mu, o, 0, room, content + n_prefix, &length);
        *ret_content = TN_SLICE(content, n_prefix + (n << shift));
        if (n == length)
            return tn_check_alive(o);
        room = length; /* it has grown */
    }
    return TN_ERR_BUSY;
}

/* The most bytes of an array that an answer can have room for. */
static uint64_t max_array_bytes(const struct tn_request_ctx *ctx, uint64_t want_bytes)
{
    size_t max = ctx->ex->service->limits.max_answer_bytes;

    return want_bytes < max ? want_bytes : max;
}

/* The content of an array or bytearray, if it still fits. */
static int add_array(struct tn_out_graph *graph, struct tn_out_node *node)
{
    uint64_t max_bytes = max_array_bytes(graph->ctx, graph->want_bytes - graph->n_bytes);
    struct tn_slice content;
    int r = copy_array(graph->ctx, node->object, max_bytes, &content);

    if (r == 0)
        r = claim_content(graph, content.len);
    if (r < 0)
        return r;
    node->content = content.data;
    node->n_items = (uint32_t)content.len;
    return 0;
}

/* Appends a node for an object. Room for it has been reserved, and its place in
 * the answer has been claimed. */
static int add_node(struct tn_out_graph *graph, struct tn_object *o, uint32_t depth)
{
    struct tn_out_node *node = &graph->nodes[graph->n_nodes];

    *node = (struct tn_out_node){ .object = o, .depth = depth, .kind = kind_of(o) };
    if (graph->holds && is_mutable(node) && !tn_tryref(graph->ctx->mu, o))
        return TN_ERR_BUSY;
    if (node->kind == TN_NODE_HANDLE) {
        cut_off(graph, node);
    } else if (tn_node_is_container(node->kind)) {
        if (depth > graph->want_depth)
            cut_off(graph, node);
    } else {
        int r = 0;

        if (node->kind == TN_NODE_STR || node->kind == TN_NODE_BYTES || node->kind == TN_NODE_CLASS)
            r = claim_content(graph, text_of(o).len);
        else if (tn_is_array(o))
            r = add_array(graph, node);
        if (r == TN_ERR_TOO_BIG)
            cut_off(graph, node);
        else if (r < 0)
            return r;
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

/* Copies what a container holds, if that is no more than `room` entries;
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
    case TN_TYPE_TUPLE:
    case TN_TYPE_LIST:
    case TN_TYPE_DEQUE:
        *ret_n = tn_sequence_snapshot(mu, o, 0, room + 1, items, &length);
        *ret_is_all = *ret_n == length;
        return 0;
    case TN_TYPE_DICT:
        r = tn_dict_scan(mu, o, &cursor, room + 1, (struct tn_dict_item *)(void *)items, &length);
        *ret_n = 2 * length;
        break;
    case TN_TYPE_SET:
    case TN_TYPE_FROZENSET:
        r = tn_set_scan(mu, o, &cursor, room + 1, items, &length);
        *ret_n = length;
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

/* What a container holds. Containers grow beside us: then we look again
 * with more room. */
static int snapshot(struct tn_out_graph *graph, struct tn_object *o, struct tn_object ***ret_items,
                    size_t *ret_n)
{
    struct tn_request_ctx *ctx = graph->ctx;
    bool has_pairs = o->type == TN_TYPE_DICT || o->type == TN_TYPE_RECORD;
    size_t entry_bytes = has_pairs ? sizeof(struct tn_dict_item) : sizeof(struct tn_object *);
    uint64_t room;

    if (tn_length(o, &room) < 0)
        TN_UNREACHABLE(); /* containers have one */
    for (int i = 0; i < TN_BUSY_TRIES; i++) {
        bool is_all;
        int r;

        if (room > graph->want_nodes) /* will be cut off, so do not look */
            return TN_ERR_TOO_BIG;
        *ret_items = tn_ctx_alloc(ctx, (room + 1) * entry_bytes + sizeof(struct tn_object *));
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

/* Opens a container, or cuts it off. */
static int expand(struct tn_out_graph *graph, size_t container)
{
    struct tn_object *o = graph->nodes[container].object;
    struct tn_object **items = NULL;
    size_t n = 0;
    int r;

    r = snapshot(graph, o, &items, &n);
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
    int r;

    if (node->kind == TN_NODE_DEQUE)
        r = tn_value_put_deque(writer, size, tn_deque_maxlen(node->object), &first);
    else
        r = tn_value_put_container(writer, (enum tn_node_kind)node->kind, size, &first);
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
    case TN_NODE_ARRAY:
        return tn_value_put_array(writer, TN_SLICE(node->content, node->n_items));
    case TN_NODE_BYTEARRAY:
        return tn_value_put_bytearray(writer, TN_SLICE(node->content, node->n_items));
    case TN_NODE_HANDLE:
        return put_handle(graph, writer, node->object);
    case TN_NODE_CLASS:
        return tn_value_put_class(writer, tn_class_name(node->object));
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
    case TN_NODE_SET:
    case TN_NODE_FROZENSET:
    case TN_NODE_DEQUE:
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
        if (is_mutable(&graph->nodes[i]))
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

/* What a str or bytes holds, or the name of a class, where it is; what an array or bytearray
 * does, copied. */
static int content_of(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t want_bytes,
                      struct tn_slice *ret_content)
{
    if (tn_is_array(o))
        return copy_array(ctx, o, max_array_bytes(ctx, want_bytes), ret_content);
    *ret_content = text_of(o);
    return ret_content->len <= want_bytes ? 0 : TN_ERR_TOO_BIG;
}

/* A str, bytes, class, array or bytearray by itself; or a handle, if it is too long. */
static int encode_content(struct tn_request_ctx *ctx, struct tn_object *o,
                          const Tenure__V1__Want *want, struct tn_result *result)
{
    uint64_t want_bytes = want != NULL && want->max_bytes != 0 ? want->max_bytes : UINT64_MAX;
    uint8_t type = o->type;
    struct tn_slice content;
    int r = content_of(ctx, o, want_bytes, &content);

    if (r == 0)
        r = tn_ctx_claim(ctx, VALUE_BYTES + content.len);
    if (TN_LIKELY(r == 0)) {
        if (type == TN_TYPE_STR)
            tn_value_one_str(&result->one, content);
        else if (type == TN_TYPE_CLASS)
            tn_value_one_class(&result->one, content);
        else if (type == TN_TYPE_BYTES)
            tn_value_one_bytes(&result->one, content);
        else if (type == TN_TYPE_ARRAY)
            tn_value_one_array(&result->one, content);
        else
            tn_value_one_bytearray(&result->one, content);
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
    case TN_TYPE_ARRAY:
    case TN_TYPE_BYTEARRAY:
        return encode_content(ctx, o, want, result);
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
