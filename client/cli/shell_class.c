/* SPDX-License-Identifier: MIT */
/* Classes: declaring them, and calling them. */
#include <string.h>

#include "client/cli/shell.h"

#define SLOTS_MAX ((size_t)64) /* more are refused by the server, too */

/* What stands behind `class`. */
struct declaration {
    char name[SHELL_NAME_MAX + 1];
    char slots[SLOTS_MAX][SHELL_NAME_MAX + 1];
    size_t n_slots;
    tn_value base; /* invalid: none */
    bool has_dict;
};

static int read_name(struct shell_lexer *lexer, char *ret_name)
{
    if (lexer->token.kind != SHELL_NAME || lexer->token.len > SHELL_NAME_MAX)
        return shell_fail_token(lexer, "a name of at most 64 characters");
    memcpy(ret_name, lexer->token.begin, lexer->token.len);
    ret_name[lexer->token.len] = '\0';
    return shell_lex_next(lexer);
}

/* `...`: any other attribute. */
static int read_ellipsis(struct shell_lexer *lexer, struct declaration *declaration)
{
    declaration->has_dict = true;
    for (int i = 0; i < 3; i++)
        if (shell_lex_expect(lexer, '.') < 0)
            return -1;
    return shell_lex_expect_end(lexer);
}

static int read_slots(struct shell_lexer *lexer, struct declaration *declaration)
{
    bool is_comma = true;

    while (is_comma && lexer->token.kind != SHELL_END) {
        if (shell_lex_is(lexer, '.'))
            return read_ellipsis(lexer, declaration);
        if (declaration->n_slots == SLOTS_MAX)
            return shell_fail(lexer->shell, CLI_USAGE, "A class has at most %zu slots.", SLOTS_MAX);
        if (read_name(lexer, declaration->slots[declaration->n_slots++]) < 0 ||
            shell_lex_accept(lexer, ',', &is_comma) < 0)
            return -1;
    }
    return shell_lex_expect_end(lexer);
}

static int read_declaration(struct shell_lexer *lexer, struct declaration *declaration)
{
    bool is_bracket, is_colon;

    if (read_name(lexer, declaration->name) < 0 || shell_lex_accept(lexer, '(', &is_bracket) < 0)
        return -1;
    if (is_bracket &&
        (shell_expression(lexer, &declaration->base) < 0 || shell_lex_expect(lexer, ')') < 0))
        return -1;
    if (shell_lex_accept(lexer, ':', &is_colon) < 0)
        return -1;
    return is_colon ? read_slots(lexer, declaration) : shell_lex_expect_end(lexer);
}

static int declare(struct shell *shell, const struct declaration *declaration,
                   tn_handle **ret_handle)
{
    const char *slots[SLOTS_MAX];
    tn_class_spec spec = TN_CLASS_SPEC_INIT;
    tn_handle *base;
    int n_extra;

    for (size_t i = 0; i < declaration->n_slots; i++)
        slots[i] = declaration->slots[i];
    spec.name = declaration->name;
    spec.slots = slots;
    spec.n_slots = declaration->n_slots;
    spec.has_dict = declaration->has_dict;
    if (tn_value_is_valid(declaration->base)) {
        if (shell_borrow(shell, declaration->base, &base, &n_extra) < 0)
            return -1;
        spec.base = tn_held(base);
    }
    if (tn_client_class_declare(shell->client, &spec, ret_handle) < 0)
        return shell_fail_client(shell);
    return 0;
}

int shell_run_class(struct shell_lexer *lexer)
{
    struct shell *shell = lexer->shell;
    struct declaration declaration = { .base = { .values = NULL, .node = UINT32_MAX } };
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    const struct shell_variable *variable;

    if (read_declaration(lexer, &declaration) < 0 || declare(shell, &declaration, &handle) < 0 ||
        shell_set_variable(shell, declaration.name, &handle) < 0)
        return -1;
    tn_values_clear(shell->values); /* so that nothing else refers to it any more */
    variable = shell_find_variable(shell, declaration.name, strlen(declaration.name));
    return shell_remark(shell, variable->handle, 0, 0);
}

/* ---- Calling ---- */

/* Whether the token is the name in `name=value`. */
static bool is_keyword(const struct shell_lexer *lexer)
{
    const char *behind = lexer->at + strspn(lexer->at, " \t");

    return lexer->token.kind == SHELL_NAME && *behind == '=' && behind[1] != '=';
}

static int read_argument(struct shell_lexer *lexer, tn_value list, tn_value dict)
{
    bool is_named = is_keyword(lexer);
    char name[SHELL_NAME_MAX + 1];
    tn_value value;

    if (is_named && (read_name(lexer, name) < 0 || shell_lex_expect(lexer, '=') < 0))
        return -1;
    if (shell_expression(lexer, &value) < 0)
        return -1;
    if (is_named)
        (void)tn_value_set_str(dict, name, value); /* the table remembers failures */
    else
        (void)tn_value_append(list, value);
    return 0;
}

/* Values of slots in order, or attributes by name. */
static int read_arguments(struct shell_lexer *lexer, tn_value *ret_attributes)
{
    tn_value list = tn_value_list(lexer->shell->values);
    tn_value dict = tn_value_dict(lexer->shell->values);
    bool is_comma = true;

    while (is_comma && !shell_lex_is(lexer, ')')) {
        if (read_argument(lexer, list, dict) < 0 || shell_lex_accept(lexer, ',', &is_comma) < 0)
            return -1;
    }
    if (tn_value_len(list) > 0 && tn_value_len(dict) > 0)
        return shell_fail(lexer->shell, CLI_USAGE,
                          "The attributes of a record are given in order or by name, not both.");
    *ret_attributes = tn_value_len(dict) > 0 ? dict : list;
    return shell_lex_expect(lexer, ')');
}

int shell_call_class(struct shell_lexer *lexer, tn_value class_value, tn_value *ret_value)
{
    struct shell *shell = lexer->shell;
    TN_HANDLE_CLEANUP tn_handle *record = NULL;
    tn_value attributes;
    tn_handle *handle;
    int n_extra;

    if (read_arguments(lexer, &attributes) < 0 ||
        shell_borrow(shell, class_value, &handle, &n_extra) < 0)
        return -1;
    if (tn_client_record_new(shell->client, tn_held(handle), attributes, &record) < 0)
        return shell_fail_client(shell);
    *ret_value = tn_value_handle(shell->values, record);
    return 0;
}
