/* SPDX-License-Identifier: MIT */
/*
 * Names under stress: threads look up, bind, rebind, unbind and scan one
 * namespace while it grows and shrinks.
 *
 *  - Names that last are always found, and are in every scan exactly once; what
 *    they refer to only gets newer, and so do their versions.
 *  - Names that pass are found bound to what belongs to them or not at all, and
 *    are in no scan twice. Some of them go by themselves: they are soft and
 *    dropped, or have a time to live that ends. Names that last may have one that
 *    does not.
 *  - A counter that is read with its version and bound again with that version
 *    required loses no step: no version is newer than the object it came with.
 *  - Of those who bind a name that must be absent only one succeeds, until it
 *    unbinds the name: a lock, which excludes and orders.
 */
#include <inttypes.h>
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

#define N_LASTING 100u
#define N_PASSING 600u
#define N_NAMES (N_LASTING + N_PASSING)
#define THREADS_MAX 8
#define COUNTER TN_SLICE_LITERAL("counter")
#define LOCK TN_SLICE_LITERAL("lock")

struct stress {
    struct tn_heap *heap;
    struct tn_namespace *ns;
    unsigned int n_threads;
    uint64_t until_ns;
    _Atomic(uint64_t) now_ms;
    /* Guarded by the name LOCK. */
    uint64_t n_locked;
};

struct actor {
    struct stress *stress;
    unsigned int number;
    uint64_t random;
    int64_t last_turn;        /* of what it binds: each is newer */
    int64_t turns[N_LASTING]; /* the newest that it has seen of each name */
    uint64_t versions[N_LASTING];
    uint8_t n_seen[N_NAMES]; /* in the scan under way */
    uint64_t cursor;
    bool is_scanning;
    /* results, read after the thread has ended */
    const char *failure; /* what went wrong, or NULL */
    uint64_t n_ops;
    uint64_t n_scans;
    uint64_t n_counted;
    uint64_t n_locked;
};

/* Name `i` is bound to ints `turn << 16 | i`. */
static struct tn_slice name_of(unsigned int i, char buffer[16])
{
    snprintf(buffer, 16, "name-%u", i);
    return tn_slice_from_str(buffer);
}

static unsigned int owner_of_value(int64_t value)
{
    return (unsigned int)(value & 0xffff);
}

/* Each lasting name has one thread that rebinds it. */
static unsigned int random_lasting_of(struct actor *actor)
{
    unsigned int n_threads = actor->stress->n_threads;
    unsigned int n = (N_LASTING - actor->number + n_threads - 1) / n_threads;

    return actor->number + (unsigned int)(test_random(&actor->random) % n) * n_threads;
}

static void bind_name(struct actor *actor, struct tn_mutator *mu, unsigned int i)
{
    char buffer[16];
    struct tn_object *o;
    struct tn_name_how how = { .kind = TN_NAME_STRONG };
    int64_t value = ++actor->last_turn << 16 | (int64_t)i;

    if (test_random(&actor->random) % 2 == 0)
        how.ttl_ms = i < N_LASTING ? TN_NAME_TTL_MS_MAX : 1 + test_random(&actor->random) % 5000;
    if (i >= N_LASTING && test_random(&actor->random) % 3 == 0)
        how.kind = TN_NAME_SOFT;
    if (tn_int_new(mu, value, &o) < 0 ||
        tn_name_bind_as(mu, actor->stress->ns, name_of(i, buffer), &o, &how, NULL, NULL) < 0)
        actor->failure = "a name could not be bound";
}

/* Another time to live for a name that lasts, or none. */
static void age(struct actor *actor, struct tn_mutator *mu)
{
    unsigned int i = (unsigned int)(test_random(&actor->random) % N_LASTING);
    uint64_t ttl_ms = test_random(&actor->random) % 2 * TN_NAME_TTL_MS_MAX;
    struct tn_name_info info;
    char buffer[16];

    if (tn_name_set_ttl(mu, actor->stress->ns, name_of(i, buffer), ttl_ms, &info) < 0 ||
        info.ttl_ms != ttl_ms || info.version < actor->versions[i])
        actor->failure = "a name that lasts could not be given a time to live";
}

/* Time passes, and what goes by itself is helped to. */
static void clean(struct actor *actor, struct tn_mutator *mu)
{
    tn_heap_set_time(actor->stress->heap,
                     atomic_fetch_add_explicit(&actor->stress->now_ms, 1, memory_order_relaxed));
    if (test_random(&actor->random) % 8 == 0)
        (void)tn_names_sweep(mu, test_random(&actor->random) % 200);
    if (test_random(&actor->random) % 64 == 0)
        (void)tn_names_drop_soft(mu, test_random(&actor->random) % 2000);
}

static void unbind_name(struct actor *actor, struct tn_mutator *mu, unsigned int i)
{
    char buffer[16];
    int r = tn_name_unbind(mu, actor->stress->ns, name_of(i, buffer), NULL, NULL);

    if (r < 0 && r != TN_ERR_NAME)
        actor->failure = "a name could not be unbound";
}

static void look_up(struct actor *actor, struct tn_mutator *mu, unsigned int i)
{
    char buffer[16];
    struct tn_object *o;
    uint64_t version;
    int64_t turn;
    int r = tn_name_lookup(mu, actor->stress->ns, name_of(i, buffer), &o, &version);

    if (r < 0) {
        if (r != TN_ERR_NAME || i < N_LASTING)
            actor->failure = "a name that lasts was not found";
        return;
    }
    if (owner_of_value(tn_int_value(o)) != i) {
        actor->failure = "a name was found with what belongs to another one";
        return;
    }
    if (i >= N_LASTING)
        return;
    turn = tn_int_value(o) >> 16;
    if (turn < actor->turns[i] || version < actor->versions[i])
        actor->failure = "a name went back";
    actor->turns[i] = turn;
    actor->versions[i] = version;
}

static void look_up_missing(struct actor *actor, struct tn_mutator *mu)
{
    char buffer[16];
    struct tn_object *o;
    unsigned int i = N_NAMES + (unsigned int)(test_random(&actor->random) % 1000);

    if (tn_name_lookup(mu, actor->stress->ns, name_of(i, buffer), &o, NULL) != TN_ERR_NAME)
        actor->failure = "a name was found that has never been there";
}

static void see(struct tn_slice name, struct tn_object *object, const struct tn_name_info *info,
                void *arg)
{
    struct actor *actor = arg;
    unsigned int i = owner_of_value(tn_int_value(object));
    char buffer[16];

    if (tn_slice_equal(name, COUNTER) || tn_slice_equal(name, LOCK))
        return;
    if (info->version == 0 || i >= N_NAMES || !tn_slice_equal(name, name_of(i, buffer)))
        actor->failure = "a scan saw a name with what does not belong to it";
    else if (++actor->n_seen[i] > 1)
        actor->failure = "a scan saw a name twice";
}

/* One page of the scan that this thread has under way. */
static void scan(struct actor *actor, struct tn_mutator *mu)
{
    size_t n_max = 1 + test_random(&actor->random) % 60;

    if (!actor->is_scanning)
        memset(actor->n_seen, 0, sizeof(actor->n_seen));
    tn_names_scan(mu, actor->stress->ns, &actor->cursor, n_max, TN_SLICE_LITERAL(""), see, actor);
    actor->is_scanning = actor->cursor != 0;
    if (actor->is_scanning)
        return;
    actor->n_scans++;
    for (unsigned int i = 0; i < N_LASTING; i++)
        if (actor->n_seen[i] != 1)
            actor->failure = "a scan did not see a name that lasts";
}

static void count(struct actor *actor, struct tn_mutator *mu)
{
    struct tn_name_require require = { 0 };
    struct tn_object *o;
    int r;

    if (tn_name_lookup(mu, actor->stress->ns, COUNTER, &o, &require.version) < 0 ||
        tn_int_new(mu, tn_int_value(o) + 1, &o) < 0) {
        actor->failure = "the counter could not be read";
        return;
    }
    r = tn_name_bind(mu, actor->stress->ns, COUNTER, &o, &require, NULL);
    if (r == 0)
        actor->n_counted++;
    else if (r != TN_ERR_PRECONDITION)
        actor->failure = "the counter could not be bound";
    tn_drop(mu, &o);
}

static void lock_and_unlock(struct actor *actor, struct tn_mutator *mu)
{
    struct tn_name_require require = { .absent = true };
    struct tn_object *o;
    struct tn_object *mine;
    int r;

    if (tn_int_new(mu, 1000000 + actor->number, &o) < 0) {
        actor->failure = "no memory";
        return;
    }
    mine = o;
    r = tn_name_bind(mu, actor->stress->ns, LOCK, &o, &require, NULL);
    tn_drop(mu, &o);
    if (r == TN_ERR_PRECONDITION)
        return;
    actor->stress->n_locked++; /* no atomic: it is a lock */
    actor->n_locked++;
    require = (struct tn_name_require){ .object = mine };
    if (r < 0 || tn_name_unbind(mu, actor->stress->ns, LOCK, &require, NULL) < 0)
        actor->failure = "the lock was not held";
}

static void act(struct actor *actor, struct tn_mutator *mu)
{
    uint64_t r = test_random(&actor->random);
    unsigned int passing = N_LASTING + (unsigned int)(r >> 32) % N_PASSING;
    /* Growing and shrinking in turn, each until hardly anything is left to do. */
    bool is_growing = actor->n_ops / (8 * N_PASSING / actor->stress->n_threads) % 2 == 0;

    switch (r % 16) {
    case 0:
        bind_name(actor, mu, random_lasting_of(actor));
        age(actor, mu);
        clean(actor, mu);
        break;
    case 1:
        look_up_missing(actor, mu);
        break;
    case 2:
        scan(actor, mu);
        break;
    case 3:
        count(actor, mu);
        break;
    case 4:
        lock_and_unlock(actor, mu);
        break;
    case 5:
    case 6:
        look_up(actor, mu, passing);
        break;
    case 7:
    case 8:
    case 9:
        look_up(actor, mu, (unsigned int)(r >> 32) % N_LASTING);
        break;
    default:
        if (is_growing)
            bind_name(actor, mu, passing);
        else
            unbind_name(actor, mu, passing);
    }
    actor->n_ops++;
}

static void *actor_main(void *arg)
{
    struct actor *actor = arg;
    struct tn_thread *thread = NULL;

    if (tn_thread_attach(actor->stress->heap, &thread) < 0) {
        actor->failure = "a thread could not be attached";
        return NULL;
    }
    while (actor->failure == NULL && tn_clock_ns() < actor->stress->until_ns) {
        struct tn_mutator *mu = tn_thread_online(thread);

        for (int n = 0; n < 256 && actor->failure == NULL; n++) {
            act(actor, mu);
            if (n % 8 == 0)
                (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
        }
        tn_thread_offline(thread);
    }
    tn_thread_detach(&thread);
    return NULL;
}

static void begin(struct stress *stress, struct heap_fixture *f, struct actor *actor)
{
    struct tn_object *zero;

    assert_int_equal(tn_namespace_open(f->mu, TN_SLICE_LITERAL("stress"), &stress->ns), 0);
    for (unsigned int i = 0; i < N_LASTING; i++)
        bind_name(actor, f->mu, i);
    assert_null(actor->failure);
    assert_int_equal(tn_int_new(f->mu, 0, &zero), 0);
    assert_int_equal(tn_name_bind(f->mu, stress->ns, COUNTER, &zero, NULL, NULL), 0);
}

static void end(struct stress *stress, struct heap_fixture *f, struct actor *actor)
{
    struct tn_object *counter;

    assert_int_equal(tn_name_lookup(f->mu, stress->ns, COUNTER, &counter, NULL), 0);
    assert_int_equal(tn_int_value(counter), actor->n_counted);
    assert_int_equal(stress->n_locked, actor->n_locked);
    assert_int_equal(tn_name_unbind(f->mu, stress->ns, COUNTER, NULL, NULL), 0);
    for (unsigned int i = 0; i < N_NAMES; i++)
        unbind_name(actor, f->mu, i);
    assert_null(actor->failure);
}

static void run(enum tn_mode mode, unsigned int n_threads, uint64_t seed, uint64_t duration_ns)
{
    static struct stress stress;
    static struct actor actors[THREADS_MAX];
    static struct actor sum; /* of all of them */
    pthread_t threads[THREADS_MAX];
    struct heap_fixture f;

    heap_fixture_setup(&f, mode);
    stress = (struct stress){
        .heap = f.heap,
        .n_threads = n_threads,
        .until_ns = tn_clock_ns() + duration_ns,
    };
    sum = (struct actor){ .stress = &stress };
    begin(&stress, &f, &sum);
    tn_thread_offline(f.thread);
    for (unsigned int i = 0; i < n_threads; i++) {
        actors[i] = (struct actor){
            .stress = &stress,
            .number = i,
            .random = seed + i,
            .last_turn = N_LASTING,
        };
        assert_int_equal(pthread_create(&threads[i], NULL, actor_main, &actors[i]), 0);
    }
    for (unsigned int i = 0; i < n_threads; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (actors[i].failure != NULL)
            fail_msg("%s", actors[i].failure);
        sum.n_ops += actors[i].n_ops;
        sum.n_scans += actors[i].n_scans;
        sum.n_counted += actors[i].n_counted;
        sum.n_locked += actors[i].n_locked;
    }
    printf("%s, %u threads: %" PRIu64 " operations, %" PRIu64 " scans\n", tn_mode_name(mode),
           n_threads, sum.n_ops, sum.n_scans);
    assert_true(sum.n_ops > 0);
    f.mu = tn_thread_online(f.thread);
    end(&stress, &f, &sum);
    heap_fixture_teardown(&f);
}

static void test_names_under_stress_keep_their_promises(void **state)
{
    static const unsigned int n_threads[] = { 2, 3, 8 };
    uint64_t duration_ns = test_stress_seconds() * TN_NS_PER_S / 9;
    uint64_t seed = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        for (size_t i = 0; i < TN_ARRAY_LEN(n_threads); i++)
            run((enum tn_mode)mode, n_threads[i], seed + (uint64_t)mode * 100 + i * 10,
                duration_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_under_stress_keep_their_promises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
