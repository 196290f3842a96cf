/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/shell.h"

static bool is_name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_part(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

int shell_fail_token(struct shell_lexer *lexer, const char *expected)
{
    const struct shell_token *token = &lexer->token;

    if (token->kind == SHELL_END)
        return shell_fail(lexer->shell, CLI_USAGE, "The line ends where %s should be.", expected);
    return shell_fail(lexer->shell, CLI_USAGE, "Here should be %s, but there is: %.*s", expected,
                      (int)(token->len < 40 ? token->len : 40), token->begin);
}

static void put_utf8(struct cli_text *text, unsigned long c)
{
    if (c < 0x80) {
        cli_text_putc(text, (char)c);
    } else if (c < 0x800) {
        cli_text_putc(text, (char)(0xc0 | c >> 6));
        cli_text_putc(text, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        cli_text_putc(text, (char)(0xe0 | c >> 12));
        cli_text_putc(text, (char)(0x80 | (c >> 6 & 63)));
        cli_text_putc(text, (char)(0x80 | (c & 63)));
    } else {
        cli_text_putc(text, (char)(0xf0 | c >> 18));
        cli_text_putc(text, (char)(0x80 | (c >> 12 & 63)));
        cli_text_putc(text, (char)(0x80 | (c >> 6 & 63)));
        cli_text_putc(text, (char)(0x80 | (c & 63)));
    }
}

/* The digits of \x, \u and \U. Returns the position behind them, or NULL. */
static const char *read_hex(const char *at, int n_digits, unsigned long *ret_number)
{
    unsigned long number = 0;

    for (int i = 0; i < n_digits; i++, at++) {
        if (!isxdigit((unsigned char)*at))
            return NULL;
        number = number * 16 + (unsigned long)(isdigit((unsigned char)*at)
                                                   ? *at - '0'
                                                   : tolower((unsigned char)*at) - 'a' + 10);
    }
    *ret_number = number;
    return at;
}

/* What follows a backslash. Returns the position behind it, or NULL. */
static const char *read_escape(struct shell_lexer *lexer, const char *at, bool is_bytes)
{
    static const char plain[] = "\\'\"abfnrtv";
    static const char meaning[] = "\\'\"\a\b\f\n\r\t\v";
    const char *found = *at ? strchr(plain, *at) : NULL;
    unsigned long number = 0;
    int n_digits = *at == 'x' ? 2 : *at == 'u' ? 4 : *at == 'U' ? 8 : 0;

    if (found) {
        cli_text_putc(&lexer->text, meaning[found - plain]);
        return at + 1;
    }
    if (*at == '0') {
        cli_text_putc(&lexer->text, '\0');
        return at + 1;
    }
    if (n_digits == 0 || (is_bytes && n_digits > 2))
        return NULL;
    at = read_hex(at + 1, n_digits, &number);
    if (!at || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
        return NULL;
    if (is_bytes)
        cli_text_putc(&lexer->text, (char)number);
    else
        put_utf8(&lexer->text, number);
    return at;
}

static int read_string(struct shell_lexer *lexer, bool is_bytes)
{
    const char *at = lexer->token.begin + is_bytes;
    char quote = *at++;

    lexer->text.len = 0;
    lexer->token.kind = is_bytes ? SHELL_BYTES : SHELL_STR;
    while (*at != quote) {
        if (*at == '\0')
            return shell_fail(lexer->shell, CLI_USAGE, "A quote is not closed: %s",
                              lexer->token.begin);
        if (*at != '\\') {
            cli_text_putc(&lexer->text, *at++);
            continue;
        }
        at = read_escape(lexer, at + 1, is_bytes);
        if (!at)
            return shell_fail(lexer->shell, CLI_USAGE,
                              "A backslash is followed by what has no meaning: %s",
                              lexer->token.begin);
    }
    lexer->at = at + 1;
    return 0;
}

static int read_number(struct shell_lexer *lexer)
{
    const char *begin = lexer->token.begin;
    size_t n_digits = strspn(begin, "0123456789");
    char *end;

    errno = 0;
    if (strchr(".eE", begin[n_digits]) && begin[n_digits] != '\0') {
        lexer->token.kind = SHELL_FLOAT;
        lexer->token.real = strtod(begin, &end);
    } else {
        lexer->token.kind = SHELL_INT;
        lexer->token.integer = strtoll(begin, &end, 10);
        if (errno == ERANGE)
            return shell_fail(lexer->shell, CLI_USAGE,
                              "An int has 64 bits, and this does not fit: %.*s", (int)n_digits,
                              begin);
    }
    lexer->at = end;
    return 0;
}

int shell_lex_next(struct shell_lexer *lexer)
{
    const char *at = lexer->at;
    bool is_bytes;
    int r = 0;

    while (isspace((unsigned char)*at))
        at++;
    lexer->token = (struct shell_token){ .kind = SHELL_END, .begin = at };
    lexer->at = at;
    is_bytes = (*at == 'b' || *at == 'B') && (at[1] == '\'' || at[1] == '"');
    if (*at == '\0' || *at == '#')
        return 0;
    if (*at == '\'' || *at == '"' || is_bytes) {
        r = read_string(lexer, is_bytes);
    } else if (is_name_start(*at)) {
        lexer->token.kind = SHELL_NAME;
        while (is_name_part(*lexer->at))
            lexer->at++;
    } else if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1]))) {
        r = read_number(lexer);
    } else {
        lexer->token.kind = SHELL_PUNCTUATION;
        lexer->token.punctuation = *at;
        lexer->at++;
    }
    lexer->token.len = (size_t)(lexer->at - at);
    return r;
}

int shell_lex_init(struct shell_lexer *lexer, struct shell *shell, const char *line)
{
    *lexer = (struct shell_lexer){ .line = line, .at = line, .shell = shell };
    return shell_lex_next(lexer);
}

void shell_lex_fini(struct shell_lexer *lexer)
{
    cli_text_fini(&lexer->text);
}

bool shell_lex_is(const struct shell_lexer *lexer, char punctuation)
{
    return lexer->token.kind == SHELL_PUNCTUATION && lexer->token.punctuation == punctuation;
}

bool shell_lex_is_word(const struct shell_lexer *lexer, const char *word)
{
    return lexer->token.kind == SHELL_NAME && strlen(word) == lexer->token.len &&
           memcmp(word, lexer->token.begin, lexer->token.len) == 0;
}

int shell_lex_accept(struct shell_lexer *lexer, char punctuation, bool *ret_was)
{
    *ret_was = shell_lex_is(lexer, punctuation);
    return *ret_was ? shell_lex_next(lexer) : 0;
}

int shell_lex_expect(struct shell_lexer *lexer, char punctuation)
{
    char expected[4] = { '"', punctuation, '"', '\0' };

    if (!shell_lex_is(lexer, punctuation))
        return shell_fail_token(lexer, expected);
    return shell_lex_next(lexer);
}

int shell_lex_expect_end(struct shell_lexer *lexer)
{
    return lexer->token.kind == SHELL_END ? 0 : shell_fail_token(lexer, "the end of the line");
}

int shell_lex_object_name(struct shell_lexer *lexer, char **ret_name)
{
    const char *begin = lexer->token.begin;
    size_t len = 0;

    if (lexer->token.kind == SHELL_STR) {
        *ret_name = strndup(cli_text_string(&lexer->text), lexer->text.len);
    } else {
        while (begin[len] && !isspace((unsigned char)begin[len]))
            len++;
        if (len == 0)
            return shell_fail_token(lexer, "a name");
        *ret_name = strndup(begin, len);
        lexer->at = begin + len;
    }
    if (!*ret_name)
        return shell_fail(lexer->shell, CLI_LOCAL, "There is no memory left.");
    if (shell_lex_next(lexer) == 0)
        return 0;
    free(*ret_name);
    *ret_name = NULL;
    return -1;
}
