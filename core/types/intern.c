/* SPDX-License-Identifier: MIT */
/*
 * The table of interned strs: some shards, each a flat index (object/flat.h) of
 * pointers to strs by the hashes of their texts. Searched without a lock, in a
 * read section; changed with the shard's lock.
 *
 * Invariants
 *  - What is in the table is a str with TN_BIT_WEAK, whose hash is computed.
 *  - No two of them have the same text. Strs that have the bit and are not in the
 *    table are about to be put in, or have been replaced, or found no room.
 *  - A str leaves the table before its memory can be used for anything else.
 *
 * Why the last one holds: a dead str with TN_BIT_WEAK is not freed where its count
 * sinks to zero, but put on the list of the dying. It is taken from there at a safe
 * point, under no lock; tn_interned_forget() removes it; only then it is retired,
 * and its memory is reused after a grace period (in mode gil: at once, as nobody
 * is in between then). So whoever finds a str in the table, under the lock or in a
 * read section, may look at its text and at its count.
 *
 * Why it never revives: what has been found may be dead. tn_tryref() says so, and
 * is the only way from the table to a reference. If it is dead, the newcomer takes
 * its place in the index, by one store, so that readers see the one or the other;
 * when the dead one is to be forgotten, it is not found there any more. What is
 * replaced or removed is decided by the address: that is the dead str's own until
 * it has been forgotten.
 */
#include "core/types/intern.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/base/sync.h"
#include "core/base/yield.h"
#include "core/memory/backing.h"
#include "core/object/flat.h"
#include "core/object/heap_internal.h"
#include "core/types/types_internal.h"

#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define N_SHARDS 2
#else
#define N_SHARDS 16
#endif

struct shard {
    /* [lock]   lock (TN_RANK_INTERNED); searched in read sections */
    struct tn_flat index;
    TN_CACHE_ALIGNED struct tn_mutex lock;
} TN_CACHE_ALIGNED;

struct tn_interned {
    struct shard shards[N_SHARDS];
};

/* What is looked for. */
struct wanted {
    struct tn_slice text;
    uint32_t hash;
};

static const struct tn_text *text_of(uint64_t payload)
{
    return (const struct tn_text *)(uintptr_t)payload;
}

static struct tn_object *object_of(uint64_t payload)
{
    return (struct tn_object *)(uintptr_t)payload;
}

static uint64_t payload_of(const struct tn_object *o)
{
    return (uint64_t)(uintptr_t)o;
}

/* Relaxed: it is computed before the str is found. */
static uint32_t hash_of(const struct tn_text *text)
{
    return atomic_load_explicit(&text->hash, memory_order_relaxed);
}

static struct shard *shard_of(struct tn_interned *interned, uint32_t hash)
{
    return &interned->shards[hash % N_SHARDS];
}

/* A tn_flat_match_fn: the text. */
TN_ALWAYS_INLINE bool has_text(uint64_t payload, const void *arg)
{
    const struct wanted *wanted = arg;
    const struct tn_text *text = text_of(payload);

    return hash_of(text) == wanted->hash && text->n_bytes == wanted->text.len &&
           memcmp(tn_text_content(text), wanted->text.data, text->n_bytes) == 0;
}

/* A tn_flat_match_fn: the very str. */
TN_ALWAYS_INLINE bool is_same(uint64_t payload, const void *arg)
{
    return object_of(payload) == arg;
}

/* A tn_flat_hash_fn. */
static void hashes(const uint64_t *payloads, size_t n, uint64_t *ret_hashes, const void *arg)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        TN_PREFETCH(text_of(payloads[i]));
    for (size_t i = 0; i < n; i++)
        ret_hashes[i] = tn_flat_hash_from_u32(hash_of(text_of(payloads[i])));
}

/* In mode gil the global lock is enough. */
TN_NO_TSA static void shard_lock(const struct tn_mutator *mu, struct shard *shard)
{
    if (mu->publishes)
        tn_mutex_lock(&shard->lock);
}

TN_NO_TSA static void shard_unlock(const struct tn_mutator *mu, struct shard *shard)
{
    if (mu->publishes)
        tn_mutex_unlock(&shard->lock);
}

/* The str with that text, dead or alive; NULL if there is none. */
static struct tn_object *shard_find(const struct shard *shard, const struct wanted *wanted)
{
    uint64_t payload;

    if (!tn_flat_find(&shard->index, tn_flat_hash_from_u32(wanted->hash), has_text, wanted,
                      &payload))
        return NULL;
    return object_of(payload);
}

/* Puts a new str in, or finds that somebody else was faster: then that one comes
 * back, with a reference. */
static int shard_add(struct tn_mutator *mu, struct shard *shard, const struct wanted *wanted,
                     struct tn_object *str, struct tn_object **ret_other)
{
    uint64_t hash = tn_flat_hash_from_u32(wanted->hash);
    struct tn_object *found;
    int r = 0;

    *ret_other = NULL;
    shard_lock(mu, shard);
    found = shard_find(shard, wanted);
    tn_yield();
    if (found == NULL)
        r = tn_flat_insert(mu, &shard->index, hash, payload_of(str), hashes, NULL);
    else if (tn_tryref(mu, found))
        *ret_other = found;
    else
        tn_flat_replace(&shard->index, hash, payload_of(found), payload_of(str));
    shard_unlock(mu, shard);
    return r;
}

/* A str that may be put into the table. */
static int str_prepare(struct tn_mutator *mu, const struct wanted *wanted,
                       struct tn_object **ret_str)
{
    struct tn_object *str;
    int r = tn_str_new(mu, wanted->text, &str);

    if (r < 0)
        return r;
    atomic_store_explicit(&((struct tn_text *)(void *)str)->hash, wanted->hash,
                          memory_order_relaxed);
    /* Relaxed: nobody else knows it yet. */
    atomic_fetch_or_explicit(&str->bits, TN_BIT_WEAK, memory_order_relaxed);
    tn_publish(mu, str);
    *ret_str = str;
    return 0;
}

int tn_str_intern(struct tn_mutator *mu, struct tn_slice text, struct tn_object **ret_str)
{
    struct wanted wanted = { .text = text };
    struct tn_object *other;
    struct tn_object *str;
    struct shard *shard;
    int r;

    if (text.len <= 1 || text.len > TN_TEXT_BYTES_MAX) /* there is one copy of it anyway */
        return tn_str_new(mu, text, ret_str);
    wanted.hash = tn_text_hash(&mu->heap->hash_key, text.data, text.len);
    shard = shard_of(mu->heap->interned, wanted.hash);
    str = shard_find(shard, &wanted);
    tn_yield();
    if (TN_LIKELY(str != NULL && tn_tryref(mu, str))) {
        *ret_str = str;
        return 0;
    }
    r = str_prepare(mu, &wanted, &str);
    if (r < 0)
        return r;
    r = shard_add(mu, shard, &wanted, str, &other);
    if (r < 0 || other != NULL)
        tn_decref(mu, str);
    if (r == 0)
        *ret_str = other != NULL ? other : str;
    return r;
}

void tn_interned_forget(struct tn_mutator *mu, struct tn_object *dead)
{
    uint32_t hash32 = hash_of(text_of(payload_of(dead)));
    struct shard *shard = shard_of(mu->heap->interned, hash32);
    uint64_t hash = tn_flat_hash_from_u32(hash32);
    uint64_t payload;

    shard_lock(mu, shard);
    if (tn_flat_find(&shard->index, hash, is_same, dead, &payload)) {
        tn_flat_remove(mu, &shard->index, hash, payload, hashes, NULL);
        tn_flat_trim(mu, &shard->index);
    }
    shard_unlock(mu, shard);
}

/* ---- The table itself ---- */

int tn_interned_new(struct tn_interned **ret_interned)
{
    struct tn_interned *interned =
        tn_backing_alloc(sizeof(*interned), _Alignof(struct tn_interned), true);

    if (interned == NULL)
        return TN_ERR_NOMEM;
    for (uint32_t i = 0; i < N_SHARDS; i++) {
        interned->shards[i].index.stagger = i % TN_FLAT_STAGGERS;
        tn_mutex_init(&interned->shards[i].lock, TN_RANK_INTERNED);
    }
    *ret_interned = interned;
    return 0;
}

void tn_interned_clear(struct tn_mutator *mu)
{
    for (size_t i = 0; i < N_SHARDS; i++)
        tn_flat_destroy(mu, &mu->heap->interned->shards[i].index);
}

void tn_interned_free(struct tn_interned **internedp)
{
    struct tn_interned *interned = *internedp;

    if (interned == NULL)
        return;
    for (size_t i = 0; i < N_SHARDS; i++)
        tn_mutex_fini(&interned->shards[i].lock);
    tn_backing_free(interned, sizeof(*interned), _Alignof(struct tn_interned));
    *internedp = NULL;
}

/* ---- Validation ---- */

/* Every text leads to itself. */
static bool validate_entry(uint64_t payload, uint64_t hash, void *arg)
{
    const struct shard *shard = arg;
    const struct tn_text *text = text_of(payload);
    struct wanted wanted = {
        .text = TN_SLICE(tn_text_content(text), text->n_bytes),
        .hash = hash_of(text),
    };

    TN_ASSERT(text->object.type == TN_TYPE_STR);
    TN_ASSERT((atomic_load_explicit(&text->object.bits, memory_order_relaxed) & TN_BIT_WEAK) != 0);
    TN_ASSERT(hash == tn_flat_hash_from_u32(wanted.hash));
    TN_ASSERT(shard_find(shard, &wanted) == object_of(payload));
    return true;
}

size_t tn_interned_validate(const struct tn_heap *heap)
{
    size_t n = 0;

    for (size_t i = 0; i < N_SHARDS; i++) {
        struct shard *shard = &heap->interned->shards[i];

        tn_flat_validate(&shard->index, hashes, NULL);
        (void)tn_flat_walk(&shard->index, 0, UINT64_MAX, hashes, NULL, validate_entry, shard);
        n += shard->index.n_entries;
    }
    return n;
}
