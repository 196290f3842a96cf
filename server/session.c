/* SPDX-License-Identifier: MIT */
/* See session.h. */
#include "server/session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "server/session_internal.h"
#include "server/subscription.h"

#define SERIAL_MAX ((UINT64_C(1) << (64 - TN_INDEX_BITS)) - 1)

#define CHUNKS_MIN ((size_t)8)

/* ---- Scrambling: a bijection of 64 bits that depends on the key ---- */

/* Odd constants whose product is 1 modulo 2^64; of MurmurHash3's finaliser. */
#define MIX_1 UINT64_C(0xff51afd7ed558ccd)
#define UNMIX_1 UINT64_C(0x4f74430c22a54005)
#define MIX_2 UINT64_C(0xc4ceb9fe1a85ec53)
#define UNMIX_2 UINT64_C(0x9cb4b2f8129337db)

/* x ^ x >> 33 is its own inverse, as 33 is more than half of 64. */
static uint64_t shift_mix(uint64_t x)
{
    return x ^ x >> 33;
}

static uint64_t scramble(const struct tn_session *session, uint64_t token)
{
    uint64_t x = token + session->key[0];

    x = shift_mix(x) * MIX_1;
    x = shift_mix(x ^ session->key[1]) * MIX_2;
    return shift_mix(x) ^ session->key[0];
}

static uint64_t unscramble(const struct tn_session *session, uint64_t handle)
{
    uint64_t x = shift_mix(handle ^ session->key[0]);

    x = shift_mix(x * UNMIX_2) ^ session->key[1];
    x = shift_mix(x * UNMIX_1);
    return x - session->key[0];
}

static void random_key(uint64_t key[2])
{
    size_t n = 0;

    while (n < 2 * sizeof(*key)) {
        ssize_t got = getrandom((char *)key + n, 2 * sizeof(*key) - n, 0);

        if (got > 0)
            n += (size_t)got;
        else
            TN_ASSERT(got < 0 && errno == EINTR); /* cannot fail otherwise since Linux 3.17 */
    }
}

/* ---- The table ---- */

void tn_session_init(struct tn_session *session, size_t max_handles)
{
    *session = (struct tn_session){ .max_handles = max_handles };
}

void tn_session_open(struct tn_session *session, struct tn_sessions *sessions,
                     struct tn_namespace *ns, uint64_t id)
{
    TN_ASSERT(session->ns == NULL && ns != NULL);
    random_key(session->key);
    session->ns = ns;
    session->id = id;
    /* From now on it comes to hold what is shaded, or born black. */
    session->walked = tn_roots_number(tn_thread_mutator(sessions->thread));
    tn_ring_push_back(&sessions->ring, &session->link);
}

/* Appends a chunk, so that TN_CHUNK_SLOTS more slots can be used. */
static int add_chunk(struct tn_session *session)
{
    struct tn_handle_slot *chunk;

    /* The directory doubles: it is full when its length is a power of two. */
    if (session->n_chunks == 0 ||
        (session->n_chunks >= CHUNKS_MIN && (session->n_chunks & (session->n_chunks - 1)) == 0)) {
        size_t n = session->n_chunks == 0 ? CHUNKS_MIN : session->n_chunks * 2;
        struct tn_handle_slot **chunks =
            realloc(session->chunks, n * sizeof(struct tn_handle_slot *));

        if (chunks == NULL)
            return TN_ERR_NOMEM;
        session->chunks = chunks;
    }
    chunk = malloc(TN_CHUNK_SLOTS * sizeof(*chunk));
    if (chunk == NULL)
        return TN_ERR_NOMEM;
    session->chunks[session->n_chunks++] = chunk;
    return 0;
}

/* Whether there is room for `n` more handles without more memory. */
static bool has_room(const struct tn_session *session, size_t n)
{
    return session->n_chunks * TN_CHUNK_SLOTS - session->n_used >= n;
}

static int make_room(struct tn_session *session, size_t n)
{
    int r = 0;

    while (r == 0 && !has_room(session, n))
        r = add_chunk(session);
    return r;
}

int tn_session_reserve(struct tn_session *session, size_t n)
{
    int r;

    if (n > session->max_handles || session->n_used > session->max_handles - n)
        return TN_ERR_TOO_MANY;
    r = make_room(session, n);
    return r == 0 && session->n_scopes > 0 ? tn_scoped_reserve(session, n) : r;
}

uint64_t tn_session_add(struct tn_session *session, struct tn_object **take_object)
{
    struct tn_handle_slot *slot;
    uint64_t index;
    uint64_t handle;

    TN_ASSERT(has_room(session, 1) && *take_object != NULL);
    if (session->first_free != 0) {
        index = session->first_free - 1;
        slot = tn_session_slot(session, index);
        session->first_free = slot->next_free;
    } else {
        index = session->n_slots++;
        slot = tn_session_slot(session, index);
    }
    do { /* one of the 2^64 tokens becomes 0, which is no handle; and 0 is no serial */
        session->serial = session->serial == SERIAL_MAX ? 1 : session->serial + 1;
        slot->mark = session->serial << TN_INDEX_BITS;
        handle = scramble(session, slot->mark | index);
    } while (handle == 0);
    if (session->n_scopes > 0)
        tn_scoped_enter(session, slot, index);
    slot->object = *take_object;
    *take_object = NULL;
    session->n_used++;
    return handle;
}

struct tn_handle_slot *tn_session_resolve(const struct tn_session *session, uint64_t handle,
                                          uint64_t *ret_index)
{
    uint64_t token = unscramble(session, handle);
    uint64_t serial = token >> TN_INDEX_BITS;
    struct tn_handle_slot *slot;

    if (handle == 0 || serial == 0 || (token & TN_INDEX_MASK) >= session->n_slots)
        return NULL;
    *ret_index = token & TN_INDEX_MASK;
    slot = tn_session_slot(session, *ret_index);
    return slot->mark >> TN_INDEX_BITS == serial ? slot : NULL;
}

int tn_session_find(const struct tn_session *session, uint64_t handle,
                    struct tn_object **ret_object)
{
    uint64_t index;
    const struct tn_handle_slot *slot = tn_session_resolve(session, handle, &index);

    if (slot == NULL)
        return TN_ERR_HANDLE;
    *ret_object = slot->object;
    return 0;
}

struct tn_object *tn_session_empty_slot(struct tn_session *session, struct tn_mutator *mu,
                                        struct tn_handle_slot *slot, uint64_t index)
{
    struct tn_object *object = slot->object;

    tn_root_leave(mu, object);
    slot->mark = 0;
    slot->next_free = session->first_free;
    session->first_free = index + 1;
    session->n_used--;
    return object;
}

/* Gives the memory back. Serial numbers go on, so old handles stay unknown. */
static void free_chunks(struct tn_session *session)
{
    for (size_t i = 0; i < session->n_chunks; i++)
        free(session->chunks[i]);
    free(session->chunks);
    session->chunks = NULL;
    session->n_chunks = 0;
    session->n_slots = 0;
    session->first_free = 0;
    free(session->scoped);
    session->scoped = NULL;
    session->n_scoped = 0;
    session->cap_scoped = 0;
}

void tn_session_shrink_if_empty(struct tn_session *session)
{
    if (session->n_used == 0 && session->n_chunks > CHUNKS_MIN)
        free_chunks(session);
}

int tn_session_take(struct tn_session *session, struct tn_mutator *mu, uint64_t handle,
                    struct tn_object **ret_object)
{
    uint64_t index;
    struct tn_handle_slot *slot = tn_session_resolve(session, handle, &index);

    if (slot == NULL)
        return TN_ERR_HANDLE;
    if (tn_slot_place(slot) != 0)
        tn_scoped_leave(session, slot);
    *ret_object = tn_session_empty_slot(session, mu, slot, index);
    tn_session_shrink_if_empty(session);
    return 0;
}

bool tn_session_count(const struct tn_session *session, const struct tn_object *object,
                      size_t *budget, uint64_t *ret_count)
{
    size_t n = session->n_slots < *budget ? session->n_slots : *budget;
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++) {
        const struct tn_handle_slot *slot = tn_session_slot(session, i);

        count += slot->mark != 0 && slot->object == object;
    }
    *budget -= n;
    *ret_count = count;
    return n == session->n_slots;
}

bool tn_session_close(struct tn_session *session, struct tn_mutator *mu, size_t *budget)
{
    tn_intakes_close(&session->uploads, mu);
    tn_session_end_subscriptions(session);
    while (session->n_slots > 0 && *budget > 0) {
        struct tn_handle_slot *slot = tn_session_slot(session, --session->n_slots);

        (*budget)--;
        if (slot->mark == 0)
            continue;
        slot->mark = 0;
        session->n_used--;
        tn_root_leave(mu, slot->object);
        tn_decref(mu, slot->object);
    }
    if (session->n_slots > 0)
        return false;
    free_chunks(session);
    free(session->scopes);
    tn_ring_remove(&session->link);
    tn_session_init(session, session->max_handles);
    return true;
}

/* ---- What collectors look at ---- */

void tn_sessions_init(struct tn_sessions *sessions, struct tn_thread *thread)
{
    *sessions = (struct tn_sessions){ .thread = thread };
    tn_ring_init(&sessions->ring);
}

bool tn_session_walk(struct tn_session *session, struct tn_mutator *mu, size_t *budget)
{
    uint64_t number = tn_roots_number(mu);

    if (session->walked == number)
        return true;
    for (; session->walk_at < session->n_slots; session->walk_at++, (*budget)--) {
        const struct tn_handle_slot *slot = tn_session_slot(session, session->walk_at);

        if (*budget == 0)
            return false;
        if (slot->mark != 0)
            tn_root_visit(mu, slot->object);
    }
    session->walk_at = 0;
    session->walked = number;
    return true;
}

bool tn_sessions_walk(struct tn_sessions *sessions, struct tn_mutator *mu, size_t budget)
{
    while (!tn_ring_is_empty(&sessions->ring)) {
        struct tn_session *session = TN_CONTAINER_OF(sessions->ring.next, struct tn_session, link);

        if (session->walked == tn_roots_number(mu))
            break; /* and so are those behind it */
        if (budget == 0 || !tn_session_walk(session, mu, &budget))
            return false;
        budget -= budget > 0; /* also for one that holds nothing */
        tn_ring_remove(&session->link);
        tn_ring_push_back(&sessions->ring, &session->link);
    }
    return true;
}

/*
 * Who does not mark yet, or does not any more, will walk all that it has then. It is not
 * enough that others of this marking have visited the session: what comes into it
 * here, until this mutator marks as well, is shaded by nobody.
 */
void tn_sessions_enter(struct tn_sessions *sessions, struct tn_session *session)
{
    uint64_t number = tn_roots_number(tn_thread_mutator(sessions->thread));

    if (number != 0 && session->walked == number) {
        tn_ring_push_back(&sessions->ring, &session->link);
        return;
    }
    session->walked = 0;
    session->walk_at = 0;
    tn_ring_push_front(&sessions->ring, &session->link);
    tn_thread_roots_came(sessions->thread);
}

bool tn_session_leave(struct tn_session *session, struct tn_mutator *mu, size_t *budget)
{
    uint64_t number = tn_roots_number(mu);

    for (; session->n_published<session->n_slots && * budget> 0; (*budget)--) {
        const struct tn_handle_slot *slot = tn_session_slot(session, session->n_published++);

        if (slot->mark != 0)
            tn_publish(mu, slot->object);
    }
    if (session->n_published < session->n_slots || (number != 0 && session->walked != number))
        return false;
    session->n_published = 0; /* for the next time */
    tn_ring_remove(&session->link);
    return true;
}
