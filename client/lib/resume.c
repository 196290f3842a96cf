/* SPDX-License-Identifier: MIT */
/* Coming back to a session whose connection was lost. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/client.h"
#include "client/lib/endpoint.h"

/* The server may not have noticed yet that the old connection is gone. */
#define IN_USE_WAIT_MS_MAX 50

static int copy_info(const tn_client *client, tn_lease_info *ret_info)
{
    tn_lease_info info = { .struct_size = ret_info->struct_size,
                           .lease_ms = client->lease_ms,
                           .is_lost = client->session->is_kept,
                           .n_resumed = client->n_resumed };

    memcpy(info.token, client->token, client->lease_ms > 0 ? sizeof(info.token) : 0);
    memcpy(ret_info, &info, info.struct_size < sizeof(info) ? info.struct_size : sizeof(info));
    return 0;
}

int tn_client_lease_info(const tn_client *client, tn_lease_info *ret_info)
{
    if (!client || !ret_info || ret_info->struct_size < sizeof(size_t))
        return TN_EINVAL;
    return copy_info(client, ret_info);
}

/* Whether there is something to come back to. */
static int check(tn_client *client)
{
    if (tn_fork_guard_is_child(&client->session->guard) || client->session->is_open)
        return tn_client_enter(client); /* the child's error, or nothing to do */
    if (client->is_delivering)
        return tn_client_error_set(&client->error, TN_EBUSY,
                                   "A callback cannot resume the session; return first.");
    if (!client->session->is_kept)
        return tn_client_error_set(&client->error, TN_ESESSION_LOST, "%s", client->lost);
    return 1;
}

/* Requests that were in flight are told that they were lost with the connection, and
 * nothing of it is left in the buffers. */
static void forget_connection(tn_client *client)
{
    client->is_delivering = true;
    (void)tn_engine_deliver(client);
    client->is_delivering = false;
    tn_buffer_consume(&client->in, tn_buffer_len(&client->in));
    tn_buffer_consume(&client->out, tn_buffer_len(&client->out));
}

static int connect_again(tn_client *client, uint64_t deadline_ns)
{
    char *endpoint = NULL;
    int r =
        tn_endpoint_connect(client->endpoint, deadline_ns, &client->error, &client->fd, &endpoint);

    if (r < 0)
        return r;
    free(client->endpoint);
    client->endpoint = endpoint;
    client->session->is_open = true;
    client->session->is_kept = false;
    return 0;
}

static int take_over(tn_client *client, uint64_t deadline_ns)
{
    uint8_t token[sizeof(client->token)];
    int wait_ms = 1;
    int r;

    memcpy(token, client->token, sizeof(token));
    for (;;) {
        Tenure__V1__HelloRequest hello = TENURE__V1__HELLO_REQUEST__INIT;

        hello.resume.data = token;
        hello.resume.len = sizeof(token);
        tn_reply_box_reset(&client->call_reply);
        r = tn_engine_hello(client, &hello, client->connect_timeout_ms);
        if (r != TN_EBUSY || tn_deadline_has_passed(deadline_ns))
            return r;
        (void)poll(NULL, 0, wait_ms);
        wait_ms = wait_ms * 2 < IN_USE_WAIT_MS_MAX ? wait_ms * 2 : IN_USE_WAIT_MS_MAX;
    }
}

/* It did not work, and the client is as lost as before; what it states still stands. */
static void give_up(tn_client *client)
{
    if (strcmp(client->error.public.reason, "LEASE_NOT_FOUND") == 0)
        client->lease_ms = 0; /* there is nothing to come back to any more */
    tn_engine_lose(client, "it could not be taken over");
}

int tn_client_resume(tn_client *client)
{
    uint64_t deadline_ns;
    int r;

    if (!client)
        return TN_EINVAL;
    tn_client_error_clear(&client->error);
    r = check(client);
    if (r <= 0)
        return r;
    forget_connection(client);
    if (client->is_close_wanted) { /* by one of those that were told */
        tn_engine_destroy(client);
        return TN_ESESSION_LOST;
    }
    deadline_ns = tn_deadline_in(client->connect_timeout_ms);
    r = connect_again(client, deadline_ns);
    if (r < 0)
        return r;
    r = take_over(client, deadline_ns);
    if (r < 0) {
        give_up(client);
        return r;
    }
    client->n_resumed++;
    return 0;
}
