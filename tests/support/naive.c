/* SPDX-License-Identifier: MIT */
/* Recursive, because that is simplest: the values are a few levels deep.
 * NOLINTBEGIN(misc-no-recursion) */
#include "tests/support/naive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct naive *naive_new(struct naive *all, enum tn_type_id type)
{
    struct naive *v = calloc(1, sizeof(*v));

    assert_non_null(v);
    v->type = type;
    v->n_refs = 1;
    v->next = all->next;
    v->prev = all;
    v->next->prev = v;
    v->prev->next = v;
    return v;
}

struct naive *naive_ref(struct naive *v)
{
    v->n_refs++;
    return v;
}

void naive_unref(struct naive *v)
{
    if (--v->n_refs > 0)
        return;
    if (v->type == TN_TYPE_TUPLE || v->type == TN_TYPE_LIST || v->type == TN_TYPE_DICT) {
        for (size_t i = 0; i < v->n; i++)
            naive_unref(v->items[i]);
    }
    v->next->prev = v->prev;
    v->prev->next = v->next;
    free(v->items);
    free(v);
}

void naive_open(struct naive *v, size_t at, size_t n)
{
    v->items = realloc(v->items, (v->n + n + 1) * sizeof(struct naive *));
    assert_non_null(v->items);
    memmove(&v->items[at + n], &v->items[at], (v->n - at) * sizeof(struct naive *));
    v->n += n;
}

void naive_close(struct naive *v, size_t at, size_t n)
{
    memmove(&v->items[at], &v->items[at + n], (v->n - at - n) * sizeof(struct naive *));
    v->n -= n;
}

static bool is_number(const struct naive *v)
{
    return v->type == TN_TYPE_BOOL || v->type == TN_TYPE_INT || v->type == TN_TYPE_FLOAT;
}

const struct naive *naive_dict_find(const struct naive *dict, const struct naive *key,
                                    size_t *ret_at)
{
    for (size_t i = 0; i < dict->n; i += 2) {
        if (naive_equal(dict->items[i], key)) {
            *ret_at = i;
            return dict->items[i + 1];
        }
    }
    return NULL;
}

bool naive_equal(const struct naive *a, const struct naive *b)
{
    size_t at;

    if (a == b || (a->is_immortal && a->object == b->object))
        return true;
    if (is_number(a) && is_number(b))
        return a->number == b->number;
    if (a->type != b->type || a->n != b->n)
        return false;
    switch (a->type) {
    case TN_TYPE_STR:
    case TN_TYPE_BYTES:
        return memcmp(a->text, b->text, a->n) == 0;
    case TN_TYPE_TUPLE:
    case TN_TYPE_LIST:
        for (size_t i = 0; i < a->n; i++) {
            if (!naive_equal(a->items[i], b->items[i]))
                return false;
        }
        return true;
    case TN_TYPE_DICT:
        for (size_t i = 0; i < a->n; i += 2) {
            const struct naive *found = naive_dict_find(b, a->items[i], &at);

            if (found == NULL || !naive_equal(a->items[i + 1], found))
                return false;
        }
        return true;
    default:
        return a->type == TN_TYPE_NONE;
    }
}

bool naive_is_hashable(const struct naive *v)
{
    if (v->type == TN_TYPE_LIST || v->type == TN_TYPE_DICT)
        return false;
    for (size_t i = 0; v->type == TN_TYPE_TUPLE && i < v->n; i++) {
        if (!naive_is_hashable(v->items[i]))
            return false;
    }
    return true;
}

size_t naive_weight(const struct naive *v, size_t max, size_t so_far)
{
    so_far++;
    if (v->items == NULL)
        return so_far;
    for (size_t i = 0; i < v->n && so_far < max; i++)
        so_far = naive_weight(v->items[i], max, so_far);
    return so_far;
}

/* NOLINTEND(misc-no-recursion) */
