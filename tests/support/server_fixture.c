/* SPDX-License-Identifier: MIT */
/* See server_fixture.h. */
#include "tests/support/server_fixture.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"

#define AWAIT_NS (60 * TN_NS_PER_S)

static void set(struct tn_config *config, const char *name, const char *value)
{
    struct tn_problem problem = { { 0 } };
    enum tn_config_id id;

    assert_int_equal(tn_option_find(name, &id), 0);
    if (tn_config_set(config, id, value, TN_CONFIG_FLAG, &problem) < 0)
        fail_msg("%s", problem.text);
}

void server_fixture_start(struct server_fixture *f, enum tn_mode mode, const char *const *options)
{
    struct tn_problem problem = { { 0 } };
    struct tn_config config;

    tn_log_set_level(TN_LOG_ERROR);
    *f = (struct server_fixture){ 0 };
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/tenure-test-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->endpoint, sizeof(f->endpoint), "unix:%s/socket", f->directory);

    tn_config_init(&config);
    set(&config, "listen", f->endpoint);
    set(&config, "listen", "tcp:127.0.0.1:0");
    set(&config, "mode", tn_mode_name(mode));
    set(&config, "workers", "2");
    for (; options != NULL && options[0] != NULL; options += 2)
        set(&config, options[0], options[1]);
    if (tn_config_finish(&config, &problem) < 0 ||
        tn_server_new(&config, 0, 0, &f->server, &problem) < 0 ||
        tn_server_start(f->server, &problem) < 0)
        fail_msg("%s", problem.text);
    f->unix_address = tn_server_address(f->server, 0);
    f->tcp_address = tn_server_address(f->server, 1);
    (void)snprintf(f->tcp_endpoint, sizeof(f->tcp_endpoint), "tcp:127.0.0.1:%u",
                   tn_server_port(f->server, 1));
}

size_t server_fixture_stop_with_cycles(struct server_fixture *f)
{
    size_t n_alive;

    tn_server_shutdown(f->server, false);
    assert_true(tn_server_wait(f->server));
    n_alive = tn_server_free(&f->server);
    /* The socket is gone, so the directory is empty. */
    assert_int_equal(rmdir(f->directory), 0);
    return n_alive;
}

/* What the last worker has left is worked off by the reclaimer soon after it has ended. */
static void await_empty(struct tn_heap *heap)
{
    uint64_t began_ns = tn_clock_ns();
    struct tn_census census;

    do {
        (void)sched_yield();
        tn_census_take(heap, &census);
    } while (census.live_objs != 0 && tn_clock_ns() - began_ns < AWAIT_NS);
    assert_int_equal(census.n_names, 0);
    assert_int_equal(census.live_objs, 0);
}

void server_fixture_stop(struct server_fixture *f)
{
    tn_server_shutdown(f->server, false);
    assert_true(tn_server_wait(f->server));
    await_empty(tn_server_heap(f->server));
    assert_int_equal(tn_server_free(&f->server), 0);
    assert_int_equal(rmdir(f->directory), 0);
}

void server_fixture_await(struct server_fixture *f,
                          bool (*condition)(struct tn_census *census, void *arg), void *arg)
{
    uint64_t began = tn_clock_ns();
    struct tn_census census;

    for (;;) {
        tn_census_take(tn_server_heap(f->server), &census);
        if (condition(&census, arg))
            return;
        assert_true(tn_clock_ns() - began < AWAIT_NS);
        (void)sched_yield();
    }
}
