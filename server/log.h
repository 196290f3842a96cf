/* SPDX-License-Identifier: MIT */
/*
 * The log: lines of key=value pairs (logfmt) on standard error.
 *
 *     ts=2025-01-31T12:00:00.123Z level=info msg=listening address=unix:/run/tenure/tenured.sock
 *
 * A line is built on the caller's stack and written with one system call, so
 * lines of several threads do not mix. Values are quoted where they need to be;
 * what comes from clients may stand in them as it is. A line that grows too long
 * is cut off and ends in `truncated=true`.
 * Threads: any; the level is the one piece of global state. Nobody logs while
 * holding a lock or inside a read section.
 */
#ifndef TN_SERVER_LOG_H
#define TN_SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"

enum tn_log_level {
    TN_LOG_ERROR,
    TN_LOG_WARNING,
    TN_LOG_INFO,
    TN_LOG_DEBUG,
    TN_LOG_LEVEL_END
};

#define TN_LOG_LINE_BYTES 1024

struct tn_log_line {
    size_t len;
    bool is_on;        /* the level is being logged */
    bool is_truncated; /* a pair did not fit; later ones are left out as well */
    char text[TN_LOG_LINE_BYTES];
};

/* "error", "warning", "info", "debug". Never NULL. */
const char *tn_log_level_name(enum tn_log_level level);

/* The level of a name; TN_ERR_INVAL if there is none. */
TN_MUST_CHECK int tn_log_level_from_name(const char *name, enum tn_log_level *ret_level);

/* From now on, lines above `level` are not written. TN_LOG_INFO at the beginning. */
void tn_log_set_level(enum tn_log_level level);
bool tn_log_is_on(enum tn_log_level level);

/* Begins a line; `msg` is a constant phrase by which lines can be searched for. */
void tn_log_begin(struct tn_log_line *line, enum tn_log_level level, const char *msg);

/* Append a pair. Keys are words. */
void tn_log_str(struct tn_log_line *line, const char *key, const char *value);
void tn_log_slice(struct tn_log_line *line, const char *key, struct tn_slice value);
void tn_log_u64(struct tn_log_line *line, const char *key, uint64_t value);
void tn_log_i64(struct tn_log_line *line, const char *key, int64_t value);
/* What the operating system said. */
void tn_log_errno(struct tn_log_line *line, int errnum);

/* Writes the line, if its level is being logged. A failure to write is ignored:
 * there is nobody left to tell. */
void tn_log_end(struct tn_log_line *line);

/* A line without pairs. */
void tn_log_msg(enum tn_log_level level, const char *msg);

#endif
