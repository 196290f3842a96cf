/* SPDX-License-Identifier: MIT */
/* Checking and reading values; see value.h. Writing is in value_write.c. */
#include "proto/value.h"

#include "core/base/err.h"
#include "proto/utf8.h"

/* What the nodes seen so far take from each column. */
struct tally {
    size_t n_ints;
    size_t n_floats;
    size_t n_sizes;
    size_t n_bytes;
    size_t n_items;
    size_t n_handles;
};

struct check {
    const Tenure__V1__Value *value;
    const struct tn_value_limits *limits;
    struct tn_status *ret_status;
    bool is_ascii; /* all of `data` */
};

const char *tn_node_kind_name(unsigned kind)
{
    static const char *const names[] = {
        [TN_NODE_NONE] = "NONE",   [TN_NODE_FALSE] = "FALSE",   [TN_NODE_TRUE] = "TRUE",
        [TN_NODE_INT] = "INT",     [TN_NODE_FLOAT] = "FLOAT",   [TN_NODE_STR] = "STR",
        [TN_NODE_BYTES] = "BYTES", [TN_NODE_TUPLE] = "TUPLE",   [TN_NODE_LIST] = "LIST",
        [TN_NODE_DICT] = "DICT",   [TN_NODE_HANDLE] = "HANDLE", [TN_NODE_RESULT] = "RESULT",
        [TN_NODE_CLASS] = "CLASS", [TN_NODE_RECORD] = "RECORD",
    };

    return kind < TN_ARRAY_LEN(names) && names[kind] ? names[kind] : "?";
}

/* A node is at fault, in the way that `how` says. */
TN_COLD static int refuse_node(const struct check *c, enum tn_reason reason, size_t node,
                               const char *how)
{
    return tn_status_setf(c->ret_status, reason, "Node %zu of the value, a %s, %s.", node,
                          tn_node_kind_name(c->value->kinds.data[node]), how);
}

TN_COLD static int refuse_column(const struct check *c, const char *column, size_t n_there,
                                 size_t n_needed)
{
    return tn_status_setf(c->ret_status, TN_REASON_VALUE_MALFORMED,
                          "The value's column %s has %zu entries where its nodes take %zu.", column,
                          n_there, n_needed);
}

TN_COLD static int refuse_limit(const struct check *c, enum tn_reason reason, const char *what,
                                size_t n_there, size_t max)
{
    return tn_status_setf(c->ret_status, reason,
                          "The value has %zu %s, but at most %zu are accepted at a time.", n_there,
                          what, max);
}

static int check_text(const struct check *c, size_t node, size_t first, size_t size)
{
    const ProtobufCBinaryData *data = &c->value->data;

    /* What lies outside of the column is found when the columns are added up. */
    if (size == 0 || c->is_ascii || size > data->len || first > data->len - size)
        return 0;
    if (!tn_utf8_is_valid(data->data + first, size))
        return refuse_node(c, TN_REASON_INVALID_UTF8, node, "is not valid UTF-8; send it as BYTES");
    return 0;
}

/* A tuple refers to tuples only that are complete before it. */
static int check_tuple(const struct check *c, size_t node, size_t first, size_t size)
{
    const Tenure__V1__Value *value = c->value;

    if (size > value->n_items || first > value->n_items - size)
        return 0; /* as above */
    for (size_t i = first; i < first + size; i++) {
        uint32_t item = value->items[i];

        if (item >= node && item < value->kinds.len && value->kinds.data[item] == TN_NODE_TUPLE)
            return refuse_node(c, TN_REASON_VALUE_MALFORMED, node,
                               "holds a tuple that does not come before it");
    }
    return 0;
}

/* Whether a node, if there is one with that number, has one of two kinds. */
static bool is_kind(const struct check *c, uint32_t node, enum tn_node_kind a, enum tn_node_kind b)
{
    const ProtobufCBinaryData *kinds = &c->value->kinds;

    return node >= kinds->len || kinds->data[node] == a || kinds->data[node] == b;
}

/* What an answer cuts off is a HANDLE, and for a class that is the only way in a
 * request. */
static int check_record(const struct check *c, size_t node, size_t first, size_t n_items)
{
    const Tenure__V1__Value *value = c->value;
    bool is_answer = c->limits->is_answer;

    if (n_items > value->n_items || first > value->n_items - n_items)
        return 0; /* as above */
    if (!is_kind(c, value->items[first], TN_NODE_HANDLE,
                 is_answer ? TN_NODE_CLASS : TN_NODE_RESULT))
        return refuse_node(c, TN_REASON_VALUE_MALFORMED, node,
                           is_answer ? "has a class that is neither a CLASS nor a HANDLE"
                                     : "needs a HANDLE or a RESULT as its class");
    for (size_t i = 1; i < n_items; i += 2)
        if (!is_kind(c, value->items[first + i], TN_NODE_STR,
                     is_answer ? TN_NODE_HANDLE : TN_NODE_STR))
            return refuse_node(c, TN_REASON_VALUE_MALFORMED, node,
                               "has an attribute whose name is not a STR");
    return 0;
}

/* One node that takes from `sizes`. */
static int check_sized(const struct check *c, size_t node, struct tally *t)
{
    const Tenure__V1__Value *value = c->value;
    size_t size;
    int r = 0;

    if (t->n_sizes >= value->n_sizes)
        return refuse_node(c, TN_REASON_VALUE_MALFORMED, node, "has no entry in the column sizes");
    size = value->sizes[t->n_sizes++];

    switch (value->kinds.data[node]) {
    case TN_NODE_STR:
        r = check_text(c, node, t->n_bytes, size);
        t->n_bytes += size;
        break;
    case TN_NODE_CLASS:
        if (c->limits->is_answer)
            r = check_text(c, node, t->n_bytes, size);
        else
            r = refuse_node(c, TN_REASON_VALUE_MALFORMED, node,
                            "stands in answers only; refer to a class by a HANDLE");
        t->n_bytes += size;
        break;
    case TN_NODE_BYTES:
        t->n_bytes += size;
        break;
    case TN_NODE_TUPLE:
        r = check_tuple(c, node, t->n_items, size);
        t->n_items += size;
        break;
    case TN_NODE_LIST:
        t->n_items += size;
        break;
    case TN_NODE_DICT:
        t->n_items += 2 * size;
        break;
    case TN_NODE_RECORD:
        r = check_record(c, node, t->n_items, 1 + 2 * size);
        t->n_items += 1 + 2 * size;
        break;
    default: /* RESULT */
        if (size >= c->limits->n_steps)
            r = refuse_node(c, TN_REASON_BATCH_STEP_INVALID, node,
                            "does not refer to an earlier step of a batch");
        break;
    }
    return r;
}

/* The sums cannot overflow: there are fewer than 2^31 nodes of hardly more than 2^33 each. */
static int check_nodes(const struct check *c, struct tally *t)
{
    const ProtobufCBinaryData *kinds = &c->value->kinds;
    int r;

    for (size_t node = 0; node < kinds->len; node++) {
        switch (kinds->data[node]) {
        case TN_NODE_NONE:
        case TN_NODE_FALSE:
        case TN_NODE_TRUE:
            break;
        case TN_NODE_INT:
            t->n_ints++;
            break;
        case TN_NODE_FLOAT:
            t->n_floats++;
            break;
        case TN_NODE_STR:
        case TN_NODE_BYTES:
        case TN_NODE_CLASS:
        case TN_NODE_TUPLE:
        case TN_NODE_LIST:
        case TN_NODE_DICT:
        case TN_NODE_RECORD:
        case TN_NODE_RESULT:
            r = check_sized(c, node, t);
            if (r < 0)
                return r;
            break;
        case TN_NODE_HANDLE:
            if (!c->limits->allow_handles)
                return refuse_node(c, TN_REASON_VALUE_MALFORMED, node, "is not allowed here");
            t->n_handles++;
            break;
        default:
            return tn_status_setf(c->ret_status, TN_REASON_VALUE_MALFORMED,
                                  "Node %zu of the value has the kind %u, which is not known here.",
                                  node, (unsigned)kinds->data[node]);
        }
    }
    return 0;
}

static int check_columns(const struct check *c, const struct tally *t)
{
    const Tenure__V1__Value *value = c->value;
    size_t n_types = c->limits->is_answer ? t->n_handles : 0;

    if (value->n_ints != t->n_ints)
        return refuse_column(c, "ints", value->n_ints, t->n_ints);
    if (value->n_floats != t->n_floats)
        return refuse_column(c, "floats", value->n_floats, t->n_floats);
    if (value->n_sizes != t->n_sizes)
        return refuse_column(c, "sizes", value->n_sizes, t->n_sizes);
    if (value->data.len != t->n_bytes)
        return refuse_column(c, "data", value->data.len, t->n_bytes);
    if (value->n_items != t->n_items)
        return refuse_column(c, "items", value->n_items, t->n_items);
    if (value->n_handles != t->n_handles)
        return refuse_column(c, "handles", value->n_handles, t->n_handles);
    if (value->handle_types.len != n_types)
        return refuse_column(c, "handle_types", value->handle_types.len, n_types);
    return 0;
}

static int check_numbers(const struct check *c)
{
    const Tenure__V1__Value *value = c->value;
    uint32_t highest = 0;

    for (size_t i = 0; i < value->n_items; i++)
        highest = value->items[i] > highest ? value->items[i] : highest;
    if (highest >= value->kinds.len)
        return tn_status_setf(c->ret_status, TN_REASON_VALUE_MALFORMED,
                              "An item of the value is node %u, but there are only %zu nodes.",
                              (unsigned)highest, value->kinds.len);
    for (size_t i = 0; i < value->n_handles; i++) {
        if (value->handles[i] == 0)
            return tn_status_setf(c->ret_status, TN_REASON_VALUE_MALFORMED,
                                  "The value holds the handle 0, which is never given out.");
    }
    return 0;
}

static int check_limits(const struct check *c)
{
    const Tenure__V1__Value *value = c->value;
    const struct tn_value_limits *limits = c->limits;
    size_t max_nodes =
        limits->max_nodes < TN_VALUE_NODES_MAX ? limits->max_nodes : TN_VALUE_NODES_MAX;

    if (value->kinds.len == 0)
        return tn_status_setf(c->ret_status, TN_REASON_VALUE_MALFORMED, "The value has no node.");
    if (value->kinds.len > max_nodes)
        return refuse_limit(c, TN_REASON_TOO_MANY_NODES, "nodes", value->kinds.len, max_nodes);
    if (value->n_items > limits->max_items)
        return refuse_limit(c, TN_REASON_VALUE_TOO_LARGE, "items", value->n_items,
                            limits->max_items);
    if (value->data.len > limits->max_bytes)
        return refuse_limit(c, TN_REASON_VALUE_TOO_LARGE, "bytes", value->data.len,
                            limits->max_bytes);
    return 0;
}

int tn_value_check(const Tenure__V1__Value *value, const struct tn_value_limits *limits,
                   struct tn_status *ret_status)
{
    struct check c = { .value = value, .limits = limits, .ret_status = ret_status };
    struct tally t = { 0 };
    int r;

    if (!value)
        return tn_status_set(ret_status, TN_REASON_VALUE_MISSING);
    r = check_limits(&c);
    if (r < 0)
        return r;
    /* Text without a byte above 0x7f is valid however it is divided into strings. */
    c.is_ascii = tn_utf8_is_ascii(value->data.data, value->data.len);
    r = check_nodes(&c, &t);
    if (r < 0)
        return r;
    r = check_columns(&c, &t);
    if (r < 0)
        return r;
    return check_numbers(&c);
}

int tn_value_read_all(const Tenure__V1__Value *value, struct tn_arena *arena,
                      struct tn_value_node **ret_nodes)
{
    struct tn_value_reader reader;
    struct tn_value_node *nodes;
    size_t n = 0;

    TN_ASSERT(value->kinds.len <= TN_VALUE_NODES_MAX);
    nodes = tn_arena_alloc(arena, value->kinds.len * sizeof(*nodes));
    if (!nodes)
        return tn_arena_is_refused(arena) ? TN_ERR_LIMIT : TN_ERR_NOMEM;
    tn_value_reader_init(&reader, value);
    while (tn_value_read(&reader, &nodes[n]))
        n++;
    *ret_nodes = nodes;
    return 0;
}
