/* SPDX-License-Identifier: MIT */
#include "bench/plan.h"

#include <stdlib.h>
#include <string.h>

#include "bench/keeper.h"
#include "bench/progress.h"
#include "bench/workload.h"

/* Random sequences that a round may use. */
#define STREAMS_PER_ROUND UINT64_C(0x10000)

/* Of a round in which nothing was done. */
#define TRIES_MAX 10

void bench_plan_init(struct bench_plan *plan, const struct bench_options *options)
{
    *plan = (struct bench_plan){ .options = options };
}

void bench_plan_fini(struct bench_plan *plan)
{
    for (size_t i = 0; i < plan->n_rows; i++) {
        bench_free(plan->rows[i]->latency);
        bench_free(plan->rows[i]->service);
        if (plan->rows[i]->owns_source)
            bench_free(plan->rows[i]->source);
        bench_free(plan->rows[i]);
    }
    for (size_t i = 0; i < plan->n_cases; i++)
        bench_free(plan->cases[i]);
    free(plan->rows);
    free(plan->cases);
    *plan = (struct bench_plan){ 0 };
}

/* Appends a pointer to an array of them. */
static void append(void *arrayp, size_t *n, void *item)
{
    void ***items = arrayp;
    void **grown = reallocarray(*items, *n + 1, sizeof(*grown));

    if (grown == NULL)
        bench_die("no memory");
    grown[(*n)++] = item;
    *items = grown;
}

struct bench_row *bench_plan_add_row(struct bench_plan *plan)
{
    struct bench_row *row = bench_alloc(sizeof(*row));

    append(&plan->rows, &plan->n_rows, row);
    return row;
}

/* ---- Rows in process ---- */

const char *bench_case_mode(const struct bench_case *c)
{
    return c->impl->baseline != NULL ? c->impl->baseline : tn_mode_name(c->mode);
}

static void run_inprocess_round(struct bench_row *row, const struct bench_round *round,
                                bool is_warmup)
{
    struct bench_case *c = row->source;
    struct bench_result result;
    unsigned int n_tries = 0;

    /* On a busy machine the second thread of a hand-over may never have run. */
    do
        result = bench_runner_round(c, row->threads, round, is_warmup ? NULL : row->latency);
    while (result.n_ops == 0 && ++n_tries < TRIES_MAX);
    if (is_warmup)
        return;
    if (result.n_ops == 0 || result.seconds <= 0)
        bench_die("%s %s %s has done nothing in %u rounds", row->bench, row->workload, row->mode,
                  n_tries);
    row->ops_per_second[row->n_rounds] = (double)result.n_ops / result.seconds;
    row->ns[row->n_rounds] = result.seconds * 1e9 / (double)result.n_ops;
    row->cpu_ns[row->n_rounds] = result.cpu_seconds * 1e9 / (double)result.n_ops;
    if (!row->is_joint)
        row->ns[row->n_rounds] *= row->threads;
    row->n_rounds++;
}

static struct bench_case *add_case(struct bench_plan *plan, const struct bench_family *family,
                                   const struct bench_impl *impl, enum tn_mode mode)
{
    struct bench_case *c = bench_alloc(sizeof(*c));

    c->bench = family->name;
    c->impl = impl;
    c->options = plan->options;
    c->mode = mode;
    append(&plan->cases, &plan->n_cases, c);
    return c;
}

static struct bench_row *add_inprocess_row(struct bench_plan *plan, struct bench_case *c,
                                           unsigned int threads)
{
    struct bench_row *row = bench_plan_add_row(plan);

    row->bench = c->bench;
    row->workload = c->impl->workload;
    row->mode = bench_case_mode(c);
    row->threads = threads;
    row->is_baseline = c->impl->baseline != NULL;
    row->is_joint = c->impl->is_joint;
    row->ops_per_safepoint = c->impl->ops_per_safepoint;
    row->run_round = run_inprocess_round;
    row->source = c;
    if (plan->options->latency && c->impl->has_latency)
        row->latency = bench_alloc(sizeof(*row->latency));
    return row;
}

struct bench_row *bench_plan_plain(struct bench_plan *plan, unsigned int threads)
{
    const struct bench_family *family = &bench_family_plain;

    if (plan->plain[threads] == NULL)
        plan->plain[threads] = add_inprocess_row(
            plan, add_case(plan, family, &family->impls[0], TN_MODE_GIL), threads);
    return plan->plain[threads];
}

static bool fits(const struct bench_impl *impl, unsigned int threads)
{
    return threads >= impl->threads_min && (impl->threads_max == 0 || threads <= impl->threads_max);
}

static void add_impl(struct bench_plan *plan, const struct bench_family *family,
                     const struct bench_impl *impl, enum tn_mode mode)
{
    const struct bench_list *threads = &plan->options->threads;
    struct bench_case *c = NULL;

    for (size_t i = 0; i < threads->n; i++) {
        struct bench_row *plain;

        if (!fits(impl, threads->items[i]))
            continue;
        plain = bench_plan_plain(plan, threads->items[i]);
        if (c == NULL)
            c = add_case(plan, family, impl, mode);
        add_inprocess_row(plan, c, threads->items[i])->plain = plain;
    }
}

bool bench_plan_add_workload(struct bench_plan *plan, const struct bench_family *family,
                             const char *workload)
{
    bool is_known = false;

    for (size_t i = 0; i < family->n_impls; i++) {
        const struct bench_impl *impl = &family->impls[i];

        if (strcmp(impl->workload, workload) != 0)
            continue;
        is_known = true;
        if (impl->baseline != NULL) {
            if (!plan->options->no_baselines &&
                (impl->is_available == NULL || impl->is_available()))
                add_impl(plan, family, impl, TN_MODE_GIL);
            continue;
        }
        for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
            if (plan->options->modes[mode])
                add_impl(plan, family, impl, (enum tn_mode)mode);
    }
    return is_known;
}

/* ---- Running ---- */

static void setup_task(struct tn_thread *thread, void *arg)
{
    struct bench_case *c = arg;

    c->impl->setup(c, thread);
}

static void teardown_task(struct tn_thread *thread, void *arg)
{
    struct bench_case *c = arg;

    c->impl->teardown(c, thread);
}

static void case_setup(struct bench_case *c)
{
    if (c->impl->baseline == NULL) {
        c->keeper = bench_keeper_new(c->mode);
        c->heap = bench_keeper_heap(c->keeper);
        if (c->impl->setup != NULL)
            bench_keeper_run(c->keeper, setup_task, c);
    } else if (c->impl->setup != NULL) {
        c->impl->setup(c, NULL);
    }
}

static void case_teardown(struct bench_case *c)
{
    if (c->keeper != NULL) {
        if (c->impl->teardown != NULL)
            bench_keeper_run(c->keeper, teardown_task, c);
        bench_keeper_free(&c->keeper);
        c->heap = NULL;
    } else if (c->impl->teardown != NULL) {
        c->impl->teardown(c, NULL);
    }
}

/* One round of every row. */
static void run_all(struct bench_plan *plan, struct bench_progress *progress, double seconds,
                    unsigned int n, bool is_warmup)
{
    for (size_t i = 0; i < plan->n_rows; i++) {
        struct bench_row *row = plan->rows[i];
        struct bench_round round = {
            .seconds = plan->options->n_ops != 0 ? 0 : seconds,
            .n_ops = plan->options->n_ops,
            .stream = (n * plan->n_rows + i) * STREAMS_PER_ROUND,
        };

        bench_progress_show(progress, row, n);
        row->run_round(row, &round, is_warmup);
        bench_progress_advance(progress, seconds);
    }
}

void bench_plan_run(struct bench_plan *plan)
{
    const struct bench_options *options = plan->options;
    struct bench_progress progress;

    bench_progress_init(&progress, plan);
    for (size_t i = 0; i < plan->n_cases; i++) {
        bench_progress_note(&progress, "setting up", plan->cases[i]->impl->workload,
                            bench_case_mode(plan->cases[i]));
        case_setup(plan->cases[i]);
    }
    if (options->warmup_seconds > 0 || options->n_ops != 0)
        run_all(plan, &progress, options->warmup_seconds, 0, true);
    for (unsigned int n = 1; n <= options->rounds; n++)
        run_all(plan, &progress, options->round_seconds, n, false);
    for (size_t i = 0; i < plan->n_cases; i++)
        case_teardown(plan->cases[i]);
    bench_progress_fini(&progress);
}
