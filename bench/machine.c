/* SPDX-License-Identifier: MIT */
#include "bench/machine.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* What the process was allowed when it started: pinning changes it for threads. */
static cpu_set_t allowed;
static unsigned int n_allowed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_allowed(void)
{
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        CPU_SET(0, &allowed); /* more CPUs than the set has places for */
    n_allowed = (unsigned int)CPU_COUNT(&allowed);
}

unsigned int bench_machine_n_cpus(void)
{
    pthread_once(&once, find_allowed);
    return n_allowed;
}

void bench_machine_pin(unsigned int i)
{
    unsigned int n_left = i % bench_machine_n_cpus();
    cpu_set_t one;

    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && n_left-- == 0) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    /* If it is refused, the figures are noisier and nothing else. */
    (void)sched_setaffinity(0, sizeof(one), &one);
}

void bench_machine_unpin(void)
{
    if (bench_machine_n_cpus() > 0)
        (void)sched_setaffinity(0, sizeof(allowed), &allowed);
}

static void find_processor(char *name, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    snprintf(name, size, "unknown processor");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *value = strchr(line, ':');

        if (value == NULL || strncmp(line, "model name", 10) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%s", value + 1 + strspn(value + 1, " "));
        break;
    }
    if (file != NULL)
        fclose(file);
}

void bench_machine_describe(char *text, size_t size)
{
    struct utsname kernel;
    char processor[128];

    find_processor(processor, sizeof(processor));
    if (uname(&kernel) != 0)
        snprintf(kernel.release, sizeof(kernel.release), "?");
    snprintf(text, size, "%s, %u CPUs, Linux %s", processor, bench_machine_n_cpus(),
             kernel.release);
}
