/* SPDX-License-Identifier: MIT */
/* Sizes of one object. */
#ifndef TN_CORE_INSPECT_SIZE_H
#define TN_CORE_INSPECT_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/object/object.h"

/* Bytes of the object itself: its block and its buffer. In a read section. */
uint64_t tn_shallow_bytes(const struct tn_object *o);

struct tn_deep_size {
    uint64_t bytes;
    uint64_t n_objs;
    bool is_complete; /* false: given up at max_objs */
};

/* Everything reachable, each object once, immortals not counted. Not recursive. Stops
 * after max_objs objects. TN_ERR_NOMEM. In a read section, beside writers. */
TN_MUST_CHECK int tn_deep_size(struct tn_object *root, uint64_t max_objs,
                               struct tn_deep_size *ret_size);

#endif
