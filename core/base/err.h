/* SPDX-License-Identifier: MIT */
/*
 * Errors: one list, from which the numbers, names and texts are made.
 *
 * A function that can fail returns 0 or a negative `enum tn_err`. An error of
 * the operating system is converted where it appears and never carried further.
 */
#ifndef TN_CORE_BASE_ERR_H
#define TN_CORE_BASE_ERR_H

#include "core/base/attr.h"

#define TN_ERR_LIST(X)                                                                             \
    X(NOMEM, "the system has no memory left")                                                      \
    X(LIMIT, "the heap's memory limit is reached")                                                 \
    X(INVAL, "an argument is not allowed here")                                                    \
    X(TYPE, "the object is of the wrong type")                                                     \
    X(UNHASHABLE, "a mutable container cannot be a key")                                           \
    X(NAME, "no such name")                                                                        \
    X(HANDLE, "no such handle")                                                                    \
    X(KEY, "no such key")                                                                          \
    X(INDEX, "the index is out of range")                                                          \
    X(OVERFLOW, "the number does not fit")                                                         \
    X(TOO_BIG, "the object would be larger than an object can be")                                 \
    X(TOO_DEEP, "the nesting is too deep")                                                         \
    X(TOO_MANY, "a limit on the number of things is reached")                                      \
    X(PRECONDITION, "a precondition does not hold")                                                \
    X(STALE, "the cursor has been outlived by what it points into")                                \
    X(MALFORMED, "the input does not follow its format")                                           \
    X(UTF8, "the text is not valid UTF-8")                                                         \
    X(AGAIN, "not complete yet")                                                                   \
    X(TIMEOUT, "the deadline has passed")                                                          \
    X(CLOSED, "the other side has closed the connection")                                          \
    X(BUSY, "in use by somebody else")                                                             \
    X(IO, "an operation of the operating system failed")

enum tn_err_index {
    TN_ERR_INDEX_OK = 0,
#define TN_ERR_INDEX(name, text) TN_ERR_INDEX_##name,
    TN_ERR_LIST(TN_ERR_INDEX)
#undef TN_ERR_INDEX
    TN_ERR_INDEX_END
};

enum tn_err {
#define TN_ERR_VALUE(name, text) TN_ERR_##name = -(int)TN_ERR_INDEX_##name,
    TN_ERR_LIST(TN_ERR_VALUE)
#undef TN_ERR_VALUE
};

/* The name of an error (`"NOMEM"`), or "OK" for 0. Never NULL. Any thread. */
const char *tn_err_name(int err);

/* What an error means, a phrase without a full stop. Never NULL. Any thread. */
const char *tn_err_text(int err);

/* The error that corresponds to an `errno` value; never 0. Any thread. */
int tn_err_from_errno(int errnum);

#endif
