/* SPDX-License-Identifier: MIT */
/*
 * Text that is put together before it is printed. Appending never fails: without
 * memory the text stays as it is and `is_failed` says so.
 */
#ifndef TN_CLIENT_CLI_TEXT_H
#define TN_CLIENT_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"

struct cli_text {
    char *data; /* NUL-terminated once something was appended; NULL before */
    size_t len;
    size_t cap;
    bool is_failed;
};

/* Frees the memory; the text is empty and can be used again. */
void cli_text_fini(struct cli_text *text);

void cli_text_append(struct cli_text *text, const void *data, size_t len);
void cli_text_put(struct cli_text *text, const char *string);
void cli_text_putc(struct cli_text *text, char c);
TN_PRINTF(2, 3) void cli_text_printf(struct cli_text *text, const char *format, ...);

/* What was appended; never NULL. */
static inline const char *cli_text_string(const struct cli_text *text)
{
    return text->data ? text->data : "";
}

/* Appends bytes so that a terminal shows them harmlessly: as they are, except for
 * control characters, invalid UTF-8 and `quote` (0: none), which are escaped with
 * a backslash as in Python. */
void cli_text_put_escaped(struct cli_text *text, const char *data, size_t len, char quote);

/* Appends bytes in base64. */
void cli_text_put_base64(struct cli_text *text, const void *data, size_t len);

/* Decodes base64, with or without padding. Returns false, and nothing is appended,
 * if it is none. */
TN_MUST_CHECK bool cli_text_append_from_base64(struct cli_text *text, const char *data, size_t len);

/* A number as short as it can be told apart from all others: "0.1", "1e+300", "2.0",
 * "nan", "-inf". Independent of the locale. */
void cli_text_put_float(struct cli_text *text, double real);

/* A number of bytes for people: "512 B", "1.5 KiB". */
void cli_text_put_size(struct cli_text *text, unsigned long long bytes);

#endif
