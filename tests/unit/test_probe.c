/* SPDX-License-Identifier: MIT */
/* Probes are found where what they stand for is, and leave no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/objects.h"

static _Alignas(16) unsigned char memory[8][128];

static void assert_equal_and_alike(struct heap_fixture *f, struct tn_object *probe,
                                   struct tn_object *o)
{
    uint32_t hashes[2];
    bool is_equal = false;

    assert_int_equal(tn_equal(f->heap, probe, o, &is_equal), 0);
    assert_true(is_equal);
    assert_int_equal(tn_hash(f->heap, probe, &hashes[0]), 0);
    assert_int_equal(tn_hash(f->heap, o, &hashes[1]), 0);
    assert_int_equal(hashes[0], hashes[1]);
}

static void test_probes_equal_what_they_stand_for(void **state)
{
    struct heap_fixture f;
    struct tn_object *items[2];
    struct tn_object *o;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    o = test_int(f.mu, 123456);
    items[0] = tn_probe_int(memory[0], 123456);
    assert_equal_and_alike(&f, items[0], o);
    assert_equal_and_alike(&f, tn_probe_float(memory[1], 123456.0), o);
    tn_decref(f.mu, o);
    o = test_str(f.mu, "some key");
    items[1] = tn_probe_text(memory[2], TN_TYPE_STR, TN_SLICE("some key", 8));
    assert_equal_and_alike(&f, items[1], o);
    tn_decref(f.mu, o);
    assert_equal_and_alike(&f, tn_probe_text(memory[3], TN_TYPE_STR, TN_SLICE("", 0)),
                           test_str(f.mu, ""));
    o = test_tuple_2(f.mu, test_int(f.mu, 123456), test_str(f.mu, "some key"));
    assert_equal_and_alike(&f, tn_probe_tuple(memory[4], items, 2), o);
    tn_decref(f.mu, o);
    heap_fixture_teardown(&f);
}

static void test_a_probe_removes_a_key_without_memory(void **state)
{
    struct heap_fixture f;
    struct tn_object *dict;
    struct tn_object *value;
    struct tn_object *probe = tn_probe_text(memory[0], TN_TYPE_STR, TN_SLICE("some key", 8));

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    dict = test_dict(f.mu);
    test_set(f.mu, dict, test_str(f.mu, "some key"), test_int(f.mu, 1000));
    tn_incref(f.mu, probe); /* which changes nothing */
    tn_decref(f.mu, probe);
    tn_decref(f.mu, probe);
    assert_int_equal(tn_dict_pop(f.mu, dict, probe, &value, NULL), 0);
    assert_int_equal(tn_int_value(value), 1000);
    tn_decref(f.mu, value);
    assert_int_equal(tn_dict_pop(f.mu, dict, probe, &value, NULL), TN_ERR_KEY);
    tn_decref(f.mu, dict);
    heap_fixture_teardown(&f);
}

/* Of frozensets in tuples in frozensets, with members that come twice. */
static void test_a_probe_of_a_frozenset_is_found(void **state)
{
    static uint64_t room[2][64];
    struct heap_fixture f;
    struct tn_object *items[3];
    struct tn_object *set;
    struct tn_object *o;
    const struct tn_object *bad;
    bool is_there;

    (void)state;
    heap_fixture_setup(&f, TN_MODE_BIASED);
    assert_true(tn_probe_frozenset_bytes(3) <= sizeof(room[0]));
    o = test_frozenset(f.mu);
    (void)test_add(f.mu, o, test_int(f.mu, 1000));
    (void)test_add(f.mu, o, test_str(f.mu, "a"));
    items[0] = tn_probe_text(memory[0], TN_TYPE_STR, TN_SLICE("a", 1));
    items[1] = tn_probe_float(memory[1], 1000.0);
    items[2] = tn_probe_int(memory[2], 1000);
    assert_int_equal(tn_probe_frozenset(f.heap, room[0], items, 3, &items[0], &bad), 0);
    assert_int_equal(tn_set_length(items[0]), 2);
    assert_equal_and_alike(&f, items[0], o);

    set = test_set_of_ints(f.mu, 0, 0);
    assert_true(test_add(f.mu, set, test_tuple_1(f.mu, o)));
    items[0] = tn_probe_tuple(memory[3], items, 1);
    assert_int_equal(tn_set_discard(f.mu, set, items[0], &is_there), 0);
    assert_true(is_there);
    items[1] = test_set_of_ints(f.mu, 0, 1);
    assert_int_equal(tn_probe_frozenset(f.heap, room[1], items, 2, &o, &bad), TN_ERR_UNHASHABLE);
    assert_ptr_equal(bad, items[1]);
    assert_int_equal(tn_probe_frozenset(f.heap, room[1], items, 0, &o, &bad), 0);
    assert_int_equal(tn_set_length(o), 0);
    tn_decref(f.mu, items[1]);
    tn_decref(f.mu, set);
    heap_fixture_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes_equal_what_they_stand_for),
        cmocka_unit_test(test_a_probe_removes_a_key_without_memory),
        cmocka_unit_test(test_a_probe_of_a_frozenset_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
