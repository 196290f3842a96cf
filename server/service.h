/* SPDX-License-Identifier: MIT */
/*
 * The service: a heap and the limits within which requests may use it. It
 * knows sessions and requests, but no sockets; tests and the fuzz target drive
 * it as it is, workers drive it with what connections bring.
 *
 * An executor is what a thread executes requests with: its attachment to the
 * heap, its arena, its counters. It is the roots of its thread as well: what its
 * sessions hold, and what the request that it executes holds (request.h).
 */
#ifndef TN_SERVER_SERVICE_H
#define TN_SERVER_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "proto/arena.h"
#include "proto/buffer.h"
#include "proto/message.h"
#include "proto/value.h"
#include "server/budget.h"
#include "server/config.h"
#include "server/counters.h"
#include "server/exports.h"
#include "server/leases.h"
#include "server/session.h"
#include "server/subscription.h"

#define TN_PROTOCOL_VERSION 1

/* What an answer may take of a connection's memory without asking the budget. */
#define TN_ANSWER_FREE_BYTES ((size_t)32 << 10)

/* Where a client did not say how much it wants. */
#define TN_WANT_DEPTH 100
#define TN_WANT_NODES 262144
#define TN_SCAN_NAMES 1000
#define TN_SCAN_ENTRIES 1000
/* Members of a set that are changed at a time, under its lock: some milliseconds. */
#define TN_SET_AT_ONCE 65536
#define TN_DEEP_OBJECTS 1000000

/* Derived from the configuration once. */
struct tn_limits {
    struct tn_scan_limits scan; /* of a request, before it is unpacked */
    size_t max_parse_bytes;     /* of the arena that requests are unpacked into */
    size_t max_scratch_bytes;   /* of the arena that one request is executed with */
    size_t max_nodes;           /* of a value, in both directions */
    size_t max_answer_bytes;    /* of the values in an answer, as encoded */
};

struct tn_service {
    /* [const]  after tn_service_init() */
    struct tn_config config;
    struct tn_limits limits;
    struct tn_heap *heap;
    uint64_t started_ns;
    struct tn_counters *counters; /* one for each worker */
    size_t n_counters;
    /* [atomic] relaxed: counts only */
    _Atomic(uint64_t) connections_total;
    _Atomic(uint64_t) connections_refused;
    _Atomic(uint64_t) next_session;
    /* Large messages, coming and going. Two budgets, so that a request that has
     * come never keeps its own answer waiting: what comes may wait for what goes,
     * and what goes waits for nobody but its reader. */
    struct tn_budget buffers_in;
    struct tn_budget buffers_out;
    struct tn_leases leases;
    struct tn_exports exports;
    /* The queues of subscriptions. A budget of its own, on top of the others: who
     * subscribes keeps its queue for long, and keeps no answer waiting. */
    struct tn_budget buffers_events;
    /* [atomic] the memory held has come near the limit and not gone away from it
     * since; whoever changes it tells. Relaxed: nothing depends on it */
    _Atomic(bool) memory_is_low;
};

/* Creates the heap. `config` is finished and copied. TN_ERR_NOMEM, TN_ERR_LIMIT
 * (the memory limit is too small); `problem` says which. */
TN_MUST_CHECK int tn_service_init(struct tn_service *service, const struct tn_config *config,
                                  struct tn_problem *problem);

/* Frees it; all executors are gone. Returns what tn_heap_free() returns. Works on
 * a service of zero bytes. */
size_t tn_service_fini(struct tn_service *service);

#define TN_EXECUTOR_MAGIC 0x65786563u

struct tn_executor {
    uint32_t magic;
    /* [const] */
    struct tn_service *service;
    struct tn_counters *counters;
    struct tn_thread *thread;
    /* [owner]  the thread that it was initialised on */
    struct tn_mutator *mu; /* while online */
    struct tn_arena scratch;
    struct tn_hub hub; /* the subscriptions of the thread's sessions */
    struct tn_sessions sessions;
    struct tn_request_ctx *request; /* that is being executed, or NULL; changes online only */
    bool has_leftovers;             /* the last safe point left destructions over */
};

/* Attaches the calling thread to the heap. `index`: which of the service's
 * counters. TN_ERR_NOMEM, TN_ERR_LIMIT, TN_ERR_TOO_MANY. */
TN_MUST_CHECK int tn_executor_init(struct tn_executor *ex, struct tn_service *service,
                                   size_t index);

/* Detaches it. Works on an executor of zero bytes. */
void tn_executor_fini(struct tn_executor *ex);

void tn_executor_online(struct tn_executor *ex);
void tn_executor_offline(struct tn_executor *ex);

/* The session of a connection that is gone: ends its lease and whatever the service knows
 * of it, but for its handles. Online or offline. */
void tn_executor_detach(struct tn_executor *ex, struct tn_session *session);

/* Between requests, while online: nothing borrowed is kept. Looks also whether
 * memory has become short, or has recovered. */
void tn_executor_safepoint(struct tn_executor *ex);

/* Tells a new subscription that memory is low, if it is. */
void tn_service_tell_memory(const struct tn_service *service, struct tn_subscription *sub);

/* The same in the middle of a request. */
void tn_executor_breathe(struct tn_executor *ex);

/* Waits for a collection that may make room (see tn_gc_relieve()), or a moment for
 * others to free what is dead. Online before and after, a safe point in the middle of
 * a request. False if there was nothing to wait for. */
bool tn_executor_relieve(struct tn_executor *ex);

/* A request that has been unpacked, and what is known about it. */
struct tn_incoming {
    const Tenure__V1__Request *request;
    bool is_expired;          /* its deadline has passed */
    size_t free_answer_bytes; /* what the answer may take without the budget */
    bool may_defer;           /* it can be executed again, see below */
};

struct tn_outcome {
    size_t taken_bytes; /* of the service's buffer budget, for the answer; now the caller's */
    bool must_close;    /* the answer is the last one of the connection */
};

/*
 * Executes a request and appends its answer to `out`, while online. The
 * answer may tell of a failure; that is a success here.
 * TN_EXECUTE_UNFINISHED: there is more to do than may be done at a time; execute it
 *   again after a safe point, and nothing else of this session before.
 * TN_ERR_AGAIN: nothing has been done, because the answer is large and there is
 *   no buffer memory for it; execute it again later.
 * TN_ERR_NOMEM, TN_ERR_TOO_BIG: the answer could not be appended. The request
 *   may have been executed, so the connection has to end.
 */
#define TN_EXECUTE_UNFINISHED 1
TN_MUST_CHECK int tn_execute(struct tn_executor *ex, struct tn_session *session,
                             const struct tn_incoming *incoming, struct tn_buffer *out,
                             struct tn_outcome *ret_outcome);

/* Appends an answer that tells nothing but a failure. Online or offline. Fails
 * as tn_message_pack_response(). */
TN_MUST_CHECK int tn_answer_failure(uint64_t id, struct tn_status *status, struct tn_buffer *out);

#endif
