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

/* ---- Containers ---- */

/* What the iterators of containers have in common. */
struct content {
    struct scan scan;
    tn_op_code code;
    bool keys_only;    /* of a dict or record */
    size_t per_entry;  /* items of `entries` */
    tn_values *values; /* of the page */
    tn_value entries;  /* a list */
    bool has_want;
    tn_want want;
    tn_target target; /* with a name of our own, or the handle, counted */
    tn_handle *handle;
    void *name;
};

struct tn_dict_iter {
    struct content content;
};

struct tn_set_iter {
    struct content content;
};

struct tn_deque_iter {
    struct content content;
};

static void content_fini(struct content *content)
{
    tn_values_free(&content->values);
    tn_handle_release(&content->handle);
    free(content->name);
}

static int content_init(struct content *content, tn_client *client, tn_target target,
                        const tn_want *want)
{
    content->scan.client = client;
    content->target = target;
    content->has_want = want != NULL;
    if (want)
        content->want = *want;
    content->values = tn_values_new();
    if (target.name) {
        content->name = malloc(target.name_len + 1);
        content->target.name = content->name;
    }
    if (!content->values || (target.name && !content->name)) {
        content_fini(content);
        return TN_ENOMEM;
    }
    if (target.name_len > 0)
        memcpy(content->name, target.name, target.name_len);
    /* Counting is not a change that the caller can see. */
    content->handle = tn_handle_ref((tn_handle *)(uintptr_t)target.handle);
    return 0;
}

/* A new iterator of `size` bytes, which begin with a struct content; `has_place` says
 * whether the caller has a pointer for it. 0, or an error that the client states. */
static int content_new(tn_client *client, size_t size, bool has_place, tn_op_code code,
                       tn_target target, const tn_want *want, struct content **ret_content)
{
    struct content *content;
    int r = tn_client_enter(client);

    if (r < 0)
        return r;
    if (!has_place)
        return tn_client_fail_argument(client, "The pointer for the iterator");
    if (want && want->struct_size < sizeof(*want))
        return tn_client_error_set(&client->error, TN_EINVAL,
                                   "The tn_want was not initialised with TN_WANT_INIT.");
    content = calloc(1, size);
    if (!content || content_init(content, client, target, want) < 0) {
        free(content);
        return tn_client_error_set_plain(&client->error, TN_ENOMEM);
    }
    content->code = code;
    content->per_entry = 1;
    *ret_content = content;
    return 0;
}

static int content_fetch(struct content *content)
{
    tn_op op = tn_op_init(content->code);
    tn_pending *page = NULL;
    tn_reply *reply;
    int r;

    op.target = content->target;
    op.cursor = content->scan.cursor;
    op.limit = ENTRIES_PER_PAGE;
    op.keys_only = content->keys_only;
    op.want = content->has_want ? &content->want : NULL;
    tn_values_clear(content->values);
    content->scan.n = content->scan.index = 0;
    r = fetch(&content->scan, &op, &page, &reply);
    if (r < 0)
        return r;
    r = tn_reply_value(reply, content->values, &content->entries);
    tn_pending_free(&page);
    if (r < 0)
        return tn_client_fail_reading(content->scan.client, r);
    if (tn_value_kind(content->entries) != TN_KIND_LIST ||
        tn_value_len(content->entries) % content->per_entry != 0)
        return tn_client_fail_reading(content->scan.client, TN_ESERVER);
    content->scan.n = tn_value_len(content->entries) / content->per_entry;
    return 0;
}

/* 1 and the place of the next entry among the items of the page, 0 at the end. */
static int content_next(struct content *content, size_t *ret_at)
{
    while (content->scan.index == content->scan.n) {
        int r;

        if (content->scan.is_last)
            return 0;
        r = content_fetch(content);
        if (r < 0)
            return r;
    }
    *ret_at = content->per_entry * content->scan.index++;
    return 1;
}

/* The next item of a page that has one for each entry; as the functions for the types. */
static int content_next_item(struct content *content, tn_value *ret_item)
{
    size_t at;
    int r;

    if (!ret_item)
        return TN_EINVAL;
    r = content_next(content, &at);
    if (r == 1)
        *ret_item = tn_value_item(content->entries, at);
    return r;
}

static int open_dict_iter(tn_client *client, tn_op_code code, tn_target target, bool keys_only,
                          const tn_want *want, tn_dict_iter **ret_iter)
{
    struct content *content;
    int r = content_new(client, sizeof(**ret_iter), ret_iter != NULL, code, target, want, &content);

    if (r < 0)
        return r;
    content->keys_only = keys_only;
    content->per_entry = keys_only ? 1 : 2;
    *ret_iter = TN_CONTAINER_OF(content, tn_dict_iter, content);
    return 0;
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
    size_t at;
    int r;

    if (!iter || !ret_key)
        return TN_EINVAL;
    r = content_next(&iter->content, &at);
    if (r != 1)
        return r;
    *ret_key = tn_value_item(iter->content.entries, at);
    if (ret_value)
        *ret_value = iter->content.keys_only ? tn_value_invalid(iter->content.values)
                                             : tn_value_item(iter->content.entries, at + 1);
    return 1;
}

void tn_dict_iter_close(tn_dict_iter **iterp)
{
    if (!iterp || !*iterp)
        return;
    content_fini(&(*iterp)->content);
    free(*iterp);
    *iterp = NULL;
}

int tn_set_iter_open(tn_client *client, tn_target set, const tn_want *want, tn_set_iter **ret_iter)
{
    struct content *content;
    int r = content_new(client, sizeof(**ret_iter), ret_iter != NULL, TN_OP_SCAN_SET, set, want,
                        &content);

    if (r == 0)
        *ret_iter = TN_CONTAINER_OF(content, tn_set_iter, content);
    return r;
}

int tn_set_iter_next(tn_set_iter *iter, tn_value *ret_member)
{
    return iter ? content_next_item(&iter->content, ret_member) : TN_EINVAL;
}

void tn_set_iter_close(tn_set_iter **iterp)
{
    if (!iterp || !*iterp)
        return;
    content_fini(&(*iterp)->content);
    free(*iterp);
    *iterp = NULL;
}

int tn_deque_iter_open(tn_client *client, tn_target deque, const tn_want *want,
                       tn_deque_iter **ret_iter)
{
    struct content *content;
    int r = content_new(client, sizeof(**ret_iter), ret_iter != NULL, TN_OP_SCAN_DEQUE, deque, want,
                        &content);

    if (r == 0)
        *ret_iter = TN_CONTAINER_OF(content, tn_deque_iter, content);
    return r;
}

int tn_deque_iter_next(tn_deque_iter *iter, tn_value *ret_item)
{
    return iter ? content_next_item(&iter->content, ret_item) : TN_EINVAL;
}

void tn_deque_iter_close(tn_deque_iter **iterp)
{
    if (!iterp || !*iterp)
        return;
    content_fini(&(*iterp)->content);
    free(*iterp);
    *iterp = NULL;
}
