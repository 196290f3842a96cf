/* SPDX-License-Identifier: MIT */
/*
 * Reclaim: garbage is bounded, the memory limit holds, and what was refused
 * works again once something has been dropped.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/memory/fault.h"
#include "core/object/mutator.h"
#include "tests/support/heap_fixture.h"

#define MAX_MEMORY ((size_t)16 << 20)
#define MAX_BACKLOG ((size_t)256 << 10)
#define STR_BYTES 1000
#define STRS_MAX 100000

static int new_str(struct tn_mutator *mu, size_t i, struct tn_object **ret)
{
    char content[STR_BYTES];

    for (size_t at = 0; at < sizeof(content); at++)
        content[at] = (char)('a' + (i + at) % 26);
    return tn_str_new(mu, TN_SLICE(content, sizeof(content)), ret);
}

static void expect_str(const struct tn_object *o, size_t i)
{
    struct tn_slice slice = tn_text_slice(o);
    const char *content = slice.data;

    assert_int_equal(slice.len, STR_BYTES);
    for (size_t at = 0; at < STR_BYTES; at++)
        assert_int_equal(content[at], 'a' + (i + at) % 26);
}

static size_t fill(struct heap_fixture *f, struct tn_object **strs)
{
    struct tn_census census;
    size_t n = 0;
    int r = 0;

    while (n < STRS_MAX && (r = new_str(f->mu, n, &strs[n])) == 0)
        n++;
    assert_int_equal(r, TN_ERR_LIMIT);
    tn_census_take(f->heap, &census);
    assert_true(census.held_bytes <= MAX_MEMORY);
    assert_true(census.live_bytes > MAX_MEMORY * 8 / 10);
    return n;
}

static void test_memory_limit_holds_and_recovers(void **state)
{
    struct tn_object **strs = calloc(STRS_MAX, sizeof(*strs));
    struct tn_census census;
    struct heap_fixture f;

    (void)state;
    assert_non_null(strs);
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct tn_heap_options options = { .mode = (enum tn_mode)mode,
                                           .max_memory_bytes = MAX_MEMORY };
        size_t n, n_again;

        heap_fixture_setup_with(&f, &options);
        n = fill(&f, strs);
        for (size_t i = 0; i < n; i++)
            expect_str(strs[i], i);
        /* Half of it goes, and that much can be had again. */
        for (size_t i = 0; i < n; i++)
            if (i % 2 == 0)
                tn_drop(f.mu, &strs[i]);
        (void)tn_thread_reclaim(f.thread);
        tn_census_take(f.heap, &census);
        assert_true(census.held_bytes < MAX_MEMORY * 6 / 10);
        for (size_t i = 0; i < n; i += 2)
            assert_int_equal(new_str(f.mu, i, &strs[i]), 0);
        for (size_t i = 0; i < n; i++)
            expect_str(strs[i], i);
        for (size_t i = 0; i < n; i++)
            tn_drop(f.mu, &strs[i]);
        (void)tn_thread_reclaim(f.thread);
        n_again = fill(&f, strs);
        assert_true(n_again > n * 9 / 10);
        for (size_t i = 0; i < n_again; i++)
            tn_drop(f.mu, &strs[i]);
        heap_fixture_teardown(&f);
    }
    free(strs);
}

static void test_a_limit_too_small_for_anything_is_refused(void **state)
{
    struct tn_heap_options options = { .max_memory_bytes = TN_HEAP_BYTES_MIN - 1 };
    struct tn_heap *heap = NULL;

    (void)state;
    assert_int_equal(tn_heap_new(&options, &heap), TN_ERR_LIMIT);
    assert_null(heap);
}

/* A thread that makes garbage as fast as it can. */
struct litterer {
    struct tn_heap *heap;
    int error;
    size_t most_bytes; /* in limbo, just after a safe point */
};

static void *litter(void *arg)
{
    struct litterer *litterer = arg;
    struct tn_thread *thread;
    struct tn_mutator *mu;

    litterer->error = tn_thread_attach(litterer->heap, &thread);
    if (litterer->error < 0)
        return NULL;
    mu = tn_thread_online(thread);
    for (size_t i = 0; i < 20000 && litterer->error == 0; i++) {
        struct tn_object *o;
        size_t bytes;

        litterer->error = new_str(mu, i, &o);
        if (litterer->error < 0)
            break;
        tn_publish(mu, o);
        tn_decref(mu, o);
        if (i % 16 == 0) {
            (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
            bytes = (size_t)atomic_load(&mu->limbo.bytes);
            if (bytes > litterer->most_bytes)
                litterer->most_bytes = bytes;
        }
    }
    tn_thread_offline(thread);
    tn_thread_detach(&thread);
    return NULL;
}

static void test_garbage_is_bounded_by_who_makes_it(void **state)
{
    struct heap_fixture f;

    (void)state;
    for (int mode = TN_MODE_ATOMIC; mode <= TN_MODE_BIASED; mode++) {
        struct tn_heap_options options = { .mode = (enum tn_mode)mode,
                                           .max_backlog_bytes = MAX_BACKLOG };
        struct litterer litterer = { 0 };
        pthread_t thread;

        heap_fixture_setup_with(&f, &options);
        litterer.heap = f.heap;
        tn_thread_offline(f.thread);
        assert_int_equal(pthread_create(&thread, NULL, litter, &litterer), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        f.mu = tn_thread_online(f.thread);
        assert_int_equal(litterer.error, 0);
        assert_true(litterer.most_bytes > 0);
        assert_true(litterer.most_bytes <= MAX_BACKLOG);
        heap_fixture_teardown(&f);
    }
}

/* What a thread leaves when it goes to sleep is freed without its help. */
static void test_leftovers_of_a_sleeper_are_freed(void **state)
{
    struct tn_census census;
    struct tn_object *list, *item;
    struct heap_fixture f;

    (void)state;
    for (int mode = TN_MODE_ATOMIC; mode <= TN_MODE_BIASED; mode++) {
        heap_fixture_setup(&f, (enum tn_mode)mode);
        assert_int_equal(tn_list_new(f.mu, 0, &list), 0);
        for (int64_t i = 0; i < 50000; i++) {
            assert_int_equal(tn_int_new(f.mu, 1000 + i, &item), 0);
            assert_int_equal(tn_list_append(f.mu, list, &item, NULL), 0);
        }
        tn_publish(f.mu, list);
        tn_decref(f.mu, list);
        tn_thread_offline(f.thread); /* and does nothing more */
        do
            tn_census_take(f.heap, &census);
        while (census.live_objs != 0 || census.dying_objs != 0 || census.limbo_bytes != 0);
        f.mu = tn_thread_online(f.thread);
        heap_fixture_teardown(&f);
    }
}

static void test_heap_new_survives_every_refused_allocation(void **state)
{
    (void)state;
    if (!TN_DEBUG)
        skip();
    for (int64_t n = 0; n < 100; n++) {
        struct tn_heap *heap = NULL;
        struct tn_thread *thread = NULL;
        struct tn_object *o;
        int r;

        tn_fault_fail_after(n);
        r = tn_heap_new(NULL, &heap);
        if (r == 0)
            r = tn_thread_attach(heap, &thread);
        if (r == 0) {
            struct tn_mutator *mu = tn_thread_online(thread);

            r = tn_int_new(mu, 1000, &o);
            if (r == 0)
                tn_decref(mu, o);
            tn_thread_offline(thread);
        }
        tn_fault_fail_after(-1);
        tn_thread_detach(&thread);
        assert_int_equal(tn_heap_free(&heap), 0);
        if (r == 0)
            return;
        assert_int_equal(r, TN_ERR_NOMEM);
    }
    fail_msg("refusing went on for ever");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_limit_holds_and_recovers),
        cmocka_unit_test(test_a_limit_too_small_for_anything_is_refused),
        cmocka_unit_test(test_garbage_is_bounded_by_who_makes_it),
        cmocka_unit_test(test_leftovers_of_a_sleeper_are_freed),
        cmocka_unit_test(test_heap_new_survives_every_refused_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
