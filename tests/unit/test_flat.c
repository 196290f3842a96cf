/* SPDX-License-Identifier: MIT */
/*
 * The flat index against a table of what should be in it. Payloads are numbers;
 * the hash of each is in an array, so that tests can choose collisions.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/memory/fault.h"
#include "core/object/flat.h"
#include "tests/support/heap_fixture.h"

#define N_MAX 20000

/* What should be there, and what the index asked for. */
struct model {
    struct heap_fixture f;
    struct tn_flat flat;
    uint64_t n;
    size_t n_asked; /* hashes since it was last set to 0 */
    uint64_t hashes[N_MAX];
    bool is_in[N_MAX];
};

static struct model m;

static void hash_of(const uint64_t *payloads, size_t n, uint64_t *ret_hashes, const void *arg)
{
    const struct model *model = arg;

    assert_in_range(n, 1, TN_FLAT_STEP);
    for (size_t i = 0; i < n; i++)
        ret_hashes[i] = model->hashes[payloads[i]];
    m.n_asked += n;
}

static bool match(uint64_t payload, const void *arg)
{
    return payload == *(const uint64_t *)arg;
}

static void setup(uint32_t stagger)
{
    memset(&m, 0, sizeof(m));
    heap_fixture_setup(&m.f, TN_MODE_BIASED);
    m.flat.stagger = stagger;
}

static void validate(void)
{
    size_t n_asked = m.n_asked;

    tn_flat_validate(&m.flat, hash_of, &m);
    assert_int_equal(m.flat.n_entries, m.n);
    m.n_asked = n_asked;
}

static bool find(uint64_t payload)
{
    uint64_t found = UINT64_MAX;
    bool is_found = tn_flat_find(&m.flat, m.hashes[payload], match, &payload, &found);

    assert_true(!is_found || found == payload);
    return is_found;
}

static int try_insert(uint64_t payload, uint64_t hash)
{
    int r;

    m.hashes[payload] = hash;
    r = tn_flat_insert(m.f.mu, &m.flat, hash, payload, hash_of, &m);
    if (r == 0) {
        m.is_in[payload] = true;
        m.n++;
    }
    return r;
}

static void insert(uint64_t payload, uint64_t hash)
{
    assert_int_equal(try_insert(payload, hash), 0);
}

static void take_out(uint64_t payload)
{
    tn_flat_remove(m.f.mu, &m.flat, m.hashes[payload], payload, hash_of, &m);
    m.is_in[payload] = false;
    m.n--;
}

static void expect_all(void)
{
    for (uint64_t i = 0; i < N_MAX; i++)
        if (find(i) != m.is_in[i])
            fail_msg("payload %" PRIu64 " is %s", i, m.is_in[i] ? "missing" : "there");
}

/* Takes out all, and expects that all memory is given back. */
static void teardown(void)
{
    for (uint64_t i = 0; i < N_MAX; i++)
        if (m.is_in[i])
            take_out(i);
    validate();
    assert_int_equal(tn_flat_bytes(&m.flat), 0);
    heap_fixture_teardown(&m.f);
}

/* ---- Single entries ---- */

static void test_find_in_empty_index_finds_nothing(void **state)
{
    (void)state;
    setup(0);
    assert_false(find(0));
    tn_flat_prefetch(&m.flat, 7);
    tn_flat_trim(m.f.mu, &m.flat);
    assert_true(tn_flat_walk(&m.flat, 0, UINT64_MAX, hash_of, &m, NULL, NULL));
    tn_flat_destroy(m.f.mu, &m.flat);
    assert_int_equal(tn_flat_bytes(&m.flat), 0);
    teardown();
}

static void test_insert_payloads_that_look_like_marks_are_found(void **state)
{
    static const uint64_t hashes[] = { 0, 1, UINT64_C(0xffffffffff0000ff), UINT64_MAX };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        setup(0);
        insert(0, hashes[i]);
        insert(1, hashes[i]);
        validate();
        expect_all();
        take_out(0);
        expect_all();
        teardown();
    }
}

static bool match_big(uint64_t payload, const void *arg)
{
    (void)arg;
    return payload == TN_FLAT_PAYLOAD_MAX;
}

static void test_insert_largest_payload_is_found(void **state)
{
    uint64_t found = 0;

    (void)state;
    setup(0);
    assert_int_equal(tn_flat_insert(m.f.mu, &m.flat, 99, TN_FLAT_PAYLOAD_MAX, hash_of, &m), 0);
    assert_true(tn_flat_find(&m.flat, 99, match_big, NULL, &found));
    assert_int_equal(found, TN_FLAT_PAYLOAD_MAX);
    tn_flat_remove(m.f.mu, &m.flat, 99, TN_FLAT_PAYLOAD_MAX, hash_of, &m);
    assert_false(tn_flat_find(&m.flat, 99, match_big, NULL, &found));
    teardown();
}

static void test_insert_equal_hashes_are_told_apart(void **state)
{
    (void)state;
    setup(0);
    /* At the end, so that they run around it. */
    for (uint64_t i = 0; i < 100; i++)
        insert(i, UINT64_MAX);
    validate();
    expect_all();
    for (uint64_t i = 0; i < 100; i += 3)
        take_out(i);
    validate();
    expect_all();
    teardown();
}

static void test_replace_puts_another_payload_in_its_place(void **state)
{
    (void)state;
    setup(0);
    for (uint64_t i = 0; i < 1000; i++)
        insert(i, i * UINT64_C(0x9e3779b97f4a7c15));
    for (uint64_t i = 0; i < 1000; i++) {
        m.hashes[i + 1000] = m.hashes[i];
        tn_flat_replace(&m.flat, m.hashes[i], i, i + 1000);
        m.is_in[i] = false;
        m.is_in[i + 1000] = true;
    }
    validate();
    expect_all();
    teardown();
}

/* ---- Growing and shrinking ---- */

static void test_insert_many_stays_dense_and_moves_little_at_a_time(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (uint32_t stagger = 0; stagger < TN_FLAT_STAGGERS; stagger += 21) {
        setup(stagger);
        for (uint64_t i = 0; i < N_MAX; i++) {
            m.n_asked = 0;
            insert(i, test_random(&random));
            assert_in_range(m.n_asked, 0, TN_FLAT_STEP);
            if (i % 997 == 0)
                validate();
            /* Both arrays, when the new one has just been begun. */
            if (i >= 100)
                assert_true(tn_flat_bytes(&m.flat) < 25 * (i + 1) + 200);
        }
        validate();
        expect_all();
        teardown();
    }
}

static void test_remove_most_with_trim_shrinks(void **state)
{
    uint64_t random = 2;

    (void)state;
    setup(5);
    for (uint64_t i = 0; i < N_MAX; i++)
        insert(i, test_random(&random));
    for (uint64_t i = 0; i < N_MAX - 100; i++) {
        m.n_asked = 0;
        take_out(i);
        tn_flat_trim(m.f.mu, &m.flat);
        assert_in_range(m.n_asked, 0, TN_FLAT_STEP);
        if (i % 997 == 0)
            validate();
    }
    validate();
    expect_all();
    assert_true(tn_flat_bytes(&m.flat) < 16384);
    teardown();
}

/* The index wants to become much smaller, and must not be full again before the
 * large array is empty. */
static void test_insert_after_removing_most_ends_each_rebuild_in_time(void **state)
{
    uint64_t random = 9;

    (void)state;
    setup(0);
    for (uint64_t i = 0; i < 100 || m.flat.n_dirty < m.flat.current->n_words / 8 * 7; i++)
        insert(i, test_random(&random));
    for (uint64_t i = 3; m.n > 3; i++)
        take_out(i);
    for (uint64_t i = 3; i < N_MAX; i++) {
        m.n_asked = 0;
        insert(i, test_random(&random));
        assert_in_range(m.n_asked, 0, TN_FLAT_STEP);
    }
    validate();
    expect_all();
    teardown();
}

static void test_replacing_entries_for_long_does_not_grow(void **state)
{
    uint64_t random = 3;

    (void)state;
    setup(0);
    for (uint64_t i = 0; i < 1000; i++)
        insert(i, test_random(&random));
    for (uint64_t i = 0; i < 100000; i++) {
        take_out(i % 1000);
        insert(i % 1000, test_random(&random));
        assert_true(tn_flat_bytes(&m.flat) < 40000);
        if (i % 9973 == 0)
            validate();
    }
    expect_all();
    teardown();
}

/* Inserts or removes one of `n_payloads`, or does nothing. Some hashes collide. */
static void change_something(uint64_t *random, uint64_t n_payloads, bool is_growing)
{
    uint64_t r = test_random(random);
    uint64_t payload = r % n_payloads;
    bool is_likely = (r >> 40) % 8 < (is_growing == m.is_in[payload] ? 2 : 7);

    if (!is_likely)
        return;
    if (m.is_in[payload])
        take_out(payload);
    else
        insert(payload, (r >> 50) % 16 == 0 ? (r >> 60) << 60 : test_random(random));
}

static void test_random_operations_agree_with_the_model(void **state)
{
    uint64_t random = test_seed();

    (void)state;
    for (int round = 0; round < 4; round++) {
        setup((uint32_t)(test_random(&random) % TN_FLAT_STAGGERS));
        for (uint64_t i = 0; i < 40000; i++) {
            m.n_asked = 0;
            change_something(&random, round < 2 ? 50 : 5000, i / 5000 % 2 == 0);
            if (i % 4 == 0)
                tn_flat_trim(m.f.mu, &m.flat);
            assert_in_range(m.n_asked, 0, TN_FLAT_STEP);
            if (i % 499 == 0)
                validate();
            if (i % 4999 == 0)
                expect_all();
        }
        teardown();
    }
}

static void test_reserve_makes_room(void **state)
{
    static const uint64_t sizes[] = { 0, 1, 7, 8, 100, 5000 };
    uint64_t random = 4;

    (void)state;
    for (size_t s = 0; s < 6; s++) {
        size_t bytes;

        setup(0);
        assert_int_equal(tn_flat_reserve(m.f.mu, &m.flat, sizes[s]), 0);
        bytes = tn_flat_bytes(&m.flat);
        for (uint64_t i = 0; i < sizes[s]; i++)
            insert(i, test_random(&random));
        assert_int_equal(tn_flat_bytes(&m.flat), bytes);
        validate();
        expect_all();
        tn_flat_destroy(m.f.mu, &m.flat);
        memset(m.is_in, 0, sizeof(m.is_in));
        m.n = 0;
        teardown();
    }
}

static void test_insert_without_memory_changes_nothing(void **state)
{
    uint64_t random = 5;
    uint64_t n_refused = 0;

    (void)state;
    if (!TN_DEBUG)
        skip();
    setup(0);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t hash = test_random(&random);
        int r;

        tn_fault_fail_after(0);
        r = try_insert(i, hash);
        tn_fault_fail_after(-1);
        if (r < 0) {
            assert_int_equal(r, TN_ERR_NOMEM);
            assert_false(find(i));
            validate();
            n_refused++;
            insert(i, hash);
        }
    }
    assert_in_range(n_refused, 5, 50);
    expect_all();
    /* Nor is memory needed for removing; trimming does without. */
    tn_fault_fail_after(0);
    for (uint64_t i = 0; i < 4900; i++) {
        take_out(i);
        tn_flat_trim(m.f.mu, &m.flat);
    }
    tn_fault_fail_after(-1);
    validate();
    expect_all();
    teardown();
}

static void test_insert_after_prepare_needs_no_memory(void **state)
{
    uint64_t random = 10;

    (void)state;
    setup(0);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_int_equal(tn_flat_prepare(m.f.mu, &m.flat), 0);
        /* Without TN_DEBUG nothing fails, and this is one more plain insertion. */
        tn_fault_fail_after(0);
        insert(i, test_random(&random));
        tn_fault_fail_after(-1);
    }
    validate();
    expect_all();
    teardown();
}

/* ---- Walks ---- */

static uint32_t n_seen[N_MAX];

static bool see(uint64_t payload, uint64_t hash, void *arg)
{
    const uint64_t *range = arg;

    assert_int_equal(hash, m.hashes[payload]);
    assert_true(hash >= range[0] && hash <= range[1]);
    n_seen[payload]++;
    return true;
}

static void walk(uint64_t first, uint64_t last)
{
    uint64_t range[2] = { first, last };

    assert_true(tn_flat_walk(&m.flat, first, last, hash_of, &m, see, range));
}

static void test_walk_by_ranges_sees_each_entry_once(void **state)
{
    uint64_t random = 6;

    (void)state;
    setup(0);
    for (uint64_t n = 1; n <= 2000; n++) {
        insert(n - 1, n % 8 == 0 ? UINT64_MAX - n % 64 : test_random(&random));
        if (n % 61 != 0)
            continue;
        for (unsigned int bits = 0; bits <= 6; bits += 3) {
            memset(n_seen, 0, sizeof(n_seen));
            for (uint64_t part = 0; part < UINT64_C(1) << bits; part++) {
                uint64_t width = UINT64_MAX >> bits;

                walk(part * (width + 1), part * (width + 1) + width);
            }
            for (uint64_t i = 0; i < N_MAX; i++)
                assert_int_equal(n_seen[i], m.is_in[i]);
        }
    }
    walk(5, 4); /* an empty range */
    teardown();
}

static void test_walk_in_pages_while_the_index_changes_sees_what_stays_once(void **state)
{
    uint64_t random = 7;
    uint64_t width = UINT64_MAX / 500;

    (void)state;
    setup(0);
    for (uint64_t i = 0; i < 500; i++) /* these stay */
        insert(i, test_random(&random));
    for (int round = 0; round < 8; round++) {
        uint64_t next = 0;

        memset(n_seen, 0, sizeof(n_seen));
        for (;;) {
            uint64_t last = next < UINT64_MAX - width ? next + width : UINT64_MAX;

            walk(next, last);
            /* Growing to 8000 in even rounds, back to 500 in odd ones. */
            for (int i = 0; i < 15; i++) {
                uint64_t payload = 500 + test_random(&random) % 7500;

                if (m.is_in[payload] && round % 2 == 1)
                    take_out(payload);
                else if (!m.is_in[payload] && round % 2 == 0)
                    insert(payload, test_random(&random));
                tn_flat_trim(m.f.mu, &m.flat);
            }
            if (last == UINT64_MAX)
                break;
            next = last + 1;
        }
        for (uint64_t i = 0; i < 500; i++)
            assert_int_equal(n_seen[i], 1);
        validate();
    }
    teardown();
}

static bool see_few(uint64_t payload, uint64_t hash, void *arg)
{
    int *n_left = arg;

    (void)payload;
    (void)hash;
    return --*n_left > 0;
}

static void test_walk_ends_when_told_to(void **state)
{
    uint64_t random = 8;

    (void)state;
    setup(0);
    for (uint64_t i = 0; i < 300; i++)
        insert(i, test_random(&random));
    for (int n = 1; n < 300; n++) {
        int n_left = n;

        assert_false(tn_flat_walk(&m.flat, 0, UINT64_MAX, hash_of, &m, see_few, &n_left));
        assert_int_equal(n_left, 0);
    }
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_in_empty_index_finds_nothing),
        cmocka_unit_test(test_insert_payloads_that_look_like_marks_are_found),
        cmocka_unit_test(test_insert_largest_payload_is_found),
        cmocka_unit_test(test_insert_equal_hashes_are_told_apart),
        cmocka_unit_test(test_replace_puts_another_payload_in_its_place),
        cmocka_unit_test(test_insert_many_stays_dense_and_moves_little_at_a_time),
        cmocka_unit_test(test_remove_most_with_trim_shrinks),
        cmocka_unit_test(test_insert_after_removing_most_ends_each_rebuild_in_time),
        cmocka_unit_test(test_replacing_entries_for_long_does_not_grow),
        cmocka_unit_test(test_random_operations_agree_with_the_model),
        cmocka_unit_test(test_reserve_makes_room),
        cmocka_unit_test(test_insert_without_memory_changes_nothing),
        cmocka_unit_test(test_insert_after_prepare_needs_no_memory),
        cmocka_unit_test(test_walk_by_ranges_sees_each_entry_once),
        cmocka_unit_test(test_walk_in_pages_while_the_index_changes_sees_what_stays_once),
        cmocka_unit_test(test_walk_ends_when_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
