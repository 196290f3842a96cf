/* SPDX-License-Identifier: MIT */
/* What the heap asks of deques, and comparing them. None of it takes a lock, but for
 * tn_deque_contains() if it must. */
#include "core/base/check.h"
#include "core/types/deque.h"
#include "core/types/deque_internal.h"
#include "core/types/types_internal.h"

#define TRIES_MAX 4 /* of searching before the lock is taken */

/* Whether an item of a window is the same as or equal to a value: 1, 0 or an error. */
static int search(const struct tn_deque *deque, const struct tn_deque_window *window,
                  const struct tn_object *value, struct tn_compare *limits)
{
    struct tn_chunks_walk walk = tn_deque_walk(deque);
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < window->length; i++)
        r = tn_same_or_equal(tn_deque_walk_peek(&walk, window->first + i), value, limits);
    return r;
}

/* An item that is found was there, at one moment or another. That none was found is
 * only true if nothing has changed meanwhile. */
int tn_deque_contains(struct tn_mutator *mu, struct tn_object *o, struct tn_object *value,
                      bool *ret_contains)
{
    const struct tn_deque *deque = tn_deque_const(o);
    struct tn_compare limits = tn_compare_limits(mu->heap);
    struct tn_deque_window window;
    bool was_locked;
    int r;

    TN_ASSERT(o->type == TN_TYPE_DEQUE);
    for (unsigned int i = 0; i < TRIES_MAX; i++) {
        if (!tn_deque_window_read(deque, &window))
            continue;
        r = search(deque, &window, value, &limits);
        if (r < 0)
            return r;
        if (r == 1 || tn_state_load(&deque->state) == window.state)
            goto out;
    }
    was_locked = tn_container_lock(mu, o);
    window = tn_deque_window_locked(deque);
    r = search(deque, &window, value, &limits);
    tn_container_unlock(mu, o, was_locked);
    if (r < 0)
        return r;
out:
    *ret_contains = r == 1;
    return 0;
}

/* The window; or, if writers are too busy, roughly what it is. */
static struct tn_deque_window window_about(const struct tn_deque *deque)
{
    struct tn_deque_window window;

    for (unsigned int i = 0; i < TRIES_MAX; i++)
        if (tn_deque_window_read(deque, &window))
            break;
    return window;
}

/* Items are compared as they are found, those that are gone as unequal. The maximum
 * lengths do not matter, as in Python. */
static int deque_equal(const struct tn_object *a, const struct tn_object *b,
                       struct tn_compare *limits)
{
    struct tn_chunks_walk x = tn_deque_walk(tn_deque_const(a));
    struct tn_chunks_walk y = tn_deque_walk(tn_deque_const(b));
    struct tn_deque_window window_a;
    struct tn_deque_window window_b;
    int r = 1;

    if (b->type != TN_TYPE_DEQUE)
        return 0;
    window_a = window_about(tn_deque_const(a));
    window_b = window_about(tn_deque_const(b));
    if (window_a.length != window_b.length)
        return 0;
    if (limits->depth_left == 0)
        return TN_ERR_TOO_DEEP;
    limits->depth_left--;
    for (uint64_t i = 0; r == 1 && i < window_a.length; i++)
        r = tn_same_or_equal(tn_deque_walk_peek(&x, window_a.first + i),
                             tn_deque_walk_peek(&y, window_b.first + i), limits);
    limits->depth_left++;
    return r;
}

static int deque_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg)
{
    return tn_chunks_traverse(&tn_deque_const(o)->root, visit, arg);
}

/* A dead deque gets shorter from its left end, a chunk at a time at most. The slots are
 * emptied: traversing looks at chunks, not at the window. Readers that have the old
 * window find that it has changed. */
static bool deque_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_deque *deque = (struct tn_deque *)(void *)o;
    struct tn_deque_window window = tn_deque_window_locked(deque);
    struct tn_chunks_walk walk = tn_deque_walk(deque);

    while (window.length > 0 && *budget > 0) {
        tn_slot *slot = tn_chunks_walk_to(&walk, window.first);

        --*budget;
        window.first++;
        window.length--;
        /* Release: who finds no chunk any more sees that the deque has changed. */
        atomic_store_explicit(&deque->first, window.first, memory_order_release);
        tn_state_set_length(&deque->state, (uint32_t)window.length);
        tn_decref(mu, tn_slot_swap(mu, o, slot, NULL));
        if (window.length == 0 || window.first % TN_CHUNK_SLOTS == 0) {
            walk = tn_deque_walk(deque);
            tn_chunks_cut(mu, o, &deque->root, tn_chunks_of(window.first - 1, window.length + 1),
                          tn_chunks_of(window.first, window.length));
        }
    }
    return window.length == 0;
}

static size_t deque_block_size(const struct tn_object *o)
{
    (void)o;
    return sizeof(struct tn_deque);
}

static size_t deque_extra_size(const struct tn_object *o)
{
    const struct tn_deque *deque = tn_deque_const(o);
    const struct tn_chunks_node *root = tn_chunks_load(&deque->root);
    struct tn_deque_window window = window_about(deque);

    if (root == NULL)
        return 0;
    return tn_chunks_bytes(tn_chunks_of(window.first, window.length), root->level);
}

static uint64_t deque_length(const struct tn_object *o)
{
    return tn_deque_length(o);
}

void tn_deque_validate(const struct tn_object *o)
{
    const struct tn_deque *deque = tn_deque_const(o);
    struct tn_deque_window window;
    struct tn_chunks_walk walk = tn_deque_walk(deque);
    struct tn_chunks_range range;

    TN_ASSERT(tn_deque_window_read(deque, &window));
    TN_ASSERT(window.length <= deque->maxlen && window.length <= TN_DEQUE_ITEMS_MAX);
    range = tn_chunks_of(window.first, window.length);
    tn_chunks_validate(&deque->root, range);
    for (uint64_t at = range.begin * TN_CHUNK_SLOTS; at < range.end * TN_CHUNK_SLOTS; at++)
        TN_ASSERT((tn_deque_walk_peek(&walk, at) != NULL) == (at - window.first < window.length));
}

const struct tn_type tn_type_deque = {
    .name = "deque",
    .id = TN_TYPE_DEQUE,
    .is_container = true,
    .is_mutable = true,
    .traverse = deque_traverse,
    .clear = deque_clear,
    .block_size = deque_block_size,
    .extra_size = deque_extra_size,
    .length = deque_length,
    .equal = deque_equal,
};
