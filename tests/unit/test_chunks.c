/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/types/chunks.h"
#include "tests/support/objects.h"

struct tree {
    struct heap_fixture *f;
    struct tn_object *owner; /* which says how chunks are given back */
    tn_chunks_ref root;
    struct tn_chunks_range range;
};

static void tree_init(struct tree *t, struct heap_fixture *f, bool is_published)
{
    *t = (struct tree){ .f = f, .owner = test_list(f->mu) };
    if (is_published)
        tn_publish(f->mu, t->owner);
}

static int grow(struct tree *t, uint64_t begin, uint64_t end)
{
    struct tn_chunks_range want = { begin, end };
    int r = tn_chunks_grow(t->f->mu, t->owner, &t->root, t->range, want);

    if (r == 0 && tn_chunks_range_is_empty(t->range))
        t->range = want;
    if (r == 0 && begin < t->range.begin)
        t->range.begin = begin;
    if (r == 0 && end > t->range.end)
        t->range.end = end;
    tn_chunks_validate(&t->root, t->range);
    return r;
}

static void cut(struct tree *t, uint64_t begin, uint64_t end)
{
    struct tn_chunks_range keep = { begin, end };

    tn_chunks_cut(t->f->mu, t->owner, &t->root, t->range, keep);
    t->range = keep;
    tn_chunks_validate(&t->root, t->range);
}

static void tree_fini(struct tree *t)
{
    cut(t, t->range.begin, t->range.begin);
    tn_decref(t->f->mu, t->owner);
}

static unsigned int level_of(const struct tree *t)
{
    return tn_chunks_load(&t->root)->level;
}

/* Where a node of any level ends: the root has to be as high as they meet. */
static void across_boundaries(struct heap_fixture *f)
{
    for (unsigned int level = 0; level < TN_CHUNKS_LEVELS - 2; level++) {
        uint64_t boundary = UINT64_C(1) << (level * TN_CHUNKS_FAN_BITS);
        struct tree t;

        tree_init(&t, f, level % 2 == 0);
        assert_int_equal(grow(&t, boundary - 1, boundary), 0);
        assert_int_equal(level_of(&t), 0);
        assert_int_equal(grow(&t, boundary - 1, boundary + 1), 0);
        assert_int_equal(level_of(&t), level + 1);
        assert_non_null(tn_chunks_find(&t.root, boundary - 1));
        assert_non_null(tn_chunks_find(&t.root, boundary));
        assert_null(tn_chunks_find(&t.root, boundary + 1));
        assert_null(tn_chunks_find(&t.root, boundary * 4 * TN_CHUNKS_FAN));
        cut(&t, boundary, boundary + 1);
        assert_int_equal(level_of(&t), 0);
        assert_null(tn_chunks_find(&t.root, boundary - 1));
        assert_int_equal(grow(&t, boundary - 1, boundary + 1), 0);
        cut(&t, boundary - 1, boundary);
        assert_int_equal(level_of(&t), 0);
        tree_fini(&t);
    }
}

static void test_chunks_root_is_as_high_as_needed(void **state)
{
    (void)state;
    test_in_all_modes(across_boundaries);
}

/* A window of changing width wanders over many boundaries. */
static void wandering(struct heap_fixture *f)
{
    uint64_t random = test_seed();
    struct tree t;

    tree_init(&t, f, true);
    assert_int_equal(grow(&t, 100000, 100001), 0);
    for (int i = 0; i < 3000; i++) {
        uint64_t more = test_random(&random) % 5;
        uint64_t less = test_random(&random) % 5;
        struct tn_chunks_range range = t.range;

        if (test_random(&random) % 4 == 0) {
            assert_int_equal(grow(&t, range.begin - more, range.end), 0);
        } else {
            assert_int_equal(grow(&t, range.begin, range.end + more), 0);
        }
        if (t.range.end - t.range.begin > less)
            cut(&t, t.range.begin + less, t.range.end);
        if (i % 7 == 0 && t.range.end - t.range.begin > 2)
            cut(&t, t.range.begin, t.range.end - 2);
        if (i % 64 == 0)
            (void)tn_thread_safepoint(f->thread, 1000);
    }
    tree_fini(&t);
}

static void test_chunks_wander_without_a_trace(void **state)
{
    (void)state;
    test_in_all_modes(wandering);
}

static size_t bytes_there(const struct tree *t)
{
    return tn_chunks_range_is_empty(t->range) ? 0 : tn_chunks_bytes(t->range, level_of(t));
}

static void counting(struct heap_fixture *f)
{
    uint64_t before;
    struct tree t;

    tree_init(&t, f, false);
    before = test_live_bytes(f);
    for (uint64_t n = 1; n < 200; n += 1 + n / 3) {
        assert_int_equal(grow(&t, 1000, 1000 + n), 0);
        assert_int_equal(test_live_bytes(f) - before, bytes_there(&t));
    }
    tree_fini(&t);
}

static void test_chunks_bytes_are_what_is_allocated(void **state)
{
    (void)state;
    test_in_all_modes(counting);
}

/* From nothing, and to both sides of what there is. */
static int try_grow(struct heap_fixture *f, const void *arg)
{
    uint64_t n_had = *(const uint64_t *)arg;
    struct tree t;
    int r;

    tree_init(&t, f, n_had % 2 == 1);
    assert_int_equal(grow(&t, 500 * TN_CHUNKS_FAN, 500 * TN_CHUNKS_FAN + n_had + 1), 0);
    if (n_had == 0)
        cut(&t, t.range.begin, t.range.begin);
    test_faults_begin();
    r = grow(&t, 500 * TN_CHUNKS_FAN - 3, 500 * TN_CHUNKS_FAN + n_had + 2 * TN_CHUNKS_FAN);
    test_faults_end();
    tree_fini(&t);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    for (uint64_t n_had = 0; n_had < 3; n_had++)
        test_failing_allocations(f, try_grow, &n_had);
}

static void test_chunks_without_memory_stay_as_they_were(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_root_is_as_high_as_needed),
        cmocka_unit_test(test_chunks_wander_without_a_trace),
        cmocka_unit_test(test_chunks_bytes_are_what_is_allocated),
        cmocka_unit_test(test_chunks_without_memory_stay_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
