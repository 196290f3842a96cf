/* SPDX-License-Identifier: MIT */
/* Events: the rings of mutators, their listeners, and the sources in core/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory/fault.h"
#include "tests/support/finalizer.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/objects.h"

#define NAME(s) TN_SLICE_LITERAL(s)

static void on_wake(void *arg)
{
    (*(unsigned int *)arg)++;
}

static void begin(struct heap_fixture *f, struct tn_event_listener *listener, uint32_t kinds,
                  unsigned int *n_wakes)
{
    *listener = (struct tn_event_listener){ 0 };
    *n_wakes = 0;
    assert_int_equal(tn_events_listen(f->heap, listener, kinds, on_wake, n_wakes), 0);
    assert_true(tn_events_is_listening(listener));
}

static struct tn_heap_event next(struct tn_event_listener *listener, enum tn_heap_event_kind kind)
{
    struct tn_heap_event event;

    assert_true(tn_events_read(listener, &event));
    assert_int_equal(event.kind, kind);
    return event;
}

static void expect_none(struct tn_event_listener *listener)
{
    struct tn_heap_event event;

    assert_false(tn_events_read(listener, &event));
}

static void expect_text(struct tn_slice text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

/* Goes offline, which is when those who listen are woken, and online again. */
static void breathe(struct heap_fixture *f)
{
    tn_thread_offline(f->thread);
    f->mu = tn_thread_online(f->thread);
}

static void bind_int(struct heap_fixture *f, struct tn_namespace *ns, struct tn_slice name,
                     int64_t value)
{
    struct tn_object *o = test_int(f->mu, value);

    assert_int_equal(tn_name_bind(f->mu, ns, name, &o, NULL, NULL), 0);
}

static struct tn_namespace *open_namespace(struct heap_fixture *f)
{
    struct tn_namespace *ns;

    assert_int_equal(tn_namespace_open(f->mu, NAME("space"), &ns), 0);
    return ns;
}

/* Any event will do. */
static void emit_something(struct heap_fixture *f)
{
    tn_event_memory(f->mu, TN_HEAP_EVENT_MEMORY_LOW, 1, 2);
}

/* ---- Names ---- */

static void check_names(struct heap_fixture *f)
{
    struct tn_namespace *ns = open_namespace(f);
    struct tn_event_listener listener;
    struct tn_name_change change;
    unsigned int n_wakes;
    struct tn_heap_event event;

    bind_int(f, ns, NAME("x"), 1000); /* before anybody listens */
    begin(f, &listener, TN_HEAP_EVENTS_NAME, &n_wakes);
    expect_none(&listener);

    bind_int(f, ns, NAME("x"), 1001);
    bind_int(f, ns, NAME("a longer name than a word"), 1002);
    assert_int_equal(tn_name_unbind(f->mu, ns, NAME("x"), NULL, &change), 0);
    assert_int_equal(tn_name_unbind(f->mu, ns, NAME("none"), NULL, NULL), TN_ERR_NAME);
    tn_event_name(f->mu, TN_HEAP_EVENT_NAME_EXPIRED, ns, NAME("soft"), 77);
    assert_int_equal(n_wakes, 0);
    breathe(f);
    assert_int_equal(n_wakes, 1);

    event = next(&listener, TN_HEAP_EVENT_NAME_CHANGED);
    expect_text(event.scope, "space");
    expect_text(event.name, "x");
    assert_int_equal(event.binding.version, 2);
    assert_int_equal(event.binding.namespace_id, (uintptr_t)ns);
    event = next(&listener, TN_HEAP_EVENT_NAME_BOUND);
    expect_text(event.name, "a longer name than a word");
    event = next(&listener, TN_HEAP_EVENT_NAME_REMOVED);
    expect_text(event.name, "x");
    assert_int_equal(event.binding.version, change.version);
    event = next(&listener, TN_HEAP_EVENT_NAME_EXPIRED);
    expect_text(event.name, "soft");
    assert_int_equal(event.binding.version, 77);
    expect_none(&listener);
    tn_events_unlisten(&listener);
    assert_int_equal(tn_name_unbind(f->mu, ns, NAME("a longer name than a word"), NULL, NULL), 0);
}

static void test_names_that_change_are_told(void **state)
{
    (void)state;
    test_in_all_modes(check_names);
}

/* ---- Death ---- */

/* A list with TN_BIT_FINALIZER that holds another one, and so on: `depth` of them. */
static struct tn_object *nest(struct heap_fixture *f, unsigned int depth, uint64_t *ret_identities)
{
    struct tn_object *inner = NULL;

    for (unsigned int i = depth; i-- > 0;) {
        struct tn_object *outer = test_list(f->mu);

        test_set_finalizer(outer);
        ret_identities[i] = tn_identity(f->heap, outer);
        if (inner != NULL)
            test_append(f->mu, outer, inner);
        inner = outer;
    }
    return inner;
}

static void check_death(struct heap_fixture *f)
{
    uint64_t identities[5];
    struct tn_event_listener listener;
    struct tn_object *o;
    unsigned int n_wakes;

    begin(f, &listener, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED), &n_wakes);
    for (int published = 0; published < 2; published++) {
        o = nest(f, 5, identities);
        if (published)
            tn_publish(f->mu, o);
        tn_drop(f->mu, &o);
        o = test_list(f->mu); /* without the bit */
        tn_drop(f->mu, &o);
        for (int i = 0; i < 5; i++) { /* each before what it held, of which safe points let go */
            struct tn_heap_event event = next(&listener, TN_HEAP_EVENT_FINALIZED);

            if (i == 0) {
                expect_none(&listener);
                heap_fixture_settle(f);
            }

            assert_int_equal(event.finalized.identity, identities[i]);
            assert_int_equal(event.finalized.age_ms, 0);
            assert_true(event.finalized.size_bytes >= sizeof(struct tn_object));
            expect_text(event.scope, "list");
            expect_text(event.name, "");
        }
        expect_none(&listener);
    }
    tn_events_unlisten(&listener);
}

static void test_death_is_told_before_contents_go(void **state)
{
    (void)state;
    test_in_all_modes(check_death);
}

/* A container that is emptied in many steps is announced before the first of them, and
 * not at all if nobody listened by then. */
static void check_once(struct heap_fixture *f)
{
    struct tn_event_listener listener;
    struct tn_heap_event event;
    struct tn_object *o;
    unsigned int n_wakes;
    uint64_t size_bytes;

    begin(f, &listener, 0, &n_wakes);
    for (int late = 0; late < 2; late++) {
        o = test_list_range(f->mu, 1000, 3000);
        test_set_finalizer(o);
        size_bytes = tn_shallow_bytes(o);
        tn_events_choose(&listener, late ? 0 : TN_HEAP_EVENTS_ALL);
        tn_drop(f->mu, &o);
        assert_true(tn_thread_safepoint(f->thread, 10));
        tn_events_choose(&listener, TN_HEAP_EVENTS_ALL);
        heap_fixture_settle(f);
        if (!late) {
            event = next(&listener, TN_HEAP_EVENT_FINALIZED);
            assert_int_equal(event.finalized.size_bytes, size_bytes);
        }
        expect_none(&listener);
    }
    tn_events_unlisten(&listener);
}

static void test_death_is_told_once_or_never(void **state)
{
    (void)state;
    test_in_all_modes(check_once);
}

/* ---- The sources that others call ---- */

static void check_others(struct heap_fixture *f)
{
    const struct tn_collection_figures figures = { 2, 1000, 10, 3, 500, 300, 9000 };
    struct tn_object *a = test_list(f->mu);
    struct tn_object *b = test_list(f->mu);
    struct tn_event_listener listener;
    struct tn_heap_event event;
    unsigned int n_wakes;

    tn_event_weakref_dead(f->mu, a, b); /* nobody listens */
    begin(f, &listener, TN_HEAP_EVENTS_ALL, &n_wakes);
    tn_event_weakref_dead(f->mu, a, b);
    tn_event_collection(f->mu, TN_HEAP_EVENT_COLLECTION_STARTED, "threshold", "concurrent",
                        &(struct tn_collection_figures){ .generation = 1 });
    tn_event_collection(f->mu, TN_HEAP_EVENT_COLLECTION_FINISHED, "threshold", "concurrent",
                        &figures);
    tn_event_memory(f->mu, TN_HEAP_EVENT_MEMORY_LOW, 90, 100);
    tn_event_memory(f->mu, TN_HEAP_EVENT_MEMORY_RECOVERED, 50, 100);

    event = next(&listener, TN_HEAP_EVENT_WEAKREF_DEAD);
    assert_int_equal(event.weakref.identity, tn_identity(f->heap, a));
    assert_int_equal(event.weakref.target_identity, tn_identity(f->heap, b));
    event = next(&listener, TN_HEAP_EVENT_COLLECTION_STARTED);
    expect_text(event.scope, "threshold");
    expect_text(event.name, "concurrent");
    assert_int_equal(event.collection.generation, 1);
    event = next(&listener, TN_HEAP_EVENT_COLLECTION_FINISHED);
    assert_int_equal(event.collection.generation, 2);
    assert_int_equal(event.collection.n_examined, 1000);
    assert_int_equal(event.collection.n_freed, 10);
    assert_int_equal(event.collection.n_pauses, 3);
    assert_int_equal(event.collection.pause_ns, 500);
    assert_int_equal(event.collection.longest_pause_ns, 300);
    assert_int_equal(event.collection.duration_ns, 9000);
    event = next(&listener, TN_HEAP_EVENT_MEMORY_LOW);
    assert_int_equal(event.memory.held_bytes, 90);
    assert_int_equal(event.memory.limit_bytes, 100);
    event = next(&listener, TN_HEAP_EVENT_MEMORY_RECOVERED);
    assert_int_equal(event.memory.held_bytes, 50);
    expect_none(&listener);
    tn_events_unlisten(&listener);
    tn_drop(f->mu, &a);
    tn_drop(f->mu, &b);
}

static void test_collections_weakrefs_and_memory_are_told(void **state)
{
    (void)state;
    test_in_all_modes(check_others);
}

/* ---- Rings ---- */

/* What a listener misses is counted, and what it sees is the newest, in order. */
static void check_overflow(struct heap_fixture *f)
{
    struct tn_namespace *ns = open_namespace(f);
    struct tn_event_listener slow;
    struct tn_event_listener fast;
    char name[TN_HEAP_EVENT_TEXT_MAX];
    uint64_t seed = test_seed();
    uint64_t n_seen = 0;
    uint64_t n_missed = 0;
    uint64_t n = 0;
    unsigned int n_wakes;
    struct tn_heap_event event;

    memset(name, 'n', sizeof(name));
    begin(f, &slow, TN_HEAP_EVENTS_NAME, &n_wakes);
    begin(f, &fast, TN_HEAP_EVENTS_NAME, &n_wakes);
    for (int round = 0; round < 20; round++) {
        uint64_t n_round = test_random(&seed) % 20000;

        for (uint64_t i = 0; i < n_round; i++) {
            size_t len = test_random(&seed) % (sizeof(name) + 1);

            n++;
            tn_event_name(f->mu, TN_HEAP_EVENT_NAME_BOUND, ns, TN_SLICE(name, len), n);
            event = next(&fast, TN_HEAP_EVENT_NAME_BOUND); /* it keeps up, and misses nothing */
            assert_int_equal(event.binding.version, n);
            assert_int_equal(event.name.len, len);
            assert_memory_equal(event.name.data, name, len);
        }
        while (tn_events_read(&slow, &event)) {
            if (event.kind == TN_HEAP_EVENT_MISSED) {
                n_missed += event.missed.n_events;
                continue;
            }
            n_seen++;
            assert_int_equal(event.binding.version, n_seen + n_missed);
        }
        assert_int_equal(n_seen + n_missed, n);
    }
    assert_true(n_missed > 0 && n_seen > 0);
    tn_events_unlisten(&slow);
    tn_events_unlisten(&fast);
}

static void test_overflow_loses_the_oldest_and_counts_them(void **state)
{
    (void)state;
    test_in_all_modes(check_overflow);
}

static void check_long_texts(struct heap_fixture *f)
{
    struct tn_namespace *ns = open_namespace(f);
    char name[TN_HEAP_EVENT_TEXT_MAX + 100];
    struct tn_event_listener listener;
    unsigned int n_wakes;
    struct tn_heap_event event;

    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = (char)('a' + i % 26);
    begin(f, &listener, TN_HEAP_EVENTS_NAME, &n_wakes);
    for (size_t len = 0; len <= sizeof(name); len += 1 + len / 8) {
        size_t kept = len < TN_HEAP_EVENT_TEXT_MAX ? len : TN_HEAP_EVENT_TEXT_MAX;

        tn_event_name(f->mu, TN_HEAP_EVENT_NAME_BOUND, ns, TN_SLICE(name, len), len);
        event = next(&listener, TN_HEAP_EVENT_NAME_BOUND);
        assert_int_equal(event.name.len, kept);
        assert_memory_equal(event.name.data, name, kept);
        expect_text(event.scope, "space");
        assert_int_equal(event.binding.version, len);
    }
    tn_events_unlisten(&listener);
}

static void test_texts_of_every_length_come_through(void **state)
{
    (void)state;
    test_in_all_modes(check_long_texts);
}

/* ---- Waking ---- */

static void check_waking(struct heap_fixture *f)
{
    struct tn_event_listener listener;
    unsigned int n_wakes;

    begin(f, &listener, TN_HEAP_EVENTS_ALL, &n_wakes);
    breathe(f);
    assert_int_equal(n_wakes, 0); /* nothing has happened */
    for (int i = 0; i < 3; i++) {
        emit_something(f);
        breathe(f);
        assert_int_equal(n_wakes, 1); /* once until it begins to read */
    }
    tn_events_begin(&listener);
    for (int i = 0; i < 3; i++)
        (void)next(&listener, TN_HEAP_EVENT_MEMORY_LOW);
    breathe(f);
    assert_int_equal(n_wakes, 1);
    emit_something(f);
    breathe(f);
    assert_int_equal(n_wakes, 2);

    tn_events_begin(&listener);
    tn_events_expect(&listener); /* it will look in any case */
    emit_something(f);
    breathe(f);
    assert_int_equal(n_wakes, 2);
    tn_events_choose(&listener, TN_HEAP_EVENTS_NAME);
    emit_something(f); /* nobody wants it */
    (void)next(&listener, TN_HEAP_EVENT_MEMORY_LOW);
    (void)next(&listener, TN_HEAP_EVENT_MEMORY_LOW);
    expect_none(&listener);
    tn_events_unlisten(&listener);
    assert_false(tn_events_is_listening(&listener));
    tn_events_unlisten(&listener); /* does nothing */
}

static void test_listeners_are_woken_once(void **state)
{
    (void)state;
    test_in_all_modes(check_waking);
}

static int listen_once(struct heap_fixture *f, const void *arg)
{
    struct tn_event_listener listener = { 0 };
    unsigned int n_wakes = 0;
    int r;

    (void)arg;
    test_faults_begin();
    r = tn_events_listen(f->heap, &listener, TN_HEAP_EVENTS_ALL, on_wake, &n_wakes);
    test_faults_end();
    assert_int_equal(tn_events_is_listening(&listener), r == 0);
    if (r == 0) {
        emit_something(f);
        (void)next(&listener, TN_HEAP_EVENT_MEMORY_LOW);
    } else {
        assert_int_equal(r, TN_ERR_NOMEM);
    }
    tn_events_unlisten(&listener);
    return r;
}

static void check_no_memory(struct heap_fixture *f)
{
    test_failing_allocations(f, listen_once, NULL);
}

static void test_listening_without_memory_changes_nothing(void **state)
{
    (void)state;
    test_in_all_modes(check_no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_change_are_told),
        cmocka_unit_test(test_death_is_told_before_contents_go),
        cmocka_unit_test(test_death_is_told_once_or_never),
        cmocka_unit_test(test_collections_weakrefs_and_memory_are_told),
        cmocka_unit_test(test_overflow_loses_the_oldest_and_counts_them),
        cmocka_unit_test(test_texts_of_every_length_come_through),
        cmocka_unit_test(test_listeners_are_woken_once),
        cmocka_unit_test(test_listening_without_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
