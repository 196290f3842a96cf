/* SPDX-License-Identifier: MIT */
/*
 * What is made of two sets, against a model: sets of small numbers as bits. All kinds
 * of operands, of many sizes, with safe points between the steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/types/table.h"
#include "tests/support/objects.h"

#define BASE 1000 /* beyond the small ints */
#define N_BITS 400

struct model {
    bool has[N_BITS];
    size_t n;
};

static bool combine_bits(enum tn_set_op operation, bool a, bool b)
{
    switch (operation) {
    case TN_SET_OP_UNION:
        return a || b;
    case TN_SET_OP_INTERSECTION:
        return a && b;
    case TN_SET_OP_DIFFERENCE:
        return a && !b;
    case TN_SET_OP_SYMMETRIC_DIFFERENCE:
        return a != b;
    }
    return false;
}

static struct model combine(enum tn_set_op operation, const struct model *a, const struct model *b)
{
    struct model m = { .n = 0 };

    for (size_t i = 0; i < N_BITS; i++) {
        m.has[i] = combine_bits(operation, a->has[i], b->has[i]);
        m.n += m.has[i];
    }
    return m;
}

static bool relates(enum tn_set_rel relation, const struct model *a, const struct model *b)
{
    for (size_t i = 0; i < N_BITS; i++) {
        bool speaks_against = relation == TN_SET_IS_SUBSET     ? a->has[i] && !b->has[i]
                              : relation == TN_SET_IS_SUPERSET ? b->has[i] && !a->has[i]
                                                               : a->has[i] && b->has[i];

        if (speaks_against)
            return false;
    }
    return true;
}

static struct model random_model(uint64_t *random)
{
    struct model m = { .n = 0 };
    size_t range = 1 + test_random(random) % N_BITS;
    uint64_t percent = test_random(random) % 5 * 25;

    if (test_random(random) % 2 == 0)
        range = 1 + test_random(random) % 12; /* small bodies, too */
    for (size_t i = 0; i < range; i++) {
        m.has[i] = test_random(random) % 100 < percent;
        m.n += m.has[i];
    }
    return m;
}

/* An int or the float that is equal to it. */
static struct tn_object *new_member(struct heap_fixture *f, size_t i, uint64_t *random)
{
    if (test_random(random) % 2 == 0)
        return test_float(f->mu, (double)(BASE + i));
    return test_int(f->mu, (int64_t)(BASE + i));
}

static struct tn_object *new_container(struct heap_fixture *f, enum tn_type_id type, size_t n)
{
    struct tn_object *o;

    switch (type) {
    case TN_TYPE_SET:
        return test_set_of_ints(f->mu, 0, 0);
    case TN_TYPE_FROZENSET:
        return test_frozenset(f->mu);
    case TN_TYPE_DICT:
        return test_dict(f->mu);
    case TN_TYPE_TUPLE:
        assert_int_equal(tn_tuple_new(f->mu, n, &o), 0);
        return o;
    default:
        return test_list(f->mu);
    }
}

/* An object of a type with the members of a model, published or not. */
static struct tn_object *build(struct heap_fixture *f, enum tn_type_id type, const struct model *m,
                               uint64_t *random)
{
    struct tn_object *o = new_container(f, type, m->n);
    size_t first = test_random(random) % N_BITS;
    size_t at = 0;

    for (size_t k = 0; k < N_BITS; k++) {
        size_t i = (first + k) % N_BITS;
        struct tn_object *member;

        if (!m->has[i])
            continue;
        member = new_member(f, i, random);
        if (tn_is_set(o))
            (void)test_add(f->mu, o, member);
        else if (type == TN_TYPE_DICT)
            test_set(f->mu, o, member, tn_none(f->heap));
        else if (type == TN_TYPE_TUPLE)
            tn_tuple_fill(f->mu, o, at++, &member);
        else
            test_append(f->mu, o, member);
    }
    if (test_random(random) % 2 == 0)
        tn_publish(f->mu, o);
    return o;
}

static void expect(struct heap_fixture *f, struct tn_object *set, const struct model *m)
{
    assert_int_equal(tn_set_length(set), m->n);
    tn_table_validate(f->heap, set);
    for (size_t i = 0; i < N_BITS; i++) {
        struct tn_object *member = test_int(f->mu, (int64_t)(BASE + i));
        bool is_there;

        assert_int_equal(tn_set_contains(f->mu, set, member, &is_there), 0);
        assert_int_equal(is_there, m->has[i]);
        tn_decref(f->mu, member);
    }
}

/* Works until it is done, with safe points in between. */
static int run(struct heap_fixture *f, struct tn_set_work *work)
{
    int r;

    while ((r = tn_set_work_step(f->mu, work)) == 1)
        (void)tn_thread_safepoint(f->thread, TN_WORK_BUDGET);
    return r;
}

static const enum tn_type_id operand_types[] = { TN_TYPE_SET, TN_TYPE_FROZENSET, TN_TYPE_DICT,
                                                 TN_TYPE_LIST, TN_TYPE_TUPLE };

static void one_round(struct heap_fixture *f, uint64_t *random)
{
    enum tn_type_id right_type = operand_types[test_random(random) % 5];
    enum tn_type_id left_type = operand_types[test_random(random) % 2];
    enum tn_type_id type = operand_types[test_random(random) % 2];
    enum tn_set_op operation = (enum tn_set_op)(test_random(random) % 4);
    enum tn_set_rel relation = (enum tn_set_rel)(test_random(random) % 3);
    struct model a = random_model(random);
    struct model b = test_random(random) % 8 == 0 ? a : random_model(random);
    struct tn_object *left = build(f, left_type, &a, random);
    struct tn_object *right = build(f, right_type, &b, random);
    struct model wanted = combine(operation, &a, &b);
    struct tn_object *made;
    struct tn_set_work work;
    size_t length = 0;

    assert_true(tn_set_is_operand(right));
    assert_int_equal(tn_set_operand_length(right), b.n);
    assert_int_equal(tn_set_work_combine(f->mu, &work, left, operation, right, type), 0);
    assert_int_equal(run(f, &work), 0);
    made = tn_set_work_take(&work);
    tn_set_work_end(f->mu, &work);
    assert_int_equal(made->type, type);
    expect(f, made, &wanted);
    tn_decref(f->mu, made);

    assert_int_equal(tn_set_work_compare(f->mu, &work, left, relation, right), 0);
    assert_int_equal(run(f, &work), 0);
    assert_int_equal(work.holds, relates(relation, &a, &b));
    tn_set_work_end(f->mu, &work);

    /* The same in place: by a frozenset that is made of the right one. */
    assert_int_equal(tn_set_work_copy(f->mu, &work, right, TN_TYPE_FROZENSET), 0);
    assert_int_equal(run(f, &work), 0);
    made = tn_set_work_take(&work);
    tn_set_work_end(f->mu, &work);
    expect(f, made, &b);
    if (left_type == TN_TYPE_SET) {
        assert_int_equal(tn_set_update(f->mu, left, operation, made, N_BITS, &length), 0);
        assert_int_equal(length, wanted.n);
        expect(f, left, &wanted);
    }
    tn_decref(f->mu, made);
    tn_decref(f->mu, left);
    tn_decref(f->mu, right);
    heap_fixture_expect_empty(f);
}

static void rounds(struct heap_fixture *f)
{
    uint64_t random = test_seed();

    for (int i = 0; i < (TN_TEST_TINY ? 200 : 1500); i++)
        one_round(f, &random);
}

static void test_set_operations_agree_with_model(void **state)
{
    (void)state;
    test_in_all_modes(rounds);
}

/* ---- One set, changed in every way in turn ---- */

/* Members below `range`: a small one, so that small bodies are full of what has gone. */
static void change(struct heap_fixture *f, struct tn_object *set, struct model *m, size_t range,
                   uint64_t *random)
{
    size_t i = test_random(random) % range;
    struct tn_object *member = new_member(f, i, random);
    struct tn_object *popped;
    bool was_there = m->has[i];
    bool is_there;

    switch (test_random(random) % 8) {
    case 0:
        assert_int_equal(tn_set_pop(f->mu, set, &popped), m->n == 0 ? TN_ERR_KEY : 0);
        if (m->n > 0) {
            double number =
                popped->type == TN_TYPE_INT ? (double)tn_int_value(popped) : tn_float_value(popped);

            m->has[(size_t)number - BASE] = false;
            m->n--;
            tn_decref(f->mu, popped);
        }
        tn_decref(f->mu, member);
        return;
    case 1:
    case 2:
    case 3:
        assert_int_equal(tn_set_discard(f->mu, set, member, &is_there), 0);
        assert_int_equal(is_there, was_there);
        tn_decref(f->mu, member);
        m->has[i] = false;
        m->n -= was_there;
        return;
    default:
        assert_int_equal(test_add(f->mu, set, member), !was_there);
        m->has[i] = true;
        m->n += !was_there;
    }
}

static struct model tiny_model(uint64_t *random)
{
    struct model m = { .n = 1 };

    m.has[test_random(random) % 5] = true;
    return m;
}

static void empty(struct heap_fixture *f, struct tn_object *set, struct model *m)
{
    uint64_t end = 0;

    assert_int_equal(tn_set_clear(f->mu, set, &end, SIZE_MAX), 0);
    *m = (struct model){ .n = 0 };
}

static void changes(struct heap_fixture *f)
{
    struct tn_object *set = test_set_of_ints(f->mu, 0, 0);
    uint64_t random = test_seed();
    struct model m = { .n = 0 };

    for (int i = 0; i < (TN_TEST_TINY ? 300 : 1000); i++) {
        enum tn_set_op operation = (enum tn_set_op)(test_random(&random) % 4);
        size_t range = i % 100 < 80 ? 5 : N_BITS;
        struct model other = i % 100 < 80 ? tiny_model(&random) : random_model(&random);
        struct tn_object *frozen = build(f, TN_TYPE_FROZENSET, &other, &random);
        size_t length;

        if (i % 100 == 0)
            empty(f, set, &m);
        for (uint64_t n = test_random(&random) % 20; n > 0; n--)
            change(f, set, &m, range, &random);
        assert_int_equal(tn_set_update(f->mu, set, operation, frozen, N_BITS, &length), 0);
        m = combine(operation, &m, &other);
        expect(f, set, &m);
        tn_decref(f->mu, frozen);
        if (i == 150)
            tn_publish(f->mu, set);
        (void)tn_thread_safepoint(f->thread, TN_WORK_BUDGET);
    }
    tn_decref(f->mu, set);
}

static void test_set_changes_in_turn_agree_with_model(void **state)
{
    (void)state;
    test_in_all_modes(changes);
}

/* ---- Errors ---- */

static void errors(struct heap_fixture *f)
{
    struct tn_object *set = test_set_of_ints(f->mu, BASE, BASE + 20);
    struct tn_object *list = test_list_range(f->mu, BASE + 10, BASE + 40);
    struct tn_object *frozen = test_frozenset(f->mu);
    struct tn_set_work work;
    size_t length = 0;

    for (int64_t i = 0; i < 30; i++)
        (void)test_add(f->mu, frozen, test_int(f->mu, BASE + i));
    /* Too much at a time. */
    assert_int_equal(tn_set_update(f->mu, set, TN_SET_OP_UNION, frozen, 29, &length),
                     TN_ERR_TOO_BIG);
    assert_int_equal(length, 30);
    assert_int_equal(tn_set_update(f->mu, set, TN_SET_OP_INTERSECTION, frozen, 19, &length),
                     TN_ERR_TOO_BIG);
    assert_int_equal(length, 20);
    assert_int_equal(tn_set_update(f->mu, set, TN_SET_OP_INTERSECTION, frozen, 20, &length), 0);
    assert_int_equal(length, 20);
    /* What cannot be a member, and is looked for or added. */
    test_append(f->mu, list, test_dict(f->mu));
    for (int operation = TN_SET_OP_UNION; operation <= TN_SET_OP_SYMMETRIC_DIFFERENCE;
         operation++) {
        assert_int_equal(
            tn_set_work_combine(f->mu, &work, set, (enum tn_set_op)operation, list, TN_TYPE_SET),
            0);
        assert_int_equal(run(f, &work), TN_ERR_UNHASHABLE);
        assert_int_equal(work.bad_type, TN_TYPE_DICT);
        tn_set_work_end(f->mu, &work);
    }
    tn_decref(f->mu, frozen);
    tn_decref(f->mu, set);
    tn_decref(f->mu, list);
}

static void test_set_operations_refuse_what_cannot_be(void **state)
{
    (void)state;
    test_in_all_modes(errors);
}

/* Numbers run out in the middle of an update, which leaves nothing behind. */
static void numbers(struct heap_fixture *f)
{
    struct tn_object *set = test_set_of_ints(f->mu, BASE, BASE + 20);
    struct tn_object *frozen = test_frozenset(f->mu);
    struct tn_table_body *body = tn_table_body_locked(tn_table_of(set));
    size_t length = 7;

    for (int64_t i = 10; i < 40; i++)
        (void)test_add(f->mu, frozen, test_int(f->mu, BASE + i));
    tn_entries_skip_to(&((struct tn_table_large *)(void *)body)->entries, TN_TABLE_NUMBER_MAX - 9);
    assert_int_equal(tn_set_update(f->mu, set, TN_SET_OP_UNION, frozen, 100, &length),
                     TN_ERR_TOO_MANY);
    tn_table_validate(f->heap, set);
    assert_int_equal(tn_set_length(set), 20);
    assert_int_equal(length, 7);
    assert_int_equal(tn_set_update(f->mu, set, TN_SET_OP_DIFFERENCE, frozen, 100, &length), 0);
    assert_int_equal(length, 10);
    tn_decref(f->mu, set);
    tn_decref(f->mu, frozen);
}

static void test_set_update_is_undone_if_it_fails(void **state)
{
    (void)state;
    test_in_all_modes(numbers);
}

/* ---- Without memory ---- */

struct attempt {
    enum tn_set_op operation;
    int64_t n_set;
    int64_t n_frozen;
};

static struct model range(int64_t first, int64_t end)
{
    struct model m = { .n = 0 };

    for (int64_t i = first; i < end; i++)
        m.has[i] = true;
    m.n = (size_t)(end - first);
    return m;
}

static int try_update(struct heap_fixture *f, const void *arg)
{
    const struct attempt *a = arg;
    uint64_t random = 1;
    struct model m = range(0, a->n_set);
    struct model other = range(a->n_set / 2, a->n_set / 2 + a->n_frozen);
    struct model wanted = combine(a->operation, &m, &other);
    struct tn_object *set = build(f, TN_TYPE_SET, &m, &random);
    struct tn_object *frozen = build(f, TN_TYPE_FROZENSET, &other, &random);
    size_t length;
    int r;

    test_faults_begin();
    r = tn_set_update(f->mu, set, a->operation, frozen, N_BITS, &length);
    test_faults_end();
    expect(f, set, r == 0 ? &wanted : &m);
    tn_decref(f->mu, set);
    tn_decref(f->mu, frozen);
    heap_fixture_expect_empty(f);
    return r;
}

static int try_combine(struct heap_fixture *f, const void *arg)
{
    const struct attempt *a = arg;
    uint64_t random = 1;
    struct model m = range(0, a->n_set);
    struct model other = range(a->n_set / 2, a->n_set / 2 + a->n_frozen);
    struct tn_object *set = build(f, TN_TYPE_SET, &m, &random);
    struct tn_object *list = build(f, TN_TYPE_LIST, &other, &random);
    struct tn_set_work work;
    int r;

    test_faults_begin();
    r = tn_set_work_combine(f->mu, &work, set, a->operation, list, TN_TYPE_FROZENSET);
    if (r == 0) {
        r = run(f, &work);
        tn_set_work_end(f->mu, &work);
    }
    if (r == 0)
        r = tn_set_work_compare(f->mu, &work, set, TN_SET_IS_SUBSET, list);
    if (r == 0) {
        r = run(f, &work);
        tn_set_work_end(f->mu, &work);
    }
    test_faults_end();
    tn_decref(f->mu, set);
    tn_decref(f->mu, list);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    for (int operation = TN_SET_OP_UNION; operation <= TN_SET_OP_SYMMETRIC_DIFFERENCE;
         operation++) {
        const struct attempt attempts[] = {
            { (enum tn_set_op)operation, 0, 5 },
            { (enum tn_set_op)operation, 6, 20 },
            { (enum tn_set_op)operation, 20, 30 },
        };

        for (size_t i = 0; i < TN_ARRAY_LEN(attempts); i++) {
            test_failing_allocations(f, try_update, &attempts[i]);
            test_failing_allocations(f, try_combine, &attempts[i]);
        }
    }
}

static void test_set_operations_without_memory_change_nothing(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_operations_agree_with_model),
        cmocka_unit_test(test_set_changes_in_turn_agree_with_model),
        cmocka_unit_test(test_set_operations_refuse_what_cannot_be),
        cmocka_unit_test(test_set_update_is_undone_if_it_fails),
        cmocka_unit_test(test_set_operations_without_memory_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
