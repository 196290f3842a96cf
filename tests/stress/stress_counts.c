/* SPDX-License-Identifier: MIT */
/*
 * Counting under stress: threads take, copy and drop references to objects in
 * shared slots, replace them, sleep, end and begin again, all at random. What
 * is found must be whole; at the end nothing may be left.
 *
 * A slot is written under a lock of its own and read without one, as a name is.
 */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/sync.h"
#include "core/heap.h"
#include "core/object/mutator.h"
#include "core/object/slot.h"
#include "tests/support/heap_fixture.h"

#define N_SLOTS 16
#define N_HELD 64
#define THREADS_MAX 8

struct shared_slot {
    struct tn_mutex lock;
    tn_slot slot;
};

struct stress {
    struct tn_heap *heap;
    struct shared_slot slots[N_SLOTS];
    uint64_t until_ns;
};

struct actor {
    struct stress *stress;
    uint64_t random;
    struct tn_object *held[N_HELD];
    /* results, read after the thread has ended */
    int error;
    uint64_t n_ops;
    uint64_t n_dead;    /* found, but dying */
    uint64_t n_damaged; /* found with the wrong content: must stay 0 */
};

/* The content of what is stored in slot `i`: tells the slot, and is no small int. */
static int64_t slot_value(size_t i)
{
    return (int64_t)(1000 + i);
}

static int new_for_slot(struct tn_mutator *mu, size_t i, bool in_list, struct tn_object **ret)
{
    struct tn_object *number, *list;
    int r = tn_int_new(mu, slot_value(i), &number);

    if (r < 0 || !in_list) {
        *ret = number;
        return r;
    }
    r = tn_list_new(mu, 1, &list);
    if (r == 0)
        r = tn_list_append(mu, list, &number, NULL);
    *ret = list;
    return r;
}

static bool is_whole(struct tn_mutator *mu, struct tn_object *o, size_t i)
{
    if (o->type == TN_TYPE_LIST && tn_list_get(mu, o, 0, &o) < 0)
        return false;
    return o->type == TN_TYPE_INT && tn_int_value(o) == slot_value(i);
}

static void replace(struct actor *actor, struct tn_mutator *mu, size_t i, struct tn_object *take)
{
    struct shared_slot *shared = &actor->stress->slots[i];
    struct tn_object *old;

    tn_mutex_lock(&shared->lock);
    old = tn_slot_swap(mu, NULL, &shared->slot, take);
    tn_mutex_unlock(&shared->lock);
    if (old != NULL)
        tn_decref(mu, old);
}

static void look_and_hold(struct actor *actor, struct tn_mutator *mu, size_t i, size_t place)
{
    struct tn_object *o = tn_slot_load(&actor->stress->slots[i].slot);

    if (o == NULL)
        return;
    if (!tn_tryref(mu, o)) {
        /* A dead list is being emptied; a dead int is what it was. */
        if (o->type == TN_TYPE_INT && !is_whole(mu, o, i))
            actor->n_damaged++;
        actor->n_dead++;
        return;
    }
    if (!is_whole(mu, o, i))
        actor->n_damaged++;
    tn_drop(mu, &actor->held[place]);
    actor->held[place] = o;
}

static void act(struct actor *actor, struct tn_mutator *mu)
{
    uint64_t r = test_random(&actor->random);
    size_t i = r / 256 % N_SLOTS;
    size_t place = r / 65536 % N_HELD;
    struct tn_object *o;

    switch (r % 8) {
    case 0:
        actor->error = new_for_slot(mu, i, (r >> 32) % 2 == 0, &o);
        if (actor->error == 0)
            replace(actor, mu, i, o);
        break;
    case 1:
        if ((r >> 32) % 8 == 0)
            replace(actor, mu, i, NULL);
        break;
    case 2:
    case 3:
        tn_drop(mu, &actor->held[place]);
        break;
    case 4: /* one more of what is held, and one less */
        if (actor->held[place] != NULL) {
            tn_incref(mu, actor->held[place]);
            tn_decref(mu, actor->held[place]);
        }
        break;
    default:
        look_and_hold(actor, mu, i, place);
    }
    actor->n_ops++;
}

static void drop_all(struct actor *actor, struct tn_mutator *mu)
{
    for (size_t i = 0; i < N_HELD; i++)
        tn_drop(mu, &actor->held[i]);
}

static void *actor_main(void *arg)
{
    struct actor *actor = arg;
    struct tn_thread *thread = NULL;
    struct tn_mutator *mu;

    actor->error = tn_thread_attach(actor->stress->heap, &thread);
    while (actor->error == 0 && tn_clock_ns() < actor->stress->until_ns) {
        mu = tn_thread_online(thread);
        for (uint64_t n = test_random(&actor->random) % 200; n > 0 && actor->error == 0; n--) {
            act(actor, mu);
            if (n % 16 == 0)
                (void)tn_thread_safepoint(thread, 32);
        }
        if (test_random(&actor->random) % 64 == 0)
            drop_all(actor, mu);
        tn_thread_offline(thread);
        /* What it holds stays counted while it has no mutator at all. */
        if (actor->error == 0 && test_random(&actor->random) % 64 == 0) {
            tn_thread_detach(&thread);
            actor->error = tn_thread_attach(actor->stress->heap, &thread);
        }
    }
    if (thread != NULL) {
        drop_all(actor, tn_thread_online(thread));
        tn_thread_offline(thread);
        tn_thread_detach(&thread);
    }
    return NULL;
}

static void run(enum tn_mode mode, unsigned int n_threads, uint64_t seed, uint64_t duration_ns)
{
    static struct actor actors[THREADS_MAX];
    static struct stress stress;
    pthread_t threads[THREADS_MAX];
    struct heap_fixture f;
    uint64_t n_ops = 0, n_dead = 0;

    heap_fixture_setup(&f, mode);
    tn_thread_offline(f.thread);
    stress = (struct stress){ .heap = f.heap, .until_ns = tn_clock_ns() + duration_ns };
    for (size_t i = 0; i < N_SLOTS; i++)
        tn_mutex_init(&stress.slots[i].lock, TN_RANK_SHARD);
    for (unsigned int i = 0; i < n_threads; i++) {
        actors[i] = (struct actor){ .stress = &stress, .random = seed + i };
        assert_int_equal(pthread_create(&threads[i], NULL, actor_main, &actors[i]), 0);
    }
    for (unsigned int i = 0; i < n_threads; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(actors[i].error, 0);
        assert_int_equal(actors[i].n_damaged, 0);
        n_ops += actors[i].n_ops;
        n_dead += actors[i].n_dead;
    }
    f.mu = tn_thread_online(f.thread);
    for (size_t i = 0; i < N_SLOTS; i++) {
        struct tn_object *o = tn_slot_swap(f.mu, NULL, &stress.slots[i].slot, NULL);

        if (o != NULL)
            tn_decref(f.mu, o);
        tn_mutex_fini(&stress.slots[i].lock);
    }
    printf("%s, %u threads: %" PRIu64 " operations, %" PRIu64 " found dying\n", tn_mode_name(mode),
           n_threads, n_ops, n_dead);
    assert_true(n_ops > 0);
    heap_fixture_teardown(&f);
}

static void test_counts_under_stress_leave_nothing(void **state)
{
    static const unsigned int n_threads[] = { 2, 3, 8 };
    uint64_t duration_ns = test_stress_seconds() * TN_NS_PER_S / 9;
    uint64_t seed = test_seed();

    (void)state;
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        for (size_t i = 0; i < 3; i++)
            run((enum tn_mode)mode, n_threads[i], seed + (uint64_t)mode * 100 + i * 10,
                duration_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_under_stress_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
