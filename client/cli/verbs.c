/* SPDX-License-Identifier: MIT */
#include "client/cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct cli_verb *find_verb(const struct cli_verb *verbs, const char *name)
{
    for (; verbs->name; verbs++) {
        if (strcmp(verbs->name, name) == 0)
            return verbs;
    }
    return NULL;
}

static int fail_unknown(const struct cli *cli, const struct cli_verb *verbs)
{
    struct cli_text names = { .data = NULL };
    int code;

    for (const struct cli_verb *verb = verbs; verb->name; verb++)
        cli_text_printf(&names, " %s", verb->name);
    code = cli_fail_usage(cli, "\"%s\" is none of the verbs%s.", cli->args[0],
                          cli_text_string(&names));
    cli_text_fini(&names);
    return code;
}

int cli_run_verb(struct cli *cli, const struct cli_verb *verbs)
{
    const struct cli_verb *verb = find_verb(verbs, cli->args[0]);
    int n_args = cli->n_args - 1;

    if (!verb)
        return fail_unknown(cli, verbs);
    if (n_args < verb->min_args || (verb->max_args >= 0 && n_args > verb->max_args))
        return cli_fail_usage(cli, "Too %s arguments: tenure %s %s %s",
                              n_args < verb->min_args ? "few" : "many", cli->command->name,
                              verb->name, verb->args_doc);
    return verb->run(cli, tn_named(cli->args[1]), cli->args + 2, n_args - 1);
}

int cli_verb_len(struct cli *cli, tn_target target, char **args, int n_args)
{
    struct cli_text text = { .data = NULL };
    uint64_t length;

    (void)args;
    (void)n_args;
    if (tn_client_length(cli->client, target, &length) < 0)
        return cli_fail(cli);
    cli_text_printf(&text, "%" PRIu64 "\n", length);
    return cli_print_text(&text);
}

int cli_print_truth(bool truth)
{
    struct cli_text text = { .data = NULL };
    int code;

    cli_text_put(&text, truth ? "true\n" : "false\n");
    code = cli_print_text(&text);
    return code != CLI_OK || truth ? code : CLI_NO;
}

int cli_contains(struct cli *cli, tn_target target, tn_value value)
{
    bool contained;

    if (tn_client_contains(cli->client, target, value, &contained) < 0)
        return cli_fail(cli);
    return cli_print_truth(contained);
}

static int put_entry(struct cli_text *text, tn_value key, tn_value value, bool keys_only)
{
    int r;

    if (!keys_only)
        cli_text_putc(text, '[');
    r = cli_value_write(text, key, CLI_STYLE_JSON);
    if (r == 0 && !keys_only) {
        cli_text_put(text, ", ");
        r = cli_value_write(text, value, CLI_STYLE_JSON);
        cli_text_putc(text, ']');
    }
    cli_text_putc(text, '\n');
    return r;
}

int cli_print_entries(struct cli *cli, tn_dict_iter *iter, bool keys_only)
{
    tn_value key, value;
    int r;

    while ((r = tn_dict_iter_next(iter, &key, &value)) == 1) {
        struct cli_text text = { .data = NULL };
        int code;

        text.is_failed = put_entry(&text, key, value, keys_only) < 0 || text.is_failed;
        code = cli_print_text(&text);
        if (code != CLI_OK)
            return code;
        if (ferror(stdout))
            return CLI_OK; /* the end says so */
    }
    return r < 0 ? cli_fail(cli) : CLI_OK;
}

int cli_print_length(const struct cli *cli, uint64_t length)
{
    struct cli_text text = { .data = NULL };

    if (!cli->json)
        return CLI_OK;
    cli_text_printf(&text, "{\"length\": %" PRIu64 "}\n", length);
    return cli_print_text(&text);
}
