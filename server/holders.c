/* SPDX-License-Identifier: MIT */
/*
 * Who holds an object, as far as that is found out at little cost: names of the session's
 * namespace, handles of the sessions of this worker and of those without a connection,
 * exports. Each search is bounded and says whether it has seen everything; what remains
 * of the references is told as a number.
 *
 * All is compared by address, within one read section: a block is not used for another
 * object before that ends.
 */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/request.h"

/* What is listed of each kind. */
#define LISTED_MAX ((size_t)100)

/* What is looked at. */
#define NAMES_MAX ((size_t)65536)
#define NAMES_PER_PAGE ((size_t)1024)
#define SLOTS_MAX ((size_t)1 << 18)

struct search {
    struct tn_request_ctx *ctx;
    const struct tn_object *object;
    Tenure__V1__Holders *answer;
    size_t n_seen; /* names */
    size_t slots_left;
    uint64_t n_handles;
    bool is_leased; /* whether the sessions that are visited are */
    int err;
};

/* ---- Names ---- */

static void see_name(struct tn_slice name, struct tn_object *object,
                     const struct tn_name_info *info, void *arg)
{
    struct search *search = arg;
    Tenure__V1__Holders *answer = search->answer;

    search->n_seen++;
    if (object != search->object || info->kind == TN_NAME_WEAK)
        return;
    answer->names_total++;
    if (answer->n_names == LISTED_MAX || search->err < 0)
        return;
    search->err = tn_ctx_claim(search->ctx, name.len);
    if (search->err < 0)
        return;
    answer->names[answer->n_names++] = (ProtobufCBinaryData){
        .data = (uint8_t *)(uintptr_t)name.data, /* lives as long as the read section */
        .len = name.len,
    };
}

static int find_names(struct search *search)
{
    struct tn_request_ctx *ctx = search->ctx;
    uint64_t cursor = 0;

    search->answer->names = tn_ctx_alloc(ctx, LISTED_MAX * sizeof(*search->answer->names));
    if (search->answer->names == NULL)
        return TN_ERR_NOMEM;
    do
        tn_names_scan(ctx->mu, ctx->session->ns, &cursor, NAMES_PER_PAGE, TN_SLICE("", 0), see_name,
                      search);
    while (cursor != 0 && search->n_seen < NAMES_MAX && search->err == 0);
    search->answer->names_complete = cursor == 0;
    return search->err;
}

/* ---- Handles ---- */

/* Adds a session, if it holds the object. False if no more are to be looked at. */
static bool see_session(const struct tn_session *session, void *arg)
{
    struct search *search = arg;
    Tenure__V1__Holders *answer = search->answer;
    Tenure__V1__HandleHolder *holder;
    uint64_t count;
    bool is_whole = tn_session_count(session, search->object, &search->slots_left, &count);

    answer->sessions_complete &= is_whole;
    search->n_handles += count;
    if (count == 0)
        return is_whole;
    holder = answer->n_sessions == LISTED_MAX ? NULL : tn_ctx_alloc(search->ctx, sizeof(*holder));
    if (holder == NULL) {
        answer->sessions_complete = false; /* those that follow are not even counted */
        return false;
    }
    *holder = (Tenure__V1__HandleHolder)TENURE__V1__HANDLE_HOLDER__INIT;
    holder->session = session->id;
    holder->handles = count;
    holder->leased = search->is_leased;
    answer->sessions[answer->n_sessions++] = holder;
    return is_whole;
}

static int find_handles(struct search *search)
{
    struct tn_executor *ex = search->ctx->ex;
    Tenure__V1__Holders *answer = search->answer;
    bool goes_on = true;

    answer->sessions = tn_ctx_alloc(search->ctx, LISTED_MAX * sizeof(*answer->sessions));
    if (answer->sessions == NULL)
        return TN_ERR_NOMEM;
    answer->sessions_complete = ex->service->n_counters == 1; /* we are the only worker */
    for (struct tn_ring *link = ex->sessions.ring.next; goes_on && link != &ex->sessions.ring;
         link = link->next)
        goes_on = see_session(TN_CONTAINER_OF(link, struct tn_session, link), search);
    search->is_leased = true;
    if (goes_on)
        tn_leases_each_parked(&ex->service->leases, see_session, search);
    return 0;
}

/* ---- Exports ---- */

static int find_exports(struct search *search)
{
    Tenure__V1__Holders *answer = search->answer;
    struct tn_request_ctx *ctx = search->ctx;
    struct tn_export_facts *facts = tn_ctx_alloc(ctx, LISTED_MAX * sizeof(*facts));
    Tenure__V1__ExportHolder *holders = tn_ctx_alloc(ctx, LISTED_MAX * sizeof(*holders));
    uint64_t now_ns = tn_clock_ns();
    size_t n;

    answer->exports = tn_ctx_alloc(ctx, LISTED_MAX * sizeof(*answer->exports));
    if (facts == NULL || holders == NULL || answer->exports == NULL)
        return TN_ERR_NOMEM;
    n = tn_exports_of(&ctx->ex->service->exports, search->object, facts, LISTED_MAX);
    answer->exports_total = n;
    for (size_t i = 0; i < n && i < LISTED_MAX; i++) {
        holders[i] = (Tenure__V1__ExportHolder)TENURE__V1__EXPORT_HOLDER__INIT;
        holders[i].session = facts[i].session;
        holders[i].once = facts[i].is_once;
        if (facts[i].expires_ns > now_ns)
            holders[i].remaining_ms = (facts[i].expires_ns - now_ns) / TN_NS_PER_MS;
        answer->exports[answer->n_exports++] = &holders[i];
    }
    return 0;
}

int tn_holders_tell(struct tn_request_ctx *ctx, const struct tn_object *o, int64_t refs,
                    Tenure__V1__Holders **ret_holders)
{
    Tenure__V1__Holders *answer = tn_ctx_alloc(ctx, sizeof(*answer));
    struct search search = { .ctx = ctx, .object = o, .answer = answer, .slots_left = SLOTS_MAX };
    int r;

    if (answer == NULL)
        return TN_ERR_NOMEM;
    *answer = (Tenure__V1__Holders)TENURE__V1__HOLDERS__INIT;
    r = find_names(&search);
    if (r == 0)
        r = find_handles(&search);
    if (r == 0)
        r = find_exports(&search);
    if (r < 0)
        return r == TN_ERR_TOO_BIG ? tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE) : r;
    answer->unexplained = refs - (int64_t)answer->names_total - (int64_t)search.n_handles -
                          (int64_t)answer->exports_total;
    *ret_holders = answer;
    return 0;
}
