/* SPDX-License-Identifier: MIT */
#include "tests/support/heap_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/clock.h"

void heap_fixture_setup_with(struct heap_fixture *f, const struct tn_heap_options *options)
{
    assert_int_equal(tn_heap_new(options, &f->heap), 0);
    assert_int_equal(tn_thread_attach(f->heap, &f->thread), 0);
    f->mu = tn_thread_online(f->thread);
}

void heap_fixture_setup_collected(struct heap_fixture *f, enum tn_mode mode,
                                  const struct tn_gc_options *gc_options)
{
    struct tn_heap_options options = { .mode = mode };

    assert_int_equal(tn_heap_new(&options, &f->heap), 0);
    assert_int_equal(tn_gc_start(f->heap, gc_options), 0);
    assert_int_equal(tn_thread_attach(f->heap, &f->thread), 0);
    f->mu = tn_thread_online(f->thread);
}

void heap_fixture_setup(struct heap_fixture *f, enum tn_mode mode)
{
    struct tn_heap_options options = { .mode = mode };

    heap_fixture_setup_with(f, &options);
}

void heap_fixture_settle(struct heap_fixture *f)
{
    struct tn_census census;

    do {
        (void)tn_thread_reclaim(f->thread);
        tn_census_take(f->heap, &census);
    } while (census.dying_objs != 0 || census.limbo_objs != 0 || census.limbo_bytes != 0);
}

void heap_fixture_expect_empty(struct heap_fixture *f)
{
    struct tn_census census;

    heap_fixture_settle(f);
    tn_census_take(f->heap, &census);
    for (int type = 0; type < TN_TYPE_END; type++)
        if (census.n_objs[type] != 0)
            fail_msg("%" PRIu64 " objects of type %s are left", census.n_objs[type],
                     tn_type_name((enum tn_type_id)type));
    assert_int_equal(census.live_objs, 0);
    assert_int_equal(census.live_bytes, 0);
    assert_int_equal(census.n_names, 0);
}

void heap_fixture_teardown(struct heap_fixture *f)
{
    heap_fixture_expect_empty(f);
    tn_thread_offline(f->thread);
    tn_thread_detach(&f->thread);
    assert_int_equal(tn_heap_free(&f->heap), 0);
    assert_null(f->heap);
}

uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t test_seed(void)
{
    const char *given = getenv("TN_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : tn_clock_ns();

    printf("seed %" PRIu64 " (repeat with TN_TEST_SEED=%" PRIu64 ")\n", seed, seed);
    return seed;
}

unsigned int test_stress_seconds(void)
{
    const char *given = getenv("TN_STRESS_SECONDS");
    unsigned long seconds = given != NULL ? strtoul(given, NULL, 10) : 1;

    return seconds >= 1 && seconds <= 3600 ? (unsigned int)seconds : 1;
}
