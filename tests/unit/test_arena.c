/* SPDX-License-Identifier: MIT */
/* The arena: alignment, the cap, and what a reset takes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "proto/arena.h"

#if TN_ASAN
#include <sanitizer/asan_interface.h>

/* malloc is asked for more than there can be, and is to say so. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#endif

static void test_alloc_is_aligned_and_writable(void **state)
{
    struct tn_arena arena;
    size_t expected = 0;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 1000, (size_t)64 << 20), 0);
    for (size_t size = 0; size < 3000; size++) {
        uint8_t *p = tn_arena_alloc(&arena, size);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % TN_ARENA_ALIGN, 0);
        memset(p, 0xee, size);
        expected += tn_arena_rounded(size);
        assert_int_equal(tn_arena_used(&arena), expected);
    }
    assert_false(tn_arena_is_refused(&arena));
    tn_arena_fini(&arena);
    tn_arena_fini(&arena);
}

static void test_alloc_keeps_what_was_handed_out_before(void **state)
{
    enum {
        N = 2000
    };
    uint32_t *numbers[N];
    struct tn_arena arena;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 256, (size_t)64 << 20), 0);
    for (uint32_t i = 0; i < N; i++) {
        numbers[i] = tn_arena_alloc(&arena, (1 + i % 50) * sizeof(uint32_t));
        assert_non_null(numbers[i]);
        for (uint32_t j = 0; j <= i % 50; j++)
            numbers[i][j] = i;
    }
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t j = 0; j <= i % 50; j++)
            assert_int_equal(numbers[i][j], i);
    }
    tn_arena_fini(&arena);
}

static void test_alloc_beyond_the_cap_is_refused_until_reset(void **state)
{
    static const size_t caps[] = { 0, 16, 1000, 1008, 5000, 100000 };
    struct tn_arena arena;

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(caps); i++) {
        assert_int_equal(tn_arena_init(&arena, 512, caps[i]), 0);
        for (int round = 0; round < 3; round++) {
            while (tn_arena_alloc(&arena, 24))
                ;
            assert_true(tn_arena_is_refused(&arena));
            assert_true(tn_arena_used(&arena) <= caps[i]);
            assert_true(tn_arena_used(&arena) + 32 + TN_ARENA_ALIGN > caps[i]);
            assert_null(tn_arena_alloc(&arena, 1000000));
            assert_int_equal(tn_arena_reserve(&arena, caps[i]), caps[i] < 24 ? 0 : TN_ERR_LIMIT);
            tn_arena_reset(&arena);
            assert_false(tn_arena_is_refused(&arena));
            assert_int_equal(tn_arena_used(&arena), 0);
        }
        tn_arena_fini(&arena);
    }
}

static void test_alloc_of_absurd_sizes_fails_cleanly(void **state)
{
    struct tn_arena arena;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 512, SIZE_MAX), 0);
    assert_null(tn_arena_alloc(&arena, SIZE_MAX));
    assert_null(tn_arena_alloc(&arena, SIZE_MAX - 8));
    assert_true(tn_arena_is_refused(&arena));
    tn_arena_reset(&arena);
    /* Within the cap, but more than the system gives. */
    assert_null(tn_arena_alloc(&arena, (size_t)1 << 60));
    assert_false(tn_arena_is_refused(&arena));
    assert_int_equal(tn_arena_reserve(&arena, (size_t)1 << 60), TN_ERR_NOMEM);
    assert_int_equal(tn_arena_reserve(&arena, SIZE_MAX), TN_ERR_LIMIT);
    assert_non_null(tn_arena_alloc(&arena, 100));
    tn_arena_fini(&arena);
}

static void test_reset_keeps_the_first_chunk(void **state)
{
    struct tn_arena arena;
    void *first;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 4096, (size_t)1 << 20), 0);
    first = tn_arena_alloc(&arena, 100);
    for (int round = 0; round < 10; round++) {
        assert_non_null(tn_arena_alloc(&arena, 100000));
        tn_arena_reset(&arena);
        assert_ptr_equal(tn_arena_alloc(&arena, 100), first);
    }
    tn_arena_fini(&arena);
}

static void test_reserve_makes_the_next_ones_neighbours(void **state)
{
    struct tn_arena arena;
    uint8_t *before;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 256, (size_t)1 << 20), 0);
    assert_int_equal(tn_arena_reserve(&arena, 50000), 0);
    before = tn_arena_alloc(&arena, 16);
    for (int i = 0; i < 3124; i++) {
        uint8_t *next = tn_arena_alloc(&arena, 16);

        assert_ptr_equal(next, before + 16);
        before = next;
    }
    assert_int_equal(tn_arena_used(&arena), 50000);
    tn_arena_fini(&arena);
}

static void test_grow_in_place_and_elsewhere_keeps_the_content(void **state)
{
    struct tn_arena arena;
    uint8_t *p = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 512, (size_t)1 << 20), 0);
    for (size_t next = 1; next < 20000; next += 1 + next / 7) {
        uint8_t *grown = tn_arena_grow(&arena, p, size, next);

        assert_non_null(grown);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(grown[i], (uint8_t)i);
        for (size_t i = size; i < next; i++)
            grown[i] = (uint8_t)i;
        p = grown;
        size = next;
        if (next % 3 == 0) /* in the way: the next one cannot grow in place */
            assert_non_null(tn_arena_alloc(&arena, 1));
    }
    assert_null(tn_arena_grow(&arena, p, size, (size_t)2 << 20));
    assert_int_equal(p[size - 1], (uint8_t)(size - 1));
    tn_arena_fini(&arena);
}

static void test_grow_of_the_last_one_costs_only_the_difference(void **state)
{
    struct tn_arena arena;
    void *p;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 4096, (size_t)1 << 20), 0);
    p = tn_arena_alloc(&arena, 100);
    assert_ptr_equal(tn_arena_grow(&arena, p, 100, 112), p);
    assert_int_equal(tn_arena_used(&arena), 112);
    assert_ptr_equal(tn_arena_grow(&arena, p, 112, 2000), p);
    assert_int_equal(tn_arena_used(&arena), 2000);
    tn_arena_fini(&arena);
}

static void test_allocator_of_protobuf_is_the_arena(void **state)
{
    struct tn_arena arena;
    void *p;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 4096, 64), 0);
    p = arena.allocator.alloc(arena.allocator.allocator_data, 48);
    assert_non_null(p);
    assert_int_equal(tn_arena_used(&arena), 48);
    arena.allocator.free(arena.allocator.allocator_data, p);
    assert_int_equal(tn_arena_used(&arena), 48);
    assert_null(arena.allocator.alloc(arena.allocator.allocator_data, 48));
    tn_arena_fini(&arena);
}

#if TN_ASAN
static void test_what_is_not_handed_out_is_poisoned(void **state)
{
    struct tn_arena arena;
    uint8_t *p;

    (void)state;
    assert_int_equal(tn_arena_init(&arena, 4096, (size_t)1 << 20), 0);
    p = tn_arena_alloc(&arena, 20);
    assert_int_equal(__asan_address_is_poisoned(p + 19), 0);
    assert_int_equal(__asan_address_is_poisoned(p + 20), 1);
    tn_arena_reset(&arena);
    assert_int_equal(__asan_address_is_poisoned(p), 1);
    tn_arena_fini(&arena);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_is_aligned_and_writable),
        cmocka_unit_test(test_alloc_keeps_what_was_handed_out_before),
        cmocka_unit_test(test_alloc_beyond_the_cap_is_refused_until_reset),
        cmocka_unit_test(test_alloc_of_absurd_sizes_fails_cleanly),
        cmocka_unit_test(test_reset_keeps_the_first_chunk),
        cmocka_unit_test(test_reserve_makes_the_next_ones_neighbours),
        cmocka_unit_test(test_grow_in_place_and_elsewhere_keeps_the_content),
        cmocka_unit_test(test_grow_of_the_last_one_costs_only_the_difference),
        cmocka_unit_test(test_allocator_of_protobuf_is_the_arena),
#if TN_ASAN
        cmocka_unit_test(test_what_is_not_handed_out_is_poisoned),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
