/* SPDX-License-Identifier: MIT */
#include "client/lib/error.h"

#include <stdarg.h>
#include <stdio.h>

/* X(name, phrase): in the order of their numbers, without gaps. */
#define ERRNO_LIST(X)                                                                              \
    X(OK, "no error")                                                                              \
    X(ENOMEM, "this process has no memory left")                                                   \
    X(EINVAL, "an argument is not allowed here")                                                   \
    X(ECONNECT, "no server could be reached")                                                      \
    X(ESESSION_LOST, "the connection is gone, and the session's handles with it")                  \
    X(EFORKED, "the client belongs to the parent process; open one of your own")                   \
    X(ETIMEOUT, "the deadline has passed; whether the request was executed is not known")          \
    X(EAGAIN, "as many requests are in flight as may be; wait for answers first")                  \
    X(EBUSY, "in use; or called from inside a callback")                                           \
    X(ETYPE, "it is not of a type that can do this")                                               \
    X(EUNHASHABLE, "a list, dict or set cannot be a key or member")                                \
    X(ENAME, "no such name is bound")                                                              \
    X(EHANDLE, "this session holds no such handle")                                                \
    X(EKEY, "the dict has no such key")                                                            \
    X(EINDEX, "the index is out of range")                                                         \
    X(EOVERFLOW, "the number does not fit")                                                        \
    X(ETOO_BIG, "it is larger, or there are more, than is accepted at a time")                     \
    X(ETOO_DEEP, "it is nested too deeply")                                                        \
    X(EPRECONDITION, "what was required does not hold; nothing was changed")                       \
    X(ESTALE, "the scan has been overtaken by changes; begin again")                               \
    X(EUTF8, "a str is not valid UTF-8; store it as bytes")                                        \
    X(EMEMORY, "the server's heap is full; delete or release something")                           \
    X(EABORTED, "an earlier step failed, so this one was not executed")                            \
    X(EUNSUPPORTED, "the server does not know this operation or protocol")                         \
    X(ESERVER, "something is wrong in the server, or it is shutting down")

enum errno_index {
#define ERRNO_INDEX(name, phrase) ERRNO_INDEX_##name,
    ERRNO_LIST(ERRNO_INDEX)
#undef ERRNO_INDEX
    ERRNO_COUNT
};

#define ERRNO_CHECK(name, phrase)                                                                  \
    _Static_assert(TN_##name == -(int)ERRNO_INDEX_##name, "the list is in the header's order");
ERRNO_LIST(ERRNO_CHECK)
#undef ERRNO_CHECK

static const struct {
    const char *name;
    const char *phrase;
    const char *sentence;
} errnos[] = {
#define ERRNO_ENTRY(name, phrase) { "TN_" #name, phrase, "Failed: " phrase "." },
    ERRNO_LIST(ERRNO_ENTRY)
#undef ERRNO_ENTRY
};

static bool is_listed(int err)
{
    return err <= 0 && err > -(int)ERRNO_COUNT;
}

const char *tn_errno_name(int err)
{
    return is_listed(err) ? errnos[-err].name : "TN_E?";
}

const char *tn_errno_text(int err)
{
    return is_listed(err) ? errnos[-err].phrase : "an error that is not listed";
}

const char *tn_errno_sentence(int err)
{
    if (err == TN_OK)
        return "";
    return is_listed(err) ? errnos[-err].sentence : "Failed: an error that is not listed.";
}

const char *tn_library_version(void)
{
    return TN_VERSION;
}

int tn_client_error_set(struct tn_client_error *error, int err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args); /* cut off if too long */
    va_end(args);
    error->public = (tn_error){ .err = err, .reason = "", .message = error->text };
    return err;
}

void tn_client_error_copy(struct tn_client_error *error, const tn_error *from)
{
    (void)tn_client_error_set(error, from->err, "%s", from->message);
    (void)snprintf(error->reason, sizeof(error->reason), "%s", from->reason); /* cut off */
    error->public.code = from->code;
    error->public.reason = error->reason;
}

int tn_client_error_set_plain(struct tn_client_error *error, int err)
{
    error->public = (tn_error){ .err = err, .reason = "", .message = tn_errno_sentence(err) };
    return err;
}

int tn_errno_from_internal(int internal)
{
    switch (internal) {
    case 0:
        return TN_OK;
    case TN_ERR_NOMEM:
        return TN_ENOMEM;
    case TN_ERR_LIMIT:
        return TN_EMEMORY;
    case TN_ERR_INVAL:
    case TN_ERR_MALFORMED:
        return TN_EINVAL;
    case TN_ERR_TYPE:
        return TN_ETYPE;
    case TN_ERR_UNHASHABLE:
        return TN_EUNHASHABLE;
    case TN_ERR_NAME:
        return TN_ENAME;
    case TN_ERR_HANDLE:
        return TN_EHANDLE;
    case TN_ERR_KEY:
        return TN_EKEY;
    case TN_ERR_INDEX:
        return TN_EINDEX;
    case TN_ERR_OVERFLOW:
        return TN_EOVERFLOW;
    case TN_ERR_TOO_BIG:
    case TN_ERR_TOO_MANY:
        return TN_ETOO_BIG;
    case TN_ERR_TOO_DEEP:
        return TN_ETOO_DEEP;
    case TN_ERR_PRECONDITION:
        return TN_EPRECONDITION;
    case TN_ERR_STALE:
        return TN_ESTALE;
    case TN_ERR_UTF8:
        return TN_EUTF8;
    case TN_ERR_TIMEOUT:
        return TN_ETIMEOUT;
    case TN_ERR_BUSY:
        return TN_EBUSY;
    default: /* AGAIN, CLOSED, IO: of the server, not of the request */
        return TN_ESERVER;
    }
}

int tn_errno_from_reason(enum tn_reason reason)
{
    switch (reason) {
    case TN_REASON_STEP_FAILED:
        return TN_EABORTED;
    case TN_REASON_PROTOCOL_UNSUPPORTED:
    case TN_REASON_OPERATION_UNSUPPORTED:
    case TN_REASON_UNKNOWN_FIELD:
        return TN_EUNSUPPORTED;
    case TN_REASON_TOO_MANY_CONNECTIONS:
        return TN_ECONNECT;
    case TN_REASON_SHUTTING_DOWN:
    case TN_REASON_OUT_OF_MEMORY: /* there, not here */
    case TN_REASON_INTERNAL:
        return TN_ESERVER;
    default:
        return tn_errno_from_internal(tn_reason_err(reason));
    }
}
