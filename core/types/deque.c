/* SPDX-License-Identifier: MIT */
/*
 * deque: a window of positions (deque_internal.h) over chunks (chunks.h), and a
 * state. Writers hold the object's lock.
 *
 * An operation that adds items makes the chunks, fills slots outside of the window,
 * and then sets the window; one that removes items sets the window, empties the
 * slots outside of it, and gives chunks back. So whatever happens to a deque
 * happens when its window is set, and until then it can still fail.
 *
 * A reader of one item: window, slot, and the state again. If that is the same, the
 * slot was at that index in the window all the time. Otherwise it tries again, and
 * takes the lock if writers are too busy.
 */
#include "core/types/deque.h"

#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/types/deque_internal.h"
#include "core/types/gather.h"
#include "core/types/types_internal.h"

#define TRIES_MAX 4 /* of reading before the lock is taken */

/*
 * Where the first item of all is: in the middle of all positions, of its chunk, and
 * of every node above that, so that a deque which grows to either side is long
 * before its tree is high. It would take centuries to reach an end.
 */
#define N_DIGITS (55 / TN_CHUNKS_FAN_BITS)
#define FIRST_CHUNK                                                                                \
    (((UINT64_C(1) << (N_DIGITS * TN_CHUNKS_FAN_BITS)) - 1) / (TN_CHUNKS_FAN - 1) *                \
     (TN_CHUNKS_FAN / 2))
#define FIRST_POSITION (FIRST_CHUNK * TN_CHUNK_SLOTS + TN_CHUNK_SLOTS / 2)

static struct tn_deque *deque_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_DEQUE);
    return (struct tn_deque *)(void *)o;
}

int tn_deque_new(struct tn_mutator *mu, uint32_t maxlen, struct tn_object **ret_deque)
{
    struct tn_deque *deque;
    struct tn_object *o;
    int r = tn_object_new(mu, TN_TYPE_DEQUE, sizeof(*deque), &o);

    if (r < 0)
        return r;
    deque = deque_of(o);
    atomic_init(&deque->root, NULL);
    atomic_init(&deque->first, FIRST_POSITION);
    atomic_init(&deque->state, 0);
    deque->maxlen = maxlen;
    *ret_deque = o;
    return 0;
}

size_t tn_deque_length(const struct tn_object *deque)
{
    TN_ASSERT(deque->type == TN_TYPE_DEQUE);
    return tn_state_length(tn_state_load(&tn_deque_const(deque)->state));
}

uint32_t tn_deque_maxlen(const struct tn_object *deque)
{
    TN_ASSERT(deque->type == TN_TYPE_DEQUE);
    return tn_deque_const(deque)->maxlen;
}

/* ---- Reading ---- */

static int get_locked(const struct tn_deque *deque, int64_t index, struct tn_object **ret_item)
{
    struct tn_deque_window window = tn_deque_window_locked(deque);
    struct tn_chunks_walk walk = tn_deque_walk(deque);
    struct tn_object *item;
    uint64_t at;
    int r = tn_index_resolve(index, window.length, &at);

    if (r < 0)
        return r;
    item = tn_deque_walk_peek(&walk, window.first + at);
    if (item == NULL)
        return TN_ERR_INDEX; /* a dead deque is emptied without the lock */
    *ret_item = item;
    return 0;
}

static TN_NOINLINE int get_slow(struct tn_mutator *mu, struct tn_deque *deque, int64_t index,
                                struct tn_object **ret_item)
{
    bool was_locked = tn_container_lock(mu, &deque->object);
    int r = get_locked(deque, index, ret_item);

    tn_container_unlock(mu, &deque->object, was_locked);
    return r;
}

int tn_deque_get(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                 struct tn_object **ret_item)
{
    struct tn_deque *deque = deque_of(o);

    for (unsigned int i = 0; i < TRIES_MAX; i++) {
        struct tn_chunks_walk walk = tn_deque_walk(deque);
        struct tn_deque_window window;
        struct tn_object *item;
        uint64_t at;
        int r;

        if (TN_UNLIKELY(!tn_deque_window_read(deque, &window)))
            continue;
        r = tn_index_resolve(index, window.length, &at);
        if (TN_UNLIKELY(r < 0))
            return r;
        item = tn_deque_walk_peek(&walk, window.first + at);
        if (TN_UNLIKELY(item == NULL || tn_state_load(&deque->state) != window.state))
            continue;
        *ret_item = item;
        return 0;
    }
    return get_slow(mu, deque, index, ret_item);
}

/* Copies the items of a window from index `start` on. False if some are gone. */
static bool copy_out(const struct tn_deque *deque, const struct tn_deque_window *window,
                     size_t start, size_t n_max, struct tn_object **items, size_t *ret_n)
{
    struct tn_chunks_walk walk = tn_deque_walk(deque);
    size_t n = start >= window->length ? 0 : (size_t)window->length - start;

    if (n > n_max)
        n = n_max;
    for (size_t i = 0; i < n; i++) {
        items[i] = tn_deque_walk_peek(&walk, window->first + start + i);
        if (items[i] == NULL) {
            *ret_n = i;
            return false;
        }
    }
    *ret_n = n;
    return true;
}

size_t tn_deque_snapshot(struct tn_mutator *mu, struct tn_object *o, size_t start, size_t n_max,
                         struct tn_object **items, size_t *ret_length)
{
    struct tn_deque *deque = deque_of(o);
    struct tn_deque_window window;
    bool was_locked;
    size_t n = 0;

    for (unsigned int i = 0; i < TRIES_MAX; i++) {
        if (tn_deque_window_read(deque, &window) &&
            copy_out(deque, &window, start, n_max, items, &n) &&
            tn_state_load(&deque->state) == window.state)
            goto out;
    }
    was_locked = tn_container_lock(mu, o);
    window = tn_deque_window_locked(deque);
    /* All of them are there, but in a dead deque. */
    (void)copy_out(deque, &window, start, n_max, items, &n);
    tn_container_unlock(mu, o, was_locked);
out:
    if (ret_length != NULL)
        *ret_length = (size_t)window.length;
    return n;
}

void tn_deque_scan(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor, size_t n_max,
                   struct tn_object **items, size_t *ret_n)
{
    struct tn_deque *deque = deque_of(o);
    struct tn_chunks_walk walk = tn_deque_walk(deque);
    struct tn_deque_window window;
    unsigned int n_tries = 0;
    uint64_t position;
    uint64_t end;
    size_t n = 0;

    while (!tn_deque_window_read(deque, &window)) {
        bool was_locked;

        if (++n_tries < TRIES_MAX)
            continue;
        was_locked = tn_container_lock(mu, o);
        window = tn_deque_window_locked(deque);
        tn_container_unlock(mu, o, was_locked);
        break;
    }
    end = window.first + window.length;
    position = *cursor > window.first ? *cursor : window.first;
    for (; n < n_max && position < end; position++) {
        struct tn_object *item = tn_deque_walk_peek(&walk, position);

        if (item != NULL) /* else it has gone since */
            items[n++] = item;
    }
    *cursor = position < end ? position : 0;
    *ret_n = n;
}

/* ---- The window ---- */

/* Where slots are filled and emptied, under the lock. */
static tn_slot *slot_locked(const struct tn_deque *deque, uint64_t position)
{
    struct tn_chunks_walk walk = tn_deque_walk(deque);
    tn_slot *slot = tn_chunks_walk_to(&walk, position);

    TN_DEBUG_ASSERT(slot != NULL);
    return slot;
}

static struct tn_chunks_range chunks_locked(const struct tn_deque *deque)
{
    struct tn_deque_window window = tn_deque_window_locked(deque);

    return tn_chunks_of(window.first, window.length);
}

/* Makes the chunks of `n` positions from `first` on, which include the window. */
static int reserve_locked(struct tn_mutator *mu, struct tn_deque *deque, uint64_t first, uint64_t n)
{
    return tn_chunks_grow(mu, &deque->object, &deque->root, chunks_locked(deque),
                          tn_chunks_of(first, n));
}

/* What is to be seen from now on. All of its slots are filled. */
static void window_set(struct tn_deque *deque, uint64_t first, uint64_t length)
{
    if (first == atomic_load_explicit(&deque->first, memory_order_relaxed)) {
        tn_state_set_length(&deque->state, (uint32_t)length);
        return;
    }
    tn_state_begin(&deque->state, (uint32_t)length);
    tn_yield();
    /* Pairs with the acquire in tn_deque_window_read(). */
    atomic_store_explicit(&deque->first, first, memory_order_release);
    tn_state_end(&deque->state, (uint32_t)length);
}

/* Empties the slot of an item that is not in the window any more. */
static struct tn_object *take_locked(struct tn_mutator *mu, struct tn_deque *deque,
                                     uint64_t position)
{
    tn_yield();
    return tn_slot_swap(mu, &deque->object, slot_locked(deque, position), NULL);
}

/* Gives back the chunks of the `n` positions from `first` on that are not in the
 * window; there are no others than those and the window's. */
static void cut_locked(struct tn_mutator *mu, struct tn_deque *deque, uint64_t first, uint64_t n)
{
    tn_chunks_cut(mu, &deque->object, &deque->root, tn_chunks_of(first, n), chunks_locked(deque));
}

static void put_length(size_t *ret_length, uint64_t length)
{
    if (ret_length != NULL)
        *ret_length = (size_t)length;
}

/* ---- One item ---- */

int tn_deque_set(struct tn_mutator *mu, struct tn_object *o, int64_t index,
                 struct tn_object **take_item)
{
    struct tn_deque *deque = deque_of(o);
    struct tn_object *old = NULL;
    struct tn_deque_window window;
    bool was_locked;
    uint64_t at;
    int r;

    tn_publish_for(mu, o, *take_item);
    was_locked = tn_container_lock(mu, o);
    window = tn_deque_window_locked(deque);
    r = tn_index_resolve(index, window.length, &at);
    if (r == 0) {
        tn_state_touch(&deque->state);
        tn_yield();
        old = tn_slot_swap(mu, o, slot_locked(deque, window.first + at), *take_item);
        *take_item = NULL;
    }
    tn_container_unlock(mu, o, was_locked);
    tn_drop(mu, &old);
    return r;
}

/* Puts `n` items in at an end, and takes so many out at the other end that no more
 * are left than there may be: these are in the places of the others afterwards. */
static int push_locked(struct tn_mutator *mu, struct tn_deque *deque, enum tn_deque_end end,
                       struct tn_object **items, uint64_t n, size_t *ret_length)
{
    struct tn_deque_window old = tn_deque_window_locked(deque);
    uint64_t length = old.length + n;
    uint64_t n_out = length > deque->maxlen ? length - deque->maxlen : 0;
    uint64_t first = end == TN_DEQUE_LEFT ? old.first - n : old.first;
    uint64_t out; /* position of the first one that goes */
    int r;

    if (length - n_out > TN_DEQUE_ITEMS_MAX)
        return TN_ERR_TOO_BIG;
    r = reserve_locked(mu, deque, first, length);
    if (r < 0)
        return r;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t position = end == TN_DEQUE_LEFT ? old.first - 1 - i : old.first + old.length + i;

        tn_slot_init(mu, &deque->object, slot_locked(deque, position), items[i]);
        items[i] = NULL;
    }
    out = end == TN_DEQUE_LEFT ? first + length - n_out : first;
    window_set(deque, end == TN_DEQUE_LEFT ? first : first + n_out, length - n_out);
    for (uint64_t i = 0; i < n_out; i++)
        items[i] = take_locked(mu, deque, out + i);
    cut_locked(mu, deque, first, length);
    put_length(ret_length, length - n_out);
    return 0;
}

int tn_deque_push(struct tn_mutator *mu, struct tn_object *o, enum tn_deque_end end,
                  struct tn_object **take_item, size_t *ret_length)
{
    struct tn_deque *deque = deque_of(o);
    struct tn_object *item = *take_item;
    bool was_locked;
    int r = 0;

    if (deque->maxlen == 0) { /* it goes as soon as it comes */
        tn_drop(mu, take_item);
        put_length(ret_length, 0);
        return 0;
    }
    tn_publish_for(mu, o, item);
    was_locked = tn_container_lock(mu, o);
    r = push_locked(mu, deque, end, &item, 1, ret_length);
    tn_container_unlock(mu, o, was_locked);
    if (r < 0)
        return r;
    *take_item = NULL;
    tn_drop(mu, &item); /* one that was pushed out */
    return 0;
}

int tn_deque_pop(struct tn_mutator *mu, struct tn_object *o, enum tn_deque_end end,
                 struct tn_object **ret_item, size_t *ret_length)
{
    struct tn_deque *deque = deque_of(o);
    bool was_locked = tn_container_lock(mu, o);
    struct tn_deque_window old = tn_deque_window_locked(deque);
    bool is_left = end == TN_DEQUE_LEFT;
    int r = TN_ERR_INDEX;

    if (old.length > 0) {
        window_set(deque, old.first + is_left, old.length - 1);
        *ret_item = take_locked(mu, deque, is_left ? old.first : old.first + old.length - 1);
        cut_locked(mu, deque, old.first, old.length);
        put_length(ret_length, old.length - 1);
        r = 0;
    }
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* ---- Many items ---- */

int tn_deque_extend(struct tn_mutator *mu, struct tn_object *o, enum tn_deque_end end,
                    struct tn_object *from, size_t *ret_length)
{
    struct tn_deque *deque = deque_of(o);
    struct tn_gathered *gathered;
    bool was_locked;
    size_t n_skipped;
    size_t n;
    int r = tn_gather(mu, from, &gathered);

    if (r < 0)
        return r;
    tn_gathered_publish_for(mu, o, gathered);
    n = tn_gathered_n(gathered);
    n_skipped = n > deque->maxlen ? n - deque->maxlen : 0; /* the others push these out */
    n -= n_skipped;
    was_locked = tn_container_lock(mu, o);
    if (n > 0)
        r = push_locked(mu, deque, end, gathered->items + n_skipped, n, ret_length);
    else
        put_length(ret_length, tn_deque_window_locked(deque).length);
    tn_container_unlock(mu, o, was_locked);
    tn_gathered_free(mu, &gathered);
    return r;
}

/* How many items move to the left end, if `n` of `length` are to; or, if that are
 * fewer, less than 0: how many move to the right. */
static int64_t shortest_rotation(int64_t n, uint64_t length)
{
    int64_t to_left = n % (int64_t)length;

    if (to_left < 0)
        to_left += (int64_t)length;
    return (uint64_t)to_left * 2 <= length ? to_left : to_left - (int64_t)length;
}

int tn_deque_rotate(struct tn_mutator *mu, struct tn_object *o, int64_t n)
{
    struct tn_deque *deque = deque_of(o);
    bool was_locked = tn_container_lock(mu, o);
    struct tn_deque_window old = tn_deque_window_locked(deque);
    int64_t to_left = old.length < 2 ? 0 : shortest_rotation(n, old.length);
    uint64_t n_moves = (uint64_t)(to_left < 0 ? -to_left : to_left);
    /* The places on both sides of the window, or within it, from the left: */
    uint64_t left = to_left > 0 ? old.first - n_moves : old.first;
    uint64_t right = left + old.length;
    int r = reserve_locked(mu, deque, left, old.length + n_moves);

    if (r == 0 && n_moves > 0) {
        uint64_t from = to_left > 0 ? right : left;
        uint64_t to = to_left > 0 ? left : right;

        for (uint64_t i = 0; i < n_moves; i++)
            tn_slot_move(mu, slot_locked(deque, to + i), slot_locked(deque, from + i));
        window_set(deque, to_left > 0 ? left : left + n_moves, old.length);
        for (uint64_t i = 0; i < n_moves; i++)
            (void)take_locked(mu, deque, from + i); /* its reference has moved */
        cut_locked(mu, deque, left, old.length + n_moves);
    }
    tn_container_unlock(mu, o, was_locked);
    return r;
}

/* Empties a deque where it is, for want of the memory to do better. */
static void clear_slow(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_deque *deque = deque_of(o);
    bool was_locked = tn_container_lock(mu, o);
    struct tn_deque_window old = tn_deque_window_locked(deque);

    window_set(deque, old.first + old.length, 0);
    for (uint64_t i = 0; i < old.length; i++)
        tn_decref(mu, take_locked(mu, deque, old.first + i));
    cut_locked(mu, deque, old.first, old.length);
    tn_container_unlock(mu, o, was_locked);
}

/* The chunks become those of another deque, which dies, and is emptied within the
 * budgets of safe points as any. */
void tn_deque_clear(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_deque *deque = deque_of(o);
    struct tn_deque_window old;
    struct tn_object *husk;
    bool was_locked;

    if (tn_deque_new(mu, TN_DEQUE_NO_MAXLEN, &husk) < 0) {
        clear_slow(mu, o);
        return;
    }
    tn_publish_for(mu, o, husk); /* others may be looking at its chunks */
    was_locked = tn_container_lock(mu, o);
    old = tn_deque_window_locked(deque);
    atomic_init(&deque_of(husk)->root, atomic_load_explicit(&deque->root, memory_order_relaxed));
    atomic_init(&deque_of(husk)->first, old.first);
    atomic_init(&deque_of(husk)->state, old.length);
    tn_mark_handed_over(mu, husk);
    window_set(deque, old.first + old.length, 0);
    /* Pairs with the acquire in tn_chunks_load(): who finds nothing sees the window. */
    atomic_store_explicit(&deque->root, NULL, memory_order_release);
    tn_container_unlock(mu, o, was_locked);
    tn_decref(mu, husk);
}
