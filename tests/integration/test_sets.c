/* SPDX-License-Identifier: MIT */
/* Sets and frozensets through a real server: libtenure, the command and the shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "tests/support/command.h"
#include "tests/support/server_fixture.h"

static tn_client *connect_to(const char *endpoint)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = endpoint;
    if (tn_client_open(&options, &client) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    return client;
}

static void ok(tn_client *client, int result)
{
    if (result < 0)
        fail_msg("%s: %s", tn_errno_name(result), tn_client_error(client)->message);
}

/* Expects a refusal whose sentence has these words. */
static void refused(tn_client *client, int result, int err, const char *words)
{
    assert_int_equal(result, err);
    if (!strstr(tn_client_error(client)->message, words))
        fail_msg("\"%s\" is not in: %s", words, tn_client_error(client)->message);
}

static void in_each_mode(void (*body)(tn_client *client, tn_values *values),
                         const char *const *options)
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        tn_client *client;
        tn_values *values = tn_values_new();

        server_fixture_start(&f, mode, options);
        client = connect_to(f.endpoint);
        body(client, values);
        tn_values_free(&values);
        tn_client_close(&client);
        server_fixture_stop(&f);
    }
}

/* A list, set or frozenset of the ints from `first` to before `end`. */
static tn_value ints(tn_values *values, tn_kind kind, int64_t first, int64_t end)
{
    tn_value list = kind == TN_KIND_SET ? tn_value_new_set(values) : tn_value_list(values);

    for (int64_t i = first; i < end; i++)
        assert_int_equal(tn_value_append(list, tn_value_int(values, i)), 0);
    if (kind == TN_KIND_FROZENSET) {
        tn_value members[16];
        size_t n = tn_value_len(list);

        assert_true(n <= 16);
        for (size_t i = 0; i < n; i++)
            members[i] = tn_value_item(list, i);
        return tn_value_frozenset(values, members, n);
    }
    return list;
}

static uint64_t length_of(tn_client *client, const char *name)
{
    uint64_t length;

    ok(client, tn_client_length(client, tn_named(name), &length));
    return length;
}

/* ---- libtenure ---- */

static void members(tn_client *client, tn_values *values)
{
    tn_value frozen = ints(values, TN_KIND_FROZENSET, 1, 4);
    tn_value item, got;
    bool truth;

    ok(client, tn_client_set(client, "s", ints(values, TN_KIND_SET, 0, 3)));
    ok(client, tn_client_set_add(client, tn_named("s"), tn_value_float(values, 1), &truth));
    assert_false(truth);
    ok(client, tn_client_set_add(client, tn_named("s"), frozen, &truth));
    assert_true(truth);
    assert_int_equal(length_of(client, "s"), 4);
    /* A frozenset is found by what it holds, in whatever order. */
    got = ints(values, TN_KIND_LIST, 0, 3);
    item = tn_value_frozenset(values,
                              (tn_value[]){ tn_value_int(values, 3), tn_value_int(values, 1),
                                            tn_value_float(values, 2), tn_value_int(values, 1) },
                              4);
    ok(client, tn_client_contains(client, tn_named("s"), item, &truth));
    assert_true(truth);
    refused(client, tn_client_contains(client, tn_named("s"), got, &truth), TN_EUNHASHABLE,
            "A list cannot be a member of a set");
    refused(client, tn_client_set_add(client, tn_named("s"), tn_value_new_set(values), &truth),
            TN_EUNHASHABLE, "use a frozenset");
    item = tn_value_tuple(values, &got, 1);
    refused(client, tn_client_set_discard(client, tn_named("s"), item, &truth), TN_EUNHASHABLE,
            "in what it holds");
    refused(client, tn_client_set_remove(client, tn_named("s"), tn_value_int(values, 9)), TN_EKEY,
            "The set has no member 9.");
    ok(client, tn_client_set_discard(client, tn_named("s"), tn_value_int(values, 9), &truth));
    assert_false(truth);
    ok(client, tn_client_set_discard(client, tn_named("s"), tn_value_int(values, 2), &truth));
    assert_true(truth);
    ok(client, tn_client_set_pop(client, tn_named("s"), NULL, values, &got));
    ok(client, tn_client_set_remove(client, tn_named("s"), tn_value_bool(values, true)));
    ok(client, tn_client_get(client, tn_named("s"), NULL, values, &got));
    assert_int_equal(tn_value_kind(got), TN_KIND_SET);
    assert_int_equal(tn_value_len(got), 1);
    assert_int_equal(tn_value_kind(tn_value_item(got, 0)), TN_KIND_FROZENSET);
    assert_int_equal(tn_value_len(tn_value_item(got, 0)), 3);
    ok(client, tn_client_set_clear(client, tn_named("s")));
    refused(client, tn_client_set_pop(client, tn_named("s"), NULL, values, &got), TN_EKEY,
            "The set is empty");
    refused(client, tn_client_list_append(client, tn_named("s"), frozen, NULL), TN_ETYPE,
            "of type set");
    ok(client, tn_client_set(client, "f", frozen));
    refused(client, tn_client_set_add(client, tn_named("f"), frozen, NULL), TN_ETYPE,
            "of type frozenset");
    ok(client, tn_client_unbind(client, "f"));
    ok(client, tn_client_unbind(client, "s"));
}

static void test_members_come_and_go(void **state)
{
    (void)state;
    in_each_mode(members, NULL);
}

static void values_that_cannot_be(tn_client *client, tn_values *values)
{
    tn_value list = tn_value_list(values);
    tn_value set = tn_value_new_set(values);

    ok(client, tn_value_append(set, list));
    refused(client, tn_client_set(client, "s", set), TN_EUNHASHABLE,
            "A list cannot be a member of a set");
    refused(client, tn_client_set(client, "s", tn_value_frozenset(values, &set, 1)), TN_EUNHASHABLE,
            "A set cannot be a member of a set");
    /* Even if it holds the list that holds it. */
    ok(client, tn_value_append(list, set));
    refused(client, tn_client_set(client, "s", list), TN_EUNHASHABLE, "member of a set");
    assert_int_equal(tn_value_append(tn_value_dict(values), list), TN_ETYPE);
}

static void test_values_with_unhashable_members_are_refused(void **state)
{
    (void)state;
    in_each_mode(values_that_cannot_be, NULL);
}

static void expect_made(tn_client *client, tn_values *values, const char *left,
                        tn_set_operation operation, tn_value right, tn_kind asked, tn_kind kind,
                        size_t n)
{
    tn_value made;

    ok(client,
       tn_client_set_new(client, tn_named(left), operation, right, asked, NULL, values, &made));
    assert_int_equal(tn_value_kind(made), kind);
    assert_int_equal(tn_value_len(made), n);
}

static void algebra(tn_client *client, tn_values *values)
{
    static const size_t lengths[] = { 0, 15, 5, 5, 10 };
    static const tn_kind kinds[] = { TN_KIND_LIST, TN_KIND_SET, TN_KIND_FROZENSET };
    TN_HANDLE_CLEANUP tn_handle *same = NULL;
    tn_value none = { .values = NULL };
    uint64_t length;
    bool truth;

    ok(client, tn_client_set(client, "s", ints(values, TN_KIND_SET, 0, 10)));
    ok(client, tn_client_set(client, "f", ints(values, TN_KIND_FROZENSET, 0, 10)));
    ok(client, tn_client_set(client, "l", ints(values, TN_KIND_LIST, 0, 10)));
    for (int op = TN_SET_UNION; op <= TN_SET_SYMMETRIC_DIFFERENCE; op++) {
        for (size_t i = 0; i < 3; i++) {
            tn_set_operation operation = (tn_set_operation)op;
            tn_value right = ints(values, kinds[i], 5, 15);

            expect_made(client, values, "s", operation, right, TN_KIND_INVALID, TN_KIND_SET,
                        lengths[op]);
            expect_made(client, values, "f", operation, right, TN_KIND_INVALID, TN_KIND_FROZENSET,
                        lengths[op]);
            ok(client, tn_client_set(client, "t", ints(values, TN_KIND_SET, 0, 10)));
            ok(client, tn_client_set_update(client, tn_named("t"), operation, right, &length));
            assert_int_equal(length, lengths[op]);
        }
    }
    expect_made(client, values, "l", TN_SET_COPY, none, TN_KIND_FROZENSET, TN_KIND_FROZENSET, 10);
    expect_made(client, values, "f", TN_SET_COPY, none, TN_KIND_SET, TN_KIND_SET, 10);
    expect_made(client, values, "l", TN_SET_COPY, none, TN_KIND_INVALID, TN_KIND_SET, 10);
    /* With itself. */
    ok(client, tn_client_lookup(client, "s", &same, NULL));
    ok(client, tn_client_set_compare(client, tn_named("s"), TN_SET_SUBSET,
                                     tn_value_handle(values, same), &truth));
    assert_true(truth);
    ok(client, tn_client_set_update(client, tn_named("s"), TN_SET_SYMMETRIC_DIFFERENCE,
                                    tn_value_handle(values, same), &length));
    assert_int_equal(length, 0);
    ok(client, tn_client_set_compare(client, tn_named("f"), TN_SET_SUPERSET,
                                     ints(values, TN_KIND_LIST, 3, 11), &truth));
    assert_false(truth);
    ok(client, tn_client_set_compare(client, tn_named("f"), TN_SET_DISJOINT,
                                     ints(values, TN_KIND_LIST, 10, 13), &truth));
    assert_true(truth);
    ok(client, tn_client_unbind(client, "s"));
    ok(client, tn_client_unbind(client, "t"));
    ok(client, tn_client_unbind(client, "f"));
    ok(client, tn_client_unbind(client, "l"));
}

static void test_sets_are_combined_and_compared(void **state)
{
    (void)state;
    in_each_mode(algebra, NULL);
}

static void algebra_errors(tn_client *client, tn_values *values)
{
    tn_value cycle = tn_value_list(values);
    tn_value made;
    uint64_t length;
    bool truth;

    ok(client, tn_value_append(cycle, tn_value_int(values, 1)));
    ok(client, tn_value_append(cycle, cycle));
    ok(client, tn_client_set(client, "s", ints(values, TN_KIND_SET, 0, 3)));
    ok(client, tn_client_set(client, "l", ints(values, TN_KIND_LIST, 0, 3)));
    refused(client, tn_client_set_update(client, tn_named("s"), TN_SET_UNION, cycle, &length),
            TN_EUNHASHABLE, "A list cannot be a member");
    /* Found out before the list that holds itself is looked at; nothing of it stays. */
    ok(client, tn_client_set_compare(client, tn_named("s"), TN_SET_DISJOINT, cycle, &truth));
    assert_false(truth);
    refused(
        client,
        tn_client_set_update(client, tn_named("s"), TN_SET_UNION, tn_value_int(values, 1), &length),
        TN_ETYPE, "of type int");
    refused(client, tn_client_set_update(client, tn_named("s"), TN_SET_COPY, cycle, &length),
            TN_EINVAL, "which operation");
    refused(client,
            tn_client_set_new(client, tn_named("l"), TN_SET_UNION, cycle, TN_KIND_INVALID, NULL,
                              values, &made),
            TN_ETYPE, "a set or frozenset");
    refused(client,
            tn_client_set_new(client, tn_named("s"), TN_SET_UNION, ints(values, TN_KIND_LIST, 0, 1),
                              TN_KIND_LIST, NULL, values, &made),
            TN_EINVAL, "a set or a frozenset only");
    refused(client, tn_client_set_compare(client, tn_named("s"), (tn_set_relation)9, cycle, &truth),
            TN_EINVAL, "which relation");
    assert_int_equal(length_of(client, "s"), 3);
    ok(client, tn_client_unbind(client, "s"));
    ok(client, tn_client_unbind(client, "l"));
}

static void test_operations_say_what_is_wrong(void **state)
{
    (void)state;
    in_each_mode(algebra_errors, NULL);
}

/* ---- Large ones ---- */

#define N_LARGE 80000
#define N_PAGE 40000

static void large(tn_client *client, tn_values *values)
{
    TN_SET_ITER_CLEANUP tn_set_iter *iter = NULL;
    TN_HANDLE_CLEANUP tn_handle *all = NULL;
    tn_want want = TN_WANT_INIT;
    tn_value none = { .values = NULL };
    int64_t next = 0;
    tn_value member, made;
    uint64_t length = 0;
    int r;

    ok(client, tn_client_set(client, "s", tn_value_new_set(values)));
    for (int64_t i = 0; i < N_LARGE; i += N_PAGE) {
        tn_values_clear(values);
        ok(client, tn_client_set_update(client, tn_named("s"), TN_SET_UNION,
                                        ints(values, TN_KIND_LIST, i, i + N_PAGE), &length));
    }
    assert_int_equal(length, N_LARGE);
    ok(client, tn_client_lookup(client, "s", &all, NULL));
    refused(client,
            tn_client_set_update(client, tn_named("s"), TN_SET_DIFFERENCE,
                                 tn_value_handle(values, all), NULL),
            TN_ETOO_BIG, "at most 65536");
    refused(client,
            tn_client_set_update(client, tn_named("s"), TN_SET_INTERSECTION,
                                 ints(values, TN_KIND_LIST, 0, 5), NULL),
            TN_ETOO_BIG, "make a new set");
    /* A copy that is kept, while the scan of the first goes on. */
    want.handle = true;
    ok(client, tn_set_iter_open(client, tn_named("s"), NULL, &iter));
    assert_int_equal(tn_set_iter_next(iter, &member), 1);
    ok(client, tn_client_set_new(client, tn_named("s"), TN_SET_COPY, none, TN_KIND_FROZENSET, &want,
                                 values, &made));
    ok(client, tn_client_bind(client, "f", tn_held(tn_value_as_handle(made))));
    assert_int_equal(length_of(client, "f"), N_LARGE);
    do {
        int64_t integer;

        assert_int_equal(tn_value_as_int(member, &integer), 0);
        assert_int_equal(integer, next++);
    } while ((r = tn_set_iter_next(iter, &member)) == 1);
    assert_int_equal(r, 0);
    assert_int_equal(next, N_LARGE);
    ok(client, tn_client_set_clear(client, tn_named("s")));
    assert_int_equal(length_of(client, "s"), 0);
    ok(client, tn_client_unbind(client, "s"));
    ok(client, tn_client_unbind(client, "f"));
    tn_values_clear(values);
}

static void test_large_sets_are_made_in_pages(void **state)
{
    (void)state;
    in_each_mode(large, NULL);
}

/* Removing works in a heap that is full to the brim. */
static void full(tn_client *client, tn_values *values)
{
    int64_t n = 0;
    bool truth;
    int r;

    ok(client, tn_client_set(client, "s", tn_value_new_set(values)));
    do {
        tn_value member[2];

        tn_values_clear(values);
        member[0] = tn_value_int(values, 1000 + n);
        member[1] = tn_value_frozenset(values, member, 1);
        r = tn_client_set_add(client, tn_named("s"), member[1], NULL);
        n += r == 0;
    } while (r == 0);
    refused(client, r, TN_EMEMORY, "delete or release");
    assert_true(n > 1000);
    for (int64_t i = 0; i < n; i += n / 20) {
        tn_value member[2];

        member[0] = tn_value_float(values, (double)(1000 + i));
        member[1] = tn_value_frozenset(values, member, 1);
        ok(client, tn_client_set_discard(client, tn_named("s"), member[1], &truth));
        assert_true(truth);
    }
    ok(client, tn_client_set_clear(client, tn_named("s")));
    assert_int_equal(length_of(client, "s"), 0);
    ok(client, tn_client_unbind(client, "s"));
}

static void test_removing_works_in_a_full_heap(void **state)
{
    static const char *const options[] = { "max-memory", "8mb", NULL };

    (void)state;
    in_each_mode(full, options);
}

/* ---- Batches ---- */

static void batch(tn_client *client, tn_values *values)
{
    TN_BATCH_CLEANUP tn_batch *steps = tn_batch_new(client);
    tn_op op = tn_op_put(ints(values, TN_KIND_SET, 0, 5));
    tn_reply *reply;
    tn_value value;

    assert_int_equal(tn_batch_add(steps, &op), 0);
    op = tn_op_init(TN_OP_SET_NEW);
    op.target = tn_of_step(0);
    op.how = TN_SET_INTERSECTION;
    op.value = ints(values, TN_KIND_LIST, 3, 9);
    assert_int_equal(tn_batch_add(steps, &op), 1);
    assert_int_equal(tn_batch_add(steps, &(tn_op){ .struct_size = sizeof(op),
                                                   .code = TN_OP_BIND,
                                                   .name = "made",
                                                   .target = tn_of_step(1) }),
                     2);
    op = tn_op_init(TN_OP_SET_ADD);
    op.target = tn_named("made");
    op.value = tn_value_str(values, "more");
    assert_int_equal(tn_batch_add(steps, &op), 3);
    ok(client, tn_client_run(client, steps, &reply));
    ok(client, tn_reply_value(tn_reply_step(reply, 1), values, &value));
    assert_int_equal(tn_value_kind(value), TN_KIND_SET);
    assert_int_equal(tn_value_len(value), 2);
    assert_int_equal(length_of(client, "made"), 3);
    ok(client, tn_client_unbind(client, "made"));
}

static void test_set_operations_are_steps_of_batches(void **state)
{
    (void)state;
    in_each_mode(batch, NULL);
}

/* ---- The command ---- */

/* Expects an exit code and what is printed; and words in the complaint, if any. */
static void check(const struct server_fixture *f, int exit_code, const char *out, const char *words,
                  const char *input, ...)
{
    struct command_result result;
    va_list args;

    va_start(args, input);
    result = command_run_va(TN_TEST_TENURE, f->endpoint, input, args);
    va_end(args);
    if (result.exit_code != exit_code)
        fail_msg("exit code %d, not %d: %s%s", result.exit_code, exit_code, result.out, result.err);
    assert_string_equal(result.out, out);
    if (words ? !strstr(result.err, words) : result.err[0] != '\0')
        fail_msg("not as expected: %s", result.err);
    command_result_free(&result);
}

static void test_the_command_has_verbs_for_sets(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_BIASED, NULL);
    check(&f, 0, "", NULL, NULL, "set", "s", "{\"$set\": [1, 2, {\"$frozenset\": [3]}]}", NULL);
    check(&f, 0, "{\"$set\": [1, 2, {\"$frozenset\": [3]}]}\n", NULL, NULL, "get", "s", NULL);
    check(&f, 2, "", "needs an array", NULL, "set", "s", "{\"$set\": 1}", NULL);
    check(&f, 0, "true\n", NULL, NULL, "sets", "add", "s", "1", "text", NULL);
    check(&f, 1, "false\n", NULL, NULL, "sets", "add", "s", "1.0", NULL);
    check(&f, 0, "true\n", NULL, NULL, "sets", "contains", "s", "text", NULL);
    check(&f, 1, "false\n", NULL, NULL, "sets", "contains", "s", "{\"$frozenset\": [4]}", NULL);
    check(&f, 0, "true\n", NULL, NULL, "sets", "discard", "s", "{\"$frozenset\": [3]}", NULL);
    check(&f, 1, "", "The set has no member 5.", NULL, "sets", "remove", "s", "5", NULL);
    check(&f, 0, "1\n2\n\"text\"\n", NULL, NULL, "sets", "members", "s", NULL);
    check(&f, 0, "3\n", NULL, NULL, "sets", "len", "s", NULL);
    check(&f, 0, "{\"$set\": [1, 2]}\n", NULL, NULL, "sets", "intersection", "s", "[1, 2]", NULL);
    check(&f, 0, "{\"$set\": [\"text\"]}\n", NULL, NULL, "sets", "difference", "s", "[2, 1]", NULL);
    check(&f, 0, "{\"$set\": [1, 2, \"text\", 7]}\n", NULL, NULL, "sets", "union", "s", "[7, 1]",
          NULL);
    check(&f, 0, "{\"$set\": []}\n", NULL, NULL, "sets", "symmetric-difference", "s",
          "{\"$name\": \"s\"}", NULL);
    check(&f, 0, "", NULL, NULL, "sets", "update", "s", "[7]", NULL);
    check(&f, 0, "", NULL, NULL, "sets", "subtract", "s", "[1]", NULL);
    check(&f, 0, "", NULL, NULL, "sets", "keep", "s", "[2, 7]", NULL);
    check(&f, 0, "{\"length\": 2}\n", NULL, NULL, "--json", "sets", "toggle", "s", "[7, 8]", NULL);
    check(&f, 0, "true\n", NULL, NULL, "sets", "superset", "s", "[2, 8]", NULL);
    check(&f, 1, "false\n", NULL, NULL, "sets", "subset", "s", "[2]", NULL);
    check(&f, 1, "false\n", NULL, NULL, "sets", "disjoint", "s", "[2]", NULL);
    check(&f, 0, "2\n", NULL, NULL, "sets", "pop", "s", NULL);
    check(&f, 0, "", NULL, NULL, "sets", "clear", "s", NULL);
    check(&f, 0, "{\"$set\": []}\n", NULL, NULL, "get", "s", NULL);
    check(&f, 2, "", "none of the verbs", NULL, "sets", "append", "s", NULL);
    check(
        &f, 0,
        "[\n {\"ok\": true, \"changed\": true},\n {\"ok\": true, \"count\": 3},\n {\"ok\": true, "
        "\"value\": {\"$set\": [5]}}\n]\n",
        NULL,
        "[{\"op\": \"set_add\", \"target\": \"s\", \"value\": 5},"
        " {\"op\": \"set_update\", \"target\": \"s\", \"value\": [6, 7], \"operation\": \"union\"},"
        " {\"op\": \"set_new\", \"target\": \"s\", \"value\": [6, 7],"
        "  \"operation\": \"difference\"}]",
        "batch", NULL);
    check(&f, 2, "", "needs an \"operation\"",
          "[{\"op\": \"set_new\", \"target\": \"s\", \"value\": []}]", "batch", NULL);
    check(&f, 0, "", NULL, NULL, "del", "s", NULL);
    server_fixture_stop(&f);
}

static void test_the_shell_has_sets_as_python_has(void **state)
{
    struct server_fixture f;

    (void)state;
    server_fixture_start(&f, TN_MODE_ATOMIC, NULL);
    check(&f, 0,
          "{1, 'a'}\nset()\nfrozenset()\n{}\nset\nfrozenset({1, 2})\nTrue\n{1, 'a', 2}\n{1}\n"
          "True\nFalse\n1\n{'a', 2}\nfrozenset({frozenset({1, 2})})\n",
          NULL,
          "s = {1, 'a'}\n"
          "s\n"
          "set()\n"
          "frozenset()\n"
          "{}\n"
          "type s\n"
          "f = frozenset([1, 2, 1.0])\n"
          "f\n"
          "1 in s\n"
          "t = s.union(f)\n"
          "t\n"
          "s.intersection(f)\n"
          "f.issubset(t)\n"
          "f.isdisjoint(t)\n"
          "s.update(f)\n"
          "s.discard(7)\n"
          "s.pop()\n"
          "s\n"
          "frozenset((f,))\n",
          "shell", "--quiet", NULL);
    check(&f, 1, "", "The set has no member 3.", "s = {1}\ns.remove(3)\n", "shell", "--quiet",
          NULL);
    server_fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_come_and_go),
        cmocka_unit_test(test_values_with_unhashable_members_are_refused),
        cmocka_unit_test(test_sets_are_combined_and_compared),
        cmocka_unit_test(test_operations_say_what_is_wrong),
        cmocka_unit_test(test_large_sets_are_made_in_pages),
        cmocka_unit_test(test_removing_works_in_a_full_heap),
        cmocka_unit_test(test_set_operations_are_steps_of_batches),
        cmocka_unit_test(test_the_command_has_verbs_for_sets),
        cmocka_unit_test(test_the_shell_has_sets_as_python_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
