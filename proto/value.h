/* SPDX-License-Identifier: MIT */
/*
 * Values as flat tables: checking, reading and writing the columns of
 * tenure.v1.Value without a message, an allocation or a recursion per node.
 *
 * A value is checked once, with tn_value_check(); everything that reads relies
 * on it. Nodes are read and written in the order of their numbers; the last one
 * is the root. What each kind takes from which column stands in value.proto.
 *
 * A value of one scalar node, which most values are, has a path of its own that
 * needs no arena: `struct tn_value_one` to write it, tn_value_is_single() to
 * see that the first node read will be the only one.
 * Threads: one at a time per reader and writer. Nothing here blocks.
 */
#ifndef TN_PROTO_VALUE_H
#define TN_PROTO_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/check.h"
#include "core/base/slice.h"
#include "proto/arena.h"
#include "proto/status.h"
#include "tenure/v1/value.pb-c.h"

/* The schema's NodeKind, in one byte and with shorter names. */
enum tn_node_kind {
    TN_NODE_NONE = TENURE__V1__NODE_KIND__NODE_KIND_NONE,
    TN_NODE_FALSE = TENURE__V1__NODE_KIND__NODE_KIND_FALSE,
    TN_NODE_TRUE = TENURE__V1__NODE_KIND__NODE_KIND_TRUE,
    TN_NODE_INT = TENURE__V1__NODE_KIND__NODE_KIND_INT,
    TN_NODE_FLOAT = TENURE__V1__NODE_KIND__NODE_KIND_FLOAT,
    TN_NODE_STR = TENURE__V1__NODE_KIND__NODE_KIND_STR,
    TN_NODE_BYTES = TENURE__V1__NODE_KIND__NODE_KIND_BYTES,
    TN_NODE_TUPLE = TENURE__V1__NODE_KIND__NODE_KIND_TUPLE,
    TN_NODE_LIST = TENURE__V1__NODE_KIND__NODE_KIND_LIST,
    TN_NODE_DICT = TENURE__V1__NODE_KIND__NODE_KIND_DICT,
    TN_NODE_HANDLE = TENURE__V1__NODE_KIND__NODE_KIND_HANDLE,
    TN_NODE_RESULT = TENURE__V1__NODE_KIND__NODE_KIND_RESULT,
    TN_NODE_CLASS = TENURE__V1__NODE_KIND__NODE_KIND_CLASS,
    TN_NODE_RECORD = TENURE__V1__NODE_KIND__NODE_KIND_RECORD,
};

/* Whether a node of a kind holds other nodes, and how many items one of a size has. */
static inline bool tn_node_is_container(unsigned int kind)
{
    return kind == TN_NODE_TUPLE || kind == TN_NODE_LIST || kind == TN_NODE_DICT ||
           kind == TN_NODE_RECORD;
}

static inline size_t tn_node_n_items(unsigned int kind, uint32_t size)
{
    switch (kind) {
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
        return size;
    case TN_NODE_DICT: /* key, value, ... */
        return 2 * (size_t)size;
    case TN_NODE_RECORD: /* class, name, value, ... */
        return 1 + 2 * (size_t)size;
    default:
        return 0;
    }
}

/* Node numbers fit an int, with room for negative errors beside them. */
#define TN_VALUE_NODES_MAX ((size_t)INT32_MAX)

/* "STR"; for an unlisted number "?". Never NULL. Any thread. */
const char *tn_node_kind_name(unsigned kind);

/* ---- Checking ---- */

struct tn_value_limits {
    size_t max_nodes;
    size_t max_items; /* of all containers together; a dict has two per entry */
    size_t max_bytes; /* of all str and bytes together */
    /* RESULT nodes may refer to the steps before this number; 0: there are none. */
    uint32_t n_steps;
    bool allow_handles;
    /* An answer: every handle has its type in `handle_types`, which must be
     * missing in a request. */
    bool is_answer;
};

/*
 * Checks everything that reading relies on: that the value has a node and is
 * within the limits; that all kinds are known; that every column has exactly as
 * many entries as the nodes take; that items are numbers of nodes, a tuple's items
 * that are tuples have lower numbers than it, and a record's class and names are
 * nodes of the kinds that they may be; that every str is valid UTF-8, every step an
 * earlier one and no handle 0.
 *
 * It does not require that every node can be reached from the root, and knows
 * nothing about keys. `value` may be NULL: that is VALUE_MISSING.
 * TN_ERR_INVAL, TN_ERR_MALFORMED, TN_ERR_UTF8, TN_ERR_TOO_MANY (TOO_MANY_NODES),
 * TN_ERR_TOO_BIG (VALUE_TOO_LARGE). `ret_status` may be NULL.
 */
TN_MUST_CHECK int tn_value_check(const Tenure__V1__Value *value,
                                 const struct tn_value_limits *limits,
                                 struct tn_status *ret_status);

/* ---- Reading ---- */

/* One node. Pointers are into the value and live as long as it does. */
struct tn_value_node {
    uint8_t kind; /* enum tn_node_kind */
    uint8_t type; /* HANDLE in an answer: its TypeTag; otherwise 0 */
    /* STR, BYTES, CLASS: bytes. TUPLE, LIST: items. DICT: entries. RECORD: attributes.
     * RESULT: the number of the step. Otherwise 0. */
    uint32_t size;
    union {
        int64_t integer;       /* INT */
        double real;           /* FLOAT */
        const uint8_t *bytes;  /* STR, BYTES, CLASS; may be NULL if size is 0 */
        const uint32_t *items; /* of a container: node numbers; may be NULL if size is 0 */
        uint64_t handle;       /* HANDLE */
    };
};

struct tn_value_reader {
    const Tenure__V1__Value *value;
    size_t node; /* the number of the next node */
    size_t ints;
    size_t floats;
    size_t sizes;
    size_t bytes;
    size_t items;
    size_t handles;
};

/* Begins at the first node of a value that tn_value_check() has passed. The
 * value is borrowed for as long as the reader is used. */
static inline void tn_value_reader_init(struct tn_value_reader *reader,
                                        const Tenure__V1__Value *value)
{
    *reader = (struct tn_value_reader){ .value = value };
}

/* How many nodes the value has; the root is the last one. */
static inline size_t tn_value_n_nodes(const Tenure__V1__Value *value)
{
    return value->kinds.len;
}

/* Reads the next node; false, and nothing written, behind the last one. */
static inline bool tn_value_read(struct tn_value_reader *reader, struct tn_value_node *ret_node)
{
    const Tenure__V1__Value *value = reader->value;

    if (reader->node == value->kinds.len)
        return false;
    *ret_node = (struct tn_value_node){ .kind = value->kinds.data[reader->node++] };

    switch (ret_node->kind) {
    case TN_NODE_INT:
        ret_node->integer = value->ints[reader->ints++];
        break;
    case TN_NODE_FLOAT:
        ret_node->real = value->floats[reader->floats++];
        break;
    case TN_NODE_STR:
    case TN_NODE_BYTES:
    case TN_NODE_CLASS:
        ret_node->size = value->sizes[reader->sizes++];
        ret_node->bytes = value->data.data ? value->data.data + reader->bytes : NULL;
        reader->bytes += ret_node->size;
        break;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
        ret_node->size = value->sizes[reader->sizes++];
        ret_node->items = value->items ? value->items + reader->items : NULL;
        reader->items += tn_node_n_items(ret_node->kind, ret_node->size);
        break;
    case TN_NODE_HANDLE:
        if (value->handle_types.len != 0)
            ret_node->type = value->handle_types.data[reader->handles];
        ret_node->handle = value->handles[reader->handles++];
        break;
    case TN_NODE_RESULT:
        ret_node->size = value->sizes[reader->sizes++];
        break;
    default: /* NONE, FALSE, TRUE: the kind says it all */
        break;
    }
    return true;
}

/* Whether the value is one node that is not a container: read it, and be done. */
static inline bool tn_value_is_single(const Tenure__V1__Value *value)
{
    return value->kinds.len == 1 && value->n_items == 0;
}

/*
 * Reads all nodes into an array, for those who look at them out of order:
 * tn_value_n_nodes() of them, from the arena. TN_ERR_LIMIT, TN_ERR_NOMEM.
 */
TN_MUST_CHECK int tn_value_read_all(const Tenure__V1__Value *value, struct tn_arena *arena,
                                    struct tn_value_node **ret_nodes);

/* ---- Writing a single scalar ---- */

/* A value and the few bytes that its columns need. Must not be moved or freed
 * while the value is in use; what STR and BYTES refer to is borrowed. */
struct tn_value_one {
    Tenure__V1__Value value;
    uint64_t handle;
    int64_t integer;
    double real;
    uint32_t size;
    uint8_t kind;
    uint8_t type;
};

/* NONE, FALSE or TRUE. Each of these prepares `one->value` anew. */
void tn_value_one_constant(struct tn_value_one *one, enum tn_node_kind kind);
void tn_value_one_int(struct tn_value_one *one, int64_t integer);
void tn_value_one_float(struct tn_value_one *one, double real);
/* `text` must be valid UTF-8 and, like `bytes`, shorter than 4 GiB. */
void tn_value_one_str(struct tn_value_one *one, struct tn_slice text);
void tn_value_one_bytes(struct tn_value_one *one, struct tn_slice bytes);
void tn_value_one_class(struct tn_value_one *one, struct tn_slice name);
/* In an answer with the TypeTag of the object, in a request with 0. */
void tn_value_one_handle(struct tn_value_one *one, uint64_t handle, uint8_t type);
void tn_value_one_result(struct tn_value_one *one, uint32_t step);

/* ---- Writing ---- */

/* A column that grows in an arena. */
struct tn_value_column {
    void *data;
    size_t len; /* entries */
    size_t cap; /* entries */
};

/*
 * Appends nodes; every column grows by doubling, in an arena that must live, and
 * not be reset, as long as the value is in use. The root is the last node
 * appended, so what a container holds is appended before it, except on cycles:
 * then append the container with numbers that are not yet known left open, and
 * fill them in with tn_value_writer_items().
 *
 * The functions that append return the number of the new node, or a negative
 * error: TN_ERR_LIMIT (the arena's cap), TN_ERR_NOMEM, TN_ERR_TOO_BIG (a length
 * beyond 32 bits). After an error the writer may only be initialised anew.
 */
struct tn_value_writer {
    struct tn_arena *arena;
    struct tn_value_column kinds;
    struct tn_value_column ints;
    struct tn_value_column floats;
    struct tn_value_column sizes;
    struct tn_value_column data;
    struct tn_value_column items;
    struct tn_value_column handles;
    struct tn_value_column handle_types;
};

static inline void tn_value_writer_init(struct tn_value_writer *writer, struct tn_arena *arena)
{
    *writer = (struct tn_value_writer){ .arena = arena };
}

static inline size_t tn_value_writer_n_nodes(const struct tn_value_writer *writer)
{
    return writer->kinds.len;
}

/* Bytes of str and bytes so far. */
static inline size_t tn_value_writer_n_bytes(const struct tn_value_writer *writer)
{
    return writer->data.len;
}

/* NONE, FALSE or TRUE. */
TN_MUST_CHECK int tn_value_put_constant(struct tn_value_writer *writer, enum tn_node_kind kind);
TN_MUST_CHECK int tn_value_put_int(struct tn_value_writer *writer, int64_t integer);
TN_MUST_CHECK int tn_value_put_float(struct tn_value_writer *writer, double real);
/* Copies. `text` must be valid UTF-8. */
TN_MUST_CHECK int tn_value_put_str(struct tn_value_writer *writer, struct tn_slice text);
TN_MUST_CHECK int tn_value_put_bytes(struct tn_value_writer *writer, struct tn_slice bytes);
TN_MUST_CHECK int tn_value_put_class(struct tn_value_writer *writer, struct tn_slice name);
/* In an answer with the TypeTag of the object, in a request with 0: never mixed. */
TN_MUST_CHECK int tn_value_put_handle(struct tn_value_writer *writer, uint64_t handle,
                                      uint8_t type);
TN_MUST_CHECK int tn_value_put_result(struct tn_value_writer *writer, uint32_t step);

/*
 * TUPLE or LIST of `size` items, DICT of `size` entries, or RECORD of `size`
 * attributes, whose class is another item in front of them. `*ret_first` is the
 * place of its first item among all items; each of them is 0 until it is written
 * with tn_value_writer_items().
 */
TN_MUST_CHECK int tn_value_put_container(struct tn_value_writer *writer, enum tn_node_kind kind,
                                         uint32_t size, size_t *ret_first);

/* All items, valid until the next container is appended. */
static inline uint32_t *tn_value_writer_items(struct tn_value_writer *writer)
{
    return writer->items.data;
}

/*
 * Makes `ret_value` the value that was written, ready to be packed or checked. It
 * refers to the writer's columns in the arena; nodes must not be appended after.
 * Nothing is checked: what was written must satisfy tn_value_check().
 */
void tn_value_writer_finish(const struct tn_value_writer *writer, Tenure__V1__Value *ret_value);

#endif
