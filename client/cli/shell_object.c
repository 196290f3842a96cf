/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/shell.h"

int shell_fail(struct shell *shell, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(shell->message, sizeof(shell->message), format, args); /* cut off */
    va_end(args);
    shell->code = code;
    return -1;
}

int shell_fail_client(struct shell *shell)
{
    const tn_error *error = tn_client_error(shell->client);

    return shell_fail(shell, cli_exit_of(error->err), "%s", error->message);
}

static int fail_memory(struct shell *shell)
{
    return shell_fail(shell, CLI_LOCAL, "There is no memory left.");
}

struct shell_variable *shell_find_variable(struct shell *shell, const char *name, size_t len)
{
    for (size_t i = 0; i < shell->n_variables; i++) {
        if (strlen(shell->variables[i].name) == len &&
            memcmp(shell->variables[i].name, name, len) == 0)
            return &shell->variables[i];
    }
    return NULL;
}

int shell_set_variable(struct shell *shell, const char *name, tn_handle **take_handle)
{
    struct shell_variable *variable = shell_find_variable(shell, name, strlen(name));

    if (!variable) {
        if (shell->n_variables == shell->cap_variables) {
            size_t cap = shell->cap_variables < 16 ? 16 : shell->cap_variables * 2;
            struct shell_variable *variables =
                reallocarray(shell->variables, cap, sizeof(*variables));

            if (!variables)
                return fail_memory(shell);
            shell->variables = variables;
            shell->cap_variables = cap;
        }
        variable = &shell->variables[shell->n_variables];
        *variable = (struct shell_variable){ .name = strdup(name) };
        if (!variable->name)
            return fail_memory(shell);
        shell->n_variables++;
    }
    tn_handle_release(&variable->handle);
    variable->handle = *take_handle;
    variable->depth = shell->n_scopes;
    *take_handle = NULL;
    return 0;
}

int shell_resolve(struct shell *shell, const char *name, size_t len, tn_value *ret_value)
{
    struct shell_variable *variable = shell_find_variable(shell, name, len);
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    char copy[SHELL_NAME_MAX + 1];
    int r;

    if (variable) {
        *ret_value = tn_value_handle(shell->values, variable->handle);
        return 0;
    }
    if (len > SHELL_NAME_MAX)
        return shell_fail(shell, CLI_USAGE, "A name here has at most %zu characters.",
                          SHELL_NAME_MAX);
    memcpy(copy, name, len);
    copy[len] = '\0';
    r = tn_client_lookup(shell->client, copy, &handle, NULL);
    if (r == TN_ENAME)
        return shell_fail(shell, CLI_NO,
                          "There is neither a variable \"%s\" nor an object with this name.", copy);
    if (r < 0)
        return shell_fail_client(shell);
    *ret_value = tn_value_handle(shell->values, handle);
    return 0;
}

/* Whether a handle is a variable's. */
static bool is_variables(const struct shell *shell, const tn_handle *handle)
{
    for (size_t i = 0; i < shell->n_variables; i++) {
        if (shell->variables[i].handle == handle)
            return true;
    }
    return false;
}

int shell_own(struct shell *shell, tn_value value, tn_handle **ret_handle)
{
    tn_handle *handle = tn_value_as_handle(value);
    tn_want want = TN_WANT_INIT;
    tn_value copy;

    if (!handle) {
        if (tn_client_put(shell->client, value, ret_handle) < 0)
            return shell_fail_client(shell);
        return 0;
    }
    if (is_variables(shell, handle)) { /* the variable keeps its own */
        want.handle = true;
        if (tn_client_get(shell->client, tn_held(handle), &want, shell->values, &copy) < 0)
            return shell_fail_client(shell);
        handle = tn_value_as_handle(copy);
        if (!handle)
            return shell_fail(shell, CLI_REFUSED, "The server did not answer with a handle.");
    }
    *ret_handle = tn_handle_ref(handle);
    return 0;
}

int shell_borrow(struct shell *shell, tn_value value, tn_handle **ret_handle, int *ret_extra)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;

    *ret_handle = tn_value_as_handle(value);
    *ret_extra = *ret_handle && is_variables(shell, *ret_handle) ? 0 : 1;
    if (*ret_handle)
        return 0;
    if (tn_client_put(shell->client, value, &handle) < 0)
        return shell_fail_client(shell);
    *ret_handle = tn_value_as_handle(tn_value_handle(shell->values, handle)); /* keeps it */
    return *ret_handle ? 0 : fail_memory(shell);
}

int shell_kind_of(struct shell *shell, tn_handle *handle, tn_kind *ret_kind)
{
    tn_description d = TN_DESCRIPTION_INIT;

    *ret_kind = tn_handle_kind(handle);
    if (*ret_kind != TN_KIND_INVALID)
        return 0;
    if (tn_client_describe(shell->client, tn_held(handle), false, 0, &d) < 0)
        return shell_fail_client(shell);
    *ret_kind = d.type;
    return 0;
}

int shell_fetch(struct shell *shell, tn_value value, tn_value *ret_value)
{
    const tn_handle *handle = tn_value_as_handle(value);

    *ret_value = value;
    if (!handle)
        return 0;
    if (tn_client_get(shell->client, tn_held(handle), NULL, shell->values, ret_value) < 0)
        return shell_fail_client(shell);
    return 0;
}

int shell_make_deque(struct shell *shell, tn_value items, int64_t maxlen, tn_value *ret_value)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;

    *ret_value = tn_value_deque(shell->values, maxlen);
    if (!tn_value_is_valid(items))
        return 0;
    if (tn_client_put(shell->client, *ret_value, &handle) < 0 ||
        tn_client_deque_extend(shell->client, tn_held(handle), TN_RIGHT, items, NULL) < 0)
        return shell_fail_client(shell);
    *ret_value = tn_value_handle(shell->values, handle);
    return 0;
}

int shell_remark(struct shell *shell, tn_handle *handle, int n_extra, int n_gone)
{
    tn_description d = TN_DESCRIPTION_INIT;
    int64_t refs;

    if (shell->is_quiet)
        return 0;
    if (tn_client_describe(shell->client, tn_held(handle), false, 0, &d) < 0)
        return shell_fail_client(shell);
    refs = d.refs - n_extra - n_gone;
    cli_text_printf(&shell->out, "  %s 0x%" PRIx64, tn_kind_name(d.type), d.identity);
    if (d.immortal)
        cli_text_put(&shell->out, " is immortal: everybody shares it\n");
    else if (refs <= 0)
        cli_text_put(&shell->out, " has 0 references: it is gone\n");
    else
        cli_text_printf(&shell->out, " has %" PRId64 " reference%s\n", refs, refs == 1 ? "" : "s");
    return 0;
}
