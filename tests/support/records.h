/* SPDX-License-Identifier: MIT */
/* Classes and records for tests. As objects.h: what is made belongs to the caller. */
#ifndef TN_TESTS_SUPPORT_RECORDS_H
#define TN_TESTS_SUPPORT_RECORDS_H

#include "tests/support/objects.h"

/* A class; `slots` are words with blanks between, `base` may be NULL. */
struct tn_object *test_class(struct tn_mutator *mu, const char *name, const char *slots,
                             struct tn_object *base, bool has_dict);

/* A class whose records' death is an event. */
struct tn_object *test_class_with_finalizer(struct tn_mutator *mu, const char *name,
                                            const char *slots);

/* test_class() without asserting. */
TN_MUST_CHECK int test_try_class(struct tn_mutator *mu, const char *name, const char *slots,
                                 struct tn_object *base, bool has_dict,
                                 struct tn_object **ret_class);

struct tn_object *test_record(struct tn_mutator *mu, struct tn_object *class);

/* Sets an attribute, taking over the value. */
void test_attr_set(struct tn_mutator *mu, struct tn_object *record, const char *name,
                   struct tn_object *value);

/* What tn_record_get() returns. */
TN_MUST_CHECK int test_attr_get(struct tn_mutator *mu, struct tn_object *record, const char *name,
                                struct tn_object **ret_value);

/* What tn_record_pop() returns; the value is dropped. */
TN_MUST_CHECK int test_attr_delete(struct tn_mutator *mu, struct tn_object *record,
                                   const char *name);

#endif
