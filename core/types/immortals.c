/* SPDX-License-Identifier: MIT */
#include "core/types/immortals.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/siphash.h"
#include "core/object/type.h"
#include "core/types/types_internal.h"

void tn_immortal_init(struct tn_object *o, enum tn_type_id type)
{
    atomic_init(&o->local, TN_LOCAL_IMMORTAL);
    atomic_init(&o->owner, TN_OWNER_NOBODY);
    o->type = (uint8_t)type;
    atomic_init(&o->bits, 0);
    atomic_init(&o->shared, TN_SHARED_ONE | TN_STATE_MERGED);
}

static void init_int(struct tn_int *o, enum tn_type_id type, int64_t value)
{
    tn_immortal_init(&o->object, type);
    o->value = value;
}

static void init_text(struct tn_text *o, enum tn_type_id type, const void *content,
                      uint32_t n_bytes, const struct tn_siphash_key *hash_key)
{
    tn_immortal_init(&o->object, type);
    atomic_init(&o->hash, tn_text_hash(hash_key, content, n_bytes));
    o->n_bytes = n_bytes;
}

int tn_immortals_new(const struct tn_siphash_key *hash_key, struct tn_immortals **ret_immortals)
{
    const struct tn_tuple_hash no_items = TN_TUPLE_HASH_INIT;
    struct tn_immortals *immortals = calloc(1, sizeof(*immortals));

    if (immortals == NULL)
        return TN_ERR_NOMEM;
    tn_immortal_init(&immortals->none, TN_TYPE_NONE);
    for (int i = 0; i < 2; i++)
        init_int(&immortals->bools[i], TN_TYPE_BOOL, i);
    for (int i = 0; i < TN_SMALL_INTS; i++)
        init_int(&immortals->ints[i], TN_TYPE_INT, i + TN_SMALL_INT_MIN);
    init_text(&immortals->empty_str, TN_TYPE_STR, "", 0, hash_key);
    init_text(&immortals->empty_bytes, TN_TYPE_BYTES, "", 0, hash_key);
    tn_immortal_init(&immortals->empty_tuple.object, TN_TYPE_TUPLE);
    atomic_init(&immortals->empty_tuple.hash, tn_tuple_hash_end(&no_items, 0));
    immortals->empty_tuple.n_items = 0;
    for (int i = 0; i < TN_ASCII_CHARS; i++) {
        struct tn_immortal_char *c = &immortals->chars[i];

        c->content[0] = (unsigned char)i;
        init_text(&c->text, TN_TYPE_STR, c->content, 1, hash_key);
    }
    *ret_immortals = immortals;
    return 0;
}

void tn_immortals_free(struct tn_immortals **immortalsp)
{
    free(*immortalsp);
    *immortalsp = NULL;
}
