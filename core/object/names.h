/* SPDX-License-Identifier: MIT */
/*
 * Names: the roots that clients give objects.
 *
 * A namespace is a table of 64 shards, each a flat index (flat.h) of entries
 * with their key inline. Lookups are lock-free and count nothing; changes hold
 * the shard's lock (TN_RANK_SHARD). Versions of a name only grow, also when it
 * is removed and bound again.
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
 * TN_ERR_LIMIT. Binding a name that exists never needs memory. */
TN_MUST_CHECK int tn_name_bind(struct tn_mutator *mu, struct tn_namespace *ns, struct tn_slice name,
                               struct tn_object **take_object,
                               const struct tn_name_require *require,
                               struct tn_name_change *ret_change);

/* Removes a name. TN_ERR_NAME, TN_ERR_PRECONDITION. Never needs memory. */
TN_MUST_CHECK int tn_name_unbind(struct tn_mutator *mu, struct tn_namespace *ns,
                                 struct tn_slice name, const struct tn_name_require *require,
                                 struct tn_name_change *ret_change);

/* Called with each name found, under no lock; the name lives as long as the read
 * section. Must not change names of the namespace. */
typedef void (*tn_name_visit_fn)(struct tn_slice name, struct tn_object *object, uint64_t version,
                                 void *arg);

/*
 * One page of a scan: visits up to `n_max` names that begin with `prefix` (all
 * of a range of hashes), moves *cursor on, and sets it to 0 when nothing is left.
 * A name that is bound throughout a scan is visited exactly once, whatever else
 * changes; one that comes or goes meanwhile, at most once. Work per call is
 * bounded, so a page may also be empty. Objects are borrowed.
 */
void tn_names_scan(struct tn_mutator *mu, struct tn_namespace *ns, uint64_t *cursor, size_t n_max,
                   struct tn_slice prefix, tn_name_visit_fn visit, void *arg);

/* ---- For heap.c ---- */

/* Drops the names of all namespaces and frees the namespaces. The caller is the
 * last one that uses the heap, online. */
void tn_namespaces_destroy(struct tn_mutator *mu);

#endif
