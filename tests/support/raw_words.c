/* SPDX-License-Identifier: MIT */
/* See raw_client.h: requests and answers in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "tests/support/notation.h"
#include "tests/support/raw_client.h"

char *raw_handle_text(struct raw_client *c, uint64_t handle)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "@%" PRIx64, handle);
    return raw_keep(c, text, strlen(text) + 1);
}

Tenure__V1__Target *raw_target(struct raw_client *c, const char *text)
{
    Tenure__V1__Target *target = RAW_NEW(c, Target, TARGET);

    if (text[0] == '@')
        target->handle = strtoull(text + 1, NULL, 16);
    else if (text[0] == '^')
        target->step = (uint32_t)strtoul(text + 1, NULL, 10) + 1;
    else
        target->name = raw_bytes(c, text);
    return target;
}

/* ---- Requests ---- */

/* The next word, copied; the rest is a value, so it is taken as it is. */
static char *next_word(struct raw_client *c, const char **at)
{
    size_t len = strcspn(*at, " ");
    char *word = raw_keep(c, *at, len + 1);

    word[len] = '\0';
    *at += len;
    if (**at == ' ')
        (*at)++;
    return word;
}

static Tenure__V1__Value *value_of(struct raw_client *c, const char *at)
{
    return notation_parse(at, &c->arena);
}

/* Keys are one word; so are indices. */
static Tenure__V1__Value *key_of(struct raw_client *c, const char **at)
{
    return notation_parse(next_word(c, at), &c->arena);
}

static int64_t index_of(struct raw_client *c, const char **at)
{
    return strtoll(next_word(c, at), NULL, 10);
}

#define BEGIN(field, CASE, Type, TYPE)                                                             \
    Tenure__V1__##Type *msg = RAW_NEW(c, Type, TYPE);                                              \
    request->op_case = TENURE__V1__REQUEST__OP_##CASE;                                             \
    request->field = msg

static bool parse_names(struct raw_client *c, Tenure__V1__Request *request, const char *verb,
                        const char *at)
{
    if (strcmp(verb, "ping") == 0) {
        BEGIN(ping, PING, PingRequest, PING_REQUEST);
        msg->payload = raw_bytes(c, at);
    } else if (strcmp(verb, "put") == 0) {
        BEGIN(put, PUT, PutRequest, PUT_REQUEST);
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "set") == 0) {
        BEGIN(set, SET, SetRequest, SET_REQUEST);
        msg->name = raw_bytes(c, next_word(c, &at));
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "get") == 0) {
        BEGIN(get, GET, GetRequest, GET_REQUEST);
        msg->target = raw_target(c, next_word(c, &at));
    } else if (strcmp(verb, "bind") == 0) {
        BEGIN(bind, BIND, BindRequest, BIND_REQUEST);
        msg->name = raw_bytes(c, next_word(c, &at));
        msg->target = raw_target(c, next_word(c, &at));
    } else if (strcmp(verb, "unbind") == 0) {
        BEGIN(unbind, UNBIND, UnbindRequest, UNBIND_REQUEST);
        msg->name = raw_bytes(c, next_word(c, &at));
    } else if (strcmp(verb, "lookup") == 0) {
        BEGIN(lookup, LOOKUP, LookupRequest, LOOKUP_REQUEST);
        msg->name = raw_bytes(c, next_word(c, &at));
    } else if (strcmp(verb, "release") == 0) {
        BEGIN(release, RELEASE, ReleaseRequest, RELEASE_REQUEST);
        msg->handles = tn_arena_alloc(&c->arena, strlen(at) * sizeof(uint64_t) + 1);
        while (*at != '\0')
            msg->handles[msg->n_handles++] = strtoull(next_word(c, &at) + 1, NULL, 16);
    } else if (strcmp(verb, "length") == 0) {
        BEGIN(length, LENGTH, LengthRequest, LENGTH_REQUEST);
        msg->target = raw_target(c, next_word(c, &at));
    } else if (strcmp(verb, "contains") == 0) {
        BEGIN(contains, CONTAINS, ContainsRequest, CONTAINS_REQUEST);
        msg->target = raw_target(c, next_word(c, &at));
        msg->value = value_of(c, at);
    } else {
        return false;
    }
    return true;
}

static bool parse_list(struct raw_client *c, Tenure__V1__Request *request, const char *verb,
                       const char *at)
{
    Tenure__V1__Target *target = raw_target(c, next_word(c, &at));

    if (strcmp(verb, "list_get") == 0) {
        BEGIN(list_get, LIST_GET, ListGetRequest, LIST_GET_REQUEST);
        msg->target = target;
        msg->index = index_of(c, &at);
    } else if (strcmp(verb, "list_set") == 0) {
        BEGIN(list_set, LIST_SET, ListSetRequest, LIST_SET_REQUEST);
        msg->target = target;
        msg->index = index_of(c, &at);
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "list_append") == 0) {
        BEGIN(list_append, LIST_APPEND, ListAppendRequest, LIST_APPEND_REQUEST);
        msg->target = target;
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "list_extend") == 0) {
        BEGIN(list_extend, LIST_EXTEND, ListExtendRequest, LIST_EXTEND_REQUEST);
        msg->target = target;
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "list_insert") == 0) {
        BEGIN(list_insert, LIST_INSERT, ListInsertRequest, LIST_INSERT_REQUEST);
        msg->target = target;
        msg->index = index_of(c, &at);
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "list_delete") == 0) {
        BEGIN(list_delete, LIST_DELETE, ListDeleteRequest, LIST_DELETE_REQUEST);
        msg->target = target;
        msg->index = index_of(c, &at);
    } else if (strcmp(verb, "list_pop") == 0) {
        BEGIN(list_pop, LIST_POP, ListPopRequest, LIST_POP_REQUEST);
        msg->target = target;
        msg->index = index_of(c, &at);
    } else if (strcmp(verb, "list_slice") == 0) {
        BEGIN(list_slice, LIST_SLICE, ListSliceRequest, LIST_SLICE_REQUEST);
        msg->target = target;
        msg->start = index_of(c, &at);
        msg->to_end = *at == '\0';
        msg->stop = msg->to_end ? 0 : index_of(c, &at);
    } else {
        return false;
    }
    return true;
}

static bool parse_dict(struct raw_client *c, Tenure__V1__Request *request, const char *verb,
                       const char *at)
{
    Tenure__V1__Target *target = raw_target(c, next_word(c, &at));

    if (strcmp(verb, "dict_get") == 0) {
        BEGIN(dict_get, DICT_GET, DictGetRequest, DICT_GET_REQUEST);
        msg->target = target;
        msg->key = key_of(c, &at);
    } else if (strcmp(verb, "dict_set") == 0) {
        BEGIN(dict_set, DICT_SET, DictSetRequest, DICT_SET_REQUEST);
        msg->target = target;
        msg->key = key_of(c, &at);
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "dict_delete") == 0) {
        BEGIN(dict_delete, DICT_DELETE, DictDeleteRequest, DICT_DELETE_REQUEST);
        msg->target = target;
        msg->key = key_of(c, &at);
    } else if (strcmp(verb, "dict_pop") == 0) {
        BEGIN(dict_pop, DICT_POP, DictPopRequest, DICT_POP_REQUEST);
        msg->target = target;
        msg->key = key_of(c, &at);
    } else {
        return false;
    }
    return true;
}

static bool parse_class(struct raw_client *c, Tenure__V1__Request *request, const char *verb,
                        const char *at)
{
    if (strcmp(verb, "class_declare") == 0) { /* NAME SLOT... [+dict] [+finalizer] [<BASE] */
        BEGIN(class_declare, CLASS_DECLARE, ClassDeclareRequest, CLASS_DECLARE_REQUEST);
        msg->name = raw_bytes(c, next_word(c, &at));
        msg->slots = tn_arena_alloc(&c->arena, (strlen(at) + 1) * sizeof(*msg->slots));
        while (*at != '\0') {
            const char *word = next_word(c, &at);

            if (strcmp(word, "+dict") == 0)
                msg->has_dict = true;
            else if (strcmp(word, "+finalizer") == 0)
                msg->has_finalizer = true;
            else if (word[0] == '<')
                msg->base_class = raw_target(c, word + 1);
            else
                msg->slots[msg->n_slots++] = raw_bytes(c, word);
        }
    } else if (strcmp(verb, "class_describe") == 0) {
        BEGIN(class_describe, CLASS_DESCRIBE, ClassDescribeRequest, CLASS_DESCRIBE_REQUEST);
        msg->target = raw_target(c, next_word(c, &at));
    } else if (strcmp(verb, "record_new") == 0) {
        BEGIN(record_new, RECORD_NEW, RecordNewRequest, RECORD_NEW_REQUEST);
        msg->target = raw_target(c, next_word(c, &at));
        msg->value = *at == '\0' ? NULL : value_of(c, at);
    } else {
        return false;
    }
    return true;
}

static bool parse_attr(struct raw_client *c, Tenure__V1__Request *request, const char *verb,
                       const char *at)
{
    Tenure__V1__Target *target = raw_target(c, next_word(c, &at));

    if (strcmp(verb, "attr_get") == 0) {
        BEGIN(attr_get, ATTR_GET, AttrGetRequest, ATTR_GET_REQUEST);
        msg->target = target;
        msg->name = raw_bytes(c, at);
    } else if (strcmp(verb, "attr_set") == 0) {
        BEGIN(attr_set, ATTR_SET, AttrSetRequest, ATTR_SET_REQUEST);
        msg->target = target;
        msg->name = raw_bytes(c, next_word(c, &at));
        msg->value = value_of(c, at);
    } else if (strcmp(verb, "attr_delete") == 0) {
        BEGIN(attr_delete, ATTR_DELETE, AttrDeleteRequest, ATTR_DELETE_REQUEST);
        msg->target = target;
        msg->name = raw_bytes(c, at);
    } else if (strcmp(verb, "attr_scan") == 0) { /* TARGET LIMIT CURSOR */
        BEGIN(attr_scan, ATTR_SCAN, AttrScanRequest, ATTR_SCAN_REQUEST);
        msg->target = target;
        msg->limit = (uint32_t)index_of(c, &at);
        msg->cursor = (uint64_t)index_of(c, &at);
    } else {
        return false;
    }
    return true;
}

Tenure__V1__Request *raw_parse(struct raw_client *c, const char *words)
{
    Tenure__V1__Request *request = raw_request(c);
    const char *at = raw_keep(c, words, strlen(words) + 1);
    const char *verb = next_word(c, &at);
    bool is_known = parse_names(c, request, verb, at) || parse_list(c, request, verb, at) ||
                    parse_dict(c, request, verb, at) || parse_class(c, request, verb, at) ||
                    parse_attr(c, request, verb, at);

    TN_ASSERT(is_known);
    return request;
}

/* ---- Answers ---- */

static const char *print(struct raw_client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *print(struct raw_client *c, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return raw_keep(c, text, strlen(text) + 1);
}

const char *raw_print(struct raw_client *c, const Tenure__V1__Response *response)
{
    const Tenure__V1__Status *status = response->status;

    if (status != NULL) {
        TN_ASSERT(status->message[0] != '\0' && response->result_case == 0);
        return print(c, "%s %s", tn_code_name(status->code), status->reason);
    }
    switch (response->result_case) {
    case TENURE__V1__RESPONSE__RESULT_PING:
        return print(c, "pong %.*s", (int)response->ping->payload.len,
                     (const char *)response->ping->payload.data);
    case TENURE__V1__RESPONSE__RESULT_OBJECT:
        if (response->object->handle != 0)
            return raw_handle_text(c, response->object->handle);
        return notation_print(response->object->value, &c->arena);
    case TENURE__V1__RESPONSE__RESULT_NAME:
        TN_ASSERT(response->name->version != 0);
        return response->name->existed ? "existed" : "new";
    case TENURE__V1__RESPONSE__RESULT_COUNT:
        return print(c, "count %" PRIu64, response->count->count);
    case TENURE__V1__RESPONSE__RESULT_BOOLEAN:
        return response->boolean->value ? "true" : "false";
    default:
        return print(c, "result %d", (int)response->result_case);
    }
}

const char *raw_do(struct raw_client *c, const char *words, ...)
{
    char *text = NULL;
    const char *answer;
    va_list args;
    int n;

    va_start(args, words);
    n = vasprintf(&text, words, args);
    va_end(args);
    TN_ASSERT(n >= 0);
    answer = raw_print(c, raw_call(c, raw_parse(c, text)));
    free(text);
    return answer;
}
