/* SPDX-License-Identifier: MIT */
/*
 * str and bytes: header, cached hash, length, content; one block. Immutable.
 * The empty ones and the strs of one ASCII character are immortal and shared.
 */
#ifndef TN_CORE_TYPES_TEXT_H
#define TN_CORE_TYPES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/slice.h"
#include "core/object/object.h"
#include "core/types/slicing.h"

#define TN_TEXT_BYTES_MAX ((size_t)UINT32_MAX)

/* A str with a copy of `text`, which the caller has checked to be UTF-8.
 * TN_ERR_TOO_BIG, TN_ERR_NOMEM, TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_str_new(struct tn_mutator *mu, struct tn_slice text,
                             struct tn_object **ret_str);
TN_MUST_CHECK int tn_bytes_new(struct tn_mutator *mu, struct tn_slice content,
                               struct tn_object **ret_bytes);

/*
 * A bytes of `n_bytes` whose content the caller fills, at *ret_content, before anybody
 * else can find the object: for content that comes in pieces. The empty one has no
 * content to be filled.
 */
TN_MUST_CHECK int tn_bytes_new_open(struct tn_mutator *mu, size_t n_bytes,
                                    struct tn_object **ret_bytes, unsigned char **ret_content);

/* The content of a str or bytes; lives as long as the object. */
struct tn_slice tn_text_slice(const struct tn_object *o);

/* A new str or bytes of some code points or bytes of one, as in Python. TN_ERR_INVAL: the
 * step is 0. TN_ERR_NOMEM, TN_ERR_LIMIT. */
TN_MUST_CHECK int tn_text_part(struct tn_mutator *mu, const struct tn_object *o,
                               const struct tn_slicing *slicing, struct tn_object **ret_text);

#endif
