/* SPDX-License-Identifier: MIT */
/*
 * Names: looking up, binding, unbinding. Scans are in names_scan.c, namespaces in
 * namespaces.c.
 *
 * A name's hash chooses its shard with the highest six bits; the other 58 are
 * its hash within the shard's index, so the order of hashes is kept: a range of
 * hashes is a range of one shard or of several.
 */
#include "core/object/names.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "core/memory/fault.h"
#include "core/memory/large.h"
#include "core/object/heap_internal.h"
#include "core/object/names_internal.h"
#include "core/object/slot.h"

/* How often a lookup tries to see a name between two changes. */
#define READ_TRIES 32

/* ---- Entries ---- */

static struct tn_name_entry *entry_of(uint64_t payload)
{
    return (struct tn_name_entry *)(uintptr_t)payload;
}

static uint64_t entry_meta(const struct tn_name_entry *entry)
{
    return atomic_load_explicit(&entry->meta, memory_order_relaxed);
}

struct tn_slice tn_name_entry_key(const struct tn_name_entry *entry)
{
    /* Relaxed: the length never changes. */
    return TN_SLICE(entry->key, (size_t)(entry_meta(entry) & TN_NAME_LEN_MASK));
}

static uint64_t load_u64(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* memcmp() == 0, but inlined: a call would cost a lookup a third of its
 * instructions, and with them the processor's view of the next one. */
TN_ALWAYS_INLINE bool key_equal(const char *a, const char *b, size_t len)
{
    if (len < 8) {
        for (size_t i = 0; i < len; i++)
            if (a[i] != b[i])
                return false;
        return true;
    }
    for (size_t i = 0; i + 8 < len; i += 8)
        if (load_u64(a + i) != load_u64(b + i))
            return false;
    return load_u64(a + len - 8) == load_u64(b + len - 8);
}

/* A tn_flat_match_fn. */
TN_ALWAYS_INLINE bool entry_match(uint64_t payload, const void *arg)
{
    const struct tn_slice *name = arg;
    struct tn_slice key = tn_name_entry_key(entry_of(payload));

    return key.len == name->len && key_equal(key.data, name->data, key.len);
}

void tn_name_entry_hashes(const uint64_t *payloads, size_t n, uint64_t *ret_hashes, const void *arg)
{
    const struct tn_siphash_key *hash_key = arg;

    for (size_t i = 0; i < n; i++)
        TN_PREFETCH(entry_of(payloads[i]));
    for (size_t i = 0; i < n; i++) {
        struct tn_slice key = tn_name_entry_key(entry_of(payloads[i]));

        ret_hashes[i] = tn_siphash(hash_key, key.data, key.len) << TN_NAME_SHARD_BITS;
    }
}

static int entry_new(struct tn_mutator *mu, struct tn_slice name, struct tn_object *value,
                     uint64_t version, struct tn_name_entry **ret_entry)
{
    size_t bytes = sizeof(**ret_entry) + name.len;
    struct tn_name_entry *entry;
    void *block;
    int r;

    if (tn_fault_strikes())
        return TN_ERR_NOMEM;
    if (bytes <= TN_SMALL_MAX)
        r = tn_cache_alloc(&mu->cache, TN_KIND_BUFFER, tn_size_class(bytes), &block);
    else
        r = tn_large_buffer_alloc(&mu->cache, bytes, false, &block);
    if (r < 0)
        return r;
    tn_count_add(&mu->live_bytes, (int64_t)bytes);
    entry = block;
    tn_slot_init(mu, NULL, &entry->value, value);
    /* Relaxed, as the key: the index publishes the entry. */
    atomic_store_explicit(&entry->meta, version << TN_NAME_VERSION_SHIFT | name.len,
                          memory_order_relaxed);
    memcpy(entry->key, name.data, name.len);
    *ret_entry = entry;
    return 0;
}

static size_t entry_bytes(const struct tn_name_entry *entry)
{
    return sizeof(*entry) + tn_name_entry_key(entry).len;
}

static void entry_release(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    size_t bytes = entry_bytes(entry);

    if (bytes <= TN_SMALL_MAX)
        tn_cache_free(&mu->cache, TN_KIND_BUFFER, tn_size_class(bytes), entry);
    else
        tn_large_buffer_free(&mu->cache, entry, bytes);
}

/* Frees an entry that no reader has ever seen, or that no reader is left to see. */
static void entry_free(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    tn_count_add(&mu->live_bytes, -(int64_t)entry_bytes(entry));
    entry_release(mu, entry);
}

/* Gives back a removed entry that readers may be looking at. To them its link
 * means what NULL meant: gone. */
static void entry_retire(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    if (!mu->defers) {
        entry_free(mu, entry);
        return;
    }
    tn_count_add(&mu->live_bytes, -(int64_t)entry_bytes(entry));
    tn_count_add(&mu->limbo.bytes, (int64_t)entry_bytes(entry));
    /* Relaxed: only the bearer follows it. */
    atomic_store_explicit(&entry->link, (uintptr_t)mu->limbo.open.names | TN_NAME_GONE,
                          memory_order_relaxed);
    mu->limbo.open.names = entry;
}

struct tn_name_entry *tn_name_entry_free(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    uintptr_t link = atomic_load_explicit(&entry->link, memory_order_relaxed);

    tn_count_add(&mu->limbo.bytes, -(int64_t)entry_bytes(entry));
    entry_release(mu, entry);
    return (struct tn_name_entry *)(link & ~TN_NAME_GONE);
}

/* What a slot holds, NULL if the name is removed. */
static struct tn_object *entry_value(const struct tn_name_entry *entry)
{
    struct tn_object *value = tn_slot_load(&entry->value);

    return ((uintptr_t)value & TN_NAME_GONE) != 0 ? NULL : value;
}

struct tn_object *tn_name_entry_read(const struct tn_name_entry *entry, uint64_t *ret_version)
{
    struct tn_object *value;
    uint64_t before;
    uint64_t after;

    for (int i = 0;; i++) {
        /* Pairs with the release at the end of entry_rebind(): the object is the
         * one of this version, or a newer one. */
        before = atomic_load_explicit(&entry->meta, memory_order_acquire);
        value = entry_value(entry);
        /* Relaxed: if the object is a newer one, its acquire has made visible that
         * `meta` had been changed before it. */
        after = entry_meta(entry);
        if ((before == after && (before & TN_NAME_CHANGING) == 0) || i == READ_TRIES)
            break;
    }
    /* Out of tries, and before a change is complete, it is the older version. */
    *ret_version = before >> TN_NAME_VERSION_SHIFT;
    return value;
}

/* Binds another object to an entry and returns the one before, whose reference
 * goes to the caller. Holds the shard's lock. */
static struct tn_object *entry_rebind(struct tn_mutator *mu, struct tn_name_entry *entry,
                                      struct tn_object *value, uint64_t version)
{
    uint64_t meta = entry_meta(entry);
    struct tn_object *old;

    /* Relaxed: the release with which the slot is overwritten orders it. */
    atomic_store_explicit(&entry->meta, meta | TN_NAME_CHANGING, memory_order_relaxed);
    old = tn_slot_swap(mu, NULL, &entry->value, value);
    /* Pairs with the acquire in tn_name_entry_read(). */
    atomic_store_explicit(&entry->meta,
                          version << TN_NAME_VERSION_SHIFT | (meta & TN_NAME_LEN_MASK),
                          memory_order_release);
    return old;
}

/* ---- Shards ---- */

static size_t shard_index(uint64_t hash)
{
    return hash >> (64 - TN_NAME_SHARD_BITS);
}

static struct tn_name_shard *shard_of(struct tn_namespace *ns, uint64_t hash)
{
    return &ns->shards[shard_index(hash)];
}

static uint64_t name_hash(const struct tn_namespace *ns, struct tn_slice name)
{
    return tn_siphash(&ns->hash_key, name.data, name.len);
}

TN_NO_TSA void tn_name_shard_lock(const struct tn_mutator *mu, struct tn_name_shard *shard)
{
    if (mu->publishes)
        tn_mutex_lock(&shard->lock);
}

TN_NO_TSA void tn_name_shard_unlock(const struct tn_mutator *mu, struct tn_name_shard *shard)
{
    if (mu->publishes)
        tn_mutex_unlock(&shard->lock);
}

TN_ALWAYS_INLINE struct tn_name_entry *shard_find(const struct tn_name_shard *shard,
                                                  struct tn_slice name, uint64_t hash)
{
    uint64_t payload;

    if (!tn_flat_find(&shard->index, hash << TN_NAME_SHARD_BITS, entry_match, &name, &payload))
        return NULL;
    return entry_of(payload);
}

static void shard_count(struct tn_name_shard *shard)
{
    /* Relaxed: a figure for statistics. */
    atomic_store_explicit(&shard->n_names, shard->index.n_entries, memory_order_relaxed);
}

/* Adds a name that is not there. */
static int shard_add_locked(struct tn_mutator *mu, struct tn_namespace *ns,
                            struct tn_name_shard *shard, struct tn_slice name, uint64_t hash,
                            struct tn_object *value)
{
    struct tn_name_entry *entry;
    int r = entry_new(mu, name, value, shard->version + 1, &entry);

    if (r < 0)
        return r;
    r = tn_flat_insert(mu, &shard->index, hash << TN_NAME_SHARD_BITS, (uint64_t)(uintptr_t)entry,
                       tn_name_entry_hashes, &ns->hash_key);
    if (r < 0) {
        entry_free(mu, entry);
        return r;
    }
    shard_count(shard);
    return 0;
}

static bool require_is_met(const struct tn_name_require *require, const struct tn_name_entry *entry)
{
    if (require == NULL)
        return true;
    if (entry == NULL)
        return require->object == NULL && require->version == 0;
    return !require->absent && (require->object == NULL || require->object == entry_value(entry)) &&
           (require->version == 0 ||
            require->version == entry_meta(entry) >> TN_NAME_VERSION_SHIFT);
}

/* A tn_flat_visit_fn: drops what an entry refers to, and the entry. */
static bool entry_destroy(uint64_t payload, uint64_t hash, void *arg)
{
    struct tn_mutator *mu = arg;
    struct tn_name_entry *entry = entry_of(payload);
    struct tn_object *value = tn_slot_swap(mu, NULL, &entry->value, NULL);

    (void)hash;
    tn_drop(mu, &value);
    entry_free(mu, entry);
    return true;
}

void tn_name_shard_destroy(struct tn_mutator *mu, struct tn_namespace *ns,
                           struct tn_name_shard *shard)
{
    (void)tn_flat_walk(&shard->index, 0, UINT64_MAX, tn_name_entry_hashes, &ns->hash_key,
                       entry_destroy, mu); /* never ended early */
    tn_flat_destroy(mu, &shard->index);
    tn_mutex_fini(&shard->lock);
}

/* ---- Names ---- */

TN_ALWAYS_INLINE int lookup(const struct tn_namespace *ns, struct tn_slice name, uint64_t hash,
                            struct tn_object **ret_object, uint64_t *ret_version)
{
    const struct tn_name_entry *entry = shard_find(&ns->shards[shard_index(hash)], name, hash);
    struct tn_object *value;
    uint64_t version;

    if (TN_UNLIKELY(entry == NULL))
        return TN_ERR_NAME;
    value = ret_version == NULL ? entry_value(entry) : tn_name_entry_read(entry, &version);
    if (TN_UNLIKELY(value == NULL))
        return TN_ERR_NAME; /* removed since we have found it */
    *ret_object = value;
    if (ret_version != NULL)
        *ret_version = version;
    return 0;
}

int tn_name_lookup(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                   struct tn_object **ret_object, uint64_t *ret_version)
{
    (void)mu;
    return lookup(ns, name, name_hash(ns, name), ret_object, ret_version);
}

int tn_name_lookup_hashed(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                          uint64_t hash, struct tn_object **ret_object, uint64_t *ret_version)
{
    (void)mu;
    return lookup(ns, name, hash, ret_object, ret_version);
}

uint64_t tn_name_prefetch(const struct tn_namespace *ns, struct tn_slice name)
{
    uint64_t hash = name_hash(ns, name);

    tn_flat_prefetch(&ns->shards[shard_index(hash)].index, hash << TN_NAME_SHARD_BITS);
    return hash;
}

void tn_name_prefetch_entry(const struct tn_namespace *ns, uint64_t hash)
{
    tn_flat_prefetch_entry(&ns->shards[shard_index(hash)].index, hash << TN_NAME_SHARD_BITS);
}

int tn_name_bind(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                 struct tn_object **take_object, const struct tn_name_require *require,
                 struct tn_name_change *ret_change)
{
    uint64_t hash = name_hash(ns, name);
    struct tn_name_shard *shard = shard_of(ns, hash);
    struct tn_name_entry *entry;
    struct tn_object *old = NULL;
    uint64_t version;
    int r = 0;

    if (name.len == 0 || name.len > TN_NAME_BYTES_MAX)
        return TN_ERR_INVAL;
    /* Before the lock: this may have to walk all that the object refers to. */
    tn_publish(mu, *take_object);
    tn_name_shard_lock(mu, shard);
    entry = shard_find(shard, name, hash);
    if (!require_is_met(require, entry))
        r = TN_ERR_PRECONDITION;
    else if (entry == NULL)
        r = shard_add_locked(mu, ns, shard, name, hash, *take_object);
    else
        old = entry_rebind(mu, entry, *take_object, shard->version + 1);
    if (r == 0)
        shard->version++;
    version = shard->version;
    tn_name_shard_unlock(mu, shard);
    if (r < 0)
        return r;
    *take_object = NULL;
    if (ret_change != NULL)
        *ret_change = (struct tn_name_change){ .version = version, .existed = entry != NULL };
    if (tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENTS_NAME))
        tn_event_name(mu, entry == NULL ? TN_HEAP_EVENT_NAME_BOUND : TN_HEAP_EVENT_NAME_CHANGED, ns,
                      name, version);
    tn_drop(mu, &old);
    return 0;
}

int tn_name_unbind(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                   const struct tn_name_require *require, struct tn_name_change *ret_change)
{
    uint64_t hash = name_hash(ns, name);
    struct tn_name_shard *shard = shard_of(ns, hash);
    struct tn_name_entry *entry;
    struct tn_object *old = NULL;
    int r = 0;

    tn_name_shard_lock(mu, shard);
    entry = shard_find(shard, name, hash);
    if (entry == NULL) {
        r = TN_ERR_NAME;
    } else if (!require_is_met(require, entry)) {
        r = TN_ERR_PRECONDITION;
    } else {
        tn_flat_remove(mu, &shard->index, hash << TN_NAME_SHARD_BITS, (uint64_t)(uintptr_t)entry,
                       tn_name_entry_hashes, &ns->hash_key);
        tn_flat_trim(mu, &shard->index);
        shard_count(shard);
        /* Readers that have found the entry before see from here on that it is gone. */
        old = tn_slot_swap(mu, NULL, &entry->value, NULL);
    }
    tn_name_shard_unlock(mu, shard);
    if (r < 0)
        return r;
    if (ret_change != NULL)
        *ret_change = (struct tn_name_change){
            .version = entry_meta(entry) >> TN_NAME_VERSION_SHIFT,
            .existed = true,
        };
    if (tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENTS_NAME))
        tn_event_name(mu, TN_HEAP_EVENT_NAME_REMOVED, ns, name,
                      entry_meta(entry) >> TN_NAME_VERSION_SHIFT);
    entry_retire(mu, entry);
    tn_drop(mu, &old);
    return 0;
}
