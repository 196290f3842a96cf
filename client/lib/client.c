/* SPDX-License-Identifier: MIT */
/* Opening and closing. */
#include "client/lib/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/endpoint.h"
#include "client/lib/subscription.h"
#include "proto/frame.h"
#include "proto/message.h"

#define PROTOCOL 1
#define CONNECT_TIMEOUT_MS 5000u
#define WINDOW_MAX 32768u
#define WINDOW_DEFAULT 1024u
#define UNSENT_DEFAULT ((size_t)16 << 20)
#define SCRATCH_BYTES ((size_t)16 << 10)

/* Slots beyond the window: for one call, what it has to tell about released
 * handles, and the same again for calls that were given up. */
#define SPARE_SLOTS 4u

/* And for subscriptions: as many as a server allows. */
#define STREAM_SLOTS 16u

/* ---- Closing ---- */

static void free_client(tn_client *client)
{
    if (client->fd >= 0)
        (void)close(client->fd); /* nothing more can be done with it */
    tn_reply_box_fini(&client->call_reply);
    tn_reply_box_fini(&client->callback_reply);
    tn_reply_box_fini(&client->unwanted_reply);
    tn_flights_fini(&client->flights);
    tn_buffer_fini(&client->in);
    tn_buffer_fini(&client->out);
    tn_arena_fini(&client->scratch);
    free(client->endpoint);
    tn_session_unref(&client->session);
    free(client);
}

/* Says that the session is not to be kept. */
static void say_goodbye(tn_client *client)
{
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    Tenure__V1__GoodbyeRequest goodbye = TENURE__V1__GOODBYE_REQUEST__INIT;
    struct tn_flight *flight = tn_flights_take(&client->flights, TN_FLIGHT_DISCARD, 0);
    int r;

    if (!flight)
        return; /* then it is kept until its time is over */
    request.id = flight->id;
    request.op_case = TENURE__V1__REQUEST__OP_GOODBYE;
    request.goodbye = &goodbye;
    r = tn_message_pack_request(&request, client->max_request_bytes, &client->out);
    (void)r; /* likewise */
}

/* Ends the session as far as the connection allows, which is not waited for. */
static void part(tn_client *client)
{
    if (tn_session_is_usable(client->session)) {
        int r;

        (void)tn_engine_submit_releases(client, TN_FLIGHT_DISCARD, 0, NULL);
        if (client->lease_ms > 0)
            say_goodbye(client);
        r = tn_engine_send(client);
        (void)r; /* what could not be sent is lost with the session */
    }
    client->lease_ms = 0;
    tn_engine_lose(client, "the client was closed");
    client->session->is_kept = false;
}

void tn_engine_destroy(tn_client *client)
{
    bool is_child = tn_fork_guard_is_child(&client->session->guard);

    part(client);
    if (!is_child) {
        client->is_delivering = true;
        (void)tn_engine_deliver(client); /* tells the last callbacks */
    }
    tn_subscriptions_detach(client);
    free_client(client);
}

void tn_client_close(tn_client **clientp)
{
    tn_client *client;

    if (!clientp || !*clientp)
        return;
    client = *clientp;
    *clientp = NULL;
    if (!client->is_delivering) {
        tn_engine_destroy(client);
        return;
    }
    client->is_close_wanted = true; /* whoever delivers will see it */
    part(client);
}

/* ---- Opening ---- */

static tn_client *new_client(void)
{
    tn_client *client = calloc(1, sizeof(*client));

    if (!client)
        return NULL;
    client->fd = -1;
    if (tn_session_new(&client->session) < 0) {
        free(client);
        return NULL;
    }
    tn_client_error_clear(&client->error);
    tn_buffer_init(&client->in, SIZE_MAX / 4);
    tn_buffer_init(&client->out, SIZE_MAX / 4);
    if (tn_arena_init(&client->scratch, SCRATCH_BYTES, SIZE_MAX / 4) < 0 ||
        tn_reply_box_init(&client->call_reply, client->session) < 0 ||
        tn_reply_box_init(&client->callback_reply, client->session) < 0 ||
        tn_reply_box_init(&client->unwanted_reply, client->session) < 0 ||
        tn_flights_init(&client->flights, SPARE_SLOTS) < 0) {
        free_client(client);
        return NULL;
    }
    return client;
}

static ProtobufCBinaryData text_bytes(const char *text)
{
    return (ProtobufCBinaryData){ .len = text ? strlen(text) : 0,
                                  .data = (uint8_t *)(uintptr_t)text }; /* is only read */
}

/* What the server allows bounds what the options ask for. */
static int apply_hello(tn_client *client, const Tenure__V1__HelloResponse *hello)
{
    uint32_t allowed = hello->max_in_flight;
    uint32_t window = client->wanted_window;

    (void)snprintf(client->server_version, sizeof(client->server_version), "%s", hello->server);
    (void)snprintf(client->server_mode, sizeof(client->server_mode), "%s", hello->mode);
    client->lease_ms = 0;
    if (hello->token.len == sizeof(client->token)) {
        client->lease_ms = hello->lease_ms;
        memcpy(client->token, hello->token.data, sizeof(client->token));
    }
    client->max_request_bytes = TN_FRAME_BYTES_MAX;
    if (hello->max_frame_bytes > 0 && hello->max_frame_bytes < TN_FRAME_BYTES_MAX)
        client->max_request_bytes = (size_t)hello->max_frame_bytes;

    if (allowed > 2 * SPARE_SLOTS)
        allowed -= SPARE_SLOTS; /* for calls that wait */
    if (allowed > 0 && window > allowed)
        window = allowed;
    client->window = window < WINDOW_MAX ? window : WINDOW_MAX;

    if (client->flights.n_slots == client->window + SPARE_SLOTS)
        return 0; /* as on the connection before */
    tn_flights_fini(&client->flights);
    return tn_flights_init(&client->flights, client->window + SPARE_SLOTS + STREAM_SLOTS);
}

int tn_engine_hello(tn_client *client, Tenure__V1__HelloRequest *hello, uint32_t timeout_ms)
{
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;
    struct tn_flight *flight =
        tn_flights_take(&client->flights, TN_FLIGHT_CALL, tn_deadline_in(timeout_ms));
    const void *result = NULL;
    int r;

    if (!flight)
        return tn_client_error_set_plain(&client->error, TN_EAGAIN);
    hello->protocol = PROTOCOL;
    if (hello->client.len == 0)
        hello->client = text_bytes(program_invocation_short_name);
    request.id = flight->id;
    request.op_case = TENURE__V1__REQUEST__OP_HELLO;
    request.hello = hello;
    if (tn_message_pack_request(&request, TN_FRAME_BYTES_MAX, &client->out) < 0)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);

    r = tn_engine_await(client, flight);
    if (r == TN_ESESSION_LOST && !client->session->is_open) {
        char why[sizeof(client->lost)];

        (void)snprintf(why, sizeof(why), "%s", client->lost);
        return tn_client_error_set(&client->error, TN_ECONNECT,
                                   "No session could be opened at %s. %s", client->endpoint, why);
    }
    if (r < 0)
        return r;
    if (tn_reply_result(&client->call_reply.reply, TENURE__V1__RESPONSE__RESULT_HELLO, &result) < 0)
        return tn_client_error_set(&client->error, TN_ECONNECT,
                                   "What answers at %s does not greet like a Tenure server.",
                                   client->endpoint);
    if (apply_hello(client, result) < 0)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    return 0;
}

static int open_session(tn_client *client, const tn_client_options *options)
{
    Tenure__V1__HelloRequest hello = TENURE__V1__HELLO_REQUEST__INIT;
    uint32_t timeout_ms = CONNECT_TIMEOUT_MS;
    int r;

    if (options->struct_size < sizeof(*options))
        return tn_client_error_set(&client->error, TN_EINVAL,
                                   "The tn_client_options were not initialised with "
                                   "TN_CLIENT_OPTIONS_INIT.");
    if (options->connect_timeout_ms != 0)
        timeout_ms = options->connect_timeout_ms;
    client->connect_timeout_ms = timeout_ms;
    client->wanted_window = options->max_in_flight != 0 ? options->max_in_flight : WINDOW_DEFAULT;
    client->timeout_ms = options->timeout_ms == TN_WAIT_FOREVER ? 0 : options->timeout_ms;
    client->max_unsent_bytes =
        options->max_unsent_bytes != 0 ? options->max_unsent_bytes : UNSENT_DEFAULT;
    r = tn_endpoint_connect(options->endpoint, tn_deadline_in(timeout_ms), &client->error,
                            &client->fd, &client->endpoint);
    if (r < 0)
        return r;
    client->session->is_open = true;
    hello.client = text_bytes(options->client_name);
    hello.namespace_ = text_bytes(options->namespace_name);
    hello.lease_ms = options->lease_ms;
    return tn_engine_hello(client, &hello, timeout_ms);
}

int tn_client_open(const tn_client_options *options, tn_client **ret_client)
{
    static const tn_client_options defaults = TN_CLIENT_OPTIONS_INIT;
    tn_client *client;
    int r;

    if (!ret_client)
        return TN_EINVAL;
    *ret_client = NULL;
    client = new_client();
    if (!client)
        return TN_ENOMEM;
    r = open_session(client, options ? options : &defaults);
    if (r == TN_ENOMEM) {
        free_client(client);
        return r;
    }
    if (r < 0) { /* the client can tell why, and nothing else */
        client->session->is_open = false;
        if (client->fd >= 0)
            (void)close(client->fd); /* nothing more can be done with it */
        client->fd = -1;
        (void)snprintf(client->lost, sizeof(client->lost),
                       "This client was never connected; opening it failed.");
    }
    *ret_client = client;
    return r;
}

/* ---- What can be asked of a client ---- */

const tn_error *tn_client_error(const tn_client *client)
{
    static const tn_error no_memory = {
        .err = TN_ENOMEM,
        .reason = "",
        .message = "There is no client: this process had no memory left, or none was opened.",
    };

    return client ? &client->error.public : &no_memory;
}

uint32_t tn_client_set_timeout(tn_client *client, uint32_t timeout_ms)
{
    uint32_t before;

    if (!client)
        return 0;
    before = client->timeout_ms;
    client->timeout_ms = timeout_ms == TN_WAIT_FOREVER ? 0 : timeout_ms;
    return before;
}

const char *tn_client_endpoint(const tn_client *client)
{
    return client && client->endpoint ? client->endpoint : "";
}

const char *tn_client_server_version(const tn_client *client)
{
    return client ? client->server_version : "";
}

const char *tn_client_server_mode(const tn_client *client)
{
    return client ? client->server_mode : "";
}

bool tn_client_is_open(const tn_client *client)
{
    return client && tn_session_is_usable(client->session);
}
