/* SPDX-License-Identifier: MIT */
/* The machine: what it is, and which CPUs we may use. Any thread. */
#ifndef TN_BENCH_MACHINE_H
#define TN_BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* How many CPUs this process may run on. */
unsigned int bench_machine_n_cpus(void);

/* Binds the calling thread (or the calling process, if it has only one) to the
 * i-th CPU of those that the process may run on, counted around the end. */
void bench_machine_pin(unsigned int i);

/* Lets the calling thread run on all of them again. */
void bench_machine_unpin(void);

/* Writes one line about processor, CPUs and kernel, without a newline. */
void bench_machine_describe(char *text, size_t size);

#endif
