/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/types/table.h"
#include "tests/support/objects.h"

/* Every test runs with a private dict and with a published one. */
static void in_all_modes(void (*test)(struct heap_fixture *f, bool is_published))
{
    for (int i = 0; i < 6; i++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)(i / 2));
        test(&f, i % 2 != 0);
        heap_fixture_teardown(&f);
    }
}

static struct tn_object *new_dict(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = test_dict(f->mu);

    if (is_published)
        tn_publish(f->mu, dict);
    return dict;
}

/* Ints as keys and values, which are beyond the small ones. */
#define BASE 1000

static void set_int(struct heap_fixture *f, struct tn_object *dict, int64_t key, int64_t value)
{
    test_set(f->mu, dict, test_int(f->mu, BASE + key), test_int(f->mu, BASE + value));
}

static int get_int(struct heap_fixture *f, struct tn_object *dict, int64_t key, int64_t *ret_value)
{
    struct tn_object *k = test_int(f->mu, BASE + key);
    struct tn_object *value;
    int r = tn_dict_get(f->mu, dict, k, &value);

    if (r == 0)
        *ret_value = tn_int_value(value) - BASE;
    tn_decref(f->mu, k);
    return r;
}

static void expect_int(struct heap_fixture *f, struct tn_object *dict, int64_t key, int64_t value)
{
    int64_t found;

    assert_int_equal(get_int(f, dict, key, &found), 0);
    assert_int_equal(found, value);
}

static void expect_no_int(struct heap_fixture *f, struct tn_object *dict, int64_t key)
{
    int64_t found;

    assert_int_equal(get_int(f, dict, key, &found), TN_ERR_KEY);
}

static int pop_int(struct heap_fixture *f, struct tn_object *dict, int64_t key)
{
    struct tn_object *k = test_int(f->mu, BASE + key);
    struct tn_object *value = NULL;
    size_t length = tn_dict_length(dict) - 1;
    int r = tn_dict_pop(f->mu, dict, k, &value, &length);

    assert_true((r == 0) == (value != NULL));
    assert_true(r < 0 || length == tn_dict_length(dict));
    tn_drop(f->mu, &value);
    tn_decref(f->mu, k);
    return r;
}

/* Reads on from a cursor, and appends the keys to an array. */
static size_t scan(struct heap_fixture *f, struct tn_object *dict, uint64_t *cursor, size_t n_max,
                   int64_t *keys)
{
    struct tn_dict_item items[16];
    size_t n;

    assert_true(n_max <= 16);
    assert_int_equal(tn_dict_scan(f->mu, dict, cursor, n_max, items, &n), 0);
    assert_true(n <= n_max);
    for (size_t i = 0; i < n; i++)
        keys[i] = tn_int_value(items[i].key) - BASE;
    return n;
}

static void basics(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    struct tn_object *key = test_str(f->mu, "key");
    struct tn_object *same = test_str(f->mu, "key");
    struct tn_object *value = test_str(f->mu, "value");
    struct tn_object *kept = key;
    struct tn_object *found = NULL;
    size_t length = 0;

    assert_int_equal(tn_dict_length(dict), 0);
    assert_int_equal(tn_dict_get(f->mu, dict, key, &found), TN_ERR_KEY);
    assert_int_equal(tn_dict_pop(f->mu, dict, key, &found, &length), TN_ERR_KEY);
    assert_null(found);
    assert_int_equal(tn_dict_set(f->mu, dict, &key, &value, &length), 0);
    assert_null(key);
    assert_null(value);
    assert_int_equal(length, 1);
    assert_int_equal(tn_dict_get(f->mu, dict, same, &found), 0);
    assert_true(tn_slice_equal(tn_text_slice(found), TN_SLICE_LITERAL("value")));
    /* The key that is there stays, the new one goes; so does the old value. */
    key = same;
    tn_incref(f->mu, same);
    value = test_int(f->mu, 5000);
    assert_int_equal(tn_dict_set(f->mu, dict, &key, &value, &length), 0);
    assert_int_equal(length, 1);
    assert_int_equal(test_refcount(same), 1);
    assert_int_equal(test_refcount(kept), 1);
    heap_fixture_settle(f);
    assert_int_equal(test_live_objs(f), 4); /* dict, two keys, value */
    assert_int_equal(tn_dict_pop(f->mu, dict, same, &found, &length), 0);
    assert_int_equal(length, 0);
    assert_int_equal(tn_int_value(found), 5000);
    assert_int_equal(test_refcount(found), 1);
    tn_decref(f->mu, found);
    tn_decref(f->mu, same);
    heap_fixture_settle(f);
    assert_int_equal(test_live_objs(f), 1);
    tn_decref(f->mu, dict);
}

static void test_dict_set_get_pop(void **state)
{
    (void)state;
    in_all_modes(basics);
}

static void equal_keys(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    struct tn_dict_item items[4];
    uint64_t cursor = 0;
    size_t n;

    test_set(f->mu, dict, test_int(f->mu, 1), test_str(f->mu, "int"));
    test_set(f->mu, dict, test_float(f->mu, 1.0), test_str(f->mu, "float"));
    test_set(f->mu, dict, tn_bool(f->heap, true), test_str(f->mu, "bool"));
    test_set(f->mu, dict, test_str(f->mu, "1"), test_str(f->mu, "str"));
    test_set(f->mu, dict, test_bytes(f->mu, "1", 1), test_str(f->mu, "bytes"));
    test_set(f->mu, dict, test_tuple_1(f->mu, test_int(f->mu, 1)), test_str(f->mu, "tuple"));
    test_set(f->mu, dict, test_tuple_1(f->mu, test_float(f->mu, 1)), test_str(f->mu, "tuple 2"));
    assert_int_equal(tn_dict_length(dict), 4);
    assert_int_equal(tn_dict_scan(f->mu, dict, &cursor, 4, items, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(cursor, 0);
    /* One key, the first one; the last value. */
    assert_int_equal(items[0].key->type, TN_TYPE_INT);
    assert_true(tn_slice_equal(tn_text_slice(items[0].value), TN_SLICE_LITERAL("bool")));
    assert_int_equal(tn_tuple_get(items[3].key, 0)->type, TN_TYPE_INT);
    assert_true(tn_slice_equal(tn_text_slice(items[3].value), TN_SLICE_LITERAL("tuple 2")));
    tn_decref(f->mu, dict);
}

static void test_dict_equal_keys_are_one(void **state)
{
    (void)state;
    in_all_modes(equal_keys);
}

static void bad_keys(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    struct tn_object *key = test_list(f->mu);
    struct tn_object *value = test_int(f->mu, 5000);
    struct tn_object *found;

    assert_int_equal(tn_dict_set(f->mu, dict, &key, &value, NULL), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_dict_get(f->mu, dict, key, &found), TN_ERR_UNHASHABLE);
    assert_int_equal(tn_dict_pop(f->mu, dict, key, &found, NULL), TN_ERR_UNHASHABLE);
    key = test_tuple_1(f->mu, key);
    assert_int_equal(tn_dict_set(f->mu, dict, &key, &value, NULL), TN_ERR_UNHASHABLE);
    assert_non_null(key);
    assert_non_null(value);
    assert_int_equal(tn_dict_length(dict), 0);
    tn_decref(f->mu, key);
    tn_decref(f->mu, value);
    tn_decref(f->mu, dict);
}

static void test_dict_unhashable_key_is_refused(void **state)
{
    (void)state;
    in_all_modes(bad_keys);
}

/* Grows from nothing, through all kinds of bodies, and shrinks to nothing. */
static void growth(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    int64_t n = 1500;

    for (int64_t i = 0; i < n; i++) {
        expect_no_int(f, dict, i);
        set_int(f, dict, i, 3 * i);
        expect_int(f, dict, i, 3 * i);
        assert_int_equal(tn_dict_length(dict), i + 1);
        if (i < 100 || i % 100 == 0)
            tn_table_validate(f->heap, dict);
    }
    for (int64_t i = 0; i < n; i++)
        expect_int(f, dict, i, 3 * i);
    for (int64_t i = 0; i < n; i++) {
        /* From both ends and from the middle. */
        int64_t key = i % 3 == 0 ? i : i % 3 == 1 ? n - i : n / 3 + i / 3;

        for (; pop_int(f, dict, key) < 0; key = (key + 1) % n)
            expect_no_int(f, dict, key);
        if (i > n - 100 || i % 100 == 0)
            tn_table_validate(f->heap, dict);
        if (i % 256 == 0)
            heap_fixture_settle(f);
    }
    assert_int_equal(tn_dict_length(dict), 0);
    assert_true(tn_shallow_bytes(dict) <= 32 + 24 + 12 * 24); /* at most a small body */
    tn_decref(f->mu, dict);
}

static void test_dict_grows_and_shrinks(void **state)
{
    (void)state;
    in_all_modes(growth);
}

static void order(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    int64_t keys[16];
    uint64_t cursor = 0;
    int64_t at = 0;

    for (int64_t i = 0; i < 500; i++)
        set_int(f, dict, (i * 7919) % 500, i);
    /* Overwriting keeps the place; removing and setting again does not. */
    for (int64_t i = 0; i < 500; i += 3)
        set_int(f, dict, (i * 7919) % 500, -i);
    assert_int_equal(pop_int(f, dict, 7919 % 500), 0);
    set_int(f, dict, 7919 % 500, 1);
    do {
        size_t n = scan(f, dict, &cursor, 7, keys);

        for (size_t i = 0; i < n; i++) {
            int64_t rank = at == 0 ? 0 : at == 499 ? 1 : at + 1;

            assert_int_equal(keys[i], (rank * 7919) % 500);
            at++;
        }
    } while (cursor != 0);
    assert_int_equal(at, 500);
    tn_decref(f->mu, dict);
}

static void test_dict_scan_is_in_insertion_order(void **state)
{
    (void)state;
    in_all_modes(order);
}

/* Scans in small pages while others of the keys come and go, many more than there
 * are entries, so that bodies are replaced again and again. What is there
 * throughout is seen once, what is not at most once. */
static void scan_beside_changes(struct heap_fixture *f, struct tn_object *dict, int64_t n_lasting,
                                int64_t n_passing, uint64_t *random)
{
    enum {
        KEYS_MAX = 4096
    };
    static uint8_t seen[KEYS_MAX];
    int64_t n = n_lasting + n_passing;
    int64_t next = n;
    uint64_t cursor = 0;
    int64_t keys[16];

    assert_true(n < KEYS_MAX);
    /* The lasting keys lie among the others: 7919 is a prime. */
    for (int64_t i = 0; i < n; i++)
        set_int(f, dict, i * 7919 % n, i);
    for (int64_t i = 0; i < KEYS_MAX; i++)
        seen[i] = 0;
    do {
        size_t n_found = scan(f, dict, &cursor, 1 + test_random(random) % 5, keys);

        for (size_t i = 0; i < n_found; i++) {
            if (keys[i] < n)
                assert_int_equal(seen[keys[i]]++, 0);
        }
        for (int i = 0; i < 20 && next < n + 20 * n; i++) {
            int64_t key = (int64_t)(test_random(random) % (uint64_t)next);

            if (key >= n_lasting)
                (void)pop_int(f, dict, key);
            if (i % 3 == 0) /* a key that is new, or comes again */
                set_int(f, dict, key >= n_lasting ? next++ : key, 1);
        }
        heap_fixture_settle(f);
    } while (cursor != 0);
    for (int64_t i = 0; i < n_lasting; i++)
        assert_int_equal(seen[i], 1);
    tn_table_validate(f->heap, dict);
    for (int64_t i = 0; i < next; i++)
        (void)pop_int(f, dict, i);
    assert_int_equal(tn_dict_length(dict), 0);
}

static void scans(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    uint64_t random = test_seed();

    for (int64_t n_lasting = 1; n_lasting < 14; n_lasting++) {
        for (int64_t n_passing = 0; n_passing < 10; n_passing++)
            scan_beside_changes(f, dict, n_lasting, n_passing, &random);
    }
    scan_beside_changes(f, dict, 200, 100, &random);
    scan_beside_changes(f, dict, 50, 1000, &random);
    tn_decref(f->mu, dict);
}

static void test_dict_scan_sees_what_lasts_exactly_once(void **state)
{
    (void)state;
    in_all_modes(scans);
}

static void scan_edges(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    struct tn_dict_item items[4];
    uint64_t cursor = 0;
    size_t n = 1;

    assert_int_equal(tn_dict_scan(f->mu, dict, &cursor, 4, items, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(cursor, 0);
    assert_int_equal(tn_dict_scan(f->mu, dict, &cursor, 0, items, &n), TN_ERR_INVAL);
    for (int64_t i = 0; i < 4; i++)
        set_int(f, dict, i, i);
    assert_int_equal(tn_dict_scan(f->mu, dict, &cursor, 4, items, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(cursor, 0); /* known to be all */
    cursor = UINT64_MAX;
    assert_int_equal(tn_dict_scan(f->mu, dict, &cursor, 4, items, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(cursor, 0);
    tn_decref(f->mu, dict);
}

static void test_dict_scan_ends_with_a_cursor_of_zero(void **state)
{
    (void)state;
    in_all_modes(scan_edges);
}

/* Memory follows the number of entries, whatever has come and gone. */
static void expect_bounded_memory(struct tn_object *dict)
{
    size_t length = tn_dict_length(dict);

    /* An entry alone in its leaf has a way of nodes to itself in the worst case. */
    assert_true(tn_shallow_bytes(dict) <= 700 + length * (TN_TEST_TINY ? 2000 : 500));
}

static void churn(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    int64_t n = 30000;

    /* A queue of 100. */
    for (int64_t i = 0; i < n; i++) {
        set_int(f, dict, i, i);
        if (i >= 100)
            assert_int_equal(pop_int(f, dict, i - 100), 0);
        expect_bounded_memory(dict);
        if (i % 1000 == 0) {
            heap_fixture_settle(f);
            tn_table_validate(f->heap, dict);
        }
    }
    assert_true(tn_shallow_bytes(dict) < 32 + 100 * 64 + 2000);
    /* One of a hundred stays. */
    for (int64_t i = n; i < 2 * n; i++) {
        set_int(f, dict, i, i);
        if (i - 3 >= n && i % 100 != 0)
            assert_int_equal(pop_int(f, dict, i - 3), 0);
        expect_bounded_memory(dict);
        if (i % 1000 == 0) {
            heap_fixture_settle(f);
            tn_table_validate(f->heap, dict);
        }
    }
    tn_table_validate(f->heap, dict);
    tn_decref(f->mu, dict);
}

static void test_dict_memory_follows_its_length(void **state)
{
    (void)state;
    in_all_modes(churn);
}

static void capacities(struct heap_fixture *f)
{
    for (size_t capacity = 0; capacity < 100; capacity += 1 + capacity / 8) {
        struct tn_object *dict;
        uint64_t bytes;

        assert_int_equal(tn_dict_new(f->mu, capacity, &dict), 0);
        tn_table_validate(f->heap, dict);
        bytes = tn_shallow_bytes(dict);
        for (size_t i = 0; i < capacity; i++)
            set_int(f, dict, (int64_t)i, 1);
        if (capacity <= 8)
            assert_int_equal(tn_shallow_bytes(dict), bytes);
        tn_table_validate(f->heap, dict);
        tn_decref(f->mu, dict);
    }
}

static void test_dict_with_capacity_has_room(void **state)
{
    struct heap_fixture f;
    struct tn_object *dict = NULL;

    (void)state;
    test_in_all_modes(capacities);
    heap_fixture_setup(&f, TN_MODE_BIASED);
    assert_int_equal(tn_dict_new(f.mu, SIZE_MAX, &dict), TN_ERR_TOO_BIG);
    assert_null(dict);
    heap_fixture_teardown(&f);
}

static void equality(struct heap_fixture *f, bool is_published)
{
    struct tn_object *a = new_dict(f, is_published);
    struct tn_object *b = new_dict(f, is_published);

    assert_true(test_is_equal(f, a, b));
    for (int64_t i = 0; i < 40; i++) {
        set_int(f, a, i, i);
        assert_false(test_is_equal(f, a, b));
        test_set(f->mu, b, test_float(f->mu, (double)(BASE + i)), test_int(f->mu, BASE + i));
        assert_true(test_is_equal(f, a, b));
    }
    set_int(f, a, 7, -1);
    assert_false(test_is_equal(f, a, b));
    assert_int_equal(pop_int(f, a, 7), 0);
    set_int(f, a, 7, 7); /* the order does not matter */
    assert_true(test_is_equal(f, a, b));
    assert_int_equal(pop_int(f, a, 7), 0);
    set_int(f, a, 40, 7);
    assert_false(test_is_equal(f, a, b));
    assert_false(test_is_equal(f, a, tn_none(f->heap)));
    tn_decref(f->mu, a);
    tn_decref(f->mu, b);
}

static void test_dict_equal_by_items(void **state)
{
    (void)state;
    in_all_modes(equality);
}

/* A dict that holds itself; and the popped value may be all that keeps the key. */
static void cycles(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    struct tn_object *other = new_dict(f, is_published);
    struct tn_object *key = test_str(f->mu, "self");
    struct tn_object *value;
    bool is_equal;

    tn_incref(f->mu, dict);
    tn_incref(f->mu, key);
    test_set(f->mu, dict, key, dict);
    tn_incref(f->mu, other);
    tn_incref(f->mu, key);
    test_set(f->mu, other, key, other);
    assert_true(test_is_equal(f, dict, dict));
    assert_int_equal(tn_equal(f->heap, dict, other, &is_equal), TN_ERR_TOO_DEEP);
    tn_decref(f->mu, key);
    /* The key is borrowed from the dict that is about to drop it. */
    assert_int_equal(tn_dict_pop(f->mu, dict, key, &value, NULL), 0);
    assert_ptr_equal(value, dict);
    tn_decref(f->mu, value);
    tn_decref(f->mu, dict);
    assert_int_equal(tn_dict_pop(f->mu, other, key, &value, NULL), 0);
    tn_decref(f->mu, value);
    tn_decref(f->mu, other);
}

static void test_dict_may_hold_itself(void **state)
{
    (void)state;
    in_all_modes(cycles);
}

static void dies_in_steps(struct heap_fixture *f, bool is_published)
{
    struct tn_object *dict = new_dict(f, is_published);
    struct tn_census census;
    size_t n_steps = 0;

    for (int64_t i = 0; i < 10000; i++)
        set_int(f, dict, i, i);
    tn_decref(f->mu, dict);
    do {
        (void)tn_thread_safepoint(f->thread, 64);
        tn_census_take(f->heap, &census);
        n_steps++;
    } while (census.dying_objs > 0);
    assert_true(n_steps >= 20000 / 64);
}

static void test_dict_large_dies_within_budget(void **state)
{
    (void)state;
    in_all_modes(dies_in_steps);
}

/* Numbers of entries run out after 2^48 insertions; then an insertion is refused
 * and everything else goes on, until the dict has been empty once. */
static void numbers(struct heap_fixture *f)
{
    struct tn_object *dict = test_dict(f->mu);
    struct tn_object *key;
    struct tn_object *value = tn_none(f->heap);
    struct tn_table_body *body;
    uint64_t cursor = 0;
    int64_t keys[16];

    for (int64_t i = 0; i < 20; i++)
        set_int(f, dict, i, i);
    body = atomic_load_explicit(&tn_table_of(dict)->body, memory_order_relaxed);
    tn_entries_skip_to(&((struct tn_table_large *)(void *)body)->entries, TN_TABLE_NUMBER_MAX - 1);
    set_int(f, dict, 20, 20);
    set_int(f, dict, 21, 21);
    key = test_int(f->mu, BASE + 22);
    assert_int_equal(tn_dict_set(f->mu, dict, &key, &value, NULL), TN_ERR_TOO_MANY);
    tn_table_validate(f->heap, dict);
    for (int64_t i = 0; i < 22; i++)
        expect_int(f, dict, i, i);
    assert_int_equal(scan(f, dict, &cursor, 16, keys), 16);
    assert_int_equal(scan(f, dict, &cursor, 16, keys), 6);
    assert_int_equal(keys[5], 21);
    /* Also when it has become small. */
    for (int64_t i = 0; i < 21; i++)
        assert_int_equal(pop_int(f, dict, i), 0);
    expect_int(f, dict, 21, 21);
    assert_int_equal(tn_dict_set(f->mu, dict, &key, &value, NULL), TN_ERR_TOO_MANY);
    tn_table_validate(f->heap, dict);
    tn_decref(f->mu, key);
    set_int(f, dict, 21, 5);
    assert_int_equal(pop_int(f, dict, 21), 0);
    tn_decref(f->mu, dict);
}

static void test_dict_out_of_numbers_refuses_insertions(void **state)
{
    (void)state;
    test_in_all_modes(numbers);
}

/* ---- Without memory ---- */

/* Adds the nth entry, in a dict that has the n before. */
static int try_set(struct heap_fixture *f, const void *arg)
{
    int64_t n = *(const int64_t *)arg;
    struct tn_object *dict = new_dict(f, n % 2 != 0);
    struct tn_object *key = test_int(f->mu, BASE + n);
    struct tn_object *value = test_int(f->mu, BASE);
    int r;

    for (int64_t i = 0; i < n; i++)
        set_int(f, dict, i, i);
    test_faults_begin();
    r = tn_dict_set(f->mu, dict, &key, &value, NULL);
    test_faults_end();
    assert_true((r == 0) == (key == NULL) && (r == 0) == (value == NULL));
    assert_int_equal(tn_dict_length(dict), n + (r == 0));
    tn_table_validate(f->heap, dict);
    for (int64_t i = 0; i < n; i++)
        expect_int(f, dict, i, i);
    if (r < 0)
        expect_no_int(f, dict, n);
    tn_drop(f->mu, &key);
    tn_drop(f->mu, &value);
    tn_decref(f->mu, dict);
    return r;
}

static int try_new(struct heap_fixture *f, const void *arg)
{
    struct tn_object *dict = NULL;
    int r;

    test_faults_begin();
    r = tn_dict_new(f->mu, *(const size_t *)arg, &dict);
    test_faults_end();
    assert_true((r == 0) == (dict != NULL));
    tn_drop(f->mu, &dict);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    static const size_t capacities_tried[] = { 0, 5, 100 };

    for (int64_t n = 0; n < 140; n += n < 20 ? 1 : 3)
        test_failing_allocations(f, try_set, &n);
    for (size_t i = 0; i < TN_ARRAY_LEN(capacities_tried); i++)
        test_failing_allocations(f, try_new, &capacities_tried[i]);
}

static void test_dict_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

/* Removing and overwriting never need any. */
static int try_removals(struct heap_fixture *f, const void *arg)
{
    struct tn_object *dict = new_dict(f, true);
    struct tn_object *keys[200];

    (void)arg;
    for (int64_t i = 0; i < 200; i++) {
        keys[i] = test_int(f->mu, BASE + i);
        tn_incref(f->mu, keys[i]);
        test_set(f->mu, dict, keys[i], tn_none(f->heap));
    }
    test_faults_begin();
    for (size_t i = 0; i < 200; i++) {
        struct tn_object *key = keys[i];
        struct tn_object *value = tn_bool(f->heap, true);

        tn_incref(f->mu, key);
        assert_int_equal(tn_dict_set(f->mu, dict, &key, &value, NULL), 0);
        assert_int_equal(tn_dict_pop(f->mu, dict, keys[i], &value, NULL), 0);
        assert_true(tn_bool_value(value));
        tn_table_validate(f->heap, dict);
    }
    test_faults_end();
    for (size_t i = 0; i < 200; i++)
        tn_decref(f->mu, keys[i]);
    assert_int_equal(tn_dict_length(dict), 0);
    tn_decref(f->mu, dict);
    return 0;
}

static void removals(struct heap_fixture *f)
{
    test_failing_allocations(f, try_removals, NULL);
}

static void test_dict_removal_needs_no_memory(void **state)
{
    (void)state;
    test_in_all_modes(removals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dict_set_get_pop),
        cmocka_unit_test(test_dict_equal_keys_are_one),
        cmocka_unit_test(test_dict_unhashable_key_is_refused),
        cmocka_unit_test(test_dict_grows_and_shrinks),
        cmocka_unit_test(test_dict_scan_is_in_insertion_order),
        cmocka_unit_test(test_dict_scan_sees_what_lasts_exactly_once),
        cmocka_unit_test(test_dict_scan_ends_with_a_cursor_of_zero),
        cmocka_unit_test(test_dict_memory_follows_its_length),
        cmocka_unit_test(test_dict_with_capacity_has_room),
        cmocka_unit_test(test_dict_equal_by_items),
        cmocka_unit_test(test_dict_may_hold_itself),
        cmocka_unit_test(test_dict_large_dies_within_budget),
        cmocka_unit_test(test_dict_out_of_numbers_refuses_insertions),
        cmocka_unit_test(test_dict_without_memory_stays_as_it_was),
        cmocka_unit_test(test_dict_removal_needs_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
