/* SPDX-License-Identifier: MIT */
#include "bench/options.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/attr.h"

#define SECONDS_DEFAULT 1.8
#define ROUNDS_DEFAULT 9
#define WARMUP_DEFAULT 0.1

enum option_key {
    OPTION_ROUNDS = 0x100,
    OPTION_WARMUP,
    OPTION_OPS,
    OPTION_SEED,
    OPTION_KEYS,
    OPTION_JSON,
    OPTION_LATENCY,
    OPTION_NO_PIN,
    OPTION_NO_BASELINES,
};

static const struct argp_option options_table[] = {
    { "workload", 'w', "NAME,...", 0, "Only these workloads (default: all)", 1 },
    { "mode", 'm', "MODE,...", 0, "Only these of gil, atomic and biased (default: all)", 1 },
    { "threads", 't', "N,...", 0, "Numbers of threads (default: 1,2)", 1 },
    { "seconds", 's', "S", 0, "Time per row, all rounds together (default: 1.8)", 2 },
    { "rounds", OPTION_ROUNDS, "N", 0,
      "Rounds per row, each of at least 0.1 s; medians are over rounds (default: 9)", 2 },
    { "warmup", OPTION_WARMUP, "S", 0, "Time per row before the first round (default: 0.1)", 2 },
    { "ops", OPTION_OPS, "N", 0,
      "End each round after so many operations: a trial run, whose times mean nothing", 2 },
    { "seed", OPTION_SEED, "N", 0, "Of all random choices (default: 1)", 2 },
    { "keys", OPTION_KEYS, "N", 0, "Names or entries, in place of what each workload says", 2 },
    { "json", OPTION_JSON, NULL, 0, "One object a line instead of a table", 3 },
    { "latency", OPTION_LATENCY, NULL, 0,
      "Also time single operations, one between two safe points, where that makes sense", 3 },
    { "no-pin", OPTION_NO_PIN, NULL, 0, "Let threads move between CPUs", 3 },
    { "no-baselines", OPTION_NO_BASELINES, NULL, 0, "Leave out what is not ours", 3 },
    { 0 },
};

void bench_options_init(struct bench_options *options)
{
    *options = (struct bench_options){
        .modes = { true, true, true },
        .collectors = { true, true, true },
        .warmup_seconds = WARMUP_DEFAULT,
        .seed = 1,
        .pipelines = { { 1, 16, 64 }, 3 },
        .connections = 50,
        .value_bytes = 100,
    };
}

static double parse_seconds(struct argp_state *state, const char *arg, double min)
{
    char *end;
    double value;

    errno = 0;
    value = strtod(arg, &end);
    if (errno != 0 || end == arg || *end != '\0' || !(value >= min && value <= 3600))
        argp_error(state, "'%s' is not a number of seconds from %g to 3600", arg, min);
    return value;
}

static uint64_t parse_number(struct argp_state *state, const char *arg, uint64_t min, uint64_t max)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(arg, &end, 0);
    if (errno != 0 || end == arg || *end != '\0' || *arg == '-' || value < min || value > max)
        argp_error(state, "'%s' is not a number from %llu to %llu", arg, (unsigned long long)min,
                   (unsigned long long)max);
    return value;
}

void bench_options_parse_list(struct argp_state *state, const char *arg, unsigned int min,
                              unsigned int max, struct bench_list *ret_list)
{
    char item[32];

    ret_list->n = 0;
    for (const char *end; arg != NULL; arg = *end != '\0' ? end + 1 : NULL) {
        end = strchrnul(arg, ',');
        if (ret_list->n == BENCH_LIST_MAX)
            argp_error(state, "the list has more than %d items", BENCH_LIST_MAX);
        if ((size_t)(end - arg) >= sizeof(item))
            argp_error(state, "'%s' is not a list of numbers", arg);
        memcpy(item, arg, (size_t)(end - arg));
        item[end - arg] = '\0';
        ret_list->items[ret_list->n++] = (unsigned int)parse_number(state, item, min, max);
    }
}

static void parse_modes(struct argp_state *state, const char *arg, struct bench_options *options)
{
    memset(options->modes, 0, sizeof(options->modes));
    for (const char *end; arg != NULL; arg = *end != '\0' ? end + 1 : NULL) {
        char name[16] = "";
        enum tn_mode mode;

        end = strchrnul(arg, ',');
        if ((size_t)(end - arg) < sizeof(name))
            memcpy(name, arg, (size_t)(end - arg));
        if (tn_mode_from_name(name, &mode) < 0)
            argp_error(state, "'%.*s' is not a mode; there are gil, atomic and biased",
                       (int)(end - arg), arg);
        else
            options->modes[mode] = true;
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct bench_options *options = state->input;

    switch (key) {
    case 'w':
        options->workloads = arg;
        break;
    case 'm':
        parse_modes(state, arg, options);
        break;
    case 't':
        bench_options_parse_list(state, arg, 1, BENCH_THREADS_MAX, &options->threads);
        break;
    case 's':
        options->seconds = parse_seconds(state, arg, 0.001);
        break;
    case OPTION_ROUNDS:
        options->rounds = (unsigned int)parse_number(state, arg, 1, BENCH_ROUNDS_MAX);
        break;
    case OPTION_WARMUP:
        options->warmup_seconds = parse_seconds(state, arg, 0);
        break;
    case OPTION_OPS:
        options->n_ops = parse_number(state, arg, 1, UINT64_C(1) << 40);
        break;
    case OPTION_SEED:
        options->seed = parse_number(state, arg, 0, UINT64_MAX);
        break;
    case OPTION_KEYS:
        options->n_keys = (uint32_t)parse_number(state, arg, 16, 1u << 28);
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_LATENCY:
        options->latency = true;
        break;
    case OPTION_NO_PIN:
        options->no_pin = true;
        break;
    case OPTION_NO_BASELINES:
        options->no_baselines = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

const struct argp bench_options_argp = { .options = options_table, .parser = parse_option };

void bench_options_finish(struct bench_options *options)
{
    double n_fitting;

    if (options->threads.n == 0)
        options->threads = (struct bench_list){ { 1, 2 }, 2 };
    if (options->rounds != 0 && options->seconds == 0)
        options->seconds = options->rounds * SECONDS_DEFAULT / ROUNDS_DEFAULT;
    if (options->seconds == 0)
        options->seconds = SECONDS_DEFAULT;
    if (options->rounds == 0) {
        n_fitting = floor(options->seconds / BENCH_ROUND_SECONDS_MIN + 1e-9);
        options->rounds = n_fitting >= ROUNDS_DEFAULT ? ROUNDS_DEFAULT
                          : n_fitting >= 1            ? (unsigned int)n_fitting
                                                      : 1;
    }
    options->round_seconds = options->seconds / options->rounds;
    if (options->round_seconds < BENCH_ROUND_SECONDS_MIN)
        options->round_seconds = BENCH_ROUND_SECONDS_MIN;
}

bool bench_options_wants(const struct bench_options *options, const char *workload)
{
    const char *at = options->workloads;
    size_t len = strlen(workload);

    while (at != NULL) {
        const char *end = strchrnul(at, ',');

        if ((size_t)(end - at) == len && memcmp(at, workload, len) == 0)
            return true;
        at = *end != '\0' ? end + 1 : NULL;
    }
    return options->workloads == NULL;
}
