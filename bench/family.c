/* SPDX-License-Identifier: MIT */
/* Measuring the workloads of one family in process. */
#include <string.h>

#include "bench/commands.h"
#include "bench/output.h"
#include "bench/plan.h"

/* The first place where a workload stands in the family's table. */
static bool is_first(const struct bench_family *family, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(family->impls[j].workload, family->impls[i].workload) == 0)
            return false;
    return true;
}

/* Ends the program if somebody asks for what there is not. */
static void check_names(const struct bench_family *family, const char *names)
{
    char known[512] = "";
    size_t n = 0;

    for (size_t i = 0; i < family->n_impls; i++)
        if (is_first(family, i))
            n += (size_t)snprintf(known + n, sizeof(known) - n, " %s", family->impls[i].workload);
    while (names != NULL) {
        const char *end = strchrnul(names, ',');
        bool is_known = false;

        for (size_t i = 0; i < family->n_impls; i++)
            is_known |= strlen(family->impls[i].workload) == (size_t)(end - names) &&
                        memcmp(family->impls[i].workload, names, (size_t)(end - names)) == 0;
        if (!is_known)
            bench_die("'%.*s' is not a workload of %s; there are:%s", (int)(end - names), names,
                      family->name, known);
        names = *end != '\0' ? end + 1 : NULL;
    }
}

int bench_command_family(const struct bench_family *family, struct bench_options *options)
{
    struct bench_plan plan;
    char title[128];

    check_names(family, options->workloads);
    bench_options_finish(options);
    bench_plan_init(&plan, options);
    for (size_t i = 0; i < options->threads.n; i++)
        (void)bench_plan_plain(&plan, options->threads.items[i]);
    for (size_t i = 0; i < family->n_impls; i++)
        if (is_first(family, i) && bench_options_wants(options, family->impls[i].workload))
            (void)bench_plan_add_workload(&plan, family, family->impls[i].workload);
    if (plan.n_rows == options->threads.n)
        bench_die("none of these workloads runs with these numbers of threads");
    bench_plan_run(&plan);
    snprintf(title, sizeof(title), "tenure-bench %s: %s", family->name, family->what);
    bench_output(&plan, title);
    bench_plan_fini(&plan);
    return 0;
}
