/* SPDX-License-Identifier: MIT */
/*
 * See value_out.h. Found breadth first, a node mostly comes before what it
 * holds; so the reverse order mostly is right: the root last, and tuples after
 * what they hold. (Wherever tuples are spoken of here, frozensets are meant too.) It is wrong where
 * a tuple was found earlier on a shorter way, or leads back to itself through a list. Then tuples
 * are sorted by what they hold (tuples alone never form a cycle, because each was built of finished
 * ones).
 */
#include "core/base/check.h"
#include "core/base/err.h"
#include "server/value_out.h"

static bool is_fixed(const struct tn_out_graph *graph, size_t node)
{
    return tn_node_is_fixed(graph->nodes[node].kind);
}

/* Whether every tuple was found before the tuples that it holds. */
static bool reverse_is_right(const struct tn_out_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tn_out_node *node = &graph->nodes[i];

        if (!tn_node_is_fixed(node->kind))
            continue;
        for (size_t k = 0; k < node->n_items; k++) {
            size_t item = graph->items[node->first_item + k];

            if (item <= i && is_fixed(graph, item))
                return false;
        }
    }
    return true;
}

/* Where a tuple holds the root, and the root is a tuple: a handle instead. */
static int cut_off_root(struct tn_out_graph *graph)
{
    size_t n_nodes = graph->n_nodes;
    int handle = -1;

    if (!is_fixed(graph, 0))
        return 0;
    for (size_t i = 0; i < n_nodes; i++) {
        for (size_t k = 0; is_fixed(graph, i) && k < graph->nodes[i].n_items; k++) {
            uint32_t *item = &graph->items[graph->nodes[i].first_item + k];

            if (*item != 0)
                continue;
            if (handle < 0)
                handle = tn_out_add_handle(graph, 0);
            if (handle < 0)
                return handle;
            *item = (uint32_t)handle;
        }
    }
    return 0;
}

struct visit {
    uint32_t node;
    uint32_t next_item;
};

struct sort {
    const struct tn_out_graph *graph;
    uint32_t *order;
    size_t n_order;
    uint8_t *is_placed;
    struct visit *stack; /* no longer than the longest chain of tuples in tuples */
};

/* Places a tuple after the tuples that it holds: depth first, without recursion. */
static void place_fixed(struct sort *sort, uint32_t tuple)
{
    size_t n_stack = 0;

    sort->is_placed[tuple] = 1; /* or about to be; there are no cycles to be seen */
    sort->stack[n_stack++] = (struct visit){ .node = tuple };
    while (n_stack > 0) {
        struct visit *visit = &sort->stack[n_stack - 1];
        const struct tn_out_node *node = &sort->graph->nodes[visit->node];
        uint32_t item;

        if (visit->next_item == node->n_items) {
            sort->order[sort->n_order++] = visit->node;
            n_stack--;
            continue;
        }
        item = sort->graph->items[node->first_item + visit->next_item++];
        if (is_fixed(sort->graph, item) && !sort->is_placed[item]) {
            sort->is_placed[item] = 1;
            sort->stack[n_stack++] = (struct visit){ .node = item };
        }
    }
}

static int sort_nodes(struct tn_out_graph *graph, uint32_t *order)
{
    struct tn_request_ctx *ctx = graph->ctx;
    struct sort sort = { .graph = graph, .order = order };

    sort.is_placed = tn_ctx_alloc(ctx, graph->n_nodes);
    if (sort.is_placed == NULL)
        return TN_ERR_NOMEM;
    sort.stack = tn_ctx_alloc(ctx, graph->n_nodes * sizeof(*sort.stack));
    if (sort.stack == NULL)
        return TN_ERR_NOMEM;
    for (size_t i = 0; i < graph->n_nodes; i++)
        sort.is_placed[i] = 0;

    for (size_t i = graph->n_nodes - 1; i > 0; i--)
        if (!is_fixed(graph, i))
            order[sort.n_order++] = (uint32_t)i;
    for (size_t i = graph->n_nodes - 1; i > 0; i--)
        if (is_fixed(graph, i) && !sort.is_placed[i])
            place_fixed(&sort, (uint32_t)i);
    TN_ASSERT(sort.n_order == graph->n_nodes - 1); /* no tuple holds the root any more */
    order[sort.n_order] = 0;
    return 0;
}

int tn_out_order(struct tn_out_graph *graph, uint32_t **ret_order, uint32_t **ret_number)
{
    bool is_reversed = reverse_is_right(graph);
    uint32_t *number;
    uint32_t *order;
    int r = 0;

    if (!is_reversed)
        r = cut_off_root(graph);
    if (r < 0)
        return r;
    order = tn_ctx_alloc(graph->ctx, graph->n_nodes * sizeof(*order));
    number = tn_ctx_alloc(graph->ctx, graph->n_nodes * sizeof(*number));
    if (order == NULL || number == NULL)
        return TN_ERR_NOMEM;
    if (is_reversed)
        for (size_t i = 0; i < graph->n_nodes; i++)
            order[i] = (uint32_t)(graph->n_nodes - 1 - i);
    else
        r = sort_nodes(graph, order);
    if (r < 0)
        return r;
    for (size_t i = 0; i < graph->n_nodes; i++)
        number[order[i]] = (uint32_t)i;
    *ret_order = order;
    *ret_number = number;
    return 0;
}
