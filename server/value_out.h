/* SPDX-License-Identifier: MIT */
/*
 * A graph of objects on its way to a value: what value_out.c discovers and
 * value_order.c numbers. All memory is the request's arena.
 */
#ifndef TN_SERVER_VALUE_OUT_H
#define TN_SERVER_VALUE_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "server/request.h"

struct tn_out_node {
    struct tn_object *object; /* borrowed; NULL: the list that exists only in the answer */
    size_t first_item;        /* of a container, in `items` */
    uint32_t n_items;         /* see tn_node_n_items() */
    uint32_t depth;           /* the root's is 1 */
    uint8_t kind;             /* enum tn_node_kind; HANDLE: cut off */
};

struct tn_out_graph {
    struct tn_request_ctx *ctx;
    /* In the order in which they were found, breadth first; the root is the first. */
    struct tn_out_node *nodes;
    size_t n_nodes;
    size_t max_nodes; /* allocated */
    uint32_t *items;  /* numbers of nodes */
    size_t n_items;
    size_t max_items; /* allocated */
    /* Open addressing: 1 + the number of the node of an object, or 0. */
    uint32_t *index;
    size_t index_size; /* a power of two, or 0 */
    size_t n_indexed;
    /* What is wanted. */
    size_t want_depth;
    size_t want_nodes;
    uint64_t want_bytes;
    uint64_t n_bytes;
    size_t n_handles; /* nodes that were cut off */
    /* Containers are held while the graph is discovered; if not, a container that
     * dies meanwhile is noticed, and everything begins again. */
    bool holds;
};

/* Appends a node that is a handle to the object of another node. Returns its
 * number or a negative error. */
TN_MUST_CHECK int tn_out_add_handle(struct tn_out_graph *graph, size_t node);

/*
 * Chooses the numbers that the nodes have on the wire: the root is last, and a
 * tuple comes after the tuples in it. `ret_order` is the nodes in that order,
 * `ret_number` the place of each in it; both from the arena. A tuple that holds
 * the root, which is a tuple too, cannot come after it: there the root becomes a
 * handle. On failure the status is set.
 */
TN_MUST_CHECK int tn_out_order(struct tn_out_graph *graph, uint32_t **ret_order,
                               uint32_t **ret_number);

#endif
