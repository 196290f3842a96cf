/* SPDX-License-Identifier: MIT */
/*
 * The lock of one object: one bit in its header, one more bit that says that
 * somebody sleeps. Writers of lists and dicts hold it. Mode `gil` needs none.
 *
 * Critical sections are bounded, allocate only from the caller's own pools and
 * wait for nothing but the locks of higher rank, so a waiter may stay online.
 * A parked lock of one byte: WebKit's WTF::Lock and CPython's PyMutex.
 */
#ifndef TN_CORE_OBJECT_LOCK_H
#define TN_CORE_OBJECT_LOCK_H

#include "core/object/object.h"

/* Blocks until the caller holds the lock of `o`. Not recursive; rank TN_RANK_OBJECT. */
void tn_object_lock(struct tn_mutator *mu, struct tn_object *o);

/* Releases it and wakes those who sleep on it. */
void tn_object_unlock(struct tn_mutator *mu, struct tn_object *o);

#endif
