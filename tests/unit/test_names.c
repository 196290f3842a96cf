/* SPDX-License-Identifier: MIT */
/*
 * Namespaces and names: binding, looking up, preconditions, versions, memory.
 * Scans are in test_names_scan.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/memory/fault.h"
#include "core/object/mutator.h"
#include "tests/support/heap_fixture.h"

#define NAME(s) TN_SLICE_LITERAL(s)

struct fixture {
    struct heap_fixture heap;
    struct tn_namespace *ns;
};

static void setup(struct fixture *f, enum tn_mode mode)
{
    heap_fixture_setup(&f->heap, mode);
    assert_int_equal(tn_namespace_open(f->heap.mu, NAME("main"), &f->ns), 0);
}

static void teardown(struct fixture *f)
{
    heap_fixture_teardown(&f->heap);
}

static struct tn_object *new_int(struct fixture *f, int64_t value)
{
    struct tn_object *o;

    assert_int_equal(tn_int_new(f->heap.mu, value, &o), 0);
    return o;
}

static uint64_t bind_name(struct fixture *f, struct tn_slice name, struct tn_object *o)
{
    struct tn_name_change change;

    assert_int_equal(tn_name_bind(f->heap.mu, f->ns, name, &o, NULL, &change), 0);
    assert_null(o);
    return change.version;
}

static uint64_t unbind_name(struct fixture *f, struct tn_slice name)
{
    struct tn_name_change change;

    assert_int_equal(tn_name_unbind(f->heap.mu, f->ns, name, NULL, &change), 0);
    assert_true(change.existed);
    return change.version;
}

static struct tn_object *lookup(struct fixture *f, struct tn_slice name)
{
    struct tn_object *o = NULL;
    int r = tn_name_lookup(f->heap.mu, f->ns, name, &o, NULL);

    assert_true(r == 0 ? o != NULL : r == TN_ERR_NAME && o == NULL);
    return o;
}

static uint64_t version_of(struct fixture *f, struct tn_slice name)
{
    struct tn_object *o;
    uint64_t version;

    assert_int_equal(tn_name_lookup(f->heap.mu, f->ns, name, &o, &version), 0);
    return version;
}

static int64_t count_of(const struct tn_object *o)
{
    struct tn_refcount count = tn_refcount_read(o);

    return count.local + count.shared;
}

static int64_t live_bytes(struct fixture *f)
{
    struct tn_census census;

    heap_fixture_settle(&f->heap);
    tn_census_take(f->heap.heap, &census);
    return (int64_t)census.live_bytes;
}

/* ---- Namespaces ---- */

static void test_namespace_open_twice_gives_the_same(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_namespace *other, *again;

        setup(&f, mode);
        assert_int_equal(tn_namespace_open(f.heap.mu, NAME("other"), &other), 0);
        assert_ptr_not_equal(other, f.ns);
        assert_int_equal(tn_namespace_open(f.heap.mu, NAME("main"), &again), 0);
        assert_ptr_equal(again, f.ns);
        assert_int_equal(tn_namespace_open(f.heap.mu, NAME("mai"), &again), 0);
        assert_ptr_not_equal(again, f.ns);
        teardown(&f);
    }
}

static void test_namespace_names_are_apart(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_namespace *other;
        struct tn_object *o;

        setup(&f, mode);
        assert_int_equal(tn_namespace_open(f.heap.mu, NAME("other"), &other), 0);
        bind_name(&f, NAME("x"), new_int(&f, 1000));
        assert_int_equal(tn_name_lookup(f.heap.mu, other, NAME("x"), &o, NULL), TN_ERR_NAME);
        unbind_name(&f, NAME("x"));
        teardown(&f);
    }
}

static void test_namespace_open_with_bad_name_is_refused(void **state)
{
    static const char name[TN_NAME_BYTES_MAX + 1] = { 'n' };
    struct tn_namespace *ns = NULL;
    struct fixture f;

    (void)state;
    setup(&f, TN_MODE_BIASED);
    assert_int_equal(tn_namespace_open(f.heap.mu, NAME(""), &ns), TN_ERR_INVAL);
    assert_int_equal(tn_namespace_open(f.heap.mu, TN_SLICE(name, sizeof(name)), &ns), TN_ERR_INVAL);
    assert_null(ns);
    assert_int_equal(tn_namespace_open(f.heap.mu, TN_SLICE(name, sizeof(name) - 1), &ns), 0);
    teardown(&f);
}

struct tally {
    size_t n_namespaces;
    uint64_t n_names;
    uint64_t n_in_main;
};

static void count_namespace(struct tn_slice name, uint64_t n_names, void *arg)
{
    struct tally *tally = arg;

    tally->n_namespaces++;
    tally->n_names += n_names;
    if (tn_slice_equal(name, NAME("main")))
        tally->n_in_main = n_names;
}

static void test_namespaces_beyond_the_limit_are_refused(void **state)
{
    struct fixture f;
    struct tn_namespace *ns = NULL;
    struct tally tally = { 0 };
    char name[16];

    (void)state;
    setup(&f, TN_MODE_BIASED);
    for (size_t i = 1; i < TN_NAMESPACES_MAX; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        assert_int_equal(tn_namespace_open(f.heap.mu, tn_slice_from_str(name), &ns), 0);
    }
    assert_int_equal(tn_namespace_open(f.heap.mu, NAME("more"), &ns), TN_ERR_TOO_MANY);
    assert_int_equal(tn_namespace_open(f.heap.mu, NAME("1"), &ns), 0);
    bind_name(&f, NAME("x"), new_int(&f, 1000));
    bind_name(&f, NAME("y"), new_int(&f, 1000));
    tn_namespaces_each(f.heap.heap, count_namespace, &tally);
    assert_int_equal(tally.n_namespaces, TN_NAMESPACES_MAX);
    assert_int_equal(tally.n_names, 2);
    assert_int_equal(tally.n_in_main, 2);
    unbind_name(&f, NAME("x"));
    unbind_name(&f, NAME("y"));
    teardown(&f);
}

/* ---- Names ---- */

static void test_bind_then_lookup_borrows_the_object(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_object *o;

        setup(&f, mode);
        assert_null(lookup(&f, NAME("x")));
        o = new_int(&f, 1000);
        bind_name(&f, NAME("x"), o);
        assert_ptr_equal(lookup(&f, NAME("x")), o);
        assert_null(lookup(&f, NAME("X")));
        assert_null(lookup(&f, NAME("xx")));
        assert_int_equal(count_of(o), 1);
        unbind_name(&f, NAME("x"));
        assert_null(lookup(&f, NAME("x")));
        teardown(&f);
    }
}

static void test_bind_two_names_to_one_object_counts_both(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_object *o;

        setup(&f, mode);
        o = new_int(&f, 1000);
        tn_incref(f.heap.mu, o);
        bind_name(&f, NAME("x"), o);
        bind_name(&f, NAME("y"), o);
        assert_int_equal(count_of(o), 2);
        unbind_name(&f, NAME("x"));
        assert_int_equal(count_of(o), 1);
        assert_ptr_equal(lookup(&f, NAME("y")), o);
        unbind_name(&f, NAME("y"));
        teardown(&f);
    }
}

static void test_bind_again_drops_the_object_before(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_object *first, *second;
        struct tn_name_change change;

        setup(&f, mode);
        first = new_int(&f, 1000);
        tn_incref(f.heap.mu, first);
        second = new_int(&f, 2000);
        bind_name(&f, NAME("x"), first);
        assert_int_equal(count_of(first), 2);
        assert_int_equal(tn_name_bind(f.heap.mu, f.ns, NAME("x"), &second, NULL, &change), 0);
        assert_true(change.existed);
        assert_int_equal(count_of(first), 1);
        assert_int_equal(tn_int_value(lookup(&f, NAME("x"))), 2000);
        /* To itself as well. */
        bind_name(&f, NAME("x"), first);
        tn_incref(f.heap.mu, first);
        bind_name(&f, NAME("x"), first);
        assert_int_equal(count_of(first), 1);
        unbind_name(&f, NAME("x"));
        teardown(&f);
    }
}

static void test_bind_bad_name_is_refused(void **state)
{
    static const char name[TN_NAME_BYTES_MAX + 1] = { 'n' };
    struct fixture f;
    struct tn_object *o;

    (void)state;
    setup(&f, TN_MODE_BIASED);
    o = new_int(&f, 1000);
    assert_int_equal(tn_name_bind(f.heap.mu, f.ns, NAME(""), &o, NULL, NULL), TN_ERR_INVAL);
    assert_int_equal(tn_name_bind(f.heap.mu, f.ns, TN_SLICE(name, sizeof(name)), &o, NULL, NULL),
                     TN_ERR_INVAL);
    assert_non_null(o);
    assert_null(lookup(&f, NAME("")));
    assert_null(lookup(&f, TN_SLICE(name, sizeof(name))));
    assert_int_equal(tn_name_unbind(f.heap.mu, f.ns, NAME(""), NULL, NULL), TN_ERR_NAME);
    tn_drop(f.heap.mu, &o);
    teardown(&f);
}

static void test_bind_names_of_every_length_keeps_all_bytes(void **state)
{
    char name[TN_NAME_BYTES_MAX];

    (void)state;
    memset(name, 0, sizeof(name)); /* NUL is a byte like others */
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;

        setup(&f, mode);
        for (size_t len = 1; len <= sizeof(name); len++)
            bind_name(&f, TN_SLICE(name, len), new_int(&f, (int64_t)(1000 + len)));
        for (size_t len = 1; len <= sizeof(name); len++)
            assert_int_equal(tn_int_value(lookup(&f, TN_SLICE(name, len))), 1000 + len);
        for (size_t len = 1; len <= sizeof(name); len++)
            unbind_name(&f, TN_SLICE(name, len));
        teardown(&f);
    }
}

static void test_unbind_missing_name_is_an_error(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;

        setup(&f, mode);
        assert_int_equal(tn_name_unbind(f.heap.mu, f.ns, NAME("x"), NULL, NULL), TN_ERR_NAME);
        bind_name(&f, NAME("x"), new_int(&f, 1000));
        unbind_name(&f, NAME("x"));
        assert_int_equal(tn_name_unbind(f.heap.mu, f.ns, NAME("x"), NULL, NULL), TN_ERR_NAME);
        teardown(&f);
    }
}

static void test_lookup_in_steps_finds_the_same(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        char name[16];

        setup(&f, mode);
        for (int i = 0; i < 3000; i++) {
            snprintf(name, sizeof(name), "%d", i);
            bind_name(&f, tn_slice_from_str(name), new_int(&f, 1000 + i));
        }
        for (int i = 0; i < 3000; i++) {
            struct tn_object *o;
            uint64_t hash, version;

            snprintf(name, sizeof(name), "%d", i);
            hash = tn_name_prefetch(f.ns, tn_slice_from_str(name));
            tn_name_prefetch_entry(f.ns, hash);
            assert_int_equal(
                tn_name_lookup_hashed(f.heap.mu, f.ns, tn_slice_from_str(name), hash, &o, &version),
                0);
            assert_ptr_equal(o, lookup(&f, tn_slice_from_str(name)));
            assert_int_equal(version, version_of(&f, tn_slice_from_str(name)));
            unbind_name(&f, tn_slice_from_str(name));
            tn_name_prefetch_entry(f.ns, hash);
        }
        teardown(&f);
    }
}

/* ---- Versions and preconditions ---- */

static void test_versions_of_a_name_only_grow(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        uint64_t last = 0;

        setup(&f, mode);
        for (int i = 0; i < 100; i++) {
            uint64_t version = bind_name(&f, NAME("x"), new_int(&f, 1000 + i));

            assert_true(version > last);
            assert_int_equal(version_of(&f, NAME("x")), version);
            last = version;
            if (i % 3 == 0)
                assert_int_equal(unbind_name(&f, NAME("x")), version);
        }
        assert_null(lookup(&f, NAME("x")));
        teardown(&f);
    }
}

static int try_bind(struct fixture *f, struct tn_slice name, struct tn_name_require require)
{
    struct tn_object *o = new_int(f, 7777);
    struct tn_object *before = o;
    int r = tn_name_bind(f->heap.mu, f->ns, name, &o, &require, NULL);

    assert_ptr_equal(o, r == 0 ? NULL : before);
    tn_drop(f->heap.mu, &o);
    return r;
}

static int try_unbind(struct fixture *f, struct tn_slice name, struct tn_name_require require)
{
    return tn_name_unbind(f->heap.mu, f->ns, name, &require, NULL);
}

static void test_bind_checks_what_is_required(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_object *o, *other;
        uint64_t version;

        setup(&f, mode);
        o = new_int(&f, 1000);
        other = new_int(&f, 2000);
        /* Of a name that is not there. */
        assert_int_equal(try_bind(&f, NAME("x"), (struct tn_name_require){ .object = o }),
                         TN_ERR_PRECONDITION);
        assert_int_equal(try_bind(&f, NAME("x"), (struct tn_name_require){ .version = 1 }),
                         TN_ERR_PRECONDITION);
        assert_null(lookup(&f, NAME("x")));
        assert_int_equal(try_bind(&f, NAME("x"), (struct tn_name_require){ .absent = true }), 0);
        /* Of one that is. */
        version = bind_name(&f, NAME("x"), o);
        assert_int_equal(try_bind(&f, NAME("x"), (struct tn_name_require){ .absent = true }),
                         TN_ERR_PRECONDITION);
        assert_int_equal(try_bind(&f, NAME("x"), (struct tn_name_require){ .object = other }),
                         TN_ERR_PRECONDITION);
        assert_int_equal(
            try_bind(&f, NAME("x"), (struct tn_name_require){ .version = version - 1 }),
            TN_ERR_PRECONDITION);
        assert_int_equal(try_bind(&f, NAME("x"),
                                  (struct tn_name_require){ .object = other, .version = version }),
                         TN_ERR_PRECONDITION);
        assert_ptr_equal(lookup(&f, NAME("x")), o);
        assert_int_equal(version_of(&f, NAME("x")), version);
        assert_int_equal(
            try_bind(&f, NAME("x"), (struct tn_name_require){ .object = o, .version = version }),
            0);
        assert_int_equal(tn_int_value(lookup(&f, NAME("x"))), 7777);
        assert_true(version_of(&f, NAME("x")) > version);
        unbind_name(&f, NAME("x"));
        tn_drop(f.heap.mu, &other);
        teardown(&f);
    }
}

static void test_unbind_checks_what_is_required(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_object *o, *other;
        uint64_t version;

        setup(&f, mode);
        o = new_int(&f, 1000);
        other = new_int(&f, 2000);
        version = bind_name(&f, NAME("x"), o);
        assert_int_equal(try_unbind(&f, NAME("x"), (struct tn_name_require){ .absent = true }),
                         TN_ERR_PRECONDITION);
        assert_int_equal(try_unbind(&f, NAME("x"), (struct tn_name_require){ .object = other }),
                         TN_ERR_PRECONDITION);
        assert_int_equal(
            try_unbind(&f, NAME("x"), (struct tn_name_require){ .version = version + 1 }),
            TN_ERR_PRECONDITION);
        assert_ptr_equal(lookup(&f, NAME("x")), o);
        assert_int_equal(
            try_unbind(&f, NAME("x"), (struct tn_name_require){ .object = o, .version = version }),
            0);
        assert_int_equal(try_unbind(&f, NAME("x"), (struct tn_name_require){ .object = o }),
                         TN_ERR_NAME);
        tn_drop(f.heap.mu, &other);
        teardown(&f);
    }
}

/* ---- Memory ---- */

static void test_names_cost_little_beyond_their_keys(void **state)
{
    enum {
        N = 20000,
        LEN = 16
    };
    char name[LEN + 1];

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        struct tn_object *o;
        int64_t before;

        setup(&f, mode);
        o = new_int(&f, 1000);
        before = live_bytes(&f);
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof(name), "%0*d", LEN, i);
            tn_incref(f.heap.mu, o);
            bind_name(&f, tn_slice_from_str(name), o);
        }
        /* The key, 16 bytes, and about 12 in the index, old arrays included. */
        assert_in_range(live_bytes(&f) - before, N * (LEN + 16 + 9), N * (LEN + 16 + 16));
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof(name), "%0*d", LEN, i);
            unbind_name(&f, tn_slice_from_str(name));
        }
        assert_int_equal(live_bytes(&f), before);
        tn_drop(f.heap.mu, &o);
        teardown(&f);
    }
}

static void test_bind_without_memory_changes_nothing(void **state)
{
    (void)state;
    if (!TN_DEBUG)
        skip();
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        int64_t n_refused = 0;
        char name[16];

        setup(&f, mode);
        for (int i = 0; i < 500; i++) {
            struct tn_object *o = new_int(&f, 1000 + i);
            struct tn_slice slice;
            int r;

            snprintf(name, sizeof(name), "%d", i);
            slice = tn_slice_from_str(name);
            for (int n = 0;; n++) {
                struct tn_object *before = o;

                tn_fault_fail_after(n);
                r = tn_name_bind(f.heap.mu, f.ns, slice, &o, NULL, NULL);
                tn_fault_fail_after(-1);
                if (r == 0)
                    break;
                assert_int_equal(r, TN_ERR_NOMEM);
                assert_ptr_equal(o, before);
                assert_int_equal(count_of(o), 1);
                assert_null(lookup(&f, slice));
                n_refused++;
            }
            assert_null(o);
        }
        assert_in_range(n_refused, 500, 5000);
        /* What exists is bound and removed without any. */
        for (int i = 0; i < 500; i++) {
            struct tn_object *o = new_int(&f, 5000 + i);

            snprintf(name, sizeof(name), "%d", i);
            tn_fault_fail_after(0);
            bind_name(&f, tn_slice_from_str(name), o);
            assert_int_equal(tn_int_value(lookup(&f, tn_slice_from_str(name))), 5000 + i);
            unbind_name(&f, tn_slice_from_str(name));
            tn_fault_fail_after(-1);
        }
        teardown(&f);
    }
}

static void test_namespace_open_without_memory_can_be_repeated(void **state)
{
    struct fixture f;
    struct tn_namespace *ns = NULL;
    int n_refused = 0;

    (void)state;
    if (!TN_DEBUG)
        skip();
    setup(&f, TN_MODE_BIASED);
    for (int n = 0;; n++) {
        int r;

        tn_fault_fail_after(n);
        r = tn_namespace_open(f.heap.mu, NAME("other"), &ns);
        tn_fault_fail_after(-1);
        if (r == 0)
            break;
        assert_int_equal(r, TN_ERR_NOMEM);
        assert_null(ns);
        n_refused++;
    }
    assert_in_range(n_refused, 1, 10);
    teardown(&f);
}

static void test_bind_beyond_the_memory_limit_is_refused_and_works_again(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct tn_heap_options options = { .mode = (enum tn_mode)mode,
                                           .max_memory_bytes = 12u << 20 };
        struct fixture f;
        char name[600];
        int n = 0;
        int r;

        heap_fixture_setup_with(&f.heap, &options);
        assert_int_equal(tn_namespace_open(f.heap.mu, NAME("main"), &f.ns), 0);
        memset(name, 'n', sizeof(name));
        for (;; n++) {
            struct tn_object *o = tn_none(f.heap.heap);

            snprintf(name, sizeof(name), "%07d", n);
            r = tn_name_bind(f.heap.mu, f.ns, TN_SLICE(name, sizeof(name)), &o, NULL, NULL);
            if (r < 0)
                break;
        }
        assert_int_equal(r, TN_ERR_LIMIT);
        assert_in_range(n, 1000, 40000);
        assert_null(lookup(&f, TN_SLICE(name, sizeof(name))));
        for (int i = 0; i < n; i++) {
            snprintf(name, sizeof(name), "%07d", i);
            assert_non_null(lookup(&f, TN_SLICE(name, sizeof(name))));
            if (i < n / 2)
                unbind_name(&f, TN_SLICE(name, sizeof(name)));
        }
        heap_fixture_settle(&f.heap);
        for (int i = 0; i < n; i++) {
            snprintf(name, sizeof(name), "%07d", i);
            if (i < n / 4)
                bind_name(&f, TN_SLICE(name, sizeof(name)), tn_none(f.heap.heap));
            if (i < n / 4 || i >= n / 2)
                unbind_name(&f, TN_SLICE(name, sizeof(name)));
        }
        teardown(&f);
    }
}

static void test_heap_free_drops_the_names(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;
        char name[16];

        setup(&f, mode);
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof(name), "%d", i);
            bind_name(&f, tn_slice_from_str(name), new_int(&f, 1000 + i));
        }
        tn_thread_offline(f.heap.thread);
        tn_thread_detach(&f.heap.thread);
        assert_int_equal(tn_heap_free(&f.heap.heap), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_namespace_open_twice_gives_the_same),
        cmocka_unit_test(test_namespace_names_are_apart),
        cmocka_unit_test(test_namespace_open_with_bad_name_is_refused),
        cmocka_unit_test(test_namespaces_beyond_the_limit_are_refused),
        cmocka_unit_test(test_bind_then_lookup_borrows_the_object),
        cmocka_unit_test(test_bind_two_names_to_one_object_counts_both),
        cmocka_unit_test(test_bind_again_drops_the_object_before),
        cmocka_unit_test(test_bind_bad_name_is_refused),
        cmocka_unit_test(test_bind_names_of_every_length_keeps_all_bytes),
        cmocka_unit_test(test_unbind_missing_name_is_an_error),
        cmocka_unit_test(test_lookup_in_steps_finds_the_same),
        cmocka_unit_test(test_versions_of_a_name_only_grow),
        cmocka_unit_test(test_bind_checks_what_is_required),
        cmocka_unit_test(test_unbind_checks_what_is_required),
        cmocka_unit_test(test_names_cost_little_beyond_their_keys),
        cmocka_unit_test(test_bind_without_memory_changes_nothing),
        cmocka_unit_test(test_namespace_open_without_memory_can_be_repeated),
        cmocka_unit_test(test_bind_beyond_the_memory_limit_is_refused_and_works_again),
        cmocka_unit_test(test_heap_free_drops_the_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
