/* SPDX-License-Identifier: MIT */
/*
 * Reading what dies: containers are bound to names, found there without taking a
 * reference, and read by every means there is, while others bind the names anew,
 * so that the containers are emptied under the readers' eyes. Whatever is still
 * found in them must be what was put in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/object/type.h"
#include "tests/support/actors.h"
#include "tests/support/objects.h"

#define N_NAMES 6
#define FIRST 1000 /* the ints are no small ones */
#define N_ITEMS_MAX 80

struct world {
    struct tn_namespace *names;
};

static struct tn_slice name_of(uint64_t n, char *text)
{
    int length = snprintf(text, 16, "name %u", (unsigned int)n);

    return TN_SLICE(text, (size_t)length);
}

/* A container of the ints from FIRST on; a dict has them as keys and values. A
 * list or tuple has another one of its kind at the end. */
static struct tn_object *new_container(struct test_actor *actor, int depth)
{
    size_t n = 1 + test_actor_any(actor, N_ITEMS_MAX);
    uint64_t kind = test_actor_any(actor, 3);
    struct tn_mutator *mu = actor->mu;
    struct tn_object *container = NULL;
    int r = kind == 0   ? tn_list_new(mu, 0, &container)
            : kind == 1 ? tn_dict_new(mu, 0, &container)
                        : tn_tuple_new(mu, n, &container);

    TEST_ACTOR_EXPECT(actor, r == 0);
    for (size_t i = 0; i < n && actor->failure == NULL; i++) {
        struct tn_object *key = NULL;
        struct tn_object *item = NULL;

        r = tn_int_new(mu, FIRST + (int64_t)i, &key);
        if (r == 0 && i == n - 1 && depth > 0)
            item = new_container(actor, depth - 1);
        else if (r == 0)
            r = tn_int_new(mu, FIRST + (int64_t)i, &item);
        if (r == 0 && kind == 0)
            r = tn_list_append(mu, container, &item, NULL);
        else if (r == 0 && kind == 1)
            r = tn_dict_set(mu, container, &key, &item, NULL);
        else if (r == 0)
            tn_tuple_fill(mu, container, i, &item);
        tn_drop(mu, &key);
        TEST_ACTOR_EXPECT(actor, r == 0);
    }
    return container;
}

/* An item that was found at a place, or as the value of this int. */
static void expect_item(struct test_actor *actor, const struct tn_object *item, int64_t at)
{
    const struct tn_type *type = tn_type_of(item);

    TEST_ACTOR_EXPECT(actor, type->is_container || item->type == TN_TYPE_INT);
    if (item->type == TN_TYPE_INT)
        TEST_ACTOR_EXPECT(actor, tn_int_value(item) == FIRST + at);
}

static void read_list(struct test_actor *actor, struct tn_object *list)
{
    struct tn_object *items[N_ITEMS_MAX];
    int64_t at = (int64_t)test_actor_any(actor, N_ITEMS_MAX);
    size_t length = 0;
    size_t n = tn_list_snapshot(actor->mu, list, 0, N_ITEMS_MAX, items, &length);
    bool contains;

    TEST_ACTOR_EXPECT(actor, n == length);
    for (size_t i = 0; i < n; i++)
        expect_item(actor, items[i], (int64_t)i);
    if (tn_list_get(actor->mu, list, at, &items[0]) == 0)
        expect_item(actor, items[0], at);
    TEST_ACTOR_EXPECT(actor,
                      tn_list_contains(actor->mu, list, tn_none(actor->heap), &contains) == 0);
    TEST_ACTOR_EXPECT(actor, !contains);
}

static void read_tuple(struct test_actor *actor, struct tn_object *tuple)
{
    size_t n = tn_tuple_length(tuple);
    uint32_t hash;
    int r;

    TEST_ACTOR_EXPECT(actor, n > 0 && n <= N_ITEMS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct tn_object *item = tn_tuple_get(tuple, i);

        if (item != NULL)
            expect_item(actor, item, (int64_t)i);
    }
    r = tn_hash(actor->heap, tuple, &hash);
    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_UNHASHABLE);
}

static void read_dict(struct test_actor *actor, struct tn_object *dict)
{
    struct tn_dict_item items[N_ITEMS_MAX];
    int64_t at = (int64_t)test_actor_any(actor, N_ITEMS_MAX);
    struct tn_object *key = NULL;
    struct tn_object *value;
    uint64_t cursor = 0;
    size_t n = 0;
    int r;

    do {
        TEST_ACTOR_EXPECT(actor,
                          tn_dict_scan(actor->mu, dict, &cursor, N_ITEMS_MAX, items, &n) == 0);
        for (size_t i = 0; i < n; i++)
            expect_item(actor, items[i].value, tn_int_value(items[i].key) - FIRST);
    } while (cursor != 0);
    TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, FIRST + at, &key) == 0);
    r = tn_dict_get(actor->mu, dict, key, &value);
    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_KEY);
    if (r == 0)
        expect_item(actor, value, at);
    tn_decref(actor->mu, key);
}

static struct tn_object *find(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *found = NULL;
    char text[16];
    int r = tn_name_lookup(actor->mu, w->names, name_of(test_actor_any(actor, N_NAMES), text),
                           &found, NULL);

    TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_NAME);
    return found;
}

static void look(struct test_actor *actor)
{
    struct tn_object *a = find(actor);
    struct tn_object *b = find(actor);
    struct tn_deep_size size;
    bool is_equal;

    if (a == NULL || b == NULL)
        return;
    switch (test_actor_any(actor, 4)) {
    case 0:
        TEST_ACTOR_EXPECT(actor, tn_deep_size(a, 100, &size) == 0);
        TEST_ACTOR_EXPECT(actor, size.n_objs <= 100);
        break;
    case 1:
        TEST_ACTOR_EXPECT(actor, tn_equal(actor->heap, a, b, &is_equal) == 0);
        break;
    default:
        if (a->type == TN_TYPE_LIST)
            read_list(actor, a);
        else if (a->type == TN_TYPE_DICT)
            read_dict(actor, a);
        else
            read_tuple(actor, a);
    }
}

static void step(struct test_actor *actor)
{
    struct world *w = actor->world;
    char text[16];
    struct tn_slice name = name_of(test_actor_any(actor, N_NAMES), text);
    struct tn_name_change change;

    for (int i = 0; i < 4 && actor->failure == NULL; i++)
        look(actor);
    if (test_actor_any(actor, 2) == 0) {
        struct tn_object *container = new_container(actor, 2);

        TEST_ACTOR_EXPECT(actor,
                          tn_name_bind(actor->mu, w->names, name, &container, NULL, &change) == 0);
    } else if (test_actor_any(actor, 4) == 0) {
        int r = tn_name_unbind(actor->mu, w->names, name, NULL, &change);

        TEST_ACTOR_EXPECT(actor, r == 0 || r == TN_ERR_NAME);
    }
    /* A few destructions: the readers shall find containers half empty. */
    (void)tn_thread_safepoint(actor->thread, 8);
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    struct world w;
    uint64_t n_steps;

    assert_int_equal(tn_namespace_open(f->mu, TN_SLICE_LITERAL("dying"), &w.names), 0);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, NULL, &w);
    for (uint64_t i = 0; i < N_NAMES; i++) {
        struct tn_name_change change;
        char text[16];
        int r = tn_name_unbind(f->mu, w.names, name_of(i, text), NULL, &change);

        assert_true(r == 0 || r == TN_ERR_NAME);
    }
    return n_steps;
}

static void test_dying_containers_can_be_read(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dying_containers_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
