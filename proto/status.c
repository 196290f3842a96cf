/* SPDX-License-Identifier: MIT */
/* See status.h. Three tables from one list, and the care of what people will read. */
#include "proto/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "proto/utf8.h"

struct reason_entry {
    const char *name;
    const char *text;
    enum tn_code code;
    int err;
};

static const struct reason_entry reasons[TN_REASON_END] = {
    [TN_REASON_OK] = { .name = "OK", .text = "Nothing is wrong." },
#define TN_REASON_ENTRY(n, c, e, t)                                                                \
    [TN_REASON_##n] = { .name = #n, .text = (t), .code = TN_CODE_##c, .err = TN_ERR_##e },
    TN_REASON_LIST(TN_REASON_ENTRY)
#undef TN_REASON_ENTRY
};

/* An enum, so that the compiler finds a `tn_err` that is missing here. */
static enum tn_reason reason_of(enum tn_err err)
{
    switch (err) {
    case TN_ERR_NOMEM:
        return TN_REASON_OUT_OF_MEMORY;
    case TN_ERR_LIMIT:
        return TN_REASON_MEMORY_LIMIT;
    case TN_ERR_INVAL:
        return TN_REASON_INVALID_ARGUMENT;
    case TN_ERR_TYPE:
        return TN_REASON_TYPE_MISMATCH;
    case TN_ERR_UNHASHABLE:
        return TN_REASON_UNHASHABLE_KEY;
    case TN_ERR_NAME:
        return TN_REASON_NAME_NOT_FOUND;
    case TN_ERR_HANDLE:
        return TN_REASON_HANDLE_NOT_FOUND;
    case TN_ERR_KEY:
        return TN_REASON_KEY_NOT_FOUND;
    case TN_ERR_INDEX:
        return TN_REASON_INDEX_OUT_OF_RANGE;
    case TN_ERR_OVERFLOW:
        return TN_REASON_INTEGER_OVERFLOW;
    case TN_ERR_TOO_BIG:
        return TN_REASON_CONTAINER_TOO_LARGE;
    case TN_ERR_TOO_DEEP:
        return TN_REASON_NESTED_TOO_DEEPLY;
    case TN_ERR_TOO_MANY:
        return TN_REASON_TOO_MANY_NODES;
    case TN_ERR_PRECONDITION:
        return TN_REASON_PRECONDITION_FAILED;
    case TN_ERR_STALE:
        return TN_REASON_CURSOR_STALE;
    case TN_ERR_MALFORMED:
        return TN_REASON_MALFORMED_MESSAGE;
    case TN_ERR_UTF8:
        return TN_REASON_INVALID_UTF8;
    case TN_ERR_TIMEOUT:
        return TN_REASON_DEADLINE_EXCEEDED;
    case TN_ERR_CLOSED:
        return TN_REASON_SESSION_LOST;
    case TN_ERR_BUSY:
        return TN_REASON_OBJECT_BUSY;
    case TN_ERR_IO:
        return TN_REASON_IO_ERROR;
    case TN_ERR_AGAIN: /* not a failure; whoever tells it as one is at fault */
        break;
    }
    return TN_REASON_INTERNAL;
}

const char *tn_code_name(uint32_t code)
{
    switch (code) {
#define TN_CODE_CASE(name, number)                                                                 \
    case (number):                                                                                 \
        return #name;
        TN_CODE_LIST(TN_CODE_CASE)
#undef TN_CODE_CASE
    default:
        return "UNKNOWN";
    }
}

static const struct reason_entry *entry_of(enum tn_reason reason)
{
    TN_ASSERT((unsigned)reason < TN_REASON_END);
    return &reasons[reason];
}

const char *tn_reason_name(enum tn_reason reason)
{
    return entry_of(reason)->name;
}

const char *tn_reason_text(enum tn_reason reason)
{
    return entry_of(reason)->text;
}

enum tn_code tn_reason_code(enum tn_reason reason)
{
    return entry_of(reason)->code;
}

int tn_reason_err(enum tn_reason reason)
{
    return entry_of(reason)->err;
}

enum tn_reason tn_reason_from_name(const char *word)
{
    for (int i = 0; word && i < TN_REASON_END; i++) {
        if (strcmp(reasons[i].name, word) == 0)
            return (enum tn_reason)i;
    }
    return TN_REASON_UNRECOGNISED;
}

enum tn_reason tn_reason_from_err(int err)
{
    return err == 0 ? TN_REASON_OK : reason_of((enum tn_err)err);
}

/* Sentences quote what clients have sent and are shown on terminals: nothing in
 * them may be an escape sequence, or break the encoding of the message. */
static void sanitise(char *text)
{
    size_t len = strlen(text);
    size_t at = 0;

    while (at < len) {
        at += tn_utf8_valid_prefix(text + at, len - at);
        if (at < len)
            text[at++] = '?';
    }
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        if (*c == 0xc2 && c[1] < 0xa0) /* U+0080 to U+009F control terminals too */
            *c = c[1] = '?';
    }
}

int(tn_status_set)(struct tn_status *status, enum tn_reason reason)
{
    return tn_status_setf(status, reason, "%s", tn_reason_text(reason));
}

int(tn_status_setf)(struct tn_status *status, enum tn_reason reason, const char *format, ...)
{
    const struct reason_entry *entry = entry_of(reason);

    TN_ASSERT(reason != TN_REASON_OK);
    if (status) {
        va_list args;
        int r;

        status->reason = reason;
        status->code = entry->code;
        va_start(args, format);
        r = vsnprintf(status->message, sizeof(status->message), format, args);
        va_end(args);
        if (r < 0)
            status->message[0] = '\0';
        sanitise(status->message);
    }
    return entry->err;
}

int tn_status_set_err(struct tn_status *status, int err)
{
    TN_ASSERT(err < 0);
    (void)tn_status_set(status, tn_reason_from_err(err)); /* returns the reason's own error */
    return err;
}

void tn_status_to_wire(struct tn_status *status, Tenure__V1__Status *ret_wire)
{
    TN_ASSERT(!tn_status_is_ok(status));
    tenure__v1__status__init(ret_wire);
    ret_wire->code = (uint32_t)status->code;
    /* The generated struct cannot say so, but packing does not write to it. */
    ret_wire->reason = (char *)(uintptr_t)tn_reason_name(status->reason);
    ret_wire->message = status->message;
}

int tn_status_from_wire(const Tenure__V1__Status *wire, struct tn_status *ret_status)
{
    enum tn_reason reason;
    int err;

    if (!wire || wire->code == TN_CODE_OK) {
        tn_status_clear(ret_status);
        return 0;
    }
    reason = tn_reason_from_name(wire->reason);
    if (reason == TN_REASON_OK) /* contradicts its code */
        reason = TN_REASON_UNRECOGNISED;
    err = tn_status_setf(ret_status, reason, "%s", wire->message ? wire->message : "");
    ret_status->code = (enum tn_code)wire->code;
    return err;
}
