/* SPDX-License-Identifier: MIT */
#include "core/inspect/size.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/object/refcount.h"
#include "core/object/type.h"

uint64_t tn_shallow_bytes(const struct tn_object *o)
{
    const struct tn_type *type = tn_type_of(o);

    return type->block_size(o) + (type->extra_size == NULL ? 0 : type->extra_size(o));
}

/* ---- Deep size ---- */

#define FIRST_SLOTS ((size_t)64)

/* The objects seen: open addressing, at most half full. */
struct seen {
    const struct tn_object **slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n;
};

/* What is still to be traversed. */
struct stack {
    struct tn_object **items;
    size_t n;
    size_t capacity;
};

struct walk {
    struct seen seen;
    struct stack stack;
    uint64_t max_objs;
    struct tn_deep_size size;
};

static const struct tn_object **seen_slot(const struct seen *seen, const struct tn_object *o)
{
    size_t i = (size_t)(((uintptr_t)o >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

    while (seen->slots[i & (seen->n_slots - 1)] != NULL &&
           seen->slots[i & (seen->n_slots - 1)] != o)
        i++;
    return &seen->slots[i & (seen->n_slots - 1)];
}

static int seen_grow(struct seen *seen)
{
    struct seen larger = { .n_slots = seen->n_slots == 0 ? FIRST_SLOTS : 2 * seen->n_slots,
                           .n = seen->n };

    larger.slots = calloc(larger.n_slots, sizeof(struct tn_object *));
    if (larger.slots == NULL)
        return TN_ERR_NOMEM;
    for (size_t i = 0; i < seen->n_slots; i++) {
        if (seen->slots[i] != NULL)
            *seen_slot(&larger, seen->slots[i]) = seen->slots[i];
    }
    free(seen->slots);
    *seen = larger;
    return 0;
}

static int stack_push(struct stack *stack, struct tn_object *o)
{
    if (stack->n == stack->capacity) {
        size_t capacity = stack->capacity == 0 ? FIRST_SLOTS : 2 * stack->capacity;
        struct tn_object **items = realloc(stack->items, capacity * sizeof(struct tn_object *));

        if (items == NULL)
            return TN_ERR_NOMEM;
        stack->items = items;
        stack->capacity = capacity;
    }
    stack->items[stack->n++] = o;
    return 0;
}

/* Counts an object that is found for the first time. TN_ERR_TOO_MANY ends the
 * walk at max_objs. */
static int walk_visit(struct tn_object *o, void *arg)
{
    struct walk *walk = arg;
    struct seen *seen = &walk->seen;
    const struct tn_object **slot;
    int r;

    if (tn_is_immortal(o))
        return 0;
    if (2 * seen->n >= seen->n_slots) {
        r = seen_grow(seen);
        if (r < 0)
            return r;
    }
    slot = seen_slot(seen, o);
    if (*slot == o)
        return 0;
    if (walk->size.n_objs == walk->max_objs)
        return TN_ERR_TOO_MANY;
    *slot = o;
    seen->n++;
    walk->size.n_objs++;
    walk->size.bytes += tn_shallow_bytes(o);
    return tn_type_of(o)->traverse == NULL ? 0 : stack_push(&walk->stack, o);
}

int tn_deep_size(struct tn_object *root, uint64_t max_objs, struct tn_deep_size *ret_size)
{
    struct walk walk = { .max_objs = max_objs };
    int r = walk_visit(root, &walk);

    while (r == 0 && walk.stack.n > 0) {
        const struct tn_object *o = walk.stack.items[--walk.stack.n];

        r = tn_type_of(o)->traverse(o, walk_visit, &walk);
    }
    free(walk.seen.slots);
    free(walk.stack.items);
    if (r < 0 && r != TN_ERR_TOO_MANY)
        return r;
    walk.size.is_complete = r == 0;
    *ret_size = walk.size;
    return 0;
}
