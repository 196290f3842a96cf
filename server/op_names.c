/* SPDX-License-Identifier: MIT */
/* Operations on names: Set, Get, Bind, Unbind, Lookup, SetTtl, ScanNames; and Put. */
#include <string.h>

#include "core/base/err.h"
#include "proto/utf8.h"
#include "server/request.h"

/* What a name entry takes in the answer beside the name itself. */
#define ENTRY_BYTES ((size_t)48)

int tn_op_put(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__PutRequest *msg = message;
    struct tn_object *o = NULL;
    int r;

    r = tn_handles_reserve(ctx, 1);
    if (r == 0)
        r = tn_value_build(ctx, msg->value, &o);
    if (r == 0)
        tn_answer_handle(ctx, &o, 0, result);
    return r;
}

/* ---- Binding ---- */

/* What must hold for a name to be changed. The object is borrowed from the
 * session, which keeps it beyond the request. */
static int read_require(struct tn_request_ctx *ctx, const Tenure__V1__Precondition *msg,
                        struct tn_name_require *ret_require)
{
    *ret_require = (struct tn_name_require){ 0 };
    if (TN_LIKELY(msg == NULL))
        return 0;
    ret_require->absent = msg->absent;
    ret_require->version = msg->version;
    if (msg->handle != 0) {
        struct tn_object *o;
        int r = tn_handle_borrow(ctx, msg->handle, &o);

        if (r < 0)
            return r;
        ret_require->object = o;
    }
    return 0;
}

/* Says which precondition did not hold, as far as that can still be seen. */
TN_COLD static int precondition_failed(struct tn_request_ctx *ctx, struct tn_slice name,
                                       const struct tn_name_require *require)
{
    const char *text = name.data;
    int len = (int)(name.len < 80 ? name.len : 80);
    struct tn_object *o;
    uint64_t version;

    if (tn_name_lookup(ctx->mu, ctx->session->ns, name, &o, &version) < 0)
        return tn_status_setf(ctx->status, TN_REASON_PRECONDITION_FAILED,
                              "The name '%.*s' is not bound; nothing was changed.", len, text);
    if (require->absent)
        return tn_status_setf(ctx->status, TN_REASON_PRECONDITION_FAILED,
                              "The name '%.*s' is bound already; nothing was changed.", len, text);
    return tn_status_setf(ctx->status, TN_REASON_PRECONDITION_FAILED,
                          "The name '%.*s' has version %llu now, or refers to another object; "
                          "nothing was changed.",
                          len, text, (unsigned long long)version);
}

static void answer_name(struct tn_result *result, const struct tn_name_change *change)
{
    result->which = TENURE__V1__RESPONSE__RESULT_NAME;
    result->message.name = (Tenure__V1__NameResponse)TENURE__V1__NAME_RESPONSE__INIT;
    result->message.name.version = change->version;
    result->message.name.existed = change->existed;
}

_Static_assert((int)TN_NAME_STRONG == (int)TENURE__V1__NAME_KIND__NAME_KIND_UNSPECIFIED, "");
_Static_assert((int)TN_NAME_WEAK == (int)TENURE__V1__NAME_KIND__NAME_KIND_WEAK, "");
_Static_assert((int)TN_NAME_SOFT == (int)TENURE__V1__NAME_KIND__NAME_KIND_SOFT, "");

static int check_ttl(struct tn_request_ctx *ctx, uint64_t ttl_ms)
{
    if (TN_LIKELY(ttl_ms <= TN_NAME_TTL_MS_MAX))
        return 0;
    return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                          "A time to live of %llu ms is longer than the %llu that are allowed; 0 "
                          "is for ever.",
                          (unsigned long long)ttl_ms, (unsigned long long)TN_NAME_TTL_MS_MAX);
}

/* How a name is to be bound. The numbers of kinds are the same in the heap. */
static int read_how(struct tn_request_ctx *ctx, Tenure__V1__NameKind kind, uint64_t ttl_ms,
                    struct tn_name_how *ret_how)
{
    if (TN_UNLIKELY((unsigned int)kind > TN_NAME_SOFT))
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "There is no kind of name with the number %d.", (int)kind);
    *ret_how = (struct tn_name_how){ .kind = (enum tn_name_kind)kind, .ttl_ms = ttl_ms };
    return check_ttl(ctx, ttl_ms);
}

/* Binds a name; takes over the reference on success. */
static int bind_name(struct tn_request_ctx *ctx, struct tn_slice name,
                     struct tn_object **take_object, const struct tn_name_how *how,
                     const struct tn_name_require *require, struct tn_result *result)
{
    struct tn_name_change change;
    int r = tn_name_bind_as(ctx->mu, ctx->session->ns, name, take_object, how, require, &change);

    if (TN_LIKELY(r == 0))
        answer_name(result, &change);
    else if (r == TN_ERR_PRECONDITION)
        r = precondition_failed(ctx, name, require);
    else if (r == TN_ERR_TYPE)
        r = tn_wrong_type(ctx, *take_object, "bytes or a container, for a weak name");
    return r;
}

int tn_op_set_ttl(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetTtlRequest *msg = message;
    struct tn_name_info info;
    struct tn_slice name;
    int r;

    r = tn_name_check(ctx, &msg->name, &name);
    if (r == 0)
        r = check_ttl(ctx, msg->ttl_ms);
    if (r < 0)
        return r;
    r = tn_name_set_ttl(ctx->mu, ctx->session->ns, name, msg->ttl_ms, &info);
    if (r == TN_ERR_NAME)
        return tn_name_missing(ctx, name);
    if (r == 0)
        answer_name(result, &(struct tn_name_change){ .version = info.version, .existed = true });
    return r;
}

int tn_op_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetRequest *msg = message;
    struct tn_name_require require;
    struct tn_object *o = NULL;
    struct tn_object *bound;
    struct tn_name_how how;
    struct tn_slice name;
    bool keeps = msg->handle || ctx->batch != NULL;
    int r;

    r = tn_name_check(ctx, &msg->name, &name);
    if (r == 0)
        r = read_how(ctx, msg->kind, msg->ttl_ms, &how);
    if (r == 0 && TN_UNLIKELY(how.kind == TN_NAME_WEAK && !keeps))
        r = tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                           "A weak name does not keep the new object; ask for a handle to it too.");
    if (r == 0)
        r = read_require(ctx, msg->require, &require);
    if (r == 0 && msg->handle)
        r = tn_handles_reserve(ctx, 1);
    if (r == 0)
        r = tn_value_build(ctx, msg->value, &o);
    if (r < 0)
        return r;

    bound = o;
    if (keeps) { /* somebody may unbind the name before we have looked again */
        tn_incref(ctx->mu, o);
        tn_hold(ctx, o);
    }
    r = bind_name(ctx, name, &bound, &how, &require, result);
    if (r < 0) {
        tn_drop(ctx->mu, &bound);
        return r;
    }
    if (keeps)
        tn_step_returns(ctx, o);
    if (msg->handle) {
        tn_incref(ctx->mu, o);
        result->message.name.handle = tn_handle_give(ctx, &o);
    }
    return 0;
}

int tn_op_bind(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__BindRequest *msg = message;
    struct tn_name_require require;
    struct tn_object *o = NULL;
    struct tn_name_how how;
    struct tn_slice name;
    int r;

    r = tn_name_check(ctx, &msg->name, &name);
    if (r == 0)
        r = read_how(ctx, msg->kind, msg->ttl_ms, &how);
    if (r == 0)
        r = read_require(ctx, msg->require, &require);
    if (r == 0)
        r = tn_target_hold(ctx, msg->target, &o);
    if (r < 0)
        return r;
    tn_incref(ctx->mu, o);
    r = bind_name(ctx, name, &o, &how, &require, result);
    if (r < 0)
        tn_drop(ctx->mu, &o);
    return r;
}

int tn_op_unbind(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__UnbindRequest *msg = message;
    struct tn_name_require require;
    struct tn_name_change change;
    struct tn_slice name;
    int r;

    r = tn_name_check(ctx, &msg->name, &name);
    if (r == 0)
        r = read_require(ctx, msg->require, &require);
    if (r < 0)
        return r;
    r = tn_name_unbind(ctx->mu, ctx->session->ns, name, &require, &change);
    if (r == TN_ERR_NAME)
        return tn_name_missing(ctx, name);
    if (r == TN_ERR_PRECONDITION)
        return precondition_failed(ctx, name, &require);
    if (r == 0)
        answer_name(result, &change);
    return r;
}

/* ---- Reading ---- */

static int read_value(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                      const void *message, struct tn_result *result)
{
    const Tenure__V1__GetRequest *msg = message;

    return tn_answer_borrowed(ctx, o, msg->want, version, result);
}

int tn_op_get(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__GetRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_value, msg, result);
}

int tn_op_lookup(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__LookupRequest *msg = message;
    struct tn_object *o;
    struct tn_slice name;
    uint64_t version;
    int r;

    r = tn_name_check(ctx, &msg->name, &name);
    if (r == 0)
        r = tn_handles_reserve(ctx, 1);
    if (r == 0)
        r = tn_name_hold(ctx, name, &o, &version);
    if (r == 0)
        tn_answer_handle(ctx, &o, version, result);
    return r;
}

/* ---- Scanning ---- */

struct page {
    struct tn_request_ctx *ctx;
    Tenure__V1__NameEntry **entries;
    size_t n_entries;
    size_t max_entries;
    size_t n_bytes;
    int err;
};

static void add_entry(struct tn_slice name, struct tn_object *object,
                      const struct tn_name_info *info, void *arg)
{
    struct page *page = arg;
    struct tn_request_ctx *ctx = page->ctx;
    Tenure__V1__NameEntry *entry;

    if (page->err < 0)
        return;
    if (page->n_entries == page->max_entries) {
        size_t max = page->max_entries == 0 ? 64 : page->max_entries * 2;
        Tenure__V1__NameEntry **entries = tn_arena_grow(
            ctx->arena, (void *)page->entries, page->max_entries * sizeof(Tenure__V1__NameEntry *),
            max * sizeof(Tenure__V1__NameEntry *));

        if (entries == NULL) {
            page->err = tn_ctx_arena_error(ctx);
            return;
        }
        page->entries = entries;
        page->max_entries = max;
    }
    entry = tn_ctx_alloc(ctx, sizeof(*entry) + name.len);
    if (entry == NULL) {
        page->err = TN_ERR_NOMEM;
        return;
    }
    *entry = (Tenure__V1__NameEntry)TENURE__V1__NAME_ENTRY__INIT;
    /* Copied, because in a batch the name may be gone before the answer is packed. */
    entry->name = (ProtobufCBinaryData){ .len = name.len, .data = (uint8_t *)(entry + 1) };
    memcpy(entry->name.data, name.data, name.len);
    entry->type = (Tenure__V1__TypeTag)object->type;
    entry->version = info->version;
    entry->kind = (Tenure__V1__NameKind)info->kind;
    entry->ttl_ms = info->ttl_ms;
    page->entries[page->n_entries++] = entry;
    page->n_bytes += ENTRY_BYTES + name.len;
}

/* About so many names fit into an answer however long they are. */
static size_t page_size(const struct tn_request_ctx *ctx, uint32_t limit)
{
    size_t n_max = ctx->ex->service->limits.max_answer_bytes / ((size_t)4 * TN_NAME_BYTES_MAX);
    size_t n = limit == 0 ? TN_SCAN_NAMES : limit;

    return n < n_max ? n : n_max;
}

int tn_op_scan_names(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ScanNamesRequest *msg = message;
    Tenure__V1__ScanNamesResponse *answer = &result->message.scan_names;
    struct page page = { .ctx = ctx };
    uint64_t cursor = msg->cursor;
    int r;

    tn_names_scan(ctx->mu, ctx->session->ns, &cursor, page_size(ctx, msg->limit),
                  TN_SLICE(msg->prefix.data, msg->prefix.len), add_entry, &page);
    if (page.err < 0)
        return page.err;
    r = tn_ctx_claim(ctx, page.n_bytes + ENTRY_BYTES);
    if (r == TN_ERR_TOO_BIG)
        return tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    if (r < 0)
        return r;

    result->which = TENURE__V1__RESPONSE__RESULT_SCAN_NAMES;
    *answer = (Tenure__V1__ScanNamesResponse)TENURE__V1__SCAN_NAMES_RESPONSE__INIT;
    answer->names = page.entries;
    answer->n_names = page.n_entries;
    answer->cursor = cursor;
    return 0;
}
