/* SPDX-License-Identifier: MIT */
/* class and new: declaring classes, and making records of them. */
#include <inttypes.h>
#include <string.h>

#include "client/cli/verbs.h"

/* Gives what has just been made its name; the handle is only ours meanwhile. */
static int bind_new(struct cli *cli, const char *name, const tn_handle *handle)
{
    tn_binding binding;

    if (tn_client_bind_if(cli->client, name, tn_held(handle), cli_require(cli), &binding) < 0)
        return cli_fail(cli);
    return cli_print_binding(cli, &binding);
}

static int verb_declare(struct cli *cli, tn_target name, char **args, int n_args)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;

    (void)name;
    cli->class_spec.name = cli->args[1];
    cli->class_spec.slots = (const char *const *)args;
    cli->class_spec.n_slots = (size_t)n_args;
    if (tn_client_class_declare(cli->client, &cli->class_spec, &handle) < 0)
        return cli_fail(cli);
    return bind_new(cli, cli->args[1], handle);
}

static void put_slots(struct cli_text *text, const tn_class_info *info, size_t first, size_t end)
{
    cli_text_putc(text, '[');
    for (size_t i = first; i < end; i++) {
        cli_text_put(text, i > first ? ", " : "");
        cli_json_put_string(text, info->slots[i], strlen(info->slots[i]));
    }
    cli_text_putc(text, ']');
}

static void put_class_json(struct cli_text *text, const tn_class_info *info)
{
    cli_text_put(text, "{\"name\": ");
    cli_json_put_string(text, info->name, strlen(info->name));
    cli_text_printf(text, ", \"id\": \"0x%" PRIx64 "\", \"base\": ", info->identity);
    if (info->base_name)
        cli_json_put_string(text, info->base_name, strlen(info->base_name));
    else
        cli_text_put(text, "null");
    cli_text_put(text, ", \"inherited_slots\": ");
    put_slots(text, info, 0, info->n_inherited);
    cli_text_put(text, ", \"slots\": ");
    put_slots(text, info, info->n_inherited, info->n_slots);
    cli_text_printf(text,
                    ", \"dict\": %s, \"finalizer\": %s, \"record_bytes\": %" PRIu64
                    ", \"records\": %" PRIu64 "}\n",
                    info->has_dict ? "true" : "false", info->has_finalizer ? "true" : "false",
                    info->record_bytes, info->records);
}

static void put_escaped(struct cli_text *text, const char *name)
{
    cli_text_put_escaped(text, name, strlen(name), '\0');
}

static void put_class(struct cli_text *text, const tn_class_info *info)
{
    cli_text_put(text, "class       ");
    put_escaped(text, info->name);
    cli_text_printf(text, "\nid          0x%" PRIx64 "\nbase        ", info->identity);
    put_escaped(text, info->base_name ? info->base_name : "none");
    cli_text_put(text, "\nslots      ");
    for (size_t i = 0; i < info->n_slots; i++) {
        cli_text_putc(text, ' ');
        put_escaped(text, info->slots[i]);
        if (i + 1 == info->n_inherited)
            cli_text_put(text, " (inherited so far)");
    }
    cli_text_printf(text, "%s\nothers      %s\n", info->n_slots == 0 ? " none" : "",
                    info->has_dict ? "records take any attribute"
                                   : "records take no attributes "
                                     "but these");
    if (info->has_finalizer)
        cli_text_put(text, "finalizer   the death of a record is an event\n");
    cli_text_printf(text, "records     %" PRIu64 ", of %" PRIu64 " bytes each\n", info->records,
                    info->record_bytes);
}

static int verb_describe(struct cli *cli, tn_target target, char **args, int n_args)
{
    TN_CLASS_INFO_CLEANUP tn_class_info *info = NULL;
    struct cli_text text = { .data = NULL };

    (void)args;
    (void)n_args;
    if (tn_client_class_describe(cli->client, target, &info) < 0)
        return cli_fail(cli);
    if (cli->json)
        put_class_json(&text, info);
    else
        put_class(&text, info);
    return cli_print_text(&text);
}

static int verb_instances(struct cli *cli, tn_target target, char **args, int n_args)
{
    TN_CLASS_INFO_CLEANUP tn_class_info *info = NULL;
    struct cli_text text = { .data = NULL };

    (void)args;
    (void)n_args;
    if (tn_client_class_describe(cli->client, target, &info) < 0)
        return cli_fail(cli);
    cli_text_printf(&text, "%" PRIu64 "\n", info->records);
    return cli_print_text(&text);
}

static const struct cli_verb verbs[] = {
    { "declare", "NAME [SLOT...]", 1, -1, verb_declare },
    { "describe", "NAME", 1, 1, verb_describe },
    { "instances", "NAME", 1, 1, verb_instances },
    { NULL, NULL, 0, 0, NULL },
};

static int run_class(struct cli *cli)
{
    return cli_run_verb(cli, verbs);
}

static int run_new(struct cli *cli)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    tn_value attributes = { .values = NULL };
    int code = cli->n_args > 2 ? cli_value_of(cli, cli->args[2], &attributes) : CLI_OK;

    if (code != CLI_OK)
        return code;
    if (tn_client_record_new(cli->client, tn_named(cli->args[1]), attributes, &handle) < 0)
        return cli_fail(cli);
    return bind_new(cli, cli->args[0], handle);
}

static const struct argp_option class_options[] = {
    { "base", CLI_OPT_BASE, "NAME", 0, "The class whose slots are inherited", 0 },
    { "dict", CLI_OPT_DICT, NULL, 0, "Records also take attributes that have no slot", 0 },
    { "finalizer", CLI_OPT_FINALIZER, NULL, 0, "The death of a record is an event", 0 },
    CLI_OPTIONS_REQUIRE,
    { 0 },
};

const struct cli_command cli_cmd_class = {
    .name = "class",
    .args_doc = "declare NAME [SLOT...]\ndescribe NAME\ninstances NAME",
    .summary = "Declare and describe classes",
    .doc = "\"declare\" makes a class and binds it to NAME: \"tenure class declare Point x y\". "
           "Records of it are made with \"tenure new\". Declaring again makes another class; the "
           "records of the one before keep theirs. \"describe\" also takes a record, and "
           "\"instances\" prints how many records there are of exactly this class.",
    .options = class_options,
    .min_args = 1,
    .max_args = -1,
    .run = run_class,
};

static const struct argp_option new_options[] = {
    CLI_OPTIONS_REQUIRE,
    { 0 },
};

const struct cli_command cli_cmd_new = {
    .name = "new",
    .args_doc = "NAME CLASS [ATTRIBUTES]",
    .summary = "Make a record of a class, under a name",
    .doc = "ATTRIBUTES is a JSON object of attributes by name, or an array of the values of the "
           "slots in their order: \"tenure new p Point '{\"x\": 1}'\" or \"tenure new p Point "
           "'[1, 2]'\". A slot without a value is read as an error.",
    .options = new_options,
    .min_args = 2,
    .max_args = 3,
    .run = run_new,
};
