/* SPDX-License-Identifier: MIT */
/* The inside of a deque: for deque.c, which changes it, and deque_type.c, which only
 * reads. */
#ifndef TN_CORE_TYPES_DEQUE_INTERNAL_H
#define TN_CORE_TYPES_DEQUE_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/object/object.h"
#include "core/types/chunks.h"
#include "core/types/deque.h"
#include "core/types/state.h"

/*
 * The window is the positions from `first` on, as many as the state's length says.
 * Each of their slots holds an item, and there are the chunks of the window and no
 * others, but for moments in which the lock is held. What slots outside of the
 * window hold is the business of the holder of the lock alone.
 */
struct tn_deque {
    struct tn_object object;
    /* [rcu]    NULL while empty */
    tn_chunks_ref root;
    /* [atomic] position of the first item, or of the next one if there is none;
     *          written by the holder of the lock while the version is odd */
    _Atomic(uint64_t) first;
    tn_state state;
    uint32_t maxlen; /* [const] */
};

static_assert(sizeof(struct tn_deque) <= 48, "an empty deque is no larger than six words");

static inline const struct tn_deque *tn_deque_const(const struct tn_object *o)
{
    return (const struct tn_deque *)(const void *)o;
}

/* What is read of a window at one moment. */
struct tn_deque_window {
    uint64_t state;
    uint64_t first;
    uint64_t length;
};

/*
 * Reads the window; false if it is being changed right now. For readers, who look
 * afterwards whether the state is still the same if that matters.
 */
TN_MUST_CHECK static inline bool tn_deque_window_read(const struct tn_deque *deque,
                                                      struct tn_deque_window *ret_window)
{
    ret_window->state = tn_state_load(&deque->state);
    tn_yield();
    /* Pairs with the release in window_set(). */
    ret_window->first = atomic_load_explicit(&deque->first, memory_order_acquire);
    ret_window->length = tn_state_length(ret_window->state);
    return !tn_state_is_odd(ret_window->state) && tn_state_load(&deque->state) == ret_window->state;
}

/* For the holder of the lock, or where nobody changes the deque. */
static inline struct tn_deque_window tn_deque_window_locked(const struct tn_deque *deque)
{
    return (struct tn_deque_window){
        .first = atomic_load_explicit(&deque->first, memory_order_relaxed),
        .length = tn_state_length_locked(&deque->state),
    };
}

static inline struct tn_chunks_walk tn_deque_walk(const struct tn_deque *deque)
{
    return (struct tn_chunks_walk){ .root = &deque->root };
}

/* What is at a position now, or NULL if it is gone. */
static inline struct tn_object *tn_deque_walk_peek(struct tn_chunks_walk *walk, uint64_t position)
{
    const tn_slot *slot = tn_chunks_walk_to(walk, position);

    tn_yield();
    return slot == NULL ? NULL : atomic_load_explicit(slot, memory_order_acquire);
}

/* For tests: aborts unless every invariant holds. Nobody changes the deque meanwhile. */
void tn_deque_validate(const struct tn_object *deque);

#endif
