/* SPDX-License-Identifier: MIT */
/* Collecting cycles: the command's own options. */
#ifndef TN_BENCH_GC_H
#define TN_BENCH_GC_H

#include <argp.h>

/* Its input is a struct bench_options. */
extern const struct argp bench_gc_argp;

#endif
