/* SPDX-License-Identifier: MIT */
#include "tests/support/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS_MAX 80
#define NAME_MAX_BYTES 128

/* A name to look for, in memory of one's own. */
struct probe {
    uint64_t memory[(24 + NAME_MAX_BYTES) / 8];
};

static const struct tn_object *name_probe(struct probe *probe, const char *name)
{
    assert_true(strlen(name) <= NAME_MAX_BYTES);
    return tn_probe_text(probe->memory, TN_TYPE_STR, tn_slice_from_str(name));
}

/* Declares a class whose slots are words with blanks between. */
static int declare(struct tn_mutator *mu, struct tn_class_decl *decl, const char *slots,
                   struct tn_object **ret_class)
{
    struct tn_slice words[SLOTS_MAX];

    decl->slots = words;
    while (*slots != '\0') {
        size_t len = strcspn(slots, " ");

        assert_true(decl->n_slots < SLOTS_MAX);
        words[decl->n_slots++] = TN_SLICE(slots, len);
        slots += len + (slots[len] == ' ');
    }
    return tn_class_new(mu, decl, ret_class);
}

int test_try_class(struct tn_mutator *mu, const char *name, const char *slots,
                   struct tn_object *base, bool has_dict, struct tn_object **ret_class)
{
    struct tn_class_decl decl = {
        .name = tn_slice_from_str(name),
        .base = base,
        .has_dict = has_dict,
    };

    return declare(mu, &decl, slots, ret_class);
}

struct tn_object *test_class(struct tn_mutator *mu, const char *name, const char *slots,
                             struct tn_object *base, bool has_dict)
{
    struct tn_object *class;

    assert_int_equal(test_try_class(mu, name, slots, base, has_dict, &class), 0);
    return class;
}

struct tn_object *test_class_with_finalizer(struct tn_mutator *mu, const char *name,
                                            const char *slots)
{
    struct tn_class_decl decl = { .name = tn_slice_from_str(name), .has_finalizer = true };
    struct tn_object *class;

    assert_int_equal(declare(mu, &decl, slots, &class), 0);
    return class;
}

struct tn_object *test_record(struct tn_mutator *mu, struct tn_object *class)
{
    struct tn_object *record;

    assert_int_equal(tn_record_new(mu, class, &record), 0);
    return record;
}

void test_attr_set(struct tn_mutator *mu, struct tn_object *record, const char *name,
                   struct tn_object *value)
{
    struct probe probe;

    assert_int_equal(tn_record_set(mu, record, name_probe(&probe, name), &value), 0);
    assert_null(value);
}

int test_attr_get(struct tn_mutator *mu, struct tn_object *record, const char *name,
                  struct tn_object **ret_value)
{
    struct probe probe;

    return tn_record_get(mu, record, name_probe(&probe, name), ret_value);
}

int test_attr_delete(struct tn_mutator *mu, struct tn_object *record, const char *name)
{
    struct tn_object *value = NULL;
    struct probe probe;
    int r = tn_record_pop(mu, record, name_probe(&probe, name), &value);

    tn_drop(mu, &value);
    return r;
}
