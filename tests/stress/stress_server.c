/* SPDX-License-Identifier: MIT */
/*
 * Clients on several connections change the same names, lists and dicts, and
 * some of them break off in the middle of a message. What must hold in the end:
 *  - a counter that is raised by compare-and-set has as many steps as succeeded;
 *  - what was put into a list is in it, or was taken out once;
 *  - who reads a list or dict that is being replaced, and so dies, sees all of it;
 *  - when all names are gone and all connections closed, nothing is left.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define CLIENTS 6
#define ITEMS_MAX 200000 /* that one client puts into the list */
#define KEYS 50
#define WHOLE 40 /* items of what is always read whole */

struct client {
    pthread_t thread;
    const struct tn_address *address;
    int number;
    uint64_t seed;
    uint64_t deadline_ns;
    /* What it did. */
    uint64_t n_raised;
    uint32_t n_put;
    uint32_t n_taken;
    uint32_t *taken; /* items, by whomever they were put */
    uint64_t n_cut_off;
};

/* An answer that may be a refusal for one of these reasons, and no other. */
static bool is_refused(const Tenure__V1__Response *response, const char *reasons)
{
    TN_ASSERT(response != NULL);
    if (response->status == NULL)
        return false;
    TN_ASSERT(strstr(reasons, response->status->reason) != NULL);
    return true;
}

static Tenure__V1__Response *call(struct raw_client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static Tenure__V1__Response *call(struct raw_client *c, const char *format, ...)
{
    char words[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    return raw_call(c, raw_parse(c, words));
}

/* ---- What a client does ---- */

static void raise_counter(struct client *me, struct raw_client *c)
{
    Tenure__V1__Response *response = call(c, "get counter");
    Tenure__V1__Request *request;
    char words[64];

    TN_ASSERT(response->status == NULL);
    (void)snprintf(words, sizeof(words), "set counter %lld",
                   (long long)response->object->value->ints[0] + 1);
    request = raw_parse(c, words);
    request->set->require = RAW_NEW(c, Precondition, PRECONDITION);
    request->set->require->version = response->object->version;
    if (!is_refused(raw_call(c, request), "PRECONDITION_FAILED"))
        me->n_raised++;
}

/* An item tells who put it where: every one is different. */
static void put_item(struct client *me, struct raw_client *c)
{
    if (me->n_put == ITEMS_MAX)
        return;
    if (!is_refused(call(c, "list_append list (%d, %u, 'item')", me->number, me->n_put), ""))
        me->n_put++;
}

static void take_item(struct client *me, struct raw_client *c)
{
    Tenure__V1__Response *response =
        call(c, "list_pop list %d", (int)(test_random(&me->seed) % 4) - 2);
    const Tenure__V1__Value *value;
    uint32_t item;

    if (is_refused(response, "INDEX_OUT_OF_RANGE"))
        return;
    value = response->object->value;
    TN_ASSERT(value->n_ints == 2);
    /* Columns are in the order of the nodes, which is ours to find out. */
    {
        const uint32_t *items = value->items;
        int64_t owner = value->ints[items[0] < items[1] ? 0 : 1];
        int64_t serial = value->ints[items[0] < items[1] ? 1 : 0];

        item = (uint32_t)owner * ITEMS_MAX + (uint32_t)serial;
    }
    TN_ASSERT(me->n_taken < CLIENTS * ITEMS_MAX);
    me->taken[me->n_taken++] = item;
}

static void change_dict(struct client *me, struct raw_client *c)
{
    int key = (int)(test_random(&me->seed) % KEYS);

    switch (test_random(&me->seed) % 4) {
    case 0:
        is_refused(call(c, "dict_set dict 'key%d' [%d, 'a value', {'k': (1000,)}]", key, key), "");
        break;
    case 1:
        is_refused(call(c, "dict_get dict 'key%d'", key), "KEY_NOT_FOUND");
        break;
    case 2:
        is_refused(call(c, "dict_pop dict 'key%d'", key), "KEY_NOT_FOUND");
        break;
    default:
        is_refused(call(c, "get dict"), "OBJECT_BUSY");
        break;
    }
}

/* What is always replaced whole, and so is read whole or not at all. */
static void replace_whole(struct raw_client *c)
{
    char text[WHOLE * 40];
    size_t len = 0;

    for (int i = 0; i < WHOLE; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s['item %d', 'x']",
                                i == 0 ? "" : ", ", i);
    TN_ASSERT(raw_do(c, "set whole/list [%s]", text)[0] == 'e');
    len = 0;
    for (int i = 0; i < WHOLE; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d: ['v']", i == 0 ? "" : ", ",
                                i + 1000);
    TN_ASSERT(raw_do(c, "set whole/dict {%s}", text)[0] == 'e');
}

static void read_whole(struct client *me, struct raw_client *c)
{
    Tenure__V1__Response *response;

    switch (test_random(&me->seed) % 7) {
    case 0:
        response = call(c, "get whole/list");
        TN_ASSERT(response->status == NULL);
        /* Itself, its items, and two strs in each, one of which is immortal. */
        TN_ASSERT(response->object->value->kinds.len == 1 + WHOLE + WHOLE + 1);
        break;
    case 1:
        response = call(c, "get whole/dict");
        TN_ASSERT(response->status == NULL);
        TN_ASSERT(response->object->value->n_ints == WHOLE);
        break;
    case 2:
        TN_ASSERT(call(c, "length whole/list")->count->count == WHOLE);
        break;
    case 3:
        TN_ASSERT(call(c, "contains whole/dict %d", 1000 + WHOLE - 1)->boolean->value);
        break;
    case 4:
        TN_ASSERT(strcmp(raw_do(c, "list_get whole/list -1"), "['item 39', 'x']") == 0);
        break;
    case 5:
        TN_ASSERT(strcmp(raw_do(c, "dict_get whole/dict 1039"), "['v']") == 0);
        break;
    default:
        response = call(c, "list_slice whole/list -2");
        TN_ASSERT(response->object->value->kinds.len == 6);
        break;
    }
}

/* Names that come and go, and whose objects are each other's. */
static void change_names(struct client *me, struct raw_client *c)
{
    int a = (int)(test_random(&me->seed) % 8);
    int b = (int)(test_random(&me->seed) % 8);

    switch (test_random(&me->seed) % 5) {
    case 0:
        is_refused(call(c, "set name%d ['fresh', %d]", a, b), "");
        break;
    case 1:
        is_refused(call(c, "bind name%d name%d", a, b), "NAME_NOT_FOUND");
        break;
    case 2:
        is_refused(call(c, "unbind name%d", a), "NAME_NOT_FOUND");
        break;
    case 3:
        is_refused(call(c, "list_append name%d 'more'", a), "NAME_NOT_FOUND");
        break;
    default: {
        Tenure__V1__Response *response = call(c, "lookup name%d", a);
        char *handle;

        if (is_refused(response, "NAME_NOT_FOUND"))
            break;
        handle = raw_handle_text(c, response->object->handle);
        TN_ASSERT(call(c, "length %s", handle)->status == NULL);
        if (b % 2 == 0) /* else it is kept until the connection goes */
            TN_ASSERT(call(c, "release %s", handle)->count->count == 1);
        break;
    }
    }
}

/* Breaks off, half way through a message, and comes again. */
static void break_off(struct client *me, struct raw_client *c)
{
    static const uint8_t half[] = { 0x40, 0x08, 0x01 };

    raw_send_bytes(c, half, 1 + test_random(&me->seed) % sizeof(half));
    raw_close(c);
    raw_open(c, me->address);
    me->n_cut_off++;
}

static void *be_a_client(void *arg)
{
    struct client *me = arg;
    struct raw_client c;

    raw_open(&c, me->address);
    while (tn_clock_ns() < me->deadline_ns) {
        switch (test_random(&me->seed) % 100) {
        case 0:
            break_off(me, &c);
            break;
        case 1 ... 15:
            raise_counter(me, &c);
            break;
        case 16 ... 35:
            put_item(me, &c);
            break;
        case 36 ... 54:
            take_item(me, &c);
            break;
        case 55 ... 65:
            change_dict(me, &c);
            break;
        case 66 ... 70:
            replace_whole(&c);
            break;
        case 71 ... 82:
            read_whole(me, &c);
            break;
        default:
            change_names(me, &c);
            break;
        }
        raw_reset(&c);
    }
    raw_close(&c);
    return NULL;
}

/* ---- What must hold ---- */

static void check_items(struct raw_client *c, const struct client *clients)
{
    uint8_t *seen = calloc(CLIENTS, ITEMS_MAX);
    uint64_t n_put = 0;
    uint64_t n_seen = 0;

    assert_non_null(seen);
    for (int i = 0; i < CLIENTS; i++) {
        n_put += clients[i].n_put;
        for (uint32_t k = 0; k < clients[i].n_taken; k++) {
            assert_int_equal(seen[clients[i].taken[k]], 0);
            seen[clients[i].taken[k]] = 1;
            n_seen++;
        }
    }
    n_seen += call(c, "length list")->count->count;
    assert_int_equal(n_seen, n_put);
    free(seen);
}

static void clean_up(struct raw_client *c)
{
    assert_string_equal(raw_do(c, "unbind list"), "existed");
    assert_string_equal(raw_do(c, "unbind dict"), "existed");
    assert_string_equal(raw_do(c, "unbind counter"), "existed");
    assert_string_equal(raw_do(c, "unbind whole/list"), "existed");
    assert_string_equal(raw_do(c, "unbind whole/dict"), "existed");
    for (int i = 0; i < 8; i++)
        raw_do(c, "unbind name%d", i);
}

static void run(enum tn_mode mode, const char *workers)
{
    const char *const options[] = { "workers", workers, NULL };
    struct client clients[CLIENTS] = { 0 };
    uint64_t seed = test_seed();
    struct server_fixture f;
    struct raw_client c;
    uint64_t n_raised = 0;

    server_fixture_start(&f, mode, options);
    raw_open(&c, f.unix_address);
    raw_do(&c, "set counter 1000");
    raw_do(&c, "set list []");
    raw_do(&c, "set dict {}");
    raw_do(&c, "set whole/list 0");
    raw_do(&c, "set whole/dict 0");
    replace_whole(&c);
    for (int i = 0; i < CLIENTS; i++) {
        struct client *me = &clients[i];

        me->address = i % 2 == 0 ? f.unix_address : f.tcp_address;
        me->number = i;
        me->seed = seed + (uint64_t)i;
        me->deadline_ns = tn_clock_ns() + test_stress_seconds() * TN_NS_PER_S / 3;
        me->taken = malloc((size_t)CLIENTS * ITEMS_MAX * sizeof(*me->taken));
        assert_non_null(me->taken);
        assert_int_equal(pthread_create(&me->thread, NULL, be_a_client, me), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        n_raised += clients[i].n_raised;
    }
    assert_int_equal(call(&c, "get counter")->object->value->ints[0], 1000 + n_raised);
    check_items(&c, clients);
    clean_up(&c);
    for (int i = 0; i < CLIENTS; i++)
        free(clients[i].taken);
    raw_close(&c);
    server_fixture_stop(&f);
}

static void test_clients_share_a_heap_gil(void **state)
{
    (void)state;
    run(TN_MODE_GIL, "2");
}

static void test_clients_share_a_heap_atomic(void **state)
{
    (void)state;
    run(TN_MODE_ATOMIC, "3");
}

static void test_clients_share_a_heap_biased(void **state)
{
    (void)state;
    run(TN_MODE_BIASED, "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_share_a_heap_gil),
        cmocka_unit_test(test_clients_share_a_heap_atomic),
        cmocka_unit_test(test_clients_share_a_heap_biased),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
