/* SPDX-License-Identifier: MIT */
/* Exports, and who holds an object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/calls.h"

/* ---- Tokens ---- */

void tn_token_format(const tn_token *token, char ret_text[TN_TOKEN_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof(token->bytes); i++) {
        ret_text[2 * i] = digits[token->bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[token->bytes[i] & 15];
    }
    ret_text[2 * sizeof(token->bytes)] = '\0';
}

/* The value of a hexadecimal digit; 16 if it is none. */
static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned int)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned int)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A') + 10 : 16;
}

int tn_token_parse(const char *text, tn_token *ret_token)
{
    tn_token token;

    if (!text || !ret_token || strlen(text) != 2 * sizeof(token.bytes))
        return TN_EINVAL;
    for (size_t i = 0; i < sizeof(token.bytes); i++) {
        unsigned int high = digit_value(text[2 * i]);
        unsigned int low = digit_value(text[2 * i + 1]);

        if (high > 15 || low > 15)
            return TN_EINVAL;
        token.bytes[i] = (unsigned char)(high << 4 | low);
    }
    *ret_token = token;
    return 0;
}

/* ---- Calls ---- */

int tn_client_export(tn_client *client, tn_target target, const tn_export_options *options,
                     tn_token *ret_token, uint32_t *ret_ttl_ms)
{
    tn_op op = tn_op_init(TN_OP_EXPORT);
    int r;

    if (!ret_token)
        return tn_client_fail_argument(client, "The pointer for the token");
    if (options && options->struct_size < sizeof(*options))
        return tn_client_fail_argument(client, "The size of the options");
    op.target = target;
    op.limit = options ? options->ttl_ms : 0;
    op.once = options && options->once;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_token(&client->call_reply.reply, ret_token, ret_ttl_ms);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

int tn_client_import(tn_client *client, const tn_token *token, tn_handle **ret_handle)
{
    tn_op op = tn_op_init(TN_OP_IMPORT);

    op.token = token;
    return tn_client_call_for_handle(client, &op, ret_handle, NULL);
}

int tn_client_revoke(tn_client *client, const tn_token *token, bool *ret_existed)
{
    tn_op op = tn_op_init(TN_OP_REVOKE);
    bool existed;
    int r;

    op.token = token;
    r = tn_engine_call(client, &op);
    if (r == 0)
        r = tn_reply_truth(&client->call_reply.reply, &existed);
    else
        return r;
    if (r < 0)
        return tn_client_fail_reading(client, r);
    if (ret_existed)
        *ret_existed = existed;
    return 0;
}

int tn_client_holders(tn_client *client, tn_target target, tn_holders **ret_holders)
{
    tn_op op = tn_op_init(TN_OP_DESCRIBE);
    int r;

    if (!ret_holders)
        return tn_client_fail_argument(client, "The pointer for the result");
    op.target = target;
    op.holders = true;
    r = tn_engine_call(client, &op);
    if (r < 0)
        return r;
    r = tn_reply_holders(&client->call_reply.reply, ret_holders);
    return r < 0 ? tn_client_fail_reading(client, r) : 0;
}

/* ---- Replies ---- */

int tn_reply_token(const tn_reply *reply, tn_token *ret_token, uint32_t *ret_ttl_ms)
{
    const void *result = NULL;
    const Tenure__V1__ExportResponse *from;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_EXPORT, &result);

    if (r < 0)
        return r;
    from = result;
    if (from->token.len != sizeof(ret_token->bytes))
        return TN_ESERVER;
    memcpy(ret_token->bytes, from->token.data, sizeof(ret_token->bytes));
    if (ret_ttl_ms)
        *ret_ttl_ms = from->ttl_ms;
    return 0;
}

/* One block: the struct, the lists, the names. */
struct holders_block {
    tn_holders holders;
    tn_name_entry names[];
};

static size_t names_bytes(const Tenure__V1__Holders *from)
{
    size_t n = 0;

    for (size_t i = 0; i < from->n_names; i++)
        n += from->names[i].len + 1;
    return n;
}

static void copy_names(const Tenure__V1__Holders *from, struct holders_block *block, char *at)
{
    for (size_t i = 0; i < from->n_names; i++) {
        block->names[i] = (tn_name_entry){ .name = at, .name_len = from->names[i].len };
        memcpy(at, from->names[i].data, from->names[i].len);
        at += from->names[i].len;
        *at++ = '\0';
    }
}

int tn_reply_holders(const tn_reply *reply, tn_holders **ret_holders)
{
    const void *result = NULL;
    const Tenure__V1__Holders *from;
    struct holders_block *block;
    tn_handle_holder *sessions;
    tn_export_holder *exports;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_DESCRIBE, &result);

    if (r < 0)
        return r;
    from = ((const Tenure__V1__DescribeResponse *)result)->holders;
    if (!from)
        return TN_EINVAL;
    block = calloc(1, sizeof(*block) + from->n_names * sizeof(block->names[0]) +
                          from->n_sessions * sizeof(*sessions) +
                          from->n_exports * sizeof(*exports) + names_bytes(from));
    if (!block)
        return TN_ENOMEM;
    sessions = (void *)(block->names + from->n_names);
    exports = (void *)(sessions + from->n_sessions);
    copy_names(from, block, (char *)(exports + from->n_exports));
    for (size_t i = 0; i < from->n_sessions; i++)
        sessions[i] = (tn_handle_holder){ .session = from->sessions[i]->session,
                                          .handles = from->sessions[i]->handles,
                                          .leased = from->sessions[i]->leased };
    for (size_t i = 0; i < from->n_exports; i++)
        exports[i] = (tn_export_holder){ .session = from->exports[i]->session,
                                         .remaining_ms = from->exports[i]->remaining_ms,
                                         .once = from->exports[i]->once };
    block->holders = (tn_holders){ .n_names = from->n_names,
                                   .names = block->names,
                                   .names_total = from->names_total,
                                   .names_complete = from->names_complete,
                                   .n_sessions = from->n_sessions,
                                   .sessions = sessions,
                                   .sessions_complete = from->sessions_complete,
                                   .n_exports = from->n_exports,
                                   .exports = exports,
                                   .exports_total = from->exports_total,
                                   .unexplained = from->unexplained };
    *ret_holders = &block->holders;
    return 0;
}

void tn_holders_free(tn_holders **holders)
{
    if (!holders)
        return;
    free(*holders); /* the block begins with it */
    *holders = NULL;
}
