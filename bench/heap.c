/* SPDX-License-Identifier: MIT */
/*
 * The heap in process: what a worker of the service does, without the service.
 * Names and dicts have files of their own; here are lists and the hot object.
 */
#include "bench/heap.h"

/* ---- private-list: a list of the worker's own ---- */

#define LIST_ITEMS 256

static void list_begin(struct bench_worker *w)
{
    struct tn_object *list;

    bench_check(tn_list_new(w->mu, 0, &list), "making a list");
    for (int64_t i = 0; i < LIST_ITEMS; i++) {
        struct tn_object *item;

        bench_check(tn_int_new(w->mu, i + 1000, &item), "making an int");
        bench_check(tn_list_append(w->mu, list, &item, NULL), "appending");
    }
    w->state = list;
}

static size_t list_chunk(struct bench_worker *w, size_t n)
{
    struct tn_object *list = w->state;
    struct tn_mutator *mu = w->mu;
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        struct tn_object *item;

        bench_check(tn_int_new(mu, (int64_t)i + 1000, &item), "making an int");
        bench_check(tn_list_append(mu, list, &item, NULL), "appending");
        bench_check(tn_list_get(mu, list, (int64_t)(i % LIST_ITEMS), &item), "reading");
        sum += tn_int_value(item);
        bench_check(tn_list_pop(mu, list, -1, &item, NULL), "popping");
        tn_decref(mu, item);
    }
    BENCH_USE(sum);
    return n;
}

static void list_end(struct bench_worker *w)
{
    tn_decref(w->mu, w->state);
}

/* ---- hot-read, hot-count: one name that everybody asks for ---- */

#define HOT_BYTES 100

static void hot_setup(struct bench_case *c, struct tn_thread *thread)
{
    c->state = bench_names_new(thread, 16, HOT_BYTES);
}

static size_t hot_read_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_names *names = w->c->state;
    struct tn_mutator *mu = w->mu;
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += bench_read_text(bench_names_get(mu, names, 7));
    BENCH_USE(sum);
    return n;
}

static size_t hot_count_chunk(struct bench_worker *w, size_t n)
{
    const struct bench_names *names = w->c->state;
    struct tn_mutator *mu = w->mu;
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        struct tn_object *o = bench_names_get(mu, names, 7);

        if (TN_UNLIKELY(!tn_tryref(mu, o)))
            bench_die("an object that is bound to a name was found dead");
        sum += bench_read_text(o);
        tn_decref(mu, o);
    }
    BENCH_USE(sum);
    return n;
}

/* ---- hot-list: one list that everybody reads ---- */

static void hot_list_setup(struct bench_case *c, struct tn_thread *thread)
{
    struct tn_mutator *mu = tn_thread_mutator(thread);
    struct tn_object *list;

    bench_check(tn_list_new(mu, LIST_ITEMS, &list), "making a list");
    tn_publish(mu, list);
    for (int64_t i = 0; i < LIST_ITEMS; i++) {
        struct tn_object *item;

        bench_check(tn_int_new(mu, i + 1000, &item), "making an int");
        bench_check(tn_list_append(mu, list, &item, NULL), "appending");
    }
    c->state = list;
}

static void hot_list_teardown(struct bench_case *c, struct tn_thread *thread)
{
    tn_decref(tn_thread_mutator(thread), c->state);
}

static size_t hot_list_chunk(struct bench_worker *w, size_t n)
{
    struct tn_object *list = w->c->state;
    struct tn_mutator *mu = w->mu;
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        struct tn_object *item;

        bench_check(tn_list_get(mu, list, (int64_t)(i % LIST_ITEMS), &item), "reading");
        sum += tn_int_value(item);
    }
    BENCH_USE(sum);
    return n;
}

#define NAMES .setup = bench_name_setup, .teardown = bench_name_teardown
#define DICT .setup = bench_dict_setup, .teardown = bench_dict_teardown

static const struct bench_impl impls[] = {
    { .workload = "private-list",
      .what = "append a new int to an own list, read one, pop one",
      .ops_per_safepoint = 256,
      .has_latency = true,
      .begin = list_begin,
      .chunk = list_chunk,
      .end = list_end },
    { .workload = "hot-read",
      .what = "look one name up and read its object, counting nothing",
      .ops_per_safepoint = 256,
      .has_latency = true,
      .setup = hot_setup,
      .chunk = hot_read_chunk,
      .teardown = bench_name_teardown },
    { .workload = "hot-count",
      .what = "the same, but take and drop a reference",
      .ops_per_safepoint = 256,
      .has_latency = true,
      .setup = hot_setup,
      .chunk = hot_count_chunk,
      .teardown = bench_name_teardown },
    { .workload = "hot-list",
      .what = "read an item of one shared list",
      .ops_per_safepoint = 256,
      .has_latency = true,
      .setup = hot_list_setup,
      .chunk = hot_list_chunk,
      .teardown = hot_list_teardown },
    { .workload = "hot-dict",
      .what = "read the same entry of one shared dict",
      DICT,
      .ops_per_safepoint = 256,
      .has_latency = true,
      .chunk = bench_hot_dict_chunk },
    { .workload = "dict-get",
      .what = "read a random entry of one dict of 100,000",
      DICT,
      .ops_per_safepoint = 128,
      .has_latency = true,
      .chunk = bench_dict_get_chunk },
    { .workload = "dict-95-5",
      .what = "95 % read, 5 % set a random entry of that dict",
      DICT,
      .ops_per_safepoint = 128,
      .has_latency = true,
      .chunk = bench_dict_95_5_chunk },
    { .workload = "dict-set",
      .what = "set an entry of that dict, each thread its own ones",
      DICT,
      .ops_per_safepoint = 64,
      .has_latency = true,
      .chunk = bench_dict_set_chunk },
    { .workload = "name-get",
      .what = "look a random one of 1,000,000 names up and read its object",
      NAMES,
      .ops_per_safepoint = 128,
      .has_latency = true,
      .chunk = bench_name_get_chunk },
    { .workload = "name-get",
      .baseline = "cds_lfht",
      .ops_per_safepoint = 128,
      .has_latency = true,
      .setup = bench_lfht_setup,
      .begin = bench_lfht_begin,
      .chunk = bench_lfht_get_chunk,
      .end = bench_lfht_end,
      .teardown = bench_lfht_teardown },
    { .workload = "name-set",
      .what = "bind one of 1,000,000 names to a new object, each its own",
      NAMES,
      .ops_per_safepoint = 64,
      .has_latency = true,
      .chunk = bench_name_set_chunk },
    { .workload = "mixed",
      .what = "a step of a worker's day: see bench/README.md",
      .ops_per_safepoint = 128,
      .has_latency = true,
      .setup = bench_mixed_setup,
      .begin = bench_mixed_begin,
      .chunk = bench_mixed_chunk,
      .end = bench_mixed_end,
      .teardown = bench_mixed_teardown },
};

const struct bench_family bench_family_heap = {
    .name = "heap",
    .what = "lists, dicts and names, in process",
    .impls = impls,
    .n_impls = TN_ARRAY_LEN(impls),
};
