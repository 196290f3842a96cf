/* SPDX-License-Identifier: MIT */
/*
 * Events under stress: threads emit, bind names and drop each other's objects,
 * while listeners read, slowly and fast, come and go.
 *
 *  - What one mutator emits on its own behalf comes in order, and whole.
 *  - Every event is seen or counted as missed, by each listener, exactly once:
 *    also the death of an object whose last reference somebody else drops.
 *  - A listener reads only after it was woken; so a lost wake-up is a lost event.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/support/actors.h"
#include "tests/support/finalizer.h"
#include "tests/support/heap_fixture.h"

#define N_SLOTS 16
#define N_READERS 3
#define AWAIT_NS (60 * TN_NS_PER_S)

/* What a thread emits itself is under names of this many versions' length at most. */
#define TEXT_MAX 200

struct world {
    struct tn_namespace *ns;
    _Atomic(uint64_t) n_emitted; /* relaxed: read when all is over */
    _Atomic(bool) is_over;
};

struct reader {
    struct world *world;
    struct tn_event_listener listener;
    bool is_slow;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool is_woken; /* guarded by mutex */
    uint64_t versions[TEST_ACTORS_MAX];
    _Atomic(uint64_t) n_counted; /* seen or missed; relaxed, read by the test */
    uint64_t n_missed;
    const char *failure;
};

/* ---- Writers ---- */

static void count_emitted(struct test_actor *actor, uint64_t n)
{
    struct world *world = actor->world;

    atomic_fetch_add_explicit(&world->n_emitted, n, memory_order_relaxed);
}

/* A text that says who it is of and which one, and can be checked. */
static size_t make_text(uint64_t index, uint64_t version, char *text)
{
    size_t len = 1 + version % (TEXT_MAX - 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + (index + version + i) % 26);
    return len;
}

static void emit_own(struct test_actor *actor)
{
    struct world *world = actor->world;
    uint64_t version = actor->n_steps + 1;
    char text[TEXT_MAX];
    size_t len = make_text(actor->index, version, text);

    /* The number of the actor goes where no version of a shard is. */
    tn_event_name(actor->mu, TN_HEAP_EVENT_NAME_EXPIRED, world->ns, TN_SLICE(text, len),
                  version << 8 | actor->index);
    count_emitted(actor, 1);
}

static struct tn_slice slot_name(struct test_actor *actor, char buffer[32])
{
    (void)snprintf(buffer, 32, "slot-%u", (unsigned int)test_actor_any(actor, N_SLOTS));
    return tn_slice_from_str(buffer);
}

/* Two events: the name's, and one day the object's death. */
static void bind_slot(struct test_actor *actor)
{
    struct world *world = actor->world;
    struct tn_object *o;
    char buffer[32];

    if (tn_list_new(actor->mu, 0, &o) < 0) {
        actor->failure = "memory";
        return;
    }
    test_set_finalizer(o);
    TEST_ACTOR_EXPECT(
        actor, tn_name_bind(actor->mu, world->ns, slot_name(actor, buffer), &o, NULL, NULL) == 0);
    count_emitted(actor, 2);
}

static void unbind_slot(struct test_actor *actor)
{
    struct world *world = actor->world;
    char buffer[32];

    if (tn_name_unbind(actor->mu, world->ns, slot_name(actor, buffer), NULL, NULL) == 0)
        count_emitted(actor, 1);
}

static void step(struct test_actor *actor)
{
    switch (test_actor_any(actor, 8)) {
    case 0:
    case 1:
    case 2:
        bind_slot(actor);
        break;
    case 3:
        unbind_slot(actor);
        break;
    default:
        emit_own(actor);
    }
}

/* ---- Readers ---- */

static void on_wake(void *arg)
{
    struct reader *reader = arg;

    pthread_mutex_lock(&reader->mutex);
    reader->is_woken = true;
    pthread_cond_signal(&reader->cond);
    pthread_mutex_unlock(&reader->mutex);
}

/* False: the end has come. */
static bool await_wake(struct reader *reader)
{
    bool is_woken;

    pthread_mutex_lock(&reader->mutex);
    while (!reader->is_woken &&
           !atomic_load_explicit(&reader->world->is_over, memory_order_acquire))
        pthread_cond_wait(&reader->cond, &reader->mutex);
    is_woken = reader->is_woken;
    reader->is_woken = false;
    pthread_mutex_unlock(&reader->mutex);
    return is_woken;
}

static const char *check(struct reader *reader, const struct tn_heap_event *event)
{
    char text[TEXT_MAX];
    uint64_t index;
    uint64_t version;

    switch (event->kind) {
    case TN_HEAP_EVENT_FINALIZED:
        if (event->finalized.identity == 0 ||
            !tn_slice_equal(event->scope, TN_SLICE_LITERAL("list")))
            return "a death notice is torn";
        return NULL;
    case TN_HEAP_EVENT_NAME_EXPIRED:
        index = event->binding.version & 0xff;
        version = event->binding.version >> 8;
        if (index >= TEST_ACTORS_MAX || version <= reader->versions[index])
            return "an event came late or twice";
        reader->versions[index] = version;
        if (!tn_slice_equal(event->name, TN_SLICE(text, make_text(index, version, text))))
            return "an event is torn";
        return NULL;
    case TN_HEAP_EVENT_NAME_BOUND:
    case TN_HEAP_EVENT_NAME_CHANGED:
    case TN_HEAP_EVENT_NAME_REMOVED:
        if (!tn_slice_has_prefix(event->name, TN_SLICE_LITERAL("slot-")))
            return "a name is torn";
        return NULL;
    default:
        return "an event came that nobody emitted";
    }
}

static void read_all(struct reader *reader)
{
    struct tn_heap_event event;

    tn_events_begin(&reader->listener);
    while (tn_events_read(&reader->listener, &event)) {
        uint64_t n = 1;

        if (event.kind == TN_HEAP_EVENT_MISSED) {
            n = event.missed.n_events;
            reader->n_missed += n;
        } else if (reader->failure == NULL) {
            reader->failure = check(reader, &event);
        }
        atomic_fetch_add_explicit(&reader->n_counted, n, memory_order_relaxed);
        if (reader->is_slow)
            (void)sched_yield();
    }
}

static void *reader_main(void *arg)
{
    struct reader *reader = arg;

    while (await_wake(reader))
        read_all(reader);
    return NULL;
}

static void ignore_wake(void *arg)
{
    (void)arg;
}

/* Listens for a moment, again and again: to what, does not matter to the others. */
static void *visitor_main(void *arg)
{
    struct reader *reader = arg;
    uint64_t random = 1;

    while (!atomic_load_explicit(&reader->world->is_over, memory_order_acquire)) {
        struct tn_event_listener listener = { 0 };
        struct tn_heap_event event;
        uint64_t n = test_random(&random) % 64;

        if (tn_events_listen(reader->listener.heap, &listener, TN_HEAP_EVENTS_ALL, ignore_wake,
                             NULL) < 0)
            reader->failure = "a visitor could not listen";
        while (n-- > 0 && tn_events_read(&listener, &event))
            if (event.kind != TN_HEAP_EVENT_MISSED && event.scope.len == 0)
                reader->failure = "a visitor saw a torn event";
        tn_events_unlisten(&listener);
        (void)sched_yield();
    }
    return NULL;
}

/* ---- The test ---- */

static void start_readers(struct heap_fixture *f, struct world *world, struct reader *readers)
{
    for (int i = 0; i < N_READERS; i++) {
        readers[i] = (struct reader){ .world = world, .is_slow = i == 1 };
        assert_int_equal(pthread_mutex_init(&readers[i].mutex, NULL), 0);
        assert_int_equal(pthread_cond_init(&readers[i].cond, NULL), 0);
        if (i == N_READERS - 1)
            readers[i].listener.heap = f->heap; /* all that the visitor needs */
        else
            assert_int_equal(tn_events_listen(f->heap, &readers[i].listener, TN_HEAP_EVENTS_ALL,
                                              on_wake, &readers[i]),
                             0);
        assert_int_equal(pthread_create(&readers[i].thread, NULL,
                                        i == N_READERS - 1 ? visitor_main : reader_main,
                                        &readers[i]),
                         0);
    }
}

/* Those that read have been woken for all that was emitted, sooner or later. */
static void await_all(struct reader *reader, uint64_t n_emitted)
{
    uint64_t began = tn_clock_ns();

    while (atomic_load_explicit(&reader->n_counted, memory_order_relaxed) != n_emitted) {
        assert_true(tn_clock_ns() - began < AWAIT_NS);
        (void)sched_yield();
    }
}

static void end_readers(struct world *world, struct reader *readers)
{
    uint64_t n_emitted = atomic_load_explicit(&world->n_emitted, memory_order_relaxed);

    for (int i = 0; i < N_READERS - 1; i++)
        await_all(&readers[i], n_emitted);
    for (int i = 0; i < N_READERS; i++) {
        pthread_mutex_lock(&readers[i].mutex);
        atomic_store_explicit(&world->is_over, true, memory_order_release);
        pthread_cond_signal(&readers[i].cond);
        pthread_mutex_unlock(&readers[i].mutex);
    }
    for (int i = 0; i < N_READERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        if (i < N_READERS - 1)
            tn_events_unlisten(&readers[i].listener);
        (void)pthread_cond_destroy(&readers[i].cond);
        (void)pthread_mutex_destroy(&readers[i].mutex);
        if (readers[i].failure != NULL)
            fail_msg("%s", readers[i].failure);
    }
    printf("%" PRIu64 " events, of which the fast one missed %" PRIu64 " and the slow one %" PRIu64
           "\n",
           n_emitted, readers[0].n_missed, readers[1].n_missed);
}

static void unbind_all(struct heap_fixture *f, struct world *world)
{
    for (int i = 0; i < N_SLOTS; i++) {
        char buffer[32];

        (void)snprintf(buffer, sizeof(buffer), "slot-%d", i);
        if (tn_name_unbind(f->mu, world->ns, tn_slice_from_str(buffer), NULL, NULL) == 0)
            atomic_fetch_add_explicit(&world->n_emitted, 1, memory_order_relaxed);
    }
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static struct world world;
    static struct reader readers[N_READERS];
    uint64_t n_steps;

    memset(&world, 0, sizeof(world));
    assert_int_equal(tn_namespace_open(f->mu, TN_SLICE_LITERAL("stress"), &world.ns), 0);
    start_readers(f, &world, readers);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, NULL, &world);
    unbind_all(f, &world);
    heap_fixture_settle(f);
    tn_thread_offline(f->thread);
    end_readers(&world, readers);
    f->mu = tn_thread_online(f->thread);
    return n_steps;
}

static void test_every_event_is_seen_or_missed_once(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_is_seen_or_missed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
