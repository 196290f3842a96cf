/* SPDX-License-Identifier: MIT */
/* When there is no memory: requests are refused whole, and what frees works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory/fault.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

static Tenure__V1__InfoResponse *info(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    return raw_call(c, request)->info;
}

/* ---- A heap with a limit ---- */

#define LIMIT "24mb"
#define LIMIT_BYTES ((uint64_t)24 << 20)

/* The value that a name is given; different ones have different sizes. */
static void print_value(char *text, size_t size, int i)
{
    static const char filler[] = "................................................................"
                                 "................................................................";

    (void)snprintf(text, size,
                   "{'id': %d, 'name': 'package number %d', 'sizes': [%d, %d], '%.*s': ()}", i, i,
                   i, 1000 + i, i % 97, filler);
}

/* Sets names from `first` on until it is refused; returns the first one that was. */
static int load(struct raw_client *c, int first)
{
    char text[512];

    for (int i = first;; i++) {
        Tenure__V1__Response *response;
        char words[600];

        print_value(text, sizeof(text), i);
        (void)snprintf(words, sizeof(words), "set package/%d %s", i, text);
        response = raw_call(c, raw_parse(c, words));
        if (response->status != NULL) {
            assert_string_equal(response->status->reason, "MEMORY_LIMIT");
            assert_int_equal(response->status->code, 8);
            assert_non_null(strstr(response->status->message, "of the " LIMIT " that it may"));
            assert_non_null(strstr(response->status->message, " str"));
            return i;
        }
        raw_reset(c);
    }
}

static void expect_intact(struct raw_client *c, int first, int end)
{
    char text[512];

    for (int i = first; i < end; i++) {
        print_value(text, sizeof(text), i);
        EXPECT(c, text, "get package/%d", i);
        raw_reset(c);
    }
}

static void unbind(struct raw_client *c, int first, int end)
{
    for (int i = first; i < end; i++)
        EXPECT(c, "existed", "unbind package/%d", i), raw_reset(c);
}

static void fill_and_empty(enum tn_mode mode)
{
    static const char *const options[] = { "max-memory", LIMIT, NULL };
    struct server_fixture f;
    struct raw_client c;
    struct raw_client other;
    uint64_t before;
    int refused;
    int again;

    server_fixture_start(&f, mode, options);
    raw_open(&c, f.unix_address);
    raw_open(&other, f.tcp_address);
    raw_do(&other, "set l [1, 2, 'three', (4, 5)]");
    raw_do(&other, "set d {'a': 'one', (1, 2): [3]}");
    before = info(&c)->live_objects;

    refused = load(&c, 0);
    assert_true(refused > 10000); /* each is a dict and what it holds: a KB or two */
    assert_true(info(&c)->held_bytes <= LIMIT_BYTES);
    assert_true(info(&c)->requests_deferred_for_memory > 0);
    expect_intact(&c, 0, refused);

    /* What frees works now, whoever does it, and so does what reads. */
    EXPECT(&other, "count 3", "list_delete l 0");
    EXPECT(&other, "(4, 5)", "list_pop l -1");
    EXPECT(&other, "[2, 'three']", "get l");
    EXPECT(&other, "count 1", "dict_delete d (1,2)");
    EXPECT(&other, "'one'", "dict_get d 'a'");
    unbind(&other, refused / 2, refused);
    assert_true(info(&c)->held_bytes <= LIMIT_BYTES);

    /* And then there is room again. */
    again = load(&c, refused / 2);
    assert_true(again > refused - refused / 4);
    expect_intact(&c, 0, again);
    unbind(&c, 0, again);
    EXPECT(&c, "existed", "unbind l");
    EXPECT(&c, "existed", "unbind d");
    assert_true(before > 0);
    raw_close(&c);
    raw_close(&other);
    server_fixture_stop(&f);
}

static void test_full_heap_refuses_and_recovers_gil(void **state)
{
    (void)state;
    fill_and_empty(TN_MODE_GIL);
}

static void test_full_heap_refuses_and_recovers_atomic(void **state)
{
    (void)state;
    fill_and_empty(TN_MODE_ATOMIC);
}

static void test_full_heap_refuses_and_recovers_biased(void **state)
{
    (void)state;
    fill_and_empty(TN_MODE_BIASED);
}

/* Every small block is taken; then somebody else, on another worker, deletes. */
static void delete_when_full(enum tn_mode mode)
{
    static const char *const options[] = { "max-memory", "8mb", NULL };
    struct server_fixture f;
    struct raw_client c;
    struct raw_client other;
    const char *answer;

    server_fixture_start(&f, mode, options);
    raw_open(&c, f.unix_address);
    raw_open(&other, f.unix_address);
    raw_do(&c, "set d {}");
    for (int i = 0; i < 2000; i++) {
        raw_do(&c, "dict_set d 'a_key_of_some_length_%d' %d", i, i);
        raw_reset(&c);
    }
    do {
        answer = raw_do(&c, "put 1.5");
        raw_reset(&c);
    } while (answer[0] == '@');
    do { /* and in every size class that the keys are of */
        answer = raw_do(&c, "put 'x_key_of_some_length_1234'");
        raw_reset(&c);
    } while (answer[0] == '@');
    for (int i = 0; i < 2000; i++) {
        char expected[32];

        (void)snprintf(expected, sizeof(expected), "count %d", 1999 - i);
        EXPECT(&other, expected, "dict_delete d 'a_key_of_some_length_%d'", i);
        raw_reset(&other);
        /* Whoever is first takes what has become free. */
        raw_do(&c, "put 'y_key_of_some_length_1234'");
        raw_reset(&c);
    }
    EXPECT(&other, "existed", "unbind d");
    raw_close(&c);
    raw_close(&other);
    server_fixture_stop(&f);
}

static void test_deleting_works_in_a_full_heap(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        delete_when_full((enum tn_mode)mode);
}

/* ---- Cycles ---- */

#define N_CYCLES 1500
#define N_CLIENTS 3

static bool is_empty(struct tn_census *census, void *arg)
{
    (void)arg;
    return census->live_objs == 0;
}

/* Clients replace a cycle of 16 KB again and again, three times as much as fits, and
 * nothing but a refused allocation starts a collection. They are slowed, never refused. */
static void make_cycles(enum tn_mode mode, const char *collector)
{
    const char *const options[] = { "max-memory",   "24mb",  "collector", collector,
                                    "gc-threshold", "0,0,0", NULL };
    struct raw_client clients[N_CLIENTS];
    char filler[16384];
    struct server_fixture f;
    struct tn_gc_stats stats;

    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    server_fixture_start(&f, mode, options);
    for (int k = 0; k < N_CLIENTS; k++)
        raw_open(&clients[k], f.unix_address);
    for (int i = 0; i < N_CYCLES; i++) {
        char words[sizeof(filler) + 64];

        for (int k = 0; k < N_CLIENTS; k++) {
            (void)snprintf(words, sizeof(words), "set c%d &0[{'self': *0}, '%s']", k, filler);
            raw_send(&clients[k], raw_parse(&clients[k], words));
        }
        for (int k = 0; k < N_CLIENTS; k++) {
            Tenure__V1__Response *response = raw_receive(&clients[k]);

            if (response->status != NULL)
                fail_msg("cycle %d: %s", i, response->status->message);
            raw_reset(&clients[k]);
        }
    }
    for (int k = 0; k < N_CLIENTS; k++) {
        EXPECT(&clients[k], "existed", "unbind c%d", k);
        raw_close(&clients[k]);
    }
    tn_gc_stats(tn_server_heap(f.server), &stats);
    assert_true(stats.generations[TN_GC_OLDEST].collections > 0);
    assert_int_equal(stats.last.cause, TN_GC_CAUSE_MEMORY);
    assert_true(tn_gc_ask(tn_server_heap(f.server), TN_GC_OLDEST, TN_GC_CAUSE_REQUEST) != 0);
    server_fixture_await(&f, is_empty, NULL);
    server_fixture_stop(&f);
}

static void test_makers_of_cycles_are_slowed_and_not_refused(void **state)
{
    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        make_cycles((enum tn_mode)mode, "generational");
        make_cycles((enum tn_mode)mode, "concurrent");
    }
}

/* ---- The nth allocation fails, for every n ---- */

/* What there is before each request. */
static void set_up(struct raw_client *c)
{
    EXPECT(c, "new", "set l [1, 'two', (3, 4.5)]");
    EXPECT(c, "new", "set d {'k': ['v'], 2: None}");
    EXPECT(c, "new", "set s 'a text'");
}

static void tear_down(struct raw_client *c)
{
    raw_do(c, "unbind l");
    raw_do(c, "unbind d");
    raw_do(c, "unbind s");
    raw_do(c, "unbind new");
}

/* All that there is, in words. */
static const char *picture(struct raw_client *c)
{
    const char *parts[] = { raw_do(c, "get l"), raw_do(c, "get d"), raw_do(c, "get s"),
                            raw_do(c, "get new") };
    char text[2048];
    int n = snprintf(text, sizeof(text), "%s %s %s %s", parts[0], parts[1], parts[2], parts[3]);
    Tenure__V1__InfoResponse *now = info(c);

    (void)snprintf(text + n, sizeof(text) - (size_t)n, " %llu handles, %llu names",
                   (unsigned long long)now->handles, (unsigned long long)now->names);
    return raw_keep(c, text, strlen(text) + 1);
}

/* Asks for one thing, in the state that set_up() makes. */
static const char *ask(struct raw_client *c, const char *words, int64_t fail_after,
                       int64_t *ret_n_refused)
{
    const char *before;
    const char *answer;

    set_up(c);
    before = picture(c);
    tn_fault_fail_after(fail_after);
    answer = raw_do(c, "%s", words);
    *ret_n_refused = tn_fault_count();
    tn_fault_fail_after(-1);
    if (strncmp(answer, "RESOURCE_EXHAUSTED", 18) == 0)
        assert_string_equal(picture(c), before); /* nothing is half done */
    if (answer[0] == '@') {
        EXPECT(c, "count 1", "release %s", answer);
        answer = "a handle";
    }
    tear_down(c);
    return answer;
}

/* One request with every allocation failing in turn, until none fails. */
static void fail_each(struct raw_client *c, const char *words)
{
    char expected[256];
    int64_t n_refused = 0;

    (void)snprintf(expected, sizeof(expected), "%s", ask(c, words, -1, &n_refused));
    for (int64_t n = 0; n < 1000; n++) {
        const char *answer = ask(c, words, n, &n_refused);

        if (strncmp(answer, "RESOURCE_EXHAUSTED", 18) != 0)
            assert_string_equal(answer, expected); /* perhaps it has found another way */
        raw_reset(c);
        if (n_refused == 0)
            return;
    }
    fail_msg("'%s' never comes to an end", words);
}

static void test_failed_allocations_leave_nothing_half_done(void **state)
{
    static const char *const requests[] = {
        "set new [1000, 'text', {'k': (1, [2.5])}, b'bytes']",
        "set new 1.5",
        "set s 'another text that is rather long, as texts go'",
        "put {'a': [1000, 2000], 'b': {}}",
        "get l",
        "bind new l",
        "lookup d",
        "length l",
        "contains l 'two'",
        "contains d (1, 2, 'three')",
        "list_get l 2",
        "list_set l 0 ['item']",
        "list_append l {'item': 1000}",
        "list_extend l [1000, 2000, 3000, 4000, 5000, 6000, 7000]",
        "list_insert l 1 'inserted'",
        "list_delete l 1",
        "list_pop l 2",
        "list_slice l 0 2",
        "dict_get d 'k'",
        "dict_get d 'some_longer_key'",
        "dict_set d 'k' 'other'",
        "dict_set d 'new_key' ['new value']",
        "dict_delete d 'k'",
        "dict_pop d 'k'",
        "ping",
        "unbind l",
    };

    (void)state;
    if (!TN_DEBUG)
        skip(); /* faults are compiled away */
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        raw_open(&c, f.unix_address);
        for (size_t i = 0; i < TN_ARRAY_LEN(requests); i++)
            fail_each(&c, requests[i]);
        raw_close(&c);
        server_fixture_stop(&f);
    }
}

/* A cycle that cannot be finished must not survive as garbage. The one that can
 * is taken apart: nothing else collects it. */
static void fail_cycle(struct raw_client *c, const char *words, const char *take_apart)
{
    bool is_done = false;

    for (int64_t n = 0; !is_done; n++) {
        const char *answer;

        assert_true(n < 1000);
        tn_fault_fail_after(n);
        answer = raw_do(c, "%s", words);
        is_done = tn_fault_count() == 0;
        tn_fault_fail_after(-1);
        if (strcmp(answer, "new") == 0) {
            (void)raw_do(c, "%s", take_apart);
            EXPECT(c, "existed", "unbind c");
        } else {
            assert_int_equal(strncmp(answer, "RESOURCE_EXHAUSTED", 18), 0);
            EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "get c");
        }
        assert_int_equal(info(c)->live_objects, 0);
        raw_reset(c);
    }
}

static void test_failed_cycles_leave_nothing(void **state)
{
    (void)state;
    if (!TN_DEBUG)
        skip(); /* as above */
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        raw_open(&c, f.unix_address);
        fail_cycle(&c, "set c &0[(1, [*0, 'x y']), 'filler', 1000, 2000]", "list_delete c 0");
        fail_cycle(&c, "set c &0{'self': [*0], 1: 1000, 2: 2000, 3: 3000, 4: 4000, 5: (5000,)}",
                   "dict_delete c 'self'");
        raw_close(&c);
        server_fixture_stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_heap_refuses_and_recovers_gil),
        cmocka_unit_test(test_full_heap_refuses_and_recovers_atomic),
        cmocka_unit_test(test_full_heap_refuses_and_recovers_biased),
        cmocka_unit_test(test_deleting_works_in_a_full_heap),
        cmocka_unit_test(test_makers_of_cycles_are_slowed_and_not_refused),
        cmocka_unit_test(test_failed_allocations_leave_nothing_half_done),
        cmocka_unit_test(test_failed_cycles_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
