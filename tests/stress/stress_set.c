/* SPDX-License-Identifier: MIT */
/*
 * Sets under stress. Every thread has members of its own, which it adds and removes
 * as it likes and of which it knows at any time which are there; others are never
 * removed. All threads ask for all of them, scan, and combine what they find.
 *
 * Three sets of this kind: one that is always large; one that goes from small to
 * large and back; one that is empty now and then. Beside them a set that holds one
 * of two blocks of members, and is toggled by one thread from the one to the other
 * in one change: nobody may ever see both, neither, or a part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/types/table.h"
#include "tests/support/actors.h"
#include "tests/support/objects.h"

#define FIRST 1000 /* the ints are no small ones */
#define N_MEMBERS_MAX 1024
#define N_SETS 3
#define N_BLOCK 40

struct kind {
    uint64_t n_lasting; /* members that are never removed; the first ones */
    uint64_t n_own;     /* members of each thread */
};

static const struct kind kinds[N_SETS] = { { 100, 60 }, { 3, 3 }, { 0, 1 } };

struct world {
    struct tn_object *sets[N_SETS];
    struct tn_object *toggled;
    struct tn_object *both_blocks; /* a frozenset */
    /* Changed before and after each change of `toggled`: odd while one is under way.
     * Sequentially consistent, so that it brackets what the others see. */
    _Atomic(uint64_t) n_changes;
    /* what the member's owner has made of it */
    bool is_there[N_SETS][N_MEMBERS_MAX];
};

static struct tn_object *new_member(struct test_actor *actor, uint64_t member)
{
    struct tn_object *o = NULL;

    TEST_ACTOR_EXPECT(actor, tn_int_new(actor->mu, FIRST + (int64_t)member, &o) == 0);
    return o;
}

static uint64_t member_of(const struct tn_object *o)
{
    return (uint64_t)(tn_int_value(o) - FIRST);
}

static bool has(struct test_actor *actor, struct tn_object *set, uint64_t member)
{
    struct tn_object *o = new_member(actor, member);
    bool is_there = false;

    TEST_ACTOR_EXPECT(actor, tn_set_contains(actor->mu, set, o, &is_there) == 0);
    tn_decref(actor->mu, o);
    return is_there;
}

static bool add(struct test_actor *actor, struct tn_object *set, uint64_t member)
{
    struct tn_object *o = new_member(actor, member);
    bool is_new = false;

    TEST_ACTOR_EXPECT(actor, tn_set_add(actor->mu, set, &o, &is_new) == 0);
    return is_new;
}

static bool discard(struct test_actor *actor, struct tn_object *set, uint64_t member)
{
    struct tn_object *o = new_member(actor, member);
    bool was_there = false;

    TEST_ACTOR_EXPECT(actor, tn_set_discard(actor->mu, set, o, &was_there) == 0);
    tn_decref(actor->mu, o);
    return was_there;
}

static uint64_t first_own(const struct test_actor *actor, int s)
{
    return kinds[s].n_lasting + actor->index * kinds[s].n_own;
}

/* Nobody else changes the own members: they are what this thread has made them. */
static void use_own(struct test_actor *actor, int s, uint64_t member)
{
    struct world *w = actor->world;
    bool *is_there = &w->is_there[s][member];

    TEST_ACTOR_EXPECT(actor, has(actor, w->sets[s], member) == *is_there);
    if (test_actor_any(actor, 2) == 0)
        TEST_ACTOR_EXPECT(actor, add(actor, w->sets[s], member) != *is_there);
    else
        TEST_ACTOR_EXPECT(actor, discard(actor, w->sets[s], member) == *is_there);
    *is_there = has(actor, w->sets[s], member);
}

/* A frozenset of all own members, with a reference. */
static struct tn_object *freeze_own(struct test_actor *actor, int s)
{
    struct tn_object *frozen = NULL;

    TEST_ACTOR_EXPECT(actor, tn_frozenset_new(actor->mu, 0, &frozen) == 0);
    for (uint64_t i = 0; i < kinds[s].n_own; i++) {
        struct tn_object *o = new_member(actor, first_own(actor, s) + i);

        TEST_ACTOR_EXPECT(actor, tn_frozenset_fill(actor->mu, frozen, &o) == 0);
    }
    return frozen;
}

/* Adds, removes or toggles all own members in one change. */
static void update_own(struct test_actor *actor, int s)
{
    static const enum tn_set_op ops[] = { TN_SET_OP_UNION, TN_SET_OP_DIFFERENCE,
                                          TN_SET_OP_SYMMETRIC_DIFFERENCE };
    struct world *w = actor->world;
    enum tn_set_op op = ops[test_actor_any(actor, 3)];
    struct tn_object *own = freeze_own(actor, s);
    size_t length;

    TEST_ACTOR_EXPECT(actor, tn_set_update(actor->mu, w->sets[s], op, own, SIZE_MAX, &length) == 0);
    for (uint64_t i = 0; i < kinds[s].n_own; i++) {
        bool *is_there = &w->is_there[s][first_own(actor, s) + i];

        *is_there = op == TN_SET_OP_UNION || (op != TN_SET_OP_DIFFERENCE && !*is_there);
    }
    tn_decref(actor->mu, own);
}

/* What the own members and the set have in common is what is there. */
static void combine_own(struct test_actor *actor, int s)
{
    struct world *w = actor->world;
    struct tn_object *own = freeze_own(actor, s);
    struct tn_object *made = NULL;
    struct tn_set_work work;
    size_t n = 0;
    int r;

    TEST_ACTOR_EXPECT(actor, tn_set_work_combine(actor->mu, &work, w->sets[s],
                                                 TN_SET_OP_INTERSECTION, own, TN_TYPE_SET) == 0);
    while ((r = tn_set_work_step(actor->mu, &work)) == 1)
        test_actor_pause(actor);
    TEST_ACTOR_EXPECT(actor, r == 0);
    made = tn_set_work_take(&work);
    tn_set_work_end(actor->mu, &work);
    for (uint64_t i = 0; i < kinds[s].n_own && made != NULL; i++) {
        uint64_t member = first_own(actor, s) + i;

        n += w->is_there[s][member];
        TEST_ACTOR_EXPECT(actor, has(actor, made, member) == w->is_there[s][member]);
    }
    TEST_ACTOR_EXPECT(actor, tn_set_length(made) == n);
    tn_drop(actor->mu, &made);
    tn_decref(actor->mu, own);
}

/* The members that last are seen once each, in the order in which they came, with
 * safe points between the pages. */
static void scan(struct test_actor *actor, int s)
{
    struct world *w = actor->world;
    uint64_t cursor = 0;
    uint64_t next = 0;

    do {
        struct tn_object *members[16];
        size_t n = 0;

        TEST_ACTOR_EXPECT(actor, tn_set_scan(actor->mu, w->sets[s], &cursor,
                                             1 + test_actor_any(actor, 16), members, &n) == 0);
        for (size_t i = 0; i < n; i++)
            if (member_of(members[i]) < kinds[s].n_lasting)
                TEST_ACTOR_EXPECT(actor, member_of(members[i]) == next++);
        test_actor_pause(actor);
    } while (cursor != 0 && actor->failure == NULL);
    TEST_ACTOR_EXPECT(actor, next == kinds[s].n_lasting);
}

static void use_others(struct test_actor *actor, int s)
{
    struct world *w = actor->world;
    uint64_t n = kinds[s].n_lasting + actor->n_actors * kinds[s].n_own;
    uint64_t member = test_actor_any(actor, n);

    TEST_ACTOR_EXPECT(actor, has(actor, w->sets[s], member) || member >= kinds[s].n_lasting);
    TEST_ACTOR_EXPECT(actor, tn_set_length(w->sets[s]) >= kinds[s].n_lasting);
    TEST_ACTOR_EXPECT(actor, tn_set_length(w->sets[s]) <= n);
}

/* ---- The two blocks: members 0 to N_BLOCK - 1, and the next N_BLOCK ---- */

static void toggle(struct test_actor *actor)
{
    struct world *w = actor->world;
    size_t length = 0;

    atomic_fetch_add(&w->n_changes, 1);
    TEST_ACTOR_EXPECT(actor, tn_set_update(actor->mu, w->toggled, TN_SET_OP_SYMMETRIC_DIFFERENCE,
                                           w->both_blocks, SIZE_MAX, &length) == 0);
    atomic_fetch_add(&w->n_changes, 1);
    TEST_ACTOR_EXPECT(actor, length == N_BLOCK);
}

/* Within one change nobody who has seen something new sees something old. */
static void look_at_blocks(struct test_actor *actor)
{
    struct world *w = actor->world;
    uint64_t before = atomic_load(&w->n_changes);
    uint64_t first = test_actor_any(actor, 2 * N_BLOCK);
    uint64_t second = test_actor_any(actor, 2 * N_BLOCK);
    bool has_first = has(actor, w->toggled, first);
    bool has_second = has(actor, w->toggled, second);
    uint64_t after = atomic_load(&w->n_changes);
    bool old_is_first_block = before / 2 % 2 == 0;
    bool first_is_new = has_first != ((first < N_BLOCK) == old_is_first_block);
    bool second_is_new = has_second != ((second < N_BLOCK) == old_is_first_block);

    TEST_ACTOR_EXPECT(actor, tn_set_length(w->toggled) == N_BLOCK);
    if (after - before < 2)
        TEST_ACTOR_EXPECT(actor, second_is_new || !first_is_new);
}

static void scan_blocks(struct test_actor *actor)
{
    struct world *w = actor->world;
    struct tn_object *members[2 * N_BLOCK];
    uint64_t cursor = 0;
    size_t n = 0;

    TEST_ACTOR_EXPECT(actor,
                      tn_set_scan(actor->mu, w->toggled, &cursor, 2 * N_BLOCK, members, &n) == 0);
    TEST_ACTOR_EXPECT(actor, n == N_BLOCK && cursor == 0);
    for (size_t i = 1; i < n; i++)
        TEST_ACTOR_EXPECT(actor,
                          member_of(members[i]) / N_BLOCK == member_of(members[0]) / N_BLOCK);
}

static void step(struct test_actor *actor)
{
    int s = (int)test_actor_any(actor, N_SETS);

    if (actor->index == 0 && test_actor_any(actor, 2) == 0)
        toggle(actor);
    else
        look_at_blocks(actor);
    switch (test_actor_any(actor, 16)) {
    case 0:
        scan(actor, s);
        break;
    case 1:
        scan_blocks(actor);
        break;
    case 2:
        update_own(actor, s);
        break;
    case 3:
        combine_own(actor, s);
        break;
    case 4:
    case 5:
    case 6:
        use_others(actor, s);
        break;
    default:
        use_own(actor, s, first_own(actor, s) + test_actor_any(actor, kinds[s].n_own));
    }
}

static void check(struct heap_fixture *f, const struct world *w, int s)
{
    uint64_t n = 0;

    tn_table_validate(f->heap, w->sets[s]);
    for (uint64_t member = 0; member < N_MEMBERS_MAX; member++) {
        struct tn_object *o = test_int(f->mu, FIRST + (int64_t)member);
        bool is_there;

        assert_int_equal(tn_set_contains(f->mu, w->sets[s], o, &is_there), 0);
        assert_int_equal(is_there, member < kinds[s].n_lasting || w->is_there[s][member]);
        n += is_there;
        tn_decref(f->mu, o);
    }
    assert_int_equal(tn_set_length(w->sets[s]), n);
}

static uint64_t run(struct heap_fixture *f, unsigned int n_actors, uint64_t seed,
                    uint64_t duration_ns)
{
    static struct world w;
    uint64_t n_steps;

    memset(&w, 0, sizeof(w));
    for (int s = 0; s < N_SETS; s++) {
        w.sets[s] = test_set_of_ints(f->mu, FIRST, FIRST + (int64_t)kinds[s].n_lasting);
        tn_publish(f->mu, w.sets[s]);
    }
    w.toggled = test_set_of_ints(f->mu, FIRST, FIRST + N_BLOCK);
    w.both_blocks = test_frozenset(f->mu);
    for (int64_t i = 0; i < 2 * N_BLOCK; i++)
        (void)test_add(f->mu, w.both_blocks, test_int(f->mu, FIRST + i));
    tn_publish(f->mu, w.toggled);
    tn_publish(f->mu, w.both_blocks);
    n_steps = test_actors_run(f, n_actors, seed, duration_ns, step, NULL, &w);
    tn_table_validate(f->heap, w.toggled);
    tn_decref(f->mu, w.toggled);
    tn_decref(f->mu, w.both_blocks);
    for (int s = 0; s < N_SETS; s++) {
        check(f, &w, s);
        tn_decref(f->mu, w.sets[s]);
    }
    return n_steps;
}

static void test_sets_under_stress_stay_consistent(void **state)
{
    (void)state;
    test_actors_in_all_modes(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_under_stress_stay_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
