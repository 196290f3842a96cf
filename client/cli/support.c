/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

void cli_complain(const char *format, ...)
{
    va_list args;

    (void)fputs("tenure: ", stderr); /* there is nobody else to tell */
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

int cli_fail_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;

    (void)fputs("tenure: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nTry \"tenure %s%s--help\".\n", cli->command ? cli->command->name : "",
                  cli->command ? " " : "");
    return CLI_USAGE;
}

int cli_exit_of(int err)
{
    switch (err) {
    case TN_ENAME:
    case TN_EKEY:
    case TN_EINDEX:
    case TN_EPRECONDITION:
        return CLI_NO;
    case TN_ECONNECT:
    case TN_ESESSION_LOST:
    case TN_ETIMEOUT:
        return CLI_CONNECTION;
    case TN_ENOMEM:
        return CLI_LOCAL;
    default:
        return CLI_REFUSED;
    }
}

static int complain_about(const struct cli *cli, const char *what)
{
    const tn_error *error = tn_client_error(cli->client);
    struct cli_text text = { .data = NULL };

    if (what) {
        cli_text_put_escaped(&text, what, strlen(what), '\0');
        cli_text_put(&text, ": ");
    }
    cli_text_put_escaped(&text, error->message, strlen(error->message), '\0');
    if (error->reason[0]) {
        cli_text_put(&text, " (");
        cli_text_put_escaped(&text, error->reason, strlen(error->reason), '\0');
        cli_text_putc(&text, ')');
    }
    cli_complain("%s", cli_text_string(&text));
    cli_text_fini(&text);
    return cli_exit_of(error->err);
}

int cli_fail(const struct cli *cli)
{
    return complain_about(cli, NULL);
}

int cli_fail_about(const struct cli *cli, const char *what)
{
    return complain_about(cli, what);
}

/* The endpoint that the options state; -s excludes -H and -p. */
static int find_endpoint(struct cli *cli)
{
    int len = 0;

    if (cli->socket_path && (cli->host || cli->port))
        return cli_fail_usage(cli, "A server has a socket (-s) or a host and port (-H, -p).");
    if (cli->socket_path)
        len = asprintf(&cli->endpoint, "unix:%s", cli->socket_path);
    else if (cli->host && strchr(cli->host, ':') && cli->host[0] != '[')
        len = asprintf(&cli->endpoint, "tcp:[%s]:%s", cli->host, cli->port ? cli->port : "7477");
    else if (cli->host || cli->port)
        len = asprintf(&cli->endpoint, "tcp:%s:%s", cli->host ? cli->host : "127.0.0.1",
                       cli->port ? cli->port : "7477");
    if (len < 0) {
        cli->endpoint = NULL;
        cli_complain("There is no memory left.");
        return CLI_LOCAL;
    }
    return CLI_OK;
}

int cli_connect(struct cli *cli)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    int code = find_endpoint(cli);

    if (code != CLI_OK)
        return code;
    options.endpoint = cli->endpoint;
    options.namespace_name = cli->namespace_name;
    options.client_name = "tenure";
    options.timeout_ms = cli->timeout_ms;
    if (cli->timeout_ms != TN_WAIT_FOREVER && cli->timeout_ms < 5000)
        options.connect_timeout_ms = cli->timeout_ms;
    if (tn_client_open(&options, &cli->client) == 0)
        return CLI_OK;
    code = cli_fail(cli);
    return code == CLI_REFUSED && tn_client_error(cli->client)->code == 0 ? CLI_USAGE : code;
}

static int read_stream(FILE *stream, const char *name, struct cli_text *text)
{
    char buffer[65536];
    size_t n;

    while ((n = fread(buffer, 1, sizeof(buffer), stream)) > 0)
        cli_text_append(text, buffer, n);
    if (ferror(stream)) {
        cli_complain("%s cannot be read: %s.", name, strerror(errno));
        return CLI_LOCAL;
    }
    if (text->is_failed) {
        cli_complain("There is no memory for all of %s.", name);
        return CLI_LOCAL;
    }
    return CLI_OK;
}

int cli_read_file(const char *path, struct cli_text *ret_text)
{
    FILE *file;
    int code;

    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", ret_text);
    file = fopen(path, "re");
    if (!file) {
        cli_complain("%s cannot be opened: %s.", path, strerror(errno));
        return CLI_LOCAL;
    }
    code = read_stream(file, path, ret_text);
    (void)fclose(file); /* was only read */
    return code;
}

int cli_read_argument(const char *argument, struct cli_text *ret_text)
{
    if (strcmp(argument, "-") == 0)
        return cli_read_file(argument, ret_text);
    cli_text_put(ret_text, argument);
    return CLI_OK;
}

int cli_find_name(void *arg, const char *name, tn_handle **ret_handle)
{
    struct cli *cli = arg;

    return tn_client_lookup(cli->client, name, ret_handle, NULL);
}

int cli_value_of(struct cli *cli, const char *argument, tn_value *ret_value)
{
    struct cli_json_input input = { .values = cli->values, .find_name = cli_find_name, .arg = cli };
    struct cli_text text = { .data = NULL };
    int code = cli_read_argument(argument, &text);
    int r;

    if (code != CLI_OK) {
        cli_text_fini(&text);
        return code;
    }
    r = cli_json_read(&input, cli_text_string(&text), text.len, ret_value);
    cli_text_fini(&text);
    if (r == 0)
        return CLI_OK;
    if (input.message[0]) {
        cli_complain("%s", input.message);
        return CLI_USAGE;
    }
    if (r == TN_ENOMEM) {
        cli_complain("There is no memory left.");
        return CLI_LOCAL;
    }
    return cli_fail(cli);
}

int cli_key_of(struct cli *cli, const char *argument, tn_value *ret_value)
{
    char message[320];
    bool is_overflow;
    json_t *json;

    if (strcmp(argument, "-") == 0)
        return cli_value_of(cli, argument, ret_value);
    json = cli_json_parse(argument, strlen(argument), message, sizeof(message), &is_overflow);
    if (json) {
        json_decref(json);
        return cli_value_of(cli, argument, ret_value);
    }
    *ret_value = tn_value_str(cli->values, argument);
    return CLI_OK;
}

const tn_require *cli_require(const struct cli *cli)
{
    return cli->has_require ? &cli->require : NULL;
}

int cli_print_value(struct cli *cli, tn_value value)
{
    struct cli_text text = { .data = NULL };
    size_t size = 0;
    const void *bytes = tn_value_as_bytes(value, &size);

    if (tn_value_as_handle(value) && !cli->is_limited)
        cli_complain("The object has more in it than the server sends at a time; read it by "
                     "\"list slice\" or \"dict items\".");
    if (cli->raw && bytes) {
        cli_text_append(&text, bytes, size);
        if (tn_value_kind(value) == TN_KIND_STR)
            cli_text_putc(&text, '\n');
    } else {
        if (cli_value_write(&text, value, cli->pretty ? CLI_STYLE_PRETTY : CLI_STYLE_JSON) < 0)
            text.is_failed = true;
        cli_text_putc(&text, '\n');
    }
    return cli_print_text(&text);
}

int cli_print_binding(const struct cli *cli, const tn_binding *binding)
{
    struct cli_text text = { .data = NULL };

    if (!cli->json)
        return CLI_OK;
    cli_text_printf(&text, "{\"version\": %" PRIu64 ", \"existed\": %s}\n", binding->version,
                    binding->existed ? "true" : "false");
    return cli_print_text(&text);
}

int cli_print_text(struct cli_text *take_text)
{
    bool is_failed = take_text->is_failed;

    if (!is_failed && take_text->len > 0)
        (void)fwrite(take_text->data, 1, take_text->len, stdout); /* see cli_finish_output() */
    cli_text_fini(take_text);
    if (!is_failed)
        return CLI_OK;
    cli_complain("There is no memory for the output.");
    return CLI_LOCAL;
}

int cli_finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CLI_OK;
    cli_complain("The output could not be written: %s.", strerror(errno));
    return CLI_LOCAL;
}
