/* SPDX-License-Identifier: MIT */
/* See config.h: the table, and the values that texts stand for. */
#include "server/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"

#define KB (UINT64_C(1) << 10)
#define MB (UINT64_C(1) << 20)
#define GB (UINT64_C(1) << 30)
#define TB (UINT64_C(1) << 40)
#define FOREVER (UINT64_C(7) * 24 * 3600 * TN_NS_PER_S) /* the longest timeout */

#define NUMBER(opt_name, letter, kind, arg_name, member, lowest, highest, first, text)             \
    {                                                                                              \
        .name = (opt_name), .short_name = (letter), .type = TN_OPTION_IS_##kind,                   \
        .arg = (arg_name), .offset = offsetof(struct tn_config, member), .min = (lowest),          \
        .max = (highest), .initial = (first), .help = (text)                                       \
    }
#define OTHER(opt_name, letter, kind, arg_name, member, text)                                      \
    {                                                                                              \
        .name = (opt_name), .short_name = (letter), .type = TN_OPTION_IS_##kind,                   \
        .arg = (arg_name), .offset = offsetof(struct tn_config, member), .help = (text)            \
    }

static const struct tn_option options[TN_OPTION_END] = {
    [TN_OPTION_LISTEN] =
        OTHER("listen", 'l', ADDRESSES, "ADDRESS", listen,
              "Listen on unix:PATH or tcp:HOST:PORT (loopback only); may be given several times"),
    [TN_OPTION_MODE] =
        OTHER("mode", 'm', MODE, "MODE", mode, "How references are counted: gil, atomic or biased"),
    [TN_OPTION_WORKERS] = NUMBER("workers", 'w', COUNT, "N", workers, 0, TN_WORKERS_MAX, 0,
                                 "Number of worker threads; 0: one for each CPU"),
    [TN_OPTION_MAX_MEMORY] = NUMBER("max-memory", 'M', BYTES, "BYTES", max_memory_bytes, 0, 16 * TB,
                                    0, "Memory that the heap may hold; 0: no limit"),
    [TN_OPTION_MAX_BACKLOG] =
        NUMBER("max-backlog", 0, BYTES, "BYTES", max_backlog_bytes, 64 * KB, TB, TN_BACKLOG_BYTES,
               "Dead memory per worker before it has to wait"),
    [TN_OPTION_SWITCH_INTERVAL] =
        NUMBER("switch-interval", 0, DURATION, "TIME", switch_interval_ns, 1000, TN_NS_PER_S,
               TN_SWITCH_INTERVAL_NS, "Mode gil: how long a worker may keep the global lock"),
    [TN_OPTION_COLLECTOR] =
        OTHER("collector", 0, COLLECTOR, "COLLECTOR", collector,
              "What frees cycles: none, generational or concurrent; by default generational in "
              "mode gil, else concurrent"),
    [TN_OPTION_GC_THRESHOLD] =
        OTHER("gc-threshold", 0, THRESHOLDS, "N0,N1,N2", gc_thresholds,
              "New containers before a collection of the young, of those before one of the "
              "middle-aged, and whether growth starts full ones (0: no)"),
    [TN_OPTION_GC_PAUSE_TARGET] = NUMBER(
        "gc-pause-target", 0, DURATION, "TIME", gc_pause_target_ns, 10 * TN_NS_PER_US, TN_NS_PER_S,
        500 * TN_NS_PER_US, "How long the collector may keep others from their work at once"),
    [TN_OPTION_GC_CPU_PERCENT] =
        NUMBER("gc-cpu-percent", 0, COUNT, "N", gc_cpu_percent, 1, 100, 100,
               "How much of one CPU the concurrent collector may take"),
    [TN_OPTION_GC_ON_REQUEST] = OTHER("gc-on-request", 0, SWITCH, "yes|no", gc_on_request,
                                      "Collect only when a client asks for it"),
    [TN_OPTION_MAX_CONNECTIONS] =
        NUMBER("max-connections", 'c', COUNT, "N", max_connections, 1, 1000000, 1024,
               "Connections at a time; further ones are refused"),
    [TN_OPTION_MAX_FRAME] = NUMBER("max-frame", 0, BYTES, "BYTES", max_frame_bytes, 64 * KB, GB,
                                   16 * MB, "The longest message in either direction"),
    [TN_OPTION_MAX_IN_FLIGHT] =
        NUMBER("max-in-flight", 0, COUNT, "N", max_in_flight, 1, 1000000, 1024,
               "Answers that a connection may leave unread before its requests wait"),
    [TN_OPTION_MAX_HANDLES] = NUMBER("max-handles", 0, COUNT, "N", max_handles, 1, TN_HANDLES_MAX,
                                     1000000, "Handles that a session may hold"),
    [TN_OPTION_MAX_STEPS] = NUMBER("max-steps", 0, COUNT, "N", max_steps, 1, 65536, 4096,
                                   "Steps that a batch may have"),
    [TN_OPTION_MAX_BUFFERS] =
        NUMBER("max-buffers", 0, BYTES, "BYTES", max_buffers_bytes, 64 * KB, TB, 256 * MB,
               "Memory for large messages of all connections together"),
    [TN_OPTION_OUTPUT_BUFFER] =
        NUMBER("output-buffer", 0, BYTES, "BYTES", output_buffer_bytes, 4 * KB, GB, MB,
               "Answers of a connection that may wait to be sent before its requests wait"),
    [TN_OPTION_HELLO_TIMEOUT] =
        NUMBER("hello-timeout", 0, DURATION, "TIME", hello_timeout_ns, TN_NS_PER_MS, FOREVER,
               10 * TN_NS_PER_S, "How long a new connection may stay silent"),
    [TN_OPTION_READ_TIMEOUT] =
        NUMBER("read-timeout", 0, DURATION, "TIME", read_timeout_ns, TN_NS_PER_MS, FOREVER,
               30 * TN_NS_PER_S, "How long a message may take to arrive"),
    [TN_OPTION_WRITE_TIMEOUT] =
        NUMBER("write-timeout", 0, DURATION, "TIME", write_timeout_ns, TN_NS_PER_MS, FOREVER,
               30 * TN_NS_PER_S, "How long a connection may take nothing of its answers"),
    [TN_OPTION_DRAIN_TIMEOUT] =
        NUMBER("drain-timeout", 0, DURATION, "TIME", drain_timeout_ns, 0, FOREVER, 10 * TN_NS_PER_S,
               "How long a shutdown waits for answers to be taken"),
    [TN_OPTION_LOG_LEVEL] = OTHER("log-level", 0, LEVEL, "LEVEL", log_level,
                                  "What is logged: error, warning, info or debug"),
    [TN_OPTION_PORT_FILE] = OTHER("port-file", 0, PATH, "FILE", port_file,
                                  "Write the TCP ports that are listened on to FILE, one a line"),
};

static const char *const source_names[] = {
    [TN_CONFIG_DEFAULT] = "default",
    [TN_CONFIG_FILE] = "file",
    [TN_CONFIG_ENVIRONMENT] = "environment",
    [TN_CONFIG_FLAG] = "flag",
};

const struct tn_option *tn_option_of(enum tn_config_id id)
{
    TN_ASSERT(id < TN_OPTION_END);
    return &options[id];
}

int tn_option_find(const char *name, enum tn_config_id *ret_id)
{
    for (unsigned int i = 0; i < TN_OPTION_END; i++) {
        if (strcmp(name, options[i].name) == 0) {
            *ret_id = (enum tn_config_id)i;
            return 0;
        }
    }
    return TN_ERR_NAME;
}

static bool is_number(const struct tn_option *option)
{
    return option->type == TN_OPTION_IS_COUNT || option->type == TN_OPTION_IS_BYTES ||
           option->type == TN_OPTION_IS_DURATION;
}

static uint64_t *number_of(struct tn_config *config, const struct tn_option *option)
{
    return (uint64_t *)(void *)((char *)config + option->offset);
}

static uint64_t number_in(const struct tn_config *config, const struct tn_option *option)
{
    return *(const uint64_t *)(const void *)((const char *)config + option->offset);
}

void tn_config_init(struct tn_config *config)
{
    *config = (struct tn_config){
        .mode = TN_MODE_BIASED,
        .log_level = TN_LOG_INFO,
        .collector = TN_GC_CONCURRENT,
        .gc_thresholds = { 700, 10, 10 },
    };
    for (unsigned int i = 0; i < TN_OPTION_END; i++)
        if (is_number(&options[i]))
            *number_of(config, &options[i]) = options[i].initial;
}

/* ---- Numbers ---- */

struct unit {
    const char *name;
    uint64_t factor;
};

/* In the order in which they are tried when a number is written. */
static const struct unit byte_units[] = {
    { "tb", TB },  { "gb", GB },  { "mb", MB },  { "kb", KB },  { "b", 1 },
    { "tib", TB }, { "gib", GB }, { "mib", MB }, { "kib", KB }, { "t", TB },
    { "g", GB },   { "m", MB },   { "k", KB },   { "", 1 },     { NULL, 0 },
};

static const struct unit time_units[] = {
    { "h", 3600 * TN_NS_PER_S }, { "min", 60 * TN_NS_PER_S },
    { "s", TN_NS_PER_S },        { "ms", TN_NS_PER_MS },
    { "us", TN_NS_PER_US },      { "ns", 1 },
    { "", TN_NS_PER_S },         { NULL, 0 },
};

static const struct unit count_units[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *units_of(const struct tn_option *option)
{
    if (option->type == TN_OPTION_IS_BYTES)
        return byte_units;
    return option->type == TN_OPTION_IS_DURATION ? time_units : count_units;
}

/* Digits and a unit, with nothing but spaces between them. */
static int parse_number(const char *text, const struct unit *units, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (!isdigit((unsigned char)*text))
        return TN_ERR_INVAL;
    for (; isdigit((unsigned char)*text); text++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
            return TN_ERR_INVAL;
    while (*text == ' ')
        text++;
    for (; units->name != NULL; units++)
        if (strcasecmp(text, units->name) == 0)
            return __builtin_mul_overflow(number, units->factor, ret_number) ? TN_ERR_INVAL : 0;
    return TN_ERR_INVAL;
}

static void format_number(uint64_t number, const struct unit *units, char ret_text[32])
{
    while (number != 0 && number % units->factor != 0)
        units++;
    if (number == 0)
        (void)snprintf(ret_text, 32, "0");
    else
        (void)snprintf(ret_text, 32, "%" PRIu64 "%s", number / units->factor, units->name);
}

void tn_config_format_bytes(uint64_t bytes, char ret_text[32])
{
    format_number(bytes, byte_units, ret_text);
}

void tn_config_format_duration(uint64_t ns, char ret_text[32])
{
    format_number(ns, time_units, ret_text);
}

static int set_number(struct tn_config *config, const struct tn_option *option, const char *text,
                      struct tn_problem *problem)
{
    const struct unit *units = units_of(option);
    uint64_t number;
    char min[32];
    char max[32];

    if (parse_number(text, units, &number) < 0) {
        switch (option->type) {
        case TN_OPTION_IS_BYTES:
            return tn_problem_set(problem, TN_ERR_INVAL,
                                  "%s: '%s' is not a size such as 4096, 64kb, 16mb or 2gb",
                                  option->name, text);
        case TN_OPTION_IS_DURATION:
            return tn_problem_set(problem, TN_ERR_INVAL,
                                  "%s: '%s' is not a time such as 500us, 5ms, 10s or 2min",
                                  option->name, text);
        default:
            return tn_problem_set(problem, TN_ERR_INVAL, "%s: '%s' is not a number", option->name,
                                  text);
        }
    }
    if (number < option->min || number > option->max) {
        format_number(option->min, units, min);
        format_number(option->max, units, max);
        return tn_problem_set(problem, TN_ERR_INVAL, "%s: %s is not between %s and %s",
                              option->name, text, min, max);
    }
    *number_of(config, option) = number;
    return 0;
}

/* ---- The other types ---- */

static int set_mode(struct tn_config *config, const char *text, struct tn_problem *problem)
{
    if (tn_mode_from_name(text, &config->mode) < 0)
        return tn_problem_set(problem, TN_ERR_INVAL, "mode: '%s' is not gil, atomic or biased",
                              text);
    return 0;
}

static int set_collector(struct tn_config *config, const char *text, struct tn_problem *problem)
{
    if (tn_gc_kind_from_name(text, &config->collector) < 0)
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "collector: '%s' is not none, generational or concurrent", text);
    return 0;
}

/* Three numbers with commas between them. */
static int set_thresholds(struct tn_config *config, const char *text, struct tn_problem *problem)
{
    uint32_t thresholds[TN_GC_GENERATIONS];
    const char *at = text;

    for (unsigned int i = 0; i < TN_GC_GENERATIONS; i++) {
        bool is_last = i == TN_GC_GENERATIONS - 1;
        char *end = NULL;
        unsigned long long number = isdigit((unsigned char)*at) ? strtoull(at, &end, 10) : 0;

        if (end == NULL || *end != (is_last ? '\0' : ',') || number > UINT32_MAX)
            return tn_problem_set(problem, TN_ERR_INVAL,
                                  "gc-threshold: '%s' is not three numbers such as 700,10,10",
                                  text);
        thresholds[i] = (uint32_t)number;
        at = end + 1;
    }
    memcpy(config->gc_thresholds, thresholds, sizeof(thresholds));
    return 0;
}

static int set_switch(bool *value, const char *name, const char *text, struct tn_problem *problem)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return tn_problem_set(problem, TN_ERR_INVAL, "%s: '%s' is not yes or no", name, text);
    *value = text[0] == 'y';
    return 0;
}

static int set_level(struct tn_config *config, const char *text, struct tn_problem *problem)
{
    if (tn_log_level_from_name(text, &config->log_level) < 0)
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "log-level: '%s' is not error, warning, info or debug", text);
    return 0;
}

static int set_path(struct tn_config *config, const char *text, struct tn_problem *problem)
{
    size_t len = strlen(text);

    if (len >= sizeof(config->port_file))
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "port-file: the path has %zu bytes, but at most %zu are allowed", len,
                              sizeof(config->port_file) - 1);
    memcpy(config->port_file, text, len + 1);
    return 0;
}

/* One or several addresses, separated by spaces or commas. */
static int add_addresses(struct tn_config *config, const char *text, struct tn_problem *problem)
{
    char one[TN_ADDRESS_TEXT_SIZE];

    for (;;) {
        struct tn_problem inner = { { 0 } };
        size_t len;

        text += strspn(text, " ,\t");
        len = strcspn(text, " ,\t");
        if (len == 0)
            return 0;
        if (len >= sizeof(one))
            return tn_problem_set(problem, TN_ERR_INVAL, "listen: '%s' is too long an address",
                                  text);
        if (config->n_listen == TN_CONFIG_LISTEN_MAX)
            return tn_problem_set(problem, TN_ERR_INVAL, "listen: at most %d addresses",
                                  TN_CONFIG_LISTEN_MAX);
        memcpy(one, text, len);
        one[len] = '\0';
        if (tn_address_parse(one, &config->listen[config->n_listen], &inner) < 0)
            return tn_problem_set(problem, TN_ERR_INVAL, "listen: %s", inner.text);
        config->n_listen++;
        text += len;
    }
}

int tn_config_set(struct tn_config *config, enum tn_config_id id, const char *text,
                  enum tn_config_source source, struct tn_problem *problem)
{
    const struct tn_option *option = tn_option_of(id);
    int r;

    if (source < config->source[id])
        return 0;
    if (option->type == TN_OPTION_IS_ADDRESSES && source > config->source[id])
        config->n_listen = 0;

    switch (option->type) {
    case TN_OPTION_IS_ADDRESSES:
        r = add_addresses(config, text, problem);
        break;
    case TN_OPTION_IS_MODE:
        r = set_mode(config, text, problem);
        break;
    case TN_OPTION_IS_COLLECTOR:
        r = set_collector(config, text, problem);
        break;
    case TN_OPTION_IS_THRESHOLDS:
        r = set_thresholds(config, text, problem);
        break;
    case TN_OPTION_IS_SWITCH:
        r = set_switch(&config->gc_on_request, option->name, text, problem);
        break;
    case TN_OPTION_IS_LEVEL:
        r = set_level(config, text, problem);
        break;
    case TN_OPTION_IS_PATH:
        r = set_path(config, text, problem);
        break;
    default:
        r = set_number(config, option, text, problem);
        break;
    }
    if (r == 0)
        config->source[id] = source;
    return r;
}

/* ---- All together ---- */

static void environment_name(const struct tn_option *option, char ret_name[64])
{
    size_t n = (size_t)snprintf(ret_name, 64, "TENURE_%s", option->name);

    TN_ASSERT(n < 64);
    for (char *c = ret_name; *c != '\0'; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

int tn_config_read_environment(struct tn_config *config, struct tn_problem *problem)
{
    for (unsigned int i = 0; i < TN_OPTION_END; i++) {
        struct tn_problem inner = { { 0 } };
        const char *value;
        char name[64];

        environment_name(&options[i], name);
        value = getenv(name);
        if (value == NULL || value[0] == '\0')
            continue;
        if (tn_config_set(config, (enum tn_config_id)i, value, TN_CONFIG_ENVIRONMENT, &inner) < 0)
            return tn_problem_set(problem, TN_ERR_INVAL, "environment variable %s: %s", name,
                                  inner.text);
    }
    return 0;
}

static uint64_t n_cpus(void)
{
    cpu_set_t set;
    int n;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > TN_WORKERS_MAX ? TN_WORKERS_MAX : (uint64_t)n;
}

int tn_config_finish(struct tn_config *config, struct tn_problem *problem)
{
    int r;

    if (config->n_listen == 0 && config->source[TN_OPTION_LISTEN] != TN_CONFIG_DEFAULT)
        return tn_problem_set(problem, TN_ERR_INVAL, "listen: no address is given");
    if (config->n_listen == 0) {
        r = tn_address_default_unix(&config->listen[0], problem);
        if (r < 0)
            return r;
        tn_address_default_tcp(&config->listen[1]);
        config->n_listen = 2;
    }
    if (config->workers == 0)
        config->workers = n_cpus();
    if (config->source[TN_OPTION_COLLECTOR] == TN_CONFIG_DEFAULT)
        config->collector = config->mode == TN_MODE_GIL ? TN_GC_GENERATIONAL : TN_GC_CONCURRENT;

    /* Whoever sends or gets the largest message must be able to finish. */
    if (config->source[TN_OPTION_MAX_BUFFERS] == TN_CONFIG_DEFAULT &&
        config->max_buffers_bytes < 2 * config->max_frame_bytes)
        config->max_buffers_bytes = 2 * config->max_frame_bytes;
    if (config->max_buffers_bytes < 2 * config->max_frame_bytes) {
        char frame[32];

        tn_config_format_bytes(config->max_frame_bytes, frame);
        return tn_problem_set(problem, TN_ERR_INVAL,
                              "max-buffers must be at least twice max-frame, which is %s", frame);
    }
    return 0;
}

static void format_option(const struct tn_config *config, const struct tn_option *option,
                          char ret_text[TN_CONFIG_PATH_SIZE])
{
    switch (option->type) {
    case TN_OPTION_IS_MODE:
        (void)snprintf(ret_text, TN_CONFIG_PATH_SIZE, "%s", tn_mode_name(config->mode));
        break;
    case TN_OPTION_IS_COLLECTOR:
        (void)snprintf(ret_text, TN_CONFIG_PATH_SIZE, "%s", tn_gc_kind_name(config->collector));
        break;
    case TN_OPTION_IS_THRESHOLDS:
        (void)snprintf(ret_text, TN_CONFIG_PATH_SIZE, "%u,%u,%u", config->gc_thresholds[0],
                       config->gc_thresholds[1], config->gc_thresholds[2]);
        break;
    case TN_OPTION_IS_SWITCH:
        (void)snprintf(ret_text, TN_CONFIG_PATH_SIZE, "%s", config->gc_on_request ? "yes" : "no");
        break;
    case TN_OPTION_IS_LEVEL:
        (void)snprintf(ret_text, TN_CONFIG_PATH_SIZE, "%s", tn_log_level_name(config->log_level));
        break;
    case TN_OPTION_IS_PATH:
        (void)snprintf(ret_text, TN_CONFIG_PATH_SIZE, "%s", config->port_file);
        break;
    default:
        format_number(number_in(config, option), units_of(option), ret_text);
        break;
    }
}

void tn_config_print(const struct tn_config *config, FILE *out)
{
    char text[TN_CONFIG_PATH_SIZE];

    for (unsigned int i = 0; i < TN_OPTION_END; i++) {
        const struct tn_option *option = &options[i];

        (void)fprintf(out, "# %s. (%s)\n", option->help, source_names[config->source[i]]);
        if (option->type == TN_OPTION_IS_ADDRESSES) {
            for (size_t k = 0; k < config->n_listen; k++) {
                tn_address_format(&config->listen[k], text);
                (void)fprintf(out, "%s = %s\n", option->name, text);
            }
            continue;
        }
        format_option(config, option, text);
        (void)fprintf(out, "%s%s = %s\n", text[0] == '\0' ? "#" : "", option->name, text);
    }
}
