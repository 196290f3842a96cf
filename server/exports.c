/* SPDX-License-Identifier: MIT */
/* See exports.h. */
#include "server/exports.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/err.h"

/* [const] but for its places in the table and in time, which are [lock]. */
struct export
{
    struct tn_token_entry entry;
    struct tn_expiry expiry;
    struct tn_exporter *exporter;
    struct tn_object *object; /* counted */
    bool is_once;
};

void tn_exports_init(struct tn_exports *exports)
{
    *exports = (struct tn_exports){ .n_exports = 0 };
    tn_mutex_init(&exports->lock, TN_RANK_LEASES);
    tn_ring_init(&exports->by_time);
    atomic_init(&exports->next_ns, UINT64_MAX);
}

void tn_exports_fini(struct tn_exports *exports)
{
    TN_ASSERT(exports->n_exports == 0);
    tn_mutex_fini(&exports->lock);
}

static struct export *export_of(struct tn_expiry *expiry)
{
    return TN_CONTAINER_OF(expiry, struct export, expiry);
}

static void note_next_locked(struct tn_exports *exports)
{
    atomic_store_explicit(&exports->next_ns, tn_expiry_next_ns(&exports->by_time),
                          memory_order_relaxed);
}

static int check_limits_locked(const struct tn_exports *exports, const struct tn_exporter *exporter)
{
    if (exporter->n_exports == TN_EXPORTS_PER_SESSION)
        return TN_ERR_TOO_MANY;
    return exports->n_exports == TN_EXPORTS_MAX ? TN_ERR_LIMIT : 0;
}

int tn_export_add(struct tn_exports *exports, struct tn_exporter **exporterp, uint64_t session,
                  struct tn_object **take_object, uint64_t expires_ns, bool is_once,
                  struct tn_token *ret_token)
{
    struct export *export = malloc(sizeof(*export));
    int r;

    if (*exporterp == NULL)
        *exporterp = calloc(1, sizeof(**exporterp));
    if (export == NULL || *exporterp == NULL) {
        free(export);
        return TN_ERR_NOMEM;
    }
    *export = (struct export){ .exporter = *exporterp, .object = *take_object, .is_once = is_once };
    tn_mutex_lock(&exports->lock);
    export->exporter->session = session;
    r = check_limits_locked(exports, export->exporter);
    if (r == 0) {
        tn_token_add(&exports->table, &export->entry);
        tn_expiry_insert(&exports->by_time, &export->expiry, expires_ns);
        export->exporter->n_exports++;
        exports->n_exports++;
        note_next_locked(exports);
        *ret_token = export->entry.token;
    }
    tn_mutex_unlock(&exports->lock);
    if (r < 0)
        free(export);
    else
        *take_object = NULL;
    return r;
}

static void free_exporter_if_unused(struct tn_exporter *exporter)
{
    if (exporter->is_gone && exporter->n_exports == 0)
        free(exporter);
}

/* Ends an export; its reference is the caller's. */
static struct tn_object *remove_locked(struct tn_exports *exports, struct tn_mutator *mu,
                                       struct export *export)
{
    struct tn_object *object = export->object;

    tn_root_leave(mu, object);
    tn_token_remove(&exports->table, &export->entry);
    tn_ring_remove(&export->expiry.link);
    exports->n_exports--;
    export->exporter->n_exports--;
    free_exporter_if_unused(export->exporter);
    free(export);
    note_next_locked(exports);
    return object;
}

static struct export *export_of_entry(struct tn_token_entry *entry)
{
    return TN_CONTAINER_OF(entry, struct export, entry);
}

static struct export *find_locked(struct tn_exports *exports, const struct tn_token *token)
{
    struct tn_token_entry *entry = tn_token_find(&exports->table, token);

    return entry == NULL ? NULL : export_of_entry(entry);
}

int tn_export_import(struct tn_exports *exports, struct tn_mutator *mu,
                     const struct tn_token *token, uint64_t now_ns, struct tn_object **ret_object)
{
    struct export *export;
    int r = 0;

    tn_mutex_lock(&exports->lock);
    export = find_locked(exports, token);
    if (export == NULL || export->expiry.expires_ns <= now_ns) {
        r = TN_ERR_NAME;
    } else if (export->is_once) {
        *ret_object = remove_locked(exports, mu, export);
    } else {
        tn_incref(mu, export->object); /* the export has its own for as long as we look */
        *ret_object = export->object;
    }
    tn_mutex_unlock(&exports->lock);
    return r;
}

struct tn_object *tn_export_revoke(struct tn_exports *exports, struct tn_mutator *mu,
                                   const struct tn_token *token)
{
    struct tn_object *object = NULL;
    struct export *export;

    tn_mutex_lock(&exports->lock);
    export = find_locked(exports, token);
    if (export != NULL)
        object = remove_locked(exports, mu, export);
    tn_mutex_unlock(&exports->lock);
    return object;
}

struct tn_object *tn_export_take_expired(struct tn_exports *exports, struct tn_mutator *mu,
                                         uint64_t now_ns)
{
    struct tn_object *object = NULL;
    struct tn_expiry *due;

    tn_mutex_lock(&exports->lock);
    due = tn_expiry_due(&exports->by_time, now_ns);
    if (due != NULL)
        object = remove_locked(exports, mu, export_of(due));
    tn_mutex_unlock(&exports->lock);
    return object;
}

size_t tn_exports_of(struct tn_exports *exports, const struct tn_object *object,
                     struct tn_export_facts *ret_facts, size_t max)
{
    size_t n = 0;

    tn_mutex_lock(&exports->lock);
    for (struct tn_ring *link = exports->by_time.next; link != &exports->by_time;
         link = link->next) {
        const struct export *export = export_of(tn_expiry_of(link));

        if (export->object != object)
            continue;
        if (n < max)
            ret_facts[n] = (struct tn_export_facts){ .session = export->exporter->session,
                                                     .expires_ns = export->expiry.expires_ns,
                                                     .is_once = export->is_once };
        n++;
    }
    tn_mutex_unlock(&exports->lock);
    return n;
}

/* By buckets, as tokens stay in theirs: nothing that is there throughout is missed. */
bool tn_exports_walk(struct tn_exports *exports, struct tn_mutator *mu, uint64_t *cursor,
                     size_t *budget)
{
    tn_mutex_lock(&exports->lock);
    for (; *cursor<TN_TOKEN_BUCKETS && * budget> 0; ++*cursor) {
        struct tn_token_entry *entry = exports->table.buckets[*cursor];

        for (; entry != NULL; entry = entry->next) {
            tn_root_visit(mu, export_of_entry(entry)->object);
            *budget -= *budget > 0;
        }
        *budget -= *budget > 0; /* also for one that is empty */
    }
    tn_mutex_unlock(&exports->lock);
    return *cursor == TN_TOKEN_BUCKETS;
}

void tn_exporter_leave(struct tn_exports *exports, struct tn_exporter **exporterp)
{
    struct tn_exporter *exporter = *exporterp;

    *exporterp = NULL;
    if (exporter == NULL)
        return;
    tn_mutex_lock(&exports->lock);
    exporter->is_gone = true;
    free_exporter_if_unused(exporter);
    tn_mutex_unlock(&exports->lock);
}
