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

/* ---- Dicts, sets, and attributes of records ---- */

/* The scan of a container. */
struct entries {
    struct scan scan;
    tn_op_code code;   /* what asks for a page */
    bool keys_only;    /* also of a set, which has nothing else */
    tn_values *values; /* of the page */
    tn_value list;     /* keys; or key, value, key, value, ... */
    bool has_want;
    tn_want want;
    tn_target target; /* with the name that follows, or the handle, counted */
    tn_handle *handle;
    char *name; /* owned; NULL: none */
};

struct tn_dict_iter {
    struct entries entries;
};

struct tn_set_iter {
    struct entries entries;
};

static void entries_fini(struct entries *entries)
{
    tn_values_free(&entries->values);
    tn_handle_release(&entries->handle);
    free(entries->name);
}

/* Prepares a scan; `entries` is zeros. On failure there is nothing to be freed in it. */
static int entries_init(struct entries *entries, tn_client *client, tn_op_code code,
                        tn_target target, bool keys_only, const tn_want *want)
{
    entries->values = tn_values_new();
    if (target.name)
        entries->name = malloc(target.name_len + 1);
    if (!entries->values || (target.name && !entries->name)) {
        entries_fini(entries);
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    }
    entries->scan.client = client;
    entries->code = code;
    entries->keys_only = keys_only;
    entries->has_want = want != NULL;
    if (want)
        entries->want = *want;
    entries->target = target;
    if (target.name) {
        if (target.name_len > 0)
            memcpy(entries->name, target.name, target.name_len);
        entries->target.name = entries->name;
    }
    /* Counting is not a change that the caller can see. */
    entries->handle = tn_handle_ref((tn_handle *)(uintptr_t)target.handle);
    return 0;
}

static int entries_fetch(struct entries *entries)
{
    tn_op op = tn_op_init(entries->code);
    size_t per_entry = entries->keys_only ? 1 : 2;
    tn_pending *page = NULL;
    tn_reply *reply;
    int r;

    op.target = entries->target;
    op.cursor = entries->scan.cursor;
    op.limit = ENTRIES_PER_PAGE;
    op.keys_only = entries->keys_only;
    op.want = entries->has_want ? &entries->want : NULL;
    tn_values_clear(entries->values);
    entries->scan.n = entries->scan.index = 0;
    r = fetch(&entries->scan, &op, &page, &reply);
    if (r < 0)
        return r;
    r = tn_reply_value(reply, entries->values, &entries->list);
    tn_pending_free(&page);
    if (r < 0)
        return tn_client_fail_reading(entries->scan.client, r);
    if (tn_value_kind(entries->list) != TN_KIND_LIST ||
        tn_value_len(entries->list) % per_entry != 0)
        return tn_client_fail_reading(entries->scan.client, TN_ESERVER);
    entries->scan.n = tn_value_len(entries->list) / per_entry;
    return 0;
}

/* 1 and the key of the next entry, with its number in the page's list; 0 at the end,
 * or an error. */
static int entries_next(struct entries *entries, size_t *ret_index, tn_value *ret_key)
{
    int r;

    while (entries->scan.index == entries->scan.n) {
        if (entries->scan.is_last)
            return 0;
        r = entries_fetch(entries);
        if (r < 0)
            return r;
    }
    *ret_index = entries->scan.index++ * (entries->keys_only ? 1 : 2);
    *ret_key = tn_value_item(entries->list, *ret_index);
    return 1;
}

/* Whether an iterator can be opened; states what is wrong. */
static int check_open(tn_client *client, const tn_want *want, const void *ret_iter)
{
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!ret_iter)
        return tn_client_fail_argument(client, "The pointer for the iterator");
    if (want && want->struct_size < sizeof(*want))
        return tn_client_error_set(&client->error, TN_EINVAL,
                                   "The tn_want was not initialised with TN_WANT_INIT.");
    return 0;
}

static int open_dict_iter(tn_client *client, tn_op_code code, tn_target target, bool keys_only,
                          const tn_want *want, tn_dict_iter **ret_iter)
{
    tn_dict_iter *iter;
    int r = check_open(client, want, ret_iter);

    if (r < 0)
        return r;
    iter = calloc(1, sizeof(*iter));
    if (!iter)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    r = entries_init(&iter->entries, client, code, target, keys_only, want);
    if (r < 0)
        free(iter);
    else
        *ret_iter = iter;
    return r;
}

int tn_dict_iter_open(tn_client *client, tn_target dict, bool keys_only, const tn_want *want,
                      tn_dict_iter **ret_iter)
{
    return open_dict_iter(client, TN_OP_SCAN_DICT, dict, keys_only, want, ret_iter);
}

int tn_attr_iter_open(tn_client *client, tn_target record, bool keys_only, const tn_want *want,
                      tn_dict_iter **ret_iter)
{
    return open_dict_iter(client, TN_OP_ATTR_SCAN, record, keys_only, want, ret_iter);
}

int tn_dict_iter_next(tn_dict_iter *iter, tn_value *ret_key, tn_value *ret_value)
{
    struct entries *entries = iter ? &iter->entries : NULL;
    size_t index;
    int r;

    if (!entries || !ret_key)
        return TN_EINVAL;
    r = entries_next(entries, &index, ret_key);
    if (r == 1 && ret_value)
        *ret_value = entries->keys_only ? tn_value_invalid(entries->values)
                                        : tn_value_item(entries->list, index + 1);
    return r;
}

void tn_dict_iter_close(tn_dict_iter **iterp)
{
    if (!iterp || !*iterp)
        return;
    entries_fini(&(*iterp)->entries);
    free(*iterp);
    *iterp = NULL;
}

int tn_set_iter_open(tn_client *client, tn_target set, const tn_want *want, tn_set_iter **ret_iter)
{
    tn_set_iter *iter;
    int r = check_open(client, want, ret_iter);

    if (r < 0)
        return r;
    iter = calloc(1, sizeof(*iter));
    if (!iter)
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    r = entries_init(&iter->entries, client, TN_OP_SCAN_SET, set, true, want);
    if (r < 0)
        free(iter);
    else
        *ret_iter = iter;
    return r;
}

int tn_set_iter_next(tn_set_iter *iter, tn_value *ret_member)
{
    size_t index;

    if (!iter || !ret_member)
        return TN_EINVAL;
    return entries_next(&iter->entries, &index, ret_member);
}

void tn_set_iter_close(tn_set_iter **iterp)
{
    if (!iterp || !*iterp)
        return;
    entries_fini(&(*iterp)->entries);
    free(*iterp);
    *iterp = NULL;
}
