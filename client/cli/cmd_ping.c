/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "client/cli/cli.h"

static double now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with these arguments */
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int run(struct cli *cli)
{
    struct cli_text text = { .data = NULL };
    double began = now_us();
    double took;

    if (tn_client_ping(cli->client) < 0)
        return cli_fail(cli);
    took = now_us() - began;
    if (cli->json) {
        cli_text_put(&text, "{\"endpoint\": ");
        cli_json_put_string(&text, tn_client_endpoint(cli->client),
                            strlen(tn_client_endpoint(cli->client)));
        cli_text_printf(&text, ", \"server\": \"%s\", \"mode\": \"%s\", \"round_trip_us\": %.0f}\n",
                        tn_client_server_version(cli->client), tn_client_server_mode(cli->client),
                        took);
    } else {
        cli_text_printf(&text, "%s at %s, mode %s: answered in %.0f µs\n",
                        tn_client_server_version(cli->client), tn_client_endpoint(cli->client),
                        tn_client_server_mode(cli->client), took);
    }
    return cli_print_text(&text);
}

const struct cli_command cli_cmd_ping = {
    .name = "ping",
    .args_doc = "",
    .summary = "Ask the server for a sign of life",
    .run = run,
};
