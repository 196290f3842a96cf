/* SPDX-License-Identifier: MIT */
/* Operations on dicts. */
#include "core/base/err.h"
#include "server/request.h"

/* A page of a scan: what an entry takes at most of the answer, but for text. */
#define ENTRY_BYTES ((size_t)64)

static int hold_dict(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                     struct tn_object **ret_dict)
{
    int r = tn_target_hold(ctx, target, ret_dict);

    if (r == 0 && (*ret_dict)->type != TN_TYPE_DICT)
        r = tn_wrong_type(ctx, *ret_dict, "a dict");
    return r;
}

/* Says more precisely what is wrong with a key. */
static int key_error(struct tn_request_ctx *ctx, int r, const struct tn_object *key)
{
    struct tn_slice text;

    if (r == TN_ERR_UNHASHABLE)
        return tn_status_setf(ctx->status, TN_REASON_UNHASHABLE_KEY,
                              "A %s cannot be a key of a dict, because it can change%s.",
                              tn_type_name((enum tn_type_id)key->type),
                              key->type == TN_TYPE_TUPLE ? " in what it holds" : "; use a tuple");
    if (r != TN_ERR_KEY)
        return r;
    if (key->type == TN_TYPE_INT)
        return tn_status_setf(ctx->status, TN_REASON_KEY_NOT_FOUND, "The dict has no key %lld.",
                              (long long)tn_int_value(key));
    if (key->type != TN_TYPE_STR)
        return r;
    text = tn_text_slice(key);
    return tn_status_setf(ctx->status, TN_REASON_KEY_NOT_FOUND, "The dict has no key '%.*s'.",
                          (int)(text.len < 100 ? text.len : 100), (const char *)text.data);
}

struct lookup {
    struct tn_object *key;
    const Tenure__V1__Want *want;
};

static int read_entry(struct tn_request_ctx *ctx, struct tn_object *dict, uint64_t version,
                      const void *message, struct tn_result *result)
{
    const struct lookup *lookup = message;
    struct tn_object *value;
    int r;

    (void)version; /* is of the dict's name */
    if (dict->type != TN_TYPE_DICT)
        return tn_wrong_type(ctx, dict, "a dict");
    r = tn_dict_get(ctx->mu, dict, lookup->key, &value);
    if (r < 0)
        return tn_check_alive(dict) < 0 ? TN_ERR_BUSY : key_error(ctx, r, lookup->key);
    return tn_answer_borrowed(ctx, value, lookup->want, 0, result);
}

int tn_op_dict_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DictGetRequest *msg = message;
    struct lookup lookup = { .want = msg->want };
    int r = tn_value_probe(ctx, msg->key, &lookup.key);

    return r < 0 ? r : tn_read_target(ctx, msg->target, read_entry, &lookup, result);
}

int tn_op_dict_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DictSetRequest *msg = message;
    struct tn_object *value = NULL;
    struct tn_object *key = NULL;
    struct tn_object *dict;
    size_t length;
    int r = hold_dict(ctx, msg->target, &dict);

    if (r == 0)
        r = tn_value_build(ctx, msg->key, &key);
    if (r == 0)
        r = tn_value_build(ctx, msg->value, &value);
    if (r == 0) {
        r = tn_dict_set(ctx->mu, dict, &key, &value, &length);
        if (r < 0)
            r = key_error(ctx, r, key);
    }
    tn_drop(ctx->mu, &key);
    tn_drop(ctx->mu, &value);
    if (r == 0)
        tn_result_count(result, length);
    return r;
}

/* Removes an entry; the caller gets the reference to its value. */
static int pop(struct tn_request_ctx *ctx, struct tn_object *dict,
               const Tenure__V1__Value *key_value, struct tn_object **ret_value, size_t *ret_length)
{
    struct tn_object *key;
    int r = tn_value_probe(ctx, key_value, &key);

    if (r == 0)
        r = key_error(ctx, tn_dict_pop(ctx->mu, dict, key, ret_value, ret_length), key);
    return r;
}

int tn_op_dict_delete(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DictDeleteRequest *msg = message;
    struct tn_object *value = NULL;
    struct tn_object *dict;
    size_t length;
    int r = hold_dict(ctx, msg->target, &dict);

    if (r == 0)
        r = pop(ctx, dict, msg->key, &value, &length);
    if (r < 0)
        return r;
    tn_drop(ctx->mu, &value);
    tn_result_count(result, length);
    return 0;
}

int tn_op_dict_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DictPopRequest *msg = message;
    struct tn_object *value = NULL;
    struct tn_object *dict;
    int r = hold_dict(ctx, msg->target, &dict);

    if (r == 0)
        r = tn_handles_reserve(ctx, 1); /* in case the value does not fit into the answer */
    if (r == 0)
        r = pop(ctx, dict, msg->key, &value, NULL);
    if (r == 0)
        tn_answer_taken(ctx, &value, msg->want, result);
    return r;
}

/* ---- Scanning ---- */

static size_t page_size(const struct tn_request_ctx *ctx, uint32_t limit)
{
    size_t n_max = ctx->ex->service->limits.max_answer_bytes / ENTRY_BYTES;
    size_t n = limit == 0 ? TN_SCAN_DICT : limit;

    return n < n_max ? n : n_max;
}

/* Makes what is wanted of an array of entries: all of it, or the keys. */
static struct tn_object **flatten(struct tn_dict_item *entries, size_t n, bool keys_only,
                                  size_t *ret_n)
{
    /* An entry is a key and a value in turn, so the array is one of objects too. */
    struct tn_object **objects = (struct tn_object **)(void *)entries;

    *ret_n = keys_only ? n : 2 * n;
    if (keys_only)
        for (size_t i = 0; i < n; i++)
            objects[i] = entries[i].key;
    return objects;
}

int tn_answer_page(struct tn_request_ctx *ctx, struct tn_object *o, const struct tn_page *page,
                   tn_scan_fn scan, struct tn_result *result)
{
    Tenure__V1__ScanDictResponse *answer = &result->message.scan_dict;
    size_t n_max = page_size(ctx, page->limit);
    uint64_t cursor = page->cursor;
    struct tn_dict_item *entries;
    struct tn_object **objects;
    size_t n;
    int r;

    entries = tn_ctx_alloc(ctx, n_max * sizeof(*entries));
    if (entries == NULL)
        return TN_ERR_NOMEM;
    r = scan(ctx->mu, o, &cursor, n_max, entries, &n);
    if (r == 0)
        r = tn_check_alive(o);
    if (r < 0)
        return r;
    objects = flatten(entries, n, page->keys_only, &n);

    result->which = TENURE__V1__RESPONSE__RESULT_SCAN_DICT;
    *answer = (Tenure__V1__ScanDictResponse)TENURE__V1__SCAN_DICT_RESPONSE__INIT;
    answer->cursor = cursor;
    r = tn_value_encode_items(ctx, objects, n, page->want, result, &answer->entries);
    return r == TN_ERR_TOO_BIG ? tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE) : r;
}

static int scan_dict(struct tn_request_ctx *ctx, struct tn_object *dict, uint64_t version,
                     const void *message, struct tn_result *result)
{
    (void)version; /* is of the dict's name */
    if (dict->type != TN_TYPE_DICT)
        return tn_wrong_type(ctx, dict, "a dict");
    return tn_answer_page(ctx, dict, message, tn_dict_scan, result);
}

int tn_op_scan_dict(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ScanDictRequest *msg = message;
    struct tn_page page = { msg->cursor, msg->limit, msg->keys_only, msg->want };

    return tn_read_target(ctx, msg->target, scan_dict, &page, result);
}
