/* SPDX-License-Identifier: MIT */
/*
 * Writing values. Two walks with a stack of our own: the first finds the containers
 * that are reached more than once, the second writes. In JSON these get a number
 * where they come first, and are referred to by it afterwards; as Python would
 * show it they are written again, except inside themselves.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/json.h"
#include "core/base/check.h"

/* As Python shows it, what is shared is written every time, which can be endless:
 * beyond this length containers are only hinted at. */
#define PYTHON_BYTES_MAX ((size_t)1 << 20)

struct frame {
    tn_value value;
    size_t next;   /* of the parts that are to be written: items, or keys and values */
    bool is_pairs; /* a dict as {"$dict": [[key, value], ...]}; a record likewise */
    bool has_id;   /* inside {"$id": n, "$value": ...} */
};

struct writer {
    struct cli_text *text;
    enum cli_style style;
    struct frame *frames;
    size_t depth;
    size_t cap;
    /* By node. JSON: how often it is reached (0, 1, 2: more often), then its number
     * + 2. PYTHON: whether it is being written. */
    uint32_t *marks;
    uint32_t n_ids;
};

static bool is_container(tn_value value)
{
    tn_kind kind = tn_value_kind(value);

    return kind == TN_KIND_TUPLE || kind == TN_KIND_LIST || kind == TN_KIND_DICT ||
           kind == TN_KIND_RECORD;
}

/* Whether its parts are keys and values in turn. */
static bool has_keys(tn_value value)
{
    return tn_value_kind(value) == TN_KIND_DICT || tn_value_kind(value) == TN_KIND_RECORD;
}

static size_t n_parts(tn_value value)
{
    size_t len = tn_value_len(value);

    return has_keys(value) ? 2 * len : len;
}

static tn_value part(tn_value value, size_t index)
{
    if (!has_keys(value))
        return tn_value_item(value, index);
    return index % 2 == 0 ? tn_value_key(value, index / 2) : tn_value_item(value, index / 2);
}

static int push(struct writer *writer, tn_value value)
{
    if (writer->depth == writer->cap) {
        size_t cap = writer->cap < 32 ? 32 : writer->cap * 2;
        struct frame *frames = reallocarray(writer->frames, cap, sizeof(*frames));

        if (!frames)
            return TN_ENOMEM;
        writer->frames = frames;
        writer->cap = cap;
    }
    writer->frames[writer->depth++] = (struct frame){ .value = value };
    return 0;
}

/* Whether a container is worth telling apart from an equal one. */
static bool can_be_shared(tn_value value)
{
    return is_container(value) &&
           (tn_value_kind(value) != TN_KIND_TUPLE || tn_value_len(value) > 0);
}

static int find_shared(struct writer *writer, tn_value root)
{
    int r = 0;

    if (can_be_shared(root)) {
        writer->marks[root.node] = 1;
        r = push(writer, root);
    }
    while (r == 0 && writer->depth > 0) {
        struct frame *frame = &writer->frames[writer->depth - 1];
        tn_value value;

        if (frame->next == n_parts(frame->value)) {
            writer->depth--;
            continue;
        }
        value = part(frame->value, frame->next++);
        if (!can_be_shared(value))
            continue;
        if (writer->marks[value.node] > 0) {
            writer->marks[value.node] = 2;
            continue;
        }
        writer->marks[value.node] = 1;
        r = push(writer, value);
    }
    return r;
}

void cli_json_put_string(struct cli_text *text, const char *data, size_t len)
{
    cli_text_putc(text, '"');
    for (size_t at = 0; at < len; at++) {
        unsigned char byte = (unsigned char)data[at];

        switch (byte) {
        case '"':
        case '\\':
            cli_text_putc(text, '\\');
            cli_text_putc(text, (char)byte);
            break;
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
            if (byte < 0x20 || byte == 0x7f)
                cli_text_printf(text, "\\u%04x", byte);
            else
                cli_text_putc(text, (char)byte);
        }
    }
    cli_text_putc(text, '"');
}

static void put_bytes(struct writer *writer, const char *data, size_t len)
{
    if (writer->style != CLI_STYLE_PYTHON) {
        cli_text_put(writer->text, "{\"$bytes\": \"");
        cli_text_put_base64(writer->text, data, len);
        cli_text_put(writer->text, "\"}");
        return;
    }
    cli_text_put(writer->text, "b'");
    for (size_t i = 0; i < len; i++) /* bytes above 0x7f are no text here */
        if ((unsigned char)data[i] >= 0x80)
            cli_text_printf(writer->text, "\\x%02x", (unsigned char)data[i]);
        else
            cli_text_put_escaped(writer->text, data + i, 1, '\'');
    cli_text_putc(writer->text, '\'');
}

/* As Python shows it, a name stands for itself. */
static void put_name(struct cli_text *text, const char *name, size_t len)
{
    cli_text_put_escaped(text, name, len, '\0');
}

static void put_class(struct writer *writer, tn_value value)
{
    size_t len = 0;
    const char *name = tn_value_class_name(value, &len);

    if (writer->style == CLI_STYLE_PYTHON) {
        cli_text_put(writer->text, "<class ");
        put_name(writer->text, name, len);
        cli_text_putc(writer->text, '>');
        return;
    }
    cli_text_put(writer->text, "{\"$class\": ");
    cli_json_put_string(writer->text, name, len);
    cli_text_putc(writer->text, '}');
}

static void put_float(struct writer *writer, double real)
{
    bool is_finite = __builtin_isfinite(real);

    if (!is_finite && writer->style != CLI_STYLE_PYTHON)
        cli_text_put(writer->text, "{\"$float\": \"");
    cli_text_put_float(writer->text, real);
    if (!is_finite && writer->style != CLI_STYLE_PYTHON)
        cli_text_put(writer->text, "\"}");
}

static void put_scalar(struct writer *writer, tn_value value)
{
    struct cli_text *text = writer->text;
    bool is_python = writer->style == CLI_STYLE_PYTHON;
    int64_t integer = 0;
    double real = 0;
    bool truth = false;
    size_t len = 0;
    const char *data = tn_value_as_bytes(value, &len);

    switch (tn_value_kind(value)) {
    case TN_KIND_NONE:
        cli_text_put(text, is_python ? "None" : "null");
        break;
    case TN_KIND_BOOL:
        (void)tn_value_as_bool(value, &truth); /* is one */
        if (is_python)
            cli_text_put(text, truth ? "True" : "False");
        else
            cli_text_put(text, truth ? "true" : "false");
        break;
    case TN_KIND_INT:
        (void)tn_value_as_int(value, &integer); /* is one */
        cli_text_printf(text, "%" PRId64, integer);
        break;
    case TN_KIND_FLOAT:
        (void)tn_value_as_float(value, &real); /* is one */
        put_float(writer, real);
        break;
    case TN_KIND_STR:
        if (is_python) {
            cli_text_putc(text, '\'');
            cli_text_put_escaped(text, data, len, '\'');
            cli_text_putc(text, '\'');
        } else {
            cli_json_put_string(text, data, len);
        }
        break;
    case TN_KIND_BYTES:
        put_bytes(writer, data, len);
        break;
    case TN_KIND_CLASS:
        put_class(writer, value);
        break;
    case TN_KIND_HANDLE:
        cli_text_printf(text, is_python ? "<%s ...>" : "{\"$handle\": \"%s\"}",
                        tn_kind_name(tn_handle_kind(tn_value_as_handle(value))));
        break;
    default:
        cli_text_put(text, is_python ? "<?>" : "null");
        break;
    }
}

/* Whether all keys are strings that can be keys of a JSON object. The names of
 * attributes can begin with anything. */
static bool is_object(tn_value value)
{
    bool is_record = tn_value_kind(value) == TN_KIND_RECORD;

    for (size_t i = 0; i < tn_value_len(value); i++) {
        size_t len = 0;
        const char *key = tn_value_as_str(tn_value_key(value, i), &len);

        if (!key || (!is_record && key[0] == '$') || strlen(key) != len)
            return false;
    }
    return true;
}

static void break_line(struct writer *writer)
{
    if (writer->style != CLI_STYLE_PRETTY)
        return;
    cli_text_putc(writer->text, '\n');
    for (size_t i = 0; i < writer->depth; i++)
        cli_text_put(writer->text, "  ");
}

/* `{"$record": ["Point", {` or `Point(`. */
static void open_record(struct writer *writer, const struct frame *frame)
{
    size_t len = 0;
    const char *name = tn_value_class_name(frame->value, &len);

    if (writer->style == CLI_STYLE_PYTHON) {
        put_name(writer->text, name ? name : "?", name ? len : 1);
        cli_text_putc(writer->text, '(');
        return;
    }
    cli_text_put(writer->text, "{\"$record\": [");
    if (name)
        cli_json_put_string(writer->text, name, len);
    else
        put_scalar(writer, tn_value_class(frame->value));
    cli_text_put(writer->text, frame->is_pairs ? ", [" : ", {");
}

static void open_container(struct writer *writer, struct frame *frame)
{
    tn_kind kind = tn_value_kind(frame->value);

    if (frame->has_id)
        cli_text_printf(writer->text, "{\"$id\": %" PRIu32 ", \"$value\": ",
                        writer->marks[frame->value.node] - 2);
    if (kind == TN_KIND_RECORD) {
        open_record(writer, frame);
        return;
    }
    if (writer->style == CLI_STYLE_PYTHON) {
        cli_text_putc(writer->text, kind == TN_KIND_LIST ? '[' : kind == TN_KIND_TUPLE ? '(' : '{');
        return;
    }
    if (kind == TN_KIND_TUPLE)
        cli_text_put(writer->text, "{\"$tuple\": [");
    else if (frame->is_pairs)
        cli_text_put(writer->text, "{\"$dict\": [");
    else
        cli_text_putc(writer->text, kind == TN_KIND_LIST ? '[' : '{');
}

static void close_container(struct writer *writer, const struct frame *frame)
{
    tn_kind kind = tn_value_kind(frame->value);

    if (writer->style == CLI_STYLE_PYTHON) {
        if (kind == TN_KIND_TUPLE)
            cli_text_put(writer->text, tn_value_len(frame->value) == 1 ? ",)" : ")");
        else if (kind == TN_KIND_RECORD)
            cli_text_putc(writer->text, ')');
        else
            cli_text_putc(writer->text, kind == TN_KIND_LIST ? ']' : '}');
        return;
    }
    if (frame->next > 0)
        break_line(writer);
    if (kind == TN_KIND_RECORD)
        cli_text_put(writer->text, frame->is_pairs ? "]]}" : "}]}");
    else if (kind == TN_KIND_TUPLE || frame->is_pairs)
        cli_text_put(writer->text, "]}");
    else
        cli_text_putc(writer->text, kind == TN_KIND_LIST ? ']' : '}');
    if (frame->has_id)
        cli_text_putc(writer->text, '}');
}

/* Where Python writes the name of an attribute. */
static bool is_bare_name(const struct writer *writer, const struct frame *frame)
{
    return writer->style == CLI_STYLE_PYTHON && frame->next % 2 == 0 &&
           tn_value_kind(frame->value) == TN_KIND_RECORD;
}

/* What stands in front of a part: comma, bracket of a pair, colon. */
static void separate(struct writer *writer, const struct frame *frame)
{
    if (has_keys(frame->value) && frame->next % 2 == 1) {
        if (writer->style == CLI_STYLE_PYTHON && tn_value_kind(frame->value) == TN_KIND_RECORD)
            cli_text_putc(writer->text, '=');
        else
            cli_text_put(writer->text, frame->is_pairs ? ", " : ": ");
        return;
    }
    if (frame->next > 0) {
        if (frame->is_pairs)
            cli_text_putc(writer->text, ']');
        cli_text_put(writer->text, writer->style == CLI_STYLE_PRETTY ? "," : ", ");
    }
    break_line(writer);
    if (frame->is_pairs)
        cli_text_putc(writer->text, '[');
}

/* Begins a container, or writes what stands for one that has been begun. */
static int begin(struct writer *writer, tn_value value)
{
    uint32_t *mark = &writer->marks[value.node];
    tn_kind kind = tn_value_kind(value);
    struct frame *frame;
    int r;

    TN_ASSERT(writer->marks); /* there are some as soon as there is a container */
    if (writer->style == CLI_STYLE_PYTHON) {
        if (*mark > 0 || writer->text->len > PYTHON_BYTES_MAX) {
            cli_text_put(writer->text, kind == TN_KIND_LIST     ? "[...]"
                                       : kind == TN_KIND_TUPLE  ? "(...)"
                                       : kind == TN_KIND_RECORD ? "<record ...>"
                                                                : "{...}");
            return 0;
        }
    } else if (*mark > 2) {
        cli_text_printf(writer->text, "{\"$ref\": %" PRIu32 "}", *mark - 2);
        return 0;
    }
    r = push(writer, value);
    if (r < 0)
        return r;
    frame = &writer->frames[writer->depth - 1];
    if (writer->style == CLI_STYLE_PYTHON) {
        *mark = 1;
    } else {
        frame->is_pairs = has_keys(value) && !is_object(value);
        frame->has_id = *mark == 2;
        if (frame->has_id)
            *mark = 2 + ++writer->n_ids;
    }
    open_container(writer, frame);
    return 0;
}

static void end(struct writer *writer)
{
    struct frame frame = writer->frames[--writer->depth];

    if (frame.is_pairs && frame.next > 0)
        cli_text_putc(writer->text, ']');
    close_container(writer, &frame);
    if (writer->style == CLI_STYLE_PYTHON)
        writer->marks[frame.value.node] = 0;
}

static int write_all(struct writer *writer, tn_value root)
{
    int r = 0;

    if (!is_container(root)) {
        put_scalar(writer, root);
        return 0;
    }
    r = begin(writer, root);
    while (r == 0 && writer->depth > 0) {
        struct frame *frame = &writer->frames[writer->depth - 1];
        tn_value value;
        bool is_bare;

        if (frame->next == n_parts(frame->value)) {
            end(writer);
            continue;
        }
        separate(writer, frame);
        is_bare = is_bare_name(writer, frame);
        value = part(frame->value, frame->next++);
        if (is_bare && tn_value_kind(value) == TN_KIND_STR)
            put_name(writer->text, tn_value_as_str(value, NULL), tn_value_len(value));
        else if (is_container(value))
            r = begin(writer, value);
        else
            put_scalar(writer, value);
    }
    return r;
}

int cli_value_write(struct cli_text *text, tn_value value, enum cli_style style)
{
    struct writer writer = { .text = text, .style = style };
    int r = 0;

    if (is_container(value)) {
        writer.marks = calloc(tn_values_count(value.values), sizeof(*writer.marks));
        if (!writer.marks)
            return TN_ENOMEM;
        if (style != CLI_STYLE_PYTHON)
            r = find_shared(&writer, value);
    }
    if (r == 0)
        r = write_all(&writer, value);
    free(writer.frames);
    free(writer.marks);
    return r < 0 ? r : text->is_failed ? TN_ENOMEM : 0;
}
