/* SPDX-License-Identifier: MIT */
/*
 * class: what the records of one kind have in common. Immutable.
 *
 * A class has a name, slots with names, maybe a base class, whose slots are its
 * own too and come first, and two properties: that its records also take
 * attributes that have no slot, and that their death is an event. A base's
 * properties are inherited. Classes are told apart by identity, not by name.
 */
#ifndef TN_CORE_TYPES_CLASS_H
#define TN_CORE_TYPES_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"

#define TN_CLASS_SLOTS_MAX 64 /* inherited ones included */

struct tn_class_decl {
    struct tn_slice name;         /* all texts have been checked to be UTF-8 */
    const struct tn_slice *slots; /* without those of the base */
    size_t n_slots;
    struct tn_object *base; /* borrowed; NULL: none */
    bool has_dict;          /* besides what the base says */
    bool has_finalizer;     /* likewise; the event tells a str in a slot `label`, too */
};

/*
 * Makes a class. TN_ERR_TYPE if the base is none, TN_ERR_TOO_MANY slots, TN_ERR_INVAL
 * if two slots have the same name or it is a slot of the base, TN_ERR_TOO_BIG,
 * TN_ERR_NOMEM, TN_ERR_LIMIT.
 */
TN_MUST_CHECK int tn_class_new(struct tn_mutator *mu, const struct tn_class_decl *decl,
                               struct tn_object **ret_class);

/* The name; lives as long as the class. */
struct tn_slice tn_class_name(const struct tn_object *class);

/* The base, borrowed for as long as the class lives; NULL if there is none. */
struct tn_object *tn_class_base(const struct tn_object *class);

/* How many slots there are, and how many of them, the first ones, are the base's. */
size_t tn_class_n_slots(const struct tn_object *class);
size_t tn_class_n_inherited(const struct tn_object *class);

/* The name of a slot, an interned str; borrowed for as long as the class lives. */
struct tn_object *tn_class_slot_name(const struct tn_object *class, size_t slot);

bool tn_class_has_dict(const struct tn_object *class);
bool tn_class_has_finalizer(const struct tn_object *class);

/* Whether there is a slot with that name, a str. */
bool tn_class_has_slot(const struct tn_heap *heap, const struct tn_object *class,
                       const struct tn_object *name);

/* Bytes of a record of the class, without what it refers to. */
size_t tn_class_record_bytes(const struct tn_object *class);

/* How many records have been made of exactly this class and not yet been emptied;
 * those of classes derived from it do not count. Any thread. */
uint64_t tn_class_n_records(const struct tn_object *class);

#endif
