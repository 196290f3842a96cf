/* SPDX-License-Identifier: MIT */
/*
 * Names: looking up, binding, unbinding. Names that go by themselves are in
 * names_extra.c, scans in names_scan.c, namespaces in namespaces.c.
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

/* The flags of an entry that is to be bound in a way. */
static uint64_t entry_flags(const struct tn_name_how *how)
{
    if (how->kind == TN_NAME_WEAK)
        return TN_NAME_IS_WEAK | TN_NAME_HAS_EXTRA;
    return how->kind == TN_NAME_SOFT || how->ttl_ms != 0 ? TN_NAME_HAS_EXTRA : 0;
}

/* Whether an entry can be bound in a way; else another one takes its place. */
static bool entry_suits(const struct tn_name_entry *entry, const struct tn_name_how *how)
{
    uint64_t flags = entry_flags(how);

    return tn_name_is_weak(entry) == ((flags & TN_NAME_IS_WEAK) != 0) &&
           (tn_name_has_extra(entry) || (flags & TN_NAME_HAS_EXTRA) == 0);
}

/* An entry that is in no shard yet. Takes over the reference to the value. */
static int entry_new(struct tn_mutator *mu, struct tn_slice name, struct tn_object *value,
                     const struct tn_name_how *how, uint64_t version,
                     struct tn_name_entry **ret_entry)
{
    uint64_t flags = entry_flags(how);
    size_t bytes = flags != 0 ? tn_name_extra_offset(name.len) + sizeof(struct tn_name_extra)
                              : sizeof(**ret_entry) + name.len;
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
    atomic_store_explicit(&entry->meta, version << TN_NAME_VERSION_SHIFT | flags | name.len,
                          memory_order_relaxed);
    memcpy(entry->key, name.data, name.len);
    if (flags != 0)
        atomic_init(&tn_name_extra_of(entry)->state, tn_name_state_new(mu->heap, how));
    *ret_entry = entry;
    return 0;
}

size_t tn_name_entry_bytes(const struct tn_name_entry *entry)
{
    size_t len = tn_name_entry_key(entry).len;

    return tn_name_has_extra(entry) ? tn_name_extra_offset(len) + sizeof(struct tn_name_extra)
                                    : sizeof(*entry) + len;
}

static void entry_release(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    size_t bytes = tn_name_entry_bytes(entry);

    if (bytes <= TN_SMALL_MAX)
        tn_cache_free(&mu->cache, TN_KIND_BUFFER, tn_size_class(bytes), entry);
    else
        tn_large_buffer_free(&mu->cache, entry, bytes);
}

/* Frees an entry that no reader has ever seen, or that no reader is left to see. */
static void entry_free(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    tn_count_add(&mu->live_bytes, -(int64_t)tn_name_entry_bytes(entry));
    entry_release(mu, entry);
}

void tn_name_entry_retire(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    if (!mu->defers) {
        entry_free(mu, entry);
        return;
    }
    tn_count_add(&mu->live_bytes, -(int64_t)tn_name_entry_bytes(entry));
    tn_count_add(&mu->limbo.bytes, (int64_t)tn_name_entry_bytes(entry));
    /* Relaxed: only the bearer follows it. */
    atomic_store_explicit(&entry->link, (uintptr_t)mu->limbo.open.names | TN_NAME_GONE,
                          memory_order_relaxed);
    mu->limbo.open.names = entry;
}

struct tn_name_entry *tn_name_entry_free(struct tn_mutator *mu, struct tn_name_entry *entry)
{
    uintptr_t link = atomic_load_explicit(&entry->link, memory_order_relaxed);

    tn_count_add(&mu->limbo.bytes, -(int64_t)tn_name_entry_bytes(entry));
    entry_release(mu, entry);
    return (struct tn_name_entry *)(link & ~TN_NAME_GONE);
}

/* What a slot holds, NULL if the name is removed. */
static struct tn_object *entry_value(const struct tn_name_entry *entry)
{
    struct tn_object *value = tn_slot_load(&entry->value);

    return ((uintptr_t)value & TN_NAME_GONE) != 0 ? NULL : value;
}

struct tn_object *tn_name_entry_kept(const struct tn_name_entry *entry)
{
    return tn_name_is_weak(entry) ? NULL : entry_value(entry);
}

/*
 * What a slot holds, with the version and the state (0 without extras) that belong
 * to it. As tn_name_lookup(). NULL if the entry has been removed. Inlined, so that
 * nothing is left of `has_extra` where it is false.
 */
TN_ALWAYS_INLINE struct tn_object *entry_read(const struct tn_name_entry *entry, bool has_extra,
                                              uint64_t *ret_version, uint64_t *ret_state)
{
    struct tn_object *value;
    uint64_t state = 0;
    uint64_t before;
    uint64_t after;

    for (int i = 0;; i++) {
        /* Pairs with the release at the end of entry_rebind(): the object is the
         * one of this version, or a newer one. */
        before = atomic_load_explicit(&entry->meta, memory_order_acquire);
        value = entry_value(entry);
        if (has_extra) /* acquire, as for the object */
            state = tn_name_state_load(entry);
        /* Relaxed: if the object is a newer one, its acquire has made visible that
         * `meta` had been changed before it. */
        after = entry_meta(entry);
        if ((before == after && (before & TN_NAME_CHANGING) == 0) || i == READ_TRIES)
            break;
    }
    /* Out of tries, and before a change is complete, it is the older version. */
    *ret_version = before >> TN_NAME_VERSION_SHIFT;
    *ret_state = state;
    return value;
}

/* Binds another object to an entry that suits it, and returns the one before, whose
 * reference goes to the caller. Holds the shard's lock. */
static struct tn_object *entry_rebind(struct tn_mutator *mu, struct tn_name_shard *shard,
                                      struct tn_name_entry *entry, struct tn_object *value,
                                      const struct tn_name_how *how, uint64_t version)
{
    uint64_t meta = entry_meta(entry);
    struct tn_object *old;

    /* Relaxed: the release with which the slot is overwritten orders it. */
    atomic_store_explicit(&entry->meta, meta | TN_NAME_CHANGING, memory_order_relaxed);
    old = tn_slot_swap(mu, NULL, &entry->value, value);
    if (tn_name_has_extra(entry))
        tn_name_state_store(shard, entry, tn_name_state_new(mu->heap, how));
    /* Pairs with the acquire in entry_read(). */
    atomic_store_explicit(&entry->meta,
                          version << TN_NAME_VERSION_SHIFT | (meta & TN_NAME_CONST_MASK),
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
                            struct tn_object *value, const struct tn_name_how *how)
{
    struct tn_name_entry *entry;
    int r = entry_new(mu, name, value, how, shard->version + 1, &entry);

    if (r < 0)
        return r;
    r = tn_flat_insert(mu, &shard->index, hash << TN_NAME_SHARD_BITS, (uint64_t)(uintptr_t)entry,
                       tn_name_entry_hashes, &ns->hash_key);
    if (r < 0) {
        entry_free(mu, entry);
        return r;
    }
    if (tn_name_has_extra(entry))
        tn_name_ring_add(shard, entry);
    shard_count(shard);
    return 0;
}

/* Puts another entry in the place of one that does not suit. Hands over the
 * reference to its value. The caller retires it. */
static int shard_replace_locked(struct tn_mutator *mu, struct tn_name_shard *shard, uint64_t hash,
                                struct tn_name_entry *entry, struct tn_object *value,
                                const struct tn_name_how *how, uint64_t version,
                                struct tn_object **ret_old)
{
    struct tn_name_entry *made;
    int r = entry_new(mu, tn_name_entry_key(entry), value, how, version, &made);

    if (r < 0)
        return r;
    tn_flat_replace(&shard->index, hash << TN_NAME_SHARD_BITS, (uint64_t)(uintptr_t)entry,
                    (uint64_t)(uintptr_t)made);
    if (tn_name_has_extra(made))
        tn_name_ring_add(shard, made);
    if (tn_name_has_extra(entry))
        tn_name_ring_remove(shard, entry);
    /* Readers that have found the entry before search again from here on. */
    *ret_old = tn_slot_swap(mu, NULL, &entry->value, NULL);
    return 0;
}

void tn_name_tell_expired(struct tn_mutator *mu, const struct tn_namespace *ns,
                          const struct tn_name_entry *entry)
{
    if (tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENTS_NAME))
        tn_event_name(mu, TN_HEAP_EVENT_NAME_EXPIRED, ns, tn_name_entry_key(entry),
                      entry_meta(entry) >> TN_NAME_VERSION_SHIFT);
}

struct tn_object *tn_name_remove_locked(struct tn_mutator *mu, struct tn_namespace *ns,
                                        struct tn_name_shard *shard, struct tn_name_entry *entry)
{
    uint64_t hash = name_hash(ns, tn_name_entry_key(entry));

    tn_flat_remove(mu, &shard->index, hash << TN_NAME_SHARD_BITS, (uint64_t)(uintptr_t)entry,
                   tn_name_entry_hashes, &ns->hash_key);
    tn_flat_trim(mu, &shard->index);
    shard_count(shard);
    if (tn_name_has_extra(entry))
        tn_name_ring_remove(shard, entry);
    /* Readers that have found the entry before see from here on that it is gone. */
    return tn_slot_swap(mu, NULL, &entry->value, NULL);
}

/* What a name refers to for the holder of the lock; NULL if it is over. */
static struct tn_object *resolve_locked(struct tn_mutator *mu, const struct tn_name_entry *entry)
{
    struct tn_object *value = entry_value(entry);

    if (!tn_name_has_extra(entry))
        return value;
    return tn_name_extra_resolve(mu, entry, value, tn_name_state_load(entry));
}

/* `object` is what the name refers to, NULL if it is not bound. */
static bool require_is_met(const struct tn_name_require *require, const struct tn_name_entry *entry,
                           const struct tn_object *object)
{
    if (require == NULL)
        return true;
    if (object == NULL)
        return require->object == NULL && require->version == 0;
    return !require->absent && (require->object == NULL || require->object == object) &&
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

/* ---- Looking up ---- */

/* Somebody came upon an entry that is over: removes it, unless somebody else has
 * done so or has bound it again. */
static void name_remove_gone(struct tn_mutator *mu, struct tn_namespace *ns,
                             struct tn_name_entry *entry)
{
    struct tn_slice name = tn_name_entry_key(entry);
    uint64_t hash = name_hash(ns, name);
    struct tn_name_shard *shard = shard_of(ns, hash);
    struct tn_object *old = NULL;

    tn_name_shard_lock(mu, shard);
    if (shard_find(shard, name, hash) == entry && resolve_locked(mu, entry) == NULL)
        old = tn_name_remove_locked(mu, ns, shard, entry);
    tn_name_shard_unlock(mu, shard);
    if (old == NULL)
        return;
    tn_name_count_gone(mu);
    tn_name_tell_expired(mu, ns, entry);
    tn_name_entry_retire(mu, entry);
    tn_drop(mu, &old);
}

/* Reads an entry that was found, or whichever has taken its place. With `uses`, a
 * soft name is noted to have been looked up. */
static int name_read(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_name_entry *entry,
                     bool uses, struct tn_object **ret_object, struct tn_name_info *ret_info)
{
    struct tn_slice name = tn_name_entry_key(entry); /* there as long as the read section */
    struct tn_object *value;
    uint64_t version;
    uint64_t state;

    while ((value = entry_read(entry, tn_name_has_extra(entry), &version, &state)) == NULL) {
        uint64_t hash = name_hash(ns, name);

        entry = shard_find(shard_of(ns, hash), name, hash);
        if (entry == NULL)
            return TN_ERR_NAME;
    }
    *ret_info = (struct tn_name_info){ .version = version };
    if (tn_name_has_extra(entry)) {
        value = tn_name_extra_resolve(mu, entry, value, state);
        if (value == NULL) {
            name_remove_gone(mu, ns, entry);
            return TN_ERR_NAME;
        }
        if (uses)
            tn_name_extra_use(entry, state);
        tn_name_state_read(mu->heap, entry, state, ret_info);
    }
    *ret_object = value;
    return 0;
}

int tn_name_read(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_name_entry *entry,
                 struct tn_object **ret_object, struct tn_name_info *ret_info)
{
    return name_read(mu, ns, entry, false, ret_object, ret_info);
}

/* The way of names that can go by themselves, and of those whose entry was removed
 * since it was found. */
TN_COLD static int lookup_slow(struct tn_mutator *mu, struct tn_namespace *ns,
                               struct tn_name_entry *entry, struct tn_object **ret_object,
                               uint64_t *ret_version)
{
    struct tn_name_info info;
    int r = name_read(mu, ns, entry, true, ret_object, &info);

    if (r == 0 && ret_version != NULL)
        *ret_version = info.version;
    return r;
}

/* What an entry without extras refers to, and with which version. Out of line: it
 * would take the search's registers. */
__attribute__((noinline)) static struct tn_object *read_plain(const struct tn_name_entry *entry,
                                                              uint64_t *ret_version)
{
    uint64_t state;

    return entry_read(entry, false, ret_version, &state);
}

TN_ALWAYS_INLINE int lookup(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                            uint64_t hash, struct tn_object **ret_object, uint64_t *ret_version)
{
    struct tn_name_entry *entry = shard_find(&ns->shards[shard_index(hash)], name, hash);
    struct tn_object *value;
    uint64_t version;

    if (TN_UNLIKELY(entry == NULL))
        return TN_ERR_NAME;
    if (TN_UNLIKELY(tn_name_has_extra(entry)))
        return lookup_slow(mu, ns, entry, ret_object, ret_version);
    value = ret_version == NULL ? entry_value(entry) : read_plain(entry, &version);
    if (TN_UNLIKELY(value == NULL))
        return lookup_slow(mu, ns, entry, ret_object, ret_version);
    *ret_object = value;
    if (ret_version != NULL)
        *ret_version = version;
    return 0;
}

int tn_name_lookup(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                   struct tn_object **ret_object, uint64_t *ret_version)
{
    return lookup(mu, ns, name, name_hash(ns, name), ret_object, ret_version);
}

int tn_name_describe(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                     struct tn_object **ret_object, struct tn_name_info *ret_info)
{
    uint64_t hash = name_hash(ns, name);
    struct tn_name_entry *entry = shard_find(shard_of(ns, hash), name, hash);

    return entry == NULL ? TN_ERR_NAME : tn_name_read(mu, ns, entry, ret_object, ret_info);
}

int tn_name_lookup_hashed(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                          uint64_t hash, struct tn_object **ret_object, uint64_t *ret_version)
{
    return lookup(mu, ns, name, hash, ret_object, ret_version);
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

/* ---- Changing ---- */

/* Binds the value in one way or another. `*ret_spent` is an entry to be retired, or
 * NULL, and `*ret_old` the value before, if any. */
static int bind_locked(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_name_shard *shard,
                       struct tn_slice name, uint64_t hash, struct tn_object *value,
                       const struct tn_name_how *how, struct tn_name_entry *entry,
                       struct tn_name_entry **ret_spent, struct tn_object **ret_old)
{
    int r;

    if (entry == NULL) {
        r = shard_add_locked(mu, ns, shard, name, hash, value, how);
    } else if (entry_suits(entry, how)) {
        *ret_old = entry_rebind(mu, shard, entry, value, how, shard->version + 1);
        r = 0;
    } else {
        r = shard_replace_locked(mu, shard, hash, entry, value, how, shard->version + 1, ret_old);
        if (r == 0)
            *ret_spent = entry;
    }
    if (r == 0)
        shard->version++;
    return r;
}

/* Binds a value: what a name's slot is to hold. Takes over the reference on success. */
static int bind_value(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                      struct tn_object *value, const struct tn_name_how *how,
                      const struct tn_name_require *require, struct tn_name_change *ret_change)
{
    uint64_t hash = name_hash(ns, name);
    struct tn_name_shard *shard = shard_of(ns, hash);
    struct tn_name_entry *spent = NULL;
    struct tn_name_entry *entry;
    struct tn_object *bound;
    struct tn_object *old = NULL;
    uint64_t version;
    int r;

    tn_name_shard_lock(mu, shard);
    entry = shard_find(shard, name, hash);
    bound = entry == NULL ? NULL : resolve_locked(mu, entry);
    if (require_is_met(require, entry, bound))
        r = bind_locked(mu, ns, shard, name, hash, value, how, entry, &spent, &old);
    else
        r = TN_ERR_PRECONDITION;
    version = shard->version;
    tn_name_shard_unlock(mu, shard);
    if (r < 0)
        return r;
    if (ret_change != NULL)
        *ret_change = (struct tn_name_change){ .version = version, .existed = bound != NULL };
    if (tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENTS_NAME))
        tn_event_name(mu, bound == NULL ? TN_HEAP_EVENT_NAME_BOUND : TN_HEAP_EVENT_NAME_CHANGED, ns,
                      name, version);
    if (spent != NULL)
        tn_name_entry_retire(mu, spent);
    tn_drop(mu, &old);
    return 0;
}

int tn_name_bind_as(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                    struct tn_object **take_object, const struct tn_name_how *how,
                    const struct tn_name_require *require, struct tn_name_change *ret_change)
{
    struct tn_object *value = *take_object;
    int r;

    if (name.len == 0 || name.len > TN_NAME_BYTES_MAX || how->ttl_ms > TN_NAME_TTL_MS_MAX)
        return TN_ERR_INVAL;
    if (how->kind == TN_NAME_WEAK) {
        r = tn_weakref_new(mu, *take_object, &value);
        if (r < 0)
            return r;
    } else {
        /* Before the lock: this may have to walk all that the object refers to. */
        tn_publish(mu, value);
    }
    r = bind_value(mu, ns, name, value, how, require, ret_change);
    if (how->kind == TN_NAME_WEAK)
        tn_decref(mu, r < 0 ? value : *take_object);
    if (r == 0)
        *take_object = NULL;
    return r;
}

int tn_name_bind(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                 struct tn_object **take_object, const struct tn_name_require *require,
                 struct tn_name_change *ret_change)
{
    static const struct tn_name_how strongly_for_ever = { .kind = TN_NAME_STRONG };

    return tn_name_bind_as(mu, ns, name, take_object, &strongly_for_ever, require, ret_change);
}

/* The same for an entry: the object stays bound in an entry that can age. */
static int set_ttl_locked(struct tn_mutator *mu, struct tn_name_shard *shard, uint64_t hash,
                          struct tn_name_entry *entry, uint64_t ttl_ms,
                          struct tn_name_entry **ret_spent, struct tn_object **ret_old)
{
    struct tn_name_how how = { .kind = TN_NAME_STRONG, .ttl_ms = ttl_ms };
    struct tn_object *value = entry_value(entry);
    int r;

    if (tn_name_has_extra(entry)) {
        uint64_t kept = tn_name_state_load(entry) & (TN_NAME_SOFT_BIT | TN_NAME_USED_BIT);

        tn_name_state_store(shard, entry, tn_name_state_new(mu->heap, &how) | kept);
        return 0;
    }
    if (ttl_ms == 0)
        return 0;
    tn_incref(mu, value);
    r = shard_replace_locked(mu, shard, hash, entry, value, &how,
                             entry_meta(entry) >> TN_NAME_VERSION_SHIFT, ret_old);
    if (r == 0)
        *ret_spent = entry;
    else
        *ret_old = value;
    return r;
}

int tn_name_set_ttl(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                    uint64_t ttl_ms, struct tn_name_info *ret_info)
{
    uint64_t hash = name_hash(ns, name);
    struct tn_name_shard *shard = shard_of(ns, hash);
    struct tn_name_entry *spent = NULL;
    struct tn_name_entry *entry;
    struct tn_object *old = NULL;
    int r = TN_ERR_NAME;

    if (ttl_ms > TN_NAME_TTL_MS_MAX)
        return TN_ERR_INVAL;
    tn_name_shard_lock(mu, shard);
    entry = shard_find(shard, name, hash);
    if (entry != NULL && resolve_locked(mu, entry) != NULL) {
        struct tn_name_info info = { .version = entry_meta(entry) >> TN_NAME_VERSION_SHIFT };

        if (tn_name_has_extra(entry))
            tn_name_state_read(mu->heap, entry, tn_name_state_load(entry), &info);
        info.ttl_ms = ttl_ms;
        r = set_ttl_locked(mu, shard, hash, entry, ttl_ms, &spent, &old);
        if (r == 0)
            *ret_info = info;
    }
    tn_name_shard_unlock(mu, shard);
    if (spent != NULL)
        tn_name_entry_retire(mu, spent);
    tn_drop(mu, &old);
    return r;
}

int tn_name_unbind(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                   const struct tn_name_require *require, struct tn_name_change *ret_change)
{
    uint64_t hash = name_hash(ns, name);
    struct tn_name_shard *shard = shard_of(ns, hash);
    struct tn_name_entry *entry;
    struct tn_object *bound;
    struct tn_object *old;

    tn_name_shard_lock(mu, shard);
    entry = shard_find(shard, name, hash);
    bound = entry == NULL ? NULL : resolve_locked(mu, entry);
    if (entry == NULL || (bound != NULL && !require_is_met(require, entry, bound))) {
        tn_name_shard_unlock(mu, shard);
        return entry == NULL ? TN_ERR_NAME : TN_ERR_PRECONDITION;
    }
    old = tn_name_remove_locked(mu, ns, shard, entry); /* also if it was over already */
    tn_name_shard_unlock(mu, shard);
    if (bound != NULL && ret_change != NULL)
        *ret_change = (struct tn_name_change){
            .version = entry_meta(entry) >> TN_NAME_VERSION_SHIFT,
            .existed = true,
        };
    if (bound == NULL)
        tn_name_tell_expired(mu, ns, entry);
    else if (tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENTS_NAME))
        tn_event_name(mu, TN_HEAP_EVENT_NAME_REMOVED, ns, name,
                      entry_meta(entry) >> TN_NAME_VERSION_SHIFT);
    tn_name_entry_retire(mu, entry);
    tn_drop(mu, &old);
    return bound != NULL ? 0 : TN_ERR_NAME;
}
