/* SPDX-License-Identifier: MIT */
/* What a frozenset is; a set is just a table. For the files of sets and probes. */
#ifndef TN_CORE_TYPES_SET_INTERNAL_H
#define TN_CORE_TYPES_SET_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/types/table.h"

struct tn_frozenset {
    struct tn_table table;
    /* [atomic] as in struct tn_text; asked for only once the set is complete */
    _Atomic(uint32_t) hash;
    uint32_t padding;
};

static_assert(sizeof(struct tn_frozenset) == 40, "a frozenset is five words");

#endif
