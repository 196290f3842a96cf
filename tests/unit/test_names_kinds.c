/* SPDX-License-Identifier: MIT */
/*
 * Names that go by themselves: weak and soft ones, and those with a time to live.
 * The heap's time is what the test says it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/object/weakref_internal.h"
#include "tests/support/objects.h"

#define NAME(s) TN_SLICE_LITERAL(s)

struct fixture {
    struct heap_fixture heap;
    struct tn_namespace *ns;
    uint64_t now_ms;
};

static void setup(struct fixture *f, int mode, size_t max_memory_bytes)
{
    const struct tn_heap_options options = { .mode = (enum tn_mode)mode,
                                             .max_memory_bytes = max_memory_bytes };

    heap_fixture_setup_with(&f->heap, &options);
    assert_int_equal(tn_namespace_open(f->heap.mu, NAME("main"), &f->ns), 0);
    f->now_ms = 1000000;
    tn_heap_set_time(f->heap.heap, f->now_ms);
}

static void teardown(struct fixture *f)
{
    heap_fixture_teardown(&f->heap);
}

static void in_all_modes(void (*test)(struct fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;

        setup(&f, mode, 0);
        test(&f);
        teardown(&f);
    }
}

static void pass_time(struct fixture *f, uint64_t ms)
{
    f->now_ms += ms;
    tn_heap_set_time(f->heap.heap, f->now_ms);
}

static struct tn_name_change bind_as(struct fixture *f, struct tn_slice name, struct tn_object *o,
                                     enum tn_name_kind kind, uint64_t ttl_ms)
{
    const struct tn_name_how how = { .kind = kind, .ttl_ms = ttl_ms };
    struct tn_name_change change;

    assert_int_equal(tn_name_bind_as(f->heap.mu, f->ns, name, &o, &how, NULL, &change), 0);
    assert_null(o);
    return change;
}

static void unbind(struct fixture *f, struct tn_slice name)
{
    assert_int_equal(tn_name_unbind(f->heap.mu, f->ns, name, NULL, NULL), 0);
}

static struct tn_object *lookup(struct fixture *f, struct tn_slice name)
{
    struct tn_object *o = NULL;
    uint64_t version = 0;
    int r = tn_name_lookup(f->heap.mu, f->ns, name, &o, &version);

    assert_true(r == 0 ? o != NULL && version != 0 : r == TN_ERR_NAME && o == NULL);
    return o;
}

static struct tn_name_info info_of(struct fixture *f, struct tn_slice name)
{
    struct tn_name_info info;
    struct tn_object *o;

    assert_int_equal(tn_name_describe(f->heap.mu, f->ns, name, &o, &info), 0);
    return info;
}

static struct tn_census census(struct fixture *f)
{
    struct tn_census taken;

    tn_census_take(f->heap.heap, &taken);
    return taken;
}

/* ---- Weak names ---- */

static void weak_name(struct fixture *f)
{
    struct tn_object *list = test_list(f->heap.mu);

    tn_incref(f->heap.mu, list);
    assert_false(bind_as(f, NAME("w"), list, TN_NAME_WEAK, 0).existed);
    assert_int_equal(test_refcount(list), 1);
    assert_ptr_equal(lookup(f, NAME("w")), list);
    assert_int_equal(info_of(f, NAME("w")).kind, TN_NAME_WEAK);
    assert_int_equal(census(f).n_names, 1);
    tn_decref(f->heap.mu, list);
    assert_null(lookup(f, NAME("w")));
    assert_int_equal(census(f).n_names, 0); /* the lookup has removed it */
    assert_int_equal(census(f).names_gone, 1);
    assert_int_equal(tn_name_unbind(f->heap.mu, f->ns, NAME("w"), NULL, NULL), TN_ERR_NAME);
}

static void test_weak_name_goes_with_its_object(void **state)
{
    (void)state;
    in_all_modes(weak_name);
}

static void weak_name_of_nobodys_object(struct fixture *f)
{
    bind_as(f, NAME("w"), test_list(f->heap.mu), TN_NAME_WEAK, 0);
    assert_null(lookup(f, NAME("w")));
}

static void test_weak_name_alone_keeps_nothing(void **state)
{
    (void)state;
    in_all_modes(weak_name_of_nobodys_object);
}

static void weak_name_of_a_value(struct fixture *f)
{
    const struct tn_name_how how = { .kind = TN_NAME_WEAK };
    struct tn_object *o = test_str(f->heap.mu, "text");

    assert_int_equal(tn_name_bind_as(f->heap.mu, f->ns, NAME("w"), &o, &how, NULL, NULL),
                     TN_ERR_TYPE);
    assert_non_null(o);
    tn_decref(f->heap.mu, o);
}

static void test_weak_name_for_a_value_is_refused(void **state)
{
    (void)state;
    in_all_modes(weak_name_of_a_value);
}

/* What asks whether the name is bound must see a dead one as absent. */
static void dead_name_is_absent(struct fixture *f)
{
    struct tn_name_require absent = { .absent = true };
    struct tn_name_change change;
    struct tn_object *o = test_int(f->heap.mu, 1000);
    uint64_t version = bind_as(f, NAME("w"), test_list(f->heap.mu), TN_NAME_WEAK, 0).version;

    assert_int_equal(tn_name_bind(f->heap.mu, f->ns, NAME("w"), &o, &absent, &change), 0);
    assert_false(change.existed);
    assert_true(change.version > version);
    assert_int_equal(tn_int_value(lookup(f, NAME("w"))), 1000);
    unbind(f, NAME("w"));
    bind_as(f, NAME("w"), test_list(f->heap.mu), TN_NAME_WEAK, 0);
    assert_int_equal(tn_name_unbind(f->heap.mu, f->ns, NAME("w"), NULL, &change), TN_ERR_NAME);
}

static void test_dead_weak_name_counts_as_absent(void **state)
{
    (void)state;
    in_all_modes(dead_name_is_absent);
}

static void require_the_object(struct fixture *f)
{
    struct tn_object *list = test_list(f->heap.mu);
    struct tn_object *other = test_list(f->heap.mu);
    struct tn_name_require require = { .object = other };
    struct tn_object *next = test_int(f->heap.mu, 1000);

    tn_incref(f->heap.mu, list);
    bind_as(f, NAME("w"), list, TN_NAME_WEAK, 0);
    assert_int_equal(tn_name_bind(f->heap.mu, f->ns, NAME("w"), &next, &require, NULL),
                     TN_ERR_PRECONDITION);
    require.object = list;
    assert_int_equal(tn_name_bind(f->heap.mu, f->ns, NAME("w"), &next, &require, NULL), 0);
    assert_int_equal(info_of(f, NAME("w")).kind, TN_NAME_STRONG);
    unbind(f, NAME("w"));
    tn_decref(f->heap.mu, list);
    tn_decref(f->heap.mu, other);
}

static void test_precondition_means_the_object_of_a_weak_name(void **state)
{
    (void)state;
    in_all_modes(require_the_object);
}

/* A weakref that is bound strongly is an object like others. */
static void weakref_bound_strongly(struct fixture *f)
{
    struct tn_object *list = test_list(f->heap.mu);
    struct tn_object *weakref;

    assert_int_equal(tn_weakref_new(f->heap.mu, list, &weakref), 0);
    bind_as(f, NAME("s"), weakref, TN_NAME_STRONG, 0);
    tn_incref(f->heap.mu, list);
    bind_as(f, NAME("w"), list, TN_NAME_WEAK, 0);
    assert_ptr_equal(lookup(f, NAME("s")), weakref);
    assert_ptr_equal(lookup(f, NAME("w")), list);
    tn_decref(f->heap.mu, list);
    assert_ptr_equal(lookup(f, NAME("s")), weakref);
    assert_null(lookup(f, NAME("w")));
    unbind(f, NAME("s"));
}

static void test_weakref_bound_strongly_is_itself(void **state)
{
    (void)state;
    in_all_modes(weakref_bound_strongly);
}

/* ---- Time to live ---- */

static void ttl(struct fixture *f)
{
    bind_as(f, NAME("t"), test_int(f->heap.mu, 1000), TN_NAME_STRONG, 500);
    assert_int_equal(info_of(f, NAME("t")).ttl_ms, 500);
    assert_int_equal(info_of(f, NAME("t")).kind, TN_NAME_STRONG);
    pass_time(f, 499);
    assert_int_equal(tn_int_value(lookup(f, NAME("t"))), 1000);
    assert_int_equal(info_of(f, NAME("t")).ttl_ms, 1);
    pass_time(f, 1);
    assert_null(lookup(f, NAME("t")));
    heap_fixture_expect_empty(&f->heap);
    /* Time that goes back is ignored. */
    bind_as(f, NAME("t"), test_int(f->heap.mu, 1000), TN_NAME_STRONG, 500);
    tn_heap_set_time(f->heap.heap, 5);
    assert_int_equal(info_of(f, NAME("t")).ttl_ms, 500);
    unbind(f, NAME("t"));
}

static void test_name_with_ttl_is_gone_when_it_is_over(void **state)
{
    (void)state;
    in_all_modes(ttl);
}

static void set_ttl(struct fixture *f)
{
    struct tn_object *o = test_int(f->heap.mu, 1000);
    uint64_t version = bind_as(f, NAME("t"), o, TN_NAME_STRONG, 0).version;
    struct tn_name_info info;

    assert_int_equal(tn_name_set_ttl(f->heap.mu, f->ns, NAME("t"), 300, &info), 0);
    assert_int_equal(info.version, version);
    assert_int_equal(info.ttl_ms, 300);
    assert_ptr_equal(lookup(f, NAME("t")), o);
    assert_int_equal(test_refcount(o), 1);
    pass_time(f, 200);
    assert_int_equal(tn_name_set_ttl(f->heap.mu, f->ns, NAME("t"), 300, &info), 0);
    pass_time(f, 200);
    assert_int_equal(info_of(f, NAME("t")).ttl_ms, 100);
    assert_int_equal(info_of(f, NAME("t")).version, version);
    assert_int_equal(tn_name_set_ttl(f->heap.mu, f->ns, NAME("t"), 0, &info), 0);
    pass_time(f, 100000);
    assert_ptr_equal(lookup(f, NAME("t")), o);
    assert_int_equal(tn_name_set_ttl(f->heap.mu, f->ns, NAME("t"), 1, &info), 0);
    pass_time(f, 1);
    assert_int_equal(tn_name_set_ttl(f->heap.mu, f->ns, NAME("t"), 1, &info), TN_ERR_NAME);
    assert_int_equal(tn_name_set_ttl(f->heap.mu, f->ns, NAME("none"), 1, &info), TN_ERR_NAME);
    assert_int_equal(tn_name_set_ttl(f->heap.mu, f->ns, NAME("t"), TN_NAME_TTL_MS_MAX + 1, &info),
                     TN_ERR_INVAL);
    assert_null(lookup(f, NAME("t")));
}

static void test_ttl_can_be_refreshed_and_ended(void **state)
{
    (void)state;
    in_all_modes(set_ttl);
}

static void binding_again(struct fixture *f)
{
    bind_as(f, NAME("t"), test_int(f->heap.mu, 1000), TN_NAME_SOFT, 500);
    bind_as(f, NAME("t"), test_int(f->heap.mu, 1001), TN_NAME_STRONG, 0);
    assert_int_equal(info_of(f, NAME("t")).kind, TN_NAME_STRONG);
    pass_time(f, 1000);
    assert_int_equal(tn_int_value(lookup(f, NAME("t"))), 1001);
    assert_int_equal(tn_names_drop_soft(f->heap.mu, SIZE_MAX), 0);
    assert_int_equal(tn_names_sweep(f->heap.mu, 1000), 0);
    unbind(f, NAME("t"));
}

static void test_binding_again_ends_kind_and_ttl(void **state)
{
    (void)state;
    in_all_modes(binding_again);
}

/* ---- The sweep ---- */

static struct tn_slice name_of(unsigned int i, char buffer[16])
{
    snprintf(buffer, 16, "name-%u", i);
    return tn_slice_from_str(buffer);
}

static void sweep(struct fixture *f)
{
    enum {
        N = 3000
    };
    char buffer[16];
    size_t n_removed = 0;

    for (unsigned int i = 0; i < N; i++)
        bind_as(f, name_of(i, buffer), test_int(f->heap.mu, 1000 + (int64_t)i), TN_NAME_STRONG,
                i % 3 == 0   ? 100
                : i % 3 == 1 ? 1000
                             : 0);
    assert_int_equal(tn_names_sweep(f->heap.mu, N), 0);
    pass_time(f, 100);
    for (int i = 0; i < 1000 && n_removed < N / 3; i++)
        n_removed += tn_names_sweep(f->heap.mu, 100);
    assert_int_equal(n_removed, N / 3);
    assert_int_equal(census(f).n_names, N - N / 3);
    assert_int_equal(census(f).names_gone, N / 3);
    for (unsigned int i = 0; i < N; i++)
        assert_int_equal(lookup(f, name_of(i, buffer)) != NULL, i % 3 != 0);
    for (unsigned int i = 0; i < N; i++)
        if (i % 3 != 0)
            unbind(f, name_of(i, buffer));
}

static void test_sweep_removes_what_is_over_and_nothing_else(void **state)
{
    (void)state;
    in_all_modes(sweep);
}

static void visit_none(struct tn_slice name, struct tn_object *object,
                       const struct tn_name_info *info, void *arg)
{
    (void)name;
    (void)object;
    (void)arg;
    assert_int_not_equal(info->version, 0);
    fail();
}

static void scan(struct fixture *f)
{
    uint64_t cursor = 0;

    bind_as(f, NAME("t"), test_int(f->heap.mu, 1000), TN_NAME_STRONG, 5);
    bind_as(f, NAME("w"), test_list(f->heap.mu), TN_NAME_WEAK, 0);
    pass_time(f, 5);
    do
        tn_names_scan(f->heap.mu, f->ns, &cursor, 100, NAME(""), visit_none, NULL);
    while (cursor != 0);
    assert_int_equal(census(f).n_names, 0);
}

static void test_scan_does_not_see_what_is_over_and_removes_it(void **state)
{
    (void)state;
    in_all_modes(scan);
}

/* ---- Soft names ---- */

static void soft_names(struct fixture *f)
{
    enum {
        N = 400
    };
    char buffer[16];
    unsigned int n_used = 0;
    unsigned int n_unused = 0;

    for (unsigned int i = 0; i < N; i++)
        bind_as(f, name_of(i, buffer), test_int(f->heap.mu, 1000 + (int64_t)i), TN_NAME_SOFT, 0);
    bind_as(f, NAME("strong"), test_int(f->heap.mu, 1000), TN_NAME_STRONG, 100);
    for (unsigned int i = 0; i < N; i += 2)
        assert_non_null(lookup(f, name_of(i, buffer)));
    /* Hardly one that was used goes before all the others have been looked at. */
    while (census(f).names_dropped < N / 4)
        assert_int_not_equal(tn_names_drop_soft(f->heap.mu, 1), 0);
    for (unsigned int i = 0; i < N; i++) {
        struct tn_name_info info;
        struct tn_object *o;
        bool is_there = tn_name_describe(f->heap.mu, f->ns, name_of(i, buffer), &o, &info) == 0;

        *(i % 2 == 0 ? &n_used : &n_unused) += is_there;
    }
    assert_true(n_used > n_unused);
    assert_int_equal(n_used + n_unused, N - census(f).names_dropped);
    while (tn_names_drop_soft(f->heap.mu, 1000) != 0)
        ;
    assert_int_equal(census(f).names_dropped, N);
    assert_int_equal(tn_int_value(lookup(f, NAME("strong"))), 1000);
    unbind(f, NAME("strong"));
}

static void test_soft_names_are_dropped_unused_ones_first(void **state)
{
    (void)state;
    in_all_modes(soft_names);
}

static void soft_and_all_used(struct fixture *f)
{
    char buffer[16];

    for (unsigned int i = 0; i < 100; i++)
        bind_as(f, name_of(i, buffer), test_int(f->heap.mu, 1000), TN_NAME_SOFT, 0);
    for (unsigned int i = 0; i < 100; i++)
        (void)lookup(f, name_of(i, buffer));
    assert_int_equal(tn_names_drop_soft(f->heap.mu, SIZE_MAX), 100);
    assert_int_equal(tn_names_drop_soft(f->heap.mu, SIZE_MAX), 0);
}

static void test_soft_names_go_all_if_they_must(void **state)
{
    (void)state;
    in_all_modes(soft_and_all_used);
}

/* A cache that fills a heap with a limit: there is always room for more. */
static void test_soft_names_make_room_in_a_full_heap(void **state)
{
    static const char content[4000];

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        const struct tn_name_how how = { .kind = TN_NAME_SOFT };
        struct fixture f;
        char buffer[16];

        setup(&f, mode, TN_HEAP_BYTES_MIN);
        for (unsigned int i = 0; i < 10000; i++) {
            struct tn_object *o = NULL;
            int r;

            for (;;) {
                r = tn_bytes_new(f.heap.mu, TN_SLICE(content, sizeof(content)), &o);
                if (r == 0)
                    r = tn_name_bind_as(f.heap.mu, f.ns, name_of(i, buffer), &o, &how, NULL, NULL);
                if (r != TN_ERR_LIMIT)
                    break;
                tn_drop(f.heap.mu, &o);
                assert_int_not_equal(tn_names_drop_soft(f.heap.mu, 256 << 10), 0);
                (void)tn_thread_reclaim(f.heap.thread);
                f.heap.mu = tn_thread_mutator(f.heap.thread);
            }
            assert_int_equal(r, 0);
        }
        assert_true(census(&f).names_dropped > 0);
        assert_true(census(&f).n_names > 500);
        (void)tn_names_drop_soft(f.heap.mu, SIZE_MAX);
        teardown(&f);
    }
}

/* ---- Memory ---- */

static void sizes(struct fixture *f)
{
    uint64_t before = test_live_bytes(&f->heap);
    uint64_t plain;

    bind_as(f, NAME("abc"), tn_none(f->heap.heap), TN_NAME_STRONG, 0);
    plain = test_live_bytes(&f->heap) - before;
    unbind(f, NAME("abc"));
    heap_fixture_settle(&f->heap);
    bind_as(f, NAME("abc"), tn_none(f->heap.heap), TN_NAME_SOFT, 0);
    assert_int_equal(test_live_bytes(&f->heap) - before, plain - 19 + 24 + 24);
    unbind(f, NAME("abc"));
}

static void test_only_names_that_go_by_themselves_are_larger(void **state)
{
    (void)state;
    in_all_modes(sizes);
}

struct step_arg {
    enum tn_name_kind kind;
    enum tn_name_kind before;
    bool is_there;
};

static struct fixture *stepped;

static int bind_step(struct heap_fixture *heap, const void *arg)
{
    const struct step_arg *a = arg;
    const struct tn_name_how how = { .kind = a->kind, .ttl_ms = 77 };
    struct fixture *f = stepped;
    struct tn_object *first = test_list(heap->mu);
    struct tn_object *o = test_list(heap->mu);
    struct tn_object *kept = o;
    int r;

    tn_incref(heap->mu, first);
    tn_incref(heap->mu, o);
    if (a->is_there)
        bind_as(f, NAME("n"), first, a->before, 0);
    else
        tn_decref(heap->mu, first);
    test_faults_begin();
    r = tn_name_bind_as(heap->mu, f->ns, NAME("n"), &o, &how, NULL, NULL);
    test_faults_end();
    if (r == 0) {
        assert_ptr_equal(lookup(f, NAME("n")), kept);
        assert_int_equal(info_of(f, NAME("n")).kind, a->kind);
        assert_null(o);
    } else {
        assert_ptr_equal(lookup(f, NAME("n")), a->is_there ? first : NULL);
        assert_ptr_equal(o, kept);
        tn_decref(heap->mu, o);
    }
    if (r == 0 || a->is_there)
        unbind(f, NAME("n"));
    assert_int_equal(test_refcount(kept), 1);
    assert_int_equal(test_refcount(first), 1);
    tn_decref(heap->mu, kept);
    tn_decref(heap->mu, first);
    heap_fixture_settle(heap);
    tn_weakrefs_validate(heap->mu);
    return r;
}

static int ttl_step(struct heap_fixture *heap, const void *arg)
{
    struct fixture *f = stepped;
    struct tn_name_info info;
    int r;

    (void)arg;
    bind_as(f, NAME("n"), test_int(heap->mu, 1000), TN_NAME_STRONG, 0);
    test_faults_begin();
    r = tn_name_set_ttl(heap->mu, f->ns, NAME("n"), 500, &info);
    test_faults_end();
    assert_int_equal(tn_int_value(lookup(f, NAME("n"))), 1000);
    assert_int_equal(info_of(f, NAME("n")).ttl_ms, r == 0 ? 500 : 0);
    unbind(f, NAME("n"));
    return r;
}

static void without_memory(struct fixture *f)
{
    stepped = f;
    for (int kind = TN_NAME_STRONG; kind <= TN_NAME_SOFT; kind++) {
        for (int before = TN_NAME_STRONG; before <= TN_NAME_SOFT; before++) {
            const struct step_arg arg = { (enum tn_name_kind)kind, (enum tn_name_kind)before,
                                          true };

            test_failing_allocations(&f->heap, bind_step, &arg);
        }
        test_failing_allocations(
            &f->heap, bind_step,
            &(struct step_arg){ .kind = (enum tn_name_kind)kind, .is_there = false });
    }
    test_failing_allocations(&f->heap, ttl_step, NULL);
}

static void test_bind_and_set_ttl_without_memory_change_nothing(void **state)
{
    (void)state;
    in_all_modes(without_memory);
}

/* ---- At random, against a naive model ---- */

#define N_NAMES 60

struct naive_name {
    bool is_bound;
    enum tn_name_kind kind;
    uint64_t expires; /* 0: never */
    size_t object;
    uint64_t version;
};

struct model {
    struct naive_name names[N_NAMES];
    struct tn_object *objects[8]; /* lists, held; NULL: dead */
    uint64_t born[8];             /* which one it is by now */
    uint64_t bound[N_NAMES];      /* which one the name was bound to */
};

static bool model_is_there(const struct fixture *f, const struct model *m, size_t i)
{
    const struct naive_name *n = &m->names[i];

    if (!n->is_bound || (n->expires != 0 && n->expires <= f->now_ms))
        return false;
    return n->kind != TN_NAME_WEAK ||
           (m->objects[n->object] != NULL && m->born[n->object] == m->bound[i]);
}

static void model_bind(struct fixture *f, struct model *m, size_t i, uint64_t *random)
{
    struct naive_name *n = &m->names[i];
    size_t object = test_random(random) % 8;
    struct tn_name_how how = { .kind = (enum tn_name_kind)(test_random(random) % 3),
                               .ttl_ms = test_random(random) % 2 * (test_random(random) % 90) };
    struct tn_name_require absent = { .absent = test_random(random) % 4 == 0 };
    bool was_there = model_is_there(f, m, i);
    struct tn_name_change change;
    struct tn_object *o = m->objects[object];
    char buffer[16];
    int r;

    /* A strong name would keep what this model takes for dead. */
    if (o == NULL || how.kind != TN_NAME_WEAK)
        o = test_int(f->heap.mu, 1000 + (int64_t)i);
    else
        tn_incref(f->heap.mu, o);
    if (o->type == TN_TYPE_INT && how.kind == TN_NAME_WEAK)
        how.kind = TN_NAME_SOFT;
    r = tn_name_bind_as(f->heap.mu, f->ns, name_of((unsigned int)i, buffer), &o, &how, &absent,
                        &change);
    assert_int_equal(r, was_there && absent.absent ? TN_ERR_PRECONDITION : 0);
    tn_drop(f->heap.mu, &o);
    if (r < 0)
        return;
    assert_int_equal(change.existed, was_there);
    assert_true(change.version > n->version);
    *n = (struct naive_name){ .is_bound = true,
                              .kind = how.kind,
                              .expires = how.ttl_ms != 0 ? f->now_ms + how.ttl_ms : 0,
                              .object = object,
                              .version = change.version };
    m->bound[i] = m->born[object];
}

static void model_check(struct fixture *f, struct model *m, size_t i)
{
    const struct naive_name *n = &m->names[i];
    struct tn_name_info info;
    struct tn_object *o = NULL;
    char buffer[16];
    int r = tn_name_describe(f->heap.mu, f->ns, name_of((unsigned int)i, buffer), &o, &info);

    assert_int_equal(r, model_is_there(f, m, i) ? 0 : TN_ERR_NAME);
    assert_ptr_equal(lookup(f, name_of((unsigned int)i, buffer)), o);
    if (r < 0)
        return;
    assert_int_equal(info.kind, n->kind);
    assert_int_equal(info.version, n->version);
    assert_int_equal(info.ttl_ms, n->expires == 0 ? 0 : n->expires - f->now_ms);
    if (n->kind == TN_NAME_WEAK)
        assert_ptr_equal(o, m->objects[n->object]);
    else
        assert_int_equal(tn_int_value(o), 1000 + i);
}

static void model_drop(struct fixture *f, struct model *m, uint64_t *random)
{
    size_t n_dropped = tn_names_drop_soft(f->heap.mu, test_random(random) % 400);
    char buffer[16];

    for (unsigned int i = 0; i < N_NAMES; i++) {
        struct tn_name_info info;
        struct tn_object *o;

        if (m->names[i].is_bound && m->names[i].kind == TN_NAME_SOFT && model_is_there(f, m, i) &&
            tn_name_describe(f->heap.mu, f->ns, name_of(i, buffer), &o, &info) < 0) {
            assert_int_not_equal(n_dropped, 0);
            m->names[i].is_bound = false;
        }
    }
}

static void model_step(struct fixture *f, struct model *m, uint64_t *random)
{
    size_t i = test_random(random) % N_NAMES;
    size_t k = test_random(random) % 8;
    struct tn_name_info info;
    uint64_t ttl_ms = test_random(random) % 60;
    char buffer[16];
    int r;

    switch (test_random(random) % 10) {
    case 0:
        if (m->objects[k] == NULL) {
            m->objects[k] = test_list(f->heap.mu);
            m->born[k]++;
        } else {
            tn_drop(f->heap.mu, &m->objects[k]);
        }
        break;
    case 1:
        pass_time(f, test_random(random) % 20);
        break;
    case 2:
        r = tn_name_unbind(f->heap.mu, f->ns, name_of((unsigned int)i, buffer), NULL, NULL);
        assert_int_equal(r, model_is_there(f, m, i) ? 0 : TN_ERR_NAME);
        m->names[i].is_bound = false;
        break;
    case 3:
        r = tn_name_set_ttl(f->heap.mu, f->ns, name_of((unsigned int)i, buffer), ttl_ms, &info);
        assert_int_equal(r, model_is_there(f, m, i) ? 0 : TN_ERR_NAME);
        if (r == 0)
            m->names[i].expires = ttl_ms != 0 ? f->now_ms + ttl_ms : 0;
        break;
    case 4:
        (void)tn_names_sweep(f->heap.mu, test_random(random) % 40);
        break;
    case 5:
        model_drop(f, m, random);
        break;
    case 6:
    case 7:
        model_bind(f, m, i, random);
        break;
    default:
        model_check(f, m, i);
    }
    if (test_random(random) % 16 == 0)
        (void)tn_thread_safepoint(f->heap.thread, 8);
}

static void random_names(struct fixture *f)
{
    uint64_t random = test_seed();
    struct model m = { 0 };
    char buffer[16];

    for (int step = 0; step < 30000; step++)
        model_step(f, &m, &random);
    for (unsigned int i = 0; i < N_NAMES; i++) {
        int r = tn_name_unbind(f->heap.mu, f->ns, name_of(i, buffer), NULL, NULL);

        assert_int_equal(r, model_is_there(f, &m, i) ? 0 : TN_ERR_NAME);
    }
    for (size_t k = 0; k < 8; k++)
        tn_drop(f->heap.mu, &m.objects[k]);
}

static void test_random_names_are_as_in_a_naive_model(void **state)
{
    (void)state;
    in_all_modes(random_names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weak_name_goes_with_its_object),
        cmocka_unit_test(test_weak_name_alone_keeps_nothing),
        cmocka_unit_test(test_weak_name_for_a_value_is_refused),
        cmocka_unit_test(test_dead_weak_name_counts_as_absent),
        cmocka_unit_test(test_precondition_means_the_object_of_a_weak_name),
        cmocka_unit_test(test_weakref_bound_strongly_is_itself),
        cmocka_unit_test(test_name_with_ttl_is_gone_when_it_is_over),
        cmocka_unit_test(test_ttl_can_be_refreshed_and_ended),
        cmocka_unit_test(test_binding_again_ends_kind_and_ttl),
        cmocka_unit_test(test_sweep_removes_what_is_over_and_nothing_else),
        cmocka_unit_test(test_scan_does_not_see_what_is_over_and_removes_it),
        cmocka_unit_test(test_soft_names_are_dropped_unused_ones_first),
        cmocka_unit_test(test_soft_names_go_all_if_they_must),
        cmocka_unit_test(test_soft_names_make_room_in_a_full_heap),
        cmocka_unit_test(test_only_names_that_go_by_themselves_are_larger),
        cmocka_unit_test(test_bind_and_set_ttl_without_memory_change_nothing),
        cmocka_unit_test(test_random_names_are_as_in_a_naive_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
