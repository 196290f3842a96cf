/* SPDX-License-Identifier: MIT */
/*
 * Heaps and the threads that use them.
 */
#ifndef TN_CORE_OBJECT_THREAD_H
#define TN_CORE_OBJECT_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

enum tn_mode {
    TN_MODE_GIL,    /* one global lock; counts are plain; memory is freed at once */
    TN_MODE_ATOMIC, /* a lock per object; counts are atomic; RCU-deferred frees */
    TN_MODE_BIASED, /* a lock per object; the owner's counts are plain; RCU-deferred frees */
};

/* "gil", "atomic" or "biased". */
const char *tn_mode_name(enum tn_mode mode);
/* The mode of a name, or TN_ERR_INVAL. */
TN_MUST_CHECK int tn_mode_from_name(const char *name, enum tn_mode *ret_mode);

struct tn_heap_options {
    enum tn_mode mode;
    size_t max_memory_bytes;     /* 0: no limit */
    uint64_t switch_interval_ns; /* mode gil; 0: TN_SWITCH_INTERVAL_NS */
    size_t max_backlog_bytes;    /* in limbo per mutator before it waits; 0: TN_BACKLOG_BYTES */
};

#define TN_SWITCH_INTERVAL_NS UINT64_C(5000000)
#define TN_BACKLOG_BYTES ((size_t)32 << 20)

/* The smallest limit that a heap accepts: some arenas for every kind of thing. */
#define TN_HEAP_BYTES_MIN ((size_t)8 << 20)

/* Destructions per safe point that others should not notice (some 50 us). */
#define TN_WORK_BUDGET ((size_t)1024)

/* Creates an empty heap. `options` may be NULL: biased, no limit. The caller
 * frees it. Returns 0, TN_ERR_NOMEM, or TN_ERR_LIMIT if the limit is too small
 * to hold even an empty heap. */
TN_MUST_CHECK int tn_heap_new(const struct tn_heap_options *options, struct tn_heap **ret_heap);

/*
 * Frees a heap and leaves NULL behind; NULL is allowed. Every thread has
 * detached. What names still refer to is dropped first. Returns the number of
 * objects that were still alive then, which can only be members of cycles and
 * references that a caller forgot; their memory is freed all the same.
 */
size_t tn_heap_free(struct tn_heap **heapp);

enum tn_mode tn_heap_mode(const struct tn_heap *heap);

/* Bytes that count against max_memory_bytes at the moment. Any thread; costs nothing. */
size_t tn_heap_held_bytes(const struct tn_heap *heap);

/* Attaches the calling thread, offline. A thread is attached to one heap at a
 * time. Returns 0, TN_ERR_NOMEM, TN_ERR_LIMIT or TN_ERR_TOO_MANY. */
TN_MUST_CHECK int tn_thread_attach(struct tn_heap *heap, struct tn_thread **ret_thread);

/* Works off everything that the thread still has to, then detaches it. It is
 * offline. Leaves NULL behind; NULL is allowed. */
void tn_thread_detach(struct tn_thread **threadp);

/* Begins to work with the heap. In mode gil this waits for the global lock.
 * The result is valid until tn_thread_offline(), and in mode gil may be another
 * one next time. */
struct tn_mutator *tn_thread_online(struct tn_thread *thread);

/* Ends it. Nothing borrowed may be used any more. Does not block. */
void tn_thread_offline(struct tn_thread *thread);

/*
 * A safe point, while online: the thread holds nothing that it borrowed, and no
 * reference that its roots do not know (tn_thread_set_roots). Merges what others
 * asked for, works off up to `budget` destructions, frees what has passed its
 * grace period, does its part of a collection that is under way, and in mode gil
 * lets others have the lock if they have waited for the switch interval. Blocks
 * only in mode gil, if a collector has stopped everybody, or to make a thread pay
 * that has more than max_backlog_bytes in limbo.
 * Returns true if work is left over for the next safe point.
 */
bool tn_thread_safepoint(struct tn_thread *thread, size_t budget);

/* The same in the middle of something: the thread has borrowed nothing, but it
 * holds references of which its roots know nothing. Collections that need to know
 * them wait for the next safe point. */
bool tn_thread_breathe(struct tn_thread *thread, size_t budget);

/*
 * The references that a thread holds from one safe point to the next. A concurrent
 * collector keeps alive what they lead to, what names lead to, and what the heap's own
 * roots lead to (tn_heap_set_roots), and nothing else.
 */
struct tn_roots {
    /*
     * Calls tn_root_visit() with objects that are held, about `budget` of them, from
     * where *cursor says (0: the beginning) and moves it on. True when all have been
     * visited that were held throughout; what comes and goes meanwhile may be left
     * out. Called for one collection at a time, by the bearer of the thread's mutator:
     * the thread itself, or somebody else while it is offline. So what it reads is
     * changed online only. Whoever lets go of a root calls tn_root_leave() first.
     */
    bool (*walk)(void *arg, struct tn_mutator *mu, uint64_t *cursor, size_t budget);
    void *arg;
    /* The collector's: where it is, and (mode gil) which collection has been here. */
    uint64_t cursor;
    uint64_t number;
};

/* Says what the thread's roots are; NULL: it has none, as at first. Online. */
void tn_thread_set_roots(struct tn_thread *thread, const struct tn_roots *roots);

/*
 * The number of the marking in which a mutator takes part, for its bearer: it bears
 * marked objects, and its thread's roots are being visited or have been. Numbers rise.
 * 0: it takes part in none. Changes at safe points only.
 */
uint64_t tn_roots_number(const struct tn_mutator *mu);

/*
 * Roots have come to a thread, online, from where others would have visited them, who
 * have not done so in the marking under way. If this thread's walk is over, it begins
 * again, from cursor 0. The caller prevents the others' walk from ending meanwhile.
 * Nothing else: what comes while the thread takes part in no marking is visited in the
 * next one.
 */
void tn_thread_roots_came(struct tn_thread *thread);

/*
 * Says what roots there are that belong to no thread, before tn_gc_start(). They may be
 * used by any thread at any time, so `walk` takes their lock (of a rank above all of
 * core's), for one piece at a time. The collector's thread calls it, once all threads take
 * part in the marking. What comes later is visited already, by tn_roots_number() of who
 * brings it, or is reachable otherwise.
 */
void tn_heap_set_roots(struct tn_heap *heap, const struct tn_roots *roots);

/* A root is about to let go of an object, or to hand its reference to somebody who
 * may have been looked at already. Drops nothing. */
void tn_root_leave(struct tn_mutator *mu, struct tn_object *o);

/* Says of an object that a root refers to it. In tn_roots.walk only. */
void tn_root_visit(struct tn_mutator *mu, struct tn_object *o);

/*
 * For a thread that was refused memory (TN_ERR_LIMIT): works off everything
 * that is dead, waits for a grace period and gives free memory back to the
 * budget, as far as this thread can. Online before and after; a safe point.
 * Blocks for a grace period. Returns the number of bytes by which the held
 * memory has shrunk.
 */
size_t tn_thread_reclaim(struct tn_thread *thread);

/* ---- For collectors ---- */

struct tn_roots *tn_thread_roots(struct tn_thread *thread);

/* The first thread that is attached (for NULL), or the next one, or NULL. Under
 * the heap's threads_lock. */
struct tn_thread *tn_thread_next_locked(struct tn_heap *heap, struct tn_thread *thread);

/* The mutator that a thread which is online bears. */
struct tn_mutator *tn_thread_mutator(struct tn_thread *thread);

#endif
