/* SPDX-License-Identifier: MIT */
/*
 * Values as simple as can be: in malloc's memory, counted one by one, dicts
 * searched from one end to the other. The heap is compared with them.
 */
#ifndef TN_TESTS_SUPPORT_NAIVE_H
#define TN_TESTS_SUPPORT_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/object/object.h"

struct naive {
    struct naive *next; /* all that are alive, around a head */
    struct naive *prev;
    struct tn_object *object; /* what stands for it on the heap */
    enum tn_type_id type;
    bool is_immortal;
    int64_t n_refs;
    long double number; /* none, bool, int, float */
    char text[8];       /* str, bytes */
    size_t n;           /* bytes, items; of a dict keys and values, in turn */
    struct naive **items;
};

/* A value with one reference, on the list with this head. */
struct naive *naive_new(struct naive *all, enum tn_type_id type);
struct naive *naive_ref(struct naive *v);
/* The last one frees it and drops its items. */
void naive_unref(struct naive *v);

/* Makes room for `n` items at `at`, which the caller fills. */
void naive_open(struct naive *v, size_t at, size_t n);
/* Closes the places of `n` items at `at`, whose references the caller has. */
void naive_close(struct naive *v, size_t at, size_t n);

/* The value of a key, and where the key is; NULL if there is none. */
const struct naive *naive_dict_find(const struct naive *dict, const struct naive *key,
                                    size_t *ret_at);

/* By Python's rules. There are no NaNs and no cycles in what is compared. */
bool naive_equal(const struct naive *a, const struct naive *b);
bool naive_is_hashable(const struct naive *v);

/* `so_far` and how many pairs comparing it may look at; counts up to `max`. */
size_t naive_weight(const struct naive *v, size_t max, size_t so_far);

#endif
