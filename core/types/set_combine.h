/* SPDX-License-Identifier: MIT */
/*
 * Making a set of others, and comparing two: work that may be long, done in steps
 * with safe points in between.
 *
 * Operands are read as a scan reads them, a page of TN_SET_PAGE items at a time. An
 * operand of one page is seen as it is at one moment. Of a larger one, what is there
 * throughout is seen, and what comes or goes meanwhile may be seen or not; and where
 * members are looked for in it, each is looked for at a moment of its own. The right
 * operand may also be a list, a tuple or a dict (its keys). No step ever holds two
 * locks: it reads a page of the one operand first, and then asks the other.
 *
 * The result is the caller's own until it is finished, so a step that fails leaves
 * nothing behind. It has its members in the order in which the operands are read.
 */
#ifndef TN_CORE_TYPES_SET_COMBINE_H
#define TN_CORE_TYPES_SET_COMBINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"
#include "core/types/set.h"

#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define TN_SET_PAGE 3
#else
#define TN_SET_PAGE 1024
#endif

/* How two sets can be compared. */
enum tn_set_rel {
    TN_SET_IS_SUBSET,
    TN_SET_IS_SUPERSET,
    TN_SET_IS_DISJOINT,
};

/* Which of the items that are read count: all, or those that the other has, or has
 * not. */
enum tn_set_choice {
    TN_SET_ALL,
    TN_SET_IF_PRESENT,
    TN_SET_IF_ABSENT,
};

/* One of the at most three times that an operand is read through. */
struct tn_set_pass {
    struct tn_object *from;
    struct tn_object *other; /* what is asked; NULL with TN_SET_ALL */
    enum tn_set_choice choice;
    /* Makes `lookup` of a right operand in which nothing can be looked for. */
    bool is_for_lookup;
};

#define TN_SET_PASSES_MAX 3

/* All of it is the worker's own. */
struct tn_set_work {
    struct tn_set_pass passes[TN_SET_PASSES_MAX];
    size_t n_passes;
    size_t pass;
    uint64_t cursor;          /* where the pass is */
    struct tn_object *lookup; /* a frozenset, or NULL */
    struct tn_object *result; /* NULL if something is only compared */
    bool holds;               /* a relation: nothing has been found that speaks against it */
    uint8_t bad_type;         /* after TN_ERR_UNHASHABLE: of the item */
};

/* Whether an object can be an operand on the right: a set, frozenset, dict, list or
 * tuple. */
bool tn_set_is_operand(const struct tn_object *o);

/* How many items an operand has. */
size_t tn_set_operand_length(const struct tn_object *o);

/*
 * Begin; tn_set_work_end() is needed only if they succeed. The caller holds
 * references to the operands until then. `type` is that of the result, TN_TYPE_SET
 * or TN_TYPE_FROZENSET. Errors as of tn_set_new().
 */
TN_MUST_CHECK int tn_set_work_copy(struct tn_mutator *mu, struct tn_set_work *work,
                                   struct tn_object *from, enum tn_type_id type);
TN_MUST_CHECK int tn_set_work_combine(struct tn_mutator *mu, struct tn_set_work *work,
                                      struct tn_object *left, enum tn_set_op operation,
                                      struct tn_object *right, enum tn_type_id type);
TN_MUST_CHECK int tn_set_work_compare(struct tn_mutator *mu, struct tn_set_work *work,
                                      struct tn_object *left, enum tn_set_rel relation,
                                      struct tn_object *right);

/*
 * Works for a page. Returns 1 if it is to be called again, 0 when it is done, or an
 * error: TN_ERR_UNHASHABLE, TN_ERR_TOO_DEEP, TN_ERR_NOMEM, TN_ERR_LIMIT,
 * TN_ERR_TOO_BIG; TN_ERR_BUSY if items die again and again while they are read. There
 * may be a safe point after each step; `mu` is what the thread bears then.
 */
TN_MUST_CHECK int tn_set_work_step(struct tn_mutator *mu, struct tn_set_work *work);

/* The finished result, with a reference that becomes the caller's. */
struct tn_object *tn_set_work_take(struct tn_set_work *work);

/* Lets go of what the work holds. */
void tn_set_work_end(struct tn_mutator *mu, struct tn_set_work *work);

#endif
