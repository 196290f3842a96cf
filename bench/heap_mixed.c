/* SPDX-License-Identifier: MIT */
/*
 * mixed: what the requests of a busy service come to, in process. Of a hundred
 * operations
 *
 *   50  look one of 10,000 names up and read its object (borrowed)
 *   15  read an entry of one shared dict of 10,000 (borrowed)
 *   15  append a new int to an own list, or pop four once it has 64
 *   10  look a name up and keep a reference to its object; the reference is
 *       dropped eight such operations later, as a session's handle would be
 *    5  make a list of three ints and drop it
 *    5  bind a name to a new object of 100 bytes
 */
#include "bench/heap.h"

#define NAMES 10000
#define ENTRIES 10000
#define VALUE_BYTES 100
#define N_HANDLES 8
#define LIST_ITEMS_MAX 64
#define LIST_ITEMS_POPPED 4

struct mixed {
    struct bench_names *names;
    struct bench_dict *dict;
};

struct mixed_worker {
    struct tn_object *list;
    struct tn_object *handles[N_HANDLES];
    size_t n_handles_taken;
};

void bench_mixed_setup(struct bench_case *c, struct tn_thread *thread)
{
    struct mixed *mixed = bench_alloc(sizeof(*mixed));

    mixed->names = bench_names_new(thread, bench_case_n_keys(c, NAMES), VALUE_BYTES);
    mixed->dict = bench_dict_new(thread, bench_case_n_keys(c, ENTRIES));
    c->state = mixed;
}

void bench_mixed_teardown(struct bench_case *c, struct tn_thread *thread)
{
    struct mixed *mixed = c->state;

    bench_names_free(mixed->names, thread);
    bench_dict_free(mixed->dict, thread);
    bench_free(mixed);
}

void bench_mixed_begin(struct bench_worker *w)
{
    struct mixed_worker *own = bench_alloc(sizeof(*own));

    bench_check(tn_list_new(w->mu, 0, &own->list), "making a list");
    w->state = own;
}

void bench_mixed_end(struct bench_worker *w)
{
    struct mixed_worker *own = w->state;

    for (size_t i = 0; i < N_HANDLES; i++)
        tn_drop(w->mu, &own->handles[i]);
    tn_drop(w->mu, &own->list);
    bench_free(own);
}

static struct tn_object *int_new(struct tn_mutator *mu, size_t value)
{
    struct tn_object *o;

    bench_check(tn_int_new(mu, (int64_t)value + TN_SMALL_INT_MAX + 1, &o), "making an int");
    return o;
}

static void use_list(struct tn_mutator *mu, struct tn_object *list, size_t value)
{
    struct tn_object *item = int_new(mu, value);
    size_t length;

    bench_check(tn_list_append(mu, list, &item, &length), "appending");
    if (length < LIST_ITEMS_MAX)
        return;
    for (size_t i = 0; i < LIST_ITEMS_POPPED; i++) {
        bench_check(tn_list_pop(mu, list, -1, &item, NULL), "popping");
        tn_decref(mu, item);
    }
}

static void take_handle(struct tn_mutator *mu, struct mixed_worker *own, struct tn_object *o)
{
    struct tn_object **handle = &own->handles[own->n_handles_taken++ % N_HANDLES];

    tn_drop(mu, handle);
    if (!tn_tryref(mu, o))
        return; /* somebody has just bound the name to something else */
    *handle = o;
}

static void make_and_drop(struct tn_mutator *mu, size_t value)
{
    struct tn_object *list;

    bench_check(tn_list_new(mu, 3, &list), "making a list");
    for (size_t i = 0; i < 3; i++) {
        struct tn_object *item = int_new(mu, value + i);

        bench_check(tn_list_append(mu, list, &item, NULL), "appending");
    }
    tn_decref(mu, list);
}

size_t bench_mixed_chunk(struct bench_worker *w, size_t n)
{
    const struct mixed *mixed = w->c->state;
    struct mixed_worker *own = w->state;
    struct tn_mutator *mu = w->mu;
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t what = bench_random_below(&w->random, 100);
        uint32_t name = (uint32_t)bench_random_below(&w->random, mixed->names->n_names);

        if (what < 50)
            sum += bench_read_text(bench_names_get(mu, mixed->names, name));
        else if (what < 65)
            sum += (uint64_t)bench_dict_get(mu, mixed->dict, name);
        else if (what < 80)
            use_list(mu, own->list, i);
        else if (what < 90)
            take_handle(mu, own, bench_names_get(mu, mixed->names, name));
        else if (what < 95)
            make_and_drop(mu, i);
        else
            bench_names_set(mu, mixed->names, name, i);
    }
    BENCH_USE(sum);
    return n;
}
