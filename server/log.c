/* SPDX-License-Identifier: MIT */
/* See log.h. */
#include "server/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/utf8.h"

/* Kept free at the end of every line for these and the line feed. */
#define TRUNCATED " truncated=true"
#define RESERVED_BYTES (sizeof(TRUNCATED) + 1)

/* Relaxed: a line more or less around a change does not matter. */
static _Atomic(int) current_level = TN_LOG_INFO;

static const char *const level_names[] = {
    [TN_LOG_ERROR] = "error",
    [TN_LOG_WARNING] = "warning",
    [TN_LOG_INFO] = "info",
    [TN_LOG_DEBUG] = "debug",
};

const char *tn_log_level_name(enum tn_log_level level)
{
    TN_ASSERT(level < TN_LOG_LEVEL_END);
    return level_names[level];
}

int tn_log_level_from_name(const char *name, enum tn_log_level *ret_level)
{
    for (unsigned int i = 0; i < TN_LOG_LEVEL_END; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum tn_log_level)i;
            return 0;
        }
    }
    return TN_ERR_INVAL;
}

void tn_log_set_level(enum tn_log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

bool tn_log_is_on(enum tn_log_level level)
{
    return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

static size_t room(const struct tn_log_line *line)
{
    return sizeof(line->text) - RESERVED_BYTES - line->len;
}

/* Appends a formatted piece, or nothing and notes that it did not fit. */
TN_PRINTF(2, 3) static bool append(struct tn_log_line *line, const char *format, ...)
{
    va_list args;
    int n;

    if (line->is_truncated)
        return false;
    va_start(args, format);
    n = vsnprintf(line->text + line->len, room(line), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room(line)) {
        line->is_truncated = true;
        return false;
    }
    line->len += (size_t)n;
    return true;
}

/* Whether a value can stand as it is: not empty, nothing to be escaped, no
 * space, and none of the characters that have a meaning. */
static bool is_plain(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] <= ' ' || bytes[i] >= 0x7f || bytes[i] == '"' || bytes[i] == '=' ||
            bytes[i] == '\\')
            return false;
    return len > 0;
}

/* One byte of a quoted value. Valid UTF-8 passes; `is_text` says that it is. */
static bool append_quoted_byte(struct tn_log_line *line, uint8_t byte, bool is_text)
{
    if (byte == '"' || byte == '\\')
        return append(line, "\\%c", byte);
    if (byte == '\n')
        return append(line, "\\n");
    if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && !is_text))
        return append(line, "\\x%02x", byte);
    return append(line, "%c", byte);
}

static void append_value(struct tn_log_line *line, const uint8_t *bytes, size_t len)
{
    bool is_text;

    if (is_plain(bytes, len)) {
        append(line, "%.*s", (int)(len < sizeof(line->text) ? len : sizeof(line->text)),
               (const char *)bytes);
        return;
    }
    is_text = tn_utf8_is_valid(bytes, len);
    append(line, "\"");
    for (size_t i = 0; i < len && !line->is_truncated; i++)
        append_quoted_byte(line, bytes[i], is_text);
    append(line, "\"");
}

void tn_log_slice(struct tn_log_line *line, const char *key, struct tn_slice value)
{
    size_t before = line->len;

    if (!line->is_on || line->is_truncated)
        return;
    append(line, " %s=", key);
    append_value(line, value.data, value.len);
    if (line->is_truncated) /* no half pairs */
        line->len = before;
}

void tn_log_str(struct tn_log_line *line, const char *key, const char *value)
{
    tn_log_slice(line, key, tn_slice_from_str(value));
}

void tn_log_u64(struct tn_log_line *line, const char *key, uint64_t value)
{
    if (line->is_on)
        append(line, " %s=%" PRIu64, key, value);
}

void tn_log_i64(struct tn_log_line *line, const char *key, int64_t value)
{
    if (line->is_on)
        append(line, " %s=%" PRId64, key, value);
}

void tn_log_errno(struct tn_log_line *line, int errnum)
{
    char text[128];

    if (line->is_on)
        tn_log_str(line, "error", strerror_r(errnum, text, sizeof(text)));
}

void tn_log_begin(struct tn_log_line *line, enum tn_log_level level, const char *msg)
{
    struct timespec now;
    struct tm tm;
    char when[32];

    line->len = 0;
    line->is_truncated = false;
    line->is_on = tn_log_is_on(level);
    if (!line->is_on)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    if (strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        when[0] = '\0';
    append(line, "ts=%s.%03dZ level=%s", when, (int)(now.tv_nsec / 1000000),
           tn_log_level_name(level));
    tn_log_str(line, "msg", msg);
}

void tn_log_end(struct tn_log_line *line)
{
    ssize_t n;

    if (!line->is_on)
        return;
    if (line->is_truncated) {
        memcpy(line->text + line->len, TRUNCATED, sizeof(TRUNCATED) - 1);
        line->len += sizeof(TRUNCATED) - 1;
    }
    line->text[line->len++] = '\n';
    do
        n = write(STDERR_FILENO, line->text, line->len);
    while (n < 0 && errno == EINTR);
}

void tn_log_msg(enum tn_log_level level, const char *msg)
{
    struct tn_log_line line;

    tn_log_begin(&line, level, msg);
    tn_log_end(&line);
}
