/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"

#include <errno.h>
#include <stdbool.h>

static const char *const err_names[] = { [TN_ERR_INDEX_OK] = "OK",
#define ERR_NAME(name, text) [TN_ERR_INDEX_##name] = #name,
                                         TN_ERR_LIST(ERR_NAME)
#undef ERR_NAME
};

static const char *const err_texts[] = { [TN_ERR_INDEX_OK] = "success",
#define ERR_TEXT(name, text) [TN_ERR_INDEX_##name] = (text),
                                         TN_ERR_LIST(ERR_TEXT)
#undef ERR_TEXT
};

static bool err_is_known(int err)
{
    return err <= 0 && err > -(int)TN_ERR_INDEX_END;
}

const char *tn_err_name(int err)
{
    return err_is_known(err) ? err_names[-err] : "UNKNOWN";
}

const char *tn_err_text(int err)
{
    return err_is_known(err) ? err_texts[-err] : "an unknown error";
}

int tn_err_from_errno(int errnum)
{
    switch (errnum) {
    case ENOMEM:
        return TN_ERR_NOMEM;
    case EINVAL:
        return TN_ERR_INVAL;
    case EAGAIN:
        return TN_ERR_AGAIN;
    case ETIMEDOUT:
        return TN_ERR_TIMEOUT;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
        return TN_ERR_CLOSED;
    case EBUSY:
    case EADDRINUSE:
        return TN_ERR_BUSY;
    case EMFILE:
    case ENFILE:
        return TN_ERR_TOO_MANY;
    default:
        return TN_ERR_IO;
    }
}
