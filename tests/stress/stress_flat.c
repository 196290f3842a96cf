/* SPDX-License-Identifier: MIT */
/*
 * The flat index under stress: writers make it grow and shrink without pause,
 * so that rebuilds overtake the searches of readers, which look for entries that
 * are always there and for some that never are.
 *
 * All hashes have the same tag, so a search compares every word on its way, and
 * now and then lets other threads run between two words.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/sync.h"
#include "core/object/flat.h"
#include "tests/support/heap_fixture.h"

/* Keys: the first ones are always there, the last ones never. */
#define N_LASTING 8
#define N_PASSING 150
#define N_MISSING 8
#define N_KEYS (N_LASTING + N_PASSING + N_MISSING)
#define THREADS_MAX 8

struct stress {
    struct tn_heap *heap;
    struct tn_mutex lock;
    /* [lock]   searched without it */
    struct tn_flat flat;
    /* [lock]   payload / N_KEYS of each key: which of its payloads is in the index */
    uint64_t turns[N_KEYS];
    bool is_in[N_KEYS];
    uint64_t until_ns;
};

struct actor {
    struct stress *stress;
    uint64_t random;
    bool is_writer;
    /* results, read after the thread has ended */
    int error;
    uint64_t n_ops;
    uint64_t n_missed; /* lasting keys that were not found: must stay 0 */
    uint64_t n_ghosts; /* missing keys that were found: must stay 0 */
};

/* Half of the keys lie close together, some of them around the end. */
static uint64_t hash_of_key(uint64_t key)
{
    uint64_t random = key;
    uint64_t hash = test_random(&random);

    if (key % 2 == 0)
        hash = UINT64_MAX - hash % 64 * (UINT64_MAX / 512);
    return (hash & ~(UINT64_C(0xffff) << 8)) | UINT64_C(0x4242) << 8;
}

static void hashes_of(const uint64_t *payloads, size_t n, uint64_t *ret_hashes, const void *arg)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        ret_hashes[i] = hash_of_key(payloads[i] % N_KEYS);
}

struct wanted {
    uint64_t key;
    uint64_t *random; /* NULL: never lets others run */
};

static bool match(uint64_t payload, const void *arg)
{
    const struct wanted *wanted = arg;

    if (wanted->random != NULL && test_random(wanted->random) % 256 == 0)
        sched_yield();
    return payload % N_KEYS == wanted->key;
}

static bool find(struct actor *actor, uint64_t key)
{
    struct wanted wanted = { .key = key, .random = &actor->random };
    uint64_t payload;

    return tn_flat_find(&actor->stress->flat, hash_of_key(key), match, &wanted, &payload);
}

static void read_one(struct actor *actor)
{
    uint64_t r = test_random(&actor->random);

    if (r % 4 == 0) {
        if (find(actor, N_LASTING + N_PASSING + r / 4 % N_MISSING))
            actor->n_ghosts++;
    } else if (!find(actor, r / 4 % N_LASTING)) {
        actor->n_missed++;
    }
}

static int insert_locked(struct stress *stress, struct tn_mutator *mu, uint64_t key)
{
    int r = tn_flat_insert(mu, &stress->flat, hash_of_key(key), key, hashes_of, NULL);

    if (r == 0) {
        stress->is_in[key] = true;
        stress->turns[key] = 0;
    }
    return r;
}

static void remove_locked(struct stress *stress, struct tn_mutator *mu, uint64_t key)
{
    tn_flat_remove(mu, &stress->flat, hash_of_key(key), stress->turns[key] * N_KEYS + key,
                   hashes_of, NULL);
    tn_flat_trim(mu, &stress->flat);
    stress->is_in[key] = false;
}

static void replace_locked(struct stress *stress, uint64_t key)
{
    uint64_t payload = stress->turns[key] * N_KEYS + key;

    stress->turns[key] = (stress->turns[key] + 1) % 1000;
    tn_flat_replace(&stress->flat, hash_of_key(key), payload, stress->turns[key] * N_KEYS + key);
}

static void write_one(struct actor *actor, struct tn_mutator *mu)
{
    struct stress *stress = actor->stress;
    uint64_t r = test_random(&actor->random);
    uint64_t key = N_LASTING + r / 8 % N_PASSING;
    /* Growing and shrinking in turn, each until hardly anything is left to do. */
    bool is_growing = actor->n_ops / N_PASSING / 4 % 2 == 0;

    tn_mutex_lock(&stress->lock);
    if (r % 8 == 0)
        replace_locked(stress, r / 8 % N_LASTING);
    else if (is_growing && !stress->is_in[key])
        actor->error = insert_locked(stress, mu, key);
    else if (!is_growing && stress->is_in[key])
        remove_locked(stress, mu, key);
    tn_mutex_unlock(&stress->lock);
}

static void *actor_main(void *arg)
{
    struct actor *actor = arg;
    struct tn_thread *thread = NULL;

    actor->error = tn_thread_attach(actor->stress->heap, &thread);
    while (actor->error == 0 && tn_clock_ns() < actor->stress->until_ns) {
        struct tn_mutator *mu = tn_thread_online(thread);

        for (int n = 0; n < 64 && actor->error == 0; n++) {
            if (actor->is_writer)
                write_one(actor, mu);
            else
                read_one(actor);
            actor->n_ops++;
            if (n % 16 == 0)
                (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
        }
        tn_thread_offline(thread);
    }
    tn_thread_detach(&thread);
    return NULL;
}

static void run(unsigned int n_threads, uint64_t seed, uint64_t duration_ns)
{
    static struct stress stress;
    static struct actor actors[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    struct heap_fixture f;
    uint64_t n_read = 0, n_written = 0;

    heap_fixture_setup(&f, TN_MODE_BIASED);
    stress = (struct stress){ .heap = f.heap, .until_ns = tn_clock_ns() + duration_ns };
    tn_mutex_init(&stress.lock, TN_RANK_SHARD);
    for (uint64_t key = 0; key < N_LASTING; key++)
        assert_int_equal(insert_locked(&stress, f.mu, key), 0);
    tn_thread_offline(f.thread);
    for (unsigned int i = 0; i < n_threads; i++) {
        actors[i] = (struct actor){
            .stress = &stress,
            .random = seed + i,
            .is_writer = i == 0 || i == 3,
        };
        assert_int_equal(pthread_create(&threads[i], NULL, actor_main, &actors[i]), 0);
    }
    for (unsigned int i = 0; i < n_threads; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(actors[i].error, 0);
        assert_int_equal(actors[i].n_missed, 0);
        assert_int_equal(actors[i].n_ghosts, 0);
        *(actors[i].is_writer ? &n_written : &n_read) += actors[i].n_ops;
    }
    printf("%u threads: %" PRIu64 " searches, %" PRIu64 " changes\n", n_threads, n_read, n_written);
    assert_true(n_read > 0 && n_written > 0);
    f.mu = tn_thread_online(f.thread);
    tn_flat_validate(&stress.flat, hashes_of, NULL);
    tn_flat_destroy(f.mu, &stress.flat);
    tn_mutex_fini(&stress.lock);
    heap_fixture_teardown(&f);
}

static void test_search_beside_rebuilds_finds_what_lasts(void **state)
{
    static const unsigned int n_threads[] = { 2, 3, 5, 8 };
    uint64_t duration_ns = test_stress_seconds() * TN_NS_PER_S / 4;
    uint64_t seed = test_seed();

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(n_threads); i++)
        run(n_threads[i], seed + i * 100, duration_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_beside_rebuilds_finds_what_lasts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
