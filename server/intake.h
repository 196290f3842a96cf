/* SPDX-License-Identifier: MIT */
/*
 * Uploads: objects that a session is filling piece by piece.
 *
 * What is announced is allocated at once: a bytes is filled where it will stay, and
 * the memory in use never exceeds its size. What is not announced grows as a bytearray
 * does, and needs the old and the new buffer while it is copied; a bytes is copied once
 * more at the end, as its content is a part of the object.
 *
 * Invariants
 *  - An upload's object is referred to by it alone, and nobody else can find it. It
 *    refers to nothing, so collectors need not be told of it as of other roots.
 *  - Of a bytes of announced size the first `n_received` bytes are filled; it is handed
 *    over only when all are.
 * Threads: the session's worker only, online.
 */
#ifndef TN_SERVER_INTAKE_H
#define TN_SERVER_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap.h"

/* How many a session may have at once. */
#define TN_INTAKES_MAX 16

struct tn_intake {
    struct tn_intake *next;
    uint64_t id;              /* [const] of the session's; from 1 */
    enum tn_type_id type;     /* [const] */
    struct tn_object *object; /* in the making: bytes, bytearray or array */
    unsigned char *content;   /* of a bytes of announced size, unless that is 0 */
    uint64_t n_total;         /* bytes; UINT64_MAX: not announced */
    uint64_t n_received;      /* bytes */
    uint32_t crc32c;          /* of these */
};

struct tn_intakes {
    struct tn_intake *first;
    size_t n;
    uint64_t last_id;
};

/*
 * Begins an upload of a bytes, bytearray or array; `n_total` as in struct tn_intake.
 * `format` is an array's. TN_ERR_TOO_MANY, TN_ERR_TOO_BIG, TN_ERR_NOMEM, TN_ERR_LIMIT.
 */
TN_MUST_CHECK int tn_intake_begin(struct tn_intakes *intakes, struct tn_mutator *mu,
                                  enum tn_type_id type, enum tn_item_format format,
                                  uint64_t n_total, struct tn_intake **ret_intake);

/* NULL: there is none. */
struct tn_intake *tn_intake_find(const struct tn_intakes *intakes, uint64_t id);

/* Appends content. TN_ERR_TOO_BIG: more than was announced, or than an object can be;
 * TN_ERR_INVAL: half an item; TN_ERR_NOMEM, TN_ERR_LIMIT. Nothing is appended then. */
TN_MUST_CHECK int tn_intake_append(struct tn_intake *intake, struct tn_mutator *mu,
                                   struct tn_slice data);

/* Hands over the finished object and ends the upload. TN_ERR_PRECONDITION: less has come
 * than was announced. TN_ERR_NOMEM, TN_ERR_LIMIT. The upload goes on then. */
TN_MUST_CHECK int tn_intake_finish(struct tn_intakes *intakes, struct tn_mutator *mu,
                                   struct tn_intake *intake, struct tn_object **ret_object);

/* Ends an upload and gives back what it held. */
void tn_intake_abort(struct tn_intakes *intakes, struct tn_mutator *mu, struct tn_intake *intake);

/* Aborts all of them. */
void tn_intakes_close(struct tn_intakes *intakes, struct tn_mutator *mu);

#endif
