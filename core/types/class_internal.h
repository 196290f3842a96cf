/* SPDX-License-Identifier: MIT */
/* The inside of classes and records: for class.c and record.c. */
#ifndef TN_CORE_TYPES_CLASS_INTERNAL_H
#define TN_CORE_TYPES_CLASS_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"
#include "core/object/slot.h"
#include "core/types/class.h"
#include "core/types/types_internal.h"

/*
 * A class in one block: what stands here, the names of the slots, and an index of
 * them by hash, whose size is a power of two and at least twice their number. A byte
 * of the index is 1 + the number of a slot, or 0.
 */
struct tn_class {
    struct tn_object object;
    /* [atomic] records of this class. In the same line as the count of references,
     *          to which each record adds one anyway */
    _Atomic(int64_t) n_records;
    /* [rcu]    filled in before anybody else can look, and never changed */
    tn_slot name;
    tn_slot base; /* NULL: none */
    /* [const] */
    uint8_t n_slots;
    uint8_t n_inherited; /* of these: the base's; they come first */
    uint8_t index_mask;
    bool has_dict;
    bool has_finalizer;
    uint8_t label; /* 1 + the number of the slot with this name; 0: there is none */
    /* [atomic] references that a dead class has dropped; they stay in place. Written
     *          with relaxed stores by who empties it */
    _Atomic(uint8_t) n_dropped;
    /* [rcu]    as above: interned strs */
    tn_slot slots[];
};

static_assert(sizeof(struct tn_class) == 48, "the names of the slots begin after six words");
static_assert(2 * TN_CLASS_SLOTS_MAX <= UINT8_MAX + 1, "slots and the mask fit into a byte");

/*
 * A record: the class, the values of the slots, and with `has_dict` one more slot
 * for the dict of the other attributes, which is NULL until there are any, and is
 * never replaced. With `has_finalizer` a last word tells when it was born.
 *
 * When a record has been emptied, it has let go of its class, but its block is freed
 * later and must still tell how large it is. So the place of the class then holds
 * 1 + twice the number of words behind it, which is no address: objects are aligned.
 */
struct tn_record {
    struct tn_object object;
    union {
        tn_slot class;             /* [rcu]    never changed until the record is emptied */
        _Atomic(uintptr_t) n_dead; /* [atomic] afterwards */
    };
    tn_slot slots[];
};

static_assert(sizeof(struct tn_record) == 24, "slots begin after three words");

static inline const struct tn_class *tn_class_const(const struct tn_object *o)
{
    TN_DEBUG_ASSERT(o->type == TN_TYPE_CLASS);
    return (const struct tn_class *)(const void *)o;
}

/* Slots of a record, the dict's included. */
static inline size_t tn_class_record_slots(const struct tn_class *class)
{
    return (size_t) class->n_slots + class->has_dict;
}

/* Words of a record behind its class: the slots, and when it was born. */
static inline size_t tn_class_record_words(const struct tn_class *class)
{
    return tn_class_record_slots(class) + class->has_finalizer;
}

/* The number of the slot with that name, a str with that hash; -1 if there is none. */
int tn_class_find(const struct tn_class *class, const struct tn_object *name, uint32_t hash);

/* A record has come, or gone. */
static inline void tn_class_count(struct tn_class *class, int64_t n)
{
    /* Relaxed: nothing else is concluded from it. */
    atomic_fetch_add_explicit(&class->n_records, n, memory_order_relaxed);
}

#endif
