/* SPDX-License-Identifier: MIT */
/* The replies with many fields: descriptions, pages of names, the server's state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/reply.h"
#include "client/lib/values.h"
#include "core/base/check.h"

int tn_reply_description(const tn_reply *reply, tn_description *ret_description)
{
    const void *result = NULL;
    const Tenure__V1__DescribeResponse *from;
    tn_description description = TN_DESCRIPTION_INIT;
    size_t size;
    int r;

    if (!ret_description || ret_description->struct_size < sizeof(size_t))
        return TN_EINVAL;
    r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_DESCRIBE, &result);
    if (r < 0)
        return r;
    from = result;

    description.identity = from->identity;
    description.type = tn_kind_from_tag(from->type);
    description.refs = from->refs;
    description.refs_local = from->refs_local;
    description.refs_shared = from->refs_shared;
    description.immortal = from->immortal;
    description.tracked = from->tracked;
    (void)snprintf(description.state, sizeof(description.state), "%s", from->state); /* cut off */
    description.owner = from->owner;
    description.length = from->length;
    description.shallow_bytes = from->shallow_bytes;
    description.deep_bytes = from->deep_bytes;
    description.deep_objects = from->deep_objects;
    description.deep_complete = from->deep_complete;
    (void)snprintf(description.class_name, sizeof(description.class_name), "%.*s",
                   (int)from->class_name.len, (const char *)from->class_name.data); /* cut off */
    description.name_kind = (tn_bind_kind)from->name_kind;
    description.name_ttl_ms = from->name_ttl_ms;

    /* The caller may have been compiled when there were fewer fields, or more. */
    size = ret_description->struct_size;
    description.struct_size = size;
    memcpy(ret_description, &description, size < sizeof(description) ? size : sizeof(description));
    return 0;
}

static int names_of(const tn_reply *reply, const Tenure__V1__ScanNamesResponse **ret_page)
{
    const void *result = NULL;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_SCAN_NAMES, &result);

    if (r < 0)
        return r;
    *ret_page = result;
    return 0;
}

int tn_reply_n_names(const tn_reply *reply, size_t *ret_n_names)
{
    const Tenure__V1__ScanNamesResponse *page = NULL;
    int r = names_of(reply, &page);

    if (r < 0)
        return r;
    *ret_n_names = page->n_names;
    return 0;
}

int tn_reply_name(const tn_reply *reply, size_t index, tn_name_entry *ret_entry)
{
    const Tenure__V1__ScanNamesResponse *page = NULL;
    const Tenure__V1__NameEntry *name;
    int r = names_of(reply, &page);

    if (r < 0)
        return r;
    if (index >= page->n_names)
        return TN_EINDEX;
    name = page->names[index];
    *ret_entry = (tn_name_entry){
        .name = name->name.data ? (const char *)name->name.data : "",
        .name_len = name->name.len,
        .type = tn_kind_from_tag(name->type),
        .version = name->version,
        .kind = (tn_bind_kind)name->kind,
        .ttl_ms = name->ttl_ms,
    };
    return 0;
}

int tn_reply_cursor(const tn_reply *reply, uint64_t *ret_cursor)
{
    const Tenure__V1__ScanNamesResponse *names;
    const void *result = NULL;
    int r = names_of(reply, &names);

    if (r == 0) {
        *ret_cursor = names->cursor;
        return 0;
    }
    r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_SCAN_DICT, &result);
    if (r == 0)
        *ret_cursor = ((const Tenure__V1__ScanDictResponse *)result)->cursor;
    return r;
}

/* ---- tn_info: one block, with the strings behind the struct ---- */

struct info_block {
    tn_info info;
    const char *namespaces[]; /* behind them the subscriptions, then the strings */
};

static size_t text_bytes(const Tenure__V1__InfoResponse *from)
{
    size_t n = strlen(from->version) + 1 + strlen(from->mode) + 1;

    for (size_t i = 0; i < from->n_namespaces; i++)
        n += strlen(from->namespaces[i]) + 1;
    return n;
}

static const char *put_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

static void fill_subscriptions(const Tenure__V1__InfoResponse *from,
                               tn_subscription_info *subscriptions)
{
    for (size_t i = 0; i < from->n_own_subscriptions; i++) {
        const Tenure__V1__SubscriptionInfo *sub = from->own_subscriptions[i];

        subscriptions[i] = (tn_subscription_info){
            .id = sub->subscription,
            .sent = sub->sent,
            .behind = sub->behind,
            .lost = sub->lost,
            .unseen = sub->unseen,
            .queue_limit = sub->queue_limit,
        };
    }
}

static void fill_counters(const Tenure__V1__InfoResponse *from, tn_info *info)
{
    info->pid = from->pid;
    info->uptime_ms = from->uptime_ms;
    info->workers = from->workers;
    info->connections = from->connections;
    info->connections_total = from->connections_total;
    info->connections_refused = from->connections_refused;
    info->handles = from->handles;
    info->names = from->names;
    info->live_objects = from->live_objects;
    info->live_bytes = from->live_bytes;
    info->held_bytes = from->held_bytes;
    info->max_memory_bytes = from->max_memory_bytes;
    info->rss_bytes = from->rss_bytes;
    info->limbo_objects = from->limbo_objects;
    info->limbo_bytes = from->limbo_bytes;
    info->tracked_containers = from->tracked_containers;
    info->requests = from->requests;
    info->requests_failed = from->requests_failed;
    info->bytes_received = from->bytes_received;
    info->bytes_sent = from->bytes_sent;
    info->merges_queued = from->merges_queued;
    info->merges_claimed = from->merges_claimed;
    info->grace_periods = from->grace_periods;
    info->gil_switches = from->gil_switches;
    info->gil_forced = from->gil_forced;
    info->requests_deferred_for_memory = from->requests_deferred_for_memory;
    info->weakrefs_cleared = from->weakrefs_cleared;
    info->names_gone = from->names_gone;
    info->names_dropped = from->names_dropped;
    info->leased_sessions = from->leased_sessions;
    info->leased_handles = from->leased_handles;
    info->lease_remaining_ms = from->lease_remaining_ms;
    info->subscriptions = from->subscriptions;
    info->events_sent = from->events_sent;
    info->events_behind = from->events_behind;
    info->events_lost = from->events_lost;
    info->events_unseen = from->events_unseen;
    for (size_t i = 0; i < from->n_types; i++) {
        if ((unsigned)from->types[i]->type < TN_INFO_TYPES)
            info->objects_by_type[from->types[i]->type] = from->types[i]->objects;
    }
}

int tn_reply_info(const tn_reply *reply, tn_info **ret_info)
{
    const void *result = NULL;
    const Tenure__V1__InfoResponse *from;
    struct info_block *block;
    tn_subscription_info *subscriptions;
    size_t names_bytes;
    size_t subscriptions_bytes;
    char *at;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_INFO, &result);

    if (r < 0)
        return r;
    from = result;
    names_bytes = from->n_namespaces * sizeof(block->namespaces[0]);
    subscriptions_bytes = from->n_own_subscriptions * sizeof(*subscriptions);
    block = calloc(1, sizeof(*block) + names_bytes + subscriptions_bytes + text_bytes(from));
    if (!block)
        return TN_ENOMEM;
    subscriptions = (void *)&block->namespaces[from->n_namespaces];
    at = (char *)subscriptions + subscriptions_bytes;
    fill_subscriptions(from, subscriptions);
    block->info.own_subscriptions = subscriptions;
    block->info.n_own_subscriptions = from->n_own_subscriptions;
    fill_counters(from, &block->info);
    block->info.version = put_text(&at, from->version);
    block->info.mode = put_text(&at, from->mode);
    for (size_t i = 0; i < from->n_namespaces; i++)
        block->namespaces[i] = put_text(&at, from->namespaces[i]);
    block->info.namespaces = block->namespaces;
    block->info.n_namespaces = from->n_namespaces;
    *ret_info = &block->info;
    return 0;
}

void tn_info_free(tn_info **info)
{
    if (!info)
        return;
    free(*info); /* the block begins with it */
    *info = NULL;
}

/* ---- tn_class_info: likewise ---- */

struct class_block {
    tn_class_info info;
    const char *slots[];
};

static const char *put_name(char **at, const ProtobufCBinaryData *name)
{
    char *begin = *at;

    if (name->len > 0)
        memcpy(begin, name->data, name->len);
    begin[name->len] = '\0';
    *at += name->len + 1;
    return begin;
}

static size_t names_bytes(const Tenure__V1__ClassDescribeResponse *from)
{
    size_t n = from->name.len + 1 + from->base_name.len + 1;

    for (size_t i = 0; i < from->n_slots; i++)
        n += from->slots[i].len + 1;
    return n;
}

int tn_reply_class_info(const tn_reply *reply, tn_class_info **ret_info)
{
    const void *result = NULL;
    const Tenure__V1__ClassDescribeResponse *from;
    struct class_block *block;
    size_t slots_bytes;
    char *at;
    int r = tn_reply_result(reply, TENURE__V1__RESPONSE__RESULT_CLASS_DESCRIBE, &result);

    if (r < 0)
        return r;
    from = result;
    slots_bytes = from->n_slots * sizeof(block->slots[0]);
    block = calloc(1, sizeof(*block) + slots_bytes + names_bytes(from));
    if (!block)
        return TN_ENOMEM;
    at = (char *)block + sizeof(*block) + slots_bytes;
    block->info = (tn_class_info){
        .identity = from->identity,
        .base_identity = from->base_identity,
        .n_slots = from->n_slots,
        .n_inherited = from->n_inherited,
        .slots = block->slots,
        .has_dict = from->has_dict,
        .has_finalizer = from->has_finalizer,
        .record_bytes = from->record_bytes,
        .records = from->records,
    };
    block->info.name = put_name(&at, &from->name);
    if (from->base_identity != 0)
        block->info.base_name = put_name(&at, &from->base_name);
    for (size_t i = 0; i < from->n_slots; i++)
        block->slots[i] = put_name(&at, &from->slots[i]);
    *ret_info = &block->info;
    return 0;
}

void tn_class_info_free(tn_class_info **info)
{
    if (!info)
        return;
    free(*info); /* the block begins with it */
    *info = NULL;
}
