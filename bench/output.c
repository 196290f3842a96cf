/* SPDX-License-Identifier: MIT */
#include "bench/output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bench/machine.h"
#include "bench/stats.h"
#include "bench/workload.h"

/* A machine that gives its threads less is busy with something else. */
#define CPU_SHARE_QUIET 0.95

/* Digits of a figure behind the point, so that about four of them say something. */
static int digits(double value)
{
    return value < 10 ? 2 : value < 100 ? 1 : 0;
}

static double median_ns(const struct bench_row *row)
{
    return bench_stats_median(row->ns, row->n_rounds);
}

static bool is_same_work(const struct bench_row *a, const struct bench_row *b)
{
    return strcmp(a->bench, b->bench) == 0 && strcmp(a->workload, b->workload) == 0;
}

double bench_output_speedup(const struct bench_plan *plan, const struct bench_row *row)
{
    for (size_t i = 0; i < plan->n_rows; i++) {
        const struct bench_row *one = plan->rows[i];

        if (one->threads == 1 && row->threads != 1 && is_same_work(one, row) &&
            strcmp(one->mode, row->mode) == 0 && one->n_rounds == row->n_rounds)
            return bench_stats_median_ratio(row->ops_per_second, one->ops_per_second,
                                            row->n_rounds);
    }
    return 0;
}

static double ratio_to_plain(const struct bench_row *row)
{
    if (row->plain == NULL)
        return 0;
    return bench_stats_median_ratio(row->ns, row->plain->ns, row->n_rounds);
}

/* ---- JSON ---- */

static void put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        bench_die("no memory");
}

/* Rounded to what is known at most, so that lines stay readable; null if it is
 * not known at all. */
static void put_real(json_t *object, const char *key, double value)
{
    char text[32];

    snprintf(text, sizeof(text), "%.6g", value);
    put(object, key, isnan(value) ? json_null() : json_real(strtod(text, NULL)));
}

static void put_quantiles(json_t *object, const struct bench_row *row)
{
    const struct bench_histogram *latency = row->latency;
    double p50 = (double)bench_histogram_quantile(latency, 0.5);
    double p99 = (double)bench_histogram_quantile(latency, 0.99);
    double p999 = (double)bench_histogram_quantile(latency, 0.999);

    if (row->service != NULL) {
        put_real(object, "p50_us", p50 / 1e3);
        put_real(object, "p99_us", p99 / 1e3);
        put_real(object, "p999_us", p999 / 1e3);
        put_real(object, "max_us", (double)latency->max / 1e3);
    } else {
        put_real(object, "p50_ns", p50);
        put_real(object, "p99_ns", p99);
        put_real(object, "p999_ns", p999);
        put_real(object, "max_ns", (double)latency->max);
    }
}

static void put_service(json_t *object, const struct bench_row *row)
{
    const struct bench_service_figures *s = row->service;

    put(object, "pipeline", json_integer(s->pipeline));
    put(object, "connections", json_integer(s->connections));
    put_real(object, "server_cpu_us_per_op", bench_stats_median(s->server_cpu_us, row->n_rounds));
    put_quantiles(object, row);
    put_real(object, "server_cpu_us_min", bench_stats_min(s->server_cpu_us, row->n_rounds));
    put_real(object, "server_system_us_per_op", s->server_system_seconds * 1e6 / (double)s->n_ops);
    put_real(object, "client_cpu_us_per_op", bench_stats_median(s->client_cpu_us, row->n_rounds));
    put(object, "value_bytes", json_integer(s->value_bytes));
    put(object, "transport", json_string(s->transport));
}

static void print_json(const struct bench_plan *plan, const struct bench_row *row)
{
    json_t *object = json_object();
    char *line;

    put(object, "bench", json_string(row->bench));
    put(object, "workload", json_string(row->workload));
    put(object, "mode", json_string(row->mode));
    put(object, "threads", json_integer(row->threads));
    put_real(object, "ns_per_op", median_ns(row));
    put_real(object, "ops_per_second", bench_stats_median(row->ops_per_second, row->n_rounds));
    put_real(object, "plain_pair_ns", median_ns(row->plain != NULL ? row->plain : row));
    if (row->service != NULL)
        put_service(object, row);
    else if (row->latency != NULL)
        put_quantiles(object, row);
    put_real(object, "ns_min", bench_stats_min(row->ns, row->n_rounds));
    put_real(object, "ns_max", bench_stats_max(row->ns, row->n_rounds));
    if (row->service == NULL)
        put_real(object, "cpu_ns_per_op", bench_stats_median(row->cpu_ns, row->n_rounds));
    put(object, "rounds", json_integer((json_int_t)row->n_rounds));
    put_real(object, "round_seconds", plan->options->round_seconds);
    put(object, "baseline", json_boolean(row->is_baseline));
    if (row->ops_per_safepoint != 0)
        put(object, "ops_per_safepoint", json_integer((json_int_t)row->ops_per_safepoint));
    if (bench_output_speedup(plan, row) != 0)
        put_real(object, "speedup", bench_output_speedup(plan, row));
    line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(7));
    if (line == NULL)
        bench_die("no memory");
    puts(line);
    free(line);
    json_decref(object);
}

/* ---- Tables ---- */

/* The part of the time in which the threads of the plain pair ran, at worst. They
 * wait for nothing, so what is missing was taken by somebody else. */
static double cpu_share(const struct bench_plan *plan)
{
    double share = 1;

    for (size_t i = 0; i < TN_ARRAY_LEN(plan->plain); i++) {
        const struct bench_row *row = plan->plain[i];
        double ran;

        if (row == NULL || row->n_rounds == 0 || row->threads > bench_machine_n_cpus())
            continue;
        ran = bench_stats_median_ratio(row->cpu_ns, row->ns, row->n_rounds);
        share = ran < share ? ran : share;
    }
    return share;
}

void bench_output_header(const struct bench_plan *plan, const char *title)
{
    const struct bench_options *options = plan->options;
    char machine[256];
    unsigned int threads_max = 1;

    bench_machine_describe(machine, sizeof(machine));
    for (size_t i = 0; i < options->threads.n; i++)
        if (options->threads.items[i] > threads_max)
            threads_max = options->threads.items[i];
    printf("%s\n%s\n", title, machine);
    if (options->n_ops != 0)
        printf("Trial run of %llu operations a round: the times mean nothing.\n",
               (unsigned long long)options->n_ops);
    else
        printf("Medians of %u interleaved rounds of %.2f s a row, after %.2f s of warm-up.\n",
               options->rounds, options->round_seconds, options->warmup_seconds);
    if (options->no_pin)
        printf("Threads are not pinned.\n");
    else if (threads_max > bench_machine_n_cpus())
        printf("Rows with more threads than CPUs are not pinned; the others are, one CPU each.\n");
    else
        printf("Threads are pinned, one CPU each.\n");
    if (options->n_ops == 0 && cpu_share(plan) < CPU_SHARE_QUIET)
        printf("The machine was busy: threads that wait for nothing ran %.0f %% of the time.\n"
               "Times are too long by as much; ratios and minima say more.\n",
               cpu_share(plan) * 100);
}

static void print_latency(const struct bench_row *row)
{
    if (row->latency == NULL)
        return;
    printf("   p50 %llu  p99 %llu  p99.9 %llu  max %llu ns",
           (unsigned long long)bench_histogram_quantile(row->latency, 0.5),
           (unsigned long long)bench_histogram_quantile(row->latency, 0.99),
           (unsigned long long)bench_histogram_quantile(row->latency, 0.999),
           (unsigned long long)row->latency->max);
}

static void print_row(const struct bench_plan *plan, const struct bench_row *row)
{
    double ns = median_ns(row);
    double min = bench_stats_min(row->ns, row->n_rounds);
    double max = bench_stats_max(row->ns, row->n_rounds);
    double speedup = bench_output_speedup(plan, row);
    char range[40];

    snprintf(range, sizeof(range), "%.*f-%.*f", digits(min), min, digits(max), max);
    printf("%-14s %-9s %7u %9.*f  %-15s %9.2f", row->workload, row->mode, row->threads, digits(ns),
           ns, range, bench_stats_median(row->ops_per_second, row->n_rounds) / 1e6);
    if (row->plain != NULL)
        printf(" %8.*f", digits(ratio_to_plain(row)), ratio_to_plain(row));
    else
        printf(" %8s", "");
    if (speedup != 0)
        printf("   %5.2f", speedup);
    print_latency(row);
    printf("\n");
}

static void print_service_row(const struct bench_plan *plan, const struct bench_row *row)
{
    const struct bench_service_figures *s = row->service;
    double cpu = bench_stats_median(s->server_cpu_us, row->n_rounds);
    double to_floor = 0;

    for (size_t i = 0; i < plan->n_rows && !row->is_baseline; i++) {
        const struct bench_row *floor = plan->rows[i];

        if (floor->service != NULL && floor->is_baseline && is_same_work(floor, row) &&
            floor->service->pipeline == s->pipeline && floor->service->transport == s->transport &&
            floor->n_rounds == row->n_rounds)
            to_floor = bench_stats_median_ratio(s->server_cpu_us, floor->service->server_cpu_us,
                                                row->n_rounds);
    }
    printf("%-8s %-7s %-5s %7u %8u %9.1f %10.3f %8.3f", row->workload, row->mode, s->transport,
           row->threads, s->pipeline, bench_stats_median(row->ops_per_second, row->n_rounds) / 1e3,
           cpu, bench_stats_min(s->server_cpu_us, row->n_rounds));
    if (to_floor != 0)
        printf(" %7.2f", to_floor);
    else
        printf(" %7s", "");
    printf(" %9.1f %9.1f %9.1f\n", (double)bench_histogram_quantile(row->latency, 0.5) / 1e3,
           (double)bench_histogram_quantile(row->latency, 0.99) / 1e3,
           (double)bench_histogram_quantile(row->latency, 0.999) / 1e3);
}

static void print_table(const struct bench_plan *plan)
{
    const struct bench_row *last = NULL;

    for (size_t i = 0; i < plan->n_rows; i++) {
        const struct bench_row *row = plan->rows[i];

        if (last == NULL || (last->service == NULL) != (row->service == NULL)) {
            if (row->service != NULL)
                printf("\n%-8s %-7s %-5s %7s %8s %9s %10s %8s %7s %9s %9s %9s\n", "workload",
                       "mode", "over", "workers", "pipeline", "k op/s", "server us", "min",
                       "x echo", "p50 us", "p99 us", "p99.9 us");
            else
                printf("\n%-14s %-9s %7s %9s  %-15s %9s %8s   %5s\n", "workload", "mode", "threads",
                       "ns/op", "min-max", "M op/s", "x plain", "xT");
        } else if (!is_same_work(last, row)) {
            printf("\n");
        }
        if (row->service != NULL)
            print_service_row(plan, row);
        else
            print_row(plan, row);
        last = row;
    }
}

void bench_output(const struct bench_plan *plan, const char *title)
{
    if (plan->options->json) {
        for (size_t i = 0; i < plan->n_rows; i++)
            if (plan->rows[i]->plain != NULL)
                print_json(plan, plan->rows[i]);
        return;
    }
    bench_output_header(plan, title);
    print_table(plan);
}
