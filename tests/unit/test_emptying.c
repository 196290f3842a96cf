/* SPDX-License-Identifier: MIT */
/*
 * Containers that are emptied in several steps, as the garbage of a collection is: what
 * a container has let go of may be gone, so a walk over it shows nothing of that, while
 * it shows what is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/object/type.h"
#include "tests/support/records.h"

#define N_ITEMS 250
#define N_SLOTS 20

/* Puts an item, of which the container gets a reference, into it. */
typedef void (*put_fn)(struct tn_mutator *mu, struct tn_object *container, size_t i,
                       struct tn_object *item);

static int64_t n_refs(const struct tn_object *o)
{
    struct tn_refcount count = tn_refcount_read(o);

    return (int64_t)count.local + count.shared;
}

struct walk {
    const struct tn_object *class; /* is no item */
    size_t n_items;
};

static int visit(struct tn_object *child, void *arg)
{
    struct walk *walk = arg;

    if (child == walk->class || child->type != TN_TYPE_RECORD)
        return 0;
    assert_int_equal(n_refs(child), 2); /* the test's and the container's */
    walk->n_items++;
    return 0;
}

static size_t count_held(struct tn_object *const *items, size_t n)
{
    size_t n_held = 0;

    for (size_t i = 0; i < n; i++)
        n_held += n_refs(items[i]) == 2;
    return n_held;
}

/* Fills a container, and empties it so many references at a time. Takes it over. */
static void empty_in_steps(struct heap_fixture *f, struct tn_object *class,
                           struct tn_object *container, put_fn put, size_t n, size_t step)
{
    struct tn_object *items[N_ITEMS];
    bool is_empty = false;

    for (size_t i = 0; i < n; i++) {
        items[i] = test_record(f->mu, class);
        put(f->mu, container, i, items[i]);
    }
    assert_int_equal(count_held(items, n), n);
    while (!is_empty) {
        struct walk walk = { .class = class };
        size_t budget = step;
        size_t n_held;

        is_empty = tn_type_of(container)->clear(f->mu, container, &budget);
        assert_int_equal(tn_type_of(container)->traverse(container, visit, &walk), 0);
        /* The value of an entry whose key has gone is not seen any more. */
        n_held = count_held(items, n);
        assert_true(walk.n_items == n_held || walk.n_items + 1 == n_held);
    }
    assert_int_equal(count_held(items, n), 0);
    for (size_t i = 0; i < n; i++)
        tn_decref(f->mu, items[i]);
    tn_decref(f->mu, container);
}

static void put_in_list(struct tn_mutator *mu, struct tn_object *list, size_t i,
                        struct tn_object *item)
{
    (void)i;
    tn_incref(mu, item);
    test_append(mu, list, item);
}

static void put_in_tuple(struct tn_mutator *mu, struct tn_object *tuple, size_t i,
                         struct tn_object *item)
{
    tn_incref(mu, item);
    tn_tuple_fill(mu, tuple, i, &item);
}

static void put_in_dict(struct tn_mutator *mu, struct tn_object *dict, size_t i,
                        struct tn_object *item)
{
    tn_incref(mu, item);
    test_set(mu, dict, test_int(mu, (int64_t)i), item);
}

static void put_in_set(struct tn_mutator *mu, struct tn_object *set, size_t i,
                       struct tn_object *item)
{
    (void)i;
    tn_incref(mu, item);
    assert_int_equal(tn_set_add(mu, set, &item, NULL), 0);
}

static void put_in_deque(struct tn_mutator *mu, struct tn_object *deque, size_t i,
                         struct tn_object *item)
{
    tn_incref(mu, item);
    assert_int_equal(
        tn_deque_push(mu, deque, i % 3 == 0 ? TN_DEQUE_LEFT : TN_DEQUE_RIGHT, &item, NULL), 0);
}

static void put_in_record(struct tn_mutator *mu, struct tn_object *record, size_t i,
                          struct tn_object *item)
{
    char name[] = { 's', (char)('a' + i), '\0' };

    tn_incref(mu, item);
    test_attr_set(mu, record, name, item);
}

static void empty_all(struct heap_fixture *f, size_t n, size_t step)
{
    struct tn_object *class = test_class(f->mu, "Item", "", NULL, false);
    struct tn_object *wide = test_class(
        f->mu, "Wide", "sa sb sc sd se sf sg sh si sj sk sl sm sn so sp sq sr ss st", NULL, false);
    struct tn_object *o;

    empty_in_steps(f, class, test_list(f->mu), put_in_list, n, step);
    assert_int_equal(tn_tuple_new(f->mu, n, &o), 0);
    empty_in_steps(f, class, o, put_in_tuple, n, step);
    empty_in_steps(f, class, test_dict(f->mu), put_in_dict, n, step);
    assert_int_equal(tn_set_new(f->mu, 0, &o), 0);
    empty_in_steps(f, class, o, put_in_set, n, step);
    assert_int_equal(tn_deque_new(f->mu, TN_DEQUE_NO_MAXLEN, &o), 0);
    empty_in_steps(f, class, o, put_in_deque, n, step);
    o = test_record(f->mu, wide);
    empty_in_steps(f, class, o, put_in_record, n < N_SLOTS ? n : N_SLOTS, step);
    tn_decref(f->mu, wide);
    tn_decref(f->mu, class);
}

static void test_what_has_been_dropped_is_not_visited(void **state)
{
    static const size_t sizes[] = { 1, 5, 61, N_ITEMS };
    static const size_t steps[] = { 1, 7, 59, 1000 };

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)mode);
        for (size_t i = 0; i < TN_ARRAY_LEN(sizes); i++)
            for (size_t k = 0; k < TN_ARRAY_LEN(steps); k++)
                empty_all(&f, sizes[i], steps[k]);
        heap_fixture_teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_been_dropped_is_not_visited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
