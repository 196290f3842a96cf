/* SPDX-License-Identifier: MIT */
/*
 * From a value on the wire to objects.
 *
 * The nodes are gone through four times, in order and without recursion:
 * first everything is made that needs no other node (scalars, empty lists and
 * dicts, and what handles stand for), then empty records, which need their classes,
 * then tuples, whose items that are tuples have lower numbers, and then lists, dicts
 * and records are filled. The objects of all nodes are held until the end; then
 * only the root is.
 *
 * If it fails half way, lists, dicts and records are emptied before they are let go,
 * so that no cycle among them survives; and so are those that the root does not
 * lead to, as nobody could ever find them again. Those of a finished value that
 * may be a cycle are remembered until it is known whether the operation that
 * they were built for has kept them.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "server/request.h"

/* The lists, dicts and records of one value, each with a reference. */
struct tn_new_cycles {
    struct tn_new_cycles *next;
    size_t n_objects;
    struct tn_object *objects[];
};

struct build {
    struct tn_request_ctx *ctx;
    const Tenure__V1__Value *value;
    struct tn_object **objects; /* one for each node; NULL: not made yet */
    size_t n_nodes;
    bool has_forward; /* something mutable refers to itself or a later node: cycles? */
};

/* Makes the object of a node that needs no other node. */
static int make_simple(struct tn_request_ctx *ctx, const struct tn_value_node *node,
                       struct tn_object **ret_object)
{
    struct tn_mutator *mu = ctx->mu;
    int r = 0;

    switch (node->kind) {
    case TN_NODE_NONE:
        *ret_object = tn_none(ctx->ex->service->heap);
        break;
    case TN_NODE_FALSE:
    case TN_NODE_TRUE:
        *ret_object = tn_bool(ctx->ex->service->heap, node->kind == TN_NODE_TRUE);
        break;
    case TN_NODE_INT:
        r = tn_int_new(mu, node->integer, ret_object);
        break;
    case TN_NODE_FLOAT:
        r = tn_float_new(mu, node->real, ret_object);
        break;
    case TN_NODE_STR:
        r = tn_str_new(mu, TN_SLICE(node->bytes, node->size), ret_object);
        break;
    case TN_NODE_BYTES:
        r = tn_bytes_new(mu, TN_SLICE(node->bytes, node->size), ret_object);
        break;
    case TN_NODE_LIST:
        r = tn_list_new(mu, node->size, ret_object);
        break;
    case TN_NODE_DICT:
        r = tn_dict_new(mu, node->size, ret_object);
        break;
    case TN_NODE_HANDLE:
        r = tn_handle_borrow(ctx, node->handle, ret_object);
        if (r == 0)
            tn_incref(mu, *ret_object);
        break;
    case TN_NODE_RESULT:
        r = tn_step_borrow(ctx, node->size, ret_object);
        if (r == 0)
            tn_incref(mu, *ret_object);
        break;
    default:
        TN_UNREACHABLE(); /* tn_value_check() has seen the kinds */
    }
    return r;
}

static int make_all_simple(struct build *b)
{
    struct tn_value_reader reader;
    struct tn_value_node node;
    int r = 0;

    tn_value_reader_init(&reader, b->value);
    for (size_t i = 0; r == 0 && tn_value_read(&reader, &node); i++) {
        if (node.kind != TN_NODE_TUPLE && node.kind != TN_NODE_RECORD) {
            struct tn_object *o = NULL;

            r = make_simple(b->ctx, &node, &o);
            if (r == 0)
                b->objects[i] = o;
        }
    }
    return r;
}

static int make_records(struct build *b)
{
    struct tn_value_reader reader;
    struct tn_value_node node;
    int r = 0;

    tn_value_reader_init(&reader, b->value);
    for (size_t i = 0; r == 0 && tn_value_read(&reader, &node); i++) {
        struct tn_object *class;

        if (node.kind != TN_NODE_RECORD)
            continue;
        class = b->objects[node.items[0]];
        if (class->type == TN_TYPE_CLASS)
            r = tn_record_new(b->ctx->mu, class, &b->objects[i]);
        else
            r = tn_wrong_type(b->ctx, class, "a class, to make a record of it");
    }
    return r;
}

static int make_tuples(struct build *b)
{
    struct tn_mutator *mu = b->ctx->mu;
    struct tn_value_reader reader;
    struct tn_value_node node;

    tn_value_reader_init(&reader, b->value);
    for (size_t i = 0; tn_value_read(&reader, &node); i++) {
        struct tn_object *tuple;
        int r;

        if (node.kind != TN_NODE_TUPLE)
            continue;
        r = tn_tuple_new(mu, node.size, &tuple);
        if (r < 0)
            return r;
        b->objects[i] = tuple;
        for (size_t k = 0; k < node.size; k++) {
            struct tn_object *item = b->objects[node.items[k]];

            tn_incref(mu, item);
            tn_tuple_fill(mu, tuple, k, &item);
        }
    }
    return 0;
}

static int fill_list(struct build *b, struct tn_object *list, const struct tn_value_node *node)
{
    struct tn_mutator *mu = b->ctx->mu;

    for (size_t i = 0; i < node->size; i++) {
        struct tn_object *item = b->objects[node->items[i]];
        int r;

        tn_incref(mu, item);
        r = tn_list_append(mu, list, &item, NULL);
        if (r < 0) {
            tn_drop(mu, &item);
            return r;
        }
    }
    return 0;
}

static int fill_dict(struct build *b, struct tn_object *dict, const struct tn_value_node *node)
{
    struct tn_mutator *mu = b->ctx->mu;

    for (size_t i = 0; i < 2 * (size_t)node->size; i += 2) {
        struct tn_object *key = b->objects[node->items[i]];
        struct tn_object *item = b->objects[node->items[i + 1]];
        int r;

        tn_incref(mu, key);
        tn_incref(mu, item);
        r = tn_dict_set(mu, dict, &key, &item, NULL);
        if (r == TN_ERR_UNHASHABLE)
            (void)tn_status_setf(b->ctx->status, TN_REASON_UNHASHABLE_KEY,
                                 "A %s cannot be a key of a dict, because it can change%s.",
                                 tn_type_name((enum tn_type_id)key->type),
                                 key->type == TN_TYPE_TUPLE ? " in what it holds"
                                                            : "; use a tuple");
        if (r < 0) {
            tn_drop(mu, &key);
            tn_drop(mu, &item);
            return r;
        }
    }
    return 0;
}

static int fill_record(struct build *b, struct tn_object *record, const struct tn_value_node *node)
{
    struct tn_mutator *mu = b->ctx->mu;
    size_t n_items = tn_node_n_items(node->kind, node->size);

    for (size_t i = 1; i < n_items; i += 2) {
        const struct tn_object *name = b->objects[node->items[i]];
        struct tn_object *item = b->objects[node->items[i + 1]];
        int r;

        tn_incref(mu, item);
        r = tn_attr_set(b->ctx, record, name, &item);
        tn_drop(mu, &item);
        if (r < 0)
            return r;
    }
    return 0;
}

static int fill_container(struct build *b, struct tn_object *o, const struct tn_value_node *node)
{
    switch (node->kind) {
    case TN_NODE_LIST:
        return fill_list(b, o, node);
    case TN_NODE_DICT:
        return fill_dict(b, o, node);
    default:
        return fill_record(b, o, node);
    }
}

/* Whether a node is a container that is made empty and filled afterwards. */
static bool is_filled_later(unsigned int kind)
{
    return tn_node_is_container(kind) && kind != TN_NODE_TUPLE;
}

static int fill_all(struct build *b)
{
    struct tn_value_reader reader;
    struct tn_value_node node;
    int r = 0;

    tn_value_reader_init(&reader, b->value);
    for (size_t i = 0; r == 0 && tn_value_read(&reader, &node); i++) {
        size_t n_items = tn_node_n_items(node.kind, node.size);

        if (!is_filled_later(node.kind))
            continue;
        r = fill_container(b, b->objects[i], &node);
        for (size_t k = 0; k < n_items && !b->has_forward; k++)
            b->has_forward = node.items[k] >= i;
    }
    return r;
}

/* ---- Undoing ---- */

static void empty_list(struct tn_mutator *mu, struct tn_object *list)
{
    struct tn_object *item;

    while (tn_list_pop(mu, list, -1, &item, NULL) == 0)
        tn_decref(mu, item);
}

static void empty_dict(struct tn_mutator *mu, struct tn_object *dict)
{
    for (;;) {
        struct tn_dict_item entry;
        struct tn_object *item;
        uint64_t cursor = 0;
        size_t n = 0;

        if (tn_dict_scan(mu, dict, &cursor, 1, &entry, &n) < 0)
            return; /* stale cursors do not begin at 0 */
        if (n == 0) {
            if (cursor == 0)
                return;
            continue;
        }
        tn_incref(mu, entry.key); /* the dict's own may be the last one */
        if (tn_dict_pop(mu, dict, entry.key, &item, NULL) == 0)
            tn_decref(mu, item);
        tn_decref(mu, entry.key);
    }
}

/* Empties a list, dict or record. */
static void empty_container(struct tn_mutator *mu, struct tn_object *o)
{
    switch (o->type) {
    case TN_TYPE_LIST:
        empty_list(mu, o);
        break;
    case TN_TYPE_DICT:
        empty_dict(mu, o);
        break;
    default:
        tn_record_empty(mu, o);
        break;
    }
}

static bool is_new_container(const struct build *b, size_t node)
{
    return is_filled_later(b->value->kinds.data[node]);
}

/* Empties the new containers that are not marked; `marks` may be NULL. */
static void empty_containers(struct build *b, const uint8_t *marks)
{
    for (size_t i = 0; i < b->n_nodes; i++) {
        if (b->objects[i] == NULL || (marks != NULL && marks[i] != 0))
            continue;
        if (is_new_container(b, i))
            empty_container(b->ctx->mu, b->objects[i]);
    }
}

static void drop_all(struct build *b)
{
    for (size_t i = 0; i < b->n_nodes; i++)
        tn_drop(b->ctx->mu, &b->objects[i]);
}

/*
 * Marks the nodes that the root leads to. Every node is put on the stack once
 * at most. Needs the nodes out of order, so it reads them all.
 */
static int mark_reachable(struct build *b, uint8_t *marks)
{
    struct tn_value_node *nodes;
    uint32_t *stack = tn_ctx_alloc(b->ctx, b->n_nodes * sizeof(*stack));
    size_t n_stack = 0;
    int r;

    if (stack == NULL)
        return TN_ERR_NOMEM;
    r = tn_value_read_all(b->value, b->ctx->arena, &nodes);
    if (r < 0)
        return tn_ctx_arena_error(b->ctx);
    memset(marks, 0, b->n_nodes);
    marks[b->n_nodes - 1] = 1;
    stack[n_stack++] = (uint32_t)(b->n_nodes - 1);
    while (n_stack > 0) {
        const struct tn_value_node *node = &nodes[stack[--n_stack]];
        size_t n_items = tn_node_n_items(node->kind, node->size);

        for (size_t k = 0; k < n_items; k++) {
            if (marks[node->items[k]] == 0) {
                marks[node->items[k]] = 1;
                stack[n_stack++] = node->items[k];
            }
        }
    }
    return 0;
}

/* Empties what could only be a cycle that nobody can find. */
static int empty_unreachable(struct build *b)
{
    uint8_t *marks = tn_ctx_alloc(b->ctx, b->n_nodes);
    int r;

    if (marks == NULL)
        return TN_ERR_NOMEM;
    r = mark_reachable(b, marks);
    if (r == 0)
        empty_containers(b, marks);
    return r;
}

/* ---- Finished values that may be cycles ---- */

static int remember_cycles(struct build *b)
{
    struct tn_request_ctx *ctx = b->ctx;
    struct tn_new_cycles *cycles;
    size_t n = 0;

    for (size_t i = 0; i < b->n_nodes; i++)
        n += is_new_container(b, i);
    cycles = tn_ctx_alloc(ctx, sizeof(*cycles) + n * sizeof(struct tn_object *));
    if (cycles == NULL)
        return TN_ERR_NOMEM;
    cycles->n_objects = 0;
    for (size_t i = 0; i < b->n_nodes; i++) {
        if (!is_new_container(b, i))
            continue;
        tn_incref(ctx->mu, b->objects[i]);
        cycles->objects[cycles->n_objects++] = b->objects[i];
    }
    cycles->next = ctx->new_cycles;
    ctx->new_cycles = cycles;
    return 0;
}

void tn_values_settle(struct tn_request_ctx *ctx, bool keep)
{
    for (struct tn_new_cycles *cycles = ctx->new_cycles; cycles != NULL; cycles = cycles->next) {
        for (size_t i = 0; i < cycles->n_objects; i++) {
            struct tn_object *o = cycles->objects[i];

            if (!keep)
                empty_container(ctx->mu, o);
            tn_decref(ctx->mu, o);
        }
    }
    ctx->new_cycles = NULL;
}

/* ---- All of it ---- */

static int build_graph(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                       struct tn_object **ret_object)
{
    struct build b = { .ctx = ctx, .value = value, .n_nodes = tn_value_n_nodes(value) };
    int r;

    b.objects = tn_ctx_alloc(ctx, b.n_nodes * sizeof(struct tn_object *));
    if (b.objects == NULL)
        return TN_ERR_NOMEM;
    memset((void *)b.objects, 0, b.n_nodes * sizeof(struct tn_object *));

    r = make_all_simple(&b);
    if (r == 0)
        r = make_records(&b);
    if (r == 0)
        r = make_tuples(&b);
    if (r == 0)
        r = fill_all(&b);
    if (r == 0 && b.has_forward)
        r = empty_unreachable(&b);
    if (r == 0 && b.has_forward)
        r = remember_cycles(&b);
    if (r < 0) {
        empty_containers(&b, NULL);
        drop_all(&b);
        return r;
    }
    *ret_object = b.objects[b.n_nodes - 1];
    b.objects[b.n_nodes - 1] = NULL;
    drop_all(&b);
    return 0;
}

int tn_value_admit(struct tn_request_ctx *ctx, const Tenure__V1__Value *value)
{
    const struct tn_service *service = ctx->ex->service;
    const struct tn_value_limits limits = {
        .max_nodes = service->limits.max_nodes,
        .max_items = (size_t)service->config.max_frame_bytes,
        .max_bytes = (size_t)service->config.max_frame_bytes,
        .n_steps = ctx->batch == NULL ? 0 : (uint32_t)ctx->batch->current,
        .allow_handles = true,
    };

    return tn_value_check(value, &limits, ctx->status);
}

int tn_value_build(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                   struct tn_object **ret_object)
{
    int r = tn_value_admit(ctx, value);

    if (r < 0)
        return r;
    if (TN_LIKELY(tn_value_is_single(value))) {
        struct tn_value_reader reader;
        struct tn_value_node node;

        tn_value_reader_init(&reader, value);
        if (tn_value_read(&reader, &node) && node.kind != TN_NODE_TUPLE)
            return make_simple(ctx, &node, ret_object);
    }
    return build_graph(ctx, value, ret_object);
}
