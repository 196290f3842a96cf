/* SPDX-License-Identifier: MIT */
#include "tests/support/objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/memory/fault.h"

struct tn_object *test_int(struct tn_mutator *mu, int64_t value)
{
    struct tn_object *o;

    assert_int_equal(tn_int_new(mu, value, &o), 0);
    return o;
}

struct tn_object *test_float(struct tn_mutator *mu, double value)
{
    struct tn_object *o;

    assert_int_equal(tn_float_new(mu, value, &o), 0);
    return o;
}

struct tn_object *test_str(struct tn_mutator *mu, const char *text)
{
    struct tn_object *o;

    assert_int_equal(tn_str_new(mu, tn_slice_from_str(text), &o), 0);
    return o;
}

struct tn_object *test_bytes(struct tn_mutator *mu, const void *content, size_t n_bytes)
{
    struct tn_object *o;

    assert_int_equal(tn_bytes_new(mu, TN_SLICE(content, n_bytes), &o), 0);
    return o;
}

struct tn_object *test_list(struct tn_mutator *mu)
{
    struct tn_object *o;

    assert_int_equal(tn_list_new(mu, 0, &o), 0);
    return o;
}

struct tn_object *test_dict(struct tn_mutator *mu)
{
    struct tn_object *o;

    assert_int_equal(tn_dict_new(mu, 0, &o), 0);
    return o;
}

struct tn_object *test_frozenset(struct tn_mutator *mu)
{
    struct tn_object *o;

    assert_int_equal(tn_frozenset_new(mu, 0, &o), 0);
    return o;
}

struct tn_object *test_set_of_ints(struct tn_mutator *mu, int64_t first, int64_t end)
{
    struct tn_object *o;

    assert_int_equal(tn_set_new(mu, 0, &o), 0);
    for (int64_t i = first; i < end; i++)
        (void)test_add(mu, o, test_int(mu, i)); /* the length tells */
    assert_int_equal(tn_set_length(o), end > first ? end - first : 0);
    return o;
}

bool test_add(struct tn_mutator *mu, struct tn_object *set, struct tn_object *member)
{
    size_t length = tn_set_length(set);
    bool is_new = false;

    if (set->type == TN_TYPE_SET) {
        assert_int_equal(tn_set_add(mu, set, &member, &is_new), 0);
        assert_int_equal(is_new, tn_set_length(set) > length);
    } else {
        assert_int_equal(tn_frozenset_fill(mu, set, &member), 0);
    }
    assert_null(member);
    return tn_set_length(set) > length;
}

struct tn_object *test_tuple_1(struct tn_mutator *mu, struct tn_object *item)
{
    struct tn_object *o;

    assert_int_equal(tn_tuple_new(mu, 1, &o), 0);
    tn_tuple_fill(mu, o, 0, &item);
    return o;
}

struct tn_object *test_tuple_2(struct tn_mutator *mu, struct tn_object *a, struct tn_object *b)
{
    struct tn_object *o;

    assert_int_equal(tn_tuple_new(mu, 2, &o), 0);
    tn_tuple_fill(mu, o, 0, &a);
    tn_tuple_fill(mu, o, 1, &b);
    return o;
}

struct tn_object *test_list_range(struct tn_mutator *mu, int64_t first, int64_t end)
{
    struct tn_object *list = test_list(mu);

    for (int64_t i = first; i < end; i++)
        test_append(mu, list, test_int(mu, i));
    return list;
}

void test_append(struct tn_mutator *mu, struct tn_object *list, struct tn_object *item)
{
    assert_int_equal(tn_list_append(mu, list, &item, NULL), 0);
    assert_null(item);
}

void test_set(struct tn_mutator *mu, struct tn_object *dict, struct tn_object *key,
              struct tn_object *value)
{
    assert_int_equal(tn_dict_set(mu, dict, &key, &value, NULL), 0);
    assert_null(key);
    assert_null(value);
}

bool test_is_equal(struct heap_fixture *f, struct tn_object *a, struct tn_object *b)
{
    bool is_equal;
    bool is_equal_turned;

    assert_int_equal(tn_equal(f->heap, a, b, &is_equal), 0);
    assert_int_equal(tn_equal(f->heap, b, a, &is_equal_turned), 0);
    assert_int_equal(is_equal, is_equal_turned);
    return is_equal;
}

uint32_t test_hash(struct heap_fixture *f, const struct tn_object *o)
{
    uint32_t hash;
    uint32_t again;

    assert_int_equal(tn_hash(f->heap, o, &hash), 0);
    assert_int_equal(tn_hash(f->heap, o, &again), 0);
    assert_int_equal(hash, again);
    return hash;
}

uint64_t test_live_objs(struct heap_fixture *f)
{
    struct tn_census census;

    tn_census_take(f->heap, &census);
    return census.live_objs;
}

uint64_t test_live_bytes(struct heap_fixture *f)
{
    struct tn_census census;

    tn_census_take(f->heap, &census);
    return census.live_bytes;
}

int64_t test_refcount(const struct tn_object *o)
{
    struct tn_refcount count = tn_refcount_read(o);

    return count.local + count.shared;
}

void test_in_all_modes(void (*test)(struct heap_fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)mode);
        test(&f);
        heap_fixture_teardown(&f);
    }
}

/* How many allocations succeed between begin and end; and whether any did not. */
static int64_t n_good;
static bool has_struck;

void test_faults_begin(void)
{
    tn_fault_fail_after(n_good);
}

void test_faults_end(void)
{
    if (tn_fault_count() > 0)
        has_struck = true;
    tn_fault_fail_after(-1);
}

void test_failing_allocations(struct heap_fixture *f,
                              int (*step)(struct heap_fixture *f, const void *arg), const void *arg)
{
    n_good = 0;
    do {
        int r;

        has_struck = false;
        r = step(f, arg);
        /* What need not have the memory may do without. */
        assert_true(r == 0 || (has_struck && r == TN_ERR_NOMEM));
        n_good++;
    } while (has_struck);
}
