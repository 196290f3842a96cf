/* SPDX-License-Identifier: MIT */
/*
 * A client without a library: a socket, and messages of the schema. It can do
 * everything wrong that a client can do wrong.
 *
 * Messages that are sent or received live in the client's arena, until
 * raw_reset(). What cannot happen (no memory, a socket that breaks when it
 * should not) aborts; so it may be used on any thread. Waiting is bounded: a
 * server that says nothing for RAW_TIMEOUT_S seconds aborts the test.
 */
#ifndef TN_TESTS_SUPPORT_RAW_CLIENT_H
#define TN_TESTS_SUPPORT_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/arena.h"
#include "proto/buffer.h"
#include "proto/message.h"
#include "server/address.h"

#define RAW_TIMEOUT_S 60

struct raw_client {
    int fd;
    struct tn_buffer in;
    struct tn_arena arena;
    uint64_t last_id;
};

/* Connects; says no Hello. */
void raw_connect(struct raw_client *c, const struct tn_address *address);
/* Connects and says Hello. */
void raw_open(struct raw_client *c, const struct tn_address *address);
void raw_close(struct raw_client *c);

/* Ends the lives of all messages so far. */
void raw_reset(struct raw_client *c);

/* Bytes as they are. False if the server has closed the connection. */
bool raw_send_bytes(struct raw_client *c, const void *data, size_t len);
/* Frames and sends a request as it is. */
bool raw_send(struct raw_client *c, const Tenure__V1__Request *request);

/* The next response; NULL if the server has closed the connection. */
Tenure__V1__Response *raw_receive(struct raw_client *c);

/* A request with a fresh id in the arena, to be filled in. */
Tenure__V1__Request *raw_request(struct raw_client *c);
/* Sends it and receives its answer, whose id must be the same. */
Tenure__V1__Response *raw_call(struct raw_client *c, Tenure__V1__Request *request);

/* Whether the server has closed the connection; waits for it, throwing away what
 * it still sends. */
bool raw_await_end(struct raw_client *c);

/* ---- Parts of requests, in the arena ---- */

#define RAW_NEW(c, Type, TYPE)                                                                     \
    ((Tenure__V1__##Type *)raw_keep((c), &(Tenure__V1__##Type)TENURE__V1__##TYPE##__INIT,          \
                                    sizeof(Tenure__V1__##Type)))
void *raw_keep(struct raw_client *c, const void *bytes, size_t len);
ProtobufCBinaryData raw_bytes(struct raw_client *c, const char *text);

/* A target in words: "name", "@HANDLE" (hexadecimal) or "^STEP" (from 0). */
Tenure__V1__Target *raw_target(struct raw_client *c, const char *text);
char *raw_handle_text(struct raw_client *c, uint64_t handle);

/*
 * A request in words, and what it is answered with in words:
 *
 *     raw_do(c, "set x [1, 2]")           "new" or "existed"
 *     raw_do(c, "get x")                  "[1, 2]"
 *     raw_do(c, "unbind y")               "NOT_FOUND NAME_NOT_FOUND"
 *
 * Words: ping put set get bind unbind lookup release length contains list_get
 * list_set list_append list_extend list_insert list_delete list_pop list_slice
 * dict_get dict_set dict_delete dict_pop class_declare class_describe record_new
 * attr_get attr_set attr_delete attr_scan; arguments are targets, indices, names and
 * values as in notation.h, separated by single spaces. `lookup` and `put` answer
 * "@HANDLE". Everything else is written in C.
 */
const char *raw_do(struct raw_client *c, const char *words, ...)
    __attribute__((format(printf, 2, 3)));

/* The request that words mean, with an id. */
Tenure__V1__Request *raw_parse(struct raw_client *c, const char *words);
/* The answer in words. */
const char *raw_print(struct raw_client *c, const Tenure__V1__Response *response);

#endif
