/* SPDX-License-Identifier: MIT */
/* Weakrefs, and names that go by themselves, through a server and libtenure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <tenure/tenure.h>
#include <cmocka.h>

#include "tests/support/command.h"
#include "tests/support/server_fixture.h"

#define IMAGE_CACHE TN_TEST_EXAMPLES_DIR "/image_cache"

struct fixture {
    struct server_fixture server;
    tn_client *a;
    tn_client *b;
    tn_values *values;
};

static tn_client *open_client(const struct fixture *f)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;

    options.endpoint = f->server.endpoint;
    if (tn_client_open(&options, &client) < 0)
        fail_msg("%s", tn_client_error(client)->message);
    return client;
}

static void setup(struct fixture *f, int mode, const char *const *options)
{
    server_fixture_start(&f->server, (enum tn_mode)mode, options);
    f->a = open_client(f);
    f->b = open_client(f);
    f->values = tn_values_new();
}

static void teardown(struct fixture *f)
{
    tn_values_free(&f->values);
    tn_client_close(&f->a);
    tn_client_close(&f->b);
    server_fixture_stop(&f->server);
}

static void in_all_modes(void (*test)(struct fixture *f))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;

        setup(&f, mode, NULL);
        test(&f);
        teardown(&f);
    }
}

static void expect_ok(tn_client *client, int r)
{
    if (r < 0)
        fail_msg("%s", tn_client_error(client)->message);
}

static tn_value list_of(struct fixture *f, int64_t item)
{
    tn_value list = tn_value_list(f->values);

    assert_int_equal(tn_value_append(list, tn_value_int(f->values, item)), 0);
    return list;
}

static tn_lifetime lifetime_of(tn_bind_kind kind, uint64_t ttl_ms)
{
    tn_lifetime lifetime = TN_LIFETIME_INIT;

    lifetime.kind = kind;
    lifetime.ttl_ms = ttl_ms;
    return lifetime;
}

static uint64_t identity_of(tn_client *client, tn_target target)
{
    tn_description d = TN_DESCRIPTION_INIT;

    expect_ok(client, tn_client_describe(client, target, false, 0, &d));
    return d.identity;
}

static tn_kind deref_kind(struct fixture *f, tn_client *client, const tn_handle *weakref)
{
    tn_value value;

    expect_ok(client, tn_client_deref(client, tn_held(weakref), NULL, f->values, &value));
    return tn_value_kind(value);
}

/* The death of an object may be for another worker to see to. */
static void await_dead(struct fixture *f, tn_client *client, const tn_handle *weakref)
{
    while (deref_kind(f, client, weakref) != TN_KIND_NONE)
        tn_values_clear(f->values);
}

static void await_unbound(tn_client *client, const char *name)
{
    tn_handle *handle = NULL;
    int r;

    while ((r = tn_client_lookup(client, name, &handle, NULL)) == 0) {
        tn_handle_release(&handle);
        expect_ok(client, tn_client_release(client, NULL));
    }
    assert_int_equal(r, TN_ENAME);
}

/* ---- Weakrefs ---- */

static void weakref(struct fixture *f)
{
    tn_want handle = TN_WANT_INIT;
    tn_handle *first = NULL;
    tn_handle *second = NULL;
    tn_value value;

    expect_ok(f->a, tn_client_set(f->a, "x", list_of(f, 7)));
    expect_ok(f->a, tn_client_weakref(f->a, tn_named("x"), &first));
    assert_int_equal(tn_handle_kind(first), TN_KIND_WEAKREF);
    /* One for all: also from another session and worker. */
    expect_ok(f->b, tn_client_weakref(f->b, tn_named("x"), &second));
    assert_int_equal(identity_of(f->a, tn_held(first)), identity_of(f->b, tn_held(second)));

    expect_ok(f->b, tn_client_deref(f->b, tn_held(second), NULL, f->values, &value));
    assert_int_equal(tn_value_len(value), 1);
    handle.handle = true;
    expect_ok(f->b, tn_client_deref(f->b, tn_held(second), &handle, f->values, &value));
    assert_int_equal(identity_of(f->b, tn_held(tn_value_as_handle(value))),
                     identity_of(f->b, tn_named("x")));
    tn_values_clear(f->values); /* lets go of the handle */
    expect_ok(f->b, tn_client_release(f->b, NULL));

    expect_ok(f->a, tn_client_unbind(f->a, "x"));
    await_dead(f, f->a, first);
    await_dead(f, f->b, second);
    expect_ok(f->b, tn_client_deref(f->b, tn_held(second), &handle, f->values, &value));
    assert_int_equal(tn_value_kind(value), TN_KIND_NONE);
    tn_handle_release(&first);
    tn_handle_release(&second);
}

static void test_weakref_gives_the_object_until_it_is_gone(void **state)
{
    (void)state;
    in_all_modes(weakref);
}

static void in_a_container(struct fixture *f)
{
    tn_handle *handle = NULL;
    tn_value value;
    tn_value list;

    expect_ok(f->a, tn_client_set(f->a, "x", list_of(f, 7)));
    expect_ok(f->a, tn_client_weakref(f->a, tn_named("x"), &handle));
    list = tn_value_list(f->values);
    assert_int_equal(tn_value_append(list, tn_value_handle(f->values, handle)), 0);
    assert_int_equal(tn_value_append(list, tn_value_handle(f->values, handle)), 0);
    expect_ok(f->a, tn_client_set(f->a, "refs", list));
    tn_handle_release(&handle);
    expect_ok(f->a, tn_client_get(f->a, tn_named("refs"), NULL, f->values, &value));
    assert_int_equal(tn_value_len(value), 2);
    assert_int_equal(tn_value_kind(tn_value_item(value, 1)), TN_KIND_HANDLE);
    assert_int_equal(tn_handle_kind(tn_value_as_handle(tn_value_item(value, 1))), TN_KIND_WEAKREF);
    assert_int_equal(deref_kind(f, f->a, tn_value_as_handle(tn_value_item(value, 0))),
                     TN_KIND_LIST);
    expect_ok(f->a, tn_client_unbind(f->a, "x"));
    await_dead(f, f->a, tn_value_as_handle(tn_value_item(value, 0)));
    expect_ok(f->a, tn_client_unbind(f->a, "refs"));
}

static void test_weakref_in_a_container_comes_as_a_handle(void **state)
{
    (void)state;
    in_all_modes(in_a_container);
}

static void refused(struct fixture *f)
{
    tn_lifetime weak = lifetime_of(TN_BIND_WEAK, 0);
    tn_lifetime unknown = lifetime_of((tn_bind_kind)7, 0);
    tn_lifetime too_long = lifetime_of(TN_BIND_SOFT, UINT64_MAX);
    tn_handle *handle = NULL;
    tn_handle *other = NULL;
    tn_value value;

    expect_ok(f->a, tn_client_set(f->a, "s", tn_value_str(f->values, "text")));
    assert_int_equal(tn_client_weakref(f->a, tn_named("s"), &handle), TN_ETYPE);
    assert_non_null(strstr(tn_client_error(f->a)->message, "of type str"));
    assert_int_equal(tn_client_bind_as(f->a, "t", tn_named("s"), &weak, NULL, NULL), TN_ETYPE);
    assert_int_equal(tn_client_weakref(f->a, tn_named("none"), &handle), TN_ENAME);
    assert_int_equal(tn_client_deref(f->a, tn_named("s"), NULL, f->values, &value), TN_ETYPE);
    assert_int_equal(tn_client_set_as(f->a, "l", list_of(f, 1), &weak, NULL, NULL, NULL),
                     TN_EINVAL);
    assert_non_null(strstr(tn_client_error(f->a)->message, "handle"));
    assert_int_equal(tn_client_set_as(f->a, "l", list_of(f, 1), &unknown, NULL, NULL, NULL),
                     TN_EINVAL);
    assert_int_equal(tn_client_set_as(f->a, "l", list_of(f, 1), &too_long, NULL, NULL, NULL),
                     TN_EINVAL);
    assert_int_equal(tn_client_set_ttl(f->a, "none", 5, NULL), TN_ENAME);
    assert_int_equal(tn_client_set_ttl(f->a, "s", UINT64_MAX, NULL), TN_EINVAL);
    weak.struct_size = 0;
    assert_int_equal(tn_client_bind_as(f->a, "t", tn_named("s"), &weak, NULL, NULL), TN_EINVAL);

    expect_ok(f->a, tn_client_put(f->a, list_of(f, 2), &handle));
    expect_ok(f->a, tn_client_weakref(f->a, tn_held(handle), &other));
    assert_int_equal(tn_client_weakref(f->a, tn_held(other), &handle), TN_ETYPE);
    tn_handle_release(&handle);
    tn_handle_release(&other);
    expect_ok(f->a, tn_client_unbind(f->a, "s"));
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    in_all_modes(refused);
}

/* ---- Names ---- */

static void weak_name(struct fixture *f)
{
    tn_lifetime weak = lifetime_of(TN_BIND_WEAK, 0);
    tn_description d = TN_DESCRIPTION_INIT;
    tn_handle *mine = NULL;
    tn_handle *theirs = NULL;

    expect_ok(f->a, tn_client_set_as(f->a, "w", list_of(f, 1), &weak, NULL, NULL, &mine));
    expect_ok(f->b, tn_client_lookup(f->b, "w", &theirs, NULL));
    expect_ok(f->b, tn_client_describe(f->b, tn_named("w"), false, 0, &d));
    assert_int_equal(d.type, TN_KIND_LIST);
    assert_int_equal(d.name_kind, TN_BIND_WEAK);
    tn_handle_release(&mine);
    expect_ok(f->a, tn_client_release(f->a, NULL));
    /* It is still held by the other one, so the name is there. */
    expect_ok(f->a, tn_client_list_append(f->a, tn_named("w"), tn_value_int(f->values, 2), NULL));
    tn_handle_release(&theirs);
    expect_ok(f->b, tn_client_release(f->b, NULL));
    await_unbound(f->a, "w");

    /* A session that ends lets go as well. */
    expect_ok(f->a, tn_client_set_as(f->a, "w", list_of(f, 1), &weak, NULL, NULL, &mine));
    tn_client_close(&f->a);
    tn_handle_release(&mine);
    await_unbound(f->b, "w");
}

static void test_weak_name_lasts_as_long_as_somebody_holds_the_object(void **state)
{
    (void)state;
    in_all_modes(weak_name);
}

static void listed(struct fixture *f)
{
    tn_lifetime soft = lifetime_of(TN_BIND_SOFT, 3600000);
    tn_lifetime plain = lifetime_of(TN_BIND_STRONG, 0);
    tn_name_iter *iter = NULL;
    tn_name_entry entry;
    tn_binding binding;
    int n = 0;

    expect_ok(f->a,
              tn_client_set_as(f->a, "n", tn_value_int(f->values, 5), &soft, NULL, &binding, NULL));
    expect_ok(f->a, tn_client_bind_as(f->a, "m", tn_named("n"), &plain, NULL, NULL));
    expect_ok(f->a, tn_name_iter_open(f->a, NULL, &iter));
    while (tn_name_iter_next(iter, &entry) == 1) {
        bool is_soft = strcmp(entry.name, "n") == 0;

        assert_int_equal(entry.kind, is_soft ? TN_BIND_SOFT : TN_BIND_STRONG);
        assert_int_equal(entry.ttl_ms > 0, is_soft);
        assert_true(entry.ttl_ms <= 3600000);
        n++;
    }
    assert_int_equal(n, 2);
    tn_name_iter_close(&iter);
    expect_ok(f->a, tn_client_set_ttl(f->a, "n", 0, &binding));
    assert_true(binding.existed);
    expect_ok(f->a, tn_client_unbind(f->a, "n"));
    expect_ok(f->a, tn_client_unbind(f->a, "m"));
}

static void test_kind_and_ttl_are_listed(void **state)
{
    (void)state;
    in_all_modes(listed);
}

static bool has_one_name(struct tn_census *census, void *arg)
{
    (void)arg;
    return census->n_names == 1;
}

static void expiry(struct fixture *f)
{
    tn_lifetime brief = lifetime_of(TN_BIND_STRONG, 30);
    tn_info *info = NULL;
    char name[32];

    expect_ok(f->a, tn_client_set(f->a, "stays", list_of(f, 1)));
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof(name), "brief-%d", i);
        expect_ok(f->a, tn_client_set_as(f->a, name, list_of(f, i), &brief, NULL, NULL, NULL));
        tn_values_clear(f->values);
    }
    await_unbound(f->a, "brief-1");                       /* somebody looks it up */
    server_fixture_await(&f->server, has_one_name, NULL); /* nobody looks the others up */
    expect_ok(f->a, tn_client_info(f->a, &info));
    assert_int_equal(info->names_gone, 500);
    assert_int_equal(info->names_dropped, 0);
    tn_info_free(&info);
    expect_ok(f->a, tn_client_unbind(f->a, "stays"));
}

static void test_names_with_ttl_go_without_being_looked_up(void **state)
{
    (void)state;
    in_all_modes(expiry);
}

/* Steps can be all of it, and keep what they return until the batch ends. */
static void batch(struct fixture *f)
{
    tn_batch *steps = tn_batch_new(f->a);
    tn_lifetime weak = lifetime_of(TN_BIND_WEAK, 0);
    tn_op op = tn_op_set("w", list_of(f, 1));
    tn_reply *reply = NULL;
    tn_value value;
    int set, made, got;

    op.lifetime = &weak;
    set = tn_batch_add(steps, &op);
    op = tn_op_init(TN_OP_WEAKREF_NEW);
    op.target = tn_of_step(set);
    made = tn_batch_add(steps, &op);
    op = tn_op_bind("r", tn_of_step(made));
    assert_true(tn_batch_add(steps, &op) >= 0);
    op = tn_op_init(TN_OP_WEAKREF_GET);
    op.target = tn_of_step(made);
    got = tn_batch_add(steps, &op);
    op = tn_op_init(TN_OP_SET_TTL);
    op.name = "w";
    op.lifetime = &weak;
    assert_true(tn_batch_add(steps, &op) >= 0);
    expect_ok(f->a, tn_client_run(f->a, steps, &reply));
    assert_int_equal(tn_reply_value(tn_reply_step(reply, (size_t)got), f->values, &value), 0);
    assert_int_equal(tn_value_len(value), 1);
    tn_batch_free(&steps);
    await_unbound(f->a, "w");
    expect_ok(f->a, tn_client_deref(f->a, tn_named("r"), NULL, f->values, &value));
    assert_int_equal(tn_value_kind(value), TN_KIND_NONE);
    expect_ok(f->a, tn_client_unbind(f->a, "r"));
}

static void test_steps_of_a_batch(void **state)
{
    (void)state;
    in_all_modes(batch);
}

/* ---- When memory is short ---- */

static void count_names(struct fixture *f, const char *prefix, int *ret_n)
{
    tn_name_iter *iter = NULL;
    tn_name_entry entry;

    *ret_n = 0;
    expect_ok(f->a, tn_name_iter_open(f->a, prefix, &iter));
    while (tn_name_iter_next(iter, &entry) == 1)
        ++*ret_n;
    tn_name_iter_close(&iter);
}

/* Twice as much as the heap holds, then strong names until it is full of them. */
static void cache_in_a_full_heap(struct fixture *f)
{
    static const char content[3000];
    tn_lifetime soft = lifetime_of(TN_BIND_SOFT, 0);
    tn_info *info = NULL;
    char name[32];
    int n_soft, n_strong, n_set;
    int r;

    for (int i = 0; i < 16000; i++) {
        tn_client *client = i % 2 == 0 ? f->a : f->b;

        (void)snprintf(name, sizeof(name), "soft-%d", i);
        expect_ok(client, tn_client_set_as(client, name,
                                           tn_value_bytes(f->values, content, sizeof(content)),
                                           &soft, NULL, NULL, NULL));
        tn_values_clear(f->values);
    }
    count_names(f, "soft-", &n_soft);
    assert_in_range(n_soft, 2000, 15000);
    expect_ok(f->a, tn_client_info(f->a, &info));
    assert_int_equal(info->names_dropped, 16000 - n_soft);
    tn_info_free(&info);

    for (n_set = 0;; n_set++) {
        (void)snprintf(name, sizeof(name), "strong-%d", n_set);
        r = tn_client_set(f->a, name, tn_value_bytes(f->values, content, sizeof(content)));
        tn_values_clear(f->values);
        if (r < 0)
            break;
    }
    assert_int_equal(r, TN_EMEMORY);
    assert_true(n_set > 2000);
    count_names(f, "soft-", &n_soft);
    assert_int_equal(n_soft, 0);
    count_names(f, "strong-", &n_strong);
    assert_int_equal(n_strong, n_set);
    for (int i = 0; i < n_set; i++) {
        (void)snprintf(name, sizeof(name), "strong-%d", i);
        expect_ok(f->a, tn_client_unbind(f->a, name));
    }
}

static void test_soft_names_are_dropped_before_anything_is_refused(void **state)
{
    static const char *const options[] = { "max-memory", "24mb", NULL };

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct fixture f;

        setup(&f, mode, options);
        cache_in_a_full_heap(&f);
        teardown(&f);
    }
}

/* ---- The example ---- */

struct counts {
    int n_requests;
    int n_hits;
    int n_misses;
    int n_vanished;
    int n_cached;
};

static struct counts run_image_cache(const struct fixture *f, const char *option)
{
    const char *args[] = { option != NULL ? option : "400", option != NULL ? "400" : NULL, NULL };
    struct command_result result = command_run(IMAGE_CACHE, args, f->server.endpoint, NULL);
    struct counts c = { 0 };

    assert_string_equal(result.err, "");
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(sscanf(result.out, /* NOLINT(cert-err34-c): our own output */
                            "%d requests: %d hits, %d misses, of which %d had vanished; %d images",
                            &c.n_requests, &c.n_hits, &c.n_misses, &c.n_vanished, &c.n_cached),
                     5);
    command_result_free(&result);
    assert_int_equal(c.n_requests, 400);
    assert_int_equal(c.n_hits + c.n_misses, 400);
    return c;
}

static void image_cache(struct fixture *f)
{
    struct counts weak = run_image_cache(f, NULL);
    struct counts soft = run_image_cache(f, "--soft");

    assert_true(weak.n_hits > 0 && weak.n_vanished > 0);
    assert_true(weak.n_misses > weak.n_vanished); /* each image misses once without it */
    assert_int_equal(soft.n_vanished, 0);
    assert_int_equal(soft.n_misses, weak.n_misses - weak.n_vanished);
    assert_int_equal(soft.n_cached, soft.n_misses);
}

static void test_image_cache_holds_what_is_shown(void **state)
{
    (void)state;
    in_all_modes(image_cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weakref_gives_the_object_until_it_is_gone),
        cmocka_unit_test(test_weakref_in_a_container_comes_as_a_handle),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
        cmocka_unit_test(test_weak_name_lasts_as_long_as_somebody_holds_the_object),
        cmocka_unit_test(test_kind_and_ttl_are_listed),
        cmocka_unit_test(test_names_with_ttl_go_without_being_looked_up),
        cmocka_unit_test(test_steps_of_a_batch),
        cmocka_unit_test(test_soft_names_are_dropped_before_anything_is_refused),
        cmocka_unit_test(test_image_cache_holds_what_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
