/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "client/cli/verbs.h"

enum answer {
    ANSWER_VALUE,
    ANSWER_LENGTH,
    ANSWER_POSITION,
};

/* What a verb does: an operation, and which of its fields the arguments are. */
struct array_verb {
    const char *name;
    tn_op_code code;
    enum answer answer;
    int64_t index; /* where no argument says so, as are `stop` and `step` */
    const char *fields;
};

/* In `fields`: i index or start, e stop, s step, v value. */
static const struct array_verb rows[] = {
    { "get", TN_OP_ARRAY_GET, ANSWER_VALUE, 0, "i" },
    { "set", TN_OP_ARRAY_SET, ANSWER_LENGTH, 0, "iv" },
    { "add", TN_OP_ARRAY_ADD, ANSWER_VALUE, 0, "iv" },
    { "append", TN_OP_ARRAY_APPEND, ANSWER_LENGTH, 0, "v" },
    { "extend", TN_OP_ARRAY_EXTEND, ANSWER_LENGTH, 0, "v" },
    { "insert", TN_OP_ARRAY_INSERT, ANSWER_LENGTH, 0, "iv" },
    { "pop", TN_OP_ARRAY_POP, ANSWER_VALUE, -1, "i" },
    { "del", TN_OP_ARRAY_DELETE, ANSWER_LENGTH, 0, "i" },
    { "slice", TN_OP_ARRAY_SLICE, ANSWER_VALUE, 0, "ies" },
    { "replace", TN_OP_ARRAY_REPLACE, ANSWER_LENGTH, 0, "ievs" },
    { "fill", TN_OP_ARRAY_FILL, ANSWER_LENGTH, TN_FROM_START, "vie" },
    { "sum", TN_OP_ARRAY_SUM, ANSWER_VALUE, 0, "" },
    { "min", TN_OP_ARRAY_MIN, ANSWER_VALUE, 0, "" },
    { "max", TN_OP_ARRAY_MAX, ANSWER_VALUE, 0, "" },
    { "index", TN_OP_ARRAY_INDEX, ANSWER_POSITION, TN_FROM_START, "vi" },
};

static const struct array_verb *find_row(const char *name)
{
    const struct array_verb *row = rows;

    while (strcmp(row->name, name) != 0) /* it is one of them: see the table of verbs */
        row++;
    return row;
}

static int read_field(struct cli *cli, char field, const char *argument, tn_op *op)
{
    bool is_read;

    switch (field) {
    case 'v':
        return cli_value_of(cli, argument, &op->value);
    case 'i':
        is_read = cli_parse_int("index", argument, &op->index);
        break;
    case 'e':
        is_read = cli_parse_int("stop", argument, &op->stop);
        break;
    default:
        is_read = cli_parse_int("step", argument, &op->step);
        break;
    }
    return is_read ? CLI_OK : CLI_USAGE;
}

static int print_position(uint64_t position)
{
    struct cli_text text = { .data = NULL };

    cli_text_printf(&text, "%" PRIu64 "\n", position);
    return cli_print_text(&text);
}

static int print_answer(struct cli *cli, enum answer answer, tn_reply *reply)
{
    uint64_t count = 0;
    tn_value value;

    if (answer == ANSWER_VALUE) {
        if (tn_reply_value(reply, cli->values, &value) < 0)
            return cli_fail(cli);
        return cli_print_value(cli, value);
    }
    if (tn_reply_count(reply, &count) < 0)
        return cli_fail(cli);
    return answer == ANSWER_LENGTH ? cli_print_length(cli, count) : print_position(count);
}

static int run_row(struct cli *cli, tn_target array, char **args, int n_args)
{
    const struct array_verb *row = find_row(cli->args[0]);
    tn_op op = tn_op_init(row->code);
    tn_reply *reply;

    op.target = array;
    op.index = row->index;
    op.stop = TN_TO_END;
    op.step = 1;
    op.want = &cli->want;
    for (int i = 0; i < n_args; i++) {
        int code = read_field(cli, row->fields[i], args[i], &op);

        if (code != CLI_OK)
            return code;
    }
    if (tn_client_call(cli->client, &op, &reply) < 0)
        return cli_fail(cli);
    return print_answer(cli, row->answer, reply);
}

static int verb_contains(struct cli *cli, tn_target array, char **args, int n_args)
{
    tn_value value;
    int code = cli_value_of(cli, args[0], &value);

    (void)n_args;
    return code != CLI_OK ? code : cli_contains(cli, array, value);
}

static const struct cli_verb verbs[] = {
    { "get", "NAME INDEX", 2, 2, run_row },
    { "set", "NAME INDEX NUMBER", 3, 3, run_row },
    { "add", "NAME INDEX NUMBER", 3, 3, run_row },
    { "append", "NAME NUMBER", 2, 2, run_row },
    { "extend", "NAME ITEMS", 2, 2, run_row },
    { "insert", "NAME INDEX NUMBER", 3, 3, run_row },
    { "pop", "NAME [INDEX]", 1, 2, run_row },
    { "del", "NAME INDEX", 2, 2, run_row },
    { "slice", "NAME START [STOP [STEP]]", 2, 4, run_row },
    { "replace", "NAME START STOP ITEMS [STEP]", 4, 5, run_row },
    { "fill", "NAME NUMBER [START [STOP]]", 2, 4, run_row },
    { "sum", "NAME", 1, 1, run_row },
    { "min", "NAME", 1, 1, run_row },
    { "max", "NAME", 1, 1, run_row },
    { "index", "NAME VALUE [START]", 2, 3, run_row },
    { "contains", "NAME VALUE", 2, 2, verb_contains },
    { "len", "NAME", 1, 1, cli_verb_len },
    { NULL, NULL, 0, 0, NULL },
};

static int run(struct cli *cli)
{
    return cli_run_verb(cli, verbs);
}

static const struct argp_option options[] = {
    CLI_OPTIONS_WANT,
    { "raw", CLI_OPT_RAW, NULL, 0, "Print a bytearray as it is, not as JSON", 0 },
    { 0 },
};

const struct cli_command cli_cmd_array = {
    .name = "array",
    .args_doc = "get NAME INDEX\nset NAME INDEX NUMBER\nadd NAME INDEX NUMBER\n"
                "append NAME NUMBER\nextend NAME ITEMS\ninsert NAME INDEX NUMBER\n"
                "pop NAME [INDEX]\ndel NAME INDEX\nslice NAME START [STOP [STEP]]\n"
                "replace NAME START STOP ITEMS [STEP]\nfill NAME NUMBER [START [STOP]]\n"
                "sum NAME\nmin NAME\nmax NAME\nindex NAME VALUE [START]\n"
                "contains NAME VALUE\nlen NAME",
    .summary = "Read and change arrays and bytearrays",
    .doc =
        "An array is set as {\"$array\": [\"i32\", [1, 2]]}, a bytearray as {\"$bytearray\": "
        "\"base64\"}. An INDEX below zero counts from the end. ITEMS are an array, bytearray or "
        "bytes, or a list of numbers. \"add\" adds to an item and prints what it is then; nobody "
        "comes in between. A VALUE is a number, or in a bytearray a bytes. \"contains\" and "
        "\"index\" exit with 1 if it is not there.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
