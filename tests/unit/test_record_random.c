/* SPDX-License-Identifier: MIT */
/*
 * Random operations on records, and the same on naive ones: for each class a list of
 * names, for each record an array of values by attribute. Values are records, too, so
 * that there are cycles. After every few operations all is compared: what each
 * record holds and in which order, and how often everything is referred to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/records.h"

#define N_NAMES 12 /* the first of these are slots, as many as the class has */
#define N_CLASSES 4
#define N_RECORDS 10
#define N_OPERATIONS 20000 /* in each mode */

struct model_record {
    struct tn_object *object; /* held; NULL: none */
    size_t class;
    struct model_record *values[N_NAMES]; /* NULL: none */
    uint64_t set_at[N_NAMES];             /* when it got a value that it has not lost since */
};

struct model_class {
    struct tn_object *object;
    size_t n_slots;
    bool has_dict;
};

struct world {
    struct heap_fixture *f;
    uint64_t random;
    uint64_t now;
    struct tn_object *names[N_NAMES]; /* not interned */
    struct model_class classes[N_CLASSES];
    struct model_record records[N_RECORDS];
};

static size_t any(struct world *w, size_t n)
{
    return test_random(&w->random) % n;
}

/* ---- Comparing ---- */

/* The attributes of a record in the order in which they must come. */
static size_t expected_order(const struct world *w, const struct model_record *r,
                             size_t order[N_NAMES])
{
    size_t n_slots = w->classes[r->class].n_slots;
    size_t n = 0;

    for (size_t i = 0; i < n_slots; i++)
        if (r->values[i] != NULL)
            order[n++] = i;
    for (;;) {
        size_t next = N_NAMES;
        uint64_t after = n > 0 && order[n - 1] >= n_slots ? r->set_at[order[n - 1]] : 0;

        for (size_t i = n_slots; i < N_NAMES; i++)
            if (r->values[i] != NULL && r->set_at[i] > after &&
                (next == N_NAMES || r->set_at[i] < r->set_at[next]))
                next = i;
        if (next == N_NAMES)
            return n;
        order[n++] = next;
    }
}

static void check_scan(struct world *w, const struct model_record *r)
{
    struct tn_dict_item items[N_NAMES];
    size_t per_page = 1 + any(w, N_NAMES);
    size_t order[N_NAMES];
    size_t n_expected = expected_order(w, r, order);
    uint64_t cursor = 0;
    size_t n_seen = 0;
    size_t n;

    do {
        assert_int_equal(tn_record_scan(w->f->mu, r->object, &cursor, per_page, items, &n), 0);
        for (size_t i = 0; i < n; i++, n_seen++) {
            assert_true(n_seen < n_expected);
            assert_true(tn_slice_equal(tn_text_slice(items[i].key),
                                       tn_text_slice(w->names[order[n_seen]])));
            assert_ptr_equal(items[i].value, r->values[order[n_seen]]->object);
        }
    } while (cursor != 0);
    assert_int_equal(n_seen, n_expected);
    assert_int_equal(tn_record_length(r->object), n_expected);
}

static int64_t expected_refs(const struct world *w, const struct model_record *r)
{
    int64_t n = 1;

    for (size_t i = 0; i < N_RECORDS; i++)
        for (size_t k = 0; w->records[i].object != NULL && k < N_NAMES; k++)
            n += w->records[i].values[k] == r;
    return n;
}

static void check_all(struct world *w)
{
    uint64_t n_records[N_CLASSES] = { 0 };

    heap_fixture_settle(w->f);
    for (size_t i = 0; i < N_RECORDS; i++) {
        const struct model_record *r = &w->records[i];

        if (r->object == NULL)
            continue;
        check_scan(w, r);
        assert_int_equal(test_refcount(r->object), expected_refs(w, r));
        assert_ptr_equal(tn_record_class(r->object), w->classes[r->class].object);
        n_records[r->class]++;
    }
    for (size_t i = 0; i < N_CLASSES; i++)
        assert_int_equal(tn_class_n_records(w->classes[i].object), n_records[i]);
    (void)tn_interned_validate(w->f->heap);
}

/* ---- Operations ---- */

static struct model_record *any_record(struct world *w)
{
    struct model_record *r = &w->records[any(w, N_RECORDS)];

    if (r->object == NULL) {
        *r = (struct model_record){ .class = any(w, N_CLASSES) };
        r->object = test_record(w->f->mu, w->classes[r->class].object);
        if (any(w, 2) == 0)
            tn_publish(w->f->mu, r->object);
    }
    return r;
}

static bool can_have(const struct world *w, const struct model_record *r, size_t name)
{
    return name < w->classes[r->class].n_slots || w->classes[r->class].has_dict;
}

static void do_set(struct world *w)
{
    struct model_record *r = any_record(w);
    struct model_record *v = any_record(w);
    size_t name = any(w, N_NAMES);
    struct tn_object *value = v->object;
    int result;

    tn_incref(w->f->mu, value);
    result = tn_record_set(w->f->mu, r->object, w->names[name], &value);
    assert_int_equal(result, can_have(w, r, name) ? 0 : TN_ERR_KEY);
    assert_true((value == NULL) == (result == 0));
    tn_drop(w->f->mu, &value);
    if (result < 0)
        return;
    if (r->values[name] == NULL)
        r->set_at[name] = ++w->now;
    r->values[name] = v;
}

static void do_pop(struct world *w)
{
    struct model_record *r = any_record(w);
    size_t name = any(w, N_NAMES);
    struct tn_object *value = NULL;
    int result = tn_record_pop(w->f->mu, r->object, w->names[name], &value);

    assert_int_equal(result, r->values[name] != NULL ? 0 : TN_ERR_KEY);
    assert_ptr_equal(value, r->values[name] == NULL ? NULL : r->values[name]->object);
    tn_drop(w->f->mu, &value);
    r->values[name] = NULL;
}

static void do_get(struct world *w)
{
    struct model_record *r = any_record(w);
    size_t name = any(w, N_NAMES);
    struct tn_object *value = NULL;
    int result = tn_record_get(w->f->mu, r->object, w->names[name], &value);

    assert_int_equal(result, r->values[name] != NULL ? 0 : TN_ERR_KEY);
    assert_ptr_equal(value, r->values[name] == NULL ? NULL : r->values[name]->object);
}

/* Empties a record. */
static void do_empty(struct world *w, struct model_record *r)
{
    tn_record_empty(w->f->mu, r->object);
    memset((void *)r->values, 0, sizeof(r->values));
}

/* A record goes, and with it all that refers to it. */
static void do_drop(struct world *w)
{
    struct model_record *r = any_record(w);

    for (size_t i = 0; i < N_RECORDS; i++) {
        struct model_record *other = &w->records[i];

        for (size_t k = 0; other->object != NULL && k < N_NAMES; k++) {
            struct tn_object *value;

            if (other->values[k] != r)
                continue;
            assert_int_equal(tn_record_pop(w->f->mu, other->object, w->names[k], &value), 0);
            tn_decref(w->f->mu, value);
            other->values[k] = NULL;
        }
    }
    tn_drop(w->f->mu, &r->object); /* what it holds goes with it */
    memset((void *)r->values, 0, sizeof(r->values));
}

static void operate(struct world *w)
{
    switch (any(w, 12)) {
    case 0:
        do_drop(w);
        break;
    case 1:
        if (any(w, 4) == 0)
            do_empty(w, any_record(w));
        break;
    case 2:
    case 3:
    case 4:
        do_pop(w);
        break;
    case 5:
    case 6:
        do_get(w);
        break;
    case 7:
        (void)tn_thread_safepoint(w->f->thread, any(w, 20));
        break;
    default:
        do_set(w);
    }
}

static void random_operations(struct heap_fixture *f, uint64_t seed)
{
    static struct world w;
    char slots[N_NAMES * 8] = "";

    w = (struct world){ .f = f, .random = seed };
    for (size_t i = 0; i < N_NAMES; i++) {
        char name[24];

        (void)snprintf(name, sizeof(name), "name%zu", i);
        w.names[i] = test_str(f->mu, name);
    }
    for (size_t i = 0; i < N_CLASSES; i++) {
        struct model_class *class = &w.classes[i];

        /* 0, 2, 4 and 6 slots; each class derived from the one before. */
        class->n_slots = 2 * i;
        class->has_dict = i == 0 || i == 3;
        (void)snprintf(slots, sizeof(slots), "name%zu name%zu", 2 * i - 2, 2 * i - 1);
        class->object = test_class(f->mu, "Class", i == 0 ? "" : slots,
                                   i < 2 ? NULL : w.classes[i - 1].object, class->has_dict);
    }
    for (int i = 0; i < N_OPERATIONS; i++) {
        operate(&w);
        if (i % 20 == 0)
            check_all(&w);
    }
    for (size_t i = 0; i < N_RECORDS; i++)
        if (w.records[i].object != NULL)
            do_empty(&w, &w.records[i]);
    check_all(&w);
    for (size_t i = 0; i < N_RECORDS; i++)
        tn_drop(f->mu, &w.records[i].object);
    for (size_t i = 0; i < N_CLASSES; i++)
        tn_drop(f->mu, &w.classes[i].object);
    for (size_t i = 0; i < N_NAMES; i++)
        tn_drop(f->mu, &w.names[i]);
}

static void test_records_do_what_naive_ones_do(void **state)
{
    uint64_t seed = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct heap_fixture f;

        heap_fixture_setup(&f, (enum tn_mode)mode);
        random_operations(&f, seed + (uint64_t)mode);
        heap_fixture_teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_do_what_naive_ones_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
