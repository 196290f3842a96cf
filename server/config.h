/* SPDX-License-Identifier: MIT */
/*
 * What can be configured: one table of options, from which flags, environment
 * variables, the configuration file and --print-config are made. A new option is
 * one line of the table.
 *
 * Precedence: defaults < configuration file < environment < flags. An option is
 * named with dashes as a flag and in the file (`max-memory`), and in capitals
 * with underscores in the environment (`TENURE_MAX_MEMORY`).
 */
#ifndef TN_SERVER_CONFIG_H
#define TN_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "server/address.h"
#include "server/log.h"
#include "server/problem.h"

#define TN_CONFIG_FILE_DEFAULT "/etc/tenure/tenured.conf"

#define TN_CONFIG_LISTEN_MAX 16
#define TN_CONFIG_PATH_SIZE 256
#define TN_WORKERS_MAX 256
/* A handle has 24 bits for the place in its session's table. */
#define TN_HANDLES_MAX (UINT64_C(1) << 24)

/* Who gave an option its value; a higher one overrides a lower one. */
enum tn_config_source {
    TN_CONFIG_DEFAULT,
    TN_CONFIG_FILE,
    TN_CONFIG_ENVIRONMENT,
    TN_CONFIG_FLAG,
};

enum tn_config_id {
    TN_OPTION_LISTEN,
    TN_OPTION_MODE,
    TN_OPTION_WORKERS,
    TN_OPTION_MAX_MEMORY,
    TN_OPTION_MAX_BACKLOG,
    TN_OPTION_SWITCH_INTERVAL,
    TN_OPTION_COLLECTOR,
    TN_OPTION_GC_THRESHOLD,
    TN_OPTION_GC_PAUSE_TARGET,
    TN_OPTION_GC_CPU_PERCENT,
    TN_OPTION_GC_ON_REQUEST,
    TN_OPTION_MAX_CONNECTIONS,
    TN_OPTION_MAX_FRAME,
    TN_OPTION_MAX_IN_FLIGHT,
    TN_OPTION_MAX_HANDLES,
    TN_OPTION_MAX_STEPS,
    TN_OPTION_MAX_BUFFERS,
    TN_OPTION_OUTPUT_BUFFER,
    TN_OPTION_HELLO_TIMEOUT,
    TN_OPTION_READ_TIMEOUT,
    TN_OPTION_WRITE_TIMEOUT,
    TN_OPTION_DRAIN_TIMEOUT,
    TN_OPTION_LOG_LEVEL,
    TN_OPTION_PORT_FILE,
    TN_OPTION_END
};

/* Every option's value. Numbers are of one type, so that one table serves all. */
struct tn_config {
    struct tn_address listen[TN_CONFIG_LISTEN_MAX];
    size_t n_listen;
    enum tn_mode mode;
    enum tn_log_level log_level;
    enum tn_gc_kind collector; /* depends on the mode, unless it is given */
    uint32_t gc_thresholds[TN_GC_GENERATIONS];
    bool gc_on_request; /* collections do not begin by themselves */
    uint64_t gc_pause_target_ns;
    uint64_t gc_cpu_percent;
    uint64_t workers;
    uint64_t max_memory_bytes;   /* 0: no limit */
    uint64_t max_backlog_bytes;  /* dead and waiting, per worker */
    uint64_t switch_interval_ns; /* mode gil */
    uint64_t max_connections;
    uint64_t max_frame_bytes;
    uint64_t max_in_flight; /* per connection: answers that it has not taken */
    uint64_t max_handles;   /* per session */
    uint64_t max_steps;     /* per batch */
    uint64_t max_buffers_bytes;
    uint64_t output_buffer_bytes; /* per connection, before its requests have to wait */
    uint64_t hello_timeout_ns;
    uint64_t read_timeout_ns;
    uint64_t write_timeout_ns;
    uint64_t drain_timeout_ns;
    char port_file[TN_CONFIG_PATH_SIZE]; /* empty: none */
    enum tn_config_source source[TN_OPTION_END];
};

/* What the table says of an option, for --help and the manual page's test. */
struct tn_option {
    const char *name;  /* "max-memory" */
    const char *arg;   /* "BYTES" */
    const char *help;  /* a phrase */
    char short_name;   /* 'l', or 0 */
    size_t offset;     /* of its value in struct tn_config */
    uint64_t min, max; /* of numbers */
    uint64_t initial;  /* of numbers */
    enum {
        TN_OPTION_IS_COUNT,
        TN_OPTION_IS_BYTES,
        TN_OPTION_IS_DURATION,
        TN_OPTION_IS_MODE,
        TN_OPTION_IS_COLLECTOR,
        TN_OPTION_IS_THRESHOLDS,
        TN_OPTION_IS_SWITCH,
        TN_OPTION_IS_LEVEL,
        TN_OPTION_IS_PATH,
        TN_OPTION_IS_ADDRESSES,
    } type;
};

const struct tn_option *tn_option_of(enum tn_config_id id);

/* The option of a name, or TN_ERR_NAME. */
TN_MUST_CHECK int tn_option_find(const char *name, enum tn_config_id *ret_id);

/* All options as they are when nobody says anything. Does not look at the
 * environment; listens nowhere until tn_config_finish(). */
void tn_config_init(struct tn_config *config);

/*
 * Gives an option the value that a text stands for. A source of lower precedence
 * than that of the value that is there changes nothing; addresses of one source
 * add up, those of a higher one replace them.
 * TN_ERR_INVAL, and `problem` says what is wrong with the text, not where it is.
 */
TN_MUST_CHECK int tn_config_set(struct tn_config *config, enum tn_config_id id, const char *text,
                                enum tn_config_source source, struct tn_problem *problem);

/*
 * Reads a configuration file: `key = value` lines, comments with # or ;. Unknown
 * keys, sections, keys given twice and lines that are too long are refused.
 * TN_ERR_INVAL, and `problem` begins with FILE:LINE. TN_ERR_IO if it cannot be
 * read; if `may_be_missing`, a file that does not exist is an empty one.
 */
TN_MUST_CHECK int tn_config_read_file(struct tn_config *config, const char *path,
                                      bool may_be_missing, struct tn_problem *problem);

/* Reads the environment variables of all options; an empty one is no value.
 * TN_ERR_INVAL, and `problem` names the variable. */
TN_MUST_CHECK int tn_config_read_environment(struct tn_config *config, struct tn_problem *problem);

/* Fills in what depends on the machine and other options: default addresses, the
 * number of workers, the collector. Checks what must fit together. TN_ERR_INVAL. */
TN_MUST_CHECK int tn_config_finish(struct tn_config *config, struct tn_problem *problem);

/* Writes all options as a configuration file that says where each is from. */
void tn_config_print(const struct tn_config *config, FILE *out);

/* "64mb" for 67108864, "1500ms" for 1500000000; as the file has it. Of 32 bytes. */
void tn_config_format_bytes(uint64_t bytes, char ret_text[32]);
void tn_config_format_duration(uint64_t ns, char ret_text[32]);

#endif
