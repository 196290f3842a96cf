/* SPDX-License-Identifier: MIT */
/*
 * Random operations on an array, and the same on a plain C array of numbers. After
 * each of them both hold the same, whichever way one looks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/heap.h"
#include "tests/support/objects.h"

#define N_ITEMS_MAX 300
#define N_OPERATIONS 4000 /* on each array */

struct world {
    struct heap_fixture *f;
    uint64_t random;
    enum tn_item_format format;
    struct tn_object *array;
    int64_t items[2 * N_ITEMS_MAX];
    int64_t n;
};

static int64_t any(struct world *w, int64_t n)
{
    return (int64_t)(test_random(&w->random) % (uint64_t)n);
}

/* A number that every format holds. */
static int64_t any_value(struct world *w)
{
    return any(w, 100);
}

/* A position that may be beyond either end, and where that is. */
static int64_t any_position(struct world *w, int64_t *ret_at)
{
    int64_t position = any(w, 2 * w->n + 9) - w->n - 4;
    int64_t at = position < 0 ? position + w->n : position;

    *ret_at = at < 0 ? 0 : at > w->n ? w->n : at;
    return position;
}

/* n_out items at `at` make room for n_in, which are those of `in`. */
static void splice(struct world *w, int64_t at, int64_t n_out, const int64_t *in, int64_t n_in)
{
    memmove(w->items + at + n_in, w->items + at + n_out,
            (size_t)(w->n - at - n_out) * sizeof(w->items[0]));
    for (int64_t i = 0; i < n_in; i++)
        w->items[at + i] = in[i];
    w->n += n_in - n_out;
}

/* A list of random numbers, which are also written to `ret_values`. */
static struct tn_object *any_list(struct world *w, int64_t n, int64_t *ret_values)
{
    struct tn_object *list = test_list(w->f->mu);

    for (int64_t i = 0; i < n; i++) {
        ret_values[i] = any_value(w);
        test_append(w->f->mu, list, test_int(w->f->mu, ret_values[i]));
    }
    return list;
}

static void check(struct world *w)
{
    unsigned char raw[2 * N_ITEMS_MAX * 8];
    unsigned int shift = tn_item_shift(w->format);
    size_t first = (size_t)any(w, 10);
    size_t length;
    size_t n = tn_array_read(w->f->mu, w->array, first, 2 * N_ITEMS_MAX, raw, &length);

    assert_int_equal(length, w->n);
    assert_int_equal(n, length > first ? length - first : 0);
    for (size_t i = 0; i < n; i++) {
        struct tn_number number = tn_item_decode(w->format, raw + (i << shift));
        struct tn_number expected = tn_number_int(w->items[first + i]);

        assert_true(tn_number_equal(&number, &expected));
    }
}

static void do_insert(struct world *w)
{
    struct tn_number number = tn_number_int(any_value(w));
    int64_t value = (int64_t)number.integer;
    int64_t at;
    int64_t index = any_position(w, &at);

    assert_int_equal(tn_array_insert(w->f->mu, w->array, index, &number, NULL), 0);
    splice(w, at, 0, &value, 1);
}

static void do_pop(struct world *w)
{
    int64_t at = any(w, w->n + 1);
    struct tn_number number;
    int r = tn_array_pop(w->f->mu, w->array, at < w->n && any(w, 2) == 0 ? at - w->n : at, &number,
                         NULL);
    struct tn_number expected = tn_number_int(w->items[at]);

    if (at == w->n) {
        assert_int_equal(r, TN_ERR_INDEX);
        return;
    }
    assert_int_equal(r, 0);
    assert_true(tn_number_equal(&number, &expected));
    splice(w, at, 1, NULL, 0);
}

static void do_set_or_add(struct world *w)
{
    struct tn_number number = tn_number_int(any_value(w));
    int64_t at = any(w, w->n + 1);
    bool is_add = any(w, 2) == 0 && at < w->n && w->items[at] < 20;
    struct tn_number sum;
    int r = is_add ? tn_array_add(w->f->mu, w->array, at, &number, &sum)
                   : tn_array_set(w->f->mu, w->array, at, &number);

    assert_int_equal(r, at == w->n ? TN_ERR_INDEX : 0);
    if (r == 0)
        w->items[at] = (is_add ? w->items[at] : 0) + (int64_t)number.integer;
}

static void do_replace(struct world *w)
{
    int64_t values[20];
    int64_t first;
    int64_t end;
    int64_t start = any_position(w, &first);
    int64_t stop = any_position(w, &end);
    int64_t n = any(w, 20);
    struct tn_object *list = any_list(w, n, values);

    assert_int_equal(tn_array_replace(w->f->mu, w->array, start, stop, 1, list, NULL), 0);
    splice(w, first, end > first ? end - first : 0, values, n);
    tn_decref(w->f->mu, list);
}

/* Every `step`-th item, upwards or downwards. */
static void do_stride(struct world *w)
{
    int64_t step = any(w, 9) - 4;
    int64_t first = any(w, w->n + 1);
    int64_t end = any(w, w->n + 1);
    int64_t places[N_ITEMS_MAX * 2];
    int64_t values[N_ITEMS_MAX * 2];
    struct tn_object *list;
    int64_t n = 0;

    for (int64_t i = first; step > 0 && i < end; i += step)
        places[n++] = i;
    for (int64_t i = first == w->n ? w->n - 1 : first; step < 0 && i > end; i += step)
        places[n++] = i;
    list = any_list(w, n, values);
    assert_int_equal(tn_array_replace(w->f->mu, w->array, first, end, step, list, NULL),
                     step == 0 ? TN_ERR_INVAL : 0);
    if (step == 1)
        splice(w, first, n, values, n);
    else
        for (int64_t i = 0; i < n; i++)
            w->items[places[i]] = values[i];
    tn_decref(w->f->mu, list);
}

static void do_fill(struct world *w)
{
    struct tn_number number = tn_number_int(any_value(w));
    int64_t first;
    int64_t end;
    int64_t start = any_position(w, &first);
    int64_t stop = any_position(w, &end);

    assert_int_equal(tn_array_fill(w->f->mu, w->array, start, stop, &number), 0);
    for (int64_t i = first; i < end; i++)
        w->items[i] = (int64_t)number.integer;
}

static void do_extend_by_slice(struct world *w)
{
    int64_t values[2 * N_ITEMS_MAX];
    int64_t first;
    int64_t end;
    int64_t start = any_position(w, &first);
    int64_t stop = any_position(w, &end);
    int64_t n = end > first ? end - first : 0;
    struct tn_object *slice;

    assert_int_equal(tn_array_slice(w->f->mu, w->array, start, stop, 1, &slice), 0);
    if (w->n + n <= N_ITEMS_MAX) {
        memcpy(values, w->items + first, (size_t)n * sizeof(values[0]));
        assert_int_equal(tn_array_extend(w->f->mu, w->array, slice, NULL), 0);
        splice(w, w->n, 0, values, n);
    }
    tn_decref(w->f->mu, slice);
}

static void do_look(struct world *w)
{
    int64_t value = any_value(w);
    struct tn_object *wanted = test_int(w->f->mu, value);
    struct tn_number sum;
    struct tn_number expected = tn_number_int(0);
    int64_t at = 0;
    size_t found;
    int r = tn_array_index(w->f->mu, w->array, wanted, 0, &found);

    while (at < w->n && w->items[at] != value)
        at++;
    assert_int_equal(r, at == w->n ? TN_ERR_KEY : 0);
    if (r == 0)
        assert_int_equal(found, at);
    for (int64_t i = 0; i < w->n; i++)
        expected.integer += w->items[i];
    assert_int_equal(tn_array_reduce(w->f->mu, w->array, TN_REDUCE_SUM, &sum), 0);
    assert_true(tn_number_equal(&sum, &expected));
    tn_decref(w->f->mu, wanted);
}

static void operate(struct world *w)
{
    switch (any(w, 9)) {
    case 0:
    case 1:
        if (w->n < N_ITEMS_MAX)
            do_insert(w);
        break;
    case 2:
        do_pop(w);
        break;
    case 3:
        do_set_or_add(w);
        break;
    case 4:
        if (w->n < N_ITEMS_MAX)
            do_replace(w);
        break;
    case 5:
        do_stride(w);
        break;
    case 6:
        do_fill(w);
        break;
    case 7:
        do_extend_by_slice(w);
        break;
    default:
        do_look(w);
        while (w->n > N_ITEMS_MAX - 20) /* and shrink, now and then */
            for (int i = 0; i < N_ITEMS_MAX - 30; i++)
                do_pop(w);
    }
}

static void compare(struct heap_fixture *f)
{
    uint64_t seed = test_seed();

    for (int format = TN_ITEM_I8; format < TN_ITEM_END; format++) {
        static struct world w;

        w = (struct world){ .f = f, .random = seed, .format = (enum tn_item_format)format };
        assert_int_equal(tn_array_new(f->mu, w.format, TN_SLICE(NULL, 0), &w.array), 0);
        for (int i = 0; i < N_OPERATIONS; i++) {
            if (i == N_OPERATIONS / 2)
                tn_publish(f->mu, w.array);
            operate(&w);
            check(&w);
            if (i % 64 == 0)
                (void)tn_thread_safepoint(f->thread, 64);
        }
        tn_decref(f->mu, w.array);
    }
}

static void test_array_does_what_a_plain_one_does(void **state)
{
    (void)state;
    test_in_all_modes(compare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_does_what_a_plain_one_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
