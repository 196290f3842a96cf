/* SPDX-License-Identifier: MIT */
/* Classes and records: what Python's classes with __slots__ do, and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/records.h"

static void in_all_modes(void (*test)(struct heap_fixture *f, bool is_published))
{
    for (int i = 0; i < 6; i++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)(i / 2));
        test(&f, i % 2 != 0);
        heap_fixture_expect_empty(&f);
        assert_int_equal(tn_interned_validate(f.heap), 0);
        heap_fixture_teardown(&f);
    }
}

static void publish_if(struct heap_fixture *f, struct tn_object *o, bool is_published)
{
    if (is_published)
        tn_publish(f->mu, o);
}

/* The value of an attribute, an int; -1 if there is none. */
static int64_t attr(struct heap_fixture *f, struct tn_object *record, const char *name)
{
    struct tn_object *value;
    int r = test_attr_get(f->mu, record, name, &value);

    if (r < 0) {
        assert_int_equal(r, TN_ERR_KEY);
        return -1;
    }
    return tn_int_value(value);
}

/* The attributes in order, as "x=1 y=2", read `per_page` at a time. */
static const char *show(struct heap_fixture *f, struct tn_object *record, size_t per_page)
{
    static char text[1000];
    struct tn_dict_item items[100];
    uint64_t cursor = 0;
    size_t n = 0;
    size_t len = 0;

    text[0] = '\0';
    do {
        assert_int_equal(tn_record_scan(f->mu, record, &cursor, per_page, items, &n), 0);
        assert_true(n <= per_page);
        assert_true(n > 0 || cursor == 0);
        for (size_t i = 0; i < n; i++) {
            struct tn_slice name = tn_text_slice(items[i].key);

            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s=%lld",
                                    len == 0 ? "" : " ", (int)name.len, (const char *)name.data,
                                    (long long)tn_int_value(items[i].value));
        }
    } while (cursor != 0);
    return text;
}

static void expect_attrs(struct heap_fixture *f, struct tn_object *record, const char *expected)
{
    struct tn_dict_item items[1];
    uint64_t cursor = 0;
    size_t n;

    for (size_t per_page = 1; per_page < 8; per_page++)
        assert_string_equal(show(f, record, per_page), expected);
    assert_int_equal(tn_record_scan(f->mu, record, &cursor, 0, items, &n), TN_ERR_INVAL);
}

/* ---- Classes ---- */

static void declaring(struct heap_fixture *f, bool is_published)
{
    struct tn_object *point = test_class(f->mu, "Point", "x y", NULL, false);
    struct tn_object *same = test_class(f->mu, "Point", "x y", NULL, false);
    struct tn_object *spot;
    struct tn_object *none;
    uint32_t hash;

    publish_if(f, point, is_published);
    assert_true(tn_slice_equal(tn_class_name(point), tn_slice_from_str("Point")));
    assert_int_equal(tn_class_n_slots(point), 2);
    assert_int_equal(tn_class_n_inherited(point), 0);
    assert_null(tn_class_base(point));
    assert_false(tn_class_has_dict(point));
    assert_false(tn_class_has_finalizer(point));
    assert_ptr_equal(tn_class_slot_name(point, 1), tn_class_slot_name(same, 1)); /* one copy */
    assert_false(test_is_equal(f, point, same));
    assert_true(test_is_equal(f, point, point));
    assert_int_equal(tn_hash(f->heap, point, &hash), 0);

    spot = test_class(f->mu, "Spot", "colour", point, true);
    none = test_class(f->mu, "Nothing", "", spot, false);
    assert_int_equal(tn_class_n_slots(spot), 3);
    assert_int_equal(tn_class_n_inherited(spot), 2);
    assert_ptr_equal(tn_class_base(spot), point);
    assert_true(tn_slice_equal(tn_text_slice(tn_class_slot_name(spot, 0)), tn_slice_from_str("x")));
    assert_true(
        tn_slice_equal(tn_text_slice(tn_class_slot_name(spot, 2)), tn_slice_from_str("colour")));
    assert_true(tn_class_has_dict(spot));
    assert_true(tn_class_has_dict(none));
    assert_int_equal(tn_class_n_slots(none), 3);
    assert_int_equal(tn_class_record_bytes(point), 40);
    assert_int_equal(tn_class_record_bytes(spot), 56);
    tn_decref(f->mu, point); /* the others keep it */
    heap_fixture_settle(f);
    assert_true(tn_slice_equal(tn_class_name(tn_class_base(spot)), tn_slice_from_str("Point")));
    tn_decref(f->mu, spot);
    tn_decref(f->mu, none);
    tn_decref(f->mu, same);
}

static void test_class_has_the_slots_of_its_base_first(void **state)
{
    (void)state;
    in_all_modes(declaring);
}

static void impossible(struct heap_fixture *f, bool is_published)
{
    struct tn_object *base = test_class(f->mu, "Base", "x y", NULL, false);
    struct tn_object *list = test_list(f->mu);
    struct tn_object *class = NULL;
    char slots[1000] = "s0";

    publish_if(f, base, is_published);
    assert_int_equal(test_try_class(f->mu, "A", "x x", NULL, false, &class), TN_ERR_INVAL);
    assert_int_equal(test_try_class(f->mu, "A", "z y", base, false, &class), TN_ERR_INVAL);
    assert_int_equal(test_try_class(f->mu, "A", "z", list, false, &class), TN_ERR_TYPE);
    for (int i = 1; i < 63; i++)
        (void)snprintf(slots + strlen(slots), 16, " s%d", i);
    assert_int_equal(test_try_class(f->mu, "A", slots, base, false, &class), TN_ERR_TOO_MANY);
    assert_null(class);
    class = test_class(f->mu, "A", slots, NULL, false);
    assert_int_equal(tn_class_n_slots(class), 63);
    tn_drop(f->mu, &class);
    (void)strcat(slots, " last");
    class = test_class(f->mu, "A", slots, NULL, true);
    assert_int_equal(tn_class_n_slots(class), 64);
    tn_drop(f->mu, &class);
    (void)strcat(slots, " more");
    assert_int_equal(test_try_class(f->mu, "A", slots, NULL, false, &class), TN_ERR_TOO_MANY);
    assert_null(class);
    tn_decref(f->mu, base);
    tn_decref(f->mu, list);
}

static void test_class_that_is_impossible_is_refused(void **state)
{
    (void)state;
    in_all_modes(impossible);
}

/* ---- Attributes ---- */

static void slots_only(struct heap_fixture *f, bool is_published)
{
    struct tn_object *point = test_class(f->mu, "Point", "x y", NULL, false);
    struct tn_object *p = test_record(f->mu, point);
    struct tn_object *value = test_int(f->mu, 1000);
    struct tn_object *name = test_str(f->mu, "z");

    publish_if(f, p, is_published);
    assert_int_equal(tn_shallow_bytes(p), 40);
    assert_ptr_equal(tn_record_class(p), point);
    assert_int_equal(attr(f, p, "x"), -1);
    expect_attrs(f, p, "");
    test_attr_set(f->mu, p, "y", test_int(f->mu, 2));
    expect_attrs(f, p, "y=2");
    test_attr_set(f->mu, p, "x", value);
    expect_attrs(f, p, "x=1000 y=2");
    assert_int_equal(tn_record_length(p), 2);
    assert_int_equal(tn_record_set(f->mu, p, name, &name), TN_ERR_KEY);
    assert_non_null(name);
    assert_int_equal(attr(f, p, "z"), -1);
    assert_int_equal(attr(f, p, "xx"), -1);
    assert_int_equal(test_attr_delete(f->mu, p, "z"), TN_ERR_KEY);
    assert_int_equal(test_attr_delete(f->mu, p, "y"), 0);
    assert_int_equal(test_attr_delete(f->mu, p, "y"), TN_ERR_KEY);
    assert_int_equal(attr(f, p, "y"), -1);
    expect_attrs(f, p, "x=1000");
    test_attr_set(f->mu, p, "x", test_int(f->mu, 7)); /* the old value goes */
    assert_int_equal(attr(f, p, "x"), 7);
    tn_decref(f->mu, point);
    assert_int_equal(attr(f, p, "x"), 7); /* it keeps its class */
    tn_decref(f->mu, p);
    tn_decref(f->mu, name);
}

static void test_record_with_slots_takes_no_others(void **state)
{
    (void)state;
    in_all_modes(slots_only);
}

static void with_dict(struct heap_fixture *f, bool is_published)
{
    struct tn_object *plain = test_class(f->mu, "Plain", "x", NULL, true);
    struct tn_object *p = test_record(f->mu, plain);
    struct tn_object *q = test_record(f->mu, plain);
    struct tn_dict_item items[2][2];
    char name[32];

    publish_if(f, p, is_published);
    assert_int_equal(test_attr_delete(f->mu, p, "colour"), TN_ERR_KEY);
    test_attr_set(f->mu, p, "colour", test_int(f->mu, 3));
    test_attr_set(f->mu, q, "colour", test_int(f->mu, 4));
    test_attr_set(f->mu, p, "x", test_int(f->mu, 1));
    expect_attrs(f, p, "x=1 colour=3");
    test_attr_set(f->mu, p, "colour", test_int(f->mu, 5));
    expect_attrs(f, p, "x=1 colour=5");
    for (int i = 0; i < 2; i++) {
        uint64_t cursor = 0;
        size_t n;

        assert_int_equal(tn_record_scan(f->mu, i == 0 ? p : q, &cursor, 2, items[i], &n), 0);
        assert_int_equal(n, 2 - i);
    }
    assert_ptr_equal(items[0][1].key, items[1][0].key); /* one copy of the name */
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "a%d", i);
        test_attr_set(f->mu, p, name, test_int(f->mu, i));
    }
    assert_int_equal(tn_record_length(p), 42);
    assert_int_equal(attr(f, p, "a17"), 17);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "a%d", i);
        assert_int_equal(test_attr_delete(f->mu, p, name), 0);
    }
    expect_attrs(f, p, "x=1 colour=5");
    tn_record_empty(f->mu, p);
    expect_attrs(f, p, "");
    tn_decref(f->mu, plain);
    tn_decref(f->mu, p);
    tn_decref(f->mu, q);
}

static void test_record_with_dict_takes_others_in_their_order(void **state)
{
    (void)state;
    in_all_modes(with_dict);
}

/* ---- Identity, keys, births and deaths ---- */

static void identity(struct heap_fixture *f, bool is_published)
{
    struct tn_object *point = test_class(f->mu, "Point", "x", NULL, false);
    struct tn_object *p = test_record(f->mu, point);
    struct tn_object *q = test_record(f->mu, point);
    struct tn_object *dict = test_dict(f->mu);
    struct tn_object *found;
    uint32_t hash = test_hash(f, p);

    publish_if(f, dict, is_published);
    assert_false(test_is_equal(f, p, q));
    assert_true(test_is_equal(f, p, p));
    for (int i = 0; i < 3; i++)
        tn_incref(f->mu, p);
    test_set(f->mu, dict, p, test_int(f->mu, 1));
    test_set(f->mu, dict, q, test_int(f->mu, 2));
    test_attr_set(f->mu, p, "x", test_int(f->mu, 5)); /* changes neither hash nor place */
    assert_int_equal(test_hash(f, p), hash);
    assert_int_equal(tn_dict_get(f->mu, dict, p, &found), 0);
    assert_int_equal(tn_int_value(found), 1);
    found = test_tuple_2(f->mu, p, test_int(f->mu, 1));
    assert_int_equal(tn_dict_get(f->mu, dict, found, &found), TN_ERR_KEY); /* but hashable */
    tn_decref(f->mu, found);
    tn_decref(f->mu, p);
    tn_decref(f->mu, p);
    tn_decref(f->mu, point);
    tn_decref(f->mu, dict);
}

static void test_record_is_a_key_by_identity(void **state)
{
    (void)state;
    in_all_modes(identity);
}

static uint8_t bits_of(const struct tn_object *o)
{
    return atomic_load_explicit(&o->bits, memory_order_relaxed);
}

static void births(struct heap_fixture *f, bool is_published)
{
    const struct tn_slice slot = tn_slice_from_str("x");
    struct tn_class_decl decl = {
        .name = tn_slice_from_str("Finalized"),
        .slots = &slot,
        .n_slots = 1,
        .has_finalizer = true,
    };
    struct tn_object *derived;
    struct tn_object *class;
    struct tn_object *p;
    struct tn_object *q;

    assert_int_equal(tn_class_new(f->mu, &decl, &class), 0);
    assert_true(tn_class_has_finalizer(class));
    derived = test_class(f->mu, "Derived", "y", class, false);
    assert_true(tn_class_has_finalizer(derived));
    p = test_record(f->mu, class);
    q = test_record(f->mu, derived);
    publish_if(f, p, is_published);
    assert_true((bits_of(p) & TN_BIT_FINALIZER) != 0);
    assert_true((bits_of(q) & TN_BIT_FINALIZER) != 0);
    assert_int_equal(tn_class_n_records(class), 1);
    assert_int_equal(tn_class_n_records(derived), 1);
    tn_decref(f->mu, p);
    heap_fixture_settle(f);
    assert_int_equal(tn_class_n_records(class), 0);
    assert_int_equal(tn_class_n_records(derived), 1);
    tn_decref(f->mu, q);
    tn_decref(f->mu, class);
    tn_decref(f->mu, derived);
}

static void test_record_is_counted_and_marked_at_birth(void **state)
{
    (void)state;
    in_all_modes(births);
}

/* A chain of records, each in a slot and in the dict of the one before. */
static void dies_in_steps(struct heap_fixture *f, bool is_published)
{
    struct tn_object *class = test_class(f->mu, "Node", "next", NULL, true);
    struct tn_object *head = test_record(f->mu, class);
    struct tn_census census;
    size_t n_steps = 0;

    for (int i = 0; i < 2000; i++) {
        struct tn_object *record = test_record(f->mu, class);

        tn_incref(f->mu, head);
        test_attr_set(f->mu, record, "again", head);
        test_attr_set(f->mu, record, "next", head);
        head = record;
    }
    publish_if(f, head, is_published);
    tn_decref(f->mu, head);
    do {
        (void)tn_thread_safepoint(f->thread, 8);
        tn_census_take(f->heap, &census);
        n_steps++;
    } while (census.dying_objs > 0);
    assert_true(n_steps >= 1000);
    tn_decref(f->mu, class);
}

static void test_record_chain_dies_within_budget(void **state)
{
    (void)state;
    in_all_modes(dies_in_steps);
}

/* What is never freed by counting is freed with the heap. */
static void cycle_at_the_end(enum tn_mode mode)
{
    struct heap_fixture f;
    struct tn_object *class;
    struct tn_object *p;

    heap_fixture_setup(&f, mode);
    class = test_class(f.mu, "Node", "self", NULL, true);
    p = test_record(f.mu, class);
    tn_incref(f.mu, p);
    test_attr_set(f.mu, p, "self", p);
    tn_incref(f.mu, p);
    test_attr_set(f.mu, p, "another", p);
    tn_publish(f.mu, p);
    tn_decref(f.mu, class);
    tn_decref(f.mu, p);
    tn_thread_offline(f.thread);
    tn_thread_detach(&f.thread);
    /* The record, its dict, its class, and the names "Node", "self" and "another". */
    assert_int_equal(tn_heap_free(&f.heap), 6);
}

static void test_record_cycle_ends_with_the_heap(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        cycle_at_the_end((enum tn_mode)mode);
}

/* ---- Without memory ---- */

enum operation {
    OP_CLASS,
    OP_DERIVED,
    OP_RECORD,
    OP_SET_SLOT,
    OP_SET_FIRST,
    OP_SET_NEXT,
    OP_SET_AGAIN,
    OP_POP,
    OP_END
};

struct scene {
    struct tn_object *class;
    struct tn_object *record;
    struct tn_object *value;
    struct tn_object *made;
    struct tn_object *name;
};

static int operate(struct heap_fixture *f, enum operation op, struct scene *s)
{
    switch (op) {
    case OP_CLASS:
        return test_try_class(f->mu, "New", "first second", NULL, true, &s->made);
    case OP_DERIVED:
        return test_try_class(f->mu, "New", "first second", s->class, true, &s->made);
    case OP_RECORD:
        return tn_record_new(f->mu, s->class, &s->made);
    case OP_POP:
        return tn_record_pop(f->mu, s->record, s->name, &s->made);
    default:
        return tn_record_set(f->mu, s->record, s->name, &s->value);
    }
}

static const char *const names[OP_END] = {
    [OP_SET_SLOT] = "slot",  [OP_SET_FIRST] = "first", [OP_SET_NEXT] = "next",
    [OP_SET_AGAIN] = "some", [OP_POP] = "some",
};

static int try_operation(struct heap_fixture *f, const void *arg)
{
    enum operation op = *(const enum operation *)arg;
    struct scene s = { .class = test_class(f->mu, "Class", "slot", NULL, true) };
    bool has_some = op >= OP_SET_NEXT;
    int r;

    s.record = test_record(f->mu, s.class);
    s.value = test_int(f->mu, 1000);
    s.name = test_str(f->mu, names[op] == NULL ? "none" : names[op]);
    if (has_some) {
        test_attr_set(f->mu, s.record, "some", test_int(f->mu, 1));
        test_attr_set(f->mu, s.record, "more", test_int(f->mu, 2));
    }
    publish_if(f, s.record, op % 2 == 0);
    test_faults_begin();
    r = operate(f, op, &s);
    test_faults_end();
    if (r < 0) {
        expect_attrs(f, s.record, has_some ? "some=1 more=2" : "");
        assert_null(s.made);
        assert_non_null(s.value);
        assert_true(op != OP_SET_SLOT && op != OP_POP);
    } else if (op == OP_SET_NEXT) {
        expect_attrs(f, s.record, "some=1 more=2 next=1000");
    }
    tn_drop(f->mu, &s.made);
    tn_drop(f->mu, &s.value);
    tn_drop(f->mu, &s.name);
    tn_drop(f->mu, &s.record);
    tn_drop(f->mu, &s.class);
    heap_fixture_expect_empty(f);
    return r;
}

static void no_memory(struct heap_fixture *f)
{
    for (enum operation op = OP_CLASS; op < OP_END; op++)
        test_failing_allocations(f, try_operation, &op);
}

static void test_record_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    test_in_all_modes(no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_has_the_slots_of_its_base_first),
        cmocka_unit_test(test_class_that_is_impossible_is_refused),
        cmocka_unit_test(test_record_with_slots_takes_no_others),
        cmocka_unit_test(test_record_with_dict_takes_others_in_their_order),
        cmocka_unit_test(test_record_is_a_key_by_identity),
        cmocka_unit_test(test_record_is_counted_and_marked_at_birth),
        cmocka_unit_test(test_record_chain_dies_within_budget),
        cmocka_unit_test(test_record_cycle_ends_with_the_heap),
        cmocka_unit_test(test_record_without_memory_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
