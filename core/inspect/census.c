/* SPDX-License-Identifier: MIT */
#include "core/inspect/census.h"

#include "core/object/heap_internal.h"
#include "core/object/names.h"
#include "core/object/type.h"

/* A counter that one thread writes and this one only reads: relaxed is enough,
 * for nothing else is concluded from it. */
static int64_t read_signed(const _Atomic(int64_t) *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t read_unsigned(const _Atomic(uint64_t) *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The sum over all mutators. A single one may be below zero, because what one
 * allocated another may have freed; so may the sum for a moment, as the parts
 * are not read at once. */
static uint64_t add_up(int64_t sum)
{
    return sum < 0 ? 0 : (uint64_t)sum;
}

static void add_objects(const struct tn_heap *heap, struct tn_census *census)
{
    for (int type = TN_TYPE_FREE + 1; type < TN_TYPE_END; type++) {
        int64_t sum = 0;

        for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
            sum += read_signed(&tn_heap_mutator(heap, i)->n_objs[type]);
        census->n_objs[type] = add_up(sum);
        census->live_objs += census->n_objs[type];
        if (tn_type_of_id((enum tn_type_id)type)->is_container)
            census->tracked_objs += census->n_objs[type];
    }
}

static void add_mutators(const struct tn_heap *heap, struct tn_census *census)
{
    int64_t live_bytes = 0;
    int64_t dying_objs = 0;
    int64_t limbo_objs = 0;
    int64_t limbo_bytes = 0;

    census->n_mutators = tn_heap_n_mutators(heap);
    for (uint32_t i = 0; i < census->n_mutators; i++) {
        const struct tn_mutator *mu = tn_heap_mutator(heap, i);

        live_bytes += read_signed(&mu->live_bytes);
        dying_objs += read_signed(&mu->n_dying);
        limbo_objs += read_signed(&mu->limbo.n_objs);
        limbo_bytes += read_signed(&mu->limbo.bytes);
        census->merges_queued += read_unsigned(&mu->n_merges);
        census->merges_claimed += read_unsigned(&mu->n_merges_claimed);
        census->weakrefs_cleared += read_unsigned(&mu->n_weakrefs_cleared);
        census->names_gone += read_unsigned(&mu->n_names_gone);
        census->names_dropped += read_unsigned(&mu->n_names_dropped);
    }
    census->live_bytes = add_up(live_bytes);
    census->dying_objs = add_up(dying_objs);
    census->limbo_objs = add_up(limbo_objs);
    census->limbo_bytes = add_up(limbo_bytes);
}

static void add_names(struct tn_slice name, uint64_t n_names, void *arg)
{
    struct tn_census *census = arg;

    (void)name;
    census->n_names += n_names;
}

void tn_census_take(struct tn_heap *heap, struct tn_census *ret_census)
{
    struct tn_census census = { 0 };

    add_objects(heap, &census);
    add_mutators(heap, &census);
    tn_namespaces_each(heap, add_names, &census);
    census.held_bytes = atomic_load_explicit(&heap->arenas.held_bytes, memory_order_relaxed);
    census.max_bytes = heap->arenas.max_bytes == SIZE_MAX ? 0 : heap->arenas.max_bytes;
    census.grace_periods = read_unsigned(&heap->grace.ended);
    census.gil_switches = read_unsigned(&heap->gil.n_switches);
    census.gil_forced = read_unsigned(&heap->gil.n_forced);
    *ret_census = census;
}
