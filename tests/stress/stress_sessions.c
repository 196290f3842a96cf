/* SPDX-License-Identifier: MIT */
/*
 * Clients that lose their connections again and again, and come back to their sessions
 * on other workers, while they work on shared names and in scopes. What must hold:
 *  - a handle that was got outside of a scope is good for as long as the client has it,
 *    and so is what only this client has ever held;
 *  - one that a scope took along is not found any more;
 *  - what was exported is what is imported, by whichever client;
 *  - when all clients are gone, nothing is left.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "core/base/clock.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/server_fixture.h"

#define CLIENTS 4
#define HELD 64
#define NAMES 8

struct client {
    pthread_t thread;
    const char *endpoint;
    uint64_t seed;
    uint64_t deadline_ns;
    tn_client *client;
    tn_values *values;
    tn_handle *held[HELD];
    int64_t numbers[HELD]; /* what the list behind each holds */
    uint64_t n_losses;
    const char *failure;
};

#define NEED(me, condition)                                                                        \
    do {                                                                                           \
        if (!(condition) && (me)->failure == NULL)                                                 \
            (me)->failure = #condition;                                                            \
    } while (0)

static size_t any(struct client *me, size_t n)
{
    return (size_t)(test_random(&me->seed) % n);
}

static const char *any_name(struct client *me)
{
    static const char *const names[NAMES] = { "a", "b", "c", "d", "e", "f", "g", "h" };

    return names[any(me, NAMES)];
}

/* A list that nobody else knows yet. */
static void put(struct client *me)
{
    size_t i = any(me, HELD);
    tn_value list = tn_value_list(me->values);

    tn_handle_release(&me->held[i]);
    me->numbers[i] = (int64_t)(test_random(&me->seed) % 1000000);
    tn_value_append(list, tn_value_int(me->values, me->numbers[i]));
    NEED(me, tn_client_put(me->client, list, &me->held[i]) == 0);
}

static void check(struct client *me)
{
    size_t i = any(me, HELD);
    int64_t number = -1;
    tn_value item;

    if (me->held[i] == NULL)
        return;
    NEED(me, tn_client_list_get(me->client, tn_held(me->held[i]), 0, NULL, me->values, &item) == 0);
    NEED(me, me->failure || tn_value_as_int(item, &number) == 0);
    NEED(me, number == me->numbers[i]);
}

static void give_name(struct client *me)
{
    size_t i = any(me, HELD);

    if (me->held[i] != NULL)
        NEED(me, tn_client_bind(me->client, any_name(me), tn_held(me->held[i])) == 0);
}

static void take_back(struct client *me)
{
    int r = tn_client_unbind(me->client, any_name(me));

    NEED(me, r == 0 || r == TN_ENAME);
}

/* Takes what others have shared, inside of a scope; keeps one of them, or none. */
static void use_a_scope(struct client *me)
{
    tn_handle *got[4] = { NULL };
    tn_scope scope = { NULL, 0 };
    uint64_t length;
    size_t kept = any(me, 8);

    NEED(me, tn_scope_begin(me->client, &scope) == 0);
    for (size_t i = 0; i < 4; i++) {
        int r = tn_client_lookup(me->client, any_name(me), &got[i], NULL);

        NEED(me, r == 0 || r == TN_ENAME);
    }
    if (kept < 4 && got[kept] != NULL) {
        const tn_handle *keep = got[kept];

        NEED(me, tn_scope_end(&scope, &keep, 1, NULL) == 0);
        NEED(me, tn_client_length(me->client, tn_held(keep), &length) == 0);
    } else {
        kept = 4;
        NEED(me, tn_scope_end(&scope, NULL, 0, NULL) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        if (i != kept && got[i] != NULL)
            NEED(me, tn_client_length(me->client, tn_held(got[i]), &length) == TN_EHANDLE);
        tn_handle_release(&got[i]);
    }
}

/* Tokens that are for anybody; each stands for a list that holds the number. */
static struct {
    pthread_mutex_t mutex;
    tn_token token;
    int64_t number; /* -1: there is none */
} offer = { .mutex = PTHREAD_MUTEX_INITIALIZER, .number = -1 };

static void offer_one(struct client *me)
{
    tn_export_options options = TN_EXPORT_OPTIONS_INIT;
    size_t i = any(me, HELD);
    tn_token token;
    int r;

    options.ttl_ms = 1 + (uint32_t)any(me, 20);
    options.once = any(me, 2) == 0;
    if (me->held[i] == NULL)
        return;
    r = tn_client_export(me->client, tn_held(me->held[i]), &options, &token, NULL);
    NEED(me, r == 0 || r == TN_ETOO_BIG);
    if (r < 0)
        return;
    (void)pthread_mutex_lock(&offer.mutex);
    offer.token = token;
    offer.number = me->numbers[i];
    (void)pthread_mutex_unlock(&offer.mutex);
}

static void accept_one(struct client *me)
{
    size_t i = any(me, HELD);
    tn_handle *handle = NULL;
    int64_t number;
    tn_token token;
    int r;

    (void)pthread_mutex_lock(&offer.mutex);
    token = offer.token;
    number = offer.number;
    (void)pthread_mutex_unlock(&offer.mutex);
    if (number < 0)
        return;
    r = tn_client_import(me->client, &token, &handle);
    NEED(me, r == 0 || r == TN_ENAME); /* too late */
    if (r < 0)
        return;
    tn_handle_release(&me->held[i]);
    me->held[i] = handle;
    me->numbers[i] = number;
}

static void lose(struct client *me)
{
    NEED(me, shutdown(tn_client_fd(me->client), SHUT_RDWR) == 0);
    NEED(me, tn_client_ping(me->client) == TN_ESESSION_LOST);
    NEED(me, tn_client_resume(me->client) == 0);
    me->n_losses++;
}

static void *run_client(void *arg)
{
    static void (*const acts[])(struct client * me) = {
        put,         put,       check,       check, check,     give_name,  give_name, take_back,
        use_a_scope, take_back, use_a_scope, lose,  offer_one, accept_one, accept_one
    };
    struct client *me = arg;
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;

    options.endpoint = me->endpoint;
    options.lease_ms = 600000;
    NEED(me, tn_client_open(&options, &me->client) == 0);
    while (me->failure == NULL && tn_clock_ns() < me->deadline_ns) {
        acts[any(me, sizeof(acts) / sizeof(acts[0]))](me);
        tn_values_clear(me->values);
    }
    if (me->failure != NULL)
        (void)fprintf(stderr, "%s: %s\n", me->failure, tn_client_error(me->client)->message);
    for (size_t i = 0; i < HELD; i++)
        tn_handle_release(&me->held[i]);
    tn_client_close(&me->client);
    return NULL;
}

static void unbind_all(const char *endpoint)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    TN_CLIENT_CLEANUP tn_client *client = NULL;
    tn_name_entry entry;

    options.endpoint = endpoint;
    assert_int_equal(tn_client_open(&options, &client), 0);
    for (;;) {
        TN_NAME_ITER_CLEANUP tn_name_iter *iter = NULL;

        assert_int_equal(tn_name_iter_open(client, NULL, &iter), 0);
        if (tn_name_iter_next(iter, &entry) != 1)
            return;
        assert_int_equal(tn_client_unbind(client, entry.name), 0);
    }
}

static void stress(enum tn_mode mode, uint64_t seed, uint64_t duration_ns)
{
    static const char *const options[] = { "max-lease", "1h", NULL };
    struct client clients[CLIENTS];
    struct server_fixture f;
    uint64_t n_losses = 0;

    server_fixture_start(&f, mode, options);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ .endpoint = f.endpoint,
                                      .seed = seed + i,
                                      .deadline_ns = tn_clock_ns() + duration_ns,
                                      .values = tn_values_new() };
        assert_int_equal(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        tn_values_free(&clients[i].values);
        n_losses += clients[i].n_losses;
    }
    for (size_t i = 0; i < CLIENTS; i++)
        assert_null(clients[i].failure);
    unbind_all(f.endpoint);
    offer.number = -1;
    /* What one worker drops of another that has stopped already is worked off by nobody in
     * particular, so it is looked at when the heap is freed. */
    assert_int_equal(server_fixture_stop_with_cycles(&f), 0);
    print_message("%s: %llu connections lost\n", tn_mode_name(mode), (unsigned long long)n_losses);
}

static void test_sessions_survive_their_connections(void **state)
{
    uint64_t seed = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        stress((enum tn_mode)mode, seed, test_stress_seconds() * TN_NS_PER_S / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_survive_their_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
