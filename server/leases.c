/* SPDX-License-Identifier: MIT */
/* See leases.h. */
#include "server/leases.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/err.h"

void tn_leases_init(struct tn_leases *leases, size_t max_leases)
{
    *leases = (struct tn_leases){ .max_leases = max_leases };
    tn_mutex_init(&leases->lock, TN_RANK_LEASES);
    tn_ring_init(&leases->parked);
}

void tn_leases_fini(struct tn_leases *leases)
{
    TN_ASSERT(tn_ring_is_empty(&leases->parked));
    /* What is left was attached to sessions that have been closed. */
    for (size_t i = 0; i < TN_TOKEN_BUCKETS; i++) {
        while (leases->table.buckets[i] != NULL) {
            struct tn_token_entry *entry = leases->table.buckets[i];

            tn_token_remove(&leases->table, entry);
            free(TN_CONTAINER_OF(entry, struct tn_lease, entry));
        }
    }
    tn_mutex_fini(&leases->lock);
}

int tn_lease_new(struct tn_leases *leases, uint64_t duration_ns, struct tn_lease **ret_lease)
{
    struct tn_lease *lease = calloc(1, sizeof(*lease));
    int r = 0;

    if (lease == NULL)
        return TN_ERR_NOMEM;
    lease->duration_ns = duration_ns;
    tn_mutex_lock(&leases->lock);
    if (leases->n_leases == leases->max_leases) {
        r = TN_ERR_TOO_MANY;
    } else {
        leases->n_leases++;
        tn_token_add(&leases->table, &lease->entry);
    }
    tn_mutex_unlock(&leases->lock);
    if (r < 0)
        free(lease);
    else
        *ret_lease = lease;
    return r;
}

static void forget_locked(struct tn_leases *leases, struct tn_lease *lease)
{
    tn_token_remove(&leases->table, &lease->entry);
    leases->n_leases--;
}

void tn_lease_end(struct tn_leases *leases, struct tn_lease **leasep)
{
    struct tn_lease *lease = *leasep;

    *leasep = NULL;
    if (lease == NULL)
        return;
    tn_mutex_lock(&leases->lock);
    TN_ASSERT(!lease->is_parked);
    forget_locked(leases, lease);
    tn_mutex_unlock(&leases->lock);
    free(lease);
}

static void count_parked(struct tn_leases *leases, const struct tn_lease *lease, int n)
{
    uint64_t n_handles = tn_session_n_handles(&lease->session);

    atomic_fetch_add_explicit(&leases->n_parked, (uint64_t)(int64_t)n, memory_order_relaxed);
    atomic_fetch_add_explicit(&leases->n_parked_handles, (uint64_t)(int64_t)n * n_handles,
                              memory_order_relaxed);
}

void tn_lease_park(struct tn_leases *leases, struct tn_session *session, uint64_t now_ns)
{
    struct tn_lease *lease = session->lease;

    tn_mutex_lock(&leases->lock);
    TN_ASSERT(!lease->is_parked && tn_session_is_open(session));
    TN_ASSERT(!tn_ring_is_linked(&session->link));
    lease->session = *session;
    lease->is_parked = true;
    tn_expiry_insert(&leases->parked, &lease->expiry, now_ns + lease->duration_ns);
    count_parked(leases, lease, 1);
    tn_mutex_unlock(&leases->lock);
    tn_session_init(session, session->max_handles);
}

static void unpark_locked(struct tn_leases *leases, struct tn_lease *lease)
{
    count_parked(leases, lease, -1);
    tn_ring_remove(&lease->expiry.link);
    lease->is_parked = false;
}

static struct tn_lease *lease_of(struct tn_token_entry *entry)
{
    return TN_CONTAINER_OF(entry, struct tn_lease, entry);
}

int tn_lease_resume(struct tn_leases *leases, const struct tn_token *token, uint64_t now_ns,
                    struct tn_sessions *sessions, struct tn_session *session)
{
    struct tn_token_entry *entry;
    struct tn_lease *lease;
    int r = 0;

    TN_ASSERT(!tn_session_is_open(session));
    tn_mutex_lock(&leases->lock);
    entry = tn_token_find(&leases->table, token);
    lease = entry == NULL ? NULL : lease_of(entry);
    if (lease != NULL && !lease->is_parked) {
        r = TN_ERR_BUSY;
    } else if (lease == NULL || lease->expiry.expires_ns <= now_ns) {
        r = TN_ERR_NAME;
    } else {
        unpark_locked(leases, lease);
        *session = lease->session;
        lease->session = (struct tn_session){ 0 };
        tn_sessions_enter(sessions, session);
    }
    tn_mutex_unlock(&leases->lock);
    return r;
}

struct tn_lease *tn_lease_take_expired(struct tn_leases *leases, uint64_t now_ns,
                                       struct tn_sessions *sessions)
{
    struct tn_lease *lease = NULL;
    struct tn_expiry *due;

    tn_mutex_lock(&leases->lock);
    due = tn_expiry_due(&leases->parked, now_ns);
    if (due != NULL) {
        lease = TN_CONTAINER_OF(due, struct tn_lease, expiry);
        unpark_locked(leases, lease);
        forget_locked(leases, lease);
        tn_sessions_enter(sessions, &lease->session);
    }
    tn_mutex_unlock(&leases->lock);
    return lease;
}

uint64_t tn_leases_next_ns(struct tn_leases *leases)
{
    uint64_t next_ns;

    tn_mutex_lock(&leases->lock);
    next_ns = tn_expiry_next_ns(&leases->parked);
    tn_mutex_unlock(&leases->lock);
    return next_ns;
}

void tn_leases_each_parked(struct tn_leases *leases,
                           bool (*visit)(const struct tn_session *session, void *arg), void *arg)
{
    bool goes_on = true;

    tn_mutex_lock(&leases->lock);
    for (struct tn_ring *link = leases->parked.next; goes_on && link != &leases->parked;
         link = link->next) {
        const struct tn_lease *lease = TN_CONTAINER_OF(tn_expiry_of(link), struct tn_lease, expiry);

        goes_on = visit(&lease->session, arg);
    }
    tn_mutex_unlock(&leases->lock);
}

/* Visits what the sessions of one bucket hold. False if the budget was not enough. */
static bool walk_bucket_locked(struct tn_token_entry *entry, struct tn_mutator *mu, size_t *budget)
{
    for (; entry != NULL; entry = entry->next) {
        struct tn_lease *lease = lease_of(entry);

        if (lease->is_parked && !tn_session_walk(&lease->session, mu, budget))
            return false;
    }
    return true;
}

/* By buckets, as tokens stay in theirs: nothing that is there throughout is missed. */
bool tn_leases_walk(struct tn_leases *leases, struct tn_mutator *mu, uint64_t *cursor,
                    size_t *budget)
{
    tn_mutex_lock(&leases->lock);
    for (; *cursor<TN_TOKEN_BUCKETS && * budget> 0; ++*cursor) {
        if (!walk_bucket_locked(leases->table.buckets[*cursor], mu, budget))
            break;
        *budget -= *budget > 0; /* also for one that is empty */
    }
    tn_mutex_unlock(&leases->lock);
    return *cursor == TN_TOKEN_BUCKETS;
}
