/* SPDX-License-Identifier: MIT */
/* The commands of tenure-bench. Each fills in the options that were not given,
 * and returns the exit status. */
#ifndef TN_BENCH_COMMANDS_H
#define TN_BENCH_COMMANDS_H

#include "bench/options.h"
#include "bench/workload.h"

/* The rows of one family in process. */
int bench_command_family(const struct bench_family *family, struct bench_options *options);

/* The table of the three modes: what tenure-bench does without a command. */
int bench_command_modes(struct bench_options *options);

/* Collecting cycles. */
int bench_command_gc(struct bench_options *options);

/* The service, over the wire. */
int bench_command_service(struct bench_options *options);

#endif
