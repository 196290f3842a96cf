/* SPDX-License-Identifier: MIT */
/*
 * record.
 *
 * Why readers need no lock: a slot is one word, so what is in it was the value at
 * some moment. The class and, once it is there, the dict are never replaced; so
 * whether an attribute has a slot or lives in the dict does not change either.
 * Only several slots as they are at one moment take the lock: a record has no word
 * for a version, as it shall be no larger than its slots.
 *
 * The record's lock and its dict's have the same rank and are never held together:
 * the dict is put in its place under the record's lock, and changed under its own.
 */
#include "core/types/record.h"

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/yield.h"
#include "core/types/class_internal.h"
#include "core/types/intern.h"

/* Cursors: slots by their numbers up to here, and behind it the dict's own cursor. */
#define CURSOR_DICT ((uint64_t)TN_CLASS_SLOTS_MAX + 1)

/* What a dict that is made for one attribute has room for. */
#define DICT_CAPACITY 2

static struct tn_record *record_of(struct tn_object *o)
{
    TN_ASSERT(o->type == TN_TYPE_RECORD);
    return (struct tn_record *)(void *)o;
}

static const struct tn_record *record_const(const struct tn_object *o)
{
    TN_DEBUG_ASSERT(o->type == TN_TYPE_RECORD);
    return (const struct tn_record *)(const void *)o;
}

/* NULL if the record has been emptied. */
static const struct tn_class *class_of(const struct tn_record *record)
{
    struct tn_object *class = tn_slot_load(&record->class);

    return ((uintptr_t) class & 1) != 0 || class == NULL ? NULL : tn_class_const(class);
}

/* The dict of the attributes without a slot; NULL if there is none (yet). */
static struct tn_object *dict_of(const struct tn_record *record, const struct tn_class *class)
{
    return class->has_dict ? tn_slot_load(&record->slots[class->n_slots]) : NULL;
}

/* Where a record of a class with finalizer tells when it was born. */
static uint64_t *born_of(const struct tn_record *record, const struct tn_class *class)
{
    static_assert(sizeof(uint64_t) == sizeof(tn_slot), "a word is a word");

    TN_DEBUG_ASSERT(class->has_finalizer);
    return (uint64_t *)(uintptr_t)&record->slots[tn_class_record_slots(class)];
}

/* ---- Making ---- */

int tn_record_new(struct tn_mutator *mu, struct tn_object *class, struct tn_object **ret_record)
{
    size_t n_slots = tn_class_record_slots(tn_class_const(class));
    struct tn_record *record;
    struct tn_object *o;
    int r = tn_object_new(mu, TN_TYPE_RECORD, tn_class_record_bytes(class), &o);

    if (r < 0)
        return r;
    record = record_of(o);
    for (size_t i = 0; i < n_slots; i++)
        atomic_init(&record->slots[i], NULL);
    tn_incref(mu, class);
    tn_slot_init(mu, o, &record->class, class);
    tn_class_count((struct tn_class *)(void *)class, 1);
    if (tn_class_has_finalizer(class)) {
        *born_of(record, tn_class_const(class)) = tn_clock_coarse_ns();
        /* Relaxed: nobody else knows it yet. */
        atomic_fetch_or_explicit(&o->bits, TN_BIT_FINALIZER, memory_order_relaxed);
    }
    *ret_record = o;
    return 0;
}

struct tn_object *tn_record_class(const struct tn_object *o)
{
    /* A class is no constant for who counts it. */
    return (struct tn_object *)(uintptr_t)class_of(record_const(o));
}

/* ---- One attribute ---- */

/* Where an attribute lives: in a slot, or, if that is -1, in the dict. */
struct place {
    const struct tn_class *class;
    int slot;
};

/* TN_ERR_KEY if it can live nowhere. */
static int find_place(struct tn_mutator *mu, const struct tn_record *record,
                      const struct tn_object *name, struct place *ret_place)
{
    const struct tn_class *class = class_of(record);

    TN_ASSERT(name->type == TN_TYPE_STR);
    if (class == NULL)
        return TN_ERR_KEY;
    ret_place->class = class;
    ret_place->slot = tn_class_find(class, name, tn_key_hash_again(mu->heap, name));
    return ret_place->slot < 0 && !class->has_dict ? TN_ERR_KEY : 0;
}

int tn_record_get(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *name,
                  struct tn_object **ret_value)
{
    const struct tn_record *record = record_of(o);
    struct tn_object *found;
    struct place place;
    int r = find_place(mu, record, name, &place);

    if (r < 0)
        return r;
    if (place.slot < 0) {
        found = dict_of(record, place.class);
        return found == NULL ? TN_ERR_KEY : tn_dict_get(mu, found, name, ret_value);
    }
    found = tn_slot_load(&record->slots[place.slot]);
    if (found == NULL)
        return TN_ERR_KEY;
    *ret_value = found;
    return 0;
}

/* Puts a value, or NULL, into a slot; returns what was there. */
static struct tn_object *swap_slot(struct tn_mutator *mu, struct tn_object *o, size_t slot,
                                   struct tn_object *value)
{
    struct tn_object *old;
    bool was_locked;

    if (value != NULL)
        tn_publish_for(mu, o, value);
    was_locked = tn_container_lock(mu, o);
    tn_yield();
    old = tn_slot_swap(mu, o, &record_of(o)->slots[slot], value);
    tn_container_unlock(mu, o, was_locked);
    return old;
}

/* The dict, made if there is none. What is new has room for an entry, so that
 * it is not made in vain unless others fill it. */
static int need_dict(struct tn_mutator *mu, struct tn_object *o, const struct tn_class *class,
                     struct tn_object **ret_dict)
{
    tn_slot *slot = &record_of(o)->slots[class->n_slots];
    struct tn_object *dict = tn_slot_load(slot);
    struct tn_object *fresh = NULL;
    bool was_locked;
    int r;

    if (dict == NULL) {
        r = tn_dict_new(mu, DICT_CAPACITY, &fresh);
        if (r < 0)
            return r;
        tn_publish_for(mu, o, fresh);
        tn_yield();
        was_locked = tn_container_lock(mu, o);
        dict = tn_slot_load(slot);
        if (dict == NULL) {
            dict = fresh;
            fresh = tn_slot_swap(mu, o, slot, dict);
        }
        tn_container_unlock(mu, o, was_locked);
        tn_drop(mu, &fresh);
    }
    *ret_dict = dict;
    return 0;
}

static int set_in_dict(struct tn_mutator *mu, struct tn_object *o, const struct tn_class *class,
                       const struct tn_object *name, struct tn_object **take_value)
{
    struct tn_object *dict;
    struct tn_object *key;
    int r = tn_str_intern(mu, tn_text_slice(name), &key);

    if (r < 0)
        return r;
    r = need_dict(mu, o, class, &dict);
    if (r == 0)
        r = tn_dict_set(mu, dict, &key, take_value, NULL);
    tn_drop(mu, &key);
    return r;
}

int tn_record_set(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *name,
                  struct tn_object **take_value)
{
    struct tn_object *old;
    struct place place;
    int r = find_place(mu, record_of(o), name, &place);

    if (r < 0)
        return r;
    if (place.slot < 0)
        return set_in_dict(mu, o, place.class, name, take_value);
    old = swap_slot(mu, o, (size_t)place.slot, *take_value);
    *take_value = NULL;
    tn_drop(mu, &old);
    return 0;
}

int tn_record_pop(struct tn_mutator *mu, struct tn_object *o, const struct tn_object *name,
                  struct tn_object **ret_value)
{
    struct tn_object *old;
    struct place place;
    int r = find_place(mu, record_of(o), name, &place);

    if (r < 0)
        return r;
    if (place.slot < 0) {
        old = dict_of(record_of(o), place.class);
        return old == NULL ? TN_ERR_KEY : tn_dict_pop(mu, old, name, ret_value, NULL);
    }
    old = swap_slot(mu, o, (size_t)place.slot, NULL);
    if (old == NULL)
        return TN_ERR_KEY;
    *ret_value = old;
    return 0;
}

/* ---- All attributes ---- */

size_t tn_record_length(const struct tn_object *o)
{
    const struct tn_record *record = record_const(o);
    const struct tn_class *class = class_of(record);
    const struct tn_object *dict;
    size_t n = 0;

    if (class == NULL)
        return 0;
    for (size_t i = 0; i < class->n_slots; i++)
        n += tn_slot_load(&record->slots[i]) != NULL;
    dict = dict_of(record, class);
    return n + (dict == NULL ? 0 : tn_dict_length(dict));
}

/* Copies the values of slots from `*at` on, all as they are at one moment. Stops
 * with *at at the one that did not fit any more, or behind the last one. */
static size_t copy_slots(struct tn_mutator *mu, struct tn_object *o, const struct tn_class *class,
                         size_t *at, size_t n_max, struct tn_dict_item *items)
{
    struct tn_record *record = record_of(o);
    bool was_locked = tn_container_lock(mu, o);
    size_t n = 0;

    for (; *at < class->n_slots; ++*at) {
        struct tn_object *value = tn_slot_load(&record->slots[*at]);

        tn_yield();
        if (value == NULL)
            continue;
        if (n == n_max)
            break;
        items[n++] = (struct tn_dict_item){
            .key = tn_slot_load(&class->slots[*at]),
            .value = value,
        };
    }
    tn_container_unlock(mu, o, was_locked);
    return n;
}

/* The same for the dict, from the cursor `at` on, which may have no room at all.
 * Returns the record's cursor. */
static int copy_dict(struct tn_mutator *mu, struct tn_object *dict, uint64_t at, size_t n_max,
                     struct tn_dict_item *items, size_t *ret_n, uint64_t *ret_cursor)
{
    int r;

    *ret_n = 0;
    *ret_cursor = 0;
    if (dict == NULL)
        return 0;
    if (n_max == 0) {
        *ret_cursor = tn_dict_length(dict) == 0 ? 0 : CURSOR_DICT;
        return 0;
    }
    r = tn_dict_scan(mu, dict, &at, n_max, items, ret_n);
    if (r == 0 && at != 0)
        *ret_cursor = CURSOR_DICT + at;
    return r;
}

int tn_record_scan(struct tn_mutator *mu, struct tn_object *o, uint64_t *cursor, size_t n_max,
                   struct tn_dict_item *items, size_t *ret_n)
{
    const struct tn_record *record = record_of(o);
    const struct tn_class *class = class_of(record);
    size_t n_slots = 0;
    uint64_t next = 0;
    size_t n_dict = 0;
    int r = 0;

    if (n_max == 0)
        return TN_ERR_INVAL;
    if (class != NULL) {
        uint64_t in_dict = *cursor < CURSOR_DICT ? 0 : *cursor - CURSOR_DICT;
        size_t slot = *cursor < class->n_slots ? (size_t)*cursor : class->n_slots;

        n_slots = copy_slots(mu, o, class, &slot, n_max, items);
        tn_yield();
        if (slot < class->n_slots)
            next = slot;
        else
            r = copy_dict(mu, dict_of(record, class), in_dict, n_max - n_slots, items + n_slots,
                          &n_dict, &next);
    }
    if (r < 0)
        return r;
    *cursor = next;
    *ret_n = n_slots + n_dict;
    return 0;
}

void tn_record_empty(struct tn_mutator *mu, struct tn_object *o)
{
    uint64_t cursor = 0;
    struct tn_dict_item item;
    size_t n = 1;

    /* From the beginning each time: what is gone is not seen again. */
    while (tn_record_scan(mu, o, &cursor, 1, &item, &n) == 0 && n > 0) {
        struct tn_object *value;

        tn_incref(mu, item.key); /* the record's own may be the last one */
        if (tn_record_pop(mu, o, item.key, &value) == 0)
            tn_decref(mu, value);
        tn_decref(mu, item.key);
        cursor = 0;
    }
}

/* ---- The type ---- */

/* Words of a record behind its class, whether it lives or has been emptied. */
static size_t n_words(const struct tn_record *record)
{
    const struct tn_class *class = class_of(record);

    if (class != NULL)
        return tn_class_record_words(class);
    return atomic_load_explicit(&record->n_dead, memory_order_relaxed) >> 1;
}

static int record_traverse(const struct tn_object *o, tn_visit_fn visit, void *arg)
{
    const struct tn_record *record = record_const(o);
    const struct tn_class *class = class_of(record);
    size_t n_slots;
    int r;

    if (class == NULL)
        return 0;
    n_slots = tn_class_record_slots(class);
    r = visit((struct tn_object *)(uintptr_t) class, arg);
    for (size_t i = 0; r >= 0 && i < n_slots; i++) {
        struct tn_object *child = tn_slot_load(&record->slots[i]);

        if (child != NULL)
            r = visit(child, arg);
    }
    return r < 0 ? r : 0;
}

/* Empties a dead record, its class last. Readers find it emptier and emptier. */
static bool record_clear(struct tn_mutator *mu, struct tn_object *o, size_t *budget)
{
    struct tn_record *record = record_of(o);
    const struct tn_class *class = class_of(record);
    size_t n_slots = class == NULL ? 0 : tn_class_record_slots(class);
    size_t words = n_words(record);
    struct tn_object *dropped;

    for (size_t i = 0; i < n_slots; i++) {
        if (tn_slot_load(&record->slots[i]) == NULL)
            continue;
        if (*budget == 0)
            return false;
        --*budget;
        tn_decref(mu, tn_slot_swap(mu, o, &record->slots[i], NULL));
    }
    if (class == NULL) /* emptied before */
        return true;
    if (*budget == 0)
        return false;
    --*budget;
    dropped = tn_slot_swap(mu, o, &record->class, NULL);
    /* Relaxed: to readers both mean that it is gone, and nothing else hangs on it. */
    atomic_store_explicit(&record->n_dead, (uintptr_t)words << 1 | 1, memory_order_relaxed);
    tn_class_count((struct tn_class *)(void *)dropped, -1);
    tn_decref(mu, dropped);
    return true;
}

static void record_obituary(const struct tn_object *o, struct tn_obituary *ret_obituary)
{
    const struct tn_record *record = record_const(o);
    const struct tn_class *class = class_of(record);
    const struct tn_object *label;

    TN_ASSERT(class != NULL); /* it has not been emptied */
    ret_obituary->class_name = tn_class_name(&class->object);
    ret_obituary->born_ns = *born_of(record, class);
    if (class->label == 0)
        return;
    label = tn_slot_load(&record->slots[class->label - 1]);
    if (label != NULL && label->type == TN_TYPE_STR)
        ret_obituary->label = tn_text_slice(label);
}

static size_t record_block_size(const struct tn_object *o)
{
    const struct tn_record *record = record_const(o);

    return sizeof(*record) + n_words(record) * sizeof(tn_slot);
}

static uint64_t record_length(const struct tn_object *o)
{
    return tn_record_length(o);
}

const struct tn_type tn_type_record = {
    .name = "record",
    .id = TN_TYPE_RECORD,
    .is_container = true,
    .is_mutable = true,
    .traverse = record_traverse,
    .clear = record_clear,
    .obituary = record_obituary,
    .block_size = record_block_size,
    .length = record_length,
    .hash = tn_identity_hash,
};
