/* SPDX-License-Identifier: MIT */
#include "core/types/probe.h"

#include <string.h>

#include "core/types/immortals.h"
#include "core/types/types_internal.h"

static_assert(sizeof(struct tn_int) == TN_PROBE_NUMBER_BYTES, "as the header says");
static_assert(sizeof(struct tn_float) == TN_PROBE_NUMBER_BYTES, "as the header says");

struct tn_object *tn_probe_int(void *memory, int64_t value)
{
    struct tn_int *probe = memory;

    tn_immortal_init(&probe->object, TN_TYPE_INT);
    probe->value = value;
    return &probe->object;
}

struct tn_object *tn_probe_float(void *memory, double value)
{
    struct tn_float *probe = memory;

    tn_immortal_init(&probe->object, TN_TYPE_FLOAT);
    probe->value = value;
    return &probe->object;
}

size_t tn_probe_text_bytes(size_t n_bytes)
{
    return sizeof(struct tn_text) + n_bytes;
}

struct tn_object *tn_probe_text(void *memory, enum tn_type_id type, struct tn_slice content)
{
    struct tn_text *probe = memory;

    TN_ASSERT(content.len <= TN_TEXT_BYTES_MAX);
    tn_immortal_init(&probe->object, type);
    atomic_init(&probe->hash, 0);
    probe->n_bytes = (uint32_t)content.len;
    if (content.len > 0)
        memcpy(probe + 1, content.data, content.len);
    return &probe->object;
}

size_t tn_probe_tuple_bytes(size_t n_items)
{
    return sizeof(struct tn_tuple) + n_items * sizeof(tn_slot);
}

struct tn_object *tn_probe_tuple(void *memory, struct tn_object *const *items, size_t n_items)
{
    struct tn_tuple *probe = memory;
    tn_slot *slots = (tn_slot *)(void *)(probe + 1);

    TN_ASSERT(n_items <= TN_TUPLE_ITEMS_MAX);
    tn_immortal_init(&probe->object, TN_TYPE_TUPLE);
    atomic_init(&probe->hash, 0);
    probe->n_items = (uint32_t)n_items;
    for (size_t i = 0; i < n_items; i++)
        atomic_init(&slots[i], items[i]);
    return &probe->object;
}
