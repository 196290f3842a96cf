/* SPDX-License-Identifier: MIT */
/*
 * deque: items that come and go at both ends, after Python's collections.deque.
 *
 * Every item has a position, which it keeps as long as it is there, whatever
 * happens at the ends: positions rise to the right, and indices count from that
 * of the first item. A cursor of a scan is a position. Nothing is ever moved,
 * copied or gone through as a deque grows and shrinks; an operation on an end
 * costs the same for ten items and for ten million.
 *
 * A deque may have a maximum length, for life. What is added to a full one pushes
 * out the item at the other end, as in Python; 0 is allowed, too.
 *
 * Writers hold the object's lock. Reading takes none, unless writers are too
 * busy. Indices count from the end if negative; TN_ERR_INDEX if out of range.
 */
#ifndef TN_CORE_TYPES_DEQUE_H
#define TN_CORE_TYPES_DEQUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

/* One less than a state can count, so that no length is "no maximum". */
#define TN_DEQUE_ITEMS_MAX (UINT32_MAX - 1)
#define TN_DEQUE_NO_MAXLEN UINT32_MAX

enum tn_deque_end {
    TN_DEQUE_LEFT,
    TN_DEQUE_RIGHT,
};

/* An empty deque; `maxlen` may be TN_DEQUE_NO_MAXLEN. */
TN_MUST_CHECK int tn_deque_new(struct tn_mutator *mu, uint32_t maxlen,
                               struct tn_object **ret_deque);

size_t tn_deque_length(const struct tn_object *deque);
uint32_t tn_deque_maxlen(const struct tn_object *deque);

/* One item, borrowed. */
TN_MUST_CHECK int tn_deque_get(struct tn_mutator *mu, struct tn_object *deque, int64_t index,
                               struct tn_object **ret_item);

/* Copies up to `n_max` items from index `start` on into `items`, borrowed: what the
 * deque held at one moment. Returns how many; its length at that moment goes to
 * *ret_length (may be NULL). */
size_t tn_deque_snapshot(struct tn_mutator *mu, struct tn_object *deque, size_t start, size_t n_max,
                         struct tn_object **items, size_t *ret_length);

/*
 * A page of a scan from left to right: up to `n_max` items into `items`, borrowed.
 * *cursor is 0 to begin, and 0 again after the last page. An item that is there
 * throughout a scan is found exactly once, while both ends change; what comes or
 * goes meanwhile is found once at most. (Rotating takes items out at one end and
 * adds them at the other.)
 */
void tn_deque_scan(struct tn_mutator *mu, struct tn_object *deque, uint64_t *cursor, size_t n_max,
                   struct tn_object **items, size_t *ret_n);

/* Whether an item is equal to `value`. TN_ERR_TOO_DEEP. */
TN_MUST_CHECK int tn_deque_contains(struct tn_mutator *mu, struct tn_object *deque,
                                    struct tn_object *value, bool *ret_contains);

TN_MUST_CHECK int tn_deque_set(struct tn_mutator *mu, struct tn_object *deque, int64_t index,
                               struct tn_object **take_item);

/* The following return the new length through ret_length (may be NULL). */

TN_MUST_CHECK int tn_deque_push(struct tn_mutator *mu, struct tn_object *deque,
                                enum tn_deque_end end, struct tn_object **take_item,
                                size_t *ret_length);
/* Removes the item at an end and hands its reference to the caller. TN_ERR_INDEX if
 * there is none. Never needs memory. */
TN_MUST_CHECK int tn_deque_pop(struct tn_mutator *mu, struct tn_object *deque,
                               enum tn_deque_end end, struct tn_object **ret_item,
                               size_t *ret_length);
/* Pushes the items of a list, tuple or deque, which may be the deque itself, one
 * after the other: so on the left they end up in reverse. All or none of them. */
TN_MUST_CHECK int tn_deque_extend(struct tn_mutator *mu, struct tn_object *deque,
                                  enum tn_deque_end end, struct tn_object *from,
                                  size_t *ret_length);

/*
 * Moves the last `n` items to the left end, one after the other; to the right if
 * `n` is negative. Takes time and, until it is done, memory in proportion to the
 * items that have to move, which are never more than half of them.
 */
TN_MUST_CHECK int tn_deque_rotate(struct tn_mutator *mu, struct tn_object *deque, int64_t n);

/* Removes all items at one moment. They are dropped at the safe points that follow. */
void tn_deque_clear(struct tn_mutator *mu, struct tn_object *deque);

#endif
