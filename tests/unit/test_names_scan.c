/* SPDX-License-Identifier: MIT */
/*
 * Scans of names: what is bound throughout is seen exactly once, whatever else
 * comes and goes between the pages, in tables that grow, shrink and stay small.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/heap_fixture.h"

#define NAME(s) TN_SLICE_LITERAL(s)
#define N_MAX 20000

/* Names are numbers; name `i` is bound to the int 1000 + i. */
struct fixture {
    struct heap_fixture heap;
    struct tn_namespace *ns;
    bool is_bound[N_MAX];
    unsigned int n_seen[N_MAX];
    size_t n_visited; /* in one page */
};

static struct fixture f;

static void setup(enum tn_mode mode)
{
    memset(&f, 0, sizeof(f));
    heap_fixture_setup(&f.heap, mode);
    assert_int_equal(tn_namespace_open(f.heap.mu, NAME("main"), &f.ns), 0);
}

static struct tn_slice name_of(unsigned int i, char buffer[16])
{
    snprintf(buffer, 16, "%u", i);
    return tn_slice_from_str(buffer);
}

static void bind_name(unsigned int i)
{
    char buffer[16];
    struct tn_object *o;

    assert_int_equal(tn_int_new(f.heap.mu, 1000 + (int64_t)i, &o), 0);
    assert_int_equal(tn_name_bind(f.heap.mu, f.ns, name_of(i, buffer), &o, NULL, NULL), 0);
    f.is_bound[i] = true;
}

static void unbind_name(unsigned int i)
{
    char buffer[16];

    assert_int_equal(tn_name_unbind(f.heap.mu, f.ns, name_of(i, buffer), NULL, NULL), 0);
    f.is_bound[i] = false;
}

static void teardown(void)
{
    for (unsigned int i = 0; i < N_MAX; i++)
        if (f.is_bound[i])
            unbind_name(i);
    heap_fixture_teardown(&f.heap);
}

static void visit(struct tn_slice name, struct tn_object *object, const struct tn_name_info *info,
                  void *arg)
{
    char digits[16];
    unsigned long i;

    assert_in_range(name.len, 1, sizeof(digits) - 1);
    memcpy(digits, name.data, name.len);
    digits[name.len] = '\0';
    i = strtoul(digits, NULL, 10);
    assert_in_range(i, 0, N_MAX - 1);
    assert_int_equal(tn_int_value(object), 1000 + i);
    assert_true(info->version > 0);
    assert_ptr_equal(arg, &f);
    f.n_seen[i]++;
    f.n_visited++;
}

/* One page; returns how many names it visited. */
static size_t page(uint64_t *cursor, size_t n_max, struct tn_slice prefix)
{
    f.n_visited = 0;
    tn_names_scan(f.heap.mu, f.ns, cursor, n_max, prefix, visit, &f);
    return f.n_visited;
}

static void scan(size_t n_max, struct tn_slice prefix)
{
    uint64_t cursor = 0;

    memset(f.n_seen, 0, sizeof(f.n_seen));
    do
        assert_true(page(&cursor, n_max, prefix) <= n_max);
    while (cursor != 0);
}

static void test_scan_of_nothing_ends_at_once(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        uint64_t cursor = 0;

        setup(mode);
        assert_int_equal(page(&cursor, 10, NAME("")), 0);
        assert_int_equal(cursor, 0);
        teardown();
    }
}

static void test_scan_sees_each_name_once(void **state)
{
    static const unsigned int sizes[] = { 1, 2, 63, 64, 100, 1000, N_MAX };
    static const size_t pages[] = { 1, 7, 100, 1000000 };

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        setup(mode);
        for (size_t s = 0; s < TN_ARRAY_LEN(sizes); s++) {
            for (unsigned int i = 0; i < sizes[s]; i++)
                if (!f.is_bound[i])
                    bind_name(i);
            for (size_t p = sizes[s] == N_MAX ? 2 : 0; p < TN_ARRAY_LEN(pages); p++) {
                scan(pages[p], NAME(""));
                for (unsigned int i = 0; i < N_MAX; i++)
                    assert_int_equal(f.n_seen[i], f.is_bound[i]);
            }
        }
        teardown();
    }
}

static void test_scan_with_prefix_sees_only_what_begins_with_it(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        setup(mode);
        for (unsigned int i = 0; i < 5000; i++)
            bind_name(i);
        scan(50, NAME("49"));
        for (unsigned int i = 0; i < N_MAX; i++)
            assert_int_equal(f.n_seen[i], i == 49 || i / 10 == 49 || i / 100 == 49);
        scan(50, NAME("none"));
        for (unsigned int i = 0; i < N_MAX; i++)
            assert_int_equal(f.n_seen[i], 0);
        teardown();
    }
}

static void test_scan_that_finds_nothing_works_little_at_a_time(void **state)
{
    uint64_t cursor = 0;
    unsigned int n_pages = 0;

    (void)state;
    setup(TN_MODE_BIASED);
    for (unsigned int i = 0; i < N_MAX; i++)
        bind_name(i);
    do {
        assert_int_equal(page(&cursor, 1, NAME("none")), 0);
        n_pages++;
    } while (cursor != 0);
    /* Some thousand names a page, not all at once. */
    assert_in_range(n_pages, 10, 2000);
    teardown();
}

#define N_LASTING 1000u

/* Of the names that do not last some come or some go; some are bound anew. */
static void change_names(uint64_t *random, bool is_growing)
{
    for (unsigned int n = 0; n < 100; n++) {
        unsigned int i = N_LASTING + (unsigned int)(test_random(random) % (N_MAX - N_LASTING));

        if (f.is_bound[i] && !is_growing)
            unbind_name(i);
        else if (!f.is_bound[i] && is_growing)
            bind_name(i);
        else if (f.is_bound[i] && n % 10 == 0)
            bind_name(i);
        if (n % 10 == 0)
            bind_name(i % N_LASTING);
    }
}

static void test_scan_while_names_come_and_go_sees_what_stays_once(void **state)
{
    uint64_t random = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        setup(mode);
        for (unsigned int i = 0; i < N_LASTING; i++)
            bind_name(i);
        for (int round = 0; round < 8; round++) {
            uint64_t cursor = 0;

            memset(f.n_seen, 0, sizeof(f.n_seen));
            do {
                (void)page(&cursor, 1 + test_random(&random) % 40, NAME(""));
                change_names(&random, round % 2 == 0);
                (void)tn_thread_safepoint(f.heap.thread, TN_WORK_BUDGET);
            } while (cursor != 0);
            for (unsigned int i = 0; i < N_MAX; i++)
                assert_in_range(f.n_seen[i], i < N_LASTING ? 1 : 0, 1);
        }
        teardown();
    }
}

static void test_scan_cursor_of_another_time_is_harmless(void **state)
{
    (void)state;
    setup(TN_MODE_BIASED);
    for (unsigned int i = 0; i < 100; i++)
        bind_name(i);
    for (int bit = 0; bit < 64; bit++) {
        uint64_t cursor = UINT64_C(1) << bit;

        do
            (void)page(&cursor, 1000, NAME(""));
        while (cursor != 0);
    }
    for (uint64_t cursor = UINT64_MAX; cursor != 0;)
        assert_int_equal(page(&cursor, 1000, NAME("")), 0);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_of_nothing_ends_at_once),
        cmocka_unit_test(test_scan_sees_each_name_once),
        cmocka_unit_test(test_scan_with_prefix_sees_only_what_begins_with_it),
        cmocka_unit_test(test_scan_that_finds_nothing_works_little_at_a_time),
        cmocka_unit_test(test_scan_while_names_come_and_go_sees_what_stays_once),
        cmocka_unit_test(test_scan_cursor_of_another_time_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
