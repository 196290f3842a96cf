/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "client/cli/describe.h"
#include "client/cli/shell.h"

static const struct {
    const char *name;
    enum shell_function function;
} functions[] = {
    { "refcount", SHELL_REFCOUNT },
    { "getrefcount", SHELL_REFCOUNT },
    { "id", SHELL_ID },
    { "type", SHELL_TYPE },
    { "sizeof", SHELL_SIZEOF },
    { "getsizeof", SHELL_SIZEOF },
    { "len", SHELL_LEN },
    { "describe", SHELL_DESCRIBE },
    { "print", SHELL_PRINT },
    { "weakref", SHELL_WEAKREF },
    { "deref", SHELL_DEREF },
    { "set", SHELL_SET },
    { "frozenset", SHELL_FROZENSET },
    { "export", SHELL_EXPORT },
    { "import", SHELL_IMPORT },
};

enum shell_function shell_find_function(const char *name, size_t len)
{
    for (size_t i = 0; i < TN_ARRAY_LEN(functions); i++) {
        if (strlen(functions[i].name) == len && memcmp(functions[i].name, name, len) == 0)
            return functions[i].function;
    }
    return SHELL_NO_FUNCTION;
}

int shell_int_of(struct shell *shell, tn_value value, int64_t *ret_integer)
{
    tn_value fetched;

    if (shell_fetch(shell, value, &fetched) < 0)
        return -1;
    if (tn_value_as_int(fetched, ret_integer) < 0)
        return shell_fail(shell, CLI_USAGE, "Items are counted with ints, not with a %s.",
                          tn_kind_name(tn_value_kind(fetched)));
    return 0;
}

int shell_print(struct shell *shell, tn_value value)
{
    tn_value fetched;

    if (shell_fetch(shell, value, &fetched) < 0)
        return -1;
    if (cli_value_write(&shell->out, fetched, CLI_STYLE_PYTHON) < 0)
        return shell_fail(shell, CLI_LOCAL, "There is no memory left.");
    cli_text_putc(&shell->out, '\n');
    return 0;
}

/* What print() shows: a str as it is, except for what would confuse a terminal. */
static int print_plain(struct shell *shell, tn_value value)
{
    tn_value fetched;
    size_t len = 0;
    const char *text;

    if (shell_fetch(shell, value, &fetched) < 0)
        return -1;
    text = tn_value_as_str(fetched, &len);
    if (!text)
        return shell_print(shell, fetched);
    for (size_t at = 0; at <= len;) {
        size_t n = strcspn(text + at, "\n\t");

        if (at + n < len && text[at + n] == '\0') /* a NUL that belongs to it */
            n++;
        cli_text_put_escaped(&shell->out, text + at, n, '\0');
        at += n;
        if (at == len)
            break;
        if (text[at] == '\n' || text[at] == '\t')
            cli_text_putc(&shell->out, text[at++]);
    }
    cli_text_putc(&shell->out, '\n');
    return 0;
}

/* A handle to the weakref of an object. */
static int make_weakref(struct shell *shell, const tn_handle *object, tn_value *ret_value)
{
    TN_HANDLE_CLEANUP tn_handle *weakref = NULL;

    if (tn_client_weakref(shell->client, tn_held(object), &weakref) < 0)
        return shell_fail_client(shell);
    *ret_value = tn_value_handle(shell->values, weakref);
    return 0;
}

/* A handle to what a weakref refers to, or None. */
static int deref(struct shell *shell, const tn_handle *weakref, tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;

    want.handle = true;
    if (tn_client_deref(shell->client, tn_held(weakref), &want, shell->values, ret_value) < 0)
        return shell_fail_client(shell);
    return 0;
}

/* A new set, as a handle, so that it can be given a variable. */
static int new_set(struct shell *shell, tn_handle *left, tn_set_operation operation, tn_value right,
                   tn_kind kind, tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;

    want.handle = true;
    if (tn_client_set_new(shell->client, tn_held(left), operation, right, kind, &want,
                          shell->values, ret_value) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int export_object(struct shell *shell, tn_value argument, tn_value *ret_value)
{
    char text[TN_TOKEN_TEXT_SIZE];
    tn_handle *handle;
    tn_token token;
    int n_extra;

    if (shell_borrow(shell, argument, &handle, &n_extra) < 0)
        return -1;
    if (tn_client_export(shell->client, tn_held(handle), NULL, &token, NULL) < 0)
        return shell_fail_client(shell);
    tn_token_format(&token, text);
    *ret_value = tn_value_str(shell->values, text);
    return 0;
}

static int import_object(struct shell *shell, tn_value argument, tn_value *ret_value)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    tn_value fetched;
    tn_token token;

    if (shell_fetch(shell, argument, &fetched) < 0)
        return -1;
    if (tn_token_parse(tn_value_as_str(fetched, NULL), &token) < 0)
        return shell_fail(shell, CLI_USAGE, "import needs a token: the str that export returned.");
    if (tn_client_import(shell->client, &token, &handle) < 0)
        return shell_fail_client(shell);
    *ret_value = tn_value_handle(shell->values, handle);
    return 0;
}

int shell_call_function(struct shell *shell, enum shell_function function, tn_value argument,
                        tn_value *ret_value)
{
    tn_description d = TN_DESCRIPTION_INIT;
    bool is_deep = function == SHELL_DESCRIBE;
    tn_handle *handle;
    uint64_t length;
    int n_extra;

    *ret_value = tn_value_none(shell->values);
    if (function == SHELL_PRINT)
        return print_plain(shell, argument);
    if (function == SHELL_EXPORT)
        return export_object(shell, argument, ret_value);
    if (function == SHELL_IMPORT)
        return import_object(shell, argument, ret_value);
    if (shell_borrow(shell, argument, &handle, &n_extra) < 0)
        return -1;
    if (function == SHELL_WEAKREF)
        return make_weakref(shell, handle, ret_value);
    if (function == SHELL_DEREF)
        return deref(shell, handle, ret_value);
    if (function == SHELL_SET || function == SHELL_FROZENSET)
        return new_set(shell, handle, TN_SET_COPY, *ret_value,
                       function == SHELL_SET ? TN_KIND_SET : TN_KIND_FROZENSET, ret_value);
    if (function == SHELL_LEN) {
        if (tn_client_length(shell->client, tn_held(handle), &length) < 0)
            return shell_fail_client(shell);
        *ret_value = tn_value_int(shell->values, (int64_t)length);
        return 0;
    }
    if (tn_client_describe(shell->client, tn_held(handle), is_deep, 0, &d) < 0)
        return shell_fail_client(shell);
    if (!d.immortal)
        d.refs -= n_extra;

    switch (function) {
    case SHELL_REFCOUNT:
        *ret_value = d.immortal ? tn_value_str(shell->values, "immortal")
                                : tn_value_int(shell->values, d.refs);
        break;
    case SHELL_ID:
        *ret_value = tn_value_int(shell->values, (int64_t)d.identity);
        break;
    case SHELL_TYPE:
        *ret_value = tn_value_str(shell->values, tn_kind_name(d.type));
        break;
    case SHELL_SIZEOF:
        *ret_value = tn_value_int(shell->values, (int64_t)d.shallow_bytes);
        break;
    default:
        cli_put_description(&shell->out, &d, true);
    }
    return 0;
}

/* ---- Methods ---- */

#define ARGUMENTS_MAX 2

struct method {
    const char *name;
    size_t min_args;
    size_t max_args;
    int (*call)(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                tn_value *ret_value);
};

static int method_append(struct shell *shell, tn_handle *object, const tn_value *args,
                         size_t n_args, tn_value *ret_value)
{
    tn_target target = tn_held(object);
    tn_kind kind;
    int r;

    (void)n_args;
    (void)ret_value;
    if (shell_kind_of(shell, object, &kind) < 0)
        return -1;
    if (kind == TN_KIND_DEQUE)
        r = tn_client_deque_push(shell->client, target, TN_RIGHT, args[0], NULL);
    else if (shell_is_array(kind))
        r = tn_client_array_append(shell->client, target, args[0], NULL);
    else
        r = tn_client_list_append(shell->client, target, args[0], NULL);
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int method_appendleft(struct shell *shell, tn_handle *object, const tn_value *args,
                             size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    (void)ret_value;
    if (tn_client_deque_push(shell->client, tn_held(object), TN_LEFT, args[0], NULL) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_extend(struct shell *shell, tn_handle *object, const tn_value *args,
                         size_t n_args, tn_value *ret_value)
{
    tn_target target = tn_held(object);
    tn_kind kind;
    int r;

    (void)n_args;
    (void)ret_value;
    if (shell_kind_of(shell, object, &kind) < 0)
        return -1;
    if (kind == TN_KIND_DEQUE)
        r = tn_client_deque_extend(shell->client, target, TN_RIGHT, args[0], NULL);
    else if (shell_is_array(kind))
        r = tn_client_array_extend(shell->client, target, args[0], NULL);
    else
        r = tn_client_list_extend(shell->client, target, args[0], NULL);
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int method_extendleft(struct shell *shell, tn_handle *object, const tn_value *args,
                             size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    (void)ret_value;
    if (tn_client_deque_extend(shell->client, tn_held(object), TN_LEFT, args[0], NULL) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_rotate(struct shell *shell, tn_handle *object, const tn_value *args,
                         size_t n_args, tn_value *ret_value)
{
    int64_t n = 1;

    (void)ret_value;
    if (n_args > 0 && shell_int_of(shell, args[0], &n) < 0)
        return -1;
    if (tn_client_deque_rotate(shell->client, tn_held(object), n) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_insert(struct shell *shell, tn_handle *object, const tn_value *args,
                         size_t n_args, tn_value *ret_value)
{
    int64_t index;
    tn_kind kind;
    int r;

    (void)n_args;
    (void)ret_value;
    if (shell_int_of(shell, args[0], &index) < 0 || shell_kind_of(shell, object, &kind) < 0)
        return -1;
    r = shell_is_array(kind)
            ? tn_client_array_insert(shell->client, tn_held(object), index, args[1], NULL)
            : tn_client_list_insert(shell->client, tn_held(object), index, args[1], NULL);
    return r < 0 ? shell_fail_client(shell) : 0;
}

/* The popped object comes as a handle, so that it can be given a variable. */
static int method_pop(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                      tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;
    int64_t index = -1;
    tn_kind kind;
    int r;

    want.handle = true;
    if (shell_kind_of(shell, object, &kind) < 0)
        return -1;
    if (kind == TN_KIND_DICT) {
        if (n_args == 0)
            return shell_fail(shell, CLI_USAGE, "pop() of a dict needs a key.");
        r = tn_client_dict_pop(shell->client, tn_held(object), args[0], &want, shell->values,
                               ret_value);
    } else if (kind == TN_KIND_SET) {
        if (n_args > 0)
            return shell_fail(shell, CLI_USAGE, "pop() of a set takes no argument; see discard().");
        r = tn_client_set_pop(shell->client, tn_held(object), &want, shell->values, ret_value);
    } else if (kind == TN_KIND_DEQUE) {
        if (n_args > 0)
            return shell_fail(shell, CLI_USAGE,
                              "pop() of a deque takes the last item, and popleft() the first.");
        r = tn_client_deque_pop(shell->client, tn_held(object), TN_RIGHT, &want, shell->values,
                                ret_value);
    } else {
        if (n_args > 0 && shell_int_of(shell, args[0], &index) < 0)
            return -1;
        r = shell_is_array(kind) ? tn_client_array_pop(shell->client, tn_held(object), index,
                                                       shell->values, ret_value)
                                 : tn_client_list_pop(shell->client, tn_held(object), index, &want,
                                                      shell->values, ret_value);
    }
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int method_popleft(struct shell *shell, tn_handle *object, const tn_value *args,
                          size_t n_args, tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;

    (void)args;
    (void)n_args;
    want.handle = true;
    if (tn_client_deque_pop(shell->client, tn_held(object), TN_LEFT, &want, shell->values,
                            ret_value) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_get(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                      tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;
    int r;

    want.handle = true;
    r = tn_client_dict_get(shell->client, tn_held(object), args[0], &want, shell->values,
                           ret_value);
    if (r == TN_EKEY) {
        *ret_value = n_args > 1 ? args[1] : tn_value_none(shell->values);
        return 0;
    }
    return r < 0 ? shell_fail_client(shell) : 0;
}

/* A list of the keys or of (key, value) tuples. */
static int list_entries(struct shell *shell, tn_handle *object, bool keys_only, tn_value *ret_value)
{
    TN_DICT_ITER_CLEANUP tn_dict_iter *iter = NULL;
    tn_value list = tn_value_list(shell->values);
    tn_value entry[2];
    int r;

    if (tn_dict_iter_open(shell->client, tn_held(object), keys_only, NULL, &iter) < 0)
        return shell_fail_client(shell);
    while ((r = tn_dict_iter_next(iter, &entry[0], &entry[1])) == 1) {
        entry[0] = tn_value_copy(shell->values, entry[0]);
        if (!keys_only) {
            entry[1] = tn_value_copy(shell->values, entry[1]);
            entry[0] = tn_value_tuple(shell->values, entry, 2);
        }
        (void)tn_value_append(list, entry[0]); /* the table remembers failures */
    }
    if (r < 0)
        return shell_fail_client(shell);
    *ret_value = list;
    return 0;
}

static int method_keys(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                       tn_value *ret_value)
{
    (void)args;
    (void)n_args;
    return list_entries(shell, object, true, ret_value);
}

static int method_items(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                        tn_value *ret_value)
{
    (void)args;
    (void)n_args;
    return list_entries(shell, object, false, ret_value);
}

/* ---- Methods of sets ---- */

static int method_add(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                      tn_value *ret_value)
{
    (void)n_args;
    (void)ret_value;
    if (tn_client_set_add(shell->client, tn_held(object), args[0], NULL) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_discard(struct shell *shell, tn_handle *object, const tn_value *args,
                          size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    (void)ret_value;
    if (tn_client_set_discard(shell->client, tn_held(object), args[0], NULL) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_remove(struct shell *shell, tn_handle *object, const tn_value *args,
                         size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    (void)ret_value;
    if (tn_client_set_remove(shell->client, tn_held(object), args[0]) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_clear(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                        tn_value *ret_value)
{
    tn_target target = tn_held(object);
    tn_kind kind;
    int r;

    (void)args;
    (void)n_args;
    (void)ret_value;
    if (shell_kind_of(shell, object, &kind) < 0)
        return -1;
    r = kind == TN_KIND_DEQUE ? tn_client_deque_clear(shell->client, target)
                              : tn_client_set_clear(shell->client, target);
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int method_update(struct shell *shell, tn_handle *object, const tn_value *args,
                         size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    (void)ret_value;
    if (tn_client_set_update(shell->client, tn_held(object), TN_SET_UNION, args[0], NULL) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int method_union(struct shell *shell, tn_handle *object, const tn_value *args, size_t n_args,
                        tn_value *ret_value)
{
    (void)n_args;
    return new_set(shell, object, TN_SET_UNION, args[0], TN_KIND_INVALID, ret_value);
}

static int method_intersection(struct shell *shell, tn_handle *object, const tn_value *args,
                               size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    return new_set(shell, object, TN_SET_INTERSECTION, args[0], TN_KIND_INVALID, ret_value);
}

static int method_difference(struct shell *shell, tn_handle *object, const tn_value *args,
                             size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    return new_set(shell, object, TN_SET_DIFFERENCE, args[0], TN_KIND_INVALID, ret_value);
}

static int method_symmetric_difference(struct shell *shell, tn_handle *object, const tn_value *args,
                                       size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    return new_set(shell, object, TN_SET_SYMMETRIC_DIFFERENCE, args[0], TN_KIND_INVALID, ret_value);
}

static int compare(struct shell *shell, tn_handle *object, tn_set_relation relation, tn_value other,
                   tn_value *ret_value)
{
    bool holds;

    if (tn_client_set_compare(shell->client, tn_held(object), relation, other, &holds) < 0)
        return shell_fail_client(shell);
    *ret_value = tn_value_bool(shell->values, holds);
    return 0;
}

static int method_issubset(struct shell *shell, tn_handle *object, const tn_value *args,
                           size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    return compare(shell, object, TN_SET_SUBSET, args[0], ret_value);
}

static int method_issuperset(struct shell *shell, tn_handle *object, const tn_value *args,
                             size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    return compare(shell, object, TN_SET_SUPERSET, args[0], ret_value);
}

static int method_isdisjoint(struct shell *shell, tn_handle *object, const tn_value *args,
                             size_t n_args, tn_value *ret_value)
{
    (void)n_args;
    return compare(shell, object, TN_SET_DISJOINT, args[0], ret_value);
}

static const struct method methods[] = {
    { "append", 1, 1, method_append },
    { "extend", 1, 1, method_extend },
    { "insert", 2, 2, method_insert },
    { "pop", 0, 1, method_pop },
    { "get", 1, 2, method_get },
    { "keys", 0, 0, method_keys },
    { "items", 0, 0, method_items },
    { "add", 1, 1, method_add },
    { "discard", 1, 1, method_discard },
    { "remove", 1, 1, method_remove },
    { "clear", 0, 0, method_clear },
    { "update", 1, 1, method_update },
    { "union", 1, 1, method_union },
    { "intersection", 1, 1, method_intersection },
    { "difference", 1, 1, method_difference },
    { "symmetric_difference", 1, 1, method_symmetric_difference },
    { "issubset", 1, 1, method_issubset },
    { "issuperset", 1, 1, method_issuperset },
    { "isdisjoint", 1, 1, method_isdisjoint },
    { "appendleft", 1, 1, method_appendleft },
    { "extendleft", 1, 1, method_extendleft },
    { "popleft", 0, 0, method_popleft },
    { "rotate", 0, 1, method_rotate },
};

static const struct method *find_method(const struct shell_lexer *lexer)
{
    for (size_t i = 0; i < TN_ARRAY_LEN(methods); i++) {
        if (shell_lex_is_word(lexer, methods[i].name))
            return &methods[i];
    }
    return NULL;
}

static int parse_arguments(struct shell_lexer *lexer, const struct method *method, tn_value *args,
                           size_t *ret_n)
{
    bool is_comma = true;
    size_t n = 0;

    if (shell_lex_expect(lexer, '(') < 0)
        return -1;
    while (is_comma && !shell_lex_is(lexer, ')')) {
        if (n == method->max_args)
            break;
        if (shell_expression(lexer, &args[n++]) < 0 || shell_lex_accept(lexer, ',', &is_comma) < 0)
            return -1;
    }
    if (!shell_lex_is(lexer, ')') || n < method->min_args)
        return shell_fail(lexer->shell, CLI_USAGE, "%s() takes %zu%s%s argument%s.", method->name,
                          method->min_args, method->max_args > method->min_args ? " or " : "",
                          method->max_args == method->min_args ? ""
                          : method->max_args == 1              ? "1"
                                                               : "2",
                          method->max_args == 1 ? "" : "s");
    *ret_n = n;
    return shell_lex_next(lexer);
}

int shell_call_method(struct shell_lexer *lexer, tn_value object, tn_value *ret_value)
{
    struct shell *shell = lexer->shell;
    const struct method *method = find_method(lexer);
    tn_value args[ARGUMENTS_MAX];
    tn_handle *handle;
    size_t n_args = 0;
    int n_extra;

    if (!method)
        return shell_fail_token(
            lexer, "a method, such as append, get or add; \"help methods\" lists them");
    if (shell_lex_next(lexer) < 0 || parse_arguments(lexer, method, args, &n_args) < 0 ||
        shell_borrow(shell, object, &handle, &n_extra) < 0)
        return -1;
    *ret_value = tn_value_none(shell->values);
    return method->call(shell, handle, args, n_args, ret_value);
}
