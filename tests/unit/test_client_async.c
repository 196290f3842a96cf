/* SPDX-License-Identifier: MIT */
/* Calls that do not wait: order, the window, callbacks, deadlines, loss; and what
 * is built on them: iterators and batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "proto/status.h"
#include "tests/support/fake_server.h"

static tn_client *connect_with(const struct fake_server *server, uint32_t max_in_flight,
                               uint32_t timeout_ms)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = fake_server_endpoint(server);
    options.max_in_flight = max_in_flight;
    options.timeout_ms = timeout_ms;
    assert_int_equal(tn_client_open(&options, &client), 0);
    return client;
}

/* Answers Get with the number in the name, and everything else fittingly. */
static void script_numbers(struct fake_conn *conn, void *arg)
{
    size_t *n_releases = arg;
    Tenure__V1__Request *request;
    char text[32];

    (void)fake_greet(conn, 0, 0);
    while ((request = fake_read(conn))) {
        switch (request->op_case) {
        case TENURE__V1__REQUEST__OP_GET:
            (void)snprintf(text, sizeof(text), "%.*s", (int)request->get->target->name.len,
                           (const char *)request->get->target->name.data);
            fake_answer_int(conn, request->id, strtol(text, NULL, 10));
            break;
        case TENURE__V1__REQUEST__OP_LOOKUP:
            fake_answer_handle(conn, request->id, 0x77, TENURE__V1__TYPE_TAG__TYPE_TAG_INT);
            break;
        case TENURE__V1__REQUEST__OP_RELEASE:
            if (n_releases)
                *n_releases += request->release->n_handles;
            fake_answer_count(conn, request->id, request->release->n_handles);
            break;
        default:
            fake_answer_ping(conn, request->id);
        }
    }
}

/* What callbacks saw. */
struct results {
    int64_t integers[4096];
    size_t n;
    int last_status;
    tn_values *values;
    int (*inside)(tn_client *client);
    int inside_result;
};

static void on_integer(tn_client *client, tn_reply *reply, void *arg)
{
    struct results *results = arg;
    tn_value value;

    results->last_status = tn_reply_status(reply);
    if (results->inside)
        results->inside_result = results->inside(client);
    if (results->last_status == 0 && tn_reply_value(reply, results->values, &value) == 0)
        (void)tn_value_as_int(value, &results->integers[results->n % 4096]);
    results->n++;
}

static int submit_number(tn_client *client, int number, struct results *results)
{
    char name[16];
    tn_op op;

    (void)snprintf(name, sizeof(name), "%d", number);
    op = tn_op_get(tn_named(name));
    return tn_client_submit(client, &op, on_integer, results);
}

static void test_answers_come_in_order_through_a_small_window(void **state)
{
    struct fake_server *server = fake_server_start(script_numbers, NULL);
    tn_client *client = connect_with(server, 16, 0);
    struct results *results = calloc(1, sizeof(*results));
    size_t n_full = 0;

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    assert_int_equal(tn_client_window(client), 16);
    for (int i = 0; i < 4096; i++) {
        int r;

        while ((r = submit_number(client, i, results)) == TN_EAGAIN) {
            n_full++;
            assert_int_equal(tn_client_in_flight(client), 16);
            assert_int_equal(tn_client_wait(client, 8), 0);
            assert_true(tn_client_in_flight(client) <= 8);
        }
        assert_int_equal(r, 0);
    }
    assert_int_equal(tn_client_wait(client, 0), 0);
    assert_true(n_full > 0);
    assert_int_equal(results->n, 4096);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(results->integers[i], i);
    assert_int_equal(tn_client_poll(client, TN_WAIT_FOREVER), 0); /* nothing to wait for */
    tn_client_close(&client);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

static int call_inside(tn_client *client)
{
    return tn_client_ping(client);
}

static int poll_inside(tn_client *client)
{
    return tn_client_poll(client, 0);
}

static int wait_inside(tn_client *client)
{
    return tn_client_wait(client, 0);
}

static int close_inside(tn_client *client)
{
    tn_client *copy = client;

    tn_client_close(&copy);
    return tn_client_ping(client);
}

static int submit_inside(tn_client *client)
{
    tn_op op = tn_op_init(TN_OP_PING);

    return tn_client_submit(client, &op, NULL, NULL);
}

static void test_callbacks_may_call_and_submit_but_not_poll(void **state)
{
    struct {
        int (*inside)(tn_client *client);
        int expected;
    } cases[] = { { call_inside, 0 },
                  { poll_inside, TN_EBUSY },
                  { wait_inside, TN_EBUSY },
                  { submit_inside, 0 } };
    struct fake_server *server = fake_server_start(script_numbers, NULL);
    tn_client *client = connect_with(server, 0, 0);
    struct results *results = calloc(1, sizeof(*results));

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        results->inside = cases[i].inside;
        results->n = 0;
        for (int j = 0; j < 10; j++)
            assert_int_equal(submit_number(client, j, results), 0);
        assert_int_equal(tn_client_wait(client, 0), 0);
        assert_int_equal(results->n, 10);
        assert_int_equal(results->inside_result, cases[i].expected);
        assert_int_equal(results->integers[9], 9);
    }
    tn_client_close(&client);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

static void test_a_callback_may_close_its_client(void **state)
{
    struct fake_server *server = fake_server_start(script_numbers, NULL);
    tn_client *client = connect_with(server, 0, 0);
    struct results *results = calloc(1, sizeof(*results));

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    results->inside = close_inside;
    for (int i = 0; i < 5; i++)
        assert_int_equal(submit_number(client, i, results), 0);
    assert_int_equal(tn_client_wait(client, 0), TN_ESESSION_LOST);
    assert_int_equal(results->n, 5); /* each was told exactly once */
    assert_int_equal(results->last_status, TN_ESESSION_LOST);
    assert_int_equal(results->inside_result, TN_ESESSION_LOST);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

static void test_a_call_that_waits_keeps_answers_for_later(void **state)
{
    struct fake_server *server = fake_server_start(script_numbers, NULL);
    tn_client *client = connect_with(server, 0, 0);
    struct results *results = calloc(1, sizeof(*results));
    tn_value value;
    int64_t integer = 0;

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    for (int i = 0; i < 100; i++)
        assert_int_equal(submit_number(client, i, results), 0);
    assert_int_equal(tn_client_get(client, tn_named("7"), NULL, results->values, &value), 0);
    assert_int_equal(tn_value_as_int(value, &integer), 0);
    assert_int_equal(integer, 7);
    assert_int_equal(results->n, 0); /* calls deliver nothing */
    assert_int_equal(tn_client_next_timeout(client), 0);
    assert_true(tn_client_poll(client, 0) > 0);
    assert_int_equal(results->n, 100);
    assert_int_equal(results->integers[99], 99);
    tn_client_close(&client);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

static void test_pending_requests_can_be_awaited_in_any_order(void **state)
{
    struct fake_server *server = fake_server_start(script_numbers, NULL);
    tn_client *client = connect_with(server, 0, 0);
    tn_values *values = tn_values_new();
    tn_pending *pending[10];

    (void)state;
    for (int i = 0; i < 10; i++) {
        char name[16];
        tn_op op;

        (void)snprintf(name, sizeof(name), "%d", i);
        op = tn_op_get(tn_named(name));
        assert_int_equal(tn_client_begin(client, &op, &pending[i]), 0);
        assert_false(tn_pending_is_done(pending[i]));
    }
    tn_pending_free(&pending[3]); /* nobody wants it any more */
    for (int i = 9; i >= 0; i--) {
        tn_reply *reply = NULL;
        tn_value value;
        int64_t integer = -1;

        if (i == 3)
            continue;
        assert_int_equal(tn_pending_wait(pending[i], &reply), 0);
        assert_true(tn_pending_is_done(pending[i]));
        assert_int_equal(tn_reply_value(reply, values, &value), 0);
        assert_int_equal(tn_value_as_int(value, &integer), 0);
        assert_int_equal(integer, i);
    }
    tn_client_close(&client);
    for (int i = 0; i < 10; i++)
        tn_pending_free(&pending[i]);
    assert_int_equal(tn_pending_wait(NULL, NULL), TN_EINVAL);
    tn_values_free(&values);
    fake_server_join(&server);
}

static void test_released_handles_are_told_together(void **state)
{
    size_t n_releases = 0;
    struct fake_server *server = fake_server_start(script_numbers, &n_releases);
    tn_client *client = connect_with(server, 0, 0);
    uint64_t count = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        tn_handle *handle = NULL;
        tn_op op = tn_op_lookup("x");
        tn_pending *pending = NULL;

        if (i % 2 == 0) { /* taken and released */
            assert_int_equal(tn_client_lookup(client, "x", &handle, NULL), 0);
            tn_handle_release(&handle);
        } else { /* never taken */
            assert_int_equal(tn_client_begin(client, &op, &pending), 0);
            assert_int_equal(tn_pending_wait(pending, NULL), 0);
            tn_pending_free(&pending);
        }
    }
    assert_int_equal(tn_client_release(client, &count), 0);
    assert_true(count >= 1);
    assert_int_equal(tn_client_release(client, &count), 0);
    assert_int_equal(count, 0);
    tn_client_close(&client);
    fake_server_join(&server);
    assert_int_equal(n_releases, 200);
}

/* ---- Deadlines and loss ---- */

/* Answers nothing until a ping comes, then everything in order. */
static void script_hold_back(struct fake_conn *conn, void *arg)
{
    uint64_t ids[64];
    size_t n = 0;
    Tenure__V1__Request *request;

    (void)arg;
    (void)fake_greet(conn, 0, 0);
    while ((request = fake_read(conn))) {
        if (request->op_case != TENURE__V1__REQUEST__OP_PING && n < 64) {
            ids[n++] = request->id;
            continue;
        }
        for (size_t i = 0; i < n; i++)
            fake_answer_handle(conn, ids[i], 100 + i, TENURE__V1__TYPE_TAG__TYPE_TAG_INT);
        n = 0;
        fake_answer_ping(conn, request->id);
    }
}

static void test_deadlines_of_submitted_requests_pass(void **state)
{
    struct fake_server *server = fake_server_start(script_hold_back, NULL);
    tn_client *client = connect_with(server, 0, 0);
    struct results *results = calloc(1, sizeof(*results));
    tn_op op = tn_op_lookup("x");
    tn_pending *pending = NULL;

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    op.timeout_ms = 20;
    assert_int_equal(tn_client_submit(client, &op, on_integer, results), 0);
    assert_int_equal(tn_client_submit(client, &op, on_integer, results), 0);
    assert_int_equal(tn_client_begin(client, &op, &pending), 0);
    assert_true(tn_client_next_timeout(client) <= 20);
    assert_int_equal(tn_pending_wait(pending, NULL), TN_ETIMEOUT);
    while (results->n < 2)
        assert_true(tn_client_poll(client, TN_WAIT_FOREVER) >= 0);
    assert_int_equal(results->last_status, TN_ETIMEOUT);
    assert_int_equal(tn_client_in_flight(client), 3); /* the server owes the answers */
    assert_int_equal(tn_client_wait(client, 0), TN_ETIMEOUT);

    assert_int_equal(tn_client_ping(client), 0); /* now they come, too late */
    assert_int_equal(tn_client_wait(client, 0), 0);
    assert_int_equal(results->n, 2);
    assert_int_equal(tn_client_next_timeout(client), TN_WAIT_FOREVER);
    tn_pending_free(&pending);
    tn_client_close(&client);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

/* Answers three, then breaks off in the middle of the fourth. */
static void script_break_off(struct fake_conn *conn, void *arg)
{
    Tenure__V1__Request *request;

    (void)arg;
    (void)fake_greet(conn, 0, 0);
    for (int i = 0; i < 3 && (request = fake_read(conn)); i++)
        fake_answer_int(conn, request->id, i);
    if (fake_read(conn))
        fake_send_raw(conn, "\x20\x08", 2);
}

static void test_a_loss_ends_everything_in_flight(void **state)
{
    struct fake_server *server = fake_server_start(script_break_off, NULL);
    tn_client *client = connect_with(server, 0, 0);
    struct results *results = calloc(1, sizeof(*results));
    tn_pending *pending = NULL;
    tn_reply *reply = NULL;
    tn_op op = tn_op_get(tn_named("1"));

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    for (int i = 0; i < 10; i++)
        assert_int_equal(submit_number(client, i, results), 0);
    assert_int_equal(tn_client_begin(client, &op, &pending), 0);
    assert_int_equal(tn_client_wait(client, 0), 0); /* everything has ended */
    assert_int_equal(results->n, 10);
    assert_int_equal(results->last_status, TN_ESESSION_LOST);
    assert_int_equal(results->integers[2], 2);
    assert_true(tn_pending_is_done(pending));
    assert_int_equal(tn_client_wait(client, 0), TN_ESESSION_LOST);
    tn_client_close(&client);
    assert_int_equal(tn_pending_wait(pending, &reply), TN_ESESSION_LOST);
    assert_non_null(strstr(tn_reply_error(reply)->message, "in the middle of an answer"));
    tn_pending_free(&pending);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

static void test_closing_tells_every_callback(void **state)
{
    struct fake_server *server = fake_server_start(script_hold_back, NULL);
    tn_client *client = connect_with(server, 0, 0);
    struct results *results = calloc(1, sizeof(*results));

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    for (int i = 0; i < 7; i++)
        assert_int_equal(submit_number(client, i, results), 0);
    tn_client_close(&client);
    assert_int_equal(results->n, 7);
    assert_int_equal(results->last_status, TN_ESESSION_LOST);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

static void test_an_event_loop_of_ones_own_can_drive_it(void **state)
{
    struct fake_server *server = fake_server_start(script_numbers, NULL);
    tn_client *client = connect_with(server, 0, 1000);
    struct results *results = calloc(1, sizeof(*results));

    (void)state;
    assert_non_null(results);
    results->values = tn_values_new();
    for (int i = 0; i < 50; i++)
        assert_int_equal(submit_number(client, i, results), 0);
    assert_true(tn_client_wants_write(client));
    while (results->n < 50) {
        struct pollfd watched = { .fd = tn_client_fd(client), .events = POLLIN };

        if (tn_client_wants_write(client))
            watched.events |= POLLOUT;
        assert_true(poll(&watched, 1, (int)tn_client_next_timeout(client)) >= 0);
        assert_true(tn_client_poll(client, 0) >= 0);
    }
    assert_int_equal(results->integers[49], 49);
    assert_false(tn_client_wants_write(client));
    tn_client_close(&client);
    tn_values_free(&results->values);
    free(results);
    fake_server_join(&server);
}

/* ---- Iterators ---- */

#define N_NAMES 1200

/* Pages of 500 names, of which some are empty although more follow. */
static void script_names(struct fake_conn *conn, void *arg)
{
    Tenure__V1__Request *request;

    (void)arg;
    (void)fake_greet(conn, 0, 0);
    while ((request = fake_read(conn))) {
        Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
        Tenure__V1__ScanNamesResponse page = TENURE__V1__SCAN_NAMES_RESPONSE__INIT;
        static Tenure__V1__NameEntry entries[500];
        static Tenure__V1__NameEntry *pointers[500];
        static char texts[500][16];
        uint64_t cursor;

        if (request->op_case != TENURE__V1__REQUEST__OP_SCAN_NAMES) {
            fake_answer_ping(conn, request->id);
            continue;
        }
        cursor = request->scan_names->cursor;
        if (cursor % 2 == 1) { /* an empty page */
            page.cursor = cursor + 1;
        } else {
            for (uint64_t i = cursor / 2 * 500; i < N_NAMES && page.n_names < 500; i++) {
                Tenure__V1__NameEntry *entry = &entries[page.n_names];

                tenure__v1__name_entry__init(entry);
                (void)snprintf(
                    texts[page.n_names], 16, "%.*s%llu", (int)request->scan_names->prefix.len,
                    (const char *)request->scan_names->prefix.data, (unsigned long long)i);
                entry->name.data = (uint8_t *)texts[page.n_names];
                entry->name.len = strlen(texts[page.n_names]);
                entry->type = TENURE__V1__TYPE_TAG__TYPE_TAG_LIST;
                entry->version = i;
                pointers[page.n_names++] = entry;
            }
            page.cursor = cursor / 2 * 500 + page.n_names < N_NAMES ? cursor + 1 : 0;
        }
        page.names = pointers;
        response.id = request->id;
        response.result_case = TENURE__V1__RESPONSE__RESULT_SCAN_NAMES;
        response.scan_names = &page;
        fake_answer(conn, &response);
    }
}

static void test_names_come_page_by_page(void **state)
{
    struct fake_server *server = fake_server_start(script_names, NULL);
    tn_client *client = connect_with(server, 0, 0);
    tn_name_iter *iter = NULL;
    tn_name_entry entry;
    char expected[16];
    int r;
    int n = 0;

    (void)state;
    assert_int_equal(tn_name_iter_open(client, "pkg/", &iter), 0);
    while ((r = tn_name_iter_next(iter, &entry)) == 1) {
        (void)snprintf(expected, sizeof(expected), "pkg/%d", n);
        assert_string_equal(entry.name, expected);
        assert_int_equal(entry.name_len, strlen(expected));
        assert_int_equal(entry.type, TN_KIND_LIST);
        assert_int_equal(entry.version, n);
        if (n++ % 100 == 0)
            assert_int_equal(tn_client_ping(client), 0); /* other calls do not disturb it */
    }
    assert_int_equal(r, 0);
    assert_int_equal(n, N_NAMES);
    assert_int_equal(tn_name_iter_next(iter, &entry), 0);
    tn_client_close(&client);
    tn_name_iter_close(&iter);
    tn_name_iter_close(&iter);
    fake_server_join(&server);
}

/* ---- Batches ---- */

struct batch_seen {
    size_t n_steps;
    uint32_t step_of_target;
    uint8_t kind_of_value;
    bool keep_going;
    bool is_put_first;
};

/* Fails the second step, and aborts the third. */
static void script_batch(struct fake_conn *conn, void *arg)
{
    struct batch_seen *seen = arg;
    Tenure__V1__Request *request;

    (void)fake_greet(conn, 0, 0);
    while ((request = fake_read(conn))) {
        Tenure__V1__Response response = TENURE__V1__RESPONSE__INIT;
        Tenure__V1__BatchResponse batch = TENURE__V1__BATCH_RESPONSE__INIT;
        Tenure__V1__StepResult results[3] = { TENURE__V1__STEP_RESULT__INIT,
                                              TENURE__V1__STEP_RESULT__INIT,
                                              TENURE__V1__STEP_RESULT__INIT };
        Tenure__V1__StepResult *pointers[3] = { &results[0], &results[1], &results[2] };
        Tenure__V1__ObjectResponse object = TENURE__V1__OBJECT_RESPONSE__INIT;
        Tenure__V1__Status refused = TENURE__V1__STATUS__INIT;
        Tenure__V1__Status aborted = TENURE__V1__STATUS__INIT;
        const Tenure__V1__BatchRequest *from;

        if (request->op_case != TENURE__V1__REQUEST__OP_BATCH) {
            fake_answer_count(conn, request->id, 0);
            continue;
        }
        from = request->batch;
        seen->n_steps = from->n_steps;
        seen->keep_going = from->keep_going;
        if (from->n_steps == 3) {
            seen->is_put_first = from->steps[0]->op_case == TENURE__V1__STEP__OP_PUT;
            seen->step_of_target = from->steps[1]->bind->target->step;
            seen->kind_of_value = from->steps[2]->list_append->value->kinds.data[0];
        }
        object.handle = 0x55;
        object.type = TENURE__V1__TYPE_TAG__TYPE_TAG_LIST;
        results[0].result_case = TENURE__V1__STEP_RESULT__RESULT_OBJECT;
        results[0].object = &object;
        refused.code = TN_CODE_FAILED_PRECONDITION;
        refused.reason = (char *)(uintptr_t) "PRECONDITION_FAILED";
        refused.message = (char *)(uintptr_t) "The name is bound.";
        results[1].status = &refused;
        aborted.code = TN_CODE_ABORTED;
        aborted.reason = (char *)(uintptr_t) "STEP_FAILED";
        aborted.message = (char *)(uintptr_t) "An earlier step failed.";
        results[2].status = &aborted;
        batch.results = pointers;
        batch.n_results = from->n_steps < 3 ? from->n_steps : 3;
        response.id = request->id;
        response.result_case = TENURE__V1__RESPONSE__RESULT_BATCH;
        response.batch = &batch;
        fake_answer(conn, &response);
    }
}

static void test_batches_refer_to_their_steps(void **state)
{
    struct batch_seen seen = { .n_steps = 0 };
    struct fake_server *server = fake_server_start(script_batch, &seen);
    tn_client *client = connect_with(server, 0, 0);
    tn_values *values = tn_values_new();
    tn_batch *batch = tn_batch_new(client);
    tn_reply *reply = NULL;
    tn_handle *handle = NULL;
    tn_op op;

    (void)state;
    op = tn_op_put(tn_value_list(values));
    assert_int_equal(tn_batch_add(batch, &op), 0);
    op = tn_op_bind("x", tn_of_step(0));
    assert_int_equal(tn_batch_add(batch, &op), 1);
    op = tn_op_init(TN_OP_LIST_APPEND);
    op.target = tn_named("x");
    op.value = tn_value_result(values, 0);
    assert_int_equal(tn_batch_add(batch, &op), 2);
    tn_values_free(&values); /* everything has been copied */
    tn_batch_set_keep_going(batch, true);
    assert_int_equal(tn_batch_len(batch), 3);

    assert_int_equal(tn_client_run(client, batch, &reply), TN_EPRECONDITION);
    assert_string_equal(tn_client_error(client)->message, "Step 1: The name is bound.");
    assert_string_equal(tn_client_error(client)->reason, "PRECONDITION_FAILED");
    assert_int_equal(tn_reply_n_steps(reply), 3);
    assert_int_equal(tn_reply_handle(tn_reply_step(reply, 0), &handle, NULL), 0);
    assert_int_equal(tn_handle_kind(handle), TN_KIND_LIST);
    assert_int_equal(tn_reply_handle(tn_reply_step(reply, 0), &handle, NULL), TN_EINVAL);
    assert_int_equal(tn_reply_status(tn_reply_step(reply, 2)), TN_EABORTED);
    assert_null(tn_reply_step(reply, 3));
    tn_handle_release(&handle);

    tn_batch_clear(batch); /* a step that cannot be made spoils the batch, not the client */
    op = tn_op_bind("x", tn_of_step(0));
    assert_int_equal(tn_batch_add(batch, &op), TN_EINVAL);
    op = tn_op_lookup("x");
    assert_int_equal(tn_batch_add(batch, &op), TN_EINVAL);
    assert_int_equal(tn_client_run(client, batch, &reply), TN_EINVAL);
    assert_non_null(strstr(tn_client_error(client)->message, "Step 0 (bind)"));
    assert_null(reply);
    assert_int_equal(tn_client_release(client, NULL), 0);
    tn_client_close(&client);
    tn_batch_free(&batch);
    fake_server_join(&server);
    assert_int_equal(seen.n_steps, 3);
    assert_true(seen.is_put_first);
    assert_true(seen.keep_going);
    assert_int_equal(seen.step_of_target, 1);
    assert_int_equal(seen.kind_of_value, TENURE__V1__NODE_KIND__NODE_KIND_RESULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_come_in_order_through_a_small_window),
        cmocka_unit_test(test_callbacks_may_call_and_submit_but_not_poll),
        cmocka_unit_test(test_a_callback_may_close_its_client),
        cmocka_unit_test(test_a_call_that_waits_keeps_answers_for_later),
        cmocka_unit_test(test_pending_requests_can_be_awaited_in_any_order),
        cmocka_unit_test(test_released_handles_are_told_together),
        cmocka_unit_test(test_deadlines_of_submitted_requests_pass),
        cmocka_unit_test(test_a_loss_ends_everything_in_flight),
        cmocka_unit_test(test_closing_tells_every_callback),
        cmocka_unit_test(test_an_event_loop_of_ones_own_can_drive_it),
        cmocka_unit_test(test_names_come_page_by_page),
        cmocka_unit_test(test_batches_refer_to_their_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
