/* SPDX-License-Identifier: MIT */
/* Interned strs: one copy of a text, and nothing left of it when nobody uses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/objects.h"

static struct tn_object *intern(struct heap_fixture *f, const char *text)
{
    struct tn_object *o;

    assert_int_equal(tn_str_intern(f->mu, tn_slice_from_str(text), &o), 0);
    assert_true(tn_slice_equal(tn_text_slice(o), tn_slice_from_str(text)));
    return o;
}

static void one_copy(struct heap_fixture *f)
{
    struct tn_object *a = intern(f, "colour");
    struct tn_object *b = intern(f, "colour");
    struct tn_object *other = intern(f, "shape");
    struct tn_object *plain = test_str(f->mu, "colour");

    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_ptr_not_equal(a, plain);
    assert_true(test_is_equal(f, a, plain));
    assert_int_equal(test_hash(f, a), test_hash(f, plain));
    assert_int_equal(test_refcount(a), 2);
    assert_int_equal(tn_interned_validate(f->heap), 2);
    tn_decref(f->mu, a);
    heap_fixture_settle(f);
    assert_int_equal(tn_interned_validate(f->heap), 2);
    tn_decref(f->mu, b);
    heap_fixture_settle(f);
    assert_int_equal(tn_interned_validate(f->heap), 1);
    tn_decref(f->mu, other);
    tn_decref(f->mu, plain);
}

static void test_interned_strs_are_one_object(void **state)
{
    (void)state;
    test_in_all_modes(one_copy);
}

static void immortals(struct heap_fixture *f)
{
    assert_ptr_equal(intern(f, ""), test_str(f->mu, ""));
    assert_ptr_equal(intern(f, "x"), test_str(f->mu, "x"));
    assert_int_equal(tn_interned_validate(f->heap), 0);
}

static void test_interned_immortals_need_no_table(void **state)
{
    (void)state;
    test_in_all_modes(immortals);
}

/* The dead one is still in the table when its text is asked for again. */
static void never_revived(struct heap_fixture *f)
{
    struct tn_object *dead = intern(f, "phoenix");
    struct tn_object *fresh;

    tn_decref(f->mu, dead);
    fresh = intern(f, "phoenix");
    assert_ptr_not_equal(fresh, dead);
    assert_int_equal(test_refcount(fresh), 1);
    assert_int_equal(tn_interned_validate(f->heap), 1);
    heap_fixture_settle(f); /* the dead one finds itself replaced */
    assert_int_equal(tn_interned_validate(f->heap), 1);
    assert_ptr_equal(intern(f, "phoenix"), fresh);
    tn_decref(f->mu, fresh);
    tn_decref(f->mu, fresh);
    fresh = intern(f, "phoenix");
    tn_decref(f->mu, fresh);
    fresh = intern(f, "phoenix");
    tn_decref(f->mu, fresh);
    heap_fixture_settle(f);
    assert_int_equal(tn_interned_validate(f->heap), 0);
}

static void test_interned_dead_strs_are_never_revived(void **state)
{
    (void)state;
    test_in_all_modes(never_revived);
}

#define N_MANY 3000

static void many(struct heap_fixture *f)
{
    static struct tn_object *strs[N_MANY];
    char text[32];

    for (int i = 0; i < N_MANY; i++) {
        (void)snprintf(text, sizeof(text), "attribute %d", i);
        strs[i] = intern(f, text);
    }
    assert_int_equal(tn_interned_validate(f->heap), N_MANY);
    for (int i = 0; i < N_MANY; i += 2) {
        tn_decref(f->mu, strs[i]);
        if (i % 200 == 0)
            (void)tn_thread_safepoint(f->thread, 100);
    }
    heap_fixture_settle(f);
    assert_int_equal(tn_interned_validate(f->heap), N_MANY / 2);
    for (int i = 1; i < N_MANY; i += 2) {
        (void)snprintf(text, sizeof(text), "attribute %d", i);
        assert_ptr_equal(intern(f, text), strs[i]);
        tn_decref(f->mu, strs[i]);
        tn_decref(f->mu, strs[i]);
    }
    heap_fixture_settle(f);
    assert_int_equal(tn_interned_validate(f->heap), 0);
}

static void test_interned_table_grows_and_shrinks(void **state)
{
    (void)state;
    test_in_all_modes(many);
}

static int try_intern(struct heap_fixture *f, const void *arg)
{
    struct tn_object *o = NULL;
    int r;

    (void)arg;
    test_faults_begin();
    r = tn_str_intern(f->mu, tn_slice_from_str("without memory"), &o);
    test_faults_end();
    assert_true((o != NULL) == (r == 0));
    heap_fixture_settle(f);
    assert_int_equal(tn_interned_validate(f->heap), r == 0);
    tn_drop(f->mu, &o);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    test_failing_allocations(f, try_intern, NULL);
}

static void test_interned_without_memory_leaves_nothing(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interned_strs_are_one_object),
        cmocka_unit_test(test_interned_immortals_need_no_table),
        cmocka_unit_test(test_interned_dead_strs_are_never_revived),
        cmocka_unit_test(test_interned_table_grows_and_shrinks),
        cmocka_unit_test(test_interned_without_memory_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
