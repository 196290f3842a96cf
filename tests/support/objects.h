/* SPDX-License-Identifier: MIT */
/*
 * Objects for tests, and what is often asked of them. Everything asserts with
 * cmocka: on the test's own thread only. Whatever is made belongs to the caller.
 */
#ifndef TN_TESTS_SUPPORT_OBJECTS_H
#define TN_TESTS_SUPPORT_OBJECTS_H

#include "core/heap.h"
#include "tests/support/heap_fixture.h"

struct tn_object *test_int(struct tn_mutator *mu, int64_t value);
struct tn_object *test_float(struct tn_mutator *mu, double value);
struct tn_object *test_str(struct tn_mutator *mu, const char *text);
struct tn_object *test_bytes(struct tn_mutator *mu, const void *content, size_t n_bytes);
struct tn_object *test_list(struct tn_mutator *mu);
struct tn_object *test_dict(struct tn_mutator *mu);
struct tn_object *test_set_of_ints(struct tn_mutator *mu, int64_t first, int64_t end);
struct tn_object *test_frozenset(struct tn_mutator *mu);
/* Takes over the item. */
struct tn_object *test_tuple_1(struct tn_mutator *mu, struct tn_object *item);
struct tn_object *test_tuple_2(struct tn_mutator *mu, struct tn_object *a, struct tn_object *b);
/* A list of the ints from `first` to before `end`. */
struct tn_object *test_list_range(struct tn_mutator *mu, int64_t first, int64_t end);

/* Append, set and add, taking over the references. test_add() adds to either kind of
 * set, and returns whether the member was new. */
bool test_add(struct tn_mutator *mu, struct tn_object *set, struct tn_object *member);
void test_append(struct tn_mutator *mu, struct tn_object *list, struct tn_object *item);
void test_set(struct tn_mutator *mu, struct tn_object *dict, struct tn_object *key,
              struct tn_object *value);

bool test_is_equal(struct heap_fixture *f, struct tn_object *a, struct tn_object *b);
uint32_t test_hash(struct heap_fixture *f, const struct tn_object *o);

uint64_t test_live_objs(struct heap_fixture *f);
uint64_t test_live_bytes(struct heap_fixture *f);

/* Local and shared count together. */
int64_t test_refcount(const struct tn_object *o);

/* Calls `test` with a heap of every mode, which must be empty afterwards. */
void test_in_all_modes(void (*test)(struct heap_fixture *f));

/*
 * Calls `step` with the first, second, third ... allocation failing, until it
 * needs no more. `step` returns what the operation under test returned, having
 * asserted whatever must hold then. Without TN_DEBUG nothing fails, and it is
 * called once.
 */
void test_failing_allocations(struct heap_fixture *f,
                              int (*step)(struct heap_fixture *f, const void *arg),
                              const void *arg);

/* Around the operation under test, inside of `step`. */
void test_faults_begin(void);
void test_faults_end(void);

#endif
