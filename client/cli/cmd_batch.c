/* SPDX-License-Identifier: MIT */
/* tenure batch: an array of steps in, an array of results out. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/describe.h"

/* What a step of an operation needs, and what its result is. */
enum result_kind {
    RESULT_NOTHING,
    RESULT_VALUE,
    RESULT_HANDLE,
    RESULT_BINDING,
    RESULT_COUNT,
    RESULT_TRUTH,
    RESULT_DESCRIPTION,
};

struct op_row {
    const char *name;
    tn_op_code code;
    bool has_target;
    bool has_name;
    bool has_value;
    bool has_key;
    bool has_index;
    enum result_kind result;
};

static const struct op_row rows[] = {
    { "ping", TN_OP_PING, false, false, false, false, false, RESULT_NOTHING },
    { "put", TN_OP_PUT, false, false, true, false, false, RESULT_HANDLE },
    { "set", TN_OP_SET, false, true, true, false, false, RESULT_BINDING },
    { "get", TN_OP_GET, true, false, false, false, false, RESULT_VALUE },
    { "bind", TN_OP_BIND, true, true, false, false, false, RESULT_BINDING },
    { "unbind", TN_OP_UNBIND, false, true, false, false, false, RESULT_BINDING },
    { "lookup", TN_OP_LOOKUP, false, true, false, false, false, RESULT_HANDLE },
    { "describe", TN_OP_DESCRIBE, true, false, false, false, false, RESULT_DESCRIPTION },
    { "length", TN_OP_LENGTH, true, false, false, false, false, RESULT_COUNT },
    { "contains", TN_OP_CONTAINS, true, false, true, false, false, RESULT_TRUTH },
    { "list_get", TN_OP_LIST_GET, true, false, false, false, true, RESULT_VALUE },
    { "list_set", TN_OP_LIST_SET, true, false, true, false, true, RESULT_COUNT },
    { "list_append", TN_OP_LIST_APPEND, true, false, true, false, false, RESULT_COUNT },
    { "list_extend", TN_OP_LIST_EXTEND, true, false, true, false, false, RESULT_COUNT },
    { "list_insert", TN_OP_LIST_INSERT, true, false, true, false, true, RESULT_COUNT },
    { "list_delete", TN_OP_LIST_DELETE, true, false, false, false, true, RESULT_COUNT },
    { "list_pop", TN_OP_LIST_POP, true, false, false, false, true, RESULT_VALUE },
    { "list_slice", TN_OP_LIST_SLICE, true, false, false, false, true, RESULT_VALUE },
    { "dict_get", TN_OP_DICT_GET, true, false, false, true, false, RESULT_VALUE },
    { "dict_set", TN_OP_DICT_SET, true, false, true, true, false, RESULT_COUNT },
    { "dict_delete", TN_OP_DICT_DELETE, true, false, false, true, false, RESULT_COUNT },
    { "dict_pop", TN_OP_DICT_POP, true, false, false, true, false, RESULT_VALUE },
    { "record_new", TN_OP_RECORD_NEW, true, false, true, false, false, RESULT_HANDLE },
    { "attr_get", TN_OP_ATTR_GET, true, true, false, false, false, RESULT_VALUE },
    { "attr_set", TN_OP_ATTR_SET, true, true, true, false, false, RESULT_COUNT },
    { "attr_delete", TN_OP_ATTR_DELETE, true, true, false, false, false, RESULT_COUNT },
};

/* What can stand in a step. */
static const char *const fields[] = { "op",   "name",   "target", "value",  "key",    "index",
                                      "stop", "handle", "deep",   "absent", "version" };

struct step {
    const struct op_row *row;
    tn_op op;
    tn_want want;
    tn_require require;
};

static const struct op_row *find_row(const char *name)
{
    for (size_t i = 0; name && i < TN_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

static int check_fields(const json_t *json, size_t number)
{
    const char *key;
    json_t *item;

    json_object_foreach((json_t *)(uintptr_t)json, key, item)
    {
        bool is_known = false;

        for (size_t i = 0; i < TN_ARRAY_LEN(fields) && !is_known; i++)
            is_known = strcmp(key, fields[i]) == 0;
        if (!is_known) {
            cli_complain("Step %zu has the field \"%s\", which no step has.", number, key);
            return CLI_USAGE;
        }
    }
    return CLI_OK;
}

/* "NAME", or {"step": n}. */
static int read_target(const json_t *json, size_t number, tn_op *op)
{
    const json_t *step = json_object_get(json, "step");

    if (json_is_string(json)) {
        op->target = tn_named_n(json_string_value(json), json_string_length(json));
        return CLI_OK;
    }
    if (json_is_integer(step) && json_object_size(json) == 1 && json_integer_value(step) >= 0 &&
        json_integer_value(step) < (json_int_t)number) {
        op->target = tn_of_step((int)json_integer_value(step));
        return CLI_OK;
    }
    cli_complain("Step %zu needs a \"target\": a name, or {\"step\": n} with the number of an "
                 "earlier step.",
                 number);
    return CLI_USAGE;
}

static int read_step_value(struct cli *cli, const json_t *json, const char *field, size_t number,
                           tn_value *ret_value)
{
    struct cli_json_input input = {
        .values = cli->values, .find_name = cli_find_name, .arg = cli, .n_steps = (int)number
    };
    const json_t *value = json_object_get(json, field);
    int r;

    if (!value) {
        cli_complain("Step %zu needs a \"%s\".", number, field);
        return CLI_USAGE;
    }
    r = cli_json_read_parsed(&input, value, ret_value);
    if (r == 0)
        return CLI_OK;
    if (!input.message[0])
        return cli_fail(cli);
    cli_complain("The \"%s\" of step %zu: %s", field, number, input.message);
    return CLI_USAGE;
}

static int read_numbers(const json_t *json, size_t number, struct step *step)
{
    const json_t *index = json_object_get(json, "index");
    const json_t *stop = json_object_get(json, "stop");
    const json_t *version = json_object_get(json, "version");

    if ((step->row->has_index && !index && step->op.code != TN_OP_LIST_POP) ||
        (index && !json_is_integer(index)) || (stop && !json_is_integer(stop)) ||
        (version && (!json_is_integer(version) || json_integer_value(version) < 0))) {
        cli_complain("Step %zu (%s) needs whole numbers as \"index\", \"stop\" and \"version\".",
                     number, step->row->name);
        return CLI_USAGE;
    }
    step->op.index = index ? json_integer_value(index) : -1;
    step->op.stop = stop ? json_integer_value(stop) : TN_TO_END;
    step->require.absent = json_is_true(json_object_get(json, "absent"));
    step->require.version = version ? (uint64_t)json_integer_value(version) : 0;
    step->op.require = &step->require;
    step->want.handle = json_is_true(json_object_get(json, "handle"));
    step->op.want = &step->want;
    step->op.deep = json_is_true(json_object_get(json, "deep"));
    return CLI_OK;
}

static int read_step(struct cli *cli, const json_t *json, size_t number, struct step *ret_step)
{
    const json_t *name = json_object_get(json, "name");
    struct step step = { .row = find_row(json_string_value(json_object_get(json, "op"))),
                         .want = TN_WANT_INIT,
                         .require = TN_REQUIRE_INIT };
    int code;

    if (!step.row) {
        cli_complain("Step %zu needs an \"op\", such as \"put\", \"bind\" or \"list_append\".",
                     number);
        return CLI_USAGE;
    }
    *ret_step = step;
    ret_step->op = tn_op_init(step.row->code);
    code = check_fields(json, number);
    if (code == CLI_OK)
        code = read_numbers(json, number, ret_step);
    if (code == CLI_OK && step.row->has_target)
        code = read_target(json_object_get(json, "target"), number, &ret_step->op);
    if (code == CLI_OK && step.row->has_name) {
        if (!json_is_string(name)) {
            cli_complain("Step %zu needs a \"name\".", number);
            return CLI_USAGE;
        }
        ret_step->op.name = json_string_value(name);
        ret_step->op.name_len = json_string_length(name);
    }
    if (code == CLI_OK && step.row->has_value)
        code = read_step_value(cli, json, "value", number, &ret_step->op.value);
    if (code == CLI_OK && step.row->has_key)
        code = read_step_value(cli, json, "key", number, &ret_step->op.key);
    return code;
}

/* Adds all steps; `ret_rows` says what kind each is. */
static int read_steps(struct cli *cli, const json_t *json, tn_batch *batch,
                      const struct op_row **ret_rows)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct step step;
        int code;

        tn_values_clear(cli->values);
        code = read_step(cli, json_array_get(json, i), i, &step);
        if (code != CLI_OK)
            return code;
        ret_rows[i] = step.row;
        if (tn_batch_add(batch, &step.op) < 0)
            return CLI_OK; /* running it says why */
    }
    return CLI_OK;
}

/* ---- Results ---- */

static void put_error(struct cli_text *text, const tn_error *error)
{
    cli_text_printf(text,
                    "{\"ok\": false, \"error\": \"%s\", \"reason\": ", tn_errno_name(error->err));
    cli_json_put_string(text, error->reason, strlen(error->reason));
    cli_text_put(text, ", \"message\": ");
    cli_json_put_string(text, error->message, strlen(error->message));
    cli_text_putc(text, '}');
}

static int put_success(struct cli *cli, enum result_kind kind, tn_reply *reply,
                       struct cli_text *text)
{
    tn_description d = TN_DESCRIPTION_INIT;
    tn_binding binding;
    uint64_t count;
    tn_value value;
    bool truth;
    int r = 0;

    cli_text_put(text, "{\"ok\": true");
    switch (kind) {
    case RESULT_NOTHING:
        break;
    case RESULT_VALUE:
    case RESULT_HANDLE:
        r = tn_reply_value(reply, cli->values, &value);
        cli_text_put(text, ", \"value\": ");
        if (r == 0)
            r = cli_value_write(text, value, CLI_STYLE_JSON);
        break;
    case RESULT_BINDING:
        r = tn_reply_binding(reply, &binding);
        if (r == 0)
            cli_text_printf(text, ", \"version\": %" PRIu64 ", \"existed\": %s", binding.version,
                            binding.existed ? "true" : "false");
        break;
    case RESULT_COUNT:
        r = tn_reply_count(reply, &count);
        if (r == 0)
            cli_text_printf(text, ", \"count\": %" PRIu64, count);
        break;
    case RESULT_TRUTH:
        r = tn_reply_truth(reply, &truth);
        if (r == 0)
            cli_text_printf(text, ", \"contains\": %s", truth ? "true" : "false");
        break;
    case RESULT_DESCRIPTION:
        r = tn_reply_description(reply, &d);
        cli_text_put(text, ", \"description\": ");
        if (r == 0)
            cli_put_description_json(text, &d, true);
        break;
    }
    cli_text_putc(text, '}');
    return r;
}

static int print_results(struct cli *cli, tn_reply *reply, const struct op_row *const *kinds)
{
    struct cli_text text = { .data = NULL };
    size_t n = tn_reply_n_steps(reply);
    int r = 0;

    cli_text_putc(&text, '[');
    for (size_t i = 0; i < n && r == 0; i++) {
        tn_reply *step = tn_reply_step(reply, i);

        cli_text_put(&text, i > 0 ? ",\n " : "\n ");
        if (tn_reply_status(step) < 0)
            put_error(&text, tn_reply_error(step));
        else
            r = put_success(cli, kinds[i] ? kinds[i]->result : RESULT_NOTHING, step, &text);
    }
    cli_text_put(&text, "\n]\n");
    if (r < 0) {
        cli_text_fini(&text);
        cli_complain("A result could not be read: %s.", tn_errno_text(r));
        return CLI_LOCAL;
    }
    return cli_print_text(&text);
}

static int run_steps(struct cli *cli, const json_t *json)
{
    TN_BATCH_CLEANUP tn_batch *batch = tn_batch_new(cli->client);
    const struct op_row **kinds = calloc(json_array_size(json) + 1, sizeof(const struct op_row *));
    tn_reply *reply = NULL;
    int code = CLI_LOCAL;
    int failure = CLI_OK;

    if (!batch || !kinds) {
        cli_complain("There is no memory left.");
    } else {
        tn_batch_set_keep_going(batch, cli->keep_going);
        code = read_steps(cli, json, batch, kinds);
        if (code == CLI_OK && tn_client_run(cli->client, batch, &reply) < 0)
            failure = cli_fail(cli);
        tn_values_clear(cli->values);
        if (reply)
            code = print_results(cli, reply, kinds);
    }
    free((void *)kinds);
    return failure != CLI_OK ? failure : code;
}

static int run(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    char message[320];
    bool is_overflow;
    json_t *json;
    int code = cli_read_file(cli->n_args > 0 ? cli->args[0] : "-", &text);

    if (code != CLI_OK) {
        cli_text_fini(&text);
        return code;
    }
    json = cli_json_parse(cli_text_string(&text), text.len, message, sizeof(message), &is_overflow);
    cli_text_fini(&text);
    if (!json) {
        cli_complain("%s", message);
        return CLI_USAGE;
    }
    if (json_is_array(json)) {
        code = run_steps(cli, json);
    } else {
        cli_complain("A batch is a JSON array of steps, as in [{\"op\": \"put\", \"value\": []}].");
        code = CLI_USAGE;
    }
    json_decref(json);
    return code;
}

static const struct argp_option options[] = {
    { "keep-going", CLI_OPT_KEEP_GOING, NULL, 0, "Go on after a step that fails", 0 },
    { 0 },
};

const struct cli_command cli_cmd_batch = {
    .name = "batch",
    .args_doc = "[FILE]",
    .summary = "Have several steps executed in one request",
    .doc = "FILE, or standard input, is a JSON array of steps, which may refer to what earlier "
           "ones returned:\n\n"
           "  [{\"op\": \"put\", \"value\": [1, 2]},\n"
           "   {\"op\": \"bind\", \"name\": \"x\", \"target\": {\"step\": 0}},\n"
           "   {\"op\": \"list_append\", \"target\": \"x\", \"value\": {\"$step\": 0}}]\n\n"
           "The results are printed as an array. Without --keep-going the steps behind one that "
           "failed are not executed; those before it are not undone. tenure(1) lists the "
           "operations.",
    .options = options,
    .max_args = 1,
    .run = run,
};
