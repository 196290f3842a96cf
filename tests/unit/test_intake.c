/* SPDX-License-Identifier: MIT */
/* Uploads in a session, without a server: their objects, and where memory fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "server/intake.h"
#include "tests/support/objects.h"

struct plan {
    enum tn_type_id type;
    bool is_announced;
};

static const struct plan plans[] = {
    { TN_TYPE_BYTES, true },      { TN_TYPE_BYTES, false }, { TN_TYPE_BYTEARRAY, true },
    { TN_TYPE_BYTEARRAY, false }, { TN_TYPE_ARRAY, true },  { TN_TYPE_ARRAY, false },
};

#define CONTENT "0123456789abcdef" /* two items of 64 bits */
#define N_CONTENT (sizeof(CONTENT) - 1)

/* All of it, with the allocations that the arguments of test_faults allow. */
static int upload(struct heap_fixture *f, const struct plan *plan, struct tn_intakes *intakes,
                  struct tn_object **ret_object)
{
    struct tn_intake *intake;
    int r = tn_intake_begin(intakes, f->mu, plan->type, TN_ITEM_U64,
                            plan->is_announced ? N_CONTENT : UINT64_MAX, &intake);

    if (r < 0)
        return r;
    for (size_t at = 0; r == 0 && at < N_CONTENT; at += 8) {
        r = tn_intake_append(intake, f->mu, TN_SLICE(&CONTENT[at], 8));
        if (r == 0)
            assert_int_equal(intake->n_received, at + 8);
    }
    if (r == 0) {
        assert_int_equal(intake->crc32c, tn_crc32c(TN_CRC32C_EMPTY, CONTENT, N_CONTENT));
        r = tn_intake_finish(intakes, f->mu, intake, ret_object);
    }
    return r;
}

static int try_upload(struct heap_fixture *f, const void *arg)
{
    const struct plan *plan = arg;
    struct tn_intakes intakes = { .first = NULL };
    struct tn_object *object = NULL;
    char content[N_CONTENT];
    int r;

    test_faults_begin();
    r = upload(f, plan, &intakes, &object);
    test_faults_end();
    if (r == 0) {
        assert_int_equal(intakes.n, 0);
        assert_int_equal(object->type, plan->type);
        if (plan->type == TN_TYPE_BYTES) {
            assert_true(tn_slice_equal(tn_text_slice(object), TN_SLICE(CONTENT, N_CONTENT)));
        } else {
            assert_int_equal(tn_array_read(f->mu, object, 0, N_CONTENT, content, NULL)
                                 << tn_item_shift(tn_array_format(object)),
                             N_CONTENT);
            assert_memory_equal(content, CONTENT, N_CONTENT);
        }
    } else {
        assert_null(object);
    }
    tn_drop(f->mu, &object);
    tn_intakes_close(&intakes, f->mu);
    heap_fixture_expect_empty(f);
    return r;
}

static void every_plan(struct heap_fixture *f)
{
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
        test_failing_allocations(f, try_upload, &plans[i]);
}

static void test_upload_without_memory_leaves_nothing(void **state)
{
    (void)state;
    test_in_all_modes(every_plan);
}

static void limits(struct heap_fixture *f)
{
    struct tn_intakes intakes = { .first = NULL };
    struct tn_object *object = NULL;
    struct tn_intake *intake;

    assert_int_equal(tn_intake_begin(&intakes, f->mu, TN_TYPE_BYTES, TN_ITEM_U8,
                                     (uint64_t)UINT32_MAX + 1, &intake),
                     TN_ERR_TOO_BIG);
    assert_int_equal(
        tn_intake_begin(&intakes, f->mu, TN_TYPE_ARRAY, TN_ITEM_U16, UINT64_MAX - 1, &intake),
        TN_ERR_TOO_BIG);
    assert_int_equal(tn_intake_begin(&intakes, f->mu, TN_TYPE_ARRAY, TN_ITEM_U16, 4, &intake), 0);
    assert_ptr_equal(tn_intake_find(&intakes, intake->id), intake);
    assert_null(tn_intake_find(&intakes, intake->id + 1));
    assert_int_equal(tn_intake_append(intake, f->mu, TN_SLICE("abc", 3)), TN_ERR_INVAL);
    assert_int_equal(tn_intake_append(intake, f->mu, TN_SLICE("abcdef", 6)), TN_ERR_TOO_BIG);
    assert_int_equal(tn_intake_append(intake, f->mu, TN_SLICE("ab", 2)), 0);
    assert_int_equal(tn_intake_finish(&intakes, f->mu, intake, &object), TN_ERR_PRECONDITION);
    assert_null(object);
    while (intakes.n < TN_INTAKES_MAX)
        assert_int_equal(tn_intake_begin(&intakes, f->mu, TN_TYPE_BYTES, TN_ITEM_U8, 100, &intake),
                         0);
    assert_int_equal(tn_intake_begin(&intakes, f->mu, TN_TYPE_BYTES, TN_ITEM_U8, 100, &intake),
                     TN_ERR_TOO_MANY);
    tn_intake_abort(&intakes, f->mu, intakes.first->next);
    assert_int_equal(intakes.n, TN_INTAKES_MAX - 1);
    tn_intakes_close(&intakes, f->mu);
    assert_int_equal(intakes.n, 0);
}

static void test_upload_within_its_limits(void **state)
{
    (void)state;
    test_in_all_modes(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upload_without_memory_leaves_nothing),
        cmocka_unit_test(test_upload_within_its_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
