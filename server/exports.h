/* SPDX-License-Identifier: MIT */
/*
 * Exports: objects that any session may have that knows a token.
 *
 * An export holds a counted reference of its own, so it ends with neither session: it
 * lasts until its time is over, until it is revoked, or, if it is for once, until it is
 * imported. What an importer gets is a handle like any other.
 *
 * Invariants
 *  - An object is published before it is exported: any worker may import or drop it.
 *  - A session that has exports in the table, or had, has an exporter, which counts
 *    them; the exporter lasts until both the session and the last export are gone.
 *  - What is exported is among the heap's own roots, which tn_exports_walk() visits. Who
 *    ends an export calls tn_root_leave() under the lock: so the walk finds the object
 *    here, or it is shaded.
 *  - No session has more than TN_EXPORTS_PER_SESSION, all together have no more than
 *    TN_EXPORTS_MAX.
 * Threads: any that is online. References are dropped by the caller, under no lock.
 */
#ifndef TN_SERVER_EXPORTS_H
#define TN_SERVER_EXPORTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/sync.h"
#include "core/heap.h"
#include "server/expiry.h"
#include "server/token.h"

#define TN_EXPORTS_PER_SESSION 1024
#define TN_EXPORTS_MAX 65536

/* [lock]  all of it */
struct tn_exporter {
    uint64_t session; /* its id, for people */
    size_t n_exports;
    bool is_gone; /* the session is */
};

struct tn_exports {
    /* [lock]   lock (TN_RANK_LEASES) */
    struct tn_mutex lock;
    struct tn_token_table table;
    struct tn_ring by_time;
    size_t n_exports;
    /* [atomic] written under the lock, relaxed: when the first one expires; UINT64_MAX */
    _Atomic(uint64_t) next_ns;
};

/* What can be told of an export. */
struct tn_export_facts {
    uint64_t session; /* whose it is, or was */
    uint64_t expires_ns;
    bool is_once;
};

void tn_exports_init(struct tn_exports *exports);

/* None is left. */
void tn_exports_fini(struct tn_exports *exports);

/*
 * Exports an object, which is published, and takes the reference over. `exporterp` is the
 * session's, made if it is NULL. TN_ERR_TOO_MANY (of this session), TN_ERR_LIMIT (of all),
 * TN_ERR_NOMEM.
 */
TN_MUST_CHECK int tn_export_add(struct tn_exports *exports, struct tn_exporter **exporterp,
                                uint64_t session, struct tn_object **take_object,
                                uint64_t expires_ns, bool is_once, struct tn_token *ret_token)
    TN_EXCLUDES(exports->lock);

/* A reference to the object of a token. TN_ERR_NAME: there is none, or its time is over. */
TN_MUST_CHECK int tn_export_import(struct tn_exports *exports, struct tn_mutator *mu,
                                   const struct tn_token *token, uint64_t now_ns,
                                   struct tn_object **ret_object) TN_EXCLUDES(exports->lock);

/* Ends an export and hands its reference to the caller; NULL if there is none. */
struct tn_object *tn_export_revoke(struct tn_exports *exports, struct tn_mutator *mu,
                                   const struct tn_token *token) TN_EXCLUDES(exports->lock);

/* The same for one that has expired by then (UINT64_MAX: any). */
struct tn_object *tn_export_take_expired(struct tn_exports *exports, struct tn_mutator *mu,
                                         uint64_t now_ns) TN_EXCLUDES(exports->lock);

/* The exports of an object, the first `max` of them. Returns how many there are. */
size_t tn_exports_of(struct tn_exports *exports, const struct tn_object *object,
                     struct tn_export_facts *ret_facts, size_t max) TN_EXCLUDES(exports->lock);

/* Visits what is exported, some `budget` of it, from bucket *cursor of the table on, and
 * moves that; lowers the budget. True when *cursor is TN_TOKEN_BUCKETS. */
bool tn_exports_walk(struct tn_exports *exports, struct tn_mutator *mu, uint64_t *cursor,
                     size_t *budget) TN_EXCLUDES(exports->lock);

/* The session is gone; its exports are not. Leaves NULL behind; accepts NULL. */
void tn_exporter_leave(struct tn_exports *exports, struct tn_exporter **exporterp)
    TN_EXCLUDES(exports->lock);

#endif
