/* SPDX-License-Identifier: MIT */
/* put, lookup, describe, refcount, id, type, sizeof: what is told about an object
 * rather than what is in it. */
#include <inttypes.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/describe.h"

void cli_put_description_json(struct cli_text *text, const tn_description *d, bool deep)
{
    cli_text_printf(text,
                    "{\"id\": \"0x%" PRIx64 "\", \"type\": \"%s\", \"refs\": %" PRId64
                    ", \"refs_local\": %" PRId64 ", \"refs_shared\": %" PRId64
                    ", \"immortal\": %s, \"state\": \"%s\", \"owner\": %" PRIu32
                    ", \"tracked\": %s, \"length\": %" PRIu64 ", \"bytes\": %" PRIu64,
                    d->identity, tn_kind_name(d->type), d->refs, d->refs_local, d->refs_shared,
                    d->immortal ? "true" : "false", d->state, d->owner,
                    d->tracked ? "true" : "false", d->length, d->shallow_bytes);
    if (d->class_name[0]) {
        cli_text_put(text, ", \"class\": ");
        cli_json_put_string(text, d->class_name, strlen(d->class_name));
    }
    if (deep)
        cli_text_printf(text,
                        ", \"deep_bytes\": %" PRIu64 ", \"deep_objects\": %" PRIu64
                        ", \"deep_complete\": %s",
                        d->deep_bytes, d->deep_objects, d->deep_complete ? "true" : "false");
    cli_text_putc(text, '}');
}

static bool has_length(tn_kind type)
{
    return type >= TN_KIND_STR && type != TN_KIND_CLASS;
}

static const char *length_unit(tn_kind type)
{
    switch (type) {
    case TN_KIND_STR:
        return "characters";
    case TN_KIND_BYTES:
        return "bytes";
    case TN_KIND_DICT:
        return "entries";
    case TN_KIND_RECORD:
        return "attributes";
    default:
        return "items";
    }
}

void cli_put_description(struct cli_text *text, const tn_description *d, bool deep)
{
    cli_text_printf(text, "type        %s\n", tn_kind_name(d->type));
    if (d->class_name[0]) {
        cli_text_put(text, d->type == TN_KIND_CLASS ? "name        " : "class       ");
        cli_text_put_escaped(text, d->class_name, strlen(d->class_name), '\0');
        cli_text_putc(text, '\n');
    }
    cli_text_printf(text, "id          0x%" PRIx64 "\n", d->identity);
    if (d->immortal)
        cli_text_put(text, "references  not counted: immortal and shared by everybody\n");
    else
        cli_text_printf(
            text, "references  %" PRId64 " (%" PRId64 " by its owner, %" PRId64 " by others)\n",
            d->refs, d->refs_local, d->refs_shared);
    cli_text_printf(text, "state       %s", d->state);
    if (d->owner != 0)
        cli_text_printf(text, ", owned by thread %" PRIu32, d->owner);
    cli_text_putc(text, '\n');
    if (has_length(d->type))
        cli_text_printf(text, "length      %" PRIu64 " %s\n", d->length, length_unit(d->type));
    cli_text_printf(text, "size        %" PRIu64 " bytes\n", d->shallow_bytes);
    if (deep)
        cli_text_printf(text, "deep size   %s%" PRIu64 " bytes in %" PRIu64 " objects\n",
                        d->deep_complete ? "" : "more than ", d->deep_bytes, d->deep_objects);
    if (d->type >= TN_KIND_TUPLE)
        cli_text_printf(text, "tracked     %s\n",
                        d->tracked ? "yes: may be part of a cycle" : "no");
}

static int describe(struct cli *cli, bool deep, tn_description *ret_description)
{
    *ret_description = (tn_description)TN_DESCRIPTION_INIT;
    if (tn_client_describe(cli->client, tn_named(cli->args[0]), deep, 0, ret_description) < 0)
        return cli_fail(cli);
    return CLI_OK;
}

static int print_description(struct cli *cli, const tn_description *d)
{
    struct cli_text text = { .data = NULL };

    if (cli->json) {
        cli_put_description_json(&text, d, cli->deep);
        cli_text_putc(&text, '\n');
    } else {
        cli_put_description(&text, d, cli->deep);
    }
    return cli_print_text(&text);
}

static int run_describe(struct cli *cli)
{
    tn_description d;
    int code = describe(cli, cli->deep, &d);

    return code != CLI_OK ? code : print_description(cli, &d);
}

static int run_refcount(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    tn_description d;
    int code = describe(cli, false, &d);

    if (code != CLI_OK)
        return code;
    if (cli->json)
        cli_text_printf(&text,
                        "{\"refs\": %" PRId64 ", \"refs_local\": %" PRId64
                        ", \"refs_shared\": %" PRId64 ", \"immortal\": %s}\n",
                        d.refs, d.refs_local, d.refs_shared, d.immortal ? "true" : "false");
    else if (d.immortal)
        cli_text_put(&text, "immortal\n");
    else
        cli_text_printf(&text, "%" PRId64 "\n", d.refs);
    return cli_print_text(&text);
}

static int run_id(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    tn_description d;
    int code = describe(cli, false, &d);

    if (code != CLI_OK)
        return code;
    cli_text_printf(&text, cli->json ? "\"0x%" PRIx64 "\"\n" : "0x%" PRIx64 "\n", d.identity);
    return cli_print_text(&text);
}

static int run_type(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    tn_description d;
    int code = describe(cli, false, &d);

    if (code != CLI_OK)
        return code;
    cli_text_printf(&text, cli->json ? "\"%s\"\n" : "%s\n", tn_kind_name(d.type));
    return cli_print_text(&text);
}

static int run_sizeof(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    tn_description d;
    int code = describe(cli, cli->deep, &d);

    if (code != CLI_OK)
        return code;
    if (cli->json)
        cli_text_printf(&text, "{\"bytes\": %" PRIu64, d.shallow_bytes);
    else if (!cli->deep)
        cli_text_printf(&text, "%" PRIu64 "\n", d.shallow_bytes);
    if (cli->json && cli->deep)
        cli_text_printf(&text,
                        ", \"deep_bytes\": %" PRIu64 ", \"deep_objects\": %" PRIu64
                        ", \"deep_complete\": %s",
                        d.deep_bytes, d.deep_objects, d.deep_complete ? "true" : "false");
    else if (cli->deep)
        cli_text_printf(&text, "%" PRIu64 "\n", d.deep_bytes);
    if (cli->json)
        cli_text_put(&text, "}\n");
    if (cli->deep && !d.deep_complete)
        cli_complain("There are more objects than the server adds up: the size is a lower bound.");
    return cli_print_text(&text);
}

static int run_lookup(struct cli *cli)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    struct cli_text text = { .data = NULL };
    tn_description d = TN_DESCRIPTION_INIT;
    uint64_t version;

    if (tn_client_lookup(cli->client, cli->args[0], &handle, &version) < 0 ||
        tn_client_describe(cli->client, tn_held(handle), false, 0, &d) < 0)
        return cli_fail(cli);
    cli_text_printf(&text,
                    cli->json ? "{\"type\": \"%s\", \"id\": \"0x%" PRIx64
                                "\", \"version\": %" PRIu64 "}\n"
                              : "%s 0x%" PRIx64 " version %" PRIu64 "\n",
                    tn_kind_name(d.type), d.identity, version);
    return cli_print_text(&text);
}

static int run_put(struct cli *cli)
{
    TN_HANDLE_CLEANUP tn_handle *handle = NULL;
    tn_description d = TN_DESCRIPTION_INIT;
    tn_value value;
    int code = cli_value_of(cli, cli->args[0], &value);

    if (code != CLI_OK)
        return code;
    if (tn_client_put(cli->client, value, &handle) < 0 ||
        tn_client_describe(cli->client, tn_held(handle), cli->deep, 0, &d) < 0)
        return cli_fail(cli);
    return print_description(cli, &d);
}

static const struct argp_option deep_options[] = {
    { "deep", CLI_OPT_DEEP, NULL, 0, "Add up everything that can be reached, each object once", 0 },
    { 0 },
};

const struct cli_command cli_cmd_describe = {
    .name = "describe",
    .args_doc = "NAME",
    .summary = "Tell identity, type, references and size of an object",
    .options = deep_options,
    .min_args = 1,
    .max_args = 1,
    .run = run_describe,
};

const struct cli_command cli_cmd_refcount = {
    .name = "refcount",
    .args_doc = "NAME",
    .summary = "Print how many references an object has",
    .doc = "References are names, other objects, and handles of connected clients. Looking does "
           "not count.",
    .min_args = 1,
    .max_args = 1,
    .run = run_refcount,
};

const struct cli_command cli_cmd_id = {
    .name = "id",
    .args_doc = "NAME",
    .summary = "Print the identity of an object",
    .doc = "Two names with the same identity are two names of one object.",
    .min_args = 1,
    .max_args = 1,
    .run = run_id,
};

const struct cli_command cli_cmd_type = {
    .name = "type",
    .args_doc = "NAME",
    .summary = "Print the type of an object",
    .min_args = 1,
    .max_args = 1,
    .run = run_type,
};

const struct cli_command cli_cmd_sizeof = {
    .name = "sizeof",
    .args_doc = "NAME",
    .summary = "Print how many bytes an object occupies",
    .options = deep_options,
    .min_args = 1,
    .max_args = 1,
    .run = run_sizeof,
};

const struct cli_command cli_cmd_lookup = {
    .name = "lookup",
    .args_doc = "NAME",
    .summary = "Tell which object a name refers to, and the name's version",
    .doc = "Exits with 1 if the name is not bound.",
    .min_args = 1,
    .max_args = 1,
    .run = run_lookup,
};

const struct cli_command cli_cmd_put = {
    .name = "put",
    .args_doc = "VALUE\n-",
    .summary = "Store a value without a name, and describe it",
    .doc = "The object lives as long as this command's handle to it: it is gone when the command "
           "ends. So \"put\" shows what a value costs and leaves nothing behind.",
    .options = deep_options,
    .min_args = 1,
    .max_args = 1,
    .run = run_put,
};
