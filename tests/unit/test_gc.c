/* SPDX-License-Identifier: MIT */
/* Collections of cycles by each collector in each mode, one thread at work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/records.h"

#define N_MANY 3000

struct world {
    struct heap_fixture f;
    struct tn_namespace *ns;
    struct tn_object *roots[4]; /* references that the test holds */
};

static bool walk_roots(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    struct world *w = arg;

    (void)cursor;
    (void)budget;
    for (size_t i = 0; i < TN_ARRAY_LEN(w->roots); i++)
        if (w->roots[i] != NULL)
            tn_root_visit(mu, w->roots[i]);
    return true;
}

static void setup(struct world *w, enum tn_mode mode, enum tn_gc_kind kind)
{
    const struct tn_gc_options options = { .kind = kind, .only_on_request = true };
    const struct tn_roots roots = { .walk = walk_roots, .arg = w };

    *w = (struct world){ 0 };
    heap_fixture_setup_collected(&w->f, mode, &options);
    tn_thread_set_roots(w->f.thread, &roots);
    assert_int_equal(tn_namespace_open(w->f.mu, TN_SLICE("test", 4), &w->ns), 0);
}

static void teardown(struct world *w)
{
    tn_thread_set_roots(w->f.thread, NULL);
    heap_fixture_teardown(&w->f);
}

static struct tn_gc_report collect(struct world *w, unsigned int generation)
{
    struct tn_gc_report report = { 0 };

    tn_thread_offline(w->f.thread);
    assert_true(tn_gc_collect(w->f.heap, generation, &report));
    w->f.mu = tn_thread_online(w->f.thread);
    (void)tn_thread_reclaim(w->f.thread);
    return report;
}

/* Two lists that hold each other, and a str each; returns the first, held. */
static struct tn_object *make_pair(struct tn_mutator *mu)
{
    struct tn_object *a = test_list(mu);
    struct tn_object *b = test_list(mu);

    tn_incref(mu, a);
    test_append(mu, b, a);
    test_append(mu, b, test_str(mu, "one of the two"));
    test_append(mu, a, b);
    test_append(mu, a, test_str(mu, "the other one"));
    return a;
}

static void let_go(struct world *w, struct tn_object **op)
{
    tn_root_leave(w->f.mu, *op);
    tn_drop(w->f.mu, op);
}

static void bind(struct world *w, const char *name, struct tn_object *take)
{
    assert_int_equal(tn_name_bind(w->f.mu, w->ns, TN_SLICE(name, strlen(name)), &take, NULL, NULL),
                     0);
}

static void unbind(struct world *w, const char *name)
{
    assert_int_equal(tn_name_unbind(w->f.mu, w->ns, TN_SLICE(name, strlen(name)), NULL, NULL), 0);
}

/* ---- What every collector does ---- */

static void cycles_are_collected(struct world *w)
{
    for (int i = 0; i < N_MANY; i++) {
        struct tn_object *pair = make_pair(w->f.mu);

        if (i % 2 == 0)
            tn_publish(w->f.mu, pair);
        tn_decref(w->f.mu, pair);
    }
    assert_int_equal(test_live_objs(&w->f), 4 * N_MANY);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 2 * N_MANY);
    assert_int_equal(test_live_objs(&w->f), 0);
    assert_int_equal(test_live_bytes(&w->f), 0);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 0);
}

static void what_roots_lead_to_stays(struct world *w)
{
    w->roots[0] = make_pair(w->f.mu);
    bind(w, "x", make_pair(w->f.mu));
    tn_decref(w->f.mu, make_pair(w->f.mu));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(collect(w, TN_GC_OLDEST).garbage, i == 0 ? 2 : 0);
        assert_int_equal(test_live_objs(&w->f), 8);
    }
    let_go(w, &w->roots[0]);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 2);
    unbind(w, "x");
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 2);
    assert_int_equal(test_live_objs(&w->f), 0);
}

static void every_kind_of_container_is_collected(struct world *w)
{
    struct tn_mutator *mu = w->f.mu;
    struct tn_object *dict = test_dict(mu);
    struct tn_object *list = test_list(mu);

    /* dict -> tuple -> list -> dict; dict -> itself; a tuple as a key */
    tn_incref(mu, dict);
    test_append(mu, list, dict);
    test_set(mu, dict, test_str(mu, "tuple"), test_tuple_2(mu, test_int(mu, 1000), list));
    tn_incref(mu, dict);
    test_set(mu, dict, test_tuple_1(mu, test_int(mu, 7000)), dict);
    for (int i = 0; i < 100; i++)
        test_set(mu, dict, test_int(mu, 1000 + i), test_float(mu, i));
    bind(w, "dict", dict);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 0);
    unbind(w, "dict");
    assert_true(test_live_objs(&w->f) > 200);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 4);
    assert_int_equal(test_live_objs(&w->f), 0);
}

static void large_containers_are_collected(struct world *w)
{
    struct tn_mutator *mu = w->f.mu;
    struct tn_object *tuple = NULL;
    struct tn_object *list = test_list(mu);

    assert_int_equal(tn_tuple_new(mu, 1000, &tuple), 0);
    for (size_t i = 0; i < 1000; i++) {
        struct tn_object *item = list;

        tn_incref(mu, item);
        tn_tuple_fill(mu, tuple, i, &item);
    }
    test_append(mu, list, tuple);
    w->roots[0] = list;
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 0);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 0);
    let_go(w, &w->roots[0]);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 2);
    assert_int_equal(test_live_objs(&w->f), 0);
}

static void deep_structures_need_no_recursion(struct world *w)
{
    struct tn_mutator *mu = w->f.mu;
    struct tn_object *first = test_list(mu);
    struct tn_object *last = first;

    tn_incref(mu, first);
    for (int i = 0; i < 100000; i++) {
        struct tn_object *next = test_list(mu);

        tn_incref(mu, next);
        test_append(mu, next, last);
        last = next;
        tn_decref(mu, next);
    }
    w->roots[0] = last;
    tn_incref(mu, last);
    test_append(mu, first, last);
    tn_decref(mu, first);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 0);
    let_go(w, &w->roots[0]);
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, 100001);
    assert_int_equal(test_live_objs(&w->f), 0);
}

/* Offline mutators own some of it; the collector sees to that. */
static void garbage_of_younger_generations_is_collected(struct world *w)
{
    tn_decref(w->f.mu, make_pair(w->f.mu));
    assert_int_equal(collect(w, 0).garbage, tn_heap_mode(w->f.heap) == TN_MODE_ATOMIC ? 0 : 2);
    w->roots[0] = make_pair(w->f.mu);
    assert_int_equal(collect(w, 0).garbage, 0);
    let_go(w, &w->roots[0]);
    assert_int_equal(collect(w, 0).garbage, 0); /* it is older now */
    assert_int_equal(collect(w, 1).garbage, tn_heap_mode(w->f.heap) == TN_MODE_ATOMIC ? 0 : 2);
    (void)collect(w, TN_GC_OLDEST);
    assert_int_equal(test_live_objs(&w->f), 0);
}

static void in_all_ways(void (*test)(struct world *w))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        for (int kind = TN_GC_GENERATIONAL; kind < TN_GC_KINDS; kind++) {
            struct world w;

            setup(&w, (enum tn_mode)mode, (enum tn_gc_kind)kind);
            test(&w);
            teardown(&w);
        }
    }
}

static void test_cycles_are_collected(void **state)
{
    (void)state;
    in_all_ways(cycles_are_collected);
}

static void test_what_roots_lead_to_stays(void **state)
{
    (void)state;
    in_all_ways(what_roots_lead_to_stays);
}

static void test_every_kind_of_container_is_collected(void **state)
{
    (void)state;
    in_all_ways(every_kind_of_container_is_collected);
}

static void test_large_containers_are_collected(void **state)
{
    (void)state;
    in_all_ways(large_containers_are_collected);
}

static void test_deep_structures_need_no_recursion(void **state)
{
    (void)state;
    in_all_ways(deep_structures_need_no_recursion);
}

static void test_garbage_of_younger_generations_is_collected(void **state)
{
    (void)state;
    in_all_ways(garbage_of_younger_generations_is_collected);
}

/* ---- What begins by itself ---- */

static void young_cycles_are_collected_in(enum tn_mode mode)
{
    const struct tn_gc_options options = { .kind = TN_GC_GENERATIONAL };
    struct heap_fixture f;
    struct tn_gc_stats stats;

    heap_fixture_setup_collected(&f, mode, &options);
    for (int i = 0; i < 20000; i++) {
        tn_decref(f.mu, make_pair(f.mu));
        if (i % 8 == 0)
            (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
    }
    tn_gc_stats(f.heap, &stats);
    assert_true(stats.generations[0].collections + stats.generations[1].collections > 20);
    assert_true(stats.generations[0].collected > 20000);
    assert_true(test_live_objs(&f) < 8000);
    tn_thread_offline(f.thread);
    assert_true(tn_gc_collect(f.heap, TN_GC_OLDEST, NULL));
    f.mu = tn_thread_online(f.thread);
    heap_fixture_teardown(&f);
}

static void test_the_young_are_collected_by_themselves(void **state)
{
    (void)state;
    young_cycles_are_collected_in(TN_MODE_GIL);
    young_cycles_are_collected_in(TN_MODE_BIASED);
}

/* ---- What is told of it ---- */

#define N_GROUPS 8
#define N_RECORDS (3 * (size_t)N_GROUPS)

static void ignore_wake(void *arg)
{
    (void)arg;
}

static void listen(struct tn_heap *heap, struct tn_event_listener *listener, uint32_t kinds)
{
    *listener = (struct tn_event_listener){ 0 };
    assert_int_equal(tn_events_listen(heap, listener, kinds, ignore_wake, NULL), 0);
}

static struct tn_heap_event next_event(struct tn_event_listener *listener)
{
    struct tn_heap_event event;

    assert_true(tn_events_read(listener, &event));
    return event;
}

static void expect_no_event(struct tn_event_listener *listener)
{
    struct tn_heap_event event;

    assert_false(tn_events_read(listener, &event));
}

static void expect_slice(struct tn_slice text, const char *expected)
{
    assert_true(tn_slice_equal(text, tn_slice_from_str(expected)));
}

static struct tn_object *node_class(struct tn_mutator *mu)
{
    return test_class_with_finalizer(mu, "Node", "next label");
}

/* Three records: a labelled one, and two that it refers to by way of a list, of which
 * the second is no part of the cycle. Returns the first, held. */
static struct tn_object *make_group(struct tn_mutator *mu, struct tn_object *class,
                                    struct tn_object *records[3])
{
    struct tn_object *list = test_list(mu);

    for (int i = 0; i < 3; i++)
        records[i] = test_record(mu, class);
    tn_incref(mu, records[0]);
    test_attr_set(mu, records[1], "next", records[0]);
    test_append(mu, list, records[1]);
    test_append(mu, list, records[2]);
    test_attr_set(mu, records[0], "next", list);
    test_attr_set(mu, records[0], "label", test_str(mu, "the first of three"));
    return records[0];
}

/* Whose identity it is, which is expected once. */
static size_t take_identity(uint64_t identities[N_RECORDS], uint64_t identity)
{
    for (size_t i = 0; i < N_RECORDS; i++) {
        if (identities[i] != identity)
            continue;
        identities[i] = 0;
        return i;
    }
    fail_msg("a record died twice, or another one");
    return 0;
}

static void finalizers_are_told_once(struct world *w)
{
    struct tn_mutator *mu = w->f.mu;
    struct tn_object *class = node_class(mu);
    uint64_t size_bytes = tn_class_record_bytes(class);
    uint64_t identities[N_RECORDS];
    struct tn_event_listener listener;

    for (size_t i = 0; i < N_RECORDS; i += 3) {
        struct tn_object *records[3];
        struct tn_object *first = make_group(mu, class, records);

        for (size_t j = 0; j < 3; j++)
            identities[i + j] = tn_identity(w->f.heap, records[j]);
        if (i % 2 == 0)
            tn_publish(mu, first);
        tn_decref(mu, first);
    }
    tn_decref(mu, class); /* garbage, too */
    listen(w->f.heap, &listener, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED));
    assert_int_equal(collect(w, TN_GC_OLDEST).garbage, N_RECORDS + N_GROUPS + 1);
    for (size_t n = 0; n < N_RECORDS; n++) {
        struct tn_heap_event event = next_event(&listener);
        size_t i;

        assert_int_equal(event.kind, TN_HEAP_EVENT_FINALIZED);
        i = take_identity(identities, event.finalized.identity);
        expect_slice(event.scope, "Node");
        expect_slice(event.name, i % 3 == 0 ? "the first of three" : "");
        assert_int_equal(event.finalized.size_bytes, size_bytes);
    }
    (void)collect(w, TN_GC_OLDEST);
    expect_no_event(&listener);
    assert_int_equal(test_live_objs(&w->f), 0);
    tn_events_unlisten(&listener);
}

static void test_finalizers_of_garbage_are_told_once(void **state)
{
    (void)state;
    in_all_ways(finalizers_are_told_once);
}

/* All garbage is announced before any of it lets go of older records, which die then. */
static void finalizers_are_told_first(struct world *w)
{
    struct tn_object *old[3];
    struct tn_event_listener listener;
    struct tn_object *records[3];
    uint64_t identities[3];
    struct tn_object *first;

    if (tn_heap_mode(w->f.heap) == TN_MODE_ATOMIC)
        return; /* where the young are not collected by themselves */
    w->roots[3] = node_class(w->f.mu);
    for (size_t i = 0; i < 3; i++) {
        w->roots[i] = old[i] = test_record(w->f.mu, w->roots[3]);
        identities[i] = tn_identity(w->f.heap, old[i]);
    }
    assert_int_equal(collect(w, 1).garbage, 0);
    listen(w->f.heap, &listener, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED));
    first = make_group(w->f.mu, w->roots[3], records);
    for (size_t i = 0; i < 3; i++) { /* each has one, so the first that is emptied lets go of it */
        tn_root_leave(w->f.mu, old[i]);
        w->roots[i] = NULL;
        test_attr_set(w->f.mu, records[i], "label", old[i]);
    }
    tn_decref(w->f.mu, first);
    assert_int_equal(collect(w, 0).garbage, 4);
    for (size_t n = 0; n < 6; n++) {
        uint64_t identity = next_event(&listener).finalized.identity;
        bool is_old = false;

        for (size_t i = 0; i < 3; i++)
            is_old |= identity == identities[i];
        assert_int_equal(is_old, n >= 3);
    }
    expect_no_event(&listener);
    tn_events_unlisten(&listener);
    let_go(w, &w->roots[3]);
}

static void test_finalizers_of_garbage_are_told_first(void **state)
{
    (void)state;
    in_all_ways(finalizers_are_told_first);
}

static void collections_are_told(struct world *w)
{
    struct tn_event_listener listener;
    struct tn_gc_report report;
    struct tn_heap_event event;

    listen(w->f.heap, &listener, TN_HEAP_EVENTS_COLLECTION);
    for (unsigned int generation = 0; generation < TN_GC_GENERATIONS; generation++) {
        tn_decref(w->f.mu, make_pair(w->f.mu));
        report = collect(w, generation);
        event = next_event(&listener);
        assert_int_equal(event.kind, TN_HEAP_EVENT_COLLECTION_STARTED);
        expect_slice(event.scope, "request");
        expect_slice(event.name, tn_gc_kind_name(tn_gc_kind(w->f.heap)));
        assert_int_equal(event.collection.generation, generation);
        assert_int_equal(event.collection.duration_ns, 0);
        event = next_event(&listener);
        assert_int_equal(event.kind, TN_HEAP_EVENT_COLLECTION_FINISHED);
        expect_slice(event.scope, "request");
        expect_slice(event.name, tn_gc_kind_name(tn_gc_kind(w->f.heap)));
        assert_int_equal(event.collection.generation, generation);
        assert_int_equal(event.collection.n_examined, report.examined);
        assert_int_equal(event.collection.n_freed, report.garbage);
        assert_int_equal(event.collection.n_pauses, report.n_pauses);
        assert_int_equal(event.collection.pause_ns, report.pause_ns);
        assert_int_equal(event.collection.longest_pause_ns, report.longest_pause_ns);
        assert_int_equal(event.collection.duration_ns, report.duration_ns);
        assert_true(report.longest_pause_ns <= report.pause_ns);
        expect_no_event(&listener);
    }
    tn_events_unlisten(&listener);
}

static void test_collections_are_told(void **state)
{
    (void)state;
    in_all_ways(collections_are_told);
}

struct heard {
    uint64_t n_started;
    uint64_t n_finished;
    uint64_t n_freed;
    uint64_t n_finalized;
};

static void hear(struct tn_event_listener *listener, struct heard *heard)
{
    struct tn_heap_event event;

    while (tn_events_read(listener, &event)) {
        switch (event.kind) {
        case TN_HEAP_EVENT_COLLECTION_STARTED:
            assert_true(tn_slice_equal(event.scope, TN_SLICE_LITERAL("threshold")));
            assert_int_equal(heard->n_started++, heard->n_finished);
            break;
        case TN_HEAP_EVENT_COLLECTION_FINISHED:
            assert_true(event.collection.generation < TN_GC_OLDEST);
            assert_int_equal(++heard->n_finished, heard->n_started);
            heard->n_freed += event.collection.n_freed;
            break;
        case TN_HEAP_EVENT_FINALIZED:
            heard->n_finalized++;
            break;
        default:
            assert_int_equal(event.kind, TN_HEAP_EVENT_MISSED);
            heard->n_finalized += event.missed.n_events; /* of the last burst, mostly */
        }
    }
}

static void young_are_told_in(enum tn_mode mode)
{
    const struct tn_gc_options options = { .kind = TN_GC_GENERATIONAL, .thresholds = { 20, 5, 0 } };
    struct heap_fixture f;
    struct tn_object *class;
    struct tn_event_listener listener;
    struct heard heard = { 0 };

    heap_fixture_setup_collected(&f, mode, &options);
    listen(f.heap, &listener, TN_HEAP_EVENTS_ALL);
    class = node_class(f.mu);
    for (int i = 0; i < N_MANY; i++) {
        struct tn_object *records[3];

        tn_decref(f.mu, make_group(f.mu, class, records));
        (void)tn_thread_safepoint(f.thread, TN_WORK_BUDGET);
        hear(&listener, &heard);
    }
    assert_true(heard.n_started > 20);
    assert_int_equal(heard.n_started, heard.n_finished);
    assert_int_equal(heard.n_freed % 4, 0);
    assert_int_equal(heard.n_finalized, heard.n_freed / 4 * 3);
    tn_events_choose(&listener, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED));
    tn_decref(f.mu, class);
    tn_thread_offline(f.thread);
    assert_true(tn_gc_collect(f.heap, TN_GC_OLDEST, NULL));
    f.mu = tn_thread_online(f.thread);
    (void)tn_thread_reclaim(f.thread);
    hear(&listener, &heard);
    assert_int_equal(heard.n_finalized, 3 * N_MANY);
    tn_events_unlisten(&listener);
    heap_fixture_teardown(&f);
}

static void test_collections_of_the_young_are_told(void **state)
{
    (void)state;
    young_are_told_in(TN_MODE_GIL);
    young_are_told_in(TN_MODE_BIASED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycles_are_collected),
        cmocka_unit_test(test_what_roots_lead_to_stays),
        cmocka_unit_test(test_every_kind_of_container_is_collected),
        cmocka_unit_test(test_large_containers_are_collected),
        cmocka_unit_test(test_deep_structures_need_no_recursion),
        cmocka_unit_test(test_garbage_of_younger_generations_is_collected),
        cmocka_unit_test(test_the_young_are_collected_by_themselves),
        cmocka_unit_test(test_finalizers_of_garbage_are_told_once),
        cmocka_unit_test(test_finalizers_of_garbage_are_told_first),
        cmocka_unit_test(test_collections_are_told),
        cmocka_unit_test(test_collections_of_the_young_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
