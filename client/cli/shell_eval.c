/* SPDX-License-Identifier: MIT */
/* Statements. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/describe.h"
#include "client/cli/shell.h"

/* ---- Assignment and deletion ---- */

static int assign_item(struct shell *shell, const struct shell_place *place, tn_value value)
{
    tn_handle *container;
    tn_kind kind;
    int64_t index;
    int n_extra;
    int r;

    if (place->is_slice)
        return shell_fail(shell, CLI_USAGE, "A slice cannot be assigned to.");
    if (shell_borrow(shell, place->container, &container, &n_extra) < 0 ||
        shell_kind_of(shell, container, &kind) < 0)
        return -1;
    if (kind == TN_KIND_DICT) {
        r = tn_client_dict_set(shell->client, tn_held(container), place->key, value);
    } else {
        if (shell_int_of(shell, place->key, &index) < 0)
            return -1;
        r = tn_client_list_set(shell->client, tn_held(container), index, value);
    }
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int assign_attr(struct shell *shell, const struct shell_place *place, tn_value value)
{
    tn_handle *record;
    int n_extra;

    if (shell_borrow(shell, place->container, &record, &n_extra) < 0)
        return -1;
    if (tn_client_attr_set(shell->client, tn_held(record), place->name, value) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int assign(struct shell *shell, const struct shell_place *place, tn_value value)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    struct shell_variable *variable;

    if (place->is_item)
        return assign_item(shell, place, value);
    if (place->is_attr)
        return assign_attr(shell, place, value);
    if (place->is_result)
        return shell_fail(shell, CLI_USAGE,
                          "Only a variable, an item or an attribute can be assigned to.");
    if (shell_own(shell, value, &handle) < 0 || shell_set_variable(shell, place->name, &handle) < 0)
        return -1;
    tn_values_clear(shell->values); /* so that nothing else refers to it any more */
    variable = shell_find_variable(shell, place->name, strlen(place->name));
    return shell_remark(shell, variable->handle, 0, 0);
}

static int delete_item(struct shell *shell, const struct shell_place *place)
{
    tn_handle *container;
    tn_kind kind;
    int64_t index;
    int n_extra;
    int r;

    if (place->is_slice)
        return shell_fail(shell, CLI_USAGE, "A slice cannot be deleted.");
    if (shell_borrow(shell, place->container, &container, &n_extra) < 0 ||
        shell_kind_of(shell, container, &kind) < 0)
        return -1;
    if (kind == TN_KIND_DICT) {
        r = tn_client_dict_delete(shell->client, tn_held(container), place->key);
    } else {
        if (shell_int_of(shell, place->key, &index) < 0)
            return -1;
        r = tn_client_list_delete(shell->client, tn_held(container), index, NULL);
    }
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int delete_attr(struct shell *shell, const struct shell_place *place)
{
    tn_handle *record;
    int n_extra;

    if (shell_borrow(shell, place->container, &record, &n_extra) < 0)
        return -1;
    if (tn_client_attr_delete(shell->client, tn_held(record), place->name) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int delete_variable(struct shell *shell, const char *name)
{
    struct shell_variable *variable = shell_find_variable(shell, name, strlen(name));

    if (!variable)
        return shell_fail(shell, CLI_NO,
                          "There is no variable \"%s\". (An object's name goes with: unbind %s)",
                          name, name);
    if (shell_remark(shell, variable->handle, 0, 1) < 0)
        return -1;
    tn_handle_release(&variable->handle);
    free(variable->name);
    *variable = shell->variables[--shell->n_variables];
    return 0;
}

static int run_del(struct shell_lexer *lexer)
{
    struct shell *shell = lexer->shell;
    bool is_comma = true;

    while (is_comma) {
        struct shell_place place;
        int r;

        if (shell_parse_place(lexer, &place) < 0)
            return -1;
        if (place.is_result)
            return shell_fail(shell, CLI_USAGE,
                              "Only a variable, an item or an attribute can be deleted.");
        r = place.is_item   ? delete_item(shell, &place)
            : place.is_attr ? delete_attr(shell, &place)
                            : delete_variable(shell, place.name);
        if (r < 0 || shell_lex_accept(lexer, ',', &is_comma) < 0)
            return -1;
    }
    return shell_lex_expect_end(lexer);
}

/* ---- Names on the server ---- */

static int bind_to(struct shell_lexer *lexer, const char *name)
{
    struct shell *shell = lexer->shell;
    tn_handle *handle;
    tn_value value;
    int n_extra;

    if (shell_expression(lexer, &value) < 0 || shell_lex_expect_end(lexer) < 0 ||
        shell_borrow(shell, value, &handle, &n_extra) < 0)
        return -1;
    if (tn_client_bind(shell->client, name, tn_held(handle)) < 0)
        return shell_fail_client(shell);
    return shell_remark(shell, handle, n_extra, 0);
}

static int run_bind(struct shell_lexer *lexer)
{
    char *name;
    int r;

    if (shell_lex_object_name(lexer, &name) < 0)
        return -1;
    r = bind_to(lexer, name);
    free(name);
    return r;
}

static int unbind_name(struct shell *shell, const char *name)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;

    if (tn_client_lookup(shell->client, name, &handle, NULL) < 0 ||
        tn_client_unbind(shell->client, name) < 0)
        return shell_fail_client(shell);
    return shell_remark(shell, handle, 1, 0);
}

static int run_unbind(struct shell_lexer *lexer)
{
    char *name;
    int r;

    if (shell_lex_object_name(lexer, &name) < 0)
        return -1;
    r = shell_lex_expect_end(lexer);
    if (r == 0)
        r = unbind_name(lexer->shell, name);
    free(name);
    return r;
}

static int list_names(struct shell *shell, const char *prefix)
{
    TN_NAME_ITER_CLEANUP tn_name_iter *iter = NULL;
    tn_name_entry entry;
    int r;

    if (tn_name_iter_open(shell->client, prefix, &iter) < 0)
        return shell_fail_client(shell);
    while ((r = tn_name_iter_next(iter, &entry)) == 1) {
        cli_text_printf(&shell->out, "%-6s ", tn_kind_name(entry.type));
        cli_text_put_escaped(&shell->out, entry.name, entry.name_len, '\0');
        cli_text_putc(&shell->out, '\n');
    }
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int run_names(struct shell_lexer *lexer)
{
    char *prefix = NULL;
    int r = 0;

    if (lexer->token.kind != SHELL_END)
        r = shell_lex_object_name(lexer, &prefix);
    if (r == 0)
        r = list_names(lexer->shell, prefix);
    free(prefix);
    return r;
}

/* ---- The rest ---- */

static int run_vars(struct shell_lexer *lexer)
{
    struct shell *shell = lexer->shell;

    for (size_t i = 0; i < shell->n_variables; i++) {
        const struct shell_variable *variable = &shell->variables[i];
        tn_description d = TN_DESCRIPTION_INIT;

        if (tn_client_describe(shell->client, tn_held(variable->handle), false, 0, &d) < 0)
            return shell_fail_client(shell);
        cli_text_printf(&shell->out, "%-12s %-6s 0x%" PRIx64, variable->name, tn_kind_name(d.type),
                        d.identity);
        if (d.immortal)
            cli_text_put(&shell->out, "  immortal\n");
        else
            cli_text_printf(&shell->out, "  %" PRId64 " reference%s\n", d.refs,
                            d.refs == 1 ? "" : "s");
    }
    return shell_lex_expect_end(lexer);
}

static int run_info(struct shell_lexer *lexer)
{
    struct shell *shell = lexer->shell;
    TN_INFO_CLEANUP tn_info *info = NULL;

    if (tn_client_info(shell->client, &info) < 0)
        return shell_fail_client(shell);
    cli_put_info(&shell->out, info);
    return shell_lex_expect_end(lexer);
}

static int run_help(struct shell_lexer *lexer)
{
    char topic[SHELL_NAME_MAX + 1] = "";
    const char *text;

    if (lexer->token.kind != SHELL_END) {
        size_t len = lexer->token.len < SHELL_NAME_MAX ? lexer->token.len : SHELL_NAME_MAX;

        memcpy(topic, lexer->token.begin, len);
        topic[len] = '\0';
    }
    text = shell_help(topic[0] ? topic : NULL);
    if (!text)
        return shell_fail(lexer->shell, CLI_USAGE, "There is no help on \"%s\"; type help.", topic);
    cli_text_put(&lexer->shell->out, text);
    return 0;
}

static int run_quit(struct shell_lexer *lexer)
{
    bool is_bracket;

    if (shell_lex_accept(lexer, '(', &is_bracket) < 0 ||
        (is_bracket && shell_lex_expect(lexer, ')') < 0))
        return -1;
    lexer->shell->wants_quit = true;
    return shell_lex_expect_end(lexer);
}

static const struct {
    const char *word;
    int (*run)(struct shell_lexer *lexer); /* behind the word */
} statements[] = {
    { "del", run_del },     { "bind", run_bind },         { "unbind", run_unbind },
    { "names", run_names }, { "ls", run_names },          { "vars", run_vars },
    { "info", run_info },   { "help", run_help },         { "quit", run_quit },
    { "exit", run_quit },   { "class", shell_run_class },
};

/* ---- Expressions as statements ---- */

/* `refcount x`: a function without brackets; id in hexadecimal. */
static int run_function(struct shell_lexer *lexer, enum shell_function function)
{
    struct shell *shell = lexer->shell;
    tn_value argument, result;
    int64_t identity;
    const char *text;

    if (shell_lex_next(lexer) < 0 || shell_expression(lexer, &argument) < 0 ||
        shell_lex_expect_end(lexer) < 0 ||
        shell_call_function(shell, function, argument, &result) < 0)
        return -1;
    text = tn_value_as_str(result, NULL);
    if (function == SHELL_ID && tn_value_as_int(result, &identity) == 0) {
        cli_text_printf(&shell->out, "0x%" PRIx64 "\n", (uint64_t)identity);
        return 0;
    }
    if (text) {
        cli_text_printf(&shell->out, "%s\n", text);
        return 0;
    }
    return tn_value_kind(result) == TN_KIND_NONE ? 0 : shell_print(shell, result);
}

static int identity_of(struct shell *shell, tn_value value, uint64_t *ret_identity)
{
    tn_description d = TN_DESCRIPTION_INIT;
    tn_handle *handle;
    int n_extra;

    if (shell_borrow(shell, value, &handle, &n_extra) < 0)
        return -1;
    if (tn_client_describe(shell->client, tn_held(handle), false, 0, &d) < 0)
        return shell_fail_client(shell);
    *ret_identity = d.identity;
    return 0;
}

/* `x is y`, `x is not y`, `3 in x`, `3 not in x`; behind the first operand. */
static int run_comparison(struct shell_lexer *lexer, tn_value left)
{
    struct shell *shell = lexer->shell;
    bool is_identity = shell_lex_is_word(lexer, "is");
    bool is_negated = shell_lex_is_word(lexer, "not");
    uint64_t left_id = 0;
    uint64_t right_id = 0;
    tn_handle *container;
    bool truth = false;
    tn_value right;
    int n_extra;

    if (shell_lex_next(lexer) < 0)
        return -1;
    if (is_identity && shell_lex_is_word(lexer, "not")) {
        is_negated = true;
        if (shell_lex_next(lexer) < 0)
            return -1;
    } else if (is_negated) {
        if (!shell_lex_is_word(lexer, "in"))
            return shell_fail_token(lexer, "\"in\"");
        if (shell_lex_next(lexer) < 0)
            return -1;
    }
    if (shell_expression(lexer, &right) < 0 || shell_lex_expect_end(lexer) < 0)
        return -1;
    if (is_identity) {
        if (identity_of(shell, left, &left_id) < 0 || identity_of(shell, right, &right_id) < 0)
            return -1;
        truth = left_id == right_id;
    } else {
        if (shell_borrow(shell, right, &container, &n_extra) < 0)
            return -1;
        if (tn_client_contains(shell->client, tn_held(container), left, &truth) < 0)
            return shell_fail_client(shell);
    }
    cli_text_put(&shell->out, truth != is_negated ? "True\n" : "False\n");
    return 0;
}

static int run_expression(struct shell_lexer *lexer)
{
    struct shell *shell = lexer->shell;
    struct shell_place place;
    bool is_assignment;
    tn_value value;

    if (shell_parse_place(lexer, &place) < 0)
        return -1;
    if (shell_lex_is(lexer, '=') && *lexer->at == '=')
        return shell_fail(shell, CLI_USAGE,
                          "Values are not compared here; \"x is y\" tells whether two names "
                          "refer to one object.");
    if (shell_lex_accept(lexer, '=', &is_assignment) < 0)
        return -1;
    if (is_assignment) {
        if (shell_expression(lexer, &value) < 0 || shell_lex_expect_end(lexer) < 0)
            return -1;
        return assign(shell, &place, value);
    }
    if (shell_place_value(shell, &place, &value) < 0)
        return -1;
    if (shell_lex_is_word(lexer, "in") || shell_lex_is_word(lexer, "is") ||
        shell_lex_is_word(lexer, "not"))
        return run_comparison(lexer, value);
    if (shell_lex_expect_end(lexer) < 0)
        return -1;
    if (place.is_result && tn_value_kind(value) == TN_KIND_NONE)
        return 0; /* as Python does after x.append(1) */
    return shell_print(shell, value);
}

static int run_statement(struct shell_lexer *lexer)
{
    enum shell_function function;

    if (lexer->token.kind == SHELL_END)
        return 0;
    if (lexer->token.kind == SHELL_NAME) {
        const char *behind = lexer->at + strspn(lexer->at, " \t");
        bool is_place = (*behind == '=' && behind[1] != '=') || *behind == '.' || *behind == '[';

        for (size_t i = 0; !is_place && i < TN_ARRAY_LEN(statements); i++) {
            if (shell_lex_is_word(lexer, statements[i].word))
                return shell_lex_next(lexer) < 0 ? -1 : statements[i].run(lexer);
        }
        function = shell_find_function(lexer->token.begin, lexer->token.len);
        if (!is_place && function != SHELL_NO_FUNCTION)
            return run_function(lexer, function);
    }
    return run_expression(lexer);
}

int shell_execute(struct shell *shell, const char *line)
{
    struct shell_lexer lexer;
    int r;

    shell->message[0] = '\0';
    shell->code = CLI_OK;
    shell->depth = 0;
    r = shell_lex_init(&lexer, shell, line);
    if (r == 0)
        r = run_statement(&lexer);
    shell_lex_fini(&lexer);
    tn_values_clear(shell->values);
    if (r == 0 && shell->out.is_failed)
        r = shell_fail(shell, CLI_LOCAL, "There is no memory left.");
    return r;
}
