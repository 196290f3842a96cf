/* SPDX-License-Identifier: MIT */
/*
 * The three modes side by side: what tenure-bench does without a command, in
 * about a minute. One line for each kind of work and number of threads, one
 * group of columns for each mode.
 */
#include <stdio.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/output.h"
#include "bench/plan.h"
#include "bench/stats.h"

#define SECONDS_DEFAULT 1.6

struct line {
    const struct bench_family *family;
    const char *workload;
    const char *what;
};

static const struct line lines[] = {
    { &bench_family_refcount, "private", "private: count an own object" },
    { &bench_family_heap, "private-list", "private: an own list" },
    { &bench_family_heap, "mixed", "mixed" },
    { &bench_family_heap, "hot-read", "one hot object: read by name" },
    { &bench_family_heap, "hot-count", "one hot object: counted" },
};

static const char title[] = "tenure-bench: a global lock, atomic counts and biased counts";

static const char notes[] =
    "\n"
    "ns       of one operation, as a thread sees it\n"
    "x plain  how many plain increments with their decrements that is\n"
    "xT       throughput of all threads against that of one (two threads: 2.00 is ideal)\n"
    "\n"
    "count an own object  increment and decrement\n"
    "an own list          append a new int, read an item, pop one\n"
    "mixed                what a busy service does; bench/README.md says what\n"
    "read by name         all threads look one name up and read its object; nothing is counted\n"
    "counted              the same, but each takes and drops a reference\n";

static const struct bench_row *find_row(const struct bench_plan *plan, const struct line *line,
                                        const char *mode, unsigned int threads)
{
    for (size_t i = 0; i < plan->n_rows; i++) {
        const struct bench_row *row = plan->rows[i];

        if (strcmp(row->bench, line->family->name) == 0 &&
            strcmp(row->workload, line->workload) == 0 && strcmp(row->mode, mode) == 0 &&
            row->threads == threads)
            return row;
    }
    return NULL;
}

static void print_figure(double value, int width)
{
    if (value != 0)
        printf("%*.*f", width, value < 10 ? 2 : value < 100 ? 1 : 0, value);
    else
        printf("%*s", width, "");
}

static void print_line(const struct bench_plan *plan, const struct line *line, unsigned int threads,
                       bool is_first)
{
    printf("%-30s %7u", is_first ? line->what : "", threads);
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        const struct bench_row *row;

        if (!plan->options->modes[mode])
            continue;
        row = find_row(plan, line, tn_mode_name((enum tn_mode)mode), threads);
        printf("  ");
        print_figure(bench_stats_median(row->ns, row->n_rounds), 7);
        print_figure(bench_stats_median_ratio(row->ns, row->plain->ns, row->n_rounds), 8);
        print_figure(bench_output_speedup(plan, row), 6);
    }
    printf("\n");
}

static void print_table(const struct bench_plan *plan)
{
    const struct bench_list *threads = &plan->options->threads;

    printf("\n%-30s %7s", "", "");
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        if (plan->options->modes[mode])
            printf("  %-21s", tn_mode_name((enum tn_mode)mode));
    printf("\n%-30s %7s", "work", "threads");
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
        if (plan->options->modes[mode])
            printf("  %7s%8s%6s", "ns", "x plain", "xT");
    printf("\n");
    for (size_t i = 0; i < TN_ARRAY_LEN(lines); i++) {
        printf("\n");
        for (size_t j = 0; j < threads->n; j++)
            print_line(plan, &lines[i], threads->items[j], j == 0);
    }
    printf("\nThe plain pair:");
    for (size_t j = 0; j < threads->n; j++) {
        const struct bench_row *plain = plan->plain[threads->items[j]];

        printf("%s %.2f ns with %u thread%s", j > 0 ? "," : "",
               bench_stats_median(plain->ns, plain->n_rounds), plain->threads,
               plain->threads == 1 ? "" : "s");
    }
    printf(".\n%s", notes);
}

int bench_command_modes(struct bench_options *options)
{
    struct bench_plan plan;

    if (options->workloads != NULL)
        bench_die("--workload needs a command: refcount, alloc, heap or service");
    if (options->seconds == 0 && options->rounds == 0)
        options->seconds = SECONDS_DEFAULT;
    bench_options_finish(options);
    bench_plan_init(&plan, options);
    for (size_t i = 0; i < options->threads.n; i++)
        (void)bench_plan_plain(&plan, options->threads.items[i]);
    for (size_t i = 0; i < TN_ARRAY_LEN(lines); i++)
        (void)bench_plan_add_workload(&plan, lines[i].family, lines[i].workload);
    bench_plan_run(&plan);
    if (options->json) {
        bench_output(&plan, title);
    } else {
        bench_output_header(&plan, title);
        print_table(&plan);
    }
    bench_plan_fini(&plan);
    return 0;
}
