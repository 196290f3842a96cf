/* SPDX-License-Identifier: MIT */
/* Records that die in cycles, as events tell of them, and `tenure watch`. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>
#include <tenure/tenure.h>
#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/support/command.h"
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

/* ---- Records that die in cycles ---- */

#define N_CYCLES 20

/* Records that refer to themselves, let go of; tells their identities. */
static void make_cycles(tn_client *client, uint64_t *ret_identities)
{
    static const char *const slots[] = { "next", "label" };
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_HANDLE_CLEANUP tn_handle *class = NULL;
    tn_class_spec spec = TN_CLASS_SPEC_INIT;

    spec.name = "Node";
    spec.slots = slots;
    spec.n_slots = TN_ARRAY_LEN(slots);
    spec.has_finalizer = true;
    assert_int_equal(tn_client_class_declare(client, &spec, &class), 0);
    for (unsigned int i = 0; i < N_CYCLES; i++) {
        TN_HANDLE_CLEANUP tn_handle *record = NULL;
        tn_description description = TN_DESCRIPTION_INIT;
        tn_value attributes;
        char label[16];

        tn_values_clear(values);
        (void)snprintf(label, sizeof(label), "node %u", i);
        attributes = tn_value_dict(values);
        tn_value_set_str(attributes, "label", tn_value_str(values, label));
        assert_int_equal(tn_client_record_new(client, tn_held(class), attributes, &record), 0);
        assert_int_equal(
            tn_client_attr_set(client, tn_held(record), "next", tn_value_handle(values, record)),
            0);
        assert_int_equal(tn_client_describe(client, tn_held(record), false, 0, &description), 0);
        ret_identities[i] = description.identity;
        tn_values_clear(values); /* which holds the handle, too */
    }
}

static void collect(tn_client *client, tn_gc_result *ret_result)
{
    assert_int_equal(tn_client_ping(client), 0); /* carries the last release */
    assert_int_equal(tn_client_gc_collect(client, 2, ret_result), 0);
}

/* Whose death it was: the label tells. */
static unsigned int number_of_node(const char *label)
{
    unsigned int i = N_CYCLES;

    assert_int_equal(sscanf(label, "node %u", &i), 1);
    assert_true(i < N_CYCLES);
    return i;
}

static void expect_node(const tn_event *event, uint64_t *identities)
{
    unsigned int i = number_of_node(event->label);

    assert_string_equal(event->class_name, "Node");
    assert_int_equal(event->identity, identities[i]);
    assert_int_equal(event->size_bytes, 24 + 2 * 8 + 8);
    identities[i] = 0; /* once */
}

static void expect_collection(const tn_event *event, const tn_gc_result *result)
{
    assert_string_equal(event->cause, "request");
    assert_true(strcmp(event->collector, "concurrent") == 0 ||
                strcmp(event->collector, "generational") == 0);
    assert_int_equal(event->generation, 2);
    if (event->kind == TN_EVENT_COLLECTION_STARTED)
        return;
    assert_int_equal(event->kind, TN_EVENT_COLLECTION_FINISHED);
    assert_int_equal(event->freed, result->collected);
    assert_int_equal(event->examined, result->examined);
    assert_int_equal(event->longest_pause_ns, result->longest_pause_ns);
    assert_int_equal(event->duration_ns, result->duration_ns);
}

static void check_cycles(struct server_fixture *f, tn_client *a, tn_client *b)
{
    tn_subscribe_options options = TN_SUBSCRIBE_OPTIONS_INIT;
    tn_subscription *s = NULL;
    uint64_t identities[N_CYCLES];
    const tn_event *event = NULL;
    tn_gc_result result;

    (void)f;
    options.kinds = TN_EVENT_BIT(TN_EVENT_FINALIZED) | TN_EVENT_BIT(TN_EVENT_COLLECTION_STARTED) |
                    TN_EVENT_BIT(TN_EVENT_COLLECTION_FINISHED);
    assert_int_equal(tn_client_subscribe(a, &options, NULL, NULL, &s), 0);
    make_cycles(b, identities);
    assert_int_equal(tn_events_next(s, 0, &event), 0);
    collect(b, &result);
    assert_int_equal(result.collected, N_CYCLES + 1); /* and their class */
    for (int i = 0; i < N_CYCLES + 2; i++) {          /* in no order: workers are several */
        assert_int_equal(tn_events_next(s, LONG_MS, &event), 1);
        if (event->kind == TN_EVENT_FINALIZED)
            expect_node(event, identities);
        else
            expect_collection(event, &result);
    }
    collect(b, &result);
    assert_int_equal(tn_events_next(s, LONG_MS, &event), 1);
    assert_int_equal(event->kind, TN_EVENT_COLLECTION_STARTED);
    assert_int_equal(tn_events_next(s, LONG_MS, &event), 1);
    expect_collection(event, &result);
    assert_int_equal(tn_client_unsubscribe(&s), 0);
}

static void test_records_that_die_in_cycles_are_told(void **state)
{
    (void)state;
    in_all_modes(check_cycles);
}

/* ---- tenure watch ---- */

struct watch {
    pid_t pid;
    FILE *out;
};

static void await_subscriptions(tn_client *client, uint64_t n)
{
    uint64_t began = tn_clock_ns();

    for (;;) {
        TN_INFO_CLEANUP tn_info *info = NULL;

        assert_int_equal(tn_client_info(client, &info), 0);
        if (info->subscriptions == n)
            return;
        assert_true(tn_clock_ns() - began < AWAIT_NS);
    }
}

/* Starts `tenure watch` with an option and a format (NULL: for people), and waits until
 * it watches. */
static struct watch start_watch_as(const struct server_fixture *f, tn_client *client,
                                   const char *option, const char *value, const char *format)
{
    struct watch watch;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    (void)fflush(stdout);
    watch.pid = fork();
    assert_true(watch.pid >= 0);
    if (watch.pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execl(TN_TEST_TENURE, "tenure", "-s", f->endpoint + strlen("unix:"), "watch", option,
                    value, format, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    watch.out = fdopen(fds[0], "r");
    assert_non_null(watch.out);
    await_subscriptions(client, 1);
    return watch;
}

static struct watch start_watch(const struct server_fixture *f, tn_client *client,
                                const char *option, const char *value)
{
    return start_watch_as(f, client, option, value, "--json");
}

/* One line of it, as JSON; the caller unrefs it. */
static json_t *read_line(struct watch *watch)
{
    char line[4096];
    json_t *json;

    assert_non_null(fgets(line, sizeof(line), watch->out));
    json = json_loads(line, 0, NULL);
    assert_non_null(json);
    return json;
}

static void expect_line(struct watch *watch, const char *kind, const char *name)
{
    json_t *json = read_line(watch);

    assert_string_equal(json_string_value(json_object_get(json, "kind")), kind);
    assert_string_equal(json_string_value(json_object_get(json, "name")), name);
    assert_string_equal(json_string_value(json_object_get(json, "namespace")), "default");
    assert_true(json_integer_value(json_object_get(json, "version")) > 0);
    json_decref(json);
}

static int end_watch(struct watch *watch)
{
    int status = 0;

    while (waitpid(watch->pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    (void)fclose(watch->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void check_watch(struct server_fixture *f, tn_client *a, tn_client *b)
{
    struct watch watch = start_watch(f, a, "--prefix", "job/");

    set_int(b, "other", 1);
    set_int(b, "job/1", 1);
    assert_int_equal(tn_client_unbind(b, "other"), 0);
    assert_int_equal(tn_client_unbind(b, "job/1"), 0);
    expect_line(&watch, "name-bound", "job/1");
    expect_line(&watch, "name-removed", "job/1");
    assert_int_equal(kill(watch.pid, SIGKILL), 0);
    assert_int_equal(end_watch(&watch), -SIGKILL);
    await_subscriptions(a, 0);

    watch = start_watch(f, a, "--count", "2");
    set_int(b, "x", 1);
    set_int(b, "x", 2);
    set_int(b, "x", 3);
    expect_line(&watch, "name-bound", "x");
    expect_line(&watch, "name-changed", "x");
    assert_int_equal(end_watch(&watch), 0);
    assert_int_equal(tn_client_unbind(b, "x"), 0);
    await_subscriptions(a, 0);
}

static void test_watch_prints_a_line_for_each_event(void **state)
{
    (void)state;
    in_all_modes(check_watch);
}

static void check_watch_cycles(struct server_fixture *f, tn_client *a, tn_client *b)
{
    struct watch watch = start_watch(f, a, "--class", "Node");
    uint64_t identities[N_CYCLES];
    unsigned int n_finalized = 0;
    tn_gc_result result;

    make_cycles(b, identities);
    collect(b, &result);
    for (int i = 0; i < N_CYCLES + 2; i++) {
        json_t *json = read_line(&watch);
        const char *kind = json_string_value(json_object_get(json, "kind"));

        if (strcmp(kind, "finalized") == 0) {
            assert_string_equal(json_string_value(json_object_get(json, "class")), "Node");
            (void)number_of_node(json_string_value(json_object_get(json, "label")));
            n_finalized++;
        } else if (strcmp(kind, "collection-finished") == 0) {
            assert_int_equal(json_integer_value(json_object_get(json, "freed")), result.collected);
            assert_int_equal(json_integer_value(json_object_get(json, "duration_ns")),
                             result.duration_ns);
        } else {
            assert_string_equal(kind, "collection-started");
            assert_non_null(json_object_get(json, "collector"));
        }
        json_decref(json);
    }
    assert_int_equal(n_finalized, N_CYCLES);
    assert_int_equal(kill(watch.pid, SIGKILL), 0);
    assert_int_equal(end_watch(&watch), -SIGKILL);
    await_subscriptions(a, 0);
}

/* For people. */
static void check_watch_lines(struct server_fixture *f, tn_client *a, tn_client *b)
{
    struct watch watch = start_watch_as(f, a, "--life", "Node", NULL);
    uint64_t identities[N_CYCLES];
    char line[4096];

    make_cycles(b, identities);
    collect(b, NULL);
    for (int i = 0; i < N_CYCLES; i++) {
        assert_non_null(fgets(line, sizeof(line), watch.out));
        assert_int_equal(strncmp(line, "dead ", 5), 0);
        assert_non_null(strstr(line, " Node 0x"));
        assert_non_null(strstr(line, " \"node "));
    }
    assert_int_equal(kill(watch.pid, SIGKILL), 0);
    assert_int_equal(end_watch(&watch), -SIGKILL);
    await_subscriptions(a, 0);

    watch = start_watch_as(f, a, "--kinds", "collection", NULL);
    collect(b, NULL);
    assert_non_null(fgets(line, sizeof(line), watch.out));
    assert_int_equal(strncmp(line, "collection-started ", 19), 0);
    assert_non_null(strstr(line, "by request"));
    assert_non_null(fgets(line, sizeof(line), watch.out));
    assert_int_equal(strncmp(line, "collection-finished ", 20), 0);
    assert_non_null(strstr(line, ": examined 0, freed 0, in "));
    assert_int_equal(kill(watch.pid, SIGKILL), 0);
    assert_int_equal(end_watch(&watch), -SIGKILL);
    await_subscriptions(a, 0);
}

static void test_watch_shows_what_collectors_find(void **state)
{
    (void)state;
    in_all_modes(check_watch_cycles);
    in_all_modes(check_watch_lines);
}

static void test_watch_ends_with_the_server(void **state)
{
    struct server_fixture f;
    struct watch watch;
    tn_client *client;

    (void)state;
    server_fixture_start(&f, TN_MODE_GIL, NULL);
    client = connect_to(&f);
    watch = start_watch(&f, client, "--life", "job");
    tn_client_close(&client);
    server_fixture_stop(&f);
    assert_int_equal(end_watch(&watch), 4); /* the connection is lost */
}

static void expect_usage(const struct server_fixture *f, const char *words, ...)
{
    struct command_result result;
    va_list args;

    va_start(args, words);
    result = command_run_va(TN_TEST_TENURE, f->endpoint, NULL, args);
    va_end(args);
    assert_int_equal(result.exit_code, 2);
    if (!strstr(result.err, words))
        fail_msg("\"%s\" is not in: %s", words, result.err);
    command_result_free(&result);
}

static void test_watch_refuses_what_makes_no_sense(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    expect_usage(&f, "no kind of events \"nam\"", "watch", "--kinds", "memory,nam", NULL);
    expect_usage(&f, "no kind of events \"\"", "watch", "--kinds", ",name", NULL);
    expect_usage(&f, "--life says itself", "watch", "--life", "job", "--kinds", "name", NULL);
    expect_usage(&f, "whole number", "watch", "--count", "many", NULL);
    expect_usage(&f, "no use for the argument", "watch", "x", NULL);
    server_fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_that_die_in_cycles_are_told),
        cmocka_unit_test(test_watch_prints_a_line_for_each_event),
        cmocka_unit_test(test_watch_shows_what_collectors_find),
        cmocka_unit_test(test_watch_ends_with_the_server),
        cmocka_unit_test(test_watch_refuses_what_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
