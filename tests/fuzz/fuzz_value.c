/* SPDX-License-Identifier: MIT */
/*
 * Values: whatever passes the check can be read without leaving its columns, and
 * written node by node gives the same columns again.
 *
 * The first byte chooses what is allowed, the rest is a tenure.v1.Value.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/check.h"
#include "proto/message.h"
#include "proto/utf8.h"
#include "proto/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tn_scan_limits scan_limits = TN_SCAN_LIMITS_DEFAULT;

static void check_container(const struct tn_value_node *nodes, size_t n_nodes, size_t self)
{
    const struct tn_value_node *node = &nodes[self];
    size_t n_items = tn_node_n_items(node->kind, node->size);

    for (size_t i = 0; i < n_items; i++) {
        uint32_t item = node->items[i];

        TN_ASSERT(item < n_nodes);
        if (node->kind == TN_NODE_TUPLE && nodes[item].kind == TN_NODE_TUPLE)
            TN_ASSERT(item < self);
        if (node->kind == TN_NODE_RECORD && i % 2 == 1)
            TN_ASSERT(nodes[item].kind == TN_NODE_STR || nodes[item].kind == TN_NODE_HANDLE);
    }
}

static void check_node(const struct tn_value_node *nodes, size_t n_nodes, size_t self,
                       const struct tn_value_limits *limits)
{
    const struct tn_value_node *node = &nodes[self];

    switch (node->kind) {
    case TN_NODE_CLASS:
        TN_ASSERT(limits->is_answer);
        TN_ASSERT(tn_utf8_is_valid(node->bytes, node->size));
        break;
    case TN_NODE_STR:
        TN_ASSERT(tn_utf8_is_valid(node->bytes, node->size));
        break;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
        check_container(nodes, n_nodes, self);
        break;
    case TN_NODE_HANDLE:
        TN_ASSERT(limits->allow_handles && node->handle != 0);
        break;
    case TN_NODE_RESULT:
        TN_ASSERT(node->size < limits->n_steps);
        break;
    default:
        break;
    }
}

static int write_node(struct tn_value_writer *writer, const struct tn_value_node *node)
{
    size_t first;
    int r;

    switch (node->kind) {
    case TN_NODE_INT:
        return tn_value_put_int(writer, node->integer);
    case TN_NODE_FLOAT:
        return tn_value_put_float(writer, node->real);
    case TN_NODE_STR:
        return tn_value_put_str(writer, TN_SLICE(node->bytes, node->size));
    case TN_NODE_BYTES:
        return tn_value_put_bytes(writer, TN_SLICE(node->bytes, node->size));
    case TN_NODE_CLASS:
        return tn_value_put_class(writer, TN_SLICE(node->bytes, node->size));
    case TN_NODE_HANDLE:
        return tn_value_put_handle(writer, node->handle, node->type);
    case TN_NODE_RESULT:
        return tn_value_put_result(writer, node->size);
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
        r = tn_value_put_container(writer, (enum tn_node_kind)node->kind, node->size, &first);
        for (size_t i = 0; i < tn_node_n_items(node->kind, node->size); i++)
            tn_value_writer_items(writer)[first + i] = node->items[i];
        return r;
    default:
        return tn_value_put_constant(writer, (enum tn_node_kind)node->kind);
    }
}

static void check_accepted(const Tenure__V1__Value *value, const struct tn_value_limits *limits,
                           struct tn_arena *arena)
{
    size_t n_nodes = tn_value_n_nodes(value);
    struct tn_value_node *nodes;
    struct tn_value_writer writer;
    Tenure__V1__Value again;
    struct tn_buffer packed;
    int r;

    r = tn_value_read_all(value, arena, &nodes);
    TN_ASSERT(r == 0);
    tn_value_writer_init(&writer, arena);
    for (size_t i = 0; i < n_nodes; i++) {
        check_node(nodes, n_nodes, i, limits);
        /* A type of 0 stands for none, so an answer that names it is not written again. */
        if (nodes[i].kind == TN_NODE_HANDLE && limits->is_answer && nodes[i].type == 0)
            return;
        r = write_node(&writer, &nodes[i]);
        TN_ASSERT(r == (int)i);
    }
    tn_value_writer_finish(&writer, &again);
    r = tn_value_check(&again, limits, NULL);
    TN_ASSERT(r == 0);

    tn_buffer_init(&packed, (size_t)16 << 20);
    r = tn_message_pack(&value->base, (size_t)8 << 20, &packed);
    TN_ASSERT(r == 0);
    n_nodes = tn_buffer_len(&packed);
    r = tn_message_pack(&again.base, (size_t)8 << 20, &packed);
    TN_ASSERT(r == 0);
    TN_ASSERT(tn_buffer_len(&packed) == 2 * n_nodes);
    TN_ASSERT(memcmp(tn_buffer_begin(&packed), tn_buffer_begin(&packed) + n_nodes, n_nodes) == 0);
    tn_buffer_fini(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tn_value_limits limits = { .max_nodes = 100000,
                                      .max_items = 100000,
                                      .max_bytes = 100000 };
    ProtobufCMessage *message = NULL;
    struct tn_status status;
    struct tn_arena arena;
    int r;

    if (size == 0)
        return 0;
    limits.allow_handles = data[0] & 1;
    limits.is_answer = data[0] & 2;
    limits.n_steps = data[0] >> 4;

    r = tn_arena_init(&arena, 1024, (size_t)64 << 20);
    TN_ASSERT(r == 0);
    r = tn_message_unpack(&tenure__v1__value__descriptor, TN_SLICE(data + 1, size - 1),
                          &scan_limits, &arena, &message, NULL);
    if (r == 0) {
        tn_status_clear(&status);
        r = tn_value_check((const Tenure__V1__Value *)message, &limits, &status);
        TN_ASSERT((r == 0) == tn_status_is_ok(&status));
        if (r == 0)
            check_accepted((const Tenure__V1__Value *)message, &limits, &arena);
    }
    tn_arena_fini(&arena);
    return 0;
}
