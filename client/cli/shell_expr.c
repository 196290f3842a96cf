/* SPDX-License-Identifier: MIT */
/*
 * Expressions. Recursion is as deep as the brackets of a line are nested, and no
 * deeper than SHELL_DEPTH_MAX, which the shell counts while a line is parsed.
 */
#include <stdlib.h>
#include <string.h>

#include "client/cli/shell.h"

static const tn_value no_value = { .values = NULL, .node = UINT32_MAX };

/* NOLINTBEGIN(misc-no-recursion): see above */

/* Items up to a closing bracket; at its beginning the opening one has been read. */
struct items {
    tn_value *items;
    size_t n;
    size_t cap;
    bool has_comma;
};

static int add_item(struct shell *shell, struct items *items, tn_value value)
{
    if (items->n == items->cap) {
        size_t cap = items->cap < 16 ? 16 : items->cap * 2;
        tn_value *grown = reallocarray(items->items, cap, sizeof(*grown));

        if (!grown)
            return shell_fail(shell, CLI_LOCAL, "There is no memory left.");
        items->items = grown;
        items->cap = cap;
    }
    items->items[items->n++] = value;
    return 0;
}

static int parse_items(struct shell_lexer *lexer, char close, struct items *items)
{
    while (!shell_lex_is(lexer, close)) {
        tn_value value;
        bool is_comma;

        if (shell_expression(lexer, &value) < 0 || add_item(lexer->shell, items, value) < 0 ||
            shell_lex_accept(lexer, ',', &is_comma) < 0)
            return -1;
        if (!is_comma)
            break;
        items->has_comma = true;
    }
    return shell_lex_expect(lexer, close);
}

static int build_sequence(struct shell_lexer *lexer, char close, const struct items *items,
                          tn_value *ret_value)
{
    tn_values *values = lexer->shell->values;

    if (close == ')') {
        *ret_value = items->n == 1 && !items->has_comma
                         ? items->items[0] /* only brackets around an expression */
                         : tn_value_tuple(values, items->items, items->n);
        return 0;
    }
    *ret_value = tn_value_list(values);
    for (size_t i = 0; i < items->n; i++)
        (void)tn_value_append(*ret_value, items->items[i]); /* the table remembers failures */
    return 0;
}

static int parse_sequence(struct shell_lexer *lexer, char close, tn_value *ret_value)
{
    struct items items = { .items = NULL };
    int r = shell_lex_next(lexer);

    if (r == 0)
        r = parse_items(lexer, close, &items);
    if (r == 0)
        r = build_sequence(lexer, close, &items, ret_value);
    free(items.items);
    return r;
}

static int parse_dict(struct shell_lexer *lexer, tn_value *ret_value)
{
    *ret_value = tn_value_dict(lexer->shell->values);
    if (shell_lex_next(lexer) < 0)
        return -1;
    while (!shell_lex_is(lexer, '}')) {
        tn_value key, value;
        bool is_comma;

        if (shell_expression(lexer, &key) < 0)
            return -1;
        if (shell_lex_is(lexer, ',') || shell_lex_is(lexer, '}'))
            return shell_fail(lexer->shell, CLI_USAGE,
                              "A dict needs a value with each key, as in {'a': 1}; sets do not "
                              "exist here.");
        if (shell_lex_expect(lexer, ':') < 0 || shell_expression(lexer, &value) < 0)
            return -1;
        (void)tn_value_set(*ret_value, key, value); /* the table remembers failures */
        if (shell_lex_accept(lexer, ',', &is_comma) < 0)
            return -1;
        if (!is_comma)
            break;
    }
    return shell_lex_expect(lexer, '}');
}

static int parse_negative(struct shell_lexer *lexer, tn_value *ret_value)
{
    if (shell_lex_next(lexer) < 0)
        return -1;
    if (lexer->token.kind == SHELL_INT)
        *ret_value = tn_value_int(lexer->shell->values, -lexer->token.integer);
    else if (lexer->token.kind == SHELL_FLOAT)
        *ret_value = tn_value_float(lexer->shell->values, -lexer->token.real);
    else
        return shell_fail_token(lexer, "a number");
    return shell_lex_next(lexer);
}

/* None, True, False, and what JSON calls them. Returns whether it was one. */
static bool constant_of(const struct shell_lexer *lexer, tn_value *ret_value)
{
    tn_values *values = lexer->shell->values;

    if (shell_lex_is_word(lexer, "None") || shell_lex_is_word(lexer, "null"))
        *ret_value = tn_value_none(values);
    else if (shell_lex_is_word(lexer, "True") || shell_lex_is_word(lexer, "true"))
        *ret_value = tn_value_bool(values, true);
    else if (shell_lex_is_word(lexer, "False") || shell_lex_is_word(lexer, "false"))
        *ret_value = tn_value_bool(values, false);
    else
        return false;
    return true;
}

/* Everything that begins without a name. */
static int parse_literal(struct shell_lexer *lexer, tn_value *ret_value)
{
    tn_values *values = lexer->shell->values;

    switch (lexer->token.kind) {
    case SHELL_INT:
        *ret_value = tn_value_int(values, lexer->token.integer);
        return shell_lex_next(lexer);
    case SHELL_FLOAT:
        *ret_value = tn_value_float(values, lexer->token.real);
        return shell_lex_next(lexer);
    case SHELL_STR:
        *ret_value = tn_value_str_n(values, cli_text_string(&lexer->text), lexer->text.len);
        return shell_lex_next(lexer);
    case SHELL_BYTES:
        *ret_value = tn_value_bytes(values, cli_text_string(&lexer->text), lexer->text.len);
        return shell_lex_next(lexer);
    default:
        break;
    }
    if (shell_lex_is(lexer, '['))
        return parse_sequence(lexer, ']', ret_value);
    if (shell_lex_is(lexer, '('))
        return parse_sequence(lexer, ')', ret_value);
    if (shell_lex_is(lexer, '{'))
        return parse_dict(lexer, ret_value);
    if (shell_lex_is(lexer, '-'))
        return parse_negative(lexer, ret_value);
    return shell_fail_token(lexer, "a value");
}

/* `len(x)`: the name of the function has been read, and a bracket follows. */
static int parse_call(struct shell_lexer *lexer, enum shell_function function, tn_value *ret_value)
{
    tn_value argument = no_value;

    if (parse_sequence(lexer, ')', &argument) < 0)
        return -1;
    return shell_call_function(lexer->shell, function, argument, ret_value);
}

/* What a place or expression begins with. */
static int parse_start(struct shell_lexer *lexer, struct shell_place *place)
{
    enum shell_function function;
    bool is_dot;

    if (lexer->token.kind != SHELL_NAME) {
        place->is_result = true;
        return parse_literal(lexer, &place->result);
    }
    if (constant_of(lexer, &place->result)) {
        place->is_result = true;
        return shell_lex_next(lexer);
    }
    if (shell_lex_is_word(lexer, "sys") && *lexer->at == '.') { /* sys.getrefcount(x) */
        if (shell_lex_next(lexer) < 0 || shell_lex_accept(lexer, '.', &is_dot) < 0)
            return -1;
    }
    if (lexer->token.len > SHELL_NAME_MAX || lexer->token.kind != SHELL_NAME)
        return shell_fail_token(lexer, "a name of at most 64 characters");

    memcpy(place->name, lexer->token.begin, lexer->token.len);
    place->name[lexer->token.len] = '\0';
    function = shell_find_function(lexer->token.begin, lexer->token.len);
    if (shell_lex_next(lexer) < 0)
        return -1;
    if (function == SHELL_NO_FUNCTION || !shell_lex_is(lexer, '('))
        return 0;
    place->is_result = true;
    return parse_call(lexer, function, &place->result);
}

/* "[i]" or "[i:j]", of which the first bracket has been read. */
static int parse_subscript(struct shell_lexer *lexer, struct shell_place *place)
{
    bool is_colon;

    place->key = place->stop = no_value;
    if (!shell_lex_is(lexer, ':') && shell_expression(lexer, &place->key) < 0)
        return -1;
    if (shell_lex_accept(lexer, ':', &is_colon) < 0)
        return -1;
    place->is_slice = is_colon;
    if (is_colon && !shell_lex_is(lexer, ']') && shell_expression(lexer, &place->stop) < 0)
        return -1;
    return shell_lex_expect(lexer, ']');
}

/* `.method(...)` or `.attribute`, of which the dot has been read. */
static int parse_member(struct shell_lexer *lexer, struct shell_place *place)
{
    if (lexer->token.kind == SHELL_NAME && *lexer->at == '(') {
        place->is_result = true;
        return shell_call_method(lexer, place->container, &place->result);
    }
    if (lexer->token.kind != SHELL_NAME || lexer->token.len > SHELL_NAME_MAX)
        return shell_fail_token(lexer, "a method, or an attribute of at most 64 characters");
    place->is_attr = true;
    memcpy(place->name, lexer->token.begin, lexer->token.len);
    place->name[lexer->token.len] = '\0';
    return shell_lex_next(lexer);
}

static int parse_place(struct shell_lexer *lexer, struct shell_place *place)
{
    if (parse_start(lexer, place) < 0)
        return -1;
    while (shell_lex_is(lexer, '[') || shell_lex_is(lexer, '.') || shell_lex_is(lexer, '(')) {
        char sign = lexer->token.punctuation;
        tn_value value;
        int r;

        if (shell_place_value(lexer->shell, place, &value) < 0 || shell_lex_next(lexer) < 0)
            return -1;
        *place = (struct shell_place){ .is_item = sign == '[',
                                       .is_result = sign == '(',
                                       .container = value };
        if (sign == '[')
            r = parse_subscript(lexer, place);
        else if (sign == '(')
            r = shell_call_class(lexer, value, &place->result);
        else
            r = parse_member(lexer, place);
        if (r < 0)
            return -1;
    }
    return 0;
}

int shell_parse_place(struct shell_lexer *lexer, struct shell_place *ret_place)
{
    struct shell *shell = lexer->shell;
    int r;

    *ret_place = (struct shell_place){ .is_item = false };
    if (shell->depth >= SHELL_DEPTH_MAX)
        return shell_fail(shell, CLI_USAGE, "The brackets are nested more than %d deep.",
                          SHELL_DEPTH_MAX);
    shell->depth++;
    r = parse_place(lexer, ret_place);
    shell->depth--;
    return r;
}

int shell_expression(struct shell_lexer *lexer, tn_value *ret_value)
{
    struct shell_place place;

    if (shell_parse_place(lexer, &place) < 0)
        return -1;
    return shell_place_value(lexer->shell, &place, ret_value);
}

/* NOLINTEND(misc-no-recursion) */

/* ---- Values of places ---- */

static int slice_value(struct shell *shell, const struct shell_place *place, tn_handle *container,
                       tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;
    int64_t start = 0;
    int64_t stop = TN_TO_END;

    if ((tn_value_is_valid(place->key) && shell_int_of(shell, place->key, &start) < 0) ||
        (tn_value_is_valid(place->stop) && shell_int_of(shell, place->stop, &stop) < 0))
        return -1;
    want.handle = true;
    if (tn_client_list_slice(shell->client, tn_held(container), start, stop, &want, shell->values,
                             ret_value) < 0)
        return shell_fail_client(shell);
    return 0;
}

static int item_value(struct shell *shell, const struct shell_place *place, tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;
    tn_handle *container;
    tn_kind kind;
    int64_t index;
    int n_extra;
    int r;

    want.handle = true;
    if (shell_borrow(shell, place->container, &container, &n_extra) < 0)
        return -1;
    if (place->is_slice)
        return slice_value(shell, place, container, ret_value);
    if (shell_kind_of(shell, container, &kind) < 0)
        return -1;
    if (kind == TN_KIND_DICT) {
        r = tn_client_dict_get(shell->client, tn_held(container), place->key, &want, shell->values,
                               ret_value);
    } else {
        if (shell_int_of(shell, place->key, &index) < 0)
            return -1;
        r = tn_client_list_get(shell->client, tn_held(container), index, &want, shell->values,
                               ret_value);
    }
    return r < 0 ? shell_fail_client(shell) : 0;
}

static int attr_value(struct shell *shell, const struct shell_place *place, tn_value *ret_value)
{
    tn_want want = TN_WANT_INIT;
    tn_handle *record;
    int n_extra;

    want.handle = true;
    if (shell_borrow(shell, place->container, &record, &n_extra) < 0)
        return -1;
    if (tn_client_attr_get(shell->client, tn_held(record), place->name, &want, shell->values,
                           ret_value) < 0)
        return shell_fail_client(shell);
    return 0;
}

int shell_place_value(struct shell *shell, const struct shell_place *place, tn_value *ret_value)
{
    if (place->is_result) {
        *ret_value = place->result;
        return 0;
    }
    if (place->is_item)
        return item_value(shell, place, ret_value);
    if (place->is_attr)
        return attr_value(shell, place, ret_value);
    return shell_resolve(shell, place->name, strlen(place->name), ret_value);
}
