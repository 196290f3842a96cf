/* SPDX-License-Identifier: MIT */
/*
 * Scopes in the shell. A variable knows how deep it was set, so it is known which
 * ones a scope takes along; also one that existed before and was set anew inside.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/shell.h"

#define KEEP_MAX ((size_t)256)

int shell_run_begin(struct shell_lexer *lexer)
{
    struct shell *shell = lexer->shell;

    if (shell_lex_expect_end(lexer) < 0)
        return -1;
    if (shell->n_scopes == SHELL_SCOPES_MAX)
        return shell_fail(shell, CLI_REFUSED, "At most %zu scopes can be open.", SHELL_SCOPES_MAX);
    if (tn_scope_begin(shell->client, &shell->scopes[shell->n_scopes]) < 0)
        return shell_fail_client(shell);
    shell->n_scopes++;
    return 0;
}

/* `keep x, y`: the variables that are to stay, which are marked by their depth. */
static int read_kept(struct shell_lexer *lexer, struct shell_variable **kept, size_t *ret_n)
{
    struct shell *shell = lexer->shell;
    bool is_more = true;

    *ret_n = 0;
    if (!shell_lex_is_word(lexer, "keep"))
        return shell_lex_expect_end(lexer);
    while (is_more) {
        if (shell_lex_next(lexer) < 0)
            return -1;
        if (lexer->token.kind != SHELL_NAME)
            return shell_fail_token(lexer, "the name of a variable");
        if (*ret_n == KEEP_MAX)
            return shell_fail(shell, CLI_USAGE, "At most %zu variables can be kept.", KEEP_MAX);
        kept[*ret_n] = shell_find_variable(shell, lexer->token.begin, lexer->token.len);
        if (!kept[*ret_n])
            return shell_fail(shell, CLI_NO, "There is no variable \"%.*s\".",
                              (int)lexer->token.len, lexer->token.begin);
        (*ret_n)++;
        if (shell_lex_next(lexer) < 0)
            return -1;
        is_more = shell_lex_is(lexer, ',');
    }
    return shell_lex_expect_end(lexer);
}

/* Forgets the variables of the scopes deeper than `depth`. */
static void forget_deeper(struct shell *shell, size_t depth)
{
    size_t n = 0;

    for (size_t i = 0; i < shell->n_variables; i++) {
        struct shell_variable *variable = &shell->variables[i];

        if (variable->depth <= depth) {
            shell->variables[n++] = *variable;
            continue;
        }
        tn_handle_release(&variable->handle);
        free(variable->name);
    }
    shell->n_variables = n;
}

int shell_run_end(struct shell_lexer *lexer)
{
    struct shell *shell = lexer->shell;
    struct shell_variable *kept[KEEP_MAX];
    const tn_handle *handles[KEEP_MAX];
    size_t n_kept;
    size_t depth = shell->n_scopes;
    uint64_t count;

    if (read_kept(lexer, kept, &n_kept) < 0)
        return -1;
    if (depth == 0)
        return shell_fail(shell, CLI_USAGE, "No scope is open; \"begin\" opens one.");
    for (size_t i = 0; i < n_kept; i++)
        handles[i] = kept[i]->handle;
    if (tn_scope_end(&shell->scopes[depth - 1], handles, n_kept, &count) < 0)
        return shell_fail_client(shell);
    depth = --shell->n_scopes;
    for (size_t i = 0; i < n_kept; i++)
        if (kept[i]->depth > depth)
            kept[i]->depth = depth;
    forget_deeper(shell, depth);
    if (!shell->is_quiet)
        cli_text_printf(&shell->out, "  %" PRIu64 " reference%s dropped\n", count,
                        count == 1 ? "" : "s");
    return 0;
}
