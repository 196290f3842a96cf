/* SPDX-License-Identifier: MIT */
/* Results as people and as programs read them. The main thread. */
#ifndef TN_BENCH_OUTPUT_H
#define TN_BENCH_OUTPUT_H

#include "bench/plan.h"

/* Everything that the plan has measured, to standard output: a table with a
 * header about machine and method, or with --json one object a line. */
void bench_output(const struct bench_plan *plan, const char *title);

/* The header alone: machine, rounds, pinning, and a warning if the machine was
 * busy with something else. */
void bench_output_header(const struct bench_plan *plan, const char *title);

/* The throughput of `row` against that of one thread of the same workload and
 * mode: the median over rounds. 0 if that was not measured. */
double bench_output_speedup(const struct bench_plan *plan, const struct bench_row *row);

#endif
