/* SPDX-License-Identifier: MIT */
/* Sets and frozensets, one member at a time; what is made of two is test_set_algebra.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/types/table.h"
#include "tests/support/objects.h"

/* Ints as members, which are beyond the small ones. */
#define BASE 1000

/* Every test runs with a private set and with a published one. */
static void in_all_modes(void (*test)(struct heap_fixture *f, bool is_published))
{
    for (int i = 0; i < 6; i++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)(i / 2));
        test(&f, i % 2 != 0);
        heap_fixture_teardown(&f);
    }
}

static struct tn_object *new_set(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = test_set_of_ints(f->mu, 0, 0);

    if (is_published)
        tn_publish(f->mu, set);
    return set;
}

static bool add_int(struct heap_fixture *f, struct tn_object *set, int64_t member)
{
    return test_add(f->mu, set, test_int(f->mu, BASE + member));
}

static bool has(struct heap_fixture *f, struct tn_object *set, struct tn_object *take_member)
{
    bool is_there;

    assert_int_equal(tn_set_contains(f->mu, set, take_member, &is_there), 0);
    tn_decref(f->mu, take_member);
    return is_there;
}

static bool has_int(struct heap_fixture *f, struct tn_object *set, int64_t member)
{
    return has(f, set, test_int(f->mu, BASE + member));
}

static bool discard_int(struct heap_fixture *f, struct tn_object *set, int64_t member)
{
    struct tn_object *o = test_int(f->mu, BASE + member);
    size_t length = tn_set_length(set);
    bool was_there;

    assert_int_equal(tn_set_discard(f->mu, set, o, &was_there), 0);
    assert_int_equal(tn_set_length(set), length - was_there);
    tn_decref(f->mu, o);
    return was_there;
}

/* ---- Rules ---- */

static void basics(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = new_set(f, is_published);
    struct tn_object *first = test_str(f->mu, "member");
    struct tn_object *same = test_str(f->mu, "member");
    struct tn_object *popped = NULL;
    bool was_there = true;

    assert_int_equal(tn_set_pop(f->mu, set, &popped), TN_ERR_KEY);
    assert_null(popped);
    assert_int_equal(tn_set_discard(f->mu, set, first, &was_there), 0);
    assert_false(was_there);
    tn_incref(f->mu, first);
    assert_true(test_add(f->mu, set, first));
    assert_int_equal(test_refcount(first), 2);
    /* The one that is there stays; the other is let go. */
    tn_incref(f->mu, same);
    assert_false(test_add(f->mu, set, same));
    assert_int_equal(test_refcount(same), 1);
    assert_int_equal(tn_set_length(set), 1);
    assert_int_equal(tn_set_pop(f->mu, set, &popped), 0);
    assert_ptr_equal(popped, first);
    assert_int_equal(tn_set_length(set), 0);
    tn_decref(f->mu, popped);
    tn_decref(f->mu, first);
    tn_decref(f->mu, same);
    tn_decref(f->mu, set);
}

static void test_set_add_discard_pop(void **state)
{
    (void)state;
    in_all_modes(basics);
}

static void equal_members(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = new_set(f, is_published);
    struct tn_object *members[4];
    uint64_t cursor = 0;
    size_t n;

    assert_true(test_add(f->mu, set, test_int(f->mu, 1)));
    assert_false(test_add(f->mu, set, test_float(f->mu, 1.0)));
    assert_false(test_add(f->mu, set, tn_bool(f->heap, true)));
    assert_true(test_add(f->mu, set, test_str(f->mu, "1")));
    assert_true(test_add(f->mu, set, test_bytes(f->mu, "1", 1)));
    assert_true(test_add(f->mu, set, test_tuple_1(f->mu, test_int(f->mu, 1))));
    assert_false(test_add(f->mu, set, test_tuple_1(f->mu, test_float(f->mu, 1))));
    assert_int_equal(tn_set_scan(f->mu, set, &cursor, 4, members, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(cursor, 0);
    assert_int_equal(members[0]->type, TN_TYPE_INT);
    assert_int_equal(tn_set_scan(f->mu, set, &cursor, 0, members, &n), TN_ERR_INVAL);
    tn_decref(f->mu, set);
}

static void test_set_equal_members_are_one(void **state)
{
    (void)state;
    in_all_modes(equal_members);
}

static void expect_unhashable(struct heap_fixture *f, struct tn_object *set, struct tn_object *take)
{
    struct tn_object *fixed = test_frozenset(f->mu);
    bool found = true;

    assert_int_equal(tn_set_add(f->mu, set, &take, NULL), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_frozenset_fill(f->mu, fixed, &take), TN_ERR_UNHASHABLE);
    assert_non_null(take);
    assert_int_equal(tn_set_contains(f->mu, set, take, &found), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_set_discard(f->mu, set, take, &found), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_set_length(set) + tn_set_length(fixed), 0);
    tn_decref(f->mu, fixed);
    tn_decref(f->mu, take);
}

static void bad_members(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = new_set(f, is_published);

    expect_unhashable(f, set, test_list(f->mu));
    expect_unhashable(f, set, test_dict(f->mu));
    expect_unhashable(f, set, test_set_of_ints(f->mu, 0, 0));
    expect_unhashable(f, set, test_tuple_1(f->mu, test_set_of_ints(f->mu, 0, 3)));
    tn_decref(f->mu, set);
}

static void test_set_unhashable_member_is_refused(void **state)
{
    (void)state;
    in_all_modes(bad_members);
}

/* ---- Size and order ---- */

/* Grows from nothing, through all kinds of bodies, and shrinks to nothing. */
static void growth(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = new_set(f, is_published);
    int64_t n = 1500;

    for (int64_t i = 0; i < n; i++) {
        assert_false(has_int(f, set, i));
        assert_true(add_int(f, set, i));
        assert_true(has_int(f, set, i));
        if (i < 100 || i % 100 == 0)
            tn_table_validate(f->heap, set);
    }
    for (int64_t i = 0; i < n; i++)
        assert_true(has_int(f, set, i));
    for (int64_t i = 0; i < n; i++) {
        /* From both ends and from the middle. */
        int64_t member = i % 3 == 0 ? i : i % 3 == 1 ? n - i : n / 3 + i / 3;

        for (; !discard_int(f, set, member); member = (member + 1) % n)
            assert_false(has_int(f, set, member));
        if (i > n - 100 || i % 100 == 0)
            tn_table_validate(f->heap, set);
        if (i % 256 == 0)
            heap_fixture_settle(f);
    }
    assert_int_equal(tn_set_length(set), 0);
    assert_true(tn_shallow_bytes(set) <= 32 + 24 + 12 * 16); /* at most a small body */
    tn_decref(f->mu, set);
}

static void test_set_grows_and_shrinks(void **state)
{
    (void)state;
    in_all_modes(growth);
}

/* What it costs beside the members; CPython takes 32 to 64 bytes for each. */
static void memory(struct heap_fixture *f)
{
    struct tn_object *set = test_set_of_ints(f->mu, 0, 0);
    size_t n = TN_TEST_TINY ? 5000 : 100000;

    for (size_t i = 0; i < n; i++) {
        assert_true(add_int(f, set, (int64_t)i));
        /* Both arrays of the index are there while it grows. */
        assert_true(i < 1000 || TN_TEST_TINY || tn_shallow_bytes(set) <= 34 * i);
    }
    assert_true(TN_TEST_TINY || tn_shallow_bytes(set) <= 24 * n);
    tn_decref(f->mu, set);
}

static void test_set_takes_few_bytes_for_a_member(void **state)
{
    (void)state;
    test_in_all_modes(memory);
}

/* Scans in small pages while other members come and go. */
static void scan_beside_changes(struct heap_fixture *f, struct tn_object *set, int64_t n_lasting,
                                int64_t n_passing, uint64_t *random)
{
    enum {
        MEMBERS_MAX = 2048
    };
    static uint8_t seen[MEMBERS_MAX];
    int64_t n = n_lasting + n_passing;
    int64_t next_lasting = 0;
    uint64_t cursor = 0;

    assert_true(n < MEMBERS_MAX);
    for (int64_t i = 0; i < n; i++) {
        (void)add_int(f, set, i); /* may be left over */
        seen[i] = 0;
    }
    do {
        struct tn_object *members[8];
        size_t n_found;

        assert_int_equal(
            tn_set_scan(f->mu, set, &cursor, 1 + test_random(random) % 8, members, &n_found), 0);
        for (size_t i = 0; i < n_found; i++) {
            int64_t member = tn_int_value(members[i]) - BASE;

            if (member < n_lasting) {
                assert_int_equal(member, next_lasting++); /* in the order of insertion */
                assert_int_equal(seen[member]++, 0);
            }
        }
        for (int i = 0; i < 20 && n_passing > 0; i++) {
            int64_t member = n_lasting + (int64_t)(test_random(random) % (uint64_t)n_passing);

            if (test_random(random) % 3 > 0)
                (void)discard_int(f, set, member);
            else if (seen[member]++ < 3) /* so that the scan ends */
                (void)add_int(f, set, member);
        }
        heap_fixture_settle(f);
    } while (cursor != 0);
    assert_int_equal(next_lasting, n_lasting);
    tn_table_validate(f->heap, set);
    for (int64_t i = 0; i < n; i++)
        (void)discard_int(f, set, i);
    assert_int_equal(tn_set_length(set), 0);
}

static void scans(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = new_set(f, is_published);
    uint64_t random = test_seed();

    for (int64_t n_lasting = 1; n_lasting < 14; n_lasting++) {
        for (int64_t n_passing = 0; n_passing < 10; n_passing++)
            scan_beside_changes(f, set, n_lasting, n_passing, &random);
    }
    scan_beside_changes(f, set, 200, 100, &random);
    scan_beside_changes(f, set, 50, 1000, &random);
    tn_decref(f->mu, set);
}

static void test_set_scan_sees_what_lasts_exactly_once(void **state)
{
    (void)state;
    in_all_modes(scans);
}

/* A queue: the oldest member goes first, and memory follows the length. */
static void pops(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = new_set(f, is_published);

    for (int64_t i = 0; i < 5000; i++) {
        assert_true(add_int(f, set, i));
        if (i >= 50) {
            struct tn_object *member;

            assert_int_equal(tn_set_pop(f->mu, set, &member), 0);
            assert_int_equal(tn_int_value(member), BASE + i - 50);
            tn_decref(f->mu, member);
        }
        assert_true(tn_shallow_bytes(set) <= (TN_TEST_TINY ? 100000 : 3000));
        if (i % 500 == 0)
            heap_fixture_settle(f);
    }
    tn_table_validate(f->heap, set);
    tn_decref(f->mu, set);
}

static void test_set_pops_the_oldest_member(void **state)
{
    (void)state;
    in_all_modes(pops);
}

static void clears(struct heap_fixture *f, bool is_published)
{
    for (int64_t n = 0; n < 3000; n = n < 20 ? n + 1 : 3 * n) {
        struct tn_object *set = new_set(f, is_published);
        uint64_t end = 0;
        size_t n_steps = 1;

        for (int64_t i = 0; i < n; i++)
            assert_true(add_int(f, set, i));
        while (tn_set_clear(f->mu, set, &end, 100) == 1) {
            assert_true(add_int(f, set, n + (int64_t)n_steps)); /* stays */
            n_steps++;
            tn_table_validate(f->heap, set);
            heap_fixture_settle(f);
        }
        assert_int_equal(n_steps, n == 0 ? 1 : (n + 99) / 100);
        assert_int_equal(tn_set_length(set), n_steps - 1);
        tn_table_validate(f->heap, set);
        tn_decref(f->mu, set);
    }
}

static void test_set_clear_removes_what_was_there(void **state)
{
    (void)state;
    in_all_modes(clears);
}

static void dies_in_steps(struct heap_fixture *f, bool is_published)
{
    struct tn_object *set = new_set(f, is_published);
    struct tn_census census;
    size_t n_steps = 0;

    for (int64_t i = 0; i < 10000; i++)
        assert_true(add_int(f, set, i));
    tn_decref(f->mu, set);
    do {
        (void)tn_thread_safepoint(f->thread, 64);
        tn_census_take(f->heap, &census);
        n_steps++;
    } while (census.dying_objs > 0);
    assert_true(n_steps >= 10000 / 64);
}

static void test_set_large_dies_within_budget(void **state)
{
    (void)state;
    in_all_modes(dies_in_steps);
}

/* ---- Frozensets: hashes and equality ---- */

static struct tn_object *frozen_ints(struct heap_fixture *f, int64_t first, int64_t end, bool back)
{
    struct tn_object *set = test_frozenset(f->mu);

    for (int64_t i = first; i < end; i++)
        assert_true(test_add(f->mu, set, test_int(f->mu, back ? end - 1 - (i - first) : i)));
    return set;
}

static void frozensets(struct heap_fixture *f)
{
    for (int64_t n = 0; n < 300; n = 2 * n + 1) {
        struct tn_object *a = frozen_ints(f, 0, n, false);
        struct tn_object *b = frozen_ints(f, 0, n, true);
        struct tn_object *c = frozen_ints(f, 1, n + 1, false);
        struct tn_object *d = test_set_of_ints(f->mu, 0, n);
        uint32_t hash;

        assert_true(test_is_equal(f, a, d)); /* before anybody has asked for hashes */
        assert_int_equal(test_hash(f, a), test_hash(f, b));
        assert_true(test_is_equal(f, a, b));
        assert_true(test_is_equal(f, a, d));
        assert_int_equal(tn_hash(f->heap, d, &hash), TN_ERR_UNHASHABLE);
        if (n > 0) {
            assert_int_not_equal(test_hash(f, a), test_hash(f, c));
            assert_false(test_is_equal(f, a, c));
            assert_false(test_is_equal(f, d, c));
        }
        tn_decref(f->mu, a);
        tn_decref(f->mu, b);
        tn_decref(f->mu, c);
        tn_decref(f->mu, d);
    }
}

static void test_frozenset_hash_and_equality_ignore_the_order(void **state)
{
    (void)state;
    test_in_all_modes(frozensets);
}

/* Sets of sets as von Neumann's numbers, whose hashes must not cancel each other out:
 * all subsets of ten of them differ. */
static void nested(struct heap_fixture *f)
{
    struct tn_object *all = test_set_of_ints(f->mu, 0, 0);
    struct tn_object *numbers[10];
    static uint32_t hashes[1024];
    size_t n_same = 0;

    for (size_t n = 0; n < 10; n++) {
        numbers[n] = test_frozenset(f->mu);
        for (size_t i = 0; i < n; i++) {
            tn_incref(f->mu, numbers[i]);
            assert_true(test_add(f->mu, numbers[n], numbers[i]));
        }
    }
    for (size_t bits = 0; bits < 1024; bits++) {
        struct tn_object *set = test_frozenset(f->mu);

        for (size_t i = 0; i < 10; i++) {
            if ((bits >> i & 1) == 0)
                continue;
            tn_incref(f->mu, numbers[i]);
            assert_true(test_add(f->mu, set, numbers[i]));
        }
        hashes[bits] = test_hash(f, set);
        for (size_t i = 0; i < bits; i++)
            n_same += hashes[i] == hashes[bits];
        assert_true(test_add(f->mu, all, set));
    }
    assert_int_equal(tn_set_length(all), 1024);
    assert_true(n_same <= 2); /* of half a million pairs of 32 bits */
    for (size_t n = 0; n < 10; n++)
        tn_decref(f->mu, numbers[n]);
    tn_decref(f->mu, all);
}

static void test_frozenset_may_be_a_member(void **state)
{
    (void)state;
    test_in_all_modes(nested);
}

static void too_deep(struct heap_fixture *f)
{
    struct tn_object *o = test_frozenset(f->mu);
    struct tn_object *outer;
    int r = 0;

    /* Each is hashed before the next is made, so only the frozensets' own count. */
    for (int i = 0; r == 0 && i <= TN_NESTING_MAX + 1; i++) {
        struct tn_object *tuple = test_tuple_1(f->mu, o);

        outer = test_frozenset(f->mu);
        o = tuple;
        r = tn_frozenset_fill(f->mu, outer, &o);
        if (r == 0)
            o = outer;
        else
            tn_decref(f->mu, outer);
    }
    assert_int_equal(r, 0); /* what has a hash is not looked into again */
    tn_decref(f->mu, o);
}

static void test_frozenset_hash_is_remembered(void **state)
{
    (void)state;
    test_in_all_modes(too_deep);
}

/* ---- Without memory ---- */

/* Adds the nth member, to a set that has the n before. */
static int try_add(struct heap_fixture *f, const void *arg)
{
    int64_t n = *(const int64_t *)arg;
    struct tn_object *set = new_set(f, n % 2 != 0);
    struct tn_object *member = test_int(f->mu, BASE + n);
    bool is_new = false;
    int r;

    for (int64_t i = 0; i < n; i++)
        assert_true(add_int(f, set, i));
    test_faults_begin();
    r = tn_set_add(f->mu, set, &member, &is_new);
    test_faults_end();
    assert_true((r == 0) == (member == NULL) && (r == 0) == is_new);
    assert_int_equal(tn_set_length(set), n + (r == 0));
    tn_table_validate(f->heap, set);
    for (int64_t i = 0; i < n; i++)
        assert_true(has_int(f, set, i));
    assert_int_equal(has_int(f, set, n), r == 0);
    tn_drop(f->mu, &member);
    tn_decref(f->mu, set);
    return r;
}

static int try_new(struct heap_fixture *f, const void *arg)
{
    size_t n = *(const size_t *)arg;
    struct tn_object *set = NULL;
    int r;

    test_faults_begin();
    r = n % 2 == 0 ? tn_set_new(f->mu, n, &set) : tn_frozenset_new(f->mu, n, &set);
    test_faults_end();
    assert_true((r == 0) == (set != NULL));
    tn_drop(f->mu, &set);
    heap_fixture_expect_empty(f);
    return r;
}

/* None of this needs any. */
static int try_removals(struct heap_fixture *f, const void *arg)
{
    struct tn_object *set = new_set(f, true);
    struct tn_object *members[300];
    struct tn_object *popped;
    uint64_t end = 0;
    bool was_there;

    (void)arg;
    for (int64_t i = 0; i < 300; i++) {
        members[i] = test_int(f->mu, BASE + i);
        tn_incref(f->mu, members[i]);
        assert_true(test_add(f->mu, set, members[i]));
    }
    test_faults_begin();
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(tn_set_discard(f->mu, set, members[299 - i], &was_there), 0);
        assert_true(was_there);
        assert_int_equal(tn_set_pop(f->mu, set, &popped), 0);
        assert_ptr_equal(popped, members[i]);
        tn_decref(f->mu, popped);
        tn_table_validate(f->heap, set);
    }
    while (tn_set_clear(f->mu, set, &end, SIZE_MAX) == 1)
        tn_table_validate(f->heap, set);
    test_faults_end();
    assert_int_equal(tn_set_length(set), 0);
    for (size_t i = 0; i < 300; i++)
        tn_decref(f->mu, members[i]);
    tn_decref(f->mu, set);
    return 0;
}

static void no_memory(struct heap_fixture *f)
{
    static const size_t capacities[] = { 0, 1, 4, 5, 100, 101 };

    for (int64_t n = 0; n < 140; n += n < 20 ? 1 : 3)
        test_failing_allocations(f, try_add, &n);
    for (size_t i = 0; i < TN_ARRAY_LEN(capacities); i++)
        test_failing_allocations(f, try_new, &capacities[i]);
    test_failing_allocations(f, try_removals, NULL);
}

static void test_set_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_add_discard_pop),
        cmocka_unit_test(test_set_equal_members_are_one),
        cmocka_unit_test(test_set_unhashable_member_is_refused),
        cmocka_unit_test(test_set_grows_and_shrinks),
        cmocka_unit_test(test_set_takes_few_bytes_for_a_member),
        cmocka_unit_test(test_set_scan_sees_what_lasts_exactly_once),
        cmocka_unit_test(test_set_pops_the_oldest_member),
        cmocka_unit_test(test_set_clear_removes_what_was_there),
        cmocka_unit_test(test_set_large_dies_within_budget),
        cmocka_unit_test(test_frozenset_hash_and_equality_ignore_the_order),
        cmocka_unit_test(test_frozenset_may_be_a_member),
        cmocka_unit_test(test_frozenset_hash_is_remembered),
        cmocka_unit_test(test_set_without_memory_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
