/* SPDX-License-Identifier: MIT */
/* See intake.h. */
#include "server/intake.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"

/* The object that is filled. A bytes of unknown size is a bytearray meanwhile. */
static int make_object(struct tn_intake *intake, struct tn_mutator *mu, enum tn_item_format format)
{
    bool is_announced = intake->n_total != UINT64_MAX;
    int r;

    if (is_announced && intake->n_total > TN_TEXT_BYTES_MAX && intake->type != TN_TYPE_ARRAY)
        return TN_ERR_TOO_BIG;
    if (intake->type == TN_TYPE_BYTES && is_announced)
        return tn_bytes_new_open(mu, (size_t)intake->n_total, &intake->object, &intake->content);
    r = intake->type == TN_TYPE_ARRAY ? tn_array_new(mu, format, TN_SLICE(NULL, 0), &intake->object)
                                      : tn_bytearray_new(mu, TN_SLICE(NULL, 0), &intake->object);
    if (r < 0 || !is_announced)
        return r;
    r = tn_array_reserve(mu, intake->object, (size_t)(intake->n_total >> tn_item_shift(format)));
    if (r < 0)
        tn_drop(mu, &intake->object);
    return r;
}

int tn_intake_begin(struct tn_intakes *intakes, struct tn_mutator *mu, enum tn_type_id type,
                    enum tn_item_format format, uint64_t n_total, struct tn_intake **ret_intake)
{
    struct tn_intake *intake;
    int r;

    TN_ASSERT(type == TN_TYPE_BYTES || type == TN_TYPE_BYTEARRAY || type == TN_TYPE_ARRAY);
    if (intakes->n == TN_INTAKES_MAX)
        return TN_ERR_TOO_MANY;
    intake = calloc(1, sizeof(*intake));
    if (intake == NULL)
        return TN_ERR_NOMEM;
    intake->type = type;
    intake->n_total = n_total;
    intake->crc32c = TN_CRC32C_EMPTY;
    r = make_object(intake, mu, format);
    if (r < 0) {
        free(intake);
        return r;
    }
    intake->id = ++intakes->last_id;
    intake->next = intakes->first;
    intakes->first = intake;
    intakes->n++;
    *ret_intake = intake;
    return 0;
}

struct tn_intake *tn_intake_find(const struct tn_intakes *intakes, uint64_t id)
{
    struct tn_intake *intake = intakes->first;

    while (intake != NULL && intake->id != id)
        intake = intake->next;
    return intake;
}

int tn_intake_append(struct tn_intake *intake, struct tn_mutator *mu, struct tn_slice data)
{
    int r;

    if (data.len > intake->n_total - intake->n_received)
        return TN_ERR_TOO_BIG;
    if (intake->object->type == TN_TYPE_BYTES) {
        if (data.len > 0)
            memcpy(intake->content + intake->n_received, data.data, data.len);
    } else {
        r = tn_array_write(mu, intake->object, tn_array_length(intake->object), data, NULL);
        if (r < 0)
            return r;
    }
    intake->n_received += data.len;
    intake->crc32c = tn_crc32c(intake->crc32c, data.data, data.len);
    return 0;
}

/* Takes an upload off the list and frees it; its object is the caller's. */
static struct tn_object *unlink_intake(struct tn_intakes *intakes, struct tn_intake *intake)
{
    struct tn_intake **place = &intakes->first;
    struct tn_object *object = intake->object;

    while (*place != intake)
        place = &(*place)->next;
    *place = intake->next;
    intakes->n--;
    free(intake);
    return object;
}

/* A bytes of unknown size, now that it is known. */
static int copy_bytes(struct tn_intake *intake, struct tn_mutator *mu)
{
    size_t n_bytes = (size_t)intake->n_received;
    struct tn_object *bytes;
    unsigned char *content;
    int r = tn_bytes_new_open(mu, n_bytes, &bytes, &content);

    if (r < 0)
        return r;
    if (n_bytes > 0)
        (void)tn_array_read(mu, intake->object, 0, n_bytes, content, NULL); /* all are there */
    tn_decref(mu, intake->object);
    intake->object = bytes;
    return 0;
}

int tn_intake_finish(struct tn_intakes *intakes, struct tn_mutator *mu, struct tn_intake *intake,
                     struct tn_object **ret_object)
{
    if (intake->n_total != UINT64_MAX && intake->n_received != intake->n_total)
        return TN_ERR_PRECONDITION;
    if (intake->type != (enum tn_type_id)intake->object->type) {
        int r = copy_bytes(intake, mu);

        if (r < 0)
            return r;
    }
    *ret_object = unlink_intake(intakes, intake);
    return 0;
}

void tn_intake_abort(struct tn_intakes *intakes, struct tn_mutator *mu, struct tn_intake *intake)
{
    tn_decref(mu, unlink_intake(intakes, intake));
}

void tn_intakes_close(struct tn_intakes *intakes, struct tn_mutator *mu)
{
    while (intakes->first != NULL)
        tn_intake_abort(intakes, mu, intakes->first);
}
