/* SPDX-License-Identifier: MIT */
/*
 * Tables of values: nodes of 16 bytes, the items of all containers in one array,
 * texts in an arena, so that what has been handed out stays where it is.
 *
 * Invariants: every item is the number of a node of the same table. A tuple's
 * items have lower numbers than it, because it is made of values that exist; so
 * nodes in the order of their numbers satisfy what the wire asks of tuples.
 * A text is followed by a NUL that does not count.
 */
#ifndef TN_CLIENT_LIB_VALUES_H
#define TN_CLIENT_LIB_VALUES_H

#include <tenure/tenure.h>

#include "client/lib/session.h"
#include "core/base/attr.h"
#include "proto/arena.h"
#include "proto/value.h"

struct tn_values_node {
    uint8_t kind;    /* enum tn_node_kind */
    bool is_reached; /* only while the nodes of a value are looked for */
    /* STR, BYTES, CLASS: bytes. TUPLE, LIST: items. DICT: entries. RECORD: attributes.
     * RESULT: the step. */
    uint32_t size;
    union {
        int64_t integer;   /* INT */
        double real;       /* FLOAT */
        const char *text;  /* STR, BYTES, CLASS: in the arena; never NULL */
        tn_handle *handle; /* HANDLE: counted */
        struct {
            uint32_t first; /* where its items begin among all items */
            uint32_t cap;   /* how many fit there */
        };
    };
};

_Static_assert(sizeof(struct tn_values_node) == 16, "a node is 16 bytes");

struct tn_values {
    struct tn_values_node *nodes;
    uint32_t n_nodes;
    uint32_t cap_nodes;
    /* By node: its number among those of a value, only while that is sent or copied. */
    uint32_t *numbers;
    uint32_t cap_numbers;
    uint32_t *items;
    size_t n_items;
    size_t cap_items;
    size_t n_handles; /* nodes that are handles */
    struct tn_arena texts;
    int error; /* the first since it was new or cleared */
};

/* How many numbers follow one another in `items` for a container. */
static inline size_t tn_values_node_n_items(const struct tn_values_node *node)
{
    return tn_node_n_items(node->kind, node->size);
}

static inline bool tn_values_node_is_container(const struct tn_values_node *node)
{
    return tn_node_is_container(node->kind);
}

static inline bool tn_values_node_is_text(const struct tn_values_node *node)
{
    return node->kind == TN_NODE_STR || node->kind == TN_NODE_BYTES || node->kind == TN_NODE_CLASS;
}

/* The node of a value, or NULL if the value is invalid. */
static inline struct tn_values_node *tn_value_node(tn_value value)
{
    if (!value.values || value.node >= value.values->n_nodes)
        return NULL;
    return &value.values->nodes[value.node];
}

/* Remembers the first error of a table, which may be NULL; returns `err`. */
int tn_values_fail(tn_values *values, int err);

/* Appends a node and returns it, to be filled in; NULL, and remembered, if there
 * is no memory. The value that stands for it is tn_values_last(). */
struct tn_values_node *tn_values_add(tn_values *values, enum tn_node_kind kind);

static inline tn_value tn_values_last(tn_values *values)
{
    return (tn_value){ .values = values, .node = values->n_nodes - 1 };
}

/* What stands for a value that could not be made. */
static inline tn_value tn_value_invalid(tn_values *values)
{
    return (tn_value){ .values = values, .node = UINT32_MAX };
}

/* See that many more nodes, or items, fit. TN_ENOMEM or TN_ETOO_BIG. */
TN_MUST_CHECK int tn_values_reserve_nodes(tn_values *values, size_t n);
TN_MUST_CHECK int tn_values_reserve_items(tn_values *values, size_t n);

/* Takes the table back to `n_nodes` nodes: handles behind are forgotten, not
 * released. For decoding that failed; items and texts stay as waste. */
void tn_values_truncate(tn_values *values, uint32_t n_nodes);

/*
 * Prepares a value for sending, in time linear in its size, however large its table
 * is (with a logarithm, if its nodes are scattered over it). It takes memory from
 * `arena` and borrows from the table, so both must stay as they are while `ret_wire`
 * is used, and so must `one`, which is used for single scalars. Handles must be of
 * `session`; they are added to `kept`, if that is not NULL.
 *
 * Fails with the table's error if it has one, TN_EINVAL (not a value; a tuple that
 * contains itself by way of another tuple; a class by its name), TN_EHANDLE, TN_ETOO_BIG or
 * TN_ENOMEM.
 */
TN_MUST_CHECK int tn_value_to_wire(tn_value value, const struct tn_session *session,
                                   struct tn_handle_list *kept, struct tn_arena *arena,
                                   struct tn_value_one *one, Tenure__V1__Value *ret_wire);

/*
 * Reads an answer into a table. On success the handles in it are the table's. On
 * failure the table is as it was: TN_ENOMEM, TN_ETOO_BIG, or TN_ESERVER for a
 * value that is none.
 */
TN_MUST_CHECK int tn_value_from_wire(const Tenure__V1__Value *wire, struct tn_session *session,
                                     tn_values *values, tn_value *ret_value);

/* The same for an answer that is a handle alone. */
TN_MUST_CHECK int tn_value_from_handle(uint64_t id, tn_kind kind, struct tn_session *session,
                                       tn_values *values, tn_value *ret_value);

/* The kind of a TypeTag of the schema; TN_KIND_INVALID for one that is not known. */
static inline tn_kind tn_kind_from_tag(unsigned tag)
{
    return tag <= TN_KIND_RECORD ? (tn_kind)tag : TN_KIND_INVALID;
}

#endif
