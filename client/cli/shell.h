/* SPDX-License-Identifier: MIT */
/*
 * The shell: a line is a statement of a small Python.
 *
 * A variable is a handle of the session, so it is one counted reference on the
 * server, as a local variable is in Python. A name that is no variable is looked
 * up on the server, as a global is.
 *
 * While a statement is evaluated, values and handles live in `values`, which is
 * cleared afterwards: so nothing but the variables keeps anything.
 */
#ifndef TN_CLIENT_CLI_SHELL_H
#define TN_CLIENT_CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <tenure/tenure.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"
#include "core/base/attr.h"

#define SHELL_DEPTH_MAX 200
#define SHELL_NAME_MAX ((size_t)64)

struct shell_variable {
    char *name;
    tn_handle *handle;
};

struct shell {
    struct cli *cli;
    tn_client *client;
    tn_values *values; /* of the statement */
    struct shell_variable *variables;
    size_t n_variables;
    size_t cap_variables;
    struct cli_text out; /* what the statement prints */
    bool is_interactive;
    size_t line_number; /* of input that is not typed */
    bool is_quiet;      /* print results only, no remarks */
    bool wants_quit;
    bool is_cancelled; /* the line that is typed is not to be executed */
    int depth;         /* of brackets, while a line is parsed */
    /* When something fails: what to say, and the exit code that fits. */
    char message[640];
    int code;
};

/* What a line is made of. */
enum shell_token_kind {
    SHELL_END,
    SHELL_NAME, /* also a keyword */
    SHELL_INT,
    SHELL_FLOAT,
    SHELL_STR,
    SHELL_BYTES,
    SHELL_PUNCTUATION, /* one character */
};

struct shell_token {
    enum shell_token_kind kind;
    const char *begin; /* in the line */
    size_t len;
    char punctuation;
    long long integer;
    double real;
};

struct shell_lexer {
    const char *line;
    const char *at; /* behind `token` */
    struct shell_token token;
    struct cli_text text; /* of a STR or BYTES, decoded */
    struct shell *shell;
};

/* ---- All below return 0, or -1 after having stated what is wrong. ---- */

/* States what is wrong, for which `code` is the exit code. Returns -1. */
TN_COLD TN_PRINTF(3, 4) int shell_fail(struct shell *shell, int code, const char *format, ...);

/* The same for what the last call on the client has failed with. */
TN_COLD int shell_fail_client(struct shell *shell);

/* ---- shell_lex.c ---- */

/* Begins at the first token of a line, which must stay as it is. */
TN_MUST_CHECK int shell_lex_init(struct shell_lexer *lexer, struct shell *shell, const char *line);
void shell_lex_fini(struct shell_lexer *lexer);

/* Moves on to the next token. */
TN_MUST_CHECK int shell_lex_next(struct shell_lexer *lexer);

/* Whether the token is that character, or that word. */
bool shell_lex_is(const struct shell_lexer *lexer, char punctuation);
bool shell_lex_is_word(const struct shell_lexer *lexer, const char *word);

/* Moves on if the token is that character; `ret_was` says whether it was. */
TN_MUST_CHECK int shell_lex_accept(struct shell_lexer *lexer, char punctuation, bool *ret_was);

/* The same, but it must be. */
TN_MUST_CHECK int shell_lex_expect(struct shell_lexer *lexer, char punctuation);

/* There must be nothing more. */
TN_MUST_CHECK int shell_lex_expect_end(struct shell_lexer *lexer);

/* The name of an object on the server: a quoted text, or everything up to the next
 * blank. The caller frees it. Moves on behind it. */
TN_MUST_CHECK int shell_lex_object_name(struct shell_lexer *lexer, char **ret_name);

/* States that the token is not what was expected. */
TN_COLD int shell_fail_token(struct shell_lexer *lexer, const char *expected);

/* ---- shell_expr.c ---- */

/* An expression: its value is a TN_KIND_HANDLE for what exists on the server. */
TN_MUST_CHECK int shell_expression(struct shell_lexer *lexer, tn_value *ret_value);

/* x, x[i], x.a, x[i].a[j]...: what can be assigned to, and deleted. */
struct shell_place {
    char name[SHELL_NAME_MAX + 1]; /* of the variable or object; of an attribute */
    bool is_item;
    bool is_attr;
    bool is_slice;
    tn_value container; /* of an item or attribute: a TN_KIND_HANDLE */
    tn_value key;       /* of the item: an index or a key; of a slice: its start */
    tn_value stop;      /* of a slice; invalid: to the end */
    bool is_result;     /* the expression was none of this, but has this value: */
    tn_value result;
};

/* Parses an expression, but leaves the last step of a place to the caller. */
TN_MUST_CHECK int shell_parse_place(struct shell_lexer *lexer, struct shell_place *ret_place);

/* The value of a place, or of the expression that it was. */
TN_MUST_CHECK int shell_place_value(struct shell *shell, const struct shell_place *place,
                                    tn_value *ret_value);

/* ---- shell_call.c: functions and methods ---- */

enum shell_function {
    SHELL_REFCOUNT,
    SHELL_ID,
    SHELL_TYPE,
    SHELL_SIZEOF,
    SHELL_LEN,
    SHELL_DESCRIBE,
    SHELL_PRINT,
    SHELL_NO_FUNCTION,
};

/* The function with that name. */
enum shell_function shell_find_function(const char *name, size_t len);

/* What a function returns: an int, a str, or None after it has printed something. */
TN_MUST_CHECK int shell_call_function(struct shell *shell, enum shell_function function,
                                      tn_value argument, tn_value *ret_value);

/* Calls the method whose name is the token, and parses its arguments. */
TN_MUST_CHECK int shell_call_method(struct shell_lexer *lexer, tn_value object,
                                    tn_value *ret_value);

/* ---- shell_class.c ---- */

/* `class NAME(BASE): slot, slot, ...`, behind the first word. */
TN_MUST_CHECK int shell_run_class(struct shell_lexer *lexer);

/* Calls a class, which makes a record: parses what stands behind the bracket. */
TN_MUST_CHECK int shell_call_class(struct shell_lexer *lexer, tn_value class_value,
                                   tn_value *ret_value);

/* ---- shell_call.c again ---- */

/* An int among the arguments: an index or a limit. */
TN_MUST_CHECK int shell_int_of(struct shell *shell, tn_value value, int64_t *ret_integer);

/* Prints a value as Python's shell would, with a newline. */
TN_MUST_CHECK int shell_print(struct shell *shell, tn_value value);

/* ---- shell_object.c: what is done with handles ---- */

/* The variable with that name; NULL if there is none. */
struct shell_variable *shell_find_variable(struct shell *shell, const char *name, size_t len);

/* Makes a variable refer to an object. `take_handle` is empty afterwards. */
TN_MUST_CHECK int shell_set_variable(struct shell *shell, const char *name,
                                     tn_handle **take_handle);

/* A handle to an existing object by its name: the variable's, else one that is new. */
TN_MUST_CHECK int shell_resolve(struct shell *shell, const char *name, size_t len,
                                tn_value *ret_value);

/* A new handle of one's own to what a value is: one more reference to an object that
 * exists, or the first one to a new object. The caller releases it. */
TN_MUST_CHECK int shell_own(struct shell *shell, tn_value value, tn_handle **ret_handle);

/* A handle to what a value is, for looking at it: borrowed, and `ret_extra` is how
 * many references there are only because we look. */
TN_MUST_CHECK int shell_borrow(struct shell *shell, tn_value value, tn_handle **ret_handle,
                               int *ret_extra);

/* The kind of the object behind a handle. */
TN_MUST_CHECK int shell_kind_of(struct shell *shell, tn_handle *handle, tn_kind *ret_kind);

/* A value whole, not as a handle. */
TN_MUST_CHECK int shell_fetch(struct shell *shell, tn_value value, tn_value *ret_value);

/* Remarks on an object: "list 0x7f12 has 2 references". `n_gone` references are about
 * to go and `n_extra` do not count. */
TN_MUST_CHECK int shell_remark(struct shell *shell, tn_handle *handle, int n_extra, int n_gone);

/* ---- shell_eval.c ---- */

/* Executes a line; what it prints is in shell->out. */
TN_MUST_CHECK int shell_execute(struct shell *shell, const char *line);

/* ---- shell_help.c ---- */

/* What help says in general (NULL) or about a topic; NULL if there is no such topic. */
const char *shell_help(const char *topic);

/* The words of the language, ending with NULL, for completion. */
extern const char *const shell_words[];

#endif
