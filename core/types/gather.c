/* SPDX-License-Identifier: MIT */
#include "core/types/gather.h"

#include "core/types/deque_internal.h"
#include "core/types/list_internal.h"
#include "core/types/types_internal.h"

static int gathered_new(struct tn_mutator *mu, size_t n, struct tn_gathered **ret_gathered)
{
    struct tn_buffer *buffer;
    int r;

    *ret_gathered = NULL;
    if (n == 0)
        return 0;
    r = tn_buffer_new(mu, sizeof(struct tn_gathered) + n * sizeof(struct tn_object *), &buffer);
    if (r == 0)
        *ret_gathered = TN_CONTAINER_OF(buffer, struct tn_gathered, buffer);
    return r;
}

/* Reads item after item of a container that cannot change meanwhile. */
struct source {
    const struct tn_object *object;
    struct tn_chunks_walk walk; /* of a deque */
    uint64_t first;             /* likewise */
    size_t n;
};

static struct source source_of(const struct tn_object *object)
{
    struct source source = { .object = object };

    if (object->type == TN_TYPE_TUPLE) {
        source.n = tn_tuple_const(object)->n_items;
    } else if (object->type == TN_TYPE_LIST) {
        source.n = tn_state_length_locked(&tn_list_const(object)->state);
    } else {
        struct tn_deque_window window = tn_deque_window_locked(tn_deque_const(object));

        source.walk = tn_deque_walk(tn_deque_const(object));
        source.first = window.first;
        source.n = window.length;
    }
    return source;
}

static struct tn_object *source_item(struct source *source, size_t at)
{
    if (source->object->type == TN_TYPE_TUPLE)
        return tn_slot_load(&tn_tuple_items(tn_tuple_const(source->object))[at]);
    if (source->object->type == TN_TYPE_LIST)
        return tn_list_peek(tn_list_const(source->object), at);
    return tn_deque_walk_peek(&source->walk, source->first + at);
}

int tn_gather(struct tn_mutator *mu, struct tn_object *from, struct tn_gathered **ret_gathered)
{
    bool is_mutable = from->type == TN_TYPE_LIST || from->type == TN_TYPE_DEQUE;
    bool was_locked = false;
    struct source source;
    int r;

    if (!is_mutable && from->type != TN_TYPE_TUPLE)
        return TN_ERR_TYPE;
    if (is_mutable)
        was_locked = tn_container_lock(mu, from);
    source = source_of(from);
    r = gathered_new(mu, source.n, ret_gathered);
    for (size_t i = 0; r == 0 && i < source.n; i++) {
        struct tn_object *item = source_item(&source, i);

        tn_incref(mu, item);
        (*ret_gathered)->items[i] = item;
    }
    tn_container_unlock(mu, from, was_locked);
    return r;
}

void tn_gathered_publish_for(struct tn_mutator *mu, const struct tn_object *container,
                             const struct tn_gathered *gathered)
{
    for (size_t i = 0; i < tn_gathered_n(gathered); i++)
        tn_publish_for(mu, container, gathered->items[i]);
}

void tn_gathered_free(struct tn_mutator *mu, struct tn_gathered **gatheredp)
{
    struct tn_gathered *gathered = *gatheredp;

    *gatheredp = NULL;
    for (size_t i = 0; i < tn_gathered_n(gathered); i++)
        tn_drop(mu, &gathered->items[i]);
    if (gathered != NULL)
        tn_buffer_free(mu, &gathered->buffer);
}
