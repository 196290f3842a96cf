/* SPDX-License-Identifier: MIT */
/*
 * Collecting beside mutators. Several threads build, relink and drop a graph of lists
 * and dicts, all the time with a collection under way. What a thread holds from one
 * safe point to the next is in its roots; what they share hangs from a few names.
 *
 * Every node begins with its number, so one that a collector has emptied although it
 * could be reached is noticed by whoever comes by. At the end, what the names lead to
 * is found by a naive search: it must be whole, and after two collections there must
 * be nothing else.
 *
 * Some nodes are records whose death is an event, of classes that come and go. Each
 * death is told once, whether the record died by its count or in a cycle, and then its
 * class and its label were still there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/object/heap_internal.h"
#include "core/object/names_internal.h"
#include "core/object/type.h"
#include "tests/support/actors.h"
#include "tests/support/records.h"

#define N_ROOTS 12
#define N_NAMES 8
#define N_ITEMS_MAX 40
#define N_WIDE 200
#define FIRST_NUMBER 1000000

#define CLASS_NAME "Node of a graph"
#define LABEL "label that is not interned"

struct actor_roots {
    struct tn_object *objects[N_ROOTS];
    uint64_t n_nodes;
    uint64_t n_records; /* that were born */
};

struct world {
    struct tn_namespace *ns;
    struct actor_roots roots[TEST_ACTORS_MAX];
    uint64_t requested; /* the first actor's: the collection that it has asked for */
    /* The first actor's, at the end the test's. */
    struct tn_event_listener listener;
    uint64_t n_deaths; /* told, or missed */
};

/* A tn_roots.walk, a few at a time. */
static bool walk_roots(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget)
{
    struct actor_roots *roots = arg;

    (void)budget;
    for (int i = 0; i < 3 && *cursor < N_ROOTS; i++, ++*cursor)
        if (roots->objects[*cursor] != NULL)
            tn_root_visit(mu, roots->objects[*cursor]);
    return *cursor == N_ROOTS;
}

static struct actor_roots *roots_of(struct test_actor *actor)
{
    struct world *w = actor->world;

    return &w->roots[actor->index];
}

/* Puts a reference, which may be NULL, into a root. */
static void put_root(struct test_actor *actor, size_t i, struct tn_object *take)
{
    struct tn_object **root = &roots_of(actor)->objects[i];
    struct tn_object *old = *root;

    if (old != NULL)
        tn_root_leave(actor->mu, old);
    *root = take;
    tn_drop(actor->mu, &old);
}

static size_t any_root(struct test_actor *actor)
{
    return (size_t)test_actor_any(actor, N_ROOTS);
}

static bool is_number(const struct tn_object *o)
{
    return o->type == TN_TYPE_INT && tn_int_value(o) >= FIRST_NUMBER;
}

/* Whether a node that somebody holds is whole. */
static bool is_whole(struct tn_mutator *mu, struct tn_object *node)
{
    struct tn_object *number = NULL;

    if (node->type == TN_TYPE_LIST)
        return tn_list_get(mu, node, 0, &number) == 0 && is_number(number);
    if (node->type == TN_TYPE_DICT)
        return tn_dict_get(mu, node, tn_none(mu->heap), &number) == 0 && is_number(number);
    if (node->type == TN_TYPE_RECORD)
        return test_attr_get(mu, node, "number", &number) == 0 && is_number(number);
    return node->type == TN_TYPE_TUPLE && is_number(tn_tuple_get(node, 0));
}

static struct tn_object *new_number(struct test_actor *actor)
{
    return test_int(actor->mu, FIRST_NUMBER + (int64_t)roots_of(actor)->n_nodes++);
}

static struct tn_object *new_list(struct test_actor *actor)
{
    struct tn_object *list = test_list(actor->mu);

    test_append(actor->mu, list, new_number(actor));
    return list;
}

/* A list of so many others that emptying it takes several safe points. */
static struct tn_object *new_wide_list(struct test_actor *actor)
{
    struct tn_object *list = new_list(actor);

    for (int i = 0; i < N_WIDE; i++)
        test_append(actor->mu, list, new_list(actor));
    return list;
}

/* A record, of the class of another one or of one of its own. */
static struct tn_object *new_record(struct test_actor *actor, struct tn_object *held)
{
    struct tn_mutator *mu = actor->mu;
    struct tn_object *class = NULL;
    struct tn_object *record;

    if (held != NULL && held->type == TN_TYPE_RECORD)
        class = tn_record_class(held);
    if (class == NULL)
        class = test_class_with_finalizer(mu, CLASS_NAME, "number next label");
    else
        tn_incref(mu, class);
    record = test_record(mu, class);
    tn_decref(mu, class);
    test_attr_set(mu, record, "number", new_number(actor));
    test_attr_set(mu, record, "label", test_str(mu, LABEL));
    roots_of(actor)->n_records++;
    return record;
}

static void make_node(struct test_actor *actor)
{
    struct tn_mutator *mu = actor->mu;
    struct tn_object *held = roots_of(actor)->objects[any_root(actor)];
    uint64_t dice = test_actor_any(actor, 64);
    struct tn_object *node;

    if (dice == 0) {
        node = new_wide_list(actor);
    } else if (dice < 16) {
        node = test_dict(mu);
        test_set(mu, node, tn_none(mu->heap), new_number(actor));
    } else if (dice < 32 && held != NULL) {
        tn_incref(mu, held);
        node = test_tuple_2(mu, new_number(actor), held);
    } else if (dice < 44) {
        node = new_record(actor, held);
    } else {
        node = new_list(actor);
    }
    put_root(actor, any_root(actor), node);
}

/* A list, dict or record refers to another node. */
static void link_nodes(struct test_actor *actor)
{
    struct tn_mutator *mu = actor->mu;
    struct tn_object *from = roots_of(actor)->objects[any_root(actor)];
    struct tn_object *to = roots_of(actor)->objects[any_root(actor)];
    struct tn_object *taken;
    struct tn_object *key = NULL;
    int r = 0;

    if (from == NULL || to == NULL || from->type == TN_TYPE_TUPLE)
        return;
    tn_incref(mu, to);
    taken = to;
    if (from->type == TN_TYPE_RECORD) {
        test_attr_set(mu, from, "next", taken);
        return;
    }
    if (from->type == TN_TYPE_DICT) {
        TEST_ACTOR_EXPECT(actor, tn_int_new(mu, (int64_t)test_actor_any(actor, 1000), &key) == 0);
        r = tn_dict_set(mu, from, &key, &taken, NULL);
    } else if (tn_list_length(from) < N_ITEMS_MAX && test_actor_any(actor, 2) == 0) {
        r = tn_list_append(mu, from, &taken, NULL);
    } else if (tn_list_length(from) < N_ITEMS_MAX) {
        r = tn_list_insert(mu, from, 1, &taken, NULL);
    } else {
        r = tn_list_set(mu, from, 1 + (int64_t)test_actor_any(actor, 10), &taken);
    }
    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_INDEX);
    tn_drop(mu, &key);
    tn_drop(mu, &taken);
}

/* Takes a reference out of a node and into a root: the marker may have passed the
 * root, and not the node. */
static void take_out(struct test_actor *actor)
{
    struct tn_mutator *mu = actor->mu;
    struct tn_object *from = roots_of(actor)->objects[any_root(actor)];
    struct tn_object *taken = NULL;
    struct tn_object *key = NULL;
    int r;

    if (from == NULL || from->type == TN_TYPE_TUPLE || from->type == TN_TYPE_RECORD)
        return;
    if (from->type == TN_TYPE_LIST) {
        int64_t at = 1 + (int64_t)test_actor_any(actor, 3);

        if (test_actor_any(actor, 2) == 0)
            at = (int64_t)tn_list_length(from) - 1;
        r = at < 1 ? TN_ERR_INDEX : tn_list_pop(mu, from, at, &taken, NULL);
    } else {
        TEST_ACTOR_EXPECT(actor, tn_int_new(mu, (int64_t)test_actor_any(actor, 1000), &key) == 0);
        r = tn_dict_pop(mu, from, key, &taken, NULL);
        tn_drop(mu, &key);
    }
    if (r == 0 && !is_number(taken)) {
        TEST_ACTOR_EXPECT(actor, is_whole(mu, taken));
        put_root(actor, any_root(actor), taken);
        taken = NULL;
    }
    tn_drop(mu, &taken);
}

/* Follows a reference without taking it out. */
static void follow(struct test_actor *actor)
{
    struct tn_mutator *mu = actor->mu;
    struct tn_object *from = roots_of(actor)->objects[any_root(actor)];
    struct tn_object *to = NULL;

    if (from == NULL)
        return;
    TEST_ACTOR_EXPECT(actor, is_whole(mu, from));
    if (from->type == TN_TYPE_LIST) {
        if (tn_list_get(mu, from, -1, &to) < 0)
            return;
    } else if (from->type == TN_TYPE_TUPLE) {
        to = tn_tuple_get(from, 1);
    } else if (from->type == TN_TYPE_RECORD) {
        if (test_attr_get(mu, from, "next", &to) < 0)
            return;
    } else {
        struct tn_dict_item items[4];
        uint64_t cursor = 0;
        size_t n;

        TEST_ACTOR_EXPECT(actor, tn_dict_scan(mu, from, &cursor, 4, items, &n) == 0);
        if (n == 0)
            return;
        to = items[n - 1].value;
    }
    if (is_number(to) || !tn_tryref(mu, to))
        return;
    TEST_ACTOR_EXPECT(actor, is_whole(mu, to));
    put_root(actor, any_root(actor), to);
}

/* Puts what a list refers to in its place, so the list dies unless others refer to it: the
 * marker may have passed the root, and finds the way through the list no more. */
static void rescue(struct test_actor *actor)
{
    struct tn_mutator *mu = actor->mu;
    size_t i = any_root(actor);
    struct tn_object *from = roots_of(actor)->objects[i];
    struct tn_object *to = NULL;
    uint64_t length;

    if (from == NULL || from->type != TN_TYPE_LIST)
        return;
    length = tn_list_length(from);
    TEST_ACTOR_EXPECT(actor, length > 0);
    if (length == 0 || tn_list_get(mu, from, (int64_t)test_actor_any(actor, length), &to) < 0 ||
        is_number(to) || !tn_tryref(mu, to))
        return;
    put_root(actor, i, to);
}

static void use_name(struct test_actor *actor)
{
    struct world *w = actor->world;
    char text[16];
    struct tn_slice name =
        TN_SLICE(text, (size_t)snprintf(text, sizeof(text), "n%u",
                                        (unsigned int)test_actor_any(actor, N_NAMES)));
    struct tn_object *o = roots_of(actor)->objects[any_root(actor)];
    int r;

    switch (test_actor_any(actor, 3)) {
    case 0:
        if (o == NULL)
            return;
        tn_incref(actor->mu, o);
        r = tn_name_bind(actor->mu, w->ns, name, &o, NULL, NULL);
        TEST_ACTOR_EXPECT(actor, r == 0);
        break;
    case 1:
        r = tn_name_unbind(actor->mu, w->ns, name, NULL, NULL);
        TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_NAME);
        break;
    default:
        if (tn_name_lookup(actor->mu, w->ns, name, &o, NULL) < 0 || !tn_tryref(actor->mu, o))
            return;
        TEST_ACTOR_EXPECT(actor, is_whole(actor->mu, o));
        put_root(actor, any_root(actor), o);
    }
}

/* ---- Deaths ---- */

static void ignore_wake(void *arg)
{
    (void)arg;
}

/* Takes what deaths have been told; false if one of the notices is wrong. */
static bool hear_deaths(struct world *w)
{
    struct tn_heap_event event;
    bool is_right = true;

    while (tn_events_read(&w->listener, &event)) {
        if (event.kind == TN_HEAP_EVENT_MISSED) {
            w->n_deaths += event.missed.n_events;
            continue;
        }
        w->n_deaths++;
        is_right &= event.kind == TN_HEAP_EVENT_FINALIZED &&
                    tn_slice_equal(event.scope, TN_SLICE_LITERAL(CLASS_NAME)) &&
                    tn_slice_equal(event.name, TN_SLICE_LITERAL(LABEL));
    }
    return is_right;
}

static uint64_t count_records(const struct world *w)
{
    uint64_t n = 0;

    for (unsigned int i = 0; i < TEST_ACTORS_MAX; i++)
        n += w->roots[i].n_records;
    return n;
}

/* ---- Actors ---- */

static void step(struct test_actor *actor)
{
    struct world *w = actor->world;

    if (actor->n_steps == 0) {
        const struct tn_roots roots = { .walk = walk_roots, .arg = roots_of(actor) };

        tn_thread_set_roots(actor->thread, &roots);
    }
    if (actor->index == 0 && tn_gc_completed(actor->heap) >= w->requested)
        w->requested = tn_gc_ask(
            actor->heap,
            test_actor_any(actor, 4) == 0 ? (unsigned int)test_actor_any(actor, 2) : TN_GC_OLDEST,
            TN_GC_CAUSE_REQUEST);
    if (actor->index == 0 && actor->n_steps % 16 == 0)
        TEST_ACTOR_EXPECT(actor, hear_deaths(w));
    switch (test_actor_any(actor, 9)) {
    case 0:
    case 1:
        make_node(actor);
        break;
    case 2:
    case 3:
        link_nodes(actor);
        break;
    case 4:
        take_out(actor);
        break;
    case 5:
        follow(actor);
        break;
    case 6:
        use_name(actor);
        break;
    case 7:
        rescue(actor);
        break;
    default:
        put_root(actor, any_root(actor), NULL);
    }
}

static void finish(struct test_actor *actor)
{
    for (size_t i = 0; i < N_ROOTS; i++)
        put_root(actor, i, NULL);
}

/* ---- The naive search ---- */

struct search {
    struct tn_object **found;
    size_t n;
    size_t n_max;
};

static int search_visit(struct tn_object *o, void *arg)
{
    struct search *search = arg;

    if (o->type != TN_TYPE_LIST && o->type != TN_TYPE_DICT && o->type != TN_TYPE_TUPLE &&
        o->type != TN_TYPE_CLASS && o->type != TN_TYPE_RECORD)
        return 0;
    for (size_t i = 0; i < search->n; i++)
        if (search->found[i] == o)
            return 0;
    if (search->n == search->n_max) {
        search->n_max = 2 * search->n_max + 16;
        search->found = realloc(search->found, search->n_max * sizeof(struct tn_object *));
        assert_non_null(search->found);
    }
    search->found[search->n++] = o;
    return 0;
}

static void search_name(struct tn_slice name, struct tn_object *o, const struct tn_name_info *info,
                        void *arg)
{
    (void)name;
    (void)info;
    (void)search_visit(o, arg);
}

static size_t count_reachable(struct heap_fixture *f, struct world *w)
{
    struct search search = { 0 };
    uint64_t cursor = 0;

    do
        tn_names_scan(f->mu, w->ns, &cursor, 100, TN_SLICE("", 0), search_name, &search);
    while (cursor != 0);
    for (size_t i = 0; i < search.n; i++) {
        assert_true(search.found[i]->type == TN_TYPE_CLASS || is_whole(f->mu, search.found[i]));
        (void)tn_type_of(search.found[i])->traverse(search.found[i], search_visit, &search);
    }
    free(search.found);
    return search.n;
}

static void collect_twice(struct heap_fixture *f)
{
    for (int i = 0; i < 2; i++) {
        tn_thread_offline(f->thread);
        assert_true(tn_gc_collect(f->heap, TN_GC_OLDEST, NULL));
        f->mu = tn_thread_online(f->thread);
        heap_fixture_settle(f);
    }
}

static uint64_t n_containers(struct heap_fixture *f)
{
    struct tn_census census;

    tn_census_take(f->heap, &census);
    return census.tracked_objs;
}

static void run(enum tn_mode mode, enum tn_gc_kind kind, unsigned int n_actors, uint64_t seed,
                uint64_t duration_ns)
{
    static struct world w;
    const struct tn_gc_options options = { .kind = kind, .thresholds = { 200, 5, 1 } };
    struct heap_fixture f;
    struct tn_gc_stats stats;
    uint64_t n_steps;

    memset(&w, 0, sizeof(w));
    heap_fixture_setup_collected(&f, mode, &options);
    assert_int_equal(tn_namespace_open(f.mu, TN_SLICE("gc", 2), &w.ns), 0);
    assert_int_equal(tn_events_listen(f.heap, &w.listener,
                                      TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED), ignore_wake,
                                      NULL),
                     0);
    n_steps = test_actors_run(&f, n_actors, seed, duration_ns, step, finish, &w);
    collect_twice(&f);
    assert_int_equal(n_containers(&f), count_reachable(&f, &w));
    for (unsigned int i = 0; i < N_NAMES; i++) {
        char text[16];
        int n = snprintf(text, sizeof(text), "n%u", i);
        int r = tn_name_unbind(f.mu, w.ns, TN_SLICE(text, (size_t)n), NULL, NULL);

        assert_true(r == 0 || r == TN_ERR_NAME);
    }
    collect_twice(&f);
    assert_true(hear_deaths(&w));
    assert_int_equal(w.n_deaths, count_records(&w));
    tn_events_unlisten(&w.listener);
    tn_gc_stats(f.heap, &stats);
    printf("%s, %s, %u threads: %llu steps, %llu full collections, %llu of the young, "
           "%llu deaths told\n",
           tn_mode_name(mode), tn_gc_kind_name(kind), n_actors, (unsigned long long)n_steps,
           (unsigned long long)stats.generations[TN_GC_OLDEST].collections,
           (unsigned long long)stats.generations[0].collections, (unsigned long long)w.n_deaths);
    heap_fixture_teardown(&f);
}

static void test_nothing_reachable_is_lost_and_nothing_else_stays(void **state)
{
    static const unsigned int numbers[] = { 2, TEST_ACTORS_MAX };
    uint64_t duration_ns = test_stress_seconds() * TN_NS_PER_S / 12;
    uint64_t seed = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        for (int kind = TN_GC_GENERATIONAL; kind < TN_GC_KINDS; kind++)
            for (size_t i = 0; i < TN_ARRAY_LEN(numbers); i++)
                run((enum tn_mode)mode, (enum tn_gc_kind)kind, numbers[i],
                    seed + (uint64_t)(mode * 100 + kind * 10) + i, duration_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_reachable_is_lost_and_nothing_else_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
