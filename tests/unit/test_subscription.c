/* SPDX-License-Identifier: MIT */
/* Subscriptions without sockets: queues, gaps, messages, what they cost. */
#include "server/subscription.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "proto/message.h"
#include "server/session.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/objects.h"

#define BUDGET ((size_t)1 << 20)
#define ID 77

struct fixture {
    struct heap_fixture heap;
    struct tn_budget budget;
    struct tn_counters counters;
    struct tn_hub hub;
    struct tn_sessions sessions;
    struct tn_session session;
    struct tn_namespace *ns;
    struct tn_subscription *sub;
    struct tn_buffer out;
    struct tn_arena arena;
    uint64_t n_offered;
};

static void set_up(struct fixture *f, uint32_t limit)
{
    struct tn_subscription_options options = { .id = ID,
                                               .kinds = TN_HEAP_EVENTS_ALL,
                                               .limit = limit };

    memset(f, 0, sizeof(*f));
    heap_fixture_setup(&f->heap, TN_MODE_BIASED);
    assert_int_equal(tn_namespace_open(f->heap.mu, TN_SLICE_LITERAL("ns"), &f->ns), 0);
    tn_budget_init(&f->budget, BUDGET);
    tn_hub_init(&f->hub, f->heap.heap, &f->budget, &f->counters);
    tn_session_init(&f->session, 10);
    tn_sessions_init(&f->sessions, f->heap.thread);
    tn_session_open(&f->session, &f->sessions, f->ns, 1);
    tn_buffer_init(&f->out, (size_t)1 << 24);
    assert_int_equal(tn_arena_init(&f->arena, 4096, (size_t)1 << 24), 0);
    assert_int_equal(tn_subscription_new(&f->hub, &f->session, &options, &f->sub), 0);
}

static void tear_down(struct fixture *f)
{
    tn_session_end_subscriptions(&f->session);
    assert_int_equal(f->budget.taken_bytes, 0);
    assert_int_equal(tn_counter_get(&f->counters.events_behind), 0);
    assert_int_equal(tn_counter_get(&f->counters.subscriptions), 0);
    tn_hub_fini(&f->hub);
    tn_buffer_fini(&f->out);
    tn_arena_fini(&f->arena);
    heap_fixture_teardown(&f->heap);
}

/* Offers the next event, whose version is its number. */
static void offer(struct fixture *f)
{
    struct tn_heap_event event = { .kind = TN_HEAP_EVENT_NAME_BOUND,
                                   .scope = TN_SLICE_LITERAL("ns"),
                                   .name = TN_SLICE_LITERAL("name") };

    event.binding.version = ++f->n_offered;
    tn_subscription_offer(f->sub, &event);
}

static void miss(struct fixture *f, uint64_t n)
{
    struct tn_heap_event event = { .kind = TN_HEAP_EVENT_MISSED };

    event.missed.n_events = n;
    tn_subscription_offer(f->sub, &event);
}

/* The next message of the subscription; NULL if there is none. */
static Tenure__V1__EventsResponse *pack(struct fixture *f, size_t max_bytes)
{
    const struct tn_scan_limits limits = TN_SCAN_LIMITS_DEFAULT;
    Tenure__V1__Response *response;
    struct tn_frame frame;

    if (!tn_ring_is_linked(&f->sub->pending))
        return NULL;
    tn_arena_reset(&f->arena);
    assert_int_equal(tn_subscription_pack(f->sub, max_bytes, &f->out), 0);
    assert_int_equal(tn_frame_parse(tn_buffer_begin(&f->out), tn_buffer_len(&f->out),
                                    TN_FRAME_BYTES_MAX, &frame, NULL),
                     0);
    assert_int_equal(tn_buffer_len(&f->out), frame.offset + frame.len);
    assert_int_equal(
        tn_message_unpack_response(TN_SLICE(tn_buffer_begin(&f->out) + frame.offset, frame.len),
                                   &limits, &f->arena, &response, NULL),
        0);
    tn_buffer_consume(&f->out, tn_buffer_len(&f->out));
    assert_int_equal(response->id, ID);
    assert_null(response->status);
    assert_int_equal(response->result_case, TENURE__V1__RESPONSE__RESULT_EVENTS);
    return response->events;
}

static void expect_event(const Tenure__V1__Event *event, uint64_t sequence)
{
    assert_int_equal(event->what_case, TENURE__V1__EVENT__WHAT_NAME_BOUND);
    assert_int_equal(event->sequence, sequence);
    assert_int_equal(event->name_bound->version, sequence);
}

static void expect_gap(const Tenure__V1__Event *event, uint64_t sequence, uint64_t lost,
                       uint64_t unseen)
{
    assert_int_equal(event->what_case, TENURE__V1__EVENT__WHAT_GAP);
    assert_int_equal(event->sequence, sequence);
    assert_int_equal(event->gap->lost, lost);
    assert_int_equal(event->gap->unseen, unseen);
}

static void test_gap_stands_where_events_were_lost(void **state)
{
    Tenure__V1__EventsResponse *batch;
    struct fixture f;

    (void)state;
    set_up(&f, 3);
    assert_null(pack(&f, 1000));
    for (int i = 0; i < 5; i++)
        offer(&f);
    batch = pack(&f, 1); /* one at least */
    assert_int_equal(batch->n_events, 1);
    expect_event(batch->events[0], 1);
    offer(&f); /* fits again: the gap goes in front of it */
    offer(&f);
    batch = pack(&f, 1000);
    assert_int_equal(batch->n_events, 4);
    expect_event(batch->events[0], 2);
    expect_event(batch->events[1], 3);
    expect_gap(batch->events[2], 4, 2, 0);
    expect_event(batch->events[3], 6);
    batch = pack(&f, 1000); /* the seventh found it full, and nothing has come since */
    assert_int_equal(batch->n_events, 1);
    expect_gap(batch->events[0], 7, 1, 0);
    assert_null(pack(&f, 1000));
    offer(&f);
    expect_event(pack(&f, 1000)->events[0], 8);
    assert_int_equal(f.sub->n_lost, 3);
    tear_down(&f);
}

static void test_what_was_overwritten_is_told(void **state)
{
    Tenure__V1__EventsResponse *batch;
    struct fixture f;

    (void)state;
    set_up(&f, 10);
    miss(&f, 5);
    miss(&f, 6);
    expect_gap(pack(&f, 1000)->events[0], 1, 0, 11);
    assert_null(pack(&f, 1000));
    offer(&f);
    miss(&f, 7);
    offer(&f);
    batch = pack(&f, 1000);
    assert_int_equal(batch->n_events, 3);
    expect_event(batch->events[0], 1);
    expect_gap(batch->events[1], 2, 0, 7);
    expect_event(batch->events[2], 2);
    assert_int_equal(f.sub->n_unseen, 18);
    tear_down(&f);
}

static void test_the_end_is_the_last_message(void **state)
{
    Tenure__V1__EventsResponse *batch;
    struct fixture f;

    (void)state;
    set_up(&f, 3);
    for (int i = 0; i < 5; i++)
        offer(&f);
    tn_subscription_end(f.sub);
    offer(&f);
    batch = pack(&f, 1000);
    assert_true(batch->ended);
    assert_int_equal(batch->n_events, 0);
    tear_down(&f);
}

/* Whatever comes and goes, what is told has no holes, and no queue is longer than it may. */
static void test_random_traffic_has_no_holes(void **state)
{
    uint64_t seed = test_seed();
    uint64_t next = 1;
    uint64_t lost = 0;
    uint64_t unseen = 0;
    uint64_t missed = 0;
    struct fixture f;

    (void)state;
    set_up(&f, 20);
    for (int i = 0; i < 50000; i++) {
        Tenure__V1__EventsResponse *batch;

        if (test_random(&seed) % 16 != 0 && i < 49900) {
            offer(&f);
            if (test_random(&seed) % 64 == 0) {
                miss(&f, 3);
                missed += 3;
            }
            assert_true(f.sub->n_queued <= 21); /* and a gap */
            continue;
        }
        batch = pack(&f, 1 + test_random(&seed) % 600);
        for (size_t k = 0; batch != NULL && k < batch->n_events; k++) {
            const Tenure__V1__Event *event = batch->events[k];

            assert_int_equal(event->sequence, next);
            if (event->what_case != TENURE__V1__EVENT__WHAT_GAP) {
                expect_event(event, next++);
                continue;
            }
            assert_true(event->gap->lost + event->gap->unseen > 0);
            lost += event->gap->lost;
            unseen += event->gap->unseen;
            next += event->gap->lost;
        }
    }
    assert_null(pack(&f, 1000));
    assert_int_equal(next, f.n_offered + 1);
    assert_int_equal(unseen, missed);
    assert_int_equal(lost, f.sub->n_lost);
    assert_int_equal(lost, tn_counter_get(&f.counters.events_lost));
    assert_true(lost > 0);
    tear_down(&f);
}

/* Long names fill a queue in bytes before they fill it in number. */
static void test_long_events_are_bounded_in_bytes(void **state)
{
    struct tn_heap_event event = { .kind = TN_HEAP_EVENT_NAME_BOUND };
    char text[1024];
    struct fixture f;

    (void)state;
    set_up(&f, 1000);
    memset(text, 'x', sizeof(text));
    event.scope = TN_SLICE(text, sizeof(text));
    event.name = TN_SLICE(text, sizeof(text));
    for (int i = 0; i < 1000; i++)
        tn_subscription_offer(f.sub, &event);
    assert_true(f.sub->n_lost > 900);
    assert_true(f.sub->queue.cap <= f.sub->taken_bytes);
    assert_true(f.sub->n_queued > 20);
    tear_down(&f);
}

/* The hub listens to what its subscriptions want, and tells each what it wants. */
static void test_hub_listens_while_somebody_subscribes(void **state)
{
    struct tn_subscription_options options = { .id = 1, .limit = 10 };
    struct tn_subscription *other = NULL;
    struct tn_object *o;
    struct fixture f;

    (void)state;
    set_up(&f, 10);
    options.kinds = TN_HEAP_EVENTS_MEMORY;
    assert_int_equal(tn_subscription_new(&f.hub, &f.session, &options, &other), 0);
    assert_ptr_equal(tn_subscription_find(&f.session, 1), other);
    assert_ptr_equal(tn_subscription_find(&f.session, ID), f.sub);
    assert_null(tn_subscription_find(&f.session, 2));
    o = test_int(f.heap.mu, 1000);
    assert_int_equal(tn_name_bind(f.heap.mu, f.ns, TN_SLICE_LITERAL("x"), &o, NULL, NULL), 0);
    tn_event_memory(f.heap.mu, TN_HEAP_EVENT_MEMORY_LOW, 1, 2);
    assert_false(tn_hub_collect(&f.hub));
    assert_int_equal(f.sub->n_queued, 2);
    assert_int_equal(other->n_queued, 1);
    tn_subscription_free(&f.sub);
    assert_int_equal(tn_name_unbind(f.heap.mu, f.ns, TN_SLICE_LITERAL("x"), NULL, NULL), 0);
    assert_false(tn_hub_collect(&f.hub)); /* nobody wants names any more */
    assert_int_equal(other->n_queued, 1);
    tn_subscription_free(&other);
    assert_false(tn_events_is_listening(&f.hub.listener));
    tear_down(&f);
}

static void test_subscriptions_are_limited_and_paid_for(void **state)
{
    struct tn_subscription_options options = { .kinds = TN_HEAP_EVENTS_ALL, .limit = 1 };
    struct tn_subscription *sub;
    struct fixture f;

    (void)state;
    set_up(&f, 1);
    options.limit = 65536;
    assert_int_equal(tn_subscription_new(&f.hub, &f.session, &options, &sub), TN_ERR_LIMIT);
    options.limit = 1;
    for (int i = 1; i < TN_SESSION_SUBSCRIPTIONS; i++) {
        options.id = (uint64_t)i;
        assert_int_equal(tn_subscription_new(&f.hub, &f.session, &options, &sub), 0);
    }
    assert_int_equal(tn_subscription_new(&f.hub, &f.session, &options, &sub), TN_ERR_TOO_MANY);
    assert_int_equal(tn_counter_get(&f.counters.subscriptions), TN_SESSION_SUBSCRIPTIONS);
    tear_down(&f);
}

static int subscribe_once(struct heap_fixture *heap, const void *arg)
{
    struct tn_subscription_options options = { .id = 1, .kinds = TN_HEAP_EVENTS_ALL, .limit = 10 };
    struct fixture *f = (struct fixture *)(uintptr_t)arg;
    struct tn_subscription *sub = NULL;
    int r;

    (void)heap;
    test_faults_begin();
    r = tn_subscription_new(&f->hub, &f->session, &options, &sub);
    test_faults_end();
    assert_int_equal(f->hub.n_subscriptions, r == 0);
    assert_int_equal(f->budget.taken_bytes == 0, r != 0);
    tn_subscription_free(&sub);
    return r;
}

static void test_subscribing_without_memory_changes_nothing(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, 1);
    tn_subscription_free(&f.sub);
    test_failing_allocations(&f.heap, subscribe_once, &f);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap_stands_where_events_were_lost),
        cmocka_unit_test(test_what_was_overwritten_is_told),
        cmocka_unit_test(test_the_end_is_the_last_message),
        cmocka_unit_test(test_random_traffic_has_no_holes),
        cmocka_unit_test(test_long_events_are_bounded_in_bytes),
        cmocka_unit_test(test_hub_listens_while_somebody_subscribes),
        cmocka_unit_test(test_subscriptions_are_limited_and_paid_for),
        cmocka_unit_test(test_subscribing_without_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
