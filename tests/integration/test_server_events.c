/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions through a real server: what comes, in which order, what is lost,
 * and that a subscriber who is slow, or gone, costs nobody else anything.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/support/finalizer.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define AWAIT_NS (60 * TN_NS_PER_S)

/* One subscription, and what has been heard of it. */
struct stream {
    struct raw_client *c;
    uint64_t id;
    uint64_t next_sequence;
    uint64_t n_events;
    uint64_t n_lost;
    uint64_t n_unseen;
    bool is_ended;
    Tenure__V1__EventsResponse *batch; /* being read */
    size_t at;
    size_t n_batch; /* events in it */
};

static Tenure__V1__SubscribeRequest *new_subscribe(struct raw_client *c, uint32_t kinds)
{
    Tenure__V1__SubscribeRequest *subscribe = RAW_NEW(c, SubscribeRequest, SUBSCRIBE_REQUEST);

    subscribe->kinds = kinds;
    return subscribe;
}

static Tenure__V1__Response *call_subscribe(struct raw_client *c,
                                            Tenure__V1__SubscribeRequest *subscribe)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_SUBSCRIBE;
    request->subscribe = subscribe;
    return raw_call(c, request);
}

static struct stream subscribe_with(struct raw_client *c, Tenure__V1__SubscribeRequest *subscribe)
{
    Tenure__V1__Response *response = call_subscribe(c, subscribe);

    assert_null(response->status);
    assert_int_equal(response->result_case, TENURE__V1__RESPONSE__RESULT_EVENTS);
    assert_int_equal(response->events->n_events, 0);
    assert_false(response->events->ended);
    assert_int_equal(response->events->queue_limit,
                     subscribe->queue_limit != 0 ? subscribe->queue_limit : 1024);
    return (struct stream){ .c = c, .id = response->id, .next_sequence = 1 };
}

static struct stream subscribe(struct raw_client *c, uint32_t kinds)
{
    return subscribe_with(c, new_subscribe(c, kinds));
}

/* Sends a request and returns its answer; events that come first belong to streams
 * that nobody asks any more. */
static Tenure__V1__Response *call_beside(struct raw_client *c, Tenure__V1__Request *request)
{
    Tenure__V1__Response *response;

    assert_true(raw_send(c, request));
    do {
        response = raw_receive(c);
        assert_non_null(response);
    } while (response->id != request->id);
    return response;
}

/* The next event or gap, or NULL at the end of the stream. Numbers are checked. */
static Tenure__V1__Event *next_item(struct stream *s)
{
    Tenure__V1__Event *event;

    while (s->at == s->n_batch) {
        Tenure__V1__Response *response;

        if (s->is_ended)
            return NULL;
        response = raw_receive(s->c);
        assert_non_null(response);
        assert_int_equal(response->id, s->id);
        assert_int_equal(response->result_case, TENURE__V1__RESPONSE__RESULT_EVENTS);
        assert_non_null(response->events);
        s->batch = response->events;
        s->at = 0;
        s->n_batch = s->batch->n_events;
        s->is_ended = s->batch->ended;
        assert_true(s->n_batch > 0 || s->is_ended);
    }
    event = s->batch->events[s->at++];
    assert_int_equal(event->sequence, s->next_sequence);
    if (event->what_case != TENURE__V1__EVENT__WHAT_GAP) {
        s->next_sequence++;
        s->n_events++;
        return event;
    }
    assert_true(event->gap->lost > 0 || event->gap->unseen > 0);
    s->n_lost += event->gap->lost;
    s->n_unseen += event->gap->unseen;
    s->next_sequence += event->gap->lost;
    return event;
}

/* The same without gaps. */
static Tenure__V1__Event *next_event(struct stream *s)
{
    Tenure__V1__Event *event;

    do
        event = next_item(s);
    while (event != NULL && event->what_case == TENURE__V1__EVENT__WHAT_GAP);
    return event;
}

static Tenure__V1__NameEvent *expect_name(struct stream *s, Tenure__V1__Event__WhatCase what,
                                          const char *ns, const char *name)
{
    Tenure__V1__Event *event = next_event(s);

    assert_non_null(event);
    assert_int_equal(event->what_case, what);
    assert_int_equal(event->name_bound->namespace_.len, strlen(ns));
    assert_memory_equal(event->name_bound->namespace_.data, ns, strlen(ns));
    assert_int_equal(event->name_bound->name.len, strlen(name));
    assert_memory_equal(event->name_bound->name.data, name, strlen(name));
    return event->name_bound;
}

static Tenure__V1__Response *unsubscribe(struct raw_client *c, uint64_t id)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_UNSUBSCRIBE;
    request->unsubscribe = RAW_NEW(c, UnsubscribeRequest, UNSUBSCRIBE_REQUEST);
    request->unsubscribe->subscription = id;
    return call_beside(c, request);
}

static Tenure__V1__InfoResponse *info(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    return call_beside(c, request)->info;
}

static void in_all_modes(const char *const *options,
                         void (*check)(struct server_fixture *f, struct raw_client *a,
                                       struct raw_client *b))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client a;
        struct raw_client b;

        server_fixture_start(&f, (enum tn_mode)mode, options);
        raw_open(&a, f.unix_address); /* one on each of the two workers */
        raw_open(&b, f.tcp_address);
        check(&f, &a, &b);
        raw_close(&a);
        raw_close(&b);
        server_fixture_stop(&f);
    }
}

/* ---- Names ---- */

#define BOUND TENURE__V1__EVENT__WHAT_NAME_BOUND
#define CHANGED TENURE__V1__EVENT__WHAT_NAME_CHANGED
#define REMOVED TENURE__V1__EVENT__WHAT_NAME_REMOVED

/* What happens on one worker is heard on the other, and on the same. */
static void check_names(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    struct raw_client *actors[] = { a, b };

    (void)f;
    for (int i = 0; i < 2; i++) {
        struct raw_client listener;
        struct stream s;
        uint64_t version;

        raw_open(&listener, f->unix_address);
        s = subscribe(&listener, 0);
        (void)raw_do(actors[i], "set x 1000");
        (void)raw_do(actors[i], "set x 1001");
        (void)raw_do(actors[i], "set yy [1]");
        (void)raw_do(actors[i], "unbind x");
        (void)raw_do(actors[i], "unbind x"); /* is none any more: no event */
        (void)raw_do(actors[i], "unbind yy");
        version = expect_name(&s, BOUND, "default", "x")->version;
        assert_true(expect_name(&s, CHANGED, "default", "x")->version > version);
        (void)expect_name(&s, BOUND, "default", "yy");
        assert_true(expect_name(&s, REMOVED, "default", "x")->version > version);
        (void)expect_name(&s, REMOVED, "default", "yy");
        raw_close(&listener);
    }
}

static void test_names_are_told_across_workers(void **state)
{
    (void)state;
    in_all_modes(NULL, check_names);
}

static void open_in(struct raw_client *c, const struct tn_address *address, const char *ns)
{
    Tenure__V1__Request *request;

    raw_connect(c, address);
    request = raw_request(c);
    request->op_case = TENURE__V1__REQUEST__OP_HELLO;
    request->hello = RAW_NEW(c, HelloRequest, HELLO_REQUEST);
    request->hello->protocol = 1;
    request->hello->namespace_ = raw_bytes(c, ns);
    assert_null(raw_call(c, request)->status);
}

static void check_filters(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    Tenure__V1__SubscribeRequest *narrow =
        new_subscribe(a, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_NAME_REMOVED));
    struct raw_client everywhere;
    struct raw_client other;
    struct stream s;
    struct stream all;

    narrow->prefix = raw_bytes(a, "job/");
    s = subscribe_with(a, narrow);
    raw_open(&everywhere, f->unix_address);
    narrow = new_subscribe(&everywhere, 0);
    narrow->all_namespaces = true;
    all = subscribe_with(&everywhere, narrow);

    open_in(&other, f->tcp_address, "elsewhere");
    (void)raw_do(&other, "set job/9 1");
    (void)raw_do(&other, "unbind job/9");
    (void)raw_do(b, "set job/1 1");
    (void)raw_do(b, "set jo 1");
    (void)raw_do(b, "unbind jo");
    (void)raw_do(b, "unbind job/1");
    (void)expect_name(&s, REMOVED, "default", "job/1"); /* as the first one */
    assert_int_equal(s.next_sequence, 2);
    for (int i = 0; i < 6; i++) {
        Tenure__V1__Event *event = next_event(&all);

        assert_true(event->what_case == BOUND || event->what_case == REMOVED);
    }
    raw_close(&other);
    raw_close(&everywhere);
}

static void test_filters_choose(void **state)
{
    (void)state;
    in_all_modes(NULL, check_filters);
}

/* ---- Death ---- */

static struct tn_object *new_finalized_list(struct tn_mutator *mu)
{
    struct tn_object *o;

    assert_int_equal(tn_list_new(mu, 0, &o), 0);
    test_set_finalizer(o);
    return o;
}

/* Binds a list whose death is an event: no request makes one. */
static uint64_t bind_finalized(struct server_fixture *f, const char *name)
{
    struct tn_heap *heap = tn_server_heap(f->server);
    struct tn_thread *thread;
    struct tn_namespace *ns;
    struct tn_mutator *mu;
    struct tn_object *o;
    uint64_t identity;

    assert_int_equal(tn_thread_attach(heap, &thread), 0);
    mu = tn_thread_online(thread);
    assert_int_equal(tn_namespace_open(mu, TN_SLICE_LITERAL("default"), &ns), 0);
    o = new_finalized_list(mu);
    identity = tn_identity(heap, o);
    assert_int_equal(tn_name_bind(mu, ns, tn_slice_from_str(name), &o, NULL, NULL), 0);
    tn_thread_offline(thread);
    tn_thread_detach(&thread);
    return identity;
}

/* The object's owner sleeps, a worker drops the last reference, and somebody else may
 * work off what has died. */
static void check_finalized(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    Tenure__V1__SubscribeRequest *of_class =
        new_subscribe(a, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED));
    Tenure__V1__SubscribeRequest *of_none =
        new_subscribe(b, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED));
    struct stream s;
    struct raw_client killer;

    of_class->class_name = raw_bytes(a, "list");
    s = subscribe_with(a, of_class);
    of_none->class_name = raw_bytes(b, "lis");
    (void)subscribe_with(b, of_none);
    raw_open(&killer, f->unix_address);
    for (int i = 0; i < 20; i++) {
        uint64_t identity = bind_finalized(f, "mortal");
        Tenure__V1__Event *event;

        assert_string_equal(raw_do(&killer, "unbind mortal"), "existed");
        event = next_event(&s);
        assert_int_equal(event->what_case, TENURE__V1__EVENT__WHAT_FINALIZED);
        assert_int_equal(event->finalized->identity, identity);
        assert_int_equal(event->finalized->class_name.len, 4);
        assert_true(event->finalized->size_bytes > 0);
    }
    assert_int_equal(info(b)->own_subscriptions[0]->sent, 0);
    raw_close(&killer);
}

static void test_death_is_told_whoever_works_it_off(void **state)
{
    (void)state;
    in_all_modes(NULL, check_finalized);
}

/* ---- Beginning and ending ---- */

static void expect_refusal(Tenure__V1__Response *response, const char *reason)
{
    assert_non_null(response->status);
    assert_string_equal(response->status->reason, reason);
}

static void check_refusals(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    Tenure__V1__SubscribeRequest *wrong;
    char *text = calloc(1, 2000);

    (void)f;
    (void)b;
    assert_non_null(text);
    memset(text, 'x', 1999);
    expect_refusal(call_subscribe(a, new_subscribe(a, 1)), "INVALID_ARGUMENT");
    expect_refusal(call_subscribe(a, new_subscribe(a, UINT32_C(1) << 31)), "INVALID_ARGUMENT");
    wrong = new_subscribe(a, 0);
    wrong->prefix = raw_bytes(a, text);
    expect_refusal(call_subscribe(a, wrong), "INVALID_ARGUMENT");
    wrong = new_subscribe(a, 0);
    wrong->class_name = raw_bytes(a, text);
    expect_refusal(call_subscribe(a, wrong), "INVALID_ARGUMENT");
    wrong = new_subscribe(a, 0);
    wrong->queue_limit = 65537;
    expect_refusal(call_subscribe(a, wrong), "INVALID_ARGUMENT");
    expect_refusal(unsubscribe(a, 12345), "SUBSCRIPTION_NOT_FOUND");
    for (int i = 0; i < 16; i++)
        assert_null(call_subscribe(a, new_subscribe(a, 0))->status);
    expect_refusal(call_subscribe(a, new_subscribe(a, 0)), "TOO_MANY_SUBSCRIPTIONS");
    assert_int_equal(info(a)->subscriptions, 16);
    assert_int_equal(info(a)->n_own_subscriptions, 16);
    assert_int_equal(info(b)->n_own_subscriptions, 0);
    free(text);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    in_all_modes(NULL, check_refusals);
}

/* The budget for queues is an eighth of max-buffers. */
static void check_budget(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    Tenure__V1__SubscribeRequest *large = new_subscribe(a, 0);
    struct stream s;

    (void)f;
    large->queue_limit = 60000;
    s = subscribe_with(a, large);
    expect_refusal(call_subscribe(a, large), "TOO_MANY_SUBSCRIPTIONS");
    expect_refusal(call_subscribe(b, large), "TOO_MANY_SUBSCRIPTIONS");
    assert_null(unsubscribe(a, s.id)->status);
    assert_int_equal(info(a)->subscriptions, 0); /* its last message has been sent */
    (void)subscribe_with(b, large);
}

static void test_queues_are_paid_for(void **state)
{
    static const char *const options[] = { "max-frame", "1mb", "max-buffers", "40mb", NULL };

    (void)state;
    in_all_modes(options, check_budget);
}

static void check_unsubscribe(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    struct stream s = subscribe(a, TN_HEAP_EVENTS_NAME);
    Tenure__V1__Request *request = raw_request(a);
    Tenure__V1__Response *response;

    (void)f;
    (void)raw_do(b, "set x 1");
    (void)expect_name(&s, BOUND, "default", "x");
    request->op_case = TENURE__V1__REQUEST__OP_UNSUBSCRIBE;
    request->unsubscribe = RAW_NEW(a, UnsubscribeRequest, UNSUBSCRIBE_REQUEST);
    request->unsubscribe->subscription = s.id;
    response = raw_call(a, request);
    assert_null(response->status);
    assert_int_equal(response->count->count, 1);
    assert_null(next_event(&s)); /* the last message */
    (void)raw_do(b, "unbind x");
    expect_refusal(unsubscribe(a, s.id), "SUBSCRIPTION_NOT_FOUND");
    assert_int_equal(info(a)->subscriptions, 0);

    s = subscribe(a, TN_HEAP_EVENTS_NAME); /* another one begins with what is new */
    (void)raw_do(b, "set y 1");
    (void)expect_name(&s, BOUND, "default", "y");
    (void)raw_do(b, "unbind y");
    (void)expect_name(&s, REMOVED, "default", "y");
}

static void test_unsubscribing_ends_the_stream(void **state)
{
    (void)state;
    in_all_modes(NULL, check_unsubscribe);
}

/* ---- Slow subscribers ---- */

#define FLOOD 30000u
#define QUEUE 100u

static void flood(struct raw_client *c, unsigned int n)
{
    for (unsigned int i = 0; i < n; i += 500) {
        for (int k = 0; k < 500; k++)
            assert_true(raw_send(c, raw_parse(c, "set a/name/that/is/not/very/short 1")));
        for (int k = 0; k < 500; k++)
            assert_null(raw_receive(c)->status);
        raw_reset(c);
    }
}

/* A subscriber that does not read while others work: they are served, its queue is
 * bounded, and in the end it knows how many it has lost. */
static void check_slow(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    Tenure__V1__SubscribeRequest *short_one = new_subscribe(a, TN_HEAP_EVENTS_NAME);
    Tenure__V1__InfoResponse *answer;
    struct stream s;

    (void)f;
    short_one->queue_limit = QUEUE;
    s = subscribe_with(a, short_one);
    flood(b, FLOOD);
    answer = info(b);
    assert_int_equal(answer->subscriptions, 1);
    assert_true(answer->events_behind <= QUEUE + 1); /* and a gap */
    assert_true(answer->events_lost + answer->events_unseen > 0);
    (void)raw_do(b, "set last 1");
    while (s.n_events + s.n_lost + s.n_unseen < FLOOD + 1)
        (void)next_item(&s);
    assert_int_equal(s.n_events + s.n_lost + s.n_unseen, FLOOD + 1);
    assert_true(s.n_lost + s.n_unseen > 0);

    (void)raw_do(b, "unbind last"); /* it is as good as new */
    (void)expect_name(&s, REMOVED, "default", "last");
    answer = info(a);
    assert_int_equal(answer->own_subscriptions[0]->lost, s.n_lost);
    assert_int_equal(answer->own_subscriptions[0]->unseen, s.n_unseen);
    assert_int_equal(answer->own_subscriptions[0]->behind, 0);
    assert_int_equal(answer->own_subscriptions[0]->queue_limit, QUEUE);
    assert_int_equal(answer->events_lost, s.n_lost);
    (void)raw_do(b, "unbind a/name/that/is/not/very/short");
}

static void test_slow_subscriber_loses_events_and_knows_it(void **state)
{
    (void)state;
    in_all_modes(NULL, check_slow);
}

/* One that never reads is cut off after write-timeout; nothing of it is left. */
static void check_deaf(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    uint64_t began = tn_clock_ns();

    (void)f;
    (void)subscribe(a, TN_HEAP_EVENTS_NAME);
    while (info(b)->subscriptions > 0) {
        flood(b, 500);
        assert_true(tn_clock_ns() - began < AWAIT_NS);
    }
    assert_int_equal(info(b)->events_behind, 0);
    assert_int_equal(info(b)->connections, 1);
    (void)raw_do(b, "unbind a/name/that/is/not/very/short");
}

static void test_deaf_subscriber_is_cut_off(void **state)
{
    static const char *const options[] = { "write-timeout", "200ms", NULL };

    (void)state;
    in_all_modes(options, check_deaf);
}

/* Requests go on beside a stream, on the same connection, and are answered in order. */
static void check_beside(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    struct stream s = subscribe(a, TN_HEAP_EVENTS_NAME);
    uint64_t n_answers = 0;
    uint64_t n_events = 0;
    uint64_t n_sent = 0;
    uint64_t first;

    (void)f;
    (void)b;
    first = a->last_id + 1;
    while (n_answers < 2000 || n_events < 1000) {
        Tenure__V1__Response *response;

        /* No more at a time than both sockets have room for: who does not read is not
         * read from, and a server that waits in vain cuts off. */
        for (; n_sent < 2000 && n_sent < n_answers + 50; n_sent++)
            assert_true(raw_send(a, raw_parse(a, n_sent % 2 == 0 ? "set mine 1" : "get mine")));
        response = raw_receive(a);
        assert_non_null(response);
        assert_null(response->status);
        if (response->id == s.id)
            n_events += response->events->n_events;
        else
            assert_int_equal(response->id, first + n_answers++);
    }
    assert_int_equal(n_events, 1000);
    assert_int_equal(info(a)->events_lost, 0);
    assert_null(unsubscribe(a, s.id)->status);
    assert_null(next_event(&s));
    (void)raw_do(a, "unbind mine");
}

static void test_requests_go_on_beside_a_stream(void **state)
{
    (void)state;
    in_all_modes(NULL, check_beside);
}

/* ---- Memory ---- */

static Tenure__V1__MemoryEvent *expect_tide(struct stream *s, Tenure__V1__Event__WhatCase what)
{
    Tenure__V1__Event *event = next_event(s);

    assert_int_equal(event->what_case, what);
    assert_int_equal(event->memory_low->limit_bytes, (uint64_t)16 << 20);
    return event->memory_low;
}

#define BIG 200000

static void check_memory(struct server_fixture *f, struct raw_client *a, struct raw_client *b)
{
    struct stream s = subscribe(a, TN_HEAP_EVENTS_MEMORY);
    struct raw_client late;
    struct stream of_late;
    char *words = calloc(1, BIG + 200);
    int n = 0;

    assert_non_null(words);
    do {
        int len = snprintf(words, 100, "set big/%d '", n++);

        memset(words + len, 'x', BIG);
        (void)strcpy(words + len + BIG, "'");
    } while (raw_call(b, raw_parse(b, words))->status == NULL);
    assert_true(expect_tide(&s, TENURE__V1__EVENT__WHAT_MEMORY_LOW)->held_bytes > (uint64_t)13
                                                                                      << 20);
    raw_open(&late, f->unix_address); /* who comes now is told so, too */
    of_late = subscribe(&late, TN_HEAP_EVENTS_MEMORY);
    (void)expect_tide(&of_late, TENURE__V1__EVENT__WHAT_MEMORY_LOW);
    for (int i = 0; i < n - 1; i++)
        assert_string_equal(raw_do(b, "unbind big/%d", i), "existed");
    /* Nobody does anything any more; the memory is free after a grace period. */
    assert_true(expect_tide(&s, TENURE__V1__EVENT__WHAT_MEMORY_RECOVERED)->held_bytes <=
                (uint64_t)12 << 20);
    (void)expect_tide(&of_late, TENURE__V1__EVENT__WHAT_MEMORY_RECOVERED);
    raw_close(&late);
    free(words);
}

static void test_memory_that_runs_short_is_told(void **state)
{
    static const char *const options[] = { "max-memory", "16mb", NULL };

    (void)state;
    in_all_modes(options, check_memory);
}

/* ---- The end ---- */

static void test_shutdown_says_goodbye_to_subscribers(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;
        Tenure__V1__Response *response;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        raw_open(&c, f.unix_address);
        (void)subscribe(&c, 0);
        server_fixture_stop(&f);
        response = raw_receive(&c);
        assert_non_null(response);
        assert_int_equal(response->id, 0);
        assert_string_equal(response->status->reason, "SHUTTING_DOWN");
        assert_null(raw_receive(&c));
        raw_close(&c);
    }
}

/* The subscriber is a process of its own, forked before the server has threads. */
static pid_t start_subscriber(int *ret_to_child, int *ret_from_child)
{
    struct tn_address address;
    struct raw_client c;
    int down[2];
    int up[2];
    pid_t pid;

    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    (void)fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        (void)close(down[0]);
        (void)close(up[1]);
        *ret_to_child = down[1];
        *ret_from_child = up[0];
        return pid;
    }
    TN_ASSERT(read(down[0], &address, sizeof(address)) == (ssize_t)sizeof(address));
    raw_open(&c, &address);
    for (int i = 0; i < 3; i++)
        TN_ASSERT(call_subscribe(&c, new_subscribe(&c, 0))->status == NULL);
    TN_ASSERT(write(up[1], "", 1) == 1);
    for (;;)
        (void)pause();
}

static void test_killed_subscriber_leaves_nothing(void **state)
{
    struct server_fixture f;
    struct raw_client c;
    uint64_t began;
    int to_child;
    int from_child;
    int status;
    char byte;
    pid_t pid = start_subscriber(&to_child, &from_child);

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    assert_int_equal(write(to_child, f.unix_address, sizeof(*f.unix_address)),
                     sizeof(*f.unix_address));
    assert_int_equal(read(from_child, &byte, 1), 1);
    raw_open(&c, f.unix_address);
    assert_int_equal(info(&c)->subscriptions, 3);
    flood(&c, 10000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (began = tn_clock_ns(); info(&c)->subscriptions > 0;)
        assert_true(tn_clock_ns() - began < AWAIT_NS);
    assert_int_equal(info(&c)->events_behind, 0);
    (void)raw_do(&c, "unbind a/name/that/is/not/very/short");
    raw_close(&c);
    (void)close(to_child);
    (void)close(from_child);
    server_fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_told_across_workers),
        cmocka_unit_test(test_filters_choose),
        cmocka_unit_test(test_death_is_told_whoever_works_it_off),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
        cmocka_unit_test(test_queues_are_paid_for),
        cmocka_unit_test(test_unsubscribing_ends_the_stream),
        cmocka_unit_test(test_slow_subscriber_loses_events_and_knows_it),
        cmocka_unit_test(test_deaf_subscriber_is_cut_off),
        cmocka_unit_test(test_requests_go_on_beside_a_stream),
        cmocka_unit_test(test_memory_that_runs_short_is_told),
        cmocka_unit_test(test_shutdown_says_goodbye_to_subscribers),
        cmocka_unit_test(test_killed_subscriber_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
