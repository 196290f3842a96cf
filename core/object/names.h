/* SPDX-License-Identifier: MIT */
/*
 * Names: the roots that clients give objects.
 *
 * A namespace is a table of 64 shards, each a flat index (flat.h) of entries
 * with their key inline. Lookups are lock-free and count nothing; changes hold
 * the shard's lock (TN_RANK_SHARD). Versions of a name only grow, also when it
 * is removed and bound again.
 *
 * A name keeps its object alive, or not:
 *
 *   strong  until it is unbound
 *   weak    never: the name goes when the object dies
 *   soft    until memory is short: then tn_names_drop_soft() unbinds those that
 *           have not been looked up for longest
 *
 * and any of them may have a time to live. A name whose object is dead or whose
 * time is over is not bound any more for anybody who asks; its entry goes when
 * somebody comes upon it, who takes the shard's lock for that, or with
 * tn_names_sweep(). Only the number of names includes it until then. In mode gil
 * what was borrowed through a name is therefore valid only until that name is
 * looked up again.
 */
#ifndef TN_CORE_OBJECT_NAMES_H
#define TN_CORE_OBJECT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"

#define TN_NAME_BYTES_MAX 1024
#define TN_NAMESPACES_MAX 1024

struct tn_namespace;

enum tn_name_kind {
    TN_NAME_STRONG,
    TN_NAME_WEAK,
    TN_NAME_SOFT,
};

/* The longest time to live: some hundred years. */
#define TN_NAME_TTL_MS_MAX (UINT64_C(1) << 42)

/* How a name is bound. Zero: strongly, for ever. */
struct tn_name_how {
    enum tn_name_kind kind;
    uint64_t ttl_ms; /* from now on; 0: for ever */
};

/* What is known about a name besides its object. */
struct tn_name_info {
    uint64_t version;
    enum tn_name_kind kind;
    uint64_t ttl_ms; /* what is left; 0: for ever */
};

/* Finds a namespace, or makes it. It lives as long as the heap. Name: 1 to
 * TN_NAME_BYTES_MAX bytes. TN_ERR_INVAL, TN_ERR_TOO_MANY, TN_ERR_NOMEM,
 * TN_ERR_LIMIT. Online. */
TN_MUST_CHECK int tn_namespace_open(struct tn_mutator *mu, struct tn_slice name,
                                    struct tn_namespace **ret_namespace);

/* Calls `visit` with every namespace and its number of names. Any thread. */
void tn_namespaces_each(struct tn_heap *heap,
                        void (*visit)(struct tn_slice name, uint64_t n_names, void *arg),
                        void *arg);

/*
 * The object of a name, borrowed, and the name's version (may be NULL): the
 * version with which just this object was bound. Should a writer be stopped in
 * the middle of binding another one, the version may for that time be an older
 * one than the object's, so that a change that requires it fails, but never a
 * newer one. TN_ERR_NAME. Lock-free.
 */
TN_MUST_CHECK int tn_name_lookup(struct tn_mutator *mu, struct tn_namespace *ns,
                                 struct tn_slice name, struct tn_object **ret_object,
                                 uint64_t *ret_version);

/* The same with everything that is known about the name. Does not count as use of
 * a soft name. */
TN_MUST_CHECK int tn_name_describe(struct tn_mutator *mu, struct tn_namespace *ns,
                                   struct tn_slice name, struct tn_object **ret_object,
                                   struct tn_name_info *ret_info);

/*
 * The same in steps, for who has several names to look up: the first one begins
 * to fetch the words of the index and returns the name's hash; the second one,
 * called once those have arrived, begins to fetch the entry; the third one looks
 * up. Any number of names may be on their way at a time. Lock-free.
 */
uint64_t tn_name_prefetch(const struct tn_namespace *ns, struct tn_slice name);
void tn_name_prefetch_entry(const struct tn_namespace *ns, uint64_t hash);
TN_MUST_CHECK int tn_name_lookup_hashed(struct tn_mutator *mu, struct tn_namespace *ns,
                                        struct tn_slice name, uint64_t hash,
                                        struct tn_object **ret_object, uint64_t *ret_version);

/* What must hold for a change; checked and changed in one atomic step. Zero
 * fields ask nothing. */
struct tn_name_require {
    bool absent;
    const struct tn_object *object; /* the name refers to it */
    uint64_t version;
};

struct tn_name_change {
    uint64_t version; /* of the name afterwards; of the removed name */
    bool existed;
};

/* Binds a name; takes over the reference on success. `require` and `ret_change`
 * may be NULL.
 * TN_ERR_INVAL (empty or too long), TN_ERR_PRECONDITION, TN_ERR_NOMEM,
 * TN_ERR_LIMIT. Binding a name that exists and is not weak never needs memory. */
TN_MUST_CHECK int tn_name_bind(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                               struct tn_object **take_object,
                               const struct tn_name_require *require,
                               struct tn_name_change *ret_change);

/* The same in any kind; the reference to the object of a weak name is dropped.
 * Also TN_ERR_TYPE: a weak name for what cannot be referred to weakly; and
 * TN_ERR_INVAL for a time to live that is too long. */
TN_MUST_CHECK int tn_name_bind_as(struct tn_mutator *mu, struct tn_namespace *ns,
                                  struct tn_slice name, struct tn_object **take_object,
                                  const struct tn_name_how *how,
                                  const struct tn_name_require *require,
                                  struct tn_name_change *ret_change);

/* Gives a name that is bound another time to live, from now on (0: for ever), and
 * changes nothing else of it. TN_ERR_NAME, TN_ERR_INVAL, TN_ERR_NOMEM, TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_name_set_ttl(struct tn_mutator *mu, struct tn_namespace *ns,
                                  struct tn_slice name, uint64_t ttl_ms,
                                  struct tn_name_info *ret_info);

/* Removes a name. TN_ERR_NAME, TN_ERR_PRECONDITION. Never needs memory. */
TN_MUST_CHECK int tn_name_unbind(struct tn_mutator *mu, struct tn_namespace *ns,
                                 struct tn_slice name, const struct tn_name_require *require,
                                 struct tn_name_change *ret_change);

/* Called with each name found, under no lock; the name lives as long as the read
 * section. Must not change names of the namespace. */
typedef void (*tn_name_visit_fn)(struct tn_slice name, struct tn_object *object,
                                 const struct tn_name_info *info, void *arg);

/*
 * One page of a scan: visits up to `n_max` names that begin with `prefix` (all
 * of a range of hashes), moves *cursor on, and sets it to 0 when nothing is left.
 * A name that is bound throughout a scan is visited exactly once, whatever else
 * changes; one that comes or goes meanwhile, at most once. Work per call is
 * bounded, so a page may also be empty. Objects are borrowed.
 */
void tn_names_scan(struct tn_mutator *mu, struct tn_namespace *ns, uint64_t *cursor, size_t n_max,
                   struct tn_slice prefix, tn_name_visit_fn visit, void *arg);

/* ---- Names that go by themselves ---- */

/* Tells the heap the time, in milliseconds of a clock that never goes back. Names
 * age by it. Any thread, as often as it likes. */
void tn_heap_set_time(struct tn_heap *heap, uint64_t now_ms);

/*
 * Removes names whose object is dead or whose time is over, going round through
 * all namespaces: looks at up to `budget` names that can go by themselves, and at
 * none of the others. To be called now and then; does nothing if another thread
 * is at it. Returns how many it removed. Online, with nothing borrowed in mode gil.
 */
size_t tn_names_sweep(struct tn_mutator *mu, size_t budget);

/*
 * Unbinds soft names until about `bytes` can be freed: in the order of their
 * binding, but who was looked up since the last time round is passed over once
 * (the clock algorithm). Returns how many; 0 says that there are none. What they
 * referred to dies as usual, so memory is free only after tn_thread_reclaim().
 * Online, with nothing borrowed in mode gil.
 */
size_t tn_names_drop_soft(struct tn_mutator *mu, size_t bytes);

/* ---- For heap.c ---- */

/* Drops the names of all namespaces and frees the namespaces. The caller is the
 * last one that uses the heap, online. */
void tn_namespaces_destroy(struct tn_mutator *mu);

#endif
