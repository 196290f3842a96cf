/* SPDX-License-Identifier: MIT */
/*
 * Random operations on a heap, and the same on naive values (support/naive.h).
 * After every few operations both are compared: which objects there are, how often
 * each is referred to, and what every container holds, object for object. Cycles may form; the
 * naive values leak just as the heap's objects do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/types/table.h"
#include "tests/support/naive.h"
#include "tests/support/objects.h"

#define N_VARIABLES 12
#define N_ITEMS_MAX ((size_t)200) /* of a list; of a dict */
#define WEIGHT_MAX 190            /* of what is compared deeply: below TN_NESTING_MAX */
#define N_OPERATIONS 40000        /* in each mode */

struct world {
    struct heap_fixture *f;
    uint64_t random;
    struct naive all; /* head of the list */
    struct naive *variables[N_VARIABLES];
};

static uint64_t any(struct world *w, uint64_t n)
{
    return test_random(&w->random) % n;
}

static bool is_light(const struct naive *v)
{
    return naive_weight(v, WEIGHT_MAX, 0) < WEIGHT_MAX;
}

/* ---- Comparing the two ---- */

static void check_content(struct world *w, const struct naive *v)
{
    struct tn_object *items[N_ITEMS_MAX];
    struct tn_dict_item pairs[N_ITEMS_MAX];
    uint64_t cursor = 0;
    size_t n;

    switch (v->type) {
    case TN_TYPE_BOOL:
        assert_int_equal(tn_bool_value(v->object), v->number != 0);
        break;
    case TN_TYPE_INT:
        assert_true((long double)tn_int_value(v->object) == v->number);
        break;
    case TN_TYPE_FLOAT:
        assert_true((long double)tn_float_value(v->object) == v->number);
        break;
    case TN_TYPE_STR:
    case TN_TYPE_BYTES:
        assert_true(tn_slice_equal(tn_text_slice(v->object), TN_SLICE(v->text, v->n)));
        break;
    case TN_TYPE_TUPLE:
        assert_int_equal(tn_tuple_length(v->object), v->n);
        for (size_t i = 0; i < v->n; i++)
            assert_ptr_equal(tn_tuple_get(v->object, i), v->items[i]->object);
        break;
    case TN_TYPE_LIST:
        assert_int_equal(tn_list_snapshot(w->f->mu, v->object, 0, N_ITEMS_MAX, items, &n), v->n);
        assert_int_equal(n, v->n);
        for (size_t i = 0; i < v->n; i++)
            assert_ptr_equal(items[i], v->items[i]->object);
        break;
    case TN_TYPE_DICT:
        tn_table_validate(w->f->heap, v->object);
        assert_int_equal(tn_dict_scan(w->f->mu, v->object, &cursor, N_ITEMS_MAX, pairs, &n), 0);
        assert_int_equal(n, v->n / 2);
        assert_int_equal(cursor, 0);
        for (size_t i = 0; i < n; i++) {
            assert_ptr_equal(pairs[i].key, v->items[2 * i]->object);
            assert_ptr_equal(pairs[i].value, v->items[2 * i + 1]->object);
        }
        break;
    default:
        assert_int_equal(v->type, TN_TYPE_NONE);
    }
}

static void check_all(struct world *w)
{
    uint64_t n_objs[TN_TYPE_END] = { 0 };
    struct tn_census census;
    uint64_t bytes = 0;

    heap_fixture_settle(w->f);
    for (const struct naive *v = w->all.next; v != &w->all; v = v->next) {
        assert_int_equal(v->object->type, v->type);
        assert_int_equal(tn_is_immortal(v->object), v->is_immortal);
        check_content(w, v);
        if (v->is_immortal)
            continue;
        assert_int_equal(test_refcount(v->object), v->n_refs);
        n_objs[v->type]++;
        bytes += tn_shallow_bytes(v->object);
    }
    tn_census_take(w->f->heap, &census);
    for (int type = 0; type < TN_TYPE_END; type++)
        assert_int_equal(census.n_objs[type], n_objs[type]);
    assert_int_equal(census.live_bytes, bytes);
}

/* ---- Operations: each on both ---- */

/* Puts a new value, with its one reference, into a variable. */
static void assign(struct world *w, struct naive *v)
{
    struct naive **variable = &w->variables[any(w, N_VARIABLES)];

    v->is_immortal = tn_is_immortal(v->object);
    if (*variable != NULL) {
        tn_decref(w->f->mu, (*variable)->object);
        naive_unref(*variable);
    }
    *variable = v;
}

static struct naive *variable(struct world *w)
{
    return w->variables[any(w, N_VARIABLES)];
}

/* A variable of this type, or NULL if chance does not find one soon. */
static struct naive *variable_of(struct world *w, enum tn_type_id type)
{
    for (int i = 0; i < N_VARIABLES; i++) {
        struct naive *v = variable(w);

        if (v != NULL && v->type == type)
            return v;
    }
    return NULL;
}

/* One more reference on both sides, which the caller gives away. */
static struct tn_object *dup(struct world *w, struct naive *v)
{
    (void)naive_ref(v);
    tn_incref(w->f->mu, v->object);
    return v->object;
}

static void make_number(struct world *w)
{
    struct tn_mutator *mu = w->f->mu;
    int64_t integer = (int64_t)any(w, 8) * (any(w, 2) == 0 ? 1 : 1000);
    double real = (double)integer / (any(w, 2) == 0 ? 1 : 4);
    struct naive *v;

    switch (any(w, 4)) {
    case 0:
        v = naive_new(&w->all, TN_TYPE_INT);
        v->number = integer;
        v->object = test_int(mu, integer);
        break;
    case 1:
        v = naive_new(&w->all, TN_TYPE_FLOAT);
        v->number = real;
        v->object = test_float(mu, real);
        break;
    case 2:
        v = naive_new(&w->all, TN_TYPE_BOOL);
        v->number = integer % 2;
        v->object = tn_bool(w->f->heap, integer % 2 != 0);
        break;
    default:
        v = naive_new(&w->all, TN_TYPE_NONE);
        v->object = tn_none(w->f->heap);
    }
    assign(w, v);
}

static void make_text(struct world *w)
{
    bool is_str = any(w, 2) == 0;
    struct naive *v = naive_new(&w->all, is_str ? TN_TYPE_STR : TN_TYPE_BYTES);
    struct tn_slice text = TN_SLICE(v->text, v->n);

    v->n = text.len = any(w, 4);
    for (size_t i = 0; i < v->n; i++)
        v->text[i] = (char)('a' + any(w, 3));
    if (is_str)
        assert_int_equal(tn_str_new(w->f->mu, text, &v->object), 0);
    else
        assert_int_equal(tn_bytes_new(w->f->mu, text, &v->object), 0);
    assign(w, v);
}

static void make_container(struct world *w)
{
    enum tn_type_id types[] = { TN_TYPE_TUPLE, TN_TYPE_LIST, TN_TYPE_DICT };
    struct naive *v = naive_new(&w->all, types[any(w, 3)]);
    size_t n = any(w, 4);

    if (v->type == TN_TYPE_LIST) {
        assert_int_equal(tn_list_new(w->f->mu, any(w, 3) * n, &v->object), 0);
    } else if (v->type == TN_TYPE_DICT) {
        assert_int_equal(tn_dict_new(w->f->mu, any(w, 5) * n, &v->object), 0);
    } else {
        assert_int_equal(tn_tuple_new(w->f->mu, n, &v->object), 0);
        naive_open(v, 0, n);
        for (size_t i = 0; i < n; i++) {
            struct naive *item = variable(w);
            struct tn_object *object;

            if (item == NULL) { /* a place that stays as it was made */
                v->items[i] = naive_new(&w->all, TN_TYPE_NONE);
                v->items[i]->object = tn_none(w->f->heap);
                v->items[i]->is_immortal = true;
                continue;
            }
            v->items[i] = item;
            object = dup(w, item);
            tn_tuple_fill(w->f->mu, v->object, i, &object);
        }
    }
    assign(w, v);
}

static void alias(struct world *w)
{
    struct naive *v = variable(w);

    if (v == NULL)
        return;
    (void)dup(w, v);
    assign(w, v);
}

static void drop(struct world *w)
{
    struct naive **v = &w->variables[any(w, N_VARIABLES)];

    if (*v == NULL)
        return;
    tn_decref(w->f->mu, (*v)->object);
    naive_unref(*v);
    *v = NULL;
}

static void list_insert(struct world *w, struct naive *list)
{
    struct naive *item = variable(w);
    struct tn_object *object;
    int64_t index = (int64_t)any(w, 2 * list->n + 9) - (int64_t)list->n - 4;
    int64_t at = index < 0 ? index + (int64_t)list->n : index;
    bool is_append = any(w, 2) == 0;
    size_t length;

    if (item == NULL || list->n == N_ITEMS_MAX)
        return;
    if (is_append || at > (int64_t)list->n)
        at = (int64_t)list->n;
    else if (at < 0)
        at = 0;
    object = dup(w, item);
    if (is_append)
        assert_int_equal(tn_list_append(w->f->mu, list->object, &object, &length), 0);
    else
        assert_int_equal(tn_list_insert(w->f->mu, list->object, index, &object, &length), 0);
    assert_null(object);
    naive_open(list, (size_t)at, 1);
    list->items[at] = item;
    assert_int_equal(length, list->n);
}

static void list_set(struct world *w, struct naive *list)
{
    struct naive *item = variable(w);
    size_t at = any(w, list->n + 1);
    struct tn_object *object;

    if (item == NULL)
        return;
    object = dup(w, item);
    if (at == list->n) {
        assert_int_equal(tn_list_set(w->f->mu, list->object, (int64_t)at, &object), TN_ERR_INDEX);
        tn_decref(w->f->mu, object);
        naive_unref(item);
        return;
    }
    assert_int_equal(tn_list_set(w->f->mu, list->object,
                                 any(w, 2) == 0 ? (int64_t)at : (int64_t)(at - list->n), &object),
                     0);
    naive_unref(list->items[at]);
    list->items[at] = item;
}

static void list_pop(struct world *w, struct naive *list)
{
    size_t at = any(w, list->n + 1);
    int64_t index = (int64_t)at - (at < list->n && any(w, 2) == 0 ? (int64_t)list->n : 0);
    struct tn_object *object;
    struct naive *item;
    size_t length;
    int r = tn_list_pop(w->f->mu, list->object, index, &object, &length);

    if (at == list->n) {
        assert_int_equal(r, TN_ERR_INDEX);
        return;
    }
    assert_int_equal(r, 0);
    item = list->items[at];
    assert_ptr_equal(object, item->object);
    naive_close(list, at, 1);
    assert_int_equal(length, list->n);
    assign(w, item);
}

static void list_extend(struct world *w, struct naive *list)
{
    struct naive *from = variable_of(w, any(w, 2) == 0 ? TN_TYPE_LIST : TN_TYPE_TUPLE);
    size_t before = list->n;
    size_t n = from == NULL ? 0 : from->n;
    size_t length;

    if (from == NULL || list->n + n > N_ITEMS_MAX)
        return;
    assert_int_equal(tn_list_extend(w->f->mu, list->object, from->object, &length), 0);
    assert_int_equal(length, before + n);
    naive_open(list, before, n);
    for (size_t i = 0; i < n; i++)
        list->items[before + i] = naive_ref(from->items[i]);
}

static void list_slice(struct world *w, struct naive *list)
{
    size_t start = any(w, list->n + 1);
    size_t stop = any(w, list->n + 1);
    int64_t length = (int64_t)list->n;
    struct naive *slice = naive_new(&w->all, TN_TYPE_LIST);

    /* The stop counts from the end, but for the end itself. */
    assert_int_equal(tn_list_slice(w->f->mu, list->object, (int64_t)start,
                                   stop == list->n ? length + 1 : (int64_t)stop - length,
                                   &slice->object),
                     0);
    if (start < stop) {
        naive_open(slice, 0, stop - start);
        for (size_t i = start; i < stop; i++)
            slice->items[i - start] = naive_ref(list->items[i]);
    }
    assign(w, slice);
}

static void list_look(struct world *w, struct naive *list)
{
    struct naive *item = variable(w);
    struct tn_object *object;
    bool contains;
    bool expected = false;

    for (size_t i = 0; i < list->n; i++) {
        assert_int_equal(tn_list_get(w->f->mu, list->object, (int64_t)i, &object), 0);
        assert_ptr_equal(object, list->items[i]->object);
    }
    assert_int_equal(tn_list_get(w->f->mu, list->object, (int64_t)list->n, &object), TN_ERR_INDEX);
    if (item == NULL || !is_light(item) || !is_light(list))
        return;
    for (size_t i = 0; i < list->n; i++)
        expected |= naive_equal(list->items[i], item);
    assert_int_equal(tn_list_contains(w->f->mu, list->object, item->object, &contains), 0);
    assert_int_equal(contains, expected);
}

/* A key with one reference: often one that is nowhere else, so that dicts grow. */
static struct naive *any_key(struct world *w)
{
    struct naive *key = variable(w);

    if (key != NULL && any(w, 2) == 0) {
        (void)dup(w, key);
        return key;
    }
    key = naive_new(&w->all, TN_TYPE_INT);
    key->number = 5000 + (long double)any(w, 2 * N_ITEMS_MAX);
    key->object = test_int(w->f->mu, (int64_t)key->number);
    return key;
}

static void dict_set(struct world *w, struct naive *dict)
{
    struct naive *value = variable(w);
    struct tn_object *objects[2];
    struct naive *key;
    size_t length = 0;
    size_t at;

    if (value == NULL || dict->n == 2 * N_ITEMS_MAX)
        return;
    key = any_key(w);
    objects[0] = key->object;
    objects[1] = dup(w, value);
    if (!naive_is_hashable(key)) {
        assert_int_equal(tn_dict_set(w->f->mu, dict->object, &objects[0], &objects[1], NULL),
                         TN_ERR_UNHASHABLE);
        tn_decref(w->f->mu, objects[0]);
        tn_decref(w->f->mu, objects[1]);
        naive_unref(key);
        naive_unref(value);
        return;
    }
    assert_int_equal(tn_dict_set(w->f->mu, dict->object, &objects[0], &objects[1], &length), 0);
    assert_null(objects[0]);
    assert_null(objects[1]);
    if (naive_dict_find(dict, key, &at) != NULL) {
        naive_unref(key);
        naive_unref(dict->items[at + 1]);
        dict->items[at + 1] = value;
    } else {
        naive_open(dict, dict->n, 2);
        dict->items[dict->n - 2] = key;
        dict->items[dict->n - 1] = value;
    }
    assert_int_equal(length, dict->n / 2);
}

static void dict_pop(struct world *w, struct naive *dict)
{
    struct naive *key =
        any(w, 3) == 0 || dict->n == 0 ? variable(w) : dict->items[any(w, dict->n) & ~UINT64_C(1)];
    struct tn_object *object;
    struct naive *value;
    size_t length;
    size_t at;
    int r;

    if (key == NULL)
        return;
    r = tn_dict_pop(w->f->mu, dict->object, key->object, &object, &length);
    if (!naive_is_hashable(key)) {
        assert_int_equal(r, TN_ERR_UNHASHABLE);
    } else if (naive_dict_find(dict, key, &at) == NULL) {
        assert_int_equal(r, TN_ERR_KEY);
    } else {
        assert_int_equal(r, 0);
        value = dict->items[at + 1];
        assert_ptr_equal(object, value->object);
        key = dict->items[at];
        naive_close(dict, at, 2);
        assert_int_equal(length, dict->n / 2);
        naive_unref(key);
        assign(w, value);
    }
}

static void dict_look(struct world *w, struct naive *dict)
{
    struct naive *key = variable(w);
    struct tn_object *object;
    uint64_t cursor = 0;
    size_t n_seen = 0;
    size_t at;

    if (key != NULL && naive_is_hashable(key)) {
        const struct naive *found = naive_dict_find(dict, key, &at);
        int r = tn_dict_get(w->f->mu, dict->object, key->object, &object);

        assert_int_equal(r, found == NULL ? TN_ERR_KEY : 0);
        if (found != NULL)
            assert_ptr_equal(object, found->object);
    }
    for (size_t i = 0; i < dict->n; i += 2) {
        assert_int_equal(tn_dict_get(w->f->mu, dict->object, dict->items[i]->object, &object), 0);
        assert_ptr_equal(object, dict->items[i + 1]->object);
    }
    do {
        struct tn_dict_item items[8];
        size_t n;

        assert_int_equal(tn_dict_scan(w->f->mu, dict->object, &cursor, 1 + any(w, 8), items, &n),
                         0);
        for (size_t i = 0; i < n; i++, n_seen++) {
            assert_ptr_equal(items[i].key, dict->items[2 * n_seen]->object);
            assert_ptr_equal(items[i].value, dict->items[2 * n_seen + 1]->object);
        }
    } while (cursor != 0);
    assert_int_equal(n_seen, dict->n / 2);
}

static void compare(struct world *w)
{
    struct naive *a = variable(w);
    struct naive *b = variable(w);
    uint32_t hash;

    if (a == NULL || b == NULL)
        return;
    assert_int_equal(tn_hash(w->f->heap, a->object, &hash),
                     naive_is_hashable(a) ? 0 : TN_ERR_UNHASHABLE);
    if (!is_light(a) || !is_light(b))
        return;
    assert_int_equal(test_is_equal(w->f, a->object, b->object), naive_equal(a, b));
    if (naive_is_hashable(a) && naive_is_hashable(b) && naive_equal(a, b))
        assert_int_equal(test_hash(w->f, a->object), test_hash(w->f, b->object));
}

/* Lists that are about as large as they may be, and small again: what one item at
 * a time seldom does. */
static void swell_or_drain(struct world *w, struct naive *v)
{
    if (any(w, 20) != 0)
        return;
    if (any(w, 2) == 0) {
        for (int i = 0; i < 60; i++) {
            if (v->type == TN_TYPE_LIST)
                list_insert(w, v);
            else
                dict_set(w, v);
        }
        return;
    }
    (void)dup(w, v); /* popping into variables may drop the last reference */
    while (v->n > 0) {
        if (v->type == TN_TYPE_LIST)
            list_pop(w, v);
        else
            dict_pop(w, v);
    }
    tn_decref(w->f->mu, v->object);
    naive_unref(v);
}

static void operate_on_list(struct world *w, struct naive *list)
{
    switch (any(w, 8)) {
    case 0:
    case 1:
        list_insert(w, list);
        break;
    case 2:
        list_set(w, list);
        break;
    case 3:
        list_pop(w, list);
        break;
    case 4:
        list_extend(w, list);
        break;
    case 5:
        list_slice(w, list);
        break;
    case 6:
        swell_or_drain(w, list);
        break;
    default:
        list_look(w, list);
    }
}

static void operate_on_dict(struct world *w, struct naive *dict)
{
    switch (any(w, 8)) {
    case 0:
    case 1:
    case 2:
        dict_set(w, dict);
        break;
    case 3:
    case 4:
        dict_pop(w, dict);
        break;
    case 5:
    case 6:
        swell_or_drain(w, dict);
        break;
    default:
        dict_look(w, dict);
    }
}

static void operate(struct world *w)
{
    struct naive *v;

    switch (any(w, 16)) {
    case 0:
        make_number(w);
        break;
    case 1:
        make_text(w);
        break;
    case 2:
        make_container(w);
        break;
    case 3:
        alias(w);
        break;
    case 4:
        drop(w);
        break;
    case 5:
        compare(w);
        break;
    case 6:
        v = variable(w);
        if (v != NULL && any(w, 4) == 0)
            tn_publish(w->f->mu, v->object);
        break;
    case 7:
        (void)tn_thread_safepoint(w->f->thread, any(w, 20));
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        v = variable_of(w, TN_TYPE_LIST);
        if (v != NULL)
            operate_on_list(w, v);
        break;
    default:
        v = variable_of(w, TN_TYPE_DICT);
        if (v != NULL)
            operate_on_dict(w, v);
    }
}

/* Empties every list and dict, so that no cycle is left. */
static void untie(struct world *w)
{
    struct naive *v = w->all.next;

    while (v != &w->all) {
        if ((v->type != TN_TYPE_LIST && v->type != TN_TYPE_DICT) || v->n == 0) {
            v = v->next;
            continue;
        }
        (void)dup(w, v);
        while (v->n > 0) {
            if (v->type == TN_TYPE_LIST)
                list_pop(w, v);
            else
                dict_pop(w, v);
        }
        tn_decref(w->f->mu, v->object);
        naive_unref(v);
        v = w->all.next; /* others may have gone with it */
    }
}

static void agree(struct heap_fixture *f)
{
    struct world w = { .f = f, .random = test_seed() };

    w.all.next = w.all.prev = &w.all;
    for (int i = 0; i < N_OPERATIONS; i++) {
        operate(&w);
        if (i % 64 == 0)
            check_all(&w);
    }
    check_all(&w);
    untie(&w);
    for (int i = 0; i < N_VARIABLES; i++) {
        if (w.variables[i] != NULL) {
            tn_decref(f->mu, w.variables[i]->object);
            naive_unref(w.variables[i]);
        }
    }
    assert_ptr_equal(w.all.next, &w.all);
    heap_fixture_expect_empty(f);
}

static void test_random_operations_agree_with_model(void **state)
{
    (void)state;
    test_in_all_modes(agree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_agree_with_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
