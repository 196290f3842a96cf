/* SPDX-License-Identifier: MIT */
#include "client/cli/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/utf8.h"

#define FIRST_CAP ((size_t)256)

void cli_text_fini(struct cli_text *text)
{
    free(text->data);
    *text = (struct cli_text){ .data = NULL };
}

/* Room for `len` more bytes and a NUL. */
static bool reserve(struct cli_text *text, size_t len)
{
    size_t needed;
    size_t cap = text->cap < FIRST_CAP ? FIRST_CAP : text->cap;
    char *data;

    if (text->is_failed || __builtin_add_overflow(text->len, len, &needed) ||
        __builtin_add_overflow(needed, 1, &needed)) {
        text->is_failed = true;
        return false;
    }
    if (needed <= text->cap)
        return true;
    while (cap < needed)
        cap = cap > SIZE_MAX / 2 ? needed : cap * 2;
    data = realloc(text->data, cap);
    if (!data) {
        text->is_failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void cli_text_append(struct cli_text *text, const void *data, size_t len)
{
    if (!reserve(text, len))
        return;
    if (len > 0)
        memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void cli_text_put(struct cli_text *text, const char *string)
{
    cli_text_append(text, string, strlen(string));
}

void cli_text_putc(struct cli_text *text, char c)
{
    cli_text_append(text, &c, 1);
}

void cli_text_printf(struct cli_text *text, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(text, (size_t)len)) {
        text->is_failed = true;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text->data + text->len, (size_t)len + 1, format, args); /* as long as above */
    va_end(args);
    text->len += (size_t)len;
}

static void put_escaped_byte(struct cli_text *text, unsigned char byte)
{
    switch (byte) {
    case '\n':
        cli_text_put(text, "\\n");
        break;
    case '\t':
        cli_text_put(text, "\\t");
        break;
    case '\r':
        cli_text_put(text, "\\r");
        break;
    default:
        cli_text_printf(text, "\\x%02x", byte);
    }
}

void cli_text_put_escaped(struct cli_text *text, const char *data, size_t len, char quote)
{
    size_t at = 0;

    while (at < len) {
        size_t valid = at + tn_utf8_valid_prefix(data + at, len - at);

        for (; at < valid; at++) {
            unsigned char byte = (unsigned char)data[at];

            if (byte == '\\' || (quote && byte == (unsigned char)quote)) {
                cli_text_putc(text, '\\');
                cli_text_putc(text, (char)byte);
            } else if (byte < 0x20 || byte == 0x7f) {
                put_escaped_byte(text, byte);
            } else if (byte == 0xc2 && (unsigned char)data[at + 1] < 0xa0) {
                cli_text_printf(text, "\\x%02x", (unsigned char)data[++at]); /* C1 control */
            } else {
                cli_text_putc(text, (char)byte);
            }
        }
        if (at < len)
            put_escaped_byte(text, (unsigned char)data[at++]);
    }
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cli_text_put_base64(struct cli_text *text, const void *data, size_t len)
{
    const unsigned char *from = data;

    for (size_t at = 0; at < len; at += 3) {
        size_t n = len - at < 3 ? len - at : 3;
        unsigned int bits = (unsigned int)from[at] << 16;
        char out[4];

        if (n > 1)
            bits |= (unsigned int)from[at + 1] << 8;
        if (n > 2)
            bits |= from[at + 2];
        for (size_t i = 0; i < 4; i++)
            out[i] = i <= n ? base64_digits[bits >> (18 - 6 * i) & 63] : '=';
        cli_text_append(text, out, 4);
    }
}

/* The value of a digit, or -1. */
static int digit_value(char c)
{
    const char *at = c ? strchr(base64_digits, c) : NULL;

    return at ? (int)(at - base64_digits) : -1;
}

bool cli_text_append_from_base64(struct cli_text *text, const char *data, size_t len)
{
    size_t before = text->len;
    unsigned int bits = 0;
    unsigned int n_bits = 0;

    for (size_t padding = 0; padding < 2 && len > 0 && data[len - 1] == '=' && len % 4 != 1;
         padding++)
        len--;
    if (len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        int value = digit_value(data[i]);

        if (value < 0) {
            text->len = before;
            return false;
        }
        bits = bits << 6 | (unsigned int)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            cli_text_putc(text, (char)(bits >> n_bits & 255));
        }
    }
    return true;
}

void cli_text_put_float(struct cli_text *text, double real)
{
    char digits[40];

    if (isnan(real)) {
        cli_text_put(text, "nan");
        return;
    }
    if (isinf(real)) {
        cli_text_put(text, real < 0 ? "-inf" : "inf");
        return;
    }
    /* 15 digits are always right, and trailing zeros do not show; the tiniest numbers
     * have fewer that count. */
    for (int precision = fpclassify(real) == FP_SUBNORMAL ? 1 : 15; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof(digits), "%.*g", precision, real); /* always fits */
        if (strtod(digits, NULL) == real)
            break;
    }
    cli_text_put(text, digits);
    if (!strpbrk(digits, ".e"))
        cli_text_put(text, ".0");
}

void cli_text_put_size(struct cli_text *text, unsigned long long bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double size = (double)bytes;
    size_t unit = 0;

    if (bytes < 1024) {
        cli_text_printf(text, "%llu B", bytes);
        return;
    }
    for (size /= 1024; size >= 1023.95 && unit + 1 < TN_ARRAY_LEN(units); unit++)
        size /= 1024;
    cli_text_printf(text, "%.1f %s", size, units[unit]);
}
