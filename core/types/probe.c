/* SPDX-License-Identifier: MIT */
#include "core/types/probe.h"

#include <string.h>

#include "core/types/immortals.h"
#include "core/types/set_internal.h"
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

size_t tn_probe_frozenset_bytes(size_t n_members)
{
    return sizeof(struct tn_frozenset) + tn_table_small_bytes(n_members, 1);
}

int tn_probe_frozenset(const struct tn_heap *heap, void *memory, struct tn_object *const *members,
                       size_t n_members, struct tn_object **ret_probe,
                       const struct tn_object **ret_bad)
{
    struct tn_frozenset *probe = memory;
    struct tn_table_small *small = (struct tn_table_small *)(void *)(probe + 1);
    uint32_t length = 0;

    TN_ASSERT(n_members <= TN_PROBE_FROZENSET_MAX);
    tn_immortal_init(&probe->table.object, TN_TYPE_FROZENSET);
    tn_table_small_init(small, (uint16_t)n_members, 1);
    for (size_t i = 0; i < n_members; i++) {
        struct tn_compare limits = tn_compare_limits(heap);
        struct tn_table_found found;
        uint32_t hash;
        int r = tn_hash(heap, members[i], &hash);

        if (r == 0)
            r = tn_table_find_key(&small->body, members[i], hash, &limits, &found);
        if (r < 0) {
            *ret_bad = members[i];
            return r;
        }
        if (r == 0) {
            tn_table_small_fill(small, hash, members[i]);
            length++;
        }
    }
    tn_table_init(&probe->table, length == 0 ? NULL : &small->body);
    tn_state_set_length(&probe->table.state, length);
    atomic_init(&probe->hash, 0);
    probe->padding = 0;
    *ret_probe = &probe->table.object;
    return 0;
}
