/* SPDX-License-Identifier: MIT */
/*
 * Collecting cycles: what it costs in all, for how long it keeps anybody from work,
 * and what somebody notices who asks for a name all the time.
 *
 * Every row is a heap of its own. One thread builds and drops and then waits; the
 * collector works; a third thread, the pinger, comes online every 50 us, looks a name
 * up and goes offline again, as a worker of the service does for a client. The
 * slowest of these turns is shown beside the slowest in a time as long in which
 * nothing is collected.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/commands.h"
#include "bench/gc.h"
#include "bench/machine.h"
#include "bench/random.h"
#include "bench/workload.h"
#include "core/base/clock.h"

#define CHUNK 1000 /* nodes that hang from one list */
#define PING_NS 50000
#define NODES_PER_SAFEPOINT 64
#define YOUNG_TRIES 21

struct row {
    const char *workload;
    enum tn_gc_kind kind;
    enum tn_mode mode;
    double total_ms;
    double ns_per_object; /* NAN: does not apply */
    double longest_pause_us;
    double slowest_ping_us;
    double slowest_idle_ping_us;
};

/* What a row is measured in. */
struct scene {
    const struct bench_options *options;
    struct tn_heap *heap;
    struct tn_thread *thread;
    struct tn_mutator *mu;
    struct tn_namespace *ns;
    struct bench_random random;
    /* the pinger */
    pthread_t pinger;
    _Atomic(bool) must_stop;
    _Atomic(uint64_t) slowest_ns; /* since it was set to 0 */
};

struct workload {
    const char *name;
    const char *what;
    uint64_t n;
    void (*run)(struct scene *s, uint64_t n, struct row *row);
};

/* ---- The pinger ---- */

static void *ping(void *arg)
{
    const struct timespec pause = { .tv_nsec = PING_NS };
    struct scene *s = arg;
    struct tn_thread *thread;

    bench_check(tn_thread_attach(s->heap, &thread), "attaching");
    while (!atomic_load_explicit(&s->must_stop, memory_order_relaxed)) {
        uint64_t began_ns = tn_clock_ns();
        struct tn_mutator *mu = tn_thread_online(thread);
        struct tn_object *o;
        uint64_t ns;

        bench_check(tn_name_lookup(mu, s->ns, TN_SLICE("ping", 4), &o, NULL), "looking up");
        BENCH_USE(o);
        (void)tn_thread_safepoint(thread, TN_WORK_BUDGET);
        tn_thread_offline(thread);
        ns = tn_clock_ns() - began_ns;
        if (ns > atomic_load_explicit(&s->slowest_ns, memory_order_relaxed))
            atomic_store_explicit(&s->slowest_ns, ns, memory_order_relaxed);
        (void)nanosleep(&pause, NULL);
    }
    tn_thread_detach(&thread);
    return NULL;
}

static void pings_begin(struct scene *s)
{
    atomic_store_explicit(&s->slowest_ns, 0, memory_order_relaxed);
}

static double slowest_us(struct scene *s)
{
    return (double)atomic_load_explicit(&s->slowest_ns, memory_order_relaxed) / 1e3;
}

/* The slowest turn in a time in which nobody else does anything. */
static double slowest_idle_us(struct scene *s, double ms)
{
    struct timespec ts = { .tv_sec = (time_t)(ms / 1e3),
                           .tv_nsec = (long)(fmod(ms, 1e3) * 1e6) + 1000000 };

    if (ts.tv_nsec >= (long)TN_NS_PER_S)
        ts.tv_nsec = (long)TN_NS_PER_S - 1;
    pings_begin(s);
    (void)nanosleep(&ts, NULL);
    return slowest_us(s);
}

/* ---- Building ---- */

static struct tn_object *new_list(struct scene *s)
{
    struct tn_object *list;

    bench_check(tn_list_new(s->mu, 2, &list), "making a list");
    return list;
}

static void append(struct scene *s, struct tn_object *list, struct tn_object *take)
{
    bench_check(tn_list_append(s->mu, list, &take, NULL), "appending");
}

static void bind(struct scene *s, const char *name, struct tn_object *take)
{
    bench_check(tn_name_bind(s->mu, s->ns, TN_SLICE(name, strlen(name)), &take, NULL, NULL),
                "binding");
}

static void unbind(struct scene *s, const char *name)
{
    bench_check(tn_name_unbind(s->mu, s->ns, TN_SLICE(name, strlen(name)), NULL, NULL),
                "unbinding");
}

static int64_t any(struct scene *s, uint64_t n)
{
    return (int64_t)bench_random_below(&s->random, n);
}

/* So many lists of two items, a list built before, chosen at random, and an int; all of
 * them hang from the name "root" by lists of a thousand. */
static void build_graph(struct scene *s, uint64_t n)
{
    struct tn_object *top = new_list(s);
    struct tn_object *chunk = NULL; /* borrowed from it */

    bind(s, "root", top); /* and this from the name */
    for (uint64_t i = 0; i < n; i++) {
        struct tn_object *node = new_list(s);
        struct tn_object *other = tn_none(s->heap);
        struct tn_object *number;

        if (i % CHUNK == 0) {
            chunk = new_list(s);
            append(s, top, chunk);
        }
        if (i >= CHUNK) {
            struct tn_object *from;

            bench_check(tn_list_get(s->mu, top, any(s, i / CHUNK), &from), "reading");
            bench_check(tn_list_get(s->mu, from, any(s, CHUNK), &other), "reading");
            tn_incref(s->mu, other);
        }
        append(s, node, other);
        bench_check(tn_int_new(s->mu, (int64_t)(i % 256), &number), "making an int");
        append(s, node, number);
        append(s, chunk, node);
        if (i % NODES_PER_SAFEPOINT == 0)
            (void)tn_thread_safepoint(s->thread, TN_WORK_BUDGET);
    }
}

static void settle(struct scene *s)
{
    struct tn_census census;

    do {
        (void)tn_thread_reclaim(s->thread);
        tn_census_take(s->heap, &census);
    } while (census.dying_objs != 0 || census.limbo_objs != 0);
}

static void drop_graph(struct scene *s)
{
    unbind(s, "root");
    settle(s);
}

static bool collect(struct scene *s, unsigned int generation, struct tn_gc_report *report)
{
    bool has_collected;

    *report = (struct tn_gc_report){ 0 };
    tn_thread_offline(s->thread);
    has_collected = tn_gc_collect(s->heap, generation, report);
    s->mu = tn_thread_online(s->thread);
    return has_collected;
}

/* ---- The workloads ---- */

static void run_build(struct scene *s, uint64_t n, struct row *row)
{
    uint64_t began_ns = tn_clock_ns();
    struct tn_gc_stats stats;

    pings_begin(s);
    build_graph(s, n);
    row->total_ms = (double)(tn_clock_ns() - began_ns) / 1e6;
    row->ns_per_object = row->total_ms * 1e6 / (double)n;
    row->slowest_ping_us = slowest_us(s);
    tn_gc_stats(s->heap, &stats);
    row->longest_pause_us = (double)stats.longest_pause_ns / 1e3;
    drop_graph(s);
}

static void run_full(struct scene *s, uint64_t n, struct row *row)
{
    struct tn_gc_report report;

    build_graph(s, n);
    settle(s);
    pings_begin(s);
    if (collect(s, TN_GC_OLDEST, &report)) {
        row->slowest_ping_us = slowest_us(s);
        row->total_ms = (double)report.duration_ns / 1e6;
        row->ns_per_object = (double)report.duration_ns / (double)report.examined;
        row->longest_pause_us = (double)report.longest_pause_ns / 1e3;
        row->slowest_idle_ping_us = slowest_idle_us(s, row->total_ms);
    }
    drop_graph(s);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void run_young_idle(struct scene *s, uint64_t n, struct row *row)
{
    double us[YOUNG_TRIES];
    struct tn_gc_report report;

    build_graph(s, n);
    settle(s);
    if (collect(s, 0, &report)) { /* makes all of it older */
        pings_begin(s);
        for (int i = 0; i < YOUNG_TRIES; i++) {
            (void)collect(s, 0, &report);
            us[i] = (double)report.duration_ns / 1e3;
            if ((double)report.longest_pause_ns / 1e3 > row->longest_pause_us ||
                isnan(row->longest_pause_us))
                row->longest_pause_us = (double)report.longest_pause_ns / 1e3;
        }
        qsort(us, YOUNG_TRIES, sizeof(us[0]), compare_doubles);
        row->total_ms = us[YOUNG_TRIES / 2] / 1e3;
        row->slowest_ping_us = slowest_us(s);
    }
    drop_graph(s);
}

static void run_cycles(struct scene *s, uint64_t n, struct row *row)
{
    uint64_t began_ns = tn_clock_ns();
    struct tn_gc_report report;
    struct tn_gc_stats stats;

    pings_begin(s);
    for (uint64_t i = 0; i < n; i++) {
        struct tn_object *a = new_list(s);
        struct tn_object *b = new_list(s);

        tn_incref(s->mu, a);
        append(s, b, a);
        append(s, a, b);
        tn_decref(s->mu, a);
        if (i % NODES_PER_SAFEPOINT == 0)
            (void)tn_thread_safepoint(s->thread, TN_WORK_BUDGET);
    }
    if (collect(s, TN_GC_OLDEST, &report)) {
        settle(s);
        row->total_ms = (double)(tn_clock_ns() - began_ns) / 1e6;
        row->ns_per_object = row->total_ms * 1e6 / (double)(2 * n);
        tn_gc_stats(s->heap, &stats);
        row->longest_pause_us = (double)stats.longest_pause_ns / 1e3;
        row->slowest_ping_us = slowest_us(s);
    }
}

static void run_chain(struct scene *s, uint64_t n, struct row *row)
{
    struct tn_object *last = tn_none(s->heap);
    uint64_t began_ns;

    for (uint64_t i = 0; i < n; i++) {
        struct tn_object *node = new_list(s);

        append(s, node, last);
        last = node;
    }
    bind(s, "root", last);
    settle(s);
    pings_begin(s);
    began_ns = tn_clock_ns();
    unbind(s, "root");
    while (tn_thread_safepoint(s->thread, TN_WORK_BUDGET))
        ;
    settle(s);
    row->total_ms = (double)(tn_clock_ns() - began_ns) / 1e6;
    row->ns_per_object = row->total_ms * 1e6 / (double)n;
    row->slowest_ping_us = slowest_us(s);
}

static const struct workload workloads[] = {
    { "build-1m", "build 1 M lists", 1000000, run_build },
    { "build-5m", "build 5 M lists", 5000000, run_build },
    { "full-1m", "a full collection of 1 M live lists", 1000000, run_full },
    { "full-5m", "the same of 5 M", 5000000, run_full },
    { "full-10m", "the same of 10 M", 10000000, run_full },
    { "young-idle", "a young collection beside 10 M old lists, nothing young", 10000000,
      run_young_idle },
    { "cycles-1m", "make and collect 1 M cycles of two lists", 1000000, run_cycles },
    { "chain-1m", "drop a chain of 1 M lists", 1000000, run_chain },
};

/* ---- Rows ---- */

static void run_row(const struct bench_options *options, const struct workload *workload,
                    struct row *row)
{
    struct tn_heap_options heap_options = { .mode = row->mode };
    /* Full collections are asked for by the workload, but while it builds. */
    struct tn_gc_options gc_options = {
        .kind = row->kind,
        .only_on_request = workload->run != run_build && workload->run != run_cycles,
    };
    struct scene s = { .options = options, .random = bench_random_init(options->seed, 0) };

    bench_check(tn_heap_new(&heap_options, &s.heap), "making a heap");
    bench_check(tn_gc_start(s.heap, &gc_options), "starting the collector");
    bench_check(tn_thread_attach(s.heap, &s.thread), "attaching");
    s.mu = tn_thread_online(s.thread);
    bench_check(tn_namespace_open(s.mu, TN_SLICE("bench", 5), &s.ns), "opening a namespace");
    bind(&s, "ping", tn_none(s.heap));
    if (pthread_create(&s.pinger, NULL, ping, &s) != 0)
        bench_die("cannot start a thread");
    workload->run(&s, options->n_ops != 0 ? options->n_ops : workload->n, row);
    atomic_store_explicit(&s.must_stop, true, memory_order_relaxed);
    tn_thread_offline(s.thread);
    (void)pthread_join(s.pinger, NULL);
    tn_thread_detach(&s.thread);
    if (tn_heap_free(&s.heap) != 0 && row->kind != TN_GC_NONE)
        bench_die("%s, %s, %s: objects are left", row->workload, tn_gc_kind_name(row->kind),
                  tn_mode_name(row->mode));
}

static void print_number(const char *key, double value, bool json)
{
    if (json && isnan(value))
        printf(",\"%s\":null", key);
    else if (json)
        printf(",\"%s\":%.3f", key, value);
    else if (isnan(value))
        printf(" %16s", "-");
    else
        printf(" %16.1f", value);
}

static void print_row(const struct row *row, bool json)
{
    if (json)
        printf("{\"bench\":\"gc\",\"workload\":\"%s\",\"collector\":\"%s\",\"mode\":\"%s\"",
               row->workload, tn_gc_kind_name(row->kind), tn_mode_name(row->mode));
    else
        printf("%-12s %-13s %-7s", row->workload, tn_gc_kind_name(row->kind),
               tn_mode_name(row->mode));
    print_number("total_ms", row->total_ms, json);
    print_number("ns_per_object", row->ns_per_object, json);
    print_number("longest_pause_us", row->longest_pause_us, json);
    print_number("slowest_ping_us", row->slowest_ping_us, json);
    print_number("slowest_idle_ping_us", row->slowest_idle_ping_us, json);
    printf(json ? "}\n" : "\n");
    fflush(stdout);
}

static void print_header(void)
{
    char machine[256];

    bench_machine_describe(machine, sizeof(machine));
    printf("Collecting cycles. %s\n", machine);
    printf("%-12s %-13s %-7s %16s %16s %16s %16s %16s\n", "workload", "collector", "mode",
           "total ms", "ns/object", "longest pause us", "slowest ping us", "idle ping us");
}

int bench_command_gc(struct bench_options *options)
{
    if (!options->json)
        print_header();
    for (size_t i = 0; i < TN_ARRAY_LEN(workloads); i++) {
        if (!bench_options_wants(options, workloads[i].name))
            continue;
        for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
            for (int kind = TN_GC_NONE; kind < TN_GC_KINDS; kind++) {
                struct row row = {
                    .workload = workloads[i].name,
                    .kind = (enum tn_gc_kind)kind,
                    .mode = (enum tn_mode)mode,
                    .total_ms = NAN,
                    .ns_per_object = NAN,
                    .longest_pause_us = NAN,
                    .slowest_ping_us = NAN,
                    .slowest_idle_ping_us = NAN,
                };

                if (!options->modes[mode] || !options->collectors[kind])
                    continue;
                run_row(options, &workloads[i], &row);
                if (!isnan(row.total_ms))
                    print_row(&row, options->json);
            }
        }
    }
    return 0;
}

/* ---- Options ---- */

enum {
    OPTION_COLLECTOR = 0x400
};

static const struct argp_option options_table[] = {
    { "collector", OPTION_COLLECTOR, "NAME,...", 0,
      "Only these of none, generational and concurrent (default: all)", 1 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct bench_options *options = state->input;

    if (key != OPTION_COLLECTOR)
        return ARGP_ERR_UNKNOWN;
    memset(options->collectors, 0, sizeof(options->collectors));
    for (const char *end; arg != NULL; arg = *end != '\0' ? arg + (end - arg) + 1 : NULL) {
        char name[16] = "";
        enum tn_gc_kind kind;

        end = strchrnul(arg, ',');
        if ((size_t)(end - arg) < sizeof(name))
            memcpy(name, arg, (size_t)(end - arg));
        if (tn_gc_kind_from_name(name, &kind) < 0)
            argp_error(state,
                       "'%.*s' is not a collector; there are none, generational and "
                       "concurrent",
                       (int)(end - arg), arg);
        else
            options->collectors[kind] = true;
    }
    return 0;
}

const struct argp bench_gc_argp = { .options = options_table, .parser = parse_option };
