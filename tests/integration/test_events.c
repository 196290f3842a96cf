/* SPDX-License-Identifier: MIT */
/* Events as users meet them, through libtenure. `tenure watch` has test_watch.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <tenure/tenure.h>
#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/support/server_fixture.h"

#define AWAIT_NS (60 * TN_NS_PER_S)
#define LONG_MS 60000

static tn_client *connect_to(const struct server_fixture *f)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = f->endpoint;
    assert_int_equal(tn_client_open(&options, &client), 0);
    return client;
}

static void set_int(tn_client *client, const char *name, int64_t value)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();

    assert_int_equal(tn_client_set(client, name, tn_value_int(values, value)), 0);
}

static tn_subscription *subscribe(tn_client *client, uint32_t kinds, tn_event_fn *fn, void *arg)
{
    tn_subscribe_options options = TN_SUBSCRIBE_OPTIONS_INIT;
    tn_subscription *subscription = NULL;

    options.kinds = kinds;
    if (tn_client_subscribe(client, &options, fn, arg, &subscription) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    assert_int_not_equal(tn_subscription_id(subscription), 0);
    return subscription;
}

#define NAMES                                                                                      \
    (TN_EVENT_BIT(TN_EVENT_NAME_BOUND) | TN_EVENT_BIT(TN_EVENT_NAME_CHANGED) |                     \
     TN_EVENT_BIT(TN_EVENT_NAME_REMOVED))

static const tn_event *next(tn_subscription *subscription, tn_event_kind kind, const char *name)
{
    const tn_event *event = NULL;

    assert_int_equal(tn_events_next(subscription, LONG_MS, &event), 1);
    assert_int_equal(event->kind, kind);
    assert_string_equal(event->name, name);
    return event;
}

static void in_all_modes(void (*check)(struct server_fixture *f, tn_client *a, tn_client *b))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        tn_client *a;
        tn_client *b;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        a = connect_to(&f);
        b = connect_to(&f);
        check(&f, a, b);
        tn_client_close(&a);
        tn_client_close(&b);
        server_fixture_stop(&f);
    }
}

/* ---- Asking ---- */

static void check_asking(struct server_fixture *f, tn_client *a, tn_client *b)
{
    tn_subscription *s = subscribe(a, NAMES, NULL, NULL);
    const tn_event *event = NULL;
    uint64_t version;

    (void)f;
    assert_int_equal(tn_events_next(s, 0, &event), 0);
    assert_int_equal(tn_events_next(s, 1, &event), 0);
    set_int(b, "x", 1000);
    event = next(s, TN_EVENT_NAME_BOUND, "x");
    assert_string_equal(event->namespace_name, "default");
    assert_int_equal(event->namespace_name_len, 7);
    assert_int_equal(event->sequence, 1);
    assert_string_equal(event->class_name, "");
    version = event->version;
    set_int(b, "x", 1001);
    assert_int_equal(tn_client_ping(a), 0); /* other calls go on, and keep what comes */
    assert_int_equal(tn_client_unbind(a, "x"), 0);
    event = next(s, TN_EVENT_NAME_CHANGED, "x");
    assert_true(event->version > version);
    assert_int_equal(next(s, TN_EVENT_NAME_REMOVED, "x")->sequence, 3);
    assert_int_equal(tn_client_in_flight(a), 0); /* a stream is no request */
    assert_int_equal(tn_client_unsubscribe(&s), 0);
    assert_null(s);
    assert_int_equal(tn_client_unsubscribe(&s), 0);
    set_int(b, "y", 1); /* nobody is told */
    assert_int_equal(tn_client_unbind(b, "y"), 0);
    assert_int_equal(tn_client_ping(a), 0);
}

static void test_events_are_asked_for(void **state)
{
    (void)state;
    in_all_modes(check_asking);
}

static void test_wrong_use_is_refused(void **state)
{
    tn_subscribe_options options = TN_SUBSCRIBE_OPTIONS_INIT;
    tn_subscription *many[16];
    tn_subscription *s = NULL;
    const tn_event *event = NULL;
    struct server_fixture f;
    tn_client *client;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    client = connect_to(&f);
    assert_int_equal(tn_client_subscribe(NULL, NULL, NULL, NULL, &s), TN_EINVAL);
    assert_int_equal(tn_client_subscribe(client, NULL, NULL, NULL, NULL), TN_EINVAL);
    options.kinds = UINT32_C(1) << 31;
    assert_int_equal(tn_client_subscribe(client, &options, NULL, NULL, &s), TN_EINVAL);
    assert_non_null(strstr(tn_client_error(client)->message, "0x80000000"));
    options.struct_size = 1;
    assert_int_equal(tn_client_subscribe(client, &options, NULL, NULL, &s), TN_EINVAL);
    assert_null(s);
    assert_int_equal(tn_events_next(NULL, 0, &event), TN_EINVAL);
    for (int i = 0; i < 16; i++)
        many[i] = subscribe(client, 0, NULL, NULL);
    assert_int_equal(tn_client_subscribe(client, NULL, NULL, NULL, &s), TN_ETOO_BIG);
    assert_string_equal(tn_client_error(client)->reason, "TOO_MANY_SUBSCRIPTIONS");
    for (int i = 0; i < 16; i++)
        assert_int_equal(tn_client_unsubscribe(&many[i]), 0);
    s = subscribe(client, 0, NULL, NULL); /* there is room again */
    assert_string_equal(tn_event_kind_name(TN_EVENT_NAME_BOUND), "name-bound");
    assert_string_equal(tn_event_kind_name((tn_event_kind)99), "unknown");
    tn_client_close(&client);
    assert_int_equal(tn_events_next(s, LONG_MS, &event), TN_ESESSION_LOST);
    assert_int_equal(tn_client_unsubscribe(&s), 0); /* outlives its client, to be freed */
    server_fixture_stop(&f);
}

/* ---- Functions ---- */

struct heard {
    size_t n_events;
    size_t n_ends;
    uint64_t lost;
    uint64_t unseen;
    uint64_t next_sequence;
    char last[64];
    size_t end_after; /* unsubscribes in this event; 0: never */
    tn_client *client;
};

static void on_event(tn_subscription *subscription, const tn_event *event, void *arg)
{
    struct heard *heard = arg;

    if (!event) {
        heard->n_ends++;
        return;
    }
    assert_int_equal(event->sequence, heard->next_sequence);
    heard->next_sequence += event->kind == TN_EVENT_GAP ? event->lost : 1;
    if (event->kind == TN_EVENT_GAP) {
        heard->lost += event->lost;
        heard->unseen += event->unseen;
        return;
    }
    heard->n_events++;
    (void)snprintf(heard->last, sizeof(heard->last), "%s", event->name);
    if (heard->n_events == heard->end_after) {
        tn_subscription *copy = subscription;

        assert_int_equal(tn_client_unsubscribe(&copy), 0);
    }
}

static void poll_until(tn_client *client, const struct heard *heard, size_t n)
{
    uint64_t began = tn_clock_ns();

    while (heard->n_events + heard->lost + heard->unseen < n) {
        assert_true(tn_client_poll(client, 100) >= 0);
        assert_true(tn_clock_ns() - began < AWAIT_NS);
    }
}

static void check_functions(struct server_fixture *f, tn_client *a, tn_client *b)
{
    struct heard all = { .next_sequence = 1 };
    struct heard three = { .next_sequence = 1, .end_after = 3 };
    tn_subscription *s = subscribe(a, NAMES, on_event, &all);
    tn_subscription *given_up = subscribe(a, NAMES, on_event, &three);
    const tn_event *event = NULL;

    (void)f;
    (void)given_up; /* frees itself */
    assert_int_equal(tn_events_next(s, 0, &event), TN_EINVAL);
    for (int i = 0; i < 50; i++)
        set_int(b, "x", i);
    for (int i = 0; i < 50; i++)
        set_int(a, "x", i); /* calls deliver nothing */
    assert_int_equal(all.n_events, 0);
    poll_until(a, &all, 100);
    assert_int_equal(all.n_events, 100);
    assert_int_equal(three.n_events, 3);
    assert_string_equal(all.last, "x");
    assert_int_equal(tn_client_wait(a, 0), 0); /* does not wait for streams */
    assert_int_equal(tn_client_unbind(a, "x"), 0);
    poll_until(a, &all, 101);
    assert_int_equal(tn_client_unsubscribe(&s), 0);
    assert_int_equal(all.n_ends + three.n_ends, 0);
}

static void test_functions_are_called(void **state)
{
    (void)state;
    in_all_modes(check_functions);
}

/* Who makes calls for long and never polls keeps a bounded number of events, and is told
 * of the others. */
static void test_what_is_not_polled_for_becomes_a_gap(void **state)
{
    struct heard heard = { .next_sequence = 1 };
    struct server_fixture f;
    tn_subscription *s;
    tn_client *client;
    char name[1025];
    size_t n = 3000;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    client = connect_to(&f);
    s = subscribe(client, NAMES, on_event, &heard);
    memset(name, 'n', sizeof(name));
    name[1024] = '\0';
    for (size_t i = 0; i < n - 1; i++)
        set_int(client, name, (int64_t)i); /* 1 KiB each, and each call receives some */
    assert_int_equal(heard.n_events, 0);
    while (heard.n_events == 0)
        assert_true(tn_client_poll(client, LONG_MS) >= 0);
    assert_int_equal(tn_client_unbind(client, name), 0); /* shows what was lost before */
    poll_until(client, &heard, n);
    assert_true(heard.lost > 0);
    assert_int_equal(heard.n_events + heard.lost + heard.unseen, n);
    assert_int_equal(tn_client_unsubscribe(&s), 0);
    tn_client_close(&client);
    server_fixture_stop(&f);
}

static void close_in_event(tn_subscription *subscription, const tn_event *event, void *arg)
{
    struct heard *heard = arg;

    (void)subscription;
    if (!event)
        heard->n_ends++;
    else if (heard->n_events++ == 0)
        tn_client_close(&heard->client);
}

static void test_the_end_of_the_session_is_told(void **state)
{
    struct heard heard = { .next_sequence = 1 };
    struct heard closing = { .next_sequence = 1 };
    struct server_fixture f;
    tn_subscription *with_fn;
    tn_subscription *without;
    tn_subscription *last;
    const tn_event *event = NULL;
    tn_client *client;
    tn_client *other;

    (void)state;
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);
    client = connect_to(&f);
    other = connect_to(&f);
    with_fn = subscribe(client, NAMES, on_event, &heard);
    without = subscribe(client, NAMES, NULL, NULL);
    closing.client = connect_to(&f);
    last = subscribe(closing.client, NAMES, close_in_event, &closing);
    set_int(other, "x", 1);
    while (closing.n_events == 0)
        if (tn_client_poll(closing.client, LONG_MS) < 0)
            break; /* it is closed */
    assert_int_equal(closing.n_ends, 1);
    assert_int_equal(tn_client_unsubscribe(&last), 0);
    assert_int_equal(tn_client_unbind(other, "x"), 0);
    poll_until(client, &heard, 2);
    tn_client_close(&other);
    server_fixture_stop(&f);
    while (heard.n_ends == 0)
        assert_true(tn_client_poll(client, LONG_MS) >= 0);
    assert_int_equal(heard.n_ends, 1);
    (void)next(without, TN_EVENT_NAME_BOUND, "x"); /* what came before is still told */
    (void)next(without, TN_EVENT_NAME_REMOVED, "x");
    assert_int_equal(tn_events_next(without, LONG_MS, &event), TN_ESESSION_LOST);
    assert_int_equal(tn_client_poll(client, 0), TN_ESESSION_LOST);
    assert_int_equal(heard.n_ends, 1);
    assert_int_equal(tn_client_unsubscribe(&with_fn), 0);
    assert_int_equal(tn_client_unsubscribe(&without), 0);
    tn_client_close(&client);
}

static void check_info(struct server_fixture *f, tn_client *a, tn_client *b)
{
    TN_INFO_CLEANUP tn_info *info = NULL;
    tn_subscription *s = subscribe(a, NAMES, NULL, NULL);
    tn_subscription *quiet = subscribe(a, TN_EVENT_BIT(TN_EVENT_MEMORY_LOW), NULL, NULL);

    (void)f;
    set_int(b, "x", 1);
    (void)next(s, TN_EVENT_NAME_BOUND, "x");
    assert_int_equal(tn_client_info(a, &info), 0);
    assert_int_equal(info->subscriptions, 2);
    assert_int_equal(info->events_sent, 1);
    assert_int_equal(info->events_lost + info->events_unseen + info->events_behind, 0);
    assert_int_equal(info->n_own_subscriptions, 2);
    for (size_t i = 0; i < 2; i++) {
        const tn_subscription_info *own = &info->own_subscriptions[i];

        assert_true(own->id == tn_subscription_id(s) || own->id == tn_subscription_id(quiet));
        assert_int_equal(own->sent, own->id == tn_subscription_id(s) ? 1 : 0);
        assert_int_equal(own->queue_limit, 1024);
    }
    assert_int_equal(tn_client_unbind(b, "x"), 0);
    assert_int_equal(tn_client_unsubscribe(&s), 0);
    assert_int_equal(tn_client_unsubscribe(&quiet), 0);
}

static void test_info_tells_how_subscriptions_are_doing(void **state)
{
    (void)state;
    in_all_modes(check_info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_asked_for),
        cmocka_unit_test(test_wrong_use_is_refused),
        cmocka_unit_test(test_functions_are_called),
        cmocka_unit_test(test_what_is_not_polled_for_becomes_a_gap),
        cmocka_unit_test(test_the_end_of_the_session_is_told),
        cmocka_unit_test(test_info_tells_how_subscriptions_are_doing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
