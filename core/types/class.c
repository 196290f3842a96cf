/* SPDX-License-Identifier: MIT */
/*
 * class.
 *
 * A dead class drops its references in order and leaves them in place: whoever came
 * by earlier reads name and slots as before, until a grace period has passed.
 */
#include "core/types/class.h"

#include <string.h>

#include "core/base/check.h"
#include "core/types/class_internal.h"
#include "core/types/intern.h"

/* Name, base and slots are numbered in this order for walks. */
#define N_BEFORE_SLOTS 2u

static struct tn_class *class_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_CLASS);
    return (struct tn_class *)(void *)o;
}

static const uint8_t *index_of(const struct tn_class *class)
{
    return (const uint8_t *)(uintptr_t)(class->slots + class->n_slots);
}

/* Reference number `i` of a class; may be NULL for the base, and while it is built. */
static const tn_slot *reference(const struct tn_class *class, unsigned int i)
{
    return i == 0 ? &class->name : i == 1 ? &class->base : &class->slots[i - N_BEFORE_SLOTS];
}

/* ---- Finding slots ---- */

static bool is_name(const struct tn_object *name, const struct tn_object *wanted, uint32_t hash)
{
    const struct tn_text *a = tn_text_const(name);
    const struct tn_text *b = tn_text_const(wanted);

    if (name == wanted)
        return true;
    return atomic_load_explicit(&a->hash, memory_order_relaxed) == hash &&
           a->n_bytes == b->n_bytes &&
           memcmp(tn_text_content(a), tn_text_content(b), a->n_bytes) == 0;
}

int tn_class_find(const struct tn_class *class, const struct tn_object *name, uint32_t hash)
{
    const uint8_t *index = index_of(class);

    for (uint32_t at = hash;; at++) {
        uint8_t entry = index[at & class->index_mask];

        if (entry == 0)
            return -1;
        if (is_name(tn_slot_load(&class->slots[entry - 1]), name, hash))
            return entry - 1;
    }
}

/* ---- Making ---- */

/* Puts the next slot in, with its name, which the class takes over. */
static int add_slot(struct tn_mutator *mu, struct tn_class *class, unsigned int slot,
                    struct tn_object *take_name)
{
    uint8_t *index = (uint8_t *)(uintptr_t)index_of(class);
    uint32_t hash = tn_key_hash_again(mu->heap, take_name);
    uint32_t at = hash;

    if (tn_class_find(class, take_name, hash) >= 0) {
        tn_decref(mu, take_name);
        return TN_ERR_INVAL;
    }
    tn_slot_init(mu, &class->object, &class->slots[slot], take_name);
    while (index[at & class->index_mask] != 0)
        at++;
    index[at & class->index_mask] = (uint8_t)(slot + 1);
    if (tn_slice_equal(tn_text_slice(take_name), TN_SLICE_LITERAL("label")))
        class->label = (uint8_t)(slot + 1);
    return 0;
}

static int fill(struct tn_mutator *mu, struct tn_class *class, const struct tn_class_decl *decl)
{
    struct tn_object *name;
    int r = tn_str_intern(mu, decl->name, &name);

    if (r < 0)
        return r;
    tn_slot_init(mu, &class->object, &class->name, name);
    if (decl->base != NULL) {
        tn_incref(mu, decl->base);
        tn_slot_init(mu, &class->object, &class->base, decl->base);
    }
    for (unsigned int i = 0; r == 0 && i < class->n_slots; i++) {
        if (i < class->n_inherited) {
            name = tn_class_slot_name(decl->base, i);
            tn_incref(mu, name);
        } else {
            r = tn_str_intern(mu, decl->slots[i - class->n_inherited], &name);
        }
        if (r == 0)
            r = add_slot(mu, class, i, name);
    }
    return r;
}

/* A class that refers to nothing yet. */
static int class_new(struct tn_mutator *mu, const struct tn_class_decl *decl,
                     struct tn_class **ret_class)
{
    const struct tn_class *base = decl->base == NULL ? NULL : tn_class_const(decl->base);
    size_t n_inherited = base == NULL ? 0 : base->n_slots;
    size_t index_bytes = 2;
    struct tn_class *class;
    struct tn_object *o;
    size_t n_slots;
    int r;

    if (decl->n_slots > TN_CLASS_SLOTS_MAX - n_inherited)
        return TN_ERR_TOO_MANY;
    n_slots = n_inherited + decl->n_slots;
    while (index_bytes < 2 * n_slots)
        index_bytes *= 2;
    r = tn_object_new(mu, TN_TYPE_CLASS, sizeof(*class) + n_slots * sizeof(tn_slot) + index_bytes,
                      &o);
    if (r < 0)
        return r;
    class = class_of(o);
    atomic_init(&class->n_records, 0);
    class->n_slots = (uint8_t)n_slots;
    class->n_inherited = (uint8_t)n_inherited;
    class->index_mask = (uint8_t)(index_bytes - 1);
    class->has_dict = decl->has_dict || (base != NULL && base->has_dict);
    class->has_finalizer = decl->has_finalizer || (base != NULL && base->has_finalizer);
    class->label = 0;
    atomic_init(&class->n_dropped, 0);
    atomic_init(&class->name, NULL);
    atomic_init(&class->base, NULL);
    for (size_t i = 0; i < n_slots; i++)
        atomic_init(&class->slots[i], NULL);
    memset((uint8_t *)(uintptr_t)index_of(class), 0, index_bytes);
    *ret_class = class;
    return 0;
}

int tn_class_new(struct tn_mutator *mu, const struct tn_class_decl *decl,
                 struct tn_object **ret_class)
{
    struct tn_class *class;
    int r;

    if (decl->base != NULL && decl->base->type != TN_TYPE_CLASS)
        return TN_ERR_TYPE;
    r = class_new(mu, decl, &class);
    if (r < 0)
        return r;
    r = fill(mu, class, decl);
    if (r < 0)
        tn_decref(mu, &class->object);
    else
        *ret_class = &class->object;
    return r;
}

/* ---- Reading ---- */

struct tn_slice tn_class_name(const struct tn_object *class)
{
    return tn_text_slice(tn_slot_load(&tn_class_const(class)->name));
}

struct tn_object *tn_class_base(const struct tn_object *class)
{
    return tn_slot_load(&tn_class_const(class)->base);
}

size_t tn_class_n_slots(const struct tn_object *class)
{
    return tn_class_const(class)->n_slots;
}

size_t tn_class_n_inherited(const struct tn_object *class)
{
    return tn_class_const(class)->n_inherited;
}

struct tn_object *tn_class_slot_name(const struct tn_object *class, size_t slot)
{
    TN_ASSERT(slot < tn_class_n_slots(class));
    return tn_slot_load(&tn_class_const(class)->slots[slot]);
}

bool tn_class_has_dict(const struct tn_object *class)
{
    return tn_class_const(class)->has_dict;
}

bool tn_class_has_finalizer(const struct tn_object *class)
{
    return tn_class_const(class)->has_finalizer;
}

bool tn_class_has_slot(const struct tn_heap *heap, const struct tn_object *class,
                       const struct tn_object *name)
{
    return tn_class_find(tn_class_const(class), name, tn_key_hash_again(heap, name)) >= 0;
}

size_t tn_class_record_bytes(const struct tn_object *class)
{
    return sizeof(struct tn_record) +
           tn_class_record_words(tn_class_const(class)) * sizeof(tn_slot);
}

uint64_t tn_class_n_records(const struct tn_object *class)
{
    return (uint64_t)atomic_load_explicit(&tn_class_const(class)->n_records, memory_order_relaxed);
}

/* ---- The type ---- */

static int class_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg)
{
    const struct tn_class *class = tn_class_const(o);
    unsigned int i = atomic_load_explicit(&class->n_dropped, memory_order_relaxed);
    int r = 0;

    for (; r >= 0 && i < N_BEFORE_SLOTS + class->n_slots; i++) {
        struct tn_object *child = tn_slot_load(reference(class, i));

        if (child != NULL)
            r = visit(child, arg);
    }
    return r < 0 ? r : 0;
}

static bool class_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_class *class = class_of(o);
    unsigned int i = atomic_load_explicit(&class->n_dropped, memory_order_relaxed);

    for (; i < N_BEFORE_SLOTS + class->n_slots; i++) {
        if (tn_slot_load(reference(class, i)) == NULL)
            continue;
        if (*budget == 0)
            break;
        --*budget;
        /* Relaxed: whoever still walks the class may see it or not. */
        atomic_store_explicit(&class->n_dropped, (uint8_t)(i + 1), memory_order_relaxed);
        tn_slot_drop(mu, reference(class, i));
    }
    return i == N_BEFORE_SLOTS + class->n_slots;
}

static size_t class_block_size(const struct tn_object *o)
{
    const struct tn_class *class = tn_class_const(o);

    return sizeof(*class) + class->n_slots * sizeof(tn_slot) + class->index_mask + 1u;
}

const struct tn_type tn_type_class = {
    .name = "class",
    .id = TN_TYPE_CLASS,
    .is_container = true,
    .traverse = class_traverse,
    .clear = class_clear,
    .block_size = class_block_size,
    .hash = tn_identity_hash,
};
