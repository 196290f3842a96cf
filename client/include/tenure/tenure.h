/* SPDX-License-Identifier: MIT */
/*
 * libtenure: lending objects from a Tenure server.
 *
 * A server keeps a heap of reference-counted objects: numbers, texts, tuples,
 * lists, dicts, sets, deques, arrays, records of classes. An object lives exactly as long as
 * something refers to it: a name, another object, or a handle that a connected
 * client holds. Weakrefs and weak names refer to an object without keeping it.
 *
 *     TN_CLIENT_CLEANUP tn_client *client = NULL;
 *     TN_VALUES_CLEANUP tn_values *values = tn_values_new();
 *     tn_value list = tn_value_list(values);
 *
 *     tn_value_append(list, tn_value_int(values, 1));
 *     tn_value_append(list, tn_value_str(values, "two"));
 *     if (tn_client_open(NULL, &client) < 0 || tn_client_set(client, "x", list) < 0)
 *         fprintf(stderr, "%s\n", tn_client_error(client)->message);
 *
 * What you meet here:
 *   tn_client   a connection and its session; everything goes through one
 *   tn_value    a value of your own: a node in a tn_values, which owns it
 *   tn_handle   a reference to an object on the server, counted there
 *   tn_target   which object a call is about: a name, a handle, a batch's step
 *   tn_op       a call as data: for batches and for calls that do not wait
 *   tn_reply    what came back for a tn_op
 *   tn_event    something that happened in the heap, told to who has subscribed
 *
 * Errors.   Functions that can fail return 0 or more on success and a negative
 *           `enum tn_errno` otherwise; results are written on success only.
 *           tn_client_error() tells the whole story in words.
 * Threads.  A client and everything that belongs to it (handles, values that
 *           hold handles, batches, iterators, replies) is used by one thread at
 *           a time. Different clients have nothing in common. A tn_values without
 *           handles belongs to nobody and is also used by one thread at a time.
 * Blocking. Each function says whether it waits for the server. No other blocks.
 * Losing the connection. There is no silent reconnect: a session's handles die
 *           with its connection. From then on every call on the client returns
 *           TN_ESESSION_LOST; close it and open another. With a lease the server
 *           keeps the session for a while, and tn_client_resume() comes back to it.
 * fork().   A child must not use a client of its parent: every call returns
 *           TN_EFORKED. Closing and freeing is safe there and tells the server
 *           nothing, so the parent goes on undisturbed.
 * The library prints nothing, handles no signals and raises none (no SIGPIPE).
 */
#ifndef TENURE_TENURE_H
#define TENURE_TENURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TN_API __attribute__((visibility("default")))
#define TN_CHECKED __attribute__((warn_unused_result))
#define TN_FREED_BY(destructor) __attribute__((cleanup(destructor)))
#else
#define TN_API
#define TN_CHECKED
#endif

/* ---- Errors -------------------------------------------------------------- */

enum tn_errno {
    TN_OK = 0,
    /* Here, in the client. */
    TN_ENOMEM = -1,        /* this process has no memory left */
    TN_EINVAL = -2,        /* an argument is not allowed; also when the server says so */
    TN_ECONNECT = -3,      /* no server could be reached at the endpoint */
    TN_ESESSION_LOST = -4, /* the connection is gone, and the handles with it */
    TN_EFORKED = -5,       /* the client belongs to the parent process */
    TN_ETIMEOUT = -6,      /* the deadline has passed; whether it was done is not known */
    TN_EAGAIN = -7,        /* as many requests are in flight as may be: see tn_client_wait() */
    TN_EBUSY = -8,         /* not from inside a callback; or the object is in use: try again */
    /* What the server refuses. tn_error.reason says which of several. */
    TN_ETYPE = -9,          /* the object (or value) is not of a type that can do this */
    TN_EUNHASHABLE = -10,   /* a container that can change cannot be a key */
    TN_ENAME = -11,         /* no such name */
    TN_EHANDLE = -12,       /* no such handle in this session */
    TN_EKEY = -13,          /* no such key */
    TN_EINDEX = -14,        /* the index is out of range */
    TN_EOVERFLOW = -15,     /* the number does not fit */
    TN_ETOO_BIG = -16,      /* longer, larger or more than is accepted at a time */
    TN_ETOO_DEEP = -17,     /* nested more deeply than the operation follows */
    TN_EPRECONDITION = -18, /* what was required does not hold; nothing was changed */
    TN_ESTALE = -19,        /* a scan has been overtaken by changes: begin again */
    TN_EUTF8 = -20,         /* a str is not valid UTF-8: store it as bytes */
    TN_EMEMORY = -21,       /* the server's heap is full: delete or release something */
    TN_EABORTED = -22,      /* an earlier step of the batch failed; this one was not executed */
    TN_EUNSUPPORTED = -23,  /* the server does not know this operation or protocol */
    TN_ESERVER = -24        /* something is wrong in the server, or it is shutting down */
};

/* An error in full. Strings are never NULL; without an error they are empty. */
typedef struct tn_error {
    int err;             /* enum tn_errno */
    uint32_t code;       /* google.rpc.Code of a refusal; 0 if the error arose here */
    const char *reason;  /* of a refusal, for programs: "NAME_NOT_FOUND" */
    const char *message; /* for people: a sentence, ending in a full stop */
} tn_error;

/* "TN_ENAME"; for a number that is not listed "TN_E?". Never NULL. Any thread. */
TN_API const char *tn_errno_name(int err);

/* What an error means in general, without a full stop. Never NULL. Any thread. */
TN_API const char *tn_errno_text(int err);

/* The version of the library, such as "0.1.0". Never NULL. Any thread. */
TN_API const char *tn_library_version(void);

/* ---- Clients ------------------------------------------------------------- */

typedef struct tn_client tn_client;

#define TN_WAIT_FOREVER UINT32_MAX

typedef struct tn_client_options {
    size_t struct_size; /* set by TN_CLIENT_OPTIONS_INIT */
    /*
     * "unix:PATH" or "tcp:HOST:PORT". NULL: $TENURE_ENDPOINT if it is set, else
     * the first of these that answers: $XDG_RUNTIME_DIR/tenure/tenured.sock,
     * /run/tenure/tenured.sock, tcp:127.0.0.1:7477.
     */
    const char *endpoint;
    /* Where the session's names are; NULL: "default". */
    const char *namespace_name;
    /* What the client is, for the server's log; NULL: the program's name. */
    const char *client_name;
    /* For connecting and opening the session. 0: 5000; TN_WAIT_FOREVER: none. */
    uint32_t connect_timeout_ms;
    /* The deadline of calls that do not say otherwise. 0: none. */
    uint32_t timeout_ms;
    /* How many requests may be unanswered. 0: what the server allows, at most 1024. */
    uint32_t max_in_flight;
    /* While so many bytes of requests wait to be sent, no more are accepted from
     * tn_client_submit() and tn_client_begin(). 0: 16 MiB. */
    size_t max_unsent_bytes;
    /* For how long the server is to keep the session if the connection is lost, in
     * milliseconds; it may grant less. 0: not. See tn_client_resume(). */
    uint32_t lease_ms;
} tn_client_options;

#define TN_CLIENT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(tn_client_options), NULL, NULL, NULL, 0, 0, 0, 0, 0                                 \
    }

/*
 * Connects and opens a session. `options` may be NULL and is not needed
 * afterwards. Waits for the server, and for the name service if the endpoint's
 * host is not an address.
 *
 * Also where this fails a client comes back (except for TN_ENOMEM and a NULL
 * `ret_client`): it can be asked for its error, and must be closed.
 * TN_ECONNECT, TN_EINVAL, TN_ETIMEOUT, TN_ENOMEM, or what the server refuses.
 */
TN_API TN_CHECKED int tn_client_open(const tn_client_options *options, tn_client **ret_client);

/*
 * Ends the session: the server drops its handles. Leaves NULL behind; accepts
 * NULL. Does not wait: what was submitted may not be executed any more (see
 * tn_client_wait()), and callbacks that are due are called with TN_ESESSION_LOST.
 * Handles, values, batches, iterators and pending requests may outlive the
 * client; they can only be freed then. A callback may close its client; it is
 * freed when the function that called the callback returns.
 */
TN_API void tn_client_close(tn_client **client);

/*
 * What the last call on the client returned, in words. Never NULL; valid until
 * the next call. `client` may be NULL: then tells that there was no memory.
 */
TN_API const tn_error *tn_client_error(const tn_client *client);

/* The deadline of the calls that follow, in milliseconds; 0: none. Returns what
 * it was. Safe with NULL (returns 0). */
TN_API uint32_t tn_client_set_timeout(tn_client *client, uint32_t timeout_ms);

/* Where the client is connected: "unix:/run/tenure/tenured.sock". Never NULL;
 * empty if it is not connected. Valid as long as the client. */
TN_API const char *tn_client_endpoint(const tn_client *client);

/* What the server is ("tenured/0.1.0") and its mode ("gil", "atomic", "biased"), as
 * it told them on opening. Never NULL; valid as long as the client. */
TN_API const char *tn_client_server_version(const tn_client *client);
TN_API const char *tn_client_server_mode(const tn_client *client);

/* Whether calls still make sense: connected, not lost, not forked. */
TN_API bool tn_client_is_open(const tn_client *client);

/* ---- Leases ---- */

/*
 * Comes back to a session with a lease whose connection was lost: connects to the same
 * endpoint and takes the session over, with all its handles, scopes and the namespace.
 * Waits for the server, as long as tn_client_open() may. Returns 0 also if nothing was
 * lost.
 *
 * Requests that were in flight have ended with TN_ESESSION_LOST; whether they were
 * executed is not known. A handle that was in an answer that did not arrive, or in a
 * release that did not, is held until the session, or its scope, ends.
 *
 * TN_ESESSION_LOST: there is no lease, or its time is over. TN_EBUSY: somebody else has
 * taken the session over with its token; or called from a callback. TN_ECONNECT and
 * others as for tn_client_open(): try again while the lease lasts.
 */
TN_API TN_CHECKED int tn_client_resume(tn_client *client);

/* What the server has granted. Filled as far as `struct_size` goes. */
typedef struct tn_lease_info {
    size_t struct_size;
    uint32_t lease_ms;       /* 0: nothing, the session ends with its connection */
    bool is_lost;            /* the connection is; tn_client_resume() may come back */
    uint64_t n_resumed;      /* how often that has succeeded */
    unsigned char token[16]; /* a secret: whoever has it may take a lost session over */
} tn_lease_info;

#define TN_LEASE_INFO_INIT                                                                         \
    {                                                                                              \
        sizeof(tn_lease_info), 0, false, 0,                                                        \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* Does not ask the server. TN_EINVAL. */
TN_API int tn_client_lease_info(const tn_client *client, tn_lease_info *ret_info);

/* ---- Handles ------------------------------------------------------------- */

/*
 * A reference to an object on the server, held by this session: as long as it is
 * held, the object lives. Handles are counted here too: each tn_handle_ref() is
 * matched by one tn_handle_release().
 *
 * Releasing never waits and never fails. What has been released is told to the
 * server in front of the next request, or by tn_client_flush(). It is safe after
 * the client was closed or lost.
 */
typedef struct tn_handle tn_handle;

/* One more reference on this side. Returns its argument, which may be NULL. */
TN_API tn_handle *tn_handle_ref(tn_handle *handle);

/* Drops a reference. Leaves NULL behind; accepts NULL. */
TN_API void tn_handle_release(tn_handle **handle);

/*
 * Scopes: Python's `with`, for handles. While a scope is open, every handle that the
 * server gives out belongs to the innermost one, also those inside values; when the
 * scope ends, all of them are released at once, however many they are. Handles that
 * are to outlive it are named when it ends, or moved out with tn_client_keep().
 *
 * A scope ends before its client is closed.
 *
 * What the scope has taken along is gone on the server: the tn_handle on this side
 * only has to be released still, and a call about it returns TN_EHANDLE.
 *
 *     TN_SCOPE(client);                          ends with the block
 *     tn_client_lookup(client, "config", &handle, NULL);
 */
typedef struct tn_scope {
    tn_client *client;
    uint64_t number; /* 0: none is open */
} tn_scope;

/* Opens a scope inside those that are open, of which there may be 64. TN_ETOO_BIG. */
TN_API int tn_scope_begin(tn_client *client, tn_scope *ret_scope);

/*
 * Ends a scope, and those inside it; the `n_keep` handles in `keep` (may be NULL if it
 * is 0) go to the scope around it. The scope is empty afterwards, and ending that does
 * nothing. (opt) ret_count: how many handles were released. TN_EHANDLE: the scope has
 * ended, or a handle is not held; nothing was changed.
 */
TN_API int tn_scope_end(tn_scope *scope, const tn_handle *const *keep, size_t n_keep,
                        uint64_t *ret_count);

/* Moves handles out of the innermost scope that each belongs to. (opt) ret_count: how
 * many belonged to one. TN_EHANDLE: one of them is not held; nothing was changed. */
TN_API int tn_client_keep(tn_client *client, const tn_handle *const *handles, size_t n_handles,
                          uint64_t *ret_count);

/* What TN_SCOPE() does: opens a scope, which is empty if that fails, as
 * tn_client_error() tells. */
TN_API tn_scope tn_scope_enter(tn_client *client);

/* And in the end: ends a scope without waiting, and without touching what
 * tn_client_error() tells. If the window is full, the handles last as long as the scope
 * around it. Leaves an empty scope behind. */
TN_API void tn_scope_leave(tn_scope *scope);

/* ---- Exports ---- */

/* A secret that stands for an object: whoever knows it may have it. Plain data. */
typedef struct tn_token {
    unsigned char bytes[16];
} tn_token;

#define TN_TOKEN_TEXT_SIZE 33

/* A token in 32 hexadecimal digits and a NUL. Any thread. */
TN_API void tn_token_format(const tn_token *token, char ret_text[TN_TOKEN_TEXT_SIZE]);

/* And back. TN_EINVAL if the text is none. Any thread. */
TN_API int tn_token_parse(const char *text, tn_token *ret_token);

/* ---- Values -------------------------------------------------------------- */

/* What a value is. Those below 100 are also the types of stored objects. */
typedef enum tn_kind {
    TN_KIND_INVALID = 0,
    TN_KIND_NONE = 1,
    TN_KIND_BOOL = 2,
    TN_KIND_INT = 3,
    TN_KIND_FLOAT = 4,
    TN_KIND_STR = 5,
    TN_KIND_BYTES = 6,
    TN_KIND_TUPLE = 7,
    TN_KIND_LIST = 8,
    TN_KIND_DICT = 9,
    TN_KIND_CLASS = 10, /* only in a value that you got: a class, by its name */
    TN_KIND_RECORD = 11,
    TN_KIND_WEAKREF = 12, /* has no value, so it always comes as a handle */
    TN_KIND_SET = 13,
    TN_KIND_FROZENSET = 14,
    TN_KIND_DEQUE = 15,
    TN_KIND_ARRAY = 16,
    TN_KIND_BYTEARRAY = 17,
    /* In a value that you build: an object that you hold. In a value that you
     * got: here it was cut off, and this refers to what would follow. */
    TN_KIND_HANDLE = 100,
    /* In a batch: the object that an earlier step returns. */
    TN_KIND_RESULT = 101
} tn_kind;

/* "list"; for TN_KIND_INVALID and unlisted numbers "invalid". Never NULL. Any thread. */
TN_API const char *tn_kind_name(tn_kind kind);

/*
 * Values live in a tn_values: a table that grows as they are added and is freed,
 * or cleared for the next use, all at once. The values in one table may refer to
 * each other in any way, cycles included. None of this ever recurses.
 *
 * Building needs no error checks: what fails (no memory, an argument that is not
 * a value of this table) yields an invalid value and is remembered in the
 * table; the call that the value is passed to then returns that error.
 */
typedef struct tn_values tn_values;

/* A node in a table. Plain data: copied freely, never freed, valid until the
 * table is cleared or freed. `node` counts from 0 in the order of creation. */
typedef struct tn_value {
    tn_values *values;
    uint32_t node;
} tn_value;

/* Returns NULL if there is no memory; everything below accepts that. */
TN_API tn_values *tn_values_new(void);

/* Frees all values, and releases handles among them. Leaves NULL behind; accepts NULL. */
TN_API void tn_values_free(tn_values **values);

/* The same, but keeps the memory for what is built or received next. */
TN_API void tn_values_clear(tn_values *values);

/* 0, or the first error since the table was new or cleared. */
TN_API int tn_values_error(const tn_values *values);

/* How many nodes the table has; those of its values are below this. */
TN_API size_t tn_values_count(const tn_values *values);

TN_API tn_value tn_value_none(tn_values *values);
TN_API tn_value tn_value_bool(tn_values *values, bool truth);
TN_API tn_value tn_value_int(tn_values *values, int64_t integer);
TN_API tn_value tn_value_float(tn_values *values, double real);

/* Copies a text: up to its NUL, or of a given length. It must be UTF-8, which is
 * checked by the server; NUL characters are allowed. */
TN_API tn_value tn_value_str(tn_values *values, const char *text);
TN_API tn_value tn_value_str_n(tn_values *values, const char *text, size_t len);

/* Copies bytes. */
TN_API tn_value tn_value_bytes(tn_values *values, const void *data, size_t size);

/* What the items of an array are: whole numbers without (U) or with a sign (I), or
 * floats, of so many bits. They lie side by side, little-endian. */
typedef enum tn_format {
    TN_FORMAT_NONE = 0,
    TN_FORMAT_I8 = 1,
    TN_FORMAT_U8 = 2,
    TN_FORMAT_I16 = 3,
    TN_FORMAT_U16 = 4,
    TN_FORMAT_I32 = 5,
    TN_FORMAT_U32 = 6,
    TN_FORMAT_I64 = 7,
    TN_FORMAT_U64 = 8,
    TN_FORMAT_F32 = 9,
    TN_FORMAT_F64 = 10
} tn_format;

/* "i32"; for TN_FORMAT_NONE and unlisted numbers "invalid". Never NULL. Any thread. */
TN_API const char *tn_format_name(tn_format format);

/* Bytes of an item; 0 for what is no format. Any thread. */
TN_API size_t tn_format_width(tn_format format);

/* An array: copies items that lie side by side, as in an array of C. */
TN_API tn_value tn_value_array(tn_values *values, tn_format format, const void *items,
                               size_t n_items);

/* A bytearray: bytes that can be changed where they are. Copies. */
TN_API tn_value tn_value_bytearray(tn_values *values, const void *data, size_t size);

/* A tuple of values that exist; it cannot be changed. `items` may be NULL if
 * `n_items` is 0. */
TN_API tn_value tn_value_tuple(tn_values *values, const tn_value *items, size_t n_items);

/* An empty list; see tn_value_append(). */
TN_API tn_value tn_value_list(tn_values *values);

/* An empty deque; see tn_value_append(). If `maxlen` is not negative, it is the most
 * items that the deque will ever have: what is appended to a full one pushes out the
 * item at the other end. More than 2^32 - 2 is TN_ETOO_BIG. */
TN_API tn_value tn_value_deque(tn_values *values, int64_t maxlen);

/* An empty dict; see tn_value_set(). */
TN_API tn_value tn_value_dict(tn_values *values);

/* A record without attributes of a class: a TN_KIND_HANDLE, or in a batch a
 * TN_KIND_RESULT, in the same table. See tn_value_set_attr(). */
TN_API tn_value tn_value_record(tn_values *values, tn_value class_value);

/* An empty set; see tn_value_append(). */
TN_API tn_value tn_value_new_set(tn_values *values);

/* A frozenset of values that exist; it cannot be changed. `members` may be NULL if
 * `n_members` is 0. Equal members are one, which the server sees to. */
TN_API tn_value tn_value_frozenset(tn_values *values, const tn_value *members, size_t n_members);

/* An object that the session holds: a reference to it, not a copy. The table
 * takes a reference of its own to the handle. */
TN_API tn_value tn_value_handle(tn_values *values, tn_handle *handle);

/* In a batch: the object that step number `step` (tn_batch_add()) returns. */
TN_API tn_value tn_value_result(tn_values *values, int step);

/* Appends to a list or deque of the same table, which may be the item itself, or adds
 * to a set. Returns 0, TN_EINVAL, TN_ETYPE if `list` is none of these, or TN_ENOMEM;
 * the table remembers it. What has been appended to a deque beyond its maximum length is
 * left out by the server. */
TN_API int tn_value_append(tn_value list, tn_value item);

/* Adds an entry to a dict. Where the key is there already the server keeps the
 * last one, as Python does. Errors as for tn_value_append(). */
TN_API int tn_value_set(tn_value dict, tn_value key, tn_value value);

/* The same with a str as key. */
TN_API int tn_value_set_str(tn_value dict, const char *key, tn_value value);

/* Adds an attribute to a record. Where it is there already the server keeps the last
 * one. Errors as for tn_value_append(). */
TN_API int tn_value_set_attr(tn_value record, const char *name, tn_value value);

/* Gives a record another class, as for tn_value_record(). A record that you got says
 * only what its class is called: with this it can be sent. */
TN_API int tn_value_set_class(tn_value record, tn_value class_value);

/* Copies a value with all that it refers to, shared and cyclic parts included,
 * into another table. */
TN_API tn_value tn_value_copy(tn_values *values, tn_value value);

/* ---- Reading values. All of it is safe with invalid values. ---- */

TN_API tn_kind tn_value_kind(tn_value value);

static inline bool tn_value_is_valid(tn_value value)
{
    return tn_value_kind(value) != TN_KIND_INVALID;
}

/* Each writes the result and returns 0, or returns TN_ETYPE. A float may also be
 * read from an int. */
TN_API int tn_value_as_bool(tn_value value, bool *ret_truth);
TN_API int tn_value_as_int(tn_value value, int64_t *ret_integer);
TN_API int tn_value_as_float(tn_value value, double *ret_real);

/* The text of a str, NUL-terminated, owned by the table; NULL if it is none.
 * `ret_len` may be NULL. A text from the server is valid UTF-8. */
TN_API const char *tn_value_as_str(tn_value value, size_t *ret_len);

/* The bytes of a bytes, bytearray or str, owned by the table; NULL if it is none. */
TN_API const void *tn_value_as_bytes(tn_value value, size_t *ret_size);

/* The items of an array, aligned, owned by the table; NULL if it is none. (opt)
 * ret_format, ret_n_items. */
TN_API const void *tn_value_as_array(tn_value value, tn_format *ret_format, size_t *ret_n_items);

/* One item of an array. Returns TN_KIND_INT and writes the int, or TN_KIND_FLOAT and
 * writes the float; or TN_ETYPE, TN_EINDEX, or TN_EOVERFLOW for a u64 that is more than an
 * int can be. */
TN_API int tn_value_array_item(tn_value array, size_t index, int64_t *ret_integer,
                               double *ret_real);

/* The handle of a TN_KIND_HANDLE, owned by the table (keep it with
 * tn_handle_ref()); NULL if it is none. */
TN_API tn_handle *tn_value_as_handle(tn_value value);

/* The type of the object behind a handle, where the server told it; otherwise
 * TN_KIND_INVALID. Objects never change their type. */
TN_API tn_kind tn_handle_kind(const tn_handle *handle);

/* Items of a tuple, list, deque or array, members of a set or frozenset, entries of a
 * dict, attributes of a record, bytes of a str, bytes, bytearray or a class's name;
 * otherwise 0. */
TN_API size_t tn_value_len(tn_value value);

/* The maximum length of a deque; -1 if it has none, or is no deque. */
TN_API int64_t tn_value_maxlen(tn_value value);

/* Item number `index` of a tuple, list, deque, set or frozenset; value of entry `index` of a
 * dict, or of attribute `index` of a record. Invalid if it is out of range. */
TN_API tn_value tn_value_item(tn_value value, size_t index);

/* Key of entry `index` of a dict, or name of attribute `index` of a record. Invalid if
 * it is out of range. */
TN_API tn_value tn_value_key(tn_value value, size_t index);

/* The value of the last entry whose key is this str, or of the attribute with this
 * name; invalid if there is none. Looks at every entry. */
TN_API tn_value tn_value_find(tn_value value, const char *key);

/* The class of a record: a TN_KIND_CLASS or TN_KIND_HANDLE where you got the record, and
 * what you gave it otherwise. Invalid if it is no record. */
TN_API tn_value tn_value_class(tn_value record);

/* The name of a TN_KIND_CLASS, or of a record's class, NUL-terminated, owned by the
 * table; NULL if it is neither, or not told. (opt) ret_len. */
TN_API const char *tn_value_class_name(tn_value value, size_t *ret_len);

/* ---- Which object a call is about ---------------------------------------- */

/* Exactly one of the three. Made by the functions below; borrows what it refers to. */
typedef struct tn_target {
    const void *name;
    size_t name_len;
    const tn_handle *handle;
    uint32_t step; /* 1 + the number of the step */
} tn_target;

/* The object that a name refers to. */
static inline tn_target tn_named_n(const void *name, size_t name_len)
{
    tn_target target;

    target.name = name;
    target.name_len = name_len;
    target.handle = NULL;
    target.step = 0;
    return target;
}

static inline tn_target tn_named(const char *name)
{
    size_t len = 0;

    while (name && name[len])
        len++;
    return tn_named_n(name, len);
}

/* The object that a handle refers to. */
static inline tn_target tn_held(const tn_handle *handle)
{
    tn_target target = tn_named_n(NULL, 0);

    target.handle = handle;
    return target;
}

/* In a batch: the object that step number `step` (tn_batch_add()) returns. */
static inline tn_target tn_of_step(int step)
{
    tn_target target = tn_named_n(NULL, 0);

    target.step = step < 0 ? UINT32_MAX : (uint32_t)step + 1;
    return target;
}

/* How much of an object comes back by value. 0: as much as the server's default.
 * What is cut off comes back as handles. NULL in its place is all zeros. */
typedef struct tn_want {
    size_t struct_size;
    bool handle;        /* only a handle to the object: a TN_KIND_HANDLE */
    uint32_t max_depth; /* containers nested deeper than this come as handles */
    uint32_t max_nodes; /* containers beyond this many nodes come as handles */
    uint64_t max_bytes; /* larger str and bytes come as handles */
} tn_want;

#define TN_WANT_INIT                                                                               \
    {                                                                                              \
        sizeof(tn_want), false, 0, 0, 0                                                            \
    }

/* What must hold for a name to be changed. What is zero requires nothing. */
typedef struct tn_require {
    size_t struct_size;
    bool absent;           /* the name is not bound */
    const tn_handle *same; /* it refers to the object of this handle */
    uint64_t version;      /* it has this version */
} tn_require;

#define TN_REQUIRE_INIT                                                                            \
    {                                                                                              \
        sizeof(tn_require), false, NULL, 0                                                         \
    }

/* Whether a name keeps its object alive. */
typedef enum tn_bind_kind {
    TN_BIND_STRONG = 0, /* until it is unbound */
    TN_BIND_WEAK = 1,   /* not at all: the name goes when the object dies */
    TN_BIND_SOFT = 2    /* until the server is short of memory: see tn_lifetime */
} tn_bind_kind;

/*
 * How long a name lasts by itself. What is zero says: for ever.
 *
 * Soft names are for caches. When the heap is full the server unbinds them, those
 * first that have not been looked up for longest, before it refuses anything. A
 * name whose time is over, or whose object is dead, is not bound any more: TN_ENAME.
 */
typedef struct tn_lifetime {
    size_t struct_size;
    tn_bind_kind kind;
    uint64_t ttl_ms; /* unbound after so many milliseconds; 0: never */
} tn_lifetime;

#define TN_LIFETIME_INIT                                                                           \
    {                                                                                              \
        sizeof(tn_lifetime), TN_BIND_STRONG, 0                                                     \
    }

/* What became of a name. Versions of a name only grow. */
typedef struct tn_binding {
    uint64_t version; /* after the change */
    bool existed;     /* whether it was bound before */
} tn_binding;

/* A name that is bound. */
typedef struct tn_name_entry {
    const char *name; /* NUL-terminated; may also hold NULs. Its function says how long it lives. */
    size_t name_len;
    tn_kind type;
    uint64_t version;
    tn_bind_kind kind;
    uint64_t ttl_ms; /* what is left of its time to live; 0: for ever */
} tn_name_entry;

/* ---- Calls --------------------------------------------------------------- */
/*
 * Each sends a request, waits for its answer until the client's deadline, and
 * returns 0 or an error. Besides those that a function names, each can return
 * TN_ESESSION_LOST, TN_EFORKED, TN_ETIMEOUT, TN_ENOMEM, TN_EINVAL, TN_EAGAIN (the
 * window is full of requests that have not been waited for), TN_ETOO_BIG and
 * TN_ESERVER; those that create objects also TN_EMEMORY and TN_EUTF8; those with a
 * target TN_ENAME, TN_EHANDLE and TN_ETYPE.
 * Answers that arrive for other requests meanwhile are kept; their callbacks
 * are called by tn_client_poll() and tn_client_wait() only.
 * A result pointer may be NULL where its name is marked (opt) below.
 */

/* Asks for a sign of life. */
TN_API int tn_client_ping(tn_client *client);

/* Stores a value. The object lives as long as the handle, or longer if it has
 * been referred to meanwhile. The caller releases the handle. */
TN_API int tn_client_put(tn_client *client, tn_value value, tn_handle **ret_handle);

/* Stores a value and binds it to a name. What the name referred to before loses
 * a reference. */
TN_API int tn_client_set(tn_client *client, const char *name, tn_value value);

/* The same, if something holds: TN_EPRECONDITION. `require` may be NULL; (opt)
 * ret_binding, ret_handle. */
TN_API int tn_client_set_if(tn_client *client, const char *name, tn_value value,
                            const tn_require *require, tn_binding *ret_binding,
                            tn_handle **ret_handle);

/* The same with a lifetime, which may be NULL. A weak name needs `ret_handle`, as
 * nothing else would keep the new object. */
TN_API int tn_client_set_as(tn_client *client, const char *name, tn_value value,
                            const tn_lifetime *lifetime, const tn_require *require,
                            tn_binding *ret_binding, tn_handle **ret_handle);

/* Reads an object by value into a table, which keeps what it holds. `want` may be
 * NULL. */
TN_API int tn_client_get(tn_client *client, tn_target target, const tn_want *want,
                         tn_values *values, tn_value *ret_value);

/* Gives an object a name: one more reference to it, never a copy. */
TN_API int tn_client_bind(tn_client *client, const char *name, tn_target target);

/* The same, if something holds: TN_EPRECONDITION. (opt) ret_binding. */
TN_API int tn_client_bind_if(tn_client *client, const char *name, tn_target target,
                             const tn_require *require, tn_binding *ret_binding);

/* The same with a lifetime, which may be NULL. TN_ETYPE: a weak name for a number,
 * none or str. */
TN_API int tn_client_bind_as(tn_client *client, const char *name, tn_target target,
                             const tn_lifetime *lifetime, const tn_require *require,
                             tn_binding *ret_binding);

/* Gives a name another time to live, in milliseconds from now on; 0: for ever. It
 * stays bound as it is, and keeps its version. TN_ENAME. (opt) ret_binding. */
TN_API int tn_client_set_ttl(tn_client *client, const char *name, uint64_t ttl_ms,
                             tn_binding *ret_binding);

/* Removes a name; what it referred to loses a reference. TN_ENAME. */
TN_API int tn_client_unbind(tn_client *client, const char *name);

/* The same, if something holds: TN_EPRECONDITION. (opt) ret_binding. */
TN_API int tn_client_unbind_if(tn_client *client, const char *name, const tn_require *require,
                               tn_binding *ret_binding);

/* A handle to the object that a name refers to. The caller releases it. TN_ENAME.
 * (opt) ret_version: of the name. */
TN_API int tn_client_lookup(tn_client *client, const char *name, tn_handle **ret_handle,
                            uint64_t *ret_version);

/* Tells the server at once which handles have been released, and waits until it
 * has dropped them. (opt) ret_count: how many. */
TN_API int tn_client_release(tn_client *client, uint64_t *ret_count);

/*
 * A handle to the weakref of an object: an object that refers to it without keeping
 * it. It can be stored wherever objects can. Each object has one weakref at a time,
 * which all who ask share. The caller releases the handle. TN_ETYPE for a number,
 * none or str, whose value is what matters, and for a weakref.
 */
TN_API int tn_client_weakref(tn_client *client, tn_target target, tn_handle **ret_handle);

/* Reads the object that a weakref refers to, as tn_client_get() does; none if it is
 * dead, also if a handle was wanted. TN_ETYPE if the target is no weakref. */
TN_API int tn_client_deref(tn_client *client, tn_target weakref, const tn_want *want,
                           tn_values *values, tn_value *ret_value);

/* What an object is. Filled as far as `struct_size` goes. */
typedef struct tn_description {
    size_t struct_size;
    uint64_t identity; /* the same for its whole life; not reused while it lives */
    tn_kind type;
    int64_t refs; /* references to it: those of its owner and of everybody else */
    int64_t refs_local;
    int64_t refs_shared;
    bool immortal;   /* never freed; its references are not counted */
    bool tracked;    /* can be part of a cycle */
    char state[16];  /* "private", "published", "queued" or "merged" */
    uint32_t owner;  /* number of the owning thread; 0: nobody */
    uint64_t length; /* items, attributes, bytes, or characters */
    uint64_t shallow_bytes;
    uint64_t deep_bytes; /* with all that can be reached from it, each object once */
    uint64_t deep_objects;
    bool deep_complete; /* false: adding up was given up at the limit */
    /* Of a class, and of a record's class: its name, cut off if it is longer. */
    char class_name[128];
    tn_bind_kind name_kind; /* if the target is a name: how it is bound, */
    uint64_t name_ttl_ms;   /* and what is left of its time to live; 0: for ever */
} tn_description;

#define TN_DESCRIPTION_INIT                                                                        \
    {                                                                                              \
        sizeof(tn_description), 0, TN_KIND_INVALID, 0, 0, 0, false, false, "", 0, 0, 0, 0, 0,      \
            false, "", TN_BIND_STRONG, 0                                                           \
    }

/* Describes an object; with `deep` also adds up everything that it refers to, at
 * most `max_objects` (0: the server's limit). */
TN_API int tn_client_describe(tn_client *client, tn_target target, bool deep, uint64_t max_objects,
                              tn_description *ret_description);

/* How long and how often an export may be imported. */
typedef struct tn_export_options {
    size_t struct_size;
    uint32_t ttl_ms; /* 0: as long as the server grants */
    bool once;       /* the first import ends the export */
} tn_export_options;

#define TN_EXPORT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(tn_export_options), 0, false                                                        \
    }

/*
 * Exports an object: gives out a token, for which any session of the server gets a
 * handle to it. The export holds the object until its time is over, whatever becomes of
 * the sessions. `options` may be NULL; (opt) ret_ttl_ms: how long that is. TN_ETOO_BIG:
 * there are too many; TN_EUNSUPPORTED: the server exports nothing.
 */
TN_API int tn_client_export(tn_client *client, tn_target target, const tn_export_options *options,
                            tn_token *ret_token, uint32_t *ret_ttl_ms);

/* A handle to an exported object. The caller releases it. TN_ENAME: there is no such
 * export, or not any more. */
TN_API int tn_client_import(tn_client *client, const tn_token *token, tn_handle **ret_handle);

/* Ends an export; what was imported stays. (opt) ret_existed: whether there was one. */
TN_API int tn_client_revoke(tn_client *client, const tn_token *token, bool *ret_existed);

/* Who holds an object, as far as the server finds out at little cost. Made by the
 * library, which may append fields. */
typedef struct tn_handle_holder {
    uint64_t session;
    uint64_t handles; /* of the session that refer to the object */
    bool leased;      /* the session has lost its connection, and is kept */
} tn_handle_holder;

typedef struct tn_export_holder {
    uint64_t session; /* that has exported it */
    uint64_t remaining_ms;
    bool once;
} tn_export_holder;

typedef struct tn_holders {
    size_t n_names; /* at most 100 of names_total */
    const tn_name_entry *names;
    uint64_t names_total;
    bool names_complete; /* all names of the namespace were looked at */
    size_t n_sessions;
    const tn_handle_holder *sessions;
    bool sessions_complete; /* false: another worker of the server may know of more */
    size_t n_exports;       /* at most 100 of exports_total */
    const tn_export_holder *exports;
    uint64_t exports_total;
    int64_t unexplained; /* references that are none of these: other objects above all */
} tn_holders;

/* Asks who holds an object. The caller frees the result. */
TN_API int tn_client_holders(tn_client *client, tn_target target, tn_holders **ret_holders);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_holders_free(tn_holders **holders);

/* Items of a container or array, bytes of a bytes, characters of a str. TN_ETYPE. */
TN_API int tn_client_length(tn_client *client, tn_target target, uint64_t *ret_length);

/* Whether a tuple, list, deque, set or frozenset contains a value, a dict a key, or an
 * array a number; a bytearray may also contain a bytes or bytearray, as a whole. */
TN_API int tn_client_contains(tn_client *client, tn_target target, tn_value value,
                              bool *ret_contained);

/* ---- Lists. Indices count from the end if they are negative. ---- */

/* One item, also of a tuple or deque. TN_EINDEX. */
TN_API int tn_client_list_get(tn_client *client, tn_target list, int64_t index, const tn_want *want,
                              tn_values *values, tn_value *ret_value);

/* Replaces an item, also of a deque. TN_EINDEX. */
TN_API int tn_client_list_set(tn_client *client, tn_target list, int64_t index, tn_value value);

/* (opt) ret_length here and below: the length afterwards. */
TN_API int tn_client_list_append(tn_client *client, tn_target list, tn_value value,
                                 uint64_t *ret_length);

/* Appends the items of a list, tuple or deque. */
TN_API int tn_client_list_extend(tn_client *client, tn_target list, tn_value items,
                                 uint64_t *ret_length);

/* Inserts before `index`; beyond the ends it inserts at the end, as in Python. */
TN_API int tn_client_list_insert(tn_client *client, tn_target list, int64_t index, tn_value value,
                                 uint64_t *ret_length);

/* Removes an item. TN_EINDEX. */
TN_API int tn_client_list_delete(tn_client *client, tn_target list, int64_t index,
                                 uint64_t *ret_length);

/* Removes an item and returns it. TN_EINDEX. */
TN_API int tn_client_list_pop(tn_client *client, tn_target list, int64_t index, const tn_want *want,
                              tn_values *values, tn_value *ret_value);

/* As `stop`: up to the end; or, where a step is negative, up to the beginning. As `start`
 * with a negative step: from the end. */
#define TN_TO_END INT64_MAX

/* The items from `start` up to, and without, `stop`; also of a tuple, the characters of a
 * str, the bytes of a bytes. */
TN_API int tn_client_list_slice(tn_client *client, tn_target list, int64_t start, int64_t stop,
                                const tn_want *want, tn_values *values, tn_value *ret_value);

/* The same with a step, as Python's list[start:stop:step]; a step of 0 means 1. */
TN_API int tn_client_list_get_slice(tn_client *client, tn_target list, int64_t start, int64_t stop,
                                    int64_t step, const tn_want *want, tn_values *values,
                                    tn_value *ret_value);

/* Puts the items of a list, tuple or deque in the place of a slice, at one moment. If the
 * step is 1 there may be more or fewer of them; otherwise as many as the slice has, or it
 * is TN_EINVAL. */
TN_API int tn_client_list_set_slice(tn_client *client, tn_target list, int64_t start, int64_t stop,
                                    int64_t step, tn_value items, uint64_t *ret_length);

/* Removes the items of a slice, at one moment. */
TN_API int tn_client_list_delete_slice(tn_client *client, tn_target list, int64_t start,
                                       int64_t stop, int64_t step, uint64_t *ret_length);

/* ---- Deques. Either end costs the same, however many items there are. ---- */

typedef enum tn_end {
    TN_RIGHT = 0,
    TN_LEFT = 1
} tn_end;

/* Adds an item. If the deque has reached its maximum length, the item at the other end
 * is dropped, as in Python. */
TN_API int tn_client_deque_push(tn_client *client, tn_target deque, tn_end end, tn_value value,
                                uint64_t *ret_length);

/* Removes an item and returns it. TN_EINDEX: there is none. */
TN_API int tn_client_deque_pop(tn_client *client, tn_target deque, tn_end end, const tn_want *want,
                               tn_values *values, tn_value *ret_value);

/* Adds the items of a list, tuple or deque one after the other; so on the left they
 * end up in reverse. All at one moment. */
TN_API int tn_client_deque_extend(tn_client *client, tn_target deque, tn_end end, tn_value items,
                                  uint64_t *ret_length);

/* Moves `n` items from the right end to the left; the other way if `n` is negative. */
TN_API int tn_client_deque_rotate(tn_client *client, tn_target deque, int64_t n);

/* Removes all items. */
TN_API int tn_client_deque_clear(tn_client *client, tn_target deque);

/* ---- Dicts. A key that is a list, dict, set or deque is TN_EUNHASHABLE. ---- */

/* TN_EKEY. */
TN_API int tn_client_dict_get(tn_client *client, tn_target dict, tn_value key, const tn_want *want,
                              tn_values *values, tn_value *ret_value);

TN_API int tn_client_dict_set(tn_client *client, tn_target dict, tn_value key, tn_value value);

/* TN_EKEY. */
TN_API int tn_client_dict_delete(tn_client *client, tn_target dict, tn_value key);

/* Removes an entry and returns its value. TN_EKEY. */
TN_API int tn_client_dict_pop(tn_client *client, tn_target dict, tn_value key, const tn_want *want,
                              tn_values *values, tn_value *ret_value);

/* ---- Arrays and bytearrays ---- */
/*
 * The items of an array are numbers of its format: TN_ETYPE for a float where they are
 * whole, TN_EOVERFLOW for what does not fit. A u64 beyond INT64_MAX is no int: it can be
 * read and written as raw items only. What is given to extend or replace is an array,
 * bytearray, bytes, or a list or tuple of numbers. Indices count from the end if they
 * are negative; positions of ranges are also clipped, as Python's are, so that
 * TN_FROM_START and TN_TO_END are the ends.
 */
#define TN_FROM_START INT64_MIN

/* TN_EINDEX. */
TN_API int tn_client_array_get(tn_client *client, tn_target array, int64_t index, tn_values *values,
                               tn_value *ret_value);

/* TN_EINDEX. */
TN_API int tn_client_array_set(tn_client *client, tn_target array, int64_t index, tn_value number);

/* Adds to an item; nobody comes in between. TN_EINDEX, TN_EOVERFLOW. (opt) values with
 * ret_value: what the item is then. */
TN_API int tn_client_array_add(tn_client *client, tn_target array, int64_t index, tn_value number,
                               tn_values *values, tn_value *ret_value);

/* (opt) ret_length here and below: the length afterwards. */
TN_API int tn_client_array_append(tn_client *client, tn_target array, tn_value number,
                                  uint64_t *ret_length);
TN_API int tn_client_array_extend(tn_client *client, tn_target array, tn_value items,
                                  uint64_t *ret_length);

/* Inserts before `index`; beyond the ends it inserts at the end, as in Python. */
TN_API int tn_client_array_insert(tn_client *client, tn_target array, int64_t index,
                                  tn_value number, uint64_t *ret_length);

/* Removes an item. TN_EINDEX. */
TN_API int tn_client_array_delete(tn_client *client, tn_target array, int64_t index,
                                  uint64_t *ret_length);

/* Removes an item and returns it. TN_EINDEX. */
TN_API int tn_client_array_pop(tn_client *client, tn_target array, int64_t index, tn_values *values,
                               tn_value *ret_value);

/* A new array of every `step`-th item (0: 1) from `start` to before `stop`. A handle to
 * it, if that is wanted. */
TN_API int tn_client_array_slice(tn_client *client, tn_target array, int64_t start, int64_t stop,
                                 int64_t step, const tn_want *want, tn_values *values,
                                 tn_value *ret_value);

/* Replaces these items; if the step is not 1, by as many others: TN_EINVAL. */
TN_API int tn_client_array_replace(tn_client *client, tn_target array, int64_t start, int64_t stop,
                                   int64_t step, tn_value items, uint64_t *ret_length);

/* Sets all items from `start` to before `stop`. */
TN_API int tn_client_array_fill(tn_client *client, tn_target array, int64_t start, int64_t stop,
                                tn_value number);

/* The sum of all items is 0 if there are none; the least and the greatest of none are
 * TN_EINDEX. Of floats, nan is both. TN_EOVERFLOW: more than an int can be. */
TN_API int tn_client_array_sum(tn_client *client, tn_target array, tn_values *values,
                               tn_value *ret_value);
TN_API int tn_client_array_min(tn_client *client, tn_target array, tn_values *values,
                               tn_value *ret_value);
TN_API int tn_client_array_max(tn_client *client, tn_target array, tn_values *values,
                               tn_value *ret_value);

/* Where an item is, the first one from `start` on. In a bytearray a bytes or bytearray is
 * looked for as a whole. TN_EKEY: nowhere. */
TN_API int tn_client_array_index(tn_client *client, tn_target array, tn_value value, int64_t start,
                                 uint64_t *ret_index);

/* What a range of raw content is. The data is valid until the next call on the client. */
typedef struct tn_range {
    const void *data; /* items side by side, little-endian; not aligned */
    size_t size;      /* bytes */
    uint32_t crc32c;  /* of the data; has been checked */
    tn_kind kind;     /* str, bytes, bytearray or array */
    tn_format format; /* of an array or bytearray */
    uint64_t length;  /* of the whole object when it was read, in items; of a str, bytes */
} tn_range;

/* Reads the raw content of a str, bytes, bytearray or array, from item `first` on, at most
 * `count` items and 1 MiB; nothing only if it does not reach that far. */
TN_API int tn_client_read(tn_client *client, tn_target target, uint64_t first, uint64_t count,
                          tn_range *ret_range);

/* Overwrites items of an array or bytearray with raw ones, from item `first` on; what goes
 * beyond the end is appended. TN_EINDEX if it would begin behind the end. */
TN_API int tn_client_write(tn_client *client, tn_target array, uint64_t first, const void *data,
                           size_t size, uint64_t *ret_length);

/* ---- Streams: large bytes, bytearrays and arrays, piece by piece ---- */
/*
 * A few chunks of 256 KiB are in flight, each with a checksum, and a call waits for
 * answers when there are as many as may be: so neither side holds more than a window
 * besides the object itself. Several streams and other calls can be in use at once.
 * After an error only closing makes sense.
 */
#define TN_SIZE_UNKNOWN UINT64_MAX

typedef struct tn_upload tn_upload;

/*
 * Begins to fill a bytes, bytearray or array (of `format`, which is ignored otherwise) of
 * `size` bytes. With the size the server takes the memory at once, and no more than that;
 * with TN_SIZE_UNKNOWN it copies the object as it grows. Waits for the server. TN_EMEMORY:
 * the object does not fit into its memory. The upload must be closed before its client.
 */
TN_API int tn_upload_open(tn_client *client, tn_kind kind, tn_format format, uint64_t size,
                          tn_upload **ret_upload);

/* Appends. Waits if as many chunks are in flight as may be. Errors also are those of
 * earlier chunks. TN_EMEMORY: the server has given the upload up. */
TN_API int tn_upload_write(tn_upload *upload, const void *data, size_t size);

/* Waits until everything has been received and checked. The object lives as long as the
 * handle, which the caller releases, or as something else refers to it. */
TN_API int tn_upload_finish(tn_upload *upload, tn_handle **ret_handle);

/* Bytes that the server has confirmed, and the CRC-32C of all that was written. Safe
 * with NULL (0). */
TN_API uint64_t tn_upload_confirmed(const tn_upload *upload);
TN_API uint32_t tn_upload_crc32c(const tn_upload *upload);

/* Gives the upload up unless it is finished. Does not wait. Leaves NULL behind; accepts
 * NULL. */
TN_API void tn_upload_close(tn_upload **upload);

typedef struct tn_download tn_download;

/* Begins to read the raw content of a str, bytes, bytearray or array, which stays alive
 * meanwhile. Waits for the server. The download must be closed before its client. */
TN_API int tn_download_open(tn_client *client, tn_target target, tn_download **ret_download);

/* The next piece; valid until the next call on the download. 1, 0 at the end, or an error.
 * TN_ESTALE: the object has become shorter or longer meanwhile. Waits. */
TN_API TN_CHECKED int tn_download_next(tn_download *download, const void **ret_data,
                                       size_t *ret_size);

/* Bytes of the whole content; the type of the object; the format of an array or
 * bytearray. Safe with NULL. */
TN_API uint64_t tn_download_size(const tn_download *download);
TN_API tn_kind tn_download_kind(const tn_download *download);
TN_API tn_format tn_download_format(const tn_download *download);

/* The CRC-32C of all pieces so far. Safe with NULL (0). */
TN_API uint32_t tn_download_crc32c(const tn_download *download);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_download_close(tn_download **download);

/* ---- Classes and records. TN_EKEY: no such attribute, or no value in its slot ---- */

/* What a class is to be. Names have 1 to 1024 bytes and are UTF-8. */
typedef struct tn_class_spec {
    size_t struct_size;
    const char *name; /* told apart by identity: others may have the same name */
    const char *const *slots;
    size_t n_slots; /* at most 64 with those of the base */
    tn_target base; /* all zeros: none; its slots come first and need not be given */
    bool has_dict;  /* records also take attributes without a slot; inherited */
    /* The death of a record is an event (TN_EVENT_FINALIZED); inherited. What is in a
     * slot `label`, if it is a str, is told, too. A record is 8 bytes larger. */
    bool has_finalizer;
} tn_class_spec;

#define TN_CLASS_SPEC_INIT                                                                         \
    {                                                                                              \
        sizeof(tn_class_spec), NULL, NULL, 0, { NULL, 0, NULL, 0 }, false, false                   \
    }

/* Makes a class, which lives as long as the handle or anything else that refers to
 * it: give it a name with tn_client_bind(). The caller releases the handle. */
TN_API int tn_client_class_declare(tn_client *client, const tn_class_spec *spec,
                                   tn_handle **ret_handle);

/* What a class is. Made by the library, which may append fields. */
typedef struct tn_class_info {
    const char *name;
    uint64_t identity;
    const char *base_name; /* NULL: there is no base */
    uint64_t base_identity;
    size_t n_slots;
    size_t n_inherited; /* of these: the base's; they come first */
    const char *const *slots;
    bool has_dict;
    bool has_finalizer;
    uint64_t record_bytes; /* what a record occupies, without what it refers to */
    uint64_t records;      /* how many there are of exactly this class */
} tn_class_info;

/* Describes a class, or the class of a record. The caller frees the result. */
TN_API int tn_client_class_describe(tn_client *client, tn_target target, tn_class_info **ret_info);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_class_info_free(tn_class_info **info);

/* Makes a record of a class. `attributes` is a dict of attributes by name, or a tuple
 * or list of the values of the slots in order; all zeros: none have a value yet. The
 * caller releases the handle. */
TN_API int tn_client_record_new(tn_client *client, tn_target class_target, tn_value attributes,
                                tn_handle **ret_handle);

/* Reads an attribute; "__class__" is the class. */
TN_API int tn_client_attr_get(tn_client *client, tn_target record, const char *name,
                              const tn_want *want, tn_values *values, tn_value *ret_value);

TN_API int tn_client_attr_set(tn_client *client, tn_target record, const char *name,
                              tn_value value);

TN_API int tn_client_attr_delete(tn_client *client, tn_target record, const char *name);

/* ---- Sets. A member that is a list, dict or set is TN_EUNHASHABLE. ---- */

/* Adds a member. (opt) ret_is_new: whether it was not there. */
TN_API int tn_client_set_add(tn_client *client, tn_target set, tn_value member, bool *ret_is_new);

/* Removes a member if it is there. (opt) ret_was_there. */
TN_API int tn_client_set_discard(tn_client *client, tn_target set, tn_value member,
                                 bool *ret_was_there);

/* Removes a member. TN_EKEY. */
TN_API int tn_client_set_remove(tn_client *client, tn_target set, tn_value member);

/* Removes the member that has been there for the longest time, and returns it.
 * TN_EKEY: the set is empty. */
TN_API int tn_client_set_pop(tn_client *client, tn_target set, const tn_want *want,
                             tn_values *values, tn_value *ret_value);

/* Removes all members: at once up to 65536, in parts if there are more. */
TN_API int tn_client_set_clear(tn_client *client, tn_target set);

typedef enum tn_set_operation {
    TN_SET_UNION = 1,
    TN_SET_INTERSECTION = 2,
    TN_SET_DIFFERENCE = 3,
    TN_SET_SYMMETRIC_DIFFERENCE = 4,
    TN_SET_COPY = 5 /* tn_client_set_new() only: the left operand alone */
} tn_set_operation;

typedef enum tn_set_relation {
    TN_SET_SUBSET = 1,   /* all of the left is in the right */
    TN_SET_SUPERSET = 2, /* all of the right is in the left */
    TN_SET_DISJOINT = 3  /* they have nothing in common */
} tn_set_relation;

/*
 * Makes a new set or frozenset of a set or frozenset and another container: a set,
 * frozenset, list, tuple or dict (its keys), built or on the server
 * (tn_value_handle()). For TN_SET_COPY `left` may be any of these, and `right` is
 * not used. `kind` is TN_KIND_SET, TN_KIND_FROZENSET or TN_KIND_INVALID: that of the
 * left operand, or else a set. Ask for a handle (tn_want) to keep what is made.
 *
 * An operand of up to 1024 items is read at one moment. Of a larger one, what is
 * there throughout is seen, and what comes or goes meanwhile may be seen or not.
 * TN_ETYPE; TN_ETOO_BIG if there are more items than one request goes through.
 */
TN_API int tn_client_set_new(tn_client *client, tn_target left, tn_set_operation operation,
                             tn_value right, tn_kind kind, const tn_want *want, tn_values *values,
                             tn_value *ret_value);

/* Changes a set to what the operation makes of it and another container, which is
 * read first, as above; then all is done as one change. TN_ETOO_BIG if that would
 * look at more than 65536 members: of the right operand, or of the set for
 * TN_SET_INTERSECTION. (opt) ret_length: the length afterwards. */
TN_API int tn_client_set_update(tn_client *client, tn_target set, tn_set_operation operation,
                                tn_value right, uint64_t *ret_length);

/* Whether a set or frozenset is in a relation to another container, read as above. */
TN_API int tn_client_set_compare(tn_client *client, tn_target left, tn_set_relation relation,
                                 tn_value right, bool *ret_holds);

/* ---- Scans --------------------------------------------------------------- */
/*
 * What was there throughout a scan comes exactly once; what came or went
 * meanwhile may come or not. Nothing on the server is locked or kept. Pages are
 * fetched when they are needed: `next` may wait for the server.
 */

typedef struct tn_name_iter tn_name_iter;

/* Scans the names that begin with `prefix` (NULL: all). Sends nothing yet. The
 * client must live as long as steps are made; not until the iterator is closed. */
TN_API int tn_name_iter_open(tn_client *client, const char *prefix, tn_name_iter **ret_iter);

/* 1 and an entry, valid until the next call, 0 at the end, or an error. */
TN_API TN_CHECKED int tn_name_iter_next(tn_name_iter *iter, tn_name_entry *ret_entry);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_name_iter_close(tn_name_iter **iter);

typedef struct tn_dict_iter tn_dict_iter;

/* Scans a dict in insertion order. Sends nothing yet; the target and `want`, which
 * is for each value and may be NULL, are kept. */
TN_API int tn_dict_iter_open(tn_client *client, tn_target dict, bool keys_only, const tn_want *want,
                             tn_dict_iter **ret_iter);

/* The same for the attributes of a record that have a value: slots in their order, then
 * the others in the order in which they were set. Their names are the keys. The slots
 * of a page are as they were at one moment. */
TN_API int tn_attr_iter_open(tn_client *client, tn_target record, bool keys_only,
                             const tn_want *want, tn_dict_iter **ret_iter);

/* 1 and an entry, 0 at the end, or an error; TN_ESTALE. The values belong to the
 * iterator and are valid until the next call (copy them with tn_value_copy()).
 * `ret_value` may be NULL, and becomes invalid if only keys are scanned. */
TN_API TN_CHECKED int tn_dict_iter_next(tn_dict_iter *iter, tn_value *ret_key, tn_value *ret_value);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_dict_iter_close(tn_dict_iter **iter);

typedef struct tn_set_iter tn_set_iter;

/* Scans a set or frozenset in the order in which members were added; else as
 * tn_dict_iter_open(). */
TN_API int tn_set_iter_open(tn_client *client, tn_target set, const tn_want *want,
                            tn_set_iter **ret_iter);

/* 1 and a member, 0 at the end, or an error. The member belongs to the iterator and
 * is valid until the next call. */
TN_API TN_CHECKED int tn_set_iter_next(tn_set_iter *iter, tn_value *ret_member);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_set_iter_close(tn_set_iter **iter);

typedef struct tn_deque_iter tn_deque_iter;

/* Scans a deque from left to right; the same otherwise. What is pushed and popped at
 * either end meanwhile does not disturb it. An item that is rotated is one that goes
 * and one that comes. */
TN_API int tn_deque_iter_open(tn_client *client, tn_target deque, const tn_want *want,
                              tn_deque_iter **ret_iter);

/* 1 and an item, 0 at the end, or an error. The value belongs to the iterator, as above. */
TN_API TN_CHECKED int tn_deque_iter_next(tn_deque_iter *iter, tn_value *ret_item);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_deque_iter_close(tn_deque_iter **iter);

/* ---- Events -------------------------------------------------------------- */
/*
 * A subscription tells of what happens in the server's heap, as it happens: to a
 * function, or one by one to who asks. Events carry metadata only: what has died
 * cannot be got back through them.
 *
 * A subscriber that is slow loses events and nothing else: up to the queue's limit
 * they wait in the server, up to 1 MiB that has come waits here, and the rest is
 * a TN_EVENT_GAP that says how many were lost. Who takes nothing at all from the
 * connection for the server's write-timeout loses the session.
 */

typedef enum tn_event_kind {   /* tells, besides kind and sequence: */
    TN_EVENT_GAP = 0,          /* lost, unseen */
    TN_EVENT_FINALIZED = 1,    /* class_name, label, identity, age_ms, size_bytes */
    TN_EVENT_WEAKREF_DEAD = 2, /* identity, target_identity */
    TN_EVENT_NAME_BOUND = 3,   /* namespace_name, name, version; also the next three */
    TN_EVENT_NAME_CHANGED = 4,
    TN_EVENT_NAME_REMOVED = 5,
    TN_EVENT_NAME_EXPIRED = 6,
    TN_EVENT_COLLECTION_STARTED = 7,  /* cause, collector, generation */
    TN_EVENT_COLLECTION_FINISHED = 8, /* the same; examined, freed, pauses; all times */
    TN_EVENT_MEMORY_LOW = 9,          /* held_bytes, limit_bytes */
    TN_EVENT_MEMORY_RECOVERED = 10    /* the same */
} tn_event_kind;

/* A kind in a mask of kinds. */
#define TN_EVENT_BIT(kind) (UINT32_C(1) << (kind))

/* "name-bound"; for a number that is not listed "unknown". Never NULL. Any thread. */
TN_API const char *tn_event_kind_name(tn_event_kind kind);

/* One event. Texts are NUL-terminated, may also hold NULs, and are never NULL. Made
 * by the library, which may append fields. */
typedef struct tn_event {
    tn_event_kind kind;
    /* Counts the subscription's events from 1; after a gap it is `lost` further on. */
    uint64_t sequence;
    const char *class_name;
    size_t class_name_len;
    const char *label;
    size_t label_len;
    uint64_t identity; /* as tn_description has it */
    uint64_t target_identity;
    uint64_t age_ms; /* 0 also if it is not known */
    uint64_t size_bytes;
    const char *namespace_name;
    size_t namespace_name_len;
    const char *name;
    size_t name_len;
    uint64_t version;
    const char *cause;     /* "request", "threshold", "growth", "memory" */
    const char *collector; /* "generational", "concurrent" */
    uint32_t generation;
    uint64_t examined; /* containers, and the next one, too */
    uint64_t freed;
    uint64_t pauses;   /* how often a worker was kept from its work */
    uint64_t pause_ns; /* all of them together */
    uint64_t longest_pause_ns;
    uint64_t duration_ns;
    uint64_t held_bytes;
    uint64_t limit_bytes;
    uint64_t lost;   /* events of this subscription that found no room */
    uint64_t unseen; /* events of any kind that nobody has looked at: at most so many more */
} tn_event;

typedef struct tn_subscribe_options {
    size_t struct_size;     /* set by TN_SUBSCRIBE_OPTIONS_INIT */
    uint32_t kinds;         /* a mask of TN_EVENT_BIT(); 0: all */
    const char *prefix;     /* of names; NULL: any */
    const char *class_name; /* of objects that are finalized; NULL: any */
    uint32_t queue_limit;   /* how many may wait in the server; 0: its default, 1024 */
    bool all_namespaces;    /* also names of other namespaces than the session's */
} tn_subscribe_options;

#define TN_SUBSCRIBE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(tn_subscribe_options), 0, NULL, NULL, 0, false                                      \
    }

typedef struct tn_subscription tn_subscription;

/*
 * Called for each event, in tn_client_poll(), _wait() and _close() only. The event is
 * valid until it returns or unsubscribes. It may do what a tn_reply_fn may, and
 * unsubscribe. NULL in place of the event, once: the session is lost, nothing more
 * comes.
 */
typedef void tn_event_fn(tn_subscription *subscription, const tn_event *event, void *arg);

/*
 * Subscribes. Waits for the server, and tells of what happens from then on. Without
 * `fn` events are asked for with tn_events_next(). `options` may be NULL: all events.
 * The caller ends it with tn_client_unsubscribe(). TN_EINVAL; TN_ETOO_BIG: there are as
 * many subscriptions, or as long ones, as there may be.
 */
TN_API TN_CHECKED int tn_client_subscribe(tn_client *client, const tn_subscribe_options *options,
                                          tn_event_fn *fn, void *arg,
                                          tn_subscription **ret_subscription);

/*
 * 1 and the next event, which is valid until the next call on the subscription; 0 if
 * none has come for `timeout_ms` (0: only what is there; TN_WAIT_FOREVER); or an error:
 * TN_ESESSION_LOST once all that came before has been told. Not for a subscription
 * with a function (TN_EINVAL).
 */
TN_API TN_CHECKED int tn_events_next(tn_subscription *subscription, uint32_t timeout_ms,
                                     const tn_event **ret_event);

/*
 * Ends a subscription and frees it, also if an error is returned; what had not been
 * told is dropped. Waits for the server, unless the session is over. Leaves NULL
 * behind; accepts NULL.
 */
TN_API int tn_client_unsubscribe(tn_subscription **subscription);

/* The number that the subscription has in tn_info.own_subscriptions. Safe with NULL (0). */
TN_API uint64_t tn_subscription_id(const tn_subscription *subscription);

/* ---- The server ---------------------------------------------------------- */

/* How a subscription is doing. */
typedef struct tn_subscription_info {
    uint64_t id;
    uint64_t sent;
    uint64_t behind; /* events that wait in the server */
    uint64_t lost;   /* these two as in tn_event, all of them together */
    uint64_t unseen;
    uint32_t queue_limit;
} tn_subscription_info;

#define TN_INFO_TYPES 16

/* What the server is doing and holding. Made by the library, which may append fields. */
typedef struct tn_info {
    const char *version;
    const char *mode;
    uint64_t pid;
    uint64_t uptime_ms;
    uint32_t workers;
    uint64_t connections;
    uint64_t connections_total;
    uint64_t connections_refused;
    uint64_t handles;
    uint64_t names;
    size_t n_namespaces;
    const char *const *namespaces;
    uint64_t live_objects; /* to which something refers */
    uint64_t live_bytes;
    uint64_t held_bytes; /* what the allocator holds for them */
    uint64_t max_memory_bytes;
    uint64_t rss_bytes;
    uint64_t limbo_objects; /* dead, waiting to be freed */
    uint64_t limbo_bytes;
    uint64_t tracked_containers;
    uint64_t objects_by_type[TN_INFO_TYPES]; /* indexed by tn_kind */
    uint64_t requests;
    uint64_t requests_failed;
    uint64_t bytes_received;
    uint64_t bytes_sent;
    uint64_t merges_queued;
    uint64_t merges_claimed;
    uint64_t grace_periods;
    uint64_t gil_switches;
    uint64_t gil_forced;
    uint64_t requests_deferred_for_memory;
    uint64_t weakrefs_cleared;   /* because their objects died */
    uint64_t names_gone;         /* because their time was over or their object dead */
    uint64_t names_dropped;      /* soft ones, because memory was short */
    uint64_t leased_sessions;    /* without a connection, kept for their clients */
    uint64_t leased_handles;     /* held by these */
    uint64_t lease_remaining_ms; /* until the first of them is given up */
    uint64_t subscriptions;      /* of all sessions, and these four of all of them */
    uint64_t events_sent;
    uint64_t events_behind;
    uint64_t events_lost;
    uint64_t events_unseen;
    size_t n_own_subscriptions; /* of this session */
    const tn_subscription_info *own_subscriptions;
} tn_info;

/* Asks the server. The caller frees the result. */
TN_API int tn_client_info(tn_client *client, tn_info **ret_info);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_info_free(tn_info **info);

/* ---- Collecting cycles --------------------------------------------------- */

#define TN_GC_GENERATION_COUNT 3

typedef enum tn_gc_collector {
    TN_GC_COLLECTOR_KEEP = 0, /* in a request: the one that there is */
    TN_GC_COLLECTOR_NONE = 1,
    TN_GC_COLLECTOR_GENERATIONAL = 2,
    TN_GC_COLLECTOR_CONCURRENT = 3
} tn_gc_collector;

/* "none", "generational", "concurrent"; "?" for anything else. Never NULL. */
TN_API const char *tn_gc_collector_name(tn_gc_collector collector);

/* What a collection has done. */
typedef struct tn_gc_result {
    uint64_t number; /* of the newest request that it answers; 0: there has been none */
    tn_gc_collector collector;
    char cause[16]; /* "request", "growth" or "memory" */
    uint32_t generation;
    uint64_t examined;  /* containers that were looked at */
    uint64_t collected; /* containers that were found unreachable */
    uint64_t duration_ns;
    uint64_t longest_pause_ns; /* for which a worker was kept from its work at once */
} tn_gc_result;

typedef struct tn_gc_info {
    size_t struct_size; /* set by TN_GC_INFO_INIT */
    uint64_t
        number; /* of the collection that was asked for; 0: none was, or there is no collector */
    uint64_t completed; /* requests that have been answered: all up to this number */
    tn_gc_collector collector;
    bool automatic; /* collections begin by themselves */
    uint32_t thresholds[TN_GC_GENERATION_COUNT];
    uint64_t counts[TN_GC_GENERATION_COUNT]; /* as Python's gc.get_count() */
    uint64_t collections[TN_GC_GENERATION_COUNT];
    uint64_t examined[TN_GC_GENERATION_COUNT];
    uint64_t collected[TN_GC_GENERATION_COUNT];
    tn_gc_result last;
    uint64_t longest_pause_ns;
    uint64_t longest_safepoint_wait_ns; /* until all workers had answered the collector */
} tn_gc_info;

#define TN_GC_INFO_INIT                                                                            \
    {                                                                                              \
        sizeof(tn_gc_info), 0, 0, TN_GC_COLLECTOR_KEEP, false, { 0 }, { 0 }, { 0 }, { 0 }, { 0 },  \
            { 0, TN_GC_COLLECTOR_KEEP, "", 0, 0, 0, 0, 0 }, 0, 0                                   \
    }

/* What the collector is asked and told; all zeros but the first: nothing. */
typedef struct tn_gc_request {
    size_t struct_size; /* set by TN_GC_REQUEST_INIT */
    bool collect;       /* ask for a collection of `generation` and the younger ones */
    uint32_t generation;
    bool set_automatic; /* change what follows */
    bool automatic;
    bool set_thresholds;
    uint32_t thresholds[TN_GC_GENERATION_COUNT];
    tn_gc_collector collector; /* TN_GC_COLLECTOR_KEEP: no other */
} tn_gc_request;

#define TN_GC_REQUEST_INIT                                                                         \
    {                                                                                              \
        sizeof(tn_gc_request), false, 0, false, false, false, { 0 }, TN_GC_COLLECTOR_KEEP          \
    }

/* Asks and tells, and returns how things stand; does not wait for a collection.
 * `request` and `ret_info` may be NULL. TN_EINVAL: there is no such generation. */
TN_API int tn_client_gc(tn_client *client, const tn_gc_request *request, tn_gc_info *ret_info);

/*
 * Collects a generation (0 to 2) and the younger ones, and waits until that is done:
 * the server is asked again every few milliseconds. The result may be of a later
 * collection, if others asked for one meanwhile. TN_EUNSUPPORTED: the server's
 * collector is `none`.
 */
TN_API int tn_client_gc_collect(tn_client *client, uint32_t generation, tn_gc_result *ret_result);

/* ---- Calls as data ------------------------------------------------------- */

typedef enum tn_op_code {   /* uses, besides timeout_ms:            answer: */
    TN_OP_PING = 1,         /* data, data_size                      data */
    TN_OP_PUT = 2,          /* value                                handle */
    TN_OP_SET = 3,          /* name, value, require, want->handle, lifetime
                                                                    binding, handle */
    TN_OP_GET = 4,          /* target, want                         value */
    TN_OP_BIND = 5,         /* name, target, require, lifetime      binding */
    TN_OP_UNBIND = 6,       /* name, require                        binding */
    TN_OP_LOOKUP = 7,       /* name                                 handle, version */
    TN_OP_DESCRIBE = 8,     /* target, deep, limit, holders         description, holders */
    TN_OP_LENGTH = 9,       /* target                               count */
    TN_OP_CONTAINS = 10,    /* target, value                        truth */
    TN_OP_LIST_GET = 11,    /* target, index, want                  value */
    TN_OP_LIST_SET = 12,    /* target, index, value                 count */
    TN_OP_LIST_APPEND = 13, /* target, value                        count */
    TN_OP_LIST_EXTEND = 14, /* target, value                        count */
    TN_OP_LIST_INSERT = 15, /* target, index, value                 count */
    TN_OP_LIST_DELETE = 16, /* target, index                        count */
    TN_OP_LIST_POP = 17,    /* target, index, want                  value */
    TN_OP_LIST_SLICE = 18,  /* target, index, stop, step, want      value */
    TN_OP_DICT_GET = 19,    /* target, key, want                    value */
    TN_OP_DICT_SET = 20,    /* target, key, value                   count */
    TN_OP_DICT_DELETE = 21, /* target, key                          count */
    TN_OP_DICT_POP = 22,    /* target, key, want                    value */
    TN_OP_SCAN_NAMES = 23,  /* name (prefix), cursor, limit         names, cursor */
    TN_OP_SCAN_DICT = 24,   /* target, cursor, limit, keys_only, want
                                                                    value (list), cursor */
    TN_OP_INFO = 25,        /* nothing                              info */
    TN_OP_BATCH = 26,       /* batch                                steps */
    TN_OP_WEAKREF_NEW = 27, /* target                               handle */
    TN_OP_WEAKREF_GET = 28, /* target, want                         value */
    TN_OP_SET_TTL = 29,     /* name, lifetime->ttl_ms               binding */
    TN_OP_ARRAY_MIN = 30,   /* target                               value */
    TN_OP_ARRAY_MAX = 31,   /* target                               value */

    TN_OP_SET_ADD = 40,     /* target, value                        truth */
    TN_OP_SET_DISCARD = 41, /* target, value, must_exist            truth */
    TN_OP_SET_POP = 42,     /* target, want                         value */
    TN_OP_SET_CLEAR = 43,   /* target                               count */
    TN_OP_SCAN_SET = 44,    /* target, cursor, limit, want          value (list), cursor */
    TN_OP_SET_NEW = 45,     /* target, how (tn_set_operation), value, kind, want
                                                                    value */
    TN_OP_SET_UPDATE = 46,  /* target, how (tn_set_operation), value
                                                                    count */
    TN_OP_SET_COMPARE = 47, /* target, how (tn_set_relation), value truth */

    TN_OP_DEQUE_PUSH = 48,        /* target, end, value              count */
    TN_OP_DEQUE_POP = 49,         /* target, end, want               value */
    TN_OP_DEQUE_EXTEND = 50,      /* target, end, value              count */
    TN_OP_DEQUE_ROTATE = 51,      /* target, index (how far)         count */
    TN_OP_DEQUE_CLEAR = 52,       /* target                          count */
    TN_OP_SCAN_DEQUE = 53,        /* target, cursor, limit, want     value (list), cursor */
    TN_OP_LIST_SET_SLICE = 54,    /* target, index, stop, step, value count */
    TN_OP_LIST_DELETE_SLICE = 38, /* target, index, stop, step       count */

    TN_OP_ARRAY_GET = 55,     /* target, index                      value */
    TN_OP_ARRAY_SET = 56,     /* target, index, value               count */
    TN_OP_ARRAY_APPEND = 57,  /* target, value                      count */
    TN_OP_ARRAY_INSERT = 58,  /* target, index, value               count */
    TN_OP_ARRAY_DELETE = 59,  /* target, index                      count */
    TN_OP_ARRAY_POP = 60,     /* target, index                      value */
    TN_OP_ARRAY_EXTEND = 61,  /* target, value                      count */
    TN_OP_ARRAY_SLICE = 62,   /* target, index, stop, step, want    value */
    TN_OP_ARRAY_REPLACE = 63, /* target, index, stop, step, value   count */
    TN_OP_ARRAY_FILL = 64,    /* target, index, stop, value         count */
    TN_OP_ARRAY_ADD = 65,     /* target, index, value               value */
    TN_OP_ARRAY_SUM = 66,     /* target                             value */
    TN_OP_ARRAY_INDEX = 67,   /* target, index (start), value       count */
    TN_OP_READ = 68,          /* target, cursor (first), limit      range */
    TN_OP_WRITE = 69,         /* target, cursor (first), data, data_size
                                                                    count */

    TN_OP_CLASS_DECLARE = 70,  /* class_spec                        handle */
    TN_OP_CLASS_DESCRIBE = 71, /* target                            class info */
    TN_OP_RECORD_NEW = 72,     /* target, value (may be all zeros)  handle */
    TN_OP_ATTR_GET = 73,       /* target, name, want                value */
    TN_OP_ATTR_SET = 74,       /* target, name, value               count */
    TN_OP_ATTR_DELETE = 75,    /* target, name                      count */
    TN_OP_BEGIN_SCOPE = 95,    /* nothing                              scope */
    TN_OP_END_SCOPE = 96,      /* scope (0: innermost), handles (to keep), n_handles
                                                                       count */
    TN_OP_KEEP_HANDLE = 97,    /* handles, n_handles                   count */
    TN_OP_EXPORT = 99,         /* target, limit (milliseconds), once   token */
    TN_OP_IMPORT = 100,        /* token                                handle */
    TN_OP_REVOKE = 101,        /* token                                truth */
    /* A stream is what tn_upload_open() and its relatives are made of. */
    TN_OP_UPLOAD_BEGIN = 105,  /* kind, format, limit (size)        stream */
    TN_OP_UPLOAD_CHUNK = 106,  /* cursor (stream), limit (offset), data, data_size, checksum
                                                                    stream */
    TN_OP_UPLOAD_FINISH = 107, /* cursor (stream), limit (size), checksum
                                                                    handle */
    TN_OP_UPLOAD_ABORT = 108,  /* cursor (stream)                   stream */
    TN_OP_GC = 120,            /* data: NULL or a tn_gc_request     gc info */
    TN_OP_ATTR_SCAN = 76       /* target, cursor, limit, keys_only, want
                                                                    value (list), cursor */
} tn_op_code;

/* One call. What an operation does not use is ignored. Everything is borrowed
 * until the function that it is passed to returns. */
typedef struct tn_op {
    size_t struct_size; /* set by tn_op_init() and its relatives */
    tn_op_code code;
    uint32_t timeout_ms; /* 0: the client's; TN_WAIT_FOREVER: none */
    tn_target target;
    const char *name;
    size_t name_len; /* 0: up to the NUL */
    tn_value value;
    tn_value key;
    int64_t index;
    int64_t stop;
    const tn_want *want;
    const tn_require *require;
    const void *data;
    size_t data_size;
    uint64_t cursor;
    uint64_t limit;
    bool deep;
    bool keys_only;
    bool must_exist;
    uint8_t kind; /* tn_kind */
    int32_t how;  /* tn_set_operation or tn_set_relation */
    tn_end end;
    struct tn_batch *batch;
    uint64_t scope;
    const tn_handle *const *handles;
    size_t n_handles;
    const tn_token *token;
    bool once;
    bool holders;
    const tn_class_spec *class_spec;
    const tn_lifetime *lifetime;
    int64_t step;      /* 0: 1 */
    uint32_t checksum; /* CRC-32C */
    tn_format format;
} tn_op;

/* An operation whose other fields are zero. */
static inline tn_op tn_op_init(tn_op_code code)
{
#ifdef __cplusplus
    tn_op op = tn_op();
#else
    tn_op op = { 0 };
#endif

    op.struct_size = sizeof(op);
    op.code = code;
    return op;
}

static inline tn_op tn_op_get(tn_target target)
{
    tn_op op = tn_op_init(TN_OP_GET);

    op.target = target;
    return op;
}

static inline tn_op tn_op_set(const char *name, tn_value value)
{
    tn_op op = tn_op_init(TN_OP_SET);

    op.name = name;
    op.value = value;
    return op;
}

static inline tn_op tn_op_put(tn_value value)
{
    tn_op op = tn_op_init(TN_OP_PUT);

    op.value = value;
    return op;
}

static inline tn_op tn_op_bind(const char *name, tn_target target)
{
    tn_op op = tn_op_init(TN_OP_BIND);

    op.name = name;
    op.target = target;
    return op;
}

static inline tn_op tn_op_lookup(const char *name)
{
    tn_op op = tn_op_init(TN_OP_LOOKUP);

    op.name = name;
    return op;
}

static inline tn_op tn_op_unbind(const char *name)
{
    tn_op op = tn_op_init(TN_OP_UNBIND);

    op.name = name;
    return op;
}

/* ---- What came back ------------------------------------------------------ */

/*
 * A reply belongs to whoever handed it out, which says how long it is valid. A
 * function that asks for what the reply does not hold returns TN_EINVAL, and one
 * that asks a reply of failure returns that failure.
 */
typedef struct tn_reply tn_reply;

/* 0 if the operation succeeded, else why not. */
TN_API int tn_reply_status(const tn_reply *reply);

/* The same in words. Never NULL; valid as long as the reply. */
TN_API const tn_error *tn_reply_error(const tn_reply *reply);

/* Reads the value into a table. Handles in it then belong to the table; a value
 * with handles can therefore be read once. */
TN_API int tn_reply_value(tn_reply *reply, tn_values *values, tn_value *ret_value);

/* The handle, which the caller then owns and releases; can be taken once. A
 * handle that nobody takes is released with the reply. (opt) ret_version. */
TN_API int tn_reply_handle(tn_reply *reply, tn_handle **ret_handle, uint64_t *ret_version);

TN_API int tn_reply_binding(const tn_reply *reply, tn_binding *ret_binding);
TN_API int tn_reply_count(const tn_reply *reply, uint64_t *ret_count);
TN_API int tn_reply_scope(const tn_reply *reply, uint64_t *ret_number);
TN_API int tn_reply_truth(const tn_reply *reply, bool *ret_truth);
TN_API int tn_reply_token(const tn_reply *reply, tn_token *ret_token, uint32_t *ret_ttl_ms);

/* The caller frees the result. */
TN_API int tn_reply_holders(const tn_reply *reply, tn_holders **ret_holders);
TN_API int tn_reply_description(const tn_reply *reply, tn_description *ret_description);

/* What a ping sent; valid as long as the reply. */
TN_API int tn_reply_data(const tn_reply *reply, const void **ret_data, size_t *ret_size);

/* The range that was read; valid as long as the reply. TN_ESERVER if the data does not
 * have the checksum that came with it. */
TN_API int tn_reply_range(const tn_reply *reply, tn_range *ret_range);

/* The number of an upload, and how many bytes of it have been received. (opt) both. */
TN_API int tn_reply_stream(const tn_reply *reply, uint64_t *ret_stream, uint64_t *ret_received);

/* The number of names of a page, and each of them; valid as long as the reply.
 * Where the next page begins; 0: this was the last one. */
TN_API int tn_reply_n_names(const tn_reply *reply, size_t *ret_n_names);
TN_API int tn_reply_name(const tn_reply *reply, size_t index, tn_name_entry *ret_entry);
TN_API int tn_reply_cursor(const tn_reply *reply, uint64_t *ret_cursor);

/* The caller frees the result. */
TN_API int tn_reply_info(const tn_reply *reply, tn_info **ret_info);
/* Of TN_OP_GC. `ret_info` was set to TN_GC_INFO_INIT. */
TN_API int tn_reply_gc(const tn_reply *reply, tn_gc_info *ret_info);

/* The caller frees the result. */
TN_API int tn_reply_class_info(const tn_reply *reply, tn_class_info **ret_info);

/* The steps of a batch, and the reply to each; NULL if it is out of range. */
TN_API size_t tn_reply_n_steps(const tn_reply *reply);
TN_API tn_reply *tn_reply_step(tn_reply *reply, size_t step);

/* Calls and waits for the answer until the deadline. The reply belongs to the
 * client and is valid until the next call on it; it comes whenever the server
 * answered, also with a refusal, and is NULL otherwise. */
TN_API int tn_client_call(tn_client *client, const tn_op *op, tn_reply **ret_reply);

/* ---- Batches ------------------------------------------------------------- */

/*
 * Steps that the server executes in order, in one request. A step may use what an
 * earlier one returned: tn_of_step(), tn_value_result(). Steps are not undone:
 * those before one that fails have happened.
 */
typedef struct tn_batch tn_batch;

/* An empty batch for use with one client. NULL if there is no memory. */
TN_API tn_batch *tn_batch_new(tn_client *client);

/* Leaves NULL behind; accepts NULL. */
TN_API void tn_batch_free(tn_batch **batch);

/* Makes the batch empty again. */
TN_API void tn_batch_clear(tn_batch *batch);

/* Adds a step and returns its number, from 0. Everything in it is copied, and
 * handles are kept. An error is also remembered and returned when the batch is
 * run. A batch cannot be a step. */
TN_API int tn_batch_add(tn_batch *batch, const tn_op *op);

TN_API size_t tn_batch_len(const tn_batch *batch);

/* Go on after a step that fails; otherwise those behind it are TN_EABORTED. */
TN_API void tn_batch_set_keep_going(tn_batch *batch, bool keep_going);

/*
 * Runs a batch, which can be run again. Returns 0 if every step succeeded, else
 * the error of the first that failed; tn_client_error() then names the step.
 * `ret_reply` (opt) as for tn_client_call().
 */
TN_API int tn_client_run(tn_client *client, tn_batch *batch, tn_reply **ret_reply);

/* ---- Calls that do not wait ---------------------------------------------- */
/*
 * Submitted requests are buffered, sent together, executed in order. At most
 * `max_in_flight` are unanswered, and at most `max_unsent_bytes` unsent: beyond
 * that a submission changes nothing and returns TN_EAGAIN. A loop that fills the
 * window looks like this:
 *
 *     while ((r = tn_client_submit(client, &op, on_reply, arg)) == TN_EAGAIN)
 *         if ((r = tn_client_wait(client, tn_client_window(client) / 2)) < 0)
 *             break;
 */

/*
 * Called exactly once for each request that was accepted: with its answer, or
 * with TN_ETIMEOUT or TN_ESESSION_LOST. The reply is valid until it returns. It
 * may submit, make calls that wait, and close the client, but neither poll nor
 * wait (TN_EBUSY).
 */
typedef void tn_reply_fn(tn_client *client, tn_reply *reply, void *arg);

/* Submits a request. `fn` may be NULL: nobody wants the answer. */
TN_API TN_CHECKED int tn_client_submit(tn_client *client, const tn_op *op, tn_reply_fn *fn,
                                       void *arg);

/* A request whose answer is asked for later. */
typedef struct tn_pending tn_pending;

/* Submits a request; the caller frees the result. */
TN_API TN_CHECKED int tn_client_begin(tn_client *client, const tn_op *op, tn_pending **ret_pending);

/* Whether the answer is there. Does not look at the connection. */
TN_API bool tn_pending_is_done(const tn_pending *pending);

/* Waits for the answer until the request's deadline; returns what
 * tn_reply_status() does. (opt) ret_reply: belongs to `pending`; never NULL on return,
 * except for TN_EINVAL and TN_EFORKED. */
TN_API int tn_pending_wait(tn_pending *pending, tn_reply **ret_reply);

/* Gives up interest; the request is executed nevertheless. Leaves NULL behind;
 * accepts NULL. */
TN_API void tn_pending_free(tn_pending **pending);

/* Sends what is buffered, released handles included, as far as that goes without
 * waiting. 0, TN_ESESSION_LOST or TN_EFORKED. */
TN_API int tn_client_flush(tn_client *client);

/*
 * Sends and receives what there is, calls callbacks and lets deadlines pass. If no
 * request has ended and no event has come, and something is in flight or subscribed to
 * with a function, waits up to `timeout_ms` for the first. Returns how many requests
 * ended and events were told, or an error. From callbacks: TN_EBUSY.
 */
TN_API int tn_client_poll(tn_client *client, uint32_t timeout_ms);

/* Polls until at most `max_left` requests are in flight. 0 or an error; TN_ETIMEOUT
 * once the deadlines of all of them have passed. From callbacks: TN_EBUSY. */
TN_API int tn_client_wait(tn_client *client, size_t max_left);

/* How many requests are in flight: not answered by the server, or answered and not
 * told to their callbacks. And how many may be. Safe with NULL (0). */
TN_API size_t tn_client_in_flight(const tn_client *client);
TN_API size_t tn_client_window(const tn_client *client);

/*
 * For an event loop of yours: the socket to watch (-1: none, the client is not
 * connected), whether to watch it for writing besides reading, and after how many
 * milliseconds to call tn_client_poll(client, 0) even if nothing happens
 * (TN_WAIT_FOREVER: never). Ask anew after each call on the client.
 */
TN_API int tn_client_fd(const tn_client *client);
TN_API bool tn_client_wants_write(const tn_client *client);
TN_API uint32_t tn_client_next_timeout(const tn_client *client);

/* ---- Cleanup attributes -------------------------------------------------- */

/* `TN_HANDLE_CLEANUP tn_handle *handle = NULL;` releases when it leaves its scope. */
#if defined(TN_FREED_BY)
#define TN_CLIENT_CLEANUP TN_FREED_BY(tn_client_close)
#define TN_HANDLE_CLEANUP TN_FREED_BY(tn_handle_release)
#define TN_VALUES_CLEANUP TN_FREED_BY(tn_values_free)
#define TN_BATCH_CLEANUP TN_FREED_BY(tn_batch_free)
#define TN_PENDING_CLEANUP TN_FREED_BY(tn_pending_free)
#define TN_NAME_ITER_CLEANUP TN_FREED_BY(tn_name_iter_close)
#define TN_DICT_ITER_CLEANUP TN_FREED_BY(tn_dict_iter_close)
#define TN_SET_ITER_CLEANUP TN_FREED_BY(tn_set_iter_close)
#define TN_DEQUE_ITER_CLEANUP TN_FREED_BY(tn_deque_iter_close)
#define TN_INFO_CLEANUP TN_FREED_BY(tn_info_free)
#define TN_HOLDERS_CLEANUP TN_FREED_BY(tn_holders_free)
#define TN_UPLOAD_CLEANUP TN_FREED_BY(tn_upload_close)
#define TN_DOWNLOAD_CLEANUP TN_FREED_BY(tn_download_close)
#define TN_SUBSCRIPTION_CLEANUP TN_FREED_BY(tn_client_unsubscribe)
#define TN_CLASS_INFO_CLEANUP TN_FREED_BY(tn_class_info_free)
#define TN_SCOPE_CLEANUP TN_FREED_BY(tn_scope_leave)

/* A declaration: handles that are acquired from here to the end of the block, and not
 * kept, are released there. */
#define TN_SCOPE(client) TN_SCOPE_AT_(client, __LINE__)
#define TN_SCOPE_AT_(client, line) TN_SCOPE_NAMED_(client, line)
#define TN_SCOPE_NAMED_(client, line)                                                              \
    TN_SCOPE_CLEANUP __attribute__((unused)) tn_scope tn_scope_of_line_##line =                    \
        tn_scope_enter(client)
#endif

#ifdef __cplusplus
}
#endif

#endif
