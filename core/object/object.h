/* SPDX-License-Identifier: MIT */
/*
 * The object: a header of 16 bytes, and behind it what its type makes of it.
 *
 * The header holds the reference count in two parts. `local` is written by the
 * owner alone, with plain stores; `shared` by everybody else, atomically. The
 * protocol is refcount.h's; the proofs are in core/README.md.
 *
 *   state      meaning                                  who moves it on
 *   private    only the owner can reach it              owner: publish
 *   published  others may find it and count it          a dropper: queue; owner: merge
 *   queued     the owner has been asked to merge        owner, or who claims it: merge
 *   merged     no owner; the whole count is in shared   nobody; dead at count 0
 */
#ifndef TN_CORE_OBJECT_OBJECT_H
#define TN_CORE_OBJECT_OBJECT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The types. The number is in the header of every object; 0 marks free memory. */
enum tn_type_id {
    TN_TYPE_FREE = 0,
    TN_TYPE_NONE,
    TN_TYPE_BOOL,
    TN_TYPE_INT,
    TN_TYPE_FLOAT,
    TN_TYPE_STR,
    TN_TYPE_BYTES,
    TN_TYPE_TUPLE,
    TN_TYPE_LIST,
    TN_TYPE_DICT,
    TN_TYPE_CLASS,
    TN_TYPE_RECORD,
    TN_TYPE_WEAKREF,
    TN_TYPE_SET,
    TN_TYPE_FROZENSET,
    TN_TYPE_DEQUE,
    TN_TYPE_ARRAY,
    TN_TYPE_BYTEARRAY,
    TN_TYPE_END
};

enum tn_count_state {
    TN_STATE_PRIVATE = 0,
    TN_STATE_PUBLISHED = 1,
    TN_STATE_QUEUED = 2,
    TN_STATE_MERGED = 3,
};

#define TN_STATE_MASK INT64_C(3)
#define TN_SHARED_ONE INT64_C(4)     /* one reference in `shared` */
#define TN_LOCAL_IMMORTAL UINT32_MAX /* in `local`: never freed, counts are left alone */
#define TN_OWNER_NOBODY UINT16_C(0)

/* In `bits`. */
#define TN_BIT_LOCKED UINT8_C(0x01)    /* the object's lock is held */
#define TN_BIT_WAITERS UINT8_C(0x02)   /* somebody sleeps on the lock */
#define TN_BIT_LARGE UINT8_C(0x04)     /* [const] lies in a block of its own (memory/large.h) */
#define TN_BIT_UNSEEN UINT8_C(0x08)    /* dead, and nobody but its owner ever saw it */
#define TN_BIT_WEAK UINT8_C(0x10)      /* a weakref refers to it (weakref.h); of a str: interned */
#define TN_BIT_FINALIZER UINT8_C(0x20) /* its death is an event; set at birth; needs a clear() */
#define TN_BIT_WAS_GRAY UINT8_C(0x40)  /* dead, and gray when its emptying began */

struct tn_object {
    /* [owner]  the owner's count; read by others only to see that it is immortal */
    _Atomic(uint32_t) local;
    /* [owner]  number of the owning mutator, or 0; others only compare it with their own */
    _Atomic(uint16_t) owner;
    /* [const]  enum tn_type_id */
    uint8_t type;
    /* [atomic] TN_BIT_*; a futex sleeps on the four bytes that end here */
    _Atomic(uint8_t) bits;
    /* [atomic] everybody else's count << 2 | enum tn_count_state */
    _Atomic(int64_t) shared;
};

static_assert(sizeof(struct tn_object) == 16, "the header is 16 bytes");
static_assert(offsetof(struct tn_object, type) == 6, "free memory is recognised by byte 6");
static_assert(offsetof(struct tn_object, shared) == 8, "free blocks are linked through byte 8");

/* A place that holds one counted reference: an item of a list, a value of a
 * dict, a name. Written only by slot.h, where the collectors' barrier belongs. */
typedef _Atomic(struct tn_object *) tn_slot;

struct tn_heap;
struct tn_mutator;
struct tn_thread;

#endif
