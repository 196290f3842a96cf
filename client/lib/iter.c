/* SPDX-License-Identifier: MIT */
/*
 * Scans, a page at a time. An iterator owns the page that it is on, so other
 * calls may be made between two steps. After an error the same page is asked for
 * again. Closing an iterator does not touch the client, which may be gone.
 */
#include <stdlib.h>
#include <string.h>

#include "client/lib/calls.h"
#include "client/lib/values.h"

#define NAMES_PER_PAGE 512u
#define ENTRIES_PER_PAGE 256u

/* What both scans have in common: where they are. */
struct scan {
    tn_client *client;
    uint64_t cursor;
    size_t index; /* of the next entry on the page */
    size_t n;     /* entries of the page */
    bool is_last; /* no page follows */
};

/* Asks for the page at the cursor and waits for it. The caller frees `ret_page`. */
static int fetch(struct scan *scan, const tn_op *op, tn_pending **ret_page, tn_reply **ret_reply)
{
    tn_client *client = scan->client;
    tn_pending *page;
    uint64_t cursor = 0;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    r = tn_pending_start(client, op, &page);
    if (r < 0)
        return r;
    r = tn_pending_wait(page, ret_reply);
    if (r < 0) {
        tn_client_error_copy(&client->error, tn_reply_error(*ret_reply));
    } else {
        r = tn_reply_cursor(*ret_reply, &cursor);
        if (r < 0)
            r = tn_client_fail_reading(client, r);
    }
    if (r < 0) {
        tn_pending_free(&page);
        return r;
    }
    scan->cursor = cursor;
    scan->is_last = cursor == 0;
    scan->index = 0;
    *ret_page = page;
    return 0;
}

/* ---- Names ---- */

struct tn_name_iter {
    struct scan scan;
    tn_pending *page;
    tn_reply *reply; /* of the page */
    size_t prefix_len;
    char prefix[];
};

int tn_name_iter_open(tn_client *client, const char *prefix, tn_name_iter **ret_iter)
{
    size_t len = prefix ? strlen(prefix) : 0;
    tn_name_iter *iter;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!ret_iter)
        return tn_client_fail_argument(client, "The pointer for the iterator");
    iter = calloc(1, sizeof(*iter) + len + 1);
    if (!iter)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    iter->scan.client = client;
    iter->prefix_len = len;
    if (len > 0)
        memcpy(iter->prefix, prefix, len);
    *ret_iter = iter;
    return 0;
}

static int fetch_names(tn_name_iter *iter)
{
    tn_op op = tn_op_init(TN_OP_SCAN_NAMES);
    int r;

    op.name = iter->prefix;
    op.name_len = iter->prefix_len;
    op.cursor = iter->scan.cursor;
    op.limit = NAMES_PER_PAGE;
    tn_pending_free(&iter->page);
    iter->scan.n = iter->scan.index = 0;
    r = fetch(&iter->scan, &op, &iter->page, &iter->reply);
    if (r < 0)
        return r;
    r = tn_reply_n_names(iter->reply, &iter->scan.n);
    return r < 0 ? tn_client_fail_reading(iter->scan.client, r) : 0;
}

int tn_name_iter_next(tn_name_iter *iter, tn_name_entry *ret_entry)
{
    int r;

    if (!iter || !ret_entry)
        return TN_EINVAL;
    while (iter->scan.index == iter->scan.n) {
        if (iter->scan.is_last)
            return 0;
        r = fetch_names(iter);
        if (r < 0)
            return r;
    }
    r = tn_reply_name(iter->reply, iter->scan.index, ret_entry);
    if (r < 0)
        return tn_client_fail_reading(iter->scan.client, r);
    iter->scan.index++;
    return 1;
}

void tn_name_iter_close(tn_name_iter **iterp)
{
    if (!iterp || !*iterp)
        return;
    tn_pending_free(&(*iterp)->page);
    free(*iterp);
    *iterp = NULL;
}

/* ---- Dicts, and attributes of records ---- */

struct tn_dict_iter {
    struct scan scan;
    tn_op_code code; /* what asks for a page */
    bool keys_only;
    tn_values *values; /* of the page */
    tn_value entries;  /* keys; or key, value, key, value, ... */
    bool has_want;
    tn_want want;
    tn_target target; /* with the name that follows, or the handle, counted */
    tn_handle *handle;
    char name[];
};

static int open_iter(tn_client *client, tn_op_code code, tn_target target, bool keys_only,
                     const tn_want *want, tn_dict_iter **ret_iter)
{
    tn_dict_iter *iter;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!ret_iter)
        return tn_client_fail_argument(client, "The pointer for the iterator");
    if (want && want->struct_size < sizeof(*want))
        return tn_client_error_set(&client->error, TN_EINVAL,
                                   "The tn_want was not initialised with TN_WANT_INIT.");
    iter = calloc(1, sizeof(*iter) + target.name_len);
    if (!iter)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    iter->values = tn_values_new();
    if (!iter->values) {
        free(iter);
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    }
    iter->scan.client = client;
    iter->code = code;
    iter->keys_only = keys_only;
    iter->has_want = want != NULL;
    if (want)
        iter->want = *want;
    iter->target = target;
    if (target.name) {
        if (target.name_len > 0)
            memcpy(iter->name, target.name, target.name_len);
        iter->target.name = iter->name;
    }
    /* Counting is not a change that the caller can see. */
    iter->handle = tn_handle_ref((tn_handle *)(uintptr_t)target.handle);
    *ret_iter = iter;
    return 0;
}

int tn_dict_iter_open(tn_client *client, tn_target dict, bool keys_only, const tn_want *want,
                      tn_dict_iter **ret_iter)
{
    return open_iter(client, TN_OP_SCAN_DICT, dict, keys_only, want, ret_iter);
}

int tn_attr_iter_open(tn_client *client, tn_target record, bool keys_only, const tn_want *want,
                      tn_dict_iter **ret_iter)
{
    return open_iter(client, TN_OP_ATTR_SCAN, record, keys_only, want, ret_iter);
}

static int fetch_entries(tn_dict_iter *iter)
{
    tn_op op = tn_op_init(iter->code);
    size_t per_entry = iter->keys_only ? 1 : 2;
    tn_pending *page = NULL;
    tn_reply *reply;
    int r;

    op.target = iter->target;
    op.cursor = iter->scan.cursor;
    op.limit = ENTRIES_PER_PAGE;
    op.keys_only = iter->keys_only;
    op.want = iter->has_want ? &iter->want : NULL;
    tn_values_clear(iter->values);
    iter->scan.n = iter->scan.index = 0;
    r = fetch(&iter->scan, &op, &page, &reply);
    if (r < 0)
        return r;
    r = tn_reply_value(reply, iter->values, &iter->entries);
    tn_pending_free(&page);
    if (r < 0)
        return tn_client_fail_reading(iter->scan.client, r);
    if (tn_value_kind(iter->entries) != TN_KIND_LIST ||
        tn_value_len(iter->entries) % per_entry != 0)
        return tn_client_fail_reading(iter->scan.client, TN_ESERVER);
    iter->scan.n = tn_value_len(iter->entries) / per_entry;
    return 0;
}

int tn_dict_iter_next(tn_dict_iter *iter, tn_value *ret_key, tn_value *ret_value)
{
    size_t index;
    int r;

    if (!iter || !ret_key)
        return TN_EINVAL;
    while (iter->scan.index == iter->scan.n) {
        if (iter->scan.is_last)
            return 0;
        r = fetch_entries(iter);
        if (r < 0)
            return r;
    }
    index = iter->scan.index++;
    *ret_key = tn_value_item(iter->entries, iter->keys_only ? index : 2 * index);
    if (ret_value)
        *ret_value = iter->keys_only ? tn_value_invalid(iter->values)
                                     : tn_value_item(iter->entries, 2 * index + 1);
    return 1;
}

void tn_dict_iter_close(tn_dict_iter **iterp)
{
    tn_dict_iter *iter;

    if (!iterp || !*iterp)
        return;
    iter = *iterp;
    *iterp = NULL;
    tn_values_free(&iter->values);
    tn_handle_release(&iter->handle);
    free(iter);
}
