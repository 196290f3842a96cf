/* SPDX-License-Identifier: MIT */
/*
 * Counting references: an increment and its decrement, nothing else.
 *
 *   private       each worker counts an object that it made itself
 *   foreign       each worker counts an object of its own that the keeper made
 *   shared        all workers count one object that the keeper made
 *   shared-owner  all workers count one object that the first of them made
 *   tryref        as foreign, but the increment is tn_tryref(), which may fail
 *
 * The keeper's mutator is nobody else's, so what it made is foreign to every
 * worker in mode biased, as most objects are to the workers of a server.
 */
#include "bench/workload.h"

/* So that two objects share neither a line nor a pair of lines. */
#define OBJECT_BYTES 240

static struct tn_object *object_new(struct tn_mutator *mu)
{
    char content[OBJECT_BYTES] = "counted";
    struct tn_object *o;

    bench_check(tn_bytes_new(mu, TN_SLICE(content, sizeof(content)), &o), "making an object");
    return o;
}

#define PAIR(take_reference)                                                                       \
    do {                                                                                           \
        BENCH_HIDE(mu);                                                                            \
        BENCH_HIDE(o);                                                                             \
        take_reference;                                                                            \
        BENCH_HIDE(o);                                                                             \
        tn_decref(mu, o);                                                                          \
    } while (0)

static size_t count_pairs(struct tn_mutator *mu, struct tn_object *o, size_t n)
{
    for (size_t i = 0; i < n; i += BENCH_UNROLL)
        BENCH_8_TIMES(PAIR(tn_incref(mu, o)));
    return n;
}

/* ---- private ---- */

static void private_begin(struct bench_worker *w)
{
    w->state = object_new(w->mu);
}

static size_t private_chunk(struct bench_worker *w, size_t n)
{
    return count_pairs(w->mu, w->state, n);
}

static void private_end(struct bench_worker *w)
{
    tn_decref(w->mu, w->state);
}

/* ---- foreign ---- */

static void foreign_setup(struct bench_case *c, struct tn_thread *thread)
{
    struct tn_object **objects = bench_alloc(BENCH_THREADS_MAX * sizeof(struct tn_object *));
    struct tn_mutator *mu = tn_thread_mutator(thread);

    for (size_t i = 0; i < BENCH_THREADS_MAX; i++) {
        objects[i] = object_new(mu);
        tn_publish(mu, objects[i]);
    }
    c->state = objects;
}

static void foreign_teardown(struct bench_case *c, struct tn_thread *thread)
{
    struct tn_object **objects = c->state;

    for (size_t i = 0; i < BENCH_THREADS_MAX; i++)
        tn_drop(tn_thread_mutator(thread), &objects[i]);
    bench_free(objects);
}

static size_t foreign_chunk(struct bench_worker *w, size_t n)
{
    struct tn_object **objects = w->c->state;

    return count_pairs(w->mu, objects[w->index], n);
}

static void must_be_alive(bool is_alive)
{
    if (TN_UNLIKELY(!is_alive))
        bench_die("an object that is referred to was found dead");
}

static size_t tryref_chunk(struct bench_worker *w, size_t n)
{
    struct tn_object *o = ((struct tn_object **)w->c->state)[w->index];
    struct tn_mutator *mu = w->mu;

    for (size_t i = 0; i < n; i += BENCH_UNROLL)
        BENCH_8_TIMES(PAIR(must_be_alive(tn_tryref(mu, o))));
    return n;
}

/* ---- shared ---- */

static void shared_setup(struct bench_case *c, struct tn_thread *thread)
{
    struct tn_mutator *mu = tn_thread_mutator(thread);
    struct tn_object *o = object_new(mu);

    tn_publish(mu, o);
    c->state = o;
}

static void shared_teardown(struct bench_case *c, struct tn_thread *thread)
{
    tn_decref(tn_thread_mutator(thread), c->state);
}

static size_t shared_chunk(struct bench_worker *w, size_t n)
{
    return count_pairs(w->mu, w->c->state, n);
}

static void shared_owner_begin(struct bench_worker *w)
{
    struct tn_object *o;

    if (w->index != 0)
        return;
    o = object_new(w->mu);
    tn_publish(w->mu, o);
    w->c->state = o; /* read after all have met */
}

static void shared_owner_end(struct bench_worker *w)
{
    if (w->index == 0)
        tn_decref(w->mu, w->c->state);
}

static const struct bench_impl impls[] = {
    {
        .workload = "private",
        .what = "increment and decrement an object of the thread's own making",
        .ops_per_safepoint = 1024,
        .begin = private_begin,
        .chunk = private_chunk,
        .end = private_end,
    },
    {
        .workload = "shared",
        .what = "increment and decrement one object that another thread made",
        .ops_per_safepoint = 1024,
        .setup = shared_setup,
        .chunk = shared_chunk,
        .teardown = shared_teardown,
    },
    {
        .workload = "shared-owner",
        .what = "increment and decrement one object that the first thread made",
        .ops_per_safepoint = 1024,
        .begin = shared_owner_begin,
        .chunk = shared_chunk,
        .end = shared_owner_end,
    },
    {
        .workload = "foreign",
        .what = "increment and decrement an object that another thread made, one each",
        .ops_per_safepoint = 1024,
        .setup = foreign_setup,
        .chunk = foreign_chunk,
        .teardown = foreign_teardown,
    },
    {
        .workload = "tryref",
        .what = "try to take a reference to a foreign object, and drop it, one each",
        .ops_per_safepoint = 1024,
        .setup = foreign_setup,
        .chunk = tryref_chunk,
        .teardown = foreign_teardown,
    },
};

const struct bench_family bench_family_refcount = {
    .name = "refcount",
    .what = "counting references",
    .impls = impls,
    .n_impls = TN_ARRAY_LEN(impls),
};
