/* SPDX-License-Identifier: MIT */
/* Batches: steps that use what earlier ones returned, and steps that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

static void in_every_mode(const char *const *options, void (*body)(struct raw_client *c))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, options);
        raw_open(&c, f.unix_address);
        body(&c);
        raw_close(&c);
        server_fixture_stop(&f);
    }
}

/* A step in words, as a request is. */
static Tenure__V1__Step *step(struct raw_client *c, const char *words)
{
    Tenure__V1__Request *request = raw_parse(c, words);
    Tenure__V1__Step *step = RAW_NEW(c, Step, STEP);

    step->op_case = (Tenure__V1__Step__OpCase)request->op_case;
    step->ping = request->ping; /* whichever it is */
    return step;
}

static Tenure__V1__Request *batch(struct raw_client *c, const char *const *words, bool keep_going)
{
    Tenure__V1__Request *request = raw_request(c);
    Tenure__V1__BatchRequest *msg = RAW_NEW(c, BatchRequest, BATCH_REQUEST);

    request->op_case = TENURE__V1__REQUEST__OP_BATCH;
    request->batch = msg;
    msg->keep_going = keep_going;
    while (words[msg->n_steps] != NULL)
        msg->n_steps++;
    msg->steps = tn_arena_alloc(&c->arena, (msg->n_steps + 1) * sizeof(Tenure__V1__Step *));
    assert_non_null(msg->steps);
    for (size_t i = 0; i < msg->n_steps; i++)
        msg->steps[i] = step(c, words[i]);
    return request;
}

/* The results in words, separated by "; ". */
static const char *results(struct raw_client *c, const Tenure__V1__Response *response)
{
    const char *kept;
    char *text = NULL;
    size_t size = 0;
    FILE *out;

    if (response->status != NULL)
        return raw_print(c, response);
    out = open_memstream(&text, &size);
    assert_non_null(out);
    for (size_t i = 0; i < response->batch->n_results; i++) {
        const Tenure__V1__StepResult *result = response->batch->results[i];
        Tenure__V1__Response one = TENURE__V1__RESPONSE__INIT;
        const char *words;

        one.status = result->status;
        one.result_case = (Tenure__V1__Response__ResultCase)result->result_case;
        one.ping = result->ping; /* whichever it is */
        words = raw_print(c, &one);
        (void)fprintf(out, "%s%s", i == 0 ? "" : "; ", words[0] == '@' ? "handle" : words);
    }
    assert_int_equal(fclose(out), 0);
    kept = raw_keep(c, text, size + 1);
    free(text);
    return kept;
}

static const char *run(struct raw_client *c, bool keep_going, const char *const *words)
{
    return results(c, raw_call(c, batch(c, words, keep_going)));
}

static uint64_t n_handles(struct raw_client *c)
{
    Tenure__V1__Request *request = raw_request(c);

    request->op_case = TENURE__V1__REQUEST__OP_INFO;
    request->info = RAW_NEW(c, InfoRequest, INFO_REQUEST);
    return raw_call(c, request)->info->handles;
}

static void references(struct raw_client *c)
{
    static const char *const words[] = {
        "put []",
        "list_append ^0 'first'",
        "set d {'list': ^0}",
        "dict_set ^2 'twice' ^0",
        "dict_get ^2 'list'",
        "list_append ^4 (1, 2)",
        "list_pop ^0 1",
        "list_append ^0 [^6, ^6]",
        "bind name ^6",
        "list_slice ^0 0 1",
        "length ^9",
        "contains ^0 'first'",
        "get d",
        NULL,
    };

    assert_string_equal(run(c, false, words),
                        "handle; count 1; new; count 2; ['first']; count 2; (1, 2); count 2; new; "
                        "['first']; count 1; true; "
                        "{'list': &0['first', [&1(1, 2), *1]], 'twice': *0}");
    EXPECT(c, "(1, 2)", "get name");
    assert_int_equal(n_handles(c), 1);
    raw_do(c, "unbind name");
    raw_do(c, "unbind d");
}

static void test_steps_use_what_earlier_ones_returned(void **state)
{
    (void)state;
    in_every_mode(NULL, references);
}

/* What a step answered stays readable although a later one drops the object. */
static void dropped_later(struct raw_client *c)
{
    static const char *const words[] = {
        "set s 'a text that is not shared with anybody'",
        "get s",
        "set l ['also the items', 1.5]",
        "list_get l 0",
        "get l",
        "unbind s",
        "list_delete l 0",
        "list_pop l 0",
        "unbind l",
        "put b'bytes'",
        "get ^9",
        NULL,
    };

    assert_string_equal(run(c, false, words),
                        "new; 'a text that is not shared with anybody'; new; 'also the items'; "
                        "['also the items', 1.50000000000000]; existed; count 1; "
                        "1.50000000000000; existed; handle; b'bytes'");
}

static void test_answers_outlive_what_later_steps_drop(void **state)
{
    (void)state;
    in_every_mode(NULL, dropped_later);
}

static void failures(struct raw_client *c)
{
    static const char *const words[] = {
        "set x 1", "list_append x 2", "get x", "length ^1", "length ^7", "unbind x", NULL,
    };
    static const char *const nothing[] = { NULL };
    Tenure__V1__Request *request;

    assert_string_equal(run(c, false, words),
                        "new; FAILED_PRECONDITION TYPE_MISMATCH; ABORTED STEP_FAILED; "
                        "ABORTED STEP_FAILED; ABORTED STEP_FAILED; ABORTED STEP_FAILED");
    EXPECT(c, "1", "get x"); /* what was done stays done */
    EXPECT(c, "existed", "unbind x");
    assert_string_equal(run(c, true, words), "new; FAILED_PRECONDITION TYPE_MISMATCH; 1; "
                                             "FAILED_PRECONDITION STEP_HAS_NO_OBJECT; "
                                             "INVALID_ARGUMENT BATCH_STEP_INVALID; existed");
    assert_string_equal(run(c, false, nothing), "");
    request = batch(c, words, true);
    request->batch->steps[1] = RAW_NEW(c, Step, STEP);
    assert_string_equal(results(c, raw_call(c, request)),
                        "new; INVALID_ARGUMENT BATCH_STEP_INVALID; 1; "
                        "FAILED_PRECONDITION STEP_HAS_NO_OBJECT; "
                        "INVALID_ARGUMENT BATCH_STEP_INVALID; existed");
    EXPECT(c, "INVALID_ARGUMENT BATCH_STEP_INVALID", "get ^0"); /* there is no batch */
}

static void test_failed_steps_stop_the_batch_or_do_not(void **state)
{
    (void)state;
    in_every_mode(NULL, failures);
}

static void many_steps(struct raw_client *c)
{
    enum {
        N = 100
    };
    const char *words[N + 2] = { "put []" };

    for (int i = 1; i < N; i++)
        words[i] = "list_append ^0 'item'";
    (void)run(c, false, words);
    words[N - 1] = "length ^0";
    assert_non_null(strstr(run(c, false, words), "count 98"));
    words[N] = "ping too many";
    assert_string_equal(run(c, false, words), "RESOURCE_EXHAUSTED TOO_MANY_STEPS");
    assert_int_equal(n_handles(c), 2);
}

static void test_steps_are_limited(void **state)
{
    static const char *const options[] = { "max-steps", "100", NULL };

    (void)state;
    in_every_mode(options, many_steps);
}

/* Together, the answers of the steps are longer than a message may be. */
static void long_answers(struct raw_client *c)
{
    static const char *const words[] = { "put [[1]]", "get s",  "get s", "get s",
                                         "put [2]",   "ping p", NULL };
    char *text = malloc(30001);

    assert_non_null(text);
    memset(text, 'x', 30000);
    text[30000] = '\0';
    raw_do(c, "set s '%s'", text);
    free(text);
    /* The third does not fit any more and comes as a handle. */
    assert_non_null(strstr(run(c, true, words), "'; <str>; handle; pong p"));
    assert_int_equal(n_handles(c), 3);
    raw_do(c, "unbind s");
}

static void test_long_answers_are_cut_off(void **state)
{
    static const char *const options[] = { "max-frame", "64kb", NULL };

    (void)state;
    in_every_mode(options, long_answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_use_what_earlier_ones_returned),
        cmocka_unit_test(test_answers_outlive_what_later_steps_drop),
        cmocka_unit_test(test_failed_steps_stop_the_batch_or_do_not),
        cmocka_unit_test(test_steps_are_limited),
        cmocka_unit_test(test_long_answers_are_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
