/* SPDX-License-Identifier: MIT */
/* See session.h. */
#include "server/session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "server/subscription.h"

#define INDEX_BITS 24
#define INDEX_MASK ((UINT64_C(1) << INDEX_BITS) - 1)
#define SERIAL_MAX ((UINT64_C(1) << (64 - INDEX_BITS)) - 1)

/* Slots in one piece of memory of 16 KiB, less what malloc needs itself. */
#define CHUNK_SLOTS ((size_t)1008)

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

static struct tn_handle_slot *slot_at(const struct tn_session *session, uint64_t index)
{
    return &session->chunks[index / CHUNK_SLOTS][index % CHUNK_SLOTS];
}

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
    session->walked = sessions->walk;
    tn_ring_push_back(&sessions->ring, &session->link);
}

/* Appends a chunk, so that CHUNK_SLOTS more slots can be used. */
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
    chunk = malloc(CHUNK_SLOTS * sizeof(*chunk));
    if (chunk == NULL)
        return TN_ERR_NOMEM;
    session->chunks[session->n_chunks++] = chunk;
    return 0;
}

/* Whether there is room for `n` more handles without more memory. */
static bool has_room(const struct tn_session *session, size_t n)
{
    return session->n_chunks * CHUNK_SLOTS - session->n_used >= n;
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
    if (n > session->max_handles || session->n_used > session->max_handles - n)
        return TN_ERR_TOO_MANY;
    return make_room(session, n);
}

uint64_t tn_session_add(struct tn_session *session, struct tn_object **take_object)
{
    struct tn_handle_slot *slot;
    uint64_t index;
    uint64_t handle;

    TN_ASSERT(has_room(session, 1) && *take_object != NULL);
    if (session->first_free != 0) {
        index = session->first_free - 1;
        slot = slot_at(session, index);
        session->first_free = slot->next_free;
    } else {
        index = session->n_slots++;
        slot = slot_at(session, index);
    }
    do { /* one of the 2^64 tokens becomes 0, which is no handle; and 0 is no serial */
        session->serial = session->serial == SERIAL_MAX ? 1 : session->serial + 1;
        slot->token = session->serial << INDEX_BITS | index;
        handle = scramble(session, slot->token);
    } while (handle == 0);
    slot->object = *take_object;
    *take_object = NULL;
    session->n_used++;
    return handle;
}

/* The slot of a handle, or NULL. */
static struct tn_handle_slot *resolve(const struct tn_session *session, uint64_t handle)
{
    uint64_t token = unscramble(session, handle);
    struct tn_handle_slot *slot;

    if (handle == 0 || token == 0 || (token & INDEX_MASK) >= session->n_slots)
        return NULL;
    slot = slot_at(session, token & INDEX_MASK);
    return slot->token == token ? slot : NULL;
}

int tn_session_find(const struct tn_session *session, uint64_t handle,
                    struct tn_object **ret_object)
{
    const struct tn_handle_slot *slot = resolve(session, handle);

    if (slot == NULL)
        return TN_ERR_HANDLE;
    *ret_object = slot->object;
    return 0;
}

static struct tn_object *empty_slot(struct tn_session *session, struct tn_handle_slot *slot)
{
    struct tn_object *object = slot->object;
    uint64_t index = slot->token & INDEX_MASK;

    slot->token = 0;
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
}

int tn_session_take(struct tn_session *session, struct tn_mutator *mu, uint64_t handle,
                    struct tn_object **ret_object)
{
    struct tn_handle_slot *slot = resolve(session, handle);

    if (slot == NULL)
        return TN_ERR_HANDLE;
    tn_root_leave(mu, slot->object);
    *ret_object = empty_slot(session, slot);
    /* A session that held much and holds nothing costs little again. */
    if (session->n_used == 0 && session->n_chunks > CHUNKS_MIN)
        free_chunks(session);
    return 0;
}

bool tn_session_close(struct tn_session *session, struct tn_mutator *mu, size_t *budget)
{
    tn_session_end_subscriptions(session);
    while (session->n_slots > 0 && *budget > 0) {
        struct tn_handle_slot *slot = slot_at(session, --session->n_slots);

        (*budget)--;
        if (slot->token == 0)
            continue;
        slot->token = 0;
        session->n_used--;
        tn_root_leave(mu, slot->object);
        tn_decref(mu, slot->object);
    }
    if (session->n_slots > 0)
        return false;
    free_chunks(session);
    tn_ring_remove(&session->link);
    tn_session_init(session, session->max_handles);
    return true;
}

/* ---- What collectors look at ---- */

void tn_sessions_init(struct tn_sessions *sessions)
{
    *sessions = (struct tn_sessions){ .walk = 0 };
    tn_ring_init(&sessions->ring);
}

void tn_sessions_walk_begin(struct tn_sessions *sessions)
{
    sessions->walk++;
}

/* Visits what a session holds, and returns whether that was all of it. */
static bool walk_session(struct tn_session *session, struct tn_mutator *mu, size_t *budget)
{
    for (; session->walk_at<session->n_slots && * budget> 0; session->walk_at++) {
        const struct tn_handle_slot *slot = slot_at(session, session->walk_at);

        if (slot->token != 0)
            tn_root_visit(mu, slot->object);
        (*budget)--;
    }
    if (session->walk_at < session->n_slots)
        return false;
    session->walk_at = 0;
    return true;
}

bool tn_sessions_walk(struct tn_sessions *sessions, struct tn_mutator *mu, size_t budget)
{
    while (budget > 0 && !tn_ring_is_empty(&sessions->ring)) {
        struct tn_session *session = TN_CONTAINER_OF(sessions->ring.next, struct tn_session, link);

        if (session->walked == sessions->walk)
            break;
        if (!walk_session(session, mu, &budget))
            return false;
        budget -= budget > 0; /* also for one that holds nothing */
        session->walked = sessions->walk;
        tn_ring_remove(&session->link);
        tn_ring_push_back(&sessions->ring, &session->link);
    }
    return tn_ring_is_empty(&sessions->ring) ||
           TN_CONTAINER_OF(sessions->ring.next, struct tn_session, link)->walked == sessions->walk;
}
