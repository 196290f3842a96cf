/* SPDX-License-Identifier: MIT */
/*
 * Without memory: the first, second, third... allocation of libtenure fails, until
 * everything succeeds. Each time it must say so, leak nothing, and go on.
 *
 * The allocator is replaced for this thread only; sanitizers replace it themselves,
 * and the optimiser may leave out what it can see to be freed again, so with them
 * there is nothing to do here.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tenure/tenure.h>

#include "core/base/attr.h"
#include "tests/support/fake_server.h"

#if !TN_ASAN && !TN_TSAN && TN_DEBUG

#define ALWAYS_SUCCEED LONG_MAX

/* So that the C library uses these, too, as in strdup(). */
#define REPLACES_LIBC __attribute__((visibility("default")))

static _Thread_local bool is_counted;
static _Thread_local long n_until_failure;
static _Thread_local long n_live; /* allocations of this thread that are not freed */

/* NOLINTBEGIN(readability-identifier-naming): the C library's names */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *memory);
/* NOLINTEND(readability-identifier-naming) */

static bool fails_now(void)
{
    if (!is_counted || n_until_failure-- > 0)
        return false;
    n_until_failure = 0; /* and so do all that follow */
    errno = ENOMEM;
    return true;
}

static void *count(void *memory)
{
    if (is_counted && memory)
        n_live++;
    return memory;
}

REPLACES_LIBC void *malloc(size_t size)
{
    return fails_now() ? NULL : count(__libc_malloc(size));
}

REPLACES_LIBC void *calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : count(__libc_calloc(n, size));
}

REPLACES_LIBC void *realloc(void *old, size_t size)
{
    if (fails_now())
        return NULL;
    return old ? __libc_realloc(old, size) : count(__libc_realloc(old, size));
}

REPLACES_LIBC void *reallocarray(void *old, size_t n, size_t size)
{
    return realloc(old, n * size); /* nobody here overflows */
}

REPLACES_LIBC void free(void *memory)
{
    if (is_counted && memory)
        n_live--;
    __libc_free(memory);
}

/* Answers everything with what fits, and values with a list that has a handle. */
static void script(struct fake_conn *conn, void *arg)
{
    Tenure__V1__Request *request;

    (void)arg;
    if (!fake_greet(conn, 0, 64))
        return;
    while ((request = fake_read(conn))) {
        uint8_t kinds[] = { TENURE__V1__NODE_KIND__NODE_KIND_STR,
                            TENURE__V1__NODE_KIND__NODE_KIND_HANDLE,
                            TENURE__V1__NODE_KIND__NODE_KIND_LIST };
        uint8_t text[] = "text";
        uint32_t sizes[] = { 4, 2 };
        uint32_t items[] = { 0, 1 };
        uint64_t handles[] = { 0x42 };
        uint8_t types[] = { TENURE__V1__TYPE_TAG__TYPE_TAG_DICT };
        Tenure__V1__Value value = TENURE__V1__VALUE__INIT;

        value.kinds.data = kinds;
        value.kinds.len = sizeof(kinds);
        value.data.data = text;
        value.data.len = 4;
        value.sizes = sizes;
        value.n_sizes = 2;
        value.items = items;
        value.n_items = 2;
        value.handles = handles;
        value.n_handles = 1;
        value.handle_types.data = types;
        value.handle_types.len = 1;
        switch (request->op_case) {
        case TENURE__V1__REQUEST__OP_SET:
            fake_answer_name(conn, request->id, 1, false, request->set->handle ? 0x43 : 0);
            break;
        case TENURE__V1__REQUEST__OP_GET:
            fake_answer_value(conn, request->id, &value);
            break;
        case TENURE__V1__REQUEST__OP_RELEASE:
            fake_answer_count(conn, request->id, request->release->n_handles);
            break;
        default:
            fake_answer_ping(conn, request->id);
        }
    }
}

static void on_reply(tn_client *client, tn_reply *reply, void *arg)
{
    int *n = arg;

    (void)client;
    (void)tn_reply_status(reply); /* success or not */
    ++*n;
}

/* One of everything. Returns the first error. */
static int use_client(tn_client *client)
{
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    TN_BATCH_CLEANUP tn_batch *batch = NULL;
    TN_PENDING_CLEANUP tn_pending *pending = NULL;
    TN_NAME_ITER_CLEANUP tn_name_iter *iter = NULL;
    tn_value list = tn_value_list(values);
    tn_value got;
    tn_op op = tn_op_get(tn_named("x"));
    tn_reply *reply = NULL;
    int n = 0;
    int r;

    for (int i = 0; i < 40; i++)
        tn_value_append(list, tn_value_str(values, "an item"));
    r = tn_client_set_if(client, "x", list, NULL, NULL, &handle);
    if (r == 0)
        r = tn_client_get(client, tn_held(handle), NULL, values, &got);
    if (r == 0)
        tn_value_append(got, list);
    if (r == 0)
        r = tn_values_error(values);
    if (r == 0)
        r = tn_client_begin(client, &op, &pending);
    if (r == 0)
        r = tn_pending_wait(pending, &reply);
    if (r == 0)
        r = tn_reply_value(reply, values, &got);
    if (r == 0)
        r = tn_client_submit(client, &op, on_reply, &n);
    if (r == 0)
        r = tn_client_ping(client); /* the answer above is kept for later */
    if (r == 0)
        r = tn_client_wait(client, 0);
    if (r == 0)
        assert_int_equal(n, 1);
    if (r == 0) {
        batch = tn_batch_new(client);
        r = batch ? 0 : TN_ENOMEM;
    }
    op.target = tn_held(handle);
    if (r == 0)
        r = tn_batch_add(batch, &op);
    if (r == 0)
        r = tn_name_iter_open(client, "prefix", &iter);
    return r;
}

static void test_every_allocation_may_fail(void **state)
{
    long n_failed = 0;
    int r = TN_ENOMEM;

    (void)state;
    for (long n = 0; r < 0; n++) {
        struct fake_server *server = fake_server_start(script, NULL);
        tn_client_options options = TN_CLIENT_OPTIONS_INIT;
        tn_client *client = NULL;
        int later = 0;

        assert_true(n < 1000);
        options.endpoint = fake_server_endpoint(server);
        n_live = 0;
        n_until_failure = n;
        is_counted = true;
        r = tn_client_open(&options, &client);
        if (r == 0) {
            r = use_client(client);
            n_until_failure = ALWAYS_SUCCEED;
            later = tn_client_ping(client);
        }
        n_until_failure = ALWAYS_SUCCEED;
        tn_client_close(&client);
        is_counted = false;

        if (r < 0) {
            n_failed++;
            /* An answer that found no room ends the session, or opening it. */
            if (r != TN_ENOMEM)
                assert_true(r == TN_ESESSION_LOST || r == TN_ECONNECT);
            if (r == TN_ENOMEM)
                assert_int_equal(later, 0);
        }
        assert_int_equal(n_live, 0);
        fake_server_join(&server);
    }
    assert_true(n_failed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0;
}

#endif
