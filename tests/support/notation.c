/* SPDX-License-Identifier: MIT */
/* See notation.h. A recursive descent: values nest as deep as the test's text.
 * NOLINTBEGIN(misc-no-recursion) */
#include "tests/support/notation.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

#define NAMES_MAX 16
#define ITEMS_MAX 4096

/* A container in the making has its number only when its items have theirs, so
 * references to it are items of this kind until then. */
#define OPEN_REFERENCE UINT32_C(0x80000000)

struct parser {
    const char *at;
    struct tn_arena *arena;
    struct tn_value_writer writer;
    uint32_t named[NAMES_MAX];
    bool is_named[NAMES_MAX];
};

static uint32_t parse_node(struct parser *p);

static void skip_spaces(struct parser *p)
{
    while (isspace((unsigned char)*p->at) || *p->at == ',' || *p->at == ':')
        p->at++;
}

static uint32_t node(int r)
{
    TN_ASSERT(r >= 0);
    return (uint32_t)r;
}

/* What stands between quotes. */
static struct tn_slice parse_quoted(struct parser *p)
{
    size_t max = strlen(p->at);
    char *text = tn_arena_alloc(p->arena, max);
    size_t len = 0;

    TN_ASSERT(text != NULL && *p->at == '\'');
    for (p->at++; *p->at != '\''; p->at++) {
        TN_ASSERT(*p->at != '\0');
        if (*p->at != '\\') {
            text[len++] = *p->at;
        } else if (p->at[1] == 'x') {
            char digits[3] = { p->at[2], p->at[3], '\0' };

            text[len++] = (char)strtoul(digits, NULL, 16);
            p->at += 3;
        } else {
            text[len++] = *++p->at;
        }
    }
    p->at++;
    return TN_SLICE(text, len);
}

static uint32_t parse_number(struct parser *p)
{
    size_t len = strspn(p->at, "+-0123456789.einfa");
    char *end;
    uint32_t result;

    if (strcspn(p->at, ".ein") < len)
        result = node(tn_value_put_float(&p->writer, strtod(p->at, &end)));
    else
        result = node(tn_value_put_int(&p->writer, strtoll(p->at, &end, 10)));
    TN_ASSERT(end > p->at);
    p->at = end;
    return result;
}

static uint32_t parse_container(struct parser *p, int name)
{
    static const char ends[] = { ['('] = ')', ['['] = ']', ['{'] = '}' };
    char begin = *p->at++;
    uint32_t *items = malloc(ITEMS_MAX * sizeof(*items));
    enum tn_node_kind kind = begin == '('   ? TN_NODE_TUPLE
                             : begin == '[' ? TN_NODE_LIST
                             : begin == '#' ? TN_NODE_RECORD
                                            : TN_NODE_DICT;
    uint32_t n = 0;
    uint32_t result;
    size_t first;

    TN_ASSERT(items != NULL);
    if (kind == TN_NODE_RECORD) {
        items[n++] = parse_node(p); /* the class */
        begin = *p->at++;
        TN_ASSERT(begin == '{');
    }
    for (skip_spaces(p); *p->at != ends[(int)begin]; skip_spaces(p)) {
        TN_ASSERT(n < ITEMS_MAX);
        items[n++] = parse_node(p);
    }
    p->at++;
    result = node(tn_value_put_container(
        &p->writer, kind, kind == TN_NODE_DICT || kind == TN_NODE_RECORD ? n / 2 : n, &first));
    if (n > 0)
        memcpy(tn_value_writer_items(&p->writer) + first, items, n * sizeof(*items));
    free(items);
    if (name >= 0) {
        p->named[name] = result;
        p->is_named[name] = true;
    }
    return result;
}

static uint32_t parse_node(struct parser *p)
{
    static const struct {
        const char *word;
        enum tn_node_kind kind;
    } constants[] = { { "None", TN_NODE_NONE },
                      { "True", TN_NODE_TRUE },
                      { "False", TN_NODE_FALSE } };
    uint32_t result;
    int name = -1;
    char *end;

    skip_spaces(p);
    for (size_t i = 0; i < TN_ARRAY_LEN(constants); i++) {
        if (strncmp(p->at, constants[i].word, strlen(constants[i].word)) == 0) {
            p->at += strlen(constants[i].word);
            return node(tn_value_put_constant(&p->writer, constants[i].kind));
        }
    }
    if (*p->at == '*') {
        name = (int)strtol(p->at + 1, &end, 10);
        p->at = end;
        TN_ASSERT(name >= 0 && name < NAMES_MAX);
        return p->is_named[name] ? p->named[name] : OPEN_REFERENCE | (uint32_t)name;
    }
    if (*p->at == '&') {
        name = (int)strtol(p->at + 1, &end, 10);
        p->at = end;
        TN_ASSERT(name >= 0 && name < NAMES_MAX);
    }
    switch (*p->at) {
    case '(':
    case '[':
    case '{':
    case '#':
        return parse_container(p, name);
    case '\'':
        return node(tn_value_put_str(&p->writer, parse_quoted(p)));
    case 'b':
        p->at++;
        return node(tn_value_put_bytes(&p->writer, parse_quoted(p)));
    case '@':
        result = node(tn_value_put_handle(&p->writer, strtoull(p->at + 1, &end, 16), 0));
        p->at = end;
        return result;
    case '^':
        result = node(tn_value_put_result(&p->writer, (uint32_t)strtoul(p->at + 1, &end, 10)));
        p->at = end;
        return result;
    default:
        return parse_number(p);
    }
}

Tenure__V1__Value *notation_parse(const char *text, struct tn_arena *arena)
{
    struct parser p = { .at = text, .arena = arena };
    Tenure__V1__Value *value = tn_arena_alloc(arena, sizeof(*value));
    uint32_t *items;

    TN_ASSERT(value != NULL);
    tn_value_writer_init(&p.writer, arena);
    (void)parse_node(&p);
    skip_spaces(&p);
    TN_ASSERT(*p.at == '\0');
    items = tn_value_writer_items(&p.writer);
    for (size_t i = 0; i < p.writer.items.len; i++) {
        if (items[i] & OPEN_REFERENCE) {
            TN_ASSERT(p.is_named[items[i] & ~OPEN_REFERENCE]);
            items[i] = p.named[items[i] & ~OPEN_REFERENCE];
        }
    }
    tn_value_writer_finish(&p.writer, value);
    return value;
}

/* ---- Printing ---- */

struct printer {
    FILE *out;
    const struct tn_value_node *nodes;
    uint32_t *n_met; /* how often a container is referred to, root included */
    int *name;       /* -1: not printed yet */
    int n_names;
};

static void count_met(struct printer *p, uint32_t at)
{
    const struct tn_value_node *n = &p->nodes[at];
    size_t size = tn_node_n_items(n->kind, n->size);

    if (!tn_node_is_container(n->kind))
        return;
    if (p->n_met[at]++ > 0)
        return;
    for (size_t i = 0; i < size; i++)
        count_met(p, n->items[i]);
}

static void print_quoted(struct printer *p, const struct tn_value_node *n)
{
    (void)fputc('\'', p->out);
    for (uint32_t i = 0; i < n->size; i++) {
        if (n->bytes[i] == '\'' || n->bytes[i] == '\\')
            (void)fprintf(p->out, "\\%c", n->bytes[i]);
        else if (n->bytes[i] < ' ' || (n->bytes[i] >= 0x7f && n->kind == TN_NODE_BYTES))
            (void)fprintf(p->out, "\\x%02x", n->bytes[i]);
        else
            (void)fputc(n->bytes[i], p->out);
    }
    (void)fputc('\'', p->out);
}

static void print_node(struct printer *p, uint32_t at);

static void print_container(struct printer *p, uint32_t at)
{
    const struct tn_value_node *n = &p->nodes[at];
    const char *brackets = n->kind == TN_NODE_TUPLE ? "()" : n->kind == TN_NODE_LIST ? "[]" : "{}";
    bool is_record = n->kind == TN_NODE_RECORD;
    bool has_pairs = is_record || n->kind == TN_NODE_DICT;
    size_t size = tn_node_n_items(n->kind, n->size);

    if (p->name[at] >= 0) {
        (void)fprintf(p->out, "*%d", p->name[at]);
        return;
    }
    p->name[at] = 0;
    if (p->n_met[at] > 1) {
        p->name[at] = p->n_names++;
        (void)fprintf(p->out, "&%d", p->name[at]);
    }
    if (is_record && p->nodes[n->items[0]].kind == TN_NODE_CLASS)
        (void)fprintf(p->out, "%.*s", (int)p->nodes[n->items[0]].size,
                      (const char *)p->nodes[n->items[0]].bytes);
    else if (is_record)
        print_node(p, n->items[0]);
    (void)fputc(brackets[0], p->out);
    for (size_t i = is_record; i < size; i++) {
        if (i > is_record)
            (void)fputs(has_pairs && (i - is_record) % 2 == 1 ? ": " : ", ", p->out);
        print_node(p, n->items[i]);
    }
    (void)fputc(brackets[1], p->out);
}

static void print_node(struct printer *p, uint32_t at)
{
    const struct tn_value_node *n = &p->nodes[at];
    static const char *const types[] = { "?",     "none",  "bool", "int",  "float", "str",
                                         "bytes", "tuple", "list", "dict", "class", "record" };

    switch ((enum tn_node_kind)n->kind) {
    case TN_NODE_NONE:
        (void)fputs("None", p->out);
        break;
    case TN_NODE_FALSE:
    case TN_NODE_TRUE:
        (void)fputs(n->kind == TN_NODE_TRUE ? "True" : "False", p->out);
        break;
    case TN_NODE_INT:
        (void)fprintf(p->out, "%" PRId64, n->integer);
        break;
    case TN_NODE_FLOAT:
        (void)fprintf(p->out, "%#.15g", n->real);
        break;
    case TN_NODE_BYTES:
        (void)fputc('b', p->out);
        print_quoted(p, n);
        break;
    case TN_NODE_STR:
        print_quoted(p, n);
        break;
    case TN_NODE_TUPLE:
    case TN_NODE_LIST:
    case TN_NODE_DICT:
    case TN_NODE_RECORD:
        print_container(p, at);
        break;
    case TN_NODE_CLASS:
        (void)fputs("<class ", p->out);
        print_quoted(p, n);
        (void)fputc('>', p->out);
        break;
    case TN_NODE_HANDLE:
        (void)fprintf(p->out, "<%s>", types[n->type]);
        break;
    case TN_NODE_RESULT:
        (void)fprintf(p->out, "^%u", n->size);
        break;
    }
}

const char *notation_print(const Tenure__V1__Value *value, struct tn_arena *arena)
{
    size_t n = tn_value_n_nodes(value);
    struct tn_value_node *nodes;
    struct printer p = { 0 };
    char *text = NULL;
    size_t size = 0;
    char *kept;

    TN_ASSERT(tn_value_read_all(value, arena, &nodes) == 0);
    p.nodes = nodes;
    p.n_met = calloc(n, sizeof(*p.n_met));
    p.name = malloc(n * sizeof(*p.name));
    p.out = open_memstream(&text, &size);
    TN_ASSERT(p.n_met != NULL && p.name != NULL && p.out != NULL);
    for (size_t i = 0; i < n; i++)
        p.name[i] = -1;
    count_met(&p, (uint32_t)n - 1);
    print_node(&p, (uint32_t)n - 1);
    TN_ASSERT(fclose(p.out) == 0);
    kept = tn_arena_alloc(arena, size + 1);
    TN_ASSERT(kept != NULL);
    memcpy(kept, text, size + 1);
    free(text);
    free(p.n_met);
    free(p.name);
    return kept;
}
/* NOLINTEND(misc-no-recursion) */
