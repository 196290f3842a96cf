/* SPDX-License-Identifier: MIT */
/*
 * From a value on the wire to something to compare with: in the request's memory,
 * not in the heap, as far as that is possible. So removing a key works when the
 * heap is full.
 */
#include "core/base/check.h"
#include "core/base/err.h"
#include "server/request.h"

/* Whether a value can be a probe: lists and dicts, which are never keys, cannot, and
 * neither can new records, which nobody has as a key. */
static bool can_be_probe(const Tenure__V1__Value *value)
{
    for (size_t i = 0; i < value->kinds.len; i++)
        if (tn_node_is_container(value->kinds.data[i]) && value->kinds.data[i] != TN_NODE_TUPLE)
            return false;
    return true;
}

static int probe_text(struct tn_request_ctx *ctx, const struct tn_value_node *node,
                      struct tn_object **ret_object)
{
    enum tn_type_id type = node->kind == TN_NODE_STR ? TN_TYPE_STR : TN_TYPE_BYTES;
    void *memory = tn_ctx_alloc(ctx, tn_probe_text_bytes(node->size));

    if (memory == NULL)
        return TN_ERR_NOMEM;
    *ret_object = tn_probe_text(memory, type, TN_SLICE(node->bytes, node->size));
    return 0;
}

/* What a node that is no tuple stands for. */
static int probe_simple(struct tn_request_ctx *ctx, const struct tn_value_node *node,
                        struct tn_object **ret_object)
{
    struct tn_heap *heap = ctx->ex->service->heap;
    void *memory;

    switch (node->kind) {
    case TN_NODE_NONE:
        *ret_object = tn_none(heap);
        return 0;
    case TN_NODE_FALSE:
    case TN_NODE_TRUE:
        *ret_object = tn_bool(heap, node->kind == TN_NODE_TRUE);
        return 0;
    case TN_NODE_STR:
    case TN_NODE_BYTES:
        return probe_text(ctx, node, ret_object);
    case TN_NODE_HANDLE: /* the session holds it until the request is done */
        return tn_handle_borrow(ctx, node->handle, ret_object);
    case TN_NODE_RESULT: /* and the batch this one */
        return tn_step_borrow(ctx, node->size, ret_object);
    case TN_NODE_INT:
    case TN_NODE_FLOAT:
        memory = tn_ctx_alloc(ctx, TN_PROBE_NUMBER_BYTES);
        if (memory == NULL)
            return TN_ERR_NOMEM;
        *ret_object = node->kind == TN_NODE_INT ? tn_probe_int(memory, node->integer)
                                                : tn_probe_float(memory, node->real);
        return 0;
    default:
        TN_UNREACHABLE(); /* can_be_probe() has seen the kinds */
    }
}

static int probe_tuple(struct tn_request_ctx *ctx, const struct tn_value_node *node,
                       struct tn_object *const *objects, struct tn_object **ret_object)
{
    struct tn_object **items = tn_ctx_alloc(ctx, node->size * sizeof(*items));
    void *memory = tn_ctx_alloc(ctx, tn_probe_tuple_bytes(node->size));

    if (items == NULL || memory == NULL)
        return TN_ERR_NOMEM;
    for (size_t i = 0; i < node->size; i++)
        items[i] = objects[node->items[i]];
    *ret_object = tn_probe_tuple(memory, items, node->size);
    return 0;
}

/* First everything but tuples, then these, whose items have lower numbers then. */
static int probe_all(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                     struct tn_object **objects)
{
    int r = 0;

    for (int tuples = 0; r == 0 && tuples < 2; tuples++) {
        struct tn_value_reader reader;
        struct tn_value_node node;

        tn_value_reader_init(&reader, value);
        for (size_t i = 0; r == 0 && tn_value_read(&reader, &node); i++) {
            if ((node.kind == TN_NODE_TUPLE) != (tuples == 1))
                continue;
            r = tuples == 1 ? probe_tuple(ctx, &node, objects, &objects[i])
                            : probe_simple(ctx, &node, &objects[i]);
        }
    }
    return r;
}

int tn_value_probe(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                   struct tn_object **ret_object)
{
    size_t n_nodes;
    struct tn_object **objects;
    int r = tn_value_admit(ctx, value);

    if (r < 0)
        return r;
    if (!can_be_probe(value)) {
        r = tn_value_build(ctx, value, ret_object);
        if (r == 0)
            tn_hold(ctx, *ret_object);
        return r;
    }
    n_nodes = tn_value_n_nodes(value);
    objects = tn_ctx_alloc(ctx, n_nodes * sizeof(*objects));
    if (objects == NULL)
        return TN_ERR_NOMEM;
    r = probe_all(ctx, value, objects);
    if (r == 0)
        *ret_object = objects[n_nodes - 1];
    return r;
}
