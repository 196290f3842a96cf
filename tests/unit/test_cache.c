/* SPDX-License-Identifier: MIT */
/* Arenas, pools and caches, without objects: blocks come, go, and come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/memory/cache.h"
#include "core/memory/fault.h"
#include "core/memory/large.h"

#define N_BLOCKS 5000

static unsigned int n_notified;

static void count_attention(struct tn_cache *owner)
{
    (void)owner;
    n_notified++;
}

static void merge_nothing(void *object, void *arg)
{
    (void)object;
    (void)arg;
    fail_msg("nothing was queued");
}

static void setup(struct tn_arenas *arenas, struct tn_cache *caches, size_t n_caches, size_t max)
{
    n_notified = 0;
    tn_arenas_init(arenas, max);
    for (size_t i = 0; i < n_caches; i++)
        assert_int_equal(tn_cache_init(&caches[i], arenas, count_attention), 0);
}

static void teardown(struct tn_arenas *arenas, struct tn_cache *caches, size_t n_caches)
{
    for (size_t i = 0; i < n_caches; i++)
        tn_cache_fini(&caches[i]);
    tn_arenas_trim(arenas);
    assert_int_equal(atomic_load(&arenas->held_bytes), 0);
    assert_null(arenas->all);
    tn_arenas_fini(arenas);
}

static void test_size_class_every_size_fits_tightly(void **state)
{
    (void)state;
    for (size_t size = 1; size <= TN_SMALL_MAX; size++) {
        unsigned int c = tn_size_class(size);
        size_t bytes = tn_size_class_bytes(c);

        assert_true(c < TN_SIZE_CLASSES);
        assert_true(bytes >= size);
        assert_true(bytes - size < 16 || size < TN_SMALL_MIN);
        assert_int_equal(bytes % 8, 0);
        if (c > 0)
            assert_true(tn_size_class_bytes(c - 1) < size);
    }
    assert_int_equal(tn_size_class_bytes(TN_SIZE_CLASSES - 1), TN_SMALL_MAX);
}

static void test_cache_blocks_do_not_overlap_and_all_return(void **state)
{
    static unsigned char *blocks[N_BLOCKS];
    struct tn_arenas arenas;
    struct tn_cache cache;
    size_t size = 0;

    (void)state;
    setup(&arenas, &cache, 1, SIZE_MAX);
    for (size_t i = 0; i < N_BLOCKS; i++) {
        void *block = NULL;

        size = 16 + i * 7 % (TN_SMALL_MAX - 15);
        assert_int_equal(tn_cache_alloc(&cache, TN_KIND_BUFFER, tn_size_class(size), &block), 0);
        memset(block, (int)(i & 0xff), size);
        blocks[i] = block;
    }
    for (size_t i = 0; i < N_BLOCKS; i++) {
        size = 16 + i * 7 % (TN_SMALL_MAX - 15);
        for (size_t b = 0; b < size; b++)
            assert_int_equal(blocks[i][b], i & 0xff);
    }
    for (size_t n = 0; n < N_BLOCKS; n++) {
        size_t i = n * 2 % N_BLOCKS + n / (N_BLOCKS / 2); /* first the even ones */

        size = 16 + i * 7 % (TN_SMALL_MAX - 15);
        tn_cache_free(&cache, TN_KIND_BUFFER, tn_size_class(size), blocks[i]);
    }
    teardown(&arenas, &cache, 1);
}

static void test_cache_freed_block_is_reused_at_once(void **state)
{
    struct tn_arenas arenas;
    struct tn_cache cache;
    void *first = NULL, *second = NULL;

    (void)state;
    setup(&arenas, &cache, 1, SIZE_MAX);
    assert_int_equal(tn_cache_alloc(&cache, TN_KIND_LEAF, 3, &first), 0);
    tn_cache_free(&cache, TN_KIND_LEAF, 3, first);
    assert_int_equal(tn_cache_alloc(&cache, TN_KIND_LEAF, 3, &second), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(*(uint64_t *)second, 0); /* marked as free for walkers */
    tn_cache_free(&cache, TN_KIND_LEAF, 3, second);
    teardown(&arenas, &cache, 1);
}

/* Blocks of one cache freed through another one, in three orders. */
static void free_remotely(unsigned int order)
{
    static void *blocks[N_BLOCKS];
    struct tn_arenas arenas;
    struct tn_cache caches[2];
    void *block = NULL;

    setup(&arenas, caches, 2, SIZE_MAX);
    for (size_t i = 0; i < N_BLOCKS; i++)
        assert_int_equal(
            tn_cache_alloc(&caches[0], TN_KIND_BUFFER, (unsigned int)(i % 5), &blocks[i]), 0);
    for (size_t i = 0; i < N_BLOCKS; i++) {
        size_t at = order == 0 ? i : order == 1 ? N_BLOCKS - 1 - i : i * 2741 % N_BLOCKS;

        /* Every seventh by the owner itself. */
        tn_cache_free(&caches[i % 7 == 0 ? 0 : 1], TN_KIND_BUFFER, (unsigned int)(at % 5),
                      blocks[at]);
    }
    tn_cache_flush(&caches[1]);
    assert_true(n_notified > 0);
    assert_true(tn_cache_needs_attention(&caches[0]));
    assert_true(tn_cache_attend(&caches[0], merge_nothing, NULL));
    assert_false(tn_cache_needs_attention(&caches[0]));
    /* All of it is there again: allocating takes no further arena. */
    tn_cache_trim(&caches[0]);
    tn_cache_trim(&caches[1]);
    tn_arenas_trim(&arenas);
    assert_int_equal(atomic_load(&arenas.held_bytes), 0);
    assert_int_equal(tn_cache_alloc(&caches[0], TN_KIND_BUFFER, 0, &block), 0);
    tn_cache_free(&caches[0], TN_KIND_BUFFER, 0, block);
    teardown(&arenas, caches, 2);
}

static void test_cache_remote_frees_come_back_in_bulk(void **state)
{
    (void)state;
    for (unsigned int order = 0; order < 3; order++)
        free_remotely(order);
}

static void test_cache_returned_blocks_are_used_before_a_new_pool(void **state)
{
    struct tn_arenas arenas;
    struct tn_cache caches[2];
    struct tn_pool *pool;
    void *blocks[TN_POOL_BYTES / 64];
    size_t n;

    (void)state;
    setup(&arenas, caches, 2, SIZE_MAX);
    for (n = 0; n < TN_POOL_BYTES / 64; n++)
        assert_int_equal(tn_cache_alloc(&caches[0], TN_KIND_BUFFER, tn_size_class(64), &blocks[n]),
                         0);
    pool = tn_pool_of(blocks[0]);
    assert_ptr_equal(tn_pool_of(blocks[n - 1]), pool);
    assert_int_equal(pool->n_used, pool->n_blocks);
    tn_cache_free(&caches[1], TN_KIND_BUFFER, tn_size_class(64), blocks[5]);
    tn_cache_flush(&caches[1]);
    assert_int_equal(tn_cache_alloc(&caches[0], TN_KIND_BUFFER, tn_size_class(64), &blocks[5]), 0);
    assert_ptr_equal(tn_pool_of(blocks[5]), pool);
    for (size_t i = 0; i < n; i++)
        tn_cache_free(&caches[0], TN_KIND_BUFFER, tn_size_class(64), blocks[i]);
    (void)tn_cache_attend(&caches[0], merge_nothing, NULL);
    teardown(&arenas, caches, 2);
}

struct merged {
    void *objects[64];
    size_t n;
};

static void collect_merged(void *object, void *arg)
{
    struct merged *merged = arg;

    merged->objects[merged->n++] = object;
}

static void test_pool_queue_hands_each_object_over_once(void **state)
{
    struct tn_arenas arenas;
    struct tn_cache caches[2];
    struct merged merged = { 0 };
    void *small[20];
    void *large = NULL;

    (void)state;
    setup(&arenas, caches, 2, SIZE_MAX);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(tn_cache_alloc(&caches[0], TN_KIND_LEAF, 2, &small[i]), 0);
    assert_int_equal(tn_large_object_alloc(&caches[0], 100000, false, &large), 0);
    for (size_t i = 0; i < 20; i += 3)
        tn_pool_queue(tn_pool_of(small[i]), small[i]);
    tn_large_queue(large);
    assert_true(tn_cache_attend(&caches[0], collect_merged, &merged));
    assert_int_equal(merged.n, 8);
    for (size_t i = 0; i < 7; i++)
        assert_ptr_equal(merged.objects[i], small[i * 3]);
    assert_ptr_equal(merged.objects[7], large);
    assert_false(tn_cache_attend(&caches[0], collect_merged, &merged));
    for (size_t i = 0; i < 20; i++)
        tn_cache_free(&caches[0], TN_KIND_LEAF, 2, small[i]);
    tn_large_object_free(&caches[1], large);
    teardown(&arenas, caches, 2);
}

static void test_budget_is_never_exceeded_and_comes_back(void **state)
{
    struct tn_arenas arenas;
    struct tn_cache cache;
    static void *blocks[100000];
    size_t n = 0;
    void *block = NULL;
    int r;

    (void)state;
    setup(&arenas, &cache, 1, 4 * TN_ARENA_BYTES);
    while ((r = tn_cache_alloc(&cache, TN_KIND_BUFFER, TN_SIZE_CLASSES - 1, &block)) == 0) {
        blocks[n++] = block;
        assert_true(atomic_load(&arenas.held_bytes) <= 4 * TN_ARENA_BYTES);
    }
    assert_int_equal(r, TN_ERR_LIMIT);
    assert_true(n >= 4 * (TN_ARENA_POOLS - 3) * (TN_POOL_BYTES / TN_SMALL_MAX));
    assert_int_equal(tn_large_buffer_alloc(&cache, 1 << 20, false, &block), TN_ERR_LIMIT);
    while (n > 0)
        tn_cache_free(&cache, TN_KIND_BUFFER, TN_SIZE_CLASSES - 1, blocks[--n]);
    assert_true(atomic_load(&arenas.held_bytes) <= 2 * TN_ARENA_BYTES);
    tn_cache_trim(&cache);
    tn_arenas_trim(&arenas);
    assert_int_equal(tn_large_buffer_alloc(&cache, 3 * TN_ARENA_BYTES, true, &block), 0);
    assert_int_equal(((unsigned char *)block)[3 * TN_ARENA_BYTES - 1], 0);
    assert_true(atomic_load(&arenas.held_bytes) <= 4 * TN_ARENA_BYTES);
    tn_large_buffer_free(&cache, block, 3 * TN_ARENA_BYTES);
    teardown(&arenas, &cache, 1);
}

static void test_fault_refused_allocation_changes_nothing(void **state)
{
    struct tn_arenas arenas;
    struct tn_cache cache;
    void *block = NULL;

    (void)state;
    if (!TN_DEBUG)
        skip();
    setup(&arenas, &cache, 1, SIZE_MAX);
    tn_fault_fail_after(0);
    assert_int_equal(tn_cache_alloc(&cache, TN_KIND_BUFFER, 0, &block), TN_ERR_NOMEM);
    assert_int_equal(tn_large_object_alloc(&cache, 4096, false, &block), TN_ERR_NOMEM);
    assert_true(tn_fault_count() >= 2);
    tn_fault_fail_after(-1);
    tn_cache_release_quota(&cache);
    assert_int_equal(atomic_load(&arenas.held_bytes), 0);
    assert_int_equal(tn_cache_alloc(&cache, TN_KIND_BUFFER, 0, &block), 0);
    tn_cache_free(&cache, TN_KIND_BUFFER, 0, block);
    teardown(&arenas, &cache, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_class_every_size_fits_tightly),
        cmocka_unit_test(test_cache_blocks_do_not_overlap_and_all_return),
        cmocka_unit_test(test_cache_freed_block_is_reused_at_once),
        cmocka_unit_test(test_cache_remote_frees_come_back_in_bulk),
        cmocka_unit_test(test_cache_returned_blocks_are_used_before_a_new_pool),
        cmocka_unit_test(test_pool_queue_hands_each_object_over_once),
        cmocka_unit_test(test_budget_is_never_exceeded_and_comes_back),
        cmocka_unit_test(test_fault_refused_allocation_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
