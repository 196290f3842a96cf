/* SPDX-License-Identifier: MIT */
/* Collecting cycles of a real server: through libtenure and through `tenure gc`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "tests/support/server_fixture.h"

#define N_CYCLES 50

static tn_client *connect_to(const struct server_fixture *f)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = f->endpoint;
    if (tn_client_open(&options, &client) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    return client;
}

static void ok(tn_client *client, int result)
{
    if (result < 0)
        fail_msg("%s: %s", tn_errno_name(result), tn_client_error(client)->message);
}

static uint64_t live_objects(tn_client *client)
{
    tn_info *info = NULL;
    uint64_t n;

    ok(client, tn_client_info(client, &info));
    n = info->live_objects;
    tn_info_free(&info);
    return n;
}

/* Lists that contain themselves, half of them under names for a while. */
static void make_cycles(tn_client *client, tn_values *values)
{
    for (int i = 0; i < N_CYCLES; i++) {
        tn_handle *list = NULL;
        tn_value item;

        tn_values_clear(values);
        ok(client, tn_client_put(client, tn_value_list(values), &list));
        item = tn_value_handle(values, list);
        ok(client, tn_client_list_append(client, tn_held(list), item, NULL));
        if (i % 2 == 0) {
            ok(client, tn_client_bind(client, "cycle", tn_held(list)));
            ok(client, tn_client_unbind(client, "cycle"));
        }
        tn_handle_release(&list);
    }
    ok(client, tn_client_ping(client)); /* carries the last release */
}

static void cycles_are_collected(struct server_fixture *f, tn_client *client)
{
    tn_values *values = tn_values_new();
    tn_handle *kept = NULL;
    tn_gc_result result;

    make_cycles(client, values);
    assert_int_equal(live_objects(client), N_CYCLES);
    tn_values_clear(values);
    ok(client, tn_client_put(client, tn_value_list(values), &kept));
    ok(client, tn_client_list_append(client, tn_held(kept), tn_value_handle(values, kept), NULL));
    ok(client, tn_client_gc_collect(client, 2, &result));
    assert_int_equal(result.collected, N_CYCLES);
    assert_string_equal(result.cause, "request");
    ok(client, tn_client_gc_collect(client, 2, &result));
    assert_int_equal(result.collected, 0); /* a handle is a root */
    assert_int_equal(live_objects(client), 1);
    tn_values_clear(values); /* which holds the handle, too */
    tn_handle_release(&kept);
    ok(client, tn_client_ping(client));
    ok(client, tn_client_gc_collect(client, 2, &result));
    assert_int_equal(result.collected, 1);
    assert_int_equal(live_objects(client), 0);
    tn_values_free(&values);
    (void)f;
}

static void settings_are_kept(struct server_fixture *f, tn_client *client)
{
    tn_gc_request request = TN_GC_REQUEST_INIT;
    tn_gc_info info = TN_GC_INFO_INIT;
    tn_gc_result result;

    request.set_thresholds = true;
    request.thresholds[0] = 300;
    request.thresholds[1] = 7;
    request.thresholds[2] = 1;
    request.set_automatic = true;
    ok(client, tn_client_gc(client, &request, &info));
    assert_false(info.automatic);
    ok(client, tn_client_gc(client, NULL, &info));
    assert_int_equal(info.thresholds[0], 300);
    assert_int_equal(info.thresholds[1], 7);
    assert_int_equal(info.thresholds[2], 1);
    assert_false(info.automatic);

    request = (tn_gc_request)TN_GC_REQUEST_INIT;
    request.collector = TN_GC_COLLECTOR_NONE;
    ok(client, tn_client_gc(client, &request, &info));
    assert_int_equal(info.collector, TN_GC_COLLECTOR_NONE);
    assert_int_equal(tn_client_gc_collect(client, 2, &result), TN_EUNSUPPORTED);
    assert_non_null(strstr(tn_client_error(client)->message, "choose another"));
    request.collector = TN_GC_COLLECTOR_GENERATIONAL;
    request.collect = true;
    request.generation = 3;
    assert_true(tn_client_gc(client, &request, &info) < 0);
    assert_non_null(strstr(tn_client_error(client)->message, "no generation 3"));
    ok(client, tn_client_gc(client, NULL, &info));
    assert_int_equal(info.collector, TN_GC_COLLECTOR_NONE); /* nothing was done */
    (void)f;
}

static void the_command_collects(struct server_fixture *f, tn_client *client)
{
    static const char *const commands[] = {
        "set x '[1]'",        "gc collect 0", "gc collect",      "gc disable", "gc enable",
        "gc threshold 9 8 7", "gc threshold", "--json gc stats", "gc stats",   "del x",
    };
    char line[512];

    for (size_t i = 0; i < TN_ARRAY_LEN(commands); i++) {
        (void)snprintf(line, sizeof(line), "%s -s %s %s >/dev/null", TN_TEST_TENURE,
                       strchr(f->endpoint, ':') + 1, commands[i]);
        if (system(line) != 0)
            fail_msg("this failed: %s", line);
    }
    (void)snprintf(line, sizeof(line), "%s -s %s gc collect 5 2>/dev/null", TN_TEST_TENURE,
                   strchr(f->endpoint, ':') + 1);
    assert_int_not_equal(system(line), 0);
    assert_int_equal(live_objects(client), 0);
}

static void in_all_ways(void (*body)(struct server_fixture *f, tn_client *client))
{
    static const char *const collectors[] = { "generational", "concurrent" };

    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        for (size_t i = 0; i < TN_ARRAY_LEN(collectors); i++) {
            const char *const options[] = { "collector", collectors[i], "gc-on-request", "yes",
                                            NULL };
            struct server_fixture f;
            tn_client *client;

            server_fixture_start(&f, mode, options);
            client = connect_to(&f);
            body(&f, client);
            tn_client_close(&client);
            server_fixture_stop(&f);
        }
    }
}

static void test_cycles_are_collected_on_request(void **state)
{
    (void)state;
    in_all_ways(cycles_are_collected);
}

static void test_settings_are_kept(void **state)
{
    (void)state;
    in_all_ways(settings_are_kept);
}

static void test_the_command_collects(void **state)
{
    (void)state;
    in_all_ways(the_command_collects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycles_are_collected_on_request),
        cmocka_unit_test(test_settings_are_kept),
        cmocka_unit_test(test_the_command_collects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
