/* SPDX-License-Identifier: MIT */
#include "tests/support/actors.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/clock.h"

struct run {
    uint64_t until_ns;
    void (*step)(struct test_actor *actor);
    void (*finish)(struct test_actor *actor);
};

struct started {
    struct test_actor actor;
    const struct run *run;
    pthread_t thread;
};

uint64_t test_actor_any(struct test_actor *actor, uint64_t n)
{
    return test_random(&actor->random) % n;
}

void test_actor_pause(struct test_actor *actor)
{
    switch (test_actor_any(actor, 8)) {
    case 0:
        tn_thread_offline(actor->thread);
        actor->mu = tn_thread_online(actor->thread);
        break;
    case 1:
    case 2:
        (void)tn_thread_safepoint(actor->thread, 64);
        break;
    default:
        break;
    }
}

static void *actor_main(void *arg)
{
    struct started *started = arg;
    struct test_actor *actor = &started->actor;

    if (tn_thread_attach(actor->heap, &actor->thread) < 0) {
        actor->failure = "cannot attach";
        return NULL;
    }
    actor->mu = tn_thread_online(actor->thread);
    while (actor->failure == NULL && tn_clock_ns() < started->run->until_ns) {
        for (int i = 0; i < 16 && actor->failure == NULL; i++) {
            started->run->step(actor);
            actor->n_steps++;
            test_actor_pause(actor);
        }
    }
    if (started->run->finish != NULL)
        started->run->finish(actor);
    tn_thread_offline(actor->thread);
    tn_thread_detach(&actor->thread);
    return NULL;
}

uint64_t test_actors_run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                         uint64_t duration_ns, void (*step)(struct test_actor *actor),
                         void (*finish)(struct test_actor *actor), void *world)
{
    static struct started actors[TEST_ACTORS_MAX];
    const struct run run = { tn_clock_ns() + duration_ns, step, finish };
    const char *failure = NULL;
    uint64_t n_steps = 0;

    assert_true(n_actors <= TEST_ACTORS_MAX);
    tn_thread_offline(f->thread);
    for (unsigned int i = 0; i < n_actors; i++) {
        actors[i] = (struct started){
            .actor = { .index = i,
                       .n_actors = n_actors,
                       .world = world,
                       .heap = f->heap,
                       .random = seed + i },
            .run = &run,
        };
        assert_int_equal(pthread_create(&actors[i].thread, NULL, actor_main, &actors[i]), 0);
    }
    for (unsigned int i = 0; i < n_actors; i++) {
        assert_int_equal(pthread_join(actors[i].thread, NULL), 0);
        n_steps += actors[i].actor.n_steps;
        if (actors[i].actor.failure != NULL)
            failure = actors[i].actor.failure;
    }
    f->mu = tn_thread_online(f->thread);
    if (failure != NULL)
        fail_msg("expected %s", failure);
    return n_steps;
}

void test_actors_in_all_modes(uint64_t (*run)(struct heap_fixture *f, unsigned int n_actors,
                                              uint64_t seed, uint64_t duration_ns))
{
    static const unsigned int numbers[] = { 2, 3, TEST_ACTORS_MAX };
    uint64_t duration_ns = test_stress_seconds() * TN_NS_PER_S / 9;
    uint64_t seed = test_seed();

    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        for (size_t i = 0; i < TN_ARRAY_LEN(numbers); i++) {
            struct heap_fixture f;
            uint64_t n_steps;

            heap_fixture_setup(&f, (enum tn_mode)mode);
            n_steps = run(&f, numbers[i], seed + (uint64_t)mode * 100 + i * 10, duration_ns);
            printf("%s, %u threads: %" PRIu64 " steps\n", tn_mode_name((enum tn_mode)mode),
                   numbers[i], n_steps);
            heap_fixture_teardown(&f);
        }
    }
}
